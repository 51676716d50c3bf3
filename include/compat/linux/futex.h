/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_COMPAT_FUTEX_H
#define RINGSIDE_COMPAT_FUTEX_H

/* Before 6.16 the header uses mutexes without saying so. */
#include <linux/mutex.h>

#include_next <linux/futex.h>

#endif
