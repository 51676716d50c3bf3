/* SPDX-License-Identifier: GPL-2.0-only */
/* What a device shows of itself in debugfs. */
#ifndef RINGSIDE_LIBDEBUG_H
#define RINGSIDE_LIBDEBUG_H

#include <stdbool.h>
#include <stddef.h>

#define DEBUG_PATH	"/sys/kernel/debug/vhost"

/*
 * The directory of a device that this process owns, "vhost-net" or the like, into
 * path: 0, or -ENOENT if there is none, -EMLINK if there are several. Devices of which
 * there is one of a name, "vhost-vdpa-0", are found whoever has them.
 */
int debug_dir(const char *device, char *path, size_t room);
/* The value of "name: value" in a file of that device, into text; 0 or -errno. */
int debug_text(const char *device, const char *file, const char *name, char *text,
	       size_t room);
/* The same as a number; -errno. */
long long debug_value(const char *device, const char *file, const char *name);
/* Wait until it is this; what it was last. */
long long debug_wait(const char *device, const char *file, const char *name, long long want);
/* Does the text begin so, or come to begin so? Prints it if not. */
bool debug_says(const char *device, const char *file, const char *name, const char *begin);

#endif
