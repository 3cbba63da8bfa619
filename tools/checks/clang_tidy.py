#!/usr/bin/env python3
"""Runs clang-tidy on the project's sources, and remembers the clean ones.

usage: clang_tidy.py --build DIR [--jobs N] [--again] [PATH...]

DIR is a configured build folder: its compile_commands.json says how each file is compiled, and which are compiled as one;
those are checked as one, since most of the time goes into the headers that they share. With PATHs only sources whose
path contains one of them are checked. They are checked again when one of them, a header of the project that it includes
(however deep), its compile command, .clang-tidy or a package of the system has changed. Sources that clang does not
compile together are checked one by one. Clang's check of locks (-Wthread-safety) comes with it. Ends with 1 on any finding.

clang-tidy is the release in requirements.txt, which pip installs below DIR: since release 22 its checks skip the
declarations of system headers, which takes a third of the time. Where pip cannot fetch it, Debian's clang-tidy-19 runs.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True

from inputs import ROOT, check_units, compiled_together, is_wanted, parse_arguments

PINNED = Path(__file__).parent / "requirements.txt"
OF_THE_SYSTEM = "clang-tidy-19"
# Newer releases of Clang refuse constants in the headers of older releases of fmt, which g++ compiles.
FOR_CLANG = ("-Wno-unknown-warning-option", "-Werror=thread-safety", "-DFMT_CONSTEVAL=")


def install_pinned(build):
    """The program of the pinned release, installed below `build` by this call or an earlier one; None without it."""
    folder = build / f"clang-tidy-{hashlib.sha256(PINNED.read_bytes()).hexdigest()[:12]}"
    program = folder / "bin" / "clang-tidy"
    if (folder / "complete").exists():
        return program
    shutil.rmtree(folder, ignore_errors=True)
    for command in ([sys.executable, "-m", "venv", folder],
                    [folder / "bin" / "pip", "install", "-q", "--disable-pip-version-check", "-r", PINNED],
                    [program, "--version"]):
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            print(f"clang-tidy: {error}")
            return None
        if done.returncode != 0:
            print(f"clang-tidy: {' '.join(map(str, command))} failed: {(done.stderr or done.stdout).strip()[-500:]}")
            return None
    (folder / "complete").touch()
    return program


def units(build, arguments):
    """Each translation unit once, with the wanted ones of its sources."""
    found = {}
    for sources, options in compiled_together(build):
        chosen = [each for each in sources if is_wanted(each, arguments)]
        if chosen:
            found[tuple(chosen)] = options
    return sorted(found.items())


def findings_in(program, sources, options):
    """clang-tidy's findings in these files; empty if they are clean."""
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "unit.cpp"
        whole.write_text("".join(f'#include "{source}"\n' for source in sources), encoding="utf-8")
        done = subprocess.run(
            [program, "--quiet", f"--config-file={ROOT / '.clang-tidy'}", str(whole), "--", *options, *FOR_CLANG],
            capture_output=True, text=True, cwd=ROOT, check=False,
        )
    if done.returncode == 0:
        return ""
    if len(sources) > 1 and "[clang-diagnostic-" in done.stdout:
        return "\n".join(filter(None, (findings_in(program, [each], options) for each in sources)))
    return done.stdout + ("" if done.stdout.strip() else done.stderr)


def main():
    arguments = parse_arguments("Runs clang-tidy over the project's sources.")
    program = install_pinned(arguments.build)
    settings = [*FOR_CLANG, (ROOT / ".clang-tidy").read_text(encoding="utf-8"), PINNED.read_text(encoding="utf-8") if program else ""]
    program = program or shutil.which(OF_THE_SYSTEM)
    if program is None:
        print(f"clang-tidy: neither the release of {PINNED.relative_to(ROOT)} nor {OF_THE_SYSTEM} can be run")
        return 1

    every = units(arguments.build, arguments)
    checked, dirty = check_units(
        "clang-tidy", every, lambda sources, options: findings_in(program, sources, options), arguments, settings
    )
    files = lambda units: sum(len(sources) for sources, _ in units)
    print(f"clang-tidy: {files(every)} files, {files(checked)} checked now, {dirty} units with findings")
    return 1 if dirty or not every else 0


if __name__ == "__main__":
    sys.exit(main())
