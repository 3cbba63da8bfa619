#!/usr/bin/env python3
"""Repeatedly kills a node at a random moment of an answer, and reports whether the answers survived.

  bench/kills.py MODEL [--who worker|leader] [--exogpu build/release/exogpu] [--nodes 4] [--kills 100] [--tokens 300]

The nodes are processes of this machine, the model cut over at least `--devices-min` of them. The first is given the
model. A worker (which computes) or the leader is killed (SIGKILL), while one of the others is asked, and restarted
when the answer is there. An answer must come to its end without an error and equal that of an undisturbed run, but for
near-ties, where tokens that are computed again together may round to the other side; those are counted. A gap is the
longest time between two of its tokens after the kill; the next leader is there when the asked node names another.
"""

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


def main():
    parser = parser_of(__doc__, nodes=4)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--tokens", type=int, default=300)
    parser.add_argument("--who", choices=("worker", "leader"), default="worker")
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="exogpu-kills-"))
    prompts = ["Once upon a time", "The little dog", "In a house by the sea", "Tom and his sister"]
    nodes = []
    complete = equal = 0
    ties = []
    gaps, led = [], []
    replayed = 0
    try:
        start_nodes(nodes, arguments, folder)
        expected = {}
        for prompt in prompts:
            begun = time.monotonic()
            expected[prompt] = ask(nodes[0], prompt, arguments.tokens)
            took = time.monotonic() - begun
        for i in range(arguments.kills):
            for node in nodes:
                status = node.waits_for_stages(arguments.devices_min)
            computing = {stage["node"] for stage in status["plan"]["stages"]}
            if arguments.who == "leader":
                victim = next(node for node in nodes if node.name == status["leader"])
            else:
                victim = chance.choice([node for node in nodes if node.name in computing and node.name != status["leader"]])
            asked = chance.choice([node for node in nodes if node is not victim])
            killed = []

            def kill():
                killed.append(time.monotonic())
                victim.kill()
                while arguments.who == "leader" and asked.leader() in (None, victim.name):
                    if time.monotonic() > killed[0] + 30:
                        return print(f"kill {i}: no leader after {victim.name}", flush=True)
                    time.sleep(0.01)
                led.append(time.monotonic() - killed[0])

            timer = threading.Timer(chance.uniform(0, took), kill)
            prompt = chance.choice(prompts)
            timer.start()
            answer = ask(asked, prompt, arguments.tokens)
            ended = time.monotonic()
            timer.join()
            statuses = [node.get("/v1/cluster") or {} for node in nodes if node is not victim]
            replayed += any((status.get("live") or {}).get("replayed_tokens") for status in statuses)
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
            victim.restart()
        print(f"{arguments.kills} kills: {complete} answers complete, {equal} equal, {len(ties)} "
              f"parted at a near-tie (at most {max(ties, default=0):.3f} apart); gap in {len(gaps)} of them: median "
              f"{statistics.median(gaps):.2f} s, worst {max(gaps):.2f} s; in {replayed} only the lost stages computed again", flush=True)
        if arguments.who == "leader":
            print(f"a new leader after {statistics.median(led):.2f} s (median), {max(led):.2f} s (maximum)", flush=True)
    finally:
        for node in nodes:
            node.kill()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
