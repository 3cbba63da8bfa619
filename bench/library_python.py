#!/usr/bin/env python3
"""What a call costs in Python, and how fast an answer comes there against `exogpu bench`, by turns.

usage: library_python.py PROGRAM MODEL [ROUNDS]     (the interpreter has the package exogpu)
"""
import json
import statistics
import subprocess
import sys
import timeit

import exogpu

TOKENS = 128


def calls(context):
    buffer = context.device("cpu").allocate(64)
    data, into = b"x", bytearray(1)
    for name, call in (
        ("upload a byte", lambda: buffer.upload(data)),
        ("download a byte", lambda: buffer.download(into)),
        ("copy a byte", lambda: buffer.copy_to(buffer, target_offset=8, size=1)),
    ):
        best = min(timeit.repeat(call, number=20_000, repeat=10)) / 20_000
        print(f"{name:24} {best * 1e6:8.2f} us")


def by_bench(program, model, *options):
    done = subprocess.run([program, "bench", model, "-d", "cpu", "-p", "0", "-n", str(TOKENS), "-r", "5", "--json", *options],
                          capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["generation"]["median"]


def by_python(model):
    """From the first token on, as `bench` counts."""
    generation = model.generate("a", max_tokens=TOKENS + 1, ignore_end=True, temperature=0)
    for _ in generation:
        pass
    return (generation.stats.answer_tokens - 1) / generation.stats.answer_s


def main(program, model, rounds=5):
    with exogpu.Context(cpu_only=True) as context:
        calls(context)
        bench, python = [], []
        for _ in range(int(rounds)):
            bench.append(by_bench(program, model))
            with exogpu.Model.open(model, context=context, context_tokens=256) as opened:
                by_python(opened)
                python.append(statistics.median(by_python(opened) for _ in range(3)))
        print(f"bench {statistics.median(bench):.1f} t/s, Python {statistics.median(python):.1f} t/s, "
              f"ratio {statistics.median(p / b for p, b in zip(python, bench)):.3f} (median of {rounds} rounds)")


if __name__ == "__main__":
    main(*sys.argv[1:])
