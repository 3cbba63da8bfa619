#!/usr/bin/env python3
"""usage: terminal_svg_test.py: what a command prints is what the picture shows; a command that fails gives no picture."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from xml.etree import ElementTree

from terminal_svg import Screen

PROGRAM = Path(__file__).with_name("terminal_svg.py")


def lines_of(screen):
    return ["".join(cell[0] for cell in row) for row in screen.rows]


class TerminalSvg(unittest.TestCase):
    def test_a_carriage_return_overwrites_and_an_erasure_removes(self):
        screen = Screen(20)
        screen.feed("50 %\r100 % done\rok\x1b[K\nnext", 1)
        self.assertEqual(lines_of(screen), ["ok", "next"])

    def test_a_long_line_wraps(self):
        screen = Screen(4)
        screen.feed("abcdef", 0)
        self.assertEqual(lines_of(screen), ["abcd", "ef"])

    def test_colours_end_with_a_reset(self):
        screen = Screen(20)
        screen.feed("\x1b[1;31mx\x1b[0my", 0)
        self.assertEqual([cell[1] for cell in screen.rows[0]], [("#ff7b72", True), (None, False)])

    def run_program(self, output, *command):
        return subprocess.run([sys.executable, PROGRAM, "-o", output, "--", *command], capture_output=True, check=False)

    def test_a_picture_has_the_text_of_the_command_in_order(self):
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder) / "x.svg"
            self.assertEqual(self.run_program(output, "sh", "-c", "printf 'a < b\\n'; sleep 0.2; echo ümlaut").returncode, 0)
            texts = ["".join(each.itertext()) for each in ElementTree.parse(output).iter("{http://www.w3.org/2000/svg}text")]
            self.assertEqual(texts[-2:], ["a < b", "ümlaut"])
            self.assertIn("@keyframes", output.read_text(encoding="utf-8"))

    def test_a_command_that_fails_gives_no_picture(self):
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder) / "x.svg"
            self.assertEqual(self.run_program(output, "sh", "-c", "exit 3").returncode, 3)
            self.assertFalse(output.exists())


if __name__ == "__main__":
    unittest.main()
