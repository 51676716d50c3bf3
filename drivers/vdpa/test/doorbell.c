// SPDX-License-Identifier: GPL-2.0-only
/*
 * A parent for tests, which is not installed. Its devices have doorbells and interrupts of
 * their own, which simulators have not, and nothing behind them: queues are never served.
 * Doorbells are pages of memory. What was written to them, and who was given an interrupt,
 * can be read from the configuration; KVM's part is played by a consumer of our own.
 */

#include <linux/device.h>
#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/irqbypass.h>
#include <linux/kconfig.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/vdpa.h>
#include <linux/vdpa_mgmt.h>
#include <uapi/linux/virtio_config.h>
#include <uapi/linux/virtio_ids.h>

#include "test/doorbell.h"

#define BELL_FEATURES	(BIT_ULL(VIRTIO_F_VERSION_1) | BIT_ULL(VIRTIO_F_ACCESS_PLATFORM))

/**
 * struct bell - a device
 * @vdev: on the bus
 * @page: the doorbells; immutable
 * @features: accepted by the driver; vdpa_device.config_lock
 * @status: device status; vdpa_device.config_lock
 * @config: what the driver sees, but for the words on the pages; @orders of it is under
 *	vdpa_device.config_lock, the rest is written under the bypass manager's lock
 * @consumer: looks for the interrupt of an eventfd; vdpa_device.config_lock
 * @ctx: that eventfd, NULL without a consumer; vdpa_device.config_lock
 */
struct bell {
	struct vdpa_device vdev;
	struct page *page[BELL_PAGES];
	u64 features;
	u8 status;
	struct bell_config config;
	struct irq_bypass_consumer consumer;
	struct eventfd_ctx *ctx;
};

static struct bell *to_bell(struct vdpa_device *vdev)
{
	return container_of(vdev, struct bell, vdev);
}

/* ---- doorbells and interrupts ---- */

static int bell_doorbell(struct vdpa_device *vdev, u16 index, struct vdpa_doorbell *doorbell)
{
	struct bell *bell = to_bell(vdev);

	if (index == BELL_NONE || READ_ONCE(bell->config.orders.silent))
		return -EOPNOTSUPP;
	doorbell->addr = page_to_phys(bell->page[index % BELL_PAGES]);
	doorbell->size = PAGE_SIZE;
	if (index == BELL_SHORT)
		doorbell->size = PAGE_SIZE / 2;
	if (index == BELL_MISALIGNED)
		doorbell->addr += PAGE_SIZE / 2;
	return 0;
}

static int bell_irq(struct vdpa_device *vdev, u16 index)
{
	return index < BELL_PAGES ? BELL_IRQ + index : -EINVAL;
}

static void bell_timely(struct bell *bell)
{
	if (!(READ_ONCE(bell->status) & VIRTIO_CONFIG_S_DRIVER_OK))
		le32_add_cpu(&bell->config.untimely, 1);
}

static int bell_connect(struct irq_bypass_consumer *consumer, struct irq_bypass_producer *producer)
{
	struct bell *bell = container_of(consumer, struct bell, consumer);

	bell->config.irq = cpu_to_le32(producer->irq);
	le32_add_cpu(&bell->config.connects, 1);
	bell_timely(bell);
	return 0;
}

static void bell_disconnect(struct irq_bypass_consumer *consumer,
			    struct irq_bypass_producer *producer)
{
	struct bell *bell = container_of(consumer, struct bell, consumer);

	bell->config.irq = 0;
	le32_add_cpu(&bell->config.disconnects, 1);
	bell_timely(bell);
}

static void bell_consumer_end(struct bell *bell)
{
	if (!bell->ctx)
		return;
	irq_bypass_unregister_consumer(&bell->consumer);
	eventfd_ctx_put(bell->ctx);
	bell->ctx = NULL;
}

/* Context: the process whose file it is. */
static void bell_consumer_begin(struct bell *bell, int fd)
{
	struct eventfd_ctx *ctx = fd < 0 ? NULL : eventfd_ctx_fdget(fd);

	if (IS_ERR_OR_NULL(ctx))
		return;
	bell->consumer = (struct irq_bypass_consumer) {
		.add_producer = bell_connect,
		.del_producer = bell_disconnect,
	};
	if (irq_bypass_register_consumer(&bell->consumer, ctx))
		eventfd_ctx_put(ctx);
	else
		bell->ctx = ctx;
}

