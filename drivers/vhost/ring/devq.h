/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_DEVQ_H
#define RINGSIDE_DEVQ_H
/*
 * The ring engine: the device's side of a virtqueue (virtio 1.3, section 2.6).
 *
 * A device pops chains of buffers in batches, fills or reads them, and pushes
 * them back in batches. It never learns how the ring is laid out (split or
 * packed) nor how memory is reached (through memslots, through an IOTLB that
 * leads to user or to physical memory, or plain kernel memory in tests). Both
 * are chosen once, when the queue starts, as one struct devq_ops; there is one
 * indirect call for each batch and none for each descriptor.
 * Documentation/ring.rst shows how the pieces fit.
 *
 * Whatever the guest writes is read once, checked, then used. A guest that
 * breaks the rules, or names memory that is not there, breaks the queue: every
 * call fails with -EIO and does nothing until devq_clear_error().
 *
 * Locking: the caller serialises all calls on one devq (vhost: the queue's
 * mutex). Calls that touch the ring are made between devq_enter() and
 * devq_exit(), which keep the guest's memory map from changing underneath.
 */

#include <linux/types.h>
#include <linux/uio.h>

#include "memmap/memmap.h"
#include "ring/devq_stats.h"

/* Chains that one devq_pop() handles at most. */
#define DEVQ_BATCH	64

/* Pieces of memory that one chain may have: what an iov_iter of a socket takes. */
#define DEVQ_CHAIN_SEGS	UIO_MAXIOV

/**
 * struct devq_chain - one buffer: a chain of descriptors, popped
 * @id: names the buffer to the driver; opaque to devices
 * @ndesc: descriptors it occupies in the ring
 * @nr_out: device-readable pieces, at @seg
 * @nr_in: device-writable pieces, at @seg + @nr_out
 * @unmapped: it names memory that is not mapped so: there are no pieces, and all
 *	the device can do is give it back with nothing written. Only with
 *	devq_config.no_miss
 * @out_len: device-readable bytes
 * @in_len: device-writable bytes
 * @seg: its pieces, in the array given to devq_pop(): user addresses, or kernel
 *	ones (see devq_kvec()) for DEVQ_MEM_PHYS and DEVQ_MEM_KERNEL
 */
struct devq_chain {
	u16 id;
	u16 ndesc;
	u16 nr_out;
	u16 nr_in;
	bool unmapped;
	u32 out_len;
	u32 in_len;
	struct iovec *seg;
};

/**
 * struct devq_used - one buffer to give back
 * @id: devq_chain.id
 * @ndesc: devq_chain.ndesc
 * @full: the device-writable part, if any, was written to its end
 * @len: bytes written to the device-writable part
 *
 * Made by devq_use().
 */
struct devq_used {
	u16 id;
	u16 ndesc;
	bool full;
	u32 len;
};

/**
 * struct devq_pos - where a device stands in a ring
 * @avail: index of the next buffer to pop
 * @used: index of the next used entry to write
 * @avail_wrap: packed: wrap counter of @avail
 * @used_wrap: packed: wrap counter of @used
 */
struct devq_pos {
	u16 avail;
	u16 used;
	bool avail_wrap;
	bool used_wrap;
};

/**
 * struct devq_addr - the three areas of a queue (virtio 1.3, 2.6)
 * @desc: descriptor area
 * @driver: driver area: available ring, or driver event suppression
 * @device: device area: used ring, or device event suppression
 *
 * As configured they are user addresses for DEVQ_MEM_USER, I/O virtual ones when
 * there is a device IOTLB, and kernel addresses for DEVQ_MEM_KERNEL.
 */
struct devq_addr {
	u64 desc;
	u64 driver;
	u64 device;
};

/**
 * struct devq_extent - one of the areas, and how it is accessed
 * @addr: first address
 * @len: bytes
 * @align: what @addr has to be a multiple of
 * @perm: MEMMAP_READ | MEMMAP_WRITE
 */
