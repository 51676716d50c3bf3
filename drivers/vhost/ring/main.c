// SPDX-License-Identifier: GPL-2.0-only
/* The ring engine: choice of layout and memory flavour, start and stop. */

#include <linux/log2.h>
#include <linux/module.h>
#include <linux/uaccess.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "devq.h"
#include "ring_internal.h"

static const struct devq_ops *const devq_split_ops[] = {
	[DEVQ_MEM_USER] = &devq_split_user_ops,
	[DEVQ_MEM_IOTLB] = &devq_split_iotlb_ops,
	[DEVQ_MEM_PHYS] = &devq_split_phys_ops,
	[DEVQ_MEM_PHYS_IOTLB] = &devq_split_phys_iotlb_ops,
	[DEVQ_MEM_KERNEL] = &devq_split_kernel_ops,
};

static const struct devq_ops *const devq_packed_ops[] = {
	[DEVQ_MEM_USER] = &devq_packed_user_ops,
	[DEVQ_MEM_IOTLB] = &devq_packed_iotlb_ops,
	[DEVQ_MEM_PHYS] = &devq_packed_phys_ops,
	[DEVQ_MEM_PHYS_IOTLB] = &devq_packed_phys_iotlb_ops,
	[DEVQ_MEM_KERNEL] = &devq_packed_kernel_ops,
};

static_assert(ARRAY_SIZE(devq_packed_ops) == ARRAY_SIZE(devq_split_ops));

static bool devq_packed(u64 features)
{
	return features & BIT_ULL(VIRTIO_F_RING_PACKED);
}

static const char *const devq_error_names[] = {
	[DEVQ_OK] = "no error",
	[DEVQ_E_AVAIL] = "more buffers available than the queue holds",
	[DEVQ_E_HEAD] = "head index out of range",
	[DEVQ_E_NEXT] = "next index out of range",
	[DEVQ_E_LOOP] = "descriptors linked in a loop",
	[DEVQ_E_ORDER] = "readable descriptor after a writable one",
	[DEVQ_E_NESTED] = "indirect descriptor in an indirect table",
	[DEVQ_E_TABLE] = "bad indirect descriptor",
	[DEVQ_E_LENGTH] = "chain longer than 4 GiB",
	[DEVQ_E_SEGMENTS] = "chain in too many pieces",
	[DEVQ_E_UNMAPPED] = "buffer outside of the memory table",
	[DEVQ_E_FAULT] = "ring not accessible",
	[DEVQ_E_ACCESS] = "access that the device IOTLB forbids",
	[DEVQ_E_LOG] = "dirty log not accessible",
	[DEVQ_E_FORMAT] = "buffer of no use to the device",
};

/**
 * devq_error_name - say it in words
 * @error: the reason
 *
 * Return: a constant string.
 */
const char *devq_error_name(enum devq_error error)
{
	return error < ARRAY_SIZE(devq_error_names) ? devq_error_names[error] : "unknown error";
}
EXPORT_SYMBOL_NS_GPL(devq_error_name, "RINGSIDE");

/**
 * devq_init - a stopped queue at position 0
 * @dq: the queue; devq.reader is left alone, memslots own it
 */
void devq_init(struct devq *dq)
{
	dq->ops = NULL;
	dq->error = DEVQ_OK;
	dq->pos = (struct devq_pos) { .avail_wrap = true, .used_wrap = true };
	memset(&dq->stats, 0, sizeof(dq->stats));
}
EXPORT_SYMBOL_NS_GPL(devq_init, "RINGSIDE");

/**
 * devq_fail - break the queue
 * @dq: the queue
 * @error: why. The first reason stays
 *
 * Return: -EIO.
 */
int devq_fail(struct devq *dq, enum devq_error error)
{
	if (!dq->error) {
		dq->error = error;
		devq_count(&dq->stats.errors, 1);
		WRITE_ONCE(dq->stats.last_error, error);
	}
	return -EIO;
}
EXPORT_SYMBOL_NS_GPL(devq_fail, "RINGSIDE");

/**
 * devq_find_ops - the engine for a layout over a kind of memory
 * @features: negotiated feature bits, which tell the layout
 * @mem: kind of memory
 *
 * Return: the engine, NULL if there is none.
 */
const struct devq_ops *devq_find_ops(u64 features, enum devq_mem_type mem)
{
	if (mem >= ARRAY_SIZE(devq_split_ops))
		return NULL;
	return devq_packed(features) ? devq_packed_ops[mem] : devq_split_ops[mem];
}

/**
 * devq_num_ok - can a queue have this size?
 * @features: negotiated feature bits
 * @num: the size
 *
 * Return: true for a power of two up to 32768; for a packed ring it can be any
 * number up to that (virtio 1.3, 2.8.10.1).
 */
