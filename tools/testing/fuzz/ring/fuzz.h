/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_FUZZ_H
#define RINGSIDE_FUZZ_H
/*
 * Fuzzer of the ring engine, as a program. An input says how a queue is set up and what
 * its guest, its VMM and its device do then. What the engine does is compared with a
 * model of the specification, written apart from it (model.c, map.c), and with rules
 * that hold whatever a guest does (check.c).
 */

#include "memmap/memslot.h"
#include "ring/devq.h"

#include <uapi/linux/virtio_config.h>
#include <uapi/linux/virtio_ring.h>

/* ---- memory.c: what the guest's memory is made of ---- */

#define ARENA_PAGES	8
#define ARENA_SIZE	(ARENA_PAGES * 4096U)
/* The arena ends where a block of physical memory does. */
#define PHYS_BASE	0x100000000ULL
#define PHYS_ARENA	(PHYS_BASE + SZ_2M - ARENA_SIZE)
#define LOG_SIZE	8192U

extern u8 *arena;
extern u8 *log_mem;

/**
 * struct mem_world - what can happen to memory
 * @no_read: pages of the arena that cannot be read, a bit each
 * @no_write: pages that cannot be written
 * @race: one read in so many is followed by a change; 0: never
 * @seed: state of the random numbers for that
 * @fail_alloc: one allocation in so many fails; 0: none
 */
struct mem_world {
	u32 no_read;
	u32 no_write;
	u32 race;
	u64 seed;
	u32 fail_alloc;
};

extern struct mem_world world;

void mem_reset(void);
void mem_store(u64 off, const void *src, size_t len);
void mem_permit(u64 host, size_t len);
void mem_check(const char *after);
u32 mem_random(void);

/* ---- map.c: address maps, and our own idea of them ---- */

#define MAP_MAX		24

struct model_entry {
	u64 start;
	u64 last;
	u64 addr;
	u32 perm;
};

struct model_map {
	struct model_entry e[MAP_MAX];
	unsigned int n;
};

struct model_piece {
	u64 addr;
	u64 len;
};

const struct model_entry *model_find(const struct model_map *m, u64 addr);
bool model_overlaps(const struct model_map *m, u64 start, u64 last);
void model_add(struct model_map *m, const struct model_entry *e);
void model_del(struct model_map *m, unsigned int at);
int model_pieces(const struct model_map *m, u64 addr, u64 len, u32 perm,
		 struct model_piece *p, unsigned int max, u64 *miss);

/* ---- fuzz.c: the queue ---- */

/**
 * struct fuzz - all there is of one input
 * @data: what is left of it
 * @end: where it ends
 * @dq: the queue
 * @cfg: what it was started with
 * @slots: guest memory
 * @iotlb: device IOTLB
 * @ring_map: the other one, for the rings alone
 * @readers: those of @iotlb and @ring_map
 * @m: the map of buffers as we know it
 * @rm: the map of areas as we know it, if it is another one
 * @mem: kind of memory, DEVQ_MEM_USER, _IOTLB, _PHYS or _KERNEL
 * @exact: nothing happens but what the model knows of
 * @sane: so it is, and the areas are memory that can be read
 * @turn: between devq_enter() and devq_exit()
 * @grown: something was added to a map in this turn
 * @cursor: next descriptor that the guest fills
 * @avail: split: what the guest says is available; packed: where it goes on
 * @wrap: packed: its wrap counter
 * @chain: chains that were popped and not given back, oldest first
 * @nchain: how many
 * @iov: their pieces
 */
struct fuzz {
	const u8 *data;
	const u8 *end;
	struct devq dq;
	struct devq_config cfg;
	struct memslots slots;
	struct memmap iotlb;
	struct memmap ring_map;
	struct memmap_reader readers[2];
	struct model_map m;
	struct model_map rm;
	enum devq_mem_type mem;
	bool exact;
	bool sane;
	bool turn;
	bool grown;
	u16 cursor;
	u16 avail;
	bool wrap;
	struct devq_chain chain[256];
	unsigned int nchain;
	struct iovec iov[DEVQ_CHAIN_SEGS + 64];
};

u64 fuzz_take(struct fuzz *f, unsigned int bytes);
bool fuzz_done(const struct fuzz *f);
bool fuzz_packed(const struct fuzz *f);
const struct model_map *fuzz_ring_model(const struct fuzz *f);
void fuzz_fail(const struct fuzz *f, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 2, 3)));
#define fuzz_check(f, cond, ...) do { if (!(cond)) fuzz_fail(f, __VA_ARGS__); } while (0)

/* ---- guest.c ---- */

/* Where the maps of the guest's memory begin, and memory that nothing reaches. */
#define GUEST_BASE	0x40000000ULL
#define GUEST_HUGE	(1ULL << 40)
#define GUEST_HUGE_LEN	(1ULL << 34)

bool guest_read(const struct fuzz *f, u64 addr, void *dst, size_t len);
void guest_add(struct fuzz *f);
void guest_scribble(struct fuzz *f);

/* ---- model.c ---- */

#define MODEL_MISS	(-2)
#define MODEL_NO_ROOM	(-1)

/**
 * struct model_chain - a chain as the specification has it
 * @id: see struct devq_chain
 * @ndesc: the same
 * @unmapped: the same
 * @out_len: the same
 * @in_len: the same
 * @nr_out: the same
 * @nr: pieces in all
 * @piece: where they are
 */
struct model_chain {
	u16 id;
	u16 ndesc;
	bool unmapped;
	u64 out_len;
	u64 in_len;
	unsigned int nr_out;
	unsigned int nr;
	struct model_piece piece[DEVQ_CHAIN_SEGS];
};

int model_chain_at(const struct fuzz *f, const struct devq_pos *pos, unsigned int room,
		   struct model_chain *c);
int model_available(const struct fuzz *f, const struct devq_pos *pos, unsigned int max);

/* ---- check.c ---- */

void check_pop(struct fuzz *f, const struct devq *before, unsigned int max,
	       unsigned int iov_max, int ret);
void check_push(struct fuzz *f, const struct devq *before, const struct devq_used *used,
		unsigned int n);
void check_result(const struct fuzz *f, const char *call, int ret);
void check_enter(const struct fuzz *f, int ret);
bool areas_sane(const struct fuzz *f);
void permit_areas(const struct fuzz *f);

#endif
