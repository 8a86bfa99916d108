"""Whether a threshold or an expression can ever fail, and ever pass: arithmetic on ranges."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sentinelqa.dimensions.base import MetricSpec
from sentinelqa.rubric.expressions import Expression, Slot, Undecidable
from sentinelqa.rubric.syntax import Const

SCORE = MetricSpec("float", "the score", "", 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from ``low`` to ``high``."""

    low: float = -math.inf
    high: float = math.inf


def range_of(spec: MetricSpec) -> Range:
    """What a metric may be, by its declaration."""
    return Range(
        -math.inf if spec.low is None else spec.low, math.inf if spec.high is None else spec.high
    )


def always(expression: Expression, ranges: Sequence[Range]) -> bool | None:
    """``True`` or ``False`` where the expression cannot be otherwise; else ``None``.

    Args:
        ranges: one per variable; anything for those that are no numbers.
    """
    if not expression.variables:
        try:
            return expression.evaluate(())
        except Undecidable:
            return False
    found = _of(expression.tree, ranges)
    return found if isinstance(found, bool) else None


def _of(tree: Any, ranges: Sequence[Range]) -> Range | bool | None:
    if isinstance(tree, Slot):
        return ranges[tree.index]
    if isinstance(tree, Const):
        if isinstance(tree.value, bool):
            return tree.value
        return None if isinstance(tree.value, str) else Range(tree.value, tree.value)
    parts = [_of(argument, ranges) for argument in tree.arguments]
    if tree.function in ("&&", "||", "!"):
        return _logic(tree.function, parts)
    if not all(isinstance(part, Range) for part in parts):
        return None
    return _numeric(tree.function, [part for part in parts if isinstance(part, Range)])


def _logic(function: str, parts: Sequence[Range | bool | None]) -> bool | None:
    truths = [part if isinstance(part, bool) else None for part in parts]
    if function == "!":
        return None if truths[0] is None else not truths[0]
    decisive = function == "||"
    if decisive in truths:
        return decisive
    return None if None in truths else not decisive


def _numeric(function: str, parts: Sequence[Range]) -> Range | bool | None:
    if function in ("<", "<=", ">", ">="):
        first, second = parts if function in ("<", "<=") else parts[::-1]
        return _less(first, second, strict=function in ("<", ">"))
    if function == "-x":
        return Range(-parts[0].high, -parts[0].low)
    if function == "abs":
        low, high = parts[0].low, parts[0].high
        least = 0.0 if low <= 0 <= high else min(abs(low), abs(high))
        return Range(least, max(abs(low), abs(high)))
    if function == "+":
        return Range(parts[0].low + parts[1].low, parts[0].high + parts[1].high)
    if function == "-":
        return Range(parts[0].low - parts[1].high, parts[0].high - parts[1].low)
    if function in ("min", "max"):
        pick = min if function == "min" else max
        return Range(pick(p.low for p in parts), pick(p.high for p in parts))
    return None


def _less(first: Range, second: Range, *, strict: bool) -> bool | None:
    if first.high < second.low or (not strict and first.high == second.low):
        return True
    if first.low > second.high or (strict and first.low == second.high):
        return False
    return None
