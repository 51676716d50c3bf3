/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_DEVQ_STATS_H
#define RINGSIDE_DEVQ_STATS_H
/* How a queue fares: what it has done, and why it broke. */

#include <linux/compiler.h>
#include <linux/types.h>

/**
 * enum devq_error - why a queue is broken
 * @DEVQ_OK: it is not
 * @DEVQ_E_AVAIL: the driver made more buffers available than the ring holds
 * @DEVQ_E_HEAD: a head index at or above the queue size
 * @DEVQ_E_NEXT: a next index at or above the size of its table
 * @DEVQ_E_LOOP: more descriptors linked than the table has
 * @DEVQ_E_ORDER: a device-readable descriptor behind a device-writable one
 * @DEVQ_E_NESTED: an indirect descriptor in an indirect table
 * @DEVQ_E_TABLE: an indirect table that is empty, too long, not made of whole
 *	descriptors, or followed by a further descriptor
 * @DEVQ_E_LENGTH: a chain of more than 2^32 - 1 bytes
 * @DEVQ_E_SEGMENTS: a chain in more than DEVQ_CHAIN_SEGS pieces
 * @DEVQ_E_UNMAPPED: a buffer or indirect table outside of the memory map
 * @DEVQ_E_FAULT: the ring itself cannot be accessed
 * @DEVQ_E_ACCESS: the device IOTLB forbids the access
 * @DEVQ_E_LOG: the dirty log cannot be written
 * @DEVQ_E_FORMAT: a chain the device has no use for, reported by the device
 */
enum devq_error {
	DEVQ_OK,
	DEVQ_E_AVAIL,
	DEVQ_E_HEAD,
	DEVQ_E_NEXT,
	DEVQ_E_LOOP,
	DEVQ_E_ORDER,
	DEVQ_E_NESTED,
	DEVQ_E_TABLE,
	DEVQ_E_LENGTH,
	DEVQ_E_SEGMENTS,
	DEVQ_E_UNMAPPED,
	DEVQ_E_FAULT,
	DEVQ_E_ACCESS,
	DEVQ_E_LOG,
	DEVQ_E_FORMAT,
};

/**
 * struct devq_stats - what a queue has done since devq_init()
 * @pops: batches popped
 * @buffers: chains popped, without those that were given back unused
 * @read: device-readable bytes of these
 * @pushes: batches pushed
 * @used: buffers pushed
 * @written: bytes written to these
 * @signals: batches that the driver wanted to hear of
 * @errors: times the queue broke, or could not be started as its ring was not there
 * @last_error: why, the last time
 *
 * Written only by who serves the queue, once for each batch; anybody may look by
 * READ_ONCE(). What is seen of different fields need not be of the same moment.
 */
struct devq_stats {
	u64 pops;
	u64 buffers;
	u64 read;
	u64 pushes;
	u64 used;
	u64 written;
	u64 signals;
	u64 errors;
	enum devq_error last_error;
};

/* Nobody else writes it, and nobody who looks sees half of it. */
static inline void devq_count(u64 *counter, u64 n)
{
	WRITE_ONCE(*counter, *counter + n);
}

#endif
