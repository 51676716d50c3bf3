/* SPDX-License-Identifier: GPL-2.0-only */
#include_next <linux/kthread.h>

#ifndef RINGSIDE_COMPAT_KTHREAD_H
#define RINGSIDE_COMPAT_KTHREAD_H

/* pre-6.14: a worker ran as soon as it was created. */
#ifndef kthread_run_worker
#define kthread_run_worker kthread_create_worker
#endif

#endif
