/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_VHOST_WORKER_H
#define RINGSIDE_VHOST_WORKER_H
/* A worker from the inside: for worker.c, worker_thread.c and ioctl_worker.c. */

#include <linux/completion.h>
#include <linux/llist.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

struct mm_struct;
struct task_struct;
struct vhost_task;

/**
 * struct vhost_worker - a thread
 * @list: what is to be done, last first
 * @task: the thread; we hold a reference. Set once, by a thread of the owner itself
 *	when it first runs
 * @dead: the thread takes nothing from @list any more; set once, by the thread
 *	or after its end
 * @attached: how many queues point to it; vhost_dev.mutex
 * @id: its number among the device's workers; immutable
 * @mm: the owner's address space, which outlives the worker; immutable
 * @vtsk: the thread if it is the owner's, NULL if it is the kernel's; immutable
 * @started: @task is set
 * @rcu: for freeing
 */
struct vhost_worker {
	struct llist_head list;
	struct task_struct *task;
	bool dead;
	unsigned int attached;
	u32 id;
	struct mm_struct *mm;
	struct vhost_task *vtsk;
	struct completion started;
	struct rcu_head rcu;
};

/* worker.c */
bool vhost_worker_run(struct vhost_worker *worker);
void vhost_worker_drain(struct vhost_worker *worker);
void vhost_worker_bury(struct vhost_worker *worker);
void vhost_worker_flush(struct vhost_worker *worker);

/* worker_thread.c */
struct vhost_worker *vhost_worker_create(struct mm_struct *mm, u32 id, bool task);
void vhost_worker_destroy(struct vhost_worker *worker);
void vhost_worker_kill(struct vhost_worker *worker);

#endif
