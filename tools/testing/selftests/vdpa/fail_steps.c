// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a device of each kind, call by call. For each call, the 1st, 2nd, 3rd ...
 * allocation or user copy in it fails: then it says so, works when it is repeated, and
 * the rest of the life goes on as if nothing had been. Nothing is left at the end.
 * Needs a kernel with fault injection.
 *
 * RINGSIDE_LOOPS is how many points of failure of a call are tried at most; those
 * between are left out evenly.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fail_life.h"
#include "libfail.h"
#include "libscsi.h"
#include "libvsock.h"
#include "test.h"

#define MOST		4000	/* no call here has that many points of failure */
#define CID		(VS_CID + 77)

static int step_net_backend(struct life *l)
{
	return vhost_net_set_backend(l->fd, 0, l->net.fd);
}

static int step_net_stop(struct life *l)
{
	return vhost_net_set_backend(l->fd, 0, -1);
}

static const struct step net_life[] = {
	VHOST_STEPS, { "net_set_backend", step_net_backend },
	{ "net_set_backend -1", step_net_stop }, VHOST_STEPS_END,
	{ "reset_owner", step_reset_owner }, { "close", step_close }, { NULL, NULL },
};

static int step_cid(struct life *l)
{
	return vs_set_cid(l->fd, CID);
}

static int step_num_1(struct life *l)
{
	return vhost_set_vring_num(l->fd, 1, NUM);
}

static int step_addr_1(struct life *l)
{
	uint64_t base = (uintptr_t)l->ram + 0x8000;
	struct vhost_vring_addr addr = { .index = 1, .desc_user_addr = base,
		.avail_user_addr = base + 0x1000, .used_user_addr = base + 0x2000 };

	return vhost_set_vring_addr(l->fd, &addr);
}

static int step_vsock_run(struct life *l)
{
	return vs_set_running(l->fd, 1);
}

static int step_vsock_stop(struct life *l)
{
	return vs_set_running(l->fd, 0);
}

static const struct step vsock_life[] = {
	VHOST_STEPS, { "set_guest_cid", step_cid }, { "set_vring_num 1", step_num_1 },
	{ "set_vring_addr 1", step_addr_1 }, { "set_running", step_vsock_run },
	{ "set_running 0", step_vsock_stop }, VHOST_STEPS_END,
	{ "close", step_close }, { NULL, NULL },
};

static int endpoint(struct life *l, unsigned long request)
{
	struct vhost_scsi_target t = { .vhost_wwpn = TARGET_WWN };
	int ret = vhost_ioctl(l->fd, request, &t);

	/* Done before, and we were not told. */
	return ret == -EEXIST || (request == VHOST_SCSI_CLEAR_ENDPOINT && ret == -ENODEV) ? 0 : ret;
}

static int step_endpoint(struct life *l)
{
	return endpoint(l, VHOST_SCSI_SET_ENDPOINT);
}

static int step_no_endpoint(struct life *l)
{
	return endpoint(l, VHOST_SCSI_CLEAR_ENDPOINT);
}

static int step_events_missed(struct life *l)
{
	uint32_t missed = 0;
	int ret = vhost_ioctl(l->fd, VHOST_SCSI_GET_EVENTS_MISSED, &missed);

	return ret ? ret : vhost_ioctl(l->fd, VHOST_SCSI_SET_EVENTS_MISSED, &missed);
}

static int step_abi(struct life *l)
{
	int version;

	return vhost_ioctl(l->fd, VHOST_SCSI_GET_ABI_VERSION, &version);
}

static int step_lun_add(struct life *l)
{
	int ret = target_lun_add(TARGET_WWN, "tpgt_0", 1, "disk");

	(void)l;
	return ret == -EEXIST ? 0 : ret;
}

static int step_lun_del(struct life *l)
{
	int ret = target_lun_del(TARGET_WWN, "tpgt_0", 1);

	(void)l;
	/* Several calls: it was one ahead of the last that failed. */
	return ret == -ENOENT ? 0 : ret == -ENOTEMPTY ? -EAGAIN : ret;
}

