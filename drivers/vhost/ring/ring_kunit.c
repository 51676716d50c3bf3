// SPDX-License-Identifier: GPL-2.0-only
/* Unit tests of the ring engine that hold for every layout and kind of memory. */

#include <kunit/test.h>
#include <linux/module.h>

#include "memmap/random_kunit.h"
#include "ring_kunit.h"

RING_PARAMS();

static u32 done_id(const struct devq_chain *chain)
{
	return chain->out_len * 31 + chain->in_len + 1;
}

/* A buffer of three readable and two writable parts, there and back. */
static void one_buffer(struct kunit *test, bool indirect)
{
	static const u32 len[] = { 1, 4096, 100, 3000, 7 };
	struct ring *r = ring_open(test, 8, 0);
	u8 *sent = kunit_kzalloc(test, 8192, GFP_KERNEL);
	u8 *got = kunit_kzalloc(test, 8192, GFP_KERNEL);
	struct mock_buf buf[5];
	unsigned int i, at = 0;
	void *token;

	KUNIT_ASSERT_NOT_NULL(test, sent);
	KUNIT_ASSERT_NOT_NULL(test, got);
	for (i = 0; i < 8192; i++)
		sent[i] = i * 7 + (i >> 8);
	for (i = 0; i < 5; i++) {
		buf[i] = ring_buf(test, r, len[i], i >= 3);
		if (i < 3)
			memcpy(ring_buf_va(r, &buf[i]), sent + at, len[i]);
		at += len[i];
	}
	KUNIT_EXPECT_EQ(test, ring_pop(r, 64, RING_IOV), 0);
	KUNIT_EXPECT_EQ(test, ring_pending(r), 0);
	token = ring_add(test, r, buf, 5, indirect);
	KUNIT_EXPECT_EQ(test, ring_pending(r), 1);
	KUNIT_ASSERT_EQ(test, ring_pop(r, 64, RING_IOV), 1);
	KUNIT_EXPECT_EQ(test, ring_pending(r), 0);
	KUNIT_EXPECT_EQ(test, r->chain[0].out_len, 4197);
	KUNIT_EXPECT_EQ(test, r->chain[0].in_len, 3007);
	KUNIT_EXPECT_GE(test, r->chain[0].nr_out, 3);
	KUNIT_EXPECT_GE(test, r->chain[0].nr_in, 2);
	KUNIT_EXPECT_EQ(test, r->chain[0].ndesc, indirect ? 1 : 5);
	KUNIT_EXPECT_PTR_EQ(test, r->chain[0].seg, &r->iov[0]);
	KUNIT_EXPECT_EQ(test, ring_gather(r, &r->chain[0], got, 8192), 4197);
	KUNIT_EXPECT_MEMEQ(test, got, sent, 4197);

	KUNIT_EXPECT_EQ(test, ring_scatter(r, &r->chain[0], sent + 1000, 3005), 2);
	ring_expect_none_done(test, r);
	KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, 1, 3005), 0);
	ring_expect_done(test, r, token, 3005);
	ring_expect_none_done(test, r);
	KUNIT_EXPECT_MEMEQ(test, ring_buf_va(r, &buf[3]), sent + 1000, 3000);
	KUNIT_EXPECT_MEMEQ(test, ring_buf_va(r, &buf[4]), sent + 4000, 5);
}

static void one_direct(struct kunit *test)
{
	one_buffer(test, false);
}

static void one_indirect(struct kunit *test)
{
	one_buffer(test, true);
}

