// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queues: made for a driver, and taken away from it.
 *
 * Drivers name their queues by position in a list in which some may be left out. The
 * device numbers those there are from 0. Only that number is used here.
 */

#include <linux/interrupt.h>
#include <linux/slab.h>
#include <linux/virtio_ring.h>

#include "virtio_vdpa.h"

/* Where a packed ring begins (VHOST_SET_VRING_BASE): at 0, with both wrap counters set. */
#define VIRTIO_VDPA_PACKED_BASE	0x80008000

static bool virtio_vdpa_notify(struct virtqueue *vq)
{
	struct vdpa_device *vdpa = to_vdpa(vq->vdev);

	vdpa->ops->kick_vq(vdpa, vq->index);
	return true;
}

static void virtio_vdpa_used(void *data)
{
	vring_interrupt(0, data);
}

static void virtio_vdpa_config_changed(void *data)
{
	virtio_config_changed(data);
}

/* Tells the device where the queue is, and lets it run. */
static int virtio_vdpa_start_vq(struct vdpa_device *vdpa, struct virtqueue *vq)
{
	const struct vdpa_callback cb = { .fn = virtio_vdpa_used, .data = vq };
	const struct vdpa_vq_addr addr = {
		.desc = virtqueue_get_desc_addr(vq),
		.driver = virtqueue_get_avail_addr(vq),
		.device = virtqueue_get_used_addr(vq),
	};
	bool packed = virtio_has_feature(vq->vdev, VIRTIO_F_RING_PACKED);
	int err;

	vdpa->ops->set_vq_cb(vdpa, vq->index, vq->callback ? &cb : NULL);
	err = vdpa->ops->set_vq_num(vdpa, vq->index, virtqueue_get_vring_size(vq));
	if (!err)
		err = vdpa->ops->set_vq_addr(vdpa, vq->index, &addr);
	if (!err)
		err = vdpa->ops->set_vq_base(vdpa, vq->index,
					     packed ? VIRTIO_VDPA_PACKED_BASE : 0);
	if (!err)
		err = vdpa->ops->set_vq_ready(vdpa, vq->index, true);
	return err;
}

static void virtio_vdpa_del_vq(struct virtqueue *vq)
{
	struct vdpa_device *vdpa = to_vdpa(vq->vdev);

	/* Its memory goes: a caller who is being killed does not change that. */
	if (vdpa->ops->set_vq_ready(vdpa, vq->index, false))
		vdpa_reset(vdpa);
	/* After this, nobody calls the queue. */
	vdpa->ops->set_vq_cb(vdpa, vq->index, NULL);
	vring_del_virtqueue(vq);
}

static struct virtqueue *virtio_vdpa_new_vq(struct virtio_device *vdev, unsigned int index,
					    const struct virtqueue_info *info)
{
	struct vdpa_device *vdpa = to_vdpa(vdev);
	const union virtio_map map = { .dma_dev = &vdpa->dev };
	struct virtqueue *vq;
	int err;

	if (index >= vdpa->nvqs)
		return ERR_PTR(-ENOENT);
	/* Somebody else's, or of ours that was never taken away. */
	if (vdpa->ops->get_vq_ready(vdpa, index))
		return ERR_PTR(-ENOENT);
	vq = vring_create_virtqueue_map(index, vdpa->vq_num_max, vdpa->vq_align, vdev, true,
					vdpa->vq_num_max != vdpa->vq_num_min, info->ctx,
					virtio_vdpa_notify, info->callback, info->name, map);
	if (!vq)
		return ERR_PTR(-ENOMEM);
	vq->num_max = vdpa->vq_num_max;
	err = virtio_vdpa_start_vq(vdpa, vq);
	if (!err)
		return vq;
	virtio_vdpa_del_vq(vq);
	return ERR_PTR(err);
}

/* Makes all queues that have a name, and says for which processors they are. */
static int virtio_vdpa_new_vqs(struct virtio_device *vdev, unsigned int nvqs,
			       struct virtqueue *vqs[], const struct virtqueue_info *info,
			       const struct cpumask *masks)
{
	struct vdpa_device *vdpa = to_vdpa(vdev);
	unsigned int index = 0, vector = 0;

	for (unsigned int i = 0; i < nvqs; i++) {
		vqs[i] = NULL;
		if (!info[i].name)
			continue;
		vqs[i] = virtio_vdpa_new_vq(vdev, index, &info[i]);
		if (IS_ERR(vqs[i]))
			return PTR_ERR(vqs[i]);
		/* A wish: the queue works on any processor. */
		if (masks && info[i].callback)
			vdpa->ops->set_vq_affinity(vdpa, index, &masks[vector++]);
		index++;
	}
	return 0;
}

static unsigned int virtio_vdpa_vectors(unsigned int nvqs, const struct virtqueue_info *info)
{
	unsigned int vectors = 0;

	for (unsigned int i = 0; i < nvqs; i++)
		vectors += info[i].name && info[i].callback;
	return vectors;
}

/**
 * virtio_vdpa_find_vqs - make a driver's queues
 * @vdev: the virtio device
 * @nvqs: queues in the driver's list
 * @vqs: filled in, NULL where there is no name
 * @info: the list
 * @affinity: how to spread them over processors, NULL for no wish
 *
 * Context: may sleep.
 * Return: 0, -ENOENT if the device has not as many or if one runs already, -ENOMEM, or
 * what the parent says. After an error there are none.
 */
int virtio_vdpa_find_vqs(struct virtio_device *vdev, unsigned int nvqs,
			 struct virtqueue *vqs[], struct virtqueue_info info[],
			 struct irq_affinity *affinity)
{
	const struct vdpa_callback cb = { .fn = virtio_vdpa_config_changed, .data = vdev };
	unsigned int vectors = virtio_vdpa_vectors(nvqs, info);
	struct vdpa_device *vdpa = to_vdpa(vdev);
	struct cpumask *masks = NULL;
	int err;

	if (affinity && vectors && vdpa->ops->set_vq_affinity) {
		masks = virtio_vdpa_spread(affinity, vectors);
		if (!masks)
			return -ENOMEM;
	}
	err = virtio_vdpa_new_vqs(vdev, nvqs, vqs, info, masks);
	kfree(masks);
	if (err)
		virtio_vdpa_del_vqs(vdev);
	else
		vdpa->ops->set_config_cb(vdpa, &cb);
	return err;
}

COMPAT_DEFINE_FIND_VQS(virtio_vdpa_find_vqs)

/**
 * virtio_vdpa_del_vqs - take all queues away
 * @vdev: the virtio device
 *
 * Context: may sleep.
 */
void virtio_vdpa_del_vqs(struct virtio_device *vdev)
{
	struct vdpa_device *vdpa = to_vdpa(vdev);
	struct virtqueue *vq, *next;

	vdpa->ops->set_config_cb(vdpa, NULL);
	list_for_each_entry_safe(vq, next, &vdev->vqs, list)
		virtio_vdpa_del_vq(vq);
}
