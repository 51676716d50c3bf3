/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_VSOCK_H
#define RINGSIDE_VSOCK_H
/*
 * vhost-vsock: connections between the host and its guests. The sockets are the
 * kernel's own, with all that makes a connection of packets, credit included; here
 * is how packets get into the guest's buffers and out of them.
 *
 * Queue 0 is the guest's receive queue, queue 1 its transmit queue. The device has
 * a third one, for events: it is the VMM's.
 */

#include <linux/skbuff.h>
#include <linux/virtio_vsock.h>
#include <net/net_namespace.h>

#include "core/vhost.h"

#define VHOST_VSOCK_NVQS	2

/* What a queue may do in one turn, so that others get theirs (FAULTS 64). */
#define VHOST_VSOCK_TURN_BYTES		0x80000
#define VHOST_VSOCK_TURN_PACKETS	256

/*
 * With so many packets waiting for a guest nobody may begin a connection with it.
 * Data is bounded by the credit of its connection, but connections are not.
 */
#define VHOST_VSOCK_CROWD		0x10000

struct vhost_vsock_cid;

/**
 * enum vhost_vsock_state - what becomes of a packet for the guest
 * @VHOST_VSOCK_NEW: it is refused: the guest never had a driver
 * @VHOST_VSOCK_PAUSED: it waits: the guest will go on, with another VMM maybe
 * @VHOST_VSOCK_RUNNING: it is delivered
 */
enum vhost_vsock_state {
	VHOST_VSOCK_NEW,
	VHOST_VSOCK_PAUSED,
	VHOST_VSOCK_RUNNING,
};

/**
 * struct vhost_vsock_budget - what a turn has used up
 * @bytes: of packets with their headers
 * @packets: number of buffers
 */
struct vhost_vsock_budget {
	size_t bytes;
	unsigned int packets;
};

/**
 * struct vhost_vsock_rx - to the guest
 * @vq: the queue; vq.backend is the device
 * @waiting: packets, some of the first maybe delivered; has a lock of its own
 * @chain: buffers popped in one go; under the queue's mutex, as is the rest
 * @used: those of them that are done
 * @iov: pieces of @chain
 */
struct vhost_vsock_rx {
	struct vhost_virtqueue vq;
	struct sk_buff_head waiting;
	struct devq_chain chain[DEVQ_BATCH];
	struct devq_used used[DEVQ_BATCH];
	struct iovec iov[DEVQ_CHAIN_SEGS];
};

/**
 * struct vhost_vsock_tx - from the guest
 * @vq: the queue; vq.backend is the device
 * @stalled: it waits until there are fewer answers; written under the queue's mutex
 * @deliverer: who hands packets to sockets now; written under the queue's mutex
 * @taken: packets on their way to sockets; under the queue's mutex, as is the rest
 * @chain: buffers popped in one go
 * @used: those of them that are done
 * @iov: pieces of @chain
 */
struct vhost_vsock_tx {
	struct vhost_virtqueue vq;
	bool stalled;
	struct task_struct *deliverer;
	struct sk_buff_head taken;
	struct devq_chain chain[DEVQ_BATCH];
	struct devq_used used[DEVQ_BATCH];
	struct iovec iov[DEVQ_CHAIN_SEGS];
};

/**
 * struct vhost_vsock - one open /dev/vhost-vsock
 * @dev: the device
 * @vqs: its queues, for @dev
 * @net: network namespace whose sockets reach the guest; immutable
 * @net_tracker: reference to @net
 * @cid: its address, NULL without one; written under the mutexes of the table of cids
 *	and of the transmit queue, read under either or under RCU
 * @state: written under vhost_dev.mutex
 * @seqpacket: the guest knows SOCK_SEQPACKET; written under vhost_dev.mutex
 * @answers: packets in rx.waiting that are due to packets of the guest
 * @rx: to the guest
 * @tx: from the guest
 */
struct vhost_vsock {
	struct vhost_dev dev;
	struct vhost_virtqueue *vqs[VHOST_VSOCK_NVQS];
	struct net *net;
	netns_tracker net_tracker;
	struct vhost_vsock_cid __rcu *cid;
	enum vhost_vsock_state state;
	bool seqpacket;
	atomic_t answers;
	struct vhost_vsock_rx rx;
	struct vhost_vsock_tx tx;
};

/* cid.c */
struct vhost_vsock *vhost_vsock_find(u32 cid, struct net *net);
int vhost_vsock_set_guest_cid(struct vhost_dev *dev, void *arg, void __user *user);
u32 vhost_vsock_cid(const struct vhost_vsock *vsock);
bool vhost_vsock_has_cid(const struct vhost_vsock *vsock, u64 cid);
void vhost_vsock_leave(struct vhost_vsock *vsock);
void vhost_vsock_free_cid(struct vhost_vsock *vsock);
void vhost_vsock_reset_orphans(void);

/* rx.c */
int vhost_vsock_rx_add(struct vhost_vsock *vsock, struct sk_buff *skb);
void vhost_vsock_rx_cancel(struct vhost_vsock *vsock, struct vsock_sock *vsk);
void vhost_vsock_handle_rx(struct vhost_virtqueue *vq);

/* tx.c */
void vhost_vsock_answered(struct vhost_vsock *vsock, unsigned int n);
void vhost_vsock_handle_tx(struct vhost_virtqueue *vq);

/* transport.c */
extern struct virtio_transport vhost_vsock_transport;

static inline struct vhost_vsock *vhost_vsock_of(struct vhost_virtqueue *vq)
{
	return container_of(vq->dev, struct vhost_vsock, dev);
}

/**
 * vhost_vsock_spend - account for a buffer
 * @budget: of this turn
 * @len: bytes
 *
 * Return: true if the turn is over.
 */
static inline bool vhost_vsock_spend(struct vhost_vsock_budget *budget, size_t len)
{
	budget->bytes += len;
	return ++budget->packets >= VHOST_VSOCK_TURN_PACKETS ||
	       budget->bytes >= VHOST_VSOCK_TURN_BYTES;
}

#endif
