/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_FUZZ_STANDIN_H
#define RINGSIDE_FUZZ_STANDIN_H
/*
 * What drivers/vhost/ring and memmap use of the kernel, for a program. Included before
 * everything else; types, lists and trees are those of the kernel's own tools/include.
 * There is one thread: whoever would have to wait waits for ever, which is a fault of
 * the program. User memory is what fuzz_user_ok() says; each read of guest memory is
 * shown to fuzz_was_read(), which may change it at once.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include <linux/compiler.h>
#include <linux/types.h>
#include <linux/kernel.h>
#include <linux/bits.h>
#include <linux/err.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <asm/barrier.h>

/* ring/memory.c */
bool fuzz_user_ok(const void *at, size_t len, bool write);
void fuzz_was_read(const void *at, size_t len);
bool fuzz_pfn_valid(unsigned long pfn);
void *fuzz_phys_to_virt(u64 addr);
bool fuzz_alloc_fails(void);
void fuzz_stuck(const char *what) __attribute__((noreturn));

#undef EINTR
#define EINTR		4

#undef READ_ONCE
#define READ_ONCE(x)					\
({							\
	typeof(x) __once = *(const volatile typeof(x) *)&(x);	\
	fuzz_was_read((const void *)&(x), sizeof(x));	\
	__once;						\
})
#undef WRITE_ONCE
#define WRITE_ONCE(x, val)	(*(volatile typeof(x) *)&(x) = (val))
#undef smp_store_release
#define smp_store_release(p, v)	__atomic_store_n(p, v, __ATOMIC_RELEASE)
#undef smp_load_acquire
#define smp_load_acquire(p)	__atomic_load_n(p, __ATOMIC_ACQUIRE)
#ifndef smp_mb
#define smp_mb()		__sync_synchronize()
#define smp_rmb()		barrier()
#define smp_wmb()		barrier()
#endif

#undef __always_inline
#define __always_inline		inline __attribute__((always_inline))
#undef noinline
#define noinline		__attribute__((noinline))
#ifndef __maybe_unused
#define __maybe_unused		__attribute__((unused))
#endif
#define __init
#define __exit
#define __iomem
#ifndef fallthrough
#define fallthrough		__attribute__((fallthrough))
#endif
#undef static_assert
#define static_assert(cond)	_Static_assert(cond, #cond)
#define IS_ALIGNED(x, a)	(((x) & ((typeof(x))(a) - 1)) == 0)
#define ALIGN_DOWN(x, a)	((x) & ~((typeof(x))(a) - 1))
#define U16_MAX			((u16)~0U)
#define U32_MAX			((u32)~0U)
#define PAGE_SHIFT		12
#define PAGE_SIZE		4096UL
#define SZ_2M			0x200000
#undef UIO_MAXIOV
#define UIO_MAXIOV		1024
#define VHOST_PAGE_SIZE		0x1000

#define min3(a, b, c)		min(min(a, b), c)

struct kvec {
	void *iov_base;
	size_t iov_len;
};

#define MODULE_LICENSE(x)	_Static_assert(1, "")
#define MODULE_AUTHOR(x)	_Static_assert(1, "")
#define MODULE_VERSION(x)	_Static_assert(1, "")
#define MODULE_DESCRIPTION(x)	_Static_assert(1, "")
#define MODULE_IMPORT_NS(x)	_Static_assert(1, "")
#define EXPORT_SYMBOL_NS_GPL(x, ns)	_Static_assert(1, "")
#define module_init(fn)		int fuzz_module_init(void) { return fn(); }
#define module_exit(fn)		void fuzz_module_exit(void) { fn(); }

/* Nobody else runs. */
#define cond_resched()		do { } while (0)
#define might_sleep()		do { } while (0)
#define fatal_signal_pending(t)	false
#define lockdep_assert_held(l)	do { } while (0)
#define WARN_ON_ONCE(cond)	do { if (cond) fuzz_stuck(#cond); } while (0)
#define lock_map_acquire(m)	do { } while (0)
#define lock_map_acquire_read(m) do { } while (0)
#define lock_map_release(m)	do { } while (0)
#define lockdep_init_map(m, n, k, s) do { (void)(k); } while (0)
struct lock_class_key {
	int none;
};

typedef struct {
	int none;
} wait_queue_head_t;
#define init_waitqueue_head(w)	do { } while (0)
#define waitqueue_active(w)	false
#define wq_has_sleeper(w)	false
#define wake_up_all(w)		do { } while (0)
#define wait_event(w, cond)	do { if (!(cond)) fuzz_stuck(#cond); } while (0)
#define wait_event_killable(w, cond) ({ if (!(cond)) fuzz_stuck(#cond); 0; })

