"""Values that travel between processes, pickled without looking up their fields each time.

A frozen dataclass with slots is pickled by a method of ``dataclasses`` that asks for its fields
with every object, forth and back; of a candidate that took as long as its row in the ledger.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar

T = TypeVar("T")
Writer = Callable[[Any, Any], None]


def portable(cls: type[T]) -> type[T]:
    """Have a frozen dataclass with slots and at least two fields travel as its values."""
    values = attrgetter(*(field.name for field in fields(cls)))  # type: ignore[arg-type]

    def reduced(self: Any) -> tuple[Any, ...]:
        return _made_again, (cls, *values(self))

    cls.__reduce__ = reduced  # type: ignore[method-assign]
    return cls


def _made_again(cls: Any, *values: Any) -> Any:
    made = object.__new__(cls)
    for write, value in zip(_writers(cls), values, strict=True):
        write(made, value)
    return made


@cache
def _writers(cls: type) -> tuple[Writer, ...]:
    return tuple(getattr(cls, field.name).__set__ for field in fields(cls))
