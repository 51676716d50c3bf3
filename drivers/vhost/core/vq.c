// SPDX-License-Identifier: GPL-2.0-only
/* One virtqueue: start, stop, turns of its worker, signals and errors. */

#include <linux/file.h>
#include <linux/module.h>
#include <linux/ratelimit.h>
#include <linux/sched/signal.h>
#include <linux/virtio_config.h>

#include "internal.h"
#include "trace.h"

static void vhost_vq_kick_work(struct vhost_work *work)
{
	struct vhost_virtqueue *vq = container_of(work, struct vhost_virtqueue, poll.work);

	vq->handle_kick(vq);
}

/**
 * vhost_vq_init - a queue without configuration
 * @vq: the queue; its device is given by vhost_dev_init()
 * @handle_kick: serves it. Runs in the worker without locks, whenever the
 *	driver kicked and at least once after each vhost_vq_start()
 */
void vhost_vq_init(struct vhost_virtqueue *vq, void (*handle_kick)(struct vhost_virtqueue *vq))
{
	memset(vq, 0, sizeof(*vq));
	vq->handle_kick = handle_kick;
	vq->legacy_big_endian = !virtio_legacy_is_little_endian();
	mutex_init(&vq->mutex);
	vhost_poll_init(&vq->poll, vhost_vq_kick_work, EPOLLIN, vq);
	devq_init(&vq->ring);
}
EXPORT_SYMBOL_NS_GPL(vhost_vq_init, "RINGSIDE");

/**
 * vhost_vq_lock - take a queue's mutex on behalf of an ioctl
 * @vq: the queue
 *
 * Its worker may hold it in a page fault that only the VMM can resolve.
 *
 * Context: vhost_dev.mutex held; may sleep.
 * Return: 0, or -EINTR if the caller was killed.
 */
int vhost_vq_lock(struct vhost_virtqueue *vq)
{
	return mutex_lock_killable(&vq->mutex);
}
EXPORT_SYMBOL_NS_GPL(vhost_vq_lock, "RINGSIDE");

/* Start the ring engine as configured, or start a running one anew. */
static int vhost_vq_start_ring(struct vhost_virtqueue *vq)
{
	struct vhost_dev *dev = vq->dev;
	bool iotlb = vq->features & BIT_ULL(VIRTIO_F_ACCESS_PLATFORM);
	struct devq_config cfg = {
		.mem = DEVQ_MEM_USER,
		.addr = vq->addr,
		.num = vq->num,
		.features = vq->features,
		.little_endian = !vq->legacy_big_endian,
		.slots = &dev->slots.map,
		.iotlb = iotlb ? &dev->iotlb.map : NULL,
		.iotlb_reader = &vq->iotlb_reader,
	};

	vhost_vq_log_apply(vq);
	return devq_start(&vq->ring, &cfg);
}

/**
 * vhost_vq_start - let a queue run
 * @vq: the queue
 * @backend: what the device driver serves it with, not NULL
 *
 * A queue that runs already goes on with the new backend. In both cases its
 * kick handler is called soon: the driver may have kicked before.
 *
 * Context: the queue's mutex, in the owner's address space; may sleep.
 * Return: 0, or -EFAULT if the ring is not set up or not accessible, or the
 * dirty log cannot be where it is to be; -EINVAL if the layout that was negotiated
 * allows no ring of this size, or the position is beyond its end.
 */
