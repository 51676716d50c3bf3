// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz-calls: programs of random calls on all vhost devices, until time is up. What it
 * looks for shows in the kernel's log, or as a process that does not end.
 */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "calls.h"
#include "libproc.h"
#include "libtime.h"
#include "libvmm.h"

#define THREADS		3
#define ROUND_PROGS	40		/* programs of a thread of one process */
#define STUCK_MS	60000

struct shared *shared;

struct runner {
	struct world *w;
	struct rnd r;
	bool covers;
};

static unsigned int random_op(struct rnd *r)
{
	return rnd(r, op_count());
}

/* A new program, or one that is known to lead somewhere with something changed. */
static struct prog make_prog(struct rnd *r)
{
	struct prog p = { 0 };
	unsigned int i, changes;

	if (!shared->ncorpus || !rnd(r, 4)) {
		p.n = 4 + rnd(r, PROG_CALLS - 4);
		for (i = 0; i < p.n; i++)
			p.call[i] = (struct call) { random_op(r), rnd(r, UINT32_MAX) };
		return p;
	}
	p = shared->corpus[rnd(r, shared->ncorpus)];
	/* Another process may be writing it. */
	if (p.n > PROG_CALLS || !p.n)
		p.n = 1;
	for (changes = 1 + rnd(r, 4); changes; changes--) {
		i = rnd(r, p.n);
		switch (rnd(r, 4)) {
		case 0:
			p.call[i].seed = rnd(r, UINT32_MAX);
			break;
		case 1:
			p.call[i] = (struct call) { random_op(r), rnd(r, UINT32_MAX) };
			break;
		case 2:
			if (p.n < PROG_CALLS)
				p.call[p.n++] = (struct call) { random_op(r), rnd(r, UINT32_MAX) };
			break;
		default:
			p.call[i] = p.call[--p.n];
			p.n += !p.n;
		}
	}
	return p;
}

static void keep(const struct prog *p, struct rnd *r)
{
	unsigned int at = __atomic_fetch_add(&shared->ncorpus, 1, __ATOMIC_RELAXED);

	if (at >= CORPUS_MAX) {
		shared->ncorpus = CORPUS_MAX;
		at = rnd(r, CORPUS_MAX);
	}
	shared->corpus[at] = *p;
}

static void *run_progs(void *arg)
{
	struct runner *me = arg;
	unsigned int n, i;

	me->covers = cover_init();
	for (n = 0; n < ROUND_PROGS && !me->w->stop; n++) {
		struct prog p = make_prog(&me->r);

		cover_begin();
		for (i = 0; i < p.n; i++)
			op_run(me->w, &p.call[i]);
		if (cover_end())
			keep(&p, &me->r);
		shared->progs++;
	}
	return NULL;
}

static void *scribble(void *arg)
{
	struct runner *me = arg;

	while (!me->w->stop) {
		world_scribble(me->w, &me->r);
		if (!rnd(&me->r, 16))
			nap_us(50);
	}
	return NULL;
}

/* One process: threads that share its devices. Ends by itself, or in the middle of it. */
static void run_process(uint64_t seed)
{
	struct rnd r = rnd_new(seed);
	struct runner me[THREADS + 1];
	pthread_t t[THREADS + 1];
	static struct world w;
	unsigned int i, n;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (world_enter(&w))
		_exit(1);
	/* One alone is what a program can be told from; most bugs take several. */
	n = 1 + rnd(&r, THREADS);
	for (i = 0; i <= n; i++) {
		me[i] = (struct runner) { .w = &w, .r = rnd_new(seed * 31 + i) };
		if (pthread_create(&t[i], NULL, i ? run_progs : scribble, &me[i]))
			_exit(2);
	}
	for (i = 1; i <= n; i++)
		pthread_join(t[i], NULL);
	w.stop = true;
	pthread_join(t[0], NULL);
	_exit(0);
}

static int wait_process(pid_t pid, unsigned int kill_ms)
{
	uint64_t start = now_ms();
	int status;

	while (waitpid(pid, &status, WNOHANG) != pid) {
		uint64_t spent = now_ms() - start;

		if (kill_ms && spent >= kill_ms) {
			kill(pid, SIGKILL);
			kill_ms = 0;
		}
		if (spent > STUCK_MS)
			return -ETIMEDOUT;
		nap_us(2000);
	}
	return WIFEXITED(status) && WEXITSTATUS(status) ? -EIO : 0;
}

/* Nothing is left of all that, and a device works. */
static int works_afterwards(int workers)
{
	struct vmm v;
	int ret, left = proc_wait_all_workers(workers, 5000);

	if (left != workers) {
		printf("not ok: %d workers instead of %d\n", left, workers);
		return -EBUSY;
	}
	ret = vmm_net_up(&v, &(struct vmm_config){ .features = F_VERSION_1 });
	if (!ret)
		ret = vmm_traffic_check(&v);
	vmm_close(&v);
	if (ret)
		printf("not ok: a device of good will: %d\n", ret);
	return ret;
}

static void report(bool all)
{
	unsigned int i;

	printf("%lu programs, %lu calls, %lu of them good; %u edges, %u programs kept\n",
	       shared->progs, shared->calls, shared->good, shared->edges, shared->ncorpus);
	for (i = 0; all && i < op_kinds(); i++)
		printf("# %-28s %8lu calls %8lu good%s%s\n", op_name(i), shared->op_calls[i],
		       shared->op_good[i], shared->op_error[i] ? ", last failure: " : "",
		       shared->op_error[i] ? strerror(shared->op_error[i]) : "");
	fflush(stdout);
}

static int fuzz(uint64_t seed, unsigned int ms)
{
	uint64_t end = now_ms() + ms, next = now_ms() + 30000;
	int workers = proc_all_workers(), ret = 0;
	struct rnd r = rnd_new(seed);

	while (!ret && now_ms() < end) {
		uint64_t one = seed++;
		pid_t pid = fork();

		if (!pid)
			run_process(one);
		ret = wait_process(pid, rnd(&r, 4) ? 0 : 20 + rnd(&r, 300));
		if (ret)
			printf("not ok: process of seed %llu: %d\n", (unsigned long long)one, ret);
		if (now_ms() > next) {
			report(false);
			next += 30000;
		}
	}
	return ret ? ret : works_afterwards(workers);
}

int main(int argc, char **argv)
{
	uint64_t seed = now_us();
	unsigned int ms = stress_ms(5000);
	bool all = false;
	int c, ret;

	while ((c = getopt(argc, argv, "s:t:v")) != -1) {
		if (c == 's')
			seed = strtoull(optarg, NULL, 0);
		else if (c == 't')
			ms = 1000 * strtoul(optarg, NULL, 0);
		else if (c == 'v')
			all = true;
		else
			return 2;
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (shared == MAP_FAILED)
		return 2;
	if (world_prepare())
		return 2;
	printf("seed %llu, %u ms\n", (unsigned long long)seed, ms);
	fflush(stdout);
	ret = fuzz(seed, ms);
	report(all);
	world_end();
	return ret ? 1 : 0;
}
