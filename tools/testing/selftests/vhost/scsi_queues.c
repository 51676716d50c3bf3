// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many queues of vhost-scsi, their workers, and how queues share one. FAULTS 19, 37, 64.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "libhold.h"
#include "libscsi.h"
#include "test.h"

#define GOOD		0
#define FEATURES	(F_VERSION_1 | F_EVENT_IDX)

FIXTURE(queues) {
	struct scsi s;
	char *buf;
};

FIXTURE_SETUP(queues)
{
	self->s.fd = -1;
	ASSERT_EQ(0, target_init());
}

FIXTURE_TEARDOWN(queues)
{
	scsi_close(&self->s);
	EXPECT_EQ(0, target_clean());
}

static int param(const char *value)
{
	FILE *f = fopen("/sys/module/vhost_scsi/parameters/max_io_vqs", "we");
	int ret = 0;

	if (!f)
		return -ENOENT;
	if (fputs(value, f) < 0)
		ret = -EINVAL;
	if (fclose(f))
		ret = -EINVAL;
	return ret;
}

static int up(struct scsi *s, unsigned int nvqs, unsigned int num, uint64_t features)
{
	struct scsi_config c = { .features = features, .nvqs = nvqs, .num = num,
				 .ram_size = 16 << 20 };
	int ret = target_simple();

	if (!ret)
		ret = scsi_up(s, &c);
	if (!ret)
		ret = scsi_set_endpoint(s, TARGET_WWN);
	return ret ? ret : scsi_ready(s, 0, 0);
}

/* A read on each queue at once. */
static int read_all(struct scsi *s, struct scsi_io *io, char *buf)
{
	unsigned int q;
	int ret = 0;

	for (q = SCSI_IO; q < s->nvqs && ret >= 0; q++, io++) {
		char *req = io->req;
		void *resp = io->resp;

		*io = (struct scsi_io){ .in = buf + (q - SCSI_IO) * 512, .in_len = 512,
					.req = req, .resp = resp };
		scsi_cdb_rw(io->cdb, false, q, 512);
		ret = req ? 0 : scsi_io_init(s, io);
		if (!ret)
			ret = scsi_add(s, q, io);
		if (ret >= 0)
			scsi_kick(s, q);
	}
	for (q = SCSI_IO; q < s->nvqs && ret >= 0; q++) {
		struct scsi_io *done = scsi_wait(s, q, SCSI_TIMEOUT_MS);

		if (!done || done->resp->response || done->resp->status ||
		    scsi_check(done->in, 512, q))
			return -EIO;
	}
	return ret < 0 ? ret : 0;
}

static int fill_disk(struct scsi *s, char *buf, unsigned int blocks)
{
	unsigned int i;
	int ret;

	for (i = 0; i < blocks; i++)
		scsi_fill(buf + i * 512, 512, SCSI_IO + i);
	ret = scsi_rw(s, true, SCSI_IO, buf, blocks * 512);
	memset(buf, 0, blocks * 512);
	return ret;
}

/* 64 queues for commands, with 8 workers. */
TEST_F(queues, many_with_workers)
{
	static struct scsi_io io[64];
	struct scsi *s = &self->s;
	unsigned int q, round;
	int worker = 0;

	ASSERT_EQ(0, up(s, SCSI_IO + 64, 16, FEATURES));
	self->buf = scsi_alloc(s, 64 * 512, 4096);
	ASSERT_EQ(GOOD, fill_disk(s, self->buf, 64));
	for (q = 0; q < 64; q++) {
		if (q % 8 == 7)
			worker = vhost_new_worker(s->fd);
		if (worker == -ENOTTY)
			break;
		ASSERT_LE(0, worker);
		ASSERT_EQ(0, vhost_attach_vring_worker(s->fd, SCSI_IO + q, worker));
	}
	for (round = 0; round < 20; round++) {
		ASSERT_EQ(0, read_all(s, io, self->buf));
	}
}

