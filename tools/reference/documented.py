#!/usr/bin/env python3
"""The C header as Doxygen wants it: reads a header whose comments are plain, and writes one with the same lines.

usage: documented.py HEADER

A comment documents the declarations that follow it up to the next empty line or comment, and one behind a field or a value
documents what is before it. Doxygen calls this program for the header; see tools/reference/Doxyfile. A call without a
comment is an error.
"""
import re
import sys
from pathlib import Path


def documented(lines):
    """The lines with Doxygen's marks, and the numbers of those that declare a call without a comment."""
    group, bare = None, []  # group: "begins" behind a comment, "open" behind its first declaration, or none
    for at, line in enumerate(lines):
        if line.startswith("/* ---"):
            continue
        if line.startswith("/* "):
            lines[at] = ("/**@}*/ " if group == "open" else "") + "/**" + (" @file\n * @brief" if at == 0 else "") + line[2:]
            group = "begins"
        elif line.startswith("EXOGPU_API"):
            if group is None:
                bare.append(at + 1)
            if group == "begins":
                lines[at], group = "/**@{*/ " + line, "open"
        elif not line:
            lines[at], group = ("/**@}*/" if group == "open" else ""), None
        elif line.startswith("  "):
            lines[at] = re.sub(r"(\S) +/\* ", r"\1 /**< ", line)
    return lines, bare


def main(path):
    lines, bare = documented(Path(path).read_text(encoding="utf-8").splitlines())
    for number in bare:
        print(f"{path}:{number}: a call without a comment", file=sys.stderr)
    print("\n".join(lines))
    return 1 if bare else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
