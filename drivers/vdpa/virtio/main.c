// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver of the vdpa bus that makes a virtio device of a vDPA device, for the
 * virtio drivers of this host.
 */

#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/virtio_ring.h>

#include "virtio_vdpa.h"

static void virtio_vdpa_get(struct virtio_device *vdev, unsigned int offset, void *buf,
			    unsigned int len)
{
	/* Drivers look at fields that a device may be too old for. */
	if (vdpa_get_config(to_vdpa(vdev), offset, buf, len))
		memset(buf, 0, len);
}

static void virtio_vdpa_set(struct virtio_device *vdev, unsigned int offset, const void *buf,
			    unsigned int len)
{
	vdpa_set_config(to_vdpa(vdev), offset, buf, len);
}

static u32 virtio_vdpa_generation(struct virtio_device *vdev)
{
	struct vdpa_device *vdpa = to_vdpa(vdev);

	return vdpa->ops->generation ? vdpa->ops->generation(vdpa) : 0;
}

static u8 virtio_vdpa_get_status(struct virtio_device *vdev)
{
	return vdpa_get_status(to_vdpa(vdev));
}

static void virtio_vdpa_set_status(struct virtio_device *vdev, u8 status)
{
	vdpa_set_status(to_vdpa(vdev), status);
}

static void virtio_vdpa_reset(struct virtio_device *vdev)
{
	struct vdpa_device *vdpa = to_vdpa(vdev);
	int err = vdpa_reset(vdpa);

	if (err)
		dev_err(&vdpa->dev, "reset failed: %d\n", err);
}

static u64 virtio_vdpa_get_features(struct virtio_device *vdev)
{
	return to_vdpa(vdev)->device_features;
}

static int virtio_vdpa_finalize_features(struct virtio_device *vdev)
{
	vring_transport_features(vdev);
	/* A kick of the vdpa bus carries no data. */
	__virtio_clear_bit(vdev, VIRTIO_F_NOTIFICATION_DATA);
	return vdpa_set_features(to_vdpa(vdev), vdev->features);
}

static const char *virtio_vdpa_bus_name(struct virtio_device *vdev)
{
	return dev_name(&to_vdpa(vdev)->dev);
}

static int virtio_vdpa_set_vq_affinity(struct virtqueue *vq, const struct cpumask *mask)
{
	struct vdpa_device *vdpa = to_vdpa(vq->vdev);

	if (!vdpa->ops->set_vq_affinity)
		return 0;
	return vdpa->ops->set_vq_affinity(vdpa, vq->index, mask);
}

static const struct cpumask *virtio_vdpa_get_vq_affinity(struct virtio_device *vdev, int index)
{
	struct vdpa_device *vdpa = to_vdpa(vdev);

	if (!vdpa->ops->get_vq_affinity)
		return NULL;
	return vdpa->ops->get_vq_affinity(vdpa, index);
}

static const struct virtio_config_ops virtio_vdpa_config_ops = {
	.get = virtio_vdpa_get,
	.set = virtio_vdpa_set,
	.generation = virtio_vdpa_generation,
	.get_status = virtio_vdpa_get_status,
	.set_status = virtio_vdpa_set_status,
	.reset = virtio_vdpa_reset,
	.find_vqs = COMPAT_FIND_VQS(virtio_vdpa_find_vqs),
	.del_vqs = virtio_vdpa_del_vqs,
	.get_features = virtio_vdpa_get_features,
	.finalize_features = virtio_vdpa_finalize_features,
	.bus_name = virtio_vdpa_bus_name,
	.set_vq_affinity = virtio_vdpa_set_vq_affinity,
	.get_vq_affinity = virtio_vdpa_get_vq_affinity,
};

static void virtio_vdpa_release(struct device *dev)
{
	struct virtio_device *vdev = container_of(dev, struct virtio_device, dev);
	struct virtio_vdpa *vd = container_of(vdev, struct virtio_vdpa, vdev);

	put_device(&vd->vdpa->dev);
	kfree(vd);
}

static struct virtio_vdpa *virtio_vdpa_new(struct vdpa_device *vdpa)
{
	struct virtio_vdpa *vd = kzalloc_obj(*vd);

	if (!vd)
		return NULL;
	vd->vdpa = vdpa;
	get_device(&vdpa->dev);
	vd->vdev.id.device = vdpa->device_id;
	vd->vdev.id.vendor = vdpa->vendor_id;
	vd->vdev.config = &virtio_vdpa_config_ops;
	vd->vdev.dev.parent = &vdpa->dev;
	vd->vdev.dev.release = virtio_vdpa_release;
	return vd;
}

/* The device is left as it was found: reset, and without mappings. */
static int virtio_vdpa_probe(struct vdpa_device *vdpa)
{
	union virtio_map map = { .dma_dev = &vdpa->dev };
	struct virtio_vdpa *vd;
	int err;

	err = vdpa_reset(vdpa);
	if (err)
		return err;
	err = virtio_vdpa_map(vdpa);
	if (err)
		return err;
	vd = virtio_vdpa_new(vdpa);
	err = vd ? compat_virtio_set_map(&vd->vdev, &virtio_vdpa_map_ops, map) : -ENOMEM;
	if (err) {
		if (vd)
			virtio_vdpa_release(&vd->vdev.dev);
		goto unmap;
	}
	dev_set_drvdata(&vdpa->dev, vd);
	err = register_virtio_device(&vd->vdev);
	if (!err)
		return 0;
	put_device(&vd->vdev.dev);
unmap:
	virtio_vdpa_unmap(vdpa);
	return err;
}

static void virtio_vdpa_remove(struct vdpa_device *vdpa)
{
	struct virtio_vdpa *vd = dev_get_drvdata(&vdpa->dev);

	unregister_virtio_device(&vd->vdev);
	/* It may be gone now, the vDPA device is not. */
	vdpa_reset(vdpa);
	virtio_vdpa_unmap(vdpa);
}

static struct vdpa_driver virtio_vdpa_driver = {
	.driver = {
		.name = "virtio_vdpa",
	},
	.probe = virtio_vdpa_probe,
	.remove = virtio_vdpa_remove,
};

module_vdpa_driver(virtio_vdpa_driver);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("Ringside developers");
MODULE_VERSION(RINGSIDE_VERSION);
MODULE_DESCRIPTION("vDPA devices for the virtio drivers of this host");
MODULE_IMPORT_NS("RINGSIDE");
