// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls that come while the worker is in the middle of a turn. A page that is not
 * there yet (userfaultfd) holds the worker for as long as the test wants: after it
 * has translated a buffer, before it has copied it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "test.h"

#define PAGE		4096
#define HOLD_GPA	UINT64_C(0x100000000)
#define MOVING_GPA	UINT64_C(0x200000000)
#define FRAME		1000
#define HEAD		100	/* bytes of header and frame on the page that holds */

FIXTURE(in_turn) {
	struct vmm v;
	struct vmm other;
	int uffd;
	char *hold;		/* not there until release() */
	char *moving;
	struct mem_table with_moving;
};

static int hold_page(int *uffd, char **page)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	*uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (*uffd < 0)
		return -errno;
	*page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	reg.range.start = (uintptr_t)*page;
	reg.range.len = PAGE;
	if (*page == MAP_FAILED || ioctl(*uffd, UFFDIO_API, &api) ||
	    ioctl(*uffd, UFFDIO_REGISTER, &reg))
		return -errno;
	return 0;
}

FIXTURE_VARIANT(in_turn) {
	uint64_t features;
};

FIXTURE_VARIANT_ADD(in_turn, split) { F_VERSION_1 };
FIXTURE_VARIANT_ADD(in_turn, packed) { F_VERSION_1 | F_PACKED };

FIXTURE_SETUP(in_turn)
{
	const struct vmm_config c = { .features = variant->features };
	int ret;

	vmm_init(&self->v);
	vmm_init(&self->other);
	ret = hold_page(&self->uffd, &self->hold);
	if (ret == -ENOSYS)
		SKIP(return, "kernel without userfaultfd");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, vmm_net_up(&self->v, &c));
	ASSERT_EQ(0, vmm_net_up(&self->other, &c));
	self->moving = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
	ASSERT_NE(MAP_FAILED, self->moving);
	ASSERT_EQ(0, mem_table_init(&self->with_moving));
	mem_table_add(&self->with_moving, 0, self->v.ram, self->v.ram_size);
	mem_table_add(&self->with_moving, HOLD_GPA, self->hold, PAGE);
	mem_table_add(&self->with_moving, MOVING_GPA, self->moving, PAGE);
	ASSERT_EQ(0, mem_table_set(&self->with_moving, self->v.fd));
	mem_table_add(&self->v.mem, HOLD_GPA, self->hold, PAGE);
}

FIXTURE_TEARDOWN(in_turn)
{
	vmm_close(&self->v);
	vmm_close(&self->other);
	mem_table_free(&self->with_moving);
	close(self->uffd);
}

/* Send a frame that lies on both pages, and wait until the worker is stuck in it. */
static int hold_worker(struct vmm *v, int uffd, char *moving, char *head)
{
	struct drv_buf bufs[] = {
		{ .gpa = HOLD_GPA, .len = HEAD },
		{ .gpa = MOVING_GPA, .len = v->hdr_len + FRAME - HEAD },
	};
	struct pollfd p = { .fd = uffd, .events = POLLIN };
	char whole[FRAME + 12] = { 0 };
	struct uffd_msg msg;

	net_frame_fill(whole + v->hdr_len, FRAME, 1);
	memcpy(head, whole, HEAD);
	memcpy(moving, whole + HEAD, bufs[1].len);
	if (drv_ring_add(&v->vq[VQ_TX].ring, bufs, 2, NULL) < 0)
		return -ENOSPC;
	vmm_kick(v, VQ_TX);
	if (poll(&p, 1, VMM_TIMEOUT_MS) != 1)
		return -ETIMEDOUT;
	return read(uffd, &msg, sizeof(msg)) == sizeof(msg) ? 0 : -EIO;
}

/* Give the page its content; the worker goes on. */
static int release_worker(int uffd, char *hold, const char *head)
{
	static char page[PAGE] __attribute__((aligned(PAGE)));
	struct uffdio_copy copy = {
		.dst = (uintptr_t)hold,
		.src = (uintptr_t)page,
		.len = PAGE,
	};

	memcpy(page, head, HEAD);
	return ioctl(uffd, UFFDIO_COPY, &copy) ? -errno : 0;
}

/* One call in a thread of its own. */
struct call {
	int (*fn)(struct call *c);
	struct vmm *v;
	pthread_t thread;
	volatile bool done;
	int ret;
};

static void *call_thread(void *arg)
{
	struct call *c = arg;

	c->ret = c->fn(c);
	c->done = true;
	return NULL;
}

static int call_start(struct call *c)
{
	return pthread_create(&c->thread, NULL, call_thread, c);
}

/* Has it ended, within ms? */
static bool call_ends(struct call *c, unsigned int ms)
{
	uint64_t end = now_ms() + ms;

	while (!c->done && now_ms() < end)
		nap_us(1000);
	if (c->done)
		pthread_join(c->thread, NULL);
	return c->done;
}

static int call_set_mem(struct call *c)
{
	return vmm_set_mem(c->v);
}

static int call_detach(struct call *c)
{
	return vhost_net_set_backend(c->v->fd, VQ_TX, -1);
}