/* As many as there may be: 1024 for commands. */
TEST_F(queues, most_of_all)
{
	struct rlimit files = { 8192, 8192 };
	static struct scsi_io io[1024];
	struct scsi *s = &self->s;

	ASSERT_EQ(0, param("5000"));
	ASSERT_EQ(1024, proc_param("vhost_scsi", "max_io_vqs"));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &files));
	ASSERT_EQ(0, up(s, SCSI_IO + 1024, 4, FEATURES));
	ASSERT_EQ(0, param("0"));
	EXPECT_EQ(1, proc_param("vhost_scsi", "max_io_vqs"));
	ASSERT_EQ(0, param("128"));
	self->buf = scsi_alloc(s, 1024 * 512, 4096);
	ASSERT_EQ(GOOD, fill_disk(s, self->buf, 1024));
	EXPECT_EQ(0, read_all(s, io, self->buf));
	EXPECT_EQ(-ENOBUFS, vhost_get_vring_base(s->fd, SCSI_IO + 1024));
	EXPECT_EQ(0, scsi_clear_endpoint(s, TARGET_WWN));
}

struct flusher {
	struct scsi *s;
	volatile bool stop;
};

static void *flush(void *arg)
{
	struct flusher *f = arg;

	while (!f->stop)
		mem_table_set(&f->s->mem, f->s->fd);
	return NULL;
}

/* Workers come and go under running queues, while others wait for all of them. */
TEST_F(queues, fault_019_workers_come_and_go)
{
	static struct scsi_io io[4];
	struct scsi *s = &self->s;
	uint64_t end = now_ms() + stress_ms(1000);
	struct flusher f = { .s = s };
	unsigned long rounds = 0;
	int first, worker;
	pthread_t t;

	ASSERT_EQ(0, up(s, SCSI_IO + 4, 16, FEATURES));
	first = vhost_get_vring_worker(s->fd, SCSI_IO);
	if (first == -ENOTTY)
		SKIP(return, "no such calls in this kernel");
	self->buf = scsi_alloc(s, 4 * 512, 4096);
	ASSERT_EQ(GOOD, fill_disk(s, self->buf, 4));
	EXPECT_EQ(-EBUSY, vhost_free_worker(s->fd, first));
	EXPECT_EQ(-ENODEV, vhost_free_worker(s->fd, 12345));
	EXPECT_EQ(-ENODEV, vhost_attach_vring_worker(s->fd, SCSI_IO, 12345));
	EXPECT_EQ(-ENOBUFS, vhost_attach_vring_worker(s->fd, 4000, first));
	ASSERT_EQ(0, pthread_create(&t, NULL, flush, &f));
	while (now_ms() < end || rounds < MIN_ROUNDS) {
		worker = vhost_new_worker(s->fd);
		ASSERT_LE(0, worker);
		ASSERT_EQ(0, vhost_attach_vring_worker(s->fd, SCSI_IO + rounds % 4, worker));
		ASSERT_EQ(0, read_all(s, io, self->buf));
		EXPECT_EQ(-EBUSY, vhost_free_worker(s->fd, worker));
		ASSERT_EQ(0, vhost_attach_vring_worker(s->fd, SCSI_IO + rounds % 4, first));
		ASSERT_EQ(0, vhost_free_worker(s->fd, worker));
		rounds++;
	}
	f.stop = true;
	pthread_join(t, NULL);
}

/* ---- turns ---- */

#define TURN		256
#define OTHER		(SCSI_IO + 1)

FIXTURE(turns) {
	struct scsi s;
	struct hold hold[2];
};

FIXTURE_VARIANT(turns) {
	unsigned int index;
};

FIXTURE_VARIANT_ADD(turns, control) { .index = SCSI_CTL };
FIXTURE_VARIANT_ADD(turns, events) { .index = SCSI_EVT };
FIXTURE_VARIANT_ADD(turns, commands) { .index = SCSI_IO };

/* Two pages of guest memory that are not there yet. */
static int hold_two(struct scsi *s, struct hold *hold)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < 2; i++)
		ret = mem_table_add(&s->mem, HOLD_GPA + i * HOLD_SIZE, hold[i].page, HOLD_SIZE);
	return ret ? ret : mem_table_set(&s->mem, s->fd);
}

