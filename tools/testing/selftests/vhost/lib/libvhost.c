// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "libvhost.h"

int vhost_open(const char *path, int flags)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | flags);

	return fd < 0 ? -errno : fd;
}

int vhost_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = ioctl(fd, request, arg);

	return ret < 0 ? -errno : ret;
}

int vhost_set_owner(int fd)
{
	return vhost_ioctl(fd, VHOST_SET_OWNER, NULL);
}

int vhost_reset_owner(int fd)
{
	return vhost_ioctl(fd, VHOST_RESET_OWNER, NULL);
}

int vhost_get_features(int fd, uint64_t *features)
{
	return vhost_ioctl(fd, VHOST_GET_FEATURES, features);
}

int vhost_set_features(int fd, uint64_t features)
{
	return vhost_ioctl(fd, VHOST_SET_FEATURES, &features);
}

int vhost_get_features2(int fd, uint64_t features[2])
{
	uint64_t array[3] = { 2 };
	int ret = vhost_ioctl(fd, VHOST_GET_FEATURES_ARRAY, array);

	memcpy(features, array + 1, 2 * sizeof(*features));
	return ret;
}

int vhost_set_features2(int fd, uint64_t word0, uint64_t word1)
{
	uint64_t array[3] = { 2, word0, word1 };

	return vhost_ioctl(fd, VHOST_SET_FEATURES_ARRAY, array);
}

int vhost_get_backend_features(int fd, uint64_t *features)
{
	return vhost_ioctl(fd, VHOST_GET_BACKEND_FEATURES, features);
}

int vhost_set_backend_features(int fd, uint64_t features)
{
	return vhost_ioctl(fd, VHOST_SET_BACKEND_FEATURES, &features);
}

int vhost_set_mem_table(int fd, const struct vhost_memory *m)
{
	return vhost_ioctl(fd, VHOST_SET_MEM_TABLE, (void *)m);
}

int vhost_set_log_base(int fd, uint64_t base)
{
	return vhost_ioctl(fd, VHOST_SET_LOG_BASE, &base);
}

int vhost_set_log_fd(int fd, int log_fd)
{
	return vhost_ioctl(fd, VHOST_SET_LOG_FD, &log_fd);
}

static int set_state(int fd, unsigned long request, unsigned int index, unsigned int num)
{
	struct vhost_vring_state s = { .index = index, .num = num };

	return vhost_ioctl(fd, request, &s);
}

static int64_t get_state(int fd, unsigned long request, unsigned int index)
{
	struct vhost_vring_state s = { .index = index };
	int ret = vhost_ioctl(fd, request, &s);

	return ret < 0 ? ret : (int64_t)s.num;
}

static int set_file(int fd, unsigned long request, unsigned int index, int file)
{
	struct vhost_vring_file f = { .index = index, .fd = file };

	return vhost_ioctl(fd, request, &f);
}

int vhost_set_vring_num(int fd, unsigned int index, unsigned int num)
{
	return set_state(fd, VHOST_SET_VRING_NUM, index, num);
}

int vhost_set_vring_base(int fd, unsigned int index, unsigned int base)
{
	return set_state(fd, VHOST_SET_VRING_BASE, index, base);
}

int64_t vhost_get_vring_base(int fd, unsigned int index)
{
	return get_state(fd, VHOST_GET_VRING_BASE, index);
}

int vhost_set_vring_addr(int fd, const struct vhost_vring_addr *addr)
{
	return vhost_ioctl(fd, VHOST_SET_VRING_ADDR, (void *)addr);
}

int vhost_set_vring_kick(int fd, unsigned int index, int event_fd)
{
	return set_file(fd, VHOST_SET_VRING_KICK, index, event_fd);
}

int vhost_set_vring_call(int fd, unsigned int index, int event_fd)
{
	return set_file(fd, VHOST_SET_VRING_CALL, index, event_fd);
}

int vhost_set_vring_err(int fd, unsigned int index, int event_fd)
{
	return set_file(fd, VHOST_SET_VRING_ERR, index, event_fd);
}

int vhost_set_vring_endian(int fd, unsigned int index, unsigned int endian)
{
	return set_state(fd, VHOST_SET_VRING_ENDIAN, index, endian);
}

int vhost_get_vring_endian(int fd, unsigned int index)
{
	return get_state(fd, VHOST_GET_VRING_ENDIAN, index);
}

int vhost_set_busyloop_timeout(int fd, unsigned int index, unsigned int us)
{
	return set_state(fd, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, index, us);
}

int vhost_get_busyloop_timeout(int fd, unsigned int index)
{
	return get_state(fd, VHOST_GET_VRING_BUSYLOOP_TIMEOUT, index);
}

