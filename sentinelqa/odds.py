"""What the look of candidates half way says of the end. Pure.

How likely a candidate passes that looks so (logistic regression), which rank it has then and how
far from that it may be (linear regression), on how it looks beside its siblings and how they look
together; and from that the chance of each to be among the best of its request that pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
        """Of each candidate of a request to be among the best ``wanted`` that pass; 1 for one of
        which nothing is known: it is no rival.
        """
        chances = np.ones(len(scores))
        told = [place for place, one in enumerate(scores) if any(n in one for n in self.names)]
        if told:
            chances[told] = self._among([scores[place] for place in told], wanted)
        return chances

    def _among(self, scores: Sequence[Mapping[str, float]], wanted: int) -> Floats:
        """How many pass that are better is taken as normal, and they as independent."""
        rows = _rows(scores, self.names, self.mean, self.scale)
        passing = _logistic(rows @ self.passing)
        rank = rows @ self.ranking
        spread = max(self.spread, np.ptp(rank) / POINTS)  # none falls between two points
        reach = 3 * spread
        points = np.linspace(rank.min() - reach, rank.max() + reach, POINTS)
        away = (points - rank[:, None]) / spread
        better = passing[:, None] * _above(away)
        others = better.sum(0) - better
        variance = (better * (1 - better)).sum(0) - better * (1 - better)
        among = _above((others - wanted + 0.5) / np.sqrt(variance + 1e-9))
        density = np.exp(-(away**2) / 2)
        found = passing * (density * among).sum(1) / density.sum(1)
        return np.asarray(np.round(found, DECIMALS))


def odds_of(known: Sequence[Finished], names: Sequence[str]) -> Odds:
    """What requests that were finished whole say, by the scores in ``names``."""
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
