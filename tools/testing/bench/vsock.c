// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the data of a stream socket costs between host and guest, packet by packet.
 *
 * Prints lines "CASE N VALUE", N being the bytes of a packet: instructions of the
 * device's worker for each.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "libtime.h"
#include "libvsock.h"

#define PORT		1234
#define HOST_PORT	4321
#define LEN		4000
#define BURST		16	/* packets, far from what credit allows */
#define BURSTS		60
#define WARM		5
#define IDLE_US		2000	/* until a worker with nothing to do sleeps */

/**
 * struct stream - a connection
 * @g: the guest
 * @fd: the host's socket
 * @taken: bytes the guest has taken, for its credit
 * @data: what is sent
 */
struct stream {
	struct vs_guest g;
	int fd;
	uint32_t taken;
	char data[BURST * LEN];
};

static struct virtio_vsock_hdr header(struct stream *s, uint16_t op, uint32_t len)
{
	struct virtio_vsock_hdr h = vs_header(&s->g, VIRTIO_VSOCK_TYPE_STREAM, op, PORT,
					      HOST_PORT);

	h.len = len;
	h.fwd_cnt = s->taken;
	return h;
}

/* What the host says of its own accord is of no interest. */
static void drain(struct stream *s)
{
	struct vs_packet p;

	while (!vs_rx(&s->g, &p, 0))
		;
}

static void to_host(struct stream *s)
{
	struct virtio_vsock_hdr h = header(s, VIRTIO_VSOCK_OP_RW, LEN);
	unsigned int i;

	for (i = 0; i < BURST; i++)
		bench_check(vs_tx(&s->g, &h, s->data + i * LEN, LEN), "send");
	bench_check(vs_tx_flush(&s->g, VMM_TIMEOUT_MS), "used ring");
	if (vs_read(s->fd, s->data, sizeof(s->data)) != sizeof(s->data))
		errx(1, "the host has not got it all");
	drain(s);
}

static void to_guest(struct stream *s)
{
	struct virtio_vsock_hdr h;
	unsigned int left = sizeof(s->data);
	struct vs_packet p;

	bench_check(vs_write(s->fd, s->data, sizeof(s->data)), "write");
	while (left) {
		bench_check(vs_expect(&s->g, VIRTIO_VSOCK_OP_RW, &p), "packet");
		left -= p.len;
		s->taken += p.len;
	}
	h = header(s, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0);
	bench_check(vs_tx(&s->g, &h, NULL, 0), "credit");
	bench_check(vs_tx_flush(&s->g, VMM_TIMEOUT_MS), "used ring");
}

/* The only case that is wanted, NULL for all. */
static const char *only;

static void measure(struct stream *s, const char *name, void (*burst)(struct stream *s))
{
	pid_t worker = bench_worker();
	uint64_t before;
	unsigned int i;

	if (only && strcmp(only, name))
		return;
	for (i = 0; i < WARM; i++)
		burst(s);
	nap_us(IDLE_US);
	before = bench_thread_ns(worker);
	bench_profile_begin();
	for (i = 0; i < BURSTS; i++)
		burst(s);
	bench_profile_end();
	nap_us(IDLE_US);
	bench_report(name, LEN, (bench_thread_ns(worker) - before) / (BURST * BURSTS));
}

static void run(const char *suffix, uint64_t features)
{
	static struct stream s;
	int listener = vs_listen(SOCK_STREAM, HOST_PORT);
	char name[64];

	bench_check(listener, "listen");
	memset(&s, 0, sizeof(s));
	bench_check(vs_up(&s.g, &(struct vs_config){ .features = features }), "device");
	bench_check(vs_guest_connect(&s.g, VIRTIO_VSOCK_TYPE_STREAM, PORT, HOST_PORT), "connect");
	s.fd = vs_accept(listener);
	bench_check(s.fd, "accept");
	snprintf(name, sizeof(name), "vsock-to-host%s", suffix);
	measure(&s, name, to_host);
	snprintf(name, sizeof(name), "vsock-to-guest%s", suffix);
	measure(&s, name, to_guest);
	vs_close(&s.g);
	close(s.fd);
	close(listener);
}

int main(int argc, char **argv)
{
	uint64_t offered;
	int fd = vhost_open(VSOCK_PATH, 0);

	if (argc > 2)
		errx(2, "usage: vsock [CASE]");
	only = argv[1];
	bench_check(fd, VSOCK_PATH);
	bench_check(vhost_get_features(fd, &offered), "GET_FEATURES");
	close(fd);
	run("", VS_FEATURES & offered);
	if (offered & F_PACKED)
		run("-packed", (VS_FEATURES | F_PACKED) & offered);
	return 0;
}
