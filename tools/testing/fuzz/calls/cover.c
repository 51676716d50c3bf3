// SPDX-License-Identifier: GPL-2.0-only
/* Which code of our modules a program reached, from KCOV. */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "calls.h"

#define KCOV_INIT_TRACE	_IOR('c', 1, unsigned long)
#define KCOV_ENABLE	_IO('c', 100)
#define KCOV_WORDS	(64 << 10)

static unsigned long *words;

bool cover_init(void)
{
	int fd = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return false;
	if (ioctl(fd, KCOV_INIT_TRACE, KCOV_WORDS))
		return false;
	words = mmap(NULL, KCOV_WORDS * sizeof(long), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (words == MAP_FAILED || ioctl(fd, KCOV_ENABLE, 0)) {
		words = NULL;
		return false;
	}
	return true;
}

void cover_begin(void)
{
	if (words)
		__atomic_store_n(&words[0], 0, __ATOMIC_RELAXED);
}

unsigned int cover_end(void)
{
	unsigned long n, i, prev = 0, hash;
	unsigned int fresh = 0;

	if (!words)
		return 0;
	n = __atomic_load_n(&words[0], __ATOMIC_RELAXED);
	for (i = 1; i <= n; i++) {
		hash = (words[i] ^ prev << 7) * 0x9e3779b97f4a7c15UL >> 46;
		prev = words[i];
		if (shared->cover[hash / 8] & 1 << hash % 8)
			continue;
		shared->cover[hash / 8] |= 1 << hash % 8;
		fresh++;
	}
	shared->edges += fresh;
	return fresh;
}
