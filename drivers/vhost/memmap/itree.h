/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_MEMMAP_ITREE_H
#define RINGSIDE_MEMMAP_ITREE_H
/*
 * The trees of address maps: a plain one of nodes, and the kernel's interval tree of what
 * they map to, where they may overlap.
 */

#include <linux/interval_tree_generic.h>
#include <linux/rbtree.h>

#include "memmap.h"

/* Nodes of a map do not overlap, so that their order is all it takes to find one. */
static inline bool memmap_node_less(struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct memmap_node, rb)->start <
	       rb_entry(b, struct memmap_node, rb)->start;
}

static inline void memmap_itree_insert(struct memmap_node *node, struct rb_root *root)
{
	rb_add(&node->rb, root, memmap_node_less);
}

/**
 * memmap_itree_insert_between - memmap_itree_insert() without a search
 * @node: the node
 * @prev: the one before it, NULL if that is none or not known to be in the tree
 * @next: the one after it, the same
 * @root: the tree
 *
 * Of two nodes that follow one another, one has room for a child on that side.
 */
static inline void memmap_itree_insert_between(struct memmap_node *node, struct rb_node *prev,
					       struct rb_node *next, struct rb_root *root)
{
	if (prev && !prev->rb_right) {
		rb_link_node(&node->rb, prev, &prev->rb_right);
	} else if (next && !next->rb_left) {
		rb_link_node(&node->rb, next, &next->rb_left);
	} else {
		memmap_itree_insert(node, root);
		return;
	}
	rb_insert_color(&node->rb, root);
}

static inline void memmap_itree_remove(struct memmap_node *node, struct rb_root *root)
{
	rb_erase(&node->rb, root);
	RB_CLEAR_NODE(&node->rb);
}

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
static inline struct memmap_node *memmap_find(const struct rb_root *root, u64 addr)
{
	struct rb_node *rb = root->rb_node;

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

/**
 * memmap_find_from - the first node that ends at an address or beyond
 * @root: the tree
 * @addr: the address
 *
 * As memmap_find(): the ends of nodes are in the same order as their starts.
 *
 * Return: the node or NULL.
 */
static inline struct memmap_node *memmap_find_from(const struct rb_root *root, u64 addr)
{
	struct rb_node *rb = root->rb_node;
	struct memmap_node *found = NULL;

	while (rb) {
		struct memmap_node *node = rb_entry(rb, struct memmap_node, rb);

		if (node->last < addr) {
			rb = rb->rb_right;
		} else {
			found = node;
			rb = rb->rb_left;
		}
	}
	return found;
}

#endif
