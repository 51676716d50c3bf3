// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/vhost-vdpa-N in several hands at once: ioctls and messages against each
 * other, against close, against the end of the device and of its owner.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "libvdpa.h"
#include "test.h"

#define THREADS		4
#define PAGE		UINT64_C(4096)

FIXTURE(race) {
	struct vdpa_dev dev;
	struct vdpa v;
	long pinned;
};

FIXTURE_VARIANT(race) {
	const char *sim;
};

FIXTURE_VARIANT_ADD(race, pinned) { .sim = "use_va=0" };
FIXTURE_VARIANT_ADD(race, user) { .sim = "use_va=1" };

FIXTURE_SETUP(race)
{
	int ret = vdpa_reload(variant->sim, "");

	vdpa_init(&self->v);
	self->dev.nl.fd = -1;
	if (!ret)
		ret = vdpa_dev_new(&self->dev, "vdpasim_blk", "r0", 0);
	if (ret == -ENOENT)
		SKIP(return, "no simulator of disks");
	ASSERT_EQ(0, ret);
	self->pinned = vdpa_pinned();
	ASSERT_EQ(0, vdpa_up(&self->v, self->dev.path,
			     &(struct vdpa_config){ .features = VDPA_F_BASE }));
	ASSERT_EQ(0, vdpa_start(&self->v));
}

FIXTURE_TEARDOWN(race)
{
	vdpa_close(&self->v);
	vdpa_dev_del(&self->dev);
	EXPECT_EQ(self->pinned, vdpa_pinned());
}

struct hammer {
	struct vdpa *v;
	const char *path;
	char *mem;
	unsigned int seed;
	volatile bool *stop;
	unsigned int calls;
	bool failed;
};

static unsigned int any(struct hammer *h, unsigned int n)
{
	return rand_r(&h->seed) % n;
}

static const unsigned long calls[] = {
	VHOST_SET_OWNER, VHOST_GET_FEATURES, VHOST_SET_FEATURES, VHOST_GET_BACKEND_FEATURES,
	VHOST_SET_BACKEND_FEATURES, VHOST_SET_MEM_TABLE, VHOST_SET_LOG_BASE,
	VHOST_SET_VRING_NUM, VHOST_SET_VRING_ADDR, VHOST_SET_VRING_BASE, VHOST_GET_VRING_BASE,
	VHOST_VDPA_GET_DEVICE_ID, VHOST_VDPA_GET_STATUS, VHOST_VDPA_GET_CONFIG,
	VHOST_VDPA_SET_CONFIG, VHOST_VDPA_GET_CONFIG_SIZE, VHOST_VDPA_GET_IOVA_RANGE,
	VHOST_VDPA_GET_VRING_NUM, VHOST_VDPA_GET_VRING_SIZE, VHOST_VDPA_GET_VRING_GROUP,
	VHOST_VDPA_GET_VRING_DESC_GROUP, VHOST_VDPA_SET_GROUP_ASID, VHOST_VDPA_GET_AS_NUM,
	VHOST_VDPA_SUSPEND, VHOST_VDPA_RESUME, VHOST_VDPA_SET_VRING_ENABLE,
};

/* Numbers that mean something now and then. */
static void call_anything(struct hammer *h, int fd)
{
	uint64_t arg[8] = { 0 };

	arg[0] = (uint64_t)any(h, 3) << 32 | any(h, 2);
	if (any(h, 2))
		arg[0] = any(h, 2) ? VDPA_F_BASE : any(h, 16);
	vhost_ioctl(fd, calls[any(h, ARRAY_LEN(calls))], arg);
}

static void change_eventfd(struct hammer *h, int fd)
{
	static const unsigned long set[] = {
		VHOST_SET_VRING_KICK, VHOST_SET_VRING_CALL, VHOST_SET_VRING_ERR,
	};
	int event = any(h, 4) ? event_new() : -1;
	struct vhost_vring_file file = { .fd = any(h, 8) ? event : fd };

	vhost_ioctl(fd, set[any(h, ARRAY_LEN(set))], &file);
	vdpa_set_config_call(fd, event);
	if (event >= 0) {
		event_signal(event);
		close(event);
	}
}

