"""Devices that find each other without configuration, on hosts of their own (network namespaces on a bridge).

usage: discovery_test.py EXOGPU MODEL

Needs root. Where the machine allows no network namespaces, it says so and ends with 77.
"""
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

from harness import hosts
from harness.hosts import WAIT_S, Device, until

EXOGPU, MODEL = sys.argv[1:3]
HOSTS = 3
BY_HAND = ["--layers", "host1/cpu:0-3,host2/cpu:4-7,host3/cpu:8-11", "-c", "512"]
# The goals are 5 s and 2 s on an idle machine.
SERVING_MAX_S = float(os.environ.get("EXOGPU_TEST_SERVING_S", "20"))
LEFT_MAX_S = float(os.environ.get("EXOGPU_TEST_LEFT_S", "8"))


class Discovery(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.network = hosts.Network(HOSTS)
        self.addCleanup(self.network.close)
        self.devices = [Device(self.network, host, self.directory.name, EXOGPU) for host in self.network.hosts]
        self.addCleanup(lambda: [device.stop(signal.SIGKILL) for device in self.devices])

    def shown_code(self, process):
        return re.fullmatch(r"Code: (\d{3} \d{3})\n", process.stdout.readline())[1].replace(" ", "")

    def pair(self, member, newcomer):
        shows = member.run("pair", "--role", "owner", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        status, output = newcomer.ends("join", self.shown_code(shows))
        self.assertEqual(status, 0, output)
        self.assertIn(f"the cluster of {member.name}", output)
        self.assertEqual(shows.wait(WAIT_S), 0)
        shows.stdout.close()

    def until_all_serve(self):
        for device in self.devices:
            until(lambda: f"{device.name} serves; it said {device.said()}", device.serves)

    def seconds_until_offline(self, leave, node, witness):
        """Seconds from leave() until the witness reports that `node` is offline."""
        before = len(witness.said())
        begun = time.monotonic()
        leave()
        until(lambda: f"{witness.name} notices that {node.name} is offline; it said {witness.said()[before:]}",
              lambda: f"node {node.name} is offline" in witness.said()[before:], pause_s=0.005)
        return time.monotonic() - begun

    def test_three_devices_with_nothing_but_the_pairing(self):
        a, b, c = self.devices
        a.serve(MODEL, *BY_HAND)
        # Each device is admitted by the previous one.
        for member, device in ((a, b), (b, c)):
            until(lambda: f"{member.name} runs: {member.said()}", lambda: "listens on port" in member.said())
            self.pair(member, device)
            device.serve()
        self.until_all_serve()
        # From the start of all nodes, with the weights already on their disks.
        for device in self.devices:
            device.stop()
        begun = time.monotonic()
        a.serve(MODEL, *BY_HAND)
        b.serve()
        c.serve()
        answers = [until(lambda: f"{device.name} answers; it said {device.said()}", lambda: device.chat("Hello"))
                   for device in self.devices]
        seconds = time.monotonic() - begun
        print(f"from the start of three nodes to an answer of each: {seconds:.1f} s")
        self.assertEqual(len(set(answers)), 1, answers)
        self.assertLess(seconds, SERVING_MAX_S)

        # A node leaves, is killed, or loses its cable.
        for name, leave, back in (
                ("a node that is stopped", lambda: c.process.send_signal(signal.SIGTERM), None),
                ("a node that is killed", lambda: c.process.send_signal(signal.SIGKILL), None),
                ("a node whose cable is pulled", lambda: self.network.pull_cable(3),
                 lambda: self.network.plug_cable(3))):
            seconds = self.seconds_until_offline(leave, c, a)
            print(f"{name} is missed after {seconds:.2f} s")
            self.assertLess(seconds, LEFT_MAX_S)
            if back:
                back()
            else:
                c.process.wait(WAIT_S)
                c.serve()
            self.until_all_serve()

        # A device that comes back at another address is found there.
        b.stop()
        self.network.ip(2, "addr", "add", "10.77.0.99/24", "dev", "eth0")
        self.network.ip(2, "addr", "del", "10.77.0.2/24", "dev", "eth0")
        until(lambda: f"the others see that {b.name} is away; {a.name} said {a.said()}", lambda: not a.serves())
        b.serve()
        self.until_all_serve()

        # A device that is no owner any more cannot admit others, and names devices that can.
        self.assertEqual(b.ends("token")[0], 0)
        self.assertEqual(a.request("POST", "/v1/cluster/role", {"node": b.name, "role": "member"})[0], 200)
        until(lambda: f"{b.name} has no key any more", lambda: not (b.state / "identity" / "authority.key").exists())
        for _ in range(3):  # on a busy machine, an announcement may come too late
            status, output = b.ends("pair")
            self.assertEqual(status, 1)
            self.assertNotIn("host2", output)
            if "host" in output:
                break
        self.assertRegex(output, r"run `exogpu pair` on host[13] \(.* port 7766\)")
        status, output = b.ends("token")
        self.assertEqual(status, 1)
        self.assertIn("no owner of its cluster", output)

    def test_codes_that_do_not_do(self):
        a, b, c = self.devices
        status, output = b.ends("join", "123456")
        self.assertEqual(status, 1)
        self.assertIn("no device on this network shows a code", output)
        self.assertIn("No node of exogpu was found", output)
        self.assertEqual(b.ends("join", "12345")[0], 1)
        self.assertIn("No node is seen on this network", b.ends("serve")[1])
        self.assertIn("belongs to no cluster", b.ends("pair")[1])
        a.serve(MODEL, "-c", "512")
        until("the first node runs", lambda: "listens on port" in a.said())
        self.assertRegex(b.ends("serve")[1], r"Seen on this network: host1 \(.* port 7766\)")
        shows = a.run("pair", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        code = self.shown_code(shows)
        status, output = b.ends("join", f"{(int(code) + 1) % 1000000:06}")
        self.assertEqual(status, 1)
        self.assertIn("the code is wrong", output)
        second = self.shown_code(shows)  # shown without being asked
        shows.send_signal(signal.SIGINT)
        self.assertEqual(shows.wait(WAIT_S), 0)
        shows.stdout.close()
        status, output = b.ends("join", second, "--node", "10.77.0.1")
        self.assertEqual(status, 1)
        self.assertIn("that device shows no pairing code", output)

    def asks(self, device, *arguments):
        """`exogpu join` there, which shows a code, and its standard error so far."""
        log = device.folder / "join"
        with open(log, "wb") as errors:
            process = device.run("join", *arguments, stdout=subprocess.PIPE, stderr=errors)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)
        return process, log.read_text

    def test_a_device_is_approved_when_the_founder_is_dead(self):
        a, b, c = self.devices
        served = (MODEL, "-c", "512", "--devices-min", "2")
        a.serve(*served)
        until(lambda: "the founder runs: " + a.said(), lambda: "listens on port" in a.said())
        self.pair(a, b)
        b.serve(*served)
        until(lambda: "the second runs: " + b.said(), lambda: "listens on port" in b.said())
        a.stop(signal.SIGKILL)

        join, output = self.asks(c)
        code = self.shown_code(join)
        until("it says what to do", lambda: f"On any device of the cluster: exogpu approve {code}" in output())
        self.assertIn("exogpu join CODE", output())
        begun = time.monotonic()
        status, approved = b.ends("approve", code)
        print(f"approved within {time.monotonic() - begun:.1f} s")
        self.assertEqual(status, 0, approved + output())
        self.assertIn(f"{socket.gethostname()} is part of this cluster now.", approved)
        self.assertEqual(join.wait(WAIT_S), 0, output())
        self.assertIn("the cluster of host2", join.stdout.read())
        c.serve()

        def together():
            plan = (b.get("/v1/cluster") or {}).get("plan") or {"stages": []}
            return {stage["node"] for stage in plan["stages"]} == {"host2", "host3"} and b.serves() and c.serves()

        until(lambda: f"both serve together; they said {b.said()} and {c.said()}", together)
        self.assertTrue(until("the third answers", lambda: c.chat("Hello")))

    def test_approvals_that_do_not_do(self):
        a, b, c = self.devices
        self.assertIn("belongs to no cluster", b.ends("approve", "123456")[1])
        a.serve(MODEL, "-c", "512")
        until("the first node runs", lambda: "listens on port" in a.said())
        for wrong, words in (("12345", "this has 5"), ("12345x", "6 digits"), ("1234567", "this has 7")):
            status, output = a.ends("approve", wrong)
            self.assertEqual(status, 1, output)
            self.assertIn(words, output)
        self.assertNotEqual(a.ends("approve")[0], 0)
        approves = a.run("approve", "123456", stderr=subprocess.PIPE)
        approves.stderr.readline()
        approves.send_signal(signal.SIGINT)
        self.assertIn("nobody was let in", approves.communicate(timeout=WAIT_S)[1])
        self.assertEqual(approves.returncode, 1)

        # A join that is interrupted or killed leaves no files behind.
        for how, status in ((signal.SIGINT, 1), (signal.SIGTERM, 1), (signal.SIGKILL, -signal.SIGKILL)):
            join, output = self.asks(c)
            self.shown_code(join)
            join.send_signal(how)
            self.assertEqual(join.wait(WAIT_S), status, output())
            self.assertFalse(c.state.exists() and list(c.state.iterdir()))

        # A mistyped code becomes invalid on both devices, and the next one works. The address is given by hand.
        join, output = self.asks(c, "--node", "10.77.0.1")
        first = self.shown_code(join)
        until(lambda: "the newcomer reaches the node: " + output(), lambda: "that device approves no code now" in output())
        status, approved = a.ends("approve", f"{(int(first) + 1) % 1000000:06}")
        self.assertEqual(status, 1)
        self.assertIn("a device with another code came", approved)
        second = self.shown_code(join)
        self.assertNotEqual(second, first)
        self.assertIn("the code is wrong", output())

        # The newcomer does not guess at a code that is shown for another device, which then uses it.
        shows = a.run("pair", "--role", "owner", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        shown = self.shown_code(shows)
        until(lambda: "the newcomer has asked since: " + output(), lambda: output().count("that device approves no code") > 1)
        status, paired = b.ends("join", shown)
        self.assertEqual(status, 0, paired)
        self.assertIn("is part of this cluster now", shows.stdout.read())
        self.assertEqual(shows.wait(WAIT_S), 0)
        shows.stdout.close()

        self.assertIn("no node runs with this state", b.ends("approve", second)[1])
        status, approved = a.ends("approve", second)
        self.assertEqual(status, 0, approved + output())
        self.assertEqual(join.wait(WAIT_S), 0, output())
        self.assertFalse((c.state / "identity" / "authority.key").exists(), "a member lets nobody in")


if __name__ == "__main__":
    if not hosts.available():
        print("this machine allows no network namespaces; nothing was tried")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1])
