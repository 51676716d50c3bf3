// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the device IOTLB costs the VMM: a message that adds an entry or takes one
 * away, and a packet whose buffer has to be asked for first.
 *
 * Prints lines "CASE N VALUE", N being the entries there are.
 */
#include <err.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"
#include "libiommu.h"

#define CALLS	64
#define FRAME	64
#define WAIT_MS	5000
/* Entries begin here, far from those of the rings. */
#define EXTRA	UINT64_C(0x1000000000)

static uint64_t extra(unsigned int i)
{
	return EXTRA + 2 * i * BENCH_PAGE;
}

static void update(struct iommu *m, unsigned int i, char *page)
{
	bench_check(iotlb_send(m->v.fd, true, VHOST_IOTLB_UPDATE, extra(i), BENCH_PAGE,
			       (uintptr_t)page, VHOST_ACCESS_RW), "UPDATE");
}

static void invalidate(struct iommu *m, unsigned int i)
{
	bench_check(iotlb_send(m->v.fd, true, VHOST_IOTLB_INVALIDATE, extra(i), BENCH_PAGE, 0, 0),
		    "INVALIDATE");
}

/* The last of n entries come, and go again. */
static void message_cost(struct iommu *m, unsigned int n, char *page)
{
	uint64_t add[CALLS], del[CALLS], start;
	unsigned int i;

	for (i = 0; i < CALLS; i++) {
		start = now_ns();
		update(m, n - CALLS + i, page);
		add[i] = now_ns() - start;
	}
	for (i = CALLS; i--; ) {
		start = now_ns();
		invalidate(m, n - CALLS + i);
		del[i] = now_ns() - start;
	}
	bench_report("iotlb-update", n, bench_median(add, CALLS));
	bench_report("iotlb-invalidate", n, bench_median(del, CALLS));
}

/* From the kick over the question and its answer to the call. */
static uint64_t miss(struct iommu *m, unsigned int i, char *page)
{
	struct vmm_vq *q = &m->v.vq[VQ_TX];
	struct pollfd p = { .fd = q->call, .events = POLLIN };
	struct vhost_iotlb_msg msg;
	struct drv_done done;
	uint64_t start;

	bench_check(drv_ring_add1(&q->ring, extra(i), m->v.hdr_len + FRAME, false, m), "add");
	drv_ring_publish(&q->ring);
	drv_ring_arm(&q->ring);
	start = now_ns();
	event_signal(q->kick);
	bench_check(iotlb_recv(m->v.fd, true, &msg, WAIT_MS), "question");
	if (msg.type != VHOST_IOTLB_MISS || msg.iova != extra(i))
		errx(1, "another question");
	update(m, i, page);
	if (poll(&p, 1, WAIT_MS) <= 0)
		errx(1, "no call");
	start = now_ns() - start;
	event_take(q->call);
	if (drv_ring_get(&q->ring, &done) != 1)
		errx(1, "a call without a used buffer");
	invalidate(m, i);
	return start;
}

static void measure(unsigned int n)
{
	char *page = mmap(NULL, BENCH_PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	uint64_t ns[CALLS];
	struct iommu m;
	unsigned int i;
	int sink;

	if (page == MAP_FAILED)
		err(2, "memory");
	bench_check(iommu_up(&m, &(struct iommu_config){
		.features = F_VERSION_1 | F_EVENT_IDX | F_MRG_RXBUF, .whole = true }), "device");
	bench_check(iommu_map_all(&m), "mapping");
	bench_check(iommu_start(&m), "backend");
	sink = bench_xdp_drop(m.v.net.name);
	bench_check(sink, "XDP program");
	for (i = 0; i < n - CALLS; i++)
		update(&m, i, page);
	bench_profile_begin();
	message_cost(&m, n, page);
	bench_profile_end();
	for (i = 0; i < CALLS; i++)
		ns[i] = miss(&m, n - CALLS + i, page);
	bench_report("iotlb-miss", n, bench_median(ns, CALLS));
	close(sink);
	iommu_close(&m);
	munmap(page, BENCH_PAGE);
}

int main(int argc, char **argv)
{
	int i;

	bench_check(net_ns_enter(), "network namespace");
	if (argc < 2)
		errx(2, "usage: iotlb ENTRIES...");
	for (i = 1; i < argc; i++)
		measure(strtoul(argv[i], NULL, 10));
	return 0;
}
