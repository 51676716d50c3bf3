// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every ioctl of /dev/vhost-vdpa-N: what it answers, to whom, and with which error.
 * Runs on the distribution's modules too, but for what we do differently on purpose
 * (Documentation/vhost-vdpa.rst).
 */
#include <fcntl.h>
#include <limits.h>
#include <linux/virtio_ids.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "libvdpa.h"
#include "test.h"

#define NET_CLASS	1
#define BLK_CLASS	2

FIXTURE(ioctl) {
	struct vdpa_dev dev;
	struct vdpa v;
	int fd;
};

FIXTURE_SETUP(ioctl)
{
	int ret = vdpa_dev_new(&self->dev, "vdpasim_blk", "i0", 0);

	vdpa_init(&self->v);
	self->fd = -1;
	if (ret == -ENOENT)
		SKIP(return, "no simulator of disks");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, vdpa_up(&self->v, self->dev.path,
			     &(struct vdpa_config){ .features = VDPA_F_BASE }));
	self->fd = self->v.fd;
}

FIXTURE_TEARDOWN(ioctl)
{
	vdpa_close(&self->v);
	vdpa_dev_del(&self->dev);
}

TEST_F(ioctl, traffic)
{
	ASSERT_EQ(0, vdpa_start(&self->v));
	EXPECT_EQ(0, vblk_check(&self->v, 0, 4096, 1));
	EXPECT_EQ(0, vblk_check(&self->v, 100, 512, 2));
}

TEST_F(ioctl, what_it_is)
{
	uint64_t first = 1, last = 1, features;
	int num = vdpa_get_vring_num(self->fd);

	EXPECT_EQ(VIRTIO_ID_BLOCK, vdpa_get_device_id(self->fd));
	EXPECT_EQ(1, vdpa_get_vqs_count(self->fd));
	EXPECT_LE(128, num);
	EXPECT_EQ(0, num & (num - 1));
	EXPECT_LE(1, vdpa_get_group_num(self->fd));
	EXPECT_LE(1, vdpa_get_as_num(self->fd));
	EXPECT_LE(60, vdpa_get_config_size(self->fd));
	EXPECT_EQ(0, vdpa_get_iova_range(self->fd, &first, &last));
	EXPECT_EQ(0, first);
	EXPECT_EQ(UINT64_MAX, last);
	EXPECT_EQ(0, vhost_get_features(self->fd, &features));
	EXPECT_EQ(VDPA_F_BASE, features & VDPA_F_BASE);
	EXPECT_EQ(0, vdpa_get_vring_group(self->fd, 0));
	/* The size that was set, and before that the largest there is. */
	EXPECT_EQ(128, vdpa_get_vring_size(self->fd, 0));
	EXPECT_EQ(0, vdpa_set_status(self->fd, 0));
	EXPECT_EQ(num, vdpa_get_vring_size(self->fd, 0));
}

/* One at a time. */
TEST_F(ioctl, fault_059_one_opener)
{
	EXPECT_EQ(-EBUSY, vhost_open(self->dev.path, 0));
	close(self->fd);
	self->v.fd = vhost_open(self->dev.path, 0);
	EXPECT_LE(0, self->v.fd);
	/* As new: no owner, no status, no backend features, no mappings. */
	EXPECT_EQ(0, vdpa_get_status(self->v.fd));
	EXPECT_EQ(-EPERM, vhost_get_vring_base(self->v.fd, 0));
	EXPECT_EQ(0, vhost_set_owner(self->v.fd));
	EXPECT_EQ(0, vdpa_map(self->v.fd, 0, self->v.iova, self->v.ram_size, self->v.ram,
			      VHOST_ACCESS_RW));
}

