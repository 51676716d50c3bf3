// SPDX-License-Identifier: GPL-2.0-only
/* Transmit: what the guest sends arrives, whatever its shape, and in order. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include "libframe.h"
#include "test.h"

#define BUF_SIZE	(66 << 10)

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
FIXTURE_VARIANT_ADD(shapes, tap_vhost_header) { NET_TAP, F_INDIRECT | F_VERSION_1 | F_VHOST_HDR };
FIXTURE_VARIANT_ADD(shapes, tap_legacy_vhost_header) { NET_TAP, F_INDIRECT | F_VHOST_HDR };
FIXTURE_VARIANT_ADD(shapes, macvtap) { NET_MACVTAP, F_INDIRECT | F_VERSION_1 };
FIXTURE_VARIANT_ADD(shapes, packet_socket) { NET_PACKET, F_INDIRECT | F_VHOST_HDR };
FIXTURE_VARIANT_ADD(shapes, packed) { NET_TAP, F_INDIRECT | F_VERSION_1 | F_PACKED };

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
	/* Around the border between the batch and the other way, too. */
	static const size_t sizes[] = { 14, 15, 60, 200, 1514, 3500, 3600, 3800, 4096, 9000 };
	static char frame[BUF_SIZE];
	struct vmm *v = &self->v;
	char *buf = vmm_alloc(v, BUF_SIZE, 64);
	unsigned int shape, i, indirect;
	struct drv_done done;
	int ret;

	ASSERT_NE(NULL, buf);
	for (i = 0; i < ARRAY_LEN(sizes) * SHAPE_COUNT * 2; i++) {
		size_t len = sizes[i % ARRAY_LEN(sizes)];

		shape = i / ARRAY_LEN(sizes) % SHAPE_COUNT;
		indirect = i / ARRAY_LEN(sizes) / SHAPE_COUNT;
		if (variant->net != NET_TAP && len > 1514)
			continue;
		memset(buf, 0, v->hdr_len);
		net_frame_fill(buf + v->hdr_len, len, i);
		ASSERT_LE(0, frame_add(v, VQ_TX, buf, v->hdr_len + len, shape, false, indirect));
		vmm_kick(v, VQ_TX);
		ret = net_peer_recv(&v->net, frame, sizeof(frame), VMM_TIMEOUT_MS);
		EXPECT_EQ((int)len, ret) TH_LOG("%zu bytes, shape %u/%u", len, shape, indirect);
		EXPECT_EQ(0, net_frame_check(frame, len, i, NULL))
			TH_LOG("%zu bytes, shape %u/%u", len, shape, indirect);
		ASSERT_EQ(1, drv_ring_wait(&v->vq[VQ_TX].ring, &done, VMM_TIMEOUT_MS));
		EXPECT_EQ(0, done.len);
	}
	EXPECT_FALSE(vmm_ring_error(v, VQ_TX, 0));
}

/* Frames too short to be any are lost, and nothing else is. */
TEST_F(shapes, runts)
{
	struct vmm *v = &self->v;
	struct drv_done done;
	size_t len;

	for (len = 0; len < NET_ETH_HLEN; len++) {
		memset(v->scratch, 0, v->hdr_len + len);
		ASSERT_LE(0, frame_add(v, VQ_TX, v->scratch, v->hdr_len + len, SHAPE_ONE, false,
				       false));
		vmm_kick(v, VQ_TX);
		ASSERT_EQ(1, drv_ring_wait(&v->vq[VQ_TX].ring, &done, VMM_TIMEOUT_MS))
			TH_LOG("%zu bytes", len);
	}
	EXPECT_EQ(0, vmm_tx_check(v, 60, 1));
	EXPECT_FALSE(vmm_ring_error(v, VQ_TX, 0));
}

