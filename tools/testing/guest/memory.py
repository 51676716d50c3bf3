# SPDX-License-Identifier: GPL-2.0-only
"""A guest's memory: the base, one virtio-mem device with a slot a GiB, DIMMs."""
import time

from vmm import SceneError, wait_for

GIB = 1 << 30
MIB = 1 << 20


class Memory:
    """What can be plugged into one QEMU; attach() names it."""

    BLOCK = 64 * MIB            # what virtio-mem gives and takes at a time

    def __init__(self, slots, dimms=0, base_mib=256, movable=False):
        self.slots, self.dimms, self.movable = slots, dimms, movable
        # Every added 128 MiB costs the guest 2 MiB of its base memory for bookkeeping.
        self.base = (base_mib + 32 * slots) * MIB
        if movable:
            # An odd size, for QEMU 10 without KVM: it clears the dirty bits of whole
            # words of them at once, and then takes the offset in a block of memory for
            # that in all memory when it tells the emulated processor to note writes
            # again. Only the first block, virtio-mem's, starts at 0.
            self.base += 8192

    def devices(self):
        """QEMU's arguments for it; a guest that is to move has memory of its own."""
        size = self.slots * GIB
        limit = self.base + size + (self.dimms + 1) * 128 * MIB
        backend = "ram,share=off" if self.movable else "memfd,share=on"
        return [
            "-m", "%dK,slots=%d,maxmem=%dK" % (self.base >> 10, self.dimms + 1, limit >> 10),
            "-object", "memory-backend-%s,id=vm0-mem,size=%d,reserve=off" % (backend, size),
            "-device", "virtio-mem-pci,id=vm0,memdev=vm0-mem,dynamic-memslots=on,"
            "block-size=%d,requested-size=0" % self.BLOCK,
        ]

    def attach(self, qemu):
        self.qemu = qemu

    def memory_devices(self):
        return {device["data"]["id"]: device["data"]
                for device in self.qemu.qmp.command("query-memory-devices")}

    def resize(self, size):
        """Ask the guest to use so many bytes of the virtio-mem device, and wait."""
        deadline = time.monotonic() + 90 * self.qemu.patience
        before = None
        while True:
            now = self.memory_devices()["vm0"]["size"]
            if now == size:
                return
            # A block whose pages are on the wire cannot leave; the guest's driver
            # then sleeps for 50 s unless the wish changes.
            if now == before:
                self.request(size + self.BLOCK)
            self.request(size)
            if time.monotonic() > deadline:
                raise SceneError("virtio-mem stays at %d MiB, wanted %d" %
                                 (now // MIB, size // MIB))
            before = now
            self.settle(size)

    def request(self, size):
        self.qemu.qmp.command("qom-set", path="/machine/peripheral/vm0",
                              property="requested-size", value=size)

    def settle(self, size):
        """Wait until the device has this size or has not moved for a while.

        To ask again too early does no harm; to ask late is what the guest's driver,
        which does nothing meanwhile, would otherwise spend most of the time on.
        """
        last = moved = None
        while last != size and (moved is None or
                                time.monotonic() - moved < 1.5 * self.qemu.patience):
            now = self.memory_devices()["vm0"]["size"]
            if now != last:
                last, moved = now, time.monotonic()
            time.sleep(0.1)

    def add_dimm(self, number, size):
        self.qemu.qmp.command("object-add", **{
            "qom-type": "memory-backend-memfd", "id": "dimm-mem%d" % number,
            "size": size, "share": True, "reserve": False})
        self.qemu.qmp.command("device_add", driver="pc-dimm", id="dimm%d" % number,
                              memdev="dimm-mem%d" % number)

    def blocks_online(self, address, size):
        """Whether the guest has onlined all memory blocks of an address range."""
        block = 128 * MIB
        blocks = range(address // block, (address + size) // block)
        names = " ".join("/sys/devices/system/memory/memory%d/state" % b for b in blocks)
        states = self.qemu.shell.run("cat %s 2>/dev/null; true" % names)
        return states.count("online") == len(blocks)

    def wait_dimms_online(self, count, size):
        for number in range(count):
            address = self.memory_devices()["dimm%d" % number]["addr"]
            wait_for("DIMM %d online" % number, 60 * self.qemu.patience,
                     lambda: self.blocks_online(address, size))

    def remove_dimm(self, number):
        """The guest takes the DIMM offline and ejects it; it may need several askings."""
        name = "dimm%d" % number
        deadline = time.monotonic() + 60 * self.qemu.patience
        while True:
            self.qemu.qmp.command("device_del", id=name)
            asked = time.monotonic()
            while time.monotonic() - asked < 5 * self.qemu.patience:
                if name not in self.memory_devices():
                    self.qemu.qmp.command("object-del", id="dimm-mem%d" % number)
                    return
                time.sleep(0.1)
            if time.monotonic() > deadline:
                raise SceneError("the guest does not give %s back" % name)

    def slots_mapped(self):
        device = self.memory_devices()["vm0"]
        return self.qemu.calls.slots_within(device["memaddr"], device["max-size"])
