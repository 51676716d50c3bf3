// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dirty log: which pages of guest memory a device wrote to.
 *
 * Buffers are known by the user addresses they were translated to, and a page
 * of user memory may be several pages of the guest's: the reverse side of the
 * memory map names them all. It is searched in time that does not depend on the
 * number of slots, and most often the last slot found is the right one.
 */

#include <linux/bits.h>
#include <linux/futex.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include <asm/futex.h>

#include "ring_internal.h"

/*
 * Set bits of a word of the log that the VMM takes bits from at the same time.
 * There are no atomic bit operations on user memory, but a futex's.
 */
static int log_set(u32 __user *word, u32 mask)
{
	u32 old, seen;
	int err;

	if (get_user(old, word))
		return -EFAULT;
	while ((old & mask) != mask) {
		err = futex_atomic_cmpxchg_inatomic(&seen, word, old, old | mask);
		if (err == -EFAULT) {
			/* Maybe it only is not there, or not writable, at the moment. */
			if (fault_in_safe_writeable((char __user *)word, sizeof(*word)))
				return -EFAULT;
			seen = old;
		} else if (err && err != -EAGAIN) {
			return err;
		} else if (!err && seen == old) {
			break;
		}
		if (fatal_signal_pending(current))
			return -EINTR;
		if (get_user(old, word))
			return -EFAULT;
		cond_resched();
	}
	return 0;
}

/* Set the bits that were collected. */
static int log_flush(struct devq *dq)
{
	u32 mask = dq->log.mask;

	dq->log.mask = 0;
	if (mask && log_set(u64_to_user_ptr(dq->log.word), (__force u32)cpu_to_le32(mask)))
		return devq_fail(dq, DEVQ_E_LOG);
	return 0;
}

/*
 * Note that @len bytes at guest physical @gpa, which do not wrap, were written. Buffers
 * that follow each other are often in the same pages: bits are collected, a word of
 * them at a time.
 */
static int log_guest(struct devq *dq, u64 gpa, u64 len)
{
	u64 page = gpa / VHOST_PAGE_SIZE, last = (gpa + len - 1) / VHOST_PAGE_SIZE;
	/* The log starts at any byte, words are aligned. */
	u64 base = dq->log.base & ~3ULL, skew = (dq->log.base & 3) * BITS_PER_BYTE;
	unsigned int n;

	while (page <= last) {
		u64 bit = page + skew;
		u64 word = base + bit / 32 * sizeof(u32);

		if (word != dq->log.word && log_flush(dq))
			return -EIO;
		dq->log.word = word;
		if (likely(page == last)) {
			dq->log.mask |= BIT(bit % 32);
			break;
		}
		n = min_t(u64, 32 - bit % 32, last - page + 1);
		dq->log.mask |= GENMASK(bit % 32 + n - 1, bit % 32);
		page += n;
	}
	dq->log.marked = true;
	return 0;
}

/* Remember a slot if its memory is the guest's only once. */
static void log_remember(struct devq *dq, const struct memmap_rnode *rnode)
{
	const struct memmap_node *node = rnode->node;
	u64 first = node->addr, last = node->addr + (node->last - node->start);

	if (memmap_alias_first(dq->slot_set, first, last) != rnode ||
	    memmap_alias_next(rnode, first, last))
		return;
	dq->log.version = dq->slot_set->version;
	dq->log.first = first;
	dq->log.last = last;
	dq->log.guest = node->start;
}

/* Note the write wherever the guest has the memory, according to a set. */
static int log_slots(struct devq *dq, const struct memmap_set *set, u64 addr, u64 last)
{
	const struct memmap_rnode *rnode = memmap_alias_first(set, addr, last);

	if (rnode && set == dq->slot_set)
		log_remember(dq, rnode);
	for (; rnode; rnode = memmap_alias_next(rnode, addr, last)) {
		const struct memmap_node *node = rnode->node;
		u64 from = max(addr, node->addr);
		u64 to = min(last, node->addr + (node->last - node->start));

		if (log_guest(dq, node->start + (from - node->addr), to - from + 1))
			return -EIO;
	}
	return 0;
}