FIXTURE_SETUP(turns)
{
	int ret = hold_open(&self->hold[0]);

	if (ret == -ENOSYS)
		SKIP(return, "kernel without userfaultfd");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, hold_open(&self->hold[1]));
	ASSERT_EQ(0, target_init());
	ASSERT_EQ(0, target_simple());
	ASSERT_EQ(0, scsi_up(&self->s, &(struct scsi_config){
			.features = F_VERSION_1 | F_INDIRECT | F_SCSI_HOTPLUG,
			.nvqs = OTHER + 1, .num = 2 * TURN }));
	ASSERT_EQ(0, hold_two(&self->s, self->hold));
}

FIXTURE_TEARDOWN(turns)
{
	scsi_close(&self->s);
	hold_close(&self->hold[0]);
	hold_close(&self->hold[1]);
	EXPECT_EQ(0, target_clean());
}

/* 8 bytes to read are of no use to any queue: answered at once. In a table at gpa or not. */
static int add_useless(struct scsi *s, unsigned int index, void *mem, uint64_t gpa)
{
	static char table[sizeof(struct vring_desc)];
	struct drv_buf buf = { scsi_gpa(s, mem), 8, false };

	if (!gpa)
		return drv_ring_add(&s->vq[index].ring, &buf, 1, mem);
	return drv_ring_add_indirect(&s->vq[index].ring, &buf, 1, table, gpa, mem);
}

/*
 * Row 64: a queue with nothing but requests of no use does not keep the worker. It is held
 * in the 11th while the other queue is kicked, and in the 301st the other one has had its
 * turn. An event is waiting all the time.
 */
TEST_F(turns, fault_064_turns_end)
{
	struct scsi *s = &self->s;
	struct vring_desc desc = { .len = 8 };
	char *mem = scsi_alloc(s, 8, 8);
	unsigned int i;
	int missed = 1;

	desc.addr = scsi_gpa(s, mem);
	for (i = 0; i < 2 * TURN; i++) {
		ASSERT_LE(0, add_useless(s, variant->index, mem, i == 10 ? HOLD_GPA :
					 i == TURN + 44 ? HOLD_GPA + HOLD_SIZE : 0));
	}
	drv_ring_publish(&s->vq[variant->index].ring);
	ASSERT_EQ(0, vhost_ioctl(s->fd, VHOST_SCSI_SET_EVENTS_MISSED, &missed));
	ASSERT_EQ(0, scsi_set_endpoint(s, TARGET_WWN));
	ASSERT_EQ(0, hold_met(&self->hold[0], VMM_TIMEOUT_MS));
	ASSERT_LE(0, add_useless(s, OTHER, mem, 0));
	drv_ring_publish(&s->vq[OTHER].ring);
	event_signal(s->vq[OTHER].kick);
	ASSERT_EQ(0, hold_release(&self->hold[0], &desc, sizeof(desc)));
	ASSERT_EQ(0, hold_met(&self->hold[1], VMM_TIMEOUT_MS));
	EXPECT_EQ(1, drv_split_used_idx(&s->vq[OTHER].ring));
	ASSERT_EQ(0, hold_release(&self->hold[1], &desc, sizeof(desc)));
	for (i = 0; i < SCSI_TIMEOUT_MS; i++) {
		if (drv_split_used_idx(&s->vq[variant->index].ring) == 2 * TURN)
			break;
		nap_us(1000);
	}
	EXPECT_EQ(2 * TURN, drv_split_used_idx(&s->vq[variant->index].ring));
}

/* ---- protection information ---- */

/* CRC-16 with polynomial 0x8bb7, as in T10-DIF. */
static uint16_t crc_t10(const char *p, size_t len)
{
	uint16_t crc = 0;
	unsigned int bit;

	while (len--) {
		crc ^= (uint16_t)((unsigned char)*p++ << 8);
		for (bit = 0; bit < 8; bit++)
			crc = crc & 0x8000 ? crc << 1 ^ 0x8bb7 : crc << 1;
	}
	return crc;
}

/* Eight bytes for each block: its checksum, nothing, its number. */
static void protect(unsigned char *pi, const char *data, unsigned int blocks, uint32_t lba)
{
	unsigned int i;

	for (i = 0; i < blocks; i++, pi += 8, lba++) {
		uint16_t crc = crc_t10(data + i * 512, 512);

		memcpy(pi, (unsigned char[]){ crc >> 8, crc, 0, 0, lba >> 24, lba >> 16,
					      lba >> 8, lba }, 8);
	}
}

