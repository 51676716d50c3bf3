// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rings in a group of their own (VHOST_BACKEND_F_DESC_ASID): each of two address spaces
 * is asked for what it is for, and a VMM that knows nothing of it notices nothing.
 */
#include <fcntl.h>
#include <sys/mman.h>

#include "libsim.h"
#include "test.h"

#define PARAM		"/sys/module/vdpa_sim/parameters/desc_group"
#define PAGE		4096
#define RINGS		4	/* pages */
#define RAM		(64 * PAGE)
#define NUM		256
#define SECTOR		512
#define BACKEND		(VDPA_BF_QEMU | VDPA_BF_DESC_ASID)
/* What is where the rings would be in the other address space. */
#define DECOY		0xa5

static int set_param(const char *value)
{
	int fd = open(PARAM, O_WRONLY | O_CLOEXEC), ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, value, 1) != 1)
		ret = -errno;
	close(fd);
	return ret;
}

/* A device that has them. -ENOENT: no simulator, or one that cannot. */
static int new_device(struct vdpa_dev *dev, const char *mgmt, const struct vdpa_attrs *attrs)
{
	int ret = modules_load("vdpa_sim") ?: set_param("Y");

	if (ret)
		return ret;
	ret = vdpa_dev_make(dev, mgmt, "g0", attrs);
	set_param("N");
	return ret;
}

FIXTURE(apart) {
	struct vdpa_dev dev;
	struct vdpa v;
	char *view;	/* of the rings, as the device gets it */
	char *decoy;
};

FIXTURE_VARIANT(apart) {
	bool scattered;
};

FIXTURE_VARIANT_ADD(apart, whole) { };
FIXTURE_VARIANT_ADD(apart, scattered) { .scattered = true };

/* Rings in space 1, buffers in space 0 behind them, in which the rings' place is taken. */
static int map_apart(FIXTURE_DATA(apart) *self)
{
	struct vdpa *v = &self->v;
	size_t len = RINGS * PAGE, i;
	int ret;

	ret = vdpa_map(v->fd, 0, v->iova, len, self->decoy, VHOST_ACCESS_RW);
	if (!ret)
		ret = vdpa_map(v->fd, 0, v->iova + len, RAM - len, v->ram + len, VHOST_ACCESS_RW);
	for (i = 0; !ret && i < RINGS; i++)
		ret = vdpa_map(v->fd, 1, v->iova + i * PAGE, PAGE,
			       self->view + (self->view == v->ram ? i : RINGS - 1 - i) * PAGE,
			       VHOST_ACCESS_RW);
	return ret;
}

/* The same pages once more, the last one first. */
static char *backwards(char *ram)
{
	char *view = vdpa_guarded(RINGS, MAP_SHARED);
	int i;

	for (i = 0; view && i < RINGS; i++)
		if (mremap(ram + i * PAGE, 0, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
			   view + (RINGS - 1 - i) * PAGE) == MAP_FAILED)
			return NULL;
	return view;
}

FIXTURE_SETUP(apart)
{
	struct vdpa *v = &self->v;
	int ret = new_device(&self->dev, "vdpasim_blk", &(struct vdpa_attrs){
		.features = VDPA_F_BASE | F_INDIRECT });

	vdpa_init(v);
	if (ret == -ENOENT)
		SKIP(return, "no simulator with groups of rings");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, vdpa_open(v, self->dev.path, &(struct vdpa_config){
		.features = VDPA_F_BASE | F_INDIRECT, .backend_features = BACKEND }));
	v->iova = VDPA_IOVA;
	v->ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_SHARED, -1, 0);
	self->decoy = vdpa_guarded(RINGS, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, v->ram);
	ASSERT_NE(NULL, self->decoy);
	memset(self->decoy, DECOY, RINGS * PAGE);
	v->ram_size = RAM;
	/* Across pages: 256 descriptors are a page. */
	ASSERT_NE(NULL, vdpa_alloc(v, PAGE / 2, PAGE));
	ASSERT_EQ(0, vdpa_ring(v, 0, NUM, 0));
	ASSERT_GE(RINGS * PAGE, v->ram_used);
	v->ram_used = RINGS * PAGE;
	self->view = variant->scattered ? backwards(v->ram) : v->ram;
	ASSERT_NE(NULL, self->view);
	ASSERT_EQ(0, vdpa_set_group_asid(v->fd, 1, 1));
	ASSERT_EQ(0, map_apart(self));
	ASSERT_EQ(0, vdpa_start(v));
}

