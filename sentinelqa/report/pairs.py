"""The pictures of two runs, side by side: a bounded number, embedded in the page."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from sentinelqa.report.comparison import RequestRow
from sentinelqa.report.evidence import Evidence
from sentinelqa.report.thumbnails import Shown, embedded

MOST_REQUESTS = 160
MOST_PICTURES = 4
"""Per request and run."""
BUDGET = 7_000_000
"""Bytes of thumbnails per run."""

_ORDER = {"worse": 0, "better": 1, "same": 2}
_OUTCOMES = ("pass", "review", "fail", "error", "open")


def picture_pairs(
    runs: Sequence[Evidence], rows: Sequence[Sequence[list[int]]], requests: Sequence[RequestRow]
) -> dict[str, Any]:
    """Pairs for the browser: what changed first, best pictures first.

    Args:
        rows: per run and compared request its candidates.
        requests: the compared requests, in the order of ``rows``.
    """
    order = sorted(range(len(requests)), key=lambda place: _ORDER[requests[place].standing])
    places = order[:MOST_REQUESTS]
    sides = []
    for evidence, own in zip(runs, rows, strict=True):
        best = [_best(evidence, own[place], requests[place]) for place in places]
        flat = [row for some in best for row in some]
        columns = evidence.texts("candidate_id"), evidence.texts("path")
        shown = [Shown(*(column[row] for column in columns)) for row in flat]
        thumbnails = embedded(evidence.run, shown, budget=BUDGET)
        sides.append([[_picture(evidence, row, next(thumbnails)) for row in some] for some in best])
    return {
        "pairs": [
            _pair(requests[place], sides[0][index], sides[1][index])
            for index, place in enumerate(places)
        ],
        "more": len(requests) - len(places),
    }


def _best(evidence: Evidence, rows: Sequence[int], request: RequestRow) -> list[int]:
    def order(row: int) -> tuple[float, int, float]:
        outcome = _OUTCOMES.index(evidence.outcomes[row])
        rank = float(evidence.judgement.rank[row])
        return int(evidence.delivered[row]) or math.inf, outcome, -rank

    return sorted(rows, key=order)[: min(max(request.wanted, 1), MOST_PICTURES)]


def _picture(evidence: Evidence, row: int, thumbnail: str) -> dict[str, Any]:
    reasons = evidence.texts("reasons")[row]
    found = [str(reason) for reason in json.loads(reasons)] if reasons else []
    return {
        "image": thumbnail,
        "outcome": evidence.outcomes[row],
        "place": int(evidence.delivered[row]),
        "reason": found[0] if found else "",
    }


def _pair(request: RequestRow, *sides: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": request.id,
        "prompt": request.prompt,
        "standing": request.standing,
        "got": list(request.got),
        "passed": [f"{hits} of {looked} passed" for hits, looked in request.passed],
        "sides": list(sides),
    }
