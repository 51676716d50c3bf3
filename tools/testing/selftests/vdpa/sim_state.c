// SPDX-License-Identifier: GPL-2.0-only
/*
 * What state a simulator is in: suspended and resumed, enabled, reset, without memory.
 * Positions are exact: what was taken was given back, and nothing is touched after.
 */
#include <pthread.h>
#include <sys/mman.h>

#include "libsim.h"
#include "test.h"

#define PAGE	4096u

FIXTURE(state) {
	struct vdpa_dev dev;
	struct vdpa v;
};

FIXTURE_SETUP(state)
{
	int ret = vdpa_dev_make(&self->dev, "vdpasim_net", "s0", &(struct vdpa_attrs){ .mac = sim_mac });

	vdpa_init(&self->v);
	if (ret == -ENOENT)
		SKIP(return, "no simulator of network cards");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, vdpa_up(&self->v, self->dev.path, &(struct vdpa_config){
		.features = SIM_F_NET, .num = 64, .ram_size = 4 << 20,
		.backend_features = VDPA_BF_QEMU | VDPA_BF_RESUME | VDPA_BF_LATE_ENABLE }));
}

FIXTURE_TEARDOWN(state)
{
	vdpa_close(&self->v);
	vdpa_dev_del(&self->dev);
}

/* Publish n frames of len bytes, and receive buffers for them; no kick. */
static int frames_ready(struct vdpa *v, unsigned int n, size_t len)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		char *tx = vdpa_alloc(v, SIM_BUF, 64), *rx = vdpa_alloc(v, SIM_BUF, 64);

		if (!tx || !rx)
			return -ENOMEM;
		sim_frame(tx, sim_mac, len, i);
		if (drv_ring_add1(&v->vq[NET_RX].ring, vdpa_iova(v, rx), SIM_BUF, true, rx) < 0 ||
		    drv_ring_add1(&v->vq[NET_TX].ring, vdpa_iova(v, tx), SIM_HDR + len, false,
				  tx) < 0)
			return -ENOSPC;
	}
	drv_ring_publish(&v->vq[NET_RX].ring);
	drv_ring_publish(&v->vq[NET_TX].ring);
	return 0;
}

/* Fetch n frames, of a row that begins with the first. */
static int frames_come(struct vdpa *v, unsigned int n, size_t len)
{
	struct drv_done done;
	unsigned int i;
	int ret;

	for (i = 0; i < n; i++) {
		ret = drv_ring_wait(&v->vq[NET_RX].ring, &done, VDPA_TIMEOUT_MS);
		if (ret == 1)
			ret = sim_frame_check(done.cookie, sim_mac, len, i);
		if (ret)
			return ret;
		ret = drv_ring_wait(&v->vq[NET_TX].ring, &done, VDPA_TIMEOUT_MS);
		if (ret != 1)
			return ret;
	}
	return sim_received(v, 0) ? -EEXIST : 0;
}

/* Nothing comes, for as long as it takes that it would. */
static bool quiet(struct vdpa *v)
{
	nap_us(VDPA_QUIET_MS * 1000);
	return !sim_received(v, 0) && !drv_split.pending(&v->vq[NET_TX].ring);
}

TEST_F(state, kick_before_enable)
{
	struct vdpa *v = &self->v;
	unsigned int i;

	ASSERT_EQ(0, vdpa_set_status(v->fd, 0xf));
	ASSERT_EQ(0, frames_ready(v, 5, 100));
	event_signal(v->vq[NET_TX].kick);
	EXPECT_TRUE(quiet(v));
	EXPECT_EQ(0, vdpa_set_vring_enable(v->fd, NET_RX, 1));
	EXPECT_TRUE(quiet(v));
	/* Enabled is enough: nobody kicks again. */
	EXPECT_EQ(0, vdpa_set_vring_enable(v->fd, NET_TX, 1));
	EXPECT_EQ(0, frames_come(v, 5, 100));
	/* And before DRIVER_OK. */
	ASSERT_EQ(0, vdpa_set_status(v->fd, 0));
	ASSERT_EQ(0, vdpa_negotiate(v, v->features));
	ASSERT_EQ(0, vdpa_map(v->fd, 0, v->iova, v->ram_size, v->ram, VHOST_ACCESS_RW));
	for (i = 0; i < v->nvqs; i++) {
		ASSERT_EQ(0, vdpa_rearm(v, i, 0));
		EXPECT_EQ(0, vdpa_set_vring_enable(v->fd, i, 1));
	}
	ASSERT_EQ(0, frames_ready(v, 5, 200));
	event_signal(v->vq[NET_TX].kick);
	EXPECT_TRUE(quiet(v));
	ASSERT_EQ(0, vdpa_set_status(v->fd, 0xf));
	EXPECT_EQ(0, frames_come(v, 5, 200));
}

