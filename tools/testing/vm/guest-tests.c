// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs the tests of a job inside a lab kernel, see guest-init, whose part this is: for
 * test N it takes cmd/N and leaves N.begin, N.out, N.err, N.klog and N.rc. A program of
 * its own because in User-Mode Linux a shell would spend more processor on starting
 * processes around a small test than the test itself.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GROUP		"/sys/fs/cgroup/test"
#define KMEMLEAK	"/sys/kernel/debug/kmemleak"
#define MARK		"ringside-lab: test "
/* What the kernels are told to keep of their log. */
#define KLOG_SIZE	(4 << 20)
#define KMEMLEAK_SIZE	20000
/* Seconds from SIGTERM to SIGKILL. */
#define TERM_S		5
#define KILL_TRIES	30

enum { SYSLOG_READ_CLEAR = 4, SYSLOG_CLEAR = 5 };

/* Taint bits that only a fault sets: bad page, died, warned, soft lockup. */
#define FAULT_TAINT	(1UL << 5 | 1UL << 7 | 1UL << 9 | 1UL << 14)

static const char *job, *cwd;
/* As it was handed to us, for the tests: we ourselves wait for SIGCHLD. */
static sigset_t mask, chld;
static char klog[KLOG_SIZE];

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		warn("%s", path);
	close(fd);
}

/* What a small file says, "" without it. */
static const char *read_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;

	if (fd >= 0) {
		n = read(fd, buf, size - 1);
		close(fd);
	}
	buf[n < 0 ? 0 : n] = '\0';
	return buf;
}

static FILE *create(const char *number, const char *suffix)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "%s.%s", number, suffix);
	f = fopen(path, "we");
	if (!f)
		err(1, "%s", path);
	return f;
}

