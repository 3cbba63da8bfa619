"""One identity, two processes: a state folder used twice, copied, or cloned with its disk. Arguments: as in nodes.py."""
import shutil
import subprocess
import sys
import time
import unittest

from nodes import EXOGPU, MODEL, Cluster
from harness.ports import free_port
from harness.waiting import WAIT_S, until

REMEDY = "exogpu join"


class OneIdentityTwice(Cluster):
    def two(self):
        """Nodes a and b that serve together."""
        a = self.node("a", MODEL)
        b = self.node("b", "--join", f"127.0.0.1:{a.link}", "--token", a.token())
        for node in a, b:
            node.waits_to_serve()
        return a, b

    def serve(self, name, state, *arguments):
        """The output of `serve` with this state folder, which ends by itself."""
        done = subprocess.run([EXOGPU, "serve", "--name", name, "--state", state, "--cache", self.folder / f"cache-{name}",
                               "--listen", f"127.0.0.1:{free_port()}", "--no-api", "--no-discovery", "-d", "cpu", "-t", "1",
                               *map(str, arguments)], capture_output=True, text=True, timeout=WAIT_S)
        self.assertEqual(done.returncode, 1, done.stderr)
        return done.stderr

    def test_a_second_serve_on_one_state_folder_is_refused_at_once(self):
        a = self.node("a", MODEL)
        state = a.folder / "state"
        output = self.serve("again", state, MODEL)
        self.assertIn(f"{state}: another exogpu process runs a node with this state folder", output)
        self.assertIn("--state", output)
        self.assertIsNone(a.process.poll())
        a.stop()
        a.restart()
        a.waits_to_serve()

    def test_a_copy_is_refused_and_the_original_works_on(self):
        a, b = self.two()
        shutil.copytree(b.folder / "state", self.folder / "copied")
        output = self.serve("copy", self.folder / "copied", "--join", f"127.0.0.1:{a.link}")
        self.assertIn("another process has this node's identity", output)
        self.assertIn(REMEDY, output)
        self.assertIn(str(self.folder / "copied"), output)
        a.waits_to_say("another process has the identity of node b and was refused: 127.0.0.1:")
        self.assertEqual(a.said().count("node b is offline"), 0, a.said())
        conflict = until("the status has it", lambda: a.cluster()["identity_conflicts"])[0]
        self.assertEqual(conflict["node"], "b")
        self.assertIn("127.0.0.1:", conflict["source"])
        self.assertLess(abs(time.time() - conflict["refused_at_unix_s"]), 2 * WAIT_S)
        self.assertEqual(b.cluster()["identity_conflicts"], [])
        shown = subprocess.run([EXOGPU, "status", "--api", f"127.0.0.1:{a.api}"], capture_output=True, text=True,
                               timeout=WAIT_S).stdout
        self.assertIn("Another process has the identity of node b and was refused", shown)
        self.assertIn(REMEDY, shown)
        self.assertEqual(b.text(), a.text())

    def test_a_copy_of_the_node_that_it_calls_is_refused(self):
        a = self.node("a", MODEL)
        a.waits_to_serve()
        shutil.copytree(a.folder / "state", self.folder / "copied")
        output = self.serve("copy", self.folder / "copied", "--join", f"127.0.0.1:{a.link}")
        self.assertIn("another process has this node's identity", output)
        self.assertIn(REMEDY, output)
        a.waits_to_say("another process has the identity of")
        self.assertIsNone(a.process.poll())

    def test_a_node_keeps_the_name_that_it_was_given_last(self):
        a, b = self.two()

        def rename(before, name, fails=False):
            done = subprocess.run([EXOGPU, "rename", before, name, "--api", f"127.0.0.1:{a.api}"], capture_output=True,
                                  text=True, timeout=WAIT_S)
            self.assertEqual(done.returncode != 0, fails, done.stdout + done.stderr)
            return done.stdout + done.stderr

        def called(*names):
            for node in a, b:
                until(lambda: f"{node.name} sees {names}; it sees {node.get('/v1/cluster')}",
                      lambda: {each["name"] for each in (node.get("/v1/cluster") or {"nodes": []})["nodes"]} == {*names})

        self.assertIn("there is no node \"x\"", rename("x", "desk", fails=True))
        self.assertIn("another node is called a", rename("b", "a", fails=True))
        self.assertIn("none of / , :", rename("b", "b/c", fails=True))
        self.assertIn("The node b is called desk from now on", rename("b", "desk"))
        called("a", "desk")
        rename("a", "hall")
        called("hall", "desk")
        shown = b.request("GET", "/v1/audit")[1]["entries"]
        self.assertIn(("a", "b to desk", "ok"),
                      [(each["who"], each["what"], each["result"]) for each in shown if each["action"] == "node.renamed"])
        self.assertEqual(a.text(), b.text())
        b.stop()
        b.restart()
        called("hall", "desk")
        b.stop()
        b.name = "lap"
        b.restart()
        called("hall", "lap")

    def test_a_node_keeps_the_limits_that_it_was_given_last(self):
        a, b = self.two()

        def limits(*arguments, fails=False):
            done = subprocess.run([EXOGPU, "limits", *arguments, "--api", f"127.0.0.1:{a.api}"], capture_output=True,
                                  text=True, timeout=WAIT_S)
            self.assertEqual(done.returncode != 0, fails, done.stdout + done.stderr)
            return done.stdout + done.stderr

        def has(**wanted):
            none = dict.fromkeys(("temperature_max_c", "power_max_w", "quiet_hours", "shared_hours",
                                  "battery_floor_percent", "memory_max_bytes"))
            for node in a, b:
                until(lambda: f"{node.name} sees {wanted}; it sees {node.get('/v1/cluster')}",
                      lambda: [each["limits"] for each in (node.get("/v1/cluster") or {"nodes": []})["nodes"]
                               if each["name"] == "b"] == [none | wanted])

        self.assertIn("there is no node \"x\"", limits("x", "--power-max", "90", fails=True))
        self.assertIn("--temperature-max", limits("b", "--temperature-max", "5", fails=True))
        self.assertIn("--memory: 12 B is less than 1.00 MiB", limits("b", "--memory", "12", fails=True))
        self.assertIn("--battery-floor: 50.5 is not a whole number", limits("b", "--battery-floor", "50.5", fails=True))
        self.assertIn("name the node", limits("--power-max", "90", fails=True))
        has()
        limits("b", "--temperature-max", "75", "--quiet-hours", "22-7", "--memory", "1MiB")
        limits("b", "--battery-floor", "100", "--temperature-max", "none")
        has(quiet_hours="22-7", battery_floor_percent=100, memory_max_bytes=1 << 20)
        self.assertRegex(limits("b"), r"\nb +- +- +22-7 +- +100 % +1.00 MiB\n")
        until("less memory is offered to plans", lambda: all(
            device["memory_free_bytes"] == 1 << 20 for node in a.cluster()["nodes"] if node["name"] == "b"
            for device in node["devices"]))
        shown = b.request("GET", "/v1/audit")[1]["entries"]
        self.assertIn(("a", "quiet from 22 to 7 o'clock, only on mains power, at most 1.00 MiB of each device", "ok"),
                      [(each["who"], each["what"], each["result"]) for each in shown if each["action"] == "node.limits"])
        self.assertTrue(a.text())
        b.stop()
        b.restart()
        has(quiet_hours="22-7", battery_floor_percent=100, memory_max_bytes=1 << 20)
        limits("b", "--memory", "none")
        until("all memory is offered again", lambda: all(
            device["memory_free_bytes"] > 1 << 20 for node in a.cluster()["nodes"] if node["name"] == "b"
            for device in node["devices"]))
        b.stop()
        b.arguments = [*b.arguments, "--power-max", "90"]
        b.restart()
        has(power_max_w=90)

    def test_a_restart_is_no_second_process(self):
        a, b = self.two()
        for _ in range(3):
            b.kill()
            b.restart()
            begun = time.monotonic()
            until(lambda: f"b is back; a said {a.said()!r}",
                  lambda: any(node["name"] == "b" and node["online"]
                              for node in a.cluster()["nodes"]) and b.leader())
            self.assertLess(time.monotonic() - begun, 10)
        self.assertNotIn("another process", a.said() + b.said())


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[4:]])
