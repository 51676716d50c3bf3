// SPDX-License-Identifier: GPL-2.0-only
/* The packed layout of struct drv_ring (virtio 1.3, 2.8). */
#include <errno.h>
#include <stddef.h>

#include "libvring.h"

#define AVAIL		(1u << VRING_PACKED_DESC_F_AVAIL)
#define USED		(1u << VRING_PACKED_DESC_F_USED)
#define WRAP		(1u << VRING_PACKED_EVENT_F_WRAP_CTR)

/* The device runs on another CPU: order every access that hands over a descriptor. */
#define load_acquire(p)		__atomic_load_n(p, __ATOMIC_ACQUIRE)
#define store_release(p, v)	__atomic_store_n(p, v, __ATOMIC_RELEASE)
#define full_barrier()		__atomic_thread_fence(__ATOMIC_SEQ_CST)

static void packed_sizes(unsigned int num, struct drv_sizes *s)
{
	s->desc = num * sizeof(struct vring_packed_desc);
	s->driver = s->device = sizeof(struct vring_packed_desc_event);
	s->desc_align = VRING_DESC_ALIGN_SIZE;
	s->driver_align = s->device_align = sizeof(struct vring_packed_desc_event);
}

/* Of a descriptor, counted from the first one that ever was: its place and its round. */
static unsigned int place(const struct drv_ring *r, uint32_t count)
{
	return count % r->num;
}

static bool wrap_of(const struct drv_ring *r, uint32_t count)
{
	return !(count / r->num & 1);
}

static uint16_t avail_marks(const struct drv_ring *r, uint32_t count)
{
	return wrap_of(r, count) ? AVAIL : USED;
}

static uint16_t used_marks(const struct drv_ring *r, uint32_t count)
{
	return wrap_of(r, count) ? AVAIL | USED : 0;
}

static uint16_t off_wrap(const struct drv_ring *r, uint32_t count)
{
	return place(r, count) | (wrap_of(r, count) ? WRAP : 0);
}

static void packed_init(struct drv_ring *r, uint32_t count)
{
	unsigned int i;

	for (i = 0; i < r->num; i++) {
		r->slots[i].next = (i + 1) % r->num;
		r->slots[i].count = 0;
		/* What the rounds before left. */
		drv_packed_desc(r)[i].flags =
			used_marks(r, i < place(r, count) ? count : count + r->num);
	}
	r->batch = false;
	r->free_head = 0;
	r->free_count = r->num;
	r->desc_avail = r->desc_published = r->desc_kick = r->desc_used = count;
	r->order_first = r->order_count = 0;
	r->used_idx = 0;
}

/* All but the first descriptor that was not published become available at once. */
static void enter_desc(struct drv_ring *r, uint64_t addr, uint32_t len, uint16_t flags,
		       uint16_t id)
{
	struct vring_packed_desc *d = &drv_packed_desc(r)[place(r, r->desc_avail)];

	flags |= avail_marks(r, r->desc_avail);
	d->addr = addr;
	d->len = len;
	d->id = id;
	if (r->desc_avail == r->desc_published)
		r->first_flags = flags;
	else
		store_release(&d->flags, flags);
	r->desc_avail++;
}

static int take_id(struct drv_ring *r, unsigned int count, const struct drv_buf *bufs,
		   unsigned int n, void *cookie)
{
	uint16_t id = r->free_head;
	unsigned int i;

	if (!count || count > r->free_count)
		return -ENOSPC;
	r->free_head = r->slots[id].next;
	r->free_count -= count;
	r->slots[id].next = place(r, r->desc_avail);
	r->slots[id].cookie = cookie;
	r->slots[id].count = count;
	r->slots[id].in_len = 0;
	for (i = 0; i < n; i++)
		r->slots[id].in_len += bufs[i].write ? bufs[i].len : 0;
	r->slots[(r->order_first + r->order_count++) % r->num].order = id;
	return id;
}

