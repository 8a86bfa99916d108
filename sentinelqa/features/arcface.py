"""Face vectors by an ArcFace-class network in ONNX, such as those of InsightFace's packs."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sentinelqa.errors import ModelError
from sentinelqa.features.face import MOUTH_CORNERS, NOSE_TIP, Face
from sentinelqa.features.onnx import open_network
from sentinelqa.features.pixels import Picture
from sentinelqa.weights import ResolvedModel

_SIDE = 112
_WORKING_SIZE = 1024
# Where eyes, nose tip and mouth corners lie in ArcFace's 112-pixel crops (Deng et al., 2019).
_PLACES = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ]
)


class ArcFace:
    """Embeds aligned faces with one ONNX network.

    Raises:
        ModelError: the model holds no network of 112 x 112 pixels, or it does not load.
    """

    def __init__(self, model: ResolvedModel) -> None:
        candidates = [model.path] if model.path.is_file() else sorted(model.path.rglob("*.onnx"))
        self._session: Any = None
        for path in candidates:
            session = open_network(path)
            if list(session.get_inputs()[0].shape[-2:]) == [_SIDE, _SIDE] and _is_vector(session):
                self._session = session
                break
        if self._session is None:
            raise ModelError(
                f"{model.id!r} holds no face embedding of {_SIDE} x {_SIDE} pixels",
                where=str(model.path),
            )

    def __call__(self, picture: Picture, face: Face) -> NDArray[np.float64]:
        """The unit vector of one face."""
        rgb = picture.within(_WORKING_SIZE)
        points = five_points(face) * (rgb.shape[1] / picture.width)
        crop = cv2.warpAffine(rgb, similarity(points, _PLACES), (_SIDE, _SIDE))
        tensor = ((crop.astype(np.float32) - 127.5) / 127.5).transpose(2, 0, 1)[None]
        name = self._session.get_inputs()[0].name
        vector = np.asarray(self._session.run(None, {name: tensor})[0][0], np.float64)
        return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12), np.float64)


def similarity(points: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.float64]:
    """The turn, scale and shift, ``2 x 3``, that bring ``points`` nearest to ``places``, both
    ``N x 2``, by least squares over all of them, as ArcFace-class networks were trained.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns"
    (PAMI 1991).
    """
    middle, target = points.mean(axis=0), places.mean(axis=0)
    centred = points - middle
    left, stretch, right = np.linalg.svd((places - target).T @ centred / len(points))
    signs = np.array([1.0, np.sign(np.linalg.det(left) * np.linalg.det(right)) or 1.0])
    spread = max(float((centred**2).sum()) / len(points), 1e-12)
    turned = (left * signs) @ right * float(stretch @ signs) / spread
    return np.asarray(np.hstack([turned, (target - turned @ middle)[:, None]]), np.float64)


def five_points(face: Face) -> NDArray[np.float64]:
    """Eyes, nose tip and mouth corners, ``5 x 2`` pixels of the frame: the detector's own where it
    gives them, else those of the landmarks."""
    if face.points is not None:
        return face.points
    eyes = np.stack([face.left_eye.lids[[0, 8]].mean(0), face.right_eye.lids[[0, 8]].mean(0)])
    rest = face.mesh[[NOSE_TIP, *MOUTH_CORNERS], :2]
    return np.vstack([eyes, rest])


def _is_vector(session: Any) -> bool:
    outputs = session.get_outputs()
    return len(outputs) == 1 and len(outputs[0].shape) == 2
