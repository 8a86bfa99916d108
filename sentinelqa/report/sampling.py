"""Which candidates people should look at: most of them close to a threshold, some far from all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest

import numpy as np
from numpy.typing import NDArray

from sentinelqa.errors import JobError
from sentinelqa.report.evidence import Evidence
from sentinelqa.report.thumbnails import locate
from sentinelqa.rubric.model import Threshold

STRATA = {"just passed": 0.35, "just failed": 0.35, "clearly passed": 0.15, "clearly failed": 0.15}
"""Stratum -> its share of the sample. Where one has too few candidates, the others get more."""

_NEAR = 1 / 3
"""The share of candidates on either side of the thresholds that counts as close."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One candidate of the sample.

    Attributes:
        check: the threshold that it is closest to missing, or misses by most.
        weight: how many candidates it stands for.
    """

    row: int
    stratum: str
    check: str
    weight: float


def draw(evidence: Evidence, size: int) -> list[Drawn]:
    """At most ``size`` candidates whose pixels are there, in random order; the same each time.

    A candidate's distance is that of the score which decides: the smallest of its distances from
    the lower or upper bounds of its scores, each in spreads (10th to 90th percentile) of that score
    over the run. Within a stratum every threshold gets its turn.

    Raises:
        JobError: no candidate has both a picture and a score with a threshold.
    """
    margins, deciding, names = _margins(evidence)
    known = np.isfinite(margins) & _with_pixels(evidence)
    if not known.any():
        raise JobError(
            "no candidate has both its picture and a score with a threshold",
            where=str(evidence.run.path),
            remedy="label a run that keeps its pictures ('keep: all') and whose rubric has scores",
        )
    rng = np.random.default_rng(0)
    cells: dict[str, list[list[Drawn]]] = {}
    for stratum, rows in _strata(margins, known).items():
        cells[stratum] = [
            [
                Drawn(row=int(row), stratum=stratum, check=names[check], weight=1.0)
                for row in rng.permutation(rows[deciding[rows] == check])
            ]
            for check in np.unique(deciding[rows])
        ]
    taken = _taken({stratum: sum(map(len, own)) for stratum, own in cells.items()}, size)
    chosen = list(chain.from_iterable(_in_turn(own, taken[name]) for name, own in cells.items()))
    return [chosen[place] for place in rng.permutation(len(chosen))]


def _margins(
    evidence: Evidence,
) -> tuple[NDArray[np.float64], NDArray[np.int64], list[str]]:
    """Per candidate its distance (negative: missed) and the place of the check that decides."""
    checks = [t for t in evidence.rubric.thresholds if not t.metric and t.severity != "warn"]
    columns = [_distance(check, evidence.values(check)) for check in checks]
    if not columns:
        return np.full(evidence.rows, np.nan), np.zeros(evidence.rows, np.int64), []
    table = np.stack(columns, axis=1)
    filled = np.where(np.isnan(table), np.inf, table)
    margins = filled.min(axis=1)
    judged = np.array([o in ("pass", "fail", "review") for o in evidence.outcomes], bool)
    return (
        np.where(judged & np.isfinite(margins), margins, np.nan),
        filled.argmin(axis=1),
        [check.name for check in checks],
    )


def _distance(check: Threshold, values: NDArray[np.float64]) -> NDArray[np.float64]:
    known = values[np.isfinite(values)]
    ends = np.percentile(known, [10, 90]) if known.size else np.array([0.0, 1.0])
    spread = float(ends[1] - ends[0]) or 1.0
    gaps = np.full(len(values), np.inf)
    if check.low is not None:
        gaps = np.minimum(gaps, (values - check.low) / spread)
    if check.high is not None:
        gaps = np.minimum(gaps, (check.high - values) / spread)
    return np.where(np.isfinite(values), gaps, np.nan)


def _with_pixels(evidence: Evidence) -> NDArray[np.bool_]:
    paths = evidence.texts("path")
    return np.array([locate(evidence.run, path) is not None for path in paths], bool)


def _strata(margins: NDArray[np.float64], known: NDArray[np.bool_]) -> dict[str, NDArray[np.int64]]:
    found = {}
    for name, side in (("passed", margins >= 0), ("failed", margins < 0)):
        rows = np.flatnonzero(known & side)
        rows = rows[np.argsort(np.abs(margins[rows]), kind="stable")]
        near = round(len(rows) * _NEAR)
        found[f"just {name}"], found[f"clearly {name}"] = rows[:near], rows[near:]
    return {name: found[name] for name in STRATA}


def _taken(there: dict[str, int], size: int) -> dict[str, int]:
    """How many of each stratum: its share, and what others cannot fill."""
    taken = {name: min(there[name], round(size * share)) for name, share in STRATA.items()}
    for name in STRATA:
        rest = size - sum(taken.values())
        taken[name] += max(-taken[name], min(there[name] - taken[name], rest))
    return taken


def _in_turn(cells: Sequence[list[Drawn]], count: int) -> list[Drawn]:
    """The first ``count``, one of each cell after the other, with what each stands for."""
    turns = chain.from_iterable(zip_longest(*cells))
    chosen = [one for one in turns if one is not None][:count]
    sizes = {cell[0].check: len(cell) for cell in cells if cell}
    took = {name: sum(one.check == name for one in chosen) for name in sizes}
    return [
        Drawn(
            row=one.row,
            stratum=one.stratum,
            check=one.check,
            weight=round(sizes[one.check] / took[one.check], 4),
        )
        for one in chosen
    ]
