"""Which candidates are dropped half way: a rule fitted to the run's own pilot. Pure.

The pilot is the first requests of the run: their candidates are looked at half way and finished
all the same. From what they looked like and whether they passed follows a rule that drops, of those
that would pass, at most the share that the job allows, on average: the cutoff is an order statistic
of candidates that passed and had no part in fitting, so the bound holds whatever the scores mean,
as long as later requests are like those of the pilot (split conformal prediction; Vovk, Gammerman
and Shafer 2005). Where the rule would not pay, nothing is dropped.

A pilot holds few requests, so the cutoff goes on moving with what comes after it: candidates that
went on and passed, and those that would have been dropped but were finished for an audit, each of
which stands for all that were not audited (Horvitz and Thompson 1952).

Like the prior of a request, the rule follows from whole cohorts before it, never from the clock.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import pstdev

from sentinelqa.cascade import ONE_IN

NAME = "early_rejection"
"""Of the check that a dropped candidate failed."""
PREVIEW = "preview"
"""Of the measurement that holds how a candidate looked half way."""
LEAST_STEPS = 12
"""With fewer steps too little is left to save."""
TELLING = 0.6
"""A score takes part when it ranks a pass above a failure at least this often in the pilot."""
LEAST_ADDED = 0.02
"""Share of candidates that a score must add to those dropped; the dearest are asked first."""
LEAST_SAVED = 0.04
"""Share of denoising that the rule must save in the pilot."""
LARGEST_PILOT = 1024
"""Candidates after which a run without enough that pass stops looking."""
REMEMBERED = 1024
"""Candidates that passed, the latest, which the cutoff follows from."""
UNSEEN = ONE_IN / 4
"""Good candidates that count as dropped where none was found yet: an audit sees one in so many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Screening:
    """What a job asks for.

    Attributes:
        at: share of the steps after which candidates are looked at.
        lose: largest share of candidates that would pass, and may be dropped.
    """

    at: float
    lose: float

    def step(self, steps: int) -> int:
        """The step after which to halt; 0 where the steps are too few."""
        return round(self.at * steps) if steps >= LEAST_STEPS else 0


@dataclass(frozen=True, slots=True)
class Sighting:
    """A finished candidate: its scores half way, and whether it passed in the end.

    Attributes:
        stands_for: how many like it there were; those that a rule would have dropped are finished
            only where they are audited.
    """

    scores: Mapping[str, float]
    passed: bool
    stands_for: int = 1


