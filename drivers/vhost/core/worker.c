// SPDX-License-Identifier: GPL-2.0-only
/*
 * Workers: threads that do a device's work in its owner's address space.
 *
 * Work is queued from anywhere, wake-up callbacks with interrupts off included,
 * onto a lock-free list; each work is at most once on a list. A worker is found
 * through vhost_virtqueue.worker under RCU, and freed a grace period after it
 * has ended, so that whoever found it may still queue to it in vain.
 *
 * A worker whose thread was killed is dead. Nothing reaches guest memory through
 * it any more: what is queued to it is dropped. Whoever waits for it is told.
 */

#include <linux/completion.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/xarray.h>

#include "internal.h"
#include "worker.h"

struct vhost_flush {
	struct vhost_work work;
	struct completion done;
};

static void vhost_flush_fn(struct vhost_work *work)
{
	complete(&container_of(work, struct vhost_flush, work)->done);
}

static void vhost_work_unqueue(struct vhost_work *work)
{
	clear_bit(VHOST_WORK_QUEUED, &work->flags);
	/* Whoever finds it queued from here on knows that it has yet to run. */
	smp_mb__after_atomic();
}

/**
 * vhost_worker_run - do what is on the list now
 * @worker: the worker
 *
 * Context: the worker's thread. The task state is that of its wait for work if
 * the list turns out to be empty, else TASK_RUNNING.
 * Return: false if there was nothing.
 */
bool vhost_worker_run(struct vhost_worker *worker)
{
	struct llist_node *node = llist_del_all(&worker->list);
	struct vhost_work *work, *next;

	if (!node)
		return false;
	__set_current_state(TASK_RUNNING);
	node = llist_reverse_order(node);
	llist_for_each_entry_safe(work, next, node, node) {
		vhost_work_unqueue(work);
		work->fn(work);
		cond_resched();
	}
	return true;
}

/**
 * vhost_worker_drain - drop what is on the list of a dead worker
 * @worker: the worker
 *
 * Those who wait for a flush are woken. Works are left as if never queued.
 *
 * Context: any that may run a long list; several may do so at a time.
 */
void vhost_worker_drain(struct vhost_worker *worker)
{
	struct llist_node *node = llist_del_all(&worker->list);
	struct vhost_work *work, *next;

	llist_for_each_entry_safe(work, next, node, node) {
		/* The waiter's work is on its stack: gone once we said so. */
		bool flush = work->fn == vhost_flush_fn;

		vhost_work_unqueue(work);
		if (flush)
			work->fn(work);
	}
}

/**
 * vhost_worker_bury - a worker's thread does nothing any more
 * @worker: the worker
 *
 * Context: the thread as its last act, or anybody after its end.
 */
void vhost_worker_bury(struct vhost_worker *worker)
{
	WRITE_ONCE(worker->dead, true);
	/*
	 * Pairs with vhost_worker_flush(): either we find its work on the list, or
	 * it finds us dead and looks at the list itself.
	 */
	smp_mb();
	vhost_worker_drain(worker);
}

static void vhost_worker_queue(struct vhost_worker *worker, struct vhost_work *work)
{
	struct task_struct *task;

	if (test_and_set_bit(VHOST_WORK_QUEUED, &work->flags))
		return;
	/* The first one on the list is the one who has to wake the worker. */
	if (!llist_add(&work->node, &worker->list))
		return;
	task = READ_ONCE(worker->task);
	/* A thread that has yet to arrive looks at the list by itself. */
	if (likely(task))
		wake_up_process(task);
}

/**
 * vhost_worker_flush - wait until all that was queued so far is done
 * @worker: the worker; if it is dead, what was queued is dropped
 *
 * When the caller is killed, so are the worker's waits: it cannot keep us.
 *
 * Context: may sleep; not from the worker itself.
 */
void vhost_worker_flush(struct vhost_worker *worker)
{
	struct vhost_flush flush;

	vhost_work_init(&flush.work, vhost_flush_fn);
	init_completion(&flush.done);
	vhost_worker_queue(worker, &flush.work);
	/* Pairs with vhost_worker_bury(). */
	smp_mb();
	if (READ_ONCE(worker->dead))
		vhost_worker_drain(worker);
	if (wait_for_completion_killable(&flush.done)) {
		vhost_worker_kill(worker);
		wait_for_completion(&flush.done);
	}
}

/**
 * vhost_work_init - a work that is not queued
 * @work: the work
 * @fn: what it does
 */
void vhost_work_init(struct vhost_work *work, void (*fn)(struct vhost_work *work))
{
	work->fn = fn;
	work->flags = 0;
}
EXPORT_SYMBOL_NS_GPL(vhost_work_init, "RINGSIDE");

/**
 * vhost_vq_work_queue - have a queue's worker do something
 * @vq: the queue
 * @work: the work; nothing happens if it is queued already
 *
 * When the worker is killed before it comes to the work, the work is dropped.
 *
 * Context: any.
 * Return: false if the queue has no worker, which means no owner.
 */
bool vhost_vq_work_queue(struct vhost_virtqueue *vq, struct vhost_work *work)
{
	struct vhost_worker *worker;

	rcu_read_lock();
	worker = rcu_dereference(vq->worker);
	if (worker)
		vhost_worker_queue(worker, work);
	rcu_read_unlock();
	return worker;
}
EXPORT_SYMBOL_NS_GPL(vhost_vq_work_queue, "RINGSIDE");

/**
 * vhost_vq_has_work - is somebody waiting for this queue's worker?
 * @vq: the queue
 *
 * Context: any; for loops that poll.
 * Return: true if it was so a moment ago.
 */
bool vhost_vq_has_work(struct vhost_virtqueue *vq)
{
	struct vhost_worker *worker;
	bool has;

	rcu_read_lock();
	worker = rcu_dereference(vq->worker);
	has = worker && !llist_empty(&worker->list);
	rcu_read_unlock();
	return has;
}
EXPORT_SYMBOL_NS_GPL(vhost_vq_has_work, "RINGSIDE");

/**
 * vhost_dev_flush - wait until all work of a device queued so far is done
 * @dev: the device
 *
 * Context: vhost_dev.mutex held, no queue mutex; may sleep.
 */
void vhost_dev_flush(struct vhost_dev *dev)
{
	struct vhost_worker *worker;
	unsigned long id;

	lockdep_assert_held(&dev->mutex);
	xa_for_each(&dev->workers, id, worker)
		vhost_worker_flush(worker);
}
EXPORT_SYMBOL_NS_GPL(vhost_dev_flush, "RINGSIDE");
