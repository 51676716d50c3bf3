// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unit tests of queues whose memory is an address map alone, as those of vDPA
 * devices: what is not mapped, what is mapped to no memory, and positions.
 */

#include <kunit/test.h>

#include "ring_kunit.h"

#define NUM		8
#define NO_MEMORY	BIT_ULL(51)

static void put(struct ring *r, unsigned int i, u64 addr, u32 len, u16 flags, u16 next)
{
	if (ring_is_packed(r))
		r->drv.layout->put(&r->drv, i, addr, len, flags);
	else
		mock_put_desc(&r->drv, &r->drv.desc[i], addr, len, flags, next);
}

/* Map a page at r->hole to @addr. */
static void map_hole(struct kunit *test, struct ring *r, u64 addr, u32 perm)
{
	struct memmap_entry *entry;

	KUNIT_ASSERT_EQ(test, memmap_lock(&r->iotlb), 0);
	entry = memmap_alloc(&r->iotlb, r->hole, r->hole + PAGE_SIZE - 1, addr, perm);
	KUNIT_ASSERT_NOT_NULL(test, entry);
	KUNIT_ASSERT_EQ(test, memmap_insert(&r->iotlb, entry), 0);
	KUNIT_EXPECT_EQ(test, memmap_publish(&r->iotlb), 0);
	memmap_unlock(&r->iotlb);
}

static void unmap_all(struct kunit *test, struct ring *r)
{
	struct memmap_entry *entry;

	KUNIT_ASSERT_EQ(test, memmap_lock(&r->iotlb), 0);
	while ((entry = memmap_overlap(&r->iotlb, 0, U64_MAX)))
		memmap_remove(&r->iotlb, entry);
	KUNIT_EXPECT_EQ(test, memmap_publish(&r->iotlb), 0);
	memmap_unlock(&r->iotlb);
}

/* What makes a chain's memory unusable; descriptor 1 is the chain's head. */
static void bad_second(struct kunit *test, struct ring *r, u64 buf)
{
	put(r, 1, buf, 8, VRING_DESC_F_NEXT, 5);
	put(r, 5, r->hole, 8, VRING_DESC_F_WRITE, 0);
}

static void bad_end(struct kunit *test, struct ring *r, u64 buf)
{
	put(r, 1, r->hole - 8, 9, 0, 0);
}

static void bad_wrap(struct kunit *test, struct ring *r, u64 buf)
{
	put(r, 1, U64_MAX, 2, VRING_DESC_F_WRITE, 0);
}

static void bad_null(struct kunit *test, struct ring *r, u64 buf)
{
	put(r, 1, 0, 1, 0, 0);
}

static void bad_in_table(struct kunit *test, struct ring *r, u64 buf)
{
	struct mock_table t = ring_table(test, r, 2);

	put(r, 1, t.addr, 32, VRING_DESC_F_INDIRECT, 0);
	r->drv.layout->put_in(&r->drv, &t, 0, r->hole, 1, VRING_DESC_F_NEXT);
	r->drv.layout->put_in(&r->drv, &t, 1, buf, 1, 0);
}

static void bad_write(struct kunit *test, struct ring *r, u64 buf)
{
	map_hole(test, r, __pa(r->iov_base), MEMMAP_READ);
	put(r, 1, r->hole, 8, VRING_DESC_F_WRITE, 0);
}

static void bad_read(struct kunit *test, struct ring *r, u64 buf)
{
	map_hole(test, r, __pa(r->iov_base), MEMMAP_WRITE);
	put(r, 1, r->hole, 8, 0, 0);
}

static void bad_memory(struct kunit *test, struct ring *r, u64 buf)
{
	map_hole(test, r, NO_MEMORY, MEMMAP_READ | MEMMAP_WRITE);
	put(r, 1, r->hole, 8, 0, 0);
}