struct devq_extent {
	u64 addr;
	u64 len;
	u32 align;
	u32 perm;
};

enum devq_area {
	DEVQ_AREA_DESC,
	DEVQ_AREA_DRIVER,
	DEVQ_AREA_DEVICE,
	DEVQ_AREAS,
};

/**
 * struct devq_miss - what the device IOTLB could not translate
 * @addr: I/O virtual address
 * @perm: access wanted; 0 when nothing was missed
 * @denied: it is mapped, but the access not permitted
 */
struct devq_miss {
	u64 addr;
	u32 perm;
	bool denied;
};

/**
 * struct devq_log - where writes to guest memory are noted
 * @base: user address of the bitmap, one bit for each 4 KiB of guest memory
 * @buffers: note what is written to buffers
 * @ring: note what is written to the ring
 * @ring_addr: guest physical address of the device area; not used with a device
 *	IOTLB, where the memory table tells, as it does for a packed ring's descriptors
 * @marked: a bit has been set since somebody last looked
 * @word: word of the bitmap that @mask is to be set in
 * @mask: bits that are not set yet, 0 between calls
 * @version: of the memslot set that @first to @guest are from, 0 for none
 * @first: first user address of a slot whose memory is in no other one
 * @last: last user address, inclusive
 * @guest: guest physical address of @first
 */
struct devq_log {
	u64 base;
	bool buffers;
	bool ring;
	u64 ring_addr;
	bool marked;
	u64 word;
	u32 mask;
	u64 version;
	u64 first;
	u64 last;
	u64 guest;
};

/* Kinds of memory a ring can be in. */
enum devq_mem_type {
	DEVQ_MEM_USER,		/* rings at user addresses, buffers through a map */
	DEVQ_MEM_IOTLB,		/* both through the device IOTLB; chosen by the engine */
	DEVQ_MEM_PHYS,		/* as USER, but a device IOTLB leads to physical addresses */
	DEVQ_MEM_PHYS_IOTLB,	/* as IOTLB, the same; chosen by the engine */
	DEVQ_MEM_KERNEL,	/* rings and buffers at kernel addresses: tests */
};

struct devq;

/**
 * struct devq_ops - the engine for one layout over one kind of memory
 * @extents: the DEVQ_AREAS areas of a ring of @num at @addr
 * @area_ok: can there be an area, which does not wrap?
 * @start: read what the ring holds when a device starts on it
 * @pop: see devq_pop()
 * @unpop: see devq_unpop()
 * @push: see devq_push()
 * @want_signal: see devq_want_signal()
 * @enable_kick: see devq_enable_kick()
 * @disable_kick: see devq_disable_kick()
 * @pending: see devq_pending()
 *
 * Those that return an int return -EIO after recording the reason when the ring
 * is broken.
 */
struct devq_ops {
	void (*extents)(u16 num, u64 features, const struct devq_addr *addr,
			struct devq_extent *extent);
	bool (*area_ok)(u64 addr, u64 len);
	int (*start)(struct devq *dq);
	int (*pop)(struct devq *dq, struct devq_chain *chain, unsigned int max,
		   struct iovec *iov, unsigned int iov_max);
	void (*unpop)(struct devq *dq, const struct devq_chain *chain, unsigned int n);
	int (*push)(struct devq *dq, const struct devq_used *used, unsigned int n);
	int (*want_signal)(struct devq *dq);
	int (*enable_kick)(struct devq *dq);
	int (*disable_kick)(struct devq *dq);
	int (*pending)(struct devq *dq);
};

/*
 * A descriptor as the guest wrote it, copied once. It is the ring's, in byte order
 * and sequence, until the layout has decoded it in place. A split ring's has the
 * next one's index, a packed ring's the buffer's id.
 */
struct devq_desc {
	union {
		struct {
			u64 addr;
			u32 len;
			u16 flags;
			union {
				u16 next;
				u16 id;
			};
		};
		u64 word[2];
	};
};

