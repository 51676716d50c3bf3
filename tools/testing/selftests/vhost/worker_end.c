// SPDX-License-Identifier: GPL-2.0-only
/*
 * How workers end when it is not their owner who closes the device: the owner was
 * killed, is stopped, runs another program, or gave the device away, and somebody
 * else has it last. FAULTS 17, 18, 20, 85.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "libhold.h"
#include "test.h"

#define CLOSE_MS	5000	/* beyond that it hangs, however busy the machine */
#define FRAME		500

/* What owner, holder and test share. */
struct watch {
	volatile int fd;		/* the device's number in the owner */
	volatile int error;		/* of the owner or holder, 0 while all is well */
	volatile bool ready, finish, done;
	volatile int ret[8];		/* what calls returned to the holder */
	volatile long close_ms;
};

FIXTURE(end) {
	struct watch *w;
	struct vmm v;		/* the owner's; the holder's copy of it */
	struct hold h;
	pid_t owner, holder;
	int workers;		/* on the system before */
	int fd;			/* the device, once we have it */
};

FIXTURE_VARIANT(end) {
	int kind;
};

FIXTURE_VARIANT_ADD(end, task) { .kind = VHOST_FORK_OWNER_TASK };
FIXTURE_VARIANT_ADD(end, kthread) { .kind = VHOST_FORK_OWNER_KTHREAD };

FIXTURE_SETUP(end)
{
	if (variant->kind == VHOST_FORK_OWNER_TASK && !proc_has_task_workers())
		SKIP(return, "no such threads in this kernel");
	self->w = mmap(NULL, sizeof(*self->w), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->w);
	self->w->close_ms = -1;
	self->fd = -1;
	self->workers = proc_wait_all_workers(0, VMM_TIMEOUT_MS);
	ASSERT_EQ(0, net_ns_enter());
}

FIXTURE_TEARDOWN(end)
{
	if (self->owner > 0)
		kill(self->owner, SIGKILL);
	if (self->holder > 0)
		kill(self->holder, SIGKILL);
}

/* A device with three workers: one receives, one transmits, one is idle. */
static int owner_up(struct vmm *v, int kind)
{
	const struct vmm_config c = {
		.features = F_VERSION_1,
		.num = 64,
		.ram_size = 1 << 20,
		.workers = WORKERS_OF(kind),
	};
	int ret;

	ret = vmm_net_up(v, &c);
	if (!ret && (vhost_new_worker(v->fd) != 1 || vhost_new_worker(v->fd) != 2))
		ret = -ENODEV;
	return ret ? ret : vhost_attach_vring_worker(v->fd, VQ_TX, 1);
}

static bool wait_for(const volatile bool *flag, unsigned int ms)
{
	uint64_t end = now_ms() + ms;

	while (!*flag && now_ms() < end)
		nap_us(1000);
	return *flag;
}

/* How long another process' file takes to close, and what is left of its workers. */
static void close_timed(struct watch *w, int fd)
{
	uint64_t start = now_ms();

	close(fd);
	w->close_ms = now_ms() - start;
}

static int fd_of(pid_t pid, int its_fd)
{
	int fd, pidfd = syscall(SYS_pidfd_open, pid, 0);

	if (pidfd < 0)
		return -errno;
	fd = syscall(SYS_pidfd_getfd, pidfd, its_fd, 0);
	if (fd < 0)
		fd = -errno;
	close(pidfd);
	return fd;
}

static int workers_left(int before)
{
	return proc_wait_all_workers(before, VMM_TIMEOUT_MS) - before;
}

/* A new device for a new owner, with traffic. */
static int works_again(void)
{
	struct vmm v;
	int ret = vmm_net_up(&v, &(struct vmm_config){ .features = F_VERSION_1 });

	if (!ret)
		ret = vmm_traffic_check(&v);
	vmm_close(&v);
	return ret;
}

/* ---- killed owners ---- */

