// SPDX-License-Identifier: GPL-2.0-only
/*
 * VHOST_UPDATE_MEM_REGIONS: part of the memory table changes, all of the change or
 * nothing. Not known to the distribution's modules.
 */
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "test.h"

#define PAGE		UINT64_C(4096)
#define EXTRA_GPA	UINT64_C(0x100000000)	/* far from the guest RAM at 0 */
#define EXTRAS		8
#define BACKEND_F_MEM_UPDATE	BIT64(VHOST_BACKEND_F_MEM_UPDATE)

typedef struct vhost_memory_region region_t;

FIXTURE(update) {
	struct vmm v;
	char *extra;			/* EXTRAS pages, each followed by none */
	region_t r[EXTRAS];		/* regions of these pages, in GPAs in a row */
	region_t ram;			/* the one that has rings and buffers */
};

static region_t region(uint64_t gpa, const void *hva, uint64_t size)
{
	return (region_t) {
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)hva,
	};
}

FIXTURE_SETUP(update)
{
	struct vmm *v = &self->v;
	unsigned int i;

	vmm_init(v);
	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, vmm_net_up(v, &(struct vmm_config){ .features = F_VERSION_1 }));
	self->ram = region(0, v->ram, v->ram_size);
	self->extra = mmap(NULL, 2 * EXTRAS * PAGE, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->extra);
	for (i = 0; i < EXTRAS; i++) {
		char *page = self->extra + 2 * i * PAGE;

		ASSERT_EQ(0, mprotect(page, PAGE, PROT_READ | PROT_WRITE));
		self->r[i] = region(EXTRA_GPA + i * PAGE, page, PAGE);
	}
}

FIXTURE_TEARDOWN(update)
{
	vmm_close(&self->v);
	munmap(self->extra, 2 * EXTRAS * PAGE);
}

static int change(int fd, const region_t *remove, unsigned int nremove, const region_t *add,
		  unsigned int nadd)
{
	struct vhost_mem_update u = {
		.nremove = nremove,
		.nadd = nadd,
		.remove = (uintptr_t)remove,
		.add = (uintptr_t)add,
	};

	return vhost_ioctl(fd, VHOST_UPDATE_MEM_REGIONS, &u);
}

/*
 * Does the guest have memory at this address? A frame is sent from there: 1 if it
 * arrives, 0 if the queue reports an error instead.
 */
static int present(struct vmm *v, const region_t *r)
{
	char *at = (char *)(uintptr_t)r->userspace_addr;
	struct drv_done done;
	char frame[200];
	int ret;

	memset(at, 0, v->hdr_len);
	net_frame_fill(at + v->hdr_len, sizeof(frame), r->guest_phys_addr >> 12);
	net_peer_drain(&v->net);
	ret = drv_ring_add1(&v->vq[VQ_TX].ring, r->guest_phys_addr, v->hdr_len + sizeof(frame),
			    false, NULL);
	if (ret < 0)
		return ret;
	vmm_force_kick(v, VQ_TX);
	do {
		ret = net_peer_recv(&v->net, frame, sizeof(frame), 10);
		if (event_take(v->vq[VQ_TX].err)) {
			ret = vmm_reset_queue(v, VQ_TX);
			return ret ? ret : 0;
		}
	} while (ret == -ETIMEDOUT);
	if (ret < 0)
		return ret;
	if (net_frame_check(frame, sizeof(frame), r->guest_phys_addr >> 12, NULL))
		return -EBADMSG;
	return drv_ring_wait(&v->vq[VQ_TX].ring, &done, VMM_TIMEOUT_MS);
}

/* Bit i of the answer: extra region i is there. Negative on trouble. */
static int which(FIXTURE_DATA(update) *self)
{
	unsigned int i;
	int mask = 0, ret;

	for (i = 0; i < EXTRAS; i++) {
		ret = present(&self->v, &self->r[i]);
		if (ret < 0)
			return ret;
		mask |= ret << i;
	}
	ret = vmm_traffic_check(&self->v);
	return ret ? ret : mask;
}

