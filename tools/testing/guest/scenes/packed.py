# SPDX-License-Identifier: GPL-2.0-only
"""The guest's rings are packed."""
from scene import BaseScene
from vmm import wait_for

# Where a packed ring begins: at 0, both wrap counters set.
FRESH = 0x80008000


class Scene(BaseScene):
    """A guest with packed rings is stopped, goes on, and has its queues reset."""

    OPTIONS = {
        "rounds": (4, 1, "times the guest is stopped, and its queues resized"),
        "mib": (32, 3, "MiB of TCP each way, at least"),
        "chunk": (4, 1, "MiB in one TCP connection"),
    }

    def __init__(self, args):
        args.packed = True
        super().__init__(args)

    def stop_and_go(self):
        """QEMU asks where the rings stand and has them go on there."""
        for _ in range(self.args.rounds):
            self.guest.qmp.command("stop")
            self.guest.qmp.command("cont")

    def resize_queues(self):
        for number in range(self.args.rounds):
            self.resize_rings(*((256, 256) if number % 2 else (128, 64)))

    def play(self):
        self.start_net_guest()
        wait_for("no traffic", 60 * self.patience, lambda: all(f.moved for f in self.flows))
        self.act("stopping and going on", self.stop_and_go)
        self.act("resizing queues", self.resize_queues)
        self.finish_traffic()

    def judge(self):
        super().judge()
        bad = self.problems
        taken = self.positions("SET")
        # A queue that is set up begins at the beginning, one that goes on does not.
        if taken.count(FRESH) != 2 + 2 * self.args.rounds:
            bad.append("%d rings began at %#x" % (taken.count(FRESH), FRESH))
        moved = [p for p in taken if p != FRESH]
        if len(moved) != 2 * self.args.rounds or set(moved) - set(self.positions("GET")):
            bad.append("rings taken up at %s" % ", ".join("%#x" % p for p in moved))

    def positions(self, what):
        return [c.number for c in self.guest.calls.named(what + "_VRING_BASE")]

    def rows(self):
        return [("rings taken up at", ", ".join("%#x" % p for p in self.positions("SET")))]
