// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unit tests of the packed layout: what a driver must not do, each thing once, the
 * end of the ring, where used descriptors go, and the arithmetic of wrap counters.
 */

#include <kunit/test.h>
#include <linux/mm.h>
#include <linux/module.h>

#include "ring_kunit.h"

#define F_NEXT		VRING_DESC_F_NEXT
#define F_WRITE		VRING_DESC_F_WRITE
#define F_INDIRECT	VRING_DESC_F_INDIRECT

RING_GEN_PARAMS(event, &mock_packed, EVENT, -1);
/* Only user memory can be gone when it is used. */
RING_GEN_PARAMS(user, &mock_packed, 0, DEVQ_MEM_USER);

static void put(struct ring *r, unsigned int i, u64 addr, u32 len, u16 flags)
{
	mock_packed_put(&r->drv, i, addr, len, flags);
}

static void put_in(struct ring *r, const struct mock_table *t, unsigned int i, u64 addr, u32 len,
		   u16 flags)
{
	mock_packed_put_in(&r->drv, t, i, addr, len, flags);
}

static u16 flags_at(struct ring *r, unsigned int i)
{
	return mock_packed_flags(&r->drv, i);
}

/* Everything below gets the address of a good buffer of 64 bytes. */

static void order_plain(struct kunit *test, struct ring *r, u64 buf)
{
	put(r, 2, buf, 8, F_NEXT | F_WRITE);
	put(r, 3, buf, 8, 0);
}

static void order_empty(struct kunit *test, struct ring *r, u64 buf)
{
	put(r, 2, buf, 0, F_NEXT | F_WRITE);
	put(r, 3, buf, 8, 0);
}

static void order_in_table(struct kunit *test, struct ring *r, u64 buf)
{
	struct mock_table t = ring_table(test, r, 3);

	put(r, 2, t.addr, 48, F_INDIRECT);
	put_in(r, &t, 0, buf, 8, 0);
	put_in(r, &t, 1, buf, 8, F_WRITE);
	put_in(r, &t, 2, buf, 8, 0);
}

static void table_empty(struct kunit *test, struct ring *r, u64 buf)
{
	put(r, 2, buf, 0, F_INDIRECT);
}

static void table_half(struct kunit *test, struct ring *r, u64 buf)
{
	put(r, 2, buf, 15, F_INDIRECT);
}

static void table_odd(struct kunit *test, struct ring *r, u64 buf)
{
	put(r, 2, buf, 33, F_INDIRECT);
}

static void table_long(struct kunit *test, struct ring *r, u64 buf)
{
	put(r, 2, r->huge, 65537 * 16, F_INDIRECT);
}

static void table_longest(struct kunit *test, struct ring *r, u64 buf)
{
	put(r, 2, r->huge, U32_MAX - 15, F_INDIRECT);
}

static void table_and_next(struct kunit *test, struct ring *r, u64 buf)
{
	struct mock_table t = ring_table(test, r, 1);

	put(r, 2, t.addr, 16, F_INDIRECT | F_NEXT);
	put(r, 3, buf, 8, 0);
	put_in(r, &t, 0, buf, 8, 0);
}

static void table_behind(struct kunit *test, struct ring *r, u64 buf)
{
	struct mock_table t = ring_table(test, r, 1);

	put(r, 2, buf, 8, F_NEXT);
	put(r, 3, t.addr, 16, F_INDIRECT);
	put_in(r, &t, 0, buf, 8, 0);
}

static void length_out(struct kunit *test, struct ring *r, u64 buf)
{
	put(r, 2, r->huge, U32_MAX, F_NEXT);
	put(r, 3, r->huge, 1, 0);
}

static void length_in(struct kunit *test, struct ring *r, u64 buf)
{
	struct mock_table t = ring_table(test, r, 3);
	unsigned int i;

	put(r, 2, t.addr, 48, F_INDIRECT);
	for (i = 0; i < 3; i++)
		put_in(r, &t, i, r->huge, U32_MAX, F_WRITE);
}