static void send_message(struct hammer *h, int fd)
{
	uint64_t iova = (UINT64_C(1) << 40) + any(h, 64) * PAGE;
	uint64_t size = (1 + any(h, 16)) * PAGE;

	switch (any(h, 8)) {
	case 0:
		vdpa_batch(fd, 0, true);
		break;
	case 1:
		vdpa_batch(fd, 0, false);
		break;
	case 2:
	case 3:
		vdpa_unmap(fd, 0, iova, size);
		break;
	default:
		vdpa_map(fd, 0, iova, size, h->mem + any(h, 64) * PAGE, 1 + any(h, 3));
	}
}

static void *hammer(void *arg)
{
	struct hammer *h = arg;
	int fd = h->v->fd;

	for (; !*h->stop; h->calls++) {
		switch (any(h, 8)) {
		case 0:
			change_eventfd(h, fd);
			break;
		case 1:
		case 2:
		case 3:
			send_message(h, fd);
			break;
		case 4:
			vdpa_set_status(fd, any(h, 4) ? 0 : any(h, 16));
			break;
		case 5:
			vdpa_kick(h->v, 0);
			break;
		default:
			call_anything(h, fd);
		}
	}
	return NULL;
}

/* Threads that do something until the time is over: calls of all, 0 if one failed. */
static unsigned int run_threads(struct vdpa *v, const char *path, void *(*fn)(void *),
				unsigned int ms)
{
	char *mem = mmap(NULL, 128 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			 -1, 0);
	uint64_t end = now_ms() + ms;
	struct hammer h[THREADS];
	pthread_t thread[THREADS];
	volatile bool stop = false;
	unsigned int i, all = 0, failed = 0;

	for (i = 0; i < THREADS; i++) {
		h[i] = (struct hammer){ v, path, mem, i + 1, &stop, 0, false };
		if (pthread_create(&thread[i], NULL, fn, &h[i]))
			return 0;
	}
	while (now_ms() < end)
		nap_us(1000);
	stop = true;
	for (i = 0; i < THREADS; i++) {
		pthread_join(thread[i], NULL);
		all += h[i].calls;
		failed += h[i].failed;
	}
	munmap(mem, 128 * PAGE);
	return failed ? 0 : all;
}

TEST_F_TIMEOUT(race, calls, STRESS_TIMEOUT)
{
	struct vdpa_vq *q = &self->v.vq[0];
	unsigned int n = run_threads(&self->v, NULL, hammer, stress_ms(1000));

	TH_LOG("%u calls", n);
	EXPECT_LE(MIN_ROUNDS, n);
	/* After all of that it works. */
	ASSERT_EQ(0, vhost_set_backend_features(self->v.fd, VDPA_BF_QEMU));
	EXPECT_EQ(0, vdpa_batch(self->v.fd, 0, false));
	event_take(q->kick);
	ASSERT_EQ(0, vdpa_restart(&self->v));
	EXPECT_EQ(0, vblk_check(&self->v, 0, 512, 1));
}

/* One has it at a time, and finds nothing of the one before. */
static void *opener(void *arg)
{
	struct hammer *h = arg;
	unsigned int i;

	while (!*h->stop) {
		int fd = vhost_open(h->path, 0);

		if (fd == -EBUSY)
			continue;
		if (fd < 0 || vdpa_get_status(fd) || vhost_set_owner(fd) ||
		    vdpa_map(fd, 0, 0, 64 * PAGE, h->mem, VHOST_ACCESS_RW)) {
			h->failed = true;
			break;
		}
		for (i = 0; i < 8; i++)
			call_anything(h, fd);
		close(fd);
		h->calls++;
	}
	return NULL;
}

