// SPDX-License-Identifier: GPL-2.0-only
/*
 * The simulated network card as its driver sees it: frames there and back, which of
 * them are received, and what it does about buffers that are of no use.
 */
#include "libsim.h"
#include "test.h"

#define BEYOND	UINT64_C(0x7fff00000000)	/* an I/O virtual address that is not mapped */

FIXTURE(net) {
	struct vdpa_dev dev;
	struct vdpa v;
};

FIXTURE_VARIANT(net) {
	uint64_t features;	/* beside those of the default card */
};

FIXTURE_VARIANT_ADD(net, plain) { 0 };
FIXTURE_VARIANT_ADD(net, ring_features) { F_INDIRECT | F_EVENT_IDX | F_IN_ORDER };
FIXTURE_VARIANT_ADD(net, packed) { F_INDIRECT | F_EVENT_IDX | F_PACKED };
FIXTURE_VARIANT_ADD(net, packed_in_order) { F_IN_ORDER | F_PACKED };

FIXTURE_SETUP(net)
{
	uint64_t features = SIM_F_NET | variant->features;
	const struct vdpa_attrs attrs = {
		.features = variant->features ? features : 0,
		.mac = sim_mac,
	};
	const struct vdpa_config c = { .features = features, .num = 64, .ram_size = 4 << 20 };
	unsigned int i;
	int ret = vdpa_dev_make(&self->dev, "vdpasim_net", "n0", &attrs);

	vdpa_init(&self->v);
	if (ret == -ENOENT)
		SKIP(return, "no simulator of network cards");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, vdpa_up(&self->v, self->dev.path, &c));
	for (i = 0; i < self->v.nvqs; i++)
		self->v.vq[i].ring.in_order = !!(variant->features & F_IN_ORDER);
	ASSERT_EQ(0, vdpa_start(&self->v));
}

FIXTURE_TEARDOWN(net)
{
	vdpa_close(&self->v);
	vdpa_dev_del(&self->dev);
}

/* Every length, past the end of the ring several times. */
TEST_F(net, echo)
{
	long before = sim_counter(&self->dev, NET_RX, "rx bytes");
	unsigned int i, bytes = 0;

	for (i = 0; i < 300; i++) {
		size_t len = 14 + i * 5;

		ASSERT_EQ(1, sim_echo(&self->v, 0, i & 1 ? sim_mac : sim_mac_all, len, i)) {
			TH_LOG("frame %u of %zu bytes", i, len);
		}
		bytes += len;
	}
	EXPECT_EQ(300, sim_counter(&self->dev, NET_TX, "tx packets"));
	EXPECT_EQ(300, sim_counter(&self->dev, NET_RX, "rx packets"));
	EXPECT_EQ(bytes, sim_counter(&self->dev, NET_RX, "rx bytes") - before);
	EXPECT_EQ(bytes, sim_counter(&self->dev, NET_TX, "tx bytes"));
	EXPECT_EQ(0, sim_counter(&self->dev, NET_TX, "tx errors"));
	EXPECT_EQ(0, sim_counter(&self->dev, NET_RX, "rx errors"));
	EXPECT_EQ(-ENOENT, sim_counter(&self->dev, NET_RX, "tx packets"));
}

/* Many at once: all come back, in order, and the driver is told of it. */
TEST_F(net, burst)
{
	struct vdpa *v = &self->v;
	struct drv_done done;
	char *tx[48], *rx[48];
	unsigned int i;

	for (i = 0; i < 48; i++) {
		rx[i] = vdpa_alloc(v, SIM_BUF, 64);
		tx[i] = vdpa_alloc(v, SIM_BUF, 64);
		ASSERT_NE(NULL, tx[i]);
		ASSERT_EQ(0, sim_rx_add(v, 0, rx[i], SIM_BUF));
		sim_frame(tx[i], sim_mac, 1000 + i, i);
		ASSERT_LE(0, drv_ring_add1(&v->vq[NET_TX].ring, vdpa_iova(v, tx[i]),
					   SIM_HDR + 1000 + i, false, tx[i]));
	}
	vdpa_kick(v, NET_TX);
	EXPECT_LT(0, event_wait(v->vq[NET_RX].call, VDPA_TIMEOUT_MS));
	EXPECT_LT(0, event_wait(v->vq[NET_TX].call, VDPA_TIMEOUT_MS));
	for (i = 0; i < 48; i++) {
		ASSERT_EQ(1, drv_ring_wait(&v->vq[NET_RX].ring, &done, VDPA_TIMEOUT_MS));
		EXPECT_EQ(rx[i], done.cookie);
		EXPECT_EQ(SIM_HDR + 1000 + i, done.len);
		EXPECT_EQ(0, sim_frame_check(rx[i], sim_mac, 1000 + i, i));
		ASSERT_EQ(1, drv_ring_wait(&v->vq[NET_TX].ring, &done, VDPA_TIMEOUT_MS));
		EXPECT_EQ(tx[i], done.cookie);
	}
}

