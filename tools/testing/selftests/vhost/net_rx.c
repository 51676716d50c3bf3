// SPDX-License-Identifier: GPL-2.0-only
/* Receive: what comes in reaches the guest's buffers, whatever their shape, in order. */
#include <pthread.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "libframe.h"
#include "test.h"

#define BUF_SIZE	(66 << 10)
#define FILL		0xee

/* Post one buffer. */
static int rx_post(struct vmm *v, char *buf, size_t len)
{
	memset(buf, FILL, len);
	return drv_ring_add1(&v->vq[VQ_RX].ring, vmm_gpa(v, buf), len, true, buf);
}

/* Post n buffers of len bytes each; they lie apart. Returns the first. */
static char *rx_post_many(struct vmm *v, unsigned int n, size_t len)
{
	size_t step = (len + 63) & ~(size_t)63;
	char *bufs = vmm_alloc(v, n * step, 64);
	unsigned int i;

	for (i = 0; bufs && i < n; i++)
		if (rx_post(v, bufs + i * step, len) < 0)
			return NULL;
	vmm_kick(v, VQ_RX);
	return bufs;
}

static int rx_send(struct vmm *v, size_t len, uint32_t seed)
{
	static __thread char frame[BUF_SIZE];

	net_frame_fill(frame, len, seed);
	return net_peer_send(&v->net, frame, len);
}

static unsigned int num_buffers(const char *hdr)
{
	return (uint8_t)hdr[10] | (uint8_t)hdr[11] << 8;
}

/*
 * Take one packet out of the used ring, its buffers one behind the other into
 * room. Returns the length without header, or -errno; the header is in hdr.
 */
static int rx_take(struct vmm *v, char *hdr, char *room, unsigned int timeout_ms)
{
	struct drv_ring *r = &v->vq[VQ_RX].ring;
	static __thread char all[2 * BUF_SIZE];
	bool merge = v->features & F_MRG_RXBUF;
	unsigned int n = 1, i;
	struct drv_done done;
	size_t len = 0;
	int ret;

	for (i = 0; i < n; i++) {
		/* All buffers of a packet become visible together. */
		ret = i ? drv_ring_get(r, &done) : drv_ring_wait(r, &done, timeout_ms);
		if (ret <= 0)
			return ret ? ret : -EPROTO;
		if (len + done.len > sizeof(all))
			return -EMSGSIZE;
		memcpy(all + len, done.cookie, done.len);
		len += done.len;
		/* The header itself may be scattered over many buffers. */
		if (merge)
			n = len < v->hdr_len ? i + 2 : num_buffers(all);
	}
	if (len < v->hdr_len)
		return -EPROTO;
	memcpy(hdr, all, v->hdr_len);
	memcpy(room, all + v->hdr_len, len - v->hdr_len);
	return len - v->hdr_len;
}

/* ---- every shape under every backend ---- */

FIXTURE(shapes) {
	struct vmm v;
};

FIXTURE_VARIANT(shapes) {
	enum net_kind net;
	uint64_t features;
};

FIXTURE_VARIANT_ADD(shapes, tap_legacy) { NET_TAP, F_INDIRECT };
FIXTURE_VARIANT_ADD(shapes, tap_version_1) { NET_TAP, F_INDIRECT | F_VERSION_1 };
FIXTURE_VARIANT_ADD(shapes, tap_mergeable) { NET_TAP, F_INDIRECT | F_VERSION_1 | F_MRG_RXBUF };
FIXTURE_VARIANT_ADD(shapes, tap_vhost_header) { NET_TAP, F_INDIRECT | F_VERSION_1 | F_VHOST_HDR };
FIXTURE_VARIANT_ADD(shapes, tap_legacy_vhost_header) { NET_TAP, F_INDIRECT | F_VHOST_HDR };
FIXTURE_VARIANT_ADD(shapes, macvtap) { NET_MACVTAP, F_INDIRECT | F_VERSION_1 | F_MRG_RXBUF };
FIXTURE_VARIANT_ADD(shapes, packet_socket) { NET_PACKET, F_INDIRECT | F_MRG_RXBUF | F_VHOST_HDR };
FIXTURE_VARIANT_ADD(shapes, packed) { NET_TAP, F_INDIRECT | F_VERSION_1 | F_MRG_RXBUF | F_PACKED };

