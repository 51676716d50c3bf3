// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dirty log over time: on and off under traffic, read by the VMM while it is
 * written, shared by devices, in memory that goes away; and what is refused.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "libdirty.h"
#include "test.h"

#define PAGE		IOMMU_PAGE
#define BUF_PAGES	32
#define MORE_GPA	UINT64_C(0x280000000)	/* bits whose number needs 32 bits */
#define LOG_END		(IOMMU_GPA + 256 * PAGE)
#define FRAME		1400

FIXTURE(log) {
	struct iommu m;
	struct vmm *v;
	struct dirty_log d;
	struct watch w;
	char *buf;
};

FIXTURE_SETUP(log)
{
	self->v = &self->m.v;
	vmm_init(self->v);
	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, iommu_up(&self->m, &(struct iommu_config){
			.plain = true, .features = F_VERSION_1 | F_MRG_RXBUF }));
	ASSERT_EQ(0, dirty_init(&self->d, LOG_END, 0));
	ASSERT_EQ(0, iommu_start(&self->m));
	self->buf = vmm_alloc(self->v, BUF_PAGES * PAGE, PAGE);
	ASSERT_NE(NULL, self->buf);
	ASSERT_EQ(0, watch_log_on(&self->w, &self->m, &self->d));
}

FIXTURE_TEARDOWN(log)
{
	iommu_close(&self->m);
	dirty_free(&self->d);
	watch_free(&self->w);
}

/* Workers are between two turns. */
static int settle(struct vmm *v)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; ret >= 0 && i < VMM_NVQS; i++)
		ret = vhost_get_vring_base(v->fd, i);
	return ret < 0 ? ret : 0;
}

/* Two pages at the far end of guest memory for one frame, watched. */
static int watched_frame(struct watch *w, char *buf, uint32_t seed)
{
	struct vmm *v = &w->m->v;
	struct drv_done done;
	char frame[FRAME];
	int ret;

	memset(buf, 0xee, 2 * PAGE);
	ret = drv_ring_add1(&v->vq[VQ_RX].ring, vmm_gpa(v, buf), 2 * PAGE, true, buf);
	if (ret < 0)
		return ret;
	drv_ring_publish(&v->vq[VQ_RX].ring);
	watch_begin(w);
	vmm_force_kick(v, VQ_RX);
	net_frame_fill(frame, FRAME, seed);
	ret = net_peer_send(&v->net, frame, FRAME);
	if (ret < 0)
		return ret;
	ret = drv_ring_wait(&v->vq[VQ_RX].ring, &done, VMM_TIMEOUT_MS);
	if (ret < 0)
		return ret;
	watch_may(w, buf, done.len);
	ret = net_frame_check(buf + v->hdr_len, FRAME, seed, NULL);
	return ret ? ret : watch_end(w);
}

/* ---- a VMM that reads what is being written ---- */

struct harvester {
	struct dirty_log *d;
	unsigned char *seen;	/* as the bitmap */
	volatile bool stop;
	unsigned long rounds;
};

/* As QEMU does it: words are taken and set to 0 in one step. */
static void harvest_once(struct harvester *h)
{
	uint64_t *from = (void *)h->d->base, *to = (void *)h->seen;
	size_t i, n = (h->d->pages + 63) / 64;

	for (i = 0; i < n; i++)
		if (__atomic_load_n(&from[i], __ATOMIC_RELAXED))
			to[i] |= __atomic_exchange_n(&from[i], 0, __ATOMIC_SEQ_CST);
	h->rounds++;
}

static void *harvest(void *arg)
{
	struct harvester *h = arg;

	while (!h->stop) {
		harvest_once(h);
		nap_us(20);
	}
	return NULL;
}

