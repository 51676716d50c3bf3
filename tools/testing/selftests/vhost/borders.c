// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tables of 32767 regions, buffers that lie across their borders, and a table
 * that changes all the time: every byte has to arrive where it belongs, none
 * elsewhere, and no queue may notice that regions come and go.
 *
 * Guest memory is an area of many small regions in a row. In user memory they
 * lie in any order with a gap behind each, so that nothing can be merged and
 * whatever runs past the end of a region hits a gap and is found there.
 */
#include <linux/virtio_net.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>

#include "test.h"

#define MAX_REGIONS	32767
#define MAX_PIECES	1024	/* what a chain may consist of */
#define CHURN		256	/* regions that come and go */
#define AREA_GPA	UINT64_C(0x100000000)
#define CHURN_GPA	UINT64_C(0x8000000000)
#define PAGE		4096UL

#define BATCH		8	/* buffers in flight each way */
#define CHAIN_DESCS	3
#define RX_PARTS	3
#define MAX_FRAME_RX	65000	/* an interface's MTU is a 16 bit number */
#define MIN_FRAME	60
#define MAX_BUFFER	(66 * PAGE)
#define FILL		0xee

/* ---- guest memory ---- */

struct area {
	char *base;			/* of all slots, in the driver's view */
	uint64_t gpa;
	size_t size, stride;		/* of a region, of its slot */
	unsigned int count;
	uint32_t *slot;			/* where region i lies */
	unsigned char canary;
};

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* Inclusive. */
static uint32_t random_in(uint32_t *seed, uint32_t from, uint32_t to)
{
	return from + next_random(seed) % (to - from + 1);
}

static char *area_region(const struct area *a, unsigned int i)
{
	return a->base + (size_t)a->slot[i] * a->stride;
}

static int area_layout(struct area *a, uint32_t *seed, bool shuffle)
{
	unsigned int i;

	a->slot = calloc(a->count, sizeof(*a->slot));
	if (!a->slot)
		return -ENOMEM;
	for (i = 0; i < a->count; i++)
		a->slot[i] = i;
	for (i = a->count - 1; shuffle && i; i--) {
		unsigned int j = next_random(seed) % (i + 1);
		uint32_t t = a->slot[i];

		a->slot[i] = a->slot[j];
		a->slot[j] = t;
	}
	return 0;
}

static int area_map(struct area *a)
{
	a->base = mmap(NULL, a->count * a->stride, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (a->base == MAP_FAILED)
		return -errno;
	/* Gaps of whole pages stay untouched: zeros, and no memory. */
	if (a->canary)
		memset(a->base, a->canary, a->count * a->stride);
	return 0;
}

enum area_op { AREA_PUT, AREA_FILL, AREA_COMPARE, AREA_COMPARE_FILL };

static int area_piece(enum area_op op, char *at, const char *data, size_t n)
{
	size_t i;

	switch (op) {
	case AREA_PUT:
		memcpy(at, data, n);
		return 0;
	case AREA_FILL:
		memset(at, FILL, n);
		return 0;
	case AREA_COMPARE:
		return memcmp(at, data, n) ? -EBADMSG : 0;
	case AREA_COMPARE_FILL:
		for (i = 0; i < n; i++)
			if ((unsigned char)at[i] != FILL)
				return -EBADMSG;
		return 0;
	}
	return -EINVAL;
}

/* Do something to len bytes at offset off of the area, across its borders. */
static int area_do(enum area_op op, const struct area *a, uint64_t off, const void *data,
		   size_t len)
{
	const char *p = data;

	while (len) {
		size_t in = off % a->size, n = a->size - in;
		int ret;

		if (n > len)
			n = len;
		ret = area_piece(op, area_region(a, off / a->size) + in, p, n);
		if (ret)
			return ret;
		if (p)
			p += n;
		off += n;
		len -= n;
	}
	return 0;
}

/* Nothing was written into the gaps behind regions first to last. */
static int area_gaps_intact(const struct area *a, unsigned int first, unsigned int last)
{
	unsigned int i;
	size_t k;

	for (i = first; i <= last && i < a->count; i++) {
		const unsigned char *r = (unsigned char *)area_region(a, i);

		for (k = a->size; k < a->stride; k++)
			if (r[k] != a->canary)
				return -EBADMSG;
	}
	return 0;
}

static int area_add_regions(const struct area *a, struct mem_table *t)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < a->count && !ret; i++)
		ret = mem_table_add(t, a->gpa + i * a->size, area_region(a, i), a->size);
	return ret;
}

