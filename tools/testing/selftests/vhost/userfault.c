// SPDX-License-Identifier: GPL-2.0-only
/*
 * A page that nobody delivers: the worker waits for it in a page fault, and the
 * VMM's calls wait for the worker. Delivering the page lets all of them go on,
 * killing the VMM ends them, and the next process finds a device that works:
 * FAULTS 76, 98.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "test.h"

#define PAGE		4096UL
#define TRAP_GPA	UINT64_C(0x100000000)
#define END_MS		10000	/* from SIGKILL to the end of everything; 2000 when idle */
#define STILL_MS	200	/* a call that waits so long does wait */
#define NUM		64
#define BUSY_US		1000000
#define BUSY_TRY_MS	3000

/* Where the page is missing. */
enum place { AT_BUFFER, AT_TABLE, AT_DESC, AT_AVAIL, AT_USED, AT_AVAIL_BUSY };

/* What the VMM calls meanwhile. */
enum call { CALL_NONE, CALL_SHRINK, CALL_STOP, CALL_GET_BASE };

/* What the VMM, a child of the test, shares with it. */
struct watch {
	volatile int error;	/* while setting up */
	volatile bool trapped;	/* the worker has met the page */
	volatile bool calling, returned, delivered;
	volatile int ret;
	volatile int uffd;	/* its number in the VMM */
};

struct trap {
	struct vmm v;
	struct watch *w;
	char *page;
	char content[PAGE];	/* to be delivered */
	int uffd;
	enum call call;
};

static int uffd_open(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	if (!ioctl(fd, UFFDIO_API, &api))
		return fd;
	close(fd);
	return -EOPNOTSUPP;
}

