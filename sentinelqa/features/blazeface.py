"""Face detection by BlazeFace (short range), on the whole frame and on overlapping tiles of it.

Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs" (2019). The
network sees 128 x 128 pixels, so in a group photograph it would miss everybody; tiles of half the
frame find faces down to about a twentieth of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sentinelqa.features.litert import Floats, Network

RGB = NDArray[np.uint8]

_WHOLE_SCORE = 0.5
_TILE_SCORE = 0.7
_OVERLAP = 0.3
_SMALLEST_TILED = 256


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """A face in pixels of the frame.

    Attributes:
        box: left, top, right, bottom.
        points: the person's right eye, left eye and nose tip, then by BlazeFace mouth, right ear
            and left ear (6 x 2), by SCRFD the mouth's right and left corner (5 x 2).
        score: 0 to 1.
    """

    box: tuple[float, float, float, float]
    points: NDArray[np.float64]
    score: float

    @property
    def area(self) -> float:
        left, top, right, bottom = self.box
        return max(0.0, right - left) * max(0.0, bottom - top)


def detect(network: Network, rgb: RGB) -> list[Detection]:
    """Every face, the largest first."""
    found = _in_square(network, rgb, 0, 0, _WHOLE_SCORE)
    height, width = rgb.shape[:2]
    if min(height, width) >= _SMALLEST_TILED:
        for top in (0, height // 4, height // 2):
            for left in (0, width // 4, width // 2):
                tile = rgb[top : top + height // 2, left : left + width // 2]
                found += _whole(_in_square(network, tile, left, top, _TILE_SCORE), tile, left, top)
    return sorted(_suppress(found), key=lambda d: (-d.area, d.box))


def _in_square(network: Network, rgb: RGB, left: int, top: int, bound: float) -> list[Detection]:
    """Detect in one frame, laid in a black square, at least as sure as ``bound``."""
    height, width = rgb.shape[:2]
    scale = network.side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    square = np.zeros((network.side, network.side, 3), np.float32)
    offset = ((network.side - size[0]) // 2, (network.side - size[1]) // 2)
    square[offset[1] : offset[1] + size[1], offset[0] : offset[0] + size[0]] = small
    outputs = network(np.where(square > 0, square / 127.5 - 1, -1).astype(np.float32))
    logits = np.clip(outputs["classificators"][:, 0], -50, 50)
    scores = 1 / (1 + np.exp(-logits))
    keep = np.flatnonzero(scores >= bound)
    raw = outputs["regressors"][keep].reshape(-1, 8, 2)
    centres = _ANCHORS[keep] * network.side
    places = raw.copy()
    places[:, [0, 2, 3, 4, 5, 6, 7]] += centres[:, None]
    places[:, [0, 2, 3, 4, 5, 6, 7]] = (places[:, [0, 2, 3, 4, 5, 6, 7]] - offset) / scale + (
        left,
        top,
    )
    places[:, 1] /= scale
    return [
        Detection(_box(place[0], place[1]), place[2:].astype(np.float64), float(scores[index]))
        for place, index in zip(places, keep, strict=True)
    ]


def _box(centre: Floats, size: Floats) -> tuple[float, float, float, float]:
    (x, y), (w, h) = centre.tolist(), (size / 2).tolist()
    return x - w, y - h, x + w, y + h


def _whole(found: list[Detection], tile: RGB, left: int, top: int) -> list[Detection]:
    """Those that lie well inside the tile: a face cut by its edge is another tile's."""
    right, bottom = left + tile.shape[1], top + tile.shape[0]
    margin = 0.02 * max(tile.shape[:2])
    return [
        d
        for d in found
        if d.box[0] > left + margin
        and d.box[1] > top + margin
        and d.box[2] < right - margin
        and d.box[3] < bottom - margin
    ]


def _suppress(found: list[Detection]) -> list[Detection]:
    """Non-maximum suppression; a box that mostly lies in a better one goes, too."""
    kept: list[Detection] = []
    for candidate in sorted(found, key=lambda d: (-d.score, d.box)):
        if all(_overlap(candidate, better) < _OVERLAP for better in kept):
            kept.append(candidate)
    return kept


def _overlap(first: Detection, second: Detection) -> float:
    width = min(first.box[2], second.box[2]) - max(first.box[0], second.box[0])
    height = min(first.box[3], second.box[3]) - max(first.box[1], second.box[1])
    if width <= 0 or height <= 0:
        return 0.0
    common = width * height
    union = first.area + second.area - common
    return max(common / union, 0.6 * common / max(1e-6, min(first.area, second.area)))


def _anchors() -> Floats:
    """Centres of the 896 anchors: two per cell of 16 x 16, six per cell of 8 x 8."""
    layers = []
    for cells, repeats in ((16, 2), (8, 6)):
        centres = (np.arange(cells) + 0.5) / cells
        grid = np.stack(np.meshgrid(centres, centres), axis=-1).reshape(-1, 2)
        layers.append(np.repeat(grid, repeats, axis=0))
    return np.concatenate(layers).astype(np.float32)


_ANCHORS = _anchors()
