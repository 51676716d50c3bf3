/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What fail_steps makes the lives of devices of: what a device needs, and the calls that
 * all of them have, or all of vhost.
 */
#ifndef RINGSIDE_FAIL_LIFE_H
#define RINGSIDE_FAIL_LIFE_H

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "libnet.h"
#include "libsim.h"
#include "libvhost.h"

#define RAM_SIZE	(64U << 10)
#define NUM		16

/**
 * struct life - a device and what it needs
 * @kind: which of lives[]
 * @fd: the device
 * @event: eventfds
 * @ram: guest memory
 * @worker: number of the worker that was made, 0 for none
 * @net: backend of vhost-net
 * @dev: device of the vdpa bus
 */
struct life {
	const struct kind *kind;
	int fd;
	int event[4];
	char *ram;
	int worker;
	struct net_backend net;
	struct vdpa_dev dev;
};

struct step {
	const char *name;
	int (*call)(struct life *l);
};

/**
 * struct kind - a kind of device
 * @path: what is opened; NULL: that of the vdpa device
 * @mgmt: management device, for the vdpa bus
 * @features: feature bits to ask for
 * @step: its life; ends with a step without name
 */
struct kind {
	const char *path;
	const char *mgmt;
	uint64_t features;
	const struct step *step;
};

/* ---- what all have ---- */

static int step_open(struct life *l)
{
	l->fd = vhost_open(l->kind->path ? l->kind->path : l->dev.path, O_NONBLOCK);
	return l->fd < 0 ? l->fd : 0;
}

static int step_owner(struct life *l)
{
	int ret = vhost_set_owner(l->fd);

	/* Made, but we were not told. */
	return ret == -EBUSY ? 0 : ret;
}

static int step_get_features(struct life *l)
{
	uint64_t f;

	return vhost_get_features(l->fd, &f);
}

static int step_features(struct life *l)
{
	return vhost_set_features(l->fd, l->kind->features);
}

static int step_features_array(struct life *l)
{
	uint64_t f[2];
	int ret = vhost_get_features2(l->fd, f);

	return ret ? ret : vhost_set_features2(l->fd, l->kind->features, 0);
}

static int step_backend_features(struct life *l)
{
	uint64_t f;
	int ret = vhost_get_backend_features(l->fd, &f);

	return ret ? ret : vhost_set_backend_features(l->fd, f & ~VDPA_BF_PERSIST);
}

static int step_num(struct life *l)
{
	return vhost_set_vring_num(l->fd, 0, NUM);
}

static int step_base(struct life *l)
{
	return vhost_set_vring_base(l->fd, 0, 0);
}

static int step_addr(struct life *l)
{
	uint64_t base = l->kind->path ? (uintptr_t)l->ram : VDPA_IOVA;
	struct vhost_vring_addr addr = {
		.desc_user_addr = base,
		.avail_user_addr = base + 0x1000,
		.used_user_addr = base + 0x2000,
	};

	return vhost_set_vring_addr(l->fd, &addr);
}

static int step_kick(struct life *l)
{
	return vhost_set_vring_kick(l->fd, 0, l->event[0]);
}

static int step_call(struct life *l)
{
	return vhost_set_vring_call(l->fd, 0, l->event[1]);
}

static int step_get_base(struct life *l)
{
	int64_t base = vhost_get_vring_base(l->fd, 0);

	return base < 0 ? base : 0;
}

static int step_close(struct life *l)
{
	int ret = close(l->fd);

	l->fd = -1;
	return ret ? -errno : 0;
}

/* ---- what vhost devices have ---- */

static int step_mem_table(struct life *l)
{
	struct {
		struct vhost_memory head;
		struct vhost_memory_region region[2];
	} m = { { 2, 0 }, { { 0, RAM_SIZE / 2, (uintptr_t)l->ram, 0 },
			    { RAM_SIZE, RAM_SIZE / 2, (uintptr_t)l->ram + RAM_SIZE / 2, 0 } } };

	return vhost_ioctl(l->fd, VHOST_SET_MEM_TABLE, &m);
}

/* Goes and comes back in one step, so that it can be repeated. */
static int step_update(struct life *l)
{
	struct vhost_memory_region r = { 0, RAM_SIZE / 2, (uintptr_t)l->ram, 0 };
	struct vhost_mem_update u = {
		.nremove = 1, .remove = (uintptr_t)&r, .nadd = 1, .add = (uintptr_t)&r,
	};

	return vhost_ioctl(l->fd, VHOST_UPDATE_MEM_REGIONS, &u);
}

static int step_log_base(struct life *l)
{
	return vhost_set_log_base(l->fd, (uintptr_t)l->ram + 0x4000);
}

static int step_log_fd(struct life *l)
{
	return vhost_set_log_fd(l->fd, l->event[3]);
}

static int step_err(struct life *l)
{
	return vhost_set_vring_err(l->fd, 0, l->event[2]);
}

static int step_busyloop(struct life *l)
{
	return vhost_set_busyloop_timeout(l->fd, 0, 0);
}

static int step_new_worker(struct life *l)
{
	int id = vhost_new_worker(l->fd);

	l->worker = id > 0 ? id : 0;
	return id < 0 ? id : 0;
}

static int step_attach(struct life *l)
{
	return vhost_attach_vring_worker(l->fd, 0, l->worker);
}

static int step_get_worker(struct life *l)
{
	int ret = vhost_get_vring_worker(l->fd, 0);

	return ret < 0 ? ret : 0;
}

static int step_detach(struct life *l)
{
	return vhost_attach_vring_worker(l->fd, 0, 0);
}

static int step_free_worker(struct life *l)
{
	int ret = vhost_free_worker(l->fd, l->worker);

	/* Gone, but we were not told. */
	return ret == -ENODEV ? 0 : ret;
}

static int step_reset_owner(struct life *l)
{
	int ret = vhost_reset_owner(l->fd);

	return ret == -EPERM ? 0 : ret;
}

#define VHOST_STEPS							\
	{ "open", step_open }, { "set_owner", step_owner },		\
	{ "get_features", step_get_features }, { "set_features", step_features },	\
	{ "features_array", step_features_array },			\
	{ "backend_features", step_backend_features },			\
	{ "set_mem_table", step_mem_table }, { "update_mem_regions", step_update },	\
	{ "set_log_base", step_log_base }, { "set_log_fd", step_log_fd },	\
	{ "set_vring_num", step_num }, { "set_vring_base", step_base },	\
	{ "set_vring_addr", step_addr }, { "set_vring_kick", step_kick },	\
	{ "set_vring_call", step_call }, { "set_vring_err", step_err },	\
	{ "set_vring_busyloop_timeout", step_busyloop },		\
	{ "new_worker", step_new_worker }, { "attach_vring_worker", step_attach },	\
	{ "get_vring_worker", step_get_worker }

#define VHOST_STEPS_END							\
	{ "detach_vring_worker", step_detach }, { "free_worker", step_free_worker },	\
	{ "get_vring_base", step_get_base }

#endif