static void unmapped(struct kunit *test, struct ring *r, u64 buf)
{
	put(r, 2, buf, 8, F_NEXT);
	put(r, 3, r->hole, 8, F_WRITE);
}

static void unmapped_end(struct kunit *test, struct ring *r, u64 buf)
{
	put(r, 2, r->hole - 8, 9, 0);
}

static void unmapped_wrap(struct kunit *test, struct ring *r, u64 buf)
{
	put(r, 2, U64_MAX, 2, F_WRITE);
}

static void unmapped_table(struct kunit *test, struct ring *r, u64 buf)
{
	put(r, 2, r->hole, 16, F_INDIRECT);
}

static void unmapped_table_wrap(struct kunit *test, struct ring *r, u64 buf)
{
	put(r, 2, -16ULL, 32, F_INDIRECT);
}

static void unmapped_in_table(struct kunit *test, struct ring *r, u64 buf)
{
	struct mock_table t = ring_table(test, r, 1);

	put(r, 2, t.addr, 16, F_INDIRECT);
	put_in(r, &t, 0, r->hole, 1, F_WRITE);
}

static const struct ring_bad bad_chains[] = {
	{ "readable behind writable", DEVQ_E_ORDER, order_plain },
	{ "readable behind empty writable", DEVQ_E_ORDER, order_empty },
	{ "readable behind writable in a table", DEVQ_E_ORDER, order_in_table },
	{ "table of 0 bytes", DEVQ_E_TABLE, table_empty },
	{ "table of 15 bytes", DEVQ_E_TABLE, table_half },
	{ "table of 33 bytes", DEVQ_E_TABLE, table_odd },
	{ "table of 65537 entries", DEVQ_E_TABLE, table_long },
	{ "table of 4 GiB", DEVQ_E_TABLE, table_longest },
	{ "table that goes on", DEVQ_E_TABLE, table_and_next },
	{ "table behind a buffer", DEVQ_E_TABLE, table_behind },
	{ "2^32 readable bytes", DEVQ_E_LENGTH, length_out },
	{ "3 x (2^32 - 1) writable bytes", DEVQ_E_LENGTH, length_in },
	{ "buffer not mapped", DEVQ_E_UNMAPPED, unmapped, true },
	{ "last byte not mapped", DEVQ_E_UNMAPPED, unmapped_end, true },
	{ "buffer wraps", DEVQ_E_UNMAPPED, unmapped_wrap, true },
	{ "table not mapped", DEVQ_E_UNMAPPED, unmapped_table },
	{ "table wraps", DEVQ_E_UNMAPPED, unmapped_table_wrap },
	{ "buffer of a table not mapped", DEVQ_E_UNMAPPED, unmapped_in_table, true },
};

static void cure(struct ring *r, u64 buf)
{
	put(r, 2, buf, 64, 0);
}

/* In a round of either parity. */
static void bad_chain(struct kunit *test)
{
	ring_try_bad(test, bad_chains, ARRAY_SIZE(bad_chains), RING_BAD_NUM, cure);
}

/* A chain without an end is as long as the ring, wherever it begins. */
static void loop(struct kunit *test)
{
	static const u16 nums[] = { 1, 2, 7, 64, 100 };
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(nums); i++) {
		u16 num = nums[i];
		struct ring *r = ring_open(test, num, num / 2);
		struct mock_buf buf = ring_buf(test, r, 0, false);
		void *token = ring_add(test, r, &buf, 1, false);

		for (k = 0; k < num; k++)
			put(r, k, buf.addr, 0, F_NEXT);
		ring_expect_broken(test, r, DEVQ_E_LOOP, "linked on and on");
		/* The longest that there may be ends with the last descriptor of all. */
		k = (num / 2 + num - 1) % num;
		put(r, k, buf.addr, 0, 0);
		r->drv.pdesc[k].id = 0;
		devq_clear_error(&r->dq);
		KUNIT_ASSERT_EQ(test, ring_pop(r, 64, RING_IOV), 1);
		KUNIT_EXPECT_EQ(test, r->chain[0].ndesc, num);
		KUNIT_EXPECT_EQ(test, r->dq.pos.avail, num / 2);
		KUNIT_EXPECT_EQ(test, r->dq.pos.avail_wrap, !r->dq.pos.used_wrap);
		KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, 1, 0), 0);
		ring_expect_done(test, r, token, 0);
	}
}

