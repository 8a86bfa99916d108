"""Finds faces: boxes by BlazeFace or SCRFD, then 468 landmarks of each, eyelids and irises."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from sentinelqa.errors import ScoringError
from sentinelqa.features.base import FeatureInput
from sentinelqa.features.blazeface import Detection, detect
from sentinelqa.features.face import LEFT_EYE, RIGHT_EYE, Eye, Face, FaceSet, Points
from sentinelqa.features.litert import Network
from sentinelqa.features.pixels import Picture
from sentinelqa.registry import missing_package
from sentinelqa.types import ModelUse
from sentinelqa.weights import ResolvedModel, resolve

RGB = NDArray[np.uint8]

DETECTOR, MESH, IRIS = "mediapipe-face-detection", "mediapipe-face-mesh", "mediapipe-iris"
MOST_FACES = 12
_FIVE = 5
_PRESENT = 0.5
_MESH_ROOM = 1.5
_EYE_ROOM = 2.3
_WORKING_SIZE = 1536


class Faces:
    """Feature ``faces``: a :class:`FaceSet` per picture, by MediaPipe's networks under LiteRT.

    Args:
        model: what finds the faces: BlazeFace, or an SCRFD network in ONNX: an InsightFace pack
            that you are licensed for, or a path. The landmarks are MediaPipe's either way, since
            the thresholds of expression and light belong to them.
    """

    name = "faces"
    version = "1"
    needs = ("pixels",)

    def __init__(self, model: str = DETECTOR) -> None:
        self.model = model
        self.models: tuple[ModelUse, ...] = ()
        self._detect: Callable[[RGB], list[Detection]] | None = None
        self._networks: tuple[Network, ...] = ()

    def load(self, device: str) -> None:
        """Load detector, mesh and iris networks; they run on the CPU whatever ``device`` says.

        Raises:
            ModelError: one is not here, or is no face detector.
            DependencyError: what runs it is not installed.
        """
        detector, *landmarks = (
            resolve(name, allow_unpinned=True) for name in (self.model, MESH, IRIS)
        )
        if detector.loader == "litert":
            self._detect = partial(detect, Network(detector))
        else:
            self._detect = _scrfd(detector)
        self._networks = tuple(Network(model) for model in landmarks)
        self.models = tuple(model.use() for model in (detector, *landmarks))

    def compute(self, batch: Sequence[FeatureInput]) -> list[FaceSet | ScoringError]:
        """Find the faces of every picture."""
        return [self._one(item.features["pixels"]) for item in batch]

    def _one(self, picture: Picture) -> FaceSet:
        assert self._detect is not None
        mesh, iris = self._networks
        rgb = picture.within(_WORKING_SIZE)
        scale = picture.width / rgb.shape[1]
        faces = [
            face
            for found in self._detect(rgb)[:MOST_FACES]
            if (face := _face(mesh, iris, rgb, found, scale)) is not None
        ]
        return FaceSet(tuple(faces), self.models)


def _scrfd(model: ResolvedModel) -> Callable[[RGB], list[Detection]]:
    try:
        from sentinelqa.features.scrfd import Scrfd
    except ModuleNotFoundError as error:
        raise missing_package(f"face detector {model.id!r}", str(error.name), "faces") from error
    return Scrfd(model)


def _face(
    mesh_network: Network, iris_network: Network, rgb: RGB, found: Detection, scale: float
) -> Face | None:
    across = found.points[1] - found.points[0]
    left, top, right, bottom = found.box
    side = _MESH_ROOM * max(right - left, bottom - top)
    centre = np.array([(left + right) / 2, (top + bottom) / 2])
    angle = float(np.arctan2(across[1], across[0]))
    crop, back = _square(rgb, centre, side, angle, mesh_network.side)
    outputs = mesh_network(crop)
    present = 1 / (1 + float(np.exp(-outputs["conv2d_31"].ravel()[0])))
    if present < _PRESENT:
        return None
    raw = outputs["conv2d_21"].reshape(468, 3).astype(np.float64)
    depth = raw[:, 2:] * side / mesh_network.side
    mesh = np.hstack([_apply(back, raw[:, :2]), depth])
    eyes = [
        _eye(iris_network, rgb, mesh[list(corners), :2], mirrored=mirrored, scale=scale)
        for corners, mirrored in ((LEFT_EYE, False), (RIGHT_EYE, True))
    ]
    box = (left * scale, top * scale, right * scale, bottom * scale)
    five = found.points * scale if len(found.points) == _FIVE else None
    return Face(box, found.score, mesh * scale, eyes[0], eyes[1], present, five)


def _eye(network: Network, rgb: RGB, corners: Points, *, mirrored: bool, scale: float) -> Eye:
    """The network knows one side only; the other eye is shown to it mirrored."""
    across = corners[1] - corners[0]
    side = _EYE_ROOM * float(np.linalg.norm(across))
    angle = float(np.arctan2(across[1], across[0]))
    crop, back = _square(rgb, corners.mean(axis=0), max(side, 4.0), angle, network.side)
    outputs = network(crop[:, ::-1] if mirrored else crop)
    contour = outputs["output_eyes_contours_and_brows"].reshape(-1, 3)[:16, :2]
    iris = outputs["output_iris"].reshape(5, 3)[:, :2]
    points = np.vstack([contour, iris]).astype(np.float64)
    if mirrored:
        points[:, 0] = network.side - points[:, 0]
    points = _apply(back, points) * scale
    lids = points[:16]
    if mirrored:
        lids = np.vstack([lids[8::-1], lids[:8:-1]])
    return Eye(lids, points[16:])


def _square(
    rgb: RGB, centre: Points, side: float, angle: float, size: int
) -> tuple[NDArray[np.float32], Points]:
    """A turned square of the frame as ``size x size`` in 0 to 1, and the map back to the frame."""
    cos, sin = np.cos(angle) * side / size, np.sin(angle) * side / size
    back = np.array([[cos, -sin, 0.0], [sin, cos, 0.0]])
    back[:, 2] = centre - back[:, :2] @ np.array([size / 2, size / 2])
    crop = cv2.warpAffine(rgb, back, (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return crop.astype(np.float32) / np.float32(255), back


def _apply(matrix: Points, points: NDArray[np.float64]) -> Points:
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], np.float64)