/* Frames into every page in turn; which pages got one is found by their content. */
static int storm(struct vmm *v, char *buf, unsigned int pages, unsigned int frames)
{
	struct drv_ring *r = &v->vq[VQ_RX].ring;
	struct drv_done done;
	char frame[FRAME];
	unsigned int i;
	int ret;

	for (i = 0; i < frames; i++) {
		char *at = buf + i % pages * PAGE;

		ret = drv_ring_add1(r, vmm_gpa(v, at), PAGE, true, at);
		if (ret < 0)
			return ret;
		vmm_kick(v, VQ_RX);
		net_frame_fill(frame, FRAME, i);
		ret = net_peer_send(&v->net, frame, FRAME);
		if (ret >= 0)
			ret = drv_ring_wait(r, &done, VMM_TIMEOUT_MS);
		if (ret < 0)
			return ret;
	}
	return settle(v);
}

TEST_F_TIMEOUT(log, fault_113_no_mark_lost_to_the_reader, STRESS_TIMEOUT)
{
	uint64_t end = now_ms() + stress_ms(2000);
	struct harvester h = { .d = &self->d };
	unsigned int rounds = 0;
	unsigned char *bitmap = self->d.base;
	pthread_t t;

	h.seen = calloc(self->d.pages / 64 + 1, 8);
	ASSERT_NE(NULL, h.seen);
	while (now_ms() < end || rounds < 3) {
		memset(h.seen, 0, self->d.pages / 8);
		memset(self->buf, 0xee, BUF_PAGES * PAGE);
		watch_begin(&self->w);
		h.stop = false;
		ASSERT_EQ(0, pthread_create(&t, NULL, harvest, &h));
		ASSERT_EQ(0, storm(self->v, self->buf, BUF_PAGES, 2 * BUF_PAGES));
		h.stop = true;
		pthread_join(t, NULL);
		harvest_once(&h);
		/* The driver's own pages beside what the device wrote. */
		watch_may(&self->w, self->v->ram, self->v->ram_size);
		dirty_want_changes(&self->d, IOMMU_GPA + (self->buf - self->v->ram),
				   self->w.before + (self->buf - self->v->ram), self->buf,
				   BUF_PAGES * PAGE);
		self->d.base = h.seen;
		ASSERT_EQ(0, dirty_check(&self->d)) TH_LOG("round %u", rounds);
		self->d.base = bitmap;
		rounds++;
	}
	free(h.seen);
	TH_LOG("%u rounds, bitmap read %lu times", rounds, h.rounds);
}

/* ---- on and off ---- */

struct toggler {
	struct vmm *v;
	volatile bool stop;
	unsigned int rounds;
	int error;
};

static void *toggle(void *arg)
{
	struct toggler *t = arg;

	while (!t->stop && !t->error) {
		t->error = vhost_set_features(t->v->fd, t->v->features |
					      (t->rounds++ % 2 ? F_LOG_ALL : 0));
		nap_us(100);
	}
	return NULL;
}

/* A chain that is taken while the log is off is written while it is on. */
TEST_F_TIMEOUT(log, fault_073_toggled_under_traffic, STRESS_TIMEOUT)
{
	uint64_t end = now_ms() + stress_ms(1000);
	struct toggler t = { .v = self->v };
	unsigned int n = 0;
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, toggle, &t));
	while (now_ms() < end || t.rounds < MIN_ROUNDS) {
		ASSERT_EQ(0, vmm_rx_check(self->v, FRAME, n)) TH_LOG("frame %u", n);
		ASSERT_EQ(0, vmm_tx_check(self->v, FRAME, n)) TH_LOG("frame %u", n);
		n++;
	}
	t.stop = true;
	pthread_join(thread, NULL);
	EXPECT_EQ(0, t.error);
	EXPECT_FALSE(vmm_ring_error(self->v, VQ_RX, 0));
	ASSERT_EQ(0, vhost_set_features(self->v->fd, self->v->features | F_LOG_ALL));
	EXPECT_EQ(0, watched_frame(&self->w, self->buf, 1));
	TH_LOG("%u frames, %u times on or off", 2 * n, t.rounds);
}

struct receiver {
	struct vmm *v;
	volatile bool stop;
	unsigned long frames;
	int error;
};

/* Traffic both ways that does not end. */
static void *receive(void *arg)
{
	struct receiver *r = arg;

	while (!r->stop && !r->error) {
		r->error = vmm_rx_check(r->v, FRAME, r->frames);
		if (!r->error)
			r->error = vmm_tx_check(r->v, FRAME, r->frames);
		r->frames++;
	}
	return NULL;
}

