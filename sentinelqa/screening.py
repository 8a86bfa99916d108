"""Which candidates are dropped half way: a rule fitted to the run's own pilot. Pure.

The pilot is the first requests of the run: their candidates are looked at half way and finished
all the same. From what they looked like and whether they passed follows a rule that drops, of those
that would pass, at most the share that the job allows, on average: the cutoff is an order statistic
of candidates that passed and had no part in fitting, so the bound holds whatever the scores mean,
as long as later requests are like those of the pilot (split conformal prediction; Vovk, Gammerman
and Shafer 2005). Where the rule would not pay, nothing is dropped.

Like the prior of a request, the rule follows from whole cohorts before it, never from the clock.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import pstdev

NAME = "early_rejection"
"""Of the check that a dropped candidate failed."""
PREVIEW = "preview"
"""Of the measurement that holds how a candidate looked half way."""
LEAST_STEPS = 12
"""With fewer steps too little is left to save."""
TELLING = 0.6
"""A score takes part when it ranks a pass above a failure at least this often in the pilot."""
LEAST_SAVED = 0.04
"""Share of denoising that the rule must save in the pilot."""
LARGEST_PILOT = 1024
"""Candidates after which a run without enough that pass stops looking."""


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
    """A candidate of the pilot: its scores half way, and whether it passed in the end."""

    scores: Mapping[str, float]
    passed: bool


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

    def drops(self, scores: Mapping[str, float]) -> bool:
        """Whether a candidate that looks so is not worth finishing."""
        return self.standing(scores)[0] < self.cutoff


def _share_below(ladder: Sequence[float], score: float) -> float:
    """The share of ``ladder`` below ``score``, smoothed with Silverman's bandwidth: counting alone
    would leave many candidates at the lower end with equal shares."""
    spread = pstdev(ladder) or abs(ladder[0]) * 1e-6 or 1e-6
    width = 1.06 * spread * len(ladder) ** -0.2 * math.sqrt(2)
    return sum(1 + math.erf((score - one) / width) for one in ladder) / (2 * len(ladder))


def fit(pilot: Sequence[Sighting], screening: Screening) -> Rule | None:
    """The rule that a pilot gives; ``None`` when it would not pay."""
    fitted, held_out = pilot[::2], pilot[1::2]
    seen = Counter(name for sighting in fitted for name in sighting.scores)
    ladders = {
        name: tuple(sorted(s.scores[name] for s in fitted if s.passed and name in s.scores))
        for name in sorted(seen)
        if 2 * seen[name] >= len(fitted) and _ranks_well(fitted, name)
    }
    if not ladders:
        return None
    bare = Rule(ladders=ladders, cutoff=0.0, dropped=0.0)
    passed = sorted(bare.standing(s.scores)[0] for s in held_out if s.passed)
    allowed = int(screening.lose * (len(passed) + 1))
    if not allowed:
        return None
    cutoff = passed[allowed - 1]
    dropped = sum(bare.standing(s.scores)[0] < cutoff for s in held_out) / len(held_out)
    if dropped * (1 - screening.at) < LEAST_SAVED:
        return None
    return Rule(ladders=ladders, cutoff=cutoff, dropped=dropped)


class Screener:
    """Gathers the pilot, and says for every request by which rule its candidates go on.

    Args:
        size: positions in a cohort.
        history: (position, index, sighting) of first rounds that earlier processes finished.
    """

    def __init__(
        self,
        screening: Screening,
        size: int,
        history: Iterable[tuple[int, int, Sighting]] = (),
    ) -> None:
        self.screening = screening
        self._size = size
        self._cohorts: dict[int, dict[tuple[int, int], Sighting]] = {}
        self._pilot: list[Sighting] = []
        self._next = 0
        self._settled = False
        self._rule: Rule | None = None
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
        if not self._settled:
            self._cohorts.setdefault(position // self._size, {})[position, index] = sighting

    def _settle(self, cohort: int) -> None:
        """Let each cohort up to two before this one join the pilot, in order, until it is large
        enough for a rule or for giving up."""
        while not self._settled and self._next <= cohort - 2:
            joined = self._cohorts.pop(self._next, {})
            self._pilot.extend(sighting for _, sighting in sorted(joined.items(), key=_place))
            self._next += 1
            if self._large_enough():
                self._rule = fit(self._pilot, self.screening)
                self._settled = True
                self._pilot.clear()
                self._cohorts.clear()

    def _large_enough(self) -> bool:
        passed = sum(s.passed for s in self._pilot)
        enough = 2 / self.screening.lose + 4
        failed = len(self._pilot) - passed
        return (passed >= enough and failed >= enough) or len(self._pilot) >= LARGEST_PILOT


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
