// SPDX-License-Identifier: GPL-2.0-only
/*
 * The threads behind workers, of two kinds.
 *
 * A task is a thread of the owner, made by the kernel: it shares the owner's
 * memory, cgroups and limits, is seen in /proc/<pid>/task, stops and dies with
 * the owner. A kthread belongs to the kernel; it borrows the owner's memory and
 * is moved to the owner's cgroups. Which kind a device uses is its owner's to
 * say where the kernel has both (VHOST_SET_FORK_FROM_OWNER).
 */

#include <linux/cgroup.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/sched/jobctl.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sched/vhost_task.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "internal.h"
#include "trace.h"
#include "worker.h"

/* ---- the owner's threads ---- */

/* The thread's first act: from now on it is woken for what is queued. */
static void vhost_task_arrive(struct vhost_worker *worker)
{
	WRITE_ONCE(worker->task, get_task_struct(current));
	/* Pairs with llist_add() in vhost_worker_queue(): it sees us, or we its work. */
	smp_mb();
	complete(&worker->started);
}

/* Called in a loop, in the state to sleep in if there is nothing to do. */
static bool vhost_task_turn(void *data)
{
	struct vhost_worker *worker = data;

	if (unlikely(!worker->task))
		vhost_task_arrive(worker);
	return vhost_worker_run(worker);
}

/* Killed: the last that the thread does for us, maybe also the first. */
static void vhost_task_killed(void *data)
{
	struct vhost_worker *worker = data;

	if (!worker->task)
		vhost_task_arrive(worker);
	vhost_worker_bury(worker);
}

static int vhost_task_begin(struct vhost_worker *worker, const char *name)
{
	struct vhost_task *vtsk;

	vtsk = vhost_task_create(vhost_task_turn, vhost_task_killed, worker, name);
	if (IS_ERR(vtsk))
		return PTR_ERR(vtsk);
	worker->vtsk = vtsk;
	vhost_task_start(vtsk);
	/*
	 * Only once it has arrived can it be killed alone. A signal that keeps it
	 * from that, to stop or freeze the process, waits for us to obey as well:
	 * it arrives when it goes on.
	 */
	wait_for_completion_interruptible(&worker->started);
	return 0;
}

/*
 * SIGKILL for one thread, and awake from all waits that it ends. Not by
 * wake_up_process(), which would leave a stopped or traced thread where it is.
 */
static void vhost_task_add_sigkill(struct task_struct *task)
{
	struct wait_queue_entry entry;

	sigaddset(&task->pending.signal, SIGKILL);
	set_tsk_thread_flag(task, TIF_SIGPENDING);
	if (!(task->jobctl & JOBCTL_PTRACE_FROZEN))
		task->jobctl &= ~(JOBCTL_STOPPED | JOBCTL_TRACED);
	init_waitqueue_entry(&entry, task);
	default_wake_function(&entry, TASK_WAKEKILL | TASK_INTERRUPTIBLE | __TASK_TRACED, 0, NULL);
}

/*
 * Kill one thread of the owner. send_sig() cannot do that: it would take the
 * owner along, who may be well and have passed the device on.
 */
static void vhost_task_kill(struct task_struct *task)
{
	struct sighand_struct *sighand;
	unsigned long flags;
	bool same = false;

	rcu_read_lock();
	while (!same) {
		sighand = rcu_dereference(task->sighand);
		if (!sighand)
			break;
		spin_lock_irqsave(&sighand->siglock, flags);
		/* An exec may have put another one in its place. */
		same = sighand == rcu_access_pointer(task->sighand);
		if (same)
			vhost_task_add_sigkill(task);
		spin_unlock_irqrestore(&sighand->siglock, flags);
	}
	rcu_read_unlock();
}

/* ---- the kernel's threads ---- */

