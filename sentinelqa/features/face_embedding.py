"""A vector per face that is close for pictures of one person, by dlib's ResNet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import dlib
import numpy as np
from numpy.typing import NDArray

from sentinelqa.errors import ModelError, ScoringError
from sentinelqa.features.base import FeatureInput
from sentinelqa.features.face import Face, FaceSet
from sentinelqa.features.pixels import Picture
from sentinelqa.types import ModelUse
from sentinelqa.weights import resolve

LANDMARKS, EMBEDDING = "dlib-face-landmarks-5", "dlib-face-embedding"
_WORKING_SIZE = 1024
_BOX = 0.92


@dataclass(frozen=True, slots=True, eq=False)
class FaceVector:
    """The largest face of a picture as a vector.

    Attributes:
        vector: 128 float64; ``None`` without a face.
        backend: the model that the distance's thresholds belong to.
    """

    vector: NDArray[np.float64] | None
    backend: str = EMBEDDING
    models: tuple[ModelUse, ...] = ()


class FaceEmbedding:
    """Feature ``face_embedding``: a :class:`FaceVector` of the largest face.

    dlib's ``dlib_face_recognition_resnet_model_v1`` on a 150-pixel chip that its five-point
    landmarks align (King, "High quality face recognition with deep metric learning", 2017; 99.38 %
    on LFW at a distance of 0.6). Its training pictures show mostly US celebrities, and faces of
    children and of people from East Asia are told apart less well.
    """

    name = "face_embedding"
    version = "1"
    needs = ("pixels", "faces")

    def __init__(self) -> None:
        self.models: tuple[ModelUse, ...] = ()
        self._landmarks: Any = None
        self._network: Any = None

    def load(self, device: str) -> None:
        """Load both files; they run on the CPU whatever ``device`` says.

        Raises:
            ModelError: one is not here or does not load.
        """
        landmarks, network = resolve(LANDMARKS), resolve(EMBEDDING)
        try:
            self._landmarks = dlib.shape_predictor(str(landmarks.path))
            self._network = dlib.face_recognition_model_v1(str(network.path))
        except RuntimeError as error:
            raise ModelError(
                f"dlib's face models do not load: {error}", where=str(network.path.parent)
            ) from error
        self.models = (landmarks.use(), network.use())

    def compute(self, batch: Sequence[FeatureInput]) -> list[FaceVector | ScoringError]:
        """Embed the largest face of every picture."""
        return [self._one(i.features["pixels"], i.features["faces"]) for i in batch]

    def _one(self, picture: Picture, found: FaceSet) -> FaceVector:
        if not found.faces:
            return FaceVector(None, models=self.models)
        rgb = picture.within(_WORKING_SIZE)
        box = _dlib_box(found.faces[0], rgb.shape[1] / picture.width)
        chip = dlib.get_face_chip(rgb, self._landmarks(rgb, box))
        vector = np.asarray(self._network.compute_face_descriptor(chip), np.float64)
        return FaceVector(vector, models=self.models)


def distance(first: FaceVector, second: FaceVector) -> float | None:
    """Euclidean distance of two faces; ``None`` where either picture has none."""
    if first.vector is None or second.vector is None:
        return None
    return float(np.linalg.norm(first.vector - second.vector))


def _dlib_box(face: Face, scale: float) -> Any:
    """The box that dlib's own detector would have drawn, which its landmarks were trained on."""
    points = face.mesh[:, :2] * scale
    low, high = points.min(axis=0), points.max(axis=0)
    half = _BOX * float((high - low).max()) / 2
    x, y = (low + high) / 2
    return dlib.rectangle(round(x - half), round(y - half), round(x + half), round(y + half))
