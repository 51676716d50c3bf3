// SPDX-License-Identifier: GPL-2.0-only
/* VHOST_NET_SET_BACKEND: what is no backend, and attaching, changing, letting go. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "test.h"

FIXTURE(backend) {
	struct vmm v;
	struct net_backend second;	/* a tap that nothing uses yet */
};

FIXTURE_SETUP(backend)
{
	vmm_init(&self->v);
	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, vmm_net_up(&self->v, &(struct vmm_config){ .features = F_VERSION_1 }));
	ASSERT_EQ(0, net_backend_open(&self->second, NET_TAP, self->v.hdr_len));
}

FIXTURE_TEARDOWN(backend)
{
	vmm_close(&self->v);
	net_backend_close(&self->second);
}

/* Files that are no tap, macvtap or raw packet socket; the count of them. */
static unsigned int wrong_files(int *fds, int vhost_fd)
{
	unsigned int n = 0;
	int pipes[2];

	fds[n++] = open("/dev/null", O_RDWR | O_CLOEXEC);
	fds[n++] = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	fds[n++] = memfd_create("no backend", MFD_CLOEXEC);
	fds[n++] = event_new();
	if (!pipe2(pipes, O_CLOEXEC)) {
		fds[n++] = pipes[0];
		fds[n++] = pipes[1];
	}
	fds[n++] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	fds[n++] = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	fds[n++] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	fds[n++] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	fds[n++] = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, 1);
	fds[n++] = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(NET_ETHERTYPE));
	fds[n++] = fcntl(vhost_fd, F_DUPFD_CLOEXEC, 0);
	fds[n++] = vhost_open(VHOST_NET_PATH, 0);
	return n;
}

TEST_F(backend, not_a_tap)
{
	int fds[16], closed = fcntl(self->v.fd, F_DUPFD_CLOEXEC, 900);
	unsigned int i, q, n = wrong_files(fds, self->v.fd);

	close(closed);
	for (i = 0; i < n; i++) {
		ASSERT_LE(0, fds[i]) TH_LOG("file %u", i);
		for (q = 0; q < VMM_NVQS; q++) {
			EXPECT_EQ(-ENOTSOCK, vhost_net_set_backend(self->v.fd, q, fds[i]))
				TH_LOG("file %u", i);
		}
	}
	EXPECT_EQ(-ENOTSOCK, vhost_net_set_backend(self->v.fd, VQ_TX, closed));
	EXPECT_EQ(-ENOTSOCK, vhost_net_set_backend(self->v.fd, VQ_TX, -2));
	EXPECT_EQ(-ENOTSOCK, vhost_net_set_backend(self->v.fd, VQ_TX, INT32_MIN));
	/* Refused means that the old one stays. */
	EXPECT_EQ(0, vmm_traffic_check(&self->v));
	for (i = 0; i < n; i++)
		close(fds[i]);
}

TEST_F(backend, before_the_ring)
{
	struct vmm *v = &self->v;
	int fd = vhost_open(VHOST_NET_PATH, 0);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, vhost_set_owner(fd));
	EXPECT_EQ(-EFAULT, vhost_net_set_backend(fd, VQ_TX, v->net.fd));
	EXPECT_EQ(-EFAULT, vhost_net_set_backend(fd, VQ_RX, v->net.fd));
	EXPECT_EQ(0, vhost_net_set_backend(fd, VQ_RX, -1));
	close(fd);
	EXPECT_EQ(0, vmm_traffic_check(v));
}

TEST_F(backend, attach_again_and_detach_twice)
{
	struct vmm *v = &self->v;

	EXPECT_EQ(0, vmm_start(v, VQ_TX));
	EXPECT_EQ(0, vmm_start(v, VQ_RX));
	EXPECT_EQ(0, vmm_traffic_check(v));
	EXPECT_EQ(0, vhost_net_set_backend(v->fd, VQ_TX, -1));
	EXPECT_EQ(0, vhost_net_set_backend(v->fd, VQ_TX, -1));
	EXPECT_EQ(0, vmm_rx_check(v, 100, 1));
	EXPECT_EQ(0, vmm_start(v, VQ_TX));
	EXPECT_EQ(0, vmm_traffic_check(v));
}

