/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_COMPAT_VIRTIO_FEATURES_H
#define RINGSIDE_COMPAT_VIRTIO_FEATURES_H

#include <linux/version.h>

/*
 * pre-7.0: feature bits were a single word, and this header was not there (sparse
 * has no __has_include_next).
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
#include_next <linux/virtio_features.h>
#else

#include <linux/string.h>
#include <linux/types.h>

#define VIRTIO_FEATURES_U64S	2

/* The first word under the plain name, all of them under name_array. */
#define VIRTIO_DECLARE_FEATURES(name)				\
	union {							\
		u64 name##_array[VIRTIO_FEATURES_U64S];		\
		u64 name;					\
	}

#define VIRTIO_U64(b)		((b) / 64)
#define VIRTIO_BIT(b)		(1ULL << ((b) % 64))

static inline bool virtio_features_test_bit(const u64 *features, unsigned int bit)
{
	return features[VIRTIO_U64(bit)] & VIRTIO_BIT(bit);
}

static inline void virtio_features_copy(u64 *dst, const u64 *src)
{
	memcpy(dst, src, VIRTIO_FEATURES_U64S * sizeof(*dst));
}

static inline bool virtio_features_equal(const u64 *a, const u64 *b)
{
	return !memcmp(a, b, VIRTIO_FEATURES_U64S * sizeof(*a));
}
#endif

#endif
