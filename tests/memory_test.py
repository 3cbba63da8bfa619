"""Machines with little memory, for which control groups stand: models that do not fit are refused, and while memory runs
short a node gives up what it can do without. The kernel ends no process.

Called with EXOGPU TINY_MODEL DEMO_MODEL. Exit status 77: no control groups can be made here.
"""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

from harness import cases
from harness.caches import cache_home
from harness.memory_group import Hog, MemoryGroup
from harness.node import Node
from harness.waiting import WAIT_S, until

EXOGPU, TINY_MODEL, DEMO_MODEL = sys.argv[1:4]
MIB = 1 << 20
PROMPT = "A baker had a dream. One day " * 20


def setUpModule():
    """The program's pages count for the group that reads them first: none of those with little memory."""
    pathlib.Path(EXOGPU).read_bytes()


class Memory(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.folder = pathlib.Path(directory.name)

    def group(self, limit):
        group = MemoryGroup(limit)
        self.addCleanup(group.remove)
        return group

    def hog(self, group):
        hog = Hog(group)
        self.addCleanup(hog.end)
        return hog

    def model(self, *options):
        path = self.folder / "model.gguf"
        subprocess.run([TINY_MODEL, "llama", path, *map(str, options)], check=True, capture_output=True, timeout=WAIT_S)
        return path

    def node(self, group, *arguments):
        program = self.folder / "exogpu-in-group"
        program.write_text("#!/bin/sh\n" + f'echo $$ > "{group.folder / "cgroup.procs"}" && exec "{EXOGPU}" "$@"\n')
        program.chmod(0o755)
        node = Node(program, self.folder, "a", *arguments)
        self.addCleanup(node.kill)
        return node

    def run_in(self, group, *words):
        # Without Vulkan's drivers, which take memory for themselves.
        environment = {**os.environ, "XDG_CACHE_HOME": cache_home(self.folder / "cache"), "VK_LOADER_DRIVERS_DISABLE": "*"}
        command = group.command(EXOGPU, *words)
        return subprocess.run([*map(str, command)], capture_output=True, text=True, errors="replace", timeout=WAIT_S,
                              stdin=subprocess.DEVNULL, env=environment)

    def commands(self, model):
        return [["run", model, "-p", "hello", "-n", 2, "-c", 256, "-d", "cpu"],
                ["bench", model, "-p", 8, "-n", 2, "-r", 1, "-c", 256, "-d", "cpu"],
                ["plan", model, "-c", 256]]


class Limits(Memory):
    def test_a_model_larger_than_the_machine_is_refused(self):
        model = self.model("--type", "f32", "--embedding-length", 1024, "--layers", 16)
        group = self.group(96 * MIB)
        self.assertGreater(model.stat().st_size, 100 * MIB)
        neighbour = self.hog(group)
        self.assertTrue(neighbour.take(4 * MIB))
        for words in self.commands(model):
            done = self.run_in(group, *words)
            self.assertEqual(done.returncode, 1, f"{words}: {done.stderr}")
            self.assertRegex(done.stderr, r"[\d,]{9,} bytes are\s+missing")
        node = self.node(group, model, "-c", 256, "-b", 64)
        until(lambda: f"the reason: {node.cluster()}",
              lambda: "bytes are missing" in (node.cluster()["not_serving_reason"] or ""))
        status, message = node.complete_fails()
        self.assertEqual(status, 503)
        self.assertIn("bytes are missing", message)
        self.assertIsNone(node.process.poll())
        self.assertTrue(neighbour.take(1))
        self.assertEqual(group.kills(), 0)

    def test_whatever_the_limit_a_model_is_refused_or_computes(self):
        model = self.model("--type", "q8_0", "--embedding-length", 1024, "--layers", 16)
        ended = set()
        for limit in (48, 72, 88, 160):
            group = self.group(limit * MIB)
            for words in self.commands(model):
                done = self.run_in(group, *words)
                if done.returncode != 0:
                    self.assertRegex(done.stderr, r"bytes are\s+missing|no room for a single layer|do not fit",
                                     f"{limit} MiB, {words}")
                ended.add(done.returncode)
            self.assertEqual(group.kills(), 0)
        self.assertEqual(ended, {0, 1}, "both were to happen")


class Pressure(Memory):
    def squeeze(self, node, group):
        """Takes memory until only a part of what is left to others is free, 64 MiB of 1 GiB; returns the levels seen."""
        hog = self.hog(group)
        levels = []

        def short():
            level = self.state_of(node)["memory_pressure"]
            if level not in levels:
                levels.append(level)
            if group.free() > 30 * MIB:
                self.assertTrue(hog.take(min(group.free() - 26 * MIB, 64 * MIB)))
            return level == "layers"

        until(lambda: f"the pressure is noticed; {levels}; {node.said()}", short, pause_s=0.1)
        return levels

    def state_of(self, node):
        return next(each for each in node.cluster()["nodes"] if each["name"] == node.name)

    def test_a_node_gives_up_what_it_can_do_without(self):
        group = self.group(1024 * MIB)
        node = self.node(group, DEMO_MODEL, "-c", 2048, "--parallel", 8)
        node.waits_to_serve()
        expected = node.text(prompt=PROMPT)
        cached = node.complete(prompt=PROMPT)["usage"]["prompt_tokens_details"]["cached_tokens"]
        self.assertGreater(cached, 50)
        self.assertEqual(self.state_of(node)["memory_pressure"], "none")
        levels = self.squeeze(node, group)
        self.assertEqual(levels, [each for each in ("none", "spare", "cached", "layers") if each in levels])
        said = [node.said().find(words) for words in ("spare weights are given up", "cached sequences are given up",
                                                      "plans are to use at most")]
        self.assertEqual(said, sorted(said))
        self.assertGreater(said[0], 0)
        self.assertIsInstance(self.state_of(node)["memory_max_bytes"], int)
        table = subprocess.run([EXOGPU, "status", "--api", f"127.0.0.1:{node.api}"], capture_output=True, text=True,
                               timeout=WAIT_S)
        self.assertIn("short of memory: asks for fewer layers", table.stdout)
        # No other node could compute the layers: this one answers as before, and keeps nothing.
        for _ in range(2):
            answer = node.complete(prompt=PROMPT)
            self.assertEqual(answer["choices"][0]["text"], expected[0])
            self.assertEqual(answer["usage"]["prompt_tokens_details"]["cached_tokens"], 0)
        self.assertEqual(group.kills(), 0)

    def test_another_node_takes_its_layers(self):
        group = self.group(1024 * MIB)
        node = self.node(group, DEMO_MODEL, "-c", 1024)
        node.waits_to_serve()
        expected = node.text()
        other = Node(EXOGPU, self.folder, "b", "--join", f"127.0.0.1:{node.link}", "--token", node.token())
        self.addCleanup(other.kill)
        other.waits_to_serve()
        self.squeeze(node, group)

        def fits():
            cluster, state = node.cluster(), self.state_of(node)
            held = sum(stage["memory_bytes"] for stage in (cluster["plan"] or {"stages": []})["stages"]
                       if stage["node"] == node.name)
            return cluster["serving"] and held <= (state["memory_max_bytes"] or 0)

        until(lambda: f"the layers move; {node.cluster()}; {node.said()}", fits, pause_s=0.1)
        self.assertEqual(other.text(cache_prompt=False), expected)
        self.assertEqual(group.kills(), 0)


if __name__ == "__main__":
    if not MemoryGroup.possible():
        sys.exit(77)
    cases.run(sys.argv[4:])
