// SPDX-License-Identifier: GPL-2.0-only
/* One input: how a queue is set up, then a call or a change of the guest's after another. */
#include <stdarg.h>

#include "fuzz.h"

int fuzz_module_init(void);
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Bytes behind the end are 0. */
u64 fuzz_take(struct fuzz *f, unsigned int bytes)
{
	u64 val = 0;

	for (; bytes && f->data < f->end; bytes--)
		val = val << 8 | *f->data++;
	return val;
}

bool fuzz_done(const struct fuzz *f)
{
	return f->data >= f->end;
}

bool fuzz_packed(const struct fuzz *f)
{
	return f->dq.features & BIT_ULL(VIRTIO_F_RING_PACKED);
}

/* The map that the areas are behind; NULL if they are at plain addresses. */
const struct model_map *fuzz_ring_model(const struct fuzz *f)
{
	if (!f->cfg.iotlb)
		return NULL;
	return f->cfg.ring_map ? &f->rm : &f->m;
}

void fuzz_fail(const struct fuzz *f, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "\n(%s, memory %d, size %u, features %#llx, %s)\n",
		fuzz_packed(f) ? "packed" : "split", f->mem, f->dq.num,
		(unsigned long long)f->dq.features, f->exact ? "exact" : "hostile");
	abort();
}

/* ---- memory maps ---- */

static u64 host_base(const struct fuzz *f)
{
	return f->mem == DEVQ_MEM_PHYS ? PHYS_ARENA : (uintptr_t)arena;
}

/* Put an entry into a map of the engine's and into ours. */
static int map_add(struct fuzz *f, struct memmap *map, struct model_map *m,
		   const struct model_entry *e)
{
	bool overlaps = model_overlaps(m, e->start, e->last);
	struct memmap_entry *entry;
	int err;

	if (m->n == MAP_MAX)
		return -ENOSPC;
	fuzz_check(f, !memmap_lock(map), "memmap_lock");
	entry = memmap_alloc(map, e->start, e->last, e->addr, e->perm);
	err = entry ? memmap_insert(map, entry) : -ENOMEM;
	if (entry && err)
		memmap_free(map, entry);
	fuzz_check(f, err == -ENOMEM || err == (overlaps ? -EINVAL : 0), "memmap_insert: %d", err);
	if (!err) {
		fuzz_check(f, !memmap_publish(map), "memmap_publish");
		model_add(m, e);
	}
	memmap_unlock(map);
	return err;
}

static void map_del(struct fuzz *f, struct memmap *map, struct model_map *m, unsigned int at)
{
	struct memmap_entry *entry;

	fuzz_check(f, !memmap_lock(map), "memmap_lock");
	entry = memmap_overlap(map, m->e[at].start, m->e[at].last);
	fuzz_check(f, entry && entry->node[0].start == m->e[at].start, "memmap_overlap");
	memmap_remove(map, entry);
	fuzz_check(f, !memmap_publish(map), "memmap_publish");
	memmap_unlock(map);
	model_del(m, at);
}

/* Memory slots by the calls that a VMM has. What is refused changes nothing. */
static int slots_change(struct fuzz *f, const struct model_entry *add, int del)
{
	struct vhost_memory_region in = {}, out = {};
	struct memslots_update u = { .max = MAP_MAX };
	int err, want = 0;

	if (del >= 0) {
		const struct model_entry *e = &f->m.e[del];

		out = (struct vhost_memory_region) { e->start, e->last - e->start + 1, e->addr, 0 };
		u.remove = &out;
		u.nremove = 1;
	}
	if (add) {
		in = (struct vhost_memory_region) { add->start, add->last - add->start + 1,
						    add->addr, 0 };
		u.add = &in;
		u.nadd = 1;
		if (f->m.n - u.nremove == MAP_MAX)
			want = -E2BIG;
		else if (!access_ok(add->addr, in.memory_size))
			want = -EFAULT;
	}
	if (!want && del >= 0) {
		struct model_entry e = f->m.e[del];

		model_del(&f->m, del);
		if (add && model_overlaps(&f->m, add->start, add->last))
			want = -EINVAL;
		if (want)
			model_add(&f->m, &e);
	} else if (!want && add && model_overlaps(&f->m, add->start, add->last)) {
		want = -EINVAL;
	}
	if (!want && add)
		model_add(&f->m, add);
	err = memslots_update(&f->slots, &u);
	fuzz_check(f, err == want, "memslots_update: %d, model %d", err, want);
	return err;
}

