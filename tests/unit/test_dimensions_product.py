from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import pytest
from photographs import exposed, jpeg, noisy, photograph

from sentinelqa.dimensions.background import Background
from sentinelqa.dimensions.base import Dimension
from sentinelqa.dimensions.colour import Colour
from sentinelqa.dimensions.duplicate import Duplicate
from sentinelqa.dimensions.framing import Framing
from sentinelqa.dimensions.resolution import Resolution
from sentinelqa.errors import ScoringError
from sentinelqa.features.base import Features
from sentinelqa.features.foreground import find_foreground
from sentinelqa.features.hashes import hash_picture
from sentinelqa.features.person import Person
from sentinelqa.features.pixels import Picture
from sentinelqa.types import Measurement, Request, Unscored


def features(rgb: np.ndarray) -> dict[str, Any]:
    picture = Picture(np.ascontiguousarray(rgb, np.uint8))
    return {
        "pixels": picture,
        "foreground": find_foreground(picture),
        "person": Person(None, "not asked for"),
        "hashes": hash_picture(picture),
    }


def measure(
    dimension: Dimension,
    rgb: np.ndarray,
    references: tuple[Mapping[str, Any], ...] = (),
    **request: Any,
) -> Measurement:
    result = dimension.measure(Features(features(rgb), references), Request(id="r", **request))
    assert set(result.metrics) <= set(dimension.metrics)
    return result


def product(
    colour: tuple[int, int, int] = (200, 40, 40),
    centre: tuple[int, int] = (150, 150),
    radius: int = 110,
    back: int = 254,
) -> np.ndarray:
    rgb = np.full((300, 300, 3), back, np.uint8)
    cv2.circle(rgb, centre, radius, colour, -1, cv2.LINE_AA)
    return rgb


def test_framing_of_a_centred_product() -> None:
    result = measure(Framing(), product())
    assert result.score == pytest.approx(1.0)
    assert result.metrics["fill"] == pytest.approx(221 / 300, abs=0.01)
    assert result.metrics["cut_edges"] == 0
    assert result.metrics["margin"] == pytest.approx(39.5 / 300, abs=0.01)


def test_framing_tells_small_cut_and_off_centre_apart() -> None:
    small = measure(Framing(), product(radius=25))
    cut = measure(Framing(), product(centre=(60, 150)))
    aside = measure(Framing(), product(centre=(80, 150), radius=60))
    assert small.metrics["fill"] < 0.2
    assert cut.metrics["cut_edges"] == 1
    assert aside.metrics["off_centre"] == pytest.approx(70 / 300, abs=0.01)
    scores = [r.score for r in (small, cut, aside)]
    assert all(s is not None and s < 0.5 for s in scores)


def test_framing_needs_a_subject_on_a_plain_background() -> None:
    empty = measure(Framing(), np.full((100, 100, 3), 255))
    busy = measure(Framing(), photograph("coffee"))
    assert {empty.unscored, busy.unscored} == {Unscored.UNDECIDABLE}
    assert empty.note != busy.note


@pytest.mark.parametrize("sigma", [0.0, 3.0])
def test_white_background_survives_slight_noise(sigma: float) -> None:
    white = measure(Background(), noisy(product(back=255), sigma))
    grey = measure(Background(), noisy(product(back=225), sigma))
    assert white.metrics["white_p5"] >= 242
    assert grey.metrics["white_p5"] < 230
    assert white.metrics["plain"] is True


def test_background_score_falls_with_clutter() -> None:
    rng = np.random.default_rng(0)
    scores = []
    for strength in (0, 10, 40, 120):
        back = cv2.resize(rng.normal(0, 1, (40, 40)), (300, 300)) * strength + 140
        rgb = np.clip(back, 0, 255)[..., None].repeat(3, 2)
        rgb[80:220, 80:220] = (200, 40, 40)
        result = measure(Background(), rgb)
        assert result.score is not None
        scores.append(result.score)
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 0.95
    assert scores[-1] < 0.5


def test_background_of_a_frame_filled_by_the_subject_is_undecidable() -> None:
    assert measure(Background(), np.zeros((4, 4, 3))).unscored is Unscored.UNDECIDABLE


@pytest.mark.parametrize(
    ("name", "rgb"),
    [
        ("red", (200, 30, 30)),
        ("green", (40, 140, 60)),
        ("blue", (40, 90, 200)),
        ("yellow", (245, 215, 40)),
        ("black", (25, 25, 28)),
        ("brown", (120, 75, 40)),
        ("pink", (250, 130, 180)),
        ("purple", (120, 50, 160)),
        ("orange", (245, 130, 30)),
        ("grey", (128, 128, 128)),
    ],
)
def test_named_colours(name: str, rgb: tuple[int, int, int]) -> None:
    right = measure(Colour(), product(rgb), prompt=f"a {name} ball")
    wrong = measure(
        Colour(), product(rgb), metadata={"colour": "blue" if name != "blue" else "red"}
    )
    assert (right.metrics["dominant"], right.score) == (name, 1.0)
    assert wrong.score is not None
    assert wrong.score < 0.1


def test_colour_against_a_reference_in_delta_e() -> None:
    reference = features(product((190, 50, 50)))
    same = measure(Colour(), jpeg(product((190, 50, 50)), 40), (reference,))
    other = measure(Colour(), product((190, 50, 140)), (reference,))
    assert same.metrics["delta_e"] < 3
    assert other.metrics["delta_e"] > 10
    assert same.score is not None
    assert other.score is not None
    assert same.score > 0.8 > 0.2 > other.score


def test_colour_against_a_hex_code() -> None:
    exact = measure(Colour(), product((10, 120, 200)), metadata={"colour": "#0a78c8"})
    assert exact.metrics["delta_e"] == pytest.approx(0, abs=0.7)
    assert exact.metrics["dominant_hex"] in ("#0a78c8", "#0b78c8")


def test_colour_without_anything_to_compare_with() -> None:
    result = measure(Colour(), product(), prompt="a ball")
    assert result.unscored is Unscored.NO_REFERENCE
    assert result.metrics["dominant"] == "red"
    broken = {"pixels": ScoringError("damaged"), "foreground": ScoringError("damaged")}
    assert measure(Colour(), product(), (broken,)).unscored is Unscored.NO_REFERENCE


def test_resolution_reports_the_file() -> None:
    result = measure(Resolution(), np.zeros((500, 800, 3)))
    assert result.score == 0.5
    assert (result.metrics["longer"], result.metrics["aspect"]) == (800, 1.6)
    assert result.metrics["greyscale"] is True


def test_copy_of_the_reference_is_found_through_changes_and_mirroring() -> None:
    reference = features(photograph("chelsea"))
    for change in (
        jpeg(photograph("chelsea"), 30),
        exposed(photograph("chelsea"), -0.5),
        photograph("chelsea")[:, ::-1],
    ):
        assert measure(Duplicate(), change, (reference,)).score == 0
    other = measure(Duplicate(), photograph("rocket"), (reference,))
    assert other.score is not None
    assert other.score > 0.8
    assert measure(Duplicate(), photograph("rocket")).unscored is Unscored.NO_REFERENCE
    gone = measure(Duplicate(), photograph("rocket"), ({"hashes": ScoringError("x")},))
    assert gone.unscored is Unscored.ERROR
