// SPDX-License-Identifier: GPL-2.0-only
/* VHOST_SET_MEM_TABLE: the VMM's view of guest memory. */

#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/uaccess.h>

#include "internal.h"

/* QEMU reads it to learn how many slots virtio-mem may use; it wants >= 509. */
static unsigned short max_mem_regions = MEMSLOTS_MAX;

/* Others' configuration files may ask for more than there is: give the most. */
static int max_mem_regions_set(const char *val, const struct kernel_param *kp)
{
	unsigned short n;
	int err = kstrtou16(val, 0, &n);

	if (err)
		return err;
	*(unsigned short *)kp->arg = clamp_t(unsigned short, n, 1, MEMSLOTS_MAX);
	return 0;
}

static const struct kernel_param_ops max_mem_regions_ops = {
	.set = max_mem_regions_set,
	.get = param_get_ushort,
};

module_param_cb(max_mem_regions, &max_mem_regions_ops, &max_mem_regions, 0444);
__MODULE_PARM_TYPE(max_mem_regions, "ushort");
MODULE_PARM_DESC(max_mem_regions,
		 "Maximum number of memory regions in a memory table. (default and maximum: 32767)");

/* Copied at a time; others may run in between. */
#define MEM_TABLE_CHUNK	2048

static int vhost_copy_regions(struct vhost_memory_region *to,
			      const struct vhost_memory_region __user *from, unsigned int n)
{
	while (n) {
		unsigned int chunk = min_t(unsigned int, n, MEM_TABLE_CHUNK);

		if (copy_from_user(to, from, array_size(chunk, sizeof(*to))))
			return -EFAULT;
		to += chunk;
		from += chunk;
		n -= chunk;
		cond_resched();
	}
	return 0;
}

/* A queue that found a buffer unmapped may find it in the new table. */
static int vhost_rearm_queues(struct vhost_dev *dev)
{
	unsigned int i;

	for (i = 0; i < dev->nvqs; i++) {
		struct vhost_virtqueue *vq = dev->vqs[i];
		int err;

		/* Running queues are left alone, their mutex included. */
		if (!READ_ONCE(vq->ring.error))
			continue;
		err = vhost_vq_lock(vq);
		if (err)
			return err;
		vhost_vq_rearm(vq);
		mutex_unlock(&vq->mutex);
	}
	return 0;
}

int vhost_set_mem_table(struct vhost_dev *dev, void *arg, void __user *user)
{
	const struct vhost_memory *head = arg;
	struct vhost_memory __user *table = user;
	struct vhost_memory_region *regions;
	int err;

	if (head->padding)
		return -EOPNOTSUPP;
	if (head->nregions > max_mem_regions)
		return -E2BIG;
	regions = memslots_begin(&dev->slots, head->nregions);
	if (IS_ERR(regions))
		return PTR_ERR(regions);
	err = vhost_copy_regions(regions, table->regions, head->nregions);
	if (err) {
		memslots_abort(&dev->slots);
		return err;
	}
	err = memslots_commit(&dev->slots, head->nregions);
	return err ?: vhost_rearm_queues(dev);
}
