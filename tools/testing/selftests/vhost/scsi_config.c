// SPDX-License-Identifier: GPL-2.0-only
/*
 * vhost-scsi and its targets: names and attributes, endpoints and what they exclude,
 * LUNs that come and go, events. FAULTS 31, 32, 34, 36, 39, 151.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "libscsi.h"
#include "test.h"

#define GOOD		0
#define FEATURES	(F_VERSION_1 | F_SCSI_HOTPLUG)

FIXTURE(config) {
	struct scsi s;
};

FIXTURE_SETUP(config)
{
	self->s.fd = -1;
	ASSERT_EQ(0, target_init());
	ASSERT_EQ(0, target_simple());
	ASSERT_EQ(0, scsi_up(&self->s, &(struct scsi_config){ .features = FEATURES }));
}

FIXTURE_TEARDOWN(config)
{
	scsi_close(&self->s);
	EXPECT_EQ(0, target_clean());
}

/* ---- configfs ---- */

TEST_F(config, fault_034_target_numbers)
{
	static const char * const bad[] = {
		"tpgt_256", "tpgt_65535", "tpgt_65536", "tpgt_-1", "tpgt_1x", "tpgt_", "tpgt_+1",
		"tpgt_01", "tpgt_ 1", "tpgt_0x1", "tpgt_99999999999999999999", "xtpgt_1", "tpgt1",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		EXPECT_EQ(-EINVAL, target_tpg_add(TARGET_WWN, bad[i])) {
			TH_LOG("%s", bad[i]);
		}
	}
	EXPECT_EQ(0, target_tpg_add(TARGET_WWN, "tpgt_1"));
	EXPECT_EQ(0, target_tpg_add(TARGET_WWN, "tpgt_255"));
	EXPECT_EQ(-EEXIST, target_tpg_add(TARGET_WWN, "tpgt_255"));
}

TEST_F(config, names)
{
	char text[300];

	EXPECT_EQ(-EINVAL, target_tpg_add("nonsense.6001405", "tpgt_0"));
	EXPECT_EQ(-EINVAL, target_tpg_add("xnaa.6001405", "tpgt_0"));
	ASSERT_EQ(0, target_tpg_add("fc.6001405", "tpgt_0"));
	EXPECT_EQ(-EINVAL, target_nexus("fc.6001405", "tpgt_0", "naa.6001405"));
	EXPECT_EQ(0, target_nexus("fc.6001405", "tpgt_0", "fc.6001406\n"));
	ASSERT_EQ(0, target_read("vhost/fc.6001405/tpgt_0/nexus", text, sizeof(text)));
	EXPECT_EQ(0, strcmp(text, "6001406\n"));
	ASSERT_EQ(0, target_tpg_add("iqn.2003-01.org.example:x", "tpgt_0"));
	memset(text, 'x', sizeof(text));
	memcpy(text, "iqn.", 4);
	text[299] = 0;
	EXPECT_EQ(-EINVAL, target_nexus("iqn.2003-01.org.example:x", "tpgt_0", text));
	EXPECT_EQ(-ENODEV, target_read("vhost/iqn.2003-01.org.example:x/tpgt_0/nexus", text, 300));
	EXPECT_EQ(0, target_read("vhost/version", text, sizeof(text)));
	EXPECT_EQ(0, strncmp(text, "TCM_VHOST fabric module ", 24));
}

TEST_F(config, protection_types)
{
	static const char attr[] = "vhost/" TARGET_WWN "/tpgt_0/attrib/fabric_prot_type";
	char text[16];

	EXPECT_EQ(-EINVAL, target_write(attr, "2"));
	EXPECT_EQ(-EINVAL, target_write(attr, "4"));
	EXPECT_EQ(-EINVAL, target_write(attr, "x"));
	ASSERT_EQ(0, target_read(attr, text, sizeof(text)));
	EXPECT_EQ(0, strcmp(text, "0\n"));
	EXPECT_EQ(0, target_write(attr, "3"));
	ASSERT_EQ(0, target_read(attr, text, sizeof(text)));
	EXPECT_EQ(0, strcmp(text, "3\n"));
}

