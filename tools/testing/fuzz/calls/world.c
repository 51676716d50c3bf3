// SPDX-License-Identifier: GPL-2.0-only
/* What programs of calls have to call on: devices, files, memory. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "calls.h"
#include "libnet.h"
#include "libtarget.h"
#include "libvdpa.h"
#include "libvsock.h"

static struct vdpa_dev vdpa[KINDS - KIND_VDPA_NET];
static struct net_backend tap;
static int listener[2];

static int listen_at(int type, unsigned int port)
{
	struct sockaddr_vm at = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY,
				  .svm_port = port };
	int fd = socket(AF_VSOCK, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, SOCKS))
		return -errno;
	return fd;
}

int world_prepare(void)
{
	const char *step = "vdpa devices";
	int ret = net_ns_first();

	if (!ret)
		ret = vdpa_dev_make(&vdpa[0], "vdpasim_net", "fuzznet", &(struct vdpa_attrs){});
	if (!ret)
		ret = vdpa_dev_make(&vdpa[1], "vdpasim_blk", "fuzzblk", &(struct vdpa_attrs){});
	/* Not every kernel has a device with doorbells. */
	if (!ret && vdpa_dev_make(&vdpa[2], "vdpa_doorbell_test", "fuzzbell",
				  &(struct vdpa_attrs){}))
		vdpa[2].path[0] = '\0';
	if (!ret) {
		step = "target";
		ret = target_init();
	}
	if (!ret)
		ret = target_simple();
	if (!ret) {
		step = "interface";
		ret = net_ns_enter();
	}
	if (!ret)
		ret = net_backend_open(&tap, NET_TAP, 12);
	if (!ret) {
		step = "listeners";
		listener[0] = listen_at(SOCK_STREAM, 1);
		listener[1] = listen_at(SOCK_SEQPACKET, 2);
		ret = listener[0] < 0 ? listener[0] : listener[1] < 0 ? listener[1] : 0;
	}
	if (ret)
		printf("not ok: %s: %d\n", step, ret);
	return ret;
}

void world_end(void)
{
	net_backend_close(&tap);
	target_clean();
	vdpa_dev_del(&vdpa[0]);
	vdpa_dev_del(&vdpa[1]);
	if (vdpa[2].path[0])
		vdpa_dev_del(&vdpa[2]);
}

/* Opened where the family is; what the one before us was told stays unread. */
struct vnl *world_netlink(struct world *w)
{
	char buf[256];

	if (__atomic_test_and_set(&w->netlink, __ATOMIC_ACQUIRE))
		return NULL;
	while (recv(vdpa[0].nl.fd, buf, sizeof(buf), MSG_DONTWAIT | MSG_TRUNC) > 0)
		;
	return &vdpa[0].nl;
}

void world_netlink_done(struct world *w)
{
	__atomic_clear(&w->netlink, __ATOMIC_RELEASE);
}

static int open_device(int kind)
{
	switch (kind) {
	case KIND_NET:
		return open(VHOST_NET_PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	case KIND_VSOCK:
		return open(VSOCK_PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	case KIND_SCSI:
		return open("/dev/vhost-scsi", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	default:
		return open(vdpa[kind - KIND_VDPA_NET].path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	}
}

int world_reopen(struct world *w, struct device *d)
{
	int fd = open_device(d->kind), old = d->fd;

	(void)w;
	/* One that admits a single user has to be closed first. */
	if (fd < 0) {
		close(old);
		fd = open_device(d->kind);
		d->fd = fd;
	} else {
		d->fd = fd;
		close(old);
	}
	return fd < 0 ? -errno : 0;
}

int world_enter(struct world *w)
{
	unsigned int i;

	memset(w, 0, sizeof(*w));
	w->memfd = memfd_create("ram", MFD_CLOEXEC);
	if (w->memfd < 0 || ftruncate(w->memfd, RAM_SIZE))
		return -errno;
	w->ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, w->memfd, 0);
	if (w->ram == MAP_FAILED || mmap((void *)RAM_ADDR, RAM_SIZE, PROT_READ | PROT_WRITE,
					 MAP_SHARED | MAP_FIXED, w->memfd, 0) == MAP_FAILED ||
	    mmap((void *)LOG_ADDR, LOG_SIZE, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		return -ENOMEM;
	for (i = 0; i < KINDS; i++) {
		w->dev[i].kind = i;
		/* Somebody else may have the vdpa device; then the calls fail. */
		w->dev[i].fd = open_device(i);
	}
	for (i = 0; i < EVENTS; i++)
		w->event[i] = event_new();
	w->backend[0] = tap.fd;
	w->backend[1] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	w->backend[2] = -1;
	memcpy(w->listener, listener, sizeof(listener));
	for (i = 0; i < SOCKS; i++)
		w->sock[i] = -1;
	w->log_fd = event_new();
	return 0;
}

/* A word of RAM, of the rings most often, becomes something else. */
void world_scribble(struct world *w, struct rnd *r)
{
	static const uint32_t likely[] = { 0, 1, 2, 3, 4, 6, 0x8080, 0x80, 0x8000, 0xffff, 64, 63,
					   0x00800001, 0x80820000, UINT32_MAX };
	uint32_t at = rnd(r, 4) ? rnd(r, QUEUES) * QUEUE_BYTES +
		      (rnd(r, 3) ? rnd(r, 3) * 0x1000 + rnd(r, 64) : rnd(r, QUEUE_BYTES)) :
		      rnd(r, RAM_SIZE);
	char *p = w->ram + at % (RAM_SIZE - 8);
	uint32_t val = rnd(r, 2) ? likely[rnd(r, sizeof(likely) / sizeof(likely[0]))] :
				   rnd(r, UINT32_MAX);

	memcpy(p, &val, rnd(r, 3) ? 2 : 4);
}
