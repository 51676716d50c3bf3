/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_RING_MOCK_DRIVER_H
#define RINGSIDE_RING_MOCK_DRIVER_H
/*
 * The driver's side of a virtqueue, over memory that the test can touch. It
 * does what a driver must and lets tests do what a driver must not: the areas
 * are there to be scribbled on.
 *
 * Users see struct mock_layout only: that of split rings is here, that of packed
 * ones in mock_packed.h.
 */

#include <linux/bug.h>
#include <linux/string.h>
#include <linux/types.h>
#include <linux/virtio_byteorder.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "devq.h"

/**
 * struct mock_buf - one buffer of a chain
 * @addr: where the device finds it
 * @len: bytes
 * @in: the device writes it
 */
struct mock_buf {
	u64 addr;
	u32 len;
	bool in;
};

/**
 * struct mock_table - memory for an indirect table
 * @va: where the driver finds it
 * @addr: where the device finds it
 */
struct mock_table {
	void *va;
	u64 addr;
};

/**
 * struct mock_done - a buffer that came back
 * @token: what was given to mock_layout.add()
 * @len: bytes that the device says it wrote
 * @bad: the device returned what it does not have
 */
struct mock_done {
	void *token;
	u32 len;
	bool bad;
};

/**
 * struct mock_slot - what the driver knows about one descriptor
 * @token: of the chain that starts here, or packed: has this id; NULL if none does
 * @in_len: device-writable bytes of that chain
 * @ndesc: its descriptors
 * @next: next one of the chain, or of the free list
 * @order: packed: id of a chain, one behind the other as they were added
 */
struct mock_slot {
	void *token;
	u32 in_len;
	u16 ndesc;
	u16 next;
	u16 order;
};

struct mock_layout;

/**
 * struct mock_ring - one virtqueue
 * @layout: how it is laid out
 * @num: queue size
 * @event_idx: VIRTIO_RING_F_EVENT_IDX negotiated
 * @in_order: VIRTIO_F_IN_ORDER negotiated
 * @little_endian: byte order of the ring
 * @desc: split: descriptor table
 * @avail: split: available ring
 * @used: split: used ring
 * @pdesc: packed: descriptor ring
 * @drv_event: packed: driver's event suppression
 * @dev_event: packed: device's event suppression
 * @avail_idx: buffers added so far; packed: the next descriptor to fill
 * @avail_wrap: packed: its wrap counter
 * @published: how much of that the device was told
 * @published_wrap: packed: its wrap counter
 * @added: packed: descriptors from @published to @avail_idx
 * @first_flags: packed: what makes the first of these available
 * @kicked: @published when last asked whether to kick; packed: descriptors
 *	published since then
 * @used_idx: used entries taken so far; packed: where the next one comes
 * @used_wrap: packed: its wrap counter
 * @batch: in order: the entry that says how far a batch goes was read, but not
 *	all of the batch was taken
 * @batch_id: what it names
 * @batch_len: what it says of that one
 * @free: first descriptor of the free list; packed: first id
 * @free_last: split: its last descriptor
 * @nfree: free descriptors
 * @order_first: packed: where in mock_slot.order the oldest chain is
 * @order_n: packed: how many are there
 * @slot: one for each descriptor
 */
struct mock_ring {
	const struct mock_layout *layout;
	u16 num;
	bool event_idx;
	bool in_order;
	bool little_endian;

	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;

	struct vring_packed_desc *pdesc;
	struct vring_packed_desc_event *drv_event;
	struct vring_packed_desc_event *dev_event;

	u16 avail_idx;
	bool avail_wrap;
	u16 published;
	bool published_wrap;
	u16 added;
	u16 first_flags;
	u16 kicked;
	u16 used_idx;
	bool used_wrap;
	bool batch;
	u32 batch_id;
	u32 batch_len;
	u16 free;
	u16 free_last;
	u16 nfree;
	u16 order_first;
	u16 order_n;
	struct mock_slot *slot;
};

