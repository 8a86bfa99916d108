from __future__ import annotations

import numpy as np
import pytest
from skimage.color import rgb2lab

from sentinelqa.features.colour import _AT_ONCE, delta_e, lab, luminance

# Published test pairs of Sharma, Wu and Dalal (2005), table 1.
PAIRS = [
    ((50.0000, 2.6772, -79.7751), (50.0000, 0.0000, -82.7485), 2.0425),
    ((50.0000, -1.3802, -84.2814), (50.0000, 0.0000, -82.7485), 1.0000),
    ((50.0000, 0.0000, 0.0000), (50.0000, -1.0000, 2.0000), 2.3669),
    ((50.0000, 2.4900, -0.0010), (50.0000, -2.4900, 0.0011), 7.2195),
    ((50.0000, -0.0010, 2.4900), (50.0000, 0.0009, -2.4900), 4.8045),
    ((50.0000, 2.5000, 0.0000), (73.0000, 25.0000, -18.0000), 27.1492),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
]


@pytest.mark.parametrize(("first", "second", "expected"), PAIRS)
def test_ciede2000_matches_the_published_pairs(
    first: tuple, second: tuple, expected: float
) -> None:
    assert delta_e(first, second) == pytest.approx(expected, abs=1e-4)
    assert delta_e(second, first) == pytest.approx(expected, abs=1e-4)


def test_luminance_is_linear_light() -> None:
    patches = np.array([[[255, 255, 255], [188, 188, 188], [0, 255, 0], [0, 0, 0]]], np.uint8)
    assert luminance(patches)[0] == pytest.approx([1.0, 0.5029, 0.7152, 0.0], abs=1e-3)


def test_lab_agrees_with_scikit_image() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (500, 3), np.uint8)
    assert np.abs(lab(colours) - rgb2lab(colours)).max() < 0.02


def test_lab_of_known_colours() -> None:
    values = lab(np.array([[255, 255, 255], [255, 0, 0], [0, 0, 255]], np.uint8))
    assert values[0] == pytest.approx([100, 0, 0], abs=0.05)
    assert values[1] == pytest.approx([53.24, 80.09, 67.20], abs=0.2)
    assert values[2] == pytest.approx([32.30, 79.19, -107.86], abs=0.2)


def test_a_pixel_has_the_same_colour_however_many_others_there_are() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (130, 71, 3), np.uint8)

    whole = lab(rgb)

    assert rgb[..., 0].size > _AT_ONCE
    assert np.array_equal(whole, np.array([lab(row) for row in rgb]))
