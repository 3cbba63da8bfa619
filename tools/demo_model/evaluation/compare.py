"""Compares the greedy text of exogpu, whole and cut at several layers, with that of llama.cpp. Exit status 1 where they differ.

usage: python3 -m evaluation.compare EXOGPU MODEL.gguf [--llama-server ADDRESS] [--count N]    (in tools/demo_model)

Start the server with the same settings, for example
    llama-server -m MODEL.gguf -c 2048 -np 1 -ngl 0 -fa off --jinja
"""
import argparse
import sys

from evaluation.engines import Exogpu, LlamaServer
from generator import prompts

CUTS = ("1", "6", "11", "4,8", "1,2,3,4,5,6,7,8,9,10,11")
SAME = ("--flash-attention", "off", "--kv-type", "f16")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("exogpu")
    arguments.add_argument("model")
    arguments.add_argument("--llama-server", help="its address")
    arguments.add_argument("--count", type=int, default=50, help="prompts")
    options = arguments.parse_args()
    engine = Exogpu(options.exogpu, options.model, SAME)
    others = {f"exogpu --cut {cut}": Exogpu(options.exogpu, options.model, (*SAME, "--cut", cut)) for cut in CUTS}
    if options.llama_server:
        others["llama.cpp"] = LlamaServer(options.llama_server)
    same = dict.fromkeys(others, 0)
    for typed, _ in prompts.mixed("compare", options.count):
        expected = engine.answer(typed)[0]
        for name, other in others.items():
            text = other.answer(typed)[0]
            same[name] += text == expected
            if text != expected:
                print(f"{name}: {typed!r}\n  exogpu: {expected!r}\n  other:  {text!r}")
    for name, count in same.items():
        print(f"{name}: {count} of {options.count} answers are the same text")
    if any(count != options.count for count in same.values()):
        sys.exit("compare: the texts differ")


if __name__ == "__main__":
    main()
