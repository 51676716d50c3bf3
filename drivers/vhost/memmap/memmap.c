// SPDX-License-Identifier: GPL-2.0-only
/* Address maps: two sets, edits and readers. See memmap.h. */

#include <linux/cleanup.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "itree.h"
#include "memmap.h"
#include "memmap_internal.h"

static struct kmem_cache *memmap_cachep;

int __init memmap_cache_create(void)
{
	memmap_cachep = KMEM_CACHE(memmap_entry, SLAB_HWCACHE_ALIGN | SLAB_ACCOUNT);
	return memmap_cachep ? 0 : -ENOMEM;
}

void memmap_cache_destroy(void)
{
	kmem_cache_destroy(memmap_cachep);
}

static void edit_init(struct memmap_edit *edit)
{
	INIT_LIST_HEAD(&edit->add);
	INIT_LIST_HEAD(&edit->del);
}

static bool edit_empty(const struct memmap_edit *edit)
{
	return list_empty(&edit->add) && list_empty(&edit->del);
}

static void set_insert(struct memmap *map, struct memmap_set *set, struct memmap_entry *entry)
{
	memmap_itree_insert(&entry->node[set->index], &set->root);
	if (map->reverse)
		memmap_rtree_insert(&entry->rnode[set->index], &set->rroot);
}

static void set_remove(struct memmap *map, struct memmap_set *set, struct memmap_entry *entry)
{
	memmap_itree_remove(&entry->node[set->index], &set->root);
	if (map->reverse)
		memmap_rtree_remove(&entry->rnode[set->index], &set->rroot);
}

/**
 * memmap_init - an empty map
 * @map: the map
 * @reverse: it will be asked for aliases
 */
void memmap_init(struct memmap *map, bool reverse)
{
	static struct lock_class_key __maybe_unused key;
	unsigned int i;

	memset(map, 0, sizeof(*map));
	for (i = 0; i < 2; i++) {
		map->set[i].root = RB_ROOT_CACHED;
		map->set[i].rroot = RB_ROOT_CACHED;
		map->set[i].generation = 1;
		map->set[i].version = 1;
		map->set[i].index = i;
	}
	map->active = &map->set[0];
	map->reverse = reverse;
	INIT_LIST_HEAD(&map->readers);
	INIT_LIST_HEAD(&map->order);
	edit_init(&map->edit);
	edit_init(&map->pending);
	init_waitqueue_head(&map->wait);
	mutex_init(&map->lock);
	lockdep_init_map(&map->dep_map, "memmap_reader", &key, 0);
}
EXPORT_SYMBOL_NS_GPL(memmap_init, "RINGSIDE");

/**
 * memmap_destroy - free a map
 * @map: the map; nobody reads it any more
 *
 * Context: may sleep.
 */
void memmap_destroy(struct memmap *map)
{
	struct memmap_entry *entry, *tmp;
	unsigned int n = 0;

	/* What left the map, published or not, is not in its order any more. */
	memmap_free_list(&map->edit.del);
	memmap_free_list(&map->pending.del);
	list_for_each_entry_safe(entry, tmp, &map->order, order) {
		memmap_free(entry);
		resched_every(++n);
	}
	mutex_destroy(&map->lock);
}
EXPORT_SYMBOL_NS_GPL(memmap_destroy, "RINGSIDE");

/**
 * memmap_add_reader - make a reader known
 * @map: the map; nobody uses it yet
 * @reader: the reader; it stays known as long as the map lives
 */
void memmap_add_reader(struct memmap *map, struct memmap_reader *reader)
{
	reader->set = NULL;
	list_add_tail(&reader->link, &map->readers);
}
EXPORT_SYMBOL_NS_GPL(memmap_add_reader, "RINGSIDE");

static bool reader_uses(const struct memmap_reader *reader, const struct memmap_set *set)
{
	/* Pairs with the release in memmap_read_unlock(): its lookups are over. */
	return smp_load_acquire(&reader->set) == set;
}

/* Wait until no reader is left in a set that is no longer active. */
static int memmap_wait(struct memmap *map, const struct memmap_set *set)
{
	struct memmap_reader *reader;

	might_sleep();
	lock_map_acquire(&map->dep_map);
	lock_map_release(&map->dep_map);
	/* Pairs with the barrier in memmap_read_lock(). */
	smp_mb();
	list_for_each_entry(reader, &map->readers, link) {
		if (map->patient)
			wait_event(map->wait, !reader_uses(reader, set));
		else if (wait_event_killable(map->wait, !reader_uses(reader, set)))
			return -EINTR;
	}
	return 0;
}

