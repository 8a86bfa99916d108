"""A vector per face that is close for pictures of one person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentinelqa.errors import ScoringError
from sentinelqa.features.base import FeatureInput
from sentinelqa.features.face import Face, FaceSet
from sentinelqa.features.pixels import Picture
from sentinelqa.registry import missing_package
from sentinelqa.types import ModelUse
from sentinelqa.weights import ResolvedModel, resolve

LANDMARKS, EMBEDDING = "dlib-face-landmarks-5", "dlib-face-embedding"
Embed = Callable[[Picture, Face], NDArray[np.float64]]


@dataclass(frozen=True, slots=True, eq=False)
class FaceVector:
    """The largest face of a picture as a vector.

    Attributes:
        vector: float64; ``None`` without a face.
        backend: ``dlib`` (128 numbers) or ``arcface`` (a unit vector, often 512): what the
            distance's thresholds belong to.
    """

    vector: NDArray[np.float64] | None
    backend: str = "dlib"
    models: tuple[ModelUse, ...] = ()


class FaceEmbedding:
    """Feature ``face_embedding``: a :class:`FaceVector` of the largest face.

    Args:
        model: dlib's embedding, or an ArcFace-class network in ONNX: ``auraface``, an InsightFace
            pack that you are licensed for, or a path.
    """

    name = "face_embedding"
    version = "2"
    needs = ("pixels", "faces")

    def __init__(self, model: str = EMBEDDING) -> None:
        self.model = model
        self.models: tuple[ModelUse, ...] = ()
        self._backend = "dlib"
        self._embed: Embed | None = None

    def load(self, device: str) -> None:
        """Load the network; it runs on the CPU whatever ``device`` says.

        Raises:
            ModelError: it is not here or does not load.
            DependencyError: what runs it is not installed.
        """
        resolved = resolve(self.model, allow_unpinned=True)
        try:
            if resolved.loader == "dlib":
                self._load_dlib(resolved)
            else:
                self._load_arcface(resolved)
        except ModuleNotFoundError as error:
            raise missing_package(
                f"face embedding {self.model!r}", str(error.name), "faces"
            ) from error

    def _load_dlib(self, resolved: ResolvedModel) -> None:
        from sentinelqa.features.dlib_faces import DlibFaces

        landmarks = resolve(LANDMARKS)
        self._embed, self._backend = DlibFaces(landmarks, resolved), "dlib"
        self.models = (landmarks.use(), resolved.use())

    def _load_arcface(self, resolved: ResolvedModel) -> None:
        from sentinelqa.features.arcface import ArcFace

        self._embed, self._backend = ArcFace(resolved), "arcface"
        self.models = (resolved.use(),)

    def compute(self, batch: Sequence[FeatureInput]) -> list[FaceVector | ScoringError]:
        """Embed the largest face of every picture."""
        return [self._one(i.features["pixels"], i.features["faces"]) for i in batch]

    def _one(self, picture: Picture, found: FaceSet) -> FaceVector:
        assert self._embed is not None
        vector = self._embed(picture, found.faces[0]) if found.faces else None
        return FaceVector(vector, self._backend, self.models)


def distance(first: FaceVector, second: FaceVector) -> float | None:
    """Euclidean distance of two faces; ``None`` where either picture has none."""
    if first.vector is None or second.vector is None:
        return None
    return float(np.linalg.norm(first.vector - second.vector))
