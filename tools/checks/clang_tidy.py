#!/usr/bin/env python3
"""Runs clang-tidy over the project's sources, and remembers which of them were clean.

usage: clang_tidy.py --build DIR [--jobs N] [--again] [PATH...]

DIR is a configured build folder: its compile_commands.json says how each file is compiled, and which are compiled as one;
those are checked as one, since most of the time goes into the headers that they share. With PATHs only sources whose
path contains one of them are checked. They are checked again when one of them, a header of the project that it includes
(however deep), its compile command, .clang-tidy or a package of the system has changed. Sources that clang does not
compile together are checked one by one. Clang's check of locks (-Wthread-safety) comes with it. Ends with 1 on any finding.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.dont_write_bytecode = True

from inputs import ROOT, STAMPS, compiled_together, key_of_sources

PROGRAM = "clang-tidy-19"


def units(build, wanted):
    """Each unit once, with those of its sources that are wanted."""
    found = {}
    for sources, arguments in compiled_together(build):
        chosen = [each for each in sources if not wanted or any(part in str(each.relative_to(ROOT)) for part in wanted)]
        if chosen:
            found[tuple(chosen)] = arguments
    return sorted(found.items())


def findings_in(sources, arguments):
    """What clang-tidy reports of these files; empty when they are clean."""
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "unit.cpp"
        whole.write_text("".join(f'#include "{source}"\n' for source in sources), encoding="utf-8")
        done = subprocess.run(
            [PROGRAM, "--quiet", f"--config-file={ROOT / '.clang-tidy'}", str(whole), "--", *arguments,
             "-Wno-unknown-warning-option", "-Werror=thread-safety"],
            capture_output=True, text=True, cwd=ROOT, check=False,
        )
    if done.returncode == 0:
        return ""
    if len(sources) > 1 and "[clang-diagnostic-" in done.stdout:
        return "\n".join(filter(None, (findings_in([each], arguments) for each in sources)))
    return done.stdout + ("" if done.stdout.strip() else done.stderr)


def main():
    parser = argparse.ArgumentParser(description="Runs clang-tidy over the project's sources.")
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--again", action="store_true")
    parser.add_argument("paths", nargs="*")
    arguments = parser.parse_args()
    build = arguments.build if arguments.build.is_absolute() else ROOT / arguments.build

    settings = (ROOT / ".clang-tidy").read_text(encoding="utf-8")
    stamps = STAMPS / "clang-tidy"
    stamps.mkdir(parents=True, exist_ok=True)

    every, to_do = units(build, arguments.paths), []
    for sources, options in every:
        stamp = stamps / key_of_sources(sources, [settings, *options])
        if arguments.again or not stamp.exists():
            to_do.append((sources, options, stamp))

    dirty = 0
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for (_, _, stamp), findings in zip(to_do, pool.map(lambda unit: findings_in(*unit[:2]), to_do)):
            if findings:
                dirty += 1
                print(findings.strip().replace(f"{ROOT}/", ""), flush=True)
            else:
                stamp.touch()
    checked = sum(len(sources) for sources, _, _ in to_do)
    print(f"clang-tidy: {sum(len(sources) for sources, _ in every)} files, {checked} checked now, {dirty} units with findings")
    return 1 if dirty or not every else 0


if __name__ == "__main__":
    sys.exit(main())
