"""What earlier requests say of the next one's pass rate: those that are like it count more. Pure.

Which column of the requests makes them alike, nobody has to say. Of all columns with few distinct
values the one is taken whose groups explain most of the spread of pass rates between requests, by
the Bayesian information criterion (Schwarz 1978): its likelihood must pay for the number of its
groups, and for the number of columns that were tried. Where no column does, all earlier requests
are one group. A group's own requests are weighed against a few that stand for all, so that a small
group says little (shrinkage; Efron and Morris 1975).

Like all that steers a run, it follows from whole cohorts well before a request, taken in by
position, never from the clock: a run that was killed and resumed decides the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice

from sentinelqa.retry import PassRate
from sentinelqa.types import Request

MOST_VALUES = 256
"""Distinct values after which a column names requests rather than groups them."""
MOST_COLUMNS = 32
LONGEST = 500
"""Characters of a value that may name a group."""
LEAST_REQUESTS = 32
"""Requests before any column is believed."""
MARGIN = 6.0
"""How much better than one group a column must be; above this evidence counts as strong (Kass and
Raftery 1995)."""
STANDS_FOR_ALL = 3
"""Requests of average pass rate that are added to each group."""
NOISE = 0.004
"""Variance of a pass rate that stays even where all requests of a group came out alike."""


@dataclass(frozen=True, slots=True)
class FirstRound:
    """A request whose first round is judged, and what came of it."""

    position: int
    request: Request
    rate: PassRate


@dataclass(frozen=True, slots=True)
class Pooled:
    """What earlier requests say of one request.

    Attributes:
        like: the column and the value that they share with it; empty when all of them count alike.
    """

    rate: PassRate = field(default_factory=PassRate)
    like: str = ""


@dataclass(frozen=True, slots=True)
class Grouping:
    """The column that tells pass rates apart.

    Attributes:
        explains: share of the variance of pass rates between requests that lies between groups,
            corrected for chance.
        groups: value -> pass rate and requests, those with most requests first.
    """

    column: str
    explains: float
    groups: Mapping[str, tuple[float, int]]


@dataclass(slots=True)
class _Moments:
    """Requests, and the sums of their pass rates and of the squares of these."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0
    rate: PassRate = field(default_factory=PassRate)

    def add(self, rate: PassRate) -> None:
        share = rate.passed / rate.judged
        self.count += 1
        self.total += share
        self.squares += share * share
        self.rate += rate

    @property
    def between(self) -> float:
        """What the group has in the sum of squares between groups, before the common mean."""
        return self.total * self.total / self.count if self.count else 0.0


@dataclass(slots=True)
class _Column:
    """The groups of one column, over the requests that have a value in it."""

    whole: _Moments = field(default_factory=_Moments)
    groups: dict[str, _Moments] = field(default_factory=dict)
    between: float = 0.0
    names_requests: bool = False

    def add(self, value: str, rate: PassRate) -> None:
        if self.names_requests:
            return
        group = self.groups.setdefault(value, _Moments())
        if len(self.groups) > MOST_VALUES:
            self.names_requests = True
            self.groups.clear()
            return
        self.whole.add(rate)
        self.between -= group.between
        group.add(rate)
        self.between += group.between

    @property
    def spread(self) -> tuple[float, float]:
        """Sums of squares around the common mean, and around those of the groups."""
        floor = NOISE * self.whole.count
        total = self.whole.squares - self.whole.between
        return total + floor, max(0.0, self.whole.squares - self.between) + floor

    def gain(self) -> float:
        """Twice the log-likelihood that the groups add, less what they cost."""
        if not 1 < len(self.groups) < self.whole.count or self.names_requests:
            return 0.0
        total, within = self.spread
        count = self.whole.count
        return count * math.log(total / within) - (len(self.groups) - 1) * math.log(count)

    def explains(self) -> float:
        """Epsilon squared (Kelley 1935): what chance would explain is taken off."""
        total, within = self.spread
        count = self.whole.count
        return 1 - (within / (count - len(self.groups))) / (total / (count - 1))


class Pooling:
    """Takes in first rounds, and gives every request its prior.

    Args:
        size: positions in a cohort; a request's prior follows from those two or more before its
            own.
        history: first rounds that earlier processes of the run finished, by position.
        begin: the first position that will be asked for. What lies well before it is not kept
            apart.
    """

    def __init__(self, size: int, history: Iterable[FirstRound] = (), begin: int = 0) -> None:
        self._size = size
        self._waiting: dict[int, dict[int, FirstRound]] = {}
        self._all = _Moments()
        self._columns: dict[str, _Column] = {}
        self._best: str | None = None
        self._settled = 0
        last = begin // size - 2
        for first in history:
            if first.position // size <= last:
                self._take_in(first)
            else:
                self.note(first)
        self._best = self._choose()
        self._settled = max(0, last + 1)

    def note(self, first: FirstRound) -> None:
        """A request's first round is judged."""
        self._waiting.setdefault(first.position // self._size, {})[first.position] = first

    def prior(self, position: int, request: Request) -> Pooled:
        """What is known for a request. Asked for in ascending order of positions."""
        last = position // self._size - 2
        if last >= self._settled:
            for cohort in range(self._settled, last + 1):
                for _, first in sorted(self._waiting.pop(cohort, {}).items()):
                    self._take_in(first)
            self._settled = last + 1
            self._best = self._choose()
        if self._best is None:
            return Pooled(self._all.rate)
        value = traits(request).get(self._best)
        group = self._columns[self._best].groups.get(value) if value is not None else None
        if group is None:
            return Pooled(self._all.rate)
        share = STANDS_FOR_ALL / self._all.count
        return Pooled(group.rate + self._all.rate.scaled(share), f"{self._best} is {value}")

    def grouping(self) -> Grouping | None:
        """The column that tells, after all that was taken in or noted; ``None`` for none."""
        for cohort in sorted(self._waiting):
            for _, first in sorted(self._waiting[cohort].items()):
                self._take_in(first)
        self._waiting.clear()
        best = self._choose()
        if best is None:
            return None
        column = self._columns[best]
        groups = sorted(column.groups.items(), key=lambda item: (-item[1].count, item[0]))
        rates = {value: (m.rate.passed / m.rate.judged, m.count) for value, m in groups}
        return Grouping(best, column.explains(), rates)

    def _take_in(self, first: FirstRound) -> None:
        if not first.rate.judged:
            return
        self._all.add(first.rate)
        for name, value in traits(first.request).items():
            column = self._columns.get(name)
            if column is None:
                if len(self._columns) == MOST_COLUMNS:
                    continue
                column = self._columns[name] = _Column()
            column.add(value, first.rate)

    def _choose(self) -> str | None:
        if self._all.count < LEAST_REQUESTS:
            return None
        tried = [c for c in self._columns.values() if len(c.groups) > 1]
        price = MARGIN + 2 * math.log(max(1, len(tried)))
        gains = {name: column.gain() for name, column in self._columns.items()}
        best = max(gains, key=gains.__getitem__, default=None)
        return best if best is not None and gains[best] > price else None


def traits(request: Request) -> dict[str, str]:
    """What may make a request like others: its metadata, what it sets of the generator, and its
    prompt. Fractions are measures, not names of groups."""
    found = {
        **request.metadata,
        **{f"generator.{key}": value for key, value in request.overrides.items()},
        "prompt": request.prompt,
    }
    named = (
        (str(key), str(value))
        for key, value in found.items()
        if isinstance(value, str | int) and len(str(value)) <= LONGEST
    )
    return dict(islice(named, MOST_COLUMNS))