TEST_F(update, probe_bit)
{
	uint64_t f = 0;

	ASSERT_EQ(0, vhost_get_backend_features(self->v.fd, &f));
	EXPECT_EQ(BACKEND_F_MEM_UPDATE, f & BACKEND_F_MEM_UPDATE);
	EXPECT_EQ(0, vhost_set_backend_features(self->v.fd, BACKEND_F_MEM_UPDATE));
	EXPECT_EQ(0, vhost_set_backend_features(self->v.fd, 0));
	/* Offered is enough: the bit need not be taken. */
	EXPECT_EQ(0, change(self->v.fd, NULL, 0, self->r, 1));
}

TEST_F(update, add_and_remove)
{
	int fd = self->v.fd;
	region_t *r = self->r;

	EXPECT_EQ(0, which(self));
	ASSERT_EQ(0, change(fd, NULL, 0, r, 3));
	EXPECT_EQ(0x07, which(self));
	ASSERT_EQ(0, change(fd, &r[1], 1, NULL, 0));
	EXPECT_EQ(0x05, which(self));
	/* Both at once. */
	ASSERT_EQ(0, change(fd, &r[0], 1, &r[4], 2));
	EXPECT_EQ(0x34, which(self));
	ASSERT_EQ(0, change(fd, &r[4], 2, &r[0], 1));
	EXPECT_EQ(0x05, which(self));
}

TEST_F(update, nothing_to_do)
{
	/* The addresses do not matter then. */
	EXPECT_EQ(0, change(self->v.fd, NULL, 0, NULL, 0));
	EXPECT_EQ(0, change(self->v.fd, (void *)KERNEL_ADDR, 0, (void *)UINT64_MAX, 0));
	EXPECT_EQ(0, which(self));
}

/* In one call, with another user address, and with the very same one. */
TEST_F(update, remove_and_add_back)
{
	region_t moved, *r = self->r;
	int fd = self->v.fd;

	ASSERT_EQ(0, change(fd, NULL, 0, r, 2));
	ASSERT_EQ(0, change(fd, r, 2, r, 2));
	EXPECT_EQ(0x03, which(self));
	moved = r[0];
	moved.userspace_addr = r[7].userspace_addr;
	ASSERT_EQ(0, change(fd, &r[0], 1, &moved, 1));
	EXPECT_EQ(1, present(&self->v, &moved));
	EXPECT_EQ(-ENOENT, change(fd, &r[0], 1, NULL, 0));
	EXPECT_EQ(0, change(fd, &moved, 1, NULL, 0));
	EXPECT_EQ(0x02, which(self));
}

/* Also the memory of the rings themselves, with the queues running. */
TEST_F(update, ram_removed_and_added_back)
{
	ASSERT_EQ(0, change(self->v.fd, &self->ram, 1, &self->ram, 1));
	EXPECT_EQ(0, vmm_traffic_check(&self->v));
	EXPECT_FALSE(vmm_ring_error(&self->v, VQ_TX, 0));
}

/* A big region becomes small ones, and one again. */
TEST_F(update, split_and_join)
{
	region_t half[2] = { self->ram, self->ram };
	int fd = self->v.fd;

	half[0].memory_size = half[1].memory_size = self->ram.memory_size / 2;
	half[1].guest_phys_addr += half[0].memory_size;
	half[1].userspace_addr += half[0].memory_size;
	ASSERT_EQ(0, change(fd, &self->ram, 1, half, 2));
	EXPECT_EQ(0, vmm_traffic_check(&self->v));
	/* They are two now. */
	EXPECT_EQ(-ENOENT, change(fd, &self->ram, 1, NULL, 0));
	ASSERT_EQ(0, change(fd, half, 2, &self->ram, 1));
	EXPECT_EQ(-ENOENT, change(fd, half, 1, NULL, 0));
	EXPECT_EQ(0, vmm_traffic_check(&self->v));
}

