/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All calls of the vhost ABI with good and bad arguments at random: what race.c
 * throws at devices. Each returns whatever it returns.
 */
#ifndef RINGSIDE_RACE_CALLS_H
#define RINGSIDE_RACE_CALLS_H

#include <fcntl.h>
#include <poll.h>

#include "libiommu.h"
#include "test.h"

#define DEVICES		2
#define LOG_BYTES	(64 << 10)
#define EXTRA_REGIONS	8

struct arena {
	struct vmm v[DEVICES];
	char *ram;
	size_t ram_size;
	char *log;			/* LOG_BYTES of it */
	volatile int fd[DEVICES];	/* changes when a device is closed and opened */
	volatile bool stop;
};

struct racer {
	struct arena *a;
	unsigned int seed;
	unsigned long calls;
};

/* What one call is aimed at. */
struct target {
	struct vmm *v;
	unsigned int which;
	int fd;
	unsigned int index;	/* of a queue; sometimes of none */
	unsigned int q;		/* the same, or 0 then */
};

static unsigned int pick(struct racer *r, unsigned int n)
{
	r->seed = r->seed * 1103515245 + 12345;
	return (r->seed >> 8) % n;
}

/* One time in n. */
static bool seldom(struct racer *r, unsigned int n)
{
	return pick(r, n) == 0;
}

/* A number that some check should catch, or should not. */
static uint64_t pick_edge(struct racer *r)
{
	static const uint64_t edges[] = {
		0, 1, 2, 3, 0x7f, 0xff, 0x100, 0xfff, 0x1000, 0x7fff, 0x8000, 0xffff, 0x10000,
		UINT64_C(0x7fffffff), UINT64_C(0x80000000), UINT32_MAX, UINT64_C(0x100000000),
		UINT64_C(1) << 62, UINT64_C(1) << 63, KERNEL_ADDR, UINT64_MAX - 4095, UINT64_MAX,
	};

	return edges[pick(r, ARRAY_LEN(edges))];
}

/* ---- features, owner, memory ---- */

static void call_owner(struct racer *r, struct target *t)
{
	(void)r;
	vhost_set_owner(t->fd);
}

static void call_reset_owner(struct racer *r, struct target *t)
{
	if (seldom(r, 8))
		vhost_reset_owner(t->fd);
}

static uint64_t pick_features(struct racer *r)
{
	static const uint64_t sets[] = {
		F_VERSION_1, F_VERSION_1 | F_EVENT_IDX | F_INDIRECT, F_MRG_RXBUF, 0,
		F_VERSION_1 | F_ACCESS_PLATFORM, F_VERSION_1 | F_LOG_ALL,
		F_VERSION_1 | F_ACCESS_PLATFORM | F_LOG_ALL | F_MRG_RXBUF | F_INDIRECT,
		F_VERSION_1 | F_IN_ORDER | F_EVENT_IDX, F_NOTIFY_ON_EMPTY | F_EVENT_IDX,
		F_VERSION_1 | F_VHOST_HDR, UINT64_MAX, F_VERSION_1 | F_PACKED,
		F_VERSION_1 | F_PACKED | F_EVENT_IDX | F_INDIRECT | F_LOG_ALL,
		F_VERSION_1 | F_PACKED | F_IN_ORDER | F_MRG_RXBUF,
	};

	return sets[pick(r, ARRAY_LEN(sets))];
}

static void call_features(struct racer *r, struct target *t)
{
	uint64_t f;

	vhost_set_features(t->fd, pick_features(r));
	if (seldom(r, 4))
		vhost_get_features(t->fd, &f);
}

static void call_features_array(struct racer *r, struct target *t)
{
	uint64_t a[9] = { pick(r, 5), pick_features(r), seldom(r, 4) ? pick_edge(r) : 0 };

	if (seldom(r, 4))
		a[0] = pick_edge(r);
	vhost_ioctl(t->fd, seldom(r, 2) ? VHOST_GET_FEATURES_ARRAY : VHOST_SET_FEATURES_ARRAY,
		    a[0] < ARRAY_LEN(a) ? a : (void *)UNMAPPED_ADDR);
}

static void call_backend_features(struct racer *r, struct target *t)
{
	static const uint64_t sets[] = {
		0, BACKEND_F_IOTLB_MSG_V2, BACKEND_F_IOTLB_MSG_V2 | BACKEND_F_IOTLB_BATCH,
		BIT64(VHOST_BACKEND_F_MEM_UPDATE), UINT64_MAX,
	};
	uint64_t f;

	vhost_set_backend_features(t->fd, sets[pick(r, ARRAY_LEN(sets))]);
	vhost_get_backend_features(t->fd, &f);
}

