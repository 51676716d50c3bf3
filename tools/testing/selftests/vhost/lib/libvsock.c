// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "libtime.h"
#include "libvsock.h"

/* How often who waits looks whether it is to end. */
#define VS_STOP_MS	20

uint64_t vs_quiet_cid(void)
{
	return VS_CID + 10000 + getpid() % 30000;
}

int vs_set_cid(int fd, uint64_t cid)
{
	return vhost_ioctl(fd, VHOST_VSOCK_SET_GUEST_CID, &cid);
}

int vs_set_running(int fd, int on)
{
	return vhost_ioctl(fd, VHOST_VSOCK_SET_RUNNING, &on);
}

static int post_one(struct vs_guest *g, char *buf)
{
	int ret = drv_ring_add1(&g->v->vq[VQ_RX].ring, vmm_gpa(g->v, buf), g->rx_size, true, buf);

	return ret < 0 ? ret : 0;
}

int vs_post(struct vs_guest *g)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < g->rx_count; i++)
		ret = post_one(g, g->rx_mem + (size_t)i * g->rx_size);
	vmm_kick(g->v, VQ_RX);
	return ret;
}

static int make_buffers(struct vs_guest *g)
{
	unsigned int i;

	g->rx_mem = vmm_alloc(g->v, (size_t)g->rx_count * g->rx_size, IOMMU_PAGE);
	if (!g->rx_mem)
		return -ENOSPC;
	for (i = 0; i < VS_SLOTS; i++) {
		g->slot[i].mem = vmm_alloc(g->v, g->tx_size, 64);
		if (!g->slot[i].mem)
			return -ENOSPC;
	}
	return 0;
}

int vs_up(struct vs_guest *g, const struct vs_config *c)
{
	unsigned int num = c->num ? c->num : 128, rx_size = c->rx_size ? c->rx_size : 4096;
	unsigned int tx_size = c->tx_size ? c->tx_size : 4096;
	size_t memory = (size_t)num / 2 * rx_size + VS_SLOTS * (size_t)tx_size;
	const struct iommu_config ic = {
		.path = VSOCK_PATH,
		.features = c->features ? c->features : VS_FEATURES,
		.plain = !c->iommu,
		.whole = !c->paged && !c->iommu,
		.num = num,
		.pages = memory / IOMMU_PAGE + 64,
	};
	int ret;

	memset(g, 0, sizeof(*g));
	g->v = &g->m.v;
	g->cid = c->cid ? c->cid : VS_CID;
	g->rx_count = num / 2;
	g->rx_size = rx_size;
	g->tx_size = tx_size;
	ret = iommu_up(&g->m, &ic);
	if (!ret)
		ret = make_buffers(g);
	if (!ret)
		ret = vs_set_cid(g->v->fd, g->cid);
	if (!ret && c->iommu)
		ret = iommu_map_all(&g->m);
	if (!ret && !c->no_rx)
		ret = vs_post(g);
	if (!ret && !c->stopped)
		ret = vs_set_running(g->v->fd, 1);
	return ret;
}

void vs_close(struct vs_guest *g)
{
	if (!g->v)
		return;
	vs_serve_end(g);
	iommu_close(&g->m);
}

/* ---- packets ---- */

struct virtio_vsock_hdr vs_header(const struct vs_guest *g, uint16_t type, uint16_t op,
				  uint32_t src_port, uint32_t dst_port)
{
	return (struct virtio_vsock_hdr) {
		.src_cid = g->cid,
		.dst_cid = VS_HOST,
		.src_port = src_port,
		.dst_port = dst_port,
		.type = type,
		.op = op,
		.buf_alloc = VS_CREDIT,
	};
}

/* Wait for an interrupt of a queue; there may be something already. */
static bool wait_used(struct vs_guest *g, unsigned int index, uint64_t end)
{
	struct vmm_vq *q = &g->v->vq[index];
	uint64_t now = now_ms();

	/* A guest that has been told to end does not wait for a device that may be gone. */
	if (now >= end || g->stop)
		return false;
	if (!drv_ring_arm(&q->ring))
		event_wait(q->call, end - now < VS_STOP_MS ? end - now : VS_STOP_MS);
	drv_ring_disarm(&q->ring);
	return true;
}

static int reap(struct vs_guest *g)
{
	struct drv_done done;
	int ret;

	while ((ret = drv_ring_get(&g->v->vq[VQ_TX].ring, &done)) > 0) {
		if (done.len)
			return -EPROTO;
		((struct vs_slot *)done.cookie)->busy = false;
	}
	return ret;
}

static struct vs_slot *free_slot(struct vs_guest *g)
{
	unsigned int i;

	for (i = 0; i < VS_SLOTS; i++)
		if (!g->slot[i].busy)
			return &g->slot[i];
	return NULL;
}

