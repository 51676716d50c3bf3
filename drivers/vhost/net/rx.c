// SPDX-License-Identifier: GPL-2.0-only
/*
 * Receive: from the socket to the guest's buffers.
 *
 * Packets are taken from a tap's ring in batches, and so are buffers from the
 * guest. Buffers that no packet needed are given back at the end of the turn,
 * because memory may go away between turns; packets that found no buffer are
 * kept until the driver has added some.
 */

#include <linux/if_tun.h>
#include <linux/skb_array.h>
#include <linux/uaccess.h>

#include "net.h"

static bool rx_mergeable(const struct vhost_net_rx *rx)
{
	return rx->q.vq.features & BIT_ULL(VIRTIO_NET_F_MRG_RXBUF);
}

static struct socket *rx_sock(const struct vhost_net_rx *rx)
{
	return rx->q.vq.backend;
}

/* Take packets from the tap. Returns how many there are now. */
static noinline unsigned int rx_take_packets(struct vhost_net_rx *rx)
{
	struct ptr_ring *ring = rx->ring;

	rx->packet_head = 0;
	spin_lock(&ring->consumer_lock);
	rx->packet_tail = __ptr_ring_consume_batched(ring, rx->packet, VHOST_NET_RING_BATCH);
	if (rx->packet_tail)
		tun_wake_queue(rx_sock(rx)->file, rx->packet_tail);
	spin_unlock(&ring->consumer_lock);
	return rx->packet_tail;
}

/* A tag that the network card took off is put back by the tap. */
static unsigned int rx_packet_len(void *packet)
{
	if (tun_is_xdp_frame(packet))
		return tun_ptr_to_xdp(packet)->len;
	return __skb_array_len_with_tag(packet);
}

/* rx_peek() for a packet socket. */
static noinline unsigned int rx_peek_queue(struct vhost_net_rx *rx, unsigned int *len)
{
	struct sk_buff_head *queue = &rx_sock(rx)->sk->sk_receive_queue;
	unsigned long flags;
	unsigned int n;

	spin_lock_irqsave(&queue->lock, flags);
	n = skb_queue_len(queue);
	*len = __skb_array_len_with_tag(skb_peek(queue));
	spin_unlock_irqrestore(&queue->lock, flags);
	return n;
}

/*
 * Look at the next packet. Returns how many there are at least, and the length
 * of the first in *@len, without the header.
 */
static __always_inline unsigned int rx_peek(struct vhost_net_rx *rx, unsigned int *len)
{
	unsigned int n = rx->packet_tail - rx->packet_head;

	if (unlikely(!rx->ring)) {
		/* The caller's variable can stay in a register. */
		unsigned int first;

		n = rx_peek_queue(rx, &first);
		*len = first;
		return n;
	}
	if (!n)
		n = rx_take_packets(rx);
	if (n)
		*len = rx_packet_len(rx->packet[rx->packet_head]);
	return n;
}

static bool rx_ready(struct vhost_net_queue *q)
{
	struct vhost_net_rx *rx = container_of(q, struct vhost_net_rx, q);

	if (rx->ring)
		return !__ptr_ring_empty(rx->ring);
	return !skb_queue_empty_lockless(&rx_sock(rx)->sk->sk_receive_queue);
}

/* Let the driver know of what is filled: the chains before rx->head. */
static noinline void rx_flush(struct vhost_net_rx *rx)
{
	struct devq *dq = &rx->q.vq.ring;

	if (rx->nused && !devq_log(dq, &rx->chain[rx->head - rx->nused], rx->used, rx->nused) &&
	    !devq_push(dq, rx->used, rx->nused))
		vhost_vq_signal(&rx->q.vq);
	rx->nused = 0;
}

