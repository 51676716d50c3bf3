// SPDX-License-Identifier: GPL-2.0-only
/* A guest of the other byte order with a legacy driver: its rings are in that order. */
#include <endian.h>

#include "test.h"

/* ---- the calls ---- */

FIXTURE(endian) {
	struct vmm v;
};

FIXTURE_SETUP(endian)
{
	vmm_init(&self->v);
	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, vmm_up(&self->v, &(struct vmm_config){ .features = F_VERSION_1 }));
	ASSERT_EQ(0, net_backend_open(&self->v.net, NET_TAP, self->v.hdr_len));
}

FIXTURE_TEARDOWN(endian)
{
	vmm_close(&self->v);
}

TEST_F(endian, round_trip)
{
	int fd = self->v.fd;

	/* That of the host, which the tests take for little. */
	EXPECT_EQ(VHOST_VRING_LITTLE_ENDIAN, vhost_get_vring_endian(fd, VQ_TX));
	EXPECT_EQ(0, vhost_set_vring_endian(fd, VQ_TX, VHOST_VRING_BIG_ENDIAN));
	EXPECT_EQ(VHOST_VRING_BIG_ENDIAN, vhost_get_vring_endian(fd, VQ_TX));
	EXPECT_EQ(VHOST_VRING_LITTLE_ENDIAN, vhost_get_vring_endian(fd, VQ_RX));
	EXPECT_EQ(0, vhost_set_vring_endian(fd, VQ_TX, VHOST_VRING_LITTLE_ENDIAN));
	EXPECT_EQ(VHOST_VRING_LITTLE_ENDIAN, vhost_get_vring_endian(fd, VQ_TX));
}

TEST_F(endian, refused)
{
	int fd = self->v.fd;

	EXPECT_EQ(0, vhost_set_vring_endian(fd, VQ_TX, VHOST_VRING_BIG_ENDIAN));
	EXPECT_EQ(-EINVAL, vhost_set_vring_endian(fd, VQ_TX, 2));
	EXPECT_EQ(-EINVAL, vhost_set_vring_endian(fd, VQ_TX, 1u << 31));
	EXPECT_EQ(-EINVAL, vhost_set_vring_endian(fd, VQ_TX, UINT32_MAX));
	EXPECT_EQ(VHOST_VRING_BIG_ENDIAN, vhost_get_vring_endian(fd, VQ_TX));
}

TEST_F(endian, busy_while_running)
{
	struct vmm *v = &self->v;

	ASSERT_EQ(0, vmm_start(v, VQ_RX));
	ASSERT_EQ(0, vmm_start(v, VQ_TX));
	EXPECT_EQ(-EBUSY, vhost_set_vring_endian(v->fd, VQ_TX, VHOST_VRING_BIG_ENDIAN));
	EXPECT_EQ(-EBUSY, vhost_set_vring_endian(v->fd, VQ_TX, 2));
	EXPECT_EQ(0, vmm_traffic_check(v));
	ASSERT_LE(0, vmm_stop(v, VQ_TX));
	EXPECT_EQ(0, vhost_set_vring_endian(v->fd, VQ_TX, VHOST_VRING_BIG_ENDIAN));
}

TEST_F(endian, version_1_is_little)
{
	struct vmm *v = &self->v;
	unsigned int i;

	for (i = 0; i < VMM_NVQS; i++) {
		EXPECT_EQ(0, vhost_set_vring_endian(v->fd, i, VHOST_VRING_BIG_ENDIAN));
		ASSERT_EQ(0, vmm_start(v, i));
	}
	EXPECT_EQ(0, vmm_traffic_check(v));
}

TEST_F(endian, forgotten_with_the_owner)
{
	int fd = self->v.fd;

	EXPECT_EQ(0, vhost_set_vring_endian(fd, VQ_TX, VHOST_VRING_BIG_ENDIAN));
	ASSERT_EQ(0, vhost_reset_owner(fd));
	ASSERT_EQ(0, vhost_set_owner(fd));
	EXPECT_EQ(VHOST_VRING_LITTLE_ENDIAN, vhost_get_vring_endian(fd, VQ_TX));
}

/* ---- traffic ---- */

/*
 * The library's driver writes its rings in the order of this processor. What it
 * wrote is turned around in a second ring, which is the one the device knows; what
 * the device writes there is turned around on the way back.
 */
struct turned {
	struct drv_place at;
	unsigned int num;
};

static void turn_out(const struct drv_ring *r, struct turned *t)
{
	const struct vring_desc *from = drv_split_desc(r);
	const struct vring_avail *avail = drv_split_avail(r);
	struct vring_avail *be_avail = t->at.driver;
	struct vring_desc *to = t->at.desc;
	unsigned int i;

	for (i = 0; i < t->num; i++) {
		to[i].addr = htobe64(from[i].addr);
		to[i].len = htobe32(from[i].len);
		to[i].flags = htobe16(from[i].flags);
		to[i].next = htobe16(from[i].next);
		be_avail->ring[i] = htobe16(avail->ring[i]);
	}
	/* Event index, or nothing. */
	be_avail->ring[t->num] = htobe16(avail->ring[t->num]);
	be_avail->flags = htobe16(avail->flags);
	__atomic_store_n(&be_avail->idx, htobe16(avail->idx), __ATOMIC_RELEASE);
}

