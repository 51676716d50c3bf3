/* SPDX-License-Identifier: GPL-2.0-only */
/* Trace events of the bus: what drivers do to devices. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vdpa

#if !defined(RINGSIDE_VDPA_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define RINGSIDE_VDPA_TRACE_H

#include <linux/string.h>
#include <linux/tracepoint.h>
#include <linux/vdpa.h>

#define VDPA_TRACE_NAME	32

TRACE_EVENT(vdpa_set_status,
	TP_PROTO(struct vdpa_device *vdev, u8 from, u8 to),
	TP_ARGS(vdev, from, to),
	TP_STRUCT__entry(
		__array(char, name, VDPA_TRACE_NAME)
		__field(u8, from)
		__field(u8, to)
	),
	TP_fast_assign(
		strscpy(__entry->name, dev_name(&vdev->dev), VDPA_TRACE_NAME);
		__entry->from = from;
		__entry->to = to;
	),
	TP_printk("%s: status %#x, was %#x", __entry->name, __entry->to, __entry->from)
);

#endif

/* Below drivers/vdpa, which is on the search path. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH core
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE vdpa_trace
#include <trace/define_trace.h>
