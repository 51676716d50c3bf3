/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_RANDOM_KUNIT_H
#define RINGSIDE_RANDOM_KUNIT_H
/*
 * Random schedules that can be repeated: what happens follows from one number,
 * which is printed. One file of each test module says RANDOM_KUNIT_PARAMETERS().
 */

#include <kunit/test.h>
#include <linux/moduleparam.h>
#include <linux/prandom.h>
#include <linux/random.h>

extern unsigned int test_seed;
extern unsigned int test_rounds;

#define RANDOM_KUNIT_PARAMETERS()							\
unsigned int test_seed;									\
module_param_named(seed, test_seed, uint, 0644);					\
MODULE_PARM_DESC(seed, "repeat the random schedules that printed it (0: new ones)");	\
unsigned int test_rounds;								\
module_param_named(rounds, test_rounds, uint, 0644);					\
MODULE_PARM_DESC(rounds, "length of the random schedules (0: what each finds right)")

/* Start a schedule. */
static inline void random_start(struct kunit *test, struct rnd_state *rnd)
{
	u32 s = READ_ONCE(test_seed) ?: (get_random_u32() | 1);

	kunit_info(test, "seed=%u", s);
	prandom_seed_state(rnd, s);
}

static inline unsigned int random_rounds(unsigned int usual)
{
	return READ_ONCE(test_rounds) ?: usual;
}

/* A number from 0 to @n - 1. */
static inline u32 random_below(struct rnd_state *rnd, u32 n)
{
	return ((u64)prandom_u32_state(rnd) * n) >> 32;
}

/* True in @percent of 100 cases. */
static inline bool random_chance(struct rnd_state *rnd, u32 percent)
{
	return random_below(rnd, 100) < percent;
}

#endif
