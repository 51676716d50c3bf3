// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memslots against a model: random tables, right and wrong ones, one after the
 * other, and random lookups. The model is the table itself, searched from end
 * to end, and memory cut into grains that are looked up one by one.
 */

#include <kunit/test.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/sched.h>

#include "memslot_kunit.h"
#include "random_kunit.h"

/* Borders of regions lie on grains. */
#define GRAIN		256ULL
/* Guest memory: the first grains, and some at the very top. */
#define GRAINS		512
#define TOP_GRAINS	32
#define MODEL_REGIONS	40
#define MODEL_PIECES	48

struct model {
	struct vhost_memory_region r[MODEL_REGIONS + 1];
	unsigned int n;
};

static u64 grain_addr(u32 grain)
{
	if (grain < GRAINS - TOP_GRAINS)
		return grain * GRAIN;
	return -(u64)(GRAINS - grain) * GRAIN;
}

static bool overlap(const struct vhost_memory_region *a, const struct vhost_memory_region *b)
{
	u64 a_last = a->guest_phys_addr + a->memory_size - 1;
	u64 b_last = b->guest_phys_addr + b->memory_size - 1;

	return a->guest_phys_addr <= b_last && b->guest_phys_addr <= a_last;
}

/* What should come of a table? */
static int model_verdict(const struct model *m)
{
	unsigned int i, k;

	for (i = 0; i < m->n; i++) {
		const struct vhost_memory_region *r = &m->r[i];

		if (!r->memory_size || r->guest_phys_addr > U64_MAX - (r->memory_size - 1) ||
		    r->userspace_addr >= U64_MAX / 2)
			return -EFAULT;
	}
	for (i = 0; i < m->n; i++)
		for (k = 0; k < i; k++)
			if (overlap(&m->r[i], &m->r[k]))
				return -EINVAL;
	return 0;
}

static const struct vhost_memory_region *model_find(const struct model *m, u64 gpa)
{
	unsigned int i;

	for (i = 0; i < m->n; i++)
		if (gpa >= m->r[i].guest_phys_addr &&
		    gpa - m->r[i].guest_phys_addr < m->r[i].memory_size)
			return &m->r[i];
	return NULL;
}

static int model_translate(const struct model *m, u64 gpa, u64 len, struct iovec *iov, int max)
{
	int n = 0;

	if (len && gpa > U64_MAX - (len - 1))
		return -EFAULT;
	while (len) {
		const struct vhost_memory_region *r = model_find(m, gpa);
		u64 part = min(len, GRAIN - gpa % GRAIN), uva;

		if (!r)
			return -EFAULT;
		uva = r->userspace_addr + (gpa - r->guest_phys_addr);
		if (!n || (u64)(uintptr_t)iov[n - 1].iov_base + iov[n - 1].iov_len != uva) {
			if (n == max)
				return -ENOBUFS;
			iov[n++] = (struct iovec) { .iov_base = u64_to_user_ptr(uva) };
		}
		iov[n - 1].iov_len += part;
		gpa += part;
		len -= part;
	}
	return n;
}

static struct vhost_memory_region random_region(struct rnd_state *rnd)
{
	u32 grain = random_below(rnd, GRAINS);
	u32 size = 1 + random_below(rnd, min(12U, GRAINS - grain));
	u64 uva = TEST_UVA;

	/* Half of them are neighbours in user space whenever they are in guest memory. */
	if (random_chance(rnd, 50))
		uva += grain * GRAIN;
	else
		uva += random_below(rnd, 1 << 20) * GRAIN;
	return REGION(grain_addr(grain), size * GRAIN, uva);
}

/* Most often a neighbour of one that is there: lookups shall cross borders. */
static struct vhost_memory_region random_new_region(struct rnd_state *rnd, const struct model *m)
{
	struct vhost_memory_region r = random_region(rnd);

	if (m->n && random_chance(rnd, 80)) {
		const struct vhost_memory_region *other = &m->r[random_below(rnd, m->n)];

		r.guest_phys_addr = other->guest_phys_addr + other->memory_size;
		if (random_chance(rnd, 30))
			r.userspace_addr = other->userspace_addr + other->memory_size;
	}
	return r;
}

