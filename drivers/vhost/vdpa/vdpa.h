/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_VHOST_VDPA_H
#define RINGSIDE_VHOST_VDPA_H
/*
 * /dev/vhost-vdpa-N: a vDPA device in the hands of a VMM. The parent serves the
 * queues and translates addresses; this is between its operations and the
 * ioctls, eventfds and IOTLB messages of a VMM.
 *
 * A node is there as long as the device is bound to us. At most one has it open:
 * what he set up is in a struct vhost_vdpa_file and goes with it.
 *
 * Lock order: vhost_vdpa.lock and vhost_vdpa_file.mutex are never held together.
 * Under vhost_vdpa_file.mutex the parent is called, and takes what it wants.
 */

#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/irqbypass.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/vdpa.h>
#include <linux/wait.h>
#include <uapi/linux/vhost.h>

#include "core/vhost.h"

struct dentry;
struct eventfd_ctx;
struct module;
struct vm_area_struct;

/**
 * struct vhost_vdpa - a device file
 * @dev: in the device model; a child of the vDPA device
 * @cdev: the file
 * @minor: its number
 * @vdev: the device; gone when @gone is set and @opened is not
 * @closed: where removal waits for the file to be closed
 * @lock: protects what follows
 * @gone: the device goes, nobody may open it any more
 * @leaving: it is about to go, when it is closed
 * @opened: somebody has it open
 */
struct vhost_vdpa {
	struct device dev;
	struct cdev cdev;
	int minor;
	struct vdpa_device *vdev;
	wait_queue_head_t closed;

	struct mutex lock;
	bool gone;
	bool leaving;
	bool opened;
};

/**
 * struct vhost_vdpa_chunk - pinned pages that follow upon each other
 * @pfn: the first one
 * @npages: how many
 */
struct vhost_vdpa_chunk {
	unsigned long pfn;
	unsigned long npages;
};

/**
 * struct vhost_vdpa_pins - some of the chunks of a mapping
 * @next: those that come behind them
 * @room: chunks there is room for
 * @n: how many there are
 * @chunk: in the order of the addresses
 */
struct vhost_vdpa_pins {
	struct vhost_vdpa_pins *next;
	unsigned int room;
	unsigned int n;
	struct vhost_vdpa_chunk chunk[];
};

/**
 * struct vhost_vdpa_map - what one UPDATE mapped
 * @rb: in vhost_vdpa_as.maps, ordered by @first
 * @subtree_last: highest @last at or below this one
 * @first: first I/O virtual address
 * @last: last one, inclusive
 * @uaddr: user address of @first
 * @perm: VHOST_ACCESS_*
 * @pinned: pages that are charged to the owner
 * @pins: those pages; NULL if the parent goes by user addresses
 * @pins_end: the last of them
 * @link: in one of the lists of its address space, or alone
 * @fresh: the parent does not have it yet
 *
 * All under vhost_vdpa_file.mutex.
 */
struct vhost_vdpa_map {
	struct rb_node rb;
	u64 subtree_last;
	u64 first;
	u64 last;
	u64 uaddr;
	u32 perm;
	unsigned long pinned;
	struct vhost_vdpa_pins *pins;
	struct vhost_vdpa_pins *pins_end;
	struct list_head link;
	bool fresh;
};

/**
 * struct vhost_vdpa_as - an address space
 * @maps: its mappings, as the changes under way will leave them
 * @count: how many
 * @added: those of them that the parent does not have yet
 * @removed: those that it still has
 * @lingering: those that are not in force any more but that a queue may still
 *	reach, because somebody was killed when he waited for that
 *
 * All under vhost_vdpa_file.mutex.
 */
struct vhost_vdpa_as {
	struct rb_root_cached maps;
	unsigned int count;
	struct list_head added;
	struct list_head removed;
	struct list_head lingering;
};

