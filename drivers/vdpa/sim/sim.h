/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_VDPA_SIM_H
#define RINGSIDE_VDPA_SIM_H
/*
 * Simulators: vDPA devices in software. vdpa_sim is what they share: queues over
 * the ring engine, address spaces, threads, status, suspend. A class (sim_class)
 * is what makes one a network card or a disk: a table of operations in one file.
 * Documentation/vdpa-sim.rst shows how to write one.
 *
 * Locking, outermost first:
 *   sim.lock		the driver's calls: status, features, configuration of
 *			queues, and whether they run
 *   sim_queue.mutex	a turn; a class that needs two queues at once takes the
 *			second by sim_queue_enter_second()
 *   memmap readers	within a turn
 * and by themselves: memmap.lock from map_begin to its end, sim_queue.cb_lock,
 * sim.config_lock. A thread takes no sim.lock, so that whoever has it may wait for
 * turns to end.
 */

#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/u64_stats_sync.h>
#include <linux/vdpa.h>
#include <linux/vdpa_mgmt.h>
#include <linux/virtio_byteorder.h>
#include <linux/virtio_config.h>

#include "ring/devq.h"

/* Buffers a queue holds popped, or used and not pushed, at a time. */
#define SIM_BATCH	32
/* Counters a queue may have. */
#define SIM_COUNTERS	8
/* Groups that the queues of a device may be in. */
#define SIM_GROUPS	2
/* Instead of an address space: no one has said which. */
#define SIM_ASID_NONE	U32_MAX
/* Bytes of configuration a device may have. */
#define SIM_CONFIG_MAX	256
/* Size of the largest queue. */
#define SIM_QUEUE_MAX	256

/* What every class can do. */
#define SIM_FEATURES_DEFAULT						\
	(BIT_ULL(VIRTIO_F_ANY_LAYOUT) | BIT_ULL(VIRTIO_F_VERSION_1) |	\
	 BIT_ULL(VIRTIO_F_ACCESS_PLATFORM))
/*
 * What it can do as well. Not offered by itself: QEMU looks at what is offered, and
 * with most of these does not shadow a device, which is how it migrates one.
 */
#define SIM_FEATURES							\
	(SIM_FEATURES_DEFAULT | BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC) |	\
	 BIT_ULL(VIRTIO_RING_F_EVENT_IDX) | BIT_ULL(VIRTIO_F_RING_PACKED) |	\
	 BIT_ULL(VIRTIO_F_IN_ORDER))

struct sim;

/**
 * struct sim_queue - a virtqueue
 * @sim: its device; immutable
 * @index: its number; immutable
 * @readers: who it is to the editors of each address space; immutable
 * @iov: room for pieces of chains; immutable
 *
 * Under sim.lock:
 * @ready: the driver has enabled it
 * @addr_set: @addr was given
 * @running: the ring engine runs, or would if the ring were sound
 * @addr: its areas
 * @num: its size
 *
 * @mutex: protects what follows
 * @broken: its ring is unusable, until the device is reset
 * @ring: the ring engine
 * @chain: of the last sim_queue_pop()
 * @used: buffers to give back
 * @nused: how many
 *
 * @cb_lock: protects @cb, and is held while it is called
 * @cb: what to call when buffers were used
 *
 * @sync: tells readers of @count, where they need it, that it changes
 * @count: counters, written in turns
 */
struct sim_queue {
	struct sim *sim;
	u16 index;
	struct memmap_reader *readers;
	struct iovec *iov;

	bool ready;
	bool addr_set;
	bool running;
	struct devq_addr addr;
	u32 num;

	struct mutex mutex;
	bool broken;
	struct devq ring;
	struct devq_chain chain[SIM_BATCH];
	struct devq_used used[SIM_BATCH];
	unsigned int nused;

	spinlock_t cb_lock;
	struct vdpa_callback cb;

	struct u64_stats_sync sync;
	u64_stats_t count[SIM_COUNTERS];
};

