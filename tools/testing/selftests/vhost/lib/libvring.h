/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Driver side of a virtqueue, as a guest would run it.
 *
 * Everything a test does with a well-formed ring goes through struct drv_ring;
 * what depends on the ring layout is behind struct drv_layout. Tests that build
 * broken rings use drv_ring_push_raw(), or reach the raw memory through the layout's own
 * view (drv_split_desc() and friends).
 *
 * Buffers are given in guest physical addresses, the ring areas in user
 * addresses of this process, because that is what the vhost ABI takes.
 */
#ifndef RINGSIDE_LIBVRING_H
#define RINGSIDE_LIBVRING_H

#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One piece of a buffer chain. */
struct drv_buf {
	uint64_t gpa;
	uint32_t len;
	bool write;		/* the device writes it */
};

/* One chain that the device gave back. */
struct drv_done {
	void *cookie;
	uint32_t len;
	uint16_t id;
};

/* User addresses of the three areas. */
struct drv_place {
	void *desc;
	void *driver;		/* split: avail ring; packed: event suppression */
	void *device;		/* split: used ring; packed: event suppression */
};

/* Memory the three areas need, and the alignment the specification asks for. */
struct drv_sizes {
	size_t desc, driver, device;
	size_t desc_align, driver_align, device_align;
};

/* Some bytes of them. */
struct drv_span {
	void *at;
	size_t len;
};

struct drv_ring;

struct drv_layout {
	const char *name;
	void (*sizes)(unsigned int num, struct drv_sizes *s);
	/*
	 * Areas are zeroed already. As if count entries (packed: descriptors) had been
	 * used before.
	 */
	void (*init)(struct drv_ring *r, uint32_t count);
	/* Enter a chain without making it visible. Returns its id or -ENOSPC. */
	int (*add)(struct drv_ring *r, const struct drv_buf *bufs, unsigned int n,
		   void *cookie);
	/* As add, with the chain in an indirect table. */
	int (*add_indirect)(struct drv_ring *r, const struct drv_buf *bufs, unsigned int n,
			    void *table, uint64_t table_gpa, void *cookie);
	/* Enter and publish one chain of these descriptors, whatever is wrong with them. */
	void (*push_raw)(struct drv_ring *r, const struct vring_desc *d, unsigned int n);
	/* Write entry i of an indirect table. */
	void (*put_entry)(void *table, unsigned int i, const struct vring_desc *d);
	/* Flags of the first descriptor of a chain in flight. */
	uint16_t *(*flags)(const struct drv_ring *r, uint16_t id);
	void (*publish)(struct drv_ring *r);
	bool (*need_kick)(struct drv_ring *r);
	/* 1 and *done, 0 when nothing is there, -EPROTO when the device broke the rules. */
	int (*get)(struct drv_ring *r, struct drv_done *done);
	bool (*pending)(const struct drv_ring *r);
	/* Ask for an interrupt at the nth used chain from here; without EVENT_IDX the first. */
	void (*arm)(struct drv_ring *r, unsigned int n);
	void (*disarm)(struct drv_ring *r);
	/* Value for SET_VRING_BASE if a device were to continue after all used chains. */
	uint32_t (*base)(const struct drv_ring *r);
	/* Lower half of the value of a device that has all that was published. */
	uint16_t (*avail)(const struct drv_ring *r);
	/* How many chains came back, as a running 16-bit count. */
	uint16_t (*used)(const struct drv_ring *r);
	/* Where the device writes next; and from there to now, where it may have written. */
	uint32_t (*mark)(const struct drv_ring *r);
	unsigned int (*wrote)(const struct drv_ring *r, uint32_t mark, struct drv_span *span);
};

#define DRV_SPANS	4	/* that wrote() gives at most */

extern const struct drv_layout drv_split;
extern const struct drv_layout drv_packed;

/* The one that these feature bits choose. */
const struct drv_layout *drv_layout_of(uint64_t features);

/* State of one descriptor slot that must not be read back from shared memory. */
struct drv_slot {
	void *cookie;
	/* Free list, or next descriptor of the chain; packed, in flight: its first place */
	uint16_t next;
	uint16_t count;		/* head of a chain in flight: its descriptors; else 0 */
	uint32_t in_len;	/* and its bytes for the device to write */
	uint16_t order;		/* packed: ids of chains in flight, oldest first */
};

struct drv_ring {
	const struct drv_layout *layout;
	unsigned int num;
	bool event_idx;
	bool in_order;		/* set behind drv_ring_init(), while nothing is in flight */
	bool batch;		/* in order: in the middle of a batch ... */
	uint16_t batch_id;	/* ... which ends with this chain ... */
	uint32_t batch_len;	/* ... of this length */
	struct drv_place at;
	struct drv_slot *slots;
	uint16_t free_head;
	uint16_t free_count;
	uint16_t avail_idx;	/* next avail slot to fill, published or not */
	uint16_t kick_idx;	/* avail_idx at the last need_kick() */
	uint16_t used_idx;	/* next used slot to read; packed: chains that were */
	/* packed: descriptors, counted over all rounds */
	uint32_t desc_avail;	/* added */
	uint32_t desc_published;
	uint32_t desc_kick;	/* desc_published at the last need_kick() */
	uint32_t desc_used;
	uint16_t first_flags;	/* of the first one that is not published */
	uint16_t order_first;
	uint16_t order_count;
};

