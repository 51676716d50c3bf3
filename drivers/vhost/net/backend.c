// SPDX-License-Identifier: GPL-2.0-only
/* Which socket a queue is served with, and what goes with it. */

#include <linux/file.h>
#include <linux/if_tap.h>
#include <linux/if_tun.h>
#include <linux/net.h>
#include <linux/nospec.h>
#include <linux/virtio_config.h>

#include "net.h"

/**
 * struct backend - a socket packets can go to
 * @sock: the socket; its file is referenced
 * @ring: where a tap keeps packets for us; NULL for packet sockets
 */
struct backend {
	struct socket *sock;
	struct ptr_ring *ring;
};

static bool backend_is_raw(const struct socket *sock)
{
	return sock && sock->sk->sk_family == PF_PACKET && sock->sk->sk_type == SOCK_RAW;
}

/*
 * Look the file up, once: whoever owns the descriptor table may put another file
 * in its place at any time (FAULTS 7).
 */
static int backend_get(int fd, struct backend *b)
{
	struct file *file = fget(fd);

	if (!file)
		return -ENOTSOCK;
	b->ring = tun_get_tx_ring(file);
	if (!IS_ERR(b->ring)) {
		b->sock = tun_get_socket(file);
		return 0;
	}
	b->ring = tap_get_ptr_ring(file);
	if (!IS_ERR(b->ring)) {
		b->sock = tap_get_socket(file);
		return 0;
	}
	b->ring = NULL;
	b->sock = sock_from_file(file);
	if (backend_is_raw(b->sock))
		return 0;
	fput(file);
	return -ENOTSOCK;
}

/*
 * Go on with another socket, or start with one. On error nothing has changed.
 * Context: the queue's mutex.
 */
static int backend_attach(struct vhost_net *net, struct vhost_net_queue *q,
			  const struct backend *b)
{
	struct socket *old = q->vq.backend;
	int err;

	/* A tap without a device says so here. */
	vhost_poll_stop(&q->sock_poll);
	err = vhost_poll_start(&q->sock_poll, b->sock->file);
	if (!err)
		err = vhost_vq_start(&q->vq, b->sock);
	if (err) {
		vhost_poll_stop(&q->sock_poll);
		if (old)
			vhost_poll_start(&q->sock_poll, old->file);
		return err;
	}
	q->is_tap = b->ring;
	if (q == &net->rx.q) {
		vhost_net_rx_detach(&net->rx);
		net->rx.ring = b->ring;
	}
	return 0;
}

/* Returns the socket that was in use. Context: the queue's mutex. */
static struct socket *backend_detach(struct vhost_net *net, struct vhost_net_queue *q)
{
	struct socket *old = q->vq.backend;

	if (!old)
		return NULL;
	vhost_poll_stop(&q->sock_poll);
	if (q == &net->rx.q)
		vhost_net_rx_detach(&net->rx);
	vhost_vq_stop(&q->vq);
	return old;
}

/*
 * Serve a queue with @b, or with nothing. Returns an error or 0; the socket that
 * is to be put is in @surplus.
 */
static int backend_set(struct vhost_net *net, struct vhost_net_queue *q,
		       const struct backend *b, struct socket **surplus)
{
	int err = vhost_vq_lock(&q->vq);

	*surplus = b->sock;
	if (err)
		return err;
	if (!b->sock) {
		*surplus = backend_detach(net, q);
	} else if (b->sock != q->vq.backend) {
		struct socket *old = q->vq.backend;

		err = backend_attach(net, q, b);
		if (!err)
			*surplus = old;
	}
	if (q == &net->tx.q)
		vhost_net_zcopy_choose(&net->tx);
	mutex_unlock(&q->vq.mutex);
	return err;
}

static int tx_change(struct vhost_net *net, const struct socket *sock)
{
	if (sock == net->tx.q.vq.backend)
		return 0;
	return vhost_net_zcopy_drain(&net->dev, &net->tx) ?: vhost_net_zcopy_prepare(&net->tx);
}

/*
 * VHOST_NET_SET_BACKEND: serve a queue with a socket, another one, or none. A
 * queue that runs goes on with the other one where it stands.
 */
int vhost_net_set_backend(struct vhost_dev *dev, void *arg, void __user *user)
{
	struct vhost_net *net = container_of(dev, struct vhost_net, dev);
	const struct vhost_vring_file *req = arg;
	struct vhost_net_queue *q;
	struct socket *surplus;
	struct backend b = {};
	int err;

	if (req->index >= VHOST_NET_NVQS)
		return -ENOBUFS;
	q = vhost_net_queue(dev->vqs[array_index_nospec(req->index, VHOST_NET_NVQS)]);
	if (req->fd != VHOST_FILE_UNBIND) {
		err = backend_get(req->fd, &b);
		if (err)
			return err;
	}
	/* Packets that left by the old socket have to be gone before it is. */
	err = q == &net->tx.q ? tx_change(net, b.sock) : 0;
	if (err) {
		if (b.sock)
			fput(b.sock->file);
		return err;
	}
	err = backend_set(net, q, &b, &surplus);
	if (surplus) {
		/* No turn uses it any more once those that began before have ended. */
		vhost_dev_flush(dev);
		fput(surplus->file);
	}
	return err;
}

/* Let go of both sockets. Context: vhost_dev.mutex. */
void vhost_net_stop(struct vhost_dev *dev)
{
	struct vhost_net *net = container_of(dev, struct vhost_net, dev);
	struct socket *old[VHOST_NET_NVQS];
	unsigned int i;

	for (i = 0; i < VHOST_NET_NVQS; i++) {
		struct vhost_net_queue *q = vhost_net_queue(dev->vqs[i]);

		mutex_lock(&q->vq.mutex);
		old[i] = backend_detach(net, q);
		mutex_unlock(&q->vq.mutex);
	}
	vhost_dev_flush(dev);
	vhost_net_zcopy_abandon(&net->tx);
	for (i = 0; i < VHOST_NET_NVQS; i++)
		if (old[i])
			fput(old[i]->file);
}

/*
 * How long the header is and who handles it. Legacy drivers without mergeable
 * buffers have no num_buffers (virtio 1.3, 5.1.6.1). Context: the queue's mutex.
 */
void vhost_net_vq_features(struct vhost_virtqueue *vq)
{
	struct vhost_net_queue *q = vhost_net_queue(vq);
	const u64 long_hdr = BIT_ULL(VIRTIO_NET_F_MRG_RXBUF) | BIT_ULL(VIRTIO_F_VERSION_1);

	if (virtio_features_test_bit(vq->features_array, VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO) ||
	    virtio_features_test_bit(vq->features_array, VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO))
		q->hdr_len = sizeof(struct virtio_net_hdr_v1_hash_tunnel);
	else if (vq->features & long_hdr)
		q->hdr_len = sizeof(struct virtio_net_hdr_mrg_rxbuf);
	else
		q->hdr_len = sizeof(struct virtio_net_hdr);
	q->sock_hdr = !(vq->features & BIT_ULL(VHOST_NET_F_VIRTIO_NET_HDR));
	q->plain_hdr = q->sock_hdr && q->hdr_len == sizeof(struct virtio_net_hdr_v1);
}
