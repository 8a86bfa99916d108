"""Scoring on two workers over one, through the engine, models loaded beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import median

from benchmarks.base import Bench, Row, at_least
from benchmarks.material import CATALOG, photographs, write_jpeg
from benchmarks.pooled import Batch, in_batches, pooled
from sentinelqa.rubric.loading import load_rubric
from sentinelqa.scorer import ScoreItem, ScorePlan
from sentinelqa.types import Candidate, Request

BATCH = 2


def measure(bench: Bench) -> list[Row]:
    """The same batches on one and on two workers in turn, and on two engines that share nothing."""
    if bench.cores < 2:
        return [_row(None, None, "There is one core.")]
    count = bench.pick(full=48, quick=8)
    folder = write_jpeg(bench.scratch / "images", photographs(count, 768))
    (bench.scratch / "rubric.yaml").write_text(CATALOG, encoding="utf-8")
    plan = ScorePlan(rubric=load_rubric(str(bench.scratch / "rubric.yaml")), full=True)
    items = [
        ScoreItem(
            candidate=Candidate(id=p.stem, request_id=p.stem, path=str(p)),
            request=Request(id=p.stem),
            path=str(p),
        )
        for p in sorted(folder.iterdir())
    ]
    batches = in_batches(items, BATCH)
    ratios, limits = [], []
    found: dict[str, object] = {}
    for _ in range(bench.pick(full=3, quick=1)):
        one, two = (_measured(plan, batches, workers, found) for workers in (1, 2))
        ratios.append(one / two)
        limits.append(one / _beside(plan, batches))
    detail = f"{count} photographs of 768 x 768 pixels in batches of {BATCH}, equal measurements."
    return [_row(median(ratios), median(limits), detail)]


def _measured(
    plan: ScorePlan, batches: Sequence[Batch], workers: int, found: dict[str, object]
) -> float:
    seconds, scored = pooled(plan, batches, workers)
    for one in scored:
        if found.setdefault(one.candidate.id, one.measurements) != one.measurements:
            raise RuntimeError("two workers measured something else: the figure is worthless")
    return seconds


def _beside(plan: ScorePlan, batches: Sequence[Batch]) -> float:
    """Seconds that two runs of half the work take at the same time, one worker each: what the
    machine allows."""
    with ThreadPoolExecutor(2) as threads:
        both = [threads.submit(pooled, plan, batches[n::2], 1) for n in range(2)]
        return max(run.result()[0] for run in both)


def _row(reached: float | None, limit: float | None, detail: str) -> Row:
    return Row(
        number=13,
        name="scoring on two workers over one",
        goal=at_least(1.9),
        reached=reached,
        limit=limit,
        detail=detail,
        gap="The limit is two runs at once that share nothing but the machine. To it: the last "
        "batch, which one worker works alone.",
    )
