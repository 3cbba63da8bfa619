"""Keys of the API in a cluster. Arguments: as in nodes.py."""
import os
import stat
import subprocess
import sys
import time
import unittest
import urllib.request

from nodes import EXOGPU, MODEL, QUICK, Cluster
from harness.ports import free_port
from harness.waiting import WAIT_S, until

ELSEWHERE = {"X-Forwarded-For": "192.0.2.1"}  # what a program of another machine sends by way of a proxy


class Keys(Cluster):
    def command(self, node, *arguments, fails=False):
        done = subprocess.run([EXOGPU, "keys", *arguments, "--api", f"127.0.0.1:{node.api}"], capture_output=True,
                              text=True, timeout=WAIT_S)
        self.assertEqual(done.returncode != 0, fails, done.stderr)
        return done.stderr if fails else done.stdout.strip()

    def status(self, node, key, path="/v1/models", body=None):
        node.headers = {**ELSEWHERE, "Authorization": f"Bearer {key}"}
        try:
            return node.request("POST" if body else "GET", path, body)[0]
        finally:
            node.headers = {}

    def waits(self, what, nodes, key, status):
        begun = time.monotonic()
        for node in nodes:
            until(f"{what} at {node.name}", lambda: self.status(node, key) == status)
        if QUICK:
            self.assertLess(time.monotonic() - begun, 1)

    def test_a_key_is_known_to_all_nodes_and_a_revoked_one_to_none(self):
        a = self.node("a", MODEL)
        token = a.token("--uses", "3")
        b, c = (self.node(name, "--join", f"127.0.0.1:{a.link}", "--token", token) for name in "bc")
        for node in a, b, c:
            node.waits_to_serve()
        key = self.command(b, "add", "laptop", "--scope", "chat", "--expires", "90d")
        self.assertRegex(key, r"^exo-[0-9a-f]{16}-[0-9a-f]{48}$")
        self.waits("the key is valid", (a, b, c), key, 200)
        self.assertEqual(self.status(c, key, "/v1/cluster"), 403)
        self.assertEqual(self.status(c, key, "/v1/completions", {"prompt": "x", "max_tokens": 1}), 200)
        self.assertRegex(self.command(c, "list"), r"laptop +[0-9a-f]{16} +chat +all +all +\S+ +\S+ +valid")

        c.stop()  # away while the key is revoked
        a.headers = {**ELSEWHERE, "Authorization": f"Bearer {key}"}
        stream = a.stream(max_tokens=400, ignore_eos=True)
        next(stream)
        a.headers = {}
        self.command(b, "revoke", "laptop")
        self.waits("the key is revoked", (a, b), key, 401)
        parts = list(stream)
        self.assertIn("was revoked", str(parts[-1]), parts[-1])
        c.restart()
        self.waits("the key is revoked", (c,), key, 401)
        self.assertIn("There are no keys", self.command(c, "list"))
        self.assertIn("revoked", self.command(c, "list", "--all"))

    def test_keys_survive_all_nodes_and_reach_nodes_that_join_later(self):
        a = self.node("a", MODEL)
        key = self.command(a, "add", "laptop")
        kept = a.folder / "state" / "access-keys.json"
        self.assertEqual(stat.S_IMODE(os.stat(kept).st_mode), 0o600)
        self.assertNotIn(key[-48:], kept.read_text())
        a.kill()
        a.restart()
        self.assertEqual(self.status(a, key), 200)
        b = self.node("b", "--join", f"127.0.0.1:{a.link}", "--token", a.token())
        self.waits("the key is valid", (b,), key, 200)
        rotated = self.command(b, "rotate", "laptop")
        self.waits("the new secret is valid", (a, b), rotated, 200)
        self.waits("the old one is not", (a, b), key, 401)
        a.kill()
        kept.write_text("{")
        with self.assertRaisesRegex(AssertionError, "access-keys.json: not a list of API keys; remove the file"):
            a.restart()

    def test_no_secret_is_in_any_file_or_response(self):
        a = self.node("a", MODEL, "--log-level", "debug")
        a.waits_to_serve()
        key = self.command(a, "add", "laptop")
        wrong = key[:-1] + ("0" if key[-1] != "0" else "1")
        self.assertEqual(self.status(a, key, "/v1/completions", {"prompt": "x", "max_tokens": 1}), 200)
        self.assertEqual(self.status(a, wrong), 401)
        self.assertEqual(self.status(a, "sesame-" * 8), 401)
        secrets = [text.encode() for text in (key[-48:], wrong[-48:], "sesame-sesame")]
        for path in ("/metrics", "/v1/keys", "/v1/audit", "/v1/events", "/v1/requests", "/v1/cluster"):
            with urllib.request.urlopen(f"http://127.0.0.1:{a.api}{path}", timeout=WAIT_S) as response:
                told = response.read()
            self.assertFalse([each for each in secrets if each in told], path)
        a.stop()
        files = [path for path in a.folder.rglob("*") if path.is_file()]
        self.assertIn(a.folder / "log", files)
        for path in files:
            self.assertFalse([each for each in secrets if each in path.read_bytes()], path)

    def test_other_machines_need_a_key_that_is_shown_once(self):
        folder = self.folder / "state"
        command = [EXOGPU, "serve", MODEL, "--state", folder, "--cache", self.folder / "cache", "--no-discovery",
                   "--listen", f"127.0.0.1:{free_port()}", "-d", "cpu", "-t", "1"]

        def first_lines(*more):
            node = subprocess.Popen([*map(str, command), "--api", f"0.0.0.0:{free_port()}", *more],
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            lines = []
            while not (lines and "listens on port" in lines[-1]) and node.poll() is None:
                lines.append(node.stdout.readline())
            node.terminate()
            _, errors = node.communicate(timeout=WAIT_S)
            return "".join(lines), errors

        said, _ = first_lines()
        self.assertRegex(said, r"need a key for the API.*\n\n  exo-[0-9a-f]{16}-[0-9a-f]{48}\n\n.*--no-auth")
        said, _ = first_lines()
        self.assertNotIn("exo-", said)
        said, errors = first_lines("--no-auth")
        self.assertIn("--no-auth: every program that reaches 0.0.0.0 can use and change all", errors)

    def test_wrong_words_are_answered_with_the_right_ones(self):
        a = self.node("a", MODEL)
        for arguments, words in ((("add", "x", "--scope", "chats"), "there is no scope"),
                                 (("add", "x", "--expires", "90"), "--expires 90: give a time such as 12h or 90d"),
                                 (("add", "x", "--rate", "60/day"), "--rate 60/day: give a number such as 60/min"),
                                 (("add", ""), "the name of a key"),
                                 (("revoke", "nobody"), "there is no key nobody; `exogpu keys list` shows them")):
            self.assertIn(words, self.command(a, *arguments, fails=True))
        self.command(a, "add", "x")
        self.assertIn("there is a key x already", self.command(a, "add", "x", fails=True))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
