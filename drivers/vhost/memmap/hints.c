// SPDX-License-Identifier: GPL-2.0-only
/* Tables of hints: made, filled and given back. See struct memmap_hints. */

#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>

#include "memmap.h"
#include "memmap_internal.h"

/* Of maps with a few entries. */
struct memmap_hints memmap_no_hints = {
	.most = MEMMAP_UNHINTED,
	.entry = { NULL },
};

/* Hints for what is in the map, NULL without memory for them. */
static struct memmap_hints *hints_alloc(const struct memmap *map)
{
	const gfp_t gfp = GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN;
	unsigned int places, n = 0;
	struct memmap_hints *hints;
	struct memmap_entry *entry;

	places = min_t(unsigned long, 2 * roundup_pow_of_two(map->count), MEMMAP_PLACES);
	hints = kvmalloc(struct_size(hints, entry, places), gfp);
	if (!hints)
		return NULL;
	hints->shift = map->log_sum / map->count;
	hints->mask = places - 1;
	hints->most = places < MEMMAP_PLACES ? places / 2 : UINT_MAX;
	hints->least = max(places / 8, MEMMAP_UNHINTED / 2);
	list_for_each_entry(entry, &map->sorted, sorted) {
		memmap_hint_fill(hints, entry, entry->node[0].start);
		resched_every(++n);
	}
	return hints;
}

/*
 * New hints for the set that is about to be active. Without memory for them the old ones
 * stay. Free entries may be in the old ones, and end with them.
 */
void memmap_hints_renew(struct memmap *map, struct memmap_set *set)
{
	struct memmap_hints *hints = &memmap_no_hints;

	if (map->count > MEMMAP_UNHINTED) {
		hints = hints_alloc(map);
		if (!hints)
			return;
	}
	set->hints = hints;
	map->drop = true;
}

static void hints_free(struct memmap_hints *hints)
{
	if (hints != &memmap_no_hints)
		kvfree(hints);
}

/* Nobody is left who reads the map. */
void memmap_hints_destroy(struct memmap *map)
{
	if (map->set[0].hints != map->set[1].hints)
		hints_free(map->set[0].hints);
	hints_free(map->set[1].hints);
}

/* Nobody is left who could use the old hints. */
void memmap_hints_settle(struct memmap *map)
{
	struct memmap_set *active = memmap_active(map), *idle = memmap_idle(map);

	if (idle->hints != active->hints)
		hints_free(idle->hints);
	idle->hints = active->hints;
	memmap_free_all(map);
	map->drop = false;
}

/* What is found in the hints can be told to be in the set or not. */
int memmap_hints_validate(const struct memmap_set *set)
{
	unsigned int i;

	for (i = 0; i <= set->hints->mask; i++) {
		const struct memmap_entry *entry = READ_ONCE(set->hints->entry[i]);

		if (entry && RB_EMPTY_NODE(&entry->node[set->index].rb) ==
			     !!entry->node[set->index].perm)
			return -EINVAL;
	}
	return 0;
}
