#!/usr/bin/env python3
"""libexogpu.so as other programs use it: its symbols and layouts, a C program, an installed package.

usage: c_api_test.py LIBRARY BUILD MODEL [--update] [--long] [unittest's options]
  --update   writes src/capi/exogpu.abi, what programs are compiled against, as the header has it now
  --long     opens and closes 1,000 models and 100 nodes, a few minutes, where 40 and none do otherwise
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from c_api import abi

ROOT = Path(__file__).resolve().parents[1]
HEADER = ROOT / "include/exogpu/exogpu.h"
ABI = ROOT / "src/capi/exogpu.abi"
PROGRAM = ROOT / "tests/c_api/program.c"
STRICT = ["-pedantic", "-Wall", "-Wextra", "-Werror"]
LIBRARY, BUILD, MODEL, LONG = Path(), Path(), Path(), False


def run(command, **more):
    done = subprocess.run([str(each) for each in command], capture_output=True, text=True, **more)
    if done.returncode != 0:
        raise AssertionError(f"{command}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class Interface(unittest.TestCase):
    def test_the_library_has_the_symbols_of_the_header_and_no_others(self):
        declared = set(abi.calls(HEADER.read_text(encoding="utf-8")))
        listed = set(re.findall(r"^ +(exogpu_\w+);$", (ROOT / "src/capi/exogpu.map").read_text(encoding="utf-8"), re.M))
        self.assertEqual(declared, listed)
        exported = set()
        for line in run(["nm", "-D", "--defined-only", LIBRARY]).splitlines():
            name, _, version = line.split()[-1].partition("@@")
            if line.split()[1] != "A":
                self.assertRegex(version, r"^EXOGPU_\d+\.\d+$", line)
                exported.add(name)
        self.assertEqual(declared, exported)

    def test_what_programs_are_compiled_against_has_not_changed(self):
        self.assertEqual(abi.describe(HEADER), ABI.read_text(encoding="utf-8").splitlines(),
                         "where that is meant: a released library keeps its calls, values and fields; then run this "
                         "script with --update")

    def test_the_name_of_the_library_has_its_version(self):
        self.assertRegex(run(["readelf", "-d", LIBRARY]), r"SONAME.*\[libexogpu\.so\.0\]")

    def test_the_header_is_c11_and_cpp(self):
        with tempfile.TemporaryDirectory() as folder:
            for compiler, name in ((["gcc-14", "-std=c11"], "a.c"), (["g++-14", "-std=c++11"], "a.cpp")):
                source = Path(folder) / name
                source.write_text("#include <exogpu/exogpu.h>\nint main(void) { return exogpu_version() == NULL; }\n",
                                  encoding="utf-8")
                run([*compiler, *STRICT, "-I", HEADER.parents[1], "-fsyntax-only", source])

    def test_each_package_reaches_every_call_or_says_why_not(self):
        calls = set(abi.calls(HEADER.read_text(encoding="utf-8")))
        for package, sources in (("python", "src/*.cpp"), ("jni", "src/main/cpp/*"), ("swift", "Sources/Exogpu/*.swift")):
            with self.subTest(package):
                folder = ROOT / "bindings" / package
                reached = set()
                for source in folder.glob(sources):
                    reached.update(re.findall(r"\bexogpu_\w+(?=\()|(?<=&)exogpu_\w+", source.read_text(encoding="utf-8")))
                _, _, avoided = (folder / "README.md").read_text(encoding="utf-8").partition("## Calls that are not offered")
                self.assertEqual(calls - reached, set(re.findall(r"`(exogpu_\w+)`", avoided)))


class Programs(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def test_a_c_program_of_an_installed_package(self):
        run(["cmake", "--install", BUILD, "--prefix", self.folder, "--component", "library"])
        package = next(self.folder.rglob("exogpu.pc")).parent
        environment = {**os.environ, "PKG_CONFIG_PATH": str(package)}
        flags = run(["pkg-config", "--define-variable=prefix=" + str(self.folder),
                     f"--define-variable=libdir={package.parent}", f"--define-variable=includedir={self.folder}/include",
                     "--cflags", "--libs", "exogpu"], env=environment).split()
        program = self.folder / "program"
        run(["gcc-14", "-std=c11", *STRICT, PROGRAM, "-o", program, *flags, "-lm"])
        found = run([program, MODEL], env={**os.environ, "LD_LIBRARY_PATH": str(package.parent)}, timeout=120)
        self.assertIn("cpu: ", found)

    def test_a_cmake_project_finds_the_package(self):
        run(["cmake", "--install", BUILD, "--prefix", self.folder, "--component", "library"])
        (self.folder / "CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.25)\nproject(user LANGUAGES C)\nfind_package(exogpu 0.1 REQUIRED)\n"
            f"add_executable(user {PROGRAM})\ntarget_link_libraries(user PRIVATE exogpu::exogpu m)\n", encoding="utf-8")
        run(["cmake", "-S", self.folder, "-B", self.folder / "build", "-G", "Ninja", "-DCMAKE_C_COMPILER=gcc-14",
             f"-DCMAKE_PREFIX_PATH={self.folder}"])
        run(["cmake", "--build", self.folder / "build"])

    def test_what_is_closed_leaves_nothing_behind(self):
        program = self.folder / "growth"
        run(["gcc-14", "-std=c11", *STRICT, "-I", HEADER.parents[1], ROOT / "tests/c_api/growth.c", "-o", program, LIBRARY])
        counts = [10_000, 1_000, 100] if LONG else [10_000, 40, 0]
        print(run([program, MODEL, self.folder, *counts], env={**os.environ, "LD_LIBRARY_PATH": str(LIBRARY.parent)}))

    def test_two_libraries_in_one_process(self):
        """Two programs' plug-ins, each with its own copy."""
        copies = []
        for name in ("a", "b"):
            copy = self.folder / f"lib{name}.so"
            shutil.copy(LIBRARY, copy)
            copies.append(str(copy))
        script = f"""
import ctypes
class Context(ctypes.Structure):
    _fields_ = [("id", ctypes.c_uint64)]
libraries = [ctypes.CDLL(path) for path in {copies!r}]
contexts = [Context() for _ in libraries]
for library, context in zip(libraries, contexts):
    assert library.exogpu_context_open(None, ctypes.byref(context)) == 0
for library, context in zip(libraries, contexts):
    count = ctypes.c_size_t()
    assert library.exogpu_device_list(context, None, ctypes.c_size_t(0), ctypes.byref(count)) == 0
    assert count.value > 0
    assert library.exogpu_context_close(context) == 0
print("both")
"""
        self.assertEqual(run([sys.executable, "-c", script], timeout=120), "both\n")


if __name__ == "__main__":
    LIBRARY, BUILD, MODEL = map(Path, sys.argv[1:4])
    LONG = "--long" in sys.argv[4:]
    if "--update" in sys.argv[4:]:
        ABI.write_text("\n".join(abi.describe(HEADER)) + "\n", encoding="utf-8")
    else:
        unittest.main(argv=["test", *(each for each in sys.argv[4:] if each != "--long")])
