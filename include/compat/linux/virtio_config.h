/* SPDX-License-Identifier: GPL-2.0-only */
#include_next <linux/virtio_config.h>
#include <linux/version.h>

#ifndef RINGSIDE_COMPAT_VIRTIO_CONFIG_H
#define RINGSIDE_COMPAT_VIRTIO_CONFIG_H

#include <linux/dma-mapping.h>
#include <linux/slab.h>
#include <linux/virtio.h>

/* pre-6.2: a number of the specification that Linux had no name for. */
#ifndef VIRTIO_F_NOTIFICATION_DATA
#define VIRTIO_F_NOTIFICATION_DATA	38
#endif

/*
 * pre-7.0: how memory is mapped for a device was a matter of the DMA API alone. What
 * a transport brings of its own is not looked at; the device must be good for DMA.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
struct virtio_map_ops {
	dma_addr_t (*map_page)(union virtio_map map, struct page *page, unsigned long offset,
			       size_t size, enum dma_data_direction dir, unsigned long attrs);
	void (*unmap_page)(union virtio_map map, dma_addr_t map_handle, size_t size,
			   enum dma_data_direction dir, unsigned long attrs);
	void (*sync_single_for_cpu)(union virtio_map map, dma_addr_t map_handle, size_t size,
				    enum dma_data_direction dir);
	void (*sync_single_for_device)(union virtio_map map, dma_addr_t map_handle,
				       size_t size, enum dma_data_direction dir);
	void *(*alloc)(union virtio_map map, size_t size, dma_addr_t *map_handle, gfp_t gfp);
	void (*free)(union virtio_map map, size_t size, void *vaddr, dma_addr_t map_handle,
		     unsigned long attrs);
	bool (*need_sync)(union virtio_map map, dma_addr_t map_handle);
	int (*mapping_error)(union virtio_map map, dma_addr_t map_handle);
	size_t (*max_mapping_size)(union virtio_map map);
};

static inline int compat_virtio_set_map(struct virtio_device *vdev,
					const struct virtio_map_ops *ops, union virtio_map map)
{
	struct device *dev = map.dma_dev;

	dev->dma_mask = &dev->coherent_dma_mask;
	return dma_set_mask_and_coherent(dev, DMA_BIT_MASK(64));
}
#else
static inline int compat_virtio_set_map(struct virtio_device *vdev,
					const struct virtio_map_ops *ops, union virtio_map map)
{
	vdev->map = ops;
	vdev->vmap = map;
	return 0;
}
#endif

/*
 * pre-6.11: names, callbacks and contexts of queues came in an array each. A transport
 * defines the operation of now, and the older form of it with this macro.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)
struct virtqueue_info {
	const char *name;
	vq_callback_t *callback;
	bool ctx;
};

#define COMPAT_DEFINE_FIND_VQS(fn)						\
int compat_##fn(struct virtio_device *vdev, unsigned int nvqs,			\
		struct virtqueue *vqs[], vq_callback_t *callbacks[],		\
		const char * const names[], const bool *ctx,			\
		struct irq_affinity *desc)					\
{										\
	struct virtqueue_info *info = kcalloc(nvqs, sizeof(*info), GFP_KERNEL);	\
	int err;								\
										\
	if (!info)								\
		return -ENOMEM;							\
	for (unsigned int i = 0; i < nvqs; i++)					\
		info[i] = (struct virtqueue_info) {				\
			.name = names[i],					\
			.callback = callbacks[i],				\
			.ctx = ctx && ctx[i],					\
		};								\
	err = fn(vdev, nvqs, vqs, info, desc);					\
	kfree(info);								\
	return err;								\
}

#define COMPAT_DECLARE_FIND_VQS(fn)						\
int compat_##fn(struct virtio_device *vdev, unsigned int nvqs,			\
		struct virtqueue *vqs[], vq_callback_t *callbacks[],		\
		const char * const names[], const bool *ctx,			\
		struct irq_affinity *desc)
#define COMPAT_FIND_VQS(fn)	compat_##fn
#else
#define COMPAT_DEFINE_FIND_VQS(fn)
#define COMPAT_DECLARE_FIND_VQS(fn)						\
int fn(struct virtio_device *vdev, unsigned int nvqs,				\
	struct virtqueue *vqs[], struct virtqueue_info vqs_info[],		\
	struct irq_affinity *desc)
#define COMPAT_FIND_VQS(fn)	fn
#endif

#endif