/* Give the buffers that are still free back to the ring. */
static void rx_rewind(struct vhost_net_rx *rx)
{
	rx_flush(rx);
	if (rx->head < rx->tail)
		devq_unpop(&rx->q.vq.ring, &rx->chain[rx->head], rx->tail - rx->head);
	rx->head = 0;
	rx->tail = 0;
	rx->nsegs = 0;
}

/* Is there room to pop more buffers behind those that are filled? */
static bool rx_room(const struct vhost_net_rx *rx)
{
	return rx->tail < VHOST_NET_RX_CHAINS && rx->nsegs + DEVQ_CHAIN_SEGS <= VHOST_NET_RX_SEGS;
}

/*
 * Pop up to @want more buffers. Returns how many, 0 if there are none, -EIO. If that
 * breaks the queue, nothing can be given to the driver any more: what is filled goes first.
 */
static int rx_fill(struct vhost_net_rx *rx, unsigned int want)
{
	struct devq *dq = &rx->q.vq.ring;
	struct devq_chain *chain = &rx->chain[rx->tail];
	int n;

	rx_flush(rx);
	want = min3(want, VHOST_NET_RX_CHAINS - rx->tail, (unsigned int)DEVQ_BATCH);
	n = devq_pop(dq, chain, want, &rx->iov[rx->nsegs], VHOST_NET_RX_SEGS - rx->nsegs);
	if (n > 0) {
		rx->tail += n;
		chain += n - 1;
		rx->nsegs = chain->seg + chain->nr_out + chain->nr_in - rx->iov;
	}
	return n;
}

/*
 * The ring has no more buffers. Kicks are asked for while the free ones are
 * popped, so that one comes for buffers beyond these: too few of them would
 * otherwise look like new ones again and again (FAULTS 65).
 * Returns 1 if there are more now, 0 if a kick will tell, -EMSGSIZE if there
 * will never be more because we hold all descriptors, -EIO.
 */
static int rx_await_buffers(struct vhost_net_rx *rx)
{
	struct devq *dq = &rx->q.vq.ring;
	unsigned int i, ndesc = 0;
	int more;

	for (i = rx->head; i < rx->tail; i++)
		ndesc += rx->chain[i].ndesc;
	if (ndesc >= dq->num)
		return -EMSGSIZE;
	more = devq_enable_kick(dq);
	if (more > 0 && devq_disable_kick(dq))
		return -EIO;
	return more;
}

/*
 * Have enough free buffers for @need bytes at rx->head.
 * Returns how many these are, 0 if the driver has to add some, -EMSGSIZE if such
 * a packet cannot be received at all, -EIO.
 */
static noinline int rx_collect(struct vhost_net_rx *rx, size_t need, unsigned int packets)
{
	unsigned int n = 0;
	size_t have = 0;
	int err;

	for (;;) {
		while (have < need && rx->head + n < rx->tail) {
			const struct devq_chain *chain = &rx->chain[rx->head + n++];

			if (chain->nr_out || !chain->in_len) {
				rx_flush(rx);
				return devq_fail(&rx->q.vq.ring, DEVQ_E_FORMAT);
			}
			have += chain->in_len;
		}
		if (n && !rx_mergeable(rx) && (n > 1 || have < need))
			return -EMSGSIZE;
		if (have >= need)
			return n;
		if (!rx_room(rx)) {
			if (!rx->head)
				return -EMSGSIZE;
			rx_rewind(rx);
			n = 0;
			have = 0;
		}
		/* More of the kind we have, or one for each packet. */
		err = rx_fill(rx, n ? DIV_ROUND_UP(need - have, have / n) : packets);
		if (!err)
			err = rx_await_buffers(rx);
		if (err <= 0)
			return err;
	}
}

/* Write to a scattered buffer that is large enough. */
static int rx_put(const struct iovec *seg, size_t skip, const void *from, size_t len)
{
	for (; len; seg++) {
		size_t n;

		if (skip >= seg->iov_len) {
			skip -= seg->iov_len;
			continue;
		}
		n = min(len, seg->iov_len - skip);
		if (copy_to_user(seg->iov_base + skip, from, n))
			return -EFAULT;
		from += n;
		len -= n;
		skip = 0;
	}
	return 0;
}

