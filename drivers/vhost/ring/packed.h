/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_RING_PACKED_H
#define RINGSIDE_RING_PACKED_H
/*
 * Packed virtqueue layout, device side (virtio 1.3, section 2.8).
 *
 * One ring of descriptors, which the driver makes available and the device marks
 * as used. Two bits of each, compared with a wrap counter that flips whenever a
 * side passes the end of the ring, tell which of both it is. The ring is little
 * endian, and of any size.
 *
 * A descriptor is two aligned words: the address; length, id and flags. Each is
 * read, and the latter written, by one access, so that flags come and go with
 * the length and id that belong to them.
 *
 * Barriers, and what each pairs with in the driver:
 *   packed_fetch(): read barrier after the flags of a descriptor, with the
 *	driver's write barrier before the flags of a chain's first one. What is
 *	read behind it is the rest of the chain;
 *   packed_push(): write barrier before the first descriptor of a batch, with
 *	the driver's read barrier after it has seen that one's flags. It does not
 *	look at any of the others before;
 *   packed_want_signal(): full barrier between our descriptors and the driver's
 *	wish, with the driver's between its wish and looking at a descriptor;
 *   packed_enable_kick(): full barrier between our wish and the next descriptor,
 *	with the driver's between its descriptors and looking at our wish.
 *
 * Include after a memory flavour.
 */

#include <linux/sched.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "area.h"
#include "chain.h"

#define PACKED_DESC_SIZE	sizeof(struct vring_packed_desc)
/* Where the second word of a descriptor lies, and in it id and flags. */
#define PACKED_META		offsetof(struct vring_packed_desc, len)
#define PACKED_ID_SHIFT		32
#define PACKED_FLAGS_SHIFT	48
#define PACKED_MARKS		(BIT(VRING_PACKED_DESC_F_AVAIL) | BIT(VRING_PACKED_DESC_F_USED))
/* The same, and the flag of a written buffer, where they are in that word. */
#define PACKED_META_MARKS	((u64)PACKED_MARKS << PACKED_FLAGS_SHIFT)
#define PACKED_META_WRITE	((u64)VRING_DESC_F_WRITE << PACKED_FLAGS_SHIFT)
/* An indirect table is bounded as that of a split ring is. */
#define PACKED_TABLE_MAX	65536

/* The marks of a descriptor that is available, and of one that was used. */
static inline u16 packed_avail_marks(bool wrap)
{
	return wrap ? BIT(VRING_PACKED_DESC_F_AVAIL) : BIT(VRING_PACKED_DESC_F_USED);
}

static inline u16 packed_used_marks(bool wrap)
{
	return wrap ? PACKED_MARKS : 0;
}

static inline u64 packed_desc(const struct devq *dq, unsigned int at)
{
	return dq->area.desc + at * PACKED_DESC_SIZE;
}

/* Go on by @n descriptors, at most a whole ring. */
static inline void packed_forward(const struct devq *dq, u16 *at, bool *wrap, unsigned int n)
{
	unsigned int to = *at + n;

	if (to >= dq->num) {
		to -= dq->num;
		*wrap = !*wrap;
	}
	*at = to;
}

static void packed_extents(u16 num, u64 features, const struct devq_addr *addr,
			   struct devq_extent *extent)
{
	extent[DEVQ_AREA_DESC] = (struct devq_extent) {
		.addr = addr->desc,
		.len = num * PACKED_DESC_SIZE,
		.align = VRING_DESC_ALIGN_SIZE,
		.perm = MEMMAP_READ | MEMMAP_WRITE,
	};
	extent[DEVQ_AREA_DRIVER] = (struct devq_extent) {
		.addr = addr->driver,
		.len = sizeof(struct vring_packed_desc_event),
		.align = sizeof(struct vring_packed_desc_event),
		.perm = MEMMAP_READ,
	};
	extent[DEVQ_AREA_DEVICE] = (struct devq_extent) {
		.addr = addr->device,
		.len = sizeof(struct vring_packed_desc_event),
		.align = sizeof(struct vring_packed_desc_event),
		.perm = MEMMAP_WRITE,
	};
}

