"""What judging one image by a rubric costs: declared, or measured on this machine."""

from __future__ import annotations

import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from sentinelqa.costs import cost_of
from sentinelqa.rubric.model import Rubric
from sentinelqa.scorer import ScoreItem, ScorePlan, ScoreStage, dimensions_of, features_of
from sentinelqa.types import Candidate, Request, Unscored

SIDE = 1024
"""Pixels of the square picture that costs are given for."""
_TIMES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Milliseconds for one picture of 1024 x 1024 pixels, when nothing stops early.

    Attributes:
        here: measured on this machine, rather than declared.
        without: dimensions that could not be measured here, such as for a missing model; their
            cost is not in it.
    """

    milliseconds: float
    here: bool
    without: tuple[str, ...] = ()


def declared(rubric: Rubric) -> Timing:
    """The sum of the costs that :mod:`sentinelqa.costs` declares, for one core."""
    dimensions = dimensions_of(rubric)
    costs = [cost_of(dimension) for dimension in dimensions]
    costs.extend(cost_of(feature) for feature in features_of(rubric, dimensions).values())
    total = sum(cost.milliseconds(SIDE * SIDE / 1e6) for cost in costs)
    return Timing(milliseconds=total, here=False)


def measured(rubric: Rubric) -> Timing:
    """The median of three pictures after one that warms up, on one core of this machine.

    The time to load models is not counted. Takes about four times what it tells.
    """
    stage = ScoreStage(ScorePlan(rubric=rubric, full=True))
    stage.load()
    with tempfile.TemporaryDirectory(prefix="sentinelqa-") as folder:
        path = Path(folder) / "timing.png"
        _draw(path)
        request = Request(id="timing", prompt="a red box on a white table", references=(str(path),))
        candidate = Candidate(id="timing", request_id=request.id, path=str(path))
        item = ScoreItem(candidate=candidate, request=request, path=str(path))
        (first,) = stage.run([item])
        spent = []
        for _ in range(_TIMES):
            start = time.perf_counter()
            stage.run([item])
            spent.append(time.perf_counter() - start)
    outages = (Unscored.MODEL_MISSING, Unscored.ERROR)
    without = tuple(m.dimension for m in first.measurements if m.unscored in outages)
    return Timing(milliseconds=1000 * statistics.median(spent), here=True, without=without)


def _draw(path: Path) -> None:
    """A box with words on it, on a ground with a little grain."""
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    grain = np.random.default_rng(0).normal(235, 2, (SIDE, SIDE, 3))
    image = Image.fromarray(np.clip(grain, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    draw.rectangle((250, 300, 780, 800), fill=(180, 30, 40), outline=(90, 10, 20), width=12)
    draw.text((300, 500), "A red box", fill="white", font=ImageFont.load_default(90))
    image.save(path)
