// SPDX-License-Identifier: GPL-2.0-only
/* What operators say to the vdpa family, and what they are told. */
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>

#include "libvdpa.h"
#include "test.h"

#define NET	"vdpasim_net"
#define BLK	"vdpasim_blk"
#define BIT(n)	(UINT64_C(1) << (n))

static const uint8_t a_mac[6] = { 0x02, 0, 0, 0, 0x12, 0x34 };

FIXTURE(mgmt)
{
	struct vnl nl;
};

FIXTURE_SETUP(mgmt)
{
	if (modules_load("vdpa_sim_net vdpa_sim_blk"))
		SKIP(return, "no simulators");
	/* Devices without a driver are what these tests are about. */
	module_unload("virtio_vdpa");
	ASSERT_EQ(0, vnl_open(&self->nl));
}

/* Devices of a test that failed would be in the way of the next. */
FIXTURE_TEARDOWN(mgmt)
{
	char name[8];
	int i;

	for (i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "t%d", i);
		vnl_dev_del(&self->nl, name);
	}
	vnl_close(&self->nl);
}

static void begin_new(struct vnl_req *req, const char *mgmt, const char *name)
{
	vnl_begin(req, VDPA_CMD_DEV_NEW, 0);
	vnl_put_str(req, VDPA_ATTR_DEV_NAME, name);
	vnl_put_str(req, VDPA_ATTR_MGMTDEV_DEV_NAME, mgmt);
}

/* What was answered, for requests with one answer. */
struct seen {
	unsigned int count;
	char name[64];
	char mgmt[64];
	uint64_t classes, features, offered;
	uint64_t id, vendor, max_vqs, max_size, min_size;
	uint8_t mac[6];
	uint64_t mtu, max_vqp, capacity, blk_size;
	bool has_mac, has_mtu, has_vqp, has_status, has_negotiated, has_blk_size;
};

static void see(const struct vnl_answer *a, void *arg)
{
	struct seen *s = arg;
	const struct nlattr *mac = a->attr[VDPA_ATTR_DEV_NET_CFG_MACADDR];

	*s = (struct seen) {
		.count = s->count + 1,
		.classes = vnl_num(a, VDPA_ATTR_MGMTDEV_SUPPORTED_CLASSES),
		.features = vnl_num(a, VDPA_ATTR_DEV_SUPPORTED_FEATURES),
		.offered = vnl_num(a, VDPA_ATTR_DEV_FEATURES),
		.id = vnl_num(a, VDPA_ATTR_DEV_ID),
		.vendor = vnl_num(a, VDPA_ATTR_DEV_VENDOR_ID),
		.max_vqs = vnl_num(a, VDPA_ATTR_DEV_MAX_VQS),
		.max_size = vnl_num(a, VDPA_ATTR_DEV_MAX_VQ_SIZE),
		.min_size = vnl_num(a, VDPA_ATTR_DEV_MIN_VQ_SIZE),
		.mtu = vnl_num(a, VDPA_ATTR_DEV_NET_CFG_MTU),
		.max_vqp = vnl_num(a, VDPA_ATTR_DEV_NET_CFG_MAX_VQP),
		.capacity = vnl_num(a, VDPA_ATTR_DEV_BLK_CFG_CAPACITY),
		.blk_size = vnl_num(a, VDPA_ATTR_DEV_BLK_CFG_BLK_SIZE),
		.has_mac = mac,
		.has_mtu = vnl_has(a, VDPA_ATTR_DEV_NET_CFG_MTU),
		.has_vqp = vnl_has(a, VDPA_ATTR_DEV_NET_CFG_MAX_VQP),
		.has_status = vnl_has(a, VDPA_ATTR_DEV_NET_STATUS),
		.has_negotiated = vnl_has(a, VDPA_ATTR_DEV_NEGOTIATED_FEATURES),
		.has_blk_size = vnl_has(a, VDPA_ATTR_DEV_BLK_CFG_BLK_SIZE),
	};
	snprintf(s->name, sizeof(s->name), "%s", vnl_str(a, VDPA_ATTR_DEV_NAME));
	snprintf(s->mgmt, sizeof(s->mgmt), "%s", vnl_str(a, VDPA_ATTR_MGMTDEV_DEV_NAME));
	if (mac)
		memcpy(s->mac, (const char *)mac + NLA_HDRLEN, sizeof(s->mac));
}