/* What the device wants to hear of: an event's place, and in the upper half how. */
static inline int packed_write_event(struct devq *dq, u16 off_wrap, u16 flags)
{
	return area_write32(dq, dq->area.device, (u32)flags << 16 | off_wrap);
}

/* The ring does not say where a device left off: the position does. */
static int packed_start(struct devq *dq)
{
	dq->kicks_off = false;
	dq->signalled_valid = false;
	dq->unasked = 0;
	return packed_write_event(dq, 0, VRING_PACKED_EVENT_FLAG_ENABLE);
}

/* @addr as it is in the ring; @meta in our byte order, without marks. */
static __always_inline void packed_fill(struct devq_desc *desc, u64 addr, u64 meta)
{
	desc->addr = le64_to_cpu((__force __le64)addr);
	desc->len = meta;
	desc->id = meta >> PACKED_ID_SHIFT;
	desc->flags = meta >> PACKED_FLAGS_SHIFT;
}

/* The marks say whose turn it is, which is no business of the chain's. */
static inline void packed_decode(struct devq_desc *desc, u64 addr, u64 meta)
{
	packed_fill(desc, addr, le64_to_cpu((__force __le64)meta) & ~PACKED_META_MARKS);
}

/*
 * Copy up to @max descriptors that are available to dq->first. Each belongs to
 * one of the next @max chains. Returns how many, or -EIO if not even the first
 * can be read.
 */
static int packed_fetch(struct devq *dq, unsigned int max)
{
	u64 ring = dq->area.desc, from = packed_desc(dq, dq->pos.avail);
	u64 end = packed_desc(dq, dq->num);
	u64 marks = (u64)packed_avail_marks(dq->pos.avail_wrap) << PACKED_FLAGS_SHIFT;
	/* A pointer, for bounds checks would call out of the window. */
	struct devq_desc *desc = dq->first;
	unsigned int n = 0;
	u64 addr, meta;

	if (!mem_read_begin(ring, end - ring))
		return -EIO;
	do {
		mem_get(meta, u64, from + PACKED_META, fault);
		/* No mark is left if they are as they should be. */
		meta = le64_to_cpu((__force __le64)meta) ^ marks;
		if (meta & PACKED_META_MARKS)
			break;
		/* What flags tell of is read after them. */
		smp_rmb();
		mem_get(addr, u64, from, fault);
		packed_fill(&desc[n], addr, meta);
		from += PACKED_DESC_SIZE;
		if (from == end) {
			from = ring;
			marks ^= PACKED_META_MARKS;
		}
	} while (++n < max);
	mem_read_end();
	return n;

fault:
	mem_read_end();
	return n ?: -EIO;
}

/*
 * Copy a chain's descriptors to dq->run, without the first @skip ones. They are
 * there, since the first one is, and their marks mean nothing. Returns how many,
 * at most DEVQ_BATCH, or -EIO.
 */
static int packed_fetch_run(struct devq *dq, unsigned int skip)
{
	u64 ring = dq->area.desc, end = packed_desc(dq, dq->num), from;
	u16 at = dq->pos.avail;
	bool wrap = false;
	struct devq_desc *run = dq->run;
	unsigned int n = 0;
	u64 addr, meta;
	bool more;

	packed_forward(dq, &at, &wrap, skip);
	from = packed_desc(dq, at);
	if (!mem_read_begin(ring, end - ring))
		return -EIO;
	do {
		mem_get(addr, u64, from, fault);
		mem_get(meta, u64, from + PACKED_META, fault);
		packed_decode(&run[n], addr, meta);
		from += PACKED_DESC_SIZE;
		if (from == end)
			from = ring;
		more = run[n].flags & VRING_DESC_F_NEXT;
	} while (++n < DEVQ_BATCH && more);
	mem_read_end();
	return n;

fault:
	mem_read_end();
	return -EIO;
}

/*
 * Append the buffers of an indirect table: all its entries, one after another.
 * Their ids and all flags but WRITE are ignored (virtio 1.3, 2.8.7).
 */
