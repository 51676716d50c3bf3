// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands from the guest to the target core. Whatever a request says is copied once
 * and checked; what makes no sense is answered in the same turn.
 */

#include <linux/blk_types.h>
#include <linux/nospec.h>
#include <linux/ratelimit.h>
#include <linux/t10-pi.h>
#include <linux/uio.h>
#include <linux/unaligned.h>
#include <linux/virtio_byteorder.h>
#include <scsi/scsi_common.h>
#include <scsi/scsi_proto.h>

#include "scsi.h"

/**
 * struct scsi_request - a command as the guest wants it
 * @tpg: its target
 * @lun: LUN of the target
 * @attr: TCM_*_TAG
 * @tag: names it to the guest
 * @dir: where the data goes
 * @hdr_len: bytes of the request in front of data to the target
 * @data_len: bytes of data
 * @prot_len: bytes of protection information, which is in front of the data
 * @cdb: the SCSI command
 */
struct scsi_request {
	struct vhost_scsi_tpg *tpg;
	u16 lun;
	int attr;
	u64 tag;
	enum dma_data_direction dir;
	u32 hdr_len;
	u32 data_len;
	u32 prot_len;
	u8 cdb[VIRTIO_SCSI_CDB_SIZE];
};

/* A request with lengths of protection information, or without them. */
union scsi_header {
	struct virtio_scsi_cmd_req plain;
	struct virtio_scsi_cmd_req_pi pi;
};

static int request_attr(u8 attr)
{
	switch (attr & 7) {
	case VIRTIO_SCSI_S_ORDERED:
		return TCM_ORDERED_TAG;
	case VIRTIO_SCSI_S_HEAD:
		return TCM_HEAD_TAG;
	case VIRTIO_SCSI_S_ACA:
		return TCM_ACA_TAG;
	default:
		return TCM_SIMPLE_TAG;
	}
}

/*
 * Length and place of data, of which protection information is the first part. Returns
 * false if there would be nothing left (FAULTS 37).
 */
static bool request_lengths(struct scsi_request *req, const struct devq_chain *chain,
			    u32 prot_out, u32 prot_in)
{
	req->dir = DMA_NONE;
	if (chain->out_len > req->hdr_len) {
		req->dir = DMA_TO_DEVICE;
		req->data_len = chain->out_len - req->hdr_len;
		req->prot_len = prot_out;
		prot_out = 0;
	} else if (chain->in_len > VHOST_SCSI_RESP) {
		req->dir = DMA_FROM_DEVICE;
		req->data_len = chain->in_len - VHOST_SCSI_RESP;
		req->prot_len = prot_in;
		prot_in = 0;
	}
	/* That of the other direction belongs to no data. */
	if (prot_out || (prot_in && req->dir != DMA_TO_DEVICE))
		return false;
	if (req->prot_len >= max(req->data_len, 1U) ||
	    req->prot_len % sizeof(struct t10_pi_tuple))
		return false;
	req->data_len -= req->prot_len;
	return true;
}

/* Returns 0, or the VIRTIO_SCSI_S_* to answer with. */
static u8 request_parse(struct vhost_scsi_queue *q, const struct devq_chain *chain,
			struct scsi_request *req)
{
	bool little = q->vq.ring.little_endian;
	u32 prot_out = 0, prot_in = 0;
	union scsi_header hdr;
	struct iov_iter from;

