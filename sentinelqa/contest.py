"""Which candidates of a request go on half way where the best of a fixed number are wanted. Pure.

Candidates of one request compete: when all have been looked at, each has a chance to be among the
best that pass in the end, and those with hardly any are dropped. The chances come from the run's
own pilot, requests whose candidates are looked at and finished all the same
(:mod:`sentinelqa.odds`); half of the requests say what the chances are worth in the other half.

The least chance that goes on is the highest at which little enough would have been lost in the
requests that were finished whole, as though one further request lost as much as the worst of them
(after Angelopoulos et al., "Conformal risk control", ICLR 2024, with the worst that was seen in
place of the worst that could be). Lost are images that are not delivered, and what choosing the
best gains: the sum over delivered places of the rank there, less the mean rank of all of that
request that passed. Each is bounded by the job's ``lose``.

One request in sixteen is finished whole, as the pilot was, and what is known follows the latest of
them. All of it follows from whole cohorts well before a request, never from the clock.
"""

from __future__ import annotations

import itertools
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sentinelqa.cascade import is_surveyed
from sentinelqa.odds import Entrant, Finished, Floats, Odds, odds_of
from sentinelqa.screening import LEAST_ADDED, LEAST_SAVED, Look, Screening

KNOWN = 64
"""Requests finished whole, the latest, that the rule follows from. With so many and no rule that
pays, a run stops looking."""
LEAST_KNOWN = 12
"""Requests that a rule needs."""
GOLDEN = (5**0.5 - 1) / 2
"""Its multiples, less their whole parts, are spread evenly and have nothing to do with a score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """The rule: candidates whose chance is below ``floor`` are dropped.

    Attributes:
        dropped: share of candidates that it would have dropped of those it follows from.
    """

    odds: Odds
    floor: float
    dropped: float

    @property
    def names(self) -> tuple[str, ...]:
        """The scores that are asked for."""
        return self.odds.names

    def looks(self, scores: Sequence[Mapping[str, float]], wanted: int) -> list[Look]:
        """What the candidates of one request, all of them, look like."""
        chances = self.odds.chances(scores, wanted)
        return [
            Look(
                standing=float(chance),
                drops=bool(chance < self.floor),
                why=f"its chance to be among the best {wanted} of {len(scores)} was {chance:.1%}, "
                f"below {self.floor:.1%}",
            )
            for chance in chances
        ]


@dataclass(frozen=True, slots=True)
class Loss:
    """Of one request: what was to be had, and what is lost, in images and in gained rank."""

    images: int
    gain: float
    lost_images: int = 0
    lost_gain: float = 0.0


def loss(finished: Finished, goes_on: Sequence[bool]) -> Loss:
    """What a request loses when only some of its candidates go on.

    The j-th best that is delivered counts beside the j-th best that would have been; places that
    stay empty count as images, not as rank.
    """
    ranks = sorted((e.rank for e in finished.entrants if e.passed), reverse=True)
    kept = sorted(
        (e.rank for e, on in zip(finished.entrants, goes_on, strict=True) if e.passed and on),
        reverse=True,
    )[: finished.wanted]
    if not ranks:
        return Loss(0, 0.0)
    full = ranks[: finished.wanted]
    mean = sum(ranks) / len(ranks)
    return Loss(
        images=len(full),
        gain=sum(full) - mean * len(full),
        lost_images=len(full) - len(kept),
        lost_gain=sum(full[: len(kept)]) - sum(kept),
    )


def fit(
    known: Sequence[Finished], screening: Screening, costs: Mapping[str, float] | None = None
) -> Contest | None:
    """The rule that follows from requests that were finished whole; ``None`` where none pays.

    Args:
        costs: of each score; what is missing costs nothing.
    """
    if len(known) < LEAST_KNOWN:
        return None
    seen = Counter(name for f in known for e in f.entrants for name in e.scores)
    entrants = sum(len(f.entrants) for f in known)
    names = [name for name in sorted(seen) if 2 * seen[name] >= entrants]
    if not names:
        return None
    rule = _rule(known, names, screening)
    prices = costs or {}
    for name in sorted(names, key=lambda name: (-prices.get(name, 0.0), name)):
        rest = [n for n in rule.names if n != name]
        without = _rule(known, rest, screening) if rest else None
        if without is not None and without.dropped > rule.dropped - LEAST_ADDED:
            rule = without
    told = rule.dropped - _dropped_at_random(known, screening.lose)
    return rule if told * (1 - screening.at) >= LEAST_SAVED else None


def _dropped_at_random(known: Sequence[Finished], lose: float) -> float:
    """What chances that tell nothing would drop: so much may be lost that it is not little."""
    counts = np.cumsum([0, *(len(f.entrants) for f in known)])
    numbers = np.arange(counts[-1]) * GOLDEN % 1
    chances = [numbers[a:b] for a, b in itertools.pairwise(counts)]
    floor = _highest_floor(known, chances, lose)
    return float(np.mean(numbers < floor))


def _rule(known: Sequence[Finished], names: Sequence[str], screening: Screening) -> Contest:
    halves = known[::2], known[1::2]
    others = odds_of(halves[1], names), odds_of(halves[0], names)
    chances = [
        others[place % 2].chances([e.scores for e in finished.entrants], finished.wanted)
        for place, finished in enumerate(known)
    ]
    floor = _highest_floor(known, chances, screening.lose)
    dropped = float(np.mean(np.concatenate(chances) < floor))
    return Contest(odds=odds_of(known, names), floor=floor, dropped=dropped)


def _highest_floor(known: Sequence[Finished], chances: Sequence[Floats], lose: float) -> float:
    """The highest chance below which candidates may be dropped; 0 for none."""
    steps = np.unique(np.concatenate(chances))
    low, high = 0, len(steps)
    while low < high:
        middle = (low + high) // 2
        floor = steps[middle]
        losses = [loss(f, list(c >= floor)) for f, c in zip(known, chances, strict=True)]
        if _is_allowed(losses, lose):
            low = middle + 1
        else:
            high = middle
    return float(steps[low - 1]) if low else 0.0


def _is_allowed(losses: Sequence[Loss], lose: float) -> bool:
    """Whether little enough is lost, as though one more request lost as much as the worst."""
    share = lose * (len(losses) + 1) / len(losses)
    images, gains = [one.lost_images for one in losses], [one.lost_gain for one in losses]
    return sum(images) + max(images) <= share * sum(one.images for one in losses) and (
        sum(gains) + max(gains) <= share * sum(one.gain for one in losses) + 1e-12
    )


class Contests:
    """Gathers requests that were finished whole, and says for every request by which rule its
    candidates go on.

    Args:
        size: positions in a cohort.
        history: (position, index, wanted, entrant) of requests that earlier processes finished
            whole.
        costs: of each score, so that what is dear takes part only where it adds something.
    """

    def __init__(
        self,
        screening: Screening,
        size: int,
        history: Iterable[tuple[int, int, int, Entrant]] = (),
        costs: Mapping[str, float] | None = None,
    ) -> None:
        self.screening = screening
        self._costs = costs
        self._size = size
        self._cohorts: dict[int, dict[int, tuple[int, dict[int, Entrant]]]] = {}
        self._known: deque[Finished] = deque(maxlen=KNOWN)
        self._rule: Contest | None = None
        for position, index, wanted, entrant in history:
            self.note(position, index, wanted, entrant)

    def looks(self, position: int) -> bool:
        """Whether candidates at this position are looked at: while little is known, and under a
        rule. Asked for in ascending order of positions."""
        return self.rule(position) is not None or len(self._known) < KNOWN

    def rule(self, position: int) -> Contest | None:
        """The rule at this position; ``None`` in the pilot, and where none pays. Asked for in
        ascending order."""
        due = sorted(c for c in self._cohorts if c <= position // self._size - 2)
        for cohort in due:
            for _, (wanted, entrants) in sorted(self._cohorts.pop(cohort).items()):
                self._known.append(Finished(wanted, tuple(e for _, e in sorted(entrants.items()))))
        if due:
            self._rule = fit(list(self._known), self.screening, self._costs)
        return self._rule

    def is_whole(self, position: int) -> bool:
        """Whether all candidates are finished, whatever they look like: without a rule, and for
        one request in sixteen."""
        return self.rule(position) is None or is_surveyed(str(position))

    def note(self, position: int, index: int, wanted: int, entrant: Entrant) -> None:
        """Take in a finished candidate of a request that is finished whole."""
        cohort = position // self._size
        if cohort not in self._cohorts:
            self._forget_before(cohort - 2)
        requests = self._cohorts.setdefault(cohort, {})
        requests.setdefault(position, (wanted, {}))[1][index] = entrant

    def _forget_before(self, cohort: int) -> None:
        """Let go of what a long history holds and no rule follows from any more: two cohorts are
        open at a time."""
        earlier = sorted(c for c in self._cohorts if c < cohort)
        left = sum(len(self._cohorts[c]) for c in earlier)
        for first in earlier:
            left -= len(self._cohorts[first])
            if left < KNOWN:
                return
            del self._cohorts[first]
