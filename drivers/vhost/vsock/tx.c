// SPDX-License-Identifier: GPL-2.0-only
/*
 * From the guest: from its buffers to the sockets.
 *
 * A turn copies the packets of a batch of buffers and gives the buffers back, then hands
 * the packets to the sockets. Sockets may keep us waiting; the guest has its buffers
 * meanwhile, and its memory is not in use.
 *
 * Packets may be answered, and answers wait until the guest has read them. As many as
 * the ring has entries may wait, then packets stay in the ring (FAULTS 83).
 */

#include <linux/sched/signal.h>
#include <linux/uio.h>

#include "vsock.h"

/* How many packets may be taken before too many answers can wait for the guest. */
static unsigned int tx_room(struct vhost_vsock *vsock)
{
	struct vhost_vsock_tx *tx = &vsock->tx;
	int max = tx->vq.num, answers;

	WRITE_ONCE(tx->stalled, false);
	answers = atomic_read(&vsock->answers);
	if (answers >= max) {
		WRITE_ONCE(tx->stalled, true);
		/* Pairs with vhost_vsock_answered(). */
		smp_mb();
		answers = atomic_read(&vsock->answers);
	}
	return answers < max ? max - answers : 0;
}

/**
 * vhost_vsock_answered - answers do not wait for the guest any more
 * @vsock: the device
 * @n: how many
 *
 * If that is what the transmit queue waits for, it goes on.
 *
 * Context: an RCU read section or the worker.
 */
void vhost_vsock_answered(struct vhost_vsock *vsock, unsigned int n)
{
	if (!n)
		return;
	atomic_sub(n, &vsock->answers);
	/* Pairs with tx_room(): either it sees fewer answers, or we see that it waits. */
	smp_mb__after_atomic();
	if (READ_ONCE(vsock->tx.stalled) && READ_ONCE(vsock->state) == VHOST_VSOCK_RUNNING)
		vhost_vq_requeue(&vsock->tx.vq);
}

/* Copy a packet. Returns NULL if there is none in the buffer, or an error. */
static struct sk_buff *tx_copy(const struct devq_chain *chain)
{
	struct virtio_vsock_hdr hdr;
	struct iov_iter iter;
	struct sk_buff *skb;
	u32 len;

	iov_iter_init(&iter, ITER_SOURCE, chain->seg, chain->nr_out, chain->out_len);
	if (chain->nr_in || chain->out_len < sizeof(hdr))
		return NULL;
	if (copy_from_iter(&hdr, sizeof(hdr), &iter) != sizeof(hdr))
		return ERR_PTR(-EFAULT);
	len = le32_to_cpu(hdr.len);
	if (len > VIRTIO_VSOCK_MAX_PKT_BUF_SIZE || len > iov_iter_count(&iter))
		return NULL;
	skb = virtio_vsock_alloc_skb(VIRTIO_VSOCK_SKB_HEADROOM + len, GFP_KERNEL);
	if (!skb)
		return ERR_PTR(-ENOMEM);
	*virtio_vsock_hdr(skb) = hdr;
	if (!len)
		return skb;
	virtio_vsock_skb_put(skb, len);
	if (!skb_copy_datagram_from_iter(skb, 0, &iter, len))
		return skb;
	kfree_skb(skb);
	return ERR_PTR(-EFAULT);
}

/*
 * Take one packet. Its buffer is done with, be it a good packet or not; or, for an
 * error, it is to be tried again later: without memory, or because we are killed.
 */
static int tx_packet(struct vhost_vsock_tx *tx, const struct devq_chain *chain)
{
	struct sk_buff *skb = tx_copy(chain);

	if (!IS_ERR_OR_NULL(skb)) {
		__skb_queue_tail(&tx->taken, skb);
		return 0;
	}
	if (IS_ERR(skb) && (PTR_ERR(skb) == -ENOMEM || fatal_signal_pending(current)))
		return PTR_ERR(skb);
	pr_warn_ratelimited("%s: vsock packet dropped: %s, %u bytes to read, %u to write\n",
			    current->comm, skb ? "buffer not there" : "malformed",
			    chain->out_len, chain->in_len);
	return 0;
}

/*
 * Take the packets of @n popped buffers. Returns true to go on with the turn.
 */
static bool tx_batch(struct vhost_vsock_tx *tx, unsigned int n, struct vhost_vsock_budget *budget)
{
	struct devq *dq = &tx->vq.ring;
	bool spent = false;
	unsigned int i;
	int err = 0;

	for (i = 0; i < n && !spent; i++) {
		err = tx_packet(tx, &tx->chain[i]);
		if (err)
			break;
		tx->used[i] = devq_use(&tx->chain[i], 0);
		spent = vhost_vsock_spend(budget, tx->chain[i].out_len);
	}
	if (i < n)
		devq_unpop(dq, &tx->chain[i], n - i);
	if (i && !devq_push(dq, tx->used, i))
		vhost_vq_signal(&tx->vq);
	/* A dead worker drops it. */
	if (err || spent)
		vhost_vq_requeue(&tx->vq);
	return !err && !spent;
}

/* Take packets, a batch at most. Returns true to go on with the turn. */
static bool tx_take(struct vhost_vsock *vsock, struct vhost_vsock_budget *budget)
{
	struct vhost_vsock_tx *tx = &vsock->tx;
	struct devq *dq = &tx->vq.ring;
	unsigned int room = tx_room(vsock);
	int n;

	if (devq_disable_kick(dq) || !room)
		return false;
	n = devq_pop(dq, tx->chain, min_t(unsigned int, room, DEVQ_BATCH), tx->iov,
		     ARRAY_SIZE(tx->iov));
	if (n > 0)
		return tx_batch(tx, n, budget);
	return !n && devq_enable_kick(dq) > 0;
}

/* Hand the packets to the sockets, those that are from this guest to this host. */
static void tx_deliver(struct vhost_vsock *vsock)
{
	struct vhost_vsock_tx *tx = &vsock->tx;
	struct sk_buff *skb;

	WRITE_ONCE(tx->deliverer, current);
	while ((skb = __skb_dequeue(&tx->taken))) {
		const struct virtio_vsock_hdr *hdr = virtio_vsock_hdr(skb);

		virtio_transport_deliver_tap_pkt(skb);
		if (vhost_vsock_has_cid(vsock, le64_to_cpu(hdr->src_cid)) &&
		    le64_to_cpu(hdr->dst_cid) == VMADDR_CID_HOST)
			virtio_transport_recv_pkt(&vhost_vsock_transport, skb, vsock->net);
		else
			kfree_skb(skb);
		cond_resched();
	}
	WRITE_ONCE(tx->deliverer, NULL);
}

/**
 * vhost_vsock_handle_tx - a turn of the transmit queue
 * @vq: the queue
 *
 * Context: worker.
 */
void vhost_vsock_handle_tx(struct vhost_virtqueue *vq)
{
	struct vhost_vsock *vsock = vhost_vsock_of(vq);
	struct vhost_vsock_budget budget = {};
	bool more;

	guard(mutex)(&vq->mutex);
	do {
		if (!vhost_vq_enter(vq))
			return;
		more = tx_take(vsock, &budget);
		vhost_vq_exit(vq);
		tx_deliver(vsock);
	} while (more);
}
