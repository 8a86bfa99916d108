from __future__ import annotations

import cv2
import numpy as np
import pytest
from photographs import NAMES, blurred, exposed, jpeg, noisy, photograph, shrunk

from sentinelqa.dimensions.sharpness import Sharpness, gradients, smoothed
from sentinelqa.features.base import Features
from sentinelqa.features.pixels import Picture
from sentinelqa.types import Measurement, Request, Unscored


def measure(rgb: np.ndarray) -> Measurement:
    picture = Picture(np.ascontiguousarray(rgb, np.uint8))
    return Sharpness().measure(Features({"pixels": picture}), Request(id="r"))


def score(rgb: np.ndarray) -> float:
    result = measure(rgb)
    assert result.score is not None, result.note
    return result.score


@pytest.mark.parametrize("side", [512, 128])
@pytest.mark.parametrize("name", NAMES)
def test_score_falls_with_every_step_of_blur(name: str, side: int) -> None:
    rgb = shrunk(photograph(name), side)
    scores = [score(rgb), *(score(blurred(rgb, s)) for s in (0.7, 1.4, 2.5))]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 0.9
    assert scores[-1] < 0.6


@pytest.mark.parametrize("name", NAMES)
def test_noise_and_compression_do_not_pass_for_detail(name: str) -> None:
    soft = blurred(photograph(name), 2.5)
    assert score(noisy(soft, 10)) < score(soft) + 0.2
    assert score(jpeg(soft, 20)) < score(soft) + 0.2


@pytest.mark.parametrize("name", NAMES)
def test_exposure_and_mirroring_change_little(name: str) -> None:
    rgb = photograph(name)
    assert score(exposed(rgb, -1)) == pytest.approx(score(rgb), abs=0.05)
    assert score(rgb[:, ::-1]) == pytest.approx(score(rgb), abs=0.005)


def test_shallow_depth_of_field_costs_nothing() -> None:
    rgb = photograph("coffee")
    soft = blurred(rgb, 4)
    soft[100:300, 200:400] = rgb[100:300, 200:400]
    result = measure(soft)
    assert result.score is not None
    assert result.score > 0.85
    assert result.metrics["sharp_area"] < measure(rgb).metrics["sharp_area"]


def test_large_pictures_are_judged_at_viewing_size() -> None:
    rgb = shrunk(photograph("astronaut"), 512)
    large = cv2.resize(rgb, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    assert score(large) == pytest.approx(score(cv2.resize(large, (1024, 1024))), abs=0.1)


def test_nothing_to_judge_by() -> None:
    assert measure(np.full((64, 64, 3), 200)).unscored is Unscored.UNDECIDABLE
    assert measure(noisy(np.full((64, 64, 3), 128, np.uint8), 2)).unscored is Unscored.UNDECIDABLE
    assert measure(np.zeros((1, 1, 3))).unscored is Unscored.UNDECIDABLE


def test_smoothing_takes_grain_out_and_leaves_edges() -> None:
    step = np.repeat([40, 200], 32).astype(np.uint8)[None].repeat(64, axis=0)
    assert np.abs(smoothed(step).astype(int) - step).max() <= 14
    steep = gradients(step)[0].max()
    assert gradients(smoothed(step))[0].max() > 0.8 * steep
    grain = np.random.default_rng(0).normal(128, 4, (256, 256)).astype(np.uint8)
    assert smoothed(grain).std() < 0.4 * grain.std()


@pytest.mark.parametrize("size", [(64, 64), (65, 64), (64, 65), (33, 47)])
def test_gradients_lie_at_every_second_pixel(size: tuple[int, int]) -> None:
    luma = np.random.default_rng(1).integers(0, 256, size).astype(np.uint8)
    across, down = (cv2.Sobel(luma, cv2.CV_32F, *axes) for axes in ((1, 0), (0, 1)))
    before, after = gradients(luma)
    assert before.shape == after.shape
    assert np.allclose(before, (np.hypot(across, down) / 8)[::2, ::2], rtol=1e-6)
