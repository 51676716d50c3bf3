// SPDX-License-Identifier: GPL-2.0-only
/* The calls that programs are made of, and where their arguments come from. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "calls.h"
#include "driver.h"
#include "libtarget.h"
#include "libtime.h"
#include "libvdpa.h"
#include "libvsock.h"

#define ARRAY_LEN(a)	(sizeof(a) / sizeof((a)[0]))
#define ANY	0xff
#define VHOST	(1 << KIND_NET | 1 << KIND_VSOCK | 1 << KIND_SCSI)
#define VDPA	(1 << KIND_VDPA_NET | 1 << KIND_VDPA_BLK | 1 << KIND_VDPA_BELL)

enum args { NONE, FEATURES, U32, U64, U8, STATE, ADDR, EVENT, BACKEND, WORKER, VQ_WORKER, MEM,
	    UPDATE, ARRAY, TARGET, CID, CONFIG, RANGE, LOG, FD };

struct ioctl_desc {
	const char *name;
	unsigned long request;
	enum args args;
	unsigned int kinds;
};

#define IOCTL(name, args, kinds) { #name, VHOST_##name, args, kinds }

static const struct ioctl_desc ioctls[] = {
	IOCTL(GET_FEATURES, U64, ANY), IOCTL(SET_FEATURES, FEATURES, ANY),
	IOCTL(SET_OWNER, NONE, ANY), IOCTL(RESET_OWNER, NONE, ANY),
	IOCTL(SET_MEM_TABLE, MEM, VHOST), IOCTL(UPDATE_MEM_REGIONS, UPDATE, VHOST),
	IOCTL(SET_LOG_BASE, LOG, VHOST), IOCTL(SET_LOG_FD, FD, VHOST),
	IOCTL(NEW_WORKER, WORKER, VHOST), IOCTL(FREE_WORKER, WORKER, VHOST),
	IOCTL(SET_VRING_NUM, STATE, ANY), IOCTL(SET_VRING_ADDR, ADDR, ANY),
	IOCTL(SET_VRING_BASE, STATE, ANY), IOCTL(GET_VRING_BASE, STATE, ANY),
	IOCTL(SET_VRING_ENDIAN, STATE, ANY), IOCTL(GET_VRING_ENDIAN, STATE, ANY),
	IOCTL(ATTACH_VRING_WORKER, VQ_WORKER, VHOST), IOCTL(GET_VRING_WORKER, VQ_WORKER, VHOST),
	IOCTL(SET_VRING_KICK, EVENT, ANY), IOCTL(SET_VRING_CALL, EVENT, ANY),
	IOCTL(SET_VRING_ERR, EVENT, ANY),
	IOCTL(SET_VRING_BUSYLOOP_TIMEOUT, STATE, VHOST),
	IOCTL(GET_VRING_BUSYLOOP_TIMEOUT, STATE, VHOST),
	IOCTL(SET_BACKEND_FEATURES, U64, ANY), IOCTL(GET_BACKEND_FEATURES, U64, ANY),
	IOCTL(NET_SET_BACKEND, BACKEND, 1 << KIND_NET),
	IOCTL(SCSI_SET_ENDPOINT, TARGET, 1 << KIND_SCSI),
	IOCTL(SCSI_CLEAR_ENDPOINT, TARGET, 1 << KIND_SCSI),
	IOCTL(SCSI_GET_ABI_VERSION, U32, 1 << KIND_SCSI),
	IOCTL(SCSI_SET_EVENTS_MISSED, U32, 1 << KIND_SCSI),
	IOCTL(SCSI_GET_EVENTS_MISSED, U32, 1 << KIND_SCSI),
	IOCTL(VSOCK_SET_GUEST_CID, CID, 1 << KIND_VSOCK),
	IOCTL(VSOCK_SET_RUNNING, U32, 1 << KIND_VSOCK),
	IOCTL(VDPA_GET_DEVICE_ID, U32, VDPA), IOCTL(VDPA_GET_STATUS, U8, VDPA),
	IOCTL(VDPA_SET_STATUS, U8, VDPA), IOCTL(VDPA_GET_CONFIG, CONFIG, VDPA),
	IOCTL(VDPA_SET_CONFIG, CONFIG, VDPA), IOCTL(VDPA_SET_VRING_ENABLE, STATE, VDPA),
	IOCTL(VDPA_GET_VRING_NUM, U32, VDPA), IOCTL(VDPA_SET_CONFIG_CALL, FD, VDPA),
	IOCTL(VDPA_GET_IOVA_RANGE, RANGE, VDPA), IOCTL(VDPA_GET_CONFIG_SIZE, U32, VDPA),
	IOCTL(VDPA_GET_AS_NUM, U32, VDPA), IOCTL(VDPA_GET_VRING_GROUP, STATE, VDPA),
	IOCTL(VDPA_SET_GROUP_ASID, STATE, VDPA), IOCTL(VDPA_SUSPEND, NONE, VDPA),
	IOCTL(VDPA_RESUME, NONE, VDPA), IOCTL(VDPA_GET_VRING_DESC_GROUP, STATE, VDPA),
	IOCTL(VDPA_GET_VQS_COUNT, U32, VDPA), IOCTL(VDPA_GET_GROUP_NUM, U32, VDPA),
	IOCTL(VDPA_GET_VRING_SIZE, STATE, VDPA),
	IOCTL(GET_FEATURES_ARRAY, ARRAY, ANY), IOCTL(SET_FEATURES_ARRAY, ARRAY, ANY),
	IOCTL(SET_FORK_FROM_OWNER, U8, VHOST), IOCTL(GET_FORK_FROM_OWNER, U8, VHOST),
};

/* Room for any argument; some calls write to it. */
union arg {
	uint64_t words[80];
	uint32_t u32[160];
	uint8_t bytes[640];
	struct vhost_memory mem;
	struct vhost_vring_addr addr;
	struct vhost_scsi_target target;
};

