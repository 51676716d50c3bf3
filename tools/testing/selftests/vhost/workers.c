// SPDX-License-Identifier: GPL-2.0-only
/*
 * The workers of a device: made, freed, and queues moved between them while they
 * run. Each test for threads of the owner and for threads of the kernel.
 */
#include <pthread.h>
#include <signal.h>

#include "libhold.h"
#include "test.h"

#define MOVES		1000	/* at least, however slow the machine */
#define BURST		16
#define FRAME		1000

/* Which one a device has that was told nothing. */
static int default_kind(void)
{
	FILE *f = fopen("/sys/module/vhost/parameters/fork_from_owner_default", "re");
	int c = f ? fgetc(f) : EOF;

	if (f)
		fclose(f);
	return c == 'Y' && proc_has_task_workers() ? VHOST_FORK_OWNER_TASK : VHOST_FORK_OWNER_KTHREAD;
}

FIXTURE(workers) {
	int fd;
};

FIXTURE_VARIANT(workers) {
	int kind;
};

FIXTURE_VARIANT_ADD(workers, task) { .kind = VHOST_FORK_OWNER_TASK };
FIXTURE_VARIANT_ADD(workers, kthread) { .kind = VHOST_FORK_OWNER_KTHREAD };

FIXTURE_SETUP(workers)
{
	if (variant->kind == VHOST_FORK_OWNER_TASK && !proc_has_task_workers())
		SKIP(return, "no such threads in this kernel");
	self->fd = vhost_open(VHOST_NET_PATH, 0);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, vhost_set_fork_from_owner(self->fd, variant->kind));
}

FIXTURE_TEARDOWN(workers)
{
	close(self->fd);
}

/* ---- the calls and what they answer ---- */

TEST_F(workers, nothing_before_set_owner)
{
	EXPECT_EQ(-EINVAL, vhost_new_worker(self->fd));
	EXPECT_EQ(-EINVAL, vhost_free_worker(self->fd, 0));
	EXPECT_EQ(-EINVAL, vhost_attach_vring_worker(self->fd, 0, 0));
	EXPECT_EQ(-EINVAL, vhost_get_vring_worker(self->fd, 0));
	EXPECT_EQ(-EINVAL, vhost_ioctl(self->fd, VHOST_NEW_WORKER, NULL));
}

static int child_may_nothing(int fd)
{
	if (vhost_new_worker(fd) != -EPERM || vhost_free_worker(fd, 1) != -EPERM)
		return 1;
	if (vhost_attach_vring_worker(fd, 0, 1) != -EPERM)
		return 2;
	return vhost_get_vring_worker(fd, 0) == -EPERM ? 0 : 3;
}

TEST_F(workers, other_process_refused)
{
	ASSERT_EQ(0, vhost_set_owner(self->fd));
	ASSERT_EQ(1, vhost_new_worker(self->fd));
	EXPECT_EQ(0, proc_in_child(child_may_nothing, self->fd));
	EXPECT_EQ(0, vhost_get_vring_worker(self->fd, 0));
	EXPECT_EQ(0, vhost_free_worker(self->fd, 1));
}

