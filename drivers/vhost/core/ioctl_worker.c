// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device's workers: ioctls that add and remove them, say which queue is served
 * by which, and whose threads they are.
 *
 * The order of the checks, and what they give, is ABI; Documentation/uapi.rst.
 */

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/nospec.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <linux/user_namespace.h>
#include <linux/xarray.h>

#include "internal.h"
#include "trace.h"
#include "worker.h"

static bool fork_from_owner_default = IS_ENABLED(CONFIG_VHOST_TASK);
module_param(fork_from_owner_default, bool, 0444);
MODULE_PARM_DESC(fork_from_owner_default,
		 "Workers are threads of the owner unless it says otherwise. (default: Y where the kernel can)");

static bool vhost_default_fork_owner(void)
{
	return fork_from_owner_default && IS_ENABLED(CONFIG_VHOST_TASK);
}

/**
 * vhost_workers_init - no workers, and the default kind to come
 * @dev: the device
 */
void vhost_workers_init(struct vhost_dev *dev)
{
	xa_init_flags(&dev->workers, XA_FLAGS_ALLOC);
	dev->fork_owner = vhost_default_fork_owner();
}

/*
 * Threads of the kernel count for nobody's RLIMIT_NPROC, so that more of them
 * than the one each owner gets are limited here: by what a device has use for,
 * and as if those it has were processes of the caller.
 */
static int vhost_kthread_may_start(struct vhost_dev *dev)
{
	unsigned long max = rlimit(RLIMIT_NPROC), n = 0, id;
	struct vhost_worker *worker;

	xa_for_each(&dev->workers, id, worker)
		n++;
	if (n > dev->nvqs)
		return -EAGAIN;
	if (n + get_rlimit_value(task_ucounts(current), UCOUNT_RLIMIT_NPROC) < max)
		return 0;
	return capable(CAP_SYS_RESOURCE) || capable(CAP_SYS_ADMIN) ? 0 : -EAGAIN;
}

/* A number for one more worker, the smallest that is free, with a place for it. */
static int vhost_dev_reserve_worker(struct vhost_dev *dev, u32 *id)
{
	int err;

	lockdep_assert_held(&dev->mutex);
	err = xa_alloc(&dev->workers, id, NULL, xa_limit_32b, GFP_KERNEL_ACCOUNT);
	return min(err, 0);
}

/* The worker of that number; when there can be none, the number is free again. */
static struct vhost_worker *vhost_dev_add_worker(struct vhost_dev *dev, struct mm_struct *mm,
						 u32 id)
{
	struct vhost_worker *worker = vhost_worker_create(mm, id, dev->fork_owner);

	lockdep_assert_held(&dev->mutex);
	if (IS_ERR(worker))
		xa_erase(&dev->workers, id);
	else
		/* Has its place already, and so cannot fail. */
		xa_store(&dev->workers, id, worker, GFP_KERNEL_ACCOUNT);
	return worker;
}

static struct vhost_worker *vhost_vq_worker(struct vhost_virtqueue *vq)
{
	return rcu_dereference_protected(vq->worker, lockdep_is_held(&vq->dev->mutex));
}

/**
 * vhost_workers_start - the worker that each owner gets, for all queues
 * @dev: the device, without workers
 * @mm: address space of the caller, its owner to be
 *
 * Context: vhost_dev.mutex; may sleep.
 * Return: 0 or the error of vhost_worker_create(); nothing has changed then.
 */
int vhost_workers_start(struct vhost_dev *dev, struct mm_struct *mm)
{
	struct vhost_worker *worker;
	unsigned int i;
	u32 id;
	int err;

	err = vhost_dev_reserve_worker(dev, &id);
	if (err)
		return err;
	worker = vhost_dev_add_worker(dev, mm, id);
	if (IS_ERR(worker))
		return PTR_ERR(worker);
	worker->attached = dev->nvqs;
	for (i = 0; i < dev->nvqs; i++)
		rcu_assign_pointer(dev->vqs[i]->worker, worker);
	return 0;
}

/**
 * vhost_workers_kill - have no worker wait in a page fault any more
 * @dev: the device
 *
 * Context: vhost_dev.mutex.
 */
void vhost_workers_kill(struct vhost_dev *dev)
{
	struct vhost_worker *worker;
	unsigned long id;

	lockdep_assert_held(&dev->mutex);
	xa_for_each(&dev->workers, id, worker)
		vhost_worker_kill(worker);
}

/**
 * vhost_workers_end - end all workers
 * @dev: the device. Nobody queues work any more. Work on a list is dropped
 *
 * Context: vhost_dev.mutex; may sleep.
 */
