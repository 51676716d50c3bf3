// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unit tests of queues whose areas are translated by a map of their own: what each of
 * the two maps is asked for, and changes of either.
 */

#include <kunit/test.h>

#include "ring_kunit.h"

#define NUM		8
/* Pages that areas of a test may take. */
#define AREA_PAGES	32

/**
 * struct area_map - the map of a queue's areas
 * @map: the map
 * @reader: the queue's
 */
struct area_map {
	struct memmap map;
	struct memmap_reader reader;
};

static void area_map_close(void *data)
{
	struct area_map *m = data;

	memmap_destroy(&m->map);
}

static struct area_map *area_map_new(struct kunit *test)
{
	struct area_map *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, m);
	memmap_init(&m->map, false);
	memmap_add_reader(&m->map, &m->reader);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, area_map_close, m), 0);
	return m;
}

/* Take all there is in a range out of a map. Returns how many, copied to @kept. */
static unsigned int take(struct kunit *test, struct memmap *map, u64 first, u64 last,
			 struct memmap_node *kept)
{
	struct memmap_entry *entry;
	unsigned int n = 0;

	KUNIT_ASSERT_EQ(test, memmap_lock(map), 0);
	while ((entry = memmap_overlap(map, first, last))) {
		if (kept && n < AREA_PAGES)
			kept[n] = entry->node[0];
		memmap_remove(map, entry);
		n++;
	}
	KUNIT_EXPECT_EQ(test, memmap_publish(map), 0);
	memmap_unlock(map);
	return n;
}

static void put_back(struct kunit *test, struct memmap *map, const struct memmap_node *kept,
		     unsigned int n)
{
	unsigned int i;

	KUNIT_ASSERT_EQ(test, memmap_lock(map), 0);
	for (i = 0; i < n; i++) {
		struct memmap_entry *entry = memmap_alloc(map, kept[i].start, kept[i].last,
							  kept[i].addr, kept[i].perm);

		KUNIT_ASSERT_NOT_NULL(test, entry);
		KUNIT_ASSERT_EQ(test, memmap_insert(map, entry), 0);
	}
	KUNIT_EXPECT_EQ(test, memmap_publish(map), 0);
	memmap_unlock(map);
}

/* A queue whose areas are in a map of their own, and in no other one. */
static struct ring *open_apart(struct kunit *test, u16 num, u16 base, struct area_map **m)
{
	struct memmap_node *kept = kunit_kcalloc(test, AREA_PAGES, sizeof(*kept), GFP_KERNEL);
	struct ring *r = ring_open(test, num, base);
	unsigned int n;

	KUNIT_ASSERT_NOT_NULL(test, kept);
	devq_stop(&r->dq);
	*m = area_map_new(test);
	n = take(test, &r->iotlb, r->area_base, r->area_base + r->buffers - 1, kept);
	KUNIT_ASSERT_LE(test, n, (unsigned int)AREA_PAGES);
	put_back(test, &(*m)->map, kept, n);
	r->cfg.ring_map = &(*m)->map;
	r->cfg.ring_reader = &(*m)->reader;
	KUNIT_ASSERT_EQ(test, devq_start(&r->dq, &r->cfg), 0);
	return r;
}

static void put(struct ring *r, unsigned int i, u64 addr, u32 len, u16 flags)
{
	r->drv.layout->put(&r->drv, i, addr, len, flags);
}

static void expect_no_turn(struct kunit *test, struct ring *r)
{
	KUNIT_EXPECT_EQ(test, devq_enter(&r->dq), -EIO);
	KUNIT_EXPECT_STREQ(test, devq_error_name(r->dq.error), devq_error_name(DEVQ_E_FAULT));
	devq_clear_error(&r->dq);
}

static void areas_apart(struct kunit *test)
{
	struct area_map *m;
	struct ring *r = open_apart(test, 1024, 65000, &m);
	unsigned int i;
	void *token;

	for (i = 0; i < 2100; i++) {
		ring_one_through(test, r);
		ring_expect_done(test, r, (void *)r->token, 1);
	}
	/* Tables are where descriptors lead. */
	for (i = 0; i < 3; i++) {
		struct mock_buf buf = ring_buf(test, r, 64, false);

		token = ring_add(test, r, &buf, 1, true);
		KUNIT_ASSERT_EQ(test, ring_pop(r, 1, RING_IOV), 1);
		KUNIT_EXPECT_FALSE(test, r->chain[0].unmapped);
		KUNIT_EXPECT_EQ(test, r->chain[0].out_len, 64);
		KUNIT_ASSERT_EQ(test, ring_push(r, r->chain, 1, 0), 0);
		ring_expect_done(test, r, token, 0);
	}
}

