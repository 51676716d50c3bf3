/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_RING_MEM_USER_H
#define RINGSIDE_RING_MEM_USER_H
/*
 * Memory flavour "user": the ring's areas lie at user addresses of the owner,
 * each in one piece, buffers and indirect tables in an address map.
 * ring_common.h says what each of these has to do.
 */

#include <linux/uaccess.h>

#include "mem_map.h"

#define mem_read_begin(addr, len)	user_read_access_begin(u64_to_user_ptr(addr), len)
#define mem_read_end()			user_read_access_end()
#define mem_get(val, type, addr, fault)	\
	unsafe_get_user(val, (type __user *)(unsigned long)(addr), fault)

#define mem_write_begin(addr, len)	user_write_access_begin(u64_to_user_ptr(addr), len)
#define mem_write_end()			user_write_access_end()
#define mem_put(val, type, addr, fault)	\
	unsafe_put_user(val, (type __user *)(unsigned long)(addr), fault)

static inline bool mem_area_ok(u64 addr, u64 len)
{
	return access_ok(u64_to_user_ptr(addr), len);
}

#endif
