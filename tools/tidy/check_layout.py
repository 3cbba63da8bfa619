"""Checks positions of files: tests beside the code they test, include guards in headers."""

from check_includes import includes_of, room_of
from findings import Finding

SUFFIXES = ("_test.cpp", "_fuzz.cpp", "_bench.cpp")


def subjects(stem):
    """The files that a test of this name may test: gguf_reject_test is about gguf_reject, or else about gguf."""
    while stem:
        yield stem
        stem = stem.rpartition("_")[0]


def tests_room_below(file, stem):
    """Whether it tests the x of another room, with what that room itself may not include."""
    return any(
        what.endswith(f"/{stem}.h") and what.split("/")[0] != room_of(file.path) for _, _, what in includes_of(file)
    )


def check_tests(files):
    """x_test.cpp stands beside an x, or above it. ROOM_test.cpp, at the top of its room, tests the room as a whole."""
    paths = {file.path for file in files}
    for file in files:
        suffix = next((each for each in SUFFIXES if file.name.endswith(each)), None)
        if suffix is None or not file.path.startswith(("src/", "tools/")):
            continue
        stem = file.name.removesuffix(suffix)
        if file.folder.rpartition("/")[2] == stem:
            continue
        found = any(f"{file.folder}/{each}{end}" in paths for each in subjects(stem) for end in (".cpp", ".h"))
        if not found and not tests_room_below(file, stem):
            yield Finding(file.path, 0, f"no {stem}.cpp or {stem}.h beside it: a test stands beside what it tests")


def check_guards(files):
    for file in files:
        if file.path.endswith(".h") and "#pragma once" not in file.text:
            yield Finding(file.path, 0, "no #pragma once")


def check(files, rules):
    del rules
    yield from check_tests(files)
    yield from check_guards(files)
