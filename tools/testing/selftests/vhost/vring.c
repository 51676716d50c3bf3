// SPDX-License-Identifier: GPL-2.0-only
/* The calls that set up one virtqueue: what they refuse, and changes while it runs. */
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>

#include "test.h"

/* ---- a device with rings known, nothing running ---- */

FIXTURE(vring) {
	struct vmm v;
};

FIXTURE_SETUP(vring)
{
	ASSERT_EQ(0, vmm_up(&self->v, &(struct vmm_config){ .features = F_VERSION_1 }));
}

FIXTURE_TEARDOWN(vring)
{
	vmm_close(&self->v);
}

TEST_F(vring, num_refused)
{
	static const unsigned int bad[] = { 0, 3, 255, 257, 32767, 65535, 65536, 1u << 31,
					    UINT32_MAX };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		EXPECT_EQ(-EINVAL, vhost_set_vring_num(self->v.fd, 0, bad[i]))
			TH_LOG("num %u", bad[i]);
	}
}

TEST_F(vring, num_accepted)
{
	unsigned int num;

	for (num = 1; num <= 32768; num *= 2) {
		EXPECT_EQ(0, vhost_set_vring_num(self->v.fd, 0, num)) TH_LOG("num %u", num);
	}
}

TEST_F(vring, index_out_of_range)
{
	static const unsigned int bad[] = { 2, 3, 1u << 31, UINT32_MAX };
	struct vhost_vring_addr a = self->v.vq[0].addr;
	int fd = self->v.fd, ev = self->v.vq[0].kick;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		a.index = bad[i];
		EXPECT_EQ(-ENOBUFS, vhost_set_vring_num(fd, bad[i], 16));
		EXPECT_EQ(-ENOBUFS, vhost_set_vring_base(fd, bad[i], 0));
		EXPECT_EQ(-ENOBUFS, vhost_get_vring_base(fd, bad[i]));
		EXPECT_EQ(-ENOBUFS, vhost_set_vring_addr(fd, &a));
		EXPECT_EQ(-ENOBUFS, vhost_set_vring_kick(fd, bad[i], ev));
		EXPECT_EQ(-ENOBUFS, vhost_set_vring_call(fd, bad[i], ev));
		EXPECT_EQ(-ENOBUFS, vhost_set_vring_err(fd, bad[i], ev));
		EXPECT_EQ(-ENOBUFS, vhost_set_busyloop_timeout(fd, bad[i], 1));
		EXPECT_EQ(-ENOBUFS, vhost_get_busyloop_timeout(fd, bad[i]));
		EXPECT_EQ(-ENOBUFS, vhost_set_vring_endian(fd, bad[i], 2));
		EXPECT_EQ(-ENOBUFS, vhost_get_vring_endian(fd, bad[i]));
		EXPECT_EQ(-ENOBUFS, vhost_net_set_backend(fd, bad[i], -1));
	}
}

TEST_F(vring, unreadable_argument)
{
	static const unsigned long calls[] = {
		VHOST_SET_VRING_NUM, VHOST_SET_VRING_ADDR, VHOST_SET_VRING_BASE,
		VHOST_GET_VRING_BASE, VHOST_SET_VRING_KICK, VHOST_SET_VRING_CALL,
		VHOST_SET_VRING_ERR, VHOST_SET_VRING_BUSYLOOP_TIMEOUT,
		VHOST_GET_VRING_BUSYLOOP_TIMEOUT, VHOST_NET_SET_BACKEND,
		VHOST_SET_VRING_ENDIAN, VHOST_GET_VRING_ENDIAN,
		VHOST_SET_FEATURES, VHOST_GET_FEATURES, VHOST_SET_BACKEND_FEATURES,
		VHOST_GET_BACKEND_FEATURES,
	};
	uint64_t features = F_VERSION_1;
	char *two;
	unsigned int i;

	two = mmap(NULL, 2 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, two);
	ASSERT_EQ(0, mprotect(two + 4096, 4096, PROT_NONE));
	for (i = 0; i < ARRAY_LEN(calls); i++) {
		EXPECT_EQ(-EFAULT, vhost_ioctl(self->v.fd, calls[i], NULL))
			TH_LOG("call %#lx", calls[i]);
		/* The first four bytes (the index) are there, the rest is not. */
		EXPECT_EQ(-EFAULT, vhost_ioctl(self->v.fd, calls[i], two + 4092))
			TH_LOG("call %#lx", calls[i]);
	}
	EXPECT_EQ(0, vhost_set_features(self->v.fd, features));
	munmap(two, 2 * 4096);
}

