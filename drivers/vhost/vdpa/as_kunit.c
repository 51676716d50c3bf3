// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unit tests of address spaces, with a parent that can fail at every step. The code
 * under test is a part of this module, and pages are counted and not pinned.
 */

#include <kunit/test.h>
#include <linux/module.h>

#include "memmap/random_kunit.h"

#include "as.c"

RANDOM_KUNIT_PARAMETERS();

#define PAGES	64
#define USER	0x10000000ULL

/**
 * struct as_fixture - kunit.priv of this suite
 * @vdev: the device
 * @file: who has it open
 * @as: his address space
 * @addr: what each page leads to in the parent, 0 for nothing
 * @next: the same as the transaction under way would have it
 * @open: there is one
 * @begun: how many there were
 * @ranges: that map_add() was given
 * @room: how many more it takes
 * @begin_error: what map_begin() is to return, once
 * @commit_error: what map_commit() is to return, once
 * @freed: mappings that were let go of
 */
struct as_fixture {
	struct vdpa_device vdev;
	struct vhost_vdpa_file file;
	struct vhost_vdpa_as as;
	u64 addr[PAGES];
	u64 next[PAGES];
	bool open;
	unsigned int begun;
	unsigned int ranges;
	unsigned int room;
	int begin_error;
	int commit_error;
	unsigned int freed;
};

static struct as_fixture *to_fixture(struct vdpa_device *vdev)
{
	return container_of(vdev, struct as_fixture, vdev);
}

void vhost_vdpa_map_unpin(struct vhost_vdpa_map *map, struct mm_struct *mm)
{
	kfree(map->pins);
	/* The test says whose mappings they are. */
	((struct as_fixture *)mm)->freed++;
}

static int fake_begin(struct vdpa_device *vdev, u32 asid)
{
	struct as_fixture *f = to_fixture(vdev);
	int err = f->begin_error;

	f->begin_error = 0;
	if (err)
		return err;
	WARN_ON(f->open);
	f->open = true;
	f->begun++;
	memcpy(f->next, f->addr, sizeof(f->next));
	return 0;
}

static int fake_add(struct vdpa_device *vdev, u32 asid, const struct vdpa_range *range)
{
	struct as_fixture *f = to_fixture(vdev);
	u64 i;

	if (!f->room)
		return -ENOSPC;
	f->room--;
	f->ranges++;
	for (i = range->first; i <= range->last; i += PAGE_SIZE) {
		u64 *page = &f->next[i / PAGE_SIZE];

		if (*page)
			return -EEXIST;
		*page = range->addr + (i - range->first);
	}
	return 0;
}

static void fake_remove(struct vdpa_device *vdev, u32 asid, u64 first, u64 last)
{
	struct as_fixture *f = to_fixture(vdev);
	u64 i;

	for (i = first / PAGE_SIZE; i < PAGES && i <= last / PAGE_SIZE; i++)
		f->next[i] = 0;
}

static int fake_commit(struct vdpa_device *vdev, u32 asid)
{
	struct as_fixture *f = to_fixture(vdev);
	int err = f->commit_error;

	WARN_ON(!f->open);
	f->open = false;
	f->commit_error = 0;
	memcpy(f->addr, f->next, sizeof(f->addr));
	return err;
}

static void fake_cancel(struct vdpa_device *vdev, u32 asid)
{
	struct as_fixture *f = to_fixture(vdev);

	WARN_ON(!f->open);
	f->open = false;
}

static const struct vdpa_ops fake_ops = {
	.map_begin = fake_begin,
	.map_add = fake_add,
	.map_remove = fake_remove,
	.map_commit = fake_commit,
	.map_cancel = fake_cancel,
};

static int as_kunit_init(struct kunit *test)
{
	struct as_fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, f);
	f->vdev.ops = &fake_ops;
	f->vdev.nas = 1;
	f->room = UINT_MAX;
	f->file.vdev = &f->vdev;
	f->file.as = &f->as;
	f->file.mm = (struct mm_struct *)f;
	vhost_vdpa_as_init(&f->as);
	test->priv = f;
	return 0;
}

static void as_kunit_exit(struct kunit *test)
{
	struct as_fixture *f = test->priv;

	if (f)
		vhost_vdpa_as_clear(&f->file, 0);
}

