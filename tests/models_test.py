"""exogpu models as a user runs it, and models given by name.

usage: models_test.py EXOGPU TINY_MODEL    (the two programs)
"""
import array
import json
import math
import os
import pathlib
import pty
import subprocess
import sys
import tempfile
import unittest

from harness.caches import cache_home

EXOGPU, TINY_MODEL = map(os.path.abspath, sys.argv[1:3])


class Models(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.home = pathlib.Path(directory.name)
        self.folder = self.home / "exogpu" / "models"
        self.model = self.folder / "org" / "repo" / "tiny-F32.gguf"
        self.model.parent.mkdir(parents=True)
        subprocess.run([TINY_MODEL, "llama", str(self.model)], check=True, capture_output=True, timeout=60)

    def exogpu(self, *arguments, status=0, **options):
        environment = {**os.environ, "XDG_DATA_HOME": str(self.home), "XDG_CACHE_HOME": cache_home(self.home)}
        environment.pop("EXOGPU_MODELS", None)
        done = subprocess.run([EXOGPU, *map(str, arguments)], capture_output=True, text=True, timeout=120,
                              cwd=self.home, env=environment, **{"input": "", **options})
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def test_lists(self):
        listing = self.exogpu("models").stdout
        self.assertIn("org/repo/tiny-F32", listing)
        self.assertIn("llama", listing)
        answer = json.loads(self.exogpu("models", "--json").stdout)
        self.assertEqual(answer["folder"], str(self.folder))
        (entry,) = answer["models"]
        self.assertEqual(entry["name"], "org/repo/tiny-F32")
        self.assertEqual(entry["files"], [str(self.model)])
        self.assertEqual(entry["size_bytes"], self.model.stat().st_size)
        self.assertEqual((entry["architecture"], entry["complete"], entry["error"]), ("llama", True, None))
        self.assertGreater(entry["layers"], 0)
        self.assertGreater(entry["context_tokens"], 0)
        self.assertEqual(json.loads(self.exogpu("models", "--json", "--models", self.home / "none").stdout)["models"], [])

    def test_every_command_takes_a_name(self):
        for name in ["tiny-F32", "org/repo", "org/repo:f32"]:
            self.exogpu("inspect", name, "--memory", "1GiB")
        self.exogpu("run", "tiny-F32", "-p", "a", "-n", "2")
        self.exogpu("bench", "tiny-F32", "-p", "4", "-n", "2", "-r", "1")
        self.exogpu("tokenize", "tiny-F32", input="a")
        self.exogpu("plan", "tiny-F32")
        self.exogpu("eval", "tiny-F32", "--logits", "logits.bin")

    def test_a_group_computes_what_one_device_does(self):
        logits = []
        for members in (1, 2):
            self.exogpu("eval", "tiny-F32", "--tokens", "20", "--logits", "logits.bin", "-d", "cpu", "-t", "2",
                        "--tensor-parallel", members)
            logits.append(array.array("f", (self.home / "logits.bin").read_bytes()))
        one, group = logits
        self.assertLess(math.dist(one, group), 1e-3 * math.hypot(*one))
        report = self.exogpu("bench", "tiny-F32", "-p", "4", "-n", "2", "-r", "1", "-d", "cpu+cpu", "--shares", "3,1", "--json")
        self.assertEqual(json.loads(report.stdout)["members"], 2)
        self.exogpu("run", "tiny-F32", "-p", "a", "-n", "2", "-d", "cpu+cpu")
        self.assertIn("members at most", self.exogpu("run", "tiny-F32", "-p", "a", "--tensor-parallel", "64", status=1).stderr)
        self.assertIn("name one for each", self.exogpu("run", "tiny-F32", "-p", "a", "-d", "cpu+cpu", "--tensor-parallel", "3",
                                                       status=1).stderr)

    def test_a_file_goes_first(self):
        (self.home / "tiny-F32").write_text("{}")
        self.assertIn("looks like JSON", self.exogpu("inspect", "tiny-F32", status=1).stderr)

    def test_use_is_noted(self):
        os.utime(self.model, (1000, 2000))
        self.assertEqual(json.loads(self.exogpu("models", "--json").stdout)["models"][0]["changed"], "1970-01-01T00:33:20Z")
        self.exogpu("inspect", "tiny-F32", "--memory", "1GiB")
        self.assertGreater(self.model.stat().st_atime, 1e9)
        self.assertEqual(self.model.stat().st_mtime, 2000)

    def test_what_is_not_there(self):
        error = self.exogpu("inspect", "tinyF32", status=1).stderr
        self.assertIn("tinyF32: no such file; tinyF32: no such model in ", error)
        self.assertIn("near it: tiny-F32", error)
        part = self.folder / "a-00001-of-00002.gguf"
        part.write_bytes(self.model.read_bytes())
        self.assertIn("1 of 2 files", self.exogpu("run", "a", "-p", "x", status=1).stderr)

    def test_removes(self):
        self.assertIn("--yes", self.exogpu("models", "rm", "tiny-F32", status=1).stderr)
        self.assertIn("no such model", self.exogpu("models", "rm", "--yes", "tiny-F32", "tiny-F64", status=1).stderr)
        self.assertTrue(self.model.exists())
        for answer, stays in [("n\n", True), ("\n", True), ("y\n", False)]:
            ours, theirs = pty.openpty()
            os.write(ours, answer.encode())
            done = self.exogpu("models", "rm", "tiny-F32", input=None, stdin=theirs)
            os.close(theirs)
            os.close(ours)
            self.assertIn("Remove org/repo/tiny-F32 (", done.stdout)
            self.assertEqual(self.model.exists(), stays)
        self.assertEqual(list(self.folder.iterdir()), [])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
