// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unit tests of the split layout: what a driver must not do, each thing once,
 * and the arithmetic of event indices. Each bad thing is scribbled into a ring
 * that has two good chains in front.
 */

#include <kunit/test.h>
#include <linux/mm.h>
#include <linux/module.h>

#include "ring_kunit.h"

#define F_NEXT		VRING_DESC_F_NEXT
#define F_WRITE		VRING_DESC_F_WRITE
#define F_INDIRECT	VRING_DESC_F_INDIRECT

/* Write a descriptor of the ring. */
static void put(struct ring *r, unsigned int i, u64 addr, u32 len, u16 flags, u16 next)
{
	mock_put_desc(&r->drv, &r->drv.desc[i], addr, len, flags, next);
}

/* Write a descriptor of a table. */
static void put_in(struct ring *r, struct mock_table *t, unsigned int i, u64 addr, u32 len,
		   u16 flags, u16 next)
{
	mock_put_desc(&r->drv, (struct vring_desc *)t->va + i, addr, len, flags, next);
}

static void put_avail(struct ring *r, u16 slot, u16 head)
{
	mock_raw(u16, r->drv.avail->ring[slot & (r->drv.num - 1)]) = mock16(&r->drv, head);
}

RING_GEN_PARAMS(event, &mock_split, EVENT, -1);
/* Only user memory can be gone when it is used. */
RING_GEN_PARAMS(user, &mock_split, 0, DEVQ_MEM_USER);

/* Everything below gets the address of a good buffer of 64 bytes. */

static void head_num(struct kunit *test, struct ring *r, u64 buf)
{
	put_avail(r, r->drv.published - 1, RING_BAD_NUM);
}

static void head_max(struct kunit *test, struct ring *r, u64 buf)
{
	put_avail(r, r->drv.published - 1, 65535);
}

/* Bits beyond the mask must not be dropped: 8 + 2 is not 2. */
static void head_masked(struct kunit *test, struct ring *r, u64 buf)
{
	put_avail(r, r->drv.published - 1, RING_BAD_NUM + 2);
}

static void next_num(struct kunit *test, struct ring *r, u64 buf)
{
	put(r, 2, buf, 8, F_NEXT, RING_BAD_NUM);
}

static void next_max(struct kunit *test, struct ring *r, u64 buf)
{
	put(r, 2, buf, 8, F_NEXT, 3);
	put(r, 3, buf, 8, F_NEXT, 65535);
}

static void next_of_table(struct kunit *test, struct ring *r, u64 buf)
{
	struct mock_table t = ring_table(test, r, 2);

	put(r, 2, t.addr, 32, F_INDIRECT, 0);
	put_in(r, &t, 0, buf, 8, F_NEXT, 1);
	put_in(r, &t, 1, buf, 8, F_NEXT, 2);
}

static void loop_self(struct kunit *test, struct ring *r, u64 buf)
{
	put(r, 2, buf, 8, F_NEXT, 2);
}

static void loop_two(struct kunit *test, struct ring *r, u64 buf)
{
	put(r, 2, buf, 8, F_NEXT, 3);
	put(r, 3, buf, 8, F_NEXT, 2);
}

static void loop_long(struct kunit *test, struct ring *r, u64 buf)
{
	unsigned int i;

	for (i = 2; i < RING_BAD_NUM; i++)
		put(r, i, buf, 8, F_NEXT | F_WRITE, i + 1 < RING_BAD_NUM ? i + 1 : 2);
}

/* Without bytes no array grows, and only the count of descriptors ends it. */
static void loop_empty(struct kunit *test, struct ring *r, u64 buf)
{
	put(r, 2, buf, 0, F_NEXT, 2);
}

static void loop_in_table(struct kunit *test, struct ring *r, u64 buf)
{
	struct mock_table t = ring_table(test, r, 3);

	put(r, 2, t.addr, 48, F_INDIRECT, 0);
	put_in(r, &t, 0, buf, 8, F_NEXT, 2);
	put_in(r, &t, 2, buf, 8, F_NEXT, 1);
	put_in(r, &t, 1, buf, 8, F_NEXT, 0);
}

static void order_plain(struct kunit *test, struct ring *r, u64 buf)
{
	put(r, 2, buf, 8, F_NEXT | F_WRITE, 3);
	put(r, 3, buf, 8, 0, 0);
}