/* QEMU goes 0 -> FEATURES_OK -> DRIVER_OK. */
TEST_F(state, status_in_any_order)
{
	struct vdpa *v = &self->v;
	unsigned int i;

	ASSERT_EQ(0, vdpa_set_status(v->fd, 0));
	EXPECT_EQ(0, vhost_set_features(v->fd, v->features));
	EXPECT_EQ(0, vdpa_set_status(v->fd, 8));
	EXPECT_EQ(8, vdpa_get_status(v->fd));
	ASSERT_EQ(0, vdpa_map(v->fd, 0, v->iova, v->ram_size, v->ram, VHOST_ACCESS_RW));
	for (i = 0; i < v->nvqs; i++) {
		ASSERT_EQ(0, vdpa_rearm(v, i, 0));
	}
	EXPECT_EQ(0, vdpa_set_status(v->fd, 0xc));
	for (i = 0; i < v->nvqs; i++) {
		EXPECT_EQ(0, vdpa_set_vring_enable(v->fd, i, 1));
	}
	EXPECT_EQ(1, sim_echo(v, 0, sim_mac, 100, 1));
}

TEST_F(state, fault_130_suspend)
{
	struct vdpa *v = &self->v;

	/* Nothing to suspend yet, and it stays so. */
	EXPECT_EQ(0, vdpa_suspend(v->fd));
	ASSERT_EQ(0, vdpa_start(v));
	ASSERT_EQ(0, frames_ready(v, 3, 100));
	vdpa_kick(v, NET_TX);
	EXPECT_EQ(0, frames_come(v, 3, 100));

	EXPECT_EQ(0, vdpa_suspend(v->fd));
	EXPECT_EQ(3, vhost_get_vring_base(v->fd, NET_TX));
	EXPECT_EQ(3, vhost_get_vring_base(v->fd, NET_RX));
	ASSERT_EQ(0, frames_ready(v, 4, 300));
	vdpa_kick(v, NET_TX);
	EXPECT_TRUE(quiet(v));
	EXPECT_EQ(3, vhost_get_vring_base(v->fd, NET_TX));
	EXPECT_EQ(0, vdpa_suspend(v->fd));
	EXPECT_EQ(0, vdpa_resume(v->fd));
	EXPECT_EQ(0, frames_come(v, 4, 300));
	EXPECT_EQ(7, vhost_get_vring_base(v->fd, NET_TX));
	EXPECT_EQ(7, sim_counter(&self->dev, NET_RX, "rx packets"));

	/* A kick while suspended does not outlive a reset. */
	EXPECT_EQ(0, vdpa_suspend(v->fd));
	ASSERT_EQ(0, frames_ready(v, 1, 300));
	vdpa_kick(v, NET_TX);
	ASSERT_EQ(0, vdpa_set_status(v->fd, 0));
	EXPECT_TRUE(quiet(v));
	ASSERT_EQ(0, vdpa_restart(v));
	EXPECT_TRUE(quiet(v));
	EXPECT_EQ(1, sim_echo(v, 0, sim_mac, 100, 1));
}

struct flood {
	struct vdpa *v;
	bool stop;
	char *rx[32], *tx[32];
};

