"""CEL programs of custom rules, compiled once and run.

The package ``cel`` brings a command line of its own along, which takes longer to import than numpy
and OpenCV together, so this is imported where there is a rule.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import cel

from sentinelqa.rubric.expressions import LARGEST


@lru_cache(maxsize=256)
def compiled(program: str) -> cel.Program:
    """The program, ready to run.

    Raises:
        ValueError: CEL refuses it.
    """
    return cel.compile(program)


def execute(program: str, values: Sequence[Any]) -> Any:
    """What the program makes of ``values``, its variables ``v0``, ``v1`` ...

    Raises:
        RuntimeError, TypeError, ValueError, ArithmeticError, KeyError: it has no answer.
    """
    variables = {f"v{index}": value for index, value in enumerate(values)}
    return compiled(program).execute(cel.Context(variables, _FUNCTIONS))


def _product(a: float, b: float) -> float:
    return _finite(a * b)


def _ratio(a: float, b: float) -> float:
    if b == 0:
        raise ZeroDivisionError("division by zero")
    return _finite(a / b)


def _finite(value: float) -> float:
    if not math.isfinite(value) or abs(value) > LARGEST:
        raise OverflowError("the result is too large")
    return value


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "min": min,
    "max": max,
    "product": _product,
    "ratio": _ratio,
}
