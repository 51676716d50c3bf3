// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rings that no driver writes: each breaks its queue and nothing else, costs nothing,
 * and a reset heals it. And a VMM that is killed while the device waits for a page of
 * its memory.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "libsim.h"
#include "test.h"

#define NUM	64
#define F_ALL	(SIM_F_NET | SIM_F_CTRL_RX | SIM_F_CTRL_RX_EXTRA | SIM_F_CTRL_VLAN | \
			 F_INDIRECT | F_EVENT_IDX)
#define END_MS	10000	/* from SIGKILL to the end of everything */

static int open_net(struct vdpa_dev *dev, struct vdpa *v, const char *name, uint64_t more)
{
	int ret = vdpa_dev_make(dev, "vdpasim_net", name, &(struct vdpa_attrs){
		.mac = sim_mac, .features = F_ALL | more });

	vdpa_init(v);
	return ret ? ret : vdpa_up(v, dev->path, &(struct vdpa_config){
		.features = F_ALL | more, .num = NUM, .ram_size = 1 << 20 });
}

FIXTURE(ring) {
	struct vdpa_dev dev;
	struct vdpa v;
	int kmsg;
};

FIXTURE_SETUP(ring)
{
	int ret = open_net(&self->dev, &self->v, "h0", 0);

	self->kmsg = kmsg_open();
	if (ret == -ENOENT)
		SKIP(return, "no simulator of network cards");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, vdpa_start(&self->v));
}

FIXTURE_TEARDOWN(ring)
{
	close(self->kmsg);
	vdpa_close(&self->v);
	vdpa_dev_del(&self->dev);
}

/* TX breaks over head 0, for this reason; the control queue goes on. */
static int tx_breaks(struct vdpa *v, int kmsg, const char *why)
{
	uint64_t end = now_ms() + VDPA_TIMEOUT_MS;
	struct drv_ring *ring = &v->vq[NET_TX].ring;
	char line[128];
	int n = 0;

	snprintf(line, sizeof(line), "virtqueue 1 stopped: %s", why);
	drv_split_push_raw(ring, 0, 1);
	event_signal(v->vq[NET_TX].kick);
	while (!n && now_ms() < end) {
		nap_us(1000);
		n = kmsg_count(kmsg, line);
	}
	if (n < 1)
		return -ETIMEDOUT;
	if (drv_split_used_idx(ring))
		return -EEXIST;
	/* Broken it stays, and is told of once. */
	event_signal(v->vq[NET_TX].kick);
	if (sim_command(v, NET_CTRL, 1, 1, sim_mac, 6) || kmsg_count(kmsg, line) ||
	    drv_split_used_idx(ring))
		return -EPROTO;
	return vdpa_restart(v);
}

/* The log takes few lines in a time: what was not said is given a second chance to be. */
static int tx_breaks_and_says(struct vdpa *v, int kmsg, const char *why)
{
	struct vring_desc *desc = drv_split_desc(&v->vq[NET_TX].ring), saved[2];
	int ret;

	memcpy(saved, desc, sizeof(saved));
	ret = tx_breaks(v, kmsg, why);
	if (ret != -ETIMEDOUT)
		return ret;
	ret = vdpa_restart(v);
	memcpy(desc, saved, sizeof(saved));
	return ret ? ret : tx_breaks(v, kmsg, why);
}

/* The way that once was a loop which nothing counted. */
TEST_F(ring, fault_068_indirect_and_next)
{
	struct vdpa *v = &self->v;
	struct vring_desc *desc = drv_split_desc(&v->vq[NET_TX].ring);
	struct vring_desc *table = vdpa_alloc(v, 64, 16);
	uint64_t at = vdpa_iova(v, table);
	unsigned int k;

	for (k = 1; k < 3; k++) {
		table[0] = (struct vring_desc) { at, 16, 0, 0 };
		desc[0] = (struct vring_desc) { at, 16, VRING_DESC_F_NEXT, k };
		desc[1] = (struct vring_desc) { at, 16, VRING_DESC_F_NEXT, k };
		desc[k] = (struct vring_desc) {
			at, 16, VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT, k,
		};
		ASSERT_EQ(0, tx_breaks(v, self->kmsg, "bad indirect descriptor"));
		EXPECT_EQ(1, sim_echo(v, 0, sim_mac, 100, 1));
		ASSERT_EQ(0, vdpa_restart(v));
	}
}