int vs_tx(struct vs_guest *g, const struct virtio_vsock_hdr *hdr, const void *data, size_t len)
{
	uint64_t end = now_ms() + VMM_TIMEOUT_MS;
	struct vs_slot *s;
	int ret;

	for (;;) {
		ret = reap(g);
		if (ret)
			return ret;
		s = free_slot(g);
		if (s)
			break;
		if (!wait_used(g, VQ_TX, end))
			return -ETIMEDOUT;
	}
	if (VS_HDR + len > g->tx_size)
		return -EMSGSIZE;
	memcpy(s->mem, hdr, VS_HDR);
	if (len)
		memcpy(s->mem + VS_HDR, data, len);
	ret = drv_ring_add1(&g->v->vq[VQ_TX].ring, vmm_gpa(g->v, s->mem), VS_HDR + len, false, s);
	if (ret < 0)
		return ret;
	s->busy = true;
	vmm_kick(g->v, VQ_TX);
	return 0;
}

int vs_tx_flush(struct vs_guest *g, unsigned int timeout_ms)
{
	uint64_t end = now_ms() + timeout_ms;
	int ret;

	for (;;) {
		ret = reap(g);
		if (ret)
			return ret;
		if (!drv_ring_in_flight(&g->v->vq[VQ_TX].ring))
			return 0;
		if (!wait_used(g, VQ_TX, end))
			return -ETIMEDOUT;
	}
}

int vs_rx(struct vs_guest *g, struct vs_packet *p, unsigned int timeout_ms)
{
	struct drv_ring *r = &g->v->vq[VQ_RX].ring;
	uint64_t end = now_ms() + timeout_ms;
	struct drv_done done;
	int ret;

	if (g->held) {
		ret = post_one(g, g->held);
		g->held = NULL;
		if (ret)
			return ret;
		vmm_kick(g->v, VQ_RX);
	}
	while (!(ret = drv_ring_get(r, &done)))
		if (!wait_used(g, VQ_RX, end))
			return -ETIMEDOUT;
	if (ret < 0)
		return ret;
	g->held = done.cookie;
	if (!done.len)
		return -ENODATA;
	if (done.len < VS_HDR || done.len > g->rx_size)
		return -EBADMSG;
	memcpy(&p->hdr, done.cookie, VS_HDR);
	p->data = (char *)done.cookie + VS_HDR;
	p->len = done.len - VS_HDR;
	return p->hdr.len == p->len && p->hdr.src_cid == VS_HOST ? 0 : -EBADMSG;
}

int vs_expect(struct vs_guest *g, uint16_t op, struct vs_packet *p)
{
	int ret;

	do
		ret = vs_rx(g, p, VMM_TIMEOUT_MS);
	while (!ret && p->hdr.op != op);
	return ret;
}

int vs_guest_connect(struct vs_guest *g, uint16_t type, uint32_t src_port, uint32_t dst_port)
{
	struct virtio_vsock_hdr h = vs_header(g, type, VIRTIO_VSOCK_OP_REQUEST, src_port,
					      dst_port);
	struct vs_packet p;
	int ret = vs_tx(g, &h, NULL, 0);

	while (!ret) {
		ret = vs_rx(g, &p, VMM_TIMEOUT_MS);
		if (ret || p.hdr.dst_port != src_port)
			continue;
		if (p.hdr.op == VIRTIO_VSOCK_OP_RESPONSE)
			return 0;
		if (p.hdr.op == VIRTIO_VSOCK_OP_RST)
			return -ECONNREFUSED;
	}
	return ret;
}

int vs_guest_accept(struct vs_guest *g, struct vs_packet *p)
{
	struct virtio_vsock_hdr h;
	int ret = vs_expect(g, VIRTIO_VSOCK_OP_REQUEST, p);

	if (ret)
		return ret;
	h = vs_header(g, p->hdr.type, VIRTIO_VSOCK_OP_RESPONSE, p->hdr.dst_port, p->hdr.src_port);
	return vs_tx(g, &h, NULL, 0);
}

/* ---- the echo stack ---- */

struct vs_piece {
	struct vs_piece *next;
	uint32_t len, flags;
	char data[];
};

struct vs_conn {
	struct vs_conn *next;
	uint32_t port, peer_port;
	uint16_t type;
	uint32_t fwd_cnt, told;		/* bytes that came and went on; the host knows of */
	uint32_t tx_cnt, peer_fwd, peer_alloc;
	struct vs_piece *first, **last;	/* to be echoed */
};

static struct vs_conn *find_conn(struct vs_guest *g, const struct virtio_vsock_hdr *h)
{
	struct vs_conn *c;

	for (c = g->conns; c; c = c->next)
		if (c->port == h->dst_port && c->peer_port == h->src_port)
			return c;
	return NULL;
}

