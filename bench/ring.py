#!/usr/bin/env python3
"""Measures a model divided among several nodes of this machine against the same model on one.

  bench/ring.py MODEL [--exogpu build/release/exogpu] [--layers N] [--rounds 3] [--only tg,pp,pps,batch,delay]
  bench/ring.py MODEL --devices vulkan0,vulkan1 --unbound --prompt 2048 --only tg,pp
  bench/ring.py MODEL --group --only tg,pp      the two nodes compute each layer together, in the place of a ring
  bench/ring.py MODEL --llama-server llama-server --rpc-server rpc-server    llama.cpp with its RPC worker beside

Each node is a process with one thread; node i is bound to core i where there are enough, and uses the i-th of the
devices. Both sides run in turns, one request after another, so that a change of the machine's speed meets both; a cell
is the ratio of medians.

  tg     time per token of one conversation, after its first token
  pp     time to the first token of a prompt (of 512 tokens)
  pps    prompt tokens per second of 4 such prompts at once
  batch  tokens per second of 32 conversations together
  delay  time per token over three nodes with 5, 10 and 20 ms put on every link, one way
"""

import argparse
import http.client
import json
import os
import pathlib
import re
import shlex
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


class DelayProxy:
    """Forwards one TCP port to another and delays every byte in both directions, like a long line."""

    def __init__(self, target, delay):
        self.target, self.delay = target, delay
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            near, _ = self.server.accept()
            far = socket.create_connection(("127.0.0.1", self.target))
            for a, b in ((near, far), (far, near)):
                a.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self.forward, args=(a, b), daemon=True).start()

    def forward(self, source, sink):
        queue, wake = [], threading.Condition()

        def send():
            while True:
                with wake:
                    wake.wait_for(lambda: queue)
                    due, data = queue.pop(0)
                wait = due - time.monotonic()
                if wait > 0:
                    time.sleep(wait)
                try:
                    sink.sendall(data)
                except OSError:
                    return
                if not data:
                    return

        threading.Thread(target=send, daemon=True).start()
        while True:
            try:
                data = source.recv(1 << 18)
            except OSError:
                data = b""
            with wake:
                queue.append((time.monotonic() + self.delay, data))
                wake.notify()
            if not data:
                return


def bound(arguments, index, command):
    return command if arguments.unbound else ["taskset", "-c", str(index % os.cpu_count()), *command]


