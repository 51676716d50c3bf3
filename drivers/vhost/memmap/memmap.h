/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_MEMMAP_H
#define RINGSIDE_MEMMAP_H
/*
 * Address maps: from the addresses a guest uses to those the host can use.
 *
 * One interval tree type serves every map: the memory table of a VMM
 * (memslot.h), the device IOTLB. An entry maps the closed interval
 * [start, last] to the addresses from addr up; "last" is inclusive throughout
 * the project, "end" would be exclusive. Two entries of a map never overlap, and
 * neighbours are never merged: each stays what its owner added, so that each
 * can be taken away alone.
 *
 * A map is made for being changed while queues run. There are two trees over
 * the same entries. Readers use the active one and take no lock; an edit changes
 * the idle one, makes it the active one with a single store, waits for the
 * readers that still use the other, and repeats the changes there. When an edit
 * is published, no reader can reach an entry it removed, so the VMM may unmap
 * the memory at once. An edit that only adds has nothing to wait for: the next
 * one repeats its changes. What it added can be used at once, also by readers who
 * came before it: they look where they do not find, in the newer set as well.
 *
 * Readers are few (the queues of one device) and known, so each announces the
 * set it uses in a word of its own, and an edit waits for exactly those that
 * announced the old set. SRCU would do the same; but its grace period takes two
 * trips through a workqueue, and cannot be interrupted, so that a VMM killed
 * while a worker sleeps in a page fault which that VMM was to serve would stay
 * for ever. Documentation/memslots.rst has the figures.
 *
 * A map can also be asked the other way round: which addresses of the guest's
 * lead to an address of the host's? There may be several, for two entries may
 * map to the same memory. The dirty log needs that.
 *
 * The cost of an edit is O(log n) for each entry that comes or goes. When the number of
 * entries has doubled, or shrunk to a quarter, since struct memmap_hints was made, it is
 * made anew, in O(n).
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

/**
 * struct memmap_node - one interval of an address map; a cache line
 * @rb: position in the tree, ordered by @start
 * @start: first address mapped
 * @last: last address mapped, inclusive
 * @addr: what @start maps to
 * @perm: MEMMAP_READ | MEMMAP_WRITE in the tree; 0 outside, where nothing may be found
 *
 * Everything but @rb is immutable while the node is in a tree.
 */
struct memmap_node {
	struct rb_node rb;
	u64 start;
	u64 last;
	u64 addr;
	u32 perm;
};

/**
 * struct memmap_rnode - the same interval seen from the other side
 * @rb: position in the tree, ordered by memmap_node.addr
 * @subtree_last: highest address mapped to at or below this node
 * @node: the interval; immutable
 *
 * Intervals may overlap on this side.
 */
struct memmap_rnode {
	struct rb_node rb;
	u64 subtree_last;
	const struct memmap_node *node;
};

/**
 * struct memmap_entry - what one memmap_insert() adds
 * @node: its node in each of the two sets
 * @link: in a list of struct memmap_edit; free for the owner's use otherwise
 * @next: in memmap.free
 * @order: in memmap.order
 * @sorted: in memmap.sorted
 * @perm: what the nodes permit once they are in a tree
 * @fresh: added by the edit that goes on
 * @leaving: for the owner of the map
 * @rnode: as @node; only maps with a reverse side have them
 *
 * All but the nodes is under memmap.lock.
 */
struct memmap_entry {
	struct memmap_node node[2];
	union {
		struct list_head link;
		struct memmap_entry *next;
	};
	struct list_head order;
	struct list_head sorted;
	u8 perm;
	bool fresh;
	bool leaving;
	struct memmap_rnode rnode[];
};

/**
 * struct memmap_cache - the interval a reader hit last
 * @generation: of the set it was found in; 0 while the cache is empty
 * @node: the interval, looked at only by readers of a set of this generation, which
 *	no interval has left since
 *
 * Owned by one reader, who serialises its use, and empties it before it turns to another
 * map, or to one that was initialised anew.
 */
struct memmap_cache {
	u64 generation;
	const struct memmap_node *node;
};

/**
 * struct memmap_hints - an entry for the addresses that share a place
 * @shift: so many address bits are of no concern to the place
 * @mask: places, less one
 * @most: with more entries in the map the table is too small
 * @least: with fewer it is too large
 * @entry: the entry that came or was found last, NULL for none. Readers write them as
 *	edits do: what is found here is looked at before it is believed
 *
 * Makes the cost of a lookup the same for any number of entries. An entry that has
 * left the map may be found here still, or may have come back as another one. So the
 * memory of an entry is not given back before the tables it may be in are; and it is
 * known by memmap_node.perm whether it is in the reader's set.
 */
