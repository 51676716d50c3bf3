// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a virtio driver gets, and what its device is told: numbers of queues when some
 * are left out, processors, features, addresses.
 */

#include <kunit/test.h>
#include <linux/cpumask.h>
#include <linux/interrupt.h>
#include <linux/kmod.h>
#include <linux/module.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>

#include "core/parent_kunit.h"

/* No device has this virtio id, and no driver but ours. */
#define TEST_ID		0xfedc
#define TEST_NAMES	5
#define TEST_QUEUES	3

/**
 * struct seen - what the device was told, and what the driver got
 * @base: where each queue begins
 * @running: the queue was let run
 * @spread: it was told for which processors
 * @mask: for these
 * @map: the last mapping added
 * @mapped: mappings there are
 * @vqs: queues the driver got
 * @err: or why it got none
 * @names: of the queues it asks for, NULL to leave one out
 * @with_callback: which of them have a callback
 * @affinity: its wish
 */
static struct seen {
	u32 base[TEST_QUEUES];
	bool running[TEST_QUEUES];
	bool spread[TEST_QUEUES];
	struct cpumask mask[TEST_QUEUES];
	struct vdpa_range map;
	int mapped;
	struct virtqueue *vqs[TEST_NAMES];
	int err;
	const char *names[TEST_NAMES];
	bool with_callback[TEST_NAMES];
	struct irq_affinity affinity;
} seen;

static int test_set_vq_base(struct vdpa_device *vdev, u16 index, u32 base)
{
	seen.base[index] = base;
	return 0;
}

static int test_set_vq_ready(struct vdpa_device *vdev, u16 index, bool ready)
{
	seen.running[index] = ready;
	return 0;
}

static int test_set_vq_affinity(struct vdpa_device *vdev, u16 index, const struct cpumask *mask)
{
	seen.spread[index] = true;
	cpumask_copy(&seen.mask[index], mask);
	return 0;
}

static int test_map_add(struct vdpa_device *vdev, u32 asid, const struct vdpa_range *range)
{
	seen.map = *range;
	seen.mapped++;
	return asid ? -EINVAL : 0;
}

static void test_map_remove(struct vdpa_device *vdev, u32 asid, u64 first, u64 last)
{
	if (first <= seen.map.first && last >= seen.map.last)
		seen.mapped = 0;
}

static void test_used(struct virtqueue *vq)
{
}

static int test_probe(struct virtio_device *vdev)
{
	struct virtqueue_info info[TEST_NAMES] = {};

	for (unsigned int i = 0; i < TEST_NAMES; i++) {
		info[i].name = seen.names[i];
		info[i].callback = seen.with_callback[i] ? test_used : NULL;
	}
	seen.err = virtio_find_vqs(vdev, TEST_NAMES, seen.vqs, info, &seen.affinity);
	return seen.err;
}

static void test_remove(struct virtio_device *vdev)
{
	virtio_reset_device(vdev);
	vdev->config->del_vqs(vdev);
}

static const struct virtio_device_id test_ids[] = {
	{ .device = TEST_ID, .vendor = VIRTIO_DEV_ANY_ID },
	{}
};

static struct virtio_driver test_driver = {
	.driver.name = "virtio_vdpa_test",
	.id_table = test_ids,
	.probe = test_probe,
	.remove = test_remove,
};

static int test_add(struct test_parent *parent)
{
	const struct vdpa_config config = {};

	return parent->mgmt.ops->dev_add(&parent->mgmt, "q0", &config, NULL);
}

/* Named queues are numbered from 0, whatever is left out between them. */
static void fault_143_queues_that_are_left_out(struct kunit *test)
{
	struct test_parent *parent = test->priv;

	seen.names[0] = "first";
	seen.names[2] = "second";
	seen.names[3] = "third";
	seen.with_callback[0] = true;
	seen.with_callback[2] = true;
	seen.with_callback[3] = true;
	/* The first is for any processor, the others share them all. */
	seen.affinity.pre_vectors = 1;
	KUNIT_ASSERT_EQ(test, test_add(parent), 0);
	KUNIT_ASSERT_EQ(test, seen.err, 0);
	KUNIT_EXPECT_NULL(test, seen.vqs[1]);
	KUNIT_EXPECT_NULL(test, seen.vqs[4]);
	KUNIT_ASSERT_NOT_NULL(test, seen.vqs[3]);
	KUNIT_EXPECT_EQ(test, seen.vqs[0]->index, 0U);
	KUNIT_EXPECT_EQ(test, seen.vqs[2]->index, 1U);
	KUNIT_EXPECT_EQ(test, seen.vqs[3]->index, 2U);
	KUNIT_EXPECT_TRUE(test, cpumask_equal(&seen.mask[0], cpu_possible_mask));
	KUNIT_EXPECT_FALSE(test, cpumask_empty(&seen.mask[1]));
	KUNIT_EXPECT_FALSE(test, cpumask_empty(&seen.mask[2]));
	if (num_possible_cpus() > 1)
		KUNIT_EXPECT_FALSE(test, cpumask_intersects(&seen.mask[1], &seen.mask[2]));
	cpumask_or(&seen.mask[0], &seen.mask[1], &seen.mask[2]);
	KUNIT_EXPECT_TRUE(test, cpumask_equal(&seen.mask[0], cpu_possible_mask));
}