static unsigned long fault_taint(void)
{
	char buf[32];

	return strtoul(read_file("/proc/sys/kernel/tainted", buf, sizeof(buf)), NULL, 0) &
	       FAULT_TAINT;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* The test itself: in the group, its output in files. */
static void child(const char *number)
{
	char path[64];

	write_file(GROUP "/cgroup.procs", "0");
	if (!freopen("/dev/null", "r", stdin))
		err(126, "/dev/null");
	snprintf(path, sizeof(path), "%s.out", number);
	if (!freopen(path, "w", stdout))
		err(126, "%s", path);
	snprintf(path, sizeof(path), "%s.err", number);
	if (!freopen(path, "w", stderr))
		_exit(126);
	if (chdir(cwd) && chdir("/"))
		err(126, "%s", cwd);
	snprintf(path, sizeof(path), "%s/cmd/%s", job, number);
	setpgid(0, 0);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	execlp("bash", "bash", path, NULL);
	err(127, "bash");
}

/* Wait up to so many seconds for a process. SIGCHLD is blocked. */
static bool ends(pid_t pid, double seconds, int *status)
{
	double left, end = now() + seconds;
	struct timespec t;

	for (;;) {
		if (waitpid(pid, status, WNOHANG) == pid)
			return true;
		left = end - now();
		if (left <= 0)
			return false;
		t.tv_sec = left;
		t.tv_nsec = (left - t.tv_sec) * 1e9;
		sigtimedwait(&chld, NULL, &t);
	}
}

/* Exit status as timeout(1) has it: 124, or 137 when it took SIGKILL. */
static int wait_test(pid_t pid, const char *number, double limit)
{
	char path[64];
	int status;
	FILE *f;

	if (ends(pid, limit, &status))
		return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	snprintf(path, sizeof(path), "%s.err", number);
	f = fopen(path, "ae");
	if (f) {
		fprintf(f, "run: no end after %.0f s\n", limit);
		fclose(f);
	}
	kill(-pid, SIGTERM);
	if (ends(pid, TERM_S, &status))
		return 124;
	kill(-pid, SIGKILL);
	/* What cannot be killed is left to kill_rest(). */
	ends(pid, 1, &status);
	return 137;
}

static void copy_to(FILE *out, const char *path)
{
	char buf[4096];

	fputs(read_file(path, buf, sizeof(buf)), out);
}

/* Says in @log which process it is and where it is stuck. */
static void report_stuck(FILE *log, long pid)
{
	char path[64], buf[256];

	snprintf(path, sizeof(path), "/proc/%ld/cmdline", pid);
	fprintf(log, "BUG: process %ld cannot be killed: %s\n", pid,
		read_file(path, buf, sizeof(buf)));
	snprintf(path, sizeof(path), "/proc/%ld/wchan", pid);
	copy_to(log, path);
	fputc('\n', log);
	snprintf(path, sizeof(path), "/proc/%ld/stack", pid);
	copy_to(log, path);
}

/* Nothing that a test leaves behind may disturb the next one. */
static void kill_rest(FILE *log)
{
	const struct timespec tenth = { .tv_nsec = 100000000 };
	char buf[4096], *pid, *rest;
	int tries;

	for (tries = 0; tries < KILL_TRIES; tries++) {
		if (!*read_file(GROUP "/cgroup.procs", buf, sizeof(buf)))
			break;
		write_file(GROUP "/cgroup.kill", "1");
		nanosleep(&tenth, NULL);
	}
	read_file(GROUP "/cgroup.procs", buf, sizeof(buf));
	for (pid = strtok_r(buf, "\n", &rest); pid; pid = strtok_r(NULL, "\n", &rest))
		report_stuck(log, strtol(pid, NULL, 10));
	rmdir(GROUP);
}

/* kmemleak says in the log that it found something, here what. */
static void kmemleak_scan(FILE *log)
{
	static char leaks[KMEMLEAK_SIZE];
	size_t n = 0;
	ssize_t got;
	int fd;

	if (access(KMEMLEAK, F_OK))
		return;
	write_file(KMEMLEAK, "scan");
	fd = open(KMEMLEAK, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && n < sizeof(leaks) && (got = read(fd, leaks + n, sizeof(leaks) - n)) > 0)
		n += got;
	close(fd);
	write_file(KMEMLEAK, "clear");
	fwrite(leaks, 1, n, log);
}

/* The kernel log since it was asked for last, without levels and without our mark. */
static void kernel_log(FILE *log)
{
	int n = klogctl(SYSLOG_READ_CLEAR, klog, sizeof(klog) - 1);
	char *line, *rest, *text;

	if (n < 0) {
		/* No log is not a clean one. */
		fprintf(log, "BUG: the kernel log cannot be read: %m\n");
		return;
	}
	klog[n] = '\0';
	for (line = strtok_r(klog, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (strstr(line, MARK))
			continue;
		text = *line == '<' ? strchr(line, '>') : NULL;
		fprintf(log, "%s\n", text ? text + 1 : line);
	}
}

static void run_test(const char *number, double limit, const char *name)
{
	unsigned long taint = fault_taint();
	char from[64], to[64], mark[300];
	FILE *log, *rc;
	double start;
	int status;
	pid_t pid;

	write_file("/sys/kernel/debug/clear_warn_once", "1");
	snprintf(mark, sizeof(mark), MARK "%s %s", number, name);
	write_file("/dev/kmsg", mark);
	fclose(create(number, "begin"));
	mkdir(GROUP, 0755);
	start = now();
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (!pid)
		child(number);
	status = wait_test(pid, number, limit);
	start = now() - start;

	log = create(number, "klog");
	kill_rest(log);
	kmemleak_scan(log);
	kernel_log(log);
	if (fault_taint() != taint)
		fprintf(log, "BUG: the kernel's taint flags say that it is damaged: %#lx\n",
			fault_taint());
	fclose(log);
	rc = create(number, "rc.new");
	fprintf(rc, "%d %.2f\n", status, start);
	fclose(rc);
	snprintf(from, sizeof(from), "%s.rc.new", number);
	snprintf(to, sizeof(to), "%s.rc", number);
	if (rename(from, to))
		err(1, "%s", to);
}

int main(int argc, char **argv)
{
	char number[8], name[256];
	double limit, stretch;
	char path[64];
	FILE *plan;

	if (argc != 4)
		errx(2, "usage: guest-tests JOB_DIRECTORY WORKING_DIRECTORY STRETCH");
	job = argv[1];
	cwd = argv[2];
	stretch = atof(argv[3]);
	if (chdir(job))
		err(1, "%s", job);
	plan = fopen("plan", "re");
	if (!plan)
		err(1, "plan");
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, &mask);
	/* What the kernel said while it started is no test's. */
	klogctl(SYSLOG_CLEAR, NULL, 0);
	while (fscanf(plan, "%7s %lf %255[^\n]%*[^\n]", number, &limit, name) == 3) {
		snprintf(path, sizeof(path), "%s.begin", number);
		if (access(path, F_OK))
			run_test(number, limit * stretch, name);
	}
	fclose(plan);
	return 0;
}
