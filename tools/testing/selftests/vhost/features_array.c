// SPDX-License-Identifier: GPL-2.0-only
/* Feature bits beyond the first 64, and what the two of them that exist do. */
#include <arpa/inet.h>
#include <linux/if_tun.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <sys/mman.h>

#include "libframe.h"
#include "test.h"

/* Words the calls look at; beyond that they refuse. */
#define WORDS_MAX	64

/* Names that an older kernel's headers lack. */
#define OFFLOAD_UDP_TUNNEL	0x80
#define GSO_UDP_TUNNEL_IPV4	0x20

#define TUNNEL_HDR_LEN		24

FIXTURE(array) {
	int fd;
	uint64_t offered[2];
};

FIXTURE_SETUP(array)
{
	self->fd = vhost_open(VHOST_NET_PATH, 0);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, vhost_get_features2(self->fd, self->offered));
}

FIXTURE_TEARDOWN(array)
{
	close(self->fd);
}

/* Does a tap of this kernel know frames in tunnels? */
static bool tap_has_tunnels(void)
{
	char name[IFNAMSIZ];
	bool has;
	int fd;

	if (net_ns_enter())
		return false;
	fd = net_tap_open(name, TUNNEL_HDR_LEN);
	has = ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | OFFLOAD_UDP_TUNNEL) == 0;
	close(fd);
	return has;
}

TEST_F(array, offer)
{
	uint64_t first;

	ASSERT_EQ(0, vhost_get_features(self->fd, &first));
	EXPECT_EQ(first, self->offered[0]);
	EXPECT_EQ(tap_has_tunnels() ? F2_TUNNEL : 0, self->offered[1]);
}

TEST_F(array, get_any_count)
{
	uint64_t words[WORDS_MAX + 2];
	unsigned int count, i;

	for (count = 0; count <= WORDS_MAX; count++) {
		memset(words, 0xaa, sizeof(words));
		words[0] = count;
		ASSERT_EQ(0, vhost_ioctl(self->fd, VHOST_GET_FEATURES_ARRAY, words));
		EXPECT_EQ(count, words[0]);
		for (i = 0; i <= WORDS_MAX; i++) {
			uint64_t want = i >= count ? UINT64_C(0xaaaaaaaaaaaaaaaa) :
					i < 2 ? self->offered[i] : 0;

			EXPECT_EQ(want, words[1 + i]) TH_LOG("word %u of %u", i, count);
		}
	}
}

TEST_F(array, set_each_bit)
{
	uint64_t words[1 + WORDS_MAX] = { WORDS_MAX };
	unsigned int bit, word;

	for (bit = 0; bit < 64 * WORDS_MAX; bit++) {
		word = bit / 64;
		words[1 + word] = BIT64(bit % 64);
		EXPECT_EQ(word < 2 && (words[1 + word] & self->offered[word]) ? 0 : -EOPNOTSUPP,
			  vhost_ioctl(self->fd, VHOST_SET_FEATURES_ARRAY, words))
			TH_LOG("bit %u", bit);
		words[1 + word] = 0;
	}
	memcpy(words + 1, self->offered, sizeof(self->offered));
	EXPECT_EQ(0, vhost_ioctl(self->fd, VHOST_SET_FEATURES_ARRAY, words));
}

TEST_F(array, set_short_counts)
{
	uint64_t words[3] = { 0, UINT64_MAX, UINT64_MAX };

	EXPECT_EQ(0, vhost_ioctl(self->fd, VHOST_SET_FEATURES_ARRAY, words));
	words[0] = 1;
	EXPECT_EQ(-EOPNOTSUPP, vhost_ioctl(self->fd, VHOST_SET_FEATURES_ARRAY, words));
	words[1] = self->offered[0];
	EXPECT_EQ(0, vhost_ioctl(self->fd, VHOST_SET_FEATURES_ARRAY, words));
}

