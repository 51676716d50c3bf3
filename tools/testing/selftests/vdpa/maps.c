// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOTLB messages: what can be mapped, what goes when, what is pinned and charged
 * meanwhile. Each case runs with a parent that works with physical addresses of
 * pinned pages and with one that works with the owner's user addresses.
 */
#include <pthread.h>

#include "maps_scene.h"

FIXTURE(maps) {
	struct maps_scene s;
};

FIXTURE_VARIANT(maps) {
	const char *sim;
	bool pa;
};

FIXTURE_VARIANT_ADD(maps, pinned) { .sim = "use_va=0", .pa = true };
FIXTURE_VARIANT_ADD(maps, user) { .sim = "use_va=1", .pa = false };

FIXTURE_SETUP(maps)
{
	int ret = maps_scene_up(&self->s, variant->sim);

	if (ret == -ENOENT)
		SKIP(return, "no simulator of disks");
	ASSERT_EQ(0, ret);
}

FIXTURE_TEARDOWN(maps)
{
	EXPECT_EQ(0, maps_scene_down(&self->s));
}

/* Malformed is EINVAL, refused is EFAULT, and nothing is mapped. */
TEST_F(maps, fault_063_094_borders)
{
	const uint64_t top = UINT64_MAX - PAGE + 1;
	char *mem = self->s.mem;

	EXPECT_EQ(-EINVAL, map(self->s.fd, IOVA, 0, mem));
	EXPECT_EQ(-EINVAL, map(self->s.fd, 0, 0, mem));
	EXPECT_EQ(-EINVAL, vdpa_map(self->s.fd, 0, IOVA, PAGE, mem, 0));
	EXPECT_EQ(-EINVAL, vdpa_map(self->s.fd, 0, IOVA, PAGE, mem, 4));
	EXPECT_EQ(-EINVAL, vdpa_map(self->s.fd, 0, IOVA, PAGE, mem, 255));
	EXPECT_EQ(-EFAULT, map(self->s.fd, top, 2 * PAGE, mem));
	EXPECT_EQ(-EFAULT, map(self->s.fd, 1, UINT64_MAX, mem));
	/* Memory that is not there, or not the owner's. */
	EXPECT_EQ(-EFAULT, map(self->s.fd, IOVA, PAGE, mem + NPAGES * PAGE));
	EXPECT_EQ(-EFAULT, map(self->s.fd, IOVA, (NPAGES + 1) * PAGE, mem));
	EXPECT_EQ(-EFAULT, map(self->s.fd, IOVA, PAGE, mem - 1));
	EXPECT_EQ(-EFAULT, map(self->s.fd, IOVA, PAGE, (void *)KERNEL_ADDR));
	EXPECT_EQ(-EFAULT, map(self->s.fd, IOVA, UINT64_MAX, (void *)PAGE));
	EXPECT_EQ(-EFAULT, map(self->s.fd, IOVA, PAGE, (void *)(UINT64_MAX - 100)));
	EXPECT_EQ(-EFAULT, map(self->s.fd, IOVA, UINT64_C(1) << 50, mem));
	if (variant->pa) {
		EXPECT_EQ(0, pin_kb(&self->s.v));
	}
	/* The ends of the address space. */
	EXPECT_EQ(0, map(self->s.fd, 0, PAGE, mem));
	EXPECT_EQ(0, map(self->s.fd, top, PAGE, mem));
	EXPECT_EQ(-EFAULT, map(self->s.fd, top, PAGE, mem));
	EXPECT_EQ(-EFAULT, map(self->s.fd, UINT64_MAX, 1, mem));
	EXPECT_EQ(0, unmap(self->s.fd, UINT64_MAX, 1));
	EXPECT_EQ(0, map(self->s.fd, UINT64_MAX, 1, mem));
	if (variant->pa) {
		EXPECT_EQ(8, pin_kb(&self->s.v));
	}
}

