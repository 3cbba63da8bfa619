"""The held-out prompts that models are judged by. No training text holds them, by construction (see holdout)."""
import random

from . import sums, turns
from .writing import type_question

MIXED, COMMANDS, SUMS = 200, 100, 200


def _distinct(rng, count, make, key):
    found = {}
    while len(found) < count:
        turn = make()
        typed = type_question(rng, turn.question, turn.mark)
        found.setdefault(key(typed, turn), (typed, turn))
    return list(found.values())


def mixed(seed=0, count=MIXED):
    """Of every sort, as often as in training; no two are typed alike."""
    rng = random.Random(f"mixed {seed}")
    sorts = iter(rng.choices(list(turns.SHARES), list(turns.SHARES.values()), k=100 * count))
    return _distinct(rng, count, lambda: turns.opening(rng, held_out=True, sort=next(sorts)), lambda typed, turn: typed)


def commands(seed=0, count=COMMANDS):
    """About exogpu; no two are typed alike."""
    rng = random.Random(f"commands {seed}")
    return _distinct(rng, count, lambda: turns.opening(rng, held_out=True, sort="exogpu"), lambda typed, turn: typed)


def every_command(seed=0, count=None):
    """Not held out: each thing there is to know about exogpu once, in words that training may have had."""
    rng = random.Random(f"every command {seed}")
    asked = [turns.of_intent(rng, "exogpu", intent) for intent in turns.GROUPS["exogpu"].intents]
    return [(type_question(rng, turn.question, turn.mark), turn) for turn in asked[:count]]


def two_digit_sums(seed=0, count=SUMS):
    """No two ask for the same numbers in the same words."""
    rng = random.Random(f"sums {seed}")
    return _distinct(rng, count, lambda: turns.a_sum(rng, True, sums.OPERATIONS[0], two_digits=True), lambda typed, turn: turn.question)


SETS = {"mixed": mixed, "commands": commands, "every command": every_command, "sums": two_digit_sums}
