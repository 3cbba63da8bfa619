#!/usr/bin/env python3
"""What an API key costs the smallest requests: with and without one by turns, at one node.

usage: bench/keys_cost.py [--build FOLDER] [--pairs N]
  --build FOLDER   a finished build of exogpu (build/release)
  --pairs N        requests of each kind (20000)

A node with the smallest model completes one token for a prompt of one. The key has limits, and patterns of models and of
devices, among 100 keys. Two connections, one request at a time, in pairs of random order, so that what else the machine
does meets both alike. Prints the medians, and the mean of the differences of the pairs without their outermost tenths.
`keys_bench` measures what keys, roles and the audit cost without the rest of a request.
"""
import argparse
import http.client
import json
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from harness.node import Node  # noqa: E402

KEYS = 100
WARM = 200  # pairs before those that count
BODY = json.dumps({"model": "model", "prompt": "x", "max_tokens": 1})


class Client:
    def __init__(self, port, key=None):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}

    def takes(self):
        begun = time.perf_counter()
        self.connection.request("POST", "/v1/completions", BODY, self.headers)
        response = self.connection.getresponse()
        text = response.read()
        took = time.perf_counter() - begun
        assert response.status == 200, text
        return took


def make_keys(exogpu, port):
    for number in range(KEYS):
        done = subprocess.run([exogpu, "keys", "add", f"key {number}", "--scope", "chat", "--models", "llama*", "--models", "m*",
                               "--devices", "bench/*", "--rate", "4000000000/min", "--tokens", "1000000000000/day", "--api",
                               f"127.0.0.1:{port}"], check=True, capture_output=True, text=True)
    return next(word for word in done.stdout.split() if word.startswith("exo-"))


def measure(node, key, pairs):
    clients = {"without": Client(node.api), "with": Client(node.api, key)}
    times = {kind: [] for kind in clients}
    for number in range(pairs + WARM):
        for kind in random.sample(sorted(clients), 2):
            took = clients[kind].takes()
            if number >= WARM:
                times[kind].append(took)
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--pairs", type=int, default=20_000)
    options = parser.parse_args()
    build = options.build.absolute()
    with tempfile.TemporaryDirectory() as folder:
        model = pathlib.Path(folder) / "model.gguf"
        subprocess.run([build / "exogpu_tiny_model", "llama", model], check=True, capture_output=True)
        node = Node(build / "exogpu", pathlib.Path(folder), "bench", model, "--no-discovery")
        try:
            node.waits_to_serve()
            times = measure(node, make_keys(build / "exogpu", node.api), options.pairs)
        finally:
            node.stop()
    differences = sorted(w - o for w, o in zip(times["with"], times["without"]))
    tenth = len(differences) // 10
    kept = differences[tenth:len(differences) - tenth]
    mean, error = statistics.mean(kept), statistics.stdev(kept) / len(kept) ** 0.5
    without, within = (statistics.median(times[kind]) for kind in ("without", "with"))
    print(f"{options.pairs} pairs; without a key: median {1e6 * without:.1f} us; with one: {1e6 * within:.1f} us")
    print(f"a key costs {1e6 * mean:+.2f} us (standard error {1e6 * error:.2f}): {100 * mean / without:+.2f} % of a request")


if __name__ == "__main__":
    main()