TEST_F(maps, fault_126_overlaps)
{
	char *mem = self->s.mem;
	uint64_t i;

	ASSERT_EQ(0, map(self->s.fd, IOVA, 4 * PAGE, mem));
	EXPECT_EQ(-EFAULT, map(self->s.fd, IOVA, 4 * PAGE, mem));
	EXPECT_EQ(-EFAULT, map(self->s.fd, IOVA + PAGE, PAGE, mem));
	EXPECT_EQ(-EFAULT, map(self->s.fd, IOVA - PAGE, 8 * PAGE, mem));
	EXPECT_EQ(-EFAULT, map(self->s.fd, IOVA - PAGE, PAGE + 1, mem));
	EXPECT_EQ(-EFAULT, map(self->s.fd, IOVA + 4 * PAGE - 1, PAGE, mem));
	/* Neighbours do not, and stay what they are: each can go alone. */
	for (i = 0; i < 8; i++) {
		EXPECT_EQ(0, map(self->s.fd, IOVA + (4 + i) * PAGE, PAGE, mem + (4 + i) * PAGE));
	}
	EXPECT_EQ(0, unmap(self->s.fd, IOVA + 7 * PAGE, PAGE));
	EXPECT_EQ(0, map(self->s.fd, IOVA + 7 * PAGE, PAGE, mem));
	EXPECT_EQ(-EFAULT, map(self->s.fd, IOVA + 6 * PAGE, PAGE, mem));
	EXPECT_EQ(-EFAULT, map(self->s.fd, IOVA + 8 * PAGE, PAGE, mem));
	if (variant->pa) {
		EXPECT_EQ(12 * 4, pin_kb(&self->s.v));
	} else {
		EXPECT_EQ(0, vdpa_proc_kb(0, "VmPin:"));
	}
	/* The same memory in two places. */
	EXPECT_EQ(0, map(self->s.fd, 2 * IOVA, 4 * PAGE, mem));
}

/* What is touched goes as a whole. */
TEST_F(maps, fault_126_whole_mappings_go)
{
	char *mem = self->s.mem;

	ASSERT_EQ(0, map(self->s.fd, IOVA, 4 * PAGE, mem));
	ASSERT_EQ(0, map(self->s.fd, IOVA + 4 * PAGE, 4 * PAGE, mem));
	ASSERT_EQ(0, map(self->s.fd, IOVA + 8 * PAGE, 4 * PAGE, mem));
	EXPECT_EQ(0, unmap(self->s.fd, IOVA + 5 * PAGE, 1));
	EXPECT_EQ(0, map(self->s.fd, IOVA + 4 * PAGE, 4 * PAGE, mem));
	EXPECT_EQ(-EFAULT, map(self->s.fd, IOVA, PAGE, mem));
	EXPECT_EQ(-EFAULT, map(self->s.fd, IOVA + 8 * PAGE, PAGE, mem));
	EXPECT_EQ(0, unmap(self->s.fd, IOVA + 4 * PAGE - 1, 4 * PAGE + 2));
	EXPECT_EQ(0, map(self->s.fd, IOVA, 12 * PAGE, mem));
}

/* Ends of the space, and more than is mapped; QEMU and DPDK ask for such ranges. */
TEST_F(maps, wide_unmap)
{
	const uint64_t top = UINT64_MAX - PAGE + 1;
	char *mem = self->s.mem;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, map(self->s.fd, IOVA, PAGE, mem));
		ASSERT_EQ(0, map(self->s.fd, top, PAGE, mem));
		switch (i) {
		case 0:
			EXPECT_EQ(0, unmap(self->s.fd, 0, 0));
			break;
		case 1:
			EXPECT_EQ(0, unmap(self->s.fd, IOVA, -IOVA));
			break;
		case 2:
			EXPECT_EQ(0, unmap(self->s.fd, 0, UINT64_MAX));
			break;
		case 3:
			/* Nothing is there, which is no error; nothing that wraps goes. */
			EXPECT_EQ(0, unmap(self->s.fd, 4 * IOVA, PAGE));
			EXPECT_EQ(-EFAULT, unmap(self->s.fd, IOVA, UINT64_MAX));
			EXPECT_EQ(-EFAULT, unmap(self->s.fd, IOVA, 0));
			EXPECT_EQ(-EFAULT, map(self->s.fd, IOVA, PAGE, mem));
			EXPECT_EQ(-EFAULT, map(self->s.fd, top, PAGE, mem));
			break;
		}
	}
}

