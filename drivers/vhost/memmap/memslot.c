// SPDX-License-Identifier: GPL-2.0-only
/* Memslots: updates as differences, lookups without locks. See memmap.h. */

#include <linux/cleanup.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "itree.h"
#include "memmap.h"
#include "memmap_internal.h"

/* Control-path loops let others run each time they have seen so many slots. */
#define MEMSLOTS_RESCHED	512

static void resched_every(unsigned int n)
{
	if (n % MEMSLOTS_RESCHED == 0)
		cond_resched();
}

/**
 * struct memslot - one region
 * @node: its node in each of the two sets
 * @link: in a list of struct memslots_update
 * @leaving: on the list of slots the running update drops; under memslots.lock
 */
struct memslot {
	struct memmap_node node[2];
	struct list_head link;
	bool leaving;
};

static struct kmem_cache *memslot_cachep;

int __init memslot_cache_create(void)
{
	memslot_cachep = KMEM_CACHE(memslot, SLAB_HWCACHE_ALIGN | SLAB_ACCOUNT);
	return memslot_cachep ? 0 : -ENOMEM;
}

void memslot_cache_destroy(void)
{
	kmem_cache_destroy(memslot_cachep);
}

static struct memslot *memslot_of(struct memmap_node *node, const struct memslot_set *set)
{
	return container_of(node, struct memslot, node[set->index]);
}

static void set_insert(struct memslot_set *set, struct memslot *slot)
{
	memmap_itree_insert(&slot->node[set->index], &set->root);
}

static void set_remove(struct memslot_set *set, struct memslot *slot)
{
	memmap_itree_remove(&slot->node[set->index], &set->root);
}

static struct memslot *set_find(const struct memslot_set *set, u64 gpa)
{
	struct memmap_node *node = memmap_find(&set->root, gpa);

	return node ? memslot_of(node, set) : NULL;
}

static struct memslot_set *memslots_active(struct memslots *ms)
{
	lockdep_assert_held(&ms->lock);
	return ms->active;
}

static bool region_equal(const struct vhost_memory_region *a, const struct vhost_memory_region *b)
{
	return a->guest_phys_addr == b->guest_phys_addr && a->memory_size == b->memory_size &&
	       a->userspace_addr == b->userspace_addr;
}

static bool memslot_is_region(const struct memslot *slot, const struct vhost_memory_region *r)
{
	const struct memmap_node *node = &slot->node[0];

	return node->start == r->guest_phys_addr && node->addr == r->userspace_addr &&
	       node->last - node->start == r->memory_size - 1;
}

/* Nothing here depends on the other regions; overlap is found on insertion. */
static bool region_valid(const struct vhost_memory_region *r)
{
	if (!r->memory_size || r->guest_phys_addr + r->memory_size - 1 < r->guest_phys_addr)
		return false;
	return r->userspace_addr + r->memory_size >= r->userspace_addr &&
	       access_ok(u64_to_user_ptr(r->userspace_addr), r->memory_size);
}

static struct memslot *memslot_alloc(const struct vhost_memory_region *r)
{
	struct memslot *slot = kmem_cache_alloc(memslot_cachep, GFP_KERNEL);
	unsigned int i;

	if (!slot)
		return NULL;
	for (i = 0; i < 2; i++) {
		slot->node[i].start = r->guest_phys_addr;
		slot->node[i].last = r->guest_phys_addr + r->memory_size - 1;
		slot->node[i].addr = r->userspace_addr;
		slot->node[i].perm = MEMMAP_READ | MEMMAP_WRITE;
	}
	slot->leaving = false;
	return slot;
}

static void memslot_list_free(struct list_head *list)
{
	struct memslot *slot, *tmp;
	unsigned int n = 0;

	list_for_each_entry_safe(slot, tmp, list, link) {
		kmem_cache_free(memslot_cachep, slot);
		resched_every(++n);
	}
}

/* The update will not happen: its old slots stay, its new ones go. */
static void update_cancel(struct memslots_update *u)
{
	struct memslot *slot;

	list_for_each_entry(slot, &u->del, link)
		slot->leaving = false;
	memslot_list_free(&u->add);
}

