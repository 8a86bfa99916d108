"""The probability that a picture is pornographic, by Yahoo's Open-NSFW network."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sentinelqa.errors import ScoringError
from sentinelqa.features.base import FeatureInput
from sentinelqa.features.onnx import open_network
from sentinelqa.features.pixels import Picture
from sentinelqa.types import ModelUse
from sentinelqa.weights import resolve

MODEL = "open-nsfw"
_RESIZED, _CROPPED = 256, 224
_MEAN_BGR = np.array([104.0, 117.0, 123.0], np.float32)


@dataclass(frozen=True, slots=True)
class SafetyValue:
    """``unsafe`` is the network's probability, 0 to 1."""

    unsafe: float
    models: tuple[ModelUse, ...] = ()


class Safety:
    """Feature ``safety``: a :class:`SafetyValue` per picture (BSD-2-Clause weights, 2016)."""

    name = "safety"
    version = "2"
    needs = ("pixels",)

    def __init__(self) -> None:
        self.models: tuple[ModelUse, ...] = ()
        self._session: Any = None

    def load(self, device: str) -> None:
        """Load the network onto one thread of the CPU.

        Raises:
            ModelError: its package is not installed, or the file does not load.
        """
        model = resolve(MODEL)
        self._session = open_network(model.path)
        self.models = (model.use(),)

    def compute(self, batch: Sequence[FeatureInput]) -> list[SafetyValue | ScoringError]:
        """Judge every picture, one at a time, so that none depends on its neighbours."""
        name = self._session.get_inputs()[0].name
        values: list[SafetyValue | ScoringError] = []
        for item in batch:
            image = _prepared(item.features["pixels"])
            unsafe = float(self._session.run(None, {name: image[None]})[0][0, 1])
            values.append(SafetyValue(min(1.0, max(0.0, unsafe)), self.models))
        return values


def _prepared(picture: Picture) -> NDArray[np.float32]:
    """As the network was trained: squashed to 256, through JPEG, the middle 224, BGR less the mean.

    Leaving out the JPEG round trip moves the probability by a few per cent.
    """
    buffer = io.BytesIO()
    whole = Image.fromarray(picture.overview_of(_RESIZED))
    resized = whole.resize((_RESIZED, _RESIZED), Image.Resampling.BILINEAR)
    resized.save(buffer, "JPEG")
    decoded = np.asarray(Image.open(buffer), np.float32)
    edge = (_RESIZED - _CROPPED) // 2
    middle = decoded[edge : edge + _CROPPED, edge : edge + _CROPPED, ::-1]
    return np.ascontiguousarray(middle - _MEAN_BGR, np.float32)
