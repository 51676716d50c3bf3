/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Buffers cut into pieces in every way a driver may, and frames with offloads,
 * which carry a virtio-net header of their own through a peer.
 */
#ifndef RINGSIDE_LIBFRAME_H
#define RINGSIDE_LIBFRAME_H

#include <linux/virtio_net.h>

#include "libvmm.h"

/* How header and frame lie in the descriptors of a chain. */
enum frame_shape {
	SHAPE_ONE,		/* all in one */
	SHAPE_HEADER,		/* the header has its own, as legacy drivers have to */
	SHAPE_ACROSS,		/* borders within the header and within the frame */
	SHAPE_SMALL,		/* pieces of 61 bytes */
	SHAPE_BYTES,		/* pieces of one byte, then the rest */
	SHAPE_COUNT,
};

/*
 * Enter a chain for the len bytes at buf, the first hdr_len of which are the
 * header. In an indirect table (allocated from guest memory) if asked for.
 * Not published. Returns the id or -errno.
 */
int frame_add(struct vmm *v, unsigned int index, char *buf, size_t len,
	      enum frame_shape shape, bool write, bool indirect);

/* Frame that frame_gso_fill() makes: Ethernet, IPv4, TCP, then the pattern. */
#define FRAME_TCP_HLEN	54
#define FRAME_MSS	1448

/*
 * A TCP segment of len bytes in all and the header that asks for its checksum to
 * be filled in and, if gso is set, for it to be cut.
 */
void frame_gso_fill(void *frame, size_t len, uint32_t seed, bool gso,
		    struct virtio_net_hdr *hdr);
/* 0 or -EBADMSG for a frame with its checksum not filled in. */
int frame_gso_check(const void *frame, size_t len, uint32_t seed);

/*
 * A packet socket that sends and receives such frames, each behind its struct
 * virtio_net_hdr. -errno on failure.
 */
int frame_socket(const char *ifname);
/* Let a tap hand over frames with offloads as they are. */
int frame_offloads_on(int tap_fd);

#endif
