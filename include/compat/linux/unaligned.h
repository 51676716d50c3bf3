/* SPDX-License-Identifier: GPL-2.0-only */
/* pre-6.12: the same helpers lived in asm/ (sparse has no __has_include_next). */
#include <linux/version.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#include_next <linux/unaligned.h>
#else
#include <asm/unaligned.h>
#endif