/* Lookups that a scattered ring remembers. */
#define DEVQ_PAGES	4

/**
 * struct devq - device side of one virtqueue
 * @ops: layout x memory; NULL while stopped
 * @addr: the three areas as configured
 * @area: where @ops finds them: @addr, or its translation if each lies in one piece
 * @features: what the driver negotiated
 * @num: queue size
 * @event_idx: VIRTIO_RING_F_EVENT_IDX negotiated
 * @in_order: VIRTIO_F_IN_ORDER negotiated
 * @notify_on_empty: split: VIRTIO_F_NOTIFY_ON_EMPTY negotiated
 * @little_endian: byte order of the ring
 * @kicks_off: the driver was told that kicks are not needed
 * @signalled_valid: @signalled, or @unasked, says where the last signal was sent
 * @signalled: split: used index at the last signal
 * @unasked: packed: descriptors used since the last devq_want_signal(), up to @num
 * @avail_seen: split: available index last read from the ring
 * @pos: position
 * @error: reason why the queue is broken
 * @fresh: devq_ops.start is still to be called: nothing was accessed so far
 * @phys: @iotlb leads to physical addresses
 * @no_miss: see struct devq_config
 * @keep_used: see struct devq_config
 * @slots: guest memory; NULL without, for vDPA and DEVQ_MEM_KERNEL
 * @reader: our announcement to the editors of @slots
 * @slot_set: the memslot set of this turn
 * @iotlb: device IOTLB; NULL without one
 * @iotlb_reader: our announcement to its editors; the caller's
 * @set: where this turn looks buffers up: @slot_set, or the set of @iotlb; NULL
 *	outside of a turn
 * @ring_map: device IOTLB of the areas if it is another one, else NULL
 * @ring_reader: our announcement to its editors; the caller's
 * @ring_set: where this turn looks the areas up, if there is @iotlb: a set of
 *	@ring_map, or @set
 * @resolved: generation of @ring_set that @area and @ops hold for, 0 for none
 * @miss: why a call returned -EAGAIN, or the ring is broken by DEVQ_E_ACCESS
 * @buffers: last entry a buffer was found in
 * @tables: last entry an indirect table was found in
 * @pages: scattered rings: last entries parts of the areas were found in
 * @log: dirty log
 * @stats: for those who watch, without the caller's lock
 * @kmem_first: lowest address of a buffer, for DEVQ_MEM_KERNEL
 * @kmem_last: highest, inclusive
 * @first: scratch: the first descriptor of each chain of a batch
 * @run: scratch: further descriptors of a chain, or part of an indirect table
 * @heads: scratch: index of each of @first
 *
 * All fields are serialised by the caller, see above.
 */
struct devq {
	const struct devq_ops *ops;
	struct devq_addr addr;
	struct devq_addr area;
	u64 features;
	u16 num;
	bool event_idx;
	bool in_order;
	bool notify_on_empty;
	bool little_endian;
	bool kicks_off;
	bool signalled_valid;
	bool fresh;
	bool phys;
	bool no_miss;
	bool keep_used;
	u16 signalled;
	u16 unasked;
	u16 avail_seen;
	struct devq_pos pos;
	enum devq_error error;

	struct memmap *slots;
	struct memmap_reader reader;
	const struct memmap_set *slot_set;
	struct memmap *iotlb;
	struct memmap_reader *iotlb_reader;
	const struct memmap_set *set;
	struct memmap *ring_map;
	struct memmap_reader *ring_reader;
	const struct memmap_set *ring_set;
	u64 resolved;
	struct devq_miss miss;
	struct memmap_cache buffers;
	struct memmap_cache tables;
	struct memmap_cache pages[DEVQ_PAGES];
	struct devq_log log;
	struct devq_stats stats;

	u64 kmem_first;
	u64 kmem_last;

	struct devq_desc first[DEVQ_BATCH];
	struct devq_desc run[DEVQ_BATCH];
	u16 heads[DEVQ_BATCH];
};