static struct vhost_memory_region random_bad_region(struct rnd_state *rnd)
{
	struct vhost_memory_region r = random_region(rnd);

	switch (random_below(rnd, 3)) {
	case 0:
		r.memory_size = 0;
		break;
	case 1:
		r.guest_phys_addr = -r.memory_size + 1;
		break;
	case 2:
		r.userspace_addr |= 1ULL << 63;
		break;
	}
	return r;
}

static void model_insert(struct rnd_state *rnd, struct model *m, struct vhost_memory_region r)
{
	unsigned int at = random_below(rnd, m->n + 1);

	memmove(&m->r[at + 1], &m->r[at], (m->n - at) * sizeof(r));
	m->r[at] = r;
	m->n++;
}

static void model_remove(struct rnd_state *rnd, struct model *m)
{
	unsigned int at = random_below(rnd, m->n);

	memmove(&m->r[at], &m->r[at + 1], (m->n - at - 1) * sizeof(*m->r));
	m->n--;
}

static void model_change(struct rnd_state *rnd, struct model *m)
{
	struct vhost_memory_region *r = &m->r[random_below(rnd, m->n)];
	struct vhost_memory_region other = random_region(rnd);

	switch (random_below(rnd, 4)) {
	case 0:
		r->guest_phys_addr = other.guest_phys_addr;
		break;
	case 1:
		r->userspace_addr = other.userspace_addr;
		break;
	case 2:
		r->memory_size = other.memory_size;
		break;
	case 3:
		swap(r->guest_phys_addr, m->r[0].guest_phys_addr);
		break;
	}
}

static void model_shuffle(struct rnd_state *rnd, struct model *m)
{
	unsigned int i;

	for (i = m->n; i > 1; i--)
		swap(m->r[i - 1], m->r[random_below(rnd, i)]);
}

/* The VMM's next table: most often one change to the last one. */
static void model_next(struct rnd_state *rnd, struct model *m)
{
	unsigned int i, n;

	switch (random_below(rnd, 100)) {
	case 0 ... 3:
		model_shuffle(rnd, m);
		break;
	case 4:
		n = random_below(rnd, MODEL_REGIONS);
		for (m->n = i = 0; i < n; i++)
			model_insert(rnd, m, random_new_region(rnd, m));
		break;
	case 5 ... 8:
		if (m->n <= MODEL_REGIONS)
			model_insert(rnd, m, random_bad_region(rnd));
		break;
	case 9:
		if (m->n)
			m->n = random_below(rnd, m->n);
		break;
	case 10 ... 12:
		break;
	case 13 ... 29:
		if (m->n)
			model_change(rnd, m);
		break;
	case 30 ... 49:
		if (m->n)
			model_remove(rnd, m);
		break;
	default:
		if (m->n <= MODEL_REGIONS)
			model_insert(rnd, m, random_new_region(rnd, m));
	}
}

/* How often each verdict was passed, so that a schedule cannot be all of a kind. */
struct model_score {
	unsigned int ok;
	unsigned int overlap;
	unsigned int bad;
	unsigned int pieces[4];		/* error, none or one, few, many */
};

static bool same_pieces(const struct iovec *a, const struct iovec *b, int n)
{
	int i;

	for (i = 0; i < n; i++)
		if (a[i].iov_base != b[i].iov_base || a[i].iov_len != b[i].iov_len)
			return false;
	return true;
}

/* Most often inside of a region. */
static u64 random_gpa(struct rnd_state *rnd, const struct model *m)
{
	const struct vhost_memory_region *r = &m->r[random_below(rnd, max(m->n, 1U))];

	if (!m->n || random_chance(rnd, 20))
		return grain_addr(random_below(rnd, GRAINS)) + random_below(rnd, GRAIN);
	return r->guest_phys_addr + random_below(rnd, r->memory_size);
}

