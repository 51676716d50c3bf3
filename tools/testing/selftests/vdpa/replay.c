// SPDX-License-Identifier: GPL-2.0-only
/*
 * What QEMU 10.0.2 said to vhost_vdpa of Linux 7.3.4, call by call, and whether it gets
 * the same answers here. Recorded were a guest that boots from a disk, and stops and
 * goes on; one with a network card that is passed through until a migration begins,
 * when QEMU puts itself between; and one where it does so from the start. All numbers
 * are those of the recording: user addresses are translated to where our memory is,
 * file descriptors to eventfds of our own. Between the calls the driver has its turn.
 */
#include <linux/virtio_net.h>
#include <stdio.h>
#include <sys/mman.h>

#include "libvdpa.h"
#include "libreplay.h"
#include "test.h"

#define MAX_EVENTS	64
#define MAX_MAPS	32
/* All of the user addresses in the recordings. */
#define HVA_FIRST	UINT64_C(0x40000000)
#define HVA_SIZE	(UINT64_C(1) << 30)
#define NET_HDR		12
#define FRAME		300

struct scene {
	struct vdpa_dev dev;
	struct vdpa v;
	bool net;
	char *mem;
	int event[MAX_EVENTS];
	struct { uint64_t asid, iova, size, hva; } maps[MAX_MAPS];
	unsigned int nmaps;
	uint64_t cvq_asid;
	uint32_t seed;
};

static void *here(const struct scene *s, uint64_t hva)
{
	return s->mem + (hva - HVA_FIRST);
}

/* Where an I/O virtual address leads; NULL for one that is not mapped. */
static void *there(const struct scene *s, uint64_t asid, uint64_t iova)
{
	unsigned int i;

	for (i = 0; i < s->nmaps; i++)
		if (s->maps[i].asid == asid && iova - s->maps[i].iova < s->maps[i].size)
			return here(s, s->maps[i].hva + iova - s->maps[i].iova);
	return NULL;
}

static uint64_t asid_of(const struct scene *s, uint64_t queue)
{
	return queue == 2 ? s->cvq_asid : 0;
}

static int event(struct scene *s, int64_t number)
{
	if (number < 0 || number >= MAX_EVENTS)
		return -1;
	if (s->event[number] < 0)
		s->event[number] = event_new();
	return s->event[number];
}

static int same(const char *what, uint64_t have, uint64_t want)
{
	if (have == want)
		return 0;
	printf("# %s: %#llx, not %#llx\n", what, (unsigned long long)have,
	       (unsigned long long)want);
	return -EBADMSG;
}

/* ---- steps: each gets the numbers of its line ---- */

static int features(struct scene *s, const uint64_t *n)
{
	uint64_t f = 0;
	int ret = vhost_get_features(s->v.fd, &f);

	/* A disk of ours may offer more; shadowing depends on what a card offers. */
	return ret ? ret : same("features", s->net ? f : f & n[0], n[0]);
}

static int set_features(struct scene *s, const uint64_t *n)
{
	s->v.features = n[0];
	return vhost_set_features(s->v.fd, n[0]);
}

static int backend(struct scene *s, const uint64_t *n)
{
	uint64_t f = 0;
	int ret = vhost_get_backend_features(s->v.fd, &f);

	return ret ? ret : same("backend features", f & n[0], n[0]);
}

static int set_backend(struct scene *s, const uint64_t *n)
{
	return vhost_set_backend_features(s->v.fd, n[0]);
}

static int range(struct scene *s, const uint64_t *n)
{
	uint64_t first, last;
	int ret = vdpa_get_iova_range(s->v.fd, &first, &last);

	ret = ret ? ret : same("first address", first, n[0]);
	return ret ? ret : same("last address", last, n[1]);
}

static int status(struct scene *s, const uint64_t *n)
{
	return same("status", vdpa_get_status(s->v.fd), n[0]);
}

static int set_status(struct scene *s, const uint64_t *n)
{
	/* A reset has the groups in address space 0, and nothing mapped. */
	if (!n[0]) {
		s->cvq_asid = 0;
		s->nmaps = 0;
	}
	return vdpa_set_status(s->v.fd, n[0]);
}

