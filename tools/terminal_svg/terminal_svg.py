#!/usr/bin/env python3
"""Runs a command in a terminal and writes its output, at its original speed, as an animated SVG.

usage: terminal_svg.py [--columns N] [--prompt TEXT] [--cwd FOLDER] -o FILE.svg -- COMMAND [ARGUMENT ...]

The picture in the README comes from a release build in build/release:
  PATH=$PWD/build/release:$PATH tools/terminal_svg/terminal_svg.py -o docs/images/demo.svg -- \\
    exogpu demo models/exogpu-demo-q8_0.gguf

Nothing is cut or shortened: each run of characters appears when the command wrote it. A viewer without animations, or
one whose user prefers reduced motion, shows the last state. Understands printed text, line feeds, carriage returns,
"erase to the end of the line", bold and the eight colours; other escape sequences have no effect. Ends with the status
of the command; writes no file when that is not 0.
"""

import argparse
import os
import pty
import re
import select
import shlex
import struct
import sys
import termios
import time
from fcntl import ioctl
from html import escape

CHARACTER_WIDTH, LINE_HEIGHT, FONT_SIZE, MARGIN, BAR = 8.4, 19, 14, 16, 30
HOLD_SECONDS = 8  # pause at the end of the animation
COLOURS = {30: "#6e7681", 31: "#ff7b72", 32: "#7ee787", 33: "#e3b341", 34: "#79c0ff", 35: "#d2a8ff", 36: "#76e3ea"}
FOREGROUND, BACKGROUND, EDGE = "#e6edf3", "#0d1117", "#30363d"
ESCAPE = re.compile(r"\x1b(?:\[([0-9;?]*)([A-Za-z])|\][^\x07\x1b]*(?:\x07|\x1b\\)|.)")


class Screen:
    """Rows of cells (character, style, seconds at which it was written last). Style is (colour or None, bold)."""

    def __init__(self, columns):
        self.columns, self.rows, self.row, self.column, self.style = columns, [[]], 0, 0, (None, False)

    def put(self, character, seconds):
        if self.column == self.columns:
            self.new_line()
        row = self.rows[self.row]
        row.extend([(" ", (None, False), seconds)] * (self.column + 1 - len(row)))
        row[self.column] = (character, self.style, seconds)
        self.column += 1

    def new_line(self):
        self.row, self.column = self.row + 1, 0
        if self.row == len(self.rows):
            self.rows.append([])

    def set_style(self, parameters):
        colour, bold = self.style
        for code in (int(each or 0) for each in parameters.split(";")):
            if code == 0:
                colour, bold = None, False
            elif code == 1:
                bold = True
            elif code in COLOURS:
                colour = COLOURS[code]
            elif code == 39:
                colour = None
        self.style = (colour, bold)

    def feed(self, text, seconds):
        at = 0
        while at < len(text):
            if sequence := ESCAPE.match(text, at):
                at = sequence.end()
                if sequence[2] == "m":
                    self.set_style(sequence[1])
                elif sequence[2] == "K":
                    del self.rows[self.row][self.column :]
                continue
            character = text[at]
            at += 1
            if character == "\n":
                self.new_line()
            elif character == "\r":
                self.column = 0
            elif character >= " ":
                self.put(character, seconds)


def record(command, columns, folder):
    """Runs it; returns its status and a list of (seconds since its start, text)."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.environ["TERM"] = "xterm-256color"
        os.execvp(command[0], command)
    ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    start, chunks, rest = time.monotonic(), [], b""
    while True:
        select.select([terminal], [], [])
        try:
            read = os.read(terminal, 65536)
        except OSError:  # the command has closed the terminal
            read = b""
        if not read:
            break
        rest += read
        text = rest.decode("utf-8", errors="ignore")
        rest = rest[len(text.encode("utf-8")) :] if len(rest) - len(text.encode("utf-8")) < 4 else b""
        chunks.append((time.monotonic() - start, text))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), chunks


def runs(row):
    """(column, text, style, seconds) of neighbouring cells with one style and time; blanks between words included."""
    found = []
    for column, (character, style, seconds) in enumerate(row):
        if found and found[-1][2:] == (style, seconds):
            found[-1] = (found[-1][0], found[-1][1] + character, style, seconds)
        else:
            found.append((column, character, style, seconds))
    return [run for run in found if run[1].strip()]


def render(screen, title):
    while screen.rows and not screen.rows[-1]:
        screen.rows.pop()
    width = round(2 * MARGIN + CHARACTER_WIDTH * screen.columns)
    height = round(BAR + 2 * MARGIN + LINE_HEIGHT * len(screen.rows))
    last = max((cell[2] for row in screen.rows for cell in row), default=0)
    total = last + HOLD_SECONDS
    times, texts = {}, []
    for number, row in enumerate(screen.rows):
        y = BAR + MARGIN + LINE_HEIGHT * (number + 0.75)
        for column, text, (colour, bold), seconds in runs(row):
            moment = times.setdefault(round(seconds, 2), len(times))
            look = (f' fill="{colour}"' if colour else "") + (' font-weight="bold"' if bold else "")
            x = MARGIN + CHARACTER_WIDTH * column
            length = f' textLength="{CHARACTER_WIDTH * len(text):.1f}" lengthAdjust="spacingAndGlyphs"'
            texts.append(f'<text class="t{moment}" x="{x:.1f}" y="{y:.1f}"{look}{length}>{escape(text)}</text>')
    moving = "".join(
        f"@keyframes k{moment}{{0%,{100 * seconds / total:.2f}%{{opacity:0}}"
        f"{100 * seconds / total + 0.01:.2f}%,100%{{opacity:1}}}}.t{moment}{{animation-name:k{moment}}}"
        for seconds, moment in times.items()
        if seconds > 0
    )
    dots = "".join(
        f'<circle cx="{MARGIN + 4 + 18 * i}" cy="{BAR / 2:.0f}" r="5" fill="{colour}"/>'
        for i, colour in enumerate(["#ff5f57", "#febc2e", "#28c840"])
    )
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img">
<title>{escape(title)}</title>
<style>
text{{font:{FONT_SIZE}px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;white-space:pre}}
@media (prefers-reduced-motion:no-preference){{
text{{animation-duration:{total:.2f}s;animation-iteration-count:infinite}}
{moving}
}}
</style>
<rect x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8" fill="{BACKGROUND}" stroke="{EDGE}"/>
{dots}
<g fill="{FOREGROUND}" xml:space="preserve">
{chr(10).join(texts)}
</g>
</svg>
"""


def main():
    parser = argparse.ArgumentParser(description="Records a command as an animated SVG.")
    parser.add_argument("--columns", type=int, default=100)
    parser.add_argument("--prompt", default="$ ", help="what stands before the command")
    parser.add_argument("--cwd", default=".", help="the folder in which the command runs")
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()

    screen = Screen(options.columns)
    screen.feed(f"\x1b[32m{options.prompt}\x1b[0m\x1b[1m{shlex.join(options.command)}\x1b[0m\n", 0)
    status, chunks = record(options.command, options.columns, options.cwd)
    for seconds, text in chunks:
        screen.feed(text, seconds)
    if status != 0:
        print("".join(text for _, text in chunks), file=sys.stderr)
        print(f"terminal_svg: the command ended with {status}; no picture written", file=sys.stderr)
        return status
    with open(options.output, "w", encoding="utf-8") as file:
        file.write(render(screen, shlex.join(options.command)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