static uint64_t pick_edge(struct rnd *r)
{
	static const uint64_t edges[] = {
		0, 1, 2, 3, 7, 8, 15, 0x40, 0x80, 0xff, 0x100, 0xfff, 0x1000, 0x7fff, 0x8000,
		0xffff, 0x10000, 0x7fffffff, 0x80000000, UINT32_MAX, 0x100000000, 1ULL << 47,
		1ULL << 62, 1ULL << 63, RAM_ADDR, RAM_ADDR + RAM_SIZE, LOG_ADDR, UINT64_MAX,
	};

	return rnd(r, 8) ? edges[rnd(r, ARRAY_LEN(edges))] + rnd(r, 3) - 1 :
			   (uint64_t)rnd(r, UINT32_MAX) << rnd(r, 32);
}

static uint64_t pick_features(struct rnd *r)
{
	static const uint8_t bits[] = { 15, 24, 26, 27, 28, 29, 32, 33, 34, 35, 38, 40, 1, 5, 17 };
	uint64_t f = rnd(r, 4) ? F_VERSION_1 : 0;
	unsigned int n = rnd(r, 5);

	while (n--)
		f |= BIT64(bits[rnd(r, ARRAY_LEN(bits))]);
	return rnd(r, 32) ? f : pick_edge(r);
}

static int pick_fd(struct world *w, struct rnd *r)
{
	switch (rnd(r, 8)) {
	case 0:
		return -1;
	case 1:
		return w->backend[rnd(r, 2)];
	case 2:
		return w->dev[rnd(r, KINDS)].fd;
	default:
		return w->event[rnd(r, EVENTS)];
	}
}

static void pick_region(struct rnd *r, uint64_t *region)
{
	uint64_t off = rnd(r, 8) ? 0 : rnd(r, RAM_SIZE / 4096) * 4096;

	region[0] = rnd(r, 8) ? off : pick_edge(r);
	region[1] = rnd(r, 8) ? RAM_SIZE - off : pick_edge(r);
	region[2] = rnd(r, 8) ? RAM_ADDR + off : pick_edge(r);
	region[3] = rnd(r, 32) ? 0 : pick_edge(r);
}