static int vhost_kthread(void *data)
{
	struct vhost_worker *worker = data;

	/*
	 * A page fault of ours may wait for somebody who never answers. SIGKILL
	 * ends such a wait, see vhost_worker_kill(); nothing else heeds it.
	 */
	allow_signal(SIGKILL);
	kthread_use_mm(worker->mm);
	for (;;) {
		set_current_state(TASK_IDLE);
		if (kthread_should_stop())
			break;
		if (!vhost_worker_run(worker))
			schedule();
	}
	__set_current_state(TASK_RUNNING);
	kthread_unuse_mm(worker->mm);
	return 0;
}

static int vhost_kthread_begin(struct vhost_worker *worker, const char *name)
{
	struct task_struct *task = kthread_create(vhost_kthread, worker, "%s", name);
	int err;

	if (IS_ERR(task))
		return PTR_ERR(task);
	err = cgroup_attach_task_all(current, task);
	if (err) {
		kthread_stop(task);
		return err;
	}
	worker->task = get_task_struct(task);
	wake_up_process(task);
	return 0;
}

/* ---- both ---- */

/* 0 if it has not begun yet. */
static pid_t vhost_worker_tid(const struct vhost_worker *worker)
{
	const struct task_struct *task = READ_ONCE(worker->task);

	return task ? task->pid : 0;
}

/**
 * vhost_worker_create - start a worker for the calling process
 * @mm: the caller's address space, referenced for as long as the worker lives
 * @id: its number
 * @task: whether it is to be a thread of the caller's, or of the kernel
 *
 * The thread is called vhost-<pid> and is in the caller's cgroups.
 *
 * Context: may sleep.
 * Return: the worker, or what making the thread or joining the cgroups gave:
 * -ENOMEM, -EAGAIN; or -ERESTARTNOINTR if a signal is to be handled first.
 */
struct vhost_worker *vhost_worker_create(struct mm_struct *mm, u32 id, bool task)
{
	struct vhost_worker *worker = kzalloc(sizeof(*worker), GFP_KERNEL_ACCOUNT);
	char name[TASK_COMM_LEN];
	int err;

	if (!worker)
		return ERR_PTR(-ENOMEM);
	worker->mm = mm;
	worker->id = id;
	init_llist_head(&worker->list);
	init_completion(&worker->started);
	snprintf(name, sizeof(name), "vhost-%d", current->pid);
	err = task ? vhost_task_begin(worker, name) : vhost_kthread_begin(worker, name);
	if (err) {
		kfree(worker);
		return ERR_PTR(err);
	}
	trace_vhost_worker_create(id, vhost_worker_tid(worker));
	return worker;
}

static void vhost_worker_free_rcu(struct rcu_head *rcu)
{
	struct vhost_worker *worker = container_of(rcu, struct vhost_worker, rcu);

	/* There is none if it was ended before it had begun. */
	if (worker->task)
		put_task_struct(worker->task);
	kfree(worker);
}

/**
 * vhost_worker_destroy - end a worker
 * @worker: the worker; no queue points to it any more. Work still on its list
 *	is dropped
 *
 * Context: may sleep.
 */
void vhost_worker_destroy(struct vhost_worker *worker)
{
	trace_vhost_worker_destroy(worker->id, vhost_worker_tid(worker));
	if (worker->vtsk)
		vhost_task_stop(worker->vtsk);
	else
		kthread_stop(worker->task);
	vhost_worker_bury(worker);
	call_rcu(&worker->rcu, vhost_worker_free_rcu);
}

/**
 * vhost_worker_kill - end every wait of the worker in a page fault
 * @worker: the worker
 *
 * From now on it takes faults only as far as they need no waiting; a task ends
 * and is dead after its turn. For owners that are gone or going, or that give
 * the device up.
 */
void vhost_worker_kill(struct vhost_worker *worker)
{
	struct task_struct *task = READ_ONCE(worker->task);

	if (!worker->vtsk)
		send_sig(SIGKILL, task, 1);
	else if (task)
		vhost_task_kill(task);
}