TEST_F(vring, base_round_trip)
{
	static const unsigned int good[] = { 0, 1, 255, 256, 0x7fff, 0x8000, 0xffff };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(good); i++) {
		EXPECT_EQ(0, vhost_set_vring_base(self->v.fd, VQ_TX, good[i]));
		EXPECT_EQ(0, vhost_set_vring_base(self->v.fd, VQ_RX, 5));
		EXPECT_EQ((int)good[i], vhost_get_vring_base(self->v.fd, VQ_TX));
	}
}

TEST_F(vring, fault_116_split_base_beyond_16_bits)
{
	ASSERT_EQ(0, vhost_set_vring_base(self->v.fd, VQ_TX, 7));
	EXPECT_EQ(-EINVAL, vhost_set_vring_base(self->v.fd, VQ_TX, 0x10000));
	EXPECT_EQ(-EINVAL, vhost_set_vring_base(self->v.fd, VQ_TX, 0x80008000));
	EXPECT_EQ(-EINVAL, vhost_set_vring_base(self->v.fd, VQ_TX, UINT32_MAX));
	EXPECT_EQ(7, vhost_get_vring_base(self->v.fd, VQ_TX));
}

/* ---- the same for packed rings ---- */

FIXTURE(vring_packed) {
	struct vmm v;
};

FIXTURE_SETUP(vring_packed)
{
	ASSERT_EQ(0, vmm_up(&self->v, &(struct vmm_config){
		.features = F_VERSION_1 | F_PACKED, .num = 100 }));
}

FIXTURE_TEARDOWN(vring_packed)
{
	vmm_close(&self->v);
}

/* A packed ring may have any size; a split one, should it become one, may not. */
TEST_F(vring_packed, num)
{
	static const unsigned int good[] = { 1, 3, 255, 257, 32767, 32768 };
	static const unsigned int bad[] = { 0, 32769, 65535, 65536, 1u << 31, UINT32_MAX };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(good); i++) {
		EXPECT_EQ(0, vhost_set_vring_num(self->v.fd, 0, good[i])) TH_LOG("%u", good[i]);
	}
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		EXPECT_EQ(-EINVAL, vhost_set_vring_num(self->v.fd, 0, bad[i]))
			TH_LOG("%u", bad[i]);
	}
}

/* Both indices and both wrap counters; of the other queue nothing changes. */
TEST_F(vring_packed, fault_116_packed_base)
{
	static const uint32_t good[] = { 0x80008000, 0, 0x00008000, 0x80000000, 0x12349abc,
					 0x7fffffff, UINT32_MAX };
	unsigned int i;

	ASSERT_EQ(0x80008000, vhost_get_vring_base(self->v.fd, VQ_RX));
	for (i = 0; i < ARRAY_LEN(good); i++) {
		EXPECT_EQ(0, vhost_set_vring_base(self->v.fd, VQ_TX, good[i]));
		EXPECT_EQ(good[i], vhost_get_vring_base(self->v.fd, VQ_TX));
		EXPECT_EQ(0x80008000, vhost_get_vring_base(self->v.fd, VQ_RX));
	}
}

/* What such a value says of a ring is looked at when its size is known. */
TEST_F(vring_packed, fault_116_base_beyond_the_ring)
{
	static const uint32_t bad[] = { 0x80008064, 0x80648000, 0x7fff8000, UINT32_MAX };
	struct vmm *v = &self->v;
	unsigned int i;

	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, net_backend_open(&v->net, NET_TAP, v->hdr_len));
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		ASSERT_EQ(0, vhost_set_vring_base(v->fd, VQ_TX, bad[i]));
		EXPECT_EQ(-EINVAL, vmm_start(v, VQ_TX)) TH_LOG("%#x", bad[i]);
	}
	ASSERT_EQ(0, vhost_set_vring_base(v->fd, VQ_TX, 0x80008000));
	ASSERT_EQ(0, vmm_start(v, VQ_TX));
	EXPECT_EQ(-EBUSY, vhost_set_vring_base(v->fd, VQ_TX, 0x80008000));
	ASSERT_EQ(0, vmm_start(v, VQ_RX));
	EXPECT_EQ(0, vmm_traffic_check(v));
}

