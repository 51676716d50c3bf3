# SPDX-License-Identifier: GPL-2.0-only
"""A guest with sockets to the host."""
import errno
import hashlib
import os
import random
import socket
import subprocess
import threading
import time

from scene import BaseScene, MIB, say
from vmm import SceneError

CID = 77
STREAM, SEQPACKET = 7001, 7002          # the guest echoes
HOST_STREAM, HOST_SEQPACKET = 7003, 7004
TAKEN = "vhost-vsock: unable to set guest cid: Address already in use"


def receive(sock, size):
    """So many bytes, or what there is until the end."""
    data = bytearray()
    while len(data) < size:
        some = sock.recv(min(size - len(data), 1 << 18))
        if not some:
            break
        data += some
    return bytes(data)


class Echo(threading.Thread):
    """A port of the host that echoes to the guest."""

    def __init__(self, kind, port):
        super().__init__(daemon=True)
        self.kind = kind
        self.socket = socket.socket(socket.AF_VSOCK, kind)
        self.socket.bind((socket.VMADDR_CID_ANY, port))
        self.socket.listen(8)

    def run(self):
        while True:
            peer, _ = self.socket.accept()
            try:
                self.serve(peer)
            except OSError:
                pass
            peer.close()

    def serve(self, peer):
        while True:
            data = peer.recv(1 << 18)
            if not data:
                return
            if self.kind == socket.SOCK_STREAM:
                peer.sendall(data)
            else:
                peer.send(data)


class Client(threading.Thread):
    """A connection that has something echoed, and may go in the middle of it."""

    def __init__(self, scene, number):
        super().__init__(daemon=True)
        self.scene, self.number, self.error, self.moved = scene, number, None, 0

    def run(self):
        try:
            self.talk()
        except OSError as error:
            self.error = str(error)

    def talk(self):
        rand = random.Random(self.number)
        kind = socket.SOCK_SEQPACKET if self.number % 3 == 0 else socket.SOCK_STREAM
        with self.scene.connect(kind) as sock:
            for _ in range(4):
                data = rand.randbytes(rand.randrange(1, 20000))
                sock.sendall(data)
                came = sock.recv(1 << 18) if kind == socket.SOCK_SEQPACKET else \
                    receive(sock, len(data))
                if came != data:
                    self.error = "%d bytes came back different" % len(data)
                    return
                self.moved += len(data)
            if self.number % 2:
                sock.sendall(rand.randbytes(15000))


