"""The arithmetic of calibration: exact intervals, separation, thresholds. Numbers only."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
"""Images x dimensions; -inf where an image has no score, which no threshold passes."""

FOLDS = 5
_SLACK = 0.9


def clopper_pearson(hits: int, total: int, confidence: float = 0.95) -> tuple[float, float]:
    """The exact interval of a rate (Clopper and Pearson, Biometrika 26, 1934)."""
    if total == 0:
        return 0.0, 1.0
    tail = (1 - confidence) / 2
    low = 0.0 if hits == 0 else _solve(lambda p: 1 - _at_most(hits - 1, total, p) - tail)
    high = 1.0 if hits == total else _solve(lambda p: tail - _at_most(hits, total, p))
    return low, high


def _at_most(hits: int, total: int, rate: float) -> float:
    """The probability of ``hits`` or fewer of ``total``."""
    if rate <= 0.0:
        return 1.0
    if rate >= 1.0:
        return float(hits >= total)
    logs = [
        math.lgamma(total + 1) - math.lgamma(k + 1) - math.lgamma(total - k + 1)
        + k * math.log(rate) + (total - k) * math.log1p(-rate)
        for k in range(hits + 1)
    ]  # fmt: skip
    return min(1.0, math.fsum(math.exp(log) for log in logs))


def _solve(rising: Callable[[float], float]) -> float:
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if rising(middle) > 0 else (middle, high)
    return (low + high) / 2


@dataclass(frozen=True, slots=True)
class Separation:
    """How well one dimension tells good from bad.

    Attributes:
        auc: area under the ROC curve: how often a good image outscores a bad one; ties count half.
        auc_low, auc_high: its 95 % interval (Hanley and McNeil, Radiology 143, 1982).
        overlap: 1 less the largest distance between the two cumulative curves: 0 for a clean cut.
        roc: (false-pass rate, pass rate) at each distinct score, from strict to lax.
    """

    auc: float
    auc_low: float
    auc_high: float
    overlap: float
    roc: tuple[tuple[float, float], ...]

    @property
    def adds_something(self) -> bool:
        """Whether the interval leaves no doubt that it is better than a coin."""
        return self.auc_low > 0.5


def separation(good: Scores, bad: Scores) -> Separation:
    """How well a score separates; both arrays one-dimensional and not empty."""
    cuts = np.unique(np.concatenate([good, bad]))[::-1]
    passes = np.searchsorted(np.sort(good), cuts, side="left")
    false = np.searchsorted(np.sort(bad), cuts, side="left")
    rates = 1 - passes / len(good), 1 - false / len(bad)
    higher = (good[:, None] > bad[None, :]).mean() + 0.5 * (good[:, None] == bad[None, :]).mean()
    auc = float(higher)
    q1, q2 = auc / (2 - auc), 2 * auc * auc / (1 + auc)
    variance = (
        auc * (1 - auc) + (len(good) - 1) * (q1 - auc * auc) + (len(bad) - 1) * (q2 - auc * auc)
    ) / (len(good) * len(bad))
    reach = 1.96 * math.sqrt(max(0.0, variance))
    roc = tuple((float(f), float(p)) for f, p in zip(rates[1], rates[0], strict=True))
    return Separation(
        auc=auc,
        auc_low=max(0.0, auc - reach),
        auc_high=min(1.0, auc + reach),
        overlap=float(1 - np.abs(rates[0] - rates[1]).max()),
        roc=((0.0, 0.0), *roc),
    )


def fit(good: Scores, bad: Scores, most_false: float) -> Scores:
    """Thresholds, one per dimension, under which at most ``most_false`` of the bad images pass.

    Starts from thresholds that lose no good image. Then, while too many bad ones pass, raises the
    one threshold that rejects most bad images per good image lost. A threshold is placed half-way
    between the best rejected and the worst accepted score around it.
    """
    lowest = np.where(np.isfinite(good), good, np.inf).min(axis=0)
    cuts = np.where(np.isfinite(lowest), lowest * _SLACK, 0.0)
    allowed = math.floor(most_false * len(bad) + 1e-9)
    while (passing := (bad >= cuts).all(axis=1)).sum() > allowed:
        cuts = _raise_one(cuts, good, bad[passing])
    return np.array([_in_the_gap(i, cuts, good, bad) for i in range(len(cuts))])


def _raise_one(cuts: Scores, good: Scores, passing: Scores) -> Scores:
    """The cheapest single raise that rejects at least one of ``passing``."""
    kept = good[(good >= cuts).all(axis=1)]
    best: tuple[float, int, float] = (-1.0, 0, 1.0)
    for dimension in range(passing.shape[1]):
        mine = kept[:, dimension]
        for score in np.unique(passing[:, dimension]):
            above = np.nextafter(score, np.inf)
            rejected = int((passing[:, dimension] < above).sum())
            lost = int((mine < above).sum())
            worth = rejected / (lost + 0.25)
            if worth > best[0]:
                best = (worth, dimension, float(above))
    raised = cuts.copy()
    raised[best[1]] = best[2]
    return raised


def _in_the_gap(dimension: int, cuts: Scores, good: Scores, bad: Scores) -> float:
    """The middle between the scores next to a threshold, among images that the others accept."""
    others = np.delete(np.arange(len(cuts)), dimension)
    scores = np.concatenate(
        [s[(s[:, others] >= cuts[others]).all(axis=1)][:, dimension] for s in (good, bad)]
    )
    cut = cuts[dimension]
    below = scores[(scores < cut) & np.isfinite(scores)]
    above = scores[scores >= cut]
    if not len(below) or not len(above):
        return float(cut)
    return float((below.max() + above.min()) / 2)


@dataclass(frozen=True, slots=True)
class Rates:
    """How many images of one kind pass, with the exact 95 % interval."""

    passed: int
    total: int

    @property
    def rate(self) -> float:
        return self.passed / self.total if self.total else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        return clopper_pearson(self.passed, self.total)


@dataclass(frozen=True, slots=True)
class Held:
    """Cross-validation: every image judged by thresholds fitted without it.

    Attributes:
        good, bad: whether each image passed.
        good_cuts, bad_cuts: the thresholds that judged each image.
    """

    good: NDArray[np.bool_]
    bad: NDArray[np.bool_]
    good_cuts: Scores
    bad_cuts: Scores

    @property
    def false_pass(self) -> Rates:
        return Rates(int(self.bad.sum()), len(self.bad))

    @property
    def true_pass(self) -> Rates:
        return Rates(int(self.good.sum()), len(self.good))


def cross_validate(good: Scores, bad: Scores, most_false: float, folds: int = FOLDS) -> Held:
    """Fit on all folds but one, judge that one; folds are dealt in turn, so the result is fixed."""
    held = Held(
        np.zeros(len(good), bool),
        np.zeros(len(bad), bool),
        np.zeros_like(good),
        np.zeros_like(bad),
    )
    for fold in range(folds):
        out_good = np.arange(len(good)) % folds == fold
        out_bad = np.arange(len(bad)) % folds == fold
        if out_good.all() or out_bad.all():
            continue
        cuts = fit(good[~out_good], bad[~out_bad], most_false)
        held.good[out_good] = (good[out_good] >= cuts).all(axis=1)
        held.bad[out_bad] = (bad[out_bad] >= cuts).all(axis=1)
        held.good_cuts[out_good] = cuts
        held.bad_cuts[out_bad] = cuts
    return held


@dataclass(frozen=True, slots=True)
class Suspect:
    """An image whose label does not go with its scores. ``index`` counts among its own kind."""

    index: int
    is_good: bool
    why: str


def suspects(
    names: Sequence[str], good: Scores, bad: Scores, held: Held, found: Mapping[str, Separation]
) -> list[Suspect]:
    """Labels that look wrong: a bad image above the middle of the good ones in every dimension that
    separates, or a good one that fails where it scores below the middle of the bad ones."""
    useful = [i for i, name in enumerate(names) if found[name].adds_something]
    if not useful:
        return []
    middle_good = np.median(good[:, useful], axis=0)
    middle_bad = np.median(bad[:, useful], axis=0)
    suspected = [
        Suspect(int(i), False, "passes, and scores like the better half of the good ones")
        for i in np.flatnonzero(held.bad & (bad[:, useful] >= middle_good).all(axis=1))
    ]
    for i in np.flatnonzero(~held.good):
        low = good[i, useful] < np.minimum(held.good_cuts[i, useful], middle_bad)
        worst = [names[useful[j]] for j in np.flatnonzero(low)]
        if worst:
            why = f"fails, and scores like the worse half of the bad ones in {', '.join(worst)}"
            suspected.append(Suspect(int(i), True, why))
    return suspected
