// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include <unistd.h>

#include "driver.h"
#include "libtarget.h"
#include "libvdpa.h"
#include "libvsock.h"

struct vhost_vring_addr driver_addr(const struct device *d, unsigned int q)
{
	bool named = d->iommu || d->kind >= KIND_VDPA_NET;
	uint64_t base = (named ? 0 : RAM_ADDR) + q * QUEUE_BYTES;

	return (struct vhost_vring_addr) {
		.index = q,
		.desc_user_addr = base,
		.avail_user_addr = base + 0x1000,
		.used_user_addr = base + 0x2000,
		.log_guest_addr = q * QUEUE_BYTES + 0x2000,
	};
}

static int set_memory(struct world *w, struct device *d)
{
	struct {
		struct vhost_memory head;
		struct vhost_memory_region region;
	} m = { { 1, 0 }, { 0, RAM_SIZE, RAM_ADDR, 0 } };
	struct vhost_msg_v2 map = {
		.type = VHOST_IOTLB_MSG_V2,
		.iotlb = { 0, RAM_SIZE, RAM_ADDR, VHOST_ACCESS_RW, VHOST_IOTLB_UPDATE },
	};
	int ret = 0;

	(void)w;
	if (d->kind < KIND_VDPA_NET)
		ret = vhost_ioctl(d->fd, VHOST_SET_MEM_TABLE, &m);
	if (d->iommu || d->kind >= KIND_VDPA_NET) {
		vhost_set_backend_features(d->fd, BIT64(VHOST_BACKEND_F_IOTLB_MSG_V2));
		ret = write(d->fd, &map, sizeof(map)) < 0 ? -errno : 0;
	}
	return ret;
}

static void set_queues(struct world *w, struct device *d)
{
	unsigned int q;

	for (q = 0; q < QUEUES; q++) {
		struct vhost_vring_addr addr = driver_addr(d, q);

		memset(w->ram + q * QUEUE_BYTES, 0, QUEUE_BYTES);
		d->idx[q] = 0;
		vhost_set_vring_num(d->fd, q, QUEUE_NUM);
		vhost_set_vring_base(d->fd, q, d->packed ? 0x80008000 : 0);
		vhost_set_vring_addr(d->fd, &addr);
		vhost_set_vring_kick(d->fd, q, w->event[q % EVENTS]);
		vhost_set_vring_call(d->fd, q, w->event[(q + 1) % EVENTS]);
		if (d->kind < KIND_VDPA_NET)
			vhost_set_vring_err(d->fd, q, w->event[(q + 2) % EVENTS]);
		else
			vdpa_set_vring_enable(d->fd, q, 1);
	}
}

static int go(struct world *w, struct device *d)
{
	struct vhost_scsi_target t = { .vhost_wwpn = TARGET_WWN };

	switch (d->kind) {
	case KIND_NET:
		vhost_net_set_backend(d->fd, VQ_RX, w->backend[0]);
		return vhost_net_set_backend(d->fd, VQ_TX, w->backend[0]);
	case KIND_VSOCK:
		vs_set_cid(d->fd, VS_CID);
		return vs_set_running(d->fd, 1);
	case KIND_SCSI:
		return vhost_ioctl(d->fd, VHOST_SCSI_SET_ENDPOINT, &t);
	default:
		return vdpa_set_status(d->fd, VDPA_S_ACK | VDPA_S_DRIVER | VDPA_S_FEATURES_OK |
				       VDPA_S_DRIVER_OK);
	}
}

int driver_bring_up(struct world *w, struct device *d, uint64_t features)
{
	uint64_t offered;

	vhost_set_owner(d->fd);
	if (vhost_get_features(d->fd, &offered))
		return -EBADF;
	features &= offered;
	if (d->kind >= KIND_VDPA_NET) {
		features |= VDPA_F_BASE;
		vdpa_set_status(d->fd, 0);
		vdpa_set_status(d->fd, VDPA_S_ACK | VDPA_S_DRIVER);
	}
	if (!vhost_set_features(d->fd, features)) {
		d->packed = features & F_PACKED;
		d->iommu = features & F_ACCESS_PLATFORM;
	}
	if (d->kind >= KIND_VDPA_NET)
		vdpa_set_status(d->fd, VDPA_S_ACK | VDPA_S_DRIVER | VDPA_S_FEATURES_OK);
	set_memory(w, d);
	set_queues(w, d);
	return go(w, d);
}