static const struct step scsi_life[] = {
	VHOST_STEPS, { "scsi_get_abi_version", step_abi },
	{ "scsi_set_endpoint", step_endpoint }, { "events_missed", step_events_missed },
	{ "configfs: add a LUN", step_lun_add }, { "configfs: remove it", step_lun_del },
	{ "scsi_clear_endpoint", step_no_endpoint }, VHOST_STEPS_END,
	{ "close", step_close }, { NULL, NULL },
};

/* A group with a nexus and a LUN, made and taken away; the storage is there. */
#define GROUP	"tpgt_1"

static int step_group_add(struct life *l)
{
	int ret = target_tpg_add(TARGET_WWN2, GROUP);

	(void)l;
	/* Whatever a fabric's module says, to the target core it is this. */
	return ret == -EINVAL ? -ENOMEM : ret;
}

static int step_nexus(struct life *l)
{
	(void)l;
	return target_nexus(TARGET_WWN2, GROUP, TARGET_NEXUS);
}

static int step_group_lun(struct life *l)
{
	int ret = target_lun_add(TARGET_WWN2, GROUP, 0, "disk");

	(void)l;
	/* Two calls: the directory may be all there is, and then has to go first. */
	if (ret)
		target_lun_del(TARGET_WWN2, GROUP, 0);
	return ret;
}

static int step_group_lun_del(struct life *l)
{
	int ret = target_lun_del(TARGET_WWN2, GROUP, 0);

	(void)l;
	return ret == -ENOENT ? 0 : ret == -ENOTEMPTY ? -EAGAIN : ret;
}

static int step_nexus_end(struct life *l)
{
	(void)l;
	return target_nexus(TARGET_WWN2, GROUP, "NULL");
}

static int step_group_del(struct life *l)
{
	(void)l;
	return target_tpg_del(TARGET_WWN2, GROUP);
}

static const struct step group_life[] = {
	{ "configfs: make a group", step_group_add }, { "configfs: nexus", step_nexus },
	{ "configfs: LUN", step_group_lun }, { "configfs: no LUN", step_group_lun_del },
	{ "configfs: no nexus", step_nexus_end }, { "configfs: no group", step_group_del },
	{ NULL, NULL },
};

/* ---- vdpa ---- */

static int step_status_driver(struct life *l)
{
	return vdpa_set_status(l->fd, VDPA_S_ACK | VDPA_S_DRIVER);
}

static int step_status_features(struct life *l)
{
	int ret = vdpa_set_status(l->fd, VDPA_S_ACK | VDPA_S_DRIVER | VDPA_S_FEATURES_OK);

	if (!ret)
		ret = vdpa_get_status(l->fd);
	return ret < 0 ? ret : ret & VDPA_S_FEATURES_OK ? 0 : -EPROTO;
}

static int step_status_ok(struct life *l)
{
	return vdpa_set_status(l->fd, VDPA_S_ACK | VDPA_S_DRIVER | VDPA_S_FEATURES_OK |
			       VDPA_S_DRIVER_OK);
}

static int step_status_reset(struct life *l)
{
	return vdpa_set_status(l->fd, 0);
}

/* All that can be asked, in one step. */
static int step_facts(struct life *l)
{
	uint64_t first, last;
	int (*const ask[])(int fd) = {
		vdpa_get_device_id, vdpa_get_config_size, vdpa_get_vqs_count, vdpa_get_vring_num,
		vdpa_get_group_num, vdpa_get_as_num,
	};
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_LEN(ask); i++) {
		ret = ask[i](l->fd);
		if (ret < 0)
			return ret;
	}
	ret = vdpa_get_vring_group(l->fd, 0);
	return ret < 0 ? ret : vdpa_get_iova_range(l->fd, &first, &last);
}

static int step_get_config(struct life *l)
{
	char buf[8];

	return vdpa_get_config(l->fd, 0, buf, sizeof(buf));
}

static int step_config_call(struct life *l)
{
	return vdpa_set_config_call(l->fd, l->event[2]);
}

