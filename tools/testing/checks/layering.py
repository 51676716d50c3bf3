#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Who may include whom: prints each include that breaks the layering.

The arrows point at what is used, and none points back:

    memmap <- ring <- core <- { net, vsock, scsi, vdpa }

A folder's *_internal.h is its own; nobody includes sideways."""
import os
import re
import sys

# Folder below drivers/vhost -> folders it may include from, itself aside.
ALLOWED = {
    "memmap": set(),
    "ring": {"memmap"},
    "core": {"memmap", "ring"},
    "net": {"core", "ring", "memmap"},
    "vsock": {"core", "ring", "memmap"},
    "scsi": {"core", "ring", "memmap"},
    "vdpa": {"core", "memmap"},
}
BASE = "drivers/vhost"
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')
PRIVATE = re.compile(r"(^|_)internal\.h$")


def owner(path):
    """The layer a file below BASE belongs to."""
    return os.path.relpath(path, BASE).split(os.sep)[0]


def resolve(name, folder):
    """The file an include means: beside the includer first, then below BASE."""
    for candidate in (os.path.join(folder, name), os.path.join(BASE, name)):
        if os.path.exists(candidate):
            return os.path.normpath(candidate)
    return None


def complaints(path):
    folder = os.path.dirname(path)
    layer = owner(path)
    if layer not in ALLOWED:
        yield 1, f"{layer} is no known layer; add it to layering.py"
        return
    with open(path, encoding="utf-8") as source:
        for number, line in enumerate(source, 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            target = resolve(match.group(1), folder)
            if target is None:
                yield number, f'"{match.group(1)}" is no file of ours'
                continue
            used = owner(target)
            if used == layer:
                continue
            if used not in ALLOWED[layer]:
                yield number, f"{layer} may not include {target}"
            elif PRIVATE.search(os.path.basename(target)):
                yield number, f"{target} is private to {used}"


def main():
    broken = False
    for folder, _, names in os.walk(BASE):
        for name in sorted(names):
            if not name.endswith((".c", ".h")):
                continue
            path = os.path.join(folder, name)
            for number, text in complaints(path):
                print(f"{path}:{number}: {text}")
                broken = True
    return broken


if __name__ == "__main__":
    sys.exit(main())
