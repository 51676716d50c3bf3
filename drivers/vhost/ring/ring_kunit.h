/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_RING_KUNIT_H
#define RINGSIDE_RING_KUNIT_H
/*
 * What the suites of the ring engine share: a queue with both of its sides, over
 * each layout and each kind of memory. A new layout is one more struct
 * mock_layout, new memory one more struct ring_memory; name them in
 * ring_variants and every test runs over them.
 */

#include <kunit/test.h>

#include "devq.h"
#include "memmap/memslot.h"
#include "mock_driver.h"
#include "mock_packed.h"

/* Room for two of the longest chains. */
#define RING_IOV	(2 * DEVQ_CHAIN_SEGS)
/* Memory for buffers and indirect tables of most tests. */
#define RING_BUFFERS	(128 * 1024)
/* A range of addresses that translate, though nothing is there to be touched. */
#define RING_HUGE	(16ULL << 30)

struct ring;

/**
 * struct ring_memory - one kind of memory
 * @name: for test names
 * @type: how the engine calls it
 * @open: provide ring.va and say where the device finds it
 */
struct ring_memory {
	const char *name;
	enum devq_mem_type type;
	void (*open)(struct kunit *test, struct ring *r);
};

extern const struct ring_memory ring_memory_kernel;
extern const struct ring_memory ring_memory_user;
extern const struct ring_memory ring_memory_phys;
extern const struct ring_memory ring_memory_pages;

/**
 * struct ring_variant - what a test runs over
 * @layout: the driver's side
 * @memory: kind of memory
 * @features: negotiated, besides those of @layout
 * @little_endian: byte order, where VIRTIO_F_VERSION_1 does not say it
 */
struct ring_variant {
	const struct mock_layout *layout;
	const struct ring_memory *memory;
	u64 features;
	bool little_endian;
};

/**
 * struct ring - a queue, seen from all sides
 * @variant: what it is
 * @drv: driver's side
 * @dq: device's side
 * @cfg: what the device was started with
 * @slots: guest memory, for DEVQ_MEM_USER
 * @iotlb: device IOTLB, for DEVQ_MEM_PHYS
 * @iotlb_reader: the queue's
 * @va: the memory, areas first, as the driver sees it
 * @size: bytes
 * @buffers: offset where buffers begin
 * @next: offset of the first byte that is not taken
 * @area_base: device's address of offset 0, for areas
 * @buf_base: device's address of offset 0, for buffers and tables
 * @iov_base: what the pieces of a chain are relative to
 * @huge: device's address of RING_HUGE bytes that are not there; for DEVQ_MEM_PHYS
 *	not even mapped
 * @hole: a device's address that is not mapped, and the one before it is
 * @token: of the last chain that was added
 * @chain: of the last ring_pop()
 * @iov: their pieces
 */
struct ring {
	const struct ring_variant *variant;
	struct mock_ring drv;
	struct devq dq;
	struct devq_config cfg;
	struct memslots slots;
	struct memmap iotlb;
	struct memmap_reader iotlb_reader;

	u8 *va;
	size_t size;
	size_t buffers;
	size_t next;
	u64 area_base;
	u64 buf_base;
	u64 iov_base;
	u64 huge;
	u64 hole;

	unsigned long token;
	struct devq_chain chain[DEVQ_BATCH];
	struct iovec iov[RING_IOV];
};

#define V1	BIT_ULL(VIRTIO_F_VERSION_1)
#define EVENT	BIT_ULL(VIRTIO_RING_F_EVENT_IDX)
#define ORDER	BIT_ULL(VIRTIO_F_IN_ORDER)

#define RING_VARIANTS	23
extern const struct ring_variant ring_variants[RING_VARIANTS];

/* KUNIT_CASE_PARAM(..., ring_gen_params) runs over all of them. */
#define RING_PARAMS()	KUNIT_ARRAY_PARAM(ring, ring_variants, ring_variant_desc)

/* The same for those of one layout, and for those behind a device IOTLB. */
const void *ring_split_gen_params(struct kunit *test, const void *prev, char *desc);
const void *ring_packed_gen_params(struct kunit *test, const void *prev, char *desc);
const void *ring_phys_gen_params(struct kunit *test, const void *prev, char *desc);
/* And for those of a layout, if not NULL, with features, for generators of a suite's own. */
const void *ring_gen_params_with(const void *prev, char *desc, const struct mock_layout *layout,
				 u64 features, int type);

#define RING_GEN_PARAMS(name, layout, features, type)					\
static const void *name##_gen_params(struct kunit *test, const void *prev, char *desc)	\
{											\
	return ring_gen_params_with(prev, desc, layout, features, type);		\
}

void ring_variant_desc(const struct ring_variant *v, char *desc);
void *ring_memdup(struct kunit *test, const void *src, size_t len);
struct ring *ring_open_with(struct kunit *test, u16 num, u16 base, size_t buffers);
struct ring *ring_open(struct kunit *test, u16 num, u16 base);
void ring_reset(struct kunit *test, struct ring *r, u16 base);
size_t ring_alloc(struct kunit *test, struct ring *r, size_t len);
struct mock_table ring_table(struct kunit *test, struct ring *r, unsigned int n);
struct mock_buf ring_buf(struct kunit *test, struct ring *r, u32 len, bool in);
void *ring_add(struct kunit *test, struct ring *r, const struct mock_buf *buf, unsigned int n,
	       bool indirect);
void *ring_add_one(struct kunit *test, struct ring *r, u32 len, bool in);
int ring_pop(struct ring *r, unsigned int max, unsigned int iov_max);
int ring_push(struct ring *r, const struct devq_chain *chain, unsigned int n, u32 len);
int ring_want_signal(struct ring *r);
int ring_enable_kick(struct ring *r);
int ring_disable_kick(struct ring *r);
int ring_pending(struct ring *r);
size_t ring_gather(struct ring *r, const struct devq_chain *chain, void *dst, size_t max);
size_t ring_scatter(struct ring *r, const struct devq_chain *chain, const void *src, size_t len);
void ring_one_through(struct kunit *test, struct ring *r);
void ring_expect_done(struct kunit *test, struct ring *r, void *token, u32 len);
void ring_expect_none_done(struct kunit *test, struct ring *r);

#define RING_BAD_NUM	8	/* descriptors of the rings of ring_try_bad() */

/**
 * struct ring_bad - something a driver must not do
 * @name: for messages
 * @error: what the engine says of it
 * @make: do it to the third chain of the ring, which is descriptor 2; those behind it are
 *	free, and @buf is the address of a good buffer of 64 bytes
 * @buffer: it is a buffer that is not mapped: not always an error, see phys_kunit.c
 */
struct ring_bad {
	const char *name;
	enum devq_error error;
	void (*make)(struct kunit *test, struct ring *r, u64 buf);
	bool buffer;
};

void ring_expect_broken(struct kunit *test, struct ring *r, enum devq_error error,
			const char *name);
void ring_try_bad(struct kunit *test, const struct ring_bad *bad, unsigned int n, u16 odd_base,
		  void (*cure)(struct ring *r, u64 buf));

static inline bool ring_is_packed(const struct ring *r)
{
	return r->variant->layout->features & BIT_ULL(VIRTIO_F_RING_PACKED);
}

static inline void *ring_va(struct ring *r, size_t off)
{
	return r->va + off;
}

/* A device's address of a buffer, and back to where the driver sees it. */
static inline u64 ring_addr(struct ring *r, size_t off)
{
	return r->buf_base + off;
}

static inline void *ring_buf_va(struct ring *r, const struct mock_buf *buf)
{
	return r->va + (buf->addr - r->buf_base);
}

#endif
