/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VMM and its guest's net driver in one: a vhost-net device with guest memory,
 * two rings and a backend, set up in the order QEMU uses. Tests take what they
 * need of it, and change one thing.
 *
 *	struct vmm v;
 *
 *	ASSERT_EQ(0, net_ns_enter());
 *	ASSERT_EQ(0, vmm_net_up(&v, &(struct vmm_config){ .features = F_VERSION_1 }));
 *	ASSERT_EQ(0, vmm_tx_check(&v, 1000, 1));
 *	vmm_close(&v);
 */
#ifndef RINGSIDE_LIBVMM_H
#define RINGSIDE_LIBVMM_H

#include "libnet.h"
#include "libvhost.h"
#include "libvring.h"

#define VMM_NVQS	2
#define VMM_TIMEOUT_MS	5000	/* for things that happen at once */
#define VMM_QUIET_MS	100	/* for things that must not happen */

/* Of VHOST_FORK_OWNER_TASK or _KTHREAD, one of which is 0. */
#define WORKERS_OF(kind)	((unsigned int)(kind) + 1)

struct vmm_vq {
	struct drv_ring ring;
	struct vhost_vring_addr addr;
	int kick, call, err;
};

struct vmm {
	const char *path;		/* of the device; NULL: vhost-net */
	int fd;
	uint64_t features;
	unsigned int hdr_len;		/* of the header in the guest's buffers */
	unsigned int workers;		/* WORKERS_OF(), or 0: what the module's default is */
	bool iommu;			/* ring areas, too, are told by guest address */
	struct mem_table mem;
	/* The first region, from which rings and buffers are handed out. */
	char *ram;
	size_t ram_size, ram_used;
	uint64_t ram_gpa;
	struct vmm_vq vq[VMM_NVQS];
	struct net_backend net;
	char *scratch;			/* one guest buffer for the *_check() calls */
};

/* Zero means the default. */
struct vmm_config {
	uint64_t features;		/* default 0: legacy, no extras */
	unsigned int num;		/* 256 */
	uint16_t count;			/* as of vmm_ring(); 0 */
	size_t ram_size;		/* 4 MiB */
	uint64_t ram_gpa;		/* 0 */
	enum net_kind net;		/* tap */
	unsigned int workers;		/* WORKERS_OF(); as the module's default */
};

/* Size of the net header in guest buffers under these features. */
unsigned int vmm_hdr_len(uint64_t features);

/*
 * Steps; each returns 0 or -errno. vmm_init() touches no device and vmm_close()
 * may be called after any of them.
 */
void vmm_init(struct vmm *v);
int vmm_open(struct vmm *v, uint64_t features);		/* open, owner, features */
int vmm_ram(struct vmm *v, uint64_t gpa, size_t size);	/* memory, and into the table */
int vmm_set_mem(struct vmm *v);				/* the table to the device */
/*
 * Allocate a ring in guest memory (num, and count as of drv_ring_init()), new eventfds,
 * and tell the device. The features choose its layout.
 */
int vmm_ring(struct vmm *v, unsigned int index, unsigned int num, uint16_t count);
/* As vmm_ring() with the three areas where the caller wants them. */
int vmm_ring_at(struct vmm *v, unsigned int index, unsigned int num, uint16_t count,
		const struct drv_place *at);
/* The ioctls of vmm_ring() again for a ring that exists, driver state started over. */
int vmm_rearm(struct vmm *v, unsigned int index, uint16_t count);
int vmm_start(struct vmm *v, unsigned int index);	/* SET_BACKEND(net.fd) */
/* SET_BACKEND(-1), then the base that the device reached (>= 0). */
int64_t vmm_stop(struct vmm *v, unsigned int index);
/* Stop, the driver starts over at 0, start: what a guest's reset amounts to. */
int vmm_reset_queue(struct vmm *v, unsigned int index);
/* All of the above and a backend. Needs net_ns_enter() before. */
int vmm_net_up(struct vmm *v, const struct vmm_config *c);
/* The same up to the rings, without backend. */
int vmm_up(struct vmm *v, const struct vmm_config *c);
void vmm_close(struct vmm *v);

/* Guest memory. NULL when used up. align is a power of two. */
void *vmm_alloc(struct vmm *v, size_t size, size_t align);
uint64_t vmm_gpa(const struct vmm *v, const void *hva);

/* Publish, and kick if the device asked for it. */
void vmm_kick(struct vmm *v, unsigned int index);
/* Kick whatever the device says. */
void vmm_force_kick(struct vmm *v, unsigned int index);

/*
 * Queue one frame for transmission: header and frame in one descriptor at buf,
 * which has room for hdr_len + len. Published and kicked.
 */
int vmm_tx_send(struct vmm *v, char *buf, size_t len, uint32_t seed);
/*
 * One frame of len bytes through the device and back to us, byte-exact, used
 * entry included. 0, -ETIMEDOUT (nothing came), -EBADMSG (wrong bytes), -EPROTO
 * (used ring broken). Serial: nothing else may be in flight on that queue.
 */
int vmm_tx_check(struct vmm *v, size_t len, uint32_t seed);
int vmm_rx_check(struct vmm *v, size_t len, uint32_t seed);
/* Both of them with a few sizes. */
int vmm_traffic_check(struct vmm *v);
/* Has the error eventfd of the queue fired (within timeout_ms)? Resets it. */
bool vmm_ring_error(struct vmm *v, unsigned int index, unsigned int timeout_ms);

#endif