TEST_F(config, nexus)
{
	EXPECT_EQ(-EEXIST, target_nexus(TARGET_WWN, "tpgt_0", TARGET_NEXUS));
	EXPECT_EQ(-EBUSY, target_nexus(TARGET_WWN, "tpgt_0", "NULL"));
	ASSERT_EQ(0, target_lun_del(TARGET_WWN, "tpgt_0", 0));
	ASSERT_EQ(0, scsi_set_endpoint(&self->s, TARGET_WWN));
	EXPECT_EQ(-EBUSY, target_nexus(TARGET_WWN, "tpgt_0", "NULL"));
	EXPECT_EQ(-EBUSY, target_tpg_del(TARGET_WWN, "tpgt_0"));
	ASSERT_EQ(0, scsi_clear_endpoint(&self->s, TARGET_WWN));
	EXPECT_EQ(0, target_nexus(TARGET_WWN, "tpgt_0", "NULL"));
	EXPECT_EQ(-ENODEV, target_nexus(TARGET_WWN, "tpgt_0", "NULL"));
	EXPECT_EQ(-ENODEV, scsi_set_endpoint(&self->s, TARGET_WWN));
	EXPECT_EQ(0, target_tpg_del(TARGET_WWN, "tpgt_0"));
}

/* ---- endpoints ---- */

TEST_F(config, calls)
{
	struct vhost_scsi_target t = { .vhost_wwpn = TARGET_WWN, .reserved = 1 };
	struct scsi *s = &self->s;
	int version = 0, missed = 1;

	EXPECT_EQ(0, vhost_ioctl(s->fd, VHOST_SCSI_GET_ABI_VERSION, &version));
	EXPECT_EQ(1, version);
	EXPECT_EQ(-EFAULT, vhost_ioctl(s->fd, VHOST_SCSI_GET_ABI_VERSION, NULL));
	EXPECT_EQ(-EFAULT, vhost_ioctl(s->fd, VHOST_SCSI_SET_ENDPOINT, NULL));
	EXPECT_EQ(-EOPNOTSUPP, vhost_ioctl(s->fd, VHOST_SCSI_SET_ENDPOINT, &t));
	EXPECT_EQ(-EOPNOTSUPP, vhost_ioctl(s->fd, VHOST_SCSI_CLEAR_ENDPOINT, &t));
	t.reserved = 0;
	memset(t.vhost_wwpn, 'x', sizeof(t.vhost_wwpn));
	EXPECT_EQ(-ENODEV, vhost_ioctl(s->fd, VHOST_SCSI_SET_ENDPOINT, &t));
	EXPECT_EQ(0, vhost_ioctl(s->fd, VHOST_SCSI_GET_EVENTS_MISSED, &missed));
	EXPECT_EQ(0, missed);
	missed = 5;
	EXPECT_EQ(0, vhost_ioctl(s->fd, VHOST_SCSI_SET_EVENTS_MISSED, &missed));
	EXPECT_EQ(0, vhost_ioctl(s->fd, VHOST_SCSI_GET_EVENTS_MISSED, &missed));
	EXPECT_EQ(1, missed);
	EXPECT_EQ(-ENOTTY, vhost_ioctl(s->fd, VHOST_NET_SET_BACKEND, NULL));
	/* The version a boot loader asks for before anything else. */
	int fd = vhost_open(VHOST_SCSI_PATH, 0);

	ASSERT_LE(0, fd);
	version = 0;
	EXPECT_EQ(0, vhost_ioctl(fd, VHOST_SCSI_GET_ABI_VERSION, &version));
	EXPECT_EQ(1, version);
	close(fd);
}