/* The whole table anew, of what is in the model. */
static void slots_table(struct fuzz *f)
{
	struct vhost_memory_region *r = memslots_begin(&f->slots, f->m.n);
	unsigned int i;

	if (IS_ERR(r))
		return;
	for (i = 0; i < f->m.n; i++)
		r[i] = (struct vhost_memory_region) {
			f->m.e[i].start, f->m.e[i].last - f->m.e[i].start + 1, f->m.e[i].addr, 0,
		};
	fuzz_check(f, !memslots_commit(&f->slots, f->m.n), "memslots_commit");
}

static void buffers_add(struct fuzz *f, const struct model_entry *e)
{
	if (f->cfg.iotlb)
		map_add(f, &f->iotlb, &f->m, e);
	else if (f->cfg.slots)
		slots_change(f, e, -1);
}

/* An entry somewhere near the others, to somewhere in the arena or beyond. */
static struct model_entry new_entry(struct fuzz *f)
{
	u64 start = fuzz_take(f, 2), len = 1 + fuzz_take(f, 2) % ARENA_SIZE;
	u64 off = fuzz_take(f, 2) % ARENA_SIZE;
	u8 how = fuzz_take(f, 1);
	struct model_entry e;

	if (f->exact) {
		start &= ~15ULL;
		off &= ~15ULL;
		len = (len + 15) & ~15ULL;
	}
	if (how < 0xf0 && len > ARENA_SIZE - off)
		len = ARENA_SIZE - off;
	e.start = GUEST_BASE + start;
	e.last = e.start + len - 1;
	e.addr = host_base(f) + off;
	e.perm = f->cfg.iotlb && how % 8 < 2 ? 1 + how % 2 : 3;
	/* Physical memory that is not there, and what is behind a process' memory. */
	if (f->exact && f->mem == DEVQ_MEM_PHYS && e.addr + len > PHYS_BASE + SZ_2M)
		e.last = e.start + (PHYS_BASE + SZ_2M - e.addr) - 1;
	return e;
}

static bool can_edit(struct fuzz *f)
{
	/* The second edit of a turn would wait for its end. */
	bool can = !f->turn || !f->grown;

	f->grown = f->turn;
	return can;
}

static void op_memory(struct fuzz *f)
{
	u8 how = fuzz_take(f, 1);
	struct model_entry e;

	if (f->mem == DEVQ_MEM_KERNEL || !can_edit(f))
		return;
	switch (how % 4) {
	case 0:
	case 1:
		e = new_entry(f);
		buffers_add(f, &e);
		break;
	case 2:
		if (!f->m.n || f->turn)
			break;
		if (f->cfg.iotlb)
			map_del(f, &f->iotlb, &f->m, (how >> 2) % f->m.n);
		else if (how & 0x80)
			slots_change(f, NULL, (how >> 2) % f->m.n);
		else {
			e = new_entry(f);
			slots_change(f, &e, (how >> 2) % f->m.n);
		}
		break;
	default:
		if (f->turn)
			break;
		if (f->cfg.ring_map && f->rm.n && (how & 4))
			map_del(f, &f->ring_map, &f->rm, (how >> 3) % f->rm.n);
		else if (!f->cfg.iotlb)
			slots_table(f);
	}
}

