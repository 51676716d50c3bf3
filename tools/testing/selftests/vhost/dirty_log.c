// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dirty log against the memory itself: every page of the guest that changed is
 * marked, none else is, and nothing is written next to the bitmap.
 *
 * Driver's own writes do not count: they are made before a watch begins.
 */
#include <sys/mman.h>

#include "libdirty.h"
#include "libframe.h"
#include "test.h"

#define PAGE		IOMMU_PAGE
#define ALIAS_GPA	UINT64_C(0x2000000)
#define BUF_PAGES	64
#define EXTRAS		(F_INDIRECT | F_EVENT_IDX | F_MRG_RXBUF)
#define LOG_END		(IOMMU_GPA + 1024 * PAGE)

FIXTURE(dirty) {
	struct iommu m;
	struct vmm *v;
	struct dirty_log d;
	struct watch w;
	char *buf;
};

FIXTURE_VARIANT(dirty) {
	struct iommu_config c;
	unsigned int offset;
};

FIXTURE_VARIANT_ADD(dirty, legacy_one_region) {
	.c = { .plain = true, .whole = true, .features = F_EVENT_IDX },
	.offset = 16,
};

/* The specification of the ioctl asks for no alignment of the bitmap. */
FIXTURE_VARIANT_ADD(dirty, region_a_page) {
	.c = { .plain = true, .features = F_VERSION_1 | EXTRAS, .crossing = true },
	.offset = 5,
};

/* A header that vhost itself makes is written like any other. */
FIXTURE_VARIANT_ADD(dirty, own_header) {
	.c = { .plain = true, .features = F_VERSION_1 | F_MRG_RXBUF | F_VHOST_HDR, .num = 16 },
};

/* One used entry may stand for many: those that are not written are not marked. */
FIXTURE_VARIANT_ADD(dirty, in_order) {
	.c = { .plain = true, .features = F_VERSION_1 | F_EVENT_IDX | F_IN_ORDER,
	       .crossing = true, .num = 64 },
};

FIXTURE_VARIANT_ADD(dirty, iommu_whole) {
	.c = { .whole = true, .features = F_VERSION_1 },
};

FIXTURE_VARIANT_ADD(dirty, iommu_pages) {
	.c = { .features = F_VERSION_1 | EXTRAS, .crossing = true },
};

FIXTURE_VARIANT_ADD(dirty, iommu_small_ring) {
	.c = { .features = F_VERSION_1 | F_EVENT_IDX | F_IN_ORDER, .num = 16, .v1 = true },
	.offset = 3,
};

/* Descriptors are marked where the memory table has them. */
FIXTURE_VARIANT_ADD(dirty, packed) {
	.c = { .plain = true, .whole = true, .features = F_VERSION_1 | EXTRAS | F_PACKED,
	       .num = 600, .crossing = true },
};

FIXTURE_VARIANT_ADD(dirty, packed_in_order) {
	.c = { .plain = true, .features = F_VERSION_1 | F_IN_ORDER | F_PACKED, .num = 40 },
};

FIXTURE_VARIANT_ADD(dirty, packed_iommu) {
	.c = { .features = F_VERSION_1 | EXTRAS | F_PACKED, .num = 300, .crossing = true },
};

FIXTURE_SETUP(dirty)
{
	self->v = &self->m.v;
	vmm_init(self->v);
	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, iommu_up(&self->m, &variant->c));
	ASSERT_EQ(0, dirty_init(&self->d, LOG_END, variant->offset));
	ASSERT_EQ(0, iommu_start(&self->m));
	self->buf = vmm_alloc(self->v, BUF_PAGES * PAGE, PAGE);
	ASSERT_NE(NULL, self->buf);
	ASSERT_EQ(0, watch_log_on(&self->w, &self->m, &self->d));
	ASSERT_EQ(0, vmm_traffic_check(self->v));
}

FIXTURE_TEARDOWN(dirty)
{
	iommu_close(&self->m);
	dirty_free(&self->d);
	watch_free(&self->w);
}

/*
 * Enter n buffers of room bytes, stride apart, into the receive queue, not published.
 */
