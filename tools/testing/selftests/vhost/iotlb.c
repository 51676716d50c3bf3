// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages of the device IOTLB: what a miss looks like, who waits for it and how
 * long, and what the device says to messages that make no sense.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "libiommu.h"
#include "test.h"

#define PAGE		IOMMU_PAGE
#define FAR_IOVA	UINT64_C(0x700000000000)	/* no memory of the guest is there */

FIXTURE(iotlb) {
	struct iommu m;
	int fd;
	bool v2;
};

FIXTURE_VARIANT(iotlb) {
	bool v1;
};

FIXTURE_VARIANT_ADD(iotlb, v2) {
	.v1 = false,
};

FIXTURE_VARIANT_ADD(iotlb, v1) {
	.v1 = true,
};

FIXTURE_SETUP(iotlb)
{
	vmm_init(&self->m.v);
	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, iommu_up(&self->m, &(struct iommu_config){
			.features = F_VERSION_1, .v1 = variant->v1 }));
	self->fd = self->m.v.fd;
	self->v2 = !variant->v1;
}

FIXTURE_TEARDOWN(iotlb)
{
	iommu_close(&self->m);
}

static int message(FIXTURE_DATA(iotlb) *self, uint8_t type, uint64_t iova, uint64_t size,
		const void *uaddr, uint8_t perm)
{
	return iotlb_send(self->fd, self->v2, type, iova, size, (uintptr_t)uaddr, perm);
}

static int update(FIXTURE_DATA(iotlb) *self, uint64_t iova, uint64_t size, const void *uaddr)
{
	return message(self, VHOST_IOTLB_UPDATE, iova, size, uaddr, VHOST_ACCESS_RW);
}

static int invalidate(FIXTURE_DATA(iotlb) *self, uint64_t iova, uint64_t size)
{
	return message(self, VHOST_IOTLB_INVALIDATE, iova, size, NULL, 0);
}

/* Has the device something to say? */
static bool readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1 && (p.revents & POLLIN);
}

static bool within(uint64_t x, uint64_t start, uint64_t len)
{
	return x - start < len;
}

/* Which access a miss in a ring of the device is about; 0 for an address outside. */
static uint8_t ring_access(const struct vmm *v, unsigned int index, uint64_t iova)
{
	const struct vhost_vring_addr *a = &v->vq[index].addr;
	struct drv_sizes s;

	v->vq[index].ring.layout->sizes(v->vq[index].ring.num, &s);
	if (within(iova, a->desc_user_addr, s.desc) || within(iova, a->avail_user_addr, s.driver))
		return VHOST_ACCESS_RO;
	if (within(iova, a->used_user_addr, s.device))
		return VHOST_ACCESS_WO;
	return 0;
}

/* Kick, answer what is missed, until nothing is any more; how many answers it took. */
static int answer_all(struct iommu *m, unsigned int index)
{
	struct vhost_iotlb_msg miss;
	int ret, n = 0;

	while (!(ret = iotlb_recv(m->v.fd, m->v2, &miss, VMM_QUIET_MS))) {
		uint64_t page = miss.iova & ~(PAGE - 1);

		if (miss.type != VHOST_IOTLB_MISS || !iommu_hva(m, page))
			return -EPROTO;
		ret = iotlb_send(m->v.fd, m->v2, VHOST_IOTLB_UPDATE, page, PAGE,
				 (uintptr_t)iommu_hva(m, page), VHOST_ACCESS_RW);
		if (ret)
			return ret;
		n++;
	}
	event_signal(m->v.vq[index].kick);
	return ret == -ETIMEDOUT ? n : ret;
}

/* ---- misses ---- */

