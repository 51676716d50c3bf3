// SPDX-License-Identifier: GPL-2.0-only
/*
 * What mappings cost: pages that are pinned and charged while they last, and limits.
 * The parent works with physical addresses; what it does with user addresses, where
 * nothing is pinned, is in maps.c.
 */
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "maps_scene.h"

FIXTURE(pins) {
	struct maps_scene s;
};

FIXTURE_SETUP(pins)
{
	int ret = maps_scene_up(&self->s, "use_va=0");

	if (ret == -ENOENT)
		SKIP(return, "no simulator of disks");
	ASSERT_EQ(0, ret);
}

FIXTURE_TEARDOWN(pins)
{
	EXPECT_EQ(0, maps_scene_down(&self->s));
}

/* Whatever fails half-way lets go of what it had. */
TEST_F(pins, fault_048_failures_half_way)
{
	unsigned int i;

	/* Holes here and there; the first steps of a large range succeed. */
	ASSERT_EQ(0, munmap(self->s.mem + 40 * PAGE, PAGE));
	for (i = 0; i < 40; i += 13) {
		EXPECT_EQ(-EFAULT, map(self->s.fd, IOVA, (NPAGES - i) * PAGE, self->s.mem + i * PAGE));
		EXPECT_EQ(0, pin_kb(&self->s.v));
	}
	EXPECT_EQ(0, unmap(self->s.fd, IOVA, NPAGES * PAGE));
	EXPECT_EQ(-EFAULT, map(self->s.fd, IOVA, UINT64_C(64) << 30, self->s.mem));
	EXPECT_EQ(0, unmap(self->s.fd, 0, 0));
	EXPECT_EQ(0, vdpa_proc_kb(0, "VmPin:"));
	EXPECT_EQ(self->s.pinned, vdpa_pinned());
}

TEST_F(pins, exact)
{
	char *mem = self->s.mem;
	unsigned int i;

	ASSERT_EQ(0, map(self->s.fd, IOVA, NPAGES * PAGE, mem));
	EXPECT_EQ(NPAGES * 4, pin_kb(&self->s.v));
	/* A second time is charged a second time, and part of a page as one. */
	ASSERT_EQ(0, map(self->s.fd, 2 * IOVA, 2, mem + PAGE - 1));
	EXPECT_EQ(NPAGES * 4 + 8, pin_kb(&self->s.v));
	EXPECT_EQ(0, unmap(self->s.fd, IOVA, 1));
	EXPECT_EQ(8, pin_kb(&self->s.v));
	/* Only what is there when it is pinned counts: it stays when the owner unmaps it. */
	ASSERT_EQ(0, munmap(mem, PAGE));
	EXPECT_EQ(0, unmap(self->s.fd, 2 * IOVA, 1));
	EXPECT_EQ(0, pin_kb(&self->s.v));
	for (i = 1; i < NPAGES; i++) {
		ASSERT_EQ(0, map(self->s.fd, IOVA + 2 * i * PAGE, PAGE, mem + i * PAGE));
	}
	EXPECT_EQ((NPAGES - 1) * 4, pin_kb(&self->s.v));
	EXPECT_EQ(0, unmap(self->s.fd, IOVA, UINT64_MAX - IOVA));
	EXPECT_EQ(0, pin_kb(&self->s.v));
}

/* Without CAP_IPC_LOCK, and with a limit. */
static int limited(struct vdpa *v, char *mem)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct cap[2];
	long have = v->ram_size;
	struct rlimit limit = { have + 8 * PAGE, have + 8 * PAGE };

	if (syscall(SYS_capget, &head, cap))
		return 1;
	cap[0].effective &= ~(1U << CAP_IPC_LOCK);
	if (setrlimit(RLIMIT_MEMLOCK, &limit) || syscall(SYS_capset, &head, cap))
		return 2;
	if (map(v->fd, IOVA, 9 * PAGE, mem) != -EFAULT || pin_kb(v))
		return 3;
	if (map(v->fd, IOVA, 8 * PAGE, mem))
		return 4;
	if (map(v->fd, 2 * IOVA, 1, mem) != -EFAULT || pin_kb(v) != 32)
		return 5;
	if (unmap(v->fd, IOVA, 1) || map(v->fd, 2 * IOVA, 1, mem) || pin_kb(v) != 4)
		return 6;
	/* Half a page more, but two pages. */
	if (map(v->fd, IOVA, 7 * PAGE, mem + 1) != -EFAULT)
		return 7;
	return map(v->fd, IOVA, 7 * PAGE, mem) ? 8 : 0;
}

TEST_F(pins, rlimit)
{
	int status;
	pid_t child;

	/* The child is an owner of its own: limits and capabilities do not come back. */
	vdpa_close(&self->s.v);
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		struct vdpa v;

		if (vdpa_up(&v, self->s.dev.path, &(struct vdpa_config){ .features = VDPA_F_BASE }))
			_exit(100);
		_exit(limited(&v, self->s.mem));
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status >> 8);
}

/* The owner is gone, his memory with him; the file is somebody else's. */
TEST_F(pins, owner_gone)
{
	int status, fd;
	pid_t child;

	vdpa_close(&self->s.v);
	fd = vhost_open(self->s.dev.path, 0);
	ASSERT_LE(0, fd);
	child = fork();
	ASSERT_LE(0, child);
	if (!child)
		_exit(vhost_set_owner(fd) || map(fd, IOVA, NPAGES * PAGE, self->s.mem));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(self->s.pinned + NPAGES, vdpa_pinned());
	EXPECT_EQ(-EFAULT, unmap(fd, IOVA, PAGE));
	EXPECT_EQ(0, vdpa_get_status(fd));
	close(fd);
	EXPECT_EQ(self->s.pinned, vdpa_pinned());
}

