// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memslots while they are read: what an update waits for, what it does not wait
 * for, and that a removed address is gone for every reader when it returns.
 */

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#include "memslot_kunit.h"
#include "random_kunit.h"

#define PAGE		4096ULL
#define RACE_READERS	4
/* Regions that always stay, at the bottom of guest memory. */
#define RACE_FIXED	64
/* Where the region that comes and goes can be in guest memory ... */
#define RACE_PLACES	8
/* ... and in user memory. */
#define RACE_HOMES	16

/* How long the updater goes on, and for how many updates at least. */
#define RACE_TIME	(5 * HZ)
#define RACE_UPDATES	100

#define place_gpa(i)	((RACE_FIXED + 2 * (i)) * PAGE)
#define home_uva(i)	(TEST_UVA + (1024 + (i)) * PAGE)

struct race;

/**
 * struct race_reader - a thread that looks up without pause
 * @race: the whole
 * @reader: how the map knows it
 * @cache: what it remembers
 * @task: the thread
 * @turns: turns it made
 * @hits: turns that saw the moving region
 * @index: which reader this is; the last one also sleeps in its turns
 */
struct race_reader {
	struct race *race;
	struct memmap_reader reader;
	struct memmap_cache cache;
	struct task_struct *task;
	unsigned long turns;
	unsigned long hits;
	unsigned int index;
};

/**
 * struct race - readers against one updater
 * @f: the map
 * @reader: the readers
 * @gone: which homes of the moving region the updater got back; set when the
 *	update that removed one has returned, cleared before it is used again
 * @stale: turns that got hold of a home that was gone
 * @torn: turns that did not see the moving region, or in two places though nothing
 *	had changed since they began
 * @lost: turns that missed a region that never left
 */
struct race {
	struct memslots_fixture *f;
	struct race_reader reader[RACE_READERS];
	bool gone[RACE_HOMES];
	atomic_t stale;
	atomic_t torn;
	atomic_t lost;
};

/* Where in user memory does the set have the moving region? -1: nowhere. */
static int race_find(struct race_reader *r, const struct memmap_set *set)
{
	unsigned int i, seen = 0;
	struct iovec iov;
	int home = -1;

	for (i = 0; i < RACE_PLACES; i++) {
		if (test_translate(set, &r->cache, place_gpa(i), PAGE, MEMMAP_READ, &iov, 1) !=
		    1)
			continue;
		home = ((u64)(uintptr_t)iov.iov_base - home_uva(0)) / PAGE;
		seen++;
	}
	/* Who came before it moved finds it there as well as where it was. */
	if (seen != 1 && !(seen == 2 && memmap_newer(set)))
		atomic_inc(&r->race->torn);
	return home;
}

static void race_turn(struct race_reader *r)
{
	struct race *race = r->race;
	const struct memmap_set *set = memmap_read_lock(&race->f->ms.map, &r->reader);
	struct iovec iov[RACE_FIXED];
	int home = race_find(r, set);

	if (test_translate(set, &r->cache, 1, RACE_FIXED * PAGE - 2, MEMMAP_READ, iov,
			   RACE_FIXED) != RACE_FIXED)
		atomic_inc(&race->lost);
	if (r->index == RACE_READERS - 1 && r->turns % 64 == 0)
		usleep_range(50, 500);
	/* A home stays usable until the turn ends, however long that takes. */
	if (home >= 0) {
		r->hits++;
		if (READ_ONCE(race->gone[home]))
			atomic_inc(&race->stale);
	}
	memmap_read_unlock(&race->f->ms.map, &r->reader);
	r->turns++;
}

static int race_read(void *data)
{
	struct race_reader *r = data;

	while (!kthread_should_stop()) {
		race_turn(r);
		cond_resched();
	}
	return 0;
}

static void race_stop(void *data)
{
	struct race *race = data;
	unsigned int i;

	for (i = 0; i < RACE_READERS; i++)
		if (race->reader[i].task) {
			kthread_stop_put(race->reader[i].task);
			race->reader[i].task = NULL;
		}
}

static struct race *race_start(struct kunit *test)
{
	struct race *race = kunit_kzalloc(test, sizeof(*race), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, race);
	race->f = test->priv;
	for (i = 0; i < RACE_READERS; i++) {
		race->reader[i].race = race;
		race->reader[i].index = i;
		memmap_add_reader(&race->f->ms.map, &race->reader[i].reader);
	}
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, race_stop, race), 0);
	return race;
}

