"""Trains the tokenizer on generated texts: byte-level BPE, cut as Qwen 2 cuts (each digit alone).

usage: python3 -m training.tokenizer OUT.json [--seed N] [--texts N]    (in tools/demo_model)
"""
import argparse

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from generator import corpus

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
SIZE = 4096
PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def texts(seed, count):
    for messages in corpus.texts(f"tokenizer {seed}", count):
        for role, text in messages:
            yield f"{role}\n{text}"


def train(seed, count):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(PATTERN), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=SIZE, special_tokens=SPECIAL, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                  min_frequency=2, show_progress=False)
    tokenizer.train_from_iterator(texts(seed, count), trainer)
    if tokenizer.get_vocab_size() != SIZE:
        raise SystemExit(f"tokenizer: the texts give only {tokenizer.get_vocab_size()} tokens, not {SIZE}; raise --texts")
    return tokenizer


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("out")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--texts", type=int, default=60000)
    options = arguments.parse_args()
    train(options.seed, options.texts).save(options.out)


if __name__ == "__main__":
    main()
