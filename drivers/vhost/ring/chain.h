/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_RING_CHAIN_H
#define RINGSIDE_RING_CHAIN_H
/* From descriptors to a chain's pieces: the rules both layouts share. */

#include <linux/minmax.h>
#include <linux/virtio_ring.h>

#include "ring_common.h"

/* Include after a memory flavour. */

/*
 * Returned instead of an enum devq_error when the chain did not fit into what
 * earlier chains of the batch left of the caller's array.
 */
#define CHAIN_NO_ROOM	(-1)

/* The same for a chain that the device IOTLB cannot translate yet. */
#define CHAIN_MISS	(-2)

/**
 * struct chain_builder - a chain being put together
 * @chain: the result
 * @room: pieces that fit at chain->seg
 * @out_len: device-readable bytes so far
 * @in_len: device-writable bytes so far
 * @seen_in: a device-writable descriptor came by, be it empty
 * @unmapped: so did one that names memory which is not there, and may
 */
struct chain_builder {
	struct devq_chain *chain;
	unsigned int room;
	u64 out_len;
	u64 in_len;
	bool seen_in;
	bool unmapped;
};

static inline void chain_begin(struct chain_builder *b, struct devq_chain *chain, u16 id,
			       struct iovec *seg, unsigned int room)
{
	*b = (struct chain_builder) {
		.chain = chain,
		.room = min_t(unsigned int, room, DEVQ_CHAIN_SEGS),
	};
	*chain = (struct devq_chain) { .id = id, .seg = seg };
}

/* What a failed lookup means for the chain. */
static inline int chain_error(int err)
{
	switch (err) {
	case -EAGAIN:
		return CHAIN_MISS;
	case -EPERM:
		return DEVQ_E_ACCESS;
	default:
		return DEVQ_E_UNMAPPED;
	}
}

/* Append one decoded descriptor that names a buffer (virtio 1.3, 2.7.4.2). */
static inline int chain_add(struct devq *dq, struct chain_builder *b, const struct devq_desc *desc)
{
	struct devq_chain *chain = b->chain;
	bool in = desc->flags & VRING_DESC_F_WRITE;
	unsigned int n = chain->nr_out + chain->nr_in;
	int ret;

	if (!in && b->seen_in)
		return DEVQ_E_ORDER;
	ret = mem_translate(dq, desc->addr, desc->len, in ? MEMMAP_WRITE : MEMMAP_READ,
			    chain->seg + n, b->room - n);
	if (unlikely(ret < 0)) {
		if (ret == -ENOBUFS)
			return b->room < DEVQ_CHAIN_SEGS ? CHAIN_NO_ROOM : DEVQ_E_SEGMENTS;
		if (!dq->no_miss)
			return chain_error(ret);
		/* The rest of the chain is looked at all the same: it may be malformed. */
		b->unmapped = true;
		ret = 0;
	}
	if (in) {
		b->seen_in = true;
		b->in_len += desc->len;
		chain->nr_in += ret;
	} else {
		b->out_len += desc->len;
		chain->nr_out += ret;
	}
	return DEVQ_OK;
}

static inline int chain_end(struct chain_builder *b)
{
	if (b->out_len > U32_MAX || b->in_len > U32_MAX)
		return DEVQ_E_LENGTH;
	b->chain->out_len = b->out_len;
	b->chain->in_len = b->in_len;
	if (unlikely(b->unmapped)) {
		b->chain->unmapped = true;
		b->chain->nr_out = 0;
		b->chain->nr_in = 0;
	}
	return DEVQ_OK;
}

#endif
