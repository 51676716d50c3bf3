// SPDX-License-Identifier: GPL-2.0-only
/* Rings and buffers behind a device IOTLB: what is translated when, and misses. */

#include <linux/module.h>

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
	if (!dq->iotlb || (err != -EFAULT && err != -EPERM) || addr + len - 1 < addr)
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
	u64 hva[DEVQ_AREAS];
	bool whole = true;
	unsigned int i;

	dq->ops->extents(dq->num, dq->features, &dq->addr, extent);
	for (i = 0; i < DEVQ_AREAS; i++) {
		const struct devq_extent *e = &extent[i];
		int ret = memmap_covers(dq->set, e->addr, e->len, e->perm, &hva[i],
					&dq->miss.addr);

		if (ret < 0) {
			ret = devq_missed(dq, ret, e->addr, e->len, e->perm);
			return ret == -EAGAIN ? ret : devq_fail(dq, DEVQ_E_ACCESS);
		}
		whole &= ret;
	}
	if (whole)
		dq->area = (struct devq_addr) {
			.desc = hva[DEVQ_AREA_DESC],
			.driver = hva[DEVQ_AREA_DRIVER],
			.device = hva[DEVQ_AREA_DEVICE],
		};
	else
		dq->area = dq->addr;
	WRITE_ONCE(dq->ops, devq_find_ops(dq->features, whole ? DEVQ_MEM_USER : DEVQ_MEM_IOTLB));
	dq->resolved = dq->set->generation;
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

	dq->set = memmap_read_lock(dq->iotlb, &dq->iotlb_reader);
	if (dq->resolved != dq->set->generation)
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
