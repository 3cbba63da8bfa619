#!/usr/bin/env python3
"""Runs clang-tidy over the project's sources, and remembers which of them were clean.

usage: clang_tidy.py --build DIR [--jobs N] [--again] [--batch N] [PATH...]

DIR is a configured build folder: its compile_commands.json says how each file is compiled. With PATHs only the sources
whose path contains one of them are looked at. Sources that are compiled alike are looked at together, N at a time (8), as
one that includes them all, since most of the time goes into the headers that they share. Those are looked at again when
one of them, a header of the project that it includes (however deep), its compile command, .clang-tidy or clang-tidy itself
has changed. Sources that do not compile together are looked at one by one. Ends with 1 on any finding.
"""

import argparse
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
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


def key_of(batch, settings, known):
    digest = hashlib.sha256(settings.encode())
    for source, arguments in batch:
        digest.update("\0".join(arguments).encode())
        for path in [source, *headers_of(source, known)]:
            digest.update(str(path.relative_to(ROOT)).encode() + b"\0")
            digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


def sources(build, wanted):
    """(source, the compiler's arguments) of the project's own files; not of those that the build generates."""
    for entry in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
        path = Path(entry["file"]).resolve()
        if path.is_relative_to(build.resolve()) or not path.is_relative_to(ROOT):
            continue
        relative = path.relative_to(ROOT).as_posix()
        if not wanted or any(each in relative for each in wanted):
            yield path, arguments_of(shlex.split(entry["command"]))


def arguments_of(command):
    """What is left of a compile command without the compiler, the input and the output."""
    arguments, rest = [], iter(command[next(i for i, each in enumerate(command) if "g++" in each or "clang++" in each) + 1 :])
    for each in rest:
        if each in ("-o", "-c", "-MF", "-MT"):
            next(rest)
        elif each != "-MD":
            arguments.append(each)
    return tuple(arguments)


def batches(every, size):
    """Sources of one folder and compiled alike, at most `size` together."""
    groups = {}
    for source, arguments in every:
        room = source.relative_to(ROOT).parts[:2]
        groups.setdefault((room, arguments), []).append((source, arguments))
    for group in groups.values():
        for i in range(0, len(group), size):
            yield group[i : i + size]


def look_at(batch):
    """What clang-tidy says of these files; empty when they are clean."""
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "batch.cpp"
        whole.write_text("".join(f'#include "{source}"\n' for source, _ in batch), encoding="utf-8")
        done = subprocess.run(
            [PROGRAM, "--quiet", f"--config-file={ROOT / '.clang-tidy'}", str(whole), "--", *batch[0][1],
             "-Wno-unknown-warning-option"],
            capture_output=True, text=True, cwd=ROOT, check=False,
        )
    if done.returncode == 0:
        return ""
    if len(batch) > 1 and "[clang-diagnostic-error]" in done.stdout:
        return "\n".join(filter(None, (look_at([each]) for each in batch)))
    return done.stdout + ("" if done.stdout.strip() else done.stderr)


def main():
    parser = argparse.ArgumentParser(description="Runs clang-tidy over the project's sources.")
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("paths", nargs="*")
    arguments = parser.parse_args()
    build = arguments.build if arguments.build.is_absolute() else ROOT / arguments.build

    version = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True).stdout
    settings = version + (ROOT / ".clang-tidy").read_text(encoding="utf-8")
    stamps = ROOT / "build" / "stamps" / "clang-tidy-files"
    stamps.mkdir(parents=True, exist_ok=True)

    known, to_do = {}, []
    every = sorted(set(sources(build, arguments.paths)))
    for batch in batches(every, arguments.batch):
        stamp = stamps / key_of(batch, settings, known)
        if arguments.again or not stamp.exists():
            to_do.append((batch, stamp))

    dirty = 0
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for (batch, stamp), said in zip(to_do, pool.map(lambda item: look_at(item[0]), to_do)):
            if said:
                dirty += 1
                print(said.strip().replace(f"{ROOT}/", ""), flush=True)
            else:
                stamp.touch()
    looked_at = sum(len(batch) for batch, _ in to_do)
    print(f"clang-tidy: {len(every)} files, {looked_at} looked at, {dirty} batches with findings")
    return 1 if dirty or not every else 0


if __name__ == "__main__":
    sys.exit(main())
