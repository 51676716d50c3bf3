// SPDX-License-Identifier: GPL-2.0-only
/* Unit tests of what a ring does differently once a feature was negotiated. */

#include <kunit/test.h>

#include "ring_kunit.h"

RING_PARAMS();

#define FEATURE_NUM	8
#define UNTOUCHED	0xa5a5

/* A used entry, or descriptor: the id and length that the device wrote there. */
static u16 entry_id(struct ring *r, unsigned int index)
{
	unsigned int at = index % FEATURE_NUM;

	if (ring_is_packed(r))
		return le16_to_cpu(r->drv.pdesc[at].id);
	return mock32(&r->drv, mock_raw(u32, r->drv.used->ring[at].id));
}

static u32 entry_len(struct ring *r, unsigned int index)
{
	unsigned int at = index % FEATURE_NUM;

	if (ring_is_packed(r))
		return le32_to_cpu(r->drv.pdesc[at].len);
	return mock32(&r->drv, mock_raw(u32, r->drv.used->ring[at].len));
}

static void forget_entries(struct ring *r)
{
	unsigned int i;

	for (i = 0; i < FEATURE_NUM; i++)
		if (ring_is_packed(r))
			r->drv.pdesc[i].id = cpu_to_le16(UNTOUCHED);
		else
			mock_raw(u32, r->drv.used->ring[i].id) = mock32(&r->drv, UNTOUCHED);
}

/* Is there an entry for @chain at @index, and @count of them in all? */
static void expect_entry(struct kunit *test, struct ring *r, unsigned int index,
			 const struct devq_chain *chain, u32 len, unsigned int count)
{
	unsigned int i, seen = 0;

	for (i = 0; i < FEATURE_NUM; i++)
		seen += entry_id(r, i) != UNTOUCHED;
	KUNIT_EXPECT_EQ(test, seen, count);
	KUNIT_EXPECT_EQ(test, entry_id(r, index), chain->id);
	KUNIT_EXPECT_EQ(test, entry_len(r, index), len);
}

/* A split ring says how far it was used, the device has counted in both. */
static void expect_used(struct kunit *test, struct ring *r, u16 index)
{
	if (ring_is_packed(r))
		KUNIT_EXPECT_EQ(test, r->dq.pos.used, index % FEATURE_NUM);
	else
		KUNIT_EXPECT_EQ(test, mock16(&r->drv, mock_raw(u16, r->drv.used->idx)), index);
}

/*
 * Every batch size from every place in the ring, borders of ring and index
 * included: one entry, where that of the first buffer would be.
 */
static void order_one_entry(struct kunit *test)
{
	struct ring *r = ring_open(test, FEATURE_NUM, 65536 - 3 * FEATURE_NUM);
	unsigned int n, round, i;

	for (round = 0; round < 2 * FEATURE_NUM; round++)
		for (n = 1; n <= FEATURE_NUM; n++) {
			unsigned long first = r->token + 1;
			u16 at = r->dq.pos.used;

			for (i = 0; i < n; i++)
				ring_add_one(test, r, 5, false);
			KUNIT_ASSERT_EQ(test, ring_pop(r, DEVQ_BATCH, RING_IOV), n);
			forget_entries(r);
			KUNIT_ASSERT_EQ(test, ring_push(r, r->chain, n, 0), 0);
			expect_entry(test, r, at, &r->chain[n - 1], 0, 1);
			expect_used(test, r, at + n);
			for (i = 0; i < n; i++)
				ring_expect_done(test, r, (void *)(first + i), 0);
			ring_expect_none_done(test, r);
		}
}

/* A buffer that is not full needs an entry, which says how full it is. */
static void order_partial(struct kunit *test)
{
	static const u32 len[] = { 100, 60, 100, 100, 0, 100, 99, 100 };
	const u16 at = 65531;
	struct ring *r = ring_open(test, FEATURE_NUM, at);
	struct devq_used used[ARRAY_SIZE(len)];
	unsigned int i;
	void *token[ARRAY_SIZE(len)];

	for (i = 0; i < ARRAY_SIZE(len); i++)
		token[i] = ring_add_one(test, r, 100, true);
	KUNIT_ASSERT_EQ(test, ring_pop(r, DEVQ_BATCH, RING_IOV), ARRAY_SIZE(len));
	for (i = 0; i < ARRAY_SIZE(len); i++)
		used[i] = devq_use(&r->chain[i], len[i]);
	forget_entries(r);
	devq_enter(&r->dq);
	KUNIT_ASSERT_EQ(test, devq_push(&r->dq, used, ARRAY_SIZE(len)), 0);
	devq_exit(&r->dq);
	/* The batches: 0-1, 2-4, 5-6, 7. */
	expect_entry(test, r, at, &r->chain[1], 60, 4);
	expect_entry(test, r, at + 2, &r->chain[4], 0, 4);
	expect_entry(test, r, at + 5, &r->chain[6], 99, 4);
	expect_entry(test, r, at + 7, &r->chain[7], 100, 4);
	for (i = 0; i < ARRAY_SIZE(len); i++)
		ring_expect_done(test, r, token[i], len[i]);
	ring_expect_none_done(test, r);
}

