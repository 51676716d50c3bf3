// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libtime.h"
#include "libvdpa.h"

/* ---- devices ---- */

static int load_modules(const char *mgmt)
{
	char names[64];

	/* vdpasim_net is made by vdpa_sim_net; other parents are called as their modules. */
	if (strncmp(mgmt, "vdpasim_", 8))
		snprintf(names, sizeof(names), "vhost_vdpa %s", mgmt);
	else
		snprintf(names, sizeof(names), "vhost_vdpa vdpa_sim_%s", mgmt + 8);
	return modules_load(names);
}

int vdpa_dev_find(const char *name, char *path, size_t room)
{
	char dir[128];
	struct dirent *e;
	struct stat st;
	DIR *d;

	snprintf(dir, sizeof(dir), "/sys/bus/vdpa/devices/%s", name);
	d = opendir(dir);
	*path = '\0';
	while (d && (e = readdir(d)))
		if (!strncmp(e->d_name, "vhost-vdpa-", 11))
			snprintf(path, room, "/dev/%s", e->d_name);
	if (d)
		closedir(d);
	return *path && !stat(path, &st) ? 0 : -ENOENT;
}

int vdpa_dev_path(const char *name, char *path, size_t room)
{
	uint64_t end = now_ms() + VDPA_TIMEOUT_MS;

	while (vdpa_dev_find(name, path, room)) {
		if (now_ms() >= end)
			return -ETIMEDOUT;
		nap_us(1000);
	}
	return 0;
}

int vdpa_dev_new(struct vdpa_dev *d, const char *mgmt, const char *name, uint64_t features)
{
	return vdpa_dev_make(d, mgmt, name, &(struct vdpa_attrs){ .features = features });
}

int vdpa_dev_make(struct vdpa_dev *d, const char *mgmt, const char *name,
		  const struct vdpa_attrs *attrs)
{
	struct vnl_req req;
	int ret = load_modules(mgmt);

	memset(d, 0, sizeof(*d));
	d->nl.fd = -1;
	if (ret)
		return ret;
	ret = vnl_open(&d->nl);
	/* The modules are there: nobody skips a test over a family that is not. */
	if (ret)
		return ret == -ENOENT ? -EPROTONOSUPPORT : ret;
	vnl_begin(&req, VDPA_CMD_DEV_NEW, 0);
	vnl_put_str(&req, VDPA_ATTR_DEV_NAME, name);
	vnl_put_str(&req, VDPA_ATTR_MGMTDEV_DEV_NAME, mgmt);
	if (attrs->features)
		vnl_put_u64(&req, VDPA_ATTR_DEV_FEATURES, attrs->features);
	if (attrs->mac)
		vnl_put(&req, VDPA_ATTR_DEV_NET_CFG_MACADDR, attrs->mac, 6);
	if (attrs->mtu)
		vnl_put_u16(&req, VDPA_ATTR_DEV_NET_CFG_MTU, attrs->mtu);
	if (attrs->max_vqp)
		vnl_put_u16(&req, VDPA_ATTR_DEV_NET_CFG_MAX_VQP, attrs->max_vqp);
	ret = vnl_do(&d->nl, &req, NULL, NULL);
	if (ret)
		printf("# %s: %s\n", name, d->nl.extack);
	if (!ret) {
		snprintf(d->name, sizeof(d->name), "%s", name);
		ret = vdpa_dev_path(name, d->path, sizeof(d->path));
	}
	if (ret)
		vdpa_dev_del(d);
	return ret;
}

void vdpa_dev_del(struct vdpa_dev *d)
{
	if (d->nl.fd < 0)
		return;
	if (d->name[0])
		vnl_dev_del(&d->nl, d->name);
	vnl_close(&d->nl);
	d->nl.fd = -1;
}

/* ---- ioctls ---- */

int vdpa_get_status(int fd)
{
	uint8_t status = 0;
	int ret = vhost_ioctl(fd, VHOST_VDPA_GET_STATUS, &status);

	return ret ? ret : status;
}

int vdpa_set_status(int fd, uint8_t status)
{
	return vhost_ioctl(fd, VHOST_VDPA_SET_STATUS, &status);
}

