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
		d->indirect = features & BIT64(VIRTIO_RING_F_INDIRECT_DESC);
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

/* A chain before it is made of descriptors. */
struct pieces {
	unsigned int n;
	uint32_t len[3];
	bool in[3];
};

/* What the device's formats have: a header out, data out or in, a status in. */
static struct pieces shape(const struct device *d, unsigned int q, struct rnd *r)
{
	unsigned int n = 1 + rnd(r, 3);
	bool in = !(q & 1);

	switch (d->kind) {
	case KIND_SCSI:
		return (struct pieces) { 2 + rnd(r, 2), { 51, 108, 512 * (1 + rnd(r, 4)) },
					 { false, true, true } };
	case KIND_VDPA_BLK:
		return (struct pieces) { 3, { 16, 512 * (1 + rnd(r, 4)), 1 },
					 { false, rnd(r, 2), true } };
	case KIND_VSOCK:
		return (struct pieces) { n > 2 ? 2 : n, { q ? 44 : 1024, 200 }, { !q, !q } };
	default:
		return (struct pieces) { n, { 12 + rnd(r, 200), 1514, rnd(r, BUFFER_BYTES) },
					 { in, in, in } };
	}
}

static uint32_t buffer_of(unsigned int q, unsigned int at)
{
	return BUFFERS + (q * QUEUE_NUM + at % QUEUE_NUM) % NBUFFERS * BUFFER_BYTES;
}

/* Descriptor number @at, counted from the beginning, of a ring. */
static void put_desc(struct world *w, const struct device *d, unsigned int q, unsigned int at,
		     struct vring_desc desc)
{
	bool wrap = !(at / QUEUE_NUM & 1);

	at %= QUEUE_NUM;
	desc.next = (at + 1) % QUEUE_NUM;
	if (d->packed) {
		desc.next = desc.flags | (wrap ? 0x80 : 0x8000);
		desc.flags = at;
	}
	((struct vring_desc *)(w->ram + q * QUEUE_BYTES))[at] = desc;
}

/* Each piece a descriptor of the ring, with mistakes. How many it took. */
static unsigned int put_chain(struct world *w, const struct device *d, unsigned int q,
			      const struct pieces *p, struct rnd *r)
{
	unsigned int i;

	for (i = 0; i < p->n; i++) {
		uint32_t buf = buffer_of(q, d->idx[q] + i);
		uint16_t flags = (i + 1 < p->n ? VRING_DESC_F_NEXT : 0) |
				 (p->in[i] ? VRING_DESC_F_WRITE : 0);

		if (!rnd(r, 32))
			flags ^= rnd(r, 8);
		put_desc(w, d, q, d->idx[q] + i, (struct vring_desc) {
			.addr = rnd(r, 64) ? buf : rnd(r, UINT32_MAX),
			.len = rnd(r, 64) ? p->len[i] : rnd(r, UINT32_MAX),
			.flags = flags });
	}
	return p->n;
}

/* Descriptors that a chain may have at most, as everywhere in vhost. */
#define CHAIN_MAX	1024

/* How many entries for @n pieces: as many, some more, about as many as a chain may have. */
static unsigned int table_len(unsigned int n, struct rnd *r)
{
	switch (rnd(r, 4)) {
	case 0:
		return CHAIN_MAX - 32 + rnd(r, 64);
	case 1:
		return n + rnd(r, 64);
	default:
		return n;
	}
}

/*
 * A table that one descriptor of the ring names. Where it has more entries than there are
 * pieces, the last piece but one is cut into bytes.
 */
static unsigned int put_table(struct world *w, const struct device *d, unsigned int q,
			      const struct pieces *p, struct rnd *r)
{
	uint32_t at = TABLES + rnd(r, 2) * TABLE_BYTES, buf = buffer_of(q, d->idx[q]);
	struct vring_desc *table = (void *)(w->ram + at);
	unsigned int n = table_len(p->n, r), more = n - p->n, i;
	unsigned int cut = p->n > 1 ? p->n - 2 : 0;

	for (i = 0; i < n; i++) {
		unsigned int like = i < cut ? i : i <= cut + more ? cut : i - more;
		uint16_t flags = p->in[like] ? VRING_DESC_F_WRITE : 0;

		if (i + 1 < n && !d->packed)
			flags |= VRING_DESC_F_NEXT;
		table[i] = (struct vring_desc) {
			.addr = buf + like * 2048,
			.len = like == cut && more ? 1 : p->len[like],
			/* In a packed table the word of the flags is behind that of the number. */
			.flags = d->packed ? 0 : flags,
			.next = d->packed ? flags : i + 1,
		};
	}
	if (!rnd(r, 16))
		((uint16_t *)&table[rnd(r, n)])[6 + rnd(r, 2)] ^= rnd(r, 8);
	put_desc(w, d, q, d->idx[q], (struct vring_desc) {
		.addr = at, .len = n * sizeof(*table), .flags = VRING_DESC_F_INDIRECT });
	return 1;
}

void driver_add(struct world *w, struct device *d, unsigned int q, struct rnd *r)
{
	const struct pieces p = shape(d, q, r);
	uint16_t idx = d->idx[q];

	put_header(w, d, buffer_of(q, idx), r);
	d->idx[q] = idx + (d->indirect && !rnd(r, 4) ? put_table(w, d, q, &p, r) :
						       put_chain(w, d, q, &p, r));
	if (!d->packed) {
		uint16_t *avail = (uint16_t *)(w->ram + q * QUEUE_BYTES + 0x1000);
		uint16_t pos = avail[1];

		avail[2 + pos % QUEUE_NUM] = idx % QUEUE_NUM;
		__atomic_store_n(&avail[1], pos + 1, __ATOMIC_RELEASE);
	}
}
