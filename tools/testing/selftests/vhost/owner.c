// SPDX-License-Identifier: GPL-2.0-only
/* Who may drive a device: SET_OWNER, RESET_OWNER, other processes, dead owners. */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "test.h"

/* Every call that only an owner may make, with arguments that are fine otherwise. */
static int owner_calls(int fd, int (*check)(int ret))
{
	struct vhost_memory none = { .nregions = 0 };
	struct vhost_vring_addr addr = { .index = 0 };
	int ev = event_new(), bad = 0;
	const int got[] = {
		vhost_set_mem_table(fd, &none),
		vhost_set_vring_num(fd, 0, 16),
		vhost_set_vring_base(fd, 0, 0),
		vhost_get_vring_base(fd, 0),
		vhost_set_vring_addr(fd, &addr),
		vhost_set_vring_kick(fd, 0, ev),
		vhost_set_vring_call(fd, 0, ev),
		vhost_set_vring_err(fd, 0, ev),
		vhost_set_busyloop_timeout(fd, 0, 1),
		vhost_get_busyloop_timeout(fd, 0),
		vhost_set_vring_endian(fd, 0, VHOST_VRING_BIG_ENDIAN),
		vhost_get_vring_endian(fd, 0),
		vhost_net_set_backend(fd, 0, -1),
		vhost_reset_owner(fd),
	};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(got); i++)
		if (!check(got[i])) {
			printf("# owner call %u: %d\n", i, got[i]);
			bad++;
		}
	close(ev);
	return bad;
}

static int is_eperm(int ret)
{
	return ret == -EPERM;
}

static int child_may_nothing(int fd)
{
	uint64_t f;

	if (owner_calls(fd, is_eperm))
		return 1;
	if (vhost_set_owner(fd) != -EBUSY)
		return 2;
	return vhost_get_features(fd, &f) ? 3 : 0;
}

static int child_takes_over(int fd)
{
	int ret = vhost_set_owner(fd);

	if (ret)
		return 1;
	if (vhost_set_vring_num(fd, 0, 16))
		return 2;
	return vhost_reset_owner(fd) ? 3 : 0;
}

FIXTURE(owner) {
	int fd;
};

