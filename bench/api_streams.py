"""Many clients stream at once: the time until each one's first token, and the server's memory and threads.

usage: api_streams.py --server PROGRAM [ARGUMENT...]             starts it; it prints its URL and ends with its input
       api_streams.py --base-url http://127.0.0.1:8080 --pid PID   of a server that runs

A client sends its request when all are connected. First token: the first event with text in it. The clients share the
machine with the server, so the times are an upper bound.
"""
import argparse
import asyncio
import json
import subprocess
import time
import urllib.parse


def status(pid, field):
    with open(f"/proc/{pid}/status") as lines:
        for line in lines:
            if line.startswith(field + ":"):
                return int(line.split()[1])
    raise KeyError(field)


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


class Client:
    def __init__(self, number):
        self.number = number
        self.first = self.whole = None
        self.tokens = 0
        self.error = None

    async def run(self, host, port, options, go, model):
        try:
            reader, writer = await asyncio.open_connection(host, port)
            go.connected += 1
            if go.connected == options.clients:
                go.event.set()
            await go.event.wait()
            body = json.dumps({"model": model, "stream": True, "max_tokens": options.tokens, "seed": self.number,
                               "stream_options": {"include_usage": True}, "ignore_eos": True,
                               "messages": [{"role": "user", "content": f"tell client {self.number} a story"}]})
            key = f"Authorization: Bearer {options.api_key}\r\n" if options.api_key else ""
            begin = time.monotonic()
            writer.write((f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\n{key}"
                          f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode())
            await writer.drain()
            await self.read(reader, begin)
            writer.close()
        except (OSError, asyncio.IncompleteReadError, ValueError, KeyError) as error:
            self.error = f"{type(error).__name__}: {error}"

    async def read(self, reader, begin):
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise ValueError(head.split(b"\r\n")[0].decode())
        while True:
            line = await reader.readline()
            if not line:
                raise ValueError("the connection was closed")
            if not line.startswith(b"data: "):
                continue
            data = line[6:].strip()
            if data == b"[DONE]":
                self.whole = time.monotonic() - begin
                return
            event = json.loads(data)
            if "error" in event:
                raise ValueError(event["error"]["message"])
            if self.first is None and any(choice["delta"].get("content") for choice in event["choices"]):
                self.first = time.monotonic() - begin
            if event.get("usage"):
                self.tokens = event["usage"]["completion_tokens"]


class Go:
    def __init__(self):
        self.connected = 0
        self.event = asyncio.Event()


async def measure(options, base_url, pid):
    url = urllib.parse.urlsplit(base_url)
    idle_kib, idle_cpu = status(pid, "VmRSS"), cpu_seconds(pid)
    await asyncio.sleep(options.idle)
    idle_share = (cpu_seconds(pid) - idle_cpu) / options.idle
    go, clients = Go(), [Client(i) for i in range(options.clients)]
    begin_cpu, begin = cpu_seconds(pid), time.monotonic()
    work = asyncio.gather(*(client.run(url.hostname, url.port, options, go, options.model) for client in clients))
    threads = memory = 0
    while not work.done():
        threads, memory = max(threads, status(pid, "Threads")), max(memory, status(pid, "VmRSS"))
        await asyncio.sleep(0.2)
    await work
    wall, cpu = time.monotonic() - begin, cpu_seconds(pid) - begin_cpu
    failed = [client for client in clients if client.error or client.whole is None]
    done = [client for client in clients if client not in failed]
    print(f"clients             {options.clients}, {len(done)} finished")
    for client in failed[:5]:
        print(f"  client {client.number}: {client.error}")
    if done:
        firsts = [client.first * 1000 for client in done if client.first is not None]
        print(f"first token ms      p50 {percentile(firsts, 0.5):.1f}  p99 {percentile(firsts, 0.99):.1f}  max {max(firsts):.1f}")
        tokens = sum(client.tokens for client in done)
        print(f"tokens              {tokens} in {wall:.1f} s: {tokens / wall:.0f} a second")
    print(f"server memory       {idle_kib / 1024:.1f} MiB idle, {memory / 1024:.1f} MiB at most")
    print(f"server threads      {threads}")
    print(f"server processor    {100 * idle_share:.2f} % of a core idle, {100 * cpu / wall:.0f} % while streaming")
    return 0 if not failed else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--tokens", type=int, default=100, help="of each answer")
    parser.add_argument("--idle", type=float, default=3, help="seconds to watch the idle server")
    parser.add_argument("--model")
    parser.add_argument("--api-key")
    parser.add_argument("--base-url")
    parser.add_argument("--pid", type=int)
    parser.add_argument("--server", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    if options.base_url:
        if not options.pid:
            parser.error("--base-url needs --pid, the server's, to read its memory")
        return asyncio.run(measure(options, options.base_url, options.pid))
    if not options.server:
        parser.error("give --server PROGRAM or --base-url")
    with subprocess.Popen(options.server, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        return asyncio.run(measure(options, server.stdout.readline().strip(), server.pid))


if __name__ == "__main__":
    raise SystemExit(main())
