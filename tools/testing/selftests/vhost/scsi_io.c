// SPDX-License-Identifier: GPL-2.0-only
/* Commands of vhost-scsi: that they do what they say, however they are laid out. */
#include <sys/mman.h>
#include <unistd.h>

#include "libscsi.h"
#include "test.h"

#define GOOD		0
#define CHECK		0x02
#define BAD_TARGET	(VIRTIO_SCSI_S_BAD_TARGET << 8)
#define FAILURE		(VIRTIO_SCSI_S_FAILURE << 8)

FIXTURE(io) {
	struct scsi s;
	char *buf, *back;
};

FIXTURE_VARIANT(io) {
	uint64_t features;
	bool file;
	bool iommu;
};

FIXTURE_VARIANT_ADD(io, v1) { .features = F_VERSION_1 | F_EVENT_IDX | F_INDIRECT };
FIXTURE_VARIANT_ADD(io, packed) {
	.features = F_VERSION_1 | F_EVENT_IDX | F_INDIRECT | F_PACKED
};
FIXTURE_VARIANT_ADD(io, legacy) { .features = F_INDIRECT };
FIXTURE_VARIANT_ADD(io, v1_file) { .features = F_VERSION_1 | F_EVENT_IDX | F_INDIRECT, .file = true };
FIXTURE_VARIANT_ADD(io, iommu) {
	.features = F_VERSION_1 | F_EVENT_IDX | F_INDIRECT | F_ACCESS_PLATFORM, .iommu = true,
};
FIXTURE_VARIANT_ADD(io, pi) { .features = F_VERSION_1 | F_SCSI_T10_PI | F_INDIRECT };

#define DATA	(1 << 20)

FIXTURE_SETUP(io)
{
	ASSERT_EQ(0, target_init());
	ASSERT_EQ(0, variant->file ? target_file("disk", 4096) : target_ramdisk("disk", 4096, 0));
	ASSERT_EQ(0, target_tpg_add(TARGET_WWN, "tpgt_0"));
	ASSERT_EQ(0, target_nexus(TARGET_WWN, "tpgt_0", TARGET_NEXUS));
	ASSERT_EQ(0, target_lun_add(TARGET_WWN, "tpgt_0", 0, "disk"));
	ASSERT_EQ(0, scsi_up(&self->s, &(struct scsi_config){
			.features = variant->features, .ram_size = 32 << 20,
			.iommu = variant->iommu }));
	ASSERT_EQ(0, scsi_set_endpoint(&self->s, TARGET_WWN));
	self->buf = scsi_alloc(&self->s, DATA + 4096, 4096);
	self->back = scsi_alloc(&self->s, DATA + 4096, 4096);
	ASSERT_EQ(GOOD, scsi_ready(&self->s, 0, 0));
}

FIXTURE_TEARDOWN(io)
{
	/* It asked for what it used, as nobody told it of anything else. */
	EXPECT_EQ(variant->iommu, self->s.misses > 0);
	scsi_close(&self->s);
	EXPECT_EQ(0, target_clean());
}

TEST_F(io, inquiry)
{
	struct scsi_io io = { .cdb = { 0x12, 0, 0, 0, 96 }, .in = self->buf, .in_len = 96 };

	ASSERT_EQ(GOOD, scsi_do(&self->s, &io));
	EXPECT_EQ(0, self->buf[0]);
	EXPECT_EQ(0, memcmp(self->buf + 8, "LIO-ORG ", 8));
	EXPECT_EQ(sizeof(*io.resp) + 96, io.len);
}

TEST_F(io, underflow)
{
	struct scsi_io io = { .cdb = { 0x12, 0, 0, 0, 36 }, .in = self->buf, .in_len = 96 };

	ASSERT_EQ(GOOD, scsi_do(&self->s, &io));
	EXPECT_EQ(60, io.resp->resid);
	EXPECT_EQ(sizeof(*io.resp) + 36, io.len);
}

TEST_F(io, sense)
{
	struct scsi_io io = { .cdb = { 0xc0 } };

	ASSERT_EQ(CHECK, scsi_do(&self->s, &io));
	EXPECT_LE(18, io.resp->sense_len);
	EXPECT_EQ(5, io.resp->sense[2] & 15);		/* illegal request */
	EXPECT_EQ(0x20, io.resp->sense[12]);		/* invalid operation code */
	EXPECT_EQ(sizeof(*io.resp), io.len);
}