TEST_F(maps, malformed)
{
	union {
		struct vhost_msg v1;
		struct vhost_msg_v2 v2;
		char bytes[80];
	} m = { .v2 = { .type = VHOST_IOTLB_MSG_V2 } };
	struct vhost_iotlb_msg body = {
		.type = VHOST_IOTLB_UPDATE, .iova = IOVA, .size = PAGE, .perm = RW,
		.uaddr = (uintptr_t)self->s.mem,
	};

	m.v2.iotlb = body;
	EXPECT_EQ(-1, write(self->s.fd, &m, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, write(self->s.fd, &m, 4));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, write(self->s.fd, &m, 33));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, write(self->s.fd, (void *)UNMAPPED_ADDR, 72));
	m.v2.type = 3;
	EXPECT_EQ(-1, write(self->s.fd, &m, sizeof(m.v2)));
	EXPECT_EQ(EINVAL, errno);
	m.v2.type = 0;
	EXPECT_EQ(-1, write(self->s.fd, &m, sizeof(m.v2)));
	EXPECT_EQ(EINVAL, errno);
	/* A longer one is taken for as much as there is of a message. */
	m.v2.type = VHOST_IOTLB_MSG_V2;
	EXPECT_EQ(sizeof(m.v2), write(self->s.fd, &m, 80));
	EXPECT_EQ(-EFAULT, map(self->s.fd, IOVA, PAGE, self->s.mem));
	EXPECT_EQ(0, unmap(self->s.fd, IOVA, PAGE));
	/* Known to be a message, but none for us. */
	EXPECT_EQ(-EFAULT, vdpa_msg(self->s.fd, 0, VHOST_IOTLB_MISS, IOVA, PAGE, self->s.mem, RW));
	EXPECT_EQ(-EFAULT, vdpa_msg(self->s.fd, 0, 0, IOVA, PAGE, self->s.mem, RW));
	EXPECT_EQ(-EFAULT, vdpa_msg(self->s.fd, 0, 255, IOVA, PAGE, self->s.mem, RW));
	/* The old form names no address space, and is always understood. */
	memset(&m, 0, sizeof(m));
	m.v1.type = VHOST_IOTLB_MSG;
	m.v1.iotlb = body;
	EXPECT_EQ(sizeof(m.v1), write(self->s.fd, &m, sizeof(m.v1)));
	EXPECT_EQ(-EFAULT, map(self->s.fd, IOVA, PAGE, self->s.mem));
}

TEST_F(maps, address_spaces)
{
	int spaces = vdpa_get_as_num(self->s.fd);
	uint32_t asid;

	EXPECT_EQ(-EFAULT, vdpa_map(self->s.fd, spaces, IOVA, PAGE, self->s.mem, RW));
	EXPECT_EQ(-EFAULT, vdpa_map(self->s.fd, UINT32_MAX, IOVA, PAGE, self->s.mem, RW));
	EXPECT_EQ(-EFAULT, vdpa_unmap(self->s.fd, spaces, IOVA, PAGE));
	EXPECT_EQ(-EFAULT, vdpa_batch(self->s.fd, spaces, true));
	EXPECT_EQ(-EFAULT, vdpa_batch(self->s.fd, spaces, false));
	for (asid = 0; (int)asid < spaces; asid++) {
		EXPECT_EQ(0, vdpa_map(self->s.fd, asid, IOVA, PAGE, self->s.mem, RW));
	}
	for (asid = 0; (int)asid < spaces; asid++) {
		EXPECT_EQ(-EFAULT, vdpa_map(self->s.fd, asid, IOVA, PAGE, self->s.mem, RW));
	}
	/* Who has not said that he knows of them means the first one. */
	EXPECT_EQ(0, vhost_set_backend_features(self->s.fd, VDPA_BF_MSG_V2));
	EXPECT_EQ(0, vdpa_map(self->s.fd, UINT32_MAX, IOVA + PAGE, PAGE, self->s.mem, RW));
	EXPECT_EQ(-EFAULT, vdpa_map(self->s.fd, 0, IOVA + PAGE, PAGE, self->s.mem, RW));
}

