// SPDX-License-Identifier: GPL-2.0-only
/* Waiting for a file, an eventfd or a socket, on behalf of a worker. */

#include <linux/fs.h>
#include <linux/module.h>
#include <linux/wait.h>

#include "vhost.h"

/* The file's poll method hands us the wait queue to sit in. */
static void vhost_poll_queue_proc(struct file *file, wait_queue_head_t *wqh, poll_table *table)
{
	struct vhost_poll *poll = container_of(table, struct vhost_poll, table);

	poll->wqh = wqh;
	add_wait_queue(wqh, &poll->wait);
}

/* Called by whoever makes the file ready, maybe with interrupts off. */
static int vhost_poll_wakeup(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	struct vhost_poll *poll = container_of(wait, struct vhost_poll, wait);

	if (key_to_poll(key) & poll->mask)
		vhost_poll_queue(poll);
	return 0;
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
	init_waitqueue_func_entry(&poll->wait, vhost_poll_wakeup);
	init_poll_funcptr(&poll->table, vhost_poll_queue_proc);
	vhost_work_init(&poll->work, fn);
	poll->wqh = NULL;
	poll->mask = mask;
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
	__poll_t mask;

	lockdep_assert_held(&poll->vq->mutex);
	if (poll->wqh)
		return 0;
	mask = vfs_poll(file, &poll->table);
	if (mask & EPOLLERR) {
		vhost_poll_stop(poll);
		return -EINVAL;
	}
	if (mask & poll->mask)
		vhost_poll_queue(poll);
	return 0;
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
	if (!poll->wqh)
		return;
	remove_wait_queue(poll->wqh, &poll->wait);
	poll->wqh = NULL;
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
