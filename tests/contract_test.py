#!/usr/bin/env python3
"""Success and every documented error of each call of exogpu.h, through C and C++; and that the list of both is complete.

usage: contract_test.py TINY_MODEL (--library LIBRARY | --program PROGRAM) [--long] [--table] [unittest's options]
  TINY_MODEL         exogpu_tiny_model, which makes the models
  --library LIBRARY  libexogpu.so: tests/c_api/contract/ is compiled as C and as C++ against it, and both run
  --program PROGRAM  tests/c_api/contract/ linked to the library's own objects, under a sanitizer: this runs
  --long             also what takes half a minute, and what needs a Vulkan device that the CPU renders
  --table            prints the list for C: each call with its codes, and what reaches them

The tests of other languages write the same record by way of a library that the loader puts before libexogpu.so:
  contract_test.py --recorder OUT.so           makes it; EXOGPU_TEST_RECORD names the file that it appends to
  contract_test.py --check LANGUAGE RECORD [--short]
                                               compares what such a test reached with the header; 1: something is missing.
                                               --short: without what only --long reaches
"""
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from c_api import contract, recorder

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "tests/c_api/contract").glob("*.c"))
STRICT = ["-D_GNU_SOURCE", "-pedantic", "-Wall", "-Wextra", "-Werror", "-O1", "-g", "-pthread", "-I", ROOT / "include"]
COMPILERS = {"c": ["gcc-14", "-std=c11"], "cpp": ["g++-14", "-std=c++17", "-x", "c++"]}
TINY, LIBRARY, PROGRAM, LONG, TABLE = Path(), None, None, False, False


def run(command, **more):
    done = subprocess.run([str(each) for each in command], capture_output=True, text=True, **more)
    if done.returncode != 0:
        raise AssertionError(f"{command}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class Contract(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.header = contract.HEADER.read_text(encoding="utf-8")

    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.folder.chmod(0o711)  # for what is tried as another user
        self.models = []
        for family in ("qwen3", "bert"):
            self.models.append(self.folder / f"{family}.gguf")
            run([TINY, family, self.models[-1]])

    def reach(self, program, name):
        """What the program expected and got."""
        record = self.folder / f"{name}.record"
        environment = dict(os.environ)
        if LIBRARY is not None:
            environment["LD_LIBRARY_PATH"] = str(LIBRARY.parent)
        for part in ["", *(["rendered", "long"] if LONG else [])]:
            empty = Path(tempfile.mkdtemp(dir=self.folder))
            print(run([program, *self.models, empty, record, part], env=environment, timeout=600), end="")
        return contract.read_record(record, self.header)

    def check(self, language, reached):
        if TABLE:
            print(contract.table(language, reached, self.header))
        self.assertEqual([], contract.check(language, reached, self.header, LONG))

    def test_each_call_and_each_error(self):
        if LIBRARY is None:
            self.check("c", self.reach(PROGRAM, "linked"))
            return
        for language, compiler in COMPILERS.items():
            with self.subTest(language):
                program = self.folder / language
                run([*compiler, *STRICT, *SOURCES, "-x", "none", "-o", program, LIBRARY, "-lm"])
                self.check(language, self.reach(program, language))

    def test_a_call_or_an_error_without_a_test_is_found(self):
        header = self.header.replace(
            "/* Frees a text that", "/* Errors: corrupt. */\nEXOGPU_API exogpu_code exogpu_new(exogpu_device device);\n\n/* Frees a text that")
        reached = {call: codes - {contract.ANY} for call, codes in contract.documented(self.header).items()}
        wrong = contract.check("c", reached, header, True)
        self.assertIn("exogpu_new ok: documented, and no test in c reaches it", wrong)
        self.assertIn("exogpu_new corrupt: documented, and no test in c reaches it", wrong)
        reached["exogpu_context_close"] = {"ok", "io_error"}
        wrong = contract.check("c", reached, self.header, True)
        self.assertIn("exogpu_context_close io_error: a test reaches it, and exogpu.h does not say so", wrong)
        self.assertIn("exogpu_context_close invalid_argument: documented, and no test in c reaches it", wrong)


def main(arguments):
    global TINY, LIBRARY, PROGRAM, LONG, TABLE
    if arguments[:1] == ["--recorder"]:
        recorder.make(contract.HEADER, Path(arguments[1]))
        return 0
    if arguments[:1] == ["--check"]:
        header = contract.HEADER.read_text(encoding="utf-8")
        wrong = contract.check(arguments[1], contract.read_record(arguments[2], header), header, "--short" not in arguments)
        print("\n".join(wrong) or f"{arguments[1]}: every call and every documented error is tested, or untested.toml says why not")
        return 1 if wrong else 0
    TINY, kind, path, *rest = arguments
    if kind == "--library":
        LIBRARY = Path(path).resolve()
    else:
        PROGRAM = Path(path).resolve()
    LONG, TABLE = "--long" in rest, "--table" in rest
    unittest.main(argv=["test", *(each for each in rest if each not in ("--long", "--table"))])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