	*req = (struct scsi_request) {
		.hdr_len = q->pi ? sizeof(hdr.pi) : sizeof(hdr.plain),
	};
	if (chain->out_len < req->hdr_len || chain->in_len < VHOST_SCSI_RESP)
		return VIRTIO_SCSI_S_BAD_TARGET;
	iov_iter_init(&from, ITER_SOURCE, chain->seg, chain->nr_out, chain->out_len);
	if (!copy_from_iter_full(&hdr, req->hdr_len, &from))
		return VIRTIO_SCSI_S_FAILURE;
	if (q->pi) {
		memcpy(req->cdb, hdr.pi.cdb, sizeof(req->cdb));
		prot_out = __virtio32_to_cpu(little, hdr.pi.pi_bytesout);
		prot_in = __virtio32_to_cpu(little, hdr.pi.pi_bytesin);
	} else {
		memcpy(req->cdb, hdr.plain.cdb, sizeof(req->cdb));
	}
	/* Up to here both look the same. */
	req->tag = __virtio64_to_cpu(little, hdr.plain.tag);
	req->attr = request_attr(hdr.plain.task_attr);
	req->lun = vhost_scsi_lun(hdr.plain.lun);
	req->tpg = vhost_scsi_target(q, hdr.plain.lun);
	if (!req->tpg) {
		pr_debug_ratelimited("virtqueue %u: no target %u\n", q->vq.index,
				     hdr.plain.lun[1]);
		return VIRTIO_SCSI_S_BAD_TARGET;
	}
	/* The length of a command is written in it. */
	if (scsi_command_size(req->cdb) > sizeof(req->cdb) ||
	    !request_lengths(req, chain, prot_out, prot_in))
		return VIRTIO_SCSI_S_BAD_TARGET;
	return VIRTIO_SCSI_S_OK;
}

/*
 * Does a command only read the data that comes with it? The target core does not ask
 * where the guest has the data of a command that is to fill it, as INQUIRY: it would
 * write to the guest's read-only memory, which may be a file of the host's.
 */
static bool cdb_sends(const u8 *cdb)
{
	switch (cdb[0]) {
	case WRITE_6:
	case WRITE_10:
	case WRITE_12:
	case WRITE_16:
	case WRITE_VERIFY:
	case WRITE_VERIFY_12:
	case WRITE_VERIFY_16:
	case WRITE_SAME:
	case WRITE_SAME_16:
	case COMPARE_AND_WRITE:
	case UNMAP:
	case MODE_SELECT:
	case MODE_SELECT_10:
	case PERSISTENT_RESERVE_OUT:
	case EXTENDED_COPY:
	case MAINTENANCE_OUT:
		return true;
	case VARIABLE_LENGTH_CMD:
		return get_unaligned_be16(&cdb[8]) == WRITE_32 ||
		       get_unaligned_be16(&cdb[8]) == WRITE_SAME_32;
	default:
		return false;
	}
}

/* Pin all that the command needs later. Returns 0 or an error. */
static int cmd_pin(struct vhost_scsi_cmd *cmd, const struct devq_chain *chain,
		   const struct scsi_request *req)
{
	struct vhost_scsi_span in = { .seg = chain->seg + chain->nr_out };
	struct vhost_scsi_span out = { .seg = chain->seg };
	bool from = req->dir == DMA_FROM_DEVICE;
	struct vhost_scsi_span *span = from ? &in : &out;
	bool write = from || !cdb_sends(req->cdb);
	u32 written = VHOST_SCSI_RESP;
	int err;

	if (from)
		written += req->prot_len + req->data_len;
	err = vhost_scsi_cmd_keep(cmd, chain, written);
	if (!err)
		err = vhost_scsi_pin(&cmd->resp, &in, VHOST_SCSI_RESP, true);
	if (err || req->dir == DMA_NONE)
		return err;
	if (!from)
		vhost_scsi_skip(&out, req->hdr_len);
	err = vhost_scsi_pin(&cmd->prot, span, req->prot_len, write) ?:
	      vhost_scsi_pin(&cmd->data, span, req->data_len, write);
	/*
	 * The target core looks at whole tuples and sectors without regard to where an
	 * entry ends, and not every storage can do with less than a sector.
	 */
	if (!err && vhost_scsi_is_cut(&cmd->prot, sizeof(struct t10_pi_tuple)))
		err = vhost_scsi_copy(&cmd->tuples, &cmd->prot);
	if (!err && vhost_scsi_is_cut(&cmd->data, SECTOR_SIZE))
		err = vhost_scsi_copy(&cmd->sectors, &cmd->data);
	return err;
}

