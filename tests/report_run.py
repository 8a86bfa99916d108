"""A finished run directory, drawn rather than generated: what reports are tested on.

Scores are drawn, everything after them is real: the verdicts are those of ``decide``, the choice
that of ``select``, the tables those of ``write_tables``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from sentinelqa import images
from sentinelqa.decide import ImageFacts, decide
from sentinelqa.rubric.loading import load_rubric
from sentinelqa.rubric.model import Rubric
from sentinelqa.scorer import dimensions_of
from sentinelqa.selection import select
from sentinelqa.tables import (
    candidate_schema,
    measurement_columns,
    reasons_text,
    request_schema,
    write_tables,
)
from sentinelqa.types import (
    Candidate,
    Judged,
    Measurement,
    Outcome,
    Request,
    Unscored,
    Verdict,
    candidate_id,
    candidate_seed,
)

RUBRIC = """\
name: studio
version: 4
use_case: product
tiers:
  generic:
    artifacts: {min: 0.60}
    sharpness: {min: 0.45, review: 0.40}
  use_case:
    framing:
      - {min: 0.50}
      - {metric: fill, between: [0.30, 0.90]}
    lighting: {min: 0.40, severity: warn}
  custom:
    - name: large_enough
      require: image.width >= 48
rank: {sharpness: 2, framing: 1}
"""
SIZE = 96
MODEL = "starter"


@dataclass(frozen=True, slots=True)
class Scored:
    """One candidate with what was decided of it."""

    candidate: Candidate
    measurements: Sequence[Measurement]
    verdict: Verdict
    image: Any


def write_run(
    folder: Path,
    *,
    requests: int = 6,
    per_request: int = 12,
    wanted: int = 3,
    names: Sequence[str] = (),
    prompts: Sequence[str] = (),
    seed: int = 3,
    shift: float = 0.0,
    pictures: bool = True,
    size: int = SIZE,
) -> Path:
    """Write a run directory and return it.

    Args:
        names, prompts: of the requests, in order; the others get plain ones.
        shift: added to every score, for a second run that does better or worse.
        pictures: whether there are image files; without, a run of 20,000 takes seconds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "delivered").mkdir(exist_ok=True)
    (folder / "rubric.yaml").write_text(RUBRIC, encoding="utf-8")
    (folder / "job.yaml").write_text("name: studio\ngenerator: {model: starter}\n")
    _write_facts(folder)
    rubric = load_rubric(folder / "rubric.yaml")
    rng = np.random.default_rng(seed)
    wishes = [
        Request(
            id=names[i] if i < len(names) else f"mug-{i:03}",
            prompt=prompts[i] if i < len(prompts) else f"a {_COLOURS[i % 6]} mug on white",
            deliver=wanted,
        )
        for i in range(requests)
    ]
    rows: list[dict[str, Any]] = []
    summary: list[dict[str, Any]] = []
    for request in wishes:
        ease = float(rng.uniform(-0.25, 0.15)) + shift
        found = [
            _scored(folder, rubric, request, index, rng, ease, pictures=pictures, size=size)
            for index in range(per_request)
        ]
        judged = [Judged(candidate=s.candidate, verdict=s.verdict, image=s.image) for s in found]
        chosen = select(judged, wanted, min_distance=rubric.min_distance).delivered
        rows += [_row(scored, chosen, size) for scored in found]
        summary.append(_summary(request, found, len(chosen)))
    write_tables(folder / "candidates", candidate_schema(dimensions_of(rubric)), rows)
    write_tables(folder / "requests", request_schema(), summary)
    return folder


def as_live(folder: Path) -> Path:
    """Make a run look as if it were going on: the last third is not judged, one request is open."""
    candidates, requests = (
        pd.read_parquet(folder / f"{name}.parquet") for name in ("candidates", "requests")
    )
    late = candidates.index >= 2 * len(candidates) // 3
    candidates.loc[late, ["outcome", "rank", "reasons", "failed", "delivered"]] = None
    requests.loc[len(requests) - 1, "outcome"] = None
    candidates.to_parquet(folder / "candidates.parquet")
    requests.to_parquet(folder / "requests.parquet")
    return folder


def as_scored(folder: Path) -> Path:
    """Make a run look as ``score`` leaves one, of faces with three skin tones."""
    (folder / "job.yaml").write_text("score: [photos]\nrubric: studio\n")
    table = pd.read_parquet(folder / "candidates.parquet")
    table["delivered"] = None
    table["score.skin_tone"] = 0.9
    table["unscored.skin_tone"] = None
    table["metric.skin_tone.monk"] = np.resize(np.array([2.0, 6.0, 9.0, np.nan]), len(table))
    table.to_parquet(folder / "candidates.parquet")
    return folder


_COLOURS = ("red", "teal", "amber", "violet", "green", "grey")
_HUES = (
    (190, 60, 50),
    (30, 130, 130),
    (215, 150, 40),
    (110, 70, 160),
    (60, 130, 70),
    (90, 95, 100),
)


