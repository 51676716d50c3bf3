/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_RING_MOCK_PACKED_H
#define RINGSIDE_RING_MOCK_PACKED_H
/* The driver's side of a packed virtqueue, see mock_driver.h (virtio 1.3, 2.8). */

#include "mock_driver.h"

#define MOCK_AVAIL	BIT(VRING_PACKED_DESC_F_AVAIL)
#define MOCK_USED	BIT(VRING_PACKED_DESC_F_USED)
#define MOCK_MARKS	(MOCK_AVAIL | MOCK_USED)
#define MOCK_WRAP	BIT(VRING_PACKED_EVENT_F_WRAP_CTR)

static inline void mock_packed_step(const struct mock_ring *mr, u16 *at, bool *wrap, u32 n)
{
	u32 to = *at + n;

	*wrap ^= to >= mr->num;
	*at = to >= mr->num ? to - mr->num : to;
}

static inline u16 mock_packed_flags(const struct mock_ring *mr, u16 at)
{
	return le16_to_cpu(READ_ONCE(mr->pdesc[at].flags));
}

static inline u16 mock_packed_marks(bool wrap)
{
	return wrap ? MOCK_AVAIL : MOCK_USED;
}

/* All but the flags, which come last. */
static inline void mock_packed_put_desc(struct vring_packed_desc *desc, u64 addr, u32 len, u16 id)
{
	desc->addr = cpu_to_le64(addr);
	desc->len = cpu_to_le32(len);
	desc->id = cpu_to_le16(id);
}

static inline size_t mock_packed_size(u16 num)
{
	return num * sizeof(struct vring_packed_desc) + 3 * 64;
}

/* A position is a number of descriptors here, so that one of them is one round. */
static inline void mock_packed_init(struct mock_ring *mr, void *mem, u16 base,
				    struct devq_addr *areas)
{
	unsigned int i;

	areas->desc = 0;
	areas->driver = mr->num * sizeof(struct vring_packed_desc);
	areas->device = areas->driver + sizeof(struct vring_packed_desc_event);
	mr->pdesc = mem + areas->desc;
	mr->drv_event = mem + areas->driver;
	mr->dev_event = mem + areas->device;
	mr->avail_idx = base % mr->num;
	mr->avail_wrap = !(base / mr->num & 1);
	mr->published = mr->avail_idx;
	mr->published_wrap = mr->avail_wrap;
	mr->added = 0;
	mr->used_idx = mr->avail_idx;
	mr->used_wrap = mr->avail_wrap;
	mr->batch = false;
	mr->order_first = 0;
	mr->order_n = 0;
	mr->free = 0;
	mr->nfree = mr->num;
	/* What earlier rounds left: used, in this one or the one before. */
	for (i = 0; i < mr->num; i++) {
		bool was = i < mr->avail_idx ? mr->avail_wrap : !mr->avail_wrap;

		mr->slot[i] = (struct mock_slot) { .next = i + 1 };
		mr->pdesc[i].flags = cpu_to_le16(was ? MOCK_MARKS : 0);
	}
}

static inline void mock_packed_pos(const struct mock_ring *mr, struct devq_pos *pos)
{
	*pos = (struct devq_pos) {
		.avail = mr->avail_idx,
		.avail_wrap = mr->avail_wrap,
		.used = mr->used_idx,
		.used_wrap = mr->used_wrap,
	};
}

static inline void mock_packed_shift(struct mock_ring *mr, ptrdiff_t off)
{
	mr->pdesc = (void *)mr->pdesc + off;
	mr->drv_event = (void *)mr->drv_event + off;
	mr->dev_event = (void *)mr->dev_event + off;
}

/* Enter a descriptor, and make it available unless it is the first one not published. */
static inline void mock_packed_enter(struct mock_ring *mr, u64 addr, u32 len, u16 flags, u16 id)
{
	struct vring_packed_desc *desc = &mr->pdesc[mr->avail_idx];

	flags |= mock_packed_marks(mr->avail_wrap);
	mock_packed_put_desc(desc, addr, len, id);
	if (mr->added++)
		WRITE_ONCE(desc->flags, cpu_to_le16(flags));
	else
		mr->first_flags = flags;
	mock_packed_step(mr, &mr->avail_idx, &mr->avail_wrap, 1);
}