/**
 * struct sim_worker - a thread that serves queues
 * @sim: the device
 * @index: its number
 * @thread: the thread
 * @work: a turn
 * @calm: makes the thread wait in page faults, or wait again; see sim_calm()
 *
 * All immutable.
 */
struct sim_worker {
	struct sim *sim;
	unsigned int index;
	struct kthread_worker *thread;
	struct kthread_work work;
	struct kthread_work calm;
};

/**
 * struct sim_class - a kind of device
 * @name: of its management device
 * @device_id: virtio device id
 * @size: of the struct a device is, which begins with struct sim
 * @config_size: bytes of configuration
 * @config_set: VDPA_CONFIG_* besides the features
 * @features: what can be provisioned
 * @default_features: what is offered if nobody says otherwise
 * @max_queues: the most a device can have
 * @create: make a device of its own kind: sim.nworkers, and of sim.vdev the number
 *	of queues, groups and address spaces; it may add to the features. On error
 *	@destroy is not called
 * @destroy: optional. Undo that. No thread is left
 * @reset: optional. No queue runs
 * @serve: a turn of a worker; the mm is in use if one is bound. True if there is
 *	more to do
 * @worker_of: which worker serves a queue. Any context
 * @group_of: optional. Which group a queue is in; 0 if NULL
 * @get_config: all of the configuration; zeroed before. May not wait for turns
 * @set_config: optional. The driver writes to it
 * @set_attr: optional. An operator changes it
 * @counters: optional. Names of a queue's counters, ended by NULL
 */
struct sim_class {
	const char *name;
	u32 device_id;
	size_t size;
	u32 config_size;
	unsigned int config_set;
	u64 features;
	u64 default_features;
	u32 max_queues;

	int (*create)(struct sim *sim, const struct vdpa_config *config,
		      struct netlink_ext_ack *extack);
	void (*destroy)(struct sim *sim);
	void (*reset)(struct sim *sim);
	bool (*serve)(struct sim *sim, unsigned int worker);
	unsigned int (*worker_of)(const struct sim *sim, u16 index);
	u32 (*group_of)(const struct sim *sim, u16 index);
	void (*get_config)(struct sim *sim, void *config);
	void (*set_config)(struct sim *sim, unsigned int offset, const void *buf,
			   unsigned int len);
	int (*set_attr)(struct sim *sim, const struct vdpa_config *config);
	const char *const *(*counters)(const struct sim *sim, u16 index);
};

/**
 * struct sim - a device
 * @vdev: on the bus
 * @class: its kind; immutable
 * @created: sim_class.create has succeeded; immutable
 * @queues: vdev.nvqs of them; immutable
 * @workers: @nworkers of them; immutable
 * @nworkers: set by sim_class.create; immutable
 * @ngroups: groups of queues. If rings have groups of their own, these follow, one for
 *	each; immutable
 * @spaces: address spaces, vdev.nas of them; each has its lock
 *
 * @lock: serialises the driver's calls; protects what follows. @status, @features,
 *	@generation are also read without; @mm by threads, who are flushed after
 *	it has changed
 * @status: device status
 * @suspended: by the driver
 * @needs_reset: a queue is broken. Set in any turn, cleared when there are none
 * @upset: threads were kept from waiting in page faults
 * @features: negotiated
 * @generation: of the configuration
 * @group_asid: address space of each group of queues
 * @desc_asid: that of their rings, SIM_ASID_NONE for the same
 * @mm: whose user addresses the address spaces lead to; NULL if they lead to
 *	physical ones
 *
 * @config_lock: protects @config_cb, and is held while it is called
 * @config_cb: what to call when the configuration changes
 */
struct sim {
	struct vdpa_device vdev;
	const struct sim_class *class;
	bool created;
	struct sim_queue *queues;
	struct sim_worker *workers;
	unsigned int nworkers;
	u32 ngroups;
	struct memmap *spaces;

	struct mutex lock;
	u8 status;
	bool suspended;
	bool needs_reset;
	bool upset;
	u64 features;
	u32 generation;
	u32 group_asid[SIM_GROUPS];
	u32 desc_asid[SIM_GROUPS];
	struct mm_struct *mm;

