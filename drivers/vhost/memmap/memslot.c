// SPDX-License-Identifier: GPL-2.0-only
/* Memslots: tables and changes of them, as edits of an address map. */

#include <linux/list.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "itree.h"
#include "memmap_internal.h"
#include "memslot.h"

static bool region_equal(const struct vhost_memory_region *a, const struct vhost_memory_region *b)
{
	return a->guest_phys_addr == b->guest_phys_addr && a->memory_size == b->memory_size &&
	       a->userspace_addr == b->userspace_addr;
}

static bool slot_is_region(const struct memmap_entry *slot, const struct vhost_memory_region *r)
{
	const struct memmap_node *node = &slot->node[0];

	return node->start == r->guest_phys_addr && node->addr == r->userspace_addr &&
	       node->last - node->start == r->memory_size - 1;
}

/* Nothing here depends on the other regions; overlap is found on insertion. */
static bool region_valid(const struct vhost_memory_region *r)
{
	if (!r->memory_size || r->guest_phys_addr + r->memory_size - 1 < r->guest_phys_addr)
		return false;
	return r->userspace_addr + r->memory_size >= r->userspace_addr &&
	       access_ok(u64_to_user_ptr(r->userspace_addr), r->memory_size);
}

static struct memmap_entry *slot_alloc(struct memslots *ms, const struct vhost_memory_region *r)
{
	return memmap_alloc(&ms->map, r->guest_phys_addr, r->guest_phys_addr + r->memory_size - 1,
			    r->userspace_addr, MEMMAP_READ | MEMMAP_WRITE);
}

static struct memmap_entry *slot_find(const struct memmap_set *set, u64 gpa)
{
	struct memmap_node *node = memmap_find(&set->root, gpa);

	return node ? memmap_entry_of(node, set) : NULL;
}

/**
 * memslots_init - no guest memory
 * @ms: the slots
 */
void memslots_init(struct memslots *ms)
{
	memset(ms, 0, sizeof(*ms));
	memmap_init(&ms->map, true);
}
EXPORT_SYMBOL_NS_GPL(memslots_init, "RINGSIDE");

/**
 * memslots_destroy - free the slots
 * @ms: the slots; nobody reads them any more
 *
 * Context: may sleep.
 */
void memslots_destroy(struct memslots *ms)
{
	unsigned int i;

	memmap_destroy(&ms->map);
	for (i = 0; i < 2; i++)
		kvfree(ms->table[i]);
}
EXPORT_SYMBOL_NS_GPL(memslots_destroy, "RINGSIDE");

/* Have room for a table of @nregions in ms->table[@i], whose content is lost. */
static int table_reserve(struct memslots *ms, unsigned int i, unsigned int nregions)
{
	struct vhost_memory_region *room;
	unsigned int capacity;

	if (nregions <= ms->capacity[i] && ms->table[i])
		return 0;
	/* Ahead of need: tables grow by one region at a time. */
	capacity = roundup_pow_of_two(max(16U, nregions));
	room = kvmalloc_array(capacity, sizeof(*room), GFP_KERNEL_ACCOUNT);
	if (!room)
		return -ENOMEM;
	kvfree(ms->table[i]);
	ms->table[i] = room;
	ms->capacity[i] = capacity;
	return 0;
}

/* After updates of the map alone: write down what it holds, in its order. */
static int table_refresh(struct memslots *ms)
{
	const struct memmap_entry *slot;
	struct vhost_memory_region *r;
	unsigned int n = 0;

	if (!ms->table_stale)
		return 0;
	if (table_reserve(ms, ms->cur, ms->nregions))
		return -ENOMEM;
	r = ms->table[ms->cur];
	list_for_each_entry(slot, &ms->map.sorted, sorted) {
		const struct memmap_node *node = &slot->node[0];

		r[n].guest_phys_addr = node->start;
		r[n].memory_size = node->last - node->start + 1;
		r[n].userspace_addr = node->addr;
		resched_every(++n);
	}
	ms->table_stale = false;
	return 0;
}

/**
 * memslots_begin - start replacing the table
 * @ms: the slots
 * @nregions: regions the new table has, at most MEMSLOTS_MAX
 *
 * Locks the slots; memslots_commit() or memslots_abort() unlocks them.
 *
 * Context: may sleep; ends early when the caller is killed.
 * Return: room for @nregions regions, for the caller to fill, or an error
 * pointer: -ENOMEM, -E2BIG above MEMSLOTS_MAX, -EINTR when the caller was
 * killed. The lock is not held then.
 */
struct vhost_memory_region *memslots_begin(struct memslots *ms, unsigned int nregions)
{
	int err;

