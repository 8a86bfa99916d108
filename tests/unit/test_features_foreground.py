from __future__ import annotations

import cv2
import numpy as np
import pytest

from sentinelqa.features.foreground import _border, border_ring, find_foreground
from sentinelqa.features.pixels import Picture


def disc(side: int = 200, radius: int = 50, centre: tuple[int, int] = (100, 100)) -> np.ndarray:
    rgb = np.full((side, side, 3), 250, np.uint8)
    cv2.circle(rgb, centre, radius, (200, 40, 40), -1, cv2.LINE_AA)
    return rgb


def test_subject_is_found_to_the_pixel() -> None:
    found = find_foreground(Picture(disc()))
    assert found.plain
    assert found.box == pytest.approx((50, 50, 151, 151), abs=1)
    assert found.mask.mean() == pytest.approx(np.pi * 50**2 / 200**2, rel=0.05)


def test_white_inside_the_subject_belongs_to_it() -> None:
    rgb = disc()
    cv2.circle(rgb, (100, 100), 20, (250, 250, 250), -1)
    assert find_foreground(Picture(rgb)).mask[100, 100]


def test_noise_and_specks_are_not_the_subject() -> None:
    noise = np.random.default_rng(0).normal(0, 4, (200, 200, 3))
    rgb = np.clip(disc() + noise, 0, 255).astype(np.uint8)
    rgb[5:7, 5:7] = 0
    assert find_foreground(Picture(rgb)).box == pytest.approx((50, 50, 151, 151), abs=2)


def test_busy_border_has_no_subject() -> None:
    rgb = np.random.default_rng(0).integers(0, 255, (100, 100, 3), np.uint8)
    found = find_foreground(Picture(rgb))
    assert (found.plain, found.box) == (False, None)


@pytest.mark.parametrize("shape", [(1, 1), (2, 900), (15, 15), (20_000, 50)])
def test_odd_shapes(shape: tuple[int, int]) -> None:
    found = find_foreground(Picture(np.full((*shape, 3), 255, np.uint8)))
    assert found.box is None


@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (49, 51), (120, 40), (512, 300)])
def test_the_border_is_the_ring(shape: tuple[int, int]) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)

    ring = rgb[border_ring(shape)]

    assert sorted(map(tuple, _border(rgb))) == sorted(map(tuple, ring))
