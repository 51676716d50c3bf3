/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_FUZZ_DRIVER_H
#define RINGSIDE_FUZZ_DRIVER_H
/* The VMM and the guest that mean well, so that random calls find something going on. */
#include <linux/vhost.h>

#include "calls.h"

/* The areas of a queue as VHOST_SET_VRING_ADDR takes them. */
struct vhost_vring_addr driver_addr(const struct device *d, unsigned int q);
/* All calls that start a device, with these features. Those that fail are left behind. */
int driver_bring_up(struct world *w, struct device *d, uint64_t features);
/* One chain, good or not quite, made available. */
void driver_add(struct world *w, struct device *d, unsigned int q, struct rnd *r);

#endif
