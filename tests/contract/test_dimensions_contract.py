"""What every registered dimension and feature promises."""

from __future__ import annotations

import inspect
import subprocess
import sys

import numpy as np
import pytest

from sentinelqa import registry
from sentinelqa.dimensions.base import Dimension, MetricSpec
from sentinelqa.features.base import Feature, Features
from sentinelqa.features.pixels import Picture
from sentinelqa.types import Measurement, Request

HEAVY = ("torch", "open_clip", "ai_edge_litert", "dlib", "rapidocr", "onnxruntime", "safetensors")

DIMENSIONS = tuple(registry.dimensions)


@pytest.mark.parametrize("name", DIMENSIONS)
def test_a_dimension_says_what_it_measures(name: str) -> None:
    dimension = registry.dimensions.load(name)()
    assert isinstance(dimension, Dimension)
    assert dimension.name == name
    assert dimension.version
    assert {*dimension.needs, *dimension.reference_needs} <= set(registry.features)
    assert all(isinstance(spec, MetricSpec) for spec in dimension.metrics.values())
    assert all(spec.summary for spec in dimension.metrics.values())
    assert len(inspect.getdoc(type(dimension)) or "") > 150


def test_importing_every_dimension_loads_no_model_library() -> None:
    code = (
        "import sys\nfrom sentinelqa import registry\n"
        "for name in registry.dimensions: registry.dimensions.load(name)\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["pixels", "hashes", "foreground", "keypoints", "person"])
def test_features_without_weights_keep_length_and_order(name: str) -> None:
    feature = registry.features.load(name)()
    assert isinstance(feature, Feature)
    feature.load("cpu")
    assert feature.compute([]) == []
    assert feature.models == ()


HOSTILE = {
    "one pixel": np.zeros((1, 1, 3), np.uint8),
    "a strip": np.full((3, 9000, 3), 128, np.uint8),
    "black": np.zeros((96, 96, 3), np.uint8),
    "white": np.full((96, 96, 3), 255, np.uint8),
    "grey noise": np.random.default_rng(0).integers(0, 255, (96, 96, 1), np.uint8).repeat(3, 2),
}
WITHOUT_WEIGHTS = [
    name
    for name in DIMENSIONS
    if set(registry.dimensions.load(name)().needs)
    <= {"pixels", "hashes", "foreground", "keypoints", "person"}
]


@pytest.mark.parametrize("picture", HOSTILE)
@pytest.mark.parametrize("name", WITHOUT_WEIGHTS)
def test_hostile_pictures_get_a_measurement_or_a_reason(name: str, picture: str) -> None:
    from sentinelqa.features.base import FeatureInput

    values: dict[str, object] = {"pixels": Picture(HOSTILE[picture])}
    for feature in ("hashes", "foreground", "keypoints", "person"):
        made = registry.features.load(feature)()
        values[feature] = made.compute([FeatureInput("", Request(id="r"), values)])[0]
    dimension = registry.dimensions.load(name)()
    references = [{n: values[n] for n in dimension.reference_needs}]
    result = dimension.measure(Features(values, references), Request(id="r", prompt="a red ball"))
    assert isinstance(result, Measurement)
    for metric, value in result.metrics.items():
        spec = dimension.metrics[metric]
        assert isinstance(value, {"float": float, "int": int, "bool": bool, "str": str}[spec.kind])
        if isinstance(value, float):
            assert np.isfinite(value)
            assert spec.low is None or value >= spec.low - 1e-6
            assert spec.high is None or value <= spec.high + 1e-6
