/* SPDX-License-Identifier: GPL-2.0-only */
/* First: it includes us, and the kernel's header includes it before it is done. */
#include <linux/linkage.h>
#include_next <linux/export.h>
#include <linux/version.h>

#ifndef RINGSIDE_COMPAT_EXPORT_H
#define RINGSIDE_COMPAT_EXPORT_H

/*
 * pre-6.13: the namespace was a bare word that the macro quoted. No name tells
 * the two forms apart, hence the number.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)

#undef EXPORT_SYMBOL_NS
#undef EXPORT_SYMBOL_NS_GPL
#define EXPORT_SYMBOL_NS(sym, ns) __EXPORT_SYMBOL(sym, "", ns)

/* pre-6.4: the licence was the suffix of a section's name. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
#define EXPORT_SYMBOL_NS_GPL(sym, ns) __EXPORT_SYMBOL(sym, "_gpl", ns)
#else
#define EXPORT_SYMBOL_NS_GPL(sym, ns) __EXPORT_SYMBOL(sym, "GPL", ns)
#endif

#endif

#endif
