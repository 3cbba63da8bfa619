"""One exchange: a question with its mark, an answer, and how to tell whether another answer is as good."""
import dataclasses

from . import intents, invented, story, sums, tables
from .holdout import question_is_held_out
from .pattern import Pattern, with_article

GROUPS = {group.name: group for group in intents.load()}
# How often a turn is of each sort.
SHARES = {"world": 15, "nature": 15, "exogpu": 20, "chat": 9, "unknown": 9, "numbers": 3, "sums": 17, "story": 12}


@dataclasses.dataclass
class Turn:
    sort: str           # a group of intents, "sums" or "story"
    name: str
    question: str
    mark: str
    answer: str
    accepts: object     # text -> bool: is it an answer that the generator could have given?
    mentions: list      # words of which an answer must hold one
    subject: object = None      # of the next question: (table, row), a Wish, or a result

    def mentions_subject(self, text):
        return not self.mentions or any(each.lower() in text.lower() for each in self.mentions)


def of_intent(rng, group, intent, row=None, held_out=False, kind="opening"):
    if row is None:
        row = tables.pick(rng, intent.table)
    if (asked := intent.ask(rng, row, held_out, kind)) is None:
        return None
    # Whatever the question is about must come up again in the answer, except what the model does not know in detail.
    named = group != "unknown" or intent.name.startswith("unknown")
    mentions = [next(iter(row.values()))] + [row[each] for each in ("plural",) if each in row] if row and named else []
    return Turn(group, intent.name, *asked, intent.answer(rng, row), lambda text: intent.accepts(text, row), mentions, (intent, row))


def pick_intent(rng, group):
    return rng.choices(GROUPS[group].intents, [each.weight for each in GROUPS[group].intents])[0]


def a_sum(rng, held_out=False, operation=None, two_digits=False):
    known = len(sums.HELD_OUT) if held_out else None
    operation = operation or rng.choices(sums.OPERATIONS[:known], sums.SHARES[:known])[0]
    row = sums.slots(operation, *sums.numbers(rng, operation, held_out, two_digits), rng.choice(tables.rows("heroes"))["hero"])
    mark, pattern = rng.choice(operation.questions)
    return Turn("sums", operation.name, pattern.expand(rng, row), mark, sums.answer(rng, row), lambda text: sums.accepts(text, row),
                [row["c"]], int(row["c"]))


def next_sum(rng, before):
    """"and 12 more": goes on from the result before."""
    operation = sums.OPERATIONS[0] if rng.random() < 0.6 else sums.OPERATIONS[1]
    most = 99 if operation.name == "sum" else before
    for _ in range(20):
        b = rng.randint(0, most)
        if not sums.pair_is_held_out(operation, before, b):
            break
    else:
        return None
    row = sums.slots(operation, before, b)
    text = {"sum": ["and [b] more", "now add [b]", "plus [b]", "add [b] to that", "and plus [b]"],
            "difference": ["now subtract [b]", "minus [b]", "take away [b]", "and minus [b]"]}[operation.name]
    return Turn("sums", operation.name, Pattern(rng.choice(text)).expand(rng, row), ".", sums.answer(rng, row),
                lambda text: sums.accepts(text, row), [row["c"]], int(row["c"]))


STORY = [Pattern(text) for text in (
    "tell me {a|a new|a long} story about [subject]", "tell {me|us} a tale about [subject]", "write {me |}a story about [subject]",
    "{can|could} you tell me a story about [subject]", "{can|could} you write a story about [subject]", "I want {to hear |}a story about [subject]",
    "I would like {to hear |}a story about [subject]", "a story about [subject]", "make up a story about [subject]",
    "story about [subject]", "do you know a story about [subject]", "give me a story about [subject]", "tell a story about [subject]",
    "invent a story about [subject]", "read me a story about [subject]", "let me hear a story about [subject]",
    "tell me a bedtime story about [subject]", "I need a story about [subject]", "what about a story about [subject]")]
SHORT_STORY = [Pattern(text) for text in (
    "tell me a {short|little|quick} story about [subject]", "write {me |}a {short|brief|little} story about [subject]",
    "{can|could} you tell me a short story about [subject]", "a {short|little} story about [subject]", "tell me a story about [subject], but keep it short",
    "I want a short story about [subject]", "give me a short story about [subject]", "tell me a very short story about [subject]")]
ANY_STORY = [Pattern(text) for text in (
    "tell me a story", "tell me a {good|nice|new|bedtime} story", "can you tell me a story", "do you know a story", "a story please",
    "I want to hear a story", "write a story", "tell me something", "surprise me", "I am bored", "tell us a story")]
ANOTHER = [Pattern(text) for text in ("another one", "tell me another {one|story}", "one more", "again", "another story", "now another one")]
AFTER_STORY = {
    "hero": (["who is the story about", "what was the name of the {hero|main character}", "who is the {hero|main character}{| of the story}",
              "who was it about", "what was [her] name", "what is the name of the {hero|main character}"],
             ["The hero of the story is [hero].", "The story is about [hero]."]),
    "town": (["where does {it|the story} {happen|take place}", "where did {it|this|the story} happen", "in which town was {it|that}", "where was {it|that}"],
             ["It happens in [town]."]),
    "friend": (["who helped [hero]", "who was the friend of [hero]", "who came to [hero]", "whom did [hero] meet"], ["It was [a friend]."]),
}


