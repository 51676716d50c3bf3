// SPDX-License-Identifier: GPL-2.0-only
/*
 * To the guest: from the sockets to the guest's buffers.
 *
 * Sockets leave packets in a queue. A turn pops as many buffers as there are packets,
 * at most a batch, then takes that many packets. One that does not fit into its buffer
 * goes on in the next one; what finds no buffer returns to the head of the queue.
 *
 * Kicks are wanted only while packets wait for buffers.
 */

#include <linux/uio.h>

#include "vsock.h"

/**
 * vhost_vsock_rx_add - have a packet delivered to the guest
 * @vsock: the device
 * @skb: the packet; the device's if this succeeds
 *
 * What a packet of the guest made a socket send counts as an answer, whatever it is:
 * the guest must not make us queue more than it reads (FAULTS 83).
 *
 * Context: an RCU read section.
 * Return: 0; -EHOSTUNREACH if the guest never had a driver, -ENOBUFS if this would begin
 * a connection and too many packets wait.
 */
int vhost_vsock_rx_add(struct vhost_vsock *vsock, struct sk_buff *skb)
{
	struct vhost_vsock_rx *rx = &vsock->rx;
	u16 op = le16_to_cpu(virtio_vsock_hdr(skb)->op);

	if (READ_ONCE(vsock->state) == VHOST_VSOCK_NEW)
		return -EHOSTUNREACH;
	if (op == VIRTIO_VSOCK_OP_REQUEST &&
	    skb_queue_len_lockless(&rx->waiting) >= VHOST_VSOCK_CROWD)
		return -ENOBUFS;
	if (READ_ONCE(vsock->tx.deliverer) == current)
		virtio_vsock_skb_set_reply(skb);
	if (virtio_vsock_skb_reply(skb))
		atomic_inc(&vsock->answers);
	virtio_vsock_skb_queue_tail(&rx->waiting, skb);
	/* Pairs with the start: either we see it, or its turn sees the packet. */
	smp_mb();
	if (READ_ONCE(vsock->state) == VHOST_VSOCK_RUNNING)
		vhost_vq_requeue(&rx->vq);
	return 0;
}

/**
 * vhost_vsock_rx_cancel - forget the packets of a socket
 * @vsock: the device
 * @vsk: the socket
 *
 * Context: an RCU read section.
 */
void vhost_vsock_rx_cancel(struct vhost_vsock *vsock, struct vsock_sock *vsk)
{
	vhost_vsock_answered(vsock, virtio_transport_purge_skbs(vsk, &vsock->rx.waiting));
}

/* Bytes of a packet that are yet to be delivered. */
static u32 rx_left(const struct sk_buff *skb)
{
	return skb->len - compat_vsock_skb_offset(skb);
}

/* Write the packet's header and the next @len bytes of it. */
static int rx_copy(const struct devq_chain *chain, struct sk_buff *skb, u32 len)
{
	const struct virtio_vsock_hdr *hdr = virtio_vsock_hdr(skb);
	struct iov_iter iter;

	iov_iter_init(&iter, ITER_DEST, chain->seg, chain->nr_in, chain->in_len);
	if (copy_to_iter(hdr, sizeof(*hdr), &iter) != sizeof(*hdr))
		return -EFAULT;
	return skb_copy_datagram_iter(skb, compat_vsock_skb_offset(skb), &iter, len);
}

static int rx_refuse(const struct devq_chain *chain)
{
	pr_warn_ratelimited("%s: vsock buffer unused: %u bytes to write, %u to read\n",
			    current->comm, chain->in_len, chain->out_len);
	return 0;
}

/*
 * Put as much of a packet into a buffer as it takes. The end of a message is where the
 * packet ends (FAULTS 149). Returns bytes written, 0 if the buffer is of no use, -EFAULT.
 */
static int rx_deliver(const struct devq_chain *chain, struct sk_buff *skb)
{
	struct virtio_vsock_hdr *hdr = virtio_vsock_hdr(skb);
	const __le32 flags = hdr->flags;
	u32 left = rx_left(skb), len;
	int err;

	if (chain->nr_out || chain->in_len < sizeof(*hdr) + !!left)
		return rx_refuse(chain);
	len = min_t(u32, left, chain->in_len - sizeof(*hdr));
	hdr->len = cpu_to_le32(len);
	if (len < left)
		hdr->flags &= ~cpu_to_le32(VIRTIO_VSOCK_SEQ_EOM | VIRTIO_VSOCK_SEQ_EOR);
	err = rx_copy(chain, skb, len);
	if (!err) {
		/* Monitors see each part as the guest does (FAULTS 105). */
		virtio_vsock_skb_clear_tap_delivered(skb);
		compat_vsock_deliver_tap_pkt(skb, len);
		compat_vsock_skb_advance(skb, len);
	}
	hdr->flags = flags;
	return err ? -EFAULT : sizeof(*hdr) + len;
}

