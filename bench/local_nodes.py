"""Nodes that are processes of this machine, for benchmarks that kill them; the model is cut over several."""

import argparse
import json
import pathlib
import subprocess
import sys
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from ports import free_port


class Node:
    def __init__(self, exogpu, folder, name, *options):
        self.name, self.folder = name, folder
        self.command = [str(exogpu), "serve", *map(str, options), "-d", "cpu", "-t", "1", "--name", name,
                        "--state", str(folder / name), "--cache", str(folder / f"{name}-cache")]
        self.link, self.api = free_port(), free_port()
        self.start()

    def start(self):
        log = open(self.folder / f"{self.name}.log", "a")
        self.process = subprocess.Popen(
            [*self.command, "--listen", f"127.0.0.1:{self.link}", "--api", f"127.0.0.1:{self.api}"],
            stdout=subprocess.PIPE, stderr=log, text=True)
        line = self.process.stdout.readline()
        if "the API is at" not in line:
            sys.exit(f"node {self.name} did not start: {line}{(self.folder / f'{self.name}.log').read_text()}")

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


def parser_of(description, nodes):
    """With what start_nodes() needs, of so many nodes unless told otherwise, and a seed."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--exogpu", type=pathlib.Path, default=ROOT / "build/release/exogpu")
    parser.add_argument("--nodes", type=int, default=nodes)
    parser.add_argument("--devices-min", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    return parser


def start_nodes(nodes, arguments, folder):
    """Adds n0, n1, ... to `nodes`, of one cluster; returns once all have all of the model. The first is given it."""
    exogpu, model = arguments.exogpu, arguments.model
    nodes.append(Node(exogpu, folder, "n0", model.resolve(), "--devices-min", arguments.devices_min, "-c", 1024))
    token = subprocess.run([exogpu, "token", "--state", folder / "n0", "--uses", str(arguments.nodes)], check=True,
                           capture_output=True, text=True).stdout.strip()
    for i in range(1, arguments.nodes):
        nodes.append(Node(exogpu, folder, f"n{i}", "--join", f"127.0.0.1:{nodes[0].link}", "--token", token))
    for node in nodes:
        node.waits(arguments.devices_min)
    has_all = model.stat().st_size * 0.9
    until = time.monotonic() + 60
    while not all((node.get("/v1/cluster") or {})["weights"]["received_bytes"] > has_all for node in nodes[1:]):
        if time.monotonic() > until:
            sys.exit("the nodes did not fetch all of the model")
        time.sleep(0.2)