/* A driver that never stops. */
static void *flood(void *arg)
{
	struct flood *f = arg;
	struct drv_ring *rx = &f->v->vq[NET_RX].ring, *tx = &f->v->vq[NET_TX].ring;
	struct drv_done done;
	unsigned int i;

	for (i = 0; i < 32; i++) {
		sim_frame(f->tx[i], sim_mac, 1000, i);
		drv_ring_add1(tx, vdpa_iova(f->v, f->tx[i]), SIM_HDR + 1000, false, f->tx[i]);
		drv_ring_add1(rx, vdpa_iova(f->v, f->rx[i]), SIM_BUF, true, f->rx[i]);
	}
	while (!__atomic_load_n(&f->stop, __ATOMIC_ACQUIRE)) {
		vdpa_kick(f->v, NET_RX);
		vdpa_kick(f->v, NET_TX);
		while (drv_ring_get(tx, &done) == 1)
			drv_ring_add1(tx, vdpa_iova(f->v, done.cookie), SIM_HDR + 1000, false,
				      done.cookie);
		while (drv_ring_get(rx, &done) == 1)
			drv_ring_add1(rx, vdpa_iova(f->v, done.cookie), SIM_BUF, true, done.cookie);
		sched_yield();
	}
	return NULL;
}

/* Reset, and start both queues where they were, with what is in them. */
static int go_on(struct vdpa *v, const uint16_t *base)
{
	unsigned int i;
	int ret = vdpa_set_status(v->fd, 0);

	if (!ret)
		ret = vdpa_negotiate(v, v->features);
	if (!ret)
		ret = vdpa_unmap(v->fd, 0, 0, 0);
	if (!ret)
		ret = vdpa_map(v->fd, 0, v->iova, v->ram_size, v->ram, VHOST_ACCESS_RW);
	for (i = NET_RX; !ret && i <= NET_TX; i++) {
		ret = vhost_set_vring_num(v->fd, i, 64);
		if (!ret)
			ret = vhost_set_vring_base(v->fd, i, base[i]);
		if (!ret)
			ret = vhost_set_vring_addr(v->fd, &v->vq[i].addr);
		if (!ret)
			ret = vhost_set_vring_kick(v->fd, i, v->vq[i].kick);
	}
	return ret ? ret : vdpa_start(v);
}

static bool all_sent(struct vdpa *v)
{
	const struct drv_ring *tx = &v->vq[NET_TX].ring;
	uint64_t end = now_ms() + VDPA_TIMEOUT_MS;

	while (drv_split_used_idx(tx) != drv_split_avail(tx)->idx && now_ms() < end)
		sched_yield();
	return drv_split_used_idx(tx) == drv_split_avail(tx)->idx;
}

/* In the middle of traffic: used is what was popped, and memory stands still. */
TEST_F(state, suspend_under_traffic)
{
	struct vdpa *v = &self->v;
	struct flood f = { .v = v };
	unsigned int i;
	uint16_t used[2];
	char *copy = malloc(v->ram_size);
	pthread_t thread;

	for (i = 0; i < 32; i++) {
		f.rx[i] = vdpa_alloc(v, SIM_BUF, 64);
		f.tx[i] = vdpa_alloc(v, SIM_BUF, 64);
	}
	ASSERT_EQ(0, vdpa_start(v));
	for (i = 0; i < 30; i++) {
		__atomic_store_n(&f.stop, false, __ATOMIC_RELEASE);
		ASSERT_EQ(0, pthread_create(&thread, NULL, flood, &f));
		while (!drv_split_used_idx(&v->vq[NET_TX].ring))
			sched_yield();
		ASSERT_EQ(0, vdpa_suspend(v->fd));
		used[0] = drv_split_used_idx(&v->vq[NET_RX].ring);
		used[1] = drv_split_used_idx(&v->vq[NET_TX].ring);
		EXPECT_EQ(used[0], vhost_get_vring_base(v->fd, NET_RX));
		EXPECT_EQ(used[1], vhost_get_vring_base(v->fd, NET_TX));
		__atomic_store_n(&f.stop, true, __ATOMIC_RELEASE);
		pthread_join(thread, NULL);
		memcpy(copy, v->ram, v->ram_size);
		nap_us(1000);
		EXPECT_EQ(0, memcmp(copy, v->ram, v->ram_size));
		EXPECT_EQ(used[1], drv_split_used_idx(&v->vq[NET_TX].ring));
		/* It goes on: by itself, or as a migration's destination, from the positions. */
		if (i & 1) {
			ASSERT_EQ(0, vdpa_resume(v->fd));
		} else {
			ASSERT_EQ(0, go_on(v, used));
		}
		EXPECT_TRUE(all_sent(v));
		ASSERT_EQ(0, vdpa_restart(v));
	}
	EXPECT_EQ(0, sim_counter(&self->dev, NET_RX, "rx errors"));
	EXPECT_EQ(0, sim_counter(&self->dev, NET_TX, "tx errors"));
	free(copy);
}