/* Chains of 1 to 40 descriptors, direct and indirect in turn. */
static void chain_sizes(struct kunit *test)
{
	struct ring *r = ring_open(test, 64, 0);
	struct mock_buf buf[40];
	unsigned int n, i, out;
	void *token;

	for (n = 1; n <= 40; n++)
		for (out = 0; out <= n; out += max(n / 3, 1U)) {
			bool indirect = (n + out) & 1;
			u32 out_len = 0, in_len = 0;

			for (i = 0; i < n; i++) {
				buf[i] = ring_buf(test, r, i * 37 + n, i >= out);
				if (i < out)
					out_len += buf[i].len;
				else
					in_len += buf[i].len;
			}
			token = ring_add(test, r, buf, n, indirect);
			KUNIT_ASSERT_EQ(test, ring_pop(r, 64, RING_IOV), 1);
			KUNIT_EXPECT_EQ(test, r->chain[0].out_len, out_len);
			KUNIT_EXPECT_EQ(test, r->chain[0].in_len, in_len);
			KUNIT_EXPECT_EQ(test, r->chain[0].ndesc, indirect ? 1 : n);
			KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, 1, n), 0);
			ring_expect_done(test, r, token, n);
		}
}

/* Descriptors without bytes are legal, have no pieces and end nothing. */
static void zero_length(struct kunit *test)
{
	struct ring *r = ring_open(test, 8, 0);
	unsigned int i;
	void *token;

	for (i = 0; i < 4; i++) {
		struct mock_buf buf[5] = {
			ring_buf(test, r, i == 0 ? 0 : 3, false),
			ring_buf(test, r, i == 1 ? 0 : 5, false),
			ring_buf(test, r, i == 2 ? 0 : 7, true),
			ring_buf(test, r, i == 3 ? 0 : 11, true),
			ring_buf(test, r, 0, true),
		};

		token = ring_add(test, r, buf, 5, i & 1);
		KUNIT_ASSERT_EQ(test, ring_pop(r, 64, RING_IOV), 1);
		KUNIT_EXPECT_EQ(test, r->chain[0].out_len, buf[0].len + buf[1].len);
		KUNIT_EXPECT_EQ(test, r->chain[0].in_len, buf[2].len + buf[3].len);
		KUNIT_EXPECT_EQ(test, r->chain[0].nr_out, i < 2 ? 1 : 2);
		KUNIT_EXPECT_EQ(test, r->chain[0].nr_in, i < 2 ? 2 : 1);
		KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, 1, 0), 0);
		ring_expect_done(test, r, token, 0);
	}
	token = ring_add_one(test, r, 0, false);
	KUNIT_ASSERT_EQ(test, ring_pop(r, 64, RING_IOV), 1);
	KUNIT_EXPECT_EQ(test, r->chain[0].nr_out + r->chain[0].nr_in, 0);
	KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, 1, 0), 0);
	ring_expect_done(test, r, token, 0);
}

/* One call takes no more than asked for, nor more than a batch. */
static void batch_limits(struct kunit *test)
{
	static const unsigned int max[] = { 1, 3, 0, 5, DEVQ_BATCH, DEVQ_BATCH + 1, 200, 200 };
	static const int got[] = { 1, 3, 0, 5, DEVQ_BATCH, DEVQ_BATCH, 19, 0 };
	struct ring *r = ring_open(test, 256, 0);
	unsigned int i, k, at = 0, total = 9 + 2 * DEVQ_BATCH + 19;
	unsigned long first = r->token + 1;

	for (i = 0; i < total; i++)
		ring_add_one(test, r, 16 + i, i & 1);
	for (i = 0; i < ARRAY_SIZE(max); i++) {
		int n = ring_pop(r, max[i], RING_IOV);

		KUNIT_ASSERT_EQ(test, n, got[i]);
		for (k = 0; k < n; k++, at++)
			KUNIT_EXPECT_EQ(test, (at & 1 ? r->chain[k].in_len : r->chain[k].out_len),
					16 + at);
		KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, n, 0), 0);
	}
	for (i = 0; i < total; i++)
		ring_expect_done(test, r, (void *)(first + i), 0);
	ring_expect_none_done(test, r);
}

