// SPDX-License-Identifier: GPL-2.0-only
/* The host's own virtio drivers on simulated devices, by virtio_vdpa. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <linux/fs.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "libvdpa.h"
#include "test.h"

#define BLOCK		4096
#define BLOCKS		128
#define SECTORS		(BLOCKS * BLOCK / 512)
/* An Ethernet type for local experiments. */
#define ETH_TEST	0x88b5

static const uint8_t mac[6] = { 0x02, 0, 0, 0, 0x56, 0x78 };

FIXTURE(virtio)
{
	struct vnl nl;
};

FIXTURE_SETUP(virtio)
{
	/* Devices go to the driver that is there. */
	module_unload("vhost_vdpa");
	if (modules_load("vdpa_sim_net vdpa_sim_blk virtio_vdpa"))
		SKIP(return, "no simulators");
	/* Without udev nobody else loads them. They may be built in. */
	if (access("/sys/bus/virtio/drivers/virtio_blk", F_OK) ||
	    access("/sys/bus/virtio/drivers/virtio_net", F_OK))
		(void)!system("modprobe -aq virtio_blk virtio_net");
	ASSERT_EQ(0, vnl_open(&self->nl));
}

FIXTURE_TEARDOWN(virtio)
{
	vnl_dev_del(&self->nl, "v0");
	vnl_close(&self->nl);
}

static pid_t program;

static void __attribute__((constructor)) at_start(void)
{
	program = getpid();
}

/* Programs after this one have devices without a driver. Tests run in its children. */
static void __attribute__((destructor)) at_end(void)
{
	if (getpid() == program)
		module_unload("virtio_vdpa");
}

/* The last part of the only path that matches; false if there is none. */
static bool last_part(const char *pattern, char *name, size_t room)
{
	glob_t found;
	bool one;

	one = !glob(pattern, 0, NULL, &found) && found.gl_pathc == 1;
	if (one)
		snprintf(name, room, "%s", strrchr(found.gl_pathv[0], '/') + 1);
	globfree(&found);
	return one;
}

/* A line into a file of sysfs: 0 or -errno. */
static int sysfs_write(const char *path, const char *line)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, line, strlen(line)) < 0)
		err = -errno;
	close(fd);
	return err;
}

static int open_disk(void)
{
	char name[64], path[80];
	int i;

	/* A disk is read by the kernel before it is there. */
	for (i = 0; i < 1000; i++) {
		if (last_part("/sys/bus/vdpa/devices/v0/virtio*/block/vd*", name, sizeof(name))) {
			snprintf(path, sizeof(path), "/dev/%s", name);
			return open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
		}
		nap_us(10000);
	}
	errno = ENOENT;
	return -1;
}

static int new_disk(struct vnl *nl)
{
	struct vnl_req req;

	vnl_begin(&req, VDPA_CMD_DEV_NEW, 0);
	vnl_put_str(&req, VDPA_ATTR_DEV_NAME, "v0");
	vnl_put_str(&req, VDPA_ATTR_MGMTDEV_DEV_NAME, "vdpasim_blk");
	vnl_put_u64(&req, VDPA_ATTR_DEV_BLK_CFG_CAPACITY, SECTORS);
	return vnl_do(nl, &req, NULL, NULL);
}

/* Contents that say which block they are of, and which round of writing. */
static void stamp(uint64_t *block, unsigned int index, unsigned int round)
{
	unsigned int i;

	for (i = 0; i < BLOCK / sizeof(*block); i++)
		block[i] = ((uint64_t)round << 32 | index) * UINT64_C(0x9e3779b97f4a7c15) + i;
}

static bool write_block(int fd, uint64_t *buf, unsigned int index, unsigned int round)
{
	stamp(buf, index, round);
	return pwrite(fd, buf, BLOCK, (off_t)index * BLOCK) == BLOCK;
}

