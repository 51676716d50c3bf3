// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a chain in a ring is, read off the specification (virtio 1.3, 2.7 and 2.8), a
 * descriptor at a time and without any memory of what came before. Only good for rings
 * that nobody changes meanwhile, and that can be read.
 */
#include "fuzz.h"

struct desc {
	u64 addr;
	u32 len;
	u16 flags;
	u16 next;	/* packed: id */
};

static u64 swapped(const struct fuzz *f, u64 val, unsigned int bytes)
{
	if (f->dq.little_endian)
		return val;
	return __builtin_bswap64(val) >> (64 - 8 * bytes);
}

static struct desc decode(const struct fuzz *f, const u8 *raw)
{
	struct desc d;
	u16 half[2];

	memcpy(&d.addr, raw, 8);
	memcpy(&d.len, raw + 8, 4);
	memcpy(half, raw + 12, 4);
	d.addr = swapped(f, d.addr, 8);
	d.len = swapped(f, d.len, 4);
	d.flags = swapped(f, half[fuzz_packed(f)], 2);
	d.next = swapped(f, half[!fuzz_packed(f)], 2);
	return d;
}

static u16 read16(const struct fuzz *f, u64 addr)
{
	u16 val;

	fuzz_check(f, guest_read(f, addr, &val, 2), "model: ring at %#llx", (long long)addr);
	return swapped(f, val, 2);
}

static struct desc ring_desc(const struct fuzz *f, unsigned int at)
{
	u8 raw[16];

	fuzz_check(f, guest_read(f, f->dq.addr.desc + at * 16, raw, 16), "model: descriptor %u", at);
	return decode(f, raw);
}

/* What a failed lookup means; -EAGAIN is for those who may tell us more. */
static int lookup_error(const struct fuzz *f, int err, u64 addr, u64 len)
{
	if (err == -EPERM)
		return DEVQ_E_ACCESS;
	if (f->dq.iotlb && !f->dq.no_miss && addr + (len - 1) >= addr)
		return MODEL_MISS;
	return DEVQ_E_UNMAPPED;
}

static bool reachable(const struct fuzz *f, const struct model_piece *p)
{
	return f->mem != DEVQ_MEM_PHYS ||
	       (p->addr >= PHYS_BASE && p->addr + p->len <= PHYS_BASE + SZ_2M);
}

/* Part of an indirect table, piece by piece: 0 or an error. */
static int table_part(const struct fuzz *f, u64 addr, u64 len, u8 *raw)
{
	if (addr + (len - 1) < addr)
		return DEVQ_E_UNMAPPED;
	while (len) {
		const struct model_entry *e = model_find(&f->m, addr);
		struct model_piece p;
		const void *at;

		if (!e || !(e->perm & MEMMAP_READ))
			return lookup_error(f, e ? -EPERM : -EFAULT, addr, len);
		p.addr = e->addr + (addr - e->start);
		p.len = e->last - addr < len ? e->last - addr + 1 : len;
		at = (void *)(uintptr_t)p.addr;
		if (!reachable(f, &p))
			return DEVQ_E_UNMAPPED;
		if (f->mem == DEVQ_MEM_PHYS)
			at = fuzz_phys_to_virt(p.addr);
		else if (!fuzz_user_ok(at, p.len, false))
			return DEVQ_E_UNMAPPED;
		memcpy(raw, at, p.len);
		raw += p.len;
		addr += p.len;
		len -= p.len;
	}
	return 0;
}

static int add_buffer(const struct fuzz *f, struct model_chain *c, const struct desc *d,
		      unsigned int room, bool *seen_in)
{
	bool in = d->flags & VRING_DESC_F_WRITE;
	unsigned int left = (room < DEVQ_CHAIN_SEGS ? room : DEVQ_CHAIN_SEGS) - c->nr;
	u64 miss;
	int n, i;

	if (!in && *seen_in)
		return DEVQ_E_ORDER;
	*seen_in = in;
	n = model_pieces(&f->m, d->addr, d->len, in ? MEMMAP_WRITE : MEMMAP_READ,
			 &c->piece[c->nr], left, &miss);
	if (n == -ENOBUFS)
		return room < DEVQ_CHAIN_SEGS ? MODEL_NO_ROOM : DEVQ_E_SEGMENTS;
	for (i = 0; i < n; i++)
		if (!reachable(f, &c->piece[c->nr + i])) {
			if (!f->dq.no_miss)
				return DEVQ_E_UNMAPPED;
			n = -EFAULT;
		}
	if (n < 0) {
		if (!f->dq.no_miss)
			return lookup_error(f, n, d->addr, d->len);
		c->unmapped = true;
		n = 0;
	}
	c->nr += n;
	if (in) {
		c->in_len += d->len;
	} else {
		c->nr_out += n;
		c->out_len += d->len;
	}
	return 0;
}

