// SPDX-License-Identifier: GPL-2.0-only
/* What follows when a driver does what it must not: the same in either layout. */

#include <kunit/test.h>

#include "ring_kunit.h"

/**
 * ring_expect_broken - expect that the next chain breaks the ring, and nothing else
 * @test: the test
 * @r: its ring
 * @error: what the engine has to say of it
 * @name: what was done, for messages
 */
void ring_expect_broken(struct kunit *test, struct ring *r, enum devq_error error,
			const char *name)
{
	struct devq_pos pos = r->dq.pos;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ_MSG(test, ring_pop(r, 64, RING_IOV), -EIO, "%s", name);
		KUNIT_EXPECT_STREQ_MSG(test, devq_error_name(r->dq.error), devq_error_name(error),
				       "%s", name);
		KUNIT_EXPECT_MEMEQ(test, &r->dq.pos, &pos, sizeof(pos));
		KUNIT_EXPECT_EQ(test, ring_want_signal(r), -EIO);
		/* Told to try again, it finds the same. */
		if (!i)
			devq_clear_error(&r->dq);
	}
	ring_expect_none_done(test, r);
}

/* Two good chains, of descriptors 0 and 1, a bad one, of descriptor 2, and its cure. */
static void try_bad(struct kunit *test, const struct ring_bad *bad, u16 base,
		    void (*cure)(struct ring *r, u64 buf))
{
	struct ring *r = ring_open(test, RING_BAD_NUM, base);
	struct mock_buf buf = ring_buf(test, r, 64, false);
	void *token[3];
	unsigned int i;

	for (i = 0; i < 3; i++)
		token[i] = ring_add(test, r, &buf, 1, false);
	bad->make(test, r, buf.addr);
	KUNIT_ASSERT_EQ_MSG(test, ring_pop(r, 64, RING_IOV), 2, "%s", bad->name);
	KUNIT_EXPECT_EQ(test, r->dq.error, DEVQ_OK);
	KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, 2, 0), 0);
	ring_expect_done(test, r, token[0], 0);
	ring_expect_done(test, r, token[1], 0);
	ring_expect_broken(test, r, bad->error, bad->name);

	cure(r, buf.addr);
	devq_clear_error(&r->dq);
	KUNIT_ASSERT_EQ_MSG(test, ring_pop(r, 64, RING_IOV), 1, "%s", bad->name);
	KUNIT_EXPECT_EQ(test, r->chain[0].out_len, 64);
	KUNIT_EXPECT_EQ(test, ring_push(r, r->chain, 1, 0), 0);
	ring_expect_done(test, r, token[2], 0);
}

/**
 * ring_try_bad - try bad things, each once in a ring of its own
 * @test: the test, with a struct ring_variant as its parameter
 * @bad: the things
 * @n: how many
 * @odd_base: where every other ring begins; the rest begin at 0
 * @cure: make a good chain of the bad one
 */
void ring_try_bad(struct kunit *test, const struct ring_bad *bad, unsigned int n, u16 odd_base,
		  void (*cure)(struct ring *r, u64 buf))
{
	const struct ring_variant *v = test->param_value;
	unsigned int i;

	for (i = 0; i < n; i++)
		if (!bad[i].buffer || v->memory->type != DEVQ_MEM_PHYS)
			try_bad(test, &bad[i], i & 1 ? odd_base : 0, cure);
}