/* What does not fit into the caller's array stays in the ring. */
static void room_limits(struct kunit *test)
{
	struct ring *r = ring_open(test, 8, 0);
	struct mock_buf *buf = kunit_kcalloc(test, DEVQ_CHAIN_SEGS, sizeof(*buf), GFP_KERNEL);
	void *token[5];
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	for (i = 0; i < 5; i++) {
		unsigned int n = i == 3 ? DEVQ_CHAIN_SEGS : 400, k;

		/* One byte each: no buffer crosses a region. */
		for (k = 0; k < n; k++)
			buf[k] = ring_buf(test, r, 1, k >= i);
		token[i] = ring_add(test, r, buf, n, true);
	}
	KUNIT_ASSERT_EQ(test, ring_pop(r, 64, DEVQ_CHAIN_SEGS), 2);
	KUNIT_EXPECT_EQ(test, r->chain[0].nr_in, 400);
	KUNIT_EXPECT_EQ(test, r->chain[1].nr_in, 399);
	KUNIT_EXPECT_PTR_EQ(test, r->chain[1].seg, r->iov + 400);
	KUNIT_EXPECT_EQ(test, r->dq.error, DEVQ_OK);
	KUNIT_EXPECT_EQ(test, ring_pending(r), 1);
	KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, 2, 0), 0);
	KUNIT_ASSERT_EQ(test, ring_pop(r, 64, DEVQ_CHAIN_SEGS), 1);
	KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, 1, 0), 0);
	/* The longest chain there may be, and one behind it. */
	KUNIT_ASSERT_EQ(test, ring_pop(r, 64, DEVQ_CHAIN_SEGS), 1);
	KUNIT_EXPECT_EQ(test, r->chain[0].nr_out + r->chain[0].nr_in, DEVQ_CHAIN_SEGS);
	KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, 1, 0), 0);
	KUNIT_ASSERT_EQ(test, ring_pop(r, 64, RING_IOV), 1);
	KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, 1, 0), 0);
	for (i = 0; i < 5; i++)
		ring_expect_done(test, r, token[i], 0);
}

/* A chain of one piece too many breaks the queue, whatever room the caller has. */
static void too_many_pieces(struct kunit *test)
{
	struct mock_buf *buf = kunit_kcalloc(test, DEVQ_CHAIN_SEGS + 1, sizeof(*buf), GFP_KERNEL);
	static const unsigned int room[] = { DEVQ_CHAIN_SEGS, DEVQ_CHAIN_SEGS + 1, RING_IOV };
	unsigned int i, k;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	for (i = 0; i < ARRAY_SIZE(room); i++) {
		struct ring *r = ring_open(test, 8, 0);
		void *token;

		for (k = 0; k <= DEVQ_CHAIN_SEGS; k++)
			buf[k] = ring_buf(test, r, 1, true);
		token = ring_add_one(test, r, 1, true);
		ring_add(test, r, buf, DEVQ_CHAIN_SEGS + 1, true);
		KUNIT_ASSERT_EQ(test, ring_pop(r, 64, room[i]), 1);
		KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, 1, 1), 0);
		ring_expect_done(test, r, token, 1);
		KUNIT_EXPECT_EQ(test, ring_pop(r, 64, room[i]), -EIO);
		KUNIT_EXPECT_EQ(test, r->dq.error, DEVQ_E_SEGMENTS);
	}
}

static void unpop(struct kunit *test)
{
	struct ring *r = ring_open(test, 16, 65530);
	struct devq_chain popped[8];
	unsigned int i, k;
	void *token[8];

	for (i = 0; i < 8; i++) {
		struct mock_buf buf[2] = { ring_buf(test, r, 100 + i, false),
					   ring_buf(test, r, 200 + i, true) };

		token[i] = ring_add(test, r, buf, 2, i & 1);
	}
	for (k = 8; k > 0; k--) {
		KUNIT_ASSERT_EQ(test, ring_pop(r, 8, RING_IOV), 8);
		for (i = 0; i < 8; i++)
			KUNIT_EXPECT_EQ(test, r->chain[i].out_len, 100 + i);
		memcpy(popped, r->chain, sizeof(popped));
		devq_unpop(&r->dq, popped + 8 - k, k);
		KUNIT_EXPECT_EQ(test, ring_pending(r), 1);
		/* Those that went back come again, in their order. */
		KUNIT_ASSERT_EQ(test, ring_pop(r, 1, RING_IOV), 1);
		KUNIT_EXPECT_EQ(test, r->chain[0].out_len, 108 - k);
		devq_unpop(&r->dq, r->chain, 1);
		devq_unpop(&r->dq, popped, 8 - k);
	}
	KUNIT_ASSERT_EQ(test, ring_pop(r, 8, RING_IOV), 8);
	KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, 8, 9), 0);
	for (i = 0; i < 8; i++)
		ring_expect_done(test, r, token[i], 9);
}