TEST_F(state, fault_135_enabled_twice)
{
	struct vdpa *v = &self->v;
	unsigned int i, k;

	ASSERT_EQ(0, vdpa_start(v));
	for (k = 0; k < 3; k++) {
		ASSERT_EQ(0, frames_ready(v, 10, 100));
		vdpa_kick(v, NET_TX);
		ASSERT_EQ(0, frames_come(v, 10, 100));
		for (i = 0; i < v->nvqs; i++) {
			EXPECT_EQ(0, vdpa_set_vring_enable(v->fd, i, 1));
		}
		EXPECT_EQ(10 * (k + 1), vhost_get_vring_base(v->fd, NET_TX));
	}
	/* Off and on: it goes on where it was, with what came meanwhile. */
	EXPECT_EQ(0, vdpa_set_vring_enable(v->fd, NET_TX, 0));
	ASSERT_EQ(0, frames_ready(v, 10, 100));
	vdpa_kick(v, NET_TX);
	EXPECT_TRUE(quiet(v));
	EXPECT_EQ(0, vdpa_set_vring_enable(v->fd, NET_TX, 1));
	EXPECT_EQ(0, frames_come(v, 10, 100));
	EXPECT_EQ(40, drv_split_used_idx(&v->vq[NET_TX].ring));
}

/* Nothing is written by a device that was reset, whatever was under way. */
TEST_F(state, fault_135_reset_under_traffic)
{
	struct vdpa *v = &self->v;
	struct flood f = { .v = v };
	char *copy = malloc(v->ram_size);
	pthread_t thread;
	unsigned int i;

	for (i = 0; i < 32; i++) {
		f.rx[i] = vdpa_alloc(v, SIM_BUF, 64);
		f.tx[i] = vdpa_alloc(v, SIM_BUF, 64);
	}
	ASSERT_EQ(0, vdpa_start(v));
	for (i = 0; i < 20; i++) {
		__atomic_store_n(&f.stop, false, __ATOMIC_RELEASE);
		ASSERT_EQ(0, pthread_create(&thread, NULL, flood, &f));
		while (!drv_split_used_idx(&v->vq[NET_TX].ring))
			sched_yield();
		ASSERT_EQ(0, vdpa_set_status(v->fd, 0));
		__atomic_store_n(&f.stop, true, __ATOMIC_RELEASE);
		pthread_join(thread, NULL);
		memcpy(copy, v->ram, v->ram_size);
		vdpa_kick(v, NET_TX);
		nap_us(2000);
		/* Our own kick published nothing new that counts. */
		EXPECT_EQ(drv_split_used_idx(&v->vq[NET_TX].ring),
			  ((struct vring_used *)(copy + ((char *)v->vq[NET_TX].ring.at.device -
							 v->ram)))->idx);
		ASSERT_EQ(0, vdpa_restart(v));
	}
	EXPECT_EQ(1, sim_echo(v, 0, sim_mac, 100, 1));
	free(copy);
}

TEST(fault_136_used_index_after_base)
{
	struct vdpa_dev dev;
	struct vdpa v;
	int ret = vdpa_dev_make(&dev, "vdpasim_net", "s1", &(struct vdpa_attrs){ .mac = sim_mac });

	if (ret == -ENOENT)
		SKIP(return, "no simulator of network cards");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, vdpa_up(&v, dev.path, &(struct vdpa_config){
		.features = SIM_F_NET, .num = 64, .count = 100 }));
	/* Whatever is there: the position says where the device goes on. */
	drv_split_used(&v.vq[NET_TX].ring)->idx = 0;
	ASSERT_LE(0, drv_ring_add1(&v.vq[NET_TX].ring, v.iova, 100, false, &v));
	drv_ring_publish(&v.vq[NET_TX].ring);
	ASSERT_EQ(0, vdpa_start(&v));
	EXPECT_TRUE(all_sent(&v));
	EXPECT_EQ(101, drv_split_used_idx(&v.vq[NET_TX].ring));
	EXPECT_EQ(101, vhost_get_vring_base(v.fd, NET_TX));
	vdpa_close(&v);
	vdpa_dev_del(&dev);
}