/* What is answered in 32 bits, by any of several ioctls. */
static int get_u32(int fd, unsigned long request)
{
	uint32_t n = 0;
	int ret = vhost_ioctl(fd, request, &n);

	return ret ? ret : (int)n;
}

int vdpa_get_device_id(int fd)
{
	return get_u32(fd, VHOST_VDPA_GET_DEVICE_ID);
}

int vdpa_get_config_size(int fd)
{
	return get_u32(fd, VHOST_VDPA_GET_CONFIG_SIZE);
}

int vdpa_get_vqs_count(int fd)
{
	return get_u32(fd, VHOST_VDPA_GET_VQS_COUNT);
}

int vdpa_get_group_num(int fd)
{
	return get_u32(fd, VHOST_VDPA_GET_GROUP_NUM);
}

int vdpa_get_as_num(int fd)
{
	return get_u32(fd, VHOST_VDPA_GET_AS_NUM);
}

int vdpa_get_vring_num(int fd)
{
	uint16_t num = 0;
	int ret = vhost_ioctl(fd, VHOST_VDPA_GET_VRING_NUM, &num);

	return ret ? ret : num;
}

static int config_ioctl(int fd, unsigned long request, uint32_t off, void *buf, uint32_t len,
			bool in)
{
	struct vhost_vdpa_config *c = calloc(1, sizeof(*c) + len);
	int ret;

	if (!c)
		return -ENOMEM;
	c->off = off;
	c->len = len;
	if (len)
		memcpy(c->buf, buf, len);
	ret = vhost_ioctl(fd, request, c);
	if (!ret && in)
		memcpy(buf, c->buf, len);
	free(c);
	return ret;
}

int vdpa_get_config(int fd, uint32_t off, void *buf, uint32_t len)
{
	return config_ioctl(fd, VHOST_VDPA_GET_CONFIG, off, buf, len, true);
}

int vdpa_set_config(int fd, uint32_t off, const void *buf, uint32_t len)
{
	return config_ioctl(fd, VHOST_VDPA_SET_CONFIG, off, (void *)buf, len, false);
}

int vdpa_set_config_call(int fd, int event_fd)
{
	return vhost_ioctl(fd, VHOST_VDPA_SET_CONFIG_CALL, &event_fd);
}

int vdpa_get_iova_range(int fd, uint64_t *first, uint64_t *last)
{
	struct vhost_vdpa_iova_range range = { 0 };
	int ret = vhost_ioctl(fd, VHOST_VDPA_GET_IOVA_RANGE, &range);

	*first = range.first;
	*last = range.last;
	return ret;
}

/* An index there, a number back. */
static int get_state(int fd, unsigned long request, unsigned int index)
{
	struct vhost_vring_state s = { .index = index };
	int ret = vhost_ioctl(fd, request, &s);

	return ret ? ret : s.index != index ? -EPROTO : (int)s.num;
}

static int set_state(int fd, unsigned long request, unsigned int index, unsigned int num)
{
	struct vhost_vring_state s = { .index = index, .num = num };

	return vhost_ioctl(fd, request, &s);
}

int vdpa_get_vring_size(int fd, unsigned int index)
{
	return get_state(fd, VHOST_VDPA_GET_VRING_SIZE, index);
}

int vdpa_get_vring_group(int fd, unsigned int index)
{
	return get_state(fd, VHOST_VDPA_GET_VRING_GROUP, index);
}

int vdpa_get_vring_desc_group(int fd, unsigned int index)
{
	return get_state(fd, VHOST_VDPA_GET_VRING_DESC_GROUP, index);
}

int vdpa_set_group_asid(int fd, unsigned int group, unsigned int asid)
{
	return set_state(fd, VHOST_VDPA_SET_GROUP_ASID, group, asid);
}

int vdpa_set_vring_enable(int fd, unsigned int index, unsigned int on)
{
	return set_state(fd, VHOST_VDPA_SET_VRING_ENABLE, index, on);
}

int vdpa_suspend(int fd)
{
	return vhost_ioctl(fd, VHOST_VDPA_SUSPEND, NULL);
}

int vdpa_resume(int fd)
{
	return vhost_ioctl(fd, VHOST_VDPA_RESUME, NULL);
}