/* Every byte of it: what a VMM reads must not be what the kernel had there before. */
TEST_F(iotlb, fault_100_miss_is_what_it_should_be)
{
	struct vmm *v = &self->m.v;
	struct vhost_iotlb_msg miss;
	unsigned int i, seen = 0;
	int ret;

	EXPECT_FALSE(readable(self->fd));
	ASSERT_EQ(0, iommu_start(&self->m));
	event_signal(v->vq[VQ_TX].kick);
	event_signal(v->vq[VQ_RX].kick);
	for (i = 0; i < VMM_NVQS; i++) {
		uint8_t access;

		/* Form, length and padding are checked in there. */
		ret = iotlb_recv(self->fd, self->v2, &miss, VMM_TIMEOUT_MS);
		ASSERT_EQ(0, ret);
		EXPECT_EQ(VHOST_IOTLB_MISS, miss.type);
		EXPECT_EQ(0, miss.uaddr);
		EXPECT_EQ(0, miss.size);
		access = ring_access(v, VQ_RX, miss.iova);
		seen |= access ? 1 : 2;
		if (!access)
			access = ring_access(v, VQ_TX, miss.iova);
		EXPECT_NE(0, access) TH_LOG("iova %#llx", (long long)miss.iova);
		EXPECT_EQ(access, miss.perm & access);
		EXPECT_EQ(0, miss.perm & ~VHOST_ACCESS_RW);
	}
	EXPECT_EQ(3, seen);
	EXPECT_FALSE(readable(self->fd));
}

/* Asked for as soon as it is needed, though nobody kicks. */
TEST_F(iotlb, miss_of_the_used_ring)
{
	struct vmm *v = &self->m.v;
	const struct drv_ring *r = &v->vq[VQ_TX].ring;
	struct vhost_iotlb_msg miss;
	struct drv_done done;

	ASSERT_EQ(0, iommu_map_all(&self->m));
	ASSERT_EQ(0, iommu_start(&self->m));
	EXPECT_EQ(0, vmm_traffic_check(v));
	ASSERT_EQ(0, invalidate(self, vmm_gpa(v, r->at.device), PAGE));
	ASSERT_EQ(0, vmm_tx_send(v, v->scratch, 100, 1));
	event_signal(v->vq[VQ_TX].kick);
	ASSERT_EQ(0, iotlb_recv(self->fd, self->v2, &miss, VMM_TIMEOUT_MS));
	EXPECT_EQ(VHOST_IOTLB_MISS, miss.type);
	EXPECT_EQ(VHOST_ACCESS_WO, ring_access(v, VQ_TX, miss.iova));
	EXPECT_EQ(VHOST_ACCESS_WO, miss.perm & VHOST_ACCESS_WO);
	EXPECT_EQ(0, drv_ring_get(&v->vq[VQ_TX].ring, &done));
	ASSERT_EQ(0, iommu_map_all(&self->m));
	EXPECT_EQ(1, drv_ring_wait(&v->vq[VQ_TX].ring, &done, VMM_TIMEOUT_MS));
	EXPECT_EQ(0, vmm_traffic_check(v));
}

TEST_F(iotlb, read_in_pieces)
{
	union iotlb_wire w[2];
	char *big = (char *)w;

	ASSERT_EQ(0, iommu_start(&self->m));
	event_signal(self->m.v.vq[VQ_TX].kick);
	while (!readable(self->fd))
		nap_us(1000);
	/* No room for it: nothing is lost. */
	EXPECT_EQ(0, read(self->fd, big, IOTLB_WIRE_SIZE - 1));
	EXPECT_EQ(0, read(self->fd, big, 0));
	EXPECT_TRUE(readable(self->fd));
	/* One message at a time. */
	memset(w, 0xaa, sizeof(w));
	EXPECT_EQ((ssize_t)IOTLB_WIRE_SIZE, read(self->fd, big, sizeof(w)));
	EXPECT_EQ(0xaa, w[1].byte[0]);
	EXPECT_EQ(VHOST_IOTLB_MISS, iotlb_body(&w[0], self->v2)->type);
}

