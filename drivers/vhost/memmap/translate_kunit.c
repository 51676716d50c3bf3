// SPDX-License-Identifier: GPL-2.0-only
/* Unit tests of lookups in memslots: borders, holes, ends, permissions. */

#include <kunit/test.h>
#include <linux/module.h>

#include "itree.h"
#include "memslot_kunit.h"

#define PAGE	4096ULL
#define GPA	0x100000000ULL

static struct iovec *new_iov(struct kunit *test, unsigned int n)
{
	struct iovec *iov = kunit_kcalloc(test, n, sizeof(*iov), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, iov);
	return iov;
}

/* @n one-page regions without holes; each @stride behind the one before in user space. */
static void set_pages(struct kunit *test, unsigned int n, u64 stride)
{
	struct vhost_memory_region *r = kunit_kcalloc(test, n, sizeof(*r), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, r);
	for (i = 0; i < n; i++)
		r[i] = REGION(GPA + i * PAGE, PAGE, TEST_UVA + i * stride);
	KUNIT_ASSERT_EQ(test, memslots_set(test, r, n), 0);
	kunit_kfree(test, r);
}

/* How many borders the longest buffer crosses. */
static const unsigned int borders[] = { 1, 2, 3, 63, 64, 65, 1000 };

static void borders_desc(const unsigned int *n, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u borders", *n);
}

KUNIT_ARRAY_PARAM(borders, borders, borders_desc);

static void cross_contiguous(struct kunit *test)
{
	unsigned int n = *(const unsigned int *)test->param_value + 1;

	set_pages(test, n, PAGE);
	memslots_expect_at(test, GPA, n * PAGE, TEST_UVA);
	memslots_expect_at(test, GPA + 1, n * PAGE - 1, TEST_UVA + 1);
	memslots_expect_at(test, GPA + PAGE - 1, (n - 2) * PAGE + 2, TEST_UVA + PAGE - 1);
	memslots_expect_at(test, GPA + (n - 1) * PAGE - 1, 2, TEST_UVA + (n - 1) * PAGE - 1);
	/* Regions are whole again when asked for alone: nothing was merged. */
	memslots_expect_at(test, GPA + PAGE, PAGE, TEST_UVA + PAGE);
	memslots_expect_hole(test, GPA + 1, n * PAGE);
	memslots_expect_hole(test, GPA - 1, n * PAGE);
}

static void cross_scattered(struct kunit *test)
{
	unsigned int n = *(const unsigned int *)test->param_value + 1, i;
	struct iovec *iov = new_iov(test, n);

	set_pages(test, n, 2 * PAGE);
	KUNIT_ASSERT_EQ(test, memslots_lookup(test, GPA + 5, n * PAGE - 8, iov, n), n);
	for (i = 0; i < n; i++) {
		u64 skip = i ? 0 : 5, cut = i == n - 1 ? 3 : 0;

		KUNIT_ASSERT_EQ(test, (u64)(uintptr_t)iov[i].iov_base,
				TEST_UVA + i * 2 * PAGE + skip);
		KUNIT_ASSERT_EQ(test, (u64)iov[i].iov_len, PAGE - skip - cut);
	}
	KUNIT_EXPECT_EQ(test, memslots_lookup(test, GPA, n * PAGE, iov, n - 1), -ENOBUFS);
	KUNIT_EXPECT_EQ(test, memslots_lookup(test, GPA, n * PAGE, iov, 1), -ENOBUFS);
	KUNIT_EXPECT_EQ(test, memslots_lookup(test, GPA, n * PAGE + 1, iov, n), -EFAULT);
}

/* Pairs that are contiguous, with gaps between the pairs. */
static void cross_mixed(struct kunit *test)
{
	struct vhost_memory_region r[6];
	struct iovec iov[6];
	unsigned int i;

	for (i = 0; i < 6; i++)
		r[i] = REGION(GPA + i * PAGE, PAGE, TEST_UVA + (i + i / 2) * PAGE);
	KUNIT_ASSERT_EQ(test, memslots_set(test, r, 6), 0);
	KUNIT_ASSERT_EQ(test, memslots_lookup(test, GPA, 6 * PAGE, iov, 3), 3);
	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, (u64)(uintptr_t)iov[i].iov_base, TEST_UVA + 3 * i * PAGE);
		KUNIT_EXPECT_EQ(test, (u64)iov[i].iov_len, 2 * PAGE);
	}
	/* Downward neighbours in user space are no neighbours. */
	for (i = 0; i < 6; i++)
		r[i].userspace_addr = TEST_UVA + (6 - i) * PAGE;
	KUNIT_ASSERT_EQ(test, memslots_set(test, r, 6), 0);
	KUNIT_EXPECT_EQ(test, memslots_lookup(test, GPA, 6 * PAGE, iov, 6), 6);
}

static void holes(struct kunit *test)
{
	struct vhost_memory_region r[] = {
		REGION(GPA, PAGE, TEST_UVA),
		REGION(GPA + PAGE, PAGE - 1, TEST_UVA + PAGE),
		REGION(GPA + 2 * PAGE, PAGE, TEST_UVA + 2 * PAGE),
	};

	KUNIT_ASSERT_EQ(test, memslots_set(test, r, 3), 0);
	memslots_expect_at(test, GPA, 2 * PAGE - 1, TEST_UVA);
	memslots_expect_hole(test, GPA, 2 * PAGE);
	memslots_expect_hole(test, GPA + PAGE + 7, 2 * PAGE - 7);
	memslots_expect_hole(test, GPA + 2 * PAGE - 1, 1);
	memslots_expect_hole(test, GPA + 2 * PAGE - 1, 2);
	memslots_expect_hole(test, GPA - 1, 2);
	memslots_expect_hole(test, GPA + 3 * PAGE - 1, 2);
	memslots_expect_hole(test, 0, U64_MAX);
	memslots_expect_at(test, GPA + 2 * PAGE, PAGE, TEST_UVA + 2 * PAGE);
}

