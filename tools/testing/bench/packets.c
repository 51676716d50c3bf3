// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a packet costs the worker of a vhost-net device, and how long one takes
 * from the kick to the call.
 *
 * This program is VMM and driver in one. Packets come in bursts, with one kick
 * and one call for each. Prints lines "CASE N VALUE", N being the memory slots
 * that buffers are spread over; the script bench makes a table of them.
 */
#include <err.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"
#include "libframe.h"
#include "libtime.h"
#include "libvmm.h"

#define RING		256
#define MAX_CHAIN	16
#define ONE_SLOT_PAGES	1024	/* in the only slot, when there is but one */
#define MAX_SLOTS	32766	/* and that of the rings */
#define WAIT_MS		20000
#define IDLE_US		2000	/* until a worker with nothing to do sleeps */

enum order {
	ORDER_RANDOM,	/* each piece of a packet anywhere */
	ORDER_RUNS,	/* all pieces of a packet in one slot */
};

/**
 * struct shape - what is sent or received, and how
 * @name: of the case
 * @rx: received, not sent
 * @len: bytes of a packet, without header
 * @chain: descriptors of a buffer; of RX packets: buffers
 * @piece: RX: bytes of a buffer
 * @burst: packets for one kick
 * @bursts: measured
 * @order: where pieces lie
 * @slots: memory slots that they lie in, 0 for three sizes that are not to differ
 * @features: beside those that every case has
 * @indirect: descriptors in a table
 * @gso: a segment for the tap to cut
 */
struct shape {
	const char *name;
	bool rx;
	unsigned int len, chain, piece, burst, bursts;
	enum order order;
	unsigned int slots;
	uint64_t features;
	bool indirect, gso;
};

static const struct shape shapes[] = {
	{ .name = "tx-64", .len = 64, .chain = 1, .burst = 64, .bursts = 100, .slots = 1 },
	{ .name = "tx-64-x4", .len = 64, .chain = 4, .burst = 64, .bursts = 100, .slots = 1 },
	{ .name = "tx-64-indirect", .len = 64, .chain = 1, .burst = 64, .bursts = 100, .slots = 1,
	  .indirect = true },
	{ .name = "tx-64-inorder", .len = 64, .chain = 1, .burst = 64, .bursts = 100, .slots = 1,
	  .features = F_IN_ORDER },
	{ .name = "tx-64-packed", .len = 64, .chain = 1, .burst = 64, .bursts = 100, .slots = 1,
	  .features = F_PACKED },
	{ .name = "tx-64-x4-packed", .len = 64, .chain = 4, .burst = 64, .bursts = 100,
	  .slots = 1, .features = F_PACKED },
	{ .name = "tx-64-indirect-packed", .len = 64, .chain = 1, .burst = 64, .bursts = 100,
	  .slots = 1, .indirect = true, .features = F_PACKED },
	{ .name = "tx-64-inorder-packed", .len = 64, .chain = 1, .burst = 64, .bursts = 100,
	  .slots = 1, .features = F_PACKED | F_IN_ORDER },
	{ .name = "tx-1500", .len = 1514, .chain = 1, .burst = 64, .bursts = 50, .slots = 1 },
	{ .name = "tx-1024-x16-random", .len = 1024, .chain = 16, .burst = 16, .bursts = 60 },
	{ .name = "tx-1024-x16-random", .len = 1024, .chain = 16, .burst = 16, .bursts = 60,
	  .slots = 509 },
	{ .name = "tx-1024-x16-runs", .len = 1024, .chain = 16, .burst = 16, .bursts = 60,
	  .slots = 509, .order = ORDER_RUNS },
	{ .name = "tx-65000", .len = 65000, .chain = 1, .burst = 16, .bursts = 10, .slots = 1,
	  .gso = true },
	{ .name = "tx-65000-x16", .len = 65000, .chain = 16, .burst = 16, .bursts = 10, .slots = 1,
	  .gso = true },
	{ .name = "rx-64", .rx = true, .len = 64, .chain = 1, .piece = 1536, .burst = 64,
	  .bursts = 60, .slots = 1 },
	{ .name = "rx-64-inorder", .rx = true, .len = 64, .chain = 1, .piece = 1536, .burst = 64,
	  .bursts = 60, .slots = 1, .features = F_IN_ORDER },
	{ .name = "rx-64-packed", .rx = true, .len = 64, .chain = 1, .piece = 1536, .burst = 64,
	  .bursts = 60, .slots = 1, .features = F_PACKED },
	{ .name = "rx-64-log", .rx = true, .len = 64, .chain = 1, .piece = 1536, .burst = 64,
	  .bursts = 60, .slots = 1, .features = F_LOG_ALL },
	{ .name = "rx-1500", .rx = true, .len = 1514, .chain = 1, .piece = 1536, .burst = 64,
	  .bursts = 60, .slots = 1 },
	{ .name = "rx-65000", .rx = true, .len = 65000, .chain = 16, .piece = 4096, .burst = 8,
	  .bursts = 10, .slots = 1, .gso = true },
	{ .name = "kick-to-call", .len = 64, .chain = 1, .burst = 1, .bursts = 200, .slots = 1 },
};