/* Chains ahead and behind go their way, and the bad one comes back empty. */
static void unmapped_buffer(struct kunit *test)
{
	static void (*const make[])(struct kunit *test, struct ring *r, u64 buf) = {
		bad_second, bad_end, bad_wrap, bad_null, bad_in_table, bad_write, bad_read,
		bad_memory,
	};
	struct devq_used used[3];
	struct mock_buf buf;
	void *token[3];
	unsigned int i, k;

	for (k = 0; k < ARRAY_SIZE(make); k++) {
		struct ring *r = ring_open(test, NUM, 65536 - NUM);

		/* The next descriptor of a packed ring is another chain's. */
		if (ring_is_packed(r) && make[k] == bad_second)
			continue;
		buf = ring_buf(test, r, 64, false);
		for (i = 0; i < 3; i++)
			token[i] = ring_add(test, r, &buf, 1, false);
		make[k](test, r, buf.addr);
		KUNIT_ASSERT_EQ_MSG(test, ring_pop(r, 64, RING_IOV), 3, "case %u", k);
		for (i = 0; i < 3; i++) {
			KUNIT_EXPECT_EQ_MSG(test, r->chain[i].unmapped, i == 1, "case %u", k);
			KUNIT_EXPECT_EQ(test, r->chain[i].nr_out, i != 1);
			KUNIT_EXPECT_EQ(test, r->chain[i].nr_in, 0);
			used[i] = devq_use(&r->chain[i], 0);
		}
		KUNIT_EXPECT_EQ(test, r->chain[2].out_len, 64);
		KUNIT_ASSERT_EQ(test, devq_enter(&r->dq), 0);
		KUNIT_EXPECT_EQ(test, devq_push(&r->dq, used, 3), 0);
		devq_exit(&r->dq);
		for (i = 0; i < 3; i++)
			ring_expect_done(test, r, token[i], 0);
		KUNIT_EXPECT_EQ(test, r->dq.error, DEVQ_OK);
	}
}

/* Rules of chains hold for one that is not mapped as well. */
static void unmapped_and_malformed(struct kunit *test)
{
	struct ring *r = ring_open(test, NUM, 0);
	unsigned int i;

	ring_add_one(test, r, 8, false);
	for (i = 0; i < NUM; i++)
		put(r, i, r->hole, 8, VRING_DESC_F_NEXT, 0);
	KUNIT_EXPECT_EQ(test, ring_pop(r, 64, RING_IOV), -EIO);
	KUNIT_EXPECT_EQ(test, r->dq.error, DEVQ_E_LOOP);
	devq_clear_error(&r->dq);
	put(r, 0, r->hole, 8, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 1);
	put(r, 1, r->hole, 8, 0, 0);
	KUNIT_EXPECT_EQ(test, ring_pop(r, 64, RING_IOV), -EIO);
	KUNIT_EXPECT_EQ(test, r->dq.error, DEVQ_E_ORDER);
	devq_clear_error(&r->dq);
	/* A table that is not there leaves nothing to go on with. */
	put(r, 0, r->hole, 16, VRING_DESC_F_INDIRECT, 0);
	KUNIT_EXPECT_EQ(test, ring_pop(r, 64, RING_IOV), -EIO);
	KUNIT_EXPECT_EQ(test, r->dq.error, DEVQ_E_UNMAPPED);
	devq_clear_error(&r->dq);
	map_hole(test, r, NO_MEMORY, MEMMAP_READ);
	KUNIT_EXPECT_EQ(test, ring_pop(r, 64, RING_IOV), -EIO);
	KUNIT_EXPECT_EQ(test, r->dq.error, DEVQ_E_UNMAPPED);
}

static void expect_no_turn(struct kunit *test, struct ring *r, enum devq_error error)
{
	KUNIT_EXPECT_EQ(test, devq_enter(&r->dq), -EIO);
	KUNIT_EXPECT_STREQ(test, devq_error_name(r->dq.error), devq_error_name(error));
	devq_clear_error(&r->dq);
}

/* A ring that is not mapped, not for writing, or to no memory. */
static void unmapped_ring(struct kunit *test)
{
	struct ring *r = ring_open(test, NUM, 3);
	struct devq_addr addr = r->cfg.addr;

	addr.driver = r->hole;
	KUNIT_ASSERT_EQ(test, devq_move(&r->dq, &addr), 0);
	expect_no_turn(test, r, DEVQ_E_FAULT);
	map_hole(test, r, NO_MEMORY, MEMMAP_READ);
	expect_no_turn(test, r, DEVQ_E_FAULT);
	addr = r->cfg.addr;
	addr.device = r->hole;
	KUNIT_ASSERT_EQ(test, devq_move(&r->dq, &addr), 0);
	expect_no_turn(test, r, DEVQ_E_ACCESS);
	KUNIT_ASSERT_EQ(test, devq_move(&r->dq, &r->cfg.addr), 0);
	ring_one_through(test, r);
	/* Known by then, and taken away. */
	unmap_all(test, r);
	expect_no_turn(test, r, DEVQ_E_FAULT);
	KUNIT_EXPECT_EQ(test, r->dq.pos.avail, 4);
}

