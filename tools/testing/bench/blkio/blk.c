// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a request of 4 KiB to a vDPA disk costs through libblkio: all instructions
 * from its submission to its end, of the library, the device and the interrupt.
 *
 *	blk /dev/vhost-vdpa-N
 *
 * Prints lines "CASE N VALUE", N being the requests under way at a time.
 */
#include <blkio.h>
#include <err.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"

#define BLOCK	4096
#define BURST	16
#define BURSTS	40
#define WARM	5

static struct blkio *disk;
static struct blkio_mem_region memory;

static void must(int ret, const char *what)
{
	if (ret < 0)
		errx(2, "%s: %s (%s)", what, blkio_get_error_msg(), strerror(-ret));
}

static void disk_open(const char *path)
{
	must(blkio_create("virtio-blk-vhost-vdpa", &disk), "blkio_create");
	must(blkio_set_str(disk, "path", path), "path");
	must(blkio_connect(disk), "blkio_connect");
	must(blkio_set_int(disk, "num-queues", 1), "num-queues");
	must(blkio_start(disk), "blkio_start");
	must(blkio_alloc_mem_region(disk, &memory, BURST * BLOCK), "memory");
	must(blkio_map_mem_region(disk, &memory), "mapping");
	memset(memory.addr, 0, BURST * BLOCK);
}

static void burst(bool write)
{
	struct blkioq *q = blkio_get_queue(disk, 0);
	struct blkio_completion done[BURST];
	unsigned int i;

	for (i = 0; i < BURST; i++) {
		char *data = (char *)memory.addr + i * BLOCK;

		if (write)
			blkioq_write(q, i * BLOCK, data, BLOCK, NULL, 0);
		else
			blkioq_read(q, i * BLOCK, data, BLOCK, NULL, 0);
	}
	if (blkioq_do_io(q, done, BURST, BURST, NULL) != BURST)
		errx(1, "requests get lost");
	for (i = 0; i < BURST; i++)
		if (done[i].ret)
			errx(1, "a request fails: %s", strerror(-done[i].ret));
}

static void measure(const char *name, bool write)
{
	uint64_t start;
	unsigned int i;

	for (i = 0; i < WARM; i++)
		burst(write);
	start = now_ns();
	bench_profile_begin();
	for (i = 0; i < BURSTS; i++)
		burst(write);
	bench_profile_end();
	bench_report(name, BURST, (now_ns() - start) / (BURST * BURSTS));
}

int main(int argc, char **argv)
{
	if (argc != 2)
		errx(2, "usage: blk /dev/vhost-vdpa-N");
	disk_open(argv[1]);
	measure("blk-write", true);
	measure("blk-read", false);
	blkio_destroy(&disk);
	return 0;
}
