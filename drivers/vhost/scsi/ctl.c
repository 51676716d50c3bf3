// SPDX-License-Identifier: GPL-2.0-only
/* The control queue: task management, and notifications, of which there are none. */

#include <linux/uio.h>
#include <linux/virtio_byteorder.h>

#include "scsi.h"

/* A request, copied once. All begin with their type. */
union ctl_request {
	__virtio32 type;
	struct virtio_scsi_ctrl_tmf_req tmf;
	struct virtio_scsi_ctrl_an_req an;
};

static void ctl_tmf_answer(struct vhost_scsi_queue *q, const struct devq_chain *chain,
			   u8 response)
{
	struct virtio_scsi_ctrl_tmf_resp resp = { .response = response };

	vhost_scsi_answer(q, chain, &resp, sizeof(resp));
}

/* Returns 0 if the target core has the request, or the VIRTIO_SCSI_S_* to answer with. */
static u8 ctl_reset_lun(struct vhost_scsi_queue *q, const struct devq_chain *chain,
			struct vhost_scsi_tpg *tpg, u16 lun)
{
	struct vhost_scsi_span in = { .seg = chain->seg + chain->nr_out };
	struct vhost_scsi_cmd *cmd = vhost_scsi_cmd_get(q);
	int err;

	if (!cmd)
		return VIRTIO_SCSI_S_FUNCTION_REJECTED;
	err = vhost_scsi_cmd_keep(cmd, chain, sizeof(struct virtio_scsi_ctrl_tmf_resp)) ?:
	      vhost_scsi_pin(&cmd->resp, &in, sizeof(struct virtio_scsi_ctrl_tmf_resp), true);
	if (!err) {
		atomic_inc(&q->at_target);
		err = target_submit_tmr(&cmd->se_cmd, tpg->sess, NULL, lun, NULL, TMR_LUN_RESET,
					GFP_KERNEL, 0, 0);
		if (!err)
			return VIRTIO_SCSI_S_OK;
		vhost_scsi_back(q);
	}
	vhost_scsi_cmd_put(cmd);
	return VIRTIO_SCSI_S_FUNCTION_REJECTED;
}

static void ctl_tmf(struct vhost_scsi_queue *q, const struct devq_chain *chain,
		    const struct virtio_scsi_ctrl_tmf_req *req)
{
	struct vhost_scsi_tpg *tpg = vhost_scsi_target(q, req->lun);
	u8 response = VIRTIO_SCSI_S_FUNCTION_REJECTED;

	if (!tpg)
		response = VIRTIO_SCSI_S_BAD_TARGET;
	else if (__virtio32_to_cpu(q->vq.ring.little_endian, req->subtype) ==
		 VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET)
		response = ctl_reset_lun(q, chain, tpg, vhost_scsi_lun(req->lun));
	if (response)
		ctl_tmf_answer(q, chain, response);
}

/* No LUN has events of this kind: there is nothing to subscribe to. */
static void ctl_an(struct vhost_scsi_queue *q, const struct devq_chain *chain,
		   const struct virtio_scsi_ctrl_an_req *req)
{
	struct virtio_scsi_ctrl_an_resp resp = {
		.response = vhost_scsi_target(q, req->lun) ? VIRTIO_SCSI_S_OK :
							     VIRTIO_SCSI_S_BAD_TARGET,
	};

	vhost_scsi_answer(q, chain, &resp, sizeof(resp));
}

static void ctl_request(struct vhost_scsi_queue *q, const struct devq_chain *chain)
{
	size_t len = min_t(size_t, chain->out_len, sizeof(union ctl_request));
	union ctl_request req = {};
	struct iov_iter from;
	u32 type;

	iov_iter_init(&from, ITER_SOURCE, chain->seg, chain->nr_out, chain->out_len);
	if (len >= sizeof(req.type) && copy_from_iter_full(&req, len, &from)) {
		type = __virtio32_to_cpu(q->vq.ring.little_endian, req.type);
		switch (type) {
		case VIRTIO_SCSI_T_TMF:
			if (len < sizeof(req.tmf) ||
			    chain->in_len < sizeof(struct virtio_scsi_ctrl_tmf_resp))
				break;
			ctl_tmf(q, chain, &req.tmf);
			return;
		case VIRTIO_SCSI_T_AN_QUERY:
		case VIRTIO_SCSI_T_AN_SUBSCRIBE:
			if (len < sizeof(req.an) ||
			    chain->in_len < sizeof(struct virtio_scsi_ctrl_an_resp))
				break;
			ctl_an(q, chain, &req.an);
			return;
		}
	}
	/* What the answer to this would look like, nobody knows. */
	vhost_scsi_answer(q, chain, NULL, 0);
}

