// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libproc.h"
#include "libtime.h"

static bool read_line(const char *path, char *buf, size_t room)
{
	FILE *f = fopen(path, "re");
	bool ok = f && fgets(buf, room, f);

	if (f)
		fclose(f);
	return ok;
}

int proc_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	if (!d)
		return -errno;
	while (readdir(d))
		n++;
	closedir(d);
	return n - 3;	/* ".", ".." and the directory itself */
}

/* Call visit for every thread of a process whose name begins with "vhost-". */
static void for_each_worker_of(const char *process,
			       void (*visit)(const char *dir, const char *comm, void *arg),
			       void *arg)
{
	char dir[300], path[600], comm[64];
	struct dirent *t;
	DIR *tasks;

	snprintf(dir, sizeof(dir), "/proc/%s/task", process);
	tasks = opendir(dir);
	while (tasks && (t = readdir(tasks))) {
		if (!isdigit(t->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "%s/%s/comm", dir, t->d_name);
		if (!read_line(path, comm, sizeof(comm)) || strncmp(comm, "vhost-", 6))
			continue;
		comm[strcspn(comm, "\n")] = '\0';
		snprintf(path, sizeof(path), "%s/%s", dir, t->d_name);
		visit(path, comm, arg);
	}
	if (tasks)
		closedir(tasks);
}

static void for_each_worker(void (*visit)(const char *dir, const char *comm, void *arg),
			    void *arg)
{
	struct dirent *p;
	DIR *procs = opendir("/proc");

	while (procs && (p = readdir(procs)))
		if (isdigit(p->d_name[0]))
			for_each_worker_of(p->d_name, visit, arg);
	if (procs)
		closedir(procs);
}

struct worker_sum {
	char name[32];		/* empty: any */
	int count;
	long ticks;
};

static void add_worker(const char *dir, const char *comm, void *arg)
{
	char path[700], line[1024], *p;
	struct worker_sum *s = arg;
	unsigned long user, sys;

	if (s->name[0] && strcmp(comm, s->name))
		return;
	s->count++;
	snprintf(path, sizeof(path), "%s/stat", dir);
	if (!read_line(path, line, sizeof(line)))
		return;
	p = strrchr(line, ')');
	if (p && sscanf(p + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
			&sys) == 2)
		s->ticks += user + sys;
}

int proc_workers(pid_t owner)
{
	struct worker_sum s = { .count = 0 };

	snprintf(s.name, sizeof(s.name), "vhost-%d", owner);
	for_each_worker(add_worker, &s);
	return s.count;
}

int proc_task_workers(pid_t process)
{
	struct worker_sum s = { .count = 0 };
	char dir[32];

	snprintf(dir, sizeof(dir), "%d", process);
	for_each_worker_of(dir, add_worker, &s);
	return s.count;
}

bool proc_has_task_workers(void)
{
	const char *kernel = getenv("RINGSIDE_KERNEL");

	return !kernel || strcmp(kernel, "6.1");
}

int proc_all_workers(void)
{
	struct worker_sum s = { .count = 0 };

	for_each_worker(add_worker, &s);
	return s.count;
}

long proc_worker_cpu_ms(pid_t owner)
{
	struct worker_sum s = { .count = 0 };

	snprintf(s.name, sizeof(s.name), "vhost-%d", owner);
	for_each_worker(add_worker, &s);
	return s.count ? s.ticks * 1000 / sysconf(_SC_CLK_TCK) : -ENOENT;
}

struct worker_dir {
	char name[32];
	char dir[600];
};

static void note_worker(const char *dir, const char *comm, void *arg)
{
	struct worker_dir *w = arg;

	if (!strcmp(comm, w->name))
		snprintf(w->dir, sizeof(w->dir), "%s", dir);
}

static int read_in(const char *dir, const char *file, char *line, size_t room)
{
	char path[700];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	if (!read_line(path, line, room))
		return -ENOENT;
	line[strcspn(line, "\n")] = '\0';
	return 0;
}

int proc_worker_read(pid_t owner, const char *file, char *line, size_t room)
{
	struct worker_dir w = { .dir = "" };

	snprintf(w.name, sizeof(w.name), "vhost-%d", owner);
	for_each_worker(note_worker, &w);
	return w.dir[0] ? read_in(w.dir, file, line, room) : -ENOENT;
}

int proc_self_read(const char *file, char *line, size_t room)
{
	return read_in("/proc/thread-self", file, line, room);
}

int proc_wait_all_workers(int want, unsigned int timeout_ms)
{
	uint64_t end = now_ms() + timeout_ms;
	int n;

	while ((n = proc_all_workers()) != want && now_ms() < end)
		nap_us(1000);
	return n;
}

int proc_wait_workers(pid_t owner, int want, unsigned int timeout_ms)
{
	uint64_t end = now_ms() + timeout_ms;
	int n;

	while ((n = proc_workers(owner)) != want && now_ms() < end)
		nap_us(10000);
	return n;
}

long proc_slab(const char *cache)
{
	FILE *f = fopen("/proc/slabinfo", "re");
	char line[512], name[64];
	long used, found = -ENOENT;

	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%63s %ld", name, &used) == 2 && !strcmp(name, cache))
			found = used;
	fclose(f);
	return found;
}

int proc_module_users(const char *module)
{
	char path[128], line[32];

	snprintf(path, sizeof(path), "/sys/module/%s/refcnt", module);
	return read_line(path, line, sizeof(line)) ? atoi(line) : -ENOENT;
}

long proc_param(const char *module, const char *name)
{
	char path[256], line[64];

	snprintf(path, sizeof(path), "/sys/module/%s/parameters/%s", module, name);
	return read_line(path, line, sizeof(line)) ? atol(line) : -ENOENT;
}

void kmsg_mark(const char *text)
{
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	dprintf(fd, "%s\n", text);
	close(fd);
}

int kmsg_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (lseek(fd, 0, SEEK_END) < 0) {
		int ret = -errno;

		close(fd);
		return ret;
	}
	return fd;
}

