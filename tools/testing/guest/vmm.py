# SPDX-License-Identifier: GPL-2.0-only
"""QEMU, its monitor, the guest's shell and the log of QEMU's vhost calls."""
import json
import os
import socket
import subprocess
import time

GIB = 1 << 30
MIB = 1 << 20


class SceneError(Exception):
    """The run cannot go on."""


def wait_for(what, seconds, test, pause=0.1):
    """Poll until test() is true; its value."""
    deadline = time.monotonic() + seconds
    while True:
        value = test()
        if value:
            return value
        if time.monotonic() > deadline:
            raise SceneError("waited %d s in vain: %s" % (seconds, what))
        time.sleep(pause)


class TableLog:
    """Reads what tablelog.so writes while QEMU runs."""

    def __init__(self, path):
        self.path = path
        self.offset = 0
        self.counts = []        # (time, regions) of each table that was accepted
        self.table = []         # (start, size) in KiB of the current one
        self.seen = {}
        self.calls_failed = 0
        self.failed_calls = {}

    def update(self):
        if not os.path.exists(self.path):
            return
        with open(self.path) as f:
            f.seek(self.offset)
            text = f.read()
        whole = text.rfind("\n") + 1
        self.offset += whole
        for line in text[:whole].splitlines():
            self.take(line.split())

    def take(self, words):
        name, result, error = words[1], int(words[2]), int(words[3])
        self.seen[name] = self.seen.get(name, 0) + 1
        if result < 0:
            key = "%s: %s" % (name, os.strerror(error))
            self.failed_calls[key] = self.failed_calls.get(key, 0) + 1
            self.calls_failed += name == "SET_MEM_TABLE"
        elif name == "SET_MEM_TABLE":
            self.table = [tuple(map(int, word.split("+"))) for word in words[4:]]
            self.counts.append((float(words[0]), len(self.table)))

    @property
    def regions(self):
        self.update()
        return len(self.table)

    @property
    def peak(self):
        self.update()
        return max((n for _, n in self.counts), default=0)

    @property
    def calls(self):
        self.update()
        return self.seen.get("SET_MEM_TABLE", 0)

    @property
    def failed(self):
        self.update()
        return ["%s (%d x)" % item for item in self.failed_calls.items()]

    def slots_within(self, start, size):
        """Regions of the current table inside [start, start + size), in bytes."""
        self.update()
        return sum(start <= a << 10 and (a + s) << 10 <= start + size for a, s in self.table)

    def wait_started(self, seconds):
        """Until both queues have a backend: vhost carries the traffic from here on."""
        wait_for("QEMU never started its vhost queues", seconds,
                 lambda: self.regions and self.seen.get("NET_SET_BACKEND", 0) >= 2)

    def history(self, start):
        """Turning points of the number of regions, with seconds since start."""
        self.update()
        points = []
        for when, n in self.counts:
            if points and points[-1][1] == n:
                continue
            if len(points) >= 2 and (points[-1][1] - points[-2][1]) * (n - points[-1][1]) > 0:
                points.pop()
            points.append((when, n))
        return " -> ".join("%d (%.0f s)" % (n, when - start) for when, n in points)


class Qmp:
    """A QEMU monitor connection; events are kept until somebody asks."""

    def __init__(self, path, patience):
        self.patience = patience
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.file = self.socket.makefile("r")
        self.events = []
        self.read()
        self.command("qmp_capabilities")

    def read(self):
        self.socket.settimeout(60 * self.patience)
        line = self.file.readline()
        if not line:
            raise SceneError("QEMU closed its monitor")
        return json.loads(line)

    def command(self, name, **arguments):
        message = {"execute": name}
        if arguments:
            message["arguments"] = arguments
        self.socket.sendall(json.dumps(message).encode() + b"\n")
        while True:
            answer = self.read()
            if "event" in answer:
                self.events.append(answer)
            elif "error" in answer:
                raise SceneError("%s: %s" % (name, answer["error"]["desc"]))
            else:
                return answer["return"]


class GuestShell:
    """The guest's second serial port: a command line in, its output out."""

    def __init__(self, path, patience):
        self.patience = patience
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.buffer = b""

    def line(self, seconds):
        deadline = time.monotonic() + seconds
        while b"\n" not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0:
                raise SceneError("the guest's shell is silent")
            self.socket.settimeout(left)
            try:
                data = self.socket.recv(65536)
            except socket.timeout:
                continue
            if not data:
                raise SceneError("the guest's serial port is gone")
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.decode(errors="replace").strip("\r")

    def wait_ready(self, seconds):
        deadline = time.monotonic() + seconds
        while self.line(deadline - time.monotonic()) != "@@ ready":
            pass

    def run(self, command):
        """Output lines of a command in the guest; its status must be 0."""
        self.socket.sendall(command.encode() + b"\n")
        out = []
        while True:
            line = self.line(60 * self.patience)
            if line.startswith("@@ "):
                if line != "@@ 0":
                    raise SceneError("guest: %s: status %s: %s" %
                                     (command, line[3:], " / ".join(out)))
                return out
            out.append(line)


