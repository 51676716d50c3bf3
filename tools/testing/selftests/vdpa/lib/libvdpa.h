/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /dev/vhost-vdpa-N for tests: devices made by netlink, one wrapper per ioctl, IOTLB
 * messages, and on top of them a VMM and its guest's driver in one. Functions that
 * can fail return 0 or a value >= 0 on success and -errno on failure.
 *
 *	struct vdpa_dev d;
 *	struct vdpa v;
 *
 *	ASSERT_EQ(0, vdpa_dev_new(&d, "vdpasim_blk", "t0", 0));
 *	ASSERT_EQ(0, vdpa_up(&v, d.path, &(struct vdpa_config){ .features = VDPA_F_BASE }));
 *	ASSERT_EQ(0, vdpa_start(&v));
 *	ASSERT_EQ(0, vblk_check(&v, 0, 4096, 1));
 *	vdpa_close(&v);
 *	vdpa_dev_del(&d);
 */
#ifndef RINGSIDE_LIBVDPA_H
#define RINGSIDE_LIBVDPA_H

#include <linux/vhost.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "libvhost.h"
#include "libvnl.h"
#include "libvring.h"

/* Backend features by number, so that no header version matters. */
#define VDPA_BF_MSG_V2		BIT64(1)
#define VDPA_BF_BATCH		BIT64(2)
#define VDPA_BF_ASID		BIT64(3)
#define VDPA_BF_SUSPEND		BIT64(4)
#define VDPA_BF_RESUME		BIT64(5)
#define VDPA_BF_LATE_ENABLE	BIT64(6)
#define VDPA_BF_DESC_ASID	BIT64(7)
#define VDPA_BF_PERSIST		BIT64(8)
/* What QEMU 10 takes. */
#define VDPA_BF_QEMU		(VDPA_BF_MSG_V2 | VDPA_BF_BATCH | VDPA_BF_ASID | VDPA_BF_SUSPEND)

#define VDPA_F_BASE		(F_VERSION_1 | F_ACCESS_PLATFORM)

#define VDPA_S_ACK		0x01
#define VDPA_S_DRIVER		0x02
#define VDPA_S_DRIVER_OK	0x04
#define VDPA_S_FEATURES_OK	0x08
#define VDPA_S_NEEDS_RESET	0x40

#define VDPA_TIMEOUT_MS		5000	/* for things that happen at once */
#define VDPA_QUIET_MS		100	/* for things that must not happen */

/* ---- devices ---- */

struct vdpa_dev {
	struct vnl nl;
	char name[32];
	char path[64];		/* of its file in /dev */
};

/* What a device is to be, beside the name; 0: the parent's default. */
struct vdpa_attrs {
	uint64_t features;
	const uint8_t *mac;
	uint16_t mtu;
	uint16_t max_vqp;
};

/* modprobe, if one of them is not there: 0 or -ENOENT. Names are separated by spaces. */
int modules_load(const char *names);
/* modprobe -r, if it is there: 0 or -EBUSY. */
int module_unload(const char *name);
/*
 * Unload simulators and vhost_vdpa, and load what they share with these parameters
 * ("use_va=0 max_iotlb_entries=16"; "" for the defaults), vhost_vdpa with those.
 * -ENOENT when there is no simulator, -EBUSY when somebody has a device.
 */
int vdpa_reload(const char *sim, const char *vhost_vdpa);
/*
 * Load the parent (vdpasim_net, vdpasim_blk) and vhost_vdpa, make a device and wait for
 * its file. features: what it is to offer, 0 for the default. -ENOENT when there is
 * no such parent.
 */
int vdpa_dev_new(struct vdpa_dev *d, const char *mgmt, const char *name, uint64_t features);
int vdpa_dev_make(struct vdpa_dev *d, const char *mgmt, const char *name,
		  const struct vdpa_attrs *attrs);
void vdpa_dev_del(struct vdpa_dev *d);
/* /dev/vhost-vdpa-N of a device, -ENOENT when there is none. */
int vdpa_dev_find(const char *name, char *path, size_t room);
/* The same, waiting for it; -ETIMEDOUT. */
int vdpa_dev_path(const char *name, char *path, size_t room);

/* ---- ioctls, beside those of libvhost.h ---- */

/* The status (>= 0) or -errno. */
int vdpa_get_status(int fd);
int vdpa_set_status(int fd, uint8_t status);
int vdpa_get_device_id(int fd);
int vdpa_get_config(int fd, uint32_t off, void *buf, uint32_t len);
int vdpa_set_config(int fd, uint32_t off, const void *buf, uint32_t len);
int vdpa_get_config_size(int fd);
int vdpa_set_config_call(int fd, int event_fd);
int vdpa_get_iova_range(int fd, uint64_t *first, uint64_t *last);
int vdpa_get_vqs_count(int fd);
int vdpa_get_vring_num(int fd);
int vdpa_get_vring_size(int fd, unsigned int index);
int vdpa_get_group_num(int fd);
int vdpa_get_as_num(int fd);
int vdpa_get_vring_group(int fd, unsigned int index);
int vdpa_get_vring_desc_group(int fd, unsigned int index);
int vdpa_set_group_asid(int fd, unsigned int group, unsigned int asid);
int vdpa_set_vring_enable(int fd, unsigned int index, unsigned int on);
int vdpa_suspend(int fd);
int vdpa_resume(int fd);

