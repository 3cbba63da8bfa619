"""Who includes whom: the table of rooms, the libraries each may use, and folders that include each other."""

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
    """The table itself: only known rooms, only downward."""
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


def check_links(files, rules):
    """The link lines of the build follow the same table."""
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


def check_folder_pairs(files):
    """No two folders of a room include each other, but for one inside the other, which are its parts and their frame.

    Tests may reach anywhere that their room may.
    """
    folders = {file.folder for file in files if file.is_code and file.path.startswith("src/")}
    first_seen = {}
    for file in files:
        if file.folder not in folders or is_test(file):
            continue
        for line, _, what in includes_of(file):
            other = f"src/{what}".rpartition("/")[0]
            if other in folders and other != file.folder and room_of(other + "/") == room_of(file.path):
                first_seen.setdefault((file.folder, other), (file.path, line))
    for (one, other), (path, line) in sorted(first_seen.items()):
        nested = other.startswith(f"{one}/")
        if one < other and not nested and (other, one) in first_seen:
            back_path, back_line = first_seen[(other, one)]
            yield Finding(path, line, f"{one} includes {other}, which includes {one} ({back_path}:{back_line})")


def check(files, rules):
    yield from check_table(rules)
    yield from check_rooms(files, rules)
    yield from check_libraries(files, rules)
    yield from check_links(files, rules)
    yield from check_folder_pairs(files)
