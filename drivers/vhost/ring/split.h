/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_RING_SPLIT_H
#define RINGSIDE_RING_SPLIT_H
/*
 * Split virtqueue layout, device side (virtio 1.3, section 2.7).
 *
 * Barriers, and what each pairs with in the driver:
 *   split_refresh(): read barrier after avail->idx, with the driver's write
 *	barrier between filling the ring and moving avail->idx;
 *   split_push(): write barrier before used->idx, with the driver's read
 *	barrier after it has seen used->idx;
 *   split_want_signal(): full barrier between our used->idx and the driver's
 *	wish, with the driver's between its wish and looking at used->idx;
 *   split_enable_kick(): full barrier between our wish and avail->idx, with the
 *	driver's between avail->idx and looking at our wish.
 *
 * Include after a memory flavour.
 */

#include <linux/align.h>
#include <linux/sched.h>
#include <linux/unaligned.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "area.h"
#include "chain.h"

/* An indirect table may be longer than the ring, but indices are 16 bits. */
#define SPLIT_TABLE_MAX	65536

static inline u64 split_avail_flags(const struct devq *dq)
{
	return dq->area.driver;
}

static inline u64 split_avail_idx(const struct devq *dq)
{
	return dq->area.driver + offsetof(struct vring_avail, idx);
}

static inline u64 split_avail_ring(const struct devq *dq)
{
	return dq->area.driver + offsetof(struct vring_avail, ring);
}

static inline u64 split_used_event(const struct devq *dq)
{
	return split_avail_ring(dq) + dq->num * sizeof(u16);
}

static inline u64 split_used_flags(const struct devq *dq)
{
	return dq->area.device;
}

static inline u64 split_used_idx(const struct devq *dq)
{
	return dq->area.device + offsetof(struct vring_used, idx);
}

static inline u64 split_used_ring(const struct devq *dq)
{
	return dq->area.device + offsetof(struct vring_used, ring);
}

static inline u64 split_avail_event(const struct devq *dq)
{
	return split_used_ring(dq) + dq->num * sizeof(struct vring_used_elem);
}

static void split_extents(u16 num, u64 features, const struct devq_addr *addr,
			  struct devq_extent *extent)
{
	/* The event words behind the rings are there when they are used. */
	u64 event = features & BIT_ULL(VIRTIO_RING_F_EVENT_IDX) ? sizeof(u16) : 0;

	extent[DEVQ_AREA_DESC] = (struct devq_extent) {
		.addr = addr->desc,
		.len = (u64)num * sizeof(struct vring_desc),
		.align = VRING_DESC_ALIGN_SIZE,
		.perm = MEMMAP_READ,
	};
	extent[DEVQ_AREA_DRIVER] = (struct devq_extent) {
		.addr = addr->driver,
		.len = offsetof(struct vring_avail, ring) + num * sizeof(u16) + event,
		.align = VRING_AVAIL_ALIGN_SIZE,
		.perm = MEMMAP_READ,
	};
	extent[DEVQ_AREA_DEVICE] = (struct devq_extent) {
		.addr = addr->device,
		.len = offsetof(struct vring_used, ring) +
		       num * sizeof(struct vring_used_elem) + event,
		.align = VRING_USED_ALIGN_SIZE,
		.perm = MEMMAP_WRITE,
	};
}

/* The driver does not move used->idx: it says where a device left off. */
static int split_start(struct devq *dq)
{
	dq->avail_seen = dq->pos.avail;
	dq->kicks_off = false;
	dq->signalled_valid = false;
	if (!dq->keep_used && area_read16(dq, split_used_idx(dq), &dq->pos.used))
		return -EIO;
	return area_write16(dq, split_used_flags(dq), 0);
}

/* Read avail->idx. Returns how many buffers are available, or -EIO. */
static int split_refresh(struct devq *dq)
{
	u16 idx, n;

	if (area_read16(dq, split_avail_idx(dq), &idx))
		return -EIO;
	n = idx - dq->pos.avail;
	if (unlikely(n > dq->num))
		return devq_fail(dq, DEVQ_E_AVAIL);
	dq->avail_seen = idx;
	/* What idx covers is read after idx. */
	smp_rmb();
	return n;
}

