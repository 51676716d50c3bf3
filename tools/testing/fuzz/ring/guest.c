// SPDX-License-Identifier: GPL-2.0-only
/* What a guest does to its rings: what a driver would, with mistakes, and anything else. */
#include "fuzz.h"

/* Where in the arena an address of the rings lies; false if it does not. */
static bool ring_offset(const struct fuzz *f, u64 addr, u64 *off)
{
	const struct model_map *m = fuzz_ring_model(f);

	if (m) {
		const struct model_entry *e = model_find(m, addr);

		if (!e)
			return false;
		addr = e->addr + (addr - e->start);
	}
	*off = addr - (f->mem == DEVQ_MEM_PHYS ? PHYS_ARENA : (uintptr_t)arena);
	return *off < ARENA_SIZE;
}

bool guest_read(const struct fuzz *f, u64 addr, void *dst, size_t len)
{
	u8 *to = dst;
	u64 off;

	for (; len; len--, addr++) {
		if (!ring_offset(f, addr, &off))
			return false;
		*to++ = arena[off];
	}
	return true;
}

static void guest_write(const struct fuzz *f, u64 addr, const void *src, size_t len)
{
	const u8 *from = src;
	u64 off;

	for (; len; len--, addr++, from++)
		if (ring_offset(f, addr, &off))
			mem_store(off, from, 1);
}

static void put(const struct fuzz *f, u64 addr, u64 val, unsigned int bytes)
{
	if (!f->dq.little_endian)
		val = __builtin_bswap64(val) >> (64 - 8 * bytes);
	guest_write(f, addr, &val, bytes);
}

static void put_desc(const struct fuzz *f, u64 at, u64 addr, u32 len, u16 flags, u16 next)
{
	put(f, at, addr, 8);
	put(f, at + 8, len, 4);
	put(f, at + 12, fuzz_packed(f) ? next : flags, 2);
	put(f, at + 14, fuzz_packed(f) ? flags : next, 2);
}

/* An address that a buffer may have, and some that it may not. */
static u64 buffer_addr(struct fuzz *f)
{
	u8 kind = fuzz_take(f, 1);
	u64 at = fuzz_take(f, 2);
	const struct model_entry *e;

	if (!f->m.n)
		return GUEST_BASE + at;
	e = &f->m.e[kind % 16 % f->m.n];
	switch (kind >> 4) {
	case 0:
		return GUEST_HUGE + at;
	case 1:
		return e->last - at % 64;
	case 2:
		return e->start - at % 64;
	case 3:
		return -1ULL - at;
	case 4:
		return GUEST_BASE + at;
	default:
		return e->start + at % (e->last - e->start + 1);
	}
}

static u32 buffer_len(struct fuzz *f)
{
	u8 kind = fuzz_take(f, 1);

	switch (kind % 8) {
	case 0:
		return kind >> 6;
	case 1:
		return fuzz_take(f, 2);
	case 2:
		return -1U - (kind >> 3);
	case 3:
		return fuzz_take(f, 4);
	default:
		return 1 + fuzz_take(f, 1);
	}
}