TEST_F(ring, loops_and_indices)
{
	struct vdpa *v = &self->v;
	struct vring_desc *desc = drv_split_desc(&v->vq[NET_TX].ring);
	struct vring_desc *table = vdpa_alloc(v, 64, 16);
	uint64_t at = vdpa_iova(v, table);

	desc[0] = (struct vring_desc) { at, 16, VRING_DESC_F_NEXT, 0 };
	EXPECT_EQ(0, tx_breaks_and_says(v, self->kmsg, "descriptors linked in a loop"));
	desc[0] = (struct vring_desc) { at, 16, VRING_DESC_F_NEXT, NUM };
	EXPECT_EQ(0, tx_breaks_and_says(v, self->kmsg, "next index out of range"));
	desc[0] = (struct vring_desc) { at, 32, VRING_DESC_F_INDIRECT, 0 };
	table[0] = (struct vring_desc) { at, 16, VRING_DESC_F_INDIRECT, 0 };
	EXPECT_EQ(0, tx_breaks_and_says(v, self->kmsg, "indirect descriptor in an indirect table"));
	desc[0] = (struct vring_desc) { UINT64_C(0x7fff00000000), 32, VRING_DESC_F_INDIRECT, 0 };
	EXPECT_EQ(0, tx_breaks_and_says(v, self->kmsg, "buffer outside of the memory table"));
	desc[0] = (struct vring_desc) { at, UINT32_MAX, VRING_DESC_F_NEXT, 1 };
	desc[1] = (struct vring_desc) { at, UINT32_MAX, 0, 0 };
	EXPECT_EQ(0, tx_breaks_and_says(v, self->kmsg, "chain longer than 4 GiB"));
	drv_split_avail(&v->vq[NET_TX].ring)->idx = NUM + 1;
	event_signal(v->vq[NET_TX].kick);
	EXPECT_EQ(0, sim_command(v, NET_CTRL, 1, 1, sim_mac, 6));
	EXPECT_EQ(0, drv_split_used_idx(&v->vq[NET_TX].ring));
	ASSERT_EQ(0, vdpa_restart(v));
	EXPECT_EQ(1, sim_echo(v, 0, sim_mac, 100, 1));
}

/* ---- anything ---- */

static uint32_t next_random(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *seed >> 33;
}

/* Mostly right, or it would never get past the first check. */
static void scribble_desc(struct vdpa *v, struct vring_desc *desc, unsigned int n, uint64_t *seed)
{
	static const uint16_t flags[] = { 0, 0, 0, VRING_DESC_F_WRITE, VRING_DESC_F_WRITE,
					  VRING_DESC_F_NEXT, VRING_DESC_F_INDIRECT, 3 };
	uint32_t dice = next_random(seed) % 256;

	*desc = (struct vring_desc) {
		.addr = v->iova + next_random(seed) % v->ram_size,
		.len = next_random(seed) % 600,
		.flags = flags[next_random(seed) % 8],
		.next = next_random(seed) % n,
	};
	if (desc->flags & VRING_DESC_F_INDIRECT) {
		desc->addr &= ~UINT64_C(15);
		desc->len = (1 + next_random(seed) % 16) * 16;
	}
	switch (dice) {
	case 0:
		desc->addr = (uint64_t)next_random(seed) << 32 | next_random(seed);
		break;
	case 1:
		desc->len = next_random(seed);
		break;
	case 2:
		desc->flags = next_random(seed);
		break;
	case 3:
		desc->next = next_random(seed);
		break;
	case 4:
		desc->addr = v->iova + v->ram_size - desc->len / 2;
		break;
	}
}