/* Copy up to @max heads to dq->heads. Returns how many, or -EIO. */
static int split_fetch_heads(struct devq *dq, unsigned int max)
{
	u64 ring = split_avail_ring(dq);
	u16 mask = dq->num - 1, idx = dq->pos.avail;
	/* Pointers, for bounds checks would call out of the window. */
	u16 *head = dq->heads;
	int i, n = (u16)(dq->avail_seen - idx);

	if (n < max)
		n = split_refresh(dq);
	if (n <= 0)
		return n;
	n = min_t(unsigned int, n, max);

	if (!mem_read_begin(ring, dq->num * sizeof(u16)))
		goto bad;
	for (i = 0; i < n;) {
		unsigned int at = (idx + i) & mask;
		u64 four, addr = ring + at * sizeof(u16);

		/* As many as a word holds at a time, where the ring does not wrap. */
		if (n - i >= 4 && at + 4 <= dq->num && IS_ALIGNED(addr, sizeof(u64))) {
			mem_get(four, u64, addr, fault);
			put_unaligned(four, (u64 *)&head[i]);
			i += 4;
		} else {
			mem_get(head[i], u16, addr, fault);
			i++;
		}
	}
	mem_read_end();
	for (i = 0; i < n && !devq_native(dq); i++)
		head[i] = devq16(dq, head[i]);
	return n;

fault:
	mem_read_end();
bad:
	return devq_fail(dq, DEVQ_E_FAULT);
}

/* A descriptor is read as two words: buffer address; length, flags and next. */
#define split_get_desc(desc, at, fault)						\
	do {									\
		mem_get((desc)->word[0], u64, at, fault);			\
		mem_get((desc)->word[1], u64, (at) + sizeof(u64), fault);	\
	} while (0)

static inline void split_decode(const struct devq *dq, struct devq_desc *desc)
{
	desc->addr = devq64(dq, desc->addr);
	desc->len = devq32(dq, desc->len);
	desc->flags = devq16(dq, desc->flags);
	desc->next = devq16(dq, desc->next);
}

/* Copy the first descriptors of @n chains. Bad heads are found afterwards. */
static int split_fetch_first(struct devq *dq, unsigned int n)
{
	u64 table = dq->area.desc;
	u16 mask = dq->num - 1;
	const u16 *head = dq->heads;
	struct devq_desc *desc = dq->first;
	unsigned int i;

	if (!mem_read_begin(table, dq->num * sizeof(struct vring_desc)))
		goto bad;
	for (i = 0; i < n; i++) {
		u64 at = table + (head[i] & mask) * sizeof(struct vring_desc);

		split_get_desc(&desc[i], at, fault);
	}
	mem_read_end();
	for (i = 0; i < n && !devq_native(dq); i++)
		split_decode(dq, &desc[i]);
	return 0;

fault:
	mem_read_end();
bad:
	return devq_fail(dq, DEVQ_E_FAULT);
}

/*
 * Copy a chain's descriptors from @idx on to dq->run, following the links
 * within one window; what a link says is checked afterwards, from the copy.
 * Returns how many, at most DEVQ_BATCH, or -EIO. The fault is not recorded here:
 * chains ahead of this one may be fine.
 */
static int split_fetch_run(struct devq *dq, u16 idx)
{
	u64 table = dq->area.desc;
	u16 mask = dq->num - 1;
	struct devq_desc *run = dq->run;
	unsigned int n = 0, i;
	bool more;

	if (!mem_read_begin(table, dq->num * sizeof(struct vring_desc)))
		return -EIO;
	do {
		u64 at = table + (idx & mask) * sizeof(struct vring_desc);

		split_get_desc(&run[n], at, fault);
		idx = devq16(dq, run[n].next);
		more = devq16(dq, run[n].flags) & VRING_DESC_F_NEXT;
	} while (++n < DEVQ_BATCH && more);
	mem_read_end();
	for (i = 0; i < n && !devq_native(dq); i++)
		split_decode(dq, &run[i]);
	return n;

fault:
	mem_read_end();
	return -EIO;
}

