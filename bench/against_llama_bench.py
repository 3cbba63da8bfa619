#!/usr/bin/env python3
"""Measures exogpu beside llama-bench: prompt and generation speed, load time and peak memory.

Both programs run by turns, so that a machine that slows down slows both, and each figure is the median of the rounds'
medians. A ratio above 1 means that exogpu is faster (speed) or needs more (load, memory).

Example:
  bench/against_llama_bench.py --ours build/release/exogpu --peer llama-bench --threads 1,2 qwen3-0.6b-Q4_K_M.gguf
Let nothing else run meanwhile.
"""

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time


def run(command: list[str]) -> tuple[str, float, int]:
    """Its output, its seconds, and its peak resident memory in bytes; ends this program if it fails."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        started = time.monotonic()
        process = subprocess.Popen(command, stdout=out, stderr=errors, stdin=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        errors.seek(0)
        if process.returncode != 0:
            sys.exit(f"{shlex.join(command)} ended with {process.returncode}:\n{errors.read().decode()[-2000:]}")
        return out.read().decode(), seconds, usage.ru_maxrss * 1024


def ours(program: list[str], model: str, threads: int, prompt: int, generate: int, repetitions: int, device: str):
    text, seconds, memory = run([*program, "bench", model, "--json", "--device", device, "-t", str(threads), "-p",
                                 str(prompt), "-n", str(generate), "-r", str(repetitions)])
    report = json.loads(text)
    speeds = {name: report[part]["median"] for name, part in (("pp", "prompt"), ("tg", "generation")) if part in report}
    return speeds, seconds, memory


def peers(program: list[str], model: str, threads: int, prompt: int, generate: int, repetitions: int, options: list[str]):
    text, seconds, memory = run([*program, "-m", model, "-t", str(threads), "-p", str(prompt), "-n", str(generate), "-r",
                                 str(repetitions), "-o", "json", *options])
    speeds = {}
    for entry in json.loads(text[text.index("["):]):
        speeds["pp" if entry["n_prompt"] else "tg"] = statistics.median(entry["samples_ts"])
    return speeds, seconds, memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--ours", default="build/release/exogpu", help="the exogpu program")
    parser.add_argument("--peer", default="llama-bench", help="llama-bench, with arguments before its own if need be")
    parser.add_argument("--peer-options", default="-fa 1", help="more arguments for llama-bench")
    parser.add_argument("--device", default="cpu", help="exogpu's device")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("-p", "--prompt", type=int, default=256)
    parser.add_argument("-n", "--generate", type=int, default=32)
    parser.add_argument("-r", "--repetitions", type=int, default=3, help="within a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    us, peer, options = shlex.split(args.ours), shlex.split(args.peer), shlex.split(args.peer_options)

    rows = []
    for model in args.models:
        for threads in map(int, args.threads.split(",")):
            values: dict[tuple[str, str], list[float]] = {}
            for _ in range(args.rounds):
                sides = (("ours", lambda *a: ours(us, *a, args.device)), ("peer", lambda *a: peers(peer, *a, options)))
                for side, measure in sides:
                    speeds, _, memory = measure(model, threads, args.prompt, args.generate, args.repetitions)
                    _, load, _ = measure(model, threads, 1, 0, 1)
                    for name, value in {**speeds, "load": load, "memory": memory}.items():
                        values.setdefault((name, side), []).append(value)
            for name in ("pp", "tg", "load", "memory"):
                if (name, "ours") not in values:
                    continue
                our, their = (statistics.median(values[name, side]) for side in ("ours", "peer"))
                rows.append({"model": os.path.basename(model), "threads": threads, "what": name, "ours": our,
                             "peer": their, "ratio": our / their})
                if not args.json:
                    scale, unit = {"load": (1, "s"), "memory": (1e-6, "MB")}.get(name, (1, "tokens/s"))
                    print(f"{rows[-1]['model']:<28} {threads} threads  {name:<6} {our * scale:9.2f} {their * scale:9.2f} "
                          f"{unit:<8} ratio {our / their:.3f}", flush=True)
    if args.json:
        print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
