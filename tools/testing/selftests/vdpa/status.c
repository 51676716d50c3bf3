// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a device in a VMM's hands: status, reset, positions, suspend and
 * resume, and queues that are enabled early or late.
 */
#include <pthread.h>

#include "libvdpa.h"
#include "test.h"

#define SECTOR		512

FIXTURE(status) {
	struct vdpa_dev dev;
	struct vdpa v;
	int fd;
	char *buf;
};

FIXTURE_SETUP(status)
{
	int ret = vdpa_dev_new(&self->dev, "vdpasim_blk", "s0", 0);

	vdpa_init(&self->v);
	if (ret == -ENOENT)
		SKIP(return, "no simulator of disks");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, vdpa_up(&self->v, self->dev.path, &(struct vdpa_config){
			     .features = VDPA_F_BASE,
			     .backend_features = VDPA_BF_QEMU | VDPA_BF_RESUME }));
	self->fd = self->v.fd;
	self->buf = vdpa_alloc(&self->v, SECTOR, SECTOR);
	ASSERT_NE(NULL, self->buf);
}

FIXTURE_TEARDOWN(status)
{
	vdpa_close(&self->v);
	vdpa_dev_del(&self->dev);
}

/* Chains that came back within some time. */
static unsigned int done_in(struct vdpa *v, unsigned int ms)
{
	struct drv_done done;
	unsigned int n = 0;

	while (drv_ring_wait(&v->vq[0].ring, &done, ms) == 1 && n < 1000)
		n++;
	return n;
}

/* A request that reads a sector, entered but not published. */
static int add_read(struct vdpa *v, char *buf)
{
	struct vblk_req *r = vdpa_alloc(v, sizeof(*r), 16);

	return r ? vblk_add(v, r, VBLK_IN, 0, buf, SECTOR) : -ENOMEM;
}

/* FEATURES_OK alone, as QEMU does it after a guest's reset; nothing is taken away. */
TEST_F(status, order)
{
	ASSERT_EQ(0, vdpa_set_status(self->fd, 0));
	EXPECT_EQ(0, vdpa_get_status(self->fd));
	EXPECT_EQ(0, vhost_set_features(self->fd, VDPA_F_BASE));
	EXPECT_EQ(0, vdpa_set_status(self->fd, VDPA_S_FEATURES_OK));
	EXPECT_EQ(VDPA_S_FEATURES_OK, vdpa_get_status(self->fd));
	EXPECT_EQ(-EINVAL, vdpa_set_status(self->fd, VDPA_S_ACK));
	EXPECT_EQ(-EINVAL, vdpa_set_status(self->fd, VDPA_S_DRIVER_OK));
	EXPECT_EQ(0, vdpa_map(self->fd, 0, self->v.iova, self->v.ram_size, self->v.ram,
			      VHOST_ACCESS_RW));
	ASSERT_EQ(0, vdpa_rearm(&self->v, 0, 0));
	ASSERT_EQ(0, vdpa_start(&self->v));
	EXPECT_EQ(VDPA_S_FEATURES_OK | VDPA_S_DRIVER_OK, vdpa_get_status(self->fd));
	EXPECT_EQ(0, vblk_check(&self->v, 0, SECTOR, 1));
	EXPECT_EQ(-EINVAL, vdpa_set_status(self->fd, VDPA_S_DRIVER_OK));
	EXPECT_EQ(0, vdpa_set_status(self->fd, vdpa_get_status(self->fd)));
	EXPECT_EQ(0, vblk_check(&self->v, 0, SECTOR, 2));
}

/* The device says when only a reset helps, and that bit is its own. */
TEST_F(status, needs_reset)
{
	uint8_t up = vdpa_get_status(self->fd) | VDPA_S_DRIVER_OK;
	int call = event_new();

	ASSERT_EQ(0, vdpa_set_config_call(self->fd, call));
	EXPECT_EQ(0, vdpa_set_status(self->fd, up | VDPA_S_NEEDS_RESET));
	EXPECT_EQ(up, vdpa_get_status(self->fd));
	ASSERT_EQ(0, vdpa_set_vring_enable(self->fd, 0, 1));
	ASSERT_EQ(0, vblk_check(&self->v, 0, SECTOR, 1));
	EXPECT_EQ(0, event_take(call));
	/* More buffers than the ring holds. */
	drv_split_avail(&self->v.vq[0].ring)->idx += 0x4000;
	event_signal(self->v.vq[0].kick);
	EXPECT_EQ(1, event_wait(call, VDPA_TIMEOUT_MS));
	EXPECT_EQ(up | VDPA_S_NEEDS_RESET, vdpa_get_status(self->fd));
	/* A VMM that did not read it, and one that did; neither takes it away. */
	EXPECT_EQ(0, vdpa_set_status(self->fd, up));
	EXPECT_EQ(0, vdpa_set_status(self->fd, up | VDPA_S_NEEDS_RESET));
	EXPECT_EQ(-EINVAL, vdpa_set_status(self->fd, VDPA_S_NEEDS_RESET));
	EXPECT_EQ(up | VDPA_S_NEEDS_RESET, vdpa_get_status(self->fd));
	event_signal(self->v.vq[0].kick);
	EXPECT_EQ(0, event_wait(call, VDPA_QUIET_MS));
	ASSERT_EQ(0, vdpa_restart(&self->v));
	EXPECT_EQ(up, vdpa_get_status(self->fd));
	EXPECT_EQ(0, vblk_check(&self->v, 0, SECTOR, 2));
	close(call);
}

