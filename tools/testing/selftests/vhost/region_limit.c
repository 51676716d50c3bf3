// SPDX-License-Identifier: GPL-2.0-only
/* The module parameter max_mem_regions: what it takes, and that the limit holds. */
#include <sys/mman.h>
#include <unistd.h>

#include "test.h"

#define PAGE	UINT64_C(4096)

/* Whoever uses it goes first. */
static int unload(void)
{
	return system("[ ! -d /sys/module/vhost ] || "
		      "modprobe -r $(ls /sys/module/vhost/holders) vhost");
}

static int load(const char *value)
{
	char line[100];

	snprintf(line, sizeof(line), "modprobe vhost max_mem_regions=%s 2>/dev/null", value);
	return system(line);
}

FIXTURE(limit) {
	int fd;
	struct mem_table t;
	char *page;	/* behind every region */
};

FIXTURE_SETUP(limit)
{
	self->fd = -1;
	ASSERT_EQ(0, mem_table_init(&self->t));
	self->page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	ASSERT_NE(MAP_FAILED, self->page);
	ASSERT_EQ(0, unload());
	ASSERT_EQ(-ENOENT, proc_module_users("vhost"));
}

FIXTURE_TEARDOWN(limit)
{
	close(self->fd);
	mem_table_free(&self->t);
	/* The next program loads it anew, without the parameter. */
	EXPECT_EQ(0, unload());
}

FIXTURE_VARIANT(limit) {
	const char *value;
	long limit;	/* in force then; 0: the module is not loaded */
};

FIXTURE_VARIANT_ADD(limit, sixty_four)
{
	.value = "64", .limit = 64,
};

FIXTURE_VARIANT_ADD(limit, hexadecimal)
{
	.value = "0x1fd", .limit = 509,
};

/* A table without any region would be of no use. */
FIXTURE_VARIANT_ADD(limit, zero)
{
	.value = "0", .limit = 1,
};

/* Others' configuration files may say so. */
FIXTURE_VARIANT_ADD(limit, more_than_there_is)
{
	.value = "65535", .limit = 32767,
};

FIXTURE_VARIANT_ADD(limit, too_large_for_its_type)
{
	.value = "4000000",
};

FIXTURE_VARIANT_ADD(limit, negative)
{
	.value = "-1",
};

FIXTURE_VARIANT_ADD(limit, no_number)
{
	.value = "abc",
};

FIXTURE_VARIANT_ADD(limit, nothing)
{
	.value = "",
};

TEST_F(limit, load)
{
	long i;

	if (!variant->limit) {
		EXPECT_NE(0, load(variant->value));
		EXPECT_EQ(-ENOENT, proc_module_users("vhost"));
		return;
	}
	ASSERT_EQ(0, load(variant->value));
	EXPECT_EQ(variant->limit, proc_param("vhost", "max_mem_regions"));

	/* This loads vhost_net, which takes the vhost that is there. */
	self->fd = vhost_open(VHOST_NET_PATH, 0);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, vhost_set_owner(self->fd));
	EXPECT_EQ(variant->limit, proc_param("vhost", "max_mem_regions"));
	for (i = 0; i < variant->limit; i++) {
		ASSERT_EQ(0, mem_table_add(&self->t, i * 2 * PAGE, self->page, PAGE));
	}
	EXPECT_EQ(0, mem_table_set(&self->t, self->fd));
	ASSERT_EQ(0, mem_table_add(&self->t, i * 2 * PAGE, self->page, PAGE));
	EXPECT_EQ(-E2BIG, mem_table_set(&self->t, self->fd));
	ASSERT_EQ(0, mem_table_del(&self->t, 0));
	EXPECT_EQ(0, mem_table_set(&self->t, self->fd));
}

TEST_HARNESS_MAIN
