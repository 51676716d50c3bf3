// SPDX-License-Identifier: GPL-2.0-only
/*
 * Preloaded into an unmodified QEMU: notes every call it makes on a vhost device
 * in the file named by CALLLOG, one line each, with time, thread, device and file
 * descriptor, arguments, result and what came back:
 *
 *	12.345678 [81] ioctl /dev/vhost-net#9 VHOST_GET_FEATURES = 0 -> 0x130008000
 *	12.345912 [81] read /dev/vhost-net#9 v2 asid=0 MISS iova=0x1000 ... = 72
 *
 * calls.py reads it while QEMU runs. Two more variables change what QEMU does:
 *
 *	CALLLOG_FAIL=NAME:N:ERRNO	the Nth VHOST_NAME fails before it is made
 *	CALLLOG_STRIP=BITS		SET_FEATURES never has these bits
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MAX_FDS		1024
#define LINE_SIZE	(96 * 1024)
#define LIMIT_FILE	"/sys/module/vhost/parameters/max_mem_regions"

enum shape {
	NOTHING, U8, U64, INT, STATE, ADDR, FILE_FD, TABLE, GET_U8, GET_INT, GET_U64, GET_STATE,
	CONFIG,
};

struct request {
	unsigned long number;
	const char *name;
	enum shape shape;
};

static const struct request requests[] = {
	{ VHOST_SET_OWNER, "SET_OWNER", NOTHING },
	{ VHOST_RESET_OWNER, "RESET_OWNER", NOTHING },
	{ VHOST_GET_FEATURES, "GET_FEATURES", GET_U64 },
	{ VHOST_SET_FEATURES, "SET_FEATURES", U64 },
	{ VHOST_GET_BACKEND_FEATURES, "GET_BACKEND_FEATURES", GET_U64 },
	{ VHOST_SET_BACKEND_FEATURES, "SET_BACKEND_FEATURES", U64 },
	{ VHOST_SET_MEM_TABLE, "SET_MEM_TABLE", TABLE },
	{ VHOST_SET_LOG_BASE, "SET_LOG_BASE", U64 },
	{ VHOST_SET_LOG_FD, "SET_LOG_FD", INT },
	{ VHOST_SET_VRING_NUM, "SET_VRING_NUM", STATE },
	{ VHOST_SET_VRING_BASE, "SET_VRING_BASE", STATE },
	{ VHOST_GET_VRING_BASE, "GET_VRING_BASE", GET_STATE },
	{ VHOST_SET_VRING_ADDR, "SET_VRING_ADDR", ADDR },
	{ VHOST_SET_VRING_KICK, "SET_VRING_KICK", FILE_FD },
	{ VHOST_SET_VRING_CALL, "SET_VRING_CALL", FILE_FD },
	{ VHOST_SET_VRING_ERR, "SET_VRING_ERR", FILE_FD },
	{ VHOST_SET_VRING_BUSYLOOP_TIMEOUT, "SET_VRING_BUSYLOOP_TIMEOUT", STATE },
	{ VHOST_NET_SET_BACKEND, "NET_SET_BACKEND", FILE_FD },
	{ VHOST_NEW_WORKER, "NEW_WORKER", GET_INT },
	{ VHOST_ATTACH_VRING_WORKER, "ATTACH_VRING_WORKER", STATE },
	{ VHOST_SCSI_SET_ENDPOINT, "SCSI_SET_ENDPOINT", NOTHING },
	{ VHOST_SCSI_CLEAR_ENDPOINT, "SCSI_CLEAR_ENDPOINT", NOTHING },
	{ VHOST_SCSI_GET_ABI_VERSION, "SCSI_GET_ABI_VERSION", GET_INT },
	{ VHOST_VDPA_GET_DEVICE_ID, "VDPA_GET_DEVICE_ID", GET_INT },
	{ VHOST_VDPA_GET_STATUS, "VDPA_GET_STATUS", GET_U8 },
	{ VHOST_VDPA_SET_STATUS, "VDPA_SET_STATUS", U8 },
	{ VHOST_VDPA_GET_CONFIG, "VDPA_GET_CONFIG", CONFIG },
	{ VHOST_VDPA_SET_CONFIG, "VDPA_SET_CONFIG", CONFIG },
	{ VHOST_VDPA_SET_VRING_ENABLE, "VDPA_SET_VRING_ENABLE", STATE },
	{ VHOST_VDPA_GET_VRING_NUM, "VDPA_GET_VRING_NUM", NOTHING },
	{ VHOST_VDPA_SET_CONFIG_CALL, "VDPA_SET_CONFIG_CALL", INT },
	{ VHOST_VDPA_GET_IOVA_RANGE, "VDPA_GET_IOVA_RANGE", NOTHING },
	{ VHOST_VDPA_GET_CONFIG_SIZE, "VDPA_GET_CONFIG_SIZE", GET_INT },
	{ VHOST_VDPA_GET_VQS_COUNT, "VDPA_GET_VQS_COUNT", GET_INT },
	{ VHOST_VDPA_GET_VRING_GROUP, "VDPA_GET_VRING_GROUP", GET_STATE },
	{ VHOST_VDPA_SET_GROUP_ASID, "VDPA_SET_GROUP_ASID", STATE },
	{ VHOST_VDPA_SUSPEND, "VDPA_SUSPEND", NOTHING },
	{ VHOST_VDPA_RESUME, "VDPA_RESUME", NOTHING },
};

struct line {
	size_t len;
	char text[LINE_SIZE];
};

static int (*real_ioctl)(int fd, unsigned long request, void *arg);
static int (*real_open)(const char *path, int flags, ...);
static int (*real_close)(int fd);
static ssize_t (*real_read)(int fd, void *buf, size_t len);
static ssize_t (*real_write)(int fd, const void *buf, size_t len);

static int log_fd = -1;
static unsigned long long strip;
static char fail_name[32];
static int fail_errno;
static atomic_int fail_in;
/* The device each descriptor is open on, NULL for all that is not vhost. */
static const char *_Atomic device[MAX_FDS];

