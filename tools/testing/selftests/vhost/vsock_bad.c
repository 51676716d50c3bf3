// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guests of sockets that break the rules: packets that are none, buffers of no use, and
 * more of everything than is good. Whatever it was, the buffer comes back.
 */
#include <poll.h>
#include <sys/mman.h>

#include "libhold.h"
#include "libvsock.h"
#include "test.h"

#define PORT		1234
#define HOST_PORT	4321
#define CLOSED_PORT	4322
#define STREAM		VIRTIO_VSOCK_TYPE_STREAM

FIXTURE(bad) {
	struct vs_guest g;
	int listener;
	int fd;
};

FIXTURE_SETUP(bad)
{
	self->fd = -1;
	self->listener = vs_listen(SOCK_STREAM, HOST_PORT);
	ASSERT_LE(0, self->listener);
	ASSERT_EQ(0, vs_up(&self->g, &(struct vs_config){ .cid = vs_quiet_cid(),
							  .tx_size = 72 << 10 }));
	ASSERT_EQ(0, vs_guest_connect(&self->g, STREAM, PORT, HOST_PORT));
	self->fd = vs_accept(self->listener);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(bad)
{
	/* The guest first: without it the host does not wait for the end of a connection. */
	vs_close(&self->g);
	close(self->fd);
	close(self->listener);
}

/* The connection is as it was: a few bytes each way. */
static int still_fine(struct vs_guest *g, int fd)
{
	struct virtio_vsock_hdr h = vs_header(g, STREAM, VIRTIO_VSOCK_OP_RW, PORT, HOST_PORT);
	struct vs_packet p;
	char got[8];
	int ret;

	h.len = 4;
	ret = vs_tx(g, &h, "ping", 4);
	if (!ret)
		ret = vs_tx_flush(g, VMM_TIMEOUT_MS);
	if (ret)
		return ret;
	if (recv(fd, got, sizeof(got), 0) != 4 || memcmp(got, "ping", 4))
		return -EBADMSG;
	ret = vs_write(fd, "pong", 4);
	if (!ret)
		ret = vs_expect(g, VIRTIO_VSOCK_OP_RW, &p);
	if (ret)
		return ret;
	return p.len == 4 && !memcmp(p.data, "pong", 4) ? 0 : -EBADMSG;
}

/* Is there nothing that can be read, and nobody to accept? */
static int nobody_heard(int fd, int listener)
{
	struct pollfd p[] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = listener, .events = POLLIN },
	};

	return poll(p, 2, 0) == 0;
}

