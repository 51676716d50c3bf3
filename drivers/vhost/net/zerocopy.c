// SPDX-License-Identifier: GPL-2.0-only
/*
 * Transmit without a copy: the packet is made of the guest's own pages, and its
 * buffers are given back when the last clone of it is gone.
 *
 * Off unless asked for, since a guest waits for its buffers as long as anybody on
 * the host holds on to a packet. A packet completes in any context and in any
 * order; it goes onto a lock-free list, from which a turn of the queue takes it.
 * What is lent to packets outlives the device: closing it waits for nobody.
 */

#include <linux/bitmap.h>
#include <linux/if_tun.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "net.h"

static int experimental_zcopytx;
module_param(experimental_zcopytx, int, 0444);
MODULE_PARM_DESC(experimental_zcopytx, "Transmit without a copy where the backend can: 0 (default) or 1");

/* Packets under way at most; no more than a quarter of the queue. */
#define ZCOPY_SLOTS	128
/* Shorter ones cost less to copy. */
#define ZCOPY_MIN_LEN	256
/* Packets after which we forget how many of them were copied nevertheless. */
#define ZCOPY_MEMORY	1024

/**
 * struct zcopy_slot - what one packet has borrowed
 * @ubuf: how the packet knows us; counts its clones
 * @node: in vhost_net_zcopy.done, or in @ready
 * @zcopy: whose slot this is; immutable
 * @used: the buffers to give back
 * @copied: somebody had to copy after all; written before the slot is on a list
 */
struct zcopy_slot {
	struct ubuf_info ubuf;
	struct llist_node node;
	struct vhost_net_zcopy *zcopy;
	struct devq_used used;
	bool copied;
};

/**
 * struct vhost_net_zcopy - packets under way
 * @refs: the device's, and one for each of them
 * @idle: woken when only the device's is left
 * @done: those that are not under way any more; lock-free
 * @vq: whose turn gives their buffers back; NULL once the device is gone. RCU
 * @ready: taken from @done, oldest first; queue's mutex
 * @busy: slots in use; queue's mutex
 * @nbusy: how many; queue's mutex
 * @packets: how many were lent to, not long ago; queue's mutex
 * @copied: how many of these were copied; queue's mutex
 * @rcu: for freeing
 * @slot: the slots
 */
struct vhost_net_zcopy {
	refcount_t refs;
	wait_queue_head_t idle;
	struct llist_head done;
	struct vhost_virtqueue __rcu *vq;

	struct llist_node *ready;
	DECLARE_BITMAP(busy, ZCOPY_SLOTS);
	unsigned int nbusy;
	unsigned int packets;
	unsigned int copied;

	struct rcu_head rcu;
	struct zcopy_slot slot[ZCOPY_SLOTS];
};

/* Context: any; under rcu_read_lock() if @zcopy is looked at afterwards. */
static void zcopy_put(struct vhost_net_zcopy *zcopy)
{
	if (!refcount_dec_and_test(&zcopy->refs))
		return;
	kfree_rcu(zcopy, rcu);
	module_put(THIS_MODULE);
}

/*
 * A packet is gone, or one of its clones. Each clone counts: the buffers belong
 * to all of them (FAULTS 4).
 */
static void zcopy_complete(struct sk_buff *skb, struct ubuf_info *ubuf, bool success)
{
	struct zcopy_slot *slot = container_of(ubuf, struct zcopy_slot, ubuf);
	struct vhost_net_zcopy *zcopy = slot->zcopy;
	struct vhost_virtqueue *vq;

	if (!success)
		WRITE_ONCE(slot->copied, true);
	if (!refcount_dec_and_test(&ubuf->refcnt))
		return;
	rcu_read_lock();
	llist_add(&slot->node, &zcopy->done);
	vq = rcu_dereference(zcopy->vq);
	if (vq)
		vhost_vq_requeue(vq);
	zcopy_put(zcopy);
	if (refcount_read(&zcopy->refs) == 1)
		wake_up(&zcopy->idle);
	rcu_read_unlock();
}

static const struct ubuf_info_ops zcopy_ops = {
	.complete = zcopy_complete,
};

