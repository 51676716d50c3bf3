// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ring engine against a model: a driver and a device that do what they may,
 * in random order. The model knows which buffers are where, in which order, and
 * what is in them; and who sleeps. Whoever sleeps while there is something to
 * do that the other side has told of, or should have, was forgotten.
 */

#include <kunit/test.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/sched.h>

#include "memmap/random_kunit.h"
#include "ring_kunit.h"

RING_PARAMS();

#define SIM_CHAINS	40
#define SIM_BUFS	12
#define SIM_PIECES	(3 * SIM_BUFS)
/* Memory of one chain: table first. Not a multiple of a region. */
#define SIM_SLICE	26208
#define SIM_TABLE	(SIM_BUFS * sizeof(struct vring_desc))
#define SIM_BYTES	2000

/**
 * struct sim_chain - a buffer of the model
 * @link: in the list that says where it is
 * @mem: offset of its memory
 * @n: descriptors
 * @buf: what they name
 * @ndesc: descriptors of the ring it takes
 * @out_len: readable bytes
 * @in_len: writable bytes
 * @tag: what its bytes are computed from
 * @written: bytes the device wrote
 * @popped: how the device holds it
 * @seg: pieces of @popped
 */
struct sim_chain {
	struct list_head link;
	size_t mem;
	unsigned int n;
	struct mock_buf buf[SIM_BUFS];
	unsigned int ndesc;
	u32 out_len;
	u32 in_len;
	u32 tag;
	u32 written;
	struct devq_chain popped;
	struct iovec seg[SIM_PIECES];
};

/**
 * struct sim - both sides, and the truth
 * @test: the test
 * @r: the queue
 * @rnd: the schedule
 * @chain: all buffers
 * @free: not in the ring
 * @added: in the ring, the device was not told
 * @avail: the device was told
 * @held: popped
 * @used: given back, the driver has not looked
 * @nused: how many of @used
 * @nheld: how many of @held
 * @free_desc: descriptors of the ring that are not taken
 * @asked: the device asked whether to signal since it pushed
 * @device_sleeps: until the next kick
 * @driver_sleeps: until the next signal, which is due when ...
 * @due: ... so many buffers are used
 * @tag: of the last buffer
 * @bytes: scratch
 * @through: buffers that made the tour
 * @published: times that the device was told of buffers
 * @kicks: times that it wanted to hear of it
 * @signals: times that the driver wanted to hear of used ones
 * @asks: times that it was looked whether it does
 */
struct sim {
	struct kunit *test;
	struct ring *r;
	struct rnd_state rnd;
	struct sim_chain chain[SIM_CHAINS];
	struct list_head free;
	struct list_head added;
	struct list_head avail;
	struct list_head held;
	struct list_head used;
	unsigned int nused;
	unsigned int nheld;
	unsigned int free_desc;
	bool asked;
	bool device_sleeps;
	bool driver_sleeps;
	unsigned int due;
	u32 tag;
	u8 bytes[SIM_BUFS * SIM_BYTES];
	unsigned long through;
	unsigned long published;
	unsigned long kicks;
	unsigned long signals;
	unsigned long asks;
};

#define sim_first(head)	list_first_entry(head, struct sim_chain, link)

static u8 sim_byte(u32 tag, u32 at)
{
	return (tag * 13 + at * 7 + (at >> 8)) & 0xff;
}

/* Every byte of a range of the chain's data as it should be? */
static void sim_expect_bytes(struct sim *s, u32 tag, u32 at, const u8 *got, u32 len)
{
	u32 i;

	for (i = 0; i < len; i++)
		if (got[i] != sim_byte(tag, at + i)) {
			KUNIT_FAIL(s->test, "byte %u of buffer %u is wrong", at + i, tag);
			return;
		}
}

static void sim_check_sleepers(struct sim *s)
{
	if (s->device_sleeps && !list_empty(&s->avail))
		KUNIT_FAIL(s->test, "the device sleeps over buffers that are available");
	if (s->driver_sleeps && s->asked && s->nused >= s->due)
		KUNIT_FAIL(s->test, "the driver sleeps over %u used buffers, %u were due",
			   s->nused, s->due);
}

