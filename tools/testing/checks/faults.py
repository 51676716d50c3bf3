#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Tests named in Documentation/faults.rst exist, and numbered tests are named there."""

import pathlib
import re

DOC = pathlib.Path("Documentation/faults.rst")
PROGRAMS = pathlib.Path("tools/testing/selftests")
SUITES = pathlib.Path("drivers")

CASE = re.compile(r"^TEST(?:_F)?(?:_TIMEOUT|_SIGNAL)?\((?:\w+,\s*)?(\w+)", re.M)
SUITE_CASE = re.compile(r"KUNIT_CASE\w*\((\w+)")


def cases():
    """All tests there are, as (program, test)."""
    for path in PROGRAMS.glob("*/*.c"):
        for name in CASE.findall(path.read_text()):
            yield path.stem, name
    for path in SUITES.glob("*/*/*_kunit.c"):
        for name in SUITE_CASE.findall(path.read_text()):
            yield path.stem, name


def main():
    there = set(cases())
    named = set(re.findall(r"``(\w+): (\w+)``", DOC.read_text()))
    for program, test in sorted(named - there):
        print(f"{DOC}: {program}: {test}: no such test")
    for program, test in sorted(there - named):
        if re.match(r"fault_\d", test):
            print(f"{program}: {test}: not in {DOC}")


if __name__ == "__main__":
    main()