/* A reset forgets queues; nothing happens to buffers after it. */
TEST_F(status, fault_135_reset)
{
	struct drv_done done;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, vdpa_restart(&self->v));
		EXPECT_EQ(0, vhost_get_vring_base(self->fd, 0));
		EXPECT_EQ(0, vblk_check(&self->v, i, SECTOR, i));
		EXPECT_EQ(2, vhost_get_vring_base(self->fd, 0));
	}
	ASSERT_EQ(0, vdpa_set_status(self->fd, 0));
	EXPECT_EQ(0, vhost_get_vring_base(self->fd, 0));
	memset(self->buf, 0x5a, SECTOR);
	ASSERT_LE(0, add_read(&self->v, self->buf));
	vdpa_kick(&self->v, 0);
	EXPECT_EQ(-ETIMEDOUT, drv_ring_wait(&self->v.vq[0].ring, &done, VDPA_QUIET_MS));
	EXPECT_EQ(0x5a, self->buf[0]);
}

/* A kick from before a reset does not make a queue run after it that is not enabled. */
TEST_F(status, fault_130_kick_before_reset)
{
	struct vdpa_vq *q = &self->v.vq[0];

	ASSERT_EQ(0, vdpa_start(&self->v));
	ASSERT_EQ(0, vdpa_suspend(self->fd));
	ASSERT_LE(0, add_read(&self->v, self->buf));
	vdpa_kick(&self->v, 0);
	ASSERT_EQ(0, vdpa_set_status(self->fd, 0));
	ASSERT_EQ(0, vdpa_negotiate(&self->v, VDPA_F_BASE));
	ASSERT_EQ(0, vdpa_map(self->fd, 0, self->v.iova, self->v.ram_size, self->v.ram,
			      VHOST_ACCESS_RW));
	/* The rings are as they were: there is a buffer. */
	ASSERT_EQ(0, vhost_set_vring_num(self->fd, 0, q->ring.num));
	ASSERT_EQ(0, vhost_set_vring_addr(self->fd, &q->addr));
	ASSERT_EQ(0, vdpa_set_status(self->fd, vdpa_get_status(self->fd) | VDPA_S_DRIVER_OK));
	EXPECT_EQ(0, done_in(&self->v, VDPA_QUIET_MS));
	EXPECT_EQ(0, vhost_get_vring_base(self->fd, 0));
	ASSERT_EQ(0, vdpa_set_vring_enable(self->fd, 0, 1));
	EXPECT_EQ(1, done_in(&self->v, VDPA_QUIET_MS));
	EXPECT_EQ(0, vblk_check(&self->v, 0, SECTOR, 1));
}

/* A queue goes on where it was told to. */
TEST_F(status, fault_136_base)
{
	static const unsigned int base[] = { 100, 0xffff, 0x8000, 0 };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(base); i++) {
		ASSERT_EQ(0, vdpa_set_status(self->fd, 0));
		ASSERT_EQ(0, vdpa_negotiate(&self->v, VDPA_F_BASE));
		ASSERT_EQ(0, vdpa_map(self->fd, 0, self->v.iova, self->v.ram_size, self->v.ram,
				      VHOST_ACCESS_RW));
		ASSERT_EQ(0, vdpa_rearm(&self->v, 0, base[i]));
		EXPECT_EQ(base[i], vhost_get_vring_base(self->fd, 0));
		ASSERT_EQ(0, vdpa_start(&self->v));
		EXPECT_EQ(0, vblk_check(&self->v, 0, SECTOR, 1));
		EXPECT_EQ((uint16_t)(base[i] + 2), drv_split_used_idx(&self->v.vq[0].ring));
		ASSERT_EQ(0, vdpa_suspend(self->fd));
		EXPECT_EQ((uint16_t)(base[i] + 2), vhost_get_vring_base(self->fd, 0));
	}
}