/* Append the buffers of an indirect table (virtio 1.3, 2.7.5.3). */
static int split_add_table(struct devq *dq, struct chain_builder *b, struct devq_desc ind)
{
	u32 len = ind.len / sizeof(struct vring_desc), seen = 0, have = 0, base = 0, idx = 0;
	const struct devq_desc *desc;
	int err;

	if (!len || len > SPLIT_TABLE_MAX || ind.len % sizeof(struct vring_desc) ||
	    (ind.flags & VRING_DESC_F_NEXT))
		return DEVQ_E_TABLE;
	do {
		if (++seen > len)
			return DEVQ_E_LOOP;
		/* Also if it lies before what has been read. */
		if (idx - base >= have) {
			u32 i;

			base = idx;
			have = min_t(u32, len - idx, DEVQ_BATCH);
			err = mem_read_table(dq, dq->run,
					     ind.addr + idx * sizeof(struct vring_desc),
					     have * sizeof(struct vring_desc));
			if (err)
				return chain_error(err);
			for (i = 0; i < have && !devq_native(dq); i++)
				split_decode(dq, &dq->run[i]);
			if (seen > 1)
				cond_resched();
		}
		desc = &dq->run[idx - base];
		if (desc->flags & VRING_DESC_F_INDIRECT)
			return DEVQ_E_NESTED;
		err = chain_add(dq, b, desc);
		if (err)
			return err;
		idx = desc->next;
		if ((desc->flags & VRING_DESC_F_NEXT) && idx >= len)
			return DEVQ_E_NEXT;
	} while (desc->flags & VRING_DESC_F_NEXT);
	return DEVQ_OK;
}

/* Walk the chain whose first descriptor is dq->first[i]. */
static int split_walk(struct devq *dq, unsigned int i, struct chain_builder *b)
{
	const struct devq_desc *desc = &dq->first[i];
	unsigned int seen = 0, at = 0;
	int err, have = 0;

	if (dq->heads[i] >= dq->num)
		return DEVQ_E_HEAD;
	for (;;) {
		if (++seen > dq->num)
			return DEVQ_E_LOOP;
		if (desc->flags & VRING_DESC_F_INDIRECT) {
			/* Nothing can follow. The table overwrites dq->run. */
			err = split_add_table(dq, b, *desc);
			if (err)
				return err;
			break;
		}
		err = chain_add(dq, b, desc);
		if (err)
			return err;
		if (!(desc->flags & VRING_DESC_F_NEXT))
			break;
		if (desc->next >= dq->num)
			return DEVQ_E_NEXT;
		if (++at >= have) {
			have = split_fetch_run(dq, desc->next);
			if (have < 0)
				return DEVQ_E_FAULT;
			at = 0;
		}
		desc = &dq->run[at];
	}
	b->chain->ndesc = seen;
	return chain_end(b);
}

/*
 * Chain @i of a batch, if it is a table whose entries follow each other and name buffers
 * in the same part of memory as the last ones did. False for any other; the table is
 * read anew then, and nothing has been done.
 */
static noinline bool split_plain_table(struct devq *dq, unsigned int i, struct devq_chain *chain,
				       struct iovec *iov, unsigned int room)
{
	const struct devq_desc *ind = &dq->first[i], *desc = dq->run;
	unsigned int n = ind->len / sizeof(struct vring_desc), at = 0, nr_out = 0;
	u64 out_len = 0, in_len = 0;
	bool in = false;

