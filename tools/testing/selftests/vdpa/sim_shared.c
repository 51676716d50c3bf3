// SPDX-License-Identifier: GPL-2.0-only
/*
 * Disks that share their content: it is there as long as anybody has it. Run it as
 * sim_param.sh vdpa_sim_blk.shared_backend=1 sim_shared: it takes the module away.
 */
#include <signal.h>
#include <sys/wait.h>

#include "libsim.h"
#include "test.h"

static bool shared(void)
{
	FILE *f = fopen("/sys/module/vdpa_sim_blk/parameters/shared_backend", "r");
	bool on = f && fgetc(f) == 'Y';

	if (f)
		fclose(f);
	return on;
}

static int disk_up(struct vdpa_dev *dev, struct vdpa *v, const char *name)
{
	int ret = vdpa_dev_make(dev, "vdpasim_blk", name, &(struct vdpa_attrs){});

	vdpa_init(v);
	if (!ret)
		ret = vdpa_up(v, dev->path, &(struct vdpa_config){ .features = VDPA_F_BASE });
	return ret ? ret : vdpa_start(v);
}

FIXTURE(shared) {
	struct vdpa_dev dev[2];
	struct vdpa v[2];
};

FIXTURE_SETUP(shared)
{
	int ret;

	if (!shared())
		SKIP(return, "vdpa_sim_blk is loaded without shared_backend");
	ret = disk_up(&self->dev[0], &self->v[0], "d0");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, disk_up(&self->dev[1], &self->v[1], "d1"));
}

FIXTURE_TEARDOWN(shared)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		vdpa_close(&self->v[i]);
		vdpa_dev_del(&self->dev[i]);
	}
}

/* What one writes the other reads, also when the one is gone, and a third. */
TEST_F(shared, seen_by_all)
{
	struct vdpa *a = &self->v[0], *b = &self->v[1];
	char *in = vdpa_alloc(b, 4096, 512), *out = vdpa_alloc(a, 4096, 512);
	unsigned int i;

	for (i = 0; i < 20; i++) {
		memset(out, i + 1, 4096);
		ASSERT_EQ(0, vblk_io(a, VBLK_OUT, i * 100, out, 4096));
		ASSERT_EQ(0, vblk_io(b, VBLK_IN, i * 100, in, 4096));
		ASSERT_EQ(0, memcmp(in, out, 4096));
	}
	vdpa_close(a);
	vdpa_dev_del(&self->dev[0]);
	ASSERT_EQ(0, vblk_io(b, VBLK_IN, 1900, in, 4096));
	EXPECT_EQ(20, in[0]);
	ASSERT_EQ(0, disk_up(&self->dev[0], a, "d2"));
	in = vdpa_alloc(a, 4096, 512);
	ASSERT_EQ(0, vblk_io(a, VBLK_IN, 1900, in, 4096));
	EXPECT_EQ(20, in[4095]);
}

/* The module waits for those who have a disk open, who notice nothing. */
TEST_F_TIMEOUT(shared, fault_057_module_goes_under_io, 60)
{
	struct vdpa *v = &self->v[0];
	uint64_t end;
	int status;
	pid_t child;
	unsigned int i;

	ASSERT_EQ(0, vblk_check(v, 0, 4096, 1));
	vdpa_close(&self->v[1]);
	child = fork();
	if (!child) {
		close(v->fd);
		execlp("rmmod", "rmmod", "vdpa_sim_blk", NULL);
		_exit(126);
	}
	for (end = now_ms() + 300, i = 0; now_ms() < end || i < MIN_ROUNDS; i++) {
		ASSERT_EQ(0, vblk_check(v, i * 8, 4096, i));
	}
	/* It waits, or it was refused. */
	if (waitpid(child, &status, WNOHANG) == child) {
		EXPECT_NE(0, status);
		return;
	}
	vdpa_close(v);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	/* Refused at the last moment. */
	if (WIFEXITED(status) && WEXITSTATUS(status) == 1)
		return;
	EXPECT_EQ(0, status);
	/* The devices went with it. */
	self->dev[0].name[0] = '\0';
	self->dev[1].name[0] = '\0';
}

TEST_HARNESS_MAIN
