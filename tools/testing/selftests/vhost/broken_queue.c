// SPDX-License-Identifier: GPL-2.0-only
/*
 * Life with a broken queue: ways to arm it again, rings and buffers whose memory
 * goes away, and an owner that has to be killed.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "test.h"

#define NUM	256
#define PAGE	4096u

FIXTURE(broken) {
	struct vmm v;
	struct vmm other;	/* must not notice */
};

FIXTURE_VARIANT(broken) {
	uint64_t features;
};

FIXTURE_VARIANT_ADD(broken, split) { F_VERSION_1 };
FIXTURE_VARIANT_ADD(broken, packed) { F_VERSION_1 | F_PACKED };

FIXTURE_SETUP(broken)
{
	const struct vmm_config c = { .features = variant->features, .num = NUM };

	vmm_init(&self->v);
	vmm_init(&self->other);
	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, vmm_net_up(&self->v, &c));
	ASSERT_EQ(0, vmm_net_up(&self->other, &c));
}

FIXTURE_TEARDOWN(broken)
{
	vmm_close(&self->v);
	vmm_close(&self->other);
}

static struct drv_ring *tx_ring(struct vmm *v)
{
	return &v->vq[VQ_TX].ring;
}

/* A chain outside of all memory. */
static void push_bad(struct drv_ring *r)
{
	struct vring_desc d = { .addr = UINT64_C(1) << 40, .len = 64 };

	drv_ring_push_raw(r, &d, 1);
}

/* ---- ways to arm a broken queue again ---- */

enum rearm { BY_BASE, BY_ADDR, BY_BACKEND, BY_TABLE };

static int arm_again(struct vmm *v, enum rearm how)
{
	int64_t base;
	int ret;

	switch (how) {
	case BY_BASE:
		base = vmm_stop(v, VQ_TX);
		ret = base < 0 ? base : vhost_set_vring_base(v->fd, VQ_TX, base);
		return ret ? ret : vmm_start(v, VQ_TX);
	case BY_ADDR:
		return vhost_set_vring_addr(v->fd, &v->vq[VQ_TX].addr);
	case BY_BACKEND:
		base = vmm_stop(v, VQ_TX);
		return base < 0 ? base : vmm_start(v, VQ_TX);
	case BY_TABLE:
		return vmm_set_mem(v);
	}
	return -EINVAL;
}

/*
 * A frame that says it is to be written to. The driver repairs it in place; after arming,
 * it goes out once.
 */
TEST_F(broken, armed_again_continues_where_it_stopped)
{
	struct vmm *v = &self->v;
	struct drv_done done;
	char frame[100];
	int how, head;

	for (how = BY_BASE; how <= BY_TABLE; how++) {
		memset(v->scratch, 0, v->hdr_len);
		net_frame_fill(v->scratch + v->hdr_len, sizeof(frame), how);
		head = drv_ring_add1(tx_ring(v), vmm_gpa(v, v->scratch),
				     v->hdr_len + sizeof(frame), true, v->scratch);
		vmm_force_kick(v, VQ_TX);
		ASSERT_TRUE(vmm_ring_error(v, VQ_TX, VMM_TIMEOUT_MS)) TH_LOG("way %d", how);
		*drv_ring_flags(tx_ring(v), head) ^= VRING_DESC_F_WRITE;
		ASSERT_EQ(0, arm_again(v, how)) TH_LOG("way %d", how);
		event_signal(v->vq[VQ_TX].kick);
		EXPECT_EQ((int)sizeof(frame),
			  net_peer_recv(&v->net, frame, sizeof(frame), VMM_TIMEOUT_MS))
			TH_LOG("way %d", how);
		EXPECT_EQ(0, net_frame_check(frame, sizeof(frame), how, NULL));
		ASSERT_EQ(1, drv_ring_wait(tx_ring(v), &done, VMM_TIMEOUT_MS));
		EXPECT_EQ(v->scratch, done.cookie);
		EXPECT_EQ(0, drv_ring_get(tx_ring(v), &done));
		EXPECT_FALSE(vmm_ring_error(v, VQ_TX, 0));
		EXPECT_EQ(0, vmm_tx_check(v, 200, how));
	}
}