	if (nregions > MEMSLOTS_MAX)
		return ERR_PTR(-E2BIG);
	err = memmap_lock(&ms->map);
	if (err)
		return ERR_PTR(err);
	err = table_refresh(ms);
	if (!err)
		err = table_reserve(ms, !ms->cur, nregions);
	if (err) {
		memmap_unlock(&ms->map);
		return ERR_PTR(err);
	}
	return ms->table[!ms->cur];
}
EXPORT_SYMBOL_NS_GPL(memslots_begin, "RINGSIDE");

/**
 * memslots_abort - give up a replacement
 * @ms: the slots
 *
 * Context: after memslots_begin(). Nothing has changed.
 */
void memslots_abort(struct memslots *ms)
{
	memmap_unlock(&ms->map);
}
EXPORT_SYMBOL_NS_GPL(memslots_abort, "RINGSIDE");

/**
 * struct table_diff - what differs between two tables
 * @add: slots for regions that are only in the new one
 * @del: slots that are only in the old one, marked as leaving
 */
struct table_diff {
	struct list_head add;
	struct list_head del;
};

/*
 * Find what differs. The tables are compared in the VMM's order: what they
 * share at both ends is never looked at again, and in the window between, a
 * region that is in both keeps its slot wherever it stands.
 */
static int diff_find(struct memslots *ms, struct table_diff *diff, unsigned int nnew)
{
	const struct vhost_memory_region *old = ms->table[ms->cur];
	const struct vhost_memory_region *new = ms->table[!ms->cur];
	const struct memmap_set *set = memmap_active(&ms->map);
	unsigned int nold = ms->nregions, common = min(nold, nnew);
	unsigned int head = 0, tail = 0, i;
	struct memmap_entry *slot;

	while (head < common && region_equal(&old[head], &new[head]))
		resched_every(++head);
	while (tail < common - head && region_equal(&old[nold - 1 - tail], &new[nnew - 1 - tail]))
		resched_every(++tail);

	for (i = head; i < nold - tail; i++) {
		slot = slot_find(set, old[i].guest_phys_addr);
		slot->leaving = true;
		list_add_tail(&slot->link, &diff->del);
		resched_every(i);
	}
	for (i = head; i < nnew - tail; i++) {
		if (!region_valid(&new[i]))
			return -EFAULT;
		slot = slot_find(set, new[i].guest_phys_addr);
		if (slot && slot->leaving && slot_is_region(slot, &new[i])) {
			slot->leaving = false;
			list_del(&slot->link);
			continue;
		}
		slot = slot_alloc(ms, &new[i]);
		if (!slot)
			return -ENOMEM;
		list_add_tail(&slot->link, &diff->add);
		resched_every(i);
	}
	return 0;
}

/* Make the difference to the map. On overlap all of it stays undone. */
static int diff_apply(struct memslots *ms, struct table_diff *diff)
{
	struct memmap_entry *slot, *tmp;
	unsigned int n = 0;

	list_for_each_entry_safe(slot, tmp, &diff->del, link) {
		list_del(&slot->link);
		memmap_remove(&ms->map, slot);
		resched_every(++n);
	}
	list_for_each_entry_safe(slot, tmp, &diff->add, link) {
		list_del(&slot->link);
		if (memmap_insert(&ms->map, slot)) {
			list_add(&slot->link, &diff->add);
			return -EINVAL;
		}
		resched_every(++n);
	}
	return 0;
}

/* Nothing happens: old slots stay, new ones go. */
static void diff_cancel(struct memslots *ms, struct table_diff *diff)
{
	struct memmap_entry *slot;

	list_for_each_entry(slot, &diff->del, link)
		slot->leaving = false;
	list_for_each_entry(slot, &ms->map.edit.del, link)
		slot->leaving = false;
	memmap_cancel(&ms->map);
	memmap_free_list(&ms->map, &diff->add);
}

/**
 * memslots_commit - put the new table in force
 * @ms: the slots
 * @nregions: as given to memslots_begin()
 *
 * All or nothing, as one step for readers. When it returns 0, no reader can
 * reach a region that is not in the new table.
 *
 * Context: after memslots_begin(). May sleep: it waits for readers of the map,
 * so the caller must not be one.
 * Return: 0; -EINTR if the caller was killed, the table being in force. On
 * other errors nothing has changed: -EFAULT for a region that is empty, wraps
 * or is not user memory, -EINVAL for regions that overlap, -ENOMEM.
 */
