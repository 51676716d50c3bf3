/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_RING_INTERNAL_H
#define RINGSIDE_RING_INTERNAL_H

#include "devq.h"

extern const struct devq_ops devq_split_user_ops;
extern const struct devq_ops devq_split_kernel_ops;

#endif
