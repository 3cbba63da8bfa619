#!/usr/bin/env python3
"""Load for a long time while nodes are killed; reports whether every request ended correctly, and whether memory grew.

  bench/soak.py MODEL [--exogpu build/release/exogpu] [--nodes 5] [--minutes 60] [--every 20] [--clients 3]

The nodes are processes of this machine, the model cut over at least `--devices-min` of them. Clients ask one node after
the other for streamed answers, greedily. Every `--every` seconds a random node is killed (SIGKILL), each fifth time two
at once, and restarted some seconds later. n1 is never killed: its memory is what is watched. An answer that was asked
of a node that was killed ends with it; every other must come to its end without an error and equal that of an undisturbed
run, but for near-ties.
"""

import collections
import http.client
import os
import pathlib
import random
import shutil
import statistics
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from harness.answers import NEAR_TIE
from local_nodes import ask, parser_of, start_nodes

PROMPTS = ["Once upon a time", "The little dog", "In a house by the sea", "Tom and his sister"]
LENGTHS = [40, 120, 300]


class Clients:
    """Client threads, and the results of their requests."""

    def __init__(self, nodes, expected, seed):
        self.nodes, self.expected = nodes, expected
        self.chance = random.Random(seed)
        self.lock = threading.Lock()
        self.counts = collections.Counter()
        self.took, self.asking = [], {}
        self.over = False

    def run(self, number):
        while not self.over:
            with self.lock:
                node, prompt = self.chance.choice(self.nodes), self.chance.choice(PROMPTS)
                tokens = self.chance.choice(LENGTHS)
                lives = node.life
                self.asking[number] = (time.monotonic(), node.name)
            if not node.up:
                time.sleep(0.1)
                continue
            begun = time.monotonic()
            outcome = self.ask(node, lives, prompt, tokens)
            with self.lock:
                del self.asking[number]
                self.counts[outcome] += 1
                if outcome in ("equal", "near-tie"):
                    self.took.append(time.monotonic() - begun)

    def ask(self, node, lives, prompt, tokens):
        try:
            answer = ask(node, prompt, tokens)
        except (OSError, http.client.HTTPException) as broken:
            if node.life != lives or not node.up:
                return "ended with its node"
            print(f"{node.name}: {broken!r}", flush=True)
            return "broken"
        if node.life != lives or not node.up:
            return "ended with its node"
        if answer.errors:
            print(f"{node.name}: {answer.errors}", flush=True)
            return "refused" if not answer.tokens else "failed"
        leaves = answer.leaves(self.expected[prompt, tokens])
        if leaves is None:
            return "equal"
        if leaves[1] < NEAR_TIE:
            return "near-tie"
        print(f"{node.name}, {tokens} tokens: {leaves}", flush=True)
        return "different"


def state_of(node):
    """Resident bytes without its part of the model, open files, threads."""
    status = dict(line.split(":", 1) for line in open(f"/proc/{node.process.pid}/status"))
    plan = (node.get("/v1/cluster") or {}).get("plan") or {"stages": []}
    part = sum(stage["memory_bytes"] for stage in plan["stages"] if stage["node"] == node.name)
    return (int(status["VmRSS"].split()[0]) * 1024 - part, len(os.listdir(f"/proc/{node.process.pid}/fd")),
            int(status["Threads"]))


def main():
    parser = parser_of(__doc__, nodes=5)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--every", type=float, default=20)
    parser.add_argument("--clients", type=int, default=3)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="exogpu-soak-"))
    nodes = []
    whole = False
    try:
        start_nodes(nodes, arguments, folder)
        for node in nodes:
            node.up, node.life = True, 0
        watched = nodes[1]
        expected = {(prompt, tokens): ask(nodes[0], prompt, tokens) for prompt in PROMPTS for tokens in LENGTHS}
        clients = Clients(nodes, expected, arguments.seed)
        threads = [threading.Thread(target=clients.run, args=(i,), daemon=True) for i in range(arguments.clients)]
        for thread in threads:
            thread.start()
        begun = time.monotonic()
        kills = 0
        states = []
        while time.monotonic() < begun + 60 * arguments.minutes:
            time.sleep(max(0, begun + kills * arguments.every + arguments.every - 8 - time.monotonic()))
            states.append(state_of(watched))
            killed = chance.sample([node for node in nodes if node is not watched], 2 if kills % 5 == 4 else 1)
            for node in killed:
                node.up, node.life = False, node.life + 1
                node.kill()
            kills += 1
            time.sleep(chance.uniform(1, 8))
            for node in killed:
                node.restart()
                node.waits_for_stages(1)
                node.up = True
            with clients.lock:
                stuck = [(name, time.monotonic() - at) for at, name in clients.asking.values() if time.monotonic() > at + 60]
            if stuck:
                print(f"in flight for more than a minute: {stuck}", flush=True)
            if kills % 15 == 0:
                resident, files, running = states[-1]
                print(f"{(time.monotonic() - begun) / 60:.0f} min, {kills} kills, {dict(clients.counts)}; {watched.name}: "
                      f"{resident / 2**20:.1f} MiB beside its part, {files} files, {running} threads", flush=True)
        clients.over = True
        for thread in threads:
            thread.join(120)
        wedged = sum(thread.is_alive() for thread in threads)
        third = max(1, len(states) // 3)
        early, late = (statistics.median(state[0] for state in part) / 2**20 for part in (states[:third], states[-third:]))
        print(f"{(time.monotonic() - begun) / 60:.0f} minutes, {kills} times killed; {dict(clients.counts)}, {wedged} without "
              f"an end; an answer took {statistics.median(clients.took):.2f} s in the median, {max(clients.took):.2f} s at "
              f"most; {watched.name} beside its part: {early:.1f} MiB in the first third, {late:.1f} MiB in the last, "
              f"{states[0][1]} and {states[-1][1]} files", flush=True)
        whole = True
    finally:
        for node in nodes:
            node.kill()
        if whole:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            print(f"the nodes' output is in {folder}", flush=True)


if __name__ == "__main__":
    main()
