// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tables of 32767 regions, buffers that lie across their borders, and a table
 * that changes all the time: every byte has to arrive where it belongs, none
 * elsewhere, and no queue may notice that regions come and go.
 */
#include <linux/virtio_net.h>
#include <stdio.h>

#include "test.h"
#include "borders_area.h"

#define MAX_REGIONS	32767
#define MAX_PIECES	1024	/* what a chain may consist of */
#define AREA_GPA	UINT64_C(0x100000000)

#define BATCH		8	/* buffers in flight each way */
#define CHAIN_DESCS	3
#define RX_PARTS	3
#define MAX_FRAME_RX	65000	/* an interface's MTU is a 16 bit number */
#define MIN_FRAME	60
#define MIN_PACKETS	20	/* of a run, and updates beside them */
#define MIN_UPDATES	10
#define MAX_BUFFER	(66 * PAGE)

/* ---- traffic ---- */

struct buffer {
	uint64_t off, table;		/* in the area */
	size_t len;
	uint32_t seed;
	size_t frame_len;		/* of the packet; in the first of its buffers */
	unsigned int parts;		/* buffers of the packet; likewise */
};

struct traffic {
	struct vmm *v;
	struct area *a;
	const unsigned int *crossings;
	unsigned int ncrossings;
	uint32_t seed;
	struct buffer tx[BATCH], rx[BATCH * RX_PARTS];
	unsigned int ntx, nrx;
	unsigned int tx_window;		/* of the last buffer, and that buffer */
	struct buffer tx_last;
	char frame[MAX_BUFFER], got[MAX_BUFFER];
	unsigned long packets, borders;
	unsigned long long bytes;
};

/*
 * Every buffer has regions of its own, from "from" up to but not including "to".
 * The first ones are for its indirect table.
 */
#define TABLE_REGIONS	3

/* A place for a buffer that crosses exactly n borders. */
static void place_buffer(struct traffic *t, struct buffer *b, unsigned int from,
			 unsigned int to, unsigned int n)
{
	size_t size = t->a->size, min = t->v->hdr_len + MIN_FRAME;
	size_t low = n ? (n - 1) * size + 2 : 1, high = (n + 1) * size;
	size_t first, last;

	b->len = random_in(&t->seed, low > min ? low : min, high);
	first = b->len > n * size ? 0 : n * size + 1 - b->len;
	last = high - b->len < size - 1 ? high - b->len : size - 1;
	b->off = random_in(&t->seed, from + TABLE_REGIONS, to - n - 1) * size +
		 random_in(&t->seed, first, last);
	/* Over the first border of all. */
	b->table = (from + 1) * size - random_in(&t->seed, 1, CHAIN_DESCS * 16 - 1);
	t->borders += n;
}

static unsigned int pick_crossing(struct traffic *t)
{
	return t->crossings[next_random(&t->seed) % t->ncrossings];
}

/* Split a buffer into descriptors at random places and enter it into a ring. */
static int enter_buffer(struct traffic *t, struct drv_ring *r, struct buffer *b, bool write)
{
	struct drv_buf d[CHAIN_DESCS];
	struct vring_desc indirect[CHAIN_DESCS];
	unsigned int i, n = random_in(&t->seed, 1, CHAIN_DESCS);
	size_t left = b->len;
	uint64_t gpa = t->a->gpa + b->off;
	int ret;

	for (i = 0; i < n; i++) {
		size_t len = i + 1 < n ? random_in(&t->seed, 1, left - (n - 1 - i)) : left;

		d[i] = (struct drv_buf) { .gpa = gpa, .len = len, .write = write };
		gpa += len;
		left -= len;
	}
	if (!(t->v->features & F_INDIRECT) || next_random(&t->seed) % 2)
		return drv_ring_add(r, d, n, b);
	ret = drv_ring_add_indirect(r, d, n, indirect, t->a->gpa + b->table, b);
	area_do(AREA_PUT, t->a, b->table, indirect, n * sizeof(indirect[0]));
	return ret;
}

