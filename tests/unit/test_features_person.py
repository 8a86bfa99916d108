"""The person mask, the fringe along a subject's edge, and what the background makes of both."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from photographs import photograph

from sentinelqa.dimensions.background import Background
from sentinelqa.dimensions.background_text import BackgroundText
from sentinelqa.errors import ModelError
from sentinelqa.features.base import FeatureInput, Features
from sentinelqa.features.foreground import find_foreground
from sentinelqa.features.fringe import fringe_share
from sentinelqa.features.person import MODEL, Person, PersonFinder, fitted
from sentinelqa.features.pixels import Picture
from sentinelqa.features.reading import Line, TextFound
from sentinelqa.types import Measurement, Request

DISC = cv2.circle(np.zeros((600, 600), np.uint8), (300, 300), 180, 1, -1) > 0


SMALL = cv2.resize(DISC.astype(np.uint8), (512, 512), interpolation=cv2.INTER_NEAREST) > 0


def pasted(fringe: int = 0, width: int = 4) -> np.ndarray:
    """A dark disc on a light ground, with a line of ``fringe`` levels around it."""
    grey = np.where(DISC, 70, 170).astype(np.int16)
    ring = cv2.dilate(DISC.astype(np.uint8), np.ones((2 * width + 1,) * 2, np.uint8)) > 0
    grey[ring & ~DISC] += fringe
    return np.clip(grey, 0, 255).astype(np.float32)


@pytest.mark.parametrize(("fringe", "low", "high"), [(0, 0.0, 0.02), (60, 0.9, 1.0), (3, 0.0, 0.1)])
def test_a_line_around_the_subject_is_a_fringe(fringe: int, low: float, high: float) -> None:
    share = fringe_share(pasted(fringe), DISC)
    assert share is not None
    assert low <= share <= high


def test_a_dark_line_counts_and_a_step_between_the_sides_does_not() -> None:
    dark, between = fringe_share(pasted(-130), DISC), fringe_share(pasted(-50), DISC)
    assert dark is not None
    assert between is not None
    assert dark > 0.9
    assert between < 0.1


def test_too_little_edge_has_no_fringe() -> None:
    assert fringe_share(np.zeros((30, 30), np.float32), np.ones((30, 30), bool)) is None
    assert fringe_share(np.zeros((300, 300), np.float32), np.ones((300, 300), bool)) is None


def test_a_soft_mask_moves_to_the_edge_of_the_picture() -> None:
    guide = np.where(DISC, 0.2, 0.8).astype(np.float32)
    wide = cv2.dilate(DISC.astype(np.uint8), np.ones((7, 7), np.uint8)).astype(np.float32)
    soft = cv2.blur(wide, (13, 13))
    before, after = (soft > 0.5) ^ DISC, (fitted(guide, soft) > 0.5) ^ DISC
    assert after.sum() < before.sum() / 2


def test_without_a_model_nobody_is_looked_for() -> None:
    feature = PersonFinder()
    feature.load("cpu")
    found = feature.compute(
        [FeatureInput("", Request(id="r"), {"pixels": Picture(photograph("astronaut"))})]
    )[0]
    assert isinstance(found, Person)
    assert found.mask is None
    assert "models" in found.reason


@pytest.fixture(scope="module")
def finder() -> PersonFinder:
    pytest.importorskip("ai_edge_litert")
    feature = PersonFinder(MODEL)
    try:
        feature.load("cpu")
    except ModelError as error:
        pytest.skip(f"sentinelqa models pull --for headshot: {error}")
    return feature


def look(feature: PersonFinder, rgb: np.ndarray) -> Person:
    found = feature.compute([FeatureInput("", Request(id="r"), {"pixels": Picture(rgb)})])[0]
    assert isinstance(found, Person)
    return found


def test_the_astronaut_is_found_and_the_wall_is_not(finder: PersonFinder) -> None:
    found = look(finder, photograph("astronaut"))
    assert found.mask is not None
    assert found.mask.shape == (512, 512)
    assert found.mask[130, 222]
    assert found.mask[350, 200]
    assert not found.mask[60, 330]
    assert not found.mask[20, 20]
    assert [m.id for m in found.models] == [MODEL]


@pytest.mark.parametrize("name", ["coffee", "rocket"])
def test_nobody_is_found_where_nobody_is(finder: PersonFinder, name: str) -> None:
    found = look(finder, photograph(name))
    assert found.mask is None
    assert found.reason


@pytest.mark.parametrize("shape", [(1, 1, 3), (20_000, 50, 3), (15, 40, 3)])
def test_odd_shapes_hold_nobody(finder: PersonFinder, shape: tuple[int, int, int]) -> None:
    assert look(finder, np.zeros(shape, np.uint8)).mask is None


def behind(rgb: np.ndarray, person: Person) -> Measurement:
    picture = Picture(rgb)
    values = {"pixels": picture, "foreground": find_foreground(picture), "person": person}
    return Background().measure(Features(values), Request(id="r"))


def test_the_background_of_a_portrait_is_what_the_person_leaves(finder: PersonFinder) -> None:
    rgb = photograph("astronaut")
    person = look(finder, rgb)
    with_mask, without = behind(rgb, person), behind(rgb, Person(None, "not asked for"))
    assert (with_mask.metrics["rests_on"], without.metrics["rests_on"]) == ("person", "border")
    assert with_mask.metrics["share"] > 2 * without.metrics["share"]
    assert with_mask.metrics["halo"] < 0.2
    assert "halo" not in without.metrics


def test_a_person_cut_out_badly_has_a_halo() -> None:
    person = Person(SMALL)
    for fringe, low, high in ((0, 0.0, 0.02), (60, 0.9, 1.0)):
        rgb = pasted(fringe).astype(np.uint8)[..., None].repeat(3, 2)
        assert low <= behind(rgb, person).metrics["halo"] <= high


def writing(x: int, y: int, text: str) -> Line:
    corners = np.array([[x, y], [x + 80, y], [x + 80, y + 20], [x, y + 20]], np.float64)
    return Line(text, 0.99, corners)


@pytest.mark.parametrize(
    ("lines", "count", "read"),
    [
        ((), 0, ""),
        ((writing(10, 10, "ACME"),), 1, "ACME"),
        ((writing(260, 290, "SHIRT"), writing(500, 560, "EXIT")), 1, "EXIT"),
        ((writing(10, 10, "8"),), 0, ""),
    ],
)
def test_writing_counts_where_it_is_behind_the_person(
    lines: tuple[Line, ...], count: int, read: str
) -> None:
    picture = Picture(np.random.default_rng(0).integers(0, 255, (600, 600, 3), np.uint8))
    values: dict[str, Any] = {
        "pixels": picture,
        "foreground": find_foreground(picture),
        "person": Person(SMALL),
        "text": TextFound(lines),
    }
    found = BackgroundText().measure(Features(values), Request(id="r"))
    assert (found.metrics["count"], found.metrics["read"]) == (count, read)
    assert (found.score == 1.0) is (count == 0)
    assert found.metrics["rests_on"] == "person"