/* Take the first packets, up to @n. */
static void rx_take(struct vhost_vsock_rx *rx, struct sk_buff_head *packets, unsigned int n)
{
	struct sk_buff *skb;

	spin_lock_bh(&rx->waiting.lock);
	while (n-- && (skb = __skb_dequeue(&rx->waiting)))
		__skb_queue_tail(packets, skb);
	spin_unlock_bh(&rx->waiting.lock);
}

/* Put those back that are not delivered. */
static void rx_untake(struct vhost_vsock_rx *rx, struct sk_buff_head *packets)
{
	if (skb_queue_empty(packets))
		return;
	spin_lock_bh(&rx->waiting.lock);
	skb_queue_splice(packets, &rx->waiting);
	spin_unlock_bh(&rx->waiting.lock);
}

/* The packets are delivered as a whole. */
static void rx_done(struct vhost_vsock *vsock, struct sk_buff_head *packets)
{
	unsigned int answers = 0;
	struct sk_buff *skb;

	while ((skb = __skb_dequeue(packets))) {
		answers += virtio_vsock_skb_reply(skb);
		virtio_transport_consume_skb_sent(skb, true);
	}
	vhost_vsock_answered(vsock, answers);
}

/*
 * The memory of a buffer is not there. Nothing of the packet is lost, so that it can be
 * delivered when the VMM has repaired that.
 */
static void rx_fault(struct vhost_vsock_rx *rx, const struct devq_chain *chain)
{
	struct devq_used used = devq_use(chain, chain->in_len);

	devq_log(&rx->vq.ring, chain, &used, 1);
	devq_fail(&rx->vq.ring, DEVQ_E_UNMAPPED);
}

/*
 * Deliver packets to @n popped buffers. Returns true to go on with the turn.
 */
static bool rx_batch(struct vhost_vsock_rx *rx, unsigned int n, struct vhost_vsock_budget *budget)
{
	struct devq *dq = &rx->vq.ring;
	struct sk_buff_head packets, done;
	bool spent = false;
	struct sk_buff *skb;
	unsigned int i;
	int len = 0;

	__skb_queue_head_init(&packets);
	__skb_queue_head_init(&done);
	rx_take(rx, &packets, n);
	for (i = 0; i < n && !spent && (skb = skb_peek(&packets)); i++) {
		len = rx_deliver(&rx->chain[i], skb);
		if (len < 0)
			break;
		rx->used[i] = devq_use(&rx->chain[i], len);
		if (len && !rx_left(skb)) {
			__skb_unlink(skb, &packets);
			__skb_queue_tail(&done, skb);
		}
		spent = vhost_vsock_spend(budget, len);
	}
	rx_untake(rx, &packets);
	if (i < n)
		devq_unpop(dq, &rx->chain[i], n - i);
	if (i && !devq_log(dq, rx->chain, rx->used, i) && !devq_push(dq, rx->used, i))
		vhost_vq_signal(&rx->vq);
	rx_done(vhost_vsock_of(&rx->vq), &done);
	if (len < 0)
		rx_fault(rx, &rx->chain[i]);
	else if (spent)
		vhost_vq_requeue(&rx->vq);
	return len >= 0 && !spent;
}

static void rx_turn(struct vhost_vsock_rx *rx)
{
	struct devq *dq = &rx->vq.ring;
	struct vhost_vsock_budget budget = {};
	unsigned int want;
	bool more;
	int n;

	if (devq_disable_kick(dq))
		return;
	do {
		want = min_t(unsigned int, skb_queue_len_lockless(&rx->waiting), DEVQ_BATCH);
		if (!want)
			return;
		n = devq_pop(dq, rx->chain, want, rx->iov, ARRAY_SIZE(rx->iov));
		if (n > 0)
			more = rx_batch(rx, n, &budget);
		else
			more = !n && devq_enable_kick(dq) > 0 && !devq_disable_kick(dq);
	} while (more);
}

/**
 * vhost_vsock_handle_rx - a turn of the receive queue
 * @vq: the queue
 *
 * Context: worker.
 */
void vhost_vsock_handle_rx(struct vhost_virtqueue *vq)
{
	struct vhost_vsock_rx *rx = container_of(vq, struct vhost_vsock_rx, vq);

	guard(mutex)(&vq->mutex);
	if (!vhost_vq_enter(vq))
		return;
	rx_turn(rx);
	vhost_vq_exit(vq);
}
