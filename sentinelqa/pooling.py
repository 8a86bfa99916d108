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
import re
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
_FRACTION = re.compile(r"[+-]?\d*\.\d+(e[+-]?\d+)?", re.IGNORECASE)
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


class _Group:
    """Counts of requests that are alike, and the sum of their pass rates. Plain attributes: one is
    changed for every request and column."""

    __slots__ = ("count", "judged", "judged_pairs", "passed", "passed_pairs", "total")

    def __init__(self) -> None:
        self.count = 0
        self.total = self.passed = self.judged = self.passed_pairs = self.judged_pairs = 0.0

    def add(self, rate: PassRate, share: float) -> float:
        """Take in one request. Returns by how much the sum of squares between groups grows."""
        before = self.total * self.total / self.count if self.count else 0.0
        self.count += 1
        self.total += share
        self.passed += rate.passed
        self.judged += rate.judged
        self.passed_pairs += rate.passed_pairs
        self.judged_pairs += rate.judged_pairs
        return self.total * self.total / self.count - before

    @property
    def rate(self) -> PassRate:
        return PassRate(self.passed, self.judged, self.passed_pairs, self.judged_pairs)


@dataclass(slots=True)
class _Column:
    """The groups of one column, over the requests that have a value in it.

    Attributes:
        squares: sum of the squares of their pass rates.
        between: sum of squares of the groups, before the common mean.
    """

    groups: dict[str, _Group] = field(default_factory=dict)
    count: int = 0
    total: float = 0.0
    squares: float = 0.0
    between: float = 0.0
    names_requests: bool = False

    def add(self, value: str, rate: PassRate, share: float) -> None:
        group = self.groups.get(value)
        if group is None:
            group = self.groups[value] = _Group()
            if len(self.groups) > MOST_VALUES:
                self.names_requests = True
                self.groups.clear()
                return
        self.between += group.add(rate, share)
        self.count += 1
        self.total += share
        self.squares += share * share

    @property
    def spread(self) -> tuple[float, float]:
        """Sums of squares around the common mean, and around those of the groups."""
        floor = NOISE * self.count
        total = self.squares - self.total * self.total / self.count
        return total + floor, max(0.0, self.squares - self.between) + floor

    def gain(self) -> float:
        """Twice the log-likelihood that the groups add, less what they cost."""
        if not 1 < len(self.groups) < self.count:
            return 0.0
        total, within = self.spread
        return self.count * math.log(total / within) - (len(self.groups) - 1) * math.log(self.count)

    def explains(self) -> float:
        """Epsilon squared (Kelley 1935): what chance would explain is taken off."""
        total, within = self.spread
        return 1 - (within / (self.count - len(self.groups))) / (total / (self.count - 1))


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
        self._all = _Group()
        self._columns: dict[str, _Column] = {}
        self._best: str | None = None
        self._known: dict[str | None, Pooled] = {}
        self._settled = 0
        last = begin // size - 2
        for first in history:
            if first.position // size <= last:
                self._take_in(first)
            else:
                self.note(first)
        self._settle(max(0, last + 1))

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
            self._settle(last + 1)
        value = None if self._best is None else traits(request).get(self._best)
        known = self._known.get(value)
        if known is None:
            known = self._known[value] = self._of_group(value)
        return known

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
        rates = {value: (g.passed / g.judged, g.count) for value, g in groups}
        return Grouping(best, column.explains(), rates)

    def _settle(self, cohorts: int) -> None:
        """So many cohorts are taken in: what is known stays until the next one is."""
        self._settled = cohorts
        self._best = self._choose()
        self._known = {}

    def _of_group(self, value: str | None) -> Pooled:
        whole = self._all.rate
        if self._best is None or value is None:
            return Pooled(whole)
        group = self._columns[self._best].groups.get(value)
        if group is None:
            return Pooled(whole)
        share = STANDS_FOR_ALL / self._all.count
        return Pooled(group.rate + whole.scaled(share), f"{self._best} is {value}")

    def _take_in(self, first: FirstRound) -> None:
        rate = first.rate
        if not rate.judged:
            return
        share = rate.passed / rate.judged
        self._all.add(rate, share)
        for name, value in traits(first.request).items():
            column = self._columns.get(name)
            if column is None:
                if len(self._columns) == MOST_COLUMNS:
                    continue
                column = self._columns[name] = _Column()
            if not column.names_requests:
                column.add(value, rate, share)

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
    prompt. Fractions are measures, not names of groups; a csv holds them as text."""
    found = {}
    for key, value in islice(request.metadata.items(), MOST_COLUMNS):
        if isinstance(value, str):
            if len(value) <= LONGEST and not _FRACTION.fullmatch(value):
                found[key] = value
        elif isinstance(value, int):
            found[key] = str(value)
    for key, value in request.overrides.items():
        found[f"generator.{key}"] = str(value)
    if len(request.prompt) <= LONGEST:
        found["prompt"] = request.prompt
    return found