TEST_F(iotlb, read_into_nowhere)
{
	char *two = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	struct vmm *v = &self->m.v;

	ASSERT_NE(MAP_FAILED, two);
	ASSERT_EQ(0, mprotect(two + PAGE, PAGE, PROT_NONE));
	ASSERT_EQ(0, iommu_start(&self->m));
	event_signal(v->vq[VQ_TX].kick);
	while (!readable(self->fd))
		nap_us(1000);
	EXPECT_NE((ssize_t)IOTLB_WIRE_SIZE, read(self->fd, two + PAGE, IOTLB_WIRE_SIZE));
	/* A queue that was asked about goes on, whatever became of the question. */
	EXPECT_EQ(0, iommu_map_all(&self->m));
	event_signal(v->vq[VQ_RX].kick);
	event_signal(v->vq[VQ_TX].kick);
	EXPECT_LE(0, answer_all(&self->m, VQ_TX));
	EXPECT_EQ(0, vmm_traffic_check(v));
	munmap(two, 2 * PAGE);
}

struct reader {
	int fd;
	bool v2;
	volatile bool started;
	ssize_t got;
	int error;
};

static void *blocking_read(void *arg)
{
	struct reader *r = arg;
	union iotlb_wire w;

	r->started = true;
	r->got = read(r->fd, &w, sizeof(w));
	r->error = r->got < 0 ? errno : 0;
	return NULL;
}

/* A thread that sits in a blocking read() of the device. */
static int reader_start(struct reader *r, FIXTURE_DATA(iotlb) *self, pthread_t *t)
{
	int ret;

	*r = (struct reader) { .fd = self->fd, .v2 = self->v2 };
	if (fcntl(self->fd, F_SETFL, 0))
		return -errno;
	ret = -pthread_create(t, NULL, blocking_read, r);
	while (!ret && !r->started)
		nap_us(1000);
	nap_us(50000);
	return ret;
}

/* 0 if the thread came back in time. */
static int reader_end(pthread_t t)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 5;
	return -pthread_timedjoin_np(t, NULL, &until);
}

TEST_F(iotlb, blocking_read_waits_for_a_miss)
{
	struct reader r;
	pthread_t t;

	ASSERT_EQ(0, reader_start(&r, self, &t));
	EXPECT_EQ(EBUSY, pthread_tryjoin_np(t, NULL));
	ASSERT_EQ(0, iommu_start(&self->m));
	event_signal(self->m.v.vq[VQ_TX].kick);
	ASSERT_EQ(0, reader_end(t));
	EXPECT_EQ((ssize_t)IOTLB_WIRE_SIZE, r.got);
}

TEST_F(iotlb, read_without_blocking)
{
	union iotlb_wire w;

	EXPECT_EQ(-1, read(self->fd, &w, sizeof(w)));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_FALSE(readable(self->fd));
}

TEST_F(iotlb, poll_wakes_up)
{
	struct pollfd p = { .fd = self->fd, .events = POLLIN };
	uint64_t start = now_ms();

	ASSERT_EQ(0, iommu_start(&self->m));
	event_signal(self->m.v.vq[VQ_TX].kick);
	EXPECT_EQ(1, poll(&p, 1, VMM_TIMEOUT_MS));
	EXPECT_LT(now_ms() - start, VMM_TIMEOUT_MS);
}

static void nothing(int sig)
{
	(void)sig;
}

TEST_F(iotlb, signal_ends_a_blocking_read)
{
	struct sigaction a = { .sa_handler = nothing };
	struct reader r;
	pthread_t t;

	sigaction(SIGUSR1, &a, NULL);
	ASSERT_EQ(0, reader_start(&r, self, &t));
	pthread_kill(t, SIGUSR1);
	ASSERT_EQ(0, reader_end(t));
	EXPECT_EQ(-1, r.got);
	EXPECT_EQ(EINTR, r.error);
}

TEST_F(iotlb, fault_016_reset_owner_wakes_reader)
{
	struct reader r;
	pthread_t t;

	ASSERT_EQ(0, reader_start(&r, self, &t));
	ASSERT_EQ(0, vhost_reset_owner(self->fd));
	ASSERT_EQ(0, reader_end(t));
	EXPECT_EQ(-1, r.got);
	EXPECT_EQ(EBADFD, r.error);
}

TEST_F(iotlb, fault_002_feature_off_wakes_reader)
{
	struct reader r;
	pthread_t t;

	ASSERT_EQ(0, reader_start(&r, self, &t));
	ASSERT_EQ(0, vhost_set_features(self->fd, F_VERSION_1));
	ASSERT_EQ(0, reader_end(t));
	EXPECT_EQ(-1, r.got);
	EXPECT_EQ(EBADFD, r.error);
}

