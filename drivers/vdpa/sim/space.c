// SPDX-License-Identifier: GPL-2.0-only
/*
 * Address spaces: what the I/O virtual addresses of queues and buffers lead to.
 * Without a mapping there is no access. They lead to user addresses while an mm is
 * bound, and to physical ones while none is; one kind is never taken for the other,
 * since all mappings are gone before that changes.
 */

#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "sim.h"

static int max_iotlb_entries = 2048;
module_param(max_iotlb_entries, int, 0444);
MODULE_PARM_DESC(max_iotlb_entries, "Maximum number of mappings of an address space. (default: 2048)");

/**
 * sim_spaces_create - make a device's address spaces, without mappings
 * @sim: the device
 *
 * Context: may sleep.
 * Return: 0, -ENOMEM, or -EINVAL if mappings are not allowed at all.
 */
int sim_spaces_create(struct sim *sim)
{
	unsigned int i;

	if (max_iotlb_entries < 1)
		return -EINVAL;
	sim->spaces = kzalloc_objs(*sim->spaces, sim->vdev.nas);
	if (!sim->spaces)
		return -ENOMEM;
	for (i = 0; i < sim->vdev.nas; i++) {
		memmap_init(&sim->spaces[i], false);
		sim->spaces[i].patient = true;
	}
	return 0;
}

/**
 * sim_spaces_destroy - free them
 * @sim: the device; nothing runs any more
 *
 * Context: may sleep.
 */
void sim_spaces_destroy(struct sim *sim)
{
	unsigned int i;

	for (i = 0; sim->spaces && i < sim->vdev.nas; i++)
		memmap_destroy(&sim->spaces[i]);
	kfree(sim->spaces);
	if (sim->mm)
		mmdrop(sim->mm);
}

int sim_map_begin(struct vdpa_device *vdev, u32 asid)
{
	return memmap_lock(&vdpa_to_sim(vdev)->spaces[asid]);
}

int sim_map_add(struct vdpa_device *vdev, u32 asid, const struct vdpa_range *range)
{
	struct memmap *map = &vdpa_to_sim(vdev)->spaces[asid];
	struct memmap_entry *entry;

	if (memmap_overlap(map, range->first, range->last))
		return -EEXIST;
	if (map->count >= max_iotlb_entries)
		return -ENOSPC;
	entry = memmap_alloc(map, range->first, range->last, range->addr, range->perm);
	if (!entry)
		return -ENOMEM;
	return memmap_insert(map, entry);
}

void sim_map_remove(struct vdpa_device *vdev, u32 asid, u64 first, u64 last)
{
	struct memmap *map = &vdpa_to_sim(vdev)->spaces[asid];
	struct memmap_entry *entry;

	while ((entry = memmap_overlap(map, first, last))) {
		memmap_remove(map, entry);
		cond_resched();
	}
}

int sim_map_commit(struct vdpa_device *vdev, u32 asid)
{
	struct memmap *map = &vdpa_to_sim(vdev)->spaces[asid];
	int err = memmap_publish(map);

	memmap_unlock(map);
	return err;
}

void sim_map_cancel(struct vdpa_device *vdev, u32 asid)
{
	struct memmap *map = &vdpa_to_sim(vdev)->spaces[asid];

	memmap_cancel(map);
	memmap_unlock(map);
}

static bool sim_spaces_empty(struct sim *sim)
{
	unsigned int i, count = 0;

	for (i = 0; i < sim->vdev.nas; i++) {
		mutex_lock(&sim->spaces[i].lock);
		count += sim->spaces[i].count;
		mutex_unlock(&sim->spaces[i].lock);
	}
	return !count;
}

/* No reader is in them. */
static void sim_spaces_clear(struct sim *sim)
{
	unsigned int i;

	for (i = 0; i < sim->vdev.nas; i++) {
		struct vdpa_device *vdev = &sim->vdev;

		sim->spaces[i].patient = true;
		if (WARN_ON(sim_map_begin(vdev, i)))
			continue;
		sim_map_remove(vdev, i, 0, U64_MAX);
		sim_map_commit(vdev, i);
	}
}

static bool sim_runs(const struct sim *sim)
{
	unsigned int i;

	for (i = 0; i < sim->vdev.nvqs; i++)
		if (sim->queues[i].running)
			return true;
	return false;
}

int sim_bind_mm(struct vdpa_device *vdev, struct mm_struct *mm)
{
	struct sim *sim = vdpa_to_sim(vdev);
	unsigned int i;
	int err = 0;

	if (mutex_lock_killable(&sim->lock))
		return -EINTR;
	if (sim->mm || sim_runs(sim) || !sim_spaces_empty(sim)) {
		err = -EBUSY;
	} else {
		for (i = 0; i < sim->vdev.nas; i++)
			sim->spaces[i].patient = false;
		mmgrab(mm);
		WRITE_ONCE(sim->mm, mm);
	}
	mutex_unlock(&sim->lock);
	return err;
}

void sim_unbind_mm(struct vdpa_device *vdev)
{
	struct sim *sim = vdpa_to_sim(vdev);
	struct mm_struct *mm;
	unsigned int i;

	mutex_lock(&sim->lock);
	for (i = 0; i < sim->vdev.nvqs; i++)
		sim->queues[i].ready = false;
	sim_queues_apply(sim);
	sim_spaces_clear(sim);
	mm = sim->mm;
	WRITE_ONCE(sim->mm, NULL);
	/* What runs now has no queue to serve, but may still have the mm. */
	sim_workers_flush(sim);
	mutex_unlock(&sim->lock);
	if (mm)
		mmdrop(mm);
}