/* ---- refusals ---- */

/* Refused with want, and all is as before: regions 0 and 1 of the extra ones. */
#define EXPECT_REFUSED(want, remove, nremove, add, nadd) do { \
	EXPECT_EQ(want, change(self->v.fd, remove, nremove, add, nadd)); \
	EXPECT_EQ(0x03, which(self)); \
} while (0)

TEST_F(update, removal_is_exact)
{
	region_t r, list[3];

	ASSERT_EQ(0, change(self->v.fd, NULL, 0, self->r, 2));
	/* Never there. */
	EXPECT_REFUSED(-ENOENT, &self->r[2], 1, NULL, 0);
	/* Each field in turn, by as little as can be. */
	r = self->r[0];
	r.guest_phys_addr++;
	EXPECT_REFUSED(-ENOENT, &r, 1, NULL, 0);
	r = self->r[0];
	r.memory_size--;
	EXPECT_REFUSED(-ENOENT, &r, 1, NULL, 0);
	r = self->r[0];
	r.memory_size++;
	EXPECT_REFUSED(-ENOENT, &r, 1, NULL, 0);
	r = self->r[0];
	r.userspace_addr++;
	EXPECT_REFUSED(-ENOENT, &r, 1, NULL, 0);
	/* Two neighbours are no single region. */
	r = self->r[0];
	r.memory_size = 2 * PAGE;
	EXPECT_REFUSED(-ENOENT, &r, 1, NULL, 0);
	/* The same one twice. */
	list[0] = list[1] = self->r[0];
	EXPECT_REFUSED(-ENOENT, list, 2, NULL, 0);
	list[1] = self->r[1];
	list[2] = self->r[0];
	EXPECT_REFUSED(-ENOENT, list, 3, NULL, 0);
	/* One that this very call would add. */
	EXPECT_REFUSED(-ENOENT, &self->r[3], 1, &self->r[3], 1);
}

TEST_F(update, overlap_refused)
{
	region_t r, list[2];

	ASSERT_EQ(0, change(self->v.fd, NULL, 0, self->r, 2));
	EXPECT_REFUSED(-EINVAL, NULL, 0, &self->r[0], 1);
	r = region(EXTRA_GPA + 2 * PAGE - 1, self->extra, PAGE);
	EXPECT_REFUSED(-EINVAL, NULL, 0, &r, 1);
	r = region(EXTRA_GPA - PAGE + 1, self->extra, PAGE);
	EXPECT_REFUSED(-EINVAL, NULL, 0, &r, 1);
	/* Within one region, and around both. */
	r = region(EXTRA_GPA + 100, self->extra, 1);
	EXPECT_REFUSED(-EINVAL, NULL, 0, &r, 1);
	r = region(EXTRA_GPA - PAGE, self->v.ram, 4 * PAGE);
	EXPECT_REFUSED(-EINVAL, NULL, 0, &r, 1);
	/* Among the new ones. */
	list[0] = self->r[4];
	list[1] = region(self->r[4].guest_phys_addr + PAGE - 1, self->extra, PAGE);
	EXPECT_REFUSED(-EINVAL, NULL, 0, list, 2);
	list[1] = self->r[4];
	EXPECT_REFUSED(-EINVAL, NULL, 0, list, 2);
	/* With one that stays although another goes. */
	EXPECT_REFUSED(-EINVAL, &self->r[0], 1, self->r, 2);
}