static void drop_conn(struct vs_guest *g, struct vs_conn *c)
{
	struct vs_conn **at = &g->conns;
	struct vs_piece *piece;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	while ((piece = c->first)) {
		c->first = piece->next;
		free(piece);
	}
	free(c);
	g->open--;
}

static void send_op(struct vs_guest *g, struct vs_conn *c, uint16_t op, uint32_t flags,
		    const void *data, uint32_t len)
{
	struct virtio_vsock_hdr h = vs_header(g, c->type, op, c->port, c->peer_port);

	h.len = len;
	h.flags = flags;
	h.fwd_cnt = c->fwd_cnt;
	c->told = c->fwd_cnt;
	if (vs_tx(g, &h, data, len))
		g->errors++;
}

static void send_rst(struct vs_guest *g, const struct virtio_vsock_hdr *to)
{
	struct virtio_vsock_hdr h = vs_header(g, to->type, VIRTIO_VSOCK_OP_RST, to->dst_port,
					      to->src_port);

	if (vs_tx(g, &h, NULL, 0))
		g->errors++;
}

/* Echo what the host has room for, and tell how much room there is here. */
static void echo(struct vs_guest *g, struct vs_conn *c)
{
	struct vs_piece *piece;

	while ((piece = c->first) &&
	       c->peer_alloc - (c->tx_cnt - c->peer_fwd) >= piece->len) {
		c->fwd_cnt += piece->len;
		c->tx_cnt += piece->len;
		send_op(g, c, VIRTIO_VSOCK_OP_RW, piece->flags, piece->data, piece->len);
		c->first = piece->next;
		if (!c->first)
			c->last = &c->first;
		free(piece);
	}
	if (c->fwd_cnt != c->told)
		send_op(g, c, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0, NULL, 0);
}

static void take_piece(struct vs_guest *g, struct vs_conn *c, const struct vs_packet *p)
{
	struct vs_piece *piece = malloc(sizeof(*piece) + p->len);

	if (!piece || VS_HDR + p->len > g->tx_size) {
		g->errors++;
		free(piece);
		return;
	}
	piece->next = NULL;
	piece->len = p->len;
	piece->flags = p->hdr.flags;
	memcpy(piece->data, p->data, p->len);
	*c->last = piece;
	c->last = &piece->next;
}

static void open_conn(struct vs_guest *g, const struct vs_packet *p)
{
	struct vs_conn *c = calloc(1, sizeof(*c));

	if (!c || p->hdr.dst_port <= VS_CLOSED_PORT) {
		free(c);
		send_rst(g, &p->hdr);
		return;
	}
	c->port = p->hdr.dst_port;
	c->peer_port = p->hdr.src_port;
	c->type = p->hdr.type;
	c->peer_alloc = p->hdr.buf_alloc;
	c->last = &c->first;
	c->next = g->conns;
	g->conns = c;
	g->open++;
	g->served++;
	send_op(g, c, VIRTIO_VSOCK_OP_RESPONSE, 0, NULL, 0);
}

static void handle(struct vs_guest *g, const struct vs_packet *p)
{
	struct vs_conn *c = find_conn(g, &p->hdr);

	if (p->hdr.op == VIRTIO_VSOCK_OP_REQUEST && !c) {
		open_conn(g, p);
		return;
	}
	if (!c) {
		if (p->hdr.op != VIRTIO_VSOCK_OP_RST)
			send_rst(g, &p->hdr);
		return;
	}
	c->peer_alloc = p->hdr.buf_alloc;
	c->peer_fwd = p->hdr.fwd_cnt;
	switch (p->hdr.op) {
	case VIRTIO_VSOCK_OP_RW:
		take_piece(g, c, p);
		break;
	case VIRTIO_VSOCK_OP_CREDIT_UPDATE:
		break;
	case VIRTIO_VSOCK_OP_CREDIT_REQUEST:
		send_op(g, c, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0, NULL, 0);
		break;
	case VIRTIO_VSOCK_OP_SHUTDOWN:
		if (p->hdr.flags == 3) {
			send_rst(g, &p->hdr);
			drop_conn(g, c);
			return;
		}
		break;
	case VIRTIO_VSOCK_OP_RST:
		drop_conn(g, c);
		return;
	default:
		g->errors++;
	}
	echo(g, c);
}

static void *serve(void *arg)
{
	struct vs_guest *g = arg;
	struct vs_packet p;
	int ret;

	while (!g->stop) {
		ret = vs_rx(g, &p, 20);
		if (!ret)
			handle(g, &p);
		else if (ret != -ETIMEDOUT)
			g->errors++;
	}
	return NULL;
}

int vs_serve(struct vs_guest *g)
{
	int ret;

	g->stop = false;
	ret = -pthread_create(&g->server, NULL, serve, g);
	g->serving = !ret;
	return ret;
}

