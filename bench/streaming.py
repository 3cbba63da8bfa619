#!/usr/bin/env python3
"""Measures models larger than the memory that they are given: which part of what is possible do layers that stream reach?

For each model and each part (2: half of the file's bytes are the budget of weights) these run by turns, so that a
machine that slows down slows all, and each figure is the median of the rounds:
  resident   exogpu with all weights in memory: what computing alone would reach
  streams    exogpu with --memory-max
  reading    the bytes that stream, read from the file in windows as exogpu reads them, with nothing else to do
The bound is the smaller of the resident speed and of steps by the rate of reading; a prompt is a step for each of its
chunks. exogpu reads straight from the disk (O_DIRECT) where more streams than half of the memory that is available, else
through the system's cache; so does `reading`, and the line says which. It says as well how fast exogpu itself brought
layers, which includes packing weights as the processor's kernels want them.

With --disk, what streams runs in a control group that has 128 MiB beside the budget, and the file is not in the
system's cache when it starts, so that files much smaller than the machine's memory come from the disk, too. With --peer
as well, llama-bench maps the file (mmap) in such a group.

Examples:
  bench/streaming.py --ours build/release/exogpu --threads 1 llama-8b-Q4_K_M.gguf
  bench/streaming.py --disk --peer 'llama-bench --load-mode mmap --repack 0' llama-8b-Q4_K_M.gguf
"""

import argparse
import contextlib
import json
import mmap
import os
import pathlib
import shlex
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from harness.memory_group import MemoryGroup

WINDOW = 4 << 20
BESIDE = 128 << 20
WORDS = {"pp": "prompt", "tg": "generation"}


def run(command):
    """What it wrote, and the most memory that it had, in bytes."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    out = process.stdout.read()
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{shlex.join(command)} ended with {os.waitstatus_to_exitcode(status)}:\n{errors[-2000:]}")
    return out, usage.ru_maxrss * 1024


def ours(options, model, *more, before=()):
    out, memory = run([*before, *shlex.split(options.ours), "bench", model, "--json", "-d", "cpu", "-t", str(options.threads), "-p",
                       str(options.prompt), "-n", str(options.generate), "-r", "1", "-b", str(options.batch), *more])
    report = json.loads(out)
    speeds = {short: report[word]["median"] for short, word in WORDS.items() if word in report}
    return speeds, memory, report.get("streaming")


def peers(options, model, before):
    out, _ = run([*before, *shlex.split(options.peer), "-m", model, "-t", str(options.threads), "-p",
                  str(options.prompt), "-n", str(options.generate), "-b", str(options.batch), "-r", "1", "-o", "json"])
    return {"pp" if entry["n_prompt"] else "tg": statistics.median(entry["samples_ts"])
            for entry in json.loads(out[out.index("["):])}


@contextlib.contextmanager
def little_memory(options, model, budget):
    """Words before a command that run it with little memory, and how much that is."""
    if not options.disk:
        with open("/proc/meminfo") as lines:
            yield [], next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable"))
        return
    file = os.open(model, os.O_RDONLY)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(file)
    group = MemoryGroup(budget + BESIDE)
    try:
        yield [*map(str, group.command())], budget + BESIDE
    finally:
        group.remove()


def reading_rate(model, count, direct):
    """Bytes/s of reading `count` bytes, as exogpu reads them: windows at multiples of their size."""
    buffer = mmap.mmap(-1, WINDOW)  # begins at a page, as O_DIRECT wants it
    file = os.open(model, os.O_RDONLY | (os.O_DIRECT if direct else 0))
    try:
        done, began = 0, time.perf_counter()
        while done < count:
            got = os.preadv(file, [buffer], done // WINDOW * WINDOW)
            if got <= 0:
                break
            done += got
        return done / (time.perf_counter() - began)
    finally:
        os.close(file)


def medians(rounds):
    return {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}


def measure(options, model, part):
    size = os.path.getsize(model)
    budget = size // part
    rounds, memories, rates, brought = {"resident": [], "streams": [], "peer": []}, [], [], []
    for _ in range(options.rounds):
        speeds, _, _ = ours(options, model)
        rounds["resident"].append(speeds)
        with little_memory(options, model, budget) as (before, available):
            speeds, memory, streaming = ours(options, model, "--memory-max", str(budget), before=before)
        if streaming is None:
            sys.exit(f"{model}: nothing streams with {budget} bytes")
        rounds["streams"].append(speeds)
        memories.append(memory)
        brought.append(streaming["bytes_per_s"])
        direct = streaming["bytes_per_step"] > available / 2
        rates.append(reading_rate(model, streaming["bytes_per_step"], direct))
        if options.peer:
            with little_memory(options, model, budget) as (before, _):
                rounds["peer"].append(peers(options, model, before))
    resident, streams = medians(rounds["resident"]), medians(rounds["streams"])
    peer = medians(rounds["peer"]) if rounds["peer"] else {}
    rate, memory = statistics.median(rates), max(memories)
    print(f"{os.path.basename(model)}  {size / 1e6:.0f} MB, budget 1/{part}: {streaming['layers']} layers stream, "
          f"{streaming['bytes_per_step'] / 1e6:.0f} MB a step; read {'from the disk' if direct else 'through the cache'} at "
          f"{rate / 1e9:.2f} GB/s, brought at {statistics.median(brought) / 1e9:.2f} GB/s; peak memory {memory / 1e6:.0f} MB; "
          f"load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
    for name, speed in streams.items():
        tokens_a_step = min(options.prompt, options.batch) if name == "pp" else 1
        reading = tokens_a_step * rate / streaming["bytes_per_step"]
        bound = min(resident[name], reading)
        beside = f"  llama-bench, mmap {peer[name]:.2f} t/s = {speed / peer[name]:.2f} x" if peer else ""
        print(f"  {name}  resident {resident[name]:8.2f}  reading {reading:8.2f}  bound {bound:8.2f}  streams {speed:8.2f} t/s  "
              f"share of the bound {speed / bound:.3f}{beside}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--ours", default="build/release/exogpu", help="the exogpu program")
    parser.add_argument("--parts", type=lambda text: [int(n) for n in text.split(",")], default=[2, 4], help="2,4")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--generate", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--disk", action="store_true", help="with little memory, for which control groups stand")
    parser.add_argument("--peer", help="llama-bench, with arguments before its own if need be; with --disk")
    options = parser.parse_args()
    if options.peer and not options.disk:
        parser.error("--peer needs --disk: otherwise the whole file would be in the system's cache")
    for model in options.models:
        for part in options.parts:
            measure(options, model, part)


if __name__ == "__main__":
    main()