bool devq_num_ok(u64 features, u32 num)
{
	return num && num <= 32768 && (devq_packed(features) || is_power_of_2(num));
}
EXPORT_SYMBOL_NS_GPL(devq_num_ok, "RINGSIDE");

/* Is a position within the ring? Indices of a split one are masked to it. */
static bool devq_pos_ok(u64 features, u16 num, const struct devq_pos *pos)
{
	return !devq_packed(features) || (pos->avail < num && pos->used < num);
}

static bool devq_extents_aligned(const struct devq_extent *extent)
{
	unsigned int i;

	for (i = 0; i < DEVQ_AREAS; i++)
		if (!IS_ALIGNED(extent[i].addr, extent[i].align))
			return false;
	return true;
}

/**
 * devq_addr_aligned - are areas where the layout allows them?
 * @features: negotiated feature bits
 * @addr: the areas
 *
 * Return: true if so (virtio 1.3, 2.7 and 2.8.10.1).
 */
bool devq_addr_aligned(u64 features, const struct devq_addr *addr)
{
	struct devq_extent extent[DEVQ_AREAS];

	devq_find_ops(features, DEVQ_MEM_USER)->extents(1, features, addr, extent);
	return devq_extents_aligned(extent);
}
EXPORT_SYMBOL_NS_GPL(devq_addr_aligned, "RINGSIDE");

/* Can the areas be where @addr says? Behind a device IOTLB that shows later. */
static bool devq_areas_ok(const struct devq *dq, const struct devq_ops *ops,
			  const struct devq_addr *addr)
{
	struct devq_extent extent[DEVQ_AREAS];
	unsigned int i;

	ops->extents(dq->num, dq->features, addr, extent);
	if (!devq_extents_aligned(extent))
		return false;
	for (i = 0; i < DEVQ_AREAS; i++) {
		const struct devq_extent *e = &extent[i];

		if (e->addr + e->len - 1 < e->addr ||
		    !(dq->iotlb || ops->area_ok(e->addr, e->len)))
			return false;
	}
	return true;
}

/**
 * devq_device_area_len - size of the device area
 * @num: queue size
 * @features: negotiated feature bits
 *
 * Return: bytes.
 */
u64 devq_device_area_len(u16 num, u64 features)
{
	const struct devq_ops *ops = devq_find_ops(features, DEVQ_MEM_USER);
	struct devq_extent extent[DEVQ_AREAS];
	struct devq_addr addr = {};

	ops->extents(num, features, &addr, extent);
	return extent[DEVQ_AREA_DEVICE].len;
}
EXPORT_SYMBOL_NS_GPL(devq_device_area_len, "RINGSIDE");

/**
 * devq_pos_to_base - a position as VHOST_GET_VRING_BASE reports it
 * @features: negotiated feature bits
 * @pos: the position
 *
 * Return: for a split ring its available index; for a packed one both indices,
 * each with its wrap counter above it.
 */
u32 devq_pos_to_base(u64 features, const struct devq_pos *pos)
{
	if (devq_packed(features))
		return pos->avail | pos->avail_wrap << 15 |
		       (u32)pos->used << 16 | (u32)pos->used_wrap << 31;
	return pos->avail;
}
EXPORT_SYMBOL_NS_GPL(devq_pos_to_base, "RINGSIDE");

/**
 * devq_pos_from_base - a position as VHOST_SET_VRING_BASE gives it
 * @features: negotiated feature bits
 * @base: the value
 * @pos: where to put it
 *
 * That of a split ring says nothing of used buffers: the device is taken to have
 * used all that it had popped. That of a packed ring may lie beyond its end, whose
 * size is not known here: then devq_start() fails.
 *
 * Return: 0, or -EINVAL if there is no such position.
 */
int devq_pos_from_base(u64 features, u32 base, struct devq_pos *pos)
{
	if (devq_packed(features)) {
		*pos = (struct devq_pos) {
			.avail = base & 0x7fff,
			.avail_wrap = base >> 15 & 1,
			.used = base >> 16 & 0x7fff,
			.used_wrap = base >> 31,
		};
		return 0;
	}
	if (base > U16_MAX)
		return -EINVAL;
	*pos = (struct devq_pos) {
		.avail = base,
		.used = base,
		.avail_wrap = true,
		.used_wrap = true,
	};
	return 0;
}
EXPORT_SYMBOL_NS_GPL(devq_pos_from_base, "RINGSIDE");

/**
 * devq_has_area_in - does part of the ring lie in a range of addresses?
 * @dq: the queue
 * @first: first address, of the kind the queue was configured with
 * @last: last address, inclusive
 *
 * Context: nobody starts, stops or moves the queue meanwhile.
 * Return: true if so; false for a stopped queue.
 */