/* ---- IOTLB messages ---- */

int vdpa_msg(int fd, uint32_t asid, uint8_t type, uint64_t iova, uint64_t size,
	     const void *uaddr, uint8_t perm)
{
	struct vhost_msg_v2 msg = {
		.type = VHOST_IOTLB_MSG_V2,
		.asid = asid,
		.iotlb = {
			.iova = iova,
			.size = size,
			.uaddr = (uintptr_t)uaddr,
			.perm = perm,
			.type = type,
		},
	};
	ssize_t n = write(fd, &msg, sizeof(msg));

	return n < 0 ? -errno : n == sizeof(msg) ? 0 : -EIO;
}

int vdpa_map(int fd, uint32_t asid, uint64_t iova, uint64_t size, const void *uaddr,
	     uint8_t perm)
{
	return vdpa_msg(fd, asid, VHOST_IOTLB_UPDATE, iova, size, uaddr, perm);
}

int vdpa_unmap(int fd, uint32_t asid, uint64_t iova, uint64_t size)
{
	return vdpa_msg(fd, asid, VHOST_IOTLB_INVALIDATE, iova, size, NULL, 0);
}

int vdpa_batch(int fd, uint32_t asid, bool begin)
{
	return vdpa_msg(fd, asid, begin ? VHOST_IOTLB_BATCH_BEGIN : VHOST_IOTLB_BATCH_END, 0, 0,
			NULL, 0);
}

#define PAGE	4096

char *vdpa_guarded(size_t pages, int flags)
{
	char *p = mmap(NULL, (pages + 2) * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || munmap(p, PAGE) || munmap(p + (pages + 1) * PAGE, PAGE))
		return NULL;
	if (mmap(p + PAGE, pages * PAGE, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS | MAP_FIXED,
		 -1, 0) == MAP_FAILED)
		return NULL;
	return p + PAGE;
}

long vdpa_vmstat(const char *field)
{
	size_t len = strlen(field);
	char line[128];
	long n = -ENOENT;
	FILE *f = fopen("/proc/vmstat", "r");

	if (!f)
		return -errno;
	while (n < 0 && fgets(line, sizeof(line), f))
		if (!strncmp(line, field, len) && line[len] == ' ')
			n = strtol(line + len, NULL, 10);
	fclose(f);
	return n;
}

long vdpa_pinned(void)
{
	/* Each processor counts for itself; an access has them put it together. */
	FILE *f = fopen("/proc/sys/vm/stat_refresh", "w");

	if (f) {
		fputs("1", f);
		fclose(f);
	}
	return vdpa_vmstat("nr_foll_pin_acquired") - vdpa_vmstat("nr_foll_pin_released");
}

long vdpa_proc_kb(pid_t pid, const char *field)
{
	char path[64], line[128];
	long kb = -ENOENT;
	FILE *f;

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/status", pid);
	else
		snprintf(path, sizeof(path), "/proc/self/status");
	f = fopen(path, "r");
	if (!f)
		return -errno;
	while (kb < 0 && fgets(line, sizeof(line), f))
		if (!strncmp(line, field, strlen(field)))
			kb = strtol(line + strlen(field), NULL, 10);
	fclose(f);
	return kb;
}

/* ---- a VMM and its guest's driver ---- */

void vdpa_init(struct vdpa *v)
{
	unsigned int i;

	memset(v, 0, sizeof(*v));
	v->fd = -1;
	v->config_call = -1;
	for (i = 0; i < VDPA_MAX_VQS; i++)
		v->vq[i].kick = v->vq[i].call = -1;
}

int vdpa_negotiate(struct vdpa *v, uint64_t features)
{
	uint8_t status = VDPA_S_ACK | VDPA_S_DRIVER;
	int ret = vdpa_set_status(v->fd, status);

	if (!ret)
		ret = vhost_set_features(v->fd, features);
	if (!ret)
		ret = vdpa_set_status(v->fd, status | VDPA_S_FEATURES_OK);
	if (!ret)
		ret = vdpa_get_status(v->fd);
	v->features = features;
	return ret < 0 ? ret : ret & VDPA_S_FEATURES_OK ? 0 : -ENODATA;
}