/* Blocks that are not what was written last. */
static unsigned int check_blocks(int fd, const uint8_t *round)
{
	uint64_t *buf = aligned_alloc(BLOCK, BLOCK), *want = aligned_alloc(BLOCK, BLOCK);
	unsigned int i, bad = 0;

	for (i = 0; i < BLOCKS; i++) {
		stamp(want, i, round[i]);
		if (pread(fd, buf, BLOCK, (off_t)i * BLOCK) != BLOCK || memcmp(buf, want, BLOCK))
			bad++;
	}
	free(buf);
	free(want);
	return bad;
}

TEST_F_TIMEOUT(virtio, disk_keeps_what_is_written, 120)
{
	static uint8_t round[BLOCKS];
	uint64_t zeroes[2] = { 8 * BLOCK, 4 * BLOCK }, size;
	uint64_t *buf = aligned_alloc(BLOCK, BLOCK);
	unsigned int i, bad = 0;
	int fd;

	ASSERT_EQ(0, new_disk(&self->nl));
	fd = open_disk();
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ioctl(fd, BLKGETSIZE64, &size));
	EXPECT_EQ(SECTORS * 512, size);
	for (i = 0; i < BLOCKS; i++)
		bad += !write_block(fd, buf, i, 0);
	/* Again, in another order: 5 and 128 have no divisor in common. */
	for (i = 0; i < BLOCKS / 2; i++) {
		unsigned int index = i * 5 % BLOCKS;

		bad += !write_block(fd, buf, index, ++round[index]);
	}
	EXPECT_EQ(0, bad);
	EXPECT_EQ(0, fdatasync(fd));
	EXPECT_EQ(0, check_blocks(fd, round));
	/* Zeroes, by the device or the kernel. */
	EXPECT_EQ(0, ioctl(fd, BLKZEROOUT, zeroes));
	EXPECT_EQ(4, check_blocks(fd, round));
	EXPECT_EQ(BLOCK, pread(fd, buf, BLOCK, 8 * BLOCK));
	EXPECT_EQ(0, buf[0] | buf[BLOCK / 8 - 1]);
	for (i = 8; i < 12; i++) {
		EXPECT_TRUE(write_block(fd, buf, i, round[i]));
	}
	close(fd);

	/* The driver lets go of it, and has it back: all queues are new. */
	for (i = 0; i < 2; i++) {
		char name[64];

		ASSERT_TRUE(last_part("/sys/bus/vdpa/devices/v0/virtio*", name, sizeof(name)));
		ASSERT_EQ(0, sysfs_write("/sys/bus/virtio/drivers/virtio_blk/unbind", name));
		ASSERT_EQ(0, sysfs_write("/sys/bus/virtio/drivers/virtio_blk/bind", name));
	}
	fd = open_disk();
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, check_blocks(fd, round));
	close(fd);
	free(buf);
}

struct writer {
	pthread_t thread;
	int fd;
	atomic_uint blocks;
	int err;
};

/* Writes until that fails. */
static void *write_on(void *arg)
{
	uint64_t *buf = aligned_alloc(BLOCK, 16 * BLOCK);
	struct writer *w = arg;

	memset(buf, 0x5a, 16 * BLOCK);
	while (pwrite(w->fd, buf, 16 * BLOCK, atomic_load(&w->blocks) % (BLOCKS - 16) * BLOCK) > 0)
		atomic_fetch_add(&w->blocks, 16);
	w->err = errno;
	free(buf);
	return NULL;
}

#define WRITERS		3

/* Has them write, each for a while at least. */
static int start_writers(struct writer *w, int fd)
{
	unsigned int i;

	for (i = 0; i < WRITERS; i++) {
		w[i] = (struct writer) { .fd = fd };
		if (pthread_create(&w[i].thread, NULL, write_on, &w[i]))
			return -EAGAIN;
	}
	for (i = 0; i < WRITERS; i++)
		while (atomic_load(&w[i].blocks) < 64)
			nap_us(1000);
	return 0;
}

/* How many of them were told that the disk is gone. It has no sectors then. */
static unsigned int end_writers(struct writer *w)
{
	unsigned int i, told = 0;

	for (i = 0; i < WRITERS; i++) {
		pthread_join(w[i].thread, NULL);
		if (w[i].err == EIO || w[i].err == ENXIO || w[i].err == ENODEV ||
		    w[i].err == ENOSPC)
			told++;
		else
			printf("# writer: %s\n", strerror(w[i].err));
	}
	return told;
}

