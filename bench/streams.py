#!/usr/bin/env python3
"""Tokens per second of streams in Python and Kotlin against `exogpu bench`, by turns, each with one thread.

usage: streams.py PROGRAM MODEL [ROUNDS]     (the interpreter has the package exogpu; scripts/jvm was run)
"""
import statistics
import subprocess
import sys
from pathlib import Path

import exogpu
import library_python

JVM = Path(__file__).resolve().parents[1] / "build/jvm"


def by_python(model):
    with exogpu.Context(cpu_only=True) as context:
        with exogpu.Model.open(model, context=context, context_tokens=256, threads=1) as opened:
            library_python.by_python(opened)
            return statistics.median(library_python.by_python(opened) for _ in range(5))


def by_kotlin(model):
    jar = next((JVM / "maven").glob("exogpu-*.jar"))
    classes = ":".join([str(jar), (JVM / "class-path").read_text(encoding="utf-8"), str(JVM / "maven/test-classes")])
    done = subprocess.run(["java", "-cp", classes, "com.exo.gpu.StreamRate", model, str(library_python.TOKENS)],
                          capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def main(program, model, rounds=5):
    rates = {"bench": [], "Python": [], "Kotlin": []}
    for _ in range(int(rounds)):
        rates["bench"].append(library_python.by_bench(program, model, "-t", "1"))
        rates["Python"].append(by_python(model))
        rates["Kotlin"].append(by_kotlin(model))
        print(*(f"{name} {values[-1]:.1f}" for name, values in rates.items()), flush=True)
    for name, values in rates.items():
        shares = [value / bench for value, bench in zip(values, rates["bench"])]
        print(f"{name:8} median {statistics.median(values):7.1f} t/s, {statistics.median(shares):.3f} of bench; "
              f"fastest {max(values):7.1f} t/s, {max(values) / max(rates['bench']):.3f} of bench ({len(values)} rounds)")


if __name__ == "__main__":
    main(*sys.argv[1:])