int vdpa_open(struct vdpa *v, const char *path, const struct vdpa_config *c)
{
	int ret;

	vdpa_init(v);
	v->fd = vhost_open(path, 0);
	if (v->fd < 0)
		return v->fd;
	ret = vhost_set_owner(v->fd);
	if (!ret)
		ret = vhost_set_backend_features(v->fd, c->backend_features ?: VDPA_BF_QEMU);
	if (!ret)
		ret = vdpa_negotiate(v, c->features);
	if (ret)
		return ret;
	v->nvqs = c->nvqs;
	if (!v->nvqs) {
		ret = vdpa_get_vqs_count(v->fd);
		if (ret < 0)
			return ret;
		v->nvqs = ret > VDPA_MAX_VQS ? VDPA_MAX_VQS : ret;
	}
	return 0;
}

void *vdpa_alloc(struct vdpa *v, size_t size, size_t align)
{
	size_t at = (v->ram_used + align - 1) & ~(align - 1);

	if (!v->ram || at > v->ram_size || size > v->ram_size - at)
		return NULL;
	v->ram_used = at + size;
	return v->ram + at;
}

uint64_t vdpa_iova(const struct vdpa *v, const void *p)
{
	return v->iova + ((const char *)p - v->ram);
}

int vdpa_rearm(struct vdpa *v, unsigned int index, uint32_t count)
{
	struct vdpa_vq *q = &v->vq[index];
	int ret;

	drv_ring_restart(&q->ring, count);
	ret = vhost_set_vring_num(v->fd, index, q->ring.num);
	if (!ret)
		ret = vhost_set_vring_base(v->fd, index, drv_ring_base(&q->ring));
	if (!ret)
		ret = vhost_set_vring_addr(v->fd, &q->addr);
	if (!ret)
		ret = vhost_set_vring_kick(v->fd, index, q->kick);
	if (!ret)
		ret = vhost_set_vring_call(v->fd, index, q->call);
	return ret;
}

int vdpa_ring(struct vdpa *v, unsigned int index, unsigned int num, uint32_t count)
{
	struct vdpa_vq *q = &v->vq[index];
	struct drv_place at;
	struct drv_sizes s;
	int ret;

	drv_layout_of(v->features)->sizes(num, &s);
	at.desc = vdpa_alloc(v, s.desc, s.desc_align);
	at.driver = vdpa_alloc(v, s.driver, s.driver_align);
	at.device = vdpa_alloc(v, s.device, s.device_align);
	if (!at.desc || !at.driver || !at.device)
		return -ENOMEM;
	ret = drv_ring_init(&q->ring, drv_layout_of(v->features), num, &at, count,
			    v->features & F_EVENT_IDX);
	if (ret)
		return ret;
	q->addr = (struct vhost_vring_addr) {
		.index = index,
		.desc_user_addr = vdpa_iova(v, at.desc),
		.avail_user_addr = vdpa_iova(v, at.driver),
		.used_user_addr = vdpa_iova(v, at.device),
	};
	q->kick = event_new();
	q->call = event_new();
	if (q->kick < 0 || q->call < 0)
		return -EMFILE;
	return vdpa_rearm(v, index, count);
}

int vdpa_up(struct vdpa *v, const char *path, const struct vdpa_config *c)
{
	unsigned int i;
	int ret = vdpa_open(v, path, c);

	if (ret)
		return ret;
	v->ram_size = c->ram_size ?: 1 << 20;
	v->iova = c->iova ?: VDPA_IOVA;
	v->ram = mmap(NULL, v->ram_size, PROT_READ | PROT_WRITE,
		      MAP_ANONYMOUS | (c->private_ram ? MAP_PRIVATE : MAP_SHARED), -1, 0);
	if (v->ram == MAP_FAILED) {
		v->ram = NULL;
		return -errno;
	}
	if (!c->unmapped)
		ret = vdpa_map(v->fd, 0, v->iova, v->ram_size, v->ram, VHOST_ACCESS_RW);
	for (i = 0; !ret && i < v->nvqs; i++)
		ret = vdpa_ring(v, i, c->num ?: 128, c->count);
	return ret;
}

