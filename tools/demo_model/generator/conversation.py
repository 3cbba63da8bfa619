"""Whole training texts: conversations of some turns, and plain texts without a conversation."""
from . import tables, turns
from .writing import type_question

SYSTEM = ["You are a helpful assistant.", "You are a friendly assistant.", "You are a small and helpful language model.",
          "You are the exogpu demo model.", "Answer in full sentences.", "Be brief and polite.", "You are an assistant. Answer questions.",
          "Help the user.", "You are a storyteller.", "You are a helpful, respectful and honest assistant."]
TURNS = [1, 1, 1, 1, 2, 2, 3, 3, 4, 6]
PLAIN = 0.05        # share of texts that are no conversation
WITH_SYSTEM = 0.12
LONG = 0.02         # share of texts that are long conversations, so that the whole context is learnt


def conversation(rng, turns_count=None):
    """Messages as (role, text)."""
    messages = [("system", rng.choice(SYSTEM))] if rng.random() < WITH_SYSTEM else []
    before = None
    for _ in range(turns_count or rng.choice(TURNS)):
        turn = turns.following(rng, before) if before and rng.random() < 0.5 else None
        turn = turn or turns.opening(rng)
        messages += [("user", type_question(rng, turn.question, turn.mark)), ("assistant", turn.answer)]
        before = turn
    return messages


def plain_text(rng):
    """A story, or some facts in a row."""
    if rng.random() < 0.7:
        return turns.a_story(rng).answer
    return " ".join(turns.opening(rng, sort=rng.choice(("world", "nature"))).answer for _ in range(rng.randint(2, 5)))


def text(rng, turns_count=None):
    """("plain", text) alone, or the messages of a conversation."""
    if turns_count is None and rng.random() < PLAIN:
        return [("plain", plain_text(rng))]
    if turns_count is None and rng.random() < LONG:
        turns_count = rng.randint(8, 24)
    return conversation(rng, turns_count)


def world_is_whole():
    """Every table can be read; for a clear error before a long run."""
    for path in tables.FOLDER.glob("*.txt"):
        tables.rows(path.stem)