TEST_F(bad, addresses)
{
	const uint64_t own = self->g.cid, pairs[][2] = {
		{ 0, VS_HOST }, { 1, VS_HOST }, { VS_HOST, VS_HOST }, { own + 1, VS_HOST },
		{ own + BIT64(32), VS_HOST }, { UINT64_MAX, VS_HOST },
		{ own, 0 }, { own, 1 }, { own, own }, { own, UINT32_MAX },
		{ own, VS_HOST + BIT64(32) }, { VS_HOST, own },
	};
	static const uint16_t ops[] = {
		VIRTIO_VSOCK_OP_REQUEST, VIRTIO_VSOCK_OP_RW, VIRTIO_VSOCK_OP_RST,
		VIRTIO_VSOCK_OP_SHUTDOWN,
	};
	struct vs_packet p;
	unsigned int i, k;
	int ret;

	for (i = 0; i < ARRAY_LEN(pairs); i++) {
		for (k = 0; k < ARRAY_LEN(ops); k++) {
			struct virtio_vsock_hdr h = vs_header(&self->g, STREAM, ops[k],
							      PORT, HOST_PORT);

			h.src_cid = pairs[i][0];
			h.dst_cid = pairs[i][1];
			h.len = 4;
			h.flags = 3;
			ASSERT_EQ(0, vs_tx(&self->g, &h, "evil", 4));
		}
	}
	EXPECT_EQ(0, vs_tx_flush(&self->g, VMM_TIMEOUT_MS));
	EXPECT_EQ(0, still_fine(&self->g, self->fd));
	EXPECT_TRUE(nobody_heard(self->fd, self->listener));
	/* There is no answer; the good ones may have been told of credit. */
	do
		ret = vs_rx(&self->g, &p, VMM_QUIET_MS);
	while (!ret && p.hdr.op == VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	EXPECT_EQ(-ETIMEDOUT, ret);
}

/* Lengths that do not fit what there is, and 64 KiB is the most. */
TEST_F(bad, lengths)
{
	static const struct { uint32_t says, has; } lens[] = {
		{ 1, 0 }, { 101, 100 }, { UINT32_MAX, 100 }, { UINT32_MAX - 43, 0 },
		{ 65537, 65537 }, { 70000, 70000 }, { BIT64(31), 0 },
	};
	struct virtio_vsock_hdr h = vs_header(&self->g, STREAM, VIRTIO_VSOCK_OP_RW, PORT,
					      HOST_PORT);
	static char data[70000], got[65536];
	struct drv_ring *r = &self->g.v->vq[VQ_TX].ring;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(lens); i++) {
		h.len = lens[i].says;
		ASSERT_EQ(0, vs_tx(&self->g, &h, data, lens[i].has));
	}
	EXPECT_EQ(0, vs_tx_flush(&self->g, VMM_TIMEOUT_MS));
	/* Less than a header. */
	for (i = 1; i < VS_HDR; i += 21) {
		self->g.slot[0].busy = true;
		ASSERT_LE(0, drv_ring_add1(r, vmm_gpa(self->g.v, self->g.slot[0].mem), i, false,
					   &self->g.slot[0]));
		vmm_kick(self->g.v, VQ_TX);
		EXPECT_EQ(0, vs_tx_flush(&self->g, VMM_TIMEOUT_MS));
	}
	EXPECT_TRUE(nobody_heard(self->fd, self->listener));
	EXPECT_EQ(0, still_fine(&self->g, self->fd));
	/* Exactly as much as there may be, and more buffer than packet. */
	vs_fill(data, sizeof(data), 1);
	h.len = 65536;
	ASSERT_EQ(0, vs_tx(&self->g, &h, data, 65536));
	EXPECT_EQ(65536, vs_read(self->fd, got, 65536));
	EXPECT_EQ(0, memcmp(got, data, 65536));
	h.len = 10;
	ASSERT_EQ(0, vs_tx(&self->g, &h, data, 1000));
	EXPECT_EQ(10, recv(self->fd, got, 1000, 0));
	EXPECT_EQ(0, memcmp(got, data, 10));
	EXPECT_EQ(0, still_fine(&self->g, self->fd));
}

/* A packet for the host in memory that the host is to write. */
TEST_F(bad, writable_packet)
{
	struct virtio_vsock_hdr h = vs_header(&self->g, STREAM, VIRTIO_VSOCK_OP_RW, PORT,
					      HOST_PORT);
	struct vs_slot *s = &self->g.slot[0];
	uint64_t gpa = vmm_gpa(self->g.v, s->mem);
	struct drv_buf bufs[] = {
		{ .gpa = gpa, .len = VS_HDR + 4 },
		{ .gpa = gpa + 100, .len = 100, .write = true },
	};

	h.len = 4;
	memcpy(s->mem, &h, VS_HDR);
	memcpy(s->mem + VS_HDR, "evil", 4);
	s->busy = true;
	ASSERT_LE(0, drv_ring_add(&self->g.v->vq[VQ_TX].ring, bufs, 2, s));
	vmm_kick(self->g.v, VQ_TX);
	EXPECT_EQ(0, vs_tx_flush(&self->g, VMM_TIMEOUT_MS));
	s->busy = true;
	bufs[0].write = true;
	ASSERT_LE(0, drv_ring_add(&self->g.v->vq[VQ_TX].ring, bufs, 1, s));
	vmm_kick(self->g.v, VQ_TX);
	EXPECT_EQ(0, vs_tx_flush(&self->g, VMM_TIMEOUT_MS));
	EXPECT_TRUE(nobody_heard(self->fd, self->listener));
	EXPECT_EQ(0, still_fine(&self->g, self->fd));
}

