"""Streamed answers, and whether two are the same but for what rounding may tip."""

# Of two log probabilities. Kernels for one token and for many round differently, and quantise what they rounded.
NEAR_TIE = 0.1


class Answer:
    """The tokens of a streamed completion that was asked for with `logprobs`, and when they came."""

    def __init__(self, pieces):
        """`pieces`: the time and the parsed event of each, as they come."""
        pieces = list(pieces)
        self.times = [at for at, _ in pieces]
        self.errors = [piece["error"]["message"] for _, piece in pieces if "error" in piece]
        self.tokens, self.best = [], []
        for _, piece in pieces:
            told = piece["choices"][0].get("logprobs") if piece.get("choices") else None
            if told:
                self.tokens += told["tokens"]
                self.best += told["top_logprobs"]

    def leaves(self, expected):
        """At which token, and how far apart the two were in the undisturbed run; None where it does not."""
        for i, (token, wanted) in enumerate(zip(self.tokens, expected.tokens)):
            if token != wanted:
                best = expected.best[i]
                return i, best[wanted] - best[token] if token in best else float("inf")
        return None if len(self.tokens) == len(expected.tokens) else (len(self.tokens), float("inf"))