/* An area in one piece is accessed where it lies, one in several by looking it up. */
static void areas_resolved(struct kunit *test)
{
	struct ring *r = ring_open(test, 1024, 65000);
	bool whole = r->variant->memory == &ring_memory_phys;
	unsigned int i;

	KUNIT_EXPECT_EQ(test, r->dq.area.desc == r->cfg.addr.desc, !whole);
	for (i = 0; i < 3000; i++) {
		ring_one_through(test, r);
		ring_expect_done(test, r, (void *)r->token, 1);
	}
}

/* What the ring says of used entries is not asked if it is known. */
static void used_known(struct kunit *test)
{
	struct ring *r = ring_open(test, NUM, 0);

	devq_stop(&r->dq);
	r->cfg.keep_used = true;
	KUNIT_ASSERT_EQ(test, devq_pos_from_base(r->cfg.features, 100, &r->dq.pos), 0);
	KUNIT_ASSERT_EQ(test, devq_start(&r->dq, &r->cfg), 0);
	mock_raw(u16, r->drv.used->idx) = mock16(&r->drv, 77);
	mock_raw(u16, r->drv.avail->idx) = mock16(&r->drv, 101);
	KUNIT_ASSERT_EQ(test, ring_pop(r, 64, RING_IOV), 1);
	KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, 1, 0), 0);
	KUNIT_EXPECT_EQ(test, mock16(&r->drv, mock_raw(u16, r->drv.used->idx)), 101);
	KUNIT_EXPECT_EQ(test, devq_pos_to_base(r->cfg.features, &r->dq.pos), 101);
}

RING_GEN_PARAMS(split, &mock_split, 0, DEVQ_MEM_PHYS);

static void positions(struct kunit *test)
{
	static const u32 packed[] = { 0x80008000, 0, 0xffffffff, 0x12349abc, 0x7fff8000 };
	const u64 p = BIT_ULL(VIRTIO_F_RING_PACKED);
	struct devq_pos pos = {};
	unsigned int i;

	KUNIT_EXPECT_EQ(test, devq_pos_from_base(V1, 0xffff, &pos), 0);
	KUNIT_EXPECT_EQ(test, pos.used, 0xffff);
	KUNIT_EXPECT_EQ(test, devq_pos_to_base(V1, &pos), 0xffff);
	KUNIT_EXPECT_EQ(test, devq_pos_from_base(V1, 0x10000, &pos), -EINVAL);
	KUNIT_EXPECT_EQ(test, pos.avail, 0xffff);
	for (i = 0; i < ARRAY_SIZE(packed); i++) {
		KUNIT_EXPECT_EQ(test, devq_pos_from_base(p, packed[i], &pos), 0);
		KUNIT_EXPECT_EQ(test, devq_pos_to_base(p, &pos), packed[i]);
	}
	KUNIT_EXPECT_EQ(test, devq_pos_from_base(p, 0x80051234, &pos), 0);
	KUNIT_EXPECT_EQ(test, pos.avail, 0x1234);
	KUNIT_EXPECT_FALSE(test, pos.avail_wrap);
	KUNIT_EXPECT_EQ(test, pos.used, 5);
	KUNIT_EXPECT_TRUE(test, pos.used_wrap);
}

static struct kunit_case phys_cases[] = {
	KUNIT_CASE_PARAM(unmapped_buffer, ring_phys_gen_params),
	KUNIT_CASE_PARAM(unmapped_and_malformed, ring_phys_gen_params),
	KUNIT_CASE_PARAM(unmapped_ring, ring_phys_gen_params),
	KUNIT_CASE_PARAM(areas_resolved, ring_phys_gen_params),
	KUNIT_CASE_PARAM(used_known, split_gen_params),
	KUNIT_CASE(positions),
	{}
};

static struct kunit_suite phys_suite = {
	.name = "ring-phys",
	.test_cases = phys_cases,
};

kunit_test_suite(phys_suite);
