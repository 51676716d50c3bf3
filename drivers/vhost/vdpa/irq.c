// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts of a device that reach the guest without us, where the processor
 * and the kernel can do that: the device's interrupt and KVM's end of the call
 * eventfd find each other through the kernel's irq bypass manager.
 */

#include <linux/kconfig.h>
#include <linux/virtio_config.h>

#include "vdpa.h"

/**
 * vhost_vdpa_irq_start - let KVM have a queue's interrupt
 * @vq: the queue; nothing happens if it has no interrupt of its own, no call
 *	eventfd, or is not in use yet
 *
 * Without the irq bypass manager the eventfd is signalled for every interrupt, as
 * it is when this fails.
 *
 * Context: vhost_vdpa_file.mutex; may sleep.
 */
void vhost_vdpa_irq_start(struct vhost_vdpa_vq *vq)
{
	struct vdpa_device *vdev = vq->file->vdev;
	int irq, err;

	if (!IS_ENABLED(CONFIG_IRQ_BYPASS_MANAGER) || vq->bypassed || !vq->call ||
	    !vdev->ops->vq_irq || !(vdpa_get_status(vdev) & VIRTIO_CONFIG_S_DRIVER_OK))
		return;
	irq = vdev->ops->vq_irq(vdev, vq->index);
	if (irq < 0)
		return;
	err = irq_bypass_register_producer(&vq->bypass, vq->call, irq);
	if (err)
		dev_info(&vq->file->node->dev, "queue %u: no irq bypass: %d\n", vq->index, err);
	else
		vq->bypassed = true;
}

/**
 * vhost_vdpa_irq_stop - the interrupt is the eventfd's again
 * @vq: the queue
 *
 * Context: vhost_vdpa_file.mutex; may sleep.
 */
void vhost_vdpa_irq_stop(struct vhost_vdpa_vq *vq)
{
	if (!IS_ENABLED(CONFIG_IRQ_BYPASS_MANAGER) || !vq->bypassed)
		return;
	irq_bypass_unregister_producer(&vq->bypass);
	vq->bypassed = false;
}
