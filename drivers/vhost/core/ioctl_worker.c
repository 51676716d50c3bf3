// SPDX-License-Identifier: GPL-2.0-only
/* A device's workers, and which queue is served by which. */

#include <linux/err.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/rcupdate.h>
#include <linux/uaccess.h>
#include <linux/xarray.h>

#include "internal.h"
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
 * One more worker. Its number, the smallest that is free, goes to @user if there
 * is one: first, so that nothing can fail once the thread exists.
 */
static struct vhost_worker *vhost_dev_add_worker(struct vhost_dev *dev, struct mm_struct *mm,
						 u32 __user *user)
{
	struct vhost_worker *worker;
	u32 id;
	int err;

	lockdep_assert_held(&dev->mutex);
	err = xa_alloc(&dev->workers, &id, NULL, xa_limit_32b, GFP_KERNEL_ACCOUNT);
	if (err < 0)
		return ERR_PTR(err);
	if (user && put_user(id, user))
		worker = ERR_PTR(-EFAULT);
	else
		worker = vhost_worker_create(mm, id, dev->fork_owner);
	if (IS_ERR(worker))
		xa_erase(&dev->workers, id);
	else
		/* Has its place already, and so cannot fail. */
		xa_store(&dev->workers, id, worker, GFP_KERNEL_ACCOUNT);
	return worker;
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
	struct vhost_worker *worker = vhost_dev_add_worker(dev, mm, NULL);
	unsigned int i;

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