TEST_F_TIMEOUT(race, openers, STRESS_TIMEOUT)
{
	char path[64];
	unsigned int n;

	vdpa_close(&self->v);
	snprintf(path, sizeof(path), "%s", self->dev.path);
	n = run_threads(&self->v, path, opener, stress_ms(500));
	TH_LOG("%u times", n);
	EXPECT_LT(0, n);
}

/* Calls of one thread while another closes what they are about. */
static void *closer(void *arg)
{
	struct hammer *h = arg;

	for (; !*h->stop; h->calls++) {
		int fd = vhost_open(h->path, 0);

		if (fd < 0)
			continue;
		vhost_set_owner(fd);
		/* Somebody else's calls find this number. */
		*(volatile int *)&h->v->fd = fd;
		nap_us(any(h, 200));
		close(fd);
	}
	return NULL;
}

static void *caller(void *arg)
{
	struct hammer *h = arg;

	if (h->seed == 1)
		return closer(arg);
	for (; !*h->stop; h->calls++) {
		int fd = *(volatile int *)&h->v->fd;

		if (any(h, 2))
			send_message(h, fd);
		else if (any(h, 4))
			call_anything(h, fd);
		else
			change_eventfd(h, fd);
	}
	return NULL;
}

TEST_F_TIMEOUT(race, close, STRESS_TIMEOUT)
{
	unsigned int n;

	vdpa_close(&self->v);
	n = run_threads(&self->v, self->dev.path, caller, stress_ms(500));
	TH_LOG("%u calls", n);
	EXPECT_LT(0, n);
	self->v.fd = -1;
	ASSERT_EQ(0, vdpa_up(&self->v, self->dev.path,
			     &(struct vdpa_config){ .features = VDPA_F_BASE }));
	ASSERT_EQ(0, vdpa_start(&self->v));
	EXPECT_EQ(0, vblk_check(&self->v, 0, 512, 1));
}

/* A process that removes a device; it has the device open itself, or not. */
static pid_t del_in_child(const char *name, int fd)
{
	pid_t child = fork();
	struct vnl nl;

	if (child)
		return child;
	close(fd);
	_exit(vnl_open(&nl) ? 1 : -vnl_dev_del(&nl, name));
}

/* What opening says once nobody may any more, or the last answer. */
static int open_refused(const char *path)
{
	uint64_t end = now_ms() + VDPA_TIMEOUT_MS;
	int ret;

	do {
		ret = vhost_open(path, 0);
		if (ret >= 0)
			close(ret);
	} while ((ret >= 0 || ret == -EBUSY) && now_ms() < end);
	return ret;
}

/* It is the VMM's until he is done with it. */
TEST_F(race, fault_059_device_goes)
{
	pid_t child;

	child = del_in_child(self->dev.name, self->v.fd);
	ASSERT_LT(0, child);
	EXPECT_EQ(-ENODEV, open_refused(self->dev.path));
	EXPECT_EQ(-1, proc_child_ended(child, VDPA_QUIET_MS));
	EXPECT_EQ(0, vblk_check(&self->v, 0, 512, 1));
	EXPECT_EQ(0, vdpa_restart(&self->v));
	EXPECT_EQ(0, vblk_check(&self->v, 0, 512, 2));
	vdpa_close(&self->v);
	EXPECT_EQ(0, proc_child_ended(child, VDPA_TIMEOUT_MS));
	EXPECT_GT(0, vhost_open(self->dev.path, 0));
	/* The name is free again, and the device another one. */
	vnl_close(&self->dev.nl);
	ASSERT_EQ(0, vdpa_dev_new(&self->dev, "vdpasim_blk", "r0", 0));
	ASSERT_EQ(0, vdpa_up(&self->v, self->dev.path,
			     &(struct vdpa_config){ .features = VDPA_F_BASE }));
	ASSERT_EQ(0, vdpa_start(&self->v));
	EXPECT_EQ(0, vblk_check(&self->v, 0, 512, 3));
}

