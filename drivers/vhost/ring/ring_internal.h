/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_RING_INTERNAL_H
#define RINGSIDE_RING_INTERNAL_H

#include "devq.h"

extern const struct devq_ops devq_split_user_ops;
extern const struct devq_ops devq_split_iotlb_ops;
extern const struct devq_ops devq_split_phys_ops;
extern const struct devq_ops devq_split_phys_iotlb_ops;
extern const struct devq_ops devq_split_kernel_ops;
extern const struct devq_ops devq_packed_user_ops;
extern const struct devq_ops devq_packed_iotlb_ops;
extern const struct devq_ops devq_packed_phys_ops;
extern const struct devq_ops devq_packed_phys_iotlb_ops;
extern const struct devq_ops devq_packed_kernel_ops;

const struct devq_ops *devq_find_ops(u64 features, enum devq_mem_type mem);
int devq_missed(struct devq *dq, int err, u64 addr, u64 len, u32 perm);
int devq_log_ring(struct devq *dq, u64 addr, u64 len);
int devq_log_desc(struct devq *dq, u64 addr, u64 len);

#endif
