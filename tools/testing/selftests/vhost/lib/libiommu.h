/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VMM that has a vIOMMU: device addresses (IOVAs) mean nothing until the VMM
 * tells the device, page by page, in answer to what it misses.
 *
 * Guest memory is seen three times. The driver has it in one piece (vmm.ram). The
 * device has each page at a user address of its own, with a page without access on
 * both sides, so that what runs past a mapping is found there. And vmm.mem, by
 * which the driver names addresses, says IOVAs.
 */
#ifndef RINGSIDE_LIBIOMMU_H
#define RINGSIDE_LIBIOMMU_H

#include <linux/vhost_types.h>
#include <pthread.h>

#include "libvmm.h"

#define IOMMU_PAGE	UINT64_C(4096)
#define IOMMU_GPA	UINT64_C(0x4000000)	/* of guest memory */
#define IOMMU_IOVA	UINT64_C(0xfe00000000)	/* the same for the device, default */

#define BACKEND_F_IOTLB_MSG_V2	BIT64(1)
#define BACKEND_F_IOTLB_BATCH	BIT64(2)

/* A whole message of either form, as a file of bytes. */
union iotlb_wire {
	struct vhost_msg v1;
	struct vhost_msg_v2 v2;
	unsigned char byte[sizeof(struct vhost_msg_v2)];
};

#define IOTLB_WIRE_SIZE	sizeof(union iotlb_wire)

struct vhost_iotlb_msg *iotlb_body(union iotlb_wire *w, bool v2);
/* A message as a VMM sends it; everything that is not named is 0. */
void iotlb_fill(union iotlb_wire *w, bool v2, uint8_t type, uint64_t iova, uint64_t size,
		uint64_t uaddr, uint8_t perm);
/* Write size bytes at data: 0 if all were taken, -EIO if some, or -errno. */
int iotlb_write(int fd, const void *data, size_t size);
int iotlb_send(int fd, bool v2, uint8_t type, uint64_t iova, uint64_t size, uint64_t uaddr,
	       uint8_t perm);
/*
 * The next message, waiting up to timeout_ms. 0, -ETIMEDOUT, -errno, or -EBADMSG
 * for one of the wrong size or form or with something in its padding.
 */
int iotlb_recv(int fd, bool v2, struct vhost_iotlb_msg *m, unsigned int timeout_ms);

struct iommu_config {
	const char *path;		/* as vmm.path */
	uint64_t features;		/* beside ACCESS_PLATFORM */
	bool plain;			/* no vIOMMU after all: guest addresses are GPAs */
	bool v1;			/* messages of the old form */
	bool whole;			/* one mapping for all memory, not pages */
	bool crossing;			/* each ring area lies across a page border */
	bool has_iova;			/* iova is meant, even 0 */
	uint64_t iova;
	unsigned int num;		/* 256 */
	size_t pages;			/* 128 */
};

struct iommu {
	struct vmm v;
	bool v2, whole;
	uint64_t iova;
	size_t pages;
	int memfd;
	/* User addresses and permissions of pages, for the device; under lock. */
	pthread_mutex_t lock;
	char **page;
	uint8_t *perm;
	char *device;			/* where they lie: first and extent */
	size_t device_size;
	struct mem_table guest;		/* the table the device knows, in GPAs */
	/* The thread that answers misses. */
	pthread_t server;
	bool serving;
	volatile bool stop;
	volatile unsigned long misses;	/* answered */
	volatile unsigned long strays;	/* outside of guest memory, or not a miss */
	volatile uint64_t stray;	/* address of the last one */
};

/* Up to and with rings, nothing mapped. Needs net_ns_enter(). */
int iommu_up(struct iommu *m, const struct iommu_config *c);
/* A tap, UPDATE for the used rings as QEMU does it, and both queues on. */
int iommu_start(struct iommu *m);
void iommu_close(struct iommu *m);

/* User address under which the device reaches an IOVA; NULL outside of memory. */
char *iommu_hva(const struct iommu *m, uint64_t iova);
/* IOVA of something in vmm.ram, and its page's number. */
uint64_t iommu_iova(const struct iommu *m, const void *driver);
size_t iommu_page_of(const struct iommu *m, const void *driver);
/* UPDATE for n pages, each with its permission; in one message if contiguous. */
int iommu_map(struct iommu *m, size_t page, size_t n);
int iommu_map_all(struct iommu *m);
/* UPDATE for what a piece of vmm.ram lies in. */
int iommu_map_area(struct iommu *m, const void *driver, size_t size);
/* UPDATE for the rings of a queue. */
int iommu_map_ring(struct iommu *m, unsigned int index);
int iommu_unmap(struct iommu *m, uint64_t iova, uint64_t size);
/* Another user address for a page of the device, the old one is returned. */
char *iommu_move_page(struct iommu *m, size_t page);
/* A thread that answers misses. */
int iommu_serve(struct iommu *m);
void iommu_serve_end(struct iommu *m);

#endif
