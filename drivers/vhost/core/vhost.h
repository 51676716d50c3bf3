/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_VHOST_H
#define RINGSIDE_VHOST_H
/*
 * vhost core: what every /dev/vhost-* device has in common. An owner (the
 * VMM's address space), its memory, virtqueues with their eventfds, the thread
 * that serves them, and the ioctls for all of these.
 *
 * Lock order, outermost first: vhost_dev.mutex, then one of vhost_virtqueue.mutex
 * (one at a time) and memmap.lock, then vhost_iotlb.lock. A worker takes one queue
 * mutex at a time and never vhost_dev.mutex. Documentation/locking.rst has the
 * whole picture.
 */

#include <linux/eventfd.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/types.h>
#include <linux/virtio_features.h>
#include <linux/xarray.h>
#include <uapi/linux/vhost.h>

#include "memmap/memslot.h"
#include "ring/devq.h"

struct dentry;
struct seq_file;
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
 * struct vhost_wait - be told when a file becomes ready
 * @table: how the file's poll method reaches us
 * @entry: in the file's wait queue
 * @wqh: that wait queue, NULL while stopped
 * @woken: how often it became ready meanwhile; under the lock of @wqh
 * @mask: events to wait for; immutable
 * @ready: called then, maybe with interrupts off; immutable
 *
 * start and stop are serialised by the caller.
 */
struct vhost_wait {
	poll_table table;
	wait_queue_entry_t entry;
	wait_queue_head_t *wqh;
	u64 woken;
	__poll_t mask;
	void (*ready)(struct vhost_wait *wait);
};

/**
 * struct vhost_poll - queue work when a file becomes ready
 * @wait: waits for it, under the queue's mutex
 * @work: what to queue
 * @vq: whose worker does the work; immutable
 */
struct vhost_poll {
	struct vhost_wait wait;
	struct vhost_work work;
	struct vhost_virtqueue *vq;
};

/**
 * struct vhost_iotlb_request - what a queue wants to know from the VMM's IOMMU
 * @link: in vhost_iotlb.unread until a process has read it
 * @type: VHOST_IOTLB_MISS or _ACCESS_FAIL; 0 when there is no question
 * @perm: access wanted
 * @addr: I/O virtual address
 *
 * All under vhost_iotlb.lock.
 */
struct vhost_iotlb_request {
	struct list_head link;
	u8 type;
	u8 perm;
	u64 addr;
};

/**
 * struct vhost_iotlb - device IOTLB, with VIRTIO_F_ACCESS_PLATFORM
 * @map: from I/O virtual to user addresses
 * @on: it is used; written under vhost_dev.mutex
 * @batch: a BATCH_BEGIN waits for its end; under vhost_dev.mutex
 * @wait: where readers of the file wait for questions
 * @lock: protects the requests and what follows
 * @unread: questions that nobody has read, oldest first
 * @version: changes with every answer
 */
struct vhost_iotlb {
	struct memmap map;
	bool on;
	bool batch;
	wait_queue_head_t wait;

	spinlock_t lock;
	struct list_head unread;
	u64 version;
};

/**
 * struct vhost_virtqueue - one virtqueue
 * @dev: the device; immutable
 * @index: number of the queue; immutable
 * @handle_kick: serves the queue, in its worker, without locks; immutable
 * @worker: the thread that serves it; written under vhost_dev.mutex, RCU
 * @request: its question to the VMM's IOMMU
 * @debug: it has a file in debugfs; under vhost_dev.mutex
 * @mutex: protects what follows, and serialises all use of @ring
 * @ring: the ring engine
 * @backend: what the device driver serves it with; NULL while it is stopped
 * @num: queue size, 0 until set
 * @addr: user addresses of the three areas
 * @addr_set: @addr was given since its meaning changed
 * @log_ring: log writes to the device area
 * @legacy_big_endian: byte order of a ring without VIRTIO_F_VERSION_1
 * @log_addr: address of the device area for the log
 * @features: feature bits in force, the first 64
 * @features_array: all of them
 * @iotlb_version: vhost_iotlb.version when the turn began
 * @iotlb_reader: announces to editors of vhost_iotlb.map what @ring uses
 * @busyloop_timeout: how long to poll an empty queue, microseconds
 * @turns: how often it was served, for those who watch without the mutex
 * @misses: how often it asked the VMM's IOMMU, the same
 * @kick: eventfd by which the driver calls us
 * @call: eventfd by which we call the driver
 * @err: eventfd that tells the VMM of a broken queue
 * @log: eventfd that tells the VMM of a changed dirty log
 * @poll: waits on @kick
 */