/* ---- the device ---- */

static void bell_get_config(struct vdpa_device *vdev, unsigned int offset, void *buf,
			    unsigned int len)
{
	struct bell *bell = to_bell(vdev);
	struct bell_config config = bell->config;
	unsigned int i;

	for (i = 0; i < BELL_PAGES; i++)
		config.rung[i] = READ_ONCE(*(__le32 *)page_address(bell->page[i]));
	config.can_bypass = cpu_to_le32(IS_ENABLED(CONFIG_IRQ_BYPASS_MANAGER));
	memcpy(buf, (char *)&config + offset, len);
}

static void bell_set_config(struct vdpa_device *vdev, unsigned int offset, const void *buf,
			    unsigned int len)
{
	struct bell *bell = to_bell(vdev);
	struct bell_orders orders;

	if (offset != offsetof(struct bell_config, orders) || len != sizeof(orders))
		return;
	memcpy(&orders, buf, sizeof(orders));
	WRITE_ONCE(bell->config.orders.silent, orders.silent);
	bell->config.orders.eventfd = orders.eventfd;
	if (IS_ENABLED(CONFIG_IRQ_BYPASS_MANAGER)) {
		bell_consumer_end(bell);
		bell_consumer_begin(bell, le32_to_cpu(orders.eventfd));
	}
}

static int bell_set_features(struct vdpa_device *vdev, u64 features)
{
	to_bell(vdev)->features = features;
	return 0;
}

static u64 bell_get_features(struct vdpa_device *vdev)
{
	return to_bell(vdev)->features;
}

static u8 bell_get_status(struct vdpa_device *vdev)
{
	return to_bell(vdev)->status;
}

static void bell_set_status(struct vdpa_device *vdev, u8 status)
{
	WRITE_ONCE(to_bell(vdev)->status, status);
}

static int bell_reset(struct vdpa_device *vdev)
{
	struct bell *bell = to_bell(vdev);

	/* Nobody may have the interrupt of a queue that is not one any more. */
	if (bell->config.irq)
		le32_add_cpu(&bell->config.untimely, 1);
	WRITE_ONCE(bell->status, 0);
	bell->features = 0;
	return 0;
}

/* ---- what nobody asks for ---- */

static int bell_set_vq_addr(struct vdpa_device *vdev, u16 index, const struct vdpa_vq_addr *addr)
{
	return 0;
}

static int bell_set_vq_u32(struct vdpa_device *vdev, u16 index, u32 value)
{
	return 0;
}

static int bell_get_vq_base(struct vdpa_device *vdev, u16 index, u32 *base)
{
	*base = 0;
	return 0;
}

static int bell_set_vq_ready(struct vdpa_device *vdev, u16 index, bool ready)
{
	return 0;
}

static bool bell_get_vq_ready(struct vdpa_device *vdev, u16 index)
{
	return false;
}

static void bell_set_vq_cb(struct vdpa_device *vdev, u16 index, const struct vdpa_callback *cb)
{
}

static void bell_kick_vq(struct vdpa_device *vdev, u16 index)
{
}

static u32 bell_vq_group(struct vdpa_device *vdev, u16 index)
{
	return 0;
}

static int bell_set_group_asid(struct vdpa_device *vdev, u32 group, u32 asid)
{
	return 0;
}

static void bell_set_config_cb(struct vdpa_device *vdev, const struct vdpa_callback *cb)
{
}

static int bell_map(struct vdpa_device *vdev, u32 asid)
{
	return 0;
}

static int bell_map_add(struct vdpa_device *vdev, u32 asid, const struct vdpa_range *range)
{
	return 0;
}

static void bell_map_remove(struct vdpa_device *vdev, u32 asid, u64 first, u64 last)
{
}

static void bell_map_cancel(struct vdpa_device *vdev, u32 asid)
{
}

/* ---- how it comes and goes ---- */

static void bell_free(struct vdpa_device *vdev)
{
	struct bell *bell = to_bell(vdev);
	unsigned int i;

	if (IS_ENABLED(CONFIG_IRQ_BYPASS_MANAGER))
		bell_consumer_end(bell);
	for (i = 0; i < BELL_PAGES; i++)
		if (bell->page[i])
			__free_page(bell->page[i]);
	kfree(bell);
}

