"""Focus of the subject."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from sentinelqa.dimensions.base import MetricSpec
from sentinelqa.features.base import Features
from sentinelqa.types import Measurement, Request, Tier, Unscored

Plane = NDArray[np.float32]
Luma = NDArray[np.uint8]

VIEWING_SIZE = 1024
_EDGES = 0.03
_FAINT = 3.0
_SMALLEST = 24
_HALF = 0.155
_TILES = 8
_NOISE = 14
"""Levels by which smoothing may change a pixel: grain is less than that, an edge is more."""


@dataclass(frozen=True, slots=True)
class Sharpness:
    """How much of its edges' steepness a picture loses when it is blurred once more.

    A blurred picture has little left to lose (Crete et al., "The blur effect", SPIE 2007). The
    luma, at most 1024 pixels on its longer side, is smoothed so that noise cannot pass for detail:
    each pixel becomes the mean of the 3 x 3 around it, but moves by 14 levels at most, which leaves
    edges steep. ``reblur`` is the share of Sobel gradient magnitude that the steepest 3 % of pixels
    lose when the picture is halved in size, which blurs it by 1.4 pixels. The steepest pixels lie
    on whatever is in focus, so shallow depth of field costs nothing.

    ``reblur`` is a share, 0 to 1; a sharp photograph has about 0.44, after a Gaussian blur of 1
    pixel 0.27, of 2 pixels 0.15, of 4 pixels 0.06. Contrast and exposure hardly move it. The score
    is ``1 / (1 + (0.155 / reblur)^3)``: one half at about 2 pixels of blur.

    Undecidable where there is no edge to judge (the steepest 3 % of pixels rise by less than 3 of
    255 levels a pixel) or under 24 pixels. Blind to: which object is in focus, motion blur along
    edges, and the invented crispness of over-sharpened or upscaled pictures.
    """

    name: str = "sharpness"
    version: str = "3"
    tier: Tier = "generic"
    needs: tuple[str, ...] = ("pixels",)
    reference_needs: tuple[str, ...] = ()

    @property
    def metrics(self) -> Mapping[str, MetricSpec]:
        return _METRICS

    def measure(self, features: Features, request: Request) -> Measurement:
        """Score one picture."""
        luma = features["pixels"].luma_within(VIEWING_SIZE)
        if min(luma.shape) < _SMALLEST:
            note = f"the picture is under {_SMALLEST} pixels wide or high"
            return Measurement.without_score(self.name, Unscored.UNDECIDABLE, note)
        before, after = gradients(smoothed(luma))
        steep = steepest(before)
        strength = float(before[steep].mean(dtype=np.float64)) if steep.any() else 0.0
        if strength < _FAINT:
            note = f"no edges to judge by: the steepest rise {strength:.1f} levels a pixel"
            return Measurement.without_score(
                self.name, Unscored.UNDECIDABLE, note, metrics={"edge_strength": strength}
            )
        loss = reblur(before, after, steep)
        return Measurement(
            dimension=self.name,
            score=score_of(loss),
            metrics={
                "reblur": loss,
                "edge_strength": strength,
                "sharp_area": float((tile_map(before, after) >= _HALF).mean()),
            },
            uncertain=strength < 2 * _FAINT,
        )


def score_of(loss: float) -> float:
    """The score of a ``reblur`` share."""
    return 1 / (1 + (_HALF / max(loss, 1e-6)) ** 3)


def smoothed(luma: Luma) -> Luma:
    """The mean of 3 x 3 pixels, but no further from each pixel than noise would be."""
    highest, lowest = cv2.add(luma, _NOISE), cv2.subtract(luma, _NOISE)
    return np.asarray(cv2.max(cv2.min(cv2.blur(luma, (3, 3)), highest), lowest), np.uint8)


def gradients(luma: Luma) -> tuple[Plane, Plane]:
    """Gradient magnitude of a luma and of its halved copy, both in levels a pixel of the luma and
    at every second pixel of every second row.

    Halving smooths by [1 4 6 4 1] / 16, and a step of its pixels spans two: together as much blur,
    beyond that of the first gradient, as a Gaussian of 1.4 pixels.
    """
    halved = np.asarray(cv2.pyrDown(luma), np.uint8)
    return _magnitude(luma, halve=True), _magnitude(halved) / np.float32(2)


def steepest(gradient: Plane) -> NDArray[np.bool_]:
    """The steepest 3 % of pixels."""
    bound = np.partition(gradient.ravel(), -_count(gradient))[-_count(gradient)]
    return np.asarray(gradient >= max(bound, 1e-6))


def reblur(before: Plane, after: Plane, where: NDArray[np.bool_]) -> float:
    """Share of gradient magnitude lost to the second blur, 0 to 1."""
    places = np.flatnonzero(where)
    return _lost(before.ravel()[places], after.ravel()[places])


def _lost(before: Plane, after: Plane) -> float:
    total = float(before.sum(dtype=np.float64))
    kept = float(after.sum(dtype=np.float64))
    return float(np.clip(1 - kept / total, 0, 1)) if total > 0 else 0.0


def tile_map(before: Plane, after: Plane) -> NDArray[np.float64]:
    """``reblur`` on an 8 x 8 grid over the picture; 0 in tiles without edges."""
    own, blurred = _in_tiles(before), _in_tiles(after)
    if not own.size:
        return np.zeros((_TILES, _TILES))
    bounds = np.partition(own, -_count(own[0]), axis=1)[:, -_count(own[0])]
    steep = np.flatnonzero(own >= np.maximum(bounds, 1e-6)[:, None])
    tiles = steep // own.shape[1]
    counts = np.bincount(tiles, minlength=_TILES**2)
    rises, kept = (np.bincount(tiles, p.ravel()[steep], _TILES**2) for p in (own, blurred))
    edges = rises >= _FAINT * np.maximum(counts, 1)
    lost = np.clip(1 - kept / np.maximum(rises, 1e-6), 0, 1)
    return np.where(edges, lost, 0.0).reshape(_TILES, _TILES)


def _in_tiles(plane: Plane) -> Plane:
    """One row for each of 8 x 8 tiles; what is left over at the right and below is left out."""
    height, width = (n // _TILES for n in plane.shape)
    cut = plane[: height * _TILES, : width * _TILES].reshape(_TILES, height, _TILES, width)
    return cut.transpose(0, 2, 1, 3).reshape(_TILES**2, height * width)


def _count(gradient: Plane) -> int:
    return max(1, round(gradient.size * _EDGES))


def _magnitude(luma: Luma, *, halve: bool = False) -> Plane:
    rises = (np.asarray(cv2.Sobel(luma, cv2.CV_16S, *axes)) for axes in ((1, 0), (0, 1)))
    across, down = ((_every_second(r) if halve else r).astype(np.float32) for r in rises)
    # whole numbers are exact up to the root; OpenCV's ``magnitude`` differs with where memory lies
    across *= across
    down *= down
    across += down
    np.sqrt(across, out=across)
    across /= 8
    return across


def _every_second(plane: NDArray[np.int16]) -> NDArray[np.int16]:
    """``plane[::2, ::2]``, which takes twice as long where pixels lie in pairs."""
    if plane.shape[1] % 2:
        return plane[::2, ::2]
    pairs = plane.reshape(plane.shape[0], -1, 2)[::2]
    return np.asarray(cv2.extractChannel(pairs, 0), np.int16)


_METRICS: Mapping[str, MetricSpec] = MappingProxyType(
    {
        "reblur": MetricSpec(
            "float", "gradient lost to a further blur", unit="share", low=0.0, high=1.0
        ),
        "edge_strength": MetricSpec(
            "float", "mean rise of the steepest pixels", unit="levels/px", low=0.0, high=255.0
        ),
        "sharp_area": MetricSpec(
            "float", "part of the picture with sharp edges", unit="share", low=0.0, high=1.0
        ),
    }
)
