"""Checks texts: length of files, white space, banned words."""

import re

from findings import Finding


def check_length(file, rules):
    if file.name in rules["files"]["lines_unlimited"]:
        return
    limits = rules["files"]
    in_src = file.is_code and file.path.startswith("src/") and file.path not in limits["tables"]
    count, most = file.text.count("\n"), limits["src_lines_max" if in_src else "lines_max"]
    if count > most:
        yield Finding(file.path, 0, f"{count} lines; at most {most}: split it by what changes together")


def check_white_space(file):
    if "\r" in file.text:
        yield Finding(file.path, 0, "lines end with CR LF; use LF")
        return
    for number, line in enumerate(file.lines, start=1):
        if "\t" in line:
            yield Finding(file.path, number, "a tab; use spaces")
        if line != line.rstrip(" \t"):
            yield Finding(file.path, number, "white space at the end of the line")
    if file.text and not file.text.endswith("\n"):
        yield Finding(file.path, len(file.lines), "no newline at the end of the file")


def check_encoding(file):
    for number, line in enumerate(file.lines, start=1):
        if any("\udc80" <= char <= "\udcff" for char in line):
            yield Finding(file.path, number, "not UTF-8")


def check_banned(file, patterns):
    for number, line in enumerate(file.lines, start=1):
        for pattern, reason in patterns:
            if match := pattern.search(line):
                yield Finding(file.path, number, f"{match[0].strip()}: {reason}")


def check_words(file, words, exempt):
    """Finds old words for things that the glossary names: whole words, in text and in identifiers."""
    if file.path.startswith(tuple(exempt)):
        return
    for number, line in enumerate(file.lines, start=1):
        for pattern, old, new in words:
            if pattern.search(line):
                yield Finding(file.path, number, f"{old}: say {new} (docs/glossary.md)")


def check(files, rules):
    patterns = [(re.compile(each["pattern"]), each["reason"]) for each in rules["banned"]]
    words = [(re.compile(rf"\b{re.escape(old)}\b"), old, new) for old, new in rules["words"]["old"].items()]
    for file in files:
        yield from check_banned(file, patterns)
        if file.path.startswith(tuple(rules["files"]["made"])):
            continue
        yield from check_length(file, rules)
        yield from check_white_space(file)
        yield from check_encoding(file)
        yield from check_words(file, words, rules["words"]["exempt"])
