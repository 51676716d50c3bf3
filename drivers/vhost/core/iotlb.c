// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device IOTLB: what the VMM's IOMMU tells us of where I/O virtual addresses
 * lead (VIRTIO_F_ACCESS_PLATFORM). It is a cache: a queue that finds an address
 * missing asks for it and goes on once the answer has come.
 *
 * A queue asks for one address at a time, and the question is part of the
 * queue: nothing is allocated for it, and a VMM that does not read cannot make
 * them pile up. iotlb_msg.c is about the messages themselves.
 */

#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/uaccess.h>

#include "internal.h"
#include "trace.h"

static unsigned int max_iotlb_entries = 2048;
module_param(max_iotlb_entries, uint, 0444);
MODULE_PARM_DESC(max_iotlb_entries, "Maximum number of entries of a device IOTLB. (default: 2048)");

static void iotlb_map_init(struct vhost_dev *dev)
{
	unsigned int i;

	memmap_init(&dev->iotlb.map, false);
	for (i = 0; i < dev->nvqs; i++)
		memmap_add_reader(&dev->iotlb.map, &dev->vqs[i]->iotlb_reader);
}

/**
 * vhost_iotlb_init - no device IOTLB
 * @dev: the device; its queues are known
 */
void vhost_iotlb_init(struct vhost_dev *dev)
{
	struct vhost_iotlb *iotlb = &dev->iotlb;
	unsigned int i;

	iotlb_map_init(dev);
	spin_lock_init(&iotlb->lock);
	INIT_LIST_HEAD(&iotlb->unread);
	init_waitqueue_head(&iotlb->wait);
	for (i = 0; i < dev->nvqs; i++)
		INIT_LIST_HEAD(&dev->vqs[i]->request.link);
}

/* Forget a queue's question. Context: vhost_iotlb.lock. */
static void request_drop(struct vhost_iotlb_request *req)
{
	list_del_init(&req->link);
	req->type = 0;
}

/**
 * vhost_iotlb_forget - a queue has no question any more
 * @vq: the queue
 *
 * Context: may be called with the queue's mutex held.
 */
void vhost_iotlb_forget(struct vhost_virtqueue *vq)
{
	struct vhost_iotlb *iotlb = &vq->dev->iotlb;

	spin_lock(&iotlb->lock);
	request_drop(&vq->request);
	spin_unlock(&iotlb->lock);
}

/**
 * vhost_iotlb_ask - send the VMM a message about devq.miss
 * @vq: the queue
 *
 * Context: the queue's mutex, after its turn.
 */
void vhost_iotlb_ask(struct vhost_virtqueue *vq)
{
	struct vhost_iotlb *iotlb = &vq->dev->iotlb;
	struct vhost_iotlb_request *req = &vq->request;
	struct devq_miss miss = vq->ring.miss;
	u8 type = miss.denied ? VHOST_IOTLB_ACCESS_FAIL : VHOST_IOTLB_MISS;
	bool changed;

	lockdep_assert_held(&vq->mutex);
	vq->ring.miss.perm = 0;
	devq_count(&vq->misses, 1);
	spin_lock(&iotlb->lock);
	/* Has the answer come since the queue looked? */
	changed = iotlb->version != vq->iotlb_version;
	if (!changed && (req->type != type || req->addr != miss.addr || req->perm != miss.perm)) {
		req->type = type;
		req->addr = miss.addr;
		req->perm = miss.perm;
		if (list_empty(&req->link))
			list_add_tail(&req->link, &iotlb->unread);
	}
	spin_unlock(&iotlb->lock);
	trace_vhost_iotlb_ask(vq->index, type, miss.addr, miss.perm);
	if (changed)
		vhost_vq_requeue(vq);
	else
		wake_up_interruptible_poll(&iotlb->wait, EPOLLIN | EPOLLRDNORM);
}

/*
 * Let queues go on whose questions the edit has answered.
 * Context: vhost_dev.mutex, memmap.lock.
 */
