// SPDX-License-Identifier: GPL-2.0-only
/*
 * A worker that is held in a page fault behind a device IOTLB, or over the dirty
 * log: calls that take memory away wait for it, others do not, a page that comes
 * lets all go on, and SIGKILL ends everything. FAULTS 98.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "libhold.h"
#include "libiommu.h"
#include "test.h"

#define STILL_MS	200	/* a call that waits so long does wait */
#define END_MS		10000	/* from SIGKILL to the end of everything */
#define FRAME		500
#define FAR_IOVA	UINT64_C(0x700000000000)

struct scene {
	struct iommu m;
	struct hold h;
	char content[HOLD_SIZE];	/* of the page, once it comes */
};

/* A device behind an IOMMU that leads HOLD_GPA to the page that is not there. */
static int scene_up(struct scene *s)
{
	struct vmm *v = &s->m.v;
	int ret = iommu_up(&s->m, &(struct iommu_config){ .features = F_VERSION_1 });

	if (!ret)
		ret = iommu_map_all(&s->m);
	if (!ret)
		ret = iommu_start(&s->m);
	if (!ret)
		ret = iotlb_send(v->fd, s->m.v2, VHOST_IOTLB_UPDATE, HOLD_GPA, HOLD_SIZE,
				 (uintptr_t)s->h.page, VHOST_ACCESS_RW);
	memset(s->content, 0, v->hdr_len);
	net_frame_fill(s->content + v->hdr_len, FRAME, 3);
	return ret ? ret : vmm_traffic_check(v);
}

/* The frame that was held arrives. */
static int frame_out(struct scene *s)
{
	struct drv_done done;
	char frame[FRAME];
	int ret = net_peer_recv(&s->m.v.net, frame, FRAME, VMM_TIMEOUT_MS);

	if (ret != FRAME)
		return ret < 0 ? ret : -EMSGSIZE;
	ret = net_frame_check(frame, FRAME, 3, NULL);
	if (!ret)
		ret = drv_ring_wait(&s->m.v.vq[VQ_TX].ring, &done, VMM_TIMEOUT_MS);
	return ret < 0 ? ret : 0;
}

FIXTURE(held) {
	struct scene *s;
	struct vmm *v;
};

FIXTURE_SETUP(held)
{
	struct scene *s = self->s = calloc(1, sizeof(*s));
	int ret;

	ASSERT_NE(NULL, s);
	self->v = &s->m.v;
	vmm_init(self->v);
	s->m.memfd = -1;
	s->m.device = MAP_FAILED;
	ret = hold_open(&s->h);
	if (ret == -ENOSYS)
		SKIP(return, "kernel without userfaultfd");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, net_ns_enter());
}

FIXTURE_TEARDOWN(held)
{
	iommu_close(&self->s->m);
	if (self->s->h.page)
		hold_close(&self->s->h);
	free(self->s);
}

/* One call in a thread of its own. */
struct call {
	int (*fn)(struct scene *s);
	struct scene *s;
	pthread_t thread;
	volatile bool done;
	int ret;
};

static void *call_thread(void *arg)
{
	struct call *c = arg;

	c->ret = c->fn(c->s);
	c->done = true;
	return NULL;
}

static int call_start(struct call *c, struct scene *s, int (*fn)(struct scene *s))
{
	*c = (struct call) { .fn = fn, .s = s };
	return -pthread_create(&c->thread, NULL, call_thread, c);
}

/* What it returned, once it has; -ETIMEDOUT while it has not. */
static int call_end(struct call *c, unsigned int timeout_ms)
{
	uint64_t end = now_ms() + timeout_ms;

	while (!c->done && now_ms() < end)
		nap_us(1000);
	if (!c->done)
		return -ETIMEDOUT;
	pthread_join(c->thread, NULL);
	return c->ret;
}

static int call_invalidate(struct scene *s)
{
	return iommu_unmap(&s->m, HOLD_GPA, HOLD_SIZE);
}

static int call_replace(struct scene *s)
{
	return iotlb_send(s->m.v.fd, s->m.v2, VHOST_IOTLB_UPDATE, HOLD_GPA, HOLD_SIZE,
			  (uintptr_t)s->m.page[0], VHOST_ACCESS_RW);
}

static int call_feature_off(struct scene *s)
{
	return vhost_set_features(s->m.v.fd, F_VERSION_1);
}

static int call_add(struct scene *s)
{
	return iotlb_send(s->m.v.fd, s->m.v2, VHOST_IOTLB_UPDATE, FAR_IOVA, HOLD_SIZE,
			  (uintptr_t)s->m.page[0], VHOST_ACCESS_RW);
}

/* What was handed out to the worker is not taken away while it has it in hands. */
static int waits_for_the_turn(struct scene *s, int (*fn)(struct scene *s))
{
	struct call c;
	int ret = hold_tx(&s->h, &s->m.v, FRAME);

	if (!ret)
		ret = call_start(&c, s, fn);
	if (ret)
		return ret;
	if (call_end(&c, STILL_MS) != -ETIMEDOUT)
		return -EPROTO;
	ret = hold_release(&s->h, s->content, sizeof(s->content));
	if (!ret)
		ret = call_end(&c, VMM_TIMEOUT_MS);
	/* It was read before, and so goes out as it should. */
	return ret ? ret : frame_out(s);
}

TEST_F(held, invalidate_waits_for_the_turn)
{
	ASSERT_EQ(0, scene_up(self->s));
	ASSERT_EQ(0, waits_for_the_turn(self->s, call_invalidate));
	EXPECT_EQ(0, vmm_traffic_check(self->v));
}