static void area_free(struct area *a)
{
	if (a->base && a->base != MAP_FAILED)
		munmap(a->base, a->count * a->stride);
	free(a->slot);
}

/* ---- regions that come and go ---- */

/* Two kinds of restlessness: regions that nobody uses, and regions in use that move. */
struct churn {
	pthread_t thread;
	int fd;
	struct mem_table table;		/* what is in force, then what shall be */
	unsigned int first;		/* in table.m->regions: the ones that change */
	unsigned int present;		/* how many of them are there */
	int memfd;			/* of the regions that move */
	uint32_t seed;
	volatile bool stop;
	int error;
	unsigned long updates, regions;
};

static void *map_page(int memfd, unsigned int page)
{
	void *p;

	if (memfd < 0)
		p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	else
		p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, page * PAGE);
	return p == MAP_FAILED ? NULL : p;
}

static int churn_set(struct churn *c)
{
	int ret = mem_table_set(&c->table, c->fd);

	if (!ret)
		c->updates++;
	return ret;
}

static bool churn_has(const struct churn *c, uint64_t gpa)
{
	unsigned int i;

	for (i = 0; i < c->present; i++)
		if (c->table.m->regions[c->first + i].guest_phys_addr == gpa)
			return true;
	return false;
}

/*
 * Drop some regions at random places of the table and add others, in one call;
 * what was dropped is unmapped when the call returns.
 */
static int churn_turn(struct churn *c)
{
	struct vhost_memory *m = c->table.m;
	unsigned int drop = random_in(&c->seed, 0, 7), add = random_in(&c->seed, 0, 7);
	void *gone[CHURN];
	unsigned int i, n = 0;
	int ret;

	if (next_random(&c->seed) % 64 == 0)
		drop = c->present;
	if (next_random(&c->seed) % 64 == 0)
		add = CHURN;
	while (n < drop && c->present) {
		unsigned int k = c->first + next_random(&c->seed) % c->present--;

		gone[n++] = (void *)(uintptr_t)m->regions[k].userspace_addr;
		m->nregions--;
		memmove(&m->regions[k], &m->regions[k + 1],
			(m->nregions - k) * sizeof(m->regions[0]));
	}
	for (i = 0; i < add && c->present < CHURN; i++) {
		unsigned int at = next_random(&c->seed) % CHURN;
		unsigned int k = c->first + next_random(&c->seed) % (c->present + 1);
		uint64_t gpa = CHURN_GPA + 2 * at * PAGE;
		void *page;

		if (churn_has(c, gpa))
			continue;
		page = map_page(-1, 0);
		if (!page)
			return -ENOMEM;
		ret = mem_table_add(&c->table, 0, page, PAGE);
		if (ret)
			return ret;
		m = c->table.m;
		memmove(&m->regions[k + 1], &m->regions[k],
			(m->nregions - 1 - k) * sizeof(m->regions[0]));
		m->regions[k] = (struct vhost_memory_region) {
			.guest_phys_addr = gpa,
			.memory_size = PAGE,
			.userspace_addr = (uintptr_t)page,
		};
		c->present++;
	}
	ret = churn_set(c);
	for (i = 0; i < n; i++)
		munmap(gone[i], PAGE);
	c->regions += n;
	return ret;
}

