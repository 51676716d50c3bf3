/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fail the 1st, 2nd, 3rd ... allocation or user copy of a call, until it meets none any
 * more. Needs a kernel with fault injection (CONFIG_FAULT_INJECTION_DEBUG_FS).
 */
#ifndef RINGSIDE_LIBFAIL_H
#define RINGSIDE_LIBFAIL_H

#include <stdbool.h>

/*
 * Let the injected failures hit every allocation of this task, without a backtrace.
 * 0, or -ENOENT in a kernel without.
 */
int fail_ready(void);
/* /proc/self/fail-nth of this thread, for the others; -errno. */
int fail_open(void);
/* The same of the kernel's thread that makes the others, for failures to make a thread. */
int fail_open_kthreadd(void);
/* The nth failure from here on is to happen; 0: none. May be hit itself: -errno then. */
int fail_arm(int fd, unsigned int nth);
/* Was the failure used up since? What is left over may hit our own reading of it. */
bool fail_met(int fd);

#endif
