// SPDX-License-Identifier: GPL-2.0-only
/*
 * Addresses. This host's drivers are trusted with all of its memory: the device's
 * address space leads to physical memory one to one for as long as it is a virtio
 * device, and a DMA address is a physical one.
 */

#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>

#include "virtio_vdpa.h"

static dma_addr_t virtio_vdpa_map_page(union virtio_map map, struct page *page,
				       unsigned long offset, size_t size,
				       enum dma_data_direction dir, unsigned long attrs)
{
	return page_to_phys(page) + offset;
}

static void virtio_vdpa_unmap_page(union virtio_map map, dma_addr_t addr, size_t size,
				   enum dma_data_direction dir, unsigned long attrs)
{
}

static void virtio_vdpa_sync(union virtio_map map, dma_addr_t addr, size_t size,
			     enum dma_data_direction dir)
{
}

static void *virtio_vdpa_alloc(union virtio_map map, size_t size, dma_addr_t *addr, gfp_t gfp)
{
	void *area = alloc_pages_exact(size, gfp | __GFP_ZERO);

	if (area)
		*addr = virt_to_phys(area);
	return area;
}

static void virtio_vdpa_free(union virtio_map map, size_t size, void *area, dma_addr_t addr,
			     unsigned long attrs)
{
	free_pages_exact(area, size);
}

static bool virtio_vdpa_need_sync(union virtio_map map, dma_addr_t addr)
{
	return false;
}

static int virtio_vdpa_mapping_error(union virtio_map map, dma_addr_t addr)
{
	return 0;
}

static size_t virtio_vdpa_max_mapping_size(union virtio_map map)
{
	return SIZE_MAX;
}

const struct virtio_map_ops virtio_vdpa_map_ops = {
	.map_page = virtio_vdpa_map_page,
	.unmap_page = virtio_vdpa_unmap_page,
	.sync_single_for_cpu = virtio_vdpa_sync,
	.sync_single_for_device = virtio_vdpa_sync,
	.alloc = virtio_vdpa_alloc,
	.free = virtio_vdpa_free,
	.need_sync = virtio_vdpa_need_sync,
	.mapping_error = virtio_vdpa_mapping_error,
	.max_mapping_size = virtio_vdpa_max_mapping_size,
};

/**
 * virtio_vdpa_map - let a device reach all memory
 * @vdpa: the device, just reset: all its groups are in address space 0
 *
 * Context: may sleep.
 * Return: 0, or what the parent says.
 */
int virtio_vdpa_map(struct vdpa_device *vdpa)
{
	const struct vdpa_ops *ops = vdpa->ops;
	struct vdpa_iova_range iova = { .last = U64_MAX };
	struct vdpa_range all;
	int err;

	if (ops->iova_range)
		iova = ops->iova_range(vdpa);
	all = (struct vdpa_range) {
		.first = iova.first,
		.last = iova.last,
		.addr = iova.first,
		.perm = VHOST_ACCESS_RW,
	};
	err = ops->map_begin(vdpa, 0);
	if (err)
		return err;
	err = ops->map_add(vdpa, 0, &all);
	if (err) {
		ops->map_cancel(vdpa, 0);
		return err;
	}
	err = ops->map_commit(vdpa, 0);
	/* Nothing of it may stay for the next driver. */
	if (err)
		virtio_vdpa_unmap(vdpa);
	return err;
}

/**
 * virtio_vdpa_unmap - let a device reach nothing any more
 * @vdpa: the device
 *
 * Context: may sleep. The device is reset: no queue is in the middle of something,
 * even if the caller is killed while the parent waits for that.
 */
void virtio_vdpa_unmap(struct vdpa_device *vdpa)
{
	const struct vdpa_ops *ops = vdpa->ops;

	/* Nobody else has the device who could keep us from it. */
	if (WARN_ON(ops->map_begin(vdpa, 0)))
		return;
	ops->map_remove(vdpa, 0, 0, U64_MAX);
	ops->map_commit(vdpa, 0);
	vdpa_reset(vdpa);
}