static const unsigned long queue_calls[] = {
	VHOST_SET_VRING_NUM, VHOST_SET_VRING_ADDR, VHOST_SET_VRING_BASE, VHOST_GET_VRING_BASE,
	VHOST_SET_VRING_KICK, VHOST_SET_VRING_CALL, VHOST_SET_VRING_ERR,
	VHOST_VDPA_SET_VRING_ENABLE, VHOST_VDPA_GET_VRING_SIZE, VHOST_VDPA_GET_VRING_GROUP,
	VHOST_VDPA_SET_GROUP_ASID,
};

static const unsigned long device_calls[] = {
	VHOST_GET_FEATURES, VHOST_SET_FEATURES, VHOST_GET_BACKEND_FEATURES,
	VHOST_SET_BACKEND_FEATURES, VHOST_VDPA_GET_DEVICE_ID, VHOST_VDPA_GET_STATUS,
	VHOST_VDPA_SET_STATUS, VHOST_VDPA_GET_CONFIG, VHOST_VDPA_SET_CONFIG,
	VHOST_VDPA_GET_CONFIG_SIZE, VHOST_VDPA_SET_CONFIG_CALL, VHOST_VDPA_GET_IOVA_RANGE,
	VHOST_VDPA_GET_VRING_NUM, VHOST_VDPA_GET_VQS_COUNT, VHOST_VDPA_GET_GROUP_NUM,
	VHOST_VDPA_GET_AS_NUM,
};

TEST_F(ioctl, no_such_queue)
{
	static const unsigned int index[] = { 1, 2, 0xffff, 0x10000, 0x7fffffff, UINT_MAX };
	unsigned int i, j;

	for (i = 0; i < ARRAY_LEN(queue_calls); i++) {
		for (j = 0; j < ARRAY_LEN(index); j++) {
			uint64_t arg[8] = { index[j] };

			EXPECT_EQ(-ENOBUFS, vhost_ioctl(self->fd, queue_calls[i], arg)) {
				TH_LOG("call %#lx, index %u", queue_calls[i], index[j]);
			}
		}
	}
}

TEST_F(ioctl, bad_pointers)
{
	void *bad = (void *)UNMAPPED_ADDR;
	unsigned int i;

	/* The status must let features through. */
	ASSERT_EQ(0, vdpa_set_status(self->fd, 0));
	for (i = 0; i < ARRAY_LEN(queue_calls); i++) {
		EXPECT_EQ(-EFAULT, vhost_ioctl(self->fd, queue_calls[i], bad)) {
			TH_LOG("call %#lx", queue_calls[i]);
		}
	}
	for (i = 0; i < ARRAY_LEN(device_calls); i++) {
		EXPECT_EQ(-EFAULT, vhost_ioctl(self->fd, device_calls[i], bad)) {
			TH_LOG("call %#lx", device_calls[i]);
		}
	}
	EXPECT_EQ(-EFAULT, vhost_ioctl(self->fd, VHOST_SET_MEM_TABLE, bad));
}

/* What others than the owner may do concerns the device as a whole. */
TEST_F(ioctl, owner)
{
	struct { struct vhost_memory m; } table = { 0 };
	uint64_t arg[8] = { 0 };
	unsigned int i, round;
	int fd;

	EXPECT_EQ(-EBUSY, vhost_set_owner(self->fd));
	close(self->fd);
	self->v.fd = fd = vhost_open(self->dev.path, 0);
	ASSERT_LE(0, fd);
	/* Nobody is the owner, then somebody else is. */
	for (round = 0; round < 2; round++) {
		for (i = 0; i < ARRAY_LEN(queue_calls); i++) {
			memset(arg, 0, sizeof(arg));
			EXPECT_EQ(-EPERM, vhost_ioctl(fd, queue_calls[i], arg)) {
				TH_LOG("call %#lx", queue_calls[i]);
			}
		}
		EXPECT_EQ(-EPERM, vhost_set_mem_table(fd, &table.m));
		EXPECT_EQ(-EFAULT, vdpa_map(fd, 0, 0, 4096, self->v.ram, VHOST_ACCESS_RW));
		EXPECT_EQ(-EFAULT, vdpa_unmap(fd, 0, 0, 4096));
		EXPECT_EQ(0, vhost_get_features(fd, arg));
		EXPECT_EQ(0, vdpa_set_status(fd, VDPA_S_ACK));
		EXPECT_EQ(VDPA_S_ACK, vdpa_get_status(fd));
		EXPECT_EQ(VIRTIO_ID_BLOCK, vdpa_get_device_id(fd));
		EXPECT_EQ(0, vdpa_set_status(fd, 0));
		if (!round) {
			pid_t child = fork();
			int status;

			ASSERT_LE(0, child);
			if (!child)
				_exit(-vhost_set_owner(fd));
			ASSERT_EQ(child, waitpid(child, &status, 0));
			EXPECT_EQ(0, status);
		}
	}
	EXPECT_EQ(-EBUSY, vhost_set_owner(fd));
}