static void fill_mem(struct rnd *r, union arg *a)
{
	unsigned int n = rnd(r, 4), i;
	uint64_t cut = (1 + rnd(r, RAM_SIZE / 4096 - 1)) * 4096;

	a->mem.nregions = rnd(r, 16) ? n : pick_edge(r);
	a->mem.padding = rnd(r, 64) ? 0 : 1;
	for (i = 0; i < n; i++)
		pick_region(r, (uint64_t *)&a->mem.regions[i]);
	if (n == 2 && rnd(r, 4)) {
		memcpy(a->mem.regions, (struct vhost_memory_region[2]){
			{ 0, cut, RAM_ADDR, 0 },
			{ cut, RAM_SIZE - cut, RAM_ADDR + cut, 0 } }, 64);
	}
}

/* What follows the argument proper: a second part, in the same memory. */
static void fill_update(struct rnd *r, union arg *a)
{
	struct vhost_mem_update *u = (void *)a;
	unsigned int i;

	u->nremove = rnd(r, 3);
	u->nadd = rnd(r, 3);
	u->remove = (uintptr_t)&a->words[32];
	u->add = (uintptr_t)&a->words[48];
	for (i = 0; i < 2; i++) {
		pick_region(r, &a->words[32 + i * 4]);
		pick_region(r, &a->words[48 + i * 4]);
	}
}

static void fill_addr(struct device *d, struct rnd *r, union arg *a)
{
	unsigned int q = rnd(r, QUEUES + 1);

	a->addr = driver_addr(d, q % QUEUES);
	a->addr.index = q;
	if (!rnd(r, 4))
		a->addr.flags = rnd(r, 3);
	if (!rnd(r, 8))
		(&a->addr.desc_user_addr)[rnd(r, 4)] = pick_edge(r);
}

static void fill(struct world *w, struct device *d, const struct ioctl_desc *i, struct rnd *r,
		 union arg *a)
{
	a->u32[0] = rnd(r, 8) ? rnd(r, QUEUES) : pick_edge(r);
	a->u32[1] = rnd(r, 2) ? rnd(r, 3) : pick_edge(r);
	switch (i->args) {
	case FEATURES:
		a->words[0] = pick_features(r);
		d->packed = a->words[0] & F_PACKED;
		d->iommu = a->words[0] & F_ACCESS_PLATFORM;
		break;
	case STATE:
		if (i->request == VHOST_SET_VRING_NUM && rnd(r, 4))
			a->u32[1] = QUEUE_NUM;
		break;
	case ADDR:
		fill_addr(d, r, a);
		break;
	case EVENT:
		a->u32[1] = pick_fd(w, r);
		break;
	case BACKEND:
		a->u32[1] = rnd(r, 2) ? w->backend[rnd(r, 3)] : pick_fd(w, r);
		break;
	case FD:
		a->u32[0] = pick_fd(w, r);
		break;
	case MEM:
		fill_mem(r, a);
		break;
	case UPDATE:
		fill_update(r, a);
		break;
	case ARRAY:
		a->words[0] = rnd(r, 8) ? rnd(r, 4) : pick_edge(r);
		a->words[1] = pick_features(r);
		a->words[2] = rnd(r, 4) ? 0 : pick_edge(r);
		break;
	case TARGET:
		memset(&a->target, 0, sizeof(a->target));
		strcpy(a->target.vhost_wwpn, rnd(r, 8) ? TARGET_WWN : TARGET_WWN2);
		a->target.vhost_tpgt = rnd(r, 8) ? 0 : rnd(r, UINT16_MAX);
		a->target.abi_version = rnd(r, 16) ? 0 : 1;
		if (!rnd(r, 16))
			memset(a->target.vhost_wwpn, 'x', sizeof(a->target.vhost_wwpn));
		break;
	case CID:
		a->words[0] = rnd(r, 4) ? VS_CID + rnd(r, 3) : pick_edge(r);
		break;
	case CONFIG:
		a->u32[0] = rnd(r, 4) ? rnd(r, 64) : pick_edge(r);
		a->u32[1] = rnd(r, 4) ? rnd(r, 64) : pick_edge(r);
		break;
	case LOG:
		a->words[0] = rnd(r, 4) ? LOG_ADDR : pick_edge(r);
		break;
	case U8:
		a->u32[0] = rnd(r, 4) ? (uint32_t[]){ 0, 1, 3, 11, 15 }[rnd(r, 5)] : rnd(r, 256);
		break;
	default:
		if (i->args == U64)
			a->words[0] = rnd(r, 2) ? rnd(r, 0x200) : pick_edge(r);
	}
}