/* Who does not want to wait any more, or would wait for himself, can end it. */
TEST_F(race, fault_059_removal_killed)
{
	unsigned int i;

	for (i = 0; i < 4; i++) {
		pid_t child = del_in_child(self->dev.name, i % 2 ? self->v.fd : -1);

		ASSERT_LT(0, child);
		EXPECT_EQ(-ENODEV, open_refused(self->dev.path));
		kill(child, SIGKILL);
		EXPECT_EQ(SIGKILL, proc_child_ended(child, VDPA_TIMEOUT_MS));
		EXPECT_EQ(0, vblk_check(&self->v, 0, 512, i));
		EXPECT_EQ(-EBUSY, vhost_open(self->dev.path, 0));
	}
	vdpa_close(&self->v);
	self->v.fd = vhost_open(self->dev.path, 0);
	EXPECT_LE(0, self->v.fd);
}

static void no_more_than_a_wakeup(int signal)
{
	(void)signal;
}

/* Other signals do not: netlink would leave a removal without an answer. */
TEST_F(race, fault_059_removal_interrupted)
{
	struct sigaction old, wakeup = { .sa_handler = no_more_than_a_wakeup };
	int i, ended, gone = 0, tries;
	pid_t child[2];

	/* The children keep the handler. */
	ASSERT_EQ(0, sigaction(SIGUSR1, &wakeup, &old));
	for (i = 0; i < 2; i++) {
		child[i] = del_in_child(self->dev.name, self->v.fd);
		ASSERT_LT(0, child[i]);
		/* The first one waits for us, the second for the first. */
		EXPECT_EQ(-ENODEV, open_refused(self->dev.path));
		EXPECT_EQ(-1, proc_child_ended(child[i], VDPA_QUIET_MS));
	}
	ASSERT_EQ(0, sigaction(SIGUSR1, &old, NULL));
	for (tries = 0; tries < 3; tries++)
		for (i = 0; i < 2; i++) {
			kill(child[i], SIGUSR1);
			EXPECT_EQ(-1, proc_child_ended(child[i], VDPA_QUIET_MS));
		}
	vdpa_close(&self->v);
	for (i = 0; i < 2; i++) {
		ended = proc_child_ended(child[i], VDPA_TIMEOUT_MS);
		EXPECT_TRUE(ended == 0 || ended == W_EXITCODE(ENODEV, 0)) {
			printf("# removal ended with %#x\n", ended);
		}
		gone += ended == 0;
	}
	EXPECT_EQ(1, gone);
}

/* Who unloads the parent is told that it is in use, and may do so afterwards. */
TEST_F(race, parent_goes)
{
	EXPECT_NE(0, system("modprobe -r vdpa_sim_blk 2>/dev/null"));
	EXPECT_NE(0, system("modprobe -r vhost_vdpa 2>/dev/null"));
	EXPECT_EQ(0, vblk_check(&self->v, 0, 512, 1));
	vdpa_close(&self->v);
	EXPECT_EQ(0, system("modprobe -r vdpa_sim_blk"));
	EXPECT_GT(0, vhost_open(self->dev.path, 0));
	EXPECT_EQ(0, system("modprobe -r vhost_vdpa"));
}

/* Devices come and go under those who open them. */
static void *churn(void *arg)
{
	struct hammer *h = arg;
	struct vnl nl;

	if (vnl_open(&nl))
		return NULL;
	while (!*h->stop) {
		vnl_dev_del(&nl, "r0");
		vnl_dev_new(&nl, "vdpasim_blk", "r0");
		h->calls++;
	}
	vnl_close(&nl);
	return NULL;
}

static void *visitor(void *arg)
{
	struct hammer *h = arg;

	if (h->seed == 1)
		return churn(arg);
	for (; !*h->stop; h->calls++) {
		int fd = vhost_open(h->path, 0);

		if (fd < 0)
			continue;
		vhost_set_owner(fd);
		send_message(h, fd);
		call_anything(h, fd);
		close(fd);
	}
	return NULL;
}

TEST_F_TIMEOUT(race, visitors, STRESS_TIMEOUT)
{
	unsigned int n;

	vdpa_close(&self->v);
	n = run_threads(&self->v, self->dev.path, visitor, stress_ms(500));
	TH_LOG("%u times", n);
	EXPECT_LT(0, n);
}