static inline int mock_packed_add(struct mock_ring *mr, const struct mock_buf *buf, unsigned int n,
				  const struct mock_table *table, void *token)
{
	struct vring_packed_desc *in_table = table ? table->va : NULL;
	unsigned int ndesc = table ? 1 : n, i;
	u16 id = mr->free;

	if (!ndesc || ndesc > mr->nfree)
		return -ENOSPC;
	mr->free = mr->slot[id].next;
	mr->nfree -= ndesc;
	mr->slot[id].token = token;
	mr->slot[id].ndesc = ndesc;
	mr->slot[id].in_len = 0;
	/* In order: which buffer is next does not follow from its id. */
	mr->slot[(mr->order_first + mr->order_n++) % mr->num].order = id;
	for (i = 0; i < n; i++) {
		u16 flags = buf[i].in ? VRING_DESC_F_WRITE : 0;

		mr->slot[id].in_len += buf[i].in ? buf[i].len : 0;
		if (table) {
			/* Nobody looks at an id in a table. */
			mock_packed_put_desc(&in_table[i], buf[i].addr, buf[i].len, ~id);
			in_table[i].flags = cpu_to_le16(flags);
			continue;
		}
		if (i + 1 < n)
			flags |= VRING_DESC_F_NEXT;
		/* The last one's id counts. */
		mock_packed_enter(mr, buf[i].addr, buf[i].len, flags, i + 1 < n ? ~id : id);
	}
	if (table)
		mock_packed_enter(mr, table->addr, n * sizeof(*in_table), VRING_DESC_F_INDIRECT,
				  id);
	return 0;
}

static inline void mock_packed_publish(struct mock_ring *mr)
{
	if (!mr->added)
		return;
	/* Pairs with the barrier behind the device's look at the flags. */
	smp_store_release(&mr->pdesc[mr->published].flags, cpu_to_le16(mr->first_flags));
	mr->kicked += mr->added;
	mr->added = 0;
	mr->published = mr->avail_idx;
	mr->published_wrap = mr->avail_wrap;
}

static inline bool mock_packed_want_kick(struct mock_ring *mr)
{
	u16 fresh = mr->kicked, off_wrap, event;
	u32 wish;

	mr->kicked = 0;
	/* What was published is visible before we look whether anybody waits for it. */
	smp_mb();
	wish = le32_to_cpu(READ_ONCE(*(__le32 *)mr->dev_event));
	if (wish >> 16 != VRING_PACKED_EVENT_FLAG_DESC)
		return wish >> 16 != VRING_PACKED_EVENT_FLAG_DISABLE;
	off_wrap = wish;
	event = off_wrap & ~MOCK_WRAP;
	if (!!(off_wrap & MOCK_WRAP) != mr->published_wrap)
		event -= mr->num;
	return vring_need_event(event, mr->published, mr->published - fresh);
}

static inline bool mock_packed_is_used(const struct mock_ring *mr, u16 at, bool wrap)
{
	/* Pairs with the barrier ahead of the device's flags. */
	u16 flags = le16_to_cpu(smp_load_acquire(&mr->pdesc[at].flags));

	return (flags & MOCK_MARKS) == (wrap ? MOCK_MARKS : 0);
}

/* Whose buffer is the next in order? */
static inline u16 mock_packed_oldest(const struct mock_ring *mr, unsigned int n)
{
	return mr->slot[(mr->order_first + n) % mr->num].order;
}

/*
 * Count used buffers, @max at most, and find the place behind them. In order, the
 * used descriptor of a batch stands at its first buffer and names its last.
 */
static inline unsigned int mock_packed_count(const struct mock_ring *mr, unsigned int max,
					     u16 *at, bool *wrap)
{
	bool batch = mr->batch;
	u16 last = mr->batch_id, id;
	unsigned int n;

	*at = mr->used_idx;
	*wrap = mr->used_wrap;
	for (n = 0; n < max && n < mr->order_n; n++) {
		if (!batch) {
			if (!mock_packed_is_used(mr, *at, *wrap))
				break;
			last = le16_to_cpu(mr->pdesc[*at].id);
		}
		id = mr->in_order ? mock_packed_oldest(mr, n) : last;
		if (id >= mr->num)
			break;
		batch = mr->in_order && id != last;
		mock_packed_step(mr, at, wrap, mr->slot[id].ndesc);
	}
	return n;
}