static void order_empty(struct kunit *test, struct ring *r, u64 buf)
{
	put(r, 2, buf, 0, F_NEXT | F_WRITE, 3);
	put(r, 3, buf, 8, 0, 0);
}

static void order_into_table(struct kunit *test, struct ring *r, u64 buf)
{
	struct mock_table t = ring_table(test, r, 1);

	put(r, 2, buf, 8, F_NEXT | F_WRITE, 3);
	put(r, 3, t.addr, 16, F_INDIRECT, 0);
	put_in(r, &t, 0, buf, 8, 0, 0);
}

static void order_in_table(struct kunit *test, struct ring *r, u64 buf)
{
	struct mock_table t = ring_table(test, r, 3);

	put(r, 2, t.addr, 48, F_INDIRECT, 0);
	put_in(r, &t, 0, buf, 8, F_NEXT, 1);
	put_in(r, &t, 1, buf, 8, F_NEXT | F_WRITE, 2);
	put_in(r, &t, 2, buf, 8, 0, 0);
}

static void nested(struct kunit *test, struct ring *r, u64 buf)
{
	struct mock_table t = ring_table(test, r, 2);

	put(r, 2, t.addr, 32, F_INDIRECT, 0);
	put_in(r, &t, 0, buf, 8, F_NEXT, 1);
	put_in(r, &t, 1, t.addr, 16, F_INDIRECT, 0);
}

static void table_empty(struct kunit *test, struct ring *r, u64 buf)
{
	put(r, 2, buf, 0, F_INDIRECT, 0);
}

static void table_half(struct kunit *test, struct ring *r, u64 buf)
{
	put(r, 2, buf, 15, F_INDIRECT, 0);
}

static void table_odd(struct kunit *test, struct ring *r, u64 buf)
{
	put(r, 2, buf, 33, F_INDIRECT, 0);
}

static void table_long(struct kunit *test, struct ring *r, u64 buf)
{
	put(r, 2, r->huge, 65537 * 16, F_INDIRECT, 0);
}

static void table_longest(struct kunit *test, struct ring *r, u64 buf)
{
	put(r, 2, r->huge, U32_MAX - 15, F_INDIRECT, 0);
}

/* The way that once was a loop which nothing counted. */
static void table_and_next(struct kunit *test, struct ring *r, u64 buf)
{
	struct mock_table t = ring_table(test, r, 1);

	put(r, 2, buf, 8, F_NEXT, 3);
	put(r, 3, t.addr, 16, F_INDIRECT | F_NEXT, 3);
	put_in(r, &t, 0, buf, 8, 0, 0);
}

static void length_out(struct kunit *test, struct ring *r, u64 buf)
{
	put(r, 2, r->huge, U32_MAX, F_NEXT, 3);
	put(r, 3, r->huge, 1, 0, 0);
}

static void length_in(struct kunit *test, struct ring *r, u64 buf)
{
	struct mock_table t = ring_table(test, r, 3);

	put(r, 2, t.addr, 48, F_INDIRECT, 0);
	put_in(r, &t, 0, r->huge, U32_MAX, F_NEXT | F_WRITE, 1);
	put_in(r, &t, 1, r->huge, U32_MAX, F_NEXT | F_WRITE, 2);
	put_in(r, &t, 2, r->huge, U32_MAX, F_WRITE, 0);
}

static void unmapped(struct kunit *test, struct ring *r, u64 buf)
{
	put(r, 2, buf, 8, F_NEXT, 3);
	put(r, 3, r->hole, 8, F_WRITE, 0);
}

static void unmapped_end(struct kunit *test, struct ring *r, u64 buf)
{
	put(r, 2, r->hole - 8, 9, 0, 0);
}

static void unmapped_wrap(struct kunit *test, struct ring *r, u64 buf)
{
	put(r, 2, U64_MAX, 2, F_WRITE, 0);
}

static void unmapped_null(struct kunit *test, struct ring *r, u64 buf)
{
	put(r, 2, 0, 1, 0, 0);
}

static void unmapped_table(struct kunit *test, struct ring *r, u64 buf)
{
	put(r, 2, r->hole, 16, F_INDIRECT, 0);
}

static void unmapped_table_wrap(struct kunit *test, struct ring *r, u64 buf)
{
	put(r, 2, -16ULL, 32, F_INDIRECT, 0);
}

static void unmapped_in_table(struct kunit *test, struct ring *r, u64 buf)
{
	struct mock_table t = ring_table(test, r, 1);

	put(r, 2, t.addr, 16, F_INDIRECT, 0);
	put_in(r, &t, 0, r->hole, 1, F_WRITE, 0);
}

