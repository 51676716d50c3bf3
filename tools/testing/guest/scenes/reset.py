# SPDX-License-Identifier: GPL-2.0-only
"""Single queues are reset while the others run."""
from scene import BaseScene, say
from vmm import wait_for


class Scene(BaseScene):
    """The guest resizes its queues, which resets one after the other."""

    OPTIONS = {
        "rounds": (8, 2, "times the queues are resized"),
        "mib": (16, 2, "MiB of TCP each way, at least"),
        "chunk": (2, 1, "MiB in one TCP connection"),
    }
    SHAPES = {"a": "ring"}

    def resize_queues(self):
        for number in range(self.args.rounds):
            rx, tx = (256, 256) if number % 2 else (128, 64)
            self.resize_rings(rx, tx)
            before = [flow.moved for flow in self.flows]
            wait_for("traffic does not go on", 60 * self.patience, lambda: all(
                f.moved > b or f.error for f, b in zip(self.flows, before)))
            say("queues of %d and %d entries" % (rx, tx))

    def play(self):
        self.start_net_guest()
        self.act("resizing queues", self.resize_queues)
        self.finish_traffic()

    def judge(self):
        super().judge()
        done = len(self.resets())
        if done != 2 * self.args.rounds:
            self.problems.append("%d queues reset, %d expected" % (done, 2 * self.args.rounds))

    def resets(self):
        """Calls that gave a queue its backend back: all but the first two."""
        return [c for c in self.guest.calls.named("NET_SET_BACKEND")
                if c.args["fd"] != "-1"][2:]

    def rows(self):
        return [("queues reset", "%d" % len(self.resets()))]