/* A full ring of single descriptors, all of them given back, in the other order if possible. */
static void full_ring(struct kunit *test, u16 num)
{
	struct ring *r = ring_open(test, num, 65535);
	struct devq_chain *chain = kunit_kcalloc(test, num, sizeof(*chain), GFP_KERNEL);
	struct devq_used *used = kunit_kcalloc(test, num, sizeof(*used), GFP_KERNEL);
	struct mock_buf buf = ring_buf(test, r, 64, true);
	unsigned int at = 0, i, round;
	int n;

	KUNIT_ASSERT_NOT_NULL(test, chain);
	KUNIT_ASSERT_NOT_NULL(test, used);
	for (round = 0; round < 3; round++) {
		unsigned long first = r->token + 1;

		for (i = 0; i < num; i++) {
			buf.len = 1 + i % 64;
			ring_add(test, r, &buf, 1, false);
		}
		KUNIT_EXPECT_EQ(test, r->drv.layout->add(&r->drv, &buf, 1, NULL, r), -ENOSPC);
		for (at = 0; (n = ring_pop(r, DEVQ_BATCH, RING_IOV)) > 0; at += n)
			memcpy(&chain[at], r->chain, n * sizeof(*chain));
		KUNIT_ASSERT_EQ(test, n, 0);
		KUNIT_ASSERT_EQ(test, at, num);
		for (i = 0; i < num; i++) {
			const struct devq_chain *c = &chain[r->dq.in_order ? i : num - 1 - i];

			KUNIT_ASSERT_EQ(test, c->in_len, 1 + (c - chain) % 64);
			used[i] = devq_use(c, c->in_len);
		}
		devq_enter(&r->dq);
		KUNIT_EXPECT_EQ(test, devq_push(&r->dq, used, num), 0);
		devq_exit(&r->dq);
		for (i = 0; i < num; i++) {
			unsigned int k = r->dq.in_order ? i : num - 1 - i;

			ring_expect_done(test, r, (void *)(first + k), 1 + k % 64);
		}
		ring_expect_none_done(test, r);
	}
}

static void full_ring_of_1(struct kunit *test)
{
	full_ring(test, 1);
}

static void full_ring_of_2(struct kunit *test)
{
	full_ring(test, 2);
}

static void full_ring_of_3(struct kunit *test)
{
	full_ring(test, 3);
}

static void full_ring_of_1000(struct kunit *test)
{
	full_ring(test, 1000);
}

static void full_ring_of_256(struct kunit *test)
{
	full_ring(test, 256);
}

static void full_ring_of_32768(struct kunit *test)
{
	full_ring(test, 32768);
}

/* Every index passes 65535 twice; nothing is lost, nothing comes twice. */
static void index_wrap(struct kunit *test)
{
	struct ring *r = ring_open(test, 32, 0);
	unsigned int total = 0, i, n;

	while (total < 2 * 65536 + 100) {
		unsigned long first = r->token + 1;

		n = 1 + total % 31;
		for (i = 0; i < n; i++)
			ring_add_one(test, r, 1 + i, true);
		KUNIT_ASSERT_EQ(test, ring_pop(r, DEVQ_BATCH, RING_IOV), n);
		for (i = 0; i < n; i++)
			KUNIT_ASSERT_EQ(test, r->chain[i].in_len, 1 + i);
		KUNIT_ASSERT_EQ(test, ring_push(r, r->chain, n, done_id(r->chain)), 0);
		for (i = 0; i < n; i++)
			ring_expect_done(test, r, (void *)(first + i), done_id(r->chain));
		total += n;
	}
	ring_expect_none_done(test, r);
}