/**
 * struct vhost_vdpa_vq - one virtqueue
 * @file: of which file; immutable
 * @index: its number; immutable
 * @num: its size, 0 if none was set since the last reset
 * @kick: eventfd by which the driver kicks
 * @wait: waits for it
 * @bypass: ties the device's interrupt to @call where the processor can do without us
 * @bypassed: it does
 * @call_lock: protects @call against the device, which signals in any context
 * @call: eventfd by which the device calls the driver; written under
 *	vhost_vdpa_file.mutex too
 * @calls: how often the device called, under @call_lock
 *
 * What is not said otherwise is under vhost_vdpa_file.mutex.
 */
struct vhost_vdpa_vq {
	struct vhost_vdpa_file *file;
	u16 index;
	u32 num;
	struct file *kick;
	struct vhost_wait wait;
	struct irq_bypass_producer bypass;
	bool bypassed;

	spinlock_t call_lock;
	struct eventfd_ctx *call;
	u64 calls;
};

/**
 * struct vhost_vdpa_file - one who has the device open
 * @node: the file; immutable
 * @vdev: the device, which does not go while it is open; immutable
 * @parent: module of its parent, with a reference; immutable
 * @vqs: vdpa_device.nvqs queues; immutable
 * @as: vdpa_device.nas address spaces; immutable
 * @range: addresses that the device takes; immutable
 * @debug: its directory in debugfs; immutable while there are files in it
 * @mutex: serialises ioctls and messages; protects what follows
 * @mm: address space of the owner, with a reference; NULL without one
 * @owner: process it was, 0 without one
 * @bound: the parent was told of @mm
 * @backend_features: VHOST_BACKEND_F_* the VMM uses
 * @suspended: VHOST_VDPA_SUSPEND was the last word
 * @batch: a BATCH_BEGIN waits for its end
 * @batch_asid: the address space it is about
 * @config_lock: protects @config_call against the device
 * @config_call: eventfd by which it tells of changes of its configuration; written
 *	under @mutex too
 */
struct vhost_vdpa_file {
	struct vhost_vdpa *node;
	struct vdpa_device *vdev;
	struct module *parent;
	struct vhost_vdpa_vq *vqs;
	struct vhost_vdpa_as *as;
	struct vdpa_iova_range range;
	struct dentry *debug;

	struct mutex mutex;
	struct mm_struct *mm;
	pid_t owner;
	bool bound;
	u64 backend_features;
	bool suspended;
	bool batch;
	u32 batch_asid;

	spinlock_t config_lock;
	struct eventfd_ctx *config_call;
};

/**
 * struct vhost_vdpa_ioctl - one row of the ioctl table
 * @head: how it is called
 * @fn: handles it, see vhost_ioctl_target.call
 * @vq_fn: instead of @fn, for calls whose argument begins with the index of a queue
 */
struct vhost_vdpa_ioctl {
	struct vhost_ioctl_head head;
	int (*fn)(struct vhost_vdpa_file *file, void *arg, void __user *user);
	int (*vq_fn)(struct vhost_vdpa_vq *vq, void *arg);
};

/* ioctl.c */
long vhost_vdpa_ioctl(struct vhost_vdpa_file *file, unsigned int cmd, unsigned long arg);

/* device.c */
bool vhost_vdpa_running(struct vhost_vdpa_file *file);
int vhost_vdpa_reset(struct vhost_vdpa_file *file);
void vhost_vdpa_disown(struct vhost_vdpa_file *file);
int vhost_vdpa_set_owner(struct vhost_vdpa_file *file, void *arg, void __user *user);
int vhost_vdpa_get_features(struct vhost_vdpa_file *file, void *arg, void __user *user);
int vhost_vdpa_set_features(struct vhost_vdpa_file *file, void *arg, void __user *user);
int vhost_vdpa_get_backend_features(struct vhost_vdpa_file *file, void *arg, void __user *user);
int vhost_vdpa_set_backend_features(struct vhost_vdpa_file *file, void *arg, void __user *user);
int vhost_vdpa_get_status(struct vhost_vdpa_file *file, void *arg, void __user *user);
int vhost_vdpa_set_status(struct vhost_vdpa_file *file, void *arg, void __user *user);
int vhost_vdpa_get_config(struct vhost_vdpa_file *file, void *arg, void __user *user);
int vhost_vdpa_set_config(struct vhost_vdpa_file *file, void *arg, void __user *user);
int vhost_vdpa_set_config_call(struct vhost_vdpa_file *file, void *arg, void __user *user);
int vhost_vdpa_suspend(struct vhost_vdpa_file *file, void *arg, void __user *user);
int vhost_vdpa_resume(struct vhost_vdpa_file *file, void *arg, void __user *user);

