// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's pages, pinned for as long as a command may use them. Each entry of a
 * scatterlist is within one page, as some of the target core's commands expect.
 */

#include <linux/mm.h>
#include <linux/slab.h>

#include "scsi.h"

/* Pages that are pinned in one go. */
#define PIN_BATCH	16

/* The next bytes of a span that lie in one piece, at most @len. */
static size_t span_next(struct vhost_scsi_span *span, size_t len, unsigned long *addr)
{
	size_t part;

	while (span->skip == span->seg->iov_len) {
		span->seg++;
		span->skip = 0;
	}
	part = min(len, span->seg->iov_len - span->skip);
	*addr = (unsigned long)span->seg->iov_base + span->skip;
	span->skip += part;
	return part;
}

/**
 * vhost_scsi_skip - go on in a chain
 * @span: where; moved
 * @len: by as many bytes, which are there
 */
void vhost_scsi_skip(struct vhost_scsi_span *span, size_t len)
{
	unsigned long addr;

	while (len)
		len -= span_next(span, len, &addr);
}

static unsigned int pages_of(unsigned long addr, size_t len)
{
	return DIV_ROUND_UP(offset_in_page(addr) + len, PAGE_SIZE);
}

static size_t span_pages(struct vhost_scsi_span span, size_t len)
{
	unsigned long addr;
	size_t n = 0;

	while (len) {
		size_t part = span_next(&span, len, &addr);

		n += pages_of(addr, part);
		len -= part;
	}
	return n;
}

static int pin_piece(struct vhost_scsi_sgl *sgl, unsigned long addr, size_t len)
{
	while (len) {
		unsigned int n = min(pages_of(addr, len), PIN_BATCH);
		struct page *page[PIN_BATCH];
		int i, got;

		got = pin_user_pages_fast(addr & PAGE_MASK, n, sgl->write ? FOLL_WRITE : 0, page);
		if (got <= 0)
			return got ?: -EFAULT;
		for (i = 0; i < got; i++) {
			size_t part = min(len, PAGE_SIZE - offset_in_page(addr));

			sg_set_page(&sgl->list[sgl->nents++], page[i], part,
				    offset_in_page(addr));
			addr += part;
			len -= part;
		}
	}
	return 0;
}

/**
 * vhost_scsi_pin - pin part of a chain
 * @sgl: where to, empty
 * @span: where the part begins; moved to its end
 * @len: its bytes, which are there
 * @write: whether it will be written to
 *
 * Context: the owner's address space; may sleep.
 * Return: 0; -E2BIG if it is in more than VHOST_SCSI_MAX_SG pages, -ENOMEM, or
 * -EFAULT and the like if it cannot be accessed. On error nothing is pinned.
 */
int vhost_scsi_pin(struct vhost_scsi_sgl *sgl, struct vhost_scsi_span *span, size_t len,
		   bool write)
{
	size_t n = span_pages(*span, len);
	unsigned long addr;
	int err = 0;

	if (!n)
		return 0;
	if (n > VHOST_SCSI_MAX_SG)
		return -E2BIG;
	sgl->list = sgl->room;
	if (n > sgl->nroom) {
		sgl->list = kvmalloc_objs(*sgl->list, n, GFP_KERNEL_ACCOUNT);
		if (!sgl->list)
			return -ENOMEM;
	}
	sgl->write = write;
	sg_init_table(sgl->list, n);
	while (len && !err) {
		size_t part = span_next(span, len, &addr);

		err = pin_piece(sgl, addr, part);
		len -= part;
	}
	if (err)
		vhost_scsi_unpin(sgl);
	return err;
}

/**
 * vhost_scsi_unpin - let go of pages
 * @sgl: the pages, maybe none; empty afterwards
 *
 * Context: may sleep.
 */
void vhost_scsi_unpin(struct vhost_scsi_sgl *sgl)
{
	unsigned int i;

	for (i = 0; i < sgl->nents; i++) {
		struct page *page = sg_page(&sgl->list[i]);

		unpin_user_pages_dirty_lock(&page, 1, sgl->write);
	}
	sgl->nents = 0;
	if (sgl->list != sgl->room)
		kvfree(sgl->list);
	sgl->list = NULL;
}

/**
 * vhost_scsi_is_cut - is a unit in two entries, or does one begin at an odd place?
 * @sgl: pages
 * @unit: bytes; a power of two
 *
 * Return: true if so.
 */
bool vhost_scsi_is_cut(const struct vhost_scsi_sgl *sgl, unsigned int unit)
{
	unsigned int i;

	for (i = 0; i < sgl->nents; i++)
		if (sgl->list[i].offset % unit ||
		    (sgl->list[i].length % unit && i + 1 < sgl->nents))
			return true;
	return false;
}

/**
 * vhost_scsi_copy - copy the guest's pages into the kernel's, whole ones
 * @to: where to, empty and without room of its own
 * @from: the guest's
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM; vhost_scsi_copy_free() is due in both cases.
 */
int vhost_scsi_copy(struct vhost_scsi_sgl *to, const struct vhost_scsi_sgl *from)
{
	size_t len = 0, at;
	unsigned int i, n;

	for (i = 0; i < from->nents; i++)
		len += from->list[i].length;
	n = DIV_ROUND_UP(len, PAGE_SIZE);
	to->list = kvmalloc_objs(*to->list, n, GFP_KERNEL_ACCOUNT);
	if (!to->list)
		return -ENOMEM;
	sg_init_table(to->list, n);
	for (at = 0; at < len; at += PAGE_SIZE) {
		size_t part = min(len - at, PAGE_SIZE);
		struct page *page = alloc_page(GFP_KERNEL_ACCOUNT);

		if (!page)
			return -ENOMEM;
		sg_set_page(&to->list[to->nents++], page, part, 0);
		sg_pcopy_to_buffer(from->list, from->nents, page_address(page), part, at);
	}
	return 0;
}

/**
 * vhost_scsi_copy_back - copy what the kernel's pages hold by now into the guest's
 * @from: of vhost_scsi_copy()
 * @to: the guest's
 *
 * Context: any.
 */
void vhost_scsi_copy_back(const struct vhost_scsi_sgl *from, const struct vhost_scsi_sgl *to)
{
	unsigned int i;

	for (i = 0; i < from->nents; i++)
		sg_pcopy_from_buffer(to->list, to->nents, sg_virt(&from->list[i]),
				     from->list[i].length, i * PAGE_SIZE);
}

/**
 * vhost_scsi_copy_free - free the kernel's pages
 * @sgl: of vhost_scsi_copy(), maybe none; empty afterwards
 */
void vhost_scsi_copy_free(struct vhost_scsi_sgl *sgl)
{
	while (sgl->nents)
		__free_page(sg_page(&sgl->list[--sgl->nents]));
	kvfree(sgl->list);
	sgl->list = NULL;
}
