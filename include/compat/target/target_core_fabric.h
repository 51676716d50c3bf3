/* SPDX-License-Identifier: GPL-2.0-only */
#include_next <target/target_core_fabric.h>
#include <linux/version.h>

#ifndef RINGSIDE_COMPAT_TARGET_CORE_FABRIC_H
#define RINGSIDE_COMPAT_TARGET_CORE_FABRIC_H

/*
 * How a fabric has commands submitted and completed if the device does not say: on the
 * target core's own work queues; others are possible.
 *
 * pre-6.7: target_submit() ran a command where it was called, there was another
 * function for the work queue. pre-7.0: completion was always from there.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
#define COMPAT_TARGET_FABRIC_QUEUES				\
	.default_compl_type = TARGET_QUEUE_COMPL,		\
	.direct_compl_supp = 1,					\
	.default_submit_type = TARGET_QUEUE_SUBMIT,		\
	.direct_submit_supp = 1
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
#define COMPAT_TARGET_FABRIC_QUEUES				\
	.default_submit_type = TARGET_QUEUE_SUBMIT,		\
	.direct_submit_supp = 1
#else
#define COMPAT_TARGET_FABRIC_QUEUES				\
	.write_pending_must_be_called = false
#define target_submit		target_queue_submission
#endif

#endif