static int enter_rx(struct vmm *v, char *buf, unsigned int n, size_t room, size_t stride,
		    enum frame_shape shape, bool indirect)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; ret >= 0 && i < n; i++)
		ret = frame_add(v, VQ_RX, buf + i * stride, room, shape, true, indirect);
	return ret < 0 ? ret : 0;
}

/* A frame into what was entered: watched from here to the comparison of its bytes. */
static int watched_rx(struct watch *w, size_t len, uint32_t seed)
{
	static char frame[65536], got[65536 + 16];
	struct vmm *v = &w->m->v;
	struct drv_done done;
	size_t at;
	int ret;

	drv_ring_publish(&v->vq[VQ_RX].ring);
	watch_begin(w);
	vmm_force_kick(v, VQ_RX);
	net_frame_fill(frame, len, seed);
	ret = net_peer_send(&v->net, frame, len);
	for (at = 0; ret >= 0 && at < v->hdr_len + len; at += done.len) {
		ret = drv_ring_wait(&v->vq[VQ_RX].ring, &done, VMM_TIMEOUT_MS);
		if (ret < 0)
			break;
		if (at + done.len > sizeof(got))
			return -EPROTO;
		memcpy(got + at, done.cookie, done.len);
		watch_may(w, done.cookie, done.len);
	}
	if (ret < 0)
		return ret;
	ret = at == v->hdr_len + len ? net_frame_check(got + v->hdr_len, len, seed, NULL) : -EPROTO;
	return ret ? ret : watch_end(w);
}

TEST_F(dirty, received)
{
	static const size_t lens[] = { 60, 500, 1514 };
	struct vmm *v = self->v;
	unsigned int i, shape;

	for (i = 0; i < ARRAY_LEN(lens); i++) {
		for (shape = 0; shape < SHAPE_COUNT; shape++) {
			char *at = self->buf + (3 + 4 * shape) * PAGE - 100 * i - 30;
			bool indirect = v->features & F_INDIRECT && shape % 2;

			/* The ring of one variant is a short one. */
			if (!indirect && shape >= SHAPE_SMALL && v->vq[VQ_RX].ring.num < 256)
				continue;
			memset(self->buf, 0xee, BUF_PAGES * PAGE);
			ASSERT_EQ(0, enter_rx(v, at, 1, v->hdr_len + lens[i], 0, shape, indirect));
			ASSERT_EQ(0, watched_rx(&self->w, lens[i], i))
				TH_LOG("length %zu, shape %u", lens[i], shape);
		}
	}
}

/* A buffer of which the frame fills a part: what it leaves is not marked. */
TEST_F(dirty, more_room_than_needed)
{
	struct vmm *v = self->v;
	unsigned int i;

	for (i = 0; i < 8; i++) {
		memset(self->buf, 0xee, BUF_PAGES * PAGE);
		ASSERT_EQ(0, enter_rx(v, self->buf + PAGE - 40 * i, 1, 9 * PAGE, 0,
				      i % 2 ? SHAPE_ACROSS : SHAPE_ONE, false));
		ASSERT_EQ(0, watched_rx(&self->w, 60 + i * 200, i)) TH_LOG("round %u", i);
	}
}

/* To the last byte of a page, and to the first of the next one. */
TEST_F(dirty, page_borders)
{
	struct vmm *v = self->v;
	int over;

	for (over = -1; over <= 1; over++) {
		memset(self->buf, 0xee, BUF_PAGES * PAGE);
		ASSERT_EQ(0, enter_rx(v, self->buf + 2 * PAGE - v->hdr_len - 200, 1, PAGE, 0,
				      SHAPE_ONE, false));
		ASSERT_EQ(0, watched_rx(&self->w, 200 + over, 1)) TH_LOG("%d", over);
	}
}

/*
 * One large frame in many small buffers, each of which begins in another page; or
 * in a single large one, where buffers are not merged.
 */
