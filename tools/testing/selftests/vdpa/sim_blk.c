// SPDX-License-Identifier: GPL-2.0-only
/*
 * The simulated disk: requests of every kind, what is refused and how, several queues.
 */
#include <linux/virtio_blk.h>

#include "libsim.h"
#include "test.h"

#define SECTORS	UINT64_C(0x40000)	/* of the default disk */
#define BEYOND	UINT64_C(0x7fff00000000)
#define F_BLK	(VDPA_F_BASE | SIM_F_BLK_DISCARD | SIM_F_BLK_ZEROES | SIM_F_BLK_MQ)

FIXTURE(disk) {
	struct vdpa_dev dev;
	struct vdpa v;
};

FIXTURE_VARIANT(disk) {
	uint64_t features;
};

FIXTURE_VARIANT_ADD(disk, plain) { 0 };
FIXTURE_VARIANT_ADD(disk, ring_features) { F_INDIRECT | F_EVENT_IDX | F_IN_ORDER };
FIXTURE_VARIANT_ADD(disk, packed) { F_INDIRECT | F_EVENT_IDX | F_IN_ORDER | F_PACKED };

FIXTURE_SETUP(disk)
{
	const uint64_t features = F_BLK | variant->features;
	const struct vdpa_attrs attrs = { .features = variant->features ? features : 0 };
	int ret = vdpa_dev_make(&self->dev, "vdpasim_blk", "b0", &attrs);

	vdpa_init(&self->v);
	if (ret == -ENOENT)
		SKIP(return, "no simulator of disks");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, vdpa_up(&self->v, self->dev.path, &(struct vdpa_config){
		.features = features, .ram_size = 4 << 20 }));
	self->v.vq[0].ring.in_order = !!(variant->features & F_IN_ORDER);
	ASSERT_EQ(0, vdpa_start(&self->v));
}

FIXTURE_TEARDOWN(disk)
{
	vdpa_close(&self->v);
	vdpa_dev_del(&self->dev);
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1103515245 + 12345;
	return *seed >> 8;
}

/* Against a copy of our own: the last 64 sectors, and the first. */
TEST_F(disk, random_io)
{
	struct vdpa *v = &self->v;
	static unsigned char model[128][512];
	unsigned char *buf = vdpa_alloc(v, 128 * 512, 512);
	uint32_t seed = 4711;
	unsigned int i, k;

	memset(model, 0, sizeof(model));
	for (i = 0; i < 500; i++) {
		unsigned int at = next_random(&seed) % 128, n = 1 + next_random(&seed) % 20;
		bool write = next_random(&seed) & 1;
		uint64_t sector = at < 64 ? at : SECTORS - 128 + at;

		if (at < 64 && at + n > 64)
			n = 64 - at;
		if (at + n > 128)
			n = 128 - at;
		for (k = 0; write && k < n * 512; k++)
			buf[k] = next_random(&seed);
		if (write)
			memcpy(model[at], buf, n * 512);
		ASSERT_EQ(0, vblk_io(v, write ? VBLK_OUT : VBLK_IN, sector, buf, n * 512));
		ASSERT_EQ(0, memcmp(model[at], buf, n * 512)) {
			TH_LOG("request %u: %u sectors at %llu", i, n, (unsigned long long)sector);
		}
	}
	EXPECT_EQ(500, sim_counter(&self->dev, 0, "requests"));
	EXPECT_EQ(0, sim_counter(&self->dev, 0, "errors"));
}

