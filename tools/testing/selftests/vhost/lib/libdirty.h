/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A dirty log as a VMM keeps it for a migration, and what should be in it: for
 * every guest page whether it must be marked, may be, or must not.
 */
#ifndef RINGSIDE_LIBDIRTY_H
#define RINGSIDE_LIBDIRTY_H

#include "libiommu.h"

#define DIRTY_PAGE	UINT64_C(4096)	/* per bit, on every machine */

struct dirty_log {
	char *map;		/* with a page without access on both sides */
	size_t map_size;
	unsigned char *base;	/* what the device is told */
	uint64_t pages;		/* bits in it */
	unsigned char *want;	/* one of DIRTY_* a page */
};

enum { DIRTY_NOT, DIRTY_MAY, DIRTY_MUST };

/* For guest addresses below end; base is offset bytes past 16-byte alignment. */
int dirty_init(struct dirty_log *d, uint64_t end, unsigned int offset);
void dirty_free(struct dirty_log *d);
/* Neither marks nor wishes. */
void dirty_clear(struct dirty_log *d);
bool dirty_marked(const struct dirty_log *d, uint64_t gpa);
/* Pages of len bytes at gpa; MUST is stronger than MAY. */
void dirty_want(struct dirty_log *d, uint64_t gpa, uint64_t len, unsigned char want);
/* MUST for each page in which now differs from before. */
void dirty_want_changes(struct dirty_log *d, uint64_t gpa, const char *before,
			const char *now, size_t size);
/*
 * 0; -ENODATA when a mark is missing, -EEXIST when there is one too many, -EFAULT
 * when something was written next to the bitmap. The page is printed.
 */
int dirty_check(const struct dirty_log *d);

/* ---- a device whose writes are watched ---- */

struct watch {
	struct iommu *m;
	struct dirty_log *d;
	char *before;		/* copy of all guest memory */
	uint32_t mark[VMM_NVQS];	/* of each ring, then */
	uint64_t alias;		/* distance to a second GPA of all memory; 0: none */
};

/*
 * In the order of QEMU: log base, LOG_ALL, then each used ring's address. Behind an
 * IOMMU all mappings are made anew: the distribution's modules drop them.
 */
int watch_log_on(struct watch *w, struct iommu *m, struct dirty_log *d);
/* And off again: features, then addresses. */
int watch_log_off(struct watch *w);
void watch_begin(struct watch *w);
/* Bytes at driver address p may have been written. */
void watch_may(struct watch *w, const void *p, size_t len);
/* Let workers finish their turn, then compare: as dirty_check(). */
int watch_end(struct watch *w);
void watch_free(struct watch *w);

#endif