/**
 * struct mock_layout - what a driver does, for one layout
 * @name: for test names
 * @features: feature bits that choose this layout
 * @size: bytes that the areas of a queue take, with room to align each
 * @init: lay a new queue out in @mem, zeroed, as if @base buffers had been
 *	(packed: descriptors) had been through already; @areas receives offsets
 *	into @mem
 * @pos: where a device starts
 * @shift: all areas, which are now @off bytes behind where they were
 * @add: put a chain into the ring, in an indirect table if @table; the device
 *	is not told yet. 0, or -ENOSPC
 * @publish: tell the device of all that was added
 * @want_kick: does the device want to hear of what was published?
 * @get: take one used buffer; false if there is none
 * @enable_signal: ask for a signal when @after more buffers are used (without
 *	event indices: the next one); true if they are already
 * @disable_signal: say that signals are not needed
 * @put: overwrite descriptor @i of the ring; packed: it stays available, or used
 * @put_in: overwrite descriptor @i of an indirect table; a link leads to the next
 */
struct mock_layout {
	const char *name;
	u64 features;
	size_t (*size)(u16 num);
	void (*init)(struct mock_ring *mr, void *mem, u16 base, struct devq_addr *areas);
	void (*pos)(const struct mock_ring *mr, struct devq_pos *pos);
	void (*shift)(struct mock_ring *mr, ptrdiff_t off);
	int (*add)(struct mock_ring *mr, const struct mock_buf *buf, unsigned int n,
		   const struct mock_table *table, void *token);
	void (*publish)(struct mock_ring *mr);
	bool (*want_kick)(struct mock_ring *mr);
	bool (*get)(struct mock_ring *mr, struct mock_done *done);
	bool (*enable_signal)(struct mock_ring *mr, u16 after);
	void (*disable_signal)(struct mock_ring *mr);
	void (*put)(struct mock_ring *mr, unsigned int i, u64 addr, u32 len, u16 flags);
	void (*put_in)(struct mock_ring *mr, const struct mock_table *table, unsigned int i,
		       u64 addr, u32 len, u16 flags);
};

/* To and from the byte order of the ring: the same in both directions. */
static inline u16 mock16(const struct mock_ring *mr, u16 val)
{
	return (__force u16)__cpu_to_virtio16(mr->little_endian, val);
}

static inline u32 mock32(const struct mock_ring *mr, u32 val)
{
	return (__force u32)__cpu_to_virtio32(mr->little_endian, val);
}

static inline u64 mock64(const struct mock_ring *mr, u64 val)
{
	return (__force u64)__cpu_to_virtio64(mr->little_endian, val);
}

/* Fields of the ring as plain integers in its byte order. */
#define mock_raw(type, lvalue)	(*(type *)&(lvalue))

static inline void mock_put_desc(const struct mock_ring *mr, struct vring_desc *desc, u64 addr,
				 u32 len, u16 flags, u16 next)
{
	mock_raw(u64, desc->addr) = mock64(mr, addr);
	mock_raw(u32, desc->len) = mock32(mr, len);
	mock_raw(u16, desc->flags) = mock16(mr, flags);
	mock_raw(u16, desc->next) = mock16(mr, next);
}

static inline u16 *mock_split_used_event(const struct mock_ring *mr)
{
	return &mock_raw(u16, mr->avail->ring[mr->num]);
}

static inline u16 *mock_split_avail_event(const struct mock_ring *mr)
{
	return &mock_raw(u16, mr->used->ring[mr->num]);
}

static inline size_t mock_split_size(u16 num)
{
	return num * (sizeof(struct vring_desc) + sizeof(u16) + sizeof(struct vring_used_elem)) +
	       3 * 64;
}

static inline void mock_split_init(struct mock_ring *mr, void *mem, u16 base,
				   struct devq_addr *areas)
{
	unsigned int i;

	areas->desc = 0;
	areas->driver = ALIGN(mr->num * sizeof(struct vring_desc), 2);
	areas->device = ALIGN(areas->driver + (3 + mr->num) * sizeof(u16), 4);
	mr->desc = mem + areas->desc;
	mr->avail = mem + areas->driver;
	mr->used = mem + areas->device;
	mr->avail_idx = base;
	mr->published = base;
	mr->kicked = base;
	mr->used_idx = base;
	mock_raw(u16, mr->avail->idx) = mock16(mr, base);
	mock_raw(u16, mr->used->idx) = mock16(mr, base);
	mr->batch = false;
	mr->free = 0;
	mr->free_last = mr->num - 1;
	mr->nfree = mr->num;
	for (i = 0; i < mr->num; i++)
		mr->slot[i] = (struct mock_slot) { .next = i + 1 };
}

