"""A device whose memory runs out above k images: what fits is made, and the size is remembered."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sentinelqa.errors import DeviceMemoryError, GenerationError  # noqa: E402
from sentinelqa.generators.diffusers import DiffusersGenerator  # noqa: E402
from sentinelqa.types import Candidate, Settings, candidate_seed  # noqa: E402

BATCH = 16
BATCHES = 3


SETTINGS = Settings(model="any", width=16, height=16)


def limited(most: int) -> tuple[DiffusersGenerator, list[int]]:
    """The generator on a device with memory for ``most`` images, and what it could not run.

    In place of a pipeline, each picture has a colour that follows from its candidate's seed.
    """
    generator = DiffusersGenerator(SETTINGS, device="cpu")
    refused = []

    def on_device(
        loaded: object, part: Sequence[Candidate], wanted: Settings, shape: int
    ) -> torch.Tensor:
        if shape > most:
            refused.append(shape)
            raise torch.OutOfMemoryError("CUDA out of memory")
        shades = torch.tensor([c.seed % 251 / 250 for c in part])
        return shades[:, None, None, None].expand(-1, 3, wanted.height, wanted.width)

    generator._prepare = lambda wanted: None  # type: ignore[assignment,method-assign]
    generator._run = on_device  # type: ignore[assignment,method-assign]
    return generator, refused


def candidates(number: int) -> list[Candidate]:
    indexes = range(number * BATCH, (number + 1) * BATCH)
    return [
        Candidate(
            id=f"c{i}",
            request_id="r",
            index=i,
            seed=candidate_seed(7, "r", i),
            prompt="a cup",
            settings=SETTINGS,
        )
        for i in indexes
    ]


def broken(most: int, *, forgetful: bool = False) -> tuple[list[str], int]:
    """Make three batches. Returns which promises were broken, and how often memory ran out."""
    generator, refused = limited(most)
    expected, _ = limited(most)
    wrong = []
    for number in range(BATCHES):
        batch = candidates(number)
        made = generator.generate(batch, BATCH)
        if forgetful:
            generator._fits.clear()
        if made.shape != most:
            wrong.append(f"{made.shape} at once, though {most} fit")
        if any(isinstance(i, GenerationError) for i in made.images) or len(made.images) != BATCH:
            wrong.append("not all are made")
        alike = expected.generate(batch, most).images
        if not all(map(np.array_equal, made.images, alike)):
            wrong.append("they are not what the size that fits gives")
    if len(refused) > math.log2(BATCH):
        wrong.append(f"memory ran out {len(refused)} times")
    return wrong, len(refused)


@pytest.mark.parametrize("most", [1, 2, 4, 8])
def test_what_fits_is_made_and_the_size_is_remembered(
    most: int, record_property: Callable[[str, object], None]
) -> None:
    wrong, refused = broken(most)
    record_property(f"memory ran out above {most}, times", refused)
    assert wrong == []


def test_the_harness_notices_a_size_that_is_not_remembered() -> None:
    wrong, _ = broken(2, forgetful=True)
    assert wrong == ["memory ran out 9 times"]


def test_one_image_that_does_not_fit_says_so() -> None:
    generator, refused = limited(0)
    with pytest.raises(DeviceMemoryError, match="one 16x16 image"):
        generator.generate(candidates(0), BATCH)
    assert refused == [16, 8, 4, 2, 1]