TEST_F(array, fault_075_huge_count)
{
	static const uint64_t counts[] = {
		WORDS_MAX + 1, 1 << 16, 1 << 27, UINT64_C(1) << 31, UINT64_C(1) << 32,
		UINT64_C(1) << 61, (UINT64_C(1) << 61) + 1, UINT64_MAX,
	};
	size_t size = (size_t)1 << 30;
	uint64_t *words, start;
	unsigned int i;

	/* Zeros as far as the eye can see, for nobody has touched them. */
	words = mmap(NULL, size, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ASSERT_NE(MAP_FAILED, words);
	for (i = 0; i < ARRAY_LEN(counts); i++) {
		words[0] = counts[i];
		start = now_ms();
		EXPECT_EQ(-E2BIG, vhost_ioctl(self->fd, VHOST_SET_FEATURES_ARRAY, words))
			TH_LOG("count %#llx", (unsigned long long)counts[i]);
		EXPECT_EQ(-E2BIG, vhost_ioctl(self->fd, VHOST_GET_FEATURES_ARRAY, words))
			TH_LOG("count %#llx", (unsigned long long)counts[i]);
		EXPECT_GT(1000, now_ms() - start);
	}
	munmap(words, size);
}

TEST_F(array, unreadable)
{
	uint64_t *end;
	char *two;

	two = mmap(NULL, 2 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, two);
	ASSERT_EQ(0, mprotect(two + 4096, 4096, PROT_NONE));
	EXPECT_EQ(-EFAULT, vhost_ioctl(self->fd, VHOST_GET_FEATURES_ARRAY, NULL));
	EXPECT_EQ(-EFAULT, vhost_ioctl(self->fd, VHOST_SET_FEATURES_ARRAY, NULL));
	/* The count and one word are there; with none they are enough. */
	end = (uint64_t *)(void *)(two + 4096) - 2;
	end[0] = 2;
	EXPECT_EQ(-EFAULT, vhost_ioctl(self->fd, VHOST_GET_FEATURES_ARRAY, end));
	EXPECT_EQ(-EFAULT, vhost_ioctl(self->fd, VHOST_SET_FEATURES_ARRAY, end));
	end[0] = 3;
	EXPECT_EQ(-EFAULT, vhost_ioctl(self->fd, VHOST_GET_FEATURES_ARRAY, end));
	end[0] = 1;
	EXPECT_EQ(0, vhost_ioctl(self->fd, VHOST_GET_FEATURES_ARRAY, end));
	EXPECT_EQ(self->offered[0], end[1]);
	EXPECT_EQ(0, vhost_ioctl(self->fd, VHOST_SET_FEATURES_ARRAY, end));
	munmap(two, 2 * 4096);
}

/* ---- frames in tunnels ---- */

/* Ethernet, IPv4, UDP, VXLAN, and a TCP segment with its Ethernet header. */
struct tunnelled {
	uint8_t eth[NET_ETH_HLEN];
	struct iphdr ip;
	struct udphdr udp;
	uint32_t vxlan[2];
	uint8_t inner[];
} __attribute__((packed));

#define INNER_LEN	(FRAME_TCP_HLEN + 3 * FRAME_MSS + 100)
#define OUTER_LEN	(sizeof(struct tunnelled) + INNER_LEN)

/* struct virtio_net_hdr_v1_hash_tunnel: the plain header, a hash, two offsets. */
struct tunnel_hdr {
	struct virtio_net_hdr plain;
	uint16_t num_buffers;
	uint32_t hash_value;
	uint16_t hash_report, padding;
	uint16_t outer_th, inner_nh;
};

static void tunnel_fill(struct tunnel_hdr *hdr, struct tunnelled *t, uint32_t seed)
{
	memset(hdr, 0, sizeof(*hdr));
	net_frame_fill(t, NET_ETH_HLEN, 0);
	t->eth[12] = 0x08;
	t->eth[13] = 0x00;
	t->ip = (struct iphdr) {
		.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP,
		.tot_len = htons(OUTER_LEN - NET_ETH_HLEN),
		.saddr = htonl(0x0a010001), .daddr = htonl(0x0a010002),
	};
	t->udp = (struct udphdr) {
		.source = htons(5000), .dest = htons(4789),
		.len = htons(OUTER_LEN - offsetof(struct tunnelled, udp)),
	};
	t->vxlan[0] = htonl(0x08000000);
	t->vxlan[1] = htonl(7 << 8);
	frame_gso_fill(t->inner, INNER_LEN, seed, true, &hdr->plain);
	hdr->plain.gso_type |= GSO_UDP_TUNNEL_IPV4;
	hdr->plain.hdr_len = sizeof(*t) + FRAME_TCP_HLEN;
	hdr->plain.csum_start += sizeof(*t);
	hdr->outer_th = offsetof(struct tunnelled, udp);
	hdr->inner_nh = sizeof(*t) + NET_ETH_HLEN;
}

FIXTURE(tunnel) {
	struct vmm v;
	int in;			/* the tap that is the receive queue's backend */
};

FIXTURE_VARIANT(tunnel) {
	uint64_t features;
};

FIXTURE_VARIANT_ADD(tunnel, version_1) { F_VERSION_1 };
FIXTURE_VARIANT_ADD(tunnel, mergeable) { F_VERSION_1 | F_MRG_RXBUF | F_INDIRECT | F_EVENT_IDX };

/* What is sent leaves by one tap, and comes back through a bridge by another. */
FIXTURE_SETUP(tunnel)
{
	struct vmm *v = &self->v;
	uint64_t offered[2];
	char name[IFNAMSIZ];

	vmm_init(v);
	self->in = -1;
	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, vmm_up(v, &(struct vmm_config){ .features = variant->features }));
	ASSERT_EQ(0, vhost_get_features2(v->fd, offered));
	if (!offered[1])
		SKIP(return, "not with the taps of this kernel");
	ASSERT_EQ(0, vhost_set_features2(v->fd, variant->features, F2_TUNNEL));
	v->hdr_len = TUNNEL_HDR_LEN;
	ASSERT_EQ(0, net_backend_open(&v->net, NET_TAP, v->hdr_len));
	self->in = net_tap_open(name, v->hdr_len);
	ASSERT_LE(0, self->in);
	ASSERT_EQ(0, net_link_up(name));
	ASSERT_EQ(0, net_bridge(v->net.name, name));
	ASSERT_EQ(0, vhost_net_set_backend(v->fd, VQ_RX, self->in));
	ASSERT_EQ(0, vmm_start(v, VQ_TX));
}

