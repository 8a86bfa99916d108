"""Shapes of the charts, as attributes of SVG elements."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sentinelqa.report.comparison import Comparison

WIDTH = 480.0
HEIGHT = 96.0


def bars(bins: Sequence[int]) -> list[tuple[float, float, float, float]]:
    """x, y, width and height per bin, in a box of :data:`WIDTH` x :data:`HEIGHT`.

    Heights grow with the square root, so that a few candidates stay visible beside many.
    """
    most = max(bins, default=0)
    step = WIDTH / len(bins) if bins else WIDTH
    found = []
    for index, value in enumerate(bins):
        height = round(HEIGHT * (value / most) ** 0.5, 1) if most else 0.0
        found.append((round(index * step, 2), round(HEIGHT - height, 1), round(step, 2), height))
    return found


def place(value: float, start: float, end: float) -> float:
    """Where a value stands on an axis of :data:`WIDTH`."""
    share = (value - start) / (end - start)
    return round(WIDTH * min(max(share, 0.0), 1.0), 2)


def reach(comparison: Comparison) -> float:
    """How far the axis of changes goes to either side of 0, so that every interval fits."""
    ends = [
        abs(end)
        for row in (*comparison.overall, *comparison.checks)
        for end in (row.change.low, row.change.high)
        if not math.isnan(end)
    ]
    return min(1.0, math.ceil(20 * max(ends, default=0.1)) / 20)