static void avail_beyond(struct kunit *test, struct ring *r, u64 buf)
{
	mock_raw(u16, r->drv.avail->idx) = mock16(&r->drv, r->drv.published + RING_BAD_NUM);
}

static void avail_back(struct kunit *test, struct ring *r, u64 buf)
{
	mock_raw(u16, r->drv.avail->idx) = mock16(&r->drv, r->drv.published - 4);
}

static const struct ring_bad bad_chains[] = {
	{ "head is the ring's size", DEVQ_E_HEAD, head_num },
	{ "head is 65535", DEVQ_E_HEAD, head_max },
	{ "head with a bit too many", DEVQ_E_HEAD, head_masked },
	{ "next is the ring's size", DEVQ_E_NEXT, next_num },
	{ "next is 65535", DEVQ_E_NEXT, next_max },
	{ "next is the table's size", DEVQ_E_NEXT, next_of_table },
	{ "linked to itself", DEVQ_E_LOOP, loop_self },
	{ "two in a loop", DEVQ_E_LOOP, loop_two },
	{ "six in a loop", DEVQ_E_LOOP, loop_long },
	{ "loop without bytes", DEVQ_E_LOOP, loop_empty },
	{ "loop in a table", DEVQ_E_LOOP, loop_in_table },
	{ "readable behind writable", DEVQ_E_ORDER, order_plain },
	{ "readable behind empty writable", DEVQ_E_ORDER, order_empty },
	{ "readable table behind writable", DEVQ_E_ORDER, order_into_table },
	{ "readable behind writable in a table", DEVQ_E_ORDER, order_in_table },
	{ "table in a table", DEVQ_E_NESTED, nested },
	{ "table of 0 bytes", DEVQ_E_TABLE, table_empty },
	{ "table of 15 bytes", DEVQ_E_TABLE, table_half },
	{ "table of 33 bytes", DEVQ_E_TABLE, table_odd },
	{ "table of 65537 entries", DEVQ_E_TABLE, table_long },
	{ "table of 4 GiB", DEVQ_E_TABLE, table_longest },
	{ "table linked on to itself", DEVQ_E_TABLE, table_and_next },
	{ "2^32 readable bytes", DEVQ_E_LENGTH, length_out },
	{ "3 x (2^32 - 1) writable bytes", DEVQ_E_LENGTH, length_in },
	{ "buffer not mapped", DEVQ_E_UNMAPPED, unmapped, true },
	{ "last byte not mapped", DEVQ_E_UNMAPPED, unmapped_end, true },
	{ "buffer wraps", DEVQ_E_UNMAPPED, unmapped_wrap, true },
	{ "buffer at 0", DEVQ_E_UNMAPPED, unmapped_null, true },
	{ "table not mapped", DEVQ_E_UNMAPPED, unmapped_table },
	{ "table wraps", DEVQ_E_UNMAPPED, unmapped_table_wrap },
	{ "buffer of a table not mapped", DEVQ_E_UNMAPPED, unmapped_in_table, true },
};

static const struct ring_bad bad_indices[] = {
	{ "more than the ring holds", DEVQ_E_AVAIL, avail_beyond },
	{ "index goes back", DEVQ_E_AVAIL, avail_back },
};

static void cure(struct ring *r, u64 buf)
{
	put(r, 2, buf, 64, 0, 0);
	put_avail(r, r->drv.published - 1, 2);
}

static void bad_chain(struct kunit *test)
{
	ring_try_bad(test, bad_chains, ARRAY_SIZE(bad_chains), 65534, cure);
}

static void bad_index(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad_indices); i++) {
		struct ring *r = ring_open(test, RING_BAD_NUM, 65535);
		void *token = ring_add_one(test, r, 8, false);

		KUNIT_ASSERT_EQ(test, ring_pop(r, 64, RING_IOV), 1);
		KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, 1, 0), 0);
		ring_expect_done(test, r, token, 0);
		bad_indices[i].make(test, r, 0);
		if (bad_indices[i].make == avail_beyond)
			mock_raw(u16, r->drv.avail->idx) =
				mock16(&r->drv, r->drv.published + RING_BAD_NUM + 1);
		ring_expect_broken(test, r, bad_indices[i].error, bad_indices[i].name);
		devq_clear_error(&r->dq);
		KUNIT_EXPECT_EQ(test, ring_enable_kick(r), -EIO);
		KUNIT_EXPECT_EQ(test, r->dq.error, DEVQ_E_AVAIL);
		devq_clear_error(&r->dq);
		KUNIT_EXPECT_EQ(test, ring_pending(r), -EIO);
		r->drv.layout->publish(&r->drv);
		devq_clear_error(&r->dq);
		KUNIT_EXPECT_EQ(test, ring_pop(r, 64, RING_IOV), 0);
	}
}