struct memmap_hints {
	unsigned int shift;
	unsigned int mask;
	unsigned int most;
	unsigned int least;
	struct memmap_entry *entry[];
};

/**
 * struct memmap_set - one of the two trees
 * @root: the entries
 * @rroot: the same, by the addresses they map to
 * @hints: where to look first, with one place that is always empty for a few entries.
 *	Both sets have the same ones, but for an edit that changes them
 * @generation: changes whenever an entry leaves the map, and only then: growth
 *	leaves every cached lookup valid
 * @version: changes with every edit; for what is remembered of the reverse
 *	side, where growth can add a second answer
 * @index: which node of an entry is in this tree, 0 or 1
 */
struct memmap_set {
	struct rb_root root;
	struct rb_root_cached rroot;
	struct memmap_hints *hints;
	u64 generation;
	u64 version;
	unsigned int index;
};

/**
 * struct memmap_reader - one who looks up in a map
 * @link: in memmap.readers
 * @set: the set it uses; NULL between turns. Written by the reader alone
 */
struct memmap_reader {
	struct list_head link;
	const struct memmap_set *set;
};

/**
 * struct memmap_edit - what differs between the two sets
 * @add: entries that are only in the newer one
 * @del: entries that are only in the older one
 */
struct memmap_edit {
	struct list_head add;
	struct list_head del;
};

/* Entries are allocated so many at a time. */
#define MEMMAP_SPARE	8

/* So many free entries are kept, and as many as there are in the map. */
#define MEMMAP_KEEP	64U

/* Maps of up to so many entries are searched without hints. */
#define MEMMAP_UNHINTED	8U

/* Places that a table of hints has at most: two for each of MEMSLOTS_MAX memslots. */
#define MEMMAP_PLACES	65536U

/**
 * struct memmap - an address map
 * @active: the set readers use; written under @lock
 * @set: both sets; the active one is read only, the other is under @lock
 * @readers: all readers; immutable while the map is in use
 * @wait: where an edit waits for readers
 * @dep_map: tells lockdep that an edit waits for readers
 * @reverse: the reverse side is kept; immutable
 * @patient: readers never wait for anybody's memory, and an edit waits for them
 *	even if its caller is killed; changed while there are no readers
 * @lock: serialises edits; protects what follows
 * @edit: changes made to the idle set, not published
 * @pending: changes published, as long as the idle set does not have them
 * @order: all entries, the newest last
 * @sorted: all entries, the lowest address first
 * @count: how many
 * @log_sum: sum of the logarithms of their sizes
 * @free: entries for the next ones, that were in use or allocated ahead of need
 * @nfree: how many
 * @ndel: entries in the list of that name of @edit
 * @drop: @pending changes the hints, and no free entry is kept beyond it
 */
struct memmap {
	struct memmap_set *active;
	struct memmap_set set[2];
	struct list_head readers;
	wait_queue_head_t wait;
#ifdef CONFIG_LOCKDEP
	struct lockdep_map dep_map;
#endif
	bool reverse;
	bool patient;

	struct mutex lock;
	struct memmap_edit edit;
	struct memmap_edit pending;
	struct list_head order;
	struct list_head sorted;
	unsigned int count;
	unsigned int log_sum;
	struct memmap_entry *free;
	unsigned int nfree;
	unsigned int ndel;
	bool drop;
};

void memmap_init(struct memmap *map, bool reverse);
void memmap_destroy(struct memmap *map);
void memmap_add_reader(struct memmap *map, struct memmap_reader *reader);

int memmap_lock(struct memmap *map);
void memmap_unlock(struct memmap *map);
struct memmap_entry *memmap_alloc(struct memmap *map, u64 start, u64 last, u64 addr, u32 perm);
void memmap_free(struct memmap *map, struct memmap_entry *entry);
void memmap_free_list(struct memmap *map, struct list_head *list);
int memmap_place(struct memmap *map, u64 start, u64 last, struct list_head **before);
void memmap_insert_at(struct memmap *map, struct memmap_entry *entry, struct list_head *before);
int memmap_insert(struct memmap *map, struct memmap_entry *entry);
void memmap_remove(struct memmap *map, struct memmap_entry *entry);
struct memmap_entry *memmap_overlap(struct memmap *map, u64 start, u64 last);
struct memmap_entry *memmap_after(struct memmap *map, struct memmap_entry *entry);
bool memmap_maps(struct memmap *map, u64 addr);
int memmap_publish(struct memmap *map);
void memmap_cancel(struct memmap *map);
int memmap_validate(struct memmap *map);

