// SPDX-License-Identifier: GPL-2.0-only
/* Unit tests of memslots: what a table may hold, and what replacing it changes. */

#include <kunit/resource.h>
#include <kunit/test.h>
#include <linux/mm.h>
#include <linux/module.h>

#include "itree.h"
#include "memslot_kunit.h"
#include "random_kunit.h"

#define K	1024ULL

/* Three regions: two neighbours, a hole, and one more. */
static const struct vhost_memory_region base[] = {
	{ .guest_phys_addr = 64 * K, .memory_size = 16 * K, .userspace_addr = TEST_UVA },
	{ .guest_phys_addr = 80 * K, .memory_size = 4 * K, .userspace_addr = TEST_UVA + 1024 * K },
	{ .guest_phys_addr = 128 * K, .memory_size = 32 * K,
	  .userspace_addr = TEST_UVA + 2048 * K },
};

KUNIT_DEFINE_ACTION_WRAPPER(kvfree_action, kvfree, const void *);

/* A long table of one-page regions, one page apart in user space. */
static struct vhost_memory_region *long_table(struct kunit *test, unsigned int n)
{
	struct vhost_memory_region *r = kvmalloc_array(n, sizeof(*r), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, r);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, kvfree_action, r), 0);
	for (i = 0; i < n; i++)
		r[i] = REGION(i * 4 * K, 4 * K, TEST_UVA + i * 8 * K);
	return r;
}

/**
 * struct map_state - what must not change when a table is refused
 * @active: the set readers use
 * @generation: its generation
 * @n: regions in force
 * @r: the table
 * @node: the nodes of each region, one in each set
 */
struct map_state {
	const struct memmap_set *active;
	u64 generation;
	unsigned int n;
	struct vhost_memory_region r[16];
	const struct memmap_node *node[16][2];
};

/* The map has been validated, so both sets hold the same. */
static void state_take(struct kunit *test, struct map_state *s)
{
	struct memslots_fixture *f = test->priv;
	struct memslots *ms = &f->ms;
	unsigned int i, k;

	memset(s, 0, sizeof(*s));
	s->active = ms->map.active;
	s->generation = ms->map.active->generation;
	s->n = memslots_count(ms);
	KUNIT_ASSERT_LE(test, s->n, (unsigned int)ARRAY_SIZE(s->r));
	for (i = 0; i < s->n; i++) {
		s->r[i] = ms->table[ms->cur][i];
		for (k = 0; k < 2; k++)
			s->node[i][k] = memmap_find(&ms->map.set[k].root, s->r[i].guest_phys_addr);
	}
}

static void state_expect(struct kunit *test, const struct map_state *before)
{
	struct map_state now;

	state_take(test, &now);
	KUNIT_EXPECT_MEMEQ(test, &now, before, sizeof(now));
}

static const struct memmap_node *node_of(struct kunit *test, unsigned int set, u64 gpa)
{
	struct memslots_fixture *f = test->priv;

	return memmap_find(&f->ms.map.set[set].root, gpa);
}

