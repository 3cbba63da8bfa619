"""Models with flaws: a template that does not parse, no template, a short context.

usage: found_models_test.py EXOGPU MODEL
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

from harness import cases

EXOGPU, MODEL = sys.argv[1:3]


class FoundModels(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.path = pathlib.Path(self.directory.name) / "m.gguf"

    def model(self, *changes):
        """The model with bytes of its header replaced by equally many others."""
        data = pathlib.Path(MODEL).read_bytes()
        for was, becomes in changes:
            self.assertEqual(len(was), len(becomes))
            self.assertIn(was, data)
            data = data.replace(was, becomes)
        self.path.write_bytes(data)

    def run_it(self, *arguments, status=0):
        done = subprocess.run([EXOGPU, *map(str, arguments)], capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def answer(self, *arguments, status=0):
        return self.run_it("run", self.path, "-d", "cpu", "-t", 2, "-n", 8, "--temperature", 0, *arguments, status=status)

    def test_a_template_that_does_not_parse_leaves_completions(self):
        self.model((b"{% for message in messages %}", b"{% for message in messages  }"))
        self.assertIn("chat template  does not parse: ", self.run_it("inspect", self.path).stdout)
        facts = json.loads(self.run_it("inspect", "--json", self.path).stdout)["model"]
        self.assertIn("tokenizer.chat_template", facts["chat_template_error"])
        self.assertTrue(self.answer("--raw", "-p", "Once upon a time").stdout.strip())
        output = self.answer("-p", "Hello", status=1).stderr
        self.assertIn("tokenizer.chat_template", output)
        self.assertIn("--chat-template FILE", output)
        own = self.path.with_name("own.jinja")
        own.write_text("{{ messages[0].content }}\n")
        done = self.answer("-p", "Once upon a time", "--chat-template", own)
        self.assertEqual(done.stdout, self.answer("--raw", "-p", "Once upon a time").stdout)
        self.assertEqual(done.stderr, "")
        own.write_text("{% for")
        self.assertIn("own.jinja: ", self.answer("-p", "x", "--chat-template", own, status=1).stderr)

    def test_a_base_model_is_said_to_be_one(self):
        self.model((b"tokenizer.chat_template", b"tokenizer.chat_templet_"))
        self.assertIn("probably a base model: it has no chat template", self.run_it("inspect", self.path).stdout)
        self.assertIs(json.loads(self.run_it("inspect", "--json", self.path).stdout)["model"]["base_model"], True)
        self.assertIn("seems to be a base model", self.answer("-p", "Hello").stderr)

    def test_the_context_follows_the_model(self):
        trained = json.loads(self.run_it("inspect", "--json", MODEL).stdout)["model"]["context_length"]
        plan = json.loads(self.run_it("plan", MODEL, "--json").stdout)
        self.assertEqual(plan["context"], min(4096, trained))
        self.model()
        self.assertIn(f"more than the {trained:,}", self.answer("-c", trained + 1, "-p", "Hello").stderr)
        self.assertEqual(self.answer("-p", "Hello").stderr, "")


if __name__ == "__main__":
    cases.run(sys.argv[3:])
