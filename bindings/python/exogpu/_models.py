"""Models and their answers."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal

from . import _core, _waiting
from ._devices import Context, default_context

Message = Mapping[str, Any]
FINISH = ("end", "stop", "length", "context", "cancelled")
_ADD_SPECIAL, _PARSE_SPECIAL = 1, 2


@dataclass(frozen=True)
class Stats:
    """How an answer ended, and what it took."""

    finish: Literal["end", "stop", "length", "context", "cancelled"]
    prompt_tokens: int
    prompt_reused: int
    answer_tokens: int
    prompt_s: float
    answer_s: float


class Generation(Iterator[str], AsyncIterator[str]):
    """An answer that is being written: its pieces, by `for` or by `async for`.

    Leaving the loop, Ctrl-C and the cancellation of a task end the answer. One loop at a time.
    """

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._fd = -1
        self._stats: Stats | None = None

    def cancel(self) -> None:
        """The answer ends; what was written stands."""
        if self._handle:
            _core.generation_cancel(self._handle)

    def close(self) -> None:
        """Cancels it and waits until it has ended. Again: nothing."""
        handle, self._handle = self._handle, 0
        if handle:
            _core.generation_free(handle)

    @property
    def stats(self) -> Stats:
        """Once it has ended. Errors: failed_precondition."""
        if self._stats is None:
            return self._read_stats()
        return self._stats

    def text(self) -> str:
        """The rest of the answer, in one piece."""
        return "".join(self)

    async def text_async(self) -> str:
        return "".join([piece async for piece in self])

    def __iter__(self) -> Generation:
        return self

    def __next__(self) -> str:
        try:
            while True:
                piece, ended = self._next(_waiting.PIECE_MS)
                if ended:
                    raise StopIteration
                if piece:
                    return piece
        except StopIteration:
            raise
        except BaseException:
            self.close()
            raise

    def __aiter__(self) -> Generation:
        return self

    async def __anext__(self) -> str:
        try:
            while True:
                piece, ended = self._next(0)
                if ended:
                    raise StopAsyncIteration
                if piece:
                    return piece
                if self._fd < 0:
                    self._fd = _core.generation_fd(self._handle)
                await _waiting.readable(self._fd)
        except StopAsyncIteration:
            raise
        except BaseException:
            self.cancel()
            raise

    def _next(self, timeout_ms: int) -> tuple[str | None, bool]:
        if not self._handle:
            return None, True
        piece, ended = _core.generation_next(self._handle, timeout_ms)
        if ended:
            self._stats = self._read_stats()
            self.close()
        return piece, ended

    def _read_stats(self) -> Stats:
        finish, prompt, reused, answer, prompt_s, answer_s = _core.generation_stats(self._handle)
        name: Any = FINISH[finish]
        return Stats(name, prompt, reused, answer, prompt_s, answer_s)

    def __enter__(self) -> Generation:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __del__(self) -> None:
        # Its context was closed, or the interpreter ends.
        with contextlib.suppress(Exception):
            self.close()


class Model:
    """A model: in this process (Model.open), of a cluster (Cluster.model), or of a node (Node.model)."""

    def __init__(self, context: Context, handle: int) -> None:
        self._context = context
        self._handle = handle

    @staticmethod
    def open(
        path: str | os.PathLike[str],
        *,
        device: str | None = None,
        context_tokens: int = 0,
        threads: int = 0,
        batch_tokens: int = 0,
        chat_template: str | os.PathLike[str] | None = None,
        context: Context | None = None,
    ) -> Model:
        """Loads a GGUF file. 0 and None are the library's own choices."""
        at, ticket = _open(path, device, context_tokens, threads, batch_tokens, chat_template, context)
        return Model(at, _waiting.wait(ticket, _core.ticket_model))

    @staticmethod
    async def open_async(
        path: str | os.PathLike[str],
        *,
        device: str | None = None,
        context_tokens: int = 0,
        threads: int = 0,
        batch_tokens: int = 0,
        chat_template: str | os.PathLike[str] | None = None,
        context: Context | None = None,
    ) -> Model:
        at, ticket = _open(path, device, context_tokens, threads, batch_tokens, chat_template, context)
        return Model(at, await _waiting.wait_async(ticket, _core.ticket_model))

    def close(self) -> None:
        """Ends its answers and frees it. Again: nothing."""
        handle, self._handle = self._handle, 0
        if handle:
            _core.model_close(handle)

    def __enter__(self) -> Model:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def info(self) -> dict[str, Any]:
        info: dict[str, Any] = json.loads(_core.model_json(self._handle))
        return info

    def tokenize(self, text: str, *, add_special: bool = False, parse_special: bool = False) -> list[int]:
        flags = (_ADD_SPECIAL if add_special else 0) | (_PARSE_SPECIAL if parse_special else 0)
        return _core.model_tokenize(self._handle, text, flags)

    def detokenize(self, tokens: Sequence[int]) -> str:
        return _core.model_detokenize(self._handle, list(tokens)).decode("utf-8", "replace")

    def template(self, messages: Sequence[Message]) -> str:
        """The conversation as the model's template writes it."""
        return _core.model_template(self._handle, json.dumps(list(messages)))

    def embed(self, text: str) -> list[float]:
        return _core.model_embed(self._handle, text)

    def generate(
        self,
        prompt: str | Sequence[Message],
        *,
        max_tokens: int = 0,
        stop: Sequence[str] = (),
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        min_p: float | None = None,
        repeat_penalty: float | None = None,
        presence_penalty: float | None = None,
        frequency_penalty: float | None = None,
        seed: int = 0,
        ignore_end: bool = False,
        variables: Mapping[str, Any] | None = None,
    ) -> Generation:
        """Begins an answer: to a conversation, a list of {"role", "content"}; or a continuation, of a text.

        max_tokens 0: until the context is full. `variables` are for the template: {"enable_thinking": False}.
        """
        is_text = isinstance(prompt, str)
        return Generation(
            _core.model_generate(
                self._handle,
                messages=None if is_text else json.dumps(list(prompt)),
                prompt=str(prompt) if is_text else None,
                variables=None if variables is None else json.dumps(dict(variables)),
                stops=list(stop),
                max_tokens=max_tokens,
                ignore_end=ignore_end,
                temperature=temperature,
                top_p=top_p,
                min_p=min_p,
                top_k=top_k,
                repeat_penalty=repeat_penalty,
                presence_penalty=presence_penalty,
                frequency_penalty=frequency_penalty,
                seed=seed,
            )
        )


def _open(
    path: str | os.PathLike[str],
    device: str | None,
    context_tokens: int,
    threads: int,
    batch_tokens: int,
    chat_template: str | os.PathLike[str] | None,
    context: Context | None,
) -> tuple[Context, int]:
    at = context or default_context()
    template = None if chat_template is None else os.fspath(chat_template)
    ticket = _core.model_open_async(
        at._handle, os.fspath(path), device, context_tokens, threads, batch_tokens, template
    )
    return at, ticket