bool devq_has_area_in(const struct devq *dq, u64 first, u64 last)
{
	const struct devq_ops *ops = READ_ONCE(dq->ops);
	struct devq_extent extent[DEVQ_AREAS];
	unsigned int i;

	if (!ops)
		return false;
	ops->extents(dq->num, dq->features, &dq->addr, extent);
	for (i = 0; i < DEVQ_AREAS; i++)
		if (extent[i].addr <= last && extent[i].addr + extent[i].len - 1 >= first)
			return true;
	return false;
}
EXPORT_SYMBOL_NS_GPL(devq_has_area_in, "RINGSIDE");

/**
 * devq_start - start the engine
 * @dq: the queue, stopped or running; its position is where it starts
 * @cfg: what to start with
 *
 * The used index of a split ring is read from it (virtio 1.3, 2.7.8) unless it is
 * known; behind a device IOTLB that happens in the first turn.
 *
 * Context: may sleep; the owner's address space for DEVQ_MEM_USER.
 * Return: 0; -EINVAL for a queue size the layout does not allow, a position beyond
 * the end of the ring or a devq_config.ring_map that cannot be, -EOPNOTSUPP for
 * memory that is not there, -EFAULT if the ring cannot be accessed. On error a
 * stopped queue stays stopped, a running one stays running with what @cfg says.
 */
int devq_start(struct devq *dq, const struct devq_config *cfg)
{
	const struct devq_ops *ops = devq_find_ops(cfg->features, cfg->mem);
	int err = 0;

	if (!ops)
		return -EOPNOTSUPP;
	if (!devq_num_ok(cfg->features, cfg->num) ||
	    !devq_pos_ok(cfg->features, cfg->num, &dq->pos))
		return -EINVAL;
	if (cfg->ring_map && !(cfg->iotlb && cfg->no_miss))
		return -EINVAL;
	dq->addr = cfg->addr;
	dq->area = cfg->addr;
	dq->num = cfg->num;
	dq->features = cfg->features;
	dq->event_idx = cfg->features & BIT_ULL(VIRTIO_RING_F_EVENT_IDX);
	dq->in_order = cfg->features & BIT_ULL(VIRTIO_F_IN_ORDER);
	/* Legacy, and no packed ring is. */
	dq->notify_on_empty = (cfg->features & BIT_ULL(VIRTIO_F_NOTIFY_ON_EMPTY)) &&
			      !devq_packed(cfg->features);
	dq->little_endian = cfg->little_endian || devq_packed(cfg->features) ||
			    (cfg->features & BIT_ULL(VIRTIO_F_VERSION_1));
	dq->slots = cfg->slots;
	dq->iotlb = cfg->iotlb;
	dq->iotlb_reader = cfg->iotlb_reader;
	dq->ring_map = cfg->ring_map;
	dq->ring_reader = cfg->ring_reader;
	dq->phys = cfg->mem == DEVQ_MEM_PHYS;
	dq->no_miss = cfg->no_miss;
	dq->keep_used = cfg->keep_used;
	dq->kmem_first = cfg->kmem_first;
	dq->kmem_last = cfg->kmem_last;
	dq->buffers.generation = 0;
	dq->tables.generation = 0;
	memset(dq->pages, 0, sizeof(dq->pages));
	dq->resolved = 0;
	dq->error = DEVQ_OK;
	dq->fresh = dq->iotlb;

	if (!devq_areas_ok(dq, ops, &dq->addr))
		return -EFAULT;
	if (!dq->fresh) {
		devq_enter(dq);
		err = ops->start(dq);
		devq_exit(dq);
	}
	if (err) {
		dq->error = DEVQ_OK;
		return -EFAULT;
	}
	dq->ops = ops;
	return 0;
}
EXPORT_SYMBOL_NS_GPL(devq_start, "RINGSIDE");

/**
 * devq_stop - stop the engine
 * @dq: the queue; its position stays, nothing of the ring is touched
 */
void devq_stop(struct devq *dq)
{
	dq->ops = NULL;
}
EXPORT_SYMBOL_NS_GPL(devq_stop, "RINGSIDE");

/**
 * devq_move - put a running queue's areas elsewhere
 * @dq: the queue, started
 * @addr: the new areas; the driver has moved their content
 *
 * Return: 0, or -EFAULT if they cannot be accessed; nothing has changed then.
 */
int devq_move(struct devq *dq, const struct devq_addr *addr)
{
	if (!devq_areas_ok(dq, dq->ops, addr))
		return -EFAULT;
	dq->addr = *addr;
	dq->area = *addr;
	dq->resolved = 0;
	return 0;
}
EXPORT_SYMBOL_NS_GPL(devq_move, "RINGSIDE");

MODULE_LICENSE("GPL");
MODULE_AUTHOR("Ringside developers");
MODULE_VERSION(RINGSIDE_VERSION);
MODULE_DESCRIPTION("Device side of virtqueues for vhost and vDPA");
MODULE_IMPORT_NS("RINGSIDE");
