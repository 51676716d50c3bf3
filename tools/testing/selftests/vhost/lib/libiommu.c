// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "libiommu.h"
#include "libtime.h"

#define PAGES_DEFAULT	128
#define SCRATCH_SIZE	(72 << 10)	/* as libvmm has it */

/* ---- messages ---- */

struct vhost_iotlb_msg *iotlb_body(union iotlb_wire *w, bool v2)
{
	return v2 ? &w->v2.iotlb : &w->v1.iotlb;
}

void iotlb_fill(union iotlb_wire *w, bool v2, uint8_t type, uint64_t iova, uint64_t size,
		uint64_t uaddr, uint8_t perm)
{
	struct vhost_iotlb_msg *m = iotlb_body(w, v2);

	memset(w, 0, sizeof(*w));
	if (v2)
		w->v2.type = VHOST_IOTLB_MSG_V2;
	else
		w->v1.type = VHOST_IOTLB_MSG;
	m->type = type;
	m->iova = iova;
	m->size = size;
	m->uaddr = uaddr;
	m->perm = perm;
}

int iotlb_write(int fd, const void *data, size_t size)
{
	ssize_t n = write(fd, data, size);

	if (n < 0)
		return -errno;
	return (size_t)n == size ? 0 : -EIO;
}

int iotlb_send(int fd, bool v2, uint8_t type, uint64_t iova, uint64_t size, uint64_t uaddr,
	       uint8_t perm)
{
	union iotlb_wire w;

	iotlb_fill(&w, v2, type, iova, size, uaddr, perm);
	return iotlb_write(fd, &w, sizeof(w));
}

int iotlb_recv(int fd, bool v2, struct vhost_iotlb_msg *m, unsigned int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	union iotlb_wire got, want;
	ssize_t n;

	if (poll(&p, 1, timeout_ms) == 0)
		return -ETIMEDOUT;
	memset(&got, 0xff, sizeof(got));
	n = read(fd, &got, sizeof(got));
	if (n < 0)
		return -errno;
	*m = *iotlb_body(&got, v2);
	iotlb_fill(&want, v2, m->type, m->iova, m->size, m->uaddr, m->perm);
	return n == sizeof(got) && !memcmp(&got, &want, sizeof(got)) ? 0 : -EBADMSG;
}

/* ---- memory ---- */

static int map_views(struct iommu *m)
{
	size_t i, size = m->pages * IOMMU_PAGE, step = m->whole ? 1 : 2;
	char *at;

	m->memfd = memfd_create("guest", MFD_CLOEXEC);
	if (m->memfd < 0 || ftruncate(m->memfd, size))
		return -errno;
	m->v.ram = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, m->memfd, 0);
	if (m->v.ram == MAP_FAILED)
		return -errno;
	m->v.ram_size = size;
	m->v.ram_gpa = m->v.iommu ? m->iova : IOMMU_GPA;
	m->device_size = (step * m->pages + 1) * IOMMU_PAGE;
	m->device = mmap(NULL, m->device_size, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	m->page = calloc(m->pages, sizeof(*m->page));
	m->perm = calloc(m->pages, sizeof(*m->perm));
	if (m->device == MAP_FAILED || !m->page || !m->perm)
		return -ENOMEM;
	for (i = 0; i < m->pages; i++) {
		/* Backwards, so that neighbours are no neighbours there either way. */
		at = m->device + (m->whole ? i : 2 * (m->pages - i) - 1) * IOMMU_PAGE;
		m->page[i] = mmap(at, IOMMU_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
				  m->memfd, i * IOMMU_PAGE);
		if (m->page[i] == MAP_FAILED)
			return -errno;
		m->perm[i] = VHOST_ACCESS_RW;
	}
	return 0;
}

/* The table for the device, one region a page; and the driver's, in IOVAs. */
static int make_tables(struct iommu *m)
{
	size_t i;
	int ret;

	ret = mem_table_init(&m->guest);
	if (!ret)
		ret = mem_table_init(&m->v.mem);
	if (!ret)
		ret = mem_table_add(&m->v.mem, m->v.ram_gpa, m->v.ram, m->v.ram_size);
	if (!ret && m->whole)
		return mem_table_add(&m->guest, IOMMU_GPA, m->page[0], m->v.ram_size);
	/* The distribution's modules take 64 regions: no more than needed there. */
	for (i = 0; !ret && i < m->pages; i++)
		ret = mem_table_add(&m->guest, IOMMU_GPA + i * IOMMU_PAGE, m->page[i],
				    IOMMU_PAGE);
	return ret;
}

