"""Light on the face: from the side, too much, too little, coloured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from sentinelqa.dimensions._face import falling, no_face
from sentinelqa.dimensions.base import MetricSpec
from sentinelqa.features import colour
from sentinelqa.features.base import Features
from sentinelqa.features.skin import LEFT_CHEEK, RIGHT_CHEEK, region, whole_face
from sentinelqa.types import Measurement, Metric, Request, Tier, Unscored

_FEWEST = 16
_BRIGHT, _DARK = 247 / 255, 25 / 255
_NATURAL_A, _NATURAL_B = (5.0, 25.0), (5.0, 35.0)


@dataclass(frozen=True, slots=True)
class Lighting:
    """Evenness, exposure and colour of the light on the largest face, after ISO/IEC 29794-5.

    - ``side``: log2 of the picture's left over its right cheek (median linear luminance), in stops;
      0.6 a stop of added side light, and unmoved by the exposure. ``1 / (1 + (side / 1.4)^6)``.
    - ``over``, ``under``: share of the face with luminance from 247/255, and up to 25/255, in
      linear light. ``1 / (1 + (over / 0.25)^3)``; under counts from 0.8 on, since dark skin in good
      light is "under-exposed" by the standard's bound.
    - ``cast``: distance of the cheeks' mean a*, b* from the box of natural skin (a* 5..25, b*
      5..35). ``1 / (1 + (cast / 11)^2)``. Left out for greyscale pictures, where the standard's
      formula would call no colour at all perfect.

    The score is the smallest. ``luminance`` (mean) and ``range`` (entropy of the luminance, bits)
    are reported and not scored: the standard's map of the mean calls well-lit dark skin too dark.
    Uncertain beyond 30 degrees of yaw, where one cheek turns away from the light by itself.
    """

    name: str = "lighting"
    version: str = "1"
    tier: Tier = "use_case"
    needs: tuple[str, ...] = ("pixels", "faces")
    reference_needs: tuple[str, ...] = ()

    @property
    def metrics(self) -> Mapping[str, MetricSpec]:
        return _METRICS

    def measure(self, features: Features, request: Request) -> Measurement:
        """Score the light on the largest face."""
        found, picture = features["faces"], features["pixels"]
        if not found.faces:
            return no_face(self.name, found)
        face, shape = found.faces[0], picture.rgb.shape
        cheeks = [region(face, outline, shape) for outline in (LEFT_CHEEK, RIGHT_CHEEK)]
        if min(c.sum() for c in cheeks) < _FEWEST:
            note = "the cheeks are too small, or outside the frame"
            return Measurement.without_score(
                self.name, Unscored.UNDECIDABLE, note, models=found.models
            )
        light = picture.luminance
        left, right = (max(float(np.median(light[c])), 1e-4) for c in cheeks)
        values = light[whole_face(face, shape)]
        metrics: dict[str, Metric] = {
            "side": float(np.log2(left / right)),
            "over": float((values >= _BRIGHT).mean()),
            "under": float((values <= _DARK).mean()),
            "luminance": float(values.mean()),
            "range": _entropy(values),
        }
        parts = [
            falling(float(metrics["side"]), 1.4, 6),
            falling(float(metrics["over"]), 0.25, 3),
            float(np.interp(float(metrics["under"]), [0.8, 1.0], [1.0, 0.0])),
        ]
        if not picture.is_grey:
            pixels = picture.rgb[cheeks[0] | cheeks[1]]
            metrics["cast"] = _distance_from_skin(colour.lab(pixels).mean(axis=0))
            parts.append(falling(float(metrics["cast"]), 11.0, 2))
        return Measurement(
            dimension=self.name,
            score=min(parts),
            metrics=metrics,
            uncertain=abs(face.pose[0]) > 30,
            note="greyscale: the colour of the light was not judged" if picture.is_grey else "",
            models=found.models,
        )


def _entropy(values: NDArray[np.float32]) -> float:
    shares = np.bincount((values * 255).astype(np.uint8), minlength=256) / max(1, values.size)
    present = shares[shares > 0]
    return abs(float(-(present * np.log2(present)).sum()))


def _distance_from_skin(lab: NDArray[np.float32]) -> float:
    away = [
        max(low - float(value), float(value) - high, 0.0)
        for value, (low, high) in zip(lab[1:], (_NATURAL_A, _NATURAL_B), strict=True)
    ]
    return float(np.hypot(away[0], away[1]))


_METRICS: Mapping[str, MetricSpec] = MappingProxyType(
    {
        "side": MetricSpec("float", "left over right cheek", "stops", -14.0, 14.0),
        "over": MetricSpec("float", "over-exposed part of the face", "share", 0.0, 1.0),
        "under": MetricSpec("float", "dark part of the face", "share", 0.0, 1.0),
        "luminance": MetricSpec("float", "mean luminance of the face", "", 0.0, 1.0),
        "range": MetricSpec("float", "entropy of the face's luminance", "bits", 0.0, 8.0),
        "cast": MetricSpec("float", "distance from natural skin colours", "ΔE*ab", 0.0, 200.0),
    }
)
