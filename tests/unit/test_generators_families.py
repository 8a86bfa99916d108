"""Pipelines that differ in their text encoders, embeddings and latents, each real and tiny."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sentinelqa.errors import GenerationError
from sentinelqa.generators.diffusers import DiffusersGenerator
from sentinelqa.types import Candidate, Settings, candidate_seed
from tests.tiny import tiny_flux, tiny_stable_diffusion_xl

FAMILIES = {"xl": tiny_stable_diffusion_xl, "flux": tiny_flux}


def batch(settings: Settings, *indexes: int) -> list[Candidate]:
    return [
        Candidate(
            id=f"c{i}",
            request_id="r",
            index=i,
            seed=candidate_seed(7, "r", i),
            prompt=f"a cup {'abcdefgh'[i % 3]}",
            negative_prompt="dull",
            settings=settings,
        )
        for i in indexes
    ]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_makes_what_its_seeds_say(family: str, tmp_path: Path) -> None:
    write: Callable[[Path], Path] = FAMILIES[family]
    settings = Settings(model=str(write(tmp_path)), steps=2, guidance=3.0, width=32, height=32)
    generator = DiffusersGenerator(settings, device="cpu")
    generator.load()

    together = generator.generate(batch(settings, 0, 1, 2), shape=4).images
    alone = generator.generate(batch(settings, 2), shape=4).images

    assert not any(isinstance(image, GenerationError) for image in [*together, *alone])
    pictures = [np.asarray(image) for image in together]
    assert [picture.shape for picture in pictures] == [(32, 32, 3)] * 3
    assert not np.array_equal(pictures[0], pictures[1])
    assert np.array_equal(pictures[2], np.asarray(alone[0]))