static void table_empty(struct kunit *test)
{
	struct memslots_fixture *f = test->priv;
	struct iovec iov;

	KUNIT_EXPECT_EQ(test, memslots_validate(&f->ms), 0);
	KUNIT_EXPECT_EQ(test, memslots_count(&f->ms), 0);
	memslots_expect_hole(test, 0, 1);
	memslots_expect_hole(test, U64_MAX, 1);
	KUNIT_EXPECT_EQ(test, memslots_lookup(test, 0, 0, &iov, 1), 0);
	KUNIT_EXPECT_EQ(test, memslots_set(test, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, memslots_count(&f->ms), 0);
}

static void table_set(struct kunit *test)
{
	struct memslots_fixture *f = test->priv;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, memslots_set(test, base, ARRAY_SIZE(base)), 0);
	KUNIT_EXPECT_EQ(test, memslots_count(&f->ms), ARRAY_SIZE(base));
	for (i = 0; i < ARRAY_SIZE(base); i++) {
		u64 gpa = base[i].guest_phys_addr, size = base[i].memory_size;

		memslots_expect_at(test, gpa, size, base[i].userspace_addr);
		memslots_expect_at(test, gpa + size - 1, 1, base[i].userspace_addr + size - 1);
	}
	memslots_expect_hole(test, base[0].guest_phys_addr - 1, 1);
	memslots_expect_hole(test, 84 * K, 1);
	memslots_expect_hole(test, 160 * K, 1);
	KUNIT_ASSERT_EQ(test, memslots_set(test, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, memslots_count(&f->ms), 0);
	memslots_expect_hole(test, base[0].guest_phys_addr, 1);
}

/* Regions that are in both tables keep their nodes, in both sets. */
static void table_difference(struct kunit *test)
{
	struct vhost_memory_region next[] = {
		base[2],
		REGION(80 * K, 4 * K, TEST_UVA + 4096 * K),	/* base[1], elsewhere */
		base[0],
		REGION(256 * K, 4 * K, TEST_UVA + 8192 * K),
	};
	const struct memmap_node *before[3][2], *after;
	unsigned int i, k;

	KUNIT_ASSERT_EQ(test, memslots_set(test, base, 3), 0);
	for (i = 0; i < 3; i++)
		for (k = 0; k < 2; k++)
			before[i][k] = node_of(test, k, base[i].guest_phys_addr);
	KUNIT_ASSERT_EQ(test, memslots_set(test, next, ARRAY_SIZE(next)), 0);
	for (i = 0; i < 3; i++)
		for (k = 0; k < 2; k++) {
			after = node_of(test, k, base[i].guest_phys_addr);
			if (i == 1)
				KUNIT_EXPECT_PTR_NE(test, after, before[i][k]);
			else
				KUNIT_EXPECT_PTR_EQ(test, after, before[i][k]);
		}
	memslots_expect_at(test, 80 * K, 4 * K, TEST_UVA + 4096 * K);
	memslots_expect_at(test, 256 * K, 4 * K, TEST_UVA + 8192 * K);
}

/* The order of a table is the VMM's own business. */
static void table_order(struct kunit *test)
{
	static const u8 order[][3] = {
		{ 0, 1, 2 }, { 2, 1, 0 }, { 1, 2, 0 }, { 0, 2, 1 }, { 2, 0, 1 }, { 1, 0, 2 },
	};
	struct memslots_fixture *f = test->priv;
	struct vhost_memory_region next[3];
	const struct memmap_set *active;
	const struct memmap_node *node[3];
	unsigned int i, k;
	u64 generation;

	KUNIT_ASSERT_EQ(test, memslots_set(test, base, 3), 0);
	active = f->ms.map.active;
	generation = active->generation;
	for (k = 0; k < 3; k++)
		node[k] = node_of(test, 0, base[k].guest_phys_addr);
	for (i = 0; i < ARRAY_SIZE(order); i++) {
		for (k = 0; k < 3; k++)
			next[k] = base[order[i][k]];
		KUNIT_ASSERT_EQ(test, memslots_set(test, next, 3), 0);
		/* Nothing differs, so nothing is published. */
		KUNIT_EXPECT_PTR_EQ(test, f->ms.map.active, active);
		KUNIT_EXPECT_EQ(test, f->ms.map.active->generation, generation);
		for (k = 0; k < 3; k++)
			KUNIT_EXPECT_PTR_EQ(test, node_of(test, 0, base[k].guest_phys_addr),
					    node[k]);
	}
}

/* The generation tells readers to drop what they remember: only when they must. */
static void table_generation(struct kunit *test)
{
	struct vhost_memory_region next[4] = { base[0], base[1], base[2],
					       REGION(0, 64 * K, TEST_UVA + 4096 * K) };
	struct memslots_fixture *f = test->priv;
	u64 generation;

	KUNIT_ASSERT_EQ(test, memslots_set(test, base, 1), 0);
	generation = f->ms.map.active->generation;
	KUNIT_ASSERT_EQ(test, memslots_set(test, next, 2), 0);
	KUNIT_ASSERT_EQ(test, memslots_set(test, next, 4), 0);
	KUNIT_ASSERT_EQ(test, memslots_set(test, next, 4), 0);
	KUNIT_EXPECT_EQ(test, f->ms.map.active->generation, generation);

	/* Leaves. */
	KUNIT_ASSERT_EQ(test, memslots_set(test, next, 3), 0);
	KUNIT_EXPECT_GT(test, f->ms.map.active->generation, generation);
	generation = f->ms.map.active->generation;
	/* Moves in user space. */
	next[1].userspace_addr += 4 * K;
	KUNIT_ASSERT_EQ(test, memslots_set(test, next, 3), 0);
	KUNIT_EXPECT_GT(test, f->ms.map.active->generation, generation);
	generation = f->ms.map.active->generation;
	/* Moves in guest memory. */
	next[1].guest_phys_addr += 4 * K;
	KUNIT_ASSERT_EQ(test, memslots_set(test, next, 3), 0);
	KUNIT_EXPECT_GT(test, f->ms.map.active->generation, generation);
	generation = f->ms.map.active->generation;
	/* Shrinks. */
	next[2].memory_size /= 2;
	KUNIT_ASSERT_EQ(test, memslots_set(test, next, 3), 0);
	KUNIT_EXPECT_GT(test, f->ms.map.active->generation, generation);
}

/* What a reader remembers is still used after growth, and never after removal. */
static void table_cache_survives_growth(struct kunit *test)
{
	struct memslots_fixture *f = test->priv;
	struct memmap_cache before;
	struct iovec iov;

	KUNIT_ASSERT_EQ(test, memslots_set(test, base, 1), 0);
	memslots_expect_at(test, base[0].guest_phys_addr, 16 * K, TEST_UVA);
	before = f->cache;
	KUNIT_ASSERT_EQ(test, memslots_set(test, base, 2), 0);
	KUNIT_ASSERT_EQ(test, memslots_set(test, base, 3), 0);
	KUNIT_EXPECT_TRUE(test, memmap_cache_hit(&f->cache, f->ms.map.active->generation, 64 * K,
						 16 * K, MEMMAP_READ | MEMMAP_WRITE));
	memslots_expect_at(test, base[0].guest_phys_addr + 1, 15 * K, TEST_UVA + 1);
	KUNIT_EXPECT_MEMEQ(test, &f->cache, &before, sizeof(before));

	KUNIT_ASSERT_EQ(test, memslots_set(test, base + 1, 2), 0);
	KUNIT_EXPECT_FALSE(test, memmap_cache_hit(&f->cache, f->ms.map.active->generation, 64 * K,
						  1, MEMMAP_READ));
	KUNIT_EXPECT_EQ(test, memslots_lookup(test, 64 * K, 1, &iov, 1), -EFAULT);
	/* Back, but elsewhere: the old address must be gone for good. */
	KUNIT_ASSERT_EQ(test, memslots_set(test, (struct vhost_memory_region[]) {
		REGION(64 * K, 16 * K, TEST_UVA + 4096 * K) }, 1), 0);
	memslots_expect_at(test, 64 * K, 16 * K, TEST_UVA + 4096 * K);
}

static void table_abort(struct kunit *test)
{
	struct memslots_fixture *f = test->priv;
	struct vhost_memory_region *room;
	struct map_state before;

	KUNIT_ASSERT_EQ(test, memslots_set(test, base, 3), 0);
	state_take(test, &before);
	room = memslots_begin(&f->ms, 2);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, room);
	room[0] = REGION(0, 4 * K, TEST_UVA);
	room[1] = REGION(0, 0, 0);
	memslots_abort(&f->ms);
	KUNIT_EXPECT_EQ(test, memslots_validate(&f->ms), 0);
	state_expect(test, &before);
}