static uint64_t supported(struct vnl *nl, const char *mgmt)
{
	struct seen s = { 0 };

	vnl_get(nl, VDPA_CMD_MGMTDEV_GET, mgmt, see, &s);
	return s.features;
}

TEST_F(mgmt, management_devices)
{
	struct seen s = { 0 };
	struct vnl_req req;

	ASSERT_EQ(0, vnl_get(&self->nl, VDPA_CMD_MGMTDEV_GET, NET, see, &s));
	EXPECT_EQ(1, s.count);
	EXPECT_STREQ(NET, s.mgmt);
	EXPECT_EQ(BIT(VIRTIO_ID_NET), s.classes);
	EXPECT_NE(0, s.features & BIT(VIRTIO_F_VERSION_1));
	ASSERT_EQ(0, vnl_get(&self->nl, VDPA_CMD_MGMTDEV_GET, BLK, see, &s));
	EXPECT_EQ(BIT(VIRTIO_ID_BLOCK), s.classes);

	EXPECT_EQ(-ENODEV, vnl_get(&self->nl, VDPA_CMD_MGMTDEV_GET, "none", see, &s));
	EXPECT_STRNE("", self->nl.extack);
	vnl_begin(&req, VDPA_CMD_MGMTDEV_GET, 0);
	EXPECT_EQ(-EINVAL, vnl_do(&self->nl, &req, see, &s));
	/* It is on no bus. */
	vnl_put_str(&req, VDPA_ATTR_MGMTDEV_DEV_NAME, NET);
	vnl_put_str(&req, VDPA_ATTR_MGMTDEV_BUS_NAME, "pci");
	EXPECT_EQ(-ENODEV, vnl_do(&self->nl, &req, see, &s));
	s.count = 0;
	EXPECT_EQ(0, vnl_dump(&self->nl, VDPA_CMD_MGMTDEV_GET, see, &s));
	EXPECT_LE(2, s.count);
}

TEST_F(mgmt, made_shown_removed)
{
	struct seen s = { 0 };

	ASSERT_EQ(0, vnl_dev_new(&self->nl, NET, "t0"));
	EXPECT_EQ(-EEXIST, vnl_dev_new(&self->nl, BLK, "t0"));
	ASSERT_EQ(0, vnl_get(&self->nl, VDPA_CMD_DEV_GET, "t0", see, &s));
	EXPECT_EQ(1, s.count);
	EXPECT_STREQ("t0", s.name);
	EXPECT_STREQ(NET, s.mgmt);
	EXPECT_EQ(VIRTIO_ID_NET, s.id);
	EXPECT_LE(2, s.max_vqs);
	EXPECT_LE(s.min_size, s.max_size);
	EXPECT_EQ(0, access("/sys/bus/vdpa/devices/t0/driver_override", W_OK));
	ASSERT_EQ(0, vnl_dev_new(&self->nl, BLK, "t1"));
	s.count = 0;
	ASSERT_EQ(0, vnl_dump(&self->nl, VDPA_CMD_DEV_GET, see, &s));
	EXPECT_EQ(2, s.count);
	ASSERT_EQ(0, vnl_dev_del(&self->nl, "t0"));
	EXPECT_EQ(-ENODEV, vnl_dev_del(&self->nl, "t0"));
	EXPECT_STRNE("", self->nl.extack);
	EXPECT_EQ(-ENODEV, vnl_get(&self->nl, VDPA_CMD_DEV_GET, "t0", see, &s));
	EXPECT_NE(0, access("/sys/bus/vdpa/devices/t0", F_OK));
	/* The name is free again. */
	ASSERT_EQ(0, vnl_dev_new(&self->nl, BLK, "t0"));
}

