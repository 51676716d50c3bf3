// SPDX-License-Identifier: GPL-2.0-only
/*
 * The simulated network card's control queue: each command, what is refused, and what
 * it changes; queue pairs; groups and address spaces.
 */
#include "libsim.h"
#include "test.h"

#define BEYOND	UINT64_C(0x7fff00000000)

/* Classes and commands, as virtio_net.h has them. */
#define RX	0
#define MAC	1
#define VLAN	2
#define ANNOUNCE 3
#define MQ	4

#define OK	0
#define ERR	1

FIXTURE(ctrl) {
	struct vdpa_dev dev;
	struct vdpa v;
};

FIXTURE_SETUP(ctrl)
{
	const struct vdpa_config c = { .features = SIM_F_NET, .num = 64, .ram_size = 4 << 20 };
	int ret = vdpa_dev_make(&self->dev, "vdpasim_net", "c0", &(struct vdpa_attrs){ .mac = sim_mac });

	vdpa_init(&self->v);
	if (ret == -ENOENT)
		SKIP(return, "no simulator of network cards");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, vdpa_up(&self->v, self->dev.path, &c));
	ASSERT_EQ(0, vdpa_start(&self->v));
}

FIXTURE_TEARDOWN(ctrl)
{
	vdpa_close(&self->v);
	vdpa_dev_del(&self->dev);
}

TEST_F(ctrl, mac_address)
{
	struct vdpa *v = &self->v;
	uint8_t mac[6];

	EXPECT_EQ(OK, sim_command(v, NET_CTRL, MAC, 1, sim_mac_other, 6));
	EXPECT_EQ(0, vdpa_get_config(v->fd, 0, mac, 6));
	EXPECT_EQ(0, memcmp(mac, sim_mac_other, 6));
	EXPECT_EQ(1, sim_echo(v, 0, sim_mac_other, 100, 1));
	EXPECT_EQ(0, sim_echo(v, 0, sim_mac, 100, 2));
	EXPECT_EQ(ERR, sim_command(v, NET_CTRL, MAC, 1, sim_mac, 5));
	EXPECT_EQ(ERR, sim_command(v, NET_CTRL, MAC, 1, "1234567", 7));
	EXPECT_EQ(ERR, sim_command(v, NET_CTRL, MAC, 1, NULL, 0));
	EXPECT_EQ(ERR, sim_command(v, NET_CTRL, MAC, 1, sim_mac_all, 6));
	EXPECT_EQ(0, vdpa_get_config(v->fd, 0, mac, 6));
	EXPECT_EQ(0, memcmp(mac, sim_mac_other, 6));
	EXPECT_EQ(5, sim_counter(&self->dev, NET_CTRL, "cvq requests"));
	EXPECT_EQ(1, sim_counter(&self->dev, NET_CTRL, "cvq successes"));
	EXPECT_EQ(4, sim_counter(&self->dev, NET_CTRL, "cvq errors"));
	EXPECT_EQ(-ENOENT, sim_counter(&self->dev, NET_CTRL, "rx packets"));
}

