"""A sentence pattern that works in both directions: it writes sentences, and recognises those it could have written.

    {a|b|}      one of these; may be nested
    [slot]      a value, filled in when writing; when reading, what stands there is bound
    [^slot]     the value with a capital first letter
    [a slot]    the value with its article, "a fox", "an owl";  [A slot] the same with a capital
    [the slot]  "the fox";  [The slot] the same with a capital
"""
import functools
import re

VOWELS = "aeiou"


def capital(text):
    return text[:1].upper() + text[1:]


def with_article(text):
    if text.startswith(("uni", "use", "eu", "one")):
        return "a " + text
    return ("an " if text[:1].lower() in VOWELS or text.startswith(("hour", "honest")) else "a ") + text


FORMS = {"": str, "^": capital, "a": with_article, "A": lambda text: capital(with_article(text)),
         "the": lambda text: "the " + text, "The": lambda text: "The " + text}


class Choice:
    def __init__(self, options):
        self.options = options

    def expand(self, rng, slots):
        return self.options[rng.randrange(len(self.options))].expand(rng, slots)

    def regex(self, slots, bound):
        return "(?:" + "|".join(each.regex(slots, bound) for each in self.options) + ")"

    def slots(self):
        return set().union(*(each.slots() for each in self.options))


class Sequence:
    def __init__(self, parts):
        self.parts = parts

    def expand(self, rng, slots):
        return "".join(part if isinstance(part, str) else part.expand(rng, slots) for part in self.parts)

    def regex(self, slots, bound):
        return "".join(re.escape(part) if isinstance(part, str) else part.regex(slots, bound) for part in self.parts)

    def slots(self):
        return set().union(*(part.slots() for part in self.parts if not isinstance(part, str)))


class Slot:
    def __init__(self, form, name):
        self.form, self.name = FORMS[form], name

    def expand(self, rng, slots):
        return self.form(slots[self.name])

    def regex(self, slots, bound):
        value = slots[self.name]
        if isinstance(value, str):
            return re.escape(self.form(value))
        bound.append((self.name, {self.form(each): each for each in value}))
        return f"(?P<open{len(bound)}>" + "|".join(re.escape(self.form(each)) for each in value) + ")"

    def slots(self):
        return {self.name}


def parse(text):
    node, rest = _options(text, 0, top=True)
    if rest != len(text):
        raise ValueError(f"unbalanced brackets in the pattern: {text}")
    return node


def _options(text, at, top):
    options, parts, literal = [], [], ""

    def flush():
        nonlocal literal
        if literal:
            parts.append(literal)
        literal = ""

    while at < len(text) and text[at] != "}":
        char = text[at]
        if char == "{":
            flush()
            node, at = _options(text, at + 1, top=False)
            if at >= len(text):
                raise ValueError(f"a brace is not closed in the pattern: {text}")
            parts.append(node)
        elif char == "[":
            flush()
            end = text.index("]", at)
            form, name = re.fullmatch(r"(\^|(?:[aA]|[tT]he) |)(\w+)", text[at + 1:end]).groups()
            parts.append(Slot(form.strip(), name))
            at = end
        elif char == "|" and not top:
            flush()
            options.append(Sequence(parts))
            parts = []
        else:
            literal += char
        at += 1
    flush()
    options.append(Sequence(parts))
    return (options[0] if len(options) == 1 else Choice(options)), at


class Pattern:
    def __init__(self, text):
        self.text = text
        self.node = parse(text)
        parts = [part for part in getattr(self.node, "parts", [self.node]) if not isinstance(part, str)]
        # Whether a sentence can be new although each of its parts is known: it has a topic, or two places that vary.
        self.combines = bool(self.node.slots()) or len(parts) >= 2

    def expand(self, rng, slots):
        return self.node.expand(rng, slots)

    @functools.cached_property
    def slots(self):
        return self.node.slots()

    def match(self, text, slots, start=0, whole=True):
        """The slots with those bound that held a list of values, and where the match ended; or None."""
        bound = []
        expression = re.compile(self.node.regex(slots, bound) + (r"\Z" if whole else r"(?=\s|\Z)"))
        found = expression.match(text, start)
        if found is None:
            return None
        values = {}
        for number, (name, meanings) in enumerate(bound, start=1):
            if (seen := found[f"open{number}"]) is not None:
                if values.setdefault(name, meanings[seen]) != meanings[seen]:
                    return None
        return slots | values, found.end()
