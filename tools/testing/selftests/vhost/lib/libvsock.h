/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest with a socket device: the driver's side of its queues, packet by packet, and
 * a small stack above that echoes what it is sent. The peers are sockets of this host.
 *
 *	struct vs_guest g;
 *
 *	ASSERT_EQ(0, vs_up(&g, &(struct vs_config){ 0 }));
 *	ASSERT_EQ(0, vs_serve(&g));
 *	fd = vs_connect(SOCK_STREAM, VS_CID, 1234);
 */
#ifndef RINGSIDE_LIBVSOCK_H
#define RINGSIDE_LIBVSOCK_H

#include <linux/virtio_vsock.h>
#include <sys/socket.h>
#include <linux/vm_sockets.h>

#include "libiommu.h"

#define VSOCK_PATH	"/dev/vhost-vsock"
#define VS_CID		4711
#define VS_HOST		2
#define VS_HDR		sizeof(struct virtio_vsock_hdr)
#define F_SEQPACKET	BIT64(1)
#define VS_FEATURES	(F_VERSION_1 | F_EVENT_IDX | F_INDIRECT | F_SEQPACKET)
#define VS_CREDIT	(256 << 10)	/* room for data that the guest announces */

struct vs_config {
	uint64_t features;		/* 0: VS_FEATURES */
	uint64_t cid;			/* VS_CID */
	unsigned int num;		/* of both rings; 128 */
	unsigned int rx_size;		/* a receive buffer, header included; 4096 */
	unsigned int tx_size;		/* the same for transmission; 4096 */
	bool no_rx;			/* no receive buffers for now */
	bool stopped;			/* do not start it */
	bool iommu;			/* behind an IOMMU, mappings made by vs_up() */
	bool paged;			/* without one, but with one region a page */
};

#define VS_SLOTS	32		/* transmit buffers */

struct vs_slot {
	char *mem;
	bool busy;
};

struct vs_conn;

struct vs_guest {
	struct iommu m;
	struct vmm *v;			/* &m.v */
	uint64_t cid;
	unsigned int rx_size, rx_count, tx_size;
	char *rx_mem;
	char *held;			/* receive buffer that the caller looks at */
	struct vs_slot slot[VS_SLOTS];
	/* The stack. */
	pthread_t server;
	bool serving;
	volatile bool stop;
	struct vs_conn *conns;
	volatile unsigned int open;	/* connections */
	volatile unsigned int served;	/* so far */
	volatile unsigned int errors;	/* packets that must not come */
};

struct vs_packet {
	struct virtio_vsock_hdr hdr;
	const char *data;		/* until the next vs_rx() */
	uint32_t len;
};

/* ---- the device ---- */

/*
 * An address for this process alone: sockets that earlier guests have left may send a
 * last packet to theirs for seconds yet.
 */
uint64_t vs_quiet_cid(void);
int vs_set_cid(int fd, uint64_t cid);
int vs_set_running(int fd, int on);

/* Up to and with SET_RUNNING. Functions return 0 or -errno. */
int vs_up(struct vs_guest *g, const struct vs_config *c);
void vs_close(struct vs_guest *g);
/* Give all receive buffers to the device. */
int vs_post(struct vs_guest *g);

/* ---- packets ---- */

/* What the guest would send; the caller changes what he likes. */
struct virtio_vsock_hdr vs_header(const struct vs_guest *g, uint16_t type, uint16_t op,
				  uint32_t src_port, uint32_t dst_port);
/* Send a header, hdr.len as it says, and len bytes; waits for a free buffer. */
int vs_tx(struct vs_guest *g, const struct virtio_vsock_hdr *hdr, const void *data,
	  size_t len);
/* Wait until the device has given back all that was sent. */
int vs_tx_flush(struct vs_guest *g, unsigned int timeout_ms);
/*
 * The next packet. -ETIMEDOUT; -EBADMSG when lengths do not agree; -ENODATA when the
 * device gave a buffer back empty.
 */
int vs_rx(struct vs_guest *g, struct vs_packet *p, unsigned int timeout_ms);
/* The next packet with this op; others are passed over. */
int vs_expect(struct vs_guest *g, uint16_t op, struct vs_packet *p);
/* Be connected, from a guest's port to a host socket that listens. */
int vs_guest_connect(struct vs_guest *g, uint16_t type, uint32_t src_port,
		     uint32_t dst_port);
/* Accept what a host socket sends for: p is its first packet. */
int vs_guest_accept(struct vs_guest *g, struct vs_packet *p);

/* ---- a guest that accepts every connection and echoes; ports below 100 are closed ---- */

#define VS_CLOSED_PORT	99

int vs_serve(struct vs_guest *g);
void vs_serve_end(struct vs_guest *g);

/* ---- sockets of the host: descriptors or -errno ---- */

int vs_connect(int type, uint32_t cid, uint32_t port);
/* Begin to connect, do not wait. */
int vs_connect_start(int type, uint32_t cid, uint32_t port);
int vs_listen(int type, uint32_t port);
int vs_accept(int listener);
int vs_write(int fd, const void *data, size_t len);
/* All of len bytes, or what there is until the end. */
ssize_t vs_read(int fd, void *data, size_t len);
/* Write and read at the same time, and compare. */
int vs_echo(int fd, size_t len, size_t chunk, uint32_t seed);
/* The same with one message. */
int vs_echo_message(int fd, size_t len, int flags, uint32_t seed);
void vs_fill(void *data, size_t len, uint32_t seed);

#endif
