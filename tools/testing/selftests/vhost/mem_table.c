// SPDX-License-Identifier: GPL-2.0-only
/* VHOST_SET_MEM_TABLE: what is refused, what is legal, and changing it under traffic. */
#include <pthread.h>
#include <sys/mman.h>

#include "test.h"

#define PAGE		UINT64_C(4096)
#define MAX_REGIONS	32767	/* default of max_mem_regions */
#define EXTRA_GPA	UINT64_C(0x100000000)	/* far from the guest RAM at 0 */

FIXTURE(mem_table) {
	struct vmm v;
	struct mem_table t;	/* starts as a copy of v.mem */
	char *page;		/* a page outside of guest RAM */
};

FIXTURE_SETUP(mem_table)
{
	vmm_init(&self->v);
	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, vmm_net_up(&self->v, &(struct vmm_config){ .features = F_VERSION_1 }));
	ASSERT_EQ(0, mem_table_init(&self->t));
	ASSERT_EQ(0, mem_table_add(&self->t, 0, self->v.ram, self->v.ram_size));
	self->page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	ASSERT_NE(MAP_FAILED, self->page);
}

FIXTURE_TEARDOWN(mem_table)
{
	vmm_close(&self->v);
	mem_table_free(&self->t);
}

/*
 * The table in t must be refused with want and leave the old one working; the
 * same once more with the bad region first, because order must not matter.
 */
static int refused(struct vmm *v, struct mem_table *t, int want)
{
	struct vhost_memory_region *r = t->m->regions, last;
	unsigned int n = t->m->nregions;
	int ret;

	ret = mem_table_set(t, v->fd);
	if (ret != want) {
		printf("# bad region last: %d instead of %d\n", ret, want);
		return 1;
	}
	last = r[n - 1];
	memmove(r + 1, r, (n - 1) * sizeof(*r));
	r[0] = last;
	ret = mem_table_set(t, v->fd);
	if (ret != want) {
		printf("# bad region first: %d instead of %d\n", ret, want);
		return 1;
	}
	ret = vmm_traffic_check(v);
	if (ret)
		printf("# traffic after the refusal: %d\n", ret);
	return ret;
}

/* One bad region next to the good RAM. */
static int region_refused(struct vmm *v, struct mem_table *t, uint64_t gpa, uint64_t hva,
			  uint64_t size, int want)
{
	mem_table_clear(t);
	if (mem_table_add(t, 0, v->ram, v->ram_size) ||
	    mem_table_add(t, gpa, (void *)(uintptr_t)hva, size))
		return -ENOMEM;
	return refused(v, t, want);
}

#define EXPECT_REFUSED(want, gpa, hva, size) \
	EXPECT_EQ(0, region_refused(&self->v, &self->t, gpa, (uintptr_t)(hva), size, want))

TEST_F(mem_table, fault_109_overlap_refused)
{
	uint64_t end = self->v.ram_size;

	EXPECT_REFUSED(-EINVAL, 0, self->page, PAGE);
	EXPECT_REFUSED(-EINVAL, end - PAGE, self->page, PAGE);
	EXPECT_REFUSED(-EINVAL, PAGE, self->page, PAGE);
	/* By one byte at either end. */
	EXPECT_REFUSED(-EINVAL, end - 1, self->page, PAGE);
	/* The very same region twice. */
	EXPECT_REFUSED(-EINVAL, 0, self->v.ram, end);
}

TEST_F(mem_table, overlap_among_new_regions_refused)
{
	mem_table_add(&self->t, EXTRA_GPA, self->page, PAGE);
	mem_table_add(&self->t, EXTRA_GPA + PAGE - 1, self->page, PAGE);
	EXPECT_EQ(0, refused(&self->v, &self->t, -EINVAL));
}

TEST_F(mem_table, touching_regions_accepted)
{
	mem_table_add(&self->t, self->v.ram_size, self->page, PAGE);
	EXPECT_EQ(0, mem_table_set(&self->t, self->v.fd));
	EXPECT_EQ(0, vmm_traffic_check(&self->v));
}

TEST_F(mem_table, empty_region_refused)
{
	EXPECT_REFUSED(-EFAULT, EXTRA_GPA, self->page, 0);
	EXPECT_REFUSED(-EFAULT, 0, self->page, 0);
}