static void turn_in(struct drv_ring *r, const struct turned *t)
{
	const struct vring_used *be_used = t->at.device;
	uint16_t idx = be16toh(__atomic_load_n(&be_used->idx, __ATOMIC_ACQUIRE));
	struct vring_used *used = drv_split_used(r);
	unsigned int i;
	uint16_t event;

	for (i = 0; i < t->num; i++) {
		used->ring[i].id = be32toh(be_used->ring[i].id);
		used->ring[i].len = be32toh(be_used->ring[i].len);
	}
	memcpy(&event, &be_used->ring[t->num], sizeof(event));
	*drv_split_avail_event(r) = be16toh(event);
	used->flags = be16toh(be_used->flags);
	__atomic_store_n(&used->idx, idx, __ATOMIC_RELEASE);
}

static int turned_wait(struct drv_ring *r, const struct turned *t, struct drv_done *done)
{
	uint64_t end = now_ms() + VMM_TIMEOUT_MS;
	int ret;

	do {
		turn_in(r, t);
		ret = drv_ring_get(r, done);
		if (ret)
			return ret;
		nap_us(100);
	} while (now_ms() < end);
	return -ETIMEDOUT;
}

FIXTURE(other) {
	struct vmm v;
	struct turned t[VMM_NVQS];
};

FIXTURE_VARIANT(other) {
	uint64_t features;
	unsigned int base;
};

FIXTURE_VARIANT_ADD(other, plain) { 0, 0 };
FIXTURE_VARIANT_ADD(other, mergeable) { F_MRG_RXBUF | F_VHOST_HDR, 65530 };
FIXTURE_VARIANT_ADD(other, event_idx) { F_EVENT_IDX, 250 };

FIXTURE_SETUP(other)
{
	struct vmm *v = &self->v;
	struct drv_sizes s;
	unsigned int i;

	vmm_init(v);
	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, vmm_up(v, &(struct vmm_config){
		.features = variant->features, .count = variant->base }));
	ASSERT_EQ(0, net_backend_open(&v->net, NET_TAP,
				      variant->features & F_VHOST_HDR ? 0 : v->hdr_len));
	for (i = 0; i < VMM_NVQS; i++) {
		struct vhost_vring_addr addr = v->vq[i].addr;
		struct turned *t = &self->t[i];
		struct vring_used *used;

		t->num = v->vq[i].ring.num;
		drv_split.sizes(t->num, &s);
		t->at.desc = vmm_alloc(v, s.desc, s.desc_align);
		t->at.driver = vmm_alloc(v, s.driver, s.driver_align);
		t->at.device = vmm_alloc(v, s.device, s.device_align);
		ASSERT_NE(NULL, t->at.device);
		used = t->at.device;
		used->idx = htobe16(variant->base);
		turn_out(&v->vq[i].ring, t);
		addr.desc_user_addr = (uintptr_t)t->at.desc;
		addr.avail_user_addr = (uintptr_t)t->at.driver;
		addr.used_user_addr = (uintptr_t)t->at.device;
		ASSERT_EQ(0, vhost_set_vring_addr(v->fd, &addr));
		ASSERT_EQ(0, vhost_set_vring_endian(v->fd, i, VHOST_VRING_BIG_ENDIAN));
		ASSERT_EQ(0, vmm_start(v, i));
	}
}

FIXTURE_TEARDOWN(other)
{
	vmm_close(&self->v);
}

static char frame[2000];

TEST_F(other, transmit)
{
	struct vmm *v = &self->v;
	struct drv_ring *r = &v->vq[VQ_TX].ring;
	struct drv_done done;
	unsigned int i;

	for (i = 0; i < 300; i++) {
		net_peer_drain(&v->net);
		memset(v->scratch, 0, v->hdr_len);
		net_frame_fill(v->scratch + v->hdr_len, 60 + i, i);
		ASSERT_LE(0, drv_ring_add1(r, vmm_gpa(v, v->scratch), v->hdr_len + 60 + i, false,
					   v->scratch));
		drv_ring_publish(r);
		turn_out(r, &self->t[VQ_TX]);
		event_signal(v->vq[VQ_TX].kick);
		ASSERT_EQ((int)(60 + i), net_peer_recv(&v->net, frame, sizeof(frame),
						       VMM_TIMEOUT_MS));
		ASSERT_EQ(0, net_frame_check(frame, 60 + i, i, NULL));
		ASSERT_EQ(1, turned_wait(r, &self->t[VQ_TX], &done));
		ASSERT_EQ(0, done.len);
	}
	EXPECT_FALSE(vmm_ring_error(v, VQ_TX, 0));
}

TEST_F(other, receive)
{
	struct vmm *v = &self->v;
	struct drv_ring *r = &v->vq[VQ_RX].ring;
	struct drv_done done;
	unsigned int i;

	for (i = 0; i < 300; i++) {
		memset(v->scratch, 0xee, 2000);
		ASSERT_LE(0, drv_ring_add1(r, vmm_gpa(v, v->scratch), 2000, true, v->scratch));
		drv_ring_publish(r);
		turn_out(r, &self->t[VQ_RX]);
		event_signal(v->vq[VQ_RX].kick);
		net_frame_fill(frame, 60 + i, i);
		ASSERT_EQ((int)(60 + i), net_peer_send(&v->net, frame, 60 + i));
		ASSERT_EQ(1, turned_wait(r, &self->t[VQ_RX], &done));
		ASSERT_EQ(v->hdr_len + 60 + i, done.len);
		ASSERT_EQ(0, net_frame_check(v->scratch + v->hdr_len, 60 + i, i, NULL));
		/* The count of buffers is of the guest's byte order too. */
		if (v->features & F_MRG_RXBUF) {
			ASSERT_EQ(0, v->scratch[10]);
			ASSERT_EQ(1, v->scratch[11]);
		}
	}
	EXPECT_FALSE(vmm_ring_error(v, VQ_RX, 0));
}

TEST_HARNESS_MAIN