/* A device that stops anywhere is followed by one that goes on there. */
static void restart(struct kunit *test)
{
	static const u16 base[] = { 0, 1, 7, 300, 65535, 65534, 32768 };
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(base); i++) {
		struct ring *r = ring_open(test, 8, base[i]);
		struct devq_pos pos;
		void *token[6];

		for (k = 0; k < 6; k++)
			token[k] = ring_add_one(test, r, 10 + k, true);
		KUNIT_ASSERT_EQ(test, ring_pop(r, 3, RING_IOV), 3);
		KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, 2, 1), 0);
		/* The third goes back before the device leaves. */
		devq_unpop(&r->dq, r->chain + 2, 1);
		devq_stop(&r->dq);
		KUNIT_EXPECT_FALSE(test, devq_running(&r->dq));
		pos = r->dq.pos;

		devq_init(&r->dq);
		r->dq.pos = pos;
		/* A split ring itself says where used entries go on. */
		if (!ring_is_packed(r))
			r->dq.pos.used = ~pos.used;
		KUNIT_ASSERT_EQ(test, devq_start(&r->dq, &r->cfg), 0);
		KUNIT_EXPECT_EQ(test, ring_pending(r), 1);
		KUNIT_EXPECT_EQ(test, r->dq.pos.used, pos.used);
		KUNIT_ASSERT_EQ(test, ring_pop(r, 64, RING_IOV), 4);
		for (k = 0; k < 4; k++)
			KUNIT_EXPECT_EQ(test, r->chain[k].in_len, 12 + k);
		KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, 4, 1), 0);
		for (k = 0; k < 6; k++)
			ring_expect_done(test, r, token[k], 1);
		ring_expect_none_done(test, r);
	}
}

/* A kick comes if and only if the device asked for it. */
static void kicks(struct kunit *test)
{
	struct ring *r = ring_open(test, 8, 65533);
	unsigned int i;

	for (i = 0; i < 10; i++) {
		KUNIT_EXPECT_EQ(test, ring_enable_kick(r), 0);
		ring_add_one(test, r, 1, false);
		KUNIT_EXPECT_TRUE(test, r->drv.layout->want_kick(&r->drv));
		KUNIT_EXPECT_EQ(test, ring_disable_kick(r), 0);
		ring_add_one(test, r, 1, false);
		KUNIT_EXPECT_FALSE(test, r->drv.layout->want_kick(&r->drv));
		ring_add_one(test, r, 1, false);
		KUNIT_EXPECT_FALSE(test, r->drv.layout->want_kick(&r->drv));
		/* Something came while kicks were off: whoever goes to sleep is told. */
		KUNIT_EXPECT_EQ(test, ring_enable_kick(r), 1);
		KUNIT_EXPECT_EQ(test, ring_disable_kick(r), 0);
		KUNIT_ASSERT_EQ(test, ring_pop(r, 2, RING_IOV), 2);
		KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, 2, 0), 0);
		KUNIT_EXPECT_EQ(test, ring_enable_kick(r), 1);
		KUNIT_ASSERT_EQ(test, ring_pop(r, 2, RING_IOV), 1);
		KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, 1, 0), 0);
		/* Enabled twice is enabled. */
		KUNIT_EXPECT_EQ(test, ring_enable_kick(r), 0);
		r->drv.layout->want_kick(&r->drv);
		while (r->drv.layout->get(&r->drv, &(struct mock_done) {}))
			;
	}
}