/* An indirect table in the last part of the arena; its entries may be anything. */
static void make_table(struct fuzz *f, u64 *addr, u32 *len)
{
	unsigned int n = fuzz_take(f, 1), i, at = fuzz_take(f, 2), fill;
	u8 how = fuzz_take(f, 1);
	u64 off;

	n = n < 0xe0 ? 1 + n % 8 : 60 + n % 16;
	off = ARENA_SIZE / 2 + at % (ARENA_SIZE / 2);
	if (how % 8)
		off &= ~15ULL;
	fill = (ARENA_SIZE - off) / 16 < n ? (ARENA_SIZE - off) / 16 : n;
	for (i = 0; i < fill; i++) {
		u8 flags = fuzz_take(f, 1);
		u64 buf = buffer_addr(f);
		u32 size = buffer_len(f);
		bool last = i + 1 == n, in = i >= n / 2;
		u8 raw[16];
		u16 next = flags % 16 ? i + 1 : flags >> 4, fl = (last ? 0 : 1) | (in ? 2 : 0);

		if (flags > 0xf0)
			fl ^= flags & 7;
		if (fuzz_packed(f)) {
			u16 tmp = fl;

			fl = next;
			next = tmp;
		}
		if (!f->dq.little_endian) {
			buf = __builtin_bswap64(buf);
			size = __builtin_bswap32(size);
			fl = __builtin_bswap16(fl);
			next = __builtin_bswap16(next);
		}
		memcpy(raw, &buf, 8);
		memcpy(raw + 8, &size, 4);
		memcpy(raw + 12, &fl, 2);
		memcpy(raw + 14, &next, 2);
		mem_store(off + i * 16, raw, 16);
	}
	*len = n * 16;
	if (how > 0xe0)
		*len += (how & 31) * 16 - 8;
	/* A name of it that the device has, if there is one. */
	*addr = (uintptr_t)arena + off;
	if (f->mem == DEVQ_MEM_PHYS)
		*addr = PHYS_ARENA + off;
	for (i = 0; i < f->m.n; i++) {
		const struct model_entry *e = &f->m.e[i];

		if (*addr >= e->addr && *addr - e->addr <= e->last - e->start) {
			*addr = e->start + (*addr - e->addr);
			return;
		}
	}
}

static void publish_split(struct fuzz *f, u16 head, u8 how)
{
	if (how == 0xff)
		head = fuzz_take(f, 2);
	put(f, f->dq.addr.driver + 4 + f->avail % f->dq.num * 2, head, 2);
	f->avail++;
	if (how == 0xfe)
		f->avail += fuzz_take(f, 2);
	put(f, f->dq.addr.driver + 2, f->avail, 2);
	if (how > 0xf0 && how < 0xfa)
		put(f, f->dq.addr.driver, how & 1, 2);
}

/* One chain, made available as the layout wants it. */
void guest_add(struct fuzz *f)
{
	u8 how = fuzz_take(f, 1), shape = fuzz_take(f, 1);
	unsigned int n = 1 + (shape & 7), i, num = f->dq.num, out = shape >> 3 & 7;
	u16 first = f->cursor, marks;
	bool packed = fuzz_packed(f);

	if (shape == 0xff)
		n = num + fuzz_take(f, 1) % 2;
	for (i = 0; i < n; i++) {
		u16 flags = (i + 1 < n ? 1 : 0) | (i >= out ? 2 : 0), at = f->cursor % num;
		u16 next = (f->cursor + 1) % num;
		u64 addr;
		u32 len;

		if (shape >> 6 == 2 && i + 1 == n) {
			make_table(f, &addr, &len);
			flags |= 4;
		} else {
			addr = buffer_addr(f);
			len = buffer_len(f);
		}
		if (shape >> 6 == 3 && how > 0x80) {
			flags ^= fuzz_take(f, 1) & 7;
			next = fuzz_take(f, 1);
		}
		if (packed) {
			marks = f->wrap ? 0x80 : 0x8000;
			put_desc(f, f->dq.addr.desc + f->avail * 16, addr, len, flags | marks,
				 f->cursor++);
			if (++f->avail >= num) {
				f->avail = 0;
				f->wrap = !f->wrap;
			}
		} else {
			put_desc(f, f->dq.addr.desc + at * 16, addr, len, flags, next);
			f->cursor++;
		}
	}
	if (!packed)
		publish_split(f, first % num, how);
}

/* Any bytes anywhere in memory, most often in the rings. */
void guest_scribble(struct fuzz *f)
{
	u8 how = fuzz_take(f, 1);
	u64 at = fuzz_take(f, 2), val = fuzz_take(f, 1 + how % 8);

	switch (how >> 6) {
	case 0:
		mem_store(at % ARENA_SIZE, &val, 1 + how % 8);
		break;
	case 1:
		guest_write(f, f->dq.addr.desc + at % (16 * f->dq.num), &val, 1 + how % 8);
		break;
	case 2:
		guest_write(f, f->dq.addr.driver + at % 16, &val, 1 + how % 8);
		break;
	default:
		guest_write(f, f->dq.addr.device + at % 16, &val, 1 + how % 8);
	}
}