int memslots_commit(struct memslots *ms, unsigned int nregions)
{
	struct table_diff diff = {
		.add = LIST_HEAD_INIT(diff.add),
		.del = LIST_HEAD_INIT(diff.del),
	};
	int err;

	err = diff_find(ms, &diff, nregions);
	if (!err)
		err = diff_apply(ms, &diff);
	if (err) {
		diff_cancel(ms, &diff);
	} else {
		ms->cur = !ms->cur;
		WRITE_ONCE(ms->nregions, nregions);
		err = memmap_publish(&ms->map);
	}
	memmap_unlock(&ms->map);
	return err;
}
EXPORT_SYMBOL_NS_GPL(memslots_commit, "RINGSIDE");

static int update_apply(struct memslots *ms, const struct memslots_update *u)
{
	struct memmap_entry *slot;
	unsigned int i;

	for (i = 0; i < u->nremove; i++) {
		slot = slot_find(memmap_idle(&ms->map), u->remove[i].guest_phys_addr);
		if (!slot || !slot_is_region(slot, &u->remove[i]))
			return -ENOENT;
		memmap_remove(&ms->map, slot);
		resched_every(i + 1);
	}
	for (i = 0; i < u->nadd; i++) {
		if (!region_valid(&u->add[i]))
			return -EFAULT;
		slot = slot_alloc(ms, &u->add[i]);
		if (!slot)
			return -ENOMEM;
		if (memmap_insert(&ms->map, slot)) {
			memmap_free(&ms->map, slot);
			return -EINVAL;
		}
		resched_every(i + 1);
	}
	return 0;
}

/**
 * memslots_update - change part of the table
 * @ms: the slots
 * @update: what is to change
 *
 * As memslots_commit() with a table that differs so from the last one, at a cost
 * that depends on the change alone. A region may leave and come back in one step.
 *
 * Context: may sleep: it waits for readers of the map, so the caller must not be
 * one.
 * Return: 0; -EINTR if the caller was killed, before or after the change. On
 * other errors nothing has changed: -ENOENT for a region to remove that is not
 * there, -E2BIG for too many regions, and those of memslots_commit().
 */
int memslots_update(struct memslots *ms, const struct memslots_update *update)
{
	unsigned int nregions;
	int err = memmap_lock(&ms->map);

	if (err)
		return err;
	nregions = ms->nregions - min(update->nremove, ms->nregions) + update->nadd;
	if (nregions > update->max) {
		err = -E2BIG;
		goto out;
	}
	err = update_apply(ms, update);
	if (err) {
		memmap_cancel(&ms->map);
		goto out;
	}
	if (update->nremove || update->nadd) {
		ms->table_stale = true;
		WRITE_ONCE(ms->nregions, nregions);
	}
	err = memmap_publish(&ms->map);
out:
	memmap_unlock(&ms->map);
	return err;
}
EXPORT_SYMBOL_NS_GPL(memslots_update, "RINGSIDE");

/**
 * memslots_count - regions in force
 * @ms: the slots
 *
 * Context: any.
 * Return: how many there were a moment ago.
 */
unsigned int memslots_count(struct memslots *ms)
{
	return READ_ONCE(ms->nregions);
}
EXPORT_SYMBOL_NS_GPL(memslots_count, "RINGSIDE");

/**
 * memslots_last - the highest guest physical address
 * @ms: the slots
 *
 * Context: no update goes on.
 * Return: the last address of the last region; 0 without one.
 */
u64 memslots_last(struct memslots *ms)
{
	const struct rb_node *last = rb_last(&ms->map.active->root);

	return last ? rb_entry(last, struct memmap_node, rb)->last : 0;
}
EXPORT_SYMBOL_NS_GPL(memslots_last, "RINGSIDE");

static int table_validate(struct memslots *ms)
{
	unsigned int i;

	if (ms->map.count != ms->nregions)
		return -EINVAL;
	if (ms->table_stale)
		return 0;
	for (i = 0; i < ms->nregions; i++) {
		const struct vhost_memory_region *r = &ms->table[ms->cur][i];
		struct memmap_entry *a = slot_find(&ms->map.set[0], r->guest_phys_addr);
		struct memmap_entry *b = slot_find(&ms->map.set[1], r->guest_phys_addr);

		if (!a || a != b || a->leaving || !slot_is_region(a, r))
			return -EINVAL;
	}
	return 0;
}

/**
 * memslots_validate - check every invariant of the slots; for tests
 * @ms: the slots
 *
 * Context: may sleep, O(n log n).
 * Return: 0, or -EINVAL if the map or the table is not sound.
 */
int memslots_validate(struct memslots *ms)
{
	int err = memmap_lock(&ms->map);

	if (err)
		return err;
	err = memmap_validate(&ms->map) ?: table_validate(ms);
	memmap_unlock(&ms->map);
	return err;
}
EXPORT_SYMBOL_NS_GPL(memslots_validate, "RINGSIDE");
