/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VMM and its guest's virtio-scsi driver in one, on /dev/vhost-scsi: guest memory, as
 * many rings as the test wants, commands laid out as the test wants them.
 *
 *	struct scsi s;
 *
 *	ASSERT_EQ(0, scsi_up(&s, &(struct scsi_config){ .features = F_VERSION_1 }));
 *	ASSERT_EQ(0, scsi_set_endpoint(&s, TARGET_WWN));
 *	ASSERT_EQ(0, scsi_rw(&s, true, 0, data, 8 * 512));
 *	scsi_close(&s);
 */
#ifndef RINGSIDE_LIBSCSI_H
#define RINGSIDE_LIBSCSI_H

#include <linux/virtio_scsi.h>
#include <pthread.h>
#include <stdbool.h>

#include "libtarget.h"
#include "libvhost.h"
#include "libvring.h"

#define VHOST_SCSI_PATH	"/dev/vhost-scsi"
#define F_SCSI_HOTPLUG	BIT64(VIRTIO_SCSI_F_HOTPLUG)
#define F_SCSI_T10_PI	BIT64(VIRTIO_SCSI_F_T10_PI)

#define SCSI_TIMEOUT_MS	20000
#define SCSI_BLOCK	512
#define SCSI_CTL	0
#define SCSI_EVT	1
#define SCSI_IO		2

struct scsi_vq {
	struct drv_ring ring;
	struct vhost_vring_addr addr;
	int kick, call, err;
};

struct scsi {
	int fd;
	uint64_t features;
	unsigned int nvqs, num;
	struct scsi_vq *vq;
	struct mem_table mem;
	char *ram;
	size_t ram_size, ram_used;
	uint64_t ram_gpa;
	/*
	 * Behind a device IOTLB: the same memory once more, as the device finds it, with its
	 * pieces in the opposite order; who tells the device, and how often it was asked.
	 */
	char *view;
	pthread_t server;
	volatile bool stop;
	volatile unsigned int misses;
};

/* Zero means the default. */
struct scsi_config {
	uint64_t features;		/* 0: legacy */
	unsigned int nvqs;		/* 3: control, events, one for commands */
	unsigned int num;		/* 128 */
	size_t ram_size;		/* 8 MiB */
	bool iommu;			/* nothing is mapped until the device asks for it */
};

/* Up to and with rings, no endpoint. scsi_close() may be called in any case. */
int scsi_up(struct scsi *s, const struct scsi_config *c);
void scsi_close(struct scsi *s);
int scsi_ring(struct scsi *s, unsigned int index);
/* More guest memory, whatever may be done with it. */
int scsi_add_memory(struct scsi *s, uint64_t gpa, char *at, size_t len);
int scsi_set_endpoint(struct scsi *s, const char *wwn);
int scsi_clear_endpoint(struct scsi *s, const char *wwn);
void *scsi_alloc(struct scsi *s, size_t size, size_t align);
uint64_t scsi_gpa(const struct scsi *s, const void *hva);

/* How request, response and data lie in descriptors. */
enum scsi_shape {
	SCSI_PLAIN,		/* a descriptor each */
	SCSI_JOINED,		/* request with data to the device; response with data from it */
	SCSI_SMALL,		/* pieces of 37 bytes */
	SCSI_BYTES,		/* request and response in pieces of one byte, data in pages */
	SCSI_PAGES,		/* data in pages, each 16 bytes off its border */
	SCSI_SHAPES,
};

/* One command. The caller fills in what is above the line. */
struct scsi_io {
	unsigned char cdb[32];
	unsigned char lun[8];		/* 0: LUN 0 of target 0 */
	unsigned char attr;
	uint32_t pi_out, pi_in;		/* bytes of out or in that are protection information */
	char *out, *in;			/* data in guest memory */
	size_t out_len, in_len;
	enum scsi_shape shape;
	size_t req_len, resp_len;	/* if it is to be less than it should; 0: what it should */
	bool indirect;
	/* ---- */
	char *req;			/* in guest memory */
	struct virtio_scsi_cmd_resp *resp;
	uint32_t len;			/* what the used ring said */
};

/* LUN and target into scsi_io.lun. */
void scsi_address(unsigned char *lun, unsigned int target, unsigned int number);
/* READ(10) or WRITE(10) of len bytes at block lba, into cdb. */
void scsi_cdb_rw(unsigned char *cdb, bool write, uint32_t lba, size_t len);
/* Memory for request and response, once for an io: 0 or -ENOSPC. */
int scsi_io_init(struct scsi *s, struct scsi_io *io);
/* Enter into a ring; not published. The id or -errno. */
int scsi_add(struct scsi *s, unsigned int index, struct scsi_io *io);
void scsi_kick(struct scsi *s, unsigned int index);
/* The next that is done: its io, NULL after the timeout or for a broken ring. */
struct scsi_io *scsi_wait(struct scsi *s, unsigned int index, unsigned int timeout_ms);
/*
 * One command from begin to end on queue SCSI_IO: -ETIMEDOUT, -EPROTO, or the response's
 * response << 8 | status.
 */
int scsi_do(struct scsi *s, struct scsi_io *io);
/* Read or write blocks with a plain command; as scsi_do(). buf is in guest memory. */
int scsi_rw(struct scsi *s, bool write, uint32_t lba, char *buf, size_t len);
/* Get the power-on unit attention out of the way: 0 or as scsi_do(). */
int scsi_ready(struct scsi *s, unsigned int target, unsigned int number);

/* Wait until the device has popped n buffers of a queue, counted from its start. */
bool scsi_popped(struct scsi *s, unsigned int index, unsigned int n);
/*
 * Run on one processor, and the workers too: then all commands of a LUN are done one after
 * the other. Call before scsi_up(), and scsi_one_cpu_workers() after it.
 */
int scsi_one_cpu(void);
int scsi_one_cpu_workers(void);
/*
 * Stall a file, and a write to it on a queue, behind which all commands of that LUN wait
 * that come from the same processor. io is the caller's, zeroed. 0 once the device has it.
 */
int scsi_stall(struct scsi *s, unsigned int index, struct scsi_io *io, struct target_stall *t,
	       const char *name);

/* Control requests; the response, -ETIMEDOUT or -errno. */
int scsi_tmf(struct scsi *s, unsigned int subtype, const unsigned char *lun);
int scsi_an(struct scsi *s, unsigned int type, const unsigned char *lun, uint32_t *events);

/* A buffer for events into the event queue, and kick. */
int scsi_event_add(struct scsi *s, struct virtio_scsi_event *e, size_t len);

/* A function of position and seed; 0 or -EBADMSG. */
void scsi_fill(char *buf, size_t len, uint32_t seed);
int scsi_check(const char *buf, size_t len, uint32_t seed);

#endif
