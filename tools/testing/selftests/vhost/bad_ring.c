// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rings no honest driver writes. The rule: the error eventfd fires once, the queue
 * gives nothing back and takes nothing more, everything else goes on, and the VMM
 * can start the queue again.
 */
#include "test.h"

#define NUM	256
#define PAGE	4096u

struct scene {
	struct vmm v;		/* the one that gets a bad ring */
	struct vmm other;	/* must not notice */
	char *page;		/* of guest memory */
};

static int scene_up(struct scene *s, uint64_t features)
{
	const struct vmm_config c = {
		.features = F_VERSION_1 | F_INDIRECT | F_MRG_RXBUF | features,
		.num = NUM,
	};
	int ret;

	vmm_init(&s->v);
	vmm_init(&s->other);
	ret = net_ns_enter();
	if (!ret)
		ret = vmm_net_up(&s->v, &c);
	if (!ret)
		ret = vmm_net_up(&s->other, &c);
	if (ret)
		return ret;
	s->page = vmm_alloc(&s->v, 2 * PAGE, PAGE);
	return s->page ? 0 : -ENOMEM;
}

static void scene_down(struct scene *s)
{
	vmm_close(&s->v);
	vmm_close(&s->other);
}

/* What is wrong in either layout ... */
FIXTURE(bad_ring) {
	struct scene s;
};

FIXTURE_VARIANT(bad_ring) {
	uint64_t features;
};

FIXTURE_VARIANT_ADD(bad_ring, split) { 0 };
FIXTURE_VARIANT_ADD(bad_ring, packed) { F_PACKED };

FIXTURE_SETUP(bad_ring)
{
	ASSERT_EQ(0, scene_up(&self->s, variant->features));
}

FIXTURE_TEARDOWN(bad_ring)
{
	scene_down(&self->s);
}

/* ... and in one of them. */
FIXTURE(bad_split) {
	struct scene s;
};

FIXTURE_SETUP(bad_split)
{
	ASSERT_EQ(0, scene_up(&self->s, 0));
}

FIXTURE_TEARDOWN(bad_split)
{
	scene_down(&self->s);
}

FIXTURE(bad_packed) {
	struct scene s;
};

FIXTURE_SETUP(bad_packed)
{
	ASSERT_EQ(0, scene_up(&self->s, F_PACKED));
}

FIXTURE_TEARDOWN(bad_packed)
{
	scene_down(&self->s);
}

static int complain(const char *what, int value)
{
	printf("# %s: %d\n", what, value);
	return 1;
}

/*
 * The device has been given a bad entry on TX as the next one. Returns 0 when all
 * of the rule holds, and leaves the queue working.
 */
static int tx_breaks(struct vmm *v, struct vmm *other)
{
	uint16_t used = drv_ring_used(&v->vq[VQ_TX].ring);
	char frame[128];
	int ret;

	event_signal(v->vq[VQ_TX].kick);
	if (!vmm_ring_error(v, VQ_TX, VMM_TIMEOUT_MS))
		return complain("no error event", 0);
	/* A good buffer behind the bad one, and more kicks, change nothing. */
	net_peer_drain(&v->net);
	vmm_tx_send(v, v->scratch, sizeof(frame), 9);
	vmm_force_kick(v, VQ_TX);
	ret = net_peer_recv(&v->net, frame, sizeof(frame), VMM_QUIET_MS);
	if (ret != -ETIMEDOUT)
		return complain("broken queue still sends", ret);
	if (drv_ring_used(&v->vq[VQ_TX].ring) != used)
		return complain("used entries after the error",
				drv_ring_used(&v->vq[VQ_TX].ring) - used);
	if (vmm_ring_error(v, VQ_TX, 0))
		return complain("error event more than once", 0);
	ret = vmm_rx_check(v, 500, 1);
	if (ret)
		return complain("the other queue", ret);
	ret = vmm_traffic_check(other);
	if (ret)
		return complain("the other device", ret);
	ret = vmm_reset_queue(v, VQ_TX);
	if (ret)
		return complain("restart", ret);
	ret = vmm_traffic_check(v);
	return ret ? complain("traffic after restart", ret) : 0;
}