/* IOERR, nothing read and nothing written. */
TEST_F(disk, fault_040_beyond_the_end)
{
	static const struct {
		uint64_t sector;
		unsigned int n;
	} bad[] = {
		{ SECTORS, 1 }, { SECTORS + 1, 1 }, { SECTORS - 1, 2 }, { SECTORS, 0 },
		{ UINT64_C(1) << 55, 1 }, { UINT64_C(1) << 55, 0 }, { (UINT64_C(1) << 55) - 1, 1 },
		{ UINT64_MAX, 1 }, { UINT64_MAX, 0 }, { UINT64_MAX - 7, 16 }, { 0x40001, 8 },
	};
	struct vdpa *v = &self->v;
	unsigned char *buf = vdpa_alloc(v, 16 * 512, 512);
	struct virtio_blk_discard_write_zeroes *range = vdpa_alloc(v, sizeof(*range), 16);
	unsigned int i, k, at;

	ASSERT_EQ(0, vblk_check(v, 0, 512, 1));
	ASSERT_EQ(0, vblk_check(v, SECTORS - 1, 512, 1));
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		memset(buf, 0x77, 16 * 512);
		if (bad[i].n) {
			EXPECT_EQ(VIRTIO_BLK_S_IOERR, vblk_io(v, VBLK_OUT, bad[i].sector, buf,
							      bad[i].n * 512));
		}
		EXPECT_EQ(VIRTIO_BLK_S_IOERR,
			  vblk_io(v, VBLK_IN, bad[i].sector, buf, bad[i].n * 512)) {
			TH_LOG("%u sectors at %llx", bad[i].n, (unsigned long long)bad[i].sector);
		}
		for (k = 0, at = 0; k < 16 * 512; k++)
			at += buf[k] != 0x77;
		EXPECT_EQ(0, at);
		*range = (struct virtio_blk_discard_write_zeroes) {
			.sector = bad[i].sector, .num_sectors = bad[i].n,
		};
	}
	/* The same by ranges: those are what the device reads. */
	for (i = 0; i < 2 * ARRAY_LEN(bad); i++) {
		struct vblk_req *r = vdpa_alloc(v, sizeof(*r), 16);
		const struct drv_buf bufs[] = {
			{ vdpa_iova(v, r), 16, false }, { vdpa_iova(v, range), 16, false },
			{ vdpa_iova(v, &r->status), 1, true },
		};

		*r = (struct vblk_req) {
			.type = i & 1 ? VIRTIO_BLK_T_DISCARD : VIRTIO_BLK_T_WRITE_ZEROES,
			.status = 0xff,
		};
		*range = (struct virtio_blk_discard_write_zeroes) {
			.sector = bad[i / 2].sector, .num_sectors = bad[i / 2].n,
		};
		ASSERT_LE(0, drv_ring_add(&v->vq[0].ring, bufs, 3, r));
		EXPECT_EQ(1, vdpa_turn(v, 0));
		EXPECT_EQ(VIRTIO_BLK_S_IOERR, r->status);
	}
	EXPECT_EQ(0, vblk_io(v, VBLK_IN, 0, buf, 512));
	EXPECT_EQ((unsigned char)167, buf[0]);
	EXPECT_EQ(0, vblk_io(v, VBLK_IN, SECTORS - 1, buf, 512));
	EXPECT_EQ((unsigned char)167, buf[0]);
}

/* A range request: its status, or -errno. */
static int range_io(struct vdpa *v, uint32_t type, uint64_t sector, uint32_t n, uint32_t flags,
		    uint32_t len)
{
	struct virtio_blk_discard_write_zeroes *range;
	size_t used = v->ram_used;
	struct vblk_req *r = vdpa_alloc(v, sizeof(*r), 16);
	struct drv_buf bufs[3];
	int ret;

	range = vdpa_alloc(v, 64, 16);
	*range = (struct virtio_blk_discard_write_zeroes) {
		.sector = sector, .num_sectors = n, .flags = flags,
	};
	*r = (struct vblk_req) { .type = type, .status = 0xff };
	bufs[0] = (struct drv_buf){ vdpa_iova(v, r), 16, false };
	bufs[1] = (struct drv_buf){ vdpa_iova(v, range), len, false };
	bufs[2] = (struct drv_buf){ vdpa_iova(v, &r->status), 1, true };
	ret = drv_ring_add(&v->vq[0].ring, bufs, 3, r);
	if (ret >= 0)
		ret = vdpa_turn(v, 0);
	if (ret >= 0)
		ret = ret == 1 ? r->status : -EPROTO;
	v->ram_used = used;
	return ret;
}

