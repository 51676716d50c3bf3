// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a device shows of itself in debugfs: numbers are those of what was done, states
 * are said in words, and neither a queue that hangs nor a reader who does keeps others
 * waiting.
 */
#include <fcntl.h>
#include <glob.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "libdebug.h"
#include "libhold.h"
#include "libiommu.h"
#include "test.h"

#define NET	"vhost-net"
#define RX	"vq0"
#define TX	"vq1"
#define FRAMES	9
#define FRAME	700

static bool no_debugfs(void)
{
	return access(DEBUG_PATH, X_OK);
}

FIXTURE(debugfs) {
	struct vmm v;
};

FIXTURE_VARIANT(debugfs) {
	uint64_t features;
	const char *layout;
	const char *words;
};

FIXTURE_VARIANT_ADD(debugfs, split) {
	.features = F_VERSION_1 | F_EVENT_IDX,
	.layout = "split",
	.words = "0x120000000 EVENT_IDX VERSION_1",
};

FIXTURE_VARIANT_ADD(debugfs, packed) {
	.features = F_VERSION_1 | F_PACKED,
	.layout = "packed",
	.words = "0x500000000 VERSION_1 RING_PACKED",
};

FIXTURE_SETUP(debugfs)
{
	vmm_init(&self->v);
	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, vmm_net_up(&self->v, &(struct vmm_config){ .features = variant->features }));
	if (no_debugfs())
		SKIP(return, "kernel or modules without " DEBUG_PATH);
}

FIXTURE_TEARDOWN(debugfs)
{
	vmm_close(&self->v);
}

/* Transmitted frames, one after another. */
static int send_frames(struct vmm *v)
{
	int i, ret = 0;

	for (i = 0; i < FRAMES && !ret; i++)
		ret = vmm_tx_check(v, FRAME, i);
	return ret;
}

TEST_F(debugfs, transmit)
{
	struct vmm *v = &self->v;
	long long bytes = FRAMES * (long long)(FRAME + v->hdr_len);

	ASSERT_EQ(0, send_frames(v));
	EXPECT_EQ(FRAMES, debug_wait(NET, TX, "packets", FRAMES));
	EXPECT_EQ(FRAMES, debug_value(NET, TX, "buffers"));
	EXPECT_EQ(FRAMES, debug_value(NET, TX, "used"));
	EXPECT_EQ(FRAMES, debug_value(NET, TX, "batches"));
	EXPECT_EQ(FRAMES, debug_value(NET, TX, "used_batches"));
	EXPECT_EQ(bytes, debug_value(NET, TX, "bytes_read"));
	EXPECT_EQ(0, debug_value(NET, TX, "bytes_written"));
	EXPECT_EQ(0, debug_value(NET, TX, "lost"));
	EXPECT_EQ(0, debug_value(NET, TX, "errors"));
	EXPECT_LE(FRAMES, debug_value(NET, TX, "turns"));
	EXPECT_EQ(FRAMES, debug_value(NET, TX, "avail"));
	EXPECT_EQ(FRAMES, debug_value(NET, TX, "next_used"));
	EXPECT_EQ(0, debug_value(NET, RX, "used"));
}

/* Whatever comes in beside our frames, the driver sees it as well. */
TEST_F(debugfs, receive)
{
	struct vmm *v = &self->v;
	struct drv_ring *r = &v->vq[VQ_RX].ring;
	long long used = 0, bytes = 0;
	struct drv_done done;
	char frame[FRAME];
	int i;

	for (i = 0; i < 64; i++)
		ASSERT_LE(0, drv_ring_add1(r, vmm_gpa(v, v->scratch), 2048, true, NULL));
	vmm_kick(v, VQ_RX);
	for (i = 0; i < FRAMES; i++) {
		net_frame_fill(frame, FRAME, i);
		ASSERT_EQ(0, net_peer_send(&v->net, frame, FRAME) < 0);
	}
	while (drv_ring_wait(r, &done, used < FRAMES ? VMM_TIMEOUT_MS : VMM_QUIET_MS) == 1) {
		used++;
		bytes += done.len;
	}
	EXPECT_LE(FRAMES, used);
	EXPECT_LE(FRAMES * (long long)(FRAME + v->hdr_len), bytes);
	EXPECT_EQ(used, debug_wait(NET, RX, "packets", used));
	EXPECT_EQ(used, debug_value(NET, RX, "used"));
	EXPECT_EQ(used, debug_value(NET, RX, "buffers"));
	EXPECT_EQ(bytes, debug_value(NET, RX, "bytes_written"));
	EXPECT_EQ(0, debug_value(NET, RX, "bytes_read"));
}