static int queue_tx(struct traffic *t)
{
	unsigned int i, per = t->a->count / 2 / BATCH;
	struct drv_ring *r = &t->v->vq[VQ_TX].ring;
	int ret;

	t->ntx = random_in(&t->seed, 1, BATCH);
	for (i = 0; i < t->ntx; i++) {
		struct buffer *b = &t->tx[i];

		if (i)
			t->tx_window = (t->tx_window + 1) % BATCH;
		place_buffer(t, b, t->tx_window * per, (t->tx_window + 1) * per,
			     pick_crossing(t));
		/* What the queue may remember of the last buffer is put to use. */
		if (!i && t->tx_last.len && next_random(&t->seed) % 2)
			*b = t->tx_last;
		t->tx_last = *b;
		b->seed = next_random(&t->seed);
		b->frame_len = b->len - t->v->hdr_len;
		memset(t->frame, 0, t->v->hdr_len);
		net_frame_fill(t->frame + t->v->hdr_len, b->frame_len, b->seed);
		area_do(AREA_PUT, t->a, b->off, t->frame, b->len);
		ret = enter_buffer(t, r, b, false);
		if (ret < 0)
			return ret;
	}
	vmm_kick(t->v, VQ_TX);
	return 0;
}

static int reap_tx(struct traffic *t)
{
	struct drv_done done;
	unsigned int i;
	int ret;

	for (i = 0; i < t->ntx; i++) {
		struct buffer *b = &t->tx[i];

		ret = net_peer_recv(&t->v->net, t->got, sizeof(t->got), VMM_TIMEOUT_MS);
		if (ret < 0)
			return ret;
		if ((size_t)ret != b->frame_len ||
		    net_frame_check(t->got, b->frame_len, b->seed, NULL))
			return -EBADMSG;
		ret = drv_ring_wait(&t->v->vq[VQ_TX].ring, &done, VMM_TIMEOUT_MS);
		if (ret < 0)
			return ret;
		if (done.cookie != b || done.len)
			return -EPROTO;
		t->packets++;
		t->bytes += b->frame_len;
	}
	return 0;
}

/* Buffers and frame of one packet; returns how many buffers. */
static unsigned int place_packet(struct traffic *t, unsigned int from, unsigned int per)
{
	struct buffer *b = &t->rx[t->nrx];
	unsigned int i, parts = random_in(&t->seed, 1, RX_PARTS), each = per / parts;
	size_t before = 0, most;

	for (i = 0; i < parts; i++) {
		unsigned int n = pick_crossing(t);

		/* Several large buffers would be more than one frame can fill. */
		if (parts > 1 && ((n + 1) * t->a->size * parts > MAX_FRAME_RX ||
				  n + 1 + TABLE_REGIONS > each))
			n = t->crossings[0];
		place_buffer(t, &b[i], from + i * each, from + (i + 1) * each, n);
		if (i + 1 < parts)
			before += b[i].len;
	}
	/* The last of them is used, be it by one byte. */
	most = before + b[parts - 1].len - t->v->hdr_len;
	if (most > MAX_FRAME_RX)
		most = MAX_FRAME_RX;
	b->parts = parts;
	b->seed = next_random(&t->seed);
	b->frame_len = random_in(&t->seed, before ? before + 1 - t->v->hdr_len : MIN_FRAME, most);
	return parts;
}

