"""What was seen in one picture, as shapes that a page lays over it: small, and drawn by the page.

Coordinates are whole numbers in a frame whose longer side is :data:`FRAME`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sentinelqa.features.face import FaceSet
from sentinelqa.features.overlays import damage_map, focus_map
from sentinelqa.features.pixels import Picture
from sentinelqa.features.reading import TextFound

FRAME = 1000
MOST_FACES = 8
MOST_LINES = 40
MOST_OUTLINES = 6
_SMALL = 0.0005
"""Outlines under this share of the frame are left out."""

Shapes = dict[str, Any]


def shapes(values: Mapping[str, Any]) -> Shapes:
    """The overlays of one picture, JSON-ready.

    Args:
        values: feature values by name; ``pixels`` is needed, the others are drawn when there.

    Returns:
        ``size``: width and height of the frame. ``faces``: per face its ``box`` (left, top, right,
        bottom) and ``points`` (x, y of every second landmark and of both eyes). ``text``: per line
        its four ``corners`` and whether it is ``upright``. ``subject`` and ``people``: outlines.
        ``focus`` and ``damage``: a digit per tile, 8 x 8, 9 for the sharpest and the least
        damaged; ``damage`` is left out where there is none or tiles are too small to say.
    """
    picture: Picture = values["pixels"]
    longest = max(picture.width, picture.height)
    scale = FRAME / longest
    found: Shapes = {
        "size": [round(picture.width * scale), round(picture.height * scale)],
        "focus": _digits(focus_map(picture)),
    }
    damage = _digits(damage_map(picture))
    if set(damage) != {"9"}:
        found["damage"] = damage
    if "faces" in values:
        found["faces"] = _faces(values["faces"], scale)
    if "text" in values:
        found["text"] = _text(values["text"], scale)
    if "foreground" in values:
        found["subject"] = _outlines(values["foreground"].mask)
    if "person" in values and values["person"].mask is not None:
        found["people"] = _outlines(values["person"].mask)
    return found


def _digits(good: NDArray[np.float64]) -> str:
    tenths = np.clip(np.rint(good * 9), 0, 9).astype(int)
    return "".join(str(digit) for digit in tenths.ravel().tolist())


def _whole(points: NDArray[np.float64], scale: float) -> list[int]:
    """x, y, x, y ..."""
    found: list[int] = np.rint(np.asarray(points, np.float64) * scale).astype(int).ravel().tolist()
    return found


def _faces(found: FaceSet, scale: float) -> list[Shapes]:
    return [
        {
            "box": _whole(np.array(face.box), scale),
            "points": _whole(
                np.concatenate([face.mesh[::2, :2], face.left_eye.lids, face.right_eye.lids]), scale
            ),
        }
        for face in found.faces[:MOST_FACES]
    ]


def _text(found: TextFound, scale: float) -> list[Shapes]:
    return [
        {"corners": _whole(line.corners, scale), "upright": line.upright}
        for line in found.lines[:MOST_LINES]
    ]


def _outlines(found: NDArray[np.bool_]) -> list[list[int]]:
    mask = found.astype(np.uint8)
    if not mask.any():
        return []
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    large = [o for o in outlines if cv2.contourArea(o) >= _SMALL * mask.size]
    large.sort(key=lambda outline: -cv2.contourArea(outline))
    scale = FRAME / max(mask.shape)
    simple = (cv2.approxPolyDP(o, 0.75, closed=True) for o in large[:MOST_OUTLINES])
    return [_whole(outline.reshape(-1, 2) + 0.5, scale) for outline in simple]