/**
 * struct devq_config - what devq_start() needs to know
 * @mem: kind of memory
 * @addr: the three areas
 * @num: queue size: 1..32768; a power of two unless the layout is packed
 * @features: negotiated feature bits
 * @little_endian: byte order of a legacy ring; VIRTIO_F_VERSION_1 implies it
 * @no_miss: nobody answers a miss of @iotlb. A ring or an indirect table that is
 *	not mapped breaks the queue, a buffer that is not makes its chain
 *	devq_chain.unmapped
 * @keep_used: where to write the next used entry is known: devq.pos is complete
 * @slots: guest memory, which knows devq.reader; needed for DEVQ_MEM_USER unless
 *	there is @iotlb
 * @iotlb: NULL, or the device IOTLB that the areas and all buffers are translated
 *	by; needed for DEVQ_MEM_PHYS
 * @iotlb_reader: one that @iotlb knows, for this queue alone
 * @ring_map: NULL, or another device IOTLB by which the areas are translated, and
 *	nothing else: addresses in descriptors, those of indirect tables too, are
 *	of @iotlb. Needs @no_miss, as a miss does not tell whose it is
 * @ring_reader: one that @ring_map knows, for this queue alone
 * @kmem_first: lowest address of a buffer, for DEVQ_MEM_KERNEL
 * @kmem_last: highest, inclusive
 */
struct devq_config {
	enum devq_mem_type mem;
	struct devq_addr addr;
	u16 num;
	u64 features;
	bool little_endian;
	bool no_miss;
	bool keep_used;
	struct memmap *slots;
	struct memmap *iotlb;
	struct memmap_reader *iotlb_reader;
	struct memmap *ring_map;
	struct memmap_reader *ring_reader;
	u64 kmem_first;
	u64 kmem_last;
};

void devq_init(struct devq *dq);
int devq_start(struct devq *dq, const struct devq_config *cfg);
void devq_stop(struct devq *dq);
int devq_move(struct devq *dq, const struct devq_addr *addr);
bool devq_num_ok(u64 features, u32 num);
bool devq_addr_aligned(u64 features, const struct devq_addr *addr);
u64 devq_device_area_len(u16 num, u64 features);
u32 devq_pos_to_base(u64 features, const struct devq_pos *pos);
int devq_pos_from_base(u64 features, u32 base, struct devq_pos *pos);
bool devq_has_area_in(const struct devq *dq, u64 first, u64 last);
int devq_enter_iotlb(struct devq *dq);
int devq_log_chains(struct devq *dq, const struct devq_chain *chain,
		    const struct devq_used *used, unsigned int n);
int devq_fail(struct devq *dq, enum devq_error error);
const char *devq_error_name(enum devq_error error);

/**
 * devq_running - has the queue been started?
 * @dq: the queue
 *
 * Return: true if so.
 */
static inline bool devq_running(const struct devq *dq)
{
	return dq->ops;
}

/**
 * devq_clear_error - let a broken queue take buffers again
 * @dq: the queue
 */
static inline void devq_clear_error(struct devq *dq)
{
	dq->error = DEVQ_OK;
}

/**
 * devq_enter - start a turn on a running queue
 * @dq: the queue
 *
 * What devq_pop() returns may be used until devq_exit(). The memory map may
 * change meanwhile for others, but its editor waits for us.
 *
 * Context: may sleep; the owner's address space for DEVQ_MEM_USER.
 * Return: 0; -EAGAIN if the device IOTLB lacks devq.miss, -EIO if the ring is
 * broken. Then there is no turn.
 */
static inline int devq_enter(struct devq *dq)
{
	if (likely(dq->slots)) {
		dq->slot_set = memmap_read_lock(dq->slots, &dq->reader);
		dq->set = dq->slot_set;
	}
	return unlikely(dq->iotlb) ? devq_enter_iotlb(dq) : 0;
}

