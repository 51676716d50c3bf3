// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices: from the parent who makes one to the last reference.
 *
 * A device is in the table from vdpa_device_init() to vdpa_device_del(), and its
 * name is taken for as long. Others find it there once it is visible, which it is
 * from vdpa_device_add() on. Whoever finds it takes a reference, and asks for
 * vdpa_device.live under its config_lock before he calls the parent: the parent
 * may take the device apart when vdpa_device_del() has returned.
 *
 * A device holds a reference to its management device until it is freed, and that
 * one waits for it. So the parent's code is there whenever somebody has a device.
 */

#include <linux/device.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/xarray.h>

#include "core.h"

#define VDPA_VISIBLE	XA_MARK_1

/* Serialises changes to the table, and keeps what is visible in it from going. */
static DEFINE_MUTEX(vdpa_devices_lock);
static DEFINE_XARRAY_ALLOC(vdpa_devices);

static void vdpa_device_release(struct device *dev)
{
	struct vdpa_device *vdev = dev_to_vdpa(dev);
	struct vdpa_mgmt_dev *mgmt = vdev->mgmt;

	/* Still there if it never was on the bus. */
	mutex_lock(&vdpa_devices_lock);
	xa_cmpxchg(&vdpa_devices, vdev->index, vdev, NULL, 0);
	mutex_unlock(&vdpa_devices_lock);
	kfree(vdev->driver_override);
	vdev->ops->free(vdev);
	vdpa_mgmt_put(mgmt);
}

/* Devices of the bus, and what else sysfs has beside them: attributes of the parent. */
static bool vdpa_name_taken(const struct vdpa_mgmt_dev *mgmt, const char *name)
{
	struct kernfs_node *node = sysfs_get_dirent(mgmt->dev->kobj.sd, name);
	struct vdpa_device *other;
	unsigned long index;

	lockdep_assert_held(&vdpa_devices_lock);
	if (node) {
		sysfs_put(node);
		return true;
	}
	xa_for_each(&vdpa_devices, index, other)
		if (!strcmp(dev_name(&other->dev), name))
			return true;
	return false;
}

/* Puts it into the table, if no other has its name. */
static int vdpa_device_enter(struct vdpa_device *vdev, const struct vdpa_mgmt_dev *mgmt,
			     const char *name)
{
	int err = -EEXIST;

	mutex_lock(&vdpa_devices_lock);
	if (!vdpa_name_taken(mgmt, name))
		err = dev_set_name(&vdev->dev, "%s", name);
	if (!err)
		err = xa_alloc(&vdpa_devices, &vdev->index, vdev, xa_limit_31b, GFP_KERNEL);
	mutex_unlock(&vdpa_devices_lock);
	return err;
}

/**
 * vdpa_device_init - make a device that others can have references to
 * @vdev: the device, zeroed
 * @mgmt: who made it, within its dev_add()
 * @ops: what its parent does
 * @name: its name
 *
 * The parent sets what is immutable between this and vdpa_device_add(); there is
 * one group, one address space, a smallest queue of one descriptor and areas aligned
 * to pages if it does not say otherwise. From here on vdpa_ops.free frees it: who gives
 * it up before it is added calls put_device().
 *
 * Context: may sleep.
 * Return: 0, -EEXIST if the name is taken, -EINVAL, -ENOMEM. After an error the
 * caller frees it.
 */
