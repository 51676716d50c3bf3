// SPDX-License-Identifier: GPL-2.0-only
/* A device file from open to release, and its ioctls. */

#include <linux/fs.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/rcupdate.h>

#include "internal.h"

static const struct vhost_ioctl vhost_ioctls[] = {
	{ { VHOST_GET_FEATURES, VHOST_IOCTL_ANYONE }, .fn = vhost_get_features },
	{ { VHOST_SET_FEATURES, VHOST_IOCTL_ANYONE }, .fn = vhost_set_features },
	{ { VHOST_GET_FEATURES_ARRAY, VHOST_IOCTL_ANYONE }, .fn = vhost_get_features_array },
	{ { VHOST_SET_FEATURES_ARRAY, VHOST_IOCTL_ANYONE }, .fn = vhost_set_features_array },
	{ { VHOST_GET_BACKEND_FEATURES, VHOST_IOCTL_ANYONE }, .fn = vhost_get_backend_features },
	{ { VHOST_SET_BACKEND_FEATURES, VHOST_IOCTL_ANYONE }, .fn = vhost_set_backend_features },
	{ { VHOST_SET_OWNER, VHOST_IOCTL_ANYONE }, .fn = vhost_set_owner },
	{ { VHOST_RESET_OWNER }, .fn = vhost_reset_owner },
	{ { VHOST_SET_MEM_TABLE }, .fn = vhost_set_mem_table },
	{ { VHOST_UPDATE_MEM_REGIONS }, .fn = vhost_update_mem_regions },
	{ { VHOST_SET_LOG_BASE }, .fn = vhost_set_log_base },
	{ { VHOST_SET_LOG_FD }, .fn = vhost_set_log_fd },
	{ { VHOST_SET_VRING_NUM }, .vq_fn = vhost_set_vring_num },
	{ { VHOST_SET_VRING_ADDR }, .vq_fn = vhost_set_vring_addr },
	{ { VHOST_SET_VRING_BASE }, .vq_fn = vhost_set_vring_base },
	{ { VHOST_GET_VRING_BASE }, .vq_fn = vhost_get_vring_base },
	{ { VHOST_SET_VRING_ENDIAN }, .vq_fn = vhost_set_vring_endian },
	{ { VHOST_GET_VRING_ENDIAN, VHOST_IOCTL_OUT }, .vq_fn = vhost_get_vring_endian },
	{ { VHOST_SET_VRING_KICK }, .vq_fn = vhost_set_vring_kick },
	{ { VHOST_SET_VRING_CALL }, .vq_fn = vhost_set_vring_call },
	{ { VHOST_SET_VRING_ERR }, .vq_fn = vhost_set_vring_err },
	{ { VHOST_SET_VRING_BUSYLOOP_TIMEOUT }, .vq_fn = vhost_set_busyloop_timeout },
	{ { VHOST_GET_VRING_BUSYLOOP_TIMEOUT, VHOST_IOCTL_OUT },
	  .vq_fn = vhost_get_busyloop_timeout },
	{ { VHOST_NEW_WORKER, VHOST_IOCTL_OWNED | VHOST_IOCTL_RAW }, .fn = vhost_new_worker },
	{ { VHOST_FREE_WORKER, VHOST_IOCTL_OWNED }, .fn = vhost_free_worker },
	{ { VHOST_ATTACH_VRING_WORKER, VHOST_IOCTL_OWNED }, .fn = vhost_attach_vring_worker },
	{ { VHOST_GET_VRING_WORKER, VHOST_IOCTL_OWNED }, .fn = vhost_get_vring_worker },
	{ { VHOST_SET_FORK_FROM_OWNER, VHOST_IOCTL_ANYONE | VHOST_IOCTL_RAW },
	  .fn = vhost_set_fork_from_owner },
	{ { VHOST_GET_FORK_FROM_OWNER, VHOST_IOCTL_ANYONE }, .fn = vhost_get_fork_from_owner },
};

static const struct vhost_ioctl *vhost_ioctl_find(const struct vhost_ioctl *rows, unsigned int n,
						  unsigned int cmd)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (rows[i].head.cmd == cmd)
			return &rows[i];
	return NULL;
}

