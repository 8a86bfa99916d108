"""Scoring existing images against decoding alone, a loop that shares nothing, and cleanvision.

Decoding alone is the faster of Pillow and OpenCV, in processor time of one process on one thread
on both sides: a pool doubles both. The loop asks each dimension for itself, as its library's
documentation does (decode the file, compute what the dimension needs, measure), with as many
threads as there are cores, against our own workers. cleanvision runs with one job per core; both
sides start their workers within the time, and compute every statistic of the checks that both have:
focus, size, aspect, colourlessness, hashes of duplicates. The folder is so large that starting
workers is a tenth of either side.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from PIL import Image

from benchmarks.base import Bench, Row, at_least, interleaved
from benchmarks.material import WITH_PROMPT, drawn, photographs, write_jpeg
from benchmarks.pooled import in_batches, pooled
from sentinelqa.engines.base import Done, StageSpec, map_stage
from sentinelqa.engines.local import LocalEngine
from sentinelqa.pipeline.run import scoring_workers
from sentinelqa.pipeline.score import BATCH
from sentinelqa.rubric.loading import load_rubric
from sentinelqa.scorer import ScoreItem, ScorePlan, ScoreStage, make_score_stage
from sentinelqa.types import Candidate, Request

T = TypeVar("T")

PEER = "SENTINELQA_CLEANVISION_PYTHON"
"""The variable that names an interpreter which has cleanvision."""
CHEAP = """\
name: cheap
version: 1
tiers:
  use_case:
    framing: {metric: cut_edges, max: 4}
on_unscored: review
"""
SHARED = """\
name: shared
version: 1
tiers:
  generic:
    sharpness: {min: 0.4}
  use_case:
    resolution: {metric: shorter, min: 500}
on_unscored: review
"""
PROMPT = "a red ball, studio product photo, white background"


def measure(bench: Bench) -> list[Row]:
    """The three comparisons, each side in turn."""
    return [_over_decoding(bench), _over_loop(bench), _over_cleanvision(bench)]


def _over_decoding(bench: Bench) -> Row:
    count = bench.pick(full=32, quick=4)
    photos = write_jpeg(bench.scratch / "photos", photographs(count, 1024))
    plan = _plan(bench.scratch, "cheap", CHEAP)
    spec = StageSpec(name="sides", make=partial(_Sides, plan, photos))
    with LocalEngine() as engine:
        (result,) = map_stage(engine, spec, [bench.pick(full=5, quick=1)])
    if not isinstance(result, Done):
        raise RuntimeError(str(result))
    ratio, decoder = result.value
    return Row(
        number=6,
        name="scoring over decoding alone, cheap rubric",
        goal=at_least(0.9),
        reached=ratio,
        detail=f"{count} JPEG photographs of 1024 x 1024 pixels, one dimension (framing); decoding "
        f"by {decoder}, the faster here; both in a worker. Decoding alone is at full size; framing "
        "looks at 512 pixels, which a JPEG decoder gives in six tenths of the time.",
        gap="Above 1 by what the smaller size saves, less the file's hash, whether it is whole, "
        "and the border in L*a*b*.",
    )


class _Sides:
    """Both sides in one worker, as workers run. See :class:`sentinelqa.engines.base.Stage`."""

    def __init__(self, plan: ScorePlan, photos: Path) -> None:
        self._plan, self._photos = plan, photos

    def load(self) -> None:
        self._stage = _stage(self._plan)

    def run(self, item: int) -> tuple[float, str]:
        """Decoding's share of scoring, the median of ``item`` turns, and the decoder."""
        files = sorted(self._photos.iterdir())
        batches = in_batches(_items(self._photos), BATCH)
        decoders = {"Pillow": _with_pillow, "OpenCV": _with_opencv}
        best = min(decoders, key=lambda n: min(_seconds(decoders[n], files) for _ in range(3)))
        ratio = interleaved(
            lambda: _seconds(decoders[best], files),
            lambda: _seconds(self._stage.run, batches),
            item,
        )
        return ratio, best