static int queue_rx(struct traffic *t)
{
	unsigned int i, k, n, half = t->a->count / 2, per = half / BATCH;
	struct drv_ring *r = &t->v->vq[VQ_RX].ring;
	unsigned int packets = random_in(&t->seed, 1, BATCH);
	int ret;

	for (t->nrx = 0, i = 0; i < packets; i++, t->nrx += n) {
		n = place_packet(t, half + i * per, per);
		for (k = 0; k < n; k++) {
			struct buffer *b = &t->rx[t->nrx + k];

			area_do(AREA_FILL, t->a, b->off, NULL, b->len);
			ret = enter_buffer(t, r, b, true);
			if (ret < 0)
				return ret;
		}
	}
	vmm_kick(t->v, VQ_RX);
	for (i = 0; i < t->nrx; i += t->rx[i].parts) {
		net_frame_fill(t->frame, t->rx[i].frame_len, t->rx[i].seed);
		ret = net_peer_send(&t->v->net, t->frame, t->rx[i].frame_len);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* The frame of buffers b[0..parts), as the device must have written it to them. */
static int check_packet(struct traffic *t, struct buffer *b)
{
	struct virtio_net_hdr_mrg_rxbuf *hdr = (void *)t->frame;
	size_t total = t->v->hdr_len + b->frame_len, at = 0;
	struct drv_done done;
	unsigned int i;
	int ret;

	memset(hdr, 0, sizeof(*hdr));
	hdr->num_buffers = b->parts;
	net_frame_fill(t->frame + t->v->hdr_len, b->frame_len, b->seed);
	for (i = 0; i < b->parts; i++) {
		size_t n = total - at < b[i].len ? total - at : b[i].len;

		ret = drv_ring_wait(&t->v->vq[VQ_RX].ring, &done, VMM_TIMEOUT_MS);
		if (ret < 0)
			return ret;
		if (done.cookie != &b[i] || done.len != n)
			return -EPROTO;
		if (area_do(AREA_COMPARE, t->a, b[i].off, t->frame + at, n) ||
		    area_do(AREA_COMPARE_FILL, t->a, b[i].off + n, NULL, b[i].len - n) ||
		    area_gaps_intact(t->a, b[i].off / t->a->size,
				     (b[i].off + b[i].len - 1) / t->a->size))
			return -EBADMSG;
		at += n;
	}
	t->packets++;
	t->bytes += b->frame_len;
	return 0;
}

static int reap_rx(struct traffic *t)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < t->nrx && !ret; i += t->rx[i].parts)
		ret = check_packet(t, &t->rx[i]);
	return ret;
}

/* A batch each way, in flight together. */
static int traffic_turn(struct traffic *t)
{
	int ret = queue_rx(t);

	if (!ret)
		ret = queue_tx(t);
	if (!ret)
		ret = reap_tx(t);
	return ret ? ret : reap_rx(t);
}

/* ---- the tests ---- */

#define FEATURES	(F_VERSION_1 | F_EVENT_IDX | F_INDIRECT | F_MRG_RXBUF)

struct scene {
	struct vmm v;
	struct area a;
	struct churn c;
	struct traffic t;
};

/* A device with an empty area; what the area is like is up to the test. */
static int scene_up(struct scene *s, uint64_t features, const unsigned int *crossings,
		    unsigned int ncrossings)
{
	int ret = net_ns_enter();

	s->c.memfd = -1;
	s->c.seed = now_us();
	s->t.v = &s->v;
	s->t.a = &s->a;
	s->t.seed = s->c.seed;
	s->t.crossings = crossings;
	s->t.ncrossings = ncrossings;
	printf("# seed %u\n", s->c.seed);
	if (!ret)
		ret = vmm_net_up(&s->v, &(struct vmm_config){ .features = FEATURES | features });
	return ret ? ret : net_link_mtu(s->v.net.name, 65521);
}

static void scene_down(struct scene *s)
{
	vmm_close(&s->v);
	area_free(&s->a);
	mem_table_free(&s->c.table);
}

/* The churn's own copy of the table. */
static int churn_init(struct churn *c, const struct vmm *v)
{
	size_t bytes = sizeof(*c->table.m) + v->mem.m->nregions * sizeof(c->table.m->regions[0]);

	c->fd = v->fd;
	c->table.room = v->mem.m->nregions;
	c->table.m = malloc(bytes);
	if (!c->table.m)
		return -ENOMEM;
	memcpy(c->table.m, v->mem.m, bytes);
	return 0;
}

/* Traffic until the time is over, with the churn running beside it. */
static int run_both(struct scene *s, unsigned int ms)
{
	uint64_t start = now_ms(), end = start + ms;
	struct traffic *t = &s->t;
	struct churn *c = &s->c;
	int ret;

	ret = -pthread_create(&c->thread, NULL, churn_thread, c);
	if (ret)
		return ret;
	/* A slow machine gets the time it takes to have seen anything at all. */
	while (!ret && !c->error &&
	       (now_ms() < end || t->packets < MIN_PACKETS || c->updates < MIN_UPDATES))
		ret = traffic_turn(t);
	c->stop = true;
	pthread_join(c->thread, NULL);
	end = now_ms() - start;
	printf("# %lu packets, %llu MiB, %lu borders crossed\n", t->packets, t->bytes >> 20,
	       t->borders);
	printf("# %lu table updates, %lu a second, %lu regions unmapped\n", c->updates,
	       (unsigned long)(c->updates * 1000 / (end + 1)), c->regions);
	return ret;
}