/* Three frames in one batch, the second of them writable: no packet. */
TEST_F(broken, middle_of_a_batch)
{
	enum { N = 3, LEN = 100 };
	struct vmm *v = &self->v;
	char *buf[N], frame[LEN];
	struct drv_done done;
	int i, head[N];

	for (i = 0; i < N; i++) {
		buf[i] = vmm_alloc(v, 2048, 64);
		ASSERT_NE(NULL, buf[i]);
		memset(buf[i], 0, v->hdr_len);
		net_frame_fill(buf[i] + v->hdr_len, LEN, i);
		head[i] = drv_ring_add1(tx_ring(v), vmm_gpa(v, buf[i]), v->hdr_len + LEN, i == 1,
					buf[i]);
	}
	vmm_force_kick(v, VQ_TX);
	ASSERT_TRUE(vmm_ring_error(v, VQ_TX, VMM_TIMEOUT_MS));
	/* What came before went out and came back; nothing behind it did. */
	EXPECT_EQ(LEN, net_peer_recv(&v->net, frame, LEN, VMM_TIMEOUT_MS));
	EXPECT_EQ(0, net_frame_check(frame, LEN, 0, NULL));
	ASSERT_EQ(1, drv_ring_get(tx_ring(v), &done));
	EXPECT_EQ(buf[0], done.cookie);
	EXPECT_EQ(0, drv_ring_get(tx_ring(v), &done));
	EXPECT_EQ(-ETIMEDOUT, net_peer_recv(&v->net, frame, LEN, VMM_QUIET_MS));

	*drv_ring_flags(tx_ring(v), head[1]) ^= VRING_DESC_F_WRITE;
	ASSERT_EQ(0, arm_again(v, BY_ADDR));
	for (i = 1; i < N; i++) {
		EXPECT_EQ(LEN, net_peer_recv(&v->net, frame, LEN, VMM_TIMEOUT_MS));
		EXPECT_EQ(0, net_frame_check(frame, LEN, i, NULL));
		ASSERT_EQ(1, drv_ring_wait(tx_ring(v), &done, VMM_TIMEOUT_MS));
		EXPECT_EQ(buf[i], done.cookie);
	}
	EXPECT_EQ(0, vmm_traffic_check(v));
}

/* A refused table arms nothing. */
TEST_F(broken, refused_table_does_not_arm)
{
	struct vmm *v = &self->v;

	push_bad(tx_ring(v));
	event_signal(v->vq[VQ_TX].kick);
	ASSERT_TRUE(vmm_ring_error(v, VQ_TX, VMM_TIMEOUT_MS));
	v->mem.m->padding = 1;
	EXPECT_EQ(-EOPNOTSUPP, vmm_set_mem(v));
	v->mem.m->padding = 0;
	event_signal(v->vq[VQ_TX].kick);
	EXPECT_FALSE(vmm_ring_error(v, VQ_TX, VMM_QUIET_MS));
	ASSERT_EQ(0, vmm_set_mem(v));
	event_signal(v->vq[VQ_TX].kick);
	/* Armed and still bad: once more. */
	EXPECT_TRUE(vmm_ring_error(v, VQ_TX, VMM_TIMEOUT_MS));
}

/* A guest that breaks its queue all the time must not fill the log. */
TEST_F(broken, log_is_rate_limited)
{
	struct vmm *v = &self->v;
	int log = kmsg_open(), i, lines;

	ASSERT_LE(0, log);
	/* Earlier tests may have used up what is allowed in 5 s. */
	nap_us(5500000);
	push_bad(tx_ring(v));
	event_signal(v->vq[VQ_TX].kick);
	ASSERT_TRUE(vmm_ring_error(v, VQ_TX, VMM_TIMEOUT_MS));
	for (i = 0; i < 500; i++) {
		ASSERT_EQ(0, arm_again(v, BY_ADDR));
		event_signal(v->vq[VQ_TX].kick);
		ASSERT_TRUE(vmm_ring_error(v, VQ_TX, VMM_TIMEOUT_MS)) TH_LOG("error %d", i);
		EXPECT_EQ(-EBUSY, vhost_set_vring_base(v->fd, VQ_TX, 0));
		v->mem.m->padding = 1;
		EXPECT_EQ(-EOPNOTSUPP, vmm_set_mem(v));
		v->mem.m->padding = 0;
	}
	lines = kmsg_count(log, "vhost");
	close(log);
	/* Something for the administrator, but far less than a line each. */
	EXPECT_LT(0, lines);
	EXPECT_GE(100, lines);
}

