// SPDX-License-Identifier: GPL-2.0-only
/* Sockets of the host and a guest: connections both ways, streams and messages. */
#include <poll.h>
#include <pthread.h>

#include "libvsock.h"
#include "test.h"

#define PORT		1234
#define HOST_PORT	4321
#define MAX_CLIENTS	64

FIXTURE(vsock) {
	struct vs_guest g;
};

FIXTURE_VARIANT(vsock) {
	struct vs_config c;
	size_t most;			/* bytes at a time: it takes time ... */
	unsigned int clients;		/* ... as do these */
};

FIXTURE_VARIANT_ADD(vsock, event_idx) {
	.c = { 0 },
	.most = 500000,
	.clients = MAX_CLIENTS,
};

FIXTURE_VARIANT_ADD(vsock, legacy) {
	.c = { .features = F_SEQPACKET | F_NOTIFY_ON_EMPTY | F_ANY_LAYOUT },
	.most = 65537,
	.clients = 16,
};

FIXTURE_VARIANT_ADD(vsock, in_order) {
	.c = { .features = VS_FEATURES | F_IN_ORDER, .num = 32 },
	.most = 65537,
	.clients = 16,
};

FIXTURE_VARIANT_ADD(vsock, packed) {
	.c = { .features = VS_FEATURES | F_PACKED, .num = 100 },
	.most = 65537,
	.clients = 16,
};

/* Every packet of any size is split; some of the pieces cross pages. */
FIXTURE_VARIANT_ADD(vsock, small_buffers) {
	.c = { .rx_size = 172, .paged = true },
	.most = 10000,
	.clients = 16,
};

FIXTURE_VARIANT_ADD(vsock, iommu) {
	.c = { .features = VS_FEATURES, .iommu = true },
	.most = 131072,
	.clients = 16,
};

FIXTURE_SETUP(vsock)
{
	ASSERT_EQ(0, vs_up(&self->g, &variant->c));
	ASSERT_EQ(0, vs_serve(&self->g));
}

FIXTURE_TEARDOWN(vsock)
{
	EXPECT_EQ(0, self->g.errors);
	vs_close(&self->g);
}

TEST_F(vsock, echo_of_all_sizes)
{
	static const size_t sizes[] = {
		1, 43, 44, 45, 127, 128, 129, 4051, 4052, 4053, 4096, 10000, 65535, 65536,
		65537, 131072, 262144,
	};
	int fd = vs_connect(SOCK_STREAM, VS_CID, PORT);
	unsigned int i;

	ASSERT_LE(0, fd);
	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		if (sizes[i] > variant->most)
			break;
		EXPECT_EQ(0, vs_echo(fd, sizes[i], sizes[i], i)) TH_LOG("%zu bytes", sizes[i]);
	}
	/* More than the guest has room for: the credit comes back. */
	if (variant->most > VS_CREDIT) {
		EXPECT_EQ(0, vs_echo(fd, variant->most, 77777, 99));
	}
	close(fd);
}

/* Row 149: a message is one whatever buffers it comes in; its marks are at its end. */
TEST_F(vsock, fault_149_messages_keep_their_borders)
{
	static const size_t sizes[] = {
		1, 127, 128, 129, 255, 256, 257, 4051, 4052, 4053, 65535, 65536, 65537, 200000,
	};
	int fd = vs_connect(SOCK_SEQPACKET, VS_CID, PORT);
	unsigned int i;

	ASSERT_LE(0, fd);
	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		if (sizes[i] > variant->most)
			break;
		EXPECT_EQ(0, vs_echo_message(fd, sizes[i], 0, i)) TH_LOG("%zu", sizes[i]);
		EXPECT_EQ(0, vs_echo_message(fd, sizes[i], MSG_EOR, i)) TH_LOG("%zu", sizes[i]);
	}
	/* Looking at a message, or reading less than it has, ends it as well. */
	for (i = 0; i < 4; i++) {
		int peek = i & 2 ? MSG_PEEK : 0;
		char text[300], got[300];

		vs_fill(text, sizeof(text), i);
		ASSERT_EQ(300, send(fd, text, 300, i & 1 ? MSG_EOR : 0));
		ASSERT_EQ(3, send(fd, "end", 3, 0));
		/* Before 6.6 nobody could look at a message, and every failure was this. */
		if (peek && recv(fd, got, 100, peek) < 0 && errno == ENOMEM)
			peek = 0;
		EXPECT_EQ(100, recv(fd, got, 100, peek));
		EXPECT_EQ(0, memcmp(text, got, 100));
		if (peek) {
			EXPECT_EQ(300, recv(fd, got, 300, 0));
			EXPECT_EQ(0, memcmp(text, got, 300));
		}
		EXPECT_EQ(3, recv(fd, got, 300, 0));
		EXPECT_EQ(0, memcmp("end", got, 3));
	}
	close(fd);
}