TEST_F(held, replacement_waits_for_the_turn)
{
	ASSERT_EQ(0, scene_up(self->s));
	ASSERT_EQ(0, waits_for_the_turn(self->s, call_replace));
	EXPECT_EQ(0, vmm_traffic_check(self->v));
}

TEST_F(held, feature_off_waits_for_the_turn)
{
	ASSERT_EQ(0, scene_up(self->s));
	ASSERT_EQ(0, waits_for_the_turn(self->s, call_feature_off));
}

TEST_F(held, addition_does_not_wait)
{
	struct scene *s = self->s;
	struct call c;

	ASSERT_EQ(0, scene_up(s));
	ASSERT_EQ(0, hold_tx(&s->h, self->v, FRAME));
	ASSERT_EQ(0, call_start(&c, s, call_add));
	EXPECT_EQ(0, call_end(&c, VMM_TIMEOUT_MS));
	ASSERT_EQ(0, hold_release(&s->h, s->content, sizeof(s->content)));
	EXPECT_EQ(0, frame_out(s));
	EXPECT_EQ(0, vmm_traffic_check(self->v));
}

/* ---- the bitmap ---- */

/* The bitmap is the page: large enough for all of guest memory. */
static int log_held(struct scene *s)
{
	struct vmm *v = &s->m.v;
	char frame[FRAME];
	int ret = iommu_up(&s->m, &(struct iommu_config){
		.plain = true, .features = F_VERSION_1 });

	if (!ret && (IOMMU_GPA + v->ram_size) / 4096 / 8 > HOLD_SIZE)
		ret = -ENOSPC;
	if (!ret)
		ret = iommu_start(&s->m);
	if (!ret)
		ret = vmm_traffic_check(v);
	if (!ret)
		ret = vhost_set_log_base(v->fd, (uintptr_t)s->h.page);
	if (!ret)
		ret = vhost_set_features(v->fd, F_VERSION_1 | F_LOG_ALL);
	if (ret)
		return ret;
	drv_ring_add1(&v->vq[VQ_RX].ring, vmm_gpa(v, v->scratch), 2048, true, NULL);
	vmm_kick(v, VQ_RX);
	net_frame_fill(frame, FRAME, 9);
	ret = net_peer_send(&v->net, frame, FRAME);
	return ret < 0 ? ret : hold_met(&s->h, VMM_TIMEOUT_MS);
}

TEST_F(held, page_of_the_log)
{
	struct scene *s = self->s;
	struct vmm *v = self->v;
	struct drv_done done;
	uint64_t bit;

	ASSERT_EQ(0, log_held(s));
	memset(s->content, 0, sizeof(s->content));
	ASSERT_EQ(0, hold_release(&s->h, s->content, sizeof(s->content)));
	ASSERT_EQ(1, drv_ring_wait(&v->vq[VQ_RX].ring, &done, VMM_TIMEOUT_MS));
	EXPECT_EQ(0, net_frame_check(v->scratch + v->hdr_len, FRAME, 9, NULL));
	ASSERT_LE(0, vhost_get_vring_base(v->fd, VQ_RX));
	bit = IOMMU_GPA / 4096 + (v->scratch - v->ram) / 4096;
	EXPECT_EQ(1, s->h.page[bit / 8] >> bit % 8 & 1);
	EXPECT_FALSE(vmm_ring_error(v, VQ_RX, 0));
}

/* ---- SIGKILL ---- */

static int iotlb_held(struct scene *s)
{
	static struct call c;
	int ret = scene_up(s);

	if (!ret)
		ret = hold_tx(&s->h, &s->m.v, FRAME);
	if (!ret)
		ret = call_start(&c, s, call_invalidate);
	return ret ? ret : call_end(&c, STILL_MS) == -ETIMEDOUT ? 0 : -EPROTO;
}

/* A VMM of its own that gets itself held, says so and waits for its end. */
static int killed(struct scene *s, int (*held)(struct scene *s))
{
	uint64_t end;
	pid_t pid;
	int say[2], ret = -EPIPE;

	if (pipe(say))
		return -errno;
	pid = fork();
	if (!pid) {
		hold_close(&s->h);
		ret = hold_open(&s->h);
		if (!ret)
			ret = held(s);
		if (write(say[1], &ret, sizeof(ret)) != sizeof(ret))
			_exit(1);
		pause();
		_exit(0);
	}
	close(say[1]);
	if (read(say[0], &ret, sizeof(ret)) != sizeof(ret))
		ret = -EPIPE;
	close(say[0]);
	kill(pid, SIGKILL);
	end = now_ms() + END_MS;
	while (waitpid(pid, NULL, WNOHANG) != pid) {
		if (now_ms() > end)
			return -ETIMEDOUT;
		nap_us(10000);
	}
	return ret;
}

TEST_F_TIMEOUT(held, sigkill_ends_an_invalidate, 60)
{
	EXPECT_EQ(0, killed(self->s, iotlb_held));
	EXPECT_EQ(0, proc_wait_all_workers(0, VMM_TIMEOUT_MS));
}

TEST_F_TIMEOUT(held, sigkill_ends_a_wait_for_the_log, 60)
{
	EXPECT_EQ(0, killed(self->s, log_held));
	EXPECT_EQ(0, proc_wait_all_workers(0, VMM_TIMEOUT_MS));
}

TEST_HARNESS_MAIN