/* Exactly the bytes that were named, however they lie in pages. */
TEST_F(maps, fault_126_exact_bytes)
{
	static const struct { uint64_t iova, uaddr, size; } odd[] = {
		{ 0x10, 0x10, 8192 }, { 0, 0x210, 4096 }, { 0x333, 0, 12288 },
		{ 0xff0, 0x20, 513 }, { 0x801, 0x7fe, 9000 },
	};
	char *ram = self->s.v.ram;
	unsigned int i, j;

	ASSERT_EQ(0, vdpa_start(&self->s.v));
	for (i = 0; i < ARRAY_LEN(odd); i++) {
		char *mem = self->s.mem + odd[i].uaddr;
		uint64_t iova = IOVA + odd[i].iova;

		ASSERT_EQ(0, map(self->s.fd, iova, odd[i].size, mem));
		/* A sector of a known pattern from the disk to the last bytes of it. */
		for (j = 0; j < 512; j++)
			ram[self->s.v.ram_size - 512 + j] = i * 31 + j;
		ASSERT_EQ(0, vblk_io(&self->s.v, VBLK_OUT, i, ram + self->s.v.ram_size - 512, 512));
		memset(self->s.mem, 0, 5 * PAGE);
		ASSERT_EQ(0, vblk_io(&self->s.v, VBLK_IN, i,
				     ram + (iova + odd[i].size - 512 - self->s.v.iova), 512));
		EXPECT_EQ(0, memcmp(mem + odd[i].size - 512, ram + self->s.v.ram_size - 512, 512));
		EXPECT_EQ(0, mem[odd[i].size]);
		ASSERT_EQ(0, unmap(self->s.fd, iova, odd[i].size));
	}
}

/* What is unmapped is out of reach, what is mapped anew is where it is now. */
TEST_F(maps, remap)
{
	char *ram = self->s.v.ram, *target = ram + (IOVA - self->s.v.iova);

	ASSERT_EQ(0, vdpa_start(&self->s.v));
	memset(ram + 65536, 0x5a, PAGE);
	ASSERT_EQ(0, vblk_io(&self->s.v, VBLK_OUT, 0, ram + 65536, PAGE));
	ASSERT_EQ(0, map(self->s.fd, IOVA, PAGE, self->s.mem));
	memset(self->s.mem, 0, 2 * PAGE);
	ASSERT_EQ(0, vblk_io(&self->s.v, VBLK_IN, 0, target, PAGE));
	EXPECT_EQ(0x5a, self->s.mem[0]);
	EXPECT_EQ(0x5a, self->s.mem[PAGE - 1]);
	ASSERT_EQ(0, unmap(self->s.fd, IOVA, PAGE));
	ASSERT_EQ(0, map(self->s.fd, IOVA, PAGE, self->s.mem + PAGE));
	memset(self->s.mem, 0, PAGE);
	ASSERT_EQ(0, vblk_io(&self->s.v, VBLK_IN, 0, target, PAGE));
	EXPECT_EQ(0, self->s.mem[0]);
	EXPECT_EQ(0x5a, self->s.mem[PAGE]);
}

