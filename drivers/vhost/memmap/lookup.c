// SPDX-License-Identifier: GPL-2.0-only
/* Lookups in an address map: what readers do between lock and unlock. */

#include <linux/module.h>
#include <linux/uaccess.h>

#include "itree.h"
#include "memmap.h"
#include "memmap_internal.h"

/* Add a piece, or lengthen the one before when it ends where this one starts. */
static int iov_append(struct iovec *iov, int n, unsigned int max, u64 addr, u64 len)
{
	void __user *base = u64_to_user_ptr(addr);

	if (n && iov[n - 1].iov_base + iov[n - 1].iov_len == base) {
		iov[n - 1].iov_len += len;
		return n;
	}
	if (n >= max)
		return -ENOBUFS;
	iov[n].iov_base = base;
	iov[n].iov_len = len;
	return n + 1;
}

/* Does the entry permit the access? -EFAULT if there is none. */
static int node_permits(const struct memmap_node *node, u32 perm)
{
	if (!node)
		return -EFAULT;
	return (node->perm & perm) == perm ? 0 : -EPERM;
}

/* The node of a set that maps an address, or NULL. */
static const struct memmap_node *set_lookup(const struct memmap_set *set, u64 start)
{
	const struct memmap_node *node = memmap_hinted(set, start);

	if (node && READ_ONCE(node->perm) && memmap_node_has(node, start, 1, 0))
		return node;
	node = memmap_find(&set->root, start);
	if (node)
		memmap_hint_fill(set->hints, memmap_entry_of(node, set), start);
	return node;
}

/*
 * Make the cache hold the entry that maps @start, and return how many of the
 * @len bytes from there on it maps.
 */
static s64 cache_lookup(const struct memmap_set *set, struct memmap_cache *cache, u64 start,
			u64 len, u32 perm, u64 *miss)
{
	if (!memmap_cache_hit(cache, set->generation, start, 1, perm)) {
		const struct memmap_node *node = set_lookup(set, start);
		int err = node_permits(node, perm);

		if (unlikely(err)) {
			/* The guest may know more than was in force when our turn began. */
			const struct memmap_set *newer = memmap_newer(set);

			if (newer) {
				set = newer;
				node = set_lookup(set, start);
				err = node_permits(node, perm);
			}
		}
		*miss = start;
		if (err)
			return err;
		memmap_cache_fill(cache, set->generation, node);
	}
	return min(len - 1, cache->node->last - start) + 1;
}

/*
 * A range that may cross entries, or is not all mapped. On its own, that its registers
 * are not saved for the others.
 */
static noinline int translate_pieces(const struct memmap_set *set, struct memmap_cache *cache,
				     u64 start, u64 len, u32 perm, struct iovec *iov,
				     unsigned int max, u64 *miss)
{
	int n = 0;

	*miss = start;
	if (len && start + len - 1 < start)
		return -EFAULT;
	while (len) {
		s64 part = cache_lookup(set, cache, start, len, perm, miss);

		if (part < 0)
			return part;
		n = iov_append(iov, n, max, memmap_node_addr(cache->node, start), part);
		if (n < 0)
			return n;
		start += part;
		len -= part;
	}
	return n;
}

/**
 * memmap_translate_slow - memmap_translate() when the cache does not help
 * @set: see there
 * @cache: see there
 * @start: see there
 * @len: see there, at most 4 GiB
 * @perm: see there
 * @iov: see there
 * @max: see there
 * @miss: see there
 *
 * Return: see there.
 */
int memmap_translate_slow(const struct memmap_set *set, struct memmap_cache *cache, u64 start,
			  u64 len, u32 perm, struct iovec *iov, unsigned int max, u64 *miss)
{
	const struct memmap_node *node = set_lookup(set, start);

	/* Most ranges lie in one entry, if in another than the last one did. */
	if (unlikely(!node || !len || !max || len - 1 > node->last - start ||
		     (node->perm & perm) != perm))
		return translate_pieces(set, cache, start, len, perm, iov, max, miss);
	memmap_cache_fill(cache, set->generation, node);
	memmap_node_piece(node, start, len, iov);
	return 1;
}
EXPORT_SYMBOL_NS_GPL(memmap_translate_slow, "RINGSIDE");