/* The same pages elsewhere in user memory, and the old place unmapped at once. */
static int churn_move(struct churn *c)
{
	struct vhost_memory_region *r = &c->table.m->regions[c->first];
	unsigned int i, n = random_in(&c->seed, 1, c->present);
	unsigned int from = random_in(&c->seed, 0, c->present - n);
	void *gone[CHURN];
	int ret;

	for (i = 0; i < n; i++) {
		void *page = map_page(c->memfd, from + i);

		if (!page)
			return -ENOMEM;
		gone[i] = (void *)(uintptr_t)r[from + i].userspace_addr;
		r[from + i].userspace_addr = (uintptr_t)page;
	}
	ret = churn_set(c);
	for (i = 0; i < n; i++)
		munmap(gone[i], PAGE);
	c->regions += n;
	return ret;
}

static void *churn_thread(void *arg)
{
	struct churn *c = arg;

	while (!c->stop && !c->error)
		c->error = c->memfd < 0 ? churn_turn(c) : churn_move(c);
	return NULL;
}

/* ---- traffic ---- */

struct buffer {
	uint64_t off;			/* in the area */
	size_t len;
	uint32_t seed;
	size_t frame_len;		/* 0: of the packet's other buffers only */
	unsigned int part, parts;	/* this one of so many for the packet */
};

struct traffic {
	struct vmm *v;
	struct area *a;
	const unsigned int *crossings;
	unsigned int ncrossings;
	uint32_t seed;
	struct buffer tx[BATCH], rx[BATCH * RX_PARTS];
	unsigned int ntx, nrx;
	char frame[MAX_BUFFER], got[MAX_BUFFER];
	unsigned long packets, borders;
	unsigned long long bytes;
};

/*
 * A buffer in the window [from, to) of regions that crosses exactly n borders,
 * and the smallest table before it, for a chain that is indirect.
 */
static void place_buffer(struct traffic *t, struct buffer *b, unsigned int from,
			 unsigned int to, unsigned int n)
{
	size_t size = t->a->size, min = t->v->hdr_len + MIN_FRAME;
	size_t low = n ? (n - 1) * size + 2 : 1, high = (n + 1) * size;
	size_t first, last;

	b->len = random_in(&t->seed, low > min ? low : min, high);
	first = b->len > n * size ? 0 : n * size + 1 - b->len;
	last = high - b->len < size - 1 ? high - b->len : size - 1;
	b->off = random_in(&t->seed, from, to - n - 1) * size + random_in(&t->seed, first, last);
	t->borders += n;
}

static unsigned int pick_crossing(struct traffic *t)
{
	return t->crossings[next_random(&t->seed) % t->ncrossings];
}

/* Split a buffer into descriptors at random places and enter it into a ring. */
static int enter_buffer(struct traffic *t, struct drv_ring *r, struct buffer *b, uint64_t table,
			bool write)
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
	ret = drv_ring_add_indirect(r, d, n, indirect, t->a->gpa + table, b);
	area_do(AREA_PUT, t->a, table, indirect, n * sizeof(indirect[0]));
	return ret;
}

/* Where the indirect table of a window goes: over its first border. */
static uint64_t table_place(struct traffic *t, unsigned int window)
{
	return (window + 1) * t->a->size - random_in(&t->seed, 1, CHAIN_DESCS * 16 - 1);
}

/* Regions at the start of each window that are kept for the table. */
#define TABLE_REGIONS	3

