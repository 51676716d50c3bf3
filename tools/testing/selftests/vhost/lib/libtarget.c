// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libtarget.h"
#include "libtime.h"

#define CONFIGFS	"/sys/kernel/config"
#define ROOT		CONFIGFS "/target"
#define FABRIC		ROOT "/vhost"
#define PATH_ROOM	512

static int write_file(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, value, strlen(value)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

int target_write(const char *attr, const char *value)
{
	char path[PATH_ROOM + 32];

	snprintf(path, sizeof(path), ROOT "/%s", attr);
	return write_file(path, value);
}

int target_read(const char *attr, char *value, unsigned int room)
{
	char path[PATH_ROOM + 32];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), ROOT "/%s", attr);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, value, room - 1);
	if (n < 0)
		n = -errno;
	close(fd);
	if (n >= 0)
		value[n] = 0;
	return n < 0 ? n : 0;
}

static int make_dir(const char *path)
{
	return mkdir(path, 0755) && errno != EEXIST ? -errno : 0;
}

int target_init(void)
{
	int ret;

	if (access("/sys/module/vhost_scsi", F_OK) &&
	    system("modprobe -qa target_core_mod target_core_file; modprobe -q vhost_scsi"))
		return -ENODEV;
	if (access(ROOT, F_OK) && mount("none", CONFIGFS, "configfs", 0, NULL))
		return -errno;
	/* The default makes room for 2048 pages a command, which takes its time. */
	write_file("/sys/module/vhost_scsi/parameters/inline_sg_cnt", "32");
	ret = target_clean();
	return ret ? ret : make_dir(FABRIC);
}

/* Call fn for all directories and links in a directory; its first error. */
static int for_each_in(const char *dir, int (*fn)(const char *path))
{
	char path[PATH_ROOM];
	struct dirent *e;
	int ret = 0, err;
	DIR *d = opendir(dir);

	if (!d)
		return 0;
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.' || (e->d_type != DT_DIR && e->d_type != DT_LNK))
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", dir, e->d_name) >= (int)sizeof(path))
			continue;
		err = fn(path);
		if (!ret)
			ret = err;
	}
	closedir(d);
	return ret;
}

static int remove_link(const char *path)
{
	struct stat s;

	return !lstat(path, &s) && S_ISLNK(s.st_mode) && unlink(path) ? -errno : 0;
}

static int remove_lun(const char *path)
{
	int ret = for_each_in(path, remove_link);

	return rmdir(path) && !ret ? -errno : ret;
}

static int remove_tpg(const char *path)
{
	char below[PATH_ROOM + 8];
	int ret;

	if (!strstr(path, "/tpgt_"))
		return 0;
	snprintf(below, sizeof(below), "%s/lun", path);
	ret = for_each_in(below, remove_lun);
	return rmdir(path) && !ret ? -errno : ret;
}

static int remove_wwn(const char *path)
{
	int ret;

	if (!strchr(strrchr(path, '/'), '.'))
		return 0;	/* discovery_auth and the like */
	ret = for_each_in(path, remove_tpg);
	return rmdir(path) && !ret ? -errno : ret;
}

static int remove_dev(const char *path)
{
	const char *name = strrchr(path, '/') + 1;

	/* Beside the storage there are directories that belong to the adapter. */
	return !strcmp(name, "alua") || (rmdir(path) && errno == EPERM) ? 0 :
	       access(path, F_OK) ? 0 : -EBUSY;
}

static int remove_hba(const char *path)
{
	const char *name = strrchr(path, '/') + 1;
	int ret;

	if (strncmp(name, "rd_mcp_", 7) && strncmp(name, "fileio_", 7))
		return 0;
	ret = for_each_in(path, remove_dev);
	return rmdir(path) && !ret ? -errno : ret;
}

int target_clean(void)
{
	int ret = for_each_in(FABRIC, remove_wwn);
	int err = for_each_in(ROOT "/core", remove_hba);

	/* As long as it is there the module cannot be unloaded. */
	if (!ret && rmdir(FABRIC) && errno != ENOENT)
		ret = -errno;
	return ret ? ret : err;
}

/* Storage "name" is device "name" of an adapter of its own, number 0. */
static int make_dev(const char *hba, const char *name, const char *control)
{
	char path[PATH_ROOM], attr[PATH_ROOM];
	int ret;

	snprintf(path, sizeof(path), ROOT "/core/%s", hba);
	ret = make_dir(path);
	if (ret)
		return ret;
	snprintf(path, sizeof(path), ROOT "/core/%s/%s", hba, name);
	if (mkdir(path, 0755))
		return -errno;
	snprintf(attr, sizeof(attr), "core/%s/%s/control", hba, name);
	ret = target_write(attr, control);
	if (ret)
		return ret;
	snprintf(attr, sizeof(attr), "core/%s/%s/enable", hba, name);
	ret = target_write(attr, "1");
	if (ret)
		return ret;
	/* Without it some kernels complain of a device without a serial number. */
	snprintf(attr, sizeof(attr), "core/%s/%s/wwn/vpd_unit_serial", hba, name);
	return target_write(attr, name);
}

