"""Nodes as processes on this machine, for benchmarks that kill them; the model is divided among several."""

import argparse
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from harness.answers import Answer
from harness.node import Node
from harness.waiting import until


def parser_of(description, nodes):
    """Parser of the arguments for start_nodes(): the number of nodes (default `nodes`), and a seed."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--exogpu", type=pathlib.Path, default=ROOT / "build/release/exogpu")
    parser.add_argument("--nodes", type=int, default=nodes)
    parser.add_argument("--devices-min", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    return parser


def start_nodes(nodes, arguments, folder):
    """Adds n0, n1, ... of one cluster to `nodes`; n0 serves the model. Returns once all have the whole model."""
    exogpu, model = arguments.exogpu.resolve(), arguments.model.resolve()
    nodes.append(Node(exogpu, folder, "n0", model, "--devices-min", arguments.devices_min, "-c", 1024))
    token = nodes[0].token("--uses", arguments.nodes)
    for i in range(1, arguments.nodes):
        nodes.append(Node(exogpu, folder, f"n{i}", "--join", f"127.0.0.1:{nodes[0].link}", "--token", token))
    for node in nodes:
        node.waits_for_stages(arguments.devices_min)
    size = model.stat().st_size
    until("the nodes have all of the model", lambda: all(node.has_all_of(size) for node in nodes[1:]))


def ask(node, prompt, tokens):
    """The answer to a prompt, always `tokens` long, with its pieces' times of arrival."""
    return Answer(node.pieces(prompt=prompt, max_tokens=tokens, ignore_eos=True, logprobs=3))