/* What was not negotiated is refused, whatever went before in the same batch. */
TEST_F(ctrl, fault_133_unknown_behind_known)
{
	static const uint8_t cmd[][2] = {
		{ MAC, 1 }, { 200, 1 }, { MAC, 1 }, { MAC, 0 }, { RX, 0 }, { RX, 2 }, { VLAN, 0 },
		{ MQ, 0 }, { ANNOUNCE, 0 }, { MAC, 77 }, { 5, 0 }, { MAC, 1 },
	};
	struct vdpa *v = &self->v;
	struct drv_ring *ring = &v->vq[NET_CTRL].ring;
	uint8_t *req = vdpa_alloc(v, 16 * ARRAY_LEN(cmd), 16);
	struct drv_done done;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(cmd); i++) {
		uint8_t *r = req + 16 * i;
		const struct drv_buf bufs[] = {
			{ vdpa_iova(v, r), 8, false }, { vdpa_iova(v, r + 8), 1, true },
		};

		r[0] = cmd[i][0];
		r[1] = cmd[i][1];
		memcpy(r + 2, sim_mac_other, 6);
		r[8] = 0xff;
		ASSERT_LE(0, drv_ring_add(ring, bufs, 2, r));
	}
	vdpa_kick(v, NET_CTRL);
	for (i = 0; i < ARRAY_LEN(cmd); i++) {
		ASSERT_EQ(1, drv_ring_wait(ring, &done, VDPA_TIMEOUT_MS));
		EXPECT_EQ(req + 16 * i, done.cookie);
		EXPECT_EQ(1, done.len);
		EXPECT_EQ(cmd[i][0] == MAC && cmd[i][1] == 1 ? OK : ERR, req[16 * i + 8]) {
			TH_LOG("class %u command %u", cmd[i][0], cmd[i][1]);
		}
	}
	EXPECT_EQ(3, sim_counter(&self->dev, NET_CTRL, "cvq successes"));
	EXPECT_EQ(ARRAY_LEN(cmd) - 3, sim_counter(&self->dev, NET_CTRL, "cvq errors"));
}

/* Buffers that are no commands: each comes back. */
TEST_F(ctrl, fault_134_short_header)
{
	struct vdpa *v = &self->v;
	struct drv_ring *ring = &v->vq[NET_CTRL].ring;
	uint8_t *r = vdpa_alloc(v, 64, 16);
	const uint64_t at = vdpa_iova(v, r), ack = at + 32;
	const struct {
		struct drv_buf bufs[3];
		unsigned int n, len;
	} bad[] = {
		{ { { at, 1, false }, { ack, 1, true } }, 2, 1 },
		{ { { ack, 1, true } }, 1, 1 },
		{ { { at, 8, false } }, 1, 0 },
		{ { { BEYOND, 2, false }, { ack, 1, true } }, 2, 0 },
		{ { { at, 2, false }, { BEYOND, 1, true } }, 2, 0 },
		{ { { at, 2, false }, { BEYOND, 6, false }, { ack, 1, true } }, 3, 0 },
	};
	unsigned int i;

	r[0] = MAC;
	r[1] = 1;
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		r[32] = 0xff;
		ASSERT_LE(0, drv_ring_add(ring, bad[i].bufs, bad[i].n, r));
		EXPECT_EQ(bad[i].len, vdpa_turn(v, NET_CTRL)) {
			TH_LOG("case %u", i);
		}
		EXPECT_EQ(bad[i].len ? ERR : 0xff, r[32]);
	}
	EXPECT_EQ(ARRAY_LEN(bad), sim_counter(&self->dev, NET_CTRL, "cvq errors"));
	EXPECT_EQ(OK, sim_command(v, NET_CTRL, MAC, 1, sim_mac, 6));
}