static int step_asid(struct life *l)
{
	return vdpa_set_group_asid(l->fd, 0, 0);
}

/* What is mapped already is refused: it may be, and we were not told. */
static int step_map(struct life *l)
{
	int ret = vdpa_unmap(l->fd, 0, VDPA_IOVA, RAM_SIZE);

	return ret ? ret : vdpa_map(l->fd, 0, VDPA_IOVA, RAM_SIZE, l->ram, VHOST_ACCESS_RW);
}

static int step_map_many(struct life *l)
{
	int ret = vdpa_batch(l->fd, 0, true), end;
	unsigned int i;

	if (!ret)
		ret = vdpa_unmap(l->fd, 0, 2 * VDPA_IOVA, 65536);
	for (i = 0; !ret && i < 4; i++)
		ret = vdpa_map(l->fd, 0, 2 * VDPA_IOVA + i * 8192, 4096, l->ram + i * 4096,
			       VHOST_ACCESS_RW);
	end = vdpa_batch(l->fd, 0, false);
	return ret ? ret : end;
}

static int step_unmap(struct life *l)
{
	return vdpa_unmap(l->fd, 0, 2 * VDPA_IOVA, 65536);
}

static int step_enable(struct life *l)
{
	return vdpa_set_vring_enable(l->fd, 0, 1);
}

static int step_suspend(struct life *l)
{
	return vdpa_suspend(l->fd);
}

static int step_resume(struct life *l)
{
	return vdpa_resume(l->fd);
}

static int netlink(struct life *l, uint8_t cmd, unsigned int flags)
{
	struct vnl_req req;

	vnl_begin(&req, cmd, flags);
	if (!flags)
		vnl_put_str(&req, VDPA_ATTR_DEV_NAME, "steps");
	if (cmd == VDPA_CMD_DEV_VSTATS_GET)
		vnl_put_u32(&req, VDPA_ATTR_DEV_QUEUE_INDEX, 0);
	return vnl_do(&l->dev.nl, &req, NULL, NULL);
}

static int step_dev_add(struct life *l)
{
	struct vnl_req req;
	int ret;

	vnl_begin(&req, VDPA_CMD_DEV_NEW, 0);
	vnl_put_str(&req, VDPA_ATTR_DEV_NAME, "steps");
	vnl_put_str(&req, VDPA_ATTR_MGMTDEV_DEV_NAME, l->kind->mgmt);
	ret = vnl_do(&l->dev.nl, &req, NULL, NULL);
	/* Made, but we were not told. */
	if (ret && ret != -EEXIST)
		return ret;
	if (!vdpa_dev_find("steps", l->dev.path, sizeof(l->dev.path)))
		return 0;
	/* What failed was its driver's way to it. */
	vnl_dev_del(&l->dev.nl, "steps");
	return -EAGAIN;
}

static int step_dev_del(struct life *l)
{
	int ret = vnl_dev_del(&l->dev.nl, "steps");

	/* Gone, but we were not told. */
	return ret == -ENODEV ? 0 : ret;
}

static int step_attr_set(struct life *l)
{
	static const uint8_t mac[6] = { 0x02, 0, 0, 0, 0, 0x44 };
	struct vnl_req req;

	vnl_begin(&req, VDPA_CMD_DEV_ATTR_SET, 0);
	vnl_put_str(&req, VDPA_ATTR_DEV_NAME, "steps");
	vnl_put(&req, VDPA_ATTR_DEV_NET_CFG_MACADDR, mac, sizeof(mac));
	return vnl_do(&l->dev.nl, &req, NULL, NULL);
}

static const struct step mgmt_net_life[] = {
	{ "dev del", step_dev_del }, { "dev add", step_dev_add },
	{ "dev attr_set", step_attr_set }, { NULL, NULL },
};

static const struct step mgmt_blk_life[] = {
	{ "dev del", step_dev_del }, { "dev add", step_dev_add }, { NULL, NULL },
};

static int step_dev_get(struct life *l)
{
	return netlink(l, VDPA_CMD_DEV_GET, 0);
}

