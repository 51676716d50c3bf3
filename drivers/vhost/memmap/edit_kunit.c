// SPDX-License-Identifier: GPL-2.0-only
/* Unit tests of edits of an address map, and of its reverse side. */

#include <kunit/test.h>
#include <linux/slab.h>

#include "memmap.h"
#include "random_kunit.h"

#define PAGE	4096ULL
#define UVA	0x10000000ULL
#define RW	(MEMMAP_READ | MEMMAP_WRITE)

/**
 * struct edit_fixture - kunit.priv of this suite
 * @map: a map with a reverse side
 * @reader: its reader
 */
struct edit_fixture {
	struct memmap map;
	struct memmap_reader reader;
};

static int edit_init(struct kunit *test)
{
	struct edit_fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, f);
	memmap_init(&f->map, true);
	memmap_add_reader(&f->map, &f->reader);
	test->priv = f;
	return 0;
}

static void edit_exit(struct kunit *test)
{
	struct edit_fixture *f = test->priv;

	if (f)
		memmap_destroy(&f->map);
}

/* Page @n leads to user page @to. Context: an edit. */
static struct memmap_entry *add_page(struct kunit *test, u64 n, u64 to)
{
	struct edit_fixture *f = test->priv;
	struct memmap_entry *entry = memmap_alloc(&f->map, n * PAGE, n * PAGE + PAGE - 1,
						  UVA + to * PAGE, RW);

	KUNIT_ASSERT_NOT_NULL(test, entry);
	if (memmap_insert(&f->map, entry)) {
		memmap_free(&f->map, entry);
		return NULL;
	}
	return entry;
}

static void begin(struct kunit *test)
{
	struct edit_fixture *f = test->priv;

	KUNIT_ASSERT_EQ(test, memmap_lock(&f->map), 0);
}

static void publish(struct kunit *test)
{
	struct edit_fixture *f = test->priv;

	KUNIT_EXPECT_EQ(test, memmap_publish(&f->map), 0);
	KUNIT_ASSERT_EQ(test, memmap_validate(&f->map), 0);
	memmap_unlock(&f->map);
}

/* The user page that a reader finds page @n at, -1 for none. */
static s64 page_at(struct kunit *test, u64 n)
{
	struct edit_fixture *f = test->priv;
	const struct memmap_set *set = memmap_read_lock(&f->map, &f->reader);
	struct memmap_cache cache = {};
	struct iovec iov;
	u64 miss;
	int ret;

	ret = memmap_translate(set, &cache, n * PAGE, PAGE, RW, &iov, 1, &miss);
	memmap_read_unlock(&f->map, &f->reader);
	if (ret != 1) {
		KUNIT_EXPECT_EQ(test, miss, n * PAGE);
		return -1;
	}
	return ((u64)(uintptr_t)iov.iov_base - UVA) / PAGE;
}

/* Changes show when they are published, though the lock was dropped meanwhile. */
static void nothing_before_publish(struct kunit *test)
{
	struct edit_fixture *f = test->priv;
	struct memmap_entry *one;

	begin(test);
	one = add_page(test, 1, 1);
	publish(test);
	begin(test);
	add_page(test, 2, 2);
	memmap_remove(&f->map, one);
	memmap_unlock(&f->map);
	KUNIT_EXPECT_EQ(test, page_at(test, 1), 1);
	KUNIT_EXPECT_EQ(test, page_at(test, 2), -1);
	begin(test);
	add_page(test, 1, 3);
	KUNIT_EXPECT_EQ(test, page_at(test, 1), 1);
	publish(test);
	KUNIT_EXPECT_EQ(test, page_at(test, 1), 3);
	KUNIT_EXPECT_EQ(test, page_at(test, 2), 2);
	KUNIT_EXPECT_EQ(test, f->map.count, 2U);
}

static void cancel_restores(struct kunit *test)
{
	struct edit_fixture *f = test->priv;
	struct memmap_entry *e[4];
	unsigned int i;
	u64 generation;

	begin(test);
	for (i = 0; i < ARRAY_SIZE(e); i++)
		e[i] = add_page(test, i, i);
	publish(test);
	generation = f->map.active->generation;
	begin(test);
	memmap_remove(&f->map, e[0]);
	memmap_remove(&f->map, e[2]);
	KUNIT_EXPECT_NOT_NULL(test, add_page(test, 0, 10));
	KUNIT_EXPECT_NOT_NULL(test, add_page(test, 7, 17));
	KUNIT_EXPECT_NULL(test, add_page(test, 3, 13));
	memmap_cancel(&f->map);
	KUNIT_ASSERT_EQ(test, memmap_validate(&f->map), 0);
	KUNIT_EXPECT_EQ(test, memmap_publish(&f->map), 0);
	memmap_unlock(&f->map);
	for (i = 0; i < ARRAY_SIZE(e); i++)
		KUNIT_EXPECT_EQ(test, page_at(test, i), i);
	KUNIT_EXPECT_EQ(test, page_at(test, 7), -1);
	KUNIT_EXPECT_EQ(test, f->map.count, 4U);
	KUNIT_EXPECT_EQ(test, f->map.active->generation, generation);
}

