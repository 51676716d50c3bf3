// SPDX-License-Identifier: GPL-2.0-only
/*
 * What workers have to do with who asks for them: limits on threads, signals in
 * the middle of a call, cgroups. FAULTS 87, 88.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>

#include "test.h"

#define FEW		1000	/* more workers than anybody gets */

FIXTURE(limits) {
	int fd;
};

FIXTURE_VARIANT(limits) {
	int kind;
};

FIXTURE_VARIANT_ADD(limits, task) { .kind = VHOST_FORK_OWNER_TASK };
FIXTURE_VARIANT_ADD(limits, kthread) { .kind = VHOST_FORK_OWNER_KTHREAD };

FIXTURE_SETUP(limits)
{
	if (variant->kind == VHOST_FORK_OWNER_TASK && !proc_has_task_workers())
		SKIP(return, "no such threads in this kernel");
	self->fd = vhost_open(VHOST_NET_PATH, 0);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, vhost_set_fork_from_owner(self->fd, variant->kind));
}

FIXTURE_TEARDOWN(limits)
{
	close(self->fd);
}

/* Make workers until there are no more; then there is room again after a free. */
static int make_many(int fd, int want)
{
	int id = 0, made = 0, ret;

	while (made < FEW && (ret = vhost_new_worker(fd)) >= 0) {
		id = ret;
		made++;
	}
	printf("# %d more workers, then %d\n", made, ret);
	if (made == FEW || ret != -EAGAIN || (want >= 0 && made != want))
		return 1;
	if (vhost_new_worker(fd) != -EAGAIN)
		return 2;
	if (!made)
		return 0;
	/* A thread counts until it is gone from the process table. */
	if (vhost_free_worker(fd, id))
		return 3;
	for (made = 0; made < 1000 && (ret = vhost_new_worker(fd)) < 0; made++)
		nap_us(1000);
	return ret == id ? 0 : 4;
}

static int child_at_limit(int fd)
{
	struct rlimit nproc = { .rlim_cur = 3, .rlim_max = 100 };

	if (setrlimit(RLIMIT_NPROC, &nproc) || setresuid(65533, 65533, 65533))
		return 9;
	if (vhost_set_owner(fd))
		return 8;
	/* One process, the first worker, and one more. */
	return make_many(fd, 1);
}

TEST_F(limits, fault_088_thread_limit)
{
	EXPECT_EQ(0, proc_in_child(child_at_limit, self->fd));
}

/* Threads of the kernel's are nobody's: there are as many as queues, and one. */
TEST_F(limits, kthreads_are_few)
{
	if (variant->kind != VHOST_FORK_OWNER_KTHREAD)
		SKIP(return, "limited by fork");
	ASSERT_EQ(0, vhost_set_owner(self->fd));
	EXPECT_EQ(0, make_many(self->fd, VMM_NVQS));
}

static void on_signal(int sig)
{
	(void)sig;
}

struct pester {
	pthread_t victim;
	volatile bool stop;
};

/* At any moment, but with time in between to get something done on a slow machine. */
static void *pester_thread(void *arg)
{
	struct pester *p = arg;
	unsigned int seed = now_us();

	while (!p->stop) {
		seed = seed * 1103515245 + 12345;
		nap_us(100 + (seed >> 8) % 4000);
		pthread_kill(p->victim, SIGUSR1);
	}
	return NULL;
}

/* A fork that a signal interrupts is repeated: nobody hears of it. */
TEST_F_TIMEOUT(limits, signals_do_no_harm, 60)
{
	struct sigaction act = { .sa_handler = on_signal };
	struct pester p = { .victim = pthread_self() };
	pthread_t t;
	int i, ret = 0;

	ASSERT_EQ(0, sigaction(SIGUSR1, &act, NULL));
	ASSERT_EQ(0, pthread_create(&t, NULL, pester_thread, &p));
	for (i = 0; i < 100 && !ret; i++) {
		ret = vhost_set_fork_from_owner(self->fd, variant->kind);
		if (!ret)
			ret = vhost_set_owner(self->fd);
		if (!ret)
			ret = vhost_new_worker(self->fd) - 1;
		if (!ret)
			ret = vhost_reset_owner(self->fd);
	}
	p.stop = true;
	pthread_join(t, NULL);
	EXPECT_EQ(0, ret) TH_LOG("round %d", i);
}

#define CGROUP	"ringside-workers"

/* Each worker is in the cgroup its owner is in, and limited with it where it forks. */
TEST_F_TIMEOUT(limits, fault_087_cgroup_of_workers, 60)
{
	bool task = variant->kind == VHOST_FORK_OWNER_TASK;
	char line[256] = "";
	int ret = proc_enter_cgroup(CGROUP), i;

	if (ret == -ENOENT)
		SKIP(return, "no cgroup2 with a pids controller");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, vhost_set_owner(self->fd));
	ASSERT_EQ(0, proc_write(PROC_CGROUPS CGROUP "/pids.max", "2"));
	ret = vhost_new_worker(self->fd);
	for (i = 0; task && i < 3; i++) {
		EXPECT_EQ(-EAGAIN, ret);
		ret = vhost_new_worker(self->fd);
	}
	ASSERT_EQ(0, proc_write(PROC_CGROUPS CGROUP "/pids.max", "max"));
	if (task)
		ret = vhost_new_worker(self->fd);
	EXPECT_EQ(1, ret);
	/* The first of them can go, so that the file read is that of the other. */
	ASSERT_EQ(0, vhost_attach_vring_worker(self->fd, VQ_RX, 1));
	ASSERT_EQ(0, vhost_attach_vring_worker(self->fd, VQ_TX, 1));
	ASSERT_EQ(0, vhost_free_worker(self->fd, 0));
	EXPECT_EQ(1, proc_wait_workers(gettid(), 1, VMM_TIMEOUT_MS));
	EXPECT_EQ(0, proc_worker_read(gettid(), "cgroup", line, sizeof(line)));
	EXPECT_NE(NULL, strstr(line, "ringside-workers")) TH_LOG("%s", line);
	ASSERT_EQ(0, vhost_reset_owner(self->fd));
	EXPECT_EQ(0, proc_wait_workers(gettid(), 0, VMM_TIMEOUT_MS));
	EXPECT_EQ(0, proc_leave_cgroup(CGROUP));
}

TEST_HARNESS_MAIN