TEST_F(iotlb, without_iotlb)
{
	union iotlb_wire w;

	ASSERT_EQ(0, vhost_set_features(self->fd, F_VERSION_1));
	EXPECT_EQ(-EFAULT, update(self, FAR_IOVA, PAGE, self->m.device));
	EXPECT_EQ(-EFAULT, invalidate(self, FAR_IOVA, PAGE));
	EXPECT_EQ(-1, read(self->fd, &w, sizeof(w)));
	EXPECT_EQ(EAGAIN, errno);
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	EXPECT_EQ(-1, read(self->fd, &w, sizeof(w)));
	EXPECT_EQ(EBADFD, errno);
}

/* However often the guest kicks, and whether anybody reads or not. */
TEST_F(iotlb, fault_062_one_miss_per_queue)
{
	struct vhost_iotlb_msg miss;
	struct vmm *v = &self->m.v;
	unsigned int i, n = 0;

	ASSERT_EQ(0, iommu_start(&self->m));
	for (i = 0; i < 5000; i++) {
		event_signal(v->vq[i % VMM_NVQS].kick);
		if (i % 50 == 0)
			nap_us(100);
	}
	nap_us(50000);
	while (!iotlb_recv(self->fd, self->v2, &miss, VMM_QUIET_MS))
		n++;
	EXPECT_EQ(VMM_NVQS, n);
	/* Read, but not answered: asked is asked. */
	for (i = 0; i < 500; i++)
		event_signal(v->vq[i % VMM_NVQS].kick);
	EXPECT_EQ(-ETIMEDOUT, iotlb_recv(self->fd, self->v2, &miss, VMM_QUIET_MS));
	/* An answer to something else is none. */
	EXPECT_EQ(0, update(self, FAR_IOVA, PAGE, self->m.page[0]));
	EXPECT_EQ(-ETIMEDOUT, iotlb_recv(self->fd, self->v2, &miss, VMM_QUIET_MS));
	/* The queues do not need to be kicked again once they are answered. */
	ASSERT_EQ(0, iommu_map_all(&self->m));
	EXPECT_EQ(0, vmm_traffic_check(v));
}

/* With two descriptors that miss, the second is asked for after the first. */
TEST_F(iotlb, misses_one_after_another)
{
	struct vmm *v = &self->m.v;
	struct vhost_iotlb_msg miss;
	char *a = vmm_alloc(v, PAGE, PAGE), *b = vmm_alloc(v, PAGE, PAGE);
	struct drv_buf bufs[2] = {
		{ .gpa = vmm_gpa(v, a), .len = v->hdr_len },
		{ .gpa = vmm_gpa(v, b), .len = 100 },
	};
	struct drv_done done;
	char frame[128];

	ASSERT_EQ(0, iommu_map_ring(&self->m, VQ_TX));
	ASSERT_EQ(0, iommu_map_ring(&self->m, VQ_RX));
	ASSERT_EQ(0, iommu_start(&self->m));
	memset(a, 0, v->hdr_len);
	net_frame_fill(b, 100, 7);
	ASSERT_LE(0, drv_ring_add(&v->vq[VQ_TX].ring, bufs, 2, NULL));
	vmm_kick(v, VQ_TX);
	ASSERT_EQ(0, iotlb_recv(self->fd, self->v2, &miss, VMM_TIMEOUT_MS));
	EXPECT_EQ(bufs[0].gpa, miss.iova);
	EXPECT_EQ(VHOST_ACCESS_RO, miss.perm);
	EXPECT_EQ(-ETIMEDOUT, iotlb_recv(self->fd, self->v2, &miss, VMM_QUIET_MS));
	ASSERT_EQ(0, iommu_map_area(&self->m, a, 1));
	ASSERT_EQ(0, iotlb_recv(self->fd, self->v2, &miss, VMM_TIMEOUT_MS));
	EXPECT_EQ(bufs[1].gpa, miss.iova);
	EXPECT_EQ(0, drv_ring_get(&v->vq[VQ_TX].ring, &done));
	ASSERT_EQ(0, iommu_map_area(&self->m, b, 1));
	EXPECT_EQ(1, drv_ring_wait(&v->vq[VQ_TX].ring, &done, VMM_TIMEOUT_MS));
	EXPECT_EQ(100, net_peer_recv(&v->net, frame, sizeof(frame), VMM_TIMEOUT_MS));
	EXPECT_EQ(0, net_frame_check(frame, 100, 7, NULL));
	EXPECT_FALSE(vmm_ring_error(v, VQ_TX, 0));
}

