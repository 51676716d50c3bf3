// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fail the 1st, 2nd, 3rd ... allocation or user copy inside one call, until it
 * succeeds: each failure must be reported, leave the device as it was, and the call
 * must work when it is repeated. Needs a kernel with fault injection.
 */
#include <sys/mman.h>

#include "libdirty.h"
#include "libfail.h"
#include "libscsi.h"
#include "libvsock.h"
#include "test.h"

#define MOST	200	/* no call here has that many points of failure */

struct fail_case {
	struct vmm *v;
	struct iommu *m;
	struct dirty_log *d;
	struct watch w;
	int fd;
	struct mem_table *t;
	int worker;
	struct vs_guest *g;
	struct scsi *s;
	bool kthreadd;
};

/*
 * Run call with the nth failure until none was used up any more. Returns how many
 * failures the call met, or -errno. after is run when a call has failed. With kthreadd
 * set, the failures are those of the thread that makes the kernel's threads.
 */
static int sweep(struct fail_case *c, int (*call)(struct fail_case *c),
		 int (*after)(struct fail_case *c))
{
	int fd = c->kthreadd ? fail_open_kthreadd() : fail_open(), nth, ret, failed = 0;
	bool used;

	if (fd < 0)
		return fd;
	for (nth = 1; nth <= MOST; nth++) {
		if (fail_arm(fd, nth))
			return -EBADF;
		ret = call(c);
		used = fail_met(fd);
		if (fail_arm(fd, 0))
			return -EBADF;
		if (ret && ret != -ENOMEM && ret != -EFAULT && ret != -EAGAIN) {
			printf("# failure %d: call gives %d\n", nth, ret);
			return -EIO;
		}
		failed += ret != 0;
		ret = ret ? after(c) : 0;
		if (ret) {
			printf("# after failure %d: %d\n", nth, ret);
			return ret;
		}
		if (!used)
			break;
	}
	close(fd);
	return nth > MOST ? -ELOOP : failed;
}

FIXTURE(fail_nth) {
	struct vmm v;
	struct mem_table t;
	struct fail_case c;
};

FIXTURE_SETUP(fail_nth)
{
	vmm_init(&self->v);
	self->c = (struct fail_case) { .v = &self->v, .t = &self->t, .fd = -1 };
	if (fail_ready())
		SKIP(return, "no /proc/self/fail-nth: kernel without fault injection");
	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, vmm_net_up(&self->v, &(struct vmm_config){ .features = F_VERSION_1 }));
	ASSERT_EQ(0, mem_table_init(&self->t));
}

FIXTURE_TEARDOWN(fail_nth)
{
	if (self->c.fd >= 0)
		close(self->c.fd);
	vmm_close(&self->v);
	mem_table_free(&self->t);
}

static int call_set_mem_table(struct fail_case *c)
{
	return mem_table_set(c->t, c->v->fd);
}

static int traffic_works(struct fail_case *c)
{
	return vmm_traffic_check(c->v);
}

/* Seed map 5.7: the plug is acknowledged to the guest whatever we say. */
TEST_F(fail_nth, set_mem_table)
{
	unsigned int i;
	int ret;

	mem_table_add(&self->t, 0, self->v.ram, self->v.ram_size);
	for (i = 0; i < 40; i++)
		mem_table_add(&self->t, (i + 1) * (UINT64_C(1) << 32), self->v.ram, 4096);
	ret = sweep(&self->c, call_set_mem_table, traffic_works);
	EXPECT_LT(0, ret) TH_LOG("%d", ret);
	EXPECT_EQ(0, mem_table_set(&self->t, self->v.fd));
	EXPECT_EQ(0, vmm_traffic_check(&self->v));
}

static int call_open_and_own(struct fail_case *c)
{
	int ret = vhost_open(VHOST_NET_PATH, 0);

	if (ret < 0)
		return ret;
	c->fd = ret;
	ret = c->kthreadd ? vhost_set_fork_from_owner(c->fd, VHOST_FORK_OWNER_KTHREAD) : 0;
	if (!ret)
		ret = vhost_set_owner(c->fd);
	close(c->fd);
	c->fd = -1;
	return ret;
}

static int no_worker_left(struct fail_case *c)
{
	/* If it is still there, it was its end that failed. */
	if (c->worker && vhost_free_worker(c->v->fd, c->worker))
		return -ENODEV;
	c->worker = 0;
	/* Only the one of the running device, which this thread owns too. */
	return proc_wait_workers(gettid(), 1, VMM_TIMEOUT_MS) == 1 ? 0 : -EBUSY;
}

