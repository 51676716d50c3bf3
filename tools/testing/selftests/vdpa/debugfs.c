// SPDX-License-Identifier: GPL-2.0-only
/* What /dev/vhost-vdpa-N shows of itself in debugfs. */
#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "libdebug.h"
#include "libsim.h"
#include "test.h"

FIXTURE(debugfs) {
	struct vdpa_dev dev;
	struct vdpa v;
	const char *name;	/* of the directory */
};

FIXTURE_SETUP(debugfs)
{
	const struct vdpa_attrs attrs = { .mac = sim_mac };
	const struct vdpa_config c = { .features = SIM_F_NET, .num = 64, .ram_size = 4 << 20 };
	int ret = vdpa_dev_make(&self->dev, "vdpasim_net", "n0", &attrs);

	vdpa_init(&self->v);
	if (ret == -ENOENT)
		SKIP(return, "no simulator of network cards");
	ASSERT_EQ(0, ret);
	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	self->name = strrchr(self->dev.path, '/') + 1;
	ASSERT_EQ(0, vdpa_up(&self->v, self->dev.path, &c));
	ASSERT_EQ(0, vdpa_start(&self->v));
	if (access(DEBUG_PATH, X_OK))
		SKIP(return, "kernel or modules without " DEBUG_PATH);
}

FIXTURE_TEARDOWN(debugfs)
{
	vdpa_close(&self->v);
	vdpa_dev_del(&self->dev);
}

TEST_F(debugfs, what_it_shows)
{
	char text[64];

	EXPECT_TRUE(debug_says(self->name, "device", "device", "n0"));
	EXPECT_EQ(getpid(), debug_value(self->name, "device", "owner"));
	EXPECT_TRUE(debug_says(self->name, "device", "suspended", "no"));
	EXPECT_LE(1, debug_value(self->name, "device", "mappings_0"));
	EXPECT_EQ(64, debug_value(self->name, "vq1", "size"));
	EXPECT_EQ(0, debug_text(self->name, "vq1", "eventfds", text, sizeof(text)));
	EXPECT_STREQ("kick call", text);
}

TEST_F(debugfs, kicks_and_calls)
{
	long long kicks = debug_value(self->name, "vq1", "kicks");
	long long calls = debug_value(self->name, "vq1", "calls");

	EXPECT_LE(0, kicks);
	event_signal(self->v.vq[1].kick);
	EXPECT_EQ(kicks + 1, debug_wait(self->name, "vq1", "kicks", kicks + 1));
	drv_ring_arm(&self->v.vq[1].ring);
	EXPECT_EQ(1, sim_echo(&self->v, 0, sim_mac, 100, 1));
	EXPECT_EQ(calls + 1, debug_wait(self->name, "vq1", "calls", calls + 1));
}

TEST_F(debugfs, goes_with_the_file)
{
	char path[300], text[256];
	int fd;

	snprintf(path, sizeof(path), DEBUG_PATH "/%s/vq0", self->name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_LT(0, read(fd, text, sizeof(text)));
	vdpa_close(&self->v);
	EXPECT_EQ(-1, access(path, F_OK));
	EXPECT_EQ(0, lseek(fd, 0, SEEK_SET));
	EXPECT_EQ(-1, read(fd, text, sizeof(text)));
	EXPECT_EQ(EIO, errno);
	close(fd);
}

TEST_HARNESS_MAIN
