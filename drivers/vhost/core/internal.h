/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_VHOST_INTERNAL_H
#define RINGSIDE_VHOST_INTERNAL_H
/* What vhost core's own files tell each other. */

#include "vhost.h"

/* ioctl_worker.c */
void vhost_workers_init(struct vhost_dev *dev);
int vhost_workers_start(struct vhost_dev *dev, struct mm_struct *mm);
void vhost_workers_kill(struct vhost_dev *dev);
void vhost_workers_end(struct vhost_dev *dev);
int vhost_new_worker(struct vhost_dev *dev, void *arg, void __user *user);
int vhost_free_worker(struct vhost_dev *dev, void *arg, void __user *user);
int vhost_attach_vring_worker(struct vhost_dev *dev, void *arg, void __user *user);
int vhost_get_vring_worker(struct vhost_dev *dev, void *arg, void __user *user);
int vhost_set_fork_from_owner(struct vhost_dev *dev, void *arg, void __user *user);
int vhost_get_fork_from_owner(struct vhost_dev *dev, void *arg, void __user *user);

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
int vhost_update_mem_regions(struct vhost_dev *dev, void *arg, void __user *user);

/* iotlb.c */
void vhost_iotlb_init(struct vhost_dev *dev);
void vhost_iotlb_clear(struct vhost_dev *dev);
void vhost_iotlb_destroy(struct vhost_dev *dev);
void vhost_iotlb_on(struct vhost_dev *dev);
int vhost_iotlb_off(struct vhost_dev *dev);
int vhost_iotlb_message(struct vhost_dev *dev, const struct vhost_iotlb_msg *msg);
void vhost_iotlb_ask(struct vhost_virtqueue *vq);
void vhost_iotlb_forget(struct vhost_virtqueue *vq);

/* log.c */
int vhost_set_log_base(struct vhost_dev *dev, void *arg, void __user *user);
int vhost_set_log_fd(struct vhost_dev *dev, void *arg, void __user *user);
bool vhost_log_reaches(u64 base, u64 last);
bool vhost_vq_log_ok(const struct vhost_virtqueue *vq, u64 base);
void vhost_vq_log_apply(struct vhost_virtqueue *vq);
void vhost_vq_log_signal(struct vhost_virtqueue *vq);

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

/* debugfs.c */
void vhost_debug_add(struct vhost_dev *dev);
void vhost_debug_add_vq(struct vhost_virtqueue *vq);
void vhost_debug_remove(struct vhost_dev *dev);
void vhost_debug_init(void);
void vhost_debug_exit(void);

/* vq.c */
void vhost_vq_rearm(struct vhost_virtqueue *vq);
int vhost_vq_set_features(struct vhost_virtqueue *vq, const u64 *features);
int vhost_vq_set_addr(struct vhost_virtqueue *vq, const struct devq_addr *addr, bool log_ring,
		      u64 log_addr);
void vhost_vq_reset(struct vhost_virtqueue *vq);

#endif
