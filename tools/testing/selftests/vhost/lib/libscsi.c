// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "libiommu.h"
#include "libscsi.h"
#include "libtime.h"

#define PAGE		4096u
#define MAX_BUFS	2048

void *scsi_alloc(struct scsi *s, size_t size, size_t align)
{
	size_t at = (s->ram_used + align - 1) & ~(align - 1);

	if (at + size > s->ram_size)
		return NULL;
	s->ram_used = at + size;
	return s->ram + at;
}

uint64_t scsi_gpa(const struct scsi *s, const void *hva)
{
	return s->ram_gpa + ((const char *)hva - s->ram);
}

static int tell_ring(struct scsi *s, unsigned int index)
{
	struct scsi_vq *q = &s->vq[index];
	int ret = vhost_set_vring_num(s->fd, index, q->ring.num);

	if (!ret)
		ret = vhost_set_vring_base(s->fd, index, drv_ring_base(&q->ring));
	if (!ret)
		ret = vhost_set_vring_addr(s->fd, &q->addr);
	if (!ret)
		ret = vhost_set_vring_kick(s->fd, index, q->kick);
	if (!ret)
		ret = vhost_set_vring_call(s->fd, index, q->call);
	return ret ? ret : vhost_set_vring_err(s->fd, index, q->err);
}

/* Behind a device IOTLB rings are where the guest says. */
static uint64_t ring_addr(const struct scsi *s, const void *hva)
{
	return s->view ? scsi_gpa(s, hva) : (uintptr_t)hva;
}

int scsi_ring(struct scsi *s, unsigned int index)
{
	struct scsi_vq *q = &s->vq[index];
	struct drv_place at;
	struct drv_sizes z;
	int ret;

	drv_layout_of(s->features)->sizes(s->num, &z);
	at.desc = scsi_alloc(s, z.desc, z.desc_align);
	at.driver = scsi_alloc(s, z.driver, z.driver_align);
	at.device = scsi_alloc(s, z.device, z.device_align);
	if (!at.desc || !at.driver || !at.device)
		return -ENOSPC;
	ret = drv_ring_init(&q->ring, drv_layout_of(s->features), s->num, &at, 0,
			    s->features & F_EVENT_IDX);
	if (ret)
		return ret;
	q->addr = (struct vhost_vring_addr) {
		.index = index,
		.desc_user_addr = ring_addr(s, at.desc),
		.avail_user_addr = ring_addr(s, at.driver),
		.used_user_addr = ring_addr(s, at.device),
	};
	q->kick = event_new();
	q->call = event_new();
	q->err = event_new();
	if (q->kick < 0 || q->call < 0 || q->err < 0)
		return -EMFILE;
	return tell_ring(s, index);
}

/* ---- device IOTLB ---- */

#define IOMMU_PIECE	(16 * PAGE)

static char *view_of(struct scsi *s, size_t offset)
{
	return s->view + (s->ram_size - IOMMU_PIECE - offset);
}

/* Answers each question with the piece that it is about. */
static void *serve_misses(void *arg)
{
	struct scsi *s = arg;
	struct vhost_iotlb_msg miss;

	while (!s->stop) {
		size_t at;

		if (iotlb_recv(s->fd, true, &miss, 20))
			continue;
		s->misses++;
		at = (miss.iova - s->ram_gpa) / IOMMU_PIECE * IOMMU_PIECE;
		if (miss.iova >= s->ram_gpa && at < s->ram_size)
			iotlb_send(s->fd, true, VHOST_IOTLB_UPDATE, s->ram_gpa + at, IOMMU_PIECE,
				   (uintptr_t)view_of(s, at), VHOST_ACCESS_RW);
	}
	return NULL;
}

