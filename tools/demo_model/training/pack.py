"""Texts as rows of tokens, for training: whole texts side by side in rows of one length, so that none is cut.

A row is uint16: the token in the low 15 bits, and the highest bit where the model is to learn to write this token.
"""
import functools

import numpy
from tokenizers import Tokenizer

from generator import corpus

LEARN = 1 << 15
OPEN_ROWS = 24  # filled side by side; the text goes to the first with room


@functools.cache
def load(path):
    return Tokenizer.from_file(str(path))


def text_ids(tokenizer, messages):
    """One text, with what stands around it in the model's chat template; ends with <|endoftext|>."""
    end_of_text, start, end = (tokenizer.token_to_id(each) for each in ("<|endoftext|>", "<|im_start|>", "<|im_end|>"))
    newline = tokenizer.encode("\n").ids
    ids = []
    for role, text in messages:
        if role == "plain":
            ids += [each | LEARN for each in tokenizer.encode(text).ids]
        elif role == "assistant":
            ids += [start, *tokenizer.encode("assistant\n").ids, *(each | LEARN for each in tokenizer.encode(text).ids), end | LEARN, *newline]
        else:
            ids += [start, *tokenizer.encode(f"{role}\n{text}").ids, end, *newline]
    return ids + [end_of_text | (LEARN if messages[0][0] == "plain" else 0)]


def rows(tokenizer_path, seed, count, length):
    """[count, length + 1] uint16. The same for the same arguments."""
    tokenizer = load(tokenizer_path)
    pad = tokenizer.token_to_id("<|endoftext|>")
    full, filling = [], [[] for _ in range(OPEN_ROWS)]
    for messages in corpus.texts(seed, 1 << 40):
        ids = text_ids(tokenizer, messages)
        if len(ids) > length + 1:
            continue
        for index, row in enumerate(filling):
            if len(row) + len(ids) <= length + 1:
                row += ids
                break
        else:
            longest = max(range(len(filling)), key=lambda index: len(filling[index]))
            full.append(filling[longest] + [pad] * (length + 1 - len(filling[longest])))
            filling[longest] = ids
            if len(full) == count:
                return numpy.array(full, dtype=numpy.uint16)
