// SPDX-License-Identifier: GPL-2.0-only
/*
 * A class of a few lines under a virtio driver of this host: buffers are served, and a
 * ring that its driver breaks makes the device ask for a reset.
 */

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kmod.h>
#include <linux/module.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "sim.h"

/* No device has this virtio id, and no driver but ours. */
#define TEST_ID		0xfedd
#define TEST_LEN	64
#define TEST_BYTE	0x5a
#define TEST_WAIT	(10 * HZ)

/* ---- the class: it fills what it gets ---- */

/* The next turn ends when somebody waits for it, and asks for another. */
static bool fill_lingers;

static void fill_linger(struct sim *sim, unsigned int worker)
{
	const struct list_head *waiting = &sim->workers[worker].thread->work_list;
	unsigned long end = jiffies + TEST_WAIT;

	while (list_empty_careful(waiting) && time_before(jiffies, end))
		usleep_range(500, 1000);
}

static bool fill_serve(struct sim *sim, unsigned int worker)
{
	struct sim_queue *q = &sim->queues[0];
	struct iov_iter in;
	int n, i;

	if (!sim_queue_enter(q))
		return false;
	n = sim_queue_pop(q, SIM_BATCH);
	if (!n && devq_enable_kick(&q->ring) > 0)
		n = sim_queue_pop(q, SIM_BATCH);
	for (i = 0; i < n; i++) {
		u8 bytes[TEST_LEN];
		size_t len = min_t(size_t, q->chain[i].in_len, sizeof(bytes));

		memset(bytes, TEST_BYTE, len);
		sim_chain_in(q, &q->chain[i], &in);
		len = q->chain[i].unmapped ? 0 : copy_to_iter(bytes, len, &in);
		sim_queue_use(q, &q->chain[i], len);
	}
	sim_queue_flush(q);
	sim_queue_exit(q);
	if (READ_ONCE(fill_lingers))
		fill_linger(sim, worker);
	return n > 0;
}

static int fill_create(struct sim *sim, const struct vdpa_config *config,
		       struct netlink_ext_ack *extack)
{
	/* Other drivers that happen to be loaded are none of the test's. */
	sim->vdev.driver_override = kstrdup("virtio_vdpa", GFP_KERNEL);
	sim->vdev.nvqs = 1;
	sim->nworkers = 1;
	return sim->vdev.driver_override ? 0 : -ENOMEM;
}

static unsigned int fill_worker_of(const struct sim *sim, u16 index)
{
	return 0;
}

static void fill_get_config(struct sim *sim, void *config)
{
}

static const struct sim_class fill_class = {
	.name = "vdpatest_fill",
	.device_id = TEST_ID,
	.size = sizeof(struct sim),
	.features = SIM_FEATURES,
	.default_features = SIM_FEATURES_DEFAULT,
	.max_queues = 1,
	.create = fill_create,
	.serve = fill_serve,
	.worker_of = fill_worker_of,
	.get_config = fill_get_config,
};

/* ---- the driver ---- */

/**
 * struct test_card - the device as its virtio driver has it
 * @parent: where it comes from
 * @vdev: it; NULL as long as the driver has none
 * @vq: its queue
 * @used: a buffer came back
 * @changed: the device has something to tell
 */
static struct test_card {
	struct sim_parent parent;
	struct virtio_device *vdev;
	struct virtqueue *vq;
	struct completion used;
	struct completion changed;
} card;

static void card_used(struct virtqueue *vq)
{
	complete(&card.used);
}

static int card_start(struct virtio_device *vdev)
{
	struct virtqueue_info info = { .name = "fill", .callback = card_used };
	int err = virtio_find_vqs(vdev, 1, &card.vq, &info, NULL);

	if (!err)
		virtio_device_ready(vdev);
	return err;
}

static int card_probe(struct virtio_device *vdev)
{
	card.vdev = vdev;
	return card_start(vdev);
}

static void card_remove(struct virtio_device *vdev)
{
	virtio_reset_device(vdev);
	vdev->config->del_vqs(vdev);
	card.vdev = NULL;
}

static void card_changed(struct virtio_device *vdev)
{
	complete(&card.changed);
}

static const struct virtio_device_id card_ids[] = {
	{ .device = TEST_ID, .vendor = VIRTIO_DEV_ANY_ID },
	{}
};

static struct virtio_driver card_driver = {
	.driver.name = "vdpa_sim_test",
	.id_table = card_ids,
	.probe = card_probe,
	.remove = card_remove,
	.config_changed = card_changed,
};

