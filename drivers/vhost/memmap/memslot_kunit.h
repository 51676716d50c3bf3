/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_MEMSLOT_KUNIT_H
#define RINGSIDE_MEMSLOT_KUNIT_H
/* What the suites of the memory map share: a map of its own for each case. */

#include <kunit/test.h>
#include <linux/err.h>
#include <linux/string.h>

#include "memslot.h"

/* User addresses that nothing ever follows; low enough for every user space. */
#define TEST_UVA	0x10000000ULL

#define REGION(gpa, size, uva)						\
	((struct vhost_memory_region) {					\
		.guest_phys_addr = (gpa),				\
		.memory_size = (size),					\
		.userspace_addr = (uva),				\
	})

/**
 * struct memslots_fixture - kunit.priv of these suites
 * @ms: the map
 * @reader: the one reader of a case that has no threads
 * @cache: its cache, kept over the whole case
 */
struct memslots_fixture {
	struct memslots ms;
	struct memmap_reader reader;
	struct memmap_cache cache;
};

static inline int memslots_fixture_init(struct kunit *test)
{
	struct memslots_fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, f);
	memslots_init(&f->ms);
	memmap_add_reader(&f->ms.map, &f->reader);
	test->priv = f;
	return 0;
}

static inline void memslots_fixture_exit(struct kunit *test)
{
	struct memslots_fixture *f = test->priv;

	if (f)
		memslots_destroy(&f->ms);
}

/* Replace the table as the ioctl does, without a look at the result. */
static inline int memslots_set_raw(struct memslots *ms, const struct vhost_memory_region *r,
				   unsigned int n)
{
	struct vhost_memory_region *room = memslots_begin(ms, n);

	if (IS_ERR(room))
		return PTR_ERR(room);
	memcpy(room, r, array_size(n, sizeof(*r)));
	return memslots_commit(ms, n);
}

/* The same, and the map must be sound whatever came of it. */
static inline int memslots_set(struct kunit *test, const struct vhost_memory_region *r,
			       unsigned int n)
{
	struct memslots_fixture *f = test->priv;
	int err = memslots_set_raw(&f->ms, r, n);

	KUNIT_ASSERT_EQ(test, memslots_validate(&f->ms), 0);
	return err;
}

/* memmap_translate() for cases that do not ask which address was at fault. */
static inline int test_translate(const struct memmap_set *set, struct memmap_cache *cache,
				 u64 gpa, u64 len, u32 perm, struct iovec *iov,
				 unsigned int max)
{
	u64 miss;

	return memmap_translate(set, cache, gpa, len, perm, iov, max, &miss);
}

/* One lookup in a turn of its own. */
static inline int memslots_lookup(struct kunit *test, u64 gpa, u64 len, struct iovec *iov,
				  unsigned int max)
{
	struct memslots_fixture *f = test->priv;
	const struct memmap_set *set = memmap_read_lock(&f->ms.map, &f->reader);
	int n = test_translate(set, &f->cache, gpa, len, MEMMAP_READ | MEMMAP_WRITE, iov,
				   max);

	memmap_read_unlock(&f->ms.map, &f->reader);
	return n;
}

/* Does all of a range lie in one piece of user memory, at @uva? */
static inline void memslots_expect_at(struct kunit *test, u64 gpa, u64 len, u64 uva)
{
	struct iovec iov = {};

	KUNIT_EXPECT_EQ(test, memslots_lookup(test, gpa, len, &iov, 1), 1);
	KUNIT_EXPECT_EQ(test, (u64)(uintptr_t)iov.iov_base, uva);
	KUNIT_EXPECT_EQ(test, (u64)iov.iov_len, len);
}

static inline void memslots_expect_hole(struct kunit *test, u64 gpa, u64 len)
{
	struct iovec iov[4];

	KUNIT_EXPECT_EQ(test, memslots_lookup(test, gpa, len, iov, ARRAY_SIZE(iov)), -EFAULT);
}

#endif
