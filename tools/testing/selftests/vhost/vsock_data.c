// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the data of sockets go: what the dirty log says of it, what a monitor sees of it,
 * whose memory it is sent from, and which namespaces it crosses.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/errqueue.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/vsockmon.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>

#include "libdirty.h"
#include "libvsock.h"
#include "test.h"

#define PORT		1234
#define HOST_PORT	4321
#define STREAM		VIRTIO_VSOCK_TYPE_STREAM
#define SEQPACKET	VIRTIO_VSOCK_TYPE_SEQPACKET

/* ---- dirty log ---- */

FIXTURE(logged) {
	struct vs_guest g;
	struct dirty_log d;
	struct watch w;
	int listener;
	int fd;
};

FIXTURE_VARIANT(logged) {
	struct vs_config c;
};

/* Buffers that cross pages, and leave some of them alone. */
FIXTURE_VARIANT_ADD(logged, plain) {
	.c = { .rx_size = 3000, .num = 64, .paged = true },
};

FIXTURE_VARIANT_ADD(logged, in_order) {
	.c = { .features = VS_FEATURES | F_IN_ORDER },
};

FIXTURE_VARIANT_ADD(logged, packed) {
	.c = { .features = VS_FEATURES | F_PACKED | F_IN_ORDER },
};

FIXTURE_VARIANT_ADD(logged, iommu) {
	.c = { .features = VS_FEATURES, .rx_size = 5000, .num = 64, .iommu = true },
};

FIXTURE_SETUP(logged)
{
	struct vs_config c = variant->c;
	struct vs_guest *g = &self->g;

	self->listener = vs_listen(SOCK_STREAM, HOST_PORT);
	ASSERT_LE(0, self->listener);
	c.cid = vs_quiet_cid();
	ASSERT_EQ(0, vs_up(g, &c));
	ASSERT_EQ(0, vs_guest_connect(g, STREAM, PORT, HOST_PORT));
	self->fd = vs_accept(self->listener);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, vs_tx_flush(g, VMM_TIMEOUT_MS));
	ASSERT_EQ(0, dirty_init(&self->d, IOMMU_GPA + g->m.pages * IOMMU_PAGE, 3));
	ASSERT_EQ(0, watch_log_on(&self->w, &g->m, &self->d));
}

FIXTURE_TEARDOWN(logged)
{
	vs_close(&self->g);
	close(self->fd);
	close(self->listener);
	dirty_free(&self->d);
	watch_free(&self->w);
}

TEST_F(logged, what_is_received)
{
	static const size_t sizes[] = { 1, 1000, 2956, 2957, 4052, 9000 };
	struct drv_ring *r = &self->g.v->vq[VQ_RX].ring;
	struct drv_done done[8];
	static char data[9000];
	unsigned int i, n, k;
	size_t at;

	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		vs_fill(data, sizes[i], i + 1);
		watch_begin(&self->w);
		ASSERT_EQ(0, vs_write(self->fd, data, sizes[i]));
		for (at = n = 0; at < sizes[i]; at += done[n++].len - VS_HDR) {
			ASSERT_GT(8, n);
			ASSERT_EQ(1, drv_ring_wait(r, &done[n], VMM_TIMEOUT_MS));
			EXPECT_EQ(0, memcmp(data + at, (char *)done[n].cookie + VS_HDR,
					    done[n].len - VS_HDR));
			watch_may(&self->w, done[n].cookie, done[n].len);
		}
		EXPECT_EQ(sizes[i], at);
		EXPECT_EQ(0, watch_end(&self->w)) TH_LOG("%zu bytes", sizes[i]);
		for (k = 0; k < n; k++) {
			ASSERT_LE(0, drv_ring_add1(r, vmm_gpa(self->g.v, done[k].cookie),
						   self->g.rx_size, true, done[k].cookie));
		}
		vmm_kick(self->g.v, VQ_RX);
	}
}