/* As QEMU has it: the control queue's memory is in an address space of its own. */
TEST(own_address_space)
{
	struct vdpa_dev dev;
	struct vdpa v;
	unsigned int i;
	int ret = vdpa_dev_make(&dev, "vdpasim_net", "c1", &(struct vdpa_attrs){ .mac = sim_mac });

	if (ret == -ENOENT)
		SKIP(return, "no simulator of network cards");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, vdpa_up(&v, dev.path, &(struct vdpa_config){
		.features = SIM_F_NET, .num = 64, .unmapped = true }));
	EXPECT_EQ(2, vdpa_get_group_num(v.fd));
	EXPECT_EQ(2, vdpa_get_as_num(v.fd));
	EXPECT_EQ(0, vdpa_get_vring_group(v.fd, 0));
	EXPECT_EQ(0, vdpa_get_vring_group(v.fd, 1));
	EXPECT_EQ(1, vdpa_get_vring_group(v.fd, 2));
	EXPECT_EQ(0, vdpa_set_group_asid(v.fd, 1, 1));
	EXPECT_EQ(0, vdpa_map(v.fd, 1, v.iova, v.ram_size, v.ram, VHOST_ACCESS_RW));
	EXPECT_EQ(0, vdpa_map(v.fd, 0, v.iova, v.ram_size, v.ram, VHOST_ACCESS_RW));
	ASSERT_EQ(0, vdpa_start(&v));
	EXPECT_EQ(-EBUSY, vdpa_set_group_asid(v.fd, 1, 0));
	EXPECT_EQ(OK, sim_command(&v, NET_CTRL, MAC, 1, sim_mac_other, 6));
	EXPECT_EQ(1, sim_echo(&v, 0, sim_mac_other, 100, 1));
	/* Without space 0 nothing is received, commands are done. */
	EXPECT_EQ(0, vdpa_unmap(v.fd, 0, 0, 0));
	EXPECT_EQ(OK, sim_command(&v, NET_CTRL, MAC, 1, sim_mac, 6));
	ASSERT_LE(0, drv_ring_add1(&v.vq[NET_TX].ring, v.iova, 100, false, &v));
	vdpa_kick(&v, NET_TX);
	for (i = 0; i < 10; i++) {
		EXPECT_EQ(OK, sim_command(&v, NET_CTRL, MAC, 1, sim_mac, 6));
	}
	EXPECT_FALSE(drv_split.pending(&v.vq[NET_TX].ring));
	vdpa_close(&v);
	vdpa_dev_del(&dev);
}

/* ---- provisioned ---- */

#define F_MODES	(SIM_F_NET | SIM_F_CTRL_RX | SIM_F_CTRL_RX_EXTRA | SIM_F_CTRL_VLAN)

FIXTURE(modes) {
	struct vdpa_dev dev;
	struct vdpa v;
};

FIXTURE_SETUP(modes)
{
	const struct vdpa_attrs attrs = { .mac = sim_mac, .features = F_MODES };
	const struct vdpa_config c = { .features = F_MODES, .num = 64, .ram_size = 4 << 20 };
	int ret = vdpa_dev_make(&self->dev, "vdpasim_net", "c2", &attrs);

	vdpa_init(&self->v);
	if (ret == -ENOENT)
		SKIP(return, "no simulator of network cards");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, vdpa_up(&self->v, self->dev.path, &c));
	ASSERT_EQ(0, vdpa_start(&self->v));
}

FIXTURE_TEARDOWN(modes)
{
	vdpa_close(&self->v);
	vdpa_dev_del(&self->dev);
}

static int mode(struct vdpa *v, uint8_t cmd, uint8_t on)
{
	return sim_command(v, NET_CTRL, RX, cmd, &on, 1);
}