/* A queue that is polled has no vector, and takes no part in the spread. */
static void fault_143_queues_without_callback(struct kunit *test)
{
	struct test_parent *parent = test->priv;

	seen.names[0] = "polled";
	seen.names[1] = "spread";
	seen.names[2] = "last";
	seen.with_callback[1] = true;
	seen.with_callback[2] = true;
	seen.affinity.post_vectors = 1;
	KUNIT_ASSERT_EQ(test, test_add(parent), 0);
	KUNIT_ASSERT_EQ(test, seen.err, 0);
	KUNIT_EXPECT_FALSE(test, seen.spread[0]);
	KUNIT_EXPECT_TRUE(test, seen.spread[1] && seen.spread[2]);
	KUNIT_EXPECT_TRUE(test, cpumask_equal(&seen.mask[1], cpu_possible_mask));
	KUNIT_EXPECT_TRUE(test, cpumask_equal(&seen.mask[2], cpu_possible_mask));
}

/* More queues than the device has: none is left behind. */
static void too_many_queues(struct kunit *test)
{
	struct test_parent *parent = test->priv;

	for (unsigned int i = 0; i < TEST_NAMES; i++)
		seen.names[i] = "one of many";
	KUNIT_ASSERT_EQ(test, test_add(parent), 0);
	KUNIT_EXPECT_EQ(test, seen.err, -ENOENT);
	for (unsigned int i = 0; i < TEST_QUEUES; i++)
		KUNIT_EXPECT_FALSE(test, seen.running[i]);
}

/* What is accepted, where a packed ring begins, and what memory is reached when. */
static void features_and_addresses(struct kunit *test)
{
	struct test_parent *parent = test->priv;

	seen.names[0] = "only";
	KUNIT_ASSERT_EQ(test, test_add(parent), 0);
	KUNIT_ASSERT_EQ(test, seen.err, 0);
	KUNIT_EXPECT_TRUE(test, parent->features & BIT_ULL(VIRTIO_F_VERSION_1));
	KUNIT_EXPECT_TRUE(test, parent->features & BIT_ULL(VIRTIO_F_ACCESS_PLATFORM));
	KUNIT_EXPECT_TRUE(test, parent->features & BIT_ULL(VIRTIO_F_RING_PACKED));
	KUNIT_EXPECT_FALSE(test, parent->features & BIT_ULL(VIRTIO_F_NOTIFICATION_DATA));
	KUNIT_EXPECT_EQ(test, seen.base[0], 0x80008000U);
	KUNIT_EXPECT_EQ(test, seen.mapped, 1);
	KUNIT_EXPECT_EQ(test, seen.map.first, 0ULL);
	KUNIT_EXPECT_EQ(test, seen.map.last, U64_MAX);
	KUNIT_EXPECT_EQ(test, seen.map.addr, 0ULL);
	KUNIT_EXPECT_EQ(test, seen.map.perm, (u32)VHOST_ACCESS_RW);
	test_parent_end(parent);
	KUNIT_EXPECT_EQ(test, seen.mapped, 0);
	KUNIT_EXPECT_FALSE(test, seen.running[0]);
	KUNIT_EXPECT_EQ(test, parent->status, 0);
}

static int vqs_init(struct kunit *test)
{
	struct test_parent *parent;

	/* Or it is loaded already. */
	request_module("virtio_vdpa");
	memset(&seen, 0, sizeof(seen));
	KUNIT_ASSERT_EQ(test, register_virtio_driver(&test_driver), 0);
	parent = test_parent_new(test, "vdpatestv");
	test->priv = parent;
	parent->driver = "virtio_vdpa";
	parent->device_id = TEST_ID;
	parent->ops.set_vq_base = test_set_vq_base;
	parent->ops.set_vq_ready = test_set_vq_ready;
	parent->ops.set_vq_affinity = test_set_vq_affinity;
	parent->ops.map_add = test_map_add;
	parent->ops.map_remove = test_map_remove;
	return 0;
}

static void vqs_exit(struct kunit *test)
{
	if (test->priv)
		test_parent_end(test->priv);
	unregister_virtio_driver(&test_driver);
}

static struct kunit_case virtio_vdpa_cases[] = {
	KUNIT_CASE(fault_143_queues_that_are_left_out),
	KUNIT_CASE(fault_143_queues_without_callback),
	KUNIT_CASE(too_many_queues),
	KUNIT_CASE(features_and_addresses),
	{}
};

static struct kunit_suite virtio_vdpa_suite = {
	.name = "virtio-vdpa",
	.init = vqs_init,
	.exit = vqs_exit,
	.test_cases = virtio_vdpa_cases,
};

kunit_test_suite(virtio_vdpa_suite);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("Ringside developers");
MODULE_DESCRIPTION("Unit tests of virtio_vdpa");
MODULE_IMPORT_NS("RINGSIDE");
