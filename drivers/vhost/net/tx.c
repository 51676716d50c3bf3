// SPDX-License-Identifier: GPL-2.0-only
/*
 * Transmit: from the guest's buffers to the socket.
 *
 * Buffers are popped in batches. Small packets for a tap are copied to memory
 * of ours and handed over many at a time, all others one by one. The buffers of
 * a batch are given back together once its packets are sent or lost.
 */

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <linux/skbuff.h>

#include "copy.h"
#include "net.h"

/* What a tap takes for the largest header there is. */
#define TX_HDR_ROOM	sizeof(struct virtio_net_hdr_v1_hash_tunnel)

/* Hand the batch over. */
static noinline void tx_flush(struct vhost_net_tx *tx)
{
	struct socket *sock = tx->q.vq.backend;
	struct tun_msg_ctl ctl = {
		.type = TUN_MSG_PTR,
		.num = tx->nframes,
		.ptr = tx->frame,
	};
	struct msghdr msg = {
		.msg_flags = MSG_DONTWAIT,
		.msg_control = &ctl,
		.msg_controllen = sizeof(ctl),
	};
	unsigned int i;

	if (!tx->nframes)
		return;
	/*
	 * The socket takes the page references along, those of packets it drops
	 * included, unless it has no device any more: then it takes none.
	 */
	if (sock->ops->sendmsg(sock, &msg, 0) < 0) {
		devq_count(&tx->q.lost, tx->nframes);
		for (i = 0; i < tx->nframes; i++)
			put_page(virt_to_head_page(tx->frame[i].data));
	}
	tx->nframes = 0;
}

/**
 * struct tx_frame - how packets of a batch lie in memory of ours
 * @hdr_len: size of the header in the guest's buffers
 * @pad: bytes in front of a packet, its header included
 * @copy_hdr: the tap wants that header; otherwise it is to see zeros
 * @min: bytes of the shortest packet that can be in a batch, with its header
 * @max: bytes of the longest one; less than @min if there is no batch
 */
struct tx_frame {
	unsigned int hdr_len;
	unsigned int pad;
	bool copy_hdr;
	unsigned int min;
	unsigned int max;
};

#define TX_TAIL_ROOM	SKB_DATA_ALIGN(sizeof(struct skb_shared_info))

static struct tx_frame tx_frame(const struct vhost_net_tx *tx)
{
	const struct sock *sk = ((struct socket *)tx->q.vq.backend)->sk;
	unsigned int xdp_room = sock_flag(sk, SOCK_XDP) ? XDP_PACKET_HEADROOM : 0;
	struct tx_frame frame = {
		.hdr_len = tx->q.hdr_len,
		.pad = SKB_DATA_ALIGN(NET_SKB_PAD + COMPAT_TUN_HDR_ROOM + TX_HDR_ROOM + xdp_room),
		.copy_hdr = tx->q.sock_hdr,
	};

	frame.min = frame.hdr_len + ETH_HLEN;
	/* What a batch holds is not charged to the socket's send buffer. */
	if (tx->q.is_tap && READ_ONCE(sk->sk_sndbuf) == INT_MAX)
		frame.max = frame.hdr_len + PAGE_SIZE - TX_TAIL_ROOM - frame.pad;
	return frame;
}

static bool tx_fits(const struct tx_frame *frame, const struct devq_chain *chain)
{
	return !chain->nr_in && chain->out_len >= frame->min && chain->out_len <= frame->max;
}

/* Where the tap looks for the header: a copy of it, with zeros behind, or zeros alone. */
static __always_inline void tx_set_hdr(void *hdr, const void *packet, const struct tx_frame *frame)
{
	memset(hdr, 0, TX_HDR_ROOM);
	if (!frame->copy_hdr)
		return;
	/* The size of most is known to the compiler. */
	if (frame->hdr_len == sizeof(struct virtio_net_hdr_mrg_rxbuf))
		memcpy(hdr, packet - frame->hdr_len, sizeof(struct virtio_net_hdr_mrg_rxbuf));
	else
		memcpy(hdr, packet - frame->hdr_len, frame->hdr_len);
}

/*
 * Add a packet that fits to the batch. Returns 0, -EFAULT, or -ENOMEM if it has to be
 * sent by other means.
 */
static __always_inline int tx_add_frame(struct vhost_net_tx *tx, const struct devq_chain *chain,
					const struct tx_frame *frame)
{
	unsigned int len = chain->out_len - frame->hdr_len, pad = frame->pad;
	unsigned int size = SKB_DATA_ALIGN(pad + len) + TX_TAIL_ROOM;
	size_t skip = frame->copy_hdr ? 0 : frame->hdr_len;
	struct xdp_buff *xdp = &tx->frame[tx->nframes];
	void *buf = vhost_net_pages_get(&tx->pages, size);

	if (unlikely(!buf))
		return -ENOMEM;
	if (copy_pieces_in(buf + pad - frame->hdr_len + skip, chain->seg, skip,
			   chain->out_len - skip)) {
		vhost_net_pages_unget(&tx->pages, size);
		devq_count(&tx->q.lost, 1);
		return -EFAULT;
	}
	tx_set_hdr(buf + COMPAT_TUN_HDR_ROOM, buf + pad, frame);
	xdp_init_buff(xdp, size, NULL);
	xdp_prepare_buff(xdp, buf, pad, len, true);
	compat_tun_set_frame_size(xdp);
	tx->nframes++;
	return 0;
}

/**
 * vhost_net_tx_send - hand one packet over
 * @tx: transmit direction
 * @chain: the packet
 * @ctl: what to tell a tap about it, or NULL
 *
 * Context: the queue's mutex, in a turn; may sleep.
 * Return: what the socket says, negative for errors.
 */
