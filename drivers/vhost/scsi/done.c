// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the target core is done with, and how buffers go back to the driver.
 *
 * The target core completes commands in any context and in any order. They go onto
 * the queue's lock-free list, from which a turn of its worker takes them: it writes
 * the responses into pages that were pinned when the commands were submitted, so that
 * nothing here depends on what the memory table says by now, notes in the dirty log
 * what was written, and pushes them in batches.
 */

#include <linux/rcupdate.h>
#include <linux/uio.h>
#include <linux/virtio_byteorder.h>

#include "scsi.h"

/**
 * vhost_scsi_push - give the driver the buffers in q->slots->used
 * @q: the queue
 *
 * Context: the queue's mutex, in a turn.
 */
void vhost_scsi_push(struct vhost_scsi_queue *q)
{
	if (q->nused && !devq_push(&q->vq.ring, q->slots->used, q->nused))
		vhost_vq_signal(&q->vq);
	q->nused = 0;
}

/**
 * vhost_scsi_answer - a request ends in the turn that popped it
 * @q: the queue
 * @chain: its buffer; a part of the response for which it has no room is left out
 * @resp: the response
 * @len: its bytes
 *
 * The buffer goes back with the next vhost_scsi_push().
 *
 * Context: the queue's mutex, in a turn; may sleep.
 */
void vhost_scsi_answer(struct vhost_scsi_queue *q, const struct devq_chain *chain,
		       const void *resp, size_t len)
{
	struct devq_used *used = &q->slots->used[q->nused];
	struct iov_iter to;

	iov_iter_init(&to, ITER_DEST, chain->seg + chain->nr_out, chain->nr_in, chain->in_len);
	*used = devq_use(chain, copy_to_iter(resp, len, &to));
	if (devq_log(&q->vq.ring, chain, used, 1))
		return;
	if (++q->nused == DEVQ_BATCH)
		vhost_scsi_push(q);
}

/* Bytes that the target core wrote at most, the response included. */
static u32 cmd_reached(const struct vhost_scsi_cmd *cmd)
{
	const struct se_cmd *se_cmd = &cmd->se_cmd;
	u32 len = VHOST_SCSI_RESP;
	unsigned int i;

	if (cmd->q->vq.index == VHOST_SCSI_CTL)
		return sizeof(struct virtio_scsi_ctrl_tmf_resp);
	if (se_cmd->data_direction != DMA_FROM_DEVICE)
		return len;
	for (i = 0; i < cmd->prot.nents; i++)
		len += cmd->prot.list[i].length;
	for (i = 0; i < cmd->data.nents; i++)
		len += cmd->data.list[i].length;
	return len;
}

static struct virtio_scsi_cmd_resp cmd_response(const struct vhost_scsi_cmd *cmd)
{
	bool little = cmd->q->vq.ring.little_endian;
	const struct se_cmd *se_cmd = &cmd->se_cmd;
	struct virtio_scsi_cmd_resp resp = { .response = cmd->response };
	u16 sense;

	if (resp.response)
		return resp;
	resp.status = se_cmd->scsi_status;
	if (se_cmd->se_cmd_flags & SCF_UNDERFLOW_BIT)
		resp.resid = __cpu_to_virtio32(little, se_cmd->residual_count);
	sense = min_t(u16, se_cmd->scsi_sense_length, sizeof(resp.sense));
	resp.sense_len = __cpu_to_virtio32(little, sense);
	memcpy(resp.sense, cmd->sense, sense);
	return resp;
}

/* Write the response of a command, and what to push. Returns 0, or -EIO if the ring broke. */
static int cmd_finish(struct vhost_scsi_cmd *cmd, struct devq_used *used)
{
	u32 reached = cmd_reached(cmd), len = reached;
	struct devq_used log = devq_use(&cmd->chain, reached);

	if (cmd->q->vq.index == VHOST_SCSI_CTL) {
		sg_copy_from_buffer(cmd->resp.list, cmd->resp.nents, &cmd->response,
				    sizeof(cmd->response));
	} else {
		struct virtio_scsi_cmd_resp resp = cmd_response(cmd);

		if (cmd->se_cmd.data_direction == DMA_FROM_DEVICE) {
			vhost_scsi_copy_back(&cmd->tuples, &cmd->prot);
			vhost_scsi_copy_back(&cmd->sectors, &cmd->data);
		}
		sg_copy_from_buffer(cmd->resp.list, cmd->resp.nents, &resp, sizeof(resp));
		if (resp.response || resp.status)
			len = sizeof(resp);
		else if (cmd->se_cmd.se_cmd_flags & SCF_UNDERFLOW_BIT)
			len -= min_t(u32, cmd->se_cmd.residual_count, len - sizeof(resp));
	}
	*used = devq_use(&cmd->chain, len);
	return devq_log(&cmd->q->vq.ring, &cmd->chain, &log, 1);
}

/**
 * vhost_scsi_collect - have what the target core is done with ready to be given back
 * @q: the queue
 *
 * Context: the queue's mutex.
 */
void vhost_scsi_collect(struct vhost_scsi_queue *q)
{
	if (!q->ready && !llist_empty(&q->done))
		q->ready = llist_reverse_order(llist_del_all(&q->done));
}

