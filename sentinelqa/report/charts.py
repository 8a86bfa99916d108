"""Shapes of the charts, as attributes of SVG elements."""

from __future__ import annotations

from collections.abc import Sequence

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
