# SPDX-License-Identifier: GPL-2.0-only
"""A guest on a simulated vDPA network device."""
import time

from scene import say
from vdpa import MAC, VdpaScene, vdpa
from vmm import SceneError, wait_for

SOCKET = "/tmp/migration"
# MTU, MAC, STATUS, ANY_LAYOUT, VERSION_1, ACCESS_PLATFORM, and packed rings. Without a
# control queue: QEMU 10 resets the device before it asks where one that it does not shadow
# stands, and where a packed ring stands cannot be read from the ring.
PACKED_FEATURES = sum(1 << bit for bit in (3, 5, 16, 27, 32, 33, 34))


class Scene(VdpaScene):
    """A guest on a vDPA network device is stopped, goes on, and moves to another one.

    QEMU shadows the queues while it moves; with --svq 1 from the beginning.
    """

    OPTIONS = {
        "svq": (0, 0, "1: the queues are shadowed from the beginning"),
        "moves": (2, 1, "times the guest moves to another QEMU"),
        "shared": (0, 0, "1: the guest's memory is shared memory"),
    }

    def start_qemu(self, name, path, incoming=False):
        memory = "memory-backend-%s,id=m0,size=128M" % (
            "memfd,share=on" if self.args.shared else "ram")
        qemu = self.qemu(name, [
            "-m", "128M", "-object", memory, "-machine", "memory-backend=m0",
            "-netdev", "vhost-vdpa,id=n0,vhostdev=%s%s" %
            (path, ",x-svq=on" if self.args.svq else ""),
            "-device", "virtio-net-pci,netdev=n0,romfile=,mac=" + MAC] +
            (["-incoming", "defer"] if incoming else []))
        qemu.start()
        return qemu

    def change_address(self, guest):
        """By the control queue; the device shows it, and filters by it."""
        mac = "52:54:00:65:43:21"
        guest.shell.run("ip link set eth0 down; ip link set eth0 address %s; "
                        "ip link set eth0 up" % mac)
        self.switches += 1
        self.go_on(guest, "another MAC address")
        shown = vdpa("dev", "config", "show", "v0")["config"]["v0"]["mac"]
        if shown != mac:
            self.problems.append("the device shows the address %s" % shown)

    def stop_and_go(self, guest):
        guest.qmp.command("stop")
        guest.qmp.command("cont")
        self.switches += 1
        self.go_on(guest, "stop and cont")

    def count_packets(self, guest):
        """What the device says it took from the guest must be no less than came back."""
        good = self.frames(guest)[1]
        shown = vdpa("dev", "vstats", "show", "v0", "qidx", "1")["vstats"]["v0"]
        packets = [int(v) for k, v in shown.items() if "packets" in k]
        if not packets or packets[0] < good:
            self.problems.append("%d frames came back, the device says %s" % (good, shown))

    def migrate(self, source, name, path):
        target = self.start_qemu(name, path, incoming=True)
        target.qmp.command("migrate-incoming", uri="unix:" + SOCKET)
        began = time.monotonic()
        source.qmp.command("migrate-set-parameters", **{"max-bandwidth": 0,
                                                        "downtime-limit": 2000})
        source.qmp.command("migrate", uri="unix:" + SOCKET)
        wait_for("the migration does not end", 180 * self.patience,
                 lambda: self.over(source), 0.3)
        info = source.qmp.command("query-migrate")
        wait_for("the guest does not run there", 60 * self.patience,
                 lambda: target.qmp.command("query-status")["status"] == "running")
        taken = [c.number for c in target.calls.named("SET_VRING_BASE")]
        self.moves.append((info, taken[:2]))
        say("QEMU %s runs the guest after %.0f s, downtime %d ms" %
            (name, time.monotonic() - began, info["downtime"]))
        target.shell.buffer = b""
        self.switches += 2
        source.quit()
        return target

    def over(self, qemu):
        info = qemu.qmp.command("query-migrate")
        if info.get("status") in ("failed", "cancelled"):
            raise SceneError("the migration is %s: %s" %
                             (info["status"], info.get("error-desc", "no reason given")))
        return info.get("status") == "completed"

    def play(self):
        self.moves = []
        attributes = ["mac", MAC]
        if self.args.packed:
            attributes += ["device_features", hex(PACKED_FEATURES)]
        paths = [self.device(name, "vdpasim_net", *attributes) for name in ("v0", "v1")]
        guest = self.start_qemu("a", paths[0])
        guest.shell.wait_ready(300 * self.patience)
        say("guest is up")
        self.start_frames(guest)
        self.count_packets(guest)
        if not self.args.packed:
            self.change_address(guest)
        self.stop_and_go(guest)
        # What is packed is not shadowed, and so does not move.
        if not self.args.svq and not self.args.packed:
            for move in range(self.args.moves):
                guest = self.migrate(guest, "bc"[move % 2], paths[(move + 1) % 2])
                self.go_on(guest, "the move")
        self.finish_frames(guest)

    def judge(self):
        super().judge()
        for _, taken in self.moves:
            if len(taken) < 2 or not all(taken):
                self.problems.append("rings taken up at %s" % taken)

    def rows(self):
        if not self.moves:
            return []
        return [("migration, ms", " ".join("%d" % i["total-time"] for i, _ in self.moves)),
                ("downtime, ms", " ".join("%d" % i["downtime"] for i, _ in self.moves)),
                ("rings taken up at", ", ".join("%s" % t for _, t in self.moves))]