/* A batch that passes the border of what the device saw is one kick. */
static void kick_for_batch(struct kunit *test)
{
	struct ring *r = ring_open(test, 8, 65530);
	struct mock_buf buf = ring_buf(test, r, 1, false);
	unsigned int n, i;

	for (n = 1; n <= 8; n++) {
		KUNIT_EXPECT_EQ(test, ring_enable_kick(r), 0);
		for (i = 0; i < n; i++)
			KUNIT_ASSERT_EQ(test, r->drv.layout->add(&r->drv, &buf, 1, NULL, r), 0);
		KUNIT_EXPECT_EQ(test, ring_pop(r, 64, RING_IOV), 0);
		r->drv.layout->publish(&r->drv);
		KUNIT_EXPECT_TRUE(test, r->drv.layout->want_kick(&r->drv));
		KUNIT_ASSERT_EQ(test, ring_pop(r, 64, RING_IOV), n);
		KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, n, 0), 0);
		for (i = 0; i < n; i++)
			ring_expect_done(test, r, r, 0);
	}
}

static void signals(struct kunit *test)
{
	struct ring *r = ring_open(test, 8, 65533);
	const struct mock_layout *drv = r->drv.layout;
	struct mock_done done;
	unsigned int i;

	/* Where the last signal was is not known at first: to be told once too often is right. */
	drv->enable_signal(&r->drv, 1);
	ring_one_through(test, r);
	KUNIT_EXPECT_EQ(test, ring_want_signal(r), 1);
	KUNIT_EXPECT_TRUE(test, drv->get(&r->drv, &done));
	for (i = 0; i < 10; i++) {
		KUNIT_EXPECT_FALSE(test, drv->enable_signal(&r->drv, 1));
		ring_one_through(test, r);
		KUNIT_EXPECT_EQ(test, ring_want_signal(r), 1);
		/* With event indices nobody wants to hear twice of the same. */
		if (r->dq.event_idx)
			KUNIT_EXPECT_EQ(test, ring_want_signal(r), 0);
		KUNIT_EXPECT_TRUE(test, drv->get(&r->drv, &done));
		drv->disable_signal(&r->drv);
		ring_one_through(test, r);
		KUNIT_EXPECT_EQ(test, ring_want_signal(r), 0);
		ring_one_through(test, r);
		KUNIT_EXPECT_EQ(test, ring_want_signal(r), 0);
		/* They are there: the driver finds them by itself. */
		KUNIT_EXPECT_TRUE(test, drv->enable_signal(&r->drv, 1));
		KUNIT_EXPECT_TRUE(test, drv->get(&r->drv, &done));
		KUNIT_EXPECT_TRUE(test, drv->get(&r->drv, &done));
		KUNIT_EXPECT_FALSE(test, drv->get(&r->drv, &done));
	}
}

/* One answer for a batch: it is yes wherever in the batch the driver waits. */
static void signal_for_batch(struct kunit *test)
{
	struct ring *r = ring_open(test, 8, 65500);
	const struct mock_layout *drv = r->drv.layout;
	unsigned int n, after, i;
	struct mock_done done;

	ring_want_signal(r);
	for (n = 1; n <= 6; n++)
		for (after = 1; after <= 8; after++) {
			bool due = !r->dq.event_idx || after <= n;

			KUNIT_EXPECT_FALSE(test, drv->enable_signal(&r->drv, after));
			for (i = 0; i < n; i++)
				ring_add_one(test, r, 1, true);
			KUNIT_ASSERT_EQ(test, ring_pop(r, 64, RING_IOV), n);
			KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, n, 1), 0);
			KUNIT_EXPECT_EQ(test, ring_want_signal(r), due);
			for (i = 0; i < n; i++)
				KUNIT_EXPECT_TRUE(test, drv->get(&r->drv, &done));
		}
}