static int owner(struct scene *s, const uint64_t *n)
{
	(void)n;
	return vhost_set_owner(s->v.fd);
}

static int device_id(struct scene *s, const uint64_t *n)
{
	return same("device id", vdpa_get_device_id(s->v.fd), n[0]);
}

static int max_size(struct scene *s, const uint64_t *n)
{
	return same("queue size", vdpa_get_vring_num(s->v.fd), n[0]);
}

static int vqs_count(struct scene *s, const uint64_t *n)
{
	return same("queues", vdpa_get_vqs_count(s->v.fd), n[0]);
}

static int config_size(struct scene *s, const uint64_t *n)
{
	int size = vdpa_get_config_size(s->v.fd);

	return size < 0 ? size : size >= (int)n[0] ? 0 : -ENODATA;
}

static int get_config(struct scene *s, const uint64_t *n)
{
	char buf[256];

	return vdpa_get_config(s->v.fd, n[0], buf, n[1]);
}

/* SET_CONFIG: the MAC address. */
static int set_config(struct scene *s, const uint64_t *n)
{
	(void)n;
	return vdpa_set_config(s->v.fd, 0, "\x52\x54\x00\x12\x34\x56", 6);
}

static int config_call(struct scene *s, const uint64_t *n)
{
	return vdpa_set_config_call(s->v.fd, event(s, n[0]));
}

static int group(struct scene *s, const uint64_t *n)
{
	return same("group", vdpa_get_vring_group(s->v.fd, n[0]), n[1]);
}

static int group_asid(struct scene *s, const uint64_t *n)
{
	if (n[0] == 1)
		s->cvq_asid = n[1];
	return vdpa_set_group_asid(s->v.fd, n[0], n[1]);
}

static int num(struct scene *s, const uint64_t *n)
{
	s->v.vq[n[0]].ring.num = n[1];
	return vhost_set_vring_num(s->v.fd, n[0], n[1]);
}

static int base(struct scene *s, const uint64_t *n)
{
	return vhost_set_vring_base(s->v.fd, n[0], n[1]);
}

static int get_base(struct scene *s, const uint64_t *n)
{
	return same("base", vhost_get_vring_base(s->v.fd, n[0]), n[1]);
}

/* ADDR INDEX DESC USED AVAIL LOG; mappings may come later. */
static int addr(struct scene *s, const uint64_t *n)
{
	struct vhost_vring_addr *a = &s->v.vq[n[0]].addr;

	*a = (struct vhost_vring_addr) {
		.index = n[0],
		.desc_user_addr = n[1],
		.used_user_addr = n[2],
		.avail_user_addr = n[3],
		.log_guest_addr = n[4],
	};
	return vhost_set_vring_addr(s->v.fd, a);
}

static int kick(struct scene *s, const uint64_t *n)
{
	s->v.vq[n[0]].kick = event(s, n[1]);
	return vhost_set_vring_kick(s->v.fd, n[0], s->v.vq[n[0]].kick);
}

static int call(struct scene *s, const uint64_t *n)
{
	s->v.vq[n[0]].call = event(s, n[1]);
	return vhost_set_vring_call(s->v.fd, n[0], s->v.vq[n[0]].call);
}

static int enable(struct scene *s, const uint64_t *n)
{
	return vdpa_set_vring_enable(s->v.fd, n[0], 1);
}

static int suspend(struct scene *s, const uint64_t *n)
{
	(void)n;
	return vdpa_suspend(s->v.fd);
}

/* UPDATE ASID IOVA SIZE HVA PERM */
static int update(struct scene *s, const uint64_t *n)
{
	if (s->nmaps == MAX_MAPS)
		return -ENOSPC;
	s->maps[s->nmaps].asid = n[0];
	s->maps[s->nmaps].iova = n[1];
	s->maps[s->nmaps].size = n[2];
	s->maps[s->nmaps++].hva = n[3];
	return vdpa_map(s->v.fd, n[0], n[1], n[2], here(s, n[3]), n[4]);
}

static int invalidate(struct scene *s, const uint64_t *n)
{
	unsigned int i;

	for (i = 0; i < s->nmaps; i++)
		if (s->maps[i].asid == n[0] && s->maps[i].iova == n[1])
			s->maps[i--] = s->maps[--s->nmaps];
	return vdpa_unmap(s->v.fd, n[0], n[1], n[2]);
}