/* What this device does not have. There is no dirty log, owner or not. */
TEST_F(ioctl, unknown)
{
	static const unsigned long calls[] = {
		VHOST_SET_LOG_BASE, VHOST_SET_LOG_FD, VHOST_RESET_OWNER, VHOST_NEW_WORKER,
		VHOST_ATTACH_VRING_WORKER, VHOST_GET_VRING_WORKER, VHOST_NET_SET_BACKEND,
		VHOST_SET_VRING_ENDIAN, VHOST_GET_VRING_ENDIAN, VHOST_GET_FEATURES_ARRAY,
	};
	uint64_t arg[8] = { 0 };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(calls); i++) {
		EXPECT_EQ(-ENOTTY, vhost_ioctl(self->fd, calls[i], arg)) {
			TH_LOG("call %#lx", calls[i]);
		}
	}
	close(self->fd);
	self->v.fd = vhost_open(self->dev.path, 0);
	EXPECT_EQ(-ENOTTY, vhost_set_log_base(self->v.fd, 0));
	EXPECT_EQ(-ENOTTY, vhost_set_log_fd(self->v.fd, -1));
}

TEST_F(ioctl, mem_table)
{
	struct {
		struct vhost_memory m;
		struct vhost_memory_region r[1];
	} table = {
		.m = { .nregions = 1 },
		.r = { { .memory_size = self->v.ram_size,
			 .userspace_addr = (uintptr_t)self->v.ram } },
	};

	EXPECT_EQ(0, vhost_set_mem_table(self->fd, &table.m));
	table.m.nregions = 0;
	EXPECT_EQ(0, vhost_set_mem_table(self->fd, &table.m));
	table.m.padding = 1;
	EXPECT_EQ(-EOPNOTSUPP, vhost_set_mem_table(self->fd, &table.m));
	table.m = (struct vhost_memory){ .nregions = UINT_MAX };
	EXPECT_EQ(-E2BIG, vhost_set_mem_table(self->fd, &table.m));
}

TEST_F(ioctl, features)
{
	uint64_t offered;

	ASSERT_EQ(0, vhost_get_features(self->fd, &offered));
	EXPECT_EQ(-EBUSY, vhost_set_features(self->fd, VDPA_F_BASE));
	ASSERT_EQ(0, vdpa_set_status(self->fd, 0));
	EXPECT_EQ(0, vhost_set_features(self->fd, VDPA_F_BASE));
	/* Without ACCESS_PLATFORM there is nothing that addresses could mean. */
	EXPECT_EQ(-EINVAL, vhost_set_features(self->fd, F_VERSION_1));
	EXPECT_EQ(0, vhost_set_features(self->fd, offered));
	/* QEMU's way after a guest's reset. */
	EXPECT_EQ(0, vdpa_set_status(self->fd, VDPA_S_FEATURES_OK));
	EXPECT_EQ(VDPA_S_FEATURES_OK, vdpa_get_status(self->fd));
	EXPECT_EQ(-EBUSY, vhost_set_features(self->fd, VDPA_F_BASE));
}