/* ---- memory ---- */

/* A device whose ring is not mapped does nothing, until it is reset. */
TEST_F(state, fault_053_nothing_mapped)
{
	struct vdpa *v = &self->v;
	char *copy = malloc(v->ram_size);
	int kmsg = kmsg_open();

	ASSERT_EQ(0, vdpa_unmap(v->fd, 0, 0, 0));
	ASSERT_EQ(0, frames_ready(v, 5, 100));
	memcpy(copy, v->ram, v->ram_size);
	ASSERT_EQ(0, vdpa_start(v));
	event_signal(v->vq[NET_RX].kick);
	event_signal(v->vq[NET_TX].kick);
	EXPECT_TRUE(quiet(v));
	EXPECT_EQ(0, memcmp(copy, v->ram, v->ram_size));
	EXPECT_EQ(0, vhost_get_vring_base(v->fd, NET_TX));
	EXPECT_LT(0, kmsg_count(kmsg, "virtqueue 1 stopped: ring not accessible"));
	/* To map it is too late. */
	ASSERT_EQ(0, vdpa_map(v->fd, 0, v->iova, v->ram_size, v->ram, VHOST_ACCESS_RW));
	event_signal(v->vq[NET_TX].kick);
	EXPECT_TRUE(quiet(v));
	EXPECT_EQ(0, memcmp(copy, v->ram, v->ram_size));
	ASSERT_EQ(0, vdpa_restart(v));
	EXPECT_EQ(1, sim_echo(v, 0, sim_mac, 100, 1));
	close(kmsg);
	free(copy);
}

/* A ring that the device may not write is none; a buffer that it may not is not written. */
TEST_F(state, permissions)
{
	struct vdpa *v = &self->v;
	uint64_t at = v->iova + v->ram_size;
	char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char *tx = vdpa_alloc(v, SIM_BUF, 64);
	struct drv_done done;

	ASSERT_EQ(0, vdpa_start(v));
	ASSERT_EQ(0, vdpa_map(v->fd, 0, at, PAGE, page, VHOST_ACCESS_RO));
	ASSERT_LE(0, drv_ring_add1(&v->vq[NET_RX].ring, at, PAGE, true, page));
	vdpa_kick(v, NET_RX);
	sim_frame(tx, sim_mac, 100, 1);
	EXPECT_EQ(0, sim_send(v, 0, tx, SIM_HDR + 100));
	ASSERT_EQ(1, drv_ring_get(&v->vq[NET_RX].ring, &done));
	EXPECT_EQ(0, done.len);
	EXPECT_EQ(0, page[SIM_HDR]);
	EXPECT_EQ(1, sim_counter(&self->dev, NET_RX, "rx errors"));
	ASSERT_EQ(0, vdpa_unmap(v->fd, 0, at, PAGE));
	ASSERT_EQ(0, vdpa_map(v->fd, 0, at, PAGE, page, VHOST_ACCESS_WO));
	ASSERT_LE(0, drv_ring_add1(&v->vq[NET_TX].ring, at, 100, false, page));
	EXPECT_EQ(0, vdpa_turn(v, NET_TX));
	EXPECT_EQ(1, sim_counter(&self->dev, NET_TX, "tx errors"));
	/* All of memory for reading alone: the rings are broken. */
	ASSERT_EQ(0, vdpa_unmap(v->fd, 0, v->iova, v->ram_size));
	ASSERT_EQ(0, vdpa_map(v->fd, 0, v->iova, v->ram_size, v->ram, VHOST_ACCESS_RO));
	ASSERT_EQ(0, frames_ready(v, 1, 100));
	vdpa_kick(v, NET_TX);
	EXPECT_TRUE(quiet(v));
	ASSERT_EQ(0, vdpa_restart(v));
	EXPECT_EQ(1, sim_echo(v, 0, sim_mac, 100, 1));
	munmap(page, PAGE);
}

struct flip {
	struct vdpa *v;
	uint64_t iova;
	char *page;
	bool stop;
	unsigned int rounds;
};