static void kick_both(struct vmm *v, unsigned int times)
{
	unsigned int i;

	for (i = 0; i < times; i++) {
		event_signal(v->vq[i % VMM_NVQS].kick);
		nap_us(200);
	}
}

/* What the holder of a killed owner's device may still call: not being the owner. */
static int stranger_run(void *arg)
{
	FIXTURE_DATA(end) *e = arg;
	struct watch *w = e->w;
	int fd = e->v.fd;

	if (!wait_for(&w->finish, 20000))
		_exit(1);
	kick_both(&e->v, 50);
	w->ret[0] = vhost_new_worker(fd);
	w->ret[1] = vhost_free_worker(fd, 1);
	w->ret[2] = vhost_attach_vring_worker(fd, VQ_RX, 1);
	w->ret[3] = vhost_get_vring_worker(fd, VQ_RX);
	w->ret[4] = vmm_set_mem(&e->v);
	w->ret[5] = vhost_set_owner(fd);
	w->ret[6] = vhost_net_set_backend(fd, VQ_TX, -1);
	close_timed(w, fd);
	w->done = true;
	_exit(0);
}

/* The same for one who shares the owner's memory, and so passes for the owner. */
static int sharer_run(void *arg)
{
	FIXTURE_DATA(end) *e = arg;
	struct watch *w = e->w;
	int fd = e->v.fd;

	if (!wait_for(&w->finish, 20000))
		_exit(1);
	kick_both(&e->v, 50);
	w->ret[0] = vhost_get_vring_worker(fd, VQ_TX);
	w->ret[1] = vhost_free_worker(fd, 2);
	w->ret[2] = vhost_attach_vring_worker(fd, VQ_RX, 1);
	w->ret[3] = vmm_set_mem(&e->v);
	/* A thread of its own takes the queues over, where they stand. */
	w->ret[4] = vhost_new_worker(fd);
	w->ret[5] = vhost_attach_vring_worker(fd, VQ_TX, w->ret[4]);
	w->ret[6] = vhost_attach_vring_worker(fd, VQ_RX, w->ret[4]);
	w->ret[7] = vmm_traffic_check(&e->v);
	vhost_net_set_backend(fd, VQ_TX, -1);
	close_timed(w, fd);
	w->done = true;
	_exit(0);
}

static pid_t start_sharer(FIXTURE_DATA(end) *e)
{
	size_t room = 64 << 10;
	char *stack = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return stack == MAP_FAILED ? -1 :
				     clone(sharer_run, stack + room, CLONE_VM | SIGCHLD, e);
}

/* The owner, a child of the test, with a holder as its own child. Never returns. */
static void owner_run(FIXTURE_DATA(end) *e, int kind, bool shares_memory)
{
	e->w->error = owner_up(&e->v, kind);
	if (!e->w->error)
		e->w->error = vmm_traffic_check(&e->v);
	if (!e->w->error) {
		e->holder = shares_memory ? start_sharer(e) : fork();
		if (!e->holder)
			stranger_run(e);
		if (e->holder < 0)
			e->w->error = -EAGAIN;
		e->w->ret[0] = e->holder;
	}
	e->w->ready = true;
	for (;;)
		pause();
}

static int kill_owner(FIXTURE_DATA(end) *e, int kind, bool shares_memory)
{
	int status;

	e->owner = fork();
	if (!e->owner)
		owner_run(e, kind, shares_memory);
	if (!wait_for(&e->w->ready, 20000))
		return -ETIMEDOUT;
	if (e->w->error)
		return e->w->error;
	e->holder = e->w->ret[0];
	/* In the middle of something. */
	kill(e->owner, SIGKILL);
	if (waitpid(e->owner, &status, 0) != e->owner || !WIFSIGNALED(status))
		return -ECHILD;
	e->owner = 0;
	e->w->finish = true;
	return wait_for(&e->w->done, 20000) ? 0 : -ETIME;
}