class Scene(BaseScene):
    """A guest and its host talk over sockets, as streams and in messages, and part abruptly.

    Each way there is one that listens and echoes; all data are compared.
    """

    OPTIONS = {
        "mib": (8, 1, "MiB each way of each kind"),
        "clients": (64, 64, "connections at a time"),
    }
    TAPS = []

    def network(self):
        for kind, port in ((socket.SOCK_STREAM, HOST_STREAM),
                           (socket.SOCK_SEQPACKET, HOST_SEQPACKET)):
            Echo(kind, port).start()
        self.did = []

    def connect(self, kind):
        """A guest in an emulator in an emulator may take longer than a socket waits."""
        deadline = time.monotonic() + 60 * self.patience
        while True:
            sock = socket.socket(socket.AF_VSOCK, kind)
            try:
                sock.connect((CID, STREAM if kind == socket.SOCK_STREAM else SEQPACKET))
                sock.settimeout(60 * self.patience)
                return sock
            except TimeoutError:
                sock.close()
                if time.monotonic() > deadline:
                    raise
            except OSError:
                sock.close()
                raise

    def devices(self):
        return ["-m", "128M", "-device", "vhost-vsock-pci,guest-cid=%d" % CID]

    def done(self, what, how):
        self.did.append((what, how))
        say("%s: %s" % (what, how))

    def stream(self):
        """Write and read at the same time; the checksums of both."""
        data = random.Random(1).randbytes(self.args.mib * MIB)
        with self.connect(socket.SOCK_STREAM) as sock:
            writer = threading.Thread(target=sock.sendall, args=(data,), daemon=True)
            writer.start()
            came = receive(sock, len(data))
            writer.join()
        sums = [hashlib.sha256(d).hexdigest() for d in (data, came)]
        if sums[0] != sums[1]:
            raise SceneError("stream: sha256 %s went, %s came back" % tuple(sums))
        self.done("stream from the host", "%d MiB, sha256 equal" % self.args.mib)

    def messages(self):
        rand, count, moved = random.Random(2), 0, 0
        with self.connect(socket.SOCK_SEQPACKET) as sock:
            while moved < self.args.mib * MIB:
                data = rand.randbytes(rand.choice((1, 100, 4052, 4053, 65536, 65537, 200000)))
                flag = socket.MSG_EOR if rand.random() < 0.5 else 0
                sock.send(data, flag)
                came, _, flags, _ = sock.recvmsg(1 << 18)
                if came != data or flags & socket.MSG_EOR != flag:
                    raise SceneError("message of %d bytes came back different" % len(data))
                moved += len(data)
                count += 1
        self.done("messages from the host", "%d, equal, %d KiB" % (count, moved >> 10))

    def from_the_guest(self, guest):
        for kind, port in ("stream", HOST_STREAM), ("seqpacket", HOST_SEQPACKET):
            said = guest.shell.run("vsockpeer talk %s %d %d" % (kind, port, self.args.mib * MIB))
            self.done(kind + " from the guest", said[-1])

    def many(self):
        clients = [Client(self, n) for n in range(self.args.clients)]
        for client in clients:
            client.start()
        for client in clients:
            client.join(120 * self.patience)
        bad = ["client %d: %s" % (c.number, c.error or "no end") for c in clients
               if c.error or c.is_alive()]
        if bad:
            raise SceneError("; ".join(bad))
        self.done("at a time", "%d connections, %d KiB, half of them cut" %
                  (len(clients), sum(c.moved for c in clients) >> 10))

    def socat(self):
        data = random.Random(3).randbytes(100000)
        run = subprocess.run(["socat", "-t%d" % (10 * self.patience), "-",
                              "VSOCK-CONNECT:%d:%d" % (CID, STREAM)], input=data,
                             stdout=subprocess.PIPE, timeout=120 * self.patience, check=False)
        if run.returncode or run.stdout != data:
            raise SceneError("socat: status %d, %d bytes" % (run.returncode, len(run.stdout)))
        self.done("socat", "%d bytes, equal" % len(data))

    def refused(self):
        """A second guest of this address, and a port where nobody listens."""
        second = self.qemu("second", self.devices())
        try:
            second.start()
        except (SceneError, OSError):
            pass                        # its monitor may have been there for a moment
        if second.process.wait(60 * self.patience) != 1:
            raise SceneError("two guests have the address %d" % CID)
        if TAKEN not in " ".join(second.complaints()):
            raise SceneError("QEMU says: " + " ".join(second.complaints()))
        second.forget()
        self.qemus.remove(second)
        sock = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
        if sock.connect_ex((CID, 9)) != errno.ECONNRESET:
            raise SceneError("a closed port does not reset")
        self.done("refused", "a second guest of this address, a closed port")

    def stop_and_go(self, guest):
        """What is sent to a guest that stands still is there when it goes on."""
        with self.connect(socket.SOCK_STREAM) as sock:
            guest.qmp.command("stop")
            sock.sendall(b"later" * 1000)
            guest.qmp.command("cont")
            if receive(sock, 5000) != b"later" * 1000:
                raise SceneError("what was sent to a stopped guest did not come back")
        self.done("stop and cont", "nothing lost")

    def ending(self, guest):
        """Peers of a guest that ends are reset, and its address is free."""
        with self.connect(socket.SOCK_STREAM) as sock:
            guest.quit()
            try:
                data = sock.recv(1)
            except ConnectionResetError:
                data = b""
            if data:
                raise SceneError("the guest is gone and sends")
        if os.path.exists("/proc/%d" % guest.process.pid):
            raise SceneError("QEMU is still there")
        probe = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
        if probe.connect_ex((CID, STREAM)) != errno.ENODEV:
            raise SceneError("there is still a guest %d" % CID)
        self.done("the end", "its peer was reset")

    def play(self):
        guest = self.qemu("a", self.devices())
        guest.start()
        guest.shell.wait_ready(300 * self.patience)
        say("guest is up")
        guest.shell.run("load vsock")
        guest.shell.run("vsockpeer serve %d %d >/dev/null 2>&1" % (STREAM, SEQPACKET))
        self.stream()
        self.messages()
        self.from_the_guest(guest)
        self.many()
        self.socat()
        self.refused()
        self.stop_and_go(guest)
        self.look_at_features(guest)
        self.ending(guest)

    def judge_traffic(self):
        pass

    def traffic_rows(self):
        return self.did + [("ring errors", "%d" % sum(q.ring_errors() for q in self.qemus))]