TEST_F(modes, receive)
{
	struct vdpa *v = &self->v;

	/* A card begins in promiscuous mode. */
	EXPECT_EQ(1, sim_echo(v, 0, sim_mac_other, 100, 1));
	EXPECT_EQ(OK, mode(v, VIRTIO_NET_CTRL_RX_PROMISC, 0));
	EXPECT_EQ(0, sim_echo(v, 0, sim_mac_other, 100, 2));
	EXPECT_EQ(1, sim_echo(v, 0, sim_mac, 100, 3));
	EXPECT_EQ(0, sim_echo(v, 0, sim_mac_multi, 100, 4));
	EXPECT_EQ(1, sim_echo(v, 0, sim_mac_all, 100, 5));
	EXPECT_EQ(OK, mode(v, VIRTIO_NET_CTRL_RX_ALLMULTI, 1));
	EXPECT_EQ(1, sim_echo(v, 0, sim_mac_multi, 100, 6));
	EXPECT_EQ(OK, mode(v, VIRTIO_NET_CTRL_RX_NOMULTI, 1));
	EXPECT_EQ(0, sim_echo(v, 0, sim_mac_multi, 100, 7));
	EXPECT_EQ(OK, mode(v, VIRTIO_NET_CTRL_RX_ALLUNI, 1));
	EXPECT_EQ(1, sim_echo(v, 0, sim_mac_other, 100, 8));
	EXPECT_EQ(OK, mode(v, VIRTIO_NET_CTRL_RX_NOUNI, 1));
	EXPECT_EQ(0, sim_echo(v, 0, sim_mac, 100, 9));
	EXPECT_EQ(OK, mode(v, VIRTIO_NET_CTRL_RX_NOBCAST, 1));
	EXPECT_EQ(0, sim_echo(v, 0, sim_mac_all, 100, 10));
	EXPECT_EQ(ERR, mode(v, 6, 1));
	EXPECT_EQ(ERR, sim_command(v, NET_CTRL, RX, 0, "\1\1", 2));
	EXPECT_EQ(ERR, sim_command(v, NET_CTRL, RX, 0, NULL, 0));
	EXPECT_EQ(0, sim_echo(v, 0, sim_mac_all, 100, 11));
	/* A reset takes it all back. */
	ASSERT_EQ(0, vdpa_restart(v));
	EXPECT_EQ(1, sim_echo(v, 0, sim_mac_other, 100, 12));
}

/* A MAC table: unicast, then multicast, addresses made from their number. */
static size_t mac_table(uint8_t *t, uint32_t uni, uint32_t multi)
{
	uint8_t *p = t;
	uint32_t i;

	memcpy(p, &uni, 4);
	p += 4;
	for (i = 0; i < uni; i++, p += 6)
		memcpy(p, (const uint8_t[]){ 2, 0, 0, 0, i >> 8, i }, 6);
	memcpy(p, &multi, 4);
	p += 4;
	for (i = 0; i < multi; i++, p += 6)
		memcpy(p, (const uint8_t[]){ 3, 0, 0, 0, i >> 8, i }, 6);
	return p - t;
}

TEST_F(modes, mac_table)
{
	static const uint8_t uni[6] = { 2, 0, 0, 0, 0, 63 }, multi[6] = { 3, 0, 0, 0, 0, 5 };
	static const uint8_t uni_far[6] = { 2, 9, 9, 9, 9, 9 };
	struct vdpa *v = &self->v;
	uint8_t t[2048];
	size_t len = mac_table(t, 64, 6);

	EXPECT_EQ(OK, mode(v, VIRTIO_NET_CTRL_RX_PROMISC, 0));
	EXPECT_EQ(0, sim_echo(v, 0, uni, 100, 1));
	EXPECT_EQ(OK, sim_command(v, NET_CTRL, MAC, 0, t, len));
	EXPECT_EQ(1, sim_echo(v, 0, uni, 100, 2));
	EXPECT_EQ(1, sim_echo(v, 0, multi, 100, 3));
	EXPECT_EQ(0, sim_echo(v, 0, uni_far, 100, 4));
	EXPECT_EQ(1, sim_echo(v, 0, sim_mac, 100, 5));
	/* One that is malformed changes nothing. */
	EXPECT_EQ(ERR, sim_command(v, NET_CTRL, MAC, 0, t, len - 1));
	EXPECT_EQ(ERR, sim_command(v, NET_CTRL, MAC, 0, t, len + 1));
	EXPECT_EQ(ERR, sim_command(v, NET_CTRL, MAC, 0, t, 4));
	EXPECT_EQ(ERR, sim_command(v, NET_CTRL, MAC, 0, t, 3));
	EXPECT_EQ(ERR, sim_command(v, NET_CTRL, MAC, 0, "\xff\xff\xff\xff\0\0\0\0", 8));
	EXPECT_EQ(1, sim_echo(v, 0, multi, 100, 6));
	/* More than there is room for: all of that kind are received. */
	len = mac_table(t, 65, 0);
	EXPECT_EQ(OK, sim_command(v, NET_CTRL, MAC, 0, t, len));
	EXPECT_EQ(1, sim_echo(v, 0, uni_far, 100, 7));
	EXPECT_EQ(0, sim_echo(v, 0, multi, 100, 8));
	len = mac_table(t, 0, 0);
	EXPECT_EQ(OK, sim_command(v, NET_CTRL, MAC, 0, t, len));
	EXPECT_EQ(0, sim_echo(v, 0, uni, 100, 9));
}