/* A disk goes in the middle of writing: the writer is told so, nobody hangs. */
TEST_F_TIMEOUT(virtio, disk_goes_while_written, 120)
{
	struct writer w[WRITERS];
	int fd;

	ASSERT_EQ(0, new_disk(&self->nl));
	fd = open_disk();
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, start_writers(w, fd));
	EXPECT_EQ(0, vnl_dev_del(&self->nl, "v0"));
	EXPECT_EQ(WRITERS, end_writers(w));
	close(fd);
	/* Nothing of it is in the way of another one. */
	ASSERT_EQ(0, new_disk(&self->nl));
	fd = open_disk();
	EXPECT_LE(0, fd);
	close(fd);
}

/* The module goes, and with it what all disks have in common, in the middle of writing. */
TEST_F_TIMEOUT(virtio, fault_057_module_goes_while_written, 120)
{
	struct writer w[WRITERS];
	int fd;

	ASSERT_EQ(0, module_unload("vdpa_sim_blk"));
	ASSERT_EQ(0, system("modprobe vdpa_sim_blk shared_backend=1"));
	ASSERT_EQ(0, new_disk(&self->nl));
	fd = open_disk();
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, start_writers(w, fd));
	EXPECT_EQ(0, system("rmmod vdpa_sim_blk"));
	EXPECT_EQ(WRITERS, end_writers(w));
	EXPECT_NE(0, access("/sys/bus/vdpa/devices/v0", F_OK));
	close(fd);
	/* As it was for those who come next. */
	EXPECT_EQ(0, modules_load("vdpa_sim_blk"));
}

static int new_card(struct vnl *nl)
{
	struct vnl_req req;

	vnl_begin(&req, VDPA_CMD_DEV_NEW, 0);
	vnl_put_str(&req, VDPA_ATTR_DEV_NAME, "v0");
	vnl_put_str(&req, VDPA_ATTR_MGMTDEV_DEV_NAME, "vdpasim_net");
	vnl_put(&req, VDPA_ATTR_DEV_NET_CFG_MACADDR, mac, sizeof(mac));
	return vnl_do(nl, &req, NULL, NULL);
}