/* Where a queue stands follows it around the ring, and it goes on from there. */
TEST_F(vring_packed, base_goes_round)
{
	struct vmm *v = &self->v;
	struct drv_ring *r = &v->vq[VQ_TX].ring;
	unsigned int i;
	int64_t base;

	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, net_backend_open(&v->net, NET_TAP, v->hdr_len));
	ASSERT_EQ(0, vmm_rearm(v, VQ_TX, 95));
	ASSERT_EQ(0, vmm_start(v, VQ_TX));
	for (i = 0; i < 210; i++) {
		ASSERT_EQ(0, vmm_tx_check(v, 60, i)) TH_LOG("%u", i);
		/* Running or stopped. */
		ASSERT_EQ(drv_ring_base(r), vhost_get_vring_base(v->fd, VQ_TX));
		if (i % 7)
			continue;
		base = vmm_stop(v, VQ_TX);
		ASSERT_EQ(drv_ring_base(r), base);
		ASSERT_EQ(0, vhost_set_vring_base(v->fd, VQ_TX, base));
		ASSERT_EQ(0, vmm_start(v, VQ_TX));
	}
}

/* Event areas are aligned to 4 bytes, both; a ring that became one of the other kind. */
TEST_F(vring_packed, alignment)
{
	struct vmm *v = &self->v;
	struct vhost_vring_addr a;
	unsigned int by;

	for (by = 1; by < 16; by++) {
		a = v->vq[VQ_TX].addr;
		a.desc_user_addr += by;
		EXPECT_EQ(-EINVAL, vhost_set_vring_addr(v->fd, &a));
		a = v->vq[VQ_TX].addr;
		a.avail_user_addr += by;
		EXPECT_EQ(by % 4 ? -EINVAL : 0, vhost_set_vring_addr(v->fd, &a));
		a = v->vq[VQ_TX].addr;
		a.used_user_addr += by;
		EXPECT_EQ(by % 4 ? -EINVAL : 0, vhost_set_vring_addr(v->fd, &a));
	}
	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, net_backend_open(&v->net, NET_TAP, v->hdr_len));
	ASSERT_EQ(0, vhost_set_features(v->fd, F_VERSION_1));
	a = v->vq[VQ_TX].addr;
	a.avail_user_addr += 2;
	ASSERT_EQ(0, vhost_set_vring_addr(v->fd, &a));
	ASSERT_EQ(0, vhost_set_features(v->fd, v->features));
	EXPECT_EQ(-EFAULT, vmm_start(v, VQ_TX));
	ASSERT_EQ(0, vhost_set_vring_addr(v->fd, &v->vq[VQ_TX].addr));
	EXPECT_EQ(0, vmm_start(v, VQ_TX));
	/* As a split ring it would have to have another size. */
	EXPECT_EQ(-EINVAL, vhost_set_features(v->fd, F_VERSION_1));
	EXPECT_EQ(0, vmm_tx_check(v, 60, 1));
}

TEST_F(vring, addr_flags)
{
	struct vhost_vring_addr a = self->v.vq[VQ_TX].addr;
	unsigned int bit;

	for (bit = 1; bit < 32; bit++) {
		a.flags = 1u << bit;
		EXPECT_EQ(-EOPNOTSUPP, vhost_set_vring_addr(self->v.fd, &a))
			TH_LOG("flag %u", bit);
	}
	a.flags = UINT32_MAX;
	EXPECT_EQ(-EOPNOTSUPP, vhost_set_vring_addr(self->v.fd, &a));
	a.flags = 1u << VHOST_VRING_F_LOG;
	EXPECT_EQ(0, vhost_set_vring_addr(self->v.fd, &a));
	a.flags = 0;
	EXPECT_EQ(0, vhost_set_vring_addr(self->v.fd, &a));
}