/* FAULTS 19: what is attached cannot be freed, what is not there neither. */
TEST_F(workers, fault_019_answers)
{
	int fd = self->fd;

	ASSERT_EQ(0, vhost_set_owner(fd));
	EXPECT_EQ(0, vhost_get_vring_worker(fd, VQ_RX));
	EXPECT_EQ(0, vhost_get_vring_worker(fd, VQ_TX));
	EXPECT_EQ(-ENOBUFS, vhost_get_vring_worker(fd, 2));
	EXPECT_EQ(-ENOBUFS, vhost_attach_vring_worker(fd, 2, 0));
	EXPECT_EQ(-ENOBUFS, vhost_attach_vring_worker(fd, ~0u, 77));
	EXPECT_EQ(-ENODEV, vhost_attach_vring_worker(fd, VQ_TX, 1));
	EXPECT_EQ(-ENODEV, vhost_attach_vring_worker(fd, VQ_TX, ~0u));
	EXPECT_EQ(-ENODEV, vhost_free_worker(fd, 1));
	EXPECT_EQ(-ENODEV, vhost_free_worker(fd, ~0u));
	EXPECT_EQ(-EBUSY, vhost_free_worker(fd, 0));
	EXPECT_EQ(1, proc_workers(gettid()));

	ASSERT_EQ(1, vhost_new_worker(fd));
	EXPECT_EQ(2, proc_workers(gettid()));
	EXPECT_EQ(0, vhost_attach_vring_worker(fd, VQ_TX, 1));
	EXPECT_EQ(0, vhost_attach_vring_worker(fd, VQ_TX, 1));
	EXPECT_EQ(1, vhost_get_vring_worker(fd, VQ_TX));
	EXPECT_EQ(0, vhost_get_vring_worker(fd, VQ_RX));
	EXPECT_EQ(-EBUSY, vhost_free_worker(fd, 0));
	EXPECT_EQ(-EBUSY, vhost_free_worker(fd, 1));
	/* The one that came with the device is like any other. */
	EXPECT_EQ(0, vhost_attach_vring_worker(fd, VQ_RX, 1));
	EXPECT_EQ(0, vhost_free_worker(fd, 0));
	EXPECT_EQ(-ENODEV, vhost_free_worker(fd, 0));
	EXPECT_EQ(-ENODEV, vhost_attach_vring_worker(fd, VQ_RX, 0));
	EXPECT_EQ(1, proc_wait_workers(gettid(), 1, VMM_TIMEOUT_MS));
	EXPECT_EQ(0, vhost_new_worker(fd));
}

TEST_F(workers, bad_pointers)
{
	void *bad = (void *)UNMAPPED_ADDR;
	int fd = self->fd;

	ASSERT_EQ(0, vhost_set_owner(fd));
	EXPECT_EQ(-EFAULT, vhost_ioctl(fd, VHOST_NEW_WORKER, bad));
	EXPECT_EQ(1, proc_workers(gettid()));
	EXPECT_EQ(-EFAULT, vhost_ioctl(fd, VHOST_FREE_WORKER, bad));
	EXPECT_EQ(-EFAULT, vhost_ioctl(fd, VHOST_ATTACH_VRING_WORKER, bad));
	EXPECT_EQ(-EFAULT, vhost_ioctl(fd, VHOST_GET_VRING_WORKER, bad));
	/* The failed one took no number. */
	EXPECT_EQ(1, vhost_new_worker(fd));
}

TEST_F(workers, gone_with_reset_owner)
{
	int fd = self->fd, i;

	ASSERT_EQ(0, proc_wait_all_workers(0, VMM_TIMEOUT_MS));
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, vhost_set_owner(fd));
		ASSERT_EQ(1, vhost_new_worker(fd));
		ASSERT_EQ(2, vhost_new_worker(fd));
		ASSERT_EQ(0, vhost_attach_vring_worker(fd, VQ_TX, 2));
		EXPECT_EQ(-EBUSY, vhost_set_fork_from_owner(fd, variant->kind));
		ASSERT_EQ(0, vhost_reset_owner(fd));
		EXPECT_EQ(-EINVAL, vhost_get_vring_worker(fd, VQ_TX));
		/* With the owner went what it had asked for. */
		EXPECT_EQ(default_kind(), vhost_get_fork_from_owner(fd));
		ASSERT_EQ(0, vhost_set_fork_from_owner(fd, variant->kind));
	}
	EXPECT_EQ(0, proc_wait_all_workers(0, VMM_TIMEOUT_MS));
}

/* Visible where an operator looks, and as whose they are. */
TEST_F(workers, names_and_kinds)
{
	int tasks = variant->kind == VHOST_FORK_OWNER_TASK ? 2 : 0;
	char name[32], comm[32];

	EXPECT_EQ(variant->kind, vhost_get_fork_from_owner(self->fd));
	ASSERT_EQ(0, vhost_set_owner(self->fd));
	ASSERT_EQ(1, vhost_new_worker(self->fd));
	EXPECT_EQ(variant->kind, vhost_get_fork_from_owner(self->fd));
	EXPECT_EQ(2, proc_workers(gettid()));
	EXPECT_EQ(tasks, proc_task_workers(getpid()));
	snprintf(name, sizeof(name), "vhost-%d", gettid());
	EXPECT_EQ(0, proc_worker_read(gettid(), "comm", comm, sizeof(comm)));
	EXPECT_STREQ(name, comm);
	EXPECT_EQ(0, vhost_free_worker(self->fd, 1));
	EXPECT_EQ(1, proc_wait_workers(gettid(), 1, VMM_TIMEOUT_MS));
	EXPECT_EQ(tasks / 2, proc_task_workers(getpid()));
}

