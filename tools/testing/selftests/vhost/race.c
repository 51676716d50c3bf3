// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every call against every other, against traffic and against close. There is no
 * right answer for a single call here: what counts is that each returns, that
 * nothing stays behind, and that a device set up afterwards works.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "test.h"

#define THREADS		4
#define DEVICES		2
#define STUCK_SECONDS	30

struct arena {
	struct vmm v[DEVICES];
	char *ram;
	size_t ram_size;
	volatile int fd[DEVICES];	/* changes when a device is closed and opened */
	volatile bool stop;
};

struct racer {
	struct arena *a;
	unsigned int seed;
	unsigned long calls;
};

static unsigned int pick(struct racer *r, unsigned int n)
{
	r->seed = r->seed * 1103515245 + 12345;
	return (r->seed >> 8) % n;
}

static int pick_event(struct racer *r, const struct vmm *v, unsigned int q)
{
	const int fds[] = { v->vq[q].kick, v->vq[q].call, v->vq[q].err, -1, 0, -7 };

	return fds[pick(r, ARRAY_LEN(fds))];
}

/* The RAM whole, in two pieces, or not at all; sometimes nonsense besides. */
static void race_mem_table(struct racer *r, int fd)
{
	struct arena *a = r->a;
	struct mem_table t;
	size_t half = a->ram_size / 2;

	if (mem_table_init(&t))
		return;
	switch (pick(r, 8)) {
	case 0:
		break;
	case 1:
	case 2:
		mem_table_add(&t, half, a->ram + half, half);
		mem_table_add(&t, 0, a->ram, half);
		break;
	case 3:
		mem_table_add(&t, 0, a->ram, half);
		break;
	case 4:
		mem_table_add(&t, 0, (void *)KERNEL_ADDR, half);
		break;
	default:
		mem_table_add(&t, 0, a->ram, a->ram_size);
	}
	mem_table_set(&t, fd);
	mem_table_free(&t);
}

static void race_addr(struct racer *r, const struct vmm *v, int fd, unsigned int q)
{
	struct vhost_vring_addr addr = v->vq[q].addr;

	if (pick(r, 8) == 0)
		addr.used_user_addr = KERNEL_ADDR;
	if (pick(r, 8) == 0)
		addr.desc_user_addr = UNMAPPED_ADDR & ~UINT64_C(15);
	vhost_set_vring_addr(fd, &addr);
}

/* Give the device something to do, well-formed or not. */
static void race_ring(struct racer *r, struct vmm *v, unsigned int q)
{
	struct drv_ring *ring = &v->vq[q].ring;
	struct vring_desc *d = &drv_split_desc(ring)[pick(r, ring->num)];
	struct vring_avail *avail = drv_split_avail(ring);
	unsigned int i;

	d->addr = pick(r, 2 * r->a->ram_size);
	d->len = pick(r, 3) ? 60 + pick(r, 1400) : pick(r, 1 << 24);
	d->flags = pick(r, 4) ? (q == VQ_RX ? VRING_DESC_F_WRITE : 0) : pick(r, 8);
	d->next = pick(r, ring->num + 1);
	for (i = pick(r, 8); i; i--)
		avail->ring[pick(r, ring->num)] = pick(r, ring->num);
	__atomic_fetch_add(&avail->idx, pick(r, 16), __ATOMIC_SEQ_CST);
	event_signal(v->vq[q].kick);
	if (q == VQ_RX) {
		char frame[1514];

		net_frame_fill(frame, sizeof(frame), 0);
		net_peer_send(&v->net, frame, 60 + pick(r, 1454));
	}
}

static void race_features(struct racer *r, int fd)
{
	static const uint64_t sets[] = {
		F_VERSION_1, F_VERSION_1 | F_EVENT_IDX | F_INDIRECT, F_MRG_RXBUF, 0,
	};

	vhost_set_features(fd, sets[pick(r, ARRAY_LEN(sets))]);
}

/* Rarely more, so that there are not ever more of them. */
static void race_workers(struct racer *r, int fd, unsigned int q)
{
	switch (pick(r, 8)) {
	case 0:
		vhost_new_worker(fd);
		break;
	case 1:
	case 2:
		vhost_attach_vring_worker(fd, q, pick(r, 4));
		break;
	case 3:
		vhost_get_vring_worker(fd, q);
		break;
	case 4:
		vhost_set_fork_from_owner(fd, pick(r, 3));
		vhost_get_fork_from_owner(fd);
		break;
	default:
		vhost_free_worker(fd, pick(r, 16));
	}
}

static void race_reopen(struct racer *r, unsigned int which)
{
	int fd = vhost_open(VHOST_NET_PATH, O_NONBLOCK), old;

	if (fd < 0)
		return;
	/* The number stays, so that other threads are inside calls on the old file. */
	old = r->a->fd[which];
	dup3(fd, old, O_CLOEXEC);
	close(fd);
}

