/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_SCSI_H
#define RINGSIDE_SCSI_H
/*
 * vhost-scsi: a SCSI host adapter whose targets are those of the kernel's target
 * core (LIO).
 *
 * Queue 0 takes control requests, queue 1 takes buffers for events, all others
 * take commands. A command outlives the turn in which it was popped: the target
 * core has it until it is done, in any context, and the queue's worker gives it
 * back in a later turn. Whatever a command needs then is its own: the guest's
 * pages are pinned when it is submitted, those of the response included, so that
 * the VMM may change its memory table and unmap memory at any time.
 *
 * Lock order: vhost_dev.mutex, then either a queue's mutex or the lock of the
 * target portal groups (tpg.c), then vhost_scsi.event_lock. The target core calls
 * tpg.c with configfs's locks held, so those are never taken inside of ours.
 */

#include <linux/llist.h>
#include <linux/nospec.h>
#include <linux/scatterlist.h>
#include <linux/virtio_scsi.h>
#include <target/target_core_base.h>
#include <target/target_core_fabric.h>

#include "core/vhost.h"

#define VHOST_SCSI_CTL		0
#define VHOST_SCSI_EVT		1
#define VHOST_SCSI_IO		2	/* the first of them */

#define VHOST_SCSI_MAX_TARGETS	256
#define VHOST_SCSI_MAX_IO_VQS	1024
/* Events that wait for their turn. */
#define VHOST_SCSI_MAX_EVENTS	128
/* Pages that the data of one command may be in. */
#define VHOST_SCSI_MAX_SG	2048
/* Buffers a queue may take in one turn, so that others get theirs (FAULTS 64). */
#define VHOST_SCSI_TURN		256

/* Bytes of a response. */
#define VHOST_SCSI_RESP		sizeof(struct virtio_scsi_cmd_resp)

struct vhost_scsi;
struct vhost_scsi_queue;

/**
 * struct vhost_scsi_wwn - a target as configfs names it
 * @wwn: for the target core
 * @proto: SCSI_PROTOCOL_*; immutable
 * @name: without "fc." if that is its kind; immutable
 */
struct vhost_scsi_wwn {
	struct se_wwn wwn;
	u8 proto;
	char name[TRANSPORT_IQN_LEN];
};

/**
 * struct vhost_scsi_tpg - a portal group: one SCSI target of the guest's
 * @se_tpg: for the target core
 * @wwn: what it belongs to; immutable
 * @target: number of the target; immutable
 * @prot_type: T10-PI type emulated for devices that have none
 * @node: in the list of all groups
 * @sess: the nexus, NULL without one
 * @nluns: LUNs linked
 * @scsi: the device that uses it; it has a nexus as long as there is one
 *
 * @node, @sess, @nluns and @scsi are written under the lock of the groups. A device
 * that uses the group reads @sess without it.
 */
struct vhost_scsi_tpg {
	struct se_portal_group se_tpg;
	struct vhost_scsi_wwn *wwn;
	u16 target;
	int prot_type;

	struct list_head node;
	struct se_session *sess;
	unsigned int nluns;
	struct vhost_scsi *scsi;
};

/**
 * struct vhost_scsi_span - a place in a chain's pieces
 * @seg: the piece
 * @skip: bytes of it that are behind us
 */
struct vhost_scsi_span {
	const struct iovec *seg;
	size_t skip;
};

/**
 * struct vhost_scsi_sgl - pinned pages of the guest
 * @list: the pages, in @room or allocated; one for each entry
 * @nents: how many
 * @room: entries that are always there; immutable
 * @nroom: how many; immutable
 * @write: they may be written to
 */
struct vhost_scsi_sgl {
	struct scatterlist *list;
	unsigned int nents;
	struct scatterlist *room;
	unsigned int nroom;
	bool write;
};

/**
 * struct vhost_scsi_cmd - a command, or a task management request
 * @se_cmd: what the target core has of it
 * @node: in one of the lists of @q
 * @q: the queue it came by; immutable
 * @chain: its buffer: the device-writable part, as far as it is written to
 * @room: pieces of @chain, if they fit
 * @nroom: how many do; immutable
 * @resp: where the response goes
 * @data: payload
 * @prot: protection information of it
 * @tuples: the same in the kernel's pages, if it is not whole tuples in each of @prot
 * @sectors: @data in the kernel's pages, if it is not whole sectors in each of it
 * @reset: the reset that is answered after this one is given back, or NULL
 * @ahead: of a reset: how many are to be given back first
 * @response: VIRTIO_SCSI_S_*; written before the target core gives it back
 * @sense: sense data
 *
 * The queue's mutex until it is submitted and after it is done; in between the
 * target core's.
 */