static inline void mock_split_pos(const struct mock_ring *mr, struct devq_pos *pos)
{
	*pos = (struct devq_pos) {
		.avail = mr->avail_idx,
		.avail_wrap = true,
		.used = mr->used_idx,
		.used_wrap = true,
	};
}

static inline void mock_split_shift(struct mock_ring *mr, ptrdiff_t off)
{
	mr->desc = (void *)mr->desc + off;
	mr->avail = (void *)mr->avail + off;
	mr->used = (void *)mr->used + off;
}

static inline u16 mock_split_flags(const struct mock_buf *buf, bool more)
{
	return (buf->in ? VRING_DESC_F_WRITE : 0) | (more ? VRING_DESC_F_NEXT : 0);
}

/* Make the chain at @head available; @last is its last descriptor. */
static inline void mock_split_take(struct mock_ring *mr, u16 head, u16 last, unsigned int ndesc,
				   void *token)
{
	mr->free = mr->slot[last].next;
	mr->nfree -= ndesc;
	mr->slot[head].token = token;
	mr->slot[head].ndesc = ndesc;
	mock_raw(u16, mr->avail->ring[mr->avail_idx & (mr->num - 1)]) = mock16(mr, head);
	mr->avail_idx++;
}

/*
 * The first @direct buffers lie in the descriptor table, the rest in @table,
 * which the last descriptor names (virtio 1.3, 2.7.5.3.2).
 */
static inline int mock_split_add_mixed(struct mock_ring *mr, const struct mock_buf *buf,
				       unsigned int n, unsigned int direct,
				       const struct mock_table *table, void *token)
{
	unsigned int ndesc = direct + (direct < n), i;
	u16 head = mr->free, at = head, last = head;

	if (!ndesc || ndesc > mr->nfree)
		return -ENOSPC;
	for (i = 0; i < direct; i++) {
		last = at;
		at = mr->slot[at].next;
		mock_put_desc(mr, &mr->desc[last], buf[i].addr, buf[i].len,
			      mock_split_flags(&buf[i], i + 1 < ndesc), at);
	}
	if (direct < n) {
		struct vring_desc *in_table = table->va;

		last = at;
		mock_put_desc(mr, &mr->desc[last], table->addr, (n - direct) * sizeof(*in_table),
			      VRING_DESC_F_INDIRECT, 0);
		for (i = direct; i < n; i++)
			mock_put_desc(mr, &in_table[i - direct], buf[i].addr, buf[i].len,
				      mock_split_flags(&buf[i], i + 1 < n), i - direct + 1);
	}
	mock_split_take(mr, head, last, ndesc, token);
	mr->slot[head].in_len = 0;
	for (i = 0; i < n; i++)
		mr->slot[head].in_len += buf[i].in ? buf[i].len : 0;
	return 0;
}

static inline int mock_split_add(struct mock_ring *mr, const struct mock_buf *buf, unsigned int n,
				 const struct mock_table *table, void *token)
{
	return mock_split_add_mixed(mr, buf, n, table ? 0 : n, table, token);
}

static inline void mock_split_publish(struct mock_ring *mr)
{
	/* Pairs with the barrier behind the device's look at avail->idx. */
	smp_store_release(&mock_raw(u16, mr->avail->idx), mock16(mr, mr->avail_idx));
	mr->published = mr->avail_idx;
}

static inline bool mock_split_want_kick(struct mock_ring *mr)
{
	u16 old = mr->kicked;

	mr->kicked = mr->published;
	/* What was published is visible before we look whether anybody waits for it. */
	smp_mb();
	if (mr->event_idx)
		return vring_need_event(mock16(mr, READ_ONCE(*mock_split_avail_event(mr))),
					mr->published, old);
	return !(mock16(mr, READ_ONCE(mock_raw(u16, mr->used->flags))) & VRING_USED_F_NO_NOTIFY);
}

