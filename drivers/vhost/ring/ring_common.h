/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_RING_COMMON_H
#define RINGSIDE_RING_COMMON_H
/*
 * How the engine is put together. One source file for each pair of a layout
 * and a memory flavour, six lines long:
 *
 *	#include "mem_user.h"		the memory flavour
 *	#include "split.h"		the layout, written over mem_*()
 *	#include "template.h"		makes the struct devq_ops
 *	DEVQ_DEFINE_OPS(split, user);
 *
 * A memory flavour provides, as inlines or macros:
 *
 *	mem_read_begin(addr, len), mem_read_end()
 *		open and close a window for reading [addr, addr + len) of an
 *		area. Between them nothing may be called but mem_get(). False if
 *		the range can never be accessed.
 *	mem_get(val, type, addr, label)
 *		read an aligned integer, once; on a fault go to label, which has
 *		to close the window
 *	mem_write_begin(addr, len), mem_write_end(), mem_put(val, type, addr, label)
 *		the same for writing
 *	mem_area_ok(addr, len)
 *		can this be an area of a ring? It does not wrap
 *	mem_translate(dq, addr, len, perm, iov, max)
 *		pieces of a buffer: how many; -EFAULT or -EPERM if it is not
 *		mapped so, -EAGAIN if the device IOTLB does not know it yet,
 *		-ENOBUFS if @max is too small
 *	mem_translate_hit(dq, addr, len, perm, iov)
 *		the same for a buffer that is one piece and can be translated without
 *		a lookup: false if that cannot be told, or if it is empty
 *	mem_can_hit
 *		constant: does the former ever say true?
 *	mem_read_table(dq, dst, addr, len)
 *		copy part of an indirect table: 0, -EFAULT, -EPERM, -EAGAIN, or
 *		-EIO if it cannot be read
 *
 * The macros among them may use dq, the queue.
 *
 * A layout provides <layout>_extents, _start, _pop, _unpop, _push,
 * _want_signal, _enable_kick, _disable_kick and _pending with the prototypes of
 * struct devq_ops.
 */

#include <linux/virtio_byteorder.h>

#include "ring_internal.h"

/* Is the ring's byte order ours, so that nothing needs to be swapped? */
static __always_inline bool devq_native(const struct devq *dq)
{
	return dq->little_endian == virtio_legacy_is_little_endian();
}

static __always_inline u16 devq16(const struct devq *dq, u16 val)
{
	return __virtio16_to_cpu(dq->little_endian, (__force __virtio16)val);
}

static __always_inline u32 devq32(const struct devq *dq, u32 val)
{
	return __virtio32_to_cpu(dq->little_endian, (__force __virtio32)val);
}

static __always_inline u64 devq64(const struct devq *dq, u64 val)
{
	return __virtio64_to_cpu(dq->little_endian, (__force __virtio64)val);
}

/*
 * Does buffer @i of @n go without a used entry, or descriptor? In order there is
 * one for a batch: it names the last buffer and stands where that of the first
 * would. The driver takes those that have none for used in full (virtio 1.3,
 * 2.7.9 and 2.8.9).
 */
static inline bool devq_used_skipped(const struct devq *dq, const struct devq_used *used,
				     unsigned int i, unsigned int n)
{
	return dq->in_order && used[i].full && i + 1 < n;
}

#endif