/* From now on the page is missing. */
static int trap_arm(struct trap *t)
{
	struct uffdio_register r = {
		.range = { .start = (uintptr_t)t->page, .len = PAGE },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	memcpy(t->content, t->page, PAGE);
	if (ioctl(t->uffd, UFFDIO_REGISTER, &r))
		return -errno;
	return madvise(t->page, PAGE, MADV_DONTNEED) ? -errno : 0;
}

/* Has anybody met the page? It is the worker then: nobody else touches it. */
static int trap_wait(struct trap *t, unsigned int timeout_ms)
{
	struct pollfd p = { .fd = t->uffd, .events = POLLIN };
	uint64_t end = now_ms() + timeout_ms;
	struct uffd_msg msg;
	ssize_t len;

	/* A fault that was served and has yet to wake up makes it readable too. */
	do {
		if (poll(&p, 1, timeout_ms) <= 0)
			return -ETIMEDOUT;
		len = read(t->uffd, &msg, sizeof(msg));
	} while (len < 0 && errno == EAGAIN && now_ms() < end);
	if (len < 0 && errno == EAGAIN)
		return -ETIMEDOUT;
	if (len != sizeof(msg) || msg.event != UFFD_EVENT_PAGEFAULT)
		return -EIO;
	return msg.arg.pagefault.address / PAGE == (uintptr_t)t->page / PAGE ? 0 : -EFAULT;
}

static int trap_deliver(struct trap *t)
{
	struct uffdio_copy c = {
		.dst = (uintptr_t)t->page,
		.src = (uintptr_t)t->content,
		.len = PAGE,
	};

	return ioctl(t->uffd, UFFDIO_COPY, &c) ? -errno : 0;
}

/* The TX ring with one of its areas on the page, the others in ordinary memory. */
static int ring_with_page(struct trap *t, enum place place)
{
	struct drv_place at = {
		.desc = vmm_alloc(&t->v, PAGE, PAGE),
		.driver = vmm_alloc(&t->v, PAGE, PAGE),
		.device = vmm_alloc(&t->v, PAGE, PAGE),
	};

	if (place == AT_DESC)
		at.desc = t->page;
	else if (place == AT_AVAIL || place == AT_AVAIL_BUSY)
		at.driver = t->page;
	else if (place == AT_USED)
		at.device = t->page;
	return vmm_ring_at(&t->v, VQ_TX, NUM, 0, &at);
}

/* A frame whose buffer or indirect table is on the page, or neither is. */
static int queue_frame(struct trap *t, enum place place)
{
	struct drv_buf b = { .gpa = vmm_gpa(&t->v, t->v.scratch), .len = t->v.hdr_len + 100 };
	struct drv_ring *r = &t->v.vq[VQ_TX].ring;
	struct vring_desc table;

	memset(t->v.scratch, 0, b.len);
	if (place == AT_BUFFER)
		b.gpa = TRAP_GPA;
	if (place == AT_TABLE)
		return drv_ring_add_indirect(r, &b, 1, &table, TRAP_GPA, t);
	return drv_ring_add(r, &b, 1, t);
}

static int trap_up(struct trap *t, enum place place)
{
	int ret;

	ret = vmm_net_up(&t->v, &(struct vmm_config){ .features = F_VERSION_1 | F_INDIRECT });
	if (ret)
		return ret;
	t->page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	t->uffd = uffd_open();
	if (t->page == MAP_FAILED || t->uffd < 0)
		return -ENOMEM;
	t->w->uffd = t->uffd;
	ret = mem_table_add(&t->v.mem, TRAP_GPA, t->page, PAGE);
	if (!ret)
		ret = vmm_set_mem(&t->v);
	if (!ret)
		ret = vmm_stop(&t->v, VQ_TX);
	if (ret >= 0)
		ret = ring_with_page(t, place);
	return ret;
}

/* A frame there and back by memory that is not missing. */
static int plain_frame(struct trap *t)
{
	struct drv_done done;
	int ret = queue_frame(t, AT_USED);

	if (ret < 0)
		return ret;
	vmm_force_kick(&t->v, VQ_TX);
	ret = drv_ring_wait(&t->v.vq[VQ_TX].ring, &done, VMM_TIMEOUT_MS);
	return ret < 0 ? ret : 0;
}

/*
 * Take the page away while the worker polls. That ends soon, and at once when
 * others want the processor, so it can take a few attempts. 0 if it was met.
 */
static int spring_while_polling(struct trap *t)
{
	uint64_t end = now_ms() + BUSY_TRY_MS;
	int ret;

	ret = vhost_set_busyloop_timeout(t->v.fd, VQ_TX, BUSY_US);
	while (!ret && now_ms() < end) {
		ret = plain_frame(t);
		if (!ret)
			ret = trap_arm(t);
		if (!ret)
			ret = trap_wait(t, 10);
		if (ret != -ETIMEDOUT)
			return ret;
		ret = trap_deliver(t);
	}
	/* On a busy machine the worker is asleep each time we come. */
	return ret ? ret : -EAGAIN;
}

/* Make the worker run into the page. */
static int trap_spring(struct trap *t, enum place place)
{
	int ret;

	ret = vmm_start(&t->v, VQ_TX);
	if (ret)
		return ret;
	if (place == AT_AVAIL_BUSY) {
		ret = spring_while_polling(t);
		if (ret != -EAGAIN)
			return ret;
		printf("# the page was not met in the poll itself\n");
	}
	/* A queue is looked at when it starts: have it past that, and asleep. */
	ret = plain_frame(t);
	nap_us(50000);
	if (!ret)
		ret = queue_frame(t, place);
	if (ret < 0)
		return ret;
	drv_ring_publish(&t->v.vq[VQ_TX].ring);
	ret = trap_arm(t);
	event_signal(t->v.vq[VQ_TX].kick);
	return ret ? ret : trap_wait(t, 5000);
}

static int make_call(struct trap *t)
{
	switch (t->call) {
	case CALL_SHRINK:
		mem_table_del(&t->v.mem, TRAP_GPA);
		return vmm_set_mem(&t->v);
	case CALL_STOP:
		return vhost_net_set_backend(t->v.fd, VQ_TX, -1);
	case CALL_GET_BASE:
		return vhost_get_vring_base(t->v.fd, VQ_TX);
	case CALL_NONE:
		break;
	}
	return 0;
}

static void *call_thread(void *arg)
{
	struct trap *t = arg;

	t->w->calling = true;
	t->w->ret = make_call(t);
	t->w->returned = true;
	return NULL;
}

/* The page, late. Unless the queue was stopped, all frames go out now. */
static int deliver_late(struct trap *t, enum place place)
{
	struct drv_done done;
	int ret;

	nap_us(2 * STILL_MS * 1000);
	ret = trap_deliver(t);
	if (!ret && t->call == CALL_NONE && place != AT_AVAIL_BUSY)
		ret = drv_ring_wait(&t->v.vq[VQ_TX].ring, &done, VMM_TIMEOUT_MS);
	if (ret >= 0 && t->call == CALL_NONE)
		ret = plain_frame(t);
	return ret < 0 ? ret : 0;
}

/* The VMM: gets its worker stuck, calls, and then delivers the page or does not. */
static void vmm_run(struct trap *t, enum place place, bool deliver)
{
	pthread_t thread;
	int ret = trap_up(t, place);

	if (!ret)
		ret = trap_spring(t, place);
	t->w->error = ret;
	t->w->trapped = !ret;
	if (!ret && t->call != CALL_NONE)
		pthread_create(&thread, NULL, call_thread, t);
	if (!ret && deliver) {
		t->w->error = deliver_late(t, place);
		t->w->delivered = true;
	}
	for (;;)
		pause();
}

static bool wait_until(const volatile bool *flag, const volatile int *error, unsigned int ms)
{
	uint64_t end = now_ms() + ms;

	while (!*flag && !*error && now_ms() < end)
		nap_us(1000);
	return *flag;
}

FIXTURE(userfault) {
	struct trap t;
	pid_t child;
	int workers;
};

FIXTURE_VARIANT(userfault) {
	enum place place;
	enum call call;
};

#define VARIANT(place_name, PLACE, call_name, CALL) \
	FIXTURE_VARIANT_ADD(userfault, place_name##_##call_name) { .place = PLACE, .call = CALL }

VARIANT(buffer, AT_BUFFER, alone, CALL_NONE);
VARIANT(buffer, AT_BUFFER, shrink, CALL_SHRINK);
VARIANT(buffer, AT_BUFFER, stop, CALL_STOP);
VARIANT(buffer, AT_BUFFER, get_base, CALL_GET_BASE);
VARIANT(table, AT_TABLE, shrink, CALL_SHRINK);
VARIANT(table, AT_TABLE, stop, CALL_STOP);
VARIANT(desc, AT_DESC, stop, CALL_STOP);
VARIANT(avail, AT_AVAIL, shrink, CALL_SHRINK);
VARIANT(avail, AT_AVAIL, stop, CALL_STOP);
VARIANT(used, AT_USED, stop, CALL_STOP);
VARIANT(avail_busy, AT_AVAIL_BUSY, alone, CALL_NONE);
VARIANT(avail_busy, AT_AVAIL_BUSY, stop, CALL_STOP);
VARIANT(avail_busy, AT_AVAIL_BUSY, shrink, CALL_SHRINK);

FIXTURE_SETUP(userfault)
{
	int fd = uffd_open();

	if (fd == -ENOSYS)
		SKIP(return, "the kernel has no userfaultfd");
	ASSERT_LE(0, fd);
	close(fd);
	ASSERT_EQ(0, net_ns_enter());
	self->workers = proc_wait_all_workers(0, VMM_TIMEOUT_MS);
	self->t.call = variant->call;
	self->t.w = mmap(NULL, sizeof(*self->t.w), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->t.w);
}

FIXTURE_TEARDOWN(userfault)
{
	if (self->child > 0)
		kill(self->child, SIGKILL);
}

/* Another reference to the VMM's userfaultfd: its death alone shall release nobody. */
static int uffd_hold(pid_t child, int its_fd)
{
	int fd, pidfd = syscall(SYS_pidfd_open, child, 0);

	if (pidfd < 0)
		return -errno;
	fd = syscall(SYS_pidfd_getfd, pidfd, its_fd, 0);
	if (fd < 0)
		fd = -errno;
	close(pidfd);
	return fd;
}

/* Killed, its worker gone, and a new device works: all within END_MS. */
static int ends_well(pid_t child, int workers)
{
	uint64_t start = now_ms();
	struct vmm v;
	pid_t pid = 0;
	int status, ret;

	kill(child, SIGKILL);
	while ((pid != child || proc_all_workers() != workers) && now_ms() - start < END_MS) {
		if (pid != child)
			pid = waitpid(child, &status, WNOHANG);
		nap_us(1000);
	}
	printf("# %llu ms to the end\n", (unsigned long long)(now_ms() - start));
	if (pid != child)
		return -ESRCH;
	if (proc_all_workers() != workers)
		return -EBUSY;
	ret = vmm_net_up(&v, &(struct vmm_config){ .features = F_VERSION_1 });
	if (!ret)
		ret = vmm_traffic_check(&v);
	vmm_close(&v);
	return ret;
}

static pid_t vmm_start_child(struct trap *t, enum place place, bool deliver)
{
	pid_t child = fork();

	if (!child)
		vmm_run(t, place, deliver);
	return child;
}

TEST_F_TIMEOUT(userfault, sigkill_ends_it, 60)
{
	struct watch *w = self->t.w;
	int uffd;

	self->child = vmm_start_child(&self->t, variant->place, false);
	ASSERT_TRUE(wait_until(&w->trapped, &w->error, 20000)) TH_LOG("error %d", w->error);
	uffd = uffd_hold(self->child, w->uffd);
	ASSERT_LE(0, uffd);
	if (variant->call != CALL_NONE) {
		ASSERT_TRUE(wait_until(&w->calling, &w->error, 5000));
		EXPECT_FALSE(wait_until(&w->returned, &w->error, STILL_MS));
	} else {
		nap_us(STILL_MS * 1000);
	}
	EXPECT_EQ(0, ends_well(self->child, self->workers));
	self->child = 0;
	close(uffd);
}

TEST_F_TIMEOUT(userfault, delivery_ends_it, 60)
{
	struct watch *w = self->t.w;

	self->child = vmm_start_child(&self->t, variant->place, true);
	ASSERT_TRUE(wait_until(&w->trapped, &w->error, 20000)) TH_LOG("error %d", w->error);
	if (variant->call != CALL_NONE) {
		ASSERT_TRUE(wait_until(&w->calling, &w->error, 5000));
		EXPECT_FALSE(wait_until(&w->returned, &w->error, STILL_MS));
		EXPECT_TRUE(wait_until(&w->returned, &w->error, 10000));
		EXPECT_LE(0, w->ret);
	}
	EXPECT_TRUE(wait_until(&w->delivered, &w->error, 10000));
	EXPECT_EQ(0, w->error);
	EXPECT_EQ(0, ends_well(self->child, self->workers));
	self->child = 0;
}

TEST_HARNESS_MAIN