/**
 * vhost_net_zcopy_prepare - make it possible to transmit without a copy
 * @tx: transmit direction
 *
 * Context: vhost_dev.mutex; may sleep.
 * Return: 0, -ENOMEM, or -EINTR if the caller was killed.
 */
int vhost_net_zcopy_prepare(struct vhost_net_tx *tx)
{
	struct vhost_net_zcopy *zcopy;
	unsigned int i;
	int err;

	if (!experimental_zcopytx || tx->zcopy)
		return 0;
	zcopy = kzalloc_obj(*zcopy, GFP_KERNEL_ACCOUNT);
	if (!zcopy)
		return -ENOMEM;
	refcount_set(&zcopy->refs, 1);
	init_waitqueue_head(&zcopy->idle);
	init_llist_head(&zcopy->done);
	RCU_INIT_POINTER(zcopy->vq, &tx->q.vq);
	for (i = 0; i < ZCOPY_SLOTS; i++)
		zcopy->slot[i].zcopy = zcopy;
	err = vhost_vq_lock(&tx->q.vq);
	if (err) {
		kfree(zcopy);
		return err;
	}
	__module_get(THIS_MODULE);
	tx->zcopy = zcopy;
	mutex_unlock(&tx->q.vq.mutex);
	return 0;
}

/**
 * vhost_net_zcopy_choose - transmit without a copy from now on, if that is possible
 * @tx: transmit direction
 *
 * Context: the queue's mutex.
 */
void vhost_net_zcopy_choose(struct vhost_net_tx *tx)
{
	struct socket *sock = tx->q.vq.backend;

	lockdep_assert_held(&tx->q.vq.mutex);
	tx->zcopy_on = tx->zcopy && sock && tx->q.is_tap && sock_flag(sock->sk, SOCK_ZEROCOPY);
}

/**
 * vhost_net_zcopy_drain - wait for all packets under way
 * @dev: the device
 * @tx: its transmit direction
 *
 * Afterwards their buffers are given back, and packets are copied until
 * vhost_net_zcopy_choose().
 *
 * Context: vhost_dev.mutex; may sleep.
 * Return: 0, or -EINTR if the caller was killed; then nothing has changed but
 * that packets are copied.
 */
int vhost_net_zcopy_drain(struct vhost_dev *dev, struct vhost_net_tx *tx)
{
	struct vhost_net_zcopy *zcopy = tx->zcopy;

	if (!zcopy)
		return 0;
	if (vhost_vq_lock(&tx->q.vq))
		return -EINTR;
	tx->zcopy_on = false;
	mutex_unlock(&tx->q.vq.mutex);
	if (wait_event_killable(zcopy->idle, refcount_read(&zcopy->refs) == 1))
		return -EINTR;
	/* The turn that gives back the last of the buffers. */
	vhost_vq_requeue(&tx->q.vq);
	vhost_dev_flush(dev);
	return 0;
}

/**
 * vhost_net_zcopy_abandon - forget the packets under way, they are on their own
 * @tx: transmit direction, without a backend
 *
 * Context: vhost_dev.mutex; may sleep.
 */
void vhost_net_zcopy_abandon(struct vhost_net_tx *tx)
{
	struct vhost_net_zcopy *zcopy = tx->zcopy;

	if (!zcopy)
		return;
	mutex_lock(&tx->q.vq.mutex);
	tx->zcopy_on = false;
	tx->zcopy = NULL;
	mutex_unlock(&tx->q.vq.mutex);
	RCU_INIT_POINTER(zcopy->vq, NULL);
	/* Those that found the queue are done with it (FAULTS 5). */
	synchronize_rcu();
	zcopy_put(zcopy);
}

/**
 * vhost_net_zcopy_wants - shall a packet go without a copy?
 * @tx: transmit direction
 * @chain: the packet
 *
 * Context: the queue's mutex.
 * Return: true if so.
 */