static int step_config_get(struct life *l)
{
	return netlink(l, VDPA_CMD_DEV_CONFIG_GET, 0);
}

/* How a list begins; what does not fit any more comes later. */
static int step_dev_dump(struct life *l)
{
	return netlink(l, VDPA_CMD_DEV_GET, NLM_F_DUMP);
}

static int step_mgmt_dump(struct life *l)
{
	return netlink(l, VDPA_CMD_MGMTDEV_GET, NLM_F_DUMP);
}

static const struct step vdpa_life[] = {
	{ "dev get", step_dev_get }, { "config get", step_config_get },
	{ "dev dump", step_dev_dump }, { "mgmtdev dump", step_mgmt_dump },
	{ "open", step_open }, { "set_owner", step_owner },
	{ "status: driver", step_status_driver }, { "get_features", step_get_features },
	{ "backend_features", step_backend_features }, { "set_group_asid", step_asid },
	{ "set_features", step_features }, { "status: features_ok", step_status_features },
	{ "facts", step_facts }, { "get_config", step_get_config },
	{ "set_config_call", step_config_call }, { "map", step_map },
	{ "map in a batch", step_map_many }, { "unmap", step_unmap },
	{ "set_vring_num", step_num }, { "set_vring_base", step_base },
	{ "set_vring_addr", step_addr }, { "set_vring_kick", step_kick },
	{ "set_vring_call", step_call }, { "status: driver_ok", step_status_ok },
	{ "set_vring_enable", step_enable }, { "suspend", step_suspend },
	{ "get_vring_base", step_get_base }, { "resume", step_resume },
	{ "status: reset", step_status_reset }, { "close", step_close }, { NULL, NULL },
};

/* ---- the sweep ---- */

/* Steps from @from up to @to; 0, or minus the number of the step that does not work. */
static int live(struct life *l, unsigned int from, unsigned int to, int *err)
{
	for (; from < to; from++) {
		*err = l->kind->step[from].call(l);
		if (*err)
			return -1 - (int)from;
	}
	return 0;
}

static bool expected(int err)
{
	return err == -ENOMEM || err == -EFAULT || err == -EAGAIN || err == -ENOBUFS ||
	       err == -EINTR;
}

/**
 * struct tally - what a sweep did
 * @steps: calls
 * @points: failures that were met
 * @refused: calls that failed from it
 */
struct tally {
	unsigned int steps;
	unsigned int points;
	unsigned int refused;
};

/* One life in which the nth failure hits one step. Returns if it did; -errno. */
static int one_point(struct life *l, unsigned int at, unsigned int nsteps, unsigned int nth,
		     int fd, struct tally *t)
{
	int err, ret = live(l, 0, at, &err), met;

	if (ret)
		goto bad;
	if (fail_arm(fd, nth))
		return -EBADF;
	err = l->kind->step[at].call(l);
	met = fail_met(fd);
	fail_arm(fd, 0);
	if (err && !(met && expected(err))) {
		printf("# %s, failure %u: %d\n", l->kind->step[at].name, nth, err);
		return -EIO;
	}
	t->points += met;
	t->refused += !!err;
	ret = live(l, at + !err, nsteps, &err);
	if (!ret)
		return met;
bad:
	printf("# %s gives %d (failure %u of %s)\n", l->kind->step[-1 - ret].name, err, nth,
	       l->kind->step[at].name);
	return -EIO;
}

static int sweep_step(struct life *l, unsigned int at, unsigned int nsteps, struct tally *t)
{
	const char *loops = getenv("RINGSIDE_LOOPS");
	unsigned int dense = loops ? strtoul(loops, NULL, 0) : 8, nth = 1;
	int fd = fail_open(), ret = fd < 0 ? fd : 1;

	while (ret > 0 && nth < MOST) {
		ret = one_point(l, at, nsteps, nth, fd, t);
		/* Every one at first, then one in so many. */
		nth += nth < dense ? 1 : 1 + nth / dense;
	}
	close(fd);
	t->steps++;
	return nth < MOST ? ret : -ELOOP;
}

