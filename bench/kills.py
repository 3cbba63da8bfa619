#!/usr/bin/env python3
"""Kills a node at a random moment of an answer, again and again, and tells whether the answers survived.

  bench/kills.py MODEL [--exogpu build/release/exogpu] [--nodes 4] [--kills 100] [--tokens 300] [--seed 1]

The nodes are processes of this machine, the model cut over at least `--devices-min` of them. The first has the model and
is asked; of the others one that computes is killed (SIGKILL) and started anew when the answer is there. An answer must
come to its end without an error and equal that of an undisturbed run, but for near-ties, where tokens that are computed
again together may round to the other side; those are counted. A gap is the longest time between two of its
tokens after the kill.
"""

import argparse
import json
import pathlib
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

# Of two log probabilities. Kernels for one token and for many round differently, and quantise what they rounded.
NEAR_TIE = 0.1

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Node:
    def __init__(self, arguments, folder, name, *options):
        self.name, self.folder = name, folder
        self.command = [str(arguments.exogpu), "serve", *map(str, options), "-d", "cpu", "-t", "1", "--name", name,
                        "--state", str(folder / name), "--cache", str(folder / f"{name}-cache")]
        self.link, self.api = 0, 0
        self.start()

    def start(self):
        log = open(self.folder / f"{self.name}.log", "a")
        self.process = subprocess.Popen(
            [*self.command, "--listen", f"127.0.0.1:{self.link}", "--api", f"127.0.0.1:{self.api}"],
            stdout=subprocess.PIPE, stderr=log, text=True)
        line = self.process.stdout.readline()
        found = re.search(r"on port (\d+); the API is at http://127.0.0.1:(\d+)", line)
        if not found:
            sys.exit(f"node {self.name} did not start: {line}{(self.folder / f'{self.name}.log').read_text()}")
        self.link, self.api = int(found[1]), int(found[2])

    def get(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.api}{path}", timeout=60) as response:
                return json.loads(response.read())
        except OSError:
            return None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def waits(self, stages):
        until = time.monotonic() + 120
        while True:
            page = self.get("/v1/cluster") or {}
            if page.get("serving") and len(page["plan"]["stages"]) >= stages and self.get("/health"):
                return page
            if time.monotonic() > until:
                sys.exit(f"{self.name} does not serve over {stages} devices: {page}")
            time.sleep(0.05)

    def stream(self, prompt, tokens):
        """Pieces of the answer with the times at which they came; the last may be an error."""
        body = json.dumps({"prompt": prompt, "max_tokens": tokens, "temperature": 0, "ignore_eos": True, "stream": True,
                           "logprobs": 3})
        request = urllib.request.Request(f"http://127.0.0.1:{self.api}/v1/completions", body.encode(),
                                         {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=120) as response:
                for line in response:
                    if line.startswith(b"data: {"):
                        yield time.monotonic(), json.loads(line[6:])
        except urllib.error.HTTPError as refused:
            yield time.monotonic(), json.loads(refused.read())


class Answer:
    """The tokens of an answer and what was told of their choice."""

    def __init__(self, pieces):
        self.times = [at for at, _ in pieces]
        self.errors = [piece["error"]["message"] for _, piece in pieces if "error" in piece]
        self.tokens, self.best = [], []
        for _, piece in pieces:
            told = piece["choices"][0].get("logprobs") if piece.get("choices") else None
            if told:
                self.tokens += told["tokens"]
                self.best += told["top_logprobs"]

    def leaves(self, expected):
        """At which token, and how far apart the two were in the undisturbed run; None where it does not."""
        for i, (token, wanted) in enumerate(zip(self.tokens, expected.tokens)):
            if token != wanted:
                best = expected.best[i]
                return i, best[wanted] - best[token] if token in best else float("inf")
        return None if len(self.tokens) == len(expected.tokens) else (len(self.tokens), float("inf"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--exogpu", type=pathlib.Path, default=ROOT / "build/release/exogpu")
    parser.add_argument("--nodes", type=int, default=4)
    parser.add_argument("--devices-min", type=int, default=3)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--tokens", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="exogpu-kills-"))
    prompts = ["Once upon a time", "The little dog", "In a house by the sea", "Tom and his sister"]
    nodes = []
    complete = equal = 0
    ties = []
    gaps = []
    try:
        first = Node(arguments, folder, "n0", arguments.model.resolve(), "--devices-min", arguments.devices_min, "-c", 1024)
        nodes.append(first)
        token = subprocess.run([arguments.exogpu, "token", "--state", folder / "n0", "--uses", str(arguments.nodes)],
                               check=True, capture_output=True, text=True).stdout.strip()
        for i in range(1, arguments.nodes):
            nodes.append(Node(arguments, folder, f"n{i}", "--join", f"127.0.0.1:{first.link}", "--token", token))
        first.waits(arguments.devices_min)
        expected = {}
        for prompt in prompts:
            begun = time.monotonic()
            expected[prompt] = Answer(list(first.stream(prompt, arguments.tokens)))
            took = time.monotonic() - begun
        for i in range(arguments.kills):
            page = first.waits(arguments.devices_min)
            victim = chance.choice([node for node in nodes[1:]
                                    if node.name in {stage["node"] for stage in page["plan"]["stages"]}])
            killed = []

            def kill():
                killed.append(time.monotonic())
                victim.kill()

            timer = threading.Timer(chance.uniform(0, took), kill)
            prompt = chance.choice(prompts)
            timer.start()
            answer = Answer(list(first.stream(prompt, arguments.tokens)))
            ended = time.monotonic()
            timer.join()
            leaves = answer.leaves(expected[prompt])
            complete += not answer.errors
            equal += leaves is None
            if leaves and leaves[1] < NEAR_TIE:
                ties.append(leaves[1])
            around = [after - before for before, after in zip(answer.times, answer.times[1:]) if after > killed[0]]
            if around and killed[0] < ended:
                gaps.append(max(around))
            if answer.errors or leaves and leaves[1] >= NEAR_TIE:
                print(f"kill {i}: {victim.name}: {answer.errors or leaves}", flush=True)
            victim.start()
        print(f"{arguments.kills} kills: {complete} answers complete, {equal} equal, {len(ties)} "
              f"parted at a near-tie (at most {max(ties, default=0):.3f} apart); gap in {len(gaps)} of them: median "
              f"{statistics.median(gaps):.2f} s, worst {max(gaps):.2f} s", flush=True)
    finally:
        for node in nodes:
            node.kill()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