TEST_F(fail_nth, open_and_set_owner)
{
	int ret = sweep(&self->c, call_open_and_own, no_worker_left);

	EXPECT_LT(0, ret) TH_LOG("%d", ret);
	EXPECT_EQ(0, call_open_and_own(&self->c));
	EXPECT_EQ(0, vmm_traffic_check(&self->v));
}

/* Workers that are the kernel's own threads are not made by the caller. */
TEST_F(fail_nth, set_owner_without_threads)
{
	int ret;

	self->c.kthreadd = true;
	ret = sweep(&self->c, call_open_and_own, no_worker_left);
	EXPECT_LT(2, ret) TH_LOG("%d", ret);
	EXPECT_EQ(0, call_open_and_own(&self->c));
	EXPECT_EQ(0, vmm_traffic_check(&self->v));
}

static int call_set_backend(struct fail_case *c)
{
	return vmm_start(c->v, VQ_TX);
}

static int queue_still_stopped(struct fail_case *c)
{
	return vhost_set_vring_num(c->v->fd, VQ_TX, c->v->vq[VQ_TX].ring.num);
}

TEST_F(fail_nth, set_backend)
{
	int ret = vmm_stop(&self->v, VQ_TX);

	ASSERT_EQ(0, ret);
	ret = sweep(&self->c, call_set_backend, queue_still_stopped);
	EXPECT_LE(0, ret) TH_LOG("%d", ret);
	EXPECT_EQ(0, vmm_start(&self->v, VQ_TX));
	EXPECT_EQ(0, vmm_traffic_check(&self->v));
}

static int call_set_events(struct fail_case *c)
{
	int ret = vhost_set_vring_kick(c->v->fd, VQ_TX, c->v->vq[VQ_TX].kick);

	if (!ret)
		ret = vhost_set_vring_call(c->v->fd, VQ_TX, c->v->vq[VQ_TX].call);
	return ret ? ret : vhost_set_vring_err(c->v->fd, VQ_TX, c->v->vq[VQ_TX].err);
}

TEST_F(fail_nth, set_eventfds)
{
	int ret = sweep(&self->c, call_set_events, traffic_works);

	EXPECT_LE(0, ret) TH_LOG("%d", ret);
	EXPECT_EQ(0, vmm_traffic_check(&self->v));
}

/* The RAM in one piece becomes two, or the other way about, with all in between. */
static int call_update(struct fail_case *c)
{
	uint64_t size = c->v->ram_size, half = size / 2;
	uintptr_t ram = (uintptr_t)c->v->ram;
	struct vhost_memory_region one = { 0, size, ram, 0 }, two[2] = {
		{ 0, half, ram, 0 }, { half, half, ram + half, 0 },
	};
	struct vhost_mem_update split = {
		.nremove = 1, .remove = (uintptr_t)&one, .nadd = 2, .add = (uintptr_t)two,
	}, join = {
		.nremove = 2, .remove = (uintptr_t)two, .nadd = 1, .add = (uintptr_t)&one,
	};
	int ret = vhost_ioctl(c->v->fd, VHOST_UPDATE_MEM_REGIONS, &split);

	return ret ? ret : vhost_ioctl(c->v->fd, VHOST_UPDATE_MEM_REGIONS, &join);
}

/* In one piece or in two, but whole: whichever it is, a table puts it right. */
static int ram_is_whole(struct fail_case *c)
{
	int ret = vmm_traffic_check(c->v);

	return ret ? ret : vmm_set_mem(c->v);
}

TEST_F(fail_nth, update_mem_regions)
{
	int ret = sweep(&self->c, call_update, ram_is_whole);

	EXPECT_LT(0, ret) TH_LOG("%d", ret);
	EXPECT_EQ(0, call_update(&self->c));
	EXPECT_EQ(0, vmm_traffic_check(&self->v));
}

static int call_worker(struct fail_case *c)
{
	int ret = vhost_new_worker(c->v->fd);

	if (ret < 0)
		return ret;
	/* Number 0 serves the queues. */
	c->worker = ret;
	ret = vhost_free_worker(c->v->fd, c->worker);
	if (!ret)
		c->worker = 0;
	return ret;
}

TEST_F(fail_nth, new_and_free_worker)
{
	int ret = sweep(&self->c, call_worker, no_worker_left);

	EXPECT_LT(0, ret) TH_LOG("%d", ret);
	EXPECT_EQ(0, call_worker(&self->c));
	EXPECT_EQ(0, no_worker_left(&self->c));
	EXPECT_EQ(0, vmm_traffic_check(&self->v));
}

/* ---- device IOTLB and dirty log ---- */

FIXTURE(fail_iommu) {
	struct iommu m;
	struct dirty_log d;
	struct fail_case c;
};

