/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_RING_AREA_H
#define RINGSIDE_RING_AREA_H
/* Single words of a ring's areas: indices, flags, event indices. */

#include "ring_common.h"

/* Include after a memory flavour. All return 0 or -EIO. */

static inline int area_read16(struct devq *dq, u64 addr, u16 *val)
{
	u16 raw;

	if (!mem_read_begin(addr, sizeof(raw)))
		goto bad;
	mem_get(raw, u16, addr, fault);
	mem_read_end();
	*val = devq16(dq, raw);
	return 0;

fault:
	mem_read_end();
bad:
	return devq_fail(dq, DEVQ_E_FAULT);
}

static inline int area_write16(struct devq *dq, u64 addr, u16 val)
{
	u16 raw = devq16(dq, val);

	if (!mem_write_begin(addr, sizeof(raw)))
		goto bad;
	mem_put(raw, u16, addr, fault);
	mem_write_end();
	return unlikely(dq->log.ring) ? devq_log_ring(dq, addr, sizeof(raw)) : 0;

fault:
	mem_write_end();
bad:
	return devq_fail(dq, DEVQ_E_FAULT);
}

static inline int area_read32(struct devq *dq, u64 addr, u32 *val)
{
	u32 raw;

	if (!mem_read_begin(addr, sizeof(raw)))
		goto bad;
	mem_get(raw, u32, addr, fault);
	mem_read_end();
	*val = devq32(dq, raw);
	return 0;

fault:
	mem_read_end();
bad:
	return devq_fail(dq, DEVQ_E_FAULT);
}

static inline int area_write32(struct devq *dq, u64 addr, u32 val)
{
	u32 raw = devq32(dq, val);

	if (!mem_write_begin(addr, sizeof(raw)))
		goto bad;
	mem_put(raw, u32, addr, fault);
	mem_write_end();
	return unlikely(dq->log.ring) ? devq_log_ring(dq, addr, sizeof(raw)) : 0;

fault:
	mem_write_end();
bad:
	return devq_fail(dq, DEVQ_E_FAULT);
}

#endif
