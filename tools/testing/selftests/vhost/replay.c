// SPDX-License-Identifier: GPL-2.0-only
/*
 * What QEMU 10.0.2 said to vhost-net of Linux 7.3.4, call by call, and whether it
 * gets the same answers here. Recorded were a guest whose virtio-mem device grew
 * slot by slot, one whose growth failed on the way, one that reset its queues one
 * by one, and one behind an intel-iommu. All numbers are those of the recording:
 * user addresses are translated to where our memory is, file descriptors to
 * eventfds of our own.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>

#include "libiommu.h"
#include "libreplay.h"
#include "test.h"

#define PAGE		IOMMU_PAGE
#define MAX_RAM		4
#define MAX_EVENTS	32
#define SPACE		(UINT64_C(8) << 30)
#define FRAME		300

struct ram {
	uint64_t hva, size;	/* in the recording */
	char *here;
};

struct scene {
	struct vmm v;
	struct ram ram[MAX_RAM];
	unsigned int nram;
	char *space;		/* where all of it is mapped, and how much of that is used */
	size_t used;
	int event[MAX_EVENTS];	/* by the number of the recording; -1: none yet */
	/* IOVA pages of the recording and what they led to; read-only for the thread. */
	const uint64_t (*iova)[2];
	unsigned int niova;
	pthread_t thread;
	bool serving;
	volatile bool stop;
	volatile unsigned int misses;
	volatile int error;
	uint32_t seed;
};

/* Ours for a user address of the recording; NULL for one in no region. */
static char *here(const struct scene *s, uint64_t hva)
{
	unsigned int i;

	for (i = 0; i < s->nram; i++)
		if (hva - s->ram[i].hva < s->ram[i].size)
			return s->ram[i].here + (hva - s->ram[i].hva);
	return NULL;
}

static int event(struct scene *s, int64_t number)
{
	if (number < 0 || number >= MAX_EVENTS)
		return -1;
	if (s->event[number] < 0)
		s->event[number] = event_new();
	return s->event[number];
}

/* ---- steps: each gets the numbers of its line ---- */

/* GET_FEATURES BITS: at least these are offered. */
static int get_features(struct scene *s, const uint64_t *n)
{
	uint64_t f;
	int ret = vhost_get_features(s->v.fd, &f);

	return ret ? ret : (f & n[0]) == n[0] ? 0 : -ENODATA;
}

static int set_features(struct scene *s, const uint64_t *n)
{
	s->v.features = n[0];
	s->v.hdr_len = vmm_hdr_len(n[0]);
	s->v.iommu = n[0] & F_ACCESS_PLATFORM;
	return vhost_set_features(s->v.fd, n[0]);
}

static int get_backend_features(struct scene *s, const uint64_t *n)
{
	uint64_t f;
	int ret = vhost_get_backend_features(s->v.fd, &f);

	return ret ? ret : (f & n[0]) == n[0] ? 0 : -ENODATA;
}

static int set_backend_features(struct scene *s, const uint64_t *n)
{
	return vhost_set_backend_features(s->v.fd, n[0]);
}

/*
 * Memory in place of what the VMM had at @hva. What followed upon something there
 * does so here, for drivers to have buffers across the border.
 */
