#!/usr/bin/env python3
"""Conversations that share a pool of tokens, by turns with conversations that each have rows of their own.

  bench/pool.py MODEL [--exogpu build/release/exogpu] [--long 32768] [--short 500] [--count 16] [--pool 40000]
                      [--rounds 3] [--arguments "--kv-type q8_0"]

  together  one conversation of --long tokens and --count of --short, all at once, in the pool: whether all are
            answered, and the tokens per second of each kind
  short     tokens per second of --count conversations of --short tokens, in the pool and with a fixed slot for each
  long      tokens per second of the one of --long tokens, in the pool and with one fixed slot

A conversation is a prompt of all its tokens but an answer of 128. Rates are those of decoding: of the tokens after the
last first one, so that no prompt is read meanwhile. Both sides run in turns, with one thread; a ratio is that of medians.
"""

import argparse
import concurrent.futures
import pathlib
import shlex
import statistics
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from harness.node import Node

ANSWER = 128


def prompt_of(tokens, number):
    """Token ids, which need no tokenizer and are those of characters in any model; no two prompts begin alike."""
    return [20 + (number * 7919 + i * 31) % 97 for i in range(tokens)]


class Asked:
    """A streamed answer: when its tokens came."""

    def __init__(self, node, tokens, number):
        self.failure, self.times = None, []
        for piece in node.stream(prompt=prompt_of(tokens - ANSWER, number), max_tokens=ANSWER, ignore_eos=True,
                                 logprobs=0, cache_prompt=False):
            if "error" in piece:
                self.failure = piece["error"]["message"]
            for choice in piece.get("choices", []):
                self.times += [time.monotonic()] * len((choice.get("logprobs") or {}).get("tokens", []))
        if self.failure is None and len(self.times) != ANSWER:
            self.failure = f"{len(self.times)} tokens came of {ANSWER}"


def ask(node, lengths, first):
    """Asks for all at once."""
    with concurrent.futures.ThreadPoolExecutor(len(lengths)) as threads:
        return list(threads.map(lambda each: Asked(node, each[1], first + each[0]), enumerate(lengths)))


def rate(answers):
    """Tokens per second of all together, while all decode."""
    begin, end = max(a.times[0] for a in answers), min(a.times[-1] for a in answers)
    count = sum(sum(begin < t <= end for t in a.times) for a in answers)
    return count / (end - begin) if end > begin else float("nan")


class Bench:
    def __init__(self, arguments, folder):
        self.arguments, self.folder, self.asked = arguments, folder, 0
        self.failures = []

    def node(self, name, *options):
        a = self.arguments
        node = Node(a.exogpu.resolve(), self.folder, name, a.model.resolve(), *options, *shlex.split(a.arguments))
        node.waits_to_serve()
        return node

    def ask(self, node, lengths):
        answers = ask(node, lengths, self.asked)
        self.asked += len(lengths)
        self.failures += [a.failure for a in answers if a.failure]
        return answers

    def by_turns(self, what, lengths, pooled, fixed):
        rates = {pooled: [], fixed: []}
        for _ in range(self.arguments.rounds):
            for node, results in rates.items():
                answers = self.ask(node, lengths)
                if not any(a.failure for a in answers):
                    results.append(rate(answers))
        if self.failures:
            return
        of_pool, of_fixed = (statistics.median(results) for results in rates.values())
        print(f"{what:9} pool {of_pool:9.2f} t/s   fixed {of_fixed:9.2f} t/s   ratio {of_pool / of_fixed:.3f}", flush=True)

    def together(self, pooled):
        a = self.arguments
        answers = self.ask(pooled, [a.long] + [a.short] * a.count)
        if any(each.failure for each in answers):
            return
        first, last = (f(t for each in answers for t in each.times) for f in (min, max))
        print(f"together  {len(answers)} of {len(answers)} answered, {len(answers) * ANSWER} tokens in {last - first:.1f} s "
              "from the first to the last", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--exogpu", type=pathlib.Path, default=ROOT / "build/release/exogpu")
    for name, default in (("long", 32768), ("short", 500), ("count", 16), ("pool", 40000), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--arguments", default="", help="more options of each node")
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(a, pathlib.Path(folder))
        pooled = bench.node("pool", "-c", a.long, "--pool", a.pool, "--parallel", a.count + 1)
        bench.together(pooled)
        for what, lengths in (("short", [a.short] * a.count), ("long", [a.long])):
            fixed = bench.node(f"fixed-{what}", "-c", max(lengths), "--parallel", len(lengths))
            bench.by_turns(what, lengths, pooled, fixed)
            fixed.stop()
        pooled.stop()
        for failure in bench.failures:
            print(f"FAILED    {failure}")
        return 1 if bench.failures else 0


if __name__ == "__main__":
    sys.exit(main())
