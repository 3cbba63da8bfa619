#!/usr/bin/env python3
"""Measures what the planner predicts against what a cluster of processes on this machine does.

  bench/predicted.py [MODEL...] [--exogpu build/release/exogpu] [--tiny build/release/exogpu_tiny_model] [--cells 20]

A cell is a model, a cut of its layers over one to three nodes (with one thread each), and either a prompt or an answer. Two
models without a MODEL, with random weights: 120 MB and 310 MB, the smallest for which what a token takes beside its stages
(a third of a millisecond, which the planner does not know) is a few percent of it. Each cut is measured twice by
`exogpu bench --cluster`: at first (by the profiles, until something else is known), and after each node has compared the
steps of the whole model with them. The error is that of the time. It needs a core for each node, and a machine that does
nothing else.
"""

import argparse
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from harness.node import Node
from harness.waiting import until

NAMES = ("a", "b", "c")
# Shares of the layers, by node.
CUTS = ({"a": 1}, {"a": 0.5, "b": 0.5}, {"b": 0.25, "a": 0.75}, {"a": 0.34, "b": 0.33, "c": 0.33}, {"c": 0.2, "b": 0.8})
LEARNS_S = 20
RANDOM = {"small": (48, 1024), "large": (64, 2048)}  # layers and width


def models_of(arguments, folder):
    """The files of the models, in a folder of their own, by name."""
    folder.mkdir()
    for file in arguments.models:
        shutil.copy(file, folder / file.name)
    if not arguments.models:
        for name, (layers, width) in RANDOM.items():
            subprocess.run([arguments.tiny, "llama", folder / f"{name}.gguf", "--type", "q8_0", "--layers", str(layers),
                            "--embedding-length", str(width), "--context-length", "2048"], check=True)
    return sorted(file.stem for file in folder.glob("*.gguf"))


def start(arguments, folder, models):
    """One after another: each measures its processor at its start."""
    nodes = [Node(arguments.exogpu, folder, NAMES[0], "--models", models, "-c", 1024, "--parallel", 1)]
    token = nodes[0].token("--uses", len(NAMES))
    for name in NAMES[1:]:
        nodes.append(Node(arguments.exogpu, folder, name, "--join", f"127.0.0.1:{nodes[0].link}", "--token", token))
        until(f"{name} is online", lambda: sum(node["online"] for node in nodes[0].cluster()["nodes"]) == len(nodes))
    return nodes


def by_hand(cut, layers):
    """The assignment of this cut: "a/cpu:0-5,b/cpu:6-11"."""
    parts, begin, share = [], 0, 0.0
    for name, of_all in cut.items():
        share += of_all
        end = round(share * layers) if share < 0.99 else layers
        parts.append(f"{name}/cpu:{begin}-{end - 1}")
        begin = end
    return ",".join(parts)


def load(node, model, layers):
    status, answer = node.request("POST", "/v1/models/load", {"model": model, "layers": layers, "pinned": True})
    if status != 200:
        raise SystemExit(f"{model} {layers}: {status} {answer}")
    wanted = layers.split(",")

    def served():
        found = [each for each in node.cluster()["models"] if each["model"] == model and each["serving"]]
        stages = found[0]["plan"]["stages"] if found else []
        return [f"{s['node']}/{s['device']}:{s['layer_begin']}-{s['layer_end'] - 1}" for s in stages] == wanted
    until(lambda: f"{model} is served as {layers}; {node.cluster_state()}", served)


def layers_of(node, model):
    return next(each["layers"] for each in node.cluster()["library"] if each["model"] == model)


def cuts_of(node, model):
    return [by_hand(cut, layers_of(node, model)) for cut in CUTS]