static void race_run_readers(struct kunit *test, struct race *race)
{
	unsigned int i;

	for (i = 0; i < RACE_READERS; i++) {
		struct task_struct *task = kthread_run(race_read, &race->reader[i], "memslots/%u",
						       i);

		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, task);
		race->reader[i].task = get_task_struct(task);
	}
}

/* Fill @r with the fixed regions, scattered, and the moving one somewhere among them. */
static void race_table(struct rnd_state *rnd, struct vhost_memory_region *r, u32 place, u32 home)
{
	u32 at = random_below(rnd, RACE_FIXED + 1), i, n = 0;

	for (i = 0; i <= RACE_FIXED; i++) {
		if (i == at)
			r[n++] = REGION(place_gpa(place), PAGE, home_uva(home));
		if (i < RACE_FIXED)
			r[n++] = REGION(i * PAGE, PAGE, TEST_UVA + 2 * i * PAGE);
	}
}

/* The moving region is in force at any time, at one place and one home. */
static void removed_is_gone(struct kunit *test)
{
	struct race *race = race_start(test);
	unsigned int i, n = max(random_rounds(20000), RACE_UPDATES);
	struct vhost_memory_region *r;
	unsigned long end = jiffies + RACE_TIME;
	u32 home = 0, old;
	struct rnd_state rnd;

	r = kunit_kcalloc(test, RACE_FIXED + 1, sizeof(*r), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, r);
	random_start(test, &rnd);
	race_table(&rnd, r, 0, home);
	KUNIT_ASSERT_EQ(test, memslots_set(test, r, RACE_FIXED + 1), 0);
	race_run_readers(test, race);
	for (i = 0; i < n && time_before(jiffies, i < RACE_UPDATES ? end + 60 * HZ : end); i++) {
		old = home;
		home = (home + 1 + random_below(&rnd, RACE_HOMES - 1)) % RACE_HOMES;
		WRITE_ONCE(race->gone[home], false);
		race_table(&rnd, r, random_below(&rnd, RACE_PLACES), home);
		KUNIT_ASSERT_EQ(test, memslots_set_raw(&race->f->ms, r, RACE_FIXED + 1), 0);
		/* As a VMM would unmap it now. */
		WRITE_ONCE(race->gone[old], true);
		if (i % 16 == 0)
			usleep_range(20, 200);
		cond_resched();
	}
	race_stop(race);
	KUNIT_EXPECT_EQ(test, atomic_read(&race->stale), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&race->torn), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&race->lost), 0);
	KUNIT_EXPECT_EQ(test, memslots_validate(&race->f->ms), 0);
	KUNIT_EXPECT_GE(test, i, (unsigned int)RACE_UPDATES);
	for (n = 0; n < RACE_READERS; n++) {
		KUNIT_EXPECT_GT(test, race->reader[n].hits, 0UL);
		kunit_info(test, "%u updates, reader %u: %lu turns", i, n, race->reader[n].turns);
	}
}

/**
 * struct updater - one update made by another thread
 * @f: the map
 * @r: the new table
 * @n: regions in it
 * @err: what came of it
 * @done: it returned
 * @task: the thread
 */
struct updater {
	struct memslots_fixture *f;
	struct vhost_memory_region r[4];
	unsigned int n;
	int err;
	struct completion done;
	struct task_struct *task;
};

static int updater_thread(void *data)
{
	struct updater *u = data;

	allow_signal(SIGKILL);
	u->err = memslots_set_raw(&u->f->ms, u->r, u->n);
	flush_signals(current);
	complete_all(&u->done);
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

static void updater_stop(void *data)
{
	struct updater *u = data;

	send_sig(SIGKILL, u->task, 1);
	kthread_stop_put(u->task);
}

static struct updater *updater_start(struct kunit *test, const struct vhost_memory_region *r,
				     unsigned int n)
{
	struct updater *u = kunit_kzalloc(test, sizeof(*u), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, u);
	u->f = test->priv;
	u->n = n;
	memcpy(u->r, r, n * sizeof(*r));
	init_completion(&u->done);
	u->task = kthread_create(updater_thread, u, "memslots/update");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, u->task);
	get_task_struct(u->task);
	wake_up_process(u->task);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, updater_stop, u), 0);
	return u;
}

static bool updater_done(struct updater *u, unsigned int ms)
{
	return wait_for_completion_timeout(&u->done, msecs_to_jiffies(ms));
}