/* The RAM whole, in two pieces, or not at all; sometimes nonsense besides. */
static void call_mem_table(struct racer *r, struct target *t)
{
	struct arena *a = r->a;
	struct mem_table m;
	size_t half = a->ram_size / 2;

	if (mem_table_init(&m))
		return;
	switch (pick(r, 8)) {
	case 0:
		break;
	case 1:
	case 2:
		mem_table_add(&m, half, a->ram + half, half);
		mem_table_add(&m, 0, a->ram, half);
		break;
	case 3:
		mem_table_add(&m, 0, a->ram, half);
		break;
	case 4:
		mem_table_add(&m, pick_edge(r), (void *)(uintptr_t)pick_edge(r), pick_edge(r));
		break;
	default:
		mem_table_add(&m, 0, a->ram, a->ram_size);
	}
	mem_table_set(&m, t->fd);
	mem_table_free(&m);
}

/* Regions behind the RAM come and go; the RAM, whole or in halves, as well. */
static void call_update_regions(struct racer *r, struct target *t)
{
	struct arena *a = r->a;
	struct vhost_memory_region rem[3] = { 0 }, add[3] = { 0 }, *all[] = { rem, add };
	struct vhost_mem_update u = {
		.nremove = pick(r, 4),
		.nadd = pick(r, 4),
		.remove = (uintptr_t)rem,
		.add = (uintptr_t)add,
	};
	size_t half = a->ram_size / 2;
	unsigned int i;

	for (i = 0; i < 6; i++) {
		struct vhost_memory_region *g = &all[i / 3][i % 3];
		unsigned int n = pick(r, EXTRA_REGIONS + 3);
		uint64_t at = n < 2 ? n * half : 0, size = n < 2 ? half : a->ram_size;

		g->guest_phys_addr = n < 3 ? at : a->ram_size + n * 4096;
		g->memory_size = n < 3 ? size : 4096;
		g->userspace_addr = (uintptr_t)a->ram + (n < 3 ? at : n * 4096);
		if (seldom(r, 20))
			g->memory_size = pick_edge(r);
	}
	if (seldom(r, 20))
		u.nadd = pick_edge(r);
	if (seldom(r, 20))
		u.remove = pick_edge(r);
	vhost_ioctl(t->fd, VHOST_UPDATE_MEM_REGIONS, &u);
}

/* ---- log ---- */

static void call_log_base(struct racer *r, struct target *t)
{
	uint64_t base = (uintptr_t)r->a->log + pick(r, 16);

	vhost_set_log_base(t->fd, seldom(r, 8) ? pick_edge(r) : base);
}

static void call_log_fd(struct racer *r, struct target *t)
{
	const int fds[] = { t->v->vq[0].call, t->v->vq[1].err, -1, 0, -7 };

	vhost_set_log_fd(t->fd, fds[pick(r, ARRAY_LEN(fds))]);
}

/* ---- queues ---- */

static int pick_event(struct racer *r, const struct target *t)
{
	const struct vmm_vq *q = &t->v->vq[t->q];
	const int fds[] = { q->kick, q->call, q->err, -1, 0, -7 };

	return fds[pick(r, ARRAY_LEN(fds))];
}

static void call_num(struct racer *r, struct target *t)
{
	vhost_set_vring_num(t->fd, t->index, seldom(r, 4) ? pick_edge(r) : 1u << pick(r, 10));
}

static void call_base(struct racer *r, struct target *t)
{
	if (seldom(r, 2))
		vhost_get_vring_base(t->fd, t->index);
	else
		vhost_set_vring_base(t->fd, t->index, pick(r, 0x10010));
}

static void call_addr(struct racer *r, struct target *t)
{
	struct vhost_vring_addr addr = t->v->vq[t->q].addr;

	addr.index = t->index;
	if (seldom(r, 8))
		addr.used_user_addr = pick_edge(r);
	if (seldom(r, 8))
		addr.desc_user_addr = UNMAPPED_ADDR & ~UINT64_C(15);
	if (seldom(r, 4)) {
		addr.flags = seldom(r, 8) ? pick_edge(r) : 1;
		addr.log_guest_addr = seldom(r, 4) ? pick_edge(r) : 4096;
	}
	vhost_set_vring_addr(t->fd, &addr);
}

static void call_kick(struct racer *r, struct target *t)
{
	vhost_set_vring_kick(t->fd, t->index, pick_event(r, t));
}

