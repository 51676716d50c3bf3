/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_VDPA_H
#define RINGSIDE_VDPA_H
/*
 * The vdpa bus. A parent makes vDPA devices: it does what a virtio device does
 * with its queues, behind a table of operations. A driver on the bus lets
 * somebody use them: vhost_vdpa a VMM, virtio_vdpa the host's own virtio
 * drivers. Operators make, look at and remove devices by generic netlink,
 * through the parent's management device (linux/vdpa_mgmt.h).
 *
 * Locking: a driver serialises its own calls. Netlink comes from elsewhere, and
 * sees status, features and configuration: these are under
 * vdpa_device.config_lock, which the vdpa_*() calls below take. Parents protect
 * whatever else their operations share, and are never called with a lock of the
 * bus held that another device needs.
 */

#include <linux/device.h>
#include <linux/if_ether.h>
#include <linux/rwsem.h>
#include <linux/types.h>
#include <uapi/linux/vhost_types.h>

struct mm_struct;
struct vdpa_device;
struct vdpa_mgmt_dev;

/**
 * struct vdpa_callback - what a device calls when it has something to say
 * @fn: called in any context, bottom halves disabled; NULL for nobody
 * @data: its argument
 */
struct vdpa_callback {
	void (*fn)(void *data);
	void *data;
};

/**
 * struct vdpa_iova_range - I/O virtual addresses that a device takes
 * @first: first address
 * @last: last address, inclusive
 */
struct vdpa_iova_range {
	u64 first;
	u64 last;
};

/**
 * struct vdpa_range - a mapping of I/O virtual addresses
 * @first: first address
 * @last: last address, inclusive
 * @addr: what @first maps to: a user address of the address space given to
 *	vdpa_ops.bind_mm if vdpa_device.use_va, a physical address if not
 * @perm: VHOST_ACCESS_RO, VHOST_ACCESS_WO or VHOST_ACCESS_RW
 */
struct vdpa_range {
	u64 first;
	u64 last;
	u64 addr;
	u32 perm;
};

/**
 * struct vdpa_doorbell - a page by which a queue can be kicked
 * @addr: its physical address
 * @size: bytes
 */
struct vdpa_doorbell {
	phys_addr_t addr;
	resource_size_t size;
};

/**
 * struct vdpa_vq_addr - the areas of a queue (virtio 1.3, 2.6), I/O virtual
 * @desc: descriptor area
 * @driver: driver area
 * @device: device area
 */
struct vdpa_vq_addr {
	u64 desc;
	u64 driver;
	u64 device;
};

/* vdpa_config.set: which values somebody gave. */
#define VDPA_CONFIG_FEATURES	BIT(0)
#define VDPA_CONFIG_MAC		BIT(1)
#define VDPA_CONFIG_MTU		BIT(2)
#define VDPA_CONFIG_MAX_VQP	BIT(3)
#define VDPA_CONFIG_BLK_CAPACITY BIT(4)
#define VDPA_CONFIG_BLK_SIZE	BIT(5)

/**
 * struct vdpa_config - what an operator asks of a device
 * @set: VDPA_CONFIG_*, which of the values were given
 * @features: feature bits to offer
 * @mac: MAC address
 * @mtu: MTU
 * @max_vqp: queue pairs; for devices without pairs, queues
 * @blk_capacity: of a block device, in sectors of 512 bytes
 * @blk_size: block size of a block device, bytes
 */
struct vdpa_config {
	unsigned int set;
	u64 features;
	u8 mac[ETH_ALEN];
	u16 mtu;
	u16 max_vqp;
	u64 blk_capacity;
	u32 blk_size;
};

