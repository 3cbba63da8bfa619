"""exogpu demo as a user runs it: three nodes, an answer, and nothing left behind, also when it is stopped or killed.

usage: demo_test.py EXOGPU MODEL
"""
import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import unittest

from harness.waiting import until

EXOGPU, MODEL = sys.argv[1:3]


def processes_that_name(folder):
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue  # it has ended
        if folder in command:
            found.append(command)
    return found


class Demo(unittest.TestCase):
    def run_demo(self, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, "TMPDIR": folder}
            done = subprocess.run([EXOGPU, "demo", *arguments], capture_output=True, text=True, timeout=280,
                                  env=environment)
            self.assertEqual(os.listdir(folder), [], "files were left behind")
            self.assertEqual(processes_that_name(folder), [], "a node still runs")
        return done

    def test_three_nodes_answer_and_leave_nothing(self):
        done = self.run_demo(MODEL)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        lines = done.stdout.splitlines()
        for node, layers in (("node1", "0-3"), ("node2", "4-7"), ("node3", "8-11")):
            self.assertTrue(any(line.startswith(node) and layers in line for line in lines), done.stdout)
        self.assertIn("exogpu turns the devices you own into one machine", done.stdout)
        self.assertRegex(done.stdout, r"First token after \d+ ms, then \d+ tokens/s")

    @contextlib.contextmanager
    def started(self, folder):
        """A demo that has started its first node."""
        with subprocess.Popen([EXOGPU, "demo", MODEL], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              env={**os.environ, "TMPDIR": folder}) as demo:
            try:
                until("a first node", lambda: processes_that_name(folder))
                yield demo
            finally:
                demo.kill()

    def test_a_stop_signal_leaves_nothing(self):
        for sent in signal.SIGTERM, signal.SIGHUP, signal.SIGINT:
            with self.subTest(sent.name), tempfile.TemporaryDirectory() as folder, self.started(folder) as demo:
                demo.send_signal(sent)
                self.assertEqual(demo.wait(timeout=30), -sent)
                self.assertEqual(processes_that_name(folder), [], "a node still runs")
                self.assertEqual(os.listdir(folder), [], "files were left behind")

    def test_a_killed_demo_takes_its_nodes_along_and_the_next_one_removes_its_folder(self):
        with tempfile.TemporaryDirectory() as folder:
            with self.started(folder) as demo:
                demo.kill()
                demo.wait(timeout=30)
                until("the end of the nodes", lambda: not processes_that_name(folder))
                abandoned = os.listdir(folder)
                self.assertEqual(len(abandoned), 1)
            foreign = pathlib.Path(folder, "exogpu-demo.txt")
            foreign.write_text("of another program")
            with self.started(folder) as demo:
                self.assertNotIn(abandoned[0], os.listdir(folder))
                demo.terminate()
                demo.wait(timeout=30)
            self.assertEqual(os.listdir(folder), [foreign.name])

    def test_what_cannot_be_shared_is_refused(self):
        done = self.run_demo("/no/such.gguf")
        self.assertEqual(done.returncode, 1)
        self.assertIn("/no/such.gguf", done.stderr)


unittest.main(argv=sys.argv[:1])
