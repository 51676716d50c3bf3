/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_MEMMAP_INTERNAL_H
#define RINGSIDE_MEMMAP_INTERNAL_H

#include <linux/sched.h>

#include "memmap.h"

/* Control-path loops let others run each time they have seen so many entries. */
#define MEMMAP_RESCHED	512

static inline void resched_every(unsigned int n)
{
	if (n % MEMMAP_RESCHED == 0)
		cond_resched();
}

static inline struct memmap_entry *memmap_entry_of(struct memmap_node *node,
						   const struct memmap_set *set)
{
	return container_of(node, struct memmap_entry, node[set->index]);
}

static inline struct memmap_set *memmap_active(struct memmap *map)
{
	lockdep_assert_held(&map->lock);
	return map->active;
}

static inline struct memmap_set *memmap_idle(struct memmap *map)
{
	return &map->set[!memmap_active(map)->index];
}

int memmap_cache_create(void);
void memmap_cache_destroy(void);

#endif