/*
 * Find what differs. The tables are compared in the VMM's order: what they
 * share at both ends is never looked at again, and in the window between, a
 * region that is in both keeps its slot wherever it stands.
 */
static int update_prepare(struct memslots *ms, struct memslots_update *u, unsigned int nnew)
{
	const struct vhost_memory_region *old = ms->table[ms->cur];
	const struct vhost_memory_region *new = ms->table[!ms->cur];
	const struct memslot_set *set = memslots_active(ms);
	unsigned int nold = ms->nregions, common = min(nold, nnew);
	unsigned int head = 0, tail = 0, i;
	struct memslot *slot;

	while (head < common && region_equal(&old[head], &new[head]))
		resched_every(++head);
	while (tail < common - head && region_equal(&old[nold - 1 - tail], &new[nnew - 1 - tail]))
		resched_every(++tail);

	for (i = head; i < nold - tail; i++) {
		slot = set_find(set, old[i].guest_phys_addr);
		slot->leaving = true;
		list_add_tail(&slot->link, &u->del);
		resched_every(i);
	}
	for (i = head; i < nnew - tail; i++) {
		if (!region_valid(&new[i]))
			return -EFAULT;
		slot = set_find(set, new[i].guest_phys_addr);
		if (slot && slot->leaving && memslot_is_region(slot, &new[i])) {
			slot->leaving = false;
			list_del(&slot->link);
			continue;
		}
		slot = memslot_alloc(&new[i]);
		if (!slot)
			return -ENOMEM;
		list_add_tail(&slot->link, &u->add);
		resched_every(i);
	}
	return 0;
}

/*
 * Make the difference to one set. On overlap, which only the first of the two
 * sets can meet, leave the set as it was.
 */
static int update_apply(struct memslot_set *set, struct memslots_update *u)
{
	struct memslot *slot;
	unsigned int n = 0;

	list_for_each_entry(slot, &u->del, link) {
		set_remove(set, slot);
		resched_every(++n);
	}
	list_for_each_entry(slot, &u->add, link) {
		struct memmap_node *node = &slot->node[set->index];

		if (memmap_itree_iter_first(&set->root, node->start, node->last))
			goto undo;
		set_insert(set, slot);
		resched_every(++n);
	}
	return 0;

undo:
	list_for_each_entry_continue_reverse(slot, &u->add, link)
		set_remove(set, slot);
	list_for_each_entry(slot, &u->del, link)
		set_insert(set, slot);
	return -EINVAL;
}

static bool reader_uses(const struct memslots_reader *reader, const struct memslot_set *set)
{
	/* Pairs with the release in memslots_read_unlock(): its lookups are over. */
	return smp_load_acquire(&reader->set) == set;
}

/* Wait until no reader is left in a set that is no longer active. */
static int memslots_wait(struct memslots *ms, const struct memslot_set *set)
{
	struct memslots_reader *reader;

	might_sleep();
	lock_map_acquire(&ms->dep_map);
	lock_map_release(&ms->dep_map);
	/* Pairs with the barrier in memslots_read_lock(). */
	smp_mb();
	list_for_each_entry(reader, &ms->readers, link)
		if (wait_event_killable(ms->wait, !reader_uses(reader, set)))
			return -EINTR;
	return 0;
}

/* Bring the idle set up to date. Only a killed caller gets an error. */
static int memslots_settle(struct memslots *ms)
{
	struct memslot_set *active = memslots_active(ms);
	struct memslot_set *idle = &ms->set[!active->index];
	struct memslots_update *u = &ms->pending;

	if (list_empty(&u->add) && list_empty(&u->del))
		return 0;
	if (memslots_wait(ms, idle))
		return -EINTR;
	/* The same difference cannot fail here: the sets were equal. */
	WARN_ON_ONCE(update_apply(idle, u));
	idle->generation = active->generation;
	memslot_list_free(&u->del);
	INIT_LIST_HEAD(&u->del);
	INIT_LIST_HEAD(&u->add);
	return 0;
}