TEST_F(config, fault_031_endpoint_twice)
{
	struct scsi *s = &self->s, other;
	char *buf = scsi_alloc(s, 4096, 4096);

	ASSERT_EQ(0, target_tpg_add(TARGET_WWN2, "tpgt_0"));
	ASSERT_EQ(0, target_nexus(TARGET_WWN2, "tpgt_0", TARGET_NEXUS));
	EXPECT_EQ(-ENODEV, scsi_set_endpoint(s, "naa.0000000000000000"));
	EXPECT_EQ(0, scsi_clear_endpoint(s, TARGET_WWN));
	ASSERT_EQ(0, scsi_set_endpoint(s, TARGET_WWN));
	EXPECT_EQ(-EEXIST, scsi_set_endpoint(s, TARGET_WWN));
	EXPECT_EQ(-EEXIST, scsi_set_endpoint(s, TARGET_WWN2));
	EXPECT_EQ(-EEXIST, scsi_set_endpoint(s, "naa.0000000000000000"));
	EXPECT_EQ(GOOD, scsi_ready(s, 0, 0));
	EXPECT_EQ(GOOD, scsi_rw(s, false, 0, buf, 4096));
	/* What is in use is nobody else's. */
	ASSERT_EQ(0, scsi_up(&other, &(struct scsi_config){ .features = FEATURES }));
	EXPECT_EQ(-ENODEV, scsi_set_endpoint(&other, TARGET_WWN));
	scsi_close(&other);
	EXPECT_EQ(-EINVAL, scsi_clear_endpoint(s, TARGET_WWN2));
	EXPECT_EQ(GOOD, scsi_rw(s, false, 0, buf, 4096));
	EXPECT_EQ(0, scsi_clear_endpoint(s, TARGET_WWN));
	EXPECT_EQ(0, target_lun_del(TARGET_WWN, "tpgt_0", 0));
	EXPECT_EQ(0, target_tpg_del(TARGET_WWN, "tpgt_0"));
	EXPECT_EQ(0, target_tpg_del(TARGET_WWN2, "tpgt_0"));
}

TEST_F(config, fault_036_features_of_an_endpoint)
{
	struct scsi *s = &self->s;

	ASSERT_EQ(0, scsi_set_endpoint(s, TARGET_WWN));
	EXPECT_EQ(-EBUSY, vhost_set_features(s->fd, FEATURES | F_SCSI_T10_PI));
	EXPECT_EQ(-EBUSY, vhost_set_features(s->fd, F_VERSION_1));
	EXPECT_EQ(-EBUSY, vhost_set_features(s->fd, FEATURES | F_EVENT_IDX));
	EXPECT_EQ(-EBUSY, vhost_set_features2(s->fd, 0, 0));
	EXPECT_EQ(-EOPNOTSUPP, vhost_set_features(s->fd, FEATURES | F_RING_RESET));
	EXPECT_EQ(0, vhost_set_features(s->fd, FEATURES | F_LOG_ALL));
	EXPECT_EQ(0, vhost_set_features(s->fd, FEATURES));
	EXPECT_EQ(GOOD, scsi_ready(s, 0, 0));
	ASSERT_EQ(0, scsi_clear_endpoint(s, TARGET_WWN));
	EXPECT_EQ(0, vhost_set_features(s->fd, FEATURES | F_SCSI_T10_PI));
}

TEST_F(config, features)
{
	uint64_t f = 0;

	ASSERT_EQ(0, vhost_get_features(self->s.fd, &f));
	EXPECT_EQ(F_NOTIFY_ON_EMPTY | F_LOG_ALL | F_ANY_LAYOUT | F_INDIRECT | F_EVENT_IDX |
		  F_VERSION_1 | F_PACKED | F_SCSI_HOTPLUG | F_SCSI_T10_PI,
		  f & ~F_ACCESS_PLATFORM);
}

