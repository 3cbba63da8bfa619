"""Checks includes: the table of rooms, the libraries of each room, and folders that include each other."""

import re

from findings import Finding

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
LINK = re.compile(r"exogpu_room\(\s*(\w+)([^)]*)\)")


def room_of(path):
    parts = path.split("/")
    return parts[1] if len(parts) > 2 and parts[0] == "src" else None


def is_test(file):
    return file.name.endswith(("_test.cpp", "_fuzz.cpp")) or "/testing/" in file.path


def includes_of(file):
    """(line, bracket, what) of each #include."""
    for number, line in enumerate(file.lines, start=1):
        if match := INCLUDE.match(line):
            yield number, match[1], match[2]


def library_of(what, libraries):
    return next((prefix for prefix in libraries if what.startswith(prefix)), None)


def is_standard_or_system(what):
    return "/" not in what or re.match(r"(sys|linux|net|netinet|arpa|asm|bits|mach)/", what) is not None


def check_table(rules):
    """Checks the table itself: only known rooms, only downward."""
    rooms = rules["rooms"]
    for name, room in rooms.items():
        for other in room["may_include"]:
            if other not in rooms:
                yield Finding("tools/tidy/rules.toml", 0, f"room {name} may include {other}, which has no line")
            elif rooms[other]["level"] >= room["level"]:
                yield Finding("tools/tidy/rules.toml", 0, f"room {name} may include {other}, which is not below it")


def check_rooms(files, rules):
    rooms = rules["rooms"]
    for file in files:
        room = room_of(file.path)
        if room is None or not file.is_code:
            continue
        if room not in rooms:
            yield Finding(file.path, 0, f"room {room} has no line in tools/tidy/rules.toml")
            continue
        for line, bracket, what in includes_of(file):
            other = what.split("/")[0] if "/" in what else None
            if bracket == '"' and other is None:
                yield Finding(file.path, line, f'"{what}": write the path from src/, such as "{room}/{what}"')
            elif other in rooms and other != room and other not in rooms[room]["may_include"]:
                allowed = ", ".join(rooms[room]["may_include"]) or "nothing"
                yield Finding(file.path, line, f'"{what}": of the other rooms, {room} may include {allowed}')


def check_libraries(files, rules):
    rooms, libraries = rules["rooms"], rules["libraries"]
    for file in files:
        room = room_of(file.path)
        if room is None or not file.is_code:
            continue
        for line, bracket, what in includes_of(file):
            if what.split("/")[0] in rooms or (bracket == '"' and (is_test(file) or "/" not in what)):
                continue
            library = library_of(what, libraries)
            if library is None:
                if bracket == "<" and is_standard_or_system(what):
                    continue
                yield Finding(file.path, line, f"{what}: no room and no library of tools/tidy/rules.toml")
            elif libraries[library] == "tests":
                if not is_test(file):
                    yield Finding(file.path, line, f"{what}: only tests may include it")
            elif room not in libraries[library]:
                allowed = ", ".join(libraries[library]) or "no room"
                yield Finding(file.path, line, f"{what}: only {allowed} may include it")


def check_headers(files, rules):
    for file in files:
        if not file.path.startswith("src/") or not file.is_code or is_test(file):
            continue
        for line, _, what in includes_of(file):
            paths = rules["headers"].get(what)
            if paths is not None and not file.path.startswith(tuple(paths)):
                yield Finding(file.path, line, f"{what}: only {', '.join(paths)} may include it")


def check_links(files, rules):
    """Checks that the build's link lines follow the same table."""
    rooms = rules["rooms"]
    for file in files:
        if file.path != "CMakeLists.txt":
            continue
        for match in LINK.finditer(file.text):
            line = file.text.count("\n", 0, match.start()) + 1
            linked = re.sub(r"TEST_LINK.*", "", match[2], flags=re.DOTALL)
            for other in re.findall(r"\bexogpu_(\w+)", linked):
                if match[1] in rooms and other not in rooms[match[1]]["may_include"]:
                    yield Finding(file.path, line, f"room {match[1]} links {other}, which it may not include")