FIXTURE_TEARDOWN(tunnel)
{
	close(self->in);
	vmm_close(&self->v);
}

/* Send a tunnelled segment. */
static int tunnel_send(struct vmm *v, const struct tunnel_hdr *hdr, const struct tunnelled *t)
{
	char *buf = vmm_alloc(v, sizeof(*hdr) + OUTER_LEN, 64);

	if (!buf)
		return -ENOSPC;
	memcpy(buf, hdr, sizeof(*hdr));
	memcpy(buf + sizeof(*hdr), t, OUTER_LEN);
	if (drv_ring_add1(&v->vq[VQ_TX].ring, vmm_gpa(v, buf), sizeof(*hdr) + OUTER_LEN, false,
			  buf) < 0)
		return -ENOSPC;
	vmm_kick(v, VQ_TX);
	return 0;
}

/* Offer n buffers, of one packet each. */
static void tunnel_post(struct vmm *v, unsigned int n)
{
	while (n--) {
		char *buf = vmm_alloc(v, 8192, 64);

		memset(buf, 0xee, 8192);
		drv_ring_add1(&v->vq[VQ_RX].ring, vmm_gpa(v, buf), 8192, true, buf);
	}
	vmm_kick(v, VQ_RX);
}

/* Take a packet into *done: a tunnelled one, the bridge has words of its own. */
static int tunnel_take(struct vmm *v, struct drv_done *done, unsigned int timeout_ms)
{
	uint64_t end = now_ms() + timeout_ms;
	const struct tunnelled *t;
	int ret;

	do {
		ret = drv_ring_wait(&v->vq[VQ_RX].ring, done, timeout_ms);
		if (ret <= 0)
			return ret;
		t = (void *)((char *)done->cookie + TUNNEL_HDR_LEN);
		if (t->eth[12] == 0x08 && t->ip.daddr == htonl(0x0a010002))
			return 1;
		tunnel_post(v, 1);
	} while (now_ms() < end);
	return -ETIMEDOUT;
}