static int run_ioctl(struct world *w, const struct ioctl_desc *i, struct rnd *r)
{
	struct device *d;
	union arg a;
	void *arg = &a;

	do
		d = &w->dev[rnd(r, KINDS)];
	while (!(i->kinds & 1 << d->kind) && rnd(r, 64));
	memset(&a, 0, sizeof(a));
	fill(w, d, i, r, &a);
	if (!rnd(r, 64))
		arg = (void *)pick_edge(r);
	return vhost_ioctl(d->fd, i->request, arg);
}

/* ---- what is not an ioctl ---- */

static int op_bring_up(struct world *w, struct rnd *r)
{
	struct device *d = &w->dev[rnd(r, KINDS)];

	return driver_bring_up(w, d, pick_features(r));
}

static int op_work(struct world *w, struct rnd *r)
{
	struct device *d = &w->dev[rnd(r, KINDS)];
	unsigned int n = 1 + rnd(r, 16), q = rnd(r, QUEUES);

	while (n--)
		driver_add(w, d, q, r);
	event_signal(w->event[q % EVENTS]);
	return 0;
}

/* A queue goes to a worker of its own while there is work for it, and away before that ends. */
static int op_workers(struct world *w, struct rnd *r)
{
	struct device *d = &w->dev[rnd(r, KIND_VDPA_NET)];
	struct vhost_vring_worker home, away = { .index = rnd(r, 2) };
	struct vhost_worker_state worker;
	int ret;

	home = away;
	ret = vhost_ioctl(d->fd, VHOST_GET_VRING_WORKER, &home);
	if (!ret)
		ret = vhost_ioctl(d->fd, VHOST_NEW_WORKER, &worker);
	if (ret)
		return ret;
	away.worker_id = worker.worker_id;
	ret = vhost_ioctl(d->fd, VHOST_ATTACH_VRING_WORKER, &away);
	driver_add(w, d, away.index, r);
	event_signal(w->event[away.index % EVENTS]);
	if (rnd(r, 2))
		nap_us(rnd(r, 200));
	vhost_ioctl(d->fd, VHOST_ATTACH_VRING_WORKER, &home);
	vhost_ioctl(d->fd, VHOST_FREE_WORKER, &worker);
	return ret;
}

static int op_iotlb(struct world *w, struct rnd *r)
{
	struct device *d = &w->dev[rnd(r, KINDS)];
	struct vhost_msg_v2 m = { .type = rnd(r, 8) ? VHOST_IOTLB_MSG_V2 : VHOST_IOTLB_MSG };
	uint64_t off = rnd(r, 4) ? 0 : rnd(r, RAM_SIZE);
	struct vhost_msg old = { .type = m.type };

	m.asid = rnd(r, 8) ? 0 : rnd(r, 4);
	m.iotlb.type = 1 + rnd(r, 7);
	m.iotlb.perm = rnd(r, 8) ? 3 : rnd(r, 5);
	m.iotlb.iova = rnd(r, 8) ? off : pick_edge(r);
	m.iotlb.size = rnd(r, 8) ? RAM_SIZE - off : pick_edge(r);
	m.iotlb.uaddr = rnd(r, 8) ? RAM_ADDR + off : pick_edge(r);
	if (rnd(r, 4))
		return write(d->fd, &m, rnd(r, 16) ? sizeof(m) : rnd(r, sizeof(m))) < 0 ? -errno : 0;
	old.iotlb = m.iotlb;
	return write(d->fd, &old, sizeof(old)) < 0 ? -errno : 0;
}

static int op_read(struct world *w, struct rnd *r)
{
	struct device *d = &w->dev[rnd(r, KINDS)];
	struct pollfd p = { d->fd, POLLIN | POLLOUT, 0 };
	char buf[128];

	poll(&p, 1, 0);
	return read(d->fd, buf, rnd(r, sizeof(buf))) < 0 ? -errno : 0;
}

