#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Whether QEMU made the same vhost calls and got the same answers as elsewhere.

Usage:
  callshape.py shape LOG              a log without addresses, times and numbers of events
  callshape.py compare EXPECTED LOG   what differs between EXPECTED, a shape or another
                                      log, and LOG; exit status 1 if anything does
"""
import collections
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from calls import IOTLB_TYPES, LINE, parse


class Shape:
    """A device's calls without what differs from run to run.

    The order in which a device is set up, started and stopped is kept. What a
    running guest causes at times of its own (interrupts masked, regions added and
    their limit looked up, queues reset, translations asked for) is only kept by its
    kinds.
    """

    def __init__(self, calls):
        self.steps, self.kinds = [], set()
        self.table = None
        self.miss = None
        self.resets = {}        # calls so far on a queue that lost its backend
        last = max((n for n, c in enumerate(calls)
                    if c.name == "NET_SET_BACKEND" and c.args["fd"] != "-1"), default=-1)
        first = next((n for n, c in enumerate(calls) if c.name == "NET_SET_BACKEND"), len(calls))
        stop = next((n for n, c in enumerate(calls)
                     if n > last >= 0 and c.name == "NET_SET_BACKEND"), len(calls))
        for number, call in enumerate(calls):
            self.take(call, first < number < stop)

    def take(self, call, running):
        words = [call.name] + self.arguments(call)
        if call.failed:
            words.append("= %s" % os.strerror(call.errno))
        text = " ".join(words)
        if running and self.part_of_reset(call, text):
            return
        if call.name in IOTLB_TYPES and running:
            self.kinds.add(self.message(call))
        elif running and call.name in ("SET_VRING_CALL", "SET_MEM_TABLE", "open"):
            masking = call.name == "SET_VRING_CALL" and not call.failed
            self.kinds.add(call.name if masking else text)
        elif not self.steps or self.steps[-1] != text or call.name != "open":
            self.steps.append(text)

    def part_of_reset(self, call, text):
        """From a running device's queue losing its backend until it has one again."""
        queue = call.args.get("idx")
        if call.name == "NET_SET_BACKEND" and call.args["fd"] == "-1":
            self.resets[queue] = []
        if queue not in self.resets or call.name == "SET_VRING_CALL":
            return False
        self.resets[queue].append(text)
        if call.name == "NET_SET_BACKEND" and call.args["fd"] != "-1":
            self.kinds.add("queue reset: " + ", ".join(self.resets.pop(queue)))
        return True

    def arguments(self, call):
        if call.name == "open":
            return [call.device]
        if call.name == "SET_MEM_TABLE":
            return [self.table_change(call)]
        words = [call.args["idx"]] if "idx" in call.args else []
        if "fd" in call.args:
            words.append("none" if call.args["fd"] == "-1" else "fd")
        if call.name in ("SET_VRING_NUM", "SET_VRING_BUSYLOOP_TIMEOUT"):
            words.append(str(call.number))
        if call.name == "SET_VRING_BASE":
            words.append("moved" if call.number else "0")
        if call.name in ("SET_FEATURES", "SET_BACKEND_FEATURES"):
            words.append(hex(call.value))
        if call.name in ("GET_FEATURES", "GET_BACKEND_FEATURES"):
            words.append(call.answer)
        if call.name == "SET_VRING_ADDR":
            words.append("flags=" + call.args["flags"])
        if call.name in IOTLB_TYPES:
            words += ["size=" + call.args["size"], "perm=" + call.args["perm"]]
        return words

    def table_change(self, call):
        """Regions added, taken away, and those that had to stay as they were."""
        old, new = self.table, call.table
        if not call.failed:
            self.table = new
        if old is None:
            return "%d" % len(new)
        added, gone = len(set(new) - set(old)), len(set(old) - set(new))
        return "+%d -%d" % (added, gone) if added and gone else "+%d" % added if added else \
            "-%d" % gone

    def message(self, call):
        """A message of the running device; an update must be what the miss asked for."""
        good = "" if call.result == 72 and not call.failed else " = %d" % call.result
        page = int(call.args.get("iova", "0"), 0) & ~0xfff
        if call.name == "MISS":
            self.miss = page
            return "MISS perm=%s%s" % (call.args["perm"], good)
        if call.name == "UPDATE":
            asked, self.miss = self.miss == page, None
            return "UPDATE perm=%s%s%s" % (call.args["perm"], "" if asked else " unasked", good)
        return call.name + good

    def lines(self):
        return self.steps + ["meanwhile " + kind for kind in sorted(self.kinds)]


def shapes(calls):
    """The shape of each device, in the order they were opened."""
    devices = collections.OrderedDict()
    opened = None
    for call in calls:
        if call.name == "open" and call.device.startswith("/dev/"):
            opened = str(call.result)
            devices[opened] = []
        # A trace with one device does not name its descriptor.
        fd = call.fd or opened
        if fd in devices:
            devices[fd].append(call)
    return [Shape(calls).lines() for calls in devices.values()]


def satisfied(want, have):
    """Whether a step is the wanted one; a device may offer more features than that."""
    if want.startswith(("GET_FEATURES ", "GET_BACKEND_FEATURES ")):
        name, bits = want.split()
        return have.startswith(name + " ") and not int(bits, 16) & ~int(have.split()[1], 16)
    return want == have


def differences(expected, lines):
    """What is wrong with the shape of a device, as a list of sentences."""
    wrong = []
    steps = [[l for l in side if not l.startswith("meanwhile ")] for side in (expected, lines)]
    for n in range(max(map(len, steps))):
        want, have = (side[n] if n < len(side) else "nothing" for side in steps)
        if not satisfied(want, have):
            wrong.append("call %d is %s, expected %s" % (n + 1, have, want))
            break
    kinds = [set(side) - set(s) for side, s in zip((expected, lines), steps)]
    wrong += ["never seen: " + kind[10:] for kind in sorted(kinds[0] - kinds[1])]
    wrong += ["not expected: " + kind[10:] for kind in sorted(kinds[1] - kinds[0])
              if " = " in kind or kind.endswith("unasked")]
    return wrong


def load_shape(path):
    """A stored shape, or that of the first device in a log."""
    with open(path) as f:
        text = f.read()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    if lines and LINE.match(lines[0]):
        return shapes(parse(text))[0]
    return lines


def main(argv):
    if argv[1:2] == ["shape"] and len(argv) == 3:
        print("\n".join(load_shape(argv[2])))
        return 0
    if argv[1:2] == ["compare"] and len(argv) == 4:
        wrong = differences(load_shape(argv[2]), load_shape(argv[3]))
        print("\n".join(wrong) if wrong else "the same")
        return 1 if wrong else 0
    print(__doc__, file=sys.stderr)
    return 0 if argv[1:] in (["-h"], ["--help"]) else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv))