TEST_F(logged, what_is_sent)
{
	struct virtio_vsock_hdr h = vs_header(&self->g, STREAM, VIRTIO_VSOCK_OP_RW, PORT,
					      HOST_PORT);
	struct vs_slot *s = &self->g.slot[0];
	struct drv_done done;
	char got[100];

	h.len = 100;
	memcpy(s->mem, &h, VS_HDR);
	vs_fill(s->mem + VS_HDR, 100, 1);
	ASSERT_LE(0, drv_ring_add1(&self->g.v->vq[VQ_TX].ring, vmm_gpa(self->g.v, s->mem),
				   VS_HDR + 100, false, s));
	drv_ring_publish(&self->g.v->vq[VQ_TX].ring);
	watch_begin(&self->w);
	vmm_force_kick(self->g.v, VQ_TX);
	ASSERT_EQ(1, drv_ring_wait(&self->g.v->vq[VQ_TX].ring, &done, VMM_TIMEOUT_MS));
	/* The turn is over: it marks before it writes. */
	ASSERT_LE(0, vhost_get_vring_base(self->g.v->fd, VQ_TX));
	EXPECT_EQ(0, watch_end(&self->w));
	/* The guest is told of the credit that this gives, which is no part of it. */
	EXPECT_EQ(100, vs_read(self->fd, got, 100));
	EXPECT_EQ(0, memcmp(got, s->mem + VS_HDR, 100));
}

/* ---- monitor ---- */

/* A socket that sees what every transport carries; -ENODEV without such a driver. */
static int monitor_open(void)
{
	struct sockaddr_ll a = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	struct timeval t = { .tv_sec = 5 };
	int fd;

	if (system("ip link add vsockmon0 type vsockmon 2>/dev/null && ip link set vsockmon0 up"))
		return -ENODEV;
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	a.sll_ifindex = if_nametoindex("vsockmon0");
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)))
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	return fd;
}

struct captured {
	struct af_vsockmon_hdr mon;
	struct virtio_vsock_hdr hdr;
	char data[70000];
} __attribute__((packed));

/* The next packet with data, and how long these are. */
static ssize_t captured_data(int fd, struct captured *c)
{
	ssize_t n;

	do
		n = recv(fd, c, sizeof(*c), 0);
	while (n >= (ssize_t)offsetof(struct captured, data) &&
	       c->mon.op != AF_VSOCK_OP_PAYLOAD);
	return n < 0 ? -errno : n - (ssize_t)offsetof(struct captured, data);
}

/* Row 105: a monitor sees the bytes that are sent, of each part of a packet its own. */
TEST(fault_105_monitor_sees_the_parts)
{
	static char data[10000];
	static struct captured c;
	struct virtio_vsock_hdr h;
	struct vs_packet p;
	struct vs_guest g;
	unsigned int n = 0;
	size_t at = 0;
	ssize_t len;
	int mon, fd;

	ASSERT_EQ(0, net_ns_enter());
	mon = monitor_open();
	if (mon == -ENODEV)
		SKIP(return, "kernel without vsockmon");
	ASSERT_LE(0, mon);
	ASSERT_EQ(0, vs_up(&g, &(struct vs_config){ 0 }));
	fd = vs_connect_start(SOCK_SEQPACKET, VS_CID, PORT);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, vs_guest_accept(&g, &p));
	h = vs_header(&g, SEQPACKET, VIRTIO_VSOCK_OP_RW, PORT, p.hdr.src_port);
	ASSERT_EQ(1, poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, VMM_TIMEOUT_MS));
	vs_fill(data, sizeof(data), 1);
	ASSERT_EQ((ssize_t)sizeof(data), send(fd, data, sizeof(data), MSG_EOR));
	while (at < sizeof(data)) {
		ASSERT_EQ(0, vs_expect(&g, VIRTIO_VSOCK_OP_RW, &p));
		len = captured_data(mon, &c);
		ASSERT_EQ((ssize_t)p.len, len);
		EXPECT_EQ(0, memcmp(&c.hdr, &p.hdr, VS_HDR));
		EXPECT_EQ(0, memcmp(c.data, data + at, len));
		EXPECT_EQ(at + len == sizeof(data) ? 3 : 0, c.hdr.flags);
		at += len;
		n++;
	}
	EXPECT_EQ(3, n);
	h.len = 300;
	ASSERT_EQ(0, vs_tx(&g, &h, data, 300));
	ASSERT_EQ(300, captured_data(mon, &c));
	EXPECT_EQ(0, memcmp(c.data, data, 300));
	EXPECT_EQ(VS_CID, c.mon.src_cid);
	vs_close(&g);
	close(fd);
	close(mon);
}

/* ---- the sender's memory ---- */

#define ZC_SIZE	200000