TEST_F(iotlb, miss_to_receive_is_for_writing)
{
	struct vmm *v = &self->m.v;
	struct vhost_iotlb_msg miss;
	struct drv_done done;
	char frame[200];

	ASSERT_EQ(0, iommu_map_ring(&self->m, VQ_RX));
	ASSERT_EQ(0, iommu_map_ring(&self->m, VQ_TX));
	ASSERT_EQ(0, iommu_start(&self->m));
	ASSERT_LE(0, drv_ring_add1(&v->vq[VQ_RX].ring, vmm_gpa(v, v->scratch), 2048, true, NULL));
	vmm_kick(v, VQ_RX);
	net_frame_fill(frame, sizeof(frame), 3);
	ASSERT_EQ((int)sizeof(frame), net_peer_send(&v->net, frame, sizeof(frame)));
	ASSERT_EQ(0, iotlb_recv(self->fd, self->v2, &miss, VMM_TIMEOUT_MS));
	EXPECT_EQ(vmm_gpa(v, v->scratch), miss.iova);
	EXPECT_EQ(VHOST_ACCESS_WO, miss.perm);
	ASSERT_EQ(0, iommu_map_area(&self->m, v->scratch, 1));
	/* The frame that waited was not lost. */
	EXPECT_EQ(1, drv_ring_wait(&v->vq[VQ_RX].ring, &done, VMM_TIMEOUT_MS));
	EXPECT_EQ(v->hdr_len + sizeof(frame), done.len);
	EXPECT_EQ(0, net_frame_check(v->scratch + v->hdr_len, sizeof(frame), 3, NULL));
}

TEST_F(iotlb, fault_120_stale_miss_after_detach)
{
	struct vmm *v = &self->m.v;
	struct vhost_iotlb_msg miss;

	ASSERT_EQ(0, iommu_start(&self->m));
	event_signal(v->vq[VQ_TX].kick);
	event_signal(v->vq[VQ_RX].kick);
	while (!readable(self->fd))
		nap_us(1000);
	nap_us(50000);
	ASSERT_LE(0, vmm_stop(v, VQ_TX));
	ASSERT_LE(0, vmm_stop(v, VQ_RX));
	EXPECT_EQ(-ETIMEDOUT, iotlb_recv(self->fd, self->v2, &miss, VMM_QUIET_MS));
	/* A question that was read already is no excuse either: it is asked anew. */
	ASSERT_EQ(0, vmm_start(v, VQ_TX));
	event_signal(v->vq[VQ_TX].kick);
	ASSERT_EQ(0, iotlb_recv(self->fd, self->v2, &miss, VMM_TIMEOUT_MS));
	ASSERT_LE(0, vmm_stop(v, VQ_TX));
	ASSERT_EQ(0, vmm_start(v, VQ_TX));
	event_signal(v->vq[VQ_TX].kick);
	EXPECT_EQ(0, iotlb_recv(self->fd, self->v2, &miss, VMM_TIMEOUT_MS));
}

/* ---- messages that are refused ---- */

/* After anything refused: no trace of it, and what was mapped still works. */
#define EXPECT_UNHARMED() do { \
	ASSERT_EQ(0, iommu_map_all(&self->m)); \
	ASSERT_EQ(0, iommu_start(&self->m)); \
	EXPECT_EQ(0, vmm_traffic_check(&self->m.v)); \
	EXPECT_FALSE(readable(self->fd)); \
} while (0)