/* The end of a migration: off in QEMU's order, and the bitmap is the VMM's again. */
TEST_F_TIMEOUT(log, bitmap_freed_at_once, STRESS_TIMEOUT)
{
	uint64_t end = now_ms() + stress_ms(2000);
	struct receiver r = { .v = self->v };
	struct dirty_log d;
	unsigned int rounds = 0;
	pthread_t t;
	size_t i;

	ASSERT_EQ(0, pthread_create(&t, NULL, receive, &r));
	while (now_ms() < end || rounds < MIN_ROUNDS) {
		struct watch w;

		ASSERT_EQ(0, dirty_init(&d, LOG_END, 0));
		ASSERT_EQ(0, watch_log_on(&w, &self->m, &d));
		nap_us(2000 + rounds * 77 % 1000);
		ASSERT_EQ(0, watch_log_off(&w));
		if (rounds++ % 2) {
			memset(d.base, 0, d.pages / 8);
			nap_us(2000);
			for (i = 0; i < d.pages / 8; i++) {
				ASSERT_EQ(0, d.base[i]) TH_LOG("byte %zu", i);
			}
		}
		dirty_free(&d);
		watch_free(&w);
	}
	r.stop = true;
	pthread_join(t, NULL);
	EXPECT_EQ(0, r.error);
	EXPECT_FALSE(vmm_ring_error(self->v, VQ_RX, 0));
	EXPECT_FALSE(vmm_ring_error(self->v, VQ_TX, 0));
	TH_LOG("%u migrations, %lu frames", rounds, r.frames);
}

/* Another bitmap while it is in use; the old one may go as soon as the call returns. */
TEST_F_TIMEOUT(log, base_moves_under_traffic, STRESS_TIMEOUT)
{
	uint64_t end = now_ms() + stress_ms(1000);
	struct receiver r = { .v = self->v };
	struct dirty_log d[2];
	unsigned int rounds = 0;
	pthread_t t;

	ASSERT_EQ(0, dirty_init(&d[1], LOG_END, 0));
	ASSERT_EQ(0, vhost_set_log_base(self->v->fd, (uintptr_t)d[1].base));
	ASSERT_EQ(0, pthread_create(&t, NULL, receive, &r));
	while (now_ms() < end || rounds < MIN_ROUNDS) {
		unsigned int now = rounds++ % 2;

		ASSERT_EQ(0, dirty_init(&d[now], LOG_END, rounds % 8));
		ASSERT_EQ(0, vhost_set_log_base(self->v->fd, (uintptr_t)d[now].base));
		dirty_free(&d[!now]);
		nap_us(500);
	}
	r.stop = true;
	pthread_join(t, NULL);
	EXPECT_EQ(0, r.error);
	EXPECT_FALSE(vmm_ring_error(self->v, VQ_RX, 0));
	ASSERT_EQ(0, vhost_set_log_base(self->v->fd, (uintptr_t)self->d.base));
	EXPECT_EQ(0, watched_frame(&self->w, self->buf, 1));
	dirty_free(&d[(rounds - 1) % 2]);
}