FIXTURE(fail_steps) {
	struct life l;
	int workers;
};

FIXTURE_VARIANT(fail_steps) {
	struct kind kind;
};

FIXTURE_VARIANT_ADD(fail_steps, net) {
	{ .path = VHOST_NET_PATH, .features = F_VERSION_1, .step = net_life },
};
FIXTURE_VARIANT_ADD(fail_steps, vsock) {
	{ .path = VSOCK_PATH, .features = F_VERSION_1, .step = vsock_life },
};
FIXTURE_VARIANT_ADD(fail_steps, scsi) {
	{ .path = VHOST_SCSI_PATH, .features = F_VERSION_1, .step = scsi_life },
};
FIXTURE_VARIANT_ADD(fail_steps, scsi_group) {
	{ .path = VHOST_SCSI_PATH, .step = group_life },
};
FIXTURE_VARIANT_ADD(fail_steps, mgmt_net) {
	{ .mgmt = "vdpasim_net", .step = mgmt_net_life },
};
FIXTURE_VARIANT_ADD(fail_steps, mgmt_blk) {
	{ .mgmt = "vdpasim_blk", .step = mgmt_blk_life },
};
FIXTURE_VARIANT_ADD(fail_steps, vdpa_net) {
	{ .mgmt = "vdpasim_net", .features = VDPA_F_BASE, .step = vdpa_life },
};
FIXTURE_VARIANT_ADD(fail_steps, vdpa_blk) {
	{ .mgmt = "vdpasim_blk", .features = VDPA_F_BASE, .step = vdpa_life },
};

FIXTURE_SETUP(fail_steps)
{
	struct life *l = &self->l;
	unsigned int i;

	memset(l, 0, sizeof(*l));
	l->kind = &variant->kind;
	l->fd = -1;
	if (fail_ready())
		SKIP(return, "no fault injection in this kernel");
	if (l->kind->mgmt)
		ASSERT_EQ(0, net_ns_first());
	for (i = 0; i < ARRAY_LEN(l->event); i++)
		l->event[i] = event_new();
	l->ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, l->ram);
	if (l->kind->mgmt)
		ASSERT_EQ(0, vdpa_dev_make(&l->dev, l->kind->mgmt, "steps",
					   &(struct vdpa_attrs){}));
	if (l->kind->step == net_life) {
		ASSERT_EQ(0, net_ns_enter());
		ASSERT_EQ(0, net_backend_open(&l->net, NET_TAP, 12));
	}
	if (l->kind->step == scsi_life || l->kind->step == group_life) {
		ASSERT_EQ(0, target_init());
		ASSERT_EQ(0, target_simple());
	}
	self->workers = proc_all_workers();
}

FIXTURE_TEARDOWN(fail_steps)
{
	struct life *l = &self->l;

	/* A device that is in use cannot be removed. */
	if (l->fd >= 0)
		close(l->fd);
	EXPECT_EQ(self->workers, proc_wait_all_workers(self->workers, VMM_TIMEOUT_MS));
	if (l->kind->mgmt)
		vdpa_dev_del(&l->dev);
	if (l->kind->step == net_life)
		net_backend_close(&l->net);
	if (l->kind->step == scsi_life || l->kind->step == group_life)
		EXPECT_EQ(0, target_clean());
}

TEST_F_TIMEOUT(fail_steps, each_call_of_a_life, 1200)
{
	struct tally t = { 0 };
	unsigned int n = 0, i;
	int fds = proc_fds();

	while (self->l.kind->step[n].name)
		n++;
	for (i = 0; i < n; i++) {
		ASSERT_EQ(0, sweep_step(&self->l, i, n, &t)) {
			TH_LOG("%s", self->l.kind->step[i].name);
		}
	}
	TH_LOG("%u calls, %u points of failure, %u refused", t.steps, t.points, t.refused);
	EXPECT_EQ(n, t.steps);
	EXPECT_LT(n, t.points);
	EXPECT_LT(0u, t.refused);
	EXPECT_EQ(fds, proc_fds());
}

TEST_HARNESS_MAIN