/* Each layout, sizes from a block to 1 MiB; data is read back in another layout. */
TEST_F(io, layouts)
{
	static const size_t sizes[] = { 512, 4096, 66048, 1 << 20 };
	struct scsi *s = &self->s;
	unsigned int shape, i;
	size_t used = s->ram_used;

	for (shape = 0; shape < SCSI_SHAPES; shape++) {
		for (i = 0; i < ARRAY_LEN(sizes); i++) {
			struct scsi_io w = { .shape = shape, .out = self->buf + 16,
					     .out_len = sizes[i], .indirect = i & 1 };
			struct scsi_io r = { .shape = (shape + i) % SCSI_SHAPES, .in_len = sizes[i],
					     .in = self->back + 16 * (i & 1), .indirect = true };

			/* A chain has 1024 pieces at most. */
			if (sizes[i] > 32768 && (w.shape == SCSI_SMALL || r.shape == SCSI_SMALL))
				continue;
			scsi_cdb_rw(w.cdb, true, 64 * shape, sizes[i]);
			scsi_cdb_rw(r.cdb, false, 64 * shape, sizes[i]);
			scsi_fill(self->buf + 16, sizes[i], shape * 16 + i);
			memset(self->back, 0xaa, DATA);
			ASSERT_EQ(GOOD, scsi_do(s, &w)) {
				TH_LOG("write: shape %u, %zu bytes", shape, sizes[i]);
			}
			EXPECT_EQ(sizeof(*w.resp), w.len);
			ASSERT_EQ(GOOD, scsi_do(s, &r)) {
				TH_LOG("read: shape %u, %zu bytes", r.shape, sizes[i]);
			}
			EXPECT_EQ(sizeof(*r.resp) + sizes[i], r.len);
			ASSERT_EQ(0, scsi_check(r.in, sizes[i], shape * 16 + i)) {
				TH_LOG("shapes %u and %u, %zu bytes", shape, r.shape, sizes[i]);
			}
			s->ram_used = used;
		}
	}
}

/* A full ring of commands at a time, each with data of its own. */
TEST_F(io, many_at_once)
{
	static struct scsi_io io[42];
	struct scsi *s = &self->s;
	unsigned int i, round;

	for (round = 0; round < 20; round++) {
		bool write = !(round & 1);

		for (i = 0; i < ARRAY_LEN(io); i++) {
			char *data = (write ? self->buf : self->back) + i * 4096;
			char *req = io[i].req;
			void *resp = io[i].resp;

			io[i] = (struct scsi_io){ .req = req, .resp = resp };
			if (!round) {
				ASSERT_EQ(0, scsi_io_init(s, &io[i]));
			}
			scsi_cdb_rw(io[i].cdb, write, i * 8, 4096);
			if (write) {
				scsi_fill(data, 4096, round * 100 + i);
				io[i].out = data;
				io[i].out_len = 4096;
			} else {
				io[i].in = data;
				io[i].in_len = 4096;
			}
			ASSERT_LE(0, scsi_add(s, SCSI_IO, &io[i]));
		}
		scsi_kick(s, SCSI_IO);
		for (i = 0; i < ARRAY_LEN(io); i++) {
			struct scsi_io *done = scsi_wait(s, SCSI_IO, SCSI_TIMEOUT_MS);

			ASSERT_NE(NULL, done);
			ASSERT_EQ(0, done->resp->response);
			ASSERT_EQ(GOOD, done->resp->status);
			if (!write) {
				ASSERT_EQ(0, scsi_check(done->in, 4096,
							(round - 1) * 100 + (done - io)));
			}
		}
	}
}

