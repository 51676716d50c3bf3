// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packets made of the guest's own pages (vhost_net's experimental_zcopytx, set by
 * zerocopy.sh). They leave by one tap, and by way of a bridge for another, whose
 * queue stands still as long as nobody reads: there they are held.
 */
#include <fcntl.h>
#include <linux/if_tun.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "libframe.h"
#include "test.h"

/* Names that an older kernel's headers lack. */
#define TAP_BACKPRESSURE	0x0080

#define QUEUE_LEN	64	/* of the tap that is not read: its ring, and what waits for it */
#define HELD		40
#define LEN		1000
#define SMALL		100	/* always copied */

static bool switched_on(void)
{
	FILE *f = fopen("/sys/module/vhost_net/parameters/experimental_zcopytx", "re");
	int on = 0;

	if (f && fscanf(f, "%d", &on) != 1)
		on = 0;
	if (f)
		fclose(f);
	return on;
}

/* How many hold on to the module. */
static int module_refs(void)
{
	FILE *f = fopen("/sys/module/vhost_net/refcnt", "re");
	int n = -1;

	if (f && fscanf(f, "%d", &n) != 1)
		n = -1;
	if (f)
		fclose(f);
	return n;
}

static bool module_free(void)
{
	uint64_t end = now_ms() + VMM_TIMEOUT_MS;

	while (module_refs() && now_ms() < end)
		nap_us(1000);
	return !module_refs();
}

static int out_tap(char name[IFNAMSIZ])
{
	struct ifreq r = { .ifr_flags = IFF_TAP | IFF_NO_PI | TAP_BACKPRESSURE };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK), s;

	if (fd < 0 || ioctl(fd, TUNSETIFF, &r))
		return -errno;
	memcpy(name, r.ifr_name, IFNAMSIZ);
	s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	r.ifr_qlen = QUEUE_LEN;
	if (ioctl(s, SIOCSIFTXQLEN, &r))
		return -errno;
	close(s);
	return net_link_up(name) ? -EIO : fd;
}

/* The next frame of ours from the other tap, within a time; -EAGAIN if there is none. */
static int out_read(int fd, char *frame, size_t room, unsigned int timeout_ms)
{
	uint64_t end = now_ms() + timeout_ms;
	ssize_t n;

	for (;;) {
		n = read(fd, frame, room);
		if (n > NET_ETH_HLEN && !memcmp(frame + 6, "\x02ring", 5))
			return n;
		if (n < 0 && errno != EAGAIN)
			return -errno;
		if (n < 0 && now_ms() >= end)
			return -EAGAIN;
		if (n < 0)
			nap_us(100);
	}
}

/* To one place only, for a packet that is to be flooded everywhere is copied. */
static void unicast(char *frame)
{
	memset(frame, 0x02, 6);
}

/* Frames of a length in buffers of their own, kicked for all at once. */
static int tx_many(struct vmm *v, char *bufs, unsigned int n, size_t len)
{
	size_t step = v->hdr_len + len;
	unsigned int i;

	for (i = 0; i < n; i++) {
		char *buf = bufs + i * step;

		memset(buf, 0, v->hdr_len);
		net_frame_fill(buf + v->hdr_len, len, i);
		unicast(buf + v->hdr_len);
		if (drv_ring_add1(&v->vq[VQ_TX].ring, vmm_gpa(v, buf), step, false, buf) < 0)
			return -ENOSPC;
	}
	vmm_kick(v, VQ_TX);
	return 0;
}

static unsigned int take_used(struct vmm *v)
{
	struct drv_done done;
	unsigned int n = 0;

	while (drv_ring_get(&v->vq[VQ_TX].ring, &done) == 1)
		n++;
	return n;
}

static unsigned int wait_used(struct vmm *v, unsigned int n)
{
	uint64_t end = now_ms() + VMM_TIMEOUT_MS;
	unsigned int got = 0;

	while (got < n && now_ms() < end) {
		got += take_used(v);
		nap_us(100);
	}
	return got;
}