static int begin(struct scene *s, const uint64_t *n)
{
	return vdpa_batch(s->v.fd, n[0], true);
}

static int end(struct scene *s, const uint64_t *n)
{
	return vdpa_batch(s->v.fd, n[0], false);
}

/* RING INDEX BASE: the driver has its ring where the device was told. */
static int ring(struct scene *s, const uint64_t *n)
{
	struct vdpa_vq *q = &s->v.vq[n[0]];
	uint64_t asid = asid_of(s, n[0]);
	struct drv_place at = {
		.desc = there(s, asid, q->addr.desc_user_addr),
		.driver = there(s, asid, q->addr.avail_user_addr),
		.device = there(s, asid, q->addr.used_user_addr),
	};
	unsigned int size = q->ring.num;

	if (!at.desc || !at.driver || !at.device)
		return -ENXIO;
	drv_ring_free(&q->ring);
	return drv_ring_init(&q->ring, &drv_split, size, &at, n[1], false);
}

/* DISK COUNT ADDR: so many requests, with a buffer there. */
static int disk(struct scene *s, const uint64_t *n)
{
	unsigned char *buf = there(s, 0, n[1]);
	uint64_t i, j;
	int ret = 0;

	if (!buf)
		return -ENXIO;
	/* vblk_io() hands out guest memory. */
	s->v.ram = (char *)buf;
	s->v.iova = n[1];
	s->v.ram_size = 16384;
	for (i = 0; !ret && i < n[0]; i++) {
		s->v.ram_used = 8192;
		if (!(i % 2))
			for (j = 0; j < 4096; j++)
				buf[j] = s->seed + j;
		else
			memset(buf, 0, 4096);
		ret = vblk_io(&s->v, i % 2 ? VBLK_IN : VBLK_OUT, s->seed % 64, buf, 4096);
		for (j = 0; !ret && j < 4096; j++)
			if (buf[j] != (unsigned char)(s->seed + j))
				ret = -EBADMSG;
		s->seed += i % 2;
	}
	s->v.ram = NULL;
	return ret > 0 ? -EIO : ret;
}

/* FRAMES COUNT ADDR: out on one queue and in on the other. */
static int frames(struct scene *s, const uint64_t *n)
{
	struct drv_ring *rx = &s->v.vq[0].ring, *tx = &s->v.vq[1].ring;
	unsigned char *buf = there(s, 0, n[1]);
	struct drv_done done;
	uint64_t i;
	unsigned int j;
	int ret = 0;

	if (!buf)
		return -ENXIO;
	for (i = 0; !ret && i < n[0]; i++, s->seed++) {
		memset(buf, 0, 8192);
		/* To everybody: so it comes back. */
		memset(buf + NET_HDR, 0xff, 6);
		for (j = NET_HDR + 12; j < NET_HDR + FRAME; j++)
			buf[j] = s->seed + j;
		ret = drv_ring_add1(rx, n[1] + 4096, 2048, true, NULL);
		vdpa_kick(&s->v, 0);
		if (ret >= 0)
			ret = drv_ring_add1(tx, n[1], NET_HDR + FRAME, false, NULL);
		if (ret >= 0)
			ret = vdpa_turn(&s->v, 1);
		if (ret >= 0)
			ret = drv_ring_wait(rx, &done, VDPA_TIMEOUT_MS);
		if (ret < 0)
			return ret;
		ret = same("length", done.len, NET_HDR + FRAME) ?:
		      memcmp(buf + NET_HDR, buf + 4096 + NET_HDR, FRAME) ? -EBADMSG : 0;
	}
	return ret;
}

/* COMMAND OUT IN: the control queue is told a MAC address. */
static int command(struct scene *s, const uint64_t *n)
{
	unsigned char *out = there(s, s->cvq_asid, n[0]), *in = there(s, s->cvq_asid, n[1]);
	struct drv_buf bufs[] = { { n[0], 8, false }, { n[1], 1, true } };
	int ret;

	if (!out || !in)
		return -ENXIO;
	out[0] = VIRTIO_NET_CTRL_MAC;
	out[1] = VIRTIO_NET_CTRL_MAC_ADDR_SET;
	memcpy(out + 2, "\x52\x54\x00\x12\x34\x56", 6);
	*in = 0xff;
	ret = drv_ring_add(&s->v.vq[2].ring, bufs, 2, NULL);
	if (ret >= 0)
		ret = vdpa_turn(&s->v, 2);
	/* QEMU counts the bytes that were written. */
	return ret < 0 ? ret : same("length", ret, 1) ?: same("answer", *in, VIRTIO_NET_OK);
}