static const struct vdpa_ops bell_ops = {
	.set_vq_addr = bell_set_vq_addr,
	.set_vq_num = bell_set_vq_u32,
	.set_vq_base = bell_set_vq_u32,
	.get_vq_base = bell_get_vq_base,
	.set_vq_ready = bell_set_vq_ready,
	.get_vq_ready = bell_get_vq_ready,
	.set_vq_cb = bell_set_vq_cb,
	.kick_vq = bell_kick_vq,
	.vq_doorbell = bell_doorbell,
	.vq_irq = bell_irq,
	.vq_group = bell_vq_group,
	.set_group_asid = bell_set_group_asid,
	.set_driver_features = bell_set_features,
	.get_driver_features = bell_get_features,
	.get_status = bell_get_status,
	.set_status = bell_set_status,
	.reset = bell_reset,
	.get_config = bell_get_config,
	.set_config = bell_set_config,
	.set_config_cb = bell_set_config_cb,
	.map_begin = bell_map,
	.map_add = bell_map_add,
	.map_remove = bell_map_remove,
	.map_commit = bell_map,
	.map_cancel = bell_map_cancel,
	.free = bell_free,
};

static int bell_make(struct bell *bell)
{
	struct vdpa_device *vdev = &bell->vdev;
	unsigned int i;

	for (i = 0; i < BELL_PAGES; i++) {
		bell->page[i] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		if (!bell->page[i])
			return -ENOMEM;
	}
	bell->config.orders.eventfd = cpu_to_le32(-1);
	vdev->device_id = VIRTIO_ID_RNG;
	vdev->device_features = BELL_FEATURES;
	vdev->config_size = sizeof(struct bell_config);
	vdev->nvqs = BELL_QUEUES;
	vdev->vq_num_max = 256;
	/* The host's own drivers would wait for it. */
	vdev->driver_override = kstrdup("vhost_vdpa", GFP_KERNEL);
	return vdev->driver_override ? vdpa_device_add(vdev) : -ENOMEM;
}

static int bell_dev_add(struct vdpa_mgmt_dev *mgmt, const char *name,
			const struct vdpa_config *config, struct netlink_ext_ack *extack)
{
	struct bell *bell = kzalloc_obj(*bell);
	int err;

	if (!bell)
		return -ENOMEM;
	err = vdpa_device_init(&bell->vdev, mgmt, &bell_ops, name);
	if (err) {
		kfree(bell);
		return err;
	}
	err = bell_make(bell);
	if (err)
		put_device(&bell->vdev.dev);
	return err;
}

static void bell_dev_del(struct vdpa_mgmt_dev *mgmt, struct vdpa_device *vdev)
{
	vdpa_device_del(vdev);
}

static const struct vdpa_mgmt_ops bell_mgmt_ops = {
	.dev_add = bell_dev_add,
	.dev_del = bell_dev_del,
};

static const u32 bell_ids[] = { VIRTIO_ID_RNG, 0 };

static struct vdpa_mgmt_dev bell_mgmt = {
	.ops = &bell_mgmt_ops,
	.owner = THIS_MODULE,
	.ids = bell_ids,
	.supported_features = BELL_FEATURES,
	.max_vqs = BELL_QUEUES,
};

static int __init bell_init(void)
{
	int err;

	bell_mgmt.dev = root_device_register("vdpa_doorbell_test");
	if (IS_ERR(bell_mgmt.dev))
		return PTR_ERR(bell_mgmt.dev);
	err = vdpa_mgmt_register(&bell_mgmt);
	if (err)
		root_device_unregister(bell_mgmt.dev);
	return err;
}
module_init(bell_init);

static void __exit bell_exit(void)
{
	vdpa_mgmt_unregister(&bell_mgmt);
	root_device_unregister(bell_mgmt.dev);
}
module_exit(bell_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("Ringside developers");
MODULE_VERSION(RINGSIDE_VERSION);
MODULE_DESCRIPTION("vDPA devices with doorbells and interrupts, for tests");
MODULE_IMPORT_NS("RINGSIDE");
