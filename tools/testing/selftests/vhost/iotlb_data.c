// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rings, indirect tables and buffers behind a device IOTLB: every byte arrives
 * whatever the mappings look like, and nothing is touched that is not mapped, not
 * mapped for it, or not mapped any more.
 */
#include <pthread.h>
#include <sys/mman.h>

#include "libframe.h"
#include "libiommu.h"
#include "test.h"

#define PAGE		IOMMU_PAGE
#define FAR_IOVA	UINT64_C(0x700000000000)	/* no memory of the guest is there */
#define EXTRAS		(F_INDIRECT | F_EVENT_IDX | F_MRG_RXBUF)
#define FRAME		1400

/* ---- traffic in every arrangement ---- */

FIXTURE(iotlb_ring) {
	struct iommu m;
	struct vmm *v;
};

FIXTURE_VARIANT(iotlb_ring) {
	struct iommu_config c;
};

FIXTURE_VARIANT_ADD(iotlb_ring, pages) {
	.c = { .features = F_VERSION_1 | F_INDIRECT },
};

FIXTURE_VARIANT_ADD(iotlb_ring, crossing) {
	.c = { .features = F_VERSION_1 | EXTRAS, .crossing = true },
};

FIXTURE_VARIANT_ADD(iotlb_ring, crossing_long) {
	.c = { .features = F_VERSION_1 | EXTRAS, .crossing = true, .num = 1024, .pages = 400 },
};

FIXTURE_VARIANT_ADD(iotlb_ring, packed) {
	.c = { .features = F_VERSION_1 | EXTRAS | F_PACKED, .whole = true },
};

FIXTURE_VARIANT_ADD(iotlb_ring, packed_crossing) {
	.c = { .features = F_VERSION_1 | EXTRAS | F_PACKED, .crossing = true, .num = 700,
	       .pages = 400 },
};

FIXTURE_VARIANT_ADD(iotlb_ring, whole) {
	.c = { .features = F_VERSION_1 | EXTRAS, .whole = true },
};

FIXTURE_VARIANT_ADD(iotlb_ring, old_messages) {
	.c = { .features = F_VERSION_1 | F_INDIRECT, .v1 = true, .crossing = true },
};

FIXTURE_VARIANT_ADD(iotlb_ring, first_address) {
	.c = { .features = F_VERSION_1 | F_INDIRECT, .has_iova = true, .iova = 0 },
};

/* Up to the last address there is: pages times PAGE before it wraps. */
FIXTURE_VARIANT_ADD(iotlb_ring, last_address) {
	.c = { .features = F_VERSION_1 | F_INDIRECT, .has_iova = true, .iova = -128 * PAGE,
	       .crossing = true },
};

/* Addresses that look like the kernel's. */
FIXTURE_VARIANT_ADD(iotlb_ring, kernel_half) {
	.c = { .features = F_VERSION_1 | F_INDIRECT, .has_iova = true, .iova = KERNEL_ADDR },
};

FIXTURE_SETUP(iotlb_ring)
{
	self->v = &self->m.v;
	vmm_init(self->v);
	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, iommu_up(&self->m, &variant->c));
}

FIXTURE_TEARDOWN(iotlb_ring)
{
	iommu_close(&self->m);
}

/* One frame out, cut in the given way. */
static int shaped_tx(struct vmm *v, char *buf, size_t len, enum frame_shape shape, bool indirect)
{
	static char frame[4 * 4096];
	struct drv_done done;
	int ret;

	memset(buf, 0, v->hdr_len);
	net_frame_fill(buf + v->hdr_len, len, shape);
	ret = frame_add(v, VQ_TX, buf, v->hdr_len + len, shape, false, indirect);
	if (ret < 0)
		return ret;
	vmm_kick(v, VQ_TX);
	ret = net_peer_recv(&v->net, frame, sizeof(frame), VMM_TIMEOUT_MS);
	if (ret != (int)len)
		return ret < 0 ? ret : -EMSGSIZE;
	ret = net_frame_check(frame, len, shape, NULL);
	if (ret)
		return ret;
	ret = drv_ring_wait(&v->vq[VQ_TX].ring, &done, VMM_TIMEOUT_MS);
	return ret < 0 ? ret : 0;
}