TEST_F(update, invalid_region_refused)
{
	char *page = self->extra;
	const region_t bad[] = {
		region(EXTRA_GPA + 16 * PAGE, page, 0),
		region(-PAGE, page, PAGE + 1),
		region(EXTRA_GPA + 16 * PAGE, page, UINT64_MAX),
		region(EXTRA_GPA + 16 * PAGE, (void *)KERNEL_ADDR, PAGE),
		region(EXTRA_GPA + 16 * PAGE, (void *)-PAGE, 2 * PAGE),
		region(EXTRA_GPA + 16 * PAGE, (void *)PAGE, KERNEL_ADDR),
	};
	region_t list[3] = { self->r[4], self->r[5], self->r[6] };
	unsigned int i, k;

	ASSERT_EQ(0, change(self->v.fd, NULL, 0, self->r, 2));
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		for (k = 0; k < 3; k++) {
			region_t saved = list[k];

			list[k] = bad[i];
			EXPECT_EQ(-EFAULT, change(self->v.fd, &self->r[0], 1, list, 3))
				TH_LOG("region %u in place %u", i, k);
			list[k] = saved;
		}
	}
	EXPECT_EQ(0x03, which(self));
	/* The last page there is is a good one. */
	list[0] = region(-PAGE, page, PAGE);
	EXPECT_EQ(0, change(self->v.fd, NULL, 0, list, 1));
	EXPECT_EQ(1, present(&self->v, &list[0]));
}

TEST_F(update, flags_and_padding_refused)
{
	struct vhost_mem_update good = {
		.nadd = 1, .add = (uintptr_t)&self->r[2],
	}, u;
	region_t r;
	unsigned int bit;

	ASSERT_EQ(0, change(self->v.fd, NULL, 0, self->r, 2));
	for (bit = 0; bit < 32; bit++) {
		u = good;
		u.flags = 1u << bit;
		ASSERT_EQ(-EOPNOTSUPP, vhost_ioctl(self->v.fd, VHOST_UPDATE_MEM_REGIONS, &u));
		u = good;
		u.padding = 1u << bit;
		ASSERT_EQ(-EOPNOTSUPP, vhost_ioctl(self->v.fd, VHOST_UPDATE_MEM_REGIONS, &u));
	}
	r = self->r[2];
	r.flags_padding = 1;
	EXPECT_REFUSED(-EOPNOTSUPP, NULL, 0, &r, 1);
	r = self->r[0];
	r.flags_padding = UINT64_C(1) << 63;
	EXPECT_REFUSED(-EOPNOTSUPP, &r, 1, NULL, 0);
}

TEST_F(update, unreadable_argument)
{
	size_t size = 2 * sizeof(region_t);
	char *two = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	region_t *cut = (void *)(two + PAGE - size);
	struct vhost_mem_update *u;

	ASSERT_NE(MAP_FAILED, two);
	ASSERT_EQ(0, mprotect(two + PAGE, PAGE, PROT_NONE));
	ASSERT_EQ(0, change(self->v.fd, NULL, 0, self->r, 2));
	cut[0] = self->r[0];
	cut[1] = self->r[1];
	/* One more than can be read. */
	EXPECT_REFUSED(-EFAULT, cut, 3, NULL, 0);
	EXPECT_REFUSED(-EFAULT, cut, 2, cut, 3);
	EXPECT_REFUSED(-EFAULT, NULL, 1, NULL, 0);
	EXPECT_REFUSED(-EFAULT, NULL, 0, NULL, 1);
	EXPECT_REFUSED(-EFAULT, (void *)KERNEL_ADDR, 1, NULL, 0);
	u = (void *)(two + PAGE - sizeof(*u) + 8);
	EXPECT_EQ(-EFAULT, vhost_ioctl(self->v.fd, VHOST_UPDATE_MEM_REGIONS, u));
	EXPECT_EQ(-EFAULT, vhost_ioctl(self->v.fd, VHOST_UPDATE_MEM_REGIONS, NULL));
	EXPECT_EQ(0x03, which(self));
	munmap(two, 2 * PAGE);
}

