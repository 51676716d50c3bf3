// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ioctls about one queue: size, areas, position, byte order, eventfds, busy
 * polling. Each handler is called with the queue locked, under vhost_dev.mutex.
 */

#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/virtio_ring.h>

#include "internal.h"

int vhost_set_vring_num(struct vhost_virtqueue *vq, void *arg)
{
	const struct vhost_vring_state *state = arg;

	if (vq->backend)
		return -EBUSY;
	if (!devq_num_ok(vq->features, state->num))
		return -EINVAL;
	vq->num = state->num;
	return 0;
}

/**
 * vhost_vring_addr_check - could the areas of a ring be there?
 * @addr: the argument of VHOST_SET_VRING_ADDR
 * @features: negotiated feature bits
 *
 * The alignments are those of virtio 1.3, 2.7 and 2.8; that of the log is that of
 * the device area.
 *
 * Return: 0, -EOPNOTSUPP for unknown flags, -EINVAL if an address is not aligned.
 */
int vhost_vring_addr_check(const struct vhost_vring_addr *addr, u64 features)
{
	const struct devq_addr areas = {
		.desc = addr->desc_user_addr,
		.driver = addr->avail_user_addr,
		.device = addr->used_user_addr,
	};

	if (addr->flags & ~BIT(VHOST_VRING_F_LOG))
		return -EOPNOTSUPP;
	if (devq_addr_aligned(features, &areas) &&
	    IS_ALIGNED(addr->log_guest_addr, VRING_USED_ALIGN_SIZE))
		return 0;
	return -EINVAL;
}
EXPORT_SYMBOL_NS_GPL(vhost_vring_addr_check, "RINGSIDE");

int vhost_set_vring_addr(struct vhost_virtqueue *vq, void *arg)
{
	const struct vhost_vring_addr *addr = arg;
	struct devq_addr areas = {
		.desc = addr->desc_user_addr,
		.driver = addr->avail_user_addr,
		.device = addr->used_user_addr,
	};
	int err = vhost_vring_addr_check(addr, vq->features);

	if (err == -EOPNOTSUPP)
		return err;
	if (areas.desc != (unsigned long)areas.desc ||
	    areas.driver != (unsigned long)areas.driver ||
	    areas.device != (unsigned long)areas.device)
		return -EFAULT;
	if (err)
		return err;
	err = vhost_vq_set_addr(vq, &areas, addr->flags & BIT(VHOST_VRING_F_LOG),
				addr->log_guest_addr);
	if (!err)
		vhost_debug_add_vq(vq);
	return err;
}

int vhost_set_vring_base(struct vhost_virtqueue *vq, void *arg)
{
	const struct vhost_vring_state *state = arg;

	if (vq->backend)
		return -EBUSY;
	return devq_pos_from_base(vq->features, state->num, &vq->ring.pos);
}

/* Harmless on a running queue: QEMU's monitor asks for it at any time. */
int vhost_get_vring_base(struct vhost_virtqueue *vq, void *arg)
{
	struct vhost_vring_state *state = arg;

	state->num = devq_pos_to_base(vq->features, &vq->ring.pos);
	return 0;
}

/* The byte order of a guest that is not of this processor's, should its driver be legacy. */
int vhost_set_vring_endian(struct vhost_virtqueue *vq, void *arg)
{
	const struct vhost_vring_state *state = arg;

	if (vq->backend)
		return -EBUSY;
	if (state->num != VHOST_VRING_LITTLE_ENDIAN && state->num != VHOST_VRING_BIG_ENDIAN)
		return -EINVAL;
	vq->legacy_big_endian = state->num == VHOST_VRING_BIG_ENDIAN;
	return 0;
}

int vhost_get_vring_endian(struct vhost_virtqueue *vq, void *arg)
{
	struct vhost_vring_state *state = arg;

	state->num = vq->legacy_big_endian ? VHOST_VRING_BIG_ENDIAN : VHOST_VRING_LITTLE_ENDIAN;
	return 0;
}

int vhost_set_vring_kick(struct vhost_virtqueue *vq, void *arg)
{
	const struct vhost_vring_file *file = arg;

	return vhost_wait_eventfd(&vq->poll.wait, &vq->kick, file->fd);
}

/* Put another eventfd, or none, into @place and let go of the old one. */
static int vhost_vq_swap_eventfd(struct eventfd_ctx **place, const struct vhost_vring_file *file)
{
	struct eventfd_ctx *ctx = vhost_eventfd_get(file->fd);

	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	swap(ctx, *place);
	if (ctx)
		eventfd_ctx_put(ctx);
	return 0;
}

int vhost_set_vring_call(struct vhost_virtqueue *vq, void *arg)
{
	return vhost_vq_swap_eventfd(&vq->call, arg);
}

int vhost_set_vring_err(struct vhost_virtqueue *vq, void *arg)
{
	return vhost_vq_swap_eventfd(&vq->err, arg);
}

int vhost_set_busyloop_timeout(struct vhost_virtqueue *vq, void *arg)
{
	const struct vhost_vring_state *state = arg;

	vq->busyloop_timeout = state->num;
	return 0;
}

int vhost_get_busyloop_timeout(struct vhost_virtqueue *vq, void *arg)
{
	struct vhost_vring_state *state = arg;

	state->num = vq->busyloop_timeout;
	return 0;
}