TEST_F(iotlb, fault_063_empty_and_full_ranges)
{
	char *u = self->m.page[0];

	EXPECT_EQ(-EINVAL, update(self, 0, 0, u));
	EXPECT_EQ(-EINVAL, update(self, FAR_IOVA, 0, u));
	EXPECT_EQ(-EINVAL, update(self, UINT64_MAX, 0, u));
	EXPECT_EQ(-EINVAL, invalidate(self, 0, 0));
	EXPECT_EQ(-EINVAL, invalidate(self, FAR_IOVA, 0));
	/* Past the end of all addresses. */
	EXPECT_GT(0, update(self, -PAGE, 2 * PAGE, u));
	EXPECT_GT(0, update(self, -PAGE, PAGE + 1, u));
	/* Up to it. */
	EXPECT_EQ(0, update(self, -PAGE, PAGE, u));
	EXPECT_EQ(0, update(self, UINT64_MAX, 1, u));
	EXPECT_EQ(0, update(self, 0, 1, u));
	/* All of it, as QEMU says it and in the two forms there are. */
	EXPECT_EQ(0, invalidate(self, 0, UINT64_C(0xfee00000)));
	EXPECT_EQ(0, invalidate(self, UINT64_C(0xfef00000), -UINT64_C(0xfef00000)));
	EXPECT_EQ(0, invalidate(self, 0, UINT64_MAX));
	EXPECT_EQ(0, invalidate(self, 1, UINT64_MAX));
	EXPECT_UNHARMED();
}

/* More than a user address space holds can be no mapping. */
TEST_F(iotlb, mapping_of_everything_refused)
{
	EXPECT_EQ(-EFAULT, update(self, 0, UINT64_MAX, NULL));
	EXPECT_EQ(-EFAULT, update(self, 1, UINT64_MAX, NULL));
	EXPECT_EQ(-EFAULT, update(self, 0, UINT64_MAX, self->m.page[0]));
	EXPECT_UNHARMED();
}

TEST_F(iotlb, user_address_refused)
{
	EXPECT_EQ(-EFAULT, update(self, FAR_IOVA, PAGE, (void *)KERNEL_ADDR));
	EXPECT_EQ(-EFAULT, update(self, FAR_IOVA, PAGE, (void *)UINT64_C(0xffffffff81000000)));
	EXPECT_EQ(-EFAULT, update(self, FAR_IOVA, PAGE, (void *)-PAGE));
	EXPECT_EQ(-EFAULT, update(self, FAR_IOVA, 2 * PAGE, (void *)-PAGE));
	/* Begins in user space. */
	EXPECT_EQ(-EFAULT, update(self, FAR_IOVA, KERNEL_ADDR, (void *)PAGE));
	EXPECT_UNHARMED();
}

TEST_F(iotlb, every_type)
{
	unsigned int type;

	for (type = 0; type < 256; type++) {
		bool good = type == VHOST_IOTLB_UPDATE || type == VHOST_IOTLB_INVALIDATE;
		int ret = message(self, type, FAR_IOVA, PAGE, self->m.page[0], VHOST_ACCESS_RW);

		ASSERT_EQ(good ? 0 : -EINVAL, ret) TH_LOG("type %u", type);
	}
	EXPECT_UNHARMED();
}

TEST_F(iotlb, fault_094_every_permission)
{
	unsigned int perm;

	for (perm = 0; perm < 256; perm++) {
		int ret = message(self, VHOST_IOTLB_UPDATE, FAR_IOVA, PAGE, self->m.page[0], perm);

		ASSERT_EQ(perm && perm <= VHOST_ACCESS_RW ? 0 : -EINVAL, ret)
			TH_LOG("perm %u", perm);
	}
	EXPECT_EQ(0, invalidate(self, FAR_IOVA, PAGE));
	EXPECT_UNHARMED();
}

