// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vDPA disk through libblkio: every block is written, read and compared, by several
 * queues with many requests under way; then discarded and zeroed.
 *
 *	blkio /dev/vhost-vdpa-N
 */
#include <blkio.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK		(64 << 10)
#define DEPTH		16	/* requests under way in each queue */
#define MAX_QUEUES	16

static struct blkio *disk;
static struct blkio_mem_region memory;
static int queues;
static unsigned long long blocks, requests;

static void die(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fputs("blkio: ", stderr);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

static void must(int ret, const char *what)
{
	if (ret < 0)
		die("%s: %s (%s)", what, blkio_get_error_msg(), strerror(-ret));
}

enum act { WRITE, READ, FLUSH, DISCARD, ZERO };

/* What a block holds after a round; nothing in round 0. */
static void pattern(void *buf, unsigned long long block, unsigned int round)
{
	unsigned long long *word = buf, random = (block + 1) * 0x9e3779b97f4a7c15 + round;
	size_t i;

	for (i = 0; i < BLOCK / sizeof(*word); i++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		word[i] = round ? random : 0;
	}
}

static char *buffer_of(unsigned int slot)
{
	return (char *)memory.addr + (size_t)slot * BLOCK;
}

static void submit(struct blkioq *q, enum act act, unsigned long long block, unsigned int slot)
{
	unsigned long long at = block * BLOCK;
	void *data = (void *)(unsigned long)slot;

	requests++;
	switch (act) {
	case WRITE:
		blkioq_write(q, at, buffer_of(slot), BLOCK, data, 0);
		break;
	case READ:
		blkioq_read(q, at, buffer_of(slot), BLOCK, data, 0);
		break;
	case FLUSH:
		blkioq_flush(q, data, 0);
		break;
	case DISCARD:
		blkioq_discard(q, at, BLOCK, data, 0);
		break;
	case ZERO:
		blkioq_write_zeroes(q, at, BLOCK, data, 0);
		break;
	}
}

static int complete(struct blkioq *q, unsigned int *slot)
{
	struct timespec limit = { .tv_sec = 60 };
	struct blkio_completion done;

	if (blkioq_do_io(q, &done, 1, 1, &limit) != 1)
		die("no completion within a minute");
	*slot = (unsigned long)done.user_data;
	return done.ret;
}

static void check(enum act act, unsigned int slot, unsigned long long block, unsigned int round)
{
	static char want[BLOCK];

	if (act != READ)
		return;
	pattern(want, block, round);
	if (memcmp(want, buffer_of(slot), BLOCK))
		die("block %llu is not what was written to it", block);
}

/* One request for every block, the queues in turn. */
static void all_blocks(enum act act, unsigned int round)
{
	unsigned long long at[MAX_QUEUES][DEPTH], next = 0, done = 0;
	unsigned int under_way[MAX_QUEUES] = { 0 }, slot;
	int i, ret;

	while (done < blocks) {
		for (i = 0; i < queues; i++) {
			struct blkioq *q = blkio_get_queue(disk, i);

			/* Slots come free in any order: the one just completed goes on. */
			slot = i * DEPTH + under_way[i];
			if (under_way[i] == DEPTH || (next == blocks && under_way[i])) {
				ret = complete(q, &slot);
				if (ret)
					die("block %llu: %s", at[i][slot % DEPTH], strerror(-ret));
				check(act, slot, at[i][slot % DEPTH], round);
				under_way[i] -= next == blocks;
				done++;
			} else if (next < blocks) {
				under_way[i]++;
			}
			if (next == blocks)
				continue;
			if (act == WRITE)
				pattern(buffer_of(slot), next, round);
			else
				memset(buffer_of(slot), 0x5a, BLOCK);
			at[i][slot % DEPTH] = next;
			submit(q, act, next++, slot);
		}
	}
}

static void one(enum act act, unsigned long long block, int want)
{
	struct blkioq *q = blkio_get_queue(disk, 0);
	unsigned int slot;
	int ret;

	submit(q, act, block, 0);
	ret = complete(q, &slot);
	if (!ret != !want)
		die("request %d for block %llu gave %d", act, block, ret);
}

static void open_disk(const char *path)
{
	uint64_t capacity;
	int i;

	must(blkio_create("virtio-blk-vhost-vdpa", &disk), "blkio_create");
	must(blkio_set_str(disk, "path", path), "path");
	must(blkio_connect(disk), "blkio_connect");
	must(blkio_get_uint64(disk, "capacity", &capacity), "capacity");
	must(blkio_get_int(disk, "max-queues", &queues), "max-queues");
	if (queues > MAX_QUEUES)
		queues = MAX_QUEUES;
	must(blkio_set_int(disk, "num-queues", queues), "num-queues");
	must(blkio_start(disk), "blkio_start");
	must(blkio_alloc_mem_region(disk, &memory, (size_t)queues * DEPTH * BLOCK),
	     "blkio_alloc_mem_region");
	must(blkio_map_mem_region(disk, &memory), "blkio_map_mem_region");
	blocks = capacity / BLOCK;
	if (!blocks)
		die("a disk of %llu bytes", (unsigned long long)capacity);
	for (i = 0; i < queues; i++)
		if (!blkio_get_queue(disk, i))
			die("no queue %d", i);
}

int main(int argc, char **argv)
{
	unsigned int round;

	if (argc != 2) {
		fputs("Usage: blkio /dev/vhost-vdpa-N\n", stderr);
		return 2;
	}
	open_disk(argv[1]);
	for (round = 1; round <= 2; round++) {
		all_blocks(WRITE, round);
		one(FLUSH, 0, 0);
		all_blocks(READ, round);
	}
	one(DISCARD, 0, 0);
	all_blocks(ZERO, 0);
	all_blocks(READ, 0);
	one(READ, blocks, -EIO);
	printf("%llu blocks of %d KiB by %d queues, %llu requests: all as written\n", blocks,
	       BLOCK >> 10, queues, requests);
	blkio_destroy(&disk);
	return 0;
}