/* A buffer goes there and comes back filled. */
static bool card_turn(struct kunit *test)
{
	u8 *buf = kunit_kzalloc(test, TEST_LEN, GFP_KERNEL);
	struct scatterlist sg;
	unsigned int len = 0;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	sg_init_one(&sg, buf, TEST_LEN);
	if (virtqueue_add_inbuf(card.vq, &sg, 1, buf, GFP_KERNEL) || !virtqueue_kick(card.vq) ||
	    !wait_for_completion_timeout(&card.used, TEST_WAIT))
		return false;
	return virtqueue_get_buf(card.vq, &len) == buf && len == TEST_LEN &&
	       !memchr_inv(buf, TEST_BYTE, TEST_LEN);
}

static u8 card_status(void)
{
	return card.vdev->config->get_status(card.vdev);
}

static void broken_ring_needs_reset(struct kunit *test)
{
	struct vring_avail *avail;

	KUNIT_ASSERT_TRUE(test, card_turn(test));
	KUNIT_EXPECT_EQ(test, card_status() & VIRTIO_CONFIG_S_NEEDS_RESET, 0);
	KUNIT_EXPECT_FALSE(test, completion_done(&card.changed));
	/* More buffers than the ring holds. */
	avail = virtqueue_get_vring(card.vq)->avail;
	avail->idx = cpu_to_virtio16(card.vdev, 0x4000);
	virtqueue_notify(card.vq);
	KUNIT_ASSERT_NE(test, wait_for_completion_timeout(&card.changed, TEST_WAIT), 0UL);
	KUNIT_EXPECT_NE(test, card_status() & VIRTIO_CONFIG_S_NEEDS_RESET, 0);
	/* It is told of once. */
	virtqueue_notify(card.vq);
	kthread_flush_work(&vdpa_to_sim(dev_to_vdpa(card.vdev->dev.parent))->workers[0].work);
	KUNIT_EXPECT_FALSE(test, completion_done(&card.changed));
	/* The driver does not take it away, nor set it. */
	virtio_add_status(card.vdev, 0);
	KUNIT_EXPECT_NE(test, card_status() & VIRTIO_CONFIG_S_NEEDS_RESET, 0);
	virtio_reset_device(card.vdev);
	KUNIT_EXPECT_EQ(test, card_status(), 0);
	card.vdev->config->del_vqs(card.vdev);
	virtio_add_status(card.vdev, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
			  VIRTIO_CONFIG_S_NEEDS_RESET);
	KUNIT_EXPECT_EQ(test, card_status() & VIRTIO_CONFIG_S_NEEDS_RESET, 0);
	KUNIT_ASSERT_EQ(test, card.vdev->config->finalize_features(card.vdev), 0);
	virtio_add_status(card.vdev, VIRTIO_CONFIG_S_FEATURES_OK);
	KUNIT_ASSERT_EQ(test, card_start(card.vdev), 0);
	KUNIT_EXPECT_TRUE(test, card_turn(test));
}

/* The device goes while a turn is about to ask for another: see the kernel's log. */
static void removal_ends_turns(struct kunit *test)
{
	WRITE_ONCE(fill_lingers, true);
	KUNIT_EXPECT_TRUE(test, card_turn(test));
}

static int card_init(struct kunit *test)
{
	const struct vdpa_config config = {};
	int err;

	/* Or it is loaded already. */
	request_module("virtio_vdpa");
	memset(&card, 0, sizeof(card));
	init_completion(&card.used);
	init_completion(&card.changed);
	fill_lingers = false;
	err = register_virtio_driver(&card_driver);
	if (err)
		return err;
	err = sim_register(&card.parent, &fill_class, THIS_MODULE);
	if (err) {
		unregister_virtio_driver(&card_driver);
		return err;
	}
	test->priv = &card;
	err = card.parent.mgmt.ops->dev_add(&card.parent.mgmt, "fill0", &config, NULL);
	return err ?: card.vdev ? 0 : -ENODEV;
}

static void card_exit(struct kunit *test)
{
	if (!test->priv)
		return;
	sim_unregister(&card.parent);
	unregister_virtio_driver(&card_driver);
}

static struct kunit_case sim_cases[] = {
	KUNIT_CASE(broken_ring_needs_reset),
	KUNIT_CASE(removal_ends_turns),
	{}
};

static struct kunit_suite sim_suite = {
	.name = "vdpa-sim",
	.init = card_init,
	.exit = card_exit,
	.test_cases = sim_cases,
};

kunit_test_suite(sim_suite);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("Ringside developers");
MODULE_DESCRIPTION("Unit tests of the vDPA simulators");
MODULE_IMPORT_NS("RINGSIDE");