/* Rows of (which address, offset); each must be refused whether running or not. */
static int misaligned(struct vmm *v)
{
	struct vhost_vring_addr a;
	unsigned int bad = 0;
	int by;

	for (by = 1; by < 16; by++) {
		a = v->vq[VQ_TX].addr;
		a.desc_user_addr += by;
		bad += vhost_set_vring_addr(v->fd, &a) != -EINVAL;
		if (by % 2) {
			a = v->vq[VQ_TX].addr;
			a.avail_user_addr += by;
			bad += vhost_set_vring_addr(v->fd, &a) != -EINVAL;
		}
		if (by % 4) {
			a = v->vq[VQ_TX].addr;
			a.used_user_addr += by;
			bad += vhost_set_vring_addr(v->fd, &a) != -EINVAL;
			a = v->vq[VQ_TX].addr;
			a.log_guest_addr += by;
			bad += vhost_set_vring_addr(v->fd, &a) != -EINVAL;
		}
	}
	return bad;
}

TEST_F(vring, addr_misaligned)
{
	EXPECT_EQ(0, misaligned(&self->v));
}

TEST_F(vring, busyloop_round_trip)
{
	EXPECT_EQ(0, vhost_get_busyloop_timeout(self->v.fd, VQ_TX));
	EXPECT_EQ(0, vhost_set_busyloop_timeout(self->v.fd, VQ_TX, 50));
	EXPECT_EQ(0, vhost_set_busyloop_timeout(self->v.fd, VQ_RX, 70));
	EXPECT_EQ(50, vhost_get_busyloop_timeout(self->v.fd, VQ_TX));
	EXPECT_EQ(70, vhost_get_busyloop_timeout(self->v.fd, VQ_RX));
	EXPECT_EQ(0, vhost_set_busyloop_timeout(self->v.fd, VQ_TX, 0));
	EXPECT_EQ(0, vhost_get_busyloop_timeout(self->v.fd, VQ_TX));
}

/* Event calls on something that is no eventfd, and the errno of each. */
TEST_F(vring, fault_014_not_an_eventfd)
{
	int (*const set[])(int, unsigned int, int) = {
		vhost_set_vring_kick, vhost_set_vring_call, vhost_set_vring_err,
	};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), fd = self->v.fd;
	int closed = fcntl(null, F_DUPFD_CLOEXEC, 700);
	unsigned int i;

	close(closed);
	for (i = 0; i < ARRAY_LEN(set); i++) {
		EXPECT_EQ(-EINVAL, set[i](fd, 0, null));
		EXPECT_EQ(-EINVAL, set[i](fd, 0, fd));
		EXPECT_EQ(-EBADF, set[i](fd, 0, closed));
		EXPECT_EQ(-EBADF, set[i](fd, 0, -2));
		EXPECT_EQ(0, set[i](fd, 0, -1));
		EXPECT_EQ(0, set[i](fd, 0, -1));
	}
	close(null);
}

/* The kernel numbers live eventfds from the lowest free number up. */
static long eventfd_id(int fd)
{
	char path[64], line[128];
	long id = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		sscanf(line, "eventfd-id: %ld", &id);
	fclose(f);
	return id;
}

/* Give the device (set) many eventfds in turn; returns how many it holds on to. */
static long leaked_by(struct vmm *v, int (*set)(int, unsigned int, int))
{
	int fd = event_new(), i;
	long before = eventfd_id(fd);

	close(fd);
	for (i = 0; i < 2000; i++) {
		fd = event_new();
		if (set(v->fd, VQ_TX, fd) || set(v->fd, VQ_TX, fd))
			return -1;
		close(fd);
	}
	if (set(v->fd, VQ_TX, -1))
		return -1;
	fd = event_new();
	i = eventfd_id(fd);
	close(fd);
	return i - before;
}

TEST_F(vring, fault_014_eventfds_released)
{
	struct vmm *v = &self->v;

	/* -1 frees the number of the one that was set up at first. */
	EXPECT_GE(0, leaked_by(v, vhost_set_vring_kick));
	EXPECT_GE(0, leaked_by(v, vhost_set_vring_call));
	EXPECT_GE(0, leaked_by(v, vhost_set_vring_err));
	EXPECT_LE(0, eventfd_id(v->vq[VQ_TX].kick));
}

/* ---- a running device ---- */

FIXTURE(live) {
	struct vmm v;
};

FIXTURE_SETUP(live)
{
	vmm_init(&self->v);
	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, vmm_net_up(&self->v, &(struct vmm_config){
		.features = F_VERSION_1 | F_EVENT_IDX }));
}

