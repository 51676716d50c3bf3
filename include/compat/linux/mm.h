/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_COMPAT_MM_H
#define RINGSIDE_COMPAT_MM_H
#include_next <linux/mm.h>

/* 6.3 made the flags of a mapping something that only helpers write. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}
#endif

#endif