FIXTURE(limit) {
	struct vdpa_dev dev;
	struct vdpa v;
	char *mem;
};

FIXTURE_SETUP(limit)
{
	vdpa_init(&self->v);
	self->dev.nl.fd = -1;
	self->mem = vdpa_guarded(1, MAP_SHARED);
	ASSERT_NE(NULL, self->mem);
}

FIXTURE_TEARDOWN(limit)
{
	vdpa_close(&self->v);
	vdpa_dev_del(&self->dev);
	vdpa_reload("", "");
}

/* At the limit it ends, and goes on when there is room again. */
TEST_F(limit, fault_061_limit_of_mappings)
{
	unsigned int i;
	int ret = vdpa_reload("", "max_iotlb_entries=16");

	if (!ret)
		ret = vdpa_dev_new(&self->dev, "vdpasim_blk", "m1", 0);
	if (ret == -ENOENT)
		SKIP(return, "no simulator of disks");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, vdpa_up(&self->v, self->dev.path,
			     &(struct vdpa_config){ .features = VDPA_F_BASE }));
	/* One is the fixture's. */
	for (i = 1; i < 16; i++) {
		ASSERT_EQ(0, map(self->v.fd, IOVA + i * PAGE, PAGE, self->mem));
	}
	EXPECT_EQ(-EFAULT, map(self->v.fd, IOVA + i * PAGE, PAGE, self->mem));
	EXPECT_EQ(0, unmap(self->v.fd, IOVA + 5 * PAGE, 1));
	EXPECT_EQ(0, map(self->v.fd, IOVA + i * PAGE, PAGE, self->mem));
	EXPECT_EQ(-EFAULT, map(self->v.fd, IOVA + 5 * PAGE, PAGE, self->mem));
	ASSERT_EQ(0, vdpa_start(&self->v));
	EXPECT_EQ(0, vblk_check(&self->v, 0, 512, 1));
}

/* The parent has no room: a batch that it refuses has changed nothing at all. */
TEST_F(limit, fault_061_limit_of_the_parent)
{
	unsigned int i;
	int ret = vdpa_reload("use_va=0 max_iotlb_entries=16", "");
	long pinned = vdpa_pinned();

	if (!ret)
		ret = vdpa_dev_new(&self->dev, "vdpasim_blk", "m2", 0);
	if (ret == -ENOENT)
		SKIP(return, "no simulator of disks");
	ASSERT_EQ(0, ret);
	/* One page of memory, so that it is one mapping of the parent's. */
	ASSERT_EQ(0, vdpa_open(&self->v, self->dev.path,
			       &(struct vdpa_config){ .features = VDPA_F_BASE }));
	for (i = 0; i < 8; i++) {
		ASSERT_EQ(0, map(self->v.fd, IOVA + i * PAGE, PAGE, self->mem));
	}
	ASSERT_EQ(0, vdpa_batch(self->v.fd, 0, true));
	ASSERT_EQ(0, unmap(self->v.fd, IOVA, PAGE));
	for (i = 8; i < 32; i++) {
		ASSERT_EQ(0, map(self->v.fd, IOVA + i * PAGE, PAGE, self->mem));
	}
	EXPECT_EQ(-EFAULT, vdpa_batch(self->v.fd, 0, false));
	EXPECT_EQ(pinned + 8, vdpa_pinned());
	EXPECT_EQ(32, vdpa_proc_kb(0, "VmPin:"));
	EXPECT_EQ(-EFAULT, map(self->v.fd, IOVA, PAGE, self->mem));
	/* It is over, and others have their effect at once. */
	for (i = 8; i < 16; i++) {
		EXPECT_EQ(0, map(self->v.fd, IOVA + i * PAGE, PAGE, self->mem));
	}
	EXPECT_EQ(-EFAULT, map(self->v.fd, IOVA + i * PAGE, PAGE, self->mem));
	vdpa_close(&self->v);
	EXPECT_EQ(pinned, vdpa_pinned());
}

/* A guest's memory, in as many pieces as the kernel had: tens of thousands at worst. */
TEST_F(limit, scattered_memory)
{
	const size_t size = 64 << 20;
	int ret = vdpa_reload("use_va=0 max_iotlb_entries=1000000", "");
	long pinned = vdpa_pinned();
	char *ram;

	if (!ret)
		ret = vdpa_dev_new(&self->dev, "vdpasim_blk", "m3", 0);
	if (ret == -ENOENT)
		SKIP(return, "no simulator of disks");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, vdpa_up(&self->v, self->dev.path, &(struct vdpa_config){
			     .features = VDPA_F_BASE, .ram_size = size }));
	EXPECT_EQ(size >> 10, vdpa_proc_kb(0, "VmPin:"));
	EXPECT_EQ(pinned + (long)(size / PAGE), vdpa_pinned());
	ASSERT_EQ(0, vdpa_start(&self->v));
	ram = self->v.ram;
	memset(ram + size - 512, 0x42, 512);
	EXPECT_EQ(0, vblk_io(&self->v, VBLK_OUT, 0, ram + size - 512, 512));
	EXPECT_EQ(0, vblk_io(&self->v, VBLK_IN, 0, ram + size / 2, 512));
	EXPECT_EQ(0x42, ram[size / 2 + 511]);
	vdpa_close(&self->v);
	EXPECT_EQ(pinned, vdpa_pinned());
}

TEST_HARNESS_MAIN