TEST_F(debugfs, kicks_and_calls)
{
	struct vmm *v = &self->v;
	struct drv_ring *r = &v->vq[VQ_TX].ring;
	long long kicks = debug_value(NET, TX, "kicks"), calls;
	int i;

	for (i = 1; i <= 5; i++) {
		event_signal(v->vq[VQ_TX].kick);
		EXPECT_EQ(kicks + i, debug_wait(NET, TX, "kicks", kicks + i));
	}
	drv_ring_arm(r);
	ASSERT_EQ(0, vmm_tx_check(v, FRAME, 1));
	calls = debug_value(NET, TX, "calls");
	EXPECT_LE(1, calls);
	drv_ring_arm(r);
	ASSERT_EQ(0, vmm_tx_check(v, FRAME, 2));
	EXPECT_EQ(calls + 1, debug_wait(NET, TX, "calls", calls + 1));
}

TEST_F(debugfs, configuration)
{
	char text[256];

	EXPECT_TRUE(debug_says(NET, TX, "layout", variant->layout));
	ASSERT_EQ(0, debug_text(NET, TX, "features", text, sizeof(text)));
	EXPECT_STREQ(variant->words, text);
	EXPECT_EQ(256, debug_value(NET, TX, "size"));
	EXPECT_TRUE(debug_says(NET, TX, "eventfds", "kick call err"));
	EXPECT_TRUE(debug_says(NET, TX, "backend", "tap"));
	EXPECT_EQ(getpid(), debug_value(NET, "device", "owner"));
	EXPECT_EQ(2, debug_value(NET, "device", "queues"));
	EXPECT_EQ(1, debug_value(NET, "device", "slots"));
	mem_table_add(&self->v.mem, UINT64_C(1) << 40, self->v.ram, 4096);
	ASSERT_EQ(0, vmm_set_mem(&self->v));
	EXPECT_EQ(2, debug_value(NET, "device", "slots"));
}

TEST_F(debugfs, stop_and_start)
{
	EXPECT_TRUE(debug_says(NET, TX, "state", "running, idle"));
	ASSERT_LE(0, vmm_stop(&self->v, VQ_TX));
	EXPECT_TRUE(debug_says(NET, TX, "state", "stopped, no backend"));
	EXPECT_TRUE(debug_says(NET, TX, "backend", "none"));
	EXPECT_TRUE(debug_says(NET, RX, "state", "running"));
}

TEST_F(debugfs, worker)
{
	int id;

	EXPECT_EQ(0, debug_value(NET, TX, "worker"));
	id = vhost_new_worker(self->v.fd);
	if (id < 0)
		SKIP(return, "no second worker: %d", id);
	ASSERT_EQ(0, vhost_attach_vring_worker(self->v.fd, VQ_TX, id));
	EXPECT_EQ(id, debug_value(NET, TX, "worker"));
	EXPECT_EQ(0, debug_value(NET, RX, "worker"));
	EXPECT_NE(debug_value(NET, RX, "thread"), debug_value(NET, TX, "thread"));
}

TEST_F(debugfs, why_a_queue_broke)
{
	struct vmm *v = &self->v;
	struct drv_ring *r = &v->vq[VQ_TX].ring;

	EXPECT_TRUE(debug_says(NET, TX, "last_error", "none"));
	/* Memory that no table names. */
	ASSERT_LE(0, drv_ring_add1(r, UINT64_C(1) << 50, 64, false, NULL));
	vmm_force_kick(v, VQ_TX);
	ASSERT_TRUE(vmm_ring_error(v, VQ_TX, VMM_TIMEOUT_MS));
	EXPECT_TRUE(debug_says(NET, TX, "state", "broken, buffer outside of the memory table"));
	EXPECT_TRUE(debug_says(NET, TX, "last_error", "buffer outside of the memory table"));
	EXPECT_EQ(1, debug_value(NET, TX, "errors"));
	/* Mended, and still to be known. */
	ASSERT_EQ(0, vmm_reset_queue(v, VQ_TX));
	ASSERT_EQ(0, vmm_tx_check(v, FRAME, 1));
	EXPECT_TRUE(debug_says(NET, TX, "state", "running"));
	EXPECT_TRUE(debug_says(NET, TX, "last_error", "buffer outside of the memory table"));
	EXPECT_EQ(1, debug_value(NET, TX, "errors"));
	EXPECT_EQ(0, debug_value(NET, RX, "errors"));
}