TEST_F(backend, nothing_touched_after_detach)
{
	struct vmm *v = &self->v;
	char *copy, frame[200];
	unsigned int i;

	for (i = 0; i < 8; i++)
		drv_ring_add1(&v->vq[VQ_RX].ring, vmm_gpa(v, v->scratch) + i * 2048, 2048,
			      true, NULL);
	vmm_kick(v, VQ_RX);
	EXPECT_EQ(0, vmm_stop(v, VQ_RX));
	EXPECT_EQ(0, vmm_stop(v, VQ_TX));
	drv_ring_add1(&v->vq[VQ_TX].ring, vmm_gpa(v, v->scratch), 212, false, NULL);
	drv_ring_publish(&v->vq[VQ_TX].ring);
	copy = malloc(v->ram_size);
	ASSERT_NE(NULL, copy);
	memcpy(copy, v->ram, v->ram_size);
	event_take(v->vq[VQ_RX].call);
	net_frame_fill(frame, sizeof(frame), 1);
	for (i = 0; i < 8; i++) {
		net_peer_send(&v->net, frame, sizeof(frame));
		event_signal(v->vq[VQ_RX].kick);
		event_signal(v->vq[VQ_TX].kick);
	}
	EXPECT_EQ(-ETIMEDOUT, net_peer_recv(&v->net, frame, sizeof(frame), VMM_QUIET_MS));
	EXPECT_EQ(0, memcmp(copy, v->ram, v->ram_size));
	EXPECT_EQ(0, event_take(v->vq[VQ_RX].call));
	free(copy);
	/* The frames wait in the tap, the buffers in the ring. */
	ASSERT_EQ(0, vmm_start(v, VQ_RX));
	for (i = 0; i < 100 && drv_split_used_idx(&v->vq[VQ_RX].ring) != 8; i++)
		nap_us(10000);
	EXPECT_EQ(8, drv_split_used_idx(&v->vq[VQ_RX].ring));
}

TEST_F(backend, file_released_on_detach)
{
	struct vmm *v = &self->v;
	char name[IFNAMSIZ];
	int i;

	memcpy(name, v->net.name, IFNAMSIZ);
	ASSERT_EQ(0, vmm_traffic_check(v));
	ASSERT_NE(0, if_nametoindex(name));
	close(v->net.fd);
	v->net.fd = -1;
	/* The queues hold it. */
	nap_us(VMM_QUIET_MS * 1000);
	EXPECT_NE(0, if_nametoindex(name));
	ASSERT_LE(0, vmm_stop(v, VQ_TX));
	nap_us(VMM_QUIET_MS * 1000);
	EXPECT_NE(0, if_nametoindex(name));
	ASSERT_LE(0, vmm_stop(v, VQ_RX));
	for (i = 0; i < 200 && if_nametoindex(name); i++)
		nap_us(10000);
	EXPECT_EQ(0, if_nametoindex(name));
}

/* As QEMU over stop and cont: the position returned is where the next start goes on. */
TEST_F(backend, position_survives_stop)
{
	struct vmm *v = &self->v;
	int base, i;

	for (i = 1; i <= 50; i++) {
		ASSERT_EQ(0, vmm_tx_check(v, 60 + i, i));
		ASSERT_EQ(0, vmm_rx_check(v, 60 + i, i));
		base = vmm_stop(v, VQ_TX);
		EXPECT_EQ(i, base);
		ASSERT_EQ(0, vhost_set_vring_base(v->fd, VQ_TX, base));
		ASSERT_EQ(0, vmm_start(v, VQ_TX));
		base = vmm_stop(v, VQ_RX);
		EXPECT_EQ(i, base);
		ASSERT_EQ(0, vhost_set_vring_base(v->fd, VQ_RX, base));
		ASSERT_EQ(0, vmm_start(v, VQ_RX));
	}
}

/* One queue is reset by the guest and comes back smaller; the other one runs on. */
TEST_F(backend, ring_reset)
{
	static const unsigned int nums[] = { 128, 64, 2, 1, 256 };
	struct vmm *v = &self->v;
	unsigned int round, q;

	for (round = 0; round < 20; round++) {
		unsigned int num = nums[round % ARRAY_LEN(nums)];

		q = round % 2 ? VQ_RX : VQ_TX;
		ASSERT_LE(0, vmm_stop(v, q));
		ASSERT_EQ(0, q == VQ_TX ? vmm_rx_check(v, 300, round) :
					  vmm_tx_check(v, 300, round));
		ASSERT_EQ(0, vmm_ring(v, q, num, 0)) TH_LOG("num %u", num);
		ASSERT_EQ(0, vmm_start(v, q));
		ASSERT_EQ(0, vmm_traffic_check(v)) TH_LOG("num %u", num);
	}
}

