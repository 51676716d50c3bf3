/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest memory of very many small regions, and a table that never rests.
 *
 * An area is regions in a row for the guest. In user memory they lie in any
 * order with a gap behind each, so that nothing can be merged and whatever runs
 * past the end of a region hits a gap and is found there.
 */
#ifndef RINGSIDE_BORDERS_AREA_H
#define RINGSIDE_BORDERS_AREA_H

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "libvhost.h"

#define PAGE		4096UL
#define CHURN		512	/* regions that come and go, or move */
#define CHURN_GPA	UINT64_C(0x8000000000)
#define FILL		0xee

/* ---- guest memory ---- */

struct area {
	char *base;			/* of all slots, in the driver's view */
	uint64_t gpa;
	size_t size, stride;		/* of a region, of its slot */
	unsigned int count;
	uint32_t *slot;			/* where region i lies */
	unsigned char canary;
};

static inline uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* Inclusive. */
static inline uint32_t random_in(uint32_t *seed, uint32_t from, uint32_t to)
{
	return from + next_random(seed) % (to - from + 1);
}

static inline char *area_region(const struct area *a, unsigned int i)
{
	return a->base + (size_t)a->slot[i] * a->stride;
}

static inline int area_layout(struct area *a, uint32_t *seed, bool shuffle)
{
	unsigned int i;

	a->slot = calloc(a->count, sizeof(*a->slot));
	if (!a->slot)
		return -ENOMEM;
	for (i = 0; i < a->count; i++)
		a->slot[i] = i;
	for (i = a->count - 1; shuffle && i; i--) {
		unsigned int j = next_random(seed) % (i + 1);
		uint32_t t = a->slot[i];

		a->slot[i] = a->slot[j];
		a->slot[j] = t;
	}
	return 0;
}

static inline int area_map(struct area *a)
{
	a->base = mmap(NULL, a->count * a->stride, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (a->base == MAP_FAILED)
		return -errno;
	/* Gaps of whole pages stay untouched: zeros, and no memory. */
	if (a->canary)
		memset(a->base, a->canary, a->count * a->stride);
	return 0;
}

enum area_op { AREA_PUT, AREA_FILL, AREA_COMPARE, AREA_COMPARE_FILL };

static inline int area_piece(enum area_op op, char *at, const char *data, size_t n)
{
	size_t i;

	switch (op) {
	case AREA_PUT:
		memcpy(at, data, n);
		return 0;
	case AREA_FILL:
		memset(at, FILL, n);
		return 0;
	case AREA_COMPARE:
		return memcmp(at, data, n) ? -EBADMSG : 0;
	case AREA_COMPARE_FILL:
		for (i = 0; i < n; i++)
			if ((unsigned char)at[i] != FILL)
				return -EBADMSG;
		return 0;
	}
	return -EINVAL;
}

/* Do something to len bytes at offset off of the area, across its borders. */
static inline int area_do(enum area_op op, const struct area *a, uint64_t off, const void *data,
		   size_t len)
{
	const char *p = data;

	while (len) {
		size_t in = off % a->size, n = a->size - in;
		int ret;

		if (n > len)
			n = len;
		ret = area_piece(op, area_region(a, off / a->size) + in, p, n);
		if (ret)
			return ret;
		if (p)
			p += n;
		off += n;
		len -= n;
	}
	return 0;
}

/* Nothing was written into the gaps behind regions first to last. */
static inline int area_gaps_intact(const struct area *a, unsigned int first, unsigned int last)
{
	unsigned int i;
	size_t k;

	for (i = first; i <= last && i < a->count; i++) {
		const unsigned char *r = (unsigned char *)area_region(a, i);

		for (k = a->size; k < a->stride; k++)
			if (r[k] != a->canary)
				return -EBADMSG;
	}
	return 0;
}

static inline int area_add_regions(const struct area *a, struct mem_table *t)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < a->count && !ret; i++)
		ret = mem_table_add(t, a->gpa + i * a->size, area_region(a, i), a->size);
	return ret;
}

static inline void area_free(struct area *a)
{
	if (a->base && a->base != MAP_FAILED)
		munmap(a->base, a->count * a->stride);
	free(a->slot);
}

/* ---- regions that come and go ---- */