static const struct vhost_memory_region two[] = {
	{ .guest_phys_addr = 0, .memory_size = PAGE, .userspace_addr = TEST_UVA },
	{ .guest_phys_addr = PAGE, .memory_size = PAGE, .userspace_addr = TEST_UVA + 64 * PAGE },
};

/* A removal returns when the last reader of the old set leaves, and not before. */
static void removal_waits(struct kunit *test)
{
	struct memslots_fixture *f = test->priv;
	const struct memmap_set *set;
	struct updater *u;
	struct iovec iov;

	KUNIT_ASSERT_EQ(test, memslots_set(test, two, 2), 0);
	set = memmap_read_lock(&f->ms.map, &f->reader);
	u = updater_start(test, two, 1);
	KUNIT_EXPECT_FALSE(test, updater_done(u, 100));
	/* The new table is in force for others, the old one for us. */
	KUNIT_EXPECT_EQ(test, memslots_count(&f->ms), 1U);
	KUNIT_EXPECT_EQ(test, test_translate(set, &f->cache, PAGE, 1, MEMMAP_READ, &iov, 1), 1);
	memmap_read_unlock(&f->ms.map, &f->reader);
	KUNIT_EXPECT_TRUE(test, updater_done(u, 10000));
	KUNIT_EXPECT_EQ(test, u->err, 0);
	KUNIT_EXPECT_EQ(test, memslots_validate(&f->ms), 0);
	memslots_expect_hole(test, PAGE, 1);
}

/* A reader that comes after the new set is in force delays nobody. */
static void late_reader_is_not_waited_for(struct kunit *test)
{
	struct race *race = race_start(test);
	struct memslots_fixture *f = test->priv;
	struct race_reader *late = &race->reader[0];
	const struct memmap_set *set;
	struct updater *u;
	struct iovec iov;

	KUNIT_ASSERT_EQ(test, memslots_set(test, two, 2), 0);
	memmap_read_lock(&f->ms.map, &f->reader);
	u = updater_start(test, two, 1);
	KUNIT_EXPECT_FALSE(test, updater_done(u, 50));
	memmap_read_unlock(&f->ms.map, &f->reader);
	set = memmap_read_lock(&f->ms.map, &late->reader);
	KUNIT_EXPECT_TRUE(test, updater_done(u, 10000));
	KUNIT_EXPECT_EQ(test, test_translate(set, &late->cache, PAGE, 1, MEMMAP_READ, &iov, 1),
			-EFAULT);
	memmap_read_unlock(&f->ms.map, &late->reader);
	KUNIT_EXPECT_EQ(test, memslots_validate(&f->ms), 0);
}

/* Growth waits for nobody; the update after it does what is left to do. */
static void growth_does_not_wait(struct kunit *test)
{
	struct memslots_fixture *f = test->priv;
	const struct memmap_set *set;
	struct updater *u;
	struct iovec iov;

	KUNIT_ASSERT_EQ(test, memslots_set(test, two, 1), 0);
	set = memmap_read_lock(&f->ms.map, &f->reader);
	u = updater_start(test, two, 2);
	KUNIT_EXPECT_TRUE(test, updater_done(u, 10000));
	KUNIT_EXPECT_EQ(test, u->err, 0);
	/* We came before it, but the driver may use it now. */
	KUNIT_EXPECT_NOT_NULL(test, memmap_newer(set));
	KUNIT_EXPECT_EQ(test, test_translate(set, &f->cache, PAGE, 1, MEMMAP_READ, &iov, 1), 1);
	KUNIT_EXPECT_EQ(test, (u64)(uintptr_t)iov.iov_base, two[1].userspace_addr);
	memmap_read_unlock(&f->ms.map, &f->reader);
	memslots_expect_at(test, PAGE, PAGE, two[1].userspace_addr);
	KUNIT_EXPECT_EQ(test, memslots_validate(&f->ms), 0);
}

