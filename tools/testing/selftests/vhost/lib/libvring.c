// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <linux/virtio_config.h>
#include <stdlib.h>
#include <string.h>

#include "libtime.h"
#include "libvring.h"

/* The device runs on another CPU: order every access that hands over a ring entry. */
#define load_acquire(p)		__atomic_load_n(p, __ATOMIC_ACQUIRE)
#define store_release(p, v)	__atomic_store_n(p, v, __ATOMIC_RELEASE)
#define full_barrier()		__atomic_thread_fence(__ATOMIC_SEQ_CST)

static void split_sizes(unsigned int num, struct drv_sizes *s)
{
	s->desc = num * sizeof(struct vring_desc);
	/* flags, idx, ring and the event word behind it */
	s->driver = 2 * sizeof(uint16_t) + num * sizeof(uint16_t) + sizeof(uint16_t);
	s->device = 2 * sizeof(uint16_t) + num * sizeof(struct vring_used_elem) +
		    sizeof(uint16_t);
	s->desc_align = VRING_DESC_ALIGN_SIZE;
	s->driver_align = VRING_AVAIL_ALIGN_SIZE;
	s->device_align = VRING_USED_ALIGN_SIZE;
}

static void split_init(struct drv_ring *r, uint32_t count)
{
	unsigned int i;

	for (i = 0; i < r->num; i++) {
		r->slots[i].next = (i + 1) % r->num;
		r->slots[i].count = 0;
	}
	r->batch = false;
	r->free_head = 0;
	r->free_count = r->num;
	r->avail_idx = r->kick_idx = r->used_idx = count;
	store_release(&drv_split_used(r)->idx, (uint16_t)count);
	store_release(&drv_split_avail(r)->idx, (uint16_t)count);
}

static void split_enter(struct drv_ring *r, uint16_t head, uint16_t count,
			const struct drv_buf *bufs, unsigned int n, void *cookie)
{
	unsigned int i;

	r->slots[head].cookie = cookie;
	r->slots[head].count = count;
	r->slots[head].in_len = 0;
	for (i = 0; i < n; i++)
		r->slots[head].in_len += bufs[i].write ? bufs[i].len : 0;
	drv_split_avail(r)->ring[r->avail_idx % r->num] = head;
	r->avail_idx++;
}

static void split_write_desc(struct vring_desc *d, const struct drv_buf *b, bool more,
			     uint16_t next)
{
	d->addr = b->gpa;
	d->len = b->len;
	d->flags = (b->write ? VRING_DESC_F_WRITE : 0) | (more ? VRING_DESC_F_NEXT : 0);
	d->next = next;
}

static int split_add(struct drv_ring *r, const struct drv_buf *bufs, unsigned int n,
		     void *cookie)
{
	uint16_t head = r->free_head, at = head;
	unsigned int i;

	if (!n || n > r->free_count)
		return -ENOSPC;
	for (i = 0; i < n; i++) {
		uint16_t next = r->slots[at].next;

		split_write_desc(&drv_split_desc(r)[at], &bufs[i], i + 1 < n, next);
		at = next;
	}
	r->free_head = at;
	r->free_count -= n;
	split_enter(r, head, n, bufs, n, cookie);
	return head;
}

static int split_add_indirect(struct drv_ring *r, const struct drv_buf *bufs, unsigned int n,
			      void *table, uint64_t table_gpa, void *cookie)
{
	struct vring_desc *t = table, *d;
	uint16_t head = r->free_head;
	unsigned int i;

	if (!r->free_count)
		return -ENOSPC;
	for (i = 0; i < n; i++)
		split_write_desc(&t[i], &bufs[i], i + 1 < n, i + 1);
	d = &drv_split_desc(r)[head];
	d->addr = table_gpa;
	d->len = n * sizeof(*t);
	d->flags = VRING_DESC_F_INDIRECT;
	d->next = 0;
	r->free_head = r->slots[head].next;
	r->free_count--;
	split_enter(r, head, 1, bufs, n, cookie);
	return head;
}

static void split_publish(struct drv_ring *r)
{
	store_release(&drv_split_avail(r)->idx, r->avail_idx);
}

static void split_push_raw(struct drv_ring *r, const struct vring_desc *d, unsigned int n)
{
	memcpy(drv_split_desc(r), d, n * sizeof(*d));
	drv_split_push_raw(r, 0, 1);
}

