"""Where the people are in a picture, by MediaPipe's selfie segmentation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from sentinelqa.errors import ScoringError
from sentinelqa.features.base import FeatureInput
from sentinelqa.features.foreground import WORKING_SIZE
from sentinelqa.features.pixels import Picture
from sentinelqa.registry import missing_package
from sentinelqa.types import ModelUse
from sentinelqa.weights import resolve

if TYPE_CHECKING:
    from sentinelqa.features.litert import Network

Mask = NDArray[np.bool_]
Floats = NDArray[np.float32]

MODEL = "mediapipe-selfie"
_SMALLEST = 16
_LEAST_AREA = 0.03
_DOUBT = 0.6
_REACH, _SMOOTH = 6, 0.03**2


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """The people of a picture as one mask.

    Attributes:
        mask: pixels of ``picture.within(512)`` that belong to somebody; ``None`` without one.
        reason: why there is no mask; empty where there is one.
    """

    mask: Mask | None
    reason: str = ""
    models: tuple[ModelUse, ...] = ()


class PersonFinder:
    """Feature ``person``: a :class:`Person` per picture.

    The network sees 256 x 256 pixels; its soft mask is fitted to the edges of the picture at 512 by
    a guided filter (He, Sun and Tang, "Guided image filtering", 2010). There is nobody when it
    covers under 3 % of the frame, or when its undecided pixels come to 60 % of that: cups and
    engines give such smears. Large animals pass as people.

    Args:
        model: ``mediapipe-selfie``, named in a rubric's ``models``. Without it nothing is loaded
            and every picture says that no model was asked for, so rubrics for products need none.
    """

    name = "person"
    version = "1"
    needs = ("pixels",)

    def __init__(self, model: str = "") -> None:
        self.model = model
        self.models: tuple[ModelUse, ...] = ()
        self._network: Network | None = None

    def load(self, device: str) -> None:
        """Load the network, if the rubric names one; it runs on the CPU.

        Raises:
            ModelError: it is not here.
            DependencyError: LiteRT is not installed.
        """
        if not self.model:
            return
        try:
            from sentinelqa.features.litert import Network
        except ModuleNotFoundError as error:
            raise missing_package("the person mask", str(error.name), "faces") from error
        model = resolve(self.model, allow_unpinned=True)
        self._network = Network(model)
        self.models = (model.use(),)

    def compute(self, batch: Sequence[FeatureInput]) -> list[Person | ScoringError]:
        """Find the people of every picture."""
        return [self._one(item.features["pixels"]) for item in batch]

    def _one(self, picture: Picture) -> Person:
        if self._network is None:
            return Person(None, "the rubric names no model of people (models: person)")
        rgb = picture.within(WORKING_SIZE)
        if min(rgb.shape[:2]) < _SMALLEST:
            return Person(None, f"the picture is under {_SMALLEST} pixels", self.models)
        side = self._network.side
        seen = cv2.resize(rgb, (side, side), interpolation=cv2.INTER_AREA)
        soft = next(iter(self._network(seen.astype(np.float32) / np.float32(255)).values()))[..., 0]
        area = float((soft > 0.5).mean())
        unsure = float(((soft > 0.1) & (soft < 0.9)).mean())
        if area < _LEAST_AREA or unsure > _DOUBT * area:
            return Person(None, "nobody stands out in the picture", self.models)
        large = cv2.resize(soft, rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        grey = picture.grey_within(WORKING_SIZE) / np.float32(255)
        return Person(fitted(grey, large) > 0.5, "", self.models)


def fitted(guide: Floats, soft: Floats) -> Floats:
    """``soft`` with its edges where those of ``guide`` are, both ``H x W`` in 0 to 1."""

    def mean(plane: Floats) -> Floats:
        return np.asarray(cv2.blur(plane, (2 * _REACH + 1,) * 2), np.float32)

    middle, level = mean(guide), mean(soft)
    slope = (mean(guide * soft) - middle * level) / (mean(guide * guide) - middle**2 + _SMOOTH)
    return np.asarray(mean(slope) * guide + mean(level - slope * middle), np.float32)