/* A VMM that is killed while its update waits gets away, and breaks nothing. */
static void killed_updater(struct kunit *test)
{
	struct memslots_fixture *f = test->priv;
	const struct memmap_set *set;
	struct updater *u, *v;
	struct iovec iov;

	KUNIT_ASSERT_EQ(test, memslots_set(test, two, 2), 0);
	set = memmap_read_lock(&f->ms.map, &f->reader);
	u = updater_start(test, two, 1);
	KUNIT_EXPECT_FALSE(test, updater_done(u, 50));
	send_sig(SIGKILL, u->task, 1);
	KUNIT_EXPECT_TRUE(test, updater_done(u, 10000));
	KUNIT_EXPECT_EQ(test, u->err, -EINTR);
	/* What the reader holds is not freed behind its back. */
	KUNIT_EXPECT_EQ(test, test_translate(set, &f->cache, PAGE, 1, MEMMAP_READ, &iov, 1), 1);
	/* The next update finds the work undone, and waits in turn. */
	v = updater_start(test, two + 1, 1);
	KUNIT_EXPECT_FALSE(test, updater_done(v, 50));
	memmap_read_unlock(&f->ms.map, &f->reader);
	KUNIT_EXPECT_TRUE(test, updater_done(v, 10000));
	KUNIT_EXPECT_EQ(test, v->err, 0);
	KUNIT_EXPECT_EQ(test, memslots_validate(&f->ms), 0);
	memslots_expect_hole(test, 0, 1);
	memslots_expect_at(test, PAGE, PAGE, two[1].userspace_addr);
}

/* The map goes away with a killed update's work undone. */
static void killed_updater_then_destroy(struct kunit *test)
{
	struct memslots_fixture *f = test->priv;
	struct updater *u;

	KUNIT_ASSERT_EQ(test, memslots_set(test, two, 2), 0);
	memmap_read_lock(&f->ms.map, &f->reader);
	u = updater_start(test, two + 1, 1);
	KUNIT_EXPECT_FALSE(test, updater_done(u, 50));
	send_sig(SIGKILL, u->task, 1);
	KUNIT_EXPECT_TRUE(test, updater_done(u, 10000));
	KUNIT_EXPECT_EQ(test, u->err, -EINTR);
	memmap_read_unlock(&f->ms.map, &f->reader);
}

#if IS_ENABLED(CONFIG_FAILSLAB)
/* Every allocation of an update fails once. */
static void out_of_memory(struct kunit *test)
{
	struct memslots_fixture *f = test->priv;
	struct vhost_memory_region r[48];
	unsigned int nth, i, failed = 0;
	u64 generation;
	int err;

	for (i = 0; i < ARRAY_SIZE(r); i++)
		r[i] = REGION(i * PAGE, PAGE, TEST_UVA + 2 * i * PAGE);
	KUNIT_ASSERT_EQ(test, memslots_set(test, r, 4), 0);
	generation = f->ms.map.active->generation;
	for (nth = 1; ; nth++) {
		/* Region 0 would leave, 44 would come. */
		current->fail_nth = nth;
		err = memslots_set_raw(&f->ms, r + 1, ARRAY_SIZE(r) - 1);
		i = current->fail_nth;
		current->fail_nth = 0;
		KUNIT_ASSERT_EQ(test, memslots_validate(&f->ms), 0);
		if (i)
			break;
		if (!err) {
			/* What failed was no allocation of ours, but the checker's own. */
			KUNIT_ASSERT_EQ(test, memslots_set(test, r, 4), 0);
			generation = f->ms.map.active->generation;
			continue;
		}
		KUNIT_ASSERT_EQ(test, err, -ENOMEM);
		KUNIT_ASSERT_EQ(test, memslots_count(&f->ms), 4U);
		KUNIT_ASSERT_EQ(test, f->ms.map.active->generation, generation);
		memslots_expect_at(test, 0, PAGE, TEST_UVA);
		failed++;
	}
	KUNIT_EXPECT_EQ(test, err, 0);
	memslots_expect_hole(test, 0, 1);
	/*
	 * Unless failslab is told to, it spares allocations that may wait. Now and then
	 * one of ours is spared as the checker takes its turn. Entries come several at a
	 * time, and those that came before a failure are kept for the next time.
	 */
	KUNIT_EXPECT_GE_MSG(test, failed, 40U / MEMMAP_SPARE / 2, "is failslab/ignore-gfp-wait N?");
}
#endif

static struct kunit_case memslots_race_cases[] = {
	KUNIT_CASE(removal_waits),
	KUNIT_CASE(late_reader_is_not_waited_for),
	KUNIT_CASE(growth_does_not_wait),
	KUNIT_CASE(killed_updater),
	KUNIT_CASE(killed_updater_then_destroy),
#if IS_ENABLED(CONFIG_FAILSLAB)
	KUNIT_CASE(out_of_memory),
#endif
	KUNIT_CASE_SLOW(removed_is_gone),
	{}
};

static struct kunit_suite memslots_race_suite = {
	.name = "memslots-race",
	.init = memslots_fixture_init,
	.exit = memslots_fixture_exit,
	.test_cases = memslots_race_cases,
};

kunit_test_suite(memslots_race_suite);