/* Buffers for the frames that wait in the tap; how many there were. */
static int take_frames(struct vmm *v)
{
	struct drv_ring *r = &v->vq[VQ_RX].ring;
	struct drv_done done;
	int i, n = 0;

	for (i = 0; i < 4; i++)
		drv_ring_add1(r, vmm_gpa(v, v->scratch) + i * 2048, 2048, true, NULL);
	vmm_force_kick(v, VQ_RX);
	while (drv_ring_wait(r, &done, n < 2 ? VMM_TIMEOUT_MS : 10) == 1)
		n++;
	return vmm_reset_queue(v, VQ_RX) ? -EIO : n;
}

/* The same for RX, which looks at a buffer only when a frame is there. */
static int rx_breaks(struct vmm *v, struct vmm *other)
{
	uint16_t used = drv_ring_used(&v->vq[VQ_RX].ring);
	char frame[128];
	int ret;

	net_frame_fill(frame, sizeof(frame), 1);
	net_peer_send(&v->net, frame, sizeof(frame));
	event_signal(v->vq[VQ_RX].kick);
	if (!vmm_ring_error(v, VQ_RX, VMM_TIMEOUT_MS))
		return complain("no error event", 0);
	net_peer_send(&v->net, frame, sizeof(frame));
	vmm_force_kick(v, VQ_RX);
	if (vmm_ring_error(v, VQ_RX, VMM_QUIET_MS))
		return complain("error event more than once", 0);
	if (drv_ring_used(&v->vq[VQ_RX].ring) != used)
		return complain("used entries after the error",
				drv_ring_used(&v->vq[VQ_RX].ring) - used);
	ret = vmm_tx_check(v, 500, 1);
	if (ret)
		return complain("the other queue", ret);
	ret = vmm_traffic_check(other);
	if (ret)
		return complain("the other device", ret);
	ret = vmm_reset_queue(v, VQ_RX);
	if (ret)
		return complain("restart", ret);
	/* The two frames above are the first that come in now. */
	if (take_frames(v) != 2)
		return complain("frames that waited", 0);
	ret = vmm_traffic_check(v);
	return ret ? complain("traffic after restart", ret) : 0;
}

#define EXPECT_TX_BREAKS()	EXPECT_EQ(0, tx_breaks(&self->s.v, &self->s.other))
#define EXPECT_RX_BREAKS()	EXPECT_EQ(0, rx_breaks(&self->s.v, &self->s.other))

static struct drv_ring *tx_ring(struct scene *s)
{
	return &s->v.vq[VQ_TX].ring;
}

static struct drv_ring *rx_ring(struct scene *s)
{
	return &s->v.vq[VQ_RX].ring;
}

#define NEXT	VRING_DESC_F_NEXT
#define WRITE	VRING_DESC_F_WRITE
#define INDIR	VRING_DESC_F_INDIRECT

static void put_desc(struct vring_desc *d, uint64_t gpa, uint32_t len, uint16_t flags,
		     uint16_t next)
{
	*d = (struct vring_desc) { .addr = gpa, .len = len, .flags = flags, .next = next };
}

/* A chain of one descriptor. */
static void push1(struct drv_ring *r, uint64_t gpa, uint32_t len, uint16_t flags)
{
	struct vring_desc d = { .addr = gpa, .len = len, .flags = flags };

	drv_ring_push_raw(r, &d, 1);
}

/* A chain of two, of 64 bytes each. */
static void push2(struct drv_ring *r, uint64_t gpa, uint16_t first, uint16_t second)
{
	struct vring_desc d[2];

	put_desc(&d[0], gpa, 64, first | NEXT, 1);
	put_desc(&d[1], gpa, 64, second, 0);
	drv_ring_push_raw(r, d, 2);
}

/* ---- heads and links of the split layout ---- */

TEST_F(bad_split, fault_067_head_out_of_range)
{
	static const uint16_t heads[] = { NUM, NUM + 1, 0x7fff, 65535 };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(heads); i++) {
		drv_split_push_raw(tx_ring(&self->s), heads[i], 1);
		EXPECT_TX_BREAKS() TH_LOG("head %u", heads[i]);
		drv_split_push_raw(rx_ring(&self->s), heads[i], 1);
		EXPECT_RX_BREAKS() TH_LOG("head %u", heads[i]);
	}
}

