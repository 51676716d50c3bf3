// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each of our modules is loaded, with the 1st, 2nd, 3rd ... allocation or copy failing
 * meanwhile: it is there or it is not, nothing in between, and can be loaded after that.
 * Needs a kernel with fault injection, and that nobody uses the modules.
 *
 * RINGSIDE_LOOPS is how dense the points of failure are that are tried.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "libfail.h"
#include "libvdpa.h"
#include "test.h"

#define MOST	20000	/* no module has that many points of failure */

/* In the order in which they need each other. */
static const char *const modules[] = {
	"vhost_memmap", "vhost_vring", "vhost", "vhost_net", "vhost_vsock", "vhost_scsi",
	"vdpa", "vdpa_sim", "vdpa_sim_net", "vdpa_sim_blk", "vhost_vdpa",
};

static bool module_there(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/module/%s", name);
	return !access(path, F_OK);
}

static int load(int file)
{
	return syscall(SYS_finit_module, file, "", 0) ? -errno : 0;
}

static int unload(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? -errno : 0;
}

/* What a module needs of others than ours is there, none of ours is. */
static int prepare(void)
{
	unsigned int i;

	if (system("modprobe -aq vhost_net vhost_vsock vhost_scsi vhost_vdpa vdpa_sim_net "
		   "vdpa_sim_blk"))
		return -ENOENT;
	for (i = ARRAY_LEN(modules); i--; )
		if (unload(modules[i]))
			return -EBUSY;
	return 0;
}

/* The file of a module, as depmod has it. */
static int module_open(const char *name)
{
	char path[512], line[2048], want[64];
	struct utsname u;
	int fd = -ENOENT;
	FILE *f;

	uname(&u);
	snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep", u.release);
	snprintf(want, sizeof(want), "/%s.ko", name);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (fd < 0 && fgets(line, sizeof(line), f)) {
		line[strcspn(line, ":")] = '\0';
		if (strlen(line) < strlen(want) ||
		    strcmp(line + strlen(line) - strlen(want), want))
			continue;
		snprintf(path, sizeof(path), "/lib/modules/%s/%.400s", u.release, line);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			fd = -errno;
	}
	fclose(f);
	return fd;
}

struct tally {
	unsigned int points;
	unsigned int refused;
};

/* Leaves the module loaded. */
static int sweep(const char *name, unsigned int dense, struct tally *t)
{
	int file = module_open(name), fd = fail_open(), ret = 0;
	unsigned int nth = 1;
	bool met = true;

	if (file < 0 || fd < 0)
		return -ENOENT;
	while (met && nth < MOST) {
		if (fail_arm(fd, nth))
			return -EBADF;
		ret = load(file);
		met = fail_met(fd);
		fail_arm(fd, 0);
		t->points += met;
		t->refused += !!ret;
		if (ret && (!met || module_there(name))) {
			printf("# %s, failure %u: %d, and it is%s there\n", name, nth, ret,
			       module_there(name) ? "" : " not");
			return -EIO;
		}
		if (!ret && met) {
			/* Of no importance to the module; again, with the next one. */
			ret = unload(name);
			if (ret)
				return ret;
		}
		nth += nth < dense ? 1 : 1 + nth / dense;
	}
	close(fd);
	if (ret)
		ret = load(file);
	close(file);
	return nth < MOST ? ret : -ELOOP;
}

FIXTURE(fail_load) {
};

FIXTURE_SETUP(fail_load)
{
}

FIXTURE_TEARDOWN(fail_load)
{
}

/* All points take minutes. */
TEST_F_TIMEOUT(fail_load, loading_fails_at_each_point, 1200)
{
	const char *loops = getenv("RINGSIDE_LOOPS");
	unsigned int dense = loops ? strtoul(loops, NULL, 0) : 4, i;
	struct tally t = { 0 };
	int ret;

	if (fail_ready())
		SKIP(return, "no fault injection in this kernel");
	ret = prepare();
	if (ret)
		SKIP(return, "modules are missing, or in use: %d", ret);
	for (i = 0; i < ARRAY_LEN(modules); i++) {
		ret = sweep(modules[i], dense, &t);
		ASSERT_EQ(0, ret) {
			TH_LOG("%s", modules[i]);
		}
	}
	TH_LOG("%u modules, %u points of failure, %u refused", i, t.points, t.refused);
	EXPECT_LT(i, t.refused);
	EXPECT_LE(0, close(vhost_open(VHOST_NET_PATH, 0)));
}

TEST_HARNESS_MAIN