static inline u16 mock_split_seen(const struct mock_ring *mr)
{
	/* Pairs with the barrier ahead of the device's used->idx. */
	return mock16(mr, smp_load_acquire(&mock_raw(u16, mr->used->idx)));
}

/*
 * Back to the free list, to its end: that keeps descriptors in ring order if the
 * device gives them back in order. False if the driver has no such chain.
 */
static inline bool mock_split_release(struct mock_ring *mr, u32 head, struct mock_done *done)
{
	unsigned int i;
	u16 last = head;

	if (head >= mr->num || !mr->slot[head].token)
		return false;
	done->token = mr->slot[head].token;
	mr->slot[head].token = NULL;
	for (i = 1; i < mr->slot[head].ndesc; i++)
		last = mr->slot[last].next;
	if (mr->nfree)
		mr->slot[mr->free_last].next = head;
	else
		mr->free = head;
	mr->free_last = last;
	mr->nfree += mr->slot[head].ndesc;
	return true;
}

/*
 * In order: the next buffer is the one behind the free descriptors. It has an
 * entry of its own only if a batch ends with it (virtio 1.3, 2.7.9).
 */
static inline u32 mock_split_next_used(struct mock_ring *mr, u32 id, u32 *len)
{
	u16 next = (mr->free + mr->nfree) % mr->num;

	if (!mr->batch) {
		mr->batch_id = id;
		mr->batch_len = *len;
	}
	mr->batch = mr->batch_id != next;
	*len = mr->batch ? mr->slot[next].in_len : mr->batch_len;
	return next;
}

static inline bool mock_split_get(struct mock_ring *mr, struct mock_done *done)
{
	struct vring_used_elem *elem = &mr->used->ring[mr->used_idx & (mr->num - 1)];
	u16 ready = mock_split_seen(mr) - mr->used_idx;
	u32 id;

	*done = (struct mock_done) {};
	if (!ready)
		return false;
	id = mock32(mr, mock_raw(u32, elem->id));
	done->len = mock32(mr, mock_raw(u32, elem->len));
	if (mr->in_order)
		id = mock_split_next_used(mr, id, &done->len);
	if (ready > mr->num || !mock_split_release(mr, id, done))
		done->bad = true;
	mr->used_idx++;
	return true;
}

static inline bool mock_split_enable_signal(struct mock_ring *mr, u16 after)
{
	if (!mr->event_idx)
		after = 1;
	WRITE_ONCE(mock_raw(u16, mr->avail->flags), 0);
	WRITE_ONCE(*mock_split_used_event(mr), mock16(mr, mr->used_idx + after - 1));
	/* The wish is visible before we look for what came without a signal. */
	smp_mb();
	return (u16)(mock_split_seen(mr) - mr->used_idx) >= after;
}

static inline void mock_split_disable_signal(struct mock_ring *mr)
{
	/* With event indices the flag means nothing; an index just passed is far away. */
	if (mr->event_idx)
		WRITE_ONCE(*mock_split_used_event(mr), mock16(mr, mr->used_idx - 1));
	else
		WRITE_ONCE(mock_raw(u16, mr->avail->flags),
			   mock16(mr, VRING_AVAIL_F_NO_INTERRUPT));
}

static inline void mock_split_put(struct mock_ring *mr, unsigned int i, u64 addr, u32 len,
				  u16 flags)
{
	mock_put_desc(mr, &mr->desc[i], addr, len, flags, 0);
}

static inline void mock_split_put_in(struct mock_ring *mr, const struct mock_table *table,
				     unsigned int i, u64 addr, u32 len, u16 flags)
{
	mock_put_desc(mr, (struct vring_desc *)table->va + i, addr, len, flags, i + 1);
}

static const struct mock_layout mock_split __maybe_unused = {
	.name = "split",
	.size = mock_split_size,
	.init = mock_split_init,
	.pos = mock_split_pos,
	.shift = mock_split_shift,
	.add = mock_split_add,
	.publish = mock_split_publish,
	.want_kick = mock_split_want_kick,
	.get = mock_split_get,
	.enable_signal = mock_split_enable_signal,
	.disable_signal = mock_split_disable_signal,
	.put = mock_split_put,
	.put_in = mock_split_put_in,
};

#endif