TEST_F(status, fault_130_suspend)
{
	unsigned int i;

	/* Before there is anything to suspend it is done. */
	EXPECT_EQ(0, vdpa_suspend(self->fd));
	EXPECT_EQ(0, vdpa_resume(self->fd));
	ASSERT_EQ(0, vdpa_start(&self->v));
	EXPECT_EQ(0, vblk_check(&self->v, 0, SECTOR, 1));
	for (i = 0; i < 3; i++) {
		int base = vhost_get_vring_base(self->fd, 0);

		ASSERT_EQ(0, vdpa_suspend(self->fd));
		EXPECT_EQ(0, vdpa_suspend(self->fd));
		memset(self->buf, 0x5a, SECTOR);
		ASSERT_LE(0, add_read(&self->v, self->buf));
		vdpa_kick(&self->v, 0);
		EXPECT_EQ(0, done_in(&self->v, VDPA_QUIET_MS));
		EXPECT_EQ(base, vhost_get_vring_base(self->fd, 0));
		EXPECT_EQ(0x5a, self->buf[0]);
		/* The kick was not lost, and counts once. */
		ASSERT_EQ(0, vdpa_resume(self->fd));
		EXPECT_EQ(1, done_in(&self->v, VDPA_QUIET_MS));
		EXPECT_EQ(base + 1, vhost_get_vring_base(self->fd, 0));
		EXPECT_EQ(0, vdpa_resume(self->fd));
		EXPECT_EQ(0, vblk_check(&self->v, 0, SECTOR, i));
	}
	/* A reset is the end of it. */
	ASSERT_EQ(0, vdpa_suspend(self->fd));
	ASSERT_EQ(0, vdpa_restart(&self->v));
	EXPECT_EQ(0, vblk_check(&self->v, 0, SECTOR, 1));
}

struct stream {
	struct vdpa *v;
	char *buf;
	volatile bool stop;
	unsigned int added, done;
};

/* A guest that always has requests under way. */
static void *stream(void *arg)
{
	struct stream *s = arg;
	struct drv_done done;
	struct vblk_req *r = vdpa_alloc(s->v, 32 * sizeof(*r), 16);
	unsigned int i;

	while (!s->stop) {
		for (i = 0; i < 32 && drv_ring_in_flight(&s->v->vq[0].ring) < 32; i++) {
			if (vblk_add(s->v, &r[s->added % 32], VBLK_IN, 0, s->buf, SECTOR) < 0)
				break;
			s->added++;
		}
		vdpa_kick(s->v, 0);
		while (drv_ring_get(&s->v->vq[0].ring, &done) == 1)
			s->done++;
		nap_us(200);
	}
	return NULL;
}

/* While it is suspended nothing moves, and the position is that of the used ring. */
TEST_F(status, stands_still)
{
	struct stream s = { .v = &self->v, .buf = self->buf };
	unsigned int i, loops = stress_ms(1000) / 100;
	uint16_t used = 0;
	pthread_t thread;

	ASSERT_EQ(0, vdpa_start(&self->v));
	ASSERT_EQ(0, pthread_create(&thread, NULL, stream, &s));
	for (i = 0; i < loops; i++) {
		uint64_t end = now_ms() + VDPA_TIMEOUT_MS;

		while (drv_split_used_idx(&self->v.vq[0].ring) == used && now_ms() < end)
			nap_us(100);
		EXPECT_NE(used, drv_split_used_idx(&self->v.vq[0].ring));
		EXPECT_EQ(0, vdpa_suspend(self->fd));
		used = drv_split_used_idx(&self->v.vq[0].ring);
		EXPECT_EQ(used, vhost_get_vring_base(self->fd, 0));
		nap_us(2000);
		EXPECT_EQ(used, drv_split_used_idx(&self->v.vq[0].ring));
		EXPECT_EQ(0, vdpa_resume(self->fd));
	}
	s.stop = true;
	pthread_join(thread, NULL);
}

/* A migration in small: another start on the same rings, nothing lost or twice. */
TEST_F(status, goes_on)
{
	struct vdpa_vq *q = &self->v.vq[0];
	unsigned int i;
	int base;

	ASSERT_EQ(0, vdpa_start(&self->v));
	for (i = 0; i < 5; i++) {
		EXPECT_EQ(0, vblk_check(&self->v, i, SECTOR, i));
		ASSERT_EQ(0, vdpa_suspend(self->fd));
		base = vhost_get_vring_base(self->fd, 0);
		EXPECT_EQ(2 * (i + 1), (unsigned int)base);
		ASSERT_EQ(0, vdpa_set_status(self->fd, 0));
		ASSERT_EQ(0, vdpa_negotiate(&self->v, VDPA_F_BASE));
		ASSERT_EQ(0, vdpa_map(self->fd, 0, self->v.iova, self->v.ram_size, self->v.ram,
				      VHOST_ACCESS_RW));
		ASSERT_EQ(0, vhost_set_vring_num(self->fd, 0, q->ring.num));
		ASSERT_EQ(0, vhost_set_vring_base(self->fd, 0, base));
		ASSERT_EQ(0, vhost_set_vring_addr(self->fd, &q->addr));
		ASSERT_EQ(0, vdpa_start(&self->v));
	}
	EXPECT_EQ(0, vblk_check(&self->v, 0, SECTOR, 1));
}

