#!/usr/bin/env python3
"""Checks the house rules of the tree and prints each breach as file:line: what is wrong.

usage: tidy.py [ROOT]      (default: the tree this file stands in)

Ends with 1 when there is a finding. The rules are in rules.toml beside this file.
"""

import sys
import tomllib
from pathlib import Path

sys.dont_write_bytecode = True

import check_includes
import check_layout
import check_text
from findings import read_tree

HERE = Path(__file__).resolve().parent


def check_tree(root, rules):
    """Every finding in the tree, in the order of files and lines."""
    files = read_tree(root)
    return sorted(
        {
            *check_includes.check(files, rules),
            *check_layout.check(files, rules),
            *check_text.check(files, rules),
        }
    )


def load_rules():
    return tomllib.loads((HERE / "rules.toml").read_text(encoding="utf-8"))


def main(arguments):
    root = Path(arguments[0]) if arguments else HERE.parents[1]
    if not (root / "src").is_dir():
        print(f"tidy: {root} has no src folder; name the root of the source tree", file=sys.stderr)
        return 2
    findings = check_tree(root, load_rules())
    for finding in findings:
        print(finding)
    print(f"tidy: {len(findings)} findings" if findings else "tidy: the tree is in order")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