/* In a table nothing counts but addresses, lengths and WRITE: all of it is one chain. */
static void table_flags(struct kunit *test)
{
	struct ring *r = ring_open(test, 8, 5);
	struct mock_table t = ring_table(test, r, 100);
	struct mock_buf buf = ring_buf(test, r, 64, false);
	void *token = ring_add(test, r, &buf, 1, false);
	unsigned int i;

	for (i = 0; i < 100; i++)
		put_in(r, &t, i, buf.addr, 1 + i % 7, (i < 50 ? 0 : F_WRITE) |
		       (i % 3 ? F_NEXT : 0) | (i % 5 ? 0 : F_INDIRECT) | (i % 2 ? MOCK_USED : 0));
	/* WRITE of the descriptor that names the table does not count either. */
	put(r, 5, t.addr, 100 * 16, F_INDIRECT | F_WRITE);
	KUNIT_ASSERT_EQ(test, ring_pop(r, 64, RING_IOV), 1);
	KUNIT_EXPECT_EQ(test, r->chain[0].nr_out, 50);
	KUNIT_EXPECT_EQ(test, r->chain[0].nr_in, 50);
	KUNIT_EXPECT_EQ(test, r->chain[0].ndesc, 1);
	KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, 1, 3), 0);
	ring_expect_done(test, r, token, 3);
}

/* Chains of every length from every place, the end of the ring between any two descriptors. */
static void across_the_end(struct kunit *test)
{
	struct ring *r = ring_open(test, 7, 0);
	unsigned int n, i, round;
	struct mock_buf buf[7];
	void *token;

	for (round = 0; round < 2 * 7; round++)
		for (n = 1; n <= 7; n++) {
			u32 out = 0, in = 0;

			for (i = 0; i < n; i++) {
				buf[i] = ring_buf(test, r, 1 + i, i >= n / 2);
				*(i < n / 2 ? &out : &in) += buf[i].len;
			}
			token = ring_add(test, r, buf, n, false);
			KUNIT_ASSERT_EQ(test, ring_pop(r, 64, RING_IOV), 1);
			KUNIT_ASSERT_EQ(test, r->chain[0].out_len, out);
			KUNIT_ASSERT_EQ(test, r->chain[0].in_len, in);
			KUNIT_ASSERT_EQ(test, r->chain[0].ndesc, n);
			devq_unpop(&r->dq, r->chain, 1);
			KUNIT_ASSERT_EQ(test, ring_pop(r, 64, RING_IOV), 1);
			KUNIT_ASSERT_EQ(test, ring_push(r, r->chain, 1, in), 0);
			ring_expect_done(test, r, token, in);
			/* One more, so that the next length begins elsewhere. */
			ring_one_through(test, r);
			ring_expect_done(test, r, (void *)r->token, 1);
		}
}

/* Chains longer than what is read at a time, with short ones between them. */
static void long_chains(struct kunit *test)
{
	static const unsigned int len[] = { 1, 63, 64, 1, 65, 128, 2, 129, 1 };
	struct mock_buf *buf = kunit_kcalloc(test, 129, sizeof(*buf), GFP_KERNEL);
	struct ring *r = ring_open(test, 500, 0);
	void *token[ARRAY_SIZE(len)];
	unsigned int round, i, k;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	for (round = 0; round < 9; round++) {
		for (i = 0; i < ARRAY_SIZE(len); i++) {
			for (k = 0; k < len[i]; k++)
				buf[k] = ring_buf(test, r, 1, true);
			token[i] = ring_add(test, r, buf, len[i], false);
		}
		KUNIT_ASSERT_EQ(test, ring_pop(r, 64, RING_IOV), (int)ARRAY_SIZE(len));
		for (i = 0; i < ARRAY_SIZE(len); i++)
			KUNIT_EXPECT_EQ(test, r->chain[i].in_len, len[i]);
		KUNIT_ASSERT_EQ(test, ring_push(r, r->chain, ARRAY_SIZE(len), 1), 0);
		for (i = 0; i < ARRAY_SIZE(len); i++)
			ring_expect_done(test, r, token[i], 1);
		ring_expect_none_done(test, r);
	}
}

