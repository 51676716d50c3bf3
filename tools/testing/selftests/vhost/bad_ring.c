// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rings no honest driver writes. The rule: the error eventfd fires once, the queue
 * gives nothing back and takes nothing more, everything else goes on, and the VMM
 * can start the queue again.
 */
#include "test.h"

#define NUM	256
#define PAGE	4096u

FIXTURE(bad_ring) {
	struct vmm v;		/* the one that gets a bad ring */
	struct vmm other;	/* must not notice */
	char *page;		/* of guest memory */
};

FIXTURE_SETUP(bad_ring)
{
	const struct vmm_config c = {
		.features = F_VERSION_1 | F_INDIRECT | F_MRG_RXBUF,
		.num = NUM,
	};

	vmm_init(&self->v);
	vmm_init(&self->other);
	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, vmm_net_up(&self->v, &c));
	ASSERT_EQ(0, vmm_net_up(&self->other, &c));
	self->page = vmm_alloc(&self->v, 2 * PAGE, PAGE);
	ASSERT_NE(NULL, self->page);
}

FIXTURE_TEARDOWN(bad_ring)
{
	vmm_close(&self->v);
	vmm_close(&self->other);
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
	uint16_t used = drv_split_used_idx(&v->vq[VQ_TX].ring);
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
	if (drv_split_used_idx(&v->vq[VQ_TX].ring) != used)
		return complain("used entries after the error", drv_split_used_idx(&v->vq[VQ_TX].ring) - used);
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
	uint16_t used = drv_split_used_idx(&v->vq[VQ_RX].ring);
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
	if (drv_split_used_idx(&v->vq[VQ_RX].ring) != used)
		return complain("used entries after the error", drv_split_used_idx(&v->vq[VQ_RX].ring) - used);
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

#define EXPECT_TX_BREAKS()	EXPECT_EQ(0, tx_breaks(&self->v, &self->other))
#define EXPECT_RX_BREAKS()	EXPECT_EQ(0, rx_breaks(&self->v, &self->other))

static struct drv_ring *tx_ring(struct vmm *v)
{
	return &v->vq[VQ_TX].ring;
}

/* Write descriptor i; the buffer is the page of the fixture. */
static void put_desc(struct vring_desc *d, uint64_t gpa, uint32_t len, uint16_t flags,
		     uint16_t next)
{
	*d = (struct vring_desc) { .addr = gpa, .len = len, .flags = flags, .next = next };
}

#define NEXT	VRING_DESC_F_NEXT
#define WRITE	VRING_DESC_F_WRITE
#define INDIR	VRING_DESC_F_INDIRECT

/* ---- heads and links ---- */

TEST_F(bad_ring, fault_067_head_out_of_range)
{
	static const uint16_t heads[] = { NUM, NUM + 1, 0x7fff, 65535 };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(heads); i++) {
		drv_split_push_raw(tx_ring(&self->v), heads[i], 1);
		EXPECT_TX_BREAKS() TH_LOG("head %u", heads[i]);
		drv_split_push_raw(&self->v.vq[VQ_RX].ring, heads[i], 1);
		EXPECT_RX_BREAKS() TH_LOG("head %u", heads[i]);
	}
}

TEST_F(bad_ring, fault_067_next_out_of_range)
{
	static const uint16_t nexts[] = { NUM, 65535 };
	struct vring_desc *d = drv_split_desc(tx_ring(&self->v));
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(nexts); i++) {
		put_desc(&d[0], vmm_gpa(&self->v, self->page), 64, NEXT, nexts[i]);
		drv_split_push_raw(tx_ring(&self->v), 0, 1);
		EXPECT_TX_BREAKS() TH_LOG("next %u", nexts[i]);
	}
}

TEST_F(bad_ring, fault_067_descriptor_linked_to_itself)
{
	struct vring_desc *d = drv_split_desc(tx_ring(&self->v));

	put_desc(&d[7], vmm_gpa(&self->v, self->page), 64, NEXT, 7);
	drv_split_push_raw(tx_ring(&self->v), 7, 1);
	EXPECT_TX_BREAKS();
}