/*
 * The region is in use by a buffer that is being sent: taking it away has to wait,
 * or the VMM would give memory back that the device still reads.
 */
TEST_F(in_turn, fault_012_removal_waits_for_the_turn)
{
	struct call c = { .fn = call_set_mem, .v = &self->v };
	char head[HEAD], frame[FRAME];
	struct drv_done done;

	ASSERT_EQ(0, hold_worker(&self->v, self->uffd, self->moving, head));
	ASSERT_EQ(0, call_start(&c));
	EXPECT_FALSE(call_ends(&c, VMM_QUIET_MS));
	ASSERT_EQ(0, release_worker(self->uffd, self->hold, head));
	ASSERT_TRUE(call_ends(&c, VMM_TIMEOUT_MS));
	EXPECT_EQ(0, c.ret);
	munmap(self->moving, PAGE);
	EXPECT_EQ(FRAME, net_peer_recv(&self->v.net, frame, FRAME, VMM_TIMEOUT_MS));
	EXPECT_EQ(0, net_frame_check(frame, FRAME, 1, NULL));
	EXPECT_EQ(1, drv_ring_wait(&self->v.vq[VQ_TX].ring, &done, VMM_TIMEOUT_MS));
	EXPECT_EQ(0, vmm_traffic_check(&self->v));
	EXPECT_FALSE(vmm_ring_error(&self->v, VQ_TX, 0));
}

TEST_F(in_turn, detach_waits_for_the_turn)
{
	struct call c = { .fn = call_detach, .v = &self->v };
	char head[HEAD], frame[FRAME];
	struct drv_done done;

	ASSERT_EQ(0, hold_worker(&self->v, self->uffd, self->moving, head));
	ASSERT_EQ(0, call_start(&c));
	EXPECT_FALSE(call_ends(&c, VMM_QUIET_MS));
	ASSERT_EQ(0, release_worker(self->uffd, self->hold, head));
	ASSERT_TRUE(call_ends(&c, VMM_TIMEOUT_MS));
	EXPECT_EQ(0, c.ret);
	/* What was begun is finished before the call returns, and counted. */
	EXPECT_EQ(1, drv_ring_get(&self->v.vq[VQ_TX].ring, &done));
	EXPECT_EQ(drv_ring_base(&self->v.vq[VQ_TX].ring),
		  vhost_get_vring_base(self->v.fd, VQ_TX));
	EXPECT_EQ(FRAME, net_peer_recv(&self->v.net, frame, FRAME, VMM_TIMEOUT_MS));
	EXPECT_EQ(0, net_frame_check(frame, FRAME, 1, NULL));
	ASSERT_EQ(0, vmm_start(&self->v, VQ_TX));
	EXPECT_EQ(0, vmm_traffic_check(&self->v));
}

/* One guest's page fault is no other guest's business. */
TEST_F(in_turn, other_device_is_not_delayed)
{
	struct call c = { .fn = call_set_mem, .v = &self->other };
	char head[HEAD], *page;
	struct drv_done done;

	ASSERT_EQ(0, hold_worker(&self->v, self->uffd, self->moving, head));
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, page);
	/* Add a region, and take it away again: the second one has readers to wait for. */
	mem_table_add(&self->other.mem, HOLD_GPA, page, PAGE);
	EXPECT_EQ(0, vmm_set_mem(&self->other));
	mem_table_del(&self->other.mem, HOLD_GPA);
	ASSERT_EQ(0, call_start(&c));
	EXPECT_TRUE(call_ends(&c, VMM_TIMEOUT_MS));
	EXPECT_EQ(0, c.ret);
	EXPECT_EQ(0, vmm_traffic_check(&self->other));
	ASSERT_EQ(0, release_worker(self->uffd, self->hold, head));
	EXPECT_EQ(1, drv_ring_wait(&self->v.vq[VQ_TX].ring, &done, VMM_TIMEOUT_MS));
}

/* Growing takes nothing away from anybody, so it need not wait (seed map 5.3). */
TEST_F(in_turn, addition_does_not_wait)
{
	struct call c = { .fn = call_set_mem, .v = &self->v };
	struct drv_done done;
	char head[HEAD], *page;

	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, page);
	mem_table_add(&self->v.mem, MOVING_GPA, self->moving, PAGE);
	mem_table_add(&self->v.mem, MOVING_GPA + PAGE, page, PAGE);
	ASSERT_EQ(0, hold_worker(&self->v, self->uffd, self->moving, head));
	ASSERT_EQ(0, call_start(&c));
	EXPECT_TRUE(call_ends(&c, VMM_TIMEOUT_MS));
	ASSERT_EQ(0, release_worker(self->uffd, self->hold, head));
	EXPECT_EQ(1, drv_ring_wait(&self->v.vq[VQ_TX].ring, &done, VMM_TIMEOUT_MS));
	EXPECT_EQ(0, c.done ? c.ret : -EBUSY);
	EXPECT_EQ(0, vmm_traffic_check(&self->v));
}

TEST_HARNESS_MAIN
