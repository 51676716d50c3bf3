// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of ioctls. What Linux 7.3 knows on this device and is not here, and
 * where an answer is another one, is in Documentation/vhost-vdpa.rst.
 *
 * Who is not the owner may do what concerns the device as a whole; queues are the
 * owner's.
 */

#include <linux/nospec.h>

#include "vdpa.h"

static int vhost_vdpa_get_device_id(struct vhost_vdpa_file *file, void *arg, void __user *user)
{
	*(u32 *)arg = file->vdev->device_id;
	return 0;
}

static int vhost_vdpa_get_vring_num(struct vhost_vdpa_file *file, void *arg, void __user *user)
{
	*(u16 *)arg = file->vdev->vq_num_max;
	return 0;
}

static int vhost_vdpa_get_vqs_count(struct vhost_vdpa_file *file, void *arg, void __user *user)
{
	*(u32 *)arg = file->vdev->nvqs;
	return 0;
}

static int vhost_vdpa_get_group_num(struct vhost_vdpa_file *file, void *arg, void __user *user)
{
	*(u32 *)arg = file->vdev->ngroups;
	return 0;
}

static int vhost_vdpa_get_as_num(struct vhost_vdpa_file *file, void *arg, void __user *user)
{
	*(u32 *)arg = file->vdev->nas;
	return 0;
}

static int vhost_vdpa_get_config_size(struct vhost_vdpa_file *file, void *arg,
				      void __user *user)
{
	*(u32 *)arg = file->vdev->config_size;
	return 0;
}

static int vhost_vdpa_get_iova_range(struct vhost_vdpa_file *file, void *arg, void __user *user)
{
	*(struct vhost_vdpa_iova_range *)arg = (struct vhost_vdpa_iova_range){
		.first = file->range.first,
		.last = file->range.last,
	};
	return 0;
}

/* Memory is what IOTLB messages map: a table is looked at and has no effect. */
static int vhost_vdpa_set_mem_table(struct vhost_vdpa_file *file, void *arg, void __user *user)
{
	return vhost_mem_table_check(arg, user);
}

/* There is no dirty log, and whoever asks is to see it, owner or not. */
static int vhost_vdpa_no_log(struct vhost_vdpa_file *file, void *arg, void __user *user)
{
	return -ENOTTY;
}

