"""What each feature costs: milliseconds of one thread for a picture of 1024 pixels."""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from statistics import median

import cv2
from PIL import Image

from benchmarks.validity import material
from benchmarks.validity.material import RGB
from benchmarks.validity.measuring import Bench
from benchmarks.validity.table import table
from sentinelqa.features.base import FeatureInput
from sentinelqa.features.pixels import Pixels
from sentinelqa.types import Request

SIDE = 1024
_REPEATS = 3


def costs(bench: Bench, pictures: Mapping[str, RGB]) -> str:
    """One row per feature, the cheapest first.

    The processor's time is taken rather than the wall's, so that other work on the machine counts
    little; features that others need are computed beforehand.
    """
    cv2.setNumThreads(1)
    seconds: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        for name, rgb in pictures.items():
            large = material.resized(SIDE / max(rgb.shape[:2]))(rgb)
            path = Path(folder) / f"{name}.png"
            Image.fromarray(large).save(path)
            for _ in range(_REPEATS):
                seconds["pixels (decoding a PNG)"].append(_decoding(path))
            for feature in bench.loaded:
                seconds[feature] += [bench.cost(feature, large) for _ in range(_REPEATS)]
    rows = [(n, f"{1000 * median(s):.0f}") for n, s in seconds.items()]
    return table(("feature", "ms"), sorted(rows, key=lambda row: int(row[1])))


def _decoding(path: Path) -> float:
    start = time.process_time()
    Pixels().compute([FeatureInput(str(path), Request(id="v"))])
    return time.process_time() - start