FIXTURE_SETUP(fail_iommu)
{
	vmm_init(&self->m.v);
	self->m.memfd = -1;
	self->m.device = MAP_FAILED;
	self->c = (struct fail_case) {
		.v = &self->m.v, .m = &self->m, .d = &self->d, .fd = -1,
	};
	if (fail_ready())
		SKIP(return, "no /proc/self/fail-nth: kernel without fault injection");
	ASSERT_EQ(0, net_ns_enter());
	ASSERT_EQ(0, iommu_up(&self->m, &(struct iommu_config){
			.features = F_VERSION_1, .whole = true }));
	ASSERT_EQ(0, dirty_init(&self->d, IOMMU_GPA + self->m.v.ram_size, 0));
	ASSERT_EQ(0, iommu_map_all(&self->m));
	ASSERT_EQ(0, iommu_start(&self->m));
	ASSERT_EQ(0, vmm_traffic_check(&self->m.v));
}

FIXTURE_TEARDOWN(fail_iommu)
{
	watch_free(&self->c.w);
	iommu_close(&self->m);
	dirty_free(&self->d);
}

/*
 * Pieces out of the middle of a mapping, each of which leaves two, and back in: so many
 * that what the device keeps of earlier mappings is not enough for them.
 */
static int call_iotlb_split(struct fail_case *c)
{
	struct iommu *m = c->m;
	unsigned int i;
	int ret = 0;

	for (i = 1; i < 40 && !ret; i += 2)
		ret = iotlb_send(m->v.fd, m->v2, VHOST_IOTLB_UPDATE, m->iova + i * IOMMU_PAGE,
				 IOMMU_PAGE, (uintptr_t)m->page[i], VHOST_ACCESS_RW);
	if (!ret)
		ret = iotlb_send(m->v.fd, m->v2, VHOST_IOTLB_INVALIDATE,
				 UINT64_C(0x700000000000), IOMMU_PAGE, 0, 0);
	return ret ? ret : iommu_map_all(m);
}

static int iommu_traffic_works(struct fail_case *c)
{
	int ret = iommu_map_all(c->m);

	return ret ? ret : vmm_traffic_check(c->v);
}

/* What is mapped stays mapped, and no part of it is lost. */
static int nothing_unmapped(struct fail_case *c)
{
	struct vhost_iotlb_msg m;
	int ret = vmm_tx_check(c->v, 1000, 1);

	if (!ret && iotlb_recv(c->v->fd, c->m->v2, &m, 0) != -ETIMEDOUT)
		ret = -EPROTO;
	return ret ? ret : iommu_traffic_works(c);
}

TEST_F(fail_iommu, iotlb_update)
{
	int ret = sweep(&self->c, call_iotlb_split, nothing_unmapped);

	EXPECT_LT(0, ret) TH_LOG("%d", ret);
	EXPECT_EQ(0, call_iotlb_split(&self->c));
	EXPECT_EQ(0, iommu_traffic_works(&self->c));
}

static int call_log_on_and_off(struct fail_case *c)
{
	int ret;

	watch_free(&c->w);
	ret = watch_log_on(&c->w, c->m, c->d);
	return ret ? ret : watch_log_off(&c->w);
}

TEST_F(fail_iommu, log_on_and_off)
{
	int ret = sweep(&self->c, call_log_on_and_off, iommu_traffic_works);

	EXPECT_LE(0, ret) TH_LOG("%d", ret);
	EXPECT_EQ(0, call_log_on_and_off(&self->c));
	EXPECT_EQ(0, iommu_traffic_works(&self->c));
}

/* ---- sockets ---- */

#define OTHER_CID	(VS_CID + 1)

FIXTURE(fail_vsock) {
	struct vs_guest g;
	struct fail_case c;
};

FIXTURE_SETUP(fail_vsock)
{
	if (fail_ready())
		SKIP(return, "no /proc/self/fail-nth: kernel without fault injection");
	ASSERT_EQ(0, vs_up(&self->g, &(struct vs_config){ 0 }));
	ASSERT_EQ(0, vs_serve(&self->g));
	self->c = (struct fail_case) { .g = &self->g, .fd = vs_connect(SOCK_STREAM, VS_CID, 1234) };
	ASSERT_LE(0, self->c.fd);
}

FIXTURE_TEARDOWN(fail_vsock)
{
	close(self->c.fd);
	EXPECT_EQ(0, self->g.errors);
	vs_close(&self->g);
}

static int connection_works(struct fail_case *c)
{
	return vs_echo(c->fd, 3000, 1000, 1);
}

/* One more device, with an address of its own. */
static int call_vsock_device(struct fail_case *c)
{
	int fd = vhost_open(VSOCK_PATH, 0), ret;

	(void)c;
	if (fd < 0)
		return fd;
	ret = vs_set_cid(fd, OTHER_CID);
	if (!ret)
		ret = vhost_set_owner(fd);
	close(fd);
	return ret;
}