FIXTURE_SETUP(owner)
{
	self->fd = vhost_open(VHOST_NET_PATH, 0);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(owner)
{
	if (self->fd >= 0)
		close(self->fd);
}

TEST_F(owner, nothing_before_set_owner)
{
	uint64_t f;

	EXPECT_EQ(0, owner_calls(self->fd, is_eperm));
	/* What a VMM reads before it owns the device. */
	EXPECT_EQ(0, vhost_get_features(self->fd, &f));
	EXPECT_EQ(0, vhost_get_backend_features(self->fd, &f));
	/* None of the refused calls left anything behind. */
	EXPECT_EQ(0, vhost_set_owner(self->fd));
	EXPECT_EQ(0, vhost_get_vring_base(self->fd, 0));
}

TEST_F(owner, set_owner_twice)
{
	EXPECT_EQ(0, vhost_set_owner(self->fd));
	EXPECT_EQ(-EBUSY, vhost_set_owner(self->fd));
	EXPECT_EQ(0, vhost_set_vring_num(self->fd, 0, 16));
}

TEST_F(owner, other_process_refused)
{
	ASSERT_EQ(0, vhost_set_owner(self->fd));
	EXPECT_EQ(0, proc_in_child(child_may_nothing, self->fd));
	EXPECT_EQ(0, vhost_set_vring_num(self->fd, 0, 16));
}

static void *thread_sets_num(void *arg)
{
	return (void *)(intptr_t)vhost_set_vring_num(*(int *)arg, 0, 32);
}

TEST_F(owner, thread_of_owner_allowed)
{
	pthread_t t;
	void *ret;

	ASSERT_EQ(0, vhost_set_owner(self->fd));
	ASSERT_EQ(0, pthread_create(&t, NULL, thread_sets_num, &self->fd));
	pthread_join(t, &ret);
	EXPECT_EQ(NULL, ret);
}

TEST_F(owner, reset_owner_returns_to_defaults)
{
	ASSERT_EQ(0, vhost_set_owner(self->fd));
	ASSERT_EQ(0, vhost_set_vring_num(self->fd, 1, 64));
	ASSERT_EQ(0, vhost_set_vring_base(self->fd, 1, 77));
	ASSERT_EQ(0, vhost_set_busyloop_timeout(self->fd, 1, 50));
	EXPECT_EQ(0, vhost_reset_owner(self->fd));
	EXPECT_EQ(0, owner_calls(self->fd, is_eperm));
	EXPECT_EQ(0, vhost_set_owner(self->fd));
	EXPECT_EQ(0, vhost_get_vring_base(self->fd, 1));
	EXPECT_EQ(0, vhost_get_busyloop_timeout(self->fd, 1));
}

TEST_F(owner, reset_owner_hands_over)
{
	ASSERT_EQ(0, vhost_set_owner(self->fd));
	ASSERT_EQ(0, vhost_reset_owner(self->fd));
	EXPECT_EQ(0, proc_in_child(child_takes_over, self->fd));
	EXPECT_EQ(0, vhost_set_owner(self->fd));
}

TEST_F(owner, worker_lives_with_owner)
{
	EXPECT_EQ(0, proc_workers(gettid()));
	ASSERT_EQ(0, vhost_set_owner(self->fd));
	EXPECT_LE(1, proc_wait_workers(gettid(), 1, VMM_TIMEOUT_MS));
	ASSERT_EQ(0, vhost_reset_owner(self->fd));
	EXPECT_EQ(0, proc_wait_workers(gettid(), 0, VMM_TIMEOUT_MS));
	ASSERT_EQ(0, vhost_set_owner(self->fd));
	EXPECT_LE(1, proc_wait_workers(gettid(), 1, VMM_TIMEOUT_MS));
	close(self->fd);
	self->fd = -1;
	EXPECT_EQ(0, proc_wait_workers(gettid(), 0, VMM_TIMEOUT_MS));
}

/* As a user who may have no more threads. */
static int child_at_thread_limit(int fd)
{
	struct rlimit none = { .rlim_cur = 0, .rlim_max = 100 };
	struct rlimit some = { .rlim_cur = 100, .rlim_max = 100 };
	int ret, again;

	if (setrlimit(RLIMIT_NPROC, &none) || setresuid(65534, 65534, 65534))
		return 9;
	ret = vhost_set_owner(fd);
	if (setrlimit(RLIMIT_NPROC, &some))
		return 9;
	/* A kernel thread as worker is not the user's and meets no limit. */
	if (!ret)
		return 0;
	if (ret != -EAGAIN && ret != -ENOMEM) {
		printf("# SET_OWNER at the limit: %d\n", ret);
		return 1;
	}
	if (vhost_set_vring_num(fd, 0, 16) != -EPERM)
		return 2;
	again = vhost_set_owner(fd);
	if (again)
		printf("# SET_OWNER with room again: %d\n", again);
	return again ? 3 : 0;
}

TEST_F(owner, fault_088_no_thread_for_worker)
{
	EXPECT_EQ(0, proc_in_child(child_at_thread_limit, self->fd));
}

#define CGROUP	"ringside-owner"

/* Its work is its owner's: it has to be accounted and limited with the owner. */
TEST_F(owner, fault_087_worker_in_a_full_cgroup)
{
	char ours[256] = "", its[256] = "";
	int ret = proc_enter_cgroup(CGROUP);

	if (ret == -ENOENT)
		SKIP(return, "no cgroup2 with a pids controller");
	ASSERT_EQ(0, ret);
	/* Room for one process, us. */
	ASSERT_EQ(0, proc_write(PROC_CGROUPS CGROUP "/pids.max", "1"));
	ret = vhost_set_owner(self->fd);
	if (ret) {
		EXPECT_TRUE(ret == -EAGAIN || ret == -ENOMEM) TH_LOG("%d", ret);
		EXPECT_EQ(0, proc_wait_workers(gettid(), 0, VMM_TIMEOUT_MS));
		ASSERT_EQ(0, proc_write(PROC_CGROUPS CGROUP "/pids.max", "max"));
		ASSERT_EQ(0, vhost_set_owner(self->fd));
	}
	EXPECT_EQ(0, proc_self_read("cgroup", ours, sizeof(ours)));
	EXPECT_EQ(0, proc_worker_read(gettid(), "cgroup", its, sizeof(its)));
	EXPECT_STREQ(ours, its);
	EXPECT_NE(NULL, strstr(its, CGROUP));
	close(self->fd);
	self->fd = -1;
	EXPECT_EQ(0, proc_wait_workers(gettid(), 0, VMM_TIMEOUT_MS));
	EXPECT_EQ(0, proc_leave_cgroup(CGROUP));
}

/* ---- with rings and traffic ---- */

FIXTURE(running) {
	struct vmm v;
};

FIXTURE_SETUP(running)
{
	vmm_init(&self->v);
	ASSERT_EQ(0, net_ns_enter());
}

FIXTURE_TEARDOWN(running)
{
	vmm_close(&self->v);
}

static const struct vmm_config plain = { .features = F_VERSION_1 };

/* Everything a VMM sets, on a device that was just reset; the backend stays open. */
static int set_up_again(struct vmm *v)
{
	unsigned int i;
	int ret = vhost_set_owner(v->fd);

	if (!ret)
		ret = vhost_set_features(v->fd, v->features);
	if (!ret)
		ret = vmm_set_mem(v);
	for (i = 0; !ret && i < VMM_NVQS; i++)
		ret = vmm_rearm(v, i, 0);
	for (i = 0; !ret && i < VMM_NVQS; i++)
		ret = vmm_start(v, i);
	return ret;
}

TEST_F(running, backend_gone_after_reset_owner)
{
	struct vmm *v = &self->v;

	ASSERT_EQ(0, vmm_net_up(v, &plain));
	ASSERT_EQ(0, vmm_traffic_check(v));
	ASSERT_EQ(0, vhost_reset_owner(v->fd));
	ASSERT_EQ(0, vmm_tx_send(v, v->scratch, 100, 5));
	vmm_force_kick(v, VQ_TX);
	EXPECT_EQ(-ETIMEDOUT, net_peer_recv(&v->net, (char[2048]){}, 2048, VMM_QUIET_MS));
	/* Ring addresses are forgotten: starting without them fails. */
	ASSERT_EQ(0, vhost_set_owner(v->fd));
	EXPECT_EQ(-EFAULT, vmm_start(v, VQ_TX));
}

static void *kick_forever(void *arg)
{
	struct vmm *v = arg;

	for (;;) {
		event_signal(v->vq[VQ_TX].kick);
		event_signal(v->vq[VQ_RX].kick);
		pthread_testcancel();
		nap_us(50);
	}
	return NULL;
}

TEST_F_TIMEOUT(running, fault_016_reset_owner_with_work_queued, STRESS_TIMEOUT)
{
	struct vmm *v = &self->v;
	unsigned int i, rounds = 0;
	char *bufs[64];
	pthread_t t;
	uint64_t end = now_ms() + stress_ms(3000);

	ASSERT_EQ(0, vmm_net_up(v, &plain));
	for (i = 0; i < ARRAY_LEN(bufs); i++)
		bufs[i] = vmm_alloc(v, 2048, 64);
	ASSERT_EQ(0, pthread_create(&t, NULL, kick_forever, v));
	while (now_ms() < end || rounds < MIN_ROUNDS) {
		for (i = 0; i < ARRAY_LEN(bufs); i++) {
			ASSERT_EQ(0, vmm_tx_send(v, bufs[i], 1000, i));
		}
		ASSERT_EQ(0, vhost_reset_owner(v->fd));
		ASSERT_EQ(0, set_up_again(v)) TH_LOG("round %u", rounds);
		if (rounds++ % 16 == 0) {
			ASSERT_EQ(0, vmm_traffic_check(v)) TH_LOG("round %u", rounds);
		}
	}
	pthread_cancel(t);
	pthread_join(t, NULL);
	EXPECT_EQ(0, vmm_traffic_check(v));
}

/* ---- owners that die ---- */

/* Own the device, send for ever. Never returns. */
static void flood(struct vmm *v)
{
	struct drv_done done;
	char *bufs[32];
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(bufs); i++) {
		bufs[i] = vmm_alloc(v, 2048, 64);
		if (vmm_tx_send(v, bufs[i], 60 + i, i))
			_exit(2);
	}
	for (;;) {
		if (drv_ring_wait(&v->vq[VQ_TX].ring, &done, VMM_TIMEOUT_MS) != 1)
			_exit(3);
		if (vmm_tx_send(v, done.cookie, 100, i++))
			_exit(4);
	}
}