static int shaped_rx(struct vmm *v, char *buf, size_t len, enum frame_shape shape, bool indirect)
{
	static char frame[4 * 4096];
	struct drv_done done;
	int ret;

	memset(buf, 0xee, v->hdr_len + len);
	ret = frame_add(v, VQ_RX, buf, v->hdr_len + len, shape, true, indirect);
	if (ret < 0)
		return ret;
	vmm_kick(v, VQ_RX);
	net_frame_fill(frame, len, shape);
	ret = net_peer_send(&v->net, frame, len);
	if (ret < 0)
		return ret;
	ret = drv_ring_wait(&v->vq[VQ_RX].ring, &done, VMM_TIMEOUT_MS);
	if (ret < 0)
		return ret;
	if (done.len != v->hdr_len + len)
		return -EPROTO;
	return net_frame_check(buf + v->hdr_len, len, shape, NULL);
}

TEST_F(iotlb_ring, everything_by_misses)
{
	struct vmm *v = self->v;
	unsigned int shape;
	char *buf;

	ASSERT_EQ(0, iommu_start(&self->m));
	ASSERT_EQ(0, iommu_serve(&self->m));
	EXPECT_EQ(0, vmm_traffic_check(v));
	/* Across three page borders in one go. */
	buf = vmm_alloc(v, 5 * PAGE, PAGE);
	ASSERT_NE(NULL, buf);
	for (shape = 0; shape < SHAPE_COUNT; shape++) {
		EXPECT_EQ(0, shaped_tx(v, buf + PAGE - 700, FRAME, shape, false))
			TH_LOG("shape %u", shape);
		EXPECT_EQ(0, shaped_rx(v, buf + PAGE - 700, FRAME, shape, false))
			TH_LOG("shape %u", shape);
		EXPECT_EQ(0, shaped_tx(v, buf + 2 * PAGE - 5, FRAME, shape, true))
			TH_LOG("shape %u", shape);
		EXPECT_EQ(0, shaped_rx(v, buf + 2 * PAGE - 5, FRAME, shape, true))
			TH_LOG("shape %u", shape);
	}
	EXPECT_EQ(0, self->m.strays) TH_LOG("%#llx", (long long)self->m.stray);
	EXPECT_LT(0, self->m.misses);
	EXPECT_FALSE(vmm_ring_error(v, VQ_TX, 0));
	EXPECT_FALSE(vmm_ring_error(v, VQ_RX, 0));
}

/* An indirect table that lies across pages, which are nowhere near each other. */
TEST_F(iotlb_ring, table_across_pages)
{
	struct vmm *v = self->v;
	struct drv_buf bufs[16];
	struct drv_done done;
	char *table, *buf, frame[2048];
	unsigned int i;

	ASSERT_EQ(0, iommu_start(&self->m));
	ASSERT_EQ(0, iommu_serve(&self->m));
	table = vmm_alloc(v, 2 * PAGE, PAGE);
	buf = vmm_alloc(v, 2 * PAGE, PAGE);
	ASSERT_NE(NULL, buf);
	table += PAGE - 5 * sizeof(struct vring_desc);
	memset(buf, 0, v->hdr_len);
	net_frame_fill(buf + v->hdr_len, 16 * 64 - v->hdr_len, 9);
	for (i = 0; i < ARRAY_LEN(bufs); i++)
		bufs[i] = (struct drv_buf) { .gpa = vmm_gpa(v, buf + i * 64), .len = 64 };
	ASSERT_LE(0, drv_ring_add_indirect(&v->vq[VQ_TX].ring, bufs, ARRAY_LEN(bufs), table,
					   vmm_gpa(v, table), NULL));
	vmm_kick(v, VQ_TX);
	EXPECT_EQ(16 * 64 - (int)v->hdr_len,
		  net_peer_recv(&v->net, frame, sizeof(frame), VMM_TIMEOUT_MS));
	EXPECT_EQ(0, net_frame_check(frame, 16 * 64 - v->hdr_len, 9, NULL));
	EXPECT_EQ(1, drv_ring_wait(&v->vq[VQ_TX].ring, &done, VMM_TIMEOUT_MS));
}

