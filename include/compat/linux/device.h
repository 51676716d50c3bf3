/* SPDX-License-Identifier: GPL-2.0-only */
#include_next <linux/device.h>
#include <linux/version.h>

#ifndef RINGSIDE_COMPAT_DEVICE_H
#define RINGSIDE_COMPAT_DEVICE_H

/*
 * pre-6.11: a bus could change the driver it matched, and was itself changed by the
 * driver core. Arguments have no name to test.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)
#define COMPAT_MATCH_DRIVER	struct device_driver
#define COMPAT_BUS_TYPE		struct bus_type
#else
#define COMPAT_MATCH_DRIVER	const struct device_driver
#define COMPAT_BUS_TYPE		const struct bus_type
#endif

#endif
