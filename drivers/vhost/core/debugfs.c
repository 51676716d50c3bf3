// SPDX-License-Identifier: GPL-2.0-only
/*
 * What root may see of a device that has an owner: in
 * /sys/kernel/debug/vhost/<device>-<pid>-<number>, a file for the device and one for each
 * queue that has been told where its ring is: a device may have a thousand without.
 *
 * Who reads takes no lock that is held by those who wait for memory of the guest: a
 * queue that hangs is the one that somebody wants to look at. Each number is right by
 * itself; what is seen together need not be of the same moment.
 */

#include <linux/idr.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "debugfs.h"
#include "internal.h"
#include "worker.h"

static struct dentry *vhost_debug_root;
static DEFINE_IDA(vhost_debug_ids);

/**
 * vhost_debug_dir - a directory for a device
 * @name: its name
 *
 * Context: may sleep.
 * Return: what debugfs_remove() takes, and debugfs_create_*() as a parent. Failure is
 * nobody's problem but that of who wants to look.
 */
struct dentry *vhost_debug_dir(const char *name)
{
	return debugfs_create_dir(name, vhost_debug_root);
}
EXPORT_SYMBOL_NS_GPL(vhost_debug_dir, "RINGSIDE");

static const struct {
	unsigned int bit;
	const char *name;
} vhost_debug_bits[] = {
	{ VIRTIO_F_NOTIFY_ON_EMPTY, "NOTIFY_ON_EMPTY" },
	{ VHOST_F_LOG_ALL, "LOG_ALL" },
	{ VIRTIO_RING_F_INDIRECT_DESC, "INDIRECT_DESC" },
	{ VIRTIO_RING_F_EVENT_IDX, "EVENT_IDX" },
	{ VIRTIO_F_VERSION_1, "VERSION_1" },
	{ VIRTIO_F_ACCESS_PLATFORM, "ACCESS_PLATFORM" },
	{ VIRTIO_F_RING_PACKED, "RING_PACKED" },
	{ VIRTIO_F_IN_ORDER, "IN_ORDER" },
	{ VIRTIO_F_ORDER_PLATFORM, "ORDER_PLATFORM" },
	{ VIRTIO_F_NOTIFICATION_DATA, "NOTIFICATION_DATA" },
	{ VIRTIO_F_RING_RESET, "RING_RESET" },
};

/**
 * vhost_debug_features - print feature bits
 * @m: where to
 * @features: VIRTIO_FEATURES_U64S words, which may change
 *
 * As numbers, and by name those that mean the same for every device.
 */
void vhost_debug_features(struct seq_file *m, const u64 *features)
{
	u64 words[VIRTIO_FEATURES_U64S];
	unsigned int i;

	for (i = 0; i < VIRTIO_FEATURES_U64S; i++)
		words[i] = READ_ONCE(features[i]);
	seq_puts(m, "features: 0x");
	for (i = VIRTIO_FEATURES_U64S - 1; i && !words[i]; i--)
		;
	seq_printf(m, "%llx", words[i]);
	while (i--)
		seq_printf(m, "%016llx", words[i]);
	for (i = 0; i < ARRAY_SIZE(vhost_debug_bits); i++)
		if (virtio_features_test_bit(words, vhost_debug_bits[i].bit))
			seq_printf(m, " %s", vhost_debug_bits[i].name);
	seq_putc(m, '\n');
}
EXPORT_SYMBOL_NS_GPL(vhost_debug_features, "RINGSIDE");

static void vhost_debug_dev_show(struct seq_file *m)
{
	const struct vhost_dev *dev = m->private;

	seq_printf(m, "device: %s\n", dev->ops->name);
	seq_printf(m, "owner: %d\n", dev->debug.owner);
	seq_printf(m, "queues: %u\n", dev->nvqs);
	seq_printf(m, "slots: %u\n", READ_ONCE(dev->slots.map.count));
	seq_printf(m, "iotlb: %s\n", READ_ONCE(dev->iotlb.on) ? "on" : "off");
	seq_printf(m, "iotlb_entries: %u\n", READ_ONCE(dev->iotlb.map.count));
	seq_printf(m, "backend_features: 0x%llx\n", READ_ONCE(dev->backend_features));
	seq_printf(m, "log: %s\n", READ_ONCE(dev->log_base) ? "set" : "none");
}