/* Private memory is memory; a hole, or what may not be written, is refused. */
TEST_F(maps, fault_127_holes_and_private_memory)
{
	char *ram = self->s.v.ram, *target = ram + (IOVA - self->s.v.iova);
	char *p = vdpa_guarded(8, MAP_PRIVATE);

	ASSERT_NE(NULL, p);
	ASSERT_EQ(0, vdpa_start(&self->s.v));
	ASSERT_EQ(0, map(self->s.fd, IOVA, 8 * PAGE, p));
	memset(ram + 65536, 0x3c, PAGE);
	ASSERT_EQ(0, vblk_io(&self->s.v, VBLK_OUT, 0, ram + 65536, PAGE));
	ASSERT_EQ(0, vblk_io(&self->s.v, VBLK_IN, 0, target + 3 * PAGE, PAGE));
	EXPECT_EQ(0x3c, p[3 * PAGE]);
	ASSERT_EQ(0, unmap(self->s.fd, IOVA, PAGE));

	ASSERT_EQ(0, mprotect(p + 2 * PAGE, PAGE, PROT_READ));
	EXPECT_EQ(-EFAULT, map(self->s.fd, IOVA, 8 * PAGE, p));
	EXPECT_EQ(0, vdpa_map(self->s.fd, 0, IOVA, 8 * PAGE, p, VHOST_ACCESS_RO));
	ASSERT_EQ(0, unmap(self->s.fd, IOVA, PAGE));
	ASSERT_EQ(0, munmap(p + 5 * PAGE, PAGE));
	EXPECT_EQ(-EFAULT, vdpa_map(self->s.fd, 0, IOVA, 8 * PAGE, p, VHOST_ACCESS_RO));
	EXPECT_EQ(0, vdpa_map(self->s.fd, 0, IOVA, 5 * PAGE, p, VHOST_ACCESS_RO));
	if (variant->pa) {
		EXPECT_EQ(20, pin_kb(&self->s.v));
	}
}

TEST_F(maps, fault_129_mappings_and_reset)
{
	unsigned int i;

	/* Without a word about it, mappings go. */
	ASSERT_EQ(0, map(self->s.fd, IOVA, PAGE, self->s.mem));
	ASSERT_EQ(0, vdpa_set_status(self->s.fd, 0));
	EXPECT_EQ(0, vdpa_proc_kb(0, "VmPin:"));
	EXPECT_EQ(0, map(self->s.fd, IOVA, PAGE, self->s.mem));
	ASSERT_EQ(0, vdpa_restart(&self->s.v));
	EXPECT_EQ(0, vblk_check(&self->s.v, 0, 512, 1));
	/* With it, they stay in force. */
	ASSERT_EQ(0, vhost_set_backend_features(self->s.fd, VDPA_BF_QEMU | VDPA_BF_PERSIST));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, vdpa_set_status(self->s.fd, 0));
		EXPECT_EQ(-EFAULT, map(self->s.fd, self->s.v.iova, PAGE, self->s.mem));
		ASSERT_EQ(0, vdpa_negotiate(&self->s.v, VDPA_F_BASE));
		ASSERT_EQ(0, vdpa_rearm(&self->s.v, 0, 0));
		ASSERT_EQ(0, vdpa_start(&self->s.v));
		EXPECT_EQ(0, vblk_check(&self->s.v, 0, 512, i));
	}
	/* After close there is nothing, whatever was said. */
	close(self->s.fd);
	EXPECT_EQ(0, vdpa_proc_kb(0, "VmPin:"));
	self->s.v.fd = vhost_open(self->s.dev.path, 0);
	ASSERT_EQ(0, vhost_set_owner(self->s.v.fd));
	EXPECT_EQ(0, map(self->s.v.fd, self->s.v.iova, PAGE, self->s.mem));
}

TEST_F(maps, batch)
{
	int spaces = vdpa_get_as_num(self->s.fd);

	/* An end without a beginning, a beginning in between: hints, no errors. */
	EXPECT_EQ(0, vdpa_batch(self->s.fd, 0, false));
	EXPECT_EQ(0, vdpa_batch(self->s.fd, 0, true));
	EXPECT_EQ(0, vdpa_batch(self->s.fd, 0, true));
	if (spaces > 1) {
		EXPECT_EQ(-EFAULT, vdpa_map(self->s.fd, 1, IOVA, PAGE, self->s.mem, RW));
		EXPECT_EQ(-EFAULT, vdpa_batch(self->s.fd, 1, false));
	}
	/* The record is that of the end: what was entered is there, and can go again. */
	EXPECT_EQ(0, map(self->s.fd, IOVA, PAGE, self->s.mem));
	EXPECT_EQ(-EFAULT, map(self->s.fd, IOVA, PAGE, self->s.mem));
	EXPECT_EQ(-EFAULT, map(self->s.fd, IOVA + PAGE, PAGE, self->s.mem + NPAGES * PAGE));
	EXPECT_EQ(0, unmap(self->s.fd, IOVA, PAGE));
	EXPECT_EQ(0, map(self->s.fd, IOVA, 2 * PAGE, self->s.mem));
	EXPECT_EQ(0, vdpa_batch(self->s.fd, 0, false));
	EXPECT_EQ(-EFAULT, map(self->s.fd, IOVA + PAGE, PAGE, self->s.mem));
	EXPECT_EQ(0, unmap(self->s.fd, IOVA + PAGE, PAGE));
	EXPECT_EQ(0, map(self->s.fd, IOVA, PAGE, self->s.mem));
	/* A reset ends it. */
	EXPECT_EQ(0, vdpa_batch(self->s.fd, 0, true));
	EXPECT_EQ(0, map(self->s.fd, 2 * IOVA, PAGE, self->s.mem));
	ASSERT_EQ(0, vdpa_set_status(self->s.fd, 0));
	EXPECT_EQ(0, map(self->s.fd, 2 * IOVA, PAGE, self->s.mem));
	if (spaces > 1) {
		EXPECT_EQ(0, vdpa_map(self->s.fd, 1, IOVA, PAGE, self->s.mem, RW));
	}
}

