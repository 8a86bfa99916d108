"""Pass rates and their changes, with 95 % intervals that know that candidates come in requests.

Candidates of one request resemble each other, and the same request in two runs does too. Both
matter: the first makes an interval wider than that of independent candidates, the second narrower.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]

_Z = NormalDist().inv_cdf(0.975)
_FEW = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776}
"""97.5 % quantiles of Student's t where the expansion below is not exact enough."""

_MANY = 1000
"""Beyond this many changed requests the normal curve is the coin, to three digits."""

METHOD = (
    "95 % intervals of changes: Newcombe's square-and-add of two Wilson intervals, each on the "
    "effective number of candidates (design effect of requests), less what both runs have in "
    "common per request"
)


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Hits among looked-at candidates per request; two tallies have their requests in one order."""

    hits: Counts
    looked: Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Two rates and the interval of second less first.

    Attributes:
        hits, looked: of the first and the second run.
        paired: requests that both runs looked at.
        low, high: of the difference; NaN where one of them has nothing to look at.
    """

    hits: tuple[int, int]
    looked: tuple[int, int]
    paired: int
    low: float
    high: float

    @property
    def first(self) -> float | None:
        return self.hits[0] / self.looked[0] if self.looked[0] else None

    @property
    def second(self) -> float | None:
        return self.hits[1] / self.looked[1] if self.looked[1] else None

    @property
    def difference(self) -> float | None:
        """``None`` where one of the runs has nothing to look at."""
        if self.first is None or self.second is None:
            return None
        return self.second - self.first

    @property
    def direction(self) -> int:
        """1 or -1 where the interval leaves no doubt that the rate rose or fell, else 0."""
        return 1 if self.low > 0 else -1 if self.high < 0 else 0


def wilson(rate: float, total: float) -> tuple[float, float]:
    """The score interval of a rate (Wilson, JASA 22, 1927).

    Args:
        total: trials; an effective number need not be whole.
    """
    if total <= 0:
        return 0.0, 1.0
    middle = rate + _Z**2 / (2 * total)
    spread = _Z * math.sqrt(rate * (1 - rate) / total + (_Z / (2 * total)) ** 2)
    scale = 1 + _Z**2 / total
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


class Joint:
    """Sums over requests of several tallies: all that their intervals need. Requests come in
    pieces, and whole numbers stay exact however many there are.

    Args:
        tallies: how many.
    """

    def __init__(self, tallies: int) -> None:
        self._sums = np.zeros(2 * tallies, np.int64)
        self._products = np.zeros((2 * tallies, 2 * tallies), np.int64)
        self._there = np.zeros((tallies, tallies), np.int64)

    def add(self, tallies: Sequence[Tally]) -> None:
        """Some requests, in one order in all tallies."""
        table = np.stack([column for t in tallies for column in (t.hits, t.looked)])
        there = (table[1::2] > 0).astype(np.int64)
        self._sums += table.sum(axis=1)
        self._products += table @ table.T
        self._there += there @ there.T

    def looked(self, tally: int) -> int:
        """How many candidates of one tally were looked at."""
        return int(self._sums[2 * tally + 1])

    def of(self, tally: int) -> _Sums:
        """One tally."""
        hits, looked = self._sums[2 * tally : 2 * tally + 2].tolist()
        return _Sums(hits, looked, int(self._there[tally, tally]), self.product(tally, tally))

    def product(self, first: int, second: int) -> int:
        """Of the residuals of two tallies, summed over the requests, times the squares of both
        numbers of candidates: a whole number."""
        hits1, looked1 = self._sums[2 * first : 2 * first + 2].tolist()
        hits2, looked2 = self._sums[2 * second : 2 * second + 2].tolist()
        (hh, hn), (nh, nn) = self._products[
            2 * first : 2 * first + 2, 2 * second : 2 * second + 2
        ].tolist()
        return int(
            looked1 * looked2 * hh
            - looked1 * hits2 * hn
            - hits1 * looked2 * nh
            + hits1 * hits2 * nn
        )

    def change(self, first: int, second: int) -> Change:
        """As :func:`change`, of two of the tallies."""
        one, other = self.of(first), self.of(second)
        both = int(self._there[first, second])
        if not (one.looked and other.looked):
            low = high = math.nan
        else:
            spread = math.sqrt(one.product * other.product)
            shared = self.product(first, second) / spread if both > 1 and spread else 0.0
            low, high = _interval(one, other, shared)
        return Change(
            hits=(one.hits, other.hits),
            looked=(one.looked, other.looked),
            paired=both,
            low=low,
            high=high,
        )


