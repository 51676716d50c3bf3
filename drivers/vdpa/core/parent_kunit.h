/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_VDPA_PARENT_KUNIT_H
#define RINGSIDE_VDPA_PARENT_KUNIT_H
/* A parent without queues to speak of, which can be told not to answer. */

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/vdpa.h>
#include <linux/vdpa_mgmt.h>

#define TEST_CONFIG_SIZE	96
#define TEST_FEATURES		GENMASK_ULL(40, 0)

/**
 * struct test_hold - a place where a thread is kept
 * @on: the next one to come by is kept
 * @there: it is there
 * @go: it may go on
 */
struct test_hold {
	bool on;
	struct completion there;
	struct completion go;
};

/**
 * struct test_parent - a management device and what its devices are like
 * @mgmt: the management device
 * @ids: what it makes
 * @device_id: what the next device is
 * @driver: which driver is to have it, NULL for none
 * @ops: of the next device
 * @add: within dev_add()
 * @get_config: within get_config()
 * @status: of all its devices
 * @features: accepted from all its devices
 * @set_features: how often somebody accepted some
 * @config: of all its devices
 * @last: what the last device was asked to be
 * @freed: devices that were freed
 */
struct test_parent {
	struct vdpa_mgmt_dev mgmt;
	u32 ids[3];
	u32 device_id;
	const char *driver;
	struct vdpa_ops ops;
	struct test_hold add;
	struct test_hold get_config;
	u8 status;
	u64 features;
	atomic_t set_features;
	u8 config[TEST_CONFIG_SIZE];
	struct vdpa_config last;
	atomic_t freed;
};

struct test_parent *test_parent_new(struct kunit *test, const char *name);
void test_parent_end(struct test_parent *parent);
void test_hold_next(struct test_hold *hold);

#endif