/* The part of the header that is ours: all of it, or the number of buffers. */
static int rx_put_header(const struct vhost_net_rx *rx, const struct iovec *seg, unsigned int n)
{
	struct virtio_net_hdr_v1_hash_tunnel hdr = {
		.hash_hdr.hdr.num_buffers = __cpu_to_virtio16(rx->q.vq.ring.little_endian, n),
	};
	size_t from = 0, to = rx->q.hdr_len;

	if (rx->q.sock_hdr) {
		from = offsetof(struct virtio_net_hdr_v1, num_buffers);
		to = min_t(size_t, to, sizeof(struct virtio_net_hdr_v1));
	}
	return from < to ? rx_put(seg, from, (void *)&hdr + from, to - from) : 0;
}

/* Receive a packet into a buffer. Returns its length with header, or an error. */
static ssize_t rx_receive(struct vhost_net_rx *rx, const struct iovec *seg, unsigned int nsegs,
			  size_t need)
{
	struct socket *sock = rx_sock(rx);
	size_t skip = rx->q.sock_hdr ? 0 : rx->q.hdr_len;
	struct msghdr msg = {};
	int got;

	if (nsegs == 1)
		iov_iter_ubuf(&msg.msg_iter, ITER_DEST, seg->iov_base, need);
	else
		iov_iter_init(&msg.msg_iter, ITER_DEST, seg, nsegs, need);
	iov_iter_advance(&msg.msg_iter, skip);
	if (rx->ring)
		msg.msg_control = rx->packet[rx->packet_head++];
	got = sock->ops->recvmsg(sock, &msg, need - skip, MSG_DONTWAIT | MSG_TRUNC);
	if (got < 0)
		return got;
	/*
	 * Not what was announced: somebody else reads this socket, or its header
	 * is not the guest's. A packet socket leaves tags out.
	 */
	if (got != need - skip && (rx->ring || !got || got > need - skip))
		return -EMSGSIZE;
	return got + skip;
}

/* Say that @len bytes were spread over the first @n free buffers, at @used. */
static void rx_fill_used(const struct vhost_net_rx *rx, struct devq_used *used, unsigned int n,
			 size_t len)
{
	const struct devq_chain *chain = &rx->chain[rx->head];
	unsigned int i;

	for (i = 0; i < n; i++) {
		used[i] = devq_use(&chain[i], min_t(size_t, len, chain[i].in_len));
		len -= used[i].len;
	}
}

/* Receive one packet into the first @n free buffers, which are large enough. */
static int rx_spread(struct vhost_net_rx *rx, unsigned int n, size_t need)
{
	struct devq_chain *chain = &rx->chain[rx->head];
	unsigned int i, nsegs = 0;
	size_t have = 0;
	ssize_t len;

	for (i = 0; i < n; i++)
		nsegs += chain[i].nr_in;
	len = rx_receive(rx, chain->seg, nsegs, need);
	if (len < 0)
		return -EIO;
	/* Fewer, if it turns out to be shorter. */
	for (i = 0; have < len; i++)
		have += chain[i].in_len;
	if (rx_put_header(rx, chain->seg, i))
		return -EFAULT;
	rx_fill_used(rx, &rx->used[rx->nused], i, len);
	rx->nused += i;
	rx->head += i;
	return 0;
}

/* The first @n free buffers stay free, though up to @len bytes may have been written there. */
static noinline void rx_spoil(struct vhost_net_rx *rx, unsigned int n, size_t len)
{
	rx_fill_used(rx, &rx->used[rx->nused], n, len);
	devq_log(&rx->q.vq.ring, &rx->chain[rx->head], &rx->used[rx->nused], n);
}