/* A packet may lie in many pieces, header and data cut anywhere. */
TEST_F(bad, packet_in_pieces)
{
	struct virtio_vsock_hdr h = vs_header(&self->g, STREAM, VIRTIO_VSOCK_OP_RW, PORT,
					      HOST_PORT);
	struct vs_slot *s = &self->g.slot[0];
	struct drv_buf bufs[64];
	char data[200], got[200];
	unsigned int i, n = 0;

	vs_fill(data, sizeof(data), 5);
	h.len = sizeof(data);
	memcpy(s->mem, &h, VS_HDR);
	memcpy(s->mem + VS_HDR, data, sizeof(data));
	for (i = 0; i < VS_HDR + sizeof(data); i += bufs[n++].len)
		bufs[n] = (struct drv_buf) {
			.gpa = vmm_gpa(self->g.v, s->mem + i),
			.len = i + 5 < VS_HDR + sizeof(data) ? 5 : VS_HDR + sizeof(data) - i,
		};
	s->busy = true;
	ASSERT_LE(0, drv_ring_add(&self->g.v->vq[VQ_TX].ring, bufs, n, s));
	vmm_kick(self->g.v, VQ_TX);
	EXPECT_EQ(0, vs_tx_flush(&self->g, VMM_TIMEOUT_MS));
	EXPECT_EQ((ssize_t)sizeof(data), vs_read(self->fd, got, sizeof(got)));
	EXPECT_EQ(0, memcmp(got, data, sizeof(got)));
}

/* Types that nobody knows are answered by a reset, operations by nothing. */
TEST_F(bad, types_and_operations)
{
	static const uint16_t types[] = { 0, 3, 4, 0x100, UINT16_MAX };
	static const uint16_t ops[] = { 0, 8, 9, 0x100, UINT16_MAX };
	struct virtio_vsock_hdr h;
	struct vs_packet p;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(types); i++) {
		h = vs_header(&self->g, types[i], VIRTIO_VSOCK_OP_REQUEST, PORT + 1, HOST_PORT);
		ASSERT_EQ(0, vs_tx(&self->g, &h, NULL, 0));
		ASSERT_EQ(0, vs_rx(&self->g, &p, VMM_TIMEOUT_MS));
		EXPECT_EQ(VIRTIO_VSOCK_OP_RST, p.hdr.op);
		EXPECT_EQ(PORT + 1, p.hdr.dst_port);
	}
	for (i = 0; i < ARRAY_LEN(ops); i++) {
		h = vs_header(&self->g, STREAM, ops[i], PORT, HOST_PORT);
		ASSERT_EQ(0, vs_tx(&self->g, &h, NULL, 0));
	}
	EXPECT_EQ(0, still_fine(&self->g, self->fd));
	/* The other type of a port that listens. */
	h = vs_header(&self->g, VIRTIO_VSOCK_TYPE_SEQPACKET, VIRTIO_VSOCK_OP_REQUEST, PORT + 1,
		      HOST_PORT);
	ASSERT_EQ(0, vs_tx(&self->g, &h, NULL, 0));
	ASSERT_EQ(0, vs_expect(&self->g, VIRTIO_VSOCK_OP_RST, &p));
	EXPECT_EQ(0, still_fine(&self->g, self->fd));
}

/* ---- receive buffers ---- */

