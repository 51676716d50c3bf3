/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_NET_H
#define RINGSIDE_NET_H
/*
 * vhost-net: a network device whose packets come from and go to a socket, that
 * of a tap, a macvtap or a raw packet socket.
 *
 * Queue 0 is the guest's receive queue, queue 1 its transmit queue. They share
 * nothing but the device they belong to; everything below is under the mutex
 * of the queue it belongs to.
 */

#include <linux/ptr_ring.h>
#include <linux/virtio_net.h>
#include <net/sock.h>
#include <net/xdp.h>

#include "core/vhost.h"

#define VHOST_NET_RX		0
#define VHOST_NET_TX		1
#define VHOST_NET_NVQS		2

struct tun_msg_ctl;
struct vhost_net_zcopy;

/* What a queue may do in one turn, so that others get theirs (FAULTS 64). */
#define VHOST_NET_TURN_BYTES	0x80000
#define VHOST_NET_TURN_PACKETS	256

/* Packets that are taken from a tap's ring at a time. */
#define VHOST_NET_RING_BATCH	64

/**
 * struct vhost_net_budget - what a turn has used up
 * @bytes: of packets with their headers
 * @packets: number of packets
 */
struct vhost_net_budget {
	size_t bytes;
	unsigned int packets;
};

/**
 * struct vhost_net_queue - what both directions have
 * @vq: the queue; vq.backend is the socket
 * @sock_poll: waits for the socket
 * @is_tap: the socket is that of a tap or macvtap
 * @hdr_len: size of the header in the guest's buffers
 * @sock_hdr: the socket handles that header; otherwise we do
 * @plain_hdr: all but the number of buffers is the socket's, and nothing is behind that
 * @busy_end: when to give up polling, on ktime_get(); 0 while not polling
 * @packets: how many there were, for those who watch without the mutex
 * @lost: how many of them nobody got, the same
 */
struct vhost_net_queue {
	struct vhost_virtqueue vq;
	struct vhost_poll sock_poll;
	bool is_tap;
	bool sock_hdr;
	bool plain_hdr;
	u8 hdr_len;
	ktime_t busy_end;
	u64 packets;
	u64 lost;
};

/* Enough for a batch of the longest packets, and one to go on with. */
#define VHOST_NET_NPAGES	9
/* More packets than a page holds, none is smaller than this many bytes. */
#define VHOST_NET_PAGES_SMALLEST	64

/**
 * struct vhost_net_page - a page, of higher order if possible, for packets
 * @page: the page
 * @size: its bytes
 * @refs: how many of its references are ours; each packet takes one along
 */
struct vhost_net_page {
	struct page *page;
	unsigned int size;
	unsigned int refs;
};

/**
 * struct vhost_net_pages - memory for packets
 * @slot: the pages
 * @cur: which of @slot is in use
 * @room: bytes of it that are free
 * @free: the first of them
 */
struct vhost_net_pages {
	struct vhost_net_page slot[VHOST_NET_NPAGES];
	unsigned int cur;
	unsigned int room;
	void *free;
};

/**
 * struct vhost_net_tx - transmit direction
 * @q: the queue
 * @pages: where small packets are copied to
 * @zcopy: packets made of the guest's pages; NULL without. Written under
 *	vhost_dev.mutex as well
 * @zcopy_on: make such packets
 * @nframes: packets in @frame, copied and not sent yet
 * @frame: batch for the tap
 * @chain: buffers popped in one go
 * @used: those of them that are done
 * @iov: pieces of @chain
 */
struct vhost_net_tx {
	struct vhost_net_queue q;
	struct vhost_net_pages pages;
	struct vhost_net_zcopy *zcopy;
	bool zcopy_on;
	unsigned int nframes;
	struct xdp_buff frame[DEVQ_BATCH];
	struct devq_chain chain[DEVQ_BATCH];
	struct devq_used used[DEVQ_BATCH];
	struct iovec iov[DEVQ_CHAIN_SEGS];
};

/* Room for the largest packet behind another's leftovers, see rx_fill(). */
#define VHOST_NET_RX_CHAINS	(UIO_MAXIOV + DEVQ_BATCH)
#define VHOST_NET_RX_SEGS	(2 * DEVQ_CHAIN_SEGS)

/**
 * struct vhost_net_rx - receive direction
 * @q: the queue
 * @ring: the tap's ring of packets; NULL for packet sockets
 * @packet: packets taken from @ring
 * @packet_head: first of @packet that is still there
 * @packet_tail: end of @packet
 * @head: first of @chain that is still free
 * @tail: end of @chain
 * @nsegs: pieces of @iov in use
 * @nused: entries of @used
 * @chain: buffers popped, in order; the free ones go back at the end of a turn
 * @used: filled buffers, whole packets only, that the driver does not know of
 * @iov: pieces of @chain
 */
