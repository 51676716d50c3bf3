// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module that does what a kernel must not do, so that the lab can be seen
 * catching it. For lab kernels only: loading it anywhere else is asking for it.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

static char *kind = "";
module_param(kind, charp, 0444);
MODULE_PARM_DESC(kind, "which fault to make: see the table at the end");

static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);
static DEFINE_SPINLOCK(held);
static char *nobody;

static void fault_warn(void)
{
	WARN(1, "asked for\n");
}

static void fault_oops(void)
{
	WRITE_ONCE(*nobody, 1);
}

static void fault_panic(void)
{
	panic("lab_fault: asked for\n");
}

/* A task that nothing can end, not even a signal. */
static void fault_hang(void)
{
	DECLARE_COMPLETION_ONSTACK(never);

	wait_for_completion(&never);
}

static void fault_kasan(void)
{
	volatile char *p = kmalloc(40, GFP_KERNEL);

	kfree((void *)p);
	pr_info("read after free: %d\n", p[8]);
}

static void fault_ubsan(void)
{
	volatile int by = 40;

	pr_info("shift out of range: %d\n", 1 << by);
}

static void fault_lockdep(void)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);

	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
}

static void fault_sleep(void)
{
	spin_lock(&held);
	msleep(1);
	spin_unlock(&held);
}

/* Several, since a stale pointer in a register or on a stack hides one. */
static void fault_leak(void)
{
	int i;

	for (i = 0; i < 16; i++) {
		nobody = kmalloc(1234, GFP_KERNEL);
		nobody = NULL;
	}
}

static const struct {
	const char *name;
	void (*make)(void);
} faults[] = {
	{ "warn", fault_warn },
	{ "oops", fault_oops },
	{ "panic", fault_panic },
	{ "hang", fault_hang },
	{ "kasan", fault_kasan },
	{ "ubsan", fault_ubsan },
	{ "lockdep", fault_lockdep },
	{ "sleep", fault_sleep },
	{ "leak", fault_leak },
};

static int __init lab_fault_init(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		if (!strcmp(kind, faults[i].name)) {
			faults[i].make();
			return 0;
		}
	}
	return -EINVAL;
}
module_init(lab_fault_init);

static void __exit lab_fault_exit(void)
{
}
module_exit(lab_fault_exit);

MODULE_DESCRIPTION("Deliberate faults for the lab's own test");
MODULE_LICENSE("GPL");