static const struct vhost_vdpa_ioctl vhost_vdpa_ioctls[] = {
	{ { VHOST_SET_OWNER, VHOST_IOCTL_ANYONE }, .fn = vhost_vdpa_set_owner },
	{ { VHOST_GET_FEATURES, VHOST_IOCTL_ANYONE }, .fn = vhost_vdpa_get_features },
	{ { VHOST_SET_FEATURES, VHOST_IOCTL_ANYONE }, .fn = vhost_vdpa_set_features },
	{ { VHOST_GET_BACKEND_FEATURES, VHOST_IOCTL_ANYONE },
	  .fn = vhost_vdpa_get_backend_features },
	{ { VHOST_SET_BACKEND_FEATURES, VHOST_IOCTL_ANYONE },
	  .fn = vhost_vdpa_set_backend_features },
	{ { VHOST_SET_MEM_TABLE }, .fn = vhost_vdpa_set_mem_table },
	{ { VHOST_SET_LOG_BASE, VHOST_IOCTL_ANYONE | VHOST_IOCTL_RAW }, .fn = vhost_vdpa_no_log },
	{ { VHOST_SET_LOG_FD, VHOST_IOCTL_ANYONE | VHOST_IOCTL_RAW }, .fn = vhost_vdpa_no_log },
	{ { VHOST_VDPA_GET_DEVICE_ID, VHOST_IOCTL_ANYONE }, .fn = vhost_vdpa_get_device_id },
	{ { VHOST_VDPA_GET_STATUS, VHOST_IOCTL_ANYONE }, .fn = vhost_vdpa_get_status },
	{ { VHOST_VDPA_SET_STATUS, VHOST_IOCTL_ANYONE }, .fn = vhost_vdpa_set_status },
	{ { VHOST_VDPA_GET_CONFIG, VHOST_IOCTL_ANYONE | VHOST_IOCTL_RAW },
	  .fn = vhost_vdpa_get_config },
	{ { VHOST_VDPA_SET_CONFIG, VHOST_IOCTL_ANYONE }, .fn = vhost_vdpa_set_config },
	{ { VHOST_VDPA_GET_CONFIG_SIZE, VHOST_IOCTL_ANYONE }, .fn = vhost_vdpa_get_config_size },
	{ { VHOST_VDPA_SET_CONFIG_CALL, VHOST_IOCTL_ANYONE }, .fn = vhost_vdpa_set_config_call },
	{ { VHOST_VDPA_GET_IOVA_RANGE, VHOST_IOCTL_ANYONE }, .fn = vhost_vdpa_get_iova_range },
	{ { VHOST_VDPA_GET_VRING_NUM, VHOST_IOCTL_ANYONE }, .fn = vhost_vdpa_get_vring_num },
	{ { VHOST_VDPA_GET_VQS_COUNT, VHOST_IOCTL_ANYONE }, .fn = vhost_vdpa_get_vqs_count },
	{ { VHOST_VDPA_GET_GROUP_NUM, VHOST_IOCTL_ANYONE }, .fn = vhost_vdpa_get_group_num },
	{ { VHOST_VDPA_GET_AS_NUM, VHOST_IOCTL_ANYONE }, .fn = vhost_vdpa_get_as_num },
	{ { VHOST_VDPA_SUSPEND, VHOST_IOCTL_ANYONE }, .fn = vhost_vdpa_suspend },
	{ { VHOST_VDPA_RESUME, VHOST_IOCTL_ANYONE }, .fn = vhost_vdpa_resume },
	{ { VHOST_VDPA_SET_GROUP_ASID }, .fn = vhost_vdpa_set_group_asid },
	{ { VHOST_SET_VRING_NUM }, .vq_fn = vhost_vdpa_set_vring_num },
	{ { VHOST_SET_VRING_ADDR }, .vq_fn = vhost_vdpa_set_vring_addr },
	{ { VHOST_SET_VRING_BASE }, .vq_fn = vhost_vdpa_set_vring_base },
	{ { VHOST_GET_VRING_BASE }, .vq_fn = vhost_vdpa_get_vring_base },
	{ { VHOST_SET_VRING_KICK }, .vq_fn = vhost_vdpa_set_vring_kick },
	{ { VHOST_SET_VRING_CALL }, .vq_fn = vhost_vdpa_set_vring_call },
	{ { VHOST_SET_VRING_ERR }, .vq_fn = vhost_vdpa_set_vring_err },
	{ { VHOST_VDPA_SET_VRING_ENABLE }, .vq_fn = vhost_vdpa_set_vring_enable },
	{ { VHOST_VDPA_GET_VRING_SIZE }, .vq_fn = vhost_vdpa_get_vring_size },
	{ { VHOST_VDPA_GET_VRING_GROUP }, .vq_fn = vhost_vdpa_get_vring_group },
	{ { VHOST_VDPA_GET_VRING_DESC_GROUP }, .vq_fn = vhost_vdpa_get_vring_desc_group },
};

static const struct vhost_vdpa_ioctl *vhost_vdpa_ioctl_find(unsigned int cmd)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vhost_vdpa_ioctls); i++)
		if (vhost_vdpa_ioctls[i].head.cmd == cmd)
			return &vhost_vdpa_ioctls[i];
	return NULL;
}

static int vhost_vdpa_call(void *data, const struct vhost_ioctl_head *head, void *arg,
			   void __user *user)
{
	const struct vhost_vdpa_ioctl *row = container_of(head, struct vhost_vdpa_ioctl, head);
	struct vhost_vdpa_file *file = data;
	u32 index, nvqs = file->vdev->nvqs;

	if (row->fn)
		return row->fn(file, arg, user);
	index = *(u32 *)arg;
	if (index >= nvqs)
		return -ENOBUFS;
	return row->vq_fn(&file->vqs[array_index_nospec(index, nvqs)], arg);
}

/**
 * vhost_vdpa_ioctl - unlocked_ioctl
 * @file: the file
 * @cmd: number
 * @arg: user address of the argument
 *
 * Context: process; may sleep, ends early when the caller is killed.
 * Return: see vhost_ioctl(); -ENOBUFS for queues that are not there.
 */
long vhost_vdpa_ioctl(struct vhost_vdpa_file *file, unsigned int cmd, unsigned long arg)
{
	const struct vhost_ioctl_target target = {
		.mutex = &file->mutex,
		.mm = &file->mm,
		.call = vhost_vdpa_call,
		.dev = file,
	};
	const struct vhost_vdpa_ioctl *row = vhost_vdpa_ioctl_find(cmd);

	return vhost_ioctl(&target, row ? &row->head : NULL, (void __user *)arg);
}