/* Flags are the last field, most often of one that is available in this round or the next. */
static void scribble_packed(struct vdpa *v, struct drv_ring *ring, uint64_t *seed)
{
	static const uint16_t marks[] = { 0x80, 0x80, 0x80, 0x80, 0x80, 0x8000, 0x8080 };
	uint32_t *event = ring->at.driver;
	unsigned int i;

	for (i = 0; i < NUM; i++) {
		struct vring_desc split;
		struct vring_packed_desc *d = &drv_packed_desc(ring)[i];

		scribble_desc(v, &split, NUM, seed);
		/* What is linked goes on with the next one: one bad piece spoils all of it. */
		if (next_random(seed) % 4)
			split.flags &= VRING_DESC_F_WRITE;
		*d = (struct vring_packed_desc) { split.addr, split.len, split.next, 0 };
		__atomic_store_n(&d->flags, split.flags ^ marks[next_random(seed) % 7],
				 __ATOMIC_RELEASE);
	}
	__atomic_store_n(event, next_random(seed) & 0x3ffff, __ATOMIC_RELEASE);
}

static void scribble_queue(struct vdpa *v, struct drv_ring *ring, uint64_t *seed)
{
	struct vring_avail *avail = drv_split_avail(ring);
	unsigned int i;

	if (ring->layout == &drv_packed) {
		scribble_packed(v, ring, seed);
		return;
	}
	for (i = 0; i < NUM; i++) {
		scribble_desc(v, &drv_split_desc(ring)[i], NUM, seed);
		avail->ring[i] = next_random(seed) % (next_random(seed) % 512 ? NUM : 65536);
	}
	*drv_split_used_event(ring) = next_random(seed);
	__atomic_store_n(&avail->idx, drv_split_used_idx(ring) + next_random(seed) % NUM,
			 __ATOMIC_RELEASE);
}

/* Contents of buffers and tables that may be commands, requests or descriptors. */
static void scribble_ram(struct vdpa *v, uint64_t *seed)
{
	unsigned int i;

	for (i = 0; i < 512; i++) {
		char *at = v->ram + next_random(seed) % (v->ram_size / 16) * 16;

		if (i & 1)
			scribble_desc(v, (struct vring_desc *)(void *)at, 16, seed);
		else
			memcpy(at, (uint8_t[]){ next_random(seed) % 6, next_random(seed) % 4, 0, 0,
						0, 0, 0, 0, next_random(seed) }, 9);
	}
}

/* Buffers that a queue used, or of a packed one whether there were any. */
static unsigned int used_by_device(struct vdpa *v, unsigned int index)
{
	if (v->vq[index].ring.layout == &drv_split)
		return drv_split_used_idx(&v->vq[index].ring);
	return vhost_get_vring_base(v->fd, index) >> 16 != 0x8000;
}

/* All queues at once, over and over, with memory that comes and goes; then a reset. */
static int fuzz(struct vdpa *v, uint64_t *seed, unsigned int *moved)
{
	const uint64_t part = v->ram_size / 4;
	unsigned int i, k;

	scribble_ram(v, seed);
	for (k = 0; k < 8; k++) {
		for (i = 0; i < v->nvqs; i++) {
			scribble_queue(v, &v->vq[i].ring, seed);
			event_signal(v->vq[i].kick);
		}
		if (!(k & 3)) {
			/* It had all of memory in one; from now on it has the rings alone. */
			vdpa_unmap(v->fd, 0, v->iova, v->ram_size);
			vdpa_map(v->fd, 0, v->iova, part, v->ram, VHOST_ACCESS_RW);
			vdpa_map(v->fd, 0, v->iova + 2 * part, part, v->ram, VHOST_ACCESS_RO);
		}
		sched_yield();
	}
	for (i = 0; i < v->nvqs; i++)
		*moved += used_by_device(v, i);
	return vdpa_restart(v);
}