/**
 * devq_exit - end the turn
 * @dq: the queue
 */
static inline void devq_exit(struct devq *dq)
{
	if (unlikely(dq->iotlb)) {
		if (dq->ring_map)
			memmap_read_unlock(dq->ring_map, dq->ring_reader);
		memmap_read_unlock(dq->iotlb, dq->iotlb_reader);
	}
	dq->set = NULL;
	if (likely(dq->slots))
		memmap_read_unlock(dq->slots, &dq->reader);
}

/**
 * devq_kvec - pieces of a chain in kernel memory
 * @seg: some of devq_chain.seg, of a queue over DEVQ_MEM_PHYS or DEVQ_MEM_KERNEL
 *
 * Return: the same pieces, called what they are.
 */
static inline const struct kvec *devq_kvec(const struct iovec *seg)
{
	static_assert(sizeof(struct kvec) == sizeof(struct iovec));
	static_assert(offsetof(struct kvec, iov_base) == offsetof(struct iovec, iov_base));
	static_assert(offsetof(struct kvec, iov_len) == offsetof(struct iovec, iov_len));
	return (const struct kvec *)seg;
}

/**
 * devq_contended - does somebody wait for the turn to end?
 * @dq: the queue
 *
 * For loops that stay in a turn without doing anything.
 *
 * Context: between devq_enter() and devq_exit().
 * Return: true if so.
 */
static inline bool devq_contended(const struct devq *dq)
{
	/* Who looks again and again needs no barrier. */
	return (dq->slots && waitqueue_active(&dq->slots->wait)) ||
	       /* The same. */
	       (dq->iotlb && waitqueue_active(&dq->iotlb->wait)) ||
	       /* The same. */
	       (dq->ring_map && waitqueue_active(&dq->ring_map->wait));
}

/**
 * devq_log - note what a device wrote to buffers
 * @dq: the queue
 * @chain: the buffers
 * @used: their devq_used.len says how much of each was written, from the start
 *	of the device-writable part
 * @n: how many
 *
 * To be called after writing and before devq_push(), and for buffers that were
 * written to but are not pushed.
 *
 * Context: between devq_enter() and devq_exit(); may sleep.
 * Return: 0, or -EIO if the ring is broken.
 */
static inline int devq_log(struct devq *dq, const struct devq_chain *chain,
			   const struct devq_used *used, unsigned int n)
{
	return likely(!dq->log.buffers) ? 0 : devq_log_chains(dq, chain, used, n);
}

/* @n chains were popped, or @back: given back unused. */
static inline void devq_count_chains(struct devq *dq, const struct devq_chain *chain,
				     unsigned int n, bool back)
{
	u64 read = 0;
	unsigned int i;

	for (i = 0; i < n; i++)
		read += chain[i].out_len;
	devq_count(&dq->stats.buffers, back ? -(u64)n : n);
	devq_count(&dq->stats.read, back ? -read : read);
}

static inline void devq_count_used(struct devq *dq, const struct devq_used *used, unsigned int n)
{
	u64 written = 0;
	unsigned int i;

	for (i = 0; i < n; i++)
		written += used[i].len;
	devq_count(&dq->stats.pushes, 1);
	devq_count(&dq->stats.used, n);
	devq_count(&dq->stats.written, written);
}

/**
 * devq_pop - take buffers the driver made available
 * @dq: the queue
 * @chain: where to put them
 * @max: room in @chain; at most DEVQ_BATCH are popped in one call
 * @iov: where to put their pieces, those of the first chain first
 * @iov_max: room in @iov, at least DEVQ_CHAIN_SEGS
 *
 * A chain that does not fit into what is left of @iov stays in the ring.
 *
 * Context: between devq_enter() and devq_exit(); may sleep.
 * Return: how many, 0 if the ring is empty, -EIO if it is broken, -EAGAIN if the
 * device IOTLB lacks devq.miss. Good chains ahead of one that fails are returned
 * first.
 */
