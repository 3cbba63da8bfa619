"""Models that are loaded when requests name them. Arguments: as in nodes.py."""
import os
import pathlib
import shutil
import subprocess
import sys
import threading

from harness import cases
from harness.models import write_other
from harness.waiting import WAIT_S, until
from hub_server import Hub
from nodes import EXOGPU, MODEL, Cluster, TINY_MODEL

# Room for two of the models below on one node: see models().
SETTINGS = ["-c", 512, "--parallel", 2]


class Library(Cluster):
    def models(self, folder, *names):
        """Models of equal size and different contents, in a folder."""
        folder.mkdir()
        for number, name in enumerate(names):
            write_other(MODEL, folder / f"{name}.gguf", number)
        return folder

    def memory_of_one(self):
        """What the plan of one of these models takes of a device."""
        node = self.node("measure", MODEL, *SETTINGS)
        node.waits_to_serve()
        memory = node.plan_memory()
        node.kill()
        return memory

    def test_models_are_loaded_by_turns_and_make_room(self):
        memory = int(2.5 * self.memory_of_one())
        names = ["first", "second", "third"]
        a = self.node("a", "--models", self.models(self.folder / "models_a", *names), *SETTINGS, "--memory", memory)
        c = self.node("c", "--models", self.folder / "none", *SETTINGS, "--memory", "1MiB", "--join",
                      f"127.0.0.1:{a.link}", "--token", a.token())
        until(lambda: f"c knows the library; it said {c.said()!r}", lambda: sorted(c.states()) == names)
        until("a lists it, too", lambda: a.states() == dict.fromkeys(names, "unloaded"))
        until("the nodes are named", lambda: [entry["nodes"] for entry in c.cluster()["library"]] == [["a"]] * 3)
        texts = set()
        for turn in range(30):
            name = names[turn % 3]
            answer = c.complete(model=name, max_tokens=8, ignore_eos=True, wait_s=WAIT_S)
            self.assertEqual((answer["model"], answer["usage"]["completion_tokens"]), (name, 8))
            texts.add(answer["choices"][0]["text"])
            self.assertLessEqual(list(c.states().values()).count("loaded"), 2, "there is room for two")
        self.assertEqual(len(texts), 1, "the weights are the same")

    def test_models_outlive_the_node_that_proposed_them(self):
        memory = int(2.5 * self.memory_of_one())
        names = ["first", "second", "third"]
        options = [*SETTINGS, "--memory", memory, "--no-spare"]
        a = self.node("a", "--models", self.models(self.folder / "models_a", *names), *options)
        join = ["--join", f"127.0.0.1:{a.link}", "--token", a.token("--uses", 2)]
        self.node("b", "--models", self.models(self.folder / "models_b", *names), *options, *join)
        c = self.node("c", "--models", self.folder / "none", *SETTINGS, "--memory", "1MiB", "--no-spare", *join)
        until("both nodes have all of them",
              lambda: [len(entry["nodes"]) for entry in (c.get("/v1/cluster") or {"library": []})["library"]]
              == [2] * 3)
        for turn in range(12):
            if turn == 5:
                a.kill()
            answer = c.complete(model=names[turn % 3], max_tokens=8, ignore_eos=True, wait_s=WAIT_S)
            self.assertEqual(answer["usage"]["completion_tokens"], 8)
        self.assertLessEqual(list(c.states().values()).count("loaded"), 2, "one node has room for two")

    def test_what_a_node_has_received_whole_is_in_the_library(self):
        a = self.node("a", "--models", self.models(self.folder / "models_a", "first"), *SETTINGS)
        c = self.node("c", "--models", self.folder / "none", *SETTINGS, "--join", f"127.0.0.1:{a.link}", "--token",
                      a.token())
        until("c knows the library", lambda: list(c.states()) == ["first"])
        before = c.text(model="first", wait_s=WAIT_S)
        until("c has it, too", lambda: [sorted(entry["nodes"]) for entry in c.cluster()["library"]] == [["a", "c"]])
        self.assertEqual(c.request("POST", "/v1/models/unload", {"model": "first"})[0], 200)
        until("it is unloaded", lambda: c.states() == {"first": "unloaded"})
        a.kill()
        self.assertEqual(c.text(model="first", wait_s=WAIT_S), before)

    def test_files_are_removed_at_each_node(self):
        folder = self.models(self.folder / "models_a", "first")
        a = self.node("a", "--models", folder, *SETTINGS)
        c = self.node("c", "--models", self.folder / "none", *SETTINGS, "--join", f"127.0.0.1:{a.link}", "--token",
                      a.token())

        def remove(node):
            return node.request("POST", "/v1/models/remove", {"model": "first"})

        def look(node):
            return node.request("GET", "/v1/library/first")

        until("c knows the library", lambda: list(c.states()) == ["first"])
        status, refused = remove(c)
        self.assertEqual((status, refused["error"]["param"]), (409, "model"))
        self.assertIn("ask a node that has one: a", refused["error"]["message"])
        before = c.text(model="first", wait_s=WAIT_S)
        until("c has it, too", lambda: [sorted(entry["nodes"]) for entry in c.cluster()["library"]] == [["a", "c"]])
        for node in a, c:
            self.assertIn("unload it first", remove(node)[1]["error"]["message"])
            self.assertIn("unload it first", look(node)[1]["refused"])
        self.assertEqual(c.request("POST", "/v1/models/unload", {"model": "first"})[0], 200)
        until("it is unloaded", lambda: a.states() == c.states() == {"first": "unloaded"})

        bytes_of_file = os.path.getsize(folder / "first.gguf")
        expected = {"model": "first", "node": "a", "files": [str(folder / "first.gguf")], "freed_bytes": bytes_of_file,
                    "refused": None}
        self.assertEqual(look(a), (200, expected))
        self.assertEqual(remove(a), (200, expected))
        self.assertFalse((folder / "first.gguf").exists())
        until("c alone has it", lambda: [entry["nodes"] for entry in a.cluster()["library"]] == [["c"]])
        self.assertEqual(a.text(model="first", wait_s=WAIT_S), before)
        self.assertEqual(a.request("POST", "/v1/models/unload", {"model": "first"})[0], 200)
        until("it is unloaded", lambda: a.states() == c.states() == {"first": "unloaded"})
        removals = 1
        for node in a, c:  # a has fetched it again, to compute with
            removals += node is a and "a" in a.cluster()["library"][0]["nodes"]
            if node.name in a.cluster()["library"][0]["nodes"]:
                until(lambda: f"{node.name} removes it; it says {look(node)}", lambda: remove(node)[0] == 200)
        until("nobody has it", lambda: a.cluster()["library"] == c.cluster()["library"] == [])
        self.assertEqual(remove(a)[0], 404)
        shown = a.request("GET", "/v1/audit")[1]["entries"]
        recorded = [(entry["action"], entry["what"], entry["result"]) for entry in shown if entry["who"] == "local"]
        self.assertEqual([each for each in recorded if each[0] == "POST /v1/models/remove" and each[2] == "ok"],
                         [("POST /v1/models/remove", "first", "ok")] * removals)

    def test_one_content_of_two_names_is_one_model(self):
        folder = self.models(self.folder / "models_a", "first")
        shutil.copy(folder / "first.gguf", folder / "copy.gguf")
        a = self.node("a", "--models", folder, *SETTINGS)
        until("the library is known", lambda: sorted(a.states()) == ["copy", "first"])
        def names():
            return [model["model"] for model in a.cluster()["models"]]
        expected = a.text(model="first", wait_s=WAIT_S)
        for name in "copy", "first", "copy":
            self.assertEqual(a.text(model=name, wait_s=WAIT_S), expected)
            until("the one model is shown", lambda: names() == ["first"])
        self.assertEqual(a.states(), {"first": "loaded", "copy": "loaded"})
        self.assertEqual(a.request("POST", "/v1/models/unload", {"model": "copy"})[0], 200)
        until("both are unloaded", lambda: a.states() == {"first": "unloaded", "copy": "unloaded"})
        self.assertEqual(a.text(model="copy", wait_s=WAIT_S), expected)
        until("it has the name that loaded it", lambda: names() == ["copy"])

    def test_what_is_loaded_by_hand_and_what_has_no_room(self):
        one = self.memory_of_one()
        names = ["first", "second"]
        a = self.node("a", "--models", self.models(self.folder / "models_a", *names), *SETTINGS, "--memory",
                      f"{int(1.5 * one)}", "--keep-loaded", 0.05)
        until("the library is known", lambda: sorted(a.states()) == names)
        def run(*arguments):
            return subprocess.run([EXOGPU, *map(str, arguments), "--api", f"127.0.0.1:{a.api}"], capture_output=True,
                                  text=True, timeout=WAIT_S)
        listed = run("models", "--cluster")
        self.assertRegex(listed.stdout, r"first .* t/s on a/cpu\n", listed)
        loaded = run("load", "first", "--pin")
        self.assertEqual((loaded.returncode, loaded.stdout), (0, "first is loaded.\n"), loaded)
        until("its place is shown", lambda: "pinned" in run("ps").stdout)

        status, answer = a.request("POST", "/v1/completions", {"model": "second", "prompt": "x"})
        self.assertNotEqual(status, 200, answer)
        self.assertIn("bytes are missing", answer["error"]["message"])
        refused = run("load", "second")
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("bytes are missing", refused.stderr)
        self.assertIn("if these pinned models were unloaded: first", refused.stderr)
        self.assertEqual(a.states(), {"first": "loaded", "second": "unloaded"})
        self.assertEqual(a.request("POST", "/v1/completions", {"model": "third", "prompt": "x"})[0], 404)

        self.assertEqual(run("unload", "first").returncode, 0)
        self.assertEqual(a.complete(model="second", max_tokens=4, ignore_eos=True, wait_s=WAIT_S)["model"], "second")
        until("nobody used it for 3 s", lambda: a.states() == {"first": "unloaded", "second": "unloaded"})
        self.models(self.folder / "more", "x", "y", "new")
        shutil.copy(self.folder / "more" / "new.gguf", self.folder / "models_a" / "new.gguf")
        until("the new file is seen", lambda: "new" in a.states())
        for keep_alive, state in ("5m", "loaded"), (0, "unloaded"):
            a.request("POST", "/api/generate", {"model": "new", "prompt": "x", "stream": False,
                                                "keep_alive": keep_alive, "options": {"num_predict": 2},
                                                "wait_s": WAIT_S})
            until(f"new is {state}", lambda: a.states()["new"] == state)

    def test_a_pull_goes_to_the_node_with_room(self):
        hub = Hub()
        self.addCleanup(hub.close)
        hub.files["org/repo/pulled.gguf"] = pathlib.Path(MODEL).read_bytes()
        hub.always = {"hold_after": 70000}
        os.environ["HF_ENDPOINT"] = hub.url
        self.addCleanup(os.environ.pop, "HF_ENDPOINT")
        a = self.node("a", "--models", self.models(self.folder / "models_a", "first"), *SETTINGS, "--memory", "1MiB")
        b = self.node("b", "--models", self.folder / "models_b", *SETTINGS, "--join", f"127.0.0.1:{a.link}", "--token",
                      a.token())
        until("a knows b", lambda: len(a.cluster()["nodes"]) == 2)
        loading = subprocess.Popen([EXOGPU, "load", "hf:org/repo", "--api", f"127.0.0.1:{a.api}"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for node in a, b:
            until(f"{node.name} says who pulls; {node.said()}",
                  lambda: [(pull["node"], pull["total_bytes"]) for pull in node.cluster()["pulls"]]
                  == [("b", os.path.getsize(MODEL))])
        hub.go.set()
        out, errors = loading.communicate(timeout=WAIT_S)
        self.assertEqual((loading.returncode, out), (0, "pulled is loaded.\n"), errors)
        self.assertTrue((self.folder / "models_b" / "org" / "repo" / "pulled.gguf").exists())
        self.assertFalse((self.folder / "models_a" / "org").exists())
        self.assertEqual(a.complete(model="pulled", max_tokens=4, ignore_eos=True)["usage"]["completion_tokens"], 4)
        for node in a, b:
            until("it is over", lambda: node.cluster()["pulls"] == [])
        again = subprocess.run([EXOGPU, "pull", "--cluster", "org/repo", "--api", f"127.0.0.1:{a.api}"],
                               capture_output=True, text=True, timeout=WAIT_S)
        self.assertEqual(again.returncode, 0, again)
        self.assertIn("pulled is in the library", again.stdout)

    def test_settings_are_those_of_the_node_that_was_asked(self):
        a = self.node("a", "--models", self.models(self.folder / "models_a", "first"), "-c", 256, "--parallel", 1)
        c = self.node("c", "--models", self.folder / "none", "-c", 512, "--parallel", 2, "--model-settings",
                      "first context=768 parallel=3 temperature=0", "--join", f"127.0.0.1:{a.link}", "--token",
                      a.token())
        until("c knows the library", lambda: list(c.states()) == ["first"])
        def plans():
            plans = [model["plan"] for model in c.cluster()["models"]]
            return [(plan["context"], plan["parallel"]) for plan in plans if plan]
        one, other = (c.text(model="first", wait_s=WAIT_S, temperature=None, seed=seed) for seed in (1, 2))
        self.assertEqual(one, other, "the temperature is 0")
        until("its settings are those of c for this model", lambda: plans() == [(768, 3)])
        self.assertEqual(c.request("POST", "/v1/models/unload", {"model": "first"})[0], 200)
        until("it is unloaded", lambda: a.states() == {"first": "unloaded"})
        a.text(model="first", wait_s=WAIT_S)
        until("its settings are those of a", lambda: plans() == [(256, 1)])

    def test_a_stream_waits_for_its_model(self):
        a = self.node("a", "--models", self.models(self.folder / "models_a", "first", "second"), *SETTINGS)
        until("the library is known", lambda: len(a.states()) == 2)
        done = {}
        def ask(name):
            done[name] = [part for part in a.stream(model=name, max_tokens=4, ignore_eos=True, wait_s=WAIT_S)]
        threads = [threading.Thread(target=ask, args=[name]) for name in ("first", "second")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT_S)
        for name in "first", "second":
            self.assertEqual([part for part in done[name] if "error" in part], [], a.said())
        self.assertEqual(a.states(), {"first": "loaded", "second": "loaded"})


if __name__ == "__main__":
    cases.run(sys.argv[4:])