/* Enabled before DRIVER_OK, as for QEMU's generic device, or after; kicked before. */
TEST_F(status, fault_135_enable)
{
	unsigned int i;

	for (i = 0; i < 3; i++) {
		uint8_t ok = vdpa_get_status(self->fd) | VDPA_S_DRIVER_OK;

		ASSERT_LE(0, add_read(&self->v, self->buf));
		switch (i) {
		case 0:
			ASSERT_EQ(0, vdpa_set_vring_enable(self->fd, 0, 1));
			ASSERT_EQ(0, vdpa_set_status(self->fd, ok));
			vdpa_kick(&self->v, 0);
			break;
		case 1:
			ASSERT_EQ(0, vdpa_set_status(self->fd, ok));
			vdpa_kick(&self->v, 0);
			EXPECT_EQ(0, done_in(&self->v, VDPA_QUIET_MS));
			ASSERT_EQ(0, vdpa_set_vring_enable(self->fd, 0, 1));
			break;
		case 2:
			vdpa_kick(&self->v, 0);
			ASSERT_EQ(0, vdpa_set_vring_enable(self->fd, 0, 1));
			EXPECT_EQ(0, done_in(&self->v, VDPA_QUIET_MS));
			ASSERT_EQ(0, vdpa_set_status(self->fd, ok));
			break;
		}
		EXPECT_EQ(1, done_in(&self->v, VDPA_QUIET_MS)) {
			TH_LOG("way %u", i);
		}
		/* Enabled is enabled. */
		EXPECT_EQ(0, vdpa_set_vring_enable(self->fd, 0, 1));
		EXPECT_EQ(0, vdpa_set_vring_enable(self->fd, 0, 1));
		EXPECT_EQ(1, vhost_get_vring_base(self->fd, 0));
		EXPECT_EQ(0, vblk_check(&self->v, 0, SECTOR, i));
		ASSERT_EQ(0, vdpa_set_status(self->fd, 0));
		ASSERT_EQ(0, vdpa_negotiate(&self->v, VDPA_F_BASE));
		ASSERT_EQ(0, vdpa_map(self->fd, 0, self->v.iova, self->v.ram_size, self->v.ram,
				      VHOST_ACCESS_RW));
		ASSERT_EQ(0, vdpa_rearm(&self->v, 0, 0));
	}
}

struct show {
	struct vdpa_dev *dev;
	volatile bool stop;
	unsigned int rounds;
};

static void *show(void *arg)
{
	struct show *s = arg;
	struct vnl nl;

	if (vnl_open(&nl))
		return NULL;
	while (!s->stop) {
		vnl_get(&nl, VDPA_CMD_DEV_CONFIG_GET, s->dev->name, NULL, NULL);
		vnl_get(&nl, VDPA_CMD_DEV_GET, s->dev->name, NULL, NULL);
		s->rounds++;
	}
	vnl_close(&nl);
	return NULL;
}

static void see_negotiated(const struct vnl_answer *a, void *arg)
{
	*(uint64_t *)arg = vnl_num(a, VDPA_ATTR_DEV_NEGOTIATED_FEATURES);
}

/* Who looks at the configuration, on either side, negotiates nothing. */
TEST_F(status, fault_132_looked_at)
{
	uint64_t end = now_ms() + stress_ms(1000) / 2, features;
	struct show s = { .dev = &self->dev };
	unsigned char config[8];
	unsigned int n = 0;
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, show, &s));
	while (now_ms() < end || s.rounds < MIN_ROUNDS || n < MIN_ROUNDS) {
		EXPECT_EQ(0, vdpa_set_status(self->fd, 0));
		EXPECT_EQ(0, vdpa_get_config(self->fd, 0, config, sizeof(config)));
		EXPECT_EQ(0, vdpa_negotiate(&self->v, VDPA_F_BASE));
		EXPECT_EQ(0, vdpa_get_config(self->fd, 0, config, sizeof(config)));
		features = 0;
		EXPECT_EQ(0, vnl_get(&self->dev.nl, VDPA_CMD_DEV_CONFIG_GET, self->dev.name,
				     see_negotiated, &features));
		EXPECT_EQ(VDPA_F_BASE, features);
		n++;
	}
	s.stop = true;
	pthread_join(thread, NULL);
	ASSERT_EQ(0, vdpa_restart(&self->v));
	EXPECT_EQ(0, vblk_check(&self->v, 0, SECTOR, 1));
}

TEST_HARNESS_MAIN