static struct vhost_vdpa_map *new_map(struct kunit *test, u64 page, u64 npages, u64 uaddr)
{
	struct vhost_vdpa_map *map = kzalloc_obj(*map);

	KUNIT_ASSERT_NOT_NULL(test, map);
	map->first = page * PAGE_SIZE;
	map->last = (page + npages) * PAGE_SIZE - 1;
	map->uaddr = uaddr;
	map->perm = VHOST_ACCESS_RW;
	return map;
}

/* Enter a mapping whose address tells which it is; -EEXIST, or 0. */
static int enter(struct kunit *test, u64 page, u64 npages, u64 name)
{
	struct as_fixture *f = test->priv;
	struct vhost_vdpa_map *map = new_map(test, page, npages, USER + name * PAGE_SIZE * PAGES);
	int err = vhost_vdpa_as_insert(&f->as, map);

	if (err)
		kfree(map);
	return err;
}

static void take_out(struct kunit *test, u64 page, u64 npages)
{
	struct as_fixture *f = test->priv;

	vhost_vdpa_as_remove(&f->file, &f->as, page * PAGE_SIZE, (page + npages) * PAGE_SIZE - 1);
}

static int commit(struct kunit *test)
{
	struct as_fixture *f = test->priv;

	return vhost_vdpa_as_commit(&f->file, 0);
}

/* Does the record have a page? */
static bool has(struct kunit *test, u64 page)
{
	struct as_fixture *f = test->priv;

	return vhost_vdpa_as_overlaps(&f->as, page * PAGE_SIZE, (page + 1) * PAGE_SIZE - 1);
}

/* Who adds and removes much needs one transaction, and none for nothing. */
static void one_transaction(struct kunit *test)
{
	struct as_fixture *f = test->priv;

	KUNIT_EXPECT_EQ(test, 0, commit(test));
	KUNIT_EXPECT_EQ(test, 0U, f->begun);
	KUNIT_ASSERT_EQ(test, 0, enter(test, 0, 8, 1));
	KUNIT_ASSERT_EQ(test, 0, enter(test, 8, 8, 2));
	KUNIT_EXPECT_EQ(test, -EEXIST, enter(test, 15, 2, 3));
	KUNIT_EXPECT_EQ(test, 0ULL, f->addr[0]);
	KUNIT_EXPECT_EQ(test, 0, commit(test));
	KUNIT_EXPECT_EQ(test, 1U, f->begun);
	KUNIT_EXPECT_EQ(test, 2U, f->ranges);
	take_out(test, 7, 1);
	KUNIT_ASSERT_EQ(test, 0, enter(test, 0, 4, 4));
	KUNIT_EXPECT_EQ(test, 0U, f->freed);
	KUNIT_EXPECT_EQ(test, 0, commit(test));
	KUNIT_EXPECT_EQ(test, 2U, f->begun);
	KUNIT_EXPECT_EQ(test, 1U, f->freed);
	KUNIT_EXPECT_EQ(test, 0ULL, f->addr[4]);
	KUNIT_EXPECT_TRUE(test, has(test, 3) && !has(test, 4) && has(test, 8));
	/* What came and went between is nobody's business. */
	KUNIT_ASSERT_EQ(test, 0, enter(test, 20, 4, 5));
	take_out(test, 20, 4);
	KUNIT_EXPECT_EQ(test, 2U, f->freed);
	KUNIT_EXPECT_EQ(test, 0, commit(test));
	KUNIT_EXPECT_EQ(test, 2U, f->begun);
}