static void ends(struct kunit *test)
{
	struct vhost_memory_region r[] = {
		REGION(0, PAGE, TEST_UVA),
		REGION(-2 * PAGE, PAGE, TEST_UVA + 4 * PAGE),
		REGION(-PAGE, PAGE, TEST_UVA + 5 * PAGE),
	};

	KUNIT_ASSERT_EQ(test, memslots_set(test, r, 3), 0);
	memslots_expect_at(test, -2 * PAGE, 2 * PAGE, TEST_UVA + 4 * PAGE);
	memslots_expect_at(test, U64_MAX, 1, TEST_UVA + 6 * PAGE - 1);
	/* A range that leaves at the top does not come in at the bottom. */
	memslots_expect_hole(test, U64_MAX, 2);
	memslots_expect_hole(test, -PAGE, PAGE + 1);
	memslots_expect_hole(test, -2 * PAGE, 3 * PAGE);
	memslots_expect_hole(test, 1, U64_MAX);
	memslots_expect_hole(test, U64_MAX, U64_MAX);
	memslots_expect_at(test, 0, PAGE, TEST_UVA);
}

static void nothing_and_no_room(struct kunit *test)
{
	struct iovec iov = {};

	set_pages(test, 1, PAGE);
	KUNIT_EXPECT_EQ(test, memslots_lookup(test, GPA, 0, &iov, 1), 0);
	KUNIT_EXPECT_EQ(test, memslots_lookup(test, GPA, 0, &iov, 0), 0);
	/* Without and with a cached hit. */
	KUNIT_EXPECT_EQ(test, memslots_lookup(test, GPA, 1, &iov, 0), -ENOBUFS);
	memslots_expect_at(test, GPA, 1, TEST_UVA);
	KUNIT_EXPECT_EQ(test, memslots_lookup(test, GPA, 1, &iov, 0), -ENOBUFS);
	KUNIT_EXPECT_EQ(test, memslots_lookup(test, GPA, 0, &iov, 0), 0);
}

/* A set made by hand: every memslot permits everything. */
static void permissions(struct kunit *test)
{
	struct memmap_node node[2] = {
		{ .start = GPA, .last = GPA + PAGE - 1, .addr = TEST_UVA, .perm = MEMMAP_READ },
		{ .start = GPA + PAGE, .last = GPA + 2 * PAGE - 1, .addr = TEST_UVA + PAGE,
		  .perm = MEMMAP_READ | MEMMAP_WRITE },
	};
	struct memmap_cache cache = {};
	struct memmap_set *set;
	struct iovec iov[2];
	struct memmap map;

	memmap_init(&map, false);
	set = map.active;
	memmap_itree_insert(&node[0], &set->root);
	memmap_itree_insert(&node[1], &set->root);
	KUNIT_EXPECT_EQ(test, test_translate(set, &cache, GPA, PAGE, MEMMAP_READ, iov, 2), 1);
	/* The interval is cached now, its permission with it. */
	KUNIT_EXPECT_EQ(test, test_translate(set, &cache, GPA, PAGE, MEMMAP_WRITE, iov, 2),
			-EPERM);
	KUNIT_EXPECT_EQ(test, test_translate(set, &cache, GPA, 2 * PAGE, MEMMAP_READ, iov, 2),
			1);
	KUNIT_EXPECT_EQ(test, test_translate(set, &cache, GPA + PAGE, PAGE, MEMMAP_WRITE,
					     iov, 2), 1);
	KUNIT_EXPECT_EQ(test, test_translate(set, &cache, GPA, 2 * PAGE, MEMMAP_WRITE, iov,
					     2), -EPERM);
	KUNIT_EXPECT_EQ(test, test_translate(set, &cache, GPA + 2 * PAGE, 1, MEMMAP_READ,
					     iov, 2), -EFAULT);
}

/* A cache that was never filled hits nothing, not even address 0. */
static void empty_cache(struct kunit *test)
{
	struct memslots_fixture *f = test->priv;
	struct memmap_cache cache = {};

	KUNIT_EXPECT_GT(test, f->ms.map.active->generation, 0ULL);
	KUNIT_EXPECT_FALSE(test, memmap_cache_hit(&cache, f->ms.map.active->generation, 0, 1, 0));
	memslots_expect_hole(test, 0, 1);
}

static struct kunit_case memslots_translate_cases[] = {
	KUNIT_CASE_PARAM(cross_contiguous, borders_gen_params),
	KUNIT_CASE_PARAM(cross_scattered, borders_gen_params),
	KUNIT_CASE(cross_mixed),
	KUNIT_CASE(holes),
	KUNIT_CASE(ends),
	KUNIT_CASE(nothing_and_no_room),
	KUNIT_CASE(permissions),
	KUNIT_CASE(empty_cache),
	{}
};

static struct kunit_suite memslots_translate_suite = {
	.name = "memslots-translate",
	.init = memslots_fixture_init,
	.exit = memslots_fixture_exit,
	.test_cases = memslots_translate_cases,
};

kunit_test_suite(memslots_translate_suite);