struct vhost_virtqueue {
	struct vhost_dev *dev;
	unsigned int index;
	void (*handle_kick)(struct vhost_virtqueue *vq);
	struct vhost_worker __rcu *worker;
	struct vhost_iotlb_request request;
	bool debug;

	struct mutex mutex;
	struct devq ring;
	void *backend;
	u16 num;
	bool addr_set;
	bool log_ring;
	bool legacy_big_endian;
	u64 log_addr;
	struct devq_addr addr;
	VIRTIO_DECLARE_FEATURES(features);
	u64 iotlb_version;
	struct memmap_reader iotlb_reader;
	u32 busyloop_timeout;
	u64 turns;
	u64 misses;
	struct file *kick;
	struct eventfd_ctx *call;
	struct eventfd_ctx *err;
	struct eventfd_ctx *log;
	struct vhost_poll poll;
};

/**
 * struct vhost_ioctl_head - how an ioctl is called; the head of a row of a table
 * @cmd: the number; its size is what is copied in, and out if it says _IOR
 * @flags: VHOST_IOCTL_*
 */
struct vhost_ioctl_head {
	unsigned int cmd;
	unsigned int flags;
};

#define VHOST_IOCTL_ANYONE	0x1	/* the caller need not be the owner */
#define VHOST_IOCTL_OUT		0x2	/* copy out although the number says _IOW */
#define VHOST_IOCTL_RAW		0x4	/* the handler copies the argument itself */
#define VHOST_IOCTL_OWNED	0x8	/* -EINVAL while there is no owner */

/* Room for the largest argument that is copied as a whole. */
#define VHOST_IOCTL_ARG		64

/**
 * struct vhost_ioctl_target - the device an ioctl is for
 * @mutex: serialises its ioctls
 * @mm: where its owner's address space is noted, NULL for none; under @mutex
 * @call: does what a row says, under @mutex, with the argument at @arg in kernel
 *	memory (VHOST_IOCTL_ARG bytes, zero behind it; NULL if VHOST_IOCTL_RAW) and
 *	its user address at @user
 * @dev: for @call
 */
struct vhost_ioctl_target {
	struct mutex *mutex;
	struct mm_struct *const *mm;
	int (*call)(void *dev, const struct vhost_ioctl_head *row, void *arg,
		    void __user *user);
	void *dev;
};

/**
 * struct vhost_ioctl - one row of the ioctl table of a struct vhost_dev
 * @head: how it is called
 * @fn: handles it, see vhost_ioctl_target.call
 * @vq_fn: instead of @fn, for calls whose argument begins with the index of a
 *	queue: that queue is locked as well
 */
struct vhost_ioctl {
	struct vhost_ioctl_head head;
	int (*fn)(struct vhost_dev *dev, void *arg, void __user *user);
	int (*vq_fn)(struct vhost_virtqueue *vq, void *arg);
};

/**
 * struct vhost_dev_ops - what a device driver brings
 * @name: of the device file
 * @features: feature bits it offers, the first 64
 * @features_array: all of them
 * @ioctls: its own ioctls
 * @nioctls: how many
 * @features_ok: may the driver's choice become this? Called before anything is changed,
 *	under vhost_dev.mutex; returns 0 or an error for the caller. NULL if always
 * @vq_features: called under the queue's mutex after its features were set
 * @stop: let go of all backends; under vhost_dev.mutex, may sleep. When it
 *	returns no queue is running, no handler uses a backend, and nobody queues
 *	work but for kick eventfds
 * @show_vq: print more of a queue for who reads its file in debugfs. Called without
 *	locks, at any time while there is an owner. NULL if there is nothing to say
 */