struct vhost_net_rx {
	struct vhost_net_queue q;
	struct ptr_ring *ring;
	void *packet[VHOST_NET_RING_BATCH];
	unsigned int packet_head;
	unsigned int packet_tail;
	unsigned int head;
	unsigned int tail;
	unsigned int nsegs;
	unsigned int nused;
	struct devq_chain chain[VHOST_NET_RX_CHAINS];
	struct devq_used used[VHOST_NET_RX_CHAINS];
	struct iovec iov[VHOST_NET_RX_SEGS];
};

/**
 * struct vhost_net - one open /dev/vhost-net
 * @dev: the device
 * @vqs: its queues, for @dev
 * @rx: receive direction
 * @tx: transmit direction
 */
struct vhost_net {
	struct vhost_dev dev;
	struct vhost_virtqueue *vqs[VHOST_NET_NVQS];
	struct vhost_net_rx rx;
	struct vhost_net_tx tx;
};

/**
 * enum vhost_net_idle - how a wait for work ended
 * @VHOST_NET_IDLE_READY: there is work
 * @VHOST_NET_IDLE_YIELD: others wait for the worker, come back
 * @VHOST_NET_IDLE_SLEEP: nothing came in time
 */
enum vhost_net_idle {
	VHOST_NET_IDLE_READY,
	VHOST_NET_IDLE_YIELD,
	VHOST_NET_IDLE_SLEEP,
};

/* backend.c */
int vhost_net_set_backend(struct vhost_dev *dev, void *arg, void __user *user);
void vhost_net_stop(struct vhost_dev *dev);
void vhost_net_vq_features(struct vhost_virtqueue *vq);

/* busypoll.c */
enum vhost_net_idle vhost_net_busy_poll(struct vhost_net_queue *q,
					bool (*ready)(struct vhost_net_queue *q));

/* pages.c */
bool vhost_net_pages_next(struct vhost_net_pages *pages);
void vhost_net_pages_free(struct vhost_net_pages *pages);

/* rx.c, tx.c */
void vhost_net_handle_rx(struct vhost_virtqueue *vq);
void vhost_net_handle_tx(struct vhost_virtqueue *vq);
void vhost_net_rx_detach(struct vhost_net_rx *rx);
int vhost_net_tx_send(struct vhost_net_tx *tx, const struct devq_chain *chain,
		      struct tun_msg_ctl *ctl);

/* zerocopy.c */
int vhost_net_zcopy_prepare(struct vhost_net_tx *tx);
void vhost_net_zcopy_choose(struct vhost_net_tx *tx);
int vhost_net_zcopy_drain(struct vhost_dev *dev, struct vhost_net_tx *tx);
void vhost_net_zcopy_abandon(struct vhost_net_tx *tx);
bool vhost_net_zcopy_wants(const struct vhost_net_tx *tx, const struct devq_chain *chain);
int vhost_net_zcopy_send(struct vhost_net_tx *tx, const struct devq_chain *chain);
void vhost_net_zcopy_reap(struct vhost_net_tx *tx);

static inline struct vhost_net_queue *vhost_net_queue(struct vhost_virtqueue *vq)
{
	return container_of(vq, struct vhost_net_queue, vq);
}

/**
 * vhost_net_pages_get - memory for a packet
 * @pages: where from
 * @len: how much: VHOST_NET_PAGES_SMALLEST to PAGE_SIZE, a multiple of the cache line
 *
 * Context: may sleep.
 * Return: the memory, with a reference to its page that is the caller's, or
 * NULL. What an earlier packet left there is still in it.
 */
static inline void *vhost_net_pages_get(struct vhost_net_pages *pages, unsigned int len)
{
	void *mem;

	if (unlikely(pages->room < len) && !vhost_net_pages_next(pages))
		return NULL;
	mem = pages->free;
	pages->free += len;
	pages->room -= len;
	pages->slot[pages->cur].refs--;
	return mem;
}

/**
 * vhost_net_pages_unget - give back what was got last
 * @pages: where from
 * @len: how much
 */
static inline void vhost_net_pages_unget(struct vhost_net_pages *pages, unsigned int len)
{
	pages->free -= len;
	pages->room += len;
	pages->slot[pages->cur].refs++;
}

/**
 * vhost_net_spent - is the turn over?
 * @budget: of this turn
 *
 * Return: true if so.
 */
static inline bool vhost_net_spent(const struct vhost_net_budget *budget)
{
	return budget->packets >= VHOST_NET_TURN_PACKETS ||
	       budget->bytes >= VHOST_NET_TURN_BYTES;
}

/**
 * vhost_net_spend - account for a packet
 * @budget: of this turn
 * @len: bytes
 *
 * Return: true if the turn is over.
 */
static inline bool vhost_net_spend(struct vhost_net_budget *budget, size_t len)
{
	budget->bytes += len;
	budget->packets++;
	return vhost_net_spent(budget);
}

#endif