/* A boot loader has set up but the first queue for commands. */
TEST_F(config, one_queue_only)
{
	struct scsi *s = &self->s, boot;
	struct vhost_vring_file call = { .fd = -1 };
	char *buf;

	memset(&boot, 0, sizeof(boot));
	boot.fd = vhost_open(VHOST_SCSI_PATH, 0);
	boot.features = F_VERSION_1;
	boot.nvqs = 3;
	boot.num = 128;
	boot.vq = calloc(3, sizeof(*boot.vq));
	ASSERT_LE(0, boot.fd);
	ASSERT_EQ(0, vhost_set_owner(boot.fd));
	ASSERT_EQ(0, vhost_set_features(boot.fd, F_VERSION_1));
	ASSERT_EQ(0, mem_table_init(&boot.mem));
	ASSERT_EQ(0, mem_table_add(&boot.mem, s->ram_gpa, s->ram, s->ram_size));
	ASSERT_EQ(0, mem_table_set(&boot.mem, boot.fd));
	boot.ram = s->ram;
	boot.ram_gpa = s->ram_gpa;
	boot.ram_size = s->ram_size;
	boot.ram_used = s->ram_used;
	for (call.index = 0; call.index < 130; call.index++) {
		ASSERT_EQ(0, vhost_ioctl(boot.fd, VHOST_SET_VRING_CALL, &call));
	}
	ASSERT_EQ(-ENOBUFS, vhost_ioctl(boot.fd, VHOST_SET_VRING_CALL, &call));
	ASSERT_EQ(0, scsi_ring(&boot, SCSI_IO));
	ASSERT_EQ(0, scsi_set_endpoint(&boot, TARGET_WWN));
	EXPECT_EQ(GOOD, scsi_ready(&boot, 0, 0));
	buf = scsi_alloc(&boot, 4096, 4096);
	EXPECT_EQ(GOOD, scsi_rw(&boot, false, 0, buf, 4096));
	EXPECT_EQ(0, scsi_clear_endpoint(&boot, TARGET_WWN));
	/* None at all. */
	close(boot.fd);
	boot.fd = vhost_open(VHOST_SCSI_PATH, 0);
	ASSERT_LE(0, boot.fd);
	ASSERT_EQ(0, vhost_set_owner(boot.fd));
	EXPECT_EQ(0, scsi_set_endpoint(&boot, TARGET_WWN));
	EXPECT_EQ(0, scsi_clear_endpoint(&boot, TARGET_WWN));
	close(boot.fd);
}

/* A ring that cannot be where it is said to be: nothing is taken. */
TEST_F(config, endpoint_fails)
{
	struct scsi *s = &self->s;
	struct vhost_vring_addr bad = s->vq[SCSI_IO].addr;

	bad.used_user_addr = UNMAPPED_ADDR;
	ASSERT_EQ(0, vhost_set_vring_addr(s->fd, &bad));
	EXPECT_EQ(-EFAULT, scsi_set_endpoint(s, TARGET_WWN));
	EXPECT_EQ(0, target_lun_del(TARGET_WWN, "tpgt_0", 0));
	EXPECT_EQ(0, target_nexus(TARGET_WWN, "tpgt_0", "NULL"));
	EXPECT_EQ(0, target_nexus(TARGET_WWN, "tpgt_0", TARGET_NEXUS));
	ASSERT_EQ(0, vhost_set_vring_addr(s->fd, &s->vq[SCSI_IO].addr));
	EXPECT_EQ(0, scsi_set_endpoint(s, TARGET_WWN));
}

/* Several targets of one name, several LUNs of one target. */
TEST_F(config, targets_and_luns)
{
	struct scsi *s = &self->s;
	struct scsi_io io;
	unsigned int i;
	char *buf = scsi_alloc(s, 4096, 4096);

	ASSERT_EQ(0, target_ramdisk("rd1", 1024, 0));
	ASSERT_EQ(0, target_ramdisk("rd2", 2048, 0));
	ASSERT_EQ(0, target_tpg_add(TARGET_WWN, "tpgt_255"));
	ASSERT_EQ(0, target_nexus(TARGET_WWN, "tpgt_255", TARGET_NEXUS));
	ASSERT_EQ(0, target_lun_add(TARGET_WWN, "tpgt_255", 1, "rd1"));
	ASSERT_EQ(0, target_lun_add(TARGET_WWN, "tpgt_255", 300, "rd2"));
	/* One without a nexus is not seen. */
	ASSERT_EQ(0, target_tpg_add(TARGET_WWN, "tpgt_9"));
	ASSERT_EQ(0, scsi_set_endpoint(s, TARGET_WWN));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(GOOD, scsi_ready(s, 255, i ? 300 : 1));
		io = (struct scsi_io){ .cdb = { 0x25 }, .in = buf, .in_len = 8 };
		scsi_address(io.lun, 255, i ? 300 : 1);
		ASSERT_EQ(GOOD, scsi_do(s, &io));
		EXPECT_EQ((i ? 0x0f : 0x07), buf[2]);
		EXPECT_EQ((char)0xff, buf[3]);
	}
	io = (struct scsi_io){ .lun = { 1, 9 } };
	EXPECT_EQ(VIRTIO_SCSI_S_BAD_TARGET << 8, scsi_do(s, &io));
}

