"""exogpu serve as users run it: nodes as processes, connected over loopback.

usage: serve_test.py EXOGPU TINY_MODEL MODEL    (nodes.py)
"""
import http.client
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

from harness import cases
from harness.answers import NEAR_TIE, Answer
from harness.caches import cache_home
from harness.processor import processor
from harness.waiting import stays
from nodes import EXOGPU, MODEL, QUICK, TINY_MODEL, WAIT_S, Cluster, Node, until
from harness.ports import free_port


def serve_fails(folder, *arguments):
    """The error of an `exogpu serve` that does not start."""
    done = subprocess.run([*map(str, [EXOGPU, "serve", "--state", folder / "state", "--cache", folder / "cache", "-d",
                                      "cpu", "-t", "1", *arguments])], capture_output=True, text=True, timeout=WAIT_S,
                          env={**os.environ, "XDG_CACHE_HOME": cache_home(folder), "EXOGPU_MODELS": str(folder / "models")})
    if done.returncode != 1 or done.stdout:
        raise AssertionError(f"{done.returncode}: {done.stdout}{done.stderr}")
    return done.stderr


class SlowLink:
    """A proxy between a node and one that joins it; forwards the first node's bytes at `bytes_per_s`."""

    def __init__(self, port, bytes_per_s):
        self.to, self.bytes_per_s = port, bytes_per_s
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.open = [self.listener]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        try:
            while True:
                near = self.listener.accept()[0]
                far = socket.create_connection(("127.0.0.1", self.to))
                self.open += [near, far]
                for source, sink, rate in (near, far, None), (far, near, self.bytes_per_s):
                    threading.Thread(target=self.pass_on, args=(source, sink, rate), daemon=True).start()
        except OSError:
            pass  # closed

    @staticmethod
    def pass_on(source, sink, rate):
        try:
            while data := source.recv(4096):
                sink.sendall(data)
                if rate:
                    time.sleep(len(data) / rate)
        except OSError:
            pass
        for end in source, sink:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        for end in self.open:
            end.close()