TEST_F_TIMEOUT(end, fault_017_killed_owner, 60)
{
	unsigned int i;

	ASSERT_EQ(0, kill_owner(self, variant->kind, false));
	self->holder = 0;
	for (i = 0; i < 7; i++) {
		EXPECT_EQ(i == 5 ? -EBUSY : -EPERM, self->w->ret[i]) TH_LOG("call %u", i);
	}
	EXPECT_GE(CLOSE_MS, self->w->close_ms);
	EXPECT_EQ(0, workers_left(self->workers));
	EXPECT_EQ(0, works_again());
}

TEST_F_TIMEOUT(end, fault_018_killed_worker, 60)
{
	bool task = variant->kind == VHOST_FORK_OWNER_TASK;
	volatile int *ret = self->w->ret;

	ASSERT_EQ(0, kill_owner(self, variant->kind, true));
	self->holder = 0;
	EXPECT_EQ(task ? -EINVAL : 1, ret[0]);
	EXPECT_EQ(task ? -EBUSY : 0, ret[1]);
	EXPECT_EQ(0, ret[2]);
	EXPECT_EQ(0, ret[3]);
	EXPECT_EQ(task ? 3 : 2, ret[4]);
	EXPECT_EQ(0, ret[5]);
	EXPECT_EQ(0, ret[6]);
	EXPECT_EQ(0, ret[7]);
	EXPECT_GE(CLOSE_MS, self->w->close_ms);
	EXPECT_EQ(0, workers_left(self->workers));
	EXPECT_EQ(0, works_again());
}

/* ---- owners that live on ---- */

/* Own the device, give it away, stay. Exits with 0 when told to. */
static void giver_run(FIXTURE_DATA(end) *e, int kind, bool held)
{
	struct watch *w = e->w;
	int ret = owner_up(&e->v, kind);

	if (!ret && held) {
		ret = hold_open(&e->h);
		if (!ret)
			ret = hold_add(&e->h, &e->v);
		if (!ret)
			ret = vmm_set_mem(&e->v);
		if (!ret)
			ret = hold_tx(&e->h, &e->v, FRAME);
	}
	w->error = ret;
	w->fd = e->v.fd;
	w->ready = true;
	while (!w->done)
		nap_us(1000);
	/* The test has it now. */
	close(e->v.fd);
	w->done = false;
	while (!w->finish)
		nap_us(1000);
	_exit(0);
}

/* Afterwards we are the only one who has the device. */
static int take_device(FIXTURE_DATA(end) *e, int kind, bool held)
{
	e->owner = fork();
	if (!e->owner)
		giver_run(e, kind, held);
	if (!wait_for(&e->w->ready, 20000))
		return -ETIMEDOUT;
	if (e->w->error)
		return e->w->error;
	e->fd = fd_of(e->owner, e->w->fd);
	if (e->fd < 0)
		return e->fd;
	e->w->done = true;
	while (e->w->done)
		nap_us(1000);
	return 0;
}

/* 0 if the owner is well and ends when it is told to. */
static int owner_is_well(FIXTURE_DATA(end) *e)
{
	uint64_t end = now_ms() + VMM_TIMEOUT_MS;
	int status;

	e->w->finish = true;
	while (now_ms() < end) {
		if (waitpid(e->owner, &status, WNOHANG) != e->owner) {
			nap_us(1000);
			continue;
		}
		e->owner = 0;
		return WIFEXITED(status) ? WEXITSTATUS(status) : status;
	}
	return -ETIMEDOUT;
}

TEST_F_TIMEOUT(end, fault_085_closed_by_another, 60)
{
	ASSERT_EQ(0, take_device(self, variant->kind, false));
	EXPECT_EQ(self->workers + 3, proc_all_workers());
	EXPECT_EQ(-EPERM, vhost_reset_owner(self->fd));
	close_timed(self->w, self->fd);
	EXPECT_GE(CLOSE_MS, self->w->close_ms);
	EXPECT_EQ(0, workers_left(self->workers));
	EXPECT_EQ(0, owner_is_well(self));
	EXPECT_EQ(0, works_again());
}

