"""How people type: with and without capitals and question marks, politely or not, and now and then with a slip."""

BEFORE = ["please, ", "hi, ", "hello, ", "hey, ", "ok, ", "so, ", "now ", "quick question: ", "I have a question. ", "excuse me, ", "well, ",
          "hi! ", "hello. ", "please tell me: ", "one more thing: ", "and now: ", "then tell me, "]
AFTER = [" please", ", please", ", thanks", " thanks", " now", ", thank you"]


def type_question(rng, question, mark):
    """`question` as somebody might type it; `mark` is the one that would be right at its end, "?" or "."."""
    text, slips = question, rng.random() < 0.04
    words = text.split()
    if rng.random() < 0.06 and text.startswith("what is "):
        text, mark = _indirect(rng, text, mark)
    elif rng.random() < 0.10 and text.startswith(("what is ", "where is ", "who is ")):
        text = text.replace(" is ", rng.choice(("'s ", "'s ", "s ")), 1)
    if slips:
        text = _slip(rng, text)
    if len(words) > 2 and rng.random() < 0.12:
        text = rng.choice(BEFORE) + text
    if len(words) > 2 and rng.random() < 0.06:
        text += rng.choice(AFTER)
    if rng.random() < 0.7:
        text = text[:1].upper() + text[1:]
    elif rng.random() < 0.8:
        text = text.lower()
    if text[-1] not in "=.?!" and rng.random() < (0.75 if mark == "?" else 0.5):
        text += mark if rng.random() < 0.95 else rng.choice(("??", "!", ".", " ?"))
    return text


def _indirect(rng, text, mark):
    rest = text.removeprefix("what is ") + " is"
    return rng.choice((("do you know what " + rest, "?"), ("can you tell me what " + rest, "?"), ("tell me what " + rest, "."),
                       ("I want to know what " + rest, "."), ("I wonder what " + rest, ".")))


def _slip(rng, text):
    words = text.split(" ")
    long = [index for index, word in enumerate(words) if len(word) >= 5 and word.isalpha() and word.islower()]
    if not long:
        return text
    index = rng.choice(long)
    word, at = words[index], rng.randint(1, len(words[index]) - 2)
    words[index] = rng.choice((word[:at] + word[at + 1] + word[at] + word[at + 2:], word[:at] + word[at + 1:],
                               word[:at] + word[at] + word[at:]))
    return " ".join(words)
