/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_RING_MEM_PHYS_MAP_H
#define RINGSIDE_RING_MEM_PHYS_MAP_H
/* Buffers and indirect tables through an address map that leads to physical addresses. */

#include <linux/string.h>

#include "phys.h"
#include "ring_common.h"

/* The pieces that come out are the kernel's, see devq_kvec(). */
static inline int mem_translate(struct devq *dq, u64 addr, u32 len, u32 perm, struct iovec *iov,
				unsigned int max)
{
	int n = memmap_translate(dq->set, &dq->buffers, addr, len, perm, iov, max,
				 &dq->miss.addr);
	int i;

	if (unlikely(n < 0))
		return devq_missed(dq, n, addr, len, perm);
	for (i = 0; i < n; i++) {
		void *va = devq_phys((unsigned long)iov[i].iov_base, iov[i].iov_len);

		if (unlikely(!va))
			return -EFAULT;
		iov[i].iov_base = (void __force __user *)va;
	}
	return n;
}

#define mem_can_hit	false

static inline bool mem_translate_hit(struct devq *dq, u64 addr, u32 len, u32 perm,
				     struct iovec *iov)
{
	return false;
}

static inline int mem_read_table(struct devq *dq, void *dst, u64 addr, u32 len)
{
	u64 at;

	while (len) {
		s64 part = memmap_piece(dq->set, &dq->tables, addr, len, MEMMAP_READ, &at,
					&dq->miss.addr);
		void *va;

		if (part < 0)
			return devq_missed(dq, part, addr, len, MEMMAP_READ);
		va = devq_phys(at, part);
		if (!va)
			return -EFAULT;
		memcpy(dst, va, part);
		dst += part;
		addr += part;
		len -= part;
	}
	return 0;
}

#endif
