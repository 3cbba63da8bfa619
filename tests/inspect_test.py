"""exogpu inspect as a user runs it: what it prints and its exit status.

usage: inspect_test.py EXOGPU TINY_MODEL    (the two programs)
"""
import json
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

EXOGPU, TINY_MODEL = sys.argv[1:3]


def inspect(*arguments):
    return subprocess.run([EXOGPU, "inspect", *map(str, arguments)], capture_output=True, text=True, timeout=60)


class Inspect(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.model = pathlib.Path(cls.directory.name) / "tiny.gguf"
        subprocess.run([TINY_MODEL, "qwen3", str(cls.model)], check=True, capture_output=True, timeout=60)

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def changed(self, name, data):
        path = pathlib.Path(self.directory.name) / name
        path.write_bytes(data)
        return path

    def test_a_sound_model_passes_its_check(self):
        done = inspect(self.model, "--check", "--tensors", "--metadata")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("all weights are finite", done.stdout)
        self.assertIn("blk.0.attn_q.weight", done.stdout)
        self.assertIn("tokenizer.ggml.tokens", done.stdout)
        self.assertIn("(cpu)", done.stdout)

    def test_json_and_assumed_memory(self):
        done = inspect(self.model, "--json", "--memory", "1GiB,100B")
        self.assertEqual(done.returncode, 0, done.stderr)
        devices = json.loads(done.stdout)["devices"]
        self.assertEqual([device["free_bytes"] for device in devices], [1 << 30, 100])
        self.assertEqual([device["id"] for device in devices], [None, None])
        self.assertEqual([device["whole_model"] for device in devices], [True, False])

    def test_a_nan_is_found_and_named(self):
        described = json.loads(inspect(self.model, "--json", "--tensors").stdout)
        tensor = next(t for t in described["tensors"] if t["name"] == "blk.1.attn_norm.weight")
        self.assertEqual(tensor["type"], "F32")
        data = bytearray(self.model.read_bytes())
        struct.pack_into("<f", data, tensor["offset"] + 4 * 17, float("nan"))
        done = inspect(self.changed("nan.gguf", data), "--check")
        self.assertEqual(done.returncode, 1)
        self.assertIn("tensor blk.1.attn_norm.weight: 1 of 256 values are NaN or infinite", done.stdout)
        self.assertIn("the first at index 17", done.stdout)
        self.assertIn("the check found 1 defect;", done.stderr)
        self.assertEqual(inspect(self.changed("nan.gguf", data)).returncode, 0)

    def test_bad_files_are_refused_in_words(self):
        cut = self.changed("cut.gguf", self.model.read_bytes()[:-5000])
        for arguments, words in [
            ([cut], "past the end of the file; the download is incomplete"),
            ([self.changed("notes.txt", b"some notes\n")], "this is not a GGUF file: it looks like text"),
            ([self.directory.name], "is a folder"),
            ([cut.with_name("none.gguf")], "no such file"),
        ]:
            done = inspect(*arguments)
            self.assertEqual(done.returncode, 1)
            self.assertEqual(done.stdout, "")
            self.assertIn(words, done.stderr)
            self.assertTrue(done.stderr.startswith("exogpu: "), done.stderr)

    def test_wrong_arguments(self):
        self.assertNotEqual(inspect().returncode, 0)
        self.assertNotEqual(inspect(self.model, "--memory", "much").returncode, 0)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