/* Counts that no array can have are refused before any of it is looked at. */
TEST_F(update, fault_075_huge_counts)
{
	long max = proc_param("vhost", "max_mem_regions");
	uint64_t start = now_ms();
	char *big;

	ASSERT_LT(0, max);
	ASSERT_EQ(0, change(self->v.fd, NULL, 0, self->r, 2));
	big = mmap(NULL, UINT64_C(1) << 30, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ASSERT_NE(MAP_FAILED, big);
	EXPECT_REFUSED(-E2BIG, NULL, 0, (void *)big, UINT32_MAX);
	EXPECT_REFUSED(-E2BIG, NULL, 0, (void *)big, max + 1);
	EXPECT_REFUSED(-E2BIG, NULL, 0, (void *)big, UINT64_C(1) << 24);
	EXPECT_REFUSED(-E2BIG, (void *)big, UINT32_MAX, NULL, 0);
	EXPECT_REFUSED(-E2BIG, (void *)big, max + 1, NULL, 0);
	EXPECT_REFUSED(-E2BIG, (void *)big, UINT32_MAX, (void *)big, UINT32_MAX);
	EXPECT_LT(now_ms() - start, 20000);
	munmap(big, UINT64_C(1) << 30);
}

TEST_F(update, not_the_owner)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		int ret = change(self->v.fd, &self->ram, 1, NULL, 0);

		_exit(ret == -EPERM ? 0 : 1);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, which(self));
}

/* ---- together with the whole table ---- */

TEST_F(update, between_whole_tables)
{
	struct vmm *v = &self->v;

	ASSERT_EQ(0, change(v->fd, NULL, 0, self->r, 2));
	/* The table knows nothing of them: gone. */
	ASSERT_EQ(0, vmm_set_mem(v));
	EXPECT_EQ(0, which(self));
	EXPECT_EQ(-ENOENT, change(v->fd, self->r, 2, NULL, 0));
	/* And what came with a table leaves by an update. */
	mem_table_add(&v->mem, self->r[3].guest_phys_addr,
		      (void *)(uintptr_t)self->r[3].userspace_addr, PAGE);
	ASSERT_EQ(0, vmm_set_mem(v));
	ASSERT_EQ(0, change(v->fd, NULL, 0, &self->r[2], 1));
	EXPECT_EQ(0x0c, which(self));
	ASSERT_EQ(0, change(v->fd, &self->r[3], 1, NULL, 0));
	EXPECT_EQ(0x04, which(self));
	/* The same table again puts it right. */
	ASSERT_EQ(0, vmm_set_mem(v));
	EXPECT_EQ(0x08, which(self));
}

/* A device that never had a table has an empty one. */
TEST_F(update, without_a_table)
{
	struct vmm *v = &self->v;
	int fd = vhost_open(VHOST_NET_PATH, 0);

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EPERM, change(fd, NULL, 0, self->r, 1));
	ASSERT_EQ(0, vhost_set_owner(fd));
	EXPECT_EQ(-ENOENT, change(fd, self->r, 1, NULL, 0));
	EXPECT_EQ(0, change(fd, NULL, 0, self->r, EXTRAS));
	EXPECT_EQ(0, change(fd, self->r, EXTRAS, NULL, 0));
	close(fd);

	/* A whole device by updates only. */
	mem_table_clear(&v->mem);
	ASSERT_EQ(0, mem_table_set(&v->mem, v->fd));
	ASSERT_EQ(0, change(v->fd, NULL, 0, &self->ram, 1));
	mem_table_add(&v->mem, 0, v->ram, v->ram_size);
	EXPECT_EQ(0, vmm_traffic_check(v));
}

TEST_F(update, reset_forgets)
{
	ASSERT_EQ(0, change(self->v.fd, NULL, 0, self->r, 2));
	ASSERT_EQ(0, vhost_reset_owner(self->v.fd));
	ASSERT_EQ(0, vhost_set_owner(self->v.fd));
	EXPECT_EQ(-ENOENT, change(self->v.fd, self->r, 1, NULL, 0));
	EXPECT_EQ(-ENOENT, change(self->v.fd, &self->ram, 1, NULL, 0));
}

/* ---- very many ---- */