FIXTURE_TEARDOWN(apart)
{
	vdpa_close(&self->v);
	vdpa_dev_del(&self->dev);
}

static unsigned int decoy_bytes(FIXTURE_DATA(apart) *self)
{
	unsigned int i, n = 0;

	for (i = 0; i < RINGS * PAGE; i++)
		n += (uint8_t)self->decoy[i] == DECOY;
	return n;
}

TEST_F(apart, each_for_its_own)
{
	struct vdpa *v = &self->v;
	struct vblk_req *r = vdpa_alloc(v, sizeof(*r), 16);
	char *table = vdpa_alloc(v, 64, 16), *buf = vdpa_alloc(v, SECTOR, SECTOR);
	struct drv_buf bufs[3] = {
		{ vdpa_iova(v, r), 16, false },
		/* The address of the rings, but not in their space. */
		{ v->iova, SECTOR, false },
		{ vdpa_iova(v, &r->status), 1, true },
	};
	unsigned int i;

	for (i = 0; i < 2 * NUM; i++) {
		ASSERT_EQ(0, vblk_check(v, i % 8, SECTOR, i));
	}
	EXPECT_EQ(RINGS * PAGE, decoy_bytes(self));
	*r = (struct vblk_req) { .type = VBLK_OUT, .sector = 5, .status = 0xff };
	ASSERT_LE(0, drv_ring_add_indirect(&v->vq[0].ring, bufs, 3, table, vdpa_iova(v, table),
					   r));
	EXPECT_EQ(1, vdpa_turn(v, 0));
	EXPECT_EQ(0, r->status);
	ASSERT_EQ(0, vblk_io(v, VBLK_IN, 5, buf, SECTOR));
	for (i = 0; i < SECTOR; i++)
		ASSERT_EQ(DECOY, (uint8_t)buf[i]);
	/* What is mapped for rings alone is no buffer. */
	ASSERT_EQ(0, vdpa_unmap(v->fd, 0, v->iova, RINGS * PAGE));
	*r = (struct vblk_req) { .type = VBLK_OUT, .sector = 5, .status = 0xff };
	ASSERT_LE(0, drv_ring_add(&v->vq[0].ring, bufs, 3, r));
	EXPECT_EQ(0, vdpa_turn(v, 0));
	EXPECT_EQ(0xff, r->status);
	EXPECT_EQ(0, vblk_check(v, 0, SECTOR, 1));
}

/* A ring that loses its mapping breaks; a reset has all in space 0 again. */
TEST_F(apart, ring_unmapped)
{
	struct vdpa *v = &self->v;
	struct vblk_req *r = vdpa_alloc(v, sizeof(*r), 16);
	char *buf = vdpa_alloc(v, SECTOR, SECTOR);
	int call = event_new();

	ASSERT_EQ(0, vdpa_set_config_call(v->fd, call));
	ASSERT_EQ(0, vblk_check(v, 0, SECTOR, 1));
	ASSERT_EQ(0, vdpa_unmap(v->fd, 1, 0, 0));
	ASSERT_LE(0, vblk_add(v, r, VBLK_IN, 0, buf, SECTOR));
	vdpa_kick(v, 0);
	EXPECT_EQ(1, event_wait(call, VDPA_TIMEOUT_MS));
	EXPECT_EQ(VDPA_S_NEEDS_RESET, vdpa_get_status(v->fd) & VDPA_S_NEEDS_RESET);
	EXPECT_EQ(0xff, r->status);
	EXPECT_EQ(RINGS * PAGE, decoy_bytes(self));
	ASSERT_EQ(0, vdpa_restart(v));
	EXPECT_EQ(0, vblk_check(v, 0, SECTOR, 2));
	close(call);
}

