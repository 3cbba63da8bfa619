#!/usr/bin/env python3
"""Writes tests/golden/tokenizers.json: what llama.cpp's llama-tokenize makes of a text with made-up vocabularies, one for
each pre-tokenizer that src/model/tokenizer/pre_tokenizer.cpp knows, and some for WordPiece.

The merges of the byte-pair vocabularies are learnt from the text without splitting it, so any two neighbours would be
merged if no rule kept them apart: the tokens show where a text is split.

Example:
  tools/tokenizer_golden/make_golden.py --tokenize llama-tokenize --folder /tmp/vocabularies
"""

import argparse
import collections
import json
import pathlib
import re
import shlex
import struct
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
MERGES = 1200
SYMBOLS_MAX = 10  # of a token
RAW = {"gemma4", "granite-embed-multi-311m", "sarvam-moe", "mmbert"}  # tokens in plain UTF-8, U+2581 for a space
TEXT = (
    "It's 1234567 o'clock, ISN'T it? We'll see: they'VE 42 apples & 3.14159 pies!!\n\n\tif (x_1 == y->z[0]) { return a/b; }\r\n"
    "HelloWorld camelCaseHTTPServer iPhone15Pro snake_case UPPER lower  two   three    four        many                    end\n"
    "Grüße aus Zürich, naïve café Ångström e\u0301te\u0301 Ελληνικά Москва в 2024-м году; ελλάδα ǅ ſ'ſ\n"
    "東京は日本の首都です。人口は1400万人。한국어 텍스트 ㅋㅋ 中文，测试！ภาษาไทย ၁၂၃ العربية ١٢٣ हिन्दी में १२ ગુજ\n"
    "👩\u200d👩\u200d👧 ☃ € £5 ½ ² Ⅷ …—“quoted” ‘single’ «x» \u00a0nbsp\u3000ideographic\u2028line \t \t tabs \n \n mixed\r\r\n"
    "https://example.org/path/to?q=1&r=2 <sentinel:12> IMGIMGABCZ ^~|`$+=<> ### --- ***\n/usr/bin/env ./a/../b //comment /* x */\n"
    "xyzzy plugh 'tis 's 'S 'll'd don't DON'T a'b \x7f 1,234,567.89 0x1F 12a34 v1.2.3-rc4 \n\n\n\nEnd  "
)
OWN = {"gpt-neox", "whitespace"}  # llama.cpp knows no such name, or takes it for another kind of vocabulary only
UNREACHABLE = ["xyzzy", " plugh", "1234567"]  # tokens without merges

WORDS = [
    "Hello, WORLD! It's naïve: café, Ångström & ÉTÉ.", "unaffable UNAFFABLE  un\taffable\nun-aff-able",
    "東京 tower 한국어 텍스트 ﬁne ǅ İstanbul straße", "e\u0301te\u0301 x\u200by \x07bell \ufffd nul 12,345.67 $5 €5 ^_`~ ½ ² ☃",
    "नमस्ते ไทย العربية 👩\u200d👧 [MASK] [CLS] ##ing — “q” …", "", "   ", "supercalifragilisticexpialidocious",
]
PIECES = ["▁hello", "▁world", "▁it", "▁s", "▁na", "ive", "▁cafe", "▁caf", "é", "▁un", "aff", "able", "▁aff", "▁able", "▁tower",
          "▁fine", "▁Hello", "▁WORLD", "▁ete", "▁été", "▁ÉTÉ", "▁strasse", "▁12", "▁345", "▁67", "▁5", "▁super", "cal", "##ing"]


def string(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


class Gguf:
    """Metadata alone."""

    def __init__(self):
        self.entries = []

    def put(self, key, kind, data):
        self.entries.append(string(key) + struct.pack("<I", kind) + data)

    def text(self, key, value):
        self.put(key, 8, string(value))

    def number(self, key, value):
        self.put(key, 4, struct.pack("<I", value))

    def truth(self, key, value):
        self.put(key, 7, struct.pack("<?", value))

    def texts(self, key, values):
        self.put(key, 9, struct.pack("<IQ", 8, len(values)) + b"".join(map(string, values)))

    def integers(self, key, values):
        self.put(key, 9, struct.pack("<IQ", 5, len(values)) + struct.pack(f"<{len(values)}i", *values))

    def write(self, path):
        path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, len(self.entries)) + b"".join(self.entries))


def byte_alphabet():
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    other = iter(range(256, 512))
    return [chr(b) if b in printable else chr(next(other)) for b in range(256)]


ALPHABET = byte_alphabet()


def spell(text, raw):
    return list(text.replace(" ", "▁")) if raw else [ALPHABET[b] for b in text.encode()]


def learn(symbols):
    """Merges of the most frequent pairs, of several the first."""
    merges = []
    while len(merges) < MERGES and len(symbols) > 1:
        counts = collections.Counter(pair for pair in zip(symbols, symbols[1:]) if len("".join(pair)) <= SYMBOLS_MAX)
        if not counts:
            break
        best = max(counts, key=counts.get)
        merges.append(best)
        merged, at = [], 0
        while at < len(symbols):
            pair = tuple(symbols[at:at + 2]) == best
            merged.append("".join(best) if pair else symbols[at])
            at += 2 if pair else 1
        symbols = merged
    return merges


