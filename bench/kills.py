#!/usr/bin/env python3
"""Kills a node at a random moment of an answer, again and again, and tells whether the answers survived.

  bench/kills.py MODEL [--who worker|leader] [--exogpu build/release/exogpu] [--nodes 4] [--kills 100] [--tokens 300]

The nodes are processes of this machine, the model cut over at least `--devices-min` of them. The first is given the
model. A worker (which computes) or the leader is killed (SIGKILL), while one of the others is asked, and started anew
when the answer is there. An answer must come to its end without an error and equal that of an undisturbed run, but for
near-ties, where tokens that are computed again together may round to the other side; those are counted. A gap is the
longest time between two of its tokens after the kill; the next leader is there when the asked node names another.
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

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from answers import NEAR_TIE, Answer


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

    def leader(self):
        return (self.get("/v1/cluster") or {}).get("leader")

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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--exogpu", type=pathlib.Path, default=ROOT / "build/release/exogpu")
    parser.add_argument("--nodes", type=int, default=4)
    parser.add_argument("--devices-min", type=int, default=3)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--tokens", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--who", choices=("worker", "leader"), default="worker")
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="exogpu-kills-"))
    prompts = ["Once upon a time", "The little dog", "In a house by the sea", "Tom and his sister"]
    nodes = []
    complete = equal = 0
    ties = []
    gaps, led = [], []
    try:
        first = Node(arguments, folder, "n0", arguments.model.resolve(), "--devices-min", arguments.devices_min, "-c", 1024)
        nodes.append(first)
        token = subprocess.run([arguments.exogpu, "token", "--state", folder / "n0", "--uses", str(arguments.nodes)],
                               check=True, capture_output=True, text=True).stdout.strip()
        for i in range(1, arguments.nodes):
            nodes.append(Node(arguments, folder, f"n{i}", "--join", f"127.0.0.1:{first.link}", "--token", token))
        for node in nodes:
            node.waits(arguments.devices_min)
        has_all = arguments.model.stat().st_size * 0.9
        until = time.monotonic() + 60
        while not all((node.get("/v1/cluster") or {})["weights"]["received_bytes"] > has_all for node in nodes[1:]):
            if time.monotonic() > until:
                sys.exit("the nodes did not fetch all of the model")
            time.sleep(0.2)
        expected = {}
        for prompt in prompts:
            begun = time.monotonic()
            expected[prompt] = Answer(first.stream(prompt, arguments.tokens))
            took = time.monotonic() - begun
        for i in range(arguments.kills):
            for node in nodes:
                page = node.waits(arguments.devices_min)
            computing = {stage["node"] for stage in page["plan"]["stages"]}
            if arguments.who == "leader":
                victim = next(node for node in nodes if node.name == page["leader"])
            else:
                victim = chance.choice([node for node in nodes if node.name in computing and node.name != page["leader"]])
            asked = chance.choice([node for node in nodes if node is not victim])
            killed = []

            def kill():
                killed.append(time.monotonic())
                victim.kill()
                while arguments.who == "leader" and asked.leader() in (None, victim.name):
                    if time.monotonic() > killed[0] + 30:
                        return print(f"kill {i}: nobody leads after {victim.name}", flush=True)
                    time.sleep(0.01)
                led.append(time.monotonic() - killed[0])

            timer = threading.Timer(chance.uniform(0, took), kill)
            prompt = chance.choice(prompts)
            timer.start()
            answer = Answer(asked.stream(prompt, arguments.tokens))
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
                print(f"kill {i}: {victim.name}, asked {asked.name}: {answer.errors or leaves}", flush=True)
            victim.start()
        print(f"{arguments.kills} kills: {complete} answers complete, {equal} equal, {len(ties)} "
              f"parted at a near-tie (at most {max(ties, default=0):.3f} apart); gap in {len(gaps)} of them: median "
              f"{statistics.median(gaps):.2f} s, worst {max(gaps):.2f} s", flush=True)
        if arguments.who == "leader":
            print(f"another led after {statistics.median(led):.2f} s in the median, {max(led):.2f} s at most", flush=True)
    finally:
        for node in nodes:
            node.kill()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
