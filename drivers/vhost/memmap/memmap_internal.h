/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_MEMMAP_INTERNAL_H
#define RINGSIDE_MEMMAP_INTERNAL_H

int memslot_cache_create(void);
void memslot_cache_destroy(void);

#endif
