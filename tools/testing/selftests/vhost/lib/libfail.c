// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libfail.h"

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		fprintf(stderr, "# %s: %s\n", path, strerror(errno));
	close(fd);
}

int fail_ready(void)
{
	static const char *const knobs[] = { "failslab", "fail_page_alloc", "fail_usercopy" };
	static const char *const values[][2] = {
		{ "verbose", "0" }, { "ignore-gfp-wait", "N" }, { "ignore-gfp-highmem", "N" },
		{ "min-order", "0" },
	};
	char path[128];
	unsigned int i, j;

	if (access("/proc/self/fail-nth", W_OK))
		return -ENOENT;
	for (i = 0; i < sizeof(knobs) / sizeof(knobs[0]); i++)
		for (j = 0; j < sizeof(values) / sizeof(values[0]); j++) {
			snprintf(path, sizeof(path), "/sys/kernel/debug/%s/%s", knobs[i],
				 values[j][0]);
			/* Not every kind has every knob. */
			if (!access(path, W_OK))
				write_text(path, values[j][1]);
		}
	return 0;
}

int fail_open(void)
{
	int fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int fail_open_kthreadd(void)
{
	int fd = open("/proc/2/fail-nth", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int fail_arm(int fd, unsigned int nth)
{
	char text[16];
	int tries;

	snprintf(text, sizeof(text), "%u", nth);
	for (tries = 0; tries < 3; tries++)
		if (pwrite(fd, text, strlen(text), 0) > 0)
			return 0;
	return -errno;
}

bool fail_met(int fd)
{
	char buf[16] = { 0 };

	return pread(fd, buf, sizeof(buf) - 1, 0) > 0 && atoi(buf) == 0;
}
