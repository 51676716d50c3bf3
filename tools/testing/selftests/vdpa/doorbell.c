// SPDX-License-Identifier: GPL-2.0-only
/*
 * Doorbells and interrupts of a device in a VMM's hands, with a parent that has nothing
 * else: vdpa_doorbell_test. FAULTS 42, 43, 45, 59.
 */
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "libvdpa.h"
#include "test.h"
#include "test/doorbell.h"

#define PAGE		4096
/* Without VHOST_BACKEND_F_SUSPEND, which the parent has not. */
#define BACKEND		(VDPA_BF_MSG_V2 | VDPA_BF_BATCH)

FIXTURE(bell) {
	struct vdpa_dev dev;
	struct vdpa v;
};

FIXTURE_SETUP(bell)
{
	int ret = vdpa_dev_new(&self->dev, "vdpa_doorbell_test", "b0", 0);

	vdpa_init(&self->v);
	if (ret == -ENOENT)
		SKIP(return, "no parent with doorbells");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, vdpa_up(&self->v, self->dev.path,
			     &(struct vdpa_config){ .features = VDPA_F_BASE,
						     .backend_features = BACKEND }));
}

FIXTURE_TEARDOWN(bell)
{
	vdpa_close(&self->v);
	vdpa_dev_del(&self->dev);
}

static volatile uint32_t *map_bell(int fd, unsigned int index)
{
	void *at = mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, fd, (off_t)index * PAGE);

	return at == MAP_FAILED ? NULL : at;
}

static struct bell_config config(int fd)
{
	struct bell_config c = { .irq = UINT32_MAX };

	vdpa_get_config(fd, 0, &c, sizeof(c));
	return c;
}

static int order(int fd, bool silent, int event)
{
	struct bell_orders o = { .silent = silent, .eventfd = event };

	return vdpa_set_config(fd, offsetof(struct bell_config, orders), &o, sizeof(o));
}

/* What the operating system thinks of a mapping: the letters of VmFlags. */
static bool vm_flag(volatile void *at, const char *flag)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	bool here = false, has = false;
	unsigned long start;
	char line[512];

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%*x %*s", &start) == 1 && strchr(line, '-'))
			here = start == (unsigned long)at;
		else if (here && !strncmp(line, "VmFlags:", 8))
			has = strstr(line, flag);
	}
	if (f)
		fclose(f);
	return has;
}

/* ---- doorbells ---- */

/* Each queue has its own; what is not a whole page of a queue's nobody gets. */
TEST_F(bell, fault_042_one_for_each_queue)
{
	static const struct { unsigned int index; int err; } bad[] = {
		{ BELL_SHORT, EOPNOTSUPP }, { BELL_MISALIGNED, EINVAL }, { BELL_NONE, EOPNOTSUPP },
		{ BELL_QUEUES, EINVAL }, { 65535, EINVAL }, { 65536, EINVAL },
	};
	static const struct { size_t len; int prot, flags; } wrong[] = {
		{ 2 * PAGE, PROT_WRITE, MAP_SHARED }, { PAGE, PROT_WRITE, MAP_PRIVATE },
		{ PAGE, PROT_READ, MAP_SHARED }, { PAGE, PROT_READ | PROT_WRITE, MAP_SHARED },
	};
	volatile uint32_t *bell[BELL_PAGES];
	struct bell_config c;
	unsigned int i;
	int fd = self->v.fd;

	for (i = 0; i < BELL_PAGES; i++) {
		bell[i] = map_bell(fd, i);
		ASSERT_NE(NULL, bell[i]);
	}
	for (i = 0; i < BELL_PAGES; i++)
		*bell[i] = 100 + i;
	c = config(fd);
	for (i = 0; i < BELL_PAGES; i++) {
		EXPECT_EQ(100 + i, c.rung[i]);
		munmap((void *)bell[i], PAGE);
	}
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		EXPECT_EQ(NULL, map_bell(fd, bad[i].index));
		EXPECT_EQ(bad[i].err, errno) TH_LOG("queue %u", bad[i].index);
	}
	for (i = 0; i < ARRAY_LEN(wrong); i++) {
		errno = 0;
		EXPECT_EQ(MAP_FAILED, mmap(NULL, wrong[i].len, wrong[i].prot, wrong[i].flags, fd,
					   0));
		EXPECT_EQ(EINVAL, errno) TH_LOG("way %u", i);
	}
}

