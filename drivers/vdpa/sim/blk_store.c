// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is on a simulated disk. Any number of queues, and of disks that share it, use
 * it at once and without a common lock: as on a real disk, requests that overlap
 * while they are under way may come in any order.
 */

#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "blk_store.h"

/**
 * blk_store_create - zeroes only
 *
 * Return: it, with a reference, or NULL.
 */
struct blk_store *blk_store_create(void)
{
	struct blk_store *store = kzalloc_obj(*store);

	if (!store)
		return NULL;
	kref_init(&store->refs);
	xa_init(&store->pages);
	return store;
}

static void blk_store_release(struct kref *refs)
{
	struct blk_store *store = container_of(refs, struct blk_store, refs);
	struct page *page;
	unsigned long index;

	xa_for_each(&store->pages, index, page) {
		put_page(page);
		cond_resched();
	}
	xa_destroy(&store->pages);
	kfree(store);
}

/**
 * blk_store_put - let go of it
 * @store: it
 *
 * Context: may sleep.
 */
void blk_store_put(struct blk_store *store)
{
	kref_put(&store->refs, blk_store_release);
}

/* A page with a reference, NULL if there is none. */
static struct page *blk_store_get(struct blk_store *store, unsigned long index)
{
	struct page *page;

	rcu_read_lock();
	do {
		page = xa_load(&store->pages, index);
		if (!page || !get_page_unless_zero(page))
			continue;
		/* It may have been freed, and be somebody else's by then. */
		if (page == xa_load(&store->pages, index))
			break;
		put_page(page);
	} while (page);
	rcu_read_unlock();
	return page;
}

/*
 * The same, but make one. To write out pages of the host's may be what a disk is
 * there for, so that this must not wait for it.
 */
static struct page *blk_store_make(struct blk_store *store, unsigned long index)
{
	struct page *page = blk_store_get(store, index), *old;

	while (!page) {
		page = alloc_page(GFP_NOIO | __GFP_ZERO);
		if (!page)
			return NULL;
		/* The table's reference besides ours. */
		get_page(page);
		old = xa_cmpxchg(&store->pages, index, NULL, page, GFP_NOIO);
		if (!old)
			break;
		put_page(page);
		put_page(page);
		if (xa_is_err(old))
			return NULL;
		page = blk_store_get(store, index);
	}
	return page;
}

/**
 * blk_store_read - read from a disk
 * @store: what is on it
 * @offset: where, in bytes
 * @to: where to
 * @len: bytes
 *
 * Context: may sleep.
 * Return: true, or false if @to cannot be written.
 */
bool blk_store_read(struct blk_store *store, u64 offset, struct iov_iter *to, size_t len)
{
	while (len) {
		size_t at = offset % PAGE_SIZE, part = min(len, PAGE_SIZE - at), done;
		struct page *page = blk_store_get(store, offset / PAGE_SIZE);

		if (page) {
			done = copy_to_iter(page_address(page) + at, part, to);
			put_page(page);
		} else {
			done = iov_iter_zero(part, to);
		}
		if (done != part)
			return false;
		offset += part;
		len -= part;
	}
	return true;
}

/**
 * blk_store_write - write to a disk
 * @store: what is on it
 * @offset: where, in bytes
 * @from: where from
 * @len: bytes
 *
 * Context: may sleep.
 * Return: true, or false if @from cannot be read or there is no memory; part may be
 * written then.
 */
bool blk_store_write(struct blk_store *store, u64 offset, struct iov_iter *from, size_t len)
{
	while (len) {
		size_t at = offset % PAGE_SIZE, part = min(len, PAGE_SIZE - at), done;
		struct page *page = blk_store_make(store, offset / PAGE_SIZE);

		if (!page)
			return false;
		done = copy_from_iter(page_address(page) + at, part, from);
		put_page(page);
		if (done != part)
			return false;
		offset += part;
		len -= part;
	}
	return true;
}

static void blk_store_zero_part(struct blk_store *store, u64 offset, size_t len)
{
	struct page *page = len ? blk_store_get(store, offset / PAGE_SIZE) : NULL;

	if (!page)
		return;
	memset(page_address(page) + offset % PAGE_SIZE, 0, len);
	put_page(page);
}

/**
 * blk_store_zero - make part of a disk zeroes
 * @store: what is on it
 * @offset: where, in bytes
 * @len: bytes; they do not wrap
 *
 * Context: may sleep. The time depends on what was there.
 */
void blk_store_zero(struct blk_store *store, u64 offset, u64 len)
{
	size_t head = min_t(u64, len, -offset % PAGE_SIZE);
	size_t tail = (len - head) % PAGE_SIZE;
	unsigned long index, last;
	struct page *page;

	blk_store_zero_part(store, offset, head);
	blk_store_zero_part(store, offset + len - tail, tail);
	len -= head + tail;
	if (!len)
		return;
	last = (offset + head + len) / PAGE_SIZE - 1;
	xa_for_each_range(&store->pages, index, page, (offset + head) / PAGE_SIZE, last) {
		page = xa_erase(&store->pages, index);
		if (page)
			put_page(page);
		cond_resched();
	}
}
