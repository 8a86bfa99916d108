"""Which candidates of a request go on half way where the best of a fixed number are wanted. Pure.

Candidates of one request compete: when all have been looked at, each has a chance to be among the
best that pass in the end, and those with hardly any are dropped. The chances come from the run's
own pilot, requests whose candidates are looked at and finished all the same: how likely a candidate
passes that looks so (logistic regression), which rank it has then and how far from that it may be
(linear regression), on how it looks beside its siblings and how they look together. Half of the
requests say what the chances are worth in the other half.

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

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentinelqa.cascade import is_surveyed
from sentinelqa.screening import LEAST_ADDED, Look, Screening

KNOWN = 64
"""Requests finished whole, the latest, that the rule follows from. With so many and no rule that
pays, a run stops looking."""
LEAST_KNOWN = 12
"""Requests that a rule needs."""
LEAST_SAVED = 0.1
"""Share of denoising that the rule must save; dropping at random what may be lost saves half."""
RIDGE = 1.0
"""Of both regressions, in units of one candidate: holds back what few candidates say."""
POINTS = 33
"""Ranks at which chances are worked out."""
DECIMALS = 4

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Entrant:
    """A finished candidate: its scores half way, and what came of it."""

    scores: Mapping[str, float]
    passed: bool
    rank: float


@dataclass(frozen=True, slots=True)
class Finished:
    """A request whose candidates were all finished, and how many images it wanted."""

    wanted: int
    entrants: tuple[Entrant, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Odds:
    """What the look of candidates says of the end.

    Attributes:
        names: the scores that take part.
        mean, scale: of each score.
        passing, ranking: weights of (1, each score beside the siblings', the siblings' mean).
        spread: standard deviation of a rank around what is predicted.
    """

    names: tuple[str, ...]
    mean: Floats
    scale: Floats
    passing: Floats
    ranking: Floats
    spread: float

    def chances(self, scores: Sequence[Mapping[str, float]], wanted: int) -> Floats:
        """Of each candidate of a request to be among the best ``wanted`` that pass.

        How many pass that are better is taken as normal, and independent of one another.
        """
        rows = _rows(scores, self.names, self.mean, self.scale)
        passing = _logistic(rows @ self.passing)
        rank = rows @ self.ranking
        reach = 3 * self.spread
        points = np.linspace(rank.min() - reach, rank.max() + reach, POINTS)
        away = (points - rank[:, None]) / self.spread
        better = passing[:, None] * _above(away)
        others = better.sum(0) - better
        variance = (better * (1 - better)).sum(0) - better * (1 - better)
        among = _above((others - wanted + 0.5) / np.sqrt(variance + 1e-9))
        density = np.exp(-(away**2) / 2)
        found = passing * (density * among).sum(1) / density.sum(1)
        return np.asarray(np.round(found, DECIMALS))


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
        chances = _chances(self.odds, scores, wanted)
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
    return rule if rule.dropped * (1 - screening.at) >= LEAST_SAVED else None


def _rule(known: Sequence[Finished], names: Sequence[str], screening: Screening) -> Contest:
    halves = known[::2], known[1::2]
    others = _odds(halves[1], names), _odds(halves[0], names)
    chances = [
        _chances(others[place % 2], [e.scores for e in finished.entrants], finished.wanted)
        for place, finished in enumerate(known)
    ]
    floor = _highest_floor(known, chances, screening.lose)
    dropped = float(np.mean(np.concatenate(chances) < floor))
    return Contest(odds=_odds(known, names), floor=floor, dropped=dropped)


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


def _chances(odds: Odds, scores: Sequence[Mapping[str, float]], wanted: int) -> Floats:
    """1 for a candidate of which nothing is known: it goes on, and is no rival."""
    chances = np.ones(len(scores))
    told = [place for place, one in enumerate(scores) if any(n in one for n in odds.names)]
    if told:
        chances[told] = odds.chances([scores[place] for place in told], wanted)
    return chances


def _odds(known: Sequence[Finished], names: Sequence[str]) -> Odds:
    entrants = [e for f in known for e in f.entrants]
    table = _table([e.scores for e in entrants], names)
    mean = np.nan_to_num(np.nanmean(table, axis=0)) if table.size else np.zeros(len(names))
    scale = np.nan_to_num(np.nanstd(table, axis=0)) if table.size else np.ones(len(names))
    scale = np.where(scale > 0, scale, 1.0)
    rows = np.concatenate(
        [_rows([e.scores for e in f.entrants], names, mean, scale) for f in known if f.entrants]
    )
    passed = np.array([e.passed for e in entrants])
    ranks = np.array([e.rank for e in entrants])[passed]
    ranking, spread = _linear(rows[passed], ranks)
    return Odds(
        names=tuple(names),
        mean=mean,
        scale=scale,
        passing=_logistic_weights(rows, passed.astype(float)),
        ranking=ranking,
        spread=spread,
    )


def _table(scores: Sequence[Mapping[str, float]], names: Sequence[str]) -> Floats:
    return np.array([[one.get(name, np.nan) for name in names] for one in scores], np.float64)


def _rows(
    scores: Sequence[Mapping[str, float]], names: Sequence[str], mean: Floats, scale: Floats
) -> Floats:
    """Per candidate of one request: 1, each score beside the siblings', and the siblings' mean. A
    score that is missing says nothing."""
    values = (_table(scores, names) - mean) / scale
    known = ~np.isnan(values)
    together = np.where(known, values, 0).sum(0) / np.maximum(1, known.sum(0))
    beside = np.where(known, values - together, 0)
    shape = len(scores), 1
    return np.concatenate([np.ones(shape), beside, np.broadcast_to(together, beside.shape)], axis=1)


def _linear(rows: Floats, targets: Floats) -> tuple[Floats, float]:
    """Ridge regression, and the spread of what remains."""
    if len(targets) == 0:
        return np.zeros(rows.shape[1]), 1.0
    middle = targets.mean()
    weights = np.linalg.solve(rows.T @ rows + _penalty(rows), rows.T @ (targets - middle))
    weights[0] += middle
    left = targets - rows @ weights
    spread = float(np.sqrt((left**2).sum() / max(1, len(targets) - rows.shape[1])))
    return weights, max(spread, 1e-6)


def _logistic_weights(rows: Floats, passed: Floats) -> Floats:
    """Ridge logistic regression by Newton's method."""
    weights = np.zeros(rows.shape[1])
    penalty = _penalty(rows)
    for _ in range(12):
        found = _logistic(rows @ weights)
        slope = rows.T @ (passed - found) - penalty @ weights
        curve = (rows * (found * (1 - found))[:, None]).T @ rows + penalty
        weights = weights + np.linalg.solve(curve, slope)
    return weights


def _penalty(rows: Floats) -> Floats:
    penalty = RIDGE * np.eye(rows.shape[1])
    penalty[0, 0] = RIDGE / 100
    return penalty


def _logistic(values: Floats) -> Floats:
    return np.asarray(0.5 * (1 + np.tanh(values / 2)))


def _above(values: Any) -> Floats:
    """The chance that a standard normal is above (Page's approximation, within 0.0002)."""
    return np.asarray(0.5 * (1 - np.tanh(np.sqrt(2 / np.pi) * (values + 0.044715 * values**3))))


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
