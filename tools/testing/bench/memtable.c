// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a change of the memory table costs the VMM, and how long it keeps a
 * queue from its work. Meant for a kernel whose clock counts instructions: a
 * nanosecond is one then.
 *
 * Prints lines "WHAT REGIONS VALUE", made into a table by the script memtable.
 */
#include <err.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "libtime.h"
#include "libvmm.h"

#define MAX_CALLS	200
#define BURST		16
#define FRAME		64
#define ROUNDS		5
#define PHASE_NS	UINT64_C(100000000)
#define PAUSE_US	200

/* A device with both rings live and a table of n regions, one of them the RAM. */
struct bench {
	struct vmm v;
	unsigned int n;
	char *area;
	size_t area_size;
	struct vhost_memory *with, *without;	/* with the toggled region, and without */
};

static char *area_page(const struct bench *b, unsigned int i)
{
	return b->area + 2 * i * BENCH_PAGE;
}

static struct vhost_memory *table_alloc(unsigned int n)
{
	struct vhost_memory *m = calloc(1, sizeof(*m) + n * sizeof(m->regions[0]));

	if (!m)
		err(2, "table");
	/* No page fault shall be measured. */
	memset(m, 0, sizeof(*m) + n * sizeof(m->regions[0]));
	return m;
}

/* The table without its region number i. */
static void leave_out(struct bench *b, unsigned int i)
{
	struct vhost_memory *m = b->without;
	size_t each = sizeof(m->regions[0]);

	m->nregions = b->n - 1;
	memcpy(m->regions, b->with->regions, i * each);
	memcpy(m->regions + i, b->with->regions + i + 1, (b->n - 1 - i) * each);
}

