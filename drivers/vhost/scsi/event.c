// SPDX-License-Identifier: GPL-2.0-only
/*
 * The event queue: LUNs that come and go while the guest runs. Events for which the
 * guest has no buffer are lost, and it is told that some were.
 */

#include <linux/uio.h>
#include <linux/virtio_byteorder.h>

#include "scsi.h"

/**
 * vhost_scsi_tell - let the guest know of a LUN
 * @scsi: the device
 * @target: target
 * @lun: LUN
 * @reason: VIRTIO_SCSI_EVT_RESET_*
 *
 * Context: under the lock of the portal groups.
 */
void vhost_scsi_tell(struct vhost_scsi *scsi, u16 target, u16 lun, u32 reason)
{
	spin_lock(&scsi->event_lock);
	if (scsi->nevents == VHOST_SCSI_MAX_EVENTS) {
		scsi->missed = true;
	} else {
		scsi->event[(scsi->event_head + scsi->nevents++) % VHOST_SCSI_MAX_EVENTS] =
			(struct vhost_scsi_event) {
				.any = true,
				.target = target,
				.lun = lun,
				.reason = reason,
			};
	}
	spin_unlock(&scsi->event_lock);
	vhost_vq_work_queue(&scsi->queue[VHOST_SCSI_EVT].vq, &scsi->event_work);
}

/* Take the next event, or the news that some are lost. Returns false if there is none. */
static bool event_take(struct vhost_scsi *scsi, struct vhost_scsi_event *event, bool *missed)
{
	bool any;

	spin_lock(&scsi->event_lock);
	any = scsi->nevents || scsi->missed;
	*missed = scsi->missed;
	scsi->missed = false;
	*event = (struct vhost_scsi_event) {};
	if (scsi->nevents) {
		*event = scsi->event[scsi->event_head];
		scsi->event_head = (scsi->event_head + 1) % VHOST_SCSI_MAX_EVENTS;
		scsi->nevents--;
	}
	spin_unlock(&scsi->event_lock);
	return any;
}

/**
 * vhost_scsi_lose_events - there is nowhere to put them: remember that some were lost
 * @scsi: the device
 *
 * Context: any.
 */
void vhost_scsi_lose_events(struct vhost_scsi *scsi)
{
	spin_lock(&scsi->event_lock);
	if (scsi->nevents)
		scsi->missed = true;
	scsi->nevents = 0;
	spin_unlock(&scsi->event_lock);
}

static bool event_waiting(struct vhost_scsi *scsi)
{
	bool waiting;

	spin_lock(&scsi->event_lock);
	waiting = scsi->nevents || scsi->missed;
	spin_unlock(&scsi->event_lock);
	return waiting;
}

/* Tell an event, or only that others were missed. */
static void event_answer(struct vhost_scsi_queue *q, const struct devq_chain *chain,
			 const struct vhost_scsi_event *event, bool missed)
{
	bool little = q->vq.ring.little_endian;
	struct virtio_scsi_event buf = {
		.event = __cpu_to_virtio32(little,
					   (event->any ? VIRTIO_SCSI_T_TRANSPORT_RESET :
						  VIRTIO_SCSI_T_NO_EVENT) |
					   (missed ? VIRTIO_SCSI_T_EVENTS_MISSED : 0)),
	};

	if (event->any) {
		buf.lun[0] = 1;
		buf.lun[1] = event->target;
		/* Flat addressing where the number needs it. */
		if (event->lun > U8_MAX)
			buf.lun[2] = event->lun >> 8 | 0x40;
		buf.lun[3] = event->lun;
		buf.reason = __cpu_to_virtio32(little, event->reason);
	}
	vhost_scsi_answer(q, chain, &buf, sizeof(buf));
}

/*
 * Pop the next buffer that an event fits into; @left more may be popped in this turn.
 * Returns 0, -ENOBUFS if there is none, -EAGAIN if the turn is over.
 */
static int event_buffer(struct vhost_scsi_queue *q, struct devq_chain *chain, unsigned int *left)
{
	struct vhost_scsi_slots *slots = q->slots;
	struct devq *dq = &q->vq.ring;
	int n;

	while (*left) {
		n = devq_pop(dq, chain, 1, slots->iov, ARRAY_SIZE(slots->iov));
		if (!n && devq_enable_kick(dq) > 0)
			continue;
		if (n <= 0)
			return -ENOBUFS;
		--*left;
		if (chain->in_len >= sizeof(struct virtio_scsi_event))
			return 0;
		vhost_scsi_answer(q, chain, NULL, 0);
	}
	return -EAGAIN;
}

static void event_turn(struct vhost_scsi_queue *q)
{
	struct vhost_scsi *scsi = q->scsi;
	unsigned int left = VHOST_SCSI_TURN;
	struct vhost_scsi_event event;
	struct devq_chain chain;
	bool missed;
	int err;

	if (!(q->vq.features & BIT_ULL(VIRTIO_SCSI_F_HOTPLUG))) {
		/* The guest does not want to know. */
		vhost_scsi_forget_events(scsi);
		return;
	}
	while (event_waiting(scsi)) {
		err = event_buffer(q, &chain, &left);
		if (err == -EAGAIN)
			vhost_vq_requeue(&q->vq);
		else if (err)
			vhost_scsi_lose_events(scsi);
		if (err)
			break;
		if (event_take(scsi, &event, &missed))
			event_answer(q, &chain, &event, missed);
		else
			vhost_scsi_answer(q, &chain, NULL, 0);
	}
	vhost_scsi_push(q);
}

/**
 * vhost_scsi_handle_evt - a turn of the event queue
 * @vq: the queue
 *
 * Context: worker.
 */
void vhost_scsi_handle_evt(struct vhost_virtqueue *vq)
{
	struct vhost_scsi_queue *q = vhost_scsi_queue(vq);

	guard(mutex)(&vq->mutex);
	if (!READ_ONCE(q->scsi->open) || !vhost_vq_enter(vq))
		return;
	event_turn(q);
	vhost_vq_exit(vq);
}

/**
 * vhost_scsi_event_work - there are events
 * @work: vhost_scsi.event_work
 *
 * Context: worker.
 */
void vhost_scsi_event_work(struct vhost_work *work)
{
	struct vhost_scsi *scsi = container_of(work, struct vhost_scsi, event_work);

	vhost_scsi_handle_evt(&scsi->queue[VHOST_SCSI_EVT].vq);
}

/**
 * vhost_scsi_forget_events - nobody is to hear of events so far
 * @scsi: the device
 *
 * Context: any.
 */
void vhost_scsi_forget_events(struct vhost_scsi *scsi)
{
	spin_lock(&scsi->event_lock);
	scsi->nevents = 0;
	scsi->missed = false;
	spin_unlock(&scsi->event_lock);
}

/* VHOST_SCSI_SET_EVENTS_MISSED: of the machine that a guest came from. */
int vhost_scsi_set_events_missed(struct vhost_dev *dev, void *arg, void __user *user)
{
	struct vhost_scsi *scsi = container_of(dev, struct vhost_scsi, dev);

	spin_lock(&scsi->event_lock);
	scsi->missed = *(u32 *)arg;
	spin_unlock(&scsi->event_lock);
	return 0;
}

/* VHOST_SCSI_GET_EVENTS_MISSED */
int vhost_scsi_get_events_missed(struct vhost_dev *dev, void *arg, void __user *user)
{
	struct vhost_scsi *scsi = container_of(dev, struct vhost_scsi, dev);

	spin_lock(&scsi->event_lock);
	*(u32 *)arg = scsi->missed;
	spin_unlock(&scsi->event_lock);
	return 0;
}
