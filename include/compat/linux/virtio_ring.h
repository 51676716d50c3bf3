/* SPDX-License-Identifier: GPL-2.0-only */
#include_next <linux/virtio_ring.h>
#include <linux/version.h>

#ifndef RINGSIDE_COMPAT_VIRTIO_RING_H
#define RINGSIDE_COMPAT_VIRTIO_RING_H

#include <linux/virtio.h>

/*
 * pre-7.0: a ring was made for a device that does DMA, before 6.5 always for the
 * parent of the virtio device. A function has no name to test.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
static inline struct virtqueue *
vring_create_virtqueue_map(unsigned int index, unsigned int num, unsigned int vring_align,
			   struct virtio_device *vdev, bool weak_barriers, bool may_reduce_num,
			   bool ctx, bool (*notify)(struct virtqueue *vq),
			   void (*callback)(struct virtqueue *vq), const char *name,
			   union virtio_map map)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
	return vring_create_virtqueue(index, num, vring_align, vdev, weak_barriers,
				      may_reduce_num, ctx, notify, callback, name);
#else
	return vring_create_virtqueue_dma(index, num, vring_align, vdev, weak_barriers,
					  may_reduce_num, ctx, notify, callback, name,
					  map.dma_dev);
#endif
}
#endif

#endif