/* The argument of such a call begins with the queue's index. */
static int vhost_ioctl_call_vq(struct vhost_dev *dev, const struct vhost_ioctl *row, void *arg)
{
	unsigned int index = *(const unsigned int *)arg;
	struct vhost_virtqueue *vq;
	int err;

	if (index >= dev->nvqs)
		return -ENOBUFS;
	vq = dev->vqs[array_index_nospec(index, dev->nvqs)];
	err = vhost_vq_lock(vq);
	if (err)
		return err;
	err = row->vq_fn(vq, arg);
	mutex_unlock(&vq->mutex);
	return err;
}

static int vhost_dev_call(void *data, const struct vhost_ioctl_head *head, void *arg,
			  void __user *user)
{
	const struct vhost_ioctl *row = container_of(head, struct vhost_ioctl, head);
	struct vhost_dev *dev = data;

	return row->vq_fn ? vhost_ioctl_call_vq(dev, row, arg) : row->fn(dev, arg, user);
}

/**
 * vhost_dev_ioctl - unlocked_ioctl of every vhost device
 * @file: its file
 * @cmd: number
 * @arg: user address of the argument
 *
 * Context: process; may sleep, ends early when the caller is killed.
 * Return: 0; -EPERM if the caller is not the owner and would have to be, -ENOTTY
 * for numbers unknown to the device, -EFAULT, or what the ioctl says.
 */
long vhost_dev_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vhost_dev *dev = file->private_data;
	const struct vhost_ioctl_target target = {
		.mutex = &dev->mutex,
		.mm = &dev->mm,
		.call = vhost_dev_call,
		.dev = dev,
	};
	const struct vhost_ioctl *row;

	row = vhost_ioctl_find(dev->ops->ioctls, dev->ops->nioctls, cmd);
	if (!row)
		row = vhost_ioctl_find(vhost_ioctls, ARRAY_SIZE(vhost_ioctls), cmd);
	return vhost_ioctl(&target, row ? &row->head : NULL, (void __user *)arg);
}
EXPORT_SYMBOL_NS_GPL(vhost_dev_ioctl, "RINGSIDE");

/**
 * vhost_dev_init - a device without an owner
 * @dev: the device
 * @ops: its driver
 * @vqs: its queues, after vhost_vq_init(); the array stays the caller's
 * @nvqs: how many
 */
void vhost_dev_init(struct vhost_dev *dev, const struct vhost_dev_ops *ops,
		    struct vhost_virtqueue **vqs, unsigned int nvqs)
{
	unsigned int i;

	memset(dev, 0, sizeof(*dev));
	dev->ops = ops;
	dev->vqs = vqs;
	dev->nvqs = nvqs;
	dev->debug.id = -1;
	mutex_init(&dev->mutex);
	vhost_workers_init(dev);
	memslots_init(&dev->slots);
	for (i = 0; i < nvqs; i++) {
		vqs[i]->dev = dev;
		vqs[i]->index = i;
		memmap_add_reader(&dev->slots.map, &vqs[i]->ring.reader);
	}
	vhost_iotlb_init(dev);
}
EXPORT_SYMBOL_NS_GPL(vhost_dev_init, "RINGSIDE");

/**
 * vhost_dev_release - end of a device
 * @dev: the device; nobody else has it any more
 *
 * Stops the queues, ends the workers, lets go of the owner. What the driver
 * itself allocated is still there.
 *
 * Context: may sleep.
 */
void vhost_dev_release(struct vhost_dev *dev)
{
	mutex_lock(&dev->mutex);
	vhost_dev_disown(dev);
	vhost_iotlb_destroy(dev);
	mutex_unlock(&dev->mutex);
	memslots_destroy(&dev->slots);
	mutex_destroy(&dev->mutex);
}
EXPORT_SYMBOL_NS_GPL(vhost_dev_release, "RINGSIDE");

static int __init vhost_init(void)
{
	vhost_debug_init();
	return 0;
}
module_init(vhost_init);

static void __exit vhost_exit(void)
{
	vhost_debug_exit();
	/* Workers are freed by RCU callbacks in this module. */
	rcu_barrier();
}
module_exit(vhost_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("Ringside developers");
MODULE_VERSION(RINGSIDE_VERSION);
MODULE_DESCRIPTION("Host kernel accelerator for virtio: core");
MODULE_IMPORT_NS("RINGSIDE");
