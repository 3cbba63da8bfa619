#!/usr/bin/env python3
"""Asks one node for several models by turns, of which not all fit, and reports failures and how long switching takes.

  bench/switching.py MODEL [--exogpu build/release/exogpu] [--models 5] [--fit 2] [--requests 200]

The models are copies of one file with different contents. Models are drawn at random, the same ones for a seed. The time
of a request is that until its answer is complete; a switch is one whose model was not loaded.
"""

import argparse
import collections
import pathlib
import random
import shutil
import statistics
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from harness.models import write_other
from harness.node import Node
from harness.waiting import until

OPTIONS = ["-c", 1024, "--parallel", 2]


def copies(model, folder, count):
    folder.mkdir()
    names = [f"model-{number}" for number in range(count)]
    for number, name in enumerate(names):
        write_other(model, folder / f"{name}.gguf", number)
    return names


def memory_of_one(exogpu, folder, model):
    node = Node(exogpu, folder, "measure", model, *OPTIONS)
    node.waits_to_serve()
    memory = node.plan_memory()
    node.kill()
    return memory


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--exogpu", type=pathlib.Path, default=ROOT / "build/release/exogpu")
    parser.add_argument("--models", type=int, default=5)
    parser.add_argument("--fit", type=int, default=2)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--tokens", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="exogpu-switching-"))
    exogpu = arguments.exogpu.resolve()
    node = None
    failures = collections.Counter()
    times = {"loaded": [], "switched": []}
    try:
        memory = int((arguments.fit + 0.5) * memory_of_one(exogpu, folder, arguments.model.resolve()))
        names = copies(arguments.model, folder / "models", arguments.models)
        node = Node(exogpu, folder, "node", "--models", folder / "models", "--memory", memory, *OPTIONS)
        until("the library is known", lambda: sorted(node.states()) == names)
        for _ in range(arguments.requests):
            name = chance.choice(names)
            kind = "loaded" if node.states()[name] == "loaded" else "switched"
            begun = time.monotonic()
            status, answer = node.request("POST", "/v1/completions", {
                "model": name, "prompt": "Once upon a time", "max_tokens": arguments.tokens, "ignore_eos": True,
                "temperature": 0})
            if status != 200 or answer["usage"]["completion_tokens"] != arguments.tokens:
                failures[f"{status} {answer}"] += 1
            times[kind].append(time.monotonic() - begun)
        read = node.cluster()["weights"]["received_bytes"]
    finally:
        if node is not None:
            node.kill()
        shutil.rmtree(folder)
    print(f"{arguments.requests} requests for {arguments.models} models, of which {arguments.fit} fit: "
          f"{failures.total()} failures, {read:,} bytes from other nodes")
    for failure, count in failures.items():
        print(f"  {count} x {failure}")
    for kind, seconds in times.items():
        if seconds:
            print(f"{kind}: {len(seconds)} requests, median {statistics.median(seconds):.3f} s, "
                  f"most {max(seconds):.3f} s")


if __name__ == "__main__":
    main()
