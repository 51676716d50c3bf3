// SPDX-License-Identifier: GPL-2.0-only
/*
 * VIRTIO_F_IN_ORDER: one used entry may stand for many buffers. The library's driver
 * finds those that have none of their own; here is looked at how many there are, and
 * where.
 */
#include <sys/socket.h>
#include <sys/uio.h>

#include "test.h"

#define NUM		64
#define UNTOUCHED	0xa5a5a5a5u

FIXTURE(order) {
	struct vmm v;
};

FIXTURE_VARIANT(order) {
	enum net_kind net;
	uint64_t features;
	uint16_t count;
};

FIXTURE_VARIANT_ADD(order, tap) { NET_TAP, F_VERSION_1, 0 };
FIXTURE_VARIANT_ADD(order, tap_event_idx) { NET_TAP, F_VERSION_1 | F_EVENT_IDX, 65500 };
FIXTURE_VARIANT_ADD(order, tap_mergeable) {
	NET_TAP, F_VERSION_1 | F_MRG_RXBUF | F_EVENT_IDX | F_INDIRECT, 40,
};
FIXTURE_VARIANT_ADD(order, tap_legacy) { NET_TAP, F_MRG_RXBUF | F_VHOST_HDR, 65530 };
FIXTURE_VARIANT_ADD(order, packed) { NET_TAP, F_VERSION_1 | F_PACKED, 0 };
FIXTURE_VARIANT_ADD(order, packed_mergeable) {
	NET_TAP, F_VERSION_1 | F_MRG_RXBUF | F_EVENT_IDX | F_INDIRECT | F_PACKED, 100,
};
FIXTURE_VARIANT_ADD(order, macvtap) { NET_MACVTAP, F_VERSION_1 | F_EVENT_IDX, 60 };
FIXTURE_VARIANT_ADD(order, packet) { NET_PACKET, F_VERSION_1 | F_MRG_RXBUF | F_VHOST_HDR, 60 };

FIXTURE_SETUP(order)
{
	vmm_init(&self->v);
	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, vmm_net_up(&self->v, &(struct vmm_config){
		.net = variant->net,
		.features = variant->features | F_IN_ORDER,
		.num = NUM,
		.count = variant->count,
		.ram_size = 16 << 20,
	}));
	/* The interface may swallow frames until its link is up for good. */
	while (vmm_tx_check(&self->v, 60, 0) == -ETIMEDOUT)
		;
}

FIXTURE_TEARDOWN(order)
{
	vmm_close(&self->v);
}

TEST_F(order, one_by_one)
{
	unsigned int i;

	for (i = 0; i < NUM + 10; i++) {
		ASSERT_EQ(0, vmm_tx_check(&self->v, 60 + i, i));
		ASSERT_EQ(0, vmm_rx_check(&self->v, 60 + i, i));
	}
}

/*
 * Packed: what the device has used is known by its marks, until it is added again. To
 * forget that, a used descriptor gets those of one that is in flight.
 */
static bool marked_used(uint16_t flags)
{
	return !(flags >> VRING_PACKED_DESC_F_AVAIL & 1) ==
	       !(flags >> VRING_PACKED_DESC_F_USED & 1);
}

static void forget_entries(struct drv_ring *r)
{
	unsigned int i;

	if (r->layout == &drv_split)
		memset(drv_split_used(r)->ring, UNTOUCHED & 0xff,
		       NUM * sizeof(struct vring_used_elem));
	for (i = 0; r->layout == &drv_packed && i < NUM; i++)
		if (marked_used(drv_packed_desc(r)[i].flags))
			drv_packed_desc(r)[i].flags ^= 1 << VRING_PACKED_DESC_F_USED;
}

static unsigned int entries_written(struct drv_ring *r)
{
	unsigned int i, n = 0;

	for (i = 0; i < NUM; i++)
		n += r->layout == &drv_split ? drv_split_used(r)->ring[i].id != UNTOUCHED :
					       marked_used(drv_packed_desc(r)[i].flags);
	return n;
}

/*
 * Batches of any size from any place. The device may take a batch in parts, if it
 * comes to it while it is published: but not one by one.
 */
TEST_F(order, transmit_batches)
{
	struct vmm *v = &self->v;
	struct drv_ring *r = &v->vq[VQ_TX].ring;
	char *buf = vmm_alloc(v, NUM * 128, 64), frame[128];
	unsigned int round, i, buffers = 0, entries = 0;
	struct drv_done done;

	for (round = 0; round < 30; round++) {
		unsigned int n = 1 + round * 7 % NUM, ndesc = 1 + round % 2;

		n /= ndesc;
		n += !n;
		net_peer_drain(&v->net);
		forget_entries(r);
		for (i = 0; i < n; i++) {
			struct drv_buf bufs[2] = {
				{ vmm_gpa(v, buf + i * 128), v->hdr_len, false },
				{ vmm_gpa(v, buf + i * 128) + v->hdr_len, 60, false },
			};

			memset(buf + i * 128, 0, v->hdr_len);
			net_frame_fill(buf + i * 128 + v->hdr_len, 60, round * 100 + i);
			if (ndesc == 1)
				bufs[0].len += 60;
			ASSERT_LE(0, drv_ring_add(r, bufs, ndesc, buf + i * 128));
		}
		vmm_kick(v, VQ_TX);
		for (i = 0; i < n; i++) {
			ASSERT_EQ(60, net_peer_recv(&v->net, frame, sizeof(frame), VMM_TIMEOUT_MS));
			ASSERT_EQ(0, net_frame_check(frame, 60, round * 100 + i, NULL));
			ASSERT_EQ(1, drv_ring_wait(r, &done, VMM_TIMEOUT_MS));
			ASSERT_EQ(buf + i * 128, done.cookie);
			ASSERT_EQ(0, done.len);
		}
		ASSERT_EQ(0, drv_ring_in_flight(r));
		buffers += n;
		entries += entries_written(r);
	}
	EXPECT_LT(entries, buffers / 2) TH_LOG("%u entries for %u buffers", entries, buffers);
	EXPECT_FALSE(vmm_ring_error(v, VQ_TX, 0));
}

