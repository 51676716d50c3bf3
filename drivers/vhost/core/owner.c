// SPDX-License-Identifier: GPL-2.0-only
/* The owner: whose memory a device works on, and who may configure it. */

#include <linux/sched/mm.h>

#include "internal.h"

/* VHOST_SET_OWNER: the caller's address space becomes the device's. */
int vhost_set_owner(struct vhost_dev *dev, void *arg, void __user *user)
{
	struct mm_struct *mm;
	int err;

	if (dev->mm)
		return -EBUSY;
	mm = get_task_mm(current);
	if (!mm)
		return -EINVAL;
	err = vhost_workers_start(dev, mm);
	if (err) {
		mmput(mm);
		return err;
	}
	dev->mm = mm;
	vhost_debug_add(dev);
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
	unsigned int i;

	lockdep_assert_held(&dev->mutex);
	vhost_debug_remove(dev);
	/* They may sleep in page faults of an owner who is dying or never answers. */
	vhost_workers_kill(dev);
	dev->ops->stop(dev);
	for (i = 0; i < dev->nvqs; i++)
		vhost_vq_reset(dev->vqs[i]);
	vhost_workers_end(dev);
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