/* Thousands of frames, all mappings taken away again and again. */
TEST_F_TIMEOUT(iotlb_ring, everything_forgotten_under_traffic, STRESS_TIMEOUT)
{
	uint64_t end = now_ms() + stress_ms(1000) / 2;
	struct iommu *m = &self->m;
	unsigned int i = 0;
	uint64_t page = m->pages * PAGE;

	ASSERT_EQ(0, iommu_start(m));
	ASSERT_EQ(0, iommu_serve(m));
	while (now_ms() < end || i < MIN_ROUNDS) {
		ASSERT_EQ(0, vmm_tx_check(self->v, FRAME, i)) TH_LOG("round %u", i);
		switch (i++ % 3) {
		case 0:
			ASSERT_EQ(0, iommu_unmap(m, m->iova, page));
			break;
		case 1:	/* as QEMU does when a guest changes its domain */
			ASSERT_EQ(0, iommu_unmap(m, 0, UINT64_C(0xfee00000)));
			ASSERT_EQ(0, iommu_unmap(m, UINT64_C(0xfef00000), -UINT64_C(0xfef00000)));
			break;
		default:
			ASSERT_EQ(0, iommu_unmap(m, 0, UINT64_MAX));
		}
		ASSERT_EQ(0, vmm_rx_check(self->v, FRAME, i)) TH_LOG("round %u", i);
	}
	EXPECT_LT(i / 2, m->misses);
	EXPECT_EQ(0, m->strays) TH_LOG("%#llx", (long long)m->stray);
	EXPECT_FALSE(vmm_ring_error(self->v, VQ_TX, 0));
	EXPECT_FALSE(vmm_ring_error(self->v, VQ_RX, 0));
}

/* Mappings end and begin anywhere, not only where pages do. */
TEST(mappings_of_odd_sizes)
{
	struct iommu m;
	struct vmm *v = &m.v;
	uint64_t at, end;
	uint32_t seed = 1;

	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, iommu_up(&m, &(struct iommu_config){ .features = F_VERSION_1 | EXTRAS,
							   .whole = true }));
	end = m.iova + m.pages * PAGE;
	for (at = m.iova; at < end;) {
		uint64_t size = 1 + (seed = seed * 1103515245 + 12345) % 2047;

		if (size > end - at)
			size = end - at;
		ASSERT_EQ(0, iotlb_send(v->fd, m.v2, VHOST_IOTLB_UPDATE, at, size,
					(uintptr_t)iommu_hva(&m, at), VHOST_ACCESS_RW));
		at += size;
	}
	ASSERT_EQ(0, net_backend_open(&v->net, NET_TAP, v->hdr_len));
	ASSERT_EQ(0, vmm_start(v, VQ_RX));
	ASSERT_EQ(0, vmm_start(v, VQ_TX));
	EXPECT_EQ(0, iommu_serve(&m));
	EXPECT_EQ(0, vmm_traffic_check(v));
	EXPECT_EQ(0, m.misses);
	EXPECT_EQ(0, m.strays);
	iommu_close(&m);
}

/* ---- what mappings allow ---- */

FIXTURE(iotlb_perm) {
	struct iommu m;
	struct vmm *v;
};

FIXTURE_SETUP(iotlb_perm)
{
	self->v = &self->m.v;
	vmm_init(self->v);
	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, iommu_up(&self->m, &(struct iommu_config){
			.features = F_VERSION_1 | F_INDIRECT }));
	ASSERT_EQ(0, iommu_map_all(&self->m));
	ASSERT_EQ(0, iommu_start(&self->m));
	ASSERT_EQ(0, vmm_traffic_check(self->v));
}

FIXTURE_TEARDOWN(iotlb_perm)
{
	iommu_close(&self->m);
}

/* The pages of an area again, with another permission. */
static int allow(struct iommu *m, const void *area, size_t size, uint8_t perm)
{
	size_t i, first = iommu_page_of(m, area);
	size_t last = iommu_page_of(m, (const char *)area + size - 1);
	int ret;

	for (i = first; i <= last; i++)
		m->perm[i] = perm;
	ret = iommu_unmap(m, m->iova + first * PAGE, (last - first + 1) * PAGE);
	return ret ? ret : iommu_map(m, first, last - first + 1);
}

/*
 * The queue has to stop with an error over this address, and say so: 0 if it did.
 * Then it is let run again with everything allowed.
 */