static int ram_map(struct scene *s, uint64_t hva, size_t size)
{
	struct ram *m = &s->ram[s->nram];
	const struct ram *last = s->nram ? m - 1 : NULL;
	void *p;

	if (!s->space) {
		p = mmap(NULL, SPACE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			 -1, 0);
		if (p == MAP_FAILED)
			return -errno;
		s->space = p;
	}
	if (last && last->hva + last->size != hva)
		s->used += PAGE;
	p = mmap(s->space + s->used, size, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
	if (p == MAP_FAILED)
		return -errno;
	*m = (struct ram) { .hva = hva, .size = size, .here = p };
	s->used += size;
	s->nram++;
	return 0;
}

/* MEM_TABLE COUNT {GPA SIZE HVA}... */
static int mem_table(struct scene *s, const uint64_t *n)
{
	struct mem_table t;
	unsigned int i;
	int ret = mem_table_init(&t);

	for (i = 0; !ret && i < n[0]; i++) {
		const uint64_t *r = n + 1 + 3 * i;

		if (!here(s, r[2])) {
			ret = ram_map(s, r[2], r[1]);
			if (ret)
				break;
		}
		ret = mem_table_add(&t, r[0], here(s, r[2]), r[1]);
	}
	if (!ret)
		ret = mem_table_set(&t, s->v.fd);
	/* The driver's idea of addresses: these, or the IOVAs set up before. */
	if (!ret && !s->v.iommu) {
		mem_table_free(&s->v.mem);
		s->v.mem = t;
	} else {
		mem_table_free(&t);
	}
	return ret;
}

static int vring_num(struct scene *s, const uint64_t *n)
{
	s->v.vq[n[0]].ring.num = n[1];
	return vhost_set_vring_num(s->v.fd, n[0], n[1]);
}

static int vring_base(struct scene *s, const uint64_t *n)
{
	return vhost_set_vring_base(s->v.fd, n[0], n[1]);
}

/* What an address of a ring leads to here. */
static char *ring_place(struct scene *s, uint64_t addr)
{
	unsigned int i;

	if (!s->v.iommu)
		return here(s, addr);
	for (i = 0; i < s->niova; i++)
		if (addr - s->iova[i][0] < PAGE)
			return here(s, s->iova[i][1] + addr - s->iova[i][0]);
	return NULL;
}

/* VRING_ADDR INDEX FLAGS DESC USED AVAIL LOG; the driver starts its ring there. */
static int vring_addr(struct scene *s, const uint64_t *n)
{
	struct vmm_vq *q = &s->v.vq[n[0]];
	struct drv_place at = {
		.desc = ring_place(s, n[2]),
		.device = ring_place(s, n[3]),
		.driver = ring_place(s, n[4]),
	};
	unsigned int num = q->ring.num;
	int ret;

	if (!at.desc || !at.device || !at.driver)
		return -ENXIO;
	drv_ring_free(&q->ring);
	ret = drv_ring_init(&q->ring, &drv_split, num, &at, 0, s->v.features & F_EVENT_IDX);
	q->addr = (struct vhost_vring_addr) {
		.index = n[0],
		.flags = n[1],
		.desc_user_addr = s->v.iommu ? n[2] : (uintptr_t)at.desc,
		.used_user_addr = s->v.iommu ? n[3] : (uintptr_t)at.device,
		.avail_user_addr = s->v.iommu ? n[4] : (uintptr_t)at.driver,
		.log_guest_addr = n[5],
	};
	return ret ? ret : vhost_set_vring_addr(s->v.fd, &q->addr);
}

static int vring_kick(struct scene *s, const uint64_t *n)
{
	s->v.vq[n[0]].kick = event(s, n[1]);
	return vhost_set_vring_kick(s->v.fd, n[0], s->v.vq[n[0]].kick);
}

static int vring_call(struct scene *s, const uint64_t *n)
{
	s->v.vq[n[0]].call = event(s, n[1]);
	return vhost_set_vring_call(s->v.fd, n[0], s->v.vq[n[0]].call);
}

static int vring_err(struct scene *s, const uint64_t *n)
{
	s->v.vq[n[0]].err = event(s, n[1]);
	return vhost_set_vring_err(s->v.fd, n[0], s->v.vq[n[0]].err);
}

/* BACKEND INDEX ON */
static int backend(struct scene *s, const uint64_t *n)
{
	return vhost_net_set_backend(s->v.fd, n[0], n[1] ? s->v.net.fd : -1);
}

/* GET_BASE INDEX WANT */
static int get_base(struct scene *s, const uint64_t *n)
{
	int ret = vhost_get_vring_base(s->v.fd, n[0]);

	if (ret < 0 || (uint64_t)ret == n[1])
		return ret < 0 ? ret : 0;
	printf("# queue %llu is at %d, not %llu\n", (unsigned long long)n[0], ret,
	       (unsigned long long)n[1]);
	return -EBADMSG;
}

/*
 * TRAFFIC RX TX ADDR: so many frames each way through a buffer at this guest
 * address, that the queues come to where they were in the recording.
 */
static int traffic(struct scene *s, const uint64_t *n)
{
	struct vmm *v = &s->v;
	uint64_t i;
	int ret = 0;

	v->scratch = mem_table_hva(&v->mem, n[2]);
	if (!v->scratch)
		return -ENXIO;
	for (i = 0; !ret && i < n[0]; i++)
		ret = vmm_rx_check(v, FRAME, s->seed++);
	for (i = 0; !ret && i < n[1]; i++)
		ret = vmm_tx_check(v, FRAME, s->seed++);
	if (!ret && (vmm_ring_error(v, VQ_RX, 0) || vmm_ring_error(v, VQ_TX, 0)))
		ret = -EIO;
	return ret ? ret : s->error;
}

/* UPDATE IOVA SIZE UADDR PERM */
static int iotlb_update(struct scene *s, const uint64_t *n)
{
	return iotlb_send(s->v.fd, true, VHOST_IOTLB_UPDATE, n[0], n[1],
			  (uintptr_t)here(s, n[2]), n[3]);
}

/* INVALIDATE IOVA SIZE */
static int iotlb_invalidate(struct scene *s, const uint64_t *n)
{
	return iotlb_send(s->v.fd, true, VHOST_IOTLB_INVALIDATE, n[0], n[1], 0, 0);
}

static void *answer(void *arg)
{
	struct scene *s = arg;
	struct vhost_iotlb_msg m;

	while (!s->stop) {
		int ret = iotlb_recv(s->v.fd, true, &m, 20);
		uint64_t page = m.iova & ~(PAGE - 1);
		unsigned int i;

		if (ret == -ETIMEDOUT || ret == -EAGAIN)
			continue;
		for (i = 0; !ret && i < s->niova && s->iova[i][0] != page; i++)
			;
		if (!ret)
			ret = m.type != VHOST_IOTLB_MISS || i == s->niova ? -EPROTO :
			      iotlb_update(s, (uint64_t []){ page, PAGE, s->iova[i][1],
							     VHOST_ACCESS_RW });
		if (ret)
			s->error = ret;
		s->misses++;
	}
	return NULL;
}

/* SERVE: from here on misses are answered. */
static int serve(struct scene *s, const uint64_t *n)
{
	(void)n;
	s->serving = true;
	return -pthread_create(&s->thread, NULL, answer, s);
}

static const struct replay_op ops[] = {
	{ "GET_FEATURES", get_features },
	{ "SET_FEATURES", set_features },
	{ "GET_BACKEND_FEATURES", get_backend_features },
	{ "SET_BACKEND_FEATURES", set_backend_features },
	{ "MEM_TABLE", mem_table },
	{ "NUM", vring_num },
	{ "BASE", vring_base },
	{ "ADDR", vring_addr },
	{ "KICK", vring_kick },
	{ "CALL", vring_call },
	{ "ERR", vring_err },
	{ "BACKEND", backend },
	{ "GET_BASE", get_base },
	{ "TRAFFIC", traffic },
	{ "UPDATE", iotlb_update },
	{ "INVALIDATE", iotlb_invalidate },
	{ "SERVE", serve },
};

/* ---- recordings ---- */

/* How every one of them begins: QEMU starts, and some time later the guest's driver. */
#define INIT \
	"GET_FEATURES 0x10b3d008000", \
	"CALL 0 11", "ERR 0 12", "CALL 1 13", "ERR 1 14"

static const char *const vmem[] = {
	INIT,
	"CALL 0 22", "CALL 1 23",
	"SET_FEATURES 0x10130008000", "GET_BACKEND_FEATURES 0x2", "SET_BACKEND_FEATURES 0x2",
	"MEM_TABLE 1  0x0 0x20000000 0x26c000000",
	"NUM 0 0x100", "BASE 0 0",
	"ADDR 0 0 0x26e78e000 0x26e78f240 0x26e78f000 0x278f240", "KICK 0 20",
	"NUM 1 0x100", "BASE 1 0",
	"ADDR 1 0 0x26e6b4000 0x26e6b5240 0x26e6b5000 0x26b5240", "KICK 1 21",
	"BACKEND 0 1", "BACKEND 1 1",
	"TRAFFIC 10 10 0x1000000",
	/* masked and unmasked */
	"CALL 1 13", "CALL 1 23", "CALL 0 11", "CALL 0 22",
	"MEM_TABLE 2  0x0 0x20000000 0x26c000000  0x100000000 0x40000000 0x6773f000",
	"TRAFFIC 4 4 0x100000000",
	"MEM_TABLE 3  0x0 0x20000000 0x26c000000  0x100000000 0x40000000 0x6773f000"
	"  0x140000000 0x40000000 0xa773f000",
	"TRAFFIC 5 10 0x17fffd000",
	"MEM_TABLE 4  0x0 0x20000000 0x26c000000  0x100000000 0x40000000 0x6773f000"
	"  0x140000000 0x40000000 0xa773f000  0x180000000 0x40000000 0xe773f000",
	/* across the border of two slots */
	"TRAFFIC 10 10 0x180000000", "TRAFFIC 5 10 0x13fffff80",
	"BACKEND 0 0", "BACKEND 1 0", "GET_BASE 0 0x22", "GET_BASE 1 0x2c",
	"CALL 0 11", "CALL 1 13",
};

/* The call for the second slot was made to fail before it came to the device. */
static const char *const vmemfail[] = {
	INIT,
	"CALL 0 22", "CALL 1 23",
	"SET_FEATURES 0x10130008000", "GET_BACKEND_FEATURES 0x2", "SET_BACKEND_FEATURES 0x2",
	"MEM_TABLE 1  0x0 0x10000000 0x25c000000",
	"NUM 0 0x100", "BASE 0 0",
	"ADDR 0 0 0x25e63c000 0x25e63d240 0x25e63d000 0x263d240", "KICK 0 20",
	"NUM 1 0x100", "BASE 1 0",
	"ADDR 1 0 0x25e63a000 0x25e63b240 0x25e63b000 0x263b240", "KICK 1 21",
	"BACKEND 0 1", "BACKEND 1 1",
	"CALL 1 13", "CALL 1 23", "CALL 0 11", "CALL 0 22",
	"TRAFFIC 13 21 0xffff000",
	"BACKEND 0 0", "BACKEND 1 0", "GET_BASE 0 0xd", "GET_BASE 1 0x15",
	"CALL 0 11", "CALL 1 13",
};

static const char *const ring[] = {
	INIT,
	"CALL 0 21", "CALL 1 22",
	"SET_FEATURES 0x10130008000", "GET_BACKEND_FEATURES 0x2", "SET_BACKEND_FEATURES 0x2",
	"MEM_TABLE 1  0x0 0x10000000 0x58000000",
	"NUM 0 0x100", "BASE 0 0",
	"ADDR 0 0 0x5a58e000 0x5a58f240 0x5a58f000 0x258f240", "KICK 0 19",
	"NUM 1 0x100", "BASE 1 0",
	"ADDR 1 0 0x5a450000 0x5a451240 0x5a451000 0x2451240", "KICK 1 20",
	"BACKEND 0 1", "BACKEND 1 1",
	"CALL 1 13", "CALL 1 22", "CALL 0 11", "CALL 0 21",
	"TRAFFIC 3 8 0x1000000",
	/* one queue and then the other starts over, smaller */
	"BACKEND 1 0", "GET_BASE 1 8", "NUM 1 0x40", "BASE 1 0",
	"ADDR 1 0 0x5ac47000 0x5ac474c0 0x5ac47400 0x2c474c0", "KICK 1 20", "BACKEND 1 1",
	"BACKEND 0 0", "GET_BASE 0 3", "NUM 0 0x80", "BASE 0 0",
	"ADDR 0 0 0x5a615000 0x5a615940 0x5a615800 0x2615940", "KICK 0 19", "BACKEND 0 1",
	"TRAFFIC 5 7 0x1000000",
	"BACKEND 0 0", "BACKEND 1 0", "GET_BASE 0 5", "GET_BASE 1 7",
	"CALL 0 11", "CALL 1 13",
};

/* The guest changes domains all the time: everything is forgotten, but one hole. */
#define FORGET \
	"INVALIDATE 0xfef00000 0xffffffff01100000", "INVALIDATE 0x0 0xfee00000"

static const char *const iommu[] = {
	INIT,
	"CALL 0 21", "CALL 1 22",
	"SET_FEATURES 0x10330008000", "GET_BACKEND_FEATURES 0x2", "SET_BACKEND_FEATURES 0x2",
	"MEM_TABLE 1  0x0 0x10000000 0x5c000000",
	"NUM 0 0x100", "BASE 0 0",
	"ADDR 0 0 0xffffe000 0xfffff240 0xfffff000 0xfffff240", "KICK 0 19",
	"NUM 1 0x100", "BASE 1 0",
	"ADDR 1 0 0xffffc000 0xffffd240 0xffffd000 0xffffd240", "KICK 1 20",
	"UPDATE 0xfffff000 0x1000 0x5ec0d000 3", "UPDATE 0xffffd000 0x1000 0x5ec07000 3",
	"BACKEND 0 1", "BACKEND 1 1",
	"SERVE",
	FORGET, "TRAFFIC 1 2 0xffe97000",
	"CALL 1 13", "CALL 1 22",
	FORGET, "TRAFFIC 1 3 0xffffa000",
	"CALL 0 11", "CALL 0 21",
	FORGET, FORGET, "TRAFFIC 2 4 0xffff9000",
	FORGET, "TRAFFIC 1 2 0xffff5000",
	FORGET, "TRAFFIC 2 3 0xffff1000",
	FORGET, FORGET,
	"BACKEND 0 0", "BACKEND 1 0", "GET_BASE 0 7", "GET_BASE 1 0xe",
	"CALL 0 11", "CALL 1 13",
};

static const uint64_t iommu_pages[][2] = {
	{ 0xffffe000, 0x5ec0e000 }, { 0xfffff000, 0x5ec0d000 },
	{ 0xffffc000, 0x5ec08000 }, { 0xffffd000, 0x5ec07000 },
	{ 0xffe97000, 0x5ec7e000 }, { 0xffffa000, 0x5ed40000 },
	{ 0xffff9000, 0x5ec79000 }, { 0xffff5000, 0x5ed41000 },
	{ 0xffff1000, 0x5ed42000 },
};

/* ---- playing them ---- */

static int play(struct scene *s, const char *const *lines, unsigned int count)
{
	return replay(s, ops, ARRAY_LEN(ops), lines, count);
}

FIXTURE(replay) {
	struct scene *s;
};

FIXTURE_SETUP(replay)
{
	struct scene *s = self->s = calloc(1, sizeof(*s));
	unsigned int i;

	ASSERT_NE(NULL, s);
	vmm_init(&s->v);
	for (i = 0; i < MAX_EVENTS; i++)
		s->event[i] = -1;
	ASSERT_EQ(0, net_ns_enter());
	s->v.fd = vhost_open(VHOST_NET_PATH, O_NONBLOCK);
	ASSERT_LE(0, s->v.fd);
	ASSERT_EQ(0, vhost_set_owner(s->v.fd));
	/* One less, and QEMU gives a virtio-mem device a single slot. */
	ASSERT_LE(509, proc_param("vhost", "max_mem_regions"));
	ASSERT_EQ(0, net_backend_open(&s->v.net, NET_TAP, 12));
}

FIXTURE_TEARDOWN(replay)
{
	struct scene *s = self->s;

	s->stop = true;
	if (s->serving)
		pthread_join(s->thread, NULL);
	vmm_close(&s->v);
	if (s->space)
		munmap(s->space, SPACE);
	free(s);
}

TEST_F(replay, slots_grow)
{
	EXPECT_EQ(0, play(self->s, vmem, ARRAY_LEN(vmem)));
}

TEST_F(replay, slot_that_failed)
{
	EXPECT_EQ(0, play(self->s, vmemfail, ARRAY_LEN(vmemfail)));
}

TEST_F(replay, queues_reset)
{
	EXPECT_EQ(0, play(self->s, ring, ARRAY_LEN(ring)));
}

TEST_F(replay, behind_an_iommu)
{
	struct scene *s = self->s;
	unsigned int i;

	s->iova = iommu_pages;
	s->niova = ARRAY_LEN(iommu_pages);
	/* The driver's addresses; its memory is there once the table is. */
	ASSERT_EQ(0, ram_map(s, 0x5c000000, 0x10000000));
	ASSERT_EQ(0, mem_table_init(&s->v.mem));
	for (i = 0; i < s->niova; i++) {
		ASSERT_EQ(0, mem_table_add(&s->v.mem, s->iova[i][0], here(s, s->iova[i][1]),
					   PAGE));
	}
	EXPECT_EQ(0, play(s, iommu, ARRAY_LEN(iommu)));
	EXPECT_EQ(0, s->error);
	EXPECT_LT(0, s->misses);
}

TEST_HARNESS_MAIN