/* The transmit side of a device on fd, which a new process is to own. */
static int own_tx(struct vmm *v, int fd, int kick, const struct net_backend *net)
{
	int ret;

	vmm_init(v);
	v->fd = fd;
	v->features = F_VERSION_1;
	v->hdr_len = vmm_hdr_len(v->features);
	v->vq[VQ_TX].kick = kick;
	v->net = *net;
	ret = vhost_set_owner(fd);
	if (!ret)
		ret = vhost_set_features(fd, v->features);
	if (!ret)
		ret = vmm_ram(v, 0, 1 << 20);
	if (!ret)
		ret = vmm_set_mem(v);
	if (!ret)
		ret = vmm_ring(v, VQ_TX, 256, 0);
	return ret ? ret : vmm_start(v, VQ_TX);
}

/* Start a child that owns fd and floods net; returns once the child is at it. */
static pid_t flooding_child(int fd, int kick, const struct net_backend *net)
{
	int ready[2], ret;
	struct vmm v;
	pid_t pid;
	char c = 0;

	if (pipe(ready))
		return -1;
	pid = fork();
	if (pid) {
		close(ready[1]);
		ret = read(ready[0], &c, 1);
		close(ready[0]);
		return ret == 1 && c == 'k' ? pid : -1;
	}
	ret = own_tx(&v, fd, kick, net);
	if (!ret)
		ret = vmm_tx_check(&v, 60, 0);
	if (ret)
		printf("# flooding child: %d\n", ret);
	c = ret ? 'x' : 'k';
	if (write(ready[1], &c, 1) != 1 || ret)
		_exit(1);
	flood(&v);
	return 0;
}

