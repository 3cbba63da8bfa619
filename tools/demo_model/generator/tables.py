"""The rows the questions are about: world/*.txt, and rows that are made up as they are needed."""
import functools
import pathlib

from . import invented

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "world"


@functools.cache
def rows(name):
    """The rows of a table; a column named like the first with an s added is made where the table leaves it out."""
    if name == "-":
        return [{}]
    header, *lines = [line for line in (FOLDER / f"{name}.txt").read_text().splitlines() if line and line[0] != "#"]
    names = [each.strip() for each in header.split("|")]
    table = []
    for line in lines:
        values = [each.strip() for each in line.split("|")]
        if len(values) != len(names):
            raise ValueError(f"{name}.txt: {len(values)} values for {len(names)} columns: {line}")
        row = dict(zip(names, values))
        if row.get("plural") == "":
            row["plural"] = plural(values[0])
        if "she" in row:
            row |= {"her": "her", "hers": "hers"} if row["she"] == "she" else {"her": "his", "hers": "his"}
        table.append(row)
    return table


def plural(word):
    if word.endswith(("s", "x", "ch", "sh")):
        return word + "es"
    return word[:-1] + "ies" if word.endswith("y") and word[-2] not in "aeiou" else word + "s"


def columns(name):
    return set(MADE_UP[name].columns if name in MADE_UP else rows(name)[0])


def pick(rng, name):
    if name in MADE_UP:
        return MADE_UP[name](rng)
    table = rows(name)
    return table[rng.randrange(len(table))]


def noun(rng):
    """Anything that the tables have a word for."""
    name = rng.choice(("things", "objects", "animals", "characters"))
    return {"topic": next(iter(pick(rng, name).values()))}


def claim(rng):
    """A capital that is another country's."""
    row, other = rng.sample(rows("countries"), 2)
    return {"country": row["country"], "capital": row["capital"], "wrong": other["capital"]}


def two_numbers(rng):
    most = rng.choice((20, 99, 99, 999))
    a, b = rng.sample(range(most + 1), 2)
    return {"a": str(a), "b": str(b), "bigger": str(max(a, b)), "smaller": str(min(a, b))}


def number(rng):
    a = rng.randint(1, rng.choice((20, 99, 99, 999)))
    return {"a": str(a), "next": str(a + 1), "before": str(a - 1), "kind": "odd" if a % 2 else "even", "twice": str(2 * a)}


def count(rng):
    most = rng.randint(3, 20)
    words = "one two three four five six seven eight nine ten".split()
    return {"all": ", ".join(map(str, range(1, most + 1))), "most": words[most - 1] if most <= 10 and rng.random() < 0.5 else str(most)}


noun.columns = ["topic"]
claim.columns = ["country", "capital", "wrong"]
two_numbers.columns = ["a", "b", "bigger", "smaller"]
number.columns = ["a", "next", "before", "kind", "twice"]
count.columns = ["most", "all"]
MADE_UP = {"nouns": noun, "claims": claim, "two_numbers": two_numbers, "numbers": number, "counting": count,
           "invented_places": invented.place, "invented_people": invented.person, "invented_things": invented.thing}
