// SPDX-License-Identifier: GPL-2.0-only
/*
 * vhost-scsi with commands on their way: what may happen to them, to the memory they
 * work on, and to who waits for them. FAULTS 3, 35, 38, 86, 89.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libscsi.h"
#include "test.h"

#define GOOD		0
#define HOLD_MS		300
#define QUEUES		4
#define EACH		32
#define FEATURES	(F_VERSION_1 | F_EVENT_IDX | F_INDIRECT)

FIXTURE(flight) {
	struct scsi s;
	struct scsi_io hold;
	struct target_stall stall;
	char *buf;
};

static int up(struct scsi *s, unsigned int nvqs, uint64_t features)
{
	int ret = scsi_up(s, &(struct scsi_config){ .features = features, .nvqs = nvqs });

	if (!ret)
		ret = scsi_one_cpu_workers();
	if (!ret)
		ret = scsi_set_endpoint(s, TARGET_WWN);
	return ret ? ret : scsi_ready(s, 0, 0);
}

FIXTURE_SETUP(flight)
{
	ASSERT_EQ(0, scsi_one_cpu());
	ASSERT_EQ(0, target_init());
	ASSERT_EQ(0, target_simple());
	ASSERT_EQ(0, up(&self->s, SCSI_IO + QUEUES, FEATURES));
	self->buf = scsi_alloc(&self->s, 1 << 20, 4096);
	ASSERT_NE(NULL, self->buf);
}

FIXTURE_TEARDOWN(flight)
{
	scsi_close(&self->s);
	EXPECT_EQ(0, target_clean());
}

/* EACH reads or writes of 4 KiB on each queue. */
static int send_many(struct scsi *s, struct scsi_io *io, char *buf, bool writes)
{
	unsigned int i, q;
	int ret;

	for (q = 0; q < QUEUES; q++) {
		for (i = 0; i < EACH; i++, io++, buf += 4096) {
			scsi_cdb_rw(io->cdb, writes, i * 8, 4096);
			if (writes) {
				io->out = buf;
				io->out_len = 4096;
			} else {
				io->in = buf;
				io->in_len = 4096;
			}
			ret = scsi_io_init(s, io);
			if (!ret)
				ret = scsi_add(s, SCSI_IO + q, io);
			if (ret < 0)
				return ret;
		}
		scsi_kick(s, SCSI_IO + q);
		if (!scsi_popped(s, SCSI_IO + q, s->vq[SCSI_IO + q].ring.avail_idx))
			return -ETIMEDOUT;
	}
	return 0;
}

/* How many of them have a response in memory and are in their used rings. */
static unsigned int answered(struct scsi *s, struct scsi_io *io)
{
	unsigned int i, q, n = 0;
	uint16_t used = 0;

	for (i = 0; i < QUEUES * EACH; i++)
		n += !io[i].resp->response && !io[i].resp->status;
	for (q = 0; q < QUEUES; q++)
		used += drv_split_used_idx(&s->vq[SCSI_IO + q].ring);
	/* The first queue had some before them. */
	return used >= n ? n : used;
}

/*
 * The memory table moves all memory elsewhere and the old one is used for something else,
 * while reads are on their way.
 */