struct mutex {
	bool held;
};
#define mutex_init(m)		((m)->held = false)
#define mutex_destroy(m)	do { if ((m)->held) fuzz_stuck("mutex_destroy"); } while (0)
#define mutex_lock(m)		do { if ((m)->held) fuzz_stuck(#m); (m)->held = true; } while (0)
#define mutex_lock_killable(m)	({ mutex_lock(m); 0; })
#define mutex_unlock(m)		((m)->held = false)

struct kmem_cache {
	size_t size;
	void (*construct)(void *mem);
};
#define GFP_KERNEL		0
#define GFP_KERNEL_ACCOUNT	0
typedef unsigned int slab_flags_t;
#define SLAB_HWCACHE_ALIGN	0
#define SLAB_ACCOUNT		0
#define __GFP_ZERO		0
#define __GFP_NOWARN		0
#define kmem_cache_create(name, size, align, flags, ctor) \
	fuzz_cache(size, (flags) | (align), ctor)
static inline struct kmem_cache *fuzz_cache(size_t size, unsigned int none,
					    void (*construct)(void *mem))
{
	struct kmem_cache *cache = malloc(sizeof(*cache));

	(void)none;
	cache->size = size;
	cache->construct = construct;
	return cache;
}
#define kmem_cache_destroy(c)	free(c)
#define kmem_cache_free(c, p)	free(p)
static inline bool kmem_cache_alloc_bulk(struct kmem_cache *cache, int gfp, size_t n, void **p)
{
	(void)gfp;
	if (fuzz_alloc_fails())
		return false;
	while (n--) {
		p[n] = malloc(cache->size);
		cache->construct(p[n]);
	}
	return true;
}
/* All memory asked for so is to be zero. */
#define kvmalloc(size, gfp)	((void)(gfp), fuzz_alloc_fails() ? NULL : calloc(1, size))
#define kvmalloc_array(n, size, gfp) (fuzz_alloc_fails() ? NULL : malloc((n) * (size)))
#define kvfree(p)		free(p)

/* ---- user memory ---- */

#define u64_to_user_ptr(x)	((void *)(uintptr_t)(x))
#define TASK_SIZE		(1UL << 47)
#define access_ok(p, len)	fuzz_access_ok((uintptr_t)(p), len)
static inline bool fuzz_access_ok(u64 at, u64 len)
{
	return len <= TASK_SIZE && at <= TASK_SIZE - len;
}
#define user_read_access_begin(p, len)	access_ok(p, len)
#define user_write_access_begin(p, len)	access_ok(p, len)
#define user_read_access_end()	do { } while (0)
#define user_write_access_end()	do { } while (0)
#define unsafe_get_user(val, p, label)				\
	do {							\
		typeof(p) __p = (p);				\
		if (!fuzz_user_ok(__p, sizeof(*__p), false))	\
			goto label;				\
		memcpy(&(val), __p, sizeof(*__p));		\
		fuzz_was_read(__p, sizeof(*__p));		\
	} while (0)
#define unsafe_put_user(val, p, label)				\
	do {							\
		typeof(p) __p = (p);				\
		typeof(*__p) __val = (val);			\
		if (!fuzz_user_ok(__p, sizeof(*__p), true))	\
			goto label;				\
		memcpy(__p, &__val, sizeof(__val));		\
	} while (0)
#define get_user(val, p)					\
({								\
	__label__ __bad;					\
	int __err = -EFAULT;					\
	if (access_ok(p, sizeof(*(p)))) {			\
		unsafe_get_user(val, p, __bad);			\
		__err = 0;					\
	}							\
__bad:								\
	__err;							\
})
#define put_user(val, p)					\
({								\
	__label__ __bad;					\
	int __err = -EFAULT;					\
	if (access_ok(p, sizeof(*(p)))) {			\
		unsafe_put_user(val, p, __bad);			\
		__err = 0;					\
	}							\
__bad:								\
	__err;							\
})
static inline unsigned long copy_from_user(void *dst, const void *src, unsigned long len)
{
	if (!access_ok(src, len) || !fuzz_user_ok(src, len, false))
		return len;
	memcpy(dst, src, len);
	fuzz_was_read(src, len);
	return 0;
}
static inline int futex_atomic_cmpxchg_inatomic(u32 *seen, u32 *word, u32 old, u32 val)
{
	if (!fuzz_user_ok(word, sizeof(*word), true))
		return -EFAULT;
	*seen = *word;
	if (*word == old)
		*word = val;
	return 0;
}
static inline size_t fault_in_safe_writeable(const char *at, size_t len)
{
	return fuzz_user_ok(at, len, true) ? 0 : len;
}

/* ---- physical memory ---- */

#define pfn_valid(pfn)		fuzz_pfn_valid(pfn)
#define pfn_to_page(pfn)	(pfn)
#define PageHighMem(page)	false
#define phys_to_virt(addr)	fuzz_phys_to_virt(addr)

#endif