static int pi_up(struct scsi *s)
{
	int ret = target_ramdisk("pi", 1024, 1);

	if (!ret)
		ret = target_tpg_add(TARGET_WWN, "tpgt_0");
	if (!ret)
		ret = target_nexus(TARGET_WWN, "tpgt_0", TARGET_NEXUS);
	if (!ret)
		ret = target_lun_add(TARGET_WWN, "tpgt_0", 0, "pi");
	if (!ret)
		ret = scsi_up(s, &(struct scsi_config){
				.features = F_VERSION_1 | F_INDIRECT | F_SCSI_T10_PI });
	if (!ret)
		ret = scsi_set_endpoint(s, TARGET_WWN);
	return ret ? ret : scsi_ready(s, 0, 0);
}

#define PI_BLOCKS	136		/* more than a page of protection, for its 1088 bytes */

TEST_F(queues, protected_data)
{
	struct scsi *s = &self->s;
	enum scsi_shape shape;
	char *out, *in;

	ASSERT_EQ(0, pi_up(s));
	out = scsi_alloc(s, PI_BLOCKS * 520, 4096);
	in = scsi_alloc(s, PI_BLOCKS * 520, 4096);
	for (shape = SCSI_PLAIN; shape < SCSI_SHAPES; shape++) {
		/* A chain has 1024 pieces at most. */
		unsigned int blocks = shape == SCSI_SMALL ? 32 : PI_BLOCKS;
		const size_t pi = blocks * 8, data = blocks * 512;
		struct scsi_io w = { .out = out, .out_len = pi + data, .pi_out = pi,
				     .shape = shape, .indirect = true };
		struct scsi_io r = { .in = in, .in_len = pi + data, .pi_in = pi,
				     .shape = shape, .indirect = true };

		scsi_fill(out + pi, data, shape);
		protect((unsigned char *)out, out + pi, blocks, 3);
		scsi_cdb_rw(w.cdb, true, 3, data);
		scsi_cdb_rw(r.cdb, false, 3, data);
		w.cdb[1] = r.cdb[1] = 1 << 5;
		memset(in, 0, pi + data);
		ASSERT_EQ(GOOD, scsi_do(s, &w));
		ASSERT_EQ(GOOD, scsi_do(s, &r));
		EXPECT_EQ(0, memcmp(r.in, out, pi + data));
		/* One wrong bit in a block: its checksum says so. */
		out[pi + 700] ^= 1;
		w.shape = SCSI_PLAIN;
		EXPECT_EQ(2, scsi_do(s, &w));
		EXPECT_EQ(0x10, w.resp->sense[12]);
		out[pi + 700] ^= 1;
	}
}

/* Protection information that leaves no data, or that belongs to none. */
TEST_F(queues, fault_037_protection_without_data)
{
	static const struct { uint32_t out, in; size_t out_len, in_len; } bad[] = {
		{ 512, 0, 512, 0 }, { 513, 0, 512, 0 }, { ~0u, 0, 512, 0 },
		{ 0, 512, 0, 512 }, { 0, 4096, 0, 512 }, { 0, ~0u, 0, 512 },
		{ 8, 0, 0, 512 }, { 0, 8, 0, 0 }, { 8, 0, 0, 0 },
		{ 7, 0, 519, 0 }, { 0, 9, 0, 521 },	/* no whole tuples */
	};
	struct scsi *s = &self->s;
	struct scsi_io good = { .cdb = { 0 } };
	unsigned int i;
	char *buf;

	ASSERT_EQ(0, pi_up(s));
	buf = scsi_alloc(s, 4096, 4096);
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		struct scsi_io io = { .out = buf, .in = buf, .pi_out = bad[i].out,
				      .pi_in = bad[i].in, .out_len = bad[i].out_len,
				      .in_len = bad[i].in_len };

		scsi_cdb_rw(io.cdb, bad[i].out_len, 0, 512);
		io.cdb[1] = 1 << 5;
		EXPECT_EQ(VIRTIO_SCSI_S_BAD_TARGET << 8, scsi_do(s, &io)) {
			TH_LOG("case %u", i);
		}
	}
	EXPECT_EQ(GOOD, scsi_do(s, &good));
}

TEST_HARNESS_MAIN