/* As many regions as KVM has, one more, and one of many toggled. */
static void table_limit(struct kunit *test)
{
	struct memslots_fixture *f = test->priv;
	struct vhost_memory_region *r = long_table(test, MEMSLOTS_MAX + 1);
	const unsigned int odd = 12345;
	u64 gpa = r[odd].guest_phys_addr;

	KUNIT_ASSERT_EQ(test, memslots_set(test, r, MEMSLOTS_MAX), 0);
	KUNIT_EXPECT_EQ(test, memslots_count(&f->ms), MEMSLOTS_MAX);
	memslots_expect_at(test, gpa, 4 * K, r[odd].userspace_addr);
	KUNIT_EXPECT_EQ(test, memslots_set(test, r, MEMSLOTS_MAX + 1), -E2BIG);
	KUNIT_EXPECT_EQ(test, memslots_set(test, r, UINT_MAX), -E2BIG);
	KUNIT_EXPECT_EQ(test, memslots_count(&f->ms), MEMSLOTS_MAX);

	/* Out of the middle, and back in its place. */
	memmove(&r[odd], &r[odd + 1], (MEMSLOTS_MAX - odd) * sizeof(*r));
	KUNIT_ASSERT_EQ(test, memslots_set(test, r, MEMSLOTS_MAX - 1), 0);
	memslots_expect_hole(test, gpa, 1);
	memslots_expect_at(test, gpa + 4 * K, 4 * K, r[odd].userspace_addr);
	memmove(&r[odd + 1], &r[odd], (MEMSLOTS_MAX - odd - 1) * sizeof(*r));
	r[odd] = REGION(gpa, 4 * K, TEST_UVA);
	KUNIT_ASSERT_EQ(test, memslots_set(test, r, MEMSLOTS_MAX), 0);
	memslots_expect_at(test, gpa, 4 * K, TEST_UVA);
	KUNIT_ASSERT_EQ(test, memslots_set(test, NULL, 0), 0);
}

