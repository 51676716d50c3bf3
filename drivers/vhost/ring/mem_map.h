/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_RING_MEM_MAP_H
#define RINGSIDE_RING_MEM_MAP_H
/* Buffers and indirect tables through an address map, for the memory flavours that have one. */

#include "ring_common.h"

static inline int mem_translate(struct devq *dq, u64 addr, u32 len, u32 perm, struct iovec *iov,
				unsigned int max)
{
	int n = memmap_translate(dq->set, &dq->buffers, addr, len, perm, iov, max,
				 &dq->miss.addr);

	return likely(n >= 0) ? n : devq_missed(dq, n, addr, len, perm);
}

static inline int mem_read_table(struct devq *dq, void *dst, u64 addr, u32 len)
{
	int err = memmap_read(dq->set, &dq->tables, dst, addr, len, &dq->miss.addr);

	return likely(!err) ? 0 : devq_missed(dq, err, addr, len, MEMMAP_READ);
}

#endif
