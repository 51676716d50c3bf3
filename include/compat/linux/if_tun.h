/* SPDX-License-Identifier: GPL-2.0-only */
#include_next <linux/if_tun.h>
#include <linux/version.h>

#ifndef RINGSIDE_COMPAT_IF_TUN_H
#define RINGSIDE_COMPAT_IF_TUN_H

#include <net/xdp.h>

/*
 * pre-7.0: a batched frame began with struct tun_xdp_hdr, which held the size of
 * its buffer in front of the virtio-net header. The preprocessor can name neither
 * a struct nor a function, hence the number.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
#define COMPAT_TUN_HDR_ROOM	offsetof(struct tun_xdp_hdr, gso)

static inline void compat_tun_set_frame_size(struct xdp_buff *xdp)
{
	((struct tun_xdp_hdr *)xdp->data_hard_start)->buflen = xdp->frame_sz;
}

/* pre-7.0: a tap did not stop its queue when its ring was full, it dropped. */
static inline void tun_wake_queue(struct file *file, int consumed)
{
}
#else
#define COMPAT_TUN_HDR_ROOM	0

static inline void compat_tun_set_frame_size(struct xdp_buff *xdp)
{
}
#endif

#endif