/* Choose sizes and places of a chain's buffers, and what is in the readable ones. */
static void sim_fill(struct sim *s, struct sim_chain *c)
{
	size_t off = c->mem + SIM_TABLE;
	u32 at = 0, i, k, nout;

	c->n = 1 + random_below(&s->rnd, random_chance(&s->rnd, 70) ? 3 : SIM_BUFS);
	nout = random_below(&s->rnd, c->n + 1);
	c->tag = ++s->tag;
	c->out_len = 0;
	c->in_len = 0;
	for (i = 0; i < c->n; i++) {
		struct mock_buf *buf = &c->buf[i];
		u8 *va;

		off += random_below(&s->rnd, 50);
		buf->len = random_below(&s->rnd, random_chance(&s->rnd, 70) ? 100 : SIM_BYTES);
		buf->addr = ring_addr(s->r, off);
		buf->in = i >= nout;
		va = ring_va(s->r, off);
		off += buf->len;
		if (buf->in) {
			c->in_len += buf->len;
			memset(va, 0, buf->len);
			continue;
		}
		c->out_len += buf->len;
		for (k = 0; k < buf->len; k++)
			va[k] = sim_byte(c->tag, at++);
	}
}

static void driver_add(struct sim *s)
{
	bool indirect = random_chance(&s->rnd, 50);
	struct mock_table table;
	struct sim_chain *c;
	int err;

	if (list_empty(&s->free))
		return;
	c = sim_first(&s->free);
	sim_fill(s, c);
	c->ndesc = indirect ? 1 : c->n;
	table = (struct mock_table) {
		.va = ring_va(s->r, c->mem), .addr = ring_addr(s->r, c->mem),
	};
	err = s->r->drv.layout->add(&s->r->drv, c->buf, c->n, indirect ? &table : NULL, c);
	KUNIT_ASSERT_EQ(s->test, err, c->ndesc <= s->free_desc ? 0 : -ENOSPC);
	if (err)
		return;
	s->free_desc -= c->ndesc;
	list_move_tail(&c->link, &s->added);
}

static void driver_publish(struct sim *s)
{
	if (list_empty(&s->added))
		return;
	s->r->drv.layout->publish(&s->r->drv);
	list_splice_tail_init(&s->added, &s->avail);
	s->published++;
	if (s->r->drv.layout->want_kick(&s->r->drv)) {
		s->kicks++;
		s->device_sleeps = false;
	}
	sim_check_sleepers(s);
}

/* Check a buffer that came back, byte by byte. */
static void driver_check(struct sim *s, const struct sim_chain *c)
{
	u32 at = 0, i;

	for (i = 0; i < c->n; i++) {
		u32 len = c->buf[i].len;

		if (!c->buf[i].in)
			continue;
		if (at < c->written)
			sim_expect_bytes(s, ~c->tag, at, ring_buf_va(s->r, &c->buf[i]),
					 min(len, c->written - at));
		at += len;
	}
}

static void driver_get(struct sim *s)
{
	const struct mock_layout *drv = s->r->drv.layout;
	unsigned int n = 1 + random_below(&s->rnd, 8);
	struct mock_done done;

	if (s->driver_sleeps)
		return;
	while (n--) {
		bool got = drv->get(&s->r->drv, &done);

		KUNIT_ASSERT_EQ(s->test, got, s->nused > 0);
		if (!got)
			break;
		KUNIT_ASSERT_FALSE(s->test, done.bad);
		KUNIT_ASSERT_PTR_EQ(s->test, (struct sim_chain *)done.token, sim_first(&s->used));
		KUNIT_EXPECT_EQ(s->test, done.len, sim_first(&s->used)->written);
		driver_check(s, done.token);
		s->free_desc += sim_first(&s->used)->ndesc;
		list_move_tail(&sim_first(&s->used)->link, &s->free);
		s->nused--;
		s->through++;
	}
}

static void driver_wait(struct sim *s)
{
	const struct mock_layout *drv = s->r->drv.layout;
	u16 after = 1 + random_below(&s->rnd, min_t(u32, s->r->drv.num, 3));
	bool there;

	if (s->driver_sleeps) {
		/* Something else may wake it at any time. */
		s->driver_sleeps = random_chance(&s->rnd, 95);
		return;
	}
	if (random_chance(&s->rnd, 30)) {
		drv->disable_signal(&s->r->drv);
		return;
	}
	s->due = s->r->drv.event_idx ? after : 1;
	there = drv->enable_signal(&s->r->drv, after);
	KUNIT_ASSERT_EQ(s->test, there, s->nused >= s->due);
	s->driver_sleeps = !there;
}

