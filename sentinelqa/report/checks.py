"""Each check of the rubric over the whole run: histogram, pass rate, nearest misses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sentinelqa.report.evidence import CODE_NAMES, Evidence
from sentinelqa.report.model import CheckSection
from sentinelqa.rubric.columns import FAIL, REVIEW
from sentinelqa.rubric.model import Check, Rule, Threshold

BINS = 48
MISSES = 6


def check_sections(evidence: Evidence) -> tuple[CheckSection, ...]:
    """One section per check, in the order of the rubric."""
    return tuple(
        _section(evidence, check, codes)
        for check, codes in zip(evidence.rubric.checks, evidence.codes, strict=True)
    )


def _section(evidence: Evidence, check: Check, codes: NDArray[np.int8]) -> CheckSection:
    found = np.bincount(codes, minlength=len(CODE_NAMES))
    counts = {name: int(count) for name, count in zip(CODE_NAMES, found, strict=True)}
    if isinstance(check, Rule):
        return CheckSection(
            name=check.name,
            tier=check.tier,
            kind="rule",
            severity=check.severity,
            about=check.message or check.expression.source,
            counts=counts,
        )
    values = evidence.values(check)
    start, end = axis(check, values)
    known = values[np.isfinite(values)]
    bins, _ = np.histogram(np.clip(known, start, end), BINS, (start, end))
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
        bins=tuple(int(count) for count in bins),
        misses=_nearest(check, values, codes),
    )


def axis(check: Threshold, values: NDArray[np.float64]) -> tuple[float, float]:
    """The range that is drawn: [0, 1] for scores; for metrics what holds 98 % of the values and
    the bounds, with some room."""
    if not check.metric or check.metric == "probability":
        return 0.0, 1.0
    known = values[np.isfinite(values)]
    edges = [float(v) for v in np.percentile(known, [1, 99])] if known.size else []
    edges += [
        b for b in (check.low, check.high, check.review_low, check.review_high) if b is not None
    ]
    low, high = min(edges), max(edges)
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
    check: Threshold, values: NDArray[np.float64], codes: NDArray[np.int8]
) -> tuple[int, ...]:
    rows = np.flatnonzero(((codes == FAIL) | (codes == REVIEW)) & np.isfinite(values))
    gaps = missing_by(check, values)[rows]
    return tuple(int(row) for row in rows[np.argsort(gaps, kind="stable")][:MISSES])