/* Returns 0 if the target core has the command, or the VIRTIO_SCSI_S_* to answer with. */
static u8 cmd_submit(struct vhost_scsi_cmd *cmd, struct scsi_request *req)
{
	struct se_cmd *se_cmd = &cmd->se_cmd;
	struct vhost_scsi_queue *q = cmd->q;
	struct vhost_scsi_sgl *data = cmd->sectors.nents ? &cmd->sectors : &cmd->data;
	struct vhost_scsi_sgl *prot = cmd->tuples.nents ? &cmd->tuples : &cmd->prot;

	se_cmd->tag = req->tag;
	/* Protection information is nobody's but the device's if none came along. */
	se_cmd->prot_pto = req->data_len && !req->prot_len;
	atomic_inc(&q->at_target);
	if (target_init_cmd(se_cmd, req->tpg->sess, cmd->sense, req->lun, req->data_len,
			    req->attr, req->dir, 0)) {
		vhost_scsi_back(q);
		return VIRTIO_SCSI_S_BUSY;
	}
	/* If it says no it has answered already. */
	if (!target_submit_prep(se_cmd, req->cdb, data->list, data->nents, NULL, 0,
				prot->list, prot->nents, GFP_KERNEL))
		target_submit(se_cmd);
	return VIRTIO_SCSI_S_OK;
}

static void io_answer(struct vhost_scsi_queue *q, const struct devq_chain *chain, u8 response,
		      u8 status)
{
	struct virtio_scsi_cmd_resp resp = { .response = response, .status = status };

	/* Half a response is none. */
	vhost_scsi_answer(q, chain, &resp, chain->in_len < sizeof(resp) ? 0 : sizeof(resp));
}

static void io_request(struct vhost_scsi_queue *q, const struct devq_chain *chain)
{
	struct vhost_scsi_cmd *cmd;
	struct scsi_request req;
	u8 response = request_parse(q, chain, &req);
	int err;

	if (response) {
		io_answer(q, chain, response, SAM_STAT_GOOD);
		return;
	}
	cmd = vhost_scsi_cmd_get(q);
	if (!cmd) {
		/* More than the ring has entries: some are in it twice (FAULTS 89). */
		io_answer(q, chain, VIRTIO_SCSI_S_OK, SAM_STAT_TASK_SET_FULL);
		return;
	}
	err = cmd_pin(cmd, chain, &req);
	if (!err)
		response = cmd_submit(cmd, &req);
	else if (err == -ENOMEM)
		response = VIRTIO_SCSI_S_BUSY;
	else
		response = VIRTIO_SCSI_S_FAILURE;
	if (response) {
		vhost_scsi_cmd_put(cmd);
		io_answer(q, chain, response, SAM_STAT_GOOD);
	}
}

static void io_turn(struct vhost_scsi_queue *q)
{
	struct vhost_scsi_slots *slots = q->slots;
	struct devq *dq = &q->vq.ring;
	unsigned int left = VHOST_SCSI_TURN;
	int i, n;

	if (devq_disable_kick(dq))
		return;
	for (;;) {
		n = devq_pop(dq, slots->chain, min(left, DEVQ_BATCH), slots->iov,
			     ARRAY_SIZE(slots->iov));
		if (!n && (devq_enable_kick(dq) <= 0 || devq_disable_kick(dq)))
			break;
		if (n < 0)
			break;
		for (i = 0; i < n; i++)
			io_request(q, &slots->chain[i]);
		vhost_scsi_push(q);
		left -= n;
		if (!left) {
			vhost_vq_requeue(&q->vq);
			break;
		}
	}
}

/**
 * vhost_scsi_handle_io - a turn of a queue for commands
 * @vq: the queue
 *
 * Context: worker.
 */
void vhost_scsi_handle_io(struct vhost_virtqueue *vq)
{
	struct vhost_scsi_queue *q = vhost_scsi_queue(vq);

	guard(mutex)(&vq->mutex);
	if (!vhost_vq_enter(vq))
		return;
	vhost_scsi_finish(q);
	if (READ_ONCE(q->scsi->open))
		io_turn(q);
	vhost_vq_exit(vq);
}
