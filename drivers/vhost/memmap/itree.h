/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_MEMMAP_ITREE_H
#define RINGSIDE_MEMMAP_ITREE_H
/* The interval trees of address maps: the kernel's template over their nodes. */

#include <linux/interval_tree_generic.h>

#include "memmap.h"

#define MEMMAP_START(node)	((node)->start)
#define MEMMAP_LAST(node)	((node)->last)

INTERVAL_TREE_DEFINE(struct memmap_node, rb, u64, subtree_last, MEMMAP_START, MEMMAP_LAST,
		     static inline __maybe_unused, memmap_itree)

#define MEMMAP_RSTART(rnode)	((rnode)->node->addr)
#define MEMMAP_RLAST(rnode)	((rnode)->node->addr + ((rnode)->node->last - (rnode)->node->start))

INTERVAL_TREE_DEFINE(struct memmap_rnode, rb, u64, subtree_last, MEMMAP_RSTART, MEMMAP_RLAST,
		     static inline __maybe_unused, memmap_rtree)

/**
 * memmap_find - the node that maps an address
 * @root: the tree
 * @addr: the address
 *
 * Plain descent: nodes of a map do not overlap, so at most one holds @addr.
 *
 * Return: the node or NULL.
 */
static inline struct memmap_node *memmap_find(const struct rb_root_cached *root, u64 addr)
{
	struct rb_node *rb = root->rb_root.rb_node;

	while (rb) {
		struct memmap_node *node = rb_entry(rb, struct memmap_node, rb);

		if (addr < node->start)
			rb = rb->rb_left;
		else if (addr > node->last)
			rb = rb->rb_right;
		else
			return node;
	}
	return NULL;
}

#endif