/* A place for a ring area that lies across a page border, at a legal alignment. */
static void *alloc_across(struct iommu *m, size_t size, size_t align)
{
	struct vmm *v = &m->v;
	size_t before = size / 2 & ~(align - 1);

	if (before > IOMMU_PAGE / 2)
		before = IOMMU_PAGE / 2;
	v->ram_used = (v->ram_used + before + IOMMU_PAGE - 1) / IOMMU_PAGE * IOMMU_PAGE - before;
	return vmm_alloc(v, size, align);
}

/*
 * Where the memory table has a ring area, if that is in one piece: there, writes to it
 * are found for the dirty log.
 */
static uint64_t table_view(struct iommu *m, const void *p, size_t size)
{
	size_t at = (const char *)p - m->v.ram;

	if (!m->whole && at % IOMMU_PAGE + size > IOMMU_PAGE)
		return (uintptr_t)p;
	return (uintptr_t)m->page[at / IOMMU_PAGE] + at % IOMMU_PAGE;
}

static int make_ring(struct iommu *m, unsigned int index, const struct iommu_config *c)
{
	struct vhost_vring_addr *addr = &m->v.vq[index].addr;
	unsigned int num = c->num ? c->num : 256;
	struct drv_place at;
	struct drv_sizes s;
	int ret;

	drv_layout_of(m->v.features)->sizes(num, &s);
	if (c->crossing) {
		at.desc = alloc_across(m, s.desc, s.desc_align);
		at.driver = alloc_across(m, s.driver, s.driver_align);
		at.device = alloc_across(m, s.device, s.device_align);
	} else {
		/* A page or more of its own for each. */
		at.desc = vmm_alloc(&m->v, s.desc, IOMMU_PAGE);
		at.driver = vmm_alloc(&m->v, s.driver, IOMMU_PAGE);
		at.device = vmm_alloc(&m->v, s.device, IOMMU_PAGE);
	}
	if (!at.desc || !at.driver || !at.device)
		return -ENOSPC;
	ret = vmm_ring_at(&m->v, index, num, 0, &at);
	if (ret || m->v.iommu)
		return ret;
	addr->desc_user_addr = table_view(m, at.desc, s.desc);
	addr->avail_user_addr = table_view(m, at.driver, s.driver);
	addr->used_user_addr = table_view(m, at.device, s.device);
	return vhost_set_vring_addr(m->v.fd, addr);
}