VHOST_DEBUG_FILE(vhost_debug_dev);

/* Which thread serves the queue. Returns true if it will not do so any more. */
static bool vhost_debug_worker(struct seq_file *m, struct vhost_virtqueue *vq)
{
	const struct vhost_worker *worker;
	struct task_struct *task;
	char comm[TASK_COMM_LEN];
	bool dead = false;

	rcu_read_lock();
	worker = rcu_dereference(vq->worker);
	if (worker) {
		dead = READ_ONCE(worker->dead);
		seq_printf(m, "worker: %u\n", worker->id);
		/* The task stays as long as the worker. */
		task = READ_ONCE(worker->task);
		if (task) {
			get_task_comm(comm, task);
			seq_printf(m, "thread: %d %s\n", task_pid_nr(task), comm);
		}
	}
	rcu_read_unlock();
	return dead;
}

/* Is the queue to wait for an answer of the VMM's IOMMU? Says so then. */
static bool vhost_debug_miss(struct seq_file *m, struct vhost_virtqueue *vq)
{
	struct vhost_iotlb *iotlb = &vq->dev->iotlb;
	struct vhost_iotlb_request req;

	spin_lock(&iotlb->lock);
	req = vq->request;
	spin_unlock(&iotlb->lock);
	if (!req.type)
		return false;
	seq_printf(m, "state: waits for the device IOTLB, %s of 0x%llx\n",
		   req.type == VHOST_IOTLB_MISS ? "a miss" : "a refused access", req.addr);
	return true;
}

static void vhost_debug_state(struct seq_file *m, struct vhost_virtqueue *vq, bool dead)
{
	enum devq_error error = READ_ONCE(vq->ring.error);

	if (!READ_ONCE(vq->backend))
		seq_puts(m, "state: stopped, no backend\n");
	else if (error)
		seq_printf(m, "state: broken, %s\n", devq_error_name(error));
	else if (dead)
		seq_puts(m, "state: stopped, its worker was killed\n");
	else if (!READ_ONCE(vq->addr_set))
		seq_puts(m, "state: waits for VHOST_SET_VRING_ADDR\n");
	else if (!vhost_debug_miss(m, vq))
		seq_printf(m, "state: %s\n",
			   mutex_is_locked(&vq->mutex) ? "running, in a turn" : "running, idle");
}

static void vhost_debug_config(struct seq_file *m, const struct vhost_virtqueue *vq)
{
	const struct devq_pos *pos = &vq->ring.pos;
	bool packed = READ_ONCE(vq->features) & BIT_ULL(VIRTIO_F_RING_PACKED);

	seq_printf(m, "layout: %s\n", packed ? "packed" : "split");
	seq_printf(m, "size: %u\n", READ_ONCE(vq->num));
	vhost_debug_features(m, vq->features_array);
	seq_printf(m, "avail: %u\n", READ_ONCE(pos->avail));
	seq_printf(m, "next_used: %u\n", READ_ONCE(pos->used));
	if (packed)
		seq_printf(m, "wrap: %u %u\n", READ_ONCE(pos->avail_wrap),
			   READ_ONCE(pos->used_wrap));
	seq_printf(m, "eventfds:%s%s%s%s\n", READ_ONCE(vq->kick) ? " kick" : "",
		   READ_ONCE(vq->call) ? " call" : "", READ_ONCE(vq->err) ? " err" : "",
		   READ_ONCE(vq->log) ? " log" : "");
	seq_printf(m, "busyloop_timeout: %u\n", READ_ONCE(vq->busyloop_timeout));
}

static void vhost_debug_count(struct seq_file *m, const char *name, const u64 *counter)
{
	seq_printf(m, "%s: %llu\n", name, READ_ONCE(*counter));
}