/* Without receive modes: broadcast, multicast, and what is for its own address. */
TEST_F(net, filter)
{
	struct vdpa *v = &self->v;
	uint8_t mac[6];

	EXPECT_EQ(0, sim_echo(v, 0, sim_mac_other, 100, 1));
	EXPECT_EQ(1, sim_counter(&self->dev, NET_RX, "rx drops"));
	EXPECT_EQ(1, sim_echo(v, 0, sim_mac_multi, 100, 2));
	EXPECT_EQ(1, sim_echo(v, 0, sim_mac_all, 100, 3));
	EXPECT_EQ(1, sim_echo(v, 0, sim_mac, 100, 4));
	/* A VMM gives the card its guest's address, maybe in pieces. */
	EXPECT_EQ(0, vdpa_set_config(v->fd, 0, sim_mac_other, 3));
	EXPECT_EQ(0, vdpa_set_config(v->fd, 3, sim_mac_other + 3, 3));
	EXPECT_EQ(0, vdpa_get_config(v->fd, 0, mac, sizeof(mac)));
	EXPECT_EQ(0, memcmp(mac, sim_mac_other, sizeof(mac)));
	EXPECT_EQ(1, sim_echo(v, 0, sim_mac_other, 100, 5));
	EXPECT_EQ(0, sim_echo(v, 0, sim_mac, 100, 6));
	/* Nothing else of the configuration can be written. */
	EXPECT_EQ(0, vdpa_set_config(v->fd, 6, "\xff\xff\xff\xff\xff\xff", 6));
	EXPECT_EQ(0, vdpa_get_config(v->fd, 10, mac, 2));
	EXPECT_EQ(1500, mac[0] | mac[1] << 8);
	EXPECT_EQ(0, vdpa_get_config(v->fd, 6, mac, 2));
	EXPECT_EQ(VIRTIO_NET_S_LINK_UP, mac[0] | mac[1] << 8);
}

TEST_F(net, no_receive_buffer)
{
	struct vdpa *v = &self->v;
	char *tx = vdpa_alloc(v, SIM_BUF, 64), *rx = vdpa_alloc(v, SIM_BUF, 64);
	struct drv_done done;

	sim_frame(tx, sim_mac, 100, 1);
	EXPECT_EQ(0, sim_send(v, 0, tx, SIM_HDR + 100));
	EXPECT_EQ(1, sim_counter(&self->dev, NET_RX, "rx overruns"));
	/* One that is too small is kept for a frame that fits. */
	ASSERT_EQ(0, sim_rx_add(v, 0, rx, SIM_HDR + 99));
	EXPECT_EQ(0, sim_send(v, 0, tx, SIM_HDR + 100));
	EXPECT_FALSE(sim_received(v, 0));
	EXPECT_EQ(1, sim_counter(&self->dev, NET_RX, "rx errors"));
	EXPECT_EQ(0, sim_send(v, 0, tx, SIM_HDR + 99));
	ASSERT_TRUE(sim_received(v, 0));
	ASSERT_EQ(1, drv_ring_get(&v->vq[NET_RX].ring, &done));
	EXPECT_EQ(SIM_HDR + 99, done.len);
	EXPECT_EQ(0, sim_frame_check(rx, sim_mac, 99, 1));
}

/* No frame, or a longer one than there can be. */
TEST_F(net, bad_lengths)
{
	struct vdpa *v = &self->v;
	char *big = vdpa_alloc(v, 70000, 64), *rx = vdpa_alloc(v, SIM_BUF, 64);

	ASSERT_NE(NULL, big);
	ASSERT_EQ(0, sim_rx_add(v, 0, rx, SIM_BUF));
	EXPECT_EQ(0, sim_send(v, 0, big, 1));
	EXPECT_EQ(0, sim_send(v, 0, big, SIM_HDR));
	EXPECT_EQ(0, sim_send(v, 0, big, 70000));
	EXPECT_EQ(3, sim_counter(&self->dev, NET_TX, "tx errors"));
	EXPECT_EQ(0, sim_counter(&self->dev, NET_TX, "tx packets"));
	EXPECT_EQ(0, sim_send(v, 0, big, SIM_HDR + 13));
	EXPECT_EQ(1, sim_counter(&self->dev, NET_RX, "rx drops"));
	EXPECT_FALSE(sim_received(v, 0));
}