/**
 * struct bench - a device at work
 * @v: the device
 * @s: what is measured
 * @slots: memory slots
 * @area: buffers
 * @area_size: of @area
 * @seed: where the next piece lies
 * @log: dirty log, for those with one
 * @tables: indirect tables, one for each packet of a burst
 * @sink: keeps the XDP program in place
 * @sender: where packets to be received come from
 * @frame: one of them, behind its header if there is one
 * @frame_len: of @frame
 */
struct bench {
	struct vmm v;
	const struct shape *s;
	unsigned int slots;
	char *area;
	size_t area_size;
	uint32_t seed;
	char *log;
	struct vring_desc *tables;
	int sink, sender;
	char frame[sizeof(struct virtio_net_hdr) + 65536];
	size_t frame_len;
};

#define LOG_SIZE	((BENCH_GPA >> 15) + (2 * MAX_SLOTS * BENCH_PAGE >> 15) + BENCH_PAGE)

static const char *direction(const struct bench *b)
{
	return b->s->rx ? "receive" : "transmit";
}

static void *anonymous(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		err(2, "memory");
	return p;
}

static void slots_up(struct bench *b)
{
	unsigned int i, pages = b->slots > 1 ? b->slots : ONE_SLOT_PAGES;

	b->area_size = 2 * pages * BENCH_PAGE;
	b->area = anonymous(b->area_size);
	for (i = 0; b->slots > 1 && i < b->slots; i++)
		bench_check(mem_table_add(&b->v.mem, bench_page_gpa(i),
					  b->area + 2 * i * BENCH_PAGE, BENCH_PAGE), "table");
	if (b->slots == 1)
		bench_check(mem_table_add(&b->v.mem, BENCH_GPA, b->area, b->area_size), "table");
	bench_check(vmm_set_mem(&b->v), "SET_MEM_TABLE");
	/* Of what is sent the header is zero, and no page fault is measured. */
	for (i = 0; i < 2 * pages; i += b->slots > 1 ? 2 : 1)
		memset(b->area + i * BENCH_PAGE, 0, BENCH_PAGE);
}

static void log_up(struct bench *b)
{
	unsigned int i;

	b->log = anonymous(LOG_SIZE);
	bench_check(vhost_set_log_base(b->v.fd, (uintptr_t)b->log), "SET_LOG_BASE");
	bench_check(vhost_set_features(b->v.fd, b->v.features | F_LOG_ALL), "SET_FEATURES");
	for (i = 0; i < VMM_NVQS; i++) {
		struct vhost_vring_addr *addr = &b->v.vq[i].addr;

		addr->flags = 1 << VHOST_VRING_F_LOG;
		addr->log_guest_addr = vmm_gpa(&b->v, b->v.vq[i].ring.at.device);
		bench_check(vhost_set_vring_addr(b->v.fd, addr), "SET_VRING_ADDR");
	}
}

static void frame_up(struct bench *b)
{
	const struct shape *s = b->s;
	struct virtio_net_hdr *hdr = (void *)b->frame;

	if (!s->gso) {
		net_frame_fill(b->frame, s->len, 1);
		b->frame_len = s->len;
		return;
	}
	frame_gso_fill(hdr + 1, s->len, 1, true, hdr);
	b->frame_len = sizeof(*hdr) + s->len;
	bench_check(frame_offloads_on(b->v.net.fd), "offloads");
}

/* A packet at each place where one may begin: runs of pages, or all pages. */
static void tx_fill(struct bench *b)
{
	const struct shape *s = b->s;
	size_t step = s->gso ? 17 * BENCH_PAGE : BENCH_PAGE, at;

	for (at = 0; s->gso && at + step <= b->area_size; at += step) {
		memcpy(b->area + at, b->frame, sizeof(struct virtio_net_hdr));
		memcpy(b->area + at + b->v.hdr_len, b->frame + sizeof(struct virtio_net_hdr), s->len);
	}
}

