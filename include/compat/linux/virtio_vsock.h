/* SPDX-License-Identifier: GPL-2.0-only */
#include_next <linux/virtio_vsock.h>
#include <linux/version.h>

#ifndef RINGSIDE_COMPAT_VIRTIO_VSOCK_H
#define RINGSIDE_COMPAT_VIRTIO_VSOCK_H

#include <linux/skbuff.h>
#include <net/af_vsock.h>

/*
 * What sockets and a transport say to each other grew from kernel to kernel. Members of
 * a struct, arguments and functions have no name to test, hence the numbers.
 */

/* pre-6.7: of a packet that is sent in parts, what had been sent was taken off. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
static inline u32 compat_vsock_skb_offset(const struct sk_buff *skb)
{
	return 0;
}

static inline void compat_vsock_skb_advance(struct sk_buff *skb, u32 len)
{
	skb_pull(skb, len);
}

/* Monitors were shown all that was left, whatever the header said. */
static inline void compat_vsock_deliver_tap_pkt(struct sk_buff *skb, u32 len)
{
	u32 left = skb->len;

	skb->len = len;
	virtio_transport_deliver_tap_pkt(skb);
	skb->len = left;
}

static inline void virtio_vsock_skb_put(struct sk_buff *skb, u32 len)
{
	skb_put(skb, len);
}
#else
static inline u32 compat_vsock_skb_offset(const struct sk_buff *skb)
{
	return VIRTIO_VSOCK_SKB_CB(skb)->offset;
}

static inline void compat_vsock_skb_advance(struct sk_buff *skb, u32 len)
{
	VIRTIO_VSOCK_SKB_CB(skb)->offset += len;
}

static inline void compat_vsock_deliver_tap_pkt(struct sk_buff *skb, u32 len)
{
	virtio_transport_deliver_tap_pkt(skb);
}
#endif

/* pre-6.12: nobody counted what is not sent yet; zero-copy and BPF sockets came on the way. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#define COMPAT_VSOCK_OPS_6_12(...)

static inline void virtio_transport_consume_skb_sent(struct sk_buff *skb, bool consume)
{
	if (consume)
		consume_skb(skb);
}
#else
#define COMPAT_VSOCK_OPS_6_12(...)	__VA_ARGS__,
#endif

/* pre-7.0: sockets of all network namespaces reached all guests. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
#define COMPAT_VSOCK_OPS_7_0(...)

static inline bool vsock_net_check_mode(const struct net *a, const struct net *b)
{
	return true;
}

static inline struct net *compat_vsock_net(struct vsock_sock *vsk)
{
	return NULL;
}

#define virtio_transport_recv_pkt(t, skb, net) virtio_transport_recv_pkt(t, skb)

/* A transport defines operations as they are now, and their older form with these. */
#define COMPAT_VSOCK_SEND_PKT(fn)						\
static int compat_##fn(struct sk_buff *skb)					\
{										\
	return fn(skb, NULL);							\
}

#define COMPAT_VSOCK_STREAM_ALLOW(fn)						\
static bool compat_##fn(u32 cid, u32 port)					\
{										\
	return fn(NULL, cid, port);						\
}

#define COMPAT_VSOCK_SEQPACKET_ALLOW(fn)					\
static bool compat_##fn(u32 cid)						\
{										\
	return fn(NULL, cid);							\
}

#define COMPAT_VSOCK_OP(fn)	compat_##fn
#else
#define COMPAT_VSOCK_OPS_7_0(...)	__VA_ARGS__,

static inline struct net *compat_vsock_net(struct vsock_sock *vsk)
{
	return sock_net(sk_vsock(vsk));
}

#define COMPAT_VSOCK_SEND_PKT(fn)
#define COMPAT_VSOCK_STREAM_ALLOW(fn)
#define COMPAT_VSOCK_SEQPACKET_ALLOW(fn)
#define COMPAT_VSOCK_OP(fn)	fn
#endif

#endif
