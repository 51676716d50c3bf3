// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "libvmm.h"

#define SCRATCH_SIZE	(72 << 10)	/* the largest frame of a check, and its header */

unsigned int vmm_hdr_len(uint64_t features)
{
	return features & (F_MRG_RXBUF | F_VERSION_1) ? 12 : 10;
}

void vmm_init(struct vmm *v)
{
	unsigned int i;

	memset(v, 0, sizeof(*v));
	v->fd = -1;
	v->ram = MAP_FAILED;
	v->net.fd = v->net.peer = -1;
	for (i = 0; i < VMM_NVQS; i++)
		v->vq[i].kick = v->vq[i].call = v->vq[i].err = -1;
}

int vmm_open(struct vmm *v, uint64_t features)
{
	int ret = vhost_open(v->path ? v->path : VHOST_NET_PATH, 0);

	if (ret < 0)
		return ret;
	v->fd = ret;
	v->features = features;
	v->hdr_len = vmm_hdr_len(features);
	ret = v->workers ? vhost_set_fork_from_owner(v->fd, v->workers - 1) : 0;
	if (!ret)
		ret = vhost_set_owner(v->fd);
	return ret ? ret : vhost_set_features(v->fd, features);
}

int vmm_ram(struct vmm *v, uint64_t gpa, size_t size)
{
	int ret = v->mem.m ? 0 : mem_table_init(&v->mem);

	if (ret)
		return ret;
	v->ram = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (v->ram == MAP_FAILED)
		return -errno;
	v->ram_size = size;
	v->ram_used = 0;
	v->ram_gpa = gpa;
	ret = mem_table_add(&v->mem, gpa, v->ram, size);
	if (ret)
		return ret;
	v->scratch = vmm_alloc(v, SCRATCH_SIZE, 4096);
	return v->scratch ? 0 : -ENOSPC;
}

int vmm_set_mem(struct vmm *v)
{
	return mem_table_set(&v->mem, v->fd);
}

void *vmm_alloc(struct vmm *v, size_t size, size_t align)
{
	size_t at = (v->ram_used + align - 1) & ~(align - 1);

	if (at + size > v->ram_size)
		return NULL;
	v->ram_used = at + size;
	return v->ram + at;
}

uint64_t vmm_gpa(const struct vmm *v, const void *hva)
{
	return mem_table_gpa(&v->mem, hva);
}

/* In the order of QEMU: num, base, addresses, then the eventfds. */
static int tell_ring(struct vmm *v, unsigned int index)
{
	struct vmm_vq *q = &v->vq[index];
	int ret;

	ret = vhost_set_vring_num(v->fd, index, q->ring.num);
	if (!ret)
		ret = vhost_set_vring_base(v->fd, index, drv_ring_base(&q->ring));
	if (!ret)
		ret = vhost_set_vring_addr(v->fd, &q->addr);
	if (!ret)
		ret = vhost_set_vring_kick(v->fd, index, q->kick);
	if (!ret)
		ret = vhost_set_vring_call(v->fd, index, q->call);
	if (!ret)
		ret = vhost_set_vring_err(v->fd, index, q->err);
	return ret;
}

/* What the device is told of the place of a ring area. */
static uint64_t ring_addr(const struct vmm *v, const void *hva)
{
	return v->iommu ? vmm_gpa(v, hva) : (uintptr_t)hva;
}

int vmm_ring_at(struct vmm *v, unsigned int index, unsigned int num, uint16_t count,
		const struct drv_place *at)
{
	struct vmm_vq *q = &v->vq[index];
	int ret;

	drv_ring_free(&q->ring);
	ret = drv_ring_init(&q->ring, drv_layout_of(v->features), num, at, count,
			    v->features & F_EVENT_IDX);
	if (ret)
		return ret;
	q->ring.in_order = v->features & F_IN_ORDER;
	q->addr = (struct vhost_vring_addr) {
		.index = index,
		.desc_user_addr = ring_addr(v, at->desc),
		.avail_user_addr = ring_addr(v, at->driver),
		.used_user_addr = ring_addr(v, at->device),
	};
	if (q->kick < 0)
		q->kick = event_new();
	if (q->call < 0)
		q->call = event_new();
	if (q->err < 0)
		q->err = event_new();
	if (q->kick < 0 || q->call < 0 || q->err < 0)
		return -EMFILE;
	return tell_ring(v, index);
}

int vmm_ring(struct vmm *v, unsigned int index, unsigned int num, uint16_t count)
{
	struct drv_place at;
	struct drv_sizes s;

	drv_layout_of(v->features)->sizes(num, &s);
	at.desc = vmm_alloc(v, s.desc, s.desc_align);
	at.driver = vmm_alloc(v, s.driver, s.driver_align);
	at.device = vmm_alloc(v, s.device, s.device_align);
	if (!at.desc || !at.driver || !at.device)
		return -ENOSPC;
	return vmm_ring_at(v, index, num, count, &at);
}

int vmm_rearm(struct vmm *v, unsigned int index, uint16_t count)
{
	drv_ring_restart(&v->vq[index].ring, count);
	return tell_ring(v, index);
}

int vmm_start(struct vmm *v, unsigned int index)
{
	return vhost_net_set_backend(v->fd, index, v->net.fd);
}