TEST_F_TIMEOUT(update, as_many_as_there_may_be, 120)
{
	long max = proc_param("vhost", "max_mem_regions");
	struct vmm *v = &self->v;
	region_t *all, swap[2];
	long i, n;

	ASSERT_LT(8, max);
	n = max - 1;		/* beside the RAM */
	all = calloc(max, sizeof(*all));
	ASSERT_NE(NULL, all);
	for (i = 0; i < max; i++)
		all[i] = region(EXTRA_GPA + 2 * i * PAGE, self->extra, PAGE);
	ASSERT_EQ(0, change(v->fd, NULL, 0, all, n));
	EXPECT_EQ(-E2BIG, change(v->fd, NULL, 0, &all[n], 1));
	EXPECT_EQ(1, present(v, &all[0]));
	EXPECT_EQ(1, present(v, &all[n - 1]));
	EXPECT_EQ(1, present(v, &all[n / 2]));
	/* Full, but one for another is no more than before. */
	EXPECT_EQ(0, change(v->fd, &all[7], 1, &all[n], 1));
	EXPECT_EQ(0, present(v, &all[7]));
	EXPECT_EQ(1, present(v, &all[n]));
	/* Many single steps. */
	for (i = 0; i < 200; i++) {
		swap[0] = all[10 + i];
		swap[1] = all[10 + i];
		swap[1].guest_phys_addr += PAGE;
		ASSERT_EQ(0, change(v->fd, &swap[0], 1, &swap[1], 1)) TH_LOG("%ld", i);
		all[10 + i] = swap[1];
	}
	EXPECT_EQ(1, present(v, &all[10]));
	EXPECT_EQ(1, present(v, &all[209]));
	all[7] = all[n];
	ASSERT_EQ(0, change(v->fd, all, n, NULL, 0));
	EXPECT_EQ(0, present(v, &all[0]));
	EXPECT_EQ(0, vmm_traffic_check(v));
	free(all);
}

/* ---- under traffic ---- */

#define MOVING_GPA	UINT64_C(0x300000000)
#define MOVING_PAGES	16
#define FRAME		1000

struct mover {
	struct vmm *v;
	bool canary;		/* keep the old page and watch it, instead of unmapping */
	region_t now[MOVING_PAGES];
	volatile bool stop;
	unsigned int rounds;
	int error;
};

/* A page for the moving part of memory, with what any other has in this place. */
static char *moving_page(unsigned int hdr_len, unsigned int i)
{
	char *m = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (m == MAP_FAILED)
		return NULL;
	net_frame_fill(m + hdr_len, FRAME, i);
	return m;
}

/* What was removed is ours again: nobody reads it, nobody writes to it. */
static int dispose(struct mover *m, char *old)
{
	unsigned int i;

	if (m->canary) {
		memset(old, 0x5a, PAGE);
		nap_us(1000);
		for (i = 0; i < PAGE; i++)
			if (old[i] != 0x5a)
				return -EBADMSG;
	}
	munmap(old, PAGE);
	return 0;
}

static void *move_pages(void *arg)
{
	struct mover *m = arg;

	while (!m->stop && !m->error) {
		unsigned int i = m->rounds % MOVING_PAGES;
		region_t old = m->now[i], new = old;
		char *page = moving_page(m->v->hdr_len, i);

		new.userspace_addr = (uintptr_t)page;
		m->error = page ? change(m->v->fd, &old, 1, &new, 1) : -ENOMEM;
		/* A refusal every now and then changes nothing. */
		if (!m->error && m->rounds % 5 == 0 &&
		    change(m->v->fd, &old, 1, NULL, 0) != -ENOENT)
			m->error = -EPROTO;
		if (!m->error)
			m->error = dispose(m, (char *)(uintptr_t)old.userspace_addr);
		m->now[i] = new;
		m->rounds++;
	}
	return NULL;
}

