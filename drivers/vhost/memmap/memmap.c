// SPDX-License-Identifier: GPL-2.0-only
/* Address maps: two sets, edits and readers. See memmap.h. */

#include <linux/cleanup.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/wait.h>

#include "itree.h"
#include "memmap.h"
#include "memmap_internal.h"

static void edit_init(struct memmap_edit *edit)
{
	INIT_LIST_HEAD(&edit->add);
	INIT_LIST_HEAD(&edit->del);
}

static bool edit_empty(const struct memmap_edit *edit)
{
	return list_empty(&edit->add) && list_empty(&edit->del);
}

/* An entry's node in a set, NULL if it is not there, or is no entry but the list's head. */
static struct rb_node *sorted_node(const struct memmap *map, const struct memmap_set *set,
				   struct list_head *pos)
{
	struct rb_node *rb;

	if (pos == &map->sorted)
		return NULL;
	rb = &list_entry(pos, struct memmap_entry, sorted)->node[set->index].rb;
	return RB_EMPTY_NODE(rb) ? NULL : rb;
}

/* Context: the entry is in memmap.sorted. */
static void set_insert(struct memmap *map, struct memmap_set *set, struct memmap_entry *entry)
{
	WRITE_ONCE(entry->node[set->index].perm, entry->perm);
	memmap_itree_insert_between(&entry->node[set->index],
				    sorted_node(map, set, entry->sorted.prev),
				    sorted_node(map, set, entry->sorted.next), &set->root);
	if (map->reverse)
		memmap_rtree_insert(&entry->rnode[set->index], &set->rroot);
}

static void set_remove(struct memmap *map, struct memmap_set *set, struct memmap_entry *entry)
{
	/* Readers of the other set may have it in their caches, those of this one in hints. */
	WRITE_ONCE(entry->node[set->index].perm, 0);
	memmap_itree_remove(&entry->node[set->index], &set->root);
	if (map->reverse)
		memmap_rtree_remove(&entry->rnode[set->index], &set->rroot);
}

/* There is one entry more, or for @n of -1 one less. */
static void map_count(struct memmap *map, const struct memmap_entry *entry, int n)
{
	map->count += n;
	map->log_sum += n * fls64(entry->node[0].last - entry->node[0].start);
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
		map->set[i].root = RB_ROOT;
		map->set[i].rroot = RB_ROOT_CACHED;
		map->set[i].hints = &memmap_no_hints;
		map->set[i].generation = 1;
		map->set[i].version = 1;
		map->set[i].index = i;
	}
	map->active = &map->set[0];
	map->reverse = reverse;
	INIT_LIST_HEAD(&map->readers);
	INIT_LIST_HEAD(&map->order);
	INIT_LIST_HEAD(&map->sorted);
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
	memmap_free_list(map, &map->edit.del);
	memmap_free_list(map, &map->pending.del);
	list_for_each_entry_safe(entry, tmp, &map->order, order) {
		memmap_free(map, entry);
		resched_every(++n);
	}
	memmap_free_all(map);
	memmap_hints_destroy(map);
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
		if (likely(!reader_uses(reader, set)))
			continue;
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
	if (!list_empty(&pending->del))
		memmap_free_list(map, &pending->del);
	if (map->drop)
		memmap_hints_settle(map);
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
 * memmap_after - the next entry, by address
 * @map: the map
 * @entry: an entry of it
 *
 * Context: memmap.lock.
 * Return: the entry, or NULL after the last one.
 */
struct memmap_entry *memmap_after(struct memmap *map, struct memmap_entry *entry)
{
	lockdep_assert_held(&map->lock);
	return list_is_last(&entry->sorted, &map->sorted) ? NULL : list_next_entry(entry, sorted);
}
EXPORT_SYMBOL_NS_GPL(memmap_after, "RINGSIDE");

/**
 * memmap_maps - is there an entry for an address, of those that are in force?
 * @map: the map
 * @addr: the address
 *
 * Context: memmap.lock.
 * Return: true if there is.
 */
bool memmap_maps(struct memmap *map, u64 addr)
{
	return memmap_find(&memmap_active(map)->root, addr);
}
EXPORT_SYMBOL_NS_GPL(memmap_maps, "RINGSIDE");

/* Is a range free that starts behind one entry, and do the two neighbours say where? */
static bool place_beside(struct memmap *map, struct memmap_entry *entry, u64 start, u64 last,
			 struct list_head **before)
{
	struct list_head *prev, *next;

	prev = start > entry->node[0].last ? &entry->sorted : entry->sorted.prev;
	next = prev->next;
	*before = prev;
	return (prev == &map->sorted ||
		list_entry(prev, struct memmap_entry, sorted)->node[0].last < start) &&
	       (next == &map->sorted ||
		list_entry(next, struct memmap_entry, sorted)->node[0].start > last);
}