bool vhost_net_zcopy_wants(const struct vhost_net_tx *tx, const struct devq_chain *chain)
{
	const struct vhost_net_zcopy *zcopy = tx->zcopy;
	const struct devq *dq = &tx->q.vq.ring;

	/* Packets do not complete in order. */
	if (!tx->zcopy_on || dq->in_order || chain->out_len < ZCOPY_MIN_LEN)
		return false;
	/* Where they end up copied anyway, doing it at once is cheaper. */
	return zcopy->nbusy < min(ZCOPY_SLOTS, dq->num / 4) &&
	       zcopy->packets / 64 >= zcopy->copied;
}

static void zcopy_account(struct vhost_net_zcopy *zcopy)
{
	if (++zcopy->packets < ZCOPY_MEMORY)
		return;
	zcopy->packets = 0;
	zcopy->copied = 0;
}

/**
 * vhost_net_zcopy_send - send a packet without a copy
 * @tx: transmit direction
 * @chain: the packet
 *
 * Context: the queue's mutex; after vhost_net_zcopy_wants().
 * Return: 1 if the buffer is given back later, 0 if it is done with, -EAGAIN if
 * the socket is full.
 */
int vhost_net_zcopy_send(struct vhost_net_tx *tx, const struct devq_chain *chain)
{
	struct vhost_net_zcopy *zcopy = tx->zcopy;
	unsigned int i = find_first_zero_bit(zcopy->busy, ZCOPY_SLOTS);
	struct zcopy_slot *slot = &zcopy->slot[i];
	struct tun_msg_ctl ctl = { .type = TUN_MSG_UBUF, .num = 1, .ptr = &slot->ubuf };
	int err;

	compat_ubuf_set_ops(&slot->ubuf, &zcopy_ops);
	slot->ubuf.flags = SKBFL_ZEROCOPY_FRAG;
	refcount_set(&slot->ubuf.refcnt, 1);
	slot->used = devq_use(chain, 0);
	slot->copied = false;
	__set_bit(i, zcopy->busy);
	zcopy->nbusy++;
	refcount_inc(&zcopy->refs);
	zcopy_account(zcopy);

	err = vhost_net_tx_send(tx, chain, &ctl);
	/* A packet that was made and then refused has completed already. */
	if (err >= 0 || !refcount_read(&slot->ubuf.refcnt))
		return 1;
	__clear_bit(i, zcopy->busy);
	zcopy->nbusy--;
	rcu_read_lock();
	zcopy_put(zcopy);
	if (refcount_read(&zcopy->refs) == 1)
		wake_up(&zcopy->idle);
	rcu_read_unlock();
	return err == -EAGAIN ? -EAGAIN : 0;
}

/* Collect up to a batch of what is ready, which stays so. */
static unsigned int zcopy_collect(struct vhost_net_tx *tx)
{
	struct llist_node *node = tx->zcopy->ready;
	unsigned int n;

	for (n = 0; node && n < ARRAY_SIZE(tx->used); n++, node = node->next)
		tx->used[n] = llist_entry(node, struct zcopy_slot, node)->used;
	return n;
}

static void zcopy_free_slots(struct vhost_net_zcopy *zcopy, unsigned int n)
{
	while (n--) {
		struct zcopy_slot *slot = llist_entry(zcopy->ready, struct zcopy_slot, node);

		zcopy->ready = slot->node.next;
		zcopy->copied += READ_ONCE(slot->copied);
		__clear_bit(slot - zcopy->slot, zcopy->busy);
		zcopy->nbusy--;
	}
}

/**
 * vhost_net_zcopy_reap - give back the buffers of packets that are gone
 * @tx: transmit direction
 *
 * Context: the queue's mutex, in a turn.
 */
void vhost_net_zcopy_reap(struct vhost_net_tx *tx)
{
	struct vhost_net_zcopy *zcopy = tx->zcopy;
	bool pushed = false;
	unsigned int n;

	if (!zcopy)
		return;
	for (;;) {
		if (!zcopy->ready)
			zcopy->ready = llist_reverse_order(llist_del_all(&zcopy->done));
		n = zcopy_collect(tx);
		/* A ring that is broken may be mended; they wait for that. */
		if (!n || devq_push(&tx->q.vq.ring, tx->used, n))
			break;
		zcopy_free_slots(zcopy, n);
		pushed = true;
	}
	if (pushed)
		vhost_vq_signal(&tx->q.vq);
}
