#!/usr/bin/env python3
"""usage: check_docs_test.py EXOGPU EXOGPU_TINY_MODEL: bad documents must be found, good ones must pass."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

CHECKER = Path(__file__).resolve().parent / "check_docs.py"
PROGRAM, TINY_MODEL = sys.argv[1:3]


class CheckDocs(unittest.TestCase):
    def check(self, text):
        """(exit status, output) for a tree whose README.md is `text`."""
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            (root / "README.md").write_text(text)
            (root / "CMakePresets.json").write_text('{"configurePresets": [{"name": "dev"}, {"name": "x", "hidden": true}]}')
            (root / "scripts").mkdir()
            script = root / "scripts" / "go"
            script.write_text("#!/bin/sh\necho 'usage: go [--fast]'\n")
            script.chmod(0o755)
            done = subprocess.run(
                [sys.executable, CHECKER, "--program", PROGRAM, "--tiny-model", TINY_MODEL, root],
                capture_output=True, text=True, check=False,
            )
            return done.returncode, done.stdout + done.stderr

    def expect(self, text, words):
        status, output = self.check(text)
        self.assertEqual(status, 1, output)
        self.assertIn(words, output)

    def block(self, line):
        return f"# T\n\n```console\n{line}\n```\n"

    def test_good_commands_pass(self):
        text = self.block(
            "$ exogpu --version\nanything\n$ exogpu inspect \\\n    model.gguf\n$ exogpu inspect models/model.gguf | wc -l\n"
            "$ scripts/go --fast\n$ cmake --preset dev\n$ git clone somewhere"
        )
        status, output = self.check(text + "\n[here](README.md) [there](https://example.com/x)\n")
        self.assertEqual(status, 0, output)
        self.assertIn("3 commands run", output)

    def test_a_command_that_fails(self):
        self.expect(self.block("$ exogpu no-such-command"), "README.md:4: $ exogpu no-such-command")

    def test_the_last_command_of_a_pipe_does_not_hide_the_first(self):
        self.expect(self.block("$ exogpu inspect none.gguf | cat"), "none.gguf")

    def test_a_continued_command_is_one_command(self):
        self.expect(self.block("$ exogpu inspect \\\n    none.gguf"), "README.md:4: $ exogpu inspect none.gguf")

    def test_scripts_and_their_options(self):
        self.expect(self.block("$ scripts/gone"), "no script scripts/gone")
        self.expect(self.block("$ scripts/go --slow"), "does not name --slow")

    def test_presets(self):
        self.expect(self.block("$ cmake --preset x"), "no preset x")

    def test_links(self):
        self.expect("see [this](docs/none.md)\n", "README.md:1: the link docs/none.md leads nowhere")

    def test_other_blocks_are_not_run(self):
        status, output = self.check("```text\n$ exogpu no-such-command\n```\n```sh\n$ exogpu no\n```\n")
        self.assertEqual(status, 0, output)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
