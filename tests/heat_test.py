"""What a node does about heat and batteries, with made-up sensors. Arguments: as in nodes.py."""
import os
import pathlib
import subprocess
import sys
import threading
import time
import unittest

from nodes import EXOGPU, MODEL, Cluster
from harness.sensors import Sensors
from harness.waiting import stays, until

AMBIENT_C, SETTLES_S = 45, 8
IDLE_W, ACTIVE_W = 5, 20


class WarmChip:
    """Sensors of a chip that becomes warm while a process computes: full_c after long on one core."""

    def __init__(self, sensors, pid, full_c):
        self.sensors, self.pid, self.full_c, self.celsius, self.microjoules, self.share = sensors, pid, full_c, AMBIENT_C, 0, 0.0
        self.ends = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def cpu_s(self):
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def run(self):
        at, used = time.monotonic(), self.cpu_s()
        while not self.ends.wait(0.1):
            try:
                now, used_now = time.monotonic(), self.cpu_s()
            except FileNotFoundError:
                return
            passed = now - at
            self.share = min(1, (used_now - used) / passed)
            at, used = now, used_now
            steady = AMBIENT_C + self.share * (self.full_c - AMBIENT_C)
            self.celsius += (steady - self.celsius) * min(1, passed / SETTLES_S)
            self.microjoules += int(1e6 * passed * (IDLE_W + self.share * ACTIVE_W))
            self.sensors.temperature(round(self.celsius))
            self.sensors.energy(self.microjoules)

    def end(self):
        self.ends.set()
        self.thread.join()


class Heat(Cluster):
    def served(self, *options):
        sensors = Sensors(self.folder / "sensors")
        sensors.temperature(AMBIENT_C)
        sensors.energy(0)
        sensors.battery(80, True)
        node = self.node("a", MODEL, "-c", 4096, "--sensors", sensors.folder, *options)
        node.waits_to_serve()
        return node, sensors

    def keeps_computing(self, node):
        """Asks for one long answer after another, in the background, until the test ends."""
        over = threading.Event()

        def run():
            while not over.is_set():
                try:
                    node.complete(max_tokens=200, ignore_eos=True)
                except OSError:
                    return
        thread = threading.Thread(target=run)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(node.kill)
        self.addCleanup(over.set)

    @staticmethod
    def device(node):
        return node.get("/v1/cluster")["nodes"][0]["devices"][0]

    def test_a_device_stays_below_its_owners_limit(self):
        node, sensors = self.served("--temperature-max", 70)
        chip = WarmChip(sensors, node.process.pid, 200)
        self.addCleanup(chip.end)
        self.keeps_computing(node)
        until("it is paced", lambda: self.device(node)["pace_percent"] < 70)
        found = self.device(node)
        self.assertIn(found["heat_action"], ("paced", "reduced", "fewer_layers"))
        self.assertEqual(found["heat_action_reason"], "it is to stay below 70 °C (--temperature-max)")
        until("it is below the limit", lambda: chip.celsius < 70)
        stays("it is not above the limit", lambda: chip.celsius < 71.5, 4)
        said = subprocess.run([EXOGPU, "status", "--api", f"127.0.0.1:{node.api}"], capture_output=True, text=True,
                              check=True).stdout
        self.assertRegex(said, r"cpu [0-9.]+ J/token")
        self.assertIn("% of the time: it is to stay below 70 °C (--temperature-max)", said)
        telemetry = node.get("/v1/telemetry")["nodes"][0]["devices"][0]
        self.assertLess(telemetry["pace"], 1)
        self.assertGreater(telemetry["joules_per_token"], 0)
        node.waits_to_say("cpu computes at most ")

    def test_quiet_hours_leave_half(self):
        node, sensors = self.served("--quiet-hours", "0-0")
        chip = WarmChip(sensors, node.process.pid, 60)
        self.addCleanup(chip.end)
        self.keeps_computing(node)
        # The cluster's state is coarse; telemetry has what is true now.
        until("it computes half of the time",
              lambda: node.get("/v1/telemetry")["nodes"][0]["devices"][0].get("pace") == 0.5)
        until("the reason is told",
              lambda: self.device(node)["heat_action_reason"] == "these are quiet hours (--quiet-hours)")

    def test_outside_of_its_hours_a_machine_is_reserved(self):
        hour = time.localtime().tm_hour
        begins, ends = (hour + 2) % 24, (hour + 4) % 24
        node = self.node("a", MODEL, "-c", 512, "--shared-hours", f"{begins}-{ends}", "--circuit", "kitchen=2000")
        why = f"its owner shares it from {begins} to {ends} o'clock only (--shared-hours)"
        until("the reason is told", lambda: why in (node.cluster()["not_serving_reason"] or ""))
        self.assertEqual(node.cluster()["nodes"][0]["reserved"], why)
        said = subprocess.run([EXOGPU, "status", "--api", f"127.0.0.1:{node.api}"], capture_output=True, text=True,
                              check=True).stdout
        self.assertIn(f"leader, {why}", said)

    def test_a_battery_below_its_floor_is_given_up(self):
        node, sensors = self.served("--battery-floor", 40)
        sensors.battery(39, False)
        until("the node is given up", lambda: (node.get("/v1/cluster")["nodes"][0]["battery"] or {}).get("given_up"))
        until("there is no plan", lambda: not node.get("/v1/cluster")["serving"])
        self.assertIn("less than its owner allows (--battery-floor); plug it in",
                      node.get("/v1/cluster")["not_serving_reason"])
        sensors.battery(39, True)
        node.waits_to_serve()


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[4:]])
