"""Engines as commands: one question in, the answer out."""
import json
import subprocess
import urllib.request


class Exogpu:
    """`exogpu run`, one process for each question."""

    def __init__(self, program, model, arguments=()):
        self.command = [program, "run", model, "--device", "cpu", "--context", "2048", "--stats", *arguments]

    def answer(self, question, temperature=0.0, seed=0, tokens_max=200):
        """The text, and whether the model ended it by itself. Samples from all tokens, as the temperature says."""
        done = subprocess.run([*self.command, "-p", question, "-n", str(tokens_max), "--temperature", str(temperature), "--seed", str(seed),
                               "--top-k", "0", "--top-p", "1", "--min-p", "0"], capture_output=True, text=True, timeout=300)
        if done.returncode:
            raise SystemExit(f"{' '.join(done.args)}: {done.stderr.strip()}")
        return done.stdout.removesuffix("\n"), "ended by length" not in done.stderr


class LlamaServer:
    """llama.cpp's llama-server, started by its user; greedy."""

    def __init__(self, address):
        self.address = address.rstrip("/")

    def answer(self, question, tokens_max=200):
        body = {"messages": [{"role": "user", "content": question}], "temperature": 0, "max_tokens": tokens_max, "cache_prompt": False}
        request = urllib.request.Request(self.address + "/v1/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=300) as reply:
            choice = json.load(reply)["choices"][0]
        return choice["message"]["content"], choice["finish_reason"] == "stop"
