#!/usr/bin/env python3
"""Repeatedly kills a member of a group of two nodes in the middle of an answer, and reports whether the answers survived.

  bench/group_kills.py MODEL [--exogpu build/release/exogpu] [--kills 50] [--tokens 200]

Two nodes are processes of this machine, and compute each layer together. The second one is killed (SIGKILL) after a
random token of an answer of the first, which then goes on alone, and is started again when the answer is there. An
answer must come to its end without an error and equal that of the undisturbed group, but for near-ties, where the
device that is alone may round to the other side; those are counted. A gap is the longest time between two tokens from
the kill on. It ends with 1 unless all answers are complete.
"""

import argparse
import pathlib
import random
import shutil
import statistics
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from harness.answers import NEAR_TIE, Answer
from harness.node import Node
from harness.waiting import until

GROUP = "cpu+b/cpu"
PROMPTS = ["Once upon a time", "The little dog", "In a house by the sea", "Tom and his sister"]


def start_group(nodes, arguments, folder):
    exogpu, model = arguments.exogpu.resolve(), arguments.model.resolve()
    nodes.append(Node(exogpu, folder, "a", model, "-c", 1024, device=GROUP))
    nodes[0].waits_to_serve()
    nodes.append(Node(exogpu, folder, "b", "--join", f"127.0.0.1:{nodes[0].link}", "--token", nodes[0].token(),
                      "--only-groups"))


def wait_for_group(node):
    def computes():
        plan = node.cluster().get("plan") or {"stages": []}
        return [stage["device"] for stage in plan["stages"]] == [GROUP] and node.serves()
    until(lambda: f"the group computes; node a said {node.said()!r}", computes)


def pieces(node, prompt, tokens):
    return node.pieces(prompt=prompt, max_tokens=tokens, ignore_eos=True, logprobs=3)


def kill_within(member, stream, after):
    """The pieces of an answer; the member is killed when so many have come. Returns when that was, too."""
    begun = [next(stream) for _ in range(after)]
    member.kill()
    killed = time.monotonic()
    return Answer([*begun, *stream]), killed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--exogpu", type=pathlib.Path, default=ROOT / "build/release/exogpu")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="exogpu-group-kills-"))
    nodes, ties, gaps = [], [], []
    complete = equal = 0
    try:
        start_group(nodes, arguments, folder)
        asked, member = nodes
        wait_for_group(asked)
        expected = {prompt: Answer(pieces(asked, prompt, arguments.tokens)) for prompt in PROMPTS}
        for i in range(arguments.kills):
            wait_for_group(asked)
            prompt = chance.choice(PROMPTS)
            after = chance.randrange(1, arguments.tokens // 2)
            answer, killed = kill_within(member, pieces(asked, prompt, arguments.tokens), after)
            leaves = answer.leaves(expected[prompt])
            complete += not answer.errors and len(answer.tokens) == arguments.tokens
            equal += leaves is None
            if leaves and leaves[1] < NEAR_TIE:
                ties.append(leaves[1])
            later = [next_ - last for last, next_ in zip(answer.times, answer.times[1:]) if next_ > killed]
            if later:
                gaps.append(max(later))
            if answer.errors or leaves and leaves[1] >= NEAR_TIE:
                print(f"kill {i}: after {after} tokens: {answer.errors or leaves}", flush=True)
            member.restart()
        print(f"{arguments.kills} kills: {complete} answers complete, {equal} equal, {len(ties)} parted at a near-tie (at "
              f"most {max(ties, default=0):.3f} apart); gap in {len(gaps)} of them: median "
              f"{statistics.median(gaps or [0]):.2f} s, worst {max(gaps, default=0):.2f} s", flush=True)
    finally:
        for node in nodes:
            node.kill()
        shutil.rmtree(folder, ignore_errors=True)
    return complete != arguments.kills


if __name__ == "__main__":
    sys.exit(main())
