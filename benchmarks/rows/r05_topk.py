"""Weighted top-K against full scoring of the same candidates, every delivery compared.

The rubric ranks by something dear that no check needs, as ``rank: {face_fidelity: 3,
prompt_alignment: 2, aesthetic: 1}`` does; with what runs offline that is the network behind
``safety``. One side measures everything of everybody. The other stops at the first failure, and
measures what only ranks of those that can still be among the best of their request.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from benchmarks.base import Bench, Row, at_most
from benchmarks.rows.r05_cascade import EACH, WANTED, Compared, compare
from sentinelqa.cascade import only_ranking
from sentinelqa.errors import UsageError
from sentinelqa.pipeline.prepare import models_by_feature
from sentinelqa.rubric.loading import load_rubric
from sentinelqa.scorer import (
    Scored,
    ScoreItem,
    ScorePlan,
    ScoreStage,
    dimensions_of,
    features_of,
)
from sentinelqa.selection import contenders
from sentinelqa.types import Outcome
from sentinelqa.weights import LicencePolicy

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


def measure(bench: Bench) -> list[Row]:
    """Renders seen anew, as for the gates."""
    path = bench.scratch / "rubric.yaml"
    path.write_text(RUBRIC, encoding="utf-8")
    rubric = load_rubric(str(path))
    name = f"top-K over full scoring{', 10,000 candidates' * bench.long}"
    dimensions = dimensions_of(rubric)
    features = features_of(rubric, dimensions)
    try:
        models_by_feature(rubric, features, LicencePolicy())
    except UsageError as error:
        detail = f"Not measured: {error.what}"
        return [Row(number=5, name=name, goal=at_most(0.5), reached=None, detail=detail)]
    put_off = only_ranking(rubric, dimensions, features, megapixels=0.02)
    full = ScoreStage(ScorePlan(rubric=rubric, full=True))
    early = ScoreStage(ScorePlan(rubric=rubric, put_off=put_off))
    full.load()
    early.load()
    sides = (full.run, partial(ranked, early, rubric.min_distance))
    found = compare(bench, rubric, sides, bench.pick(full=20, quick=2, long=640))
    return [row_of(found, name)]


def row_of(compared: Compared, name: str) -> Row:
    """The figure."""
    count = compared.candidates
    passed = compared.outcomes[Outcome.PASS] / count
    return Row(
        number=5,
        name=name,
        goal=at_most(0.5),
        reached=compared.early / compared.full,
        detail=f"{count:,} candidates of 128 to 256 pixels, {compared.requests} requests, "
        f"{WANTED} of {EACH} wanted, rank {{prompt_alignment: 3, sharpness: 1, safety: 1}}: "
        f"{passed:.0%} pass, {compared.measured['safety'] / count:.0%} are ranked; 0 decisions "
        f"and 0 deliveries differ; {1e3 * compared.early / count:.1f} over "
        f"{1e3 * compared.full / count:.1f} ms of processor time a candidate.",
        gap="What decides, and the rank of whoever could still be among the best: with a fifth of "
        "the weight open, bounds exclude the clearly worse alone.",
    )


def ranked(stage: ScoreStage, distance: float, items: Sequence[ScoreItem]) -> list[Scored]:
    """Score a request's candidates, then its contenders again, as a run does."""
    scored = stage.run(items)
    while needed := contenders([s.judged for s in scored], WANTED, min_distance=distance):
        places = [n for n, s in enumerate(scored) if s.candidate.id in needed]
        again = [
            replace(items[n], ranked=True, in_full=False, known=scored[n].measurements)
            for n in places
        ]
        for n, whole in zip(places, stage.run(again), strict=True):
            scored[n] = replace(whole, phash=scored[n].phash)
    return scored
