"""Ollama's client for Python against a server: ollama_client.py BASE_URL MODEL. Holds for any model's words."""
import sys
import unittest

import ollama

BASE_URL, MODEL = sys.argv[1:3]
HELLO = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "say hello"}]
OPTIONS = {"seed": 3, "num_predict": 8, "temperature": 0.5, "num_ctx": 2048}


def weather(town: str) -> str:
    """The weather of a town.

    Args:
      town: its name
    """
    return f"rain in {town}"


class Client(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.client = ollama.Client(host=BASE_URL, timeout=60)

    def test_a_chat_whole_and_streamed_is_the_same(self):
        whole = self.client.chat(model=MODEL, messages=HELLO, options=OPTIONS, keep_alive="5m")
        self.assertTrue(whole.done)
        self.assertIn(whole.done_reason, ("stop", "length"))
        self.assertLessEqual(whole.eval_count, 8)
        parts = list(self.client.chat(model=MODEL, messages=HELLO, options=OPTIONS, stream=True))
        self.assertEqual("".join(part.message.content or "" for part in parts), whole.message.content)
        self.assertTrue(parts[-1].done)
        self.assertEqual(parts[-1].eval_count, whole.eval_count)

    def test_generate(self):
        for settings in ({}, {"raw": True}, {"system": "be brief"}):
            whole = self.client.generate(model=MODEL, prompt="say hello", options=OPTIONS, **settings)
            parts = self.client.generate(model=MODEL, prompt="say hello", options=OPTIONS, stream=True, **settings)
            self.assertEqual("".join(part.response or "" for part in parts), whole.response)

    def test_a_model_is_loaded(self):
        self.assertEqual(self.client.generate(model=MODEL).done_reason, "load")

    def test_tools_are_taken(self):
        answer = self.client.chat(model=MODEL, options=OPTIONS, tools=[weather], messages=[
            *HELLO,
            {"role": "assistant", "tool_calls": [{"function": {"name": "weather", "arguments": {"town": "Ulm"}}}]},
            {"role": "tool", "content": "rain", "tool_name": "weather"}])
        self.assertTrue(answer.done)

    def test_models(self):
        self.assertIn(MODEL, [model.model for model in self.client.list().models])
        self.assertIn(MODEL, [model.model for model in self.client.ps().models])
        shown = self.client.show(MODEL)
        self.assertIn("completion", shown.capabilities)
        self.assertTrue(shown.modelinfo["general.architecture"])

    def test_embeddings(self):
        try:
            vectors = self.client.embed(model=MODEL, input=["one", "two words"]).embeddings
        except ollama.ResponseError as refused:  # a model that was not made for them
            self.assertIn("was not made for embeddings", refused.error)
            return
        self.assertEqual(len(vectors), 2)
        self.assertAlmostEqual(sum(value * value for value in vectors[1]), 1, places=5)
        self.assertEqual(len(self.client.embeddings(model=MODEL, prompt="one").embedding), len(vectors[0]))

    def test_errors(self):
        with self.assertRaises(ollama.ResponseError) as unknown:
            self.client.chat(model="no-such-model", messages=HELLO)
        self.assertEqual(unknown.exception.status_code, 404)
        self.assertIn("no-such-model", unknown.exception.error)
        with self.assertRaises(ollama.ResponseError) as pull:
            self.client.pull("!fail")  # no name that a hub may have
        self.assertTrue(pull.exception.error)

    def test_a_stream_that_is_left(self):
        for _ in self.client.chat(model=MODEL, messages=HELLO, stream=True):
            break
        self.assertTrue(self.client.chat(model=MODEL, messages=HELLO, options=OPTIONS).done)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