/* ---- control queue ---- */

TEST_F(config, fault_032_control_requests)
{
	struct scsi *s = &self->s;
	unsigned char lun[8], absent[8], odd[8] = { 3 };
	struct drv_done done;
	uint32_t events = 0x54;
	char *at = scsi_alloc(s, 64, 64);
	unsigned int i;

	scsi_address(lun, 0, 0);
	scsi_address(absent, 77, 0);
	/* Before there is an endpoint nothing is looked at. */
	ASSERT_LE(0, drv_ring_add1(&s->vq[SCSI_CTL].ring, scsi_gpa(s, at), 64, true, at));
	scsi_kick(s, SCSI_CTL);
	EXPECT_EQ(-ETIMEDOUT, drv_ring_wait(&s->vq[SCSI_CTL].ring, &done, VMM_QUIET_MS));
	ASSERT_EQ(0, scsi_set_endpoint(s, TARGET_WWN));
	/* And this one makes no sense. */
	EXPECT_EQ(0, drv_ring_wait(&s->vq[SCSI_CTL].ring, &done, SCSI_TIMEOUT_MS) < 0);
	EXPECT_EQ(0, done.len);
	for (i = VIRTIO_SCSI_T_AN_QUERY; i <= VIRTIO_SCSI_T_AN_SUBSCRIBE; i++) {
		events = 0x54;
		EXPECT_EQ(VIRTIO_SCSI_S_OK, scsi_an(s, i, lun, &events));
		EXPECT_EQ(0, events);
		EXPECT_EQ(VIRTIO_SCSI_S_BAD_TARGET, scsi_an(s, i, absent, &events));
		EXPECT_EQ(VIRTIO_SCSI_S_BAD_TARGET, scsi_an(s, i, odd, &events));
	}
	EXPECT_EQ(VIRTIO_SCSI_S_BAD_TARGET,
		  scsi_tmf(s, VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET, absent));
	for (i = 0; i < 12; i++) {
		EXPECT_EQ(i == VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET ?
			  VIRTIO_SCSI_S_FUNCTION_SUCCEEDED : VIRTIO_SCSI_S_FUNCTION_REJECTED,
			  scsi_tmf(s, i, lun));
	}
	scsi_address(lun, 0, 5);
	EXPECT_EQ(VIRTIO_SCSI_S_INCORRECT_LUN,
		  scsi_tmf(s, VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET, lun));
	EXPECT_EQ(GOOD, scsi_ready(s, 0, 0));
}

/* ---- events ---- */

static int event_get(struct scsi *s, struct virtio_scsi_event **e)
{
	struct drv_done done;
	int ret = drv_ring_wait(&s->vq[SCSI_EVT].ring, &done, SCSI_TIMEOUT_MS);

	*e = done.cookie;
	return ret < 0 ? ret : (int)done.len;
}

TEST_F(config, events)
{
	struct scsi *s = &self->s;
	struct virtio_scsi_event *buf = scsi_alloc(s, 8 * sizeof(*buf), 16), *e;
	unsigned int i;

	ASSERT_EQ(0, target_ramdisk("rd1", 1024, 0));
	for (i = 0; i < 8; i++) {
		ASSERT_EQ(0, scsi_event_add(s, &buf[i], sizeof(*buf)));
	}
	ASSERT_EQ(0, scsi_set_endpoint(s, TARGET_WWN));
	for (i = 0; i < 4; i++) {
		unsigned int lun = i < 2 ? 7 : 0x123;

		ASSERT_EQ(0, i & 1 ? target_lun_del(TARGET_WWN, "tpgt_0", lun) :
				     target_lun_add(TARGET_WWN, "tpgt_0", lun, "rd1"));
		ASSERT_EQ(sizeof(*e), event_get(s, &e));
		EXPECT_EQ(VIRTIO_SCSI_T_TRANSPORT_RESET, e->event);
		EXPECT_EQ(i & 1 ? VIRTIO_SCSI_EVT_RESET_REMOVED : VIRTIO_SCSI_EVT_RESET_RESCAN,
			  e->reason);
		EXPECT_EQ(1, e->lun[0]);
		EXPECT_EQ(0, e->lun[1]);
		EXPECT_EQ(i < 2 ? 0 : 0x41, e->lun[2]);
		EXPECT_EQ(lun & 0xff, e->lun[3]);
	}
}