/* A batch under way has no effect, neither what it adds nor what it takes away. */
TEST_F(maps, batch_before_its_end)
{
	char *ram = self->s.v.ram, *target = ram + (IOVA - self->s.v.iova);

	ASSERT_EQ(0, map(self->s.fd, IOVA, PAGE, self->s.mem));
	ASSERT_EQ(0, vdpa_start(&self->s.v));
	memset(ram + 65536, 0x11, PAGE);
	ASSERT_EQ(0, vblk_io(&self->s.v, VBLK_OUT, 0, ram + 65536, PAGE));
	memset(self->s.mem, 0, 2 * PAGE);
	ASSERT_EQ(0, vdpa_batch(self->s.fd, 0, true));
	ASSERT_EQ(0, unmap(self->s.fd, 0, 0));
	ASSERT_EQ(0, vblk_io(&self->s.v, VBLK_IN, 0, target, PAGE));
	EXPECT_EQ(0x11, self->s.mem[0]);
	ASSERT_EQ(0, map(self->s.fd, IOVA, PAGE, self->s.mem + PAGE));
	ASSERT_EQ(0, map(self->s.fd, self->s.v.iova, self->s.v.ram_size, ram));
	memset(self->s.mem, 0, 2 * PAGE);
	ASSERT_EQ(0, vblk_io(&self->s.v, VBLK_IN, 0, target, PAGE));
	EXPECT_EQ(0x11, self->s.mem[0]);
	EXPECT_EQ(0, self->s.mem[PAGE]);
	ASSERT_EQ(0, vdpa_batch(self->s.fd, 0, false));
	memset(self->s.mem, 0, 2 * PAGE);
	ASSERT_EQ(0, vblk_io(&self->s.v, VBLK_IN, 0, target, PAGE));
	EXPECT_EQ(0, self->s.mem[0]);
	EXPECT_EQ(0x11, self->s.mem[PAGE]);
}

struct shuffle {
	struct vdpa *v;
	volatile bool stop;
	volatile int error;
	unsigned int rounds;
};

/* A guest's firmware at work: all of memory goes and comes back in pieces. */
static void *shuffle(void *arg)
{
	struct shuffle *s = arg;
	struct vdpa *v = s->v;
	size_t step = v->ram_size / 8;

	while (!s->stop && !s->error) {
		unsigned int pieces = 1 + s->rounds++ % 3, i;
		int err = vdpa_batch(v->fd, 0, true);

		if (!err)
			err = unmap(v->fd, v->iova, v->ram_size);
		for (i = 0; !err && i < pieces - 1; i++)
			err = map(v->fd, v->iova + i * step, step, v->ram + i * step);
		if (!err)
			err = map(v->fd, v->iova + i * step, v->ram_size - i * step,
				  v->ram + i * step);
		if (!err)
			err = vdpa_batch(v->fd, 0, false);
		s->error = err;
	}
	return NULL;
}

