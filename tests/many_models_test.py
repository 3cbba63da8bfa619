"""Several models in one cluster. Arguments: as in nodes.py."""
import pathlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from harness import cases
from harness.models import write_other
from harness.waiting import WAIT_S, until
from nodes import EXOGPU, MODEL, Cluster

FIRST = pathlib.Path(MODEL).stem
GREEDY = {"max_tokens": 60, "ignore_eos": True}


class ManyModels(Cluster):
    def other_model(self, name):
        """The same weights in another file: another content, and so another model."""
        return write_other(MODEL, self.folder / f"{name}.gguf")

    def serve_both(self, node, name):
        models = lambda: [model["id"] for model in (node.get("/v1/models") or {"data": []})["data"]
                          if model["status"]["value"] == "loaded"]
        until(lambda: f"{node.name} serves {FIRST} and {name}, not {models()}; it said {node.said()!r}",
              lambda: sorted(models()) == sorted([FIRST, name]))
        until("its view of the cluster shows it", lambda: [
            model["serving"] for model in node.cluster()["models"]] == [True, True])

    def test_a_node_brings_a_model_which_is_served_beside_the_first(self):
        a = self.node("a", MODEL, "-c", 512)
        b = self.node("b", self.other_model("second"), "-c", 512, "--join", f"127.0.0.1:{a.link}", "--token", a.token())
        for node in a, b:
            self.serve_both(node, "second")
        for node in a, b:
            for name in FIRST, "second":
                self.assertEqual(node.complete(model=name, **GREEDY)["model"], name)
        self.assertEqual(a.text(model=FIRST, **GREEDY), b.text(model="second", **GREEDY))
        status, answer = a.request("POST", "/v1/completions", {"model": "third", "prompt": "x"})
        self.assertEqual(status, 404, answer)
        status = subprocess.run([EXOGPU, "status", "--api", f"127.0.0.1:{b.api}"], capture_output=True, text=True,
                                timeout=WAIT_S, check=True).stdout
        for name in FIRST, "second":
            self.assertIn(f"Serving {name}.", status)
            self.assertIn(f"\n{name}:\n", status)
        models = {model["model"]: model for model in b.cluster()["models"]}
        self.assertEqual(sorted(models), sorted([FIRST, "second"]))
        self.assertTrue(all(model["serving"] for model in models.values()), models)
        self.assertNotEqual(models[FIRST]["plan"]["epoch"], models["second"]["plan"]["epoch"])

        for node in a, b:
            self.assertEqual(node.request("POST", "/v1/models/unload", {"model": "third"})[0], 404)
        self.assertEqual(a.request("POST", "/models/unload", {})[0], 400)
        subprocess.run([EXOGPU, "unload", "second", "--api", f"127.0.0.1:{a.api}"], timeout=WAIT_S, check=True,
                       capture_output=True)
        until("second is no longer served", lambda: [each["model"] for each in b.cluster()["models"]] == [FIRST])
        until("its memory is free", lambda: {shard["model"] for each in b.cluster()["nodes"] for shard in each["shards"]}
              == {FIRST})
        self.assertEqual(len(b.text(model=FIRST, **GREEDY)), 1)

    def test_answers_of_two_models_outlive_a_node(self):
        both = ["--devices-min", 2, "-c", 1024]
        a = self.node("a", MODEL, *both)
        token = a.token("--uses", 2)
        join = ["--join", f"127.0.0.1:{a.link}", "--token", token]
        b = self.node("b", self.other_model("second"), *both, *join)
        c = self.node("c", *join)
        for node in a, b, c:
            self.serve_both(node, "second")
        expected = a.text(model=FIRST, max_tokens=200, ignore_eos=True)
        def has_both():
            weights = c.cluster()["weights"]["received_bytes"]  # 11 of 12 layers are 0.93 of a model
            return weights > 2 * 0.97 * pathlib.Path(MODEL).stat().st_size
        until(lambda: f"c has all of both models; it said {c.said()!r}", has_both)
        with ThreadPoolExecutor(8) as pool:
            streams = [(node, name, node.stream(model=name, max_tokens=200, ignore_eos=True))
                       for node in (a, c) for name in (FIRST, "second")]
            begun = [(stream, next(stream)) for _, _, stream in streams]
            b.kill()  # it had a part of each
            rests = list(pool.map(lambda each: [each[1], *each[0]], begun))
        for (node, name, _), parts in zip(streams, rests):
            self.assertEqual([part for part in parts if "error" in part], [], (node.name, name, node.said()))
            text = "".join(part["choices"][0]["text"] for part in parts if part["choices"])
            self.assertGreater(len(text), len(expected[0]) / 2, (node.name, name))
            self.assertEqual(parts[-1]["choices"][0]["finish_reason"] if parts[-1]["choices"] else "length", "length")
        for node in a, c:
            self.serve_both(node, "second")
            for name in FIRST, "second":
                self.assertEqual(node.complete(model=name, **GREEDY)["usage"]["completion_tokens"], 60)


if __name__ == "__main__":
    cases.run(sys.argv[4:])