/* The arena in pieces one after the other for the guest, some of them swapped. */
static void first_map(struct fuzz *f)
{
	unsigned int n = 1 + fuzz_take(f, 1) % 8, swap = fuzz_take(f, 1), i;
	u64 cut[10] = { 0 }, step = ARENA_SIZE / n & ~15ULL;
	struct model_entry e = { .perm = 3 };

	for (i = 1; i < n; i++)
		cut[i] = i * step + (f->exact ? 0 : (swap >> i % 4) % 8);
	cut[n] = ARENA_SIZE;
	for (i = 0; i < n; i++) {
		unsigned int from = swap & 0x80 && i + 1 < n ? i ^ 1 : i;

		if (from + 1 >= n || cut[from + 1] - cut[from] < cut[i + 1] - cut[i])
			from = i;
		e.start = GUEST_BASE + cut[i];
		e.last = GUEST_BASE + cut[i + 1] - 1;
		e.addr = host_base(f) + cut[from];
		buffers_add(f, &e);
	}
	if (f->mem == DEVQ_MEM_PHYS)
		return;
	e = (struct model_entry) { GUEST_HUGE, GUEST_HUGE + GUEST_HUGE_LEN - 1, 4096, 3 };
	buffers_add(f, &e);
}

/* ---- set-up ---- */

static void choose_memory(struct fuzz *f, u8 kind)
{
	f->mem = (enum devq_mem_type[]){ DEVQ_MEM_USER, DEVQ_MEM_IOTLB, DEVQ_MEM_PHYS,
					 DEVQ_MEM_KERNEL }[kind % 4];
	memslots_init(&f->slots);
	memmap_init(&f->iotlb, false);
	memmap_init(&f->ring_map, false);
	memmap_add_reader(&f->slots.map, &f->dq.reader);
	memmap_add_reader(&f->iotlb, &f->readers[0]);
	memmap_add_reader(&f->ring_map, &f->readers[1]);
	f->cfg.mem = f->mem == DEVQ_MEM_IOTLB ? DEVQ_MEM_USER : f->mem;
	if (f->mem == DEVQ_MEM_USER || f->mem == DEVQ_MEM_IOTLB)
		f->cfg.slots = &f->slots.map;
	if (f->mem == DEVQ_MEM_IOTLB || f->mem == DEVQ_MEM_PHYS) {
		f->cfg.iotlb = &f->iotlb;
		f->cfg.iotlb_reader = &f->readers[0];
		f->cfg.no_miss = f->mem == DEVQ_MEM_PHYS || kind & 4;
		if (f->cfg.no_miss && kind & 8) {
			f->cfg.ring_map = &f->ring_map;
			f->cfg.ring_reader = &f->readers[1];
			map_add(f, &f->ring_map, &f->rm, &(struct model_entry){
				GUEST_BASE, GUEST_BASE + ARENA_SIZE - 1, host_base(f), 3 });
		}
	}
	f->cfg.keep_used = kind & 16;
	f->cfg.little_endian = !(kind & 32);
	f->cfg.kmem_first = (uintptr_t)arena;
	f->cfg.kmem_last = (uintptr_t)arena + ARENA_SIZE - 1;
	if (f->mem == DEVQ_MEM_KERNEL)
		model_add(&f->m, &(struct model_entry){ f->cfg.kmem_first, f->cfg.kmem_last,
							f->cfg.kmem_first, 3 });
}