struct vhost_dev_ops {
	const char *name;
	VIRTIO_DECLARE_FEATURES(features);
	const struct vhost_ioctl *ioctls;
	unsigned int nioctls;
	int (*features_ok)(struct vhost_dev *dev, const u64 *features);
	void (*vq_features)(struct vhost_virtqueue *vq);
	void (*stop)(struct vhost_dev *dev);
	void (*show_vq)(struct seq_file *m, struct vhost_virtqueue *vq);
};

/**
 * struct vhost_debug - a device's directory in debugfs
 * @dir: the directory
 * @owner: process that became the owner
 * @id: number in its name, negative while there is none
 *
 * Written under vhost_dev.mutex while nobody reads the files.
 */
struct vhost_debug {
	struct dentry *dir;
	pid_t owner;
	int id;
};

/**
 * struct vhost_dev - one open /dev/vhost-* file
 * @ops: its driver; immutable
 * @vqs: its queues; immutable
 * @nvqs: how many; immutable
 * @slots: guest memory
 * @iotlb: device IOTLB
 * @mutex: serialises ioctls; protects what follows
 * @mm: address space of the owner; NULL without one. Workers may read it: it
 *	outlives them
 * @workers: the threads, by number
 * @fork_owner: they are, or will be, the owner's own and not the kernel's
 * @backend_features: VHOST_BACKEND_F_* the VMM uses; read without the lock too
 * @log_base: user address of the dirty log
 * @debug: its files in debugfs
 */
struct vhost_dev {
	const struct vhost_dev_ops *ops;
	struct vhost_virtqueue **vqs;
	unsigned int nvqs;
	struct memslots slots;
	struct vhost_iotlb iotlb;

	struct mutex mutex;
	struct mm_struct *mm;
	struct xarray workers;
	bool fork_owner;
	u64 backend_features;
	u64 log_base;
	struct vhost_debug debug;
};

/* ioctl.c */
long vhost_ioctl(const struct vhost_ioctl_target *target, const struct vhost_ioctl_head *row,
		 void __user *user);

/* dev.c, owner.c */
void vhost_dev_init(struct vhost_dev *dev, const struct vhost_dev_ops *ops,
		    struct vhost_virtqueue **vqs, unsigned int nvqs);
void vhost_dev_release(struct vhost_dev *dev);
long vhost_dev_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

/* ioctl_vring.c, mem_table.c */
int vhost_vring_addr_check(const struct vhost_vring_addr *addr, u64 features);
int vhost_mem_table_check(const struct vhost_memory *head, void __user *user);

/* iotlb_msg.c */
ssize_t vhost_msg_get(struct iov_iter *from, bool has_asid, struct vhost_iotlb_msg *msg,
		      u32 *asid);
ssize_t vhost_dev_read_iter(struct kiocb *iocb, struct iov_iter *to);
ssize_t vhost_dev_write_iter(struct kiocb *iocb, struct iov_iter *from);
ssize_t vhost_dev_write(struct file *file, const char __user *buf, size_t len, loff_t *pos);
__poll_t vhost_dev_poll(struct file *file, poll_table *table);

/*
 * Members of a device's struct file_operations, beside .open and .release. The former
 * leaves the struct vhost_dev in file.private_data.
 */
#define VHOST_DEV_FILE_OPS				\
	.owner = THIS_MODULE,				\
	.read_iter = vhost_dev_read_iter,		\
	.write_iter = vhost_dev_write_iter,		\
	.write = vhost_dev_write,			\
	.poll = vhost_dev_poll,				\
	.unlocked_ioctl = vhost_dev_ioctl,		\
	.compat_ioctl = compat_ptr_ioctl,		\
	.llseek = noop_llseek

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
void vhost_wait_init(struct vhost_wait *wait, void (*ready)(struct vhost_wait *wait),
		     __poll_t mask);
int vhost_wait_start(struct vhost_wait *wait, struct file *file);
void vhost_wait_stop(struct vhost_wait *wait);
int vhost_wait_eventfd(struct vhost_wait *wait, struct file **place, int fd);
struct eventfd_ctx *vhost_eventfd_get(int fd);
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