/* Batched and single frames in one go leave in the order they were queued. */
TEST_F(shapes, in_order)
{
	static const size_t sizes[] = { 60, 1514, 1000, 9000, 100, 4000, 64, 64 };
	static char frame[BUF_SIZE];
	struct vmm *v = &self->v;
	unsigned int i, round, n = 100;
	char *bufs[100];
	struct drv_done done;

	for (i = 0; i < n; i++) {
		bufs[i] = vmm_alloc(v, 10000, 64);
		ASSERT_NE(NULL, bufs[i]);
	}
	for (round = 0; round < 5; round++) {
		for (i = 0; i < n; i++) {
			size_t len = sizes[(i + round) % ARRAY_LEN(sizes)];

			if (variant->net != NET_TAP && len > 1514)
				len = 1514;
			memset(bufs[i], 0, v->hdr_len);
			net_frame_fill(bufs[i] + v->hdr_len, len, i);
			ASSERT_LE(0, frame_add(v, VQ_TX, bufs[i], v->hdr_len + len,
					       i % 2 ? SHAPE_ONE : SHAPE_HEADER, false, false));
		}
		vmm_kick(v, VQ_TX);
		for (i = 0; i < n; i++) {
			int ret = net_peer_recv(&v->net, frame, sizeof(frame), VMM_TIMEOUT_MS);

			ASSERT_LT(0, ret) TH_LOG("frame %u of round %u", i, round);
			ASSERT_EQ(0, net_frame_check(frame, ret, i, NULL))
				TH_LOG("frame %u of round %u", i, round);
			ASSERT_EQ(1, drv_ring_wait(&v->vq[VQ_TX].ring, &done, VMM_TIMEOUT_MS));
			ASSERT_EQ(bufs[i], done.cookie);
		}
	}
}

/* ---- a tap with the header in the socket ---- */

FIXTURE(tx) {
	struct vmm v;
	int peer;		/* sees offloads */
};

FIXTURE_VARIANT(tx) {
	uint64_t features;
};

FIXTURE_VARIANT_ADD(tx, split) { 0 };
FIXTURE_VARIANT_ADD(tx, packed) { F_PACKED };

FIXTURE_SETUP(tx)
{
	vmm_init(&self->v);
	self->peer = -1;
	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, vmm_net_up(&self->v, &(struct vmm_config) {
		.features = F_VERSION_1 | F_EVENT_IDX | F_INDIRECT | variant->features,
		.ram_size = 16 << 20,
	}));
	self->peer = frame_socket(self->v.net.name);
	ASSERT_LE(0, self->peer);
}

FIXTURE_TEARDOWN(tx)
{
	vmm_close(&self->v);
	if (self->peer >= 0)
		close(self->peer);
}

/* Receive a frame and its header. Length of the frame, or -errno. */
static int peer_recv(int fd, struct virtio_net_hdr *hdr, void *frame, size_t room)
{
	struct iovec iov[] = { { hdr, sizeof(*hdr) }, { frame, room } };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 2 };
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n;

	if (poll(&p, 1, VMM_TIMEOUT_MS) == 0)
		return -ETIMEDOUT;
	n = recvmsg(fd, &m, 0);
	return n < 0 ? -errno : (int)(n - sizeof(*hdr));
}

TEST_F(tx, offloads_pass)
{
	static const size_t sizes[] = { 100, 1514, 3000, 20000, 65000 };
	static char frame[BUF_SIZE];
	struct vmm *v = &self->v;
	struct drv_done done;
	unsigned int i;

	char *buf = vmm_alloc(v, BUF_SIZE, 64);

	ASSERT_NE(NULL, buf);
	for (i = 0; i < ARRAY_LEN(sizes) * 2; i++) {
		size_t len = sizes[i / 2];
		bool gso = i % 2 && len > 1514;
		struct virtio_net_hdr hdr, got;

		memset(buf, 0, v->hdr_len);
		frame_gso_fill(buf + v->hdr_len, len, i, gso, &hdr);
		memcpy(buf, &hdr, sizeof(hdr));
		ASSERT_LE(0, frame_add(v, VQ_TX, buf, v->hdr_len + len, SHAPE_ACROSS, false, false));
		vmm_kick(v, VQ_TX);
		ASSERT_EQ((int)len, peer_recv(self->peer, &got, frame, sizeof(frame)))
			TH_LOG("%zu bytes, gso %d", len, gso);
		EXPECT_EQ(0, frame_gso_check(frame, len, i)) TH_LOG("%zu bytes", len);
		EXPECT_EQ(hdr.flags, got.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM);
		EXPECT_EQ(hdr.gso_type, got.gso_type);
		EXPECT_EQ(hdr.gso_size, got.gso_size);
		EXPECT_EQ(hdr.csum_start, got.csum_start);
		EXPECT_EQ(hdr.csum_offset, got.csum_offset);
		ASSERT_EQ(1, drv_ring_wait(&v->vq[VQ_TX].ring, &done, VMM_TIMEOUT_MS));
	}
}