/* The head comes back with 0, nothing is received, and the card goes on. */
TEST_F(net, fault_056_transmit_not_mapped)
{
	struct vdpa *v = &self->v;
	char *tx = vdpa_alloc(v, SIM_BUF, 64), *rx = vdpa_alloc(v, SIM_BUF, 64);
	const struct drv_buf bad[][2] = {
		{ { BEYOND, 1000, false } },
		{ { vdpa_iova(v, tx), SIM_HDR, false }, { BEYOND, 100, false } },
		{ { BEYOND, SIM_HDR, false }, { vdpa_iova(v, tx), 100, false } },
		{ { UINT64_MAX, 1, false } },
		{ { v->iova + v->ram_size - 1, 2, false } },
	};
	unsigned int i;

	memset(rx, 0x5a, SIM_BUF);
	ASSERT_EQ(0, sim_rx_add(v, 0, rx, SIM_BUF));
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		ASSERT_LE(0, drv_ring_add(&v->vq[NET_TX].ring, bad[i], bad[i][1].len ? 2 : 1, tx));
		EXPECT_EQ(0, vdpa_turn(v, NET_TX));
	}
	EXPECT_EQ(ARRAY_LEN(bad), sim_counter(&self->dev, NET_TX, "tx errors"));
	EXPECT_EQ(0, sim_counter(&self->dev, NET_TX, "tx bytes"));
	EXPECT_FALSE(sim_received(v, 0));
	EXPECT_EQ(0x5a, rx[0]);
	sim_frame(tx, sim_mac, 500, 9);
	EXPECT_EQ(0, sim_send(v, 0, tx, SIM_HDR + 500));
	EXPECT_TRUE(sim_received(v, 0));
	EXPECT_EQ(0, sim_frame_check(rx, sim_mac, 500, 9));
}

/* It comes back with 0, and the frame goes to the one behind. */
TEST_F(net, fault_134_receive_not_mapped)
{
	struct vdpa *v = &self->v;
	struct drv_ring *ring = &v->vq[NET_RX].ring;
	char *tx = vdpa_alloc(v, SIM_BUF, 64), *rx = vdpa_alloc(v, SIM_BUF, 64);
	struct drv_done done;
	unsigned int i;

	for (i = 0; i < 40; i++) {
		ASSERT_LE(0, drv_ring_add1(ring, BEYOND, SIM_BUF, true, NULL));
	}
	ASSERT_EQ(0, sim_rx_add(v, 0, rx, SIM_BUF));
	sim_frame(tx, sim_mac, 500, 3);
	EXPECT_EQ(0, sim_send(v, 0, tx, SIM_HDR + 500));
	for (i = 0; i < 40; i++) {
		ASSERT_EQ(1, drv_ring_get(ring, &done));
		EXPECT_EQ(0, done.len);
	}
	ASSERT_EQ(1, drv_ring_get(ring, &done));
	EXPECT_EQ(SIM_HDR + 500, done.len);
	EXPECT_EQ(0, sim_frame_check(rx, sim_mac, 500, 3));
	EXPECT_EQ(40, sim_counter(&self->dev, NET_RX, "rx errors"));
	EXPECT_EQ(1, sim_counter(&self->dev, NET_RX, "rx packets"));
}

/* Pieces of any size, and of the driver's choice. */
TEST_F(net, pieces)
{
	struct vdpa *v = &self->v;
	char *tx = vdpa_alloc(v, 2048, 64), *rx = vdpa_alloc(v, 2048, 64);
	struct drv_buf out[20], in[20];
	struct drv_done done;
	unsigned int i;

	sim_frame(tx, sim_mac, 1000 - SIM_HDR, 77);
	for (i = 0; i < 20; i++) {
		out[i] = (struct drv_buf){ vdpa_iova(v, tx + i * 50), 50, false };
		in[i] = (struct drv_buf){ vdpa_iova(v, rx + i * 51), 51, true };
	}
	ASSERT_LE(0, drv_ring_add(&v->vq[NET_RX].ring, in, 20, rx));
	vdpa_kick(v, NET_RX);
	ASSERT_LE(0, drv_ring_add(&v->vq[NET_TX].ring, out, 20, tx));
	EXPECT_EQ(0, vdpa_turn(v, NET_TX));
	ASSERT_EQ(1, drv_ring_wait(&v->vq[NET_RX].ring, &done, VDPA_TIMEOUT_MS));
	EXPECT_EQ(1000, done.len);
	EXPECT_EQ(0, sim_frame_check(rx, sim_mac, 1000 - SIM_HDR, 77));
}

TEST_HARNESS_MAIN
