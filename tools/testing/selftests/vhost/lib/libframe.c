// SPDX-License-Identifier: GPL-2.0-only
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "libframe.h"

#define MAX_PIECES	2048
#define BYTES_PIECES	100

/* Length of the next piece. */
static size_t piece_len(const struct vmm *v, enum frame_shape shape, size_t at, size_t left)
{
	size_t want = left;

	switch (shape) {
	case SHAPE_ONE:
		break;
	case SHAPE_HEADER:
		want = at < v->hdr_len ? v->hdr_len - at : left;
		break;
	case SHAPE_ACROSS:
		want = at < 5 ? 5 : at < 40 ? 35 : left;
		break;
	case SHAPE_SMALL:
		want = 61;
		break;
	case SHAPE_BYTES:
		want = at < BYTES_PIECES ? 1 : left;
		break;
	case SHAPE_COUNT:
		break;
	}
	return want < left ? want : left;
}

int frame_add(struct vmm *v, unsigned int index, char *buf, size_t len,
	      enum frame_shape shape, bool write, bool indirect)
{
	static __thread struct drv_buf bufs[MAX_PIECES];
	struct drv_ring *r = &v->vq[index].ring;
	unsigned int n = 0;
	size_t at, piece;
	void *table;

	for (at = 0; at < len; at += piece) {
		if (n == MAX_PIECES)
			return -E2BIG;
		piece = piece_len(v, shape, at, len - at);
		bufs[n++] = (struct drv_buf) {
			.gpa = vmm_gpa(v, buf + at), .len = piece, .write = write,
		};
	}
	if (!indirect)
		return drv_ring_add(r, bufs, n, buf);
	table = vmm_alloc(v, n * sizeof(struct vring_desc), 16);
	if (!table)
		return -ENOSPC;
	return drv_ring_add_indirect(r, bufs, n, table, vmm_gpa(v, table), buf);
}

static uint32_t sum16(const void *data, size_t len, uint32_t sum)
{
	const uint8_t *p = data;
	size_t i;

	for (i = 0; i + 1 < len; i += 2)
		sum += p[i] << 8 | p[i + 1];
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

void frame_gso_fill(void *frame, size_t len, uint32_t seed, bool gso,
		    struct virtio_net_hdr *hdr)
{
	struct ethhdr *eth = frame;
	struct iphdr *ip = (void *)(eth + 1);
	struct tcphdr *tcp = (void *)(ip + 1);
	size_t tcp_len = len - sizeof(*eth) - sizeof(*ip);

	net_frame_fill(frame, len, seed);
	eth->h_proto = htons(ETH_P_IP);
	memset(ip, 0, sizeof(*ip) + sizeof(*tcp));
	*ip = (struct iphdr) {
		.version = 4, .ihl = 5, .tot_len = htons(len - sizeof(*eth)),
		.ttl = 64, .protocol = IPPROTO_TCP,
		.saddr = htonl(0x0a000001), .daddr = htonl(0x0a000002),
	};
	ip->check = htons(~fold(sum16(ip, sizeof(*ip), 0)));
	*tcp = (struct tcphdr) {
		.source = htons(1000), .dest = htons(2000), .seq = htonl(seed),
		.doff = 5, .ack = 1, .psh = 1, .window = htons(65535),
	};
	/* Whoever fills in the checksum finds the sum of the pseudo header there. */
	tcp->check = htons(fold(sum16(&ip->saddr, 8, IPPROTO_TCP + tcp_len)));
	*hdr = (struct virtio_net_hdr) {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = gso ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_NONE,
		.hdr_len = gso ? FRAME_TCP_HLEN : 0,
		.gso_size = gso ? FRAME_MSS : 0,
		.csum_start = sizeof(*eth) + sizeof(*ip),
		.csum_offset = offsetof(struct tcphdr, check),
	};
}

int frame_gso_check(const void *frame, size_t len, uint32_t seed)
{
	static __thread unsigned char want[1 << 16];
	struct virtio_net_hdr hdr;

	frame_gso_fill(want, len, seed, true, &hdr);
	return memcmp(frame, want, len) ? -EBADMSG : 0;
}

int frame_socket(const char *ifname)
{
	struct sockaddr_ll a = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_IP),
		.sll_ifindex = if_nametoindex(ifname),
	};
	int fd, ret, one = 1, room = 4 << 20;

	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&a, sizeof(a))) {
		ret = -errno;
		close(fd);
		return ret;
	}
	return fd;
}

int frame_offloads_on(int tap_fd)
{
	return ioctl(tap_fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) ? -errno : 0;
}
