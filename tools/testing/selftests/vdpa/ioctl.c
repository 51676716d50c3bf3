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

TEST_HARNESS_MAIN