TEST_F(bad_ring, fault_067_loop_of_two)
{
	struct vring_desc *d = drv_split_desc(tx_ring(&self->v));
	uint64_t gpa = vmm_gpa(&self->v, self->page);

	put_desc(&d[3], gpa, 64, NEXT, 200);
	put_desc(&d[200], gpa, 64, NEXT, 3);
	drv_split_push_raw(tx_ring(&self->v), 3, 1);
	EXPECT_TX_BREAKS();
	/* Without a byte in it: only the count of links can end this. */
	put_desc(&d[3], gpa, 0, NEXT, 200);
	put_desc(&d[200], gpa, 0, NEXT, 3);
	drv_split_push_raw(tx_ring(&self->v), 3, 1);
	EXPECT_TX_BREAKS();
}

TEST_F(bad_ring, rx_loop)
{
	struct vring_desc *d = drv_split_desc(&self->v.vq[VQ_RX].ring);

	put_desc(&d[1], vmm_gpa(&self->v, self->page), 64, NEXT | WRITE, 1);
	drv_split_push_raw(&self->v.vq[VQ_RX].ring, 1, 1);
	EXPECT_RX_BREAKS();
}

/* ---- addresses, lengths, directions ---- */

TEST_F(bad_ring, buffer_outside_memory)
{
	static const uint64_t gpas[] = { UINT64_C(1) << 40, UINT64_MAX, UINT64_C(1) << 63 };
	struct vring_desc *d = drv_split_desc(tx_ring(&self->v));
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(gpas); i++) {
		put_desc(&d[0], gpas[i], 64, 0, 0);
		drv_split_push_raw(tx_ring(&self->v), 0, 1);
		EXPECT_TX_BREAKS() TH_LOG("gpa %#llx", (unsigned long long)gpas[i]);
	}
	/* Begins inside. */
	put_desc(&d[0], self->v.ram_size - 32, 64, 0, 0);
	drv_split_push_raw(tx_ring(&self->v), 0, 1);
	EXPECT_TX_BREAKS();
}

TEST_F(bad_ring, huge_length)
{
	static const uint32_t lens[] = { UINT32_MAX, 1u << 31, 0xfffff000 };
	struct vring_desc *d = drv_split_desc(tx_ring(&self->v));
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(lens); i++) {
		put_desc(&d[0], vmm_gpa(&self->v, self->page), lens[i], 0, 0);
		drv_split_push_raw(tx_ring(&self->v), 0, 1);
		EXPECT_TX_BREAKS() TH_LOG("length %#x", lens[i]);
	}
}

TEST_F(bad_ring, tx_without_a_byte)
{
	struct vring_desc *d = drv_split_desc(tx_ring(&self->v));

	put_desc(&d[0], vmm_gpa(&self->v, self->page), 0, 0, 0);
	drv_split_push_raw(tx_ring(&self->v), 0, 1);
	EXPECT_TX_BREAKS();
}

TEST_F(bad_ring, tx_with_writable_part)
{
	struct vring_desc *d = drv_split_desc(tx_ring(&self->v));
	uint64_t gpa = vmm_gpa(&self->v, self->page);

	put_desc(&d[0], gpa, 64, WRITE, 0);
	drv_split_push_raw(tx_ring(&self->v), 0, 1);
	EXPECT_TX_BREAKS();
	put_desc(&d[0], gpa, 64, NEXT, 1);
	put_desc(&d[1], gpa, 64, WRITE, 0);
	drv_split_push_raw(tx_ring(&self->v), 0, 1);
	EXPECT_TX_BREAKS();
}

