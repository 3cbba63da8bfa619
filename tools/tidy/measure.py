#!/usr/bin/env python3
"""Prints the measures of src for which CONTRIBUTING.md sets limits.

usage: measure.py [--list] [ROOT]      (default: the tree this file stands in; --list names what is beyond a limit)
"""

import re
import statistics
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import check_includes
from findings import read_tree
from tidy import load_rules

HERE = Path(__file__).resolve().parent
OPENS_SCOPE = re.compile(r"^(inline )?(namespace|extern|class|struct|union|enum)\b|^template <.*> (class|struct|union)\b")
CONTROL = re.compile(r"^(if|for|while|switch|do|else|case|return|try|catch)\b")
FIELD = re.compile(r"[\w>*&\])]\s+(\w+_)(\[.*\])?\s*(EXO_GUARDED_BY\(\w+\)|GUARDED_BY\(\w+\))?\s*(\{.*\}|=.*)?;")


def indent_of(line):
    return len(line) - len(line.lstrip())


def functions_of(text):
    """(line, length) of each function with a body, lambdas aside. Relies on the layout that clang-format makes."""
    lines = text.split("\n")
    begin, statement, at = None, "", 0
    while at < len(lines):
        line = lines[at].split("//")[0].rstrip()
        bare = line.strip()
        if not bare or bare.startswith("#") or bare in ("public:", "private:", "protected:", "}", "};", "{"):
            begin, statement = None, ""
        else:
            begin = at if begin is None else begin
            statement = f"{statement} {bare}".strip()
            if bare.endswith("{") and not OPENS_SCOPE.match(statement):
                close = indent_of(lines[begin]) * " " + "}"
                end = next((i for i in range(at + 1, len(lines)) if lines[i].startswith(close)), at)
                if "(" in statement and not CONTROL.match(statement) and not statement.endswith("= {"):
                    yield begin + 1, end - begin + 1
                at, begin, statement = end, None, ""
            elif bare.endswith("}") and "(" in statement and " = " not in statement.split("{")[0]:
                yield begin + 1, at - begin + 1
                begin, statement = None, ""
            elif bare.endswith((";", "{", "}")):
                begin, statement = None, ""
        at += 1


def fields_of(text, name):
    """The fields of a class, which end with an underscore; None where the file does not define it."""
    match = re.search(rf"^(class|struct) {re.escape(name)}(?![\w:])[^;]*?\{{\n(.*?)^\}};", text, re.MULTILINE | re.DOTALL)
    if not match:
        return None
    # Deeper indentation belongs to a nested class or continues the previous line.
    return sum(len(re.findall(r"\b\w+_(?=[,;])", line)) or 1
               for line in match[2].split("\n") if re.match(r"  \S", line) and FIELD.search(line))


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else 0


def measure(files, rules):
    """The measures: name, value, limit (or None), and what is beyond it."""
    code = [file for file in files if file.is_code and file.path.startswith("src/")]
    lengths = {file.path: file.text.count("\n") for file in code}
    tables = set(rules["files"]["tables"])
    functions = {(file.path, line): length for file in code if not check_includes.is_test(file)
                 for line, length in functions_of(file.text)}
    limit = rules["files"]["src_lines_max"]
    long_files = {path: lines for path, lines in lengths.items() if lines > limit and path not in tables}
    yield "files of src", len(code), None, []
    yield "lines of a file, median", int(statistics.median(lengths.values())), 120, []
    yield (f"files of more than {limit} lines, tables aside", len(long_files), 0,
           [f"{path}: {lines}" for path, lines in sorted(long_files.items())])
    yield ("lines of a function, 90th percentile, tests aside", quantile(functions.values(), 0.9), 30,
           [f"{path}:{line}: {length}" for (path, line), length in sorted(functions.items()) if length > 60])
    for file in code:
        for name in ("Node", "Node::Impl"):
            fields = fields_of(file.text, name) if file.path.startswith("src/node/") else None
            if fields is not None:
                yield f"fields of {name}", fields, 20, []
    pairs = [f"{one} and {other}" for one, other, _, _ in check_includes.folder_pairs(files)]
    yield "pairs of folders that include each other, tests aside", len(pairs), 0, pairs
    units = list(check_includes.units_with_library(files, rules, "ggml"))
    yield "translation units above engine that include ggml, tests with them", len(units), 0, units


def main(arguments):
    listing = "--list" in arguments
    roots = [argument for argument in arguments if argument != "--list"]
    root = Path(roots[0]) if roots else HERE.parents[1]
    if not (root / "src").is_dir():
        print(f"measure: {root} has no src folder; name the root of the source tree", file=sys.stderr)
        return 2
    for name, value, limit, beyond in measure(read_tree(root), load_rules()):
        mark = "" if limit is None else f"  (at most {limit})" + ("" if value <= limit else "  BEYOND")
        print(f"{value:6}  {name}{mark}")
        for line in beyond if listing else []:
            print(f"            {line}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