TEST_F(bad_split, fault_067_next_out_of_range)
{
	static const uint16_t nexts[] = { NUM, 65535 };
	struct vring_desc *d = drv_split_desc(tx_ring(&self->s));
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(nexts); i++) {
		put_desc(&d[0], vmm_gpa(&self->s.v, self->s.page), 64, NEXT, nexts[i]);
		drv_split_push_raw(tx_ring(&self->s), 0, 1);
		EXPECT_TX_BREAKS() TH_LOG("next %u", nexts[i]);
	}
}

TEST_F(bad_split, fault_067_descriptor_linked_to_itself)
{
	struct vring_desc *d = drv_split_desc(tx_ring(&self->s));

	put_desc(&d[7], vmm_gpa(&self->s.v, self->s.page), 64, NEXT, 7);
	drv_split_push_raw(tx_ring(&self->s), 7, 1);
	EXPECT_TX_BREAKS();
}

TEST_F(bad_split, fault_067_loop_of_two)
{
	struct vring_desc *d = drv_split_desc(tx_ring(&self->s));
	uint64_t gpa = vmm_gpa(&self->s.v, self->s.page);

	put_desc(&d[3], gpa, 64, NEXT, 200);
	put_desc(&d[200], gpa, 64, NEXT, 3);
	drv_split_push_raw(tx_ring(&self->s), 3, 1);
	EXPECT_TX_BREAKS();
	/* Without a byte in it: only the count of links can end this. */
	put_desc(&d[3], gpa, 0, NEXT, 200);
	put_desc(&d[200], gpa, 0, NEXT, 3);
	drv_split_push_raw(tx_ring(&self->s), 3, 1);
	EXPECT_TX_BREAKS();
}

TEST_F(bad_split, rx_loop)
{
	struct vring_desc *d = drv_split_desc(rx_ring(&self->s));

	put_desc(&d[1], vmm_gpa(&self->s.v, self->s.page), 64, NEXT | WRITE, 1);
	drv_split_push_raw(rx_ring(&self->s), 1, 1);
	EXPECT_RX_BREAKS();
}

/* ---- and of the packed one ---- */

/* Every descriptor of the ring says that one more follows. */
static void push_endless(struct scene *s, unsigned int index, uint32_t len, uint16_t flags)
{
	struct vring_desc d[NUM];
	unsigned int i;

	for (i = 0; i < NUM; i++)
		put_desc(&d[i], vmm_gpa(&s->v, s->page), len, flags | NEXT, 0);
	drv_ring_push_raw(&s->v.vq[index].ring, d, NUM);
}

TEST_F(bad_packed, fault_067_chain_without_an_end)
{
	push_endless(&self->s, VQ_TX, 64, 0);
	/* The rest of the test wants a buffer behind this one: there is no room. */
	event_signal(self->s.v.vq[VQ_TX].kick);
	EXPECT_TRUE(vmm_ring_error(&self->s.v, VQ_TX, VMM_TIMEOUT_MS));
	EXPECT_FALSE(vmm_ring_error(&self->s.v, VQ_TX, VMM_QUIET_MS));
	ASSERT_EQ(0, vmm_reset_queue(&self->s.v, VQ_TX));
	push_endless(&self->s, VQ_TX, 0, 0);
	event_signal(self->s.v.vq[VQ_TX].kick);
	EXPECT_TRUE(vmm_ring_error(&self->s.v, VQ_TX, VMM_TIMEOUT_MS));
	ASSERT_EQ(0, vmm_reset_queue(&self->s.v, VQ_TX));
	push_endless(&self->s, VQ_RX, 64, WRITE);
	EXPECT_RX_BREAKS();
}

TEST_F(bad_packed, table_behind_a_descriptor)
{
	uint64_t gpa = vmm_gpa(&self->s.v, self->s.page);
	struct vring_desc d[2];

	put_desc((void *)self->s.page, gpa + PAGE, 64, 0, 0);
	put_desc(&d[0], gpa + PAGE, 64, NEXT, 0);
	put_desc(&d[1], gpa, 16, INDIR, 0);
	drv_ring_push_raw(tx_ring(&self->s), d, 2);
	EXPECT_TX_BREAKS();
}

