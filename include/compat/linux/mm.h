/* SPDX-License-Identifier: GPL-2.0-only */
#include_next <linux/mm.h>
#include <linux/version.h>

#ifndef RINGSIDE_COMPAT_MM_H
#define RINGSIDE_COMPAT_MM_H

/* pre-6.3: flags were set by whoever has the mmap_lock; a function cannot be tested for. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}
#endif

#endif
