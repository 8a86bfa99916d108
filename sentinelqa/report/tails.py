"""The percentiles of a column that is seen piece by piece: exact, from its two ends alone."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

SHARE = 0.01
"""What is left out at either end."""

Values = NDArray[np.float64]


class Tails:
    """Keeps the smallest and the largest values of a column.

    Args:
        most: how many values there can be.
    """

    def __init__(self, most: int) -> None:
        self._keep = math.ceil(SHARE * most) + 2
        self._count = 0
        self._low = self._high = np.empty(0)

    def add(self, values: Values) -> None:
        """Look at some more values; those that are not finite do not count."""
        known = values[np.isfinite(values)]
        self._count += known.size
        self._low = _smallest(np.concatenate([self._low, known]), self._keep)
        self._high = -_smallest(-np.concatenate([self._high, known]), self._keep)

    def edges(self) -> list[float]:
        """The 1st and the 99th percentile, as ``numpy.percentile`` gives them; empty where there
        is no value."""
        if not self._count:
            return []
        self._low.sort()
        self._high.sort()
        return [self._at(SHARE), self._at(1 - SHARE)]

    def _at(self, share: float) -> float:
        place = (self._count - 1) * share
        before = math.floor(place)
        first, second = self._value(before), self._value(min(before + 1, self._count - 1))
        part = place - before
        if part >= 0.5:
            return second - (second - first) * (1 - part)
        return first + (second - first) * part

    def _value(self, place: int) -> float:
        """The value at a place of the sorted column."""
        if place < self._low.size:
            return float(self._low[place])
        return float(self._high[place - self._count])


def _smallest(values: Values, count: int) -> Values:
    return values if values.size <= count else np.partition(values, count - 1)[:count]
