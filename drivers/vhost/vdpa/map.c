// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOTLB messages: what the VMM maps and unmaps.
 *
 * An UPDATE makes one mapping, which stays what it is: neighbours are not merged,
 * and an INVALIDATE takes away as a whole whatever it touches. Between BATCH_BEGIN
 * and BATCH_END changes are collected and put in force as one step, if the parent
 * can do that; the queues see none of them before and all after.
 */

#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "vdpa.h"

static unsigned int max_iotlb_entries = 65536;
module_param(max_iotlb_entries, uint, 0444);
MODULE_PARM_DESC(max_iotlb_entries,
		 "Maximum number of mappings of an address space. (default: 65536)");

/* The last address of a message; false if it makes no sense. */
static bool msg_last(const struct vhost_iotlb_msg *msg, u64 *last)
{
	*last = msg->iova + msg->size - 1;
	/* Nothing from 0 on is everything, in INVALIDATE. */
	return *last >= msg->iova;
}

/* Changes come into force now, or at the end of the batch. */
static int msg_commit(struct vhost_vdpa_file *file, u32 asid)
{
	if (file->batch && file->vdev->batch)
		return 0;
	return vhost_vdpa_as_commit(file, asid);
}

static struct vhost_vdpa_map *map_alloc(const struct vhost_iotlb_msg *msg, u64 last)
{
	struct vhost_vdpa_map *map = kzalloc_obj(*map, GFP_KERNEL_ACCOUNT);

	if (!map)
		return NULL;
	map->first = msg->iova;
	map->last = last;
	map->uaddr = msg->uaddr;
	map->perm = msg->perm;
	return map;
}

/* Can it be mapped, as far as numbers say? */
static int update_check(struct vhost_vdpa_file *file, struct vhost_vdpa_as *as,
			const struct vhost_iotlb_msg *msg, u64 *last)
{
	if (!msg_last(msg, last) || msg->iova < file->range.first || *last > file->range.last)
		return -EINVAL;
	if (msg->uaddr != (unsigned long)msg->uaddr || msg->size != (unsigned long)msg->size ||
	    msg->uaddr + msg->size < msg->uaddr ||
	    !access_ok(u64_to_user_ptr(msg->uaddr), msg->size))
		return -EFAULT;
	if (vhost_vdpa_as_overlaps(as, msg->iova, *last))
		return -EEXIST;
	return as->count < max_iotlb_entries ? 0 : -ENOSPC;
}

static int map_update(struct vhost_vdpa_file *file, u32 asid, const struct vhost_iotlb_msg *msg)
{
	struct vhost_vdpa_as *as = &file->as[asid];
	struct vhost_vdpa_map *map;
	u64 last;
	int err;

	err = update_check(file, as, msg, &last);
	if (err)
		return err;
	map = map_alloc(msg, last);
	if (!map)
		return -ENOMEM;
	if (file->vdev->use_va)
		err = vhost_vdpa_map_check(map, file->mm);
	else
		err = vhost_vdpa_map_pin(map, file->mm);
	if (!err)
		err = vhost_vdpa_as_insert(as, map);
	if (err) {
		vhost_vdpa_map_unpin(map, file->mm);
		kfree(map);
		return err;
	}
	return msg_commit(file, asid);
}

static int map_invalidate(struct vhost_vdpa_file *file, u32 asid,
			  const struct vhost_iotlb_msg *msg)
{
	u64 last;

	if (!msg_last(msg, &last))
		return -EINVAL;
	vhost_vdpa_as_remove(file, &file->as[asid], msg->iova, last);
	return msg_commit(file, asid);
}

/**
 * vhost_vdpa_message - do what a message of the VMM says
 * @file: the file
 * @asid: the address space that it names
 * @msg: the message
 *
 * Context: vhost_vdpa_file.mutex; process; may sleep.
 * Return: 0; -EPERM if the caller is not the owner, -EINVAL for messages that make
 * no sense here, -EEXIST for an UPDATE of what is mapped, -ENOSPC if there are too
 * many mappings, or why memory cannot be mapped. Nothing has changed then; a
 * BATCH_END that fails ends the batch without any of its changes.
 */
int vhost_vdpa_message(struct vhost_vdpa_file *file, u32 asid,
		       const struct vhost_iotlb_msg *msg)
{
	lockdep_assert_held(&file->mutex);
	if (!file->mm || file->mm != current->mm)
		return -EPERM;
	if (asid >= file->vdev->nas || (file->batch && asid != file->batch_asid))
		return -EINVAL;
	switch (msg->type) {
	case VHOST_IOTLB_UPDATE:
		return map_update(file, asid, msg);
	case VHOST_IOTLB_INVALIDATE:
		return map_invalidate(file, asid, msg);
	case VHOST_IOTLB_BATCH_BEGIN:
		file->batch = true;
		file->batch_asid = asid;
		return 0;
	case VHOST_IOTLB_BATCH_END:
		file->batch = false;
		return vhost_vdpa_as_commit(file, asid);
	default:
		return -EINVAL;
	}
}

/**
 * vhost_vdpa_write - write_iter
 * @file: the file
 * @from: where from
 *
 * Context: process; may sleep, ends early when the caller is killed.
 * Return: the size of a message; -EINVAL for one that is malformed: cut off, of
 * another form, an UPDATE of nothing or without a permission that there is; -EFAULT
 * for one that is refused, whatever the reason, as VMMs know it.
 */
ssize_t vhost_vdpa_write(struct vhost_vdpa_file *file, struct iov_iter *from)
{
	struct vhost_iotlb_msg msg;
	bool has_asid;
	ssize_t size;
	u32 asid;
	int err;

	has_asid = READ_ONCE(file->backend_features) & BIT_ULL(VHOST_BACKEND_F_IOTLB_ASID);
	size = vhost_msg_get(from, has_asid, &msg, &asid);
	if (size < 0)
		return size;
	if (msg.type == VHOST_IOTLB_UPDATE &&
	    (!msg.size || !msg.perm || (msg.perm & ~VHOST_ACCESS_RW)))
		return -EINVAL;
	if (mutex_lock_killable(&file->mutex))
		return -EINTR;
	err = vhost_vdpa_message(file, asid, &msg);
	mutex_unlock(&file->mutex);
	if (!err)
		return size;
	dev_dbg(&file->node->dev, "message %u, asid %u, 0x%llx+0x%llx: %d\n", msg.type, asid,
		msg.iova, msg.size, err);
	return -EFAULT;
}
