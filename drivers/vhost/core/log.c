// SPDX-License-Identifier: GPL-2.0-only
/* The dirty log as the VMM sets it up: where it is, who is told, what is logged. */

#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/uaccess.h>

#include "internal.h"

/**
 * vhost_log_reaches - can the log be user memory as far as needed?
 * @base: user address of the bitmap
 * @last: highest guest physical address it has to have a bit for
 *
 * Return: true if so. Whether the memory is there shows when it is written to.
 */
bool vhost_log_reaches(u64 base, u64 last)
{
	u64 bytes = last / VHOST_PAGE_SIZE / BITS_PER_BYTE + 1;

	return base + bytes >= base && base + bytes == (unsigned long)(base + bytes) &&
	       access_ok(u64_to_user_ptr(base), bytes);
}

static u64 vhost_vq_log_last(const struct vhost_virtqueue *vq)
{
	u64 last = 0;

	if (vq->features & BIT_ULL(VHOST_F_LOG_ALL))
		last = memslots_last(&vq->dev->slots);
	/* Behind a device IOTLB it is an address of that kind, and not used. */
	if (vq->log_ring && !(vq->features & BIT_ULL(VIRTIO_F_ACCESS_PLATFORM)))
		last = max(last, vq->log_addr + devq_device_area_len(vq->num, vq->features) - 1);
	return last;
}

/**
 * vhost_vq_log_ok - can all that a queue logs be logged?
 * @vq: the queue
 * @base: user address of the bitmap
 *
 * Context: the queue's mutex, vhost_dev.mutex.
 * Return: true if so.
 */
bool vhost_vq_log_ok(const struct vhost_virtqueue *vq, u64 base)
{
	if (!(vq->features & BIT_ULL(VHOST_F_LOG_ALL)) && !vq->log_ring)
		return true;
	if (vq->log_ring && vq->log_addr + U16_MAX * 8ULL < vq->log_addr)
		return false;
	return vhost_log_reaches(base, vhost_vq_log_last(vq));
}

/**
 * vhost_vq_log_apply - tell the ring engine what to log
 * @vq: the queue
 *
 * Context: the queue's mutex.
 */
void vhost_vq_log_apply(struct vhost_virtqueue *vq)
{
	struct devq_log *log = &vq->ring.log;

	lockdep_assert_held(&vq->mutex);
	log->base = vq->dev->log_base;
	log->buffers = vq->features & BIT_ULL(VHOST_F_LOG_ALL);
	log->ring = vq->log_ring;
	log->ring_addr = vq->log_addr;
	log->version = 0;
}

/**
 * vhost_vq_log_signal - tell the VMM that the log has changed
 * @vq: the queue
 *
 * Context: the queue's mutex.
 */
void vhost_vq_log_signal(struct vhost_virtqueue *vq)
{
	lockdep_assert_held(&vq->mutex);
	vq->ring.log.marked = false;
	if (vq->log)
		eventfd_signal(vq->log);
}

/* VHOST_SET_LOG_BASE: the bitmap, for all queues. */
int vhost_set_log_base(struct vhost_dev *dev, void *arg, void __user *user)
{
	u64 base = *(u64 *)arg;
	unsigned int i;
	int err;

	if (base != (unsigned long)base)
		return -EFAULT;
	/* What a queue logs changes under vhost_dev.mutex alone. */
	for (i = 0; i < dev->nvqs; i++)
		if (dev->vqs[i]->backend && !vhost_vq_log_ok(dev->vqs[i], base))
			return -EFAULT;
	dev->log_base = base;
	for (i = 0; i < dev->nvqs; i++) {
		struct vhost_virtqueue *vq = dev->vqs[i];

		err = vhost_vq_lock(vq);
		if (err)
			return err;
		vhost_vq_log_apply(vq);
		mutex_unlock(&vq->mutex);
	}
	return 0;
}

/* Put another eventfd, or none, into a queue's place for it. */
static int vhost_vq_set_log(struct vhost_virtqueue *vq, struct file *file)
{
	struct eventfd_ctx *ctx = NULL;
	int err;

	if (file) {
		ctx = eventfd_ctx_fileget(file);
		if (IS_ERR(ctx))
			return PTR_ERR(ctx);
	}
	err = vhost_vq_lock(vq);
	if (!err) {
		swap(ctx, vq->log);
		mutex_unlock(&vq->mutex);
	}
	if (ctx)
		eventfd_ctx_put(ctx);
	return err;
}

/* VHOST_SET_LOG_FD: an eventfd that is signalled when bits were set. */
int vhost_set_log_fd(struct vhost_dev *dev, void *arg, void __user *user)
{
	int fd = *(int *)arg, err = 0;
	struct file *file = NULL;
	unsigned int i;

	if (fd != VHOST_FILE_UNBIND) {
		file = eventfd_fget(fd);
		if (IS_ERR(file))
			return PTR_ERR(file);
	}
	for (i = 0; i < dev->nvqs && !err; i++)
		err = vhost_vq_set_log(dev->vqs[i], file);
	if (file)
		fput(file);
	return err;
}