/* Bring the idle set up to date. Only a killed caller gets an error. */
static int memmap_settle(struct memmap *map)
{
	struct memmap_set *active = memmap_active(map), *idle = memmap_idle(map);
	struct memmap_edit *pending = &map->pending;
	struct memmap_entry *entry;
	unsigned int n = 0;

	if (edit_empty(pending))
		return 0;
	if (memmap_wait(map, idle))
		return -EINTR;
	list_for_each_entry(entry, &pending->del, link) {
		set_remove(map, idle, entry);
		resched_every(++n);
	}
	list_for_each_entry(entry, &pending->add, link) {
		set_insert(map, idle, entry);
		resched_every(++n);
	}
	idle->generation = active->generation;
	idle->version = active->version;
	memmap_free_list(&pending->del);
	edit_init(pending);
	return 0;
}

/**
 * memmap_lock - start or continue an edit
 * @map: the map
 *
 * Changes of an edit are seen by no reader until memmap_publish(). The lock may
 * be dropped in between.
 *
 * Context: may sleep: it can have to wait for readers, so the caller must not
 * be one.
 * Return: 0, or -EINTR if the caller was killed and the map is not patient; the
 * lock is not held then.
 */
int memmap_lock(struct memmap *map)
{
	if (map->patient)
		mutex_lock(&map->lock);
	else if (mutex_lock_killable(&map->lock))
		return -EINTR;
	if (memmap_settle(map)) {
		mutex_unlock(&map->lock);
		return -EINTR;
	}
	return 0;
}
EXPORT_SYMBOL_NS_GPL(memmap_lock, "RINGSIDE");

/**
 * memmap_unlock - let others edit
 * @map: the map
 */
void memmap_unlock(struct memmap *map)
{
	mutex_unlock(&map->lock);
}
EXPORT_SYMBOL_NS_GPL(memmap_unlock, "RINGSIDE");

/**
 * memmap_alloc - an entry that is in no map yet
 * @start: first address
 * @last: last address, inclusive, not below @start
 * @addr: what @start maps to
 * @perm: what it permits, MEMMAP_READ and MEMMAP_WRITE
 *
 * Context: may sleep.
 * Return: the entry or NULL.
 */
struct memmap_entry *memmap_alloc(u64 start, u64 last, u64 addr, u32 perm)
{
	struct memmap_entry *entry = kmem_cache_alloc(memmap_cachep, GFP_KERNEL);
	unsigned int i;

	if (!entry)
		return NULL;
	for (i = 0; i < 2; i++) {
		entry->node[i].start = start;
		entry->node[i].last = last;
		entry->node[i].addr = addr;
		entry->node[i].perm = perm;
		entry->rnode[i].node = &entry->node[i];
	}
	entry->fresh = false;
	entry->leaving = false;
	return entry;
}
EXPORT_SYMBOL_NS_GPL(memmap_alloc, "RINGSIDE");

/**
 * memmap_free - free an entry that is in no map
 * @entry: from memmap_alloc()
 */
void memmap_free(struct memmap_entry *entry)
{
	kmem_cache_free(memmap_cachep, entry);
}
EXPORT_SYMBOL_NS_GPL(memmap_free, "RINGSIDE");

/**
 * memmap_free_list - free entries that are in no map
 * @list: where they are linked by memmap_entry.link; not emptied
 *
 * Context: may sleep.
 */
void memmap_free_list(struct list_head *list)
{
	struct memmap_entry *entry, *tmp;
	unsigned int n = 0;

	list_for_each_entry_safe(entry, tmp, list, link) {
		memmap_free(entry);
		resched_every(++n);
	}
}
EXPORT_SYMBOL_NS_GPL(memmap_free_list, "RINGSIDE");

/**
 * memmap_overlap - find an entry, as the edit has left the map
 * @map: the map
 * @start: first address
 * @last: last address, inclusive
 *
 * Context: memmap.lock.
 * Return: the first entry that has an address in common with the range, or NULL.
 */
struct memmap_entry *memmap_overlap(struct memmap *map, u64 start, u64 last)
{
	struct memmap_set *idle = memmap_idle(map);
	struct memmap_node *node = memmap_find_from(&idle->root, start);

	return node && node->start <= last ? memmap_entry_of(node, idle) : NULL;
}
EXPORT_SYMBOL_NS_GPL(memmap_overlap, "RINGSIDE");

/**
 * memmap_insert_free - add an entry where there is none
 * @map: the map
 * @entry: from memmap_alloc(); the map's from now on. memmap_overlap() has found no
 *	other one in its range
 *
 * Context: memmap.lock.
 */
void memmap_insert_free(struct memmap *map, struct memmap_entry *entry)
{
	set_insert(map, memmap_idle(map), entry);
	entry->fresh = true;
	list_add_tail(&entry->link, &map->edit.add);
	list_add_tail(&entry->order, &map->order);
	map->count++;
}
EXPORT_SYMBOL_NS_GPL(memmap_insert_free, "RINGSIDE");

/**
 * memmap_insert - add an entry
 * @map: the map
 * @entry: from memmap_alloc(); the map's from now on
 *
 * Context: memmap.lock.
 * Return: 0, or -EINVAL if it overlaps another; it stays the caller's then.
 */