/* ---- memory that vanishes ---- */

/* The payload's page is gone although the table still has it. */
TEST_F(broken, fault_098_buffer_unmapped)
{
	struct vmm *v = &self->v;
	char *buf = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct drv_done done;

	ASSERT_EQ(0, mem_table_add(&v->mem, UINT64_C(1) << 32, buf, PAGE));
	ASSERT_EQ(0, vmm_set_mem(v));
	memset(buf, 0, PAGE);
	munmap(buf, PAGE);
	drv_ring_add1(&v->vq[VQ_TX].ring, UINT64_C(1) << 32, v->hdr_len + 100, false, NULL);
	vmm_kick(v, VQ_TX);
	/* Given back unsent, or the queue says that it is broken; never silence. */
	EXPECT_TRUE(vmm_ring_error(v, VQ_TX, VMM_QUIET_MS) ||
		    drv_ring_wait(&v->vq[VQ_TX].ring, &done, VMM_QUIET_MS) == 1);
	EXPECT_EQ(0, vmm_rx_check(v, 500, 1));
	EXPECT_EQ(0, vmm_traffic_check(&self->other));
	ASSERT_EQ(0, vmm_reset_queue(v, VQ_TX));
	EXPECT_EQ(0, vmm_traffic_check(v));
}

/* The TX ring on pages of its own, so that each area can be taken away. */
FIXTURE(vanishing) {
	struct vmm v;
	struct vmm other;
	char *area[3];
};

FIXTURE_VARIANT(vanishing) {
	unsigned int area;
	uint64_t features;
};

FIXTURE_VARIANT_ADD(vanishing, descriptors) { 0, F_VERSION_1 };
FIXTURE_VARIANT_ADD(vanishing, avail_ring) { 1, F_VERSION_1 };
FIXTURE_VARIANT_ADD(vanishing, used_ring) { 2, F_VERSION_1 };
FIXTURE_VARIANT_ADD(vanishing, packed_descriptors) { 0, F_VERSION_1 | F_PACKED };
FIXTURE_VARIANT_ADD(vanishing, packed_driver_event) { 1, F_VERSION_1 | F_PACKED };
FIXTURE_VARIANT_ADD(vanishing, packed_device_event) { 2, F_VERSION_1 | F_PACKED };

FIXTURE_SETUP(vanishing)
{
	const struct vmm_config c = { .features = variant->features, .num = 64 };
	unsigned int i;

	vmm_init(&self->v);
	vmm_init(&self->other);
	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, vmm_net_up(&self->v, &c));
	ASSERT_EQ(0, vmm_net_up(&self->other, &c));
	for (i = 0; i < 3; i++) {
		self->area[i] = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		ASSERT_NE(MAP_FAILED, self->area[i]);
	}
	ASSERT_LE(0, vmm_stop(&self->v, VQ_TX));
	ASSERT_EQ(0, vmm_ring_at(&self->v, VQ_TX, 64, 0, &(struct drv_place) {
		.desc = self->area[0], .driver = self->area[1], .device = self->area[2] }));
	ASSERT_EQ(0, vmm_start(&self->v, VQ_TX));
	ASSERT_EQ(0, vmm_traffic_check(&self->v));
}

FIXTURE_TEARDOWN(vanishing)
{
	vmm_close(&self->v);
	vmm_close(&self->other);
}