/* Make the edited idle set the active one, and see that what left is unused. */
static int update_publish(struct memslots *ms, struct memslots_update *u)
{
	struct memslot_set *old = memslots_active(ms);
	struct memslot_set *new = &ms->set[!old->index];
	bool removes = !list_empty(&u->del);

	new->generation = old->generation + removes;
	/* Pairs with the acquire in memslots_read_lock(): the tree is complete. */
	smp_store_release(&ms->active, new);
	list_splice_init(&u->add, &ms->pending.add);
	list_splice_init(&u->del, &ms->pending.del);
	return removes ? memslots_settle(ms) : 0;
}

/**
 * memslots_init - an empty map
 * @ms: the map
 */
void memslots_init(struct memslots *ms)
{
	static struct lock_class_key __maybe_unused key;
	unsigned int i;

	memset(ms, 0, sizeof(*ms));
	for (i = 0; i < 2; i++) {
		ms->set[i].root = RB_ROOT_CACHED;
		ms->set[i].generation = 1;
		ms->set[i].index = i;
	}
	ms->active = &ms->set[0];
	INIT_LIST_HEAD(&ms->readers);
	INIT_LIST_HEAD(&ms->pending.add);
	INIT_LIST_HEAD(&ms->pending.del);
	init_waitqueue_head(&ms->wait);
	mutex_init(&ms->lock);
	lockdep_init_map(&ms->dep_map, "memslots_reader", &key, 0);
}
EXPORT_SYMBOL_NS_GPL(memslots_init, "RINGSIDE");

/**
 * memslots_add_reader - make a reader known
 * @ms: the map; nobody uses it yet
 * @reader: the reader; it stays known as long as the map lives
 */
void memslots_add_reader(struct memslots *ms, struct memslots_reader *reader)
{
	reader->set = NULL;
	list_add_tail(&reader->link, &ms->readers);
}
EXPORT_SYMBOL_NS_GPL(memslots_add_reader, "RINGSIDE");

/**
 * memslots_destroy - free the map
 * @ms: the map; nobody reads it any more
 *
 * Context: may sleep.
 */
void memslots_destroy(struct memslots *ms)
{
	struct memslot_set *set = ms->active;
	struct rb_node *rb;
	unsigned int i, n = 0;

	/* A killed update may have left slots that are in the idle set only. */
	memslot_list_free(&ms->pending.del);
	while ((rb = rb_first_cached(&set->root))) {
		struct memslot *slot = memslot_of(rb_entry(rb, struct memmap_node, rb), set);

		set_remove(set, slot);
		kmem_cache_free(memslot_cachep, slot);
		resched_every(++n);
	}
	for (i = 0; i < 2; i++)
		kvfree(ms->table[i]);
	mutex_destroy(&ms->lock);
}
EXPORT_SYMBOL_NS_GPL(memslots_destroy, "RINGSIDE");

/**
 * memslots_begin - start replacing the table
 * @ms: the map
 * @nregions: regions the new table has, at most MEMSLOTS_MAX
 *
 * Takes the update lock; memslots_commit() or memslots_abort() drops it.
 *
 * Context: may sleep; ends early when the caller is killed.
 * Return: room for @nregions regions, for the caller to fill, or an error
 * pointer: -ENOMEM, -E2BIG above MEMSLOTS_MAX, -EINTR when the caller was
 * killed. The lock is not held then.
 */
struct vhost_memory_region *memslots_begin(struct memslots *ms, unsigned int nregions)
{
	struct vhost_memory_region *room;
	unsigned int next, capacity;

	if (nregions > MEMSLOTS_MAX)
		return ERR_PTR(-E2BIG);
	if (mutex_lock_killable(&ms->lock))
		return ERR_PTR(-EINTR);
	if (memslots_settle(ms)) {
		mutex_unlock(&ms->lock);
		return ERR_PTR(-EINTR);
	}
	next = !ms->cur;
	if (nregions > ms->capacity[next] || !ms->table[next]) {
		/* Ahead of need: tables grow by one region at a time. */
		capacity = roundup_pow_of_two(max(16U, nregions));
		room = kvmalloc_array(capacity, sizeof(*room), GFP_KERNEL_ACCOUNT);
		if (!room) {
			mutex_unlock(&ms->lock);
			return ERR_PTR(-ENOMEM);
		}
		kvfree(ms->table[next]);
		ms->table[next] = room;
		ms->capacity[next] = capacity;
	}
	return ms->table[next];
}
EXPORT_SYMBOL_NS_GPL(memslots_begin, "RINGSIDE");

