# SPDX-License-Identifier: GPL-2.0-only
"""A guest and its host run the kernel's own test of sockets."""
import subprocess
import time

from scene import ASSETS, BaseScene, GUEST, HOST, say
from vmm import SceneError, wait_for

TEST = ASSETS + "/vsock_test"
CID = 77
PORT = 1300             # of the first case
# What a client says whose server does not listen yet.
NOT_YET = "Control socket initialization failed"
# What the guest's kernel, 6.1, cannot as either side, with any device.
GUEST_CANNOT = {
    "client": (
        "SOCK_SEQPACKET big message",
        "SOCK_STREAM test invalid buffer",
        "SOCK_SEQPACKET test invalid buffer",
        "SOCK_STREAM SHUT_WR",
        "SOCK_STREAM SHUT_RD",
        "SOCK_STREAM MSG_ZEROCOPY",
        "SOCK_SEQPACKET MSG_ZEROCOPY",
        "SOCK_STREAM MSG_ZEROCOPY leak MSG_ERRQUEUE",
        "SOCK_STREAM MSG_ZEROCOPY leak completion skb",
        "SOCK_STREAM virtio MSG_ZEROCOPY coalescence corruption",
    ),
    "server": (
        "SOCK_SEQPACKET invalid receive buffer",
        "SOCK_SEQPACKET MSG_PEEK",
        "SOCK_STREAM virtio credit update + SO_RCVLOWAT",
        "SOCK_STREAM accept()ed socket custom setsockopt()",
    ),
}


class Scene(BaseScene):
    """vsock_test of the kernel's sources, case by case, the guest once as its client."""

    OPTIONS = {
        "ways": (2, 1, "1: the guest is the client; 2: and then the server"),
        "cases": ("", "", "numbers of cases, with commas between them; all if empty"),
    }

    def network(self):
        super().network()
        self.passed, self.again, self.cannot = 0, 0, []

    def cases(self):
        """Number and name of each that was asked for."""
        said = subprocess.run([TEST, "--mode=server", "--control-port=1", "--peer-cid=%d" % CID,
                               "--list"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, check=False).stdout
        names = dict(line.split("\t", 1) for line in said.splitlines() if line[:1].isdigit())
        if not names:
            raise SceneError("vsock_test has no cases: " + said)
        numbers = self.args.cases.split(",") if self.args.cases else list(names)
        return [(number, names[number]) for number in numbers]

    def guest_plays(self, guest, mode, cases):
        """One after the other; for each there is a port of its own to agree with us."""
        peer = "--control-host=%s" % HOST.split("/")[0] if mode == "client" else ""
        guest.shell.run(
            "port=%d; for i in %s; do while timeout %d vsock_test --mode=%s %s --peer-cid=2 "
            "--pick=$i --control-port=$port </dev/null >/tmp/said 2>&1; "
            "echo status $? >>/tmp/said; grep -q '%s' /tmp/said; do sleep 0.2; done; "
            "mv /tmp/said /tmp/said-$port; port=$((port + 1)); done & true" %
            (PORT, " ".join(number for number, _ in cases), 60 * self.patience, mode, peer,
             NOT_YET))

    def host_plays(self, mode, number, port):
        """One case: what it said, its status at the end."""
        words = [TEST, "--mode=" + mode, "--control-port=%d" % port,
                 "--peer-cid=%d" % CID, "--pick=" + number]
        if mode == "client":
            words.append("--control-host=" + GUEST)
        deadline = time.monotonic() + 60 * self.patience
        while True:
            try:
                run = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                     text=True, check=False, timeout=60 * self.patience)
            except subprocess.TimeoutExpired:
                return ["no end"]
            if NOT_YET not in run.stdout or time.monotonic() > deadline:
                return run.stdout.splitlines() + ["status %d" % run.returncode]
            time.sleep(0.1)

    def guest_said(self, guest, port):
        path = "/tmp/said-%d" % port
        wait_for("the guest does not end its case", 90 * self.patience,
                 lambda: guest.shell.run("[ -e %s ] && echo 1 || echo 0" % path)[0] == "1", 0.3)
        return guest.shell.run("cat %s; rm %s" % (path, path))

    def play_all(self, guest, role, cases):
        """The guest is the client, or the server. What went wrong: case, and what was said."""
        mine = "client" if role == "server" else "server"
        self.guest_plays(guest, role, cases)
        said = [self.host_plays(mine, number, PORT + i) for i, (number, _) in enumerate(cases)]
        wrong = []
        for i, case in enumerate(cases):
            in_guest = self.guest_said(guest, PORT + i)
            if in_guest[-1] == said[i][-1] == "status 0":
                self.passed += 1
            elif case[1] in GUEST_CANNOT[role]:
                self.cannot.append(case[1])
            else:
                wrong.append((case, in_guest, said[i]))
        say("the guest was %s: %d cases passed so far" % (role, self.passed))
        return wrong

    def play_role(self, guest, role, cases):
        """
        What goes wrong is done once more: some cases want a connection to be over for the
        guest when the other connection, that of TCP, says so.
        """
        wrong = self.play_all(guest, role, cases)
        self.again += len(wrong)
        if wrong:
            say("once more: " + ", ".join(name for (_, name), _, _ in wrong))
            wrong = self.play_all(guest, role, [case for case, _, _ in wrong])
        for (number, name), in_guest, on_host in wrong:
            self.problems.append("vsock_test: %s, with the guest as %s" % (name, role))
            for who, lines in ("guest", in_guest), ("host", on_host):
                for line in lines[-3:]:
                    print("    %s %s: %s" % (number, who, line))

    def play(self):
        cases = self.cases()
        guest = self.qemu("a", [
            "-m", "192M", "-device", "vhost-vsock-pci,guest-cid=%d" % CID,
            "-netdev", "tap,id=n0,ifname=tap0,script=no,downscript=no,vhost=off",
            "-device", "virtio-net-pci,netdev=n0,romfile="], programs=["vsock_test"])
        guest.start()
        guest.shell.wait_ready(300 * self.patience)
        guest.shell.run("load vsock")
        say("guest is up, %d cases" % len(cases))
        for role in ("client", "server")[:self.args.ways]:
            # With a case that cannot pass one side often waits for its time to be over.
            some = [c for c in cases if c[1] not in GUEST_CANNOT[role] or not self.args.short]
            self.play_role(guest, role, some)

    def judge_traffic(self):
        pass

    def rows(self):
        return [("vsock_test", "%d cases passed, %d of them the second time" %
                 (self.passed, self.again)),
                ("guest too old", "for %d" % len(self.cannot))]

    def traffic_rows(self):
        return [("ring errors", "%d" % sum(q.ring_errors() for q in self.qemus))]