/* Receive one packet into the first @n free buffers. */
static noinline void rx_packet(struct vhost_net_rx *rx, unsigned int n, size_t need)
{
	if (rx->nused + n > ARRAY_SIZE(rx->used))
		rx_flush(rx);
	if (rx_spread(rx, n, need)) {
		rx_spoil(rx, n, need);
		devq_count(&rx->q.lost, 1);
	}
	if (rx->nused >= DEVQ_BATCH)
		rx_flush(rx);
}

/* Where the number of buffers is written. */
static __always_inline __virtio16 __user *rx_num_buffers(const struct devq_chain *chain)
{
	return chain->seg->iov_base + offsetof(struct virtio_net_hdr_v1, num_buffers);
}

/* Can a packet of @len bytes with a plain header be received into this buffer alone? */
static __always_inline bool rx_fits(const struct devq_chain *chain, unsigned int len)
{
	const __virtio16 __user *word;

	if (chain->in_len < len || chain->nr_in != 1 || chain->nr_out)
		return false;
	word = rx_num_buffers(chain);
	return IS_ALIGNED((unsigned long)word, sizeof(*word)) && access_ok(word, sizeof(*word));
}

/* Say in each of @n buffers that its packet is in no other. Returns in how many. */
static __always_inline unsigned int rx_put_ones(struct vhost_net_rx *rx, unsigned int n)
{
	const __virtio16 one = __cpu_to_virtio16(rx->q.vq.ring.little_endian, 1);
	const struct devq_chain *chain = &rx->chain[rx->head];
	unsigned int i = 0;

	/* rx_fits() has looked at each address. */
	if (!n || !user_write_access_begin(rx_num_buffers(chain), sizeof(one)))
		return 0;
	for (; i < n; i++)
		unsafe_put_user(one, rx_num_buffers(&chain[i]), fault);
fault:
	user_write_access_end();
	return i;
}

/*
 * Receive packets that were taken from a tap, which writes the rest of the header, as
 * long as each fits into the next buffer and that is in one piece. Returns how many;
 * others have to receive the first one if it is none.
 */
static noinline unsigned int rx_burst(struct vhost_net_rx *rx, struct vhost_net_budget *budget)
{
	const struct devq_chain *chain = &rx->chain[rx->head], *end;
	struct devq_used *used = &rx->used[rx->nused];
	void **packet = &rx->packet[rx->packet_head];
	struct msghdr msg = {};
	unsigned int n, len, done;
	struct socket *sock;

	n = min3(rx->packet_tail - rx->packet_head, rx->tail - rx->head, DEVQ_BATCH - rx->nused);
	end = chain + min(n, VHOST_NET_TURN_PACKETS - budget->packets);
	while (chain < end) {
		len = rx_packet_len(*packet) + rx->q.hdr_len;
		if (unlikely(!rx_fits(chain, len)))
			break;
		iov_iter_ubuf(&msg.msg_iter, ITER_DEST, chain->seg->iov_base, len);
		msg.msg_control = *packet++;
		/* From here on it is @used that knows @len, which would be saved for the call. */
		*used = devq_use(chain, len);
		sock = rx_sock(rx);
		if (unlikely(sock->ops->recvmsg(sock, &msg, len, MSG_DONTWAIT | MSG_TRUNC) !=
			     used->len))
			break;
		chain++;
		budget->bytes += used++->len;
		if (unlikely(budget->bytes >= VHOST_NET_TURN_BYTES))
			break;
	}
	n = packet - &rx->packet[rx->packet_head];
	budget->packets += n;
	rx->packet_head += n;
	done = rx_put_ones(rx, used - &rx->used[rx->nused]);
	rx->head += done;
	rx->nused += done;
	if (unlikely(done < n)) {
		/* To their ends: which packet was how long is not worth the trouble. */
		rx_spoil(rx, n - done, SIZE_MAX);
		devq_count(&rx->q.lost, n - done);
	}
	if (rx->nused >= DEVQ_BATCH)
		rx_flush(rx);
	return n;
}