/* Memory that joins while the log is on is logged as well; first comes more log. */
TEST_F(log, memory_grows_and_shrinks)
{
	struct vmm *v = self->v;
	char *more = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			  -1, 0), frame[FRAME];
	struct drv_done done;
	struct dirty_log d;

	ASSERT_NE(MAP_FAILED, more);
	ASSERT_EQ(0, dirty_init(&d, MORE_GPA + 4 * PAGE, 0));
	ASSERT_EQ(0, vhost_set_log_base(v->fd, (uintptr_t)d.base));
	ASSERT_EQ(0, mem_table_add(&self->m.guest, MORE_GPA, more, 4 * PAGE));
	ASSERT_EQ(0, mem_table_set(&self->m.guest, v->fd));
	ASSERT_LE(0, drv_ring_add1(&v->vq[VQ_RX].ring, MORE_GPA + PAGE, PAGE, true, NULL));
	vmm_kick(v, VQ_RX);
	net_frame_fill(frame, FRAME, 4);
	ASSERT_EQ(FRAME, net_peer_send(&v->net, frame, FRAME));
	ASSERT_EQ(1, drv_ring_wait(&v->vq[VQ_RX].ring, &done, VMM_TIMEOUT_MS));
	EXPECT_EQ(0, net_frame_check(more + PAGE + v->hdr_len, FRAME, 4, NULL));
	ASSERT_EQ(0, settle(v));
	EXPECT_TRUE(dirty_marked(&d, MORE_GPA + PAGE));
	EXPECT_FALSE(dirty_marked(&d, MORE_GPA));
	EXPECT_FALSE(dirty_marked(&d, MORE_GPA + 2 * PAGE));
	ASSERT_EQ(0, mem_table_del(&self->m.guest, MORE_GPA));
	ASSERT_EQ(0, mem_table_set(&self->m.guest, v->fd));
	munmap(more, 4 * PAGE);
	/* Smaller again. */
	ASSERT_EQ(0, vhost_set_log_base(v->fd, (uintptr_t)self->d.base));
	dirty_free(&d);
	EXPECT_EQ(0, watched_frame(&self->w, self->buf, 1));
}

/* ---- one bitmap, two devices ---- */

TEST_F(log, shared_by_two_devices)
{
	struct iommu other;
	struct watch w;
	unsigned int i;

	ASSERT_EQ(0, iommu_up(&other, &(struct iommu_config){
			.plain = true, .features = F_VERSION_1 | F_MRG_RXBUF }));
	ASSERT_EQ(0, iommu_start(&other));
	ASSERT_EQ(0, watch_log_on(&w, &other, &self->d));
	/* Each has memory of its own at the same addresses: only marks are shared. */
	for (i = 0; i < 8; i++) {
		char *mine = self->buf + i * 2 * PAGE;
		char *theirs = other.v.ram + (self->buf - self->v->ram) + (16 + i) * PAGE;

		ASSERT_EQ(0, watched_frame(&self->w, mine, i)) TH_LOG("round %u", i);
		ASSERT_EQ(0, watched_frame(&w, theirs, i)) TH_LOG("round %u", i);
	}
	dirty_clear(&self->d);
	ASSERT_EQ(0, storm(self->v, self->buf, 2, 2));
	ASSERT_EQ(0, storm(&other.v, other.v.ram + (self->buf - self->v->ram) + 4 * PAGE, 2, 2));
	for (i = 0; i < 8; i++) {
		bool want = i < 2 || i == 4 || i == 5;

		EXPECT_EQ(want, dirty_marked(&self->d, vmm_gpa(self->v, self->buf) + i * PAGE))
			TH_LOG("page %u", i);
	}
	iommu_close(&other);
	watch_free(&w);
	EXPECT_EQ(0, watched_frame(&self->w, self->buf, 1));
}

/* ---- a bitmap that is not there ---- */

/* Nothing that was written goes unnoticed: better no queue than a hole in the log. */
static int stops(struct watch *w, struct dirty_log *bad)
{
	struct vmm *v = &w->m->v;
	struct drv_done done;
	char frame[FRAME];
	int ret;

	ret = drv_ring_add1(&v->vq[VQ_RX].ring, vmm_gpa(v, v->scratch), PAGE, true, NULL);
	if (ret < 0)
		return ret;
	vmm_kick(v, VQ_RX);
	/*
	 * The queue may stop before it has taken the frame, and deliver it later
	 * in place of the next one: let that be the same.
	 */
	net_frame_fill(frame, FRAME, 2);
	ret = net_peer_send(&v->net, frame, FRAME);
	if (ret < 0)
		return ret;
	if (!vmm_ring_error(v, VQ_RX, VMM_TIMEOUT_MS))
		return -ENODATA;
	/* A good one, and the queue can be had again. */
	ret = vhost_set_log_base(v->fd, (uintptr_t)bad->base);
	if (!ret)
		ret = vmm_stop(v, VQ_RX);
	while (drv_ring_get(&v->vq[VQ_RX].ring, &done) == 1)
		;
	if (ret >= 0)
		ret = vmm_rearm(v, VQ_RX, 0);
	if (!ret)
		ret = vmm_start(v, VQ_RX);
	event_take(v->vq[VQ_RX].err);
	return ret;
}

