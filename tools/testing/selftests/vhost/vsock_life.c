// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device of sockets from open to close: addresses, start and stop, owners that come
 * and go, with host sockets sending all the while.
 */
#include <poll.h>
#include <pthread.h>
#include <sys/wait.h>

#include "libvsock.h"
#include "test.h"

#define PORT		1234
#define HOST_PORT	4321
#define STREAM		VIRTIO_VSOCK_TYPE_STREAM
#define OFFERED		(F_SEQPACKET | F_NOTIFY_ON_EMPTY | F_LOG_ALL | F_ANY_LAYOUT | F_INDIRECT | \
			 F_EVENT_IDX | F_VERSION_1 | F_ACCESS_PLATFORM | F_PACKED | F_IN_ORDER)

/* For tests that have a time limit of their own. */
FIXTURE(life) {
};

FIXTURE_SETUP(life)
{
}

FIXTURE_TEARDOWN(life)
{
}

TEST(features)
{
	int fd = vhost_open(VSOCK_PATH, 0);
	unsigned int bit;
	uint64_t f;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, vhost_get_features(fd, &f));
	EXPECT_EQ(OFFERED, f);
	for (bit = 0; bit < 64; bit++) {
		EXPECT_EQ(OFFERED & BIT64(bit) ? 0 : -EOPNOTSUPP,
			  vhost_set_features(fd, BIT64(bit))) TH_LOG("bit %u", bit);
	}
	EXPECT_EQ(0, vhost_set_features(fd, OFFERED & ~F_LOG_ALL));
	close(fd);
}

TEST(addresses)
{
	static const uint64_t bad[] = { 0, 1, 2, UINT32_MAX, BIT64(32), BIT64(32) + 3, UINT64_MAX };
	int a = vhost_open(VSOCK_PATH, 0), b = vhost_open(VSOCK_PATH, 0);
	unsigned int i;

	ASSERT_LE(0, a);
	ASSERT_LE(0, b);
	/* Nobody need be the owner: a VMM does this first. */
	EXPECT_EQ(0, vs_set_cid(a, 3));
	EXPECT_EQ(0, vs_set_cid(a, 3));
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		EXPECT_EQ(-EINVAL, vs_set_cid(a, bad[i])) TH_LOG("%#llx", (long long)bad[i]);
	}
	EXPECT_EQ(-EFAULT, vhost_ioctl(a, VHOST_VSOCK_SET_GUEST_CID, (void *)UNMAPPED_ADDR));
	/* It still has it. */
	EXPECT_EQ(-EADDRINUSE, vs_set_cid(b, 3));
	EXPECT_EQ(0, vs_set_cid(b, UINT32_MAX - 1));
	EXPECT_EQ(-EADDRINUSE, vs_set_cid(a, UINT32_MAX - 1));
	EXPECT_EQ(0, vs_set_cid(a, 4));
	EXPECT_EQ(0, vs_set_cid(b, 3));
	close(a);
	EXPECT_EQ(0, vs_set_cid(b, 4));
	close(b);
}

