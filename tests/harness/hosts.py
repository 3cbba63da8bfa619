"""Hosts on one wire, for tests of the program: network namespaces on a bridge, each with an eth0 of its own.

    with hosts.Network(3) as network:        # hosts 1, 2, 3: 10.77.0.N, fd77::N, fe80::N
        device = hosts.Device(network, 1, folder, exogpu)
        device.serve(model)                       # `exogpu serve` there, its API at port 8080
        network.pull_cable(2)                     # host 2's interface goes down; the others only receive nothing more
        network.plug_cable(2)
        network.drop(3, source=1)                 # host 3 silently receives nothing more from host 1: half-open
        network.drop(1, source=3)                 # ... and the other direction
        network.firewall(2, "tcp dport 7766 drop")
        network.no_firewall(3)                    # removes all of host 3's rules

Needs root and a kernel that allows it: available(); for the firewall nft: has_firewall().
"""
import ctypes
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import threading

from harness.caches import cache_home
from harness.waiting import WAIT_S, until

API_PORT = 8080


def _quiet(*command):
    subprocess.run([str(part) for part in command], check=True, capture_output=True)


class Network:
    _made = 0

    def __init__(self, count):
        Network._made += 1
        self.hosts = range(1, count + 1)
        self._name = f"exop{os.getpid()}x{Network._made}"
        try:
            self._build()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def name(self, host):
        """The name of a namespace; host 0 is the bridge."""
        return f"{self._name}-{host}"

    def _build(self):
        _quiet("ip", "netns", "add", self.name(0))
        self.ip(0, "link", "add", "br0", "type", "bridge", "mcast_snooping", 0)
        self.ip(0, "link", "set", "br0", "up")
        for host in self.hosts:
            _quiet("ip", "netns", "add", self.name(host))
            self.ip(0, "link", "add", f"port{host}", "type", "veth", "peer", "name", "eth0", "netns", self.name(host))
            self.ip(0, "link", "set", f"port{host}", "master", "br0", "up")
            self.ip(host, "link", "set", "lo", "up")
            self.ip(host, "link", "set", "eth0", "addrgenmode", "none")
            self.ip(host, "addr", "add", f"10.77.0.{host}/24", "dev", "eth0")
            for address in (f"fd77::{host}/64", f"fe80::{host}/64"):
                self.ip(host, "addr", "add", address, "dev", "eth0", "nodad")
            self.ip(host, "link", "set", "eth0", "up")

    def close(self):
        """Removes the hosts. Processes that still run there keep their network until they end."""
        for host in (0, *self.hosts):
            subprocess.run(["ip", "netns", "del", self.name(host)], capture_output=True)

    def ip(self, host, *arguments):
        """Runs `ip` with these arguments on that host."""
        _quiet("ip", "-n", self.name(host), *arguments)

    def command(self, host, *arguments):
        """The command line that runs this there."""
        return ["ip", "netns", "exec", self.name(host), *map(str, arguments)]

    def on(self, host, what):
        """Calls what() on that host; sockets that it opens stay there."""
        result = []

        def enter():
            try:
                with open(f"/run/netns/{self.name(host)}") as namespace:
                    if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), 0) != 0:
                        raise OSError(ctypes.get_errno(), "setns")
                result.append((what(), None))
            except BaseException as error:
                result.append((None, error))

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        value, error = result[0]
        if error:
            raise error
        return value

    def pull_cable(self, host):
        self.ip(0, "link", "set", f"port{host}", "down")

    def plug_cable(self, host):
        self.ip(0, "link", "set", f"port{host}", "up")

    def firewall(self, host, rule, hook="input"):
        """Adds a rule in nft's syntax; `hook`: input or output."""
        nft = self.command(host, "nft")
        _quiet(*nft, "add", "table", "inet", "exogpu")
        _quiet(*nft, f"add chain inet exogpu {hook} {{ type filter hook {hook} priority 0; }}")
        _quiet(*nft, f"add rule inet exogpu {hook} {rule}")

    def no_firewall(self, host):
        subprocess.run(self.command(host, "nft", "delete", "table", "inet", "exogpu"), capture_output=True)

    def drop(self, host, source):
        """Silently drops packets from another host."""
        self.firewall(host, f"ip saddr 10.77.0.{source} drop")
        self.firewall(host, f"ip6 saddr {{ fd77::{source}, fe80::{source} }} drop")


def available():
    try:
        Network(1).close()
        return True
    except (OSError, subprocess.CalledProcessError):
        return False


def has_firewall():
    try:
        with Network(1) as network:
            network.firewall(1, "udp dport 5353 drop")
        return True
    except (OSError, subprocess.CalledProcessError):
        return False


class Device:
    """A host with its user's folders and its node."""

    def __init__(self, network, host, folder, exogpu):
        self.network, self.host, self.exogpu = network, host, exogpu
        self.name = f"host{host}"
        self.folder = pathlib.Path(folder) / self.name
        self.folder.mkdir()
        self.state = self.folder / "state" / "exogpu"
        self.log = self.folder / "log"
        self.process = None

    def run(self, *arguments, **more):
        """Starts the program on this host."""
        environment = {**os.environ, "XDG_STATE_HOME": str(self.folder / "state"),
                       "XDG_CACHE_HOME": cache_home(self.folder / "cache")}
        return subprocess.Popen(self.network.command(self.host, self.exogpu, *arguments), stdin=subprocess.DEVNULL,
                                text=True, env=environment, **more)

    def ends(self, *arguments, errors=subprocess.STDOUT):
        """The exit status and the whole output of a command."""
        process = self.run(*arguments, stdout=subprocess.PIPE, stderr=errors)
        said, _ = process.communicate(timeout=WAIT_S)
        return process.returncode, said

    def serve(self, *arguments):
        """Starts the node, with one CPU thread, since the nodes share one machine."""
        with open(self.log, "ab") as log:
            self.process = self.run("serve", "--name", self.name, "-d", "cpu", "-t", "1", "--api", f":{API_PORT}", "--no-auth",
                                    *arguments, stdout=log, stderr=log)

    def stop(self, with_signal=signal.SIGTERM):
        if self.process:
            self.process.send_signal(with_signal)
            self.process.wait(WAIT_S)
            self.process = None

    def said(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def request(self, method, path, body=None, seconds=WAIT_S):
        """Status and JSON of the API's response; None without a response."""

        def connected():
            made = socket.create_connection(("127.0.0.1", API_PORT), seconds)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return made

        connection = http.client.HTTPConnection("127.0.0.1", API_PORT, timeout=seconds)
        try:
            connection.sock = self.network.on(self.host, connected)
            connection.request(method, path, None if body is None else json.dumps(body),
                               {"content-type": "application/json"})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def get(self, path):
        """The API's JSON if the status is 200; else None."""
        answer = self.request("GET", path)
        return answer[1] if answer and answer[0] == 200 else None

    def serves(self):
        models = self.get("/v1/models")
        return bool(models) and any(model["status"]["value"] == "loaded" for model in models["data"])

    def chat(self, text, tokens=8):
        """The text of an answer; None without one."""
        models = self.get("/v1/models")
        if not models or not models["data"]:
            return None
        answer = self.request("POST", "/v1/chat/completions",
                              {"model": models["data"][0]["id"], "max_tokens": tokens, "temperature": 0,
                               "messages": [{"role": "user", "content": text}]})
        return answer[1]["choices"][0]["message"]["content"] if answer and answer[0] == 200 else None
