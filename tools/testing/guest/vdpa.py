# SPDX-License-Identifier: GPL-2.0-only
"""vDPA devices for scenes, and traffic that a device loops back to its guest."""
import glob
import json
import os
import subprocess

from scene import BaseScene, say
from vmm import SceneError, wait_for

MAC = "52:54:00:12:34:56"


def vdpa(*words):
    """What the vdpa tool says, from JSON."""
    done = subprocess.run(["vdpa", "-j", *words], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SceneError("vdpa %s: %s" % (" ".join(words), done.stderr.strip()))
    return json.loads(done.stdout) if done.stdout.strip() else {}


class VdpaScene(BaseScene):
    """Guests on simulators: there is no tap, and frames come back to who sent them."""

    OPTIONS = {}
    TAPS = []
    # Frames on their way when a device is taken from a guest may be lost, there and back.
    WINDOW = 16

    def __init__(self, args):
        super().__init__(args)
        self.devices = []
        self.switches = 0       # times a device was taken away from a running guest
        self.counts = []        # of each guest that ran "frames"

    def network(self):
        pass

    def device(self, name, mgmtdev, *attributes):
        """A new device; the path by which a VMM opens it."""
        vdpa("dev", "add", "name", name, "mgmtdev", mgmtdev, *attributes)
        self.devices.append(name)
        nodes = glob.glob("/sys/bus/vdpa/devices/%s/vhost-vdpa-*" % name)
        if len(nodes) != 1:
            raise SceneError("vdpa device %s has %d nodes" % (name, len(nodes)))
        path = "/dev/" + os.path.basename(nodes[0])
        wait_for("no " + path, 10, lambda: os.path.exists(path))
        return path

    def remove_devices(self):
        for name in self.devices:
            vdpa("dev", "del", name)

    def frames(self, guest):
        """Frames sent, come back, different and lost, as the guest counts them."""
        # There is no file first, then an empty one.
        lines = guest.shell.run("cat /tmp/frames 2>/dev/null || true")
        return [int(n) for n in lines[0].split()] if lines else [0, 0, 0, 0]

    def start_frames(self, guest):
        guest.shell.run("ip link set eth0 up")
        guest.shell.run("frames eth0 /tmp/frames >/dev/null 2>&1 &")
        self.go_on(guest, "to begin")

    def go_on(self, guest, what, frames=200):
        """Until so many more came back."""
        before = self.frames(guest)[1] if what != "to begin" else 0
        wait_for("frames do not come back after " + what, 60 * self.patience,
                 lambda: self.frames(guest)[1] >= before + frames, 0.3)
        say("frames come back after %s: %d sent, %d came, %d different, %d lost" %
            (what, *self.frames(guest)))

    def finish_frames(self, guest):
        self.counts.append(self.frames(guest))

    def judge_traffic(self):
        for sent, good, bad, lost in self.counts:
            if bad or not good or lost > self.switches * 2 * self.WINDOW:
                self.problems.append("%d frames sent, %d came back, %d different, %d lost" %
                                     (sent, good, bad, lost))

    def judge(self):
        super().judge()
        try:
            self.remove_devices()
        except SceneError as error:
            self.problems.append(str(error))

    def traffic_rows(self):
        return [("frames", "%d sent, %d came back, %d different, %d lost" % tuple(counts))
                for counts in self.counts] + [
                    ("device taken away", "%d times" % self.switches),
                    ("ring errors", "%d" % sum(q.ring_errors() for q in self.qemus))]