TEST(start_and_stop)
{
	struct vs_guest g;
	int fd, host;

	fd = vhost_open(VSOCK_PATH, 0);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EPERM, vs_set_running(fd, 1));
	EXPECT_EQ(-EPERM, vs_set_running(fd, 0));
	ASSERT_EQ(0, vhost_set_owner(fd));
	EXPECT_EQ(-EFAULT, vs_set_running(fd, 1));
	EXPECT_EQ(0, vs_set_running(fd, 0));
	EXPECT_EQ(-EFAULT, vhost_ioctl(fd, VHOST_VSOCK_SET_RUNNING, (void *)UNMAPPED_ADDR));
	close(fd);

	ASSERT_EQ(0, vs_up(&g, &(struct vs_config){ .stopped = true }));
	/* Who never ran is not waited for. */
	EXPECT_EQ(-EHOSTUNREACH, vs_connect(SOCK_STREAM, VS_CID, PORT));
	/* Both queues or none, and a failure is not remembered. */
	ASSERT_EQ(0, vhost_set_features(g.v->fd, VS_FEATURES | F_ACCESS_PLATFORM));
	ASSERT_EQ(0, vhost_set_features(g.v->fd, VS_FEATURES));
	ASSERT_EQ(0, vhost_set_vring_addr(g.v->fd, &g.v->vq[VQ_RX].addr));
	EXPECT_EQ(-EFAULT, vs_set_running(g.v->fd, 1));
	EXPECT_EQ(0, vhost_set_vring_base(g.v->fd, VQ_RX, 0));
	ASSERT_EQ(0, vhost_set_vring_addr(g.v->fd, &g.v->vq[VQ_TX].addr));
	EXPECT_EQ(-EHOSTUNREACH, vs_connect(SOCK_STREAM, VS_CID, PORT));
	EXPECT_EQ(0, vs_set_running(g.v->fd, 1));
	EXPECT_EQ(0, vs_set_running(g.v->fd, -1));
	EXPECT_EQ(-EBUSY, vhost_set_vring_base(g.v->fd, VQ_RX, 0));
	ASSERT_EQ(0, vs_serve(&g));
	host = vs_connect(SOCK_STREAM, VS_CID, PORT);
	ASSERT_LE(0, host);
	EXPECT_EQ(0, vs_echo(host, 10000, 10000, 1));
	/* Stopped, it is waited for. */
	EXPECT_EQ(0, vs_set_running(g.v->fd, 0));
	EXPECT_EQ(0, vs_set_running(g.v->fd, 0));
	EXPECT_EQ(0, vs_write(host, "later", 5));
	EXPECT_EQ(0, vs_set_running(g.v->fd, 1));
	EXPECT_EQ(5, vs_read(host, (char[8]){ 0 }, 5));
	EXPECT_EQ(0, vs_echo(host, 10000, 10000, 2));
	close(host);
	vs_close(&g);
}

/* Row 2: addresses of one kind are not used as the other. */
TEST(fault_002_feature_switched_before_start)
{
	struct vs_guest g;

	ASSERT_EQ(0, vs_up(&g, &(struct vs_config){ .stopped = true }));
	ASSERT_EQ(0, vhost_set_features(g.v->fd, VS_FEATURES | F_ACCESS_PLATFORM));
	EXPECT_EQ(-EFAULT, vs_set_running(g.v->fd, 1));
	/* Under the feature any address is taken, one of the kernel's, too. */
	g.v->vq[VQ_TX].addr.used_user_addr = KERNEL_ADDR;
	ASSERT_EQ(0, vhost_set_vring_addr(g.v->fd, &g.v->vq[VQ_TX].addr));
	ASSERT_EQ(0, vhost_set_features(g.v->fd, VS_FEATURES));
	EXPECT_EQ(-EFAULT, vs_set_running(g.v->fd, 1));
	ASSERT_EQ(0, vhost_set_vring_addr(g.v->fd, &g.v->vq[VQ_RX].addr));
	vhost_set_vring_addr(g.v->fd, &g.v->vq[VQ_TX].addr);
	EXPECT_EQ(-EFAULT, vs_set_running(g.v->fd, 1));
	vs_close(&g);
}

/* Each queue may have a worker of its own. */
TEST(workers)
{
	struct vs_guest g;
	int host, id;

	ASSERT_EQ(0, vs_up(&g, &(struct vs_config){ 0 }));
	ASSERT_EQ(0, vs_serve(&g));
	host = vs_connect(SOCK_STREAM, VS_CID, PORT);
	ASSERT_LE(0, host);
	id = vhost_new_worker(g.v->fd);
	ASSERT_LE(0, id);
	EXPECT_EQ(0, vhost_attach_vring_worker(g.v->fd, VQ_TX, id));
	EXPECT_EQ(id, vhost_get_vring_worker(g.v->fd, VQ_TX));
	EXPECT_NE(id, vhost_get_vring_worker(g.v->fd, VQ_RX));
	EXPECT_EQ(0, vs_echo(host, 200000, 9999, 1));
	EXPECT_EQ(0, vhost_attach_vring_worker(g.v->fd, VQ_RX, id));
	EXPECT_EQ(0, vs_echo(host, 200000, 9999, 2));
	close(host);
	vs_close(&g);
}