FIXTURE_TEARDOWN(live)
{
	vmm_close(&self->v);
}

TEST_F(live, num_and_base_busy)
{
	struct vmm *v = &self->v;

	ASSERT_EQ(0, vmm_traffic_check(v));
	EXPECT_EQ(-EBUSY, vhost_set_vring_num(v->fd, VQ_TX, 128));
	EXPECT_EQ(-EBUSY, vhost_set_vring_num(v->fd, VQ_TX, 3));
	EXPECT_EQ(-EBUSY, vhost_set_vring_base(v->fd, VQ_TX, 0));
	EXPECT_EQ(0, vmm_traffic_check(v));
}

TEST_F(live, base_readable_under_traffic)
{
	struct vmm *v = &self->v;
	unsigned int i;

	for (i = 0; i < 200; i++) {
		ASSERT_EQ(0, vmm_tx_check(v, 60 + i, i));
		ASSERT_EQ((int)i + 1, vhost_get_vring_base(v->fd, VQ_TX));
	}
	EXPECT_EQ(0, vmm_traffic_check(v));
}

TEST_F(live, bad_addr_changes_nothing)
{
	struct vmm *v = &self->v;
	const struct vhost_vring_addr good = v->vq[VQ_TX].addr;
	struct vhost_vring_addr a;

	EXPECT_EQ(0, misaligned(v));
	a = good;
	a.flags = 2;
	EXPECT_EQ(-EOPNOTSUPP, vhost_set_vring_addr(v->fd, &a));
	a = good;
	a.desc_user_addr = KERNEL_ADDR;
	EXPECT_EQ(-EINVAL, vhost_set_vring_addr(v->fd, &a));
	a = good;
	a.avail_user_addr = KERNEL_ADDR;
	EXPECT_EQ(-EINVAL, vhost_set_vring_addr(v->fd, &a));
	a = good;
	a.used_user_addr = KERNEL_ADDR;
	EXPECT_EQ(-EINVAL, vhost_set_vring_addr(v->fd, &a));
	/* Its last bytes are beyond the end of the address space. */
	a = good;
	a.desc_user_addr = -UINT64_C(64);
	EXPECT_EQ(-EINVAL, vhost_set_vring_addr(v->fd, &a));
	EXPECT_EQ(0, vmm_traffic_check(v));
}

/* Start with one area at a place no ring can be; the others are fine. */
static int start_with(struct vmm *v, uint64_t desc, uint64_t avail, uint64_t used)
{
	struct vhost_vring_addr a = v->vq[VQ_TX].addr;
	int ret;

	a.desc_user_addr = desc ? desc : a.desc_user_addr;
	a.avail_user_addr = avail ? avail : a.avail_user_addr;
	a.used_user_addr = used ? used : a.used_user_addr;
	ret = vhost_set_vring_addr(v->fd, &a);
	return ret ? ret : vmm_start(v, VQ_TX);
}

TEST_F(live, start_with_foreign_rings)
{
	struct vmm *v = &self->v;

	ASSERT_EQ(0, vmm_stop(v, VQ_TX));
	EXPECT_EQ(-EFAULT, start_with(v, KERNEL_ADDR, 0, 0));
	EXPECT_EQ(-EFAULT, start_with(v, 0, KERNEL_ADDR, 0));
	EXPECT_EQ(-EFAULT, start_with(v, 0, 0, KERNEL_ADDR));
	EXPECT_EQ(-EFAULT, start_with(v, -UINT64_C(64), 0, 0));
	EXPECT_EQ(-EFAULT, start_with(v, 0, -UINT64_C(64), 0));
	EXPECT_EQ(-EFAULT, start_with(v, 0, 0, -UINT64_C(64)));
	/* In user space, but nobody is home. */
	EXPECT_EQ(-EFAULT, start_with(v, 0, 0, UNMAPPED_ADDR));
	EXPECT_EQ(0, start_with(v, 0, 0, 0));
	EXPECT_EQ(0, vmm_traffic_check(v));
}

