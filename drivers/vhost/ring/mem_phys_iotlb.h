/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_RING_MEM_PHYS_IOTLB_H
#define RINGSIDE_RING_MEM_PHYS_IOTLB_H
/*
 * Memory flavour "phys_iotlb": as "phys", for rings whose areas lie in several
 * pieces of physical memory, so that each word is looked up by itself.
 */

#include "mem_phys_map.h"

/* Where a word lies; NULL if it is in two places, or in none the kernel sees. */
static inline void *phys_word(struct devq *dq, u64 addr, u64 len)
{
	struct memmap_cache *cache = &dq->pages[(addr >> PAGE_SHIFT) % DEVQ_PAGES];
	struct iovec iov[2];

	if (memmap_translate(dq->ring_set, cache, addr, len, 0, iov, 2, &dq->miss.addr) != 1)
		return NULL;
	return devq_phys((unsigned long)iov->iov_base, len);
}

#define mem_read_begin(addr, len)	true
#define mem_read_end()			do { } while (0)
#define mem_get(val, type, addr, fault)						\
	do {									\
		type *__at = phys_word(dq, (addr), sizeof(type));		\
										\
		if (!__at)							\
			goto fault;						\
		(val) = READ_ONCE(*__at);					\
	} while (0)

#define mem_write_begin(addr, len)	true
#define mem_write_end()			do { } while (0)
#define mem_put(val, type, addr, fault)						\
	do {									\
		type *__at = phys_word(dq, (addr), sizeof(type));		\
										\
		if (!__at)							\
			goto fault;						\
		WRITE_ONCE(*__at, val);						\
	} while (0)

static inline bool mem_area_ok(u64 addr, u64 len)
{
	return true;
}

#endif