static void bench_up(struct bench *b, const struct shape *s, unsigned int slots)
{
	uint64_t features = F_VERSION_1 | F_EVENT_IDX | F_MRG_RXBUF |
			    (s->features & ~F_LOG_ALL) | (s->indirect ? F_INDIRECT : 0);

	memset(b, 0, sizeof(*b));
	b->s = s;
	b->slots = slots;
	b->seed = 1;
	b->sink = b->sender = -1;
	bench_check(vmm_net_up(&b->v, &(struct vmm_config){
		.features = features, .num = RING }), "device");
	slots_up(b);
	if (s->features & F_LOG_ALL)
		log_up(b);
	frame_up(b);
	if (s->rx) {
		b->sender = s->gso ? frame_socket(b->v.net.name) : dup(b->v.net.peer);
		bench_check(b->sender, "sender");
	} else {
		tx_fill(b);
		b->tables = vmm_alloc(&b->v, s->burst * MAX_CHAIN * sizeof(*b->tables), 16);
		/* The stack has no use for such packets either. */
		if (!s->gso)
			bench_check(b->sink = bench_xdp_drop(b->v.net.name), "XDP program");
	}
}

static void bench_down(struct bench *b)
{
	if (b->sink >= 0)
		close(b->sink);
	if (b->sender >= 0)
		close(b->sender);
	vmm_close(&b->v);
	munmap(b->area, b->area_size);
	if (b->log)
		munmap(b->log, LOG_SIZE);
}

static uint32_t some(struct bench *b, uint32_t below)
{
	b->seed = b->seed * 1664525 + 1013904223;
	return (uint64_t)b->seed * below >> 32;
}

/* Where the next piece of a packet lies; len is less than a page. */
static uint64_t some_place(struct bench *b)
{
	if (b->slots == 1)
		return BENCH_GPA + some(b, 2 * ONE_SLOT_PAGES) * BENCH_PAGE;
	return bench_page_gpa(some(b, b->slots));
}

/* Header and packet in equal pieces. */
static void tx_add(struct bench *b, unsigned int nth)
{
	const struct shape *s = b->s;
	struct drv_ring *r = &b->v.vq[VQ_TX].ring;
	unsigned int total = b->v.hdr_len + s->len, left = total, i;
	uint64_t at = s->gso ? BENCH_GPA + nth * 17 * BENCH_PAGE : some_place(b);
	struct drv_buf buf[MAX_CHAIN];
	int ret;

	for (i = 0; i < s->chain; i++) {
		unsigned int len = left / (s->chain - i);

		if (i && s->order == ORDER_RANDOM && !s->gso)
			at = some_place(b);
		buf[i] = (struct drv_buf) { .gpa = at, .len = len };
		at += len;
		left -= len;
	}
	if (s->indirect) {
		struct vring_desc *table = b->tables + nth * MAX_CHAIN;

		ret = drv_ring_add_indirect(r, buf, s->chain, table, vmm_gpa(&b->v, table), b);
	} else {
		ret = drv_ring_add(r, buf, s->chain, b);
	}
	bench_check(ret, "add");
}

static void rx_add(struct bench *b, unsigned int nth)
{
	const struct shape *s = b->s;
	unsigned int i;

	for (i = 0; i < s->chain; i++)
		bench_check(drv_ring_add1(&b->v.vq[VQ_RX].ring,
					  BENCH_GPA + (nth * s->chain + i) * s->piece, s->piece,
					  true, b), "add");
}

/* Wait for n used buffers, of which the last one is announced. */
static void take_used(struct bench *b, struct vmm_vq *q, unsigned int n)
{
	struct pollfd p = { .fd = q->call, .events = POLLIN };
	struct drv_done done;

	while (n) {
		int ret = drv_ring_get(&q->ring, &done);

		bench_check(ret, "used ring");
		if (ret) {
			n--;
			continue;
		}
		if (poll(&p, 1, WAIT_MS) <= 0)
			errx(1, "%s: the %s queue stands still", b->s->name, direction(b));
		event_take(q->call);
	}
}