/* Not even what would be wrong in a table of the split layout. */
TEST_F(bad_packed, flags_in_a_table_mean_nothing)
{
	static const uint16_t flags[] = { INDIR, NEXT, INDIR | NEXT };
	struct vmm *v = &self->s.v;
	uint64_t gpa = vmm_gpa(v, self->s.page);
	struct drv_done done;
	struct drv_buf b;
	char frame[100];
	unsigned int i;

	memset(self->s.page + PAGE, 0, v->hdr_len);
	for (i = 0; i < ARRAY_LEN(flags); i++) {
		net_frame_fill(self->s.page + PAGE + v->hdr_len, sizeof(frame), i);
		b = (struct drv_buf) { .gpa = gpa + PAGE, .len = v->hdr_len + sizeof(frame) };
		ASSERT_LE(0, drv_ring_add_indirect(tx_ring(&self->s), &b, 1, self->s.page, gpa,
						   NULL));
		((struct vring_packed_desc *)self->s.page)->flags |= flags[i];
		vmm_kick(v, VQ_TX);
		EXPECT_EQ((int)sizeof(frame),
			  net_peer_recv(&v->net, frame, sizeof(frame), VMM_TIMEOUT_MS));
		EXPECT_EQ(0, net_frame_check(frame, sizeof(frame), i, NULL));
		EXPECT_EQ(1, drv_ring_wait(tx_ring(&self->s), &done, VMM_TIMEOUT_MS));
	}
	EXPECT_FALSE(vmm_ring_error(v, VQ_TX, 0));
}

/* ---- addresses, lengths, directions ---- */

TEST_F(bad_ring, buffer_outside_memory)
{
	static const uint64_t gpas[] = { UINT64_C(1) << 40, UINT64_MAX, UINT64_C(1) << 63 };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(gpas); i++) {
		push1(tx_ring(&self->s), gpas[i], 64, 0);
		EXPECT_TX_BREAKS() TH_LOG("gpa %#llx", (unsigned long long)gpas[i]);
	}
	/* Begins inside. */
	push1(tx_ring(&self->s), self->s.v.ram_size - 32, 64, 0);
	EXPECT_TX_BREAKS();
}

TEST_F(bad_ring, huge_length)
{
	static const uint32_t lens[] = { UINT32_MAX, 1u << 31, 0xfffff000 };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(lens); i++) {
		push1(tx_ring(&self->s), vmm_gpa(&self->s.v, self->s.page), lens[i], 0);
		EXPECT_TX_BREAKS() TH_LOG("length %#x", lens[i]);
	}
}

TEST_F(bad_ring, tx_without_a_byte)
{
	push1(tx_ring(&self->s), vmm_gpa(&self->s.v, self->s.page), 0, 0);
	EXPECT_TX_BREAKS();
}

TEST_F(bad_ring, tx_with_writable_part)
{
	uint64_t gpa = vmm_gpa(&self->s.v, self->s.page);

	push1(tx_ring(&self->s), gpa, 64, WRITE);
	EXPECT_TX_BREAKS();
	push2(tx_ring(&self->s), gpa, 0, WRITE);
	EXPECT_TX_BREAKS();
}

TEST_F(bad_ring, fault_067_writable_before_readable)
{
	uint64_t gpa = vmm_gpa(&self->s.v, self->s.page);

	push2(tx_ring(&self->s), gpa, WRITE, 0);
	EXPECT_TX_BREAKS();
	push2(rx_ring(&self->s), gpa, WRITE, 0);
	EXPECT_RX_BREAKS();
}

TEST_F(bad_ring, rx_readable)
{
	push1(rx_ring(&self->s), vmm_gpa(&self->s.v, self->s.page), 2048, 0);
	EXPECT_RX_BREAKS();
}

