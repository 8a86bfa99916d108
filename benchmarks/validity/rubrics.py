"""Which clean photographs the shipped rubrics refuse, and which checks refuse them."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from benchmarks.validity import material
from benchmarks.validity.material import RGB
from benchmarks.validity.measuring import Bench
from benchmarks.validity.table import table
from sentinelqa.errors import UsageError
from sentinelqa.rubric.loading import load_rubric
from sentinelqa.scorer import Scored, ScoreItem, ScorePlan, ScoreStage
from sentinelqa.types import Candidate, Outcome, Request

_TINS = {"red": material.RED, "blue": (30, 70, 170), "green": (30, 120, 50)}
_COLUMNS = ("rubric", "pictures", *(outcome.value for outcome in Outcome))
PORTRAIT, SCENE = "a portrait photo of a person", "a photo"


def refused(bench: Bench, pictures: Mapping[str, RGB]) -> str:
    """One row per rubric and kind of picture."""
    everything = dict(pictures)
    rows = []
    if bench.can("faces"):
        portraits = {n: p for n, p in everything.items() if _is_portrait(bench, p)}
        rows.append(_row("headshot", "portraits", portraits, PORTRAIT))
    tins = {f"{name} tin": material.label(colour=rgb) for name, rgb in _TINS.items()}
    rows.append(_row("catalog", "all photographs", everything, SCENE))
    rows.append(_row("catalog", "drawn tins on white", tins, ""))
    rows.append(_row("smoke", "all photographs", everything, SCENE))
    return table((*_COLUMNS, "refused by (pictures)"), rows)


def _is_portrait(bench: Bench, rgb: RGB) -> bool:
    """One face, 40 pixels and more between the eyes, seen from the front."""
    found = bench.measure("faces", rgb).metrics
    if found["count"] != 1:
        return False
    return float(found["eye_distance"]) >= 40 and abs(float(found["yaw"])) < 30


def _row(rubric: str, kind: str, pictures: Mapping[str, RGB], prompt: str) -> tuple[str, ...]:
    outcomes: Counter[str] = Counter()
    blame: Counter[str] = Counter()
    try:
        stage = ScoreStage(ScorePlan(rubric=load_rubric(rubric), full=True))
        stage.load()
    except UsageError as error:
        return (rubric, kind, "-", "-", "-", "-", str(error).splitlines()[0])
    with tempfile.TemporaryDirectory() as folder:
        for name, rgb in pictures.items():
            path = Path(folder) / f"{name}.png"
            Image.fromarray(rgb).save(path)
            scored = _score(stage, path, prompt or f"a {name}")
            outcomes[scored.verdict.outcome] += 1
            blame.update({c.name for c in scored.verdict.checks if _refuses(c.outcome)})
    total = sum(outcomes.values())
    why = ", ".join(f"{check} ({count})" for check, count in blame.most_common())
    counts = (f"{outcomes[o]} of {total}" for o in Outcome)
    return (rubric, kind, *counts, why or "nothing")


def _score(stage: ScoreStage, path: Path, prompt: str) -> Scored:
    """The picture is its own reference: only what it is by itself is judged."""
    request = Request(id=path.stem, prompt=prompt, references=(str(path),))
    candidate = Candidate(id="0" * 16, request_id=request.id, prompt=prompt)
    return stage.run([ScoreItem(candidate=candidate, request=request, path=str(path))])[0]


def _refuses(outcome: Outcome | None) -> bool:
    return outcome in (Outcome.FAIL, Outcome.REVIEW, Outcome.ERROR)
