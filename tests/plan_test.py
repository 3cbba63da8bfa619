"""exogpu plan as a user runs it: what it prints and its exit status.

usage: plan_test.py EXOGPU TINY_MODEL    (the two programs)
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

from harness.caches import cache_home
from harness.node import PROMPT, Node
from harness.waiting import until

EXOGPU, TINY_MODEL = sys.argv[1:3]


def device(name, kind, memory, rate):
    return {
        "id": name, "name": f"made {name}", "kind": kind, "memory_free_bytes": memory,
        "profile": {
            "bandwidth_bytes_per_s": rate,
            "products": [{"type": "q8_0", "matvec_bytes_per_s": rate, "matmul_flops_per_s": 100 * rate}],
            "host_to_device_bytes_per_s": 1e10, "device_to_host_bytes_per_s": 1e10, "graph_overhead_s": 1e-6,
        },
    }


class Plan(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.directory.name)
        cls.model = cls.folder / "tiny.gguf"
        subprocess.run([TINY_MODEL, "gemma3", str(cls.model)], check=True, capture_output=True, timeout=60)

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def plan(self, *arguments, stdin=""):
        environment = {**os.environ, "XDG_CACHE_HOME": cache_home(self.folder)}
        return subprocess.run([EXOGPU, "plan", str(self.model), *map(str, arguments)], input=stdin,
                              capture_output=True, text=True, timeout=120, env=environment)

    def cluster(self, fast_memory):
        nodes = [{"name": "desk", "devices": [device("gpu0", "discrete", fast_memory, 1e12),
                                              device("cpu", "cpu", 1 << 34, 1e10)]}]
        path = self.folder / "cluster.json"
        path.write_text(json.dumps({"nodes": nodes}))
        return path

    def planned(self, *arguments):
        done = self.plan("--json", *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_this_machine(self):
        done = self.plan()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("The best plan for the most tokens per second of one sequence alone", done.stdout)
        self.assertIn("this plan", done.stdout)

    def test_the_slow_device_is_left_out_of_what_fits_and_used_for_what_does_not(self):
        answer = self.planned("--devices", self.cluster(1 << 34))
        self.assertEqual([stage["device"]["id"] for stage in answer["plan"]["stages"]], ["gpu0"])
        self.assertEqual([unused["device"]["id"] for unused in answer["unused_devices"]], ["cpu"])
        self.assertIn("slower with it: ", answer["unused_devices"][0]["reason"])
        stage = answer["plan"]["stages"][0]
        whole = stage["weights_bytes"] + stage["cache_bytes"] + stage["compute_bytes"]
        answer = self.planned("--devices", self.cluster(whole - 1))
        stages = answer["plan"]["stages"]
        self.assertEqual({stage["device"]["id"] for stage in stages}, {"gpu0", "cpu"})
        self.assertEqual(answer["unused_devices"], [])
        for stage in stages:
            need = stage["weights_bytes"] + stage["cache_bytes"] + stage["compute_bytes"]
            self.assertLessEqual(need, stage["device"]["memory_free_bytes"])

    def test_a_device_without_a_type_of_the_weights_is_left_out_by_name(self):
        fast, slow = device("gpu0", "discrete", 1 << 34, 1e12), device("gpu1", "discrete", 1 << 34, 1e10)
        limit = {"type": "f32", "use": "matrix", "held_as": None, "growth": None}
        path = self.folder / "limited.json"

        def planned(**limits):
            path.write_text(json.dumps({"devices": [{**fast, "limits": [{**limit, **limits}]}, slow]}))
            return self.planned("--devices", path, "--why", "gpu0")

        answer = planned()
        self.assertEqual([stage["device"]["id"] for stage in answer["plan"]["stages"]], ["gpu1"])
        (unused,) = answer["unused_devices"]
        self.assertEqual((unused["device"]["id"], unused["constraint"]), ("gpu0", "precision"))
        self.assertIn("cannot compute with f32 weights", unused["reason"])
        by_hand = self.plan("--devices", path, "--layers", f"gpu0:0-{answer['layers'] - 1}")
        self.assertEqual(by_hand.returncode, 1)
        self.assertIn("gpu0 cannot compute with f32 weights", by_hand.stderr)
        # Where it can hold them in another type it has room for fewer, and the reason says so.
        answer = planned(held_as="made", growth=2)
        self.assertEqual([stage["device"]["id"] for stage in answer["plan"]["stages"]], ["gpu0"])
        verdicts = {each["name"]: each for each in answer["why"]["verdicts"]}
        self.assertTrue(verdicts["precision"]["allows"])
        self.assertIn("converts f32 to made when it loads them: 2.00 times", verdicts["precision"]["reason"])
        self.assertEqual(answer["plan"]["stages"][0]["device"]["memory_free_bytes"], 1 << 33)

    def test_layers_by_hand(self):
        path = self.cluster(1 << 34)
        layers = self.planned("--devices", path)["layers"]
        answer = self.planned("--devices", path, "--layers", f"cpu:0,gpu0:1-{layers - 1}")
        self.assertEqual([stage["layer_end"] for stage in answer["plan"]["stages"]], [1, layers])
        self.assertEqual(answer["alternatives"][0]["name"], "the planner's own choice")
        done = self.plan("--devices", path, "--layers", "cpu:0")
        self.assertEqual(done.returncode, 1)
        self.assertIn("are given to no device", done.stderr)

    def test_what_devices_prints_is_a_cluster(self):
        environment = {**os.environ, "XDG_CACHE_HOME": cache_home(self.folder)}
        devices = subprocess.run([EXOGPU, "devices", "--json", "--profile"], check=True, capture_output=True,
                                 text=True, timeout=120, env=environment)
        cpu = next(each for each in json.loads(devices.stdout)["devices"] if each["id"] == "cpu")
        self.assertEqual(cpu["layouts"]["verdicts"]["CPU/q8_0/matrix"], {"state": "right", "reason": ""})
        done = self.plan("--devices", "-", stdin=devices.stdout)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_refusals_are_told_in_words(self):
        for arguments, status, words in [
            (["--devices", "none.json"], 1, "none.json: cannot open the file"),
            (["--devices", self.folder], 1, "cannot be read"),
            (["--without", "cpu", "--devices", self.cluster(1000)], 1, "no room for a single layer"),
            (["--without", "vulkan9"], 1, "there is no device \"vulkan9\"; here are: "),
            (["--context", "0"], 2, "--context: 0 is not a number from 1 to"),
        ]:
            done = self.plan(*arguments)
            self.assertEqual(done.returncode, status, arguments)
            self.assertEqual(done.stdout, "")
            self.assertTrue(done.stderr.startswith("exogpu: "), done.stderr)
            self.assertIn(words, done.stderr)


class Streaming(unittest.TestCase):
    """A model that the memory given to it does not hold."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.folder = pathlib.Path(directory.name)
        self.model = self.folder / "model.gguf"
        subprocess.run([TINY_MODEL, "llama", self.model, "--layers", "24", "--embedding-length", "768"], check=True,
                       capture_output=True, timeout=60)
        self.most = self.model.stat().st_size * 4 // 5

    def run_it(self, *arguments):
        environment = {**os.environ, "XDG_CACHE_HOME": cache_home(self.folder)}
        done = subprocess.run([EXOGPU, *map(str, arguments)], capture_output=True, text=True, timeout=120,
                              stdin=subprocess.DEVNULL, env=environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_it_is_planned_and_served(self):
        plan = ["plan", self.model, "-d", "cpu", "-c", 256, "--parallel", 1, "--memory-max", self.most]
        stage, = json.loads(self.run_it(*plan, "--json"))["plan"]["stages"]
        self.assertGreater(stage["layers_streamed"], 1)
        self.assertLess(stage["layers_streamed"], 25)
        self.assertGreater(stage["bytes_streamed"], 0)
        self.assertIn(f"{stage['layers_streamed']} of 24 layers stream from the disk", self.run_it(*plan))
        whole = self.run_it("run", self.model, "--raw", "-p", PROMPT, "-n", 8, "--temperature", 0, "-d", "cpu", "-c", 256)
        node = Node(EXOGPU, self.folder, "a", self.model, "-c", 256, "--parallel", 1, "--memory-max", self.most)
        self.addCleanup(node.kill)
        until(lambda: f"the model is served: {node.said()}", node.serves)
        self.assertIn(node.text(max_tokens=8)[0].strip(), whole)
        # The stage reports a moment later.
        until(lambda: f"the status says that layers stream: {node.cluster()}",
              lambda: "of 24 layers stream from the disk" in node.cluster()["plan"]["stages"][0]["activity"])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