class Serve(Cluster):
    def test_any_cut_writes_the_same_from_every_node(self):
        # With these batches a prompt is computed in the same chunks at any cut, which gives the same bits.
        alone = self.node("alone", MODEL, "-c", 512, "-b", 64)
        alone.waits_to_serve()
        asked = [{}, {"temperature": 1, "seed": 7}, {"temperature": 1, "seed": 3, "n": 2},
                 {"stop": [" big"]}, {"prompt": "A baker had a dream. One day"}, {"prompt": "word " * 120}]
        expected = [alone.text(**fields) for fields in asked]
        probabilities = alone.complete(logprobs=3)["choices"][0]["logprobs"]
        self.assertEqual(len(expected[2]), 2)
        self.assertNotEqual(*expected[2])
        self.assertTrue(expected[3][0])
        self.assertNotIn(" big", expected[3][0])
        self.assertLess(alone.stop(), WAIT_S)
        nodes = self.three("-b", 64)
        for node in nodes:
            self.assertEqual([node.text(**fields) for fields in asked], expected)
            self.assertEqual(node.complete(logprobs=3)["choices"][0]["logprobs"]["tokens"], probabilities["tokens"])
            parts = [part["choices"][0]["text"] for part in node.stream() if part["choices"]]
            self.assertEqual("".join(parts), expected[0][0])
            self.assertGreater(len(parts), 3)
        self.assertEqual({entry["name"]: entry["api_url"] for entry in nodes[1].cluster()["nodes"]},
                         {node.name: f"http://127.0.0.1:{node.api}" for node in nodes})
        for body, words in [({"prompt": "word " * 600}, "context"), ("{", ""), ("[" * 100000, "")]:
            status, answer = nodes[2].request("POST", "/v1/completions", body)
            self.assertEqual(status, 400)
            self.assertIn(words, answer["error"]["message"])

    def test_other_chunks_change_near_ties_alone(self):
        prompts = ["word " * 120, "Once upon a time " * 40, "A baker had a dream. One day " * 20]

        def answers(node):
            return [Answer([(0, node.complete(prompt=prompt, logprobs=5))]) for prompt in prompts]

        alone = self.node("alone", MODEL, "-c", 512)
        alone.waits_to_serve()
        expected = answers(alone)
        self.assertLess(alone.stop(), WAIT_S)
        departures = [got.leaves(wanted) for got, wanted in zip(answers(self.three()[1]), expected)]
        print(f"of {len(prompts)} prompts read in other chunks, these left the text (token, gap): "
              f"{[at for at in departures if at]}; {processor()}", file=sys.stderr)
        for at in departures:
            self.assertLess(at[1] if at else 0, NEAR_TIE)

    def test_512_tokens_are_the_same_over_any_split(self):
        written = []
        for layers in ("0-11",), ("0-4", "5-11"), ("0-0", "1-9", "10-11"):
            nodes = self.ring(*layers, context=1024)
            # As a stream, since the whole answer may take longer than a test waits for one event.
            parts = [*nodes[-1].stream(max_tokens=512, ignore_eos=True)]
            self.assertEqual(parts[-1]["choices"][0]["finish_reason"], "length")
            written.append("".join(part["choices"][0]["text"] for part in parts))
            self.assertGreater(len(written[-1]), 512)
            self.end_all()
        self.assertEqual(written[1:], written[:1] * 2)

    def test_a_model_file_that_changes_fails_requests_and_not_the_node(self):
        changes = {"cut short": lambda path: os.truncate(path, 1000),
                   "overwritten": lambda path: shutil.copyfile(MODEL, path)}
        for name, change in changes.items():
            with self.subTest(name):
                path = self.folder / "changing.gguf"
                shutil.copyfile(MODEL, path)
                node = self.node("alone", path, "-c", 512)
                node.waits_to_serve()
                node.complete()
                change(path)
                status, message = node.complete_fails()
                self.assertEqual(status, 503)
                self.assertIn("changing.gguf", message)
                until("the cluster's state names the file",
                      lambda: "changing.gguf" in (node.cluster()["model_file_error"] or ""))
                shown = subprocess.run([EXOGPU, "status", "--api", f"127.0.0.1:{node.api}"],
                                      capture_output=True, text=True, timeout=WAIT_S)
                self.assertIn("changing.gguf", shown.stdout, shown.stderr)
                self.end_all()

    def test_a_model_file_that_changes_is_replaced_from_another_node(self):
        path = self.folder / "changing.gguf"
        shutil.copyfile(MODEL, path)
        a = self.node("a", path, "--layers", "a/cpu:0-5,b/cpu:6-11", "-c", 512, "--no-spare")
        b = self.node("b", MODEL, "--join", f"127.0.0.1:{a.link}", "--token", a.token(), "--no-spare")
        for node in a, b:
            node.waits_to_serve()
        expected = a.text()
        os.truncate(path, 1000)
        until("its node names the file", lambda: "changing.gguf" in (a.cluster()["model_file_error"] or ""))
        until("the ring answers again", lambda: b.complete_fails()[0] == 200)
        for node in a, b:
            self.assertEqual(node.text(), expected)
        self.assertIsNone(b.cluster()["model_file_error"])

    def test_weights_are_sent_once(self):
        def moved(node, what):
            return until("moved weights are reported", lambda: node.cluster()["weights"])[what]
        a, b, c = self.three("--no-spare")
        size = os.path.getsize(MODEL)
        self.assertEqual(moved(a, "received_bytes"), 0)
        for node in b, c:
            until("its weights are counted", lambda: moved(node, "received_bytes") > size // 10)
        # Spare weights would be fetched now.
        stays("only their parts are fetched", lambda: all(moved(node, "received_bytes") < size for node in (b, c)), 3)
        # One node comes back, then all of them.
        c.kill()
        until("a says that c is away", lambda: not a.serves())
        c.restart()
        for node in (a, b, c):
            node.waits_to_serve()
        self.assertEqual(moved(c, "received_bytes"), 0)
        for node in (a, b, c):
            node.stop()
        for node in (a, b, c):
            node.restart()
        for node in (a, b, c):
            node.waits_to_serve()
        def nothing_moved():
            return all(moved(node, what) == 0 for node in (a, b, c) for what in ("sent_bytes", "received_bytes"))
        stays("nothing is moved", nothing_moved, 1)  # reported twice a second

    def test_a_stage_that_finds_no_memory_is_told_and_its_node_lives(self):
        a = self.node("a", MODEL, "--layers", "a/cpu:0-0,b/cpu:1-10,c/cpu:11-11", "-c", 4096, "--parallel", 64)
        token = a.token("--uses", 2)
        join = ["--join", f"127.0.0.1:{a.link}", "--token", token]
        b = self.node("b", *join)
        a.waits_to_say("node b is online")
        # The node may not use all the memory that is reported.
        taken = 4096 * int(pathlib.Path(f"/proc/{b.process.pid}/statm").read_text().split()[0])
        if taken > 1 << 40:
            self.skipTest("a sanitizer reserves more addresses than can be limited")
        limit = taken + (600 << 20)
        resource.prlimit(b.process.pid, resource.RLIMIT_AS, (limit, limit))
        c = self.node("c", *join)
        a.waits_to_say("b/cpu: the KV cache needs")
        for node in (a, b, c):
            until("it says why", lambda: "b/cpu: the KV cache needs" in node.complete_fails()[1])
            # Until the plan has ended, the message is that of the stage.
            until("it says what to do", lambda: "when node b is restarted" in node.complete_fails()[1])
            self.assertEqual(node.complete_fails()[0], 503)
        b.stop()
        b.restart()
        for node in (a, b, c):
            node.waits_to_serve()
        self.assertEqual(a.text(), b.text())

    def test_two_nodes_of_one_name_are_told_apart(self):
        a = self.node("a", MODEL, "--layers", "a/cpu:0-3,twin/cpu:4-7,late/cpu:8-11", "-c", 512)
        token = a.token("--uses", 2)
        join = ["--join", f"127.0.0.1:{a.link}", "--token", token]
        for folder in "bc":
            self.node(folder, *join, called="twin")
        a.waits_to_say("another node is named twin, too, so it is called so")
        def own_names():
            names = [node["name"] for node in a.cluster()["nodes"]]
            return sorted(name for name in names if re.fullmatch("twin-[0-9a-f]{8}", name))
        until("both have a name of their own", lambda: len(own_names()) == 2)
        names = own_names()
        until("it is asked which is meant", lambda: all(f"{name}/cpu" in a.complete_fails()[1] for name in names))
        a.stop()
        a.arguments[a.arguments.index("--layers") + 1] = f"a/cpu:0-5,{names[1]}/cpu:6-11"
        a.restart()
        a.waits_to_serve()
        self.assertEqual(a.cluster()["plan"]["stages"][1]["node"], names[1])

    def test_links_are_measured_each_way(self):
        a = self.node("a", MODEL, "-c", 512)
        slow = SlowLink(a.link, 2_000_000)
        self.addCleanup(slow.close)
        self.node("b", "--join", f"127.0.0.1:{slow.port}", "--token", a.token())
        def rates():
            nodes = a.cluster()["nodes"]
            found = {node["name"]: [link["bytes_per_s"] for link in node["links"]] for node in nodes}
            return found if [*map(len, found.values())] == [1, 1] and None not in sum(found.values(), []) else None
        found = until("both are measured", rates)
        self.assertLess(found["a"][0], 3e6)
        self.assertLess(found["a"][0], found["b"][0])

    def test_a_bench_of_the_cluster_shows_what_was_predicted_and_measured(self):
        nodes = self.ring("0-5", "6-11")

        def bench(*arguments):
            return subprocess.run([EXOGPU, "bench", *map(str, arguments), "--cluster", "--json", "--api",
                                   f"127.0.0.1:{nodes[1].api}", "-p", "32", "-n", "8", "-r", "2"], capture_output=True,
                                  text=True, timeout=WAIT_S)

        done = bench(nodes[0].cluster()["model"])
        self.assertEqual(done.returncode, 0, done.stderr)
        report = json.loads(done.stdout)
        self.assertEqual(len(report["stages"]), 2)
        self.assertGreater(report["prompt_tokens"], 0)
        for what in "tokens_per_s", "first_token_s":
            self.assertGreater(report[what]["measured"], 0)
            self.assertGreater(report[what]["predicted"], 0)
        done = bench("another")
        self.assertEqual(done.returncode, 1)
        self.assertIn("the cluster serves no model another", done.stderr)

    def test_two_members_that_do_not_reach_each_other_are_named(self):
        a = self.node("a", MODEL, "--layers", "a/cpu:0-3,b/cpu:4-7,c/cpu:8-11", "-c", 512)
        token = a.token("--uses", 2)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            nowhere = listener.getsockname()[1]  # an address without a listener, once this is closed
        join = ["--join", f"127.0.0.1:{a.link}", "--token", token]
        b, c = (self.node(name, *join, "--advertise", f"127.0.0.1:{nowhere}") for name in "bc")
        a.waits_to_say("node b has no connection to node c")
        until("the error names the missing node", lambda: "connecting to node c" in a.complete_fails()[1])
        for node in b, c:
            node.stop()
            node.arguments = join[:2]
            node.restart()
        for node in a, b, c:
            node.waits_to_serve()

    def test_ends_in_mid_answer(self):
        a, b, c = self.three()
        streams = [node.stream(max_tokens=400, ignore_eos=True) for node in (a, b)]
        for stream in streams:
            next(stream)
        readers = [threading.Thread(target=lambda s=stream: [*s], daemon=True) for stream in streams]
        for reader in readers:
            reader.start()
        for node in (b, a, c):
            took = node.stop()
            if QUICK:
                self.assertLess(took, 3)

    def test_asked_to_stop_it_ends_at_once(self):
        longest = float(QUICK or 5)
        a = self.node("a", MODEL, "--layers", "a/cpu:0-0,b/cpu:1-11", "-c", 512)
        token = a.token()
        # Before it has started: the node to join does not answer.
        with socket.create_server(("127.0.0.1", 0)) as silent:
            silent.settimeout(WAIT_S)
            b = self.folder / "b"
            b.mkdir()
            process = subprocess.Popen([*map(str, [
                EXOGPU, "serve", "--state", b / "state", "--cache", b / "cache", "--name", "b", "--no-api", "--listen",
                "127.0.0.1:0", "--join", f"127.0.0.1:{silent.getsockname()[1]}", "--token", token, "-d", "cpu"])],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            with silent.accept()[0]:
                begun = time.monotonic()
                process.send_signal(signal.SIGTERM)
                self.assertEqual(process.communicate(timeout=WAIT_S), (b"", b""))
                self.assertLess(time.monotonic() - begun, longest)
                self.assertEqual(process.returncode, -signal.SIGTERM)
        # While it receives weights.
        slow = SlowLink(a.link, 100_000)
        self.addCleanup(slow.close)
        b = self.node("b", "--join", f"127.0.0.1:{slow.port}", "--token", token)
        until("b is sent its layers", lambda: "b/cpu: fetching" in a.cluster_state())
        self.assertLess(b.stop(), longest)
        # While it loads them.
        alone = self.node("alone", MODEL)
        self.assertLess(alone.stop(), longest)
        # None of these interruptions prevents a new start.
        b.arguments = ["--join", f"127.0.0.1:{a.link}"]
        b.restart()
        alone.restart()
        for node in (a, b, alone):
            node.waits_to_serve()
        self.assertEqual(b.text(), alone.text())

    def test_any_member_shows_the_way_to_the_one_that_leads(self):
        a = self.node("a", MODEL, "--layers", "a/cpu:0-3,b/cpu:4-7,c/cpu:8-11", "-c", 512)
        token = a.token("--uses", 2)
        b, c = (self.node(name, "--join", f"127.0.0.1:{a.link}", "--token", token) for name in "bc")
        until("a observes both", lambda: "node b is online" in a.said() and "node c is online" in a.said())
        c.stop()
        c.arguments = ["--join", f"127.0.0.1:{b.link}"]
        c.restart()
        for node in (a, b, c):
            node.waits_to_serve()
        expected = a.text()
        self.assertEqual(c.text(), expected)
        # Also to a node that starts later.
        a.kill()
        c.stop()
        c.restart()
        until("b reports that there is no leader", lambda: not b.serves())
        a.restart()
        for node in (a, b, c):
            node.waits_to_serve()
        self.assertEqual(c.text(), expected)

    def test_a_client_that_goes_away_frees_its_sequence(self):
        a = self.node("a", MODEL, "--parallel", 1, "-c", 4096)
        a.waits_to_serve()
        stream = a.stream(max_tokens=4000, ignore_eos=True)
        next(stream)
        stream.close()
        self.assertEqual(len(a.text(max_tokens=2)), 1)

    def test_tokens_that_do_not_do(self):
        a = self.node("a", MODEL)
        token = a.token()
        other = self.node("other", MODEL)
        join = ["--listen", "127.0.0.1:0", "--no-api", "--join", f"127.0.0.1:{a.link}"]
        self.assertIn("exogpu token", serve_fails(self.folder / "fresh", *join))
        self.assertIn("token", serve_fails(self.folder / "fresh", *join, "--token", token[:-1]))
        self.assertIn("another cluster", serve_fails(self.folder / "fresh", *join, "--token", other.token()))
        b = self.node("b", "--join", f"127.0.0.1:{a.link}", "--token", token)
        self.assertIn("token", serve_fails(self.folder / "fresh", *join, "--token", token))  # used up
        expired, issued = a.token("--hours", 0.001), time.monotonic()
        until("the token's time is over", lambda: time.monotonic() > issued + 3.7)
        self.assertIn("the token has expired; make a new one",
                      serve_fails(self.folder / "fresh", *join, "--token", expired))
        # A member of another cluster.
        other.stop()
        stranger = self.node("other", "--join", f"127.0.0.1:{a.link}")
        stranger.waits_to_say("trying again")
        a.waits_to_say("node b is online")
        self.assertNotIn("node other is online", a.said())
        self.assertIsNone(b.process.poll())

    def test_problems_are_reported(self):
        fresh = self.folder / "fresh"
        self.assertIn("give the model to serve, put models into the models folder", serve_fails(fresh))
        self.assertIn("--name", serve_fails(fresh, MODEL, "--name", "a/b"))
        a = self.node("a", MODEL, "--layers", "a/cpu:0-3")
        a.waits_to_say("are given to no device")
        self.assertFalse(a.serves())
        taken = serve_fails(fresh, MODEL, "--listen", f"127.0.0.1:{a.link}", "--no-api")
        self.assertIn("in use", taken)
        huge = self.node("huge", MODEL, "-c", 8_000_000, "--parallel", 64)
        until("huge says what is missing", lambda: huge.request("GET", "/health")[0] == 503 and huge.said())
        self.assertIsNone(huge.process.poll())

    def test_another_file_of_the_same_name_is_not_used(self):
        name = pathlib.Path(MODEL).name
        wrong = self.folder / "wrong" / name
        wrong.parent.mkdir()
        subprocess.run([TINY_MODEL, "llama", str(wrong)], check=True, capture_output=True, timeout=60)
        a = self.node("a", MODEL, "--layers", "a/cpu:0-5,b/cpu:6-11", "-c", 512)
        a.waits_to_say("is the same model")  # the first of the name
        b = self.node("b", wrong, "--join", f"127.0.0.1:{a.link}", "--token", a.token())
        for node in (a, b):
            node.waits_to_serve()
        b.waits_to_say("is not served: the cluster serves another model of this name")
        self.assertEqual(b.text(), a.text())

    def test_a_host_that_is_not_there_is_tried_again(self):
        a = self.node("a", MODEL)
        b = self.node("b", "--join", f"127.0.0.1:{a.link}", "--token", a.token())
        a.waits_to_serve()
        b.waits_to_serve()  # has only the tokenizer: other nodes have all layers
        b.stop()
        b.arguments = ["--join", "no-such-host.invalid"]
        b.restart()
        b.waits_to_say("no-such-host.invalid")
        b.waits_to_say("trying again")

    def test_a_node_that_starts_before_the_cluster_joins_it_later(self):
        port, founder = free_port(), self.folder / "a"
        founder.mkdir()
        token = subprocess.run([EXOGPU, "token", "--state", str(founder / "state")], capture_output=True, text=True,
                               check=True, timeout=WAIT_S).stdout.strip()
        joins = threading.Thread(target=self.node, args=("b", "--join", f"127.0.0.1:{port}", "--token", token))
        joins.start()
        log = self.folder / "b" / "log"
        until("b says that it keeps trying", lambda: log.exists() and "trying again until this node has joined" in log.read_text())
        a = self.node("a", MODEL, link=port)
        joins.join(WAIT_S)
        self.assertFalse(joins.is_alive())
        a.waits_to_say("node b is online")
        self.assertEqual(log.read_text().count("trying again until"), 1)

    def test_it_ends_properly_when_its_terminal_goes(self):
        a = self.node("a", MODEL)
        b = self.node("b", "--join", f"127.0.0.1:{a.link}", "--token", a.token())
        a.waits_to_say("node b is online")
        b.process.send_signal(signal.SIGHUP)
        self.assertEqual(b.process.wait(WAIT_S), 0)  # as after SIGTERM
        self.assertIn("stopping", b.said())
        a.waits_to_say("node b is offline")

    def test_nohup_is_respected(self):
        handler = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the node inherits it
        try:
            a = self.node("a", MODEL)
        finally:
            signal.signal(signal.SIGHUP, handler)
        a.process.send_signal(signal.SIGHUP)
        a.waits_to_serve()
        self.assertIsNone(a.process.poll())
        a.stop()

    def test_a_list_of_nodes_stands_in_the_configuration(self):
        a = self.node("a", MODEL)
        config, own = self.folder / "config.toml", free_port()
        def write(key, *ports):
            config.write_text(f"[serve]\n{key} = {json.dumps([f'127.0.0.1:{port}' for port in ports])}\n")
        write("join", free_port(), own, a.link)  # no listener, the node itself, and a running node
        b = self.node("b", "--config", config, "--token", a.token(), link=own)
        for node in a, b:
            node.waits_to_serve()
        self.assertEqual(b.text(), a.text())
        self.assertNotIn("itself", b.said())
        write("jion", a.link)
        for file, wrong in ((config, "jion"), (self.folder / "no-such.toml", "no-such.toml")):
            done = subprocess.run([EXOGPU, "serve", "--config", str(file)], capture_output=True, text=True, timeout=WAIT_S)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(wrong, done.stderr)


if __name__ == "__main__":
    cases.run(sys.argv[4:])
