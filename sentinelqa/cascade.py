"""In which order a candidate is measured, so that what fails has cost little. Pure.

Independent filters are best ordered by cost over rejection rate; for dependent ones the greedy
order by the rate among what is still alive costs at most four times the best (Munagala, Babu,
Motwani and Widom, "The pipelined set cover problem", ICDT 2005). Costs are declared, since an order
that hung on the clock would leave other evidence in every run. Rejection rates are learnt in the
run from the few candidates that are measured in full (after Babu et al., "Adaptive ordering of
pipelined stream filters", SIGMOD 2004).

The order changes what is measured of a candidate that fails, never whether it does.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sentinelqa.costs import cost_of
from sentinelqa.dimensions.base import Dimension
from sentinelqa.features.base import Feature
from sentinelqa.rubric.model import Rubric
from sentinelqa.types import Outcome, Verdict

ONE_IN = 16
"""One candidate in so many is measured in full, whatever fails."""
GUESS, STRENGTH = 0.25, 4.0
"""The rejection rate of a check of which nothing is known, and how many candidates outweigh it."""
MOST_OPEN = 1 / 3
"""Share of a rank's weight that may be put off: with half of it open, nearly everybody that passes
could still be the best."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What failed together among candidates that were measured in full.

    Attributes:
        failed: the names of the checks that a candidate failed -> how many did so; sorted.
    """

    failed: tuple[tuple[tuple[str, ...], int], ...] = ()

    @classmethod
    def of(cls, counts: Mapping[tuple[str, ...], int]) -> Survey:
        """From a count of :func:`failed_checks`."""
        return cls(tuple(sorted(counts.items())))


def is_surveyed(candidate_id: str) -> bool:
    """Whether the candidate is one of the few that are measured in full."""
    return zlib.crc32(candidate_id.encode()) % ONE_IN == 0


def failed_checks(verdict: Verdict) -> tuple[str, ...]:
    """The checks that failed, sorted: what a survey counts."""
    return tuple(sorted(c.name for c in verdict.checks if c.outcome is Outcome.FAIL))


def order(
    rubric: Rubric,
    dimensions: Sequence[Dimension],
    features: Mapping[str, Feature],
    *,
    megapixels: float,
    survey: Survey | None = None,
    always: Collection[str] = (),
) -> tuple[Dimension, ...]:
    """The order in which to measure.

    Args:
        dimensions: all that the rubric uses, rule measures among them.
        features: what they need, by name.
        megapixels: size of the picture; what is dear depends on it.
        always: names that are measured of every candidate; what they can decide comes first.
    """
    planner = _Planner(rubric, dimensions, features, megapixels)
    alive = dict((survey or Survey()).failed)
    alive = planner.take(alive, [d.name for d in dimensions if d.name in set(always)])
    planner.take(alive, [d.name for d in dimensions])
    return planner.finished()


def only_ranking(
    rubric: Rubric,
    dimensions: Sequence[Dimension],
    features: Mapping[str, Feature],
    *,
    megapixels: float,
    always: Collection[str] = (),
) -> frozenset[str]:
    """Dimensions that no check uses and that are better put off until a candidate is known to
    contend: much dearer than what has to be computed again for them. The dearest for their weight
    come first, as long as the bounds of what is left open can still tell candidates apart."""
    planner = _Planner(rubric, dimensions, features, megapixels)
    judged = {source for check in rubric.checks for source in check.sources} | set(always)
    planner.append([d.name for d in dimensions if d.name in judged])
    extra = {n: planner.adds(n) for n in rubric.rank if n not in judged and planner.pays_apart(n)}
    put_off: set[str] = set()
    for name in sorted(extra, key=lambda n: (-extra[n] / rubric.rank[n], n)):
        if sum(rubric.rank[n] for n in (*put_off, name)) <= MOST_OPEN:
            put_off.add(name)
    return frozenset(put_off)


def costs_alone(
    dimensions: Sequence[Dimension], features: Mapping[str, Feature], *, megapixels: float
) -> dict[str, float]:
    """Dimension -> milliseconds to measure it and nothing else."""
    found = {}
    for dimension in dimensions:
        parts: list[Feature | Dimension] = [dimension]
        parts += [features[name] for name in sorted(needs_of(dimension, features))]
        found[dimension.name] = sum(cost_of(part).milliseconds(megapixels) for part in parts)
    return found


def needs_of(dimension: Dimension, features: Mapping[str, Feature]) -> set[str]:
    """Features that a dimension needs, directly or through others."""
    found: set[str] = set()
    waiting = list(dimension.needs)
    while waiting:
        feature = waiting.pop()
        if feature not in found:
            found.add(feature)
            waiting.extend(features[feature].needs)
    return found


class _Planner:
    """Puts dimensions in order, one gate after the other."""

    def __init__(
        self,
        rubric: Rubric,
        dimensions: Sequence[Dimension],
        features: Mapping[str, Feature],
        megapixels: float,
    ) -> None:
        self._dimensions = {d.name: d for d in dimensions}
        self._features = features
        self._megapixels = megapixels
        self._gates = {
            c.name: c.sources for c in rubric.checks if c.severity == "fail" and c.sources
        }
        self._order: list[str] = []
        self._computed: set[str] = set()

    def take(
        self, alive: Mapping[tuple[str, ...], int], allowed: Sequence[str]
    ) -> dict[tuple[str, ...], int]:
        """Append the gates that ``allowed`` can decide, the best first; returns who survives."""
        alive = dict(alive)
        while True:
            bundles = {name: self._missing(sources) for name, sources in self._gates.items()}
            open_gates = {n: b for n, b in bundles.items() if b and set(b) <= set(allowed)}
            if not open_gates:
                return alive
            bundle = min(
                open_gates.values(), key=lambda b: self._cost(b) / self._rejected(alive, b)
            )
            decided = self._decided_by(bundle)
            alive = {failed: n for failed, n in alive.items() if not decided & set(failed)}
            self.append(bundle)

    def append(self, names: Sequence[str]) -> None:
        """Put ``names`` next, except those that have their place."""
        for name in names:
            if name not in self._order:
                self._order.append(name)
                self._computed |= self._needed(name)

    def finished(self) -> tuple[Dimension, ...]:
        """The order, with what can reject nothing at its end, cheapest first."""
        rest = [name for name in self._dimensions if name not in self._order]
        while rest:
            rest.sort(key=lambda name: self._cost([name]))
            self.append([rest.pop(0)])
        return tuple(self._dimensions[name] for name in self._order)

    def adds(self, name: str) -> float:
        """Milliseconds that ``name`` adds to what is in place."""
        return self._cost([name])

    def pays_apart(self, name: str) -> bool:
        """Whether it adds at least twice what it shares with what is in place."""
        shared = self._needed(name) & self._computed
        again = sum(cost_of(self._features[f]).milliseconds(self._megapixels) for f in shared)
        return self.adds(name) >= 2 * again

    def _missing(self, sources: Sequence[str]) -> list[str]:
        return [n for n in self._dimensions if n in sources and n not in self._order]

    def _decided_by(self, bundle: Sequence[str]) -> set[str]:
        known = {*self._order, *bundle}
        return {name for name, sources in self._gates.items() if known.issuperset(sources)}

    def _rejected(self, alive: Mapping[tuple[str, ...], int], bundle: Sequence[str]) -> float:
        """The share of those alive that ``bundle`` rejects, drawn towards a guess."""
        decided = self._decided_by(bundle)
        hits = sum(n for failed, n in alive.items() if decided & set(failed))
        return (hits + GUESS * STRENGTH) / (sum(alive.values()) + STRENGTH)

    def _cost(self, names: Sequence[str]) -> float:
        """Milliseconds, without features that are there already."""
        needed = {feature for name in names for feature in self._needed(name)}
        parts: list[Feature | Dimension] = [self._dimensions[n] for n in names]
        parts += [self._features[f] for f in sorted(needed - self._computed)]
        return sum(cost_of(part).milliseconds(self._megapixels) for part in parts)

    def _needed(self, name: str) -> set[str]:
        return needs_of(self._dimensions[name], self._features)
