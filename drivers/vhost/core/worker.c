// SPDX-License-Identifier: GPL-2.0-only
/*
 * Workers: threads that do a device's work in its owner's address space.
 *
 * Work is queued from anywhere, wake-up callbacks with interrupts off included,
 * onto a lock-free list; each work is at most once on it. A worker is found
 * through vhost_virtqueue.worker under RCU, and freed a grace period after it
 * has ended, so that whoever found it may still queue to it in vain.
 */

#include <linux/cgroup.h>
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "internal.h"

/**
 * struct vhost_worker - a thread
 * @task: the thread; we hold a reference
 * @mm: the owner's address space, which outlives the worker
 * @list: what is to be done, last first
 * @rcu: for freeing
 */
struct vhost_worker {
	struct task_struct *task;
	struct mm_struct *mm;
	struct llist_head list;
	struct rcu_head rcu;
};

static void vhost_worker_run(struct llist_node *node)
{
	struct vhost_work *work, *next;

	node = llist_reverse_order(node);
	llist_for_each_entry_safe(work, next, node, node) {
		clear_bit(VHOST_WORK_QUEUED, &work->flags);
		/* Whoever finds it queued from here on knows that it has yet to run. */
		smp_mb__after_atomic();
		work->fn(work);
		cond_resched();
	}
}

static int vhost_worker_thread(void *data)
{
	struct vhost_worker *worker = data;

	/*
	 * A page fault of ours may wait for somebody who never answers. SIGKILL
	 * ends such a wait, see vhost_worker_kill(); nothing else heeds it.
	 */
	allow_signal(SIGKILL);
	kthread_use_mm(worker->mm);
	for (;;) {
		struct llist_node *node;

		set_current_state(TASK_IDLE);
		if (kthread_should_stop())
			break;
		node = llist_del_all(&worker->list);
		if (!node) {
			schedule();
			continue;
		}
		__set_current_state(TASK_RUNNING);
		vhost_worker_run(node);
	}
	__set_current_state(TASK_RUNNING);
	kthread_unuse_mm(worker->mm);
	return 0;
}

/**
 * vhost_worker_create - start a worker for the calling process
 * @mm: the caller's address space, referenced for as long as the worker lives
 *
 * The thread is called vhost-<pid> and joins the caller's cgroups.
 *
 * Context: may sleep.
 * Return: the worker or an error pointer.
 */
struct vhost_worker *vhost_worker_create(struct mm_struct *mm)
{
	struct vhost_worker *worker = kzalloc(sizeof(*worker), GFP_KERNEL_ACCOUNT);
	struct task_struct *task;
	int err;

	if (!worker)
		return ERR_PTR(-ENOMEM);
	worker->mm = mm;
	init_llist_head(&worker->list);
	task = kthread_create(vhost_worker_thread, worker, "vhost-%d", current->pid);
	if (IS_ERR(task)) {
		kfree(worker);
		return ERR_CAST(task);
	}
	worker->task = get_task_struct(task);
	err = cgroup_attach_task_all(current, task);
	if (err) {
		vhost_worker_destroy(worker);
		return ERR_PTR(err);
	}
	wake_up_process(task);
	return worker;
}

static void vhost_worker_free_rcu(struct rcu_head *rcu)
{
	struct vhost_worker *worker = container_of(rcu, struct vhost_worker, rcu);

	put_task_struct(worker->task);
	kfree(worker);
}

/**
 * vhost_worker_destroy - end a worker
 * @worker: the worker; no queue points to it any more. Work still on its list
 *	is not done
 *
 * Context: may sleep.
 */
void vhost_worker_destroy(struct vhost_worker *worker)
{
	kthread_stop(worker->task);
	call_rcu(&worker->rcu, vhost_worker_free_rcu);
}

/**
 * vhost_worker_kill - end every wait of the worker in a page fault
 * @worker: the worker
 *
 * From now on it takes faults only as far as they need no waiting. For owners
 * that are gone or going.
 */
void vhost_worker_kill(struct vhost_worker *worker)
{
	send_sig(SIGKILL, worker->task, 1);
}

static void vhost_worker_queue(struct vhost_worker *worker, struct vhost_work *work)
{
	if (test_and_set_bit(VHOST_WORK_QUEUED, &work->flags))
		return;
	/* The first one on the list is the one who has to wake the worker. */
	if (llist_add(&work->node, &worker->list))
		wake_up_process(worker->task);
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

struct vhost_flush {
	struct vhost_work work;
	struct completion done;
};

static void vhost_flush_fn(struct vhost_work *work)
{
	complete(&container_of(work, struct vhost_flush, work)->done);
}

/**
 * vhost_worker_flush - wait until all that was queued so far is done
 * @worker: the worker
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
	if (wait_for_completion_killable(&flush.done)) {
		vhost_worker_kill(worker);
		wait_for_completion(&flush.done);
	}
}

/**
 * vhost_dev_flush - wait until all work of a device queued so far is done
 * @dev: the device
 *
 * Context: vhost_dev.mutex held, no queue mutex; may sleep.
 */
void vhost_dev_flush(struct vhost_dev *dev)
{
	lockdep_assert_held(&dev->mutex);
	if (dev->worker)
		vhost_worker_flush(dev->worker);
}
EXPORT_SYMBOL_NS_GPL(vhost_dev_flush, "RINGSIDE");
