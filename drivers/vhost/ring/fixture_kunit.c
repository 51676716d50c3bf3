// SPDX-License-Identifier: GPL-2.0-only
/* What the suites of the ring engine share; see ring_kunit.h. */

#include <kunit/resource.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/vmalloc.h>

#include "ring_kunit.h"

KUNIT_DEFINE_ACTION_WRAPPER(vfree_action, vfree, const void *);

static void *new_zeroed(struct kunit *test, size_t size)
{
	void *mem = vzalloc(size);

	KUNIT_ASSERT_NOT_NULL(test, mem);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, vfree_action, mem), 0);
	return mem;
}

void *ring_memdup(struct kunit *test, const void *src, size_t len)
{
	void *copy = kunit_kmalloc(test, len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, copy);
	return memcpy(copy, src, len);
}

static void kernel_open(struct kunit *test, struct ring *r)
{
	r->va = new_zeroed(test, r->size);
	r->area_base = (uintptr_t)r->va;
	r->buf_base = (uintptr_t)r->va;
	r->iov_base = (uintptr_t)r->va;
	/* Buffers are never touched by the engine itself. */
	r->huge = r->buf_base;
	r->cfg.kmem_first = r->buf_base;
	r->cfg.kmem_last = r->buf_base + RING_HUGE - 1;
	r->hole = r->buf_base + RING_HUGE;
}

const struct ring_memory ring_memory_kernel = {
	.name = "kernel",
	.type = DEVQ_MEM_KERNEL,
	.open = kernel_open,
};

/*
 * User memory: pages of an address space, which the driver's side sees through
 * a mapping of its own. Guest memory that holds buffers is cut into regions of
 * a few pages; each two of them have changed places in user space, so that no
 * buffer is contiguous there beyond its region.
 */
#define CHUNK_PAGES	4
#define CHUNK		(CHUNK_PAGES * PAGE_SIZE)
#define USER_GPA	0x40000000ULL
#define USER_HUGE_GPA	BIT_ULL(40)

struct user_pages {
	struct page **page;
	unsigned long n;
	void *va;
};

static void user_close(void *data)
{
	struct user_pages *u = data;

	vunmap(u->va);
	unpin_user_pages(u->page, u->n);
}

static void slots_close(void *data)
{
	memslots_destroy(data);
}

/* Offset where memory lies of an offset as the driver sees it, and the other way round. */
static size_t ring_swap(const struct ring *r, size_t off)
{
	if (off < r->buffers)
		return r->variant->memory == &ring_memory_pages ? off ^ PAGE_SIZE : off;
	return r->buffers + ((off - r->buffers) ^ CHUNK);
}

static void user_map(struct kunit *test, struct ring *r)
{
	unsigned long n = r->size / PAGE_SIZE, user, i;
	struct user_pages *u = kunit_kzalloc(test, sizeof(*u), GFP_KERNEL);
	struct page **page = kunit_kcalloc(test, n, sizeof(*page), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, u);
	KUNIT_ASSERT_NOT_NULL(test, page);
	user = kunit_vm_mmap(test, NULL, 0, r->size, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, 0);
	KUNIT_ASSERT_NE(test, user, 0UL);
	KUNIT_ASSERT_LT(test, user, (unsigned long)TASK_SIZE);
	u->page = page;
	u->n = pin_user_pages_fast(user, n, FOLL_WRITE | FOLL_LONGTERM, page);
	KUNIT_ASSERT_EQ(test, u->n, n);
	/* In the driver's order for the mapping, as they were for unpinning. */
	u->page = ring_memdup(test, page, n * sizeof(*page));
	for (i = 0; i < n; i++)
		page[i] = u->page[ring_swap(r, i * PAGE_SIZE) / PAGE_SIZE];
	u->va = vmap(page, n, VM_MAP, PAGE_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, u->va);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, user_close, u), 0);
	r->va = u->va;
	r->area_base = user;
	r->iov_base = user;
}

