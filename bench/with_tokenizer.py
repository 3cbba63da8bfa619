#!/usr/bin/env python3
"""Gives a GGUF file without a tokenizer (a benchmark model of random weights) one: with_tokenizer.py IN.gguf OUT.gguf

The vocabulary is the 256 bytes, as byte-level BPE writes them, one merge, an end of text, and names for the rest.
"""

import struct
import sys

UINT32, STRING, ARRAY, INT32 = 4, 8, 9, 5
SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}


def text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def byte_names():
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    other = iter(range(256, 512))
    return [chr(b) if b in printable else chr(next(other)) for b in range(256)]


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        value = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return value[0]

    def string(self):
        size = self.take("Q")
        self.at += size
        return self.data[self.at - size:self.at].decode()

    def skip(self, kind):
        if kind == STRING:
            self.string()
        elif kind == ARRAY:
            inner, count = self.take("I"), self.take("Q")
            for _ in range(count):
                self.skip(inner)
        else:
            self.at += SIZES[kind]


def main():
    source, target = sys.argv[1:3]
    with open(source, "rb") as file:
        reader = Reader(file.read(64 << 20))
        data = reader.data
        assert data[:4] == b"GGUF", f"{source} is no GGUF file"
        reader.at = 8
        tensors, entries = reader.take("Q"), reader.take("Q")
        copied, vocabulary = [], 0
        for _ in range(entries):
            begin = reader.at
            key, kind = reader.string(), reader.take("I")
            reader.skip(kind)
            if not key.startswith("tokenizer."):  # drops the file's own, "none"
                copied.append(data[begin:reader.at])
        end = reader.at
        for _ in range(tensors):
            name = reader.string()
            dims = [reader.take("Q") for _ in range(reader.take("I"))]
            reader.take("I"), reader.take("Q")
            if name == "token_embd.weight":
                vocabulary = dims[1]
        names = byte_names()
        names += ["Ġt", "<|endoftext|>"]
        names += [f"<{i}>" for i in range(len(names), vocabulary)]
        kinds = [3 if name == "<|endoftext|>" else 1 for name in names]
        added = [("model", STRING, text("gpt2")), ("pre", STRING, text("default")),
                 ("tokens", ARRAY, struct.pack("<IQ", STRING, len(names)) + b"".join(map(text, names))),
                 ("token_type", ARRAY, struct.pack(f"<IQ{len(kinds)}i", INT32, len(kinds), *kinds)),
                 ("merges", ARRAY, struct.pack("<IQ", STRING, 1) + text("Ġ t")),
                 ("eos_token_id", UINT32, struct.pack("<I", 257)), ("bos_token_id", UINT32, struct.pack("<I", 257))]
        head = data[:8] + struct.pack("<QQ", tensors, len(copied) + len(added)) + b"".join(copied)
        head += b"".join(text(f"tokenizer.ggml.{key}") + struct.pack("<I", kind) + value for key, kind, value in added)
        head += data[end:reader.at]
        with open(target, "wb") as out:
            out.write(head + bytes(-len(head) % 32))
            file.seek(reader.at + -reader.at % 32)
            while block := file.read(64 << 20):
                out.write(block)


if __name__ == "__main__":
    main()