/* Enter buffers for a burst, kick, and wait for all of them. */
static void burst(struct bench *b)
{
	const struct shape *s = b->s;
	unsigned int index = s->rx ? VQ_RX : VQ_TX, i, n;
	struct vmm_vq *q = &b->v.vq[index];

	n = s->rx ? s->burst * s->chain : s->burst;
	for (i = 0; i < s->burst; i++) {
		if (!s->rx)
			tx_add(b, i);
		else if (send(b->sender, b->frame, b->frame_len, 0) != (ssize_t)b->frame_len)
			err(2, "%s: send", s->name);
	}
	for (i = 0; s->rx && i < s->burst; i++)
		rx_add(b, i);
	/* A VMM takes the bits away now and then. */
	if (b->log)
		memset(b->log + (BENCH_GPA >> 15), 0, (s->burst * s->chain * s->piece >> 15) + 1);
	/* A packed ring counts descriptors. */
	if ((s->features & F_PACKED) && !s->rx && !s->indirect)
		drv_ring_arm_at(&q->ring, (n - 1) * s->chain + 1);
	else
		drv_ring_arm_at(&q->ring, n);
	vmm_kick(&b->v, index);
	take_used(b, q, n);
}

/* How often as many packets: where time is measured and not instructions counted. */
static unsigned int loops(void)
{
	const char *n = getenv("RINGSIDE_LOOPS");

	return n ? strtoul(n, NULL, 10) : 1;
}

static void worker_cost(struct bench *b)
{
	const struct shape *s = b->s;
	unsigned int bursts = s->bursts * loops();
	uint64_t packets = (uint64_t)s->burst * bursts, before, start;
	pid_t worker = bench_worker();
	char total[64];
	unsigned int i;

	for (i = 0; i < 5; i++)
		burst(b);
	nap_us(IDLE_US);
	before = bench_thread_ns(worker);
	start = now_ns();
	bench_profile_begin();
	for (i = 0; i < bursts; i++)
		burst(b);
	bench_profile_end();
	start = now_ns() - start;
	nap_us(IDLE_US);
	bench_report(s->name, b->slots, (bench_thread_ns(worker) - before) / packets);
	snprintf(total, sizeof(total), "%s-total", s->name);
	bench_report(total, b->slots, start / packets);
}

static void round_trip(struct bench *b)
{
	struct vmm_vq *q = &b->v.vq[VQ_TX];
	struct pollfd p = { .fd = q->call, .events = POLLIN };
	unsigned int i, n = b->s->bursts;
	struct drv_done done;
	uint64_t *ns = calloc(n, sizeof(*ns));

	if (!ns)
		err(2, "memory");
	for (i = 0; i < 5; i++)
		burst(b);
	bench_profile_begin();
	for (i = 0; i < n; i++) {
		uint64_t start;

		tx_add(b, 0);
		drv_ring_arm_at(&q->ring, 1);
		drv_ring_publish(&q->ring);
		start = now_ns();
		event_signal(q->kick);
		if (poll(&p, 1, WAIT_MS) <= 0)
			errx(1, "no call");
		event_take(q->call);
		ns[i] = now_ns() - start;
		if (drv_ring_get(&q->ring, &done) != 1)
			errx(1, "a call without a used buffer");
	}
	bench_profile_end();
	bench_report(b->s->name, b->slots, bench_median(ns, n));
	bench_report("kick-to-call-p99", b->slots, ns[n * 99 / 100]);
	free(ns);
}

static void run(const struct shape *s, unsigned int slots)
{
	static struct bench b;

	bench_up(&b, s, slots);
	if (s->burst == 1)
		round_trip(&b);
	else
		worker_cost(&b);
	bench_down(&b);
}

static bool wanted(const char *name, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		if (!strcmp(name, argv[i]))
			return true;
	return argc < 2;
}

int main(int argc, char **argv)
{
	static const unsigned int sizes[] = { 1, 64, 8192, MAX_SLOTS };
	uint64_t offered;
	unsigned int i, k;
	int fd;

	bench_check(net_ns_enter(), "network namespace");
	fd = vhost_open(VHOST_NET_PATH, 0);
	bench_check(fd, VHOST_NET_PATH);
	bench_check(vhost_get_features(fd, &offered), "GET_FEATURES");
	close(fd);
	for (i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		const struct shape *s = &shapes[i];

		if (!wanted(s->name, argc, argv) || (s->features & ~offered))
			continue;
		for (k = 0; !s->slots && k < sizeof(sizes) / sizeof(sizes[0]); k++)
			run(s, sizes[k]);
		if (s->slots)
			run(s, s->slots);
	}
	return 0;
}
