#!/usr/bin/env python3
"""The programs of docs/developer-guide.md, compiled and run: all give the same answer.

usage: developer_guide_test.py LIBRARY PROGRAM MODEL [PYTHON [unittest's options]]
  PROGRAM   exogpu, which gives the answer that is expected
  PYTHON    an interpreter that has the package exogpu; without one its program is not run
"""
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
QUESTION = "What is the capital of France?"
STRICT = ["-pedantic", "-Wall", "-Wextra", "-Werror", "-I", ROOT / "include"]
LIBRARY, PROGRAM, MODEL, PYTHON = Path(), Path(), Path(), None


def block(language):
    """The first block of code in this language."""
    text = (ROOT / "docs/developer-guide.md").read_text(encoding="utf-8")
    return re.search(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)[1]


def run(*command, **more):
    done = subprocess.run([str(each) for each in command], capture_output=True, text=True, timeout=120, **more)
    if done.returncode != 0:
        raise AssertionError(f"{command}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class Guide(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.expected = run(PROGRAM, "run", MODEL, "-p", QUESTION, "-n", "32").rstrip("\n")

    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def check_answer(self, *command):
        messages = json.dumps([{"role": "user", "content": QUESTION}])
        environment = {**os.environ, "LD_LIBRARY_PATH": str(LIBRARY.parent)}
        self.assertEqual(run(*command, MODEL, messages, env=environment).rstrip("\n"), self.expected)

    def compile_and_run(self, language, suffix, *compiler):
        source = self.folder / f"answer.{suffix}"
        source.write_text(block(language), encoding="utf-8")
        run(*compiler, *STRICT, source, "-o", self.folder / "answer", LIBRARY)
        self.check_answer(self.folder / "answer")
        failed = subprocess.run([self.folder / "answer", "no-such.gguf", "[]"], capture_output=True, text=True,
                                env={**os.environ, "LD_LIBRARY_PATH": str(LIBRARY.parent)}, timeout=120)
        self.assertIn("no-such.gguf", failed.stderr)

    def test_c(self):
        self.compile_and_run("c", "c", "gcc-14", "-std=c11")

    def test_cpp(self):
        self.compile_and_run("cpp", "cpp", "g++-14", "-std=c++17")

    def test_python(self):
        if PYTHON is None:
            compile(block("python"), "answer.py", "exec")
            self.skipTest("no interpreter with the package was named; scripts/python-wheel runs this test with one")
        source = self.folder / "answer.py"
        source.write_text(block("python"), encoding="utf-8")
        self.check_answer(PYTHON, source)


if __name__ == "__main__":
    LIBRARY, PROGRAM, MODEL = map(Path, sys.argv[1:4])
    PYTHON = sys.argv[4] if len(sys.argv) > 4 else None
    unittest.main(argv=["test", *sys.argv[5:]])