TEST_F(mem_table, guest_address_wrap_refused)
{
	EXPECT_REFUSED(-EFAULT, -PAGE, self->page, PAGE + 1);
	EXPECT_REFUSED(-EFAULT, -PAGE, self->page, 2 * PAGE);
	EXPECT_REFUSED(-EFAULT, EXTRA_GPA, self->page, UINT64_MAX);
}

TEST_F(mem_table, last_guest_page_accepted)
{
	mem_table_add(&self->t, -PAGE, self->page, PAGE);
	EXPECT_EQ(0, mem_table_set(&self->t, self->v.fd));
	EXPECT_EQ(0, vmm_traffic_check(&self->v));
}

TEST_F(mem_table, user_address_wrap_refused)
{
	EXPECT_REFUSED(-EFAULT, EXTRA_GPA, -PAGE, PAGE);
	EXPECT_REFUSED(-EFAULT, EXTRA_GPA, -PAGE, 2 * PAGE);
	EXPECT_REFUSED(-EFAULT, EXTRA_GPA, self->page, UINT64_C(1) << 62);
}

TEST_F(mem_table, kernel_space_refused)
{
	EXPECT_REFUSED(-EFAULT, EXTRA_GPA, KERNEL_ADDR, PAGE);
	EXPECT_REFUSED(-EFAULT, EXTRA_GPA, UINT64_C(0xffffffff81000000), PAGE);
	/* Begins in user space, ends in the kernel's. */
	EXPECT_REFUSED(-EFAULT, EXTRA_GPA, PAGE, KERNEL_ADDR);
}

/* Upstream looks at this only when a backend is set. */
TEST_F(mem_table, fault_111_kernel_space_without_backend)
{
	struct vmm *v = &self->v;

	ASSERT_LE(0, vmm_stop(v, VQ_RX));
	ASSERT_LE(0, vmm_stop(v, VQ_TX));
	mem_table_add(&self->t, EXTRA_GPA, (void *)KERNEL_ADDR, PAGE);
	EXPECT_EQ(-EFAULT, mem_table_set(&self->t, v->fd));
	ASSERT_EQ(0, vmm_start(v, VQ_RX));
	ASSERT_EQ(0, vmm_start(v, VQ_TX));
	EXPECT_EQ(0, vmm_traffic_check(v));
}

TEST_F(mem_table, too_many_regions_refused)
{
	long max = proc_param("vhost", "max_mem_regions");
	struct vhost_memory huge = { .nregions = UINT32_MAX };
	unsigned int i;

	ASSERT_LT(0, max);
	mem_table_clear(&self->t);
	for (i = 0; i <= max; i++) {
		ASSERT_EQ(0, mem_table_add(&self->t, EXTRA_GPA + i * PAGE,
					   self->page, PAGE));
	}
	EXPECT_EQ(-E2BIG, mem_table_set(&self->t, self->v.fd));
	EXPECT_EQ(-E2BIG, vhost_set_mem_table(self->v.fd, &huge));
	EXPECT_EQ(0, vmm_traffic_check(&self->v));
}

TEST_F_TIMEOUT(mem_table, fault_108_default_limit_reached, 120)
{
	struct vmm *v = &self->v;
	unsigned int i;
	uint64_t gpa;

	EXPECT_EQ(MAX_REGIONS, proc_param("vhost", "max_mem_regions"));
	for (i = 1; i < MAX_REGIONS; i++) {
		ASSERT_EQ(0, mem_table_add(&self->t, EXTRA_GPA + i * 2 * PAGE,
					   self->page, PAGE));
	}
	ASSERT_EQ(0, mem_table_set(&self->t, v->fd));
	EXPECT_EQ(0, vmm_traffic_check(v));

	/* Every one is usable: the first, some between, the last. */
	memset(self->page, 0, v->hdr_len);
	net_frame_fill(self->page + v->hdr_len, 100, 1);
	for (i = 1; i < MAX_REGIONS; i = i == MAX_REGIONS - 1 ? MAX_REGIONS :
					 i + 4096 < MAX_REGIONS ? i + 4096 : MAX_REGIONS - 1) {
		struct drv_done done;
		char frame[128];

		gpa = EXTRA_GPA + i * 2 * PAGE;
		ASSERT_LE(0, drv_ring_add1(&v->vq[VQ_TX].ring, gpa, v->hdr_len + 100, false,
					   NULL));
		vmm_kick(v, VQ_TX);
		ASSERT_EQ(1, drv_ring_wait(&v->vq[VQ_TX].ring, &done, VMM_TIMEOUT_MS))
			TH_LOG("region %u", i);
		EXPECT_EQ(100, net_peer_recv(&v->net, frame, sizeof(frame), VMM_TIMEOUT_MS));
		EXPECT_EQ(0, net_frame_check(frame, 100, 1, NULL));
	}
	EXPECT_FALSE(vmm_ring_error(v, VQ_TX, 0));
}