def includes_within_src(files):
    """Of each file of src: the files of src that it includes, with the line; tests aside."""
    paths = {file.path for file in files if file.path.startswith("src/") and file.is_code}
    return {
        file.path: [(f"src/{what}", line) for line, _, what in includes_of(file) if f"src/{what}" in paths]
        for file in files
        if file.path in paths and not is_test(file)
    }


def library_users(files, rules):
    """Of each file of src, the libraries with a table of rooms that it includes itself."""
    users = {}
    for file in files:
        if file.path.startswith("src/") and file.is_code:
            found = (library_of(what, rules["libraries"]) for _, _, what in includes_of(file))
            users[file.path] = {name for name in found if name and rules["libraries"][name] != "tests"}
    return users


def chain_to_library(start, library, inner, users):
    """The include path from a file to one that includes the library, or None."""
    before, todo = {start: None}, [start]
    while todo:
        path = todo.pop(0)
        if library in users[path]:
            chain = [path]
            while before[chain[-1]]:
                chain.append(before[chain[-1]])
            return chain[::-1]
        for other, _ in inner.get(path, ()):
            if other not in before:
                before[other] = path
                todo.append(other)
    return None


def check_transitive_libraries(files, rules):
    """No header brings a library to a room that may not include it."""
    inner, users = includes_within_src(files), library_users(files, rules)
    for path in inner:
        for library, rooms in rules["libraries"].items():
            if rooms == "tests" or room_of(path) in rooms or library in users[path]:
                continue
            if chain := chain_to_library(path, library, inner, users):
                line = next(line for other, line in inner[path] if other == chain[1])
                way = ", ".join(part.removeprefix("src/") for part in chain[1:])
                allowed = ", ".join(rooms) or "no room"
                yield Finding(path, line, f"brings {library} in by way of {way}; only {allowed} may include it")


def units_with_library(files, rules, library):
    """The .cpp files, tests with them, that get a library which their room may not include."""
    users = library_users(files, rules)
    paths = {file.path for file in files}
    inner = {
        file.path: [(f"src/{what}", line) for line, _, what in includes_of(file) if f"src/{what}" in paths]
        for file in files
        if file.path in users
    }
    for path in inner:
        if path.endswith(".cpp") and room_of(path) not in rules["libraries"][library]:
            if chain_to_library(path, library, inner, users):
                yield path


def folder_pairs(files):
    """Each pair of folders of src that include each other, with a place for either way; tests aside."""
    first_include = {}
    for path, others in includes_within_src(files).items():
        for other, line in others:
            pair = (path.rpartition("/")[0], other.rpartition("/")[0])
            if pair[0] != pair[1]:
                first_include.setdefault(pair, (path, line))
    for (one, other), place in sorted(first_include.items()):
        if one < other and (other, one) in first_include:
            yield one, other, place, first_include[(other, one)]


def check_folder_pairs(files):
    """No two folders include each other, not even one and a folder inside it. Tests may reach what their room may.

    Those of two rooms break the table of rooms, which check_rooms() reports.
    """
    for one, other, (path, line), (back_path, back_line) in folder_pairs(files):
        if room_of(f"{one}/") == room_of(f"{other}/"):
            yield Finding(path, line, f"{one} includes {other}, which includes {one} ({back_path}:{back_line})")


def check_own_header(files):
    """x.cpp includes x.h before anything else, so that compiling x.cpp shows that x.h leans on nothing."""
    paths = {file.path for file in files}
    for file in files:
        own = file.path.removesuffix(".cpp") + ".h"
        if not file.path.startswith("src/") or not file.path.endswith(".cpp") or own not in paths:
            continue
        line, _, what = next(includes_of(file), (0, "", ""))
        if f"src/{what}" != own:
            yield Finding(file.path, line, f"includes {own.removeprefix('src/')} first, before anything else")


def check(files, rules):
    yield from check_table(rules)
    yield from check_rooms(files, rules)
    yield from check_libraries(files, rules)
    yield from check_transitive_libraries(files, rules)
    yield from check_headers(files, rules)
    yield from check_links(files, rules)
    yield from check_folder_pairs(files)
    yield from check_own_header(files)
