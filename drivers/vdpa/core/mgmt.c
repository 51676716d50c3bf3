// SPDX-License-Identifier: GPL-2.0-only
/*
 * Management devices, which make and remove devices for operators.
 *
 * A parent's module registers one and may go at any time. Netlink commands and
 * devices hold references; vdpa_mgmt_unregister() removes the devices and waits
 * for all others. No lock is held over what belongs to another management device:
 * a parent that does not answer keeps only its own commands waiting.
 */

#include <linux/device.h>
#include <linux/export.h>
#include <linux/xarray.h>

#include "core.h"

/* Serialises changes to the table, and keeps what is in it from going. */
static DEFINE_MUTEX(vdpa_mgmt_devs_lock);
static DEFINE_XARRAY_ALLOC(vdpa_mgmt_devs);
/* Ids are given out in turn, so that lists are in the order of registration. */
static u32 vdpa_mgmt_next_id;

static bool vdpa_mgmt_is(const struct vdpa_mgmt_dev *mgmt, const char *bus, const char *name)
{
	const char *own = mgmt->dev->bus ? mgmt->dev->bus->name : NULL;

	if (strcmp(dev_name(mgmt->dev), name))
		return false;
	return own && bus ? !strcmp(own, bus) : own == bus;
}

static struct vdpa_mgmt_dev *vdpa_mgmt_lookup(const char *bus, const char *name)
{
	struct vdpa_mgmt_dev *mgmt;
	unsigned long id;

	lockdep_assert_held(&vdpa_mgmt_devs_lock);
	xa_for_each(&vdpa_mgmt_devs, id, mgmt)
		if (vdpa_mgmt_is(mgmt, bus, name))
			return mgmt;
	return NULL;
}

/**
 * vdpa_mgmt_register - let operators make devices
 * @mgmt: the management device, with what its parent says of it
 *
 * Context: may sleep. Its operations may be called before this returns.
 * Return: 0, -EINVAL if something is missing, -EEXIST if there is one of this
 * name on the same bus, -ENOMEM.
 */
int vdpa_mgmt_register(struct vdpa_mgmt_dev *mgmt)
{
	const char *bus;
	int err;

	if (!mgmt->dev || !mgmt->ids || !mgmt->ops || !mgmt->ops->dev_add || !mgmt->ops->dev_del)
		return -EINVAL;
	mutex_init(&mgmt->lock);
	mgmt->gone = false;
	kref_init(&mgmt->refs);
	init_completion(&mgmt->released);
	bus = mgmt->dev->bus ? mgmt->dev->bus->name : NULL;

	mutex_lock(&vdpa_mgmt_devs_lock);
	if (vdpa_mgmt_lookup(bus, dev_name(mgmt->dev)))
		err = -EEXIST;
	else
		err = xa_alloc_cyclic(&vdpa_mgmt_devs, &mgmt->id, mgmt, xa_limit_31b,
				      &vdpa_mgmt_next_id, GFP_KERNEL);
	mutex_unlock(&vdpa_mgmt_devs_lock);
	/* 1 is success too: ids begin anew. */
	return min(err, 0);
}
EXPORT_SYMBOL_NS_GPL(vdpa_mgmt_register, "RINGSIDE");

/**
 * vdpa_mgmt_unregister - remove a management device and all it made
 * @mgmt: the management device
 *
 * Context: may sleep, until the drivers of its devices have let go of them.
 */
void vdpa_mgmt_unregister(struct vdpa_mgmt_dev *mgmt)
{
	struct vdpa_device *vdev;
	unsigned long index = 0;

	mutex_lock(&vdpa_mgmt_devs_lock);
	xa_erase(&vdpa_mgmt_devs, mgmt->id);
	mutex_unlock(&vdpa_mgmt_devs_lock);

	mutex_lock(&mgmt->lock);
	mgmt->gone = true;
	while ((vdev = vdpa_device_next_of(mgmt, &index))) {
		mgmt->ops->dev_del(mgmt, vdev);
		put_device(&vdev->dev);
		index++;
	}
	mutex_unlock(&mgmt->lock);

	vdpa_mgmt_put(mgmt);
	wait_for_completion(&mgmt->released);
	mutex_destroy(&mgmt->lock);
}
EXPORT_SYMBOL_NS_GPL(vdpa_mgmt_unregister, "RINGSIDE");

/* The reference of whoever has one already is his leave to take another. */
void vdpa_mgmt_get(struct vdpa_mgmt_dev *mgmt)
{
	kref_get(&mgmt->refs);
}

static void vdpa_mgmt_release(struct kref *refs)
{
	complete(&container_of(refs, struct vdpa_mgmt_dev, refs)->released);
}

/* Nothing of the parent may be touched after it: its module may be gone. */
void vdpa_mgmt_put(struct vdpa_mgmt_dev *mgmt)
{
	kref_put(&mgmt->refs, vdpa_mgmt_release);
}

/**
 * vdpa_mgmt_find - a management device by its name
 * @bus: the bus it is on, NULL for none
 * @name: its name
 *
 * Context: may sleep.
 * Return: it with a reference, or NULL.
 */
struct vdpa_mgmt_dev *vdpa_mgmt_find(const char *bus, const char *name)
{
	struct vdpa_mgmt_dev *mgmt;

	mutex_lock(&vdpa_mgmt_devs_lock);
	mgmt = vdpa_mgmt_lookup(bus, name);
	if (mgmt)
		vdpa_mgmt_get(mgmt);
	mutex_unlock(&vdpa_mgmt_devs_lock);
	return mgmt;
}

/**
 * vdpa_mgmt_next - the next management device of all
 * @id: where to begin; becomes its id
 *
 * Context: may sleep.
 * Return: it with a reference, or NULL if there is none.
 */
struct vdpa_mgmt_dev *vdpa_mgmt_next(unsigned long *id)
{
	struct vdpa_mgmt_dev *mgmt;

	mutex_lock(&vdpa_mgmt_devs_lock);
	mgmt = xa_find(&vdpa_mgmt_devs, id, ULONG_MAX, XA_PRESENT);
	if (mgmt)
		vdpa_mgmt_get(mgmt);
	mutex_unlock(&vdpa_mgmt_devs_lock);
	return mgmt;
}