/* Two frames come, for a good buffer and a bad one. Returns 0 if the driver gets the first. */
static int rx_filled_before(struct scene *s, uint64_t bad_gpa, bool write)
{
	struct drv_ring *r = rx_ring(s);
	struct vmm *v = &s->v;
	struct drv_done done;
	char frame[128];
	unsigned int i;
	int ret;

	for (i = 0; i < 2; i++) {
		net_frame_fill(frame, sizeof(frame), i);
		net_peer_send(&v->net, frame, sizeof(frame));
	}
	if (drv_ring_add1(r, vmm_gpa(v, v->scratch), 2048, true, NULL) < 0 ||
	    drv_ring_add1(r, bad_gpa, 2048, write, NULL) < 0)
		return complain("no room", 0);
	vmm_force_kick(v, VQ_RX);
	if (!vmm_ring_error(v, VQ_RX, VMM_TIMEOUT_MS))
		return complain("no error event", 0);
	ret = drv_ring_get(r, &done);
	if (ret != 1)
		return complain("the first buffer", ret);
	if (done.len != v->hdr_len + sizeof(frame))
		return complain("bytes", done.len);
	return net_frame_check(v->scratch + v->hdr_len, sizeof(frame), 0, NULL);
}

TEST_F(bad_ring, rx_filled_before_readable)
{
	EXPECT_EQ(0, rx_filled_before(&self->s, vmm_gpa(&self->s.v, self->s.page), false));
}

TEST_F(bad_ring, rx_filled_before_unmapped)
{
	EXPECT_EQ(0, rx_filled_before(&self->s, UINT64_C(1) << 40, true));
}

/* ---- indirect tables ---- */

/* Entry i of the table in the fixture's page. */
static void put_entry(struct scene *s, unsigned int i, uint64_t gpa, uint32_t len,
		      uint16_t flags, uint16_t next)
{
	struct vring_desc d;

	put_desc(&d, gpa, len, flags, next);
	drv_ring_put_entry(tx_ring(s), s->page, i, &d);
}

/* A head that refers to len bytes of that table. */
static void push_table(struct scene *s, uint32_t len)
{
	push1(tx_ring(s), vmm_gpa(&s->v, s->page), len, INDIR);
}

TEST_F(bad_ring, fault_067_indirect_length)
{
	static const uint32_t lens[] = { 0, 1, 15, 17, 16 * 65537, 0xfffffff0, UINT32_MAX };
	uint64_t gpa = vmm_gpa(&self->s.v, self->s.page) + PAGE;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(lens); i++) {
		put_entry(&self->s, 0, gpa, 64, 0, 0);
		push_table(&self->s, lens[i]);
		EXPECT_TX_BREAKS() TH_LOG("table of %u bytes", lens[i]);
	}
}

TEST_F(bad_split, fault_067_nested_indirect)
{
	uint64_t gpa = vmm_gpa(&self->s.v, self->s.page);

	put_entry(&self->s, 0, gpa + 16, 16, INDIR, 0);
	put_entry(&self->s, 1, gpa + PAGE, 64, 0, 0);
	push_table(&self->s, 16);
	EXPECT_TX_BREAKS();
}

TEST_F(bad_split, fault_070_indirect_links)
{
	uint64_t gpa = vmm_gpa(&self->s.v, self->s.page) + PAGE;

	put_entry(&self->s, 0, gpa, 64, NEXT, 0);	/* to itself */
	push_table(&self->s, 4 * 16);
	EXPECT_TX_BREAKS();
	put_entry(&self->s, 0, gpa, 0, NEXT, 3);	/* loop of two, no bytes */
	put_entry(&self->s, 3, gpa, 0, NEXT, 0);
	push_table(&self->s, 4 * 16);
	EXPECT_TX_BREAKS();
	put_entry(&self->s, 0, gpa, 64, NEXT, 4);	/* just behind the table */
	put_entry(&self->s, 4, gpa, 64, 0, 0);
	push_table(&self->s, 4 * 16);
	EXPECT_TX_BREAKS();
	put_entry(&self->s, 0, gpa, 64, NEXT, 65535);
	push_table(&self->s, 4 * 16);
	EXPECT_TX_BREAKS();
}

TEST_F(bad_ring, indirect_and_next)
{
	uint64_t gpa = vmm_gpa(&self->s.v, self->s.page);
	struct vring_desc d[2];

	put_entry(&self->s, 0, gpa + PAGE, 64, 0, 0);
	put_desc(&d[0], gpa, 16, INDIR | NEXT, 1);
	put_desc(&d[1], gpa + PAGE, 64, 0, 0);
	drv_ring_push_raw(tx_ring(&self->s), d, 2);
	EXPECT_TX_BREAKS();
}