TEST_F(live, kick_before_backend_not_lost)
{
	struct vmm *v = &self->v;
	char frame[200];

	ASSERT_EQ(0, vmm_stop(v, VQ_TX));
	ASSERT_EQ(0, vmm_tx_send(v, v->scratch, sizeof(frame), 1));
	vmm_force_kick(v, VQ_TX);
	EXPECT_EQ(-ETIMEDOUT, net_peer_recv(&v->net, frame, sizeof(frame), VMM_QUIET_MS));
	ASSERT_EQ(0, vmm_start(v, VQ_TX));
	EXPECT_EQ((int)sizeof(frame),
		  net_peer_recv(&v->net, frame, sizeof(frame), VMM_TIMEOUT_MS));
}

TEST_F(live, signalled_kick_fd_is_a_kick)
{
	struct vmm *v = &self->v;
	int other = event_new();
	char frame[200];

	/* Let the worker come to rest: it looks at the ring when a queue starts. */
	ASSERT_EQ(0, vmm_traffic_check(v));
	ASSERT_EQ(0, vhost_set_vring_kick(v->fd, VQ_TX, other));
	nap_us(VMM_QUIET_MS * 1000);
	/* This kicks the eventfd that is no longer the device's. */
	ASSERT_EQ(0, vmm_tx_send(v, v->scratch, sizeof(frame), 1));
	EXPECT_EQ(-ETIMEDOUT, net_peer_recv(&v->net, frame, sizeof(frame), VMM_QUIET_MS));
	ASSERT_EQ(0, vhost_set_vring_kick(v->fd, VQ_TX, v->vq[VQ_TX].kick));
	EXPECT_EQ((int)sizeof(frame),
		  net_peer_recv(&v->net, frame, sizeof(frame), VMM_TIMEOUT_MS));
	close(other);
}

TEST_F(live, fault_014_bad_event_keeps_the_old)
{
	struct vmm *v = &self->v;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct drv_done done;

	EXPECT_EQ(-EINVAL, vhost_set_vring_kick(v->fd, VQ_TX, null));
	EXPECT_EQ(-EBADF, vhost_set_vring_kick(v->fd, VQ_TX, -5));
	EXPECT_EQ(-EINVAL, vhost_set_vring_call(v->fd, VQ_TX, null));
	EXPECT_EQ(-EINVAL, vhost_set_vring_err(v->fd, VQ_TX, null));
	/* kick */
	drv_ring_arm(&v->vq[VQ_TX].ring);
	ASSERT_EQ(0, vmm_tx_send(v, v->scratch, 100, 1));
	ASSERT_EQ(1, drv_ring_wait(&v->vq[VQ_TX].ring, &done, VMM_TIMEOUT_MS));
	/* call */
	EXPECT_NE(0, event_wait(v->vq[VQ_TX].call, VMM_TIMEOUT_MS));
	/* err */
	drv_ring_add1(&v->vq[VQ_TX].ring, UINT64_C(1) << 50, 100, false, NULL);
	vmm_force_kick(v, VQ_TX);
	EXPECT_TRUE(vmm_ring_error(v, VQ_TX, VMM_TIMEOUT_MS));
	close(null);
}

/* ---- swaps under traffic ---- */

struct swapper {
	struct vmm *v;
	int (*set)(int fd, unsigned int index, int event_fd);
	int fds[4];		/* taken in turn */
	volatile bool stop;
	unsigned int rounds;
	int ret;
};

static void *swap_forever(void *arg)
{
	struct swapper *s = arg;

	while (!s->stop && !s->ret) {
		s->ret = s->set(s->v->fd, VQ_TX, s->fds[s->rounds % ARRAY_LEN(s->fds)]);
		s->rounds++;
		nap_us(100);
	}
	return NULL;
}

/* Frames one by one while *s swaps; kicks go to both eventfds. 0 or -errno. */
static int send_while_swapping(struct vmm *v, struct swapper *s, int also_kick)
{
	struct drv_ring *r = &v->vq[VQ_TX].ring;
	uint64_t end = now_ms() + stress_ms(1000);
	struct drv_done done;
	pthread_t t;
	int ret;

	s->v = v;
	if (pthread_create(&t, NULL, swap_forever, s))
		return -EAGAIN;
	do {
		drv_ring_arm(r);
		ret = vmm_tx_send(v, v->scratch, 100, 1);
		event_signal(v->vq[VQ_TX].kick);
		if (also_kick >= 0)
			event_signal(also_kick);
		if (ret < 0)
			break;
		ret = drv_ring_wait(r, &done, VMM_TIMEOUT_MS);
	} while (ret == 1 && (now_ms() < end || s->rounds < MIN_ROUNDS));
	s->stop = true;
	pthread_join(t, NULL);
	printf("# %u swaps, %d\n", s->rounds, ret);
	if (ret != 1)
		return ret ? ret : -EIO;
	return s->ret;
}