FIXTURE_SETUP(shapes)
{
	vmm_init(&self->v);
	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, vmm_net_up(&self->v, &(struct vmm_config) {
		.net = variant->net, .features = variant->features, .ram_size = 16 << 20,
	}));
	/* The interface may swallow frames until its link is up for good. */
	while (vmm_tx_check(&self->v, 60, 0) == -ETIMEDOUT)
		;
}

FIXTURE_TEARDOWN(shapes)
{
	vmm_close(&self->v);
}

TEST_F(shapes, arrive)
{
	static const size_t sizes[] = { 14, 60, 200, 1514, 9000 };
	static char got[2 * BUF_SIZE];
	struct vmm *v = &self->v;
	char hdr[12], want[12] = { 0 };
	char *buf = vmm_alloc(v, BUF_SIZE, 64);
	unsigned int i;

	ASSERT_NE(NULL, buf);
	if (v->hdr_len == 12)
		want[10] = 1;
	if (variant->net == NET_TAP) {
		ASSERT_EQ(0, net_link_mtu(v->net.name, 9000));
	}
	for (i = 0; i < ARRAY_LEN(sizes) * SHAPE_COUNT * 2; i++) {
		unsigned int shape = i / ARRAY_LEN(sizes) % SHAPE_COUNT;
		size_t len = sizes[i % ARRAY_LEN(sizes)];
		bool indirect = i / ARRAY_LEN(sizes) / SHAPE_COUNT;

		if (variant->net != NET_TAP && len > 1514)
			continue;
		memset(buf, FILL, len + 100);
		ASSERT_LE(0, frame_add(v, VQ_RX, buf, v->hdr_len + len + 50, shape, true, indirect));
		vmm_kick(v, VQ_RX);
		ASSERT_EQ((int)len, rx_send(v, len, i));
		EXPECT_EQ((int)len, rx_take(v, hdr, got, VMM_TIMEOUT_MS))
			TH_LOG("%zu bytes, shape %u/%u", len, shape, indirect);
		EXPECT_EQ(0, net_frame_check(got, len, i, NULL))
			TH_LOG("%zu bytes, shape %u/%u", len, shape, indirect);
		/* FAULTS 121: num_buffers is 1 also without mergeable buffers. */
		EXPECT_EQ(0, memcmp(hdr, want, v->hdr_len));
		EXPECT_EQ(FILL, (uint8_t)buf[v->hdr_len + len]) TH_LOG("written behind the frame");
	}
	EXPECT_FALSE(vmm_ring_error(v, VQ_RX, 0));
}

TEST_F(shapes, burst_in_order)
{
	static char got[2 * BUF_SIZE];
	struct vmm *v = &self->v;
	unsigned int i, n = 200;
	char hdr[12];

	ASSERT_NE(NULL, rx_post_many(v, 256, 1600));
	for (i = 0; i < n; i++)
		ASSERT_LT(0, rx_send(v, 60 + i, i));
	for (i = 0; i < n; i++) {
		ASSERT_EQ((int)(60 + i), rx_take(v, hdr, got, VMM_TIMEOUT_MS)) TH_LOG("%u", i);
		ASSERT_EQ(0, net_frame_check(got, 60 + i, i, NULL)) TH_LOG("%u", i);
	}
	EXPECT_EQ(-ETIMEDOUT, rx_take(v, hdr, got, VMM_QUIET_MS));
}

/* What came in while there was no buffer, and while the queue was stopped, stays. */
TEST_F(shapes, stop_loses_nothing)
{
	static char got[2 * BUF_SIZE];
	struct vmm *v = &self->v;
	unsigned int i, n = 20;
	char hdr[12];

	for (i = 0; i < n; i++) {
		ASSERT_LT(0, rx_send(v, 60 + i, i));
		/* The device has the first ones in its hands by now. */
		if (i == n / 2) {
			nap_us(VMM_QUIET_MS * 1000);
			ASSERT_LE(0, vmm_stop(v, VQ_RX));
		}
	}
	ASSERT_EQ(0, vmm_start(v, VQ_RX));
	nap_us(VMM_QUIET_MS * 1000);
	ASSERT_LE(0, vmm_stop(v, VQ_RX));
	ASSERT_NE(NULL, rx_post_many(v, 64, 1600));
	ASSERT_EQ(0, vmm_start(v, VQ_RX));
	for (i = 0; i < n; i++) {
		ASSERT_EQ((int)(60 + i), rx_take(v, hdr, got, VMM_TIMEOUT_MS)) TH_LOG("%u", i);
		ASSERT_EQ(0, net_frame_check(got, 60 + i, i, NULL)) TH_LOG("%u", i);
	}
}