static const struct replay_op ops[] = {
	{ "FEATURES", features }, { "SET_FEATURES", set_features },
	{ "BACKEND", backend }, { "SET_BACKEND", set_backend },
	{ "RANGE", range }, { "STATUS", status }, { "SET_STATUS", set_status },
	{ "OWNER", owner }, { "ID", device_id }, { "SIZE", max_size },
	{ "QUEUES", vqs_count }, { "CONFIG_SIZE", config_size }, { "CONFIG", get_config },
	{ "SET_CONFIG", set_config }, { "CONFIG_CALL", config_call }, { "GROUP", group },
	{ "ASID", group_asid }, { "NUM", num }, { "BASE", base }, { "GET_BASE", get_base },
	{ "ADDR", addr }, { "KICK", kick }, { "CALL", call }, { "ENABLE", enable },
	{ "SUSPEND", suspend }, { "UPDATE", update }, { "INVALIDATE", invalidate },
	{ "BEGIN", begin }, { "END", end }, { "RING", ring }, { "DISK", disk },
	{ "FRAMES", frames }, { "COMMAND", command },
};

/* ---- recordings ---- */

#define STATUS_SET(s)	"SET_STATUS " s, "STATUS " s
#define STATUS_TO(from, to) "STATUS " from, "SET_STATUS " to, "STATUS " to
#define BACKENDS	"BACKEND 0x17e", "SET_BACKEND 0x1e"

/* The firmware's view of memory, at three times, and the guest's. */
#define DISK_ALL_OUT \
	"BEGIN 0", "INVALIDATE 0 0x0 0xc3000", "INVALIDATE 0 0xc3000 0x21000", \
	"INVALIDATE 0 0xe4000 0xc000", "INVALIDATE 0 0xf0000 0x10000", \
	"INVALIDATE 0 0x100000 0xff00000", "INVALIDATE 0 0xfffc0000 0x40000", "END 0"

#define DISK_START(base) \
	"BACKEND 0x17e", "SET_BACKEND 0x1e", "NUM 0 0x100", "BASE 0 " base, \
	"ADDR 0 0x2a3a000 0x2a3b240 0x2a3b000 0x2a3b240", "KICK 0 16", "ENABLE 0", \
	"BEGIN 0", "UPDATE 0 0x0 0xc3000 0x57b1f000 3", \
	"UPDATE 0 0xc3000 0x21000 0x57be2000 1", "UPDATE 0 0xe4000 0xc000 0x57c03000 3", \
	"UPDATE 0 0xf0000 0x10000 0x57c0f000 1", \
	"UPDATE 0 0x100000 0xff00000 0x57c1f000 3", \
	"UPDATE 0 0xfffc0000 0x40000 0x43a00000 1", "END 0", \
	STATUS_TO("0xb", "0xf"), "CONFIG_CALL 18", "CALL 0 17"

#define DISK_STOP(base) \
	"SUSPEND", "GET_BASE 0 " base, STATUS_SET("0x0"), STATUS_SET("0x3"), DISK_ALL_OUT, \
	"CONFIG_CALL -1"