static int packed_add_table(struct devq *dq, struct chain_builder *b, const struct devq_desc *ind)
{
	u32 len = ind->len / PACKED_DESC_SIZE, at, i, n;
	int err;

	if (!len || len > PACKED_TABLE_MAX || ind->len % PACKED_DESC_SIZE ||
	    (ind->flags & VRING_DESC_F_NEXT))
		return DEVQ_E_TABLE;
	for (at = 0; at < len; at += n) {
		n = min_t(u32, len - at, DEVQ_BATCH);
		err = mem_read_table(dq, dq->run, ind->addr + at * PACKED_DESC_SIZE,
				     n * PACKED_DESC_SIZE);
		if (err)
			return chain_error(err);
		for (i = 0; i < n; i++) {
			packed_decode(&dq->run[i], dq->run[i].word[0], dq->run[i].word[1]);
			err = chain_add(dq, b, &dq->run[i]);
			if (err)
				return err;
		}
		cond_resched();
	}
	return DEVQ_OK;
}

/*
 * Walk the chain that begins at dq->first[at], of @have; one that goes on behind
 * these is read further.
 */
static int packed_walk(struct devq *dq, unsigned int at, unsigned int have,
		       struct chain_builder *b)
{
	const struct devq_desc *desc = &dq->first[at];
	unsigned int seen = 1, left = have - at;
	int err, n;

	if (desc->flags & VRING_DESC_F_INDIRECT)
		err = packed_add_table(dq, b, desc);
	else
		err = chain_add(dq, b, desc);
	while (!err && (desc->flags & VRING_DESC_F_NEXT)) {
		if (seen == dq->num)
			return DEVQ_E_LOOP;
		if (--left) {
			desc++;
		} else {
			n = packed_fetch_run(dq, seen);
			if (n < 0)
				return DEVQ_E_FAULT;
			left = n;
			desc = dq->run;
		}
		seen++;
		/* A table is a chain by itself (virtio 1.3, 2.8.19). */
		if (desc->flags & VRING_DESC_F_INDIRECT)
			return DEVQ_E_TABLE;
		err = chain_add(dq, b, desc);
	}
	if (err)
		return err;
	b->chain->id = desc->id;
	b->chain->ndesc = seen;
	return chain_end(b);
}

/*
 * Pop the next of @n chains as long as each is one buffer that needs no lookup. Their
 * descriptors are @desc, and there is room for a piece of each. Returns how many.
 */
static __always_inline unsigned int packed_pop_single(struct devq *dq, struct devq_chain *chain,
						      const struct devq_desc *desc,
						      struct iovec *iov, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (!chain_single(dq, &chain[i], desc[i].id, &desc[i], &iov[i]))
			break;
	packed_forward(dq, &dq->pos.avail, &dq->pos.avail_wrap, i);
	return i;
}

static int packed_pop(struct devq *dq, struct devq_chain *chain, unsigned int max,
		      struct iovec *iov, unsigned int iov_max)
{
	unsigned int used = 0, n = 0, at, asked, single;
	int have = 0, err = DEVQ_OK;

	/* More than the ring holds are there only if the driver writes while we read. */
	max = min3(max, (unsigned int)DEVQ_BATCH, (unsigned int)dq->num);
	while (n < max) {
		asked = max - n;
		have = packed_fetch(dq, asked);
		for (at = 0; (int)at < have; n++) {
			struct chain_builder b;

			single = packed_pop_single(dq, &chain[n], &dq->first[at], iov + used,
						   min(have - at, iov_max - used));
			at += single;
			n += single;
			used += single;
			if (likely(at == have))
				break;
			chain_begin(&b, &chain[n], 0, iov + used, iov_max - used);
			err = packed_walk(dq, at, have, &b);
			if (err)
				break;
			at += chain[n].ndesc;
			used += chain[n].nr_out + chain[n].nr_in;
			packed_forward(dq, &dq->pos.avail, &dq->pos.avail_wrap, chain[n].ndesc);
		}
		/* That was all, unless a chain went on behind what was fetched. */
		if (err || have <= 0 || (at == have && have < asked))
			break;
	}
	if (n)
		return n;
	if (err == CHAIN_MISS)
		return -EAGAIN;
	if (have < 0)
		err = DEVQ_E_FAULT;
	if (!err)
		return 0;
	return devq_fail(dq, err == CHAIN_NO_ROOM ? DEVQ_E_SEGMENTS : err);
}

