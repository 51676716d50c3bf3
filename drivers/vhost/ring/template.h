/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_RING_TEMPLATE_H
#define RINGSIDE_RING_TEMPLATE_H
/* Ties a layout to a memory flavour; include after both. */

#include "ring_internal.h"

#define DEVQ_DEFINE_OPS(layout, mem)				\
const struct devq_ops devq_##layout##_##mem##_ops = {		\
	.extents = layout##_extents,				\
	.area_ok = mem_area_ok,				\
	.start = layout##_start,				\
	.pop = layout##_pop,					\
	.unpop = layout##_unpop,				\
	.push = layout##_push,					\
	.want_signal = layout##_want_signal,			\
	.enable_kick = layout##_enable_kick,			\
	.disable_kick = layout##_disable_kick,			\
	.pending = layout##_pending,				\
}

#endif