/* The array ends where readable memory ends, but nregions says it goes on. */
TEST_F(mem_table, nregions_beyond_array_refused)
{
	char *two = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	size_t size = sizeof(struct vhost_memory) + sizeof(struct vhost_memory_region);
	struct vhost_memory *m = (void *)(two + PAGE - size);

	ASSERT_NE(MAP_FAILED, two);
	memcpy(m, self->t.m, size);
	ASSERT_EQ(0, mprotect(two + PAGE, PAGE, PROT_NONE));
	ASSERT_EQ(0, vhost_set_mem_table(self->v.fd, m));
	m->nregions = 2;
	EXPECT_EQ(-EFAULT, vhost_set_mem_table(self->v.fd, m));
	/* Not even the header is readable. */
	EXPECT_EQ(-EFAULT, vhost_set_mem_table(self->v.fd, (void *)(two + PAGE)));
	EXPECT_EQ(-EFAULT, vhost_set_mem_table(self->v.fd, (void *)(two + PAGE - 4)));
	EXPECT_EQ(-EFAULT, vhost_set_mem_table(self->v.fd, NULL));
	EXPECT_EQ(0, vmm_traffic_check(&self->v));
	munmap(two, 2 * PAGE);
}

TEST_F(mem_table, padding_refused)
{
	self->t.m->padding = 1;
	EXPECT_EQ(-EOPNOTSUPP, mem_table_set(&self->t, self->v.fd));
	EXPECT_EQ(0, vmm_traffic_check(&self->v));
}

/* Guest RAM again at another address, as QEMU's BIOS alias: both must work. */
TEST_F(mem_table, two_guest_addresses_on_one_user_address)
{
	struct vmm *v = &self->v;
	struct drv_done done;
	char frame[600];
	unsigned int i;

	mem_table_add(&self->t, EXTRA_GPA, v->ram, v->ram_size);
	ASSERT_EQ(0, mem_table_set(&self->t, v->fd));
	EXPECT_EQ(0, vmm_traffic_check(v));
	memset(v->scratch, 0, v->hdr_len);
	for (i = 0; i < 2; i++) {
		uint64_t gpa = vmm_gpa(v, v->scratch) + i * EXTRA_GPA;

		net_frame_fill(v->scratch + v->hdr_len, sizeof(frame), i);
		drv_ring_add1(&v->vq[VQ_TX].ring, gpa, v->hdr_len + sizeof(frame), false, NULL);
		vmm_kick(v, VQ_TX);
		ASSERT_EQ(1, drv_ring_wait(&v->vq[VQ_TX].ring, &done, VMM_TIMEOUT_MS));
		EXPECT_EQ((int)sizeof(frame),
			  net_peer_recv(&v->net, frame, sizeof(frame), VMM_TIMEOUT_MS));
		EXPECT_EQ(0, net_frame_check(frame, sizeof(frame), i, NULL));
	}
}

/* A table without regions: buffers are nowhere, and come back with the table. */
TEST_F(mem_table, empty_table_and_back)
{
	struct vmm *v = &self->v;
	struct drv_done done;

	mem_table_clear(&self->t);
	ASSERT_EQ(0, mem_table_set(&self->t, v->fd));
	ASSERT_EQ(0, vmm_tx_send(v, v->scratch, 100, 1));
	EXPECT_TRUE(vmm_ring_error(v, VQ_TX, VMM_TIMEOUT_MS));
	EXPECT_EQ(0, drv_ring_get(&v->vq[VQ_TX].ring, &done));
	ASSERT_EQ(0, vmm_set_mem(v));
	vmm_force_kick(v, VQ_TX);
	EXPECT_EQ(1, drv_ring_wait(&v->vq[VQ_TX].ring, &done, VMM_TIMEOUT_MS));
	EXPECT_EQ(0, vmm_traffic_check(v));
}

