// SPDX-License-Identifier: GPL-2.0-only
#include <linux/module.h>

#include "memmap_internal.h"

static int __init memmap_module_init(void)
{
	return memmap_cache_create();
}
module_init(memmap_module_init);

static void __exit memmap_module_exit(void)
{
	memmap_cache_destroy();
}
module_exit(memmap_module_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("Ringside developers");
MODULE_VERSION(RINGSIDE_VERSION);
MODULE_DESCRIPTION("Address maps and memslots for vhost and vDPA");