/* Finish up to a batch of what is ready, which stays so. */
static unsigned int reap_batch(struct vhost_scsi_queue *q)
{
	struct llist_node *node = q->ready;
	unsigned int n;

	for (n = 0; node && n < DEVQ_BATCH; n++, node = node->next) {
		struct vhost_scsi_cmd *cmd = llist_entry(node, struct vhost_scsi_cmd, node);

		if (cmd_finish(cmd, &q->slots->used[n]))
			return 0;
	}
	return n;
}

static void reap_put(struct vhost_scsi_queue *q, unsigned int n)
{
	while (n--) {
		struct llist_node *node = q->ready;

		q->ready = node->next;
		vhost_scsi_cmd_put(llist_entry(node, struct vhost_scsi_cmd, node));
	}
}

/**
 * vhost_scsi_reap - give back what is ready
 * @q: the queue, with nothing in q->slots->used
 *
 * A ring that is broken may be mended: what cannot be pushed waits for that.
 *
 * Context: the queue's mutex, in a turn; may sleep.
 */
void vhost_scsi_reap(struct vhost_scsi_queue *q)
{
	bool pushed = false;

	while (q->ready) {
		unsigned int n = reap_batch(q);

		if (!n || devq_push(&q->vq.ring, q->slots->used, n))
			break;
		reap_put(q, n);
		pushed = true;
	}
	if (pushed)
		vhost_vq_signal(&q->vq);
}

/**
 * vhost_scsi_finish - give back all that the target core is done with
 * @q: a queue for commands, with nothing in q->slots->used
 *
 * Context: the queue's mutex, in a turn; may sleep.
 */
void vhost_scsi_finish(struct vhost_scsi_queue *q)
{
	do {
		vhost_scsi_collect(q);
		vhost_scsi_reap(q);
	} while (!q->ready && !llist_empty(&q->done));
}

/**
 * vhost_scsi_io_done - commands are done
 * @work: vhost_scsi_queue.done_work of a queue for commands
 *
 * Context: worker.
 */
void vhost_scsi_io_done(struct vhost_work *work)
{
	struct vhost_scsi_queue *q = container_of(work, struct vhost_scsi_queue, done_work);

	guard(mutex)(&q->vq.mutex);
	if (!vhost_vq_enter(&q->vq))
		return;
	vhost_scsi_finish(q);
	vhost_vq_exit(&q->vq);
}

/**
 * vhost_scsi_back - the target core does not have a command any more
 * @q: its queue
 *
 * Context: any. Outside of turns under rcu_read_lock(): the queue may be gone soon.
 */
void vhost_scsi_back(struct vhost_scsi_queue *q)
{
	struct vhost_scsi *scsi = q->scsi;

	/* Orders the count before a look at who waits, see endpoint_drain(). */
	if (atomic_dec_and_test(&q->at_target) && waitqueue_active(&scsi->idle))
		wake_up(&scsi->idle);
}

/**
 * vhost_scsi_release_cmd - target_core_fabric_ops.release_cmd
 * @se_cmd: the command, the last reference to which is gone
 *
 * Context: any.
 */
void vhost_scsi_release_cmd(struct se_cmd *se_cmd)
{
	struct vhost_scsi_cmd *cmd = container_of(se_cmd, struct vhost_scsi_cmd, se_cmd);
	struct vhost_scsi_queue *q = cmd->q;

	rcu_read_lock();
	/* If there was something already, so was the work; and a turn looks as well. */
	if (llist_add(&cmd->node, &q->done))
		vhost_vq_work_queue(&q->vq, &q->done_work);
	vhost_scsi_back(q);
	rcu_read_unlock();
}

/**
 * vhost_scsi_aborted_task - target_core_fabric_ops.aborted_task
 * @se_cmd: a command that ends without a status, as its LUN was reset
 *
 * Context: any.
 */
void vhost_scsi_aborted_task(struct se_cmd *se_cmd)
{
	struct vhost_scsi_cmd *cmd = container_of(se_cmd, struct vhost_scsi_cmd, se_cmd);

	cmd->response = se_cmd->se_cmd_flags & SCF_SCSI_TMR_CDB ?
			VIRTIO_SCSI_S_FUNCTION_REJECTED : VIRTIO_SCSI_S_RESET;
}

/**
 * vhost_scsi_queue_tm_rsp - target_core_fabric_ops.queue_tm_rsp
 * @se_cmd: a task management request that was answered
 *
 * Context: any.
 */
void vhost_scsi_queue_tm_rsp(struct se_cmd *se_cmd)
{
	struct vhost_scsi_cmd *cmd = container_of(se_cmd, struct vhost_scsi_cmd, se_cmd);

	switch (se_cmd->se_tmr_req->response) {
	case TMR_FUNCTION_COMPLETE:
		cmd->response = VIRTIO_SCSI_S_FUNCTION_SUCCEEDED;
		break;
	case TMR_LUN_DOES_NOT_EXIST:
		cmd->response = VIRTIO_SCSI_S_INCORRECT_LUN;
		break;
	default:
		cmd->response = VIRTIO_SCSI_S_FUNCTION_REJECTED;
	}
}