static void requests_answer(struct vhost_dev *dev)
{
	struct vhost_iotlb *iotlb = &dev->iotlb;
	unsigned int i;

	spin_lock(&iotlb->lock);
	WRITE_ONCE(iotlb->version, iotlb->version + 1);
	for (i = 0; i < dev->nvqs; i++) {
		struct vhost_virtqueue *vq = dev->vqs[i];

		if (likely(vq->request.type != VHOST_IOTLB_MISS) ||
		    !memmap_maps(&iotlb->map, vq->request.addr))
			continue;
		request_drop(&vq->request);
		vhost_vq_requeue(vq);
	}
	spin_unlock(&iotlb->lock);
}

/* End an edit of the map. Context: vhost_dev.mutex, memmap.lock, which is dropped. */
static int iotlb_publish(struct vhost_dev *dev)
{
	int err = memmap_publish(&dev->iotlb.map);

	requests_answer(dev);
	memmap_unlock(&dev->iotlb.map);
	return err;
}

/* Does a ring lie in an entry? Then it is not to be dropped for want of room. */
static bool iotlb_in_use(struct vhost_dev *dev, const struct memmap_entry *entry)
{
	const struct memmap_node *node = &entry->node[0];
	unsigned int i;

	for (i = 0; i < dev->nvqs; i++)
		if (devq_has_area_in(&dev->vqs[i]->ring, node->start, node->last))
			return true;
	return false;
}

/*
 * Have room for @want more entries. The oldest ones go, several at a time for
 * queues may have to be waited for; who needs one of them again will ask.
 */
static int iotlb_make_room(struct vhost_dev *dev, unsigned int want)
{
	struct memmap *map = &dev->iotlb.map;
	struct memmap_entry *entry, *tmp;
	unsigned int aim;

	if (map->count + want <= max_iotlb_entries)
		return 0;
	aim = want + max_iotlb_entries / 16;
	list_for_each_entry_safe(entry, tmp, &map->order, order) {
		if (map->count + aim <= max_iotlb_entries)
			break;
		if (!iotlb_in_use(dev, entry))
			memmap_remove(map, entry);
	}
	return map->count + want <= max_iotlb_entries ? 0 : -ENOSPC;
}

/* What an UPDATE may need: the entry and what is left of others on both sides. */
enum { IOTLB_NEW, IOTLB_LEFT, IOTLB_RIGHT, IOTLB_ENTRIES };

static struct memmap_entry *iotlb_left_over(struct memmap *map, const struct memmap_node *node,
					    u64 start, u64 last)
{
	return memmap_alloc(map, start, last, node->addr + (start - node->start), node->perm);
}

/* Does an entry say just this already? */
static bool iotlb_says(const struct memmap_entry *entry, const struct vhost_iotlb_msg *msg)
{
	const struct memmap_node *node = &entry->node[0];

	return node->start == msg->iova && node->last - node->start == msg->size - 1 &&
	       node->addr == msg->uaddr && node->perm == msg->perm;
}

/* Prepare the entries for an UPDATE, so that it cannot fail half-way. */
static int iotlb_prepare(struct memmap *map, const struct vhost_iotlb_msg *msg,
			 struct memmap_entry **entry)
{
	u64 last = msg->iova + msg->size - 1;
	struct memmap_entry *first = memmap_overlap(map, msg->iova, last);
	struct memmap_entry *end = memmap_overlap(map, last, last);
	unsigned int n = 1;

	if (first && first->node[0].start < msg->iova) {
		entry[IOTLB_LEFT] = iotlb_left_over(map, &first->node[0],
						    first->node[0].start, msg->iova - 1);
		n++;
	}
	if (end && end->node[0].last > last) {
		entry[IOTLB_RIGHT] = iotlb_left_over(map, &end->node[0], last + 1,
						     end->node[0].last);
		n++;
	}
	entry[IOTLB_NEW] = memmap_alloc(map, msg->iova, last, msg->uaddr, msg->perm);
	return !!entry[IOTLB_NEW] + !!entry[IOTLB_LEFT] + !!entry[IOTLB_RIGHT] == n ? 0 : -ENOMEM;
}

