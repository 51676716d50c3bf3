/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_VDPA_CORE_H
#define RINGSIDE_VDPA_CORE_H
/* What the bus's own files tell each other. */

#include <linux/device.h>
#include <linux/vdpa.h>
#include <linux/vdpa_mgmt.h>

/* bus.c */
extern COMPAT_BUS_TYPE vdpa_bus;

/* device.c */
int vdpa_device_vacate(struct vdpa_device *vdev, bool leave);
struct vdpa_device *vdpa_device_find(const char *name);
struct vdpa_device *vdpa_device_next(unsigned long *index);
struct vdpa_device *vdpa_device_next_of(const struct vdpa_mgmt_dev *mgmt, unsigned long *index);

/* mgmt.c */
struct vdpa_mgmt_dev *vdpa_mgmt_find(const char *bus, const char *name);
struct vdpa_mgmt_dev *vdpa_mgmt_next(unsigned long *id);
void vdpa_mgmt_get(struct vdpa_mgmt_dev *mgmt);
void vdpa_mgmt_put(struct vdpa_mgmt_dev *mgmt);

#endif