/* n used entries, and no more. */
static bool used_exactly(struct vmm *v, unsigned int n)
{
	unsigned int got = wait_used(v, n);

	nap_us(VMM_QUIET_MS * 1000);
	got += take_used(v);
	if (got != n)
		printf("# %u of %u used\n", got, n);
	return got == n;
}

/* A device whose packets go out by *out. */
static int device_up(struct vmm *v, uint64_t features, int *out)
{
	char name[IFNAMSIZ];
	int ret;

	ret = vmm_net_up(v, &(struct vmm_config){ .features = features });
	if (ret)
		return ret;
	ret = *out = out_tap(name);
	return ret < 0 ? ret : net_bridge(v->net.name, name);
}

/* Packets that are held, which newer kernels' taps do. 0, -ENODEV if this one does not. */
static int hold(struct vmm *v, int out)
{
	struct ifreq r = { .ifr_flags = 0 };
	char *small = vmm_alloc(v, 16 * (v->hdr_len + SMALL), 64);
	char *bufs = vmm_alloc(v, HELD * (v->hdr_len + LEN), 64);
	unsigned int i;

	if (ioctl(out, TUNGETIFF, &r))
		return -errno;
	if (!(r.ifr_flags & TAP_BACKPRESSURE))
		return -ENODEV;
	for (i = 0; i < QUEUE_LEN; i += 16)
		if (tx_many(v, small, 16, SMALL) || wait_used(v, 16) != 16)
			return -EIO;
	if (tx_many(v, bufs, HELD, LEN))
		return -ENOSPC;
	nap_us(2 * VMM_QUIET_MS * 1000);
	return take_used(v) ? -EALREADY : 0;
}

/* All that was held comes out, in order, byte by byte. 0 or -errno. */
static int let_go(int out)
{
	char frame[2000], want[LEN];
	unsigned int i, seen = 0;
	int n;

	for (i = 0; seen < HELD; i++) {
		n = out_read(out, frame, sizeof(frame), VMM_TIMEOUT_MS);
		if (n < 0)
			return n;
		if (n == SMALL)
			continue;
		net_frame_fill(want, LEN, seen++);
		unicast(want);
		if (n != LEN || memcmp(frame, want, LEN))
			return -EBADMSG;
	}
	return 0;
}

struct stopper {
	struct vmm *v;
	volatile bool done;
	int ret;
};

static void *stop_backend(void *arg)
{
	struct stopper *s = arg;

	s->ret = vhost_net_set_backend(s->v->fd, VQ_TX, -1);
	s->done = true;
	return NULL;
}

FIXTURE(zerocopy) {
	struct vmm v;
	int out;
};

FIXTURE_VARIANT(zerocopy) {
	uint64_t features;
};

FIXTURE_VARIANT_ADD(zerocopy, version_1) { F_VERSION_1 };
FIXTURE_VARIANT_ADD(zerocopy, event_idx) { F_VERSION_1 | F_EVENT_IDX | F_INDIRECT };
FIXTURE_VARIANT_ADD(zerocopy, vhost_header) { F_VHOST_HDR };

FIXTURE_SETUP(zerocopy)
{
	vmm_init(&self->v);
	self->out = -1;
	if (!switched_on())
		SKIP(return, "zerocopy.sh switches it on");
	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, device_up(&self->v, variant->features, &self->out));
}

FIXTURE_TEARDOWN(zerocopy)
{
	vmm_close(&self->v);
	if (self->out >= 0)
		close(self->out);
}

/* Buffers are given back when the packets are gone, and each of them once. */
TEST_F(zerocopy, fault_004_given_back_when_gone)
{
	struct vmm *v = &self->v;
	int ret = hold(v, self->out);

	if (ret == -ENODEV)
		SKIP(return, "nobody holds on to packets here");
	ASSERT_EQ(0, ret);
	EXPECT_EQ(HELD, drv_ring_in_flight(&v->vq[VQ_TX].ring));
	EXPECT_EQ(0, let_go(self->out));
	EXPECT_TRUE(used_exactly(v, HELD));
	EXPECT_EQ(QUEUE_LEN + HELD, vhost_get_vring_base(v->fd, VQ_TX));
}

