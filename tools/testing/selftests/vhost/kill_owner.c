// SPDX-License-Identifier: GPL-2.0-only
/*
 * The owner of a device dies, by SIGKILL, at any moment under full traffic. All
 * that the device held goes with it: worker, files, memory, the tap. When others
 * still hold the device, it waits for them without doing harm: FAULTS 17, 18.
 */
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "test.h"

#define TAP		"killed0"
#define LOOPS		100
#define WARM_UP		5	/* rounds until caches have the size they keep */
#define REGIONS		512
#define AREA_GPA	UINT64_C(0x100000000)
#define PAGE		4096UL
#define FRAME		1000
#define CLOSE_MS	1000
#define DEATH_MS	10000	/* beyond that it hangs, however busy the machine */

static unsigned int loops(void)
{
	const char *s = getenv("RINGSIDE_LOOPS");

	return s && atoi(s) > 0 ? (unsigned int)atoi(s) : LOOPS;
}

/* ---- what may not be left behind ---- */

struct held {
	int workers, users;
	long files, slots, available_kb;	/* negative: the kernel does not tell */
};

static long number_in(const char *path, const char *format)
{
	FILE *f = fopen(path, "re");
	char line[256];
	long n = -1;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, format, &n) == 1)
			break;
	if (f)
		fclose(f);
	return n;
}

/* Objects that are free but kept by some processor count as used otherwise. */
static void shrink_slab(const char *cache)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/slab/%s/shrink", cache);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, "1", 1) != 1)
		perror(path);
	close(fd);
}

static struct held held_now(void)
{
	struct held h = {
		.workers = proc_all_workers(),
		.users = proc_module_users("vhost_net"),
		.files = number_in("/proc/sys/fs/file-nr", "%ld"),
		.available_kb = number_in("/proc/meminfo", "MemAvailable: %ld"),
	};

	/* By this name although the cache may be shared with others of its kind. */
	shrink_slab("memmap_entry");
	h.slots = number_in("/sys/kernel/slab/memmap_entry/objects", "%ld");
	if (h.slots < 0)
		h.slots = proc_slab("memmap_entry");
	return h;
}

/* What a kernel with checks may keep of freed memory for a while. */
static long quarantine_kb(void)
{
	const char *kernel = getenv("RINGSIDE_KERNEL");

	return kernel && strstr(kernel, "kasan") ? number_in("/proc/meminfo", "MemTotal: %ld") / 16 :
						   1024;
}

static void print_held(const char *when, const struct held *h)
{
	printf("# %s: %d workers, %d users, %ld files, %ld memslots, %ld KiB available\n", when,
	       h->workers, h->users, h->files, h->slots, h->available_kb);
}

/* ---- the owner ---- */

/* What the owner, and whoever holds its device, share with the test. */
struct watch {
	volatile unsigned long sent, received, updates;
	volatile int error;
	volatile pid_t holder;
	volatile bool owner_gone;
	volatile int set_mem, get_features;	/* what they returned to the holder */
	volatile long close_ms;
};

static int tap_attach(void)
{
	struct ifreq r = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK), len = 12, ret;

	strcpy(r.ifr_name, TAP);
	if (fd < 0)
		return -errno;
	if (!ioctl(fd, TUNSETIFF, &r) && !ioctl(fd, TUNSETVNETHDRSZ, &len))
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

static int tap_make(void)
{
	int fd = tap_attach();

	if (fd < 0)
		return fd;
	if (ioctl(fd, TUNSETPERSIST, 1)) {
		close(fd);
		return -errno;
	}
	close(fd);
	return net_link_up(TAP);
}

/* A socket to send frames into the tap's other end; it receives none. */
static int peer_open(void)
{
	struct sockaddr_ll a = {
		.sll_family = AF_PACKET,
		.sll_ifindex = if_nametoindex(TAP),
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && !bind(fd, (struct sockaddr *)&a, sizeof(a)))
		return fd;
	return -errno;
}