/* ---- owners ---- */

/* The ioctls of a VMM that takes a device over as it stands. */
static int take_over(struct vs_guest *g, const int *base)
{
	unsigned int i;
	int ret = vhost_set_owner(g->v->fd);

	if (!ret)
		ret = vhost_set_features(g->v->fd, VS_FEATURES);
	if (!ret)
		ret = mem_table_set(&g->m.guest, g->v->fd);
	for (i = 0; !ret && i < VMM_NVQS; i++) {
		struct vmm_vq *q = &g->v->vq[i];

		ret = vhost_set_vring_num(g->v->fd, i, q->ring.num);
		if (!ret)
			ret = vhost_set_vring_base(g->v->fd, i, base[i]);
		if (!ret)
			ret = vhost_set_vring_addr(g->v->fd, &q->addr);
		if (!ret)
			ret = vhost_set_vring_kick(g->v->fd, i, q->kick);
		if (!ret)
			ret = vhost_set_vring_call(g->v->fd, i, q->call);
	}
	return ret ? ret : vs_set_running(g->v->fd, 1);
}

/* The new VMM: serves the guest until the host's socket is closed. */
static int second_vmm(struct vs_guest *g, const int *base, uint32_t peer_port)
{
	struct virtio_vsock_hdr h = vs_header(g, STREAM, VIRTIO_VSOCK_OP_RW, PORT, peer_port);
	struct vs_packet p;

	if (take_over(g, base))
		return 1;
	if (vs_expect(g, VIRTIO_VSOCK_OP_RW, &p) || p.len != 6 || memcmp(p.data, "during", 6))
		return 2;
	h.len = 5;
	h.fwd_cnt = 6 + 6;
	if (vs_tx(g, &h, "after", 5) || vs_tx_flush(g, VMM_TIMEOUT_MS))
		return 3;
	return vs_expect(g, VIRTIO_VSOCK_OP_SHUTDOWN, &p) ? 4 : 0;
}

/*
 * A VMM is replaced while its guest has a connection with the host: what is sent in
 * between is not lost, and nobody notices.
 */
TEST(owner_changes_under_a_connection)
{
	int host, base[VMM_NVQS], status;
	struct vs_packet p;
	struct vs_guest g;
	uint32_t peer;
	char got[8];
	pid_t pid;

	ASSERT_EQ(0, vs_up(&g, &(struct vs_config){ 0 }));
	host = vs_connect_start(SOCK_STREAM, VS_CID, PORT);
	ASSERT_LE(0, host);
	ASSERT_EQ(0, vs_guest_accept(&g, &p));
	peer = p.hdr.src_port;
	ASSERT_EQ(1, poll(&(struct pollfd){ .fd = host, .events = POLLOUT }, 1, VMM_TIMEOUT_MS));
	ASSERT_EQ(0, vs_write(host, "before", 6));
	ASSERT_EQ(0, vs_expect(&g, VIRTIO_VSOCK_OP_RW, &p));
	ASSERT_EQ(0, vs_tx_flush(&g, VMM_TIMEOUT_MS));

	ASSERT_EQ(0, vs_set_running(g.v->fd, 0));
	base[VQ_RX] = vhost_get_vring_base(g.v->fd, VQ_RX);
	base[VQ_TX] = vhost_get_vring_base(g.v->fd, VQ_TX);
	ASSERT_EQ(0, vhost_reset_owner(g.v->fd));
	ASSERT_EQ(0, vs_write(host, "during", 6));
	/* A connection that begins now waits as well. */
	status = vs_connect_start(SOCK_STREAM, VS_CID, PORT + 1);
	EXPECT_LE(0, status);
	close(status);
	pid = fork();
	if (!pid) {
		close(host);
		_exit(second_vmm(&g, base, peer));
	}
	ASSERT_EQ(1, poll(&(struct pollfd){ .fd = host, .events = POLLIN }, 1, VMM_TIMEOUT_MS));
	EXPECT_EQ(5, recv(host, got, sizeof(got), 0));
	EXPECT_EQ(0, memcmp(got, "after", 5));
	close(host);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status) TH_LOG("second VMM: %#x", status);
	vs_close(&g);
}