TEST_F(zerocopy, fault_004_backend_waits)
{
	struct stopper s = { .v = &self->v };
	struct vmm *v = &self->v;
	int ret = hold(v, self->out);
	pthread_t t;

	if (ret == -ENODEV)
		SKIP(return, "nobody holds on to packets here");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, pthread_create(&t, NULL, stop_backend, &s));
	nap_us(2 * VMM_QUIET_MS * 1000);
	EXPECT_FALSE(s.done);
	EXPECT_EQ(0, take_used(v));
	EXPECT_EQ(0, let_go(self->out));
	pthread_join(t, NULL);
	EXPECT_EQ(0, s.ret);
	/* Before the call came back. */
	EXPECT_EQ(HELD, take_used(v));
	EXPECT_EQ(QUEUE_LEN + HELD, vhost_get_vring_base(v->fd, VQ_TX));
	ASSERT_EQ(0, vmm_start(v, VQ_TX));
	ASSERT_EQ(0, tx_many(v, v->scratch, 1, LEN));
	EXPECT_TRUE(used_exactly(v, 1));
}

/* Another backend in flight, and none, in turn; the same number of buffers as packets. */
TEST_F_TIMEOUT(zerocopy, fault_005_backend_in_turn, STRESS_TIMEOUT)
{
	struct vmm *v = &self->v;
	char *bufs = vmm_alloc(v, HELD * (v->hdr_len + LEN), 64), frame[2000];
	uint64_t end = now_ms() + stress_ms(1000);
	unsigned int round, sent = 0;

	for (round = 0; now_ms() < end || round < MIN_ROUNDS; round++) {
		unsigned int n = 1 + round % HELD;
		struct stopper s = { .v = v };
		pthread_t t;

		ASSERT_EQ(0, tx_many(v, bufs, n, LEN));
		if (round % 3)
			nap_us(round % 7 * 100);
		ASSERT_EQ(0, pthread_create(&t, NULL, stop_backend, &s));
		while (!s.done)
			out_read(self->out, frame, sizeof(frame), 0);
		pthread_join(t, NULL);
		ASSERT_EQ(0, s.ret);
		sent += take_used(v);
		/* All that was taken is back. */
		ASSERT_EQ((uint16_t)sent, vhost_get_vring_base(v->fd, VQ_TX));
		ASSERT_EQ(0, vmm_start(v, VQ_TX));
		while (drv_ring_in_flight(&v->vq[VQ_TX].ring) && now_ms() < end + VMM_TIMEOUT_MS) {
			out_read(self->out, frame, sizeof(frame), 0);
			sent += take_used(v);
		}
		ASSERT_EQ(0, drv_ring_in_flight(&v->vq[VQ_TX].ring));
	}
	printf("# %u rounds, %u packets\n", round, sent);
}

/* The tap cuts a segment: the pieces have the buffer in common. */
TEST_F(zerocopy, fault_004_segments)
{
	size_t len = FRAME_TCP_HLEN + 5 * FRAME_MSS, step = len + 16;
	char *bufs = vmm_alloc(&self->v, 4 * step, 64), frame[2000];
	struct vmm *v = &self->v;
	unsigned int i, pieces = 0;

	if (v->features & F_VHOST_HDR)
		SKIP(return, "a header is needed");
	for (i = 0; i < 4; i++) {
		struct virtio_net_hdr hdr;
		char *buf = bufs + i * step;

		memset(buf, 0, v->hdr_len);
		frame_gso_fill(buf + v->hdr_len, len, i, true, &hdr);
		memcpy(buf, &hdr, sizeof(hdr));
		unicast(buf + v->hdr_len);
		ASSERT_LE(0, drv_ring_add1(&v->vq[VQ_TX].ring, vmm_gpa(v, buf), v->hdr_len + len,
					   false, buf));
	}
	vmm_kick(v, VQ_TX);
	while (pieces < 4 * 5) {
		ASSERT_LT(0, out_read(self->out, frame, sizeof(frame), VMM_TIMEOUT_MS));
		i = pieces++;
		EXPECT_EQ(0, memcmp(frame + FRAME_TCP_HLEN,
				    bufs + i / 5 * step + v->hdr_len + FRAME_TCP_HLEN +
				    i % 5 * FRAME_MSS, FRAME_MSS)) TH_LOG("piece %u", i);
	}
	EXPECT_TRUE(used_exactly(v, 4));
}

