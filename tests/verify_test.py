"""Answers that are computed once more: `exogpu serve --verify` finds a device that computes wrongly.

Called as nodes.py says; the fourth argument is a library that makes a node compute wrongly (wrong_norm.c).
"""
import json
import re
import subprocess
import sys
import urllib.request

from harness import cases
from nodes import EXOGPU, MODEL, WAIT_S, Cluster, until

WRONG_NORM = sys.argv[4]


class Verify(Cluster):
    def ring_with(self, **environment_of):
        """Three nodes, of which the first verifies all answers."""
        a = self.node("a", MODEL, "--layers", "a/cpu:0-3,b/cpu:4-7,c/cpu:8-11", "-c", 512, "--verify", "100%")
        token = a.token("--uses", 3)
        for name in "bc":
            self.node(name, "--join", f"127.0.0.1:{a.link}", "--token", token,
                      environment=environment_of.get(name, {}))
        for node in self.nodes:
            node.waits_to_serve()
        return self.nodes

    def verified(self, node, result):
        with urllib.request.urlopen(f"http://127.0.0.1:{node.api}/metrics", timeout=WAIT_S) as response:
            metrics = response.read().decode()
        found = re.search(rf'^exogpu_answers_verified_total{{result="{result}"}} (\d+)$', metrics, re.MULTILINE)
        return int(found[1])

    def alerts(self, node):
        return [(alert["name"], alert["node"], alert["subject"]) for alert in node.get("/v1/alerts")["alerts"]]

    def test_right_answers_are_the_same(self):
        a, b, _ = self.ring_with()
        self.assertTrue(b.text(max_tokens=24, ignore_eos=True), "asked at another node than the one that verifies")
        until("the answer is verified", lambda: self.verified(a, "same") == 1)
        a.text(max_tokens=24, ignore_eos=True, temperature=1)
        until("so is one that was sampled", lambda: self.verified(a, "same") == 2)
        self.assertEqual(self.verified(a, "different"), 0)
        self.assertEqual(self.alerts(a), [])

    def test_a_device_that_computes_wrongly_is_named(self):
        a, b, _ = self.ring_with(b={"LD_PRELOAD": WRONG_NORM})
        a.text(max_tokens=24, ignore_eos=True)
        until("the difference is found", lambda: self.verified(a, "different") == 1)
        until("there is an alert at every node", lambda: ("results_differ", "b", "cpu") in self.alerts(b))
        audit = subprocess.run([EXOGPU, "audit", "--api", f"127.0.0.1:{a.api}", "--json"], capture_output=True,
                               text=True, check=True)
        entries = [json.loads(line) for line in audit.stdout.splitlines()]
        self.assertEqual([entry["what"] for entry in entries if entry["action"] == "answer.differs"], ["b/cpu"])
        a.waits_to_say("came out differently on b/cpu")


if __name__ == "__main__":
    cases.run(sys.argv[5:])