TEST_F(maps, batch_under_traffic)
{
	uint64_t end = now_ms() + stress_ms(400);
	struct shuffle s = { .v = &self->s.v };
	unsigned int n = 0;
	pthread_t thread;

	ASSERT_EQ(0, vdpa_start(&self->s.v));
	ASSERT_EQ(0, pthread_create(&thread, NULL, shuffle, &s));
	while (now_ms() < end || s.rounds < MIN_ROUNDS || n < MIN_ROUNDS) {
		int ret = vblk_check(&self->s.v, n % 64, 8192, n);

		EXPECT_EQ(0, ret);
		if (ret || s.error)
			break;
		n++;
	}
	s.stop = true;
	pthread_join(thread, NULL);
	EXPECT_EQ(0, s.error);
	TH_LOG("%u rounds of mapping, %u of traffic", s.rounds, n);
}

/* No mapping, no access; whoever has the file has nothing else. */
TEST_F(maps, fault_053_no_mapping_left)
{
	char *ram = self->s.v.ram;
	struct drv_done done;

	memset(ram + 65536, 0x77, PAGE);
	ASSERT_EQ(0, vdpa_start(&self->s.v));
	ASSERT_EQ(0, unmap(self->s.fd, 0, 0));
	ASSERT_LE(0, vblk_add(&self->s.v, (void *)(ram + 65536), VBLK_IN, 0, ram + 66048, 512));
	vdpa_kick(&self->s.v, 0);
	EXPECT_EQ(-ETIMEDOUT, drv_ring_wait(&self->s.v.vq[0].ring, &done, VDPA_QUIET_MS));
	EXPECT_EQ(0x77, ram[66048]);
	/* A broken ring is whole after a reset. */
	ASSERT_EQ(0, vdpa_restart(&self->s.v));
	EXPECT_EQ(0, vblk_check(&self->s.v, 0, 512, 1));
}

/* Nor from the first moment on. */
TEST_F(maps, fault_053_no_mapping_ever)
{
	char *ram;
	struct drv_done done;

	vdpa_close(&self->s.v);
	ASSERT_EQ(0, vdpa_up(&self->s.v, self->s.dev.path,
			     &(struct vdpa_config){ .features = VDPA_F_BASE, .unmapped = true }));
	ram = self->s.v.ram;
	memset(ram + 65536, 0x77, PAGE);
	ASSERT_EQ(0, vdpa_start(&self->s.v));
	ASSERT_LE(0, vblk_add(&self->s.v, (void *)(ram + 65536), VBLK_IN, 0, ram + 66048, 512));
	vdpa_kick(&self->s.v, 0);
	EXPECT_EQ(-ETIMEDOUT, drv_ring_wait(&self->s.v.vq[0].ring, &done, VDPA_QUIET_MS));
	EXPECT_EQ(0x77, ram[66048]);
}

/* Microseconds for a mapping to come and go, the best of several. */
static uint64_t one_more(int fd, const char *mem)
{
	uint64_t best = UINT64_MAX, t;
	unsigned int i, j;

	for (i = 0; i < 16; i++) {
		t = now_us();
		for (j = 0; j < 8; j++)
			if (map(fd, 2 * IOVA, PAGE, mem) || unmap(fd, 2 * IOVA, PAGE))
				return UINT64_MAX;
		t = now_us() - t;
		if (t < best)
			best = t;
	}
	return best;
}

/* One slot more among thousands costs what it costs among few. */
TEST_F(maps, cost)
{
	uint64_t few, many;
	unsigned int i;

	few = one_more(self->s.fd, self->s.mem);
	ASSERT_NE(UINT64_MAX, few);
	for (i = 0; i < 1000; i++) {
		ASSERT_EQ(0, map(self->s.fd, IOVA + 2 * i * PAGE, PAGE, self->s.mem));
	}
	many = one_more(self->s.fd, self->s.mem);
	ASSERT_NE(UINT64_MAX, many);
	TH_LOG("%llu us, %llu us among 1000", (unsigned long long)few / 8,
	       (unsigned long long)many / 8);
	/* With a walk through all of them it would be tens of times as much. */
	EXPECT_GT(4 * few + 100, many);
}

TEST_HARNESS_MAIN
