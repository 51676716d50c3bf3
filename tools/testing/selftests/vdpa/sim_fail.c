// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fail the 1st, 2nd, 3rd ... allocation while a simulator is made, threads included,
 * until it works: each failure is reported and leaves nothing. Needs a kernel with
 * fault injection.
 */
#include <unistd.h>

#include "libfail.h"
#include "libsim.h"
#include "test.h"

#define MOST	2000	/* no device has that many points of failure */

/* Does the device have all it needs? */
static int net_works(struct vdpa_dev *dev)
{
	struct vdpa v;
	int ret = vdpa_up(&v, dev->path, &(struct vdpa_config){ .features = SIM_F_NET, .num = 16 });

	if (!ret)
		ret = vdpa_start(&v);
	if (!ret)
		ret = sim_echo(&v, 0, sim_mac_all, 100, 1) == 1 ? 0 : -EIO;
	vdpa_close(&v);
	return ret;
}

static int blk_works(struct vdpa_dev *dev)
{
	struct vdpa v;
	int ret = vdpa_up(&v, dev->path, &(struct vdpa_config){ .features = VDPA_F_BASE });

	if (!ret)
		ret = vdpa_start(&v);
	if (!ret)
		ret = vblk_check(&v, 0, 512, 1);
	vdpa_close(&v);
	return ret;
}

static int new_failing(struct vnl *nl, const char *mgmt, int fd, int nth, bool *met)
{
	struct vnl_req req;
	int ret;

	vnl_begin(&req, VDPA_CMD_DEV_NEW, 0);
	vnl_put_str(&req, VDPA_ATTR_DEV_NAME, "f0");
	vnl_put_str(&req, VDPA_ATTR_MGMTDEV_DEV_NAME, mgmt);
	vnl_put_u16(&req, VDPA_ATTR_DEV_NET_CFG_MAX_VQP, 2);
	if (fail_arm(fd, nth))
		return -EIO;
	ret = vnl_do(nl, &req, NULL, NULL);
	*met = fail_met(fd);
	fail_arm(fd, 0);
	return ret;
}

FIXTURE(fail) {
};

FIXTURE_VARIANT(fail) {
	const char *mgmt;
	int (*works)(struct vdpa_dev *dev);
};

FIXTURE_VARIANT_ADD(fail, net) { "vdpasim_net", net_works };
FIXTURE_VARIANT_ADD(fail, blk) { "vdpasim_blk", blk_works };

FIXTURE_SETUP(fail)
{
	if (fail_ready())
		SKIP(return, "no fault injection in this kernel");
}

FIXTURE_TEARDOWN(fail)
{
}

/* Fails each allocation in turn of the thread whose fail-nth this is. */
static void sweep(struct __test_metadata *_metadata, const FIXTURE_VARIANT(fail) *variant, int fd,
		  unsigned int least)
{
	struct vdpa_dev dev;
	unsigned int nth, refused = 0;
	bool met = true;
	int ret;

	ASSERT_LE(0, fd);
	ret = vdpa_dev_make(&dev, variant->mgmt, "f0", &(struct vdpa_attrs){});
	if (ret == -ENOENT)
		SKIP(return, "no simulators");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, vnl_dev_del(&dev.nl, "f0"));
	for (nth = 1; met && nth < MOST; nth++) {
		ret = new_failing(&dev.nl, variant->mgmt, fd, nth, &met);
		if (!ret) {
			/*
			 * It was made; what failed was of no importance, its announcement,
			 * or the driver's way to it.
			 */
			if (!vdpa_dev_find("f0", dev.path, sizeof(dev.path))) {
				EXPECT_EQ(0, variant->works(&dev)) {
					TH_LOG("failure %u", nth);
				}
			}
			ASSERT_EQ(0, vnl_dev_del(&dev.nl, "f0"));
			continue;
		}
		/* What fails may be the copy of our request or of the answer. */
		EXPECT_TRUE(ret == -ENOMEM || ret == -ENOBUFS || ret == -EFAULT || ret == -EAGAIN) {
			TH_LOG("failure %u: %d", nth, ret);
		}
		refused++;
		/* Our answer may be what was lost, and the device there. */
		ret = vnl_dev_del(&dev.nl, "f0");
		ASSERT_TRUE(!ret || ret == -ENODEV);
	}
	close(fd);
	TH_LOG("%u points of failure, %u refused", nth - 1, refused);
	EXPECT_GT(MOST, nth);
	EXPECT_LT(least, refused);
	dev.name[0] = '\0';
	vdpa_dev_del(&dev);
}

TEST_F_TIMEOUT(fail, fault_055_no_thread_no_device, 300)
{
	sweep(_metadata, variant, fail_open(), 20);
}

/* The kernel's thread that makes threads has allocations of its own. */
TEST_F_TIMEOUT(fail, fault_055_threads_cannot_be_made, 300)
{
	sweep(_metadata, variant, fail_open_kthreadd(), 5);
}

TEST_HARNESS_MAIN
