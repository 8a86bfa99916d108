"""A face as data: landmarks, eyelids and irises, and what follows from them. No network here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentinelqa.types import ModelUse

Points = NDArray[np.float64]

_LEVEL_PITCH = 10.0
"""What the line from forehead to chin leans by on a face that looks straight ahead."""

# Landmark numbers of MediaPipe's face mesh. Left and right are the picture's.
LEFT_EYE, RIGHT_EYE = (33, 133), (362, 263)
MOUTH_CORNERS, INNER_LIPS = (61, 291), (13, 14)
CHIN, FOREHEAD, NOSE_TIP = 152, 10, 1


@dataclass(frozen=True, slots=True, eq=False)
class Eye:
    """One eye, in pixels of the frame.

    Attributes:
        lids: 16 x 2: corner, seven points of the lower lid, corner, seven of the upper lid, both
            from the picture's left to its right.
        iris: 5 x 2: centre and four points of the rim.
    """

    lids: Points
    iris: Points

    @property
    def width(self) -> float:
        return float(np.linalg.norm(self.lids[8] - self.lids[0]))

    @property
    def openness(self) -> float:
        """Distance of the lids over the eye's width, the mean of two places beside the centre
        (the eye aspect ratio of Soukupova and Cech, "Real-time eye blink detection using facial
        landmarks", 2016)."""
        inner = np.linalg.norm(self.lids[11] - self.lids[3])
        outer = np.linalg.norm(self.lids[13] - self.lids[5])
        return float((inner + outer) / (2 * max(self.width, 1e-6)))


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One face, in pixels of the frame.

    Attributes:
        box: left, top, right, bottom of the detector.
        score: the detector's, 0 to 1.
        mesh: 468 x 3 landmarks; depth in the same unit, smaller is nearer.
        left_eye, right_eye: the picture's left and right.
        present: the mesh network's belief that there is a face, 0 to 1.
        points: 5 x 2: eyes, nose tip and mouth corners by a detector that finds them as well as
            ArcFace-class networks want; ``None`` by one that does not.
    """

    box: tuple[float, float, float, float]
    score: float
    mesh: Points
    left_eye: Eye
    right_eye: Eye
    present: float
    points: Points | None = None

    @property
    def area(self) -> float:
        left, top, right, bottom = self.box
        return (right - left) * (bottom - top)

    @property
    def eye_distance(self) -> float:
        """Pixels between the centres of the irises."""
        return float(np.linalg.norm(self.right_eye.iris[0] - self.left_eye.iris[0]))

    @property
    def pose(self) -> tuple[float, float, float]:
        """Yaw (positive to the picture's right), pitch (positive down) and roll (clockwise), in
        degrees, from the mesh's axes; good to about five degrees."""
        across = _unit(self.mesh[RIGHT_EYE[1]] - self.mesh[LEFT_EYE[0]])
        down = self.mesh[CHIN] - self.mesh[FOREHEAD]
        down = _unit(down - across * float(down @ across))
        toward = np.cross(across, down)
        yaw = np.degrees(np.arctan2(-toward[0], toward[2]))
        pitch = np.degrees(np.arctan2(-toward[1], np.hypot(toward[0], toward[2])))
        roll = np.degrees(np.arctan2(across[1], across[0]))
        return float(yaw), float(pitch) - _LEVEL_PITCH, float(roll)


@dataclass(frozen=True, slots=True, eq=False)
class FaceSet:
    """All faces of a picture, the largest first, and the models that found them."""

    faces: tuple[Face, ...]
    models: tuple[ModelUse, ...] = ()

    @property
    def count(self) -> int:
        return len(self.faces)

    @property
    def second_share(self) -> float:
        """Area of the second face over that of the largest; 0 with fewer than two."""
        return self.faces[1].area / self.faces[0].area if self.count > 1 else 0.0


def _unit(vector: Points) -> Points:
    return vector / max(float(np.linalg.norm(vector)), 1e-9)
