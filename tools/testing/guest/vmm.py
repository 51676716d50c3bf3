# SPDX-License-Identifier: GPL-2.0-only
"""QEMU, its monitor and the guest's shell."""
import json
import os
import socket
import subprocess
import time

from calls import CallLog


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


class Qemu:
    """One QEMU process, the log of its vhost calls, and the guest inside.

    The guest's kernel options save its time in an emulator inside an emulator. With
    init_on_alloc every block of memory that leaves would be written from end to end.
    Programs that not every guest has are named by "programs".
    """

    APPEND = ("console=ttyS0 quiet panic=-1 no_timer_check tsc=reliable mitigations=off "
              "nokaslr cryptomgr.notests=1 init_on_alloc=0")

    def __init__(self, name, assets, out, patience, devices, machine="pc", append="",
                 cpus=1, environment=None, programs=()):
        self.name, self.assets, self.out, self.patience = name, assets, out, patience
        self.devices, self.machine, self.cpus = devices, machine, cpus
        self.append = (self.APPEND + " " + append).strip()
        self.environment = environment or {}
        self.programs = programs
        self.calls = CallLog("%s/%s-calls" % (out, name))
        self.stderr_path = "%s/%s-stderr" % (out, name)
        self.qmp_path, self.shell_path = "/tmp/%s-qmp" % name, "/tmp/%s-shell" % name
        self.process = None

    def command_line(self):
        return [
            "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none",
            "-machine", self.machine + ",accel=tcg,hpet=off,i8042=off,usb=off,vmport=off",
            "-cpu", "qemu64", "-smp", "%d" % self.cpus,
            "-kernel", self.assets + "/vmlinuz", "-initrd", self.initrd(),
            "-append", self.append,
            "-serial", "file:%s/%s-console" % (self.out, self.name),
            "-serial", "unix:%s,server=on,wait=off" % self.shell_path,
            "-qmp", "unix:%s,server=on,wait=off" % self.qmp_path,
        ] + self.devices

    def initrd(self):
        """The archive that every guest has, and behind it those of its programs."""
        if not self.programs:
            return self.assets + "/initrd"
        path = "/tmp/%s-initrd" % self.name
        with open(path, "wb") as out:
            for part in ["initrd"] + ["with-" + name for name in self.programs]:
                with open("%s/%s" % (self.assets, part), "rb") as f:
                    out.write(f.read())
        return path

    def start(self):
        env = dict(os.environ, LD_PRELOAD=self.assets + "/calllog.so", CALLLOG=self.calls.path,
                   **self.environment)
        with open(self.stderr_path, "w") as stderr:
            self.process = subprocess.Popen(self.command_line(), env=env, stderr=stderr,
                                            stdin=subprocess.DEVNULL, stdout=stderr)
        wait_for("QEMU did not open its monitor", 60 * self.patience, self.monitor_open)
        self.qmp = Qmp(self.qmp_path, self.patience)
        self.shell = GuestShell(self.shell_path, self.patience)

    def monitor_open(self):
        if self.process.poll() is not None:
            raise SceneError("QEMU %s ended with status %d" %
                             (self.name, self.process.returncode))
        return os.path.exists(self.qmp_path) and os.path.exists(self.shell_path)

    def wait_ready(self, queues=2):
        """Until the guest listens and vhost carries its traffic."""
        self.shell.wait_ready(300 * self.patience)
        wait_for("QEMU never started its vhost queues", 20 * self.patience,
                 lambda: self.calls.started(queues))

    def complaints(self):
        with open(self.stderr_path) as f:
            return [line.strip() for line in f if line.strip()]

    def ring_errors(self):
        return sum("vhost vring error" in line for line in self.complaints())

    def quit(self):
        self.qmp.command("quit")
        try:
            status = self.process.wait(60 * self.patience)
        except subprocess.TimeoutExpired:
            raise SceneError("QEMU %s does not end" % self.name)
        if status != 0:
            raise SceneError("QEMU %s ended with status %d" % (self.name, status))
        self.forget()

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.forget()

    def forget(self):
        """What a dead QEMU leaves would look like the next one of that name."""
        for path in self.qmp_path, self.shell_path:
            if os.path.exists(path):
                os.unlink(path)

    def show_logs(self):
        for path in self.stderr_path, "%s/%s-console" % (self.out, self.name):
            if os.path.exists(path):
                with open(path, errors="replace") as f:
                    for line in f.readlines()[-15:]:
                        print("    %s: %s" % (os.path.basename(path), line.rstrip()))