/*
 * Returns 0 or -ENOMEM. The areas in *at are zeroed and owned by the caller. count:
 * how many entries (packed: descriptors) are taken to have been used before.
 */
int drv_ring_init(struct drv_ring *r, const struct drv_layout *layout, unsigned int num,
		  const struct drv_place *at, uint32_t count, bool event_idx);
void drv_ring_free(struct drv_ring *r);
/* Start over there as a driver does after a reset; chains in flight are forgotten. */
void drv_ring_restart(struct drv_ring *r, uint32_t count);

/* Each returns the chain's id (>= 0) or -ENOSPC. Not visible before drv_ring_publish(). */
int drv_ring_add(struct drv_ring *r, const struct drv_buf *bufs, unsigned int n,
		 void *cookie);
int drv_ring_add_indirect(struct drv_ring *r, const struct drv_buf *bufs, unsigned int n,
			  void *table, uint64_t table_gpa, void *cookie);
/* drv_ring_add() for a single buffer. */
int drv_ring_add1(struct drv_ring *r, uint64_t gpa, uint32_t len, bool write, void *cookie);

void drv_ring_publish(struct drv_ring *r);
/* Does the device want a kick for what was published since the last call? */
bool drv_ring_need_kick(struct drv_ring *r);

int drv_ring_get(struct drv_ring *r, struct drv_done *done);
/* As drv_ring_get(), polling used memory up to timeout_ms; -ETIMEDOUT when that ends. */
int drv_ring_wait(struct drv_ring *r, struct drv_done *done, unsigned int timeout_ms);

/* Ask for an interrupt at the next used chain; true when one is there already. */
bool drv_ring_arm(struct drv_ring *r);
/* The same at the nth one, with EVENT_IDX, without a look at what is there. */
void drv_ring_arm_at(struct drv_ring *r, unsigned int n);
void drv_ring_disarm(struct drv_ring *r);
uint32_t drv_ring_base(const struct drv_ring *r);
uint16_t drv_ring_avail(const struct drv_ring *r);
/* How many chains the device has given back, taken or not, as a running 16-bit count. */
uint16_t drv_ring_used(const struct drv_ring *r);
/* Chains published or added that the device has not given back. */
unsigned int drv_ring_in_flight(const struct drv_ring *r);

/*
 * For tests that break rings on purpose: one chain of n descriptors, published. They lie
 * at descriptors 0 to n - 1 of a split ring, and their links are what .next says; in a
 * packed ring they are the next ones, and link to each other.
 */
static inline void drv_ring_push_raw(struct drv_ring *r, const struct vring_desc *d,
				     unsigned int n)
{
	r->layout->push_raw(r, d, n);
}

static inline void drv_ring_put_entry(const struct drv_ring *r, void *table, unsigned int i,
				      const struct vring_desc *d)
{
	r->layout->put_entry(table, i, d);
}

static inline uint16_t *drv_ring_flags(const struct drv_ring *r, uint16_t id)
{
	return r->layout->flags(r, id);
}

/* Raw view of a split ring. */
static inline struct vring_desc *drv_split_desc(const struct drv_ring *r)
{
	return r->at.desc;
}

static inline struct vring_avail *drv_split_avail(const struct drv_ring *r)
{
	return r->at.driver;
}

static inline struct vring_used *drv_split_used(const struct drv_ring *r)
{
	return r->at.device;
}

/* And of a packed one. */
static inline struct vring_packed_desc *drv_packed_desc(const struct drv_ring *r)
{
	return r->at.desc;
}

/* How many chains the device has given back, as a running 16-bit count. */
static inline uint16_t drv_split_used_idx(const struct drv_ring *r)
{
	return __atomic_load_n(&drv_split_used(r)->idx, __ATOMIC_ACQUIRE);
}

/* Where the driver says how far it wants to hear (EVENT_IDX): end of the avail ring. */
static inline uint16_t *drv_split_used_event(const struct drv_ring *r)
{
	return &drv_split_avail(r)->ring[r->num];
}

/* Where the device says how far it wants to hear: end of the used ring. */
static inline uint16_t *drv_split_avail_event(const struct drv_ring *r)
{
	return (uint16_t *)(void *)&drv_split_used(r)->ring[r->num];
}

/*
 * Hand the device one head, whatever the descriptors at it contain, and advance
 * the avail index by "advance" (1 for a legal entry).
 */
void drv_split_push_raw(struct drv_ring *r, uint16_t head, uint16_t advance);

#endif
