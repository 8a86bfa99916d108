"""Weighted top-K against full scoring of the same candidates, every delivery compared.

The rubric ranks by something dear that no check needs, as ``rank: {face_fidelity: 3,
prompt_alignment: 2, aesthetic: 1}`` does; with what runs offline that is the network behind
``safety``. One side measures everything of everybody. The other stops at the first failure, and
measures what only ranks of those that can still be among the best of their request.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import varied
from benchmarks.base import Bench, Row, at_most
from benchmarks.rows.r05_cascade import EACH, WANTED, Compared, items_of, note_differences
from sentinelqa.cascade import only_ranking
from sentinelqa.pipeline.surveying import Surveyor
from sentinelqa.rubric.loading import load_rubric
from sentinelqa.rubric.model import Rubric
from sentinelqa.scheduling import COHORT
from sentinelqa.scorer import (
    Scored,
    ScoreItem,
    ScorePlan,
    ScoreStage,
    dimensions_of,
    features_of,
)
from sentinelqa.selection import contenders
from sentinelqa.types import Outcome, Unscored

RUBRIC = """\
name: bench-top-k
version: 1
models: {clip: starter-clip}
tiers:
  generic:
    artifacts: {min: 0.60}
    sharpness: {min: 0.40}
    prompt_alignment: {min: 0.35, review: 0.25}
  use_case:
    background: {min: 0.50}
    framing:
      - {metric: cut_edges, max: 0}
      - {metric: fill, between: [0.20, 1.0]}
rank: {prompt_alignment: 3, sharpness: 1, safety: 1}
diversity: {min_distance: 0.05}
on_unscored: fail
"""


@dataclass(slots=True)
class TopK:
    """What was compared, and how many candidates were ranked."""

    compared: Compared
    ranked: int = 0
    unscored: str = ""


def measure(bench: Bench) -> list[Row]:
    """Renders seen anew, as for the gates."""
    catalog = varied.products(
        renders=bench.pick(full=4, quick=2, long=8), most=bench.pick(full=14, quick=2, long=28)
    )
    path = bench.scratch / "rubric.yaml"
    path.write_text(RUBRIC, encoding="utf-8")
    found = compare(
        bench.scratch, catalog, load_rubric(str(path)), bench.pick(full=20, quick=2, long=640)
    )
    return [row_of(found, f"top-K over full scoring{', 10,000 candidates' * bench.long}")]


def row_of(found: TopK, name: str) -> Row:
    """The figure; none where the dear dimension has no model here."""
    compared = found.compared
    if found.unscored:
        return Row(number=5, name=name, goal=at_most(0.5), reached=None, detail=found.unscored)
    count = compared.candidates
    passed = compared.outcomes[Outcome.PASS] / count
    return Row(
        number=5,
        name=name,
        goal=at_most(0.5),
        reached=compared.early / compared.full,
        detail=f"{count:,} candidates of 128 to 256 pixels, {compared.requests} requests, "
        f"{WANTED} of {EACH} wanted, rank {{prompt_alignment: 3, sharpness: 1, safety: 1}}: "
        f"{passed:.0%} pass, {found.ranked / count:.0%} are ranked; 0 decisions and 0 deliveries "
        f"differ; {1e3 * compared.early / count:.1f} over {1e3 * compared.full / count:.1f} ms of "
        "processor time a candidate.",
        gap="What decides, and the rank of whoever could still be among the best: with a fifth of "
        "the weight open, bounds exclude the clearly worse alone.",
    )


def compare(folder: Path, catalog: Sequence[varied.Product], rubric: Rubric, requests: int) -> TopK:
    """Score the candidates of ``requests`` both ways.

    Raises:
        RuntimeError: a decision or a delivery differs, so the figure is worthless.
    """
    dimensions = dimensions_of(rubric)
    features = features_of(rubric, dimensions)
    put_off = only_ranking(rubric, dimensions, features, megapixels=0.02)
    full = ScoreStage(ScorePlan(rubric=rubric, full=True))
    stage = ScoreStage(ScorePlan(rubric=rubric, put_off=put_off))
    folder = folder / "candidates"
    folder.mkdir()
    found, surveyor = TopK(Compared()), Surveyor(COHORT)
    for one in (full, stage):  # what is built with the first batch counts for nobody
        one.load()
        first = one.run(list(items_of(catalog, 0, folder, surveyor))[:4])
        missing = [m for s in first for m in s.measurements if m.unscored is Unscored.MODEL_MISSING]
        if missing:
            return replace(found, unscored=f"Not measured: {missing[0].note}")
    surveyor = Surveyor(COHORT)
    for position in range(requests):
        items = list(items_of(catalog, position, folder, surveyor))
        for side in (0, 1) if position % 2 else (1, 0):
            start = time.process_time()
            if side:
                best, ranked = _ranked(stage, rubric, items)
                found.compared.early += time.process_time() - start
                found.ranked += ranked
            else:
                everything = full.run(items)
                found.compared.full += time.process_time() - start
        found.compared.requests += 1
        note_differences(found.compared, rubric, everything, best)
        for scored in best:
            surveyor.judged(scored)
    if differing := found.compared.differing:
        raise RuntimeError(f"{len(differing)} differ: {'; '.join(differing[:5])}")
    return found


def _ranked(
    stage: ScoreStage, rubric: Rubric, items: Sequence[ScoreItem]
) -> tuple[list[Scored], int]:
    """Score a request's candidates, then its contenders again, as a run does."""
    scored = stage.run(items)
    count = 0
    while needed := contenders(
        [s.judged for s in scored], WANTED, min_distance=rubric.min_distance
    ):
        places = [n for n, s in enumerate(scored) if s.candidate.id in needed]
        count += len(places)
        again = [
            replace(items[n], ranked=True, in_full=False, known=scored[n].measurements)
            for n in places
        ]
        for n, whole in zip(places, stage.run(again), strict=True):
            scored[n] = replace(whole, phash=scored[n].phash)
    return scored, count