static char room[OUTER_LEN];

TEST_F(tunnel, whole)
{
	struct tunnelled *t = (void *)room;
	struct tunnel_hdr hdr, got;
	struct vmm *v = &self->v;
	struct drv_done done;

	ASSERT_EQ(0, ioctl(self->in, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | OFFLOAD_UDP_TUNNEL));
	tunnel_fill(&hdr, t, 1);
	tunnel_post(v, 16);
	ASSERT_EQ(0, tunnel_send(v, &hdr, t));
	ASSERT_EQ(1, tunnel_take(v, &done, VMM_TIMEOUT_MS));
	EXPECT_EQ(sizeof(hdr) + OUTER_LEN, done.len);
	memcpy(&got, done.cookie, sizeof(got));
	EXPECT_EQ(1, got.num_buffers);
	EXPECT_EQ(hdr.plain.gso_type, got.plain.gso_type);
	EXPECT_EQ(hdr.plain.gso_size, got.plain.gso_size);
	EXPECT_EQ(hdr.plain.csum_start, got.plain.csum_start);
	EXPECT_EQ(hdr.outer_th, got.outer_th);
	EXPECT_EQ(hdr.inner_nh, got.inner_nh);
	EXPECT_EQ(0, got.hash_value);
	EXPECT_EQ(0, memcmp(t, (char *)done.cookie + sizeof(hdr), OUTER_LEN));
}

/* A receiver that wants none of it gets segments, each in a tunnel of its own. */
TEST_F(tunnel, cut)
{
	struct tunnelled *t = (void *)room, *part;
	struct vmm *v = &self->v;
	struct tunnel_hdr hdr;
	struct drv_done done;
	unsigned int i;

	ASSERT_EQ(0, ioctl(self->in, TUNSETOFFLOAD, 0));
	tunnel_fill(&hdr, t, 2);
	tunnel_post(v, 16);
	ASSERT_EQ(0, tunnel_send(v, &hdr, t));
	for (i = 0; i < 4; i++) {
		size_t len = i < 3 ? FRAME_MSS : 100;

		ASSERT_EQ(1, tunnel_take(v, &done, VMM_TIMEOUT_MS)) TH_LOG("segment %u", i);
		EXPECT_EQ(sizeof(hdr) + sizeof(*t) + FRAME_TCP_HLEN + len, done.len);
		part = (void *)((char *)done.cookie + sizeof(hdr));
		EXPECT_EQ(0, memcmp(part->inner + FRAME_TCP_HLEN,
				    t->inner + FRAME_TCP_HLEN + i * FRAME_MSS, len));
	}
}

