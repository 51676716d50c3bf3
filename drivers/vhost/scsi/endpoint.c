// SPDX-License-Identifier: GPL-2.0-only
/*
 * The endpoint: which of the target core's targets a device has. With it the queues
 * run, without it they are stopped and the target core knows nothing of us.
 */

#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "scsi.h"

static void endpoint_kick_all(struct vhost_scsi *scsi)
{
	unsigned int i;

	for (i = 0; i < scsi->dev.nvqs; i++)
		if (scsi->queue[i].slots)
			vhost_vq_requeue(&scsi->queue[i].vq);
}

static bool endpoint_idle(struct vhost_scsi *scsi)
{
	unsigned int i;

	for (i = 0; i < scsi->dev.nvqs; i++)
		if (atomic_read(&scsi->queue[i].at_target))
			return false;
	return true;
}

/*
 * Take no new requests, and wait until the target core has none. Returns 0, or -EINTR
 * if the caller was killed: then all goes on as before.
 */
static int endpoint_drain(struct vhost_scsi *scsi)
{
	unsigned int i;
	int err = 0;

	WRITE_ONCE(scsi->open, false);
	/* Turns that began before that. */
	for (i = 0; i < scsi->dev.nvqs && !err; i++) {
		struct vhost_scsi_queue *q = &scsi->queue[i];

		if (!q->slots)
			continue;
		err = vhost_vq_lock(&q->vq);
		if (!err)
			mutex_unlock(&q->vq.mutex);
	}
	if (!err && wait_event_killable(scsi->idle, endpoint_idle(scsi)))
		err = -EINTR;
	if (err) {
		WRITE_ONCE(scsi->open, true);
		endpoint_kick_all(scsi);
	}
	return err;
}

/*
 * Whoever completed a request has queued the work that answers it, so that a flush sees
 * to the answers. Resets are answered one after the other, each after its commands.
 */
static void endpoint_flush(struct vhost_scsi *scsi)
{
	struct vhost_scsi_slots *ctl = scsi->queue[VHOST_SCSI_CTL].slots;
	unsigned int left = 0, before;

	vhost_dev_flush(&scsi->dev);
	do {
		before = left;
		vhost_dev_flush(&scsi->dev);
		left = ctl ? READ_ONCE(ctl->nbusy) : 0;
	} while (left != before);
}

/* Let go of everything, after the target core has no request of ours. */
static void endpoint_close(struct vhost_scsi *scsi)
{
	unsigned int i;

	endpoint_flush(scsi);
	for (i = 0; i < scsi->dev.nvqs; i++) {
		struct vhost_scsi_queue *q = &scsi->queue[i];

		if (!q->slots)
			continue;
		mutex_lock(&q->vq.mutex);
		vhost_vq_stop(&q->vq);
		mutex_unlock(&q->vq.mutex);
	}
	/* From here on nobody tells us of LUNs. */
	vhost_scsi_unclaim(scsi->tpgs);
	vhost_dev_flush(&scsi->dev);
	vhost_scsi_lose_events(scsi);
	/* Those who completed the last requests may still look at the queues. */
	synchronize_rcu_expedited();
	for (i = 0; i < scsi->dev.nvqs; i++)
		vhost_scsi_slots_free(&scsi->queue[i]);
	kfree(scsi->tpgs);
	scsi->tpgs = NULL;
	memset(scsi->wwpn, 0, sizeof(scsi->wwpn));
}

/* Queues that are not set up stay as they are: a boot loader has but one (SEEDMAP). */
static int endpoint_start(struct vhost_scsi *scsi)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < scsi->dev.nvqs && !err; i++) {
		struct vhost_scsi_queue *q = &scsi->queue[i];

		if (!q->vq.num || !q->vq.addr_set)
			continue;
		err = vhost_vq_lock(&q->vq);
		if (err)
			break;
		err = vhost_scsi_slots_alloc(q) ?: vhost_vq_start(&q->vq, scsi->tpgs);
		mutex_unlock(&q->vq.mutex);
		cond_resched();
	}
	return err;
}

static int endpoint_get(struct vhost_scsi_target *target, const void __user *user)
{
	if (copy_from_user(target, user, sizeof(*target)))
		return -EFAULT;
	return target->reserved ? -EOPNOTSUPP : 0;
}

/*
 * VHOST_SCSI_SET_ENDPOINT: serve the guest with all targets of a name that have a nexus
 * and are not in use. On error nothing has changed.
 */
int vhost_scsi_set_endpoint(struct vhost_dev *dev, void *arg, void __user *user)
{
	struct vhost_scsi *scsi = container_of(dev, struct vhost_scsi, dev);
	struct vhost_scsi_target target;
	int err = endpoint_get(&target, user);

	if (err)
		return err;
	if (scsi->tpgs)
		return -EEXIST;
	if (strnlen(target.vhost_wwpn, sizeof(target.vhost_wwpn)) == sizeof(target.vhost_wwpn))
		return -ENODEV;
	scsi->tpgs = kzalloc_objs(*scsi->tpgs, VHOST_SCSI_MAX_TARGETS, GFP_KERNEL_ACCOUNT);
	if (!scsi->tpgs)
		return -ENOMEM;
	err = vhost_scsi_claim(scsi, target.vhost_wwpn, scsi->tpgs);
	if (err) {
		kfree(scsi->tpgs);
		scsi->tpgs = NULL;
		return err;
	}
	err = endpoint_start(scsi);
	if (err) {
		/* No turn has taken a request so far. */
		endpoint_close(scsi);
		return err;
	}
	strscpy(scsi->wwpn, target.vhost_wwpn, sizeof(scsi->wwpn));
	WRITE_ONCE(scsi->open, true);
	endpoint_kick_all(scsi);
	return 0;
}

/*
 * VHOST_SCSI_CLEAR_ENDPOINT: when it returns all requests that were taken have been
 * answered. On error nothing has changed.
 */
int vhost_scsi_clear_endpoint(struct vhost_dev *dev, void *arg, void __user *user)
{
	struct vhost_scsi *scsi = container_of(dev, struct vhost_scsi, dev);
	struct vhost_scsi_target target;
	int err = endpoint_get(&target, user);

	if (err || !scsi->tpgs)
		return err;
	if (strncmp(scsi->wwpn, target.vhost_wwpn, sizeof(target.vhost_wwpn)))
		return -EINVAL;
	err = endpoint_drain(scsi);
	if (!err)
		endpoint_close(scsi);
	return err;
}

/**
 * vhost_scsi_stop - vhost_dev_ops.stop
 * @dev: the device
 *
 * What the target core has is waited for; nobody is told of it any more.
 *
 * Context: vhost_dev.mutex; the workers were killed, so none of them waits for the owner.
 */
void vhost_scsi_stop(struct vhost_dev *dev)
{
	struct vhost_scsi *scsi = container_of(dev, struct vhost_scsi, dev);
	unsigned int i;

	if (!scsi->tpgs)
		return;
	WRITE_ONCE(scsi->open, false);
	for (i = 0; i < dev->nvqs; i++) {
		mutex_lock(&scsi->queue[i].vq.mutex);
		mutex_unlock(&scsi->queue[i].vq.mutex);
	}
	wait_event(scsi->idle, endpoint_idle(scsi));
	endpoint_close(scsi);
}