/* Added and removed by one edit: nobody ever sees it. */
static void fresh_removed(struct kunit *test)
{
	struct edit_fixture *f = test->priv;

	begin(test);
	add_page(test, 1, 1);
	memmap_remove(&f->map, add_page(test, 2, 2));
	KUNIT_EXPECT_NOT_NULL(test, add_page(test, 2, 3));
	publish(test);
	KUNIT_EXPECT_EQ(test, page_at(test, 1), 1);
	KUNIT_EXPECT_EQ(test, page_at(test, 2), 3);
}

/* Whole, in pieces, with a hole, against the permission. */
static void covers(struct kunit *test)
{
	struct edit_fixture *f = test->priv;
	const struct memmap_set *set;
	struct memmap_entry *read_only;
	u64 addr = 0, miss = 0;

	begin(test);
	add_page(test, 0, 5);
	add_page(test, 1, 6);
	add_page(test, 2, 9);
	read_only = memmap_alloc(&f->map, 4 * PAGE, 5 * PAGE - 1, UVA, MEMMAP_READ);
	KUNIT_ASSERT_NOT_NULL(test, read_only);
	KUNIT_EXPECT_EQ(test, memmap_insert(&f->map, read_only), 0);
	publish(test);
	set = memmap_read_lock(&f->map, &f->reader);
	KUNIT_EXPECT_EQ(test, memmap_covers(set, 8, 2 * PAGE - 8, RW, &addr, &miss), 1);
	KUNIT_EXPECT_EQ(test, addr, UVA + 5 * PAGE + 8);
	KUNIT_EXPECT_EQ(test, memmap_covers(set, 8, 2 * PAGE, RW, &addr, &miss), 0);
	KUNIT_EXPECT_EQ(test, memmap_covers(set, PAGE, 3 * PAGE, RW, &addr, &miss), -EFAULT);
	KUNIT_EXPECT_EQ(test, miss, 3 * PAGE);
	KUNIT_EXPECT_EQ(test, memmap_covers(set, 4 * PAGE, 1, MEMMAP_READ, &addr, &miss), 1);
	KUNIT_EXPECT_EQ(test, memmap_covers(set, 4 * PAGE, 1, RW, &addr, &miss), -EPERM);
	KUNIT_EXPECT_EQ(test, memmap_covers(set, U64_MAX, 2, RW, &addr, &miss), -EFAULT);
	memmap_read_unlock(&f->map, &f->reader);
}

#define ALIAS_PAGES	32U
#define ALIAS_USER	8U

/* Every entry that leads to a user page is named, once, and no other. */
static void aliases(struct kunit *test)
{
	struct edit_fixture *f = test->priv;
	struct memmap_entry *entry[ALIAS_PAGES] = {};
	u64 leads[ALIAS_PAGES] = {};
	unsigned int round, i, user;
	struct rnd_state rnd;

	random_start(test, &rnd);
	for (round = 0; round < random_rounds(200); round++) {
		const struct memmap_set *set;

		begin(test);
		for (i = 0; i < 4; i++) {
			unsigned int n = random_below(&rnd, ALIAS_PAGES);

			if (entry[n])
				memmap_remove(&f->map, entry[n]);
			leads[n] = random_below(&rnd, ALIAS_USER);
			entry[n] = random_below(&rnd, 3) ? add_page(test, n, leads[n]) : NULL;
		}
		publish(test);
		set = memmap_read_lock(&f->map, &f->reader);
		for (user = 0; user < ALIAS_USER; user++) {
			u64 first = UVA + user * PAGE + 10, last = first + 20, want = 0, got = 0;
			const struct memmap_rnode *r = memmap_alias_first(set, first, last);

			for (i = 0; i < ALIAS_PAGES; i++)
				if (entry[i] && leads[i] == user)
					want |= BIT_ULL(i);
			for (; r; r = memmap_alias_next(r, first, last)) {
				u64 bit = BIT_ULL(r->node->start / PAGE);

				KUNIT_EXPECT_FALSE(test, got & bit);
				got |= bit;
			}
			KUNIT_EXPECT_EQ(test, got, want);
		}
		memmap_read_unlock(&f->map, &f->reader);
	}
}

#define HINTED	200U

/* Look every page up twice: in the tree, and where the hints say. */
static void expect_pages(struct kunit *test, const s64 *to, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < 2 * n; i++)
		KUNIT_EXPECT_EQ_MSG(test, page_at(test, i % n), to[i % n], "page %u", i % n);
}

