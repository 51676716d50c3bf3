# SPDX-License-Identifier: GPL-2.0-only
"""What flows between the lab and the guest: TCP both ways with checksums, pings."""
import fcntl
import hashlib
import os
import socket
import struct
import termios
import threading
import time

from vmm import SceneError


def tap_counters(taps):
    """Counters of all taps together: tx is towards the guest."""
    counters = {}
    for name in "tx_packets", "rx_packets", "tx_bytes", "rx_bytes":
        counters[name] = 0
        for tap in taps:
            with open("/sys/class/net/%s/statistics/%s" % (tap, name)) as f:
                counters[name] += int(f.read())
    return counters


class Flow(threading.Thread):
    """One direction of TCP, one connection after the other until stopped."""

    def __init__(self, host, port, chunk, patience):
        super().__init__(daemon=True)
        self.address = (host, port)
        self.chunk = chunk
        self.patience = patience
        self.moved = 0          # bytes handed over, checked or not
        self.verified = 0       # bytes whose checksum was compared and equal
        self.equal = self.unequal = 0
        self.error = None
        self.rate = None        # bytes a second, None for as many as there can be
        self.stopping = False

    def run(self):
        try:
            while not self.stopping:
                with socket.create_connection(self.address, 60 * self.patience) as peer:
                    if self.transfer(peer):
                        self.equal += 1
                        self.verified += self.chunk
                    else:
                        self.unequal += 1
        except (OSError, ValueError) as error:
            self.error = "%s after %d bytes" % (error, self.moved)

    def pace(self, size):
        """So much has moved; slow down if somebody wants that."""
        self.moved += size
        if self.rate:
            time.sleep(size / self.rate)

    def stop(self):
        self.rate = None
        self.stopping = True


class Upload(Flow):
    name = "to the guest"

    def __init__(self, host, chunk, patience):
        super().__init__(host, 5001, chunk, patience)

    def transfer(self, peer):
        data = os.urandom(self.chunk)
        for start in range(0, len(data), 65536):
            piece = data[start:start + 65536]
            peer.sendall(piece)
            self.pace(len(piece))
        peer.shutdown(socket.SHUT_WR)
        answer = peer.makefile("rb").read().decode().strip()
        if len(answer) != 64:
            raise ValueError("the guest answered %r, no checksum" % answer)
        return answer == hashlib.sha256(data).hexdigest()


class Download(Flow):
    name = "from the guest"

    def __init__(self, host, chunk, patience):
        super().__init__(host, 5002, chunk, patience)

    def transfer(self, peer):
        peer.sendall(b"%d\n" % (self.chunk // 1024))
        stream = peer.makefile("rb")
        promised = stream.readline().decode().strip()
        digest = hashlib.sha256()
        left = self.chunk
        while left:
            piece = stream.read1(min(left, 65536))
            if not piece:
                raise ValueError("the guest stopped %d bytes early" % left)
            digest.update(piece)
            left -= len(piece)
            self.pace(len(piece))
        return promised == digest.hexdigest()


class Held:
    """A connection that stays open, whose data the guest leaves where they arrived.

    The guest's program does not read until it is told to: all that was sent then
    lies in the buffers that the device filled, in pages no processor has written.
    """

    def __init__(self, host, patience):
        self.peer = socket.create_connection((host, 5003), 120 * patience)
        self.stream = self.peer.makefile("rb")
        self.patience = patience
        self.equal = self.unequal = 0

    def fill(self, size):
        """Send data and wait until all of them have been acknowledged."""
        data = os.urandom(size)
        self.digest = hashlib.sha256(data).hexdigest()
        self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * size)
        self.peer.sendall(b"%d\n" % size)
        self.peer.sendall(data)
        deadline = time.monotonic() + 60 * self.patience
        while self.unacknowledged():
            if time.monotonic() > deadline:
                raise SceneError("the guest's socket does not take %d bytes, %d are left" %
                                 (size, self.unacknowledged()))
            time.sleep(0.05)

    def unacknowledged(self):
        return struct.unpack("i", fcntl.ioctl(self.peer, termios.TIOCOUTQ, bytes(4)))[0]

    def check(self, shell):
        """Let the guest read what it holds, and compare."""
        shell.run("touch /tmp/release")
        answer = self.stream.readline().decode().strip()
        if answer == self.digest:
            self.equal += 1
        else:
            self.unequal += 1

    def close(self):
        self.peer.close()


SO_RCVBUFFORCE = 33     # the socket module lacks it


class Pinger(threading.Thread):
    """Pings all the time; a reply counts however late it comes."""

    INTERVAL = 0.25
    GRACE = 10

    def __init__(self, host):
        super().__init__(daemon=True)
        self.host = host
        self.sent = 0
        self.slowest = 0.0
        self.waiting = {}
        self.to_lose = 0        # so many may stay without a reply
        self.stopping = False
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        # A guest that stood still for a minute answers hundreds at once.
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)
        self.echo_id = os.getpid() & 0xffff

    @property
    def lost(self):
        return len(self.waiting)

    def send(self):
        number = self.sent & 0xffff
        body = struct.pack("!HH", self.echo_id, number) + bytes(range(48))
        total = 0x0800 + sum(struct.unpack("!%dH" % (len(body) // 2), body))
        while total >> 16:
            total = (total & 0xffff) + (total >> 16)
        self.waiting[number] = time.monotonic()
        self.sent += 1
        try:
            self.socket.sendto(struct.pack("!BBH", 8, 0, total ^ 0xffff) + body,
                               (self.host, 0))
        except OSError:
            return              # lost before it left: nothing answers it

    def receive(self, seconds):
        self.socket.settimeout(max(seconds, 0.001))
        try:
            packet = self.socket.recv(2048)
        except socket.timeout:
            return
        icmp = packet[(packet[0] & 15) * 4:]
        kind, _, _, ident, number = struct.unpack("!BBHHH", icmp[:8])
        if kind == 0 and ident == self.echo_id and icmp[8:] == bytes(range(48)):
            start = self.waiting.pop(number, None)
            if start is not None:
                self.slowest = max(self.slowest, time.monotonic() - start)

    def run(self):
        due = time.monotonic()
        while not self.stopping:
            if time.monotonic() >= due:
                self.send()
                due += self.INTERVAL
            self.receive(due - time.monotonic())
        end = time.monotonic() + self.GRACE
        while self.lost > self.to_lose and time.monotonic() < end:
            self.receive(end - time.monotonic())

    def stop(self):
        self.stopping = True
