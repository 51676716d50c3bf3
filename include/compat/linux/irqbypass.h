/* SPDX-License-Identifier: GPL-2.0-only */
#include_next <linux/irqbypass.h>
#include <linux/version.h>

#ifndef RINGSIDE_COMPAT_IRQBYPASS_H
#define RINGSIDE_COMPAT_IRQBYPASS_H

struct eventfd_ctx;

/* pre-6.17: the eventfd and the interrupt were members; a signature has no name to test. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
static inline int compat_irq_bypass_register_producer(struct irq_bypass_producer *producer,
						      struct eventfd_ctx *ctx, int irq)
{
	producer->token = ctx;
	producer->irq = irq;
	return irq_bypass_register_producer(producer);
}

#define irq_bypass_register_producer(producer, ctx, irq) \
	compat_irq_bypass_register_producer(producer, ctx, irq)

static inline int compat_irq_bypass_register_consumer(struct irq_bypass_consumer *consumer,
						      struct eventfd_ctx *ctx)
{
	consumer->token = ctx;
	return irq_bypass_register_consumer(consumer);
}

#define irq_bypass_register_consumer(consumer, ctx) \
	compat_irq_bypass_register_consumer(consumer, ctx)
#endif

#endif
