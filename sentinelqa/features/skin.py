"""Regions of a face by its landmarks, and what light does there."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from sentinelqa.features.colour_names import lab_of_hex
from sentinelqa.features.face import Face

Mask = NDArray[np.bool_]

# Outlines in MediaPipe's landmark numbers; left and right are the picture's.
LEFT_CHEEK = (117, 101, 36, 205, 187, 123)
RIGHT_CHEEK = (346, 330, 266, 425, 411, 352)
FOREHEAD = (108, 151, 337, 336, 9, 107)

MONK = (
    "#f6ede4", "#f3e7db", "#f7ead0", "#eadaba", "#d7bd96",
    "#a07e56", "#825c43", "#604134", "#3a312a", "#292420",
)  # fmt: skip


def region(face: Face, outline: tuple[int, ...], shape: tuple[int, ...]) -> Mask:
    """The pixels of a frame of ``shape`` inside the convex hull of some landmarks."""
    mask = np.zeros(shape[:2], np.uint8)
    points = np.rint(face.mesh[list(outline), :2]).astype(np.int32)
    cv2.fillConvexPoly(mask, cv2.convexHull(points), 1)
    return mask.astype(bool)


def skin(face: Face, shape: tuple[int, ...]) -> Mask:
    """Both cheeks and the middle of the forehead."""
    found = region(face, LEFT_CHEEK, shape) | region(face, RIGHT_CHEEK, shape)
    return np.asarray(found | region(face, FOREHEAD, shape))


def whole_face(face: Face, shape: tuple[int, ...]) -> Mask:
    """The face inside its outline."""
    return region(face, tuple(range(len(face.mesh))), shape)


def typology_angle(lightness: float, b: float) -> float:
    """Individual typology angle in degrees (Chardon, Cretois and Hourseau, 1991): above 55 very
    light, 41 light, 28 intermediate, 10 tan, -30 brown, below dark. It moves with the exposure."""
    return float(np.degrees(np.arctan2(lightness - 50, b)))


def monk_tone(lab: NDArray[np.float64]) -> int:
    """The nearest of the ten Monk skin tones by lightness and hue (CIE76), 1 to 10."""
    return int(np.linalg.norm(_MONK_LAB - lab, axis=1).argmin()) + 1


_MONK_LAB = np.stack([lab_of_hex(code) for code in MONK])