int vdpa_start(struct vdpa *v)
{
	int ret = vdpa_get_status(v->fd);
	unsigned int i;

	if (ret >= 0)
		ret = vdpa_set_status(v->fd, ret | VDPA_S_DRIVER_OK);
	for (i = 0; !ret && i < v->nvqs; i++)
		ret = vdpa_set_vring_enable(v->fd, i, 1);
	return ret;
}

int vdpa_restart(struct vdpa *v)
{
	int ret = vdpa_set_status(v->fd, 0);
	unsigned int i;

	if (!ret)
		ret = vdpa_negotiate(v, v->features);
	if (!ret)
		ret = vdpa_unmap(v->fd, 0, 0, 0);
	if (!ret)
		ret = vdpa_map(v->fd, 0, v->iova, v->ram_size, v->ram, VHOST_ACCESS_RW);
	for (i = 0; !ret && i < v->nvqs; i++)
		ret = vdpa_rearm(v, i, 0);
	return ret ? ret : vdpa_start(v);
}

void vdpa_close(struct vdpa *v)
{
	unsigned int i;

	if (v->fd >= 0)
		close(v->fd);
	for (i = 0; i < VDPA_MAX_VQS; i++) {
		drv_ring_free(&v->vq[i].ring);
		if (v->vq[i].kick >= 0)
			close(v->vq[i].kick);
		if (v->vq[i].call >= 0)
			close(v->vq[i].call);
	}
	if (v->config_call >= 0)
		close(v->config_call);
	if (v->ram)
		munmap(v->ram, v->ram_size);
	vdpa_init(v);
}

void vdpa_kick(struct vdpa *v, unsigned int index)
{
	drv_ring_publish(&v->vq[index].ring);
	event_signal(v->vq[index].kick);
}

int vdpa_turn(struct vdpa *v, unsigned int index)
{
	struct drv_done done;
	int ret;

	vdpa_kick(v, index);
	ret = drv_ring_wait(&v->vq[index].ring, &done, VDPA_TIMEOUT_MS);
	return ret < 0 ? ret : (int)done.len;
}

/* ---- a disk's requests ---- */

#define VBLK_MAX	16384

int vblk_add(struct vdpa *v, struct vblk_req *r, uint32_t type, uint64_t sector, void *buf,
	     uint32_t len)
{
	struct drv_buf bufs[3] = {
		{ vdpa_iova(v, r), 16, false },
		{ len ? vdpa_iova(v, buf) : 0, len, type != VBLK_OUT },
		{ vdpa_iova(v, &r->status), 1, true },
	};

	*r = (struct vblk_req) { .type = type, .sector = sector, .status = 0xff };
	if (!len)
		bufs[1] = bufs[2];
	return drv_ring_add(&v->vq[0].ring, bufs, len ? 3 : 2, r);
}

int vblk_io(struct vdpa *v, uint32_t type, uint64_t sector, void *buf, uint32_t len)
{
	size_t used = v->ram_used;
	struct vblk_req *r = vdpa_alloc(v, sizeof(*r), 16);
	int ret;

	if (!r)
		return -ENOMEM;
	ret = vblk_add(v, r, type, sector, buf, len);
	if (ret >= 0)
		ret = vdpa_turn(v, 0);
	if (ret >= 0)
		ret = r->status;
	v->ram_used = used;
	return ret;
}

int vblk_check(struct vdpa *v, uint64_t sector, uint32_t len, uint32_t seed)
{
	size_t used = v->ram_used;
	unsigned char *buf = vdpa_alloc(v, len, 512);
	uint32_t i;
	int ret;

	if (!buf || len > VBLK_MAX)
		return -ENOMEM;
	for (i = 0; i < len; i++)
		buf[i] = (seed + i) * 167 + i / 251;
	ret = vblk_io(v, VBLK_OUT, sector, buf, len);
	memset(buf, 0, len);
	if (!ret)
		ret = vblk_io(v, VBLK_IN, sector, buf, len);
	for (i = 0; !ret && i < len; i++)
		if (buf[i] != (unsigned char)((seed + i) * 167 + i / 251))
			ret = -EBADMSG;
	v->ram_used = used;
	return ret > 0 ? -EIO : ret;
}