FIXTURE(net) {
	struct vdpa_dev dev;
	struct vdpa v;
};

FIXTURE_VARIANT(net) {
	uint64_t features;
};

FIXTURE_VARIANT_ADD(net, split) { 0 };
FIXTURE_VARIANT_ADD(net, packed) { F_PACKED };

FIXTURE_SETUP(net)
{
	int ret = open_net(&self->dev, &self->v, "h0", variant->features);

	if (ret == -ENOENT)
		SKIP(return, "no simulator of network cards");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, vdpa_start(&self->v));
}

FIXTURE_TEARDOWN(net)
{
	vdpa_close(&self->v);
	vdpa_dev_del(&self->dev);
}

TEST_F_TIMEOUT(net, fuzz, STRESS_TIMEOUT)
{
	struct vdpa *v = &self->v;
	uint64_t end = now_ms() + stress_ms(1000), seed = now_us(), first = seed;
	unsigned int rounds, moved = 0;

	if (getenv("RINGSIDE_SEED"))
		seed = first = strtoull(getenv("RINGSIDE_SEED"), NULL, 0);
	for (rounds = 0; now_ms() < end || rounds < MIN_ROUNDS; rounds++) {
		ASSERT_EQ(0, fuzz(v, &seed, &moved)) {
			TH_LOG("RINGSIDE_SEED=%llu", (unsigned long long)first);
		}
		/* What commands did to the filter is gone with the reset; the address stays. */
		ASSERT_EQ(1, sim_echo(v, 0, sim_mac_all, 100, rounds)) {
			TH_LOG("RINGSIDE_SEED=%llu", (unsigned long long)first);
		}
		v->ram_used = v->ram_size / 8;
		ASSERT_EQ(0, vdpa_restart(v));
	}
	TH_LOG("%u rounds, %u buffers used", rounds, moved);
	EXPECT_LT(0u, moved);
}

FIXTURE(disk) {
	struct vdpa_dev dev;
	struct vdpa v;
};

FIXTURE_VARIANT(disk) {
	uint64_t features;
};

FIXTURE_VARIANT_ADD(disk, split) { 0 };
FIXTURE_VARIANT_ADD(disk, packed) { F_PACKED };

FIXTURE_SETUP(disk)
{
	const uint64_t features = VDPA_F_BASE | F_INDIRECT | F_EVENT_IDX | SIM_F_BLK_DISCARD |
				  SIM_F_BLK_ZEROES | SIM_F_BLK_MQ | variant->features;
	int ret = vdpa_dev_make(&self->dev, "vdpasim_blk", "h1", &(struct vdpa_attrs){
		.features = features, .max_vqp = 3 });

	vdpa_init(&self->v);
	if (ret == -ENOENT)
		SKIP(return, "no simulator of disks");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, vdpa_up(&self->v, self->dev.path, &(struct vdpa_config){
		.features = features, .num = NUM, .ram_size = 1 << 20 }));
	ASSERT_EQ(0, vdpa_start(&self->v));
}

FIXTURE_TEARDOWN(disk)
{
	vdpa_close(&self->v);
	vdpa_dev_del(&self->dev);
}

TEST_F_TIMEOUT(disk, fuzz, STRESS_TIMEOUT)
{
	struct vdpa *v = &self->v;
	uint64_t end = now_ms() + stress_ms(1000), seed = now_us(), first = seed;
	unsigned int rounds, moved = 0;

	if (getenv("RINGSIDE_SEED"))
		seed = first = strtoull(getenv("RINGSIDE_SEED"), NULL, 0);
	for (rounds = 0; now_ms() < end || rounds < MIN_ROUNDS; rounds++) {
		ASSERT_EQ(0, fuzz(v, &seed, &moved));
		ASSERT_EQ(0, vblk_check(v, rounds * 8, 4096, rounds)) {
			TH_LOG("RINGSIDE_SEED=%llu", (unsigned long long)first);
		}
		ASSERT_EQ(0, vdpa_restart(v));
	}
	TH_LOG("%u rounds, %u buffers used", rounds, moved);
	EXPECT_LT(0u, moved);
}