static int access_failed(struct iommu *m, unsigned int index, uint64_t iova, size_t size,
			 uint8_t access)
{
	struct vhost_iotlb_msg fail;
	struct vmm *v = &m->v;
	int ret;

	ret = iotlb_recv(v->fd, m->v2, &fail, VMM_TIMEOUT_MS);
	if (ret)
		return ret;
	if (fail.type != VHOST_IOTLB_ACCESS_FAIL || !(fail.perm & access) ||
	    fail.iova - iova >= size) {
		printf("# type %u perm %u iova %#llx\n", fail.type, fail.perm,
		       (unsigned long long)fail.iova);
		return -EPROTO;
	}
	if (!vmm_ring_error(v, index, VMM_TIMEOUT_MS))
		return -ENODATA;
	/* Said once, not over and over. */
	event_signal(v->vq[index].kick);
	ret = iotlb_recv(v->fd, m->v2, &fail, VMM_QUIET_MS);
	return ret == -ETIMEDOUT ? 0 : -EEXIST;
}

static int works_again(struct iommu *m, unsigned int index)
{
	memset(m->perm, VHOST_ACCESS_RW, m->pages);
	if (iommu_unmap(m, 0, UINT64_MAX) || iommu_map_all(m))
		return -EIO;
	if (vmm_reset_queue(&m->v, index))
		return -EBUSY;
	net_peer_drain(&m->v.net);
	return vmm_traffic_check(&m->v);
}

TEST_F(iotlb_perm, buffer_to_send_not_readable)
{
	struct vmm *v = self->v;
	struct drv_done done;

	ASSERT_EQ(0, allow(&self->m, v->scratch, 1, VHOST_ACCESS_WO));
	ASSERT_EQ(0, vmm_tx_send(v, v->scratch, 100, 1));
	EXPECT_EQ(0, access_failed(&self->m, VQ_TX, vmm_gpa(v, v->scratch), 100,
				   VHOST_ACCESS_RO));
	EXPECT_EQ(0, drv_ring_get(&v->vq[VQ_TX].ring, &done));
	EXPECT_EQ(0, net_peer_drain(&v->net));
	EXPECT_FALSE(vmm_ring_error(v, VQ_RX, 0));
	EXPECT_EQ(0, works_again(&self->m, VQ_TX));
}

TEST_F(iotlb_perm, buffer_to_receive_not_writable)
{
	struct vmm *v = self->v;
	struct drv_done done;
	char frame[100];
	unsigned int i;

	ASSERT_EQ(0, allow(&self->m, v->scratch, 1, VHOST_ACCESS_RO));
	memset(v->scratch, 0x77, PAGE);
	ASSERT_LE(0, drv_ring_add1(&v->vq[VQ_RX].ring, vmm_gpa(v, v->scratch), 1000, true, NULL));
	vmm_kick(v, VQ_RX);
	net_frame_fill(frame, sizeof(frame), 3);
	ASSERT_EQ((int)sizeof(frame), net_peer_send(&v->net, frame, sizeof(frame)));
	EXPECT_EQ(0, access_failed(&self->m, VQ_RX, vmm_gpa(v, v->scratch), 1000,
				   VHOST_ACCESS_WO));
	EXPECT_EQ(0, drv_ring_get(&v->vq[VQ_RX].ring, &done));
	for (i = 0; i < PAGE; i++) {
		ASSERT_EQ(0x77, v->scratch[i]);
	}
	EXPECT_EQ(0, works_again(&self->m, VQ_RX));
}

/* The second page of a buffer that began well. */
TEST_F(iotlb_perm, end_of_buffer_not_writable)
{
	struct vmm *v = self->v;
	char *buf = v->scratch + PAGE - 500, frame[800];
	struct drv_done done;
	unsigned int i;

	ASSERT_EQ(0, allow(&self->m, v->scratch + PAGE, 1, VHOST_ACCESS_RO));
	memset(v->scratch, 0x77, 2 * PAGE);
	ASSERT_LE(0, drv_ring_add1(&v->vq[VQ_RX].ring, vmm_gpa(v, buf), 1000, true, NULL));
	vmm_kick(v, VQ_RX);
	net_frame_fill(frame, sizeof(frame), 3);
	ASSERT_EQ((int)sizeof(frame), net_peer_send(&v->net, frame, sizeof(frame)));
	EXPECT_EQ(0, access_failed(&self->m, VQ_RX, vmm_gpa(v, v->scratch + PAGE), PAGE,
				   VHOST_ACCESS_WO));
	EXPECT_EQ(0, drv_ring_get(&v->vq[VQ_RX].ring, &done));
	for (i = PAGE; i < 2 * PAGE; i++) {
		ASSERT_EQ(0x77, v->scratch[i]);
	}
	EXPECT_EQ(0, works_again(&self->m, VQ_RX));
}

