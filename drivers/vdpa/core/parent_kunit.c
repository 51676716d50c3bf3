// SPDX-License-Identifier: GPL-2.0-only
/* The parent of the unit tests: parent_kunit.h. */

#include <linux/device.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <uapi/linux/virtio_ids.h>

#include "parent_kunit.h"

static struct test_parent *parent_of(struct vdpa_device *vdev)
{
	return container_of(vdev->mgmt, struct test_parent, mgmt);
}

/**
 * test_hold_next - keep the next thread that comes by
 * @hold: where; it stays until test_hold.go is completed
 */
void test_hold_next(struct test_hold *hold)
{
	reinit_completion(&hold->there);
	reinit_completion(&hold->go);
	WRITE_ONCE(hold->on, true);
}
EXPORT_SYMBOL_NS_GPL(test_hold_next, "RINGSIDE");

static void test_hold_here(struct test_hold *hold)
{
	if (!xchg(&hold->on, false))
		return;
	complete(&hold->there);
	wait_for_completion(&hold->go);
}

static int test_set_vq_addr(struct vdpa_device *vdev, u16 index, const struct vdpa_vq_addr *addr)
{
	return 0;
}

static int test_set_vq_u32(struct vdpa_device *vdev, u16 index, u32 value)
{
	return 0;
}

static int test_get_vq_base(struct vdpa_device *vdev, u16 index, u32 *base)
{
	*base = 0;
	return 0;
}

static int test_set_vq_ready(struct vdpa_device *vdev, u16 index, bool ready)
{
	return 0;
}

static bool test_get_vq_ready(struct vdpa_device *vdev, u16 index)
{
	return false;
}

static void test_set_vq_cb(struct vdpa_device *vdev, u16 index, const struct vdpa_callback *cb)
{
}

static void test_kick_vq(struct vdpa_device *vdev, u16 index)
{
}

static u32 test_vq_group(struct vdpa_device *vdev, u16 index)
{
	return 0;
}

static int test_set_group_asid(struct vdpa_device *vdev, u32 group, u32 asid)
{
	return 0;
}

static int test_set_features(struct vdpa_device *vdev, u64 features)
{
	parent_of(vdev)->features = features;
	atomic_inc(&parent_of(vdev)->set_features);
	return 0;
}

static u64 test_get_features(struct vdpa_device *vdev)
{
	return parent_of(vdev)->features;
}

static u8 test_get_status(struct vdpa_device *vdev)
{
	return parent_of(vdev)->status;
}

static void test_set_status(struct vdpa_device *vdev, u8 status)
{
	parent_of(vdev)->status = status;
}

static int test_reset(struct vdpa_device *vdev)
{
	parent_of(vdev)->status = 0;
	parent_of(vdev)->features = 0;
	return 0;
}

static void test_get_config(struct vdpa_device *vdev, unsigned int offset, void *buf,
			    unsigned int len)
{
	test_hold_here(&parent_of(vdev)->get_config);
	memcpy(buf, parent_of(vdev)->config + offset, len);
}

static void test_set_config(struct vdpa_device *vdev, unsigned int offset, const void *buf,
			    unsigned int len)
{
	memcpy(parent_of(vdev)->config + offset, buf, len);
}

static void test_set_config_cb(struct vdpa_device *vdev, const struct vdpa_callback *cb)
{
}

static int test_map(struct vdpa_device *vdev, u32 asid)
{
	return 0;
}

static int test_map_add(struct vdpa_device *vdev, u32 asid, const struct vdpa_range *range)
{
	return 0;
}

static void test_map_remove(struct vdpa_device *vdev, u32 asid, u64 first, u64 last)
{
}

static void test_map_cancel(struct vdpa_device *vdev, u32 asid)
{
}

static void test_free(struct vdpa_device *vdev)
{
	atomic_inc(&parent_of(vdev)->freed);
	kfree(vdev);
}

