"""Answers while cables are pulled and links work in one direction only: nodes on hosts of their own.

usage: cable_test.py EXOGPU MODEL    (harness.hosts; without network namespaces it says so and exits with 77)

No connection is closed here: only silence shows that a node is gone.
"""
import http.client
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from harness import hosts
from harness.answers import NEAR_TIE, Answer
from harness.hosts import API_PORT, WAIT_S, until

EXOGPU, MODEL = sys.argv[1:3]
QUICK = os.environ.get("EXOGPU_TEST_QUICK_S")  # limit for what must be quick; empty on slow machines
HOSTS = 4


class Asked(threading.Thread):
    """Receives an answer in another thread."""

    def __init__(self, device):
        super().__init__()
        self.device, self.pieces = device, []
        self.start()

    def run(self):
        def connected():
            made = socket.create_connection(("127.0.0.1", API_PORT), WAIT_S)
            made.settimeout(WAIT_S)
            return made
        connection = http.client.HTTPConnection("127.0.0.1", API_PORT)
        connection.sock = self.device.network.on(self.device.host, connected)
        connection.request("POST", "/v1/completions", json.dumps(
            {"prompt": "Once upon a time", "max_tokens": 400, "temperature": 0, "ignore_eos": True, "stream": True,
             "logprobs": 3}), {"Content-Type": "application/json"})
        for line in connection.getresponse():
            if line.startswith(b"data: {"):
                self.pieces.append((time.monotonic(), json.loads(line[6:])))
        connection.close()

    def answer(self):
        self.join()
        return Answer(self.pieces)


class Cables(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.network = hosts.Network(HOSTS)
        self.addCleanup(self.network.close)
        self.devices = [hosts.Device(self.network, host, pathlib.Path(self.directory.name), EXOGPU)
                        for host in self.network.hosts]
        for device in self.devices:
            self.addCleanup(device.stop)
        first = self.devices[0]
        first.serve(pathlib.Path(MODEL).resolve(), "--devices-min", 3, "-c", 1024)
        until("there is an identity", lambda: first.get("/v1/cluster"))
        status, output = first.ends("token", "--uses", HOSTS, errors=subprocess.DEVNULL)
        self.assertEqual(status, 0, output)
        for device in self.devices[1:]:
            device.serve("--join", "10.77.0.1:7766", "--token", output.splitlines()[0])
        self.all_serve()
        for device in self.devices[1:]:
            until("it has all of the model", lambda: device.get("/v1/cluster")["weights"]["received_bytes"] >
                  0.9 * os.path.getsize(MODEL))
        self.expected = Asked(first).answer()

    def all_serve(self):
        def well():
            statuses = [device.get("/v1/cluster") for device in self.devices]
            return (all(status and status["serving"] and len(status["plan"]["stages"]) >= 3 for status in statuses) and
                    len({status["leader"] for status in statuses}) == 1 and
                    all(node["online"] for status in statuses for node in status["nodes"]) and statuses[0])
        return until(lambda: f"all serve: {[d.get('/v1/cluster') for d in self.devices]}", well)

    def named(self, name):
        return next(device for device in self.devices if device.name == name)

    def survives(self, what, asked, hurt, noticed):
        """An answer during which hurt() is called; noticed() is true once the asked node has noticed."""
        stream = Asked(asked)
        until("the answer has begun", lambda: len(stream.pieces) > 20, pause_s=0.005)
        hurt()
        at = time.monotonic()
        until("it is noticed", noticed, pause_s=0.005)
        detected = time.monotonic() - at
        answer = stream.answer()
        self.assertEqual(answer.errors, [])
        leaves = answer.leaves(self.expected)
        self.assertTrue(leaves is None or leaves[1] < NEAR_TIE, leaves)
        gap = max(after - before for before, after in zip(answer.times, answer.times[1:]))
        print(f"{what}: noticed after {detected:.2f} s, longest gap between tokens {gap:.2f} s"
              f"{'' if leaves is None else f', parted at a near-tie ({leaves[1]:.3f})'}", flush=True)
        if QUICK:
            self.assertLess(detected, float(QUICK))

    def here(self, asked, name):
        status = asked.get("/v1/cluster")
        return status and next(node["online"] for node in status["nodes"] if node["name"] == name)

    def test_the_cable_of_one_that_computes_is_pulled(self):
        for _ in range(3):
            status = self.all_serve()
            worker = next(stage["node"] for stage in status["plan"]["stages"] if stage["node"] != status["leader"])
            asked = next(d for d in self.devices if d.name not in (worker, status["leader"]))
            self.survives("a worker's cable", asked, lambda: self.network.pull_cable(self.named(worker).host),
                          lambda: not self.here(asked, worker))
            self.network.plug_cable(self.named(worker).host)

    def test_the_cable_of_the_leader_is_pulled(self):
        for _ in range(3):
            leader = self.all_serve()["leader"]
            asked = next(d for d in self.devices if d.name != leader)
            self.survives("the leader's cable", asked, lambda: self.network.pull_cable(self.named(leader).host),
                          lambda: asked.get("/v1/cluster")["leader"] not in (None, leader))
            self.network.plug_cable(self.named(leader).host)
        self.all_serve()

    def test_a_link_works_one_way_only(self):
        if not hosts.has_firewall():
            self.skipTest("there is no nft here")
        status = self.all_serve()
        names = [stage["node"] for stage in status["plan"]["stages"]]
        near, far = next((a, b) for a, b in zip(names, names[1:] + names[:1]) if status["leader"] not in (a, b))
        asked = next(d for d in self.devices if d.name not in (near, far))
        epoch = status["plan"]["epoch"]
        self.survives("a link between two workers", asked,
                      lambda: self.network.drop(self.named(far).host, source=self.named(near).host),
                      lambda: (asked.get("/v1/cluster")["plan"] or {"epoch": 0})["epoch"] != epoch)
        self.network.no_firewall(self.named(far).host)

    def test_what_a_link_loses_is_measured(self):
        if not hosts.has_firewall():
            self.skipTest("there is no nft here")
        stages = self.all_serve()["plan"]["stages"]
        near, far = (self.named(stage["node"]) for stage in stages[:2])  # tokens go from one to the other
        self.network.firewall(far.host, f"ip saddr 10.77.0.{near.host} numgen random mod 8 == 0 drop")
        self.network.firewall(far.host, f"ip6 saddr {{ fd77::{near.host}, fe80::{near.host} }} numgen random mod 8 == 0 drop")
        def losses():
            nodes = (far.get("/v1/cluster") or {"nodes": []})["nodes"]
            names = {node["id"]: node["name"] for node in nodes}
            return {(node["name"], names[link["to"]]): link["loss"] for node in nodes for link in node["links"]}
        def measured():
            Asked(near).join()
            # Only bytes of that link may be retransmitted, including acknowledged ones; on a busy machine some of others are.
            found = losses()
            others = [loss for ends, loss in found.items() if set(ends) != {near.name, far.name}]
            return len(others) == HOSTS * (HOSTS - 1) - 2 and found[near.name, far.name] > max(0.02, *others)
        until(lambda: f"it is measured: {losses()}", measured)
        self.network.no_firewall(far.host)


if __name__ == "__main__":
    if not hosts.available():
        print("network namespaces are not allowed here; not run")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1])
