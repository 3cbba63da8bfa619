"""Nodes that are processes of this machine, for benchmarks that kill them; the model is cut over several."""

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


def start_nodes(nodes, exogpu, folder, model, count, devices_min):
    """Adds n0, n1, ... to `nodes`, of one cluster; returns once all have all of the model. The first is given it."""
    nodes.append(Node(exogpu, folder, "n0", model.resolve(), "--devices-min", devices_min, "-c", 1024))
    token = subprocess.run([exogpu, "token", "--state", folder / "n0", "--uses", str(count)], check=True,
                           capture_output=True, text=True).stdout.strip()
    for i in range(1, count):
        nodes.append(Node(exogpu, folder, f"n{i}", "--join", f"127.0.0.1:{nodes[0].link}", "--token", token))
    for node in nodes:
        node.waits(devices_min)
    has_all = model.stat().st_size * 0.9
    until = time.monotonic() + 60
    while not all((node.get("/v1/cluster") or {})["weights"]["received_bytes"] > has_all for node in nodes[1:]):
        if time.monotonic() > until:
            sys.exit("the nodes did not fetch all of the model")
        time.sleep(0.2)
