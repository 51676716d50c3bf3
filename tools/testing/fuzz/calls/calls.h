/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_FUZZ_CALLS_H
#define RINGSIDE_FUZZ_CALLS_H
/*
 * Programs of random calls on all vhost devices at once. Processes that run them come
 * and go; several threads of each call at the same time, and one rewrites rings and
 * buffers while workers use them. A program that reaches new code is kept, and changed
 * again later, where the kernel can tell (KCOV).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROG_CALLS	24
#define CORPUS_MAX	2048
#define COVER_BITS	(1U << 18)

/**
 * struct call - one call of a program
 * @op: which, modulo the number of them
 * @seed: where its arguments come from
 */
struct call {
	uint16_t op;
	uint32_t seed;
};

struct prog {
	unsigned int n;
	struct call call[PROG_CALLS];
};

/**
 * struct shared - what processes leave to those after them
 * @corpus: programs that reached something new
 * @ncorpus: how many
 * @cover: a bit for each edge seen, by its hash
 * @edges: how many bits are set
 * @progs: programs run
 * @calls: calls made
 * @good: calls that returned no error
 * @op_good: the same of each kind
 * @op_calls: calls of each kind
 * @op_error: what the last one of each kind failed with
 *
 * Written by several threads without a lock: what is lost is a figure.
 */
struct shared {
	struct prog corpus[CORPUS_MAX];
	unsigned int ncorpus;
	uint8_t cover[COVER_BITS / 8];
	unsigned int edges;
	unsigned long progs;
	unsigned long calls;
	unsigned long good;
	unsigned long op_good[256];
	unsigned long op_calls[256];
	int op_error[256];
};

extern struct shared *shared;

/* ---- random numbers: xorshift64*, one state each thread ---- */

struct rnd {
	uint64_t s;
};

static inline uint32_t rnd(struct rnd *r, uint32_t below)
{
	r->s ^= r->s >> 12;
	r->s ^= r->s << 25;
	r->s ^= r->s >> 27;
	return (uint32_t)((r->s * UINT64_C(2685821657736338717)) >> 32) % below;
}

static inline struct rnd rnd_new(uint64_t seed)
{
	return (struct rnd) { (seed + 1) * UINT64_C(0x9e3779b97f4a7c15) };
}

/* ---- world.c: devices, files and memory of one process ---- */

#define RAM_ADDR	0x20000000UL
#define RAM_SIZE	(512U << 10)
#define LOG_ADDR	0x21000000UL
#define LOG_SIZE	(64U << 10)
#define QUEUE_BYTES	0x4000U		/* descriptors, driver's and device's area of one */
#define QUEUE_NUM	64
#define QUEUES		4
#define BUFFERS		(QUEUES * QUEUE_BYTES)
#define BUFFER_BYTES	8192U
#define NBUFFERS	48U
/* Room behind the buffers for two indirect tables longer than a chain may be. */
#define TABLES		(BUFFERS + NBUFFERS * BUFFER_BYTES)
#define TABLE_BYTES	((RAM_SIZE - TABLES) / 2)

enum { KIND_NET, KIND_VSOCK, KIND_SCSI, KIND_VDPA_NET, KIND_VDPA_BLK, KIND_VDPA_BELL, KINDS };

/**
 * struct device - one open file
 * @fd: the file; changes when it is closed and opened
 * @kind: what it is
 * @packed: its rings are laid out so, as far as we know
 * @iommu: its rings and buffers are named by I/O virtual addresses
 * @indirect: its driver may use indirect tables
 * @idx: where each queue's driver is
 */
struct device {
	volatile int fd;
	int kind;
	bool packed;
	bool iommu;
	bool indirect;
	uint16_t idx[QUEUES];
};

#define EVENTS		6
#define SOCKS		4
/* Ports of the guest's and of the host's are below. */
#define PORTS		4

/**
 * struct world - what a process has
 * @dev: a device of each kind
 * @event: eventfds, for any use
 * @backend: what vhost-net may get: a tap, a socket that will not do, nothing
 * @listener: host's sockets that the guest can connect to, a stream and packets
 * @sock: sockets of the host with a connection to the guest, or on the way to one
 * @log_fd: for VHOST_SET_LOG_FD
 * @memfd: guest memory, mapped at RAM_ADDR, where parts of it come and go
 * @ram: the same where all of it is always there: the driver's view
 * @netlink: somebody has the netlink socket
 * @stop: threads are to end
 */
struct world {
	struct device dev[KINDS];
	int event[EVENTS];
	int backend[3];
	int listener[2];
	volatile int sock[SOCKS];
	int log_fd;
	int memfd;
	char *ram;
	volatile bool netlink;
	volatile bool stop;
};

/* Once, before all processes: devices of the vdpa bus, a target, an interface. */
int world_prepare(void);
void world_end(void);
/* In each process. */
int world_enter(struct world *w);
/* Close a device and open it again. */
int world_reopen(struct world *w, struct device *d);
void world_scribble(struct world *w, struct rnd *r);

struct vnl;

/* The netlink family, for one at a time; NULL while somebody else has it. */
struct vnl *world_netlink(struct world *w);
void world_netlink_done(struct world *w);

/* ---- ops.c ---- */

/* One call; its result. */
int op_run(struct world *w, const struct call *c);
unsigned int op_count(void);
/* Some numbers stand for the same: the kinds of calls there are, and their names. */
unsigned int op_kinds(void);
const char *op_name(unsigned int kind);

/* ---- cover.c ---- */

/* False without KCOV. */
bool cover_init(void);
void cover_begin(void);
/* How many edges were new. */
unsigned int cover_end(void);

#endif