TEST_F(mgmt, names)
{
	static const char * const bad[] = { "", ".", "..", "a/b", "a b", "a\n", "\x80" };
	char name[257] = { 0 };
	struct vnl_req req;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		EXPECT_EQ(-EINVAL, vnl_dev_new(&self->nl, NET, bad[i])) {
			printf("# name '%s'\n", bad[i]);
		}
	}
	/* What sysfs has in the place of the device already. */
	EXPECT_EQ(-EEXIST, vnl_dev_new(&self->nl, NET, "uevent"));
	/* Longer than any file's name, and one that does not end. */
	memset(name, 'x', sizeof(name) - 1);
	EXPECT_EQ(-EINVAL, vnl_dev_new(&self->nl, NET, name));
	vnl_begin(&req, VDPA_CMD_DEV_NEW, 0);
	vnl_put_str(&req, VDPA_ATTR_MGMTDEV_DEV_NAME, NET);
	vnl_put(&req, VDPA_ATTR_DEV_NAME, "t0", 2);
	EXPECT_EQ(-EINVAL, vnl_do(&self->nl, &req, NULL, NULL));
	vnl_begin(&req, VDPA_CMD_DEV_NEW, 0);
	vnl_put_str(&req, VDPA_ATTR_DEV_NAME, "t0");
	EXPECT_EQ(-EINVAL, vnl_do(&self->nl, &req, NULL, NULL));
	EXPECT_EQ(-ENODEV, vnl_dev_new(&self->nl, "none", "t0"));
}

/* More devices than fit into one message. */
TEST_F(mgmt, long_lists)
{
	enum { MANY = 40 };
	struct seen s = { 0 };
	char name[64];
	int i, err = 0;

	for (i = 0; i < MANY && !err; i++) {
		snprintf(name, sizeof(name), "a-device-with-a-name-of-some-length-%d", i);
		err = vnl_dev_new(&self->nl, BLK, name);
	}
	EXPECT_EQ(0, err);
	EXPECT_EQ(0, vnl_dump(&self->nl, VDPA_CMD_DEV_GET, see, &s));
	EXPECT_EQ(MANY, s.count);
	/* In several parts, the end not counted. */
	EXPECT_LT(2, self->nl.reads);
	s.count = 0;
	EXPECT_EQ(0, vnl_dump(&self->nl, VDPA_CMD_DEV_CONFIG_GET, see, &s));
	EXPECT_EQ(MANY, s.count);
	EXPECT_LT(2, self->nl.reads);
	while (i-- > 0) {
		snprintf(name, sizeof(name), "a-device-with-a-name-of-some-length-%d", i);
		EXPECT_EQ(0, vnl_dev_del(&self->nl, name));
	}
}

TEST_F(mgmt, net_config_as_asked)
{
	uint64_t features = BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_ACCESS_PLATFORM) |
			    BIT(VIRTIO_NET_F_MAC) | BIT(VIRTIO_NET_F_MTU);
	struct seen s = { 0 };
	struct vnl_req req;

	begin_new(&req, NET, "t0");
	vnl_put(&req, VDPA_ATTR_DEV_NET_CFG_MACADDR, a_mac, sizeof(a_mac));
	vnl_put_u16(&req, VDPA_ATTR_DEV_NET_CFG_MTU, 1400);
	vnl_put_u64(&req, VDPA_ATTR_DEV_FEATURES, features);
	ASSERT_EQ(0, vnl_do(&self->nl, &req, NULL, NULL)) {
		printf("# %s\n", self->nl.extack);
	}
	ASSERT_EQ(0, vnl_get(&self->nl, VDPA_CMD_DEV_CONFIG_GET, "t0", see, &s));
	EXPECT_EQ(VIRTIO_ID_NET, s.id);
	EXPECT_EQ(features, s.offered);
	EXPECT_EQ(0, memcmp(a_mac, s.mac, sizeof(a_mac)));
	EXPECT_EQ(1400, s.mtu);
	/* Nobody has it. */
	EXPECT_FALSE(s.has_negotiated);
}

