#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Plays one scene: guests on vhost-net to which something is done under traffic.

Runs in the lab kernel, in the QEMU root, started by "stage". Prints progress
and a table and leaves PASS or FAIL in /tmp/out/verdict.
"""
import argparse
import importlib
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import callshape
from traffic import Download, Pinger, Upload, tap_counters
from vmm import Qemu, SceneError

OUT = "/tmp/out"
ASSETS = "/tmp/assets"
GUEST = "10.77.0.2"
HOST = "10.77.0.1/24"
MIB = 1 << 20
START = time.monotonic()
# VIRTIO_F_RING_PACKED, and the devices of QEMU that have vhost do the work.
PACKED = 34
VHOST_DEVICES = ("virtio-net-pci,", "vhost-vsock-pci,", "vhost-scsi-pci,")
# An option of all scenes with TCP, as in BaseScene.OPTIONS.
RATE = {"rate": (0, 256, "KiB a second of each TCP connection, 0 for all there can be")}
NAMES = sorted(name[:-3] for name in os.listdir(HERE + "/scenes") if name.endswith(".py"))


def say(text):
    """One line of progress, with the seconds since the start."""
    print("%5.0f s  %s" % (time.monotonic() - START, text), flush=True)


def ip(words):
    subprocess.run(["ip"] + words.split(), check=True)


class BaseScene:
    """What scenes have in common: network, traffic, guests, and the verdict.

    A scene is a module in scenes/ with a class Scene(BaseScene) that has play(),
    and, where there is more to it than traffic, judge() and rows().
    """

    # NAME: (value, value with --short, help)
    OPTIONS = {
        "mib": (32, 4, "MiB of TCP each way, at least"),
        "chunk": (8, 1, "MiB in one TCP connection"),
    }
    TAPS = ["tap0"]
    TAP_FLAGS = ""
    SHAPES = {}                 # name of a QEMU: name of the shape its calls must have
    EXPECTED = ()               # failures, and what QEMU says about them

    def __init__(self, args):
        self.args = args
        self.patience = args.patience
        self.qemus = []
        self.flows = []
        self.threads = []
        self.still = []         # acts during which a direction stood still
        self.problems = []
        self.features = []      # of the last guest's devices, as it shows them itself

    def qemu(self, name, devices, **options):
        """A QEMU that is ended with the scene; start it yourself."""
        if self.args.packed:
            devices = [word + ",packed=on" if word.startswith(VHOST_DEVICES) else word
                       for word in devices]
        qemu = Qemu(name, ASSETS, OUT, self.patience, devices, **options)
        self.qemus.append(qemu)
        return qemu

    def network(self):
        """
        The taps; a bridge joins them when they are more than one. A guest in an
        emulator in an emulator may stand still for a minute: what waits for it is not
        dropped, and its address not forgotten.
        """
        front = self.TAPS[0]
        if len(self.TAPS) > 1:
            front = "br0"
            ip("link add br0 type bridge forward_delay 0")
        for tap in self.TAPS:
            ip("tuntap add dev %s mode tap vnet_hdr %s" % (tap, self.TAP_FLAGS))
            ip("link set %s txqueuelen 10000" % tap)
            if front == "br0":
                ip("link set %s master br0" % tap)
            ip("link set %s up" % tap)
        ip("addr add %s dev %s" % (HOST, front))
        ip("link set %s up" % front)
        ip("ntable change name arp_cache dev %s ucast_probes 1000" % front)

    def start_net_guest(self):
        """A guest with a vhost-net device and nothing else, and traffic."""
        self.guest = self.qemu("a", [
            "-m", "256M",
            "-netdev", "tap,id=n0,ifname=tap0,script=no,downscript=no,vhost=on",
            "-device", "virtio-net-pci,netdev=n0,romfile="])
        self.guest.start()
        self.guest.wait_ready()
        say("guest is up")
        self.start_traffic()

    def resize_rings(self, rx, tx):
        """Have the guest's driver reset and resize its queues.

        It frees what is in the rings at that moment, which may be a ping or its answer.
        """
        self.guest.shell.run("ringsize eth0 %d %d" % (rx, tx))
        self.pinger.to_lose += 1

    def start_traffic(self, kinds=(Upload, Download), flows=1):
        """Pings, and so many connections of each kind at any time."""
        self.pinger = Pinger(GUEST)
        self.pinger.start()
        self.threads.append(self.pinger)
        for kind in kinds * flows:
            self.add_flow(kind)

    def add_flow(self, kind):
        flow = kind(GUEST, self.args.chunk * MIB, self.patience)
        flow.rate = self.args.rate * 1024 or None
        flow.start()
        self.flows.append(flow)
        self.threads.append(flow)

    def pace(self, rate):
        """So many bytes a second of each flow from now on."""
        for flow in self.flows:
            flow.rate = rate

    def stop_traffic(self):
        for thread in self.threads:
            thread.stop()
        for thread in self.threads:
            thread.join(120 * self.patience)
        if any(thread.is_alive() for thread in self.threads):
            self.problems.append("traffic does not come to an end")

    def act(self, name, work):
        """Run one act and insist that traffic flowed both ways meanwhile."""
        before = [flow.moved for flow in self.flows]
        work()
        # An act may be over before one packet was due: give traffic a moment.
        deadline = time.monotonic() + 20 * self.patience
        while True:
            quiet = [f.name for f, b in zip(self.flows, before) if f.moved == b]
            if not quiet:
                return
            if time.monotonic() > deadline or any(f.error for f in self.flows):
                self.still += ["%s while %s" % (direction, name) for direction in quiet]
                return
            time.sleep(0.2)

    def verified(self, kind):
        """Bytes of one direction whose checksums were equal."""
        return sum(flow.verified for flow in self.flows if isinstance(flow, kind))

    def finish_traffic(self):
        """Let both directions reach what was asked for, at full speed.

        The first one to get there ends, for the other has the rest of the machine then.
        """
        deadline = time.monotonic() + 120 * self.patience
        wanted = self.args.mib * MIB
        self.pace(None)
        while any(self.verified(kind) < wanted for kind in (Upload, Download)):
            if time.monotonic() > deadline or any(f.error for f in self.flows):
                return
            for flow in self.flows:
                if self.verified(type(flow)) >= wanted:
                    flow.stop()
            time.sleep(0.5)

    def judge_traffic(self):
        """Every reason why this traffic is not a pass."""
        bad = self.problems
        for flow in self.flows:
            if flow.error:
                bad.append("%s: %s" % (flow.name, flow.error))
            if flow.unequal:
                bad.append("%s: %d checksums differ" % (flow.name, flow.unequal))
        for kind in Upload, Download:
            if self.verified(kind) < self.args.mib * MIB:
                bad.append("%s: %d MiB checked, %d wanted" %
                           (kind.name, self.verified(kind) // MIB, self.args.mib))
        bad += ["no traffic %s" % s for s in self.still]
        if self.pinger.lost > self.pinger.to_lose or not self.pinger.sent:
            bad.append("%d of %d pings lost" % (self.pinger.lost, self.pinger.sent))

    def judge_calls(self, qemu):
        """Calls that failed, what QEMU said, and whether it made the calls it should."""
        bad = self.problems
        bad += ["vhost call failed: " + text for text in qemu.calls.failed
                if text not in self.EXPECTED]
        bad += ["QEMU %s: %s" % (qemu.name, line) for line in qemu.complaints()
                if line not in self.EXPECTED]
        name = self.SHAPES.get(qemu.name)
        if name and not self.args.packed:
            wanted = callshape.load_shape("%s/shapes/%s" % (HERE, name))
            for device, lines in enumerate(callshape.shapes(qemu.calls.update())):
                bad += ["QEMU %s, device %d, calls as in %s: %s" % (qemu.name, device, name, d)
                        for d in callshape.differences(wanted, lines)]

    def look_at_features(self, qemu):
        """What a running guest's devices have negotiated."""
        self.features = qemu.shell.run("cat /sys/bus/virtio/devices/*/features")
        packed = [bits[PACKED] for bits in self.features].count("1")
        wanted = sum(word.endswith(",packed=on") for word in qemu.devices)
        if packed != wanted:
            self.problems.append("%d of %d devices have packed rings: %s" %
                                 (packed, wanted, ", ".join(self.features)))

    def judge(self):
        if self.args.packed and not self.features:
            self.problems.append("no guest said what its devices have negotiated")
        for qemu in self.qemus:
            self.judge_calls(qemu)

    def rows(self):
        return []

    def traffic_rows(self):
        tap, pinger = tap_counters(self.TAPS), self.pinger
        score = ["%d of %d" % (sum(f.equal for f in flows),
                               sum(f.equal + f.unequal for f in flows))
                 for flows in ([f for f in self.flows if isinstance(f, kind)]
                               for kind in (Upload, Download))]
        rows = [
            ("", "%16s %16s" % ("to the guest", "from the guest")),
            ("packets", "%16d %16d" % (tap["tx_packets"], tap["rx_packets"])),
            ("bytes", "%16d %16d" % (tap["tx_bytes"], tap["rx_bytes"])),
            ("TCP MiB checked", "%16d %16d" % (self.verified(Upload) // MIB,
                                               self.verified(Download) // MIB)),
            ("sha256 equal", "%16s %16s" % tuple(score)),
            ("pings", "%d sent, %d lost, slowest %.0f ms" %
             (pinger.sent, pinger.lost, pinger.slowest * 1000)),
            ("ring errors", "%d" % sum(qemu.ring_errors() for qemu in self.qemus)),
        ]
        if self.SHAPES and not self.args.packed:
            rows.append(("calls compared with", ", ".join(self.SHAPES.values())))
        return rows

    def report(self):
        print()
        rows = [("feature bits", bits) for bits in self.features if bits[PACKED] == "1"]
        for name, value in self.rows() + self.traffic_rows() + rows:
            print("  %-20s %s" % (name, value))
        print()
        for problem in self.problems:
            print("  not as it should be: " + problem)

    def run(self):
        """The whole scene; the verdict."""
        try:
            self.network()
            try:
                self.play()
            finally:
                self.stop_traffic()
            for qemu in self.qemus:
                if qemu.process.poll() is None:
                    self.look_at_features(qemu)
                    qemu.quit()
            self.judge_traffic()
            self.judge()
            self.report()
        except (SceneError, OSError, ValueError) as error:
            self.problems.append(str(error))
            say("gave up: %s" % error)
            for qemu in self.qemus:
                qemu.show_logs()
        finally:
            for qemu in self.qemus:
                qemu.kill()
        return "FAIL" if self.problems else "PASS"


def options_of(scene):
    """Its own; without taps it has no TCP to pace."""
    return dict(scene.OPTIONS, **RATE) if scene.TAPS else scene.OPTIONS


def arguments(scenes):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="scene", required=True)
    for name, scene in scenes.items():
        command = commands.add_parser(name, help=scene.__doc__.splitlines()[0])
        command.add_argument("--short", action="store_true", help="less of everything")
        command.add_argument("--patience", type=float, default=1,
                             help="multiplies every time limit")
        command.add_argument("--packed", action="store_true",
                             help="the rings of vhost devices are packed")
        for option, (value, short, text) in options_of(scene).items():
            command.add_argument("--" + option, type=type(value),
                                 help="%s (%s, short %s)" % (text, value, short))
    args = parser.parse_args()
    for option, values in options_of(scenes[args.scene]).items():
        if getattr(args, option) is None:
            setattr(args, option, values[1 if args.short else 0])
    return args


def main():
    scenes = {name: importlib.import_module("scenes." + name).Scene for name in NAMES}
    args = arguments(scenes)
    verdict = scenes[args.scene](args).run()
    with open(OUT + "/verdict", "w") as f:
        f.write(verdict + "\n")
    print("  " + verdict, flush=True)
    return 0 if verdict == "PASS" else 1


if __name__ == "__main__":
    # Scenes import this module by name: there must be one of it.
    sys.modules["scene"] = sys.modules["__main__"]
    sys.exit(main())