/* Lose the next packet. */
static void rx_discard(struct vhost_net_rx *rx)
{
	struct socket *sock = rx_sock(rx);
	struct msghdr msg = {};
	struct kvec none;
	u8 byte;

	devq_count(&rx->q.lost, 1);
	if (rx->ring) {
		tun_ptr_free(rx->packet[rx->packet_head++]);
		return;
	}
	none = (struct kvec) { .iov_base = &byte, .iov_len = sizeof(byte) };
	iov_iter_kvec(&msg.msg_iter, ITER_DEST, &none, 1, sizeof(byte));
	sock->ops->recvmsg(sock, &msg, sizeof(byte), MSG_DONTWAIT | MSG_TRUNC);
}

/* There are no packets. Returns true if that has changed. */
static bool rx_idle(struct vhost_net_rx *rx)
{
	struct devq *dq = &rx->q.vq.ring;

	rx_rewind(rx);
	switch (vhost_net_busy_poll(&rx->q, rx_ready)) {
	case VHOST_NET_IDLE_READY:
		return true;
	case VHOST_NET_IDLE_YIELD:
		vhost_vq_requeue(&rx->q.vq);
		return false;
	case VHOST_NET_IDLE_SLEEP:
		break;
	}
	/* While there are no buffers either, packets would wake us for nothing. */
	if (!devq_pending(dq)) {
		if (devq_enable_kick(dq) <= 0 || devq_disable_kick(dq))
			return false;
	}
	/* A socket in an error state has no device any more, and no packets. */
	vhost_poll_start(&rx->q.sock_poll, rx_sock(rx)->file);
	return false;
}

static void rx_turn(struct vhost_net_rx *rx)
{
	const bool bursts = rx->ring && rx->q.plain_hdr;
	struct vhost_net_budget budget = {};
	unsigned int packets, len;
	int n;

	vhost_poll_stop(&rx->q.sock_poll);
	if (devq_disable_kick(&rx->q.vq.ring))
		return;
	while (!vhost_net_spent(&budget)) {
		packets = rx_peek(rx, &len);
		if (!packets) {
			if (!rx_idle(rx))
				goto out;
			continue;
		}
		rx->q.busy_end = 0;
		if (bursts && rx_burst(rx, &budget))
			continue;
		len += rx->q.hdr_len;
		n = rx_collect(rx, len, packets);
		if (n > 0)
			rx_packet(rx, n, len);
		else if (n == -EMSGSIZE)
			rx_discard(rx);
		else
			goto out;
		vhost_net_spend(&budget, len);
	}
	vhost_vq_requeue(&rx->q.vq);
out:
	rx_rewind(rx);
	devq_count(&rx->q.packets, budget.packets);
}

/**
 * vhost_net_handle_rx - a turn of the receive queue
 * @vq: the queue
 *
 * Context: worker.
 */
void vhost_net_handle_rx(struct vhost_virtqueue *vq)
{
	struct vhost_net_rx *rx = container_of(vhost_net_queue(vq), struct vhost_net_rx, q);

	guard(mutex)(&vq->mutex);
	if (!vhost_vq_enter(vq))
		return;
	rx_turn(rx);
	vhost_vq_exit(vq);
}

/**
 * vhost_net_rx_detach - leave the tap, with all packets that are not received
 * @rx: receive direction
 *
 * Context: the queue's mutex; the tap is still there.
 */
void vhost_net_rx_detach(struct vhost_net_rx *rx)
{
	lockdep_assert_held(&rx->q.vq.mutex);
	if (rx->ring && rx->packet_head < rx->packet_tail)
		ptr_ring_unconsume(rx->ring, &rx->packet[rx->packet_head],
				   rx->packet_tail - rx->packet_head, tun_ptr_free);
	rx->packet_head = 0;
	rx->packet_tail = 0;
	rx->ring = NULL;
}
