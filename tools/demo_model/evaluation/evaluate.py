"""Gives the held-out prompts to exogpu and counts good answers. Exit status 1 if there are too few.

usage: python3 -m evaluation.evaluate EXOGPU MODEL.gguf [--count N] [--wrong]    (in tools/demo_model)
"""
import argparse
import sys

from evaluation.engines import Exogpu
from generator import prompts

# Set, temperature, and the share of prompts whose answer must be right in every respect.
TASKS = (("mixed", 0.7, 0.95), ("commands", 0.0, 0.90), ("every command", 0.0, 0.90), ("sums", 0.0, 0.90))


def judge(engine, name, temperature, count, show):
    ended = well_formed = on_subject = good = asked = 0
    for number, (typed, turn) in enumerate(prompts.SETS[name]()[:count]):
        text, stopped = engine.answer(typed, temperature, seed=number + 1)
        marks = (stopped, turn.accepts(text), turn.mentions_subject(text))
        ended, well_formed, on_subject, good = ended + marks[0], well_formed + marks[1], on_subject + marks[2], good + all(marks)
        asked += 1
        if show and not all(marks):
            print(f"  [{turn.sort}/{turn.name}] {typed!r} -> {text!r}")
    print(f"{name}, temperature {temperature}: of {asked} answers {ended} ended by themselves, {well_formed} are well formed, "
          f"{on_subject} mention the subject; {good} do all three ({good / asked:.1%})", flush=True)
    return good / asked


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("exogpu")
    arguments.add_argument("model")
    arguments.add_argument("--count", type=int, default=None, help="only the first N prompts of each set")
    arguments.add_argument("--wrong", action="store_true", help="show the answers that are not good")
    options = arguments.parse_args()
    engine = Exogpu(options.exogpu, options.model)
    short = [name for name, temperature, least in TASKS if judge(engine, name, temperature, options.count, options.wrong) < least]
    if short:
        sys.exit(f"evaluate: too few good answers: {', '.join(short)}")


if __name__ == "__main__":
    main()