/* Direct descriptors, then a table: all splits of chains up to 150 long. */
static void mixed(struct kunit *test)
{
	static const unsigned int sizes[] = { 2, 3, 5, 66, 129, 150 };
	struct mock_buf *buf = kunit_kcalloc(test, 150, sizeof(*buf), GFP_KERNEL);
	struct ring *r = ring_open(test, 256, 0);
	unsigned int s, direct, i;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	for (s = 0; s < ARRAY_SIZE(sizes); s++)
		for (direct = 0; direct < sizes[s]; direct += 1 + direct / 4) {
			unsigned int n = sizes[s];
			struct mock_table t = ring_table(test, r, n);
			u32 out = 0, in = 0;

			for (i = 0; i < n; i++) {
				buf[i] = ring_buf(test, r, 1 + i, i >= n / 2);
				*(i < n / 2 ? &out : &in) += buf[i].len;
			}
			KUNIT_ASSERT_EQ(test, mock_split_add_mixed(&r->drv, buf, n, direct, &t, r),
					0);
			r->drv.layout->publish(&r->drv);
			KUNIT_ASSERT_EQ(test, ring_pop(r, 64, RING_IOV), 1);
			KUNIT_EXPECT_EQ_MSG(test, r->chain[0].out_len, out, "%u of %u", direct, n);
			KUNIT_EXPECT_EQ_MSG(test, r->chain[0].in_len, in, "%u of %u", direct, n);
			KUNIT_EXPECT_EQ(test, r->chain[0].ndesc, direct + 1);
			KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, 1, n), 0);
			ring_expect_done(test, r, r, n);
		}
}

/* A table may be linked in any order, and need not use all of its entries. */
static void table_scattered(struct kunit *test)
{
	struct ring *r = ring_open(test, 8, 0);
	struct mock_table t = ring_table(test, r, 500);
	struct mock_buf buf = ring_buf(test, r, 500, false);
	unsigned int i, at = 0;

	/* 37 is prime to 500: the walk comes by each entry, out of order. */
	for (i = 0; i < 400; i++, at = (at + 37) % 500)
		put_in(r, &t, at, buf.addr + i, 1, i < 399 ? F_NEXT : 0, (at + 37) % 500);
	memset(ring_buf_va(r, &buf), 0, 500);
	for (i = 0; i < 400; i++)
		((u8 *)ring_buf_va(r, &buf))[i] = i * 3;
	ring_add(test, r, &buf, 1, false);
	put(r, 0, t.addr, 500 * 16, F_INDIRECT, 0);
	KUNIT_ASSERT_EQ(test, ring_pop(r, 64, RING_IOV), 1);
	KUNIT_EXPECT_EQ(test, r->chain[0].out_len, 400);
	KUNIT_EXPECT_GE(test, r->chain[0].nr_out, 1);
	KUNIT_EXPECT_EQ(test, ring_gather(r, r->chain, ring_va(r, ring_alloc(test, r, 400)), 400),
			400);
	KUNIT_EXPECT_MEMEQ(test, ring_va(r, r->next - 400), ring_buf_va(r, &buf), 400);
}

/* The longest table there is, of entries without bytes, and one link too many. */
static void table_of_65536(struct kunit *test)
{
	struct ring *r = ring_open_with(test, 8, 0, 65536 * 16);
	struct mock_table t;
	unsigned int i;

	t = ring_table(test, r, 65536);
	for (i = 0; i < 65536; i++)
		put_in(r, &t, i, 0, 0, i < 65535 ? F_NEXT : 0, i + 1);
	ring_add(test, r, &(struct mock_buf) { .addr = t.addr }, 1, false);
	put(r, 0, t.addr, 65536 * 16, F_INDIRECT, 0);
	KUNIT_ASSERT_EQ(test, ring_pop(r, 64, RING_IOV), 1);
	KUNIT_EXPECT_EQ(test, r->chain[0].nr_out + r->chain[0].nr_in, 0);
	devq_unpop(&r->dq, r->chain, 1);
	put_in(r, &t, 65535, 0, 0, F_NEXT, 0);
	KUNIT_EXPECT_EQ(test, ring_pop(r, 64, RING_IOV), -EIO);
	KUNIT_EXPECT_EQ(test, r->dq.error, DEVQ_E_LOOP);
}