static void packed_unpop(struct devq *dq, const struct devq_chain *chain, unsigned int n)
{
	while (n--) {
		u16 back = chain[n].ndesc;

		if (back > dq->pos.avail) {
			dq->pos.avail += dq->num;
			dq->pos.avail_wrap = !dq->pos.avail_wrap;
		}
		dq->pos.avail -= back;
	}
}

/* Note the descriptors that packed_push() wrote from @at on. */
static int packed_log_used(struct devq *dq, const struct devq_used *used, unsigned int n, u16 at)
{
	u16 next = at;
	bool wrap = false;
	unsigned int i;

	for (i = 0; i < n; i++) {
		packed_forward(dq, &next, &wrap, used[i].ndesc);
		if (devq_used_skipped(dq, used, i, n))
			continue;
		if (devq_log_desc(dq, packed_desc(dq, at) + PACKED_META, sizeof(u64)))
			return -EIO;
		at = next;
	}
	return 0;
}

/* The second word of a used descriptor; length counts only if WRITE is set. */
static __always_inline u64 packed_used(const struct devq_used *used, u64 marks)
{
	u64 meta = marks | (u64)used->id << PACKED_ID_SHIFT | used->len;

	if (used->len)
		meta |= PACKED_META_WRITE;
	return (__force u64)cpu_to_le64(meta);
}

/*
 * Mark buffers as used. Each descriptor stands where the first one of its chain was;
 * those of a chain that are not written stay as they are. Returns how many descriptors
 * that were, or -EIO, which is not recorded: then none was.
 */
static int packed_put_used(struct devq *dq, const struct devq_used *used, unsigned int n)
{
	u64 size = dq->num * PACKED_DESC_SIZE, end = packed_desc(dq, dq->num);
	u64 first = packed_desc(dq, dq->pos.used), at = first;
	u64 first_marks = (u64)packed_used_marks(dq->pos.used_wrap) << PACKED_FLAGS_SHIFT;
	u64 marks = first_marks, laps = 0;
	unsigned int i;

	if (!mem_write_begin(dq->area.desc, size))
		return -EIO;
	for (i = 1; i < n; i++) {
		at += used[i - 1].ndesc * PACKED_DESC_SIZE;
		if (at >= end) {
			at -= size;
			laps += size;
			marks ^= PACKED_META_MARKS;
		}
		mem_put(packed_used(&used[i], marks), u64, at + PACKED_META, fault);
	}
	/* The driver finds all others behind the first one. */
	smp_wmb();
	mem_put(packed_used(used, first_marks), u64, first + PACKED_META, fault);
	mem_write_end();
	at += used[n - 1].ndesc * PACKED_DESC_SIZE;
	if (at >= end) {
		at -= size;
		laps += size;
		marks ^= PACKED_META_MARKS;
	}
	dq->pos.used = (at - dq->area.desc) / PACKED_DESC_SIZE;
	dq->pos.used_wrap ^= marks != first_marks;
	return (at + laps - first) / PACKED_DESC_SIZE;

fault:
	mem_write_end();
	return -EIO;
}

/*
 * The same in order, where several buffers can have one descriptor: that of the last of
 * them, where the first one's was.
 */
