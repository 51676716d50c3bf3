// SPDX-License-Identifier: GPL-2.0-only
/* What the engine did, against the model and against rules that always hold. */
#include "fuzz.h"

/* What a call may write to: the device's area, of a packed ring the descriptors too. */
void permit_areas(const struct fuzz *f)
{
	u64 device = devq_device_area_len(f->dq.num, f->dq.features);
	u64 range[2][2] = {
		{ f->dq.addr.device, device },
		{ f->dq.addr.desc, fuzz_packed(f) ? f->dq.num * 16ULL : 0 },
	};
	const struct model_map *m = fuzz_ring_model(f);
	unsigned int r, i;

	for (r = 0; r < 2; r++) {
		if (!m) {
			mem_permit(range[r][0], range[r][1]);
			continue;
		}
		for (i = 0; i < m->n; i++) {
			const struct model_entry *e = &m->e[i];
			u64 from = max(range[r][0], e->start);
			u64 to = min(range[r][0] + range[r][1] - 1, e->last);

			if (range[r][1] && from <= to && (e->perm & MEMMAP_WRITE))
				mem_permit(e->addr + (from - e->start), to - from + 1);
		}
	}
}

/* A result has its reason, and only then. */
void check_result(const struct fuzz *f, const char *call, int ret)
{
	fuzz_check(f, ret >= 0 || ret == -EIO || ret == -EAGAIN, "%s gave %d", call, ret);
	fuzz_check(f, (ret == -EIO) == (f->dq.error != DEVQ_OK), "%s gave %d, error %d", call,
		   ret, f->dq.error);
	fuzz_check(f, f->dq.error < DEVQ_E_FORMAT, "%s: error %d", call, f->dq.error);
	if (ret == -EAGAIN)
		fuzz_check(f, f->dq.iotlb && !f->dq.no_miss && f->dq.miss.perm,
			   "%s missed where nobody answers", call);
}

/* Can the engine know all of an area? What is said of the first byte it does not. */
static int area_state(const struct fuzz *f, const struct devq_extent *e)
{
	const struct model_map *m = fuzz_ring_model(f);
	static struct model_piece p[DEVQ_CHAIN_SEGS];
	u64 miss;
	int n = model_pieces(m, e->addr, e->len, e->perm, p, MAP_MAX, &miss);

	if (n == -EFAULT && !f->dq.no_miss && e->addr + e->len - 1 >= e->addr)
		return -EAGAIN;
	if (n < 0)
		return n == -EPERM ? DEVQ_E_ACCESS : DEVQ_E_FAULT;
	if (n == 1 && f->mem == DEVQ_MEM_PHYS &&
	    (p->addr < PHYS_BASE || p->addr + p->len > PHYS_BASE + SZ_2M))
		return DEVQ_E_FAULT;
	return 0;
}

/* Can the model read the areas? */
bool areas_sane(const struct fuzz *f)
{
	struct devq_extent extent[DEVQ_AREAS];
	unsigned int i;
	u64 at;
	u8 byte;

	if (!f->exact)
		return false;
	f->dq.ops->extents(f->dq.num, f->dq.features, &f->dq.addr, extent);
	for (i = 0; i < DEVQ_AREAS; i++) {
		if (extent[i].len > ARENA_SIZE)
			return false;
		for (at = 0; at < extent[i].len; at += 16)
			if (!guest_read(f, extent[i].addr + at, &byte, 1))
				return false;
		if (!guest_read(f, extent[i].addr + extent[i].len - 1, &byte, 1))
			return false;
	}
	return true;
}

void check_enter(const struct fuzz *f, int ret)
{
	struct devq_extent extent[DEVQ_AREAS];
	unsigned int i;
	int want = 0;

	fuzz_check(f, !ret || f->dq.iotlb, "devq_enter gave %d without an IOTLB", ret);
	if (!f->exact || !f->dq.iotlb)
		return;
	f->dq.ops->extents(f->dq.num, f->dq.features, &f->dq.addr, extent);
	for (i = 0; i < DEVQ_AREAS && !want; i++)
		want = area_state(f, &extent[i]);
	fuzz_check(f, ret == (want > 0 ? -EIO : want), "devq_enter gave %d, model %d", ret, want);
	if (want > 0)
		fuzz_check(f, f->dq.error == (unsigned int)want, "devq_enter: error %d, model %d",
			   f->dq.error, want);
}