/* Take away what a range has in common with entries, all of these. */
static void iotlb_remove(struct memmap *map, u64 first, u64 last)
{
	struct memmap_entry *entry = memmap_overlap(map, first, last), *next;

	for (; entry && entry->node[0].start <= last; entry = next) {
		next = memmap_after(map, entry);
		memmap_remove(map, entry);
		cond_resched();
	}
}

/* An entry for a range of which nothing was said before. */
static int iotlb_add(struct memmap *map, const struct vhost_iotlb_msg *msg,
		     struct list_head *before)
{
	struct memmap_entry *entry = memmap_alloc(map, msg->iova, msg->iova + msg->size - 1,
						  msg->uaddr, msg->perm);

	if (!entry)
		return -ENOMEM;
	memmap_insert_at(map, entry, before);
	return 0;
}

/* The same for a range of which something was. */
static int iotlb_replace(struct memmap *map, const struct vhost_iotlb_msg *msg)
{
	struct memmap_entry *entry[IOTLB_ENTRIES] = {};
	unsigned int i;
	int err;

	err = iotlb_prepare(map, msg, entry);
	if (!err)
		iotlb_remove(map, msg->iova, msg->iova + msg->size - 1);
	for (i = 0; i < IOTLB_ENTRIES; i++) {
		if (!entry[i])
			continue;
		if (err)
			memmap_free(map, entry[i]);
		else
			WARN_ON_ONCE(memmap_insert(map, entry[i]));
	}
	return err;
}

/*
 * UPDATE: the range leads to msg->uaddr from now on, whatever was said of any
 * part of it before. Context: memmap.lock.
 */
static int iotlb_update(struct vhost_dev *dev, const struct vhost_iotlb_msg *msg)
{
	u64 last = msg->iova + msg->size - 1;
	struct memmap *map = &dev->iotlb.map;
	struct memmap_entry *first;
	struct list_head *before;
	int err;

	if (map->count + IOTLB_ENTRIES <= max_iotlb_entries &&
	    !memmap_place(map, msg->iova, last, &before))
		return iotlb_add(map, msg, before);
	first = memmap_overlap(map, msg->iova, last);
	if (first && iotlb_says(first, msg))
		return 0;
	/* Room first: it may take away what is to be split. */
	err = iotlb_make_room(dev, IOTLB_ENTRIES);
	if (err && map->count + 1 > max_iotlb_entries)
		return err;
	return iotlb_replace(map, msg);
}

static bool iotlb_msg_valid(const struct vhost_iotlb_msg *msg)
{
	u64 last = msg->iova + msg->size - 1;

	if (!msg->size || last < msg->iova)
		return false;
	return msg->type == VHOST_IOTLB_INVALIDATE ||
	       (msg->perm && !(msg->perm & ~VHOST_ACCESS_RW));
}

/* UPDATE and INVALIDATE. Context: vhost_dev.mutex. */
static int iotlb_change(struct vhost_dev *dev, const struct vhost_iotlb_msg *msg)
{
	struct memmap *map = &dev->iotlb.map;
	int err;

	if (!iotlb_msg_valid(msg))
		return -EINVAL;
	if (msg->type == VHOST_IOTLB_UPDATE &&
	    (msg->uaddr + msg->size < msg->uaddr ||
	     !access_ok(u64_to_user_ptr(msg->uaddr), msg->size)))
		return -EFAULT;
	err = memmap_lock(map);
	if (err)
		return err;
	if (msg->type == VHOST_IOTLB_INVALIDATE)
		iotlb_remove(map, msg->iova, msg->iova + msg->size - 1);
	else
		err = iotlb_update(dev, msg);
	if (dev->iotlb.batch) {
		memmap_unlock(map);
		return err;
	}
	if (!err)
		return iotlb_publish(dev);
	memmap_cancel(map);
	memmap_unlock(map);
	return err;
}

