"""One long conversation and several short ones share the tokens of one pool.

Called as nodes.py says.
"""
import concurrent.futures
import sys

from harness import cases
from nodes import MODEL, Cluster

CONTEXT, POOL = 1024, 1536  # a long conversation leaves room for two short ones
LONG = {"prompt": "A baker had a dream. One day " * 70, "max_tokens": 300, "ignore_eos": True}
SHORT = [{"prompt": f"Once upon a time there were {n} small", "max_tokens": 120, "ignore_eos": True} for n in range(2, 9)]


def afresh(fields):
    return {**fields, "cache_prompt": False}


class Pool(Cluster):
    def check(self, node, expected):
        plan = node.cluster()["plan"]
        self.assertEqual([plan["context"], plan["pool"], plan["parallel"]], [CONTEXT, POOL, 16])
        with concurrent.futures.ThreadPoolExecutor(len(SHORT) + 1) as threads:
            answers = list(threads.map(lambda fields: node.complete(**fields), [LONG, *SHORT]))
        for fields, answer in zip([LONG, *SHORT], answers):
            self.assertEqual(answer["usage"]["completion_tokens"], fields["max_tokens"])
            self.assertEqual(answer["choices"][0]["finish_reason"], "length")
        self.assertGreater(answers[0]["usage"]["prompt_tokens"] + 300, 700)
        # Alone, each is read in the chunks in which the other node read it.
        self.assertEqual([node.text(**afresh(fields)) for fields in (LONG, *SHORT)], expected)
        again = node.complete(**SHORT[0])
        self.assertGreater(again["usage"]["prompt_tokens_details"]["cached_tokens"], 5)
        again = node.complete(**afresh(SHORT[0]))
        self.assertEqual(again["usage"]["prompt_tokens_details"]["cached_tokens"], 0)
        status, refused = node.request("POST", "/v1/completions", {"prompt": "word " * 1200})
        self.assertEqual(status, 400)
        self.assertIn(f"a context of {CONTEXT}", refused["error"]["message"])

    def test_long_and_short_conversations_share_it(self):
        fixed = self.node("a", MODEL, "-c", CONTEXT, "--parallel", 2)
        fixed.waits_to_serve()
        plan = fixed.cluster()["plan"]
        self.assertEqual([plan["context"], plan["pool"], plan["parallel"]], [CONTEXT, 2 * CONTEXT, 2])
        expected = [fixed.text(**fields) for fields in (LONG, *SHORT)]
        self.end_all()
        node = self.node("a", MODEL, "-c", CONTEXT, "--pool", POOL)
        node.waits_to_serve()
        self.check(node, expected)

    def test_so_they_do_over_a_ring(self):
        fixed = self.ring("0-5", "6-11", context=CONTEXT)
        expected = [fixed[1].text(**fields) for fields in (LONG, *SHORT)]
        self.end_all()
        self.check(self.ring("0-5", "6-11", context=CONTEXT, more=("--pool", POOL))[1], expected)


if __name__ == "__main__":
    cases.run(sys.argv[4:])
