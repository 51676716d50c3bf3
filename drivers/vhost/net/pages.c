// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that packets are copied to. There are a few pages, and a page whose packets
 * are all gone when another one is needed is used again: fresh pages are zeroed at a
 * price that exceeds that of the copy (DESIGN F1).
 */

#include <linux/gfp.h>
#include <linux/mm.h>

#include "net.h"

#define PAGES_ORDER	get_order(32768)
/* References that are taken in one go. */
#define PAGES_REFS	4096

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

/*
 * Which page is next: an idle one, one of the first for these are in the caches, or one
 * that is not there yet. Without either, the place of another one, which is left to those
 * who use it.
 */
static unsigned int pages_choose(const struct vhost_net_pages *pages)
{
	unsigned int i;

	for (i = 0; i < VHOST_NET_NPAGES; i++)
		if (!pages->slot[i].page || pages_idle(&pages->slot[i]))
			return i;
	return (pages->cur + 1) % VHOST_NET_NPAGES;
}

/**
 * vhost_net_pages_next - go on with the next page
 * @pages: the pages
 *
 * Context: may sleep.
 * Return: true if there is one, all of which is free.
 */
bool vhost_net_pages_next(struct vhost_net_pages *pages)
{
	unsigned int next = pages_choose(pages);
	struct vhost_net_page *slot = &pages->slot[next];

	if (!pages_idle(slot) && !pages_renew(slot))
		return false;
	if (slot->refs <= slot->size / VHOST_NET_PAGES_SMALLEST) {
		page_ref_add(slot->page, PAGES_REFS - slot->refs);
		slot->refs = PAGES_REFS;
	}
	pages->cur = next;
	pages->room = slot->size;
	pages->free = page_address(slot->page);
	return true;
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
