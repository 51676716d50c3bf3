// SPDX-License-Identifier: GPL-2.0-only
/* Simulators: how devices and classes come and go. */

#include <linux/device.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/netlink.h>
#include <linux/slab.h>

#include "sim.h"

static int batch_mapping = 1;
module_param(batch_mapping, int, 0444);
MODULE_PARM_DESC(batch_mapping, "Changes of mappings take effect together, at the end of a batch");

static bool use_va = true;
module_param(use_va, bool, 0444);
MODULE_PARM_DESC(use_va, "Devices use memory by user addresses, nothing is pinned");

static bool desc_group;
module_param(desc_group, bool, 0644);
MODULE_PARM_DESC(desc_group, "Rings of new devices have groups, and so address spaces, of their own");

static struct sim_parent *mgmt_to_parent(struct vdpa_mgmt_dev *mgmt)
{
	return container_of(mgmt, struct sim_parent, mgmt);
}

/**
 * sim_free - free a device, be it half made
 * @vdev: the device
 */
void sim_free(struct vdpa_device *vdev)
{
	struct sim *sim = vdpa_to_sim(vdev);

	sim_workers_destroy(sim);
	if (sim->created && sim->class->destroy)
		sim->class->destroy(sim);
	sim_queues_destroy(sim);
	sim_spaces_destroy(sim);
	mutex_destroy(&sim->lock);
	kfree(sim);
}

static int sim_set_features(struct sim *sim, const struct vdpa_config *config,
			    struct netlink_ext_ack *extack)
{
	u64 features = sim->class->default_features;

	if (config->set & VDPA_CONFIG_FEATURES)
		features = config->features;
	if (features & ~sim->class->features) {
		NL_SET_ERR_MSG(extack, "features that the simulator does not have");
		return -EINVAL;
	}
	/* All of its memory accesses are translated. */
	if (!(features & BIT_ULL(VIRTIO_F_ACCESS_PLATFORM))) {
		NL_SET_ERR_MSG(extack, "a simulator needs VIRTIO_F_ACCESS_PLATFORM");
		return -EINVAL;
	}
	sim->vdev.device_features = features;
	return 0;
}

/* After the class has said how many groups there are. */
static void sim_set_groups(struct sim *sim)
{
	struct vdpa_device *vdev = &sim->vdev;

	sim->ngroups = vdev->ngroups;
	vdev->desc_groups = READ_ONCE(desc_group);
	if (vdev->desc_groups) {
		vdev->ngroups += sim->ngroups;
		vdev->nas += sim->ngroups;
	}
	sim_groups_reset(sim);
}

static int sim_make(struct sim *sim, const char *name, const struct vdpa_config *config,
		    struct netlink_ext_ack *extack)
{
	const struct sim_class *class = sim->class;
	struct vdpa_device *vdev = &sim->vdev;
	int err;

	vdev->device_id = class->device_id;
	vdev->config_size = class->config_size;
	vdev->vq_num_max = SIM_QUEUE_MAX;
	vdev->use_va = use_va;
	vdev->batch = batch_mapping;
	err = sim_set_features(sim, config, extack);
	if (err)
		return err;
	err = class->create(sim, config, extack);
	if (err)
		return err;
	sim->created = true;
	sim_set_groups(sim);
	err = sim_spaces_create(sim);
	if (err)
		return err;
	err = sim_queues_create(sim);
	if (err)
		return err;
	err = sim_workers_create(sim, name);
	if (err)
		return err;
	return vdpa_device_add(vdev);
}

static int sim_dev_add(struct vdpa_mgmt_dev *mgmt, const char *name,
		       const struct vdpa_config *config, struct netlink_ext_ack *extack)
{
	const struct sim_class *class = mgmt_to_parent(mgmt)->class;
	struct sim *sim = kzalloc(class->size, GFP_KERNEL);
	int err;

	if (!sim)
		return -ENOMEM;
	sim->class = class;
	mutex_init(&sim->lock);
	spin_lock_init(&sim->config_lock);
	err = vdpa_device_init(&sim->vdev, mgmt, &sim_ops, name);
	if (err) {
		kfree(sim);
		return err;
	}
	err = sim_make(sim, name, config, extack);
	if (err)
		put_device(&sim->vdev.dev);
	return err;
}

static void sim_dev_del(struct vdpa_mgmt_dev *mgmt, struct vdpa_device *vdev)
{
	vdpa_device_del(vdev);
}

static const struct vdpa_mgmt_ops sim_mgmt_ops = {
	.dev_add = sim_dev_add,
	.dev_del = sim_dev_del,
};

/**
 * sim_register - let operators make devices of a class
 * @parent: for as long as they may; zeroed
 * @class: the class
 * @owner: its module
 *
 * Context: may sleep.
 * Return: 0, -EEXIST if there is a management device of its name, -ENOMEM.
 */
int sim_register(struct sim_parent *parent, const struct sim_class *class, struct module *owner)
{
	int err;

	if (WARN_ON(class->size < sizeof(struct sim) || class->config_size > SIM_CONFIG_MAX))
		return -EINVAL;
	parent->class = class;
	parent->ids[0] = class->device_id;
	parent->root = root_device_register(class->name);
	if (IS_ERR(parent->root))
		return PTR_ERR(parent->root);
	parent->mgmt.dev = parent->root;
	parent->mgmt.ops = &sim_mgmt_ops;
	parent->mgmt.owner = owner;
	parent->mgmt.ids = parent->ids;
	parent->mgmt.config_set = class->config_set | VDPA_CONFIG_FEATURES;
	parent->mgmt.supported_features = class->features;
	parent->mgmt.max_vqs = class->max_queues;
	err = vdpa_mgmt_register(&parent->mgmt);
	if (err)
		root_device_unregister(parent->root);
	return err;
}
EXPORT_SYMBOL_NS_GPL(sim_register, "RINGSIDE");

/**
 * sim_unregister - remove a class and all devices of it
 * @parent: as given to sim_register()
 *
 * Context: may sleep, until nobody uses them any more.
 */
void sim_unregister(struct sim_parent *parent)
{
	vdpa_mgmt_unregister(&parent->mgmt);
	root_device_unregister(parent->root);
}
EXPORT_SYMBOL_NS_GPL(sim_unregister, "RINGSIDE");

MODULE_LICENSE("GPL");
MODULE_AUTHOR("Ringside developers");
MODULE_VERSION(RINGSIDE_VERSION);
MODULE_DESCRIPTION("What simulated vDPA devices share");
MODULE_IMPORT_NS("RINGSIDE");
