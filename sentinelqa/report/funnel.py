"""The funnel: how many candidates got how far, and what stopped the others."""

from __future__ import annotations

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


def funnels(evidence: Evidence) -> tuple[Funnel, ...]:
    """The funnel over all rounds, then one per round where there are several."""
    rounds = sorted(set(evidence.rounds.tolist()))
    found = [Funnel(round=0, stages=_stages(evidence, np.ones(evidence.rows, bool)))]
    if len(rounds) > 1:
        found += [Funnel(round=r, stages=_stages(evidence, evidence.rounds == r)) for r in rounds]
    return tuple(found)


def _stages(evidence: Evidence, among: Bools) -> tuple[Stage, ...]:
    first = "scored" if evidence.scoring_only else "generated"
    stages = [Stage(name=first, count=int(among.sum()))]
    judged = np.array([outcome != "open" for outcome in evidence.outcomes], bool)
    in_error = evidence.judgement.outcome == ERROR
    failed = np.zeros(evidence.rows, bool)
    for codes in evidence.codes:
        failed |= codes == FAIL
    recorded = np.array([outcome == "fail" for outcome in evidence.outcomes], bool)
    dropped = recorded & ~failed
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