TEST_F(debugfs, goes_with_the_owner)
{
	char dir[256], path[300], text[256];
	struct vmm *v = &self->v;
	int fd;

	ASSERT_EQ(0, debug_dir(NET, dir, sizeof(dir)));
	snprintf(path, sizeof(path), "%s/" TX, dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, send_frames(v));
	ASSERT_EQ(0, vhost_reset_owner(v->fd));
	EXPECT_EQ(-ENOENT, debug_dir(NET, dir, sizeof(dir)));
	EXPECT_EQ(-1, read(fd, text, sizeof(text)));
	EXPECT_EQ(EIO, errno);
	/* The next owner's numbers are his own. */
	ASSERT_EQ(0, vhost_set_owner(v->fd));
	EXPECT_EQ(-ENOENT, debug_value(NET, TX, "used"));
	ASSERT_EQ(0, vhost_set_vring_addr(v->fd, &v->vq[VQ_TX].addr));
	EXPECT_EQ(0, debug_value(NET, TX, "used"));
	EXPECT_EQ(0, debug_value(NET, TX, "kicks"));
	EXPECT_EQ(-1, read(fd, text, sizeof(text)));
	close(fd);
}

/* ---- who hangs, and who does not ---- */

FIXTURE(debugfs_held) {
	struct vmm v;
	struct hold h;
};

FIXTURE_SETUP(debugfs_held)
{
	int ret = hold_open(&self->h);

	vmm_init(&self->v);
	if (ret == -ENOSYS)
		SKIP(return, "kernel without userfaultfd");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, vmm_net_up(&self->v, &(struct vmm_config){ .features = F_VERSION_1 }));
	if (no_debugfs())
		SKIP(return, "kernel or modules without " DEBUG_PATH);
}

FIXTURE_TEARDOWN(debugfs_held)
{
	vmm_close(&self->v);
	if (self->h.page)
		hold_close(&self->h);
}

/* A worker in a page fault is what one wants to see. */
TEST_F(debugfs_held, queue_that_hangs)
{
	struct vmm *v = &self->v;

	ASSERT_EQ(0, hold_add(&self->h, v));
	ASSERT_EQ(0, vmm_set_mem(v));
	ASSERT_EQ(0, hold_tx(&self->h, v, FRAME));
	EXPECT_TRUE(debug_says(NET, TX, "state", "running, in a turn"));
	EXPECT_EQ(1, debug_value(NET, TX, "buffers"));
	EXPECT_EQ(0, debug_value(NET, TX, "used"));
	ASSERT_EQ(0, hold_release(&self->h, "", 1));
	EXPECT_EQ(1, debug_wait(NET, TX, "used", 1));
}

struct reader {
	char path[300];
	void *to;
	ssize_t ret;
};

static void *read_thread(void *arg)
{
	struct reader *reader = arg;
	int fd = open(reader->path, O_RDONLY | O_CLOEXEC);

	reader->ret = read(fd, reader->to, HOLD_SIZE);
	close(fd);
	return NULL;
}

/* Memory of the reader that is not there keeps nobody from closing the device. */
TEST_F(debugfs_held, reader_who_hangs)
{
	struct reader reader = { .to = self->h.page };
	pthread_t thread;
	char dir[256];

	ASSERT_EQ(0, debug_dir(NET, dir, sizeof(dir)));
	snprintf(reader.path, sizeof(reader.path), "%s/" TX, dir);
	ASSERT_EQ(0, pthread_create(&thread, NULL, read_thread, &reader));
	ASSERT_EQ(0, hold_met(&self->h, VMM_TIMEOUT_MS));
	ASSERT_EQ(0, close(self->v.fd));
	self->v.fd = -1;
	EXPECT_EQ(-ENOENT, debug_dir(NET, dir, sizeof(dir)));
	ASSERT_EQ(0, hold_release(&self->h, "", 1));
	pthread_join(thread, NULL);
	EXPECT_LT(100, reader.ret);
}

/* ---- the rest ---- */

FIXTURE(debugfs_more) {
	struct iommu m;
};

FIXTURE_SETUP(debugfs_more)
{
	vmm_init(&self->m.v);
	self->m.memfd = -1;
	self->m.device = MAP_FAILED;
	ASSERT_EQ(0, net_ns_enter());
}

FIXTURE_TEARDOWN(debugfs_more)
{
	iommu_close(&self->m);
}

