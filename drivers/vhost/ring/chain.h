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
 * @seg: where its next piece goes
 * @room: pieces that fit there
 * @limited: earlier chains have taken some of the caller's room
 * @seen_in: a device-writable descriptor came by, be it empty
 * @unmapped: so did one that names memory which is not there, and may
 * @nr_out: device-readable pieces so far
 * @nr_in: device-writable ones
 * @out_len: bytes of the former
 * @in_len: bytes of the latter
 */
struct chain_builder {
	struct devq_chain *chain;
	struct iovec *seg;
	unsigned int room;
	bool limited;
	bool seen_in;
	bool unmapped;
	unsigned int nr_out;
	unsigned int nr_in;
	u64 out_len;
	u64 in_len;
};

static __always_inline void chain_begin(struct chain_builder *b, struct devq_chain *chain, u16 id,
					struct iovec *seg, unsigned int room)
{
	*b = (struct chain_builder) {
		.chain = chain,
		.seg = seg,
		.room = min_t(unsigned int, room, DEVQ_CHAIN_SEGS),
		.limited = room < DEVQ_CHAIN_SEGS,
	};
	chain->id = id;
	chain->unmapped = false;
	chain->seg = seg;
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

/* chain_single() for one direction, which is known when this is compiled. */
static __always_inline bool chain_one(struct devq *dq, struct devq_chain *chain, u16 id,
				      const struct devq_desc *desc, struct iovec *seg, u32 perm)
{
	const bool in = perm == MEMMAP_WRITE;
	const u32 len = desc->len;

	if (!mem_translate_hit(dq, desc->addr, len, perm, seg))
		return false;
	chain->id = id;
	chain->ndesc = 1;
	chain->nr_out = !in;
	chain->nr_in = in;
	chain->unmapped = false;
	chain->out_len = in ? 0 : len;
	chain->in_len = in ? len : 0;
	chain->seg = seg;
	return true;
}

/*
 * Make a chain of the only descriptor of most: one that names a buffer in the same
 * part of memory as the last one did. False for any other; nothing is done then.
 */
static __always_inline bool chain_single(struct devq *dq, struct devq_chain *chain, u16 id,
					 const struct devq_desc *desc, struct iovec *seg)
{
	if (!desc->flags)
		return chain_one(dq, chain, id, desc, seg, MEMMAP_READ);
	if (desc->flags == VRING_DESC_F_WRITE)
		return chain_one(dq, chain, id, desc, seg, MEMMAP_WRITE);
	return false;
}

/* The pieces of a buffer that needs a lookup. Returns how many, or an error. */
static noinline int chain_lookup(struct devq *dq, const struct devq_desc *desc, u32 perm,
				 struct iovec *seg, unsigned int room)
{
	return mem_translate(dq, desc->addr, desc->len, perm, seg, room);
}

/* Append one decoded descriptor that names a buffer (virtio 1.3, 2.7.4.2). */
static __always_inline int chain_add(struct devq *dq, struct chain_builder *b,
				     const struct devq_desc *desc)
{
	bool in = desc->flags & VRING_DESC_F_WRITE;
	u32 perm = in ? MEMMAP_WRITE : MEMMAP_READ;
	int n = 1;

	if (unlikely(!in && b->seen_in))
		return DEVQ_E_ORDER;
	if (unlikely(!b->room) ||
	    !mem_translate_hit(dq, desc->addr, desc->len, perm, b->seg)) {
		n = chain_lookup(dq, desc, perm, b->seg, b->room);
		if (unlikely(n < 0)) {
			if (n == -ENOBUFS)
				return b->limited ? CHAIN_NO_ROOM : DEVQ_E_SEGMENTS;
			if (!dq->no_miss)
				return chain_error(n);
			/* The rest of the chain is looked at all the same: it may be malformed. */
			b->unmapped = true;
			n = 0;
		}
	}
	b->seen_in = in;
	b->seg += n;
	b->room -= n;
	if (in) {
		b->nr_in += n;
		b->in_len += desc->len;
	} else {
		b->nr_out += n;
		b->out_len += desc->len;
	}
	return DEVQ_OK;
}

/* The layout sets devq_chain.ndesc. */
static __always_inline int chain_end(struct chain_builder *b)
{
	struct devq_chain *chain = b->chain;

	if (b->out_len > U32_MAX || b->in_len > U32_MAX)
		return DEVQ_E_LENGTH;
	chain->nr_out = b->nr_out;
	chain->nr_in = b->nr_in;
	chain->out_len = b->out_len;
	chain->in_len = b->in_len;
	if (unlikely(b->unmapped)) {
		chain->unmapped = true;
		chain->nr_out = 0;
		chain->nr_in = 0;
	}
	return DEVQ_OK;
}

#endif