/* Pages of one buffer in regions given in any order, each with its own user page. */
TEST_F(mem_table, regions_in_any_order)
{
	static const unsigned int order[] = { 3, 0, 7, 5, 1, 6, 2, 4 };
	enum { N = ARRAY_LEN(order), LEN = 1514 };
	struct vmm *v = &self->v;
	const uint64_t start = EXTRA_GPA + 256 - 12;
	struct drv_done done;
	char *pages, out[LEN + 12], in[LEN];
	unsigned int i, round;

	pages = mmap(NULL, 2 * N * PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, pages);
	for (round = 0; round < 2; round++) {
		mem_table_clear(&self->t);
		for (i = 0; i < N; i++)	/* 256 bytes each, never adjacent in user space */
			mem_table_add(&self->t, EXTRA_GPA + order[i] * 256,
				      pages + (2 * order[i] + round) * PAGE, 256);
		mem_table_add(&self->t, 0, v->ram, v->ram_size);
		ASSERT_EQ(0, mem_table_set(&self->t, v->fd));
		memset(out, 0, 12);
		net_frame_fill(out + 12, LEN, round);
		for (i = 0; i < sizeof(out); i++)
			*(char *)mem_table_hva(&self->t, start + i) = out[i];
		drv_ring_add1(&v->vq[VQ_TX].ring, start, sizeof(out), false, NULL);
		vmm_kick(v, VQ_TX);
		EXPECT_EQ(LEN, net_peer_recv(&v->net, in, LEN, VMM_TIMEOUT_MS));
		EXPECT_EQ(0, net_frame_check(in, LEN, round, NULL));
		ASSERT_EQ(1, drv_ring_wait(&v->vq[VQ_TX].ring, &done, VMM_TIMEOUT_MS));
	}
	munmap(pages, 2 * N * PAGE);
}

/* ---- changing the table under traffic ---- */

#define MOVING_GPA	EXTRA_GPA
#define MOVING_SIZE	(16 * PAGE)
#define SLOT		2048
#define NSLOTS		(MOVING_SIZE / SLOT)
#define FRAME		1000

struct mover {
	struct vmm *v;
	struct mem_table t;
	bool canary;		/* keep the old memory and watch it, instead of unmapping */
	volatile bool stop;
	unsigned int rounds;
	int ret;
};