TEST(fault_148_fork_from_owner)
{
	int fd = vhost_open(VHOST_NET_PATH, 0), task = proc_has_task_workers() ? 0 : -EOPNOTSUPP;

	ASSERT_LE(0, fd);
	EXPECT_EQ(0x4001af84, VHOST_SET_FORK_FROM_OWNER);
	EXPECT_EQ(0x8001af85, VHOST_GET_FORK_FROM_OWNER);
	EXPECT_EQ(default_kind(), vhost_get_fork_from_owner(fd));
	EXPECT_EQ(0, vhost_set_fork_from_owner(fd, 0));
	EXPECT_EQ(-EINVAL, vhost_set_fork_from_owner(fd, 2));
	EXPECT_EQ(-EINVAL, vhost_set_fork_from_owner(fd, 255));
	EXPECT_EQ(-EFAULT, vhost_ioctl(fd, VHOST_SET_FORK_FROM_OWNER, NULL));
	EXPECT_EQ(-EFAULT, vhost_ioctl(fd, VHOST_GET_FORK_FROM_OWNER, NULL));
	EXPECT_EQ(0, vhost_get_fork_from_owner(fd));
	EXPECT_EQ(task, vhost_set_fork_from_owner(fd, 1));
	EXPECT_EQ(!task, vhost_get_fork_from_owner(fd));
	ASSERT_EQ(0, vhost_set_owner(fd));
	EXPECT_EQ(-EBUSY, vhost_set_fork_from_owner(fd, 0));
	EXPECT_EQ(-EBUSY, vhost_set_fork_from_owner(fd, 2));
	EXPECT_EQ(-EBUSY, vhost_ioctl(fd, VHOST_SET_FORK_FROM_OWNER, NULL));
	EXPECT_EQ(!task, vhost_get_fork_from_owner(fd));
	close(fd);
}

/* ---- with traffic ---- */

FIXTURE(moving) {
	struct vmm v;
	struct hold h;
	volatile bool stop;
	unsigned long moves;
	int error;
};

FIXTURE_VARIANT(moving) {
	int kind;
};

FIXTURE_VARIANT_ADD(moving, task) { .kind = VHOST_FORK_OWNER_TASK };
FIXTURE_VARIANT_ADD(moving, kthread) { .kind = VHOST_FORK_OWNER_KTHREAD };

FIXTURE_SETUP(moving)
{
	vmm_init(&self->v);
	self->h.uffd = -1;
	if (variant->kind == VHOST_FORK_OWNER_TASK && !proc_has_task_workers())
		SKIP(return, "no such threads in this kernel");
	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, vmm_net_up(&self->v, &(struct vmm_config) {
		.features = F_VERSION_1 | F_EVENT_IDX, .workers = WORKERS_OF(variant->kind) }));
	/* The second one is idle. */
	ASSERT_EQ(1, vhost_new_worker(self->v.fd));
}

FIXTURE_TEARDOWN(moving)
{
	vmm_close(&self->v);
	if (self->h.uffd >= 0)
		hold_close(&self->h);
}

/* A burst each way, in order and to the byte. A kick that is lost is a timeout. */
static int burst(struct vmm *v, char **bufs, uint32_t seed)
{
	static char frame[2048];
	struct drv_ring *rx = &v->vq[VQ_RX].ring;
	struct drv_done done;
	unsigned int i;
	int ret;

	for (i = 0; i < BURST; i++) {
		ret = vmm_tx_send(v, bufs[i], FRAME, seed + i);
		if (ret)
			return ret;
	}
	for (i = 0; i < BURST; i++) {
		ret = net_peer_recv(&v->net, frame, sizeof(frame), VMM_TIMEOUT_MS);
		if (ret < 0)
			return ret;
		if (ret != FRAME || net_frame_check(frame, FRAME, seed + i, NULL))
			return -EBADMSG;
		ret = drv_ring_wait(&v->vq[VQ_TX].ring, &done, VMM_TIMEOUT_MS);
		if (ret < 0 || done.cookie != bufs[i])
			return ret < 0 ? ret : -EPROTO;
	}
	for (i = 0; i < BURST; i++) {
		memset(bufs[i], 0xee, v->hdr_len + FRAME);
		drv_ring_add1(rx, vmm_gpa(v, bufs[i]), v->hdr_len + FRAME, true, bufs[i]);
		net_frame_fill(frame, FRAME, seed - i);
		vmm_kick(v, VQ_RX);
		ret = net_peer_send(&v->net, frame, FRAME);
		if (ret < 0)
			return ret;
	}
	for (i = 0; i < BURST; i++) {
		ret = drv_ring_wait(rx, &done, VMM_TIMEOUT_MS);
		if (ret < 0)
			return ret;
		if (done.cookie != bufs[i] ||
		    net_frame_check(bufs[i] + v->hdr_len, FRAME, seed - i, NULL))
			return -EBADMSG;
	}
	return 0;
}