static void call_call(struct racer *r, struct target *t)
{
	vhost_set_vring_call(t->fd, t->index, pick_event(r, t));
}

static void call_err(struct racer *r, struct target *t)
{
	vhost_set_vring_err(t->fd, t->index, pick_event(r, t));
}

static void call_endian(struct racer *r, struct target *t)
{
	struct vhost_vring_state s = { .index = t->index };

	if (seldom(r, 2))
		vhost_set_vring_endian(t->fd, t->index, pick(r, 3));
	else
		vhost_ioctl(t->fd, VHOST_GET_VRING_ENDIAN, &s);
}

static void call_busyloop(struct racer *r, struct target *t)
{
	if (seldom(r, 2))
		vhost_get_busyloop_timeout(t->fd, t->index);
	else
		vhost_set_busyloop_timeout(t->fd, t->index, pick(r, 200));
}

static void call_backend(struct racer *r, struct target *t)
{
	vhost_net_set_backend(t->fd, t->index, seldom(r, 4) ? -1 : t->v->net.fd);
}

/* Give the device something to do, well-formed or not. */
static void call_ring(struct racer *r, struct target *t)
{
	struct drv_ring *ring = &t->v->vq[t->q].ring;
	struct vring_desc *d = &drv_split_desc(ring)[pick(r, ring->num)];
	struct vring_avail *avail = drv_split_avail(ring);
	unsigned int i;

	d->addr = pick(r, 2 * r->a->ram_size);
	d->len = pick(r, 3) ? 60 + pick(r, 1400) : pick(r, 1 << 24);
	d->flags = pick(r, 4) ? (t->q == VQ_RX ? VRING_DESC_F_WRITE : 0) : pick(r, 8);
	d->next = pick(r, ring->num + 1);
	/* Where the flags of a packed ring's descriptor are: available in some round. */
	if (seldom(r, 3))
		d->next = pick(r, 8) | (pick(r, 2) ? 0x80 : 0x8000);
	for (i = pick(r, 8); i; i--)
		avail->ring[pick(r, ring->num)] = pick(r, ring->num);
	__atomic_fetch_add(&avail->idx, pick(r, 16), __ATOMIC_SEQ_CST);
	event_signal(t->v->vq[t->q].kick);
	if (t->q == VQ_RX) {
		char frame[1514];

		net_frame_fill(frame, sizeof(frame), 0);
		net_peer_send(&t->v->net, frame, 60 + pick(r, 1454));
	}
}

/* ---- workers ---- */

static void call_new_worker(struct racer *r, struct target *t)
{
	struct vhost_worker_state s = { 0 };

	if (seldom(r, 2))
		vhost_ioctl(t->fd, VHOST_NEW_WORKER, &s);
}

static void call_free_worker(struct racer *r, struct target *t)
{
	struct vhost_worker_state s = { .worker_id = seldom(r, 8) ? pick_edge(r) : pick(r, 16) };

	vhost_ioctl(t->fd, VHOST_FREE_WORKER, &s);
}

static void call_attach_worker(struct racer *r, struct target *t)
{
	struct vhost_vring_worker w = {
		.index = t->index,
		.worker_id = seldom(r, 8) ? pick_edge(r) : pick(r, 16),
	};

	vhost_ioctl(t->fd, seldom(r, 4) ? VHOST_GET_VRING_WORKER : VHOST_ATTACH_VRING_WORKER, &w);
}

static void call_fork_owner(struct racer *r, struct target *t)
{
	uint8_t v = pick(r, 3);

	vhost_ioctl(t->fd, seldom(r, 2) ? VHOST_GET_FORK_FROM_OWNER : VHOST_SET_FORK_FROM_OWNER,
		    &v);
}

/* ---- device IOTLB ---- */

/* Rings under their own user addresses, buffers from 0 on; and nonsense. */
static void call_iotlb(struct racer *r, struct target *t)
{
	struct arena *a = r->a;
	size_t at = pick(r, a->ram_size / 4096) * 4096, size = seldom(r, 4) ? a->ram_size - at : 4096;
	char *ram = seldom(r, 2) ? t->v->ram : a->ram;
	uint64_t uaddr = (uintptr_t)ram + at, iova = seldom(r, 2) ? at : uaddr;
	unsigned int type = VHOST_IOTLB_UPDATE + pick(r, 2);
	union iotlb_wire w;

	if (seldom(r, 8))
		type = VHOST_IOTLB_BATCH_BEGIN + pick(r, 2);
	if (seldom(r, 20))
		type = pick(r, 256);
	iotlb_fill(&w, pick(r, 2), type, iova, size, uaddr, 1 + pick(r, 3));
	if (seldom(r, 16))
		iotlb_body(&w, true)->iova = pick_edge(r);
	if (seldom(r, 16))
		iotlb_body(&w, true)->size = pick_edge(r);
	if (seldom(r, 16))
		iotlb_body(&w, true)->uaddr = pick_edge(r);
	if (seldom(r, 16))
		iotlb_body(&w, true)->perm = pick(r, 256);
	if (seldom(r, 16))
		w.v2.type = pick_edge(r);
	iotlb_write(t->fd, &w, seldom(r, 16) ? pick(r, sizeof(w)) : sizeof(w));
}