struct vhost_scsi_cmd {
	struct se_cmd se_cmd;
	struct llist_node node;
	struct vhost_scsi_queue *q;
	struct devq_chain chain;
	struct iovec *room;
	unsigned int nroom;
	struct vhost_scsi_sgl resp;
	struct vhost_scsi_sgl data;
	struct vhost_scsi_sgl prot;
	struct vhost_scsi_sgl tuples;
	struct vhost_scsi_sgl sectors;
	struct vhost_scsi_cmd *reset;
	atomic_t ahead;
	u8 response;
	u8 sense[TRANSPORT_SENSE_BUFFER];
};

/**
 * struct vhost_scsi_slots - the commands of a queue that runs, and its scratch
 * @free: commands not in use
 * @nbusy: commands in use
 * @ncmds: entries of @cmd
 * @sg: room of the commands' struct vhost_scsi_sgl
 * @seg: room of the commands' pieces
 * @chain: buffers popped in one go
 * @used: buffers to push in one go
 * @iov: pieces of @chain
 * @cmd: the commands
 */
struct vhost_scsi_slots {
	struct llist_node *free;
	unsigned int nbusy;
	unsigned int ncmds;
	struct scatterlist *sg;
	struct iovec *seg;
	struct devq_chain chain[DEVQ_BATCH];
	struct devq_used used[DEVQ_BATCH];
	struct iovec iov[DEVQ_CHAIN_SEGS];
	struct vhost_scsi_cmd cmd[];
};

/**
 * struct vhost_scsi_queue - one queue
 * @vq: the queue; vq.backend is vhost_scsi.tpgs
 * @scsi: the device; immutable
 * @pi: requests have lengths of protection information; under the mutex
 * @slots: commands; NULL while there is no endpoint or the queue is not set up.
 *	Written under vhost_dev.mutex while the queue is stopped
 * @done: what the target core is done with, last first; lock-free
 * @ready: taken from @done, oldest first; under the mutex
 * @nused: entries of slots.used; under the mutex
 * @settling: of the control queue: the reset that waits for commands; under the mutex
 * @at_target: commands the target core has
 * @done_work: gives back what is in @done
 */
struct vhost_scsi_queue {
	struct vhost_virtqueue vq;
	struct vhost_scsi *scsi;
	bool pi;
	struct vhost_scsi_slots *slots;
	struct llist_head done;
	struct llist_node *ready;
	unsigned int nused;
	struct vhost_scsi_cmd *settling;
	atomic_t at_target;
	struct vhost_work done_work;
};

/**
 * struct vhost_scsi_event - what happened to a LUN
 * @any: anything
 * @target: of this target
 * @lun: this one
 * @reason: VIRTIO_SCSI_EVT_RESET_*
 */
struct vhost_scsi_event {
	bool any;
	u16 target;
	u16 lun;
	u32 reason;
};

/**
 * struct vhost_scsi - one open /dev/vhost-scsi
 * @dev: the device
 * @vqs: its queues, for @dev; immutable
 * @queue: the queues; immutable
 * @inline_sg: entries for data that each command has always; immutable
 * @tpgs: its targets, by number; NULL without an endpoint. Under vhost_dev.mutex
 * @wwpn: name of the endpoint; under vhost_dev.mutex
 * @open: turns may take new requests; written under vhost_dev.mutex
 * @idle: woken when the target core has no more commands of a queue
 * @event_lock: protects what follows
 * @event: events to tell the guest of
 * @event_head: first of them
 * @nevents: how many
 * @missed: some were lost
 * @event_work: tells the guest
 */
struct vhost_scsi {
	struct vhost_dev dev;
	struct vhost_virtqueue **vqs;
	struct vhost_scsi_queue *queue;
	unsigned int inline_sg;

	struct vhost_scsi_tpg **tpgs;
	char wwpn[sizeof_field(struct vhost_scsi_target, vhost_wwpn)];
	bool open;
	wait_queue_head_t idle;

	spinlock_t event_lock;
	struct vhost_scsi_event event[VHOST_SCSI_MAX_EVENTS];
	unsigned int event_head;
	unsigned int nevents;
	bool missed;
	struct vhost_work event_work;
};

/* tpg.c */
extern const struct target_core_fabric_ops vhost_scsi_fabric;
int vhost_scsi_claim(struct vhost_scsi *scsi, const char *wwpn, struct vhost_scsi_tpg **tpgs);
void vhost_scsi_unclaim(struct vhost_scsi_tpg **tpgs);
struct se_portal_group *vhost_scsi_make_tpg(struct se_wwn *wwn, const char *name);
void vhost_scsi_drop_tpg(struct se_portal_group *se_tpg);
int vhost_scsi_make_nexus(struct vhost_scsi_tpg *tpg, const char *name);
int vhost_scsi_drop_nexus(struct vhost_scsi_tpg *tpg);
ssize_t vhost_scsi_show_nexus(struct vhost_scsi_tpg *tpg, char *page);
int vhost_scsi_link(struct se_portal_group *se_tpg, struct se_lun *lun);
void vhost_scsi_unlink(struct se_portal_group *se_tpg, struct se_lun *lun);

