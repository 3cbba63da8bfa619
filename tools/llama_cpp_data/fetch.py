#!/usr/bin/env python3
"""Lays out what llama.cpp's sources have to test tokenizers and chat templates with, for the tests of `model`: real
vocabularies with the ids of known texts, and the templates of many models, rendered by Python's jinja2.

The sources come from the source package llama-cpp-python of PyPI, which has them whole. Nothing of them is part of this
project: some templates are under their models' own licences.

  python3 -m venv venv && venv/bin/pip install jinja2==3.1.6
  venv/bin/python tools/llama_cpp_data/fetch.py /tmp/llama-cpp-data
  EXOGPU_FIXTURES=/tmp/llama-cpp-data EXOGPU_CHAT_GOLDEN=/tmp/llama-cpp-data/chat \\
    build/dev/exogpu_model_test --gtest_filter='*Vocabulary*:ChatTemplateGolden.EveryFamily*'
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGE = "llama-cpp-python==0.3.36"
# Names of tokens that templates use and do not contain.
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}


def source(folder):
    subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:",
                    "--disable-pip-version-check", "-d", folder, PACKAGE], check=True)
    return next(pathlib.Path(folder).glob("*.tar.gz"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--source", type=pathlib.Path, help="the package, if it is here already")
    args = parser.parse_args()
    vocabularies, chat = args.folder / "tokenizers", args.folder / "chat"
    for folder in (vocabularies, chat / "templates", chat / "expected"):
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as downloads:
        with tarfile.open(args.source or source(downloads)) as archive:
            for member in archive:
                path = pathlib.PurePosixPath(member.name)
                if path.match("models/ggml-vocab-*.gguf*"):
                    target = vocabularies / path.name.removeprefix("ggml-vocab-")
                elif path.match("models/templates/*.jinja"):
                    target = chat / "templates" / path.name
                else:
                    continue
                target.write_bytes(archive.extractfile(member).read())
    names = [template.stem for template in (chat / "templates").iterdir()]
    (chat / "tokens.json").write_text(json.dumps({name: TOKENS for name in names}))
    for name in ("conversations.json", "snippets.json"):
        shutil.copy(ROOT / "tests/golden/chat" / name, chat / name)
    subprocess.run([sys.executable, ROOT / "tools/chat_golden/render.py", chat], check=True)


if __name__ == "__main__":
    main()
