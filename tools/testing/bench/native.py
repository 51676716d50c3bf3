#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Times of both module sets, as the script native has them measured, made into a table.

Usage: native.py RAW ROUNDS KERNEL
RAW has files ROUND.ours and ROUND.reference with lines "CASE N NANOSECONDS".
"""

import os
import statistics
import sys


def read_raw(path):
    """{(case, n): nanoseconds}"""
    with open(path, encoding="ascii") as lines:
        return {tuple(line.split()[:2]): int(line.split()[2]) for line in lines}


def main():
    """See above."""
    raw, rounds, kernel = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    pairs = [[read_raw(os.path.join(raw, f"{i}.{modules}")) for modules in ("reference", "ours")]
             for i in range(1, rounds + 1)]
    print(f"Nanoseconds for each packet on {kernel}, medians of {rounds} rounds in turn; "
          "-total is all, the rest the worker.\n")
    print("| case | memory slots | distribution | ours | ratio of pairs | lowest | highest |")
    print("|---|---|---|---|---|---|---|")
    for key in pairs[0][0]:
        both = [(p[0][key], p[1][key]) for p in pairs if p[0].get(key) and p[1].get(key)]
        if not both:
            continue
        ratios = [ours / theirs for theirs, ours in both]
        print(f"| {key[0]} | {key[1]} | {statistics.median(b[0] for b in both):.0f} | "
              f"{statistics.median(b[1] for b in both):.0f} | {statistics.median(ratios):.2f} | "
              f"{min(ratios):.2f} | {max(ratios):.2f} |")


main()
