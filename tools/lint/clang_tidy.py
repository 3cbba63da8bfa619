#!/usr/bin/env python3
"""Runs clang-tidy over the project's sources, and remembers which of them were clean.

usage: clang_tidy.py --build DIR [--jobs N] [--again] [PATH...]

DIR is a configured build folder: its compile_commands.json says how each file is compiled. With PATHs only the sources
whose path contains one of them are looked at. A file is looked at again when it, a header of the project that it
includes (however deep), its compile command, .clang-tidy or clang-tidy itself has changed. Ends with 1 on any finding.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = "clang-tidy-19"
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)
HEADER_ROOTS = [ROOT / "src", ROOT / "tools", ROOT / "tests"]


def headers_of(source, known):
    """All headers of the project that `source` includes, directly or not."""
    found, to_read = set(), [source]
    while to_read:
        path = to_read.pop()
        if path not in known:
            texts = INCLUDE.findall(path.read_text(encoding="utf-8"))
            candidates = [base / text for text in texts for base in [path.parent, *HEADER_ROOTS]]
            known[path] = [each for each in candidates if each.is_file()]
        new = set(known[path]) - found
        found |= new
        to_read += new
    return sorted(found)


def key_of(source, command, settings, known):
    digest = hashlib.sha256(settings.encode())
    digest.update(command.encode())
    for path in [source, *headers_of(source, known)]:
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0")
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


def sources(build, wanted):
    """(source, compile command) of the project's own files; not of those that the build generates."""
    for entry in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
        path = Path(entry["file"]).resolve()
        if path.is_relative_to(build.resolve()) or not path.is_relative_to(ROOT):
            continue
        relative = path.relative_to(ROOT).as_posix()
        if not wanted or any(each in relative for each in wanted):
            yield path, entry["command"]


def look_at(source, build):
    """What clang-tidy says of one file; empty when it is clean."""
    done = subprocess.run(
        [PROGRAM, "--quiet", "-p", str(build), str(source)], capture_output=True, text=True, cwd=ROOT, check=False
    )
    if done.returncode == 0:
        return ""
    return done.stdout + ("" if done.stdout.strip() else done.stderr)


def main():
    parser = argparse.ArgumentParser(description="Runs clang-tidy over the project's sources.")
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--again", action="store_true")
    parser.add_argument("paths", nargs="*")
    arguments = parser.parse_args()
    build = arguments.build if arguments.build.is_absolute() else ROOT / arguments.build

    version = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True).stdout
    settings = version + (ROOT / ".clang-tidy").read_text(encoding="utf-8")
    stamps = ROOT / "build" / "stamps" / "clang-tidy-files"
    stamps.mkdir(parents=True, exist_ok=True)

    known, to_do = {}, []
    every = sorted(set(sources(build, arguments.paths)))
    for source, command in every:
        stamp = stamps / key_of(source, command, settings, known)
        if arguments.again or not stamp.exists():
            to_do.append((source, stamp))

    dirty = 0
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for (source, stamp), said in zip(to_do, pool.map(lambda item: look_at(item[0], build), to_do)):
            if said:
                dirty += 1
                print(said.strip().replace(f"{ROOT}/", ""), flush=True)
            else:
                stamp.touch()
    print(f"clang-tidy: {len(every)} files, {len(to_do)} looked at, {dirty} with findings")
    return 1 if dirty or not every else 0


if __name__ == "__main__":
    sys.exit(main())
