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

static inline struct memmap_entry *memmap_entry_of(const struct memmap_node *node,
						   const struct memmap_set *set)
{
	return container_of((struct memmap_node *)node, struct memmap_entry, node[set->index]);
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

/* Let lookups near @start find an entry. */
static inline void memmap_hint_fill(struct memmap_hints *hints, struct memmap_entry *entry,
				    u64 start)
{
	if (!hints->mask)
		return;
	/*
	 * Pairs with the dependency in memmap_hinted(): whoever finds the entry may not have
	 * seen the edit that made it.
	 */
	smp_store_release(memmap_hint(hints, start), entry);
}

/* Should the hints be others after the edit, or what is free be given back? */
static inline bool memmap_hints_stale(const struct memmap *map)
{
	const struct memmap_hints *hints = map->active->hints;
	unsigned int count = map->count;

	if (map->nfree + map->ndel > MEMMAP_KEEP + count)
		return true;
	return count > hints->most || count < hints->least ||
	       (hints->mask && (map->log_sum > (hints->shift + 2) * count ||
				map->log_sum + count < hints->shift * count));
}

extern struct memmap_hints memmap_no_hints;

void memmap_hints_renew(struct memmap *map, struct memmap_set *set);
void memmap_hints_settle(struct memmap *map);
void memmap_hints_destroy(struct memmap *map);
int memmap_hints_validate(const struct memmap_set *set);
void memmap_free_all(struct memmap *map);
int memmap_cache_create(void);
void memmap_cache_destroy(void);

#endif