/* False if the driver has no such chain. */
static inline bool mock_packed_release(struct mock_ring *mr, u16 id, struct mock_done *done)
{
	if (id >= mr->num || !mr->slot[id].token)
		return false;
	done->token = mr->slot[id].token;
	mr->slot[id].token = NULL;
	mr->slot[id].next = mr->free;
	mr->free = id;
	mr->nfree += mr->slot[id].ndesc;
	mr->order_first = (mr->order_first + 1) % mr->num;
	mr->order_n--;
	mock_packed_step(mr, &mr->used_idx, &mr->used_wrap, mr->slot[id].ndesc);
	return true;
}

static inline bool mock_packed_get(struct mock_ring *mr, struct mock_done *done)
{
	struct vring_packed_desc *desc = &mr->pdesc[mr->used_idx];
	u16 id;

	*done = (struct mock_done) {};
	if (!mr->batch) {
		if (!mock_packed_is_used(mr, mr->used_idx, mr->used_wrap))
			return false;
		mr->batch_id = le16_to_cpu(desc->id);
		mr->batch_len = le32_to_cpu(desc->len);
		/* A length says nothing if nothing was written. */
		if (!(mock_packed_flags(mr, mr->used_idx) & VRING_DESC_F_WRITE))
			mr->batch_len = 0;
	}
	id = mr->in_order ? mock_packed_oldest(mr, 0) : mr->batch_id;
	mr->batch = mr->in_order && mr->order_n > 1 && id != mr->batch_id;
	done->len = mr->batch ? mr->slot[id].in_len : mr->batch_len;
	done->bad = (!mr->batch && id != mr->batch_id) || !mock_packed_release(mr, id, done);
	return true;
}

static inline void mock_packed_wish(struct mock_ring *mr, u16 off_wrap, u16 flags)
{
	WRITE_ONCE(*(__le32 *)mr->drv_event, cpu_to_le32((u32)flags << 16 | off_wrap));
}

/*
 * With event indices a place is named, that behind those used already and as many
 * more as are not waited for: each takes a descriptor at least.
 */
static inline bool mock_packed_enable_signal(struct mock_ring *mr, u16 after)
{
	unsigned int n, before;
	bool wrap;
	u16 at;

	if (!mr->event_idx)
		after = 1;
	n = mock_packed_count(mr, after, &at, &wrap);
	do {
		before = n;
		if (n < after)
			mock_packed_step(mr, &at, &wrap, after - n - 1);
		if (mr->event_idx)
			mock_packed_wish(mr, at | (wrap ? MOCK_WRAP : 0),
					 VRING_PACKED_EVENT_FLAG_DESC);
		else
			mock_packed_wish(mr, 0, VRING_PACKED_EVENT_FLAG_ENABLE);
		/* The wish is visible before we look for what came without a signal. */
		smp_mb();
		n = mock_packed_count(mr, after, &at, &wrap);
	} while (n < after && n != before);
	return n >= after;
}

static inline void mock_packed_disable_signal(struct mock_ring *mr)
{
	mock_packed_wish(mr, 0, VRING_PACKED_EVENT_FLAG_DISABLE);
}

static inline void mock_packed_put(struct mock_ring *mr, unsigned int i, u64 addr, u32 len,
				   u16 flags)
{
	u16 old = mock_packed_flags(mr, i);

	mr->pdesc[i].addr = cpu_to_le64(addr);
	mr->pdesc[i].len = cpu_to_le32(len);
	mr->pdesc[i].flags = cpu_to_le16((old & MOCK_MARKS) | flags);
}

static inline void mock_packed_put_in(struct mock_ring *mr, const struct mock_table *table,
				      unsigned int i, u64 addr, u32 len, u16 flags)
{
	struct vring_packed_desc *desc = (struct vring_packed_desc *)table->va + i;

	mock_packed_put_desc(desc, addr, len, 0);
	desc->flags = cpu_to_le16(flags);
}

static const struct mock_layout mock_packed __maybe_unused = {
	.name = "packed",
	.features = BIT_ULL(VIRTIO_F_RING_PACKED),
	.size = mock_packed_size,
	.init = mock_packed_init,
	.pos = mock_packed_pos,
	.shift = mock_packed_shift,
	.add = mock_packed_add,
	.publish = mock_packed_publish,
	.want_kick = mock_packed_want_kick,
	.get = mock_packed_get,
	.enable_signal = mock_packed_enable_signal,
	.disable_signal = mock_packed_disable_signal,
	.put = mock_packed_put,
	.put_in = mock_packed_put_in,
};

#endif
