"""What a change of the rubric would do: a finished run judged again from what was measured."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sentinelqa.decide import decide
from sentinelqa.rubric.columns import CODES, ERROR, PASS, Judgement, judge
from sentinelqa.rubric.loading import load_rubric
from sentinelqa.rubric.model import Rubric
from sentinelqa.rubric.stored import StoredRun
from sentinelqa.screening import NAME as EARLY_REJECTION
from sentinelqa.types import Outcome, Request

MOST_EXPLAINED = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A run under one rubric.

    Attributes:
        outcomes: outcome -> candidates.
        delivered: images, over all requests; 0 where existing images were scored.
        filled: requests that get all they want.
        cost_per_delivered: ``None`` where nothing is delivered.
    """

    outcomes: dict[str, int]
    delivered: int
    filled: int
    cost_per_delivered: float | None

    @property
    def pass_rate(self) -> float:
        """Passed candidates over all."""
        total = sum(self.outcomes.values())
        return self.outcomes.get("pass", 0) / total if total else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """The run as it was, and as it would be.

    Attributes:
        flips: one row per candidate whose outcome changes: ``candidate_id, request_id, path, was,
            now, because``.
        because: check -> flips that it decides.
        unknown: candidates that were not measured far enough to say; they count as ``error``.
        notes: what limits the answer.
    """

    rubric: str
    candidates: int
    requests: int
    before: Standing
    after: Standing
    flips: pd.DataFrame
    because: dict[str, int]
    unknown: int
    currency: str
    notes: tuple[str, ...]


def what_if(run: str | Path, rubric: str | Path) -> WhatIf:
    """Judge a finished run again under another rubric. No model is loaded.

    Raises:
        JobError: there is no run, or it has no tables.
        RubricError: the rubric cannot be used.
    """
    loaded = load_rubric(rubric, gate=False)
    stored = StoredRun(Path(run))
    judged = judge(loaded, stored)
    was = stored.column("outcome")
    now = np.array([outcome.value for outcome in CODES], object)[judged.outcome]
    dropped = stored.column("failed") == EARLY_REJECTION
    now = np.where(dropped, was, now)
    changed = np.flatnonzero(was != now)
    cost = float(np.nansum(stored.column("cost")))
    shares_hashes = loaded.min_distance > 0 and stored.has_ledger
    delivers = bool((stored.column("round") > 0).any())
    places = np.zeros(stored.rows, bool)
    if delivers:
        places = _delivered(stored, judged, loaded.min_distance if shares_hashes else 0.0)
    before = _standing(stored, was, ~np.isnan(stored.column("delivered")), cost)
    after = _standing(stored, now, places, cost)
    flips, because = _flips(stored, loaded, judged, was, now, changed)
    never = _not_measured(loaded, stored)
    return WhatIf(
        rubric=loaded.name,
        candidates=stored.rows,
        requests=len(stored.wanted),
        before=before,
        after=after,
        flips=flips,
        because=because,
        unknown=int(((judged.outcome == ERROR) & (was != Outcome.ERROR.value) & ~dropped).sum()),
        currency=stored.currency,
        notes=(*_notes(loaded, stored, never, int(dropped.sum())), *_unranked(loaded, judged)),
    )


def _standing(stored: StoredRun, outcomes: NDArray[Any], delivered: Any, cost: float) -> Standing:
    count = int(delivered.sum())
    got = Counter(stored.column("request_id")[delivered])
    return Standing(
        outcomes={str(k): int(v) for k, v in Counter(outcomes[outcomes != None]).items()},  # noqa: E711 - an array
        delivered=count,
        filled=sum(1 for key, wanted in stored.wanted.items() if 0 < wanted <= got[key]),
        cost_per_delivered=cost / count if count else None,
    )


def _delivered(stored: StoredRun, judged: Judgement, min_distance: float) -> NDArray[np.bool_]:
    """What would be delivered: per request the best that pass and are distinct, as in
    :func:`sentinelqa.selection.select`."""
    passed = np.flatnonzero(judged.outcome == PASS)
    order = passed[np.argsort(-judged.rank[passed], kind="stable")]
    places = np.zeros(stored.rows, bool)
    keys = stored.column("request_id")
    hashes = stored.hashes if min_distance > 0 else None
    taken: dict[str, list[Any]] = {}
    for row in order.tolist():
        mine = taken.setdefault(keys[row], [])
        if len(mine) >= stored.wanted.get(keys[row], 0):
            continue
        own = None if hashes is None else hashes[row]
        if own is not None and any(
            other is not None and (own ^ other).bit_count() / 64 < min_distance for other in mine
        ):
            continue
        mine.append(own)
        places[row] = True
    return places


def _flips(
    stored: StoredRun,
    rubric: Rubric,
    judged: Judgement,
    was: NDArray[Any],
    now: NDArray[Any],
    changed: NDArray[np.intp],
) -> tuple[pd.DataFrame, dict[str, int]]:
    because: Counter[str] = Counter()
    for check, codes in zip(rubric.checks, judged.checks, strict=True):
        guilty = int(((codes == judged.outcome) & (codes != PASS))[changed].sum())
        if guilty:
            because[check.name] += guilty
    failed = stored.column("failed")
    for row in changed[judged.outcome[changed] == PASS].tolist():
        because.update(f"{name} (no longer)" for name in (failed[row] or "").split())
    explained = {row: _reason(stored, rubric, row) for row in changed[:MOST_EXPLAINED].tolist()}
    frame = pd.DataFrame(
        {
            "candidate_id": stored.column("candidate_id")[changed],
            "request_id": stored.column("request_id")[changed],
            "path": stored.column("path")[changed],
            "was": was[changed],
            "now": now[changed],
            "because": [explained.get(row, "") for row in changed.tolist()],
        }
    )
    return frame, dict(because.most_common())


def _reason(stored: StoredRun, rubric: Rubric, row: int) -> str:
    names = [name for check in rubric.checks for name in check.sources]
    key = stored.column("request_id")[row]
    request = stored.requests.get(key) if _reads_requests(rubric) else None
    verdict = decide(
        rubric,
        stored.measurements(row, list(dict.fromkeys(names))),
        request or Request(id=key),
        stored.facts(row),
    )
    if verdict.reasons:
        return "; ".join(verdict.reasons)
    before = (stored.column("failed")[row] or "").replace(" ", ", ")
    return f"no longer: {before}" if before else "everything is within bounds now"


def _reads_requests(rubric: Rubric) -> bool:
    return any(
        variable.path[0] == "request"
        for check in rubric.rules
        for variable in getattr(getattr(check, "expression", None), "variables", ())
    )


def _not_measured(rubric: Rubric, stored: StoredRun) -> list[str]:
    names = dict.fromkeys(name for check in rubric.checks for name in check.sources)
    return [name for name in names if not stored.measured(name).any()]


def _unranked(rubric: Rubric, judged: Judgement) -> list[str]:
    count = int(((judged.outcome == PASS) & ~judged.ranked).sum())
    named = ", ".join(rubric.rank)
    return [f"{count} that pass lack a part of their rank ({named}) and come last"] if count else []


def _notes(rubric: Rubric, stored: StoredRun, never: list[str], dropped: int) -> list[str]:
    notes = ["from the candidates that there are; a new run may need fewer or more of them"]
    if dropped:
        notes.append(f"{dropped} candidates were dropped half way and stay failed")
    if never:
        notes.append(f"never measured in this run: {', '.join(never)}")
    if rubric.min_distance and not stored.has_ledger:
        notes.append("there is no ledger, so near-duplicates are counted as delivered")
    return notes