int memmap_translate_slow(const struct memmap_set *set, struct memmap_cache *cache, u64 start,
			  u64 len, u32 perm, struct iovec *iov, unsigned int max, u64 *miss);
int memmap_read(const struct memmap_set *set, struct memmap_cache *cache, void *dst, u64 start,
		u64 len, u64 *miss);
s64 memmap_piece(const struct memmap_set *set, struct memmap_cache *cache, u64 start, u64 len,
		 u32 perm, u64 *addr, u64 *miss);
int memmap_covers(const struct memmap_set *set, u64 start, u64 len, u32 perm, u64 *addr,
		  u64 *miss);
const struct memmap_rnode *memmap_alias_first(const struct memmap_set *set, u64 first, u64 last);
const struct memmap_rnode *memmap_alias_next(const struct memmap_rnode *rnode, u64 first,
					     u64 last);

/**
 * memmap_read_lock - start using a map
 * @map: the map
 * @reader: the caller, known by memmap_add_reader(); not inside already
 *
 * Context: the caller may sleep in a page fault while inside. Edits that
 * remove something wait for it.
 * Return: the set to look up in; valid until memmap_read_unlock().
 */
static inline const struct memmap_set *memmap_read_lock(struct memmap *map,
							struct memmap_reader *reader)
{
	const struct memmap_set *set = READ_ONCE(map->active), *now;

	lock_map_acquire_read(&map->dep_map);
	for (;;) {
		WRITE_ONCE(reader->set, set);
		/*
		 * Pairs with the barrier in memmap_wait(): either the editor sees
		 * what we announced, or we see what it published.
		 */
		smp_mb();
		/* Pairs with the release in memmap_publish(): the tree is complete. */
		now = smp_load_acquire(&map->active);
		if (likely(now == set))
			return set;
		set = now;
		/* An editor may have gone to sleep over what we announced. */
		WRITE_ONCE(reader->set, set);
		if (wq_has_sleeper(&map->wait))
			wake_up_all(&map->wait);
	}
}

/**
 * memmap_read_unlock - stop using a map
 * @map: the map
 * @reader: as given to memmap_read_lock()
 */
static inline void memmap_read_unlock(struct memmap *map, struct memmap_reader *reader)
{
	/* Pairs with the acquire in reader_uses(): our lookups are over. */
	smp_store_release(&reader->set, NULL);
	/* wq_has_sleeper() has the barrier between the store and the look. */
	if (wq_has_sleeper(&map->wait))
		wake_up_all(&map->wait);
	lock_map_release(&map->dep_map);
}

/**
 * memmap_newer - the set that is in force, for a reader who came before it
 * @set: from memmap_read_lock()
 *
 * It stays as it is as long as the reader uses @set: the next edit first repeats the
 * last one there, for which it waits for us.
 *
 * Context: between memmap_read_lock() and memmap_read_unlock().
 * Return: the newer set, NULL if @set is in force.
 */
static inline const struct memmap_set *memmap_newer(const struct memmap_set *set)
{
	const struct memmap *map = container_of(set - set->index, struct memmap, set[0]);
	/* Pairs with the release in memmap_publish(): the tree is complete. */
	const struct memmap_set *now = smp_load_acquire(&map->active);

	return unlikely(now != set) ? now : NULL;
}

/**
 * memmap_node_has - does an interval hold all of a range, and permit the access?
 * @node: the interval
 * @start: first address
 * @len: bytes, at least 1
 * @perm: access wanted
 *
 * Return: true if so.
 */
static __always_inline bool memmap_node_has(const struct memmap_node *node, u64 start, u64 len,
					    u32 perm)
{
	/* First: the rest of a node that is in no tree may be changed by an edit. */
	if ((READ_ONCE(node->perm) & perm) != perm)
		return false;
	return start >= node->start && start <= node->last && len - 1 <= node->last - start;
}

/**
 * memmap_cache_hit - does the cached interval hold all of a range?
 * @cache: the reader's cache
 * @generation: of the set the reader uses now
 * @start: first address
 * @len: bytes, at least 1
 * @perm: access wanted
 *
 * Return: true if it does, and permits the access.
 */
