// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ioctls about the device as a whole: owner, features, status, configuration,
 * suspend and resume. Each is called under vhost_vdpa_file.mutex.
 */

#include <linux/eventfd.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/virtio_config.h>

#include "vdpa.h"

/**
 * vhost_vdpa_running - may queues be at work?
 * @file: the file
 *
 * Context: vhost_vdpa_file.mutex.
 * Return: true from DRIVER_OK on, unless the device is suspended.
 */
bool vhost_vdpa_running(struct vhost_vdpa_file *file)
{
	return (vdpa_get_status(file->vdev) & VIRTIO_CONFIG_S_DRIVER_OK) && !file->suspended;
}

/* The device calls it in any context. */
static void vhost_vdpa_config_changed(void *data)
{
	struct vhost_vdpa_file *file = data;
	unsigned long flags;

	spin_lock_irqsave(&file->config_lock, flags);
	if (file->config_call)
		eventfd_signal(file->config_call);
	spin_unlock_irqrestore(&file->config_lock, flags);
}

/* A reset forgets whom to call; the eventfds are still the VMM's. */
static void vhost_vdpa_attach(struct vhost_vdpa_file *file)
{
	const struct vdpa_callback cb = { .fn = vhost_vdpa_config_changed, .data = file };
	struct vdpa_device *vdev = file->vdev;
	u32 i;

	for (i = 0; i < vdev->nvqs; i++)
		vhost_vdpa_vq_attach(&file->vqs[i]);
	vdev->ops->set_config_cb(vdev, &cb);
}

static void vhost_vdpa_detach(struct vhost_vdpa_file *file)
{
	static const struct vdpa_callback nobody;
	struct vdpa_device *vdev = file->vdev;
	u32 i;

	for (i = 0; i < vdev->nvqs; i++)
		vhost_vdpa_vq_detach(&file->vqs[i]);
	vdev->ops->set_config_cb(vdev, &nobody);
}

static void vhost_vdpa_irqs_start(struct vhost_vdpa_file *file)
{
	u32 i;

	for (i = 0; i < file->vdev->nvqs; i++)
		vhost_vdpa_irq_start(&file->vqs[i]);
}

static void vhost_vdpa_irqs_stop(struct vhost_vdpa_file *file)
{
	u32 i;

	for (i = 0; i < file->vdev->nvqs; i++)
		vhost_vdpa_irq_stop(&file->vqs[i]);
}

/**
 * vhost_vdpa_reset - the device as it was when it was opened
 * @file: the file
 *
 * Without VHOST_BACKEND_F_IOTLB_PERSIST there are no mappings then. Owner, backend
 * features and eventfds stay.
 *
 * Context: vhost_vdpa_file.mutex; may sleep.
 * Return: 0, or what the parent says; -EINTR if the caller was killed, mappings may
 * be left then.
 */
int vhost_vdpa_reset(struct vhost_vdpa_file *file)
{
	bool persist = file->backend_features & BIT_ULL(VHOST_BACKEND_F_IOTLB_PERSIST);
	struct vdpa_device *vdev = file->vdev;
	int err, ret;
	u32 i;

	vhost_vdpa_irqs_stop(file);
	ret = vdpa_reset(vdev);
	if (ret) {
		vhost_vdpa_irqs_start(file);
		return ret;
	}
	file->suspended = false;
	file->batch = false;
	for (i = 0; i < vdev->nvqs; i++)
		file->vqs[i].num = 0;
	for (i = 0; i < vdev->nas; i++) {
		if (persist) {
			vhost_vdpa_as_cancel(file, i);
			continue;
		}
		err = vhost_vdpa_as_clear(file, i);
		if (err)
			ret = err;
	}
	vhost_vdpa_attach(file);
	return ret;
}

/**
 * vhost_vdpa_disown - let go of the device, for good
 * @file: the file, which nobody else has any more
 *
 * Context: may sleep.
 */
