/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Before the few files that are programs of User-Mode Linux's host and read KCSAN's header:
 * none of the headers that it leans on is there.
 */
#ifdef __UM_HOST__
struct list_head {
	struct list_head *next, *prev;
};
#endif
