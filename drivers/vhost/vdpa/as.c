// SPDX-License-Identifier: GPL-2.0-only
/*
 * Address spaces: the record of what is mapped, and how changes of it come into
 * force in the parent.
 *
 * The record is a tree of mappings, each as an UPDATE named it. They never overlap
 * and are never merged, so that each can go alone, and what an entry needs for
 * coming and going is part of it: taking a mapping away, or putting it back when a
 * change came to nothing, cannot fail. That is why the tree is an interval tree and
 * no maple tree, which allocates when entries are erased.
 *
 * Changes are entered in the record first and noted in two lists: what the parent
 * does not have yet, what it still has. A commit is one transaction of the parent
 * over both. If it fails, the lists say how the record was.
 */

#include <linux/interval_tree_generic.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/virtio_config.h>

#include "vdpa.h"

#define MAP_FIRST(map)	((map)->first)
#define MAP_LAST(map)	((map)->last)

INTERVAL_TREE_DEFINE(struct vhost_vdpa_map, rb, u64, subtree_last, MAP_FIRST, MAP_LAST,
		     static inline __maybe_unused, as_tree)

/* Mappings that a loop may go through before others get the processor. */
#define AS_RESCHED	64

/**
 * vhost_vdpa_as_init - nothing is mapped
 * @as: the address space
 */
void vhost_vdpa_as_init(struct vhost_vdpa_as *as)
{
	as->maps = RB_ROOT_CACHED;
	as->count = 0;
	INIT_LIST_HEAD(&as->added);
	INIT_LIST_HEAD(&as->removed);
	INIT_LIST_HEAD(&as->lingering);
}

/**
 * vhost_vdpa_as_overlaps - is any of a range mapped?
 * @as: the address space
 * @first: first address
 * @last: last address, inclusive
 *
 * Context: vhost_vdpa_file.mutex.
 * Return: true if it is, changes under way included.
 */
bool vhost_vdpa_as_overlaps(struct vhost_vdpa_as *as, u64 first, u64 last)
{
	return as_tree_iter_first(&as->maps, first, last);
}

static void as_enter(struct vhost_vdpa_as *as, struct vhost_vdpa_map *map)
{
	as_tree_insert(map, &as->maps);
	as->count++;
}

static void as_leave(struct vhost_vdpa_as *as, struct vhost_vdpa_map *map)
{
	as_tree_remove(map, &as->maps);
	as->count--;
}

/* A mapping that neither record nor parent have: its pages and itself. */
static void map_free(struct vhost_vdpa_file *file, struct vhost_vdpa_map *map)
{
	vhost_vdpa_map_unpin(map, file->mm);
	kfree(map);
}

static void map_free_list(struct vhost_vdpa_file *file, struct list_head *list)
{
	struct vhost_vdpa_map *map, *tmp;
	unsigned int n = 0;

	list_for_each_entry_safe(map, tmp, list, link) {
		map_free(file, map);
		if (!(++n % AS_RESCHED))
			cond_resched();
	}
	INIT_LIST_HEAD(list);
}

/**
 * vhost_vdpa_as_insert - enter a mapping in the record
 * @as: the address space
 * @map: the mapping, the record's from now on
 *
 * Context: vhost_vdpa_file.mutex.
 * Return: 0, or -EEXIST if it overlaps another; it stays the caller's then.
 */
int vhost_vdpa_as_insert(struct vhost_vdpa_as *as, struct vhost_vdpa_map *map)
{
	if (vhost_vdpa_as_overlaps(as, map->first, map->last))
		return -EEXIST;
	as_enter(as, map);
	map->fresh = true;
	list_add_tail(&map->link, &as->added);
	return 0;
}

/**
 * vhost_vdpa_as_remove - take mappings out of the record
 * @file: the file
 * @as: its address space
 * @first: first address
 * @last: last address, inclusive
 *
 * Each that has an address in the range goes as a whole.
 *
 * Context: vhost_vdpa_file.mutex; may sleep.
 */
void vhost_vdpa_as_remove(struct vhost_vdpa_file *file, struct vhost_vdpa_as *as, u64 first,
			  u64 last)
{
	struct vhost_vdpa_map *map;
	unsigned int n = 0;

	while ((map = as_tree_iter_first(&as->maps, first, last))) {
		as_leave(as, map);
		if (map->fresh) {
			list_del(&map->link);
			map_free(file, map);
		} else {
			list_add_tail(&map->link, &as->removed);
		}
		if (!(++n % AS_RESCHED))
			cond_resched();
	}
}

/* Give the parent a mapping: user addresses, or each run of pages for itself. */
static int as_add(struct vdpa_device *vdev, u32 asid, const struct vhost_vdpa_map *map)
{
	struct vdpa_range range = { .first = map->first, .last = map->last, .perm = map->perm };
	u64 offset = offset_in_page(map->uaddr);
	const struct vhost_vdpa_pins *pins;
	unsigned int i;
	int err;

	if (!map->pins) {
		range.addr = map->uaddr;
		return vdev->ops->map_add(vdev, asid, &range);
	}
	for (pins = map->pins; pins; pins = pins->next) {
		for (i = 0; i < pins->n; i++) {
			u64 size = PFN_PHYS((u64)pins->chunk[i].npages) - offset;

			range.addr = PFN_PHYS((u64)pins->chunk[i].pfn) + offset;
			range.last = range.first + min(size - 1, map->last - range.first);
			err = vdev->ops->map_add(vdev, asid, &range);
			if (err)
				return err;
			range.first = range.last + 1;
			offset = 0;
		}
		cond_resched();
	}
	return 0;
}