/**
 * memmap_piece - find where the first part of a range leads
 * @set: from memmap_read_lock()
 * @cache: the reader's cache of its last hit
 * @start: first address
 * @len: bytes, at least 1
 * @perm: access wanted
 * @addr: where to put what @start maps to
 * @miss: where to put the address that is at fault
 *
 * Context: between memmap_read_lock() and memmap_read_unlock().
 * Return: how many bytes from @start on one entry maps, at most @len; -EFAULT or
 * -EPERM as memmap_translate().
 */
s64 memmap_piece(const struct memmap_set *set, struct memmap_cache *cache, u64 start, u64 len,
		 u32 perm, u64 *addr, u64 *miss)
{
	s64 part = cache_lookup(set, cache, start, len, perm, miss);

	if (part >= 0)
		*addr = memmap_node_addr(cache->node, start);
	return part;
}
EXPORT_SYMBOL_NS_GPL(memmap_piece, "RINGSIDE");

/**
 * memmap_read - copy from the memory that a range leads to
 * @set: from memmap_read_lock()
 * @cache: the reader's cache of its last hit
 * @dst: where to
 * @start: first address
 * @len: bytes
 * @miss: where to put the address that is at fault
 *
 * Context: between memmap_read_lock() and memmap_read_unlock(), in the owner's
 * address space; may sleep in a page fault.
 * Return: 0; -EFAULT if the byte at *@miss is not mapped, -EPERM if the map
 * forbids it there, -EIO if mapped memory cannot be read. @dst may be partly
 * written then.
 */
int memmap_read(const struct memmap_set *set, struct memmap_cache *cache, void *dst, u64 start,
		u64 len, u64 *miss)
{
	*miss = start;
	if (len && start + len - 1 < start)
		return -EFAULT;
	while (len) {
		s64 part = cache_lookup(set, cache, start, len, MEMMAP_READ, miss);

		if (part < 0)
			return part;
		if (copy_from_user(dst, u64_to_user_ptr(memmap_node_addr(cache->node, start)),
				   part))
			return -EIO;
		dst += part;
		start += part;
		len -= part;
	}
	return 0;
}
EXPORT_SYMBOL_NS_GPL(memmap_read, "RINGSIDE");

/**
 * memmap_covers - is all of a range mapped, and in one piece?
 * @set: from memmap_read_lock()
 * @start: first address
 * @len: bytes, at least 1
 * @perm: access wanted
 * @addr: where to put what @start maps to
 * @miss: where to put the address that is at fault
 *
 * Context: between memmap_read_lock() and memmap_read_unlock().
 * Return: 1 if it is, 0 if it is mapped in several pieces, -EFAULT if the byte
 * at *@miss is not mapped, -EPERM if the access is not permitted there.
 */
int memmap_covers(const struct memmap_set *set, u64 start, u64 len, u32 perm, u64 *addr, u64 *miss)
{
	struct memmap_cache cache = {};
	bool whole = true;
	u64 next = 0;

	*miss = start;
	if (start + len - 1 < start)
		return -EFAULT;
	while (len) {
		s64 part = cache_lookup(set, &cache, start, len, perm, miss);
		u64 here;

		if (part < 0)
			return part;
		here = memmap_node_addr(cache.node, start);
		if (!next)
			*addr = here;
		else if (here != next)
			whole = false;
		next = here + part;
		start += part;
		len -= part;
	}
	return whole;
}
EXPORT_SYMBOL_NS_GPL(memmap_covers, "RINGSIDE");

/**
 * memmap_alias_first - which entries lead to a range of addresses?
 * @set: from memmap_read_lock(), of a map with a reverse side
 * @first: first address mapped to
 * @last: last address, inclusive
 *
 * Context: between memmap_read_lock() and memmap_read_unlock().
 * Return: one that has an address in common with the range, or NULL.
 */
const struct memmap_rnode *memmap_alias_first(const struct memmap_set *set, u64 first, u64 last)
{
	return memmap_rtree_iter_first((struct rb_root_cached *)&set->rroot, first, last);
}
EXPORT_SYMBOL_NS_GPL(memmap_alias_first, "RINGSIDE");

/**
 * memmap_alias_next - further entries that do
 * @rnode: from memmap_alias_first() or the last call
 * @first: as given to memmap_alias_first()
 * @last: the same
 *
 * Context: as memmap_alias_first().
 * Return: the next one, or NULL.
 */
const struct memmap_rnode *memmap_alias_next(const struct memmap_rnode *rnode, u64 first,
					     u64 last)
{
	return memmap_rtree_iter_next((struct memmap_rnode *)rnode, first, last);
}
EXPORT_SYMBOL_NS_GPL(memmap_alias_next, "RINGSIDE");