/**
 * memslots_abort - give up a replacement
 * @ms: the map
 *
 * Context: after memslots_begin(). Nothing has changed.
 */
void memslots_abort(struct memslots *ms)
{
	lockdep_assert_held(&ms->lock);
	mutex_unlock(&ms->lock);
}
EXPORT_SYMBOL_NS_GPL(memslots_abort, "RINGSIDE");

/**
 * memslots_commit - put the new table in force
 * @ms: the map
 * @nregions: as given to memslots_begin()
 *
 * All or nothing, as one step for readers. When it returns 0, no reader can
 * reach a region that is not in the new table.
 *
 * Context: after memslots_begin(). May sleep: it waits for readers of the map,
 * so the caller must not be one.
 * Return: 0; -EINTR if the caller was killed, the table being in force. On
 * other errors nothing has changed: -EFAULT for a region that is empty, wraps
 * or is not user memory, -EINVAL for regions that overlap, -ENOMEM.
 */
int memslots_commit(struct memslots *ms, unsigned int nregions)
{
	struct memslots_update u = {
		.add = LIST_HEAD_INIT(u.add),
		.del = LIST_HEAD_INIT(u.del),
	};
	int err;

	lockdep_assert_held(&ms->lock);
	err = update_prepare(ms, &u, nregions);
	if (!err)
		err = update_apply(&ms->set[!memslots_active(ms)->index], &u);
	if (err) {
		update_cancel(&u);
		goto out;
	}
	ms->cur = !ms->cur;
	WRITE_ONCE(ms->nregions, nregions);
	if (!list_empty(&u.add) || !list_empty(&u.del))
		err = update_publish(ms, &u);
out:
	mutex_unlock(&ms->lock);
	return err;
}
EXPORT_SYMBOL_NS_GPL(memslots_commit, "RINGSIDE");

/**
 * memslots_count - regions in force
 * @ms: the map
 *
 * Context: any.
 * Return: how many there were a moment ago.
 */
unsigned int memslots_count(struct memslots *ms)
{
	return READ_ONCE(ms->nregions);
}
EXPORT_SYMBOL_NS_GPL(memslots_count, "RINGSIDE");

/* Add a piece, or lengthen the one before when it ends where this one starts. */
static int iov_append(struct iovec *iov, int n, unsigned int max, u64 addr, u64 len)
{
	void __user *base = u64_to_user_ptr(addr);

	if (n && iov[n - 1].iov_base + iov[n - 1].iov_len == base) {
		iov[n - 1].iov_len += len;
		return n;
	}
	if (n >= max)
		return -ENOBUFS;
	iov[n].iov_base = base;
	iov[n].iov_len = len;
	return n + 1;
}

/*
 * Make the cache hold the slot that maps @gpa, and return how many of the @len
 * bytes from there on it maps.
 */
static s64 cache_lookup(const struct memslot_set *set, struct memmap_cache *cache, u64 gpa,
			u64 len, u32 perm)
{
	if (!memmap_cache_hit(cache, set->generation, gpa, 1, perm)) {
		const struct memmap_node *node = memmap_find(&set->root, gpa);

		if (!node)
			return -EFAULT;
		if ((node->perm & perm) != perm)
			return -EPERM;
		cache->generation = set->generation;
		cache->start = node->start;
		cache->last = node->last;
		cache->addr = node->addr;
		cache->perm = node->perm;
	}
	return min(len - 1, cache->last - gpa) + 1;
}

/**
 * memslots_translate_slow - memslots_translate() when the cache does not help
 * @set: see there
 * @cache: see there
 * @gpa: see there
 * @len: see there, at most 4 GiB
 * @perm: see there
 * @iov: see there
 * @max: see there
 *
 * Return: see there.
 */