/* A header that asks for the impossible loses its frame only. */
TEST_F(tx, bad_headers)
{
	static const struct virtio_net_hdr bad[] = {
		{ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 0xffff, .csum_offset = 0xffff },
		{ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 99, .csum_offset = 16 },
		{ .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 0 },
		{ .gso_type = 0x7f, .gso_size = 100 },
	};
	struct vmm *v = &self->v;
	struct drv_done done;
	unsigned int i, big;

	for (i = 0; i < ARRAY_LEN(bad) * 2; i++) {
		struct virtio_net_hdr hdr;

		big = i % 2;
		memset(v->scratch, 0, v->hdr_len);
		frame_gso_fill(v->scratch + v->hdr_len, big ? 9000 : 100, i, false, &hdr);
		hdr = bad[i / 2];
		if (big && hdr.csum_start == 99)
			hdr.csum_start = 8999;
		memcpy(v->scratch, &hdr, sizeof(hdr));
		ASSERT_LE(0, frame_add(v, VQ_TX, v->scratch, v->hdr_len + (big ? 9000 : 100),
				       SHAPE_ONE, false, false));
		vmm_kick(v, VQ_TX);
		ASSERT_EQ(1, drv_ring_wait(&v->vq[VQ_TX].ring, &done, VMM_TIMEOUT_MS));
		EXPECT_EQ(-1, recv(self->peer, &hdr, sizeof(hdr), MSG_DONTWAIT)) TH_LOG("%u", i);
	}
	EXPECT_EQ(0, vmm_tx_check(v, 60, 1));
	EXPECT_FALSE(vmm_ring_error(v, VQ_TX, 0));
}

/* The driver is told of the batch that passes its mark, and of no other. */
TEST_F(tx, event_idx_suppresses_calls)
{
	struct vmm *v = &self->v;
	struct vmm_vq *q = &v->vq[VQ_TX];
	unsigned int i;

	ASSERT_EQ(0, vmm_tx_check(v, 60, 0));
	event_wait(q->call, VMM_TIMEOUT_MS);
	drv_ring_arm_at(&q->ring, 11);
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, vmm_tx_check(v, 60, i));
		EXPECT_EQ(0, event_wait(q->call, 5)) TH_LOG("frame %u", i);
	}
	ASSERT_EQ(0, vmm_tx_check(v, 60, i));
	EXPECT_EQ(1, event_wait(q->call, VMM_TIMEOUT_MS));
	for (i = 0; i < 10; i++)
		ASSERT_EQ(0, vmm_tx_check(v, 60, i));
	EXPECT_EQ(0, event_wait(q->call, VMM_QUIET_MS));
}

/* Within the poll no kick is asked for, and none is needed. */
TEST_F(tx, fault_076_busy_poll)
{
	static const unsigned int timeouts[] = { 50, 10000, 1000000, UINT32_MAX };
	struct vmm *v = &self->v;
	struct drv_ring *r = &v->vq[VQ_TX].ring;
	unsigned int i, n, unkicked = 0;
	struct drv_done done;
	uint64_t start;
	long cpu;

	for (i = 0; i < ARRAY_LEN(timeouts); i++) {
		ASSERT_EQ(0, vhost_set_busyloop_timeout(v->fd, VQ_TX, timeouts[i]));
		for (n = 0; n < 50; n++) {
			ASSERT_LE(0, drv_ring_add1(r, vmm_gpa(v, v->scratch), v->hdr_len + 60,
						   false, NULL));
			drv_ring_publish(r);
			if (drv_ring_need_kick(r))
				event_signal(v->vq[VQ_TX].kick);
			else if (timeouts[i] > 1000)
				unkicked++;
			ASSERT_EQ(1, drv_ring_wait(r, &done, VMM_TIMEOUT_MS)) TH_LOG("%u", n);
		}
		/* Nobody waits long for a poll to end. */
		start = now_ms();
		ASSERT_LE(0, vmm_stop(v, VQ_TX));
		EXPECT_GT(500, now_ms() - start) TH_LOG("timeout %u", timeouts[i]);
		ASSERT_EQ(0, vmm_start(v, VQ_TX));
	}
	EXPECT_LT(20, unkicked);
	nap_us(VMM_QUIET_MS * 1000);
	cpu = proc_worker_cpu_ms(getpid());
	nap_us(500000);
	EXPECT_GT(100, proc_worker_cpu_ms(getpid()) - cpu);
}

struct flood {
	struct vmm *v;
	volatile bool stop;
	unsigned int sent;
	int ret;
};