def draw(hue: Sequence[int], sharpness: float, fill: float, size: int, rng: Any) -> images.RGB:
    """A mug on white, as soft and as large as its scores say."""
    scale = 2
    side = size * scale
    ramp = np.linspace(252, 226, side)[:, None, None]
    canvas = np.broadcast_to(ramp, (side, side, 3)).astype(np.uint8).copy()
    half = max(6, int(side * fill / 2.6))
    x, y = (int(side * v) for v in rng.uniform(0.46, 0.54, 2))
    top, bottom, left, right = y - half, y + half, x - int(half * 0.8), x + int(half * 0.8)
    shadow = canvas.copy()
    cv2.ellipse(shadow, (x, bottom), (int(half * 1.1), half // 5), 0, 0, 360, (190, 188, 185), -1)
    canvas = cv2.GaussianBlur(shadow, (0, 0), side / 40)
    dark = tuple(int(v * 0.72) for v in hue)
    cv2.ellipse(canvas, (right, y), (half // 2, half // 2), 0, 0, 360, dark, max(2, half // 6))
    cv2.rectangle(canvas, (left, top), (right, bottom), tuple(hue), -1)
    cv2.ellipse(canvas, (x, bottom), (int(half * 0.8), half // 5), 0, 0, 360, tuple(hue), -1)
    cv2.ellipse(canvas, (x, top), (int(half * 0.8), half // 5), 0, 0, 360, dark, -1)
    light = tuple(min(255, int(v * 1.2) + 20) for v in hue)
    cv2.rectangle(
        canvas, (left + half // 6, top + half // 4), (left + half // 3, bottom), light, -1
    )
    blur = max(0.1, (0.75 - sharpness) * side / 24)
    soft = cv2.GaussianBlur(canvas, (0, 0), blur)
    return np.asarray(cv2.resize(soft, (size, size), interpolation=cv2.INTER_AREA), np.uint8)


def _scored(
    folder: Path,
    rubric: Rubric,
    request: Request,
    index: int,
    rng: Any,
    ease: float,
    *,
    pictures: bool,
    size: int,
) -> Scored:
    candidate = Candidate(
        id=candidate_id(request.id, index),
        request_id=request.id,
        index=index,
        round=1 + index // 4,
        seed=candidate_seed(7, request.id, index),
        prompt=request.prompt,
    )
    score = {
        name: float(np.clip(rng.normal(centre + ease, 0.16), 0, 1))
        for name, centre in (
            ("artifacts", 0.86),
            ("sharpness", 0.62),
            ("framing", 0.72),
            ("lighting", 0.7),
        )
    }
    fill = float(np.clip(0.3 + 0.5 * score["framing"] + rng.normal(0, 0.06), 0.05, 0.99))
    image = None
    if pictures:
        hue = _HUES[sum(map(ord, request.id)) % len(_HUES)]
        encoded = images.encode_fast(draw(hue, score["sharpness"], fill, size, rng))
        image = images.store(folder, encoded, width=size, height=size)
    measured = list(_measurements(score, fill, index))
    verdict = decide(
        rubric, {m.dimension: m for m in measured}, request, ImageFacts(width=size, height=size)
    )
    return Scored(candidate, measured, verdict, image)


def _measurements(score: dict[str, float], fill: float, index: int) -> Iterator[Measurement]:
    yield Measurement(dimension="artifacts", score=round(score["artifacts"], 4))
    if index == 5:
        yield Measurement.without_score("sharpness", Unscored.ERROR, "the scorer crashed")
    else:
        yield Measurement(dimension="sharpness", score=round(score["sharpness"], 4))
    if score["artifacts"] < 0.6:
        return
    metrics = {"fill": round(fill, 4)}
    yield Measurement(dimension="framing", score=round(score["framing"], 4), metrics=metrics)
    if index == 2:
        yield Measurement.without_score("lighting", Unscored.NOT_APPLICABLE, "there is no face")
    else:
        yield Measurement(dimension="lighting", score=round(score["lighting"], 4))


def _row(scored: Scored, chosen: Sequence[str], size: int) -> dict[str, Any]:
    candidate, verdict, image = scored.candidate, scored.verdict, scored.image
    return {
        "request_id": candidate.request_id,
        "candidate_id": candidate.id,
        "round": candidate.round,
        "seed": candidate.seed,
        "prompt": candidate.prompt,
        "model": MODEL,
        "revision": "",
        "sha256": image.sha256 if image else "",
        "path": image.path if image else f"images/gone/{candidate.id}.png",
        "width": size,
        "height": size,
        "outcome": verdict.outcome.value,
        "reasons": reasons_text(verdict.reasons),
        "failed": " ".join(verdict.failed),
        "rank": verdict.rank,
        "delivered": chosen.index(candidate.id) + 1 if candidate.id in chosen else None,
        "generate_seconds": 1.25,
        "score_seconds": 0.125,
        "cost": 1.375,
        **measurement_columns(scored.measurements),
    }


def _summary(request: Request, found: Sequence[Scored], delivered: int) -> dict[str, Any]:
    short = delivered < request.deliver
    failed = sum(s.verdict.outcome is Outcome.FAIL for s in found)
    return {
        "request_id": request.id,
        "prompt": request.prompt,
        "wanted": request.deliver,
        "delivered": delivered,
        "candidates": len(found),
        "rounds": max((s.candidate.round for s in found), default=0),
        "outcome": "short" if short else "delivered",
        "shortfall_reasons": f"all rounds are used; {failed} failed" if short else "",
        "cost": 1.375 * len(found),
        "cost_per_delivered": 1.375 * len(found) / delivered if delivered else None,
    }


def _write_facts(folder: Path) -> None:
    facts = {
        "name": "studio",
        "generators": [{"id": MODEL, "licence": "Apache-2.0", "sha256": "ab" * 32}],
        "scorers": [{"id": "starter-clip", "licence": "Apache-2.0", "sha256": "cd" * 32}],
        "licences": "commercial",
        "currency": "device-seconds",
        "versions": {"sentinelqa": "0.1.0", "python": "3.11"},
        "platform": "Linux",
    }
    (folder / "facts.json").write_text(json.dumps(facts, sort_keys=True), encoding="utf-8")
