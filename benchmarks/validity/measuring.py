"""Features and dimensions on one picture, and what of them can run on this machine."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.validity.material import RGB
from sentinelqa import registry
from sentinelqa.errors import UsageError
from sentinelqa.features.base import Feature, FeatureInput, Features
from sentinelqa.features.person import MODEL
from sentinelqa.features.pixels import Picture
from sentinelqa.types import Measurement, Request

OPTIONS: Mapping[str, Mapping[str, str]] = {"person": {"model": MODEL}}


class Bench:
    """Every registered feature that loads on this machine."""

    def __init__(self) -> None:
        self.missing: dict[str, str] = {}
        self._features: dict[str, Feature] = {}
        for name in registry.features:
            if name == "pixels":
                continue
            try:
                feature = registry.features.load(name)(**OPTIONS.get(name, {}))
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
        values[name] = feature.compute([FeatureInput("", Request(id="v"), values)])[0]

    @property
    def loaded(self) -> tuple[str, ...]:
        """The features that are here, besides ``pixels``."""
        return tuple(self._features)

    def cost(self, name: str, rgb: RGB) -> float:
        """Seconds of the processor for one feature alone, on a picture that nothing was kept of."""
        feature = self._features[name]
        values = {n: v for n, v in self.values(rgb, feature.needs).items() if n != "pixels"}
        values["pixels"] = Picture(np.ascontiguousarray(rgb))
        start = time.process_time()
        feature.compute([FeatureInput("", Request(id="v"), values)])
        return time.process_time() - start

    def can(self, name: str) -> bool:
        """Whether everything that a dimension needs is here."""
        return not self.lacks(name)

    def lacks(self, name: str) -> str:
        """Why a dimension cannot be measured here; empty when it can."""
        dimension = registry.dimensions.load(name)()
        needed = (*dimension.needs, *dimension.reference_needs)
        return next((self.missing[n] for n in needed if n in self.missing), "")

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