static __always_inline bool memmap_cache_hit(const struct memmap_cache *cache, u64 generation,
					     u64 start, u64 len, u32 perm)
{
	return cache->generation == generation && memmap_node_has(cache->node, start, len, perm);
}

static __always_inline void memmap_cache_fill(struct memmap_cache *cache, u64 generation,
					      const struct memmap_node *node)
{
	cache->generation = generation;
	cache->node = node;
}

/* What an address of an interval maps to. */
static __always_inline u64 memmap_node_addr(const struct memmap_node *node, u64 start)
{
	return node->addr + (start - node->start);
}

/* The place of an address in a table of hints. */
static __always_inline struct memmap_entry **memmap_hint(struct memmap_hints *hints, u64 start)
{
	return &hints->entry[(start >> hints->shift) & hints->mask];
}

/**
 * memmap_hinted - the interval that may hold an address, by the hints
 * @set: from memmap_read_lock()
 * @start: the address
 *
 * Return: NULL for none, or one that need not hold @start, and may be in no set at all:
 * its memmap_node.perm is 0 then, and nothing else of it may be used.
 */
static __always_inline const struct memmap_node *memmap_hinted(const struct memmap_set *set,
							       u64 start)
{
	const struct memmap_entry *entry;

	/* Pairs with the release in memmap_hint_fill(): the entry is initialised. */
	entry = READ_ONCE(*memmap_hint(set->hints, start));
	return entry ? &entry->node[set->index] : NULL;
}

/* A range in one interval, as user addresses. */
static __always_inline void memmap_node_piece(const struct memmap_node *node, u64 start, u64 len,
					      struct iovec *iov)
{
	iov->iov_base = u64_to_user_ptr(memmap_node_addr(node, start));
	iov->iov_len = len;
}

/**
 * memmap_translate_hit - memmap_translate() if the cache tells all of it
 * @set: see there
 * @cache: see there
 * @start: see there
 * @len: see there
 * @perm: see there
 * @iov: where to put the only piece
 *
 * Return: true if it does; false also for a range without bytes.
 */
static __always_inline bool memmap_translate_hit(const struct memmap_set *set,
						 const struct memmap_cache *cache, u64 start,
						 u64 len, u32 perm, struct iovec *iov)
{
	if (!len || !memmap_cache_hit(cache, set->generation, start, len, perm))
		return false;
	memmap_node_piece(cache->node, start, len, iov);
	return true;
}

/**
 * memmap_translate_hint - memmap_translate() if the hints tell all of it
 * @set: see there
 * @cache: see there
 * @start: see there
 * @len: see there
 * @perm: see there, not 0
 * @iov: where to put the only piece
 *
 * Return: true if they do; false also for a range without bytes.
 */
static __always_inline bool memmap_translate_hint(const struct memmap_set *set,
						  struct memmap_cache *cache, u64 start,
						  u64 len, u32 perm, struct iovec *iov)
{
	const struct memmap_node *node = memmap_hinted(set, start);

	if (!node || !len || !memmap_node_has(node, start, len, perm))
		return false;
	memmap_cache_fill(cache, set->generation, node);
	memmap_node_piece(node, start, len, iov);
	return true;
}

/**
 * memmap_translate - find where a range leads
 * @set: from memmap_read_lock()
 * @cache: the reader's cache of its last hit
 * @start: first address
 * @len: bytes, at most 4 GiB; 0 gives no pieces
 * @perm: access wanted
 * @iov: where to put the pieces, as user addresses
 * @max: room in @iov
 * @miss: where to put the address that is at fault
 *
 * The range may cross any number of entries as long as they leave no hole.
 * Neighbours that are contiguous on the other side too give one piece.
 *
 * Context: between memmap_read_lock() and memmap_read_unlock().
 * Return: the number of pieces; -EFAULT if the byte at *@miss is not mapped,
 * -EPERM if the access is not permitted there, -ENOBUFS if there are more than
 * @max pieces.
 */
static inline int memmap_translate(const struct memmap_set *set, struct memmap_cache *cache,
				   u64 start, u64 len, u32 perm, struct iovec *iov,
				   unsigned int max, u64 *miss)
{
	if (likely(max && memmap_translate_hit(set, cache, start, len, perm, iov)))
		return 1;
	return memmap_translate_slow(set, cache, start, len, perm, iov, max, miss);
}

#endif
