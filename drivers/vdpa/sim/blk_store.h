/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_VDPA_SIM_BLK_STORE_H
#define RINGSIDE_VDPA_SIM_BLK_STORE_H
/* What is on a simulated disk: pages, of which those of zeroes need not be there. */

#include <linux/kref.h>
#include <linux/types.h>
#include <linux/uio.h>
#include <linux/xarray.h>

/**
 * struct blk_store - the content of a disk
 * @refs: disks that have it
 * @pages: what was written, by page number. Lookups are under RCU and take a
 *	reference to the page, so that it can be taken away meanwhile
 */
struct blk_store {
	struct kref refs;
	struct xarray pages;
};

struct blk_store *blk_store_create(void);
void blk_store_put(struct blk_store *store);
bool blk_store_read(struct blk_store *store, u64 offset, struct iov_iter *to, size_t len);
bool blk_store_write(struct blk_store *store, u64 offset, struct iov_iter *from, size_t len);
void blk_store_zero(struct blk_store *store, u64 offset, u64 len);

#endif