static const char *const vblk[] = {
	"ID 2", "SIZE 256", "QUEUES 1", "RANGE 0 0xffffffffffffffff", "FEATURES 0x308007646",
	"STATUS 0", STATUS_SET("0x3"), "OWNER", "FEATURES 0x308007646", "CALL 0 15",
	"CONFIG_SIZE 60", "CONFIG 0 60",
	/* the firmware's driver */
	"CONFIG 0 60", "SET_FEATURES 0x300000046", STATUS_TO("0x3", "0xb"), BACKENDS,
	"NUM 0 0x100", "BASE 0 0", "ADDR 0 0xffdd000 0xffdf000 0xffde000 0xffdf000", "KICK 0 16",
	"ENABLE 0", "BEGIN 0", "UPDATE 0 0x0 0x10000000 0x57b1f000 3",
	"UPDATE 0 0xfffc0000 0x40000 0x43a00000 1", "END 0", STATUS_TO("0xb", "0xf"),
	"CONFIG_CALL 18", "CALL 0 17",
	"RING 0 0",
	/* all memory is mapped anew, and then a part of it, while the queue runs */
	"BEGIN 0", "INVALIDATE 0 0x0 0x10000000", "UPDATE 0 0x0 0xc3000 0x57b1f000 3",
	"UPDATE 0 0xc3000 0x15000 0x57be2000 1", "UPDATE 0 0xd8000 0x18000 0x57bf7000 3",
	"UPDATE 0 0xf0000 0x10000 0x57c0f000 1", "UPDATE 0 0x100000 0xff00000 0x57c1f000 3",
	"END 0",
	"BEGIN 0", "INVALIDATE 0 0xc3000 0x15000", "INVALIDATE 0 0xd8000 0x18000",
	"UPDATE 0 0xc3000 0x21000 0x57be2000 1", "UPDATE 0 0xe4000 0xc000 0x57c03000 3", "END 0",
	"DISK 1 0x1000000",
	DISK_STOP("1"),
	/* the guest's */
	"CONFIG 0 60", "SET_FEATURES 0x300007646", STATUS_TO("0x3", "0xb"), DISK_START("0"),
	"RING 0 0", "DISK 7 0x2000000", "CONFIG 0 60",
	DISK_STOP("7"),
	"SET_FEATURES 0x300007646", STATUS_TO("0x3", "0xb"), DISK_START("7"),
	DISK_STOP("7"),
};

#define NET_FEATURES	"FEATURES 0x308830028"

/* Is the control queue alone in its group? */
#define NET_PROBE \
	"BACKEND 0x17e", "SET_STATUS 3", "SET_FEATURES 0x308830028", "SET_STATUS 0xb", \
	"GROUP 2 1", "GROUP 0 0", "GROUP 1 0", "SET_STATUS 0", NET_FEATURES

#define NET_QUEUE(i, desc, used, avail, fd) \
	"NUM " i " 0x100", "BASE " i " 0", "ADDR " i " " desc " " used " " avail " " used, \
	"KICK " i " " fd

/* Passed through, the control queue in an address space of its own. */
#define NET_START(from, to) \
	"CALL 0 20", "CALL 1 21", "SET_FEATURES 0x300830000", from, BACKENDS, \
	NET_QUEUE("0", "0x26b0000", "0x26b1240", "0x26b1000", "16"), \
	NET_QUEUE("1", "0x26b2000", "0x26b3240", "0x26b3000", "18"), \
	"CONFIG_CALL 23", "GROUP 2 1", "ASID 1 1", "UPDATE 1 0x1000 0x1000 0x4003d000 1", \
	"UPDATE 1 0x2000 0x1000 0x4003e000 3", "BACKEND 0x17e", "NUM 2 0x40", "BASE 2 0", \
	"KICK 2 26", "CALL 2 27", "UPDATE 1 0x3000 0x1000 0x4003f000 1", \
	"UPDATE 1 0x4000 0x1000 0x40040000 3", "ADDR 2 0x3000 0x4000 0x3400 0", \
	"BEGIN 0", "UPDATE 0 0x0 0xc3000 0x5c000000 3", \
	"UPDATE 0 0xc3000 0x21000 0x5c0c3000 1", "UPDATE 0 0xe4000 0xc000 0x5c0e4000 3", \
	"UPDATE 0 0xf0000 0x10000 0x5c0f0000 1", "UPDATE 0 0x100000 0x1ff00000 0x5c100000 3", \
	"UPDATE 0 0xfffc0000 0x40000 0x43a00000 1", "END 0", "RING 2 0", to, \
	"CONFIG_CALL 23", "ENABLE 2", "COMMAND 0x1000 0x2000", "ENABLE 0", "ENABLE 1"

