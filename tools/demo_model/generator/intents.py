"""The questions and answers: intents/*.txt over the tables in world/*.txt.

    == name table weight      an intent; its questions are about the rows of a table, or about nothing in particular (-)
    ? pattern                 a question
    ! pattern                 a request
    ~ pattern                 a question that only makes sense after another about the same row ("where does she live")
    & pattern                 one that only makes sense after the same question about another row ("and of Spain")
    > pattern                 an answer; every answer of an intent fits every question of it
"""
import dataclasses
import pathlib

from . import tables
from .holdout import question_is_held_out
from .pattern import Pattern

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "intents"


@dataclasses.dataclass
class Intent:
    name: str
    table: str
    weight: float
    opening: list = dataclasses.field(default_factory=list)   # (mark, pattern)
    about_same: list = dataclasses.field(default_factory=list)
    about_other: list = dataclasses.field(default_factory=list)
    answers: list = dataclasses.field(default_factory=list)

    def ask(self, rng, row, held_out=False, kind="opening"):
        """A question about `row` and the mark that ends it, from one side of the line; None where there is none."""
        phrasings = getattr(self, kind)
        for _ in range(60):
            if not phrasings:
                return None
            mark, pattern = phrasings[rng.randrange(len(phrasings))]
            question = " ".join(pattern.expand(rng, row).split())  # an alternative may have been empty
            if (pattern.combines and question_is_held_out(question)) == held_out:
                return question, mark
        return None

    def answer(self, rng, row):
        return self.answers[rng.randrange(len(self.answers))].expand(rng, row)

    def accepts(self, text, row):
        return any(pattern.match(text, row) for pattern in self.answers)


@dataclasses.dataclass
class Group:
    name: str
    intents: list


def load():
    groups = []
    for path in sorted(FOLDER.glob("*.txt")):
        intents = []
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            mark, _, rest = line.partition(" ")
            try:
                if mark == "==":
                    name, table, weight = rest.split()
                    intents.append(Intent(name, table, float(weight)))
                elif mark in ("?", "!"):
                    intents[-1].opening.append(("?" if mark == "?" else ".", Pattern(rest)))
                elif mark == "~":
                    intents[-1].about_same.append(("?", Pattern(rest)))
                elif mark == "&":
                    intents[-1].about_other.append(("?", Pattern(rest)))
                elif mark == ">":
                    intents[-1].answers.append(Pattern(rest))
                elif line and not line.startswith("#"):
                    raise ValueError("begins with none of == ? ! ~ & > #")
            except (ValueError, IndexError, AttributeError) as error:
                raise ValueError(f"{path.name}:{number}: {error}: {line}") from error
        groups.append(Group(path.stem, intents))
    check(groups)
    return groups


def check(groups):
    for group in groups:
        for intent in group.intents:
            if not intent.answers or not intent.opening:
                raise ValueError(f"{group.name}: {intent.name} has no question or no answer")
            known = set(tables.columns(intent.table))
            for pattern in intent.answers + [each for _, each in intent.opening + intent.about_same + intent.about_other]:
                if missing := pattern.slots - known:
                    raise ValueError(f"{group.name}: {intent.name}: table {intent.table} has no {missing}: {pattern.text}")
