"""Streamed answers, and whether two of them are equal except for near-ties."""

# Largest difference of two log probabilities in a near-tie. Kernels for one token and for many round differently.
NEAR_TIE = 0.1


class Answer:
    """The tokens of a streamed completion with `logprobs`, and their times of arrival."""

    def __init__(self, pieces):
        """`pieces`: pairs of arrival time and parsed event."""
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
        """The first different token, and the difference of the two candidates' log probabilities in the undisturbed run;
        None if the answers are equal."""
        for i, (token, wanted) in enumerate(zip(self.tokens, expected.tokens)):
            if token != wanted:
                best = expected.best[i]
                return i, best[wanted] - best[token] if token in best else float("inf")
        return None if len(self.tokens) == len(expected.tokens) else (len(self.tokens), float("inf"))