/* Row 85: the device ends with its file, whoever has that. */
TEST(fault_085_closed_by_another)
{
	int host, status, workers = proc_all_workers();
	struct vs_guest g;
	pid_t pid;

	memset(&g, 0, sizeof(g));
	g.v = &g.m.v;
	ASSERT_EQ(0, vs_up(&g, &(struct vs_config){ .stopped = true }));
	ASSERT_EQ(0, vhost_reset_owner(g.v->fd));
	pid = fork();
	if (!pid)
		_exit(take_over(&g, (int[VMM_NVQS]){ 0 }) ? 1 : 0);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	/* It ran in the child, who is gone; the host's socket has nobody to answer. */
	host = vs_connect_start(SOCK_STREAM, VS_CID, PORT);
	EXPECT_LE(0, host);
	EXPECT_EQ(-EPERM, vs_set_running(g.v->fd, 0));
	close(g.v->fd);
	g.v->fd = vhost_open(VSOCK_PATH, 0);
	ASSERT_LE(0, g.v->fd);
	EXPECT_EQ(0, vs_set_cid(g.v->fd, VS_CID));
	EXPECT_EQ(workers, proc_wait_all_workers(workers, VMM_TIMEOUT_MS));
	close(host);
	vs_close(&g);
}

/* ---- senders ---- */

#define SENDERS	16

struct sender {
	pthread_t thread;
	uint32_t cid;
	volatile bool *stop;
	int bad;		/* an error that must not be */
};

/* Older kernels call every failure to send a lack of memory. */
static bool expected(int err)
{
	return err == -ENODEV || err == -EHOSTUNREACH || err == -ECONNRESET || err == -EPIPE ||
	       err == -ENOTCONN || err == -ENOMEM;
}

/* Connect and send until the guest goes, again and again. */
static void *sender(void *arg)
{
	static char data[3000];
	struct sender *s = arg;
	int fd, err = 0;

	while (!*s->stop) {
		fd = vs_connect(SOCK_STREAM, s->cid, PORT);
		if (fd < 0) {
			err = fd;
			nap_us(1000);
		} else {
			while (!*s->stop && !(err = vs_write(fd, data, sizeof(data))))
				while (recv(fd, (char[512]){ 0 }, 512, MSG_DONTWAIT) > 0)
					;
			close(fd);
		}
		if (err && !expected(err))
			s->bad = err;
	}
	return NULL;
}

/*
 * Rows 20 and 21: the device goes, with its worker or without its owner, while host
 * sockets send to its address, and is there again at once.
 */
static void come_and_go(struct __test_metadata *_metadata, bool reset)
{
	uint64_t end = now_ms() + stress_ms(2000);
	struct sender s[SENDERS];
	volatile bool stop = false;
	unsigned int i, rounds = 0;
	struct vs_guest g;
	uint64_t limit;

	for (i = 0; i < SENDERS; i++) {
		s[i] = (struct sender) { .cid = VS_CID, .stop = &stop };
		ASSERT_EQ(0, pthread_create(&s[i].thread, NULL, sender, &s[i]));
	}
	while (now_ms() < end || rounds < 5) {
		ASSERT_EQ(0, vs_up(&g, &(struct vs_config){ 0 }));
		ASSERT_EQ(0, vs_serve(&g));
		for (limit = now_ms() + VMM_TIMEOUT_MS; g.served < 2 && now_ms() < limit;)
			nap_us(1000);
		EXPECT_LT(0, g.served);
		if (reset) {
			EXPECT_EQ(0, vhost_reset_owner(g.v->fd));
		}
		/* The file first: what serves the rings does not matter then. */
		close(g.v->fd);
		g.v->fd = -1;
		vs_close(&g);
		rounds++;
	}
	stop = true;
	for (i = 0; i < SENDERS; i++) {
		pthread_join(s[i].thread, NULL);
		EXPECT_EQ(0, s[i].bad);
	}
}