TEST_F(iotlb_perm, indirect_table_not_readable)
{
	struct vmm *v = self->v;
	char *table = vmm_alloc(v, PAGE, PAGE);
	struct drv_buf buf = { .gpa = vmm_gpa(v, v->scratch), .len = 200 };

	ASSERT_NE(NULL, table);
	ASSERT_EQ(0, allow(&self->m, table, 1, VHOST_ACCESS_WO));
	ASSERT_LE(0, drv_ring_add_indirect(&v->vq[VQ_TX].ring, &buf, 1, table, vmm_gpa(v, table),
					   NULL));
	vmm_kick(v, VQ_TX);
	EXPECT_EQ(0, access_failed(&self->m, VQ_TX, vmm_gpa(v, table), PAGE, VHOST_ACCESS_RO));
	EXPECT_EQ(0, works_again(&self->m, VQ_TX));
}

TEST_F(iotlb_perm, ring_areas)
{
	struct vmm *v = self->v;
	struct drv_ring *r = &v->vq[VQ_TX].ring;
	const struct { void *area; uint8_t perm, access; } bad[] = {
		{ r->at.desc, VHOST_ACCESS_WO, VHOST_ACCESS_RO },
		{ r->at.driver, VHOST_ACCESS_WO, VHOST_ACCESS_RO },
		{ r->at.device, VHOST_ACCESS_RO, VHOST_ACCESS_WO },
	};
	unsigned int i, used;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		used = drv_ring_used(r);
		ASSERT_EQ(0, allow(&self->m, bad[i].area, 1, bad[i].perm));
		ASSERT_EQ(0, vmm_tx_send(v, v->scratch, 100, 1));
		event_signal(v->vq[VQ_TX].kick);
		EXPECT_EQ(0, access_failed(&self->m, VQ_TX, vmm_gpa(v, bad[i].area), PAGE,
					   bad[i].access)) TH_LOG("area %u", i);
		EXPECT_EQ(used, drv_ring_used(r));
		EXPECT_EQ(0, works_again(&self->m, VQ_TX)) TH_LOG("area %u", i);
	}
}

/* No more than they need. */
TEST_F(iotlb_perm, just_enough)
{
	struct vmm *v = self->v;
	unsigned int i;

	for (i = 0; i < VMM_NVQS; i++) {
		struct drv_ring *r = &v->vq[i].ring;

		ASSERT_EQ(0, allow(&self->m, r->at.desc, 1, VHOST_ACCESS_RO));
		ASSERT_EQ(0, allow(&self->m, r->at.driver, 1, VHOST_ACCESS_RO));
	}
	ASSERT_EQ(0, allow(&self->m, v->scratch, 72 << 10, VHOST_ACCESS_RO));
	EXPECT_EQ(0, vmm_tx_check(v, 1000, 1));
	ASSERT_EQ(0, allow(&self->m, v->scratch, 72 << 10, VHOST_ACCESS_WO));
	EXPECT_EQ(0, vmm_rx_check(v, 1000, 2));
	EXPECT_FALSE(vmm_ring_error(v, VQ_TX, 0));
	EXPECT_FALSE(vmm_ring_error(v, VQ_RX, 0));
}

/* A mapping over a different one takes its place, as far as it goes. */
TEST_F(iotlb_perm, update_replaces)
{
	struct iommu *m = &self->m;
	struct vmm *v = self->v;
	uint64_t iova = vmm_gpa(v, v->scratch);
	char *other = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0), frame[200];
	struct drv_done done;
	unsigned int i;

	ASSERT_NE(MAP_FAILED, other);
	for (i = 0; i < 3; i++) {
		memset(other + i * PAGE, 0, v->hdr_len);
		net_frame_fill(other + i * PAGE + v->hdr_len, 200, 50 + i);
		/* Exactly over it, then the middle of three, then all of them. */
		ASSERT_EQ(0, iotlb_send(v->fd, m->v2, VHOST_IOTLB_UPDATE, iova, PAGE,
					(uintptr_t)other + i * PAGE, VHOST_ACCESS_RW));
		ASSERT_LE(0, drv_ring_add1(&v->vq[VQ_TX].ring, iova, v->hdr_len + 200, false,
					   NULL));
		vmm_kick(v, VQ_TX);
		EXPECT_EQ(200, net_peer_recv(&v->net, frame, 200, VMM_TIMEOUT_MS));
		EXPECT_EQ(0, net_frame_check(frame, 200, 50 + i, NULL)) TH_LOG("%u", i);
		ASSERT_EQ(1, drv_ring_wait(&v->vq[VQ_TX].ring, &done, VMM_TIMEOUT_MS));
	}
	munmap(other, 3 * PAGE);
}

