/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_RING_MEM_MAP_H
#define RINGSIDE_RING_MEM_MAP_H
/* Buffers and indirect tables through an address map, for the memory flavours that have one. */

#include <linux/align.h>
#include <linux/uaccess.h>

#include "ring_common.h"

#define mem_can_hit	true

static __always_inline bool mem_translate_hit(struct devq *dq, u64 addr, u32 len, u32 perm,
					      struct iovec *iov)
{
	return memmap_translate_hit(dq->set, &dq->buffers, addr, len, perm, iov) ||
	       memmap_translate_hint(dq->set, &dq->buffers, addr, len, perm, iov);
}

/* After mem_translate_hit() did not help. */
static inline int mem_translate(struct devq *dq, u64 addr, u32 len, u32 perm, struct iovec *iov,
				unsigned int max)
{
	int n = memmap_translate_slow(dq->set, &dq->buffers, addr, len, perm, iov, max,
				      &dq->miss.addr);

	return likely(n >= 0) ? n : devq_missed(dq, n, addr, len, perm);
}

/* A table that is where tables have to be; false also if it cannot be read. */
static __always_inline bool mem_copy_table(u64 *dst, const u64 __user *src, u32 len)
{
	u32 i;

	if (!IS_ALIGNED((unsigned long)src, sizeof(*src)) || !user_read_access_begin(src, len))
		return false;
	for (i = 0; i < len / sizeof(*src); i++)
		unsafe_get_user(dst[i], &src[i], fault);
	user_read_access_end();
	return true;

fault:
	user_read_access_end();
	return false;
}

/* @len is a multiple of the size of a descriptor. */
static __always_inline int mem_read_table(struct devq *dq, void *dst, u64 addr, u32 len)
{
	struct iovec iov;
	int err;

	if (likely(memmap_translate_hit(dq->set, &dq->tables, addr, len, MEMMAP_READ, &iov)) &&
	    likely(mem_copy_table(dst, iov.iov_base, len)))
		return 0;
	err = memmap_read(dq->set, &dq->tables, dst, addr, len, &dq->miss.addr);
	return likely(!err) ? 0 : devq_missed(dq, err, addr, len, MEMMAP_READ);
}

#endif
