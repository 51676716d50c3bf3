// SPDX-License-Identifier: GPL-2.0-only
/* The owner: whose memory a device works on, and who may configure it. */

#include <linux/err.h>
#include <linux/sched/mm.h>

#include "internal.h"

static void vhost_dev_set_worker(struct vhost_dev *dev, struct vhost_worker *worker)
{
	unsigned int i;

	lockdep_assert_held(&dev->mutex);
	dev->worker = worker;
	for (i = 0; i < dev->nvqs; i++)
		rcu_assign_pointer(dev->vqs[i]->worker, worker);
}

/* VHOST_SET_OWNER: the caller's address space becomes the device's. */
int vhost_set_owner(struct vhost_dev *dev, void *arg, void __user *user)
{
	struct vhost_worker *worker;
	struct mm_struct *mm;

	if (dev->mm)
		return -EBUSY;
	mm = get_task_mm(current);
	if (!mm)
		return -EINVAL;
	worker = vhost_worker_create(mm);
	if (IS_ERR(worker)) {
		mmput(mm);
		return PTR_ERR(worker);
	}
	dev->mm = mm;
	vhost_dev_set_worker(dev, worker);
	return 0;
}

/* No guest memory, no device IOTLB. Context: no queue runs. */
static void vhost_dev_clear_maps(struct vhost_dev *dev)
{
	unsigned int i;

	memslots_destroy(&dev->slots);
	memslots_init(&dev->slots);
	for (i = 0; i < dev->nvqs; i++)
		memmap_add_reader(&dev->slots.map, &dev->vqs[i]->ring.reader);
	vhost_iotlb_clear(dev);
}

/**
 * vhost_dev_disown - back to a device as it was when opened
 * @dev: the device
 *
 * Context: vhost_dev.mutex; may sleep.
 */
void vhost_dev_disown(struct vhost_dev *dev)
{
	struct vhost_worker *worker = dev->worker;
	unsigned int i;

	lockdep_assert_held(&dev->mutex);
	/* It may sleep in a page fault of an owner who is dying or never answers. */
	if (worker)
		vhost_worker_kill(worker);
	dev->ops->stop(dev);
	for (i = 0; i < dev->nvqs; i++)
		vhost_vq_reset(dev->vqs[i]);
	if (worker) {
		vhost_worker_flush(worker);
		vhost_dev_set_worker(dev, NULL);
		vhost_worker_destroy(worker);
	}
	vhost_dev_clear_maps(dev);
	dev->backend_features = 0;
	dev->log_base = 0;
	if (dev->mm)
		mmput(dev->mm);
	dev->mm = NULL;
}

/* VHOST_RESET_OWNER: anybody may become the next owner. */
int vhost_reset_owner(struct vhost_dev *dev, void *arg, void __user *user)
{
	vhost_dev_disown(dev);
	return 0;
}