static void bench_up(struct bench *b, unsigned int n)
{
	struct vhost_memory *m;
	unsigned int i;

	memset(b, 0, sizeof(*b));
	b->n = n;
	bench_check(vmm_net_up(&b->v, &(struct vmm_config){
		.features = F_VERSION_1 | F_EVENT_IDX | F_MRG_RXBUF }), "device");
	b->area_size = 2 * n * BENCH_PAGE;
	b->area = mmap(NULL, b->area_size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (b->area == MAP_FAILED)
		err(2, "area");
	b->with = m = table_alloc(n);
	b->without = table_alloc(n);
	m->nregions = n;
	m->regions[0] = b->v.mem.m->regions[0];
	for (i = 1; i < n; i++)
		m->regions[i] = (struct vhost_memory_region) {
			.guest_phys_addr = bench_page_gpa(i),
			.memory_size = BENCH_PAGE,
			.userspace_addr = (uintptr_t)area_page(b, i),
		};
	bench_check(vhost_set_mem_table(b->v.fd, m), "first table");
}

static void bench_down(struct bench *b)
{
	vmm_close(&b->v);
	munmap(b->area, b->area_size);
	free(b->with);
	free(b->without);
}

/* ---- cost of a call ---- */

static uint64_t timed_set(const struct bench *b, const struct vhost_memory *m)
{
	uint64_t start = now_ns();

	bench_check(vhost_set_mem_table(b->v.fd, m), "SET_MEM_TABLE");
	return now_ns() - start;
}

static void toggle_cost(struct bench *b, unsigned int which, unsigned int calls,
			const char *where)
{
	uint64_t add[MAX_CALLS], del[MAX_CALLS], sum = 0;
	char what[64];
	unsigned int i;

	leave_out(b, which);
	for (i = 0; i < calls; i++) {
		del[i] = timed_set(b, b->without);
		add[i] = timed_set(b, b->with);
	}
	sum = bench_median(add, calls) + bench_median(del, calls);
	snprintf(what, sizeof(what), "toggle-%s", where);
	bench_report(what, b->n, sum / 2);
	snprintf(what, sizeof(what), "add-%s", where);
	bench_report(what, b->n, add[calls / 2]);
	snprintf(what, sizeof(what), "del-%s", where);
	bench_report(what, b->n, del[calls / 2]);
}

/* One region leaves the table and comes back, named by itself. */
static uint64_t timed_update(const struct bench *b, const struct vhost_memory_region *r, bool add)
{
	struct vhost_mem_update u = {
		.nremove = !add,
		.nadd = add,
		.remove = (uintptr_t)r,
		.add = (uintptr_t)r,
	};
	uint64_t start = now_ns();

	bench_check(vhost_ioctl(b->v.fd, VHOST_UPDATE_MEM_REGIONS, &u), "UPDATE_MEM_REGIONS");
	return now_ns() - start;
}

static void update_cost(struct bench *b)
{
	const struct vhost_memory_region *r = &b->with->regions[b->n / 2];
	uint64_t add[MAX_CALLS], del[MAX_CALLS], features;
	unsigned int i;

	bench_check(vhost_get_backend_features(b->v.fd, &features), "GET_BACKEND_FEATURES");
	if (b->n < 2 || !(features & BIT64(VHOST_BACKEND_F_MEM_UPDATE)))
		return;
	for (i = 0; i < MAX_CALLS; i++) {
		del[i] = timed_update(b, r, false);
		add[i] = timed_update(b, r, true);
	}
	bench_report("update-add", b->n, bench_median(add, MAX_CALLS));
	bench_report("update-del", b->n, bench_median(del, MAX_CALLS));
	bench_report("update", b->n, (add[MAX_CALLS / 2] + del[MAX_CALLS / 2]) / 2);
}

static void call_cost(unsigned int n)
{
	unsigned int calls = n <= 1024 ? MAX_CALLS : n <= 8192 ? 20 : 6, i;
	uint64_t same[MAX_CALLS], features, none[MAX_CALLS];
	struct bench b;

	bench_up(&b, n);
	for (i = 0; i < calls; i++) {
		uint64_t start = now_ns();

		bench_check(vhost_get_features(b.v.fd, &features), "GET_FEATURES");
		none[i] = now_ns() - start;
	}
	bench_report("ioctl", n, bench_median(none, calls));
	if (n > 1) {
		toggle_cost(&b, n / 2, calls, "middle");
		toggle_cost(&b, n - 1, calls, "last");
		toggle_cost(&b, 1, calls, "first");
	}
	for (i = 0; i < calls; i++)
		same[i] = timed_set(&b, b.with);
	bench_report("same", n, bench_median(same, calls));
	update_cost(&b);
	bench_down(&b);
}

/* ---- what a queue notices ---- */

static void set_fifo(pid_t tid, bool fifo)
{
	struct sched_param p = { .sched_priority = fifo ? 1 : 0 };

	if (sched_setscheduler(tid, fifo ? SCHED_FIFO : SCHED_OTHER, &p))
		err(2, "priority of thread %d", tid);
}

/* A thread that never rests, beside the stream. */
struct rival {
	struct bench *b;
	pthread_t thread;
	bool toggles;		/* or makes calls that concern no queue */
	volatile bool stop;
	unsigned long calls;
};

static void *rival_thread(void *arg)
{
	struct rival *r = arg;
	uint64_t features;

	set_fifo(0, false);
	while (!r->stop) {
		if (r->toggles) {
			bench_check(vhost_set_mem_table(r->b->v.fd, r->b->without), "SET_MEM_TABLE");
			bench_check(vhost_set_mem_table(r->b->v.fd, r->b->with), "SET_MEM_TABLE");
			r->calls += 2;
		} else {
			bench_check(vhost_get_features(r->b->v.fd, &features), "GET_FEATURES");
		}
	}
	return NULL;
}

struct stream {
	uint64_t gap;		/* longest time without a used buffer */
	uint64_t pps;
};

/* One burst of frames out and back. */
static void burst(struct bench *b, uint32_t *seed, uint64_t *last, struct stream *s)
{
	struct vmm_vq *q = &b->v.vq[VQ_TX];
	struct pollfd p = { .fd = q->call, .events = POLLIN };
	struct drv_done done;
	unsigned int i, got = 0;

	for (i = 0; i < BURST; i++) {
		unsigned int r;

		*seed = *seed * 1664525 + 1013904223;
		r = 1 + (*seed >> 8) % (b->n - 2);
		bench_check(drv_ring_add1(&q->ring, bench_page_gpa(r),
				    b->v.hdr_len + FRAME, false, b), "add");
	}
	/* One interrupt, at the end of the burst. */
	*drv_split_used_event(&q->ring) = q->ring.used_idx + BURST - 1;
	vmm_kick(&b->v, VQ_TX);
	while (got < BURST) {
		uint64_t now;
		int n = drv_ring_get(&q->ring, &done);

		bench_check(n, "used ring");
		if (!n) {
			if (poll(&p, 1, 5000) <= 0)
				errx(1, "the queue stands still");
			event_take(q->call);
			continue;
		}
		got++;
		now = now_ns();
		if (now - *last > s->gap)
			s->gap = now - *last;
		*last = now;
	}
}

/* A stream for a while, with a pause between bursts. */
static struct stream stream(struct bench *b, unsigned int pause_us)
{
	uint64_t start = now_ns(), last = start, packets = 0;
	struct stream s = { .gap = 0 };
	uint32_t seed = 1;

	while (last - start < PHASE_NS) {
		burst(b, &seed, &last, &s);
		packets += BURST;
		if (pause_us)
			nap_us(pause_us);
	}
	s.pps = packets * 1000000000 / (last - start);
	return s;
}

static struct stream stream_beside(struct rival *r, unsigned int pause_us)
{
	struct stream s;

	r->stop = false;
	if (pthread_create(&r->thread, NULL, rival_thread, r))
		errx(2, "thread");
	s = stream(r->b, pause_us);
	r->stop = true;
	pthread_join(r->thread, NULL);
	return s;
}

/* Rounds of one and the same phase. */
struct phase {
	const char *name;
	uint64_t gap[ROUNDS], pps[ROUNDS];
};

static void phase_add(struct phase *p, unsigned int round, struct stream s)
{
	p->gap[round] = s.gap;
	p->pps[round] = s.pps;
}

static void phase_report(struct phase *p, const char *what, uint64_t *values, unsigned int n)
{
	char name[64];

	snprintf(name, sizeof(name), "%s-%s", what, p->name);
	bench_report(name, n, bench_median(values, ROUNDS));
	snprintf(name, sizeof(name), "%s-%s-max", what, p->name);
	bench_report(name, n, values[ROUNDS - 1]);
}

/*
 * Everybody at one priority: what a VMM sees. How long a thread keeps the only
 * processor is up to the scheduler, so the same with a rival that does not touch
 * the queues says which part of it that is.
 */
static void stall_fair(struct bench *b)
{
	struct phase base = { .name = "alone" }, busy = { .name = "toggling" },
		     spin = { .name = "spinning" };
	struct rival r = { .b = b };
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		phase_add(&base, i, stream(b, 0));
		r.toggles = true;
		phase_add(&busy, i, stream_beside(&r, 0));
		r.toggles = false;
		phase_add(&spin, i, stream_beside(&r, 0));
	}
	phase_report(&base, "gap", base.gap, b->n);
	phase_report(&busy, "gap", busy.gap, b->n);
	phase_report(&spin, "gap", spin.gap, b->n);
	phase_report(&base, "pps", base.pps, b->n);
	phase_report(&busy, "pps", busy.pps, b->n);
	phase_report(&spin, "pps", spin.pps, b->n);
	bench_report("toggles", b->n, r.calls / ROUNDS);
}