/* vring.c */
void vhost_vdpa_vq_init(struct vhost_vdpa_vq *vq, struct vhost_vdpa_file *file, u16 index);
void vhost_vdpa_vq_attach(struct vhost_vdpa_vq *vq);
void vhost_vdpa_vq_detach(struct vhost_vdpa_vq *vq);
void vhost_vdpa_vq_release(struct vhost_vdpa_vq *vq);
int vhost_vdpa_set_vring_num(struct vhost_vdpa_vq *vq, void *arg);
int vhost_vdpa_set_vring_addr(struct vhost_vdpa_vq *vq, void *arg);
int vhost_vdpa_set_vring_base(struct vhost_vdpa_vq *vq, void *arg);
int vhost_vdpa_get_vring_base(struct vhost_vdpa_vq *vq, void *arg);
int vhost_vdpa_set_vring_kick(struct vhost_vdpa_vq *vq, void *arg);
int vhost_vdpa_set_vring_call(struct vhost_vdpa_vq *vq, void *arg);
int vhost_vdpa_set_vring_err(struct vhost_vdpa_vq *vq, void *arg);
int vhost_vdpa_set_vring_enable(struct vhost_vdpa_vq *vq, void *arg);
int vhost_vdpa_get_vring_size(struct vhost_vdpa_vq *vq, void *arg);
int vhost_vdpa_get_vring_group(struct vhost_vdpa_vq *vq, void *arg);
int vhost_vdpa_get_vring_desc_group(struct vhost_vdpa_vq *vq, void *arg);

/* irq.c */
void vhost_vdpa_irq_start(struct vhost_vdpa_vq *vq);
void vhost_vdpa_irq_stop(struct vhost_vdpa_vq *vq);

/* as.c */
void vhost_vdpa_as_init(struct vhost_vdpa_as *as);
int vhost_vdpa_as_insert(struct vhost_vdpa_as *as, struct vhost_vdpa_map *map);
void vhost_vdpa_as_remove(struct vhost_vdpa_file *file, struct vhost_vdpa_as *as, u64 first,
			  u64 last);
bool vhost_vdpa_as_overlaps(struct vhost_vdpa_as *as, u64 first, u64 last);
int vhost_vdpa_as_commit(struct vhost_vdpa_file *file, u32 asid);
void vhost_vdpa_as_cancel(struct vhost_vdpa_file *file, u32 asid);
int vhost_vdpa_as_clear(struct vhost_vdpa_file *file, u32 asid);
int vhost_vdpa_set_group_asid(struct vhost_vdpa_file *file, void *arg, void __user *user);

/* map.c */
int vhost_vdpa_message(struct vhost_vdpa_file *file, u32 asid,
		       const struct vhost_iotlb_msg *msg);
ssize_t vhost_vdpa_write(struct vhost_vdpa_file *file, struct iov_iter *from);

/* pin.c */
int vhost_vdpa_map_pin(struct vhost_vdpa_map *map, struct mm_struct *mm);
void vhost_vdpa_map_unpin(struct vhost_vdpa_map *map, struct mm_struct *mm);
int vhost_vdpa_map_check(const struct vhost_vdpa_map *map, struct mm_struct *mm);

/* debugfs.c */
void vhost_vdpa_debug_add(struct vhost_vdpa_file *file);
void vhost_vdpa_debug_remove(struct vhost_vdpa_file *file);

/* mmap.c */
int vhost_vdpa_mmap(struct vhost_vdpa_file *file, struct vm_area_struct *vma);

#endif