FIXTURE(borders) {
	struct scene *s;
};

FIXTURE_VARIANT(borders) {
	size_t size, stride;	/* of a region and what it takes in user memory */
	bool shuffle;
	unsigned char canary;
	const unsigned int *crossings;
	unsigned int ncrossings;
	uint64_t features;	/* beside those of all */
};

static const unsigned int cross_small[] = { 1, 2, 64, 1000 };
static const unsigned int cross_page[] = { 0, 1, 2, 64 };

/* One page each, the next one never behind it. */
FIXTURE_VARIANT_ADD(borders, pages) {
	.size = PAGE,
	.stride = 2 * PAGE,
	.shuffle = true,
	.crossings = cross_page,
	.ncrossings = ARRAY_LEN(cross_page),
};

/* So small that a frame crosses a thousand of them. */
FIXTURE_VARIANT_ADD(borders, small) {
	.size = 64,
	.stride = 128,
	.shuffle = true,
	.canary = 0xc5,
	.crossings = cross_small,
	.ncrossings = ARRAY_LEN(cross_small),
};

/* Contiguous on both sides and yet separate: virtio-mem's slots. */
FIXTURE_VARIANT_ADD(borders, neighbours) {
	.size = PAGE,
	.stride = PAGE,
	.crossings = cross_page,
	.ncrossings = ARRAY_LEN(cross_page),
};

/* Small ones again. */
FIXTURE_VARIANT_ADD(borders, packed) {
	.size = 64,
	.stride = 128,
	.shuffle = true,
	.canary = 0xc5,
	.crossings = cross_small,
	.ncrossings = ARRAY_LEN(cross_small),
	.features = F_PACKED,
};

FIXTURE_SETUP(borders)
{
	struct scene *s = self->s = calloc(1, sizeof(*s));

	ASSERT_NE(NULL, s);
	ASSERT_EQ(0, scene_up(s, variant->features, variant->crossings, variant->ncrossings));
	s->a = (struct area) {
		.gpa = AREA_GPA,
		.size = variant->size,
		.stride = variant->stride,
		.count = MAX_REGIONS - 1 - CHURN,
		.canary = variant->canary,
	};
	ASSERT_EQ(0, area_layout(&s->a, &s->c.seed, variant->shuffle));
	ASSERT_EQ(0, area_map(&s->a));
	ASSERT_EQ(0, area_add_regions(&s->a, &s->v.mem));
	ASSERT_EQ(0, vmm_set_mem(&s->v));
}

FIXTURE_TEARDOWN(borders)
{
	scene_down(self->s);
	free(self->s);
}

TEST_F_TIMEOUT(borders, bytes_arrive_while_others_come_and_go, STRESS_TIMEOUT)
{
	struct scene *s = self->s;

	ASSERT_EQ(0, churn_init(&s->c, &s->v));
	s->c.first = s->a.count / 2;
	EXPECT_EQ(0, run_both(s, stress_ms(3000)));
	EXPECT_EQ(0, s->c.error);
	EXPECT_FALSE(vmm_ring_error(&s->v, VQ_TX, 0));
	EXPECT_FALSE(vmm_ring_error(&s->v, VQ_RX, 0));
	EXPECT_EQ(0, area_gaps_intact(&s->a, 0, s->a.count - 1));
}

FIXTURE(moving) {
	struct scene *s;
};

FIXTURE_VARIANT(moving) {
	uint64_t features;
};

FIXTURE_VARIANT_ADD(moving, split) { 0 };
FIXTURE_VARIANT_ADD(moving, packed) { F_PACKED };

