"""A stage that is a group: devices that compute each layer together, alone and in a ring.

Called as nodes.py says.
"""
import itertools
import json
import os
import subprocess
import sys

from harness import cases
from harness.answers import NEAR_TIE, Answer
from harness.caches import cache_home
from harness.waiting import until
from nodes import EXOGPU, MODEL, Cluster

PROMPT = "Once upon a time there was a little girl who had a red ball. One day"
SCORED = {"prompt": PROMPT, "max_tokens": 1, "echo": True, "logprobs": 0}
GREEDY = {"max_tokens": 300, "ignore_eos": True, "logprobs": 3}
ANSWER = {"prompt": PROMPT, "max_tokens": 24, "ignore_eos": True, "temperature": 0, "cache_prompt": False}


class Group(Cluster):
    def scores(self, node):
        return node.complete(**SCORED)["choices"][0]["logprobs"]["token_logprobs"][1:]

    def check(self, node, expected):
        # The CPU rounds activations of quantised weights to 8 bits, and other sums round elsewhere.
        found = self.scores(node)
        self.assertEqual(len(found), len(expected))
        worst = max(abs(one - other) for one, other in zip(found, expected))
        self.assertLess(worst, 0.2)
        # The same group gives the same bits.
        self.assertEqual(node.text(**ANSWER), node.text(**ANSWER))

    def test_computes_what_one_device_does(self):
        one = self.node("a", MODEL, "-c", 512)
        one.waits_to_serve()
        expected = self.scores(one)
        self.end_all()
        group = self.node("a", MODEL, "-c", 512, device="cpu+cpu")
        group.waits_to_serve()
        (stage,) = group.cluster()["plan"]["stages"]
        self.assertEqual(stage["device"], "cpu+cpu")
        self.check(group, expected)
        self.end_all()
        first = self.node("a", MODEL, "--layers", "a/cpu+cpu:0-5,b/cpu:6-11", "-c", 512, device="cpu+cpu")
        second = self.node("b", "--join", f"127.0.0.1:{first.link}", "--token", first.token())
        for node in (first, second):
            node.waits_to_serve()
        self.check(second, expected)

    def test_members_may_be_on_two_nodes(self):
        """Where the other node is lost, the first one goes on alone."""
        first = self.node("a", MODEL, "-c", 512, device="cpu+b/cpu")
        first.waits_to_serve()
        expected = self.scores(first)
        alone = Answer(first.pieces(**GREEDY))
        other = self.node("b", "--join", f"127.0.0.1:{first.link}", "--token", first.token(), "--only-groups")
        self.waits_for_device(first, "cpu+b/cpu")
        self.check(first, expected)
        stream = first.pieces(**GREEDY)
        begun = next(stream)
        other.kill()
        answer = Answer(itertools.chain([begun], stream))
        self.assertEqual(answer.errors, [])
        leaves = answer.leaves(alone)
        self.assertTrue(leaves is None or leaves[1] < NEAR_TIE, leaves)
        self.waits_for_device(first, "cpu")
        other.restart()
        self.waits_for_device(first, "cpu+b/cpu")
        self.check(first, expected)

    def waits_for_device(self, node, device):
        def stages():
            plan = node.cluster().get("plan") or {"stages": []}
            return [stage["device"] for stage in plan["stages"]]
        until(lambda: f"{device} computes; it said {node.said()!r}", lambda: stages() == [device] and node.serves())

    def test_a_plan_may_be_asked_for(self):
        done = subprocess.run([EXOGPU, "plan", MODEL, "--device", "cpu+cpu", "--json"], capture_output=True, text=True,
                              timeout=120, env={**os.environ, "XDG_CACHE_HOME": cache_home(self.folder)})
        self.assertEqual(done.returncode, 0, done.stderr)
        plan = json.loads(done.stdout)["plan"]
        self.assertEqual([stage["device"]["id"] for stage in plan["stages"]], ["cpu+cpu"])
        self.assertGreater(plan["predicted"]["tokens_per_s_alone"], 0)

    def test_a_device_has_one_use(self):
        done = subprocess.run([EXOGPU, "serve", MODEL, "--state", self.folder / "state", "--cache", self.folder / "cache",
                               "--device", "cpu,cpu+cpu"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn("a device has one use", done.stderr)


if __name__ == "__main__":
    cases.run(sys.argv[4:])
