/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Backends for vhost-net in a network namespace of the test's own, and the far
 * end of each: what the guest sends comes out at the peer and the other way.
 * Only frames of one private ethertype are looked at, so that the kernel's own
 * chatter on an interface does not disturb a test.
 */
#ifndef RINGSIDE_LIBNET_H
#define RINGSIDE_LIBNET_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NET_ETHERTYPE	0x88b5	/* IEEE: for local experiments */
#define NET_ETH_HLEN	14

enum net_kind {
	NET_TAP,	/* peer: packet socket on the tap interface itself */
	NET_MACVTAP,	/* on one end of a veth pair, peer on the other end */
	NET_PACKET,	/* raw packet socket on one end of a veth pair, likewise */
};

struct net_backend {
	enum net_kind kind;
	int fd;				/* for VHOST_NET_SET_BACKEND */
	int peer;			/* packet socket at the far end */
	char name[IFNAMSIZ];		/* the tap, macvtap or backend veth */
	char peer_name[IFNAMSIZ];	/* interface the peer socket is bound to */
};

/*
 * Be in a network (and mount) namespace without interfaces, with a fitting /sys: that of
 * the program as long as no test left anything in it, else a fresh one.
 */
int net_ns_enter(void);
/* Be where the program was started: the vdpa family of netlink is only there. */
int net_ns_first(void);

/*
 * hdr_len: size of the virtio-net header the backend itself handles; 0 when vhost
 * does (VHOST_NET_F_VIRTIO_NET_HDR). A packet socket takes 0 only.
 * -ENODEV and friends when the kernel lacks the driver.
 */
int net_backend_open(struct net_backend *b, enum net_kind kind, unsigned int hdr_len);
void net_backend_close(struct net_backend *b);
/* Another fd on a tap of the same name is not possible; this makes a new interface. */
int net_tap_open(char name[IFNAMSIZ], unsigned int hdr_len);

int net_link_up(const char *name);
int net_link_down(const char *name);
int net_link_mtu(const char *name, unsigned int mtu);
int net_link_del(const char *name);
/* Make a bridge of two interfaces; it is up when this returns. */
int net_bridge(const char *a, const char *b);

/* Frames include the Ethernet header. Return the length or -errno. */
int net_peer_send(struct net_backend *b, const void *frame, size_t len);
int net_peer_recv(struct net_backend *b, void *frame, size_t room, unsigned int timeout_ms);
/* Throw away what is waiting at the peer; returns how many frames. */
unsigned int net_peer_drain(struct net_backend *b);

/*
 * A frame of len bytes (>= NET_ETH_HLEN) to everybody, its payload a function of
 * seed and position. net_frame_check() returns 0, or -EBADMSG and in *at the
 * first byte that differs (at may be NULL).
 */
void net_frame_fill(void *frame, size_t len, uint32_t seed);
int net_frame_check(const void *frame, size_t len, uint32_t seed, size_t *at);

#endif