/* Part of guest memory goes, comes back, or cannot be written for a while. */
static int op_memory(struct world *w, struct rnd *r)
{
	uint32_t off = rnd(r, RAM_SIZE / 4096) * 4096, len = 4096 * (1 + rnd(r, 16));
	void *at = (void *)(RAM_ADDR + off);

	if (len > RAM_SIZE - off)
		len = RAM_SIZE - off;
	switch (rnd(r, 6)) {
	case 0:
		return munmap(at, len) ? -errno : 0;
	case 1:
		return mprotect(at, len, rnd(r, 2) ? PROT_READ : PROT_NONE) ? -errno : 0;
	case 2:
		return madvise(at, len, rnd(r, 2) ? MADV_DONTNEED : MADV_REMOVE) ? -errno : 0;
	default:
		return mmap((void *)RAM_ADDR, RAM_SIZE, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_FIXED, w->memfd, 0) == MAP_FAILED ? -errno : 0;
	}
}

static int op_reopen(struct world *w, struct rnd *r)
{
	return world_reopen(w, &w->dev[rnd(r, KINDS)]);
}

static int op_map(struct world *w, struct rnd *r)
{
	struct device *d = &w->dev[rnd(r, 4) ? KIND_VDPA_BELL : KIND_VDPA_NET];
	volatile uint16_t *at = mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, d->fd,
				     rnd(r, 4) * 4096);

	if (at == MAP_FAILED)
		return -errno;
	*at = rnd(r, QUEUES);
	return munmap((void *)at, 4096);
}

static int op_netlink(struct world *w, struct rnd *r)
{
	static const char *const names[] = { "fz0", "fz1", "fz0", "fz1", "", "nobody" };
	static const char *const mgmt[] = { "vdpasim_net", "vdpasim_blk", "nobody" };
	struct vnl *nl = world_netlink(w);
	struct vnl_req req;
	int ret;

	if (!nl)
		return -EBUSY;
	vnl_begin(&req, rnd(r, 2) ? 3 + rnd(r, 2) : rnd(r, 12), rnd(r, 4) ? 0 : 0x300);
	if (rnd(r, 8))
		vnl_put_str(&req, VDPA_ATTR_DEV_NAME, names[rnd(r, ARRAY_LEN(names))]);
	if (rnd(r, 2))
		vnl_put_str(&req, VDPA_ATTR_MGMTDEV_DEV_NAME, mgmt[rnd(r, 3)]);
	if (!rnd(r, 4))
		vnl_put_u16(&req, VDPA_ATTR_DEV_NET_CFG_MAX_VQP, rnd(r, 4));
	if (!rnd(r, 4))
		vnl_put_u64(&req, VDPA_ATTR_DEV_FEATURES, pick_features(r));
	if (!rnd(r, 4))
		vnl_put_u32(&req, VDPA_ATTR_DEV_QUEUE_INDEX, rnd(r, 4));
	ret = vnl_do(nl, &req, NULL, NULL);
	world_netlink_done(w);
	return ret;
}

static int op_configfs(struct world *w, struct rnd *r)
{
	(void)w;
	switch (rnd(r, 5)) {
	case 0:
		return target_lun_del(TARGET_WWN, "tpgt_0", rnd(r, 4));
	case 1:
		return target_lun_add(TARGET_WWN, "tpgt_0", 0, "disk");
	case 2:
		return target_nexus(TARGET_WWN, "tpgt_0", "NULL");
	case 3:
		return target_nexus(TARGET_WWN, "tpgt_0", TARGET_NEXUS);
	default:
		return target_lun_add(TARGET_WWN, "tpgt_0", 1 + rnd(r, 3), "disk");
	}
}

/* A socket takes the place of another one. */
static void keep_socket(struct world *w, struct rnd *r, int fd)
{
	int old = __atomic_exchange_n(&w->sock[rnd(r, SOCKS)], fd, __ATOMIC_RELAXED);

	if (old >= 0)
		close(old);
}

/* From a port that the guest's packets name, so that they are answers at times. */
static int op_connect(struct world *w, struct rnd *r)
{
	int fd = socket(AF_VSOCK, (rnd(r, 2) ? SOCK_STREAM : SOCK_SEQPACKET) | SOCK_NONBLOCK, 0);
	struct sockaddr_vm from = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY,
				    .svm_port = rnd(r, PORTS) };
	struct sockaddr_vm to = { .svm_family = AF_VSOCK,
				  .svm_cid = rnd(r, 4) ? VS_CID : VS_CID + rnd(r, 3),
				  .svm_port = rnd(r, PORTS) };
	int ret;

	if (fd < 0)
		return -errno;
	bind(fd, (struct sockaddr *)&from, sizeof(from));
	/* One that fails has its place as well. */
	ret = connect(fd, (struct sockaddr *)&to, sizeof(to)) && errno != EINPROGRESS ? -errno : 0;
	keep_socket(w, r, fd);
	return ret;
}