/* Nobody has its address any more. */
static int address_is_free(struct fail_case *c)
{
	int fd = vhost_open(VSOCK_PATH, 0), ret;

	if (fd < 0)
		return fd;
	ret = vs_set_cid(fd, OTHER_CID);
	close(fd);
	return ret ? ret : connection_works(c);
}

TEST_F(fail_vsock, open_address_and_owner)
{
	int ret = sweep(&self->c, call_vsock_device, address_is_free);

	EXPECT_LT(0, ret) TH_LOG("%d", ret);
	EXPECT_EQ(0, call_vsock_device(&self->c));
	EXPECT_EQ(0, connection_works(&self->c));
}

/* The address it has, once more: there is no moment without one. */
static int call_set_cid(struct fail_case *c)
{
	return vs_set_cid(c->g->v->fd, VS_CID);
}

TEST_F(fail_vsock, set_guest_cid)
{
	int ret = sweep(&self->c, call_set_cid, connection_works);

	EXPECT_LT(0, ret) TH_LOG("%d", ret);
	EXPECT_EQ(0, connection_works(&self->c));
}

static int call_stop_and_start(struct fail_case *c)
{
	int ret = vs_set_running(c->g->v->fd, 0);

	return ret ? ret : vs_set_running(c->g->v->fd, 1);
}

/* It runs, or it does not: that it is to run is true of both. */
static int may_run(struct fail_case *c)
{
	int ret = vs_set_running(c->g->v->fd, 1);

	return ret ? ret : connection_works(c);
}

TEST_F(fail_vsock, stop_and_start)
{
	int ret = sweep(&self->c, call_stop_and_start, may_run);

	EXPECT_LT(0, ret) TH_LOG("%d", ret);
	EXPECT_EQ(0, may_run(&self->c));
}

/* ---- disks ---- */

FIXTURE(fail_scsi) {
	struct scsi s;
	struct fail_case c;
};

FIXTURE_SETUP(fail_scsi)
{
	if (fail_ready())
		SKIP(return, "no /proc/self/fail-nth: kernel without fault injection");
	ASSERT_EQ(0, target_init());
	ASSERT_EQ(0, target_simple());
	ASSERT_EQ(0, scsi_up(&self->s, &(struct scsi_config){ .features = F_VERSION_1 }));
	self->c = (struct fail_case) { .s = &self->s, .fd = -1 };
}

FIXTURE_TEARDOWN(fail_scsi)
{
	scsi_close(&self->s);
	EXPECT_EQ(0, target_clean());
}

static int call_scsi_device(struct fail_case *c)
{
	int fd = vhost_open(VHOST_SCSI_PATH, 0), ret;

	(void)c;
	if (fd < 0)
		return fd;
	ret = vhost_set_owner(fd);
	close(fd);
	return ret;
}

static int call_endpoint(struct fail_case *c)
{
	int ret = scsi_set_endpoint(c->s, TARGET_WWN);

	return ret ? ret : scsi_clear_endpoint(c->s, TARGET_WWN);
}

/*
 * If it was set, it was the end that failed. Then nothing of it is left: its group could
 * go, and whoever wants it has it.
 */
static int disk_works(struct fail_case *c)
{
	int ret = scsi_clear_endpoint(c->s, TARGET_WWN);

	if (!ret)
		ret = target_lun_del(TARGET_WWN, "tpgt_0", 0);
	if (!ret)
		ret = target_nexus(TARGET_WWN, "tpgt_0", "NULL");
	if (!ret)
		ret = target_nexus(TARGET_WWN, "tpgt_0", TARGET_NEXUS);
	if (!ret)
		ret = target_lun_add(TARGET_WWN, "tpgt_0", 0, "disk");
	if (!ret)
		ret = scsi_set_endpoint(c->s, TARGET_WWN);
	if (!ret)
		ret = scsi_ready(c->s, 0, 0);
	return ret ? ret : scsi_clear_endpoint(c->s, TARGET_WWN);
}

TEST_F(fail_scsi, open_and_set_owner)
{
	int ret = sweep(&self->c, call_scsi_device, disk_works);

	EXPECT_LT(0, ret) TH_LOG("%d", ret);
	EXPECT_EQ(0, disk_works(&self->c));
}

TEST_F(fail_scsi, endpoint)
{
	int ret = sweep(&self->c, call_endpoint, disk_works);

	EXPECT_LT(0, ret) TH_LOG("%d", ret);
	EXPECT_EQ(0, disk_works(&self->c));
}

TEST_HARNESS_MAIN
