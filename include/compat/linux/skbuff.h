/* SPDX-License-Identifier: GPL-2.0-only */
#include_next <linux/skbuff.h>
#include <linux/version.h>

#ifndef RINGSIDE_COMPAT_SKBUFF_H
#define RINGSIDE_COMPAT_SKBUFF_H

/*
 * pre-6.10: whoever lends memory to a packet is told by a pointer to a function. A
 * struct's member has no name to test.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
struct ubuf_info_ops {
	void (*complete)(struct sk_buff *skb, struct ubuf_info *ubuf, bool success);
};

static inline void compat_ubuf_set_ops(struct ubuf_info *ubuf, const struct ubuf_info_ops *ops)
{
	ubuf->callback = ops->complete;
}
#else
static inline void compat_ubuf_set_ops(struct ubuf_info *ubuf, const struct ubuf_info_ops *ops)
{
	ubuf->ops = ops;
}
#endif

#endif
