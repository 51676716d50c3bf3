// SPDX-License-Identifier: GPL-2.0-only
/* What the kernel's sockets call: the transport from the host to its guests. */

#include <linux/module.h>

#include "vsock.h"

static u32 vhost_vsock_get_local_cid(void)
{
	return VMADDR_CID_HOST;
}

static int vhost_vsock_send_pkt(struct sk_buff *skb, struct net *net)
{
	u32 cid = le64_to_cpu(virtio_vsock_hdr(skb)->dst_cid);
	struct vhost_vsock *vsock;
	int ret = skb->len, err;

	rcu_read_lock();
	vsock = vhost_vsock_find(cid, net);
	err = vsock ? vhost_vsock_rx_add(vsock, skb) : -ENODEV;
	rcu_read_unlock();
	if (!err)
		return ret;
	kfree_skb(skb);
	return err;
}

COMPAT_VSOCK_SEND_PKT(vhost_vsock_send_pkt)

/* A socket gives up connecting: what it sent is not to be delivered. */
static int vhost_vsock_cancel_pkt(struct vsock_sock *vsk)
{
	struct vhost_vsock *vsock;

	rcu_read_lock();
	vsock = vhost_vsock_find(vsk->remote_addr.svm_cid, compat_vsock_net(vsk));
	if (vsock)
		vhost_vsock_rx_cancel(vsock, vsk);
	rcu_read_unlock();
	return vsock ? 0 : -ENODEV;
}

static bool vhost_vsock_stream_allow(struct vsock_sock *vsk, u32 cid, u32 port)
{
	return true;
}

COMPAT_VSOCK_STREAM_ALLOW(vhost_vsock_stream_allow)

static bool vhost_vsock_seqpacket_allow(struct vsock_sock *vsk, u32 cid)
{
	struct vhost_vsock *vsock;
	bool allow;

	rcu_read_lock();
	vsock = vhost_vsock_find(cid, compat_vsock_net(vsk));
	allow = vsock && READ_ONCE(vsock->seqpacket);
	rcu_read_unlock();
	return allow;
}

COMPAT_VSOCK_SEQPACKET_ALLOW(vhost_vsock_seqpacket_allow)

static bool __maybe_unused vhost_vsock_has_remote_cid(struct vsock_sock *vsk, u32 cid)
{
	struct vhost_vsock *vsock;

	rcu_read_lock();
	vsock = vhost_vsock_find(cid, compat_vsock_net(vsk));
	rcu_read_unlock();
	return vsock;
}

/* Packets lie in pages of the sender until they are copied to the guest. */
static bool __maybe_unused vhost_vsock_msgzerocopy_allow(void)
{
	return true;
}

struct virtio_transport vhost_vsock_transport = {
	.transport = {
		.module = THIS_MODULE,

		.get_local_cid = vhost_vsock_get_local_cid,
		.cancel_pkt = vhost_vsock_cancel_pkt,

		.init = virtio_transport_do_socket_init,
		.destruct = virtio_transport_destruct,
		.release = virtio_transport_release,
		.connect = virtio_transport_connect,
		.shutdown = virtio_transport_shutdown,

		.dgram_allow = virtio_transport_dgram_allow,
		.dgram_bind = virtio_transport_dgram_bind,
		.dgram_dequeue = virtio_transport_dgram_dequeue,
		.dgram_enqueue = virtio_transport_dgram_enqueue,

		.stream_allow = COMPAT_VSOCK_OP(vhost_vsock_stream_allow),
		.stream_dequeue = virtio_transport_stream_dequeue,
		.stream_enqueue = virtio_transport_stream_enqueue,
		.stream_has_data = virtio_transport_stream_has_data,
		.stream_has_space = virtio_transport_stream_has_space,
		.stream_is_active = virtio_transport_stream_is_active,
		.stream_rcvhiwat = virtio_transport_stream_rcvhiwat,

		.seqpacket_allow = COMPAT_VSOCK_OP(vhost_vsock_seqpacket_allow),
		.seqpacket_dequeue = virtio_transport_seqpacket_dequeue,
		.seqpacket_enqueue = virtio_transport_seqpacket_enqueue,
		.seqpacket_has_data = virtio_transport_seqpacket_has_data,

		.notify_buffer_size = virtio_transport_notify_buffer_size,
		.notify_poll_in = virtio_transport_notify_poll_in,
		.notify_poll_out = virtio_transport_notify_poll_out,
		.notify_recv_init = virtio_transport_notify_recv_init,
		.notify_recv_post_dequeue = virtio_transport_notify_recv_post_dequeue,
		.notify_recv_pre_block = virtio_transport_notify_recv_pre_block,
		.notify_recv_pre_dequeue = virtio_transport_notify_recv_pre_dequeue,
		.notify_send_init = virtio_transport_notify_send_init,
		.notify_send_post_enqueue = virtio_transport_notify_send_post_enqueue,
		.notify_send_pre_block = virtio_transport_notify_send_pre_block,
		.notify_send_pre_enqueue = virtio_transport_notify_send_pre_enqueue,

		COMPAT_VSOCK_OPS_6_12(.msgzerocopy_allow = vhost_vsock_msgzerocopy_allow,
				      .notify_set_rcvlowat = virtio_transport_notify_set_rcvlowat,
				      .read_skb = virtio_transport_read_skb,
				      .unsent_bytes = virtio_transport_unsent_bytes)
		COMPAT_VSOCK_OPS_7_0(.has_remote_cid = vhost_vsock_has_remote_cid)
	},
	.send_pkt = COMPAT_VSOCK_OP(vhost_vsock_send_pkt),
};
