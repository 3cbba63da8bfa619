#!/usr/bin/env python3
"""Compiles every header of src/ alone, so that none leans on what another file included before it.

usage: headers.py --build DIR [--jobs N] [--again] [PATH...]

DIR is a configured build folder; a header is compiled with the options of its room. The build itself does not show this,
since it compiles several sources as one. A header is checked again when it, a header that it includes (however deep), the
options or a package of the system has changed. Ends with 1 when one does not compile.
"""

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.dont_write_bytecode = True

from inputs import ROOT, STAMPS, compiled_together, key_of_sources

COMPILER = "g++-14"


def options_of_rooms(build):
    """The options of any source of each room, without those for code that is not made here."""
    options = {}
    for sources, arguments in compiled_together(build):
        parts = sources[0].relative_to(ROOT).parts
        if parts[0] == "src" and not sources[0].stem.endswith("_fuzz"):
            kept = [each for each in arguments if not each.startswith(("-O", "-g"))]
            options.setdefault(parts[1], (*kept, f"-I{ROOT / 'tools'}", "-O0", "-g0"))
    return options


def errors_of(header, options):
    done = subprocess.run(
        [COMPILER, *options, "-fsyntax-only", "-x", "c++", "-"], input=f'#include "{header.relative_to(ROOT / "src")}"\n',
        capture_output=True, text=True, cwd=ROOT, check=False,
    )
    return "" if done.returncode == 0 else f"{header.relative_to(ROOT)} does not compile alone:\n{done.stderr}"


def main():
    parser = argparse.ArgumentParser(description="Compiles every header of src/ alone.")
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--again", action="store_true")
    parser.add_argument("paths", nargs="*")
    arguments = parser.parse_args()
    build = arguments.build if arguments.build.is_absolute() else ROOT / arguments.build

    options = options_of_rooms(build)
    stamps = STAMPS / "headers"
    stamps.mkdir(parents=True, exist_ok=True)
    headers = [header for header in sorted((ROOT / "src").rglob("*.h"))
               if not arguments.paths or any(part in str(header.relative_to(ROOT)) for part in arguments.paths)]
    to_do = []
    for header in headers:
        own = options[header.relative_to(ROOT).parts[1]]
        stamp = stamps / key_of_sources([header], own)
        if arguments.again or not stamp.exists():
            to_do.append((header, own, stamp))

    failed = 0
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for (_, _, stamp), errors in zip(to_do, pool.map(lambda each: errors_of(*each[:2]), to_do)):
            if errors:
                failed += 1
                print(errors.strip(), flush=True)
            else:
                stamp.touch()
    print(f"headers: {len(headers)}, {len(to_do)} compiled now, {failed} do not compile alone")
    return 1 if failed or not headers else 0


if __name__ == "__main__":
    sys.exit(main())