/**
 * struct vdpa_ops - what a parent does for its devices
 *
 * Queues and groups are numbered from 0; the caller has checked numbers against
 * vdpa_device.nvqs, .ngroups and .nas. All may sleep unless said otherwise.
 * Those marked optional may be NULL.
 *
 * @set_vq_addr: where the areas of a queue are. -EBUSY while the queue runs
 * @set_vq_num: size of a queue, at most vdpa_device.vq_num_max
 * @set_vq_base: position where the queue starts, encoded as by
 *	VHOST_SET_VRING_BASE. -EBUSY while it runs
 * @get_vq_base: position; stands still when the device is suspended
 * @set_vq_ready: let a queue run, or stop it. Buffers and kicks that came
 *	before it was enabled are seen then
 * @get_vq_ready: was it let run?
 * @set_vq_cb: what to call when buffers were used; @cb is copied, NULL for
 *	nothing. Nobody calls the old one when it returns
 * @kick_vq: the driver has made buffers available. Any context
 * @vq_stat: optional. Statistic number @n of a queue: 0, or -ENOENT when there
 *	are no more
 * @vq_doorbell: optional. 0, or -EOPNOTSUPP if this queue has none
 * @vq_irq: optional. Interrupt by which the device itself signals the queue, or
 *	a negative value
 * @set_vq_affinity: optional. CPUs to serve a queue on, NULL for any
 * @get_vq_affinity: optional. The same; NULL if not set
 * @vq_group: group of a queue
 * @vq_desc_group: group of the areas of a queue, if it can be another one than
 *	that of its buffers; needed with vdpa_device.desc_groups
 * @set_group_asid: address space of a group. -EBUSY while the device runs
 * @set_driver_features: bits that were accepted. -EINVAL if not to be had
 * @get_driver_features: the same bits
 * @get_status: device status (virtio 1.3, 2.1)
 * @set_status: a new one, not 0. The parent takes any bits in any order
 * @reset: to the state after vdpa_device_add(), except for mappings, and for
 *	which mm is bound: status 0, queues stopped, positions, callbacks and
 *	addresses forgotten, groups in address space 0, not suspended. No queue is
 *	worked on when it returns
 * @suspend: optional. Stop all queues so that positions and memory stand still:
 *	what was popped is pushed when it returns
 * @resume: optional. Go on
 * @get_config: copy @len bytes of the configuration from @offset; both are in
 *	range
 * @set_config: write to it
 * @generation: optional. Changes with the configuration
 * @set_config_cb: what to call when the configuration changes; as @set_vq_cb
 * @set_attr: optional. An operator changes the configuration of a live device
 * @iova_range: optional. Addresses the device takes; NULL for all
 * @map_begin: begin to change an address space; nobody else does until it is
 *	committed or cancelled. -EINTR if the caller was killed while he waited for
 *	somebody else who does
 * @map_add: add a mapping. -EEXIST if it overlaps one, -ENOSPC if there are too
 *	many, -ENOMEM
 * @map_remove: take away all mappings that have an address in the range
 * @map_commit: put the changes in force as one step. When it returns 0, no queue
 *	reaches what was removed any more. -EINTR if the caller was killed: they are in
 *	force, but that is so only after the next one that returns 0, or after a reset
 * @map_cancel: leave the address space as it was
 * @bind_mm: user addresses of mappings are of this address space. The parent
 *	takes a reference if it keeps it. With vdpa_device.use_va only
 * @unbind_mm: it is not used any more when this returns
 * @free: free the device; the last reference is gone. Until then, and so
 *	after vdpa_device_del() too, the memory of struct vdpa_device stays
 */
struct vdpa_ops {
	/* Queues */
	int (*set_vq_addr)(struct vdpa_device *vdev, u16 index, const struct vdpa_vq_addr *addr);
	int (*set_vq_num)(struct vdpa_device *vdev, u16 index, u32 num);
	int (*set_vq_base)(struct vdpa_device *vdev, u16 index, u32 base);
	int (*get_vq_base)(struct vdpa_device *vdev, u16 index, u32 *base);
	int (*set_vq_ready)(struct vdpa_device *vdev, u16 index, bool ready);
	bool (*get_vq_ready)(struct vdpa_device *vdev, u16 index);
	void (*set_vq_cb)(struct vdpa_device *vdev, u16 index, const struct vdpa_callback *cb);
	void (*kick_vq)(struct vdpa_device *vdev, u16 index);
	int (*vq_stat)(struct vdpa_device *vdev, u16 index, unsigned int n, const char **name,
		       u64 *value);
	int (*vq_doorbell)(struct vdpa_device *vdev, u16 index, struct vdpa_doorbell *doorbell);
	int (*vq_irq)(struct vdpa_device *vdev, u16 index);
	int (*set_vq_affinity)(struct vdpa_device *vdev, u16 index, const struct cpumask *mask);
	const struct cpumask *(*get_vq_affinity)(struct vdpa_device *vdev, u16 index);

	/* Groups of queues */
	u32 (*vq_group)(struct vdpa_device *vdev, u16 index);
	u32 (*vq_desc_group)(struct vdpa_device *vdev, u16 index);
	int (*set_group_asid)(struct vdpa_device *vdev, u32 group, u32 asid);

	/* The device */
	int (*set_driver_features)(struct vdpa_device *vdev, u64 features);
	u64 (*get_driver_features)(struct vdpa_device *vdev);
	u8 (*get_status)(struct vdpa_device *vdev);
	void (*set_status)(struct vdpa_device *vdev, u8 status);
	int (*reset)(struct vdpa_device *vdev);
	int (*suspend)(struct vdpa_device *vdev);
	int (*resume)(struct vdpa_device *vdev);
	void (*get_config)(struct vdpa_device *vdev, unsigned int offset, void *buf,
			   unsigned int len);
	void (*set_config)(struct vdpa_device *vdev, unsigned int offset, const void *buf,
			   unsigned int len);
	u32 (*generation)(struct vdpa_device *vdev);
	void (*set_config_cb)(struct vdpa_device *vdev, const struct vdpa_callback *cb);
	int (*set_attr)(struct vdpa_device *vdev, const struct vdpa_config *config);

