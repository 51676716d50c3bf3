#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""How far two reports of bench are apart.

Usage: compare.py RESULTS.json RESULTS.json KERNEL
Prints how many figures differ by how much, and those that do by more than 2 %.
"""

import json
import sys


def figures(path, kernel):
    """{(modules, case, n): value}"""
    with open(path, encoding="utf-8") as file:
        entry = json.load(file)[kernel]
    return {(modules, case, n): value for modules in ("reference", "ours")
            for case, values in entry[modules].items() for n, value in values.items()}


def main():
    """See above."""
    first, second = (figures(path, sys.argv[3]) for path in sys.argv[1:3])
    apart = {key: abs(second[key] / first[key] - 1) for key in first if key in second and first[key]}
    for limit in (0.002, 0.01, 0.02):
        print(f"{sum(d <= limit for d in apart.values())} of {len(apart)} within {limit:.1%}")
    for key, d in sorted(apart.items(), key=lambda item: -item[1]):
        if d > 0.02:
            print(f"{d:6.1%}  {' '.join(key)}: {first[key]}, {second[key]}")


main()