int64_t vmm_stop(struct vmm *v, unsigned int index)
{
	int ret = vhost_net_set_backend(v->fd, index, -1);

	return ret ? ret : vhost_get_vring_base(v->fd, index);
}

int vmm_reset_queue(struct vmm *v, unsigned int index)
{
	int64_t base = vmm_stop(v, index);
	int ret = base < 0 ? base : vmm_rearm(v, index, 0);

	if (!ret)
		ret = vmm_start(v, index);
	event_take(v->vq[index].err);
	return ret;
}

int vmm_up(struct vmm *v, const struct vmm_config *c)
{
	unsigned int i;
	int ret;

	vmm_init(v);
	v->workers = c->workers;
	ret = vmm_open(v, c->features);
	if (!ret)
		ret = vmm_ram(v, c->ram_gpa, c->ram_size ? c->ram_size : 4 << 20);
	if (!ret)
		ret = vmm_set_mem(v);
	for (i = 0; !ret && i < VMM_NVQS; i++)
		ret = vmm_ring(v, i, c->num ? c->num : 256, c->count);
	return ret;
}

int vmm_net_up(struct vmm *v, const struct vmm_config *c)
{
	unsigned int i;
	int ret = vmm_up(v, c);

	if (!ret)
		ret = net_backend_open(&v->net, c->net,
				       c->features & F_VHOST_HDR ? 0 : v->hdr_len);
	for (i = 0; !ret && i < VMM_NVQS; i++)
		ret = vmm_start(v, i);
	return ret;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void vmm_close(struct vmm *v)
{
	unsigned int i;

	close_fd(&v->fd);
	net_backend_close(&v->net);
	for (i = 0; i < VMM_NVQS; i++) {
		close_fd(&v->vq[i].kick);
		close_fd(&v->vq[i].call);
		close_fd(&v->vq[i].err);
		drv_ring_free(&v->vq[i].ring);
	}
	if (v->ram != MAP_FAILED)
		munmap(v->ram, v->ram_size);
	v->ram = MAP_FAILED;
	mem_table_free(&v->mem);
}

void vmm_kick(struct vmm *v, unsigned int index)
{
	struct vmm_vq *q = &v->vq[index];

	drv_ring_publish(&q->ring);
	if (drv_ring_need_kick(&q->ring))
		event_signal(q->kick);
}

void vmm_force_kick(struct vmm *v, unsigned int index)
{
	drv_ring_publish(&v->vq[index].ring);
	event_signal(v->vq[index].kick);
}

int vmm_tx_send(struct vmm *v, char *buf, size_t len, uint32_t seed)
{
	int ret;

	memset(buf, 0, v->hdr_len);
	net_frame_fill(buf + v->hdr_len, len, seed);
	ret = drv_ring_add1(&v->vq[VQ_TX].ring, vmm_gpa(v, buf), v->hdr_len + len, false, buf);
	if (ret < 0)
		return ret;
	vmm_kick(v, VQ_TX);
	return 0;
}

int vmm_tx_check(struct vmm *v, size_t len, uint32_t seed)
{
	static __thread char frame[SCRATCH_SIZE];
	struct drv_done done;
	int ret;

	net_peer_drain(&v->net);
	ret = vmm_tx_send(v, v->scratch, len, seed);
	if (ret)
		return ret;
	ret = net_peer_recv(&v->net, frame, sizeof(frame), VMM_TIMEOUT_MS);
	if (ret < 0)
		return ret;
	if ((size_t)ret != len || net_frame_check(frame, len, seed, NULL))
		return -EBADMSG;
	ret = drv_ring_wait(&v->vq[VQ_TX].ring, &done, VMM_TIMEOUT_MS);
	if (ret < 0)
		return ret;
	return done.cookie == v->scratch && done.len == 0 ? 0 : -EPROTO;
}

int vmm_rx_check(struct vmm *v, size_t len, uint32_t seed)
{
	struct drv_ring *r = &v->vq[VQ_RX].ring;
	static __thread char frame[SCRATCH_SIZE];
	struct drv_done done;
	int ret;

	memset(v->scratch, 0xee, v->hdr_len + len + 16);
	ret = drv_ring_add1(r, vmm_gpa(v, v->scratch), v->hdr_len + len + 16, true,
			    v->scratch);
	if (ret < 0)
		return ret;
	vmm_kick(v, VQ_RX);
	net_frame_fill(frame, len, seed);
	ret = net_peer_send(&v->net, frame, len);
	if (ret < 0)
		return ret;
	ret = drv_ring_wait(r, &done, VMM_TIMEOUT_MS);
	if (ret < 0)
		return ret;
	if (done.cookie != v->scratch || done.len != v->hdr_len + len)
		return -EPROTO;
	return net_frame_check(v->scratch + v->hdr_len, len, seed, NULL);
}

int vmm_traffic_check(struct vmm *v)
{
	static const size_t sizes[] = { 60, 1000, 1514 };
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		ret = vmm_tx_check(v, sizes[i], i);
		if (!ret)
			ret = vmm_rx_check(v, sizes[i], 100 + i);
	}
	return ret;
}

bool vmm_ring_error(struct vmm *v, unsigned int index, unsigned int timeout_ms)
{
	return event_wait(v->vq[index].err, timeout_ms) != 0;
}