/* The owner has ended, the device is still there, and then closed by the other. */
TEST_F_TIMEOUT(end, fault_085_after_the_owner, 60)
{
	ASSERT_EQ(0, take_device(self, variant->kind, false));
	EXPECT_EQ(0, owner_is_well(self));
	EXPECT_EQ(-EPERM, vhost_get_vring_worker(self->fd, VQ_RX));
	EXPECT_EQ(-EBUSY, vhost_set_owner(self->fd));
	close_timed(self->w, self->fd);
	EXPECT_GE(CLOSE_MS, self->w->close_ms);
	EXPECT_EQ(0, workers_left(self->workers));
	EXPECT_EQ(0, works_again());
}

/* The worker is in a page fault that the owner never resolves. */
TEST_F_TIMEOUT(end, closed_while_held, 60)
{
	int ret = take_device(self, variant->kind, true);

	if (ret == -ENOSYS)
		SKIP(return, "kernel without userfaultfd");
	ASSERT_EQ(0, ret);
	close_timed(self->w, self->fd);
	EXPECT_GE(CLOSE_MS, self->w->close_ms);
	EXPECT_EQ(0, workers_left(self->workers));
	/* It did nothing wrong. */
	EXPECT_EQ(0, owner_is_well(self));
	EXPECT_EQ(0, works_again());
}

/* A worker stops with its owner; nobody else has to wait for the owner. */
TEST_F_TIMEOUT(end, closed_while_stopped, 60)
{
	int status;

	ASSERT_EQ(0, take_device(self, variant->kind, false));
	kill(self->owner, SIGSTOP);
	ASSERT_EQ(self->owner, waitpid(self->owner, &status, WUNTRACED));
	ASSERT_TRUE(WIFSTOPPED(status));
	close_timed(self->w, self->fd);
	EXPECT_GE(CLOSE_MS, self->w->close_ms);
	EXPECT_EQ(0, workers_left(self->workers));
	kill(self->owner, SIGCONT);
	EXPECT_EQ(0, owner_is_well(self));
	EXPECT_EQ(0, works_again());
}

/* Stopped and continued, it goes on with what came meanwhile. */
TEST_F_TIMEOUT(end, stopped_and_continued, 60)
{
	int status, i;

	self->owner = fork();
	if (!self->owner) {
		self->w->error = owner_up(&self->v, variant->kind);
		self->w->ready = true;
		while (!self->w->finish && !self->w->error)
			self->w->error = vmm_traffic_check(&self->v);
		_exit(self->w->error ? 1 : 0);
	}
	ASSERT_TRUE(wait_for(&self->w->ready, 20000));
	for (i = 0; i < 20; i++) {
		nap_us(5000);
		kill(self->owner, SIGSTOP);
		ASSERT_EQ(self->owner, waitpid(self->owner, &status, WUNTRACED));
		ASSERT_TRUE(WIFSTOPPED(status));
		kill(self->owner, SIGCONT);
	}
	EXPECT_EQ(0, owner_is_well(self)) TH_LOG("error %d", self->w->error);
	EXPECT_EQ(0, workers_left(self->workers));
}