/* Keep what was popped: it is the next in line, and all there. */
static void device_take(struct sim *s, const struct devq_chain *chain)
{
	struct sim_chain *c = sim_first(&s->avail);
	unsigned int n = chain->nr_out + chain->nr_in;

	KUNIT_ASSERT_FALSE(s->test, list_empty(&s->avail));
	KUNIT_ASSERT_EQ(s->test, chain->out_len, c->out_len);
	KUNIT_ASSERT_EQ(s->test, chain->in_len, c->in_len);
	KUNIT_ASSERT_EQ(s->test, chain->ndesc, c->ndesc);
	KUNIT_ASSERT_LE(s->test, n, SIM_PIECES);
	KUNIT_EXPECT_EQ(s->test, ring_gather(s->r, chain, s->bytes, sizeof(s->bytes)), c->out_len);
	sim_expect_bytes(s, c->tag, 0, s->bytes, c->out_len);
	memcpy(c->seg, chain->seg, n * sizeof(*c->seg));
	c->popped = *chain;
	c->popped.seg = c->seg;
	list_move_tail(&c->link, &s->held);
	s->nheld++;
}

static void device_pop(struct sim *s)
{
	unsigned int max = 1 + random_below(&s->rnd, random_chance(&s->rnd, 50) ? 4 : DEVQ_BATCH);
	int n, keep, i;

	if (s->device_sleeps)
		return;
	n = ring_pop(s->r, max, random_chance(&s->rnd, 50) ? DEVQ_CHAIN_SEGS : RING_IOV);
	KUNIT_ASSERT_GE(s->test, n, 0);
	KUNIT_ASSERT_EQ(s->test, n, min_t(size_t, max, list_count_nodes(&s->avail)));
	keep = n && random_chance(&s->rnd, 20) ? random_below(&s->rnd, n) : n;
	devq_unpop(&s->r->dq, s->r->chain + keep, n - keep);
	for (i = 0; i < keep; i++)
		device_take(s, &s->r->chain[i]);
}

/* Write to one of the buffers held, most often the oldest. */
static struct sim_chain *device_finish(struct sim *s)
{
	struct sim_chain *c = sim_first(&s->held);
	u32 i, skip = random_chance(&s->rnd, 60) ? 0 : random_below(&s->rnd, s->nheld);

	if (s->r->dq.in_order)
		skip = 0;
	while (skip--)
		c = list_next_entry(c, link);
	c->written = random_chance(&s->rnd, 50) ? c->in_len :
						  random_below(&s->rnd, c->in_len + 1);
	for (i = 0; i < c->written; i++)
		s->bytes[i] = sim_byte(~c->tag, i);
	KUNIT_EXPECT_EQ(s->test, ring_scatter(s->r, &c->popped, s->bytes, c->written),
			c->in_len - c->written);
	list_move_tail(&c->link, &s->used);
	s->nheld--;
	return c;
}

static void device_push(struct sim *s, unsigned int max)
{
	unsigned int n = min(s->nheld, max), i;
	struct devq_used used[SIM_CHAINS];

	for (i = 0; i < n; i++) {
		struct sim_chain *c = device_finish(s);

		used[i] = devq_use(&c->popped, c->written);
	}
	devq_enter(&s->r->dq);
	KUNIT_ASSERT_EQ(s->test, devq_push(&s->r->dq, used, n), 0);
	devq_exit(&s->r->dq);
	s->nused += n;
	s->asked = s->asked && !n;
}

static void device_signal(struct sim *s)
{
	int want;

	if (s->asked)
		return;
	want = ring_want_signal(s->r);
	KUNIT_ASSERT_GE(s->test, want, 0);
	s->asked = true;
	s->asks++;
	if (want) {
		s->signals++;
		s->driver_sleeps = false;
	}
	sim_check_sleepers(s);
}

static void device_wait(struct sim *s)
{
	int there;

	if (s->device_sleeps)
		return;
	if (random_chance(&s->rnd, 30)) {
		KUNIT_ASSERT_EQ(s->test, ring_disable_kick(s->r), 0);
		return;
	}
	there = ring_enable_kick(s->r);
	KUNIT_ASSERT_EQ(s->test, there, !list_empty(&s->avail));
	s->device_sleeps = !there;
	if (there && random_chance(&s->rnd, 50))
		KUNIT_ASSERT_EQ(s->test, ring_disable_kick(s->r), 0);
}

/* Another device takes over where this one stops. */
static void device_restart(struct sim *s)
{
	struct devq_pos pos;

	device_push(s, SIM_CHAINS);
	device_signal(s);
	pos = s->r->dq.pos;
	devq_stop(&s->r->dq);
	devq_init(&s->r->dq);
	s->r->dq.pos = pos;
	KUNIT_ASSERT_EQ(s->test, devq_start(&s->r->dq, &s->r->cfg), 0);
	s->device_sleeps = false;
}