/* Ranges of every alignment leave what is around them. */
TEST_F(disk, discard_and_zeroes)
{
	static const struct { unsigned int at, n; } cut[] = {
		{ 0, 1 }, { 7, 1 }, { 8, 8 }, { 3, 20 }, { 17, 40 }, { 0, 64 }, { 63, 1 }, { 5, 0 },
	};
	struct vdpa *v = &self->v;
	unsigned char *buf = vdpa_alloc(v, 64 * 512, 512);
	unsigned int i, k;

	for (i = 0; i < 2 * ARRAY_LEN(cut); i++) {
		unsigned int at = cut[i / 2].at, n = cut[i / 2].n;

		memset(buf, 0xa5, 64 * 512);
		ASSERT_EQ(0, vblk_io(v, VBLK_OUT, 1000, buf, 64 * 512));
		EXPECT_EQ(0, range_io(v, i & 1 ? VIRTIO_BLK_T_DISCARD : VIRTIO_BLK_T_WRITE_ZEROES,
				      1000 + at, n, 0, 16));
		ASSERT_EQ(0, vblk_io(v, VBLK_IN, 1000, buf, 64 * 512));
		for (k = 0; k < 64 * 512; k++) {
			bool in = k / 512 >= at && k / 512 < at + n;

			if (buf[k] != (in ? 0 : 0xa5))
				break;
		}
		EXPECT_EQ(64 * 512, k) {
			TH_LOG("%u sectors at %u", n, at);
		}
	}
	/* The whole disk is one request, and takes as long as what is there. */
	EXPECT_EQ(0, range_io(v, VIRTIO_BLK_T_WRITE_ZEROES, 0, SECTORS, 1, 16));
	EXPECT_EQ(VIRTIO_BLK_S_UNSUPP, range_io(v, VIRTIO_BLK_T_WRITE_ZEROES, 0, 1, 2, 16));
	EXPECT_EQ(VIRTIO_BLK_S_UNSUPP, range_io(v, VIRTIO_BLK_T_DISCARD, 0, 1, 1, 16));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, range_io(v, VIRTIO_BLK_T_DISCARD, 0, 1, 0, 15));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, range_io(v, VIRTIO_BLK_T_DISCARD, 0, 1, 0, 32));
}

TEST_F(disk, kinds)
{
	struct vdpa *v = &self->v;
	char *buf = vdpa_alloc(v, 4096, 512);

	EXPECT_EQ(0, vblk_io(v, VBLK_FLUSH, 0, NULL, 0));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, vblk_io(v, VBLK_FLUSH, 1, NULL, 0));
	memset(buf, 0x77, 64);
	EXPECT_EQ(0, vblk_io(v, VBLK_GET_ID, 0, buf, 20));
	EXPECT_STREQ("vdpa_blk_sim", buf);
	EXPECT_EQ(0x77, buf[20]);
	EXPECT_EQ(0, buf[19]);
	memset(buf, 0x77, 64);
	EXPECT_EQ(0, vblk_io(v, VBLK_GET_ID, 0, buf, 4));
	EXPECT_EQ(0, memcmp(buf, "vdpaw", 5));
	EXPECT_EQ(VIRTIO_BLK_S_UNSUPP, vblk_io(v, 99, 0, buf, 512));
	EXPECT_EQ(VIRTIO_BLK_S_UNSUPP, vblk_io(v, UINT32_MAX, 0, buf, 512));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, vblk_io(v, VBLK_IN, 0, buf, 511));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, vblk_io(v, VBLK_IN, 0, buf, 513));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, vblk_io(v, VBLK_OUT, 0, buf, 100));
	EXPECT_EQ(0, vblk_io(v, VBLK_IN, 0, NULL, 0));
	EXPECT_EQ(6, sim_counter(&self->dev, 0, "errors"));
}