TEST_F(ioctl, backend_features)
{
	uint64_t offered, want = VDPA_BF_QEMU | VDPA_BF_RESUME | VDPA_BF_LATE_ENABLE |
				 VDPA_BF_PERSIST;

	ASSERT_EQ(0, vhost_get_backend_features(self->fd, &offered));
	EXPECT_EQ(want, offered & ~VDPA_BF_DESC_ASID);
	EXPECT_EQ(0, vhost_set_backend_features(self->fd, offered));
	EXPECT_EQ(0, vhost_set_backend_features(self->fd, 0));
	EXPECT_EQ(-EOPNOTSUPP, vhost_set_backend_features(self->fd, BIT64(0)));
	EXPECT_EQ(-EOPNOTSUPP, vhost_set_backend_features(self->fd, BIT64(9)));
	EXPECT_EQ(-EOPNOTSUPP, vhost_set_backend_features(self->fd, BIT64(63)));
	if (!(offered & VDPA_BF_DESC_ASID)) {
		EXPECT_EQ(-EOPNOTSUPP, vhost_set_backend_features(self->fd, VDPA_BF_DESC_ASID |
								  VDPA_BF_ASID));
		EXPECT_EQ(-EOPNOTSUPP, vdpa_get_vring_desc_group(self->fd, 0));
	} else {
		EXPECT_EQ(-EINVAL, vhost_set_backend_features(self->fd, VDPA_BF_DESC_ASID));
		EXPECT_LE(0, vdpa_get_vring_desc_group(self->fd, 0));
	}
}

TEST_F(ioctl, fault_124_queue_size)
{
	unsigned int max = vdpa_get_vring_num(self->fd), n;

	for (n = 0; n < 2; n++) {
		EXPECT_EQ(0, vhost_set_vring_num(self->fd, 0, max));
		EXPECT_EQ(0, vhost_set_vring_num(self->fd, 0, 2));
		EXPECT_EQ(-EINVAL, vhost_set_vring_num(self->fd, 0, 0));
		EXPECT_EQ(-EINVAL, vhost_set_vring_num(self->fd, 0, 3));
		EXPECT_EQ(-EINVAL, vhost_set_vring_num(self->fd, 0, max + 1));
		EXPECT_EQ(-EINVAL, vhost_set_vring_num(self->fd, 0, 2 * max));
		EXPECT_EQ(-EINVAL, vhost_set_vring_num(self->fd, 0, 0x10000));
		EXPECT_EQ(-EINVAL, vhost_set_vring_num(self->fd, 0, UINT_MAX));
		EXPECT_EQ(2, vdpa_get_vring_size(self->fd, 0));
		EXPECT_EQ(0, vdpa_set_status(self->fd, 0));
	}
}

TEST_F(ioctl, vring_addr)
{
	const struct vhost_vring_addr good = self->v.vq[0].addr;
	struct vhost_vring_addr a = good;

	a.flags = 2;
	EXPECT_EQ(-EOPNOTSUPP, vhost_set_vring_addr(self->fd, &a));
	a = good;
	a.avail_user_addr++;
	EXPECT_EQ(-EINVAL, vhost_set_vring_addr(self->fd, &a));
	a = good;
	a.used_user_addr += 2;
	EXPECT_EQ(-EINVAL, vhost_set_vring_addr(self->fd, &a));
	a = good;
	a.log_guest_addr = 1;
	EXPECT_EQ(-EINVAL, vhost_set_vring_addr(self->fd, &a));
	/* These are no user addresses: all 64 bits may be in use. */
	a = good;
	a.desc_user_addr = UINT64_C(0xfffffffffffff000);
	EXPECT_EQ(0, vhost_set_vring_addr(self->fd, &a));
	EXPECT_EQ(0, vhost_set_vring_addr(self->fd, &good));
	ASSERT_EQ(0, vdpa_start(&self->v));
	EXPECT_EQ(0, vblk_check(&self->v, 0, 512, 1));
}