static inline int devq_pop(struct devq *dq, struct devq_chain *chain, unsigned int max,
			   struct iovec *iov, unsigned int iov_max)
{
	int n;

	if (unlikely(dq->error))
		return -EIO;
	n = dq->ops->pop(dq, chain, max, iov, iov_max);
	if (n > 0) {
		devq_count(&dq->stats.pops, 1);
		devq_count_chains(dq, chain, n, false);
	}
	return n;
}

/**
 * devq_unpop - give the last buffers back unused, as if never popped
 * @dq: the queue
 * @chain: the chains to give back, in the order they were popped; the last of
 *	them is the last one popped
 * @n: how many
 */
static inline void devq_unpop(struct devq *dq, const struct devq_chain *chain, unsigned int n)
{
	dq->ops->unpop(dq, chain, n);
	devq_count_chains(dq, chain, n, true);
}

/**
 * devq_use - a buffer that the device is done with
 * @chain: the buffer, popped
 * @len: bytes written to its device-writable part
 *
 * Return: what devq_push() takes.
 */
static inline struct devq_used devq_use(const struct devq_chain *chain, u32 len)
{
	return (struct devq_used) {
		.id = chain->id,
		.ndesc = chain->ndesc,
		.full = len == chain->in_len,
		.len = len,
	};
}

/**
 * devq_push - give used buffers to the driver
 * @dq: the queue
 * @used: the buffers
 * @n: how many, at most the queue size
 *
 * All of them become visible at once. A device that offers VIRTIO_F_IN_ORDER
 * pushes buffers in the order it popped them; others may choose.
 *
 * Context: between devq_enter() and devq_exit(); may sleep.
 * Return: 0, or -EIO if the ring is broken; none is visible then.
 */
static inline int devq_push(struct devq *dq, const struct devq_used *used, unsigned int n)
{
	int err;

	if (unlikely(dq->error))
		return -EIO;
	err = dq->ops->push(dq, used, n);
	if (likely(!err))
		devq_count_used(dq, used, n);
	return err;
}

/**
 * devq_want_signal - does the driver want to hear of what was pushed?
 * @dq: the queue
 *
 * To be asked once for each batch of devq_push() calls (virtio 1.3, 2.7.7).
 *
 * Context: between devq_enter() and devq_exit(); may sleep.
 * Return: 1 or 0, or -EIO if the ring is broken.
 */
static inline int devq_want_signal(struct devq *dq)
{
	int want;

	if (unlikely(dq->error))
		return -EIO;
	want = dq->ops->want_signal(dq);
	if (want > 0)
		devq_count(&dq->stats.signals, 1);
	return want;
}

/**
 * devq_enable_kick - ask the driver to kick when it adds buffers
 * @dq: the queue
 *
 * Context: between devq_enter() and devq_exit(); may sleep.
 * Return: 1 if buffers are there already (the kick may not come), 0 if not,
 * -EIO if the ring is broken.
 */
static inline int devq_enable_kick(struct devq *dq)
{
	if (unlikely(dq->error))
		return -EIO;
	return dq->ops->enable_kick(dq);
}

/**
 * devq_disable_kick - tell the driver that kicks are not needed for now
 * @dq: the queue
 *
 * Context: between devq_enter() and devq_exit(); may sleep.
 * Return: 0, or -EIO if the ring is broken.
 */
static inline int devq_disable_kick(struct devq *dq)
{
	if (unlikely(dq->error))
		return -EIO;
	return dq->ops->disable_kick(dq);
}

/**
 * devq_pending - are there buffers to pop?
 * @dq: the queue
 *
 * Context: between devq_enter() and devq_exit(); may sleep.
 * Return: 1 or 0, or -EIO if the ring is broken.
 */
static inline int devq_pending(struct devq *dq)
{
	if (unlikely(dq->error))
		return -EIO;
	return dq->ops->pending(dq);
}

#endif