/* ---- mergeable buffers ---- */

FIXTURE(merge) {
	struct vmm v;
	int peer;		/* sends offloads */
};

FIXTURE_VARIANT(merge) {
	unsigned int num;
	uint64_t features;
};

FIXTURE_VARIANT_ADD(merge, small_ring) { 128, F_VERSION_1 };
FIXTURE_VARIANT_ADD(merge, big_ring) { 4096, F_VERSION_1 | F_EVENT_IDX };
FIXTURE_VARIANT_ADD(merge, vhost_header) { 4096, F_VHOST_HDR };
FIXTURE_VARIANT_ADD(merge, packed) { 1000, F_VERSION_1 | F_EVENT_IDX | F_PACKED };

FIXTURE_SETUP(merge)
{
	vmm_init(&self->v);
	self->peer = -1;
	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, vmm_net_up(&self->v, &(struct vmm_config) {
		.features = variant->features | F_MRG_RXBUF | F_INDIRECT,
		.num = variant->num, .ram_size = 32 << 20,
	}));
	ASSERT_EQ(0, net_link_mtu(self->v.net.name, 9000));
	if (!(variant->features & F_VHOST_HDR)) {
		ASSERT_EQ(0, frame_offloads_on(self->v.net.fd));
	}
	self->peer = frame_socket(self->v.net.name);
	ASSERT_LE(0, self->peer);
}

FIXTURE_TEARDOWN(merge)
{
	vmm_close(&self->v);
	if (self->peer >= 0)
		close(self->peer);
}

static int peer_send(int fd, const struct virtio_net_hdr *hdr, const void *frame, size_t len)
{
	struct iovec iov[] = { { (void *)(uintptr_t)hdr, sizeof(*hdr) },
			       { (void *)(uintptr_t)frame, len } };

	return writev(fd, iov, 2) < 0 ? -errno : 0;
}

/* Send a segment with offloads; cut is whether it is to be cut later. */
static int send_gso(int fd, size_t len, uint32_t seed, bool gso)
{
	static __thread char frame[BUF_SIZE];
	struct virtio_net_hdr hdr;

	frame_gso_fill(frame, len, seed, gso, &hdr);
	return peer_send(fd, &hdr, frame, len);
}

TEST_F(merge, small_buffers)
{
	static const size_t bufs[] = { 12, 13, 64, 100, 1526, 4096 };
	static const size_t sizes[] = { 60, 1514, 9000 };
	static char got[2 * BUF_SIZE];
	struct vmm *v = &self->v;
	unsigned int i, j;
	char hdr[12];

	for (i = 0; i < ARRAY_LEN(bufs); i++) {
		for (j = 0; j < ARRAY_LEN(sizes); j++) {
			unsigned int n = (v->hdr_len + sizes[j] + bufs[i] - 1) / bufs[i];

			if (n > variant->num)
				continue;
			ASSERT_NE(NULL, rx_post_many(v, n, bufs[i]));
			ASSERT_LT(0, rx_send(v, sizes[j], i * 10 + j));
			EXPECT_EQ((int)sizes[j], rx_take(v, hdr, got, VMM_TIMEOUT_MS))
				TH_LOG("%zu bytes into %zu each", sizes[j], bufs[i]);
			EXPECT_EQ(n, num_buffers(hdr));
			EXPECT_EQ(0, net_frame_check(got, sizes[j], i * 10 + j, NULL));
			EXPECT_EQ(0, drv_ring_in_flight(&v->vq[VQ_RX].ring));
		}
	}
}

TEST_F(merge, one_byte_buffers)
{
	static char got[2 * BUF_SIZE];
	struct vmm *v = &self->v;
	char hdr[12];

	ASSERT_NE(NULL, rx_post_many(v, v->hdr_len + 60, 1));
	ASSERT_LT(0, rx_send(v, 60, 1));
	EXPECT_EQ(60, rx_take(v, hdr, got, VMM_TIMEOUT_MS));
	EXPECT_EQ(0, net_frame_check(got, 60, 1, NULL));
	EXPECT_EQ(v->hdr_len + 60, num_buffers(hdr));
}