/* The header that the device looks at, with a word of it changed at times. */
static void put_header(struct world *w, struct device *d, uint32_t off, struct rnd *r)
{
	struct virtio_vsock_hdr *vs = (void *)(w->ram + off);
	unsigned char *p = (unsigned char *)w->ram + off;

	memset(p, 0, 64);
	switch (d->kind) {
	case KIND_VSOCK:
		*vs = (struct virtio_vsock_hdr) {
			.src_cid = VS_CID, .dst_cid = VS_HOST, .src_port = rnd(r, PORTS),
			.dst_port = rnd(r, PORTS), .type = 1 + rnd(r, 2), .op = rnd(r, 9),
			.len = rnd(r, 4) ? 0 : rnd(r, 200), .buf_alloc = 65536,
		};
		break;
	case KIND_SCSI:
		p[0] = 1;
		p[1] = rnd(r, 8) ? 0 : rnd(r, 4);
		p[2] = 0x40;
		p[19] = (uint8_t[]){ 0x00, 0x12, 0x28, 0x2a, 0x25, 0xa0, 0x9e }[rnd(r, 7)];
		p[23] = rnd(r, 4);
		p[27] = rnd(r, 3);
		break;
	case KIND_VDPA_BLK:
		p[0] = (uint8_t[]){ 0, 1, 4, 8, 11, 13, 99 }[rnd(r, 7)];
		p[8] = rnd(r, 8);
		break;
	default:
		break;
	}
	if (!rnd(r, 4))
		p[rnd(r, 64)] = rnd(r, 256);
}

/* Lengths that the device's formats have: a header out, data out or in, a status in. */
static unsigned int shape(const struct device *d, unsigned int q, struct rnd *r, uint32_t *len,
			  bool *in)
{
	unsigned int n = 1 + rnd(r, 3);

	switch (d->kind) {
	case KIND_SCSI:
		len[0] = 51;
		len[1] = 108;
		in[1] = true;
		len[2] = 512 * (1 + rnd(r, 4));
		in[2] = true;
		return 2 + rnd(r, 2);
	case KIND_VDPA_BLK:
		len[0] = 16;
		len[1] = 512 * (1 + rnd(r, 4));
		in[1] = rnd(r, 2);
		len[2] = 1;
		in[2] = true;
		return 3;
	case KIND_VSOCK:
		len[0] = q ? 44 : 1024;
		len[1] = 200;
		in[0] = !q;
		in[1] = !q;
		return n > 2 ? 2 : n;
	default:
		len[0] = 12 + rnd(r, 200);
		len[1] = 1514;
		len[2] = rnd(r, 8192);
		in[0] = in[1] = in[2] = !(q & 1);
		return n;
	}
}

void driver_add(struct world *w, struct device *d, unsigned int q, struct rnd *r)
{
	uint32_t base = q * QUEUE_BYTES, len[3] = { 0 };
	uint16_t idx = d->idx[q];
	bool in[3] = { false };
	unsigned int n = shape(d, q, r, len, in), i;

	for (i = 0; i < n; i++) {
		uint32_t buf = BUFFERS + (q * QUEUE_NUM + (idx + i) % QUEUE_NUM) % 48 * 8192;
		uint16_t at = (idx + i) % QUEUE_NUM;
		uint16_t flags = (i + 1 < n ? VRING_DESC_F_NEXT : 0) | (in[i] ? VRING_DESC_F_WRITE : 0);
		struct vring_desc *desc = (void *)(w->ram + base + at * 16);

		if (!i)
			put_header(w, d, buf, r);
		if (!rnd(r, 32))
			flags ^= rnd(r, 8);
		desc->addr = rnd(r, 64) ? buf : rnd(r, UINT32_MAX);
		desc->len = rnd(r, 64) ? len[i] : rnd(r, UINT32_MAX);
		if (d->packed) {
			bool wrap = !((idx + i) / QUEUE_NUM & 1);

			desc->flags = at;
			desc->next = flags | (wrap ? 0x80 : 0x8000);
		} else {
			desc->flags = flags;
			desc->next = (at + 1) % QUEUE_NUM;
		}
	}
	if (!d->packed) {
		uint16_t *avail = (uint16_t *)(w->ram + base + 0x1000);
		uint16_t pos = avail[1];

		avail[2 + pos % QUEUE_NUM] = idx % QUEUE_NUM;
		__atomic_store_n(&avail[1], pos + 1, __ATOMIC_RELEASE);
	}
	d->idx[q] = idx + n;
}