/*
 * Queue and client before everybody else, so that the rival runs only while they
 * have nothing to do: what is left beyond the pause is how long a call keeps them
 * from their work, by locks or by not letting go of the processor.
 */
static void stall_urgent(struct bench *b)
{
	struct phase base = { .name = "alone" }, busy = { .name = "toggling" };
	struct rival r = { .b = b, .toggles = true };
	pid_t worker = bench_worker();
	unsigned int i;

	set_fifo(worker, true);
	set_fifo(0, true);
	for (i = 0; i < ROUNDS; i++) {
		phase_add(&base, i, stream(b, PAUSE_US));
		phase_add(&busy, i, stream_beside(&r, PAUSE_US));
	}
	set_fifo(0, false);
	phase_report(&base, "urgent-gap", base.gap, b->n);
	phase_report(&busy, "urgent-gap", busy.gap, b->n);
	bench_report("urgent-toggles", b->n, r.calls / ROUNDS);
	set_fifo(worker, false);
}

static void stall(unsigned int n)
{
	struct bench b;
	unsigned int i;

	bench_up(&b, n);
	leave_out(&b, n - 1);
	for (i = 1; i < n; i++) {
		memset(area_page(&b, i), 0, b.v.hdr_len);
		net_frame_fill(area_page(&b, i) + b.v.hdr_len, FRAME, i);
	}
	stream(&b, 0);
	stall_fair(&b);
	stall_urgent(&b);
	bench_down(&b);
}

int main(int argc, char **argv)
{
	int i;

	if (argc < 3 || (strcmp(argv[1], "cost") && strcmp(argv[1], "stall")))
		errx(2, "usage: memtable cost|stall REGIONS...");
	bench_check(net_ns_enter(), "network namespace");
	for (i = 2; i < argc; i++) {
		unsigned int n = strtoul(argv[i], NULL, 10);

		if (!strcmp(argv[1], "cost"))
			call_cost(n);
		else
			stall(n);
	}
	return 0;
}
