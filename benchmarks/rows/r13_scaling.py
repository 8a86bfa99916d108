"""Scoring on two workers over one, through the engine, models loaded beforehand."""

from __future__ import annotations

import time
from functools import partial
from statistics import median

from benchmarks.base import Bench, Row, at_least
from benchmarks.material import CATALOG, photographs, write_jpeg
from sentinelqa.engines.base import Done, StageSpec, map_stage
from sentinelqa.engines.local import LocalEngine
from sentinelqa.rubric.loading import load_rubric
from sentinelqa.scorer import ScoreItem, ScorePlan, make_score_stage
from sentinelqa.types import Candidate, Request

BATCH = 4


def measure(bench: Bench) -> list[Row]:
    """The same batches on one and on two workers in turn."""
    if bench.cores < 2:
        return [_row(None, "There is one core.")]
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
    batches = [tuple(items[n : n + BATCH]) for n in range(0, count, BATCH)]
    ratios, found = [], []
    for _ in range(bench.pick(full=3, quick=1)):
        one, two = (_run(plan, batches, workers) for workers in (1, 2))
        ratios.append(one[0] / two[0])
        found += [one[1], two[1]]
    if any(each != found[0] for each in found):
        raise RuntimeError("two workers measured something else: the figure is worthless")
    return [_row(median(ratios), f"{count} photographs of 768 x 768 pixels, equal measurements.")]


def _run(
    plan: ScorePlan, batches: list[tuple[ScoreItem, ...]], workers: int
) -> tuple[float, dict[str, object]]:
    with LocalEngine() as engine:
        spec = StageSpec(name="score", make=partial(make_score_stage, plan), workers=workers)
        results = map_stage(engine, spec, [*[batches[0]] * 2 * workers, *batches])
        found: dict[str, object] = {}
        for _ in range(2 * workers):  # until every worker has loaded
            next(results)
        start = time.perf_counter()
        for result in results:
            if not isinstance(result, Done):
                raise RuntimeError(str(result))
            found |= {s.candidate.id: s.measurements for s in result.value}
        return time.perf_counter() - start, found


def _row(reached: float | None, detail: str) -> Row:
    return Row(
        number=13,
        name="scoring on two workers over one",
        goal=at_least(1.9),
        reached=reached,
        limit=2.0,
        detail=detail,
        gap="Whatever else runs on the cores, the supervisor among it.",
    )
