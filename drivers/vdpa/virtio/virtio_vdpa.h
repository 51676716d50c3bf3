/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_VIRTIO_VDPA_H
#define RINGSIDE_VIRTIO_VDPA_H
/* What the files of virtio_vdpa tell each other. */

#include <linux/cpumask.h>
#include <linux/vdpa.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>

struct irq_affinity;

/**
 * struct virtio_vdpa - a vDPA device as a virtio device of this host
 * @vdev: the virtio device
 * @vdpa: the vDPA device, with a reference; immutable
 */
struct virtio_vdpa {
	struct virtio_device vdev;
	struct vdpa_device *vdpa;
};

static inline struct vdpa_device *to_vdpa(struct virtio_device *vdev)
{
	return container_of(vdev, struct virtio_vdpa, vdev)->vdpa;
}

/* vqs.c */
int virtio_vdpa_find_vqs(struct virtio_device *vdev, unsigned int nvqs,
			 struct virtqueue *vqs[], struct virtqueue_info vqs_info[],
			 struct irq_affinity *affinity);
COMPAT_DECLARE_FIND_VQS(virtio_vdpa_find_vqs);
void virtio_vdpa_del_vqs(struct virtio_device *vdev);

/* affinity.c */
struct cpumask *virtio_vdpa_spread(struct irq_affinity *affinity, unsigned int nvecs);

/* space.c */
extern const struct virtio_map_ops virtio_vdpa_map_ops;
int virtio_vdpa_map(struct vdpa_device *vdpa);
void virtio_vdpa_unmap(struct vdpa_device *vdpa);

#endif