/* Refused at one step or another: all is as it was, and new mappings are let go of. */
static void refused(struct kunit *test)
{
	struct as_fixture *f = test->priv;
	unsigned int way;

	KUNIT_ASSERT_EQ(test, 0, enter(test, 0, 8, 1));
	KUNIT_ASSERT_EQ(test, 0, enter(test, 8, 8, 2));
	KUNIT_ASSERT_EQ(test, 0, commit(test));
	for (way = 0; way < 3; way++) {
		f->freed = 0;
		take_out(test, 0, 16);
		KUNIT_ASSERT_EQ(test, 0, enter(test, 0, 4, 3));
		KUNIT_ASSERT_EQ(test, 0, enter(test, 30, 4, 4));
		if (way)
			f->room = way - 1;
		else
			f->begin_error = -EINTR;
		KUNIT_EXPECT_EQ(test, way ? -ENOSPC : -EINTR, commit(test));
		f->room = UINT_MAX;
		KUNIT_EXPECT_FALSE(test, f->open);
		KUNIT_EXPECT_EQ(test, 2U, f->freed);
		KUNIT_EXPECT_EQ(test, 2U, f->as.count);
		KUNIT_EXPECT_TRUE(test, has(test, 7) && has(test, 8) && !has(test, 30));
		KUNIT_EXPECT_EQ(test, USER + PAGE_SIZE * PAGES, f->addr[0]);
		KUNIT_EXPECT_EQ(test, 0, commit(test));
	}
	/* They can go alone, as before. */
	take_out(test, 8, 1);
	KUNIT_EXPECT_EQ(test, 0, commit(test));
	KUNIT_EXPECT_TRUE(test, has(test, 0) && !has(test, 8));
}

/* Killed while queues were waited for: memory is kept until nobody can reach it. */
static void killed(struct kunit *test)
{
	struct as_fixture *f = test->priv;
	unsigned int way;

	for (way = 0; way < 2; way++) {
		f->freed = 0;
		KUNIT_ASSERT_EQ(test, 0, enter(test, 0, 8, 1));
		KUNIT_ASSERT_EQ(test, 0, commit(test));
		take_out(test, 0, 1);
		f->commit_error = -EINTR;
		KUNIT_EXPECT_EQ(test, -EINTR, commit(test));
		KUNIT_EXPECT_FALSE(test, has(test, 0));
		KUNIT_EXPECT_EQ(test, 0ULL, f->addr[0]);
		KUNIT_EXPECT_EQ(test, 0U, f->freed);
		if (way) {
			KUNIT_EXPECT_EQ(test, 0, vhost_vdpa_as_clear(&f->file, 0));
		} else {
			KUNIT_ASSERT_EQ(test, 0, enter(test, 0, 8, 2));
			KUNIT_EXPECT_EQ(test, 0, commit(test));
		}
		KUNIT_EXPECT_EQ(test, 1U, f->freed);
		KUNIT_EXPECT_EQ(test, 0, vhost_vdpa_as_clear(&f->file, 0));
		KUNIT_EXPECT_EQ(test, 2U - way, f->freed);
	}
}

/* A reset in the middle of changes leaves nothing, on either side. */
static void cleared(struct kunit *test)
{
	struct as_fixture *f = test->priv;

	KUNIT_ASSERT_EQ(test, 0, enter(test, 0, 8, 1));
	KUNIT_ASSERT_EQ(test, 0, enter(test, 8, 8, 2));
	KUNIT_ASSERT_EQ(test, 0, commit(test));
	take_out(test, 0, 1);
	KUNIT_ASSERT_EQ(test, 0, enter(test, 0, 2, 3));
	f->begin_error = -EINTR;
	KUNIT_EXPECT_EQ(test, -EINTR, vhost_vdpa_as_clear(&f->file, 0));
	KUNIT_EXPECT_EQ(test, 2U, f->as.count);
	KUNIT_EXPECT_EQ(test, 0, vhost_vdpa_as_clear(&f->file, 0));
	KUNIT_EXPECT_EQ(test, 0U, f->as.count);
	KUNIT_EXPECT_EQ(test, 3U, f->freed);
	KUNIT_EXPECT_EQ(test, 0ULL, f->addr[0] | f->addr[8]);
}

