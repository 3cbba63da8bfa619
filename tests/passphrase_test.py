"""Private keys that a passphrase encrypts on the disk. Arguments: as in nodes.py."""
import os
import shutil
import subprocess
import sys
import unittest

from nodes import EXOGPU, MODEL, Cluster
from harness.waiting import WAIT_S, until


class Passphrase(Cluster):
    def setUp(self):
        super().setUp()
        self.secret, self.other = self.file("passphrase", "correct horse"), self.file("other", "battery staple")
        self.option = ["--key-passphrase-file", self.secret]

    def file(self, name, text):
        path = self.folder / name
        path.write_text(text + "\n")
        path.chmod(0o600)
        return path

    def run_exogpu(self, *arguments, secret=None, given=None):
        """Status and what it wrote; the passphrase comes from the environment."""
        environment = {key: value for key, value in os.environ.items() if key != "EXOGPU_KEY_PASSPHRASE_FILE"}
        if secret:
            environment["EXOGPU_KEY_PASSPHRASE_FILE"] = str(secret)
        done = subprocess.run([EXOGPU, *map(str, arguments)], capture_output=True, text=True, timeout=WAIT_S,
                              input=given, env=environment)
        return done.returncode, done.stdout + done.stderr

    def fails(self, words, *arguments, **how):
        status, output = self.run_exogpu(*arguments, **how)
        self.assertEqual(status, 1, output)
        self.assertIn(words, output)

    def succeeds(self, *arguments, **how):
        status, output = self.run_exogpu(*arguments, **how)
        self.assertEqual(status, 0, output)
        return output

    def keys(self, node):
        return {path.name: path for path in (node.folder / "state/identity").glob("*.key")}

    def assert_locked(self, node, *names):
        self.assertEqual(set(self.keys(node)), set(names))
        for path in self.keys(node).values():
            self.assertTrue(path.read_text().startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----"), path)
            self.assertEqual(path.stat().st_mode & 0o777, 0o600)

    def test_every_command_that_reads_a_key_needs_it(self):
        a = self.node("a", MODEL, *self.option)
        self.assert_locked(a, "node.key", "authority.key")
        state = ["--state", a.folder / "state"]
        self.fails("is encrypted; name the file with its passphrase", "token", *state)
        self.fails("is not the one of this key", "token", *state, secret=self.other)
        b = self.node("b", "--join", f"127.0.0.1:{a.link}", "--token", a.token(*self.option), *self.option)
        self.assert_locked(b, "node.key")
        until("a knows b", lambda: {each["name"] for each in a.cluster()["nodes"] if each["online"]} == {"a", "b"})
        self.fails("is encrypted", "pair", *state)

        a.stop()
        b.stop()
        serve = ["serve", MODEL, *state, "--cache", a.folder / "cache", "--listen", "127.0.0.1:0", "--api",
                 "127.0.0.1:0", "-d", "cpu"]
        self.fails("is encrypted", *serve)
        self.fails("is not the one of this key", *serve, secret=self.other)
        self.fails("is encrypted", "recovery", *state)
        phrase = self.succeeds("recovery", *state, secret=self.secret).splitlines()[0]
        joined = ["--state", b.folder / "state"]
        self.fails("is encrypted", "recover", *joined, given=phrase)
        self.succeeds("recover", *joined, given=phrase, secret=self.secret)
        self.assert_locked(b, "node.key", "authority.key")
        # The audit is signed, not encrypted.
        self.assertIn("is whole", self.succeeds("audit", "verify", "--folder", a.folder / "state/audit"))
        self.fails("is encrypted", "join", "123456", "--node", "127.0.0.1:1", *state)
        if shutil.which("openssl"):  # the way out
            subprocess.run(["openssl", "pkey", "-in", self.keys(a)["node.key"], "-passin", f"file:{self.secret}",
                            "-noout"], check=True, capture_output=True, timeout=WAIT_S)

    def test_keys_that_are_there_are_encrypted_at_the_first_start_with_it(self):
        a = self.node("a", MODEL)
        self.assertTrue(self.keys(a)["node.key"].read_text().startswith("-----BEGIN PRIVATE KEY-----"))
        a.waits_to_serve()
        node = a.cluster()["nodes"][0]["id"]
        a.stop()
        a.arguments += map(str, self.option)
        self.other.chmod(0o644)
        self.fails("chmod 600", "recovery", "--state", a.folder / "state", secret=self.other)
        a.restart()
        self.assert_locked(a, "node.key", "authority.key")
        a.waits_to_serve()
        self.assertEqual(a.cluster()["nodes"][0]["id"], node)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