#define NET_STOP \
	"SUSPEND", "GET_BASE 0 0", "GET_BASE 1 0", "CONFIG_CALL -1", \
	"INVALIDATE 1 0x3000 0x1000", "INVALIDATE 1 0x4000 0x1000", STATUS_SET("0x0"), \
	STATUS_SET("0x3"), "BEGIN 0", "INVALIDATE 0 0x0 0xc3000", \
	"INVALIDATE 0 0xc3000 0x21000", "INVALIDATE 0 0xe4000 0xc000", \
	"INVALIDATE 0 0xf0000 0x10000", "INVALIDATE 0 0x100000 0x1ff00000", \
	"INVALIDATE 0 0xfffc0000 0x40000", "END 0", "CONFIG_CALL -1", \
	"INVALIDATE 1 0x1000 0x1000", "INVALIDATE 1 0x2000 0x1000", "CALL 0 10", "CALL 1 11"

/* Shadowed: rings of QEMU's, each mapped as it comes, then memory where there is room. */
#define SVQ_START(ram, ram2, ram3, ram4, ram5, ...) \
	BACKENDS, "NUM 0 0x100", "NUM 1 0x100", "BASE 0 0", "KICK 0 26", "CALL 0 27", \
	"UPDATE 0 0x1000 0x2000 0x4003f000 1", "UPDATE 0 0x3000 0x1000 0x40041000 3", \
	"ADDR 0 0x1000 0x3000 0x2000 0", "BASE 1 0", "KICK 1 28", "CALL 1 29", \
	"UPDATE 0 0x4000 0x2000 0x40042000 1", "UPDATE 0 0x6000 0x1000 0x40044000 3", \
	"ADDR 1 0x4000 0x6000 0x5000 0", "CONFIG_CALL 24", \
	"UPDATE 0 0x7000 0x1000 0x4003d000 1", "UPDATE 0 0x8000 0x1000 0x4003e000 3", \
	"BACKEND 0x17e", "NUM 2 0x40", "BASE 2 0", "KICK 2 31", "CALL 2 32", \
	"UPDATE 0 0x9000 0x1000 0x40045000 1", "UPDATE 0 0xa000 0x1000 0x40046000 3", \
	"ADDR 2 0x9000 0xa000 0x9400 0", "BEGIN 0", "UPDATE 0 0xb000 0xc3000 " ram " 3", \
	"UPDATE 0 0xce000 0x21000 " ram2 " 1", "UPDATE 0 0xef000 0xc000 " ram3 " 3", \
	"UPDATE 0 0xfb000 0x10000 " ram4 " 1", "UPDATE 0 0x10b000 0x1ff00000 " ram5 " 3", \
	"UPDATE 0 0x2000b000 0x40000 0x43a00000 1", "END 0", \
	"RING 0 0", "RING 1 0", "RING 2 0", __VA_ARGS__, "CONFIG_CALL 24", \
	"ENABLE 2", "COMMAND 0x7000 0x8000", "ENABLE 0", "ENABLE 1", "FRAMES 20 0x200000"

#define SVQ_STOP \
	"SUSPEND", "INVALIDATE 0 0x1000 0x2000", "INVALIDATE 0 0x3000 0x1000", \
	"INVALIDATE 0 0x4000 0x2000", "INVALIDATE 0 0x6000 0x1000", "CONFIG_CALL -1", \
	"INVALIDATE 0 0x9000 0x1000", "INVALIDATE 0 0xa000 0x1000", STATUS_SET("0x0"), \
	STATUS_SET("0x3"), "BEGIN 0", "INVALIDATE 0 0xb000 0xc3000", \
	"INVALIDATE 0 0xce000 0x21000", "INVALIDATE 0 0xef000 0xc000", \
	"INVALIDATE 0 0xfb000 0x10000", "INVALIDATE 0 0x10b000 0x1ff00000", \
	"INVALIDATE 0 0x2000b000 0x40000", "END 0", "CONFIG_CALL -1", \
	"INVALIDATE 0 0x7000 0x1000", "INVALIDATE 0 0x8000 0x1000"

