// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices, management devices and modules come and go while others look at them.
 * Whoever looks is shown what there is, or told that it is not there.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvdpa.h"
#include "test.h"

#define LOOKERS	3

/* What somebody may be told about a thing that is there now and then. */
struct looker {
	pthread_t thread;
	atomic_bool *stop;
	unsigned long rounds, shown;
	int unexpected;
	char what[320];
};

static void count(const struct vnl_answer *a, void *arg)
{
	struct looker *l = arg;

	(void)a;
	l->shown++;
}

static void expect(struct looker *l, struct vnl *nl, const char *what, int err, int other)
{
	if (!err || err == -ENODEV || err == other || l->unexpected)
		return;
	l->unexpected = err;
	snprintf(l->what, sizeof(l->what), "%s: %s", what, nl->extack);
}

static int vstats(struct vnl *nl, const char *name)
{
	struct vnl_req req;

	vnl_begin(&req, VDPA_CMD_DEV_VSTATS_GET, 0);
	vnl_put_str(&req, VDPA_ATTR_DEV_NAME, name);
	vnl_put_u32(&req, VDPA_ATTR_DEV_QUEUE_INDEX, 0);
	return vnl_do(nl, &req, NULL, NULL);
}

static void *look(void *arg)
{
	struct looker *l = arg;
	struct vnl nl;

	if (vnl_open(&nl)) {
		l->unexpected = -1;
		return NULL;
	}
	while (!atomic_load(l->stop)) {
		expect(l, &nl, "mgmtdev show", vnl_dump(&nl, VDPA_CMD_MGMTDEV_GET, count, l), 0);
		expect(l, &nl, "dev show", vnl_dump(&nl, VDPA_CMD_DEV_GET, count, l), 0);
		expect(l, &nl, "config show",
		       vnl_dump(&nl, VDPA_CMD_DEV_CONFIG_GET, count, l), 0);
		expect(l, &nl, "config", vnl_get(&nl, VDPA_CMD_DEV_CONFIG_GET, "h0", NULL, NULL),
		       0);
		expect(l, &nl, "vstats", vstats(&nl, "h0"), -EAGAIN);
		expect(l, &nl, "dev add", vnl_dev_new(&nl, "vdpasim_net", "h0"), -EEXIST);
		expect(l, &nl, "dev add", vnl_dev_new(&nl, "vdpasim_net", "h1"), -EEXIST);
		expect(l, &nl, "dev del", vnl_dev_del(&nl, "h1"), 0);
		l->rounds++;
	}
	vnl_close(&nl);
	return NULL;
}

FIXTURE(hotplug)
{
	struct looker looker[LOOKERS];
	atomic_bool stop;
};

FIXTURE_SETUP(hotplug)
{
	int i;

	if (modules_load("vdpa_sim_net"))
		SKIP(return, "no simulators");
	for (i = 0; i < LOOKERS; i++) {
		self->looker[i].stop = &self->stop;
		ASSERT_EQ(0, pthread_create(&self->looker[i].thread, NULL, look,
					    &self->looker[i]));
	}
}

FIXTURE_TEARDOWN(hotplug)
{
	module_unload("vdpa_sim_net");
}

static void join(struct __test_metadata *_metadata, FIXTURE_DATA(hotplug) *self)
{
	int i;

	atomic_store(&self->stop, true);
	for (i = 0; i < LOOKERS; i++) {
		struct looker *l = &self->looker[i];

		pthread_join(l->thread, NULL);
		printf("# looked %lu times, shown %lu things\n", l->rounds, l->shown);
		EXPECT_EQ(0, l->unexpected) {
			printf("# %s\n", l->what);
		}
		EXPECT_LT(0, l->shown);
	}
}

/* The module with the management device goes, and comes back. */
TEST_F_TIMEOUT(hotplug, fault_060_module_goes_under_lookers, STRESS_TIMEOUT)
{
	uint64_t end = now_ms() + stress_ms(1000);
	unsigned int rounds = 0;

	do {
		ASSERT_EQ(0, system("rmmod vdpa_sim_net"));
		ASSERT_EQ(0, system("modprobe vdpa_sim_net"));
	} while (++rounds < 3 || now_ms() < end);
	printf("# %u rounds\n", rounds);
	join(_metadata, self);
}

/* Lists are made while what they are of is made and removed. */
TEST_F_TIMEOUT(hotplug, fault_097_devices_come_and_go, STRESS_TIMEOUT)
{
	uint64_t end = now_ms() + stress_ms(1000);
	unsigned int rounds = 0;
	struct vnl nl;

	ASSERT_EQ(0, vnl_open(&nl));
	do {
		char name[16];

		snprintf(name, sizeof(name), "n%u", rounds % 7);
		EXPECT_EQ(0, vnl_dev_new(&nl, "vdpasim_net", name));
		EXPECT_EQ(0, vnl_dev_del(&nl, name));
	} while (++rounds < MIN_ROUNDS || now_ms() < end);
	printf("# %u rounds\n", rounds);
	vnl_close(&nl);
	join(_metadata, self);
}

TEST_HARNESS_MAIN