FIXTURE_SETUP(moving)
{
	static const unsigned int crossings[] = { 0, 1, 2, 15 };
	struct scene *s = self->s = calloc(1, sizeof(*s));
	struct area *a = &s->a;
	unsigned int i;

	ASSERT_NE(NULL, s);
	ASSERT_EQ(0, scene_up(s, variant->features, crossings, ARRAY_LEN(crossings)));
	*a = (struct area) { .gpa = AREA_GPA, .size = PAGE, .stride = PAGE, .count = CHURN };
	ASSERT_EQ(0, area_layout(a, &s->c.seed, false));
	s->c.memfd = memfd_create("moving", MFD_CLOEXEC);
	ASSERT_LE(0, s->c.memfd);
	ASSERT_EQ(0, ftruncate(s->c.memfd, CHURN * PAGE));
	/* The driver's view stays; the device's is a page here and a page there. */
	a->base = mmap(NULL, CHURN * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, s->c.memfd, 0);
	ASSERT_NE(MAP_FAILED, a->base);
	for (i = 0; i < CHURN; i++) {
		void *page = map_page(s->c.memfd, i);

		ASSERT_NE(NULL, page);
		ASSERT_EQ(0, mem_table_add(&s->v.mem, a->gpa + i * PAGE, page, PAGE));
	}
	ASSERT_EQ(0, vmm_set_mem(&s->v));
}

FIXTURE_TEARDOWN(moving)
{
	scene_down(self->s);
	free(self->s);
}

/* All buffers and indirect tables are in regions that move: FAULTS 12. */
TEST_F_TIMEOUT(moving, bytes_arrive_through_either_mapping, STRESS_TIMEOUT)
{
	struct scene *s = self->s;

	ASSERT_EQ(0, churn_init(&s->c, &s->v));
	s->c.first = 1;
	s->c.present = CHURN;
	EXPECT_EQ(0, run_both(s, stress_ms(3000)));
	EXPECT_EQ(0, s->c.error);
	EXPECT_FALSE(vmm_ring_error(&s->v, VQ_TX, 0));
	EXPECT_FALSE(vmm_ring_error(&s->v, VQ_RX, 0));
}

/* ---- limits ---- */

FIXTURE(limits) {
	struct scene *s;
};

FIXTURE_VARIANT(limits) {
	uint64_t features;
};

FIXTURE_VARIANT_ADD(limits, split) { 0 };
FIXTURE_VARIANT_ADD(limits, packed) { F_PACKED };

FIXTURE_SETUP(limits)
{
	struct scene *s = self->s = calloc(1, sizeof(*s));

	ASSERT_NE(NULL, s);
	ASSERT_EQ(0, scene_up(s, variant->features, NULL, 0));
	s->a = (struct area) {
		.gpa = AREA_GPA, .size = 64, .stride = 128,
		.count = MAX_PIECES + 1, .canary = 0xc5,
	};
	ASSERT_EQ(0, area_layout(&s->a, &s->c.seed, true));
	ASSERT_EQ(0, area_map(&s->a));
	ASSERT_EQ(0, area_add_regions(&s->a, &s->v.mem));
	ASSERT_EQ(0, vmm_set_mem(&s->v));
}

FIXTURE_TEARDOWN(limits)
{
	scene_down(self->s);
	free(self->s);
}

/* A single descriptor for the first len bytes of the area, and a frame to fill it. */
static int one_tx(struct scene *s, size_t len)
{
	struct buffer *b = &s->t.tx[0];
	char *frame = s->t.frame;
	int ret;

	*b = (struct buffer) { .len = len, .frame_len = len - s->v.hdr_len };
	s->t.ntx = 1;
	memset(frame, 0, s->v.hdr_len);
	net_frame_fill(frame + s->v.hdr_len, b->frame_len, b->seed);
	area_do(AREA_PUT, &s->a, 0, frame, len);
	ret = drv_ring_add1(&s->v.vq[VQ_TX].ring, s->a.gpa, len, false, b);
	vmm_kick(&s->v, VQ_TX);
	return ret;
}

static int one_rx(struct scene *s, size_t len, size_t frame_len)
{
	struct buffer *b = &s->t.rx[0];
	int ret;

	*b = (struct buffer) { .len = len, .frame_len = frame_len, .parts = 1 };
	s->t.nrx = 1;
	area_do(AREA_FILL, &s->a, 0, NULL, len);
	ret = drv_ring_add1(&s->v.vq[VQ_RX].ring, s->a.gpa, len, true, b);
	if (ret < 0)
		return ret;
	vmm_kick(&s->v, VQ_RX);
	net_frame_fill(s->t.frame, frame_len, b->seed);
	return net_peer_send(&s->v.net, s->t.frame, frame_len);
}

