"""Waiting for what the library does: for Ctrl-C's sake in short pieces, and in asyncio without a thread."""

import asyncio
import contextlib
import os
from collections.abc import Callable
from typing import TypeVar

from . import _core

T = TypeVar("T")

# So long one wait lasts before the interpreter may run handlers of signals.
PIECE_MS = 100


def wait(ticket: int, made: Callable[[int], T], keep: object = None) -> T:
    """Waits for an operation and returns what `made` says of its ticket. What interrupts it cancels the operation.

    `keep` is memory that the operation uses.
    """
    try:
        while not _core.ticket_wait(ticket, PIECE_MS):
            pass
        return made(ticket)
    finally:
        _finish(ticket)
        del keep


async def wait_async(ticket: int, made: Callable[[int], T], keep: object = None) -> T:
    """The same in asyncio: a task that is cancelled cancels the operation."""
    try:
        await readable(_core.ticket_fd(ticket))
        _core.ticket_wait(ticket, -1)
        return made(ticket)
    finally:
        _finish(ticket)
        del keep


async def readable(fd: int) -> None:
    """Waits until the descriptor can be read."""
    # One of this wait alone: the loop knows each descriptor once, and several tasks may wait for one thing.
    own = os.dup(fd)
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()

    def ready() -> None:
        if not future.done():
            future.set_result(None)

    try:
        loop.add_reader(own, ready)
        try:
            await future
        finally:
            loop.remove_reader(own)
    finally:
        os.close(own)


def nothing(_ticket: int) -> None:
    """For operations that make nothing."""


def _finish(ticket: int) -> None:
    """Frees the ticket, after its operation has ended: it may still use memory of the caller."""
    _core.ticket_cancel(ticket)
    # A failure was raised already, or follows from the cancellation.
    with contextlib.suppress(Exception):
        _core.ticket_wait(ticket, -1)
    _core.ticket_free(ticket)