	spinlock_t config_lock;
	struct vdpa_callback config_cb;
};

/**
 * struct sim_parent - a class at work
 * @mgmt: its management device
 * @class: the class
 * @root: the management device in the device model
 * @ids: what the management device makes
 */
struct sim_parent {
	struct vdpa_mgmt_dev mgmt;
	const struct sim_class *class;
	struct device *root;
	u32 ids[2];
};

static inline struct sim *vdpa_to_sim(struct vdpa_device *vdev)
{
	return container_of(vdev, struct sim, vdev);
}

/* Was a feature negotiated? */
static inline bool sim_has(const struct sim *sim, unsigned int feature)
{
	return READ_ONCE(sim->features) & BIT_ULL(feature);
}

/* Which group a queue is in. */
static inline u32 sim_group_of(const struct sim *sim, u16 index)
{
	return sim->class->group_of ? sim->class->group_of(sim, index) : 0;
}

/* Byte order of the configuration and of what is in buffers. */
static inline bool sim_little_endian(const struct sim *sim)
{
	return virtio_legacy_is_little_endian() || sim_has(sim, VIRTIO_F_VERSION_1);
}

/* main.c */
void sim_free(struct vdpa_device *vdev);
int sim_register(struct sim_parent *parent, const struct sim_class *class, struct module *owner);
void sim_unregister(struct sim_parent *parent);

/**
 * module_sim_class - a module that is nothing but a class
 * @class: its struct sim_class
 */
#define module_sim_class(class)							\
static struct sim_parent class##_parent;					\
										\
static int __init class##_init(void)						\
{										\
	return sim_register(&class##_parent, &class, THIS_MODULE);		\
}										\
module_init(class##_init);							\
										\
static void __exit class##_exit(void)						\
{										\
	sim_unregister(&class##_parent);					\
}										\
module_exit(class##_exit)

/* ops.c */
extern const struct vdpa_ops sim_ops;
void sim_config_changed(struct sim *sim);
void sim_groups_reset(struct sim *sim);

/* space.c */
int sim_spaces_create(struct sim *sim);
void sim_spaces_destroy(struct sim *sim);
int sim_map_begin(struct vdpa_device *vdev, u32 asid);
int sim_map_add(struct vdpa_device *vdev, u32 asid, const struct vdpa_range *range);
void sim_map_remove(struct vdpa_device *vdev, u32 asid, u64 first, u64 last);
int sim_map_commit(struct vdpa_device *vdev, u32 asid);
void sim_map_cancel(struct vdpa_device *vdev, u32 asid);
int sim_bind_mm(struct vdpa_device *vdev, struct mm_struct *mm);
void sim_unbind_mm(struct vdpa_device *vdev);

/* worker.c */
int sim_workers_create(struct sim *sim, const char *name);
void sim_workers_destroy(struct sim *sim);
void sim_workers_flush(struct sim *sim);
void sim_kick(struct sim *sim, u16 index);
void sim_wait_turn(struct sim_queue *q);
void sim_calm(struct sim *sim);

/* queue.c */
int sim_queues_create(struct sim *sim);
void sim_queues_destroy(struct sim *sim);
void sim_queues_apply(struct sim *sim);
void sim_queue_reset(struct sim_queue *q);
bool sim_queue_enter(struct sim_queue *q);
bool sim_queue_enter_second(struct sim_queue *q);
void sim_queue_exit(struct sim_queue *q);
int sim_queue_pop(struct sim_queue *q, unsigned int max);
void sim_queue_use(struct sim_queue *q, const struct devq_chain *chain, u32 len);
void sim_queue_flush(struct sim_queue *q);
void sim_chain_out(const struct sim_queue *q, const struct devq_chain *chain,
		   struct iov_iter *iter);
void sim_chain_in(const struct sim_queue *q, const struct devq_chain *chain,
		  struct iov_iter *iter);
void sim_count(struct sim_queue *q, unsigned int n, u64 add);

#endif