static void split_put_entry(void *table, unsigned int i, const struct vring_desc *d)
{
	((struct vring_desc *)table)[i] = *d;
}

static uint16_t *split_flags(const struct drv_ring *r, uint16_t id)
{
	return &drv_split_desc(r)[id].flags;
}

static bool split_need_kick(struct drv_ring *r)
{
	uint16_t old = r->kick_idx;

	/* The index must be out before the device's wish is read. */
	full_barrier();
	r->kick_idx = r->avail_idx;
	if (r->event_idx)
		return vring_need_event(load_acquire(drv_split_avail_event(r)), r->avail_idx,
					old);
	return !(load_acquire(&drv_split_used(r)->flags) & VRING_USED_F_NO_NOTIFY);
}

static bool split_pending(const struct drv_ring *r)
{
	return load_acquire(&drv_split_used(r)->idx) != r->used_idx;
}

/*
 * In order: the chain behind the free descriptors. Only the last one of a batch has
 * a used entry; those ahead of it were written in full.
 */
static struct vring_used_elem split_next_in_order(struct drv_ring *r,
						  const struct vring_used_elem *e)
{
	uint16_t next = (r->free_head + r->free_count) % r->num;

	if (!r->batch) {
		r->batch_id = e->id;
		r->batch_len = e->len;
	}
	r->batch = r->batch_id != next;
	return (struct vring_used_elem) {
		.id = next,
		.len = r->batch ? r->slots[next].in_len : r->batch_len,
	};
}

/* Descriptors that come back in order lie behind the free ones by themselves. */
static void split_free(struct drv_ring *r, uint16_t id)
{
	struct drv_slot *head = &r->slots[id];
	uint16_t last = id;
	unsigned int i;

	if (!r->in_order) {
		for (i = 1; i < head->count; i++)
			last = r->slots[last].next;
		r->slots[last].next = r->free_head;
		r->free_head = id;
	}
	r->free_count += head->count;
	head->count = 0;
}

static int split_get(struct drv_ring *r, struct drv_done *done)
{
	struct vring_used_elem e;

	if (!split_pending(r))
		return 0;
	e = drv_split_used(r)->ring[r->used_idx % r->num];
	if (r->in_order)
		e = split_next_in_order(r, &e);
	if (e.id >= r->num || !r->slots[e.id].count)
		return -EPROTO;
	done->id = e.id;
	done->len = e.len;
	done->cookie = r->slots[e.id].cookie;
	split_free(r, e.id);
	r->used_idx++;
	return 1;
}

static void split_arm(struct drv_ring *r, unsigned int n)
{
	if (r->event_idx)
		store_release(drv_split_used_event(r), (uint16_t)(r->used_idx + n - 1));
	else
		store_release(&drv_split_avail(r)->flags, 0);
	full_barrier();
}

static void split_disarm(struct drv_ring *r)
{
	/* The farthest point from where the device is now. */
	if (r->event_idx)
		store_release(drv_split_used_event(r), (uint16_t)(r->used_idx - 1));
	else
		store_release(&drv_split_avail(r)->flags, VRING_AVAIL_F_NO_INTERRUPT);
}

static uint32_t split_base(const struct drv_ring *r)
{
	return r->used_idx;
}

static uint16_t split_avail(const struct drv_ring *r)
{
	return r->avail_idx;
}

static uint16_t split_used(const struct drv_ring *r)
{
	return drv_split_used_idx(r);
}

static uint32_t split_mark(const struct drv_ring *r)
{
	return drv_split_used_idx(r);
}

/* Flags and index, used entries since the mark, the device's event index. */
static unsigned int split_wrote(const struct drv_ring *r, uint32_t mark, struct drv_span *span)
{
	struct vring_used *used = drv_split_used(r);
	unsigned int n = (uint16_t)(split_mark(r) - mark), at = mark % r->num;
	unsigned int part;

	if (n > r->num)
		n = r->num;
	part = n < r->num - at ? n : r->num - at;
	span[0] = (struct drv_span) { used, offsetof(struct vring_used, ring) };
	span[1] = (struct drv_span) { &used->ring[at], part * sizeof(used->ring[0]) };
	span[2] = (struct drv_span) { used->ring, (n - part) * sizeof(used->ring[0]) };
	span[3] = (struct drv_span) { drv_split_avail_event(r),
				      r->event_idx ? sizeof(uint16_t) : 0 };
	return 4;
}