static void choose_layout(struct fuzz *f, u8 kind, u8 size, u8 shift)
{
	static const u16 sizes[] = { 1, 2, 4, 8, 16, 64, 128, 256 };
	static const u16 any[] = { 1, 2, 3, 5, 7, 16, 100, 255 };
	u64 base = f->cfg.iotlb ? GUEST_BASE : (uintptr_t)arena;
	bool packed = kind & 1;

	f->cfg.features = (u64)packed << VIRTIO_F_RING_PACKED |
		(u64)(packed || kind & 2) << VIRTIO_F_VERSION_1 |
		(kind & 4 ? BIT_ULL(VIRTIO_RING_F_EVENT_IDX) : 0) |
		(kind & 8 ? BIT_ULL(VIRTIO_F_IN_ORDER) : 0) |
		(kind & 16 ? BIT_ULL(VIRTIO_F_NOTIFY_ON_EMPTY) : 0);
	f->cfg.num = packed ? any[size % 8] : sizes[size % 8];
	if (size == 0xff && f->mem != DEVQ_MEM_KERNEL)
		f->cfg.num = fuzz_take(f, 2);
	/* Areas one behind the other, and at times where they may not be. */
	f->cfg.addr.desc = base + (shift & 3) * 16;
	f->cfg.addr.driver = base + 0x1000 + (shift >> 2 & 3) * 4;
	f->cfg.addr.device = base + 0x1800 + (shift >> 4 & 3) * 4;
	if (shift >> 6 == 3 && f->mem != DEVQ_MEM_KERNEL)
		((u64 *)&f->cfg.addr)[fuzz_take(f, 1) % 3] = fuzz_take(f, 8);
}

static int start(struct fuzz *f)
{
	int err = devq_start(&f->dq, &f->cfg);

	fuzz_check(f, !err || err == -EINVAL || err == -EFAULT, "devq_start: %d", err);
	if (f->cfg.addr.driver || f->cfg.addr.device)
		permit_areas(f);
	fuzz_check(f, err || !f->dq.error, "devq_start: error %d", f->dq.error);
	mem_check("devq_start");
	if (!err && f->dq.pos.avail == f->avail)
		return 0;
	f->avail = f->dq.pos.avail;
	f->wrap = f->dq.pos.avail_wrap;
	return err;
}

static int set_up(struct fuzz *f)
{
	u8 mem = fuzz_take(f, 1), layout = fuzz_take(f, 1), size = fuzz_take(f, 1);
	u8 shift = fuzz_take(f, 1), mode = fuzz_take(f, 1);
	u32 base = fuzz_take(f, 4);

	f->exact = mode < 0xa0;
	devq_init(&f->dq);
	choose_memory(f, mem);
	choose_layout(f, layout, size, shift);
	first_map(f);
	if (f->mem == DEVQ_MEM_IOTLB)
		fuzz_check(f, !memslots_update(&f->slots, &(struct memslots_update){
			.nadd = 1, .max = MAP_MAX, .add = &(struct vhost_memory_region){
				GUEST_BASE, ARENA_SIZE, (uintptr_t)arena, 0 } }), "slots");
	if (mode >= 0xc0) {
		world.race = 2 + (mode & 31);
		world.seed = base;
	}
	if (shift & 1)
		devq_pos_from_base(f->cfg.features, base, &f->dq.pos);
	f->wrap = true;
	return start(f);
}

static void tear_down(struct fuzz *f)
{
	if (f->turn)
		devq_exit(&f->dq);
	world.fail_alloc = 0;
	fuzz_check(f, !memslots_validate(&f->slots), "memslots_validate");
	fuzz_check(f, !memmap_lock(&f->iotlb) && !memmap_validate(&f->iotlb), "memmap_validate");
	memmap_unlock(&f->iotlb);
	memslots_destroy(&f->slots);
	memmap_destroy(&f->iotlb);
	memmap_destroy(&f->ring_map);
}

/* ---- what the device does ---- */

/* In a turn: ours, or one for this call alone. */
static bool enter(struct fuzz *f)
{
	bool fresh = f->dq.fresh;
	int ret;

	if (f->turn)
		return true;
	f->dq.error = DEVQ_OK;
	ret = devq_enter(&f->dq);
	check_result(f, "devq_enter", ret);
	if (!fresh)
		check_enter(f, ret);
	permit_areas(f);
	mem_check("devq_enter");
	f->sane = !ret && areas_sane(f);
	return !ret;
}