class Server:
    """Programs that serve a model together; `api` is the port that receives the requests."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="exogpu-ring-"))
        self.processes = []

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.api, timeout=60)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        except OSError as error:
            return 0, str(error)

    def wait(self):
        until = time.monotonic() + 300
        while self.get("/health")[0] != 200:
            if time.monotonic() > until:
                sys.exit(f"the model is not served: {self.get('/health')[1]}")
            time.sleep(0.2)

    def stage_seconds(self):
        """The computing time of each stage per step, in seconds; empty if it is not reported."""
        status, body = self.get("/v1/cluster")
        return json.loads(body)["live"]["stage_step_s"] if status == 200 else []

    def stream(self, prompt, tokens):
        """The tokens' times of arrival, in seconds since the request."""
        body = json.dumps({"prompt": prompt, "max_tokens": tokens, "temperature": 0, "ignore_eos": True,
                           "stream": True})
        connection = http.client.HTTPConnection("127.0.0.1", self.api, timeout=600)
        begin = time.perf_counter()
        connection.request("POST", "/v1/completions", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        if response.status != 200:
            sys.exit(response.read().decode())
        times = []
        while line := response.readline():
            # A token that ends inside a character arrives with the next one; there are few of these.
            if line.startswith(b"data: {") and b'"text":""' not in line:
                times.append(time.perf_counter() - begin)
        return times

    def stop(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)


class Cluster(Server):
    """Nodes on this machine, with equal layer ranges of the model."""

    def __init__(self, arguments, stages, parallel, context, delay=0.0):
        super().__init__()
        names = [f"n{i}" for i in range(stages)]
        ports = free_ports(stages)
        n = arguments.layers
        cuts = [0, *(arguments.cuts or [round(i * n / stages) for i in range(1, stages)]), n] if stages > 1 else [0, n]
        devices = [arguments.devices[i % len(arguments.devices)] for i in range(stages)]
        more = [[]] * stages
        if arguments.group and stages > 1:
            devices[0] = "+".join([devices[0], *(f"{name}/{devices[i]}" for i, name in enumerate(names) if i > 0)])
            cuts, more = [0, n], [[], *[["--only-groups"]] * (stages - 1)]
        layers = ",".join(f"{name}/{devices[i]}:{cuts[i]}-{cuts[i + 1] - 1}" for i, name in enumerate(names[:len(cuts) - 1]))
        common = [["-d", device, "-t", "1", *more[i]] for i, device in enumerate(devices)]
        doors = [DelayProxy(port, delay) for port in ports] if delay else None
        advertise = [["--advertise", f"127.0.0.1:{door.port}"] for door in doors] if doors else [[]] * stages
        self.api = self.start(arguments, 0, [
            "serve", str(arguments.model), "--listen", f"127.0.0.1:{ports[0]}", "--api", "127.0.0.1:0", "--layers",
            layers, "-c", str(context), "--parallel", str(parallel), "-b", str(arguments.batch), *advertise[0],
            *common[0]])
        if stages > 1:
            token = subprocess.run([arguments.exogpu, "token", "--state", self.folder / "n0", "--uses", "9"],
                                   check=True, capture_output=True, text=True).stdout.strip()
        join = doors[0].port if doors else ports[0]
        for i in range(1, stages):
            self.start(arguments, i, [
                "serve", str(arguments.model), "--no-api", "--join", f"127.0.0.1:{join}", "--token", token, "--listen",
                f"127.0.0.1:{ports[i]}", *advertise[i], *common[i]])
        self.wait()

    def start(self, arguments, index, command):
        command = [str(arguments.exogpu), *command, "--name", f"n{index}", "--state", str(self.folder / f"n{index}"),
                   "--cache", str(self.folder / f"cache{index}")]
        log = open(self.folder / f"n{index}.log", "w+")
        process = subprocess.Popen(bound(arguments, index, command), stdout=subprocess.PIPE, stderr=log, text=True)
        self.processes.append(process)
        line = process.stdout.readline()
        if not line:
            log.seek(0)
            sys.exit(f"a node did not start: {log.read()}")
        found = re.search(r"http://127.0.0.1:(\d+)", line)
        return int(found[1]) if found else None


class LlamaServer(Server):
    """llama.cpp's server, with half of the layers behind its RPC worker on the second core."""

    def __init__(self, arguments, parallel, context):
        super().__init__()
        api, worker = free_ports(2)
        self.api = api
        log = open(self.folder / "log", "w")
        commands = [[*shlex.split(arguments.rpc_server), "-H", "127.0.0.1", "-p", str(worker), "-t", "1"],
                    [*shlex.split(arguments.llama_server), "-m", str(arguments.model), "--host", "127.0.0.1", "--port",
                     str(api), "-t", "1", "-tb", "1", "-np", str(parallel), "-c", str(parallel * context), "-fa", "on",
                     "--no-warmup", "--rpc", f"127.0.0.1:{worker}", "-ngl", str(arguments.layers // 2)]]
        for index, command in zip((1, 0), commands):
            self.processes.append(subprocess.Popen(bound(arguments, index, command), stdout=log, stderr=log))
            time.sleep(1)
        self.wait()


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


SALT = iter(range(1, 10**9))


def prompt(tokens):
    """A different prompt each time, so that none is in the KV cache."""
    salt = next(SALT)
    return [(i * 7919 + salt * 104729) % 3000 + 300 for i in range(tokens)]


def time_per_token(cluster, tokens=128):
    times = cluster.stream(prompt(8), tokens + 1)
    return (times[-1] - times[0]) / tokens


def first_token(cluster, tokens):
    return cluster.stream(prompt(tokens), 1)[0]


def at_once(count, task):
    """The results of so many concurrent calls of `task`."""
    results = []
    threads = [threading.Thread(target=lambda: results.append(task())) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def prompts_at_once(cluster, tokens):
    """Seconds per prompt token, over four prompts."""
    begin = time.perf_counter()
    at_once(4, lambda: cluster.stream(prompt(tokens), 1))
    return (time.perf_counter() - begin) / (4 * tokens)


def together(cluster):
    """Seconds per token of 32 sequences, from the first token of the last sequence to the last token."""
    results = at_once(32, lambda: (time.perf_counter(), cluster.stream(prompt(4), 48)))
    absolute = [[begin + t for t in times] for begin, times in results]
    begin = max(times[0] for times in absolute)
    end = min(times[-1] for times in absolute)
    count = sum(1 for times in absolute for t in times if begin <= t <= end)
    return (end - begin) / count


def compare(name, servers, measure, arguments, floor, unit):
    """One process, the ring, and llama.cpp if it is available."""
    samples = [[] for _ in servers]
    for _ in range(arguments.rounds):
        for server, values in zip(servers, samples):
            values.append(measure(server))
    medians = [statistics.median(values) for values in samples]
    shown = [f"{1 / m:.1f} {unit}" if unit == "t/s" else f"{m * 1000:.1f} ms" for m in medians]
    spread = " / ".join(f"{min(k) * 1000:.1f}-{max(k) * 1000:.1f}" for k in samples)
    stages = " / ".join("+".join(f"{s * 1000:.2f}" for s in server.stage_seconds()) for server in servers[:2])
    beside = f"; llama.cpp {shown[2]}, the ring is {medians[2] / medians[1]:.2f}x" if len(servers) > 2 else ""
    print(f"{name:32} one {shown[0]}, ring {shown[1]}: {medians[0] / medians[1]:.3f}x (aim {floor}x){beside}"
          f"  [ms: {spread}; stages compute {stages}]", flush=True)


def servers_for(arguments, parallel, context):
    servers = [Cluster(arguments, stages, parallel, context) for stages in (1, 2)]
    if arguments.llama_server:
        servers.append(LlamaServer(arguments, parallel, context))
    return servers


def stop(servers):
    for server in servers:
        server.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--exogpu", type=pathlib.Path, default=ROOT / "build/release/exogpu")
    parser.add_argument("--layers", type=int, help="of the model; read from it by default")
    parser.add_argument("--cuts", type=lambda text: [int(cut) for cut in text.split(",")],
                        help="before which layers, for example 17; equal runs by default")
    parser.add_argument("--devices", type=lambda text: text.split(","), default=["cpu"],
                        help="of the nodes, in order, for example vulkan0,vulkan1; the processor by default")
    parser.add_argument("--group", action="store_true", help="the nodes compute each layer together")
    parser.add_argument("--prompt", type=int, default=512, help="tokens of the prompt of pp")
    parser.add_argument("--batch", type=int, default=512, help="the most prompt tokens computed at once")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="tg,pp,pps,batch,delay")
    parser.add_argument("--llama-server", help="command of llama.cpp's server, to measure beside")
    parser.add_argument("--rpc-server", default="rpc-server", help="command of its worker")
    parser.add_argument("--unbound", action="store_true", help="leave it to the system which core a node runs on")
    arguments = parser.parse_args()
    arguments.model = arguments.model.resolve()
    if not arguments.layers:
        output = subprocess.run([arguments.exogpu, "inspect", "--json", arguments.model], check=True,
                                capture_output=True, text=True).stdout
        arguments.layers = json.loads(output)["model"]["layers"]
    wanted = arguments.only.split(",")
    if {"tg", "pp"} & set(wanted):
        servers = servers_for(arguments, 1, arguments.prompt + 512)
        if "tg" in wanted:
            compare("time per token", servers, time_per_token, arguments, 0.98, "t/s")
        if "pp" in wanted:
            compare(f"prompt of {arguments.prompt}", servers, lambda server: first_token(server, arguments.prompt),
                    arguments, 1.85, "ms")
        stop(servers)
    if "pps" in wanted:
        servers = servers_for(arguments, 4, arguments.prompt + 256)
        compare(f"4 prompts of {arguments.prompt}", servers, lambda server: prompts_at_once(server, arguments.prompt),
                arguments, 1.85, "t/s")
        stop(servers)
    if "batch" in wanted:
        servers = servers_for(arguments, 32, 256)
        compare("32 conversations", servers, together, arguments, 1.7, "t/s")
        stop(servers)
    if "delay" in wanted:
        for delay in (0.005, 0.010, 0.020):
            cluster = Cluster(arguments, 3, 1, 1024, delay)
            measured = statistics.median(time_per_token(cluster) for _ in range(arguments.rounds))
            stages = cluster.stage_seconds()
            beyond = measured - 3 * delay - sum(stages)
            print(f"{'three stages, ' + str(round(delay * 1000)) + ' ms on each link':32} {measured * 1000:.2f} ms a token, "
                  f"stages compute {sum(stages) * 1000:.2f} ms: {beyond * 1000:.2f} ms beyond 3 delays and computing "
                  f"(aim 1 ms)", flush=True)
            cluster.stop()


if __name__ == "__main__":
    main()
