// SPDX-License-Identifier: GPL-2.0-only
/* Ioctls about one queue: size, areas, position, eventfds, busy polling. */

#include <linux/cleanup.h>
#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/log2.h>
#include <linux/nospec.h>
#include <linux/virtio_ring.h>

#include "internal.h"

/*
 * The queue an argument is about, locked. Each such argument starts with the
 * queue's index. -ENOBUFS if there is no such queue, -EINTR if killed.
 */
static struct vhost_virtqueue *vhost_vq_get(struct vhost_dev *dev, const void *arg)
{
	unsigned int index = *(const unsigned int *)arg;
	struct vhost_virtqueue *vq;
	int err;

	if (index >= dev->nvqs)
		return ERR_PTR(-ENOBUFS);
	vq = dev->vqs[array_index_nospec(index, dev->nvqs)];
	err = vhost_vq_lock(vq);
	return err ? ERR_PTR(err) : vq;
}

static void vhost_vq_put(struct vhost_virtqueue *vq)
{
	mutex_unlock(&vq->mutex);
}

int vhost_set_vring_num(struct vhost_dev *dev, void *arg, void __user *user)
{
	const struct vhost_vring_state *state = arg;
	struct vhost_virtqueue *vq = vhost_vq_get(dev, arg);
	int err = 0;

	if (IS_ERR(vq))
		return PTR_ERR(vq);
	if (vq->backend)
		err = -EBUSY;
	else if (state->num > 0xffff || !is_power_of_2(state->num))
		err = -EINVAL;
	else
		vq->num = state->num;
	vhost_vq_put(vq);
	return err;
}

/* The alignments of virtio 1.3, 2.7; that of the log is that of the used ring. */
static bool vring_addr_aligned(const struct vhost_vring_addr *addr)
{
	return IS_ALIGNED(addr->desc_user_addr, VRING_DESC_ALIGN_SIZE) &&
	       IS_ALIGNED(addr->avail_user_addr, VRING_AVAIL_ALIGN_SIZE) &&
	       IS_ALIGNED(addr->used_user_addr, VRING_USED_ALIGN_SIZE) &&
	       IS_ALIGNED(addr->log_guest_addr, VRING_USED_ALIGN_SIZE);
}

int vhost_set_vring_addr(struct vhost_dev *dev, void *arg, void __user *user)
{
	const struct vhost_vring_addr *addr = arg;
	struct devq_addr areas = {
		.desc = addr->desc_user_addr,
		.driver = addr->avail_user_addr,
		.device = addr->used_user_addr,
	};
	struct vhost_virtqueue *vq = vhost_vq_get(dev, arg);
	int err = 0;

	if (IS_ERR(vq))
		return PTR_ERR(vq);
	if (addr->flags & ~BIT(VHOST_VRING_F_LOG)) {
		err = -EOPNOTSUPP;
	} else if (areas.desc != (unsigned long)areas.desc ||
		   areas.driver != (unsigned long)areas.driver ||
		   areas.device != (unsigned long)areas.device) {
		err = -EFAULT;
	} else if (!vring_addr_aligned(addr)) {
		err = -EINVAL;
	} else {
		err = vhost_vq_set_addr(vq, &areas, addr->flags & BIT(VHOST_VRING_F_LOG),
					addr->log_guest_addr);
	}
	vhost_vq_put(vq);
	return err;
}

int vhost_set_vring_base(struct vhost_dev *dev, void *arg, void __user *user)
{
	const struct vhost_vring_state *state = arg;
	struct vhost_virtqueue *vq = vhost_vq_get(dev, arg);
	int err = 0;

	if (IS_ERR(vq))
		return PTR_ERR(vq);
	if (vq->backend)
		err = -EBUSY;
	else if (state->num > 0xffff)
		err = -EINVAL;
	else
		vq->ring.pos.avail = state->num;
	vhost_vq_put(vq);
	return err;
}

/* Harmless on a running queue: QEMU's monitor asks for it at any time. */
int vhost_get_vring_base(struct vhost_dev *dev, void *arg, void __user *user)
{
	struct vhost_vring_state *state = arg;
	struct vhost_virtqueue *vq = vhost_vq_get(dev, arg);

	if (IS_ERR(vq))
		return PTR_ERR(vq);
	state->num = vq->ring.pos.avail;
	vhost_vq_put(vq);
	return 0;
}

int vhost_set_vring_kick(struct vhost_dev *dev, void *arg, void __user *user)
{
	const struct vhost_vring_file *file = arg;
	struct vhost_virtqueue *vq = vhost_vq_get(dev, arg);
	struct file *kick = NULL, *old;
	int err = 0;

	if (IS_ERR(vq))
		return PTR_ERR(vq);
	if (file->fd != VHOST_FILE_UNBIND) {
		kick = eventfd_fget(file->fd);
		if (IS_ERR(kick)) {
			vhost_vq_put(vq);
			return PTR_ERR(kick);
		}
	}
	old = vq->kick;
	vhost_poll_stop(&vq->poll);
	if (kick)
		err = vhost_poll_start(&vq->poll, kick);
	if (err) {
		swap(kick, old);
		if (vq->kick)
			vhost_poll_start(&vq->poll, vq->kick);
	} else {
		vq->kick = kick;
	}
	vhost_vq_put(vq);
	if (old)
		fput(old);
	return err;
}

/* Put another eventfd, or none, into a queue's @slot and let go of the old one. */
static int vhost_vq_swap_eventfd(struct vhost_dev *dev, void *arg, size_t slot)
{
	const struct vhost_vring_file *file = arg;
	struct vhost_virtqueue *vq = vhost_vq_get(dev, arg);
	struct eventfd_ctx *ctx = NULL, **place;

	if (IS_ERR(vq))
		return PTR_ERR(vq);
	if (file->fd != VHOST_FILE_UNBIND) {
		ctx = eventfd_ctx_fdget(file->fd);
		if (IS_ERR(ctx)) {
			vhost_vq_put(vq);
			return PTR_ERR(ctx);
		}
	}
	place = (void *)vq + slot;
	swap(ctx, *place);
	vhost_vq_put(vq);
	if (ctx)
		eventfd_ctx_put(ctx);
	return 0;
}

int vhost_set_vring_call(struct vhost_dev *dev, void *arg, void __user *user)
{
	return vhost_vq_swap_eventfd(dev, arg, offsetof(struct vhost_virtqueue, call));
}

int vhost_set_vring_err(struct vhost_dev *dev, void *arg, void __user *user)
{
	return vhost_vq_swap_eventfd(dev, arg, offsetof(struct vhost_virtqueue, err));
}

int vhost_set_busyloop_timeout(struct vhost_dev *dev, void *arg, void __user *user)
{
	const struct vhost_vring_state *state = arg;
	struct vhost_virtqueue *vq = vhost_vq_get(dev, arg);

	if (IS_ERR(vq))
		return PTR_ERR(vq);
	vq->busyloop_timeout = state->num;
	vhost_vq_put(vq);
	return 0;
}

int vhost_get_busyloop_timeout(struct vhost_dev *dev, void *arg, void __user *user)
{
	struct vhost_vring_state *state = arg;
	struct vhost_virtqueue *vq = vhost_vq_get(dev, arg);

	if (IS_ERR(vq))
		return PTR_ERR(vq);
	state->num = vq->busyloop_timeout;
	vhost_vq_put(vq);
	return 0;
}