/* Keep the transmit ring full, without looking whether anything arrives. */
static void *flood_tx(void *arg)
{
	struct flood *f = arg;
	struct drv_ring *r = &f->v->vq[VQ_TX].ring;
	struct drv_done done;
	uint64_t gpa = vmm_gpa(f->v, f->v->ram + f->v->ram_size - 4096);

	while (!f->stop && f->ret >= 0) {
		while (drv_ring_add1(r, gpa, f->v->hdr_len + 60, false, NULL) >= 0)
			f->sent++;
		vmm_kick(f->v, VQ_TX);
		f->ret = drv_ring_wait(r, &done, VMM_TIMEOUT_MS);
		while (f->ret > 0)
			f->ret = drv_ring_get(r, &done);
	}
	return NULL;
}

/* A queue that never runs dry must not keep the worker from the other one. */
TEST_F(tx, fault_064_flood_leaves_time_for_rx)
{
	struct flood f = { .v = &self->v };
	uint64_t start, took[51], begin, allowed;
	unsigned int i;
	pthread_t t;

	memset(f.v->ram + f.v->ram_size - 4096, 0, 4096);
	begin = now_us();
	ASSERT_EQ(0, pthread_create(&t, NULL, flood_tx, &f));
	nap_us(50000);
	for (i = 0; i < ARRAY_LEN(took); i++) {
		start = now_us();
		EXPECT_EQ(0, vmm_rx_check(f.v, 100, i));
		took[i] = now_us() - start;
	}
	f.stop = true;
	allowed = turns_us(now_us() - begin, f.sent);
	pthread_join(t, NULL);
	EXPECT_LE(0, f.ret);
	qsort(took, ARRAY_LEN(took), sizeof(took[0]), compare_us);
	TH_LOG("%u frames sent, receive median %llu us, worst %llu us, allowed %llu us",
	       f.sent, (unsigned long long)took[ARRAY_LEN(took) / 2],
	       (unsigned long long)took[ARRAY_LEN(took) - 1], (unsigned long long)allowed);
	EXPECT_GT(allowed, took[ARRAY_LEN(took) / 2]);
}

/*
 * The same without a clock: a ring with far more in it than a turn may do. What
 * comes in meanwhile is received before that is done.
 */
TEST(fault_064_turn_ends_in_a_full_ring)
{
	unsigned int i, round, n = 30000, between = 0;
	static char frame[100];
	struct drv_done done;
	uint16_t base, at;
	struct vmm v;

	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, vmm_net_up(&v, &(struct vmm_config) {
		.features = F_VERSION_1, .num = 32768, .ram_size = 16 << 20,
	}));
	net_frame_fill(frame, sizeof(frame), 1);
	memset(v.scratch, 0, 4096);
	for (round = 0; round < 10 && !between; round++) {
		base = v.vq[VQ_TX].ring.used_idx;
		for (i = 0; i < n; i++)
			drv_ring_add1(&v.vq[VQ_TX].ring, vmm_gpa(&v, v.scratch), v.hdr_len + 60,
				      false, NULL);
		drv_ring_add1(&v.vq[VQ_RX].ring, vmm_gpa(&v, v.scratch + 4096), 2048, true, NULL);
		vmm_kick(&v, VQ_RX);
		vmm_kick(&v, VQ_TX);
		/* Its turn has begun when the first one is back. */
		ASSERT_EQ(1, drv_ring_wait(&v.vq[VQ_TX].ring, &done, VMM_TIMEOUT_MS));
		ASSERT_LT(0, net_peer_send(&v.net, frame, sizeof(frame)));
		ASSERT_EQ(1, drv_ring_wait(&v.vq[VQ_RX].ring, &done, 30000));
		at = drv_ring_used(&v.vq[VQ_TX].ring);
		if ((uint16_t)(at - base) < n)
			between = (uint16_t)(at - base);
		for (i = 1; i < n; i++)
			ASSERT_EQ(1, drv_ring_wait(&v.vq[VQ_TX].ring, &done, VMM_TIMEOUT_MS));
	}
	TH_LOG("received after %u of %u, in round %u", between, n, round);
	EXPECT_LT(0, between);
	vmm_close(&v);
}

/* ---- the backend's header, and its limits ---- */

/*
 * A header that nobody reads may hold anything; the tap gets zeros for it, also
 * where the memory for the frame has held others before.
 */