static void user_open(struct kunit *test, struct ring *r)
{
	unsigned int n = (r->size - r->buffers) / CHUNK, i;
	struct vhost_memory_region *region;

	user_map(test, r);
	memslots_init(&r->slots);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, slots_close, &r->slots), 0);
	memmap_add_reader(&r->slots.map, &r->dq.reader);
	region = memslots_begin(&r->slots, n + 1);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, region);
	for (i = 0; i < n; i++)
		region[i] = (struct vhost_memory_region) {
			.guest_phys_addr = USER_GPA + r->buffers + i * CHUNK,
			.memory_size = CHUNK,
			.userspace_addr = r->area_base + ring_swap(r, r->buffers + i * CHUNK),
		};
	region[n] = (struct vhost_memory_region) {
		.guest_phys_addr = USER_HUGE_GPA,
		.memory_size = RING_HUGE,
		.userspace_addr = PAGE_SIZE,
	};
	KUNIT_ASSERT_EQ(test, memslots_commit(&r->slots, n + 1), 0);
	r->buf_base = USER_GPA;
	r->huge = USER_HUGE_GPA;
	r->hole = USER_GPA + r->size;
	r->cfg.slots = &r->slots.map;
}

const struct ring_memory ring_memory_user = {
	.name = "user",
	.type = DEVQ_MEM_USER,
	.open = user_open,
};

/*
 * Physical memory behind a device IOTLB, as vDPA devices have it: one block of it,
 * cut as above. Areas lie in one piece, or have their pages swapped.
 */
#define PHYS_IOVA	0x7000000000ULL

struct phys_pages {
	void *mem;
	size_t size;
	void *va;
	struct memmap *map;
};

static void phys_close(void *data)
{
	struct phys_pages *p = data;

	vunmap(p->va);
	free_pages_exact(p->mem, p->size);
	memmap_destroy(p->map);
}

static void phys_map(struct kunit *test, struct ring *r)
{
	unsigned long n = r->size / PAGE_SIZE, i;
	struct phys_pages *p = kunit_kzalloc(test, sizeof(*p), GFP_KERNEL);
	struct page **page = kunit_kcalloc(test, n, sizeof(*page), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_ASSERT_NOT_NULL(test, page);
	p->size = r->size;
	p->map = &r->iotlb;
	p->mem = alloc_pages_exact(r->size, GFP_KERNEL | __GFP_ZERO);
	KUNIT_ASSERT_NOT_NULL(test, p->mem);
	for (i = 0; i < n; i++)
		page[i] = virt_to_page(p->mem + ring_swap(r, i * PAGE_SIZE));
	p->va = vmap(page, n, VM_MAP, PAGE_KERNEL);
	memmap_init(&r->iotlb, false);
	memmap_add_reader(&r->iotlb, &r->iotlb_reader);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, phys_close, p), 0);
	KUNIT_ASSERT_NOT_NULL(test, p->va);
	r->va = p->va;
	r->iov_base = (uintptr_t)p->mem;
}

static void phys_open(struct kunit *test, struct ring *r)
{
	size_t off, part;

	phys_map(test, r);
	KUNIT_ASSERT_EQ(test, memmap_lock(&r->iotlb), 0);
	for (off = 0; off < r->size; off += part) {
		struct memmap_entry *entry;

		part = off >= r->buffers ? CHUNK : PAGE_SIZE;
		entry = memmap_alloc(&r->iotlb, PHYS_IOVA + off, PHYS_IOVA + off + part - 1,
				     __pa(r->iov_base + ring_swap(r, off)),
				     MEMMAP_READ | MEMMAP_WRITE);
		KUNIT_ASSERT_NOT_NULL(test, entry);
		KUNIT_ASSERT_EQ(test, memmap_insert(&r->iotlb, entry), 0);
	}
	KUNIT_ASSERT_EQ(test, memmap_publish(&r->iotlb), 0);
	memmap_unlock(&r->iotlb);
	r->area_base = PHYS_IOVA;
	r->buf_base = PHYS_IOVA;
	r->hole = PHYS_IOVA + r->size;
	r->huge = r->hole;
	r->cfg.iotlb = &r->iotlb;
	r->cfg.iotlb_reader = &r->iotlb_reader;
	r->cfg.no_miss = true;
}