TEST_F(vsock, closed_port)
{
	EXPECT_EQ(-ECONNRESET, vs_connect(SOCK_STREAM, VS_CID, VS_CLOSED_PORT));
	EXPECT_EQ(-ECONNRESET, vs_connect(SOCK_SEQPACKET, VS_CID, VS_CLOSED_PORT));
	EXPECT_EQ(-ENODEV, vs_connect(SOCK_STREAM, VS_CID + 1, PORT));
}

struct client {
	pthread_t thread;
	unsigned int id;
	int ret;
};

static void *client(void *arg)
{
	struct client *c = arg;
	int type = c->id % 3 ? SOCK_STREAM : SOCK_SEQPACKET;
	int fd = vs_connect(type, VS_CID, 1000 + c->id);
	char text[5000];

	c->ret = fd < 0 ? fd : 0;
	if (!c->ret && type == SOCK_STREAM)
		c->ret = vs_echo(fd, 5000 + c->id, 3000, c->id);
	else if (!c->ret)
		c->ret = vs_echo_message(fd, 5000 + c->id, 0, c->id);
	/* Some go in the middle of it. */
	if (!c->ret && c->id % 2) {
		vs_fill(text, sizeof(text), c->id);
		c->ret = vs_write(fd, text, sizeof(text));
	}
	if (fd >= 0)
		close(fd);
	return NULL;
}

TEST_F(vsock, many_at_a_time)
{
	struct client c[MAX_CLIENTS];
	unsigned int i;
	uint64_t end;

	for (i = 0; i < variant->clients; i++) {
		c[i].id = i;
		ASSERT_EQ(0, pthread_create(&c[i].thread, NULL, client, &c[i]));
	}
	for (i = 0; i < variant->clients; i++) {
		pthread_join(c[i].thread, NULL);
		EXPECT_EQ(0, c[i].ret) TH_LOG("client %u", i);
	}
	EXPECT_EQ(variant->clients, self->g.served);
	for (end = now_ms() + VMM_TIMEOUT_MS; self->g.open && now_ms() < end;)
		nap_us(1000);
	EXPECT_EQ(0, self->g.open);
}

/* ---- without the guest's stack ---- */

FIXTURE(raw) {
	struct vs_guest g;
	int listener;
	int fd;
};

FIXTURE_SETUP(raw)
{
	ASSERT_EQ(0, vs_up(&self->g, &(struct vs_config){ 0 }));
	self->fd = -1;
	self->listener = vs_listen(SOCK_STREAM, HOST_PORT);
	ASSERT_LE(0, self->listener);
}

FIXTURE_TEARDOWN(raw)
{
	/* The guest first: without it the host does not wait for the end of a connection. */
	vs_close(&self->g);
	close(self->listener);
	close(self->fd);
}

