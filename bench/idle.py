#!/usr/bin/env python3
"""The cost of a cluster of many idle nodes for each of them: bytes on the wire and processor time.

  bench/idle.py MODEL [--exogpu build/release/exogpu] [--nodes 30] [--settle 30] [--seconds 30] [--no-discovery]

Each node has a network namespace of its own (root is needed); bytes are those of its interface, sent and received, with
all headers. Processor time is that of the process.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from harness import hosts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--exogpu", type=pathlib.Path, default=ROOT / "build/release/exogpu")
    parser.add_argument("--nodes", type=int, default=30)
    parser.add_argument("--settle", type=float, default=30)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--no-discovery", action="store_true")
    arguments = parser.parse_args()
    if not hosts.available():
        sys.exit("network namespaces are not allowed here")

    with hosts.Network(arguments.nodes) as network, tempfile.TemporaryDirectory() as folder:
        devices = [hosts.Device(network, host, folder, arguments.exogpu.resolve()) for host in network.hosts]
        try:
            first = devices[0]
            quiet = ["--no-discovery"] if arguments.no_discovery else []
            begun = time.monotonic()
            first.serve(arguments.model.resolve(), "-c", 512, *quiet)
            hosts.until("the first serves", first.serves)
            _, token = first.ends("token", "--uses", arguments.nodes, errors=subprocess.DEVNULL)
            for device in devices[1:]:
                shutil.copytree(first.folder / "cache", device.folder / "cache")  # the measured profile of the machine
                device.serve("--join", "10.77.0.1:7766", "--token", token.strip(), *quiet)
            hosts.until("all serve", lambda: all(device.serves() for device in devices), 300, 0.5)
            print(f"{arguments.nodes} nodes serve {time.monotonic() - begun:.1f} s after the first was started", flush=True)
            time.sleep(arguments.settle)

            def wire(device):
                lines = subprocess.run(network.command(device.host, "cat", "/proc/net/dev"), capture_output=True,
                                       text=True, check=True).stdout.splitlines()
                fields = next(line for line in lines if "eth0:" in line).split(":")[1].split()
                return int(fields[0]), int(fields[8])  # received, sent

            def processor(device):
                # `ip netns exec` replaces itself by the program.
                fields = pathlib.Path(f"/proc/{device.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
                return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

            before = [(*wire(device), processor(device)) for device in devices]
            time.sleep(arguments.seconds)
            after = [(*wire(device), processor(device)) for device in devices]
            leader = first.get("/v1/cluster")["leader"]
            rows = [[(b - a) / arguments.seconds for a, b in zip(x, y)] for x, y in zip(before, after)]
            led = rows.pop(next(i for i, device in enumerate(devices) if device.name == leader))
            for name, pick in (("received", 0), ("sent", 1)):
                values = [row[pick] / 1000 for row in rows]
                print(f"{name}: median {statistics.median(values):.2f} kB/s, most {max(values):.2f}; "
                      f"the leader {led[pick] / 1000:.1f} kB/s")
            values = [100 * row[2] for row in rows]
            print(f"of a core: median {statistics.median(values):.2f} %, most {max(values):.2f} %; "
                  f"the leader {100 * led[2]:.2f} %")
        finally:
            for device in devices:
                if device.process:
                    device.process.kill()


if __name__ == "__main__":
    main()
