"""The contract of exogpu.h: which call may return which code, as its comments say, and which of that the tests reach."""
import fnmatch
import re
import tomllib
from collections import defaultdict
from pathlib import Path

from c_api import abi

ROOT = Path(__file__).resolve().parents[2]
HEADER = ROOT / "include/exogpu/exogpu.h"
UNTESTED = Path(__file__).with_name("untested.toml")
LANGUAGES = ("c", "cpp", "python", "kotlin", "swift")
ANY = "any"  # the code of an operation that ended otherwise


def code_names(header):
    """The names of the codes as comments have them, by number: {0: "ok", 2: "not_found"}."""
    block = re.search(r"typedef int32_t exogpu_code;\nenum \{(.*?)\};", header, re.S)[1]
    return {int(number): name.lower() for name, number in re.findall(r"EXOGPU_(\w+) = (\d+)", block)}


def groups(header):
    """The comments on calls, each with the calls that it documents: those that follow it up to the next empty line."""
    comment, calls, found = "", [], []
    for part in re.finditer(r"(?P<comment>/\*.*?\*/)|(?P<end>\n\n)|EXOGPU_API [^;]*?\b(?P<call>exogpu_\w+)\([^;]*\);", header, re.S):
        if part["call"]:
            calls.append(part["call"])
            continue
        # One behind a field says nothing about calls, but ends no group either: calls follow none.
        if calls:
            found.append((comment, calls))
        comment, calls = (" ".join(part["comment"][2:-2].replace("\n *", " ").split()) if part["comment"] else ""), []
    return found + ([(comment, calls)] if calls else [])


def documented(header):
    """The codes of each call: {"exogpu_device_find": {"ok", "not_found", ...}}."""
    names = set(code_names(header).values())
    declarations = abi.calls(header)
    says = {}  # by call: its comment, and that before it, where it says that it is "the same"
    before = ""
    for comment, calls in groups(header):
        text = f"{comment} {before}" if comment.startswith("The same") else comment
        says.update(dict.fromkeys(calls, text))
        before = text

    def of(call, seen=()):
        text = re.sub(r"`[^`]*`", "", says[call])
        codes = set(re.findall(r"\b[a-z_]+\b", text)) & names
        for other in re.findall(r"those of ((?:exogpu_\w+\(\)(?:, and | and |, )?)+)", text):
            for name in re.findall(r"exogpu_\w+", other):
                if name not in seen:
                    codes |= of(name, (*seen, call)) - {"ok"}
        if re.search(r"own code|how it ended", text):
            codes.add(ANY)
        return codes | {"ok"}

    contract = {}
    for call, declaration in declarations.items():
        # What goes wrong later is the ticket's.
        codes = {"ok"} if call.endswith("_async") else of(call)
        if declaration.startswith("exogpu_code exogpu_") and not call.startswith("exogpu_code"):
            codes.add("invalid_argument")  # a null pointer
            if re.search(r"\((?:exogpu_\w+) \w+[,)]", declaration):  # a handle is first
                codes |= {"failed_precondition", "out_of_memory", "internal"}
            if re.search(r"const exogpu_(?:\w+_options|readings|sensor_input) \*", declaration):
                codes.add("unsupported")  # a field of a newer library
        contract[call] = codes
    return contract


def untested(language, long=True):
    """What no test of this language reaches, with the reason: {"exogpu_device_memory unavailable": "..."}. Patterns."""
    reasons = {}
    for entry in tomllib.loads(UNTESTED.read_text(encoding="utf-8"))["untested"]:
        if language in entry["languages"] and not (long and entry.get("short")):
            reasons.update(dict.fromkeys(entry["pairs"], entry["why"]))
    return reasons


def read_record(path, header):
    """The pairs of a record: lines of a call and the number of a code."""
    names = code_names(header)
    reached = defaultdict(set)
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        call, _, number = line.rpartition(" ")
        reached[call].add(names[int(number)])
    return reached


def check(language, reached, header, long):
    """What is wrong, as lines: documented and not reached, reached and not documented, or excused for nothing."""
    contract = documented(header)
    reasons = untested(language, long)
    used, wrong = set(), []
    for call, codes in sorted(contract.items()):
        for code in sorted(codes - {ANY}):
            pair = f"{call} {code}"
            excuses = [each for each in reasons if fnmatch.fnmatchcase(pair, each)]
            if code in reached.get(call, ()):
                wrong += [f"{pair}: a test reaches it, and untested.toml says \"{reasons[each]}\"" for each in excuses if each == pair]
            elif excuses:
                used.update(excuses)
            else:
                wrong.append(f"{pair}: documented, and no test in {language} reaches it")
    for call, codes in sorted(reached.items()):
        if ANY not in contract.get(call, ()):
            wrong += [f"{call} {code}: a test reaches it, and exogpu.h does not say so" for code in sorted(codes - contract.get(call, set()))]
    wrong += [f"{each}: untested.toml names it, and exogpu.h does not" for each in sorted(set(reasons) - used)
              if not any(fnmatch.fnmatchcase(f"{call} {code}", each) for call, codes in contract.items() for code in codes)]
    return wrong


def table(language, reached, header):
    """The list as text: each call with its codes, those that a test reaches, and why not the others."""
    lines, reasons = [], untested(language)
    for call, codes in documented(header).items():
        lines.append(call)
        for code in sorted(codes - {ANY}):
            why = [text for each, text in reasons.items() if fnmatch.fnmatchcase(f"{call} {code}", each)]
            lines.append(f"  {code:<20} {'tested' if code in reached.get(call, ()) else why[0] if why else 'NOT TESTED'}")
    return "\n".join(lines)
