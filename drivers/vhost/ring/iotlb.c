// SPDX-License-Identifier: GPL-2.0-only
/* Rings and buffers behind a device IOTLB: what is translated when, and misses. */

#include <linux/module.h>

#include "phys.h"
#include "ring_internal.h"

/**
 * devq_missed - sort out why a lookup failed
 * @dq: the queue; devq_miss.addr says where
 * @err: what the lookup returned
 * @addr: first address looked up
 * @len: bytes
 * @perm: access wanted
 *
 * Return: @err, but -EAGAIN for an address that the device IOTLB may get to know.
 */
int devq_missed(struct devq *dq, int err, u64 addr, u64 len, u32 perm)
{
	if (!dq->iotlb || dq->no_miss || (err != -EFAULT && err != -EPERM) || addr + len - 1 < addr)
		return err;
	dq->miss.perm = perm;
	dq->miss.denied = err == -EPERM;
	return err == -EPERM ? err : -EAGAIN;
}

/*
 * Translate the areas of the ring, which makes sure that no access to them can
 * miss in this turn. Those of most rings lie in one piece each.
 */
static int devq_resolve(struct devq *dq)
{
	struct devq_extent extent[DEVQ_AREAS];
	u64 at[DEVQ_AREAS];
	enum devq_mem_type mem;
	bool whole = true;
	unsigned int i;

	dq->ops->extents(dq->num, dq->features, &dq->addr, extent);
	for (i = 0; i < DEVQ_AREAS; i++) {
		const struct devq_extent *e = &extent[i];
		int ret = memmap_covers(dq->ring_set, e->addr, e->len, e->perm, &at[i],
					&dq->miss.addr);

		if (ret < 0) {
			ret = devq_missed(dq, ret, e->addr, e->len, e->perm);
			if (ret == -EAGAIN)
				return ret;
			return devq_fail(dq, ret == -EPERM ? DEVQ_E_ACCESS : DEVQ_E_FAULT);
		}
		if (ret && dq->phys) {
			at[i] = (unsigned long)devq_phys(at[i], e->len);
			if (!at[i])
				return devq_fail(dq, DEVQ_E_FAULT);
		}
		whole &= ret;
	}
	if (whole)
		dq->area = (struct devq_addr) {
			.desc = at[DEVQ_AREA_DESC],
			.driver = at[DEVQ_AREA_DRIVER],
			.device = at[DEVQ_AREA_DEVICE],
		};
	else
		dq->area = dq->addr;
	if (dq->phys)
		mem = whole ? DEVQ_MEM_PHYS : DEVQ_MEM_PHYS_IOTLB;
	else
		mem = whole ? DEVQ_MEM_USER : DEVQ_MEM_IOTLB;
	WRITE_ONCE(dq->ops, devq_find_ops(dq->features, mem));
	dq->resolved = dq->ring_set->generation;
	return 0;
}

/**
 * devq_enter_iotlb - devq_enter() for a queue behind a device IOTLB
 * @dq: the queue
 *
 * A ring that was started without being looked at is looked at now.
 *
 * Return: see there.
 */
int devq_enter_iotlb(struct devq *dq)
{
	int err = 0;

	dq->set = memmap_read_lock(dq->iotlb, dq->iotlb_reader);
	dq->ring_set = dq->set;
	if (dq->ring_map)
		dq->ring_set = memmap_read_lock(dq->ring_map, dq->ring_reader);
	if (dq->resolved != dq->ring_set->generation)
		err = devq_resolve(dq);
	if (!err && dq->fresh) {
		err = dq->ops->start(dq);
		dq->fresh = err;
	}
	if (err)
		devq_exit(dq);
	return err;
}
EXPORT_SYMBOL_NS_GPL(devq_enter_iotlb, "RINGSIDE");