/* Requests that are cut up, or are none. */
TEST_F(disk, shapes)
{
	struct vdpa *v = &self->v;
	struct drv_ring *ring = &v->vq[0].ring;
	struct vblk_req *r = vdpa_alloc(v, 64, 64);
	unsigned char *buf = vdpa_alloc(v, 2048, 512);
	const uint64_t at = vdpa_iova(v, r), data = vdpa_iova(v, buf);
	const uint64_t status = vdpa_iova(v, &r->status);
	struct drv_buf many[40];
	unsigned int i;
	const struct {
		struct drv_buf bufs[3];
		unsigned int n;
		int len;
		uint8_t status;
	} bad[] = {
		{ { { at, 15, false }, { status, 1, true } }, 2, 1, VIRTIO_BLK_S_IOERR },
		{ { { status, 1, true } }, 1, 1, VIRTIO_BLK_S_IOERR },
		{ { { at, 16, false } }, 1, 0, 0xff },
		{ { { at, 16, false }, { data, 512, false } }, 2, 0, 0xff },
		{ { { BEYOND, 16, false }, { status, 1, true } }, 2, 0, 0xff },
		{ { { at, 16, false }, { BEYOND, 1, true } }, 2, 0, 0xff },
		{ { { at, 16, false }, { BEYOND, 512, true }, { status, 1, true } }, 3, 0, 0xff },
		/* A length would say that the data was written. */
		{ { { at, 16, false }, { data, 511, true }, { status, 1, true } }, 3, 0,
		  VIRTIO_BLK_S_IOERR },
	};

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		*r = (struct vblk_req) { .type = VBLK_IN, .status = 0xff };
		ASSERT_LE(0, drv_ring_add(ring, bad[i].bufs, bad[i].n, r));
		EXPECT_EQ(bad[i].len, vdpa_turn(v, 0)) {
			TH_LOG("case %u", i);
		}
		EXPECT_EQ(bad[i].status, r->status);
	}
	/* Header, data and status in pieces that keep to no border of theirs. */
	for (i = 0; i < 1024; i++)
		buf[i] = i * 3;
	*r = (struct vblk_req) { .type = VBLK_OUT, .sector = 9, .status = 0xff };
	many[0] = (struct drv_buf){ at, 5, false };
	many[1] = (struct drv_buf){ at + 5, 11, false };
	for (i = 0; i < 32; i++)
		many[2 + i] = (struct drv_buf){ data + i * 32, 32, false };
	many[34] = (struct drv_buf){ status, 1, true };
	ASSERT_LE(0, drv_ring_add(ring, many, 35, r));
	EXPECT_EQ(1, vdpa_turn(v, 0));
	EXPECT_EQ(0, r->status);
	memset(buf, 0, 1024);
	*r = (struct vblk_req) { .type = VBLK_IN, .sector = 9, .status = 0xff };
	for (i = 0; i < 32; i++)
		many[2 + i].write = true;
	/* The status is the last byte of the last piece, behind data. */
	many[33].len = 33;
	buf[1024] = 0xff;
	ASSERT_LE(0, drv_ring_add(ring, many, 34, r));
	EXPECT_EQ(1025, vdpa_turn(v, 0));
	EXPECT_EQ(0, buf[1024]);
	for (i = 0; i < 1024 && buf[i] == (unsigned char)(i * 3); i++)
		;
	EXPECT_EQ(1024, i);
}

TEST_F(disk, config)
{
	struct virtio_blk_config c;

	ASSERT_EQ(0, vdpa_get_config(self->v.fd, 0, &c, 60));
	EXPECT_EQ(SECTORS, c.capacity);
	EXPECT_EQ(4096, c.size_max);
	EXPECT_EQ(32, c.seg_max);
	EXPECT_EQ(512, c.blk_size);
	EXPECT_EQ(1, c.num_queues);
	EXPECT_EQ(1, c.max_discard_seg);
	EXPECT_EQ(UINT32_MAX, c.max_write_zeroes_sectors);
	/* None of it is the driver's. */
	EXPECT_EQ(0, vdpa_set_config(self->v.fd, 0, "\1\1\1\1\1\1\1\1", 8));
	ASSERT_EQ(0, vdpa_get_config(self->v.fd, 0, &c, 8));
	EXPECT_EQ(SECTORS, c.capacity);
}

/* What was not negotiated is not there. */
TEST(features_not_taken)
{
	struct vdpa_dev dev;
	struct vdpa v;
	int ret = vdpa_dev_make(&dev, "vdpasim_blk", "b1", &(struct vdpa_attrs){});

	if (ret == -ENOENT)
		SKIP(return, "no simulator of disks");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, vdpa_up(&v, dev.path, &(struct vdpa_config){ .features = VDPA_F_BASE }));
	ASSERT_EQ(0, vdpa_start(&v));
	EXPECT_EQ(VIRTIO_BLK_S_UNSUPP, range_io(&v, VIRTIO_BLK_T_DISCARD, 0, 1, 0, 16));
	EXPECT_EQ(VIRTIO_BLK_S_UNSUPP, range_io(&v, VIRTIO_BLK_T_WRITE_ZEROES, 0, 1, 0, 16));
	EXPECT_EQ(0, vblk_check(&v, 5, 4096, 3));
	vdpa_close(&v);
	vdpa_dev_del(&dev);
}

