/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SCSI targets of the kernel, set up through configfs as an administrator would: storage
 * ("backend"), portal groups of the fabric "vhost", LUNs.
 */
#ifndef RINGSIDE_LIBTARGET_H
#define RINGSIDE_LIBTARGET_H

#include <pthread.h>
#include <stdbool.h>

#include "libhold.h"

#define TARGET_WWN	"naa.600140554cf3a18e"
#define TARGET_WWN2	"naa.600140554cf3a18f"
#define TARGET_NEXUS	"naa.60014053226f0388"

/* Load the modules, see that configfs is there, remove all that is left of others. */
int target_init(void);
/* Remove all storage, groups and LUNs. 0, or the error of the first that stays. */
int target_clean(void);

/* Storage of size KiB, in memory; with protection information of type pi if not 0. */
int target_ramdisk(const char *name, unsigned int kib, int pi);
/* The same in a file below /tmp. */
int target_file(const char *name, unsigned int kib);
/*
 * Storage in a file that does not get on with its writes until it is let go of: somebody
 * else is in the middle of a write to that file, from a page that is not there.
 */
struct target_stall {
	struct hold h;
	int fd;
	pthread_t writer, releaser;
	unsigned int ms;
};

/* 0 once writes wait; -ENOSYS without userfaultfd. */
int target_stall(struct target_stall *t, const char *name);
int target_stall_end(struct target_stall *t);
/* The same in so many ms; target_stall_join() waits for it. */
int target_stall_end_in(struct target_stall *t, unsigned int ms);
void target_stall_join(struct target_stall *t);

/* Portal group by wwn and directory name; the second is "tpgt_0" and the like. */
int target_tpg_add(const char *wwn, const char *tpg);
int target_tpg_del(const char *wwn, const char *tpg);
/* "NULL" ends it. */
int target_nexus(const char *wwn, const char *tpg, const char *initiator);
int target_lun_add(const char *wwn, const char *tpg, unsigned int lun, const char *name);
int target_lun_del(const char *wwn, const char *tpg, unsigned int lun);
/* Any attribute below /sys/kernel/config/target. */
int target_write(const char *attr, const char *value);
int target_read(const char *attr, char *value, unsigned int room);

/* One group tpgt_0 of TARGET_WWN with a nexus, and a file "disk" of 4 MiB as LUN 0. */
int target_simple(void);

#endif
