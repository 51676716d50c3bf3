// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dirty log of vhost-scsi against a comparison of all memory: rings, responses, data,
 * events. FAULTS 113, 114.
 */
#include <stdlib.h>
#include <string.h>

#include "libdirty.h"
#include "libscsi.h"
#include "test.h"

#define GOOD		0
#define FEATURES	(F_VERSION_1 | F_INDIRECT | F_SCSI_HOTPLUG)

FIXTURE(log) {
	struct scsi s;
	struct dirty_log d;
	struct target_stall stall;
	char *before, *buf;
};

FIXTURE_VARIANT(log) {
	uint64_t features;
};

FIXTURE_VARIANT_ADD(log, plain) { .features = FEATURES };
FIXTURE_VARIANT_ADD(log, packed) { .features = FEATURES | F_PACKED };
FIXTURE_VARIANT_ADD(log, event_idx) { .features = FEATURES | F_EVENT_IDX };

static int tell_rings(struct scsi *s, unsigned int flags)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < s->nvqs; i++) {
		s->vq[i].addr.flags = flags;
		s->vq[i].addr.log_guest_addr = scsi_gpa(s, s->vq[i].ring.at.device);
		ret = vhost_set_vring_addr(s->fd, &s->vq[i].addr);
	}
	return ret;
}

FIXTURE_SETUP(log)
{
	struct scsi *s = &self->s;

	s->fd = -1;
	ASSERT_EQ(0, scsi_one_cpu());
	ASSERT_EQ(0, target_init());
	ASSERT_EQ(0, target_simple());
	ASSERT_EQ(0, scsi_up(s, &(struct scsi_config){ .features = variant->features,
						       .ram_size = 4 << 20 }));
	ASSERT_EQ(0, scsi_one_cpu_workers());
	ASSERT_EQ(0, dirty_init(&self->d, s->ram_gpa + s->ram_size, 0));
	ASSERT_EQ(0, scsi_set_endpoint(s, TARGET_WWN));
	ASSERT_EQ(GOOD, scsi_ready(s, 0, 0));
	self->buf = scsi_alloc(s, 1 << 20, 4096);
	self->before = malloc(s->ram_size);
	ASSERT_NE(NULL, self->before);
}

FIXTURE_TEARDOWN(log)
{
	scsi_close(&self->s);
	dirty_free(&self->d);
	free(self->before);
	EXPECT_EQ(0, target_clean());
}

static int log_on(struct scsi *s, struct dirty_log *d)
{
	int ret = vhost_set_log_base(s->fd, (uintptr_t)d->base);

	if (!ret)
		ret = vhost_set_features(s->fd, s->features | F_LOG_ALL);
	return ret ? ret : tell_rings(s, 1 << VHOST_VRING_F_LOG);
}

/* What the driver writes itself lies in its own pages: what it has, and its rings' halves. */
static void driver_may(struct scsi *s, struct dirty_log *d)
{
	unsigned int i;

	for (i = 0; i < s->nvqs; i++)
		dirty_want(d, scsi_gpa(s, s->vq[i].ring.at.device), 6 + 8 * s->num, DIRTY_MAY);
}

/* A read whose response and data lie apart from everything the driver writes. */
static int read_apart(struct scsi *s, struct scsi_io *io, char *at, uint32_t lba, size_t len,
		      enum scsi_shape shape)
{
	int ret = scsi_io_init(s, io);

	io->shape = shape;
	io->resp = (void *)(at + 4096 - 50);
	io->in = at + 8192 + 16;
	io->in_len = len;
	scsi_cdb_rw(io->cdb, false, lba, len);
	return ret ? ret : scsi_add(s, SCSI_IO, io);
}

static int watched(struct scsi *s, struct dirty_log *d, const char *before, char *from, size_t len)
{
	dirty_want_changes(d, scsi_gpa(s, from), before + (from - s->ram), from, len);
	driver_may(s, d);
	return dirty_check(d);
}

TEST_F(log, fault_113_114_reads)
{
	struct scsi *s = &self->s;
	enum scsi_shape shape;

	scsi_fill(self->buf, 128 << 10, 5);
	ASSERT_EQ(GOOD, scsi_rw(s, true, 0, self->buf, 128 << 10));
	ASSERT_EQ(0, log_on(s, &self->d));
	for (shape = SCSI_PLAIN; shape < SCSI_SHAPES; shape++) {
		struct scsi_io io = {};

		if (shape == SCSI_JOINED || shape == SCSI_SMALL)
			continue;
		memset(self->buf, 0x33, 1 << 20);
		memcpy(self->before, s->ram, s->ram_size);
		ASSERT_LE(0, read_apart(s, &io, self->buf, 0, 64 << 10, shape));
		memset(io.resp, 0x33, sizeof(*io.resp));
		dirty_clear(&self->d);
		scsi_kick(s, SCSI_IO);
		ASSERT_EQ(&io, scsi_wait(s, SCSI_IO, SCSI_TIMEOUT_MS));
		/* The turn is over, and what it logs after pushing. */
		ASSERT_LE(0, vhost_get_vring_base(s->fd, SCSI_IO));
		ASSERT_EQ(0, scsi_check(io.in, 64 << 10, 5));
		EXPECT_TRUE(dirty_marked(&self->d, scsi_gpa(s, s->vq[SCSI_IO].ring.at.device)));
		EXPECT_EQ(0, watched(s, &self->d, self->before, self->buf, 1 << 20));
	}
}

