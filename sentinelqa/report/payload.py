"""The columns that the page reads: compact, JSON-ready, one entry per candidate."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from sentinelqa.report.evidence import Evidence
from sentinelqa.report.model import CheckSection, RequestStory
from sentinelqa.report.records import Record
from sentinelqa.report.seen import Shapes
from sentinelqa.report.stories import Storyteller
from sentinelqa.report.thumbnails import address_of
from sentinelqa.report.yaml_marks import bound_spans
from sentinelqa.rubric.model import Threshold
from sentinelqa.rubric.stored import StoredRun

T = TypeVar("T")

MOST_CELLS = 600_000
"""Metrics are left out of the page beyond this many numbers; the tables have them all."""

OUTCOMES = ("pass", "review", "error", "fail", "open")


class Payload(Mapping[str, Any]):
    """Values by name, each made when it is asked for: a page is written one column at a time."""

    def __init__(self, made: Mapping[str, Callable[[], Any]]) -> None:
        self._made = made

    def __getitem__(self, name: str) -> Any:
        return self._made[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)


def payload(
    part: Evidence,
    sections: Sequence[CheckSection],
    layers: Mapping[int, Shapes],
    whole: Mapping[str, Any] | None = None,
) -> Payload:
    """What the page needs of a part of the run, whose requests stand together.

    Args:
        sections: per check of the rubric, in its order.
        layers: row of the run -> what is laid over its picture.
        whole: what is said of the whole run, where this is not all of it.
    """
    teller = Storyteller(part)
    places = [place for place in range(len(teller)) if teller.rows(place)]
    rows = np.array([row for place in places for row in teller.rows(place)], np.int64)
    sizes = [len(teller.rows(place)) for place in places]
    return Payload(
        {
            "mode": lambda: "score" if part.scoring_only else "run",
            "minDistance": lambda: part.rubric.min_distance,
            "yaml": lambda: part.rubric.resolved,
            "whole": lambda: whole,
            "checks": lambda: _checks(part, sections, rows),
            "requests": lambda: (_request(teller.story(place)) for place in places),
            "request": lambda: np.repeat(np.arange(len(places)), sizes).tolist(),
            **_candidates(part, rows),
            "metrics": lambda: _metrics(part, rows),
            "layers": lambda: _layers(layers, (rows + part.first).tolist()),
        }
    )


def _layers(layers: Mapping[int, Shapes], rows: Sequence[int]) -> dict[str, Shapes]:
    return {str(at): layers[row] for at, row in enumerate(rows) if row in layers}


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
) -> Iterator[dict[str, Any]]:
    spans = bound_spans(evidence.rubric)
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
        yield column


def _candidates(evidence: Evidence, rows: NDArray[np.int64]) -> dict[str, Callable[[], list[Any]]]:
    def texts(name: str) -> list[str]:
        return _at(evidence.texts_once(name), rows)

    def numbers(name: str) -> list[float | int | None]:
        return _numbers(evidence.numbers(name)[rows], 0)

    def settings() -> list[str]:
        return [record.settings for record in _at(evidence.records, rows)]

    def prompts() -> list[str]:
        return texts("prompt")

    def of_records(value: Callable[[Record], Any]) -> Callable[[], list[Any]]:
        return lambda: [value(record) for record in _at(evidence.records, rows)]

    return {
        "id": lambda: texts("candidate_id"),
        "round": lambda: _listed(evidence.rounds, rows),
        "seed": lambda: _at(evidence.seeds, rows),
        "prompts": lambda: list(_distinct(prompts())),
        "prompt": lambda: _places(prompts()),
        "settings": lambda: [json.loads(s) if s else None for s in _distinct(settings())],
        "setting": lambda: _places(settings()),
        "outcome": lambda: [OUTCOMES.index(name) for name in _at(evidence.outcomes, rows)],
        "delivered": lambda: _listed(evidence.delivered, rows),
        "rank": lambda: _numbers(evidence.judgement.rank[rows], 6),
        "unranked": lambda: np.flatnonzero(~evidence.judgement.ranked[rows]).tolist(),
        "reasons": lambda: [_reasons(text) for text in texts("reasons")],
        "path": lambda: texts("path"),
        "full": lambda: [address_of(evidence.run, path) for path in texts("path")],
        "width": lambda: numbers("width"),
        "height": lambda: numbers("height"),
        "phash": of_records(lambda record: "" if record.phash is None else f"{record.phash:016x}"),
        "twin": of_records(lambda record: record.duplicate_of),
        "warnings": of_records(lambda record: list(record.warnings)),
        "notes": of_records(lambda record: [f"{name}: {note}" for name, note in record.notes]),
    }


def _listed(column: NDArray[np.int64], rows: NDArray[np.int64]) -> list[int]:
    found: list[int] = column[rows].tolist()
    return found


def _at(column: Sequence[T], rows: NDArray[np.int64]) -> list[T]:
    return [column[row] for row in rows.tolist()]


def _digits(codes: NDArray[np.int8]) -> str:
    return (codes.astype(np.uint8) + ord("0")).astype(np.uint8).tobytes().decode()


def _metrics(evidence: Evidence, rows: NDArray[np.int64]) -> Payload:
    stored = evidence.stored
    names = sorted(n for n in stored.names if n.startswith(("score.", "metric.")))
    if len(names) * len(rows) > MOST_CELLS:
        return Payload({})
    known = [name for name in names if _is_known(stored.column(name)[rows])]
    return Payload({name: partial(_metric, stored, name, rows) for name in known})


def _is_known(values: NDArray[Any]) -> bool:
    """Whether there is any value."""
    if values.dtype == object:
        return any(v is not None for v in values.tolist())
    return bool(np.isfinite(values).any())


def _metric(stored: StoredRun, name: str, rows: NDArray[np.int64]) -> list[Any]:
    values = stored.column(name)[rows]
    if values.dtype == object:
        return [None if v is None else v for v in values.tolist()]
    return [_short(v) for v in values.tolist()]


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


def _distinct(texts: Iterable[str]) -> dict[str, int]:
    """Each text once, with its place."""
    return {text: place for place, text in enumerate(dict.fromkeys(texts))}


def _places(texts: Sequence[str]) -> list[int]:
    known = _distinct(texts)
    return [known[text] for text in texts]


def _reasons(text: str) -> list[str]:
    return [str(reason) for reason in json.loads(text)] if text else []
