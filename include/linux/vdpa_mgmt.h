/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_VDPA_MGMT_H
#define RINGSIDE_VDPA_MGMT_H
/* Management devices: by which operators make vDPA devices. For parents. */

#include <linux/completion.h>
#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/vdpa.h>

struct netlink_ext_ack;

/**
 * struct vdpa_mgmt_ops - what a management device does
 * @dev_add: make a device of this name, and add it by vdpa_device_add().
 *	@config.set is a subset of vdpa_mgmt_dev.config_set, and
 *	@config.features one of vdpa_mgmt_dev.supported_features; @extack takes
 *	words for what else is wrong
 * @dev_del: end a device that dev_add() made: vdpa_device_del() and whatever is
 *	left of it
 *
 * Both may sleep and are called one at a time for each management device.
 */
struct vdpa_mgmt_ops {
	int (*dev_add)(struct vdpa_mgmt_dev *mgmt, const char *name,
		       const struct vdpa_config *config, struct netlink_ext_ack *extack);
	void (*dev_del)(struct vdpa_mgmt_dev *mgmt, struct vdpa_device *vdev);
};

/**
 * struct vdpa_mgmt_dev - a management device
 * @dev: names it, and the bus it is on if it is on one; immutable
 * @ops: immutable
 * @owner: its module; immutable
 * @ids: virtio device ids it makes, 0 at the end; immutable
 * @config_set: VDPA_CONFIG_* that dev_add() understands; immutable
 * @supported_features: feature bits a device can have; immutable
 * @max_vqs: queues a device can have; immutable
 *
 * What follows is the bus's own, see drivers/vdpa/core/mgmt.c.
 * @id: its key among the management devices; immutable
 * @lock: serialises making and removing devices
 * @gone: it is being unregistered; under @lock
 * @refs: who uses it: netlink commands, and devices until they are freed
 * @released: nobody does any more
 */
struct vdpa_mgmt_dev {
	struct device *dev;
	const struct vdpa_mgmt_ops *ops;
	struct module *owner;
	const u32 *ids;
	unsigned int config_set;
	u64 supported_features;
	u32 max_vqs;

	u32 id;
	struct mutex lock;
	bool gone;
	struct kref refs;
	struct completion released;
};

int vdpa_mgmt_register(struct vdpa_mgmt_dev *mgmt);
void vdpa_mgmt_unregister(struct vdpa_mgmt_dev *mgmt);

#endif