static void *flip(void *arg)
{
	struct flip *f = arg;

	while (!__atomic_load_n(&f->stop, __ATOMIC_ACQUIRE)) {
		if (vdpa_map(f->v->fd, 0, f->iova, PAGE, f->page, VHOST_ACCESS_RW) ||
		    vdpa_unmap(f->v->fd, 0, f->iova, PAGE))
			break;
		__atomic_fetch_add(&f->rounds, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Mappings change all the time while the queue runs: a frame comes back right or not. */
TEST_F_TIMEOUT(state, fault_054_mappings_change_under_traffic, STRESS_TIMEOUT)
{
	struct vdpa *v = &self->v;
	struct flip f = { .v = v, .iova = v->iova + v->ram_size };
	uint64_t end = now_ms() + stress_ms(500);
	struct drv_done done;
	unsigned int i, came = 0, lost = 0;
	char *rx;
	pthread_t thread;

	f.page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	sim_frame(f.page, sim_mac, 1000, 7);
	rx = vdpa_alloc(v, SIM_BUF, 64);
	ASSERT_EQ(0, vdpa_start(v));
	ASSERT_EQ(0, pthread_create(&thread, NULL, flip, &f));
	for (i = 0; now_ms() < end || __atomic_load_n(&f.rounds, __ATOMIC_RELAXED) < MIN_ROUNDS;
	     i++) {
		if (!drv_ring_in_flight(&v->vq[NET_RX].ring)) {
			ASSERT_EQ(0, sim_rx_add(v, 0, rx, SIM_BUF));
		}
		ASSERT_LE(0, drv_ring_add1(&v->vq[NET_TX].ring, f.iova, SIM_HDR + 1000, false,
					   f.page));
		ASSERT_EQ(0, vdpa_turn(v, NET_TX));
		if (!sim_received(v, 0)) {
			lost++;
			continue;
		}
		came++;
		ASSERT_EQ(1, drv_ring_get(&v->vq[NET_RX].ring, &done));
		ASSERT_EQ(SIM_HDR + 1000, done.len);
		ASSERT_EQ(0, sim_frame_check(rx, sim_mac, 1000, 7));
	}
	f.stop = true;
	pthread_join(thread, NULL);
	TH_LOG("%u frames came, %u had no mapping, %u changes", came, lost, f.rounds);
	EXPECT_EQ(lost, sim_counter(&self->dev, NET_TX, "tx errors"));
	munmap(f.page, PAGE);
}

/* Mappings are limited, and the limit is an error that leaves all as it was. */
TEST_F(state, fault_061_limit_of_mappings)
{
	struct vdpa *v = &self->v;
	long max = proc_param("vdpa_sim", "max_iotlb_entries");
	uint64_t far = UINT64_C(1) << 40;
	int ret = 0;
	long n;

	ASSERT_LT(2, max);
	ASSERT_EQ(0, vdpa_start(v));
	for (n = 0; !ret && n < 2 * max; n++)
		ret = vdpa_map(v->fd, 0, far + n * 2 * PAGE, PAGE, v->ram, VHOST_ACCESS_RW);
	EXPECT_EQ(-EFAULT, ret);
	/* Our memory is one, or as many as it has pieces. */
	EXPECT_GE(max - 1, n - 1);
	EXPECT_LE(sim_use_va() ? max - 1 : max - (long)(v->ram_size / PAGE), n - 1);
	EXPECT_EQ(1, sim_echo(v, 0, sim_mac, 100, 1));
	/* One in the middle makes room for one. */
	EXPECT_EQ(0, vdpa_unmap(v->fd, 0, far + 4 * PAGE, PAGE));
	EXPECT_EQ(0, vdpa_map(v->fd, 0, far - 2 * PAGE, PAGE, v->ram, VHOST_ACCESS_RW));
	EXPECT_EQ(-EFAULT, vdpa_map(v->fd, 0, far - 4 * PAGE, PAGE, v->ram, VHOST_ACCESS_RW));
	EXPECT_EQ(0, vdpa_unmap(v->fd, 0, far - 2 * PAGE, UINT64_MAX - far));
	EXPECT_EQ(0, vdpa_map(v->fd, 0, far - 4 * PAGE, PAGE, v->ram, VHOST_ACCESS_RW));
	EXPECT_EQ(1, sim_echo(v, 0, sim_mac, 100, 2));
}

TEST_HARNESS_MAIN
