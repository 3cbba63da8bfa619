"""What a check depends on, as one hash; and the checks of sources, which are repeated only when that hash has changed."""

import argparse
import hashlib
import json
import os
import re
import shlex
import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STAMPS = ROOT / "build" / "stamps"
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)
HEADER_ROOTS = [ROOT / "src", ROOT / "tools", ROOT / "tests"]
UNITY = re.compile(r'^#include "(/[^"]+)"', re.MULTILINE)


@cache
def included_by(path):
    """The project's headers that a file includes directly."""
    texts = INCLUDE.findall(path.read_text(encoding="utf-8"))
    return [base / text for text in texts for base in [path.parent, *HEADER_ROOTS] if (base / text).is_file()]


def headers_of(path):
    """All headers of the project that a file includes, directly or indirectly."""
    found, to_read = set(), [path]
    while to_read:
        new = set(included_by(to_read.pop())) - found
        found |= new
        to_read += new
    return sorted(found)


@cache
def packages():
    """The libraries and tools of the machine, with their versions."""
    try:
        return subprocess.run(["dpkg-query", "-W"], capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        return ""


def add_files(digest, paths):
    """Adds the files' names below the source tree and their contents."""
    for path in paths:
        name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
        digest.update(name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())


def key_of_sources(sources, settings):
    """The hash of sources, all their headers, and the system's packages."""
    digest = hashlib.sha256("\0".join([packages(), *settings]).encode())
    for source in sources:
        add_files(digest, [source, *headers_of(source)])
    return digest.hexdigest()


def compiled_together(build):
    """(sources, the compiler's arguments) of each translation unit of the project in a configured build folder.

    A unit is several sources where the build compiles them as one. Generated sources are omitted, and those in C.
    """
    build = build.resolve()
    for entry in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
        path = Path(entry["file"]).resolve()
        if path.suffix == ".c":
            continue
        if "/Unity/" in entry["file"] and path.is_relative_to(build):
            sources = [Path(each) for each in UNITY.findall(path.read_text(encoding="utf-8"))]
        else:
            sources = [path]
        sources = [each for each in sources if each.is_relative_to(ROOT) and not each.is_relative_to(build)]
        if sources:
            yield sources, arguments_of(shlex.split(entry["command"]))


def arguments_of(command):
    """A compile command without compiler, input and output."""
    arguments, rest = [], iter(command[next(i for i, each in enumerate(command) if "g++" in each or "clang++" in each) + 1 :])
    for each in rest:
        if each in ("-o", "-c", "-MF", "-MT"):
            next(rest)
        elif each != "-MD":
            arguments.append(each)
    return tuple(arguments)


def parse_arguments(description):
    """The command line of a check of sources, with `build` as an absolute path."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("paths", nargs="*")
    arguments = parser.parse_args()
    arguments.build = ROOT / arguments.build
    return arguments


def is_wanted(path, arguments):
    """Whether the command line names no paths, or a part of this one."""
    return not arguments.paths or any(part in path.relative_to(ROOT).as_posix() for part in arguments.paths)


def check_units(name, units, problems_in, arguments, settings=()):
    """Checks each unit (sources, options) whose hash has no stamp yet: the units checked now, and how many have problems.

    problems_in(sources, options) returns a text, empty for a clean unit. `settings` count for every unit.
    """
    stamps = STAMPS / name
    stamps.mkdir(parents=True, exist_ok=True)
    to_do = []
    for sources, options in units:
        stamp = stamps / key_of_sources(sources, [*settings, *options])
        if arguments.again or not stamp.exists():
            to_do.append((sources, options, stamp))

    failed = 0
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for (_, _, stamp), problems in zip(to_do, pool.map(lambda unit: problems_in(*unit[:2]), to_do)):
            if problems:
                failed += 1
                print(problems.strip().replace(f"{ROOT}/", ""), flush=True)
            else:
                stamp.touch()
    return [(sources, options) for sources, options, _ in to_do], failed