TEST_F(bad_ring, fault_067_writable_before_readable)
{
	struct vring_desc *d = drv_split_desc(tx_ring(&self->v));
	uint64_t gpa = vmm_gpa(&self->v, self->page);

	put_desc(&d[0], gpa, 64, NEXT | WRITE, 1);
	put_desc(&d[1], gpa, 64, 0, 0);
	drv_split_push_raw(tx_ring(&self->v), 0, 1);
	EXPECT_TX_BREAKS();
	d = drv_split_desc(&self->v.vq[VQ_RX].ring);
	put_desc(&d[0], gpa, 2048, NEXT | WRITE, 1);
	put_desc(&d[1], gpa, 64, 0, 0);
	drv_split_push_raw(&self->v.vq[VQ_RX].ring, 0, 1);
	EXPECT_RX_BREAKS();
}

TEST_F(bad_ring, rx_readable)
{
	struct vring_desc *d = drv_split_desc(&self->v.vq[VQ_RX].ring);

	put_desc(&d[0], vmm_gpa(&self->v, self->page), 2048, 0, 0);
	drv_split_push_raw(&self->v.vq[VQ_RX].ring, 0, 1);
	EXPECT_RX_BREAKS();
}

/* ---- indirect tables ---- */

/* A head that refers to a table of len bytes at self->page. */
static void push_table(struct vmm *v, void *table, uint32_t len, uint16_t more_flags)
{
	struct vring_desc *d = drv_split_desc(tx_ring(v));

	put_desc(&d[0], vmm_gpa(v, table), len, INDIR | more_flags, 1);
	drv_split_push_raw(tx_ring(v), 0, 1);
}

TEST_F(bad_ring, fault_067_indirect_length)
{
	static const uint32_t lens[] = { 0, 1, 15, 17, 16 * 65537, 0xfffffff0, UINT32_MAX };
	struct vring_desc *t = (void *)self->page;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(lens); i++) {
		put_desc(t, vmm_gpa(&self->v, self->page) + PAGE, 64, 0, 0);
		push_table(&self->v, t, lens[i], 0);
		EXPECT_TX_BREAKS() TH_LOG("table of %u bytes", lens[i]);
	}
}

TEST_F(bad_ring, fault_067_nested_indirect)
{
	struct vring_desc *t = (void *)self->page;

	put_desc(&t[0], vmm_gpa(&self->v, &t[1]), 16, INDIR, 0);
	put_desc(&t[1], vmm_gpa(&self->v, self->page) + PAGE, 64, 0, 0);
	push_table(&self->v, t, 16, 0);
	EXPECT_TX_BREAKS();
}

TEST_F(bad_ring, fault_070_indirect_links)
{
	struct vring_desc *t = (void *)self->page;
	uint64_t gpa = vmm_gpa(&self->v, self->page) + PAGE;

	put_desc(&t[0], gpa, 64, NEXT, 0);		/* to itself */
	push_table(&self->v, t, 4 * 16, 0);
	EXPECT_TX_BREAKS();
	put_desc(&t[0], gpa, 0, NEXT, 3);		/* loop of two, no bytes */
	put_desc(&t[3], gpa, 0, NEXT, 0);
	push_table(&self->v, t, 4 * 16, 0);
	EXPECT_TX_BREAKS();
	put_desc(&t[0], gpa, 64, NEXT, 4);		/* just behind the table */
	put_desc(&t[4], gpa, 64, 0, 0);
	push_table(&self->v, t, 4 * 16, 0);
	EXPECT_TX_BREAKS();
	put_desc(&t[0], gpa, 64, NEXT, 65535);
	push_table(&self->v, t, 4 * 16, 0);
	EXPECT_TX_BREAKS();
}

TEST_F(bad_ring, indirect_and_next)
{
	struct vring_desc *d = drv_split_desc(tx_ring(&self->v));
	struct vring_desc *t = (void *)self->page;
	uint64_t gpa = vmm_gpa(&self->v, self->page) + PAGE;

	put_desc(&t[0], gpa, 64, 0, 0);
	put_desc(&d[1], gpa, 64, 0, 0);
	push_table(&self->v, t, 16, NEXT);
	EXPECT_TX_BREAKS();
}