TEST_F(vanishing, fault_119_ring_page_unmapped)
{
	struct vmm *v = &self->v;
	char *gone = self->area[variant->area];

	event_take(v->vq[VQ_TX].call);
	drv_ring_add1(&v->vq[VQ_TX].ring, vmm_gpa(v, v->scratch), v->hdr_len + 100, false,
		      NULL);
	drv_ring_publish(&v->vq[VQ_TX].ring);
	ASSERT_EQ(0, munmap(gone, PAGE));
	event_signal(v->vq[VQ_TX].kick);
	EXPECT_TRUE(vmm_ring_error(v, VQ_TX, VMM_TIMEOUT_MS));
	/* No entry was published, so nobody is interrupted for one. */
	EXPECT_EQ(0, event_wait(v->vq[VQ_TX].call, VMM_QUIET_MS));
	EXPECT_EQ(0, vmm_rx_check(v, 500, 1));
	EXPECT_EQ(0, vmm_traffic_check(&self->other));

	ASSERT_EQ(gone, mmap(gone, PAGE, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
	ASSERT_EQ(0, vmm_reset_queue(v, VQ_TX));
	EXPECT_EQ(0, vmm_traffic_check(v));
}

/* The driver that wants no event index hears of every frame. */
static int calls_check(struct vmm *v, unsigned int index)
{
	unsigned int i;
	int ret;

	for (i = 0; i < 3; i++) {
		event_take(v->vq[index].call);
		ret = index == VQ_RX ? vmm_rx_check(v, 500, i) : vmm_tx_check(v, 500, i);
		if (ret)
			return ret;
		if (!event_wait(v->vq[index].call, VMM_TIMEOUT_MS))
			return -ENOMSG;
	}
	return 0;
}

/*
 * New features make a running ring start anew, for which its used index is read, or
 * the device's event is written.
 */
TEST_F(vanishing, features_set_while_page_unmapped)
{
	const uint64_t more = variant->features | F_EVENT_IDX;
	char *gone = self->area[variant->area];
	struct vmm *v = &self->v;
	bool device = variant->area == 2;

	drv_ring_add1(&v->vq[VQ_TX].ring, vmm_gpa(v, v->scratch), v->hdr_len + 100, false,
		      NULL);
	drv_ring_publish(&v->vq[VQ_TX].ring);
	ASSERT_EQ(0, munmap(gone, PAGE));
	EXPECT_EQ(device ? -EFAULT : 0, vhost_set_features(v->fd, more));
	/* Nobody kicks: its next turn comes by itself. */
	EXPECT_TRUE(vmm_ring_error(v, VQ_TX, VMM_TIMEOUT_MS));
	EXPECT_FALSE(vmm_ring_error(v, VQ_RX, 0));
	/* All queues or none. */
	if (device) {
		EXPECT_EQ(0, calls_check(v, VQ_RX));
	}
	EXPECT_EQ(0, vmm_traffic_check(&self->other));

	ASSERT_EQ(gone, mmap(gone, PAGE, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
	if (!device) {
		EXPECT_EQ(0, vhost_set_features(v->fd, variant->features));
	}
	ASSERT_EQ(0, vmm_reset_queue(v, VQ_TX));
	EXPECT_EQ(0, calls_check(v, VQ_TX));
	EXPECT_EQ(0, vmm_traffic_check(v));
	/* Nor is there anything left that keeps the call from working now. */
	EXPECT_EQ(0, vhost_set_features(v->fd, more));
	EXPECT_EQ(0, vhost_set_features(v->fd, variant->features));
	EXPECT_EQ(0, vmm_traffic_check(v));
}

/* ---- the owner of a broken device can be killed ---- */

TEST(killable_with_broken_queues)
{
	int round, status, ready[2];
	uint64_t start;
	struct vmm v;
	pid_t pid;
	char c;

	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, pipe(ready));
	for (round = 0; round < 10; round++) {
		pid = fork();
		if (!pid) {
			if (vmm_net_up(&v, &(struct vmm_config){ .features = F_VERSION_1 }))
				_exit(1);
			push_bad(&v.vq[VQ_TX].ring);
			/* linked to itself */
			*drv_split_desc(&v.vq[VQ_RX].ring) = (struct vring_desc) {
				.len = 64,
				.flags = VRING_DESC_F_NEXT | VRING_DESC_F_WRITE,
			};
			drv_split_push_raw(&v.vq[VQ_RX].ring, 0, 1);
			event_signal(v.vq[VQ_TX].kick);
			net_peer_send(&v.net, (char[64]){ 0 }, 64);
			event_signal(v.vq[VQ_RX].kick);
			if (!vmm_ring_error(&v, VQ_TX, VMM_TIMEOUT_MS) ||
			    write(ready[1], "k", 1) != 1)
				_exit(2);
			for (;;)
				event_signal(v.vq[VQ_TX].kick);
		}
		ASSERT_EQ(1, read(ready[0], &c, 1));
		start = now_ms();
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status));
		EXPECT_GT(VMM_TIMEOUT_MS, now_ms() - start);
		EXPECT_EQ(0, proc_wait_workers(pid, 0, VMM_TIMEOUT_MS));
	}
	close(ready[0]);
	close(ready[1]);
}

TEST_HARNESS_MAIN
