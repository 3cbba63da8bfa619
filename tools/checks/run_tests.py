#!/usr/bin/env python3
"""Runs the tests of a build folder, except those that passed before with the same programs and data.

usage: run_tests.py --build DIR [--jobs N] [--again] [--only REGEX] [--report FILE]

Tests of one program belong together: they are run again when the program, a file that its command names, the data that it
reads, the shared libraries of the system or the environment for tests (EXOGPU_*) has changed. A script of tests/ reads what
lies there, but no other script's test; the unit tests read data only. Tests of the tree itself (tree.*, docs.*) are run
again when any file of it has changed. Prints what failed and how long each group took; FILE
gets the same as JSON: {"passed", "failed", "skipped", "groups": [[name, seconds, tests]]}. Ends with 1 when a test failed.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

sys.dont_write_bytecode = True

from inputs import ROOT, STAMPS, add_files, packages

WHOLE_TREE = ("tree.", "docs.", "tools.")
UNIT_TEST_DATA = ("tests/golden", "tests/scenarios", "fuzz/corpus")
SKIPPED = {"build", ".git", "__pycache__", "node_modules"}


def files_below(*folders):
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not SKIPPED & set(path.relative_to(ROOT).parts):
                yield path


def tests_of(build):
    """ctest's list: each with its number for `ctest -I`."""
    done = subprocess.run(["ctest", "--show-only=json-v1"], cwd=build, capture_output=True, text=True, check=True)
    tests = json.loads(done.stdout)["tests"]
    for number, test in enumerate(tests, start=1):
        test["number"] = number
    return tests


def group_of(test):
    """Tests of one program form a group; a script is its own group."""
    program = Path(test["command"][0]).name if "command" in test else test["name"]
    return test["name"] if program.startswith("python") or program == "sim" else program


def key_of(tests, common):
    digest = hashlib.sha256(common)
    named = {Path(each) for test in tests for each in test.get("command", [])}
    add_files(digest, sorted(path for path in named if path.is_file()))
    for test in tests:
        settings = {each["name"]: each["value"] for each in test.get("properties", []) if each["name"] == "ENVIRONMENT"}
        digest.update(json.dumps([test["name"], settings]).encode())
    add_files(digest, data_of(tests))
    return digest.hexdigest()


def data_of(tests):
    """What they may read beside the files that their commands name."""
    if tests[0]["name"].startswith(WHOLE_TREE):
        return files_below(ROOT)
    models = sorted((ROOT / "models").glob("*.gguf"))
    if tests[0]["name"].startswith("program."):
        tests_of_others = set((ROOT / "tests").glob("*_test.py"))
        return [*models, *(path for path in files_below(ROOT / "tests") if path not in tests_of_others)]
    test_data = sorted((ROOT / "src").rglob("testdata"))
    return [*models, ROOT / "docs" / "placement.md", *files_below(*(ROOT / name for name in UNIT_TEST_DATA), *test_data)]


def measure_processor(build):
    """Measures the speeds of this machine's processor while nothing else runs, for the programs of all tests
    (tests/harness/caches.py)."""
    program, folder = build / "exogpu", build / "measured"
    if not program.exists():
        return
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder)}
    for threads in ([], ["--threads", "1"]):
        subprocess.run([program, "devices", "--backend", "cpu", "--profile", *threads], env=environment,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    os.environ["EXOGPU_TEST_MEASURED"] = str(folder)


def run(build, tests, jobs, report):
    """ctest's result of each test: {name: (outcome, seconds, output)}."""
    numbers = ",".join(str(test["number"]) for test in tests)
    with open(build / "tests.log", "w", encoding="utf-8") as log:
        subprocess.run(["ctest", "-I", f"0,0,0,{numbers}", "-j", str(jobs), "--output-on-failure", "--output-junit", report],
                       cwd=build, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, check=False)
    results = {}
    for case in xml.parse(report).getroot().iter("testcase"):
        outcome = {"run": "passed", "fail": "failed"}.get(case.get("status"), "skipped")
        results[case.get("name")] = (outcome, float(case.get("time") or 0), case.findtext("system-out") or "")
    return results


def main():
    parser = argparse.ArgumentParser(description="Runs the tests of a build folder that are not known to pass.")
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--report", type=Path)
    arguments = parser.parse_args()
    build = arguments.build if arguments.build.is_absolute() else ROOT / arguments.build

    environment = sorted(f"{name}={value}" for name, value in os.environ.items() if name.startswith("EXOGPU_"))
    common = "\0".join([packages(), *environment]).encode()
    groups = {}
    for test in tests_of(build):
        if re.search(arguments.only, test["name"]):
            groups.setdefault(group_of(test), []).append(test)
    if not groups:
        print("no test was found")
        return 1

    stamps = STAMPS / f"tests-{build.name}"
    stamps.mkdir(parents=True, exist_ok=True)
    totals = {"passed": 0, "failed": 0, "skipped": 0}
    table, to_run, known = [], [], []
    for name, tests in groups.items():
        stamp = stamps / key_of(tests, common)
        if stamp.exists() and not arguments.again:
            passed, skipped = map(int, stamp.read_text().split())
            totals["passed"] += passed
            totals["skipped"] += skipped
            known.append(name)
        else:
            to_run.append((name, tests, stamp))

    if any(tests[0]["name"].startswith("program.") for _, tests, _ in to_run):
        measure_processor(build)
    results = run(build, [test for _, tests, _ in to_run for test in tests], arguments.jobs, build / "tests.xml") if to_run else {}
    for name, tests, stamp in to_run:
        own = [results.get(test["name"], ("failed", 0, "ctest did not run it")) for test in tests]
        counts = {outcome: sum(each[0] == outcome for each in own) for outcome in totals}
        for outcome, count in counts.items():
            totals[outcome] += count
        table.append((name, round(sum(seconds for _, seconds, _ in own), 1), len(own)))
        if counts["failed"] == 0:
            stamp.write_text(f"{counts['passed']} {counts['skipped']}\n")
        for test, (outcome, seconds, output) in zip(tests, own):
            if outcome == "failed":
                print(f"FAILED: {test['name']} ({seconds:.1f} s)\n" + "\n".join(output.splitlines()[-60:]))

    table.sort(key=lambda row: -row[1])
    for name, seconds, count in table:
        print(f"{seconds:9.1f} s  {name}" + (f" ({count} tests)" if count > 1 else ""))
    if known:
        print(f"passed before, nothing has changed since: {', '.join(known)}")
    if arguments.report:
        arguments.report.write_text(json.dumps({**totals, "groups": table}))
    return 1 if totals["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
