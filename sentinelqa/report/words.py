"""Numbers as people read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

NAMED = 6
"""Values of a column that a sentence names."""
LONGEST = 40
"""Characters of each."""


def count(value: int) -> str:
    """12,345."""
    return f"{value:,}"


def percent(value: float | None) -> str:
    """``41 %``; a dash where there is no number, and never 0 or 100 for what is only close."""
    if value is None:
        return "–"
    if 0 < value < 0.01:
        return "<1 %"
    if 0.99 < value < 1:
        return ">99 %"
    return f"{value:.0%}".replace("%", " %")


def points(value: float | None) -> str:
    """A difference of two rates in percentage points, with its sign: ``+4.2``."""
    if value is None or value != value:
        return "–"
    shown = f"{100 * value:+.1f}"
    return shown.replace("-", "\u2212") if float(shown) else "0.0"


def number(value: float | None) -> str:
    """Three digits that matter."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def duration(seconds: float | None) -> str:
    """``840 ms``, ``3.2 s``, ``4 min 10 s``, ``2 h 5 min``."""
    if seconds is None:
        return "–"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60:,} h {minutes % 60} min"


def plural(value: int, noun: str) -> str:
    """``1 request``, ``2 requests``."""
    return f"{value:,} {noun}" if value == 1 else f"{value:,} {noun}s"


def pooled(facts: Mapping[str, Any]) -> str:
    """What ``pooling.json`` holds as a sentence: the column, and its best and worst values."""
    if facts.get("column") is None:
        return ""
    values = sorted(facts["values"], key=lambda one: (-one["pass_rate"], one["value"]))
    named = [f"{_shortened(one['value'])} {percent(one['pass_rate'])}" for one in values]
    if len(named) > NAMED:
        named[NAMED // 2 : -NAMED // 2] = ["…"]
    explains = percent(facts["explains"])
    return f"{facts['column']}, {explains} of the differences between requests: {', '.join(named)}"


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def short_hash(value: str) -> str:
    """The first digits of a hash."""
    return value[:12]


FORMATS: Mapping[str, Callable[..., Any]] = {
    "count": count,
    "percent": percent,
    "points": points,
    "number": number,
    "duration": duration,
    "plural": plural,
    "short_hash": short_hash,
}
