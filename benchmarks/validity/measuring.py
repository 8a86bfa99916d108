"""Features and dimensions on one picture, and what of them can run on this machine."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.validity.material import RGB
from sentinelqa import registry
from sentinelqa.errors import UsageError
from sentinelqa.features.base import Feature, FeatureInput, Features
from sentinelqa.features.pixels import Picture
from sentinelqa.types import Measurement, Request

FEATURES = (
    "hashes",
    "foreground",
    "keypoints",
    "faces",
    "face_embedding",
    "text",
    "safety",
)


class Bench:
    """Loaded features; times what they cost."""

    def __init__(self) -> None:
        self.missing: dict[str, str] = {}
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self._features: dict[str, Feature] = {}
        for name in FEATURES:
            try:
                feature = registry.features.load(name)()
                feature.load("cpu")
                self._features[name] = feature
            except UsageError as error:
                self.missing[name] = str(error).splitlines()[0]

    def values(self, rgb: RGB, wanted: tuple[str, ...]) -> dict[str, Any]:
        """Feature values of one picture."""
        values: dict[str, Any] = {"pixels": Picture(np.ascontiguousarray(rgb))}
        for name in wanted:
            self._compute(name, values)
        return values

    def _compute(self, name: str, values: dict[str, Any]) -> None:
        if name in values:
            return
        feature = self._features[name]
        for needed in feature.needs:
            self._compute(needed, values)
        start = time.perf_counter()
        values[name] = feature.compute([FeatureInput("", Request(id="v"), values)])[0]
        self.seconds[name].append(time.perf_counter() - start)

    def can(self, name: str) -> bool:
        """Whether everything that a dimension needs is here."""
        dimension = registry.dimensions.load(name)()
        needed = {*dimension.needs, *dimension.reference_needs} - {"pixels"}
        return needed <= set(self._features)

    def measure(
        self, name: str, rgb: RGB, reference: RGB | None = None, **request: Any
    ) -> Measurement:
        """One dimension on one picture."""
        dimension = registry.dimensions.load(name)()
        values = self.values(rgb, dimension.needs)
        references: list[Mapping[str, Any]] = []
        if reference is not None:
            references = [self.values(reference, dimension.reference_needs)]
        made: Measurement = dimension.measure(
            Features(values, references), Request(id="v", **request)
        )
        return made
