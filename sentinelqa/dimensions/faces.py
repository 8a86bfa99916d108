"""How many faces there are, and how the largest sits in the frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from sentinelqa.dimensions.base import MetricSpec
from sentinelqa.features.base import Features
from sentinelqa.types import Measurement, Metric, Request, Tier


@dataclass(frozen=True, slots=True)
class FacesFound:
    """Count, size and pose of faces; the score follows ISO/IEC 29794-5's single-face measure.

    One minus ``second_share``, the area of the second largest face over that of the largest; 0
    without a face. ``head`` is the distance from the eyes' middle to the chin over the frame's
    height (the standard asks 0.45 of a passport picture), ``eye_distance`` is in pixels, pose in
    degrees.

    Finds faces down to about a twentieth of the frame. Blind to faces seen from the side beyond
    about 60 degrees, behind masks, and to drawn ones; portraits on a wall count.
    """

    name: str = "faces"
    version: str = "1"
    tier: Tier = "use_case"
    needs: tuple[str, ...] = ("pixels", "faces")
    reference_needs: tuple[str, ...] = ()

    @property
    def metrics(self) -> Mapping[str, MetricSpec]:
        return _METRICS

    def measure(self, features: Features, request: Request) -> Measurement:
        """Score one picture."""
        found, picture = features["faces"], features["pixels"]
        metrics: dict[str, Metric] = {"count": found.count, "second_share": found.second_share}
        if not found.faces:
            return Measurement(dimension=self.name, score=0.0, metrics=metrics, models=found.models)
        face = found.faces[0]
        eyes = (face.left_eye.iris[0] + face.right_eye.iris[0]) / 2
        head = float(np.linalg.norm(face.mesh[152, :2] - eyes)) / picture.height
        yaw, pitch, roll = face.pose
        middle = face.mesh[:, :2].mean(axis=0) / (picture.width, picture.height)
        low, high = face.mesh[:, :2].min(axis=0), face.mesh[:, :2].max(axis=0)
        inside = low.min() >= 0 and high[0] <= picture.width and high[1] <= picture.height
        metrics |= {
            "head": head,
            "eye_distance": face.eye_distance,
            "yaw": yaw,
            "pitch": pitch,
            "roll": roll,
            "x": float(middle[0]),
            "y": float(middle[1]),
            "whole": bool(inside),
        }
        return Measurement(
            dimension=self.name,
            score=max(0.0, 1 - found.second_share),
            metrics=metrics,
            models=found.models,
        )


_METRICS: Mapping[str, MetricSpec] = MappingProxyType(
    {
        "count": MetricSpec("int", "faces found, at most 12", "count", 0, 12),
        "second_share": MetricSpec("float", "second face over the largest", "share", 0.0, 1.0),
        "head": MetricSpec("float", "eyes to chin over the frame's height", "share", 0.0, 2.0),
        "eye_distance": MetricSpec("float", "between the irises", "pixels", 0.0),
        "yaw": MetricSpec("float", "turned to the picture's right", "degrees", -180.0, 180.0),
        "pitch": MetricSpec("float", "turned down", "degrees", -180.0, 180.0),
        "roll": MetricSpec("float", "tilted clockwise", "degrees", -180.0, 180.0),
        "x": MetricSpec("float", "middle of the face from the left", "share", -1.0, 2.0),
        "y": MetricSpec("float", "middle of the face from the top", "share", -1.0, 2.0),
        "whole": MetricSpec("bool", "the face lies inside the frame"),
    }
)