static void *move_thread(void *arg)
{
	FIXTURE_DATA(moving) *m = arg;
	unsigned int i;

	for (i = 0; !m->stop && !m->error; i++) {
		m->error = vhost_attach_vring_worker(m->v.fd, i & 1, (i >> 1) & 1);
		m->moves++;
	}
	return NULL;
}

TEST_F_TIMEOUT(moving, under_traffic, STRESS_TIMEOUT)
{
	uint64_t end = now_ms() + stress_ms(2000);
	unsigned long bursts = 0;
	char *bufs[BURST];
	pthread_t t;
	unsigned int i;

	for (i = 0; i < BURST; i++)
		bufs[i] = vmm_alloc(&self->v, 2048, 64);
	ASSERT_EQ(0, pthread_create(&t, NULL, move_thread, self));
	while (now_ms() < end || self->moves < MOVES) {
		ASSERT_EQ(0, burst(&self->v, bufs, bursts * 1000))
			TH_LOG("burst %lu, move %lu", bursts, self->moves);
		ASSERT_EQ(0, self->error);
		bursts++;
	}
	self->stop = true;
	pthread_join(t, NULL);
	TH_LOG("%lu moves, %lu packets", self->moves, 2 * BURST * bursts);
	EXPECT_FALSE(vmm_ring_error(&self->v, VQ_TX, 0));
	EXPECT_FALSE(vmm_ring_error(&self->v, VQ_RX, 0));
}

