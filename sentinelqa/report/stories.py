"""Request by request: what was wanted, what became of it, and what would help."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass
from heapq import nsmallest
from pathlib import Path

import numpy as np

from sentinelqa.report.advice import Advice
from sentinelqa.report.evidence import Evidence
from sentinelqa.report.model import RequestStory

_TOLD = (
    "request_id",
    "prompt",
    "wanted",
    "delivered",
    "candidates",
    "rounds",
    "outcome",
    "shortfall_reasons",
)
"""Columns of the requests table."""


class Storyteller:
    """Tells the stories of the requests of a part."""

    def __init__(self, part: Evidence) -> None:
        self._part = part
        self._advice = Advice(part)
        order = np.argsort(part.position, kind="stable")
        wishes = np.arange(part.requests.num_rows + 1)
        self._bounds: list[int] = np.searchsorted(part.position[order], wishes).tolist()
        self._order: list[int] = order.tolist()
        self._columns = {name: part.of_requests(name) for name in _TOLD}

    def __len__(self) -> int:
        return len(self._bounds) - 1

    def rows(self, place: int) -> list[int]:
        """The candidates of the request at a place of the part."""
        return self._order[self._bounds[place] : self._bounds[place + 1]]

    def story(self, place: int) -> RequestStory:
        """The story of the request at a place of the part."""
        record = {name: column[place] for name, column in self._columns.items()}
        part, rows = self._part, self.rows(place)
        failed = part.texts("failed")
        failures = Counter(name for row in rows for name in failed[row].split())
        wanted, delivered = _int(record["wanted"]), _int(record["delivered"])
        outcome = _text(record["outcome"])
        if part.scoring_only:
            outcome = part.outcomes[rows[0]] if rows else "open"
        short = not part.scoring_only and wanted > delivered
        return RequestStory(
            id=str(record["request_id"]),
            prompt=_text(record["prompt"]),
            wanted=wanted,
            delivered=delivered,
            candidates=_int(record["candidates"]),
            rounds=_int(record["rounds"]),
            outcome=outcome or "open",
            why=_text(record["shortfall_reasons"]).split(";")[0] if short else "",
            failures=dict(sorted(failures.items(), key=lambda item: (-item[1], item[0]))),
            help=self._advice.help(rows, wanted, failures) if short else "",
        )


class Shortest:
    """The requests that fell short, those that lack most first: counted in parts, and the first
    of them told.

    Args:
        most: how many are told.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._told: dict[tuple[int, str], tuple[int, RequestStory]] = {}
        self.count = 0

    def add(self, part: Evidence, page: int) -> None:
        """Look at the requests of a part, whose candidates are on this page of the report."""
        columns = (part.of_requests(n) for n in ("outcome", "delivered", "wanted", "request_id"))
        found = {
            (_int(delivered) - _int(wanted), str(key)): place
            for place, (outcome, delivered, wanted, key) in enumerate(zip(*columns, strict=True))
            if outcome in ("short", "error")
        }
        self.count += len(found)
        chosen = nsmallest(self._most, [*self._told, *found])
        if any(key in found for key in chosen):
            teller = Storyteller(part)
            told = {key: (page, teller.story(found[key])) for key in chosen if key in found}
            self._told = {key: told.get(key) or self._told[key] for key in chosen}

    def stories(self) -> tuple[tuple[int, RequestStory], ...]:
        """Each with the page that it is on."""
        return tuple(self._told[key] for key in sorted(self._told))


def _int(value: object) -> int:
    return 0 if value is None or value != value else int(float(str(value)))


def _text(value: object) -> str:
    return "" if value is None or value != value else str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One candidate in the story of its request."""

    id: str
    round: int
    outcome: str
    place: int
    rank: float
    ranked: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """A request's story with its candidates, best first.

    Attributes:
        page: of the report that shows it; ``None`` where there is only one.
    """

    story: RequestStory
    lines: tuple[Line, ...]
    page: int | None


def tell(run: Path, request: str) -> Told | None:
    """The story of one request; ``None`` where the run has no such request.

    Raises:
        JobError: there are no tables.
    """
    whole = Evidence(run)
    spans = whole.spans()
    place = whole.table.place_of(request)
    if place is None:
        return None
    page = next(n for n, span in enumerate(spans, start=1) if place < span.last_request)
    evidence = whole.part(spans[page - 1])
    teller = Storyteller(evidence)
    within = place - spans[page - 1].first_request
    reasons = evidence.texts("reasons")
    lines = [
        Line(
            id=evidence.texts("candidate_id")[row],
            round=int(evidence.rounds[row]),
            outcome=evidence.outcomes[row],
            place=int(evidence.delivered[row]),
            rank=float(evidence.judgement.rank[row]),
            ranked=bool(evidence.judgement.ranked[row]),
            reasons=tuple(json.loads(reasons[row])) if reasons[row] else (),
        )
        for row in teller.rows(within)
    ]
    lines.sort(key=lambda line: (line.place or math.inf, line.outcome != "pass", -line.rank))
    return Told(teller.story(within), tuple(lines), page if len(spans) > 1 else None)