TEST_F(mgmt, fault_141_values_that_are_not_offered)
{
	uint64_t features = BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_ACCESS_PLATFORM);
	struct seen s = { 0 };
	struct vnl_req req;

	begin_new(&req, NET, "t0");
	vnl_put_u64(&req, VDPA_ATTR_DEV_FEATURES, features);
	ASSERT_EQ(0, vnl_do(&self->nl, &req, NULL, NULL));
	ASSERT_EQ(0, vnl_get(&self->nl, VDPA_CMD_DEV_CONFIG_GET, "t0", see, &s));
	EXPECT_EQ(features, s.offered);
	EXPECT_FALSE(s.has_mac);
	EXPECT_FALSE(s.has_mtu);
	EXPECT_FALSE(s.has_vqp);
	EXPECT_FALSE(s.has_status);
	begin_new(&req, BLK, "t1");
	vnl_put_u64(&req, VDPA_ATTR_DEV_FEATURES, features);
	ASSERT_EQ(0, vnl_do(&self->nl, &req, NULL, NULL)) {
		printf("# %s\n", self->nl.extack);
	}
	ASSERT_EQ(0, vnl_get(&self->nl, VDPA_CMD_DEV_CONFIG_GET, "t1", see, &s));
	EXPECT_FALSE(s.has_blk_size);
	EXPECT_NE(0, s.capacity);
}

/* A request for a new device, with one thing given besides its names. */
static int new_with(struct vnl *nl, const char *mgmt, unsigned int attr, const void *data,
		    size_t len, const uint64_t *features)
{
	struct vnl_req req;
	int err;

	begin_new(&req, mgmt, "t0");
	if (features)
		vnl_put_u64(&req, VDPA_ATTR_DEV_FEATURES, *features);
	if (attr)
		vnl_put(&req, attr, data, len);
	err = vnl_do(nl, &req, NULL, NULL);
	if (!err)
		vnl_dev_del(nl, "t0");
	return err;
}

TEST_F(mgmt, fault_139_values_without_their_feature)
{
	const uint64_t bare = BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_ACCESS_PLATFORM);
	uint64_t all = supported(&self->nl, NET), more;
	uint16_t mtu = 1400, two = 2;
	struct vnl *nl = &self->nl;

	EXPECT_EQ(-EINVAL, new_with(nl, NET, VDPA_ATTR_DEV_NET_CFG_MACADDR, a_mac, 6, &bare));
	EXPECT_STRNE("", nl->extack);
	EXPECT_EQ(-EINVAL, new_with(nl, NET, VDPA_ATTR_DEV_NET_CFG_MTU, &mtu, 2, &bare));
	EXPECT_STRNE("", nl->extack);
	EXPECT_EQ(-EINVAL, new_with(nl, NET, VDPA_ATTR_DEV_NET_CFG_MAX_VQP, &two, 2, &bare));
	EXPECT_STRNE("", nl->extack);
	/* A feature that there is not. */
	ASSERT_NE(UINT64_MAX, all);
	more = all | (~all & -~all);
	EXPECT_EQ(-EINVAL, new_with(nl, NET, 0, NULL, 0, &more));
	EXPECT_STRNE("", nl->extack);
	EXPECT_EQ(0, new_with(nl, NET, 0, NULL, 0, &bare));
}

TEST_F(mgmt, fault_139_impossible_values)
{
	static const uint8_t multicast[6] = { 0x01, 0, 0x5e, 0, 0, 1 }, zero[6];
	uint16_t mtu = 67, none = 0;
	struct vnl *nl = &self->nl;

	EXPECT_EQ(-ERANGE, new_with(nl, NET, VDPA_ATTR_DEV_NET_CFG_MTU, &mtu, 2, NULL));
	EXPECT_STRNE("", nl->extack);
	EXPECT_EQ(-EINVAL, new_with(nl, NET, VDPA_ATTR_DEV_NET_CFG_MAX_VQP, &none, 2, NULL));
	EXPECT_STRNE("", nl->extack);
	EXPECT_EQ(-EINVAL, new_with(nl, NET, VDPA_ATTR_DEV_NET_CFG_MACADDR, multicast, 6, NULL));
	EXPECT_STRNE("", nl->extack);
	EXPECT_EQ(-EINVAL, new_with(nl, NET, VDPA_ATTR_DEV_NET_CFG_MACADDR, zero, 6, NULL));
	EXPECT_EQ(-ERANGE, new_with(nl, NET, VDPA_ATTR_DEV_NET_CFG_MACADDR, a_mac, 5, NULL));
	EXPECT_EQ(-ERANGE, new_with(nl, NET, VDPA_ATTR_DEV_NET_CFG_MACADDR, a_mac, 7, NULL));
	/* What only answers carry, and what no kernel knows. */
	EXPECT_EQ(-EINVAL, new_with(nl, NET, VDPA_ATTR_DEV_ID, "\1\0\0", 4, NULL));
	EXPECT_EQ(-EINVAL, new_with(nl, NET, VDPA_ATTR_MAX + 1, "\1\0\0", 4, NULL));
}