__attribute__((constructor)) static void calllog_open(void)
{
	const char *path = getenv("CALLLOG"), *fail = getenv("CALLLOG_FAIL");
	int nth = 0;

	real_ioctl = dlsym(RTLD_NEXT, "ioctl");
	real_open = dlsym(RTLD_NEXT, "open64");
	real_close = dlsym(RTLD_NEXT, "close");
	real_read = dlsym(RTLD_NEXT, "read");
	real_write = dlsym(RTLD_NEXT, "write");
	if (getenv("CALLLOG_STRIP"))
		strip = strtoull(getenv("CALLLOG_STRIP"), NULL, 0);
	if (fail && sscanf(fail, "%31[A-Z_]:%d:%d", fail_name, &nth, &fail_errno) != 3)
		abort();
	fail_in = nth;
	if (path)
		log_fd = real_open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (log_fd < 0)
		abort();
}

static const char *device_of(int fd)
{
	return fd >= 0 && fd < MAX_FDS ? device[fd] : NULL;
}

/* A gap in the log would read as a good run. */
__attribute__((format(printf, 2, 3))) static void add(struct line *line, const char *format, ...)
{
	va_list ap;
	int len;

	va_start(ap, format);
	len = vsnprintf(line->text + line->len, sizeof(line->text) - line->len, format, ap);
	va_end(ap);
	if (len < 0 || line->len + len >= sizeof(line->text))
		abort();
	line->len += len;
}

/* One line at a time: several threads log, and a line is too big for their stacks. */
static struct line *begin(void)
{
	struct line *line = malloc(sizeof(*line));
	struct timespec now;

	if (!line)
		abort();
	line->len = 0;
	clock_gettime(CLOCK_MONOTONIC, &now);
	add(line, "%lld.%06ld [%ld] ", (long long)now.tv_sec, now.tv_nsec / 1000,
	    syscall(SYS_gettid));
	return line;
}

static void end(struct line *line)
{
	add(line, "\n");
	if (real_write(log_fd, line->text, line->len) != (ssize_t)line->len)
		abort();
	free(line);
}

static void add_result(struct line *line, long ret, int err)
{
	add(line, " = %ld", ret);
	if (ret < 0)
		add(line, " errno=%d(%s)", err, strerror(err));
}

static void add_table(struct line *line, const struct vhost_memory *table)
{
	unsigned int i;

	add(line, " nregions=%u padding=%u", table->nregions, table->padding);
	for (i = 0; i < table->nregions; i++)
		add(line, " [%u] gpa=0x%llx size=0x%llx hva=0x%llx", i,
		    table->regions[i].guest_phys_addr, table->regions[i].memory_size,
		    table->regions[i].userspace_addr);
}

static void add_argument(struct line *line, enum shape shape, const void *arg)
{
	const struct vhost_vring_state *state = arg;
	const struct vhost_vring_file *file = arg;
	const struct vhost_vring_addr *addr = arg;
	const struct vhost_vdpa_config *config = arg;

	switch (shape) {
	case U8:
		add(line, " 0x%x", *(const unsigned char *)arg);
		break;
	case CONFIG:
		add(line, " off=%u len=%u", config->off, config->len);
		break;
	case U64:
		add(line, " 0x%llx", *(const unsigned long long *)arg);
		break;
	case INT:
		add(line, " %d", *(const int *)arg);
		break;
	case STATE:
		add(line, " idx=%u num=0x%x", state->index, state->num);
		break;
	case FILE_FD:
		add(line, " idx=%u fd=%d", file->index, file->fd);
		break;
	case ADDR:
		add(line, " idx=%u flags=%u desc=0x%llx used=0x%llx avail=0x%llx log=0x%llx",
		    addr->index, addr->flags, addr->desc_user_addr, addr->used_user_addr,
		    addr->avail_user_addr, addr->log_guest_addr);
		break;
	case TABLE:
		add_table(line, arg);
		break;
	default:
		break;
	}
}

