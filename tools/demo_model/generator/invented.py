"""Names of places, people and things that do not exist, for questions whose honest answer is that one does not know."""

ONSETS = "b br c ch d dr f fl g gr h j k kl l m n p pr qu r s sh sk st t tr v w z th vl zh".split()
NUCLEI = "a e i o u ai ea oo ou ia".split()
CODAS = ["", "", "", "n", "r", "l", "s", "m", "k", "th", "nd", "x", "sk", "rt"]
PLACE_ENDINGS = ["ia", "land", "stan", "ova", "ia", "burg", "ton", "mark", "ora", ""]


def word(rng, syllables=None):
    count = syllables or rng.choice((1, 2, 2, 3))
    return "".join(rng.choice(ONSETS) + rng.choice(NUCLEI) + rng.choice(CODAS) for _ in range(count))


def place(rng):
    return {"topic": (word(rng, rng.choice((1, 2))) + rng.choice(PLACE_ENDINGS)).capitalize()}


def person(rng):
    return {"topic": word(rng).capitalize() + " " + word(rng).capitalize()}


def thing(rng):
    return {"topic": word(rng)}


place.columns = person.columns = thing.columns = ["topic"]
