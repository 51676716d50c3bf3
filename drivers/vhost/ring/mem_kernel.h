/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_RING_MEM_KERNEL_H
#define RINGSIDE_RING_MEM_KERNEL_H
/*
 * Memory flavour "kernel": areas, buffers and tables at kernel addresses, the
 * latter two within devq.kmem_first and kmem_last. For the engine's own tests;
 * an area at address 0 stands for memory that faults.
 */

#include <linux/string.h>

#include "devq.h"

#define mem_read_begin(addr, len)	((addr) != 0)
#define mem_read_end()			do { } while (0)
#define mem_get(val, type, addr, fault)						\
	do {									\
		if (!(addr))							\
			goto fault;						\
		(val) = READ_ONCE(*(type *)(unsigned long)(addr));		\
	} while (0)

#define mem_write_begin(addr, len)	((addr) != 0)
#define mem_write_end()			do { } while (0)
#define mem_put(val, type, addr, fault)						\
	do {									\
		if (!(addr))							\
			goto fault;						\
		WRITE_ONCE(*(type *)(unsigned long)(addr), val);		\
	} while (0)

static inline bool mem_area_ok(u64 addr, u64 len)
{
	return addr;
}

static inline bool kmem_has(const struct devq *dq, u64 addr, u32 len)
{
	u64 room = dq->kmem_last - dq->kmem_first;
	u64 off = addr - dq->kmem_first;

	return off <= room && len - 1ULL <= room - off;
}

static inline int mem_translate(struct devq *dq, u64 addr, u32 len, u32 perm, struct iovec *iov,
				unsigned int max)
{
	if (!len)
		return 0;
	if (!kmem_has(dq, addr, len))
		return -EFAULT;
	if (!max)
		return -ENOBUFS;
	iov->iov_base = u64_to_user_ptr(addr);
	iov->iov_len = len;
	return 1;
}

#define mem_can_hit	false

static inline bool mem_translate_hit(struct devq *dq, u64 addr, u32 len, u32 perm,
				     struct iovec *iov)
{
	return false;
}

static inline int mem_read_table(struct devq *dq, void *dst, u64 addr, u32 len)
{
	if (!kmem_has(dq, addr, len))
		return -EFAULT;
	memcpy(dst, (void *)(unsigned long)addr, len);
	return 0;
}

#endif
