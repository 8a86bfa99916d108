"""The subject in front of a plain background, found without a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sentinelqa.errors import ScoringError
from sentinelqa.features.base import FeatureInput
from sentinelqa.features.colour import lab
from sentinelqa.features.pixels import Picture
from sentinelqa.types import ModelUse

Mask = NDArray[np.bool_]

WORKING_SIZE = 512
_NEAR = 10.0
_PLAIN_SHARE = 0.75
_SPECK = 0.0005
_SMALLEST = 16
_ENOUGH = 2800
"""Pixels of the border that say what colour it has; a large picture's has some 20,000."""


@dataclass(frozen=True, slots=True, eq=False)
class Foreground:
    """Where the subject is.

    Attributes:
        plain: the frame's border is of one colour, so that a subject can be told from it.
        mask: subject pixels of ``picture.within(512)``; empty (all false) when not plain or when
            there is nothing but background.
        border_lab: median L*a*b* of the border.
        border_share: part of the border within 10 ΔE*ab of that colour.
    """

    plain: bool
    mask: Mask
    border_lab: tuple[float, float, float]
    border_share: float

    @property
    def box(self) -> tuple[int, int, int, int] | None:
        """``left, top, right, bottom`` of the subject in pixels of the mask; right and bottom are
        exclusive. ``None`` without a subject."""
        rows, columns = np.flatnonzero(self.mask.any(1)), np.flatnonzero(self.mask.any(0))
        if not len(rows):
            return None
        return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


@dataclass(frozen=True, slots=True)
class ForegroundFinder:
    """Feature ``foreground``: what is not connected to the frame through the border's colour.

    A pixel is background when it lies within 10 ΔE*ab of the border's median colour and is
    connected to the frame through such pixels, so white parts inside a product stay product.
    Specks under 0.05 % of the frame are dropped. A cast shadow darker than that counts as subject.
    """

    name: str = "foreground"
    version: str = "2"
    needs: tuple[str, ...] = ("pixels",)
    models: tuple[ModelUse, ...] = ()

    def load(self, device: str) -> None:
        """Nothing to load."""

    def compute(self, batch: Sequence[FeatureInput]) -> list[Foreground | ScoringError]:
        """Find the subject of every picture."""
        return [find_foreground(item.features["pixels"]) for item in batch]


def find_foreground(picture: Picture) -> Foreground:
    """The subject of one picture."""
    rgb = picture.within(WORKING_SIZE)
    shape = rgb.shape[:2]
    ring = _border(rgb)
    border = lab(ring[:: max(1, len(ring) // _ENOUGH)])
    middle = len(border) // 2
    colour = np.array([np.partition(channel, middle)[middle] for channel in border.T])
    share = float(_near(border, colour).mean())
    plain = share >= _PLAIN_SHARE and min(shape) >= _SMALLEST
    if plain:
        near = _near(picture.lab_within(WORKING_SIZE), colour)
        mask = _without_specks(~_connected_to_frame(near))
    else:
        mask = np.zeros(shape, bool)
    light, a, b = (float(v) for v in colour)
    return Foreground(plain, mask, (light, a, b), share)


def _near(colours: NDArray[np.float32], colour: NDArray[np.float32]) -> Mask:
    """Which colours lie within the distance that counts as background."""
    squares = np.zeros(colours.shape[:-1], np.float32)
    for channel, middle in enumerate(colour):
        away = colours[..., channel] - middle
        squares += away * away
    return np.asarray(np.sqrt(squares) <= _NEAR)


def _border(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The pixels of :func:`border_ring`, in another order."""
    width = _ring_width(rgb.shape)
    if 2 * width >= min(rgb.shape[:2]):
        return rgb.reshape(-1, 3)
    inside = np.s_[width:-width]
    parts = rgb[:width], rgb[-width:], rgb[inside, :width], rgb[inside, -width:]
    return np.concatenate([part.reshape(-1, 3) for part in parts])


def _ring_width(shape: tuple[int, ...], share: float = 0.02) -> int:
    return max(1, round(min(shape[:2]) * share))


def border_ring(shape: tuple[int, ...], share: float = 0.02) -> Mask:
    """The outermost pixels, ``share`` of the shorter side wide and at least one."""
    width = _ring_width(shape, share)
    ring = np.ones(shape[:2], bool)
    ring[width:-width, width:-width] = False
    return ring


def _connected_to_frame(near: Mask) -> Mask:
    padded = np.pad(near, 1, constant_values=True).astype(np.uint8)
    _, labels = cv2.connectedComponents(padded, connectivity=4)
    return np.asarray((labels == labels[0, 0])[1:-1, 1:-1])


def _without_specks(mask: Mask) -> Mask:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    areas = stats[:, cv2.CC_STAT_AREA]
    keep = (areas >= max(4, _SPECK * mask.size)) & (np.arange(count) > 0)
    return np.asarray(keep[labels])
