// SPDX-License-Identifier: GPL-2.0-only
/* Device IOTLB messages: what is read from and written to a device's file. */

#include <linux/fs.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "internal.h"
#include "trace.h"

/* A message in either form, zero where nothing is said. */
union vhost_any_msg {
	struct vhost_msg v1;
	struct vhost_msg_v2 v2;
};

#define VHOST_MSG_SIZE	sizeof(union vhost_any_msg)

/* The part of it that says anything. */
#define VHOST_MSG_NEED	offsetofend(struct vhost_msg, iotlb)

static_assert(sizeof(struct vhost_msg) == sizeof(struct vhost_msg_v2));
static_assert(offsetof(struct vhost_msg, iotlb) == offsetof(struct vhost_msg_v2, iotlb));

static bool msg_v2(const struct vhost_dev *dev)
{
	return READ_ONCE(dev->backend_features) & BIT_ULL(VHOST_BACKEND_F_IOTLB_MSG_V2);
}

/*
 * Take the oldest question nobody has read yet. Returns its queue or NULL. Nobody
 * answers a failure: it is over once it was read.
 */
static struct vhost_virtqueue *msg_take(struct vhost_dev *dev, union vhost_any_msg *msg)
{
	struct vhost_iotlb *iotlb = &dev->iotlb;
	struct vhost_iotlb_request *req;

	memset(msg, 0, sizeof(*msg));
	msg->v1.type = msg_v2(dev) ? VHOST_IOTLB_MSG_V2 : VHOST_IOTLB_MSG;
	spin_lock(&iotlb->lock);
	req = list_first_entry_or_null(&iotlb->unread, struct vhost_iotlb_request, link);
	if (req) {
		msg->v1.iotlb.type = req->type;
		msg->v1.iotlb.iova = req->addr;
		msg->v1.iotlb.perm = req->perm;
		list_del_init(&req->link);
		if (req->type == VHOST_IOTLB_ACCESS_FAIL)
			req->type = 0;
	}
	spin_unlock(&iotlb->lock);
	return req ? container_of(req, struct vhost_virtqueue, request) : NULL;
}

/* It could not be handed over: the next reader gets it, unless the queue has another. */
static void msg_put_back(struct vhost_virtqueue *vq, const union vhost_any_msg *msg)
{
	struct vhost_iotlb *iotlb = &vq->dev->iotlb;
	struct vhost_iotlb_request *req = &vq->request;
	bool failure = msg->v1.iotlb.type == VHOST_IOTLB_ACCESS_FAIL;

	spin_lock(&iotlb->lock);
	if (list_empty(&req->link) && req->addr == msg->v1.iotlb.iova &&
	    req->perm == msg->v1.iotlb.perm &&
	    req->type == (failure ? 0 : msg->v1.iotlb.type)) {
		req->type = msg->v1.iotlb.type;
		list_add(&req->link, &iotlb->unread);
	}
	spin_unlock(&iotlb->lock);
	wake_up_interruptible_poll(&iotlb->wait, EPOLLIN | EPOLLRDNORM);
}

static bool msg_unread(struct vhost_dev *dev)
{
	return !list_empty_careful(&dev->iotlb.unread);
}

/**
 * vhost_dev_read_iter - read_iter of every vhost device
 * @iocb: the call, of its file
 * @to: where to
 *
 * One message about what the device IOTLB lacks; its queue goes on after an
 * UPDATE of that address.
 *
 * Context: process; may sleep, ends early on a signal.
 * Return: the size of a message, 0 if there is no room for one; -EAGAIN if there
 * is none and the caller does not wait, -EBADFD if there is no device IOTLB, -ERESTARTSYS,
 * -EFAULT; the message stays then.
 */
ssize_t vhost_dev_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	bool nonblock = (iocb->ki_filp->f_flags & O_NONBLOCK) || (iocb->ki_flags & IOCB_NOWAIT);
	struct vhost_dev *dev = iocb->ki_filp->private_data;
	struct vhost_virtqueue *vq;
	union vhost_any_msg msg;
	int err;

	if (iov_iter_count(to) < VHOST_MSG_SIZE)
		return 0;
	while (!(vq = msg_take(dev, &msg))) {
		if (nonblock)
			return -EAGAIN;
		if (!READ_ONCE(dev->iotlb.on))
			return -EBADFD;
		err = wait_event_interruptible(dev->iotlb.wait, msg_unread(dev) ||
					       !READ_ONCE(dev->iotlb.on));
		if (err)
			return err;
	}
	if (copy_to_iter(&msg, VHOST_MSG_SIZE, to) != VHOST_MSG_SIZE) {
		msg_put_back(vq, &msg);
		return -EFAULT;
	}
	return VHOST_MSG_SIZE;
}
EXPORT_SYMBOL_NS_GPL(vhost_dev_read_iter, "RINGSIDE");