/* An id means nothing to the device; WRITE says that something was written. */
static void used_descriptor(struct kunit *test)
{
	struct ring *r = ring_open(test, 5, 3);
	struct mock_buf buf[2] = { ring_buf(test, r, 8, true), ring_buf(test, r, 8, true) };
	u32 len;

	for (len = 0; len < 2; len++) {
		ring_reset(test, r, 3);
		ring_add(test, r, buf, 2, false);
		/* That of the last descriptor counts, and is not looked at. */
		r->drv.pdesc[3].id = cpu_to_le16(4711);
		r->drv.pdesc[4].id = cpu_to_le16(65535);
		KUNIT_ASSERT_EQ(test, ring_pop(r, 64, RING_IOV), 1);
		KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, 1, len), 0);
		KUNIT_EXPECT_EQ(test, le16_to_cpu(r->drv.pdesc[3].id), 65535);
		KUNIT_EXPECT_EQ(test, le32_to_cpu(r->drv.pdesc[3].len), len);
		KUNIT_EXPECT_EQ(test, flags_at(r, 3), MOCK_MARKS | (len ? F_WRITE : 0));
		KUNIT_EXPECT_EQ(test, le64_to_cpu(r->drv.pdesc[3].addr), buf[0].addr);
		/* The rest of the chain stays as it was. */
		KUNIT_EXPECT_EQ(test, flags_at(r, 4), MOCK_AVAIL | F_WRITE);
		KUNIT_EXPECT_EQ(test, r->dq.pos.used, 0);
		KUNIT_EXPECT_FALSE(test, r->dq.pos.used_wrap);
	}
}

/* Given back in another order, each takes as much of the ring as it has descriptors. */
static void used_places(struct kunit *test)
{
	static const unsigned int len[] = { 3, 1, 2 };
	/* Where the used ones stand: chain 2 at 4, chain 0 at 6, chain 1 at 2 (of 7). */
	static const unsigned int order[] = { 2, 0, 1 }, at[] = { 4, 6, 2 };
	struct ring *r = ring_open(test, 7, 4);
	struct devq_used used[3];
	struct mock_buf buf[3];
	void *token[3];
	unsigned int i, k;

	if (r->dq.in_order)
		kunit_skip(test, "not in order");
	for (i = 0; i < 3; i++) {
		for (k = 0; k < len[i]; k++)
			buf[k] = ring_buf(test, r, 4, true);
		token[i] = ring_add(test, r, buf, len[i], false);
	}
	KUNIT_ASSERT_EQ(test, ring_pop(r, 64, RING_IOV), 3);
	for (i = 0; i < 3; i++)
		used[i] = devq_use(&r->chain[order[i]], 1 + i);
	devq_enter(&r->dq);
	KUNIT_ASSERT_EQ(test, devq_push(&r->dq, used, 3), 0);
	devq_exit(&r->dq);
	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, le16_to_cpu(r->drv.pdesc[at[i]].id), used[i].id);
		KUNIT_EXPECT_EQ(test, le32_to_cpu(r->drv.pdesc[at[i]].len), 1 + i);
		/* Behind the end of the ring the other marks mean the same. */
		KUNIT_EXPECT_EQ(test, flags_at(r, at[i]), (at[i] < 4 ? 0 : MOCK_MARKS) | F_WRITE);
		ring_expect_done(test, r, token[order[i]], 1 + i);
	}
	ring_expect_none_done(test, r);
}

/*
 * A signal is due when the batch passes the place that the driver named: for each
 * place of both rounds, from each, in batches of all sizes.
 */
