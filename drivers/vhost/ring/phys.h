/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_RING_PHYS_H
#define RINGSIDE_RING_PHYS_H
/* Physical memory by the kernel's direct map. */

#include <linux/align.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/sizes.h>

/* Memory that a kernel knows comes in blocks of at least this size. */
#define PHYS_BLOCK	SZ_2M

static inline bool phys_mapped(u64 addr)
{
	unsigned long pfn = addr >> PAGE_SHIFT;

	return (phys_addr_t)addr == addr && pfn_valid(pfn) && !PageHighMem(pfn_to_page(pfn));
}

/**
 * devq_phys - where the kernel sees physical memory
 * @addr: first address
 * @len: bytes, at least 1
 *
 * An IOTLB leads to whatever its owner put there, which may be no memory.
 *
 * Return: the address, NULL if the direct map does not have all of it.
 */
static inline void *devq_phys(u64 addr, u64 len)
{
	u64 last = addr + len - 1, at = addr;

	if (last < addr || !phys_mapped(last))
		return NULL;
	for (;;) {
		if (!phys_mapped(at))
			return NULL;
		at = ALIGN_DOWN(at, PHYS_BLOCK);
		if (last - at < PHYS_BLOCK)
			return phys_to_virt(addr);
		at += PHYS_BLOCK;
	}
}

#endif
