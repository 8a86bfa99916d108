"""Reads text with PP-OCRv6 through RapidOCR, and finds out which way round it stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rapidocr import RapidOCR

from sentinelqa.errors import ScoringError
from sentinelqa.features.base import FeatureInput
from sentinelqa.features.pixels import Picture
from sentinelqa.features.reading import Line, TextFound
from sentinelqa.heartbeat import progress
from sentinelqa.types import ModelUse
from sentinelqa.weights import resolve

RGB = NDArray[np.uint8]

MODEL = "rapidocr"
_DETECTOR, _READER = "PP-OCRv6_det_small.onnx", "PP-OCRv6_rec_small.onnx"
_WORKING_SIZE = 1280
_DETECTING_SIZE = 640
_SURE = 0.95
_LEAST = 0.6
_CLEARER = 0.08
_TALL = 1.5
_SMALLEST = 16


class Text:
    """Feature ``text``: a :class:`TextFound` per picture.

    Lines are found once, upright, and each is read as it stands. Where that is not sure, it is read
    turned by 180 degrees, mirrored, and both; the reading that is clearer by 0.08 wins, so words
    that read either way count as upright. Tall boxes are read as writing turned by 90 degrees.
    Lines under a confidence of 0.6 are dropped.

    A word whose mirror image is a word of its own (MAUI, TOMATO in capitals) cannot be told from
    its mirror image: only what it should say, or a reference, shows that.
    """

    name = "text"
    version = "1"
    needs = ("pixels",)

    def __init__(self) -> None:
        self.models: tuple[ModelUse, ...] = ()
        self._engine: Any = None

    def load(self, device: str) -> None:
        """Load detector and reader; they run on one thread of the CPU.

        Raises:
            ModelError: the weights that its package carries are not those that were pinned.
        """
        model = resolve(MODEL)
        self._engine = RapidOCR(
            params={
                "Global.log_level": "error",
                "EngineConfig.onnxruntime.intra_op_num_threads": 1,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
                "Det.limit_side_len": _DETECTING_SIZE,
                "Det.limit_type": "max",
                "Det.model_path": str(model.path / _DETECTOR),
                "Rec.model_path": str(model.path / _READER),
            }
        )
        self.models = (model.use(),)

    def compute(self, batch: Sequence[FeatureInput]) -> list[TextFound | ScoringError]:
        """Read every picture."""
        return [self._one(item.features["pixels"]) for item in batch]

    def _one(self, picture: Picture) -> TextFound:
        rgb = picture.within(_WORKING_SIZE)
        if min(rgb.shape[:2]) < _SMALLEST:
            return TextFound((), self.models)
        bgr = np.ascontiguousarray(rgb[..., ::-1])
        found = self._engine(bgr, use_det=True, use_cls=False, use_rec=False)
        boxes = [] if found.boxes is None else [np.asarray(b, np.float64) for b in found.boxes]
        progress()
        scale = picture.width / rgb.shape[1]
        lines = [line for b in boxes if (line := self._line(bgr, b, scale)) is not None]
        return TextFound(tuple(_in_reading_order(lines)), self.models)

    def _line(self, bgr: RGB, corners: NDArray[np.float64], scale: float) -> Line | None:
        crop, tall = _crop(bgr, corners)
        plain, score = self._read(crop)
        readings = [(score, plain, 0, False)]
        if score < _SURE:
            turned, mirrored = crop[::-1, ::-1], crop[:, ::-1]
            both = crop[::-1]
            for image, angle, flip in (
                (turned, 180, False),
                (mirrored, 0, True),
                (both, 180, True),
            ):
                text, sure = self._read(image)
                readings.append((sure - _CLEARER, text, angle, flip))
        best, text, angle, flip = max(readings, key=lambda r: r[0])
        score = best if (angle, flip) == (0, False) else best + _CLEARER
        if score < _LEAST or not any(c.isalnum() for c in text):
            return None
        angle = (angle + 90 * tall) % 360
        return Line(text, score, corners * scale, angle, flip, "" if tall else plain)

    def _read(self, crop: RGB) -> tuple[str, float]:
        image = np.ascontiguousarray(crop)
        found = self._engine(image, use_det=False, use_cls=False, use_rec=True)
        if found.txts is None or not len(found.txts):
            return "", 0.0
        return str(found.txts[0]).strip(), float(found.scores[0])


def _crop(bgr: RGB, corners: NDArray[np.float64]) -> tuple[RGB, bool]:
    """The box laid flat, and whether it was tall and so turned a quarter counter-clockwise."""
    upper_left, upper_right, lower_right, lower_left = corners
    width = max(np.linalg.norm(upper_right - upper_left), np.linalg.norm(lower_right - lower_left))
    height = max(np.linalg.norm(lower_left - upper_left), np.linalg.norm(lower_right - upper_right))
    size = (max(2, round(float(width))), max(2, round(float(height))))
    target = np.array([[0, 0], [size[0], 0], size, [0, size[1]]], np.float32)
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), target)
    flat = cv2.warpPerspective(
        bgr, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    tall = size[1] >= _TALL * size[0]
    return (np.rot90(flat) if tall else flat), tall


def _in_reading_order(lines: list[Line]) -> list[Line]:
    """Rows from top to bottom, each from left to right; half a line's height makes a row."""
    ordered: list[Line] = []
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda found: float(found.corners[:, 1].mean())):
        middle = float(line.corners[:, 1].mean())
        height = float(np.ptp(line.corners[:, 1]))
        last = rows[-1] if rows else None
        if last and middle - float(last[0].corners[:, 1].mean()) < height / 2:
            last.append(line)
        else:
            rows.append([line])
    for row in rows:
        ordered.extend(sorted(row, key=lambda found: float(found.corners[:, 0].min())))
    return ordered
