"""Which questions no training text may ask: they are decided by a hash of what is asked, not by chance or by seed.

Held out are combinations: a topic with a phrasing that is known from other topics, a phrasing that combines known parts,
a pair of numbers to add or subtract. A word that stands nowhere else is not held out, since nobody could guess its meaning;
neither are the times tables.
"""
import hashlib

ONE_IN = 12


def _bucket(text):
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big") % ONE_IN


def question_is_held_out(question):
    """`question` as the pattern gives it, before capitals, politeness and slips of the pen are put on. Questions of
    one or two words are too few to spare any."""
    words = question.lower().split()
    return len(words) > 2 and _bucket(" ".join(words)) == 0


def numbers_are_held_out(operation, a, b):
    """No training text holds a held-out pair of numbers, in either order, in any phrasing."""
    return _bucket(f"{operation} {min(a, b)} {max(a, b)}") == 0