/* All of the changes, within a transaction of the parent. */
static int as_change(struct vdpa_device *vdev, const struct vhost_vdpa_as *as, u32 asid)
{
	const struct vhost_vdpa_map *map;
	unsigned int n = 0;
	int err;

	list_for_each_entry(map, &as->removed, link) {
		vdev->ops->map_remove(vdev, asid, map->first, map->last);
		if (!(++n % AS_RESCHED))
			cond_resched();
	}
	list_for_each_entry(map, &as->added, link) {
		err = as_add(vdev, asid, map);
		if (err)
			return err;
		if (!(++n % AS_RESCHED))
			cond_resched();
	}
	return 0;
}

/* The parent has what the record says; @err is what became of the wait for queues. */
static void as_settle(struct vhost_vdpa_file *file, struct vhost_vdpa_as *as, int err)
{
	struct vhost_vdpa_map *map;

	list_for_each_entry(map, &as->added, link)
		map->fresh = false;
	INIT_LIST_HEAD(&as->added);
	list_splice_tail_init(&as->removed, &as->lingering);
	if (!err)
		map_free_list(file, &as->lingering);
}

/**
 * vhost_vdpa_as_commit - put the changes of an address space in force, as one step
 * @file: the file
 * @asid: the address space
 *
 * Context: vhost_vdpa_file.mutex; may sleep.
 * Return: 0, and nobody reaches what was removed; -EINTR if the caller was killed,
 * or what the parent says. Nothing has changed then, unless he was killed when the
 * changes were in force.
 */
int vhost_vdpa_as_commit(struct vhost_vdpa_file *file, u32 asid)
{
	struct vdpa_device *vdev = file->vdev;
	struct vhost_vdpa_as *as = &file->as[asid];
	int err;

	if (list_empty(&as->added) && list_empty(&as->removed))
		return 0;
	err = vdev->ops->map_begin(vdev, asid);
	if (err) {
		vhost_vdpa_as_cancel(file, asid);
		return err;
	}
	err = as_change(vdev, as, asid);
	if (err) {
		vdev->ops->map_cancel(vdev, asid);
		vhost_vdpa_as_cancel(file, asid);
		return err;
	}
	err = vdev->ops->map_commit(vdev, asid);
	as_settle(file, as, err);
	return err;
}

/**
 * vhost_vdpa_as_cancel - the record as it was before the changes
 * @file: the file
 * @asid: the address space
 *
 * Context: vhost_vdpa_file.mutex; may sleep.
 */
void vhost_vdpa_as_cancel(struct vhost_vdpa_file *file, u32 asid)
{
	struct vhost_vdpa_as *as = &file->as[asid];
	struct vhost_vdpa_map *map;

	list_for_each_entry(map, &as->added, link)
		as_leave(as, map);
	map_free_list(file, &as->added);
	list_for_each_entry(map, &as->removed, link)
		as_enter(as, map);
	INIT_LIST_HEAD(&as->removed);
}

/**
 * vhost_vdpa_as_clear - unmap everything
 * @file: the file, whose device was reset
 * @asid: the address space
 *
 * Changes under way are forgotten.
 *
 * Context: vhost_vdpa_file.mutex; may sleep.
 * Return: 0; -EINTR if the caller was killed, nothing has changed then.
 */
int vhost_vdpa_as_clear(struct vhost_vdpa_file *file, u32 asid)
{
	struct vdpa_device *vdev = file->vdev;
	struct vhost_vdpa_as *as = &file->as[asid];
	int err;

	vhost_vdpa_as_cancel(file, asid);
	if (!as->count && list_empty(&as->lingering))
		return 0;
	err = vdev->ops->map_begin(vdev, asid);
	if (err)
		return err;
	vdev->ops->map_remove(vdev, asid, 0, U64_MAX);
	/* No queue is at work: there is nothing to wait for, and nobody to be killed. */
	vdev->ops->map_commit(vdev, asid);
	vhost_vdpa_as_remove(file, as, 0, U64_MAX);
	as_settle(file, as, 0);
	return 0;
}

/* A group that is no queue's number at all gets the answer that a queue would. */
int vhost_vdpa_set_group_asid(struct vhost_vdpa_file *file, void *arg, void __user *user)
{
	const struct vhost_vring_state *state = arg;
	struct vdpa_device *vdev = file->vdev;

	if (state->index >= vdev->ngroups)
		return state->index < vdev->nvqs ? -EINVAL : -ENOBUFS;
	if (state->num >= vdev->nas)
		return -EINVAL;
	if (vdpa_get_status(vdev) & VIRTIO_CONFIG_S_DRIVER_OK)
		return -EBUSY;
	return vdev->ops->set_group_asid(vdev, state->index, state->num);
}
