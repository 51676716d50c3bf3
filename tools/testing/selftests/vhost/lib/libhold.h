/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A page of guest memory that is not there until the test delivers it: whoever
 * touches it waits, and so a worker is held in the middle of a turn. Behind
 * userfaultfd, which not every kernel has.
 */
#ifndef RINGSIDE_LIBHOLD_H
#define RINGSIDE_LIBHOLD_H

#include <stddef.h>

#include "libvmm.h"

#define HOLD_SIZE	4096
#define HOLD_GPA	UINT64_C(0x100000000)

struct hold {
	int uffd;
	char *page;
};

/* 0; -ENOSYS when there is no userfaultfd. */
int hold_open(struct hold *h);
void hold_close(struct hold *h);
/* Make it guest memory at HOLD_GPA. The table is yet to be set. */
int hold_add(struct hold *h, struct vmm *v);
/* Wait until somebody waits for it; -ETIMEDOUT if nobody does. */
int hold_met(struct hold *h, unsigned int timeout_ms);
/* Deliver it, len bytes of content and zeros. */
int hold_release(struct hold *h, const void *content, size_t len);
/* Send a frame from it and wait until the worker is held: hold_add() was before. */
int hold_tx(struct hold *h, struct vmm *v, size_t len);

#endif