/* Row 43: it is no memory. It does not grow, is not dumped, and nobody pins it. */
TEST_F(bell, fault_043_no_memory)
{
	static const char *const flags[] = { " io", " pf", " de", " dd" };
	volatile uint32_t *bell = map_bell(self->v.fd, 1);
	struct iovec iov = { .iov_base = (void *)bell, .iov_len = 4 };
	int tube[2], status;
	unsigned int i;
	void *moved;
	pid_t child;

	ASSERT_NE(NULL, bell);
	*bell = 1;
	if (vm_flag(bell, " sh")) {
		for (i = 0; i < ARRAY_LEN(flags); i++) {
			EXPECT_TRUE(vm_flag(bell, flags[i])) TH_LOG("no%s", flags[i]);
		}
	}
	EXPECT_EQ(MAP_FAILED, mremap((void *)bell, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
	EXPECT_EQ(EFAULT, errno);
	ASSERT_EQ(0, pipe(tube));
	EXPECT_EQ(-1, vmsplice(tube[1], &iov, 1, 0));
	EXPECT_EQ(EFAULT, errno);
	/* A child has the same one; and it may move. */
	child = fork();
	if (!child) {
		*bell = 2;
		_exit(0);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(2, config(self->v.fd).rung[1]);
	moved = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_EQ(moved, mremap((void *)bell, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, moved));
	*(volatile uint32_t *)moved = 3;
	EXPECT_EQ(3, config(self->v.fd).rung[1]);
	munmap(moved, PAGE);
	close(tube[0]);
	close(tube[1]);
}

/* Row 59: the device does not go while its doorbell is mapped, be the file closed. */
TEST_F(bell, fault_059_mapped_is_open)
{
	volatile uint32_t *bell = map_bell(self->v.fd, 0);
	struct vnl nl;
	pid_t child;

	ASSERT_NE(NULL, bell);
	vdpa_close(&self->v);
	EXPECT_EQ(-EBUSY, vhost_open(self->dev.path, 0));
	child = fork();
	if (!child) {
		munmap((void *)bell, PAGE);
		_exit(vnl_open(&nl) ? 1 : -vnl_dev_del(&nl, "b0"));
	}
	ASSERT_LT(0, child);
	EXPECT_EQ(-1, proc_child_ended(child, VDPA_QUIET_MS));
	*bell = 7;
	EXPECT_EQ(7, *bell);
	munmap((void *)bell, PAGE);
	EXPECT_EQ(0, proc_child_ended(child, VDPA_TIMEOUT_MS));
	EXPECT_EQ(-ENOENT, vdpa_dev_find("b0", self->dev.path, sizeof(self->dev.path)));
	self->dev.name[0] = '\0';
}

/* A device may have fewer of them than when they were mapped. */
TEST_F(bell, fault_042_device_without_doorbells)
{
	volatile uint32_t *bell = map_bell(self->v.fd, 0);
	int status;
	pid_t child;

	ASSERT_NE(NULL, bell);
	ASSERT_EQ(0, order(self->v.fd, true, -1));
	EXPECT_EQ(NULL, map_bell(self->v.fd, 0));
	EXPECT_EQ(EOPNOTSUPP, errno);
	child = fork();
	if (!child) {
		*bell = 1;
		_exit(0);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS) TH_LOG("%#x", status);
	EXPECT_EQ(0, config(self->v.fd).rung[0]);
	munmap((void *)bell, PAGE);
}

/* ---- interrupts ---- */

FIXTURE(irq) {
	struct vdpa_dev dev;
	struct vdpa v;
	int fd;
};

FIXTURE_SETUP(irq)
{
	int ret = vdpa_dev_new(&self->dev, "vdpa_doorbell_test", "i0", 0);

	vdpa_init(&self->v);
	if (ret == -ENOENT)
		SKIP(return, "no parent with interrupts");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, vdpa_up(&self->v, self->dev.path,
			     &(struct vdpa_config){ .features = VDPA_F_BASE,
						     .backend_features = BACKEND }));
	self->fd = self->v.fd;
	if (!config(self->fd).can_bypass) {
		/* Skipped tests are not torn down. */
		vdpa_close(&self->v);
		vdpa_dev_del(&self->dev);
		SKIP(return, "kernel without irq bypass manager");
	}
}

FIXTURE_TEARDOWN(irq)
{
	vdpa_close(&self->v);
	vdpa_dev_del(&self->dev);
}

/* Whose eventfd is looked for, and which interrupt there is for it. */
static unsigned int irq_of(int fd, int event)
{
	return order(fd, false, event) ? UINT32_MAX : config(fd).irq;
}

/* It is the eventfd's that is set now, while the device runs and no longer. */
TEST_F(irq, fault_045_follows_the_eventfd)
{
	int first = self->v.vq[0].call, second = self->v.vq[1].call;
	int other = event_new(), closed = event_new(), fd = self->fd;

	close(closed);
	EXPECT_EQ(0, irq_of(fd, first));
	ASSERT_EQ(0, vhost_set_vring_call(fd, 0, first));
	EXPECT_EQ(0, config(fd).irq);
	ASSERT_EQ(0, vdpa_start(&self->v));
	EXPECT_EQ(BELL_IRQ, config(fd).irq);
	EXPECT_EQ(BELL_IRQ + 1, irq_of(fd, second));
	EXPECT_EQ(0, irq_of(fd, self->v.vq[BELL_NONE].call));
	EXPECT_EQ(0, irq_of(fd, other));
	ASSERT_EQ(0, vhost_set_vring_call(fd, 0, other));
	EXPECT_EQ(BELL_IRQ, config(fd).irq);
	EXPECT_EQ(0, irq_of(fd, first));
	EXPECT_EQ(BELL_IRQ, irq_of(fd, other));
	EXPECT_EQ(-EBADF, vhost_set_vring_call(fd, 0, closed));
	EXPECT_EQ(BELL_IRQ, config(fd).irq);
	ASSERT_EQ(0, vhost_set_vring_call(fd, 0, -1));
	EXPECT_EQ(0, config(fd).irq);
	ASSERT_EQ(0, vhost_set_vring_call(fd, 0, other));
	EXPECT_EQ(BELL_IRQ, config(fd).irq);
	/* A reset takes it away first. */
	ASSERT_EQ(0, vdpa_set_status(fd, 0));
	EXPECT_EQ(0, config(fd).irq);
	EXPECT_EQ(0, config(fd).untimely);
	ASSERT_EQ(0, vdpa_restart(&self->v));
	EXPECT_EQ(0, config(fd).untimely);
	close(other);
}

/* Row 45: eventfds come and go, and one is often where the last one was. */
TEST_F(irq, fault_045_swapped)
{
	int event = -1, fd = self->fd, next;
	struct bell_config c;
	unsigned int i;

	ASSERT_EQ(0, vdpa_start(&self->v));
	for (i = 0; i < 200; i++) {
		next = event_new();
		ASSERT_LE(0, next);
		ASSERT_EQ(0, vhost_set_vring_call(fd, 0, next));
		close(event);
		event = next;
		/* The consumer has yet to hear of it. */
		EXPECT_EQ(0, config(fd).irq);
		EXPECT_EQ(BELL_IRQ, irq_of(fd, event));
	}
	/* Closed as it is, with somebody else to look for it. */
	vdpa_close(&self->v);
	close(event);
	self->fd = vhost_open(self->dev.path, 0);
	ASSERT_LE(0, self->fd);
	c = config(self->fd);
	EXPECT_EQ(200, c.connects);
	EXPECT_EQ(200, c.disconnects);
	EXPECT_EQ(0, c.irq);
	EXPECT_EQ(0, c.untimely);
	close(self->fd);
}

TEST_HARNESS_MAIN