/* A copy of the moving region, holding what any other copy holds. */
static char *moving_copy(unsigned int hdr_len)
{
	char *m = mmap(NULL, MOVING_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	unsigned int i;

	if (m == MAP_FAILED)
		return NULL;
	for (i = 0; i < NSLOTS; i++)
		net_frame_fill(m + i * SLOT + hdr_len, FRAME, i);
	return m;
}

/* The old copy is ours again once the ioctl has returned: nobody may write to it. */
static int watch_canary(char *old)
{
	unsigned int i;

	memset(old, 0x5a, MOVING_SIZE);
	nap_us(2000);
	for (i = 0; i < MOVING_SIZE; i++)
		if (old[i] != 0x5a)
			return -EBADMSG;
	return 0;
}

static void *move_region(void *arg)
{
	struct mover *m = arg;
	char *old = NULL, *new;

	while (!m->stop && !m->ret) {
		new = moving_copy(m->v->hdr_len);
		if (!new) {
			m->ret = -ENOMEM;
			break;
		}
		mem_table_clear(&m->t);
		mem_table_add(&m->t, 0, m->v->ram, m->v->ram_size);
		mem_table_add(&m->t, MOVING_GPA, new, MOVING_SIZE);
		m->ret = mem_table_set(&m->t, m->v->fd);
		if (old && m->canary && !m->ret)
			m->ret = watch_canary(old);
		if (old)
			munmap(old, MOVING_SIZE);
		old = new;
		m->rounds++;
	}
	return NULL;
}

static int mover_start(struct mover *m, struct vmm *v, bool canary, pthread_t *t)
{
	char *first = moving_copy(v->hdr_len);

	*m = (struct mover) { .v = v, .canary = canary };
	if (!first || mem_table_init(&m->t))
		return -ENOMEM;
	/* The thread's first change replaces this one, which stays mapped. */
	mem_table_add(&m->t, 0, v->ram, v->ram_size);
	mem_table_add(&m->t, MOVING_GPA, first, MOVING_SIZE);
	if (mem_table_set(&m->t, v->fd))
		return -EINVAL;
	return -pthread_create(t, NULL, move_region, m);
}

static int mover_stop(struct mover *m, pthread_t t)
{
	m->stop = true;
	pthread_join(t, NULL);
	mem_table_free(&m->t);
	return m->ret;
}

TEST_F_TIMEOUT(mem_table, fault_012_moved_region_may_be_unmapped_tx, STRESS_TIMEOUT)
{
	struct vmm *v = &self->v;
	struct drv_ring *r = &v->vq[VQ_TX].ring;
	uint64_t end = now_ms() + stress_ms(3000), frames = 0;
	struct drv_done done;
	char frame[SLOT];
	struct mover m;
	pthread_t t;
	uint32_t i;

	ASSERT_EQ(0, mover_start(&m, v, false, &t));
	for (i = 0; i < NSLOTS; i++)
		drv_ring_add1(r, MOVING_GPA + i * SLOT, v->hdr_len + FRAME, false, NULL);
	vmm_kick(v, VQ_TX);
	/* The ring never runs empty, so that every move meets a worker at work. */
	while (now_ms() < end || m.rounds < MIN_ROUNDS) {
		i = frames++ % NSLOTS;
		ASSERT_EQ(FRAME, net_peer_recv(&v->net, frame, SLOT, VMM_TIMEOUT_MS))
			TH_LOG("frame %llu, %u moves", (unsigned long long)frames, m.rounds);
		ASSERT_EQ(0, net_frame_check(frame, FRAME, i, NULL));
		ASSERT_EQ(1, drv_ring_wait(r, &done, VMM_TIMEOUT_MS));
		drv_ring_add1(r, MOVING_GPA + i * SLOT, v->hdr_len + FRAME, false, NULL);
		vmm_kick(v, VQ_TX);
	}
	EXPECT_EQ(0, mover_stop(&m, t));
	EXPECT_FALSE(vmm_ring_error(v, VQ_TX, 0));
	TH_LOG("%llu frames, %u moves", (unsigned long long)frames, m.rounds);
}

TEST_F_TIMEOUT(mem_table, fault_012_no_write_to_moved_region_rx, STRESS_TIMEOUT)
{
	struct vmm *v = &self->v;
	struct drv_ring *r = &v->vq[VQ_RX].ring;
	uint64_t end = now_ms() + stress_ms(3000), frames = 0;
	struct drv_done done;
	char frame[FRAME];
	struct mover m;
	pthread_t t;
	uint32_t i;

	ASSERT_EQ(0, mover_start(&m, v, true, &t));
	for (i = 0; i < NSLOTS; i++)
		drv_ring_add1(r, MOVING_GPA + i * SLOT, SLOT, true,
			      (void *)(uintptr_t)(MOVING_GPA + i * SLOT));
	vmm_kick(v, VQ_RX);
	net_frame_fill(frame, FRAME, 0);
	for (i = 0; i < NSLOTS / 2; i++) {
		ASSERT_EQ(FRAME, net_peer_send(&v->net, frame, FRAME));
	}
	while (now_ms() < end || m.rounds < MIN_ROUNDS) {
		ASSERT_EQ(FRAME, net_peer_send(&v->net, frame, FRAME));
		ASSERT_EQ(1, drv_ring_wait(r, &done, VMM_TIMEOUT_MS))
			TH_LOG("frame %llu, %u moves", (unsigned long long)frames, m.rounds);
		ASSERT_EQ(v->hdr_len + FRAME, done.len);
		drv_ring_add1(r, (uintptr_t)done.cookie, SLOT, true, done.cookie);
		vmm_kick(v, VQ_RX);
		frames++;
	}
	EXPECT_EQ(0, mover_stop(&m, t));
	EXPECT_FALSE(vmm_ring_error(v, VQ_RX, 0));
	TH_LOG("%llu frames, %u moves", (unsigned long long)frames, m.rounds);
}

TEST_HARNESS_MAIN
