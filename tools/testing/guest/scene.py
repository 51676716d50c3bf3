#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""One guest on vhost-net whose memory slots change while traffic flows.

Runs in the lab kernel, in the QEMU root, started by "stage". Prints progress
and a table and leaves PASS or FAIL in /tmp/out/verdict.
"""
import argparse
import sys
import time

sys.path.insert(0, "/tmp/guest")
from traffic import Download, Pinger, Upload, tap_counters
from vmm import Guest, SceneError, TableLog

OUT = "/tmp/out"
ASSETS = "/tmp/assets"
GIB = 1 << 30
MIB = 1 << 20
DIMM = 128 * MIB


def say(text):
    """One line of progress, with the seconds since the start."""
    print("%5.0f s  %s" % (time.monotonic() - START, text), flush=True)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slots", type=int, default=8, help="virtio-mem slots of 1 GiB")
    parser.add_argument("--dimms", type=int, default=24, help="DIMMs of 128 MiB to hot-add")
    parser.add_argument("--regions", type=int, default=32, help="regions to reach")
    parser.add_argument("--mib", type=int, default=64, help="MiB of TCP each way, at least")
    parser.add_argument("--chunk", type=int, default=8, help="MiB in one TCP connection")
    parser.add_argument("--patience", type=float, default=1, help="multiplies every time limit")
    return parser.parse_args()


class Scene:
    """The acts of the demo, and the facts the verdict is made of."""

    def __init__(self, args):
        self.args = args
        self.table = TableLog(OUT + "/tablelog")
        self.guest = Guest(ASSETS, OUT, self.table, args.slots, args.dimms, args.patience)
        self.flows = []
        self.still = []         # acts during which a direction stood still
        self.peak_slots = 0
        self.problems = []

    def act(self, name, work):
        """Run one act and insist that traffic flowed both ways meanwhile."""
        before = [flow.moved for flow in self.flows]
        work()
        # An act may be over before one packet was due: give traffic a moment.
        deadline = time.monotonic() + 20 * self.args.patience
        while True:
            quiet = [f.name for f, b in zip(self.flows, before) if f.moved == b]
            if not quiet:
                return
            if time.monotonic() > deadline or any(f.error for f in self.flows):
                self.still += ["%s while %s" % (direction, name) for direction in quiet]
                return
            time.sleep(0.2)

    def grow(self):
        for slot in range(1, self.args.slots + 1):
            self.guest.resize(slot * GIB)
            self.peak_slots = max(self.peak_slots, self.guest.slots_mapped())
            say("virtio-mem at %d GiB: %d regions" % (slot, self.table.regions))

    def add_dimms(self):
        for number in range(self.args.dimms):
            self.guest.add_dimm(number, DIMM)
            if (number + 1) % 8 == 0 or number + 1 == self.args.dimms:
                self.guest.wait_dimms_online(number + 1, DIMM)
                say("%d DIMMs added: %d regions" % (number + 1, self.table.regions))

    def remove_dimms(self):
        for left in reversed(range(self.args.dimms)):
            self.guest.remove_dimm(left)
            if left % 8 == 0:
                say("%d DIMMs left: %d regions" % (left, self.table.regions))

    def shrink(self):
        for slot in reversed(range(self.args.slots)):
            self.guest.resize(slot * GIB)
            say("virtio-mem at %d GiB: %d regions" % (slot, self.table.regions))

    def play(self):
        args = self.args
        self.guest.start()
        self.guest.wait_ready()
        self.table.wait_started(10 * args.patience)
        say("guest is up: %d region%s" %
            (self.table.regions, "" if self.table.regions == 1 else "s"))
        self.first_regions = self.table.regions
        self.pinger = Pinger("10.77.0.2")
        self.flows = [Upload("10.77.0.2", args.chunk * MIB, args.patience),
                      Download("10.77.0.2", args.chunk * MIB, args.patience)]
        for thread in [self.pinger] + self.flows:
            thread.start()
        try:
            self.act("growing", self.grow)
            self.act("adding DIMMs", self.add_dimms)
            self.act("removing DIMMs", self.remove_dimms)
            self.act("shrinking", self.shrink)
            self.finish_traffic()
        finally:
            for thread in self.flows + [self.pinger]:
                thread.stop()
            for thread in self.flows + [self.pinger]:
                thread.join(60 * args.patience)
        self.last_regions = self.table.regions

    def finish_traffic(self):
        """Let both directions reach what was asked for."""
        deadline = time.monotonic() + 120 * self.args.patience
        wanted = self.args.mib * MIB
        while any(f.verified < wanted and not f.error for f in self.flows):
            if time.monotonic() > deadline:
                return
            time.sleep(0.5)

    def judge(self):
        """Every reason why this run is not a pass."""
        args, bad = self.args, self.problems
        table = self.table
        if self.peak_slots < args.slots:
            bad.append("only %d of %d slots reached" % (self.peak_slots, args.slots))
        if table.peak < args.regions:
            bad.append("only %d of %d regions reached" % (table.peak, args.regions))
        if self.last_regions != self.first_regions:
            bad.append("%d regions at the end, %d at the start" %
                       (self.last_regions, self.first_regions))
        for flow in self.flows:
            if flow.error:
                bad.append("%s: %s" % (flow.name, flow.error))
            if flow.verified < args.mib * MIB:
                bad.append("%s: %d MiB checked, %d wanted" %
                           (flow.name, flow.verified // MIB, args.mib))
            if flow.unequal:
                bad.append("%s: %d checksums differ" % (flow.name, flow.unequal))
        bad += ["no traffic %s" % s for s in self.still]
        if self.pinger.lost or not self.pinger.sent:
            bad.append("%d of %d pings lost" % (self.pinger.lost, self.pinger.sent))
        if table.failed:
            bad.append("vhost calls failed: " + ", ".join(table.failed))
        bad += ["QEMU: " + line for line in self.guest.complaints()]

    def report(self):
        table, pinger = self.table, self.pinger
        up, down = self.flows
        tap = tap_counters()
        rows = [
            ("regions over time", table.history(START)),
            ("virtio-mem slots", "0 -> %d -> %d" %
             (self.peak_slots, self.guest.final_slots)),
            ("SET_MEM_TABLE calls", "%d, %d failed" % (table.calls, table.calls_failed)),
            ("", "%16s %16s" % ("to the guest", "from the guest")),
            ("packets", "%16d %16d" % (tap["tx_packets"], tap["rx_packets"])),
            ("bytes", "%16d %16d" % (tap["tx_bytes"], tap["rx_bytes"])),
            ("TCP MiB checked", "%16d %16d" % (up.verified // MIB, down.verified // MIB)),
            ("sha256 equal", "%16s %16s" % (up.score(), down.score())),
            ("pings", "%d sent, %d lost, slowest %.0f ms" %
             (pinger.sent, pinger.lost, pinger.slowest * 1000)),
            ("ring errors", "%d" % self.guest.ring_errors()),
        ]
        print()
        for name, value in rows:
            print("  %-20s %s" % (name, value))
        print()
        for problem in self.problems:
            print("  not as it should be: " + problem)


def main():
    args = arguments()
    scene = Scene(args)
    try:
        scene.play()
        scene.guest.quit()
        scene.judge()
        scene.report()
    except SceneError as error:
        scene.problems.append(str(error))
        say("gave up: %s" % error)
        scene.guest.show_logs()
    finally:
        scene.guest.kill()
    verdict = "FAIL" if scene.problems else "PASS"
    with open(OUT + "/verdict", "w") as f:
        f.write(verdict + "\n")
    print("  " + verdict, flush=True)
    return 0 if verdict == "PASS" else 1


START = time.monotonic()
if __name__ == "__main__":
    sys.exit(main())
