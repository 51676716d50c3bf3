// SPDX-License-Identifier: GPL-2.0-only
/* Feature bits, those of the device and those of the backend protocol. */

#include <linux/minmax.h>
#include <linux/uaccess.h>
#include <linux/virtio_config.h>

#include "internal.h"

/* Bits of VHOST_[GS]ET_BACKEND_FEATURES that we know. */
#define VHOST_BACKEND_FEATURES	(BIT_ULL(VHOST_BACKEND_F_IOTLB_MSG_V2) |	\
				 BIT_ULL(VHOST_BACKEND_F_IOTLB_BATCH) |		\
				 BIT_ULL(VHOST_BACKEND_F_MEM_UPDATE))

/*
 * Words that VHOST_[GS]ET_FEATURES_ARRAY looks at: more than there will be bits
 * for, and few enough that nobody can keep us busy with them (FAULTS 75).
 */
#define VHOST_FEATURES_WORDS	64

int vhost_get_features(struct vhost_dev *dev, void *arg, void __user *user)
{
	*(u64 *)arg = dev->ops->features;
	return 0;
}

static int vhost_set_features_of(struct vhost_virtqueue *vq, const u64 *features)
{
	int err = vhost_vq_lock(vq);

	if (err)
		return err;
	err = vhost_vq_set_features(vq, features);
	mutex_unlock(&vq->mutex);
	return err;
}

static int vhost_set_all_features(struct vhost_dev *dev, const u64 *features)
{
	bool iotlb = features[0] & BIT_ULL(VIRTIO_F_ACCESS_PLATFORM);
	u64 old[VIRTIO_FEATURES_U64S];
	unsigned int i;
	int err = 0;

	for (i = 0; i < VIRTIO_FEATURES_U64S; i++)
		if (features[i] & ~dev->ops->features_array[i])
			return -EOPNOTSUPP;
	err = dev->ops->features_ok ? dev->ops->features_ok(dev, features) : 0;
	if (err)
		return err;
	if ((features[0] & BIT_ULL(VHOST_F_LOG_ALL)) &&
	    !vhost_log_reaches(dev->log_base, memslots_last(&dev->slots)))
		return -EFAULT;
	/* A running ring is in the owner's memory, which others cannot reach. */
	for (i = 0; i < dev->nvqs; i++)
		if (dev->vqs[i]->backend && dev->mm != current->mm)
			return -EPERM;
	if (iotlb)
		vhost_iotlb_on(dev);
	/* The same in all queues, and changed under vhost_dev.mutex only. */
	virtio_features_copy(old, dev->vqs[0]->features_array);
	for (i = 0; i < dev->nvqs; i++) {
		err = vhost_set_features_of(dev->vqs[i], features);
		if (err)
			break;
	}
	if (i == dev->nvqs)
		return iotlb ? 0 : vhost_iotlb_off(dev);
	while (i--)
		vhost_set_features_of(dev->vqs[i], old);
	return err;
}

int vhost_set_features(struct vhost_dev *dev, void *arg, void __user *user)
{
	const u64 features[VIRTIO_FEATURES_U64S] = { *(u64 *)arg };

	return vhost_set_all_features(dev, features);
}

int vhost_get_features_array(struct vhost_dev *dev, void *arg, void __user *user)
{
	struct vhost_features_array __user *array = user;
	struct vhost_features_array *head = arg;
	u64 words;

	if (copy_from_user(head, array, sizeof(*head)))
		return -EFAULT;
	if (head->count > VHOST_FEATURES_WORDS)
		return -E2BIG;
	words = min_t(u64, head->count, VIRTIO_FEATURES_U64S);
	if (copy_to_user(array->features, dev->ops->features_array, words * sizeof(u64)) ||
	    clear_user(array->features + words, (head->count - words) * sizeof(u64)))
		return -EFAULT;
	return 0;
}

int vhost_set_features_array(struct vhost_dev *dev, void *arg, void __user *user)
{
	const struct vhost_features_array __user *array = user;
	const struct vhost_features_array *head = arg;
	u64 features[VHOST_FEATURES_WORDS] = {};
	unsigned int i;

	if (head->count > VHOST_FEATURES_WORDS)
		return -E2BIG;
	if (copy_from_user(features, array->features, head->count * sizeof(u64)))
		return -EFAULT;
	for (i = VIRTIO_FEATURES_U64S; i < head->count; i++)
		if (features[i])
			return -EOPNOTSUPP;
	return vhost_set_all_features(dev, features);
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