/* An owner that becomes another program keeps no worker from ending. */
TEST_F_TIMEOUT(end, owner_runs_a_program, 60)
{
	int status, ret = -1, i;
	char again[32];

	self->owner = fork();
	if (!self->owner) {
		self->w->error = owner_up(&self->v, variant->kind);
		fcntl(self->v.fd, F_SETFD, 0);
		self->w->fd = self->v.fd;
		self->w->ready = true;
		while (!self->w->done)
			nap_us(1000);
		execl("/bin/sleep", "sleep", "60", NULL);
		_exit(1);
	}
	ASSERT_TRUE(wait_for(&self->w->ready, 20000));
	ASSERT_EQ(0, self->w->error);
	self->fd = fd_of(self->owner, self->w->fd);
	ASSERT_LE(0, self->fd);
	self->w->done = true;
	snprintf(again, sizeof(again), "/proc/%d/comm", self->owner);
	for (i = 0; i < 5000 && ret; i++) {
		char comm[32] = "";
		int f = open(again, O_RDONLY);

		if (f >= 0 && read(f, comm, sizeof(comm) - 1) > 0)
			ret = strcmp(comm, "sleep\n");
		close(f);
		nap_us(1000);
	}
	ASSERT_EQ(0, ret);
	EXPECT_EQ(-EPERM, vhost_get_vring_worker(self->fd, VQ_RX));
	kill(self->owner, SIGKILL);
	ASSERT_EQ(self->owner, waitpid(self->owner, &status, 0));
	self->owner = 0;
	close_timed(self->w, self->fd);
	EXPECT_GE(CLOSE_MS, self->w->close_ms);
	EXPECT_EQ(0, workers_left(self->workers));
	EXPECT_EQ(0, works_again());
}

/* A worker does not keep its owner from dumping core. */
TEST_F_TIMEOUT(end, owner_crashes, 60)
{
	int status, i;

	for (i = 0; i < 2; i++) {
		self->owner = fork();
		if (!self->owner) {
			if (owner_up(&self->v, variant->kind) || vmm_traffic_check(&self->v))
				_exit(1);
			vmm_tx_send(&self->v, self->v.scratch, FRAME, 1);
			abort();
		}
		ASSERT_EQ(self->owner, waitpid(self->owner, &status, 0));
		self->owner = 0;
		ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT)
			TH_LOG("status %#x", status);
		EXPECT_EQ(0, workers_left(self->workers));
	}
	EXPECT_EQ(0, works_again());
}

/* ---- workers that go while others kick ---- */

/* Another process, which has nothing but the eventfds. */
static void kicker_run(const struct vmm *v)
{
	for (;;) {
		event_signal(v->vq[VQ_RX].kick);
		event_signal(v->vq[VQ_TX].kick);
	}
}

/* Both queues to a worker of their own and back, and that worker gone. */
static int come_and_go(struct vmm *v)
{
	int q, id = vhost_new_worker(v->fd), ret = 0;

	if (id < 0)
		return id;
	for (q = 0; q < VMM_NVQS && !ret; q++)
		ret = vhost_attach_vring_worker(v->fd, q, id);
	for (q = 0; q < VMM_NVQS && !ret; q++)
		ret = vhost_attach_vring_worker(v->fd, q, 0);
	return ret ? ret : vhost_free_worker(v->fd, id);
}

/* FAULTS 20: whoever found a worker may use it until it looks away. */
TEST_F_TIMEOUT(end, fault_020_kicks_while_workers_go, STRESS_TIMEOUT)
{
	uint64_t stop = now_ms() + stress_ms(1000);
	struct vmm *v = &self->v;
	unsigned int i, rounds = 0;

	vmm_init(v);
	for (i = 0; i < VMM_NVQS; i++)
		v->vq[i].kick = event_new();
	self->holder = fork();
	if (!self->holder)
		kicker_run(v);
	v->fd = vhost_open(VHOST_NET_PATH, 0);
	ASSERT_LE(0, v->fd);
	while (now_ms() < stop || rounds < 8) {
		ASSERT_EQ(0, vhost_set_fork_from_owner(v->fd, variant->kind));
		ASSERT_EQ(0, vhost_set_owner(v->fd));
		for (i = 0; i < VMM_NVQS; i++) {
			ASSERT_EQ(0, vhost_set_vring_kick(v->fd, i, v->vq[i].kick));
		}
		ASSERT_EQ(0, come_and_go(v)) TH_LOG("round %u", rounds);
		if (rounds++ & 1) {
			ASSERT_EQ(0, vhost_reset_owner(v->fd));
		} else {
			close(v->fd);
			v->fd = vhost_open(VHOST_NET_PATH, 0);
		}
	}
	close(v->fd);
	EXPECT_EQ(0, workers_left(self->workers));
}

TEST_HARNESS_MAIN