int memmap_insert(struct memmap *map, struct memmap_entry *entry)
{
	if (memmap_overlap(map, entry->node[0].start, entry->node[0].last))
		return -EINVAL;
	memmap_insert_free(map, entry);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(memmap_insert, "RINGSIDE");

/**
 * memmap_remove - take an entry away
 * @map: the map
 * @entry: an entry of it, in no list of the caller's
 *
 * Context: memmap.lock.
 */
void memmap_remove(struct memmap *map, struct memmap_entry *entry)
{
	set_remove(map, memmap_idle(map), entry);
	list_del(&entry->order);
	map->count--;
	if (entry->fresh) {
		/* No reader ever saw it. */
		list_del(&entry->link);
		memmap_free(entry);
	} else {
		list_add_tail(&entry->link, &map->edit.del);
	}
}
EXPORT_SYMBOL_NS_GPL(memmap_remove, "RINGSIDE");

/**
 * memmap_publish - put an edit in force, as one step for readers
 * @map: the map
 *
 * When it returns 0, no reader can reach what was removed.
 *
 * Context: memmap.lock. May sleep: when something was removed it waits for
 * readers, so the caller must not be one.
 * Return: 0, or -EINTR if the caller was killed, the edit being in force; never
 * from a patient map.
 */
int memmap_publish(struct memmap *map)
{
	struct memmap_set *old = memmap_active(map), *new = memmap_idle(map);
	bool removes = !list_empty(&map->edit.del);
	struct memmap_entry *entry;

	if (edit_empty(&map->edit))
		return 0;
	list_for_each_entry(entry, &map->edit.add, link)
		entry->fresh = false;
	new->generation = old->generation + removes;
	new->version = old->version + 1;
	/* Pairs with the acquire in memmap_read_lock(): the tree is complete. */
	smp_store_release(&map->active, new);
	list_splice_init(&map->edit.add, &map->pending.add);
	list_splice_init(&map->edit.del, &map->pending.del);
	return removes ? memmap_settle(map) : 0;
}
EXPORT_SYMBOL_NS_GPL(memmap_publish, "RINGSIDE");

/**
 * memmap_cancel - give an edit up; the map is as it was before
 * @map: the map
 *
 * Context: memmap.lock; may sleep.
 */
void memmap_cancel(struct memmap *map)
{
	struct memmap_set *idle = memmap_idle(map);
	struct memmap_entry *entry;

	list_for_each_entry(entry, &map->edit.add, link) {
		set_remove(map, idle, entry);
		list_del(&entry->order);
		map->count--;
	}
	memmap_free_list(&map->edit.add);
	list_for_each_entry(entry, &map->edit.del, link) {
		set_insert(map, idle, entry);
		list_add_tail(&entry->order, &map->order);
		map->count++;
	}
	edit_init(&map->edit);
}
EXPORT_SYMBOL_NS_GPL(memmap_cancel, "RINGSIDE");

/* In-order walk of one set: sorted and disjoint. */
static int set_validate(const struct memmap_set *set, unsigned int count)
{
	const struct memmap_node *prev = NULL;
	unsigned int n = 0;
	struct rb_node *rb;

	for (rb = rb_first_cached(&set->root); rb; rb = rb_next(rb)) {
		const struct memmap_node *node = rb_entry(rb, struct memmap_node, rb);

		if (node->last < node->start || (prev && prev->last >= node->start))
			return -EINVAL;
		prev = node;
		n++;
	}
	return n == count ? 0 : -EINVAL;
}

/* The reverse side has the same nodes, sorted by the other address. */
static int rset_validate(const struct memmap_set *set, unsigned int count)
{
	const struct memmap_rnode *prev = NULL;
	unsigned int n = 0;
	struct rb_node *rb;

	for (rb = rb_first_cached(&set->rroot); rb; rb = rb_next(rb)) {
		const struct memmap_rnode *rnode = rb_entry(rb, struct memmap_rnode, rb);

		if (memmap_find(&set->root, rnode->node->start) != rnode->node ||
		    (prev && MEMMAP_RSTART(prev) > MEMMAP_RSTART(rnode)))
			return -EINVAL;
		prev = rnode;
		n++;
	}
	return n == count ? 0 : -EINVAL;
}

/**
 * memmap_validate - check every invariant of a map without an open edit; for tests
 * @map: the map
 *
 * Context: memmap.lock; may sleep, O(n log n).
 * Return: 0, or -EINVAL if the sets disagree.
 */
int memmap_validate(struct memmap *map)
{
	unsigned int i;
	int err = memmap_settle(map);

	for (i = 0; i < 2 && !err; i++) {
		err = set_validate(&map->set[i], map->count);
		if (!err && map->reverse)
			err = rset_validate(&map->set[i], map->count);
	}
	if (map->set[0].generation != map->set[1].generation ||
	    map->set[0].version != map->set[1].version)
		return -EINVAL;
	return err;
}
EXPORT_SYMBOL_NS_GPL(memmap_validate, "RINGSIDE");
