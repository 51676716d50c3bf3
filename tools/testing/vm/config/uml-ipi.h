/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For the host side of the SMP lab kernels, uml-build has it included in
 * arch/um/os-Linux/smp.c and time.c. User-Mode Linux blocks the signal that stands for
 * an inter-processor interrupt whenever the kernel turns interrupts off, which costs two
 * system calls of the host for each pair of local_irq_save() and local_irq_restore():
 * a seventh of what a QEMU guest takes there. Here the signal stays unblocked. One that
 * comes while interrupts are off is remembered, and sent again when they are on.
 */
#ifdef __UM_HOST__
#include <pthread.h>
#include <signal.h>
#include <stddef.h>

#define RINGSIDE_IPI SIGRTMIN

extern __thread int signals_enabled;

/* The vectors that came while interrupts were off; this thread's, as signals_enabled is. */
extern __thread volatile unsigned int ringside_ipis;

/* Nothing is remembered meanwhile: interrupts are on, or the signal is blocked. */
static inline void ringside_ipis_send(void)
{
	unsigned int vectors = ringside_ipis;
	union sigval value = { 0 };

	ringside_ipis = 0;
	for (; vectors; vectors &= vectors - 1) {
		value.sival_int = __builtin_ctz(vectors);
		pthread_sigqueue(pthread_self(), RINGSIDE_IPI, value);
	}
}

#ifdef RINGSIDE_IPI_SMP
__thread volatile unsigned int ringside_ipis;
static void (*ringside_ipi_handler)(int sig, siginfo_t *info, void *context);

/*
 * Softirqs run at the end of the handler, with interrupts on: from here on there may be
 * others, which are remembered until then.
 */
static void ringside_ipi(int sig, siginfo_t *info, void *context)
{
	sigset_t own;

	if (!signals_enabled) {
		ringside_ipis |= 1u << info->si_value.sival_int;
		return;
	}
	signals_enabled = 0;
	sigemptyset(&own);
	sigaddset(&own, sig);
	sigprocmask(SIG_UNBLOCK, &own, NULL);
	ringside_ipi_handler(sig, info, context);
	ringside_ipis_send();
}

static inline int ringside_sigaction(int sig, const struct sigaction *action,
				     struct sigaction *old)
{
	struct sigaction own = *action;

	ringside_ipi_handler = action->sa_sigaction;
	own.sa_sigaction = ringside_ipi;
	return sigaction(sig, &own, old);
}

/* SIG_BLOCK and SIG_UNBLOCK are interrupts off and on; the rest is making a thread. */
static inline int ringside_sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	sigset_t own = *set;

	if (how == SIG_SETMASK) {
		if (!old)
			sigdelset(&own, RINGSIDE_IPI);
		return sigprocmask(how, &own, old);
	}
	if (how == SIG_UNBLOCK && ringside_ipis)
		ringside_ipis_send();
	return 0;
}

#define sigaction(sig, action, old) ringside_sigaction(sig, action, old)
#else
/* The idle loop has to have it blocked before it looks whether there is work. */
static inline int ringside_sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	sigset_t own = *set;
	int err;

	sigaddset(&own, RINGSIDE_IPI);
	err = sigprocmask(how, &own, old);
	if (!err && how == SIG_BLOCK)
		ringside_ipis_send();
	return err;
}
#endif

#define sigprocmask(how, set, old) ringside_sigprocmask(how, set, old)
#endif