/* ---- a page that nobody delivers ---- */

/*
 * As libhold.h has it for vhost, whose helpers live in a network namespace of their own:
 * there is no vdpa family of netlink there.
 */
#define HOLD_SIZE	4096

struct hold {
	int uffd;
	char *page;
};

static int hold_open(struct hold *h)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range.len = HOLD_SIZE,
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	/* Without O_NONBLOCK it cannot be polled. */
	h->uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (h->uffd < 0)
		return -errno;
	h->page = mmap(NULL, HOLD_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (h->page == MAP_FAILED)
		return -errno;
	reg.range.start = (uintptr_t)h->page;
	if (ioctl(h->uffd, UFFDIO_API, &api) || ioctl(h->uffd, UFFDIO_REGISTER, &reg))
		return -errno;
	return 0;
}

static void hold_close(struct hold *h)
{
	close(h->uffd);
	munmap(h->page, HOLD_SIZE);
}

/* Wait until somebody waits for the page. */
static int hold_met(struct hold *h, unsigned int timeout_ms)
{
	struct pollfd p = { .fd = h->uffd, .events = POLLIN };

	return poll(&p, 1, timeout_ms) == 1 && (p.revents & POLLIN) ? 0 : -ETIMEDOUT;
}

static int hold_release(struct hold *h, const void *content, size_t len)
{
	static char page[HOLD_SIZE] __attribute__((aligned(HOLD_SIZE)));
	struct uffdio_copy copy = {
		.dst = (uintptr_t)h->page, .src = (uintptr_t)page, .len = HOLD_SIZE,
	};

	memcpy(page, content, len);
	return ioctl(h->uffd, UFFDIO_COPY, &copy) ? -errno : 0;
}

enum call { CALL_NONE, CALL_SUSPEND, CALL_RESET, CALL_GET_BASE, CALL_UNMAP, CALL_DISABLE, CALLS };

static int do_call(struct vdpa *v, enum call call)
{
	switch (call) {
	case CALL_SUSPEND:
		return vdpa_suspend(v->fd);
	case CALL_RESET:
		return vdpa_set_status(v->fd, 0);
	case CALL_GET_BASE:
		return vhost_get_vring_base(v->fd, NET_TX);
	case CALL_UNMAP:
		return vdpa_unmap(v->fd, 0, 0, 0);
	case CALL_DISABLE:
		return vdpa_set_vring_enable(v->fd, NET_TX, 0);
	default:
		return 0;
	}
}

struct watch {
	volatile int error;
	volatile bool held, returned;
};

/* A VMM whose device is held by a page, and who calls it then. */
static int vmm_held(const char *path, enum call call, struct watch *w, bool deliver)
{
	const uint64_t at = UINT64_C(0x200000000);
	char content[SIM_BUF];
	struct hold h;
	struct vdpa v;
	int ret = hold_open(&h);

	if (ret)
		return ret;
	ret = vdpa_up(&v, path, &(struct vdpa_config){ .features = F_ALL, .num = NUM });
	if (!ret)
		ret = vdpa_map(v.fd, 0, at, HOLD_SIZE, h.page, VHOST_ACCESS_RW);
	if (!ret)
		ret = vdpa_start(&v);
	if (!ret)
		ret = drv_ring_add1(&v.vq[NET_TX].ring, at, SIM_HDR + 100, false, &h);
	if (ret < 0)
		return ret;
	vdpa_kick(&v, NET_TX);
	ret = hold_met(&h, VDPA_TIMEOUT_MS);
	if (ret)
		return ret;
	w->held = true;
	if (deliver) {
		sim_frame(content, sim_mac, 100, 1);
		if (!fork()) {
			nap_us(50000);
			_exit(hold_release(&h, content, sizeof(content)));
		}
	}
	ret = do_call(&v, call);
	w->returned = true;
	if (!deliver)
		pause();
	/* Who delivered has the device open too, until he is gone. */
	wait(NULL);
	vdpa_close(&v);
	hold_close(&h);
	return ret < 0 ? ret : 0;
}