/*
 * One-byte buffers all over the ring and a packet that needs more than there can
 * ever be: it is lost, no buffer is used, and small ones still come through.
 */
TEST_F(merge, fault_010_more_buffers_than_there_are)
{
	static char got[2 * BUF_SIZE];
	struct vmm *v = &self->v;
	unsigned int i;
	char hdr[12];

	ASSERT_NE(NULL, rx_post_many(v, variant->num, 1));
	for (i = 0; i < 5; i++) {
		if (variant->features & F_VHOST_HDR) {
			ASSERT_LT(0, rx_send(v, 9000, i));
		} else {
			ASSERT_EQ(0, send_gso(self->peer, 60000, i, true));
		}
	}
	ASSERT_LT(0, rx_send(v, 60, 1));
	EXPECT_EQ(60, rx_take(v, hdr, got, VMM_TIMEOUT_MS));
	EXPECT_EQ(0, net_frame_check(got, 60, 1, NULL));
	EXPECT_EQ(variant->num - 72, drv_ring_in_flight(&v->vq[VQ_RX].ring));
	EXPECT_FALSE(vmm_ring_error(v, VQ_RX, 0));
}

/* Too few buffers and a driver that adds none: no work until it does. */
TEST_F(merge, fault_065_half_full_ring)
{
	static char got[2 * BUF_SIZE];
	struct vmm *v = &self->v;
	unsigned int i;
	char hdr[12];
	long cpu;

	ASSERT_NE(NULL, rx_post_many(v, 2, 100));
	ASSERT_LT(0, rx_send(v, 9000, 1));
	for (i = 0; i < 10; i++)
		ASSERT_LT(0, rx_send(v, 100 + i, 2 + i));
	nap_us(50000);
	cpu = proc_worker_cpu_ms(getpid());
	nap_us(500000);
	EXPECT_GT(100, proc_worker_cpu_ms(getpid()) - cpu);
	EXPECT_EQ(-ETIMEDOUT, rx_take(v, hdr, got, 0));
	/* A few more that do not suffice either, then enough. */
	ASSERT_NE(NULL, rx_post_many(v, 2, 100));
	EXPECT_EQ(-ETIMEDOUT, rx_take(v, hdr, got, VMM_QUIET_MS));
	ASSERT_NE(NULL, rx_post_many(v, 100, 1600));
	EXPECT_EQ(9000, rx_take(v, hdr, got, VMM_TIMEOUT_MS));
	EXPECT_EQ(0, net_frame_check(got, 9000, 1, NULL));
	for (i = 0; i < 10; i++) {
		ASSERT_EQ((int)(100 + i), rx_take(v, hdr, got, VMM_TIMEOUT_MS));
		EXPECT_EQ(0, net_frame_check(got, 100 + i, 2 + i, NULL));
	}
}

TEST_F(merge, offloads_pass)
{
	static const size_t sizes[] = { 100, 1514, 9000, 60000 };
	static char got[2 * BUF_SIZE];
	struct virtio_net_hdr want, hdr;
	struct vmm *v = &self->v;
	char guest_hdr[12];
	unsigned int i;

	if (variant->features & F_VHOST_HDR)
		SKIP(return, "no header to pass them in");
	for (i = 0; i < 2 * ARRAY_LEN(sizes); i++) {
		size_t len = sizes[i / 2];
		bool gso = i % 2 && len > 1514;

		if (!gso && len > 9014)
			continue;
		ASSERT_NE(NULL, rx_post_many(v, len / 1600 + 1, 1700));
		ASSERT_EQ(0, send_gso(self->peer, len, i, gso));
		EXPECT_EQ((int)len, rx_take(v, guest_hdr, got, VMM_TIMEOUT_MS)) TH_LOG("%zu", len);
		EXPECT_EQ(0, frame_gso_check(got, len, i)) TH_LOG("%zu bytes", len);
		frame_gso_fill(got, len, i, gso, &want);
		memcpy(&hdr, guest_hdr, sizeof(hdr));
		EXPECT_EQ(want.flags, hdr.flags);
		EXPECT_EQ(want.gso_type, hdr.gso_type);
		EXPECT_EQ(want.gso_size, hdr.gso_size);
		EXPECT_EQ(want.csum_start, hdr.csum_start);
		EXPECT_EQ(want.csum_offset, hdr.csum_offset);
		/* Buffers the packet did not need wait for the next. */
		while (drv_ring_in_flight(&v->vq[VQ_RX].ring)) {
			ASSERT_LT(0, rx_send(v, 60, 0));
			ASSERT_EQ(60, rx_take(v, guest_hdr, got, VMM_TIMEOUT_MS));
		}
	}
}