def vocabulary(raw):
    tokens = ["<unk>", "<s>", "</s>"]
    types = [3, 3, 3]
    if raw:
        tokens += [f"<0x{b:02X}>" for b in range(256)]
        types += [6] * 256
        tokens += sorted(set(spell(TEXT, raw)))
    else:
        tokens += ALPHABET
    merges = learn(spell(TEXT, raw))
    tokens += [a + b for a, b in merges] + ["".join(spell(each, raw)) for each in UNREACHABLE]
    tokens = list(dict.fromkeys(tokens))
    return {"tokens": tokens, "types": types + [1] * (len(tokens) - len(types)), "merges": [f"{a} {b}" for a, b in merges]}


def pair_file(of, pre):
    file = Gguf()
    file.text("general.architecture", "llama")
    file.text("tokenizer.ggml.model", "gemma4" if pre == "gemma4" else "gpt2")
    file.text("tokenizer.ggml.pre", pre)
    file.texts("tokenizer.ggml.tokens", of["tokens"])
    file.integers("tokenizer.ggml.token_type", of["types"])
    file.texts("tokenizer.ggml.merges", of["merges"])
    for key, value in (("unknown", 0), ("bos", 1), ("eos", 2)):
        file.number(f"tokenizer.ggml.{key}_token_id", value)
    return file


def word_vocabulary():
    letters = sorted({c for text in WORDS for c in (text + text.lower()) if c.isprintable() and c != " "} | set("abcdefghijklmnopqrstuvwxyz"))
    letters = [c for c in letters if c not in "qQ👧"]  # words with them are unknown
    letters += [chr(0x1112), chr(0x1161), chr(0x11AB)]  # parts of a Hangul syllable
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *PIECES, *letters, *("▁" + c for c in letters)]
    tokens = list(dict.fromkeys(tokens))
    return {"tokens": tokens, "types": [3] * 5 + [1] * (len(tokens) - 5)}


def word_file(of, lowercase, strip_accents):
    file = Gguf()
    file.text("general.architecture", "bert")
    file.text("tokenizer.ggml.model", "bert")
    file.texts("tokenizer.ggml.tokens", of["tokens"])
    file.integers("tokenizer.ggml.token_type", of["types"])
    for key, value in (("padding", 0), ("unknown", 1), ("bos", 2), ("seperator", 3), ("mask", 4)):
        file.number(f"tokenizer.ggml.{key}_token_id", value)
    for key, value in (("lowercase", lowercase), ("strip_accents", strip_accents)):
        if value is not None:
            file.truth(f"tokenizer.ggml.normalizer.{key}", value)
    return file


def ids(args, file, text, name, *options):
    vocabulary, prompt = args.folder / f"{name}.gguf", args.folder / "text"
    file.write(vocabulary)
    prompt.write_bytes(text.encode())
    run = subprocess.run([*shlex.split(args.tokenize), "-m", str(vocabulary), "-f", str(prompt), "--ids", "--log-disable",
                          "--no-parse-special", "--no-escape", *options], capture_output=True, text=True)
    if run.returncode != 0:
        raise SystemExit(f"{name}: {run.stdout[-500:]}{run.stderr[-500:]}")
    return json.loads(run.stdout.strip().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenize", default="llama-tokenize", help="llama.cpp's program, with arguments before its own if need be")
    parser.add_argument("--folder", type=pathlib.Path, required=True, help="for the vocabularies")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "tests/golden/tokenizers.json")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    source = (ROOT / "src/model/tokenizer/pre_tokenizer.cpp").read_text()
    names = re.findall(r'\{\.name = "([^"]+)"', source)
    kinds = {raw: vocabulary(raw) for raw in (False, True)}
    groups = collections.defaultdict(list)
    for name in sorted(set(names) - OWN):
        raw = name in RAW
        file = pair_file(kinds[raw], name)
        adds_bos = ids(args, file, "x", name)[0] == 1  # where the file does not say
        groups[raw, adds_bos, tuple(ids(args, file, TEXT, name, "--no-bos"))].append(name)
    words = word_vocabulary()
    normalizers = [{}, {"lowercase": False}, {"lowercase": True, "strip_accents": False}, {"lowercase": False, "strip_accents": True}]
    golden = {
        "text": TEXT, "spelled": kinds[False], "raw": kinds[True],
        "pairs": [{"names": names, "raw": raw, "adds_bos": adds_bos, "ids": list(each)}
                  for (raw, adds_bos, each), names in groups.items()],
        "words": {**words, "texts": WORDS, "cases": [
            {**how, "ids": [ids(args, word_file(words, how.get("lowercase"), how.get("strip_accents")), text, f"bert{i}")
                            for text in WORDS]} for i, how in enumerate(normalizers)]}}
    args.out.write_text(json.dumps(golden, ensure_ascii=True, separators=(",", ":")).replace('},{"names"', '},\n{"names"') + "\n")


if __name__ == "__main__":
    main()
