"""A picture of the figures: how far each is from its goal. Plain SVG, no library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from benchmarks.base import Row
from benchmarks.table import shown

_WIDTH, _LINE, _LEFT, _BAR = 900, 22, 400, 360
_REACH = 2.0
"""Powers of two that the bars reach to either side of the goal."""


def svg(rows: Sequence[Row], title: str) -> str:
    """One bar a figure, from its goal: to the right where it is better, to the left where worse."""
    measured = [r for r in rows if r.goal is not None and r.reached is not None]
    height = _LINE * (len(measured) + 3)
    middle = _LEFT + _BAR / 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        f'<text x="10" y="{_LINE}" font-size="14">{escape(title)}</text>',
        f'<line x1="{middle}" y1="{1.5 * _LINE}" x2="{middle}" y2="{height - _LINE}" '
        f'stroke="#333"/>',
        f'<text x="{middle}" y="{height - 6}" text-anchor="middle">goal '
        f"(a bar's length is the factor, at most {2**_REACH:g})</text>",
    ]
    for place, row in enumerate(measured):
        parts += _bar(row, (place + 2) * _LINE, middle)
    return "\n".join([*parts, "</svg>", ""])


def _bar(row: Row, top: float, middle: float) -> list[str]:
    assert row.goal is not None
    assert row.reached is not None
    length = max(-1.0, min(1.0, _better(row) / _REACH)) * _BAR / 2
    colour = "#2a7f62" if row.met else "#b3432b"
    said = f"{shown(row.reached)} {row.unit if row.unit != 'ratio' else ''} ({row.goal})"
    return [
        f'<text x="10" y="{top + 12}">{row.number}. {escape(row.name[:58])}</text>',
        f'<rect x="{min(middle, middle + length):.1f}" y="{top + 2}" '
        f'width="{max(1.0, abs(length)):.1f}" height="{_LINE - 8}" fill="{colour}"/>',
        f'<text x="{_LEFT + _BAR + 10}" y="{top + 12}">{escape(said)}</text>',
    ]


def _better(row: Row) -> float:
    """Powers of two by which the figure is better than its goal."""
    assert row.goal is not None
    assert row.reached is not None
    if row.goal.value <= 0 or row.reached <= 0:
        return _REACH if row.met else -_REACH
    factor = math.log2(row.goal.value / row.reached)
    return factor if row.goal.sense == "<=" else -factor
