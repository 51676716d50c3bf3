// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest whose transmit queue never runs dry, and a queue that has a packet now and
 * then: how long does that one take? The two queues are of two devices, each with its
 * own worker, or of one device, whose worker has to give way after its budget. The
 * figures are printed; what fails is a packet that waits for ever, or for longer than
 * any number of turns within the budget can take.
 *
 * RINGSIDE_LOOPS is how many packets are timed.
 */
#include <pthread.h>
#include <stdlib.h>

#include "test.h"

#define PACKETS		60
/* What no scheduler of a busy lab makes of a few turns. */
#define WORST_MS	2000

struct hostile {
	struct vmm *v;
	volatile bool stop;
};

/* Each entry of the ring is the same small frame; whatever was used is there again. */
static void *keep_busy(void *arg)
{
	struct hostile *h = arg;
	struct vmm_vq *q = &h->v->vq[VQ_TX];
	struct vring_avail *avail = drv_split_avail(&q->ring);
	unsigned int i;

	for (i = 0; i < q->ring.num; i++) {
		drv_split_desc(&q->ring)[i] = (struct vring_desc) {
			vmm_gpa(h->v, h->v->scratch), h->v->hdr_len + 60, 0, 0,
		};
		avail->ring[i] = i;
	}
	while (!h->stop) {
		uint16_t used = drv_split_used_idx(&q->ring);

		__atomic_store_n(&avail->idx, used + q->ring.num, __ATOMIC_RELEASE);
		event_signal(q->kick);
	}
	return NULL;
}

/* Time n packets, one at a time; sorted. 0 or the error of the first that fails. */
static int time_packets(struct vmm *v, int (*check)(struct vmm *v, size_t len, uint32_t seed),
			uint64_t *us, unsigned int n)
{
	unsigned int i;
	uint64_t start;
	int ret;

	for (i = 0; i < n; i++) {
		start = now_us();
		ret = check(v, 200, i);
		if (ret)
			return ret;
		us[i] = now_us() - start;
	}
	qsort(us, n, sizeof(*us), compare_us);
	return 0;
}

static unsigned int packets(void)
{
	const char *loops = getenv("RINGSIDE_LOOPS");
	unsigned int n = loops ? strtoul(loops, NULL, 0) : PACKETS;

	return n < 50 ? 50 : n;
}

FIXTURE(starve) {
	struct vmm v[2];
	struct hostile h;
	pthread_t thread;
	uint64_t *us;
};

FIXTURE_VARIANT(starve) {
	unsigned int measured;		/* device whose queue is timed; 0 is the hostile one's */
	int (*check)(struct vmm *v, size_t len, uint32_t seed);
};

FIXTURE_VARIANT_ADD(starve, other_device) { 1, vmm_tx_check };
FIXTURE_VARIANT_ADD(starve, same_worker) { 0, vmm_rx_check };

FIXTURE_SETUP(starve)
{
	unsigned int i;

	ASSERT_EQ(0, net_ns_enter());
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, vmm_net_up(&self->v[i], &(struct vmm_config){
				.features = F_VERSION_1 }));
	}
	self->us = calloc(packets(), sizeof(*self->us));
	ASSERT_NE(NULL, self->us);
}

FIXTURE_TEARDOWN(starve)
{
	vmm_close(&self->v[0]);
	vmm_close(&self->v[1]);
	free(self->us);
}

TEST_F_TIMEOUT(starve, packet_beside_a_queue_that_never_runs_dry, 120)
{
	struct vmm *v = &self->v[variant->measured];
	unsigned int n = packets();
	uint64_t *us = self->us, alone, end;
	uint16_t before;
	int ret;

	ASSERT_EQ(0, time_packets(v, variant->check, us, n));
	alone = us[n / 2];
	self->h = (struct hostile) { .v = &self->v[0] };
	ASSERT_EQ(0, pthread_create(&self->thread, NULL, keep_busy, &self->h));
	before = drv_split_used_idx(&self->v[0].vq[VQ_TX].ring);
	for (end = now_ms() + VMM_TIMEOUT_MS; now_ms() < end; nap_us(1000))
		if (drv_split_used_idx(&self->v[0].vq[VQ_TX].ring) != before)
			break;
	ret = time_packets(v, variant->check, us, n);
	self->h.stop = true;
	pthread_join(self->thread, NULL);
	ASSERT_EQ(0, ret);
	TH_LOG("alone %llu us; beside it %llu us, 90 of 100 within %llu us, all within %llu us",
	       (unsigned long long)alone, (unsigned long long)us[n / 2],
	       (unsigned long long)us[n * 9 / 10], (unsigned long long)us[n - 1]);
	EXPECT_NE(before, drv_split_used_idx(&self->v[0].vq[VQ_TX].ring));
	EXPECT_GT(WORST_MS * 1000ULL, us[n - 1]);
}

TEST_HARNESS_MAIN