static int queue_tx(struct traffic *t)
{
	unsigned int i, per = t->a->count / 2 / BATCH;
	struct drv_ring *r = &t->v->vq[VQ_TX].ring;
	int ret;

	t->ntx = random_in(&t->seed, 1, BATCH);
	for (i = 0; i < t->ntx; i++) {
		struct buffer *b = &t->tx[i];
		unsigned int window = i * per;

		place_buffer(t, b, window + TABLE_REGIONS, window + per, pick_crossing(t));
		b->seed = next_random(&t->seed);
		b->frame_len = b->len - t->v->hdr_len;
		memset(t->frame, 0, t->v->hdr_len);
		net_frame_fill(t->frame + t->v->hdr_len, b->frame_len, b->seed);
		area_do(AREA_PUT, t->a, b->off, t->frame, b->len);
		ret = enter_buffer(t, r, b, table_place(t, window), false);
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

/* The buffers of one packet; returns how many. */
static unsigned int place_packet(struct traffic *t, unsigned int window, unsigned int per)
{
	struct buffer *b = &t->rx[t->nrx];
	unsigned int i, parts = 1, each = per / RX_PARTS;
	size_t before = 0, most;

	if (t->v->features & F_MRG_RXBUF)
		parts = random_in(&t->seed, 1, RX_PARTS);
	for (i = 0; i < parts; i++) {
		unsigned int n = pick_crossing(t);

		/* Several large buffers would be more than one frame can fill. */
		if (parts > 1 && (n + 1) * t->a->size * parts > MAX_FRAME_RX)
			n = t->crossings[0];
		b[i].part = i;
		b[i].parts = parts;
		place_buffer(t, &b[i], window + TABLE_REGIONS + i * each,
			     window + TABLE_REGIONS + i * each +
			     (parts > 1 ? each : per) - TABLE_REGIONS, n);
		if (i + 1 < parts)
			before += b[i].len;
	}
	/* The last of them is used, be it by one byte. */
	most = before + b[parts - 1].len - t->v->hdr_len;
	if (most > MAX_FRAME_RX)
		most = MAX_FRAME_RX;
	b->seed = next_random(&t->seed);
	b->frame_len = random_in(&t->seed, before > MIN_FRAME + t->v->hdr_len ?
				 before + 1 - t->v->hdr_len : MIN_FRAME, most);
	return parts;
}

static int queue_rx(struct traffic *t)
{
	unsigned int i, k, n, half = t->a->count / 2, per = half / BATCH;
	struct drv_ring *r = &t->v->vq[VQ_RX].ring;
	unsigned int packets = random_in(&t->seed, 1, BATCH);
	int ret;

	for (t->nrx = 0, i = 0; i < packets; i++, t->nrx += n) {
		unsigned int window = half + i * per;

		n = place_packet(t, window, per);
		for (k = 0; k < n; k++) {
			struct buffer *b = &t->rx[t->nrx + k];

			area_do(AREA_FILL, t->a, b->off, NULL, b->len);
			ret = enter_buffer(t, r, b, table_place(t, window + k * (per / RX_PARTS)),
					   true);
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
static int scene_up(struct scene *s, const unsigned int *crossings, unsigned int ncrossings)
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
		ret = vmm_net_up(&s->v, &(struct vmm_config){ .features = FEATURES });
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
static int run_both(struct scene *s, unsigned int seconds)
{
	uint64_t start = now_ms(), end = start + 1000 * seconds;
	struct traffic *t = &s->t;
	struct churn *c = &s->c;
	int ret;

	ret = -pthread_create(&c->thread, NULL, churn_thread, c);
	if (ret)
		return ret;
	while (!ret && now_ms() < end)
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

FIXTURE_SETUP(borders)
{
	struct scene *s = self->s = calloc(1, sizeof(*s));

	ASSERT_NE(NULL, s);
	ASSERT_EQ(0, scene_up(s, variant->crossings, variant->ncrossings));
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
	EXPECT_EQ(0, run_both(s, stress_seconds(3)));
	EXPECT_EQ(0, s->c.error);
	EXPECT_FALSE(vmm_ring_error(&s->v, VQ_TX, 0));
	EXPECT_FALSE(vmm_ring_error(&s->v, VQ_RX, 0));
	EXPECT_LT(10, s->t.packets);
	EXPECT_LT(10, s->c.updates);
	EXPECT_EQ(0, area_gaps_intact(&s->a, 0, s->a.count - 1));
}

TEST_HARNESS_MAIN
