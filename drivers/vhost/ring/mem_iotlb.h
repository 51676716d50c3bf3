/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_RING_MEM_IOTLB_H
#define RINGSIDE_RING_MEM_IOTLB_H
/*
 * Memory flavour "iotlb": the ring's areas lie at I/O virtual addresses and in
 * several pieces, so that each word is looked up by itself. Rings in one piece
 * are translated as a whole and accessed by flavour "user". That all of an area
 * is mapped, and how, has been seen to when the turn began, see devq_resolve().
 */

#include <linux/mm.h>
#include <linux/uaccess.h>

#include "mem_map.h"

/* Where a word lies; false if a hostile map has its bytes in different places. */
static inline bool iotlb_word(struct devq *dq, u64 addr, u64 len, u64 *hva)
{
	struct memmap_cache *cache = &dq->pages[(addr >> PAGE_SHIFT) % DEVQ_PAGES];
	struct iovec iov[2];

	if (memmap_translate(dq->ring_set, cache, addr, len, 0, iov, 2, &dq->miss.addr) != 1)
		return false;
	*hva = (unsigned long)iov->iov_base;
	return true;
}

#define mem_read_begin(addr, len)	true
#define mem_read_end()			do { } while (0)
#define mem_get(val, type, addr, fault)						\
	do {									\
		u64 __addr = (addr), __hva;					\
		type __val;							\
										\
		if (!iotlb_word(dq, __addr, sizeof(type), &__hva) ||		\
		    get_user(__val, (type __user *)(unsigned long)__hva))	\
			goto fault;						\
		(val) = __val;							\
	} while (0)

#define mem_write_begin(addr, len)	true
#define mem_write_end()			do { } while (0)
#define mem_put(val, type, addr, fault)						\
	do {									\
		u64 __addr = (addr), __hva;					\
										\
		if (!iotlb_word(dq, __addr, sizeof(type), &__hva) ||		\
		    put_user((type)(val), (type __user *)(unsigned long)__hva))	\
			goto fault;						\
	} while (0)

static inline bool mem_area_ok(u64 addr, u64 len)
{
	return true;
}

#endif