/* A frame of a VLAN, there and back or not. */
static int echo_vlan(struct vdpa *v, uint16_t tci)
{
	char *tx = vdpa_alloc(v, SIM_BUF, 64), *rx = vdpa_alloc(v, SIM_BUF, 64);
	struct drv_done done;
	int ret;

	if (!tx || !rx)
		return -ENOMEM;
	if (!drv_ring_in_flight(&v->vq[NET_RX].ring) && sim_rx_add(v, 0, rx, SIM_BUF))
		return -ENOMEM;
	sim_frame(tx, sim_mac, 100, 1);
	memcpy(tx + SIM_HDR + 12, (const uint8_t[]){ 0x81, 0x00, tci >> 8, tci }, 4);
	ret = sim_send(v, 0, tx, SIM_HDR + 100);
	return ret ? ret : sim_received(v, 0) ? drv_ring_get(&v->vq[NET_RX].ring, &done) : 0;
}

TEST_F(modes, vlan)
{
	static const uint16_t vid = 5, last = 4095, beyond = 4096;
	struct vdpa *v = &self->v;

	EXPECT_EQ(1, sim_echo(v, 0, sim_mac, 100, 1));
	EXPECT_EQ(0, echo_vlan(v, 5));
	EXPECT_EQ(OK, sim_command(v, NET_CTRL, VLAN, 0, &vid, 2));
	EXPECT_EQ(1, echo_vlan(v, 5));
	EXPECT_EQ(1, echo_vlan(v, 0xe005));
	EXPECT_EQ(0, echo_vlan(v, 6));
	EXPECT_EQ(OK, sim_command(v, NET_CTRL, VLAN, 0, &last, 2));
	EXPECT_EQ(1, echo_vlan(v, 4095));
	EXPECT_EQ(OK, sim_command(v, NET_CTRL, VLAN, 1, &vid, 2));
	EXPECT_EQ(0, echo_vlan(v, 5));
	EXPECT_EQ(ERR, sim_command(v, NET_CTRL, VLAN, 0, &beyond, 2));
	EXPECT_EQ(ERR, sim_command(v, NET_CTRL, VLAN, 2, &vid, 2));
	EXPECT_EQ(ERR, sim_command(v, NET_CTRL, VLAN, 0, &vid, 1));
}

/* Two pairs, for a driver that knows of them and for one that does not. */
FIXTURE(pairs) {
	struct vdpa_dev dev;
	struct vdpa v;
};

FIXTURE_SETUP(pairs)
{
	const struct vdpa_attrs attrs = { .mac = sim_mac, .max_vqp = 2 };
	int ret = vdpa_dev_make(&self->dev, "vdpasim_net", "c3", &attrs);

	vdpa_init(&self->v);
	if (ret == -ENOENT)
		SKIP(return, "no simulator of network cards");
	ASSERT_EQ(0, ret);
}

FIXTURE_TEARDOWN(pairs)
{
	vdpa_close(&self->v);
	vdpa_dev_del(&self->dev);
}