TEST(read_only)
{
	struct vdpa_dev dev;
	struct vdpa v;
	char *buf;
	int ret = vdpa_dev_make(&dev, "vdpasim_blk", "b2",
			      &(struct vdpa_attrs){ .features = F_BLK | SIM_F_BLK_RO });

	if (ret == -ENOENT)
		SKIP(return, "no simulator of disks");
	ASSERT_EQ(0, ret);
	/* Whether the driver knows of it or not. */
	ASSERT_EQ(0, vdpa_up(&v, dev.path, &(struct vdpa_config){ .features = F_BLK }));
	ASSERT_EQ(0, vdpa_start(&v));
	buf = vdpa_alloc(&v, 512, 512);
	memset(buf, 7, 512);
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, vblk_io(&v, VBLK_OUT, 0, buf, 512));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, range_io(&v, VIRTIO_BLK_T_DISCARD, 0, 1, 0, 16));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, range_io(&v, VIRTIO_BLK_T_WRITE_ZEROES, 0, 1, 0, 16));
	EXPECT_EQ(0, vblk_io(&v, VBLK_IN, 0, buf, 512));
	EXPECT_EQ(0, buf[0]);
	vdpa_close(&v);
	vdpa_dev_del(&dev);
}

/* Each queue has a thread: all are busy at once, and see the same disk. */
TEST(several_queues)
{
	struct vdpa_dev dev;
	struct vdpa v;
	struct vblk_req *r;
	unsigned char *buf;
	struct drv_done done;
	uint16_t queues = 0;
	unsigned int i, k;
	int ret = vdpa_dev_make(&dev, "vdpasim_blk", "b3", &(struct vdpa_attrs){ .max_vqp = 4 });

	if (ret == -ENOENT)
		SKIP(return, "no simulator of disks");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, vdpa_up(&v, dev.path, &(struct vdpa_config){
		.features = F_BLK, .ram_size = 8 << 20 }));
	ASSERT_EQ(4, v.nvqs);
	EXPECT_EQ(0, vdpa_get_config(v.fd, 34, &queues, 2));
	EXPECT_EQ(4, queues);
	ASSERT_EQ(0, vdpa_start(&v));
	r = vdpa_alloc(&v, 4 * 32 * sizeof(*r), 16);
	buf = vdpa_alloc(&v, 4 * 32 * 4096, 4096);
	ASSERT_NE(NULL, buf);
	for (k = 0; k < 2; k++) {
		for (i = 0; i < 4 * 32; i++) {
			/* Written by one queue, read by the next. */
			unsigned int q = (i + k) % 4;
			struct drv_buf bufs[] = {
				{ vdpa_iova(&v, &r[i]), 16, false },
				{ vdpa_iova(&v, buf + i * 4096), 4096, k },
				{ vdpa_iova(&v, &r[i].status), 1, true },
			};

			memset(buf + i * 4096, k ? 0 : i + 1, 4096);
			r[i] = (struct vblk_req) {
				.type = k ? VBLK_IN : VBLK_OUT, .sector = i * 8, .status = 0xff,
			};
			ASSERT_LE(0, drv_ring_add(&v.vq[q].ring, bufs, 3, &r[i]));
		}
		for (i = 0; i < 4; i++)
			vdpa_kick(&v, i);
		for (i = 0; i < 4 * 32; i++) {
			ASSERT_EQ(1, drv_ring_wait(&v.vq[i % 4].ring, &done, VDPA_TIMEOUT_MS));
			EXPECT_EQ(0, ((struct vblk_req *)done.cookie)->status);
		}
	}
	for (i = 0; i < 4 * 32; i++) {
		EXPECT_EQ(i + 1, buf[i * 4096]);
		EXPECT_EQ(i + 1, buf[i * 4096 + 4095]);
	}
	EXPECT_EQ(64, sim_counter(&dev, 3, "requests"));
	vdpa_close(&v);
	vdpa_dev_del(&dev);
}

TEST_HARNESS_MAIN