/* Buffers of no use come back empty; the packet is in the first good one. */
TEST(receive_buffers_of_no_use)
{
	struct drv_buf mixed[2];
	struct drv_done done;
	struct drv_ring *r;
	struct vs_packet p;
	struct vs_guest g;
	unsigned int i;
	uint64_t gpa;
	int fd;

	ASSERT_EQ(0, vs_up(&g, &(struct vs_config){ .cid = vs_quiet_cid(), .no_rx = true }));
	r = &g.v->vq[VQ_RX].ring;
	gpa = vmm_gpa(g.v, g.slot[0].mem);
	fd = vs_connect_start(SOCK_STREAM, vs_quiet_cid(), PORT);
	ASSERT_LE(0, fd);
	mixed[0] = (struct drv_buf) { .gpa = gpa, .len = 100 };
	mixed[1] = (struct drv_buf) { .gpa = gpa + 100, .len = 100, .write = true };
	ASSERT_LE(0, drv_ring_add1(r, gpa, 1, true, NULL));
	ASSERT_LE(0, drv_ring_add1(r, gpa, VS_HDR - 1, true, NULL));
	ASSERT_LE(0, drv_ring_add1(r, gpa, 100, false, NULL));
	ASSERT_LE(0, drv_ring_add(r, mixed, 2, NULL));
	vmm_kick(g.v, VQ_RX);
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(1, drv_ring_wait(r, &done, VMM_TIMEOUT_MS));
		EXPECT_EQ(0, done.len);
	}
	/* A packet without data needs no more than this. */
	ASSERT_LE(0, drv_ring_add1(r, gpa, VS_HDR, true, g.slot[0].mem));
	vmm_kick(g.v, VQ_RX);
	ASSERT_EQ(1, drv_ring_wait(r, &done, VMM_TIMEOUT_MS));
	EXPECT_EQ(VS_HDR, done.len);
	memcpy(&p.hdr, g.slot[0].mem, VS_HDR);
	EXPECT_EQ(VIRTIO_VSOCK_OP_REQUEST, p.hdr.op);
	p.hdr = vs_header(&g, STREAM, VIRTIO_VSOCK_OP_RESPONSE, PORT, p.hdr.src_port);
	ASSERT_EQ(0, vs_tx(&g, &p.hdr, NULL, 0));
	ASSERT_EQ(1, poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, VMM_TIMEOUT_MS));
	ASSERT_EQ(0, vs_write(fd, "ab", 2));
	/* One with data does, and then may come in pieces of a byte. */
	ASSERT_LE(0, drv_ring_add1(r, gpa, VS_HDR, true, NULL));
	ASSERT_LE(0, drv_ring_add1(r, gpa, VS_HDR + 1, true, NULL));
	ASSERT_LE(0, drv_ring_add1(r, gpa, VS_HDR + 1, true, NULL));
	vmm_kick(g.v, VQ_RX);
	ASSERT_EQ(1, drv_ring_wait(r, &done, VMM_TIMEOUT_MS));
	EXPECT_EQ(0, done.len);
	ASSERT_EQ(1, drv_ring_wait(r, &done, VMM_TIMEOUT_MS));
	EXPECT_EQ(VS_HDR + 1, done.len);
	ASSERT_EQ(1, drv_ring_wait(r, &done, VMM_TIMEOUT_MS));
	EXPECT_EQ(VS_HDR + 1, done.len);
	EXPECT_EQ('b', g.slot[0].mem[VS_HDR]);
	EXPECT_EQ(0, event_take(g.v->vq[VQ_RX].err));
	close(fd);
	vs_close(&g);
}

/*
 * A buffer in memory that the VMM has taken away: the queue stops and says so, and when
 * the memory is back the data is as well, all of it.
 */
TEST(receive_buffer_taken_away)
{
	struct vs_packet p;
	struct vs_guest g;
	char *at;
	int fd;

	ASSERT_EQ(0, vs_up(&g, &(struct vs_config){ .cid = vs_quiet_cid(), .no_rx = true,
						    .paged = true }));
	fd = vs_connect_start(SOCK_STREAM, vs_quiet_cid(), PORT);
	ASSERT_LE(0, fd);
	at = iommu_hva(&g.m, g.m.iova + (g.rx_mem - g.v->ram));
	ASSERT_NE(NULL, at);
	ASSERT_EQ(0, mprotect(at, IOMMU_PAGE, PROT_NONE));
	ASSERT_EQ(0, vs_post(&g));
	EXPECT_TRUE(vmm_ring_error(g.v, VQ_RX, VMM_TIMEOUT_MS));
	ASSERT_EQ(0, mprotect(at, IOMMU_PAGE, PROT_READ | PROT_WRITE));
	ASSERT_EQ(0, vhost_set_vring_addr(g.v->fd, &g.v->vq[VQ_RX].addr));
	EXPECT_EQ(0, vs_guest_accept(&g, &p));
	close(fd);
	vs_close(&g);
}

