/* SPDX-License-Identifier: GPL-2.0-only */
#include_next <linux/virtio_net.h>

#ifndef RINGSIDE_COMPAT_VIRTIO_NET_H
#define RINGSIDE_COMPAT_VIRTIO_NET_H

#include <linux/if_tun.h>

/* pre-6.17: no offloads for packets in UDP tunnels, nor the header that describes them. */
#ifndef VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO
#define VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO	65
#define VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO	67

struct virtio_net_hdr_v1_hash_tunnel {
	struct virtio_net_hdr_v1_hash hash_hdr;
	__le16 outer_th_offset;
	__le16 inner_nh_offset;
};
#endif

/* It is the tap that acts on that header: it says so with an offload of its own. */
#ifdef TUN_F_UDP_TUNNEL_GSO
#define COMPAT_TUN_UDP_TUNNEL	1
#else
#define COMPAT_TUN_UDP_TUNNEL	0
#endif

#endif