static void add_answer(struct line *line, enum shape shape, const void *arg)
{
	const struct vhost_vring_state *state = arg;

	if (shape == GET_U8)
		add(line, " -> 0x%x", *(const unsigned char *)arg);
	else if (shape == GET_INT)
		add(line, " -> %d", *(const int *)arg);
	else if (shape == GET_U64)
		add(line, " -> 0x%llx", *(const unsigned long long *)arg);
	else if (shape == GET_STATE)
		add(line, " -> idx=%u num=0x%x", state->index, state->num);
}

static const struct request *find_request(unsigned long number)
{
	size_t i;

	for (i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		if (requests[i].number == number)
			return &requests[i];
	return NULL;
}

static bool must_fail(const struct request *known)
{
	return known && fail_name[0] && !strcmp(known->name, fail_name) &&
	       atomic_fetch_sub(&fail_in, 1) == 1;
}

static int logged_ioctl(int fd, unsigned long number, void *arg)
{
	const struct request *known = find_request(number);
	enum shape shape = known ? known->shape : NOTHING;
	struct line *line = begin();
	unsigned long long features;
	int ret, err;

	if (number == VHOST_SET_FEATURES && strip) {
		features = *(unsigned long long *)arg & ~strip;
		arg = &features;
	}
	add(line, "ioctl %s#%d ", device_of(fd) ? device_of(fd) : "?", fd);
	if (known)
		add(line, "VHOST_%s", known->name);
	else
		add(line, "0x%lx", number);
	add_argument(line, shape, arg);
	if (must_fail(known)) {
		ret = -1;
		err = fail_errno;
	} else {
		ret = real_ioctl(fd, number, arg);
		err = errno;
	}
	add_result(line, ret, err);
	if (ret >= 0)
		add_answer(line, shape, arg);
	end(line);
	errno = err;
	return ret;
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (_IOC_TYPE(request) == VHOST_VIRTIO)
		return logged_ioctl(fd, request, arg);
	return real_ioctl(fd, request, arg);
}

static void log_open(const char *path, int flags, int fd, int err)
{
	struct line *line;

	if (strncmp(path, "/dev/vhost", 10) && strcmp(path, LIMIT_FILE))
		return;
	line = begin();
	add(line, "open %s flags=0x%x", path, flags);
	add_result(line, fd, err);
	end(line);
	if (fd >= 0 && fd < MAX_FDS && path[1] == 'd')
		device[fd] = strdup(path);
}

static int logged_open(const char *path, int flags, mode_t mode)
{
	int fd = real_open(path, flags, mode);
	int err = errno;

	log_open(path, flags, fd, err);
	errno = err;
	return fd;
}

#define OPEN(name)						\
int name(const char *path, int flags, ...)			\
{								\
	mode_t mode = 0;					\
	va_list ap;						\
								\
	va_start(ap, flags);					\
	if (flags & (O_CREAT | O_TMPFILE))			\
		mode = va_arg(ap, mode_t);			\
	va_end(ap);						\
	return logged_open(path, flags, mode);			\
}
OPEN(open)
OPEN(open64)

int close(int fd)
{
	if (device_of(fd))
		device[fd] = NULL;
	return real_close(fd);
}

static void log_message(const char *call, const char *where, int fd, const void *buf,
			ssize_t ret, int err)
{
	static const char *const types[] = {
		[VHOST_IOTLB_MISS] = "MISS", [VHOST_IOTLB_UPDATE] = "UPDATE",
		[VHOST_IOTLB_INVALIDATE] = "INVALIDATE",
		[VHOST_IOTLB_ACCESS_FAIL] = "ACCESS_FAIL",
		[VHOST_IOTLB_BATCH_BEGIN] = "BATCH_BEGIN",
		[VHOST_IOTLB_BATCH_END] = "BATCH_END",
	};
	const struct vhost_msg_v2 *v2 = buf;
	const struct vhost_msg *v1 = buf;
	bool new = v2->type == VHOST_IOTLB_MSG_V2;
	const struct vhost_iotlb_msg *msg = new ? &v2->iotlb : &v1->iotlb;
	const char *type = "?";
	struct line *line;

	if (ret >= 0 && msg->type < sizeof(types) / sizeof(types[0]) && types[msg->type])
		type = types[msg->type];
	line = begin();
	add(line, "%s %s#%d", call, where, fd);
	if (ret >= 0)
		add(line, " %s asid=%u %s iova=0x%llx size=0x%llx uaddr=0x%llx perm=%u",
		    new ? "v2" : "v1", new ? v2->asid : 0, type, msg->iova, msg->size,
		    msg->uaddr, msg->perm);
	add_result(line, ret, err);
	end(line);
}

ssize_t read(int fd, void *buf, size_t len)
{
	ssize_t ret = real_read(fd, buf, len);
	const char *where = device_of(fd);
	int err = errno;

	/* QEMU reads until there is nothing more to read. */
	if (where && (ret >= 0 || err != EAGAIN))
		log_message("read", where, fd, buf, ret, err);
	errno = err;
	return ret;
}

ssize_t write(int fd, const void *buf, size_t len)
{
	ssize_t ret = real_write(fd, buf, len);
	const char *where = device_of(fd);
	int err = errno;

	if (where)
		log_message("write", where, fd, buf, ret, err);
	errno = err;
	return ret;
}
