// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a SCSI command of 4 KiB costs, on a disk in memory.
 *
 * Prints lines "CASE N VALUE", N being the commands under way at a time: all
 * instructions from the driver's kick to its end, of the target and its workqueues
 * too, and those of the device's worker alone.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "libscsi.h"
#include "libtime.h"

#define LEN	4096
#define BURST	16
#define BURSTS	40
#define WARM	5
#define IDLE_US	2000	/* until a worker with nothing to do sleeps */
#define DISK	4096	/* KiB */

/**
 * struct disk - a device with its commands
 * @s: the device
 * @io: commands, as laid out once
 */
struct disk {
	struct scsi s;
	struct scsi_io io[BURST];
};

static void disk_up(struct disk *d, uint64_t features)
{
	memset(d, 0, sizeof(*d));
	bench_check(target_init(), "target");
	bench_check(target_ramdisk("disk", DISK, 0), "storage");
	bench_check(target_tpg_add(TARGET_WWN, "tpgt_0"), "portal group");
	bench_check(target_nexus(TARGET_WWN, "tpgt_0", TARGET_NEXUS), "nexus");
	bench_check(target_lun_add(TARGET_WWN, "tpgt_0", 0, "disk"), "LUN");
	bench_check(scsi_up(&d->s, &(struct scsi_config){ .features = features }), "device");
	bench_check(scsi_set_endpoint(&d->s, TARGET_WWN), "endpoint");
	bench_check(scsi_ready(&d->s, 0, 0), "ready");
}

static void disk_down(struct disk *d)
{
	scsi_close(&d->s);
	bench_check(target_clean(), "target");
}

static void commands_init(struct disk *d, bool write)
{
	unsigned int i;

	for (i = 0; i < BURST; i++) {
		struct scsi_io *io = &d->io[i];
		char *data = scsi_alloc(&d->s, LEN, LEN);

		if (!data)
			errx(2, "guest memory");
		memset(io, 0, sizeof(*io));
		memset(data, i, LEN);
		scsi_address(io->lun, 0, 0);
		scsi_cdb_rw(io->cdb, write, i * LEN / SCSI_BLOCK, LEN);
		*(write ? &io->out : &io->in) = data;
		*(write ? &io->out_len : &io->in_len) = LEN;
		bench_check(scsi_io_init(&d->s, io), "command");
	}
}

static void burst(struct disk *d)
{
	unsigned int i;

	for (i = 0; i < BURST; i++)
		bench_check(scsi_add(&d->s, SCSI_IO, &d->io[i]), "add");
	scsi_kick(&d->s, SCSI_IO);
	for (i = 0; i < BURST; i++) {
		struct scsi_io *io = scsi_wait(&d->s, SCSI_IO, SCSI_TIMEOUT_MS);

		if (!io || io->resp->response || io->resp->status)
			errx(1, "a command fails");
	}
}

/* The only case that is wanted, NULL for all. */
static const char *only;

static void measure(struct disk *d, const char *name, const char *suffix, bool write)
{
	pid_t worker = bench_worker();
	uint64_t start, before;
	char what[64];
	unsigned int i;

	snprintf(what, sizeof(what), "%s%s", name, suffix);
	if (only && strcmp(only, what))
		return;
	commands_init(d, write);
	for (i = 0; i < WARM; i++)
		burst(d);
	nap_us(IDLE_US);
	before = bench_thread_ns(worker);
	start = now_ns();
	bench_profile_begin();
	for (i = 0; i < BURSTS; i++)
		burst(d);
	bench_profile_end();
	start = now_ns() - start;
	nap_us(IDLE_US);
	bench_report(what, BURST, start / (BURST * BURSTS));
	snprintf(what, sizeof(what), "%s%s-worker", name, suffix);
	bench_report(what, BURST, (bench_thread_ns(worker) - before) / (BURST * BURSTS));
}

static void run(const char *suffix, uint64_t features)
{
	static struct disk d;

	disk_up(&d, features);
	measure(&d, "scsi-read", suffix, false);
	measure(&d, "scsi-write", suffix, true);
	disk_down(&d);
}

int main(int argc, char **argv)
{
	uint64_t offered;
	int fd = vhost_open(VHOST_SCSI_PATH, 0);

	if (argc > 2)
		errx(2, "usage: scsi [CASE]");
	only = argv[1];
	bench_check(fd, VHOST_SCSI_PATH);
	bench_check(vhost_get_features(fd, &offered), "GET_FEATURES");
	close(fd);
	run("", F_VERSION_1 | F_EVENT_IDX | F_INDIRECT);
	if (offered & F_PACKED)
		run("-packed", F_VERSION_1 | F_EVENT_IDX | F_INDIRECT | F_PACKED);
	return 0;
}