int vhost_vq_start(struct vhost_virtqueue *vq, void *backend)
{
	lockdep_assert_held(&vq->mutex);
	if (!vq->num || !vq->addr_set || !vhost_vq_log_ok(vq, vq->dev->log_base))
		return -EFAULT;
	if (!vq->backend) {
		int err = vhost_vq_start_ring(vq);

		if (err)
			return err;
		trace_vhost_vq_start(vq);
	} else {
		trace_vhost_vq_backend(vq);
	}
	devq_clear_error(&vq->ring);
	vq->backend = backend;
	vhost_vq_requeue(vq);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(vhost_vq_start, "RINGSIDE");

/**
 * vhost_vq_stop - stop a queue
 * @vq: the queue
 *
 * Its position stays for VHOST_GET_VRING_BASE. Once the mutex is dropped and
 * vhost_dev_flush() has returned, the old backend is not in use any more.
 *
 * Context: the queue's mutex.
 */
void vhost_vq_stop(struct vhost_virtqueue *vq)
{
	lockdep_assert_held(&vq->mutex);
	if (vq->backend)
		trace_vhost_vq_stop(vq);
	vq->backend = NULL;
	devq_stop(&vq->ring);
	vhost_iotlb_forget(vq);
}
EXPORT_SYMBOL_NS_GPL(vhost_vq_stop, "RINGSIDE");

/* Once for each time a queue breaks: it takes no further turn until rearmed. */
static void vhost_vq_report(struct vhost_virtqueue *vq)
{
	/* The owner is being let go of, and our page faults fail: no news to anybody. */
	if (fatal_signal_pending(current))
		return;
	trace_vhost_vq_error(vq);
	pr_warn_ratelimited("%s: virtqueue %u stopped: %s\n", current->comm, vq->index,
			    devq_error_name(vq->ring.error));
	if (vq->err)
		eventfd_signal(vq->err);
}

/* Tell the VMM what there is to tell after a turn, or an attempt at one. */
static void vhost_vq_tell(struct vhost_virtqueue *vq)
{
	if (unlikely(vq->ring.log.marked))
		vhost_vq_log_signal(vq);
	if (unlikely(vq->ring.miss.perm))
		vhost_iotlb_ask(vq);
	if (unlikely(vq->ring.error))
		vhost_vq_report(vq);
}

/**
 * vhost_vq_enter - start a turn
 * @vq: the queue
 *
 * Context: the queue's mutex, in the worker.
 * Return: true if there is something to do it with: a backend and a sound ring
 * that can be accessed. Then, and only then, vhost_vq_exit() has to follow.
 */
bool vhost_vq_enter(struct vhost_virtqueue *vq)
{
	lockdep_assert_held(&vq->mutex);
	if (!vq->backend || vq->ring.error || !vq->addr_set)
		return false;
	vq->iotlb_version = READ_ONCE(vq->dev->iotlb.version);
	devq_count(&vq->turns, 1);
	if (likely(!devq_enter(&vq->ring)))
		return true;
	vhost_vq_tell(vq);
	return false;
}
EXPORT_SYMBOL_NS_GPL(vhost_vq_enter, "RINGSIDE");

/**
 * vhost_vq_exit - end a turn
 * @vq: the queue
 *
 * If the ring broke, say so: to the VMM by the error eventfd, to the log. If the
 * device IOTLB lacks an address, ask for it: the answer requeues the queue.
 *
 * Context: the queue's mutex, after vhost_vq_enter().
 */
void vhost_vq_exit(struct vhost_virtqueue *vq)
{
	lockdep_assert_held(&vq->mutex);
	devq_exit(&vq->ring);
	vhost_vq_tell(vq);
}
EXPORT_SYMBOL_NS_GPL(vhost_vq_exit, "RINGSIDE");

/**
 * vhost_vq_signal - tell the driver about pushed buffers if it wants to know
 * @vq: the queue
 *
 * Context: the queue's mutex, between vhost_vq_enter() and vhost_vq_exit().
 */
void vhost_vq_signal(struct vhost_virtqueue *vq)
{
	lockdep_assert_held(&vq->mutex);
	if (devq_want_signal(&vq->ring) > 0 && vq->call)
		eventfd_signal(vq->call);
}
EXPORT_SYMBOL_NS_GPL(vhost_vq_signal, "RINGSIDE");

/**
 * vhost_vq_requeue - call the kick handler again after others had their turn
 * @vq: the queue
 *
 * Context: any.
 */
void vhost_vq_requeue(struct vhost_virtqueue *vq)
{
	vhost_poll_queue(&vq->poll);
}
EXPORT_SYMBOL_NS_GPL(vhost_vq_requeue, "RINGSIDE");

/**
 * vhost_vq_rearm - let a broken queue try again
 * @vq: the queue
 *
 * Context: the queue's mutex.
 */
void vhost_vq_rearm(struct vhost_virtqueue *vq)
{
	lockdep_assert_held(&vq->mutex);
	if (!vq->ring.error)
		return;
	devq_clear_error(&vq->ring);
	vhost_vq_requeue(vq);
}

/* Features that the ring engine need not be started anew for. */
#define VHOST_VQ_LIGHT_FEATURES	BIT_ULL(VHOST_F_LOG_ALL)

/* Have a running queue go on where it stands with new features. */
static int vhost_vq_restart(struct vhost_virtqueue *vq, const u64 *old)
{
	int err = vhost_vq_start_ring(vq);

	if (err) {
		/* The ring stays started; the next turn finds out as well. */
		virtio_features_copy(vq->features_array, old);
		vhost_vq_start_ring(vq);
	}
	vhost_vq_requeue(vq);
	return err;
}

/**
 * vhost_vq_set_features - put feature bits in force
 * @vq: the queue; if it runs, its ring starts anew where it stands
 * @features: what was negotiated, VIRTIO_FEATURES_U64S words
 *
 * With or without VIRTIO_F_ACCESS_PLATFORM the addresses of the ring mean
 * something else: a change of that bit has the queue wait for new ones.
 *
 * Context: the queue's mutex, in the owner's address space if it runs.
 * Return: 0, or if a running queue cannot go on with them -EFAULT or -EINVAL as from
 * vhost_vq_start(); the old features are in force then.
 */
int vhost_vq_set_features(struct vhost_virtqueue *vq, const u64 *features)
{
	u64 old[VIRTIO_FEATURES_U64S], changed;
	int err = 0;

	lockdep_assert_held(&vq->mutex);
	if (virtio_features_equal(features, vq->features_array))
		return 0;
	virtio_features_copy(old, vq->features_array);
	virtio_features_copy(vq->features_array, features);
	changed = old[0] ^ features[0];
	if (changed & BIT_ULL(VIRTIO_F_ACCESS_PLATFORM))
		vq->addr_set = false;
	else if (vq->backend && vq->addr_set && (changed & ~VHOST_VQ_LIGHT_FEATURES))
		err = vhost_vq_restart(vq, old);
	vhost_vq_log_apply(vq);
	vq->dev->ops->vq_features(vq);
	return err;
}

/**
 * vhost_vq_set_addr - say where the ring is
 * @vq: the queue; if it runs, its ring has moved there
 * @addr: the areas
 * @log_ring: log writes to the device area
 * @log_addr: its address for the log
 *
 * Context: the queue's mutex, vhost_dev.mutex, in the owner's address space.
 * Return: 0, or -EINVAL if a running queue cannot go on there or cannot log
 * there; nothing has changed then.
 */
int vhost_vq_set_addr(struct vhost_virtqueue *vq, const struct devq_addr *addr, bool log_ring,
		      u64 log_addr)
{
	struct { bool ring; u64 addr; struct devq_addr areas; } old = {
		vq->log_ring, vq->log_addr, vq->addr,
	};
	int err = 0;

	lockdep_assert_held(&vq->mutex);
	vq->log_ring = log_ring;
	vq->log_addr = log_addr;
	vq->addr = *addr;
	if (!vq->backend) {
		/* Looked at when the queue starts. */
	} else if (!vhost_vq_log_ok(vq, vq->dev->log_base)) {
		err = -EINVAL;
	} else if (vq->addr_set) {
		err = devq_move(&vq->ring, addr);
	} else {
		/* It waited for addresses of the right kind. */
		err = vhost_vq_start_ring(vq);
		vhost_vq_requeue(vq);
	}
	if (err) {
		vq->log_ring = old.ring;
		vq->log_addr = old.addr;
		vq->addr = old.areas;
		return -EINVAL;
	}
	vq->addr_set = true;
	vhost_vq_log_apply(vq);
	vhost_vq_rearm(vq);
	return 0;
}

/**
 * vhost_vq_reset - forget the configuration
 * @vq: the queue, stopped
 *
 * Context: vhost_dev.mutex; may sleep.
 */
void vhost_vq_reset(struct vhost_virtqueue *vq)
{
	mutex_lock(&vq->mutex);
	vhost_poll_stop(&vq->poll);
	if (vq->kick)
		fput(vq->kick);
	if (vq->call)
		eventfd_ctx_put(vq->call);
	if (vq->err)
		eventfd_ctx_put(vq->err);
	if (vq->log)
		eventfd_ctx_put(vq->log);
	vq->kick = NULL;
	vq->call = NULL;
	vq->err = NULL;
	vq->log = NULL;
	vq->num = 0;
	vq->addr_set = false;
	vq->log_ring = false;
	vq->log_addr = 0;
	memset(vq->features_array, 0, sizeof(vq->features_array));
	vq->legacy_big_endian = !virtio_legacy_is_little_endian();
	vq->busyloop_timeout = 0;
	vq->turns = 0;
	vq->misses = 0;
	vq->poll.wait.woken = 0;
	devq_init(&vq->ring);
	vhost_vq_log_apply(vq);
	vq->dev->ops->vq_features(vq);
	mutex_unlock(&vq->mutex);
}