FIXTURE(dying) {
	struct net_backend net;
};

FIXTURE_SETUP(dying)
{
	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, net_backend_open(&self->net, NET_TAP, 12));
}

FIXTURE_TEARDOWN(dying)
{
	net_backend_close(&self->net);
}

TEST_F(dying, fault_017_018_file_survives_owner)
{
	struct vhost_memory none = { .nregions = 0 };
	int fd, kick, status, i;
	uint64_t start;
	pid_t pid;

	fd = vhost_open(VHOST_NET_PATH, 0);
	ASSERT_LE(0, fd);
	kick = event_new();
	pid = flooding_child(fd, kick, &self->net);
	ASSERT_LT(0, pid);
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFSIGNALED(status));

	for (i = 0; i < 100; i++)
		event_signal(kick);
	EXPECT_EQ(-EPERM, vhost_set_mem_table(fd, &none));
	EXPECT_EQ(-EPERM, vhost_net_set_backend(fd, VQ_TX, -1));
	EXPECT_EQ(-EBUSY, vhost_set_owner(fd));
	start = now_ms();
	close(fd);
	EXPECT_GT(1000, now_ms() - start);
	event_signal(kick);
	EXPECT_EQ(0, proc_wait_workers(pid, 0, VMM_TIMEOUT_MS));
	close(kick);
}

/* The killed process held the only reference to the device: all of it must go. */
TEST_F_TIMEOUT(dying, killed_under_traffic, 300)
{
	int workers = proc_all_workers(), users = proc_module_users("vhost_net");
	int i, fd, status, n;
	uint64_t end;
	pid_t pid;

	for (i = 0; i < 25; i++) {
		fd = vhost_open(VHOST_NET_PATH, 0);
		ASSERT_LE(0, fd);
		pid = flooding_child(fd, -1, &self->net);
		ASSERT_LT(0, pid) TH_LOG("round %d", i);
		close(fd);
		nap_us(i * 200);
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_TRUE(WIFSIGNALED(status));
	}
	end = now_ms() + 1000;
	while ((n = proc_all_workers()) > workers && now_ms() < end)
		nap_us(10000);
	EXPECT_EQ(workers, n);
	while ((n = proc_module_users("vhost_net")) > users && now_ms() < end)
		nap_us(10000);
	EXPECT_EQ(users, n);
}

TEST_HARNESS_MAIN
