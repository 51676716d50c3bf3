/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trace events of the control path: what happens once in a while and explains what
 * the data path does. An event stands in the VMM's thread or in the worker, whose
 * name says whose it is.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vhost

#if !defined(RINGSIDE_VHOST_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define RINGSIDE_VHOST_TRACE_H

#include <linux/tracepoint.h>
#include <linux/string.h>

#include "vhost.h"

#define VHOST_TRACE_REASON	48

TRACE_EVENT(vhost_mem_table,
	TP_PROTO(u32 removed, u32 added, bool whole, int err),
	TP_ARGS(removed, added, whole, err),
	TP_STRUCT__entry(
		__field(u32, removed)
		__field(u32, added)
		__field(bool, whole)
		__field(int, err)
	),
	TP_fast_assign(
		__entry->removed = removed;
		__entry->added = added;
		__entry->whole = whole;
		__entry->err = err;
	),
	TP_printk("%s: %u regions to remove, %u %s, error %d",
		  __entry->whole ? "SET_MEM_TABLE" : "UPDATE_MEM_REGIONS", __entry->removed,
		  __entry->added, __entry->whole ? "in all" : "to add", __entry->err)
);

DECLARE_EVENT_CLASS(vhost_vq,
	TP_PROTO(const struct vhost_virtqueue *vq),
	TP_ARGS(vq),
	TP_STRUCT__entry(
		__field(u32, index)
		__field(u32, num)
		__field(u64, features)
		__field(u32, base)
	),
	TP_fast_assign(
		__entry->index = vq->index;
		__entry->num = vq->num;
		__entry->features = vq->features;
		__entry->base = devq_pos_to_base(vq->features, &vq->ring.pos);
	),
	TP_printk("virtqueue %u of %u, features %#llx, base %#x", __entry->index, __entry->num,
		  __entry->features, __entry->base)
);

DEFINE_EVENT(vhost_vq, vhost_vq_start,
	TP_PROTO(const struct vhost_virtqueue *vq), TP_ARGS(vq));

/* Its backend is another one, and it goes on. */
DEFINE_EVENT(vhost_vq, vhost_vq_backend,
	TP_PROTO(const struct vhost_virtqueue *vq), TP_ARGS(vq));

DEFINE_EVENT(vhost_vq, vhost_vq_stop,
	TP_PROTO(const struct vhost_virtqueue *vq), TP_ARGS(vq));

TRACE_EVENT(vhost_vq_error,
	TP_PROTO(const struct vhost_virtqueue *vq),
	TP_ARGS(vq),
	TP_STRUCT__entry(
		__field(u32, index)
		__field(u32, base)
		__array(char, reason, VHOST_TRACE_REASON)
	),
	TP_fast_assign(
		__entry->index = vq->index;
		__entry->base = devq_pos_to_base(vq->features, &vq->ring.pos);
		strscpy(__entry->reason, devq_error_name(vq->ring.error), VHOST_TRACE_REASON);
	),
	TP_printk("virtqueue %u stopped at base %#x: %s", __entry->index, __entry->base,
		  __entry->reason)
);

TRACE_EVENT(vhost_iotlb_ask,
	TP_PROTO(u32 index, u8 type, u64 iova, u8 perm),
	TP_ARGS(index, type, iova, perm),
	TP_STRUCT__entry(
		__field(u32, index)
		__field(u8, type)
		__field(u64, iova)
		__field(u8, perm)
	),
	TP_fast_assign(
		__entry->index = index;
		__entry->type = type;
		__entry->iova = iova;
		__entry->perm = perm;
	),
	TP_printk("virtqueue %u, %s, iova %#llx, perm %u", __entry->index,
		  __print_symbolic(__entry->type, { VHOST_IOTLB_MISS, "MISS" },
				   { VHOST_IOTLB_ACCESS_FAIL, "ACCESS_FAIL" }),
		  __entry->iova, __entry->perm)
);

TRACE_EVENT(vhost_iotlb_message,
	TP_PROTO(const struct vhost_iotlb_msg *msg, int err),
	TP_ARGS(msg, err),
	TP_STRUCT__entry(
		__field(u8, type)
		__field(u8, perm)
		__field(u64, iova)
		__field(u64, size)
		__field(int, err)
	),
	TP_fast_assign(
		__entry->type = msg->type;
		__entry->perm = msg->perm;
		__entry->iova = msg->iova;
		__entry->size = msg->size;
		__entry->err = err;
	),
	TP_printk("%s, iova %#llx, size %#llx, perm %u, error %d",
		  __print_symbolic(__entry->type, { VHOST_IOTLB_UPDATE, "UPDATE" },
				   { VHOST_IOTLB_INVALIDATE, "INVALIDATE" },
				   { VHOST_IOTLB_BATCH_BEGIN, "BATCH_BEGIN" },
				   { VHOST_IOTLB_BATCH_END, "BATCH_END" }),
		  __entry->iova, __entry->size, __entry->perm, __entry->err)
);

DECLARE_EVENT_CLASS(vhost_worker,
	TP_PROTO(u32 id, pid_t tid),
	TP_ARGS(id, tid),
	TP_STRUCT__entry(
		__field(u32, id)
		__field(pid_t, tid)
	),
	TP_fast_assign(
		__entry->id = id;
		__entry->tid = tid;
	),
	TP_printk("worker %u, thread %d", __entry->id, __entry->tid)
);

DEFINE_EVENT(vhost_worker, vhost_worker_create, TP_PROTO(u32 id, pid_t tid), TP_ARGS(id, tid));
DEFINE_EVENT(vhost_worker, vhost_worker_destroy, TP_PROTO(u32 id, pid_t tid), TP_ARGS(id, tid));

TRACE_EVENT(vhost_worker_attach,
	TP_PROTO(u32 index, u32 from, u32 to),
	TP_ARGS(index, from, to),
	TP_STRUCT__entry(
		__field(u32, index)
		__field(u32, from)
		__field(u32, to)
	),
	TP_fast_assign(
		__entry->index = index;
		__entry->from = from;
		__entry->to = to;
	),
	TP_printk("virtqueue %u from worker %u to worker %u", __entry->index, __entry->from,
		  __entry->to)
);

#endif

/* Below drivers/vhost, which is on the search path. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH core
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