static void leave(struct fuzz *f, const char *call)
{
	if (!f->turn)
		devq_exit(&f->dq);
	permit_areas(f);
	mem_check(call);
}

static void op_pop(struct fuzz *f, u8 arg)
{
	unsigned int max = arg & 0x80 ? 1 + arg % 8 : DEVQ_BATCH;
	unsigned int iov_max = arg & 0x40 ? DEVQ_CHAIN_SEGS : ARRAY_SIZE(f->iov);
	static struct devq before;
	int ret;

	if (f->nchain + max > ARRAY_SIZE(f->chain))
		f->nchain = 0;
	before = f->dq;
	f->dq.miss.perm = 0;
	ret = devq_pop(&f->dq, &f->chain[f->nchain], max, f->iov, iov_max);
	check_pop(f, &before, max, iov_max, ret);
	if (ret > 0)
		f->nchain += ret;
	leave(f, "devq_pop");
}

static void op_push(struct fuzz *f, u8 arg)
{
	unsigned int n = min_t(unsigned int, 1 + arg % 16, f->nchain), i;
	struct devq_used used[16];
	static struct devq before;
	int ret;

	n = min_t(unsigned int, n, f->dq.num);
	for (i = 0; i < n; i++) {
		struct devq_chain *c = &f->chain[i];
		u32 len = arg & 0x80 ? c->in_len : fuzz_take(f, 1);

		/* Given back in another order, which is allowed unless there is one. */
		if (!f->dq.in_order && arg & 0x40 && i + 1 < f->nchain) {
			struct devq_chain tmp = *c;

			*c = c[1];
			c[1] = tmp;
		}
		used[i] = devq_use(c, c->unmapped ? 0 : min(len, c->in_len));
	}
	before = f->dq;
	ret = devq_push(&f->dq, used, n);
	check_result(f, "devq_push", ret);
	if (!ret && n)
		check_push(f, &before, used, n);
	memmove(f->chain, f->chain + n, (f->nchain - n) * sizeof(f->chain[0]));
	f->nchain -= n;
	leave(f, "devq_push");
}

static void op_unpop(struct fuzz *f, u8 arg)
{
	unsigned int n = min_t(unsigned int, 1 + arg % 4, f->nchain);

	devq_unpop(&f->dq, &f->chain[f->nchain - n], n);
	f->nchain -= n;
	leave(f, "devq_unpop");
}

/* Pieces are of the last pop alone: only its chains can be logged. */
static void op_log(struct fuzz *f, u8 arg)
{
	static struct devq_chain chain[DEVQ_BATCH];
	struct devq_used used[DEVQ_BATCH];
	int ret, i;

	if (!f->cfg.slots) {
		leave(f, "nothing");
		return;
	}
	f->dq.log.base = (uintptr_t)log_mem - GUEST_BASE / 4096 / 8 + (arg & 3);
	f->dq.log.ring_addr = GUEST_BASE + (arg & ~3U) * 64;
	f->dq.log.buffers = arg & 4;
	f->dq.log.ring = arg & 8;
	f->dq.log.version = 0;
	ret = devq_pop(&f->dq, chain, 1 + arg % 16, f->iov, ARRAY_SIZE(f->iov));
	for (i = 0; i < ret; i++)
		used[i] = devq_use(&chain[i], chain[i].unmapped ? 0 : chain[i].in_len);
	if (ret > 0) {
		if (!devq_log(&f->dq, chain, used, ret)) {
			fuzz_check(f, !f->dq.error, "devq_log: error %d", f->dq.error);
			devq_push(&f->dq, used, ret);
		}
	}
	fuzz_check(f, !f->dq.log.mask, "bits of the log are left over");
	leave(f, "devq_log");
}