static void event_places(struct kunit *test)
{
	const unsigned int num = 5, both = 2 * num;
	struct ring *r = ring_open(test, num, 0);
	unsigned int at, n, event, i;

	for (at = 0; at < both; at++)
		for (n = 1; n <= num; n++)
			for (event = 0; event < both; event++) {
				bool due = (at + n - 1 + both - event) % both < n;

				ring_reset(test, r, at);
				KUNIT_EXPECT_EQ(test, ring_want_signal(r), 1);
				mock_packed_wish(&r->drv, event % num |
						 (event < num ? MOCK_WRAP : 0),
						 VRING_PACKED_EVENT_FLAG_DESC);
				for (i = 0; i < n; i++)
					ring_add_one(test, r, 1, true);
				KUNIT_ASSERT_EQ(test, ring_pop(r, num, RING_IOV), n);
				KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, n, 0), 0);
				KUNIT_EXPECT_EQ_MSG(test, ring_want_signal(r), due,
						    "from %u, %u used, event %u", at, n, event);
			}
}

/* Nobody asked for rounds: all places have been passed, but for the next one. */
static void event_forgotten(struct kunit *test)
{
	struct ring *r = ring_open(test, 5, 0);
	unsigned int i, event;

	for (event = 0; event < 5; event++) {
		ring_reset(test, r, 0);
		KUNIT_EXPECT_EQ(test, ring_want_signal(r), 1);
		for (i = 0; i < 23; i++) {
			ring_one_through(test, r);
			ring_expect_done(test, r, (void *)r->token, 1);
		}
		/* Used up to 3 of the fifth round, which is one with the counter set. */
		mock_packed_wish(&r->drv, event | (event < 3 ? MOCK_WRAP : 0),
				 VRING_PACKED_EVENT_FLAG_DESC);
		KUNIT_EXPECT_EQ(test, ring_want_signal(r), 1);
		KUNIT_EXPECT_EQ(test, ring_want_signal(r), 0);
	}
}

/* What flags say; a place means something only with event indices. */
static void event_flags(struct kunit *test)
{
	struct ring *r = ring_open(test, 8, 0);
	u16 flags;

	for (flags = 0; flags < 4; flags++) {
		ring_reset(test, r, 0);
		ring_want_signal(r);
		ring_one_through(test, r);
		/* A place far ahead. */
		mock_packed_wish(&r->drv, 7 | MOCK_WRAP, flags);
		KUNIT_EXPECT_EQ_MSG(test, ring_want_signal(r),
				    flags == VRING_PACKED_EVENT_FLAG_DESC ? !r->dq.event_idx :
				    flags != VRING_PACKED_EVENT_FLAG_DISABLE, "flags %u", flags);
	}
}

static u32 kick_words(struct ring *r)
{
	return le32_to_cpu(*(__le32 *)r->drv.dev_event);
}

/* With flags the device says yes or no; with event indices from where on. */
static void kick_event(struct kunit *test)
{
	struct ring *r = ring_open(test, 3, 1);
	unsigned int i;

	for (i = 1; i < 14; i++) {
		u32 place = i % 3 | (i / 3 & 1 ? 0 : MOCK_WRAP);

		KUNIT_EXPECT_EQ(test, ring_disable_kick(r), 0);
		KUNIT_EXPECT_EQ(test, kick_words(r) >> 16, VRING_PACKED_EVENT_FLAG_DISABLE);
		KUNIT_EXPECT_EQ(test, ring_enable_kick(r), 0);
		if (r->dq.event_idx)
			KUNIT_EXPECT_EQ(test, kick_words(r),
					VRING_PACKED_EVENT_FLAG_DESC << 16 | place);
		else
			KUNIT_EXPECT_EQ(test, kick_words(r) >> 16,
					VRING_PACKED_EVENT_FLAG_ENABLE);
		ring_one_through(test, r);
		ring_expect_done(test, r, (void *)r->token, 1);
	}
	/* A queue that starts says that it wants kicks. */
	KUNIT_EXPECT_EQ(test, ring_disable_kick(r), 0);
	devq_stop(&r->dq);
	KUNIT_ASSERT_EQ(test, devq_start(&r->dq, &r->cfg), 0);
	KUNIT_EXPECT_EQ(test, ring_pending(r), 0);
	KUNIT_EXPECT_EQ(test, kick_words(r) >> 16, VRING_PACKED_EVENT_FLAG_ENABLE);
}

