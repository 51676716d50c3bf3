// SPDX-License-Identifier: GPL-2.0-only
/*
 * Preloaded into an unmodified QEMU: notes every vhost ioctl with its time and
 * outcome in the file named by TABLELOG, one line each:
 *
 *	SECONDS NAME RESULT ERRNO [START+SIZE ...]
 *
 * START and SIZE, of each region when the call sets the memory table, are guest
 * addresses in KiB. Who watches the file sees the table without asking QEMU.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static int (*real_ioctl)(int fd, unsigned long request, void *arg);
static int log_fd = -1;

__attribute__((constructor)) static void tablelog_open(void)
{
	const char *path = getenv("TABLELOG");

	real_ioctl = dlsym(RTLD_NEXT, "ioctl");
	if (path)
		log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

static const char *request_name(unsigned long request, char *buf, size_t len)
{
	switch (request) {
	case VHOST_SET_MEM_TABLE:
		return "SET_MEM_TABLE";
	case VHOST_NET_SET_BACKEND:
		return "NET_SET_BACKEND";
	case VHOST_SET_FEATURES:
		return "SET_FEATURES";
	case VHOST_SET_OWNER:
		return "SET_OWNER";
	}
	snprintf(buf, len, "0x%lx", request);
	return buf;
}

static void tablelog_write(unsigned long request, const void *arg, int ret, int err)
{
	const struct vhost_memory *table = arg;
	char name[24], line[64 * 1024];
	struct timespec now;
	size_t len;
	unsigned int i;

	clock_gettime(CLOCK_MONOTONIC, &now);
	len = snprintf(line, sizeof(line), "%lld.%06ld %s %d %d", (long long)now.tv_sec,
		       now.tv_nsec / 1000, request_name(request, name, sizeof(name)), ret,
		       ret < 0 ? err : 0);
	for (i = 0; request == VHOST_SET_MEM_TABLE && i < table->nregions; i++) {
		len += snprintf(line + len, sizeof(line) - len, " %llu+%llu",
				table->regions[i].guest_phys_addr >> 10,
				table->regions[i].memory_size >> 10);
		if (len > sizeof(line) - 64)
			abort();
	}
	line[len++] = '\n';
	/* One write per line: several threads log. A gap would read as a good run. */
	if (write(log_fd, line, len) != (ssize_t)len)
		abort();
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;
	int ret, err;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);

	ret = real_ioctl(fd, request, arg);
	err = errno;
	if (_IOC_TYPE(request) == VHOST_VIRTIO && log_fd >= 0)
		tablelog_write(request, arg, ret, err);
	errno = err;
	return ret;
}
