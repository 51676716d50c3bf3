/* SPDX-License-Identifier: GPL-2.0-only */
/* Calls of a VMM, written down a line each, played again on a scene of the test's own. */
#ifndef RINGSIDE_LIBREPLAY_H
#define RINGSIDE_LIBREPLAY_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPLAY_NUMBERS	16	/* of a line, at most */

struct scene;

/* What a line begins with, and what it does; n are the numbers behind it, the rest 0. */
struct replay_op {
	const char *name;
	int (*fn)(struct scene *s, const uint64_t *n);
};

static inline int replay_step(struct scene *s, const struct replay_op *ops, unsigned int nops,
			      const char *line)
{
	uint64_t n[REPLAY_NUMBERS] = { 0 };
	unsigned int i, len = strcspn(line, " ");
	char *p = (char *)line + len;

	for (i = 0; i < REPLAY_NUMBERS && *p; i++)
		n[i] = strtoull(p, &p, 0);
	for (i = 0; i < nops; i++)
		if (strlen(ops[i].name) == len && !strncmp(ops[i].name, line, len))
			return ops[i].fn(s, n);
	return -ENOSYS;
}

/* 0, or what the first step gave that did not do what it did then. */
static inline int replay(struct scene *s, const struct replay_op *ops, unsigned int nops,
			 const char *const *lines, unsigned int count)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < count; i++) {
		ret = replay_step(s, ops, nops, lines[i]);
		if (ret)
			printf("# step %u, %s: %d\n", i, lines[i], ret);
	}
	return ret;
}

#endif