/* How many sends are done with, and whether any of them was copied after all. */
static int completions(int fd, unsigned int want, bool *copied)
{
	unsigned int n = 0;

	while (n < want) {
		struct pollfd p = { .fd = fd };
		char control[128];
		struct msghdr msg = { .msg_control = control, .msg_controllen = sizeof(control) };
		struct sock_extended_err *e;

		if (poll(&p, 1, VMM_TIMEOUT_MS) != 1)
			return -ETIMEDOUT;
		if (recvmsg(fd, &msg, MSG_ERRQUEUE) < 0)
			return -errno;
		if (!CMSG_FIRSTHDR(&msg))
			return -EPROTO;
		e = (struct sock_extended_err *)CMSG_DATA(CMSG_FIRSTHDR(&msg));
		if (e->ee_origin != SO_EE_ORIGIN_ZEROCOPY)
			return -EPROTO;
		*copied |= e->ee_code & SO_EE_CODE_ZEROCOPY_COPIED;
		n += e->ee_data - e->ee_info + 1;
	}
	return n;
}

/* Row 149: data in the sender's own pages arrive, and each send is done with once. */
TEST(fault_149_sent_without_a_copy)
{
	char *data = mmap(NULL, ZC_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	const int sends = 3;
	static char got[ZC_SIZE];
	bool copied = false;
	struct vs_guest g;
	int fd, i, one = 1;

	ASSERT_NE(MAP_FAILED, data);
	/* Connected to nobody it is the kernel alone that says whether it can. */
	fd = socket(AF_VSOCK, SOCK_STREAM, 0);
	ASSERT_LE(0, fd);
	if (setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)))
		SKIP(return, "kernel whose sockets always copy");
	close(fd);
	ASSERT_EQ(0, vs_up(&g, &(struct vs_config){ 0 }));
	ASSERT_EQ(0, vs_serve(&g));
	fd = vs_connect(SOCK_STREAM, VS_CID, PORT);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)));
	for (i = 0; i < sends; i++) {
		vs_fill(data, ZC_SIZE, i);
		ASSERT_EQ(ZC_SIZE, send(fd, data, ZC_SIZE, MSG_ZEROCOPY | MSG_NOSIGNAL));
		ASSERT_EQ(ZC_SIZE, vs_read(fd, got, ZC_SIZE));
		EXPECT_EQ(0, memcmp(got, data, ZC_SIZE));
		EXPECT_EQ(1, completions(fd, 1, &copied));
	}
	EXPECT_FALSE(copied);
	EXPECT_EQ(0, poll(&(struct pollfd){ .fd = fd }, 1, VMM_QUIET_MS));
	close(fd);
	vs_close(&g);
}

/* ---- namespaces ---- */

static int set_mode(const char *mode)
{
	int fd = open("/proc/sys/net/vsock/child_ns_mode", O_WRONLY), ret;

	if (fd < 0)
		return -errno;
	ret = write(fd, mode, strlen(mode)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

/* A namespace may have its guests for itself; others, without asking, share them. */
TEST(namespaces)
{
	struct vs_guest outer, inner;
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), fd;

	ASSERT_LE(0, home);
	ASSERT_EQ(0, vs_up(&outer, &(struct vs_config){ 0 }));
	ASSERT_EQ(0, vs_serve(&outer));
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	fd = vs_connect(SOCK_STREAM, VS_CID, PORT);
	EXPECT_LE(0, fd);
	close(fd);
	EXPECT_EQ(1, outer.served);
	if (set_mode("local") == -ENOENT) {
		vs_close(&outer);
		SKIP(return, "kernel without namespaces of guests");
	}
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	fd = vs_connect(SOCK_STREAM, VS_CID, PORT);
	/* The latter where this kernel has a device of a guest, too. */
	EXPECT_TRUE(fd == -ENODEV || fd == -ENETUNREACH) TH_LOG("%d", fd);
	/* The same address once more. */
	ASSERT_EQ(0, vs_up(&inner, &(struct vs_config){ 0 }));
	ASSERT_EQ(0, vs_serve(&inner));
	fd = vs_connect(SOCK_STREAM, VS_CID, PORT);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, vs_echo(fd, 5000, 5000, 1));
	close(fd);
	EXPECT_EQ(1, inner.served);
	ASSERT_EQ(0, setns(home, CLONE_NEWNET));
	fd = vs_connect(SOCK_STREAM, VS_CID, PORT);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, vs_echo(fd, 5000, 5000, 2));
	EXPECT_EQ(1, inner.served);
	EXPECT_EQ(2, outer.served);
	/* The end of the one is nothing to the other's connections. */
	vs_close(&inner);
	EXPECT_EQ(0, vs_echo(fd, 5000, 5000, 3));
	close(fd);
	vs_close(&outer);
}

TEST_HARNESS_MAIN
