"""A node as users run it: `exogpu serve` as a process of this machine, with its API and its link on loopback."""
import http.client
import json
import os
import re
import signal
import subprocess
import time

from harness.caches import cache_home
from harness.ports import free_port
from harness.waiting import WAIT_S, until

PROMPT = "Once upon a time"


class Node:
    """A process; its first line has its ports. `log` has its standard error."""

    def __init__(self, exogpu, folder, name, *arguments, link=0, api=0, called=None, device="cpu",
                 environment=None):
        self.exogpu, self.name, self.folder, self.device = exogpu, called or name, folder / name, device
        self.environment = environment or {}  # beside that of the test
        self.folder.mkdir(exist_ok=True)
        self.log = self.folder / "log"
        self.arguments = [*map(str, arguments)]
        self.headers = {"Content-Type": "application/json"}
        if "--api-key" in self.arguments:
            self.headers["Authorization"] = "Bearer " + self.arguments[self.arguments.index("--api-key") + 1]
        self.start(link or free_port(), api or free_port())

    def start(self, link, api):
        command = [self.exogpu, "serve", "--name", self.name, "--state", self.folder / "state", "--cache",
                   self.folder / "cache", "--listen", f"127.0.0.1:{link}", "--api", f"127.0.0.1:{api}", "-d",
                   self.device, "-t", "1", *self.arguments]
        # Not the models of the user that runs the tests.
        environment = {**os.environ, "EXOGPU_MODELS": str(self.folder.parent / "models"),
                       "XDG_CACHE_HOME": cache_home(self.folder.parent), **self.environment}
        self.errors = open(self.log, "ab")
        self.process = subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, stderr=self.errors, text=True,
                                        env=environment)
        line = self.process.stdout.readline()
        found = re.match(r"node (\S+) listens on port (\d+); the API is at http://127\.0\.0\.1:(\d+)/v1\n", line)
        if not found:
            raise AssertionError(f"node {self.name} wrote {line!r} and {self.said()!r}")
        self.link, self.api = int(found[2]), int(found[3])

    def restart(self):
        self.start(self.link, self.api)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.close_pipes()

    def stop(self):
        """Sends SIGTERM and returns the seconds until it ended."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(WAIT_S)
        self.close_pipes()
        if status != 0:
            raise AssertionError(f"node {self.name} ended with {status}: {self.said()}")
        return time.monotonic() - begun

    def close_pipes(self):
        self.process.stdout.close()
        self.errors.close()

    def said(self):
        return self.log.read_text(errors="replace")

    def waits_to_say(self, words):
        until(lambda: f"{self.name} says {words!r}; it said {self.said()!r}", lambda: words in self.said())

    def request(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.api, timeout=WAIT_S)
        try:
            connection.request(method, path, body if isinstance(body, (str, bytes)) or body is None else json.dumps(body),
                               self.headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read() or b"null")
        finally:
            connection.close()

    def get(self, path):
        """The body of a successful response; None otherwise, for example if the node is offline."""
        try:
            status, body = self.request("GET", path)
        except (OSError, http.client.HTTPException):
            return None
        return body if status == 200 else None

    def complete(self, **fields):
        status, answer = self.request("POST", "/v1/completions", {"prompt": PROMPT, "max_tokens": 24, "temperature": 0,
                                                                  **fields})
        if status != 200:
            raise AssertionError(f"{status} {answer}\n{self.said()}")
        return answer

    def complete_fails(self):
        """Status and message of a request that fails."""
        status, answer = self.request("POST", "/v1/completions", {"prompt": "x", "max_tokens": 1})
        return status, answer.get("error", {}).get("message", "")

    def text(self, **fields):
        return [choice["text"] for choice in self.complete(**fields)["choices"]]

    def stream(self, **fields):
        """Yields the parts of an answer as they arrive; the last may be an error."""
        connection = http.client.HTTPConnection("127.0.0.1", self.api, timeout=WAIT_S)
        connection.request("POST", "/v1/completions", json.dumps({
            "prompt": PROMPT, "max_tokens": 24, "temperature": 0, "stream": True, **fields}),
            self.headers)
        response = connection.getresponse()
        try:
            if response.status != 200:
                yield json.loads(response.read())
            for line in response:
                if line.startswith(b"data: ") and line != b"data: [DONE]\n":
                    yield json.loads(line[6:])
        finally:
            response.close()
            connection.close()

    def pieces(self, **fields):
        """Yields the parts of stream() with their time of arrival, for harness.answers.Answer."""
        return ((time.monotonic(), piece) for piece in self.stream(**fields))

    def states(self):
        """Of each model that requests may name: whether it is loaded, loading or unloaded."""
        models = self.get("/v1/models") or {"data": []}
        return {model["id"]: model["status"]["value"] for model in models["data"]}

    def plan_memory(self):
        """Bytes that the plan of the model takes of all devices."""
        return sum(stage["memory_bytes"] for stage in self.cluster()["plan"]["stages"])

    def serves(self):
        models = self.request("GET", "/v1/models")[1]["data"]
        return any(model["status"]["value"] == "loaded" for model in models)

    def waits_to_serve(self):
        until(lambda: f"{self.name} serves; it said {self.said()!r}", self.serves)
        # The state of the cluster is shown a moment later.
        until(lambda: f"{self.name} shows that: {self.cluster()}",
              lambda: any(model["serving"] for model in self.cluster()["models"]))

    def waits_for_stages(self, count):
        """Waits until it serves with at least so many devices; returns the cluster's state."""
        def cluster():
            status = self.get("/v1/cluster") or {}
            return status if status.get("serving") and len(status["plan"]["stages"]) >= count and self.get("/health") else None
        return until(lambda: f"{self.name} serves over {count} devices: {self.get('/v1/cluster')}", cluster)

    def cluster(self):
        return self.request("GET", "/v1/cluster")[1]

    def leader(self):
        return (self.get("/v1/cluster") or {}).get("leader")

    def has_all_of(self, size):
        """Whether it has all bytes of a model of this size."""
        return ((self.get("/v1/cluster") or {}).get("weights") or {}).get("received_bytes", 0) > 0.9 * size

    def cluster_state(self):
        """The states of its plan's stages: "a/cpu: ready, b/cpu: fetching"."""
        plan = self.cluster().get("plan") or {"stages": []}
        return ", ".join(f"{s['node']}/{s['device']}: {s['status']}" for s in plan["stages"])

    def token(self, *arguments):
        done = subprocess.run([*map(str, [self.exogpu, "token", "--state", self.folder / "state", *arguments])],
                              capture_output=True, text=True, timeout=WAIT_S)
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        return done.stdout.strip()
