"""The sign that work gets on: one picture measured, one question answered, one step denoised.

Whoever works long says :func:`progress` after each piece; a worker process passes it on to its
supervisor, and everywhere else it does nothing. No clock or thread of its own says it, because a
sign of life from beside a hung kernel would hide it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

EVERY = 0.25
"""Seconds between two signs that are passed on."""


class _Heart:
    """Where signs go, and when the last one went."""

    def __init__(self) -> None:
        self.said = 0.0
        self.tell: Callable[[], None] | None = None


_heart = _Heart()


def progress() -> None:
    """Say that a piece of the work under way is done."""
    if _heart.tell is None:
        return
    now = time.monotonic()
    if now - _heart.said >= EVERY:
        _heart.said = now
        _heart.tell()


def pass_on(tell: Callable[[], None]) -> None:
    """Have every sign of this process passed on to ``tell``, at most one in :data:`EVERY`
    seconds."""
    _heart.tell = tell