/**
 * struct table_case - a table that is right or wrong
 * @name: of the case
 * @err: what memslots_commit() says
 * @n: regions in @r
 * @r: the table
 */
struct table_case {
	const char *name;
	int err;
	unsigned int n;
	struct vhost_memory_region r[4];
};

#define R(gpa, size, uva) \
	{ .guest_phys_addr = (gpa), .memory_size = (size), .userspace_addr = (uva) }
#define U(offset)	(TEST_UVA + 0x4000000ULL + (offset))
/* Above every user space there is. */
#define KERNEL_ADDR	0xffff888000000000ULL

/* Each is put in force over nothing, over the base table, and behind a good region. */
static const struct table_case refused[] = {
	{ "empty region", -EFAULT, 1, { R(0, 0, U(0)) } },
	{ "empty region at the top", -EFAULT, 1, { R(U64_MAX, 0, U(0)) } },
	{ "wraps in guest memory", -EFAULT, 1, { R(-4096ULL, 8192, U(0)) } },
	{ "wraps by one byte", -EFAULT, 1, { R(-4096ULL, 4097, U(0)) } },
	{ "the largest size", -EFAULT, 1, { R(4096, U64_MAX, U(0)) } },
	{ "wraps in user memory", -EFAULT, 1, { R(0, 8192, -4096ULL) } },
	{ "kernel memory", -EFAULT, 1, { R(0, 4096, KERNEL_ADDR) } },
	{ "the last page", -EFAULT, 1, { R(0, 4096, -4096ULL) } },
	{ "reaches into the kernel", -EFAULT, 1, { R(0, KERNEL_ADDR, U(0)) } },
	{ "bad one behind good ones", -EFAULT, 3,
	  { R(0, 4096, U(0)), R(4096, 4096, U(0)), R(8192, 0, U(0)) } },
	{ "bad one ahead of good ones", -EFAULT, 3,
	  { R(8192, 0, U(0)), R(0, 4096, U(0)), R(4096, 4096, U(0)) } },
	{ "a region twice", -EINVAL, 2, { R(0, 4096, U(0)), R(0, 4096, U(0)) } },
	{ "one place, two addresses", -EINVAL, 2, { R(0, 4096, U(0)), R(0, 4096, U(8192)) } },
	{ "one byte in common", -EINVAL, 2, { R(0, 4096, U(0)), R(4095, 4096, U(8192)) } },
	{ "one byte, the other way", -EINVAL, 2, { R(4095, 4096, U(0)), R(0, 4096, U(8192)) } },
	{ "contained", -EINVAL, 2, { R(0, 65536, U(0)), R(4096, 4096, U(65536)) } },
	{ "containing", -EINVAL, 2, { R(4096, 4096, U(65536)), R(0, 65536, U(0)) } },
	{ "same start", -EINVAL, 2, { R(0, 8192, U(0)), R(0, 4096, U(65536)) } },
	{ "same end", -EINVAL, 2, { R(0, 8192, U(0)), R(4096, 4096, U(65536)) } },
	{ "over three", -EINVAL, 4, { R(0, 4096, U(0)), R(4096, 4096, U(8192)),
				      R(8192, 4096, U(16384)), R(1, 12286, U(65536)) } },
	{ "at the top", -EINVAL, 2, { R(-8192ULL, 8192, U(0)), R(-1ULL, 1, U(65536)) } },
};