static int packed_put_in_order(struct devq *dq, const struct devq_used *used, unsigned int n)
{
	const struct devq_used *first = NULL;
	u16 next = dq->pos.used, at = next;
	bool next_wrap = dq->pos.used_wrap, wrap = next_wrap;
	u64 marks = (u64)packed_used_marks(wrap) << PACKED_FLAGS_SHIFT;
	unsigned int i, total = 0;

	if (!mem_write_begin(dq->area.desc, dq->num * PACKED_DESC_SIZE))
		return -EIO;
	for (i = 0; i < n; i++) {
		total += used[i].ndesc;
		packed_forward(dq, &next, &next_wrap, used[i].ndesc);
		if (devq_used_skipped(dq, used, i, n))
			continue;
		if (first)
			mem_put(packed_used(&used[i],
					    (u64)packed_used_marks(wrap) << PACKED_FLAGS_SHIFT),
				u64, packed_desc(dq, at) + PACKED_META, fault);
		else
			first = &used[i];
		at = next;
		wrap = next_wrap;
	}
	/* The driver finds all others behind the first one. */
	smp_wmb();
	mem_put(packed_used(first, marks), u64, packed_desc(dq, dq->pos.used) + PACKED_META, fault);
	mem_write_end();
	dq->pos.used = next;
	dq->pos.used_wrap = next_wrap;
	return total;

fault:
	mem_write_end();
	return -EIO;
}

static int packed_push(struct devq *dq, const struct devq_used *used, unsigned int n)
{
	u16 old = dq->pos.used;
	int total;

	if (!n)
		return 0;
	total = dq->in_order ? packed_put_in_order(dq, used, n) : packed_put_used(dq, used, n);
	if (total < 0)
		return devq_fail(dq, DEVQ_E_FAULT);
	/* What is more than the ring holds passed whatever place the driver waits for. */
	dq->unasked = min_t(unsigned int, dq->unasked + total, dq->num);
	return unlikely(dq->log.ring) ? packed_log_used(dq, used, n, old) : 0;
}

/* Did the last @dq->unasked used descriptors reach the place that the driver named? */
static inline bool packed_event_passed(const struct devq *dq, u16 off_wrap)
{
	u16 event = off_wrap & ~BIT(VRING_PACKED_EVENT_F_WRAP_CTR), new = dq->pos.used;

	/* In the round before the one that we are in. */
	if (off_wrap >> VRING_PACKED_EVENT_F_WRAP_CTR != dq->pos.used_wrap)
		event -= dq->num;
	return vring_need_event(event, new, new - dq->unasked);
}

static int packed_want_signal(struct devq *dq)
{
	bool valid = dq->signalled_valid, want;
	u32 event;

	/* What we pushed is visible before we ask whether anybody waits for it. */
	smp_mb();
	if (dq->event_idx && valid && !dq->unasked)
		return 0;
	if (area_read32(dq, dq->area.driver, &event))
		return -EIO;
	if (event >> 16 == VRING_PACKED_EVENT_FLAG_DESC && dq->event_idx)
		want = !valid || packed_event_passed(dq, event);
	else
		want = event >> 16 != VRING_PACKED_EVENT_FLAG_DISABLE;
	dq->unasked = 0;
	dq->signalled_valid = true;
	return want;
}

static int packed_pending(struct devq *dq)
{
	u64 desc = packed_desc(dq, dq->pos.avail);
	u16 flags;

	if (area_read16(dq, desc + offsetof(struct vring_packed_desc, flags), &flags))
		return -EIO;
	return (flags & PACKED_MARKS) == packed_avail_marks(dq->pos.avail_wrap);
}

static int packed_enable_kick(struct devq *dq)
{
	u16 off_wrap = dq->pos.avail | dq->pos.avail_wrap << VRING_PACKED_EVENT_F_WRAP_CTR;
	int err = 0;

	if (dq->event_idx)
		err = packed_write_event(dq, off_wrap, VRING_PACKED_EVENT_FLAG_DESC);
	else if (dq->kicks_off)
		err = packed_write_event(dq, 0, VRING_PACKED_EVENT_FLAG_ENABLE);
	if (err)
		return err;
	dq->kicks_off = false;
	/* Our wish is visible before we look for buffers that came without a kick. */
	smp_mb();
	return packed_pending(dq);
}

static int packed_disable_kick(struct devq *dq)
{
	/* A place left behind would be passed again two rounds later. */
	if (dq->kicks_off)
		return 0;
	if (packed_write_event(dq, 0, VRING_PACKED_EVENT_FLAG_DISABLE))
		return -EIO;
	dq->kicks_off = true;
	return 0;
}

#endif
