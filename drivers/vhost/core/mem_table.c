// SPDX-License-Identifier: GPL-2.0-only
/* The VMM's view of guest memory: whole tables, and changes of them. */

#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "internal.h"
#include "trace.h"

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

/*
 * Where threads share a processor, one that changes the table again and again would
 * keep it for as long as the scheduler lets a thread that never sleeps. The queues, and
 * whoever fills them, shall not notice.
 */
static void vhost_give_way(struct vhost_dev *dev)
{
	unsigned int i;

	for (i = 0; i < dev->nvqs; i++)
		if (READ_ONCE(dev->vqs[i]->backend)) {
			schedule();
			return;
		}
}

/* While writes are logged, the log has to have room for all of the regions. */
static bool vhost_log_covers(struct vhost_dev *dev, const struct vhost_memory_region *r,
			     unsigned int n)
{
	unsigned int i;
	u64 last = 0;

	if (!(dev->vqs[0]->features & BIT_ULL(VHOST_F_LOG_ALL)))
		return true;
	for (i = 0; i < n; i++)
		last = max(last, r[i].guest_phys_addr + r[i].memory_size - 1);
	return vhost_log_reaches(dev->log_base, last);
}

/* VHOST_SET_MEM_TABLE */
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
	if (!err && !vhost_log_covers(dev, regions, head->nregions))
		err = -EFAULT;
	if (err) {
		memslots_abort(&dev->slots);
		return err;
	}
	err = memslots_commit(&dev->slots, head->nregions);
	trace_vhost_mem_table(0, head->nregions, true, err);
	if (!err)
		err = vhost_rearm_queues(dev);
	vhost_give_way(dev);
	return err;
}

/**
 * vhost_mem_table_check - what VHOST_SET_MEM_TABLE says where nobody uses a table
 * @head: head of the table
 * @user: the table
 *
 * Context: process; may sleep.
 * Return: 0, -EOPNOTSUPP, -E2BIG, -EFAULT if the table cannot be read, -ENOMEM.
 */
int vhost_mem_table_check(const struct vhost_memory *head, void __user *user)
{
	struct vhost_memory __user *table = user;
	struct vhost_memory_region *regions;
	int err;

	if (head->padding)
		return -EOPNOTSUPP;
	if (head->nregions > max_mem_regions)
		return -E2BIG;
	if (!head->nregions)
		return 0;
	regions = kvmalloc_array(head->nregions, sizeof(*regions), GFP_KERNEL_ACCOUNT);
	if (!regions)
		return -ENOMEM;
	err = vhost_copy_regions(regions, table->regions, head->nregions);
	kvfree(regions);
	return err;
}
EXPORT_SYMBOL_NS_GPL(vhost_mem_table_check, "RINGSIDE");

/* An array of regions of the VMM's, or an error pointer; NULL if there are none. */
static struct vhost_memory_region *vhost_get_regions(u64 user, unsigned int n)
{
	struct vhost_memory_region *regions;
	unsigned int i;
	int err;

	if (!n)
		return NULL;
	regions = kvmalloc_array(n, sizeof(*regions), GFP_KERNEL_ACCOUNT);
	if (!regions)
		return ERR_PTR(-ENOMEM);
	err = vhost_copy_regions(regions, u64_to_user_ptr(user), n);
	for (i = 0; i < n && !err; i++)
		if (regions[i].flags_padding)
			err = -EOPNOTSUPP;
	if (!err)
		return regions;
	kvfree(regions);
	return ERR_PTR(err);
}

/* VHOST_UPDATE_MEM_REGIONS: the VMM says itself what changes. */
int vhost_update_mem_regions(struct vhost_dev *dev, void *arg, void __user *user)
{
	const struct vhost_mem_update *req = arg;
	struct vhost_memory_region *remove, *add;
	int err;

	if (req->flags || req->padding)
		return -EOPNOTSUPP;
	if (req->nremove > max_mem_regions || req->nadd > max_mem_regions)
		return -E2BIG;
	remove = vhost_get_regions(req->remove, req->nremove);
	if (IS_ERR(remove))
		return PTR_ERR(remove);
	add = vhost_get_regions(req->add, req->nadd);
	if (IS_ERR(add)) {
		err = PTR_ERR(add);
	} else if (!vhost_log_covers(dev, add, req->nadd)) {
		err = -EFAULT;
	} else {
		err = memslots_update(&dev->slots, &(struct memslots_update) {
			.remove = remove,
			.nremove = req->nremove,
			.add = add,
			.nadd = req->nadd,
			.max = max_mem_regions,
		});
		trace_vhost_mem_table(req->nremove, req->nadd, false, err);
	}
	if (!IS_ERR(add))
		kvfree(add);
	kvfree(remove);
	if (!err)
		err = vhost_rearm_queues(dev);
	vhost_give_way(dev);
	return err;
}
