"""What a check depends on, as one hash: so that it is repeated only when something of that has changed."""

import hashlib
import json
import re
import shlex
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STAMPS = ROOT / "build" / "stamps"
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)
HEADER_ROOTS = [ROOT / "src", ROOT / "tools", ROOT / "tests"]
UNITY = re.compile(r'^#include "(/[^"]+)"', re.MULTILINE)


@cache
def included_by(path):
    """The headers of the project that a file names."""
    texts = INCLUDE.findall(path.read_text(encoding="utf-8"))
    return [base / text for text in texts for base in [path.parent, *HEADER_ROOTS] if (base / text).is_file()]


def headers_of(path):
    """All headers of the project that a file includes, directly or not."""
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
    """Their names below the source tree and their contents."""
    for path in paths:
        name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
        digest.update(name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())


def key_of_sources(sources, settings):
    """Of sources and all headers below them, with the system's packages."""
    digest = hashlib.sha256("\0".join([packages(), *settings]).encode())
    for source in sources:
        add_files(digest, [source, *headers_of(source)])
    return digest.hexdigest()


def compiled_together(build):
    """(sources, the compiler's arguments) of each translation unit of the project in a configured build folder.

    A unit is several sources where the build compiles them as one. Generated sources are left out.
    """
    build = build.resolve()
    for entry in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
        path = Path(entry["file"]).resolve()
        if "/Unity/" in entry["file"] and path.is_relative_to(build):
            sources = [Path(each) for each in UNITY.findall(path.read_text(encoding="utf-8"))]
        else:
            sources = [path]
        sources = [each for each in sources if each.is_relative_to(ROOT) and not each.is_relative_to(build)]
        if sources:
            yield sources, arguments_of(shlex.split(entry["command"]))


def arguments_of(command):
    """What is left of a compile command without the compiler, the input and the output."""
    arguments, rest = [], iter(command[next(i for i, each in enumerate(command) if "g++" in each or "clang++" in each) + 1 :])
    for each in rest:
        if each in ("-o", "-c", "-MF", "-MT"):
            next(rest)
        elif each != "-MD":
            arguments.append(each)
    return tuple(arguments)