FIXTURE(held) {
	struct vdpa_dev dev;
	struct watch *w;
};

FIXTURE_SETUP(held)
{
	struct hold h;
	int ret = vdpa_dev_make(&self->dev, "vdpasim_net", "h2", &(struct vdpa_attrs){
		.mac = sim_mac, .features = F_ALL });

	if (ret == -ENOENT)
		SKIP(return, "no simulator of network cards");
	ASSERT_EQ(0, ret);
	/* Skipped tests are not torn down. */
	if (!sim_use_va() || hold_open(&h)) {
		vdpa_dev_del(&self->dev);
		SKIP(return, "nobody waits for pages: they are pinned, or there is no userfaultfd");
	}
	hold_close(&h);
	self->w = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

FIXTURE_TEARDOWN(held)
{
	vdpa_dev_del(&self->dev);
}

/* The next process finds a device that works. Tells what it has sent so far. */
static int works(FIXTURE_DATA(held) *self, long *packets, long *errors)
{
	struct vdpa v;
	int ret = vdpa_up(&v, self->dev.path,
			  &(struct vdpa_config){ .features = F_ALL, .num = NUM });

	if (!ret)
		ret = vdpa_start(&v);
	if (!ret)
		ret = sim_echo(&v, 0, sim_mac_all, 100, 1);
	*packets = sim_counter(&self->dev, NET_TX, "tx packets");
	*errors = sim_counter(&self->dev, NET_TX, "tx errors");
	vdpa_close(&v);
	return ret;
}

TEST_F_TIMEOUT(held, killed, 120)
{
	long packets, errors;
	unsigned int call;
	uint64_t start;
	int status;

	for (call = 0; call < CALLS; call++) {
		pid_t child;

		memset(self->w, 0, sizeof(*self->w));
		child = fork();
		if (!child) {
			self->w->error = vmm_held(self->dev.path, call, self->w, false);
			_exit(1);
		}
		while (!self->w->held && !self->w->error)
			nap_us(1000);
		ASSERT_EQ(0, self->w->error);
		nap_us(20000);
		start = now_ms();
		kill(child, SIGKILL);
		ASSERT_EQ(child, waitpid(child, &status, 0));
		EXPECT_GT(END_MS, now_ms() - start) {
			TH_LOG("call %u", call);
		}
		ASSERT_EQ(1, works(self, &packets, &errors)) {
			TH_LOG("call %u", call);
		}
	}
}

TEST_F_TIMEOUT(held, delivered, 120)
{
	long packets, errors;
	unsigned int call;
	int status;

	for (call = 0; call < CALLS; call++) {
		pid_t child;

		memset(self->w, 0, sizeof(*self->w));
		child = fork();
		if (!child) {
			self->w->error = vmm_held(self->dev.path, call, self->w, true);
			_exit(self->w->error ? 1 : 0);
		}
		ASSERT_EQ(child, waitpid(child, &status, 0));
		EXPECT_EQ(0, status) {
			TH_LOG("call %u: %d", call, self->w->error);
		}
		ASSERT_EQ(1, works(self, &packets, &errors));
		/* Whoever waited for the turn did not cut it short: the frame was read. */
		EXPECT_EQ(2 * (call + 1), packets) {
			TH_LOG("call %u", call);
		}
		EXPECT_EQ(0, errors);
	}
}

TEST_HARNESS_MAIN
