"""The log of a node, as an operator reads it. Arguments: as in nodes.py."""
import os
import pathlib
import re
import socket
import subprocess
import sys
import unittest

from nodes import EXOGPU, MODEL, Cluster
from harness.models import write_other
from harness.ports import free_port
from harness.waiting import WAIT_S, until

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (debug|info|warning|error) +(\S+) (\w+): (.+)")


class Log(Cluster):
    def lines(self, path):
        found = [LINE.fullmatch(line) for line in path.read_text().splitlines()]
        self.assertNotIn(None, found, path.read_text())
        return [line.groups() for line in found]

    def test_says_what_an_operator_needs_to_know(self):
        log = self.folder / "a.log"
        a = self.node("a", MODEL, "--log-file", log)
        b = self.node("b", "--join", f"127.0.0.1:{a.link}", "--token", a.token())
        for node in a, b:
            node.waits_to_serve()
        b.kill()
        until(lambda: f"a notices; it says {log.read_text()}", lambda: "node b is offline" in log.read_text())
        a.stop()
        lines = self.lines(log)
        self.assertEqual({node for _, node, _, _ in lines}, {"a"})
        texts = [text for _, _, _, text in lines]
        for wanted in (rf"exogpu \S+: node \S+ of the cluster \S+ with link port {a.link}; its state folder is ",
                       "this node is the leader", "serving ", "node b is online", "node b is offline: .+", "stopping"):
            self.assertTrue(any(re.match(wanted, text) for text in texts), (wanted, texts))
        self.assertEqual(a.said(), "")  # the log is only in the file

    def test_says_what_was_received_from_which_node(self):
        a = self.node("a", MODEL)
        b = self.node("b", "--join", f"127.0.0.1:{a.link}", "--token", a.token())
        until(lambda: f"b has a spare; it says {b.said()}", b.has_all)
        b.waits_to_say("of model ")
        self.assertRegex(b.said(), r" weights: received \S+ \S+ of model \w+ in \d+\.\d s: \S+ \S+ from node a\n")

    def test_says_that_models_are_served_and_which_a_node_has(self):
        other = write_other(MODEL, self.folder / "other.gguf")
        same = self.folder / "same.gguf"
        same.write_bytes(pathlib.Path(MODEL).read_bytes())
        a = self.node("a", MODEL)
        b = self.node("b", other, "--join", f"127.0.0.1:{a.link}", "--token", a.token())
        c = self.node("c", same, "--join", f"127.0.0.1:{a.link}", "--token", a.token())
        b.waits_to_say("serving other")
        a.waits_to_say("serving other")
        c.waits_to_say(f"{same} is the same model")

    def test_a_file_that_is_rotated_is_followed_by_a_new_one(self):
        log = self.folder / "a.log"
        a = self.node("a", MODEL, "--log-file", log)
        a.waits_to_serve()
        log.rename(log.with_suffix(".1"))
        a.stop()
        self.assertIn("serving ", log.with_suffix(".1").read_text())
        self.assertEqual([text for _, _, _, text in self.lines(log)], ["stopping"])

    def test_holds_no_prompts_and_no_answers(self):
        a = self.node("a", MODEL, "--log-level", "debug")
        a.waits_to_serve()
        answer = a.text(prompt="The sesquipedalian walrus", max_tokens=8)[0].strip()
        a.stop()
        self.assertNotIn("sesquipedalian", a.said())
        self.assertNotIn(answer, a.said())

    def test_a_level_hides_what_is_below_it(self):
        a = self.node("a", MODEL, "--log-level", "warning")
        a.waits_to_serve()
        a.stop()
        self.assertEqual(a.said(), "")

    def test_speaks_to_the_journal_in_its_own_way(self):
        ours, theirs = socket.socketpair()
        about = os.fstat(theirs.fileno())
        with ours, theirs:
            ours.settimeout(WAIT_S)
            node = subprocess.Popen(
                [EXOGPU, "serve", MODEL, "--name", "a", "--state", self.folder / "state", "--cache", self.folder / "cache",
                 "--listen", f"127.0.0.1:{free_port()}", "--no-api", "--no-discovery", "-d", "cpu", "-t", "1"],
                stdout=subprocess.PIPE, stderr=theirs, text=True,
                env={**os.environ, "JOURNAL_STREAM": f"{about.st_dev}:{about.st_ino}"})
            theirs.close()
            node.stdout.readline()
            node.terminate()
            self.assertEqual(node.wait(WAIT_S), 0)
            node.stdout.close()
            output = b"".join(iter(lambda: ours.recv(65536), b"")).decode()
        lines = output.splitlines()
        self.assertTrue(lines)
        for line in lines:
            self.assertRegex(line, r"<[3-7]>a \w+: ")
        self.assertIn("<6>a cli: stopping", lines)

    def test_an_option_that_is_wrong_is_an_error(self):
        for option, value, words in (("--log-level", "loud", "debug, info, warning, error or off"),
                                     ("--log-file", MODEL + "/log", "cannot be opened")):
            done = subprocess.run([EXOGPU, "serve", MODEL, option, value, "--state", self.folder / "s"],
                                  capture_output=True, text=True, timeout=WAIT_S)
            self.assertEqual(done.returncode, 1)
            self.assertIn(words, done.stderr)
            self.assertIn(str(value), done.stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[4:]])
