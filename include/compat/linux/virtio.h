/* SPDX-License-Identifier: GPL-2.0-only */
#include_next <linux/virtio.h>
#include <linux/version.h>

#ifndef RINGSIDE_COMPAT_VIRTIO_H
#define RINGSIDE_COMPAT_VIRTIO_H

/* pre-7.0: it was always a device that did DMA. A type has no name to test. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
union virtio_map {
	struct device *dma_dev;
};
#endif

#endif