const struct ring_memory ring_memory_phys = {
	.name = "physical",
	.type = DEVQ_MEM_PHYS,
	.open = phys_open,
};

const struct ring_memory ring_memory_pages = {
	.name = "scattered",
	.type = DEVQ_MEM_PHYS,
	.open = phys_open,
};

const struct ring_variant ring_variants[RING_VARIANTS] = {
	{ &mock_split, &ring_memory_kernel, V1 },
	{ &mock_split, &ring_memory_kernel, V1 | EVENT },
	{ &mock_split, &ring_memory_kernel, 0, true },
	{ &mock_split, &ring_memory_kernel, EVENT, false },
	{ &mock_split, &ring_memory_user, V1 },
	{ &mock_split, &ring_memory_user, V1 | EVENT },
	{ &mock_split, &ring_memory_user, EVENT, true },
	{ &mock_split, &ring_memory_user, 0, false },
	{ &mock_split, &ring_memory_kernel, V1 | EVENT | ORDER },
	{ &mock_split, &ring_memory_user, V1 | ORDER },
	{ &mock_split, &ring_memory_phys, V1 },
	{ &mock_split, &ring_memory_phys, V1 | EVENT | ORDER },
	{ &mock_split, &ring_memory_pages, V1 | EVENT },
	{ &mock_split, &ring_memory_pages, 0, false },
	{ &mock_packed, &ring_memory_kernel, V1 },
	{ &mock_packed, &ring_memory_kernel, V1 | EVENT },
	{ &mock_packed, &ring_memory_kernel, V1 | EVENT | ORDER },
	{ &mock_packed, &ring_memory_user, V1 },
	{ &mock_packed, &ring_memory_user, V1 | EVENT },
	{ &mock_packed, &ring_memory_user, V1 | ORDER },
	{ &mock_packed, &ring_memory_phys, V1 },
	{ &mock_packed, &ring_memory_phys, V1 | EVENT | ORDER },
	{ &mock_packed, &ring_memory_pages, V1 | EVENT },
};

void ring_variant_desc(const struct ring_variant *v, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s, %s memory, %s, %s%s", v->layout->name,
		 v->memory->name, v->features & V1 ? "version 1" :
		 v->little_endian ? "legacy" : "legacy big endian",
		 v->features & EVENT ? "event index" : "flags",
		 v->features & ORDER ? ", in order" : "");
}

/*
 * The variant behind @last that is meant, over memory of @type if not negative. Each
 * file has its own copy of a layout: its features tell which one it is.
 */
const void *ring_gen_params_with(const void *last, char *desc, const struct mock_layout *layout,
				 u64 features, int type)
{
	const struct ring_variant *v, *prev = last;

	for (v = prev ? prev + 1 : ring_variants; v < ring_variants + RING_VARIANTS; v++)
		if (!(features & ~v->features) && (type < 0 || v->memory->type == type) &&
		    (!layout || v->layout->features == layout->features)) {
			ring_variant_desc(v, desc);
			return v;
		}
	return NULL;
}

const void *ring_split_gen_params(struct kunit *test, const void *prev, char *desc)
{
	return ring_gen_params_with(prev, desc, &mock_split, 0, -1);
}

const void *ring_packed_gen_params(struct kunit *test, const void *prev, char *desc)
{
	return ring_gen_params_with(prev, desc, &mock_packed, 0, -1);
}

const void *ring_phys_gen_params(struct kunit *test, const void *prev, char *desc)
{
	return ring_gen_params_with(prev, desc, NULL, 0, DEVQ_MEM_PHYS);
}