/* ---- changes under traffic ---- */

struct toggler {
	struct vmm *v;
	unsigned int queue;
	int fds[2];
	volatile bool stop;
	unsigned int rounds;
	int ret;
};

static void *toggle_backend(void *arg)
{
	struct toggler *t = arg;

	while (!t->stop && !t->ret) {
		t->ret = vhost_net_set_backend(t->v->fd, t->queue, t->fds[t->rounds++ % 2]);
		nap_us(500);
	}
	return NULL;
}

/* No frame may be lost or doubled, whichever tap it leaves by. */
TEST_F_TIMEOUT(backend, swap_under_traffic, STRESS_TIMEOUT)
{
	struct vmm *v = &self->v;
	struct drv_ring *r = &v->vq[VQ_TX].ring;
	struct toggler g = { .v = v, .queue = VQ_TX, .fds = { self->second.fd, v->net.fd } };
	uint64_t end = now_ms() + stress_ms(2000);
	unsigned int sent = 0, got = 0, i;
	struct drv_done done;
	char *bufs[64];
	pthread_t t;

	for (i = 0; i < ARRAY_LEN(bufs); i++) {
		bufs[i] = vmm_alloc(v, 2048, 64);
		ASSERT_NE(NULL, bufs[i]);
	}
	ASSERT_EQ(0, pthread_create(&t, NULL, toggle_backend, &g));
	while (now_ms() < end || g.rounds < MIN_ROUNDS) {
		for (i = 0; i < ARRAY_LEN(bufs); i++) {
			ASSERT_EQ(0, vmm_tx_send(v, bufs[i], 100, sent++));
		}
		for (i = 0; i < ARRAY_LEN(bufs); i++) {
			ASSERT_EQ(1, drv_ring_wait(r, &done, VMM_TIMEOUT_MS))
				TH_LOG("%u sent, %u swaps", sent, g.rounds);
		}
		nap_us(1000);
		got += net_peer_drain(&v->net) + net_peer_drain(&self->second);
	}
	g.stop = true;
	pthread_join(t, NULL);
	nap_us(VMM_QUIET_MS * 1000);
	got += net_peer_drain(&v->net) + net_peer_drain(&self->second);
	EXPECT_EQ(0, g.ret);
	EXPECT_EQ(sent, got);
	EXPECT_FALSE(vmm_ring_error(v, VQ_TX, 0));
	TH_LOG("%u frames, %u swaps", sent, g.rounds);
}

TEST_F_TIMEOUT(backend, fault_005_attach_detach_under_traffic, STRESS_TIMEOUT)
{
	struct vmm *v = &self->v;
	struct drv_ring *r = &v->vq[VQ_TX].ring;
	struct toggler g = { .v = v, .queue = VQ_TX, .fds = { -1, v->net.fd } };
	uint64_t end = now_ms() + stress_ms(2000);
	struct drv_done done;
	unsigned int sent = 0;
	pthread_t t;

	ASSERT_EQ(0, pthread_create(&t, NULL, toggle_backend, &g));
	while (now_ms() < end || g.rounds < MIN_ROUNDS) {
		ASSERT_EQ(0, vmm_tx_send(v, v->scratch, 1000, sent++));
		ASSERT_EQ(1, drv_ring_wait(r, &done, VMM_TIMEOUT_MS))
			TH_LOG("%u sent, %u swaps", sent, g.rounds);
	}
	g.stop = true;
	pthread_join(t, NULL);
	EXPECT_EQ(0, g.ret);
	EXPECT_FALSE(vmm_ring_error(v, VQ_TX, 0));
	ASSERT_EQ(0, vmm_start(v, VQ_TX));
	EXPECT_EQ(0, vmm_traffic_check(v));
}

struct duper {
	int from[2], to;
	volatile bool stop;
};

static void *dup_forever(void *arg)
{
	struct duper *d = arg;
	unsigned int i = 0;

	while (!d->stop)
		if (dup3(d->from[i++ % 2], d->to, O_CLOEXEC) < 0)
			return (void *)1;
	return NULL;
}