@dataclass(frozen=True, slots=True)
class Look:
    """What a rule says of a candidate half way.

    Attributes:
        standing: what it was judged by, in [0, 1].
        why: the reason that is recorded where it is dropped.
    """

    standing: float
    drops: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Drops a candidate whose worst score half way is worse than nearly all that passed had.

    Attributes:
        ladders: dimension -> the scores half way of candidates that passed, ascending.
        cutoff: the least standing that goes on.
        dropped: share of the pilot that it would have dropped.
    """

    ladders: Mapping[str, tuple[float, ...]]
    cutoff: float
    dropped: float

    def standing(self, scores: Mapping[str, float]) -> tuple[float, str]:
        """Share of those that passed that are no better in the worst dimension, and that
        dimension. A score that is missing says nothing."""
        found = [
            (_share_below(ladder, scores[name]), name)
            for name, ladder in self.ladders.items()
            if name in scores
        ]
        return min(found, default=(1.0, ""))

    @property
    def names(self) -> tuple[str, ...]:
        """The scores that are asked for."""
        return tuple(self.ladders)

    def looks(self, scores: Sequence[Mapping[str, float]], wanted: int) -> list[Look]:
        """What candidates look like, each by itself, however many are wanted."""
        looks = []
        for one in scores:
            standing, worst = self.standing(one)
            why = f"{worst} looked worse than in {1 - standing:.0%} of those that passed"
            looks.append(Look(standing, standing < self.cutoff, why))
        return looks

    def drops(self, scores: Mapping[str, float]) -> bool:
        """Whether a candidate that looks so is not worth finishing."""
        return self.standing(scores)[0] < self.cutoff


def _share_below(ladder: Sequence[float], score: float) -> float:
    """The share of ``ladder`` below ``score``, smoothed with Silverman's bandwidth: counting alone
    would leave many candidates at the lower end with equal shares."""
    spread = pstdev(ladder) or abs(ladder[0]) * 1e-6 or 1e-6
    width = 1.06 * spread * len(ladder) ** -0.2 * math.sqrt(2)
    return sum(1 + math.erf((score - one) / width) for one in ladder) / (2 * len(ladder))


def cutoff_of(passed: Iterable[tuple[float, int]], lose: float, unseen: float = 0.0) -> float:
    """The highest cutoff that drops at most the share ``lose`` of those that passed; 0 for none.

    Args:
        passed: standing, and how many candidates it stands for.
        unseen: what is added to those dropped.
    """
    known = sorted(passed)
    allowed = lose * (sum(count for _, count in known) + 1) - unseen
    cutoff = dropped = 0.0
    for standing, count in known:
        dropped += count
        if dropped > allowed:
            break
        cutoff = standing
    return cutoff


def fit(
    pilot: Sequence[Sighting], screening: Screening, costs: Mapping[str, float] | None = None
) -> Rule | None:
    """The rule that a pilot gives; ``None`` when it would not pay.

    Args:
        costs: of each score; what is missing costs nothing.
    """
    fitted, held_out = _halves(pilot)
    seen = Counter(name for sighting in fitted for name in sighting.scores)
    ladders = {
        name: tuple(sorted(s.scores[name] for s in fitted if s.passed and name in s.scores))
        for name in sorted(seen)
        if 2 * seen[name] >= len(fitted) and _ranks_well(fitted, name)
    }
    if not ladders:
        return None
    bare = _frugal(Rule(ladders=ladders, cutoff=0.0, dropped=0.0), fitted, screening, costs or {})
    cutoff = cutoff_of(standings(bare, held_out), screening.lose)
    rule = replace(bare, cutoff=cutoff)
    dropped = _share_dropped(rule, held_out)
    if dropped * (1 - screening.at) < LEAST_SAVED:
        return None
    return replace(rule, dropped=dropped)


def _frugal(
    rule: Rule, fitted: Sequence[Sighting], screening: Screening, costs: Mapping[str, float]
) -> Rule:
    """The rule without the scores that add little to others; the dearest go first."""

    def drops(rule: Rule) -> float:
        cutoff = cutoff_of(standings(rule, fitted), screening.lose)
        return _share_dropped(replace(rule, cutoff=cutoff), fitted)

    by_cost = sorted(rule.ladders, key=lambda name: (-costs.get(name, 0.0), name))
    for name in by_cost:
        rest = {n: ladder for n, ladder in rule.ladders.items() if n != name}
        if rest and drops(replace(rule, ladders=rest)) > drops(rule) - LEAST_ADDED:
            rule = replace(rule, ladders=rest)
    return rule


def _share_dropped(rule: Rule, sightings: Sequence[Sighting]) -> float:
    return sum(rule.drops(s.scores) for s in sightings) / len(sightings)


def standings(rule: Rule, sightings: Iterable[Sighting]) -> list[tuple[float, int]]:
    """Of those that passed, and how many candidates each stands for."""
    return [(rule.standing(s.scores)[0], s.stands_for) for s in sightings if s.passed]


class Screener:
    """Gathers the pilot, and says for every request by which rule its candidates go on.

    Args:
        size: positions in a cohort.
        history: (position, index, sighting) of first rounds that earlier processes finished.
        costs: of each score, so that what is dear takes part only where it adds something.
    """

    def __init__(
        self,
        screening: Screening,
        size: int,
        history: Iterable[tuple[int, int, Sighting]] = (),
        costs: Mapping[str, float] | None = None,
    ) -> None:
        self.screening = screening
        self._costs = costs
        self._size = size
        self._cohorts: dict[int, dict[tuple[int, int], Sighting]] = {}
        self._pilot: list[Sighting] = []
        self._next = 0
        self._settled = False
        self._rule: Rule | None = None
        self._ruled = 0
        self._passed: deque[tuple[float, int]] = deque(maxlen=REMEMBERED)
        for position, index, sighting in history:
            self.note(position, index, sighting)

    def looks(self, position: int) -> bool:
        """Whether candidates at this position are looked at: in the pilot, and under a rule.
        Asked for in ascending order of positions."""
        self._settle(position // self._size)
        return not self._settled or self._rule is not None

    def rule(self, position: int) -> Rule | None:
        """The rule at this position; ``None`` in the pilot, and where none pays. Asked for in
        ascending order."""
        self._settle(position // self._size)
        return self._rule

    def note(self, position: int, index: int, sighting: Sighting) -> None:
        """Take in a finished candidate of a first round that was looked at."""
        if self._rule is not None or not self._settled:
            self._cohorts.setdefault(position // self._size, {})[position, index] = sighting

    def _settle(self, cohort: int) -> None:
        """Let each cohort up to two before this one join, in order: the pilot, until it is large
        enough for a rule or for giving up, and then what the cutoff follows from."""
        while self._next <= cohort - 2 and not (self._settled and self._rule is None):
            joined = self._cohorts.pop(self._next, {})
            sightings = [sighting for _, sighting in sorted(joined.items(), key=_place)]
            self._next += 1
            if self._rule is None:
                self._extend_pilot(sightings)
            else:
                self._passed.extend(standings(self._rule, sightings))
                unseen = UNSEEN if self._next > self._ruled else 0.0
                cutoff = cutoff_of(self._passed, self.screening.lose, unseen)
                self._rule = replace(self._rule, cutoff=cutoff)

    def _extend_pilot(self, sightings: Sequence[Sighting]) -> None:
        self._pilot.extend(sightings)
        if not self._large_enough():
            return
        self._settled = True
        self._ruled = self._next + 1
        self._rule = fit(self._pilot, self.screening, self._costs)
        if self._rule is None:
            self._cohorts.clear()
        else:
            self._passed.extend(standings(self._rule, _halves(self._pilot)[1]))
        self._pilot.clear()

    def _large_enough(self) -> bool:
        passed = sum(s.passed for s in self._pilot)
        enough = 2 / self.screening.lose + 4
        failed = len(self._pilot) - passed
        return (passed >= enough and failed >= enough) or len(self._pilot) >= LARGEST_PILOT


def _halves(pilot: Sequence[Sighting]) -> tuple[Sequence[Sighting], Sequence[Sighting]]:
    """What a rule is fitted to, and what its cutoff follows from."""
    return pilot[::2], pilot[1::2]


def _place(entry: tuple[tuple[int, int], Sighting]) -> tuple[int, int]:
    return entry[0]


def _ranks_well(sightings: Sequence[Sighting], name: str) -> bool:
    """Whether a score ranks a pass above a failure often enough (the area under the ROC curve)."""
    known = [s for s in sightings if name in s.scores]
    good = sorted(s.scores[name] for s in known if s.passed)
    bad = [s.scores[name] for s in known if not s.passed]
    if not good or not bad:
        return False
    above = sum(len(good) - bisect_right(good, score) for score in bad)
    return above >= TELLING * len(good) * len(bad)