	if (!mem_can_hit || !n || n > min_t(unsigned int, room, DEVQ_BATCH) ||
	    ind->len % sizeof(struct vring_desc) || !devq_native(dq) ||
	    mem_read_table(dq, dq->run, ind->addr, ind->len)) {
		dq->miss.perm = 0;
		return false;
	}
	for (;; desc++) {
		const u16 flags = desc->flags;

		if (flags & VRING_DESC_F_WRITE) {
			if (!mem_translate_hit(dq, desc->addr, desc->len, MEMMAP_WRITE, &iov[at]))
				return false;
			in = true;
			in_len += desc->len;
		} else {
			if (in || !mem_translate_hit(dq, desc->addr, desc->len, MEMMAP_READ,
						     &iov[at]))
				return false;
			nr_out++;
			out_len += desc->len;
		}
		at++;
		if (!(flags & (VRING_DESC_F_NEXT | VRING_DESC_F_INDIRECT)))
			break;
		if ((flags & VRING_DESC_F_INDIRECT) || desc->next != at || at >= n)
			return false;
	}
	if ((out_len | in_len) > U32_MAX)
		return false;
	chain->id = dq->heads[i];
	chain->ndesc = 1;
	chain->nr_out = nr_out;
	chain->nr_in = at - nr_out;
	chain->unmapped = false;
	chain->out_len = out_len;
	chain->in_len = in_len;
	chain->seg = iov;
	return true;
}

/* Chain @i of a batch, whatever it is made of. Returns an enum devq_error, or CHAIN_*. */
static noinline int split_pop_chain(struct devq *dq, unsigned int i, struct devq_chain *chain,
				    struct iovec *iov, unsigned int room)
{
	struct chain_builder b;

	chain_begin(&b, chain, dq->heads[i], iov, room);
	return split_walk(dq, i, &b);
}

static int split_pop(struct devq *dq, struct devq_chain *chain, unsigned int max,
		     struct iovec *iov, unsigned int iov_max)
{
	const struct iovec *end = iov + iov_max;
	/* Pointers: a kernel with UBSAN_BOUNDS would check each index of the arrays. */
	const struct devq_desc *desc = dq->first;
	const u16 *head = dq->heads;
	int i, n, err = DEVQ_OK;

	n = split_fetch_heads(dq, min_t(unsigned int, max, DEVQ_BATCH));
	if (n <= 0)
		return n;
	if (split_fetch_first(dq, n))
		return -EIO;
	for (i = 0; i < n; i++) {
		if (likely(iov < end && head[i] < dq->num) &&
		    chain_single(dq, &chain[i], head[i], &desc[i], iov)) {
			iov++;
			continue;
		}
		if (desc[i].flags == VRING_DESC_F_INDIRECT && head[i] < dq->num &&
		    split_plain_table(dq, i, &chain[i], iov, end - iov)) {
			iov += chain[i].nr_out + chain[i].nr_in;
			continue;
		}
		err = split_pop_chain(dq, i, &chain[i], iov, end - iov);
		if (err)
			break;
		iov += chain[i].nr_out + chain[i].nr_in;
	}
	dq->pos.avail += i;
	if (i)
		return i;
	if (err == CHAIN_MISS)
		return -EAGAIN;
	return devq_fail(dq, err == CHAIN_NO_ROOM ? DEVQ_E_SEGMENTS : err);
}

static void split_unpop(struct devq *dq, const struct devq_chain *chain, unsigned int n)
{
	dq->pos.avail -= n;
}

/* Note the entries that split_push() writes from index @first on. */
static int split_log_used(struct devq *dq, const struct devq_used *used, u16 first,
			  unsigned int n)
{
	const u64 size = sizeof(struct vring_used_elem);
	u64 ring = split_used_ring(dq);
	unsigned int i, at = first & (dq->num - 1), part = min(n, dq->num - at);

	if (!dq->in_order) {
		if (devq_log_ring(dq, ring + at * size, part * size))
			return -EIO;
		return part < n ? devq_log_ring(dq, ring, (n - part) * size) : 0;
	}
	for (i = 0; i < n; i++) {
		if (devq_used_skipped(dq, used, i, n))
			continue;
		if (devq_log_ring(dq, ring + (at & (dq->num - 1)) * size, size))
			return -EIO;
		at = first + i + 1;
	}
	return 0;
}

