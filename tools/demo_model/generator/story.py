"""Stories: stories/*.txt says how each plot goes, paragraph by paragraph.

    # kind: thing       what the plot can be about: a thing, an animal or other character, a theme
    + pattern           one way to tell the next beat of the plot; the lines of a block are alternatives
    - pattern           the same, of a beat that a short story leaves out
    /                   a new paragraph

Read backwards, the same plots recognise a story (`Plot.recognise`), with the same hero from beginning to end.
"""
import dataclasses
import functools
import pathlib

from . import tables
from .pattern import Pattern

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "stories"
PRONOUNS = {"she": {"she": "she", "her": "her", "them": "her"}, "he": {"she": "he", "her": "his", "them": "him"}}
FRIENDS = ["old woman", "old man", "young sailor", "tired traveller", "little girl", "little boy", "baker", "old fisherman", "postman",
           "shy boy", "quiet girl", "miller", "wandering musician", "old teacher", "friendly giant", "clever crow", "grey goose",
           "small hedgehog", "old tortoise", "one-eyed cat"]
OTHERS = ["lantern", "rope", "ladder", "compass", "map", "key", "whistle", "blanket", "bell", "hammer", "candle", "flute", "bucket",
          "basket", "mirror", "drum", "kite", "walking stick", "pair of gloves", "bag of nuts", "piece of chalk", "loaf of bread"]


@dataclasses.dataclass
class Beat:
    core: bool
    new_paragraph: bool
    patterns: list


class Plot:
    def __init__(self, path):
        head, *lines = path.read_text().splitlines()
        self.name, self.kind, self.beats = path.stem, head.removeprefix("# kind: "), []
        block, paragraph = [], False
        for line in lines + [""]:
            if line == "/":
                paragraph = True
            elif line:
                block.append(line)
            elif block:
                self.beats.append(Beat(block[0][0] == "+", paragraph, [Pattern(each[2:]) for each in block]))
                block, paragraph = [], False

    def beats_of(self, short):
        return [beat for beat in self.beats if beat.core or not short]

    def tell(self, rng, slots, short):
        text = ""
        for beat in self.beats_of(short):
            if text:
                text += "\n\n" if beat.new_paragraph else " "
            text += beat.patterns[rng.randrange(len(beat.patterns))].expand(rng, slots)
        return text

    def recognise(self, text, slots, short):
        """The slots with what the story made of those left open (lists of values); None if this plot does not tell it."""
        beats = self.beats_of(short)

        def follow(index, at, slots):
            if index == len(beats):
                return slots if at == len(text) else None
            if index:
                gap = "\n\n" if beats[index].new_paragraph else " "
                if not text.startswith(gap, at):
                    return None
                at += len(gap)
            for pattern in beats[index].patterns:
                if found := pattern.match(text, slots, at, whole=False):
                    if (rest := follow(index + 1, found[1], found[0])) is not None:
                        return rest
            return None

        return follow(0, 0, slots)


@functools.cache
def plots():
    return [Plot(path) for path in sorted(FOLDER.glob("*.txt"))]


@dataclasses.dataclass
class Wish:
    """What a story is to be about. `fixed` are the slots that the request names; the rest is the teller's choice."""
    subject: str        # as the request says it, "a lighthouse"
    mentions: list      # what the story must name
    kind: str
    fixed: dict
    short: bool = False

    def plots(self):
        return [plot for plot in plots() if plot.kind == self.kind]


def _heroes(kind):
    return {row["hero"]: row["she"] for row in tables.rows("pet_names" if kind == "animal" else "heroes")}


def slots_for(rng, wish):
    """Everything a plot needs; what the wish leaves open is chosen."""
    heroes = _heroes(wish.kind)
    hero = rng.choice(sorted(heroes))
    slots = {"hero": hero, "town": rng.choice(tables.rows("towns"))["town"], "friend": rng.choice(FRIENDS), "other": rng.choice(OTHERS),
             "thing": rng.choice(tables.rows("things"))["thing"], **PRONOUNS[heroes[hero]], **wish.fixed}
    return slots


def tell(rng, wish):
    """The story and the slots it was told with."""
    slots = slots_for(rng, wish)
    return rng.choice(wish.plots()).tell(rng, slots, wish.short), slots


def recognise(text, wish):
    """The slots of the story, or None if `text` is no whole story that this wish allows."""
    heroes = _heroes(wish.kind)
    known = [row["thing"] for row in tables.rows("things")]
    open_slots = {"hero": sorted(heroes), "town": [row["town"] for row in tables.rows("towns")], "friend": FRIENDS, "other": OTHERS,
                  "thing": known}
    ways = [PRONOUNS["she"], PRONOUNS["he"]]
    for plot in wish.plots():
        for way in ways:
            slots = plot.recognise(text, open_slots | way | wish.fixed, wish.short)
            if slots and (slots["she"] == heroes.get(slots["hero"], slots["she"])):
                return slots
    return None