TEST_F_TIMEOUT(life, fault_021_close_while_hosts_send, STRESS_TIMEOUT)
{
	come_and_go(_metadata, false);
}

TEST_F_TIMEOUT(life, fault_020_reset_owner_while_hosts_send, STRESS_TIMEOUT)
{
	come_and_go(_metadata, true);
}

/* A peer whose guest is gone is told, whatever it waits for. */
TEST(peers_are_reset)
{
	struct vs_guest g;
	int host, err = 0;
	socklen_t len = sizeof(err);

	ASSERT_EQ(0, vs_up(&g, &(struct vs_config){ 0 }));
	ASSERT_EQ(0, vs_serve(&g));
	host = vs_connect(SOCK_STREAM, VS_CID, PORT);
	ASSERT_LE(0, host);
	vs_close(&g);
	EXPECT_EQ(1, poll(&(struct pollfd){ .fd = host, .events = POLLIN }, 1, VMM_TIMEOUT_MS));
	EXPECT_EQ(0, getsockopt(host, SOL_SOCKET, SO_ERROR, &err, &len));
	EXPECT_EQ(ECONNRESET, err);
	EXPECT_EQ(0, recv(host, (char[8]){ 0 }, 8, 0));
	EXPECT_EQ(-EPIPE, vs_write(host, "x", 1));
	close(host);
}

struct chatter {
	pthread_t thread;
	volatile bool *stop;
	unsigned int rounds;
	int ret;
};

static void *chatter(void *arg)
{
	struct chatter *c = arg;
	int fd = vs_connect(SOCK_STREAM, VS_CID, PORT);

	c->ret = fd < 0 ? fd : 0;
	while (!c->ret && !*c->stop) {
		c->ret = vs_echo(fd, 3000, 1000, c->rounds);
		c->rounds++;
	}
	if (fd >= 0)
		close(fd);
	return NULL;
}

/*
 * A guest that changes its address again and again, between two that fall in the same
 * place of any table, is no harm to its neighbour. Its own connections end with the
 * address they were made with.
 */
TEST_F_TIMEOUT(life, address_changes_under_traffic, STRESS_TIMEOUT)
{
	uint64_t end = now_ms() + stress_ms(1000);
	struct vs_guest a, b;
	volatile bool stop = false;
	struct chatter c = { .stop = &stop };
	unsigned int n = 0, seen;
	int host;

	ASSERT_EQ(0, vs_up(&a, &(struct vs_config){ 0 }));
	ASSERT_EQ(0, vs_serve(&a));
	ASSERT_EQ(0, vs_up(&b, &(struct vs_config){ .cid = VS_CID + 1 }));
	ASSERT_EQ(0, pthread_create(&c.thread, NULL, chatter, &c));
	host = vs_connect_start(SOCK_STREAM, VS_CID + 1, PORT);
	ASSERT_LE(0, host);
	ASSERT_EQ(0, vs_guest_accept(&b, &(struct vs_packet){ 0 }));
	ASSERT_EQ(1, poll(&(struct pollfd){ .fd = host, .events = POLLOUT }, 1, VMM_TIMEOUT_MS));
	ASSERT_EQ(0, vs_set_cid(b.v->fd, VS_CID + 2));
	EXPECT_EQ(1, poll(&(struct pollfd){ .fd = host, .events = POLLIN }, 1, VMM_TIMEOUT_MS));
	EXPECT_EQ(-1, recv(host, (char[8]){ 0 }, 8, MSG_DONTWAIT));
	EXPECT_EQ(ECONNRESET, errno);
	close(host);
	for (seen = 0; now_ms() < end || c.rounds < seen + MIN_ROUNDS; n++) {
		EXPECT_EQ(-EADDRINUSE, vs_set_cid(b.v->fd, VS_CID));
		ASSERT_EQ(0, vs_set_cid(b.v->fd, VS_CID + 3 + n % 1000));
		if (c.ret)
			break;
	}
	stop = true;
	pthread_join(c.thread, NULL);
	EXPECT_EQ(0, c.ret);
	vs_close(&b);
	vs_close(&a);
}

TEST_HARNESS_MAIN
