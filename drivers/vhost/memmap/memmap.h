/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_MEMMAP_H
#define RINGSIDE_MEMMAP_H
/*
 * Address maps: from the addresses a guest uses to those the host can use.
 *
 * One interval tree type serves every map. A node maps the closed interval
 * [start, last] to the addresses from addr up; "last" is inclusive throughout
 * the project, "end" would be exclusive. Two nodes of a map never overlap, and
 * neighbours are never merged: each stays what its owner added, so that each
 * can be taken away alone.
 *
 * Memslots are such a map of a VMM's guest memory, made for being changed while
 * queues run. There are two trees over the same slots. Readers use the active
 * one and take no lock; an update edits the idle one, makes it the active one
 * with a single store, waits for the readers that still use the other, and
 * repeats the edit there. When an update returns, no reader can reach a region
 * it removed, so the VMM may unmap it at once. An update that only adds has
 * nothing to wait for: the next one repeats its edit.
 *
 * Readers are few (the queues of one device) and known, so each announces the
 * set it uses in a word of its own, and an updater waits for exactly those that
 * announced the old set. SRCU would do the same; but its grace period takes two
 * trips through a workqueue, and cannot be interrupted, so that a VMM killed
 * while a worker sleeps in a page fault which that VMM was to serve would stay
 * for ever. Documentation/memslots.rst has the figures.
 *
 * The cost of an update is a sequential compare of the two tables plus
 * O(log n) for each region that differs.
 */

#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/types.h>
#include <linux/uio.h>
#include <linux/wait.h>
#include <uapi/linux/vhost_types.h>

/* What a mapping permits: VHOST_ACCESS_RO, VHOST_ACCESS_WO or both. */
#define MEMMAP_READ	VHOST_ACCESS_RO
#define MEMMAP_WRITE	VHOST_ACCESS_WO

/* Hard limit on the regions of a table: what KVM allows in memslots. */
#define MEMSLOTS_MAX	32767

/**
 * struct memmap_node - one interval of an address map; a cache line
 * @rb: position in the tree, ordered by @start
 * @subtree_last: highest @last at or below this node
 * @start: first address mapped
 * @last: last address mapped, inclusive
 * @addr: what @start maps to
 * @perm: MEMMAP_READ | MEMMAP_WRITE
 *
 * Everything but @rb and @subtree_last is immutable once the node is in a tree.
 */
struct memmap_node {
	struct rb_node rb;
	u64 subtree_last;
	u64 start;
	u64 last;
	u64 addr;
	u32 perm;
};

/**
 * struct memmap_cache - the interval a reader hit last
 * @generation: of the tree it was read from; 0 while the cache is empty
 * @start: first address
 * @last: last address, inclusive
 * @addr: what @start maps to
 * @perm: what it permits
 *
 * A copy and no pointer: a stale one can be compared, never followed. Owned by
 * one reader, who serialises its use.
 */
struct memmap_cache {
	u64 generation;
	u64 start;
	u64 last;
	u64 addr;
	u32 perm;
};

/**
 * struct memslot_set - one of the two trees
 * @root: the slots
 * @generation: changes whenever a slot leaves the map, and only then: growth
 *	leaves every cached lookup valid
 * @index: which node of a slot is in this tree, 0 or 1
 */
struct memslot_set {
	struct rb_root_cached root;
	u64 generation;
	unsigned int index;
};

/**
 * struct memslots_reader - one who looks up in the map
 * @link: in memslots.readers
 * @set: the set it uses; NULL between turns. Written by the reader alone
 */
struct memslots_reader {
	struct list_head link;
	const struct memslot_set *set;
};

/**
 * struct memslots_update - what differs between two tables
 * @add: slots that are only in the new one
 * @del: slots that are only in the old one
 */
struct memslots_update {
	struct list_head add;
	struct list_head del;
};

/**
 * struct memslots - guest memory of one device
 * @active: the set readers use; written under @lock
 * @set: both sets; the active one is read only, the other is under @lock
 * @readers: all readers; immutable while the map is in use
 * @wait: where an update waits for readers
 * @dep_map: tells lockdep that an update waits for readers
 * @lock: serialises updates; protects what follows
 * @pending: the last update, as long as the idle set does not have it
 * @table: the regions in force, in the VMM's order, and room for the next table
 * @capacity: regions that each of @table can hold
 * @cur: which of @table is in force
 * @nregions: regions in force
 */
struct memslots {
	struct memslot_set *active;
	struct memslot_set set[2];
	struct list_head readers;
	wait_queue_head_t wait;
#ifdef CONFIG_LOCKDEP
	struct lockdep_map dep_map;
#endif