/* Hints survive changes, lead to nothing that is gone, and go with what they are for. */
static void hints_follow(struct kunit *test)
{
	struct edit_fixture *f = test->priv;
	struct memmap_entry **entry = kunit_kcalloc(test, HINTED, sizeof(*entry), GFP_KERNEL);
	s64 *to = kunit_kcalloc(test, HINTED, sizeof(*to), GFP_KERNEL);
	struct memmap_hints *hints;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, entry);
	KUNIT_ASSERT_NOT_NULL(test, to);
	for (i = 0; i < HINTED; i++) {
		begin(test);
		entry[i] = add_page(test, i, i);
		publish(test);
		to[i] = i;
	}
	hints = f->map.active->hints;
	KUNIT_ASSERT_GE(test, hints->mask, HINTED);
	KUNIT_EXPECT_EQ(test, hints->shift, (unsigned int)PAGE_SHIFT);
	expect_pages(test, to, HINTED);
	for (i = 0; i < HINTED; i++)
		KUNIT_EXPECT_PTR_EQ(test, *memmap_hint(hints, i * PAGE), entry[i]);
	begin(test);
	for (i = 0; i < HINTED; i += 4) {
		memmap_remove(&f->map, entry[i]);
		to[i] = -1;
	}
	publish(test);
	expect_pages(test, to, HINTED);
	/* Memory of what is gone comes back as something else, of which old hints know nothing. */
	KUNIT_EXPECT_PTR_EQ(test, f->map.active->hints, hints);
	begin(test);
	for (i = 0; i < HINTED; i += 8) {
		entry[i] = add_page(test, i, HINTED - i);
		to[i] = HINTED - i;
	}
	expect_pages(test, (s64 []){ -1 }, 1);
	publish(test);
	expect_pages(test, to, HINTED);
	begin(test);
	for (i = 0; i < HINTED; i++)
		if (to[i] >= 0)
			memmap_remove(&f->map, entry[i]);
	publish(test);
	KUNIT_EXPECT_EQ(test, f->map.active->hints->mask, 0U);
	KUNIT_EXPECT_LE(test, f->map.nfree, MEMMAP_KEEP);
	memset(to, -1, HINTED * sizeof(*to));
	expect_pages(test, to, HINTED);
}

/* A reader of the older set meets memory that is another entry in the newer one. */
static void hints_of_a_turn(struct kunit *test)
{
	struct edit_fixture *f = test->priv;
	struct memmap_cache cache = {};
	const struct memmap_set *set;
	struct memmap_entry *gone = NULL, *back;
	struct iovec iov;
	unsigned int i;
	u64 miss;

	begin(test);
	for (i = 0; i < HINTED; i++)
		gone = add_page(test, i, i);
	publish(test);
	KUNIT_EXPECT_EQ(test, page_at(test, HINTED - 1), HINTED - 1);
	begin(test);
	memmap_remove(&f->map, gone);
	publish(test);
	/* A turn as far as edits can see; lockdep does not know that this one will not wait. */
	set = f->map.active;
	f->reader.set = set;
	begin(test);
	back = add_page(test, HINTED + 7, 3);
	KUNIT_EXPECT_PTR_EQ(test, back, gone);
	KUNIT_EXPECT_PTR_EQ(test, *memmap_hint(set->hints, (HINTED - 1) * PAGE), back);
	KUNIT_EXPECT_EQ(test, memmap_translate(set, &cache, (HINTED - 1) * PAGE, PAGE, RW, &iov,
					       1, &miss), -EFAULT);
	KUNIT_EXPECT_EQ(test, memmap_translate(set, &cache, (HINTED + 7) * PAGE, PAGE, RW, &iov,
					       1, &miss), -EFAULT);
	KUNIT_EXPECT_EQ(test, memmap_publish(&f->map), 0);
	memmap_unlock(&f->map);
	KUNIT_EXPECT_EQ(test, memmap_translate(set, &cache, (HINTED - 1) * PAGE, PAGE, RW, &iov,
					       1, &miss), -EFAULT);
	/* What is new is found in the newer set. */
	KUNIT_EXPECT_EQ(test, memmap_translate(set, &cache, (HINTED + 7) * PAGE, PAGE, RW, &iov,
					       1, &miss), 1);
	f->reader.set = NULL;
}

static struct kunit_case edit_cases[] = {
	KUNIT_CASE(nothing_before_publish),
	KUNIT_CASE(cancel_restores),
	KUNIT_CASE(fresh_removed),
	KUNIT_CASE(covers),
	KUNIT_CASE(aliases),
	KUNIT_CASE(hints_follow),
	KUNIT_CASE(hints_of_a_turn),
	{}
};

static struct kunit_suite edit_suite = {
	.name = "memmap-edit",
	.init = edit_init,
	.exit = edit_exit,
	.test_cases = edit_cases,
};

kunit_test_suite(edit_suite);
