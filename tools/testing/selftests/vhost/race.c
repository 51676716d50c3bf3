// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every call against every other, against traffic and against close. There is no
 * right answer for a single call here: what counts is that each returns, that
 * nothing stays behind, and that a device set up afterwards works.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "race_calls.h"

#define THREADS		4
#define STUCK_MS	30000
#define SLOW_MS		10000
#define MIN_CALLS	100

static void *race_thread(void *arg)
{
	struct racer *r = arg;

	while (!r->a->stop)
		race_one(r);
	return NULL;
}

/* Devices on memory of their own, which is what the racers hand out. */
static int arena_up(struct arena *a)
{
	unsigned int i;
	int ret;

	memset(a, 0, sizeof(*a));
	for (i = 0; i < DEVICES; i++) {
		ret = vmm_net_up(&a->v[i], &(struct vmm_config){ .features = F_VERSION_1 });
		if (ret)
			return ret;
		fcntl(a->v[i].fd, F_SETFL, O_NONBLOCK);
		a->fd[i] = a->v[i].fd;
	}
	a->ram = a->v[0].ram;
	a->ram_size = a->v[0].ram_size;
	a->log = mmap(NULL, LOG_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return a->log == MAP_FAILED ? -ENOMEM : 0;
}

/*
 * A second process with the same files and the same RAM, but an address space of
 * its own: mostly not the owner, until somebody gives a device up. Ends with us.
 */
static pid_t race_beside(struct arena *a, unsigned int seed)
{
	struct racer r = { .a = a, .seed = seed };
	pid_t parent = getpid(), pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (getppid() == parent)
		race_one(&r);
	_exit(0);
}

static unsigned long calls_made(const struct racer *r)
{
	unsigned long calls = 0;
	unsigned int i;

	for (i = 0; i < THREADS; i++)
		calls += r[i].calls;
	return calls;
}

/* In a child, so that a hang can be told from a long run, and the child be killed. */
static void race_in_child(unsigned int ms, unsigned int seed, int report)
{
	struct racer r[THREADS];
	pthread_t t[THREADS];
	unsigned long calls = 0;
	struct arena a;
	unsigned int i;
	uint64_t end;
	pid_t other;

	if (arena_up(&a))
		_exit(1);
	other = race_beside(&a, ~seed);
	for (i = 0; i < THREADS; i++) {
		r[i] = (struct racer) { .a = &a, .seed = seed + i * 7919 };
		if (pthread_create(&t[i], NULL, race_thread, &r[i]))
			_exit(2);
	}
	nap_us(ms * 1000);
	/* A slow machine gets the time it takes to have seen anything at all. */
	for (end = now_ms() + SLOW_MS; calls < MIN_CALLS && now_ms() < end;) {
		nap_us(10000);
		calls = calls_made(r);
	}
	a.stop = true;
	for (i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	calls = calls_made(r);
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	if (write(report, &calls, sizeof(calls)) != sizeof(calls))
		_exit(3);
	_exit(0);
}

FIXTURE(race) {
	int workers, users;
	pid_t child;
	int report[2];
};

FIXTURE_SETUP(race)
{
	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, pipe(self->report));
	/* The first to open it loads the module: count its users after that. */
	ASSERT_EQ(0, close(vhost_open(VHOST_NET_PATH, 0)));
	self->workers = proc_wait_all_workers(0, VMM_TIMEOUT_MS);
	self->users = proc_module_users("vhost_net");
}

FIXTURE_TEARDOWN(race)
{
	if (self->child > 0)
		kill(self->child, SIGKILL);
}

static int wait_child(pid_t pid, unsigned int ms, int *status)
{
	uint64_t end = now_ms() + ms;

	while (now_ms() < end) {
		if (waitpid(pid, status, WNOHANG) == pid)
			return 0;
		nap_us(10000);
	}
	return -ETIMEDOUT;
}

/* Nothing left, and a new device works. */
static int clean_afterwards(int workers, int users)
{
	uint64_t end = now_ms() + 2000;
	struct vmm v;
	int ret;

	while ((proc_all_workers() != workers || proc_module_users("vhost_net") != users) &&
	       now_ms() < end)
		nap_us(10000);
	if (proc_all_workers() != workers || proc_module_users("vhost_net") != users) {
		printf("# %d workers instead of %d, %d users instead of %d\n",
		       proc_all_workers(), workers, proc_module_users("vhost_net"), users);
		return -EBUSY;
	}
	ret = vmm_net_up(&v, &(struct vmm_config){ .features = F_VERSION_1 });
	if (!ret)
		ret = vmm_traffic_check(&v);
	vmm_close(&v);
	return ret;
}

TEST_F_TIMEOUT(race, every_call_against_every_other, STRESS_TIMEOUT)
{
	unsigned int ms = stress_ms(5000), seed = now_us();
	unsigned long calls = 0;
	int status;

	TH_LOG("seed %u", seed);
	self->child = fork();
	if (!self->child)
		race_in_child(ms, seed, self->report[1]);
	ASSERT_EQ(0, wait_child(self->child, ms + STUCK_MS, &status))
		TH_LOG("a call does not return");
	self->child = 0;
	ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0)
		TH_LOG("status %#x", status);
	ASSERT_EQ((ssize_t)sizeof(calls), read(self->report[0], &calls, sizeof(calls)));
	TH_LOG("%lu calls", calls);
	EXPECT_LE(MIN_CALLS, calls);
	EXPECT_EQ(0, clean_afterwards(self->workers, self->users));
}

/* The same, ended by SIGKILL at any moment. */
TEST_F_TIMEOUT(race, killed_in_the_middle, STRESS_TIMEOUT)
{
	uint64_t end = now_ms() + stress_ms(4000);
	unsigned int seed = now_us(), rounds = 0;
	int status;

	TH_LOG("seed %u", seed);
	while (now_ms() < end) {
		self->child = fork();
		if (!self->child)
			race_in_child(1000, seed + rounds, self->report[1]);
		nap_us(100000 + rounds * 7919 % 200000);
		kill(self->child, SIGKILL);
		ASSERT_EQ(0, wait_child(self->child, STUCK_MS, &status))
			TH_LOG("cannot be killed, round %u", rounds);
		self->child = 0;
		ASSERT_TRUE(WIFSIGNALED(status)) TH_LOG("status %#x", status);
		rounds++;
	}
	EXPECT_EQ(0, clean_afterwards(self->workers, self->users));
}

TEST_HARNESS_MAIN