int memslots_translate_slow(const struct memslot_set *set, struct memmap_cache *cache,
			    u64 gpa, u64 len, u32 perm, struct iovec *iov, unsigned int max)
{
	int n = 0;

	if (len && gpa + len - 1 < gpa)
		return -EFAULT;
	while (len) {
		s64 part = cache_lookup(set, cache, gpa, len, perm);

		if (part < 0)
			return part;
		n = iov_append(iov, n, max, cache->addr + (gpa - cache->start), part);
		if (n < 0)
			return n;
		gpa += part;
		len -= part;
	}
	return n;
}
EXPORT_SYMBOL_NS_GPL(memslots_translate_slow, "RINGSIDE");

/**
 * memslots_read - copy from guest memory
 * @set: from memslots_read_lock()
 * @cache: the reader's cache of its last hit
 * @dst: where to
 * @gpa: first guest physical address
 * @len: bytes
 *
 * Context: between memslots_read_lock() and memslots_read_unlock(), in the
 * owner's address space; may sleep in a page fault.
 * Return: 0; -EFAULT if a byte is not mapped or cannot be read, -EPERM if the
 * map forbids it. @dst may be partly written then.
 */
int memslots_read(const struct memslot_set *set, struct memmap_cache *cache, void *dst, u64 gpa,
		  u64 len)
{
	if (len && gpa + len - 1 < gpa)
		return -EFAULT;
	while (len) {
		s64 part = cache_lookup(set, cache, gpa, len, MEMMAP_READ);

		if (part < 0)
			return part;
		if (copy_from_user(dst, u64_to_user_ptr(cache->addr + (gpa - cache->start)), part))
			return -EFAULT;
		dst += part;
		gpa += part;
		len -= part;
	}
	return 0;
}
EXPORT_SYMBOL_NS_GPL(memslots_read, "RINGSIDE");

/* In-order walk of one set: sorted, disjoint, and subtree_last says the truth. */
static int set_validate(const struct memslot_set *set, unsigned int nregions)
{
	const struct memmap_node *prev = NULL;
	unsigned int n = 0;
	struct rb_node *rb;

	for (rb = rb_first_cached(&set->root); rb; rb = rb_next(rb)) {
		const struct memmap_node *node = rb_entry(rb, struct memmap_node, rb);
		u64 last = node->last;

		if (rb->rb_left)
			last = max(last, rb_entry(rb->rb_left, struct memmap_node,
						  rb)->subtree_last);
		if (rb->rb_right)
			last = max(last, rb_entry(rb->rb_right, struct memmap_node,
						  rb)->subtree_last);
		if (node->subtree_last != last || node->last < node->start ||
		    (prev && prev->last >= node->start))
			return -EINVAL;
		prev = node;
		n++;
	}
	return n == nregions ? 0 : -EINVAL;
}

/**
 * memslots_validate - check every invariant of the map; for tests
 * @ms: the map
 *
 * Context: may sleep, O(n).
 * Return: 0, or -EINVAL if the sets or the table disagree.
 */
int memslots_validate(struct memslots *ms)
{
	unsigned int i;
	int err = 0;

	guard(mutex)(&ms->lock);
	if (memslots_settle(ms))
		return -EINTR;
	for (i = 0; i < 2 && !err; i++)
		err = set_validate(&ms->set[i], ms->nregions);
	if (ms->set[0].generation != ms->set[1].generation)
		return -EINVAL;
	for (i = 0; i < ms->nregions && !err; i++) {
		const struct vhost_memory_region *r = &ms->table[ms->cur][i];
		struct memslot *a = set_find(&ms->set[0], r->guest_phys_addr);
		struct memslot *b = set_find(&ms->set[1], r->guest_phys_addr);

		if (!a || a != b || a->leaving || !memslot_is_region(a, r))
			err = -EINVAL;
	}
	return err;
}
EXPORT_SYMBOL_NS_GPL(memslots_validate, "RINGSIDE");
