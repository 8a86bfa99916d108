"""One part of a picture for an image-text model to look at. Imported by workers only."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from sentinelqa.features.foreground import WORKING_SIZE, Foreground
from sentinelqa.features.person import Person
from sentinelqa.features.pixels import Picture

RGB = NDArray[np.uint8]
Mask = NDArray[np.bool_]

_MARGIN = 0.02
_ROOM = 0.05
_LEAST = 0.01


def part_of(picture: Picture, foreground: Foreground, person: Person, region: str) -> RGB | None:
    """The picture with nothing but its ``background`` or its ``subject`` left in it.

    What is taken away is painted over: the subject, with a little around it, in the background's
    median colour; the background in white, and the frame is cut to the subject. An outline stays,
    so a model still knows that something was there.

    Args:
        foreground, person: the masks, at the size of ``picture.within(512)``.

    Returns:
        ``H x W x 3``; ``None`` where no mask tells subject and background apart, or where under
        1 % of the frame would be left.
    """
    subject = _subject(foreground, person)
    if subject is None:
        return None
    rgb = picture.within(WORKING_SIZE).copy()
    keep = ~_wider(subject) if region == "background" else subject
    if keep.mean() < _LEAST:
        return None
    paint = np.median(rgb[keep], axis=0) if region == "background" else (255, 255, 255)
    rgb[~keep] = np.asarray(paint, np.uint8)
    return rgb if region == "background" else _cut(rgb, subject)


def _subject(foreground: Foreground, person: Person) -> Mask | None:
    found = [
        mask
        for mask in (person.mask, foreground.mask if foreground.plain else None)
        if mask is not None and mask.any()
    ]
    return np.asarray(np.logical_or.reduce(found)) if found else None


def _wider(subject: Mask) -> Mask:
    reach = max(1, round(min(subject.shape) * _MARGIN))
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    return np.asarray(cv2.dilate(subject.astype(np.uint8), kernel) > 0)


def _cut(rgb: RGB, subject: Mask) -> RGB:
    rows, columns = np.flatnonzero(subject.any(1)), np.flatnonzero(subject.any(0))
    room = round(max(len(rows), len(columns)) * _ROOM)
    top, left = max(0, rows[0] - room), max(0, columns[0] - room)
    return np.ascontiguousarray(rgb[top : rows[-1] + 1 + room, left : columns[-1] + 1 + room])