int kmsg_count(int fd, const char *text)
{
	char line[2048];
	ssize_t len;
	int n = 0;

	for (;;) {
		len = read(fd, line, sizeof(line) - 1);
		if (len < 0 && errno == EPIPE)
			continue;	/* overtaken by the writers: later lines follow */
		if (len <= 0)
			return n;
		line[len] = '\0';
		n += strstr(line, text) != NULL;
	}
}

int proc_in_child(int (*fn)(int fd), int fd)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(fn(fd));
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

int proc_child_ended(pid_t child, unsigned int timeout_ms)
{
	uint64_t end = now_ms() + timeout_ms;
	int status;

	do {
		if (waitpid(child, &status, WNOHANG) == child)
			return status;
		nap_us(1000);
	} while (now_ms() < end);
	return -1;
}

int proc_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

int proc_enter_cgroup(const char *name)
{
	char path[128];
	int n;

	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -errno;
	/* Busy: it is mounted there. */
	if ((mount("cgroup2", PROC_CGROUPS, "cgroup2", 0, NULL) && errno != EBUSY) ||
	    proc_write(PROC_CGROUPS "cgroup.subtree_control", "+pids"))
		return -ENOENT;
	n = snprintf(path, sizeof(path), PROC_CGROUPS "%s", name);
	if (mkdir(path, 0755) && errno != EEXIST)
		return -errno;
	snprintf(path + n, sizeof(path) - n, "/cgroup.procs");
	return proc_write(path, "0");
}

int proc_leave_cgroup(const char *name)
{
	char path[128];

	proc_write(PROC_CGROUPS "cgroup.procs", "0");
	snprintf(path, sizeof(path), PROC_CGROUPS "%s", name);
	return rmdir(path) ? -errno : 0;
}
