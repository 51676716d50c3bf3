# SPDX-License-Identifier: GPL-2.0-only
"""The guest sits behind a virtual IOMMU."""
from scene import BaseScene, say


class Scene(BaseScene):
    """vhost sees the guest's I/O addresses and asks QEMU what they mean."""

    OPTIONS = {
        "mib": (16, 2, "MiB of TCP each way, at least"),
        "chunk": (2, 1, "MiB in one TCP connection"),
        "strict": (1, 1, "1: the guest invalidates each mapping at once, 0: later in bulk"),
    }
    SHAPES = {"a": "iommu"}

    def play(self):
        qemu = self.qemu("a", [
            "-m", "256M",
            "-device", "intel-iommu,intremap=off,device-iotlb=on",
            "-netdev", "tap,id=n0,ifname=tap0,script=no,downscript=no,vhost=on",
            "-device", "virtio-net-pci,netdev=n0,romfile=,iommu_platform=on,ats=on,"
            "disable-legacy=on"],
            machine="q35",
            append="intel_iommu=on iommu.strict=%d" % self.args.strict)
        qemu.start()
        qemu.wait_ready()
        kinds = qemu.shell.run("cat /sys/kernel/iommu_groups/*/type")
        say("guest is up, %d IOMMU groups of type %s" %
            (len(kinds), " and ".join(sorted(set(kinds)))))
        self.start_traffic()
        self.act("translating", self.finish_traffic)

    def judge(self):
        super().judge()
        counts = self.qemus[0].calls.iotlb_counts()
        self.problems += ["no %s message" % name for name in ("MISS", "UPDATE", "INVALIDATE")
                          if not counts[name]]

    def rows(self):
        counts = self.qemus[0].calls.iotlb_counts()
        return [("IOTLB messages", ", ".join(
            "%d %s" % (counts[name], name)
            for name in ("MISS", "UPDATE", "INVALIDATE", "ACCESS_FAIL")))]
