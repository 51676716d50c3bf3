// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ioctls about one queue, and its eventfds. Each is called under
 * vhost_vdpa_file.mutex.
 */

#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/virtio_config.h>

#include "vdpa.h"

/* The driver kicked: the parent hears of it without another thread between. */
static void vhost_vdpa_vq_kicked(struct vhost_wait *wait)
{
	struct vhost_vdpa_vq *vq = container_of(wait, struct vhost_vdpa_vq, wait);
	struct vdpa_device *vdev = vq->file->vdev;

	vdev->ops->kick_vq(vdev, vq->index);
}

/* The device calls it in any context. */
static void vhost_vdpa_vq_used(void *data)
{
	struct vhost_vdpa_vq *vq = data;
	unsigned long flags;

	spin_lock_irqsave(&vq->call_lock, flags);
	WRITE_ONCE(vq->calls, vq->calls + 1);
	if (vq->call)
		eventfd_signal(vq->call);
	spin_unlock_irqrestore(&vq->call_lock, flags);
}

/**
 * vhost_vdpa_vq_init - a queue without eventfds
 * @vq: the queue, zeroed
 * @file: of which file
 * @index: its number
 */
void vhost_vdpa_vq_init(struct vhost_vdpa_vq *vq, struct vhost_vdpa_file *file, u16 index)
{
	vq->file = file;
	vq->index = index;
	spin_lock_init(&vq->call_lock);
	vhost_wait_init(&vq->wait, vhost_vdpa_vq_kicked, EPOLLIN);
}

/**
 * vhost_vdpa_vq_attach - have the device call us
 * @vq: the queue
 *
 * For as long as the file is open, whether or not there is an eventfd: it can be
 * exchanged without a moment in which a call is lost.
 *
 * Context: vhost_vdpa_file.mutex.
 */
void vhost_vdpa_vq_attach(struct vhost_vdpa_vq *vq)
{
	const struct vdpa_callback cb = { .fn = vhost_vdpa_vq_used, .data = vq };
	struct vdpa_device *vdev = vq->file->vdev;

	vdev->ops->set_vq_cb(vdev, vq->index, &cb);
}

/**
 * vhost_vdpa_vq_detach - neither kicks nor calls any more
 * @vq: the queue
 *
 * Context: vhost_vdpa_file.mutex; may sleep.
 */
void vhost_vdpa_vq_detach(struct vhost_vdpa_vq *vq)
{
	static const struct vdpa_callback nobody;
	struct vdpa_device *vdev = vq->file->vdev;

	vhost_wait_stop(&vq->wait);
	vdev->ops->set_vq_cb(vdev, vq->index, &nobody);
}

/**
 * vhost_vdpa_vq_release - let go of the eventfds
 * @vq: the queue, detached
 *
 * Context: vhost_vdpa_file.mutex; may sleep.
 */
void vhost_vdpa_vq_release(struct vhost_vdpa_vq *vq)
{
	if (vq->kick)
		fput(vq->kick);
	if (vq->call)
		eventfd_ctx_put(vq->call);
}

int vhost_vdpa_set_vring_num(struct vhost_vdpa_vq *vq, void *arg)
{
	const struct vhost_vring_state *state = arg;
	struct vdpa_device *vdev = vq->file->vdev;
	int err;

	if (vhost_vdpa_running(vq->file))
		return -EBUSY;
	if (state->num < vdev->vq_num_min || state->num > vdev->vq_num_max ||
	    !devq_num_ok(vdpa_get_features(vdev), state->num))
		return -EINVAL;
	err = vdev->ops->set_vq_num(vdev, vq->index, state->num);
	if (!err)
		vq->num = state->num;
	return err;
}