TEST(fault_104_header_not_for_the_socket)
{
	static const size_t sizes[] = { 60, 100, 1514, 777, 3000, 9000 };
	static char frame[BUF_SIZE];
	struct virtio_net_hdr got, zero = { 0 };
	struct drv_done done;
	unsigned int i, bad = 0;
	struct vmm v;
	int peer;

	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, vmm_net_up(&v, &(struct vmm_config) {
		.features = F_VERSION_1 | F_VHOST_HDR,
	}));
	peer = frame_socket(v.net.name);
	ASSERT_LE(0, peer);
	for (i = 0; i < 600; i++) {
		struct virtio_net_hdr hdr;
		size_t len = sizes[i % ARRAY_LEN(sizes)];

		frame_gso_fill(v.scratch + v.hdr_len, len, i, true, &hdr);
		/* What is left behind looks like a header that asks for much. */
		memset(v.scratch + v.hdr_len + FRAME_TCP_HLEN, 1, len - FRAME_TCP_HLEN);
		memset(v.scratch, 0xff, v.hdr_len);
		ASSERT_LE(0, frame_add(&v, VQ_TX, v.scratch, v.hdr_len + len, SHAPE_ONE, false,
				       false));
		vmm_kick(&v, VQ_TX);
		ASSERT_EQ((int)len, peer_recv(peer, &got, frame, sizeof(frame)))
			TH_LOG("frame %u, %zu bytes", i, len);
		bad += memcmp(frame, v.scratch + v.hdr_len, len) || memcmp(&got, &zero, sizeof(got));
		ASSERT_EQ(1, drv_ring_wait(&v.vq[VQ_TX].ring, &done, VMM_TIMEOUT_MS));
	}
	EXPECT_EQ(0, bad);
	close(peer);
	vmm_close(&v);
}

#ifndef IFF_BACKPRESSURE
#define IFF_BACKPRESSURE	0x0080
#endif

/*
 * A packet socket whose send buffer is full: buffers wait, in order, and go on
 * when there is room again. The interface behind it is a tap that nobody reads.
 */
TEST(full_socket_waits)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_BACKPRESSURE };
	struct sockaddr_ll a = { .sll_family = AF_PACKET, .sll_protocol = htons(NET_ETHERTYPE) };
	unsigned int i, n = 200, queued = 0, done_before, got = 0, features = 0;
	int tap, sock, small = 1, mtu_len = 1000;
	static char frame[2048];
	struct drv_done done;
	struct vmm v;
	char *bufs[200];

	tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	ASSERT_LE(0, tap);
	ASSERT_EQ(0, ioctl(tap, TUNGETFEATURES, &features));
	if (!(features & IFF_BACKPRESSURE))
		SKIP(return, "taps of this kernel drop frames when full");
	ASSERT_EQ(0, net_ns_enter());
	close(tap);
	tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	ASSERT_EQ(0, ioctl(tap, TUNSETIFF, &ifr));
	sock = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	ASSERT_LE(0, sock);
	ASSERT_EQ(0, setsockopt(sock, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)));
	ifr.ifr_qlen = 10;
	ASSERT_EQ(0, ioctl(sock, SIOCSIFTXQLEN, &ifr));
	ASSERT_EQ(0, net_link_up(ifr.ifr_name));
	a.sll_ifindex = if_nametoindex(ifr.ifr_name);
	ASSERT_EQ(0, bind(sock, (struct sockaddr *)&a, sizeof(a)));

	ASSERT_EQ(0, vmm_up(&v, &(struct vmm_config) { .features = F_VHOST_HDR, .num = 1024 }));
	ASSERT_EQ(0, vhost_net_set_backend(v.fd, VQ_TX, sock));
	for (i = 0; i < n; i++) {
		bufs[i] = vmm_alloc(&v, 1024, 64);
		ASSERT_NE(NULL, bufs[i]);
		ASSERT_EQ(0, vmm_tx_send(&v, bufs[i], mtu_len, i));
	}
	while (drv_ring_wait(&v.vq[VQ_TX].ring, &done, VMM_QUIET_MS) == 1)
		queued++;
	done_before = queued;
	EXPECT_GT(n, queued);
	for (i = 0; i < n * 10 && got < n; i++) {
		ssize_t len = read(tap, frame, sizeof(frame));

		if (len == mtu_len) {
			ASSERT_EQ(0, net_frame_check(frame, len, got, NULL)) TH_LOG("%u", got);
			got++;
		} else {
			nap_us(1000);
		}
	}
	EXPECT_EQ(n, got);
	while (queued < n && drv_ring_wait(&v.vq[VQ_TX].ring, &done, VMM_TIMEOUT_MS) == 1)
		queued++;
	EXPECT_EQ(n, queued);
	TH_LOG("%u of %u went without waiting", done_before, n);
	vmm_close(&v);
	close(sock);
	close(tap);
}

TEST_HARNESS_MAIN
