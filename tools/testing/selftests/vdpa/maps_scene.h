/* SPDX-License-Identifier: GPL-2.0-only */
/* What the tests of mappings share: a disk, and memory to map into it. */
#ifndef RINGSIDE_MAPS_SCENE_H
#define RINGSIDE_MAPS_SCENE_H

#include <stdio.h>
#include <sys/mman.h>

#include "libvdpa.h"
#include "test.h"

#define PAGE		UINT64_C(4096)
#define NPAGES		64
#define RW		VHOST_ACCESS_RW
/* Away from where the device has its rings and buffers. */
#define IOVA		UINT64_C(0x40000000)

struct maps_scene {
	struct vdpa_dev dev;
	struct vdpa v;
	int fd;			/* of v */
	char *mem;		/* NPAGES, with nothing behind and before it */
	long pinned;		/* on the system, before this test */
};

/* sim: parameters of vdpa_sim. -ENOENT when there is no simulator of disks. */
static inline int maps_scene_up(struct maps_scene *s, const char *sim)
{
	int ret = vdpa_reload(sim, "");

	vdpa_init(&s->v);
	s->dev.nl.fd = -1;
	if (!ret)
		ret = vdpa_dev_new(&s->dev, "vdpasim_blk", "m0", 0);
	if (ret)
		return ret;
	s->pinned = vdpa_pinned();
	ret = vdpa_up(&s->v, s->dev.path, &(struct vdpa_config){ .features = VDPA_F_BASE });
	if (ret)
		return ret == -ENOENT ? -ENODEV : ret;
	s->fd = s->v.fd;
	s->mem = vdpa_guarded(NPAGES, MAP_SHARED);
	return s->mem ? 0 : -ENOMEM;
}

/* Whatever was done: nothing stays pinned, and nobody charged. 0, or -EBUSY. */
static inline int maps_scene_down(struct maps_scene *s)
{
	long pinned, charged;

	vdpa_close(&s->v);
	vdpa_dev_del(&s->dev);
	if (!s->mem)
		return 0;
	munmap(s->mem, NPAGES * PAGE);
	pinned = vdpa_pinned();
	charged = vdpa_proc_kb(0, "VmPin:");
	if (pinned == s->pinned && !charged)
		return 0;
	printf("# %ld pinned, %ld before; %ld kB charged\n", pinned, s->pinned, charged);
	return -EBUSY;
}

static inline int map(int fd, uint64_t iova, uint64_t size, const void *p)
{
	return vdpa_map(fd, 0, iova, size, p, RW);
}

static inline int unmap(int fd, uint64_t iova, uint64_t size)
{
	return vdpa_unmap(fd, 0, iova, size);
}

/* kB of ours that are pinned, beside what the device was started with. */
static inline long pin_kb(const struct vdpa *v)
{
	return vdpa_proc_kb(0, "VmPin:") - (long)(v->ram_size >> 10);
}

#endif