@dataclass(frozen=True, slots=True)
class _Sums:
    """One tally. ``product``: see :meth:`Joint.product`."""

    hits: int
    looked: int
    requests: int
    product: int

    @property
    def rate(self) -> float:
        return self.hits / self.looked


def change(first: Tally, second: Tally) -> Change:
    """How a rate changed from one run to the other.

    The interval is that of Newcombe (Statistics in Medicine 17, 1998, paired method 10, and 1998,
    method 10 where nothing is shared) from Wilson limits. The effective number of candidates is
    theirs over the design effect of requests (Kish; at least 1), and smaller still where requests
    are few (Korn and Graubard, Survey Methodology 24, 1998). The correlation is that of the
    requests' residuals in both runs.
    """
    joint = Joint(2)
    joint.add([first, second])
    return joint.change(0, 1)


def sign_test(better: int, worse: int) -> float:
    """How often a coin would give a split at least as uneven, both sides counted."""
    total, most = better + worse, max(better, worse)
    if total > _MANY:
        z = (2 * most - 1 - total) / math.sqrt(total)
        return math.erfc(max(0.0, z) / math.sqrt(2))
    tail = sum(math.comb(total, k) for k in range(most, total + 1))
    return min(1.0, 2 * tail / (1 << total))


def _interval(first: _Sums, second: _Sums, shared: float) -> tuple[float, float]:
    effects = [_design_effect(sums) for sums in (first, second)]
    known = [effect for effect in effects if effect is not None]
    limits = []
    for sums, effect in zip((first, second), effects, strict=True):
        # where all pass or all fail, the other run says how alike candidates of a request are
        own = effect if effect is not None else max(known, default=1.0)
        limits.append(wilson(sums.rate, sums.looked / own * _small(sums.requests)))
    (low1, high1), (low2, high2) = limits
    rate1, rate2 = first.rate, second.rate
    low = rate2 - rate1 - _add(rate2 - low2, high1 - rate1, shared)
    high = rate2 - rate1 + _add(high2 - rate2, rate1 - low1, shared)
    return max(-1.0, low), min(1.0, high)


def _add(one: float, other: float, shared: float) -> float:
    return math.sqrt(max(0.0, one * one + other * other - 2 * shared * one * other))


def _design_effect(sums: _Sums) -> float | None:
    """Variance of the rate over that of independent candidates; ``None`` where all are alike."""
    if sums.hits in (0, sums.looked) or sums.requests < 2:
        return None
    variance = sums.product / sums.looked**4 * sums.requests / (sums.requests - 1)
    return max(1.0, variance * sums.looked / (sums.rate * (1 - sums.rate)))


def _small(clusters: int) -> float:
    """What is left of the effective number where there are few requests to learn it from."""
    if clusters < 2:
        return 1.0
    ratio = _Z / _student(clusters - 1)
    return ratio * ratio


def _student(degrees: int) -> float:
    """The 97.5 % quantile of Student's t (Abramowitz and Stegun, 26.7.5)."""
    if degrees in _FEW:
        return _FEW[degrees]
    z = _Z
    return (
        z
        + (z**3 + z) / (4 * degrees)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * degrees**3)
    )
