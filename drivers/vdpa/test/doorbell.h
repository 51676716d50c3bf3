/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_VDPA_TEST_DOORBELL_H
#define RINGSIDE_VDPA_TEST_DOORBELL_H
/* The configuration of vdpa_doorbell_test's devices; the test program includes it. */

#include <linux/types.h>

/* Its queues, by the kind of doorbell they have. */
#define BELL_PAGES	2	/* the first of them: a page each, and an interrupt */
#define BELL_SHORT	2	/* less than a page */
#define BELL_MISALIGNED	3	/* in the middle of a page */
#define BELL_NONE	4
#define BELL_QUEUES	5

#define BELL_IRQ	1000	/* interrupt of queue 0, which nothing ever raises */

/**
 * struct bell_config - all numbers little-endian
 * @rung: first word of each doorbell's page
 * @can_bypass: the kernel has an irq bypass manager
 * @irq: interrupt that the consumer has now, 0 for none
 * @connects: how often it was given one
 * @disconnects: how often it was taken away
 * @untimely: ... that happened while the device was not running, or it was reset with it
 * @orders: what follows is written, as a whole
 * @orders.silent: there are no doorbells any more
 * @orders.eventfd: of the consumer that looks for an interrupt; -1 for no consumer
 */
struct bell_config {
	__le32 rung[BELL_PAGES];
	__le32 can_bypass;
	__le32 irq;
	__le32 connects;
	__le32 disconnects;
	__le32 untimely;
	struct bell_orders {
		__le32 silent;
		__le32 eventfd;
	} orders;
};

#endif
