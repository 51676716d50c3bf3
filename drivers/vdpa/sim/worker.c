// SPDX-License-Identifier: GPL-2.0-only
/*
 * The threads of a device, and the address space they work in.
 *
 * A turn that reaches memory by user addresses may wait for a page for as long as
 * whoever serves that page's faults likes, and that may be the process which uses
 * the device. While it lives it can be killed. When it dies, the waits of the
 * threads have to end: SIGKILL ends them, as long as it is pending.
 */

#include <linux/err.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "sim.h"

static void sim_worker_turn(struct kthread_work *work)
{
	struct sim_worker *w = container_of(work, struct sim_worker, work);
	struct sim *sim = w->sim;
	/* It stays allocated until this turn is over, see sim_unbind_mm(). */
	struct mm_struct *mm = READ_ONCE(sim->mm);
	bool more;

	if (mm) {
		if (!mmget_not_zero(mm))
			return;
		kthread_use_mm(mm);
	}
	more = sim->class->serve(sim, w->index);
	if (mm) {
		kthread_unuse_mm(mm);
		mmput(mm);
	}
	if (more)
		kthread_queue_work(w->thread, work);
}

/* Heed SIGKILL from now on, and forget the last one. */
static void sim_worker_calm(struct kthread_work *work)
{
	allow_signal(SIGKILL);
	flush_signals(current);
}

/**
 * sim_workers_create - start the threads of a device
 * @sim: the device
 * @name: its name
 *
 * Context: may sleep.
 * Return: 0, or -ENOMEM, -EINTR or whatever else making a thread gave.
 * sim_workers_destroy() is to be called in any case.
 */
int sim_workers_create(struct sim *sim, const char *name)
{
	unsigned int i;

	sim->workers = kzalloc_objs(*sim->workers, sim->nworkers);
	if (!sim->workers)
		return -ENOMEM;
	for (i = 0; i < sim->nworkers; i++) {
		struct sim_worker *w = &sim->workers[i];
		struct kthread_worker *thread = kthread_run_worker(0, "%s-%u", name, i);

		if (IS_ERR(thread))
			return PTR_ERR(thread);
		w->sim = sim;
		w->index = i;
		w->thread = thread;
		kthread_init_work(&w->work, sim_worker_turn);
		kthread_init_work(&w->calm, sim_worker_calm);
		kthread_queue_work(thread, &w->calm);
	}
	return 0;
}

/**
 * sim_workers_destroy - end the threads of a device
 * @sim: the device; nobody kicks its queues any more
 *
 * Context: may sleep.
 */
void sim_workers_destroy(struct sim *sim)
{
	unsigned int i;

	if (!sim->workers)
		return;
	for (i = 0; i < sim->nworkers; i++) {
		struct sim_worker *w = &sim->workers[i];

		if (!w->thread)
			continue;
		/* A turn that is under way may ask for another, behind any flush. */
		kthread_cancel_work_sync(&w->work);
		kthread_destroy_worker(w->thread);
	}
	kfree(sim->workers);
	sim->workers = NULL;
}

/**
 * sim_workers_flush - wait for all turns that are under way
 * @sim: the device; no queue of it runs
 *
 * Context: may sleep.
 */
void sim_workers_flush(struct sim *sim)
{
	unsigned int i;

	for (i = 0; i < sim->nworkers; i++)
		kthread_flush_work(&sim->workers[i].work);
}

/**
 * sim_kick - have a queue looked at
 * @sim: its device
 * @index: its number
 *
 * Context: any.
 */
void sim_kick(struct sim *sim, u16 index)
{
	struct sim_worker *w = &sim->workers[sim->class->worker_of(sim, index)];

	kthread_queue_work(w->thread, &w->work);
}

static void sim_upset(struct sim *sim)
{
	unsigned int i;

	sim->upset = true;
	for (i = 0; i < sim->nworkers; i++)
		send_sig(SIGKILL, sim->workers[i].thread->task, 1);
}

/**
 * sim_wait_turn - take a queue's mutex on behalf of the driver
 * @q: the queue
 *
 * Always succeeds: if the caller dies meanwhile, turns do not wait for anybody's
 * memory any more. Before sim.lock is dropped sim_calm() has to follow.
 *
 * Context: sim.lock; may sleep.
 */
void sim_wait_turn(struct sim_queue *q)
{
	if (mutex_trylock(&q->mutex))
		return;
	if (!q->sim->mm) {
		mutex_lock(&q->mutex);
		return;
	}
	if (!(current->flags & PF_EXITING) && !mutex_lock_killable(&q->mutex))
		return;
	sim_upset(q->sim);
	mutex_lock(&q->mutex);
}

/**
 * sim_calm - let turns wait in page faults again
 * @sim: the device; the caller waits for no turn any more
 *
 * Context: sim.lock, but no sim_queue.mutex; may sleep.
 */
void sim_calm(struct sim *sim)
{
	unsigned int i;

	if (likely(!sim->upset))
		return;
	for (i = 0; i < sim->nworkers; i++) {
		kthread_queue_work(sim->workers[i].thread, &sim->workers[i].calm);
		kthread_flush_work(&sim->workers[i].calm);
	}
	sim->upset = false;
}
