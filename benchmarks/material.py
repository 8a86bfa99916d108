"""Images to score: drawn discs and crops of photographs, of which about half are spoilt."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sentinelqa.generators.fake import draw
from sentinelqa.images import encode_fast
from sentinelqa.types import Candidate, Settings

RGB = NDArray[np.uint8]

CATALOG = """\
name: bench-catalog
version: 1
tiers:
  generic:
    artifacts: {min: 0.60}
    sharpness: {min: 0.40}
  use_case:
    background: {min: 0.50}
    framing:
      - {metric: cut_edges, max: 0}
      - {metric: fill, between: [0.10, 1.0]}
rank: {sharpness: 1, framing: 1}
on_unscored: fail
"""
"""The gates of the shipped rubric ``catalog`` that need no prompt."""

WITH_PROMPT = CATALOG.replace("  use_case:", "    prompt_alignment: {min: 0.02}\n  use_case:")


def photographs(count: int, side: int, seed: int = 0) -> list[RGB]:
    """Crops of the photographs that scikit-image ships, enlarged to ``side`` x ``side``."""
    from skimage import data

    sources = [data.astronaut(), data.coffee(), data.chelsea()]
    rng = np.random.default_rng(seed)
    made = []
    for number in range(count):
        source = sources[number % len(sources)]
        short = min(source.shape[:2])
        edge = int(rng.integers(short * 2 // 3, short))
        top, left = (int(rng.integers(0, n - edge + 1)) for n in source.shape[:2])
        crop = source[top : top + edge, left : left + edge]
        made.append(np.asarray(cv2.resize(crop, (side, side), interpolation=cv2.INTER_CUBIC)))
    return made


def drawn(count: int, side: int) -> list[RGB]:
    """Discs on white, every second one spoilt: blurred, noisy, in blocks, blank or cut off."""
    settings = Settings(model="fake", width=side, height=side)
    return [
        _spoilt(draw(Candidate(id="", request_id="", seed=n, settings=settings)), n)
        for n in range(count)
    ]


def _spoilt(rgb: RGB, number: int) -> RGB:
    if number % 2 == 0:
        return rgb
    way = number // 2 % 5
    if way == 0:
        return np.asarray(cv2.GaussianBlur(rgb, (0, 0), rgb.shape[0] / 25))
    if way == 1:
        noise = np.random.default_rng(number).normal(0, 35, rgb.shape)
        return np.clip(rgb + noise, 0, 255).astype(np.uint8)
    if way == 2:
        _, coded = cv2.imencode(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, 4])
        return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR))
    if way == 3:
        return np.full_like(rgb, 230)
    return np.roll(rgb, rgb.shape[1] // 2, axis=1)


def write_png(folder: Path, images: list[RGB]) -> Path:
    """Lossless files in a new folder."""
    folder.mkdir(parents=True)
    for number, rgb in enumerate(images):
        (folder / f"{number:06d}.png").write_bytes(encode_fast(rgb))
    return folder


def write_jpeg(folder: Path, images: list[RGB], quality: int = 92) -> Path:
    """JPEG files in a new folder."""
    folder.mkdir(parents=True)
    for number, rgb in enumerate(images):
        bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(folder / f"{number:06d}.jpg"), bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return folder
