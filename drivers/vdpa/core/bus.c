// SPDX-License-Identifier: GPL-2.0-only
/*
 * The bus: any driver takes any device, unless an operator names the driver in
 * the device's driver_override. Drivers serve devices of all kinds, so that there
 * are no ids to match; who wants another driver than the first one binds by sysfs.
 */

#include <linux/device.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "core.h"
#include "netlink.h"

/* Protects vdpa_device.driver_override: drivers are matched without the device's lock. */
static DEFINE_SPINLOCK(vdpa_override_lock);

static ssize_t driver_override_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	const struct vdpa_device *vdev = dev_to_vdpa(dev);
	ssize_t len;

	spin_lock(&vdpa_override_lock);
	/* Tools know the absence of one as "(null)", on every bus. */
	len = sysfs_emit(buf, "%s\n", vdev->driver_override ?: "(null)");
	spin_unlock(&vdpa_override_lock);
	return len;
}

/* An empty line takes the override away. */
static ssize_t driver_override_store(struct device *dev, struct device_attribute *attr,
				     const char *buf, size_t count)
{
	struct vdpa_device *vdev = dev_to_vdpa(dev);
	size_t len = strcspn(buf, "\n");
	const char *name = NULL;

	/* What is shown must fit into a page, its newline too. */
	if (len >= PAGE_SIZE - 1)
		return -EINVAL;
	if (len) {
		name = kstrndup(buf, len, GFP_KERNEL);
		if (!name)
			return -ENOMEM;
	}
	spin_lock(&vdpa_override_lock);
	swap(vdev->driver_override, name);
	spin_unlock(&vdpa_override_lock);
	kfree(name);
	return count;
}
static DEVICE_ATTR_RW(driver_override);

static struct attribute *vdpa_dev_attrs[] = {
	&dev_attr_driver_override.attr,
	NULL,
};
ATTRIBUTE_GROUPS(vdpa_dev);

static int vdpa_bus_match(struct device *dev, COMPAT_MATCH_DRIVER *drv)
{
	const struct vdpa_device *vdev = dev_to_vdpa(dev);
	int match;

	spin_lock(&vdpa_override_lock);
	match = !vdev->driver_override || !strcmp(vdev->driver_override, drv->name);
	spin_unlock(&vdpa_override_lock);
	return match;
}

static struct vdpa_driver *vdpa_driver_of(struct device *dev)
{
	return container_of(dev->driver, struct vdpa_driver, driver);
}

static int vdpa_bus_probe(struct device *dev)
{
	return vdpa_driver_of(dev)->probe(dev_to_vdpa(dev));
}

static void vdpa_bus_remove(struct device *dev)
{
	vdpa_driver_of(dev)->remove(dev_to_vdpa(dev));
}

COMPAT_BUS_TYPE vdpa_bus = {
	.name = "vdpa",
	.dev_groups = vdpa_dev_groups,
	.match = vdpa_bus_match,
	.probe = vdpa_bus_probe,
	.remove = vdpa_bus_remove,
};

/**
 * __vdpa_driver_register - make a driver known to the bus
 * @drv: the driver, with both of its operations
 * @owner: its module
 *
 * It is offered all devices that have none, before this returns and later.
 *
 * Context: may sleep.
 * Return: 0, -EINVAL without an operation, -EBUSY if the name is taken, -ENOMEM.
 */
int __vdpa_driver_register(struct vdpa_driver *drv, struct module *owner)
{
	if (!drv->probe || !drv->remove)
		return -EINVAL;
	drv->driver.bus = &vdpa_bus;
	drv->driver.owner = owner;
	return driver_register(&drv->driver);
}
EXPORT_SYMBOL_NS_GPL(__vdpa_driver_register, "RINGSIDE");

/**
 * vdpa_driver_unregister - take a driver from the bus, and from its devices
 * @drv: the driver
 *
 * Context: may sleep.
 */
void vdpa_driver_unregister(struct vdpa_driver *drv)
{
	driver_unregister(&drv->driver);
}
EXPORT_SYMBOL_NS_GPL(vdpa_driver_unregister, "RINGSIDE");

static int __init vdpa_init(void)
{
	int err = bus_register(&vdpa_bus);

	if (err)
		return err;
	err = vdpa_nl_init();
	if (err)
		bus_unregister(&vdpa_bus);
	return err;
}
module_init(vdpa_init);

static void __exit vdpa_exit(void)
{
	vdpa_nl_exit();
	bus_unregister(&vdpa_bus);
}
module_exit(vdpa_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("Ringside developers");
MODULE_VERSION(RINGSIDE_VERSION);
MODULE_DESCRIPTION("vDPA bus, and the netlink family that manages it");