TEST_F(flight, fault_003_table_swap_in_flight)
{
	struct scsi *s = &self->s;
	struct scsi_io io = { .in_len = 8192 };
	char *other, *old = s->ram;

	other = mmap(NULL, s->ram_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, other);
	ASSERT_EQ(0, scsi_stall(s, SCSI_IO, &self->hold, &self->stall, "disk"));
	io.in = self->buf;
	scsi_cdb_rw(io.cdb, false, 0, 8192);
	ASSERT_EQ(0, scsi_io_init(s, &io));
	ASSERT_LE(0, scsi_add(s, SCSI_IO, &io));
	scsi_kick(s, SCSI_IO);
	ASSERT_TRUE(scsi_popped(s, SCSI_IO, s->vq[SCSI_IO].ring.avail_idx));

	/* All of guest memory but the rings, which stay where they are by user address. */
	mem_table_clear(&s->mem);
	ASSERT_EQ(0, mem_table_add(&s->mem, s->ram_gpa, other, s->ram_size));
	ASSERT_EQ(0, mem_table_set(&s->mem, s->fd));
	/* What was the response and the data is now a canary at the same addresses. */
	ASSERT_EQ(self->buf, mmap(self->buf, 8192, PROT_READ | PROT_WRITE,
				  MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	memset(self->buf, 0x77, 8192);
	char *page = (char *)((uintptr_t)io.resp & ~4095ul);

	ASSERT_EQ(page, mmap(page, 4096, PROT_READ | PROT_WRITE,
			     MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	memset(page, 0x77, 4096);
	EXPECT_EQ(NULL, scsi_wait(s, SCSI_IO, 50));
	ASSERT_EQ(0, target_stall_end(&self->stall));
	/* Both come back all the same. */
	ASSERT_NE(NULL, scsi_wait(s, SCSI_IO, SCSI_TIMEOUT_MS));
	ASSERT_NE(NULL, scsi_wait(s, SCSI_IO, SCSI_TIMEOUT_MS));
	EXPECT_EQ(0x77, self->buf[0]);
	EXPECT_EQ(0, memcmp(self->buf, self->buf + 1, 8191));
	EXPECT_EQ(0, memcmp(page, page + 1, 4095));
	EXPECT_EQ(0x77, page[0]);
	/* And the next one is served from the new memory. */
	s->ram = other;
	EXPECT_EQ(GOOD, scsi_rw(s, false, 0, other + (1 << 20), 4096));
	s->ram = old;
	munmap(other, s->ram_size);
}

/*
 * The VMM ends the logging of a ring and takes its bitmap back, with commands on their
 * way: the bitmap is not written to any more.
 */
TEST_F(flight, fault_035_log_freed_in_flight)
{
	struct scsi *s = &self->s;
	size_t size = (s->ram_gpa + s->ram_size) / 4096 / 8 + 4096;
	char *log = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct vhost_vring_addr addr = s->vq[SCSI_IO].addr;
	struct scsi_io io = { .in = self->buf, .in_len = 8192 };
	unsigned int i, marks = 0;

	ASSERT_NE(MAP_FAILED, log);
	ASSERT_EQ(0, vhost_set_log_base(s->fd, (uintptr_t)log));
	ASSERT_EQ(0, vhost_set_features(s->fd, FEATURES | F_LOG_ALL));
	addr.flags = 1 << VHOST_VRING_F_LOG;
	addr.log_guest_addr = scsi_gpa(s, s->vq[SCSI_IO].ring.at.device);
	ASSERT_EQ(0, vhost_set_vring_addr(s->fd, &addr));
	ASSERT_EQ(GOOD, scsi_rw(s, false, 0, self->buf, 4096));
	for (i = 0; i < size; i++)
		marks += !!log[i];
	ASSERT_NE(0, marks);

	ASSERT_EQ(0, scsi_stall(s, SCSI_IO, &self->hold, &self->stall, "disk"));
	scsi_cdb_rw(io.cdb, false, 0, 8192);
	ASSERT_EQ(0, scsi_io_init(s, &io));
	ASSERT_LE(0, scsi_add(s, SCSI_IO, &io));
	scsi_kick(s, SCSI_IO);
	ASSERT_TRUE(scsi_popped(s, SCSI_IO, s->vq[SCSI_IO].ring.avail_idx));
	ASSERT_EQ(0, vhost_set_features(s->fd, FEATURES));
	addr.flags = 0;
	ASSERT_EQ(0, vhost_set_vring_addr(s->fd, &addr));
	memset(log, 0, size);
	EXPECT_EQ(NULL, scsi_wait(s, SCSI_IO, 20));
	ASSERT_EQ(0, target_stall_end(&self->stall));
	ASSERT_EQ(&self->hold, scsi_wait(s, SCSI_IO, SCSI_TIMEOUT_MS));
	ASSERT_EQ(&io, scsi_wait(s, SCSI_IO, SCSI_TIMEOUT_MS));
	for (i = 0; i < size; i++) {
		ASSERT_EQ(0, log[i]);
	}
	munmap(log, size);
}

/* CLEAR_ENDPOINT with commands on their way in several queues, each with its worker. */
TEST_F(flight, fault_038_clear_waits)
{
	static struct scsi_io io[QUEUES * EACH];
	struct scsi *s = &self->s;
	unsigned int q;
	uint64_t start;
	int worker;

	memset(io, 0, sizeof(io));
	for (q = 1; q < QUEUES; q++) {
		worker = vhost_new_worker(s->fd);
		if (worker == -ENOTTY)
			break;
		ASSERT_LE(0, worker);
		ASSERT_EQ(0, vhost_attach_vring_worker(s->fd, SCSI_IO + q, worker));
	}
	ASSERT_EQ(0, scsi_one_cpu_workers());
	ASSERT_EQ(0, scsi_stall(s, SCSI_IO, &self->hold, &self->stall, "disk"));
	ASSERT_EQ(0, send_many(s, io, self->buf, false));
	EXPECT_EQ(0, answered(s, io));
	start = now_ms();
	ASSERT_EQ(0, target_stall_end_in(&self->stall, HOLD_MS));
	ASSERT_EQ(0, scsi_clear_endpoint(s, TARGET_WWN));
	EXPECT_LE(HOLD_MS, now_ms() - start);
	target_stall_join(&self->stall);
	EXPECT_EQ(QUEUES * EACH, answered(s, io));
	/* All that was popped was used: the ring may go on from where it stands. */
	for (q = 0; q < QUEUES; q++) {
		EXPECT_EQ(drv_split_used_idx(&s->vq[SCSI_IO + q].ring),
			  vhost_get_vring_base(s->fd, SCSI_IO + q));
	}
	ASSERT_EQ(0, scsi_set_endpoint(s, TARGET_WWN));
	ASSERT_NE(NULL, scsi_wait(s, SCSI_IO, SCSI_TIMEOUT_MS));
	for (q = 0; q < EACH; q++) {
		ASSERT_NE(NULL, scsi_wait(s, SCSI_IO, SCSI_TIMEOUT_MS));
	}
	EXPECT_EQ(GOOD, scsi_rw(s, false, 0, self->buf, 4096));
}

/* Closed with commands on their way, or reset: the target core is done with them first. */
TEST_F(flight, fault_038_close)
{
	static struct scsi_io io[QUEUES * EACH];
	struct scsi *s = &self->s;
	uint64_t start;
	int fd;

	memset(io, 0, sizeof(io));
	ASSERT_EQ(0, scsi_stall(s, SCSI_IO, &self->hold, &self->stall, "disk"));
	ASSERT_EQ(0, send_many(s, io, self->buf, false));
	start = now_ms();
	ASSERT_EQ(0, target_stall_end_in(&self->stall, HOLD_MS));
	ASSERT_EQ(0, vhost_reset_owner(s->fd));
	EXPECT_LE(HOLD_MS, now_ms() - start);
	target_stall_join(&self->stall);
	/* Nothing holds the target. */
	EXPECT_EQ(0, target_lun_del(TARGET_WWN, "tpgt_0", 0));
	EXPECT_EQ(0, target_nexus(TARGET_WWN, "tpgt_0", "NULL"));
	ASSERT_EQ(0, target_nexus(TARGET_WWN, "tpgt_0", TARGET_NEXUS));
	ASSERT_EQ(0, target_lun_add(TARGET_WWN, "tpgt_0", 0, "disk"));
	scsi_close(s);

	memset(&self->hold, 0, sizeof(self->hold));
	memset(io, 0, sizeof(io));
	ASSERT_EQ(0, up(s, SCSI_IO + QUEUES, FEATURES));
	self->buf = scsi_alloc(s, 1 << 20, 4096);
	ASSERT_EQ(0, scsi_stall(s, SCSI_IO, &self->hold, &self->stall, "disk"));
	ASSERT_EQ(0, send_many(s, io, self->buf, false));
	fd = s->fd;
	start = now_ms();
	ASSERT_EQ(0, target_stall_end_in(&self->stall, HOLD_MS));
	close(fd);
	s->fd = -1;
	EXPECT_LE(HOLD_MS, now_ms() - start);
	target_stall_join(&self->stall);
	EXPECT_EQ(0, target_lun_del(TARGET_WWN, "tpgt_0", 0));
	EXPECT_EQ(0, target_tpg_del(TARGET_WWN, "tpgt_0"));
}

/* The owner is killed with commands on their way, be it while it waits for them. */
TEST_F(flight, fault_038_killed)
{
	static struct scsi_io io[QUEUES * EACH];
	unsigned int round;
	int status, ready[2];
	uint64_t start;
	pid_t pid;
	char c;

	scsi_close(&self->s);
	for (round = 0; round < 2; round++) {
		ASSERT_EQ(0, pipe(ready));
		ASSERT_EQ(0, target_stall(&self->stall, "disk"));
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			struct scsi *s = &self->s;

			memset(io, 0, sizeof(io));
			if (up(s, SCSI_IO + QUEUES, FEATURES))
				_exit(1);
			self->buf = scsi_alloc(s, 1 << 20, 4096);
			if (send_many(s, io, self->buf, true) || write(ready[1], "x", 1) != 1)
				_exit(2);
			if (round)
				scsi_clear_endpoint(s, TARGET_WWN);
			pause();
		}
		close(ready[1]);
		ASSERT_EQ(1, read(ready[0], &c, 1));
		close(ready[0]);
		nap_us(round * 50000);
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_EQ(0, target_stall_end_in(&self->stall, HOLD_MS));
		start = now_ms();
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_TRUE(WIFSIGNALED(status));
		EXPECT_LE(HOLD_MS / 2, now_ms() - start);
		target_stall_join(&self->stall);
	}
	EXPECT_EQ(0, target_lun_del(TARGET_WWN, "tpgt_0", 0));
	EXPECT_EQ(0, target_tpg_del(TARGET_WWN, "tpgt_0"));
}

struct resetter {
	struct scsi *s;
	int ret;
};

static void *reset_lun(void *arg)
{
	struct resetter *r = arg;
	unsigned char lun[8];

	scsi_address(lun, 0, 0);
	r->ret = scsi_tmf(r->s, VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET, lun);
	return NULL;
}

/*
 * A LUN is reset with commands on their way, all by the same worker, while others flush
 * it and take its kicks away: the answer comes after those of all commands.
 */
TEST_F(flight, fault_086_reset_in_flight)
{
	static struct scsi_io io[QUEUES * EACH];
	struct scsi *s = &self->s;
	struct resetter r = { .s = s, .ret = -1 };
	unsigned int i, n = 0;
	pthread_t t;

	memset(io, 0, sizeof(io));
	ASSERT_EQ(0, scsi_stall(s, SCSI_IO, &self->hold, &self->stall, "disk"));
	ASSERT_EQ(0, send_many(s, io, self->buf, false));
	ASSERT_EQ(0, pthread_create(&t, NULL, reset_lun, &r));
	ASSERT_EQ(0, target_stall_end_in(&self->stall, 50));
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, mem_table_set(&s->mem, s->fd));
		ASSERT_EQ(0, vhost_set_vring_kick(s->fd, SCSI_IO, -1));
		ASSERT_EQ(0, vhost_set_vring_kick(s->fd, SCSI_IO, s->vq[SCSI_IO].kick));
		nap_us(2000);
	}
	pthread_join(t, NULL);
	target_stall_join(&self->stall);
	/* Not one of them was left when the reset was answered. */
	for (i = 0; i < QUEUES * EACH; i++)
		n += io[i].resp->response != 0xee;
	EXPECT_EQ(QUEUES * EACH, n);
	EXPECT_EQ(VIRTIO_SCSI_S_FUNCTION_SUCCEEDED, r.ret);
	for (i = 0; i <= EACH; i++) {
		ASSERT_NE(NULL, scsi_wait(s, SCSI_IO, SCSI_TIMEOUT_MS));
	}
	/* A reset leaves a unit attention. */
	EXPECT_EQ(GOOD, scsi_ready(s, 0, 0));
	EXPECT_EQ(GOOD, scsi_rw(s, false, 0, self->buf, 4096));
}

/* One buffer again and again: more commands than the ring has entries. */
TEST_F(flight, fault_089_task_set_full)
{
	struct scsi *s = &self->s;
	struct drv_ring *r = &s->vq[SCSI_IO].ring;
	struct scsi_io same = { .cdb = { 0 } }, last = { .cdb = { 0 } };
	uint16_t at = r->avail_idx;
	unsigned int i;
	int id;

	ASSERT_EQ(0, scsi_stall(s, SCSI_IO, &self->hold, &self->stall, "disk"));
	ASSERT_EQ(0, scsi_io_init(s, &same));
	ASSERT_EQ(0, scsi_io_init(s, &last));
	id = scsi_add(s, SCSI_IO, &same);
	ASSERT_LE(0, id);
	drv_ring_publish(r);
	for (i = 2; i < s->num; i++)
		drv_split_push_raw(r, id, 1);
	event_signal(s->vq[SCSI_IO].kick);
	ASSERT_TRUE(scsi_popped(s, SCSI_IO, at + s->num));
	EXPECT_EQ(at, drv_split_used_idx(r));
	ASSERT_LE(0, scsi_add(s, SCSI_IO, &last));
	drv_ring_publish(r);
	event_signal(s->vq[SCSI_IO].kick);
	/* As it is not submitted, it overtakes all of them. */
	for (i = 0; i < SCSI_TIMEOUT_MS && drv_split_used_idx(r) == at; i++)
		nap_us(1000);
	EXPECT_EQ(0, last.resp->response);
	EXPECT_EQ(0x28, last.resp->status);
	ASSERT_EQ(0, target_stall_end(&self->stall));
	/* All of them come back: the used index counts them. */
	at += s->num + 1;
	for (i = 0; i < SCSI_TIMEOUT_MS && drv_split_used_idx(r) != at; i++)
		nap_us(1000);
	EXPECT_EQ(at, drv_split_used_idx(r));
}

TEST_HARNESS_MAIN