/* Two kinds of restlessness: regions that nobody uses, and regions in use that move. */
struct churn {
	pthread_t thread;
	int fd;
	struct mem_table table;		/* what is in force, then what shall be */
	unsigned int first;		/* in table.m->regions: the ones that change */
	unsigned int present;		/* how many of them are there */
	int memfd;			/* of the regions that move */
	uint32_t seed;
	volatile bool stop;
	int error;
	volatile unsigned long updates;
	unsigned long regions;
};

static inline void *map_page(int memfd, unsigned int page)
{
	void *p;

	if (memfd < 0)
		p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	else
		p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, page * PAGE);
	return p == MAP_FAILED ? NULL : p;
}

static inline int churn_set(struct churn *c)
{
	int ret = mem_table_set(&c->table, c->fd);

	if (!ret)
		c->updates++;
	return ret;
}

static inline bool churn_has(const struct churn *c, uint64_t gpa)
{
	unsigned int i;

	for (i = 0; i < c->present; i++)
		if (c->table.m->regions[c->first + i].guest_phys_addr == gpa)
			return true;
	return false;
}

/*
 * Drop some regions at random places of the table and add others, in one call;
 * what was dropped is unmapped when the call returns.
 */
static inline int churn_turn(struct churn *c)
{
	struct vhost_memory *m = c->table.m;
	unsigned int drop = random_in(&c->seed, 0, 7), add = random_in(&c->seed, 0, 7);
	void *gone[CHURN];
	unsigned int i, n = 0;
	int ret;

	if (next_random(&c->seed) % 64 == 0)
		drop = c->present;
	if (next_random(&c->seed) % 64 == 0)
		add = CHURN;
	while (n < drop && c->present) {
		unsigned int k = c->first + next_random(&c->seed) % c->present--;

		gone[n++] = (void *)(uintptr_t)m->regions[k].userspace_addr;
		m->nregions--;
		memmove(&m->regions[k], &m->regions[k + 1],
			(m->nregions - k) * sizeof(m->regions[0]));
	}
	for (i = 0; i < add && c->present < CHURN; i++) {
		unsigned int at = next_random(&c->seed) % CHURN;
		unsigned int k = c->first + next_random(&c->seed) % (c->present + 1);
		uint64_t gpa = CHURN_GPA + 2 * at * PAGE;
		void *page;

		if (churn_has(c, gpa))
			continue;
		page = map_page(-1, 0);
		if (!page)
			return -ENOMEM;
		ret = mem_table_add(&c->table, 0, page, PAGE);
		if (ret)
			return ret;
		m = c->table.m;
		memmove(&m->regions[k + 1], &m->regions[k],
			(m->nregions - 1 - k) * sizeof(m->regions[0]));
		m->regions[k] = (struct vhost_memory_region) {
			.guest_phys_addr = gpa,
			.memory_size = PAGE,
			.userspace_addr = (uintptr_t)page,
		};
		c->present++;
	}
	ret = churn_set(c);
	for (i = 0; i < n; i++)
		munmap(gone[i], PAGE);
	c->regions += n;
	return ret;
}

/* Unmap pages, neighbours together. */
static inline void unmap_pages(void *const *page, unsigned int n)
{
	unsigned int i, first = 0;

	for (i = 1; i <= n; i++) {
		if (i < n && (char *)page[i] == (char *)page[i - 1] + PAGE)
			continue;
		munmap(page[first], (i - first) * PAGE);
		first = i;
	}
}

/* The same pages elsewhere in user memory, and the old place unmapped at once. */
static inline int churn_move(struct churn *c)
{
	struct vhost_memory_region *r = &c->table.m->regions[c->first];
	bool all = next_random(&c->seed) % 2;
	unsigned int i, n = all ? c->present : random_in(&c->seed, 1, 16);
	unsigned int from = random_in(&c->seed, 0, c->present - n);
	void *gone[CHURN];
	char *pages;
	int ret;

	pages = mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, c->memfd, from * PAGE);
	if (pages == MAP_FAILED)
		return -errno;
	for (i = 0; i < n; i++) {
		gone[i] = (void *)(uintptr_t)r[from + i].userspace_addr;
		r[from + i].userspace_addr = (uintptr_t)pages + i * PAGE;
	}
	ret = churn_set(c);
	unmap_pages(gone, n);
	c->regions += n;
	return ret;
}

static inline void *churn_thread(void *arg)
{
	struct churn *c = arg;

	while (!c->stop && !c->error)
		c->error = c->memfd < 0 ? churn_turn(c) : churn_move(c);
	return NULL;
}

#endif
