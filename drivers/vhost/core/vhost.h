/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_VHOST_H
#define RINGSIDE_VHOST_H
/*
 * vhost core: what every /dev/vhost-* device has in common. An owner (the
 * VMM's address space), its memory, virtqueues with their eventfds, the thread
 * that serves them, and the ioctls for all of these.
 *
 * Lock order, outermost first: vhost_dev.mutex, vhost_virtqueue.mutex (one at a
 * time); vhost_dev.mutex, memslots.lock. A worker takes one queue mutex at a time and
 * never vhost_dev.mutex. Documentation/locking.rst has the whole picture.
 */

#include <linux/eventfd.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/types.h>
#include <linux/virtio_features.h>
#include <uapi/linux/vhost.h>

#include "memmap/memmap.h"
#include "ring/devq.h"

struct vhost_dev;
struct vhost_virtqueue;
struct vhost_worker;

/**
 * struct vhost_work - something a worker is to do
 * @node: in vhost_worker.list
 * @fn: does it, in the worker's thread
 * @flags: bit VHOST_WORK_QUEUED is set from queueing until @fn is called
 */
struct vhost_work {
	struct llist_node node;
	void (*fn)(struct vhost_work *work);
	unsigned long flags;
};

#define VHOST_WORK_QUEUED	0

/**
 * struct vhost_poll - queue work when a file becomes ready
 * @table: how the file's poll method reaches us
 * @wait: our entry in the file's wait queue
 * @wqh: that wait queue, NULL while stopped
 * @work: what to queue
 * @mask: events to wait for
 * @vq: whose worker does the work; immutable
 *
 * start and stop are serialised by the caller, under the queue's mutex.
 */
struct vhost_poll {
	poll_table table;
	wait_queue_entry_t wait;
	wait_queue_head_t *wqh;
	struct vhost_work work;
	__poll_t mask;
	struct vhost_virtqueue *vq;
};

/**
 * struct vhost_virtqueue - one virtqueue
 * @dev: the device; immutable
 * @index: number of the queue; immutable
 * @handle_kick: serves the queue, in its worker, without locks; immutable
 * @worker: the thread that serves it; written under vhost_dev.mutex, RCU
 * @mutex: protects what follows, and serialises all use of @ring
 * @ring: the ring engine
 * @backend: what the device driver serves it with; NULL while it is stopped
 * @num: queue size, 0 until set
 * @addr: user addresses of the three areas
 * @addr_set: @addr was given
 * @features: feature bits in force, the first 64
 * @features_array: all of them
 * @legacy_big_endian: byte order of a ring without VIRTIO_F_VERSION_1
 * @busyloop_timeout: how long to poll an empty queue, microseconds
 * @kick: eventfd by which the driver calls us
 * @call: eventfd by which we call the driver
 * @err: eventfd that tells the VMM of a broken queue
 * @poll: waits on @kick
 */
struct vhost_virtqueue {
	struct vhost_dev *dev;
	unsigned int index;
	void (*handle_kick)(struct vhost_virtqueue *vq);
	struct vhost_worker __rcu *worker;

	struct mutex mutex;
	struct devq ring;
	void *backend;
	u16 num;
	bool addr_set;
	bool legacy_big_endian;
	struct devq_addr addr;
	VIRTIO_DECLARE_FEATURES(features);
	u32 busyloop_timeout;
	struct file *kick;
	struct eventfd_ctx *call;
	struct eventfd_ctx *err;
	struct vhost_poll poll;
};

/**
 * struct vhost_ioctl - one row of an ioctl table
 * @cmd: the number; its size is what is copied in, and out if it says _IOR
 * @fn: handles it under vhost_dev.mutex, with the argument at @arg in kernel
 *	memory (up to VHOST_IOCTL_ARG bytes) and its user address at @user
 * @vq_fn: instead of @fn, for calls whose argument begins with the index of a
 *	queue: that queue is locked as well
 * @flags: VHOST_IOCTL_*
 */
struct vhost_ioctl {
	unsigned int cmd;
	int (*fn)(struct vhost_dev *dev, void *arg, void __user *user);
	int (*vq_fn)(struct vhost_virtqueue *vq, void *arg);
	unsigned int flags;
};

#define VHOST_IOCTL_ANYONE	0x1	/* the caller need not be the owner */
#define VHOST_IOCTL_OUT		0x2	/* copy out although the number says _IOW */

/* Room for the largest argument that is copied as a whole. */
#define VHOST_IOCTL_ARG		64

/**
 * struct vhost_dev_ops - what a device driver brings
 * @features: feature bits it offers, the first 64
 * @features_array: all of them
 * @ioctls: its own ioctls
 * @nioctls: how many
 * @vq_features: called under the queue's mutex after its features were set
 * @stop: let go of all backends; under vhost_dev.mutex, may sleep. When it
 *	returns no queue is running and no handler uses a backend
 */
struct vhost_dev_ops {
	VIRTIO_DECLARE_FEATURES(features);
	const struct vhost_ioctl *ioctls;
	unsigned int nioctls;
	void (*vq_features)(struct vhost_virtqueue *vq);
	void (*stop)(struct vhost_dev *dev);
};

/**
 * struct vhost_dev - one open /dev/vhost-* file
 * @ops: its driver; immutable
 * @vqs: its queues; immutable
 * @nvqs: how many; immutable
 * @slots: guest memory
 * @mutex: serialises ioctls; protects what follows
 * @mm: address space of the owner; NULL without one. Workers may read it: it
 *	outlives them
 * @worker: the thread of all queues
 */
struct vhost_dev {
	const struct vhost_dev_ops *ops;
	struct vhost_virtqueue **vqs;
	unsigned int nvqs;
	struct memslots slots;

	struct mutex mutex;
	struct mm_struct *mm;
	struct vhost_worker *worker;
};

/* dev.c, owner.c */
void vhost_dev_init(struct vhost_dev *dev, const struct vhost_dev_ops *ops,
		    struct vhost_virtqueue **vqs, unsigned int nvqs);
void vhost_dev_release(struct vhost_dev *dev);
long vhost_dev_ioctl(struct vhost_dev *dev, unsigned int cmd, unsigned long arg);

/* vq.c */
void vhost_vq_init(struct vhost_virtqueue *vq, void (*handle_kick)(struct vhost_virtqueue *vq));
int vhost_vq_lock(struct vhost_virtqueue *vq);
int vhost_vq_start(struct vhost_virtqueue *vq, void *backend);
void vhost_vq_stop(struct vhost_virtqueue *vq);
bool vhost_vq_enter(struct vhost_virtqueue *vq);
void vhost_vq_exit(struct vhost_virtqueue *vq);
void vhost_vq_signal(struct vhost_virtqueue *vq);
void vhost_vq_requeue(struct vhost_virtqueue *vq);

/* poll.c */
void vhost_poll_init(struct vhost_poll *poll, void (*fn)(struct vhost_work *work),
		     __poll_t mask, struct vhost_virtqueue *vq);
int vhost_poll_start(struct vhost_poll *poll, struct file *file);
void vhost_poll_stop(struct vhost_poll *poll);
void vhost_poll_queue(struct vhost_poll *poll);

/* worker.c */
void vhost_work_init(struct vhost_work *work, void (*fn)(struct vhost_work *work));
bool vhost_vq_work_queue(struct vhost_virtqueue *vq, struct vhost_work *work);
bool vhost_vq_has_work(struct vhost_virtqueue *vq);
void vhost_dev_flush(struct vhost_dev *dev);

#endif
