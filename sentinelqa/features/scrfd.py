"""Face detection by an SCRFD network in ONNX, such as those of InsightFace's packs.

Guo, Deng, Lattas and Zafeiriou, "Sample and computation redistribution for efficient face
detection" (ICLR 2022). Boxes and five points come as distances from a grid of anchors, at strides
of 8, 16 and 32 pixels with two anchors a cell, or of 8 to 128 with one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sentinelqa.errors import ModelError
from sentinelqa.features.blazeface import Detection
from sentinelqa.features.onnx import open_network
from sentinelqa.weights import ResolvedModel

RGB = NDArray[np.uint8]
Floats = NDArray[np.float32]

_LAYOUTS = {9: ((8, 16, 32), 2), 15: ((8, 16, 32, 64, 128), 1)}
"""Number of outputs -> strides, anchors a cell; with scores, boxes and points at each stride."""

_SIDES = (128, 640)
_LEAST, _OVERLAP = 0.5, 0.4
_MIDDLE, _SPREAD = 127.5, 128.0


class Scrfd:
    """Finds faces with one network, at 640 and at 128 pixels where its input is free.

    The smaller size finds faces that fill the frame, which the larger one misses.

    Raises:
        ModelError: the model holds no SCRFD network with five points a face.
    """

    def __init__(self, model: ResolvedModel) -> None:
        paths = [model.path] if model.path.is_file() else sorted(model.path.rglob("*.onnx"))
        sessions = (open_network(path) for path in sorted(paths, key=_detectors_first))
        found = next((s for s in sessions if len(s.get_outputs()) in _LAYOUTS), None)
        if found is None:
            raise ModelError(
                f"{model.id!r} holds no SCRFD face detector with five points a face",
                where=str(model.path),
            )
        self._session: Any = found
        self._strides, self._anchors = _LAYOUTS[len(found.get_outputs())]
        height, width = found.get_inputs()[0].shape[-2:]
        fixed = isinstance(height, int) and isinstance(width, int)
        self._sizes = ((width, height),) if fixed else tuple((s, s) for s in _SIDES)

    def __call__(self, rgb: RGB) -> list[Detection]:
        """Every face, the largest first; ``points`` are eyes, nose tip and mouth corners, 5 x 2."""
        parts = [self._at(rgb, *size) for size in self._sizes]
        boxes, points, scores = (np.concatenate(part) for part in zip(*parts, strict=True))
        kept = _suppressed(boxes, scores)
        found = [
            Detection(
                tuple(float(v) for v in boxes[i]),  # type: ignore[arg-type]
                points[i].astype(np.float64),
                float(scores[i]),
            )
            for i in kept
        ]
        return sorted(found, key=lambda d: (-d.area, d.box))

    def _at(self, rgb: RGB, width: int, height: int) -> tuple[Floats, Floats, Floats]:
        """Boxes ``N x 4``, points ``N x 5 x 2``, scores ``N`` in pixels of ``rgb``."""
        tall = rgb.shape[0] / rgb.shape[1] > height / width
        size = (
            (max(1, int(height * rgb.shape[1] / rgb.shape[0])), height)
            if tall
            else (width, max(1, int(width * rgb.shape[0] / rgb.shape[1])))
        )
        canvas = np.zeros((height, width, 3), np.uint8)
        canvas[: size[1], : size[0]] = cv2.resize(rgb, size)
        tensor = ((canvas.astype(np.float32) - _MIDDLE) / _SPREAD).transpose(2, 0, 1)[None]
        outputs = self._session.run(None, {self._session.get_inputs()[0].name: tensor})
        levels = len(self._strides)
        boxes, points, scores = [], [], []
        for level, stride in enumerate(self._strides):
            score, box, point = (
                np.asarray(outputs[level + k * levels], np.float32).reshape(-1, n)
                for k, n in enumerate((1, 4, 10))
            )
            keep = np.flatnonzero(score[:, 0] >= _LEAST)
            centres = self._centres(height // stride, width // stride, stride)[keep]
            reach = box[keep] * stride
            boxes.append(np.hstack([centres - reach[:, :2], centres + reach[:, 2:]]))
            points.append(point[keep].reshape(-1, 5, 2) * stride + centres[:, None])
            scores.append(score[keep, 0])
        scale = np.float32(size[1] / rgb.shape[0])
        corners, places = (
            np.asarray(np.concatenate(p) / scale, np.float32) for p in (boxes, points)
        )
        return corners, places, np.concatenate(scores)

    def _centres(self, rows: int, columns: int, stride: int) -> Floats:
        across, down = np.meshgrid(np.arange(columns), np.arange(rows))
        grid = np.column_stack([across.ravel(), down.ravel()]).astype(np.float32) * stride
        return np.asarray(grid.repeat(self._anchors, axis=0), np.float32)


def _suppressed(boxes: Floats, scores: Floats) -> list[int]:
    """Non-maximum suppression: the indices that stay, the surest first."""
    low, high = boxes[:, :2], boxes[:, 2:]
    areas = np.prod(high - low + 1, axis=1)
    order = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(int(best))
        common = np.minimum(high[best], high[order]) - np.maximum(low[best], low[order]) + 1
        shared = np.prod(np.maximum(common, 0), axis=1)
        order = order[shared / (areas[best] + areas[order] - shared) <= _OVERLAP]
    return kept


def _detectors_first(path: Path) -> tuple[bool, str]:
    return not path.name.startswith(("det", "scrfd")), path.name