/* Each byte of a piece is memory that the map lets the device have for this. */
static bool piece_mapped(const struct fuzz *f, u64 addr, u64 len, u32 perm)
{
	unsigned int i;

	if (f->mem == DEVQ_MEM_PHYS)
		addr = addr - (uintptr_t)arena + PHYS_ARENA;
again:
	for (i = 0; i < f->m.n; i++) {
		const struct model_entry *e = &f->m.e[i];
		u64 room = e->last - e->start;

		if ((e->perm & perm) != perm || addr - e->addr > room)
			continue;
		room -= addr - e->addr;
		if (len - 1 <= room)
			return true;
		addr += room + 1;
		len -= room + 1;
		goto again;
	}
	return false;
}

/* What holds for any chain, whatever the guest does meanwhile. Returns its pieces. */
static unsigned int check_chain(const struct fuzz *f, const struct devq_chain *c,
				const struct iovec *seg)
{
	unsigned int i, nr = c->nr_out + c->nr_in;
	u64 out = 0, in = 0;

	fuzz_check(f, nr <= DEVQ_CHAIN_SEGS, "a chain of %u pieces", nr);
	fuzz_check(f, c->ndesc && c->ndesc <= f->dq.num, "a chain of %u descriptors", c->ndesc);
	fuzz_check(f, fuzz_packed(f) || c->id < f->dq.num, "buffer %u", c->id);
	if (c->unmapped) {
		fuzz_check(f, f->dq.no_miss && !nr, "unmapped, but %u pieces", nr);
		return 0;
	}
	fuzz_check(f, !nr || c->seg == seg, "pieces are elsewhere");
	for (i = 0; i < nr; i++) {
		bool write = i >= c->nr_out;

		fuzz_check(f, seg[i].iov_len, "empty piece %u", i);
		*(write ? &in : &out) += seg[i].iov_len;
		fuzz_check(f, piece_mapped(f, (uintptr_t)seg[i].iov_base, seg[i].iov_len,
					   write ? MEMMAP_WRITE : MEMMAP_READ),
			   "piece %u of %u: %p, %#zx bytes are not the guest's", i, nr,
			   seg[i].iov_base, seg[i].iov_len);
	}
	fuzz_check(f, out == c->out_len && in == c->in_len, "lengths %u %u, pieces have %llu %llu",
		   c->out_len, c->in_len, (long long)out, (long long)in);
	return nr;
}

static void check_same(const struct fuzz *f, const struct devq_chain *c,
		       const struct model_chain *m, unsigned int at)
{
	unsigned int i;

	fuzz_check(f, c->id == m->id && c->ndesc == m->ndesc && c->unmapped == m->unmapped &&
		   c->out_len == m->out_len && c->in_len == m->in_len,
		   "chain %u: id %u/%u ndesc %u/%u unmapped %d/%d out %u/%llu in %u/%llu", at,
		   c->id, m->id, c->ndesc, m->ndesc, c->unmapped, m->unmapped, c->out_len,
		   (long long)m->out_len, c->in_len, (long long)m->in_len);
	if (m->unmapped)
		return;
	fuzz_check(f, c->nr_out == m->nr_out && c->nr_out + c->nr_in == m->nr,
		   "chain %u: %u + %u pieces, model %u of %u", at, c->nr_out, c->nr_in, m->nr_out,
		   m->nr);
	for (i = 0; i < m->nr; i++) {
		u64 addr = (uintptr_t)c->seg[i].iov_base;

		if (f->mem == DEVQ_MEM_PHYS)
			addr = addr - (uintptr_t)arena + PHYS_ARENA;
		fuzz_check(f, addr == m->piece[i].addr && c->seg[i].iov_len == m->piece[i].len,
			   "chain %u piece %u: %#llx %#zx, model %#llx %#llx", at, i,
			   (long long)addr, c->seg[i].iov_len, (long long)m->piece[i].addr,
			   (long long)m->piece[i].len);
	}
}

static void advance(const struct fuzz *f, struct devq_pos *pos, unsigned int n)
{
	pos->avail += n;
	if (fuzz_packed(f) && pos->avail >= f->dq.num) {
		pos->avail -= f->dq.num;
		pos->avail_wrap = !pos->avail_wrap;
	}
}