def learn(node, model, layers):
    """Has each node compute alone for a while, so that no two share a core."""
    number = 0
    for name in NAMES:
        load(node, model, f"{name}/cpu:0-{layers - 1}")
        end = time.monotonic() + LEARNS_S
        while time.monotonic() < end:
            number += 1
            # No prompt begins as one before, whose tokens are cached.
            node.complete(model=model, prompt=f"{number} " + "0 1 2 3 4 5 6 7 " * 30, max_tokens=60, ignore_eos=True)


def unload(node, model):
    node.request("POST", "/v1/models/unload", {"model": model})
    until("it is unloaded", lambda: not any(each["model"] == model for each in node.cluster()["models"]))


def bench(arguments, node, model):
    done = subprocess.run([str(arguments.exogpu), "bench", model, "--cluster", "--json", "--api", f"127.0.0.1:{node.api}",
                           "-p", str(arguments.prompt), "-n", str(arguments.generate), "-r", str(arguments.repetitions)],
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


def cells_of(model, layers, report, again):
    """Of the answer and of the prompt: seconds that are predicted, by the profiles and later, and measured."""
    answer = [report["tokens_per_s"], again["tokens_per_s"]]
    prompt = [report["first_token_s"], again["first_token_s"]]
    return [{"cell": f"{model} {layers} token", "predicted": [1 / each["predicted"] for each in answer],
             "measured": [1 / each["measured"] for each in answer]},
            {"cell": f"{model} {layers} prompt", "predicted": [each["predicted"] for each in prompt],
             "measured": [each["measured"] for each in prompt]}]


def error(cell, when):
    return abs(cell["predicted"][when] / cell["measured"][when] - 1)


def show(cells):
    print(f"{'':58} {'at first':>28} {'once measured':>28}")
    for cell in cells:
        columns = [f"{1000 * cell['predicted'][i]:8.2f} / {1000 * cell['measured'][i]:8.2f} ms {100 * error(cell, i):4.0f} %"
                   for i in (0, 1)]
        print(f"{cell['cell']:58} {columns[0]:>28} {columns[1]:>28}")
    for when, name in enumerate(("at first", "once measured")):
        errors = sorted(error(cell, when) for cell in cells)
        print(f"{name}: {len(errors)} cells, error median {100 * statistics.median(errors):.1f} %, "
              f"p90 {100 * errors[min(len(errors) - 1, int(0.9 * len(errors)))]:.1f} %, most {100 * errors[-1]:.1f} %")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=pathlib.Path, nargs="*")
    parser.add_argument("--exogpu", type=pathlib.Path, default=ROOT / "build/release/exogpu")
    parser.add_argument("--tiny", type=pathlib.Path, default=ROOT / "build/release/exogpu_tiny_model")
    parser.add_argument("--cells", type=int, default=20, help="end after so many")
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--generate", type=int, default=64)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--json", type=pathlib.Path, help="write the cells to this file, too")
    arguments = parser.parse_args()
    arguments.exogpu = arguments.exogpu.resolve()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="exogpu-predicted-"))
    nodes, cells, begun = [], [], time.monotonic()
    try:
        names = models_of(arguments, folder / "models")
        nodes = start(arguments, folder, folder / "models")
        until("the library is known", lambda: sorted(nodes[0].states()) == names)
        for model in names:
            cuts = cuts_of(nodes[0], model)[:(arguments.cells - len(cells) + 1) // 2]
            passes = []
            for again in (False, True):
                if again and cuts:
                    learn(nodes[0], model, layers_of(nodes[0], model))
                passes.append([])
                for cut in cuts:
                    load(nodes[0], model, cut)
                    passes[-1].append(bench(arguments, nodes[0], model))
            for cut, first, second in zip(cuts, *passes):
                cells += cells_of(model, cut, first, second)
            unload(nodes[0], model)
    finally:
        for node in nodes:
            node.kill()
        shutil.rmtree(folder)
    show(cells)
    print(f"{time.monotonic() - begun:.0f} s")
    if arguments.json:
        arguments.json.write_text(json.dumps(cells, indent=1))


if __name__ == "__main__":
    main()
