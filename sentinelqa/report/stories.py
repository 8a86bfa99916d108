"""Request by request: what was wanted, what became of it, and what would help."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentinelqa.report.checks import missing_by
from sentinelqa.report.evidence import UNMEASURED, Evidence
from sentinelqa.report.model import RequestStory
from sentinelqa.rubric.columns import FAIL, PASS, REVIEW
from sentinelqa.rubric.model import Threshold

MOST_MORE = 1000
"""Beyond this many further candidates, "more candidates" is no advice."""


def request_stories(evidence: Evidence) -> tuple[RequestStory, ...]:
    """One story per request, in the order of the requests file."""
    order = np.argsort(evidence.position, kind="stable")
    bounds = np.searchsorted(evidence.position[order], np.arange(len(evidence.requests) + 1))
    return tuple(
        _story(evidence, record, order[bounds[i] : bounds[i + 1]])
        for i, record in enumerate(evidence.requests.to_dict("records"))
    )


def _story(
    evidence: Evidence, record: Mapping[Hashable, object], rows: NDArray[np.int64]
) -> RequestStory:
    failed = evidence.stored.column("failed")[rows]
    failures = Counter(name for names in failed for name in (names or "").split())
    wanted, delivered = _int(record["wanted"]), _int(record["delivered"])
    outcome = _text(record["outcome"])
    if evidence.scoring_only:
        outcome = evidence.outcomes[rows[0]] if len(rows) else "open"
    short = not evidence.scoring_only and wanted > delivered
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
        help=_help(evidence, rows, wanted, failures) if short else "",
    )


def _help(evidence: Evidence, rows: NDArray[np.int64], wanted: int, failures: Counter[str]) -> str:
    rejects = sum(1 for row in rows if evidence.outcomes[row] in ("fail", "review"))
    sentences = []
    if failures:
        name, count = min(failures.items(), key=lambda item: (-item[1], item[0]))
        sentences.append(f"{count} of {rejects} rejects failed {name}.")
    change = _one_change(evidence, rows, wanted)
    sentences.append(change or _more(evidence, rows, wanted))
    return " ".join(s for s in sentences if s)


def _one_change(evidence: Evidence, rows: NDArray[np.int64], wanted: int) -> str:
    """The single bound whose smallest change completes the request, or gains most."""
    best: tuple[int, float, str] | None = None
    have = len(_chosen(evidence, rows, _passing(evidence, rows), wanted))
    for number, check in enumerate(evidence.rubric.checks):
        if not isinstance(check, Threshold) or check.severity == "warn":
            continue
        found = _relaxed(evidence, rows, number, check, wanted)
        if found is None:
            continue
        gained, cost, said = found
        if gained > have and (best is None or (gained, -cost) > (best[0], -best[1])):
            best = (gained, cost, said)
    if best is None:
        return ""
    if best[0] >= wanted:
        return f"{best[2]} this request is complete."
    return f"{best[2]} it has {best[0]} of {wanted}; no single threshold completes it."


def _relaxed(
    evidence: Evidence, rows: NDArray[np.int64], number: int, check: Threshold, wanted: int
) -> tuple[int, float, str] | None:
    """Let in what only this check keeps out, nearest first, until the request is complete."""
    others = np.ones(len(rows), bool)
    for index, codes in enumerate(evidence.codes):
        if index != number:
            others &= codes[rows] == PASS
    values = evidence.values(check)[rows]
    gaps = missing_by(check, values)
    mine = evidence.codes[number][rows]
    near = np.flatnonzero(others & np.isin(mine, (FAIL, REVIEW)) & np.isfinite(gaps))
    near = near[np.argsort(gaps[near], kind="stable")]
    passing = _passing(evidence, rows)
    got, at = 0, -1
    for place, index in enumerate(near.tolist()):
        passing[index] = True
        now = len(_chosen(evidence, rows, passing, wanted))
        if now > got:
            got, at = now, place
        if got >= wanted:
            break
    if at < 0:
        return None
    value = float(values[near[at]])
    below = check.low is not None and value < check.low
    bound = check.low if below else check.high
    new = _just_admitting(value, float(bound or 0.0), down=below)
    relative = float(gaps[near[at]]) / (abs(float(bound or 0.0)) or 1.0)
    return got, relative, f"At {new:g} instead of {bound:g} for {check.name}"


def _just_admitting(value: float, bound: float, *, down: bool) -> float:
    """A short number that lets ``value`` in and differs from ``bound``."""
    for digits in (2, 3, 4):
        scale = 10**digits
        near = (math.floor if down else math.ceil)(round(value * scale, 6)) / scale
        if near != bound:
            return near
    return value


def _passing(evidence: Evidence, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    return np.asarray(evidence.judgement.outcome[rows] == PASS, bool)


def _chosen(
    evidence: Evidence, rows: NDArray[np.int64], passing: NDArray[np.bool_], wanted: int
) -> list[int]:
    """What would be delivered, as in :func:`sentinelqa.selection.select`."""
    inside = rows[passing]
    order = inside[np.argsort(-evidence.judgement.rank[inside], kind="stable")]
    share = evidence.rubric.min_distance
    taken: list[int] = []
    for row in order.tolist():
        own = evidence.records[row].phash
        alike = own is not None and any(
            (other := evidence.records[o].phash) is not None
            and (own ^ other).bit_count() / 64 < share
            for o in taken
        )
        if not alike and len(taken) < wanted:
            taken.append(row)
    return taken


def _more(evidence: Evidence, rows: NDArray[np.int64], wanted: int) -> str:
    have = len(_chosen(evidence, rows, _passing(evidence, rows), wanted))
    passed = int(_passing(evidence, rows).sum())
    if passed and have < wanted:
        more = math.ceil((wanted - have) * len(rows) / passed)
        if more <= MOST_MORE:
            return f"At its pass rate of {passed / len(rows):.0%}, about {more} more candidates."
    unknown = sum(1 for codes in evidence.codes if (codes[rows] == UNMEASURED).any())
    rest = " Rejects were not measured to the end; --full measures everything." if unknown else ""
    return f"No single threshold helps; try another prompt, model or settings.{rest}"


def _int(value: object) -> int:
    return 0 if value is None or value != value else int(str(value).split(".")[0])


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
    """A request's story with its candidates, best first."""

    story: RequestStory
    lines: tuple[Line, ...]


def tell(run: Path, request: str) -> Told | None:
    """The story of one request; ``None`` where the run has no such request.

    Raises:
        JobError: there are no tables.
    """
    evidence = Evidence(run)
    found = np.flatnonzero(evidence.requests["request_id"].to_numpy() == request)
    if not len(found):
        return None
    rows = np.flatnonzero(evidence.position == found[0])
    story = _story(evidence, evidence.requests.iloc[int(found[0])].to_dict(), rows)
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
        for row in rows.tolist()
    ]
    lines.sort(key=lambda line: (line.place or math.inf, line.outcome != "pass", -line.rank))
    return Told(story, tuple(lines))