void vhost_vdpa_disown(struct vhost_vdpa_file *file)
{
	struct vdpa_device *vdev = file->vdev;
	u32 i;

	mutex_lock(&file->mutex);
	file->backend_features = 0;
	vhost_vdpa_irqs_stop(file);
	vdpa_reset(vdev);
	vhost_vdpa_detach(file);
	/* Nobody else changes them, so that there is nothing to be killed over. */
	for (i = 0; i < vdev->nas; i++)
		WARN_ON_ONCE(vhost_vdpa_as_clear(file, i));
	if (file->bound)
		vdev->ops->unbind_mm(vdev);
	for (i = 0; i < vdev->nvqs; i++)
		vhost_vdpa_vq_release(&file->vqs[i]);
	if (file->config_call)
		eventfd_ctx_put(file->config_call);
	if (file->mm)
		mmdrop(file->mm);
	mutex_unlock(&file->mutex);
}

/*
 * VHOST_SET_OWNER. The owner is kept in mind but not alive: he may exit while
 * others have the file.
 */
int vhost_vdpa_set_owner(struct vhost_vdpa_file *file, void *arg, void __user *user)
{
	struct vdpa_device *vdev = file->vdev;
	int err;

	if (file->mm)
		return -EBUSY;
	if (vdev->use_va) {
		err = vdev->ops->bind_mm(vdev, current->mm);
		if (err)
			return err;
		file->bound = true;
	}
	mmgrab(current->mm);
	file->mm = current->mm;
	WRITE_ONCE(file->owner, task_tgid_nr(current));
	return 0;
}

int vhost_vdpa_get_features(struct vhost_vdpa_file *file, void *arg, void __user *user)
{
	*(u64 *)arg = file->vdev->device_features;
	return 0;
}

int vhost_vdpa_set_features(struct vhost_vdpa_file *file, void *arg, void __user *user)
{
	if (vdpa_get_status(file->vdev) & VIRTIO_CONFIG_S_FEATURES_OK)
		return -EBUSY;
	return vdpa_set_features(file->vdev, *(u64 *)arg) ? -EINVAL : 0;
}

/* Queues may be enabled after DRIVER_OK, and mappings outlive a reset, with any parent. */
static u64 vhost_vdpa_backend_features(const struct vdpa_device *vdev)
{
	u64 features = BIT_ULL(VHOST_BACKEND_F_IOTLB_MSG_V2) |
		       BIT_ULL(VHOST_BACKEND_F_IOTLB_BATCH) |
		       BIT_ULL(VHOST_BACKEND_F_IOTLB_ASID) |
		       BIT_ULL(VHOST_BACKEND_F_ENABLE_AFTER_DRIVER_OK) |
		       BIT_ULL(VHOST_BACKEND_F_IOTLB_PERSIST);

	if (vdev->ops->suspend)
		features |= BIT_ULL(VHOST_BACKEND_F_SUSPEND);
	if (vdev->ops->resume)
		features |= BIT_ULL(VHOST_BACKEND_F_RESUME);
	if (vdev->desc_groups)
		features |= BIT_ULL(VHOST_BACKEND_F_DESC_ASID);
	return features;
}

int vhost_vdpa_get_backend_features(struct vhost_vdpa_file *file, void *arg, void __user *user)
{
	*(u64 *)arg = vhost_vdpa_backend_features(file->vdev);
	return 0;
}

int vhost_vdpa_set_backend_features(struct vhost_vdpa_file *file, void *arg, void __user *user)
{
	u64 features = *(u64 *)arg;

	if (features & ~vhost_vdpa_backend_features(file->vdev))
		return -EOPNOTSUPP;
	if ((features & BIT_ULL(VHOST_BACKEND_F_DESC_ASID)) &&
	    !(features & BIT_ULL(VHOST_BACKEND_F_IOTLB_ASID)))
		return -EINVAL;
	WRITE_ONCE(file->backend_features, features);
	return 0;
}

