# SPDX-License-Identifier: GPL-2.0-only
"""QEMU's vhost calls, as calllog.so notes them while QEMU runs."""
import collections
import os
import re

LOG_ALL = 1 << 26
LINE = re.compile(r"(?P<time>\d+\.\d+) \[\d+\] (?P<kind>open|ioctl|read|write) "
                  r"(?P<device>[^ #]+)(?:#(?P<fd>\d+))?(?: (?P<rest>.*?))? = (?P<result>-?\d+)"
                  r"(?: errno=(?P<errno>\d+)\([^)]*\))?(?: -> (?P<answer>[^{]*?))?"
                  r"(?: \{\d+us\})?$")
REGION = re.compile(r"\[\d+\] gpa=(0x[0-9a-f]+) size=(0x[0-9a-f]+) hva=(0x[0-9a-f]+)")
IOTLB_TYPES = ("MISS", "UPDATE", "INVALIDATE", "ACCESS_FAIL", "BATCH_BEGIN", "BATCH_END")


class Call:
    """One call: name, arguments by name, result (the errno's number when below 0)."""

    def __init__(self, match):
        rest = (match["rest"] or "").split()
        self.time = float(match["time"])
        self.kind, self.device, self.fd = match["kind"], match["device"], match["fd"]
        self.result, self.errno = int(match["result"]), int(match["errno"] or 0)
        self.answer = match["answer"] or ""
        self.table = [tuple(int(n, 16) for n in region)
                      for region in REGION.findall(match["rest"] or "")]
        # A vring state that is asked for comes back in the answer.
        self.args = dict(re.sub(r"\(.*\)$", "", word).split("=", 1)
                         for word in rest + self.answer.split() if "=" in word)
        plain = [word for word in rest if "=" not in word]
        if self.kind == "ioctl":
            self.name = plain[0].replace("VHOST_", "", 1)
            self.value = int(plain[1], 0) if len(plain) > 1 and not self.table else None
        elif self.kind == "open":
            self.name, self.value = "open", None
        else:
            self.name = next((word for word in plain if word in IOTLB_TYPES), "?")
            self.value = None

    @property
    def failed(self):
        return self.result < 0

    @property
    def number(self):
        """The second half of a vring state, given or got."""
        return int(self.args["num"], 0)


def parse(text):
    """The calls in a log; a table may have its regions on lines of their own."""
    calls = []
    for line in re.sub(r"\n +\[", " [", text).splitlines():
        match = LINE.match(line)
        if match:
            calls.append(Call(match))
        elif " ######## " not in line:
            raise ValueError("not a line of a call log: " + line)
    return calls


class CallLog:
    """Follows the log of one QEMU while it runs."""

    def __init__(self, path):
        self.path = path
        self.offset = 0
        self.all = []

    def update(self):
        if not os.path.exists(self.path):
            return self.all
        with open(self.path) as f:
            f.seek(self.offset)
            text = f.read()
        whole = text.rfind("\n") + 1
        self.offset += whole
        self.all += parse(text[:whole])
        return self.all

    def named(self, name, **args):
        """Calls of this name that had these arguments."""
        return [c for c in self.update() if c.name == name and
                all(c.args.get(key) == str(value) for key, value in args.items())]

    @property
    def tables(self):
        """(time, regions) of each table the first device accepted."""
        calls = self.named("SET_MEM_TABLE")
        return [(c.time, c.table) for c in calls if not c.failed and c.fd == calls[0].fd]

    @property
    def regions(self):
        tables = self.tables
        return len(tables[-1][1]) if tables else 0

    @property
    def peak(self):
        return max((len(table) for _, table in self.tables), default=0)

    @property
    def failed(self):
        """Calls that failed, and how often."""
        count = collections.Counter("%s: %s" % (c.name, os.strerror(c.errno))
                                    for c in self.update() if c.failed)
        return ["%s (%d x)" % item for item in count.items()]

    def slots_within(self, start, size):
        """Regions of the current table inside [start, start + size), in bytes."""
        tables = self.tables
        return sum(start <= gpa and gpa + length <= start + size
                   for gpa, length, _ in (tables[-1][1] if tables else []))

    def started(self, queues):
        """Whether so many queues have had a backend: vhost carries the traffic."""
        return sum(c.args["fd"] != "-1" for c in self.named("NET_SET_BACKEND")) >= queues

    def history(self, start):
        """Turning points of the number of regions, with seconds since start."""
        points = []
        for when, table in self.tables:
            n = len(table)
            if points and points[-1][1] == n:
                continue
            if len(points) >= 2 and (points[-1][1] - points[-2][1]) * (n - points[-1][1]) > 0:
                points.pop()
            points.append((when, n))
        return " -> ".join("%d (%.0f s)" % (n, when - start) for when, n in points)

    def logging_calls(self):
        """Counts of what switches the dirty log on: base, features, ring addresses."""
        return (len(self.named("SET_LOG_BASE")),
                sum(bool(c.value & LOG_ALL) for c in self.named("SET_FEATURES")),
                len(self.named("SET_VRING_ADDR", flags=1)))

    def iotlb_counts(self):
        return collections.Counter(c.name for c in self.update() if c.name in IOTLB_TYPES)
