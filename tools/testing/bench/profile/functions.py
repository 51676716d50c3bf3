#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What counts.c has written, by function.

Usage: functions.py DIR PACKETS
DIR holds counts and kallsyms. Prints instructions for each of PACKETS: of the
worker, in all, and the function.
"""

import bisect
import collections
import sys


def symbols(path):
    """Sorted (address, name) of all functions."""
    table = []
    with open(path, encoding="ascii") as lines:
        for line in lines:
            words = line.split()
            if words[1] in "tTwW" and not words[2].startswith("__cfi_"):
                module = words[3] if len(words) > 3 else ""
                table.append((int(words[0], 16), (words[2] + " " + module).strip()))
    table.sort(key=lambda s: s[0])
    return table


def counts(path, table):
    """Instructions of each function in the last run: by the worker, in all."""
    starts = [s[0] for s in table]
    worker, total = collections.Counter(), collections.Counter()
    with open(path, encoding="ascii") as lines:
        for line in lines:
            if line == "run\n":
                worker.clear()
                total.clear()
                continue
            words = line.split()
            addr, insns, count, by_worker = int(words[0], 16), *map(int, words[1:])
            i = bisect.bisect_right(starts, addr) - 1
            name = table[i][1] if i >= 0 and addr >> 63 else "(user)"
            worker[name] += insns * by_worker
            total[name] += insns * count
    return worker, total


def main():
    directory, packets = sys.argv[1], int(sys.argv[2])
    worker, total = counts(directory + "/counts", symbols(directory + "/kallsyms"))
    print(f"{sum(worker.values()) / packets:9.1f} {sum(total.values()) / packets:9.1f} all")
    # Some cases have no worker: then what the caller runs is in question.
    for name in sorted(total, key=lambda name: (worker[name], total[name]), reverse=True)[:60]:
        print(f"{worker[name] / packets:9.1f} {total[name] / packets:9.1f} {name}")


main()
