"""Answers while nodes are killed, drained, or come back.

usage: survive_test.py EXOGPU TINY_MODEL MODEL    (nodes.py)
"""
import itertools
import json
import subprocess
import sys
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

from harness import cases
from harness.answers import NEAR_TIE, Answer
from harness.waiting import stays
from nodes import EXOGPU, MODEL, QUICK, WAIT_S, Cluster, until


GREEDY = {"max_tokens": 300, "ignore_eos": True, "logprobs": 3}


def pieces(node, **fields):
    return node.pieces(**{**GREEDY, **fields})


class Survive(Cluster):
    def four(self, *more):
        """Nodes that could each serve alone; at least two serve together."""
        a = self.node("a", MODEL, "--devices-min", 2, "-c", 1024, *more)
        token = a.token("--uses", 3)
        nodes = [a] + [self.node(name, "--join", f"127.0.0.1:{a.link}", "--token", token) for name in "bcd"]
        for node in nodes:
            node.waits_to_serve()
        for node in nodes[1:]:
            until(f"{node.name} has all of the model", node.has_all)
        return nodes

    def output_of(self, *arguments, rc=0):
        """The output of a command."""
        done = subprocess.run([EXOGPU, *arguments], capture_output=True, text=True, timeout=WAIT_S)
        self.assertEqual(done.returncode, rc, done.stderr)
        return done.stdout + done.stderr

    def check_continues(self, first, rest, expected):
        """Checks the answer of which the first piece has been received."""
        answer = Answer(itertools.chain([first], rest))
        self.assertEqual(answer.errors, [])
        leaves = answer.leaves(expected)
        self.assertTrue(leaves is None or leaves[1] < NEAR_TIE, leaves)

    def test_a_worker_that_is_killed_ends_answers_and_is_taken_back(self):
        a, b, c = self.three()
        expected = a.text()
        stream = a.stream(max_tokens=400, ignore_eos=True)
        next(stream)
        files = sorted((path, path.stat().st_mtime_ns) for path in (c.folder / "cache").rglob("*") if path.is_file())
        killed = time.monotonic()
        c.kill()
        failure = [part for part in stream if "error" in part]
        if QUICK:
            self.assertLess(time.monotonic() - killed, float(QUICK))
        self.assertIn("node c is offline", failure[-1]["error"]["message"])
        until("a says that c is away", lambda: not a.serves())
        status, answer = a.request("POST", "/v1/completions", {"prompt": "x"})
        self.assertEqual(status, 503)
        c.restart()
        for node in (a, b, c):
            node.waits_to_serve()
            self.assertEqual(node.text(), expected)
        largest = max(files, key=lambda entry: entry[0].stat().st_size)
        self.assertEqual(largest[0].stat().st_mtime_ns, largest[1], "the cache was written again")

    def test_an_answer_survives_the_death_of_its_worker(self):
        """The computing node is killed, and another continues its answer."""
        # Chunks of fewer than 64 tokens have the bits of single ones, so the text is the same without near-ties.
        a = self.node("a", MODEL, "--without", "a/cpu", "-c", 2048, "-b", 32)
        token = a.token("--uses", 2)
        workers = {name: self.node(name, "--join", f"127.0.0.1:{a.link}", "--token", token) for name in "bc"}
        for node in (a, *workers.values()):
            node.waits_to_serve()
        asked = [dict(fields, max_tokens=500, ignore_eos=True)
                 for fields in ({}, {"temperature": 1, "seed": 5, "n": 2}, {"repetition_penalty": 1.3})]
        expected = [a.text(**fields) for fields in asked]
        for _ in range(2):
            worker = a.cluster()["plan"]["stages"][0]["node"]
            other = next(node for name, node in workers.items() if name != worker)
            streams = [asker.stream(**fields) for asker in (a, other) for fields in asked]
            received = [[next(stream)] for stream in streams]
            workers[worker].kill()
            for i, stream in enumerate(streams):
                received[i] += stream
                self.assertFalse([part for part in received[i] if "error" in part])
                for choice, whole in enumerate(expected[i % len(asked)]):
                    parts = [c["text"] for part in received[i] for c in part["choices"] if c["index"] == choice]
                    self.assertEqual("".join(parts), whole)
            workers[worker].restart()
            workers[worker].waits_to_serve()

    def test_an_answer_with_a_form_keeps_it(self):
        """The next ring rebuilds the state of the form from the tokens so far."""
        a = self.node("a", MODEL, "--without", "a/cpu", "-c", 2048)
        token = a.token("--uses", 2)
        workers = {name: self.node(name, "--join", f"127.0.0.1:{a.link}", "--token", token) for name in "bc"}
        for node in (a, *workers.values()):
            node.waits_to_serve()
        numbers = {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 99}, "minItems": 90, "maxItems": 99}
        stream = a.stream(max_tokens=500, temperature=1, seed=7, guided_json=numbers)
        received = [next(stream)]
        workers[a.cluster()["plan"]["stages"][0]["node"]].kill()
        received += stream
        self.assertFalse([part for part in received if "error" in part])
        answer = json.loads("".join(choice["text"] for part in received for choice in part["choices"]))
        self.assertIn(len(answer), range(90, 100))
        self.assertLessEqual(set(answer), set(range(100)))

    def test_a_leader_that_is_killed_is_followed_again(self):
        a, b, c = self.three()
        expected = a.text()
        a.kill()
        b.waits_to_say("node a is offline")
        until("b says so", lambda: not b.serves())
        status, answer = b.request("POST", "/v1/completions", {"prompt": "x"})
        self.assertEqual(status, 503)
        self.assertIn("node a is offline", answer["error"]["message"])
        a.restart()
        for node in (b, c, a):
            node.waits_to_serve()
            self.assertEqual(node.text(), expected)

    def test_answers_survive_the_death_of_the_leader(self):
        nodes = self.four()
        expected = Answer(pieces(nodes[0]))
        for _ in range(3):
            leader = until("all follow one", lambda: len(led := {node.leader() for node in nodes}) == 1 and led.pop())
            killed = next(node for node in nodes if node.name == leader)
            others = [node for node in nodes if node is not killed]
            streams = [pieces(node) for node in others]
            first = [next(stream) for stream in streams]
            killed.kill()
            at = time.monotonic()
            def led():
                leaders = {node.leader() for node in others}
                return len(leaders) == 1 and not leaders & {None, leader}
            until("all follow another", led)
            if QUICK:
                self.assertLess(time.monotonic() - at, 3)
            for received, stream in zip(first, streams):
                self.check_continues(received, stream, expected)
            killed.restart()
            for node in nodes:
                node.waits_to_serve()
            until("it follows", lambda: killed.leader() == others[0].leader())

    def test_a_node_that_is_drained_is_not_missed(self):
        nodes = self.four()
        a = nodes[0]
        expected = Answer(pieces(a))
        def computing():
            cluster = a.cluster()
            return {stage["node"] for stage in (cluster["plan"] or {"stages": []})["stages"]} if cluster["serving"] else set()
        drained = next(node for node in nodes if node.name in until("it is served", computing))
        streams = [pieces(node) for node in nodes]
        first = [next(stream) for stream in streams]
        self.assertIn("exogpu status", self.output_of("drain", drained.name, "--api", f"127.0.0.1:{a.api}"))
        for received, stream in zip(first, streams):
            self.check_continues(received, stream, expected)
        until("others do its work", lambda: computing() and drained.name not in computing())
        self.assertTrue(next(node for node in a.cluster()["nodes"] if node["name"] == drained.name)["draining"])
        self.assertTrue(drained.text())
        status = self.output_of("status", "--api", f"127.0.0.1:{nodes[1].api}")
        self.assertIn("Serving exogpu-demo-q8_0.", status)
        self.assertRegex(status, rf"{drained.name} +being drained +\w+ +cpu")
        self.assertIn("GET /v1/cluster", self.output_of("status", "--help"))
        self.assertIn("is a node running there?", self.output_of("status", "--api", "127.0.0.1:1", rc=1))
        status, refusal = a.request("POST", "/v1/cluster/drain", {"node": "nobody"})
        self.assertEqual(status, 404)
        self.assertIn("here are: a, b, c, d", refusal["error"]["message"])
        self.assertEqual(a.request("POST", "/v1/cluster/drain", {})[0], 400)
        self.output_of("drain", drained.name, "--undo", "--api", f"127.0.0.1:{a.api}")
        until("it may be used again", lambda: not any(node["draining"] for node in a.cluster()["nodes"]))

    def test_a_node_comes_back_while_the_one_that_it_joined_by_is_away(self):
        """Of two nodes the one with the smaller id calls the other; restarted, it knows the one that is away alone."""
        a, b, c = self.three()
        ids = {node["name"]: node["id"] for node in a.cluster()["nodes"]}
        calls, stays = sorted((b, c), key=lambda node: ids[node.name])
        a.kill()
        calls.kill()
        until("they are missed", lambda: all(not node["online"] for node in stays.cluster()["nodes"] if node["name"] != stays.name))
        calls.restart()
        until("it is back", lambda: calls.leader() and calls.leader() == stays.leader())
        a.restart()
        for node in (a, b, c):
            node.waits_to_serve()

    def test_requests_wait_when_asked_to(self):
        a, b, c = self.three("--wait", 60)
        expected = Answer(pieces(a))
        stream = pieces(a)
        first = next(stream)
        c.kill()
        until("a says that it cannot go on", lambda: a.cluster()["plan"] is None)
        with ThreadPoolExecutor(1) as pool:
            rest = pool.submit(list, stream)
            stays("the answer waits", lambda: not rest.done(), 2)
            c.restart()
            self.check_continues(first, rest.result(), expected)

    def test_each_request_waits_as_long_as_it_asks_to(self):
        a, b, c = self.three()
        expected = Answer(pieces(a))
        patient, hasty = pieces(a, wait_s=120), pieces(a, wait_s=0)
        first, received = next(patient), [next(hasty)]
        c.kill()
        at = time.monotonic()
        received += hasty
        if QUICK:
            self.assertLess(time.monotonic() - at, 3)
        self.assertIn("node c is offline", received[-1][1]["error"]["message"])
        def given_up():
            status, refusal = a.request("POST", "/v1/completions", {"prompt": "x"})
            return status == 503 and "node c is offline" in refusal["error"]["message"]
        until("others are refused", given_up)
        with ThreadPoolExecutor(1) as pool:
            late = pool.submit(lambda: list(pieces(a, wait_s=120)))
            stays("it waits", lambda: not late.done(), 1)
            c.restart()
            self.check_continues(first, patient, expected)
            self.check_continues(late.result()[0], late.result()[1:], expected)
        status, refusal = a.request("POST", "/v1/completions", {"prompt": "x", "wait_s": -1})
        self.assertEqual(status, 400)
        self.assertIn("wait_s", refusal["error"]["message"])


if __name__ == "__main__":
    cases.run(sys.argv[4:])