const struct drv_layout drv_split = {
	.name = "split",
	.sizes = split_sizes,
	.init = split_init,
	.add = split_add,
	.add_indirect = split_add_indirect,
	.push_raw = split_push_raw,
	.put_entry = split_put_entry,
	.flags = split_flags,
	.publish = split_publish,
	.need_kick = split_need_kick,
	.get = split_get,
	.pending = split_pending,
	.arm = split_arm,
	.disarm = split_disarm,
	.base = split_base,
	.avail = split_avail,
	.used = split_used,
	.mark = split_mark,
	.wrote = split_wrote,
};

const struct drv_layout *drv_layout_of(uint64_t features)
{
	return features >> VIRTIO_F_RING_PACKED & 1 ? &drv_packed : &drv_split;
}

void drv_split_push_raw(struct drv_ring *r, uint16_t head, uint16_t advance)
{
	drv_split_avail(r)->ring[r->avail_idx % r->num] = head;
	r->avail_idx += advance;
	split_publish(r);
}

int drv_ring_init(struct drv_ring *r, const struct drv_layout *layout, unsigned int num,
		  const struct drv_place *at, uint32_t count, bool event_idx)
{
	memset(r, 0, sizeof(*r));
	r->layout = layout;
	r->num = num;
	r->event_idx = event_idx;
	r->at = *at;
	r->slots = calloc(num, sizeof(*r->slots));
	if (!r->slots)
		return -ENOMEM;
	drv_ring_restart(r, count);
	return 0;
}

void drv_ring_restart(struct drv_ring *r, uint32_t count)
{
	struct drv_sizes s;

	r->layout->sizes(r->num, &s);
	memset(r->at.desc, 0, s.desc);
	memset(r->at.driver, 0, s.driver);
	memset(r->at.device, 0, s.device);
	r->layout->init(r, count);
}

void drv_ring_free(struct drv_ring *r)
{
	free(r->slots);
	r->slots = NULL;
}

int drv_ring_add(struct drv_ring *r, const struct drv_buf *bufs, unsigned int n, void *cookie)
{
	return r->layout->add(r, bufs, n, cookie);
}

int drv_ring_add_indirect(struct drv_ring *r, const struct drv_buf *bufs, unsigned int n,
			  void *table, uint64_t table_gpa, void *cookie)
{
	return r->layout->add_indirect(r, bufs, n, table, table_gpa, cookie);
}

int drv_ring_add1(struct drv_ring *r, uint64_t gpa, uint32_t len, bool write, void *cookie)
{
	struct drv_buf b = { .gpa = gpa, .len = len, .write = write };

	return r->layout->add(r, &b, 1, cookie);
}

void drv_ring_publish(struct drv_ring *r)
{
	r->layout->publish(r);
}

bool drv_ring_need_kick(struct drv_ring *r)
{
	return r->layout->need_kick(r);
}

int drv_ring_get(struct drv_ring *r, struct drv_done *done)
{
	return r->layout->get(r, done);
}

int drv_ring_wait(struct drv_ring *r, struct drv_done *done, unsigned int timeout_ms)
{
	uint64_t end = now_ms() + timeout_ms;
	int ret;

	while (!(ret = r->layout->get(r, done))) {
		if (now_ms() > end)
			return -ETIMEDOUT;
		nap_us(100);
	}
	return ret;
}

bool drv_ring_arm(struct drv_ring *r)
{
	r->layout->arm(r, 1);
	return r->layout->pending(r);
}

void drv_ring_arm_at(struct drv_ring *r, unsigned int n)
{
	r->layout->arm(r, n);
}

uint16_t drv_ring_avail(const struct drv_ring *r)
{
	return r->layout->avail(r);
}

uint16_t drv_ring_used(const struct drv_ring *r)
{
	return r->layout->used(r);
}

void drv_ring_disarm(struct drv_ring *r)
{
	r->layout->disarm(r);
}

uint32_t drv_ring_base(const struct drv_ring *r)
{
	return r->layout->base(r);
}

unsigned int drv_ring_in_flight(const struct drv_ring *r)
{
	unsigned int i, n = 0;

	for (i = 0; i < r->num; i++)
		n += r->slots[i].count != 0;
	return n;
}