TEST_F(debugfs_more, miss)
{
	struct vmm *v = &self->m.v;
	char want[80];

	ASSERT_EQ(0, iommu_up(&self->m, &(struct iommu_config){ .features = F_VERSION_1 }));
	ASSERT_EQ(0, iommu_map_all(&self->m));
	ASSERT_EQ(0, iommu_start(&self->m));
	if (no_debugfs())
		SKIP(return, "kernel or modules without " DEBUG_PATH);
	EXPECT_TRUE(debug_says(NET, "device", "iotlb", "on"));
	EXPECT_LE(1, debug_value(NET, "device", "iotlb_entries"));
	ASSERT_LE(0, drv_ring_add1(&v->vq[VQ_TX].ring, 0x1234000, 64, false, NULL));
	vmm_force_kick(v, VQ_TX);
	snprintf(want, sizeof(want), "waits for the device IOTLB, a miss of 0x%x", 0x1234000);
	EXPECT_TRUE(debug_says(NET, TX, "state", want));
	/* A turn more, and it asks again. */
	EXPECT_LE(1, debug_value(NET, TX, "iotlb_misses"));
}

static volatile bool race_over;

static void *race_reader(void *arg)
{
	volatile unsigned long *reads = arg;
	char text[4096];
	glob_t found;
	size_t i;
	int fd;

	while (!race_over) {
		if (glob(DEBUG_PATH "/*/*", 0, NULL, &found))
			continue;
		for (i = 0; i < found.gl_pathc; i++) {
			fd = open(found.gl_pathv[i], O_RDONLY | O_CLOEXEC);
			if (fd < 0)
				continue;
			if (read(fd, text, sizeof(text)) > 0)
				++*reads;
			close(fd);
		}
		globfree(&found);
	}
	return NULL;
}

TEST_F(debugfs_more, read_races_with_close)
{
	volatile unsigned long reads[2] = {};
	unsigned long rounds = 0, seen;
	uint64_t end = now_ms() + stress_ms(700);
	pthread_t thread[2];
	unsigned int i;
	int fd;

	fd = vhost_open(VHOST_NET_PATH, 0);
	ASSERT_LE(0, fd);
	close(fd);
	if (no_debugfs())
		SKIP(return, "kernel or modules without " DEBUG_PATH);
	race_over = false;
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, race_reader, (void *)&reads[i]));
	while (now_ms() < end || rounds < MIN_ROUNDS || !reads[0] || !reads[1]) {
		fd = vhost_open(VHOST_NET_PATH, 0);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, vhost_set_owner(fd));
		ASSERT_EQ(0, vhost_set_vring_addr(fd, &(struct vhost_vring_addr){ .index = 1 }));
		/* Now and then it stays until it has been read, or nobody might ever be in time. */
		seen = reads[0] + reads[1];
		while (!(rounds % 16) && reads[0] + reads[1] == seen)
			nap_us(100);
		if (rounds++ & 1)
			EXPECT_EQ(0, vhost_reset_owner(fd));
		close(fd);
	}
	race_over = true;
	for (i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	printf("# %lu devices, %lu and %lu reads\n", rounds, reads[0], reads[1]);
}

static void owned(struct __test_metadata *_metadata, const char *device, const char *own)
{
	char path[64], name[256];
	int fd;

	snprintf(path, sizeof(path), "/dev/%s", device);
	system("modprobe -qa vhost_vsock vhost_scsi");
	fd = vhost_open(path, 0);
	if (fd == -ENOENT || fd == -ENODEV)
		SKIP(return, "no %s", path);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-ENOENT, debug_dir(device, name, sizeof(name)));
	ASSERT_EQ(0, vhost_set_owner(fd));
	if (no_debugfs()) {
		close(fd);
		SKIP(return, "kernel or modules without " DEBUG_PATH);
	}
	EXPECT_EQ(0, debug_text(device, "device", "device", name, sizeof(name)));
	EXPECT_STREQ(device, name);
	/* A queue shows itself when it is told where its ring is, and the others do not. */
	EXPECT_EQ(-ENOENT, debug_value(device, "vq1", own));
	ASSERT_EQ(0, vhost_set_vring_addr(fd, &(struct vhost_vring_addr){ .index = 1 }));
	EXPECT_TRUE(debug_says(device, "vq1", "state", "stopped, no backend"));
	EXPECT_EQ(0, debug_value(device, "vq1", own));
	EXPECT_EQ(-ENOENT, debug_value(device, "vq0", own));
	close(fd);
}

TEST_F(debugfs_more, vsock)
{
	owned(_metadata, "vhost-vsock", "cid");
}

TEST_F(debugfs_more, scsi)
{
	owned(_metadata, "vhost-scsi", "at_target");
}

TEST_HARNESS_MAIN
