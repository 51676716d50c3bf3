/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the measuring programs share: clocks, medians, lines of results, the
 * worker of a device, and a place where packets end.
 *
 * Meant for a kernel whose clock counts instructions: a nanosecond is one then.
 */
#ifndef RINGSIDE_BENCH_H
#define RINGSIDE_BENCH_H

#include <stdint.h>
#include <sys/types.h>
#include <time.h>

static inline uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Sorts the values. */
uint64_t bench_median(uint64_t *v, unsigned int n);
/* A line "WHAT N VALUE". */
void bench_report(const char *what, unsigned int n, uint64_t value);
/* End the program, unable to measure, if ret is -errno. */
void bench_check(int ret, const char *what);

/* The device's worker: a thread of the kernel's or of ours. */
pid_t bench_worker(void);
/* How long a thread has run. It has to be asleep, or the last stretch is missing. */
uint64_t bench_thread_ns(pid_t tid);

/* Pages of memory with holes between them, so that no neighbours can be taken for one. */
#define BENCH_PAGE	4096UL
#define BENCH_GPA	UINT64_C(0x100000000)

static inline uint64_t bench_page_gpa(unsigned int i)
{
	return BENCH_GPA + 2 * i * BENCH_PAGE;
}

/* An XDP program that drops what a device receives; closing the descriptor removes it. */
int bench_xdp_drop(const char *ifname);

/*
 * What lies between the two is what a profile is about (tools/testing/bench/profile):
 * nothing but places in the program that an emulator can watch.
 */
void bench_profile_begin(void);
void bench_profile_end(void);

#endif