/* The addresses are I/O virtual ones, and no dirty log is kept. */
int vhost_vdpa_set_vring_addr(struct vhost_vdpa_vq *vq, void *arg)
{
	const struct vhost_vring_addr *addr = arg;
	const struct vdpa_vq_addr areas = {
		.desc = addr->desc_user_addr,
		.driver = addr->avail_user_addr,
		.device = addr->used_user_addr,
	};
	struct vdpa_device *vdev = vq->file->vdev;
	int err = vhost_vring_addr_check(addr, vdpa_get_features(vdev));

	if (err)
		return err;
	if (vhost_vdpa_running(vq->file))
		return -EINVAL;
	return vdev->ops->set_vq_addr(vdev, vq->index, &areas) ? -EINVAL : 0;
}

int vhost_vdpa_set_vring_base(struct vhost_vdpa_vq *vq, void *arg)
{
	const struct vhost_vring_state *state = arg;
	struct vdpa_device *vdev = vq->file->vdev;

	if (!(vdpa_get_features(vdev) & BIT_ULL(VIRTIO_F_RING_PACKED)) && state->num > 0xffff)
		return -EINVAL;
	if (vhost_vdpa_running(vq->file))
		return -EINVAL;
	return vdev->ops->set_vq_base(vdev, vq->index, state->num);
}

int vhost_vdpa_get_vring_base(struct vhost_vdpa_vq *vq, void *arg)
{
	struct vhost_vring_state *state = arg;
	struct vdpa_device *vdev = vq->file->vdev;

	return vdev->ops->get_vq_base(vdev, vq->index, &state->num);
}

int vhost_vdpa_set_vring_kick(struct vhost_vdpa_vq *vq, void *arg)
{
	const struct vhost_vring_file *file = arg;

	return vhost_wait_eventfd(&vq->wait, &vq->kick, file->fd);
}

int vhost_vdpa_set_vring_call(struct vhost_vdpa_vq *vq, void *arg)
{
	const struct vhost_vring_file *file = arg;
	struct eventfd_ctx *ctx = vhost_eventfd_get(file->fd);
	unsigned long flags;

	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	vhost_vdpa_irq_stop(vq);
	spin_lock_irqsave(&vq->call_lock, flags);
	swap(ctx, vq->call);
	spin_unlock_irqrestore(&vq->call_lock, flags);
	if (ctx)
		eventfd_ctx_put(ctx);
	vhost_vdpa_irq_start(vq);
	return 0;
}

/* Parents have no way to say that a queue broke: only what is no eventfd matters. */
int vhost_vdpa_set_vring_err(struct vhost_vdpa_vq *vq, void *arg)
{
	const struct vhost_vring_file *file = arg;
	struct eventfd_ctx *ctx = vhost_eventfd_get(file->fd);

	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	if (ctx)
		eventfd_ctx_put(ctx);
	return 0;
}

int vhost_vdpa_set_vring_enable(struct vhost_vdpa_vq *vq, void *arg)
{
	const struct vhost_vring_state *state = arg;
	struct vdpa_device *vdev = vq->file->vdev;

	return vdev->ops->set_vq_ready(vdev, vq->index, state->num);
}

/* The size that was set; before that, what it can be. */
int vhost_vdpa_get_vring_size(struct vhost_vdpa_vq *vq, void *arg)
{
	struct vhost_vring_state *state = arg;

	state->num = vq->num ?: vq->file->vdev->vq_num_max;
	return 0;
}

int vhost_vdpa_get_vring_group(struct vhost_vdpa_vq *vq, void *arg)
{
	struct vhost_vring_state *state = arg;
	struct vdpa_device *vdev = vq->file->vdev;

	state->num = vdev->ops->vq_group(vdev, vq->index);
	return state->num < vdev->ngroups ? 0 : -EIO;
}

int vhost_vdpa_get_vring_desc_group(struct vhost_vdpa_vq *vq, void *arg)
{
	struct vhost_vring_state *state = arg;
	struct vdpa_device *vdev = vq->file->vdev;

	if (!vdev->desc_groups)
		return -EOPNOTSUPP;
	state->num = vdev->ops->vq_desc_group(vdev, vq->index);
	return state->num < vdev->ngroups ? 0 : -EIO;
}