/* ---- taken away under traffic ---- */

struct taker {
	struct iommu *m;
	size_t page;		/* of the buffers */
	unsigned int n;
	bool canary;		/* keep watch on the old page, instead of unmapping it */
	char *watched;
	volatile bool stop;
	unsigned long rounds;
	int error;
};

/* The page that was taken away last round: nobody wrote to it. */
static int end_watch(struct taker *t)
{
	unsigned int i;

	for (i = 0; t->watched && i < PAGE; i++)
		if (t->watched[i] != 0x5a)
			return -EBADMSG;
	if (t->watched)
		munmap(t->watched, PAGE);
	t->watched = NULL;
	return 0;
}

/* What was the device's is ours once write() has returned. */
static int dispose(struct taker *t, char *old)
{
	if (!t->canary)
		return munmap(old, PAGE) ? -errno : 0;
	if (mmap(old, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		 0) == MAP_FAILED)
		return -ENOMEM;
	memset(old, 0x5a, PAGE);
	t->watched = old;
	return 0;
}

/* Give the device time to miss what was taken, but do not insist: it may not use it. */
static void let_it_miss(struct iommu *m, unsigned long misses)
{
	unsigned int i;

	for (i = 0; i < 10 && m->misses == misses; i++)
		nap_us(50);
}

/* Each page in turn: another place in user memory, the old mapping withdrawn. */
static void *take_away(void *arg)
{
	struct taker *t = arg;
	struct iommu *m = t->m;

	while (!t->stop && !t->error) {
		size_t page = t->page + t->rounds++ % t->n;
		unsigned long misses = m->misses;
		char *old;

		pthread_mutex_lock(&m->lock);
		old = iommu_move_page(m, page);
		t->error = old ? iommu_unmap(m, m->iova + page * PAGE, PAGE) : -ENOMEM;
		pthread_mutex_unlock(&m->lock);
		if (!t->error)
			t->error = dispose(t, old);
		let_it_miss(m, misses);
		if (!t->error)
			t->error = end_watch(t);
	}
	return NULL;
}

FIXTURE(iotlb_take) {
	struct iommu m;
	struct vmm *v;
	struct taker t;
	char *buf;
	pthread_t thread;
};

FIXTURE_VARIANT(iotlb_take) {
	bool canary;
};

FIXTURE_VARIANT_ADD(iotlb_take, unmapped) {
	.canary = false,
};

FIXTURE_VARIANT_ADD(iotlb_take, watched) {
	.canary = true,
};

#define TAKE_PAGES	16

FIXTURE_SETUP(iotlb_take)
{
	self->v = &self->m.v;
	vmm_init(self->v);
	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, iommu_up(&self->m, &(struct iommu_config){
			.features = F_VERSION_1 | EXTRAS }));
	ASSERT_EQ(0, iommu_start(&self->m));
	ASSERT_EQ(0, iommu_serve(&self->m));
	self->buf = vmm_alloc(self->v, TAKE_PAGES * PAGE, PAGE);
	ASSERT_NE(NULL, self->buf);
	self->t = (struct taker) {
		.m = &self->m,
		.page = iommu_page_of(&self->m, self->buf),
		.n = TAKE_PAGES,
		.canary = variant->canary,
	};
	ASSERT_EQ(0, pthread_create(&self->thread, NULL, take_away, &self->t));
}

FIXTURE_TEARDOWN(iotlb_take)
{
	iommu_close(&self->m);
}

static int taker_end(FIXTURE_DATA(iotlb_take) *self)
{
	self->t.stop = true;
	pthread_join(self->thread, NULL);
	return self->t.error;
}

