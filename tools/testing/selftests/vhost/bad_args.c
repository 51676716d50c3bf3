// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every call with every argument out of range, one after the other, to a device in
 * every state it can be in: the documented errno, and a device that has not changed.
 */
#include <fcntl.h>
#include <pthread.h>

#include "libdirty.h"
#include "test.h"

#define PAGE	IOMMU_PAGE

/* A queue's index and a number, as the first eight bytes of an argument. */
#define IDX(i, n)	((uint64_t)(uint32_t)(i) | (uint64_t)(uint32_t)(n) << 32)

enum state { OPENED, OWNED, READY, RUNNING, LOGGING, BEHIND_IOMMU, BROKEN };

#define OWNER		0x0	/* -EPERM for everybody else */
#define ANYONE		0x1	/* may call it, owner or not, owned or not */
#define NEEDS_OWNER	0x2	/* -EINVAL, not -EPERM, while there is none */

struct bad {
	const char *what;
	unsigned long cmd;
	uint64_t arg[5];
	int want;		/* while no queue runs */
	int want_running;
	unsigned int flags;
};

#define NO_EVENT	0	/* standard input: a file, and no eventfd */
#define NO_FILE		1000

/* The same in all states; another answer while queues run. */
#define ALWAYS(err, who)	(err), (err), (who)
#define OR_BUSY(err)		(err), -EBUSY, OWNER

static const struct bad bad[] = {
	{ "size 0", VHOST_SET_VRING_NUM, { IDX(0, 0) }, OR_BUSY(-EINVAL) },
	{ "size 3", VHOST_SET_VRING_NUM, { IDX(1, 3) }, OR_BUSY(-EINVAL) },
	{ "size 65536", VHOST_SET_VRING_NUM, { IDX(0, 65536) }, OR_BUSY(-EINVAL) },
	{ "size 2^31", VHOST_SET_VRING_NUM, { IDX(0, 1u << 31) }, OR_BUSY(-EINVAL) },
	{ "base 65536", VHOST_SET_VRING_BASE, { IDX(0, 65536) }, OR_BUSY(-EINVAL) },
	{ "base -1", VHOST_SET_VRING_BASE, { IDX(1, -1) }, OR_BUSY(-EINVAL) },
	{ "flag 1", VHOST_SET_VRING_ADDR, { IDX(0, 2) }, ALWAYS(-EOPNOTSUPP, OWNER) },
	{ "flag 31", VHOST_SET_VRING_ADDR, { IDX(0, 1u << 31) }, ALWAYS(-EOPNOTSUPP, OWNER) },
	{ "desc % 16", VHOST_SET_VRING_ADDR, { 0, PAGE + 8, PAGE, PAGE }, ALWAYS(-EINVAL, OWNER) },
	{ "used % 4", VHOST_SET_VRING_ADDR, { 0, PAGE, PAGE + 2, PAGE }, ALWAYS(-EINVAL, OWNER) },
	{ "avail % 2", VHOST_SET_VRING_ADDR, { 0, PAGE, PAGE, PAGE + 1 }, ALWAYS(-EINVAL, OWNER) },
	{ "log % 4", VHOST_SET_VRING_ADDR, { 0, PAGE, PAGE, PAGE, 2 }, ALWAYS(-EINVAL, OWNER) },
	{ "no file", VHOST_SET_VRING_KICK, { IDX(0, NO_FILE) }, ALWAYS(-EBADF, OWNER) },
	{ "no file", VHOST_SET_VRING_CALL, { IDX(0, NO_FILE) }, ALWAYS(-EBADF, OWNER) },
	{ "no file", VHOST_SET_VRING_ERR, { IDX(0, -2) }, ALWAYS(-EBADF, OWNER) },
	{ "no eventfd", VHOST_SET_VRING_KICK, { IDX(0, NO_EVENT) }, ALWAYS(-EINVAL, OWNER) },
	{ "no eventfd", VHOST_SET_VRING_CALL, { IDX(0, NO_EVENT) }, ALWAYS(-EINVAL, OWNER) },
	{ "no eventfd", VHOST_SET_VRING_ERR, { IDX(0, NO_EVENT) }, ALWAYS(-EINVAL, OWNER) },
	{ "endian 2", VHOST_SET_VRING_ENDIAN, { IDX(0, 2) }, OR_BUSY(-EINVAL) },
	{ "no file", VHOST_NET_SET_BACKEND, { IDX(0, NO_FILE) }, ALWAYS(-ENOTSOCK, OWNER) },
	{ "no socket", VHOST_NET_SET_BACKEND, { IDX(1, NO_EVENT) }, ALWAYS(-ENOTSOCK, OWNER) },
	{ "all bits", VHOST_SET_FEATURES, { UINT64_MAX }, ALWAYS(-EOPNOTSUPP, ANYONE) },
	{ "not offered", VHOST_SET_FEATURES, { F_NOTIF_DATA }, ALWAYS(-EOPNOTSUPP, ANYONE) },
	{ "all bits", VHOST_SET_BACKEND_FEATURES, { UINT64_MAX }, ALWAYS(-EOPNOTSUPP, ANYONE) },
	{ "word 2", VHOST_SET_FEATURES_ARRAY, { 3, 0, 0, 1 }, ALWAYS(-EOPNOTSUPP, ANYONE) },
	{ "2^27 words", VHOST_SET_FEATURES_ARRAY, { 1 << 27 }, ALWAYS(-E2BIG, ANYONE) },
	{ "2^64 words", VHOST_SET_FEATURES_ARRAY, { UINT64_MAX }, ALWAYS(-E2BIG, ANYONE) },
	{ "2^61 words", VHOST_GET_FEATURES_ARRAY, { UINT64_C(1) << 61 }, ALWAYS(-E2BIG, ANYONE) },
	{ "2^32 - 1 regions", VHOST_SET_MEM_TABLE, { UINT32_MAX }, ALWAYS(-E2BIG, OWNER) },
	{ "padding", VHOST_SET_MEM_TABLE, { IDX(0, 1) }, ALWAYS(-EOPNOTSUPP, OWNER) },
	{ "flags", VHOST_UPDATE_MEM_REGIONS, { 1 }, ALWAYS(-EOPNOTSUPP, OWNER) },
	{ "2^32 - 1 gone", VHOST_UPDATE_MEM_REGIONS, { IDX(0, -1) }, ALWAYS(-E2BIG, OWNER) },
	{ "2^32 - 1 new", VHOST_UPDATE_MEM_REGIONS, { 0, UINT32_MAX }, ALWAYS(-E2BIG, OWNER) },
	{ "no address", VHOST_UPDATE_MEM_REGIONS, { IDX(0, 1) }, ALWAYS(-EFAULT, OWNER) },
	{ "no file", VHOST_SET_LOG_FD, { (uint32_t)NO_FILE }, ALWAYS(-EBADF, OWNER) },
	{ "no eventfd", VHOST_SET_LOG_FD, { NO_EVENT }, ALWAYS(-EINVAL, OWNER) },
	{ "unknown", VHOST_FREE_WORKER, { 12345 }, ALWAYS(-ENODEV, NEEDS_OWNER) },
	{ "unknown", VHOST_FREE_WORKER, { UINT32_MAX }, ALWAYS(-ENODEV, NEEDS_OWNER) },
	{ "attached", VHOST_FREE_WORKER, { 0 }, ALWAYS(-EBUSY, NEEDS_OWNER) },
	{ "unknown", VHOST_ATTACH_VRING_WORKER, { IDX(0, 12345) }, ALWAYS(-ENODEV, NEEDS_OWNER) },
	{ "once more", VHOST_SET_OWNER, { 0 }, ALWAYS(-EBUSY, ANYONE) },
	{ "owned", VHOST_SET_FORK_FROM_OWNER, { 0 }, ALWAYS(-EBUSY, ANYONE) },
	{ "no call", _IO(VHOST_VIRTIO, 0xff), { 0 }, ALWAYS(-ENOTTY, OWNER) },
	{ "other size", _IOW(VHOST_VIRTIO, 0x10, uint64_t[2]), { 0 }, ALWAYS(-ENOTTY, OWNER) },
};

