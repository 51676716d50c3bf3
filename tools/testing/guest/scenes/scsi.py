# SPDX-License-Identifier: GPL-2.0-only
"""A guest with disks on vhost-scsi."""
import os

from scene import BaseScene, say
from vmm import SceneError, wait_for

TARGET = "/sys/kernel/config/target"
WWN = "naa.600140554cf3a18e"
NEXUS = "naa.60014053226f0388"
TPG = "%s/vhost/%s/tpgt_0" % (TARGET, WWN)
IMAGE = "/tmp/disk.img"


def write(path, text):
    with open(path, "w") as f:
        f.write(text)


class Scene(BaseScene):
    """Disks in a file and in memory, one of which comes and goes under I/O."""

    OPTIONS = {
        "rounds": (6, 1, "times that fio writes and compares each disk, at least"),
        "verified": (16, 4, "MiB of each disk that it uses"),
        "hotplugs": (5, 1, "times that a disk comes and goes"),
    }
    TAPS = []

    def __init__(self, args):
        super().__init__(args)
        self.plugged = 0
        self.workers = 0
        self.hot = None
        self.counts = {}
        self.queues = 0

    def network(self):
        pass

    def storage(self, hba, name, control):
        path = "%s/core/%s/%s" % (TARGET, hba, name)
        os.makedirs(path)
        write(path + "/control", control)
        write(path + "/enable", "1")
        return path

    def lun(self, number, storage):
        os.mkdir("%s/lun/lun_%d" % (TPG, number))
        os.symlink(storage, "%s/lun/lun_%d/port" % (TPG, number))

    def remove_lun(self, number):
        os.unlink("%s/lun/lun_%d/port" % (TPG, number))
        os.rmdir("%s/lun/lun_%d" % (TPG, number))

    def targets(self):
        with open(IMAGE, "wb") as f:
            f.truncate(64 << 20)
        os.makedirs(TPG)
        write(TPG + "/nexus", NEXUS)
        self.lun(0, self.storage("fileio_0", "file",
                                 "fd_dev_name=%s,fd_dev_size=%d" % (IMAGE, 64 << 20)))
        self.lun(1, self.storage("rd_mcp_0", "memory", "rd_pages=8192"))
        self.hot = self.storage("rd_mcp_1", "hot", "rd_pages=4096")

    def remove_targets(self):
        for number in 0, 1:
            self.remove_lun(number)
        write(TPG + "/nexus", "NULL")
        for path in (TPG, os.path.dirname(TPG), TARGET + "/core/fileio_0/file",
                     TARGET + "/core/rd_mcp_0/memory", TARGET + "/core/rd_mcp_1/hot"):
            os.rmdir(path)

    def play(self):
        self.targets()
        # A queue for commands serves a processor at least.
        guest = self.qemu("a", [
            "-m", "256M", "-device",
            "vhost-scsi-pci,wwpn=%s,num_queues=4,worker_per_virtqueue=on" % WWN],
                          cpus=2, programs=["fio"])
        guest.start()
        guest.shell.wait_ready(300 * self.patience)
        guest.shell.run("load scsi")
        for disk in "sda", "sdb":
            self.wait_disk(guest, disk, True)
        say("guest is up and has both disks")
        self.filesystem(guest)
        for disk in "sda", "sdb":
            guest.shell.run("verify %s %d >/dev/null 2>&1 &" % (disk, self.args.verified))
        for _ in range(self.args.hotplugs):
            self.hotplug(guest)
        self.finish(guest)

    def wait_disk(self, guest, disk, there):
        wait_for("%s %s" % (disk, "does not come" if there else "does not go"),
                 60 * self.patience,
                 lambda: guest.shell.run("[ -b /dev/%s ] && echo 1 || echo 0" % disk)[0] ==
                 ("1" if there else "0"), 0.3)

    def filesystem(self, guest):
        """Files on a disk, which is then found to be in order."""
        run = guest.shell.run
        run("mke2fs /dev/sdb >/dev/null 2>&1")
        run("mkdir -p /mnt && mount -t ext4 /dev/sdb /mnt")
        for name in "abcd":
            run("dd if=/dev/urandom of=/mnt/%s bs=64k count=16 2>/dev/null" % name)
        sums = run("(cd /mnt && sha256sum a b c d)")
        run("umount /mnt")
        run("e2fsck -fn /dev/sdb >/tmp/fsck 2>&1 || { cat /tmp/fsck; false; }")
        run("echo 3 >/proc/sys/vm/drop_caches; mount -t ext4 /dev/sdb /mnt")
        again = run("(cd /mnt && sha256sum a b c d)")
        run("umount /mnt")
        if sums != again:
            self.problems.append("files are not what they were")
        say("a file system was made, filled, checked and read again")

    def wait_end(self, guest, disk):
        """Until nobody writes to a disk any more."""
        wait_for("I/O to %s does not end" % disk, 60 * self.patience,
                 lambda: guest.shell.run("[ -e /tmp/end-%s ] && echo 1 || echo 0" % disk)[0] == "1",
                 0.3)

    def good(self, guest, disk):
        return int(guest.shell.run("cat /tmp/good-%s 2>/dev/null || echo 0" % disk)[0])

    def good_again(self, guest, disk, before):
        """More often than before? Nobody but us is to end it."""
        if guest.shell.run("[ -e /tmp/end-%s ] && echo 1 || echo 0" % disk)[0] == "1":
            raise SceneError("fio on %s: %s" % (disk, " / ".join(
                guest.shell.run("tail -n 3 /tmp/bad-%s" % disk) or
                guest.shell.run("grep error /tmp/fio-%s || true" % disk))))
        return self.good(guest, disk) > before

    def hotplug(self, guest):
        """A third disk comes, is used, and goes while it is. The others go on."""
        run = guest.shell.run
        before = {disk: self.good(guest, disk) for disk in ("sda", "sdb")}
        self.lun(2, self.hot)
        # QEMU does not offer its guests events of LUNs: they look for themselves.
        run("echo '- - -' >/sys/class/scsi_host/host0/scan")
        self.wait_disk(guest, "sdc", True)
        run("rm -f /tmp/good-sdc /tmp/end-sdc; verify sdc 4 >/dev/null 2>&1 &")
        wait_for("nothing is written to the disk that came", 120 * self.patience,
                 lambda: self.good_again(guest, "sdc", 0), 0.3)
        self.remove_lun(2)
        self.wait_end(guest, "sdc")
        self.compared(guest, "sdc")
        run("echo 1 >/sys/block/sdc/device/delete")
        self.wait_disk(guest, "sdc", False)
        wait_for("the other disks stand still", 120 * self.patience,
                 lambda: all(self.good_again(guest, disk, n) for disk, n in before.items()), 0.3)
        self.plugged += 1
        say("a disk came and went under I/O")

    def compared(self, guest, disk):
        bad = guest.shell.run("cat /tmp/bad-%s 2>/dev/null || true" % disk)
        if bad:
            self.problems.append("%s does not hold what was written: %s" % (disk, bad[0]))

    def queues_used(self, guest):
        """Queues for commands that have interrupted the guest."""
        lines = guest.shell.run("grep -e -request /proc/interrupts || true")
        return sum(any(int(word) for word in line.split()[1:3]) for line in lines)

    def finish(self, guest):
        wait_for("disks are slow", 300 * self.patience,
                 lambda: all(self.good_again(guest, disk, self.args.rounds - 1)
                             for disk in ("sda", "sdb")), 1)
        guest.shell.run("touch /tmp/stop-sda /tmp/stop-sdb")
        for disk in "sda", "sdb":
            self.wait_end(guest, disk)
            self.counts[disk] = self.good(guest, disk)
            self.compared(guest, disk)
        self.queues = self.queues_used(guest)
        if self.queues < 2:
            self.problems.append("%d queues were used" % self.queues)
        self.workers = sum(call.name == "NEW_WORKER" and not call.failed
                           for call in guest.calls.update())
        if not self.workers:
            self.problems.append("the queues have no workers of their own")

    def judge_traffic(self):
        pass

    def judge(self):
        super().judge()
        try:
            self.remove_targets()
        except OSError as error:
            self.problems.append("targets stay in use: %s" % error)

    def rows(self):
        return [("fio, crc32c", ", ".join("%s %d times %d MiB" % (disk, n, self.args.verified)
                                          for disk, n in self.counts.items())),
                ("queues used", "%d" % self.queues),
                ("file system", "checked by e2fsck"),
                ("disk hot-plugged", "%d times" % self.plugged),
                ("workers made", "%d" % self.workers)]

    def traffic_rows(self):
        return [("ring errors", "%d" % sum(q.ring_errors() for q in self.qemus))]
