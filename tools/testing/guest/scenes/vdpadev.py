# SPDX-License-Identifier: GPL-2.0-only
"""A guest on simulated vDPA devices that QEMU knows nothing about."""
from scene import say
from vdpa import VdpaScene, vdpa


class Scene(VdpaScene):
    """A guest uses a vDPA disk and a network device through QEMU's generic device."""

    OPTIONS = {
        "mib": (64, 16, "MiB written to the disk and read again"),
    }

    def play(self):
        block = self.device("b0", "vdpasim_blk")
        net = self.device("v0", "vdpasim_net", "mac", "52:54:00:12:34:56")
        guest = self.qemu("a", [
            "-m", "256M",
            "-device", "vhost-vdpa-device-pci,vhostdev=" + block,
            "-device", "vhost-vdpa-device-pci,vhostdev=" + net])
        guest.start()
        guest.shell.wait_ready(300 * self.patience)
        say("guest is up")
        self.start_frames(guest)
        self.disk(guest)
        guest.qmp.command("stop")
        guest.qmp.command("cont")
        self.switches += 1
        self.go_on(guest, "stop and cont")
        self.finish_frames(guest)

    def disk(self, guest):
        """Random data to the disk and back, past the guest's page cache."""
        run = guest.shell.run
        size = int(run("cat /sys/block/vda/size")[0]) * 512
        config = vdpa("dev", "config", "show", "b0")["config"]["b0"]
        if config.get("capacity", size) != size:
            self.problems.append("the guest's disk has %d bytes, shown are %s" % (size, config))
        self.mib = min(self.args.mib, size >> 20)
        run("dd if=/dev/urandom of=/data/x bs=1M count=%d" % self.mib)
        run("dd if=/data/x of=/dev/vda bs=256k")
        run("sync; echo 3 >/proc/sys/vm/drop_caches")
        sums = run("sha256sum </data/x") + run(
            "dd if=/dev/vda bs=1M count=%d 2>/dev/null | sha256sum" % self.mib)
        self.equal = sums[0] == sums[1]
        say("%d MiB written and read again: %s" %
            (self.mib, "the same" if self.equal else "different"))
        if not self.equal:
            self.problems.append("the disk does not hold what was written to it")

    def rows(self):
        return [("disk", "%d MiB %s" % (self.mib, "the same" if self.equal else "different"))]
