"""exogpu check: how far a plan is from one device, on this machine and in a cluster.

Called as nodes.py says.
"""
import json
import os
import subprocess
import sys

from harness import cases
from harness.caches import cache_home
from nodes import EXOGPU, MODEL, TINY_MODEL, Cluster


class Check(Cluster):
    def check(self, model, *arguments):
        command = [EXOGPU, "check", model, "-t", "1", "-n", "48", *arguments, "--json"]
        done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=120,
                              env={**os.environ, "XDG_CACHE_HOME": cache_home(self.folder)})
        return done.stderr if done.returncode else json.loads(done.stdout)

    def tiny(self, name, *arguments):
        path = self.folder / name
        subprocess.run([TINY_MODEL, "llama", path, *map(str, arguments)], check=True, capture_output=True, timeout=60)
        return path

    def test_the_same_computation_has_no_divergence_and_another_precision_a_small_one(self):
        same = self.check(MODEL, "--layers", "cpu:0-11", "--kv-type", "f32")
        self.assertEqual((same["positions"], same["same_likeliest"]), (47, 47), same)
        self.assertEqual(same["kl_most"], 0)
        self.assertEqual(same["perplexity"], same["perplexity_of_reference"])
        coarser = self.check(MODEL, "--device", "cpu", "--cut", "4,8", "--kv-type", "q8_0", "--batch", "8")
        self.assertGreater(coarser["kl_mean"], 0)
        self.assertLess(coarser["kl_mean"], 0.01)
        self.assertGreaterEqual(coarser["same_likeliest"], 42)
        self.assertFalse(coarser["kl_is_lower_bound"])

    def test_layers_that_are_missing_are_named(self):
        self.assertIn("no device has the layers 6 to 11", self.check(MODEL, "--layers", "cpu:0-5"))

    def test_the_plan_of_a_cluster(self):
        nodes = self.ring("0-5", "6-11")
        found = self.check(MODEL, "--api", f"127.0.0.1:{nodes[1].api}")
        self.assertIsInstance(found, dict, found)
        self.assertEqual(found["plan"], "a/cpu 0-5, b/cpu 6-11")
        self.assertTrue(found["kl_is_lower_bound"])
        self.assertGreaterEqual(found["same_likeliest"], 42)
        self.assertLess(found["kl_mean"], 0.01)

    def test_another_model_of_the_same_name_is_found_out(self):
        ours, theirs = self.tiny("ours.gguf", "--seed", 1), self.tiny("theirs.gguf", "--seed", 2)
        node = self.node("a", theirs, "-c", 256)
        node.waits_to_serve()
        found = self.check(ours, "--api", f"127.0.0.1:{node.api}", "--served-as", "theirs")
        self.assertLess(found["top1_agreement"], 0.5)
        self.assertGreater(found["kl_mean"], 0.1)
        self.assertIn("ours", self.check(ours, "--api", f"127.0.0.1:{node.api}"))


if __name__ == "__main__":
    cases.run(sys.argv[4:])