	/* Address spaces */
	struct vdpa_iova_range (*iova_range)(struct vdpa_device *vdev);
	int (*map_begin)(struct vdpa_device *vdev, u32 asid);
	int (*map_add)(struct vdpa_device *vdev, u32 asid, const struct vdpa_range *range);
	void (*map_remove)(struct vdpa_device *vdev, u32 asid, u64 first, u64 last);
	int (*map_commit)(struct vdpa_device *vdev, u32 asid);
	void (*map_cancel)(struct vdpa_device *vdev, u32 asid);
	int (*bind_mm)(struct vdpa_device *vdev, struct mm_struct *mm);
	void (*unbind_mm)(struct vdpa_device *vdev);

	void (*free)(struct vdpa_device *vdev);
};

/**
 * struct vdpa_device - a device on the vdpa bus
 * @dev: in the device model
 * @ops: the parent's operations; immutable
 * @mgmt: management device it was made by; immutable
 * @index: number on the bus; immutable
 * @device_id: virtio device id (virtio 1.3, 5); immutable
 * @vendor_id: vendor; immutable
 * @device_features: feature bits offered; immutable
 * @config_size: bytes of configuration; immutable
 * @nvqs: queues; immutable
 * @ngroups: groups of queues, at least 1; immutable
 * @nas: address spaces, at least 1; immutable
 * @vq_num_max: largest queue size; immutable
 * @vq_num_min: smallest one; immutable
 * @vq_align: alignment of the areas, for drivers that lay them out; immutable
 * @use_va: mappings lead to user addresses; immutable
 * @desc_groups: the areas of queues are in groups of their own; immutable
 * @batch: changes to mappings are put in force together, at the end of a batch;
 *	if not, each by itself; immutable
 * @config_lock: protects status, features and configuration
 * @live: it is on the bus, and netlink may call its parent; changed under both
 *	@config_lock and the lock of @mgmt
 * @driver_override: name of the only driver to have it, NULL for any; under a
 *	spinlock of the bus, drivers/vdpa/core/bus.c
 */
struct vdpa_device {
	struct device dev;
	const struct vdpa_ops *ops;
	struct vdpa_mgmt_dev *mgmt;
	unsigned int index;

	u32 device_id;
	u32 vendor_id;
	u64 device_features;
	u32 config_size;
	u32 nvqs;
	u32 ngroups;
	u32 nas;
	u16 vq_num_max;
	u16 vq_num_min;
	u32 vq_align;
	bool use_va;
	bool desc_groups;
	bool batch;

	struct rw_semaphore config_lock;
	bool live;
	const char *driver_override;
};

#define dev_to_vdpa(d)	container_of(d, struct vdpa_device, dev)

/**
 * struct vdpa_driver - a driver on the vdpa bus
 * @driver: in the device model
 * @probe: a device is given to the driver; may sleep
 * @remove: the device goes; the driver lets go of it before this returns
 * @vacate: optional. With @leave an operator is about to remove the device: nobody
 *	begins to use it from now on, and this waits until nobody does. -EINTR if the
 *	caller was killed, and all is as it was. Without @leave it stays after all
 */
struct vdpa_driver {
	struct device_driver driver;
	int (*probe)(struct vdpa_device *vdev);
	void (*remove)(struct vdpa_device *vdev);
	int (*vacate)(struct vdpa_device *vdev, bool leave);
};

int __vdpa_driver_register(struct vdpa_driver *drv, struct module *owner);
void vdpa_driver_unregister(struct vdpa_driver *drv);

/* vdpa_driver_register - make a driver known to the bus */
#define vdpa_driver_register(drv)	__vdpa_driver_register(drv, THIS_MODULE)

#define module_vdpa_driver(drv) \
	module_driver(drv, vdpa_driver_register, vdpa_driver_unregister)

/* For parents. */
int vdpa_device_init(struct vdpa_device *vdev, struct vdpa_mgmt_dev *mgmt,
		     const struct vdpa_ops *ops, const char *name);
int vdpa_device_add(struct vdpa_device *vdev);
void vdpa_device_del(struct vdpa_device *vdev);

/* For drivers: what netlink shows as well. */
u8 vdpa_get_status(struct vdpa_device *vdev);
void vdpa_set_status(struct vdpa_device *vdev, u8 status);
int vdpa_reset(struct vdpa_device *vdev);
int vdpa_set_features(struct vdpa_device *vdev, u64 features);
u64 vdpa_get_features(struct vdpa_device *vdev);
int vdpa_get_config(struct vdpa_device *vdev, unsigned int offset, void *buf, unsigned int len);
int vdpa_set_config(struct vdpa_device *vdev, unsigned int offset, const void *buf,
		    unsigned int len);

#endif