void vhost_workers_end(struct vhost_dev *dev)
{
	struct vhost_worker *worker;
	unsigned long id;
	unsigned int i;

	lockdep_assert_held(&dev->mutex);
	for (i = 0; i < dev->nvqs; i++)
		RCU_INIT_POINTER(dev->vqs[i]->worker, NULL);
	xa_for_each(&dev->workers, id, worker)
		vhost_worker_destroy(worker);
	xa_destroy(&dev->workers);
	dev->fork_owner = vhost_default_fork_owner();
}

int vhost_new_worker(struct vhost_dev *dev, void *arg, void __user *user)
{
	struct vhost_worker_state __user *state = user;
	u32 id;
	int err;

	err = dev->fork_owner ? 0 : vhost_kthread_may_start(dev);
	if (!err)
		err = vhost_dev_reserve_worker(dev, &id);
	if (err)
		return err;
	/* Told first, so that nothing can fail once the thread exists. */
	if (put_user(id, &state->worker_id)) {
		xa_erase(&dev->workers, id);
		return -EFAULT;
	}
	return PTR_ERR_OR_ZERO(vhost_dev_add_worker(dev, dev->mm, id));
}

int vhost_free_worker(struct vhost_dev *dev, void *arg, void __user *user)
{
	const struct vhost_worker_state *state = arg;
	struct vhost_worker *worker = xa_load(&dev->workers, state->worker_id);

	if (!worker)
		return -ENODEV;
	if (worker->attached || READ_ONCE(worker->dead))
		return -EBUSY;
	/* Whoever found it when queues still pointed to it has queued by then. */
	synchronize_rcu();
	vhost_worker_flush(worker);
	xa_erase(&dev->workers, worker->id);
	vhost_worker_destroy(worker);
	return 0;
}

/*
 * Have another worker serve a queue. Work that is on the old one's list is done
 * there, all that comes later is done by the new one; what both have of the same
 * queue is serialised by the queue's mutex. When we return the old one has
 * finished, but for whoever found it before and is about to queue to it; FREE
 * waits for those.
 */
static void vhost_vq_attach(struct vhost_virtqueue *vq, struct vhost_worker *worker)
{
	struct vhost_worker *old = vhost_vq_worker(vq);

	if (old == worker)
		return;
	trace_vhost_worker_attach(vq->index, old->id, worker->id);
	worker->attached++;
	old->attached--;
	rcu_assign_pointer(vq->worker, worker);
	vhost_worker_flush(old);
	if (READ_ONCE(old->dead)) {
		/* It drops what it is given: have the last of it, and kick instead. */
		synchronize_rcu();
		vhost_worker_drain(old);
		vhost_vq_requeue(vq);
	}
}

int vhost_attach_vring_worker(struct vhost_dev *dev, void *arg, void __user *user)
{
	const struct vhost_vring_worker *req = arg;
	struct vhost_worker *worker;

	if (req->index >= dev->nvqs)
		return -ENOBUFS;
	worker = xa_load(&dev->workers, req->worker_id);
	if (!worker)
		return -ENODEV;
	/* The owner is gone, and this an afterthought of who shares its memory. */
	if (!READ_ONCE(worker->dead))
		vhost_vq_attach(dev->vqs[array_index_nospec(req->index, dev->nvqs)], worker);
	return 0;
}

int vhost_get_vring_worker(struct vhost_dev *dev, void *arg, void __user *user)
{
	struct vhost_vring_worker *req = arg;
	struct vhost_worker *worker;

	if (req->index >= dev->nvqs)
		return -ENOBUFS;
	worker = vhost_vq_worker(dev->vqs[array_index_nospec(req->index, dev->nvqs)]);
	if (READ_ONCE(worker->dead))
		return -EINVAL;
	req->worker_id = worker->id;
	return 0;
}

int vhost_set_fork_from_owner(struct vhost_dev *dev, void *arg, void __user *user)
{
	u8 kind;

	if (dev->mm)
		return -EBUSY;
	if (get_user(kind, (u8 __user *)user))
		return -EFAULT;
	if (kind != VHOST_FORK_OWNER_TASK && kind != VHOST_FORK_OWNER_KTHREAD)
		return -EINVAL;
	if (kind == VHOST_FORK_OWNER_TASK && !IS_ENABLED(CONFIG_VHOST_TASK))
		return -EOPNOTSUPP;
	dev->fork_owner = kind == VHOST_FORK_OWNER_TASK;
	return 0;
}

int vhost_get_fork_from_owner(struct vhost_dev *dev, void *arg, void __user *user)
{
	*(u8 *)arg = dev->fork_owner ? VHOST_FORK_OWNER_TASK : VHOST_FORK_OWNER_KTHREAD;
	return 0;
}
