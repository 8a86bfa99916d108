"""Rules that look at one part of a picture: the subject, or what lies behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn import product

from sentinelqa.decide import ImageFacts, decide
from sentinelqa.errors import RubricError
from sentinelqa.features.base import FeatureInput, Features
from sentinelqa.features.foreground import find_foreground
from sentinelqa.features.person import Person
from sentinelqa.features.pixels import Picture
from sentinelqa.rubric.explain import explain
from sentinelqa.rubric.loading import load_rubric
from sentinelqa.rubric.model import Rubric
from sentinelqa.rubric.regions import part_of
from sentinelqa.types import Request, Unscored

RED, BLUE, WHITE = (200, 30, 30), (30, 30, 200), (255, 255, 255)
NOBODY = Person(None, "no model")


def scene(subject: tuple[int, int, int], behind: tuple[int, int, int] = WHITE) -> Picture:
    rgb = np.full((96, 96, 3), behind, np.uint8)
    rgb[30:66, 30:66] = subject
    return Picture(rgb)


def masked(picture: Picture) -> Person:
    mask = np.zeros((picture.height, picture.width), bool)
    mask[30:66, 30:66] = True
    return Person(mask)


def busy() -> Picture:
    """Two halves of different colours behind a red square: no plain border."""
    picture = scene(RED, BLUE)
    rgb = picture.rgb.copy()
    rgb[:, :48][(rgb[:, :48] == BLUE).all(2)] = (230, 220, 40)
    return Picture(rgb)


def share_of(rgb: np.ndarray, colour: tuple[int, int, int]) -> float:  # type: ignore[type-arg]
    return float((rgb == colour).all(2).mean())


def test_the_background_alone_holds_nothing_of_the_subject() -> None:
    picture = scene(RED)

    part = part_of(picture, find_foreground(picture), NOBODY, "background")

    assert part is not None
    assert share_of(part, WHITE) == 1.0


def test_the_subject_alone_fills_its_picture_and_stands_on_white() -> None:
    picture = busy()

    part = part_of(picture, find_foreground(picture), masked(picture), "subject")

    assert part is not None
    assert part.shape[0] < 50
    assert share_of(part, RED) > 0.8
    assert share_of(part, RED) + share_of(part, WHITE) == 1.0


def test_people_are_taken_away_from_busy_backgrounds() -> None:
    picture = busy()

    part = part_of(picture, find_foreground(picture), masked(picture), "background")

    assert part is not None
    assert share_of(part, RED) == 0.0
    assert share_of(part, BLUE) > 0.3


@pytest.mark.parametrize("region", ["subject", "background"])
def test_without_a_mask_there_is_no_part(region: str) -> None:
    picture = busy()

    assert part_of(picture, find_foreground(picture), NOBODY, region) is None
    empty = Picture(np.full((96, 96, 3), 255, np.uint8))
    assert part_of(empty, find_foreground(empty), NOBODY, region) is None


def test_a_subject_that_fills_the_frame_leaves_no_background() -> None:
    picture = Picture(np.full((64, 64, 3), 90, np.uint8))
    everything = Person(np.ones((64, 64), bool))

    assert part_of(picture, find_foreground(picture), everything, "background") is None


@dataclass
class Reddish:
    """An image-text model that knows one word: how much red there is."""

    whole: float
    logit_scale: float = 20.0
    models: tuple[()] = ()

    @property
    def image_embedding(self) -> np.ndarray:  # type: ignore[type-arg]
        return np.array([self.whole, 1 - self.whole], np.float32)

    def embedding_of(self, rgb: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        red = share_of(rgb, RED)
        return np.array([red, 1 - red], np.float32)

    def text_embedding(self, text: str) -> np.ndarray:  # type: ignore[type-arg]
        return np.array([1.0, 0.0] if text == "red" else [0.0, 1.0], np.float32)


@pytest.fixture
def rubric_of(tmp_path: Path) -> Callable[[str], Rubric]:
    def build(rule: str) -> Rubric:
        path = tmp_path / "r.yaml"
        path.write_text(f"name: r\ntiers:\n  custom:\n    - {{name: it, {rule}}}\n")
        return load_rubric(path)

    return build


@pytest.mark.parametrize(
    ("region", "outcome"), [("whole", "fail"), ("subject", "fail"), ("background", "pass")]
)
def test_a_rule_sees_only_its_region(
    region: str, outcome: str, rubric_of: Callable[[str], Rubric]
) -> None:
    rubric = rubric_of(f"reject_if_seen: red, against: blue, region: {region}")
    picture = scene(RED)
    features = {
        "clip": Reddish(1.0),
        "pixels": picture,
        "foreground": find_foreground(picture),
        "person": NOBODY,
    }
    (measure,) = rubric.measures()
    request = Request(id="a")

    found = measure.measure(Features({n: features[n] for n in measure.needs}), request)

    verdict = decide(rubric, {found.dimension: found}, request, ImageFacts(96, 96))
    assert verdict.outcome == outcome


def test_a_region_that_cannot_be_told_is_never_a_pass(rubric_of: Callable[[str], Rubric]) -> None:
    rubric = rubric_of("reject_if_seen: red, against: blue, region: background")
    picture = busy()
    features: dict[str, Any] = {
        "clip": Reddish(0.0),
        "pixels": picture,
        "foreground": find_foreground(picture),
        "person": NOBODY,
    }
    (measure,) = rubric.measures()

    found = measure.measure(Features(features), Request(id="a"))

    assert found.unscored is Unscored.UNDECIDABLE
    verdict = decide(rubric, {found.dimension: found}, Request(id="a"), ImageFacts(96, 96))
    assert verdict.outcome == "fail"


def test_the_region_is_explained_and_goes_with_statements_only(
    rubric_of: Callable[[str], Rubric],
) -> None:
    rubric = rubric_of("reject_if_seen: a logo, against: a wall, region: background")
    assert "The image's background must not show 'a logo'" in explain(rubric)
    with pytest.raises(RubricError, match="region goes with reject_if_seen or require_seen"):
        rubric_of("require: image.width > 3, region: background")


def test_the_model_gives_a_part_what_it_gives_a_whole_picture(tmp_path: Path) -> None:
    clip = pytest.importorskip("sentinelqa.features.clip")
    picture = Picture(np.asarray(product(3)))
    feature = clip.Clip()
    feature.load("cpu")

    (value,) = feature.compute([FeatureInput("", Request(id="a"), {"pixels": picture})])

    assert np.array_equal(value.embedding_of(picture.rgb), value.image_embedding)