int iommu_up(struct iommu *m, const struct iommu_config *c)
{
	struct vmm *v = &m->v;
	unsigned int i;
	int ret;

	memset(m, 0, sizeof(*m));
	vmm_init(v);
	v->path = c->path;
	v->iommu = !c->plain;
	m->v2 = !c->v1;
	m->whole = c->whole;
	m->iova = c->has_iova ? c->iova : IOMMU_IOVA;
	m->pages = c->pages ? c->pages : PAGES_DEFAULT;
	m->memfd = -1;
	m->device = MAP_FAILED;
	pthread_mutex_init(&m->lock, NULL);
	ret = map_views(m);
	if (!ret)
		ret = make_tables(m);
	if (ret)
		return ret;
	ret = vmm_open(v, c->features | (c->plain ? 0 : F_ACCESS_PLATFORM));
	if (!ret && !c->plain)
		ret = vhost_set_backend_features(v->fd, m->v2 ? BACKEND_F_IOTLB_MSG_V2 : 0);
	if (!ret)
		ret = fcntl(v->fd, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
	if (!ret)
		ret = mem_table_set(&m->guest, v->fd);
	v->scratch = vmm_alloc(v, SCRATCH_SIZE, IOMMU_PAGE);
	for (i = 0; !ret && i < VMM_NVQS; i++)
		ret = make_ring(m, i, c);
	/* What is handed out next begins a page. */
	v->ram_used = (v->ram_used + IOMMU_PAGE - 1) / IOMMU_PAGE * IOMMU_PAGE;
	return ret;
}

static int map_used(struct iommu *m, unsigned int index)
{
	const struct drv_ring *r = &m->v.vq[index].ring;
	struct drv_sizes s;

	r->layout->sizes(r->num, &s);
	return iommu_map_area(m, r->at.device, s.device);
}

int iommu_start(struct iommu *m)
{
	struct vmm *v = &m->v;
	unsigned int i;
	int ret;

	ret = net_backend_open(&v->net, NET_TAP, v->features & F_VHOST_HDR ? 0 : v->hdr_len);
	for (i = 0; !ret && i < VMM_NVQS; i++) {
		ret = v->iommu ? map_used(m, i) : 0;
		if (!ret)
			ret = vmm_start(v, i);
	}
	return ret;
}

void iommu_close(struct iommu *m)
{
	iommu_serve_end(m);
	vmm_close(&m->v);
	mem_table_free(&m->guest);
	free(m->page);
	free(m->perm);
	if (m->device != MAP_FAILED)
		munmap(m->device, m->device_size);
	if (m->memfd >= 0)
		close(m->memfd);
	m->page = NULL;
	m->perm = NULL;
	m->device = MAP_FAILED;
	m->memfd = -1;
}

char *iommu_hva(const struct iommu *m, uint64_t iova)
{
	uint64_t off = iova - m->iova;

	if (off / IOMMU_PAGE >= m->pages)
		return NULL;
	return m->page[off / IOMMU_PAGE] + off % IOMMU_PAGE;
}

uint64_t iommu_iova(const struct iommu *m, const void *driver)
{
	return vmm_gpa(&m->v, driver);
}

size_t iommu_page_of(const struct iommu *m, const void *driver)
{
	return ((const char *)driver - m->v.ram) / IOMMU_PAGE;
}

int iommu_map(struct iommu *m, size_t page, size_t n)
{
	size_t i, run;
	int ret = 0;

	for (i = page; !ret && i < page + n; i += run) {
		run = m->whole ? n : 1;
		ret = iotlb_send(m->v.fd, m->v2, VHOST_IOTLB_UPDATE, m->iova + i * IOMMU_PAGE,
				 run * IOMMU_PAGE, (uintptr_t)m->page[i], m->perm[i]);
	}
	return ret;
}

int iommu_map_all(struct iommu *m)
{
	return iommu_map(m, 0, m->pages);
}

int iommu_map_area(struct iommu *m, const void *driver, size_t size)
{
	size_t first = iommu_page_of(m, driver);
	size_t last = iommu_page_of(m, (const char *)driver + size - 1);

	return iommu_map(m, first, last - first + 1);
}

int iommu_map_ring(struct iommu *m, unsigned int index)
{
	const struct drv_ring *r = &m->v.vq[index].ring;
	struct drv_sizes s;
	int ret;

	r->layout->sizes(r->num, &s);
	ret = iommu_map_area(m, r->at.desc, s.desc);
	if (!ret)
		ret = iommu_map_area(m, r->at.driver, s.driver);
	return ret ? ret : map_used(m, index);
}

int iommu_unmap(struct iommu *m, uint64_t iova, uint64_t size)
{
	return iotlb_send(m->v.fd, m->v2, VHOST_IOTLB_INVALIDATE, iova, size, 0, 0);
}

char *iommu_move_page(struct iommu *m, size_t page)
{
	char *old = m->page[page], *new;

	new = mmap(NULL, IOMMU_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, m->memfd,
		   page * IOMMU_PAGE);
	if (new == MAP_FAILED)
		return NULL;
	m->page[page] = new;
	return old;
}

/* ---- answering ---- */

static void answer(struct iommu *m, const struct vhost_iotlb_msg *miss)
{
	size_t page = (miss->iova - m->iova) / IOMMU_PAGE;
	int ret;

	if (miss->type != VHOST_IOTLB_MISS || !iommu_hva(m, miss->iova) ||
	    (m->perm[page] & miss->perm) != miss->perm) {
		m->stray = miss->iova;
		m->strays++;
		return;
	}
	/* The address must not change between looking it up and telling it. */
	pthread_mutex_lock(&m->lock);
	ret = m->whole ? iommu_map_all(m) : iommu_map(m, page, 1);
	pthread_mutex_unlock(&m->lock);
	if (ret)
		m->strays++;
	else
		m->misses++;
}

static void *serve(void *arg)
{
	struct vhost_iotlb_msg miss;
	struct iommu *m = arg;
	int ret;

	while (!m->stop) {
		ret = iotlb_recv(m->v.fd, m->v2, &miss, 20);
		if (!ret)
			answer(m, &miss);
		else if (ret != -ETIMEDOUT && ret != -EAGAIN)
			m->strays++;
	}
	return NULL;
}

int iommu_serve(struct iommu *m)
{
	int ret;

	m->stop = false;
	ret = -pthread_create(&m->server, NULL, serve, m);
	m->serving = !ret;
	return ret;
}

void iommu_serve_end(struct iommu *m)
{
	m->stop = true;
	if (m->serving)
		pthread_join(m->server, NULL);
	m->serving = false;
}