/* ---- owners that die ---- */

/* A VMM in a process of its own: holds packets, says so, and then waits for them or not. */
static void dying_vmm(int out_pipe, bool wait)
{
	struct vmm v;
	int ret, out;

	vmm_init(&v);
	ret = device_up(&v, F_VERSION_1, &out);
	if (!ret)
		ret = hold(&v, out);
	/* The tap stays when we are gone. */
	if (!ret && fork() == 0) {
		close(v.fd);
		close(out_pipe);
		pause();
		_exit(0);
	}
	if (write(out_pipe, &ret, sizeof(ret)) != sizeof(ret))
		_exit(1);
	if (!ret && wait)
		vhost_net_set_backend(v.fd, VQ_TX, -1);
	_exit(0);
}

FIXTURE(dying) {
	pid_t group;
};

FIXTURE_SETUP(dying)
{
	self->group = 0;
	if (!switched_on())
		SKIP(return, "zerocopy.sh switches it on");
	ASSERT_EQ(0, net_ns_enter());
}

FIXTURE_TEARDOWN(dying)
{
	if (self->group)
		kill(-self->group, SIGKILL);
}

/* Returns the VMM's pid, or what went wrong. */
static pid_t start_dying(bool wait)
{
	int p[2], ret = -EPIPE;
	pid_t pid;

	if (pipe(p))
		return -errno;
	pid = fork();
	if (!pid) {
		setpgid(0, 0);
		close(p[0]);
		dying_vmm(p[1], wait);
	}
	close(p[1]);
	if (read(p[0], &ret, sizeof(ret)) != sizeof(ret))
		ret = -EPIPE;
	close(p[0]);
	return ret ? ret : pid;
}

static bool ends_in_time(pid_t pid)
{
	uint64_t end = now_ms() + VMM_TIMEOUT_MS;

	while (now_ms() < end) {
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return true;
		nap_us(1000);
	}
	return false;
}

TEST_F(dying, fault_016_killed_while_waiting)
{
	pid_t pid = start_dying(true);

	if (pid == -ENODEV)
		SKIP(return, "nobody holds on to packets here");
	ASSERT_LT(0, pid);
	self->group = pid;
	nap_us(VMM_QUIET_MS * 1000);
	EXPECT_EQ(0, waitpid(pid, NULL, WNOHANG));
	kill(pid, SIGKILL);
	EXPECT_TRUE(ends_in_time(pid));
	/* Those who are to be told of the packets' end are still there. */
	EXPECT_LT(0, module_refs());
	kill(-self->group, SIGKILL);
	EXPECT_TRUE(module_free());
}

/* Nobody has to wait for packets to close the device. */
TEST_F(dying, exit_while_held)
{
	pid_t pid = start_dying(false);

	if (pid == -ENODEV)
		SKIP(return, "nobody holds on to packets here");
	ASSERT_LT(0, pid);
	self->group = pid;
	EXPECT_TRUE(ends_in_time(pid));
	EXPECT_LT(0, module_refs());
	kill(-self->group, SIGKILL);
	EXPECT_TRUE(module_free());
}

TEST_HARNESS_MAIN