static int op_socket(struct world *w, struct rnd *r)
{
	static char data[65536];
	int fd = w->sock[rnd(r, SOCKS)];
	uint64_t room = pick_edge(r);
	ssize_t n;

	switch (rnd(r, 8)) {
	case 0:
		fd = accept4(w->listener[rnd(r, 2)], NULL, NULL, SOCK_NONBLOCK);
		if (fd < 0)
			return -errno;
		keep_socket(w, r, fd);
		return 0;
	case 1:
		return shutdown(fd, rnd(r, 3)) ? -errno : 0;
	case 2:
		return setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_BUFFER_SIZE, &room, sizeof(room)) ?
		       -errno : 0;
	case 3:
	case 4:
		n = recv(fd, data, rnd(r, sizeof(data)), MSG_DONTWAIT);
		break;
	default:
		n = send(fd, data, rnd(r, rnd(r, 4) ? 300 : sizeof(data)),
			 MSG_DONTWAIT | MSG_NOSIGNAL | (rnd(r, 2) ? 0 : MSG_EOR));
		break;
	}
	return n < 0 ? -errno : 0;
}

static int op_frames(struct world *w, struct rnd *r)
{
	/* Behind a virtio-net header of 12 bytes. */
	char frame[76] = { [12] = -1, -1, -1, -1, -1, -1, 2, 0, 0, 0, 0, 1, 8, 0x06 };
	struct iovec iov = { frame, 26 + rnd(r, 50) };

	/* Into the tap, as if the network stack had sent it, and out of it. */
	if (rnd(r, 2))
		return readv(w->backend[0], &iov, 1) < 0 ? -errno : 0;
	return writev(w->backend[0], &iov, 1) < 0 ? -errno : 0;
}

static const struct {
	const char *name;
	int (*run)(struct world *w, struct rnd *r);
	unsigned int weight;
} others[] = {
	{ "bring up", op_bring_up, 16 }, { "work", op_work, 16 }, { "iotlb", op_iotlb, 6 },
	{ "workers", op_workers, 2 }, { "read", op_read, 2 }, { "memory", op_memory, 6 },
	{ "reopen", op_reopen, 3 }, { "map", op_map, 1 }, { "netlink", op_netlink, 3 },
	{ "configfs", op_configfs, 1 }, { "connect", op_connect, 3 }, { "socket", op_socket, 6 },
	{ "frames", op_frames, 4 },
};

unsigned int op_count(void)
{
	unsigned int n = ARRAY_LEN(ioctls), i;

	for (i = 0; i < ARRAY_LEN(others); i++)
		n += others[i].weight;
	return n;
}

/* Which of others[] a number stands for. */
static unsigned int other_of(unsigned int op)
{
	unsigned int i;

	op -= ARRAY_LEN(ioctls);
	for (i = 0; op >= others[i].weight; i++)
		op -= others[i].weight;
	return i;
}

unsigned int op_kinds(void)
{
	return ARRAY_LEN(ioctls) + ARRAY_LEN(others);
}

const char *op_name(unsigned int kind)
{
	return kind < ARRAY_LEN(ioctls) ? ioctls[kind].name : others[kind - ARRAY_LEN(ioctls)].name;
}

int op_run(struct world *w, const struct call *c)
{
	unsigned int kind = c->op % op_count();
	struct rnd r = rnd_new(c->seed);
	int ret;

	if (kind < ARRAY_LEN(ioctls)) {
		ret = run_ioctl(w, &ioctls[kind], &r);
	} else {
		kind = other_of(kind);
		ret = others[kind].run(w, &r);
		kind += ARRAY_LEN(ioctls);
	}
	shared->calls++;
	shared->op_calls[kind]++;
	if (ret >= 0) {
		shared->good++;
		shared->op_good[kind]++;
	} else {
		shared->op_error[kind] = -ret;
	}
	return ret;
}