TEST_F(mgmt, fault_139_values_of_another_kind)
{
	uint16_t mtu = 1400;
	uint64_t capacity = 2048;
	struct vnl *nl = &self->nl;

	EXPECT_EQ(-EOPNOTSUPP, new_with(nl, BLK, VDPA_ATTR_DEV_NET_CFG_MTU, &mtu, 2, NULL));
	EXPECT_STRNE("", nl->extack);
	EXPECT_EQ(-EOPNOTSUPP, new_with(nl, BLK, VDPA_ATTR_DEV_NET_CFG_MACADDR, a_mac, 6, NULL));
	EXPECT_EQ(-EOPNOTSUPP, new_with(nl, NET, VDPA_ATTR_DEV_BLK_CFG_CAPACITY, &capacity, 8,
					NULL));
	EXPECT_STRNE("", nl->extack);
}

static int set_with(struct vnl *nl, const char *name, unsigned int attr, const void *data,
		    size_t len)
{
	struct vnl_req req;

	vnl_begin(&req, VDPA_CMD_DEV_ATTR_SET, 0);
	vnl_put_str(&req, VDPA_ATTR_DEV_NAME, name);
	if (attr)
		vnl_put(&req, attr, data, len);
	return vnl_do(nl, &req, NULL, NULL);
}

TEST_F(mgmt, fault_140_changes_that_cannot_be)
{
	static const uint8_t multicast[6] = { 0x01, 0, 0x5e, 0, 0, 1 };
	uint16_t mtu = 1400;
	struct vnl *nl = &self->nl;
	struct seen s = { 0 };

	ASSERT_EQ(0, vnl_dev_new(nl, NET, "t0"));
	ASSERT_EQ(0, vnl_dev_new(nl, BLK, "t1"));
	EXPECT_EQ(-EOPNOTSUPP, set_with(nl, "t0", VDPA_ATTR_DEV_NET_CFG_MACADDR, multicast, 6));
	EXPECT_STRNE("", nl->extack);
	EXPECT_EQ(-EOPNOTSUPP, set_with(nl, "t0", VDPA_ATTR_DEV_NET_CFG_MTU, &mtu, 2));
	EXPECT_STRNE("", nl->extack);
	EXPECT_EQ(-EOPNOTSUPP, set_with(nl, "t0", 0, NULL, 0));
	EXPECT_EQ(-EOPNOTSUPP, set_with(nl, "t1", VDPA_ATTR_DEV_NET_CFG_MACADDR, a_mac, 6));
	EXPECT_STRNE("", nl->extack);
	EXPECT_EQ(-ENODEV, set_with(nl, "t2", VDPA_ATTR_DEV_NET_CFG_MACADDR, a_mac, 6));

	EXPECT_EQ(0, set_with(nl, "t0", VDPA_ATTR_DEV_NET_CFG_MACADDR, a_mac, 6));
	ASSERT_EQ(0, vnl_get(nl, VDPA_CMD_DEV_CONFIG_GET, "t0", see, &s));
	EXPECT_EQ(0, memcmp(a_mac, s.mac, sizeof(a_mac)));
}

static int vstats(struct vnl *nl, const char *name, uint32_t index)
{
	struct vnl_req req;

	vnl_begin(&req, VDPA_CMD_DEV_VSTATS_GET, 0);
	vnl_put_str(&req, VDPA_ATTR_DEV_NAME, name);
	vnl_put_u32(&req, VDPA_ATTR_DEV_QUEUE_INDEX, index);
	return vnl_do(nl, &req, NULL, NULL);
}

TEST_F(mgmt, fault_140_statistics_of_no_queue)
{
	struct vnl *nl = &self->nl;
	struct vnl_req req;

	ASSERT_EQ(0, vnl_dev_new(nl, NET, "t0"));
	EXPECT_EQ(-ERANGE, vstats(nl, "t0", 65536));
	EXPECT_STRNE("", nl->extack);
	EXPECT_EQ(-ERANGE, vstats(nl, "t0", UINT32_MAX));
	/* A queue there is, but nobody to use it. */
	EXPECT_EQ(-EAGAIN, vstats(nl, "t0", 0));
	EXPECT_STRNE("", nl->extack);
	EXPECT_EQ(-ENODEV, vstats(nl, "t1", 0));
	vnl_begin(&req, VDPA_CMD_DEV_VSTATS_GET, 0);
	vnl_put_str(&req, VDPA_ATTR_DEV_NAME, "t0");
	EXPECT_EQ(-EINVAL, vnl_do(nl, &req, NULL, NULL));
}