static bool interface_up(const char *name)
{
	struct ifreq ifr = { .ifr_flags = 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok;

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	ok = !ioctl(fd, SIOCGIFFLAGS, &ifr);
	ifr.ifr_flags |= IFF_UP;
	ok = ok && !ioctl(fd, SIOCSIFFLAGS, &ifr);
	close(fd);
	return ok;
}

static int packet_socket(const char *interface)
{
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_TEST),
		.sll_ifindex = if_nametoindex(interface),
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_TEST));

	if (fd >= 0 && bind(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* One frame, sent to the card itself, comes back as it was. */
static bool round_trip(int fd, unsigned int size, unsigned int round)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	uint8_t out[ETH_FRAME_LEN], in[ETH_FRAME_LEN];
	struct sockaddr_ll from;
	socklen_t len = sizeof(from);
	unsigned int i;

	memcpy(out, mac, 6);
	memcpy(out + 6, mac, 6);
	out[12] = ETH_TEST >> 8;
	out[13] = ETH_TEST & 0xff;
	for (i = ETH_HLEN; i < size; i++)
		out[i] = i * 7 + round;
	if (send(fd, out, size, 0) != (ssize_t)size)
		return false;
	while (poll(&pfd, 1, 10000) == 1) {
		if (recvfrom(fd, in, sizeof(in), 0, (struct sockaddr *)&from, &len) < 0)
			return false;
		/* The socket hears what it sends, too. */
		if (from.sll_pkttype != PACKET_OUTGOING)
			return !memcmp(in, out, size);
	}
	return false;
}

static void sum_stats(const struct vnl_answer *a, void *arg)
{
	const struct nlattr *attr = NULL;
	uint64_t *packets = arg, value;
	bool wanted = false;

	while ((attr = vnl_next(a, attr))) {
		const void *data = (const char *)attr + NLA_HDRLEN;

		if (attr->nla_type == VDPA_ATTR_DEV_VENDOR_ATTR_NAME)
			wanted = strstr(data, "packets");
		if (attr->nla_type == VDPA_ATTR_DEV_VENDOR_ATTR_VALUE && wanted) {
			memcpy(&value, data, sizeof(value));
			*packets += value;
		}
	}
}

static uint64_t queue_packets(struct vnl *nl, uint32_t queue)
{
	struct vnl_req req;
	uint64_t packets = 0;

	vnl_begin(&req, VDPA_CMD_DEV_VSTATS_GET, 0);
	vnl_put_str(&req, VDPA_ATTR_DEV_NAME, "v0");
	vnl_put_u32(&req, VDPA_ATTR_DEV_QUEUE_INDEX, queue);
	return vnl_do(nl, &req, sum_stats, &packets) ? 0 : packets;
}

TEST_F(virtio, card_carries_frames)
{
	unsigned int i, bad = 0;
	char interface[IFNAMSIZ];
	int fd;

	ASSERT_EQ(0, new_card(&self->nl));
	ASSERT_TRUE(last_part("/sys/bus/vdpa/devices/v0/virtio*/net/*", interface,
			      sizeof(interface)));
	ASSERT_TRUE(interface_up(interface));
	fd = packet_socket(interface);
	ASSERT_LE(0, fd);
	for (i = 0; i < 70 && !bad; i++)
		bad += !round_trip(fd, ETH_ZLEN + i * 20 % 1400, i);
	EXPECT_EQ(0, bad);
	/* IPv6 may have sent some of its own. */
	EXPECT_LE(70, queue_packets(&self->nl, 0));
	EXPECT_LE(70, queue_packets(&self->nl, 1));
	/* Gone while it is up. */
	EXPECT_EQ(0, vnl_dev_del(&self->nl, "v0"));
	EXPECT_EQ(0, if_nametoindex(interface));
	close(fd);
}

/* An operator says which driver has a device. */
TEST_F(virtio, driver_override)
{
	static const char override[] = "/sys/bus/vdpa/devices/v0/driver_override";
	char name[64], line[64] = { 0 };
	int fd;

	ASSERT_EQ(0, new_disk(&self->nl));
	ASSERT_TRUE(last_part("/sys/bus/vdpa/devices/v0/virtio*", name, sizeof(name)));
	ASSERT_EQ(0, sysfs_write("/sys/bus/vdpa/drivers/virtio_vdpa/unbind", "v0"));
	EXPECT_FALSE(last_part("/sys/bus/vdpa/devices/v0/virtio*", name, sizeof(name)));
	ASSERT_EQ(0, sysfs_write(override, "another\n"));
	EXPECT_EQ(-ENODEV, sysfs_write("/sys/bus/vdpa/drivers/virtio_vdpa/bind", "v0"));
	EXPECT_EQ(0, sysfs_write("/sys/bus/vdpa/drivers_probe", "v0"));
	EXPECT_NE(0, access("/sys/bus/vdpa/devices/v0/driver", F_OK));
	fd = open(override, O_RDONLY);
	EXPECT_LT(0, read(fd, line, sizeof(line) - 1));
	EXPECT_STREQ("another\n", line);
	close(fd);
	ASSERT_EQ(0, sysfs_write(override, "virtio_vdpa\n"));
	EXPECT_EQ(0, sysfs_write("/sys/bus/vdpa/drivers_probe", "v0"));
	EXPECT_EQ(0, access("/sys/bus/vdpa/devices/v0/driver", F_OK));
	/* Taken away, any will do. */
	ASSERT_EQ(0, sysfs_write("/sys/bus/vdpa/drivers/virtio_vdpa/unbind", "v0"));
	ASSERT_EQ(0, sysfs_write(override, "\n"));
	ASSERT_EQ(0, sysfs_write("/sys/bus/vdpa/drivers/virtio_vdpa/bind", "v0"));
	fd = open_disk();
	EXPECT_LE(0, fd);
	close(fd);
}

TEST_HARNESS_MAIN