static void ctl_turn(struct vhost_scsi_queue *q)
{
	struct vhost_scsi_slots *slots = q->slots;
	struct devq *dq = &q->vq.ring;
	unsigned int left = VHOST_SCSI_TURN;
	int i, n;

	while (left) {
		n = devq_pop(dq, slots->chain, min(left, DEVQ_BATCH), slots->iov,
			     ARRAY_SIZE(slots->iov));
		if (!n && devq_enable_kick(dq) > 0)
			continue;
		if (n <= 0)
			return;
		for (i = 0; i < n; i++)
			ctl_request(q, &slots->chain[i]);
		vhost_scsi_push(q);
		left -= n;
	}
	vhost_vq_requeue(&q->vq);
}

/**
 * vhost_scsi_handle_ctl - a turn of the control queue
 * @vq: the queue
 *
 * Context: worker.
 */
void vhost_scsi_handle_ctl(struct vhost_virtqueue *vq)
{
	struct vhost_scsi_queue *q = vhost_scsi_queue(vq);

	guard(mutex)(&vq->mutex);
	if (!vhost_vq_enter(vq))
		return;
	vhost_scsi_reap(q);
	if (READ_ONCE(q->scsi->open))
		ctl_turn(q);
	vhost_vq_exit(vq);
}

/**
 * vhost_scsi_reset_settle - one less is ahead of a reset
 * @reset: the reset
 *
 * Context: worker.
 */
void vhost_scsi_reset_settle(struct vhost_scsi_cmd *reset)
{
	if (atomic_dec_and_test(&reset->ahead))
		vhost_vq_work_queue(&reset->q->vq, &reset->q->done_work);
}

/* Have a reset wait for what a queue has of its LUN. Returns false if killed. */
static bool ctl_mark(struct vhost_scsi_queue *q, struct vhost_scsi_cmd *reset)
{
	struct vhost_scsi_slots *slots;
	unsigned int i;

	if (mutex_lock_killable(&q->vq.mutex))
		return false;
	slots = q->slots;
	for (i = 0; slots && slots->nbusy && i < slots->ncmds; i++) {
		struct vhost_scsi_cmd *cmd = &slots->cmd[i];

		if (!cmd->chain.seg || cmd->se_cmd.se_sess != reset->se_cmd.se_sess ||
		    cmd->se_cmd.orig_fe_lun != reset->se_cmd.orig_fe_lun)
			continue;
		cmd->reset = reset;
		atomic_inc(&reset->ahead);
	}
	mutex_unlock(&q->vq.mutex);
	return true;
}

/* The next reset to be answered, one at a time. */
static struct vhost_scsi_cmd *ctl_next(struct vhost_scsi_queue *q)
{
	struct llist_node *node;

	guard(mutex)(&q->vq.mutex);
	if (q->settling)
		return NULL;
	node = llist_del_first(&q->done);
	if (!node)
		return NULL;
	q->settling = llist_entry(node, struct vhost_scsi_cmd, node);
	atomic_set(&q->settling->ahead, 1);
	return q->settling;
}

/* If nothing is ahead of a reset any more, it can be answered. */
static void ctl_settled(struct vhost_scsi_queue *q)
{
	if (!q->settling || atomic_read(&q->settling->ahead))
		return;
	q->settling->node.next = q->ready;
	q->ready = &q->settling->node;
	q->settling = NULL;
	if (!llist_empty(&q->done))
		vhost_vq_work_queue(&q->vq, &q->done_work);
}

/**
 * vhost_scsi_ctl_done - resets of LUNs are done, or nothing is ahead of one any more
 * @work: vhost_scsi_queue.done_work of the control queue
 *
 * When the guest is told that a LUN was reset, it takes the LUN's commands to be over:
 * they go back first. Those that the target core had completed by itself may still be
 * on their way to us. No worker waits for another one here, or for itself (FAULTS 86).
 *
 * Context: worker.
 */
void vhost_scsi_ctl_done(struct vhost_work *work)
{
	struct vhost_scsi_queue *q = container_of(work, struct vhost_scsi_queue, done_work);
	struct vhost_scsi *scsi = q->scsi;
	struct vhost_scsi_cmd *reset = ctl_next(q);
	unsigned int i;

	if (reset) {
		for (i = VHOST_SCSI_IO; i < scsi->dev.nvqs; i++)
			if (!ctl_mark(&scsi->queue[i], reset))
				break;
		vhost_scsi_reset_settle(reset);
	}
	guard(mutex)(&q->vq.mutex);
	ctl_settled(q);
	if (!vhost_vq_enter(&q->vq))
		return;
	vhost_scsi_reap(q);
	vhost_vq_exit(&q->vq);
}
