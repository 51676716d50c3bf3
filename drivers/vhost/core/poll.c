// SPDX-License-Identifier: GPL-2.0-only
/* Waiting for a file, an eventfd or a socket, on behalf of a worker. */

#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/wait.h>

#include "vhost.h"

/* The file's poll method hands us the wait queue to sit in. */
static void vhost_wait_queue_proc(struct file *file, wait_queue_head_t *wqh, poll_table *table)
{
	struct vhost_wait *wait = container_of(table, struct vhost_wait, table);

	wait->wqh = wqh;
	add_wait_queue(wqh, &wait->entry);
}

/* Called by whoever makes the file ready, maybe with interrupts off. */
static int vhost_wait_wakeup(wait_queue_entry_t *entry, unsigned int mode, int sync, void *key)
{
	struct vhost_wait *wait = container_of(entry, struct vhost_wait, entry);

	if (key_to_poll(key) & wait->mask) {
		WRITE_ONCE(wait->woken, wait->woken + 1);
		wait->ready(wait);
	}
	return 0;
}

/**
 * vhost_wait_init - wait for nothing
 * @wait: the wait
 * @ready: what to do when the file is ready
 * @mask: which events, EPOLL*
 */
void vhost_wait_init(struct vhost_wait *wait, void (*ready)(struct vhost_wait *wait),
		     __poll_t mask)
{
	init_waitqueue_func_entry(&wait->entry, vhost_wait_wakeup);
	init_poll_funcptr(&wait->table, vhost_wait_queue_proc);
	wait->wqh = NULL;
	wait->woken = 0;
	wait->mask = mask;
	wait->ready = ready;
}
EXPORT_SYMBOL_NS_GPL(vhost_wait_init, "RINGSIDE");

/**
 * vhost_wait_start - wait for a file
 * @wait: the wait; nothing happens if it is started
 * @file: the file; the caller keeps a reference until vhost_wait_stop()
 *
 * If the file is ready, @ready is called at once.
 *
 * Context: may sleep.
 * Return: 0, or -EINVAL if the file is in an error state; it is not started then.
 */
int vhost_wait_start(struct vhost_wait *wait, struct file *file)
{
	__poll_t mask;

	if (wait->wqh)
		return 0;
	mask = vfs_poll(file, &wait->table);
	if (mask & EPOLLERR) {
		vhost_wait_stop(wait);
		return -EINVAL;
	}
	if (mask & wait->mask)
		wait->ready(wait);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(vhost_wait_start, "RINGSIDE");

/**
 * vhost_wait_stop - wait no longer
 * @wait: the wait
 *
 * When it returns, @ready is not running and will not be called.
 */
void vhost_wait_stop(struct vhost_wait *wait)
{
	if (!wait->wqh)
		return;
	remove_wait_queue(wait->wqh, &wait->entry);
	wait->wqh = NULL;
}
EXPORT_SYMBOL_NS_GPL(vhost_wait_stop, "RINGSIDE");

/**
 * vhost_wait_eventfd - wait for another eventfd, or for none
 * @wait: the wait
 * @place: where the one it waits for is kept
 * @fd: file descriptor, or VHOST_FILE_UNBIND
 *
 * Context: process; may sleep.
 * Return: 0, or -EBADF or -EINVAL if that is no eventfd; it waits for the old one
 * then.
 */
int vhost_wait_eventfd(struct vhost_wait *wait, struct file **place, int fd)
{
	struct file *file = NULL, *old = *place;
	int err = 0;

	if (fd != VHOST_FILE_UNBIND) {
		file = eventfd_fget(fd);
		if (IS_ERR(file))
			return PTR_ERR(file);
	}
	vhost_wait_stop(wait);
	if (file)
		err = vhost_wait_start(wait, file);
	if (err) {
		swap(file, old);
		if (*place)
			vhost_wait_start(wait, *place);
	} else {
		*place = file;
	}
	if (old)
		fput(old);
	return err;
}
EXPORT_SYMBOL_NS_GPL(vhost_wait_eventfd, "RINGSIDE");

/**
 * vhost_eventfd_get - the eventfd that an ioctl names, to be signalled
 * @fd: file descriptor, or VHOST_FILE_UNBIND
 *
 * Return: the eventfd, NULL for none, or an error pointer.
 */
struct eventfd_ctx *vhost_eventfd_get(int fd)
{
	return fd == VHOST_FILE_UNBIND ? NULL : eventfd_ctx_fdget(fd);
}
EXPORT_SYMBOL_NS_GPL(vhost_eventfd_get, "RINGSIDE");

static void vhost_poll_ready(struct vhost_wait *wait)
{
	vhost_poll_queue(container_of(wait, struct vhost_poll, wait));
}

/**
 * vhost_poll_init - a stopped poll
 * @poll: the poll
 * @fn: what to do when the file is ready
 * @mask: which events, EPOLL*
 * @vq: whose worker does it
 */
void vhost_poll_init(struct vhost_poll *poll, void (*fn)(struct vhost_work *work),
		     __poll_t mask, struct vhost_virtqueue *vq)
{
	vhost_wait_init(&poll->wait, vhost_poll_ready, mask);
	vhost_work_init(&poll->work, fn);
	poll->vq = vq;
}
EXPORT_SYMBOL_NS_GPL(vhost_poll_init, "RINGSIDE");

/**
 * vhost_poll_start - wait for a file
 * @poll: the poll; nothing happens if it is started
 * @file: the file; the caller keeps a reference until vhost_poll_stop()
 *
 * If the file is ready, the work is queued at once.
 *
 * Context: the queue's mutex; may sleep.
 * Return: 0, or -EINVAL if the file is in an error state; it is not started then.
 */
int vhost_poll_start(struct vhost_poll *poll, struct file *file)
{
	lockdep_assert_held(&poll->vq->mutex);
	return vhost_wait_start(&poll->wait, file);
}
EXPORT_SYMBOL_NS_GPL(vhost_poll_start, "RINGSIDE");

/**
 * vhost_poll_stop - wait no longer
 * @poll: the poll
 *
 * Work that is queued stays so; vhost_dev_flush() waits for it.
 *
 * Context: the queue's mutex.
 */
void vhost_poll_stop(struct vhost_poll *poll)
{
	lockdep_assert_held(&poll->vq->mutex);
	vhost_wait_stop(&poll->wait);
}
EXPORT_SYMBOL_NS_GPL(vhost_poll_stop, "RINGSIDE");

/**
 * vhost_poll_queue - queue the work as if the file had become ready
 * @poll: the poll
 *
 * Context: any.
 */
void vhost_poll_queue(struct vhost_poll *poll)
{
	vhost_vq_work_queue(poll->vq, &poll->work);
}
EXPORT_SYMBOL_NS_GPL(vhost_poll_queue, "RINGSIDE");
