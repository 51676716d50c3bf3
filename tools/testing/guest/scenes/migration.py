# SPDX-License-Identifier: GPL-2.0-only
"""A guest moves to another QEMU and back."""
import time

from memory import GIB, MIB, Memory
from scene import BaseScene, GUEST, say
from traffic import Held
from vmm import SceneError, wait_for

SOCKET = "/tmp/migration"
# Bytes a second of each flow but at the end: what is written faster than an
# emulator in an emulator can copy never gets to the other side.
RATE = 256 << 10


class Scene(BaseScene):
    """Live migration there and back, memory slots come and go before and after.

    Each QEMU's memory is its own, so what the device writes arrives only if the
    dirty log says so. The data the guest holds (see Held) are the proof: the device
    writes them when most of memory is on the other side already.
    """

    OPTIONS = {
        "slots": (4, 2, "virtio-mem slots of 1 GiB"),
        "held": (3, 2, "MiB that the guest holds over a move"),
        "mib": (32, 4, "MiB of TCP each way, at least"),
        "chunk": (8, 1, "MiB in one TCP connection"),
        "downtime": (3000, 3000, "ms that QEMU may stop the guest for"),
        "strip": ("0", "0", "feature bits to keep from vhost; 0x4000000 must end in FAIL"),
    }
    TAPS = ["tap0", "tap1"]
    SHAPES = {"a": "migration-first", "b": "migration-second", "c": "migration-last"}

    def start_qemu(self, name, tap, incoming=False):
        memory = Memory(self.args.slots, base_mib=128, movable=True)
        qemu = self.qemu(name, memory.devices() + [
            "-netdev", "tap,id=n0,ifname=%s,script=no,downscript=no,vhost=on" % tap,
            "-device", "virtio-net-pci,netdev=n0,romfile=,mac=52:54:00:12:34:56"] +
            (["-incoming", "defer"] if incoming else []),
            environment={"CALLLOG_STRIP": self.args.strip})
        qemu.memory = memory
        memory.attach(qemu)
        qemu.start()
        return qemu

    def resize(self, qemu, size):
        qemu.memory.resize(size)
        say("QEMU %s: virtio-mem at %d MiB: %d regions" %
            (qemu.name, size // MIB, qemu.calls.regions))

    def migrate(self, source, name, tap):
        """Move the guest, with data in its socket that came when all had been sent."""
        target = self.start_qemu(name, tap, incoming=True)
        target.qmp.command("migrate-incoming", uri="unix:" + SOCKET)
        began = time.monotonic()
        self.limit(source, 4096)
        source.qmp.command("migrate", uri="unix:" + SOCKET)
        self.wait_migration(source, lambda ram: ram)
        self.flush_tlb(source)
        self.limit(source, 0)
        # The first time through memory is fast but for its end, so that the second time
        # is not over before anybody looks; then it is no faster than the guest writes.
        self.wait_migration(source, lambda ram: ram["remaining"] < 12 * MIB)
        self.limit(source, 4 * MIB)
        self.wait_migration(source, lambda ram: ram["dirty-sync-count"] >= 2)
        self.limit(source, MIB // 8)
        say("all of memory has been sent once")
        self.held.fill(self.args.held * MIB)
        self.wait_migration(source, lambda ram: ram)
        say("the guest holds %d MiB" % self.args.held)
        self.limit(source, 0, self.args.downtime, expected=0)
        info = wait_for("the migration does not end", 120 * self.patience,
                        lambda: self.look(source, ("completed",)))
        wait_for("QEMU %s did not take over" % name, 20 * self.patience,
                 lambda: target.calls.started(2) and
                 target.qmp.command("query-status")["running"])
        self.held.check(target.shell)
        self.moves.append(dict(info, log=source.calls.logging_calls(),
                               regions=(source.calls.regions, target.calls.regions)))
        say("QEMU %s -> %s: %.1f s, downtime %d ms" %
            (source.name, name, time.monotonic() - began, info["downtime"]))
        self.identify(target)
        source.quit()
        return target

    def limit(self, qemu, bandwidth, downtime=1, expected=1000):
        """Bytes a second to send; and it ends when what is left takes less than so many
        ms at so many bytes a second expected, a single byte if nothing else is said."""
        qemu.qmp.command("migrate-set-parameters", **{
            "max-bandwidth": bandwidth, "downtime-limit": downtime,
            "avail-switchover-bandwidth": expected})

    def look(self, qemu, states):
        """What QEMU says about the migration once it is in one of these states."""
        info = qemu.qmp.command("query-migrate")
        if info["status"] in states:
            return info
        if info["status"] in ("failed", "cancelled", "completed"):
            raise SceneError("the migration is %s: %s" %
                             (info["status"], info.get("error-desc", "too early")))
        return None

    def wait_migration(self, qemu, test):
        """Until a running migration's account of memory is as wanted."""
        def ready():
            info = self.look(qemu, ("active",))
            return info and test(info["ram"])
        wait_for("the migration does not get on", 180 * self.patience, ready)

    def flush_tlb(self, qemu):
        """Make the emulated processor look again which pages have been written.

        QEMU 10 does not when it clears the dirty bits for the first time, while
        all pages are still to be sent. The guest flushes all when an MTRR changes.
        """
        qemu.shell.run("echo base=0xf0000000 size=0x1000000 type=write-combining >/proc/mtrr")
        number = len(qemu.shell.run("cat /proc/mtrr")) - 1
        qemu.shell.run("echo disable=%d >/proc/mtrr" % number)

    def identify(self, qemu):
        """Who the guest says it is, and for how long it has been running."""
        boot, uptime = qemu.shell.run("cat /proc/sys/kernel/random/boot_id /proc/uptime")
        self.identities.append((boot, float(uptime.split()[0]), time.monotonic()))

    def play(self):
        top = self.args.slots * GIB
        self.moves, self.identities = [], []
        qemu = self.start_qemu("a", "tap0")
        qemu.wait_ready()
        say("guest is up")
        self.identify(qemu)
        self.start_traffic()
        self.pace(RATE)
        self.held = Held(GUEST, self.patience)
        # One slot short of all: a slot is there as soon as one block of it is.
        before = top - 2 * GIB + Memory.BLOCK
        self.act("growing", lambda: self.resize(qemu, before))
        for name, tap in ("b", "tap1"), ("c", "tap0"):
            def move():
                nonlocal qemu
                qemu = self.migrate(qemu, name, tap)
            self.act("moving to %s" % name, move)
            self.act("growing", lambda: self.resize(qemu, before + GIB))
            self.act("shrinking", lambda: self.resize(qemu, before))
        self.act("shrinking to nothing", lambda: self.resize(qemu, 0))
        self.held.close()
        self.finish_traffic()
        # A ping sent while the guest stands still goes to a QEMU that ends; so do
        # those until the bridge hears from the new one, which takes a moment.
        self.pinger.to_lose = sum(move["downtime"] // 250 + int(8 * self.patience)
                                  for move in self.moves)

    def judge(self):
        super().judge()
        bad = self.problems
        if self.held.unequal or self.held.equal != len(self.moves):
            bad.append("what the guest held over a move is not what was sent: %d of %d" %
                       (self.held.unequal, len(self.moves)))
        boot, uptime, when = self.identities[0]
        for later in self.identities[1:]:
            if later[0] != boot:
                bad.append("the guest has been booted again")
            drift = (later[2] - when) - (later[1] - uptime)
            if not later[1] > uptime or drift > 30 * self.patience:
                bad.append("uptime %.0f s after %.0f s, %.0f s later" %
                           (later[1], uptime, later[2] - when))
        for move in self.moves:
            if min(move["log"]) < 1:
                bad.append("the dirty log was not switched on: %s" % (move["log"],))
            if move["regions"][0] != move["regions"][1]:
                bad.append("%d regions became %d" % move["regions"])
        for source, target in zip(self.qemus, self.qemus[1:]):
            left, taken = self.positions(source, "GET"), self.positions(target, "SET")
            if left[-2:] != taken[:2]:
                bad.append("rings left at %s, taken up at %s" % (left[-2:], taken[:2]))

    def positions(self, qemu, what):
        """(queue, index) of each ring position QEMU got or set."""
        return [(c.args["idx"], c.number) for c in qemu.calls.named(what + "_VRING_BASE")]

    def rows(self):
        moves = self.moves
        row = lambda text, values: " ".join("%16s" % (text % v) for v in values)
        return [
            ("", "%16s %16s" % ("there", "back")),
            ("migration, ms", row("%d", [m["total-time"] for m in moves])),
            ("downtime, ms", row("%d", [m["downtime"] for m in moves])),
            ("MiB sent", row("%.1f", [m["ram"]["transferred"] / MIB for m in moves])),
            ("rounds", row("%d", [m["ram"]["dirty-sync-count"] for m in moves])),
            ("log: base, bit, rings", row("%s", ["%d %d %d" % m["log"] for m in moves])),
            ("regions, both sides", row("%d, %d", [m["regions"] for m in moves])),
            ("held MiB equal", "%d of %d" % (self.held.equal, len(moves))),
            ("guest's uptime", " -> ".join("%.1f s" % i[1] for i in self.identities) +
             ", boot id %s" % ("the same" if len({i[0] for i in self.identities}) == 1
                               else "changed")),
        ]