int vhost_new_worker(int fd)
{
	struct vhost_worker_state s = { .worker_id = 0 };
	int ret = vhost_ioctl(fd, VHOST_NEW_WORKER, &s);

	return ret < 0 ? ret : (int)s.worker_id;
}

int vhost_free_worker(int fd, unsigned int id)
{
	struct vhost_worker_state s = { .worker_id = id };

	return vhost_ioctl(fd, VHOST_FREE_WORKER, &s);
}

int vhost_attach_vring_worker(int fd, unsigned int index, unsigned int id)
{
	struct vhost_vring_worker w = { .index = index, .worker_id = id };

	return vhost_ioctl(fd, VHOST_ATTACH_VRING_WORKER, &w);
}

int vhost_get_vring_worker(int fd, unsigned int index)
{
	struct vhost_vring_worker w = { .index = index, .worker_id = ~0u };
	int ret = vhost_ioctl(fd, VHOST_GET_VRING_WORKER, &w);

	return ret < 0 ? ret : (int)w.worker_id;
}

int vhost_set_fork_from_owner(int fd, unsigned int kind)
{
	uint8_t byte = kind;

	return vhost_ioctl(fd, VHOST_SET_FORK_FROM_OWNER, &byte);
}

int vhost_get_fork_from_owner(int fd)
{
	uint8_t byte = 0xff;
	int ret = vhost_ioctl(fd, VHOST_GET_FORK_FROM_OWNER, &byte);

	return ret < 0 ? ret : byte;
}

int vhost_net_set_backend(int fd, unsigned int index, int backend_fd)
{
	return set_file(fd, VHOST_NET_SET_BACKEND, index, backend_fd);
}

static size_t table_bytes(unsigned int regions)
{
	return sizeof(struct vhost_memory) + regions * sizeof(struct vhost_memory_region);
}

int mem_table_init(struct mem_table *t)
{
	t->room = 16;
	t->m = calloc(1, table_bytes(t->room));
	return t->m ? 0 : -ENOMEM;
}

void mem_table_free(struct mem_table *t)
{
	free(t->m);
	t->m = NULL;
	t->room = 0;
}

void mem_table_clear(struct mem_table *t)
{
	t->m->nregions = 0;
}

int mem_table_add(struct mem_table *t, uint64_t gpa, const void *hva, uint64_t size)
{
	struct vhost_memory_region *r;

	if (t->m->nregions == t->room) {
		struct vhost_memory *m = realloc(t->m, table_bytes(2 * t->room));

		if (!m)
			return -ENOMEM;
		t->m = m;
		t->room *= 2;
	}
	r = &t->m->regions[t->m->nregions++];
	memset(r, 0, sizeof(*r));
	r->guest_phys_addr = gpa;
	r->memory_size = size;
	r->userspace_addr = (uintptr_t)hva;
	return 0;
}

int mem_table_del(struct mem_table *t, uint64_t gpa)
{
	unsigned int i;

	for (i = 0; i < t->m->nregions; i++) {
		struct vhost_memory_region *r = &t->m->regions[i];

		if (r->guest_phys_addr != gpa)
			continue;
		t->m->nregions--;
		memmove(r, r + 1, (t->m->nregions - i) * sizeof(*r));
		return 0;
	}
	return -ENOENT;
}

unsigned int mem_table_count(const struct mem_table *t)
{
	return t->m->nregions;
}

struct vhost_memory_region *mem_table_region(struct mem_table *t, unsigned int i)
{
	return &t->m->regions[i];
}

void *mem_table_hva(const struct mem_table *t, uint64_t gpa)
{
	unsigned int i;

	for (i = 0; i < t->m->nregions; i++) {
		const struct vhost_memory_region *r = &t->m->regions[i];

		if (gpa - r->guest_phys_addr < r->memory_size)
			return (void *)(uintptr_t)(r->userspace_addr + gpa -
						   r->guest_phys_addr);
	}
	return NULL;
}

uint64_t mem_table_gpa(const struct mem_table *t, const void *hva)
{
	unsigned int i;

	for (i = 0; i < t->m->nregions; i++) {
		const struct vhost_memory_region *r = &t->m->regions[i];

		if ((uintptr_t)hva - r->userspace_addr < r->memory_size)
			return r->guest_phys_addr + (uintptr_t)hva - r->userspace_addr;
	}
	return UINT64_MAX;
}

int mem_table_set(const struct mem_table *t, int fd)
{
	return vhost_set_mem_table(fd, t->m);
}

int event_new(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

void event_signal(int fd)
{
	uint64_t one = 1;

	/* A full counter is a pending event all the same. */
	if (write(fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		abort();
}

uint64_t event_take(int fd)
{
	uint64_t n = 0;

	return read(fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

uint64_t event_wait(int fd, unsigned int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	poll(&p, 1, timeout_ms);
	return event_take(fd);
}