	struct mutex lock;
	struct memslots_update pending;
	struct vhost_memory_region *table[2];
	unsigned int capacity[2];
	unsigned int cur;
	unsigned int nregions;
};

void memslots_init(struct memslots *ms);
void memslots_destroy(struct memslots *ms);
void memslots_add_reader(struct memslots *ms, struct memslots_reader *reader);
struct vhost_memory_region *memslots_begin(struct memslots *ms, unsigned int nregions);
int memslots_commit(struct memslots *ms, unsigned int nregions);
void memslots_abort(struct memslots *ms);
unsigned int memslots_count(struct memslots *ms);
int memslots_validate(struct memslots *ms);

int memslots_translate_slow(const struct memslot_set *set, struct memmap_cache *cache,
			    u64 gpa, u64 len, u32 perm, struct iovec *iov, unsigned int max);
int memslots_read(const struct memslot_set *set, struct memmap_cache *cache, void *dst, u64 gpa,
		  u64 len);

/**
 * memslots_read_lock - start using the map
 * @ms: the map
 * @reader: the caller, known by memslots_add_reader(); not inside already
 *
 * Context: the caller may sleep in a page fault while inside. Updates that
 * remove something wait for it.
 * Return: the set to look up in; valid until memslots_read_unlock().
 */
static inline const struct memslot_set *memslots_read_lock(struct memslots *ms,
							   struct memslots_reader *reader)
{
	const struct memslot_set *set = READ_ONCE(ms->active), *now;

	lock_map_acquire_read(&ms->dep_map);
	for (;;) {
		WRITE_ONCE(reader->set, set);
		/*
		 * Pairs with the barrier in memslots_wait(): either the updater
		 * sees what we announced, or we see what it published.
		 */
		smp_mb();
		/* Pairs with the release in update_publish(): the tree is complete. */
		now = smp_load_acquire(&ms->active);
		if (likely(now == set))
			return set;
		set = now;
		/* An updater may have gone to sleep over what we announced. */
		WRITE_ONCE(reader->set, set);
		if (wq_has_sleeper(&ms->wait))
			wake_up_all(&ms->wait);
	}
}

/**
 * memslots_read_unlock - stop using the map
 * @ms: the map
 * @reader: as given to memslots_read_lock()
 */
static inline void memslots_read_unlock(struct memslots *ms, struct memslots_reader *reader)
{
	/* Pairs with the acquire in memslots_wait(): our lookups are over. */
	smp_store_release(&reader->set, NULL);
	/* wq_has_sleeper() has the barrier between the store and the look. */
	if (wq_has_sleeper(&ms->wait))
		wake_up_all(&ms->wait);
	lock_map_release(&ms->dep_map);
}

/**
 * memmap_cache_hit - does the cached interval hold all of a range?
 * @cache: the reader's cache
 * @generation: of the set the reader uses now
 * @gpa: first address
 * @len: bytes, at least 1
 * @perm: access wanted
 *
 * Return: true if it does, and permits the access.
 */
static inline bool memmap_cache_hit(const struct memmap_cache *cache, u64 generation,
				    u64 gpa, u64 len, u32 perm)
{
	u64 off = gpa - cache->start;
	u64 room = cache->last - cache->start;

	return cache->generation == generation && off <= room && len - 1 <= room - off &&
	       (cache->perm & perm) == perm;
}

/**
 * memslots_translate - find where in user memory a guest range lies
 * @set: from memslots_read_lock()
 * @cache: the reader's cache of its last hit
 * @gpa: first guest physical address
 * @len: bytes, at most 4 GiB; 0 gives no pieces
 * @perm: access wanted
 * @iov: where to put the pieces
 * @max: room in @iov
 *
 * The range may cross any number of regions as long as they leave no hole.
 * Neighbours that are contiguous in user space too give one piece.
 *
 * Context: between memslots_read_lock() and memslots_read_unlock().
 * Return: the number of pieces; -EFAULT if a byte is not mapped, -EPERM if the
 * access is not permitted, -ENOBUFS if there are more than @max pieces.
 */
static inline int memslots_translate(const struct memslot_set *set, struct memmap_cache *cache,
				     u64 gpa, u64 len, u32 perm, struct iovec *iov,
				     unsigned int max)
{
	if (likely(len && max &&
		   memmap_cache_hit(cache, set->generation, gpa, len, perm))) {
		iov->iov_base = u64_to_user_ptr(cache->addr + (gpa - cache->start));
		iov->iov_len = len;
		return 1;
	}
	return memslots_translate_slow(set, cache, gpa, len, perm, iov, max);
}

#endif