/* Note that @len bytes at user address @addr were written. */
static int log_user(struct devq *dq, u64 addr, u64 len)
{
	const struct memmap_set *newer = memmap_newer(dq->slot_set);
	u64 last = addr + len - 1;

	/* The buffer may be in memory that joined during this turn. */
	if (newer && log_slots(dq, newer, addr, last))
		return -EIO;
	if (dq->log.version == dq->slot_set->version && addr >= dq->log.first &&
	    last <= dq->log.last)
		return log_guest(dq, dq->log.guest + (addr - dq->log.first), len);
	return log_slots(dq, dq->slot_set, addr, last);
}

/* Note that the first @len bytes of what a buffer has to be written to were. */
static int log_chain(struct devq *dq, const struct devq_chain *chain, u64 len)
{
	const struct iovec *seg = chain->seg + chain->nr_out;

	for (; len; seg++) {
		u64 part = min_t(u64, len, seg->iov_len);

		if (log_user(dq, (unsigned long)seg->iov_base, part))
			return -EIO;
		len -= part;
	}
	return 0;
}

/**
 * devq_log_chains - devq_log() while buffers are logged
 * @dq: see there
 * @chain: see there
 * @used: see there
 * @n: see there
 *
 * Return: see there.
 */
int devq_log_chains(struct devq *dq, const struct devq_chain *chain,
		    const struct devq_used *used, unsigned int n)
{
	unsigned int i;
	int err = 0;

	/* What was written is visible before a bit is found to be set already. */
	smp_mb();
	for (i = 0; i < n && !err; i++)
		err = log_chain(dq, &chain[i], used[i].len);
	return log_flush(dq) ?: err;
}
EXPORT_SYMBOL_NS_GPL(devq_log_chains, "RINGSIDE");

/*
 * Note a write to an area of the ring that the memory table knows, at a user address
 * if the area lies in one piece.
 */
static int log_area(struct devq *dq, u64 addr, u64 len, bool whole)
{
	struct memmap_cache cache = {};
	struct iovec iov;
	u64 miss;

	if (whole)
		return log_user(dq, addr, len);
	for (; len; addr++, len--) {
		/* A scattered ring, byte by byte: rare, and few bytes. */
		if (memmap_translate(dq->set, &cache, addr, 1, 0, &iov, 1, &miss) != 1)
			return devq_fail(dq, DEVQ_E_FAULT);
		if (log_user(dq, (unsigned long)iov.iov_base, 1))
			return -EIO;
	}
	return 0;
}

/**
 * devq_log_ring - note a write to the device area
 * @dq: the queue
 * @addr: where, in terms of devq.area
 * @len: bytes, at least 1
 *
 * Context: between devq_enter() and devq_exit(); may sleep.
 * Return: 0, or -EIO if the ring is broken.
 */
int devq_log_ring(struct devq *dq, u64 addr, u64 len)
{
	int err;

	/* As in devq_log_chains(). */
	smp_mb();
	if (dq->iotlb)
		err = log_area(dq, addr, len, dq->area.device != dq->addr.device);
	else
		err = log_guest(dq, dq->log.ring_addr + (addr - dq->area.device), len);
	return log_flush(dq) ?: err;
}

/**
 * devq_log_desc - note a write to the descriptor area
 * @dq: the queue
 * @addr: where, in terms of devq.area
 * @len: bytes, at least 1
 *
 * Nobody says which address it has for the log: the memory table does.
 *
 * Context: between devq_enter() and devq_exit(); may sleep.
 * Return: 0, or -EIO if the ring is broken.
 */
int devq_log_desc(struct devq *dq, u64 addr, u64 len)
{
	int err;

	/* As in devq_log_chains(). */
	smp_mb();
	err = log_area(dq, addr, len, !dq->iotlb || dq->area.desc != dq->addr.desc);
	return log_flush(dq) ?: err;
}
