/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_VHOST_INTERNAL_H
#define RINGSIDE_VHOST_INTERNAL_H
/* What vhost core's own files tell each other. */

#include "vhost.h"

/* worker.c */
struct vhost_worker *vhost_worker_create(struct mm_struct *mm);
void vhost_worker_destroy(struct vhost_worker *worker);
void vhost_worker_kill(struct vhost_worker *worker);
void vhost_worker_flush(struct vhost_worker *worker);

/* owner.c */
int vhost_set_owner(struct vhost_dev *dev, void *arg, void __user *user);
int vhost_reset_owner(struct vhost_dev *dev, void *arg, void __user *user);
void vhost_dev_disown(struct vhost_dev *dev);

/* features.c */
int vhost_get_features(struct vhost_dev *dev, void *arg, void __user *user);
int vhost_set_features(struct vhost_dev *dev, void *arg, void __user *user);
int vhost_get_features_array(struct vhost_dev *dev, void *arg, void __user *user);
int vhost_set_features_array(struct vhost_dev *dev, void *arg, void __user *user);
int vhost_get_backend_features(struct vhost_dev *dev, void *arg, void __user *user);
int vhost_set_backend_features(struct vhost_dev *dev, void *arg, void __user *user);

/* mem_table.c */
int vhost_set_mem_table(struct vhost_dev *dev, void *arg, void __user *user);

/* ioctl_vring.c */
int vhost_set_vring_num(struct vhost_virtqueue *vq, void *arg);
int vhost_set_vring_addr(struct vhost_virtqueue *vq, void *arg);
int vhost_set_vring_base(struct vhost_virtqueue *vq, void *arg);
int vhost_get_vring_base(struct vhost_virtqueue *vq, void *arg);
int vhost_set_vring_endian(struct vhost_virtqueue *vq, void *arg);
int vhost_get_vring_endian(struct vhost_virtqueue *vq, void *arg);
int vhost_set_vring_kick(struct vhost_virtqueue *vq, void *arg);
int vhost_set_vring_call(struct vhost_virtqueue *vq, void *arg);
int vhost_set_vring_err(struct vhost_virtqueue *vq, void *arg);
int vhost_set_busyloop_timeout(struct vhost_virtqueue *vq, void *arg);
int vhost_get_busyloop_timeout(struct vhost_virtqueue *vq, void *arg);

/* vq.c */
void vhost_vq_rearm(struct vhost_virtqueue *vq);
int vhost_vq_set_features(struct vhost_virtqueue *vq, const u64 *features);
void vhost_vq_reset(struct vhost_virtqueue *vq);

#endif