/* The model, chain by chain from where the queue was, as far as the engine went. */
static void check_model(struct fuzz *f, const struct devq *before, unsigned int max,
			unsigned int iov_max, int ret)
{
	const struct devq_chain *chain = &f->chain[f->nchain];
	struct devq_pos pos = before->pos;
	static struct model_chain m;
	unsigned int used = 0;
	int n = 0, err = 0, avail, seen = f->dq.avail_seen;

	f->dq.avail_seen = before->avail_seen;
	avail = model_available(f, &pos, max);
	f->dq.avail_seen = seen;
	if (avail < 0)
		err = DEVQ_E_AVAIL;
	while (!err && n < (int)max && (fuzz_packed(f) ? model_available(f, &pos, max) : n < avail)) {
		err = model_chain_at(f, &pos, iov_max - used, &m);
		if (err)
			break;
		fuzz_check(f, n < ret, "engine stops at chain %d of more, gave %d, error %d", n,
			   ret, f->dq.error);
		check_same(f, &chain[n], &m, n);
		used += m.unmapped ? 0 : m.nr;
		advance(f, &pos, fuzz_packed(f) ? m.ndesc : 1);
		n++;
	}
	if (n) {
		fuzz_check(f, ret == n, "engine has %d chains, model %d", ret, n);
	} else if (err == MODEL_MISS) {
		fuzz_check(f, ret == -EAGAIN, "engine gave %d, model a miss", ret);
	} else if (err) {
		fuzz_check(f, ret == -EIO && f->dq.error == (unsigned int)err,
			   "engine gave %d, error %d, model %d", ret, f->dq.error, err);
	} else {
		fuzz_check(f, !ret, "engine gave %d, error %d, model nothing", ret, f->dq.error);
	}
	fuzz_check(f, f->dq.pos.avail == pos.avail && f->dq.pos.avail_wrap == pos.avail_wrap,
		   "engine is at %u, model at %u", f->dq.pos.avail, pos.avail);
}

void check_pop(struct fuzz *f, const struct devq *before, unsigned int max,
	       unsigned int iov_max, int ret)
{
	const struct devq_chain *chain = &f->chain[f->nchain];
	unsigned int used = 0;
	int i;

	check_result(f, "devq_pop", ret);
	fuzz_check(f, ret <= (int)max, "%d chains instead of %u", ret, max);
	for (i = 0; i < ret; i++)
		used += check_chain(f, &chain[i], f->iov + used);
	fuzz_check(f, used <= iov_max, "%u pieces for %u", used, iov_max);
	if (f->sane)
		check_model(f, before, max, iov_max, ret);
}

static u32 ring32(const struct fuzz *f, u64 addr)
{
	u32 val;

	fuzz_check(f, guest_read(f, addr, &val, 4), "used ring at %#llx", (long long)addr);
	return f->dq.little_endian ? val : __builtin_bswap32(val);
}

/* As a driver reads what came back (virtio 1.3, 2.7.8, 2.7.9, 2.8.9). */
void check_push(struct fuzz *f, const struct devq *before, const struct devq_used *used,
		unsigned int n)
{
	unsigned int i, from = before->pos.used, at = from, num = f->dq.num, total = 0;
	bool wrap = before->pos.used_wrap, first_wrap = wrap;

	for (i = 0; i < n; i++)
		total += used[i].ndesc;
	/* More than a ring is what a guest gets that sells a descriptor twice. */
	if (!f->sane || (fuzz_packed(f) && total > num))
		return;
	for (i = 0; i < n; i++) {
		u32 id, len, flags = 0;

		if (f->dq.in_order && used[i].full && i + 1 < n) {
			from += fuzz_packed(f) ? used[i].ndesc : 1;
			continue;
		}
		if (fuzz_packed(f)) {
			u64 desc = f->dq.addr.desc + at * 16;

			len = ring32(f, desc + 8);
			id = ring32(f, desc + 12);
			flags = id >> 16;
			id &= 0xffff;
			fuzz_check(f, (flags & 0x8080) == (first_wrap ? 0x8080U : 0U),
				   "used descriptor %u has flags %#x", at, flags);
			from += used[i].ndesc;
			at = from % num;
			first_wrap = wrap ^ (from / num % 2);
		} else {
			u64 elem = f->dq.addr.device + 4 + at % num * 8;

			id = ring32(f, elem);
			len = ring32(f, elem + 4);
			at = ++from;
		}
		fuzz_check(f, id == used[i].id && len == used[i].len,
			   "used entry %u: id %u/%u len %u/%u", i, id, used[i].id, len, used[i].len);
	}
	if (!fuzz_packed(f))
		fuzz_check(f, ring32(f, f->dq.addr.device) >> 16 == (u16)(before->pos.used + n) ||
			   !f->dq.little_endian, "used index");
	fuzz_check(f, f->dq.pos.used == (fuzz_packed(f) ? from % num : (u16)from),
		   "used position %u, model %u", f->dq.pos.used, from);
}