static int packed_add(struct drv_ring *r, const struct drv_buf *bufs, unsigned int n,
		      void *cookie)
{
	int id = take_id(r, n, bufs, n, cookie);
	unsigned int i;

	if (id < 0)
		return id;
	for (i = 0; i < n; i++)
		enter_desc(r, bufs[i].gpa, bufs[i].len,
			   (bufs[i].write ? VRING_DESC_F_WRITE : 0) |
			   (i + 1 < n ? VRING_DESC_F_NEXT : 0), id);
	return id;
}

static int packed_add_indirect(struct drv_ring *r, const struct drv_buf *bufs, unsigned int n,
			       void *table, uint64_t table_gpa, void *cookie)
{
	struct vring_packed_desc *t = table;
	int id = take_id(r, 1, bufs, n, cookie);
	unsigned int i;

	if (id < 0)
		return id;
	for (i = 0; i < n; i++)
		t[i] = (struct vring_packed_desc) {
			.addr = bufs[i].gpa,
			.len = bufs[i].len,
			.flags = bufs[i].write ? VRING_DESC_F_WRITE : 0,
		};
	enter_desc(r, table_gpa, n * sizeof(*t), VRING_DESC_F_INDIRECT, id);
	return id;
}

static void packed_publish(struct drv_ring *r)
{
	if (r->desc_avail == r->desc_published)
		return;
	store_release(&drv_packed_desc(r)[place(r, r->desc_published)].flags, r->first_flags);
	r->desc_published = r->desc_avail;
}

static void packed_push_raw(struct drv_ring *r, const struct vring_desc *d, unsigned int n)
{
	/* A chain in flight like others: if it comes back after all, that is seen. */
	int id = take_id(r, n, NULL, 0, NULL);
	unsigned int i;

	for (i = 0; i < n; i++)
		enter_desc(r, d[i].addr, d[i].len, d[i].flags, id < 0 ? 0 : id);
	packed_publish(r);
}

static void packed_put_entry(void *table, unsigned int i, const struct vring_desc *d)
{
	((struct vring_packed_desc *)table)[i] = (struct vring_packed_desc) {
		.addr = d->addr,
		.len = d->len,
		.flags = d->flags,
	};
}

static uint16_t *packed_flags(const struct drv_ring *r, uint16_t id)
{
	return &drv_packed_desc(r)[r->slots[id].next].flags;
}

static bool packed_need_kick(struct drv_ring *r)
{
	uint32_t old = r->desc_kick, wish;
	uint16_t event;

	/* The descriptors must be out before the device's wish is read. */
	full_barrier();
	wish = load_acquire((uint32_t *)r->at.device);
	r->desc_kick = r->desc_published;
	if (wish >> 16 != VRING_PACKED_EVENT_FLAG_DESC)
		return wish >> 16 != VRING_PACKED_EVENT_FLAG_DISABLE;
	event = wish & (WRAP - 1);
	if (!(wish & WRAP) != !wrap_of(r, r->desc_published))
		event -= r->num;
	return vring_need_event(event, place(r, r->desc_published),
				place(r, r->desc_published) - (r->desc_published - old));
}

static bool is_used(const struct drv_ring *r, uint32_t count)
{
	uint16_t flags = load_acquire(&drv_packed_desc(r)[place(r, count)].flags);

	return (flags & (AVAIL | USED)) == used_marks(r, count);
}

static bool packed_pending(const struct drv_ring *r)
{
	return r->batch || (r->order_count && is_used(r, r->desc_used));
}

/* Chains that came back and were not taken; behind them is where the next one will be. */
static unsigned int look_ahead(const struct drv_ring *r, uint32_t *behind)
{
	uint16_t last = r->batch_id, id;
	bool batch = r->batch;
	unsigned int n;

	*behind = r->desc_used;
	for (n = 0; n < r->order_count; n++) {
		if (!batch) {
			if (!is_used(r, *behind))
				break;
			last = drv_packed_desc(r)[place(r, *behind)].id;
		}
		id = r->in_order ? r->slots[(r->order_first + n) % r->num].order : last;
		if (id >= r->num)
			break;
		batch = r->in_order && id != last;
		*behind += r->slots[id].count;
	}
	return n;
}