int vhost_net_tx_send(struct vhost_net_tx *tx, const struct devq_chain *chain,
		      struct tun_msg_ctl *ctl)
{
	struct socket *sock = tx->q.vq.backend;
	size_t skip = tx->q.sock_hdr ? 0 : tx->q.hdr_len;
	struct msghdr msg = {
		.msg_flags = MSG_DONTWAIT,
		.msg_control = ctl,
		.msg_controllen = ctl ? sizeof(*ctl) : 0,
	};

	iov_iter_init(&msg.msg_iter, ITER_SOURCE, chain->seg, chain->nr_out, chain->out_len);
	iov_iter_advance(&msg.msg_iter, skip);
	return sock->ops->sendmsg(sock, &msg, chain->out_len - skip);
}

/* tx_packet() for one that may not be or cannot be in a batch. */
static noinline int tx_packet_alone(struct vhost_net_tx *tx, const struct devq_chain *chain,
				    const struct tx_frame *frame)
{
	int sent;

	if (chain->nr_in || chain->out_len < frame->hdr_len)
		return -EINVAL;
	if (vhost_net_zcopy_wants(tx, chain)) {
		tx_flush(tx);
		return vhost_net_zcopy_send(tx, chain);
	}
	if (tx_fits(frame, chain) && tx_add_frame(tx, chain, frame) != -ENOMEM)
		return 0;
	tx_flush(tx);
	if (chain->out_len == frame->hdr_len)
		return 0;
	/*
	 * Only a socket whose send buffer is full says later when to go on. Any
	 * other failure loses the packet, as a network card would: trying again
	 * at once could go on for ever.
	 */
	sent = vhost_net_tx_send(tx, chain, NULL);
	if (sent == -EAGAIN)
		return -EAGAIN;
	if (sent < 0)
		devq_count(&tx->q.lost, 1);
	return 0;
}

/*
 * Send one packet, or add it to the batch. Returns 0 if the buffer is done with, 1 if
 * it is given back later, -EAGAIN if the socket is full, -EINVAL if this is no packet.
 */
static __always_inline int tx_packet(struct vhost_net_tx *tx, const struct devq_chain *chain,
				     const struct tx_frame *frame)
{
	if (likely(tx_fits(frame, chain) && !tx->zcopy_on) &&
	    likely(tx_add_frame(tx, chain, frame) != -ENOMEM))
		return 0;
	return tx_packet_alone(tx, chain, frame);
}

/*
 * Send @n popped packets. Returns true to go on with the turn.
 */
static bool tx_batch(struct vhost_net_tx *tx, unsigned int n, struct vhost_net_budget *budget)
{
	struct vhost_virtqueue *vq = &tx->q.vq;
	const struct tx_frame frame = tx_frame(tx);
	struct socket *sock = vq->backend;
	unsigned int i, nused = 0;
	bool spent = false;
	int err = 0;

	for (i = 0; i < n && !spent; i++) {
		const struct devq_chain *chain = &tx->chain[i];

		err = tx_packet(tx, chain, &frame);
		if (err < 0)
			break;
		if (!err)
			tx->used[nused++] = devq_use(chain, 0);
		spent = vhost_net_spend(budget, chain->out_len);
	}
	tx_flush(tx);
	if (i < n)
		devq_unpop(&vq->ring, &tx->chain[i], n - i);
	if (nused && !devq_push(&vq->ring, tx->used, nused))
		vhost_vq_signal(vq);

	if (err == -EINVAL)
		devq_fail(&vq->ring, DEVQ_E_FORMAT);
	else if (err == -EAGAIN && vhost_poll_start(&tx->q.sock_poll, sock->file))
		/* The socket is gone: the driver's next kick shall find that out. */
		devq_enable_kick(&vq->ring);
	else if (spent)
		vhost_vq_requeue(vq);
	return err >= 0 && !spent;
}

static bool tx_ready(struct vhost_net_queue *q)
{
	return devq_pending(&q->vq.ring);
}

/* The ring is empty. Returns true if that has changed. */
static bool tx_idle(struct vhost_net_tx *tx)
{
	struct devq *dq = &tx->q.vq.ring;

	switch (vhost_net_busy_poll(&tx->q, tx_ready)) {
	case VHOST_NET_IDLE_READY:
		return true;
	case VHOST_NET_IDLE_YIELD:
		vhost_vq_requeue(&tx->q.vq);
		return false;
	case VHOST_NET_IDLE_SLEEP:
		break;
	}
	return devq_enable_kick(dq) > 0 && !devq_disable_kick(dq);
}

static void tx_turn(struct vhost_net_tx *tx)
{
	struct devq *dq = &tx->q.vq.ring;
	struct vhost_net_budget budget = {};
	int n;

	vhost_poll_stop(&tx->q.sock_poll);
	vhost_net_zcopy_reap(tx);
	if (devq_disable_kick(dq))
		return;
	do {
		n = devq_pop(dq, tx->chain, ARRAY_SIZE(tx->chain), tx->iov, ARRAY_SIZE(tx->iov));
		if (n > 0)
			tx->q.busy_end = 0;
	} while (n > 0 ? tx_batch(tx, n, &budget) : n == 0 && tx_idle(tx));
	devq_count(&tx->q.packets, budget.packets);
}

/**
 * vhost_net_handle_tx - a turn of the transmit queue
 * @vq: the queue
 *
 * Context: worker.
 */
void vhost_net_handle_tx(struct vhost_virtqueue *vq)
{
	struct vhost_net_tx *tx = container_of(vhost_net_queue(vq), struct vhost_net_tx, q);

	guard(mutex)(&vq->mutex);
	if (!vhost_vq_enter(vq))
		return;
	tx_turn(tx);
	vhost_vq_exit(vq);
}