/* Write used entries from the current one on. Returns 0, or -EIO, which is not recorded. */
static int split_put_used(struct devq *dq, const struct devq_used *used, unsigned int n)
{
	u64 ring = split_used_ring(dq);
	u16 mask = dq->num - 1, old = dq->pos.used;
	unsigned int i, at = 0;

	if (!mem_write_begin(ring, dq->num * sizeof(struct vring_used_elem)))
		return -EIO;
	for (i = 0; i < n && !dq->in_order && devq_native(dq); i++) {
		u64 elem = ring + ((old + i) & mask) * sizeof(struct vring_used_elem);

		mem_put(used[i].id, u32, elem, fault);
		mem_put(used[i].len, u32, elem + sizeof(u32), fault);
	}
	for (; i < n; i++) {
		u64 elem = ring + ((old + at) & mask) * sizeof(struct vring_used_elem);

		if (devq_used_skipped(dq, used, i, n))
			continue;
		at = i + 1;
		mem_put(devq32(dq, used[i].id), u32, elem, fault);
		mem_put(devq32(dq, used[i].len), u32, elem + sizeof(u32), fault);
	}
	mem_write_end();
	return 0;

fault:
	mem_write_end();
	return -EIO;
}

static int split_push(struct devq *dq, const struct devq_used *used, unsigned int n)
{
	u16 old = dq->pos.used, new = old + n;

	if (split_put_used(dq, used, n))
		return devq_fail(dq, DEVQ_E_FAULT);
	if (unlikely(dq->log.ring) && split_log_used(dq, used, old, n))
		return -EIO;

	/* The entries are written before idx says that they are. */
	smp_wmb();
	if (area_write16(dq, split_used_idx(dq), new))
		return -EIO;
	dq->pos.used = new;
	/* After 2^16 entries without a signal nobody can tell where the last one was. */
	if (unlikely((u16)(new - dq->signalled) < (u16)(new - old)))
		dq->signalled_valid = false;
	return 0;
}

static int split_want_signal(struct devq *dq)
{
	u16 new = dq->pos.used, old = dq->signalled, val;
	bool valid = dq->signalled_valid;

	/* What we pushed is visible before we ask whether anybody waits for it. */
	smp_mb();
	/* Legacy: that the last buffer was taken is news whatever was suppressed. */
	if (dq->notify_on_empty && dq->avail_seen == dq->pos.avail) {
		dq->signalled = new;
		dq->signalled_valid = true;
		return 1;
	}
	if (!dq->event_idx) {
		if (area_read16(dq, split_avail_flags(dq), &val))
			return -EIO;
		return !(val & VRING_AVAIL_F_NO_INTERRUPT);
	}
	if (valid && new == old)
		return 0;
	if (area_read16(dq, split_used_event(dq), &val))
		return -EIO;
	dq->signalled = new;
	dq->signalled_valid = true;
	return !valid || vring_need_event(val, new, old);
}

static int split_enable_kick(struct devq *dq)
{
	int n;

	if (dq->event_idx) {
		if (area_write16(dq, split_avail_event(dq), dq->pos.avail))
			return -EIO;
	} else if (dq->kicks_off && area_write16(dq, split_used_flags(dq), 0)) {
		return -EIO;
	}
	dq->kicks_off = false;
	/* Our wish is visible before we look for buffers that came without a kick. */
	smp_mb();
	n = split_refresh(dq);
	return n < 0 ? n : n > 0;
}

static int split_disable_kick(struct devq *dq)
{
	/* With event indices the driver stops by itself: avail_event stays behind. */
	if (dq->event_idx || dq->kicks_off)
		return 0;
	if (area_write16(dq, split_used_flags(dq), VRING_USED_F_NO_NOTIFY))
		return -EIO;
	dq->kicks_off = true;
	return 0;
}

static int split_pending(struct devq *dq)
{
	int n;

	if (dq->avail_seen != dq->pos.avail)
		return 1;
	n = split_refresh(dq);
	return n < 0 ? n : n > 0;
}

#endif
