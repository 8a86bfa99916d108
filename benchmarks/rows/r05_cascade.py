"""Early exit against full scoring on the same images, the decisions compared one by one.

Both sides are the scoring stage itself, in one process, on batches in turn. The order of measuring
is learnt as in a run: from one candidate in sixteen, two cohorts back.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.base import Bench, Row, at_most
from benchmarks.material import CATALOG, WITH_PROMPT, drawn, write_png
from sentinelqa.pipeline.score import COHORT
from sentinelqa.pipeline.surveying import Surveyor
from sentinelqa.rubric.loading import load_rubric
from sentinelqa.scorer import Scored, ScoreItem, ScorePlan, ScoreStage
from sentinelqa.types import Candidate, Outcome, Request

BATCH = 16
LAST_DIGIT = 2e-6
"""Two computations of one score may round to neighbouring sixth decimals, once in thousands."""
PROMPT = "a red ball, studio product photo, white background"


def measure(bench: Bench) -> list[Row]:
    """Many small pictures for the decisions, fewer of a usual size with the image-text model."""
    many = _compare(bench, CATALOG, bench.pick(full=3000, quick=96), 64)
    usual = _compare(bench, WITH_PROMPT, bench.pick(full=64, quick=16), 512)
    return [
        _row("cascade over full scoring, 64-pixel drawings", many),
        _row("cascade over full scoring, 512-pixel drawings with CLIP", usual),
        Row(
            number=5,
            name="top-K by bounds over full scoring",
            goal=at_most(0.5),
            reached=None,
            detail="Not built: in every shipped rubric each dimension that ranks is a gate, too, "
            "so every candidate that passes has its whole rank.",
        ),
    ]


class _Compared:
    """Seconds of both sides, and what was decided."""

    def __init__(self) -> None:
        self.full = self.early = 0.0
        self.images = self.mismatches = 0
        self.outcomes: Counter[Outcome] = Counter()


def _compare(bench: Bench, text: str, count: int, side: int) -> _Compared:
    folder = write_png(bench.scratch / f"images-{side}", drawn(count, side))
    rubric = bench.scratch / f"rubric-{side}.yaml"
    rubric.write_text(text, encoding="utf-8")
    loaded = load_rubric(str(rubric))
    stages = [ScoreStage(ScorePlan(rubric=loaded, full=full)) for full in (True, False)]
    for stage in stages:
        stage.load()
    surveyor = Surveyor(COHORT)
    items = [_item(surveyor, n, p) for n, p in enumerate(sorted(folder.iterdir())[:BATCH])]
    for stage in stages:
        stage.run(items)
    found, surveyor = _Compared(), Surveyor(COHORT)
    paths = sorted(folder.iterdir())
    for start in range(0, len(paths), BATCH):
        items = [_item(surveyor, start + n, p) for n, p in enumerate(paths[start : start + BATCH])]
        full, early = (_timed(stage, items) for stage in stages)
        found.full += full[1]
        found.early += early[1]
        _check(found, full[0], early[0])
        for scored in early[0]:
            surveyor.judged(scored)
    if found.mismatches:
        raise RuntimeError(f"{found.mismatches} decisions differ: the figure is worthless")
    return found


def _item(surveyor: Surveyor, position: int, path: Path) -> ScoreItem:
    candidate = Candidate(id=f"{position:016x}", request_id=str(position), path=str(path))
    request = Request(id=str(position), prompt=PROMPT)
    return surveyor.item(candidate, request, str(path), surveyor.place(position))


def _timed(stage: ScoreStage, items: Sequence[ScoreItem]) -> tuple[list[Scored], float]:
    start = time.process_time()
    return stage.run(items), time.process_time() - start


def _check(found: _Compared, full: Sequence[Scored], early: Sequence[Scored]) -> None:
    for one, other in zip(full, early, strict=True):
        found.images += 1
        found.outcomes[one.verdict.outcome] += 1
        same = one.verdict.outcome is other.verdict.outcome
        if one.verdict.outcome is not Outcome.FAIL:
            near = abs(one.verdict.rank - other.verdict.rank) <= LAST_DIGIT
            same = same and near and one.phash == other.phash
        found.mismatches += not same


def _row(name: str, found: _Compared) -> Row:
    passed = found.outcomes[Outcome.PASS] / found.images
    return Row(
        number=5,
        name=name,
        goal=at_most(0.6),
        reached=found.early / found.full,
        limit=passed,
        detail=f"{found.images} images, {passed:.0%} pass, 0 mismatches; "
        f"{1e3 * found.early / found.images:.1f} over {1e3 * found.full / found.images:.1f} ms "
        "of processor time an image.",
        gap="What passes is measured in full, and so is one in sixteen, to learn the order; "
        "decoding and hashing the file stay for everything.",
    )
