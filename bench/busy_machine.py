#!/usr/bin/env python3
"""Measures exogpu on a machine whose cores other processes use, beside llama-bench.

  bench/busy_machine.py MODEL --busy 0,1,4,8        speed beside so many busy processes
  bench/busy_machine.py MODEL --two                 two exogpu processes at once, and one alone
  bench/busy_machine.py MODEL --quota 1.5           in a control group with a quota of so many CPUs (root)
  bench/busy_machine.py MODEL --comes-and-goes 1    an answer during which so many busy processes come and go; the model
                                                    needs a tokenizer (bench/with_tokenizer.py)

What is compared runs by turns, and each figure is the median of the rounds. Let nothing else run meanwhile.
"""
import argparse
import contextlib
import json
import os
import pathlib
import shlex
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests"))
from harness.ports import free_port

WINDOW_S = 0.1


@contextlib.contextmanager
def busy(count):
    """So many processes that compute without end."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    time.sleep(1 if count else 0)  # as on a machine that has been in use for a while
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def ours_command(arguments, threads, prompt, generate):
    return [*shlex.split(arguments.ours), "bench", arguments.model, "--json", "-d", "cpu", "-t", str(threads), "-p",
            str(prompt), "-n", str(generate), "-r", "3"]


def ours(arguments, threads=0, prompt=None, generate=None, start=subprocess.Popen):
    """Runs it; returns speeds in tokens/s, and the threads of the last step."""
    command = ours_command(arguments, threads, arguments.prompt if prompt is None else prompt,
                           arguments.generate if generate is None else generate)
    process = start(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        report = json.loads(process.communicate(timeout=arguments.timeout)[0])
    finally:
        process.kill()
    speeds = {name: report[part]["median"] for name, part in (("pp", "prompt"), ("tg", "generation")) if part in report}
    return {**speeds, "threads": report.get("computing_threads", 0)}


def peer(arguments):
    command = [*shlex.split(arguments.peer), "-m", arguments.model, "-t", str(os.cpu_count()), "-fa", "1", "-p",
               str(arguments.prompt), "-n", str(arguments.generate), "-r", "3", "-o", "json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=arguments.timeout, check=True)
    text = done.stdout.decode()
    return {"pp" if entry["n_prompt"] else "tg": statistics.median(entry["samples_ts"])
            for entry in json.loads(text[text.index("["):])}


def row(label, rounds):
    medians = {name: statistics.median(r[name] for r in rounds) for name in rounds[0]}
    print(f"{label:<44}" + "".join(f"  {name} {value:8.2f}" for name, value in medians.items()), flush=True)
    return medians


def beside_busy(arguments):
    cores, idle = os.cpu_count(), None
    for count in map(int, arguments.busy.split(",")):
        sides = [("exogpu", ours)] + ([("llama-bench", peer)] if arguments.peer else [])
        found = {name: [] for name, _ in sides}
        with busy(count):
            for _ in range(arguments.rounds):
                for name, measure in sides:
                    try:
                        found[name].append(measure(arguments))
                    except subprocess.TimeoutExpired:
                        print(f"{name} took more than {arguments.timeout} s", flush=True)
        for name, rounds in found.items():
            if not rounds:
                continue
            medians = row(f"{count} of {cores} cores busy: {name}", rounds)
            if name == "exogpu":
                idle = idle or medians
                share = (cores - count) / cores
                print(f"{'':<44}  of the idle speed times {share:.2f}: "
                      + ", ".join(f"{n} {medians[n] / idle[n] / share:.2f}" for n in ("pp", "tg")), flush=True)


def two_at_once(arguments):
    alone, first, second = [], [], []
    for _ in range(arguments.rounds):
        for part in ({"prompt": arguments.prompt, "generate": 0}, {"prompt": 0, "generate": 8 * arguments.generate}):
            results = [None, None]

            def measure(i, what=part, into=results):
                into[i] = ours(arguments, **what)
            alone.append(ours(arguments, **part))
            threads = [threading.Thread(target=measure, args=(i,)) for i in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            first.append(results[0])
            second.append(results[1])
    for name in ("pp", "tg"):
        one, a, b = (statistics.median(r[name] for r in rounds if name in r) for rounds in (alone, first, second))
        print(f"{name}: alone {one:.1f}, two at once {a:.1f} and {b:.1f}: together {(a + b) / one:.2f} of one, "
              f"the slower {min(a, b) / one:.2f}", flush=True)


@contextlib.contextmanager
def control_group(cpus):
    """A control group with a quota; yields the file that takes process ids."""
    root = pathlib.Path("/sys/fs/cgroup")
    unified = (root / "cgroup.controllers").exists()
    folder = root / "exogpu-bench" if unified else root / "cpu" / "exogpu-bench"
    if unified:
        (root / "cgroup.subtree_control").write_text("+cpu")
    folder.mkdir(exist_ok=True)
    try:
        if unified:
            (folder / "cpu.max").write_text(f"{int(cpus * 100000)} 100000")
        else:
            (folder / "cpu.cfs_quota_us").write_text(str(int(cpus * 100000)))
        yield folder / "cgroup.procs"
    finally:
        time.sleep(0.5)
        folder.rmdir()


def under_quota(arguments):
    found = {}
    with control_group(arguments.quota) as procs:
        def start(command, **more):
            return subprocess.Popen(["sh", "-c", f"echo $$ > {procs}; exec \"$@\"", "sh", *command], **more)
        for _ in range(arguments.rounds):
            for threads in (0, 1, 2, 3, 4):
                found.setdefault(threads, []).append(ours(arguments, threads, start=start))
    for threads, rounds in found.items():
        row(f"quota of {arguments.quota} CPUs, " + (f"{threads} threads" if threads else "automatic"), rounds)


def answer(url, tokens, during=None):
    """The text of an answer, and the time of each piece; `during` runs beside it."""
    body = json.dumps({"prompt": "Once upon a time", "max_tokens": tokens, "temperature": 0, "stream": True,
                       "ignore_eos": True}).encode()
    request = urllib.request.Request(url + "/v1/completions", body, {"Content-Type": "application/json"})
    text, times = "", []
    beside = threading.Thread(target=during or (lambda: None))
    beside.start()
    with urllib.request.urlopen(request) as response:
        for line in response:
            if line.startswith(b"data: {"):
                text += json.loads(line[6:])["choices"][0]["text"]
                times.append(time.monotonic())
    beside.join()
    return text, times


def wait_until_it_serves(url):
    until = time.monotonic() + 120
    while True:
        try:
            return urllib.request.urlopen(url + "/health").close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


def rate(times, begin, end):
    return sum(begin <= t < end for t in times) / (end - begin)


def settled_after(times, begin, end):
    """Seconds from `begin` until the rate of a window is for the first time within a fifth of that of the second half."""
    steady = rate(times, (begin + end) / 2, end)
    at = begin
    while at + WINDOW_S < end and abs(rate(times, at, at + WINDOW_S) / steady - 1) > 0.2:
        at += WINDOW_S / 5
    return at + WINDOW_S - begin, steady


def comes_and_goes(arguments):
    with tempfile.TemporaryDirectory() as folder:
        api = free_port()
        command = [*shlex.split(arguments.ours), "serve", arguments.model, "--state", folder + "/state", "--cache", folder
                   + "/cache", "--no-discovery", "--listen", f"127.0.0.1:{free_port()}", "--api", f"127.0.0.1:{api}",
                   "-d", "cpu", "-c", "16384", "--parallel", "1"]
        node = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            node.stdout.readline()
            url = f"http://127.0.0.1:{api}"
            wait_until_it_serves(url)
            times = answer(url, 64)[1]
            tokens = int(12 * 63 / (times[-1] - times[0]))  # twelve seconds of the idle speed
            text, _ = answer(url, tokens)
            marks = {}

            def during():
                time.sleep(4)
                marks["came"] = time.monotonic()
                with busy(arguments.comes_and_goes):
                    time.sleep(3)
                marks["went"] = time.monotonic()
            again, times = answer(url, tokens, during)
        finally:
            node.terminate()
            node.wait()
    fall, beside = settled_after(times, marks["came"], marks["went"])
    rise, after = settled_after(times, marks["went"], times[-1])
    before = rate(times, marks["came"] - 2, marks["came"])
    print(f"{arguments.comes_and_goes} busy: {before:.1f} tokens/s before, {beside:.1f} beside after {fall:.2f} s, {after:.1f} "
          f"afterwards after {rise:.2f} s; the text is {'the same' if text == again else 'ANOTHER'}; windows of {WINDOW_S} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--ours", default="build/release/exogpu", help="the exogpu program, with arguments before its own")
    parser.add_argument("--peer", help="llama-bench, with arguments before its own; it runs with as many threads as cores")
    parser.add_argument("-p", "--prompt", type=int, default=128)
    parser.add_argument("-n", "--generate", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--timeout", type=float, default=300, help="seconds for one run")
    parser.add_argument("--busy", help="numbers of busy processes")
    parser.add_argument("--two", action="store_true")
    parser.add_argument("--quota", type=float, metavar="CPUS")
    parser.add_argument("--comes-and-goes", type=int, metavar="BUSY")
    arguments = parser.parse_args()
    for wanted, measure in ((arguments.busy, beside_busy), (arguments.two, two_at_once), (arguments.quota, under_quota),
                            (arguments.comes_and_goes, comes_and_goes)):
        if wanted:
            measure(arguments)


if __name__ == "__main__":
    main()