/* What was popped is given back by the device that takes over: both positions count. */
static void handed_over(struct kunit *test)
{
	struct ring *r = ring_open(test, 5, 4);
	struct devq_chain held[3];
	void *token[4];
	unsigned int i;
	u32 base;

	for (i = 0; i < 4; i++)
		token[i] = ring_add_one(test, r, 10 + i, true);
	KUNIT_ASSERT_EQ(test, ring_pop(r, 3, RING_IOV), 3);
	memcpy(held, r->chain, sizeof(held));
	devq_stop(&r->dq);
	base = devq_pos_to_base(r->cfg.features, &r->dq.pos);
	/* Popped up to 2 of the second round, used up to 4 of the first. */
	KUNIT_EXPECT_EQ(test, base, 0x80040002);
	devq_init(&r->dq);
	KUNIT_ASSERT_EQ(test, devq_pos_from_base(r->cfg.features, base, &r->dq.pos), 0);
	KUNIT_ASSERT_EQ(test, devq_start(&r->dq, &r->cfg), 0);
	KUNIT_EXPECT_EQ(test, ring_push(r, held, 3, 1), 0);
	KUNIT_ASSERT_EQ(test, ring_pop(r, 3, RING_IOV), 1);
	KUNIT_EXPECT_EQ(test, r->chain[0].in_len, 13);
	KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, 1, 1), 0);
	for (i = 0; i < 4; i++)
		ring_expect_done(test, r, token[i], 1);
}

/* A position beyond the end of the ring, in either half. */
static void position_refused(struct kunit *test)
{
	static const u32 bad[] = { 0x80008005, 0x80058000, 0x7fff7fff, 0xffffffff };
	struct ring *r = ring_open(test, 5, 0);
	unsigned int i;

	devq_stop(&r->dq);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		KUNIT_ASSERT_EQ(test, devq_pos_from_base(r->cfg.features, bad[i], &r->dq.pos), 0);
		KUNIT_EXPECT_EQ(test, devq_start(&r->dq, &r->cfg), -EINVAL);
		KUNIT_EXPECT_FALSE(test, devq_running(&r->dq));
	}
	KUNIT_ASSERT_EQ(test, devq_pos_from_base(r->cfg.features, 0x80048004, &r->dq.pos), 0);
	KUNIT_EXPECT_EQ(test, devq_start(&r->dq, &r->cfg), 0);
}

/* Descriptors of two pages, of which the second one is taken away. */
#define PAGE_NUM	(PAGE_SIZE / sizeof(struct vring_packed_desc))

static struct ring *two_pages(struct kunit *test, u16 base)
{
	return ring_open(test, 2 * PAGE_NUM, base);
}

static void lose_page(struct kunit *test, struct ring *r)
{
	KUNIT_ASSERT_EQ(test, vm_munmap(r->cfg.addr.desc + PAGE_SIZE, PAGE_SIZE), 0);
}

static void expect_fault(struct kunit *test, struct ring *r, int ret)
{
	KUNIT_EXPECT_EQ(test, ret, -EIO);
	KUNIT_EXPECT_STREQ(test, devq_error_name(r->dq.error), devq_error_name(DEVQ_E_FAULT));
	devq_clear_error(&r->dq);
}

/* Chains ahead of what cannot be read are not lost over it. */
static void fault_in_fetch(struct kunit *test)
{
	struct ring *r = two_pages(test, PAGE_NUM - 3);
	struct mock_buf buf[3];
	unsigned int i;

	for (i = 0; i < 3; i++)
		buf[i] = ring_buf(test, r, 8, false);
	ring_add(test, r, buf, 1, false);
	ring_add(test, r, buf, 3, false);
	lose_page(test, r);
	/* A chain into it, then one that begins there. */
	KUNIT_ASSERT_EQ(test, ring_pop(r, 8, RING_IOV), 1);
	KUNIT_EXPECT_EQ(test, r->dq.error, DEVQ_OK);
	KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, 1, 0), 0);
	expect_fault(test, r, ring_pop(r, 8, RING_IOV));
	KUNIT_EXPECT_EQ(test, r->dq.pos.avail, PAGE_NUM - 2);
	r->dq.pos.avail = PAGE_NUM;
	expect_fault(test, r, ring_pop(r, 8, RING_IOV));
	expect_fault(test, r, ring_pending(r));
	expect_fault(test, r, ring_enable_kick(r));
}

