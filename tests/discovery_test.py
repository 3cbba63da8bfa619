"""Devices that find each other, as people use it: hosts of their own (network namespaces on a bridge), nothing configured.

usage: discovery_test.py EXOGPU MODEL

Needs root. Where the machine allows no network namespaces, it says so and ends with 77.
"""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

EXOGPU, MODEL = sys.argv[1:3]
WAIT_S = float(os.environ.get("EXOGPU_TEST_WAIT_S", "60"))
NAME = f"exop{os.getpid()}"
HOSTS = 3


def until(what, ready, seconds=WAIT_S):
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise AssertionError(f"not in time: {what}")
        time.sleep(0.02)


def ip(*arguments):
    subprocess.run(["ip", *map(str, arguments)], check=True, capture_output=True)


def host(number):
    return f"{NAME}-{number}"


def build_network():
    for number in range(HOSTS + 1):
        ip("netns", "add", host(number))
    ip("-n", host(0), "link", "add", "br0", "type", "bridge", "mcast_snooping", 0)
    ip("-n", host(0), "link", "set", "br0", "up")
    for number in range(1, HOSTS + 1):
        ip("-n", host(0), "link", "add", f"port{number}", "type", "veth", "peer", "name", "eth0", "netns", host(number))
        ip("-n", host(0), "link", "set", f"port{number}", "master", "br0", "up")
        ip("-n", host(number), "link", "set", "lo", "up")
        ip("-n", host(number), "addr", "add", f"10.77.0.{number}/24", "dev", "eth0")
        ip("-n", host(number), "link", "set", "eth0", "up")


def take_network_down():
    for number in range(HOSTS + 1):
        subprocess.run(["ip", "netns", "del", host(number)], capture_output=True)


class Device:
    """A host and its folders."""

    def __init__(self, folder, number):
        self.number, self.folder = number, folder / f"host{number}"
        self.folder.mkdir()
        self.log = self.folder / "log"
        self.process = None

    def run(self, *arguments, **more):
        """The program on this host, as a process."""
        environment = {**os.environ, "XDG_STATE_HOME": str(self.folder / "state"),
                       "XDG_CACHE_HOME": str(self.folder / "cache")}
        return subprocess.Popen(["ip", "netns", "exec", host(self.number), EXOGPU, *map(str, arguments)],
                                stdin=subprocess.DEVNULL, text=True, env=environment, **more)

    def ends(self, *arguments):
        """Its status, and all that it says."""
        process = self.run(*arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said, _ = process.communicate(timeout=WAIT_S)
        return process.returncode, said

    def serve(self, *arguments):
        self.errors = open(self.log, "ab")
        self.process = self.run("serve", "--name", f"host{self.number}", "-d", "cpu", "-t", "1", "--api", ":8080",
                                *arguments, stdout=self.errors, stderr=self.errors)

    def stop(self, with_signal=signal.SIGTERM):
        if self.process:
            self.process.send_signal(with_signal)
            self.process.wait(WAIT_S)
            self.errors.close()
            self.process = None

    def said(self):
        return self.log.read_text(errors="replace")

    def get(self, path):
        """What this node's API answers; nothing when there is none yet."""
        done = subprocess.run(["ip", "netns", "exec", host(self.number), sys.executable, "-c",
                               "import sys, urllib.request as r; sys.stdout.write(r.urlopen(sys.argv[1], timeout=5).read().decode())",
                               f"http://127.0.0.1:8080{path}"], capture_output=True, text=True)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def serves(self):
        models = self.get("/v1/models")
        return bool(models and models["data"])


class Discovery(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.addCleanup(take_network_down)
        build_network()
        self.devices = [Device(pathlib.Path(self.directory.name), number) for number in range(1, HOSTS + 1)]
        self.addCleanup(lambda: [device.stop(signal.SIGKILL) for device in self.devices])

    def shown_code(self, process):
        return re.fullmatch(r"Code: (\d{3} \d{3})\n", process.stdout.readline())[1].replace(" ", "")

    def pair(self, member, newcomer):
        shows = member.run("pair", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        status, said = newcomer.ends("join", self.shown_code(shows))
        self.assertEqual(status, 0, said)
        self.assertIn(f"the cluster of host{member.number}", said)
        self.assertEqual(shows.wait(WAIT_S), 0)
        shows.stdout.close()

    def test_three_devices_with_nothing_but_the_pairing(self):
        a, b, c = self.devices
        a.serve(MODEL, "--layers", "host1/cpu:0-3,host2/cpu:4-7,host3/cpu:8-11", "-c", "512")
        until("the first node runs: " + a.said(), lambda: "listens on port" in a.said())
        for device in (b, c):
            self.pair(a, device)
            device.serve()
        for device in self.devices:
            until(f"host{device.number} serves; it said {device.said()}", device.serves)
        # From the start of all, with the weights where they are.
        for device in self.devices:
            device.stop()
        begun = time.monotonic()
        a.serve(MODEL, "--layers", "host1/cpu:0-3,host2/cpu:4-7,host3/cpu:8-11", "-c", "512")
        b.serve()
        c.serve()
        for device in self.devices:
            until(f"host{device.number} serves; it said {device.said()}", device.serves)
        print(f"from start to all serving: {time.monotonic() - begun:.1f} s")
        # A device that comes back at another address is found there.
        b.stop()
        ip("-n", host(2), "addr", "add", "10.77.0.99/24", "dev", "eth0")
        ip("-n", host(2), "addr", "del", "10.77.0.2/24", "dev", "eth0")
        until("the others see that it is away", lambda: not a.serves())
        b.serve()
        for device in self.devices:
            until(f"host{device.number} serves; it said {device.said()}", device.serves)

    def test_codes_that_do_not_do(self):
        a, b, c = self.devices
        status, said = b.ends("join", "123456")
        self.assertEqual(status, 1)
        self.assertIn("no device on this network shows a code", said)
        self.assertIn("No node of exogpu was found", said)
        self.assertEqual(b.ends("join", "12345")[0], 1)
        self.assertIn("exogpu pair", b.ends("serve")[1])
        a.serve(MODEL, "-c", "512")
        until("the first node runs", lambda: "listens on port" in a.said())
        shows = a.run("pair", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        code = self.shown_code(shows)
        status, said = b.ends("join", f"{(int(code) + 1) % 1000000:06}")
        self.assertEqual(status, 1)
        self.assertIn("the code is wrong", said)
        second = self.shown_code(shows)  # by itself
        shows.send_signal(signal.SIGINT)
        self.assertEqual(shows.wait(WAIT_S), 0)
        shows.stdout.close()
        status, said = b.ends("join", second, "--node", "10.77.0.1")
        self.assertEqual(status, 1)
        self.assertIn("no pairing code is shown", said)


if __name__ == "__main__":
    try:
        build_network()
    except (OSError, subprocess.CalledProcessError):
        print("this machine allows no network namespaces; nothing was tried")
        sys.exit(77)
    finally:
        take_network_down()
    unittest.main(argv=sys.argv[:1])