/* The number names a tap now and a plain file then; it may be looked at once only. */
TEST_F_TIMEOUT(backend, fault_007_number_changes_meaning, STRESS_TIMEOUT)
{
	struct vmm *v = &self->v;
	int plain = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct duper d = {
		.from = { self->second.fd, plain },
		.to = fcntl(plain, F_DUPFD_CLOEXEC, 100),
	};
	uint64_t end = now_ms() + stress_ms(2000);
	unsigned int taken = 0, refused = 0, i;
	char name[IFNAMSIZ];
	pthread_t t;
	void *bad;
	int ret;

	memcpy(name, self->second.name, IFNAMSIZ);
	ASSERT_EQ(0, pthread_create(&t, NULL, dup_forever, &d));
	while (now_ms() < end || !taken || !refused) {
		ret = vhost_net_set_backend(v->fd, VQ_TX, d.to);
		ASSERT_TRUE(ret == 0 || ret == -ENOTSOCK) TH_LOG("%d", ret);
		taken += !ret;
		refused += !!ret;
		ASSERT_EQ(0, vhost_net_set_backend(v->fd, VQ_TX, -1));
	}
	d.stop = true;
	pthread_join(t, &bad);
	EXPECT_EQ(NULL, bad);
	/* Both files are really let go of: the tap disappears. */
	close(d.to);
	close(plain);
	close(self->second.fd);
	self->second.fd = -1;
	for (i = 0; i < 200 && if_nametoindex(name); i++)
		nap_us(10000);
	EXPECT_EQ(0, if_nametoindex(name));
	ASSERT_EQ(0, vmm_start(v, VQ_TX));
	EXPECT_EQ(0, vmm_traffic_check(v));
}

/* The tap refuses frames in the middle of batches; every head comes back all the same. */
TEST_F(backend, fault_006_interface_down_in_batch)
{
	struct vmm *v = &self->v;
	struct drv_ring *r = &v->vq[VQ_TX].ring;
	struct drv_done done;
	unsigned int i, round;
	char *bufs[64];

	for (i = 0; i < ARRAY_LEN(bufs); i++) {
		bufs[i] = vmm_alloc(v, 2048, 64);
		ASSERT_NE(NULL, bufs[i]);
	}
	for (round = 0; round < 10; round++) {
		if (round == 5) {
			ASSERT_EQ(0, net_link_down(v->net.name));
		}
		for (i = 0; i < ARRAY_LEN(bufs); i++) {
			ASSERT_EQ(0, vmm_tx_send(v, bufs[i], 100, i));
		}
		if (round == 3) {
			ASSERT_EQ(0, net_link_down(v->net.name));
		}
		if (round == 4) {
			ASSERT_EQ(0, net_link_up(v->net.name));
		}
		for (i = 0; i < ARRAY_LEN(bufs); i++) {
			ASSERT_EQ(1, drv_ring_wait(r, &done, VMM_TIMEOUT_MS))
				TH_LOG("round %u, frame %u", round, i);
		}
	}
	ASSERT_EQ(0, net_link_up(v->net.name));
	EXPECT_EQ(0, vmm_traffic_check(v));
	EXPECT_FALSE(vmm_ring_error(v, VQ_TX, 0));
}

TEST_F(backend, fault_006_interface_deleted)
{
	struct vmm *v = &self->v;
	struct drv_done done;

	ASSERT_EQ(0, net_link_del(v->net.name));
	ASSERT_EQ(0, vmm_tx_send(v, v->scratch, 100, 1));
	EXPECT_EQ(1, drv_ring_wait(&v->vq[VQ_TX].ring, &done, VMM_TIMEOUT_MS));
	drv_ring_add1(&v->vq[VQ_RX].ring, vmm_gpa(v, v->scratch), 2048, true, NULL);
	vmm_kick(v, VQ_RX);
	/* A new interface takes over. */
	ASSERT_LE(0, vmm_stop(v, VQ_RX));
	ASSERT_LE(0, vmm_stop(v, VQ_TX));
	ASSERT_EQ(0, vmm_rearm(v, VQ_RX, 0));
	ASSERT_EQ(0, vmm_rearm(v, VQ_TX, 0));
	net_backend_close(&v->net);
	v->net = self->second;
	self->second.fd = self->second.peer = -1;
	ASSERT_EQ(0, vmm_start(v, VQ_RX));
	ASSERT_EQ(0, vmm_start(v, VQ_TX));
	EXPECT_EQ(0, vmm_traffic_check(v));
}

TEST_HARNESS_MAIN
