"""Whether faces of every skin tone pass alike: pass and unscored rates by Monk tone.

The tone is that of the skin *as lit in the picture* (metric ``monk`` of dimension ``skin_tone``),
so the audit speaks of pictures, not of people.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from sentinelqa.features.skin import MONK
from sentinelqa.report.evidence import UNMEASURED, Evidence
from sentinelqa.report.intervals import Change, Joint, Tally, wilson
from sentinelqa.report.model import Share, Subgroup, Subgroups
from sentinelqa.rubric.columns import FAIL

SMALLEST = 10
"""Candidates that a group needs before its rate is held against another's."""
MOST_CHECKS = 3

_COLUMN = "metric.skin_tone.monk"
_ABOUT_FACES = ("face_fidelity", "face_sharpness", "expression", "skin_tone", "lighting")

_TONES = (*range(1, 11), 0)

_NORMAL = NormalDist()

Bools = NDArray[np.bool_]


class ToneCount:
    """Counts candidates by the tone of their largest face, part by part."""

    def __init__(self) -> None:
        self._groups: dict[int, _Count] = {}
        self._joint = Joint(len(_TONES))

    def add(self, part: Evidence) -> None:
        """Count a part: whole requests."""
        if _COLUMN not in part.stored.names:
            return
        column = np.asarray(part.stored.column(_COLUMN), np.float64)
        tones = np.nan_to_num(column).astype(np.int64)
        faces = part.stored.measured("skin_tone")
        members = [(tones == tone) & faces for tone in _TONES]
        self._joint.add([_tally(part, among) for among in members])
        for tone, among in zip(_TONES, members, strict=True):
            if among.any():
                self._groups.setdefault(tone, _Count()).add(part, among)

    def audit(self) -> Subgroups | None:
        """``None`` where no face has a known skin tone."""
        if not any(self._groups):
            return None
        tones = [tone for tone in _TONES if tone in self._groups]
        groups = tuple(self._groups[tone].group(tone) for tone in tones)
        return Subgroups(groups=groups, apart=self._apart(tones), smallest=SMALLEST)

    def _apart(self, tones: Sequence[int]) -> tuple[tuple[int, int], ...]:
        """Pairs whose pass rates differ, at 5 % over all pairs (Bonferroni)."""
        places = {tone: place for place, tone in enumerate(_TONES)}
        large = [t for t in tones if t and self._joint.looked(places[t]) >= SMALLEST]
        pairs = list(combinations(large, 2))
        if not pairs:
            return ()
        bar = _NORMAL.inv_cdf(1 - 0.025 / len(pairs))
        return tuple(
            (one, other)
            for one, other in pairs
            if _distance(self._joint.change(places[one], places[other])) > bar
        )


class _Count:
    """What is known of one group so far."""

    def __init__(self) -> None:
        self._totals: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        self._looked: Counter[str] = Counter()

    def add(self, part: Evidence, among: Bools) -> None:
        judged = among & ~part.having("open")
        total, without = _unscored(part, among)
        self._totals.update(
            candidates=int(among.sum()),
            passed=int((judged & part.having("pass")).sum()),
            judged=int(judged.sum()),
            measured=total,
            unscored=without,
        )
        for check, codes in zip(part.rubric.checks, part.codes, strict=True):
            looked = judged & (codes != UNMEASURED)
            self._looked[check.name] += int(looked.sum())
            self._failed[check.name] += int((looked & (codes == FAIL)).sum())

    def group(self, tone: int) -> Subgroup:
        totals = self._totals
        return Subgroup(
            tone=tone,
            colour=MONK[tone - 1] if tone else "",
            candidates=totals["candidates"],
            passed=_share(totals["passed"], totals["judged"]),
            unscored=_share(totals["unscored"], totals["measured"]),
            failed=self._worst(),
        )

    def _worst(self) -> tuple[tuple[str, Share], ...]:
        """The checks that failed most of a group, of those that looked at it."""
        found = [
            (name, _share(count, self._looked[name]))
            for name, count in self._failed.items()
            if count
        ]
        found.sort(key=lambda item: (-item[1].hits, item[0]))
        return tuple(found[:MOST_CHECKS])


def _tally(part: Evidence, among: Bools) -> Tally:
    """Passed among judged candidates, per request."""
    size = part.requests.num_rows
    judged = among & ~part.having("open")
    passed = judged & part.having("pass")
    return Tally(
        hits=np.bincount(part.position[passed], minlength=size),
        looked=np.bincount(part.position[judged], minlength=size),
    )


def _unscored(part: Evidence, among: Bools) -> tuple[int, int]:
    """Over all dimensions of faces that the run measured: how often, and how often in vain."""
    total = without = 0
    for name in _ABOUT_FACES:
        if f"score.{name}" not in part.stored.names:
            continue
        looked = among & part.stored.measured(name)
        scores = np.asarray(part.stored.value(name, ""), np.float64)
        total += int(looked.sum())
        without += int((looked & np.isnan(scores)).sum())
    return total, without


def _share(hits: int, total: int) -> Share:
    low, high = wilson(hits / total if total else 0.0, total)
    return Share(hits=hits, total=total, low=low, high=high)


def _distance(found: Change) -> float:
    """How many standard errors two rates are apart, by the interval that knows of requests."""
    rose = found.difference or 0.0
    reach = rose - found.low if rose > 0 else found.high - rose
    return _NORMAL.inv_cdf(0.975) * abs(rose) / reach if reach > 0 else 0.0