TEST_F_TIMEOUT(iotlb_take, sent_from, STRESS_TIMEOUT)
{
	uint64_t end = now_ms() + stress_ms(1000);
	struct vmm *v = self->v;
	struct drv_ring *r = &v->vq[VQ_TX].ring;
	unsigned long n = 0;
	char frame[FRAME];
	struct drv_done done;
	unsigned int i;

	for (i = 0; i < TAKE_PAGES; i++) {
		char *at = self->buf + i * PAGE;

		memset(at, 0, v->hdr_len);
		net_frame_fill(at + v->hdr_len, FRAME, i);
		drv_ring_add1(r, vmm_gpa(v, at), v->hdr_len + FRAME, false, at);
	}
	vmm_kick(v, VQ_TX);
	while (now_ms() < end || self->t.rounds < MIN_ROUNDS) {
		i = n++ % TAKE_PAGES;
		ASSERT_EQ(FRAME, net_peer_recv(&v->net, frame, FRAME, VMM_TIMEOUT_MS))
			TH_LOG("frame %lu", n);
		ASSERT_EQ(0, net_frame_check(frame, FRAME, i, NULL)) TH_LOG("frame %lu", n);
		ASSERT_EQ(1, drv_ring_wait(r, &done, VMM_TIMEOUT_MS));
		drv_ring_add1(r, vmm_gpa(v, done.cookie), v->hdr_len + FRAME, false, done.cookie);
		vmm_kick(v, VQ_TX);
	}
	EXPECT_EQ(0, taker_end(self));
	EXPECT_FALSE(vmm_ring_error(v, VQ_TX, 0));
	EXPECT_EQ(0, self->m.strays);
	TH_LOG("%lu frames, %lu pages taken, %lu misses", n, self->t.rounds, self->m.misses);
}

TEST_F_TIMEOUT(iotlb_take, received_into, STRESS_TIMEOUT)
{
	uint64_t end = now_ms() + stress_ms(1000);
	struct vmm *v = self->v;
	struct drv_ring *r = &v->vq[VQ_RX].ring;
	unsigned long n = 0;
	char frame[FRAME];
	struct drv_done done;
	unsigned int i;

	for (i = 0; i < TAKE_PAGES; i++) {
		char *at = self->buf + i * PAGE;

		drv_ring_add1(r, vmm_gpa(v, at), PAGE, true, at);
	}
	vmm_kick(v, VQ_RX);
	while (now_ms() < end || self->t.rounds < MIN_ROUNDS) {
		net_frame_fill(frame, FRAME, n);
		ASSERT_EQ(FRAME, net_peer_send(&v->net, frame, FRAME));
		ASSERT_EQ(1, drv_ring_wait(r, &done, VMM_TIMEOUT_MS)) TH_LOG("frame %lu", n);
		ASSERT_EQ(v->hdr_len + FRAME, done.len);
		/* The driver's own view of the page, wherever the device wrote it. */
		ASSERT_EQ(0, net_frame_check((char *)done.cookie + v->hdr_len, FRAME, n, NULL))
			TH_LOG("frame %lu", n);
		drv_ring_add1(r, vmm_gpa(v, done.cookie), PAGE, true, done.cookie);
		vmm_kick(v, VQ_RX);
		n++;
	}
	EXPECT_EQ(0, taker_end(self));
	EXPECT_FALSE(vmm_ring_error(v, VQ_RX, 0));
	EXPECT_EQ(0, self->m.strays);
	TH_LOG("%lu frames, %lu pages taken, %lu misses", n, self->t.rounds, self->m.misses);
}

/* The same with the pages of the rings. */
TEST_F_TIMEOUT(iotlb_take, rings, STRESS_TIMEOUT)
{
	uint64_t end = now_ms() + stress_ms(1000);
	struct drv_ring *r = &self->v->vq[VQ_RX].ring;
	unsigned int n = 0;

	ASSERT_EQ(0, taker_end(self));
	/* desc, avail and used of both queues follow one another, a page each. */
	self->t = (struct taker) {
		.m = &self->m,
		.page = iommu_page_of(&self->m, r->at.desc),
		.n = 6,
		.canary = variant->canary,
	};
	ASSERT_EQ(0, pthread_create(&self->thread, NULL, take_away, &self->t));
	while (now_ms() < end || self->t.rounds < MIN_ROUNDS) {
		ASSERT_EQ(0, vmm_tx_check(self->v, FRAME, n)) TH_LOG("round %u", n);
		ASSERT_EQ(0, vmm_rx_check(self->v, FRAME, n)) TH_LOG("round %u", n);
		n++;
	}
	EXPECT_EQ(0, taker_end(self));
	EXPECT_FALSE(vmm_ring_error(self->v, VQ_TX, 0));
	EXPECT_FALSE(vmm_ring_error(self->v, VQ_RX, 0));
	TH_LOG("%u rounds, %lu pages taken, %lu misses", n, self->t.rounds, self->m.misses);
}

TEST_HARNESS_MAIN