/* Without the capability: the socket's and the caller's both count. */
static int as_nobody(void)
{
	struct vnl nl;
	struct seen s = { 0 };

	if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
		return 1;
	if (vnl_open(&nl))
		return 2;
	if (vnl_dump(&nl, VDPA_CMD_MGMTDEV_GET, see, &s) || !s.count)
		return 3;
	if (vnl_get(&nl, VDPA_CMD_DEV_CONFIG_GET, "t0", see, &s))
		return 4;
	if (vnl_dev_new(&nl, NET, "t1") != -EPERM)
		return 5;
	if (vnl_dev_del(&nl, "t0") != -EPERM)
		return 6;
	if (vstats(&nl, "t0", 0) != -EPERM)
		return 7;
	if (set_with(&nl, "t0", VDPA_ATTR_DEV_NET_CFG_MACADDR, a_mac, 6) != -EPERM)
		return 8;
	return 0;
}

/* In another network namespace there is no such family. */
static int elsewhere(void)
{
	struct vnl nl;

	if (unshare(CLONE_NEWNET))
		return 1;
	return vnl_open(&nl) == -ENOENT ? 0 : 2;
}

static int in_child(int (*fn)(void))
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(fn());
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

TEST_F(mgmt, fault_139_who_may)
{
	ASSERT_EQ(0, vnl_dev_new(&self->nl, NET, "t0"));
	EXPECT_EQ(0, in_child(as_nobody));
	EXPECT_EQ(0, in_child(elsewhere));
	EXPECT_EQ(0, vnl_dev_del(&self->nl, "t0"));
}

/* Commands that take a request, given one that is a list's, and the other way round. */
TEST_F(mgmt, commands_that_are_none)
{
	static const uint8_t no_list[] = { VDPA_CMD_DEV_NEW, VDPA_CMD_DEV_DEL,
					   VDPA_CMD_DEV_VSTATS_GET, VDPA_CMD_DEV_ATTR_SET };
	struct vnl_req req;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(no_list); i++)
		EXPECT_EQ(-EOPNOTSUPP, vnl_dump(&self->nl, no_list[i], NULL, NULL));
	vnl_begin(&req, VDPA_CMD_MGMTDEV_NEW, 0);
	EXPECT_EQ(-EOPNOTSUPP, vnl_do(&self->nl, &req, NULL, NULL));
	vnl_begin(&req, VDPA_CMD_DEV_ATTR_SET + 1, 0);
	EXPECT_EQ(-EOPNOTSUPP, vnl_do(&self->nl, &req, NULL, NULL));
}

TEST_F(mgmt, block_device_as_asked)
{
	struct seen s = { 0 };
	struct vnl_req req;
	uint32_t odd = 1000;

	begin_new(&req, BLK, "t0");
	vnl_put_u64(&req, VDPA_ATTR_DEV_BLK_CFG_CAPACITY, 4096);
	vnl_put_u32(&req, VDPA_ATTR_DEV_BLK_CFG_BLK_SIZE, 4096);
	ASSERT_EQ(0, vnl_do(&self->nl, &req, NULL, NULL)) {
		printf("# %s\n", self->nl.extack);
	}
	ASSERT_EQ(0, vnl_get(&self->nl, VDPA_CMD_DEV_CONFIG_GET, "t0", see, &s));
	EXPECT_EQ(4096, s.capacity);
	EXPECT_EQ(4096, s.blk_size);
	EXPECT_EQ(0, vnl_dev_del(&self->nl, "t0"));
	EXPECT_EQ(-EINVAL, new_with(&self->nl, BLK, VDPA_ATTR_DEV_BLK_CFG_BLK_SIZE, &odd, 4, NULL));
	EXPECT_STRNE("", self->nl.extack);
}

TEST_HARNESS_MAIN