def a_wish(rng, short=None):
    short = rng.random() < 0.2 if short is None else short
    draw = rng.random()
    if draw < 0.44:  # a thing, known or new
        draw = rng.random()
        thing = (rng.choice(tables.rows("things"))["thing"] if draw < 0.4 else rng.choice(tables.rows("objects"))["topic"] if draw < 0.85
                 else invented.word(rng))
        if rng.random() < 0.12 and " " not in thing:
            thing = rng.choice("old little red blue golden broken magic lost strange giant".split()) + " " + thing
        subject = rng.choice((with_article(thing),) * 6 + ("the " + thing, thing))
        return story.Wish(subject, [thing], "thing", {"thing": thing}, short)
    if draw < 0.76:
        draw = rng.random()
        kind = rng.choice(tables.rows("animals"))["animal"] if draw < 0.5 else rng.choice(tables.rows("characters"))["topic"]
        fixed = {"kind": kind}
        subject = rng.choice((with_article(kind),) * 6 + ("the " + kind, kind))
        if rng.random() < 0.15:
            other = rng.choice(story.OTHERS)
            subject, fixed = f"{with_article(kind)} and {with_article(other)}", fixed | {"other": other}
        elif rng.random() < 0.12:
            hero = rng.choice(tables.rows("pet_names"))
            subject, fixed = f"{with_article(kind)} named {hero['hero']}", fixed | {"hero": hero["hero"], **story.PRONOUNS[hero["she"]]}
        return story.Wish(subject, [kind], "animal", fixed, short)
    if draw < 0.84:
        person = rng.choice(tables.rows(rng.choice(("people", "heroes"))))
        name = next(iter(person.values()))
        return story.Wish(name, [name], "thing", {"hero": name, **story.PRONOUNS[person["she"]]}, short)
    if draw < 0.90:
        town = rng.choice(tables.rows("towns"))["town"]
        return story.Wish(town, [town], "thing", {"town": town}, short)
    theme = rng.choice(tables.rows("themes"))["topic"]
    return story.Wish(theme, [theme], "theme", {"theme": theme}, short)


def _story_turn(rng, wish, question):
    text, slots = story.tell(rng, wish)
    return Turn("story", "short" if wish.short else "long", question, ".", text, lambda text: story.recognise(text, wish) is not None,
                wish.mentions, (wish, slots))


def a_story(rng, held_out=False, short=None):
    while True:
        wish = a_wish(rng, short)
        question = rng.choice(SHORT_STORY if wish.short else STORY).expand(rng, {"subject": wish.subject})
        if question_is_held_out(question) == held_out:
            return _story_turn(rng, wish, question)


def any_story(rng, again):
    wish = a_wish(rng, short=False)
    return _story_turn(rng, wish, rng.choice(ANOTHER if again else ANY_STORY).expand(rng, {}))


def after_story(rng, told, slots):
    what = rng.choice([each for each in sorted(AFTER_STORY) if slots[each] in told])
    questions, answers = AFTER_STORY[what]
    row = {name: value for name, value in slots.items() if isinstance(value, str)}
    question, answers = Pattern(rng.choice(questions)).expand(rng, row), [Pattern(each) for each in answers]
    return Turn("story", "after", question, "?", rng.choice(answers).expand(rng, row), lambda text: any(each.match(text, row) for each in answers),
                [row[what]])


def opening(rng, held_out=False, sort=None):
    """A turn that needs nothing before it; from the held-out side of the line or the other."""
    while True:
        kind = sort or rng.choices(list(SHARES), list(SHARES.values()))[0]
        if kind == "sums":
            return a_sum(rng, held_out)
        if kind == "story":
            return any_story(rng, False) if not held_out and rng.random() < 0.08 else a_story(rng, held_out)
        if turn := of_intent(rng, kind, pick_intent(rng, kind), held_out=held_out):
            return turn


def following(rng, before, held_out=False):
    """A turn that leans on the one before; None where there is no such question."""
    if before.sort == "sums":
        return next_sum(rng, before.subject) if before.subject < 900 and not held_out else None
    if before.sort == "story":
        if before.subject is None or held_out:
            return None
        if rng.random() < 0.3:
            return any_story(rng, True)
        return after_story(rng, before.answer, before.subject[1])
    intent, row = before.subject
    if rng.random() < 0.5:
        return of_intent(rng, before.sort, intent, None, held_out, "about_other")
    same_table = [each for each in GROUPS[before.sort].intents if each.table == intent.table and each.about_same and each is not intent]
    if not same_table or intent.table == "-":
        return None
    return of_intent(rng, before.sort, rng.choice(same_table), row, held_out, "about_same")