int target_ramdisk(const char *name, unsigned int kib, int pi)
{
	char control[64], attr[PATH_ROOM];
	int ret;

	snprintf(control, sizeof(control), "rd_pages=%u", kib / 4);
	ret = make_dev("rd_mcp_0", name, control);
	if (ret || !pi)
		return ret;
	snprintf(attr, sizeof(attr), "core/rd_mcp_0/%s/attrib/pi_prot_type", name);
	snprintf(control, sizeof(control), "%d", pi);
	return target_write(attr, control);
}

int target_file(const char *name, unsigned int kib)
{
	char control[PATH_ROOM + 64], path[PATH_ROOM];
	int fd, ret = 0;

	snprintf(path, sizeof(path), "/tmp/ringside-%s", name);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)kib << 10))
		ret = -errno;
	close(fd);
	snprintf(control, sizeof(control), "fd_dev_name=%s,fd_dev_size=%u", path, kib << 10);
	return ret ? ret : make_dev("fileio_0", name, control);
}

static void *stall_write(void *arg)
{
	struct target_stall *t = arg;

	/* The kernel waits for our page with the file's inode locked. */
	if (pwrite(t->fd, t->h.page, 512, 0) != 512)
		perror("pwrite");
	return NULL;
}

int target_stall(struct target_stall *t, const char *name)
{
	char path[PATH_ROOM];
	int ret;

	memset(t, 0, sizeof(*t));
	snprintf(path, sizeof(path), "/tmp/ringside-%s", name);
	t->fd = open(path, O_RDWR | O_CLOEXEC);
	if (t->fd < 0)
		return -errno;
	ret = hold_open(&t->h);
	if (ret)
		return ret;
	ret = -pthread_create(&t->writer, NULL, stall_write, t);
	return ret ? ret : hold_met(&t->h, 5000);
}

int target_stall_end(struct target_stall *t)
{
	int ret = hold_release(&t->h, "", 0);

	pthread_join(t->writer, NULL);
	hold_close(&t->h);
	close(t->fd);
	return ret;
}

static void *stall_release(void *arg)
{
	struct target_stall *t = arg;

	nap_us(t->ms * 1000);
	target_stall_end(t);
	return NULL;
}

int target_stall_end_in(struct target_stall *t, unsigned int ms)
{
	t->ms = ms;
	return -pthread_create(&t->releaser, NULL, stall_release, t);
}

void target_stall_join(struct target_stall *t)
{
	pthread_join(t->releaser, NULL);
}

int target_tpg_add(const char *wwn, const char *tpg)
{
	char path[PATH_ROOM];
	int ret;

	snprintf(path, sizeof(path), FABRIC "/%s", wwn);
	ret = make_dir(path);
	if (ret)
		return ret;
	snprintf(path, sizeof(path), FABRIC "/%s/%s", wwn, tpg);
	return mkdir(path, 0755) ? -errno : 0;
}

int target_tpg_del(const char *wwn, const char *tpg)
{
	char path[PATH_ROOM];

	snprintf(path, sizeof(path), FABRIC "/%s/%s", wwn, tpg);
	return rmdir(path) ? -errno : 0;
}

int target_nexus(const char *wwn, const char *tpg, const char *initiator)
{
	char attr[PATH_ROOM];

	snprintf(attr, sizeof(attr), "vhost/%s/%s/nexus", wwn, tpg);
	return target_write(attr, initiator);
}

int target_lun_add(const char *wwn, const char *tpg, unsigned int lun, const char *name)
{
	char path[PATH_ROOM], link[PATH_ROOM + 16], dev[PATH_ROOM];

	snprintf(dev, sizeof(dev), ROOT "/core/rd_mcp_0/%s", name);
	if (access(dev, F_OK))
		snprintf(dev, sizeof(dev), ROOT "/core/fileio_0/%s", name);
	snprintf(path, sizeof(path), FABRIC "/%s/%s/lun/lun_%u", wwn, tpg, lun);
	if (mkdir(path, 0755))
		return -errno;
	snprintf(link, sizeof(link), "%s/port", path);
	return symlink(dev, link) ? -errno : 0;
}

int target_lun_del(const char *wwn, const char *tpg, unsigned int lun)
{
	char path[PATH_ROOM];

	snprintf(path, sizeof(path), FABRIC "/%s/%s/lun/lun_%u", wwn, tpg, lun);
	return remove_lun(path);
}

int target_simple(void)
{
	int ret = target_file("disk", 4096);

	if (!ret)
		ret = target_tpg_add(TARGET_WWN, "tpgt_0");
	if (!ret)
		ret = target_nexus(TARGET_WWN, "tpgt_0", TARGET_NEXUS);
	return ret ? ret : target_lun_add(TARGET_WWN, "tpgt_0", 0, "disk");
}