static bool msg_known(const union vhost_any_msg *any)
{
	return any->v1.type == VHOST_IOTLB_MSG || any->v1.type == VHOST_IOTLB_MSG_V2;
}

/**
 * vhost_msg_get - take a message that was written to a device
 * @from: where from
 * @has_asid: messages of the second form name an address space
 * @msg: the message
 * @asid: the address space it is about, 0 if none is named
 *
 * Either form is taken, whichever was negotiated.
 *
 * Context: process; may sleep.
 * Return: the size of a message; -EINVAL for one that is cut off or of another
 * form, -EFAULT.
 */
ssize_t vhost_msg_get(struct iov_iter *from, bool has_asid, struct vhost_iotlb_msg *msg,
		      u32 *asid)
{
	union vhost_any_msg any;

	if (iov_iter_count(from) < VHOST_MSG_NEED)
		return -EINVAL;
	if (copy_from_iter(&any, VHOST_MSG_NEED, from) != VHOST_MSG_NEED)
		return -EFAULT;
	if (!msg_known(&any))
		return -EINVAL;
	*asid = has_asid && any.v1.type == VHOST_IOTLB_MSG_V2 ? any.v2.asid : 0;
	*msg = any.v1.iotlb;
	return VHOST_MSG_SIZE;
}
EXPORT_SYMBOL_NS_GPL(vhost_msg_get, "RINGSIDE");

static ssize_t msg_do(struct vhost_dev *dev, const struct vhost_iotlb_msg *msg)
{
	int err;

	if (mutex_lock_killable(&dev->mutex))
		return -EINTR;
	err = vhost_iotlb_message(dev, msg);
	trace_vhost_iotlb_message(msg, err);
	mutex_unlock(&dev->mutex);
	return err ?: VHOST_MSG_SIZE;
}

/**
 * vhost_dev_write_iter - write_iter of every vhost device
 * @iocb: the call, of its file
 * @from: where from
 *
 * Context: process; may sleep, ends early when the caller is killed.
 * Return: the size of a message; -EINTR, or what vhost_msg_get() or
 * vhost_iotlb_message() says.
 */
ssize_t vhost_dev_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct vhost_iotlb_msg msg;
	ssize_t size;
	u32 asid;

	size = vhost_msg_get(from, false, &msg, &asid);
	if (size < 0)
		return size;
	return msg_do(iocb->ki_filp->private_data, &msg);
}
EXPORT_SYMBOL_NS_GPL(vhost_dev_write_iter, "RINGSIDE");

/**
 * vhost_dev_write - write of every vhost device
 * @file: its file
 * @buf: where from
 * @len: bytes
 * @pos: not used
 *
 * As vhost_dev_write_iter(), which serves the system calls that this does not. A VMM
 * with an IOMMU writes a message for whatever its guest maps, and about a tenth of the
 * work for each was to make an iterator of the one buffer that a message is in.
 *
 * Context: process; may sleep, ends early when the caller is killed.
 * Return: as vhost_dev_write_iter().
 */
ssize_t vhost_dev_write(struct file *file, const char __user *buf, size_t len, loff_t *pos)
{
	union vhost_any_msg any;

	if (len < VHOST_MSG_NEED)
		return -EINVAL;
	if (copy_from_user(&any, buf, VHOST_MSG_NEED))
		return -EFAULT;
	if (!msg_known(&any))
		return -EINVAL;
	return msg_do(file->private_data, &any.v1.iotlb);
}
EXPORT_SYMBOL_NS_GPL(vhost_dev_write, "RINGSIDE");

/**
 * vhost_dev_poll - poll of every vhost device
 * @file: its file
 * @table: from the caller
 *
 * Return: EPOLLIN if a message can be read.
 */
__poll_t vhost_dev_poll(struct file *file, poll_table *table)
{
	struct vhost_dev *dev = file->private_data;

	poll_wait(file, &dev->iotlb.wait, table);
	return msg_unread(dev) ? EPOLLIN | EPOLLRDNORM : 0;
}
EXPORT_SYMBOL_NS_GPL(vhost_dev_poll, "RINGSIDE");