def _over_loop(bench: Bench) -> Row:
    count = bench.pick(full=24, quick=4)
    products = write_jpeg(bench.scratch / "products", drawn(count, 768))
    plan = _plan(bench.scratch, "rich", WITH_PROMPT)
    items = _items(products)
    alone = [
        _stage(_plan(bench.scratch, name, _ONE.format(name), threads=bench.cores))
        for name in plan.rubric.dimensions
    ]
    workers = scoring_workers(alone=True)
    loop = interleaved(
        lambda: _wall(lambda: [s.run([i]) for i in items for s in alone]),
        lambda: pooled(plan, in_batches(items, BATCH // 8), workers)[0],
        bench.pick(full=2, quick=1),
    )
    return Row(
        number=6,
        name="scoring over a loop per image and dimension",
        goal=at_least(4.0),
        reached=loop,
        detail=f"{count} JPEG drawings of 768 x 768 pixels, {len(alone)} dimensions with CLIP, "
        f"half fail. Each side as it comes: a loop whose libraries have {bench.cores} threads, "
        f"a pool of {workers} workers with one thread each; models loaded.",
        gap="Of what passes, most time goes into the measures themselves, which both sides "
        "compute.",
    )


def _over_cleanvision(bench: Bench) -> Row:
    python = os.environ.get(PEER)
    count = bench.pick(full=288, quick=8)
    reached, detail = None, f"Not measured: {PEER} names no interpreter that has cleanvision."
    if python:
        photos = write_jpeg(bench.scratch / "shared", photographs(count, 1024))
        plan = _plan(bench.scratch, "shared", SHARED, hashes=True)
        said: list[str] = []
        reached = interleaved(
            lambda: _cleanvision(python, photos, bench.cores, said),
            lambda: _wall(lambda: _from_start(plan, photos)),
            bench.pick(full=2, quick=1),
        )
        detail = (
            f"{count} JPEG photographs of 1024 x 1024 pixels; focus, size, aspect, colourlessness, "
            "hashes that tell duplicates. "
            f"cleanvision {said[0]} with one job per core; ours with {bench.cores} workers."
        )
    return Row(
        number=6,
        name="scoring over cleanvision",
        goal=at_least(2.0),
        reached=reached,
        detail=detail,
        gap="Our measure of focus looks at every pixel of a megapixel and takes half of an image's "
        "time; whether it is colourless takes a second, smaller decoding; starting workers."
        if python
        else "",
    )


_ONE = "name: one\nversion: 1\ntiers:\n  generic:\n    {}: {{min: 0.0}}\n"


def _cleanvision(python: str, folder: Path, jobs: int, said: list[str]) -> float:
    side = Path(__file__).parents[1] / "cleanvision_side.py"
    ended = subprocess.run(
        [python, str(side), str(folder), str(jobs)], capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise RuntimeError(ended.stderr[-2000:])
    found = json.loads(ended.stdout.splitlines()[-1])
    said.append(str(found["version"]))
    return float(found["seconds"])


def _from_start(plan: ScorePlan, folder: Path) -> None:
    """As ``score`` does it, workers' start included."""
    spec = StageSpec(
        name="score", make=partial(make_score_stage, plan), workers=scoring_workers(alone=True)
    )
    with LocalEngine() as engine:
        for result in map_stage(engine, spec, in_batches(_items(folder), BATCH)):
            if not isinstance(result, Done):
                raise RuntimeError(str(result))


def _plan(
    scratch: Path, name: str, text: str, *, threads: int = 1, hashes: bool = False
) -> ScorePlan:
    path = scratch / f"rubric-{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return ScorePlan(rubric=load_rubric(str(path)), threads=threads, hashes=hashes)


def _stage(plan: ScorePlan) -> ScoreStage:
    stage = ScoreStage(plan)
    stage.load()
    return stage


def _items(folder: Path) -> list[ScoreItem]:
    return [
        ScoreItem(
            candidate=Candidate(id=p.stem, request_id=p.stem, path=str(p)),
            request=Request(id=p.stem, prompt=PROMPT),
            path=str(p),
        )
        for p in sorted(folder.iterdir())
    ]


def _with_pillow(path: Path) -> object:
    return np.asarray(Image.open(path))


def _with_opencv(path: Path) -> object:
    return cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR_RGB)


def _seconds(work: Callable[[T], object], items: Sequence[T]) -> float:
    """Processor time."""
    start = time.process_time()
    for item in items:
        work(item)
    return time.process_time() - start


def _wall(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
