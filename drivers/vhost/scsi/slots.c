// SPDX-License-Identifier: GPL-2.0-only
/*
 * The commands of a queue: as many as the ring has entries, made when the endpoint is
 * set, so that a command needs no memory but for more pages than foreseen.
 */

#include <linux/slab.h>

#include "scsi.h"

/* Pages of a response: it may be anywhere, and is hardly ever in more than two. */
#define SLOTS_RESP_SG	2
/* A page of protection information is enough for the data in at least these. */
#define SLOTS_PI_RATIO	64

/**
 * struct slots_room - what each command of a queue has
 * @data: entries for data
 * @prot: entries for protection information
 * @seg: pieces
 */
struct slots_room {
	unsigned int data;
	unsigned int prot;
	unsigned int seg;
};

static struct slots_room slots_room(const struct vhost_scsi_queue *q)
{
	struct slots_room room = { .seg = 1 };

	if (q->vq.index < VHOST_SCSI_IO)
		return room;
	room.data = q->scsi->inline_sg;
	if (q->pi)
		room.prot = DIV_ROUND_UP(room.data, SLOTS_PI_RATIO) + 1;
	room.seg = clamp(room.data, SLOTS_RESP_SG, DEVQ_CHAIN_SEGS);
	return room;
}

static void slots_fill(struct vhost_scsi_queue *q, struct vhost_scsi_slots *slots,
		       const struct slots_room *room)
{
	struct scatterlist *sg = slots->sg;
	struct iovec *seg = slots->seg;
	unsigned int i;

	for (i = 0; i < slots->ncmds; i++) {
		struct vhost_scsi_cmd *cmd = &slots->cmd[i];

		cmd->q = q;
		cmd->resp.room = sg;
		cmd->resp.nroom = SLOTS_RESP_SG;
		sg += SLOTS_RESP_SG;
		cmd->data.room = sg;
		cmd->data.nroom = room->data;
		sg += room->data;
		cmd->prot.room = sg;
		cmd->prot.nroom = room->prot;
		sg += room->prot;
		cmd->room = seg;
		cmd->nroom = room->seg;
		seg += room->seg;
		cmd->node.next = slots->free;
		slots->free = &cmd->node;
	}
}

/**
 * vhost_scsi_slots_alloc - make the commands of a queue
 * @q: the queue, stopped, with a size
 *
 * Context: vhost_dev.mutex; may sleep.
 * Return: 0 or -ENOMEM.
 */
int vhost_scsi_slots_alloc(struct vhost_scsi_queue *q)
{
	/* The event queue has no requests. */
	unsigned int n = q->vq.index == VHOST_SCSI_EVT ? 0 : q->vq.num;
	struct slots_room room = slots_room(q);
	struct vhost_scsi_slots *slots;

	slots = kvzalloc_flex(*slots, cmd, n, GFP_KERNEL_ACCOUNT);
	if (!slots)
		return -ENOMEM;
	slots->ncmds = n;
	slots->sg = kvmalloc_objs(*slots->sg, n * (SLOTS_RESP_SG + room.data + room.prot),
				  GFP_KERNEL_ACCOUNT);
	slots->seg = kvmalloc_objs(*slots->seg, n * room.seg, GFP_KERNEL_ACCOUNT);
	if (!slots->sg || !slots->seg) {
		kvfree(slots->sg);
		kvfree(slots->seg);
		kvfree(slots);
		return -ENOMEM;
	}
	slots_fill(q, slots, &room);
	q->slots = slots;
	return 0;
}

static void cmd_clean(struct vhost_scsi_cmd *cmd)
{
	vhost_scsi_unpin(&cmd->resp);
	vhost_scsi_unpin(&cmd->data);
	vhost_scsi_unpin(&cmd->prot);
	vhost_scsi_copy_free(&cmd->tuples);
	vhost_scsi_copy_free(&cmd->sectors);
	if (cmd->chain.seg != cmd->room)
		kfree(cmd->chain.seg);
	cmd->chain.seg = NULL;
}

/**
 * vhost_scsi_slots_free - free the commands of a queue
 * @q: the queue, stopped; the target core has none of its commands
 *
 * Those that were not given back to the driver never will be.
 *
 * Context: vhost_dev.mutex; may sleep.
 */
void vhost_scsi_slots_free(struct vhost_scsi_queue *q)
{
	struct vhost_scsi_slots *slots = q->slots;
	unsigned int i;

	if (!slots)
		return;
	for (i = 0; i < slots->ncmds && slots->nbusy; i++)
		cmd_clean(&slots->cmd[i]);
	init_llist_head(&q->done);
	q->ready = NULL;
	q->nused = 0;
	q->settling = NULL;
	q->slots = NULL;
	kvfree(slots->sg);
	kvfree(slots->seg);
	kvfree(slots);
}

/**
 * vhost_scsi_cmd_get - a command that is not in use
 * @q: its queue
 *
 * Context: the queue's mutex.
 * Return: the command, or NULL if there is none left.
 */
struct vhost_scsi_cmd *vhost_scsi_cmd_get(struct vhost_scsi_queue *q)
{
	struct vhost_scsi_slots *slots = q->slots;
	struct llist_node *node = slots->free;
	struct vhost_scsi_cmd *cmd;

	if (!node)
		return NULL;
	slots->free = node->next;
	slots->nbusy++;
	cmd = llist_entry(node, struct vhost_scsi_cmd, node);
	memset(&cmd->se_cmd, 0, sizeof(cmd->se_cmd));
	cmd->reset = NULL;
	cmd->response = VIRTIO_SCSI_S_OK;
	return cmd;
}

/**
 * vhost_scsi_cmd_put - a command is not in use any more
 * @cmd: the command
 *
 * Context: the queue's mutex; may sleep.
 */
void vhost_scsi_cmd_put(struct vhost_scsi_cmd *cmd)
{
	struct vhost_scsi_slots *slots = cmd->q->slots;

	cmd_clean(cmd);
	if (unlikely(cmd->reset))
		vhost_scsi_reset_settle(cmd->reset);
	cmd->node.next = slots->free;
	slots->free = &cmd->node;
	slots->nbusy--;
}

/**
 * vhost_scsi_cmd_keep - keep what a command has to know of its buffer
 * @cmd: the command
 * @chain: the buffer
 * @len: bytes at the start of the device-writable part that will be written to
 *
 * Context: the queue's mutex; may sleep.
 * Return: 0 or -ENOMEM.
 */
int vhost_scsi_cmd_keep(struct vhost_scsi_cmd *cmd, const struct devq_chain *chain, u32 len)
{
	struct iovec *seg = chain->seg + chain->nr_out;
	unsigned int n = 0;
	u64 sum;

	for (sum = 0; sum < len; sum += seg[n++].iov_len)
		;
	cmd->chain = *chain;
	cmd->chain.nr_out = 0;
	cmd->chain.nr_in = n;
	cmd->chain.seg = cmd->room;
	if (n > cmd->nroom) {
		cmd->chain.seg = kmalloc_objs(*seg, n, GFP_KERNEL_ACCOUNT);
		if (!cmd->chain.seg)
			return -ENOMEM;
	}
	memcpy(cmd->chain.seg, seg, n * sizeof(*seg));
	return 0;
}