static void table_case_desc(const struct table_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(refused, refused, table_case_desc);

static void expect_refused(struct kunit *test, const struct vhost_memory_region *r,
			   unsigned int n, int err)
{
	struct map_state before;

	state_take(test, &before);
	KUNIT_EXPECT_EQ(test, memslots_set(test, r, n), err);
	state_expect(test, &before);
}

static void table_refused(struct kunit *test)
{
	const struct table_case *c = test->param_value;
	struct vhost_memory_region more[ARRAY_SIZE(base) + ARRAY_SIZE(c->r)];
	unsigned int i, k;

	expect_refused(test, c->r, c->n, c->err);
	KUNIT_ASSERT_EQ(test, memslots_set(test, base, ARRAY_SIZE(base)), 0);
	expect_refused(test, c->r, c->n, c->err);
	/* The bad part behind, before and among regions that stay. */
	for (i = 0; i <= ARRAY_SIZE(base); i++) {
		memcpy(more, base, i * sizeof(*more));
		for (k = 0; k < c->n; k++)
			more[i + k] = c->r[k];
		memcpy(&more[i + c->n], &base[i], (ARRAY_SIZE(base) - i) * sizeof(*more));
		expect_refused(test, more, ARRAY_SIZE(base) + c->n, c->err);
		/* Regions that left in the refused table come back, too. */
		expect_refused(test, more + i, c->n, c->err);
	}
	KUNIT_EXPECT_EQ(test, memslots_set(test, base, 2), 0);
}

/* Wrong only together with what is in force. */
static const struct table_case clashing[] = {
	{ "below and into", -EINVAL, 1, { R(60 * K, 4 * K + 1, U(0)) } },
	{ "last byte of", -EINVAL, 1, { R(80 * K - 1, 1, U(0)) } },
	{ "behind and into", -EINVAL, 1, { R(84 * K - 1, 4 * K, U(0)) } },
	{ "inside", -EINVAL, 1, { R(132 * K, 4 * K, U(0)) } },
	{ "around two", -EINVAL, 1, { R(0, 100 * K, U(0)) } },
	{ "around all", -EINVAL, 1, { R(0, K * K, U(0)) } },
	{ "the same once more", -EINVAL, 1, { R(80 * K, 4 * K, TEST_UVA + 1024 * K) } },
	{ "good, then clashing", -EINVAL, 2, { R(0, 4 * K, U(0)), R(72 * K, 4 * K, U(0)) } },
};

KUNIT_ARRAY_PARAM(clashing, clashing, table_case_desc);

static void table_clashing(struct kunit *test)
{
	const struct table_case *c = test->param_value;
	struct vhost_memory_region more[ARRAY_SIZE(base) + ARRAY_SIZE(c->r)];

	KUNIT_ASSERT_EQ(test, memslots_set(test, base, ARRAY_SIZE(base)), 0);
	memcpy(more, base, sizeof(base));
	memcpy(&more[ARRAY_SIZE(base)], c->r, c->n * sizeof(*more));
	expect_refused(test, more, ARRAY_SIZE(base) + c->n, c->err);
	memcpy(more, c->r, c->n * sizeof(*more));
	memcpy(&more[c->n], base, sizeof(base));
	expect_refused(test, more, ARRAY_SIZE(base) + c->n, c->err);
}

/* Unusual, and right. */
static const struct table_case accepted[] = {
	{ "one byte", 0, 1, { R(5, 1, U(7)) } },
	{ "the last byte there is", 0, 1, { R(U64_MAX, 1, U(0)) } },
	{ "up to the top", 0, 2, { R(-8192ULL, 4096, U(0)), R(-4096ULL, 4096, U(8192)) } },
	{ "two places on one address", 0, 2, { R(0, 4096, U(0)), R(8192, 4096, U(0)) } },
	{ "addresses overlap in part", 0, 2, { R(0, 8192, U(0)), R(8192, 8192, U(4096)) } },
	{ "first grown in place", 0, 3, { R(60 * K, 20 * K, TEST_UVA),
		R(80 * K, 4 * K, TEST_UVA + 1024 * K), R(128 * K, 32 * K, U(0)) } },
	{ "two merged into one", 0, 1, { R(64 * K, 20 * K, TEST_UVA) } },
	{ "one split in two", 0, 2, { R(128 * K, 16 * K, TEST_UVA + 2048 * K),
		R(144 * K, 16 * K, TEST_UVA + 2064 * K) } },
	{ "moved onto its own old place", 0, 1, { R(68 * K, 16 * K, TEST_UVA) } },
	{ "two that change places", 0, 2, { R(64 * K, 4 * K, TEST_UVA + 1024 * K),
		R(80 * K, 16 * K, TEST_UVA) } },
	{ "address zero", 0, 1, { R(0, 4096, 0) } },
};

KUNIT_ARRAY_PARAM(accepted, accepted, table_case_desc);

static void table_accepted(struct kunit *test)
{
	const struct table_case *c = test->param_value;
	unsigned int round, i;

	for (round = 0; round < 3; round++) {
		KUNIT_ASSERT_EQ(test, memslots_set(test, c->r, c->n), 0);
		for (i = 0; i < c->n; i++)
			memslots_expect_at(test, c->r[i].guest_phys_addr, c->r[i].memory_size,
					   c->r[i].userspace_addr);
		KUNIT_ASSERT_EQ(test, memslots_set(test, base, ARRAY_SIZE(base)), 0);
		for (i = 0; i < ARRAY_SIZE(base); i++)
			memslots_expect_at(test, base[i].guest_phys_addr, base[i].memory_size,
					   base[i].userspace_addr);
	}
}

static struct kunit_case memslots_table_cases[] = {
	KUNIT_CASE(table_empty),
	KUNIT_CASE(table_set),
	KUNIT_CASE(table_difference),
	KUNIT_CASE(table_order),
	KUNIT_CASE(table_generation),
	KUNIT_CASE(table_cache_survives_growth),
	KUNIT_CASE(table_abort),
	KUNIT_CASE(table_limit),
	KUNIT_CASE_PARAM(table_refused, refused_gen_params),
	KUNIT_CASE_PARAM(table_clashing, clashing_gen_params),
	KUNIT_CASE_PARAM(table_accepted, accepted_gen_params),
	{}
};

static struct kunit_suite memslots_table_suite = {
	.name = "memslots-table",
	.init = memslots_fixture_init,
	.exit = memslots_fixture_exit,
	.test_cases = memslots_table_cases,
};

kunit_test_suite(memslots_table_suite);

RANDOM_KUNIT_PARAMETERS();
MODULE_LICENSE("GPL");
MODULE_AUTHOR("Ringside developers");
MODULE_DESCRIPTION("Unit tests of address maps and memslots");
MODULE_IMPORT_NS("RINGSIDE");