static void compare_lookups(struct kunit *test, struct rnd_state *rnd, const struct model *m,
			    struct model_score *score)
{
	struct memslots_fixture *f = test->priv;
	struct iovec *iov = kunit_kcalloc(test, MODEL_PIECES, 2 * sizeof(*iov), GFP_KERNEL);
	struct iovec *want = iov + MODEL_PIECES;
	const struct memmap_set *set;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, iov);
	set = memmap_read_lock(&f->ms.map, &f->reader);
	for (i = 0; i < 16; i++) {
		u64 gpa = random_gpa(rnd, m);
		u64 len = random_below(rnd, (random_chance(rnd, 50) ? 2 : 60) * GRAIN);
		int max = random_chance(rnd, 70) ? MODEL_PIECES : random_below(rnd, 4);
		int n, expect;

		n = test_translate(set, &f->cache, gpa, len, MEMMAP_READ, iov, max);
		expect = model_translate(m, gpa, len, want, max);
		if (n != expect || !same_pieces(iov, want, n))
			KUNIT_FAIL(test, "0x%llx+0x%llx: %d pieces, the model has %d", gpa, len,
				   n, expect);
		score->pieces[n < 0 ? 0 : n < 2 ? 1 : n < 5 ? 2 : 3]++;
	}
	memmap_read_unlock(&f->ms.map, &f->reader);
	kunit_kfree(test, iov);
}

static void model_step(struct kunit *test, struct rnd_state *rnd, struct model *now,
		       struct model *next, struct model_score *score)
{
	struct memslots_fixture *f = test->priv;
	int err, verdict;

	*next = *now;
	model_next(rnd, next);
	verdict = model_verdict(next);
	/* Validating does the idle set's part of the work: leave that to the map, too. */
	if (random_chance(rnd, 50))
		err = memslots_set_raw(&f->ms, next->r, next->n);
	else
		err = memslots_set(test, next->r, next->n);
	KUNIT_ASSERT_EQ(test, err, verdict);
	if (!err)
		swap(*now, *next);
	KUNIT_ASSERT_EQ(test, memslots_count(&f->ms), now->n);
	score->ok += !verdict;
	score->overlap += verdict == -EINVAL;
	score->bad += verdict == -EFAULT;
	compare_lookups(test, rnd, now, score);
}

static void random_tables(struct kunit *test)
{
	struct memslots_fixture *f = test->priv;
	unsigned int i, n = random_rounds(20000);
	struct model_score score = {};
	struct model *model;
	struct rnd_state rnd;

	model = kunit_kcalloc(test, 2, sizeof(*model), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, model);
	random_start(test, &rnd);
	for (i = 0; i < n && test->status == KUNIT_SUCCESS; i++) {
		model_step(test, &rnd, &model[0], &model[1], &score);
		cond_resched();
	}
	KUNIT_EXPECT_EQ(test, memslots_validate(&f->ms), 0);
	kunit_info(test, "%u tables: %u in force, %u overlap, %u bad; lookups: %u refused, %u of one piece, %u of few, %u of many",
		   i, score.ok, score.overlap, score.bad, score.pieces[0], score.pieces[1],
		   score.pieces[2], score.pieces[3]);
	if (n >= 1000) {
		KUNIT_EXPECT_GT(test, score.ok, n / 5);
		KUNIT_EXPECT_GT(test, score.overlap, n / 50);
		KUNIT_EXPECT_GT(test, score.bad, n / 100);
		KUNIT_EXPECT_GT(test, score.pieces[2], n / 20);
	}
	/* One lookup in some ten thousand. */
	if (n >= 20000)
		KUNIT_EXPECT_GT(test, score.pieces[3], 0);
}

static struct kunit_case memslots_model_cases[] = {
	KUNIT_CASE_SLOW(random_tables),
	{}
};

static struct kunit_suite memslots_model_suite = {
	.name = "memslots-model",
	.init = memslots_fixture_init,
	.exit = memslots_fixture_exit,
	.test_cases = memslots_model_cases,
};

kunit_test_suite(memslots_model_suite);