/* Of a batch that could not be written, the driver sees nothing. */
static void fault_in_push(struct kunit *test)
{
	struct ring *r = two_pages(test, PAGE_NUM - 2);
	struct devq_used used[4];
	struct devq_pos pos;
	unsigned int i;
	u16 flags;

	for (i = 0; i < 4; i++)
		ring_add_one(test, r, 8, true);
	KUNIT_ASSERT_EQ(test, ring_pop(r, 8, RING_IOV), 4);
	for (i = 0; i < 4; i++)
		used[i] = devq_use(&r->chain[i], 7);
	lose_page(test, r);
	pos = r->dq.pos;
	flags = flags_at(r, PAGE_NUM - 2);
	devq_enter(&r->dq);
	expect_fault(test, r, devq_push(&r->dq, used, 4));
	KUNIT_EXPECT_MEMEQ(test, &r->dq.pos, &pos, sizeof(pos));
	KUNIT_EXPECT_EQ(test, flags_at(r, PAGE_NUM - 2), flags);
	/* What lies in the first page can still be given back. */
	KUNIT_EXPECT_EQ(test, devq_push(&r->dq, used, 2), 0);
	devq_exit(&r->dq);
	for (i = 0; i < 2; i++)
		ring_expect_done(test, r, (void *)(r->token - 3 + i), 7);
}

/* One event area at a time is gone. */
static void fault_in_events(struct kunit *test)
{
	struct ring *r = ring_open(test, 8, 0);
	struct devq_addr bad = r->cfg.addr;

	bad.driver = 0x10000;
	KUNIT_ASSERT_EQ(test, devq_move(&r->dq, &bad), 0);
	ring_one_through(test, r);
	expect_fault(test, r, ring_want_signal(r));
	bad = r->cfg.addr;
	bad.device = 0x10000;
	KUNIT_ASSERT_EQ(test, devq_move(&r->dq, &bad), 0);
	expect_fault(test, r, ring_disable_kick(r));
	if (r->dq.event_idx)
		expect_fault(test, r, ring_enable_kick(r));
	devq_stop(&r->dq);
	r->cfg.addr = bad;
	KUNIT_EXPECT_EQ(test, devq_start(&r->dq, &r->cfg), -EFAULT);
}

static struct kunit_case packed_cases[] = {
	KUNIT_CASE_PARAM(bad_chain, ring_packed_gen_params),
	KUNIT_CASE_PARAM(loop, ring_packed_gen_params),
	KUNIT_CASE_PARAM(table_flags, ring_packed_gen_params),
	KUNIT_CASE_PARAM(across_the_end, ring_packed_gen_params),
	KUNIT_CASE_PARAM(long_chains, ring_packed_gen_params),
	KUNIT_CASE_PARAM(used_descriptor, ring_packed_gen_params),
	KUNIT_CASE_PARAM(used_places, ring_packed_gen_params),
	KUNIT_CASE_PARAM(event_places, event_gen_params),
	KUNIT_CASE_PARAM(event_forgotten, event_gen_params),
	KUNIT_CASE_PARAM(event_flags, ring_packed_gen_params),
	KUNIT_CASE_PARAM(kick_event, ring_packed_gen_params),
	KUNIT_CASE_PARAM(handed_over, ring_packed_gen_params),
	KUNIT_CASE_PARAM(position_refused, ring_packed_gen_params),
	KUNIT_CASE_PARAM(fault_in_fetch, user_gen_params),
	KUNIT_CASE_PARAM(fault_in_push, user_gen_params),
	KUNIT_CASE_PARAM(fault_in_events, user_gen_params),
	{}
};

static struct kunit_suite packed_suite = {
	.name = "ring-packed",
	.test_cases = packed_cases,
};

kunit_test_suite(packed_suite);