/* ---- more than is good ---- */

/* Send packets of a kind, without end; how many does the device take? */
static unsigned int flood(struct vs_guest *g, const struct virtio_vsock_hdr *h, unsigned int max)
{
	unsigned int n = 0;

	/* vs_tx() waits for a buffer; this is not to wait for long. */
	while (n < max) {
		if (vs_tx(g, h, NULL, 0))
			break;
		n++;
		if (n % (VS_SLOTS / 2) == 0 && vs_tx_flush(g, 10 * VMM_QUIET_MS))
			break;
	}
	return n - drv_ring_in_flight(&g->v->vq[VQ_TX].ring);
}

/* How many packets with this op come, of those that are sent in all. */
static unsigned int drain(struct vs_guest *g, uint16_t op, unsigned int max)
{
	struct vs_packet p;
	unsigned int n = 0;

	while (n < max && !vs_rx(g, &p, VMM_TIMEOUT_MS))
		n += p.hdr.op == op;
	return n;
}

/* Row 83: answers wait for buffers, as many as the ring has entries and no more. */
TEST(fault_083_replies_to_nobody)
{
	const unsigned int num = 128, all = 8 * num;
	struct virtio_vsock_hdr h;
	struct vs_guest g;
	unsigned int taken;

	ASSERT_EQ(0, vs_up(&g, &(struct vs_config){ .no_rx = true, .num = num }));
	h = vs_header(&g, STREAM, VIRTIO_VSOCK_OP_REQUEST, PORT, CLOSED_PORT);
	taken = flood(&g, &h, all);
	EXPECT_EQ(num, taken);
	/* With buffers all goes on by itself. */
	ASSERT_EQ(0, vs_post(&g));
	taken += drv_ring_in_flight(&g.v->vq[VQ_TX].ring);
	EXPECT_EQ(taken, drain(&g, VIRTIO_VSOCK_OP_RST, taken));
	EXPECT_EQ(0, vs_tx_flush(&g, VMM_TIMEOUT_MS));
	vs_close(&g);
}

/* The same with what the common code does not call a reply: the guest asks for credit. */
TEST(fault_083_credit_for_nobody)
{
	const unsigned int num = 128, all = 8 * num;
	struct virtio_vsock_hdr h;
	struct vs_packet p;
	struct vs_guest g;
	unsigned int taken;
	int listener, fd;

	ASSERT_EQ(0, vs_up(&g, &(struct vs_config){ .no_rx = true, .num = num }));
	listener = vs_listen(SOCK_STREAM, HOST_PORT);
	ASSERT_LE(0, listener);
	h = vs_header(&g, STREAM, VIRTIO_VSOCK_OP_REQUEST, PORT, HOST_PORT);
	ASSERT_EQ(0, vs_tx(&g, &h, NULL, 0));
	fd = vs_accept(listener);
	ASSERT_LE(0, fd);
	h.op = VIRTIO_VSOCK_OP_CREDIT_REQUEST;
	taken = flood(&g, &h, all);
	/* The answer to the first packet waits as well. */
	EXPECT_EQ(num - 1, taken);
	ASSERT_EQ(0, vs_post(&g));
	/* Sockets of guests before may reset their connections 8 s after they were closed. */
	ASSERT_EQ(0, vs_expect(&g, VIRTIO_VSOCK_OP_RESPONSE, &p));
	taken += drv_ring_in_flight(&g.v->vq[VQ_TX].ring);
	EXPECT_EQ(taken, drain(&g, VIRTIO_VSOCK_OP_CREDIT_UPDATE, taken));
	EXPECT_EQ(0, vs_tx_flush(&g, VMM_TIMEOUT_MS));
	vs_close(&g);
	close(fd);
	close(listener);
}

