"""Orientation and identity against a reference, on drawn labels and photographs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from labels import label
from photographs import NAMES, blurred, jpeg, photograph

from sentinelqa.dimensions.base import Dimension
from sentinelqa.dimensions.identity import Identity
from sentinelqa.dimensions.orientation import Orientation
from sentinelqa.errors import ScoringError
from sentinelqa.features.base import Features
from sentinelqa.features.foreground import find_foreground
from sentinelqa.features.keypoints import find_keypoints
from sentinelqa.features.pixels import Picture
from sentinelqa.types import Measurement, Request, Unscored


def features(rgb: np.ndarray) -> dict[str, Any]:
    picture = Picture(np.ascontiguousarray(rgb))
    return {
        "pixels": picture,
        "foreground": find_foreground(picture),
        "keypoints": find_keypoints(picture),
    }


def measure(dimension: Dimension, rgb: np.ndarray, *references: dict[str, Any]) -> Measurement:
    result = dimension.measure(Features(features(rgb), references), Request(id="r"))
    assert set(result.metrics) <= set(dimension.metrics)
    return result


@pytest.mark.parametrize(
    ("turn", "angle"),
    [
        (lambda a: a, 0),
        (lambda a: np.rot90(a, 3), 90),
        (lambda a: np.rot90(a, 1), -90),
        (lambda a: a[::-1, ::-1], 180),
    ],
)
def test_turns_are_found_in_degrees(turn: Any, angle: int) -> None:
    result = measure(Orientation(), turn(label()), features(label()))
    assert abs(result.metrics["turn"]) == pytest.approx(abs(angle), abs=2)
    assert abs(angle) == 180 or result.metrics["turn"] == pytest.approx(angle, abs=2)
    assert result.score is not None
    assert (result.score > 0.8) == (angle == 0)
    assert angle == 0 or result.score == 0.1


@pytest.mark.parametrize("rgb", [label(), photograph("astronaut"), photograph("coffee")])
def test_a_mirror_image_swaps_the_inliers(rgb: np.ndarray) -> None:
    straight = measure(Orientation(), rgb, features(rgb)).metrics
    mirrored = measure(Orientation(), rgb[:, ::-1], features(rgb)).metrics
    assert (straight["is_mirrored"], mirrored["is_mirrored"]) == (False, True)
    assert mirrored["mirrored"] == pytest.approx(straight["direct"], rel=0.1)


def test_another_motif_is_undecidable_for_orientation_and_fails_identity() -> None:
    for name in NAMES:
        assert measure(Orientation(), photograph(name), features(label())).unscored is (
            Unscored.UNDECIDABLE
        )
        identity = measure(Identity(), photograph(name), features(label()))
        assert identity.score is not None
        assert identity.score < 0.1


def test_identity_survives_blur_and_compression_but_not_another_colour() -> None:
    reference = features(label())
    worn = measure(Identity(), jpeg(blurred(label(), 1.5), 30), reference)
    green = label()[..., [1, 0, 2]]
    recoloured = measure(Identity(), green, reference)
    assert worn.score is not None
    assert recoloured.score is not None
    assert worn.score > 0.6
    assert recoloured.score < 0.2
    assert recoloured.metrics["delta_e"] > 20


def test_references_that_cannot_be_used() -> None:
    broken = dict.fromkeys(("pixels", "foreground", "keypoints"), ScoringError("damaged"))
    plain = features(np.full((300, 300, 3), 200, np.uint8))
    for dimension in (Orientation(), Identity()):
        assert measure(dimension, label()).unscored is Unscored.NO_REFERENCE
        assert measure(dimension, label(), broken).unscored is Unscored.ERROR
        assert measure(dimension, label(), plain).unscored is Unscored.UNDECIDABLE