/* A signal is due when the batch passes used_event: for all of it that is near a border. */
static void used_event(struct kunit *test)
{
	static const u16 at[] = { 0, 1, 100, 32767, 32768, 65530, 65535 };
	static const u16 off[] = { 0, 1, 2, 3, 4, 5, 100, 32767, 32768, 65534, 65535 };
	struct ring *r = ring_open(test, 4, 0);
	unsigned int i, k, n, j;

	for (i = 0; i < ARRAY_SIZE(at); i++)
		for (n = 1; n <= 4; n++)
			for (k = 0; k < ARRAY_SIZE(off); k++) {
				ring_reset(test, r, at[i]);
				KUNIT_EXPECT_EQ(test, ring_want_signal(r), 1);
				WRITE_ONCE(*mock_split_used_event(&r->drv),
					   mock16(&r->drv, at[i] + off[k]));
				for (j = 0; j < n; j++)
					ring_add_one(test, r, 1, true);
				KUNIT_ASSERT_EQ(test, ring_pop(r, 4, RING_IOV), n);
				KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, n, 0), 0);
				KUNIT_EXPECT_EQ_MSG(test, ring_want_signal(r), off[k] < n,
						    "at %u, %u more, event %u", at[i], n, off[k]);
			}
}

/* virtio 1.3, 2.7.7.1: used_event 0 means the first entry, and the 65537th. */
static void used_event_of_spec(struct kunit *test)
{
	struct ring *r = ring_open(test, 4, 0);
	unsigned int i, signals = 0;
	struct mock_done done;

	WRITE_ONCE(*mock_split_used_event(&r->drv), 0);
	for (i = 1; i <= 2 * 65536 + 10; i++) {
		ring_add_one(test, r, 1, true);
		KUNIT_ASSERT_EQ(test, ring_pop(r, 1, RING_IOV), 1);
		KUNIT_ASSERT_EQ(test, ring_push(r, r->chain, 1, 0), 0);
		if (ring_want_signal(r)) {
			signals++;
			KUNIT_ASSERT_EQ(test, i % 65536, 1);
		}
		KUNIT_ASSERT_TRUE(test, r->drv.layout->get(&r->drv, &done));
	}
	KUNIT_EXPECT_EQ(test, signals, 3);
}

/* Nobody asked for so long that the last signal's index means nothing any more. */
static void used_event_forgotten(struct kunit *test)
{
	struct ring *r = ring_open(test, 4, 0);
	struct mock_done done;
	unsigned int i;

	KUNIT_EXPECT_EQ(test, ring_want_signal(r), 1);
	WRITE_ONCE(*mock_split_used_event(&r->drv), mock16(&r->drv, 40000));
	for (i = 0; i < 65536 + 10; i++) {
		ring_add_one(test, r, 1, true);
		KUNIT_ASSERT_EQ(test, ring_pop(r, 1, RING_IOV), 1);
		KUNIT_ASSERT_EQ(test, ring_push(r, r->chain, 1, 0), 0);
		KUNIT_ASSERT_TRUE(test, r->drv.layout->get(&r->drv, &done));
	}
	KUNIT_EXPECT_EQ(test, ring_want_signal(r), 1);
	KUNIT_EXPECT_EQ(test, ring_want_signal(r), 0);
}

/* With flags the device says yes or no; with event indices how far it has come. */
static void kick_words(struct kunit *test)
{
	struct ring *r = ring_open(test, 8, 65534);
	u16 *flags = &mock_raw(u16, r->drv.used->flags), *event = mock_split_avail_event(&r->drv);
	unsigned int i;

	*event = mock16(&r->drv, 4711);
	for (i = 0; i < 4; i++) {
		KUNIT_EXPECT_EQ(test, ring_disable_kick(r), 0);
		KUNIT_EXPECT_EQ(test, mock16(&r->drv, *flags),
				r->drv.event_idx ? 0 : VRING_USED_F_NO_NOTIFY);
		KUNIT_EXPECT_EQ(test, ring_enable_kick(r), 0);
		KUNIT_EXPECT_EQ(test, mock16(&r->drv, *flags), 0);
		KUNIT_EXPECT_EQ(test, mock16(&r->drv, *event),
				r->drv.event_idx ? (u16)(65534 + i) : 4711);
		ring_one_through(test, r);
	}
	/* A queue that starts says that it wants kicks. */
	KUNIT_EXPECT_EQ(test, ring_disable_kick(r), 0);
	devq_stop(&r->dq);
	KUNIT_ASSERT_EQ(test, devq_start(&r->dq, &r->cfg), 0);
	KUNIT_EXPECT_EQ(test, ring_pending(r), 0);
	KUNIT_EXPECT_EQ(test, mock16(&r->drv, *flags), 0);
}