/* What was refused left nothing behind, what was taken works. */
TEST_F(ioctl, fault_123_changes_while_running)
{
	struct vhost_vring_addr a = self->v.vq[0].addr;
	int base;

	ASSERT_EQ(0, vdpa_start(&self->v));
	a.desc_user_addr += 16;
	EXPECT_EQ(-EINVAL, vhost_set_vring_addr(self->fd, &a));
	EXPECT_EQ(-EINVAL, vhost_set_vring_base(self->fd, 0, 77));
	EXPECT_EQ(-EBUSY, vhost_set_vring_num(self->fd, 0, 64));
	EXPECT_EQ(0, vblk_check(&self->v, 0, 512, 1));
	EXPECT_EQ(2, vhost_get_vring_base(self->fd, 0));

	ASSERT_EQ(0, vdpa_suspend(self->fd));
	base = vhost_get_vring_base(self->fd, 0);
	EXPECT_EQ(2, base);
	EXPECT_EQ(0, vhost_set_vring_base(self->fd, 0, base));
	EXPECT_EQ(0, vhost_set_vring_addr(self->fd, &self->v.vq[0].addr));
	EXPECT_EQ(-EINVAL, vhost_set_vring_base(self->fd, 0, 0x10000));
	ASSERT_EQ(0, vdpa_resume(self->fd));
	EXPECT_EQ(-EINVAL, vhost_set_vring_addr(self->fd, &a));
	EXPECT_EQ(-EINVAL, vhost_set_vring_base(self->fd, 0, 77));
	EXPECT_EQ(0, vblk_check(&self->v, 8, 512, 2));
	EXPECT_EQ(4, vhost_get_vring_base(self->fd, 0));
}

/* Who does not get through leaves the one before him at work. */
TEST_F(ioctl, fault_044_bad_eventfd_keeps_the_old)
{
	int file = open("/dev/null", O_RDWR | O_CLOEXEC), second = event_new();
	int closed = dup(file);

	ASSERT_LE(0, file);
	ASSERT_LE(0, second);
	close(closed);
	ASSERT_EQ(0, vdpa_start(&self->v));
	EXPECT_EQ(-EBADF, vhost_set_vring_kick(self->fd, 0, closed));
	EXPECT_EQ(-EINVAL, vhost_set_vring_kick(self->fd, 0, file));
	EXPECT_EQ(-EBADF, vhost_set_vring_call(self->fd, 0, closed));
	EXPECT_EQ(-EINVAL, vhost_set_vring_call(self->fd, 0, file));
	EXPECT_EQ(-EBADF, vhost_set_vring_err(self->fd, 0, closed));
	EXPECT_EQ(-EINVAL, vhost_set_vring_err(self->fd, 0, file));
	EXPECT_EQ(-EBADF, vdpa_set_config_call(self->fd, closed));
	EXPECT_EQ(-EINVAL, vdpa_set_config_call(self->fd, file));
	EXPECT_EQ(0, vblk_check(&self->v, 0, 512, 1));
	EXPECT_LT(0, event_wait(self->v.vq[0].call, VDPA_TIMEOUT_MS));

	EXPECT_EQ(0, vhost_set_vring_call(self->fd, 0, second));
	EXPECT_EQ(0, vblk_check(&self->v, 0, 512, 2));
	EXPECT_LT(0, event_wait(second, VDPA_TIMEOUT_MS));
	EXPECT_EQ(0, vhost_set_vring_call(self->fd, 0, -1));
	EXPECT_EQ(0, vhost_set_vring_err(self->fd, 0, second));
	EXPECT_EQ(0, vhost_set_vring_err(self->fd, 0, -1));
	EXPECT_EQ(0, vdpa_set_config_call(self->fd, second));
	EXPECT_EQ(0, vdpa_set_config_call(self->fd, -1));
	EXPECT_EQ(0, vblk_check(&self->v, 0, 512, 3));

	/* The eventfd that is set already; none; another. */
	EXPECT_EQ(0, vhost_set_vring_kick(self->fd, 0, self->v.vq[0].kick));
	EXPECT_EQ(0, vblk_check(&self->v, 0, 512, 4));
	EXPECT_EQ(0, vhost_set_vring_kick(self->fd, 0, -1));
	event_signal(self->v.vq[0].kick);
	close(self->v.vq[0].kick);
	self->v.vq[0].kick = second;
	EXPECT_EQ(0, vhost_set_vring_kick(self->fd, 0, second));
	EXPECT_EQ(0, vblk_check(&self->v, 0, 512, 5));
	close(file);
}

