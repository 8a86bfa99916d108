"""Each check of the rubric over the whole run: histogram, pass rate, nearest misses."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from sentinelqa.report.evidence import CODE_NAMES, Evidence, rounded
from sentinelqa.report.model import CheckSection
from sentinelqa.report.tails import Tails
from sentinelqa.rubric.columns import FAIL, REVIEW
from sentinelqa.rubric.model import Rule, Threshold

BINS = 48
MISSES = 6


class CheckCount:
    """Counts the sections of all checks, part by part.

    Args:
        evidence: of the whole run.
    """

    def __init__(self, evidence: Evidence) -> None:
        self._checks = evidence.rubric.checks
        self._axes = [
            axis(check, edges_of(evidence, check)) if isinstance(check, Threshold) else (0.0, 1.0)
            for check in self._checks
        ]
        self._codes = np.zeros((len(self._checks), len(CODE_NAMES)), np.int64)
        self._bins = np.zeros((len(self._checks), BINS), np.int64)
        self._misses: list[list[tuple[float, int]]] = [[] for _ in self._checks]

    def add(self, part: Evidence) -> None:
        """Count a part; parts come in the order of their rows."""
        for number, (check, codes) in enumerate(zip(self._checks, part.codes, strict=True)):
            self._codes[number] += np.bincount(codes, minlength=len(CODE_NAMES))
            if isinstance(check, Rule):
                continue
            values = part.values(check)
            known = values[np.isfinite(values)]
            start, end = self._axes[number]
            self._bins[number] += np.histogram(np.clip(known, start, end), BINS, (start, end))[0]
            nearest = [*self._misses[number], *_nearest(check, values, codes, part.first)]
            self._misses[number] = sorted(nearest, key=itemgetter(0))[:MISSES]

    def sections(self) -> tuple[CheckSection, ...]:
        """One section per check, in the order of the rubric."""
        return tuple(self._section(number) for number in range(len(self._checks)))

    def _section(self, number: int) -> CheckSection:
        check = self._checks[number]
        counts = dict(zip(CODE_NAMES, self._codes[number].tolist(), strict=True))
        if isinstance(check, Rule):
            return CheckSection(
                name=check.name,
                tier=check.tier,
                kind="rule",
                severity=check.severity,
                about=check.message or check.expression.source,
                counts=counts,
            )
        start, end = self._axes[number]
        return CheckSection(
            name=check.name,
            tier=check.tier,
            kind="threshold",
            severity=check.severity,
            about=check.message or check.label,
            unit=check.unit,
            low=check.low,
            high=check.high,
            review_low=check.review_low,
            review_high=check.review_high,
            counts=counts,
            start=start,
            end=end,
            bins=tuple(self._bins[number].tolist()),
            misses=tuple(row for _, row in self._misses[number]),
        )


def edges_of(evidence: Evidence, check: Threshold) -> list[float]:
    """What holds 98 % of the values of a whole run; empty where nothing is known or the range is
    given."""
    if not check.metric or check.metric == "probability":
        return []
    tails = Tails(evidence.rows)
    for piece in evidence.stored.values_of(check.source, check.metric):
        tails.add(rounded(piece))
    return tails.edges()


def axis(check: Threshold, edges: Sequence[float]) -> tuple[float, float]:
    """The range that is drawn: [0, 1] for scores; for metrics what holds 98 % of the values and
    the bounds, with some room."""
    if not check.metric or check.metric == "probability":
        return 0.0, 1.0
    bounds = (check.low, check.high, check.review_low, check.review_high)
    ends = [*edges, *(bound for bound in bounds if bound is not None)]
    low, high = min(ends), max(ends)
    room = 0.05 * (high - low) or max(abs(high), 1.0) * 0.5
    start = 0.0 if 0 <= low <= high * 0.3 else low - room
    return round(start, 4), round(high + room, 4)


def missing_by(check: Threshold, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far each value is outside the bounds; 0 inside, NaN where there is no value."""
    gap = np.where(np.isnan(values), np.nan, 0.0)
    if check.low is not None:
        gap = np.where(values < check.low, check.low - values, gap)
    if check.high is not None:
        gap = np.where(values > check.high, values - check.high, gap)
    return gap


def _nearest(
    check: Threshold, values: NDArray[np.float64], codes: NDArray[np.int8], first: int
) -> list[tuple[float, int]]:
    """Gaps and rows of those that failed by least."""
    rows = np.flatnonzero(((codes == FAIL) | (codes == REVIEW)) & np.isfinite(values))
    gaps = missing_by(check, values)[rows]
    best = np.argsort(gaps, kind="stable")[:MISSES]
    return list(zip(gaps[best].tolist(), (rows[best] + first).tolist(), strict=True))