static int packed_get(struct drv_ring *r, struct drv_done *done)
{
	const struct vring_packed_desc *d = &drv_packed_desc(r)[place(r, r->desc_used)];
	uint16_t id;

	if (!r->batch) {
		if (!is_used(r, r->desc_used))
			return 0;
		r->batch_id = d->id;
		/* Without the flag nothing was written, whatever the length says. */
		r->batch_len = d->flags & VRING_DESC_F_WRITE ? d->len : 0;
	}
	id = r->in_order && r->order_count ? r->slots[r->order_first].order : r->batch_id;
	r->batch = r->in_order && id != r->batch_id;
	if (id >= r->num || !r->slots[id].count)
		return -EPROTO;
	done->id = id;
	done->len = r->batch ? r->slots[id].in_len : r->batch_len;
	done->cookie = r->slots[id].cookie;
	r->desc_used += r->slots[id].count;
	r->free_count += r->slots[id].count;
	r->slots[id].count = 0;
	r->slots[id].next = r->free_head;
	r->free_head = id;
	r->order_first = (r->order_first + 1) % r->num;
	r->order_count--;
	r->used_idx++;
	return 1;
}

static void wish(struct drv_ring *r, uint16_t place_and_wrap, uint16_t flags)
{
	store_release((uint32_t *)r->at.driver, (uint32_t)flags << 16 | place_and_wrap);
}

static void packed_arm(struct drv_ring *r, unsigned int n)
{
	/* A chain has a descriptor at least. */
	if (r->event_idx)
		wish(r, off_wrap(r, r->desc_used + n - 1), VRING_PACKED_EVENT_FLAG_DESC);
	else
		wish(r, 0, VRING_PACKED_EVENT_FLAG_ENABLE);
	full_barrier();
}

static void packed_disarm(struct drv_ring *r)
{
	wish(r, 0, VRING_PACKED_EVENT_FLAG_DISABLE);
}

static uint32_t packed_base(const struct drv_ring *r)
{
	uint32_t pos = off_wrap(r, r->desc_used);

	return pos << 16 | pos;
}

static uint16_t packed_avail(const struct drv_ring *r)
{
	return off_wrap(r, r->desc_published);
}

static uint16_t packed_used(const struct drv_ring *r)
{
	uint32_t behind;

	return r->used_idx + look_ahead(r, &behind);
}

static uint32_t packed_mark(const struct drv_ring *r)
{
	uint32_t behind;

	look_ahead(r, &behind);
	return behind;
}

static unsigned int packed_wrote(const struct drv_ring *r, uint32_t mark, struct drv_span *span)
{
	struct vring_packed_desc *d = drv_packed_desc(r);
	unsigned int n = packed_mark(r) - mark, at = place(r, mark);
	unsigned int part = n < r->num - at ? n : r->num - at;

	if (n > r->num)
		n = r->num;
	span[0] = (struct drv_span) { r->at.device, sizeof(struct vring_packed_desc_event) };
	span[1] = (struct drv_span) { d + at, part * sizeof(*d) };
	span[2] = (struct drv_span) { d, (n - part) * sizeof(*d) };
	return 3;
}

const struct drv_layout drv_packed = {
	.name = "packed",
	.sizes = packed_sizes,
	.init = packed_init,
	.add = packed_add,
	.add_indirect = packed_add_indirect,
	.push_raw = packed_push_raw,
	.put_entry = packed_put_entry,
	.flags = packed_flags,
	.publish = packed_publish,
	.need_kick = packed_need_kick,
	.get = packed_get,
	.pending = packed_pending,
	.arm = packed_arm,
	.disarm = packed_disarm,
	.base = packed_base,
	.avail = packed_avail,
	.used = packed_used,
	.mark = packed_mark,
	.wrote = packed_wrote,
};