/* What a descriptor names is not looked up in the map of the areas. */
static void no_buffer_among_areas(struct kunit *test)
{
	struct area_map *m;
	struct ring *r = open_apart(test, NUM, 0, &m);

	ring_add_one(test, r, 8, false);
	put(r, 0, r->area_base, 8, 0);
	KUNIT_ASSERT_EQ(test, ring_pop(r, 1, RING_IOV), 1);
	KUNIT_EXPECT_TRUE(test, r->chain[0].unmapped);
	KUNIT_ASSERT_EQ(test, ring_push(r, r->chain, 1, 0), 0);
	ring_expect_done(test, r, (void *)r->token, 0);
	ring_add_one(test, r, 8, false);
	put(r, 0, r->area_base, 16, VRING_DESC_F_INDIRECT);
	put(r, 1, r->area_base, 16, VRING_DESC_F_INDIRECT);
	KUNIT_EXPECT_EQ(test, ring_pop(r, 1, RING_IOV), -EIO);
	KUNIT_EXPECT_EQ(test, r->dq.error, DEVQ_E_UNMAPPED);
}

/* Changes of either map are noticed, and of no interest to what the other is for. */
static void each_map_changes(struct kunit *test)
{
	struct memmap_node *areas = kunit_kcalloc(test, AREA_PAGES, sizeof(*areas), GFP_KERNEL);
	struct area_map *m;
	struct ring *r = open_apart(test, NUM, 7, &m);
	unsigned int n;

	KUNIT_ASSERT_NOT_NULL(test, areas);
	ring_one_through(test, r);
	ring_expect_done(test, r, (void *)r->token, 1);
	n = take(test, &m->map, 0, U64_MAX, areas);
	KUNIT_ASSERT_LE(test, n, (unsigned int)AREA_PAGES);
	expect_no_turn(test, r);
	/* Nor are areas looked up where buffers are. */
	put_back(test, &r->iotlb, areas, n);
	expect_no_turn(test, r);
	put_back(test, &m->map, areas, n);
	ring_one_through(test, r);
	ring_expect_done(test, r, (void *)r->token, 1);
	KUNIT_EXPECT_GT(test, take(test, &r->iotlb, 0, U64_MAX, NULL), n);
	ring_add_one(test, r, 8, false);
	KUNIT_ASSERT_EQ(test, ring_pop(r, 1, RING_IOV), 1);
	KUNIT_EXPECT_TRUE(test, r->chain[0].unmapped);
	KUNIT_ASSERT_EQ(test, ring_push(r, r->chain, 1, 0), 0);
	ring_expect_done(test, r, (void *)r->token, 0);
}

/* Nobody could say in which of two maps something is missing. */
static void only_where_nothing_misses(struct kunit *test)
{
	struct area_map *m;
	struct ring *r = open_apart(test, NUM, 0, &m);
	struct devq_config cfg = r->cfg;

	devq_stop(&r->dq);
	cfg.no_miss = false;
	KUNIT_EXPECT_EQ(test, devq_start(&r->dq, &cfg), -EINVAL);
	cfg = r->cfg;
	cfg.iotlb = NULL;
	KUNIT_EXPECT_EQ(test, devq_start(&r->dq, &cfg), -EINVAL);
	KUNIT_EXPECT_FALSE(test, devq_running(&r->dq));
	KUNIT_EXPECT_EQ(test, devq_start(&r->dq, &r->cfg), 0);
	ring_one_through(test, r);
}

static struct kunit_case area_map_cases[] = {
	KUNIT_CASE_PARAM(areas_apart, ring_phys_gen_params),
	KUNIT_CASE_PARAM(no_buffer_among_areas, ring_phys_gen_params),
	KUNIT_CASE_PARAM(each_map_changes, ring_phys_gen_params),
	KUNIT_CASE_PARAM(only_where_nothing_misses, ring_phys_gen_params),
	{}
};

static struct kunit_suite area_map_suite = {
	.name = "ring-area-map",
	.test_cases = area_map_cases,
};

kunit_test_suite(area_map_suite);