/* No buffer, or one without room: lost, and the guest is told so once. */
TEST_F(config, fault_039_missed_events)
{
	struct scsi *s = &self->s;
	struct virtio_scsi_event *buf = scsi_alloc(s, 8 * sizeof(*buf), 16), *e;
	struct drv_done done;
	int missed = 0;
	unsigned int i;

	ASSERT_EQ(0, target_ramdisk("rd1", 1024, 0));
	ASSERT_EQ(0, scsi_set_endpoint(s, TARGET_WWN));
	ASSERT_EQ(0, scsi_event_add(s, &buf[0], 8));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, target_lun_add(TARGET_WWN, "tpgt_0", 7, "rd1"));
		ASSERT_EQ(0, target_lun_del(TARGET_WWN, "tpgt_0", 7));
	}
	EXPECT_EQ(0, event_get(s, &e));
	for (i = 0; i < SCSI_TIMEOUT_MS && !missed; i++) {
		ASSERT_EQ(0, vhost_ioctl(s->fd, VHOST_SCSI_GET_EVENTS_MISSED, &missed));
		nap_us(1000);
	}
	EXPECT_EQ(1, missed);
	ASSERT_EQ(0, scsi_event_add(s, &buf[1], sizeof(*buf)));
	ASSERT_EQ(0, scsi_event_add(s, &buf[2], sizeof(*buf)));
	ASSERT_EQ(sizeof(*e), event_get(s, &e));
	EXPECT_EQ(VIRTIO_SCSI_T_EVENTS_MISSED | VIRTIO_SCSI_T_NO_EVENT, e->event);
	EXPECT_EQ(-ETIMEDOUT, drv_ring_wait(&s->vq[SCSI_EVT].ring, &done, VMM_QUIET_MS));
	ASSERT_EQ(0, vhost_ioctl(s->fd, VHOST_SCSI_GET_EVENTS_MISSED, &missed));
	EXPECT_EQ(0, missed);
	/* Said by the VMM a guest comes from: the next event says it too. */
	missed = 1;
	ASSERT_EQ(0, vhost_ioctl(s->fd, VHOST_SCSI_SET_EVENTS_MISSED, &missed));
	ASSERT_EQ(0, target_lun_add(TARGET_WWN, "tpgt_0", 7, "rd1"));
	ASSERT_EQ(sizeof(*e), event_get(s, &e));
	EXPECT_EQ(VIRTIO_SCSI_T_EVENTS_MISSED | VIRTIO_SCSI_T_TRANSPORT_RESET, e->event);
}

struct linker {
	volatile bool stop;
	unsigned long rounds;
	int ret;
};

static void *link_luns(void *arg)
{
	struct linker *l = arg;

	while (!l->stop && !l->ret) {
		l->ret = target_lun_add(TARGET_WWN, "tpgt_0", 7, "rd1");
		if (!l->ret)
			l->ret = target_lun_del(TARGET_WWN, "tpgt_0", 7);
		if (!l->ret)
			l->ret = target_tpg_add(TARGET_WWN, "tpgt_5");
		if (!l->ret)
			l->ret = target_nexus(TARGET_WWN, "tpgt_5", TARGET_NEXUS);
		/* In use if the endpoint was set in this moment. */
		while (!l->ret && (l->ret = target_tpg_del(TARGET_WWN, "tpgt_5")) == -EBUSY)
			l->ret = 0;
		l->rounds++;
	}
	return NULL;
}

/*
 * LUNs, targets and connections come and go while the endpoint does (151), with events
 * that nobody takes (39).
 */