/* Calls without arguments, which answer yes, no or that the ring is broken. */
static void op_ask(struct fuzz *f, const char *name, int (*call)(struct devq *dq), bool look)
{
	int ret = call(&f->dq);
	int have;

	check_result(f, name, ret);
	fuzz_check(f, ret <= 1, "%s: %d", name, ret);
	if (f->sane && look) {
		have = model_available(f, &f->dq.pos, U32_MAX);
		fuzz_check(f, have < 0 ? ret == -EIO : ret == !!have, "%s: %d, model %d", name,
			   ret, have);
	}
	leave(f, name);
}

static void op_restart(struct fuzz *f, u8 arg)
{
	u32 base = devq_pos_to_base(f->dq.features, &f->dq.pos);
	struct devq_addr to = f->cfg.addr;
	int err;

	if (f->turn)
		devq_exit(&f->dq);
	f->turn = false;
	f->nchain = 0;
	if (arg & 1) {
		((u64 *)&to)[arg % 3] += arg & 2 ? 16 : fuzz_take(f, 2);
		if (f->mem == DEVQ_MEM_KERNEL)
			return;
		err = devq_move(&f->dq, &to);
		fuzz_check(f, !err || err == -EFAULT, "devq_move: %d", err);
		return;
	}
	devq_stop(&f->dq);
	fuzz_check(f, !devq_running(&f->dq) && !devq_has_area_in(&f->dq, 0, ~0ULL), "stopped");
	if (arg & 4)
		base = fuzz_take(f, 4);
	if (!devq_pos_from_base(f->dq.features, base, &f->dq.pos))
		fuzz_check(f, devq_pos_to_base(f->dq.features, &f->dq.pos) == base, "base %#x", base);
	if (start(f))
		f->data = f->end;
}

/* Pages come and go, allocations fail: then the model knows less. */
static void op_world(struct fuzz *f, u8 arg)
{
	if (f->exact)
		return;
	world.no_read = arg & 1 ? fuzz_take(f, 1) & ~1U : 0;
	world.no_write = arg & 2 ? fuzz_take(f, 1) : 0;
}

static void op_turn(struct fuzz *f)
{
	if (f->turn) {
		devq_exit(&f->dq);
		f->turn = false;
	} else if (enter(f)) {
		f->turn = true;
	}
	f->grown = false;
}

/* What needs no turn. */
static bool guest_op(struct fuzz *f, u8 op, u8 arg)
{
	switch (op % 16) {
	case 0:
	case 1:
	case 2:
		guest_add(f);
		return true;
	case 3:
		guest_scribble(f);
		return true;
	case 4:
		op_memory(f);
		return true;
	case 5:
		op_turn(f);
		return true;
	case 6:
		if (op & 0x80)
			op_restart(f, arg);
		else
			op_world(f, arg);
		return true;
	default:
		return false;
	}
}

static void one_op(struct fuzz *f)
{
	u8 op = fuzz_take(f, 1), arg = fuzz_take(f, 1);

	if (guest_op(f, op, arg) || !enter(f))
		return;
	/* What broke the queue before was seen then. */
	devq_clear_error(&f->dq);
	switch (op % 16) {
	case 7:
	case 8:
		op_pop(f, arg);
		break;
	case 9:
	case 10:
		op_push(f, arg);
		break;
	case 11:
		op_unpop(f, arg);
		break;
	case 12:
		op_ask(f, "devq_want_signal", devq_want_signal, false);
		break;
	case 13:
		op_ask(f, "devq_enable_kick", devq_enable_kick, true);
		break;
	case 14:
		if (arg & 1)
			op_ask(f, "devq_disable_kick", devq_disable_kick, false);
		else
			op_ask(f, "devq_pending", devq_pending, false);
		break;
	default:
		op_log(f, arg);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return fuzz_module_init();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz f;

	mem_reset();
	memset(&f, 0, sizeof(f));
	f.data = data;
	f.end = data + size;
	if (!set_up(&f))
		while (!fuzz_done(&f))
			one_op(&f);
	tear_down(&f);
	return 0;
}
