"""Whether faces of every skin tone pass alike: pass and unscored rates by Monk tone.

The tone is that of the skin *as lit in the picture* (metric ``monk`` of dimension ``skin_tone``),
so the audit speaks of pictures, not of people.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from sentinelqa.features.skin import MONK
from sentinelqa.report.evidence import UNMEASURED, Evidence
from sentinelqa.report.intervals import Tally, change, wilson
from sentinelqa.report.model import Share, Subgroup, Subgroups
from sentinelqa.rubric.columns import FAIL

SMALLEST = 10
"""Candidates that a group needs before its rate is held against another's."""
MOST_CHECKS = 3

_COLUMN = "metric.skin_tone.monk"
_ABOUT_FACES = ("face_fidelity", "face_sharpness", "expression", "skin_tone", "lighting")

_NORMAL = NormalDist()

Bools = NDArray[np.bool_]


def subgroups(evidence: Evidence) -> Subgroups | None:
    """The audit of a run; ``None`` where no face has a known skin tone."""
    if _COLUMN not in evidence.stored.names:
        return None
    tones = np.nan_to_num(np.asarray(evidence.stored.column(_COLUMN), np.float64)).astype(np.int64)
    if not tones.any():
        return None
    faces = evidence.stored.measured("skin_tone")
    members = {tone: (tones == tone) & faces for tone in (*range(1, 11), 0)}
    members = {tone: among for tone, among in members.items() if among.any()}
    groups = tuple(_group(evidence, tone, among) for tone, among in members.items())
    tallies = {tone: _tally(evidence, among) for tone, among in members.items()}
    return Subgroups(groups=groups, apart=_apart(tallies), smallest=SMALLEST)


def _tally(evidence: Evidence, among: Bools) -> Tally:
    """Passed among judged candidates, per request."""
    outcomes, size = np.array(evidence.outcomes, object), len(evidence.requests)
    judged = among & (outcomes != "open")
    passed = judged & (outcomes == "pass")
    return Tally(
        hits=np.bincount(evidence.position[passed], minlength=size),
        looked=np.bincount(evidence.position[judged], minlength=size),
    )


def _group(evidence: Evidence, tone: int, among: Bools) -> Subgroup:
    outcomes = np.array(evidence.outcomes, object)
    judged = among & (outcomes != "open")
    return Subgroup(
        tone=tone,
        colour=MONK[tone - 1] if tone else "",
        candidates=int(among.sum()),
        passed=_share(int((judged & (outcomes == "pass")).sum()), int(judged.sum())),
        unscored=_unscored(evidence, among),
        failed=_failed(evidence, judged),
    )


def _unscored(evidence: Evidence, among: Bools) -> Share:
    """Over all dimensions of faces that the run measured."""
    total = without = 0
    for name in _ABOUT_FACES:
        if f"score.{name}" not in evidence.stored.names:
            continue
        looked = among & evidence.stored.measured(name)
        scores = np.asarray(evidence.stored.value(name, ""), np.float64)
        total += int(looked.sum())
        without += int((looked & np.isnan(scores)).sum())
    return _share(without, total)


def _failed(evidence: Evidence, among: Bools) -> tuple[tuple[str, Share], ...]:
    """The checks that failed most of a group, of those that looked at it."""
    found = []
    for check, codes in zip(evidence.rubric.checks, evidence.codes, strict=True):
        looked = among & (codes != UNMEASURED)
        failed = int((looked & (codes == FAIL)).sum())
        if failed:
            found.append((check.name, _share(failed, int(looked.sum()))))
    found.sort(key=lambda item: (-item[1].hits, item[0]))
    return tuple(found[:MOST_CHECKS])


def _share(hits: int, total: int) -> Share:
    low, high = wilson(hits / total if total else 0.0, total)
    return Share(hits=hits, total=total, low=low, high=high)


def _apart(tallies: Mapping[int, Tally]) -> tuple[tuple[int, int], ...]:
    """Pairs whose pass rates differ, at 5 % over all pairs (Bonferroni)."""
    large = [tone for tone, tally in tallies.items() if tone and tally.looked.sum() >= SMALLEST]
    pairs = list(combinations(large, 2))
    if not pairs:
        return ()
    bar = _NORMAL.inv_cdf(1 - 0.025 / len(pairs))
    return tuple(pair for pair in pairs if _distance(*(tallies[tone] for tone in pair)) > bar)


def _distance(one: Tally, other: Tally) -> float:
    """How many standard errors two rates are apart, by the interval that knows of requests."""
    found = change(one, other)
    rose = found.difference or 0.0
    reach = rose - found.low if rose > 0 else found.high - rose
    return _NORMAL.inv_cdf(0.975) * abs(rose) / reach if reach > 0 else 0.0
