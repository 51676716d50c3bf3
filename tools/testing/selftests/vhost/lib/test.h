/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every test program here begins with.
 *
 * The harness's EXPECT and ASSERT are two statements each: as the body of an if or
 * a loop they need braces, or the bail-out happens after the loop.
 */
#ifndef RINGSIDE_TEST_H
#define RINGSIDE_TEST_H

#include <kselftest_harness.h>

#include "libproc.h"
#include "libtime.h"
#include "libvmm.h"

#define ARRAY_LEN(a)	(sizeof(a) / sizeof((a)[0]))

/* A stress loop on a slow machine goes on until it has seen this many changes. */
#define MIN_ROUNDS	20

/* Harness limit for tests that run for stress_ms(): must cover any wish. */
#define STRESS_TIMEOUT	1200

/* An address in the kernel's half that no user mapping can have. */
#define KERNEL_ADDR	UINT64_C(0xffff800000000000)

/* A user address with nothing behind it: below every mmap_min_addr. */
#define UNMAPPED_ADDR	UINT64_C(0x1000)

#endif
