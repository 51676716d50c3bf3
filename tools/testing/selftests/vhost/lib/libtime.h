/* SPDX-License-Identifier: GPL-2.0-only */
/* Clocks and naps for the tests. */
#ifndef RINGSIDE_LIBTIME_H
#define RINGSIDE_LIBTIME_H

#include <stdint.h>
#include <stdlib.h>
#include <time.h>

static inline uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static inline uint64_t now_ms(void)
{
	return now_us() / 1000;
}

static inline void nap_us(unsigned int us)
{
	struct timespec t = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000L };

	nanosleep(&t, NULL);
}

static inline unsigned int env_ms(const char *name)
{
	const char *s = getenv(name);
	double seconds = s ? atof(s) : 0;

	return seconds > 0 ? (unsigned int)(1000 * seconds) : 0;
}

/*
 * Length of a stress loop in milliseconds: RINGSIDE_SECONDS, or the test's own default,
 * or RINGSIDE_MAX_SECONDS if that is less.
 */
static inline unsigned int stress_ms(unsigned int def)
{
	unsigned int wish = env_ms("RINGSIDE_SECONDS"), most = env_ms("RINGSIDE_MAX_SECONDS");

	if (wish)
		return wish;
	return most && most < def ? most : def;
}

/* For qsort() of times. */
static inline int compare_us(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/*
 * How long a queue may wait for another one of which so many packets took so long: 10 ms,
 * and what a few turns of 256 packets take where one costs more than on real machines.
 */
static inline uint64_t turns_us(uint64_t elapsed, unsigned int packets)
{
	return 10000 + 3 * 256 * elapsed / (packets ? packets : 1);
}

#endif