static int mover_start(struct mover *m, struct vmm *v, bool canary, pthread_t *t)
{
	unsigned int i;
	int ret;

	*m = (struct mover) { .v = v, .canary = canary };
	for (i = 0; i < MOVING_PAGES; i++)
		m->now[i] = region(MOVING_GPA + i * PAGE, moving_page(v->hdr_len, i), PAGE);
	ret = change(v->fd, NULL, 0, m->now, MOVING_PAGES);
	return ret ? ret : -pthread_create(t, NULL, move_pages, m);
}

TEST_F_TIMEOUT(update, fault_012_removed_may_be_unmapped_tx, STRESS_TIMEOUT)
{
	uint64_t end = now_ms() + stress_ms(2000), frames = 0;
	struct vmm *v = &self->v;
	struct drv_ring *r = &v->vq[VQ_TX].ring;
	struct drv_done done;
	char frame[FRAME];
	struct mover m;
	pthread_t t;
	uint32_t i;

	ASSERT_EQ(0, mover_start(&m, v, false, &t));
	for (i = 0; i < MOVING_PAGES; i++)
		drv_ring_add1(r, MOVING_GPA + i * PAGE, v->hdr_len + FRAME, false, NULL);
	vmm_kick(v, VQ_TX);
	while (now_ms() < end || m.rounds < MIN_ROUNDS) {
		i = frames++ % MOVING_PAGES;
		ASSERT_EQ(FRAME, net_peer_recv(&v->net, frame, FRAME, VMM_TIMEOUT_MS))
			TH_LOG("frame %llu, %u moves", (unsigned long long)frames, m.rounds);
		ASSERT_EQ(0, net_frame_check(frame, FRAME, i, NULL));
		ASSERT_EQ(1, drv_ring_wait(r, &done, VMM_TIMEOUT_MS));
		drv_ring_add1(r, MOVING_GPA + i * PAGE, v->hdr_len + FRAME, false, NULL);
		vmm_kick(v, VQ_TX);
	}
	m.stop = true;
	pthread_join(t, NULL);
	EXPECT_EQ(0, m.error);
	EXPECT_FALSE(vmm_ring_error(v, VQ_TX, 0));
	TH_LOG("%llu frames, %u moves", (unsigned long long)frames, m.rounds);
}

TEST_F_TIMEOUT(update, fault_012_removed_is_not_written_rx, STRESS_TIMEOUT)
{
	uint64_t end = now_ms() + stress_ms(2000), frames = 0;
	struct vmm *v = &self->v;
	struct drv_ring *r = &v->vq[VQ_RX].ring;
	struct drv_done done;
	char frame[FRAME];
	struct mover m;
	pthread_t t;
	uint32_t i;

	ASSERT_EQ(0, mover_start(&m, v, true, &t));
	for (i = 0; i < MOVING_PAGES; i++)
		drv_ring_add1(r, MOVING_GPA + i * PAGE, PAGE, true,
			      (void *)(uintptr_t)(MOVING_GPA + i * PAGE));
	vmm_kick(v, VQ_RX);
	net_frame_fill(frame, FRAME, 0);
	for (i = 0; i < MOVING_PAGES / 2; i++) {
		ASSERT_EQ(FRAME, net_peer_send(&v->net, frame, FRAME));
	}
	while (now_ms() < end || m.rounds < MIN_ROUNDS) {
		ASSERT_EQ(FRAME, net_peer_send(&v->net, frame, FRAME));
		ASSERT_EQ(1, drv_ring_wait(r, &done, VMM_TIMEOUT_MS))
			TH_LOG("frame %llu, %u moves", (unsigned long long)frames, m.rounds);
		ASSERT_EQ(v->hdr_len + FRAME, done.len);
		drv_ring_add1(r, (uintptr_t)done.cookie, PAGE, true, done.cookie);
		vmm_kick(v, VQ_RX);
		frames++;
	}
	m.stop = true;
	pthread_join(t, NULL);
	EXPECT_EQ(0, m.error);
	EXPECT_FALSE(vmm_ring_error(v, VQ_RX, 0));
	TH_LOG("%llu frames, %u moves", (unsigned long long)frames, m.rounds);
}

TEST_HARNESS_MAIN