static const char *const vdpa1[] = {
	NET_FEATURES, "RANGE 0 0xffffffffffffffff", NET_FEATURES, "STATUS 0", STATUS_SET("0x3"),
	"OWNER", NET_FEATURES, "CALL 0 10", "CALL 1 11", "ID 1", NET_PROBE, "CALL 0 12", "ID 1",
	"SET_CONFIG", "SET_STATUS 0", "SET_STATUS 0", "CONFIG 0 8",
	NET_START(STATUS_TO("0", "0x8"), STATUS_TO("0x8", "0xc")), "CONFIG 0 8",
	NET_STOP,
	NET_START(STATUS_TO("0x3", "0xb"), STATUS_TO("0xb", "0xf")), "CONFIG 0 8",
	NET_STOP,
	/* a migration begins */
	"CALL 0 20", "CALL 1 21", "SET_FEATURES 0x300830000", STATUS_TO("0x3", "0xb"),
	SVQ_START("0x5c000000", "0x5c0c3000", "0x5c0e4000", "0x5c0f0000", "0x5c100000",
		  STATUS_TO("0xb", "0xf")),
	"BACKEND 0x17e", "SET_BACKEND 0x1e", "BACKEND 0x17e", "CONFIG 0 8",
	SVQ_STOP,
};

#define SVQ2_RAM \
	"0x57b1f000", "0x57be2000", "0x57c03000", "0x57c0f000", "0x57c1f000"
#define SVQ2_START(...)	SVQ_START(__VA_ARGS__)

static const char *const vdpa2[] = {
	NET_FEATURES, "RANGE 0 0xffffffffffffffff", "STATUS 0", STATUS_SET("0x3"),
	"OWNER", NET_FEATURES, "ID 1", NET_PROBE, "ID 1", "SET_CONFIG", "SET_STATUS 0",
	"SET_STATUS 0", "CONFIG 0 8", "SET_FEATURES 0x300830000", STATUS_TO("0", "0x8"),
	SVQ2_START(SVQ2_RAM, STATUS_TO("0x8", "0xc")), "CONFIG 0 8",
	SVQ_STOP,
	"SET_FEATURES 0x300830000", STATUS_TO("0x3", "0xb"),
	SVQ2_START(SVQ2_RAM, STATUS_TO("0xb", "0xf")), "CONFIG 0 8",
	SVQ_STOP,
};

/* ---- playing them ---- */

static int play(struct scene *s, const char *const *lines, unsigned int count)
{
	return replay(s, ops, ARRAY_LEN(ops), lines, count);
}

FIXTURE(replay) {
	struct scene s;
};

FIXTURE_VARIANT(replay) {
	const char *mgmt;
	const char *const *lines;
	unsigned int count;
};

FIXTURE_VARIANT_ADD(replay, disk) {
	.mgmt = "vdpasim_blk", .lines = vblk, .count = ARRAY_LEN(vblk),
};

FIXTURE_VARIANT_ADD(replay, net_and_migration) {
	.mgmt = "vdpasim_net", .lines = vdpa1, .count = ARRAY_LEN(vdpa1),
};

FIXTURE_VARIANT_ADD(replay, net_shadowed) {
	.mgmt = "vdpasim_net", .lines = vdpa2, .count = ARRAY_LEN(vdpa2),
};

FIXTURE_SETUP(replay)
{
	struct scene *s = &self->s;
	unsigned int i;
	int ret;

	vdpa_init(&s->v);
	for (i = 0; i < MAX_EVENTS; i++)
		s->event[i] = -1;
	s->dev.nl.fd = -1;
	ret = vdpa_reload("", "");
	if (!ret)
		ret = vdpa_dev_new(&s->dev, variant->mgmt, "q0", 0);
	if (ret == -ENOENT)
		SKIP(return, "no simulators");
	ASSERT_EQ(0, ret);
	s->net = !strcmp(variant->mgmt, "vdpasim_net");
	s->mem = mmap(NULL, HVA_SIZE, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ASSERT_NE(MAP_FAILED, s->mem);
	s->v.fd = vhost_open(s->dev.path, 0);
	ASSERT_LE(0, s->v.fd);
}

FIXTURE_TEARDOWN(replay)
{
	struct scene *s = &self->s;

	s->v.ram = NULL;
	vdpa_close(&s->v);
	if (s->mem)
		munmap(s->mem, HVA_SIZE);
	vdpa_dev_del(&s->dev);
}

TEST_F(replay, qemu)
{
	EXPECT_EQ(0, play(&self->s, variant->lines, variant->count));
}

TEST_HARNESS_MAIN