/* A write is logged for its response alone. */
TEST_F(log, writes)
{
	struct scsi *s = &self->s;
	struct scsi_io io = { .out = self->buf + 65536, .out_len = 32768 };

	ASSERT_EQ(0, log_on(s, &self->d));
	ASSERT_EQ(0, scsi_io_init(s, &io));
	io.resp = (void *)(self->buf + 4096 - 50);
	scsi_cdb_rw(io.cdb, true, 0, 32768);
	memset(self->buf, 0x33, 1 << 20);
	memcpy(self->before, s->ram, s->ram_size);
	ASSERT_LE(0, scsi_add(s, SCSI_IO, &io));
	dirty_clear(&self->d);
	scsi_kick(s, SCSI_IO);
	ASSERT_EQ(&io, scsi_wait(s, SCSI_IO, SCSI_TIMEOUT_MS));
	ASSERT_LE(0, vhost_get_vring_base(s->fd, SCSI_IO));
	EXPECT_EQ(0, io.resp->status);
	EXPECT_EQ(0, watched(s, &self->d, self->before, self->buf, 1 << 20));
}

/* What is answered at once, by the control queue, and events. */
TEST_F(log, answers_and_events)
{
	struct scsi *s = &self->s;
	struct virtio_scsi_event *e = (void *)(self->buf + (300 << 10) + 4096 - 8);
	struct scsi_io io = { .lun = { 1, 9 } };
	struct drv_done done;

	ASSERT_EQ(0, target_ramdisk("rd1", 1024, 0));
	ASSERT_EQ(0, log_on(s, &self->d));
	ASSERT_EQ(0, scsi_io_init(s, &io));
	io.resp = (void *)(self->buf + 4096 - 50);
	memset(self->buf, 0x33, 1 << 20);
	ASSERT_LE(0, scsi_add(s, SCSI_IO, &io));
	ASSERT_EQ(0, scsi_event_add(s, e, sizeof(*e)));
	memset(io.resp, 0x33, sizeof(*io.resp));
	memcpy(self->before, s->ram, s->ram_size);
	dirty_clear(&self->d);
	scsi_kick(s, SCSI_IO);
	ASSERT_EQ(&io, scsi_wait(s, SCSI_IO, SCSI_TIMEOUT_MS));
	ASSERT_EQ(0, target_lun_add(TARGET_WWN, "tpgt_0", 3, "rd1"));
	ASSERT_LE(0, drv_ring_wait(&s->vq[SCSI_EVT].ring, &done, SCSI_TIMEOUT_MS));
	ASSERT_LE(0, vhost_get_vring_base(s->fd, SCSI_IO));
	ASSERT_LE(0, vhost_get_vring_base(s->fd, SCSI_EVT));
	EXPECT_EQ(VIRTIO_SCSI_S_BAD_TARGET, io.resp->response);
	EXPECT_EQ(VIRTIO_SCSI_T_TRANSPORT_RESET, e->event);
	EXPECT_EQ(0, watched(s, &self->d, self->before, self->buf, 1 << 20));
}

/* Logging begins while a command is on its way: what it writes then is in the log. */
TEST_F(log, fault_114_log_begins_in_flight)
{
	struct scsi *s = &self->s;
	struct scsi_io io = {}, hold = {};

	scsi_fill(self->buf, 64 << 10, 6);
	ASSERT_EQ(GOOD, scsi_rw(s, true, 0, self->buf, 64 << 10));
	ASSERT_EQ(0, scsi_stall(s, SCSI_IO, &hold, &self->stall, "disk"));
	memset(self->buf, 0x33, 1 << 20);
	ASSERT_LE(0, read_apart(s, &io, self->buf, 8, 32 << 10, SCSI_PAGES));
	memset(io.resp, 0x33, sizeof(*io.resp));
	memcpy(self->before, s->ram, s->ram_size);
	scsi_kick(s, SCSI_IO);
	ASSERT_TRUE(scsi_popped(s, SCSI_IO, drv_ring_avail(&s->vq[SCSI_IO].ring)));
	ASSERT_EQ(0, log_on(s, &self->d));
	dirty_clear(&self->d);
	ASSERT_EQ(0, target_stall_end(&self->stall));
	ASSERT_EQ(&hold, scsi_wait(s, SCSI_IO, SCSI_TIMEOUT_MS));
	ASSERT_EQ(&io, scsi_wait(s, SCSI_IO, SCSI_TIMEOUT_MS));
	ASSERT_LE(0, vhost_get_vring_base(s->fd, SCSI_IO));
	EXPECT_EQ(0, io.resp->status);
	/* The response of the one in front, as well. */
	dirty_want(&self->d, scsi_gpa(s, hold.resp), sizeof(*hold.resp), DIRTY_MUST);
	EXPECT_EQ(0, watched(s, &self->d, self->before, self->buf, 1 << 20));
}

/* A log that cannot be there, or not as far as memory reaches. */
TEST_F(log, fault_113_log_without_room)
{
	struct scsi *s = &self->s;

	EXPECT_EQ(-EFAULT, vhost_set_log_base(s->fd, KERNEL_ADDR) ? :
			   vhost_set_features(s->fd, s->features | F_LOG_ALL));
	EXPECT_EQ(GOOD, scsi_rw(s, false, 0, self->buf, 4096));
}

TEST_HARNESS_MAIN