/* Offsets that cannot be: the frame is lost, the queue goes on. */
TEST_F(tunnel, nonsense)
{
	struct tunnelled *t = (void *)room;
	struct vmm *v = &self->v;
	struct tunnel_hdr hdr;
	struct drv_done done;
	unsigned int i;

	ASSERT_EQ(0, ioctl(self->in, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | OFFLOAD_UDP_TUNNEL));
	tunnel_post(v, 16);
	for (i = 0; i < 6; i++) {
		tunnel_fill(&hdr, t, 3);
		switch (i) {
		case 0:
			hdr.outer_th = 0;
			break;
		case 1:
			hdr.inner_nh = 0xffff;
			break;
		case 2:
			hdr.outer_th = 0xffff;
			hdr.inner_nh = 0xffff;
			break;
		case 3:
			hdr.plain.gso_type |= 0x40;
			break;
		case 4:
			hdr.plain.csum_start = 0xfff0;
			break;
		case 5:
			hdr.plain.flags = 0;
			break;
		}
		ASSERT_EQ(0, tunnel_send(v, &hdr, t));
		ASSERT_EQ(1, drv_ring_wait(&v->vq[VQ_TX].ring, &done, VMM_TIMEOUT_MS));
	}
	EXPECT_EQ(-ETIMEDOUT, tunnel_take(v, &done, VMM_QUIET_MS));
	EXPECT_FALSE(vmm_ring_error(v, VQ_TX, 0));
	tunnel_fill(&hdr, t, 4);
	ASSERT_EQ(0, tunnel_send(v, &hdr, t));
	EXPECT_EQ(1, tunnel_take(v, &done, VMM_TIMEOUT_MS));
}

/* ---- the length of the header ---- */

FIXTURE(header) {
	struct vmm v;
};

FIXTURE_VARIANT(header) {
	uint64_t word0, word1;
};

FIXTURE_VARIANT_ADD(header, guest) { F_VERSION_1, F2_GUEST_TUNNEL };
FIXTURE_VARIANT_ADD(header, host) { F_VERSION_1 | F_MRG_RXBUF, F2_HOST_TUNNEL };
FIXTURE_VARIANT_ADD(header, legacy) { 0, F2_TUNNEL };
FIXTURE_VARIANT_ADD(header, vhost) { F_VERSION_1 | F_VHOST_HDR, F2_TUNNEL };

FIXTURE_SETUP(header)
{
	struct vmm *v = &self->v;
	uint64_t offered[2];
	unsigned int i;

	vmm_init(v);
	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, vmm_up(v, &(struct vmm_config){ .features = variant->word0 }));
	ASSERT_EQ(0, vhost_get_features2(v->fd, offered));
	if (!offered[1])
		SKIP(return, "not with the taps of this kernel");
	ASSERT_EQ(0, vhost_set_features2(v->fd, variant->word0, variant->word1));
	v->hdr_len = TUNNEL_HDR_LEN;
	ASSERT_EQ(0, net_backend_open(&v->net, NET_TAP,
				      variant->word0 & F_VHOST_HDR ? 0 : v->hdr_len));
	for (i = 0; i < VMM_NVQS; i++) {
		ASSERT_EQ(0, vmm_start(v, i));
	}
}

FIXTURE_TEARDOWN(header)
{
	vmm_close(&self->v);
}

TEST_F(header, traffic)
{
	static const struct tunnel_hdr want = { .num_buffers = 1 };
	struct vmm *v = &self->v;

	EXPECT_EQ(0, vmm_traffic_check(v));
	/* What the last frame came in with. */
	EXPECT_EQ(0, memcmp(v->scratch, &want, sizeof(want)));
}

/* A VMM that speaks of 64 bits only takes the others away. */
TEST_F(header, short_again)
{
	struct vmm *v = &self->v;

	if (variant->word0 & F_VHOST_HDR)
		SKIP(return, "the tap has no header");
	ASSERT_EQ(0, vmm_traffic_check(v));
	ASSERT_EQ(0, vhost_set_features(v->fd, variant->word0));
	v->hdr_len = vmm_hdr_len(variant->word0);
	ASSERT_EQ(0, ioctl(v->net.fd, TUNSETVNETHDRSZ, &v->hdr_len));
	EXPECT_EQ(0, vmm_traffic_check(v));
	/* Refused bits change nothing. */
	EXPECT_EQ(-EOPNOTSUPP, vhost_set_features2(v->fd, variant->word0, BIT64(63)));
	EXPECT_EQ(0, vmm_traffic_check(v));
}

TEST_HARNESS_MAIN
