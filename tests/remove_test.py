"""Devices that are thrown out of their cluster. Arguments: as in nodes.py."""
import subprocess
import sys
import time
import unittest

from nodes import EXOGPU, MODEL, QUICK, Cluster
from harness.waiting import WAIT_S, until


class Remove(Cluster):
    def remove(self, asked, name, fails=False):
        done = subprocess.run([EXOGPU, "remove", name, "--api", f"127.0.0.1:{asked.api}"], capture_output=True,
                              text=True, timeout=WAIT_S)
        self.assertEqual(done.returncode != 0, fails, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def members(self, node):
        return {each["name"] for each in node.request("GET", "/v1/cluster")[1]["nodes"] if each["online"]}

    def test_a_removed_node_is_out_everywhere_and_stays_out(self):
        a = self.node("a", MODEL)
        token = a.token("--uses", "2")
        join = ["--join", f"127.0.0.1:{a.link}", "--token"]
        b = self.node("b", *join, a.token("--role", "owner"))
        c, d = (self.node(name, *join, token) for name in "cd")
        for node in a, b, c:
            until(f"{node.name} knows all", lambda: self.members(node) == set("abcd"))
        c.stop()  # away, and does not hear of it
        self.assertIn("there is no node \"x\"", self.remove(b, "x", fails=True))
        self.assertIn("a node does not remove itself", self.remove(b, "b", fails=True))

        begun = time.monotonic()
        self.assertIn("The node d is removed", self.remove(b, "d"))
        for node in a, b:
            until(f"d is out at {node.name}", lambda: "d" not in self.members(node))
        if QUICK:
            self.assertLess(time.monotonic() - begun, 1)
        self.assertEqual(d.process.wait(WAIT_S), 1, "the removed node stops")
        d.close_pipes()
        d.waits_to_say("this device was removed from its cluster by b")

        # It comes back with its old state and certificate: at a node that was there, and at one that was away.
        d.process, d.errors = self.serve_again(d, a)
        until("a refuses d", lambda: "was removed from this cluster on" in d.said())
        d.process.kill()
        d.process.wait()
        d.close_pipes()
        c.restart()
        until("c knows the others", lambda: self.members(c) >= set("abc"))
        before = d.said().count("was removed from this cluster on")
        d.process, d.errors = self.serve_again(d, c)
        until("c refuses d, too", lambda: d.said().count("was removed from this cluster on") > before)
        for node in a, b, c:
            self.assertNotIn("d", self.members(node))
        a.waits_to_serve()
        self.assertEqual(a.request("POST", "/v1/completions", {"prompt": "x", "max_tokens": 1})[0], 200)

    def serve_again(self, node, other):
        """Starts the removed node without the list of removals, as if it had been away when it was thrown out."""
        (node.folder / "state/removed-nodes").unlink(missing_ok=True)
        errors = open(node.log, "ab")
        command = [EXOGPU, "serve", "--name", node.name, "--state", node.folder / "state", "--cache",
                   node.folder / "cache", "--listen", f"127.0.0.1:{node.link}", "--api", f"127.0.0.1:{node.api}", "-d",
                   "cpu", "-t", "1", "--no-discovery", "--join", f"127.0.0.1:{other.link}"]
        return subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, stderr=errors, text=True), errors


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