/* SIGKILL in the middle of traffic and mapping: the next one finds it free. */
TEST_F_TIMEOUT(race, killed, STRESS_TIMEOUT)
{
	unsigned int i, rounds = stress_ms(300) / 100;

	vdpa_close(&self->v);
	for (i = 0; i < rounds; i++) {
		uint64_t end = now_ms() + VDPA_TIMEOUT_MS;
		pid_t child = fork();
		int status, ret;

		ASSERT_LE(0, child);
		if (!child) {
			if (vdpa_up(&self->v, self->dev.path,
				    &(struct vdpa_config){ .features = VDPA_F_BASE }) ||
			    vdpa_start(&self->v))
				_exit(1);
			run_threads(&self->v, NULL, hammer, 600000);
			_exit(2);
		}
		nap_us(20000 + i % 7 * 10000);
		kill(child, SIGKILL);
		ASSERT_EQ(child, waitpid(child, &status, 0));
		EXPECT_EQ(SIGKILL, status);
		/* The last thread closes the file after the process is reaped. */
		do {
			ret = vdpa_up(&self->v, self->dev.path,
				      &(struct vdpa_config){ .features = VDPA_F_BASE });
		} while (ret == -EBUSY && now_ms() < end);
		EXPECT_EQ(0, ret);
		EXPECT_EQ(0, vdpa_start(&self->v));
		EXPECT_EQ(0, vblk_check(&self->v, 0, 512, i));
		vdpa_close(&self->v);
	}
}

struct swapper {
	int fd, event[2], closed;
	volatile bool stop;
	unsigned int rounds, failed;
};

static void *swap(void *arg)
{
	struct swapper *s = arg;

	for (; !s->stop; s->rounds++)
		if (vhost_set_vring_call(s->fd, 0, s->event[s->rounds % 2]) ||
		    vhost_set_vring_call(s->fd, 0, s->closed) != -EBADF)
			s->failed++;
	return NULL;
}

/* Which of the two it was does not matter: the device calls once for each request. */
static bool called(struct swapper *s)
{
	uint64_t end = now_ms() + VDPA_TIMEOUT_MS;

	while (!event_take(s->event[0]) && !event_take(s->event[1])) {
		if (now_ms() >= end)
			return false;
		nap_us(50);
	}
	return true;
}

/* Eventfds for calls are exchanged all the time, and none is missed. */
TEST_F_TIMEOUT(race, fault_044_no_call_lost_in_swap, STRESS_TIMEOUT)
{
	uint64_t end = now_ms() + stress_ms(200);
	struct swapper s = { self->v.fd, { event_new(), event_new() }, event_new(), false, 0, 0 };
	struct vblk_req *r = vdpa_alloc(&self->v, sizeof(*r), 16);
	char *buf = vdpa_alloc(&self->v, 512, 512);
	struct drv_done done;
	pthread_t thread;
	unsigned int n;
	bool heard = true;

	close(s.closed);
	ASSERT_EQ(0, vhost_set_vring_call(self->v.fd, 0, s.event[1]));
	ASSERT_EQ(0, pthread_create(&thread, NULL, swap, &s));
	for (n = 0; heard && (now_ms() < end || n < MIN_ROUNDS || s.rounds < MIN_ROUNDS); n++) {
		ASSERT_LE(0, vblk_add(&self->v, r, VBLK_IN, 0, buf, 512));
		vdpa_kick(&self->v, 0);
		ASSERT_EQ(1, drv_ring_wait(&self->v.vq[0].ring, &done, VDPA_TIMEOUT_MS));
		heard = called(&s);
	}
	s.stop = true;
	pthread_join(thread, NULL);
	EXPECT_TRUE(heard);
	EXPECT_EQ(0, s.failed);
	TH_LOG("%u requests, %u exchanges", n, s.rounds);
	close(s.event[0]);
	close(s.event[1]);
}

TEST_HARNESS_MAIN