/* Their arguments begin with a queue's index. */
static const struct {
	unsigned long cmd;
	unsigned int flags;
} vring_calls[] = {
	{ VHOST_SET_VRING_NUM, OWNER }, { VHOST_SET_VRING_ADDR, OWNER },
	{ VHOST_SET_VRING_BASE, OWNER }, { VHOST_GET_VRING_BASE, OWNER },
	{ VHOST_SET_VRING_ENDIAN, OWNER }, { VHOST_GET_VRING_ENDIAN, OWNER },
	{ VHOST_SET_VRING_KICK, OWNER }, { VHOST_SET_VRING_CALL, OWNER },
	{ VHOST_SET_VRING_ERR, OWNER }, { VHOST_SET_VRING_BUSYLOOP_TIMEOUT, OWNER },
	{ VHOST_GET_VRING_BUSYLOOP_TIMEOUT, OWNER }, { VHOST_NET_SET_BACKEND, OWNER },
	{ VHOST_ATTACH_VRING_WORKER, NEEDS_OWNER }, { VHOST_GET_VRING_WORKER, NEEDS_OWNER },
};

/* All that have an argument in memory, beside the above. */
static const struct {
	unsigned long cmd;
	unsigned int flags;
} memory_calls[] = {
	{ VHOST_GET_FEATURES, ANYONE }, { VHOST_SET_FEATURES, ANYONE },
	{ VHOST_GET_FEATURES_ARRAY, ANYONE }, { VHOST_SET_FEATURES_ARRAY, ANYONE },
	{ VHOST_GET_BACKEND_FEATURES, ANYONE }, { VHOST_SET_BACKEND_FEATURES, ANYONE },
	{ VHOST_SET_MEM_TABLE, OWNER }, { VHOST_UPDATE_MEM_REGIONS, OWNER },
	{ VHOST_SET_LOG_BASE, OWNER }, { VHOST_SET_LOG_FD, OWNER },
	{ VHOST_NEW_WORKER, NEEDS_OWNER }, { VHOST_FREE_WORKER, NEEDS_OWNER },
	{ VHOST_GET_FORK_FROM_OWNER, ANYONE },
};