static void vhost_debug_counters(struct seq_file *m, const struct vhost_virtqueue *vq)
{
	const struct devq_stats *stats = &vq->ring.stats;
	enum devq_error last = READ_ONCE(stats->last_error);

	vhost_debug_count(m, "kicks", &vq->poll.wait.woken);
	vhost_debug_count(m, "turns", &vq->turns);
	vhost_debug_count(m, "batches", &stats->pops);
	vhost_debug_count(m, "buffers", &stats->buffers);
	vhost_debug_count(m, "bytes_read", &stats->read);
	vhost_debug_count(m, "used_batches", &stats->pushes);
	vhost_debug_count(m, "used", &stats->used);
	vhost_debug_count(m, "bytes_written", &stats->written);
	vhost_debug_count(m, "calls", &stats->signals);
	vhost_debug_count(m, "iotlb_misses", &vq->misses);
	vhost_debug_count(m, "errors", &stats->errors);
	seq_printf(m, "last_error: %s\n", last ? devq_error_name(last) : "none");
}

static void vhost_debug_vq_show(struct seq_file *m)
{
	struct vhost_virtqueue *vq = m->private;
	bool dead = vhost_debug_worker(m, vq);

	vhost_debug_state(m, vq, dead);
	vhost_debug_config(m, vq);
	vhost_debug_counters(m, vq);
	if (vq->dev->ops->show_vq)
		vq->dev->ops->show_vq(m, vq);
}

VHOST_DEBUG_FILE(vhost_debug_vq);

/**
 * vhost_debug_add - files for a device whose owner is the caller
 * @dev: the device
 *
 * Context: vhost_dev.mutex; may sleep.
 */
void vhost_debug_add(struct vhost_dev *dev)
{
	struct vhost_debug *debug = &dev->debug;
	char name[48];

	lockdep_assert_held(&dev->mutex);
	debug->owner = task_tgid_nr(current);
	debug->id = ida_alloc(&vhost_debug_ids, GFP_KERNEL);
	if (debug->id < 0)
		return;
	snprintf(name, sizeof(name), "%s-%d-%d", dev->ops->name, debug->owner, debug->id);
	debug->dir = vhost_debug_dir(name);
	debugfs_create_file_unsafe("device", 0400, debug->dir, dev, &vhost_debug_dev_fops);
}

/**
 * vhost_debug_add_vq - a file for a queue, unless it has one
 * @vq: the queue
 *
 * Context: vhost_dev.mutex; may sleep.
 */
void vhost_debug_add_vq(struct vhost_virtqueue *vq)
{
	const struct vhost_debug *debug = &vq->dev->debug;
	char name[16];

	lockdep_assert_held(&vq->dev->mutex);
	if (vq->debug || debug->id < 0)
		return;
	snprintf(name, sizeof(name), "vq%u", vq->index);
	debugfs_create_file_unsafe(name, 0400, debug->dir, vq, &vhost_debug_vq_fops);
	vq->debug = true;
}

/**
 * vhost_debug_remove - the files go, and nobody reads them any more
 * @dev: the device; nothing happens if there are none
 *
 * Context: vhost_dev.mutex; may sleep.
 */
void vhost_debug_remove(struct vhost_dev *dev)
{
	struct vhost_debug *debug = &dev->debug;
	unsigned int i;

	lockdep_assert_held(&dev->mutex);
	if (debug->id < 0)
		return;
	debugfs_remove(debug->dir);
	for (i = 0; i < dev->nvqs; i++)
		dev->vqs[i]->debug = false;
	ida_free(&vhost_debug_ids, debug->id);
	debug->dir = NULL;
	debug->id = -1;
}

void vhost_debug_init(void)
{
	vhost_debug_root = debugfs_create_dir("vhost", NULL);
}

void vhost_debug_exit(void)
{
	debugfs_remove(vhost_debug_root);
	ida_destroy(&vhost_debug_ids);
}
