// SPDX-License-Identifier: GPL-2.0-only
/* One queue: whether it runs, turns, and what a class does within them. */

#include <linux/bottom_half.h>
#include <linux/device.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "sim.h"

/**
 * sim_queues_create - make a device's queues
 * @sim: the device; its address spaces are there and not in use
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM. sim_queues_destroy() is to be called in any case.
 */
int sim_queues_create(struct sim *sim)
{
	unsigned int i, asid;

	sim->queues = kvzalloc_objs(*sim->queues, sim->vdev.nvqs);
	if (!sim->queues)
		return -ENOMEM;
	for (i = 0; i < sim->vdev.nvqs; i++) {
		struct sim_queue *q = &sim->queues[i];

		q->sim = sim;
		q->index = i;
		mutex_init(&q->mutex);
		spin_lock_init(&q->cb_lock);
		u64_stats_init(&q->sync);
		q->iov = kvmalloc_objs(*q->iov, DEVQ_CHAIN_SEGS);
		q->readers = kzalloc_objs(*q->readers, sim->vdev.nas);
		if (!q->iov || !q->readers)
			return -ENOMEM;
		for (asid = 0; asid < sim->vdev.nas; asid++)
			memmap_add_reader(&sim->spaces[asid], &q->readers[asid]);
		sim_queue_reset(q);
	}
	return 0;
}

/**
 * sim_queues_destroy - free them
 * @sim: the device; its threads are gone
 */
void sim_queues_destroy(struct sim *sim)
{
	unsigned int i;

	for (i = 0; sim->queues && i < sim->vdev.nvqs; i++) {
		kvfree(sim->queues[i].iov);
		kfree(sim->queues[i].readers);
	}
	kvfree(sim->queues);
}

/*
 * Says once why a queue is broken: to the log, and by the status to the driver, who
 * has set DRIVER_OK, for otherwise no queue runs (virtio 1.3, 2.1.2).
 * Context: sim_queue.mutex.
 */
static void sim_queue_break(struct sim_queue *q, enum devq_error error)
{
	if (q->broken)
		return;
	q->broken = true;
	dev_warn_ratelimited(&q->sim->vdev.dev, "virtqueue %u stopped: %s\n", q->index,
			     devq_error_name(error));
	WRITE_ONCE(q->sim->needs_reset, true);
	sim_config_changed(q->sim);
}

/* Context: sim.lock and sim_queue.mutex. */
static void sim_queue_start(struct sim_queue *q)
{
	struct sim *sim = q->sim;
	u32 group = sim_group_of(sim, q->index);
	u32 asid = sim->group_asid[group], desc_asid = sim->desc_asid[group];
	struct devq_config cfg = {
		.mem = sim->mm ? DEVQ_MEM_USER : DEVQ_MEM_PHYS,
		.addr = q->addr,
		.num = q->num,
		.features = sim->features,
		.little_endian = sim_little_endian(sim),
		.no_miss = true,
		.keep_used = true,
		.iotlb = &sim->spaces[asid],
		.iotlb_reader = &q->readers[asid],
	};

	if (desc_asid != SIM_ASID_NONE && desc_asid != asid) {
		cfg.ring_map = &sim->spaces[desc_asid];
		cfg.ring_reader = &q->readers[desc_asid];
	}
	if (!q->broken && devq_start(&q->ring, &cfg))
		sim_queue_break(q, DEVQ_E_FAULT);
}

/**
 * sim_queues_apply - start and stop queues as the state of the device says
 * @sim: the device
 *
 * When it returns, no queue that is not to run is in a turn. A queue that starts
 * is looked at, since its driver may have kicked before.
 *
 * Context: sim.lock; may sleep.
 */
void sim_queues_apply(struct sim *sim)
{
	bool on = (sim->status & VIRTIO_CONFIG_S_DRIVER_OK) && !sim->suspended;
	unsigned int i;

	lockdep_assert_held(&sim->lock);
	for (i = 0; i < sim->vdev.nvqs; i++) {
		struct sim_queue *q = &sim->queues[i];
		bool run = on && q->ready && q->addr_set;

		if (run == q->running)
			continue;
		sim_wait_turn(q);
		if (run)
			sim_queue_start(q);
		else
			devq_stop(&q->ring);
		mutex_unlock(&q->mutex);
		q->running = run;
		if (run)
			sim_kick(sim, i);
	}
	sim_calm(sim);
}

/**
 * sim_queue_reset - to the state after the device was made
 * @q: the queue; it does not run
 *
 * Context: sim.lock, or nobody has the device yet.
 */
void sim_queue_reset(struct sim_queue *q)
{
	q->ready = false;
	q->addr_set = false;
	q->num = SIM_QUEUE_MAX;
	q->addr = (struct devq_addr) {};
	mutex_lock(&q->mutex);
	devq_init(&q->ring);
	q->broken = false;
	mutex_unlock(&q->mutex);
	spin_lock_bh(&q->cb_lock);
	q->cb = (struct vdpa_callback) {};
	spin_unlock_bh(&q->cb_lock);
}

static bool sim_queue_begin(struct sim_queue *q)
{
	if (devq_running(&q->ring) && !q->broken) {
		if (!devq_enter(&q->ring))
			return true;
		sim_queue_break(q, q->ring.error);
	}
	mutex_unlock(&q->mutex);
	return false;
}