int vdpa_device_init(struct vdpa_device *vdev, struct vdpa_mgmt_dev *mgmt,
		     const struct vdpa_ops *ops, const char *name)
{
	int err;

	if (!mgmt || !ops || !ops->free)
		return -EINVAL;
	err = vdpa_device_enter(vdev, mgmt, name);
	if (err) {
		kfree_const(vdev->dev.kobj.name);
		vdev->dev.kobj.name = NULL;
		return err;
	}
	vdev->dev.bus = &vdpa_bus;
	vdev->dev.parent = mgmt->dev;
	vdev->dev.release = vdpa_device_release;
	vdev->ops = ops;
	vdev->mgmt = mgmt;
	vdev->ngroups = 1;
	vdev->nas = 1;
	vdev->vq_num_min = 1;
	vdev->vq_align = PAGE_SIZE;
	init_rwsem(&vdev->config_lock);
	vdpa_mgmt_get(mgmt);
	device_initialize(&vdev->dev);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(vdpa_device_init, "RINGSIDE");

static bool vdpa_device_complete(const struct vdpa_device *vdev)
{
	const struct vdpa_ops *ops = vdev->ops;

	return ops->set_vq_addr && ops->set_vq_num && ops->set_vq_base && ops->get_vq_base &&
	       ops->set_vq_ready && ops->get_vq_ready && ops->set_vq_cb && ops->kick_vq &&
	       ops->vq_group && (ops->vq_desc_group || !vdev->desc_groups) &&
	       ops->set_group_asid && ops->set_driver_features &&
	       ops->get_driver_features && ops->get_status && ops->set_status && ops->reset &&
	       ops->get_config && ops->set_config && ops->set_config_cb && ops->map_begin &&
	       ops->map_add && ops->map_remove && ops->map_commit && ops->map_cancel &&
	       vdev->device_id && vdev->nvqs && vdev->ngroups && vdev->nas &&
	       vdev->vq_num_min && vdev->vq_num_min <= vdev->vq_num_max;
}

static void vdpa_device_set_live(struct vdpa_device *vdev, bool live)
{
	down_write(&vdev->config_lock);
	vdev->live = live;
	up_write(&vdev->config_lock);
}

/**
 * vdpa_device_add - put a device on the bus
 * @vdev: the device, as vdpa_device_init() and the parent left it
 *
 * A driver may have it before this returns. After an error it is as it was.
 *
 * Context: may sleep; within dev_add() of the management device.
 * Return: 0, -EINVAL if something is missing that a device needs, -ENOMEM.
 */
int vdpa_device_add(struct vdpa_device *vdev)
{
	int err;

	if (WARN_ON(!vdpa_device_complete(vdev)))
		return -EINVAL;
	vdpa_device_set_live(vdev, true);
	/* User space looks for it as soon as it hears of it. */
	xa_set_mark(&vdpa_devices, vdev->index, VDPA_VISIBLE);
	err = device_add(&vdev->dev);
	if (!err)
		return 0;
	mutex_lock(&vdpa_devices_lock);
	xa_clear_mark(&vdpa_devices, vdev->index, VDPA_VISIBLE);
	mutex_unlock(&vdpa_devices_lock);
	vdpa_device_set_live(vdev, false);
	return err;
}
EXPORT_SYMBOL_NS_GPL(vdpa_device_add, "RINGSIDE");

/**
 * vdpa_device_del - take a device from the bus
 * @vdev: the device; the reference that it had from vdpa_device_init() is gone
 *
 * Its driver has let go of it when this returns, and nobody calls the parent's
 * operations any more, except for vdpa_ops.free, which may come before. A parent
 * that has something to do in between takes a reference first.
 *
 * Context: may sleep; within dev_del() of the management device.
 */
void vdpa_device_del(struct vdpa_device *vdev)
{
	device_del(&vdev->dev);
	vdpa_device_set_live(vdev, false);
	mutex_lock(&vdpa_devices_lock);
	xa_erase(&vdpa_devices, vdev->index);
	mutex_unlock(&vdpa_devices_lock);
	put_device(&vdev->dev);
}
EXPORT_SYMBOL_NS_GPL(vdpa_device_del, "RINGSIDE");

/**
 * vdpa_device_vacate - have those who use a device leave it, for its removal
 * @vdev: the device
 * @leave: false if it is not removed after all
 *
 * vdpa_device_del() waits for them too, but not killably: the driver core knows no
 * removal that fails. A VMM may have the device for as long as a guest runs.
 *
 * Context: may sleep, without locks of the bus.
 * Return: 0, or -EINTR after a deadly signal; nothing has changed then.
 */
int vdpa_device_vacate(struct vdpa_device *vdev, bool leave)
{
	struct vdpa_driver *drv;
	int err = 0;

	/*
	 * Keeps the driver; whoever wants to unbind it would have to wait anyway. Not
	 * device_lock_interruptible(): netlink has no answer for whom a signal interrupts,
	 * and who lives on would wait for one.
	 */
	if (!leave)
		device_lock(&vdev->dev);
	else if (mutex_lock_killable(&vdev->dev.mutex))
		return -EINTR;
	if (vdev->dev.driver) {
		drv = container_of(vdev->dev.driver, struct vdpa_driver, driver);
		if (drv->vacate)
			err = drv->vacate(vdev, leave);
	}
	device_unlock(&vdev->dev);
	return err;
}

/**
 * vdpa_device_find - a device by its name
 * @name: the name
 *
 * Context: may sleep.
 * Return: the device with a reference to it, or NULL.
 */
struct vdpa_device *vdpa_device_find(const char *name)
{
	struct vdpa_device *vdev, *found = NULL;
	unsigned long index;

	mutex_lock(&vdpa_devices_lock);
	xa_for_each_marked(&vdpa_devices, index, vdev, VDPA_VISIBLE)
		if (!strcmp(dev_name(&vdev->dev), name)) {
			get_device(&vdev->dev);
			found = vdev;
			break;
		}
	mutex_unlock(&vdpa_devices_lock);
	return found;
}

/**
 * vdpa_device_next - the next device of all
 * @index: where to begin; becomes that device's index
 *
 * Context: may sleep.
 * Return: the device with a reference to it, or NULL if there is none.
 */
struct vdpa_device *vdpa_device_next(unsigned long *index)
{
	struct vdpa_device *vdev;

	mutex_lock(&vdpa_devices_lock);
	vdev = xa_find(&vdpa_devices, index, ULONG_MAX, VDPA_VISIBLE);
	if (vdev)
		get_device(&vdev->dev);
	mutex_unlock(&vdpa_devices_lock);
	return vdev;
}

/**
 * vdpa_device_next_of - the next device that a management device made
 * @mgmt: the management device
 * @index: where to begin; becomes that device's index
 *
 * Context: may sleep.
 * Return: the device with a reference to it, or NULL if there is none.
 */
struct vdpa_device *vdpa_device_next_of(const struct vdpa_mgmt_dev *mgmt, unsigned long *index)
{
	struct vdpa_device *vdev;

	while ((vdev = vdpa_device_next(index)) && vdev->mgmt != mgmt) {
		put_device(&vdev->dev);
		++*index;
	}
	return vdev;
}