TEST_F_TIMEOUT(live, fault_014_kick_swap_under_traffic, STRESS_TIMEOUT)
{
	struct vmm *v = &self->v;
	int kick = v->vq[VQ_TX].kick, other = event_new();
	struct swapper s = {
		.set = vhost_set_vring_kick,
		/* the same twice, another one, none */
		.fds = { kick, kick, other, -1 },
	};

	EXPECT_EQ(0, send_while_swapping(v, &s, other));
	ASSERT_EQ(0, vhost_set_vring_kick(v->fd, VQ_TX, kick));
	EXPECT_EQ(0, vmm_traffic_check(v));
	EXPECT_FALSE(vmm_ring_error(v, VQ_TX, 0));
	close(other);
}

TEST_F_TIMEOUT(live, fault_014_err_swap_under_traffic, STRESS_TIMEOUT)
{
	struct vmm *v = &self->v;
	int err = v->vq[VQ_TX].err, other = event_new();
	struct swapper s = { .set = vhost_set_vring_err, .fds = { err, err, other, -1 } };

	EXPECT_EQ(0, send_while_swapping(v, &s, -1));
	EXPECT_EQ(0, event_take(err) + event_take(other));
	close(other);
}

/*
 * What QEMU does when a guest masks and unmasks its interrupt: every used entry
 * that was asked for must have reached one of the two eventfds.
 */
TEST_F_TIMEOUT(live, fault_014_no_call_lost_in_swap, STRESS_TIMEOUT)
{
	struct vmm *v = &self->v;
	struct drv_ring *r = &v->vq[VQ_TX].ring;
	int call = v->vq[VQ_TX].call, masked = event_new();
	struct swapper s = {
		.v = v,
		.set = vhost_set_vring_call,
		.fds = { call, masked, call, masked },
	};
	uint64_t end = now_ms() + stress_ms(1000);
	unsigned int i = 0, lost = 0;
	struct drv_done done;
	uint64_t limit;
	pthread_t t;

	ASSERT_EQ(0, pthread_create(&t, NULL, swap_forever, &s));
	while (now_ms() < end || s.rounds < MIN_ROUNDS) {
		drv_ring_arm(r);
		event_take(call);
		event_take(masked);
		ASSERT_EQ(0, vmm_tx_send(v, v->scratch, 100, i++));
		ASSERT_EQ(1, drv_ring_wait(r, &done, VMM_TIMEOUT_MS));
		limit = now_ms() + VMM_TIMEOUT_MS;
		while (!event_take(call) && !event_take(masked)) {
			if (now_ms() > limit) {
				lost++;
				break;
			}
			nap_us(50);
		}
	}
	s.stop = true;
	pthread_join(t, NULL);
	EXPECT_EQ(0, s.ret);
	EXPECT_EQ(0, lost);
	close(masked);
}

TEST_F(live, fault_076_busyloop_with_traffic)
{
	static const unsigned int us[] = { 1, 50, 1000, 20000 };
	struct vmm *v = &self->v;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(us); i++) {
		ASSERT_EQ(0, vhost_set_busyloop_timeout(v->fd, VQ_TX, us[i]));
		ASSERT_EQ(0, vhost_set_busyloop_timeout(v->fd, VQ_RX, us[i]));
		EXPECT_EQ(0, vmm_traffic_check(v)) TH_LOG("%u us", us[i]);
	}
}

/* All 16 bits of the ring position, across the wrap. */
TEST_F(live, position_wraps)
{
	struct vmm *v = &self->v;
	unsigned int i;

	ASSERT_EQ(0, vmm_stop(v, VQ_TX));
	ASSERT_EQ(0, vmm_rearm(v, VQ_TX, 65530));
	ASSERT_EQ(0, vmm_start(v, VQ_TX));
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, vmm_tx_check(v, 100, i)) TH_LOG("frame %u", i);
	}
	EXPECT_EQ(14, vmm_stop(v, VQ_TX));
}

TEST_HARNESS_MAIN