TEST_F(limits, as_many_pieces_as_there_may_be)
{
	struct scene *s = self->s;
	size_t len = MAX_PIECES * s->a.size;

	ASSERT_LE(0, one_tx(s, len));
	EXPECT_EQ(0, reap_tx(&s->t));
	ASSERT_LE(0, one_rx(s, len, MAX_FRAME_RX));
	EXPECT_EQ(0, reap_rx(&s->t));
	EXPECT_FALSE(vmm_ring_error(&s->v, VQ_TX, 0));
	EXPECT_FALSE(vmm_ring_error(&s->v, VQ_RX, 0));
}

/* Not even the part that would have fitted: FAULTS 11. */
TEST_F(limits, one_piece_too_many_to_receive)
{
	struct scene *s = self->s;
	size_t len = MAX_PIECES * s->a.size + 1;

	ASSERT_LE(0, one_rx(s, len, 1000));
	EXPECT_TRUE(vmm_ring_error(&s->v, VQ_RX, VMM_TIMEOUT_MS));
	EXPECT_FALSE(s->v.vq[VQ_RX].ring.layout->pending(&s->v.vq[VQ_RX].ring));
	EXPECT_EQ(0, area_do(AREA_COMPARE_FILL, &s->a, 0, NULL, len));
	EXPECT_EQ(0, area_gaps_intact(&s->a, 0, s->a.count - 1));
	/* The other queue is none the worse for it, and this one can be had again. */
	EXPECT_EQ(0, vmm_tx_check(&s->v, 1000, 1));
	EXPECT_LE(0, vmm_stop(&s->v, VQ_RX));
	EXPECT_EQ(0, vmm_rearm(&s->v, VQ_RX, 0));
	ASSERT_LE(0, drv_ring_add1(&s->v.vq[VQ_RX].ring, s->a.gpa, len - 1, true, &s->t.rx[0]));
	EXPECT_EQ(0, vmm_start(&s->v, VQ_RX));
	vmm_force_kick(&s->v, VQ_RX);
	EXPECT_EQ(0, reap_rx(&s->t));
}

TEST_F(limits, one_piece_too_many_to_send)
{
	struct scene *s = self->s;

	ASSERT_LE(0, one_tx(s, MAX_PIECES * s->a.size + 1));
	EXPECT_TRUE(vmm_ring_error(&s->v, VQ_TX, VMM_TIMEOUT_MS));
	EXPECT_FALSE(s->v.vq[VQ_TX].ring.layout->pending(&s->v.vq[VQ_TX].ring));
	EXPECT_EQ(-ETIMEDOUT,
		  net_peer_recv(&s->v.net, s->t.got, sizeof(s->t.got), VMM_QUIET_MS));
	EXPECT_EQ(0, vmm_rx_check(&s->v, 1000, 1));
}

/* A region and a buffer that end with the last address there is. */
TEST_F(limits, up_to_the_last_address)
{
	struct scene *s = self->s;
	size_t half = s->a.count / 2;

	s->v.mem.m->nregions = 1;
	s->a.gpa = -(uint64_t)(s->a.count * s->a.size);
	ASSERT_EQ(0, area_add_regions(&s->a, &s->v.mem));
	ASSERT_EQ(0, vmm_set_mem(&s->v));
	/* What one_tx() takes for the start of the area is its second half. */
	s->a.gpa += half * s->a.size;
	memmove(s->a.slot, s->a.slot + half, (s->a.count - half) * sizeof(*s->a.slot));
	s->a.count -= half;
	ASSERT_EQ(0, s->a.gpa + s->a.count * s->a.size);
	ASSERT_LE(0, one_tx(s, s->a.count * s->a.size));
	EXPECT_EQ(0, reap_tx(&s->t));
	ASSERT_LE(0, one_rx(s, s->a.count * s->a.size, s->a.count * s->a.size - s->v.hdr_len));
	EXPECT_EQ(0, reap_rx(&s->t));
	/* And no further: address 0 is not next. */
	ASSERT_LE(0, drv_ring_add1(&s->v.vq[VQ_TX].ring, s->a.gpa,
				   s->a.count * s->a.size + 1, false, s));
	vmm_kick(&s->v, VQ_TX);
	EXPECT_TRUE(vmm_ring_error(&s->v, VQ_TX, VMM_TIMEOUT_MS));
}

TEST_HARNESS_MAIN