/* What can be read is a message, and it is answered more often than not. */
static void call_read(struct racer *r, struct target *t)
{
	struct pollfd p = { .fd = t->fd, .events = POLLIN };
	struct vhost_iotlb_msg *m;
	union iotlb_wire w;

	if (seldom(r, 4))
		poll(&p, 1, 0);
	if (read(t->fd, &w, seldom(r, 8) ? pick(r, sizeof(w)) : sizeof(w)) <= 0)
		return;
	m = iotlb_body(&w, true);
	if ((w.v2.type != VHOST_IOTLB_MSG && w.v2.type != VHOST_IOTLB_MSG_V2) ||
	    (m->type != VHOST_IOTLB_MISS && m->type != VHOST_IOTLB_ACCESS_FAIL))
		abort();
	if (seldom(r, 4))
		return;
	/* Rings under their own addresses; a buffer's is an offset. */
	iotlb_send(t->fd, true, VHOST_IOTLB_UPDATE, m->iova & ~UINT64_C(4095), 4096,
		   m->iova < r->a->ram_size ?
		   (uintptr_t)r->a->ram + (m->iova & ~UINT64_C(4095)) : m->iova & ~UINT64_C(4095),
		   VHOST_ACCESS_RW);
}

/* ---- the file itself ---- */

static void call_reopen(struct racer *r, struct target *t)
{
	int fd;

	if (!seldom(r, 50))
		return;
	fd = vhost_open(VHOST_NET_PATH, O_NONBLOCK);
	if (fd < 0)
		return;
	/* The number stays, so that other threads are inside calls on the old file. */
	dup3(fd, t->fd, O_CLOEXEC);
	close(fd);
}

/* Any number, any argument. */
static void call_anything(struct racer *r, struct target *t)
{
	unsigned long cmd = _IOC(pick(r, 4), VHOST_VIRTIO, pick(r, 256), pick(r, 80));
	uint64_t room[16] = { 0 };
	void *arg = seldom(r, 2) ? room : (void *)(uintptr_t)pick_edge(r);

	vhost_ioctl(t->fd, cmd, arg);
}

static const struct race_call {
	void (*fn)(struct racer *r, struct target *t);
	unsigned int weight;
} race_calls[] = {
	{ call_owner, 2 },
	{ call_reset_owner, 1 },
	{ call_features, 2 },
	{ call_features_array, 1 },
	{ call_backend_features, 1 },
	{ call_mem_table, 4 },
	{ call_update_regions, 4 },
	{ call_log_base, 2 },
	{ call_log_fd, 1 },
	{ call_num, 1 },
	{ call_base, 2 },
	{ call_addr, 3 },
	{ call_kick, 1 },
	{ call_call, 1 },
	{ call_err, 1 },
	{ call_endian, 1 },
	{ call_busyloop, 1 },
	{ call_backend, 4 },
	{ call_ring, 4 },
	{ call_new_worker, 1 },
	{ call_free_worker, 2 },
	{ call_attach_worker, 2 },
	{ call_fork_owner, 1 },
	{ call_iotlb, 6 },
	{ call_read, 3 },
	{ call_reopen, 1 },
	{ call_anything, 1 },
};

static void race_one(struct racer *r)
{
	struct target t = { .which = pick(r, DEVICES) };
	unsigned int i, total = 0, n;

	t.v = &r->a->v[t.which];
	t.fd = r->a->fd[t.which];
	t.index = seldom(r, 20) ? pick_edge(r) : pick(r, VMM_NVQS);
	t.q = t.index < VMM_NVQS ? t.index : 0;
	for (i = 0; i < ARRAY_LEN(race_calls); i++)
		total += race_calls[i].weight;
	n = pick(r, total);
	for (i = 0; n >= race_calls[i].weight; i++)
		n -= race_calls[i].weight;
	race_calls[i].fn(r, &t);
	r->calls++;
}

#endif
