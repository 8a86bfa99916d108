"""Pixels on their way to the host, and a batch that is begun while nobody waits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from sentinelqa.errors import GenerationError
from sentinelqa.generators.diffusers import DiffusersGenerator
from sentinelqa.generators.stage import GeneratedFiles, GenerateItem, GenerateStage
from sentinelqa.generators.transfer import Arriving, Clock
from sentinelqa.types import Candidate, Settings, candidate_seed
from tests.tiny import tiny_stable_diffusion


def test_pixels_are_rounded_and_channels_come_last() -> None:
    pixels = torch.rand(3, 3, 4, 5)
    pixels[0, :, 0, 0] = torch.tensor([-0.5, 0.5, 1.5])

    made = Arriving(pixels, 2).images()

    assert len(made) == 2
    first = np.asarray(made[0])
    assert first.shape == (4, 5, 3)
    assert first.dtype == np.uint8
    assert first[0, 0].tolist() == [0, 128, 255]
    wanted = (pixels[1].clamp(0, 1) * 255).round().permute(1, 2, 0).numpy()
    assert np.array_equal(np.asarray(made[1]), wanted)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_a_candidate_without_a_picture_is_an_error_and_its_neighbours_are_not(
    dtype: torch.dtype,
) -> None:
    pixels = torch.full((3, 3, 2, 2), 0.25, dtype=dtype)
    pixels[1, 0, 0, 0] = float("nan")

    made = Arriving(pixels, 3).images()

    assert [isinstance(one, GenerationError) for one in made] == [False, True, False]


def test_on_a_cpu_the_clock_stops_when_it_is_told_to() -> None:
    clock = Clock(torch.device("cpu"))
    clock.stop()
    first = clock.seconds

    assert first >= 0
    assert clock.seconds == first


def test_batches_that_are_begun_ahead_are_those_that_are_waited_for(tmp_path: Path) -> None:
    settings = Settings(
        model=str(tiny_stable_diffusion(tmp_path / "model")), steps=2, width=32, height=32
    )
    generator = DiffusersGenerator(settings, device="cpu")
    generator.load()

    ahead = [generator.begin(batch(settings, n), 2) for n in range(2)]
    made = [wait().images for wait in ahead]

    for n in range(2):
        alone = generator.generate(batch(settings, n), 2).images
        assert np.array_equal(np.asarray(made[n]), np.asarray(alone))


def test_files_are_written_when_the_deferred_part_is_done(tmp_path: Path) -> None:
    settings = Settings(
        model=str(tiny_stable_diffusion(tmp_path / "model")), steps=2, width=32, height=32
    )
    stage = GenerateStage(lambda: DiffusersGenerator(settings, device="cpu"), str(tmp_path))
    stage.load()

    deferred = stage.run(GenerateItem(candidates=tuple(batch(settings, 0)), shape=2))

    assert not list(tmp_path.glob("*.npy"))
    made = deferred.finish()
    assert isinstance(made, GeneratedFiles)
    assert [np.load(path).shape for path in made.paths if isinstance(path, str)] == [
        (32, 32, 3)
    ] * 2


def batch(settings: Settings, number: int) -> list[Candidate]:
    return [
        Candidate(
            id=f"c{number}-{i}",
            request_id="r",
            index=i,
            seed=candidate_seed(7, "r", 10 * number + i),
            prompt="a cup",
            settings=settings,
        )
        for i in range(2)
    ]
