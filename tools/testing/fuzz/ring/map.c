// SPDX-License-Identifier: GPL-2.0-only
/* Address maps as plain lists, to compare those of trees with. */
#include "fuzz.h"

const struct model_entry *model_find(const struct model_map *m, u64 addr)
{
	unsigned int i;

	for (i = 0; i < m->n; i++)
		if (addr >= m->e[i].start && addr <= m->e[i].last)
			return &m->e[i];
	return NULL;
}

bool model_overlaps(const struct model_map *m, u64 start, u64 last)
{
	unsigned int i;

	for (i = 0; i < m->n; i++)
		if (start <= m->e[i].last && last >= m->e[i].start)
			return true;
	return false;
}

void model_add(struct model_map *m, const struct model_entry *e)
{
	m->e[m->n++] = *e;
}

void model_del(struct model_map *m, unsigned int at)
{
	m->e[at] = m->e[--m->n];
}

/*
 * Where a range leads. Returns the number of pieces; -EFAULT or -EPERM with the address
 * at fault, or -ENOBUFS.
 */
int model_pieces(const struct model_map *m, u64 addr, u64 len, u32 perm,
		 struct model_piece *p, unsigned int max, u64 *miss)
{
	unsigned int n = 0;

	*miss = addr;
	if (len && addr + (len - 1) < addr)
		return -EFAULT;
	while (len) {
		const struct model_entry *e = model_find(m, addr);
		u64 part, to;

		*miss = addr;
		if (!e)
			return -EFAULT;
		if ((e->perm & perm) != perm)
			return -EPERM;
		to = e->addr + (addr - e->start);
		part = e->last - addr < len - 1 ? e->last - addr + 1 : len;
		if (n && p[n - 1].addr + p[n - 1].len == to) {
			p[n - 1].len += part;
		} else {
			if (n >= max)
				return -ENOBUFS;
			p[n++] = (struct model_piece) { to, part };
		}
		addr += part;
		len -= part;
	}
	return n;
}