TEST_F(raw, guest_connects)
{
	struct virtio_vsock_hdr h = vs_header(&self->g, VIRTIO_VSOCK_TYPE_STREAM,
					      VIRTIO_VSOCK_OP_RW, PORT, HOST_PORT);
	struct vs_packet p;
	char got[64];

	ASSERT_EQ(0, vs_guest_connect(&self->g, VIRTIO_VSOCK_TYPE_STREAM, PORT, HOST_PORT));
	self->fd = vs_accept(self->listener);
	ASSERT_LE(0, self->fd);
	h.len = 5;
	ASSERT_EQ(0, vs_tx(&self->g, &h, "hello", 5));
	ASSERT_EQ(0, vs_tx_flush(&self->g, VMM_TIMEOUT_MS));
	EXPECT_EQ(5, recv(self->fd, got, sizeof(got), 0));
	EXPECT_EQ(0, memcmp(got, "hello", 5));
	ASSERT_EQ(0, vs_write(self->fd, "there", 5));
	ASSERT_EQ(0, vs_expect(&self->g, VIRTIO_VSOCK_OP_RW, &p));
	ASSERT_EQ(5, p.len);
	EXPECT_EQ(0, memcmp(p.data, "there", 5));
	EXPECT_EQ(VS_CID, p.hdr.dst_cid);
	EXPECT_EQ(HOST_PORT, p.hdr.src_port);
	EXPECT_EQ(PORT, p.hdr.dst_port);
	/* What was read is told. */
	EXPECT_EQ(5, p.hdr.fwd_cnt);
	/* Ends are told both ways. */
	shutdown(self->fd, SHUT_WR);
	ASSERT_EQ(0, vs_expect(&self->g, VIRTIO_VSOCK_OP_SHUTDOWN, &p));
	EXPECT_EQ(VIRTIO_VSOCK_SHUTDOWN_SEND, p.hdr.flags);
	h = vs_header(&self->g, VIRTIO_VSOCK_TYPE_STREAM, VIRTIO_VSOCK_OP_RST, PORT, HOST_PORT);
	ASSERT_EQ(0, vs_tx(&self->g, &h, NULL, 0));
	EXPECT_EQ(0, recv(self->fd, got, sizeof(got), 0));
}

/* The host sends no more than the guest has said it has room for. */
TEST_F(raw, credit)
{
	struct virtio_vsock_hdr h;
	struct vs_packet p;
	char data[4000];
	uint32_t got = 0;
	ssize_t n;

	self->fd = vs_connect_start(SOCK_STREAM, VS_CID, PORT);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, vs_expect(&self->g, VIRTIO_VSOCK_OP_REQUEST, &p));
	h = vs_header(&self->g, p.hdr.type, VIRTIO_VSOCK_OP_RESPONSE, PORT, p.hdr.src_port);
	h.buf_alloc = 10000;
	ASSERT_EQ(0, vs_tx(&self->g, &h, NULL, 0));
	ASSERT_EQ(1, poll(&(struct pollfd){ .fd = self->fd, .events = POLLOUT }, 1,
			  VMM_TIMEOUT_MS));
	memset(data, 'x', sizeof(data));
	while ((n = send(self->fd, data, sizeof(data), MSG_NOSIGNAL)) > 0)
		got += n;
	EXPECT_EQ(10000, got);
	EXPECT_EQ(EAGAIN, errno);
	for (got = 0; got < 10000; got += p.len)
		ASSERT_EQ(0, vs_expect(&self->g, VIRTIO_VSOCK_OP_RW, &p));
	EXPECT_EQ(10000, got);
	h.op = VIRTIO_VSOCK_OP_CREDIT_UPDATE;
	h.fwd_cnt = 600;
	ASSERT_EQ(0, vs_tx(&self->g, &h, NULL, 0));
	ASSERT_EQ(1, poll(&(struct pollfd){ .fd = self->fd, .events = POLLOUT }, 1,
			  VMM_TIMEOUT_MS));
	EXPECT_EQ(600, send(self->fd, data, sizeof(data), MSG_NOSIGNAL));
	ASSERT_EQ(0, vs_expect(&self->g, VIRTIO_VSOCK_OP_RW, &p));
	EXPECT_EQ(600, p.len);
}

/* A guest that does not know messages is not sent any. */
TEST(messages_need_the_feature)
{
	struct vs_guest g;
	int fd;

	ASSERT_EQ(0, vs_up(&g, &(struct vs_config){ .features = F_VERSION_1 }));
	ASSERT_EQ(0, vs_serve(&g));
	fd = vs_connect(SOCK_SEQPACKET, VS_CID, PORT);
	EXPECT_EQ(-ESOCKTNOSUPPORT, fd);
	fd = vs_connect(SOCK_STREAM, VS_CID, PORT);
	EXPECT_LE(0, fd);
	close(fd);
	vs_close(&g);
}

TEST_HARNESS_MAIN