/**
 * sim_queue_enter - begin a turn
 * @q: the queue
 *
 * Context: sim_class.serve; may sleep.
 * Return: true if it runs, and can. Then, and only then, sim_queue_exit() has to
 * follow.
 */
bool sim_queue_enter(struct sim_queue *q)
{
	mutex_lock(&q->mutex);
	return sim_queue_begin(q);
}
EXPORT_SYMBOL_NS_GPL(sim_queue_enter, "RINGSIDE");

/**
 * sim_queue_enter_second - begin a turn of a queue within that of another
 * @q: the queue; all threads that take both take them in this order
 *
 * Context: as sim_queue_enter().
 * Return: see there.
 */
bool sim_queue_enter_second(struct sim_queue *q)
{
	mutex_lock_nested(&q->mutex, SINGLE_DEPTH_NESTING);
	return sim_queue_begin(q);
}
EXPORT_SYMBOL_NS_GPL(sim_queue_enter_second, "RINGSIDE");

/**
 * sim_queue_exit - end a turn
 * @q: the queue
 */
void sim_queue_exit(struct sim_queue *q)
{
	devq_exit(&q->ring);
	if (q->ring.error)
		sim_queue_break(q, q->ring.error);
	q->nused = 0;
	mutex_unlock(&q->mutex);
}
EXPORT_SYMBOL_NS_GPL(sim_queue_exit, "RINGSIDE");

/**
 * sim_queue_pop - take buffers
 * @q: the queue
 * @max: how many at most, up to SIM_BATCH
 *
 * They are in sim_queue.chain until the next call.
 *
 * Context: within a turn; may sleep.
 * Return: how many, 0 if there are none, -EIO if the ring is broken.
 */
int sim_queue_pop(struct sim_queue *q, unsigned int max)
{
	return devq_pop(&q->ring, q->chain, max, q->iov, DEVQ_CHAIN_SEGS);
}
EXPORT_SYMBOL_NS_GPL(sim_queue_pop, "RINGSIDE");

/**
 * sim_queue_use - be done with a buffer
 * @q: the queue
 * @chain: the buffer
 * @len: bytes written to it
 *
 * The driver gets it by sim_queue_flush(), or when there are SIM_BATCH of them.
 *
 * Context: within a turn; may sleep.
 */
void sim_queue_use(struct sim_queue *q, const struct devq_chain *chain, u32 len)
{
	if (q->nused == SIM_BATCH)
		sim_queue_flush(q);
	q->used[q->nused++] = devq_use(chain, len);
}
EXPORT_SYMBOL_NS_GPL(sim_queue_use, "RINGSIDE");

static void sim_queue_signal(struct sim_queue *q)
{
	if (devq_want_signal(&q->ring) <= 0)
		return;
	spin_lock_bh(&q->cb_lock);
	if (q->cb.fn)
		q->cb.fn(q->cb.data);
	spin_unlock_bh(&q->cb_lock);
}

/**
 * sim_queue_flush - give used buffers to the driver, and tell it if it wants to know
 * @q: the queue
 *
 * Context: within a turn; may sleep.
 */
void sim_queue_flush(struct sim_queue *q)
{
	unsigned int n = q->nused;

	q->nused = 0;
	if (n && !devq_push(&q->ring, q->used, n))
		sim_queue_signal(q);
}
EXPORT_SYMBOL_NS_GPL(sim_queue_flush, "RINGSIDE");

static void sim_iter(const struct sim_queue *q, struct iov_iter *iter, unsigned int direction,
		     const struct iovec *seg, unsigned int n, size_t len)
{
	if (q->ring.phys)
		iov_iter_kvec(iter, direction, devq_kvec(seg), n, len);
	else
		iov_iter_init(iter, direction, seg, n, len);
}

/**
 * sim_chain_out - read what the driver wrote
 * @q: the queue
 * @chain: a buffer of it
 * @iter: to become its device-readable part
 *
 * Context: within a turn.
 */
void sim_chain_out(const struct sim_queue *q, const struct devq_chain *chain,
		   struct iov_iter *iter)
{
	sim_iter(q, iter, ITER_SOURCE, chain->seg, chain->nr_out, chain->out_len);
}
EXPORT_SYMBOL_NS_GPL(sim_chain_out, "RINGSIDE");

/**
 * sim_chain_in - write what the driver reads
 * @q: the queue
 * @chain: a buffer of it
 * @iter: to become its device-writable part
 *
 * Context: within a turn.
 */
void sim_chain_in(const struct sim_queue *q, const struct devq_chain *chain,
		  struct iov_iter *iter)
{
	sim_iter(q, iter, ITER_DEST, chain->seg + chain->nr_out, chain->nr_in, chain->in_len);
}
EXPORT_SYMBOL_NS_GPL(sim_chain_in, "RINGSIDE");

/**
 * sim_count - add to a counter
 * @q: the queue
 * @n: which of those sim_class.counters names
 * @add: how much
 *
 * Context: within a turn.
 */
void sim_count(struct sim_queue *q, unsigned int n, u64 add)
{
	u64_stats_update_begin(&q->sync);
	u64_stats_add(&q->count[n], add);
	u64_stats_update_end(&q->sync);
}
EXPORT_SYMBOL_NS_GPL(sim_count, "RINGSIDE");
