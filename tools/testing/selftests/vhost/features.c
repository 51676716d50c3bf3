// SPDX-License-Identifier: GPL-2.0-only
/* What the device offers, and what it says to calls and bits it does not know. */
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>

#include "test.h"

#define OFFERED	(F_MRG_RXBUF | F_NOTIFY_ON_EMPTY | F_LOG_ALL | F_VHOST_HDR | F_INDIRECT | \
		 F_EVENT_IDX | F_VERSION_1 | F_ACCESS_PLATFORM | F_PACKED | F_IN_ORDER | \
		 F_RING_RESET)
#define BACKEND_F_IOTLB_MSG_V2	BIT64(1)
#define BACKEND_F_IOTLB_BATCH	BIT64(2)
#define BACKEND_F_MEM_UPDATE	BIT64(48)

FIXTURE(features) {
	int fd;
	uint64_t offered;
};

FIXTURE_SETUP(features)
{
	self->fd = vhost_open(VHOST_NET_PATH, 0);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, vhost_get_features(self->fd, &self->offered));
	ASSERT_EQ(0, vhost_set_owner(self->fd));
}

FIXTURE_TEARDOWN(features)
{
	close(self->fd);
}

TEST_F(features, offer)
{
	EXPECT_EQ(OFFERED, self->offered & OFFERED);
	/* Nothing but what is known. */
	EXPECT_EQ(0, self->offered & ~OFFERED);
	EXPECT_EQ(0, vhost_set_features(self->fd, self->offered));
	EXPECT_EQ(0, vhost_set_features(self->fd, 0));
}

TEST_F(features, each_bit)
{
	unsigned int bit;

	for (bit = 0; bit < 64; bit++) {
		EXPECT_EQ(self->offered & BIT64(bit) ? 0 : -EOPNOTSUPP,
			  vhost_set_features(self->fd, BIT64(bit))) TH_LOG("bit %u", bit);
	}
	EXPECT_EQ(-EOPNOTSUPP, vhost_set_features(self->fd, UINT64_MAX));
}

TEST_F(features, backend_features)
{
	uint64_t f = UINT64_MAX;
	unsigned int bit;

	ASSERT_EQ(0, vhost_get_backend_features(self->fd, &f));
	EXPECT_EQ(BACKEND_F_IOTLB_MSG_V2 | BACKEND_F_IOTLB_BATCH | BACKEND_F_MEM_UPDATE, f);
	EXPECT_EQ(0, vhost_set_backend_features(self->fd, f));
	EXPECT_EQ(0, vhost_set_backend_features(self->fd, 0));
	for (bit = 0; bit < 64; bit++) {
		EXPECT_EQ(f & BIT64(bit) ? 0 : -EOPNOTSUPP,
			  vhost_set_backend_features(self->fd, BIT64(bit)))
			TH_LOG("bit %u", bit);
	}
}

TEST_F(features, unknown_calls)
{
	static const unsigned long calls[] = {
		/* of other devices */
		VHOST_VSOCK_SET_RUNNING, VHOST_SCSI_GET_ABI_VERSION,
		_IOR(VHOST_VIRTIO, 0x72, uint8_t), _IO(VHOST_VIRTIO, 0x7d),
		/* of nobody */
		_IO(VHOST_VIRTIO, 0xff), _IO('x', 1),
		/* a known number with another size */
		_IOW(VHOST_VIRTIO, 0x10, uint64_t[2]), _IOW(VHOST_VIRTIO, 0x00, uint32_t),
	};
	uint64_t room[4] = { 0 };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(calls); i++) {
		EXPECT_EQ(-ENOTTY, vhost_ioctl(self->fd, calls[i], room))
			TH_LOG("call %#lx", calls[i]);
	}
}

/* Without a device IOTLB there is nothing to read, and nobody must wait for it. */
TEST_F(features, read_does_not_block)
{
	struct pollfd p = { .fd = self->fd, .events = POLLIN };
	char msg[72];

	EXPECT_EQ(0, poll(&p, 1, 0) > 0 && (p.revents & POLLIN));
	EXPECT_GE(0, read(self->fd, msg, sizeof(msg)));
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_NONBLOCK));
	EXPECT_GE(0, read(self->fd, msg, sizeof(msg)));
}

