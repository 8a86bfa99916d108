"""Eyes, mouth, gaze and the head's pose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from sentinelqa.dimensions._face import falling, no_face, rising
from sentinelqa.dimensions.base import MetricSpec
from sentinelqa.features.base import Features
from sentinelqa.types import Measurement, Request, Tier

if TYPE_CHECKING:
    from sentinelqa.features.face import Eye, Face

_CLOSED, _OPEN = 0.18, 0.22
_FEW_PIXELS = 24.0


@dataclass(frozen=True, slots=True)
class Expression:
    """Eyes open, mouth, smile, gaze and pose of the largest face, after ISO/IEC 29794-5.

    - ``openness``: lid distance over eye width, the smaller of the two eyes, by the iris network's
      lids. Closed eyes and winks read 0.14 to 0.19, open ones 0.18 (laughing) to 0.43;
      ``eyes_open`` maps it to 0..1 through one half at 0.20. ``wink`` is the difference of the two
      eyes.
    - ``mouth_open``: gap of the inner lips over the distance from eyes to chin; neutral under 0.03,
      smiles with teeth 0.05 to 0.17.
    - ``smile``: 0..1 from the mouth's width over the eyes' distance, one half at 0.92 (neutral
      under 0.89, smiles from 0.95). Wide mouths at rest read as smiles.
    - ``gaze``: offset of the irises from the middle of the eyes, over the eye's width.
    - ``facing``: the product of the squared cosines of yaw, pitch and roll.

    The score is the smallest of ``eyes_open``, ``facing`` and a mouth that is not agape
    (``1 / (1 + (mouth_open / 0.3)^4)``). Which expression is wanted is for the rubric to say.
    Thresholds belong to these landmarks. Uncertain with openness from 0.18 to 0.22, or under 24
    pixels between the eyes. Lowered eyes read as closed.
    """

    name: str = "expression"
    version: str = "1"
    tier: Tier = "use_case"
    needs: tuple[str, ...] = ("faces",)
    reference_needs: tuple[str, ...] = ()

    @property
    def metrics(self) -> Mapping[str, MetricSpec]:
        return _METRICS

    def measure(self, features: Features, request: Request) -> Measurement:
        """Score the largest face."""
        found = features["faces"]
        if not found.faces:
            return no_face(self.name, found)
        face = found.faces[0]
        left, right = face.left_eye.openness, face.right_eye.openness
        openness = min(left, right)
        eyes_open = rising(openness, 0.20, 12)
        mouth_open, width = _mouth(face)
        yaw, pitch, roll = face.pose
        facing = float(np.prod(np.cos(np.radians([yaw, pitch, roll])) ** 2))
        return Measurement(
            dimension=self.name,
            score=min(eyes_open, facing, falling(mouth_open, 0.3, 4)),
            metrics={
                "eyes_open": eyes_open,
                "openness": openness,
                "wink": abs(left - right),
                "mouth_open": mouth_open,
                "mouth_width": width,
                "smile": rising(width, 0.92, 30),
                "gaze": max(_gaze(face.left_eye), _gaze(face.right_eye)),
                "facing": facing,
                "yaw": yaw,
                "pitch": pitch,
                "roll": roll,
            },
            uncertain=_CLOSED < openness < _OPEN or face.eye_distance < _FEW_PIXELS,
            models=found.models,
        )


def _mouth(face: Face) -> tuple[float, float]:
    """Gap over the distance from eyes to chin, and width over the eyes' distance."""
    points = face.mesh[:, :2]
    eyes = (face.left_eye.iris[0] + face.right_eye.iris[0]) / 2
    chin = float(np.linalg.norm(points[152] - eyes))
    gap = float(np.linalg.norm(points[13] - points[14]))
    width = float(np.linalg.norm(points[61] - points[291]))
    return gap / max(chin, 1e-6), width / max(face.eye_distance, 1e-6)


def _gaze(eye: Eye) -> float:
    middle = (eye.lids[0] + eye.lids[8]) / 2
    along = (eye.lids[8] - eye.lids[0]) / max(eye.width, 1e-6)
    return abs(float((eye.iris[0] - middle) @ along)) / max(eye.width, 1e-6)


_METRICS: Mapping[str, MetricSpec] = MappingProxyType(
    {
        "eyes_open": MetricSpec("float", "both eyes are open", "", 0.0, 1.0),
        "openness": MetricSpec("float", "lid distance over eye width, smaller eye", "", 0.0, 2.0),
        "wink": MetricSpec("float", "difference of the eyes' openness", "", 0.0, 2.0),
        "mouth_open": MetricSpec("float", "inner lips over eyes to chin", "", 0.0, 2.0),
        "mouth_width": MetricSpec("float", "mouth over the eyes' distance", "", 0.0, 9.0),
        "smile": MetricSpec("float", "the mouth is wide", "", 0.0, 1.0),
        "gaze": MetricSpec("float", "iris off the eye's middle over its width", "", 0.0, 2.0),
        "facing": MetricSpec("float", "squared cosines of the pose", "", 0.0, 1.0),
        "yaw": MetricSpec("float", "turned to the picture's right", "degrees", -180.0, 180.0),
        "pitch": MetricSpec("float", "turned down", "degrees", -180.0, 180.0),
        "roll": MetricSpec("float", "tilted clockwise", "degrees", -180.0, 180.0),
    }
)
