#!/usr/bin/env python3
"""Compiles headers of src/ alone, so that none leans on what another file included before it.

usage: headers.py --build DIR [--jobs N] [--again] [--all] [PATH...]

DIR is a configured build folder; a header is compiled with the options of its room. The build itself does not show this,
since it compiles several sources as one. A header with a source of its own (x.h and x.cpp) is omitted unless --all is
given, as every night: x.cpp includes x.h before anything else, which tidy checks, so that x.h rarely leans on another. A header is checked again when it, a header that it includes (however deep), the options or a package of the system
has changed. Ends with 1 when one does not compile.
"""

import subprocess
import sys

sys.dont_write_bytecode = True

from inputs import ROOT, check_units, compiled_together, is_wanted, parse_arguments

COMPILER = "g++-14"


def options_of_rooms(build):
    """The options of any source of each room, without those for code that is not made here."""
    options = {}
    for sources, arguments in compiled_together(build):
        parts = sources[0].relative_to(ROOT).parts
        if parts[0] == "src" and not sources[0].stem.endswith("_fuzz"):
            relevant = [each for each in arguments if not each.startswith(("-O", "-g"))]
            options.setdefault(parts[1], (*relevant, f"-I{ROOT / 'tools'}", "-O0", "-g0"))
    return options


def has_own_source(header):
    return header.with_suffix(".cpp").exists()


def errors_of(headers, options):
    [header] = headers
    done = subprocess.run(
        [COMPILER, *options, "-fsyntax-only", "-x", "c++", "-"], input=f'#include "{header.relative_to(ROOT / "src")}"\n',
        capture_output=True, text=True, cwd=ROOT, check=False,
    )
    return "" if done.returncode == 0 else f"{header.relative_to(ROOT)} does not compile alone:\n{done.stderr}"


def main():
    arguments = parse_arguments("Compiles headers of src/ alone.")
    options = options_of_rooms(arguments.build)
    units = [
        ([header], options[header.relative_to(ROOT).parts[1]])
        for header in sorted((ROOT / "src").rglob("*.h"))
        if is_wanted(header, arguments) and (arguments.all or not has_own_source(header))
    ]
    checked, failed = check_units("headers", units, errors_of, arguments)
    print(f"headers: {len(units)}, {len(checked)} compiled now, {failed} do not compile alone")
    return 1 if failed or not units else 0


if __name__ == "__main__":
    sys.exit(main())