/* Row 84: packets that were there, and kicked for, before the device was started. */
TEST(fault_084_packets_before_the_start)
{
	struct virtio_vsock_hdr h;
	struct vs_packet p;
	struct vs_guest g;

	ASSERT_EQ(0, vs_up(&g, &(struct vs_config){ .stopped = true }));
	h = vs_header(&g, STREAM, VIRTIO_VSOCK_OP_REQUEST, PORT, CLOSED_PORT);
	ASSERT_EQ(0, vs_tx(&g, &h, NULL, 0));
	vmm_force_kick(g.v, VQ_TX);
	/* The kick comes to nothing, and is not remembered. */
	EXPECT_EQ(-ETIMEDOUT, vs_tx_flush(&g, VMM_QUIET_MS));
	event_take(g.v->vq[VQ_TX].kick);
	ASSERT_EQ(0, vs_set_running(g.v->fd, 1));
	EXPECT_EQ(0, vs_tx_flush(&g, VMM_TIMEOUT_MS));
	EXPECT_EQ(0, vs_expect(&g, VIRTIO_VSOCK_OP_RST, &p));
	/* And once more, after a stop. */
	ASSERT_EQ(0, vs_set_running(g.v->fd, 0));
	ASSERT_EQ(0, vs_tx(&g, &h, NULL, 0));
	EXPECT_EQ(-ETIMEDOUT, vs_tx_flush(&g, VMM_QUIET_MS));
	event_take(g.v->vq[VQ_TX].kick);
	ASSERT_EQ(0, vs_set_running(g.v->fd, 1));
	EXPECT_EQ(0, vs_expect(&g, VIRTIO_VSOCK_OP_RST, &p));
	vs_close(&g);
}

/*
 * Row 64: one direction does not keep the worker from the other. A turn is 256 packets
 * long: when the worker is held in the 300th, the answers to the first are there.
 */
TEST(fault_064_turns_end)
{
	const unsigned int num = 1024, turn = 256, held = 300;
	struct virtio_vsock_hdr h;
	struct vs_guest g;
	struct drv_ring *r;
	struct hold hold;
	unsigned int i;
	int ret;

	ret = hold_open(&hold);
	if (ret == -ENOSYS)
		SKIP(return, "kernel without userfaultfd");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, vs_up(&g, &(struct vs_config){ .stopped = true, .num = num,
						    .rx_size = 256 }));
	ASSERT_EQ(0, mem_table_add(&g.m.guest, HOLD_GPA, hold.page, HOLD_SIZE));
	ASSERT_EQ(0, mem_table_set(&g.m.guest, g.v->fd));
	r = &g.v->vq[VQ_TX].ring;
	h = vs_header(&g, STREAM, VIRTIO_VSOCK_OP_REQUEST, PORT, CLOSED_PORT);
	memcpy(g.slot[0].mem, &h, VS_HDR);
	for (i = 0; i < 2 * turn; i++) {
		ASSERT_LE(0, drv_ring_add1(r, i == held ? HOLD_GPA :
					   vmm_gpa(g.v, g.slot[0].mem), VS_HDR, false,
					   &g.slot[0]));
	}
	drv_ring_publish(r);
	ASSERT_EQ(0, vs_set_running(g.v->fd, 1));
	EXPECT_EQ(0, hold_met(&hold, VMM_TIMEOUT_MS));
	EXPECT_LE(turn, drv_split_used_idx(&g.v->vq[VQ_RX].ring));
	EXPECT_EQ(0, hold_release(&hold, &h, VS_HDR));
	EXPECT_EQ(0, vs_tx_flush(&g, VMM_TIMEOUT_MS));
	vs_close(&g);
	hold_close(&hold);
}

TEST_HARNESS_MAIN
