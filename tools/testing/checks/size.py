#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Length of files (700 lines) and of C functions (60 lines) among the arguments."""
import re
import sys

FILE_LIMIT = 700
FUNCTION_LIMIT = 60
# Kernel style: a function's body opens and closes in the first column.
NAME = re.compile(r"(\w+)\s*\(")


def functions(lines):
    """Yields (line number, name, length of body) of each function."""
    head = ""
    start = None
    for number, line in enumerate(lines, 1):
        if line.startswith("{") and start is None:
            start = number
        elif line.startswith("}") and start is not None:
            match = NAME.search(head)
            if match and line.strip() == "}":
                yield start, match.group(1), number - start - 1
            start, head = None, ""
        elif start is None:
            if line[:1].isspace() or not line.strip():
                head = head if line.strip() else ""
            elif re.match(r"[A-Za-z_]", line):
                head = line


def main():
    broken = False
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as source:
            lines = source.readlines()
        if len(lines) > FILE_LIMIT:
            print(f"{path}: {len(lines)} lines, the limit is {FILE_LIMIT}")
            broken = True
        if not path.endswith((".c", ".h")):
            continue
        for number, name, length in functions(lines):
            if length > FUNCTION_LIMIT:
                print(f"{path}:{number}: {name}() has {length} lines, "
                      f"the limit is {FUNCTION_LIMIT}")
                broken = True
    return broken


if __name__ == "__main__":
    sys.exit(main())
