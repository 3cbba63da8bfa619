#!/usr/bin/env python3
"""Measures groups that compute each layer together (tensor parallelism) beside one member of them.

On the CPU a member has one core. The bound is what that many programs reach which do not know each other: each runs on
one of the same cores at the same time, so they share the memory's bandwidth and the caches as a group does, and
exchange nothing. All run by turns, so that a machine that slows down slows all; each figure is the median of the
rounds. With --device, the members are those devices, the first is the one beside them, and there is no such bound; with
--peer, llama-bench runs on the same GPUs with its tensor split.

Examples:
  bench/tensor_parallel.py --ours build/release/exogpu --members 2,4 qwen3-0.6b-Q4_K_M.gguf
  bench/tensor_parallel.py --ours build/release/exogpu --device cuda0+cuda1 --peer llama-bench llama-8b-Q4_K_M.gguf
Let nothing else run meanwhile.
"""

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys

WORDS = {"pp": "prompt", "tg": "generation"}


def start(command, cores=None):
    pinned = (lambda: os.sched_setaffinity(0, cores)) if cores else None
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=pinned)


def output(process):
    out, errors = process.communicate()
    if process.returncode != 0:
        sys.exit(f"{shlex.join(process.args)} ended with {process.returncode}:\n{errors[-2000:]}")
    return out


def command(options, model, *more):
    return [*shlex.split(options.ours), "bench", model, "--json", "-p", str(options.prompt), "-n", str(options.generate),
            "-r", str(options.repetitions), *more]


def speeds(process):
    report = json.loads(output(process))
    return {short: report[word]["median"] for short, word in WORDS.items() if word in report}


def on_cores(options, model, members, cores):
    """The speeds of one core, of a group of so many, and the sum of so many programs beside each other."""
    alone = ("--device", "cpu", "-t", "1")
    one = speeds(start(command(options, model, *alone), {cores[0]}))
    group = speeds(start(command(options, model, "--device", "cpu", "-t", str(members), "--tensor-parallel", str(members)),
                         set(cores)))
    beside = [start(command(options, model, *alone), {core}) for core in cores]
    each = [speeds(process) for process in beside]
    return one, group, {name: sum(speed[name] for speed in each) for name in one}


def peer_speeds(options, model, *more):
    text = output(start([*shlex.split(options.peer), "-m", model, "-ngl", "99", "-fa", "1", "-p", str(options.prompt), "-n",
                         str(options.generate), "-r", str(options.repetitions), "-o", "json", *more]))
    found = {}
    for entry in json.loads(text[text.index("["):]):
        found["pp" if entry["n_prompt"] else "tg"] = statistics.median(entry["samples_ts"])
    return found


def medians(rounds):
    return {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}


def of_cores(options, model):
    for members in options.members:
        cores = sorted(os.sched_getaffinity(0))[:members]
        if len(cores) < members:
            print(f"{members} members: this process may use {len(cores)} cores only")
            continue
        one, group, beside = map(medians, zip(*[on_cores(options, model, members, cores) for _ in range(options.rounds)]))
        for name in one:
            print(f"{name}  one core {one[name]:9.2f} t/s  group of {members} {group[name]:9.2f} t/s = "
                  f"{group[name] / one[name]:.2f} x  bound {beside[name] / one[name]:.2f} x  "
                  f"share of the bound {group[name] / beside[name]:.3f}", flush=True)


def of_devices(options, model):
    first = options.device.split("+")[0]
    rounds = []
    for _ in range(options.rounds):
        each = [speeds(start(command(options, model, "--device", device))) for device in (first, options.device)]
        if options.peer:
            each += [peer_speeds(options, model, "-sm", "none"), peer_speeds(options, model, "-sm", options.peer_split)]
        rounds.append(each)
    one, group, *peer = map(medians, zip(*rounds))
    for name in one:
        line = f"{name}  {first} {one[name]:9.2f} t/s  {options.device} {group[name]:9.2f} t/s = {group[name] / one[name]:.2f} x"
        if peer:
            line += (f"  peer: one {peer[0][name]:9.2f}, split {peer[1][name]:9.2f} t/s = "
                     f"{peer[1][name] / peer[0][name]:.2f} x")
        print(line, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--ours", default="build/release/exogpu", help="the exogpu program")
    parser.add_argument("--members", type=lambda text: [int(n) for n in text.split(",")], default=[2], help="2,4")
    parser.add_argument("--device", help="measure this group of devices, for example cuda0+cuda1, not cores")
    parser.add_argument("--peer", help="llama-bench, with arguments before its own if need be; with --device")
    parser.add_argument("--peer-split", default="row", help="its way to split: row, or tensor where it has that")
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--generate", type=int, default=64)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    for model in options.models:
        print(model)
        (of_devices if options.device else of_cores)(options, model)


if __name__ == "__main__":
    main()
