// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory behind a mapping. A parent that works with physical addresses needs
 * the pages to stay where they are for as long as the mapping lasts: they are pinned
 * and charged to the owner, against RLIMIT_MEMLOCK. One that works with user
 * addresses needs nothing but a look at whether there is memory at all.
 */

#include <linux/capability.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "vdpa.h"

/* Pages whose addresses fit into a page: so many are pinned at a time. */
#define PIN_STEP	(PAGE_SIZE / sizeof(struct page *))

/* Pages that are let go of at a time. */
#define UNPIN_STEP	BIT(15)

/* Chunks in the first block of a mapping, and in those behind it: a page. */
#define PINS_FIRST	7
#define PINS_MORE	((PAGE_SIZE - sizeof(struct vhost_vdpa_pins)) / \
			 sizeof(struct vhost_vdpa_chunk))

static unsigned long map_pages(const struct vhost_vdpa_map *map)
{
	return ((offset_in_page(map->uaddr) + (map->last - map->first)) >> PAGE_SHIFT) + 1;
}

/*
 * Count first and look then: others charge the same counter. Who may lock as much
 * memory as he likes may pin it, too.
 */
static int pin_charge(struct vhost_vdpa_map *map, struct mm_struct *mm, unsigned long npages)
{
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;

	if ((u64)atomic64_add_return(npages, &mm->pinned_vm) > limit &&
	    !capable(CAP_IPC_LOCK)) {
		atomic64_sub(npages, &mm->pinned_vm);
		return -ENOMEM;
	}
	map->pinned = npages;
	return 0;
}

static struct vhost_vdpa_chunk *pins_new_chunk(struct vhost_vdpa_map *map)
{
	struct vhost_vdpa_pins *pins = map->pins_end;
	unsigned int room = pins ? PINS_MORE : PINS_FIRST;

	if (pins && pins->n < pins->room)
		return &pins->chunk[pins->n++];
	pins = kmalloc(struct_size(pins, chunk, room), GFP_KERNEL_ACCOUNT);
	if (!pins)
		return NULL;
	pins->next = NULL;
	pins->room = room;
	pins->n = 1;
	if (map->pins_end)
		map->pins_end->next = pins;
	else
		map->pins = pins;
	map->pins_end = pins;
	return &pins->chunk[0];
}

static struct vhost_vdpa_chunk *pins_last_chunk(const struct vhost_vdpa_map *map)
{
	return map->pins_end ? &map->pins_end->chunk[map->pins_end->n - 1] : NULL;
}

/* Add pinned pages to those of the mapping; all are let go of if that fails. */
static int pins_add(struct vhost_vdpa_map *map, struct page **pages, unsigned int n)
{
	struct vhost_vdpa_chunk *chunk = pins_last_chunk(map);
	unsigned int i;

	for (i = 0; i < n; i++) {
		unsigned long pfn = page_to_pfn(pages[i]);

		if (chunk && pfn == chunk->pfn + chunk->npages) {
			chunk->npages++;
			continue;
		}
		chunk = pins_new_chunk(map);
		if (!chunk) {
			unpin_user_pages(pages + i, n - i);
			return -ENOMEM;
		}
		chunk->pfn = pfn;
		chunk->npages = 1;
	}
	return 0;
}

/**
 * vhost_vdpa_map_pin - pin the pages of a mapping
 * @map: the mapping
 * @mm: the caller's address space, which is charged
 *
 * Context: process; may sleep, ends early when the caller is killed.
 * Return: 0; -ENOMEM above RLIMIT_MEMLOCK or without memory, -EFAULT if some of it
 * is not there, or is not the kind that can be pinned, -EINTR. After an error,
 * vhost_vdpa_map_unpin() lets go of what was pinned.
 */
int vhost_vdpa_map_pin(struct vhost_vdpa_map *map, struct mm_struct *mm)
{
	unsigned int flags = FOLL_LONGTERM | (map->perm & VHOST_ACCESS_WO ? FOLL_WRITE : 0);
	unsigned long left = map_pages(map), addr = map->uaddr & PAGE_MASK;
	struct page **pages;
	int err;

	err = pin_charge(map, mm, left);
	if (err)
		return err;
	pages = (struct page **)__get_free_page(GFP_KERNEL);
	if (!pages)
		return -ENOMEM;
	while (left) {
		int n = pin_user_pages_fast(addr, min(left, PIN_STEP), flags, pages);

		if (n <= 0) {
			err = n ?: -EFAULT;
			break;
		}
		err = pins_add(map, pages, n);
		if (err)
			break;
		addr += (unsigned long)n << PAGE_SHIFT;
		left -= n;
		cond_resched();
		if (left && fatal_signal_pending(current)) {
			err = -EINTR;
			break;
		}
	}
	free_page((unsigned long)pages);
	return err;
}

static void unpin_chunk(const struct vhost_vdpa_chunk *chunk, bool dirty)
{
	unsigned long pfn = chunk->pfn, left = chunk->npages;

	while (left) {
		unsigned long n = min(left, UNPIN_STEP);

		unpin_user_page_range_dirty_lock(pfn_to_page(pfn), n, dirty);
		pfn += n;
		left -= n;
		cond_resched();
	}
}

/**
 * vhost_vdpa_map_unpin - let go of the pages of a mapping
 * @map: the mapping, pinned to whatever extent, or not at all
 * @mm: who was charged
 *
 * Context: may sleep.
 */
void vhost_vdpa_map_unpin(struct vhost_vdpa_map *map, struct mm_struct *mm)
{
	struct vhost_vdpa_pins *pins = map->pins, *next;
	unsigned int i;

	for (; pins; pins = next) {
		next = pins->next;
		for (i = 0; i < pins->n; i++)
			unpin_chunk(&pins->chunk[i], map->perm & VHOST_ACCESS_WO);
		kfree(pins);
	}
	map->pins = NULL;
	map->pins_end = NULL;
	if (map->pinned)
		atomic64_sub(map->pinned, &mm->pinned_vm);
	map->pinned = 0;
}

/**
 * vhost_vdpa_map_check - is there memory behind a mapping?
 * @map: the mapping
 * @mm: the caller's address space
 *
 * Any memory will do that the owner could access himself, private or shared.
 *
 * Context: process; may sleep, ends early when the caller is killed.
 * Return: 0; -EINVAL if there is a hole, -EACCES if it may not be accessed so,
 * -EINTR.
 */
int vhost_vdpa_map_check(const struct vhost_vdpa_map *map, struct mm_struct *mm)
{
	unsigned long addr = map->uaddr, last = map->uaddr + (map->last - map->first);
	vm_flags_t need = (map->perm & VHOST_ACCESS_RO ? VM_READ : 0) |
			  (map->perm & VHOST_ACCESS_WO ? VM_WRITE : 0);
	struct vm_area_struct *vma;
	int err = 0;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	do {
		vma = find_vma(mm, addr);
		if (!vma || vma->vm_start > addr)
			err = -EINVAL;
		else if (need & ~vma->vm_flags)
			err = -EACCES;
		else
			addr = vma->vm_end;
	} while (!err && addr <= last);
	mmap_read_unlock(mm);
	return err;
}
