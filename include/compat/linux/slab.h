/* SPDX-License-Identifier: GPL-2.0-only */
#include_next <linux/slab.h>
#include <linux/overflow.h>

#ifndef RINGSIDE_COMPAT_SLAB_H
#define RINGSIDE_COMPAT_SLAB_H

/*
 * pre-7.0: allocation by type. Stable kernels take these back as one set, so
 * the name of the first answers for all.
 */
#ifndef kmalloc_obj

/* The caller's flags, GFP_KERNEL when there are none. */
#define compat_pick_gfp(unused, flags, ...) flags
#define compat_gfp(...) compat_pick_gfp(0, ##__VA_ARGS__, GFP_KERNEL)

#define compat_alloc_objs(alloc, type, count, flags) \
	((typeof(type) *)alloc(size_mul(sizeof(type), (count)), flags))

#define compat_alloc_flex(alloc, type, member, count, flags)		\
({									\
	typeof(type) *compat_flex;					\
									\
	compat_flex = alloc(struct_size(compat_flex, member, count), flags); \
	compat_flex;							\
})

#define kmalloc_obj(type, ...) \
	compat_alloc_objs(kmalloc, type, 1, compat_gfp(__VA_ARGS__))
#define kmalloc_objs(type, count, ...) \
	compat_alloc_objs(kmalloc, type, count, compat_gfp(__VA_ARGS__))
#define kmalloc_flex(type, member, count, ...) \
	compat_alloc_flex(kmalloc, type, member, count, compat_gfp(__VA_ARGS__))

#define kzalloc_obj(type, ...) \
	compat_alloc_objs(kzalloc, type, 1, compat_gfp(__VA_ARGS__))
#define kzalloc_objs(type, count, ...) \
	compat_alloc_objs(kzalloc, type, count, compat_gfp(__VA_ARGS__))
#define kzalloc_flex(type, member, count, ...) \
	compat_alloc_flex(kzalloc, type, member, count, compat_gfp(__VA_ARGS__))

#define kvmalloc_obj(type, ...) \
	compat_alloc_objs(kvmalloc, type, 1, compat_gfp(__VA_ARGS__))
#define kvmalloc_objs(type, count, ...) \
	compat_alloc_objs(kvmalloc, type, count, compat_gfp(__VA_ARGS__))
#define kvmalloc_flex(type, member, count, ...) \
	compat_alloc_flex(kvmalloc, type, member, count, compat_gfp(__VA_ARGS__))

#define kvzalloc_obj(type, ...) \
	compat_alloc_objs(kvzalloc, type, 1, compat_gfp(__VA_ARGS__))
#define kvzalloc_objs(type, count, ...) \
	compat_alloc_objs(kvzalloc, type, count, compat_gfp(__VA_ARGS__))
#define kvzalloc_flex(type, member, count, ...) \
	compat_alloc_flex(kvzalloc, type, member, count, compat_gfp(__VA_ARGS__))

#endif

#endif
