// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that packets are copied to. A few pages are used in turn, and a page
 * whose packets are all gone by the time its turn comes is used again: fresh
 * pages are zeroed at a price that exceeds that of the copy (DESIGN F1).
 */

#include <linux/gfp.h>
#include <linux/mm.h>

#include "net.h"

#define PAGES_ORDER	get_order(32768)
/* References that are taken in one go. */
#define PAGES_REFS	4096
/* More packets than a page holds, none is smaller than this many bytes. */
#define PAGES_SMALLEST	64

static void pages_drop(struct vhost_net_page *slot)
{
	if (slot->page)
		__page_frag_cache_drain(slot->page, slot->refs);
	slot->page = NULL;
}

/* Is nobody else using the page? Nobody but us could take new references. */
static bool pages_idle(const struct vhost_net_page *slot)
{
	return slot->page && page_ref_count(slot->page) == slot->refs;
}

static bool pages_renew(struct vhost_net_page *slot)
{
	gfp_t try = (GFP_KERNEL & ~__GFP_DIRECT_RECLAIM) | __GFP_COMP | __GFP_NOWARN;

	pages_drop(slot);
	slot->size = PAGE_SIZE << PAGES_ORDER;
	slot->page = alloc_pages(try, PAGES_ORDER);
	if (!slot->page) {
		slot->size = PAGE_SIZE;
		slot->page = alloc_page(GFP_KERNEL);
	}
	if (!slot->page)
		return false;
	page_ref_add(slot->page, PAGES_REFS - 1);
	slot->refs = PAGES_REFS;
	return true;
}

/* Have the next page ready. */
static bool pages_next(struct vhost_net_pages *pages)
{
	unsigned int next = (pages->cur + 1) % VHOST_NET_NPAGES;
	struct vhost_net_page *slot = &pages->slot[next];

	if (!pages_idle(slot) && !pages_renew(slot))
		return false;
	if (slot->refs <= slot->size / PAGES_SMALLEST) {
		page_ref_add(slot->page, PAGES_REFS - slot->refs);
		slot->refs = PAGES_REFS;
	}
	pages->cur = next;
	pages->offset = 0;
	return true;
}

/**
 * vhost_net_pages_get - memory for a packet
 * @pages: where from
 * @len: how much: PAGES_SMALLEST to PAGE_SIZE, a multiple of the cache line
 *
 * Context: may sleep.
 * Return: the memory, with a reference to its page that is the caller's, or
 * NULL. What an earlier packet left there is still in it.
 */
void *vhost_net_pages_get(struct vhost_net_pages *pages, unsigned int len)
{
	struct vhost_net_page *slot = &pages->slot[pages->cur];
	void *mem;

	if (!slot->page || pages->offset + len > slot->size) {
		if (!pages_next(pages))
			return NULL;
		slot = &pages->slot[pages->cur];
	}
	mem = page_address(slot->page) + pages->offset;
	pages->offset += len;
	slot->refs--;
	return mem;
}

/**
 * vhost_net_pages_unget - give back what was got last
 * @pages: where from
 * @len: how much
 */
void vhost_net_pages_unget(struct vhost_net_pages *pages, unsigned int len)
{
	pages->offset -= len;
	pages->slot[pages->cur].refs++;
}

/**
 * vhost_net_pages_free - let go of all pages
 * @pages: the pages; packets that still use them keep them
 */
void vhost_net_pages_free(struct vhost_net_pages *pages)
{
	unsigned int i;

	for (i = 0; i < VHOST_NET_NPAGES; i++)
		pages_drop(&pages->slot[i]);
}