FIXTURE(bad_args) {
	struct iommu m;
	struct vmm *v;
	struct dirty_log d;
	struct watch w;
	int workers, fds;
};

FIXTURE_VARIANT(bad_args) {
	enum state state;
};

FIXTURE_VARIANT_ADD(bad_args, opened) { OPENED };
FIXTURE_VARIANT_ADD(bad_args, owned) { OWNED };
FIXTURE_VARIANT_ADD(bad_args, ready) { READY };
FIXTURE_VARIANT_ADD(bad_args, running) { RUNNING };
FIXTURE_VARIANT_ADD(bad_args, logging) { LOGGING };
FIXTURE_VARIANT_ADD(bad_args, behind_iommu) { BEHIND_IOMMU };
FIXTURE_VARIANT_ADD(bad_args, broken) { BROKEN };

static bool runs(enum state state)
{
	return state >= RUNNING;
}

/* A transmit queue that has given up: a head that is none. */
static int break_queue(struct vmm *v)
{
	drv_split_push_raw(&v->vq[VQ_TX].ring, v->vq[VQ_TX].ring.num, 1);
	event_signal(v->vq[VQ_TX].kick);
	return vmm_ring_error(v, VQ_TX, VMM_TIMEOUT_MS) ? 0 : -ETIMEDOUT;
}

static int enter_state(FIXTURE_DATA(bad_args) *self, enum state state)
{
	int ret;

	if (state < READY) {
		self->v->fd = ret = vhost_open(VHOST_NET_PATH, 0);
		return ret < 0 || state == OPENED ? ret : vhost_set_owner(self->v->fd);
	}
	ret = iommu_up(&self->m, &(struct iommu_config){
		.plain = state != BEHIND_IOMMU, .features = F_VERSION_1, .num = 64 });
	if (!ret && state == BEHIND_IOMMU)
		ret = iommu_map_all(&self->m);
	if (!ret && runs(state))
		ret = iommu_start(&self->m);
	if (!ret && state == LOGGING)
		ret = dirty_init(&self->d, IOMMU_GPA + self->v->ram_size, 0);
	if (!ret && state == LOGGING)
		ret = watch_log_on(&self->w, &self->m, &self->d);
	if (!ret && runs(state))
		ret = vmm_traffic_check(self->v);
	return ret || state != BROKEN ? ret : break_queue(self->v);
}

FIXTURE_SETUP(bad_args)
{
	int fd;

	self->v = &self->m.v;
	vmm_init(self->v);
	self->m.device = MAP_FAILED;
	self->m.memfd = -1;
	ASSERT_EQ(0, net_ns_enter());
	/* What NO_EVENT means does not depend on who started us. */
	fd = open("/dev/null", O_RDWR);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, dup2(fd, 0));
	close(fd);
	ASSERT_LE(0, enter_state(self, variant->state));
	self->workers = proc_all_workers();
	self->fds = proc_fds();
}

FIXTURE_TEARDOWN(bad_args)
{
	iommu_close(&self->m);
	dirty_free(&self->d);
	watch_free(&self->w);
}

/* What a call of this kind gives in this state, if "want" is what it gives the owner. */
static int wanted(enum state state, unsigned int flags, int want)
{
	if (state != OPENED || flags & ANYONE)
		return want;
	return flags & NEEDS_OWNER ? -EINVAL : -EPERM;
}

/* As far as can be seen, nothing has happened to the device. */
static int unchanged(FIXTURE_DATA(bad_args) *self, enum state state)
{
	struct vmm *v = self->v;
	int ret;

	if (proc_all_workers() != self->workers || proc_fds() != self->fds) {
		printf("# %d workers instead of %d, %d files instead of %d\n",
		       proc_all_workers(), self->workers, proc_fds(), self->fds);
		return -EMFILE;
	}
	if (state == BROKEN) {
		/* Still broken, and nothing has come of the other queue. */
		event_signal(v->vq[VQ_TX].kick);
		nap_us(10000);
		return vmm_rx_check(v, 200, 1);
	}
	if (state == READY) {
		ret = iommu_start(&self->m);
		self->fds = proc_fds();
		return ret ? ret : vmm_traffic_check(v);
	}
	return runs(state) ? vmm_traffic_check(v) : 0;
}

