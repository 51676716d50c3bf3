/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Simulators for tests: counters, and a network card's frames
 * and commands on top of struct vdpa.
 */
#ifndef RINGSIDE_LIBSIM_H
#define RINGSIDE_LIBSIM_H

#include <linux/virtio_net.h>
#include <sys/types.h>

#include "libvdpa.h"

#define NET_RX		0
#define NET_TX		1
#define NET_CTRL	2	/* of a driver that knows of one pair */

/* Feature bits of a network card and of a disk, by number. */
#define SIM_F_MTU		BIT64(3)
#define SIM_F_MAC		BIT64(5)
#define SIM_F_STATUS		BIT64(16)
#define SIM_F_CTRL_VQ		BIT64(17)
#define SIM_F_CTRL_RX		BIT64(18)
#define SIM_F_CTRL_VLAN		BIT64(19)
#define SIM_F_CTRL_RX_EXTRA	BIT64(20)
#define SIM_F_MQ		BIT64(22)
#define SIM_F_CTRL_MAC_ADDR	BIT64(23)
#define SIM_F_BLK_RO		BIT64(5)
#define SIM_F_BLK_MQ		BIT64(12)
#define SIM_F_BLK_DISCARD	BIT64(13)
#define SIM_F_BLK_ZEROES	BIT64(14)
/* What a driver of the default card takes. */
#define SIM_F_NET	(VDPA_F_BASE | SIM_F_MAC | SIM_F_MTU | SIM_F_STATUS | SIM_F_CTRL_VQ | \
			 SIM_F_CTRL_MAC_ADDR)

/* A queue's counter by its name, or -errno. */
long sim_counter(struct vdpa_dev *d, unsigned int queue, const char *name);

/* Do devices use memory by user addresses? */
bool sim_use_va(void);

/* ---- frames; all buffers in guest memory begin with the header ---- */

#define SIM_HDR		12	/* struct virtio_net_hdr_v1 */
#define SIM_FRAME	1514
#define SIM_BUF		(SIM_HDR + SIM_FRAME)

extern const uint8_t sim_mac[6], sim_mac_other[6], sim_mac_all[6], sim_mac_multi[6];

/* len bytes of frame to dst, behind a header. */
void sim_frame(char *buf, const uint8_t *dst, size_t len, uint32_t seed);
/* 0 if buf holds what sim_frame() makes, and a header as the card writes it. */
int sim_frame_check(const char *buf, const uint8_t *dst, size_t len, uint32_t seed);
/* Give the card a receive buffer; it is the cookie. */
int sim_rx_add(struct vdpa *v, unsigned int pair, char *buf, size_t len);
/*
 * Send a frame and wait until it was taken. 0 or -errno; the length that came back is
 * -EPROTO unless it is 0.
 */
int sim_send(struct vdpa *v, unsigned int pair, char *buf, size_t len);
/* Frames that have come in and were not fetched, in units of used entries. */
bool sim_received(struct vdpa *v, unsigned int pair);
/*
 * Send a frame and see whether it comes back: 1 and right, 0 if not, -errno. One
 * receive buffer is added, and taken by the frame or left.
 */
int sim_echo(struct vdpa *v, unsigned int pair, const uint8_t *dst, size_t len, uint32_t seed);

/* A control command: its answer, or -errno; -EPROTO if the length is not 1. */
int sim_command(struct vdpa *v, unsigned int queue, uint8_t class, uint8_t cmd,
		const void *data, size_t len);

#endif