class Guest:
    """The QEMU process and what is plugged into it."""

    BLOCK = 64 * MIB            # what virtio-mem gives and takes at a time

    def __init__(self, assets, out, table, slots, dimms, patience):
        self.assets, self.out, self.table = assets, out, table
        self.slots, self.dimms, self.patience = slots, dimms, patience
        self.process = None
        # Every added 128 MiB costs the guest 2 MiB of its base memory for bookkeeping.
        self.base_mib = 256 + 32 * slots

    def command_line(self):
        # The guest's options save its time in an emulator inside an emulator. With
        # init_on_alloc every block that leaves would be written from end to end.
        size = self.slots * GIB
        limit = self.base_mib * MIB + size + (self.dimms + 1) * 128 * MIB
        return [
            "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none",
            "-machine", "pc,accel=tcg,hpet=off,i8042=off,usb=off,vmport=off",
            "-cpu", "qemu64", "-smp", "1",
            "-m", "%dM,slots=%d,maxmem=%dM" % (self.base_mib, self.dimms + 1, limit // MIB),
            "-kernel", self.assets + "/vmlinuz", "-initrd", self.assets + "/initrd",
            "-append", "console=ttyS0 quiet panic=-1 no_timer_check tsc=reliable "
            "mitigations=off nokaslr cryptomgr.notests=1 init_on_alloc=0",
            "-serial", "file:%s/guest-console" % self.out,
            "-serial", "unix:/tmp/shell,server=on,wait=off",
            "-qmp", "unix:/tmp/qmp,server=on,wait=off",
            "-netdev", "tap,id=n0,ifname=tap0,script=no,downscript=no,vhost=on",
            "-device", "virtio-net-pci,netdev=n0,romfile=",
            "-object", "memory-backend-memfd,id=vm0-mem,size=%d,share=on,reserve=off" % size,
            "-device", "virtio-mem-pci,id=vm0,memdev=vm0-mem,dynamic-memslots=on,"
            "block-size=%d,requested-size=0" % self.BLOCK,
        ]

    def start(self):
        env = dict(os.environ, LD_PRELOAD=self.assets + "/tablelog.so",
                   TABLELOG=self.table.path)
        self.stderr_path = self.out + "/qemu-stderr"
        with open(self.stderr_path, "w") as stderr:
            self.process = subprocess.Popen(self.command_line(), env=env, stderr=stderr,
                                            stdin=subprocess.DEVNULL, stdout=stderr)
        wait_for("QEMU did not open its monitor", 30 * self.patience, self.monitor_open)
        self.qmp = Qmp("/tmp/qmp", self.patience)
        self.shell = GuestShell("/tmp/shell", self.patience)

    def monitor_open(self):
        if self.process.poll() is not None:
            raise SceneError("QEMU ended with status %d" % self.process.returncode)
        return os.path.exists("/tmp/qmp") and os.path.exists("/tmp/shell")

    def wait_ready(self):
        self.shell.wait_ready(300 * self.patience)

    def memory_devices(self):
        return {device["data"]["id"]: device["data"]
                for device in self.qmp.command("query-memory-devices")}

    def resize(self, size):
        """Ask the guest to use so many bytes of the virtio-mem device, and wait."""
        deadline = time.monotonic() + 90 * self.patience
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
        self.qmp.command("qom-set", path="/machine/peripheral/vm0",
                         property="requested-size", value=size)

    def settle(self, size):
        """Wait until the device has this size or has not moved for a while."""
        last = moved = None
        while last != size and (moved is None or
                                time.monotonic() - moved < 4 * self.patience):
            now = self.memory_devices()["vm0"]["size"]
            if now != last:
                last, moved = now, time.monotonic()
            time.sleep(0.1)

    def add_dimm(self, number, size):
        self.qmp.command("object-add", **{
            "qom-type": "memory-backend-memfd", "id": "dimm-mem%d" % number,
            "size": size, "share": True, "reserve": False})
        self.qmp.command("device_add", driver="pc-dimm", id="dimm%d" % number,
                         memdev="dimm-mem%d" % number)

    def blocks_online(self, address, size):
        """Whether the guest has onlined all memory blocks of an address range."""
        block = 128 * MIB
        blocks = range(address // block, (address + size) // block)
        names = " ".join("/sys/devices/system/memory/memory%d/state" % b for b in blocks)
        return self.shell.run("cat %s 2>/dev/null; true" % names).count("online") == len(blocks)

    def wait_dimms_online(self, count, size):
        for number in range(count):
            address = self.memory_devices()["dimm%d" % number]["addr"]
            wait_for("DIMM %d online" % number, 60 * self.patience,
                     lambda: self.blocks_online(address, size))

    def remove_dimm(self, number):
        """The guest takes the DIMM offline and ejects it; it may need several askings."""
        name = "dimm%d" % number
        deadline = time.monotonic() + 60 * self.patience
        while True:
            self.qmp.command("device_del", id=name)
            asked = time.monotonic()
            while time.monotonic() - asked < 5 * self.patience:
                if name not in self.memory_devices():
                    self.qmp.command("object-del", id="dimm-mem%d" % number)
                    return
                time.sleep(0.1)
            if time.monotonic() > deadline:
                raise SceneError("the guest does not give %s back" % name)

    def slots_mapped(self):
        device = self.memory_devices()["vm0"]
        return self.table.slots_within(device["memaddr"], device["max-size"])

    def stderr_lines(self):
        with open(self.stderr_path) as f:
            return [line.strip() for line in f if line.strip()]

    def ring_errors(self):
        return sum("vhost vring error" in line for line in self.stderr_lines())

    def complaints(self):
        return self.stderr_lines()

    def quit(self):
        self.final_slots = self.slots_mapped()
        self.qmp.command("quit")
        try:
            status = self.process.wait(30 * self.patience)
        except subprocess.TimeoutExpired:
            raise SceneError("QEMU does not end")
        if status != 0:
            raise SceneError("QEMU ended with status %d" % status)

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def show_logs(self):
        for name in "qemu-stderr", "guest-console":
            path = os.path.join(self.out, name)
            if os.path.exists(path):
                with open(path, errors="replace") as f:
                    for line in f.readlines()[-15:]:
                        print("    %s: %s" % (name, line.rstrip()))