TEST_F(dirty, large_frames)
{
	struct vmm *v = self->v;
	bool merge = v->features & F_MRG_RXBUF;
	unsigned int i;

	ASSERT_EQ(0, net_link_mtu(v->net.name, 16000));
	for (i = 0; i < 4; i++) {
		memset(self->buf, 0xee, BUF_PAGES * PAGE);
		ASSERT_EQ(0, enter_rx(v, self->buf + PAGE - 37, merge ? 15 : 1,
				      merge ? 1100 : 16000, 2 * PAGE, SHAPE_ONE,
				      i % 2 && v->features & F_INDIRECT));
		ASSERT_EQ(0, watched_rx(&self->w, 15000, i)) TH_LOG("round %u", i);
		/* The rest of them, for the next round. */
		while (drv_ring_in_flight(&v->vq[VQ_RX].ring)) {
			ASSERT_EQ(0, watched_rx(&self->w, 60, i));
		}
	}
}

/* Pieces of no length, first, in the middle, last: nothing is written there. */
TEST_F(dirty, fault_009_empty_pieces)
{
	struct vmm *v = self->v;
	struct drv_ring *r = &v->vq[VQ_RX].ring;
	char *table = vmm_alloc(v, PAGE, 16);
	unsigned int i;

	for (i = 0; i < 2; i++) {
		struct drv_buf bufs[] = {
			{ .gpa = vmm_gpa(v, self->buf + 4 * PAGE), .len = 0, .write = true },
			{ .gpa = vmm_gpa(v, self->buf), .len = 600, .write = true },
			{ .gpa = vmm_gpa(v, self->buf + 8 * PAGE), .len = 0, .write = true },
			{ .gpa = vmm_gpa(v, self->buf + 600), .len = 1400, .write = true },
			{ .gpa = vmm_gpa(v, self->buf + 12 * PAGE), .len = 0, .write = true },
			{ .gpa = vmm_gpa(v, self->buf + 12 * PAGE), .len = 0, .write = true },
		};

		if (i && !(v->features & F_INDIRECT))
			break;
		memset(self->buf, 0xee, BUF_PAGES * PAGE);
		if (i) {
			ASSERT_LE(0, drv_ring_add_indirect(r, bufs, ARRAY_LEN(bufs), table,
							   vmm_gpa(v, table), self->buf));
		} else {
			ASSERT_LE(0, drv_ring_add(r, bufs, ARRAY_LEN(bufs), self->buf));
		}
		ASSERT_EQ(0, watched_rx(&self->w, 1514, i)) TH_LOG("round %u", i);
	}
}

/* Nothing but the used ring changes when the guest sends. */
TEST_F(dirty, sent)
{
	struct vmm *v = self->v;
	unsigned int i;
	char frame[1514];
	struct drv_done done;

	for (i = 0; i < 40; i++) {
		memset(self->buf, 0, v->hdr_len);
		net_frame_fill(self->buf + v->hdr_len, sizeof(frame), i);
		drv_ring_add1(&v->vq[VQ_TX].ring, vmm_gpa(v, self->buf),
			      v->hdr_len + sizeof(frame), false, NULL);
		drv_ring_publish(&v->vq[VQ_TX].ring);
		watch_begin(&self->w);
		vmm_force_kick(v, VQ_TX);
		ASSERT_EQ((int)sizeof(frame),
			  net_peer_recv(&v->net, frame, sizeof(frame), VMM_TIMEOUT_MS));
		ASSERT_EQ(1, drv_ring_wait(&v->vq[VQ_TX].ring, &done, VMM_TIMEOUT_MS));
		ASSERT_EQ(0, watch_end(&self->w)) TH_LOG("round %u", i);
	}
	EXPECT_TRUE(dirty_marked(&self->d, IOMMU_GPA + ((char *)v->vq[VQ_TX].ring.at.device -
							 v->ram)));
}

/* Several times round the used rings, in steps that do not divide them. */
TEST_F(dirty, fault_115_around_the_ring)
{
	struct vmm *v = self->v;
	unsigned int num = v->vq[VQ_RX].ring.num, step = num / 2 - 1, done = 0, i;
	uint32_t seed = 0;

	while (done < 2 * num + 5) {
		memset(self->buf, 0xee, BUF_PAGES * PAGE);
		/* Several a turn of the worker: all are posted, then all are sent. */
		ASSERT_EQ(0, enter_rx(v, self->buf, step, v->hdr_len + 60, 96, SHAPE_ONE, false));
		drv_ring_publish(&v->vq[VQ_RX].ring);
		watch_begin(&self->w);
		vmm_force_kick(v, VQ_RX);
		for (i = 0; i < step; i++) {
			char frame[60];

			net_frame_fill(frame, sizeof(frame), seed++);
			ASSERT_EQ(60, net_peer_send(&v->net, frame, sizeof(frame)));
		}
		for (i = 0; i < step; i++) {
			struct drv_done d;

			ASSERT_EQ(1, drv_ring_wait(&v->vq[VQ_RX].ring, &d, VMM_TIMEOUT_MS));
			watch_may(&self->w, d.cookie, d.len);
		}
		ASSERT_EQ(0, watch_end(&self->w)) TH_LOG("after %u", done);
		done += step;
	}
}

