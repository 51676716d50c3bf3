// SPDX-License-Identifier: GPL-2.0-only
/* Unit tests of what a ring does differently once a feature was negotiated. */

#include <kunit/test.h>

#include "ring_kunit.h"

RING_PARAMS();

#define FEATURE_NUM	8
#define UNTOUCHED	0xa5a5a5a5

static struct vring_used_elem *elem_at(struct ring *r, unsigned int index)
{
	return &r->drv.used->ring[index & (FEATURE_NUM - 1)];
}

static void forget_entries(struct ring *r)
{
	memset(r->drv.used->ring, UNTOUCHED & 0xff, FEATURE_NUM * sizeof(*r->drv.used->ring));
}

/* Is there an entry for @chain at @index, and @count of them in all? */
static void expect_entry(struct kunit *test, struct ring *r, unsigned int index,
			 const struct devq_chain *chain, u32 len, unsigned int count)
{
	unsigned int i, seen = 0;

	for (i = 0; i < FEATURE_NUM; i++)
		seen += mock_raw(u32, elem_at(r, i)->id) != UNTOUCHED;
	KUNIT_EXPECT_EQ(test, seen, count);
	KUNIT_EXPECT_EQ(test, mock32(&r->drv, mock_raw(u32, elem_at(r, index)->id)), chain->id);
	KUNIT_EXPECT_EQ(test, mock32(&r->drv, mock_raw(u32, elem_at(r, index)->len)), len);
}

static u16 used_idx(struct ring *r)
{
	return mock16(&r->drv, mock_raw(u16, r->drv.used->idx));
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
			KUNIT_EXPECT_EQ(test, used_idx(r), (u16)(at + n));
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
	void *token[6];
	unsigned int i;

	if (r->variant->memory != &ring_memory_user)
		kunit_skip(test, "kernel memory is always there");
	for (i = 0; i < 6; i++)
		token[i] = ring_add_one(test, r, 1, false);
	KUNIT_ASSERT_EQ(test, ring_pop(r, DEVQ_BATCH, RING_IOV), 6);
	bad.device = 0x10000;
	KUNIT_ASSERT_EQ(test, devq_move(&r->dq, &bad), 0);
	KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, 6, 0), -EIO);
	KUNIT_EXPECT_EQ(test, r->dq.pos.used, 65533);
	ring_expect_none_done(test, r);
	devq_clear_error(&r->dq);
	KUNIT_ASSERT_EQ(test, devq_move(&r->dq, &r->cfg.addr), 0);
	KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, 6, 0), 0);
	for (i = 0; i < 6; i++)
		ring_expect_done(test, r, token[i], 0);
}

/* A driver that wants no signals gets one when the last buffer was taken, and then only. */
static void notify_on_empty(struct kunit *test, bool negotiated)
{
	struct ring *r = ring_open(test, FEATURE_NUM, 65530);
	const struct mock_layout *drv = r->drv.layout;
	unsigned int i, k;

	if (negotiated)
		r->cfg.features |= BIT_ULL(VIRTIO_F_NOTIFY_ON_EMPTY);
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

static const void *order_gen_params(struct kunit *test, const void *prev, char *desc)
{
	return ring_gen_params_with(prev, desc, ORDER);
}

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