/* ---- without mergeable buffers ---- */

FIXTURE(single) {
	struct vmm v;
};

FIXTURE_VARIANT(single) {
	uint64_t features;
};

FIXTURE_VARIANT_ADD(single, split) { 0 };
FIXTURE_VARIANT_ADD(single, packed) { F_PACKED };

FIXTURE_SETUP(single)
{
	vmm_init(&self->v);
	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, vmm_net_up(&self->v, &(struct vmm_config) {
		.features = F_VERSION_1 | F_EVENT_IDX | variant->features, .ram_size = 16 << 20,
	}));
}

FIXTURE_TEARDOWN(single)
{
	vmm_close(&self->v);
}

/* FAULTS 58: a packet larger than its buffer is lost, the buffer takes the next. */
TEST_F(single, too_long_for_the_buffer)
{
	static char got[2 * BUF_SIZE];
	struct vmm *v = &self->v;
	unsigned int i;
	char hdr[12];

	ASSERT_NE(NULL, rx_post_many(v, 4, 200));
	for (i = 0; i < 10; i++)
		ASSERT_LT(0, rx_send(v, 1000, i));
	for (i = 0; i < 4; i++)
		ASSERT_LT(0, rx_send(v, 180, i));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(180, rx_take(v, hdr, got, VMM_TIMEOUT_MS));
		EXPECT_EQ(0, net_frame_check(got, 180, i, NULL));
	}
	EXPECT_FALSE(vmm_ring_error(v, VQ_RX, 0));
}

TEST_F(single, event_idx_suppresses_calls)
{
	struct vmm *v = &self->v;
	struct vmm_vq *q = &v->vq[VQ_RX];
	unsigned int i;

	ASSERT_EQ(0, vmm_rx_check(v, 60, 0));
	event_wait(q->call, VMM_TIMEOUT_MS);
	drv_ring_arm_at(&q->ring, 11);
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, vmm_rx_check(v, 60, i));
		EXPECT_EQ(0, event_wait(q->call, 5)) TH_LOG("frame %u", i);
	}
	ASSERT_EQ(0, vmm_rx_check(v, 60, i));
	EXPECT_EQ(1, event_wait(q->call, VMM_TIMEOUT_MS));
}

TEST_F(single, fault_076_busy_poll)
{
	static const unsigned int timeouts[] = { 50, 10000, 1000000, UINT32_MAX };
	struct vmm *v = &self->v;
	uint64_t start;
	unsigned int i, n;
	long cpu;

	for (i = 0; i < ARRAY_LEN(timeouts); i++) {
		ASSERT_EQ(0, vhost_set_busyloop_timeout(v->fd, VQ_RX, timeouts[i]));
		ASSERT_EQ(0, vhost_set_busyloop_timeout(v->fd, VQ_TX, timeouts[i]));
		/* Both queues poll in turn, and neither keeps the other waiting. */
		for (n = 0; n < 20; n++) {
			ASSERT_EQ(0, vmm_rx_check(v, 100, n)) TH_LOG("%u us, %u", timeouts[i], n);
			ASSERT_EQ(0, vmm_tx_check(v, 100, n)) TH_LOG("%u us, %u", timeouts[i], n);
		}
		start = now_ms();
		ASSERT_LE(0, vmm_stop(v, VQ_RX));
		EXPECT_GT(500, now_ms() - start) TH_LOG("timeout %u", timeouts[i]);
		ASSERT_EQ(0, vmm_start(v, VQ_RX));
	}
	/* Two that poll at the same time end each other's loop, yet both end. */
	event_signal(v->vq[VQ_RX].kick);
	event_signal(v->vq[VQ_TX].kick);
	nap_us(VMM_QUIET_MS * 1000);
	cpu = proc_worker_cpu_ms(getpid());
	nap_us(500000);
	EXPECT_GT(100, proc_worker_cpu_ms(getpid()) - cpu);
}

struct flood {
	struct vmm *v;
	volatile bool stop;
	unsigned int sent;
};

