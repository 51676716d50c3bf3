// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "libdirty.h"

int dirty_init(struct dirty_log *d, uint64_t end, unsigned int offset)
{
	size_t page = sysconf(_SC_PAGESIZE), size;

	memset(d, 0, sizeof(*d));
	d->pages = (end + DIRTY_PAGE - 1) / DIRTY_PAGE;
	size = (d->pages / 8 + offset + 64 + page) / page * page;
	d->map_size = size + 2 * page;
	d->map = mmap(NULL, d->map_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	d->want = calloc(d->pages, 1);
	if (d->map == MAP_FAILED || !d->want ||
	    mprotect(d->map + page, size, PROT_READ | PROT_WRITE))
		return -ENOMEM;
	d->base = (unsigned char *)d->map + page + 16 + offset;
	return 0;
}

void dirty_free(struct dirty_log *d)
{
	if (d->map && d->map != MAP_FAILED)
		munmap(d->map, d->map_size);
	free(d->want);
	memset(d, 0, sizeof(*d));
}

static size_t bitmap_bytes(const struct dirty_log *d)
{
	return (d->pages + 7) / 8;
}

void dirty_clear(struct dirty_log *d)
{
	memset(d->base, 0, bitmap_bytes(d));
	memset(d->want, DIRTY_NOT, d->pages);
}

bool dirty_marked(const struct dirty_log *d, uint64_t gpa)
{
	uint64_t page = gpa / DIRTY_PAGE;

	return d->base[page / 8] >> page % 8 & 1;
}

void dirty_want(struct dirty_log *d, uint64_t gpa, uint64_t len, unsigned char want)
{
	uint64_t page;

	if (!len)
		return;
	for (page = gpa / DIRTY_PAGE; page <= (gpa + len - 1) / DIRTY_PAGE; page++)
		if (d->want[page] < want)
			d->want[page] = want;
}

void dirty_want_changes(struct dirty_log *d, uint64_t gpa, const char *before,
			const char *now, size_t size)
{
	size_t at;

	for (at = 0; at < size; at += DIRTY_PAGE)
		if (memcmp(before + at, now + at, DIRTY_PAGE))
			dirty_want(d, gpa + at, DIRTY_PAGE, DIRTY_MUST);
}

int dirty_check(const struct dirty_log *d)
{
	size_t page_size = sysconf(_SC_PAGESIZE);
	const unsigned char *p = (unsigned char *)d->map + page_size;
	const unsigned char *end = (unsigned char *)d->map + d->map_size - page_size;
	uint64_t page;

	for (page = 0; page < d->pages; page++) {
		bool marked = dirty_marked(d, page * DIRTY_PAGE);

		if (marked ? d->want[page] != DIRTY_NOT : d->want[page] != DIRTY_MUST)
			continue;
		printf("# page %#llx %s\n", (unsigned long long)page * DIRTY_PAGE,
		       marked ? "marked, but not written" : "written, but not marked");
		return marked ? -EEXIST : -ENODATA;
	}
	for (; p < end; p++) {
		if (p == d->base)
			p += bitmap_bytes(d);
		if (*p) {
			printf("# byte %zd of the bitmap of %zu\n", p - d->base, bitmap_bytes(d));
			return -EFAULT;
		}
	}
	return 0;
}

/* ---- watching a device ---- */

static int tell_rings(struct iommu *m, unsigned int flags)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < VMM_NVQS; i++) {
		struct vmm_vq *q = &m->v.vq[i];

		q->addr.flags = flags;
		q->addr.log_guest_addr = flags ? vmm_gpa(&m->v, q->ring.at.device) : 0;
		ret = vhost_set_vring_addr(m->v.fd, &q->addr);
	}
	return ret;
}

static int log_features(struct iommu *m, uint64_t log)
{
	uint64_t f = m->v.features | log | (m->v.iommu ? F_ACCESS_PLATFORM : 0);
	int ret = vhost_set_features(m->v.fd, f);

	return ret || !m->v.iommu ? ret : iommu_map_all(m);
}

int watch_log_on(struct watch *w, struct iommu *m, struct dirty_log *d)
{
	int ret;

	memset(w, 0, sizeof(*w));
	w->m = m;
	w->d = d;
	w->before = malloc(m->v.ram_size);
	if (!w->before)
		return -ENOMEM;
	ret = vhost_set_log_base(m->v.fd, (uintptr_t)d->base);
	if (!ret)
		ret = log_features(m, F_LOG_ALL);
	return ret ? ret : tell_rings(m, 1 << VHOST_VRING_F_LOG);
}

int watch_log_off(struct watch *w)
{
	int ret = log_features(w->m, 0);

	return ret ? ret : tell_rings(w->m, 0);
}

void watch_begin(struct watch *w)
{
	struct vmm *v = &w->m->v;
	unsigned int i;

	dirty_clear(w->d);
	memcpy(w->before, v->ram, v->ram_size);
	for (i = 0; i < VMM_NVQS; i++)
		w->mark[i] = v->vq[i].ring.layout->mark(&v->vq[i].ring);
}

static void want(struct watch *w, const void *p, size_t len, unsigned char what)
{
	uint64_t gpa = IOMMU_GPA + ((const char *)p - w->m->v.ram);

	dirty_want(w->d, gpa, len, what);
	if (w->alias)
		dirty_want(w->d, gpa + w->alias, len, what);
}

void watch_may(struct watch *w, const void *p, size_t len)
{
	want(w, p, len, DIRTY_MAY);
}

/* Where in a ring the device may have written since the start. */
static void may_write_ring(struct watch *w, unsigned int index)
{
	struct drv_ring *r = &w->m->v.vq[index].ring;
	struct drv_span span[DRV_SPANS];
	unsigned int i, n = r->layout->wrote(r, w->mark[index], span);

	for (i = 0; i < n; i++)
		watch_may(w, span[i].at, span[i].len);
}

int watch_end(struct watch *w)
{
	struct vmm *v = &w->m->v;
	unsigned int i;
	int64_t ret;

	/* A call that takes the queue's lock returns when its worker's turn has ended. */
	for (i = 0; i < VMM_NVQS; i++) {
		ret = vhost_get_vring_base(v->fd, i);
		if (ret < 0)
			return ret;
		may_write_ring(w, i);
	}
	dirty_want_changes(w->d, IOMMU_GPA, w->before, v->ram, v->ram_size);
	return dirty_check(w->d);
}

void watch_free(struct watch *w)
{
	free(w->before);
	w->before = NULL;
}
