"""A line around a subject, brighter or darker than both sides, as careless cut-outs have it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Floats = NDArray[np.float32]

_INSIDE, _BEHIND = (-18.0, -7.0), (9.0, 20.0)
_LINES = ((2.0, 4.0), (4.0, 6.0), (6.0, 8.0))
_WINDOW = 41
_VISIBLE = 6.0
_FEWEST = 200


def fringe_share(grey: Floats, mask: Mask) -> float | None:
    """The share of the subject's edge along which a fringe is seen, 0 to 1.

    At every place of the edge, the mean luma of three lines 2 to 8 pixels outside is compared with
    that of the subject (7 to 18 pixels inside) and of the background (9 to 20 pixels outside), all
    within 20 pixels of the place. A line that is 6 levels brighter than the brighter of the two, or
    darker than the darker one, is a fringe; the line and the sign that most of the edge has count.
    A light fringe against a dark background beside a light subject lies between the two, and is
    not seen.

    Args:
        grey: luma, 0 to 255, about 1024 pixels on the longer side.
        mask: of the subject, of the same shape.

    Returns:
        ``None`` when under 200 pixels of edge lie inside the frame.
    """
    distance = _signed_distance(mask)
    inside, behind = _around(grey, distance, _INSIDE), _around(grey, distance, _BEHIND)
    room = _WINDOW // 2
    middle = np.zeros(mask.shape, bool)
    middle[room:-room, room:-room] = True
    edge = middle & (np.abs(distance) < 1.5) & np.isfinite(inside + behind)
    if edge.sum() < _FEWEST:
        return None
    light, dark = np.maximum(inside, behind)[edge], np.minimum(inside, behind)[edge]
    shares = []
    for band in _LINES:
        line = _around(grey, distance, band)[edge]
        shares += [np.mean(line - light > _VISIBLE), np.mean(dark - line > _VISIBLE)]
    return float(max(shares))


def _signed_distance(mask: Mask) -> Floats:
    """Pixels from the edge, negative inside."""
    inside = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    outside = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    return np.asarray(np.where(mask, 0.5 - inside, outside - 0.5), np.float32)


def _around(grey: Floats, distance: Floats, band: tuple[float, float]) -> Floats:
    """Mean luma of the band within the window of every pixel; NaN where there is none of it."""
    chosen = ((distance >= band[0]) & (distance < band[1])).astype(np.float32)
    weight = cv2.blur(chosen, (_WINDOW, _WINDOW))
    total = cv2.blur(grey * chosen, (_WINDOW, _WINDOW))
    mean = np.full(grey.shape, np.nan, np.float32)
    np.divide(total, weight, out=mean, where=weight > 1e-4)
    return mean
