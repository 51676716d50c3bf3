/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_MEMSLOT_H
#define RINGSIDE_MEMSLOT_H
/*
 * Memslots: the guest's memory as its VMM describes it, an address map from guest
 * physical to user addresses. The VMM hands in whole tables, of which little
 * differs from one to the next, or says itself what changes.
 *
 * A whole table costs a sequential compare with the last one plus what an edit
 * of the map costs for the regions that differ; a change costs the latter alone.
 */

#include "memmap.h"

/* Hard limit on the regions of a table: what KVM allows in memslots. */
#define MEMSLOTS_MAX	32767

/**
 * struct memslots - guest memory of one device
 * @map: the slots; its lock protects what follows
 * @table: the regions in force, in the VMM's order, and room for the next table
 * @capacity: regions that each of @table can hold
 * @cur: which of @table is in force
 * @table_stale: the table in force is not what the map holds: an update has
 *	changed the map alone
 * @nregions: regions in force
 */
struct memslots {
	struct memmap map;

	struct vhost_memory_region *table[2];
	unsigned int capacity[2];
	unsigned int cur;
	bool table_stale;
	unsigned int nregions;
};

/**
 * struct memslots_update - a change of the table
 * @remove: regions that leave it; each equals one that is there
 * @nremove: how many
 * @add: regions that join it
 * @nadd: how many
 * @max: regions that there may be afterwards
 */
struct memslots_update {
	const struct vhost_memory_region *remove;
	unsigned int nremove;
	const struct vhost_memory_region *add;
	unsigned int nadd;
	unsigned int max;
};

void memslots_init(struct memslots *ms);
void memslots_destroy(struct memslots *ms);
struct vhost_memory_region *memslots_begin(struct memslots *ms, unsigned int nregions);
int memslots_commit(struct memslots *ms, unsigned int nregions);
void memslots_abort(struct memslots *ms);
int memslots_update(struct memslots *ms, const struct memslots_update *update);
unsigned int memslots_count(struct memslots *ms);
u64 memslots_last(struct memslots *ms);
int memslots_validate(struct memslots *ms);

#endif