TEST_F(log, bitmap_unmapped)
{
	struct dirty_log d;

	ASSERT_EQ(0, dirty_init(&d, LOG_END, 0));
	ASSERT_EQ(0, vhost_set_log_base(self->v->fd, (uintptr_t)d.base));
	ASSERT_EQ(0, munmap(d.map, d.map_size));
	d.map = NULL;
	EXPECT_EQ(0, stops(&self->w, &self->d));
	EXPECT_EQ(0, watched_frame(&self->w, self->buf, 2));
	dirty_free(&d);
}

TEST_F(log, bitmap_read_only)
{
	struct dirty_log d;

	ASSERT_EQ(0, dirty_init(&d, LOG_END, 0));
	ASSERT_EQ(0, vhost_set_log_base(self->v->fd, (uintptr_t)d.base));
	ASSERT_EQ(0, mprotect(d.map, d.map_size, PROT_READ));
	EXPECT_EQ(0, stops(&self->w, &self->d));
	EXPECT_EQ(0, watched_frame(&self->w, self->buf, 2));
	dirty_free(&d);
}

TEST_F(log, fault_113_bitmap_in_no_user_memory)
{
	static const uint64_t bad[] = {
		KERNEL_ADDR, UINT64_C(0xffffffff81000000), -PAGE, UINT64_MAX,
	};
	struct vmm *v = self->v;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		EXPECT_EQ(-EFAULT, vhost_set_log_base(v->fd, bad[i])) TH_LOG("%u", i);
	}
	EXPECT_EQ(-EFAULT, vhost_ioctl(v->fd, VHOST_SET_LOG_BASE, NULL));
	EXPECT_EQ(-EFAULT, vhost_ioctl(v->fd, VHOST_SET_LOG_BASE, (void *)UNMAPPED_ADDR));
	/* The last good one is in force. */
	EXPECT_EQ(0, watched_frame(&self->w, self->buf, 1));
}

/* Begins in user space; the part for the highest guest page does not. */
TEST_F(log, fault_113_bitmap_ends_outside)
{
	struct vmm *v = self->v;
	uint64_t last = (IOMMU_GPA + v->ram_size - 1) / DIRTY_PAGE / 8;
	uint64_t limit = UINT64_C(0x7ffffffff000);	/* no task has more on x86 */

	EXPECT_EQ(-EFAULT, vhost_set_log_base(v->fd, limit - last / 2));
	EXPECT_EQ(-EFAULT, vhost_set_log_base(v->fd, limit - 16));
	EXPECT_EQ(0, watched_frame(&self->w, self->buf, 1));
}

/* The table must fit the bitmap as well, in whatever order they are told. */
TEST_F(log, fault_113_table_beyond_the_bitmap)
{
	struct vmm *v = self->v;
	char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, page);
	/* The bit of this page would be beyond all user addresses. */
	ASSERT_EQ(0, mem_table_add(&self->m.guest, UINT64_C(1) << 63, page, PAGE));
	EXPECT_EQ(-EFAULT, mem_table_set(&self->m.guest, v->fd));
	EXPECT_EQ(0, watched_frame(&self->w, self->buf, 1));
	/* Without the log it is as good as any. */
	ASSERT_EQ(0, watch_log_off(&self->w));
	EXPECT_EQ(0, mem_table_set(&self->m.guest, v->fd));
	EXPECT_EQ(-EFAULT, vhost_set_features(v->fd, v->features | F_LOG_ALL));
	EXPECT_EQ(0, vmm_traffic_check(v));
	munmap(page, PAGE);
}

/* ---- the eventfd ---- */