/* More pieces than an iovec array may have, and as many as it may. */
TEST_F(bad_ring, fault_011_pieces_of_a_chain)
{
	enum { MOST = 1024, HDR = 12 };
	struct vmm *v = &self->v;
	struct vring_desc *t;
	struct drv_done done;
	char frame[MOST];
	unsigned int i;
	int head;

	t = vmm_alloc(v, (MOST + 1) * sizeof(*t), 16);
	ASSERT_NE(NULL, t);
	memset(self->page, 0, HDR);
	net_frame_fill(self->page + HDR, sizeof(frame), 8);
	for (i = 0; i <= MOST; i++)
		put_desc(&t[i], vmm_gpa(v, self->page) + i, 1, i < MOST ? NEXT : 0, i + 1);
	push_table(v, t, (MOST + 1) * sizeof(*t), 0);
	EXPECT_TX_BREAKS();

	t[MOST - 1].flags = 0;
	head = drv_ring_add1(tx_ring(v), vmm_gpa(v, t), MOST * sizeof(*t), false, NULL);
	ASSERT_LE(0, head);
	drv_split_desc(tx_ring(v))[head].flags = INDIR;
	vmm_kick(v, VQ_TX);
	EXPECT_EQ(MOST - HDR, net_peer_recv(&v->net, frame, sizeof(frame), VMM_TIMEOUT_MS));
	EXPECT_EQ(0, net_frame_check(frame, MOST - HDR, 8, NULL));
	EXPECT_EQ(1, drv_ring_wait(tx_ring(v), &done, VMM_TIMEOUT_MS));
}

TEST_F(bad_ring, indirect_table_outside_memory)
{
	struct vring_desc *d = drv_split_desc(tx_ring(&self->v));

	put_desc(&d[0], UINT64_C(1) << 40, 64, INDIR, 0);
	drv_split_push_raw(tx_ring(&self->v), 0, 1);
	EXPECT_TX_BREAKS();
	put_desc(&d[0], self->v.ram_size - 16, 64, INDIR, 0);
	drv_split_push_raw(tx_ring(&self->v), 0, 1);
	EXPECT_TX_BREAKS();
}

/* Longer than the ring and mostly unused, but not against the rules of vhost. */
TEST_F(bad_ring, fault_070_long_table_works)
{
	struct vmm *v = &self->v;
	size_t len = 65536 * sizeof(struct vring_desc);
	struct vring_desc *t;
	struct drv_done done;
	char frame[100];
	int head;

	t = vmm_alloc(v, len, 16);
	ASSERT_NE(NULL, t);
	memset(self->page, 0, v->hdr_len);
	net_frame_fill(self->page + v->hdr_len, sizeof(frame), 3);
	put_desc(&t[0], vmm_gpa(v, self->page), v->hdr_len, NEXT, 65535);
	put_desc(&t[65535], vmm_gpa(v, self->page) + v->hdr_len, sizeof(frame), 0, 0);
	head = drv_ring_add1(tx_ring(v), vmm_gpa(v, t), len, false, NULL);
	ASSERT_LE(0, head);
	drv_split_desc(tx_ring(v))[head].flags = INDIR;
	vmm_kick(v, VQ_TX);
	EXPECT_EQ((int)sizeof(frame),
		  net_peer_recv(&v->net, frame, sizeof(frame), VMM_TIMEOUT_MS));
	EXPECT_EQ(0, net_frame_check(frame, sizeof(frame), 3, NULL));
	EXPECT_EQ(1, drv_ring_wait(tx_ring(v), &done, VMM_TIMEOUT_MS));
	EXPECT_FALSE(vmm_ring_error(v, VQ_TX, 0));
}

/* ---- indexes ---- */

TEST_F(bad_ring, avail_index_too_far)
{
	static const uint16_t jumps[] = { NUM + 1, 2 * NUM, 0x8000, 0xffff };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(jumps); i++) {
		struct vring_desc *d = drv_split_desc(tx_ring(&self->v));

		put_desc(&d[0], vmm_gpa(&self->v, self->page), 100, 0, 0);
		drv_split_push_raw(tx_ring(&self->v), 0, jumps[i]);
		EXPECT_TX_BREAKS() TH_LOG("jump %u", jumps[i]);
	}
}

TEST_HARNESS_MAIN