TEST_F(bad_args, values)
{
	enum state state = variant->state;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		const struct bad *b = &bad[i];
		int want = runs(state) ? b->want_running : b->want;
		uint64_t arg[8] = { 0 };

		/* In this state they do what they are for. */
		if (state == OPENED && (b->cmd == VHOST_SET_OWNER ||
					b->cmd == VHOST_SET_FORK_FROM_OWNER))
			continue;
		memcpy(arg, b->arg, sizeof(b->arg));
		EXPECT_EQ(wanted(state, b->flags, want), vhost_ioctl(self->v->fd, b->cmd, arg))
			TH_LOG("call %#lx: %s", b->cmd, b->what);
	}
	EXPECT_EQ(0, unchanged(self, state));
}

TEST_F(bad_args, queues_that_are_not_there)
{
	static const uint32_t index[] = { 2, 3, 0x7fffffff, 0x80000000, UINT32_MAX };
	enum state state = variant->state;
	unsigned int i, k;

	for (i = 0; i < ARRAY_LEN(vring_calls); i++) {
		for (k = 0; k < ARRAY_LEN(index); k++) {
			uint64_t arg[8] = { IDX(index[k], -1) };

			EXPECT_EQ(wanted(state, vring_calls[i].flags, -ENOBUFS),
				  vhost_ioctl(self->v->fd, vring_calls[i].cmd, arg))
				TH_LOG("call %#lx, queue %u", vring_calls[i].cmd, index[k]);
		}
	}
	EXPECT_EQ(0, unchanged(self, state));
}

TEST_F(bad_args, pointers)
{
	void *const where[] = {
		NULL, (void *)UNMAPPED_ADDR, (void *)KERNEL_ADDR, (void *)-PAGE, (void *)-1,
	};
	enum state state = variant->state;
	unsigned int i, k;

	for (k = 0; k < ARRAY_LEN(where); k++) {
		for (i = 0; i < ARRAY_LEN(vring_calls); i++) {
			EXPECT_EQ(wanted(state, vring_calls[i].flags, -EFAULT),
				  vhost_ioctl(self->v->fd, vring_calls[i].cmd, where[k]))
				TH_LOG("call %#lx, %p", vring_calls[i].cmd, where[k]);
		}
		for (i = 0; i < ARRAY_LEN(memory_calls); i++) {
			EXPECT_EQ(wanted(state, memory_calls[i].flags, -EFAULT),
				  vhost_ioctl(self->v->fd, memory_calls[i].cmd, where[k]))
				TH_LOG("call %#lx, %p", memory_calls[i].cmd, where[k]);
		}
	}
	EXPECT_EQ(0, unchanged(self, state));
}

/* Messages, in states that have a device IOTLB and in those that have none. */
TEST_F(bad_args, messages)
{
	enum state state = variant->state;
	uint64_t at = UINT64_C(0x700000000000);
	int want = state == BEHIND_IOMMU ? -EINVAL : -EFAULT, fd = self->v->fd;
	union iotlb_wire w;

	/* Not a message at all: no state can make a difference. */
	memset(&w, 0, sizeof(w));
	EXPECT_EQ(-EINVAL, iotlb_write(fd, &w, sizeof(w)));
	iotlb_fill(&w, true, VHOST_IOTLB_UPDATE, at, PAGE, (uintptr_t)&w, VHOST_ACCESS_RW);
	EXPECT_EQ(-EINVAL, iotlb_write(fd, &w, 8));
	EXPECT_EQ(-EINVAL, iotlb_write(fd, &w, 1));
	EXPECT_EQ(want, iotlb_send(fd, true, VHOST_IOTLB_UPDATE, at, 0, 0, VHOST_ACCESS_RW));
	EXPECT_EQ(want, iotlb_send(fd, true, VHOST_IOTLB_INVALIDATE, at, 0, 0, 0));
	EXPECT_EQ(want, iotlb_send(fd, true, VHOST_IOTLB_UPDATE, at, PAGE, (uintptr_t)&w, 0));
	EXPECT_EQ(-EFAULT, iotlb_send(fd, true, VHOST_IOTLB_UPDATE, at, PAGE, KERNEL_ADDR, 1));
	/* Batches were not agreed on. */
	EXPECT_EQ(want, iotlb_send(fd, true, VHOST_IOTLB_BATCH_BEGIN, 0, 0, 0, 0));
	EXPECT_EQ(want, iotlb_send(fd, true, VHOST_IOTLB_BATCH_END, 0, 0, 0, 0));
	EXPECT_EQ(0, unchanged(self, state));
}

TEST_HARNESS_MAIN