static int view_up(struct scsi *s)
{
	int ret = vhost_set_backend_features(s->fd, BIT64(VHOST_BACKEND_F_IOTLB_MSG_V2));
	int fd = memfd_create("guest", MFD_CLOEXEC);
	size_t at;

	if (ret)
		return ret;
	if (fd < 0 || ftruncate(fd, s->ram_size))
		return -errno;
	s->ram = mmap(NULL, s->ram_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	s->view = mmap(NULL, s->ram_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (s->ram == MAP_FAILED || s->view == MAP_FAILED)
		return -errno;
	for (at = 0; at < s->ram_size; at += IOMMU_PIECE)
		if (mmap(view_of(s, at), IOMMU_PIECE, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, fd, at) == MAP_FAILED)
			return -errno;
	close(fd);
	return -pthread_create(&s->server, NULL, serve_misses, s);
}

static void view_down(struct scsi *s)
{
	s->stop = true;
	if (s->server)
		pthread_join(s->server, NULL);
	s->server = 0;
	if (s->view && s->view != MAP_FAILED)
		munmap(s->view, s->ram_size);
	s->view = NULL;
}

int scsi_add_memory(struct scsi *s, uint64_t gpa, char *at, size_t len)
{
	int ret;

	if (s->view)
		return iotlb_send(s->fd, true, VHOST_IOTLB_UPDATE, gpa, len, (uintptr_t)at,
				  VHOST_ACCESS_RW);
	ret = mem_table_add(&s->mem, gpa, at, len);
	return ret ? ret : mem_table_set(&s->mem, s->fd);
}

static int memory_up(struct scsi *s, size_t size, bool iommu)
{
	int ret = mem_table_init(&s->mem);

	if (ret)
		return ret;
	s->ram_size = size;
	s->ram_gpa = 0x100000;
	if (iommu)
		return view_up(s);
	s->ram = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s->ram == MAP_FAILED)
		return -errno;
	return scsi_add_memory(s, s->ram_gpa, s->ram, size);
}

int scsi_up(struct scsi *s, const struct scsi_config *c)
{
	unsigned int i;
	int ret;

	memset(s, 0, sizeof(*s));
	s->ram = MAP_FAILED;
	s->features = c->features;
	s->num = c->num ? c->num : 128;
	s->fd = vhost_open(VHOST_SCSI_PATH, 0);
	if (s->fd < 0)
		return s->fd;
	s->nvqs = c->nvqs ? c->nvqs : SCSI_IO + 1;
	s->vq = calloc(s->nvqs, sizeof(*s->vq));
	if (!s->vq)
		return -ENOMEM;
	for (i = 0; i < s->nvqs; i++)
		s->vq[i].kick = s->vq[i].call = s->vq[i].err = -1;
	ret = vhost_set_owner(s->fd);
	if (!ret)
		ret = vhost_set_features(s->fd, s->features);
	if (!ret)
		ret = memory_up(s, c->ram_size ? c->ram_size : 8 << 20, c->iommu);
	for (i = 0; !ret && i < s->nvqs; i++)
		ret = scsi_ring(s, i);
	return ret;
}

void scsi_close(struct scsi *s)
{
	unsigned int i;

	view_down(s);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	for (i = 0; s->vq && i < s->nvqs; i++) {
		drv_ring_free(&s->vq[i].ring);
		close(s->vq[i].kick);
		close(s->vq[i].call);
		close(s->vq[i].err);
	}
	free(s->vq);
	s->vq = NULL;
	if (s->ram && s->ram != MAP_FAILED)
		munmap(s->ram, s->ram_size);
	s->ram = MAP_FAILED;
	mem_table_free(&s->mem);
}

static int endpoint(struct scsi *s, unsigned long call, const char *wwn)
{
	struct vhost_scsi_target t = { .abi_version = 1 };

	strncpy(t.vhost_wwpn, wwn, sizeof(t.vhost_wwpn) - 1);
	return vhost_ioctl(s->fd, call, &t);
}

int scsi_set_endpoint(struct scsi *s, const char *wwn)
{
	return endpoint(s, VHOST_SCSI_SET_ENDPOINT, wwn);
}

int scsi_clear_endpoint(struct scsi *s, const char *wwn)
{
	return endpoint(s, VHOST_SCSI_CLEAR_ENDPOINT, wwn);
}

void scsi_address(unsigned char *lun, unsigned int target, unsigned int number)
{
	memset(lun, 0, 8);
	lun[0] = 1;
	lun[1] = target;
	lun[2] = number >> 8 | 0x40;
	lun[3] = number;
}

void scsi_cdb_rw(unsigned char *cdb, bool write, uint32_t lba, size_t len)
{
	size_t blocks = len / SCSI_BLOCK;

	memset(cdb, 0, 32);
	cdb[0] = write ? 0x2a : 0x28;
	cdb[2] = lba >> 24;
	cdb[3] = lba >> 16;
	cdb[4] = lba >> 8;
	cdb[5] = lba;
	cdb[7] = blocks >> 8;
	cdb[8] = blocks;
}

int scsi_io_init(struct scsi *s, struct scsi_io *io)
{
	char *at = scsi_alloc(s, 256, 256);

	if (!at)
		return -ENOSPC;
	io->req = at;
	io->resp = (void *)(at + 128);
	return 0;
}

/* ---- layout ---- */

struct bufs {
	struct scsi *s;
	struct drv_buf buf[MAX_BUFS];
	unsigned int n;
};

static void cut(struct bufs *b, char *at, size_t len, bool write, size_t piece)
{
	while (len && b->n < MAX_BUFS) {
		size_t part = len < piece ? len : piece;

		b->buf[b->n++] = (struct drv_buf){ scsi_gpa(b->s, at), part, write };
		at += part;
		len -= part;
	}
}

static size_t piece_of(const struct scsi_io *io, bool data)
{
	switch (io->shape) {
	case SCSI_SMALL:
		return 37;
	case SCSI_BYTES:
		return data ? PAGE : 1;
	case SCSI_PAGES:
		return data ? PAGE : SIZE_MAX;
	default:
		return SIZE_MAX;
	}
}

static size_t req_fill(struct scsi *s, struct scsi_io *io)
{
	struct virtio_scsi_cmd_req_pi pi = { .task_attr = io->attr };
	struct virtio_scsi_cmd_req req = { .task_attr = io->attr };
	static const unsigned char none[8];

	if (!memcmp(io->lun, none, sizeof(none)))
		scsi_address(io->lun, 0, 0);
	memcpy(req.lun, io->lun, 8);
	memcpy(req.cdb, io->cdb, 32);
	if (!(s->features & F_SCSI_T10_PI)) {
		memcpy(io->req, &req, sizeof(req));
		return sizeof(req);
	}
	memcpy(pi.lun, io->lun, 8);
	memcpy(pi.cdb, io->cdb, 32);
	pi.pi_bytesout = io->pi_out;
	pi.pi_bytesin = io->pi_in;
	memcpy(io->req, &pi, sizeof(pi));
	return sizeof(pi);
}

/* Request and data to the device in one piece: the data is moved there. */
static void lay_joined(struct bufs *b, struct scsi_io *io, size_t req, size_t resp)
{
	char *both = io->out_len ? scsi_alloc(b->s, req + io->out_len, 64) : io->req;
	char *back = io->in_len ? scsi_alloc(b->s, resp + io->in_len, 64) : (char *)io->resp;

	memmove(both, io->req, req);
	if (io->out_len)
		memcpy(both + req, io->out, io->out_len);
	cut(b, both, req + io->out_len, false, SIZE_MAX);
	io->resp = (void *)back;
	io->in = back + resp;
	cut(b, back, resp + io->in_len, true, SIZE_MAX);
}

int scsi_add(struct scsi *s, unsigned int index, struct scsi_io *io)
{
	size_t resp = io->resp_len ? io->resp_len : sizeof(*io->resp);
	size_t req = req_fill(s, io);
	static __thread struct bufs b;
	char *table;

	b.s = s;
	b.n = 0;
	if (io->req_len)
		req = io->req_len;
	if (io->shape == SCSI_JOINED) {
		lay_joined(&b, io, req, resp);
	} else {
		cut(&b, io->req, req, false, piece_of(io, false));
		cut(&b, io->out, io->out_len, false, piece_of(io, true));
		cut(&b, (char *)io->resp, resp, true, piece_of(io, false));
		cut(&b, io->in, io->in_len, true, piece_of(io, true));
	}
	memset(io->resp, 0xee, resp);
	if (!io->indirect && b.n <= s->num)
		return drv_ring_add(&s->vq[index].ring, b.buf, b.n, io);
	table = scsi_alloc(s, b.n * sizeof(struct vring_desc), 16);
	if (!table)
		return -ENOSPC;
	return drv_ring_add_indirect(&s->vq[index].ring, b.buf, b.n, table,
				     scsi_gpa(s, table), io);
}

void scsi_kick(struct scsi *s, unsigned int index)
{
	drv_ring_publish(&s->vq[index].ring);
	if (drv_ring_need_kick(&s->vq[index].ring))
		event_signal(s->vq[index].kick);
}

struct scsi_io *scsi_wait(struct scsi *s, unsigned int index, unsigned int timeout_ms)
{
	struct drv_done done;
	struct scsi_io *io;

	if (drv_ring_wait(&s->vq[index].ring, &done, timeout_ms) < 0)
		return NULL;
	io = done.cookie;
	io->len = done.len;
	return io;
}

int scsi_do(struct scsi *s, struct scsi_io *io)
{
	int ret = io->req ? 0 : scsi_io_init(s, io);

	if (!ret)
		ret = scsi_add(s, SCSI_IO, io);
	if (ret < 0)
		return ret;
	scsi_kick(s, SCSI_IO);
	if (scsi_wait(s, SCSI_IO, SCSI_TIMEOUT_MS) != io)
		return -ETIMEDOUT;
	return io->resp->response << 8 | io->resp->status;
}

int scsi_rw(struct scsi *s, bool write, uint32_t lba, char *buf, size_t len)
{
	size_t used = s->ram_used;
	struct scsi_io io = {};
	int ret;

	scsi_cdb_rw(io.cdb, write, lba, len);
	if (write) {
		io.out = buf;
		io.out_len = len;
	} else {
		io.in = buf;
		io.in_len = len;
	}
	ret = scsi_do(s, &io);
	s->ram_used = used;
	return ret;
}

int scsi_ready(struct scsi *s, unsigned int target, unsigned int number)
{
	size_t used = s->ram_used;
	int i, ret = -EIO;

	for (i = 0; i < 5 && ret; i++) {
		struct scsi_io io = {};

		scsi_address(io.lun, target, number);
		ret = scsi_do(s, &io);
		s->ram_used = used;
	}
	return ret;
}

bool scsi_popped(struct scsi *s, unsigned int index, unsigned int n)
{
	uint64_t end = now_ms() + SCSI_TIMEOUT_MS;

	while ((uint16_t)vhost_get_vring_base(s->fd, index) != (uint16_t)n) {
		if (now_ms() > end)
			return false;
		nap_us(200);
	}
	return true;
}

int scsi_one_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	return sched_setaffinity(0, sizeof(set), &set) ? -errno : 0;
}