/* used_event may name a buffer in the middle of a batch, which has no entry. */
static void order_signal(struct kunit *test)
{
	struct ring *r = ring_open(test, FEATURE_NUM, 65533);
	unsigned int i, after;

	for (after = 1; after <= 7; after++) {
		ring_reset(test, r, 65533);
		KUNIT_EXPECT_EQ(test, ring_want_signal(r), 1);
		KUNIT_EXPECT_FALSE(test, r->drv.layout->enable_signal(&r->drv, after));
		for (i = 0; i < 6; i++)
			ring_add_one(test, r, 1, false);
		KUNIT_ASSERT_EQ(test, ring_pop(r, DEVQ_BATCH, RING_IOV), 6);
		KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, 6, 0), 0);
		KUNIT_EXPECT_EQ(test, ring_want_signal(r), r->drv.event_idx ? after <= 6 : 1);
	}
}

/* Used entries that could not be written: the driver sees none of the batch. */
static void order_fault(struct kunit *test)
{
	struct ring *r = ring_open(test, FEATURE_NUM, 65533);
	struct devq_addr bad = r->cfg.addr;
	struct devq_pos pos;
	void *token[6];
	unsigned int i;

	if (r->variant->memory != &ring_memory_user)
		kunit_skip(test, "kernel memory is always there");
	for (i = 0; i < 6; i++)
		token[i] = ring_add_one(test, r, 1, false);
	KUNIT_ASSERT_EQ(test, ring_pop(r, DEVQ_BATCH, RING_IOV), 6);
	*(ring_is_packed(r) ? &bad.desc : &bad.device) = 0x10000;
	pos = r->dq.pos;
	KUNIT_ASSERT_EQ(test, devq_move(&r->dq, &bad), 0);
	KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, 6, 0), -EIO);
	KUNIT_EXPECT_MEMEQ(test, &r->dq.pos, &pos, sizeof(pos));
	ring_expect_none_done(test, r);
	devq_clear_error(&r->dq);
	KUNIT_ASSERT_EQ(test, devq_move(&r->dq, &r->cfg.addr), 0);
	KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, 6, 0), 0);
	for (i = 0; i < 6; i++)
		ring_expect_done(test, r, token[i], 0);
}

/*
 * A driver that wants no signals gets one when the last buffer was taken, and then
 * only. The feature is legacy: with a packed ring it means nothing.
 */
static void notify_on_empty(struct kunit *test, bool negotiated)
{
	struct ring *r = ring_open(test, FEATURE_NUM, 65530);
	const struct mock_layout *drv = r->drv.layout;
	unsigned int i, k;

	if (negotiated)
		r->cfg.features |= BIT_ULL(VIRTIO_F_NOTIFY_ON_EMPTY);
	negotiated &= !ring_is_packed(r);
	KUNIT_ASSERT_EQ(test, devq_start(&r->dq, &r->cfg), 0);
	ring_one_through(test, r);
	KUNIT_EXPECT_EQ(test, ring_want_signal(r), 1);
	ring_expect_done(test, r, (void *)r->token, 1);
	for (k = 0; k < 20; k++) {
		drv->disable_signal(&r->drv);
		for (i = 0; i < 4; i++)
			ring_add_one(test, r, 1, true);
		for (i = 0; i < 4; i++) {
			KUNIT_ASSERT_EQ(test, ring_pop(r, 1, RING_IOV), 1);
			KUNIT_ASSERT_EQ(test, ring_push(r, r->chain, 1, 1), 0);
			KUNIT_EXPECT_EQ_MSG(test, ring_want_signal(r), negotiated && i == 3,
					    "buffer %u of 4", i);
			ring_expect_done(test, r, (void *)(r->token - 3 + i), 1);
			drv->disable_signal(&r->drv);
		}
	}
	/* One more that comes after the device looked: it was empty all the same. */
	ring_one_through(test, r);
	ring_add_one(test, r, 1, true);
	KUNIT_EXPECT_EQ(test, ring_want_signal(r), negotiated);
}

static void notify_negotiated(struct kunit *test)
{
	notify_on_empty(test, true);
}

static void notify_not_negotiated(struct kunit *test)
{
	notify_on_empty(test, false);
}

RING_GEN_PARAMS(order, NULL, ORDER, -1);

static struct kunit_case feature_cases[] = {
	KUNIT_CASE_PARAM(order_one_entry, order_gen_params),
	KUNIT_CASE_PARAM(order_partial, order_gen_params),
	KUNIT_CASE_PARAM(order_signal, order_gen_params),
	KUNIT_CASE_PARAM(order_fault, order_gen_params),
	KUNIT_CASE_PARAM(notify_negotiated, ring_gen_params),
	KUNIT_CASE_PARAM(notify_not_negotiated, ring_gen_params),
	{}
};

static struct kunit_suite feature_suite = {
	.name = "ring-features",
	.test_cases = feature_cases,
};

kunit_test_suite(feature_suite);