/* All memory has a second guest address: whoever looks there finds it marked too. */
TEST_F(dirty, second_guest_address)
{
	struct vmm *v = self->v;
	unsigned int i, n = mem_table_count(&self->m.guest);

	for (i = 0; i < n; i++) {
		struct vhost_memory_region *r = mem_table_region(&self->m.guest, i);

		ASSERT_EQ(0, mem_table_add(&self->m.guest,
					   r->guest_phys_addr - IOMMU_GPA + ALIAS_GPA,
					   (void *)(uintptr_t)r->userspace_addr, r->memory_size));
	}
	ASSERT_EQ(0, mem_table_set(&self->m.guest, v->fd));
	self->w.alias = ALIAS_GPA - IOMMU_GPA;
	memset(self->buf, 0xee, BUF_PAGES * PAGE);
	ASSERT_EQ(0, enter_rx(v, self->buf + PAGE - 300, 1, 3000, 0, SHAPE_ONE, false));
	ASSERT_EQ(0, watched_rx(&self->w, 1400, 1));
	for (i = 0; i < 2; i++) {
		EXPECT_TRUE(dirty_marked(&self->d, IOMMU_GPA + (self->buf - v->ram) + i * PAGE));
		EXPECT_TRUE(dirty_marked(&self->d, ALIAS_GPA + (self->buf - v->ram) + i * PAGE))
			TH_LOG("page %u", i);
	}
}

/* The used ring is logged where the VMM says it is, and only if it says so. */
TEST_F(dirty, used_ring_as_told)
{
	struct vmm *v = self->v;
	struct vmm_vq *q = &v->vq[VQ_TX];
	uint64_t told = ALIAS_GPA + 5 * PAGE;
	uint64_t gpa = IOMMU_GPA + ((char *)q->ring.at.device - v->ram);
	bool follows = !v->iommu;	/* with an IOMMU the log address means nothing */

	q->addr.flags = 0;
	ASSERT_EQ(0, vhost_set_vring_addr(v->fd, &q->addr));
	dirty_clear(&self->d);
	ASSERT_EQ(0, vmm_tx_check(v, 100, 1));
	ASSERT_LE(0, vhost_get_vring_base(v->fd, VQ_TX));
	EXPECT_FALSE(dirty_marked(&self->d, gpa));

	q->addr.flags = 1 << VHOST_VRING_F_LOG;
	q->addr.log_guest_addr = told;
	ASSERT_EQ(0, vhost_set_vring_addr(v->fd, &q->addr));
	dirty_clear(&self->d);
	ASSERT_EQ(0, vmm_tx_check(v, 100, 1));
	ASSERT_LE(0, vhost_get_vring_base(v->fd, VQ_TX));
	EXPECT_EQ(follows, dirty_marked(&self->d, told));
	EXPECT_EQ(!follows, dirty_marked(&self->d, gpa));
}

/* Off: not a bit, though memory changes. */
TEST_F(dirty, off)
{
	struct vmm *v = self->v;

	ASSERT_EQ(0, watch_log_off(&self->w));
	ASSERT_LE(0, vhost_get_vring_base(v->fd, VQ_TX));
	ASSERT_LE(0, vhost_get_vring_base(v->fd, VQ_RX));
	dirty_clear(&self->d);
	EXPECT_EQ(0, vmm_traffic_check(v));
	ASSERT_LE(0, vhost_get_vring_base(v->fd, VQ_TX));
	ASSERT_LE(0, vhost_get_vring_base(v->fd, VQ_RX));
	EXPECT_EQ(0, dirty_check(&self->d));
}

TEST_HARNESS_MAIN
