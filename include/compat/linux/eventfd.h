/* SPDX-License-Identifier: GPL-2.0-only */
#include_next <linux/eventfd.h>
#include <linux/version.h>

#ifndef RINGSIDE_COMPAT_EVENTFD_H
#define RINGSIDE_COMPAT_EVENTFD_H

/* pre-6.8: the count to add was an argument; a signature has no name to test. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
static inline void compat_eventfd_signal(struct eventfd_ctx *ctx)
{
	eventfd_signal(ctx, 1);
}

#define eventfd_signal(ctx) compat_eventfd_signal(ctx)
#endif

#endif
