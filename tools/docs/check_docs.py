#!/usr/bin/env python3
"""Runs the commands in the documents and checks their links.

usage: check_docs.py --program EXOGPU --tiny-model EXOGPU_TINY_MODEL [ROOT]

In every ```console block of README.md, CONTRIBUTING.md and docs/**/*.md each line that starts with "$ " is a command:
  exogpu ...               is run by a shell in a scratch folder and must end with 0. It finds there
                           model.gguf (tiny, random weights) and a folder models with the same model in it;
  scripts/... or .ci/...   must be a script of the tree, and know the options given (its --help names them);
  cmake, ctest --preset P  P must be a preset.
Other commands (git, docker, apt-get) are for the reader and are not run. A command goes on while its lines end with a
backslash; the other lines of a block are what it printed, and are not compared: speeds differ.
Every relative link of a document must lead to a file of the tree. Ends with 1 when anything is wrong.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")
COMMAND_SECONDS = 300


def documents(root):
    named = [root / "README.md", root / "CONTRIBUTING.md"]
    return [path for path in named if path.exists()] + sorted((root / "docs").rglob("*.md"))


def commands_in(text):
    """(line, command) of every "$ " line inside ```console blocks."""
    in_block, pending = False, None
    for number, line in enumerate(text.split("\n"), start=1):
        if line.startswith("```"):
            in_block = not in_block and line.strip() == "```console"
            continue
        if pending is not None:
            first, so_far = pending
            joined = so_far + " " + line.strip()
        elif in_block and line.startswith("$ "):
            first, joined = number, line[2:].strip()
        else:
            continue
        pending = (first, joined[:-1].strip()) if joined.endswith("\\") else None
        if pending is None:
            yield first, joined


def links_in(text):
    """(line, target) of every relative link outside of code blocks."""
    in_block = False
    for number, line in enumerate(text.split("\n"), start=1):
        if line.startswith("```"):
            in_block = not in_block
        elif not in_block:
            for target in LINK.findall(line):
                if not re.match(r"[a-z]+:", target):
                    yield number, target


class Checker:
    def __init__(self, root, program, scratch):
        self.root, self.scratch = root, scratch
        presets = root / "CMakePresets.json"
        known = json.loads(presets.read_text(encoding="utf-8")) if presets.exists() else {}
        self.presets = {each["name"] for each in known.get("configurePresets", []) if not each.get("hidden")}
        self.environment = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"}
        if measured := os.environ.get("EXOGPU_TEST_MEASURED"):  # tests/harness/caches.py
            self.environment["XDG_CACHE_HOME"] = measured
        self.done = 0

    def run_program(self, command):
        try:
            result = subprocess.run(
                ["bash", "-c", f"set -o pipefail; {command}"], cwd=self.scratch, env=self.environment, text=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=COMMAND_SECONDS,
                errors="replace", check=False,
            )
        except subprocess.TimeoutExpired:
            return f"still running after {COMMAND_SECONDS} s"
        if result.returncode == 0:
            return None
        return f"ends with {result.returncode}:\n    " + result.stdout.strip().replace("\n", "\n    ")

    def look_at_script(self, words):
        script = self.root / words[0]
        if not os.access(script, os.X_OK):
            return f"there is no script {words[0]}"
        options = [word for word in words[1:] if word.startswith("--")]
        if options:
            shown = subprocess.run([script, "--help"], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
            unknown = [option for option in options if option not in shown.stdout]
            if unknown:
                return f"{words[0]} --help does not name {', '.join(unknown)}"
        return None

    def look_at_preset(self, words):
        if "--preset" not in words:
            return None
        name = words[words.index("--preset") + 1] if words[-1] != "--preset" else ""
        return None if name in self.presets else f"there is no preset {name}"

    def check_command(self, command):
        """The error of a command, or None."""
        words = shlex.split(command)
        if words[0] == "exogpu" or re.search(r"\|\s*exogpu\b", command):
            self.done += 1
            return self.run_program(command)
        if words[0].startswith(("scripts/", ".ci/", "./scripts/")):
            return self.look_at_script(words)
        if words[0] in ("cmake", "ctest"):
            return self.look_at_preset(words)
        return None

    def check_document(self, path):
        """Findings as text, each with its file and line."""
        text = path.read_text(encoding="utf-8")
        name = path.relative_to(self.root)
        for line, command in commands_in(text):
            if wrong := self.check_command(command):
                yield f"{name}:{line}: $ {command}\n  {wrong}"
        for line, target in links_in(text):
            if not (path.parent / target).exists():
                yield f"{name}:{line}: the link {target} leads nowhere"


def main():
    parser = argparse.ArgumentParser(description="Does what the documents tell the reader to do.")
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--tiny-model", type=Path, required=True)
    parser.add_argument("root", type=Path, nargs="?", default=Path(__file__).resolve().parents[2])
    arguments = parser.parse_args()
    root = arguments.root.resolve()

    findings = []
    with tempfile.TemporaryDirectory(prefix="exogpu-docs-") as folder:
        scratch = Path(folder)
        model = scratch / "model.gguf"
        subprocess.run([arguments.tiny_model.resolve(), "qwen3", model], check=True, stdout=subprocess.DEVNULL)
        (scratch / "models").mkdir()
        shutil.copy(model, scratch / "models")
        checker = Checker(root, arguments.program.resolve(), scratch)
        for path in documents(root):
            findings += checker.check_document(path)
    for finding in findings:
        print(finding)
    print(f"check_docs: {len(documents(root))} documents, {checker.done} commands run, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
