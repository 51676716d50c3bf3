# SPDX-License-Identifier: GPL-2.0-only
"""The guest uses several pairs of queues."""
import re

from scene import BaseScene, say

POLL_US = 50


class Scene(BaseScene):
    """Two queue pairs, two vhost devices, busy polling."""

    OPTIONS = {
        "pairs": (2, 2, "queue pairs, and processors of the guest"),
        "flows": (4, 3, "TCP connections each way at a time"),
        "mib": (64, 6, "MiB of TCP each way, at least"),
        "chunk": (4, 1, "MiB in one TCP connection"),
    }
    TAP_FLAGS = "multi_queue"

    def play(self):
        pairs = self.args.pairs
        qemu = self.qemu("a", [
            "-m", "256M",
            "-netdev", "tap,id=n0,ifname=tap0,script=no,downscript=no,vhost=on,queues=%d,"
            "poll-us=%d" % (pairs, POLL_US),
            "-device", "virtio-net-pci,netdev=n0,romfile=,mq=on,vectors=%d" % (2 * pairs + 2)],
            cpus=pairs)
        qemu.start()
        qemu.wait_ready(2 * pairs)
        say("guest is up")
        self.start_traffic(flows=self.args.flows)
        self.act("flowing", self.finish_traffic)
        self.interrupts = self.count_interrupts(qemu)

    def count_interrupts(self, qemu):
        """What each queue has signalled to the guest."""
        counts = {}
        for line in qemu.shell.run("cat /proc/interrupts"):
            match = re.search(r" virtio\d+-((?:input|output)\.\d+)$", line)
            if match:
                counts[match[1]] = sum(int(n) for n in
                                       line.split(":")[1].split()[:self.args.pairs])
        return counts

    def judge(self):
        super().judge()
        bad, calls = self.problems, self.qemus[0].calls
        names = ["%s.%d" % (side, pair) for side in ("input", "output")
                 for pair in range(self.args.pairs)]
        # Setting up a queue is good for one or two.
        bad += ["queue %s: %d interrupts" % (name, self.interrupts.get(name, 0))
                for name in names if self.interrupts.get(name, 0) < 10]
        if len(self.moved()) != 2 * self.args.pairs:
            bad.append("%d queues stopped, %d expected" %
                       (len(self.moved()), 2 * self.args.pairs))
        bad += ["ring %s.%d has not moved" % ring for ring, n in self.moved().items() if not n]
        polling = calls.named("SET_VRING_BUSYLOOP_TIMEOUT", num=hex(POLL_US))
        if len(polling) < 2 * self.args.pairs:
            bad.append("busy polling set for %d queues" % len(polling))

    def moved(self):
        """Where each ring stood at the end, by device and index (modulo 65536)."""
        calls = self.qemus[0].calls.named("GET_VRING_BASE")
        return {(c.fd, int(c.args["idx"])): c.number for c in calls}

    def rows(self):
        return [
            ("interrupts", ", ".join("%s %d" % item for item in sorted(self.interrupts.items()))),
            ("ring positions", ", ".join("%s.%d at %d" % (fd, index, n)
                                         for (fd, index), n in sorted(self.moved().items()))),
        ]
