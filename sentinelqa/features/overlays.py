"""Draws what was seen: landmarks, cheeks, subject, writing, and maps of focus and damage."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sentinelqa.dimensions.artifacts import technical_score
from sentinelqa.dimensions.sharpness import VIEWING_SIZE, gradients, smoothed, tile_map
from sentinelqa.features.face import FaceSet
from sentinelqa.features.foreground import Foreground
from sentinelqa.features.person import Person
from sentinelqa.features.pixels import Picture
from sentinelqa.features.reading import TextFound
from sentinelqa.features.skin import FOREHEAD, LEFT_CHEEK, RIGHT_CHEEK

RGB = NDArray[np.uint8]

PANEL = 640
_GREEN, _YELLOW, _RED, _CYAN = (60, 220, 60), (250, 220, 40), (240, 60, 50), (40, 200, 240)
_MAGENTA = (230, 60, 220)
_TILES = 8
_SMALLEST_TILE = 32


def overlay(values: Mapping[str, Any]) -> RGB:
    """One picture of panels side by side: what was found, where it is sharp, where it is damaged.

    Args:
        values: feature values by name; ``pixels`` is needed, the others are drawn when there.
    """
    picture: Picture = values["pixels"]
    base = picture.within(PANEL)
    seen = base.copy()
    for name, draw in _DRAWERS.items():
        if name in values:
            draw(seen, values[name], seen.shape[1] / picture.width)
    panels = [
        _captioned(seen, "found"),
        _captioned(_heat(base, focus_map(picture)), "sharp (green)"),
        _captioned(_heat(base, damage_map(picture)), "undamaged (green)"),
    ]
    return np.hstack(panels)


def _draw_foreground(canvas: RGB, found: Foreground, _scale: float) -> None:
    _outline(canvas, found.mask, _CYAN)


def _draw_person(canvas: RGB, found: Person, _scale: float) -> None:
    if found.mask is not None:
        _outline(canvas, found.mask, _MAGENTA)


def _outline(canvas: RGB, mask: NDArray[np.bool_], colour: tuple[int, int, int]) -> None:
    sized = cv2.resize(mask.astype(np.uint8), canvas.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    outlines, _ = cv2.findContours(sized, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    cv2.drawContours(canvas, outlines, -1, colour, 2)


def _draw_faces(canvas: RGB, found: FaceSet, scale: float) -> None:
    for number, face in enumerate(found.faces):
        left, top, right, bottom = (round(v * scale) for v in face.box)
        cv2.rectangle(canvas, (left, top), (right, bottom), _YELLOW if number else _GREEN, 2)
        points = np.rint(face.mesh[:, :2] * scale).astype(np.int32)
        for x, y in points.tolist():
            cv2.circle(canvas, (x, y), 1, _GREEN, -1)
        for outline in (LEFT_CHEEK, RIGHT_CHEEK, FOREHEAD):
            cv2.polylines(canvas, [cv2.convexHull(points[list(outline)])], True, _CYAN, 1)
        for eye in (face.left_eye, face.right_eye):
            for x, y in np.rint(eye.lids * scale).astype(int).tolist():
                cv2.circle(canvas, (x, y), 1, _RED, -1)
            x, y = np.rint(eye.iris[0] * scale).astype(int).tolist()
            cv2.circle(canvas, (x, y), 2, _YELLOW, -1)


def _draw_text(canvas: RGB, found: TextFound, scale: float) -> None:
    for line in found.lines:
        corners = np.rint(line.corners * scale).astype(np.int32)
        colour = _GREEN if line.upright else _RED
        cv2.polylines(canvas, [corners], True, colour, 2)


_DRAWERS: Mapping[str, Callable[[RGB, Any, float], None]] = {
    "foreground": _draw_foreground,
    "person": _draw_person,
    "faces": _draw_faces,
    "text": _draw_text,
}


def focus_map(picture: Picture) -> NDArray[np.float64]:
    """0 (blurred or without edges) to 1 (sharp) on an 8 x 8 grid."""
    before, after = gradients(smoothed(picture.luma_within(VIEWING_SIZE)))
    return np.clip(tile_map(before, after) / 0.5, 0, 1)


def damage_map(picture: Picture) -> NDArray[np.float64]:
    """The technical score of each tile, 0 to 1, on an 8 x 8 grid; 1 where tiles are too small."""
    grey = picture.grey_within(VIEWING_SIZE)
    scores = np.ones((_TILES, _TILES))
    rows = np.linspace(0, grey.shape[0], _TILES + 1).astype(int) // 8 * 8
    columns = np.linspace(0, grey.shape[1], _TILES + 1).astype(int) // 8 * 8
    for i in range(_TILES):
        for j in range(_TILES):
            tile = grey[rows[i] : rows[i + 1], columns[j] : columns[j + 1]]
            if min(tile.shape) >= _SMALLEST_TILE:
                scores[i, j] = technical_score(np.ascontiguousarray(tile))
    return scores


def _heat(base: RGB, good: NDArray[np.float64]) -> RGB:
    tiles = np.stack([240 * (1 - good), 210 * good, 40 + 0 * good], axis=2).astype(np.uint8)
    colours = cv2.resize(tiles, base.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.addWeighted(base, 0.6, colours, 0.4, 0), np.uint8)


def _captioned(panel: RGB, caption: str) -> RGB:
    bar = np.full((28, panel.shape[1], 3), 32, np.uint8)
    cv2.putText(bar, caption, (8, 19), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (240, 240, 240), 1)
    framed = np.vstack([bar, panel])
    edged = cv2.copyMakeBorder(framed, 0, 0, 0, 4, cv2.BORDER_CONSTANT, value=(32, 32, 32))
    return np.asarray(edged, np.uint8)