static int iotlb_batch(struct vhost_dev *dev, bool begin)
{
	struct vhost_iotlb *iotlb = &dev->iotlb;
	int err;

	if (!(dev->backend_features & BIT_ULL(VHOST_BACKEND_F_IOTLB_BATCH)) ||
	    begin == iotlb->batch)
		return -EINVAL;
	if (begin) {
		iotlb->batch = true;
		return 0;
	}
	err = memmap_lock(&iotlb->map);
	if (err)
		return err;
	/* In force whatever comes of the wait for readers. */
	iotlb->batch = false;
	return iotlb_publish(dev);
}

/**
 * vhost_iotlb_message - do what a message of the VMM says
 * @dev: the device
 * @msg: the message
 *
 * When an INVALIDATE is done, no queue can reach the memory it was about.
 * Between BATCH_BEGIN and BATCH_END the queues see none of the changes, then all.
 *
 * Context: vhost_dev.mutex; may sleep.
 * Return: 0; -EFAULT if there is no device IOTLB or for addresses that are not
 * user memory, -EINVAL for messages that make no sense, -ENOSPC if there are too
 * many entries, -ENOMEM, -EINTR if the caller was killed.
 */
int vhost_iotlb_message(struct vhost_dev *dev, const struct vhost_iotlb_msg *msg)
{
	lockdep_assert_held(&dev->mutex);
	switch (msg->type) {
	case VHOST_IOTLB_UPDATE:
	case VHOST_IOTLB_INVALIDATE:
		return dev->iotlb.on ? iotlb_change(dev, msg) : -EFAULT;
	case VHOST_IOTLB_BATCH_BEGIN:
	case VHOST_IOTLB_BATCH_END:
		return dev->iotlb.on ? iotlb_batch(dev, msg->type == VHOST_IOTLB_BATCH_BEGIN) :
				       -EFAULT;
	default:
		return -EINVAL;
	}
}

/* No questions, and nobody waits for any. Context: vhost_dev.mutex. */
static void iotlb_end(struct vhost_dev *dev)
{
	struct vhost_iotlb *iotlb = &dev->iotlb;
	unsigned int i;

	iotlb->batch = false;
	WRITE_ONCE(iotlb->on, false);
	for (i = 0; i < dev->nvqs; i++)
		vhost_iotlb_forget(dev->vqs[i]);
	wake_up_interruptible_poll(&iotlb->wait, EPOLLIN | EPOLLRDNORM);
}

/**
 * vhost_iotlb_on - have a device IOTLB
 * @dev: the device; an IOTLB that is there stays as it is
 *
 * Context: vhost_dev.mutex.
 */
void vhost_iotlb_on(struct vhost_dev *dev)
{
	lockdep_assert_held(&dev->mutex);
	WRITE_ONCE(dev->iotlb.on, true);
}

/**
 * vhost_iotlb_off - have none, and forget what was in it
 * @dev: the device; no queue uses it any more
 *
 * Context: vhost_dev.mutex; may sleep.
 * Return: 0, or -EINTR if the caller was killed.
 */
int vhost_iotlb_off(struct vhost_dev *dev)
{
	struct memmap *map = &dev->iotlb.map;
	int err;

	lockdep_assert_held(&dev->mutex);
	if (!dev->iotlb.on)
		return 0;
	iotlb_end(dev);
	err = memmap_lock(map);
	if (err)
		return err;
	iotlb_remove(map, 0, U64_MAX);
	err = memmap_publish(map);
	memmap_unlock(map);
	return err;
}

/**
 * vhost_iotlb_clear - as it was when the device was opened
 * @dev: the device; no queue runs
 *
 * Context: vhost_dev.mutex; may sleep.
 */
void vhost_iotlb_clear(struct vhost_dev *dev)
{
	iotlb_end(dev);
	memmap_destroy(&dev->iotlb.map);
	iotlb_map_init(dev);
}

/**
 * vhost_iotlb_destroy - end of a device
 * @dev: the device; no queue runs
 *
 * Context: may sleep.
 */
void vhost_iotlb_destroy(struct vhost_dev *dev)
{
	memmap_destroy(&dev->iotlb.map);
}