/**
 * memmap_place - find where an entry would stand
 * @map: the map
 * @start: its first address
 * @last: its last address, inclusive
 * @before: where to put its place, for memmap_insert_at()
 *
 * Context: memmap.lock; the place is good until the map is changed or unlocked.
 * Return: 0, or -EINVAL if it would overlap another.
 */
int memmap_place(struct memmap *map, u64 start, u64 last, struct list_head **before)
{
	struct memmap_set *idle = memmap_idle(map);
	struct rb_node *rb = idle->root.rb_node;

	/* Who adds many goes up or down in addresses: next to what came last? */
	if (!list_empty(&map->order) &&
	    place_beside(map, list_last_entry(&map->order, struct memmap_entry, order), start,
			 last, before))
		return 0;
	*before = &map->sorted;
	while (rb) {
		struct memmap_node *node = rb_entry(rb, struct memmap_node, rb);

		if (last < node->start) {
			rb = rb->rb_left;
		} else if (start > node->last) {
			*before = &memmap_entry_of(node, idle)->sorted;
			rb = rb->rb_right;
		} else {
			return -EINVAL;
		}
	}
	return 0;
}
EXPORT_SYMBOL_NS_GPL(memmap_place, "RINGSIDE");

/**
 * memmap_insert_at - add an entry where there is none
 * @map: the map
 * @entry: from memmap_alloc(); the map's from now on
 * @before: from memmap_place() for the entry's range
 *
 * Context: memmap.lock.
 */
void memmap_insert_at(struct memmap *map, struct memmap_entry *entry, struct list_head *before)
{
	list_add(&entry->sorted, before);
	set_insert(map, memmap_idle(map), entry);
	/* Readers cannot use it yet, as they see. */
	memmap_hint_fill(map->active->hints, entry, entry->node[0].start);
	entry->fresh = true;
	list_add_tail(&entry->link, &map->edit.add);
	list_add_tail(&entry->order, &map->order);
	map_count(map, entry, 1);
}
EXPORT_SYMBOL_NS_GPL(memmap_insert_at, "RINGSIDE");

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
	struct list_head *before;
	int err = memmap_place(map, entry->node[0].start, entry->node[0].last, &before);

	if (!err)
		memmap_insert_at(map, entry, before);
	return err;
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
	list_del(&entry->sorted);
	map_count(map, entry, -1);
	if (entry->fresh) {
		/* No reader ever saw it. */
		list_del(&entry->link);
		memmap_free(map, entry);
	} else {
		list_add_tail(&entry->link, &map->edit.del);
		map->ndel++;
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
	if (unlikely(memmap_hints_stale(map)))
		memmap_hints_renew(map, new);
	map->ndel = 0;
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
	struct list_head *before;

	list_for_each_entry(entry, &map->edit.add, link) {
		set_remove(map, idle, entry);
		list_del(&entry->order);
		list_del(&entry->sorted);
		map_count(map, entry, -1);
	}
	memmap_free_list(map, &map->edit.add);
	list_for_each_entry(entry, &map->edit.del, link) {
		WARN_ON_ONCE(memmap_place(map, entry->node[0].start, entry->node[0].last,
					  &before));
		list_add(&entry->sorted, before);
		set_insert(map, idle, entry);
		list_add_tail(&entry->order, &map->order);
		map_count(map, entry, 1);
	}
	edit_init(&map->edit);
	map->ndel = 0;
}
EXPORT_SYMBOL_NS_GPL(memmap_cancel, "RINGSIDE");

/* In-order walk of one set: sorted and disjoint, and the list says the same. */
static int set_validate(const struct memmap *map, const struct memmap_set *set)
{
	const struct list_head *pos = &map->sorted;
	const struct memmap_node *prev = NULL;
	unsigned int n = 0;
	struct rb_node *rb;

	for (rb = rb_first(&set->root); rb; rb = rb_next(rb)) {
		struct memmap_node *node = rb_entry(rb, struct memmap_node, rb);

		pos = pos->next;
		if (node->last < node->start || (prev && prev->last >= node->start) ||
		    pos != &memmap_entry_of(node, set)->sorted)
			return -EINVAL;
		prev = node;
		n++;
	}
	return n == map->count && pos->next == &map->sorted ? 0 : -EINVAL;
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
		err = set_validate(map, &map->set[i]) ?: memmap_hints_validate(&map->set[i]);
		if (!err && map->reverse)
			err = rset_validate(&map->set[i], map->count);
	}
	if (map->set[0].hints != map->set[1].hints ||
	    map->set[0].generation != map->set[1].generation ||
	    map->set[0].version != map->set[1].version)
		return -EINVAL;
	return err;
}
EXPORT_SYMBOL_NS_GPL(memmap_validate, "RINGSIDE");