/* More pieces than an iovec array may have, and as many as it may. */
TEST_F(bad_ring, fault_011_pieces_of_a_chain)
{
	enum { MOST = 1024, HDR = 12 };
	struct drv_ring *r = tx_ring(&self->s);
	struct vmm *v = &self->s.v;
	struct drv_buf bufs[MOST + 1];
	struct drv_done done;
	char frame[MOST];
	unsigned int i;
	void *t;

	t = vmm_alloc(v, (MOST + 1) * sizeof(struct vring_desc), 16);
	ASSERT_NE(NULL, t);
	memset(self->s.page, 0, HDR);
	net_frame_fill(self->s.page + HDR, sizeof(frame), 8);
	for (i = 0; i <= MOST; i++)
		bufs[i] = (struct drv_buf) { .gpa = vmm_gpa(v, self->s.page) + i, .len = 1 };
	ASSERT_LE(0, drv_ring_add_indirect(r, bufs, MOST + 1, t, vmm_gpa(v, t), NULL));
	drv_ring_publish(r);
	EXPECT_TX_BREAKS();

	ASSERT_LE(0, drv_ring_add_indirect(r, bufs, MOST, t, vmm_gpa(v, t), NULL));
	vmm_kick(v, VQ_TX);
	EXPECT_EQ(MOST - HDR, net_peer_recv(&v->net, frame, sizeof(frame), VMM_TIMEOUT_MS));
	EXPECT_EQ(0, net_frame_check(frame, MOST - HDR, 8, NULL));
	EXPECT_EQ(1, drv_ring_wait(r, &done, VMM_TIMEOUT_MS));
}

TEST_F(bad_ring, indirect_table_outside_memory)
{
	push1(tx_ring(&self->s), UINT64_C(1) << 40, 64, INDIR);
	EXPECT_TX_BREAKS();
	push1(tx_ring(&self->s), self->s.v.ram_size - 16, 64, INDIR);
	EXPECT_TX_BREAKS();
}

/* Longer than the ring and mostly unused, but not against the rules of vhost. */
TEST_F(bad_split, fault_070_long_table_works)
{
	struct drv_ring *r = tx_ring(&self->s);
	struct vmm *v = &self->s.v;
	size_t len = 65536 * sizeof(struct vring_desc);
	struct vring_desc *t;
	struct drv_done done;
	char frame[100];
	int head;

	t = vmm_alloc(v, len, 16);
	ASSERT_NE(NULL, t);
	memset(self->s.page, 0, v->hdr_len);
	net_frame_fill(self->s.page + v->hdr_len, sizeof(frame), 3);
	put_desc(&t[0], vmm_gpa(v, self->s.page), v->hdr_len, NEXT, 65535);
	put_desc(&t[65535], vmm_gpa(v, self->s.page) + v->hdr_len, sizeof(frame), 0, 0);
	head = drv_ring_add1(r, vmm_gpa(v, t), len, false, NULL);
	ASSERT_LE(0, head);
	*drv_ring_flags(r, head) = INDIR;
	vmm_kick(v, VQ_TX);
	EXPECT_EQ((int)sizeof(frame),
		  net_peer_recv(&v->net, frame, sizeof(frame), VMM_TIMEOUT_MS));
	EXPECT_EQ(0, net_frame_check(frame, sizeof(frame), 3, NULL));
	EXPECT_EQ(1, drv_ring_wait(r, &done, VMM_TIMEOUT_MS));
	EXPECT_FALSE(vmm_ring_error(v, VQ_TX, 0));
}

/* ---- indexes ---- */

TEST_F(bad_split, avail_index_too_far)
{
	static const uint16_t jumps[] = { NUM + 1, 2 * NUM, 0x8000, 0xffff };
	struct vring_desc *d = drv_split_desc(tx_ring(&self->s));
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(jumps); i++) {
		put_desc(&d[0], vmm_gpa(&self->s.v, self->s.page), 100, 0, 0);
		drv_split_push_raw(tx_ring(&self->s), 0, jumps[i]);
		EXPECT_TX_BREAKS() TH_LOG("jump %u", jumps[i]);
	}
}

TEST_HARNESS_MAIN