TEST_F(io, bad_requests)
{
	struct scsi *s = &self->s;
	struct scsi_io good = { .cdb = { 0 } };
	struct scsi_io io;
	size_t hdr = s->features & F_SCSI_T10_PI ? sizeof(struct virtio_scsi_cmd_req_pi) :
						   sizeof(struct virtio_scsi_cmd_req);

	io = (struct scsi_io){ .req_len = hdr - 1 };
	EXPECT_EQ(BAD_TARGET, scsi_do(s, &io));
	io = (struct scsi_io){ .req_len = 1 };
	EXPECT_EQ(BAD_TARGET, scsi_do(s, &io));
	/* No room for a response: nothing is written at all. */
	io = (struct scsi_io){ .resp_len = sizeof(*io.resp) - 1 };
	EXPECT_EQ(0xeeee, scsi_do(s, &io));
	EXPECT_EQ(0, io.len);
	/* The first byte of an address is 1. */
	io = (struct scsi_io){ .lun = { 2 } };
	EXPECT_EQ(BAD_TARGET, scsi_do(s, &io));
	/* No such target, no such LUN. */
	io = (struct scsi_io){ .lun = { 1, 7 } };
	EXPECT_EQ(BAD_TARGET, scsi_do(s, &io));
	io = (struct scsi_io){ .lun = { 1, 0, 0x40, 5 } };
	EXPECT_EQ(CHECK, scsi_do(s, &io));
	EXPECT_EQ(0x25, io.resp->sense[12]);		/* logical unit not supported */
	/* Variable length, longer than there is room for. */
	io = (struct scsi_io){ .cdb = { 0x7f, 0, 0, 0, 0, 0, 0, 240, 0, 9 } };
	EXPECT_EQ(BAD_TARGET, scsi_do(s, &io));
	/* Less data than the command says. */
	io = (struct scsi_io){ .out = self->buf, .out_len = 512 };
	scsi_cdb_rw(io.cdb, true, 0, 4096);
	EXPECT_NE(GOOD, scsi_do(s, &io));
	EXPECT_EQ(GOOD, scsi_do(s, &good));
}

/* The data lies the wrong way round for the command: what is not to be written is not. */
TEST_F(io, wrong_direction)
{
	struct scsi *s = &self->s;
	char *rom = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct scsi_io io = { .cdb = { 0x12, 0, 0, 0, 96 }, .out = self->buf, .out_len = 512 };
	struct scsi_io good = { .cdb = { 0 } };

	ASSERT_NE(MAP_FAILED, rom);
	memset(rom, 0x5a, 4096);
	ASSERT_EQ(0, mprotect(rom, 4096, PROT_READ));
	ASSERT_EQ(0, scsi_add_memory(s, s->ram_gpa + s->ram_size, rom, 4096));
	/* The guest has the page behind its memory. */
	io.out = s->ram + s->ram_size;
	EXPECT_EQ(FAILURE, scsi_do(s, &io));
	EXPECT_EQ(0x5a, rom[0]);
	/* But what a command only reads may be there. */
	io = (struct scsi_io){ .out = s->ram + s->ram_size, .out_len = 512 };
	scsi_cdb_rw(io.cdb, true, 9, 512);
	ASSERT_EQ(GOOD, scsi_do(s, &io));
	ASSERT_EQ(GOOD, scsi_rw(s, false, 9, self->back, 512));
	EXPECT_EQ(0, memcmp(self->back, rom, 512));
	/* A read into it fails, and the next command does not. */
	io = (struct scsi_io){ .in = s->ram + s->ram_size, .in_len = 512 };
	scsi_cdb_rw(io.cdb, false, 9, 512);
	EXPECT_EQ(FAILURE, scsi_do(s, &io));
	EXPECT_EQ(GOOD, scsi_do(s, &good));
	munmap(rom, 4096);
}

/* A flood of requests to absent targets leaves little in the kernel's log. */
TEST_F(io, fault_089_absent_targets)
{
	struct scsi *s = &self->s;
	struct scsi_io io = {};
	int kmsg = kmsg_open();
	unsigned int i;

	ASSERT_LE(0, kmsg);
	for (i = 0; i < 1000; i++) {
		io.lun[0] = 1;
		io.lun[1] = 1 + i % 255;
		ASSERT_EQ(BAD_TARGET, scsi_do(s, &io));
	}
	/* Whoever writes it. */
	EXPECT_GE(20, kmsg_count(kmsg, ""));
	close(kmsg);
}

TEST_HARNESS_MAIN
