// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

uint64_t bench_median(uint64_t *v, unsigned int n)
{
	qsort(v, n, sizeof(*v), compare);
	return v[n / 2];
}

void bench_report(const char *what, unsigned int n, uint64_t value)
{
	printf("%s %u %llu\n", what, n, (unsigned long long)value);
	fflush(stdout);
}

void bench_check(int ret, const char *what)
{
	if (ret < 0)
		errx(2, "%s: %s", what, strerror(-ret));
}

/* ---- the worker ---- */

/* The thread of that name among the numbered entries of a directory, or 0. */
static pid_t find_thread(const char *dir, const char *name)
{
	char path[300], comm[32];
	DIR *d = opendir(dir);
	struct dirent *e;
	pid_t found = 0;

	while (d && !found && (e = readdir(d))) {
		FILE *f;

		snprintf(path, sizeof(path), "%s/%.20s/comm", dir, e->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fscanf(f, "%31s", comm) == 1 && !strcmp(comm, name))
			found = atoi(e->d_name);
		fclose(f);
	}
	if (d)
		closedir(d);
	return found;
}

pid_t bench_worker(void)
{
	char name[32];
	pid_t tid;

	snprintf(name, sizeof(name), "vhost-%d", getpid());
	tid = find_thread("/proc", name);
	if (!tid)
		tid = find_thread("/proc/self/task", name);
	if (!tid)
		errx(2, "no worker");
	return tid;
}

uint64_t bench_thread_ns(pid_t tid)
{
	unsigned long long ns;
	char path[64];
	FILE *f;

	/* Found there whether it is a process or a thread of one. */
	snprintf(path, sizeof(path), "/proc/%d/schedstat", tid);
	f = fopen(path, "re");
	if (!f || fscanf(f, "%llu", &ns) != 1)
		err(2, "%s", path);
	fclose(f);
	return ns;
}

/* ---- the end of packets ---- */

static int bpf(int cmd, union bpf_attr *attr)
{
	int ret = syscall(SYS_bpf, cmd, attr, sizeof(*attr));

	return ret < 0 ? -errno : ret;
}

int bench_xdp_drop(const char *ifname)
{
	const struct bpf_insn prog[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_DROP },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr load = {
		.prog_type = BPF_PROG_TYPE_XDP,
		.insns = (uintptr_t)prog,
		.insn_cnt = sizeof(prog) / sizeof(prog[0]),
		.license = (uintptr_t)"GPL",
	};
	union bpf_attr link = { .link_create = {
		.target_ifindex = if_nametoindex(ifname),
		.attach_type = BPF_XDP,
	} };
	int fd = bpf(BPF_PROG_LOAD, &load), ret;

	if (fd < 0)
		return fd;
	link.link_create.prog_fd = fd;
	ret = bpf(BPF_LINK_CREATE, &link);
	close(fd);
	return ret;
}

/* ---- what a profile watches ---- */

__attribute__((noinline, noclone)) void bench_profile_begin(void)
{
	__asm__ volatile("" ::: "memory");
}

__attribute__((noinline, noclone)) void bench_profile_end(void)
{
	/* Not the same instructions as above: a compiler may fold equal functions. */
	__asm__ volatile("nop" ::: "memory");
}