/* A device with many regions, so that a table left behind shows. */
static int owner_up(struct vmm *v)
{
	unsigned int i;
	char *area;
	int ret;

	ret = vmm_up(v, &(struct vmm_config){ .features = F_VERSION_1 | F_EVENT_IDX });
	if (ret)
		return ret;
	area = mmap(NULL, 2 * REGIONS * PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (area == MAP_FAILED)
		return -errno;
	for (i = 0; i < REGIONS && !ret; i++)
		ret = mem_table_add(&v->mem, AREA_GPA + 2 * i * PAGE, area + 2 * i * PAGE, PAGE);
	if (!ret)
		ret = vmm_set_mem(v);
	if (ret)
		return ret;
	v->net.fd = tap_attach();
	v->net.peer = peer_open();
	if (v->net.fd < 0 || v->net.peer < 0)
		return -ENODEV;
	for (i = 0; i < VMM_NVQS && !ret; i++)
		ret = vmm_start(v, i);
	return ret;
}

struct owner {
	struct vmm v;
	struct watch *w;
};

/* Keep a queue full of buffers; returns how many came back. */
static int turn_over(struct vmm *v, unsigned int index, char *bufs)
{
	struct drv_ring *r = &v->vq[index].ring;
	struct drv_done done;
	int ret, n = 0;
	unsigned int i;

	while ((ret = drv_ring_get(r, &done)) > 0)
		n++;
	if (ret < 0)
		return ret;
	for (i = 0; r->free_count; i++)
		drv_ring_add1(r, vmm_gpa(v, bufs) + i % 64 * 2048, v->hdr_len + FRAME,
			      index == VQ_RX, bufs);
	vmm_kick(v, index);
	return n;
}

static void *traffic_thread(void *arg)
{
	struct owner *o = arg;
	char *tx = vmm_alloc(&o->v, 64 * 2048, PAGE), *rx = vmm_alloc(&o->v, 64 * 2048, PAGE);
	char frame[FRAME];
	int ret;

	net_frame_fill(tx + o->v.hdr_len, FRAME, 1);
	net_frame_fill(frame, FRAME, 2);
	for (;;) {
		ret = turn_over(&o->v, VQ_TX, tx);
		if (ret < 0)
			break;
		o->w->sent += ret;
		ret = turn_over(&o->v, VQ_RX, rx);
		if (ret < 0)
			break;
		o->w->received += ret;
		net_peer_send(&o->v.net, frame, FRAME);
	}
	o->w->error = ret;
	return NULL;
}

static void *update_thread(void *arg)
{
	struct owner *o = arg;
	struct mem_table *t = &o->v.mem;
	struct vhost_memory_region last = *mem_table_region(t, REGIONS);

	for (;;) {
		t->m->nregions = REGIONS;
		if (vmm_set_mem(&o->v))
			o->w->error = -EIO;
		mem_table_add(t, last.guest_phys_addr, (void *)(uintptr_t)last.userspace_addr,
			      last.memory_size);
		if (vmm_set_mem(&o->v))
			o->w->error = -EIO;
		o->w->updates += 2;
	}
	return NULL;
}

/* ---- somebody else with the same device ---- */

enum holder { HOLDER_NONE, HOLDER_FORK, HOLDER_SHARES_MEMORY };

/* Once the owner is dead: kick, call, close. Its library state may not be its own. */
static int holder_run(void *arg)
{
	struct owner *o = arg;
	struct watch *w = o->w;
	uint64_t features, start;
	unsigned int i;

	while (!w->owner_gone)
		nap_us(1000);
	for (i = 0; i < 200; i++) {
		event_signal(o->v.vq[i % VMM_NVQS].kick);
		nap_us(500);
	}
	w->set_mem = vmm_set_mem(&o->v);
	w->get_features = vhost_get_features(o->v.fd, &features);
	start = now_ms();
	close(o->v.fd);
	w->close_ms = now_ms() - start;
	_exit(0);
}

static void holder_start(struct owner *o, enum holder holder)
{
	size_t room = 64 << 10;
	pid_t pid = 0;
	char *stack;

	if (holder == HOLDER_FORK) {
		pid = fork();
		if (!pid)
			holder_run(o);
	} else if (holder == HOLDER_SHARES_MEMORY) {
		stack = mmap(NULL, room, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (stack != MAP_FAILED)
			pid = clone(holder_run, stack + room, CLONE_VM | SIGCHLD, o);
	}
	/* The watch is the holder's as well: only one of the two may write this. */
	if (holder && pid <= 0)
		o->w->error = -EAGAIN;
	else
		o->w->holder = pid;
}

/* Traffic and table updates until killed. */
static void owner_run(struct owner *o, enum holder holder)
{
	pthread_t t;

	o->w->error = owner_up(&o->v);
	if (!o->w->error)
		holder_start(o, holder);
	if (!o->w->error)
		o->w->error = -pthread_create(&t, NULL, update_thread, o);
	if (!o->w->error)
		traffic_thread(o);
	for (;;)
		pause();
}

/* ---- the tests ---- */

FIXTURE(kill_owner) {
	struct owner o;
	struct watch *w;
	pid_t child;
	unsigned int seed;
};

FIXTURE_SETUP(kill_owner)
{
	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, tap_make());
	self->w = mmap(NULL, sizeof(*self->w), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->w);
	self->o.w = self->w;
	self->seed = now_us();
	TH_LOG("seed %u", self->seed);
}

FIXTURE_TEARDOWN(kill_owner)
{
	if (self->child > 0)
		kill(self->child, SIGKILL);
	if (self->w->holder > 0)
		kill(self->w->holder, SIGKILL);
}

/* An owner that lives for a moment of full traffic. 0 or -errno. */
static int owner_lives(struct owner *o, pid_t *child, enum holder holder, unsigned int us)
{
	uint64_t end = now_ms() + 60000;
	struct watch *w = o->w;
	int status;

	memset(w, 0, sizeof(*w));
	w->close_ms = -1;
	*child = fork();
	if (!*child)
		owner_run(o, holder);
	/* Each kind of work has begun. */
	while ((w->sent < 10 || !w->received || !w->updates) && !w->error && now_ms() < end)
		nap_us(200);
	nap_us(us);
	kill(*child, SIGKILL);
	end = now_ms();
	if (waitpid(*child, &status, 0) != *child || !WIFSIGNALED(status))
		return -ECHILD;
	*child = 0;
	if (w->error)
		return w->error;
	if (w->sent < 10 || !w->received || !w->updates)
		return -ETIMEDOUT;
	return now_ms() - end <= DEATH_MS ? 0 : -ETIME;
}

/* 0 when there are so many workers, soon, and the tap can be had. */
static int all_gone(int workers)
{
	uint64_t end = now_ms() + DEATH_MS;
	int fd;

	while (proc_all_workers() != workers)
		if (now_ms() > end)
			return -EBUSY;
	/* A holder that has closed the device may still have the tap. */
	while ((fd = tap_attach()) < 0)
		if (now_ms() > end)
			return fd;
	close(fd);
	return 0;
}

TEST_F_TIMEOUT(kill_owner, nothing_stays_behind, STRESS_TIMEOUT)
{
	unsigned long sent = 0, received = 0, updates = 0;
	struct held before = held_now(), after;
	unsigned int i, n = loops();
	struct vmm v;

	for (i = 0; i < WARM_UP + n; i++) {
		if (i == WARM_UP)
			before = held_now();
		self->seed = self->seed * 1664525 + 1013904223;
		ASSERT_EQ(0, owner_lives(&self->o, &self->child, HOLDER_NONE,
					 (self->seed >> 8) % 20000)) {
			TH_LOG("round %u: %lu sent, %lu received, %lu updates", i, self->w->sent,
			       self->w->received, self->w->updates);
		}
		ASSERT_EQ(0, all_gone(before.workers)) TH_LOG("round %u", i);
		sent += self->w->sent;
		received += self->w->received;
		updates += self->w->updates;
	}
	/* What is freed after a grace period. */
	nap_us(500000);
	after = held_now();
	print_held("before", &before);
	print_held("after", &after);
	printf("# killed %u times; %lu packets sent, %lu received, %lu table updates\n", n, sent,
	       received, updates);
	EXPECT_EQ(before.workers, after.workers);
	EXPECT_EQ(before.users, after.users);
	/* One of anything a round shows; the kernel's count of files is exact to 64. */
	EXPECT_GE(before.files + (n < 86 ? 64 : 3 * (long)n / 4), after.files);
	/* A processor's own slabs count as full: up to a page of memslots each. */
	EXPECT_GT(before.slots + (n < 128 ? 128 : (long)n), after.slots);
	/* Others on the machine take and give a few megabytes meanwhile. */
	EXPECT_LT(before.available_kb - 4096 - 40 * (long)n - quarantine_kb(),
		  after.available_kb);

	ASSERT_EQ(0, vmm_net_up(&v, &(struct vmm_config){ .features = F_VERSION_1 }));
	EXPECT_EQ(0, vmm_traffic_check(&v));
	vmm_close(&v);
}

FIXTURE(held) {
	struct owner o;
	struct watch *w;
	pid_t child;
};

FIXTURE_VARIANT(held) {
	enum holder holder;
};

FIXTURE_VARIANT_ADD(held, by_a_fork) { .holder = HOLDER_FORK };
FIXTURE_VARIANT_ADD(held, by_one_in_the_same_memory) { .holder = HOLDER_SHARES_MEMORY };

FIXTURE_SETUP(held)
{
	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, tap_make());
	self->w = mmap(NULL, sizeof(*self->w), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->w);
	self->o.w = self->w;
}

FIXTURE_TEARDOWN(held)
{
	if (self->child > 0)
		kill(self->child, SIGKILL);
	if (self->w->holder > 0)
		kill(self->w->holder, SIGKILL);
}

TEST_F_TIMEOUT(held, kicks_do_no_harm_and_close_works, STRESS_TIMEOUT)
{
	unsigned int i, n = (loops() + 9) / 10;
	int workers = proc_all_workers();

	for (i = 0; i < n; i++) {
		uint64_t end;

		ASSERT_EQ(0, owner_lives(&self->o, &self->child, variant->holder, i * 300));
		self->w->owner_gone = true;
		end = now_ms() + 10000;
		while (self->w->close_ms < 0 && now_ms() < end)
			nap_us(1000);
		ASSERT_LE(0, self->w->close_ms) TH_LOG("round %u: the holder hangs", i);
		EXPECT_GE(CLOSE_MS, self->w->close_ms);
		EXPECT_EQ(0, self->w->get_features);
		if (variant->holder == HOLDER_FORK)
			EXPECT_EQ(-EPERM, self->w->set_mem);
		ASSERT_EQ(0, all_gone(workers)) TH_LOG("round %u", i);
		self->w->holder = 0;
	}
}

TEST_HARNESS_MAIN