/*
 * Received packets rarely fill their buffers, and each that does not has to have its
 * length told. With mergeable buffers those ahead of the last one of a packet are full.
 */
TEST_F(order, receive_batches)
{
	struct vmm *v = &self->v;
	struct drv_ring *r = &v->vq[VQ_RX].ring;
	bool merge = v->features & F_MRG_RXBUF;
	size_t room = merge ? 256 : 2048;
	char *buf = vmm_alloc(v, NUM * 2048, 64);
	static char frame[1514], got[4096];
	unsigned int round, i;
	struct drv_done done;

	for (round = 0; round < 20; round++) {
		size_t len = 60 + round * 76, have = 0;
		unsigned int n = 0, posted = merge ? 8 : 1;

		forget_entries(r);
		for (i = 0; i < posted; i++) {
			ASSERT_LE(0, drv_ring_add1(r, vmm_gpa(v, buf + i * room), room, true,
						   buf + i * room));
		}
		vmm_kick(v, VQ_RX);
		net_frame_fill(frame, len, round);
		ASSERT_EQ((int)len, net_peer_send(&v->net, frame, len));
		while (have < v->hdr_len + len) {
			ASSERT_EQ(1, drv_ring_wait(r, &done, VMM_TIMEOUT_MS));
			memcpy(got + have, done.cookie, done.len);
			have += done.len;
			n++;
		}
		ASSERT_EQ(v->hdr_len + len, have);
		ASSERT_EQ(0, net_frame_check(got + v->hdr_len, len, round, NULL));
		EXPECT_EQ((have + room - 1) / room, n);
		/* One packet, one entry. */
		EXPECT_EQ(1, entries_written(r));
		/* Use up what is left, so that each round begins with none. */
		for (; n < posted; n++) {
			net_frame_fill(frame, 60, n);
			ASSERT_EQ(60, net_peer_send(&v->net, frame, 60));
			ASSERT_EQ(1, drv_ring_wait(r, &done, VMM_TIMEOUT_MS));
			ASSERT_EQ(v->hdr_len + 60, done.len);
		}
	}
	EXPECT_FALSE(vmm_ring_error(v, VQ_RX, 0));
}

/* Packets that wait for buffers are given back together: the length of each counts. */
TEST_F(order, receive_burst)
{
	struct vmm *v = &self->v;
	struct drv_ring *r = &v->vq[VQ_RX].ring;
	char *buf = vmm_alloc(v, NUM * 2048, 64), frame[1000];
	unsigned int round, i;
	struct drv_done done;

	for (round = 0; round < 10; round++) {
		for (i = 0; i < 16; i++) {
			net_frame_fill(frame, 100 + i * 50, i);
			ASSERT_EQ((int)(100 + i * 50),
				  net_peer_send(&v->net, frame, 100 + i * 50));
		}
		for (i = 0; i < 16; i++) {
			/* The buffer of packet 5 is full to the last byte. */
			size_t room = i == 5 ? v->hdr_len + 100 + i * 50 : 2048;

			ASSERT_LE(0, drv_ring_add1(r, vmm_gpa(v, buf + i * 2048), room, true,
						   buf + i * 2048));
		}
		vmm_kick(v, VQ_RX);
		for (i = 0; i < 16; i++) {
			ASSERT_EQ(1, drv_ring_wait(r, &done, VMM_TIMEOUT_MS));
			ASSERT_EQ(buf + i * 2048, done.cookie);
			ASSERT_EQ(v->hdr_len + 100 + i * 50, done.len);
			ASSERT_EQ(0, net_frame_check(buf + i * 2048 + v->hdr_len, 100 + i * 50, i,
						     NULL));
		}
	}
	EXPECT_FALSE(vmm_ring_error(v, VQ_RX, 0));
}

/* The queue stops in between and goes on where it stood. */
TEST_F(order, stop_and_go)
{
	struct vmm *v = &self->v;
	unsigned int i;
	int64_t base;

	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, vmm_traffic_check(v));
		base = vmm_stop(v, VQ_TX);
		ASSERT_EQ(drv_ring_base(&v->vq[VQ_TX].ring), base);
		ASSERT_EQ(0, vhost_set_vring_base(v->fd, VQ_TX, base));
		ASSERT_EQ(0, vmm_start(v, VQ_TX));
	}
}

TEST_HARNESS_MAIN