/* A broken queue does nothing at all until it is told to try again. */
static void error_is_sticky(struct kunit *test)
{
	struct ring *r = ring_open(test, 8, 0);
	void *token[3];
	unsigned int i;
	u8 *before;

	for (i = 0; i < 3; i++)
		token[i] = ring_add_one(test, r, 8, true);
	KUNIT_ASSERT_EQ(test, ring_pop(r, 1, RING_IOV), 1);
	KUNIT_EXPECT_EQ(test, devq_fail(&r->dq, DEVQ_E_FORMAT), -EIO);
	/* The first reason stays. */
	KUNIT_EXPECT_EQ(test, devq_fail(&r->dq, DEVQ_E_LOOP), -EIO);
	KUNIT_EXPECT_EQ(test, r->dq.error, DEVQ_E_FORMAT);
	before = ring_memdup(test, r->va, r->buffers);
	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, 1, 0), -EIO);
		KUNIT_EXPECT_EQ(test, ring_pop(r, 1, RING_IOV), -EIO);
		KUNIT_EXPECT_EQ(test, ring_want_signal(r), -EIO);
		KUNIT_EXPECT_EQ(test, ring_enable_kick(r), -EIO);
		KUNIT_EXPECT_EQ(test, ring_disable_kick(r), -EIO);
		KUNIT_EXPECT_EQ(test, ring_pending(r), -EIO);
	}
	KUNIT_EXPECT_MEMEQ(test, r->va, before, r->buffers);
	ring_expect_none_done(test, r);

	devq_clear_error(&r->dq);
	devq_unpop(&r->dq, r->chain, 1);
	KUNIT_ASSERT_EQ(test, ring_pop(r, 8, RING_IOV), 3);
	KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, 3, 4), 0);
	for (i = 0; i < 3; i++)
		ring_expect_done(test, r, token[i], 4);
}

/* Where no area can be, and without a look at memory. */
static u64 nowhere(const struct ring *r)
{
	switch (r->cfg.mem) {
	case DEVQ_MEM_USER:
		return 0xffff888000000000ULL;
	case DEVQ_MEM_PHYS:
		return U64_MAX - 1;
	default:
		return 0;
	}
}

/* The areas can go elsewhere while the queue runs. */
static void move(struct kunit *test)
{
	struct ring *r = ring_open(test, 8, 65535);
	struct devq_addr to = r->cfg.addr, bad = r->cfg.addr;
	size_t len = ALIGN(r->drv.layout->size(8), 16), off;
	void *token[3];
	unsigned int i;

	/* Behind the first, within what is kept for areas. */
	KUNIT_ASSERT_LE(test, 2 * len, r->buffers);
	off = len;
	for (i = 0; i < 3; i++)
		token[i] = ring_add_one(test, r, 10 + i, true);
	KUNIT_ASSERT_EQ(test, ring_pop(r, 1, RING_IOV), 1);
	bad.device = nowhere(r);
	KUNIT_EXPECT_EQ(test, devq_move(&r->dq, &bad), -EFAULT);
	KUNIT_EXPECT_MEMEQ(test, &r->dq.addr, &r->cfg.addr, sizeof(to));

	memcpy(r->va + off, r->va, len);
	memset(r->va, 0xff, len);
	to.desc += off;
	to.driver += off;
	to.device += off;
	KUNIT_EXPECT_EQ(test, devq_move(&r->dq, &to), 0);
	r->drv.layout->shift(&r->drv, off);
	KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, 1, 1), 0);
	KUNIT_ASSERT_EQ(test, ring_pop(r, 8, RING_IOV), 2);
	KUNIT_EXPECT_EQ(test, r->chain[0].in_len, 11);
	KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, 2, 1), 0);
	for (i = 0; i < 3; i++)
		ring_expect_done(test, r, token[i], 1);
}

static void expect_refused(struct kunit *test, struct ring *r, const struct devq_config *cfg,
			   int err)
{
	KUNIT_EXPECT_EQ(test, devq_start(&r->dq, cfg), err);
	KUNIT_EXPECT_FALSE(test, devq_running(&r->dq));
}

static u64 *area_of(struct devq_config *cfg, unsigned int i)
{
	return i == 0 ? &cfg->addr.desc : i == 1 ? &cfg->addr.driver : &cfg->addr.device;
}

