/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The vhost ABI for tests: one wrapper per ioctl, the region table, eventfds.
 * Every function that can fail returns 0 or a value >= 0 on success and -errno
 * on failure, so that a test can write EXPECT_EQ(-EINVAL, vhost_...()).
 */
#ifndef RINGSIDE_LIBVHOST_H
#define RINGSIDE_LIBVHOST_H

#include <linux/vhost.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

/* Numbers that an older kernel's headers lack. */
#ifndef VHOST_NEW_WORKER
#define VHOST_NEW_WORKER		_IOR(VHOST_VIRTIO, 0x08, uint32_t)
#define VHOST_FREE_WORKER		_IOW(VHOST_VIRTIO, 0x09, uint32_t)
#define VHOST_ATTACH_VRING_WORKER	_IOW(VHOST_VIRTIO, 0x15, uint64_t)
#define VHOST_GET_VRING_WORKER		_IOWR(VHOST_VIRTIO, 0x16, uint64_t)
#endif
#ifndef VHOST_GET_FEATURES_ARRAY
#define VHOST_GET_FEATURES_ARRAY	_IOR(VHOST_VIRTIO, 0x83, uint64_t)
#define VHOST_SET_FEATURES_ARRAY	_IOW(VHOST_VIRTIO, 0x83, uint64_t)
#endif
#ifndef VHOST_SET_FORK_FROM_OWNER
#define VHOST_SET_FORK_FROM_OWNER	_IOW(VHOST_VIRTIO, 0x84, uint8_t)
#define VHOST_GET_FORK_FROM_OWNER	_IOR(VHOST_VIRTIO, 0x85, uint8_t)
#define VHOST_FORK_OWNER_KTHREAD	0
#define VHOST_FORK_OWNER_TASK		1
#endif

#define BIT64(n)		(UINT64_C(1) << (n))

/* Feature bits by number, so that no header version matters. */
#define F_MRG_RXBUF		BIT64(15)
#define F_NOTIFY_ON_EMPTY	BIT64(24)
#define F_LOG_ALL		BIT64(26)
#define F_ANY_LAYOUT		BIT64(27)
/* vhost-net gives bit 27 another meaning: vhost itself handles the net header. */
#define F_VHOST_HDR		BIT64(27)
#define F_INDIRECT		BIT64(28)
#define F_EVENT_IDX		BIT64(29)
#define F_VERSION_1		BIT64(32)
#define F_ACCESS_PLATFORM	BIT64(33)
#define F_PACKED		BIT64(34)
#define F_IN_ORDER		BIT64(35)
#define F_NOTIF_DATA		BIT64(38)
#define F_RING_RESET		BIT64(40)

/* Bits of the second word: frames in UDP tunnels, cut by whoever receives them. */
#define F2_GUEST_TUNNEL		BIT64(65 - 64)
#define F2_HOST_TUNNEL		BIT64(67 - 64)
#define F2_TUNNEL		(F2_GUEST_TUNNEL | F2_HOST_TUNNEL)

#define VHOST_NET_PATH		"/dev/vhost-net"
#define VQ_RX			0
#define VQ_TX			1

/* Open the device, close-on-exec. O_NONBLOCK in flags as QEMU does it. */
int vhost_open(const char *path, int flags);

int vhost_set_owner(int fd);
int vhost_reset_owner(int fd);
int vhost_get_features(int fd, uint64_t *features);
int vhost_set_features(int fd, uint64_t features);
/* Both words of feature bits. */
int vhost_get_features2(int fd, uint64_t features[2]);
int vhost_set_features2(int fd, uint64_t word0, uint64_t word1);
int vhost_get_backend_features(int fd, uint64_t *features);
int vhost_set_backend_features(int fd, uint64_t features);
int vhost_set_mem_table(int fd, const struct vhost_memory *m);
int vhost_set_log_base(int fd, uint64_t base);
int vhost_set_log_fd(int fd, int log_fd);

int vhost_set_vring_num(int fd, unsigned int index, unsigned int num);
int vhost_set_vring_base(int fd, unsigned int index, unsigned int base);
/* The base (>= 0) or -errno. Only for rings whose base fits in 31 bits (split). */
/* The value, which may have its highest bit set, or -errno. */
int64_t vhost_get_vring_base(int fd, unsigned int index);
int vhost_set_vring_addr(int fd, const struct vhost_vring_addr *addr);
int vhost_set_vring_kick(int fd, unsigned int index, int event_fd);
int vhost_set_vring_call(int fd, unsigned int index, int event_fd);
int vhost_set_vring_err(int fd, unsigned int index, int event_fd);
int vhost_set_vring_endian(int fd, unsigned int index, unsigned int endian);
/* VHOST_VRING_*_ENDIAN or -errno. */
int vhost_get_vring_endian(int fd, unsigned int index);
int vhost_set_busyloop_timeout(int fd, unsigned int index, unsigned int us);
/* The timeout (>= 0) or -errno. */
int vhost_get_busyloop_timeout(int fd, unsigned int index);
/* The worker's number (>= 0) or -errno. */
int vhost_new_worker(int fd);
int vhost_free_worker(int fd, unsigned int id);
int vhost_attach_vring_worker(int fd, unsigned int index, unsigned int id);
int vhost_get_vring_worker(int fd, unsigned int index);
/* VHOST_FORK_OWNER_TASK or _KTHREAD; the latter returns the kind. */
int vhost_set_fork_from_owner(int fd, unsigned int kind);
int vhost_get_fork_from_owner(int fd);
int vhost_net_set_backend(int fd, unsigned int index, int backend_fd);

/* Any ioctl, for calls without a wrapper and for bad pointers. */
int vhost_ioctl(int fd, unsigned long request, void *arg);

/*
 * Region table. regions[] stays in the order of the calls, which need not be the
 * order of the addresses.
 */
struct mem_table {
	struct vhost_memory *m;
	unsigned int room;
};

int mem_table_init(struct mem_table *t);
void mem_table_free(struct mem_table *t);
void mem_table_clear(struct mem_table *t);
int mem_table_add(struct mem_table *t, uint64_t gpa, const void *hva, uint64_t size);
/* Drop the region that starts at gpa; -ENOENT when there is none. */
int mem_table_del(struct mem_table *t, uint64_t gpa);
unsigned int mem_table_count(const struct mem_table *t);
struct vhost_memory_region *mem_table_region(struct mem_table *t, unsigned int i);
/* Translate; NULL / UINT64_MAX when the address is in no region. */
void *mem_table_hva(const struct mem_table *t, uint64_t gpa);
uint64_t mem_table_gpa(const struct mem_table *t, const void *hva);
int mem_table_set(const struct mem_table *t, int fd);

/* Eventfds are created non-blocking. */
int event_new(void);
void event_signal(int fd);
/* Count that was pending, 0 when none. Resets it. */
uint64_t event_take(int fd);
/* As event_take(), waiting up to timeout_ms for a first one. */
uint64_t event_wait(int fd, unsigned int timeout_ms);

#endif
