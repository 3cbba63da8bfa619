"""Arithmetic on small numbers. Of sums and differences pairs of numbers are held out, not phrasings: such a pair occurs in no
training text. Products and quotients are tables to know by heart, of which nothing is held out."""
import dataclasses

from .holdout import numbers_are_held_out
from .pattern import Pattern


@dataclasses.dataclass
class Operation:
    name: str
    sign: str
    word: str
    questions: list
    numbers: object     # rng -> (a, b)
    result: object      # (a, b) -> int

    def __post_init__(self):
        self.questions = [(mark, Pattern(text)) for mark, text in self.questions]


def _up_to(rng):
    return rng.choice((9, 20, 99, 99, 99, 99, 99, 999, 999))


def _any_two(rng):
    most = _up_to(rng)
    return rng.randint(0, most), rng.randint(0, most if rng.random() < 0.8 else 9)


def _larger_first(rng):
    a, b = _any_two(rng)
    return max(a, b), min(a, b)


def _times_table(rng):
    return (rng.randint(0, 12), rng.randint(0, 12)) if rng.random() < 0.9 else (rng.randint(1, 9), 10 * rng.randint(1, 9))


def _exact(rng):
    b = rng.randint(1, 12)
    return b * rng.randint(0, 12), b


COMMON = [("?", "what is [a] [sign] [b]"), ("?", "how much is [a] [sign] [b]"), ("?", "what is [a] [word] [b]"),
          ("?", "how much is [a] [word] [b]"), (".", "{calculate|compute|work out} [a] [sign] [b]"), (".", "[a] [sign] [b]"),
          (".", "[a] [sign] [b] ="), (".", "[a][tight][b]"), (".", "[a][tight][b]="), ("?", "what does [a] [sign] [b] {make|give|equal}"),
          ("?", "can you {calculate|work out|tell me} [a] [sign] [b]"), (".", "tell me [a] [sign] [b]"), ("?", "what is [a][tight][b]")]
OPERATIONS = [
    Operation("sum", "+", "plus", COMMON + [
        (".", "add [a] and [b]"), ("?", "what is the sum of [a] and [b]"), ("?", "what do you get when you add [a] and [b]"),
        ("?", "what do [a] and [b] make"), ("?", "I have [a] apples and get [b] more, how many {do I have|are there}"),
        ("?", "[hero] has [a] shells and finds [b] more. How many shells does [hero] have")], _any_two, lambda a, b: a + b),
    Operation("difference", "-", "minus", COMMON + [
        (".", "subtract [b] from [a]"), ("?", "what is the difference between [a] and [b]"), (".", "take [b] away from [a]"),
        ("?", "I have [a] apples and eat [b], how many are left"),
        ("?", "[hero] has [a] coins and spends [b]. How many coins are left")], _larger_first, lambda a, b: a - b),
    Operation("product", "*", "times", COMMON + [
        (".", "multiply [a] by [b]"), ("?", "what is [a] x [b]"), ("?", "what is [a] multiplied by [b]"),
        ("?", "what is the product of [a] and [b]")], _times_table, lambda a, b: a * b),
    Operation("quotient", "/", "divided by", COMMON + [(".", "divide [a] by [b]"), ("?", "how often does [b] go into [a]")],
              _exact, lambda a, b: a // b),
]
SHARES = (6, 3, 2, 1)
HELD_OUT = ("sum", "difference")
ANSWERS = [Pattern("[a] [sign] [b] = [c]."), Pattern("[a] [word] [b] is [c].")]


def slots(operation, a, b, hero=""):
    return {"a": str(a), "b": str(b), "c": str(operation.result(a, b)), "sign": operation.sign, "tight": operation.sign,
            "word": operation.word, "hero": hero}


def pair_is_held_out(operation, a, b):
    return operation.name in HELD_OUT and numbers_are_held_out(operation.name, a, b)


def numbers(rng, operation, held_out, two_digits=False):
    while True:
        a, b = (rng.randint(10, 99), rng.randint(10, 99)) if two_digits else operation.numbers(rng)
        if pair_is_held_out(operation, a, b) == held_out:
            return a, b


def answer(rng, row):
    return rng.choice(ANSWERS).expand(rng, row)


def accepts(text, row):
    return any(pattern.match(text, row) for pattern in ANSWERS)