/**
 * ring_reset - start anew on empty areas
 * @test: the test
 * @r: the queue
 * @base: position at which both sides start, see mock_layout.init
 */
void ring_reset(struct kunit *test, struct ring *r, u16 base)
{
	struct devq_addr areas;

	memset(r->va, 0, r->buffers);
	r->variant->layout->init(&r->drv, r->va, base, &areas);
	r->cfg.addr.desc = r->area_base + areas.desc;
	r->cfg.addr.driver = r->area_base + areas.driver;
	r->cfg.addr.device = r->area_base + areas.device;
	devq_init(&r->dq);
	r->variant->layout->pos(&r->drv, &r->dq.pos);
	KUNIT_ASSERT_EQ(test, devq_start(&r->dq, &r->cfg), 0);
	/* Behind a device IOTLB the ring is looked at in the first turn. */
	KUNIT_ASSERT_EQ(test, devq_enter(&r->dq), 0);
	devq_exit(&r->dq);
}

/**
 * ring_open_with - a new queue with so much memory
 * @test: the test; test->param_value is a struct ring_variant
 * @num: queue size
 * @base: position at which both sides start
 * @buffers: bytes for buffers and indirect tables, at least
 *
 * Return: the queue. Its device runs, the ring is empty; it is gone when the test ends.
 */
struct ring *ring_open_with(struct kunit *test, u16 num, u16 base, size_t buffers)
{
	const struct ring_variant *v = test->param_value;
	struct ring *r = new_zeroed(test, sizeof(*r));

	r->variant = v;
	r->buffers = ALIGN(v->layout->size(num), 2 * CHUNK);
	r->next = r->buffers;
	r->size = r->buffers + ALIGN(buffers, 2 * CHUNK);
	r->drv = (struct mock_ring) {
		.layout = v->layout,
		.num = num,
		.event_idx = v->features & EVENT,
		.in_order = v->features & ORDER,
		.little_endian = v->little_endian || (v->features & V1),
		.slot = new_zeroed(test, num * sizeof(struct mock_slot)),
	};
	r->cfg.mem = v->memory->type;
	r->cfg.num = num;
	r->cfg.features = v->features | v->layout->features;
	r->cfg.little_endian = v->little_endian;
	v->memory->open(test, r);
	ring_reset(test, r, base);
	return r;
}

/* The same, with as much as most tests need: making it takes longer than they do. */
struct ring *ring_open(struct kunit *test, u16 num, u16 base)
{
	return ring_open_with(test, num, base, RING_BUFFERS);
}

/* Take memory for a buffer. Wraps around: tests do not hold all of it at once. */
size_t ring_alloc(struct kunit *test, struct ring *r, size_t len)
{
	size_t off;

	KUNIT_ASSERT_LE(test, len, r->size - r->buffers);
	if (len > r->size - r->next)
		r->next = r->buffers;
	off = r->next;
	r->next += len;
	return off;
}

struct mock_table ring_table(struct kunit *test, struct ring *r, unsigned int n)
{
	size_t off;

	r->next = ALIGN(r->next, sizeof(struct vring_desc));
	off = ring_alloc(test, r, n * sizeof(struct vring_desc));
	return (struct mock_table) { .va = ring_va(r, off), .addr = ring_addr(r, off) };
}

struct mock_buf ring_buf(struct kunit *test, struct ring *r, u32 len, bool in)
{
	return (struct mock_buf) {
		.addr = ring_addr(r, ring_alloc(test, r, len)),
		.len = len,
		.in = in,
	};
}

/* Add a chain and publish it. Returns its token. */
void *ring_add(struct kunit *test, struct ring *r, const struct mock_buf *buf, unsigned int n,
	       bool indirect)
{
	struct mock_table table;
	void *token;

	r->token++;
	token = (void *)r->token;
	if (indirect)
		table = ring_table(test, r, n);
	KUNIT_ASSERT_EQ(test, r->drv.layout->add(&r->drv, buf, n, indirect ? &table : NULL, token),
			0);
	r->drv.layout->publish(&r->drv);
	return token;
}

