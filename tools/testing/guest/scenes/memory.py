# SPDX-License-Identifier: GPL-2.0-only
"""The guest's memory grows and shrinks slot by slot."""
from memory import GIB, MIB, Memory
from scene import START, BaseScene, say

DIMM = 128 * MIB


class Scene(BaseScene):
    """virtio-mem slots and DIMMs come and go."""

    OPTIONS = {
        "slots": (8, 3, "virtio-mem slots of 1 GiB"),
        "dimms": (24, 4, "DIMMs of 128 MiB to hot-add"),
        "regions": (32, 8, "regions to reach"),
        "mib": (64, 4, "MiB of TCP each way, at least"),
        "chunk": (8, 2, "MiB in one TCP connection"),
    }
    SHAPES = {"a": "vmem"}

    def grow(self):
        for slot in range(1, self.args.slots + 1):
            self.memory.resize(slot * GIB)
            self.peak_slots = max(self.peak_slots, self.memory.slots_mapped())
            say("virtio-mem at %d GiB: %d regions" % (slot, self.calls.regions))

    def add_dimms(self):
        for number in range(self.args.dimms):
            self.memory.add_dimm(number, DIMM)
            if (number + 1) % 8 == 0 or number + 1 == self.args.dimms:
                self.memory.wait_dimms_online(number + 1, DIMM)
                say("%d DIMMs added: %d regions" % (number + 1, self.calls.regions))

    def remove_dimms(self):
        for left in reversed(range(self.args.dimms)):
            self.memory.remove_dimm(left)
            if left % 8 == 0:
                say("%d DIMMs left: %d regions" % (left, self.calls.regions))

    def shrink(self):
        for slot in reversed(range(self.args.slots)):
            self.memory.resize(slot * GIB)
            say("virtio-mem at %d GiB: %d regions" % (slot, self.calls.regions))

    def play(self):
        self.memory = Memory(self.args.slots, self.args.dimms)
        qemu = self.qemu("a", self.memory.devices() + [
            "-netdev", "tap,id=n0,ifname=tap0,script=no,downscript=no,vhost=on",
            "-device", "virtio-net-pci,netdev=n0,romfile="])
        self.memory.attach(qemu)
        self.calls = qemu.calls
        self.peak_slots = 0
        qemu.start()
        qemu.wait_ready()
        self.first_regions = self.calls.regions
        say("guest is up: %d region%s" %
            (self.first_regions, "" if self.first_regions == 1 else "s"))
        self.start_traffic()
        self.act("growing", self.grow)
        self.act("adding DIMMs", self.add_dimms)
        self.act("removing DIMMs", self.remove_dimms)
        self.act("shrinking", self.shrink)
        self.finish_traffic()
        self.last_regions = self.calls.regions
        self.last_slots = self.memory.slots_mapped()

    def judge(self):
        super().judge()
        bad = self.problems
        if self.peak_slots < self.args.slots:
            bad.append("only %d of %d slots reached" % (self.peak_slots, self.args.slots))
        if self.calls.peak < self.args.regions:
            bad.append("only %d of %d regions reached" % (self.calls.peak, self.args.regions))
        if self.last_regions != self.first_regions:
            bad.append("%d regions at the end, %d at the start" %
                       (self.last_regions, self.first_regions))

    def rows(self):
        tables = self.calls.named("SET_MEM_TABLE")
        return [
            ("regions over time", self.calls.history(START)),
            ("virtio-mem slots", "0 -> %d -> %d" % (self.peak_slots, self.last_slots)),
            ("SET_MEM_TABLE calls", "%d, %d failed" %
             (len(tables), sum(call.failed for call in tables))),
        ]
