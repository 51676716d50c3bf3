# SPDX-License-Identifier: GPL-2.0-only
"""A memory table is refused."""
import errno

from memory import GIB, Memory
from scene import BaseScene, say
from traffic import Download, Upload



class Scene(BaseScene):
    """One SET_MEM_TABLE fails; traffic goes on with the old table, later with a new one.

    QEMU only prints that it failed, and the guest uses the memory all the same. So
    until the next table only pings and what comes to the guest, in memory it had
    before, can be expected to arrive.
    """

    OPTIONS = {
        "mib": (16, 2, "MiB of TCP each way, at least"),
        "chunk": (2, 1, "MiB in one TCP connection"),
    }
    SHAPES = {"a": "vmemfail"}
    EXPECTED = (
        "SET_MEM_TABLE: Cannot allocate memory (1 x)",
        "qemu-system-x86_64: vhost_set_mem_table failed: Cannot allocate memory (12)",
    )

    def refuse(self):
        self.memory.resize(Memory.BLOCK)
        self.history.append(self.guest.calls.regions)
        say("a table is refused: %d region" % self.history[-1])

    def accept(self):
        self.memory.resize(GIB + Memory.BLOCK)
        self.history.append(self.guest.calls.regions)
        say("the next is accepted: %d regions" % self.history[-1])

    def play(self):
        self.memory = Memory(2)
        self.history = []
        self.guest = self.qemu("a", self.memory.devices() + [
            "-netdev", "tap,id=n0,ifname=tap0,script=no,downscript=no,vhost=on",
            "-device", "virtio-net-pci,netdev=n0,romfile="],
            environment={"CALLLOG_FAIL": "SET_MEM_TABLE:2:%d" % errno.ENOMEM})
        self.memory.attach(self.guest)
        self.guest.start()
        self.guest.wait_ready()
        say("guest is up")
        self.start_traffic(kinds=(Upload,))
        self.act("a table is refused", self.refuse)
        self.act("a table is accepted", self.accept)
        self.add_flow(Download)
        self.finish_traffic()

    def judge(self):
        super().judge()
        if self.history != [1, 3]:
            self.problems.append("regions accepted: %s, expected 1 and 3" % self.history)

    def rows(self):
        return [("regions accepted", ", then ".join("%d" % n for n in self.history))]