/* More packets than the guest can take, without pause. */
static void *flood_rx(void *arg)
{
	struct flood *f = arg;

	while (!f->stop)
		if (rx_send(f->v, 60, 0) > 0)
			f->sent++;
	return NULL;
}

/* Take what came, post it again. */
static void *refill_rx(void *arg)
{
	struct flood *f = arg;
	struct drv_ring *r = &f->v->vq[VQ_RX].ring;
	struct drv_done done;

	while (!f->stop) {
		while (drv_ring_get(r, &done) == 1)
			rx_post(f->v, done.cookie, 200);
		vmm_kick(f->v, VQ_RX);
	}
	return NULL;
}

TEST_F(single, fault_064_flood_leaves_time_for_tx)
{
	struct flood f = { .v = &self->v };
	struct drv_ring *r = &self->v.vq[VQ_TX].ring;
	uint64_t start, took[51], begin, allowed;
	unsigned int i;
	struct drv_done done;
	pthread_t t[2];

	ASSERT_NE(NULL, rx_post_many(f.v, 256, 200));
	begin = now_us();
	ASSERT_EQ(0, pthread_create(&t[0], NULL, flood_rx, &f));
	ASSERT_EQ(0, pthread_create(&t[1], NULL, refill_rx, &f));
	nap_us(50000);
	for (i = 0; i < ARRAY_LEN(took); i++) {
		start = now_us();
		ASSERT_EQ(0, vmm_tx_send(f.v, f.v->scratch, 100, i));
		EXPECT_EQ(1, drv_ring_wait(r, &done, VMM_TIMEOUT_MS));
		took[i] = now_us() - start;
	}
	f.stop = true;
	allowed = turns_us(now_us() - begin, f.sent);
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	qsort(took, ARRAY_LEN(took), sizeof(took[0]), compare_us);
	TH_LOG("%u frames came, transmit median %llu us, worst %llu us, allowed %llu us",
	       f.sent, (unsigned long long)took[ARRAY_LEN(took) / 2],
	       (unsigned long long)took[ARRAY_LEN(took) - 1], (unsigned long long)allowed);
	EXPECT_GT(allowed, took[ARRAY_LEN(took) / 2]);
}

/* As in net_tx: the guest sends before a long row of packets is received. */
TEST(fault_064_turn_ends_with_packets_left)
{
	struct ifreq ifr = { .ifr_qlen = 8192 };
	unsigned int i, round, n = 8000, between = 0;
	static char frame[100];
	struct drv_done done;
	uint16_t base, at;
	struct vmm v;
	char *buf;

	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, vmm_net_up(&v, &(struct vmm_config) {
		.features = F_VERSION_1, .num = 16384, .ram_size = 16 << 20,
	}));
	memcpy(ifr.ifr_name, v.net.name, IFNAMSIZ);
	ASSERT_EQ(0, ioctl(v.net.peer, SIOCSIFTXQLEN, &ifr));
	buf = vmm_alloc(&v, 2048, 64);
	ASSERT_NE(NULL, buf);
	net_frame_fill(frame, sizeof(frame), 1);
	for (round = 0; round < 10 && !between; round++) {
		for (i = 0; i < n; i++)
			ASSERT_LT(0, net_peer_send(&v.net, frame, sizeof(frame)));
		base = v.vq[VQ_RX].ring.used_idx;
		for (i = 0; i < n; i++)
			drv_ring_add1(&v.vq[VQ_RX].ring, vmm_gpa(&v, buf), 2048, true, NULL);
		vmm_kick(&v, VQ_RX);
		ASSERT_EQ(1, drv_ring_wait(&v.vq[VQ_RX].ring, &done, VMM_TIMEOUT_MS));
		ASSERT_EQ(0, vmm_tx_send(&v, v.scratch, 100, 1));
		ASSERT_EQ(1, drv_ring_wait(&v.vq[VQ_TX].ring, &done, 30000));
		at = drv_ring_used(&v.vq[VQ_RX].ring);
		if ((uint16_t)(at - base) < n)
			between = (uint16_t)(at - base);
		for (i = 1; i < n; i++)
			ASSERT_EQ(1, drv_ring_wait(&v.vq[VQ_RX].ring, &done, VMM_TIMEOUT_MS))
				TH_LOG("packet %u", i);
	}
	TH_LOG("sent after %u of %u, in round %u", between, n, round);
	EXPECT_LT(0, between);
	vmm_close(&v);
}

TEST_HARNESS_MAIN