static void race_one(struct racer *r)
{
	unsigned int which = pick(r, DEVICES), q = pick(r, 20) ? pick(r, VMM_NVQS) : 2;
	struct vmm *v = &r->a->v[which];
	unsigned int vq = q % VMM_NVQS;
	int fd = r->a->fd[which];
	char msg[72];

	switch (pick(r, 27)) {
	case 0: vhost_set_owner(fd); break;
	case 1: if (pick(r, 8) == 0) vhost_reset_owner(fd); break;
	case 2: race_features(r, fd); break;
	case 3: case 4: case 5: race_mem_table(r, fd); break;
	case 6: vhost_set_vring_num(fd, q, 1u << pick(r, 10)); break;
	case 7: vhost_set_vring_base(fd, q, pick(r, 0x10010)); break;
	case 8: vhost_get_vring_base(fd, q); break;
	case 9: case 10: race_addr(r, v, fd, vq); break;
	case 11: vhost_set_vring_kick(fd, q, pick_event(r, v, vq)); break;
	case 12: vhost_set_vring_call(fd, q, pick_event(r, v, vq)); break;
	case 13: vhost_set_vring_err(fd, q, pick_event(r, v, vq)); break;
	case 14: vhost_set_busyloop_timeout(fd, q, pick(r, 200)); break;
	case 15: vhost_get_busyloop_timeout(fd, q); break;
	case 16: case 17: case 18: vhost_net_set_backend(fd, q, v->net.fd); break;
	case 19: vhost_net_set_backend(fd, q, -1); break;
	case 20: if (pick(r, 50) == 0) race_reopen(r, which); break;
	case 21: if (read(fd, msg, sizeof(msg)) > 0) abort(); break;
	case 22: case 23: case 24: race_workers(r, fd, q); break;
	default: race_ring(r, v, vq);
	}
	r->calls++;
}

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
	return 0;
}

/* In a child, so that a hang can be told from a long run, and the child be killed. */
static void race_in_child(unsigned int seconds, unsigned int seed, int report)
{
	struct racer r[THREADS];
	pthread_t t[THREADS];
	unsigned long calls = 0;
	struct arena a;
	unsigned int i;

	if (arena_up(&a))
		_exit(1);
	for (i = 0; i < THREADS; i++) {
		r[i] = (struct racer) { .a = &a, .seed = seed + i * 7919 };
		if (pthread_create(&t[i], NULL, race_thread, &r[i]))
			_exit(2);
	}
	nap_us(seconds * 1000000);
	a.stop = true;
	for (i = 0; i < THREADS; i++) {
		pthread_join(t[i], NULL);
		calls += r[i].calls;
	}
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
	self->workers = proc_all_workers();
	self->users = proc_module_users("vhost_net");
}

FIXTURE_TEARDOWN(race)
{
	if (self->child > 0)
		kill(self->child, SIGKILL);
}

static int wait_child(pid_t pid, unsigned int seconds, int *status)
{
	uint64_t end = now_ms() + seconds * 1000;

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
	unsigned int seconds = stress_seconds(5), seed = now_us();
	unsigned long calls = 0;
	int status;

	TH_LOG("seed %u", seed);
	self->child = fork();
	if (!self->child)
		race_in_child(seconds, seed, self->report[1]);
	ASSERT_EQ(0, wait_child(self->child, seconds + STUCK_SECONDS, &status))
		TH_LOG("a call does not return");
	self->child = 0;
	ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0)
		TH_LOG("status %#x", status);
	ASSERT_EQ((ssize_t)sizeof(calls), read(self->report[0], &calls, sizeof(calls)));
	TH_LOG("%lu calls", calls);
	EXPECT_LT(100, calls);
	EXPECT_EQ(0, clean_afterwards(self->workers, self->users));
}

/* The same, ended by SIGKILL at any moment. */
TEST_F_TIMEOUT(race, killed_in_the_middle, STRESS_TIMEOUT)
{
	uint64_t end = now_ms() + 1000 * stress_seconds(4);
	unsigned int seed = now_us(), rounds = 0;
	int status;

	TH_LOG("seed %u", seed);
	while (now_ms() < end) {
		self->child = fork();
		if (!self->child)
			race_in_child(1000, seed + rounds, self->report[1]);
		nap_us(100000 + rounds * 7919 % 200000);
		kill(self->child, SIGKILL);
		ASSERT_EQ(0, wait_child(self->child, STUCK_SECONDS, &status))
			TH_LOG("cannot be killed, round %u", rounds);
		self->child = 0;
		ASSERT_TRUE(WIFSIGNALED(status)) TH_LOG("status %#x", status);
		rounds++;
	}
	EXPECT_EQ(0, clean_afterwards(self->workers, self->users));
}

TEST_HARNESS_MAIN
