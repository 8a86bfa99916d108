from __future__ import annotations

import numpy as np
import pytest
from photographs import NAMES, jpeg, noisy, photograph, shrunk

from sentinelqa.dimensions.artifacts import Artifacts
from sentinelqa.features.base import Features
from sentinelqa.features.pixels import Picture
from sentinelqa.types import Measurement, Request, Unscored


def measure(rgb: np.ndarray) -> Measurement:
    picture = Picture(np.ascontiguousarray(rgb, np.uint8))
    return Artifacts().measure(Features({"pixels": picture}), Request(id="r"))


def checkered(rgb: np.ndarray) -> np.ndarray:
    rows, columns = np.indices(rgb.shape[:2])
    sign = np.where((rows + columns) % 2, 2, -2)[..., None]
    return np.clip(rgb.astype(int) + sign, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("side", [512, 128])
def test_clean_photographs_score_high(name: str, side: int) -> None:
    result = measure(shrunk(photograph(name), side))
    assert result.score is not None
    assert result.score > 0.9, result.metrics
    assert result.metrics["rests_on"] == "technical"


@pytest.mark.parametrize("name", NAMES)
def test_each_kind_of_damage_is_named(name: str) -> None:
    rgb = shrunk(photograph(name), 384)
    blocks, noise, lattice = measure(jpeg(rgb, 8)), measure(noisy(rgb, 25)), measure(checkered(rgb))
    assert blocks.metrics["worst"] in ("blockiness", "banding")
    assert (noise.metrics["worst"], lattice.metrics["worst"]) == ("noise", "checkerboard")
    assert all(m.score is not None and m.score < 0.45 for m in (blocks, noise, lattice))


@pytest.mark.parametrize("name", NAMES)
def test_blockiness_grows_as_quality_falls_wherever_the_grid_starts(name: str) -> None:
    rgb = photograph(name)
    values = [measure(jpeg(rgb, q)).metrics["blockiness"] for q in (90, 50, 20, 8)]
    assert values == sorted(values)
    cropped = measure(jpeg(rgb, 20)[3:, 5:]).metrics["blockiness"]
    assert cropped == pytest.approx(values[2], rel=0.15)


def test_noise_is_measured_in_levels() -> None:
    ramp = np.repeat(np.linspace(60, 190, 256)[None, :, None], 256, 0).repeat(3, 2)
    for sigma in (4.0, 8.0):
        grey = np.random.default_rng(1).normal(0, sigma, (256, 256, 1))
        found = measure(np.clip(ramp + grey, 0, 255)).metrics["noise"]
        assert found == pytest.approx(sigma, rel=0.1)


def test_posterised_gradient_is_banding() -> None:
    ramp = np.repeat(np.linspace(0, 255, 512)[None, :, None], 128, 0).repeat(3, 2)
    steps = (ramp // 8 * 8).astype(np.uint8)
    assert measure(steps).metrics["worst"] == "banding"
    assert measure(ramp.astype(np.uint8)).metrics["banding"] == 0


@pytest.mark.parametrize("level", [0, 128, 255])
def test_empty_frames_score_nothing(level: int) -> None:
    result = measure(np.full((64, 64, 3), level))
    assert (result.score, result.metrics["blank"]) == (0.0, True)


def test_small_object_on_white_is_not_blank() -> None:
    rgb = np.full((256, 256, 3), 255, np.uint8)
    rgb[100:150, 110:160] = shrunk(photograph("coffee"), 50)[:50, :50].mean(axis=(0, 1))
    assert measure(rgb).metrics["blank"] is False


@pytest.mark.parametrize("shape", [(1, 1), (20_000, 20), (31, 400)])
def test_too_small_is_undecidable(shape: tuple[int, int]) -> None:
    assert measure(np.zeros((*shape, 3))).unscored is Unscored.UNDECIDABLE