/* A user address where nothing is mapped in the test's address space. */
#define NOTHING_THERE	0x10000ULL

static void expect_fault(struct kunit *test, struct ring *r, int ret)
{
	KUNIT_EXPECT_EQ(test, ret, -EIO);
	KUNIT_EXPECT_STREQ(test, devq_error_name(r->dq.error), devq_error_name(DEVQ_E_FAULT));
	devq_clear_error(&r->dq);
}

/* One area at a time is gone, and comes back. */
static void fault_in_driver_area(struct kunit *test)
{
	struct ring *r = ring_open(test, 8, 65535);
	struct devq_addr bad = r->cfg.addr;
	void *token = ring_add_one(test, r, 8, true);

	bad.driver = NOTHING_THERE;
	KUNIT_ASSERT_EQ(test, devq_move(&r->dq, &bad), 0);
	expect_fault(test, r, ring_pop(r, 8, RING_IOV));
	expect_fault(test, r, ring_pending(r));
	expect_fault(test, r, ring_enable_kick(r));
	expect_fault(test, r, ring_want_signal(r));
	KUNIT_EXPECT_EQ(test, r->dq.pos.avail, 65535);
	KUNIT_ASSERT_EQ(test, devq_move(&r->dq, &r->cfg.addr), 0);
	KUNIT_ASSERT_EQ(test, ring_pop(r, 8, RING_IOV), 1);
	KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, 1, 0), 0);
	ring_expect_done(test, r, token, 0);
}

static void fault_in_table(struct kunit *test)
{
	struct ring *r = ring_open(test, 8, 65535);
	struct devq_addr bad = r->cfg.addr;
	void *token = ring_add_one(test, r, 8, true);

	bad.desc = NOTHING_THERE;
	KUNIT_ASSERT_EQ(test, devq_move(&r->dq, &bad), 0);
	expect_fault(test, r, ring_pop(r, 8, RING_IOV));
	KUNIT_EXPECT_EQ(test, r->dq.pos.avail, 65535);
	KUNIT_ASSERT_EQ(test, devq_move(&r->dq, &r->cfg.addr), 0);
	/* An indirect table in guest memory that the owner has unmapped. */
	put(r, 0, r->huge, 16, F_INDIRECT, 0);
	KUNIT_EXPECT_EQ(test, ring_pop(r, 8, RING_IOV), -EIO);
	KUNIT_EXPECT_EQ(test, r->dq.error, DEVQ_E_UNMAPPED);
	devq_clear_error(&r->dq);
	put(r, 0, r->hole - 8, 8, F_WRITE, 0);
	KUNIT_ASSERT_EQ(test, ring_pop(r, 8, RING_IOV), 1);
	KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, 1, 0), 0);
	ring_expect_done(test, r, token, 0);
}

/* Nobody is told of entries that could not be written. */
static void fault_in_device_area(struct kunit *test)
{
	struct ring *r = ring_open(test, 8, 65535);
	struct devq_addr bad = r->cfg.addr;
	void *token = ring_add_one(test, r, 8, true);
	struct devq_pos pos;

	KUNIT_ASSERT_EQ(test, ring_pop(r, 8, RING_IOV), 1);
	pos = r->dq.pos;
	bad.device = NOTHING_THERE;
	KUNIT_ASSERT_EQ(test, devq_move(&r->dq, &bad), 0);
	KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, 1, 0), -EIO);
	KUNIT_EXPECT_EQ(test, ring_want_signal(r), -EIO);
	KUNIT_EXPECT_EQ(test, r->dq.error, DEVQ_E_FAULT);
	KUNIT_EXPECT_MEMEQ(test, &r->dq.pos, &pos, sizeof(pos));
	ring_expect_none_done(test, r);
	devq_clear_error(&r->dq);
	if (r->drv.event_idx)
		expect_fault(test, r, ring_enable_kick(r));
	else
		expect_fault(test, r, ring_disable_kick(r));
	KUNIT_ASSERT_EQ(test, devq_move(&r->dq, &r->cfg.addr), 0);
	KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, 1, 0), 0);
	ring_expect_done(test, r, token, 0);
}

