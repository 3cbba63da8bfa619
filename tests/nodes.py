"""Nodes as people run them, for tests: processes of this machine, joined over loopback.

The test is called with EXOGPU TINY_MODEL MODEL: the two programs, and the model to serve, of twelve layers.
EXOGPU_TEST_WAIT_S is how long something may take that takes a moment; more under sanitizers.
"""
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from ports import free_port
from waiting import WAIT_S, until

EXOGPU, TINY_MODEL, MODEL = sys.argv[1:4]
QUICK = os.environ.get("EXOGPU_TEST_QUICK_S")  # the bound for what must be quick; none where all is slow


class Node:
    """A process; its ports are read from its first line."""

    def __init__(self, folder, name, *arguments, link=0, api=0, called=None):
        self.name, self.folder = called or name, folder / name
        self.folder.mkdir(exist_ok=True)
        self.log = self.folder / "log"
        self.arguments = [*map(str, arguments)]
        self.start(link or free_port(), api or free_port())

    def start(self, link, api):
        command = [EXOGPU, "serve", "--name", self.name, "--state", self.folder / "state", "--cache",
                   self.folder / "cache", "--listen", f"127.0.0.1:{link}", "--api", f"127.0.0.1:{api}", "-d", "cpu",
                   "-t", "1", *self.arguments]
        environment = {**os.environ, "XDG_CACHE_HOME": str(self.folder.parent)}
        self.errors = open(self.log, "ab")
        self.process = subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, stderr=self.errors, text=True,
                                        env=environment)
        line = self.process.stdout.readline()
        found = re.match(r"node (\S+) listens on port (\d+); the API is at http://127\.0\.0\.1:(\d+)/v1\n", line)
        if not found:
            raise AssertionError(f"node {self.name} said {line!r} and {self.said()!r}")
        self.link, self.api = int(found[2]), int(found[3])

    def said(self):
        return self.log.read_text(errors="replace")

    def waits_to_say(self, words):
        until(lambda: f"{self.name} says {words!r}; it said {self.said()!r}", lambda: words in self.said())

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.errors.close()

    def restart(self):
        self.start(self.link, self.api)

    def stop(self):
        """Asks it to end; how long that took."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(WAIT_S)
        self.process.stdout.close()
        self.errors.close()
        if status != 0:
            raise AssertionError(f"node {self.name} ended with {status}: {self.said()}")
        return time.monotonic() - begun

    def request(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.api, timeout=WAIT_S)
        try:
            connection.request(method, path, body if isinstance(body, (str, bytes)) or body is None else json.dumps(body),
                               {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, json.loads(response.read() or b"null")
        finally:
            connection.close()

    def complete(self, **fields):
        status, answer = self.request("POST", "/v1/completions", {"prompt": "Once upon a time", "max_tokens": 24,
                                                                  "temperature": 0, **fields})
        if status != 200:
            raise AssertionError(f"{status} {answer}\n{self.said()}")
        return answer

    def complete_fails(self):
        """Status and message of a request that cannot be answered."""
        status, answer = self.request("POST", "/v1/completions", {"prompt": "x", "max_tokens": 1})
        return status, answer.get("error", {}).get("message", "")

    def text(self, **fields):
        return [choice["text"] for choice in self.complete(**fields)["choices"]]

    def stream(self, **fields):
        """The parts of an answer, as they come."""
        connection = http.client.HTTPConnection("127.0.0.1", self.api, timeout=WAIT_S)
        connection.request("POST", "/v1/completions", json.dumps({
            "prompt": "Once upon a time", "max_tokens": 24, "temperature": 0, "stream": True, **fields}),
            {"Content-Type": "application/json"})
        response = connection.getresponse()
        try:
            for line in response:
                if line.startswith(b"data: ") and line != b"data: [DONE]\n":
                    yield json.loads(line[6:])
        finally:
            response.close()
            connection.close()

    def serves(self):
        return self.request("GET", "/v1/models")[1]["data"] != []

    def waits_to_serve(self):
        until(lambda: f"{self.name} serves; it said {self.said()!r}", self.serves)

    def cluster(self):
        return self.request("GET", "/v1/cluster")[1]

    def leader(self):
        return self.cluster().get("leader")

    def has_all(self):
        """Whether it has received all of the model."""
        return self.cluster()["weights"]["received_bytes"] > 0.9 * os.path.getsize(MODEL)

    def cluster_state(self):
        """What the stages of its plan are doing: "a/cpu: ready, b/cpu: fetching"."""
        plan = self.cluster().get("plan") or {"stages": []}
        return ", ".join(f"{s['node']}/{s['device']}: {s['status']}" for s in plan["stages"])

    def token(self, *arguments):
        done = subprocess.run([EXOGPU, "token", "--state", self.folder / "state", *map(str, arguments)],
                              capture_output=True, text=True, timeout=WAIT_S)
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        return done.stdout.strip()


class Cluster(unittest.TestCase):
    """With nodes that end when the test does."""

    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.directory.name)
        self.nodes = []
        self.addCleanup(self.end)

    def end(self):
        for node in self.nodes:
            if node.process.poll() is None:
                node.kill()
        self.directory.cleanup()

    def node(self, name, *arguments, **how):
        node = Node(self.folder, name, *arguments, **how)
        self.nodes.append(node)
        return node

    def ring(self, *layers, context=512, more=()):
        """Nodes that are called a, b, ... and hold these layers; `more`: options of each."""
        names = "abcd"[:len(layers)]
        by_hand = ",".join(f"{name}/cpu:{range}" for name, range in zip(names, layers))
        a = self.node("a", MODEL, "--layers", by_hand, "-c", context, *more)
        token = a.token("--uses", len(layers))
        nodes = [a] + [self.node(name, "--join", f"127.0.0.1:{a.link}", "--token", token, *more) for name in names[1:]]
        for node in nodes:
            node.waits_to_serve()
        return nodes

    def three(self, *more):
        return self.ring("0-3", "4-7", "8-11", more=more)

    def end_all(self):
        """For a test that goes on with other nodes of the same names."""
        for node in self.nodes:
            node.stop()
            shutil.rmtree(node.folder)
        self.nodes = []