void *ring_add_one(struct kunit *test, struct ring *r, u32 len, bool in)
{
	struct mock_buf buf = ring_buf(test, r, len, in);

	return ring_add(test, r, &buf, 1, false);
}

int ring_pop(struct ring *r, unsigned int max, unsigned int iov_max)
{
	int n;

	devq_enter(&r->dq);
	n = devq_pop(&r->dq, r->chain, max, r->iov, iov_max);
	devq_exit(&r->dq);
	return n;
}

/* Give @n chains back, @len bytes written to each. */
int ring_push(struct ring *r, const struct devq_chain *chain, unsigned int n, u32 len)
{
	struct devq_used used[DEVQ_BATCH];
	unsigned int i;
	int err;

	for (i = 0; i < n; i++)
		used[i] = devq_use(&chain[i], len);
	devq_enter(&r->dq);
	err = devq_push(&r->dq, used, n);
	devq_exit(&r->dq);
	return err;
}

#define RING_CALL(name)				\
int ring_##name(struct ring *r)			\
{						\
	int ret;				\
						\
	devq_enter(&r->dq);			\
	ret = devq_##name(&r->dq);		\
	devq_exit(&r->dq);			\
	return ret;				\
}

RING_CALL(want_signal)
RING_CALL(enable_kick)
RING_CALL(disable_kick)
RING_CALL(pending)

/* Where the driver sees a piece. */
static void *piece_va(struct ring *r, const struct iovec *iov)
{
	size_t off = (uintptr_t)iov->iov_base - r->iov_base;

	return r->va + (r->variant->memory == &ring_memory_kernel ? off : ring_swap(r, off));
}

/* Read what a chain has for the device. Returns how much that is. */
size_t ring_gather(struct ring *r, const struct devq_chain *chain, void *dst, size_t max)
{
	size_t len = 0;
	unsigned int i;

	for (i = 0; i < chain->nr_out; i++) {
		const struct iovec *iov = &chain->seg[i];

		if (len + iov->iov_len <= max)
			memcpy(dst + len, piece_va(r, iov), iov->iov_len);
		len += iov->iov_len;
	}
	return len;
}

/* Write into a chain. Returns the room that was left. */
size_t ring_scatter(struct ring *r, const struct devq_chain *chain, const void *src, size_t len)
{
	size_t left = 0, part;
	unsigned int i;

	for (i = chain->nr_out; i < chain->nr_out + chain->nr_in; i++) {
		part = min_t(size_t, len, chain->seg[i].iov_len);
		memcpy(piece_va(r, &chain->seg[i]), src, part);
		src += part;
		len -= part;
		left += chain->seg[i].iov_len - part;
	}
	return left;
}

/* The driver gets this one next. Asserted: a long loop shall fail once. */
void ring_expect_done(struct kunit *test, struct ring *r, void *token, u32 len)
{
	struct mock_done done;

	KUNIT_ASSERT_TRUE(test, r->drv.layout->get(&r->drv, &done));
	KUNIT_ASSERT_FALSE(test, done.bad);
	KUNIT_ASSERT_PTR_EQ(test, done.token, token);
	KUNIT_ASSERT_EQ(test, done.len, len);
}

void ring_expect_none_done(struct kunit *test, struct ring *r)
{
	struct mock_done done;

	KUNIT_EXPECT_FALSE(test, r->drv.layout->get(&r->drv, &done));
}

/* One buffer there and back, as far as the driver's memory. */
void ring_one_through(struct kunit *test, struct ring *r)
{
	ring_add_one(test, r, 1, true);
	KUNIT_ASSERT_EQ(test, ring_pop(r, 1, RING_IOV), 1);
	KUNIT_ASSERT_EQ(test, ring_push(r, r->chain, 1, 1), 0);
}
