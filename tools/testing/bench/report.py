#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Figures as the measuring programs print them, made into a report.

Usage: report.py OUT RAW KERNEL...
RAW has a file KERNEL.ours and, unless it was left out, KERNEL.reference; their
lines are "CASE N VALUE". OUT gets results.json, where other kernels' figures and
other cases stay, results.md and plots.
"""

import datetime
import json
import os
import subprocess
import sys

import plot

# Headings, the case names below them, and what N is there.
TABLES = [
    ("Packets: instructions of the worker for each", "memory slots",
     ["tx-64", "tx-64-x4", "tx-64-indirect", "tx-64-inorder", "tx-1500", "tx-1024-x16-random",
      "tx-1024-x16-runs", "tx-65000", "tx-65000-x16", "rx-64", "rx-64-inorder", "rx-64-log",
      "rx-1500", "rx-65000"]),
    ("From kick to call: instructions, median", "memory slots", ["kick-to-call"]),
    ("Device IOTLB: instructions of a message, and of a packet that misses", "entries",
     ["iotlb-update", "iotlb-invalidate", "iotlb-miss"]),
    ("Stream sockets: instructions of the worker for a packet", "bytes",
     ["vsock-to-host", "vsock-to-guest"]),
    ("SCSI, 4 KiB in memory: all instructions of a command, and those of the worker",
     "under way", ["scsi-read", "scsi-read-worker", "scsi-write", "scsi-write-worker"]),
    ("Simulated vDPA disk through libblkio, 4 KiB: all instructions of a request",
     "under way", ["blk-read", "blk-write"]),
    ("Memory table: instructions of a call that adds or removes one region", "regions",
     ["toggle-first", "toggle-middle", "toggle-last", "same", "update"]),
    ("Longest time without a used buffer: instructions, median of five rounds", "regions",
     ["gap-alone", "gap-spinning", "gap-toggling", "urgent-gap-alone", "urgent-gap-toggling"]),
]

# Cases that were measured on packed rings too, as case-packed.
PACKED = ["tx-64", "tx-64-x4", "tx-64-indirect", "tx-64-inorder", "rx-64", "vsock-to-host",
          "vsock-to-guest", "scsi-read", "scsi-write"]


def read_raw(path):
    """The release and {case: {n: value}}."""
    release, figures = "", {}
    with open(path, encoding="ascii") as lines:
        for line in lines:
            words = line.split()
            if words[0] == "release":
                release = words[1]
            else:
                figures.setdefault(words[0], {})[words[1]] = int(words[2])
    return release, figures


def version():
    """Of our modules, as git names it."""
    name = subprocess.run(["git", "describe", "--always"], check=True,
                          capture_output=True, text=True).stdout.strip()
    # A report, which each run writes, makes no other modules.
    dirty = subprocess.run(["git", "diff", "--quiet", "HEAD", "--", ":/drivers", ":/include",
                            ":/Kbuild"],
                           check=False).returncode
    return name + "-dirty" if dirty else name


def merge(results, raw, kernels):
    """Put what was measured now beside, or in the place of, what was there."""
    for kernel in kernels:
        entry = results.setdefault(kernel, {"reference": {}, "ours": {}})
        for modules in ("reference", "ours"):
            path = os.path.join(raw, f"{kernel}.{modules}")
            if not os.path.exists(path):
                continue
            entry["release"], figures = read_raw(path)
            entry[modules].update(figures)
        entry["version"] = version()
        entry["date"] = datetime.date.today().isoformat()


def row(kernel, case, n, entry):
    """One line of a table, None when the case was not measured."""
    ours = entry["ours"].get(case, {}).get(n)
    reference = entry["reference"].get(case, {}).get(n)
    if ours is None and reference is None:
        return None
    ratio = f"{ours / reference:.2f}" if ours and reference else "-"
    return f"| {case} | {n} | {kernel} | {reference or '-'} | {ours or '-'} | {ratio} |"


def sizes(results, case):
    """All N of a case."""
    found = set()
    for entry in results.values():
        for modules in ("reference", "ours"):
            found |= set(entry[modules].get(case, {}))
    return sorted(found, key=int)


def packed(results):
    """Lines of the table of packed rings, which only ours has, beside split ones."""
    rows = []
    for case in PACKED:
        for kernel, entry in results.items():
            for n, value in entry["ours"].get(case + "-packed", {}).items():
                split = entry["ours"].get(case, {}).get(n)
                theirs = entry["reference"].get(case, {}).get(n)
                rows.append(f"| {case} | {kernel} | {theirs or '-'} | {split or '-'} | {value} | "
                            + (f"{value / split:.2f}" if split else "-") + " | "
                            + (f"{value / theirs:.2f}" if theirs else "-") + " |")
    if not rows:
        return []
    return ["", "## Packed rings", "",
            "| case | kernel | distribution, split | ours, split | ours, packed "
            "| packed to split | packed to distribution |",
            "|---|---|---|---|---|---|---|"] + rows


def markdown(results):
    """The report."""
    text = ["# Results", "",
            "Generated by `make bench`; README.md says what the cases are and how to read",
            "the figures. Instructions, counted by QEMU on one virtual processor.", "",
            "| kernel | release | our modules | date |", "|---|---|---|---|"]
    for kernel, entry in results.items():
        text.append(f"| {kernel} | {entry['release']} | {entry['version']} | {entry['date']} |")
    for heading, unit, cases in TABLES:
        rows = [row(kernel, case, n, entry) for case in cases for n in sizes(results, case)
                for kernel, entry in results.items()]
        rows = [r for r in rows if r]
        if rows:
            text += ["", f"## {heading}", "",
                     f"| case | {unit} | kernel | distribution | ours | ratio |",
                     "|---|---|---|---|---|---|"] + rows
    text += packed(results)
    return "\n".join(text) + "\n"


def main():
    """See above."""
    out, raw, kernels = sys.argv[1], sys.argv[2], sys.argv[3:]
    path = os.path.join(out, "results.json")
    results = {}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            results = json.load(file)
    merge(results, raw, kernels)
    results = dict(sorted(results.items(), key=lambda k: [int(p) for p in k[0].split(".")]))
    with open(path, "w", encoding="utf-8") as file:
        json.dump(results, file, indent=1, sort_keys=True)
        file.write("\n")
    with open(os.path.join(out, "results.md"), "w", encoding="utf-8") as file:
        file.write(markdown(results))
    plot.write_all(out, results)


if __name__ == "__main__":
    main()