/* ---- IOTLB messages ---- */

/* One message as a VMM sends it: 0 if it was taken as a whole, or -errno. */
int vdpa_msg(int fd, uint32_t asid, uint8_t type, uint64_t iova, uint64_t size,
	     const void *uaddr, uint8_t perm);
int vdpa_map(int fd, uint32_t asid, uint64_t iova, uint64_t size, const void *uaddr,
	     uint8_t perm);
int vdpa_unmap(int fd, uint32_t asid, uint64_t iova, uint64_t size);
int vdpa_batch(int fd, uint32_t asid, bool begin);

/* Pages with nothing behind and before them; flags of mmap. NULL when there are none. */
char *vdpa_guarded(size_t pages, int flags);
/* A number of /proc/vmstat ("nr_foll_pin_acquired"), -ENOENT. */
long vdpa_vmstat(const char *field);
/* Pages that are pinned on the system now, as the kernel counts pins. */
long vdpa_pinned(void);
/* A line of /proc/PID/status that counts in kB ("VmPin:", 0 for ourselves); -errno. */
long vdpa_proc_kb(pid_t pid, const char *field);

/* ---- a VMM and its guest's driver ---- */

#define VDPA_MAX_VQS	8
#define VDPA_IOVA	UINT64_C(0x100000)

struct vdpa_vq {
	struct drv_ring ring;
	struct vhost_vring_addr addr;
	int kick, call;
};

struct vdpa {
	int fd;
	uint64_t features;
	unsigned int nvqs;
	/* Guest memory, in one piece: rings and buffers are handed out from it. */
	char *ram;
	size_t ram_size, ram_used;
	uint64_t iova;
	struct vdpa_vq vq[VDPA_MAX_VQS];
	int config_call;
};

/* Zero means the default. */
struct vdpa_config {
	uint64_t features;
	uint64_t backend_features;	/* VDPA_BF_QEMU */
	unsigned int nvqs;		/* those of the device, at most VDPA_MAX_VQS */
	unsigned int num;		/* 128 */
	uint32_t count;			/* 0 */
	size_t ram_size;		/* 1 MiB */
	uint64_t iova;			/* VDPA_IOVA */
	bool private_ram;		/* private, not shared */
	bool unmapped;			/* leave mapping to the caller */
};

/*
 * Steps. vdpa_open() opens, owns and negotiates up to FEATURES_OK; vdpa_up() has memory,
 * mapped in address space 0, and rings as well; vdpa_start() is DRIVER_OK and then
 * enables the queues, as QEMU does it. vdpa_close() may be called after any of them.
 */
void vdpa_init(struct vdpa *v);
int vdpa_open(struct vdpa *v, const char *path, const struct vdpa_config *c);
int vdpa_negotiate(struct vdpa *v, uint64_t features);
int vdpa_up(struct vdpa *v, const char *path, const struct vdpa_config *c);
int vdpa_start(struct vdpa *v);
/* A ring in guest memory, new eventfds, and the ioctls. */
int vdpa_ring(struct vdpa *v, unsigned int index, unsigned int num, uint32_t count);
/* The ioctls of vdpa_ring() again, driver state started over at count. */
int vdpa_rearm(struct vdpa *v, unsigned int index, uint32_t count);
/* Reset, negotiate, map and rearm all queues at count 0, start. */
int vdpa_restart(struct vdpa *v);
void vdpa_close(struct vdpa *v);

/* Guest memory. NULL when used up. align is a power of two. */
void *vdpa_alloc(struct vdpa *v, size_t size, size_t align);
uint64_t vdpa_iova(const struct vdpa *v, const void *p);
/* Publish and kick, whatever the device says. */
void vdpa_kick(struct vdpa *v, unsigned int index);
/*
 * Publish, kick, wait for one chain to come back: its length or -errno, -ETIMEDOUT
 * after VDPA_TIMEOUT_MS.
 */
int vdpa_turn(struct vdpa *v, unsigned int index);

/* ---- a disk's requests, on queue 0 ---- */

#define VBLK_IN		0
#define VBLK_OUT	1
#define VBLK_FLUSH	4
#define VBLK_GET_ID	8

struct vblk_req {
	uint32_t type;
	uint32_t ioprio;
	uint64_t sector;
	uint8_t status;
};

/* Enter a request without publishing it; r and buf in guest memory. Id or -errno. */
int vblk_add(struct vdpa *v, struct vblk_req *r, uint32_t type, uint64_t sector, void *buf,
	     uint32_t len);
/* One request: its status (0: good), or -errno. */
int vblk_io(struct vdpa *v, uint32_t type, uint64_t sector, void *buf, uint32_t len);
/* Write a pattern, read it back: 0, -EBADMSG, -EIO, -errno. At most 16 KiB. */
int vblk_check(struct vdpa *v, uint64_t sector, uint32_t len, uint32_t seed);

#endif