TEST_F(iotlb, kind_of_message)
{
	static const uint32_t kinds[] = { 0, 3, 4, 256, 0x7fffffff, 0x80000000, UINT32_MAX };
	union iotlb_wire w;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(kinds); i++) {
		iotlb_fill(&w, self->v2, VHOST_IOTLB_UPDATE, FAR_IOVA, PAGE,
			   (uintptr_t)self->m.page[0], VHOST_ACCESS_RW);
		w.v2.type = kinds[i];
		EXPECT_EQ(-EINVAL, iotlb_write(self->fd, &w, sizeof(w)))
			TH_LOG("kind %#x", kinds[i]);
	}
	EXPECT_UNHARMED();
}

TEST_F(iotlb, message_too_short)
{
	union iotlb_wire w;
	size_t len, fields = offsetof(struct vhost_msg_v2, iotlb) + sizeof(w.v2.iotlb);

	iotlb_fill(&w, self->v2, VHOST_IOTLB_UPDATE, FAR_IOVA, PAGE,
		   (uintptr_t)self->m.page[0], VHOST_ACCESS_RW);
	for (len = 1; len < fields; len++) {
		EXPECT_EQ(-EINVAL, iotlb_write(self->fd, &w, len)) TH_LOG("%zu bytes", len);
	}
	EXPECT_UNHARMED();
}

TEST_F(iotlb, message_from_nowhere)
{
	char *two = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	union iotlb_wire w;
	size_t n;

	ASSERT_NE(MAP_FAILED, two);
	ASSERT_EQ(0, mprotect(two + PAGE, PAGE, PROT_NONE));
	iotlb_fill(&w, self->v2, VHOST_IOTLB_UPDATE, FAR_IOVA, PAGE,
		   (uintptr_t)self->m.page[0], VHOST_ACCESS_RW);
	for (n = 0; n < 40; n += 4) {
		memcpy(two + PAGE - n, &w, n);
		EXPECT_GT(0, iotlb_write(self->fd, two + PAGE - n, sizeof(w)))
			TH_LOG("%zu bytes", n);
	}
	EXPECT_UNHARMED();
	munmap(two, 2 * PAGE);
}

/* One message a call: of two, one is taken at most. */
TEST_F(iotlb, message_too_long)
{
	union iotlb_wire w[2];
	ssize_t n;

	iotlb_fill(&w[0], self->v2, VHOST_IOTLB_UPDATE, FAR_IOVA, PAGE,
		   (uintptr_t)self->m.page[0], VHOST_ACCESS_RW);
	w[1] = w[0];
	n = write(self->fd, w, sizeof(w));
	EXPECT_TRUE(n == (ssize_t)sizeof(w[0]) || (n < 0 && errno == EINVAL)) TH_LOG("%zd", n);
	n = write(self->fd, w, sizeof(w[0]) + 1);
	EXPECT_TRUE(n == (ssize_t)sizeof(w[0]) || (n < 0 && errno == EINVAL)) TH_LOG("%zd", n);
	EXPECT_UNHARMED();
}

TEST_F(iotlb, message_in_pieces)
{
	union iotlb_wire w;
	struct iovec iov[sizeof(w)];
	unsigned int i;

	iotlb_fill(&w, self->v2, VHOST_IOTLB_UPDATE, FAR_IOVA, PAGE,
		   (uintptr_t)self->m.page[0], VHOST_ACCESS_RW);
	for (i = 0; i < sizeof(w); i++)
		iov[i] = (struct iovec) { .iov_base = w.byte + i, .iov_len = 1 };
	EXPECT_EQ((ssize_t)sizeof(w), writev(self->fd, iov, sizeof(w)));
	EXPECT_UNHARMED();
}

/* Either form is taken, whatever was agreed on. */
TEST_F(iotlb, other_form_of_message)
{
	bool other = !self->v2;

	EXPECT_EQ(0, iotlb_send(self->fd, other, VHOST_IOTLB_UPDATE, FAR_IOVA, PAGE,
				(uintptr_t)self->m.page[0], VHOST_ACCESS_RW));
	EXPECT_EQ(0, iotlb_send(self->fd, other, VHOST_IOTLB_INVALIDATE, FAR_IOVA, PAGE, 0, 0));
	EXPECT_UNHARMED();
}

TEST_HARNESS_MAIN