/* A queue that cannot be is refused, and stays stopped. */
static void start_refused(struct kunit *test)
{
	static const u16 bad_num[] = { 0, 32769, 65535, 3, 5, 255, 32767 };
	struct ring *r = ring_open(test, 8, 3);
	struct devq_pos pos = r->dq.pos;
	struct devq_config cfg;
	unsigned int i;

	devq_stop(&r->dq);
	/* A packed ring need not be a power of two. */
	for (i = 0; i < (ring_is_packed(r) ? 3 : ARRAY_SIZE(bad_num)); i++) {
		cfg = r->cfg;
		cfg.num = bad_num[i];
		expect_refused(test, r, &cfg, -EINVAL);
	}
	for (i = 0; i < 3; i++) {
		cfg = r->cfg;
		*area_of(&cfg, i) = nowhere(r);
		expect_refused(test, r, &cfg, -EFAULT);
		cfg = r->cfg;
		*area_of(&cfg, i) += 1;
		expect_refused(test, r, &cfg, -EFAULT);
	}
	cfg = r->cfg;
	cfg.mem = DEVQ_MEM_KERNEL + 1;
	expect_refused(test, r, &cfg, -EOPNOTSUPP);
	KUNIT_EXPECT_MEMEQ(test, &r->dq.pos, &pos, sizeof(pos));
	KUNIT_ASSERT_EQ(test, devq_start(&r->dq, &r->cfg), 0);
	ring_expect_none_done(test, r);
	KUNIT_EXPECT_EQ(test, ring_pop(r, 1, RING_IOV), 0);
}

static void error_names(struct kunit *test)
{
	unsigned int i, k;

	for (i = DEVQ_OK; i <= DEVQ_E_FORMAT; i++)
		for (k = DEVQ_OK; k < i; k++)
			KUNIT_EXPECT_STRNEQ(test, devq_error_name(i), devq_error_name(k));
	KUNIT_EXPECT_NOT_NULL(test, devq_error_name(DEVQ_E_FORMAT + 1));
}

static struct kunit_case ring_cases[] = {
	KUNIT_CASE_PARAM(one_direct, ring_gen_params),
	KUNIT_CASE_PARAM(one_indirect, ring_gen_params),
	KUNIT_CASE_PARAM(chain_sizes, ring_gen_params),
	KUNIT_CASE_PARAM(zero_length, ring_gen_params),
	KUNIT_CASE_PARAM(batch_limits, ring_gen_params),
	KUNIT_CASE_PARAM(room_limits, ring_gen_params),
	KUNIT_CASE_PARAM(too_many_pieces, ring_gen_params),
	KUNIT_CASE_PARAM(unpop, ring_gen_params),
	KUNIT_CASE_PARAM(full_ring_of_1, ring_gen_params),
	KUNIT_CASE_PARAM(full_ring_of_2, ring_gen_params),
	KUNIT_CASE_PARAM(full_ring_of_3, ring_packed_gen_params),
	KUNIT_CASE_PARAM(full_ring_of_1000, ring_packed_gen_params),
	KUNIT_CASE_PARAM(full_ring_of_256, ring_gen_params),
	KUNIT_CASE_PARAM(full_ring_of_32768, ring_gen_params),
	KUNIT_CASE_PARAM(index_wrap, ring_gen_params),
	KUNIT_CASE_PARAM(restart, ring_gen_params),
	KUNIT_CASE_PARAM(kicks, ring_gen_params),
	KUNIT_CASE_PARAM(kick_for_batch, ring_gen_params),
	KUNIT_CASE_PARAM(signals, ring_gen_params),
	KUNIT_CASE_PARAM(signal_for_batch, ring_gen_params),
	KUNIT_CASE_PARAM(error_is_sticky, ring_gen_params),
	KUNIT_CASE_PARAM(move, ring_gen_params),
	KUNIT_CASE_PARAM(start_refused, ring_gen_params),
	KUNIT_CASE(error_names),
	{}
};

static struct kunit_suite ring_suite = {
	.name = "ring",
	.test_cases = ring_cases,
};

kunit_test_suite(ring_suite);

RANDOM_KUNIT_PARAMETERS();
MODULE_LICENSE("GPL");
MODULE_AUTHOR("Ringside developers");
MODULE_DESCRIPTION("Unit tests of the ring engine");
MODULE_IMPORT_NS("RINGSIDE");