TEST_F(features, write_refused)
{
	char msg[72] = { 0 };

	EXPECT_GT(0, write(self->fd, msg, sizeof(msg)));
	EXPECT_GT(0, write(self->fd, msg, 3));
}

/* The second queue cannot have them: so the first one goes back to what it had. */
TEST(all_queues_or_none)
{
	struct drv_place at;
	struct drv_sizes s;
	struct vmm v;
	char *ring;

	vmm_init(&v);
	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, vmm_net_up(&v, &(struct vmm_config){ .features = 0 }));
	ASSERT_LE(0, vmm_stop(&v, VQ_TX));
	drv_split.sizes(256, &s);
	ring = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, ring);
	at.desc = vmm_alloc(&v, s.desc, s.desc_align);
	at.driver = vmm_alloc(&v, s.driver, s.driver_align);
	at.device = ring;
	ASSERT_EQ(0, vmm_ring_at(&v, VQ_TX, 256, 0, &at));
	ASSERT_EQ(0, vmm_start(&v, VQ_TX));
	ASSERT_EQ(0, vmm_traffic_check(&v));

	ASSERT_EQ(0, munmap(ring, 8192));
	EXPECT_EQ(-EFAULT, vhost_set_features(v.fd, F_VERSION_1));
	/* Its header is as long as it was. */
	EXPECT_EQ(10, v.hdr_len);
	EXPECT_EQ(0, vmm_rx_check(&v, 100, 1));
	drv_ring_free(&v.vq[VQ_TX].ring);
	vmm_close(&v);
}

/* ---- traffic under each combination ---- */

FIXTURE(combination) {
	struct vmm v;
};

FIXTURE_SETUP(combination)
{
	vmm_init(&self->v);
	ASSERT_EQ(0, net_ns_enter());
}

FIXTURE_TEARDOWN(combination)
{
	vmm_close(&self->v);
}

FIXTURE_VARIANT(combination) {
	enum net_kind net;
	uint64_t always;
};

FIXTURE_VARIANT_ADD(combination, tap)
{
	.net = NET_TAP,
};

FIXTURE_VARIANT_ADD(combination, tap_vhost_header)
{
	.net = NET_TAP, .always = F_VHOST_HDR,
};

FIXTURE_VARIANT_ADD(combination, macvtap)
{
	.net = NET_MACVTAP,
};

FIXTURE_VARIANT_ADD(combination, packet_socket)
{
	.net = NET_PACKET, .always = F_VHOST_HDR,
};

TEST_F_TIMEOUT(combination, traffic, 300)
{
	static const uint64_t bits[] = { F_VERSION_1, F_MRG_RXBUF, F_INDIRECT, F_EVENT_IDX };
	/* All of them on a tap; none, two pairs and all elsewhere. */
	unsigned int step = variant->net == NET_TAP && !variant->always ? 1 : 5, set, i;

	for (set = 0; set < 1u << ARRAY_LEN(bits); set += step) {
		struct vmm_config c = { .net = variant->net, .features = variant->always };
		int ret;

		for (i = 0; i < ARRAY_LEN(bits); i++)
			c.features |= set & 1u << i ? bits[i] : 0;
		ret = vmm_net_up(&self->v, &c);
		ASSERT_EQ(0, ret) TH_LOG("features %#llx", (unsigned long long)c.features);
		EXPECT_EQ(0, vmm_traffic_check(&self->v))
			TH_LOG("features %#llx", (unsigned long long)c.features);
		vmm_close(&self->v);
	}
}

/* QEMU sets them again on a running device when it starts to log. */
TEST_F_TIMEOUT(combination, same_features_while_running, 120)
{
	struct vmm_config c = {
		.net = variant->net,
		.features = variant->always | F_VERSION_1 | F_EVENT_IDX,
	};
	unsigned int i;

	ASSERT_EQ(0, vmm_net_up(&self->v, &c));
	for (i = 0; i < 10; i++) {
		EXPECT_EQ(0, vhost_set_features(self->v.fd, c.features));
		EXPECT_EQ(0, vmm_traffic_check(&self->v));
	}
	/* Refused bits leave it running as well. */
	EXPECT_EQ(-EOPNOTSUPP, vhost_set_features(self->v.fd, c.features | F_NOTIF_DATA));
	EXPECT_EQ(0, vmm_traffic_check(&self->v));
}

TEST_HARNESS_MAIN