/* endpoint.c */
int vhost_scsi_set_endpoint(struct vhost_dev *dev, void *arg, void __user *user);
int vhost_scsi_clear_endpoint(struct vhost_dev *dev, void *arg, void __user *user);
void vhost_scsi_stop(struct vhost_dev *dev);

/* slots.c */
int vhost_scsi_slots_alloc(struct vhost_scsi_queue *q);
void vhost_scsi_slots_free(struct vhost_scsi_queue *q);
struct vhost_scsi_cmd *vhost_scsi_cmd_get(struct vhost_scsi_queue *q);
void vhost_scsi_cmd_put(struct vhost_scsi_cmd *cmd);
int vhost_scsi_cmd_keep(struct vhost_scsi_cmd *cmd, const struct devq_chain *chain, u32 len);

/* pages.c */
void vhost_scsi_skip(struct vhost_scsi_span *span, size_t len);
int vhost_scsi_pin(struct vhost_scsi_sgl *sgl, struct vhost_scsi_span *span, size_t len,
		   bool write);
bool vhost_scsi_is_cut(const struct vhost_scsi_sgl *sgl, unsigned int unit);
int vhost_scsi_copy(struct vhost_scsi_sgl *to, const struct vhost_scsi_sgl *from);
void vhost_scsi_copy_back(const struct vhost_scsi_sgl *from, const struct vhost_scsi_sgl *to);
void vhost_scsi_copy_free(struct vhost_scsi_sgl *sgl);
void vhost_scsi_unpin(struct vhost_scsi_sgl *sgl);

/* cmd.c, ctl.c, event.c */
void vhost_scsi_handle_io(struct vhost_virtqueue *vq);
void vhost_scsi_handle_ctl(struct vhost_virtqueue *vq);
void vhost_scsi_ctl_done(struct vhost_work *work);
void vhost_scsi_reset_settle(struct vhost_scsi_cmd *reset);
void vhost_scsi_handle_evt(struct vhost_virtqueue *vq);
void vhost_scsi_event_work(struct vhost_work *work);
void vhost_scsi_tell(struct vhost_scsi *scsi, u16 target, u16 lun, u32 reason);
void vhost_scsi_lose_events(struct vhost_scsi *scsi);
void vhost_scsi_forget_events(struct vhost_scsi *scsi);
int vhost_scsi_set_events_missed(struct vhost_dev *dev, void *arg, void __user *user);
int vhost_scsi_get_events_missed(struct vhost_dev *dev, void *arg, void __user *user);

/* done.c */
void vhost_scsi_answer(struct vhost_scsi_queue *q, const struct devq_chain *chain,
		       const void *resp, size_t len);
void vhost_scsi_push(struct vhost_scsi_queue *q);
void vhost_scsi_collect(struct vhost_scsi_queue *q);
void vhost_scsi_reap(struct vhost_scsi_queue *q);
void vhost_scsi_finish(struct vhost_scsi_queue *q);
void vhost_scsi_io_done(struct vhost_work *work);
void vhost_scsi_back(struct vhost_scsi_queue *q);
void vhost_scsi_release_cmd(struct se_cmd *se_cmd);
void vhost_scsi_aborted_task(struct se_cmd *se_cmd);
void vhost_scsi_queue_tm_rsp(struct se_cmd *se_cmd);

static inline struct vhost_scsi_queue *vhost_scsi_queue(struct vhost_virtqueue *vq)
{
	return container_of(vq, struct vhost_scsi_queue, vq);
}

/**
 * vhost_scsi_lun - the LUN that a guest's address names
 * @lun: the address; byte 0 and the target's number in byte 1 are looked at elsewhere
 *
 * Return: its number, of either of the forms that a guest may use: single level, as
 * for peripheral devices or flat.
 */
static inline u16 vhost_scsi_lun(const u8 *lun)
{
	return (lun[2] << 8 | lun[3]) & 0x3fff;
}

/**
 * vhost_scsi_target - the target that a guest's address names
 * @q: the queue, running
 * @lun: the address
 *
 * Return: the target, or NULL if there is none.
 */
static inline struct vhost_scsi_tpg *vhost_scsi_target(struct vhost_scsi_queue *q, const u8 *lun)
{
	struct vhost_scsi_tpg **tpgs = q->vq.backend;

	return lun[0] == 1 ? tpgs[array_index_nospec(lun[1], VHOST_SCSI_MAX_TARGETS)] : NULL;
}

#endif
