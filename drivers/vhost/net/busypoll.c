// SPDX-License-Identifier: GPL-2.0-only
/*
 * Busy polling: before a queue goes to sleep, look for new work for a while, so
 * that the driver need not kick and nobody has to be woken.
 *
 * The loop can sleep (it reads guest memory), and ends when the scheduler, the
 * worker or an editor of the memory map wants it to (FAULTS 76). When two queues
 * of one worker poll, each ends the other's loop at once and they alternate,
 * until the time of each is up.
 */

#include <linux/ktime.h>
#include <linux/sched/signal.h>

#include "net.h"

/*
 * The timeout is whatever the VMM says, up to more than an hour, but ioctls wait
 * for a poll to end: beyond this limit sleeping costs nothing in comparison.
 */
#define BUSYPOLL_MAX_US		10000

/**
 * vhost_net_busy_poll - wait for work without sleeping
 * @q: the queue, in a turn, holding no chains
 * @ready: is there work?
 *
 * Context: between vhost_vq_enter() and vhost_vq_exit(); may sleep.
 * Return: why it ended. SLEEP at once when the queue is not to be polled.
 */
enum vhost_net_idle vhost_net_busy_poll(struct vhost_net_queue *q,
					bool (*ready)(struct vhost_net_queue *q))
{
	u32 timeout = min_t(u32, q->vq.busyloop_timeout, BUSYPOLL_MAX_US);
	enum vhost_net_idle end;

	if (!timeout)
		return VHOST_NET_IDLE_SLEEP;
	if (!q->busy_end)
		q->busy_end = ktime_add_us(ktime_get(), timeout);
	for (;;) {
		if (ready(q)) {
			end = VHOST_NET_IDLE_READY;
			break;
		}
		if (need_resched() || signal_pending(current) ||
		    ktime_after(ktime_get(), q->busy_end)) {
			end = VHOST_NET_IDLE_SLEEP;
			break;
		}
		if (vhost_vq_has_work(&q->vq) || devq_contended(&q->vq.ring))
			return VHOST_NET_IDLE_YIELD;
		cpu_relax();
	}
	q->busy_end = 0;
	return end;
}
