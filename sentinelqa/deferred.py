"""Work whose last part can wait, so that what is scarce goes on to the next item."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Deferred:
    """What a stage may return where the last part of an item can go on beside the next item.

    Attributes:
        finish: gives the value, or raises. Called once, perhaps in another thread, in the order
            of the items.
    """

    finish: Callable[[], Any]


def value_of(answer: Any) -> Any:
    """What a stage returned, with its last part done."""
    return answer.finish() if isinstance(answer, Deferred) else answer
