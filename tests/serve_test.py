"""exogpu serve as people run it: nodes that are processes of their own, joined over loopback.

usage: serve_test.py EXOGPU TINY_MODEL MODEL    (the two programs, and the model to serve: of twelve layers)

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
import threading
import time
import unittest

EXOGPU, TINY_MODEL, MODEL = sys.argv[1:4]
WAIT_S = float(os.environ.get("EXOGPU_TEST_WAIT_S", "60"))
QUICK = os.environ.get("EXOGPU_TEST_QUICK_S")  # the bound for what must be quick; none where all is slow


def until(what, ready, seconds=WAIT_S):
    end = time.monotonic() + seconds
    while True:
        value = ready()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not in time: {what}")
        time.sleep(0.05)


class Node:
    """A process; its ports are read from its first line."""

    def __init__(self, folder, name, *arguments, link=0, api=0):
        self.name, self.folder = name, folder / name
        self.folder.mkdir(exist_ok=True)
        self.log = self.folder / "log"
        self.arguments = [*map(str, arguments)]
        self.start(link, api)

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
        until(f"{self.name} says {words!r}; it said {self.said()!r}", lambda: words in self.said())

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
        until(f"{self.name} serves; it said {self.said()!r}", self.serves)

    def cluster(self):
        return self.request("GET", "/v1/cluster")[1]

    def token(self, *arguments):
        done = subprocess.run([EXOGPU, "token", "--state", self.folder / "state", *map(str, arguments)],
                              capture_output=True, text=True, timeout=WAIT_S)
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        return done.stdout.strip()


def serve_fails(folder, *arguments):
    """What is said by an `exogpu serve` that does not come up."""
    done = subprocess.run([*map(str, [EXOGPU, "serve", "--state", folder / "state", "--cache", folder / "cache", "-d",
                                      "cpu", "-t", "1", *arguments])], capture_output=True, text=True, timeout=WAIT_S,
                          env={**os.environ, "XDG_CACHE_HOME": str(folder)})
    if done.returncode != 1 or done.stdout:
        raise AssertionError(f"{done.returncode}: {done.stdout}{done.stderr}")
    return done.stderr


class Serve(unittest.TestCase):
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

    def node(self, name, *arguments, **ports):
        node = Node(self.folder, name, *arguments, **ports)
        self.nodes.append(node)
        return node

    def three(self):
        a = self.node("a", MODEL, "--layers", "a/cpu:0-3,b/cpu:4-7,c/cpu:8-11", "-c", 512)
        token = a.token("--uses", 2)
        b, c = (self.node(name, "--join", f"127.0.0.1:{a.link}", "--token", token) for name in "bc")
        for node in (a, b, c):
            node.waits_to_serve()
        return a, b, c

    def test_any_cut_writes_the_same_from_every_node(self):
        alone = self.node("alone", MODEL, "-c", 512)
        alone.waits_to_serve()
        asked = [{}, {"temperature": 1, "seed": 7}, {"temperature": 1, "seed": 3, "n": 2},
                 {"stop": [" big"]}, {"prompt": "A baker had a dream. One day"}, {"prompt": "word " * 120}]
        expected = [alone.text(**fields) for fields in asked]
        probabilities = alone.complete(logprobs=3)["choices"][0]["logprobs"]
        self.assertEqual(len(expected[2]), 2)
        self.assertNotEqual(*expected[2])
        self.assertTrue(expected[3][0])
        self.assertNotIn(" big", expected[3][0])
        self.assertLess(alone.stop(), WAIT_S)
        nodes = self.three()
        for node in nodes:
            self.assertEqual([node.text(**fields) for fields in asked], expected)
            self.assertEqual(node.complete(logprobs=3)["choices"][0]["logprobs"]["tokens"], probabilities["tokens"])
            parts = [part["choices"][0]["text"] for part in node.stream() if part["choices"]]
            self.assertEqual("".join(parts), expected[0][0])
            self.assertGreater(len(parts), 3)
        self.assertEqual({entry["name"]: entry["api"] for entry in nodes[1].cluster()["nodes"]},
                         {node.name: f"http://127.0.0.1:{node.api}" for node in nodes})
        for body, words in [({"prompt": "word " * 600}, "context"), ("{", ""), ("[" * 100000, "")]:
            status, answer = nodes[2].request("POST", "/v1/completions", body)
            self.assertEqual(status, 400)
            self.assertIn(words, answer["error"]["message"])

    def test_a_worker_that_is_killed_ends_answers_and_is_taken_back(self):
        a, b, c = self.three()
        expected = a.text()
        stream = a.stream(max_tokens=400, ignore_eos=True)
        next(stream)
        kept = sorted((path, path.stat().st_mtime_ns) for path in (c.folder / "cache").rglob("*") if path.is_file())
        killed = time.monotonic()
        c.kill()
        failure = [part for part in stream if "error" in part]
        if QUICK:
            self.assertLess(time.monotonic() - killed, float(QUICK))
        self.assertIn("node c is away", failure[-1]["error"]["message"])
        until("a says that c is away", lambda: not a.serves())
        status, answer = a.request("POST", "/v1/completions", {"prompt": "x"})
        self.assertEqual(status, 503)
        c.restart()
        for node in (a, b, c):
            node.waits_to_serve()
            self.assertEqual(node.text(), expected)
        largest = max(kept, key=lambda entry: entry[0].stat().st_size)
        self.assertEqual(largest[0].stat().st_mtime_ns, largest[1], "the cache was written anew")

    def test_a_leader_that_is_killed_is_followed_again(self):
        a, b, c = self.three()
        expected = a.text()
        a.kill()
        b.waits_to_say("node a is away")
        until("b says so", lambda: not b.serves())
        status, answer = b.request("POST", "/v1/completions", {"prompt": "x"})
        self.assertEqual(status, 503)
        self.assertIn("node a is away", answer["error"]["message"])
        a.restart()
        for node in (b, c, a):
            node.waits_to_serve()
            self.assertEqual(node.text(), expected)

    def test_ends_in_mid_answer(self):
        a, b, c = self.three()
        streams = [node.stream(max_tokens=400, ignore_eos=True) for node in (a, b)]
        for stream in streams:
            next(stream)
        readers = [threading.Thread(target=lambda s=stream: [*s], daemon=True) for stream in streams]
        for reader in readers:
            reader.start()
        for node in (b, a, c):
            took = node.stop()
            if QUICK:
                self.assertLess(took, 3)

    def test_a_client_that_goes_away_frees_its_sequence(self):
        a = self.node("a", MODEL, "--parallel", 1, "-c", 4096)
        a.waits_to_serve()
        stream = a.stream(max_tokens=4000, ignore_eos=True)
        next(stream)
        stream.close()
        self.assertEqual(len(a.text(max_tokens=2)), 1)

    def test_tokens_that_do_not_do(self):
        a = self.node("a", MODEL)
        token = a.token()
        other = self.node("other", MODEL)
        join = ["--listen", "127.0.0.1:0", "--no-api", "--join", f"127.0.0.1:{a.link}"]
        self.assertIn("exogpu token", serve_fails(self.folder / "fresh", *join))
        self.assertIn("token", serve_fails(self.folder / "fresh", *join, "--token", token[:-1]))
        self.assertIn("another cluster", serve_fails(self.folder / "fresh", *join, "--token", other.token()))
        b = self.node("b", "--join", f"127.0.0.1:{a.link}", "--token", token)
        self.assertIn("token", serve_fails(self.folder / "fresh", *join, "--token", token))  # used up
        # A member of another cluster.
        other.stop()
        stranger = self.node("other", "--join", f"127.0.0.1:{a.link}")
        stranger.waits_to_say("trying again")
        a.waits_to_say("node b is here")
        self.assertNotIn("node other is here", a.said())
        self.assertIsNone(b.process.poll())

    def test_what_is_wrong_is_told(self):
        fresh = self.folder / "fresh"
        self.assertIn("give the model to serve, or the cluster to join", serve_fails(fresh))
        self.assertIn("--name", serve_fails(fresh, MODEL, "--name", "a/b"))
        a = self.node("a", MODEL, "--layers", "a/cpu:0-3")
        a.waits_to_say("are given to no device")
        self.assertEqual(a.request("GET", "/v1/models")[1]["data"], [])
        taken = serve_fails(fresh, MODEL, "--listen", f"127.0.0.1:{a.link}", "--no-api")
        self.assertIn("in use", taken)
        huge = self.node("huge", MODEL, "-c", 8_000_000, "--parallel", 64)
        until("huge says what is missing", lambda: huge.request("GET", "/health")[0] == 503 and huge.said())
        self.assertIsNone(huge.process.poll())

    def test_another_file_of_the_same_name_is_not_used(self):
        name = pathlib.Path(MODEL).name
        wrong = self.folder / "wrong" / name
        wrong.parent.mkdir()
        subprocess.run([TINY_MODEL, "llama", str(wrong)], check=True, capture_output=True, timeout=60)
        a = self.node("a", MODEL, "--layers", "a/cpu:0-5,b/cpu:6-11", "-c", 512)
        b = self.node("b", wrong, "--join", f"127.0.0.1:{a.link}", "--token", a.token())
        for node in (a, b):
            node.waits_to_serve()
        self.assertEqual(b.text(), a.text())

    def test_a_host_that_is_not_there_is_tried_again(self):
        a = self.node("a", MODEL)
        b = self.node("b", "--join", f"127.0.0.1:{a.link}", "--token", a.token())
        a.waits_to_serve()
        b.waits_to_serve()  # with the tokenizer alone: all layers are on one node or the other
        b.stop()
        b.arguments = ["--join", "no-such-host.invalid"]
        b.restart()
        b.waits_to_say("no-such-host.invalid")
        b.waits_to_say("trying again")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
