"""The record of who did what at a node. Arguments: as in nodes.py."""
import json
import re
import socket
import subprocess
import sys
import unittest

from nodes import EXOGPU, MODEL, Cluster
from harness.waiting import WAIT_S, until


class Audit(Cluster):
    def run_audit(self, arguments, node):
        api = ["--api", f"127.0.0.1:{node.api}"] if node else []
        return subprocess.run([EXOGPU, "audit", *map(str, arguments), *api], capture_output=True, text=True,
                              timeout=WAIT_S)

    def command(self, *arguments, node=None, fails=False):
        done = self.run_audit(arguments, node)
        self.assertEqual(done.returncode != 0, fails, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def result(self, *arguments, node):
        done = self.run_audit(arguments, node)
        return done.stdout + done.stderr

    def entries(self, node):
        return [json.loads(line) for line in self.command("--json", node=node).splitlines()]

    def keys(self, node, *arguments):
        subprocess.run([EXOGPU, "keys", *arguments, "--api", f"127.0.0.1:{node.api}"], check=True, capture_output=True,
                       timeout=WAIT_S)

    def test_the_system_log_gets_each_entry_too(self):
        at = self.folder / "log.socket"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
            log.bind(str(at))
            log.settimeout(WAIT_S)
            a = self.node("a", MODEL, "--audit-syslog-socket", at)
            self.keys(a, "add", "laptop")
            expected = self.command("--json", node=a).splitlines()
            begin = rf"<85>[A-Z][a-z]{{2}} [ \d]\d \d\d:\d\d:\d\d exogpu\[{a.process.pid}\]: "
            got = [log.recv(65536).decode() for _ in range(1 + len(expected))]
        self.assertRegex(got[0], begin + "the audit follows$")
        self.assertEqual([re.sub("^" + begin, "", each) for each in got[1:]], expected)
        # Without a log the node goes on.
        at.unlink()
        self.keys(a, "add", "phone")
        a.waits_to_say("entries of the audit did not reach")
        self.assertEqual(self.entries(a)[-1]["what"], "phone")

    def test_a_record_that_was_changed_or_cut_off_is_found(self):
        a = self.node("a", MODEL)
        b = self.node("b", "--join", f"127.0.0.1:{a.link}", "--token", a.token())
        a.waits_to_serve()
        self.keys(a, "add", "laptop")
        entries = self.entries(a)
        self.assertCountEqual([(entry["action"], entry["result"]) for entry in entries if "anchor" not in entry],
                              [("node.start", "ok"), ("node.role", "ok"), ("join", "ok"), ("POST /v1/keys", "ok")])
        self.assertRegex(self.command(node=a), r"local \(127\.0\.0\.1\) +POST /v1/keys +laptop  ok")
        self.assertIn("is whole", self.command("verify", node=a))

        chain = next((a.folder / "state/audit").iterdir())
        self.assertEqual(chain.stat().st_mode & 0o777, 0o600)
        at = chain.read_bytes().index(b"laptop")
        number = next(entry["n"] for entry in entries if entry["what"] == "laptop")

        def write(word):
            with open(chain, "r+b") as file:
                file.seek(at)
                file.write(word)

        write(b"phones")
        self.assertIn(f"entry {number}: this entry was changed or forged", self.command("verify", node=a, fails=True))
        write(b"laptop")
        self.assertIn("is whole", self.command("verify", node=a))

        # A node that connects again gets the other's head.
        b.stop()
        b.restart()
        seen = 0

        def has_seen():
            nonlocal seen
            anchors = [entry["anchor"]["n"] for entry in self.entries(b) if "anchor" in entry]
            seen = max(anchors, default=0)
            return seen >= number

        until("b has seen the key in a's chain", has_seen)
        until("a knows that", lambda: f"have seen it up to entry {seen}" in self.command("verify", node=a))
        a.kill()
        lines = chain.read_bytes().splitlines(keepends=True)
        chain.write_bytes(b"".join(lines[:seen - 1]))
        self.assertIn("is whole", self.command("verify", "--folder", chain.parent))
        witness = b.folder / "state/audit"
        self.assertIn("cut off", self.command("verify", "--folder", chain.parent, "--with", witness, fails=True))
        a.restart()  # and goes on with other entries
        until(lambda: f"the cut is found: {self.result('verify', node=a)}",
              lambda: re.search(r"entry \d+: .* has seen", self.result("verify", node=a)))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