int scsi_one_cpu_workers(void)
{
	char path[300], comm[32], want[32];
	struct dirent *e;
	cpu_set_t set;
	FILE *f;
	DIR *d = opendir("/proc");

	if (!d)
		return -errno;
	CPU_ZERO(&set);
	CPU_SET(0, &set);
	snprintf(want, sizeof(want), "vhost-%d\n", getpid());
	while ((e = readdir(d))) {
		if (atoi(e->d_name) <= 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", e->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fgets(comm, sizeof(comm), f) && !strcmp(comm, want))
			sched_setaffinity(atoi(e->d_name), sizeof(set), &set);
		fclose(f);
	}
	closedir(d);
	return 0;
}

int scsi_stall(struct scsi *s, unsigned int index, struct scsi_io *io, struct target_stall *t,
	       const char *name)
{
	int ret = target_stall(t, name);

	if (!ret)
		ret = scsi_io_init(s, io);
	if (ret)
		return ret;
	io->out = scsi_alloc(s, SCSI_BLOCK, SCSI_BLOCK);
	io->out_len = SCSI_BLOCK;
	scsi_cdb_rw(io->cdb, true, 100, SCSI_BLOCK);
	ret = scsi_add(s, index, io);
	if (ret < 0)
		return ret;
	scsi_kick(s, index);
	return scsi_popped(s, index, drv_ring_avail(&s->vq[index].ring)) ? 0 : -ETIMEDOUT;
}

static int ctl(struct scsi *s, const void *req, size_t req_len, void *resp, size_t resp_len)
{
	size_t used = s->ram_used;
	char *at = scsi_alloc(s, 64, 64);
	struct drv_buf b[2];
	struct drv_done done;
	int ret;

	if (!at)
		return -ENOSPC;
	memcpy(at, req, req_len);
	b[0] = (struct drv_buf){ scsi_gpa(s, at), req_len, false };
	b[1] = (struct drv_buf){ scsi_gpa(s, at + 32), resp_len, true };
	ret = drv_ring_add(&s->vq[SCSI_CTL].ring, b, 2, at);
	if (ret < 0)
		return ret;
	scsi_kick(s, SCSI_CTL);
	ret = drv_ring_wait(&s->vq[SCSI_CTL].ring, &done, 30000);
	memcpy(resp, at + 32, resp_len);
	s->ram_used = used;
	if (ret < 0)
		return ret;
	return done.len == resp_len ? 0 : -EPROTO;
}

int scsi_tmf(struct scsi *s, unsigned int subtype, const unsigned char *lun)
{
	struct virtio_scsi_ctrl_tmf_req req = { .type = VIRTIO_SCSI_T_TMF, .subtype = subtype };
	struct virtio_scsi_ctrl_tmf_resp resp;
	int ret;

	memcpy(req.lun, lun, 8);
	ret = ctl(s, &req, sizeof(req), &resp, sizeof(resp));
	return ret ? ret : resp.response;
}

int scsi_an(struct scsi *s, unsigned int type, const unsigned char *lun, uint32_t *events)
{
	struct virtio_scsi_ctrl_an_req req = { .type = type, .event_requested = *events };
	struct virtio_scsi_ctrl_an_resp resp;
	int ret;

	memcpy(req.lun, lun, 8);
	ret = ctl(s, &req, sizeof(req), &resp, sizeof(resp));
	*events = resp.event_actual;
	return ret ? ret : resp.response;
}

int scsi_event_add(struct scsi *s, struct virtio_scsi_event *e, size_t len)
{
	int ret = drv_ring_add1(&s->vq[SCSI_EVT].ring, scsi_gpa(s, e), len, true, e);

	if (ret < 0)
		return ret;
	scsi_kick(s, SCSI_EVT);
	return 0;
}

void scsi_fill(char *buf, size_t len, uint32_t seed)
{
	size_t i;

	for (i = 0; i < len; i++)
		buf[i] = (seed * 2654435761u + i * 40503u) >> 8;
}

int scsi_check(const char *buf, size_t len, uint32_t seed)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (buf[i] != (char)((seed * 2654435761u + i * 40503u) >> 8))
			return -EBADMSG;
	return 0;
}
