"""Declared costs against measured ones, for everything that runs here, at three sizes of picture.

The order of measuring follows from declared costs (``sentinelqa/costs.py``), so that equal runs
leave equal evidence; this says whether they are still true. Only ratios matter for the order, so
the machine's own speed, the median of measured over declared, is taken out. Pictures are PNG files,
as candidates are; a JPEG file is decoded by whatever looks at it first, and counted there.
"""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.base import Bench, Row, at_least
from benchmarks.material import drawn, photographs, write_png
from sentinelqa import registry
from sentinelqa.costs import cost_of
from sentinelqa.dimensions.base import Dimension
from sentinelqa.errors import ModelError, ScoringError
from sentinelqa.features.base import Feature, FeatureInput, Features
from sentinelqa.rubric.model import Rubric
from sentinelqa.scorer import features_of
from sentinelqa.shipped import shipped
from sentinelqa.types import Request

SIDES = (128, 512, 1024)
OFF = 3.0
"""A declared cost is off when it differs by more than this factor."""
NOISE = 1.0
"""Milliseconds below which nobody cares."""
ELSEWHERE = ("judge", "known")
"""What asks a server, or an index of the user's own."""
PROMPT = "a red ball beside a cup, studio product photo"


@dataclass(frozen=True, slots=True)
class Measured:
    """Milliseconds of one component on pictures of one size.

    Attributes:
        name: ``feature clip`` or ``dimension colour``.
    """

    name: str
    side: int
    declared: float
    measured: float


def measure(bench: Bench) -> list[Row]:
    """Every feature and dimension that has its models here."""
    sides = SIDES[:1] if bench.quick else SIDES
    found = [m for side in sides for m in measured_at(side, bench.scratch / str(side))]
    usual, off = misjudged(found)
    said = "; ".join(
        f"{m.name} at {m.side} pixels {m.measured:.1f} ms, declared {m.declared:.1f}" for m in off
    )
    return [
        Row(
            number=5,
            name="declared against measured costs, rank correlation",
            goal=at_least(0.9),
            reached=spearman([m.declared for m in found], [m.measured for m in found]),
            limit=1.0,
            unit="Spearman",
            detail=f"{len({m.name for m in found})} features and dimensions at "
            f"{', '.join(map(str, sides))} pixels; this machine takes {usual:.2f} of what is "
            f"declared; off by more than {OFF:g} times: {said or 'none'}.",
            gap="What is in a picture: faces, lines of text, how much of it is the subject.",
        )
    ]


def misjudged(found: Sequence[Measured]) -> tuple[float, list[Measured]]:
    """The machine's own speed, and what is off beside it."""
    usual = statistics.median(m.measured / m.declared for m in found if m.measured > NOISE)
    off = []
    for one in found:
        ratio = max(one.measured / usual, NOISE) / max(one.declared, NOISE)
        if not 1 / OFF <= ratio <= OFF:
            off.append(one)
    return usual, off


def spearman(first: Sequence[float], second: Sequence[float]) -> float:
    """The correlation of ranks, ties sharing theirs."""
    return float(np.corrcoef(_ranks(first), _ranks(second))[0, 1])


def _ranks(values: Sequence[float]) -> NDArray[np.float64]:
    _, places, counts = np.unique(np.round(values, 6), return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2)[places], np.float64)


def measured_at(side: int, folder: Path) -> list[Measured]:
    """What each component costs on pictures of ``side`` x ``side`` pixels."""
    dimensions: list[Dimension] = [registry.dimensions.load(n)() for n in registry.dimensions]
    rubric = Rubric(name="costs", version="1", checks=(), resolved="", hash="")
    features = _loaded(features_of(rubric, dimensions))
    taken: dict[str, list[float]] = defaultdict(list)
    paths = sorted(write_png(folder, _pictures(side)).iterdir())
    for into in (defaultdict(list), taken):  # the first time, tables and prompts are prepared
        for path in paths:
            _take(path, features, dimensions, into)
    parts: Mapping[str, Feature | Dimension] = {
        **{f"feature {n}": f for n, f in features.items()},
        **{f"dimension {d.name}": d for d in dimensions},
    }
    return [
        Measured(
            name, side, cost_of(parts[name]).milliseconds(side * side / 1e6), _typical(taken[name])
        )
        for name in sorted(taken)
    ]


def _typical(milliseconds: Sequence[float]) -> float:
    """The median where there was something to do: without a face nothing about it costs."""
    most = max(milliseconds)
    return statistics.median(ms for ms in milliseconds if ms >= most / 3)


def _pictures(side: int) -> list[NDArray[np.uint8]]:
    bgr = cv2.imread(str(shipped("rubrics/examples/portrait.jpg")))
    portrait = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
    portraits = [np.asarray(cv2.resize(portrait, (side, side), interpolation=cv2.INTER_AREA))] * 2
    return [*portraits, *drawn(3, side), *photographs(2, side)]


def _loaded(features: dict[str, Feature]) -> dict[str, Feature]:
    """Those whose models are here, and the models of what they need."""
    there: dict[str, Feature] = {}
    for name, feature in features.items():
        if name in ELSEWHERE or any(needed not in there for needed in feature.needs):
            continue
        try:
            feature.load("cpu")
        except ModelError:
            continue
        there[name] = feature
    return there


def _take(
    path: Path,
    features: Mapping[str, Feature],
    dimensions: Sequence[Dimension],
    taken: dict[str, list[float]],
) -> None:
    """Compute everything of one picture once."""
    request = Request(id="r", prompt=PROMPT, references=(str(path),), metadata={"text": "ACME"})
    values: dict[str, Any] = {}
    for name, feature in features.items():
        if any(isinstance(values[n], ScoringError) for n in feature.needs):
            values[name] = ScoringError("of what it needs")
            continue
        given = FeatureInput(str(path), request, values)
        (values[name],), spent = _timed(lambda f=feature, g=given: f.compute([g]))  # type: ignore[misc]
        if not isinstance(values[name], ScoringError):
            taken[f"feature {name}"].append(spent)
    for dimension in dimensions:
        needed = (*dimension.needs, *dimension.reference_needs)
        if any(isinstance(values.get(n, ScoringError("none")), ScoringError) for n in needed):
            continue
        optional = getattr(dimension, "reference_optional", False)
        given = Features(values, [] if optional else [values])
        found, spent = _timed(lambda d=dimension, g=given: d.measure(g, request))  # type: ignore[misc]
        if found.unscored is None:
            taken[f"dimension {dimension.name}"].append(spent)


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.process_time()
    return work(), 1e3 * (time.process_time() - start)
