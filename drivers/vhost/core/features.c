// SPDX-License-Identifier: GPL-2.0-only
/* Feature bits, those of the device and those of the backend protocol. */

#include <linux/virtio_config.h>

#include "internal.h"

/* Bits of VHOST_[GS]ET_BACKEND_FEATURES that we know. */
#define VHOST_BACKEND_FEATURES	(BIT_ULL(VHOST_BACKEND_F_IOTLB_MSG_V2) |	\
				 BIT_ULL(VHOST_BACKEND_F_IOTLB_BATCH) |		\
				 BIT_ULL(VHOST_BACKEND_F_MEM_UPDATE))

int vhost_get_features(struct vhost_dev *dev, void *arg, void __user *user)
{
	*(u64 *)arg = dev->ops->features;
	return 0;
}

/* One queue; *old receives what was in force before. */
static int vhost_swap_features(struct vhost_virtqueue *vq, u64 features, u64 *old)
{
	int err = vhost_vq_lock(vq);

	if (err)
		return err;
	*old = vq->features;
	err = vhost_vq_set_features(vq, features);
	mutex_unlock(&vq->mutex);
	return err;
}

int vhost_set_features(struct vhost_dev *dev, void *arg, void __user *user)
{
	u64 features = *(u64 *)arg, old = 0, unused;
	bool iotlb = features & BIT_ULL(VIRTIO_F_ACCESS_PLATFORM);
	unsigned int i;
	int err = 0;

	if (features & ~dev->ops->features)
		return -EOPNOTSUPP;
	if ((features & BIT_ULL(VHOST_F_LOG_ALL)) &&
	    !vhost_log_reaches(dev->log_base, memslots_last(&dev->slots)))
		return -EFAULT;
	/* A running ring is in the owner's memory, which others cannot reach. */
	for (i = 0; i < dev->nvqs; i++)
		if (dev->vqs[i]->backend && dev->mm != current->mm)
			return -EPERM;
	if (iotlb)
		vhost_iotlb_on(dev);
	for (i = 0; i < dev->nvqs; i++) {
		err = vhost_swap_features(dev->vqs[i], features, &old);
		if (err)
			break;
	}
	if (i == dev->nvqs)
		return iotlb ? 0 : vhost_iotlb_off(dev);
	/* All queues had the same ones, and shall have them again. */
	while (i--)
		vhost_swap_features(dev->vqs[i], old, &unused);
	return err;
}

int vhost_get_backend_features(struct vhost_dev *dev, void *arg, void __user *user)
{
	*(u64 *)arg = VHOST_BACKEND_FEATURES;
	return 0;
}

int vhost_set_backend_features(struct vhost_dev *dev, void *arg, void __user *user)
{
	u64 features = *(u64 *)arg;

	if (features & ~VHOST_BACKEND_FEATURES)
		return -EOPNOTSUPP;
	WRITE_ONCE(dev->backend_features, features);
	return 0;
}
