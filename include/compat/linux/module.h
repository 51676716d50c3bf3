/* SPDX-License-Identifier: GPL-2.0-only */
#include_next <linux/module.h>
#include <linux/version.h>

#ifndef RINGSIDE_COMPAT_MODULE_H
#define RINGSIDE_COMPAT_MODULE_H

/* pre-6.13: as in export.h, the namespace was a bare word. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
#undef MODULE_IMPORT_NS
#define MODULE_IMPORT_NS(ns) MODULE_INFO(import_ns, ns)
#endif

#endif