TEST_F(apart, refused)
{
	int fd = self->v.fd;

	EXPECT_EQ(-EBUSY, vdpa_set_group_asid(fd, 1, 0));
	ASSERT_EQ(0, vdpa_set_status(fd, 0));
	EXPECT_EQ(-EINVAL, vdpa_set_group_asid(fd, 1, 2));
	EXPECT_EQ(-ENOBUFS, vdpa_set_group_asid(fd, 2, 0));
	EXPECT_EQ(-EINVAL, vhost_set_backend_features(fd, VDPA_BF_DESC_ASID));
	EXPECT_EQ(0, vhost_set_backend_features(fd, BACKEND));
}

/* A group that is moved takes its rings along, unless they were moved themselves. */
TEST(rings_follow)
{
	struct vdpa_dev dev;
	struct vdpa v;
	int ret = new_device(&dev, "vdpasim_net", &(struct vdpa_attrs){ .mac = sim_mac });

	if (ret == -ENOENT)
		SKIP(return, "no simulator with groups of rings");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, vdpa_up(&v, dev.path, &(struct vdpa_config){
		.features = SIM_F_NET, .num = 64, .unmapped = true }));
	EXPECT_EQ(4, vdpa_get_group_num(v.fd));
	EXPECT_EQ(4, vdpa_get_as_num(v.fd));
	EXPECT_EQ(1, vdpa_get_vring_group(v.fd, NET_CTRL));
	EXPECT_EQ(2, vdpa_get_vring_desc_group(v.fd, NET_RX));
	EXPECT_EQ(2, vdpa_get_vring_desc_group(v.fd, NET_TX));
	EXPECT_EQ(3, vdpa_get_vring_desc_group(v.fd, NET_CTRL));
	/* As QEMU does it. */
	EXPECT_EQ(0, vdpa_set_group_asid(v.fd, 1, 1));
	EXPECT_EQ(0, vdpa_map(v.fd, 1, v.iova, v.ram_size, v.ram, VHOST_ACCESS_RW));
	ASSERT_EQ(0, vdpa_start(&v));
	EXPECT_EQ(0, sim_command(&v, NET_CTRL, 1, 1, sim_mac_other, 6));
	vdpa_close(&v);
	vdpa_dev_del(&dev);
}

/* Unless an operator asks for it, devices are as they were without. */
TEST(not_by_default)
{
	struct vdpa_dev dev;
	struct vdpa v;
	uint64_t offered;
	int ret = vdpa_dev_make(&dev, "vdpasim_net", "g0", &(struct vdpa_attrs){ .mac = sim_mac });

	if (ret == -ENOENT)
		SKIP(return, "no simulator");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, vdpa_open(&v, dev.path, &(struct vdpa_config){ .features = SIM_F_NET }));
	ASSERT_EQ(0, vhost_get_backend_features(v.fd, &offered));
	EXPECT_EQ(0, offered & VDPA_BF_DESC_ASID);
	EXPECT_EQ(-EOPNOTSUPP, vhost_set_backend_features(v.fd, BACKEND));
	EXPECT_EQ(-EOPNOTSUPP, vdpa_get_vring_desc_group(v.fd, 0));
	EXPECT_EQ(2, vdpa_get_group_num(v.fd));
	EXPECT_EQ(2, vdpa_get_as_num(v.fd));
	vdpa_close(&v);
	vdpa_dev_del(&dev);
}

TEST_HARNESS_MAIN
