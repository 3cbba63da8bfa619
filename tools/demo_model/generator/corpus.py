"""Prints training texts, or with --prompts the held-out prompts.

usage: python3 -m generator.corpus [--seed N] [--count N] [--prompts]    (in tools/demo_model)
"""
import argparse
import random

from . import conversation, prompts


def texts(seed, count):
    rng = random.Random(seed)
    for _ in range(count):
        yield conversation.text(rng)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--count", type=int, default=10)
    arguments.add_argument("--prompts", action="store_true", help="the held-out prompts and one good answer to each")
    options = arguments.parse_args()
    if options.prompts:
        for name, make in prompts.SETS.items():
            for typed, turn in make(options.seed, options.count):
                print(f"[{name}: {turn.sort}/{turn.name}] {typed}\n    {turn.answer}")
        return
    for messages in texts(options.seed, options.count):
        print("\n".join(f"{role}: {text}" for role, text in messages), end="\n\n")


if __name__ == "__main__":
    main()
