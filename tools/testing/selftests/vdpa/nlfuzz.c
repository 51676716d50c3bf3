// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests that nobody would send, to the vdpa family. Each is answered, or thrown
 * away by netlink itself; afterwards the family works as before, and the devices that
 * came of it can be removed. RINGSIDE_SEED repeats a run.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvdpa.h"
#include "test.h"

#define NAMES	8

static uint64_t state;

/* xorshift64* */
static uint32_t rnd(uint32_t below)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (uint32_t)((state * UINT64_C(2685821657736338717)) >> 32) % below;
}

static void seed(void)
{
	const char *s = getenv("RINGSIDE_SEED");

	state = s ? strtoull(s, NULL, 0) : now_us() | 1;
	printf("# seed=%llu\n", (unsigned long long)state);
}

static void put_name(struct vnl_req *req, unsigned int type)
{
	static const char * const names[] = { "vdpasim_net", "vdpasim_blk", "f0", "f1", "f2",
					      "f3", "none", "" };

	vnl_put_str(req, type, names[rnd(NAMES)]);
}

static void put_noise(struct vnl_req *req, unsigned int type)
{
	unsigned char noise[64];
	unsigned int i, len = rnd(4) ? 1U << rnd(4) : rnd(sizeof(noise));

	for (i = 0; i < len; i++)
		noise[i] = rnd(3) ? 0 : rnd(256);
	vnl_put(req, type, noise, len);
}

static void put_attr(struct vnl_req *req)
{
	switch (rnd(6)) {
	case 0:
		put_name(req, VDPA_ATTR_MGMTDEV_DEV_NAME);
		break;
	case 1:
	case 2:
		put_name(req, VDPA_ATTR_DEV_NAME);
		break;
	case 3:
		vnl_put_u64(req, VDPA_ATTR_DEV_FEATURES, UINT64_C(1) << 32 | UINT64_C(1) << 33 |
			    (UINT64_C(1) << rnd(64)));
		break;
	case 4:
		vnl_put_u32(req, VDPA_ATTR_DEV_QUEUE_INDEX, rnd(2) ? rnd(4) : rnd(UINT32_MAX));
		break;
	default:
		/* Flags of the type's upper bits too. */
		put_noise(req, rnd(8) ? rnd(VDPA_ATTR_MAX + 2) : rnd(65536));
	}
}

/* A request that would do something, but for what comes behind it. */
static void put_sane(struct vnl_req *req)
{
	char name[] = { 'f', '0' + rnd(4), '\0' };

	vnl_begin(req, rnd(2) ? VDPA_CMD_DEV_NEW : rnd(VDPA_CMD_DEV_ATTR_SET + 1), 0);
	vnl_put_str(req, VDPA_ATTR_MGMTDEV_DEV_NAME, rnd(2) ? "vdpasim_net" : "vdpasim_blk");
	vnl_put_str(req, VDPA_ATTR_DEV_NAME, name);
}

/* One byte or length wrong, mostly in front. */
static void damage(struct vnl_req *req)
{
	unsigned int at = rnd(2) ? rnd(NLMSG_HDRLEN + GENL_HDRLEN) : rnd(req->header.nlmsg_len);

	/* The number by which we know the answer, and whom it goes to, stay. */
	if (at < offsetof(struct nlmsghdr, nlmsg_seq) || at >= NLMSG_HDRLEN)
		req->bytes[at] = rnd(256);
}

static int one(struct vnl *nl)
{
	unsigned int attrs = rnd(6), len;
	struct vnl_req req;

	vnl_begin(&req, rnd(12), rnd(4) ? 0 : NLM_F_DUMP);
	if (rnd(2))
		put_sane(&req);
	while (attrs--)
		put_attr(&req);
	req.header.nlmsg_type = nl->family;
	req.header.nlmsg_seq = ++nl->seq;
	req.header.nlmsg_flags |= NLM_F_ACK;
	len = req.header.nlmsg_len;
	if (!rnd(4))
		damage(&req);
	/* Another family's requests are none of our business. */
	if (req.header.nlmsg_type != nl->family)
		return 0;
	return vnl_raw(nl, req.bytes, len);
}

struct names {
	char name[256][64];
	unsigned int count;
};

static void note(const struct vnl_answer *a, void *arg)
{
	struct names *n = arg;

	if (n->count < ARRAY_LEN(n->name))
		snprintf(n->name[n->count++], sizeof(n->name[0]), "%s",
			 vnl_str(a, VDPA_ATTR_DEV_NAME));
}

TEST(requests_that_nobody_sends)
{
	static struct names names;
	unsigned int i, n = 0, good = 0, silent = 0;
	uint64_t end;
	struct vnl nl;
	int err;

	if (modules_load("vdpa_sim_net vdpa_sim_blk"))
		SKIP(return, "no simulators");
	seed();
	ASSERT_EQ(0, vnl_open(&nl));
	end = now_ms() + stress_ms(1000);
	do {
		err = one(&nl);
		good += !err;
		silent += err == -EAGAIN;
	} while (++n < 1000 || now_ms() < end);
	printf("# %u requests, %u went well, %u without an answer\n", n, good, silent);
	EXPECT_LT(0, good);

	/* What is left of the last request's answer belongs to nobody. */
	vnl_close(&nl);
	ASSERT_EQ(0, vnl_open(&nl));
	ASSERT_EQ(0, vnl_dump(&nl, VDPA_CMD_DEV_GET, note, &names));
	printf("# %u devices\n", names.count);
	for (i = 0; i < names.count; i++) {
		EXPECT_EQ(0, vnl_dev_del(&nl, names.name[i]));
	}
	names.count = 0;
	ASSERT_EQ(0, vnl_dump(&nl, VDPA_CMD_DEV_GET, note, &names));
	EXPECT_EQ(0, names.count);
	EXPECT_EQ(0, vnl_dev_new(&nl, "vdpasim_net", "f0"));
	EXPECT_EQ(0, vnl_dev_del(&nl, "f0"));
	vnl_close(&nl);
}

TEST_HARNESS_MAIN
