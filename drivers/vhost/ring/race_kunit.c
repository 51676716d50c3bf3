// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ring engine with its driver on another processor. Both sleep only when
 * the rules permit, and nobody wakes them but the other: a notification that
 * gets lost stops the test.
 */

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched/task.h>

#include "memmap/random_kunit.h"
#include "ring_kunit.h"

RING_PARAMS();

#define RACE_NUM	16
/* How long the driver goes on sending, and how long each waits for the other. */
#define RACE_TIME	(HZ)
#define RACE_PATIENCE	(20 * HZ)

/**
 * struct race - a driver's thread and the device in ours
 * @r: the queue
 * @buf: the memory of all buffers
 * @total: buffers to send; fewer when time is up
 * @kick: tells the device
 * @signal: tells the driver
 * @driver: the thread
 * @stop: something is wrong, go home
 * @back: buffers that came back
 * @wrong: of them, out of order or with a wrong length
 * @driver_forgot: a signal was lost
 * @kicks: how often the device was told
 */
struct race {
	struct ring *r;
	struct mock_buf buf;
	unsigned long total;
	struct completion kick;
	struct completion signal;
	struct task_struct *driver;
	bool stop;
	unsigned long back;
	unsigned long wrong;
	bool driver_forgot;
	unsigned long kicks;
};

/* A buffer's length tells which one it is. */
static u32 race_len(unsigned long token)
{
	return 1 + token % 1000;
}

static unsigned long driver_collect(struct race *race)
{
	struct mock_done done;
	unsigned long n = 0;

	while (race->r->drv.layout->get(&race->r->drv, &done)) {
		race->back++;
		n++;
		if (done.bad || (unsigned long)done.token != race->back ||
		    done.len != race_len(race->back))
			race->wrong++;
	}
	return n;
}

static void driver_send(struct race *race, unsigned long *sent)
{
	const struct mock_layout *drv = race->r->drv.layout;
	struct mock_buf buf = race->buf;
	unsigned int n = 1 + *sent % 7;

	while (n-- && *sent < race->total) {
		buf.len = race_len(*sent + 1);
		if (drv->add(&race->r->drv, &buf, 1, NULL, (void *)(*sent + 1)))
			break;
		++*sent;
	}
	drv->publish(&race->r->drv);
	if (drv->want_kick(&race->r->drv)) {
		race->kicks++;
		complete(&race->kick);
	}
}

static int driver_thread(void *data)
{
	struct race *race = data;
	const struct mock_layout *drv = race->r->drv.layout;
	unsigned long end = jiffies + RACE_TIME, sent = 0;

	drv->disable_signal(&race->r->drv);
	while (race->back < race->total && !READ_ONCE(race->stop)) {
		cond_resched();
		if (time_after(jiffies, end))
			WRITE_ONCE(race->total, sent);
		/* The last one may have come back before it was known to be the last. */
		if (race->back == race->total)
			break;
		if (sent < race->total && race->r->drv.nfree)
			driver_send(race, &sent);
		if (driver_collect(race) || (sent < race->total && race->r->drv.nfree))
			continue;
		if (!drv->enable_signal(&race->r->drv, 1) &&
		    !wait_for_completion_timeout(&race->signal, RACE_PATIENCE)) {
			race->driver_forgot = true;
			WRITE_ONCE(race->stop, true);
		}
		drv->disable_signal(&race->r->drv);
	}
	/* The device may sleep: let it see the end. */
	complete(&race->kick);
	while (!kthread_should_stop())
		schedule_timeout_uninterruptible(1);
	return 0;
}

static void race_stop(void *data)
{
	struct race *race = data;

	WRITE_ONCE(race->stop, true);
	complete(&race->signal);
	if (race->driver)
		kthread_stop_put(race->driver);
	race->driver = NULL;
}

/* Take what is there and give it back. Returns how many, or an error. */
static int device_turn(struct race *race)
{
	struct devq_used used[DEVQ_BATCH];
	struct ring *r = race->r;
	int n, i, err;

	n = ring_pop(r, DEVQ_BATCH, RING_IOV);
	if (n <= 0)
		return n;
	for (i = 0; i < n; i++)
		used[i] = devq_use(&r->chain[i], r->chain[i].in_len);
	devq_enter(&r->dq);
	err = devq_push(&r->dq, used, n);
	devq_exit(&r->dq);
	if (err)
		return err;
	err = ring_want_signal(r);
	if (err > 0)
		complete(&race->signal);
	return err < 0 ? err : n;
}

static void nothing_is_forgotten(struct kunit *test)
{
	struct race *race = kunit_kzalloc(test, sizeof(*race), GFP_KERNEL);
	unsigned long done = 0, slept = 0;
	struct ring *r;

	KUNIT_ASSERT_NOT_NULL(test, race);
	r = ring_open(test, RACE_NUM, 65400);
	race->r = r;
	race->buf = ring_buf(test, r, 1000, true);
	race->total = random_rounds(100000);
	init_completion(&race->kick);
	init_completion(&race->signal);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, race_stop, race), 0);
	race->driver = kthread_create(driver_thread, race, "ring/driver");
	if (IS_ERR(race->driver))
		race->driver = NULL;
	KUNIT_ASSERT_NOT_NULL(test, race->driver);
	get_task_struct(race->driver);
	wake_up_process(race->driver);

	while (done < READ_ONCE(race->total) && !READ_ONCE(race->stop)) {
		int n = device_turn(race);

		cond_resched();
		KUNIT_ASSERT_GE(test, n, 0);
		done += n;
		if (n)
			continue;
		n = ring_enable_kick(r);
		KUNIT_ASSERT_GE(test, n, 0);
		if (!n) {
			slept++;
			if (!wait_for_completion_timeout(&race->kick, RACE_PATIENCE)) {
				KUNIT_FAIL(test, "no kick: %lu of %lu buffers came", done,
					   race->total);
				WRITE_ONCE(race->stop, true);
				break;
			}
		}
		KUNIT_ASSERT_EQ(test, ring_disable_kick(r), 0);
	}
	/* The last ones may be on their way through the driver. */
	while (READ_ONCE(race->back) < race->total && !READ_ONCE(race->stop))
		schedule_timeout_uninterruptible(1);
	race_stop(race);
	KUNIT_EXPECT_FALSE_MSG(test, race->driver_forgot, "no signal: %lu of %lu came back",
			       race->back, race->total);
	KUNIT_EXPECT_EQ(test, race->back, race->total);
	KUNIT_EXPECT_EQ(test, race->wrong, 0UL);
	kunit_info(test, "%lu buffers, %lu kicks, the device slept %lu times", done, race->kicks,
		   slept);
}

static struct kunit_case ring_race_cases[] = {
	KUNIT_CASE_PARAM_ATTR(nothing_is_forgotten, ring_gen_params, { .speed = KUNIT_SPEED_SLOW }),
	{}
};

static struct kunit_suite ring_race_suite = {
	.name = "ring-race",
	.test_cases = ring_race_cases,
};

kunit_test_suite(ring_race_suite);