static void sim_step(struct sim *s)
{
	switch (random_below(&s->rnd, 100)) {
	case 0 ... 24:
		driver_add(s);
		break;
	case 25 ... 37:
		driver_publish(s);
		break;
	case 38 ... 52:
		driver_get(s);
		break;
	case 53 ... 59:
		driver_wait(s);
		break;
	case 60 ... 72:
		device_pop(s);
		break;
	case 73 ... 82:
		device_push(s, 1 + random_below(&s->rnd, 8));
		break;
	case 83 ... 89:
		device_signal(s);
		break;
	case 90 ... 95:
		device_wait(s);
		break;
	case 96 ... 98:
		if (!s->device_sleeps)
			KUNIT_EXPECT_EQ(s->test, ring_pending(s->r), !list_empty(&s->avail));
		break;
	default:
		if (random_chance(&s->rnd, 20))
			device_restart(s);
	}
}

/* Let everything come home, and see that it did. */
static void sim_finish(struct sim *s)
{
	driver_publish(s);
	s->device_sleeps = false;
	while (!list_empty(&s->avail) && s->test->status == KUNIT_SUCCESS)
		device_pop(s);
	device_push(s, SIM_CHAINS);
	device_signal(s);
	s->driver_sleeps = false;
	while (s->nused && s->test->status == KUNIT_SUCCESS)
		driver_get(s);
	KUNIT_EXPECT_EQ(s->test, list_count_nodes(&s->free), (size_t)SIM_CHAINS);
	KUNIT_EXPECT_EQ(s->test, s->free_desc, s->r->drv.num);
	KUNIT_EXPECT_EQ(s->test, s->r->drv.nfree, s->r->drv.num);
	ring_expect_none_done(s->test, s->r);
}

static void random_schedule(struct kunit *test, u16 num)
{
	struct sim *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);
	unsigned int i, n = random_rounds(20000);

	KUNIT_ASSERT_NOT_NULL(test, s);
	s->test = test;
	random_start(test, &s->rnd);
	s->r = ring_open_with(test, num, prandom_u32_state(&s->rnd), SIM_CHAINS * SIM_SLICE);
	s->free_desc = num;
	s->asked = true;
	INIT_LIST_HEAD(&s->free);
	INIT_LIST_HEAD(&s->added);
	INIT_LIST_HEAD(&s->avail);
	INIT_LIST_HEAD(&s->held);
	INIT_LIST_HEAD(&s->used);
	for (i = 0; i < SIM_CHAINS; i++) {
		s->chain[i].mem = s->r->buffers + i * SIM_SLICE;
		list_add_tail(&s->chain[i].link, &s->free);
	}
	for (i = 0; i < n && test->status == KUNIT_SUCCESS; i++) {
		sim_step(s);
		cond_resched();
	}
	sim_finish(s);
	kunit_info(test, "queue of %u: %lu buffers, %lu kicks for %lu batches, %lu signals for %lu",
		   num, s->through, s->kicks, s->published, s->signals, s->asks);
	/* What a short schedule comes to is a matter of luck. */
	if (n < 10000)
		return;
	/* Things moved, and not every batch was told of. */
	KUNIT_EXPECT_GT(test, s->through, n / 100UL);
	KUNIT_EXPECT_LT(test, s->kicks, s->published);
	KUNIT_EXPECT_LT(test, s->signals, s->asks);
}

static void model_of_1(struct kunit *test)
{
	random_schedule(test, 1);
}

static void model_of_2(struct kunit *test)
{
	random_schedule(test, 2);
}

static void model_of_16(struct kunit *test)
{
	random_schedule(test, 16);
}

static void model_of_256(struct kunit *test)
{
	random_schedule(test, 256);
}

static struct kunit_case ring_model_cases[] = {
	KUNIT_CASE_PARAM_ATTR(model_of_1, ring_gen_params, { .speed = KUNIT_SPEED_SLOW }),
	KUNIT_CASE_PARAM_ATTR(model_of_2, ring_gen_params, { .speed = KUNIT_SPEED_SLOW }),
	KUNIT_CASE_PARAM_ATTR(model_of_16, ring_gen_params, { .speed = KUNIT_SPEED_SLOW }),
	KUNIT_CASE_PARAM_ATTR(model_of_256, ring_gen_params, { .speed = KUNIT_SPEED_SLOW }),
	{}
};

static struct kunit_suite ring_model_suite = {
	.name = "ring-model",
	.test_cases = ring_model_cases,
};

kunit_test_suite(ring_model_suite);
