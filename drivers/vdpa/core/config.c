// SPDX-License-Identifier: GPL-2.0-only
/* What drivers change and netlink shows: status, features and configuration. */

#include <linux/export.h>

#include "core.h"

#define CREATE_TRACE_POINTS
#include "vdpa_trace.h"

/**
 * vdpa_get_status - the device status
 * @vdev: the device
 *
 * Context: may sleep; a driver that has the device.
 * Return: bits of virtio 1.3, 2.1.
 */
u8 vdpa_get_status(struct vdpa_device *vdev)
{
	u8 status;

	down_read(&vdev->config_lock);
	status = vdev->ops->get_status(vdev);
	up_read(&vdev->config_lock);
	return status;
}
EXPORT_SYMBOL_NS_GPL(vdpa_get_status, "RINGSIDE");

/**
 * vdpa_set_status - set the device status
 * @vdev: the device
 * @status: the new one; not 0, which is vdpa_reset()
 *
 * Context: may sleep; a driver that has the device.
 */
void vdpa_set_status(struct vdpa_device *vdev, u8 status)
{
	down_write(&vdev->config_lock);
	if (trace_vdpa_set_status_enabled())
		trace_vdpa_set_status(vdev, vdev->ops->get_status(vdev), status);
	vdev->ops->set_status(vdev, status);
	up_write(&vdev->config_lock);
}
EXPORT_SYMBOL_NS_GPL(vdpa_set_status, "RINGSIDE");

/**
 * vdpa_reset - back to the state after vdpa_device_add()
 * @vdev: the device; mappings, and the mm it is bound to, stay
 *
 * Context: may sleep; a driver that has the device.
 * Return: 0, or what the parent says.
 */
int vdpa_reset(struct vdpa_device *vdev)
{
	int err;

	down_write(&vdev->config_lock);
	if (trace_vdpa_set_status_enabled())
		trace_vdpa_set_status(vdev, vdev->ops->get_status(vdev), 0);
	err = vdev->ops->reset(vdev);
	up_write(&vdev->config_lock);
	return err;
}
EXPORT_SYMBOL_NS_GPL(vdpa_reset, "RINGSIDE");

/**
 * vdpa_set_features - accept features
 * @vdev: the device
 * @features: the bits
 *
 * Context: may sleep; a driver that has the device.
 * Return: 0, -EINVAL if they are not to be had.
 */
int vdpa_set_features(struct vdpa_device *vdev, u64 features)
{
	int err;

	down_write(&vdev->config_lock);
	err = vdev->ops->set_driver_features(vdev, features);
	up_write(&vdev->config_lock);
	return err;
}
EXPORT_SYMBOL_NS_GPL(vdpa_set_features, "RINGSIDE");

/**
 * vdpa_get_features - what was accepted
 * @vdev: the device
 *
 * Context: may sleep; a driver that has the device.
 * Return: the bits.
 */
u64 vdpa_get_features(struct vdpa_device *vdev)
{
	u64 features;

	down_read(&vdev->config_lock);
	features = vdev->ops->get_driver_features(vdev);
	up_read(&vdev->config_lock);
	return features;
}
EXPORT_SYMBOL_NS_GPL(vdpa_get_features, "RINGSIDE");

static bool vdpa_config_holds(const struct vdpa_device *vdev, unsigned int offset,
			      unsigned int len)
{
	return offset <= vdev->config_size && len <= vdev->config_size - offset;
}

/**
 * vdpa_get_config - read from the configuration
 * @vdev: the device
 * @offset: first byte
 * @buf: where to
 * @len: bytes
 *
 * Nothing else of the device changes: who reads before features were accepted
 * does not thereby accept any.
 *
 * Context: may sleep; a driver that has the device.
 * Return: 0, -EINVAL outside of the configuration.
 */
int vdpa_get_config(struct vdpa_device *vdev, unsigned int offset, void *buf, unsigned int len)
{
	if (!vdpa_config_holds(vdev, offset, len))
		return -EINVAL;
	down_read(&vdev->config_lock);
	vdev->ops->get_config(vdev, offset, buf, len);
	up_read(&vdev->config_lock);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(vdpa_get_config, "RINGSIDE");

/**
 * vdpa_set_config - write to the configuration
 * @vdev: the device
 * @offset: first byte
 * @buf: where from
 * @len: bytes
 *
 * Context: may sleep; a driver that has the device.
 * Return: 0, -EINVAL outside of the configuration.
 */
int vdpa_set_config(struct vdpa_device *vdev, unsigned int offset, const void *buf,
		    unsigned int len)
{
	if (!vdpa_config_holds(vdev, offset, len))
		return -EINVAL;
	down_write(&vdev->config_lock);
	vdev->ops->set_config(vdev, offset, buf, len);
	up_write(&vdev->config_lock);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(vdpa_set_config, "RINGSIDE");
