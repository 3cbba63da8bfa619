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
layers, which includes packing weights as the processor's kernels want them. With --cold the file is dropped from that cache
all the time, so that files much smaller than the memory come from the disk, too, though not directly.

With --peer, llama-bench maps the file (mmap) under a limit of as many bytes as exogpu's process has in all, which
--limit sets: a command before it, in which {bytes} stands for them. Without a limit it would have the whole file in the
system's cache.

Examples:
  bench/streaming.py --ours build/release/exogpu --threads 1 llama-8b-Q4_K_M.gguf
  bench/streaming.py --peer llama-bench --limit 'systemd-run --scope --quiet -p MemoryMax={bytes}' llama-8b-Q4_K_M.gguf
"""

import argparse
import contextlib
import json
import mmap
import os
import shlex
import statistics
import subprocess
import sys
import threading
import time

WINDOW = 4 << 20
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


def ours(options, model, *more):
    out, memory = run([*shlex.split(options.ours), "bench", model, "--json", "-d", "cpu", "-t", str(options.threads), "-p",
                       str(options.prompt), "-n", str(options.generate), "-r", "1", "-b", str(options.batch), *more])
    report = json.loads(out)
    speeds = {short: report[word]["median"] for short, word in WORDS.items() if word in report}
    return speeds, memory, report.get("streaming")


def peers(options, model, bytes_max):
    limited = shlex.split(options.limit.replace("{bytes}", str(bytes_max)))
    out, _ = run([*limited, *shlex.split(options.peer), "-m", model, "-mmp", "1", "-t", str(options.threads), "-p",
                  str(options.prompt), "-n", str(options.generate), "-b", str(options.batch), "-r", "1", "-o", "json"])
    return {"pp" if entry["n_prompt"] else "tg": statistics.median(entry["samples_ts"])
            for entry in json.loads(out[out.index("["):])}


def available_bytes():
    with open("/proc/meminfo") as lines:
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable"))


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


@contextlib.contextmanager
def out_of_cache(model):
    """Drops what the system's cache has of the file, a hundred times a second."""
    ended = threading.Event()
    file = os.open(model, os.O_RDONLY)

    def drop():
        while not ended.wait(0.01):
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)

    thread = threading.Thread(target=drop)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        os.close(file)


def medians(rounds):
    return {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}


def way_text(options, direct):
    return "from the disk directly" if direct else f"through the cache{', which is cold,' if options.cold else ''}"


def measure(options, model, part):
    size = os.path.getsize(model)
    budget = size // part
    rounds, memories, rates, brought = {"resident": [], "streams": [], "peer": []}, [], [], []
    for _ in range(options.rounds):
        speeds, _, _ = ours(options, model)
        rounds["resident"].append(speeds)
        with out_of_cache(model) if options.cold else contextlib.nullcontext():
            speeds, memory, streaming = ours(options, model, "--memory-max", str(budget))
            if streaming is None:
                sys.exit(f"{model}: nothing streams with {budget} bytes")
            direct = streaming["bytes_per_step"] > available_bytes() / 2
            rates.append(reading_rate(model, streaming["bytes_per_step"], direct))
        rounds["streams"].append(speeds)
        memories.append(memory)
        brought.append(streaming["bytes_per_s"])
        if options.peer and options.limit:
            rounds["peer"].append(peers(options, model, memory))
    resident, streams = medians(rounds["resident"]), medians(rounds["streams"])
    peer = medians(rounds["peer"]) if rounds["peer"] else {}
    rate, memory = statistics.median(rates), max(memories)
    print(f"{os.path.basename(model)}  {size / 1e6:.0f} MB, budget 1/{part}: {streaming['layers']} layers stream, "
          f"{streaming['bytes_per_step'] / 1e6:.0f} MB a step; read {way_text(options, direct)} at "
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
    parser.add_argument("--cold", action="store_true", help="keep the file out of the system's cache while layers stream")
    parser.add_argument("--peer", help="llama-bench, with arguments before its own if need be; needs --limit")
    parser.add_argument("--limit", help="a command that limits the memory of the one after it to {bytes}")
    options = parser.parse_args()
    if options.peer and not options.limit:
        parser.error("--peer needs --limit: without one, the file stays in the system's cache")
    for model in options.models:
        for part in options.parts:
            measure(options, model, part)


if __name__ == "__main__":
    main()