static void fault_at_start(struct kunit *test)
{
	struct ring *r = ring_open(test, 8, 5);
	struct devq_config cfg = r->cfg;

	devq_stop(&r->dq);
	cfg.addr.device = NOTHING_THERE;
	KUNIT_EXPECT_EQ(test, devq_start(&r->dq, &cfg), -EFAULT);
	KUNIT_EXPECT_FALSE(test, devq_running(&r->dq));
	KUNIT_EXPECT_EQ(test, r->dq.pos.avail, 5);
	KUNIT_ASSERT_EQ(test, devq_start(&r->dq, &r->cfg), 0);
	KUNIT_EXPECT_EQ(test, ring_pop(r, 8, RING_IOV), 0);
}

/* One page of a table of several is gone: chains that do not touch it go on. */
static void fault_in_one_page(struct kunit *test)
{
	struct ring *r = ring_open(test, 1024, 0);
	struct mock_buf buf = ring_buf(test, r, 8, false);
	unsigned int i;

	KUNIT_ASSERT_EQ(test, vm_munmap(r->cfg.addr.desc + PAGE_SIZE, PAGE_SIZE), 0);
	for (i = 0; i < 256; i++)
		ring_add(test, r, &buf, 1, false);
	for (i = 0; i < 256; i += DEVQ_BATCH) {
		KUNIT_ASSERT_EQ(test, ring_pop(r, DEVQ_BATCH, RING_IOV), DEVQ_BATCH);
		KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, DEVQ_BATCH, 0), 0);
	}
	ring_add(test, r, &buf, 1, false);
	expect_fault(test, r, ring_pop(r, 8, RING_IOV));
	KUNIT_EXPECT_EQ(test, r->dq.pos.avail, 256);
	/* The link of a chain leads into it. */
	put_avail(r, 256, 0);
	put(r, 0, buf.addr, 8, F_NEXT, 300);
	expect_fault(test, r, ring_pop(r, 8, RING_IOV));
	/* The same behind a good chain, which is not lost over it. */
	put_avail(r, 256, 1);
	put_avail(r, 257, 0);
	mock_raw(u16, r->drv.avail->idx) = mock16(&r->drv, 258);
	KUNIT_EXPECT_EQ(test, ring_pop(r, 8, RING_IOV), 1);
	KUNIT_EXPECT_EQ(test, r->dq.error, DEVQ_OK);
	KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, 1, 0), 0);
	expect_fault(test, r, ring_pop(r, 8, RING_IOV));
	put(r, 0, buf.addr, 8, 0, 0);
	KUNIT_EXPECT_EQ(test, ring_pop(r, 8, RING_IOV), 1);
}

static struct kunit_case split_cases[] = {
	KUNIT_CASE_PARAM(bad_chain, ring_split_gen_params),
	KUNIT_CASE_PARAM(bad_index, ring_split_gen_params),
	KUNIT_CASE_PARAM(mixed, ring_split_gen_params),
	KUNIT_CASE_PARAM(table_scattered, ring_split_gen_params),
	KUNIT_CASE_PARAM(table_of_65536, ring_split_gen_params),
	KUNIT_CASE_PARAM(used_event, event_gen_params),
	KUNIT_CASE_PARAM(used_event_of_spec, event_gen_params),
	KUNIT_CASE_PARAM(used_event_forgotten, event_gen_params),
	KUNIT_CASE_PARAM(kick_words, ring_split_gen_params),
	KUNIT_CASE_PARAM(fault_in_driver_area, user_gen_params),
	KUNIT_CASE_PARAM(fault_in_table, user_gen_params),
	KUNIT_CASE_PARAM(fault_in_device_area, user_gen_params),
	KUNIT_CASE_PARAM(fault_at_start, user_gen_params),
	KUNIT_CASE_PARAM(fault_in_one_page, user_gen_params),
	{}
};

static struct kunit_suite split_suite = {
	.name = "ring-split",
	.test_cases = split_cases,
};

kunit_test_suite(split_suite);
