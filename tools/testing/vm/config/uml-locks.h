/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For the lock code of the SMP lab kernels, uml-build has it included there. A
 * processor of User-Mode Linux is a thread, and whoever holds a lock may not be
 * running at all: who waits gives the host's processor away instead of burning it.
 */
#include <asm/processor.h>

#define vcpu_is_preempted(cpu) true

int sched_yield(void);
#undef cpu_relax
#define cpu_relax() sched_yield()
