// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's memory: one arena, which is user memory and the end of a block of physical
 * memory at once. A copy of it shows who wrote where they may not.
 */
#include <sys/mman.h>

#include "fuzz.h"

u8 *arena;
u8 *log_mem;
struct mem_world world;

static u8 shadow[ARENA_SIZE];

void mem_reset(void)
{
	if (!arena) {
		arena = mmap(NULL, ARENA_SIZE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		log_mem = mmap(NULL, LOG_SIZE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (arena == MAP_FAILED || log_mem == MAP_FAILED)
			abort();
	}
	memset(arena, 0, ARENA_SIZE);
	memset(shadow, 0, ARENA_SIZE);
	memset(log_mem, 0, LOG_SIZE);
	memset(&world, 0, sizeof(world));
}

u32 mem_random(void)
{
	world.seed = world.seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return world.seed >> 33;
}

/* Somebody who may writes to the arena. */
void mem_store(u64 off, const void *src, size_t len)
{
	if (off >= ARENA_SIZE || len > ARENA_SIZE - off)
		return;
	memcpy(arena + off, src, len);
	memcpy(shadow + off, src, len);
}

/* The engine may have written there, at an address of any kind. */
void mem_permit(u64 host, size_t len)
{
	u64 off = host - (uintptr_t)arena;

	if (off >= ARENA_SIZE)
		off = host - PHYS_ARENA;
	if (off < ARENA_SIZE)
		memcpy(shadow + off, arena + off, min(len, ARENA_SIZE - off));
}

void mem_check(const char *after)
{
	unsigned int i;

	if (!memcmp(arena, shadow, ARENA_SIZE))
		return;
	for (i = 0; arena[i] == shadow[i]; i++)
		;
	fprintf(stderr, "%s wrote to offset %#x of memory\n", after, i);
	abort();
}

bool fuzz_user_ok(const void *at, size_t len, bool write)
{
	uintptr_t off = (uintptr_t)at - (uintptr_t)arena;
	u32 closed = write ? world.no_write : world.no_read;

	if (off >= ARENA_SIZE || len > ARENA_SIZE - off) {
		off = (uintptr_t)at - (uintptr_t)log_mem;
		return off < LOG_SIZE && len <= LOG_SIZE - off;
	}
	return !(closed & BIT(off / 4096)) && !(closed & BIT((off + len - 1) / 4096));
}

/* What was read may be something else a moment later: there, or anywhere. */
void fuzz_was_read(const void *at, size_t len)
{
	uintptr_t off = (uintptr_t)at - (uintptr_t)arena;
	u8 byte;

	if (!world.race || off >= ARENA_SIZE || mem_random() % world.race)
		return;
	if (mem_random() % 4)
		off += mem_random() % len;
	else
		off = mem_random() % ARENA_SIZE;
	byte = mem_random() % 2 ? mem_random() : 1U << mem_random() % 8 ^ arena[off % ARENA_SIZE];
	mem_store(off % ARENA_SIZE, &byte, 1);
}

bool fuzz_pfn_valid(unsigned long pfn)
{
	return pfn >= PHYS_BASE / 4096 && pfn < (PHYS_BASE + SZ_2M) / 4096;
}

/* Nothing leads to what is ahead of the arena: there is no such memory here. */
void *fuzz_phys_to_virt(u64 addr)
{
	return arena + (addr - PHYS_ARENA);
}

bool fuzz_alloc_fails(void)
{
	return world.fail_alloc && mem_random() % world.fail_alloc == 0;
}

void fuzz_stuck(const char *what)
{
	fprintf(stderr, "would wait for ever: %s\n", what);
	abort();
}