static const struct vdpa_ops test_ops = {
	.set_vq_addr = test_set_vq_addr,
	.set_vq_num = test_set_vq_u32,
	.set_vq_base = test_set_vq_u32,
	.get_vq_base = test_get_vq_base,
	.set_vq_ready = test_set_vq_ready,
	.get_vq_ready = test_get_vq_ready,
	.set_vq_cb = test_set_vq_cb,
	.kick_vq = test_kick_vq,
	.vq_group = test_vq_group,
	.set_group_asid = test_set_group_asid,
	.set_driver_features = test_set_features,
	.get_driver_features = test_get_features,
	.get_status = test_get_status,
	.set_status = test_set_status,
	.reset = test_reset,
	.get_config = test_get_config,
	.set_config = test_set_config,
	.set_config_cb = test_set_config_cb,
	.map_begin = test_map,
	.map_add = test_map_add,
	.map_remove = test_map_remove,
	.map_commit = test_map,
	.map_cancel = test_map_cancel,
	.free = test_free,
};

static int test_dev_add(struct vdpa_mgmt_dev *mgmt, const char *name,
			const struct vdpa_config *config, struct netlink_ext_ack *extack)
{
	struct test_parent *parent = container_of(mgmt, struct test_parent, mgmt);
	struct vdpa_device *vdev = kzalloc_obj(*vdev);
	int err;

	if (!vdev)
		return -ENOMEM;
	test_hold_here(&parent->add);
	err = vdpa_device_init(vdev, mgmt, &parent->ops, name);
	if (err) {
		kfree(vdev);
		return err;
	}
	parent->last = *config;
	vdev->device_id = parent->device_id;
	vdev->vendor_id = 0x1234;
	vdev->device_features = config->set & VDPA_CONFIG_FEATURES ? config->features :
								     TEST_FEATURES;
	vdev->config_size = TEST_CONFIG_SIZE;
	vdev->nvqs = 3;
	vdev->vq_num_max = 256;
	/* Drivers that happen to be loaded are none of the test's. */
	vdev->driver_override = kstrdup(parent->driver ?: "none", GFP_KERNEL);
	err = vdev->driver_override ? vdpa_device_add(vdev) : -ENOMEM;
	if (err)
		put_device(&vdev->dev);
	return err;
}

static void test_dev_del(struct vdpa_mgmt_dev *mgmt, struct vdpa_device *vdev)
{
	vdpa_device_del(vdev);
}

static const struct vdpa_mgmt_ops test_mgmt_ops = {
	.dev_add = test_dev_add,
	.dev_del = test_dev_del,
};

/**
 * test_parent_new - a management device that makes network devices
 * @test: the case
 * @name: its name
 *
 * Return: it; the case is over if there is none.
 */
struct test_parent *test_parent_new(struct kunit *test, const char *name)
{
	struct test_parent *parent = kunit_kzalloc(test, sizeof(*parent), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, parent);
	parent->ids[0] = VIRTIO_ID_NET;
	parent->device_id = VIRTIO_ID_NET;
	parent->ops = test_ops;
	init_completion(&parent->add.there);
	init_completion(&parent->add.go);
	init_completion(&parent->get_config.there);
	init_completion(&parent->get_config.go);
	parent->mgmt = (struct vdpa_mgmt_dev) {
		.dev = root_device_register(name),
		.ops = &test_mgmt_ops,
		.owner = THIS_MODULE,
		.ids = parent->ids,
		.config_set = VDPA_CONFIG_FEATURES | VDPA_CONFIG_MAC | VDPA_CONFIG_MTU,
		.supported_features = TEST_FEATURES,
		.max_vqs = 3,
	};
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, parent->mgmt.dev);
	KUNIT_ASSERT_EQ(test, vdpa_mgmt_register(&parent->mgmt), 0);
	return parent;
}
EXPORT_SYMBOL_NS_GPL(test_parent_new, "RINGSIDE");

/**
 * test_parent_end - end a management device and its devices
 * @parent: the management device; nothing if it ended before
 */
void test_parent_end(struct test_parent *parent)
{
	if (!parent->mgmt.dev)
		return;
	vdpa_mgmt_unregister(&parent->mgmt);
	root_device_unregister(parent->mgmt.dev);
	parent->mgmt.dev = NULL;
}
EXPORT_SYMBOL_NS_GPL(test_parent_end, "RINGSIDE");

MODULE_LICENSE("GPL");
MODULE_AUTHOR("Ringside developers");
MODULE_DESCRIPTION("Parent of vDPA devices for unit tests");
MODULE_IMPORT_NS("RINGSIDE");