static int add_table(const struct fuzz *f, struct model_chain *c, const struct desc *ind,
		     unsigned int room, bool *seen_in)
{
	u32 len = ind->len / 16, at = 0, base = 0, have = 0, seen = 0;
	static u8 raw[64 * 16];
	int err;

	if (!len || len > 65536 || ind->len % 16 || (ind->flags & VRING_DESC_F_NEXT))
		return DEVQ_E_TABLE;
	for (;;) {
		struct desc d;

		if (fuzz_packed(f) ? at == len : seen == len)
			return fuzz_packed(f) ? 0 : DEVQ_E_LOOP;
		seen++;
		/* A table is read in parts, which have to be there in full. */
		if (at < base || at >= base + have) {
			base = at;
			have = len - at < 64 ? len - at : 64;
			err = table_part(f, ind->addr + base * 16ULL, have * 16, raw);
			if (err)
				return err;
		}
		d = decode(f, raw + (at - base) * 16);
		if (!fuzz_packed(f) && (d.flags & VRING_DESC_F_INDIRECT))
			return DEVQ_E_NESTED;
		err = add_buffer(f, c, &d, room, seen_in);
		if (err)
			return err;
		if (fuzz_packed(f)) {
			at++;
			continue;
		}
		if (!(d.flags & VRING_DESC_F_NEXT))
			return 0;
		if (d.next >= len)
			return DEVQ_E_NEXT;
		at = d.next;
	}
}

static int split_chain(const struct fuzz *f, const struct devq_pos *pos, unsigned int room,
		       struct model_chain *c)
{
	u16 at = read16(f, f->dq.addr.driver + 4 + pos->avail % f->dq.num * 2);
	bool seen_in = false;
	struct desc d;
	int err;

	c->id = at;
	if (at >= f->dq.num)
		return DEVQ_E_HEAD;
	for (;;) {
		if (c->ndesc++ == f->dq.num)
			return DEVQ_E_LOOP;
		d = ring_desc(f, at);
		if (d.flags & VRING_DESC_F_INDIRECT)
			return add_table(f, c, &d, room, &seen_in);
		err = add_buffer(f, c, &d, room, &seen_in);
		if (err || !(d.flags & VRING_DESC_F_NEXT))
			return err;
		if (d.next >= f->dq.num)
			return DEVQ_E_NEXT;
		at = d.next;
	}
}

static int packed_chain(const struct fuzz *f, const struct devq_pos *pos, unsigned int room,
			struct model_chain *c)
{
	unsigned int at = pos->avail;
	bool seen_in = false;
	struct desc d = ring_desc(f, at);
	int err;

	c->ndesc = 1;
	c->id = d.next;
	if (d.flags & VRING_DESC_F_INDIRECT)
		return add_table(f, c, &d, room, &seen_in);
	for (;;) {
		err = add_buffer(f, c, &d, room, &seen_in);
		c->id = d.next;
		if (err || !(d.flags & VRING_DESC_F_NEXT))
			return err;
		if (c->ndesc == f->dq.num)
			return DEVQ_E_LOOP;
		c->ndesc++;
		at = (at + 1) % f->dq.num;
		d = ring_desc(f, at);
		if (d.flags & VRING_DESC_F_INDIRECT)
			return DEVQ_E_TABLE;
	}
}

/* The chain at a position: DEVQ_OK, an enum devq_error, or MODEL_*. */
int model_chain_at(const struct fuzz *f, const struct devq_pos *pos, unsigned int room,
		   struct model_chain *c)
{
	int err;

	memset(c, 0, offsetof(struct model_chain, piece));
	err = fuzz_packed(f) ? packed_chain(f, pos, room, c) : split_chain(f, pos, room, c);
	if (!err && (c->out_len > U32_MAX || c->in_len > U32_MAX))
		return DEVQ_E_LENGTH;
	return err;
}

/* How many chains there are, up to @max; packed: 1 if there is any. -1: too many. */
int model_available(const struct fuzz *f, const struct devq_pos *pos, unsigned int max)
{
	u16 n;

	if (fuzz_packed(f)) {
		u16 flags = ring_desc(f, pos->avail).flags & 0x8080;

		return flags == (pos->avail_wrap ? 0x80 : 0x8000);
	}
	n = f->dq.avail_seen - pos->avail;
	if (n < max) {
		n = read16(f, f->dq.addr.driver + 2) - pos->avail;
		if (n > f->dq.num)
			return -1;
	}
	return n;
}