void vs_serve_end(struct vs_guest *g)
{
	g->stop = true;
	if (g->serving)
		pthread_join(g->server, NULL);
	g->serving = false;
	g->stop = false;
	while (g->conns)
		drop_conn(g, g->conns);
}

/* ---- sockets of the host ---- */

static int set_timeouts(int fd)
{
	struct timeval t = { .tv_sec = 2 * VMM_TIMEOUT_MS / 1000 };

	setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, &t, sizeof(t));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
	return fd;
}

static int do_connect(int type, uint32_t cid, uint32_t port, int flags)
{
	struct sockaddr_vm a = { .svm_family = AF_VSOCK, .svm_cid = cid, .svm_port = port };
	int fd = socket(AF_VSOCK, type | SOCK_CLOEXEC | flags, 0), ret;

	if (fd < 0)
		return -errno;
	set_timeouts(fd);
	if (!connect(fd, (struct sockaddr *)&a, sizeof(a)) ||
	    (flags && errno == EINPROGRESS))
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

int vs_connect(int type, uint32_t cid, uint32_t port)
{
	return do_connect(type, cid, port, 0);
}

int vs_connect_start(int type, uint32_t cid, uint32_t port)
{
	return do_connect(type, cid, port, SOCK_NONBLOCK);
}

int vs_listen(int type, uint32_t port)
{
	struct sockaddr_vm a = {
		.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = port,
	};
	int fd = socket(AF_VSOCK, type | SOCK_CLOEXEC, 0), ret;

	if (fd < 0)
		return -errno;
	set_timeouts(fd);
	if (!bind(fd, (struct sockaddr *)&a, sizeof(a)) && !listen(fd, 128))
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

int vs_accept(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	return fd < 0 ? -errno : set_timeouts(fd);
}

int vs_write(int fd, const void *data, size_t len)
{
	const char *p = data;
	ssize_t n;

	for (; len; len -= n, p += n) {
		n = send(fd, p, len, MSG_NOSIGNAL);
		if (n < 0)
			return -errno;
	}
	return 0;
}

ssize_t vs_read(int fd, void *data, size_t len)
{
	char *p = data;
	size_t at = 0;
	ssize_t n;

	while (at < len) {
		n = recv(fd, p + at, len - at, 0);
		if (n < 0)
			return -errno;
		if (!n)
			break;
		at += n;
	}
	return at;
}

void vs_fill(void *data, size_t len, uint32_t seed)
{
	unsigned char *p = data;
	uint32_t x = seed * 2654435761u + 1;
	size_t i;

	for (i = 0; i < len; i++) {
		x = x * 1664525 + 1013904223;
		p[i] = x >> 24;
	}
}

struct writer {
	int fd;
	const char *data;
	size_t len, chunk;
	int ret;
};

static void *write_thread(void *arg)
{
	struct writer *w = arg;
	size_t at, n;

	for (at = 0; !w->ret && at < w->len; at += n) {
		n = w->len - at < w->chunk ? w->len - at : w->chunk;
		w->ret = vs_write(w->fd, w->data + at, n);
	}
	return NULL;
}

int vs_echo(int fd, size_t len, size_t chunk, uint32_t seed)
{
	char *out = malloc(len), *in = malloc(len);
	struct writer w = { .fd = fd, .data = out, .len = len, .chunk = chunk };
	pthread_t thread;
	ssize_t got;
	int ret = -ENOMEM;

	if (!out || !in)
		goto out;
	vs_fill(out, len, seed);
	ret = -pthread_create(&thread, NULL, write_thread, &w);
	if (ret)
		goto out;
	got = vs_read(fd, in, len);
	pthread_join(thread, NULL);
	if (w.ret)
		ret = w.ret;
	else if (got < 0)
		ret = got;
	else
		ret = (size_t)got == len && !memcmp(in, out, len) ? 0 : -EBADMSG;
out:
	free(out);
	free(in);
	return ret;
}

int vs_echo_message(int fd, size_t len, int flags, uint32_t seed)
{
	char *out = malloc(len), *in = malloc(len + 16);
	struct iovec iov = { .iov_base = in, .iov_len = len + 16 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t got;
	int ret = 0;

	if (!out || !in) {
		ret = -ENOMEM;
		goto out;
	}
	vs_fill(out, len, seed);
	got = send(fd, out, len, MSG_NOSIGNAL | flags);
	if (got >= 0)
		got = recvmsg(fd, &msg, 0);
	if (got < 0)
		ret = -errno;
	else if ((size_t)got != len || memcmp(in, out, len))
		ret = -EBADMSG;
	else if ((msg.msg_flags & MSG_EOR) != (flags & MSG_EOR))
		ret = -EPROTO;
out:
	free(out);
	free(in);
	return ret;
}