/* Who has the device call itself gets no more than what he asked for. */
TEST_F(ioctl, kick_is_call)
{
	int both = self->v.vq[0].kick;

	EXPECT_EQ(0, vhost_set_vring_call(self->fd, 0, both));
	EXPECT_EQ(0, vdpa_set_config_call(self->fd, both));
	ASSERT_EQ(0, vdpa_start(&self->v));
	EXPECT_EQ(0, vblk_check(&self->v, 0, 4096, 1));
	EXPECT_EQ(0, vblk_check(&self->v, 0, 4096, 2));
	EXPECT_EQ(4, vhost_get_vring_base(self->fd, 0));
}

/* A call eventfd outlives a reset, as it is the VMM's. */
TEST_F(ioctl, call_after_reset)
{
	ASSERT_EQ(0, vdpa_set_status(self->fd, 0));
	ASSERT_EQ(0, vdpa_negotiate(&self->v, VDPA_F_BASE));
	ASSERT_EQ(0, vdpa_unmap(self->fd, 0, 0, 0));
	ASSERT_EQ(0, vdpa_map(self->fd, 0, self->v.iova, self->v.ram_size, self->v.ram,
			      VHOST_ACCESS_RW));
	ASSERT_EQ(0, vhost_set_vring_num(self->fd, 0, 128));
	ASSERT_EQ(0, vhost_set_vring_addr(self->fd, &self->v.vq[0].addr));
	ASSERT_EQ(0, vdpa_start(&self->v));
	EXPECT_EQ(0, vblk_check(&self->v, 0, 512, 1));
	EXPECT_LT(0, event_wait(self->v.vq[0].call, VDPA_TIMEOUT_MS));
}

TEST_F(ioctl, fault_125_group_while_running)
{
	int groups = vdpa_get_group_num(self->fd), spaces = vdpa_get_as_num(self->fd);

	EXPECT_EQ(0, vdpa_set_group_asid(self->fd, 0, spaces - 1));
	EXPECT_EQ(0, vdpa_set_group_asid(self->fd, 0, 0));
	EXPECT_EQ(-EINVAL, vdpa_set_group_asid(self->fd, 0, spaces));
	EXPECT_EQ(-EINVAL, vdpa_set_group_asid(self->fd, 0, UINT_MAX));
	if (groups == 1) {
		EXPECT_EQ(-ENOBUFS, vdpa_set_group_asid(self->fd, 1, 0));
	}
	ASSERT_EQ(0, vdpa_start(&self->v));
	EXPECT_EQ(-EBUSY, vdpa_set_group_asid(self->fd, 0, 0));
	EXPECT_EQ(0, vblk_check(&self->v, 0, 512, 1));
}