int vhost_vdpa_get_status(struct vhost_vdpa_file *file, void *arg, void __user *user)
{
	*(u8 *)arg = vdpa_get_status(file->vdev);
	return 0;
}

/*
 * Bits are added one by one and taken away all at once, by a reset. The device itself
 * sets NEEDS_RESET at any time, so that the caller need not know of it yet.
 */
int vhost_vdpa_set_status(struct vhost_vdpa_file *file, void *arg, void __user *user)
{
	u8 status = *(u8 *)arg, old = vdpa_get_status(file->vdev);

	if (!status)
		return vhost_vdpa_reset(file);
	if (old & ~status & ~VIRTIO_CONFIG_S_NEEDS_RESET)
		return -EINVAL;
	vdpa_set_status(file->vdev, status);
	vhost_vdpa_irqs_start(file);
	return 0;
}

/* A buffer for what an ioctl is about, zeroed, or an error pointer. */
static void *vhost_vdpa_config_buf(struct vhost_vdpa_file *file,
				   const struct vhost_vdpa_config *head)
{
	u32 size = file->vdev->config_size;
	void *buf;

	if (!head->len || head->off > size || head->len > size - head->off)
		return ERR_PTR(-EINVAL);
	buf = kvzalloc(head->len, GFP_KERNEL_ACCOUNT);
	return buf ?: ERR_PTR(-ENOMEM);
}

int vhost_vdpa_get_config(struct vhost_vdpa_file *file, void *arg, void __user *user)
{
	struct vhost_vdpa_config __user *config = user;
	struct vhost_vdpa_config head;
	void *buf;
	int err;

	if (copy_from_user(&head, user, sizeof(head)))
		return -EFAULT;
	buf = vhost_vdpa_config_buf(file, &head);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	err = vdpa_get_config(file->vdev, head.off, buf, head.len);
	if (!err && copy_to_user(config->buf, buf, head.len))
		err = -EFAULT;
	kvfree(buf);
	return err;
}

int vhost_vdpa_set_config(struct vhost_vdpa_file *file, void *arg, void __user *user)
{
	const struct vhost_vdpa_config __user *config = user;
	const struct vhost_vdpa_config *head = arg;
	void *buf = vhost_vdpa_config_buf(file, head);
	int err;

	if (IS_ERR(buf))
		return PTR_ERR(buf);
	if (copy_from_user(buf, config->buf, head->len))
		err = -EFAULT;
	else
		err = vdpa_set_config(file->vdev, head->off, buf, head->len);
	kvfree(buf);
	return err;
}

int vhost_vdpa_set_config_call(struct vhost_vdpa_file *file, void *arg, void __user *user)
{
	struct eventfd_ctx *ctx = vhost_eventfd_get(*(int *)arg);
	unsigned long flags;

	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	spin_lock_irqsave(&file->config_lock, flags);
	swap(ctx, file->config_call);
	spin_unlock_irqrestore(&file->config_lock, flags);
	if (ctx)
		eventfd_ctx_put(ctx);
	return 0;
}

/* Before DRIVER_OK there is nothing to suspend. */
int vhost_vdpa_suspend(struct vhost_vdpa_file *file, void *arg, void __user *user)
{
	struct vdpa_device *vdev = file->vdev;
	int err;

	if (!(vdpa_get_status(vdev) & VIRTIO_CONFIG_S_DRIVER_OK))
		return 0;
	if (!vdev->ops->suspend)
		return -EOPNOTSUPP;
	err = vdev->ops->suspend(vdev);
	if (!err)
		file->suspended = true;
	return err;
}

int vhost_vdpa_resume(struct vhost_vdpa_file *file, void *arg, void __user *user)
{
	struct vdpa_device *vdev = file->vdev;
	int err;

	if (!(vdpa_get_status(vdev) & VIRTIO_CONFIG_S_DRIVER_OK))
		return 0;
	if (!vdev->ops->resume)
		return -EOPNOTSUPP;
	err = vdev->ops->resume(vdev);
	if (!err)
		file->suspended = false;
	return err;
}