TEST_F(config, fault_039_151_luns_against_endpoints)
{
	struct scsi *s = &self->s;
	struct virtio_scsi_event *buf = scsi_alloc(s, sizeof(*buf), 16);
	struct linker l = {};
	uint64_t end = now_ms() + stress_ms(2000);
	unsigned long rounds = 0;
	pthread_t t;

	ASSERT_EQ(0, target_ramdisk("rd1", 1024, 0));
	ASSERT_EQ(0, pthread_create(&t, NULL, link_luns, &l));
	while ((now_ms() < end || rounds < MIN_ROUNDS || l.rounds < MIN_ROUNDS) && !l.ret) {
		ASSERT_EQ(0, scsi_set_endpoint(s, TARGET_WWN));
		if (rounds % 4 == 0) {
			scsi_event_add(s, buf, sizeof(*buf));
		}
		nap_us(rounds % 8 * 500);
		ASSERT_EQ(0, scsi_clear_endpoint(s, TARGET_WWN));
		rounds++;
	}
	l.stop = true;
	pthread_join(t, NULL);
	EXPECT_EQ(0, l.ret);
	TH_LOG("%lu endpoints, %lu LUNs", rounds, l.rounds);
	ASSERT_EQ(0, scsi_set_endpoint(s, TARGET_WWN));
	EXPECT_EQ(GOOD, scsi_ready(s, 0, 0));
}

static void *link_one(void *arg)
{
	struct linker *l = arg;

	while (!l->stop && !l->ret) {
		l->ret = target_lun_add(TARGET_WWN, "tpgt_0", 7, "rd1");
		nap_us(2000);
		if (!l->ret)
			l->ret = target_lun_del(TARGET_WWN, "tpgt_0", 7);
		l->rounds++;
	}
	return NULL;
}

/* A LUN comes and goes under its commands: each is answered, whatever the answer is. */
TEST_F(config, lun_goes_under_commands)
{
	static struct scsi_io io[32];
	struct scsi *s = &self->s;
	uint64_t end = now_ms() + stress_ms(1000);
	struct linker l = {};
	unsigned long good = 0, bad = 0;
	unsigned int i;
	pthread_t t;
	char *buf = scsi_alloc(s, ARRAY_LEN(io) * 4096, 4096);

	memset(io, 0, sizeof(io));
	ASSERT_EQ(0, target_ramdisk("rd1", 1024, 0));
	ASSERT_EQ(0, scsi_set_endpoint(s, TARGET_WWN));
	ASSERT_EQ(0, pthread_create(&t, NULL, link_one, &l));
	for (i = 0; i < ARRAY_LEN(io); i++) {
		ASSERT_EQ(0, scsi_io_init(s, &io[i]));
		scsi_address(io[i].lun, 0, 7);
		scsi_cdb_rw(io[i].cdb, i & 1, i, 4096);
		*(i & 1 ? &io[i].out : &io[i].in) = buf + i * 4096;
		*(i & 1 ? &io[i].out_len : &io[i].in_len) = 4096;
		ASSERT_LE(0, scsi_add(s, SCSI_IO, &io[i]));
	}
	scsi_kick(s, SCSI_IO);
	while (now_ms() < end || l.rounds < MIN_ROUNDS || !good || !bad) {
		struct scsi_io *done = scsi_wait(s, SCSI_IO, SCSI_TIMEOUT_MS);

		ASSERT_NE(NULL, done);
		ASSERT_EQ(0, done->resp->response);
		good += !done->resp->status;
		bad += !!done->resp->status;
		ASSERT_LE(0, scsi_add(s, SCSI_IO, done));
		scsi_kick(s, SCSI_IO);
	}
	for (i = 0; i < ARRAY_LEN(io); i++) {
		ASSERT_NE(NULL, scsi_wait(s, SCSI_IO, SCSI_TIMEOUT_MS));
	}
	l.stop = true;
	pthread_join(t, NULL);
	EXPECT_EQ(0, l.ret);
	TH_LOG("%lu good, %lu not, %lu times", good, bad, l.rounds);
}

TEST_HARNESS_MAIN
