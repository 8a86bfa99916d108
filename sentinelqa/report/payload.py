"""The columns that the page reads: compact, JSON-ready, one entry per candidate."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentinelqa.report.evidence import Evidence
from sentinelqa.report.model import CheckSection, RequestStory
from sentinelqa.report.seen import Shapes
from sentinelqa.report.thumbnails import address_of
from sentinelqa.report.yaml_marks import bound_spans
from sentinelqa.rubric.model import Threshold

MOST_CELLS = 600_000
"""Metrics are left out of the page beyond this many numbers; the tables have them all."""

OUTCOMES = ("pass", "review", "error", "fail", "open")


def payload(
    evidence: Evidence,
    sections: Sequence[CheckSection],
    stories: Sequence[RequestStory],
    rows: NDArray[np.int64],
    layers: Mapping[int, Shapes],
) -> dict[str, Any]:
    """What the page needs of the candidates ``rows``, whose requests stand together.

    Args:
        sections: per check of the rubric, in its order.
        stories: per request of the run, in its order.
        layers: row -> what is laid over its picture.
    """
    requests = sorted(set(evidence.position[rows].tolist()))
    place = {position: index for index, position in enumerate(requests)}
    return {
        "mode": "score" if evidence.scoring_only else "run",
        "minDistance": evidence.rubric.min_distance,
        "yaml": evidence.rubric.resolved,
        "checks": _checks(evidence, sections, rows),
        "requests": [_request(stories[position]) for position in requests],
        "request": [place[p] for p in evidence.position[rows].tolist()],
        **_candidates(evidence, rows),
        "metrics": _metrics(evidence, rows),
        "layers": {str(at): layers[r] for at, r in enumerate(rows.tolist()) if r in layers},
    }


def _request(story: RequestStory) -> dict[str, Any]:
    return {
        "id": story.id,
        "prompt": story.prompt,
        "wanted": story.wanted,
        "rounds": story.rounds,
        "outcome": story.outcome,
        "why": story.why,
        "help": story.help,
    }


def _checks(
    evidence: Evidence, sections: Sequence[CheckSection], rows: NDArray[np.int64]
) -> list[dict[str, Any]]:
    spans = bound_spans(evidence.rubric)
    found = []
    for index, (check, section) in enumerate(zip(evidence.rubric.checks, sections, strict=True)):
        codes = evidence.codes[index][rows]
        column: dict[str, Any] = {
            "name": check.name,
            "tier": check.tier,
            "kind": section.kind,
            "severity": check.severity,
            "about": section.about,
            "codes": _digits(codes),
        }
        if isinstance(check, Threshold):
            column |= {
                "unit": check.unit,
                "low": check.low,
                "high": check.high,
                "reviewLow": check.review_low,
                "reviewHigh": check.review_high,
                "start": section.start,
                "end": section.end,
                "spans": spans[index],
                "values": _numbers(evidence.values(check)[rows], 4),
            }
        found.append(column)
    return found


def _candidates(evidence: Evidence, rows: NDArray[np.int64]) -> dict[str, Any]:
    records = [evidence.records[row] for row in rows.tolist()]
    prompts, prompt = _dictionary([evidence.texts("prompt")[r] for r in rows.tolist()])
    settings, setting = _dictionary([record.settings for record in records])
    return {
        "id": _texts(evidence, "candidate_id", rows),
        "round": evidence.rounds[rows].tolist(),
        "seed": [evidence.seeds[row] for row in rows.tolist()],
        "prompts": prompts,
        "prompt": prompt,
        "settings": [json.loads(s) if s else None for s in settings],
        "setting": setting,
        "outcome": [OUTCOMES.index(evidence.outcomes[row]) for row in rows.tolist()],
        "delivered": evidence.delivered[rows].tolist(),
        "rank": _numbers(evidence.judgement.rank[rows], 6),
        "unranked": np.flatnonzero(~evidence.judgement.ranked[rows]).tolist(),
        "reasons": [_reasons(text) for text in _texts(evidence, "reasons", rows)],
        "path": _texts(evidence, "path", rows),
        "full": [address_of(evidence.run, path) for path in _texts(evidence, "path", rows)],
        "width": _numbers(evidence.numbers("width")[rows], 0),
        "height": _numbers(evidence.numbers("height")[rows], 0),
        "phash": ["" if r.phash is None else f"{r.phash:016x}" for r in records],
        "twin": [record.duplicate_of for record in records],
        "warnings": [list(record.warnings) for record in records],
        "notes": [[f"{name}: {note}" for name, note in record.notes] for record in records],
    }


def _texts(evidence: Evidence, name: str, rows: NDArray[np.int64]) -> list[str]:
    column = evidence.texts(name)
    return [column[row] for row in rows.tolist()]


def _digits(codes: NDArray[np.int8]) -> str:
    return (codes.astype(np.uint8) + ord("0")).astype(np.uint8).tobytes().decode()


def _metrics(evidence: Evidence, rows: NDArray[np.int64]) -> dict[str, list[Any]]:
    names = sorted(n for n in evidence.stored.names if n.startswith(("score.", "metric.")))
    if len(names) * len(rows) > MOST_CELLS:
        return {}
    columns: dict[str, list[Any]] = {}
    for name in names:
        values = evidence.stored.column(name)[rows]
        if values.dtype == object:
            columns[name] = [None if v is None else v for v in values.tolist()]
        else:
            columns[name] = [_short(v) for v in values.tolist()]
    return {name: column for name, column in columns.items() if any(v is not None for v in column)}


def _short(value: float) -> float | int | None:
    if not math.isfinite(value):
        return None
    short = float(f"{value:.4g}")
    return int(short) if short.is_integer() and abs(short) < 1e9 else short


def _numbers(values: NDArray[np.float64], digits: int) -> list[float | int | None]:
    found: list[float | int | None] = []
    for value in values.tolist():
        if not math.isfinite(value):
            found.append(None)
        else:
            short = round(value, digits)
            found.append(int(short) if short == int(short) else short)
    return found


def _dictionary(texts: list[str]) -> tuple[list[str], list[int]]:
    index = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    return list(index), [index[text] for text in texts]


def _reasons(text: str) -> list[str]:
    return [str(reason) for reason in json.loads(text)] if text else []
