"""The funnel: how many candidates got how far, and what stopped the others."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from sentinelqa.report.evidence import CODE_NAMES, UNMEASURED, Evidence
from sentinelqa.report.model import Funnel, Stage
from sentinelqa.rubric.columns import ERROR, FAIL, PASS
from sentinelqa.types import TIERS

Bools = NDArray[np.bool_]

TIER_STAGES = {
    "generic": "past generic quality",
    "use_case": "past the use case",
    "custom": "past custom rules",
}


Counts = dict[int, tuple[Stage, ...]]
"""The stages of each round; 0 stands for all of them together. Existing images have no round."""


def stage_counts(evidence: Evidence) -> Counts:
    """How far the candidates of a part got."""
    rounds = sorted(set(evidence.rounds.tolist()) - {0})
    whole = _stages(evidence, np.ones(evidence.rows, bool))
    if len(rounds) == 1:
        return {0: whole, rounds[0]: whole}
    return {0: whole} | {r: _stages(evidence, evidence.rounds == r) for r in rounds}


def together(first: Counts, second: Counts) -> Counts:
    """The counts of two parts."""
    return {number: _sum(first.get(number), second.get(number)) for number in first | second}


def funnels(counts: Counts) -> tuple[Funnel, ...]:
    """The funnel over all rounds, then one per round where there are several."""
    whole, *rounds = (Funnel(round=number, stages=counts[number]) for number in sorted(counts))
    return (whole, *rounds) if len(rounds) > 1 else (whole,)


def _sum(first: tuple[Stage, ...] | None, second: tuple[Stage, ...] | None) -> tuple[Stage, ...]:
    if first is None or second is None:
        return first or second or ()
    return tuple(
        Stage(
            name=one.name,
            count=one.count + other.count,
            killed=_sorted(dict(Counter(one.killed) + Counter(other.killed))),
        )
        for one, other in zip(first, second, strict=True)
    )


def _stages(evidence: Evidence, among: Bools) -> tuple[Stage, ...]:
    first = "scored" if evidence.scoring_only else "generated"
    stages = [Stage(name=first, count=int(among.sum()))]
    judged = ~evidence.having("open")
    in_error = evidence.judgement.outcome == ERROR
    failed = np.zeros(evidence.rows, bool)
    for codes in evidence.codes:
        failed |= codes == FAIL
    dropped = evidence.having("fail") & ~failed
    left = among
    for tier in TIERS:
        killed: dict[str, int] = {}
        past = left & judged
        for check, codes in zip(evidence.rubric.checks, evidence.codes, strict=True):
            if check.tier == tier:
                _count(killed, check.name, codes[left & judged])
                if unknown := int((in_error & left & (codes == UNMEASURED)).sum()):
                    killed[f"{check.name} (not measured)"] = unknown
                # what has failed elsewhere is not measured here, and was not stopped here
                past = past & ((codes == PASS) | (failed & (codes == UNMEASURED)))
        if tier == TIERS[0]:
            if waiting := int((left & ~judged).sum()):
                killed["not judged yet"] = waiting
            if early := int((left & dropped).sum()):
                killed["dropped half way"] = early
            past = past & ~dropped
        left = past
        stages.append(Stage(name=TIER_STAGES[tier], count=int(left.sum()), killed=_sorted(killed)))
    return (*stages, *_selection(evidence, left)) if not evidence.scoring_only else tuple(stages)


def _count(killed: dict[str, int], name: str, codes: NDArray[np.int8]) -> None:
    for code, suffix in enumerate(CODE_NAMES):
        if code in (PASS, UNMEASURED):
            continue
        if count := int((codes == code).sum()):
            killed[name if suffix == "fail" else f"{name} ({suffix})"] = count


def _selection(evidence: Evidence, passed: Bools) -> list[Stage]:
    twins = np.array([bool(record.duplicate_of) for record in evidence.records], bool)
    distinct = passed & ~twins
    delivered = passed & (evidence.delivered > 0)
    surplus = int((distinct & ~delivered).sum())
    alike = int((passed & twins).sum())
    return [
        Stage(name="distinct", count=int(distinct.sum()), killed=_named("near-duplicate", alike)),
        Stage(name="delivered", count=int(delivered.sum()), killed=_named("not needed", surplus)),
    ]


def _named(name: str, count: int) -> dict[str, int]:
    return {name: count} if count else {}


def _sorted(killed: dict[str, int]) -> dict[str, int]:
    return dict(sorted(killed.items(), key=lambda item: (-item[1], item[0])))
