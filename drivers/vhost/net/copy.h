/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RINGSIDE_NET_COPY_H
#define RINGSIDE_NET_COPY_H
/*
 * Copies between a packet and the pieces of a guest's buffer.
 *
 * Short pieces are copied word by word in a window of user access. That costs less than
 * the call of a function made for long ones, most of all because such a function finds out
 * each time which object of the kernel's it writes to: here that is memory which the caller
 * has just got for as many bytes as are copied.
 */

#include <linux/minmax.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <linux/unaligned.h>

/* Pieces of up to so many bytes are short. */
#define COPY_SHORT	256

#define copy_word_in(type, to, from, label)				\
	do {								\
		type __word;						\
									\
		unsafe_get_user(__word, (const type __user *)(from), label);	\
		put_unaligned(__word, (type *)(to));			\
	} while (0)

static __always_inline int copy_short_in(void *to, const void __user *from, size_t len)
{
	size_t at = 0;

	if (!user_read_access_begin(from, len))
		return -EFAULT;
	for (; at + 4 * sizeof(u64) <= len; at += 4 * sizeof(u64)) {
		copy_word_in(u64, to + at, from + at, fault);
		copy_word_in(u64, to + at + 8, from + at + 8, fault);
		copy_word_in(u64, to + at + 16, from + at + 16, fault);
		copy_word_in(u64, to + at + 24, from + at + 24, fault);
	}
	for (; at + sizeof(u64) <= len; at += sizeof(u64))
		copy_word_in(u64, to + at, from + at, fault);
	if (len & sizeof(u32)) {
		copy_word_in(u32, to + at, from + at, fault);
		at += sizeof(u32);
	}
	if (len & sizeof(u16)) {
		copy_word_in(u16, to + at, from + at, fault);
		at += sizeof(u16);
	}
	if (len & sizeof(u8))
		copy_word_in(u8, to + at, from + at, fault);
	user_read_access_end();
	return 0;

fault:
	user_read_access_end();
	return -EFAULT;
}

/* What follows a short first piece, or is no short one. */
static noinline int copy_more_in(void *to, const struct iovec *seg, size_t skip, size_t len)
{
	for (; len; seg++) {
		size_t n;

		if (skip >= seg->iov_len) {
			skip -= seg->iov_len;
			continue;
		}
		n = min(len, seg->iov_len - skip);
		if (n <= COPY_SHORT ? copy_short_in(to, seg->iov_base + skip, n) :
				      copy_from_user(to, seg->iov_base + skip, n))
			return -EFAULT;
		to += n;
		len -= n;
		skip = 0;
	}
	return 0;
}

/**
 * copy_pieces_in - copy out of a buffer
 * @to: where to
 * @seg: pieces of the buffer, which has so many bytes
 * @skip: bytes to leave out at its start
 * @len: bytes to copy; there is room for them
 *
 * Context: may sleep.
 * Return: 0 or -EFAULT.
 */
static __always_inline int copy_pieces_in(void *to, const struct iovec *seg, size_t skip,
					  size_t len)
{
	if (len <= COPY_SHORT && skip + len <= seg->iov_len)
		return copy_short_in(to, seg->iov_base + skip, len);
	return copy_more_in(to, seg, skip, len);
}

#endif
