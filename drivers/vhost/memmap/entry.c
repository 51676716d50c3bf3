// SPDX-License-Identifier: GPL-2.0-only
/* The memory of entries. Free ones are kept for the next, see struct memmap_hints. */

#include <linux/lockdep.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "memmap.h"
#include "memmap_internal.h"

/* For maps without and with a reverse side. */
static struct kmem_cache *memmap_cachep[2];

void memmap_cache_destroy(void)
{
	kmem_cache_destroy(memmap_cachep[false]);
	kmem_cache_destroy(memmap_cachep[true]);
}

/*
 * In no tree, and nothing is found there. With a constructor the cache leaves alone what it
 * hands out: memmap_alloc() sets all that is looked at, and clearing an entry first would be
 * a part of what a message of the device IOTLB costs.
 */
static void entry_construct(void *mem)
{
	struct memmap_entry *entry = mem;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		RB_CLEAR_NODE(&entry->node[i].rb);
		entry->node[i].perm = 0;
	}
}

static void entry_construct_reverse(void *mem)
{
	struct memmap_entry *entry = mem;
	unsigned int i;

	entry_construct(mem);
	for (i = 0; i < 2; i++)
		entry->rnode[i].node = &entry->node[i];
}

int __init memmap_cache_create(void)
{
	const slab_flags_t flags = SLAB_HWCACHE_ALIGN | SLAB_ACCOUNT;
	const struct memmap_entry *entry = NULL;

	memmap_cachep[false] = kmem_cache_create("memmap_entry", sizeof(*entry), 0, flags,
						 entry_construct);
	memmap_cachep[true] = kmem_cache_create("memmap_entry_reverse",
						struct_size(entry, rnode, 2), 0, flags,
						entry_construct_reverse);
	if (memmap_cachep[false] && memmap_cachep[true])
		return 0;
	memmap_cache_destroy();
	return -ENOMEM;
}

static void free_push(struct memmap *map, struct memmap_entry *entry)
{
	entry->next = map->free;
	map->free = entry;
	map->nfree++;
}

/* Give the memory of free entries back, which are in nobody's hints. */
void memmap_free_all(struct memmap *map)
{
	struct memmap_entry *entry;

	while ((entry = map->free)) {
		map->free = entry->next;
		/* When the whole map goes it may be in trees still. */
		entry_construct(entry);
		kmem_cache_free(memmap_cachep[map->reverse], entry);
		resched_every(--map->nfree);
	}
}

/* Get some free entries: they come by the hundred when they come. */
static bool free_refill(struct memmap *map)
{
	void *fresh[MEMMAP_SPARE];
	unsigned int i;

	/* All of them or none; what it returns else differs between kernels. */
	if (!kmem_cache_alloc_bulk(memmap_cachep[map->reverse], GFP_KERNEL, MEMMAP_SPARE, fresh))
		return false;
	for (i = 0; i < MEMMAP_SPARE; i++)
		free_push(map, fresh[i]);
	return true;
}

/**
 * memmap_alloc - an entry that is in no map yet
 * @map: the map it is for
 * @start: first address
 * @last: last address, inclusive, not below @start
 * @addr: what @start maps to
 * @perm: what it permits, MEMMAP_READ and MEMMAP_WRITE
 *
 * Context: memmap.lock; may sleep.
 * Return: the entry or NULL.
 */
struct memmap_entry *memmap_alloc(struct memmap *map, u64 start, u64 last, u64 addr, u32 perm)
{
	struct memmap_entry *entry;
	unsigned int i;

	lockdep_assert_held(&map->lock);
	if (!map->free && !free_refill(map))
		return NULL;
	entry = map->free;
	map->free = entry->next;
	map->nfree--;
	for (i = 0; i < 2; i++) {
		entry->node[i].start = start;
		entry->node[i].last = last;
		entry->node[i].addr = addr;
	}
	entry->perm = perm;
	entry->fresh = false;
	entry->leaving = false;
	return entry;
}
EXPORT_SYMBOL_NS_GPL(memmap_alloc, "RINGSIDE");

/**
 * memmap_free - free an entry that is in no map
 * @map: the map it was for
 * @entry: from memmap_alloc()
 *
 * Context: memmap.lock, or nobody uses the map any more.
 */
void memmap_free(struct memmap *map, struct memmap_entry *entry)
{
	free_push(map, entry);
}
EXPORT_SYMBOL_NS_GPL(memmap_free, "RINGSIDE");

/**
 * memmap_free_list - free entries that are in no map
 * @map: the map they were for
 * @list: where they are linked by memmap_entry.link; not emptied
 *
 * Context: as memmap_free(); may sleep.
 */
void memmap_free_list(struct memmap *map, struct list_head *list)
{
	struct memmap_entry *entry, *tmp;
	unsigned int n = 0;

	list_for_each_entry_safe(entry, tmp, list, link) {
		memmap_free(map, entry);
		resched_every(++n);
	}
}
EXPORT_SYMBOL_NS_GPL(memmap_free_list, "RINGSIDE");