TEST_F(ioctl, fault_102_more_than_there_is)
{
	uint32_t size = vdpa_get_config_size(self->fd), i;
	unsigned char a[512], b[512];

	ASSERT_LE(8, size);
	ASSERT_GT(sizeof(a), size);
	EXPECT_EQ(0, vdpa_get_config(self->fd, 0, a, size));
	for (i = 0; i < size; i++) {
		EXPECT_EQ(0, vdpa_get_config(self->fd, i, b, 1));
		EXPECT_EQ(a[i], b[0]);
	}
	EXPECT_EQ(-EINVAL, vdpa_get_config(self->fd, 0, b, 0));
	EXPECT_EQ(-EINVAL, vdpa_get_config(self->fd, 0, b, size + 1));
	EXPECT_EQ(-EINVAL, vdpa_get_config(self->fd, 1, b, size));
	EXPECT_EQ(-EINVAL, vdpa_get_config(self->fd, size, b, 1));
	EXPECT_EQ(-EINVAL, vdpa_get_config(self->fd, size + 1, b, 1));
	EXPECT_EQ(-EINVAL, vdpa_get_config(self->fd, UINT_MAX, b, 1));
	EXPECT_EQ(-EINVAL, vdpa_set_config(self->fd, 0, b, 0));
	EXPECT_EQ(-EINVAL, vdpa_set_config(self->fd, 0, b, size + 1));
	EXPECT_EQ(-EINVAL, vdpa_set_config(self->fd, UINT_MAX, b, 2));
	EXPECT_EQ(0, vdpa_set_config(self->fd, 0, a, size));
	EXPECT_EQ(0, vdpa_get_config(self->fd, 0, b, size));
	EXPECT_EQ(0, memcmp(a, b, size));
}

/* Lengths that nobody may believe, and data that is not there. */
TEST_F(ioctl, config_pointers)
{
	struct vhost_vdpa_config *c;
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, page);
	ASSERT_EQ(0, munmap(page + 4096, 4096));
	c = (void *)(page + 4096 - sizeof(*c));
	*c = (struct vhost_vdpa_config){ .len = UINT_MAX };
	EXPECT_EQ(-EINVAL, vhost_ioctl(self->fd, VHOST_VDPA_GET_CONFIG, c));
	EXPECT_EQ(-EINVAL, vhost_ioctl(self->fd, VHOST_VDPA_SET_CONFIG, c));
	*c = (struct vhost_vdpa_config){ .off = 8, .len = UINT_MAX - 7 };
	EXPECT_EQ(-EINVAL, vhost_ioctl(self->fd, VHOST_VDPA_GET_CONFIG, c));
	*c = (struct vhost_vdpa_config){ .len = 8 };
	EXPECT_EQ(-EFAULT, vhost_ioctl(self->fd, VHOST_VDPA_GET_CONFIG, c));
	EXPECT_EQ(-EFAULT, vhost_ioctl(self->fd, VHOST_VDPA_SET_CONFIG, c));
	munmap(page, 4096);
}

/* No simulator has a doorbell, but what is asked is looked at first. */
TEST_F(ioctl, fault_042_doorbell_of_no_queue)
{
	static const off_t wrong[] = { 1, 65535, 65536, INT64_C(1) << 40 };
	unsigned int i;

	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, self->fd, 0));
	EXPECT_NE(EINVAL, errno);
	for (i = 0; i < ARRAY_LEN(wrong); i++) {
		errno = 0;
		EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, self->fd,
					   wrong[i] * 4096));
		EXPECT_EQ(EINVAL, errno);
	}
	errno = 0;
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_WRITE, MAP_PRIVATE, self->fd, 0));
	EXPECT_EQ(EINVAL, errno);
	errno = 0;
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd, 0));
	EXPECT_EQ(EINVAL, errno);
	errno = 0;
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 8192, PROT_WRITE, MAP_SHARED, self->fd, 0));
	EXPECT_EQ(EINVAL, errno);
}

/* Nothing is to be read, and nobody waits for it. */
TEST_F(ioctl, read)
{
	struct vhost_msg_v2 msg;

	EXPECT_EQ(-1, read(self->fd, &msg, sizeof(msg)));
	EXPECT_EQ(EINVAL, errno);
}

TEST_HARNESS_MAIN