/* Each run of pages is a range of its own; ends need not be those of pages. */
static void runs_of_pages(struct kunit *test)
{
	static const struct vhost_vdpa_chunk chunk[] = { { 100, 2 }, { 300, 1 }, { 200, 3 } };
	static const unsigned long pfn[] = { 100, 101, 300, 200, 201, 202 };
	struct as_fixture *f = test->priv;
	struct vhost_vdpa_map *map = new_map(test, 4, 6, USER + 16);
	unsigned int i;

	map->first += 16;
	map->last -= 32;
	map->pins = kzalloc(struct_size(map->pins, chunk, ARRAY_SIZE(chunk)), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, map->pins);
	map->pins->n = ARRAY_SIZE(chunk);
	memcpy(map->pins->chunk, chunk, sizeof(chunk));
	KUNIT_ASSERT_EQ(test, 0, vhost_vdpa_as_insert(&f->as, map));
	KUNIT_ASSERT_EQ(test, 0, commit(test));
	KUNIT_EXPECT_EQ(test, 3U, f->ranges);
	/* 16 bytes into the first page; those behind are where their pages begin. */
	KUNIT_EXPECT_EQ(test, PFN_PHYS(100ULL) + 16, f->addr[4]);
	for (i = 1; i < ARRAY_SIZE(pfn); i++)
		KUNIT_EXPECT_EQ(test, (u64)pfn[i], f->addr[4 + i] >> PAGE_SHIFT);
}

/* What a schedule knows of the pages: which mapping has each, 0 for none. */
struct model {
	u64 now[PAGES];
	u64 before[PAGES];
};

/* INVALIDATE: mappings have the same name on all of their pages. */
static void model_remove(struct model *m, u64 page, u64 npages)
{
	u64 i, j;

	for (i = page; i < page + npages; i++) {
		u64 name = m->now[i];

		for (j = 0; name && j < PAGES; j++)
			if (m->now[j] == name)
				m->now[j] = 0;
	}
}

static bool model_insert(struct model *m, u64 page, u64 npages, u64 name)
{
	u64 i;

	for (i = page; i < page + npages; i++)
		if (m->now[i])
			return false;
	for (i = page; i < page + npages; i++)
		m->now[i] = name;
	return true;
}

static void check_model(struct kunit *test, const struct model *m, bool settled)
{
	struct as_fixture *f = test->priv;
	u64 i;

	for (i = 0; i < PAGES; i++) {
		KUNIT_ASSERT_EQ(test, !!m->now[i], has(test, i));
		if (settled)
			KUNIT_ASSERT_EQ(test, !!m->now[i], !!f->addr[i]);
	}
}

static void random_changes(struct kunit *test)
{
	struct as_fixture *f = test->priv;
	struct model *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	unsigned int i, rounds = random_rounds(5000);
	struct rnd_state rnd;
	u64 names = 0;
	int err;

	KUNIT_ASSERT_NOT_NULL(test, m);
	random_start(test, &rnd);
	for (i = 0; i < rounds; i++) {
		u64 page = random_below(&rnd, PAGES - 8), n = 1 + random_below(&rnd, 8);

		if (random_chance(&rnd, 30)) {
			take_out(test, page, n);
			model_remove(m, page, n);
		} else {
			err = enter(test, page, n, ++names);
			KUNIT_ASSERT_EQ(test, model_insert(m, page, n, names), !err);
		}
		check_model(test, m, false);
		if (random_chance(&rnd, 70))
			continue;
		f->room = random_chance(&rnd, 20) ? random_below(&rnd, 3) : UINT_MAX;
		f->begin_error = random_chance(&rnd, 5) ? -EINTR : 0;
		f->commit_error = random_chance(&rnd, 5) ? -EINTR : 0;
		f->begun = 0;
		err = commit(test);
		/* Killed when it had begun, it is in force all the same. */
		if (err && (err == -ENOSPC || !f->begun))
			memcpy(m->now, m->before, sizeof(m->now));
		f->begin_error = 0;
		f->commit_error = 0;
		check_model(test, m, true);
		memcpy(m->before, m->now, sizeof(m->now));
	}
}

static struct kunit_case as_cases[] = {
	KUNIT_CASE(one_transaction),
	KUNIT_CASE(refused),
	KUNIT_CASE(killed),
	KUNIT_CASE(cleared),
	KUNIT_CASE(runs_of_pages),
	KUNIT_CASE(random_changes),
	{}
};

static struct kunit_suite as_suite = {
	.name = "vhost-vdpa-as",
	.init = as_kunit_init,
	.exit = as_kunit_exit,
	.test_cases = as_cases,
};

kunit_test_suite(as_suite);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("Ringside developers");
MODULE_VERSION(RINGSIDE_VERSION);
MODULE_DESCRIPTION("Unit tests of vhost_vdpa");
MODULE_IMPORT_NS("RINGSIDE");