TEST_F(pairs, known)
{
	static const uint16_t n[] = { 0, 1, 2, 3, 0x8000 };
	struct vdpa *v = &self->v;
	uint16_t max;
	unsigned int i;

	ASSERT_EQ(0, vdpa_up(v, self->dev.path, &(struct vdpa_config){
		.features = SIM_F_NET | SIM_F_MQ, .num = 64, .ram_size = 4 << 20 }));
	ASSERT_EQ(5, v->nvqs);
	EXPECT_EQ(0, vdpa_get_config(v->fd, 8, &max, 2));
	EXPECT_EQ(2, max);
	for (i = 0; i < 5; i++) {
		EXPECT_EQ(i == 4, vdpa_get_vring_group(v->fd, i));
	}
	ASSERT_EQ(0, vdpa_start(v));
	EXPECT_EQ(1, sim_echo(v, 0, sim_mac, 100, 1));
	/* One pair is in use until the driver says so. */
	EXPECT_EQ(0, sim_echo(v, 1, sim_mac, 100, 2));
	EXPECT_EQ(1, sim_counter(&self->dev, 3, "tx drops"));
	for (i = 0; i < ARRAY_LEN(n); i++) {
		EXPECT_EQ(n[i] == 1 || n[i] == 2 ? OK : ERR,
			  sim_command(v, 4, MQ, 0, &n[i], 2));
	}
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(1, sim_echo(v, i & 1, sim_mac, 100 + i, 3 + i));
	}
	EXPECT_EQ(50, sim_counter(&self->dev, 2, "rx packets"));
	EXPECT_EQ(ERR, sim_command(v, 4, MQ, 1, &n[1], 2));
	EXPECT_EQ(OK, sim_command(v, 4, MQ, 0, &n[1], 2));
	EXPECT_EQ(0, sim_echo(v, 1, sim_mac, 100, 4));
}

TEST_F(pairs, unknown)
{
	static const uint16_t two = 2;
	struct vdpa *v = &self->v;
	unsigned int i;

	ASSERT_EQ(0, vdpa_up(v, self->dev.path, &(struct vdpa_config){
		.features = SIM_F_NET, .num = 64, .ram_size = 4 << 20 }));
	for (i = 0; i < 5; i++) {
		EXPECT_EQ(i == 2 || i == 4, vdpa_get_vring_group(v->fd, i));
	}
	ASSERT_EQ(0, vdpa_start(v));
	EXPECT_EQ(1, sim_echo(v, 0, sim_mac, 100, 1));
	EXPECT_EQ(OK, sim_command(v, 2, MAC, 1, sim_mac_other, 6));
	EXPECT_EQ(ERR, sim_command(v, 2, MQ, 0, &two, 2));
	EXPECT_EQ(2, sim_counter(&self->dev, 2, "cvq requests"));
	/* Queue 3 has no partner then: nothing happens there. */
	ASSERT_LE(0, drv_ring_add1(&v->vq[3].ring, v->iova, 100, false, NULL));
	vdpa_kick(v, 3);
	EXPECT_EQ(1, sim_echo(v, 0, sim_mac_other, 100, 2));
	EXPECT_EQ(OK, sim_command(v, 2, MAC, 1, sim_mac, 6));
	EXPECT_FALSE(drv_split.pending(&v->vq[3].ring));
}

TEST(provision_refused)
{
	static const struct vdpa_attrs bad[] = {
		{ .max_vqp = 17 },
		{ .features = VDPA_F_BASE | SIM_F_MQ, .max_vqp = 2 },
		{ .features = VDPA_F_BASE | SIM_F_CTRL_RX },
		{ .features = F_VERSION_1 },
		{ .features = SIM_F_NET | F_NOTIF_DATA },
		{ .features = SIM_F_NET | F_RING_RESET },
	};
	struct vdpa_dev d;
	unsigned int i;
	int ret = vdpa_dev_make(&d, "vdpasim_net", "c4", &(struct vdpa_attrs){});

	if (ret == -ENOENT)
		SKIP(return, "no simulator of network cards");
	ASSERT_EQ(0, ret);
	vdpa_dev_del(&d);
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		EXPECT_EQ(-EINVAL, vdpa_dev_make(&d, "vdpasim_net", "c4", &bad[i])) {
			TH_LOG("case %u", i);
		}
	}
}

TEST_HARNESS_MAIN