static void *other_workers_thread(void *arg)
{
	FIXTURE_DATA(moving) *m = arg;
	unsigned int i;
	int id, ret;

	for (i = 0; !m->stop && !m->error; i++) {
		id = vhost_new_worker(m->v.fd);
		if (id == -EAGAIN)
			continue;
		ret = id < 0 ? id : vhost_attach_vring_worker(m->v.fd, i % 2, id);
		/* Others may have moved it on, or freed what we had. */
		if (ret == 0 || ret == -ENODEV)
			ret = vhost_attach_vring_worker(m->v.fd, i % 2, 0);
		if (!ret)
			ret = vhost_free_worker(m->v.fd, id);
		if (ret && ret != -EBUSY && ret != -ENODEV)
			m->error = ret;
		__atomic_fetch_add(&m->moves, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void *flush_thread(void *arg)
{
	FIXTURE_DATA(moving) *m = arg;
	unsigned int id;

	/* Starting and stopping waits for all workers; so does an update of the memory. */
	while (!m->stop && !m->error) {
		m->error = vmm_set_mem(&m->v);
		if (!m->error)
			m->error = vhost_net_set_backend(m->v.fd, VQ_RX, -1);
		if (!m->error)
			m->error = vmm_start(&m->v, VQ_RX);
		for (id = 1; id < 4; id++)
			vhost_free_worker(m->v.fd, id);
	}
	return NULL;
}

static void *kick_thread(void *arg)
{
	FIXTURE_DATA(moving) *m = arg;

	while (!m->stop) {
		event_signal(m->v.vq[VQ_TX].kick);
		event_signal(m->v.vq[VQ_RX].kick);
		nap_us(20);
	}
	return NULL;
}

/* FAULTS 19, 20: workers come and go under kicks and flushes. */
TEST_F_TIMEOUT(moving, fault_019_attach_and_free_races, STRESS_TIMEOUT)
{
	static void *(*const fns[])(void *) = {
		other_workers_thread, other_workers_thread, flush_thread, kick_thread,
	};
	uint64_t end = now_ms() + stress_ms(2000);
	pthread_t t[ARRAY_LEN(fns)];
	unsigned int i, n = 0;

	for (i = 0; i < ARRAY_LEN(fns); i++) {
		ASSERT_EQ(0, pthread_create(&t[i], NULL, fns[i], self));
	}
	while ((now_ms() < end || self->moves < MIN_ROUNDS) && !self->error) {
		ASSERT_EQ(0, vmm_tx_check(&self->v, FRAME, n)) TH_LOG("frame %u", n);
		n++;
	}
	self->stop = true;
	for (i = 0; i < ARRAY_LEN(fns); i++)
		pthread_join(t[i], NULL);
	TH_LOG("%lu workers, %u packets", self->moves, n);
	EXPECT_EQ(0, self->error);
	EXPECT_EQ(0, vmm_traffic_check(&self->v));
}

/* ---- a worker that is held ---- */

static int hold_ready(struct hold *h, struct vmm *v)
{
	int ret = hold_open(h);

	if (!ret)
		ret = hold_add(h, v);
	return ret ? ret : vmm_set_mem(v);
}

struct attach {
	struct vmm *v;
	volatile bool done;
	int ret;
};

static void *attach_rx_thread(void *arg)
{
	struct attach *a = arg;

	a->ret = vhost_attach_vring_worker(a->v->fd, VQ_RX, 1);
	a->done = true;
	return NULL;
}

static void *stop_rx_thread(void *arg)
{
	struct attach *a = arg;

	a->ret = vhost_net_set_backend(a->v->fd, VQ_RX, -1);
	a->done = true;
	return NULL;
}

/* A queue that waits for its memory waits alone when it has a worker of its own. */
TEST_F(moving, held_queue_alone)
{
	struct drv_done done;
	unsigned int i;
	int ret = hold_ready(&self->h, &self->v);

	if (ret == -ENOSYS)
		SKIP(return, "kernel without userfaultfd");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, vhost_attach_vring_worker(self->v.fd, VQ_RX, 1));
	ASSERT_EQ(0, hold_tx(&self->h, &self->v, FRAME));
	for (i = 0; i < 20; i++) {
		EXPECT_EQ(0, vmm_rx_check(&self->v, FRAME, i));
	}
	ASSERT_EQ(0, hold_release(&self->h, "", 0));
	EXPECT_EQ(1, drv_ring_wait(&self->v.vq[VQ_TX].ring, &done, VMM_TIMEOUT_MS));
}

/* Moving a queue waits for the worker that it leaves. */
TEST_F(moving, waits_for_the_old_worker)
{
	struct attach a = { .v = &self->v };
	struct drv_done done;
	pthread_t t;
	int ret = hold_ready(&self->h, &self->v);

	if (ret == -ENOSYS)
		SKIP(return, "kernel without userfaultfd");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, hold_tx(&self->h, &self->v, FRAME));
	ASSERT_EQ(0, pthread_create(&t, NULL, attach_rx_thread, &a));
	nap_us(VMM_QUIET_MS * 1000);
	EXPECT_FALSE(a.done);
	ASSERT_EQ(0, hold_release(&self->h, "", 0));
	pthread_join(t, NULL);
	EXPECT_EQ(0, a.ret);
	EXPECT_EQ(1, drv_ring_wait(&self->v.vq[VQ_TX].ring, &done, VMM_TIMEOUT_MS));
	EXPECT_EQ(0, vmm_traffic_check(&self->v));
}

/* What waits for a device waits for all its workers. */
TEST_F(moving, flush_waits_for_all)
{
	struct attach a = { .v = &self->v };
	struct drv_done done;
	pthread_t t;
	int ret = hold_ready(&self->h, &self->v);

	if (ret == -ENOSYS)
		SKIP(return, "kernel without userfaultfd");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, vhost_attach_vring_worker(self->v.fd, VQ_TX, 1));
	ASSERT_EQ(0, hold_tx(&self->h, &self->v, FRAME));
	ASSERT_EQ(0, pthread_create(&t, NULL, stop_rx_thread, &a));
	nap_us(VMM_QUIET_MS * 1000);
	EXPECT_FALSE(a.done);
	ASSERT_EQ(0, hold_release(&self->h, "", 0));
	pthread_join(t, NULL);
	EXPECT_EQ(0, a.ret);
	EXPECT_EQ(1, drv_ring_wait(&self->v.vq[VQ_TX].ring, &done, VMM_TIMEOUT_MS));
}

TEST_HARNESS_MAIN
