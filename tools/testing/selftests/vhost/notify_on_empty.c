// SPDX-License-Identifier: GPL-2.0-only
/*
 * VIRTIO_F_NOTIFY_ON_EMPTY: a driver that has suppressed interrupts hears when the
 * device took its last buffer, and a driver without the feature does not.
 */
#include "test.h"

FIXTURE(empty) {
	struct vmm v;
};

FIXTURE_VARIANT(empty) {
	uint64_t features;
};

FIXTURE_VARIANT_ADD(empty, legacy) { F_NOTIFY_ON_EMPTY };
FIXTURE_VARIANT_ADD(empty, legacy_event_idx) { F_NOTIFY_ON_EMPTY | F_EVENT_IDX };
FIXTURE_VARIANT_ADD(empty, without) { 0 };
FIXTURE_VARIANT_ADD(empty, without_event_idx) { F_EVENT_IDX };

FIXTURE_SETUP(empty)
{
	vmm_init(&self->v);
	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, vmm_net_up(&self->v, &(struct vmm_config){ .features = variant->features }));
	/* The first signal after a start is always sent. */
	ASSERT_EQ(0, vmm_traffic_check(&self->v));
}

FIXTURE_TEARDOWN(empty)
{
	vmm_close(&self->v);
}

static void forget_calls(struct vmm *v, unsigned int index)
{
	drv_ring_disarm(&v->vq[index].ring);
	nap_us(VMM_QUIET_MS * 1000);
	event_take(v->vq[index].call);
}

TEST_F(empty, transmit)
{
	bool negotiated = variant->features & F_NOTIFY_ON_EMPTY;
	struct vmm *v = &self->v;
	struct drv_done done;
	unsigned int i;

	for (i = 0; i < 5; i++) {
		forget_calls(v, VQ_TX);
		ASSERT_EQ(0, vmm_tx_send(v, v->scratch, 100, i));
		ASSERT_EQ(1, drv_ring_wait(&v->vq[VQ_TX].ring, &done, VMM_TIMEOUT_MS));
		EXPECT_EQ(negotiated, !!event_wait(v->vq[VQ_TX].call, VMM_QUIET_MS));
	}
}

TEST_F(empty, receive)
{
	bool negotiated = variant->features & F_NOTIFY_ON_EMPTY;
	struct vmm *v = &self->v;
	struct drv_ring *r = &v->vq[VQ_RX].ring;
	char *buf = vmm_alloc(v, 3 * 2048, 64), frame[100];
	struct drv_done done;
	unsigned int i;

	forget_calls(v, VQ_RX);
	for (i = 0; i < 3; i++) {
		ASSERT_LE(0, drv_ring_add1(r, vmm_gpa(v, buf + i * 2048), 2048, true, buf));
	}
	vmm_kick(v, VQ_RX);
	net_frame_fill(frame, sizeof(frame), 1);
	for (i = 0; i < 3; i++) {
		forget_calls(v, VQ_RX);
		ASSERT_EQ((int)sizeof(frame), net_peer_send(&v->net, frame, sizeof(frame)));
		ASSERT_EQ(1, drv_ring_wait(r, &done, VMM_TIMEOUT_MS));
		/* While there are more buffers, nobody wants to know. */
		EXPECT_EQ(negotiated && i == 2, !!event_wait(v->vq[VQ_RX].call, VMM_QUIET_MS))
			TH_LOG("buffer %u", i);
	}
}

TEST_HARNESS_MAIN
