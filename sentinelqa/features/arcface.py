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
        matrix, _ = cv2.estimateAffinePartial2D(points, _PLACES, method=cv2.LMEDS)
        if matrix is None:
            matrix = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
        crop = cv2.warpAffine(rgb, matrix, (_SIDE, _SIDE), borderMode=cv2.BORDER_CONSTANT)
        tensor = ((crop.astype(np.float32) - 127.5) / 127.5).transpose(2, 0, 1)[None]
        name = self._session.get_inputs()[0].name
        vector = np.asarray(self._session.run(None, {name: tensor})[0][0], np.float64)
        return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12), np.float64)


def five_points(face: Face) -> NDArray[np.float64]:
    """Eyes, nose tip and mouth corners, ``5 x 2`` pixels of the frame."""
    eyes = np.stack([face.left_eye.lids[[0, 8]].mean(0), face.right_eye.lids[[0, 8]].mean(0)])
    rest = face.mesh[[NOSE_TIP, *MOUTH_CORNERS], :2]
    return np.vstack([eyes, rest])


def _is_vector(session: Any) -> bool:
    outputs = session.get_outputs()
    return len(outputs) == 1 and len(outputs[0].shape) == 2