TEST_F(log, log_fd_tells)
{
	struct vmm *v = self->v;
	int ev = event_new();

	ASSERT_EQ(0, vhost_set_log_fd(v->fd, ev));
	EXPECT_EQ(0, event_take(ev));
	ASSERT_EQ(0, vmm_rx_check(v, 500, 1));
	EXPECT_LT(0, event_wait(ev, VMM_TIMEOUT_MS));
	ASSERT_EQ(0, settle(v));
	event_take(ev);
	ASSERT_EQ(0, vhost_set_log_fd(v->fd, -1));
	ASSERT_EQ(0, vmm_rx_check(v, 500, 1));
	ASSERT_EQ(0, settle(v));
	EXPECT_EQ(0, event_take(ev));
	close(ev);
}

TEST_F(log, log_fd_refused)
{
	struct vmm *v = self->v;
	int ev = event_new(), file = open("/dev/null", O_RDWR | O_CLOEXEC);

	ASSERT_EQ(0, vhost_set_log_fd(v->fd, ev));
	EXPECT_EQ(-EBADF, vhost_set_log_fd(v->fd, 1000));
	EXPECT_EQ(-EBADF, vhost_set_log_fd(v->fd, -2));
	EXPECT_EQ(-EINVAL, vhost_set_log_fd(v->fd, file));
	EXPECT_EQ(-EINVAL, vhost_set_log_fd(v->fd, v->fd));
	EXPECT_EQ(-EFAULT, vhost_ioctl(v->fd, VHOST_SET_LOG_FD, NULL));
	/* The one from before is still told. */
	ASSERT_EQ(0, vmm_rx_check(v, 500, 1));
	EXPECT_LT(0, event_wait(ev, VMM_TIMEOUT_MS));
	close(ev);
	close(file);
}

static long unreclaimable_kb(void)
{
	char line[128];
	FILE *f = fopen("/proc/meminfo", "re");
	long kb = -1;

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "SUnreclaim: %ld", &kb);
	if (f)
		fclose(f);
	return kb;
}

/* A new eventfd each time: a leaked one is an inode or a context of 100 bytes. */
TEST_F(log, fault_015_log_fd_in_a_loop)
{
	unsigned int i, n = 20000;
	long before = 0;
	int ev;

	for (i = 0; i < n; i++) {
		if (i == n / 4)
			before = unreclaimable_kb();
		ev = event_new();
		ASSERT_LE(0, ev);
		ASSERT_EQ(0, vhost_set_log_fd(self->v->fd, ev)) TH_LOG("round %u", i);
		close(ev);
	}
	ASSERT_LT(0, before);
	EXPECT_GT(before + 768, unreclaimable_kb());
	EXPECT_EQ(0, vhost_set_log_fd(self->v->fd, -1));
	EXPECT_EQ(0, watched_frame(&self->w, self->buf, 1));
}

TEST_F(log, not_the_owner)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		int base = vhost_set_log_base(self->v->fd, (uintptr_t)self->d.base);
		int fd = vhost_set_log_fd(self->v->fd, -1);

		_exit(base == -EPERM && fd == -EPERM ? 0 : 1);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, watched_frame(&self->w, self->buf, 1));
}

/* A device that starts over has no log. */
TEST_F(log, reset_forgets_the_log)
{
	struct vmm *v = self->v;
	unsigned int i;

	ASSERT_EQ(0, vhost_reset_owner(v->fd));
	dirty_clear(&self->d);
	ASSERT_EQ(0, vhost_set_owner(v->fd));
	ASSERT_EQ(0, vhost_set_features(v->fd, v->features));
	ASSERT_EQ(0, mem_table_set(&self->m.guest, v->fd));
	for (i = 0; i < VMM_NVQS; i++) {
		v->vq[i].addr.flags = 0;
		v->vq[i].addr.log_guest_addr = 0;
		ASSERT_EQ(0, vmm_rearm(v, i, 0));
		ASSERT_EQ(0, vmm_start(v, i));
	}
	EXPECT_EQ(0, vmm_traffic_check(v));
	ASSERT_EQ(0, settle(v));
	EXPECT_EQ(0, dirty_check(&self->d));
}

TEST_HARNESS_MAIN
