"""Models for embeddings in a cluster: any node, any cut, and after a failure. Arguments: as in nodes.py."""
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from harness import cases
from harness.waiting import WAIT_S, until
from nodes import TINY_MODEL, Cluster

TEXTS = ["a short text", "another, which is a little longer than the first", "x", "the same words in another order"]


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b)) / (sum(x * x for x in a) * sum(y * y for y in b)) ** 0.5


class Embeddings(Cluster):
    def embedder(self, family):
        path = self.folder / f"{family}.gguf"
        subprocess.run([TINY_MODEL, family, path, "--layers", "4"], check=True, timeout=WAIT_S, capture_output=True)
        return path

    def vectors(self, node, texts):
        status, answer = node.request("POST", "/v1/embeddings", {"input": texts, "wait_s": 60})
        self.assertEqual(status, 200, answer)
        self.assertEqual([each["index"] for each in answer["data"]], list(range(len(texts))))
        return [each["embedding"] for each in answer["data"]]

    def assert_same(self, got, expected):
        self.assertEqual(len(got), len(expected))
        for one, wanted in zip(got, expected):
            self.assertGreater(cosine(one, wanted), 0.9999)

    def test_any_cut_and_any_node_give_the_same(self):
        model = self.embedder("gemma-embedding")
        alone = self.node("alone", model, "-c", 128)
        alone.waits_to_serve()
        expected = self.vectors(alone, TEXTS)
        self.assertLess(cosine(expected[0], expected[2]), 0.999)
        alone.kill()

        a = self.node("a", model, "-c", 128, "--layers", "a/cpu:0-1,b/cpu:2-3")
        b = self.node("b", "--join", f"127.0.0.1:{a.link}", "--token", a.token())
        for node in a, b:
            node.waits_to_serve()
            self.assert_same(self.vectors(node, TEXTS), expected)
        with ThreadPoolExecutor(4) as pool:
            for got in pool.map(lambda i: self.vectors((a, b)[i % 2], TEXTS * 3), range(8)):
                self.assert_same(got, expected * 3)

        status, answer = b.request("POST", "/v1/embeddings", {"input": "word " * 300})
        self.assertEqual(status, 400, answer)
        self.assertRegex(answer["error"]["message"], r"the text has \d+ tokens, and the model takes at most 128")
        status, answer = b.request("POST", "/api/embed", {"model": model.stem, "input": "word " * 300})
        self.assertEqual(status, 200, answer)  # Ollama's clients expect that the end goes
        for path, body in (("/v1/chat/completions", {"messages": [{"role": "user", "content": "hi"}]}),
                           ("/v1/completions", {"prompt": "hi"})):
            status, answer = a.request("POST", path, body)
            self.assertEqual(status, 400, answer)
            self.assertIn("gives embeddings and writes no text", answer["error"]["message"])

    def test_requests_outlive_a_node(self):
        a = self.node("a", self.embedder("bert"), "-c", 128, "--devices-min", 2)
        join = ["--join", f"127.0.0.1:{a.link}", "--token", a.token("--uses", 2)]
        b, c = self.node("b", *join), self.node("c", *join)
        for node in a, b, c:
            node.waits_to_serve()
        expected = self.vectors(a, TEXTS)
        def computing():
            plan = a.cluster()["models"][0]["plan"] or {"stages": []}
            return [node for node in (b, c) if node.name in {stage["node"] for stage in plan["stages"]}]
        others = until("another node computes", computing)
        until("the third node has the weights", lambda: all(
            node.cluster()["weights"]["received_bytes"] > 0 for node in (b, c)))
        with ThreadPoolExecutor(4) as pool:
            answers = [pool.submit(self.vectors, a, TEXTS * 8) for _ in range(4)]
            others[0].kill()
            answers += [pool.submit(self.vectors, a, TEXTS * 8) for _ in range(4)]
            for answer in answers:
                self.assert_same(answer.result(), expected * 8)


if __name__ == "__main__":
    cases.run(sys.argv[4:])
