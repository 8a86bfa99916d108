"""Stopping half way and going on gives the pixels of one go, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from sentinelqa.generators.base import Generated
from sentinelqa.generators.diffusers import DiffusersGenerator
from sentinelqa.generators.previews import fit_linear
from sentinelqa.types import Candidate, Settings, candidate_seed
from tests.tiny import tiny_stable_diffusion, tiny_stable_diffusion_xl


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def batch(settings: Settings, *indexes: int) -> list[Candidate]:
    return [
        Candidate(
            id=f"c{i}",
            request_id="r",
            index=i,
            seed=candidate_seed(7, "r", i),
            prompt=f"a cup {'abcdefgh'[i % 3]}",
            settings=settings,
        )
        for i in indexes
    ]


def arrays(made: Generated) -> dict[int, np.ndarray]:
    return {place: np.asarray(image) for place, image in enumerate(made.images)}


def survivors_match(generator: DiffusersGenerator, settings: Settings, step: int) -> None:
    """Two batches of three are halted; three of the six go on together, in another order."""
    whole = {}
    states = {}
    for numbers in ((0, 1, 2), (3, 4, 5)):
        some = batch(settings, *numbers)
        made = arrays(generator.generate(some, shape=3))
        whole.update({n: made[place] for place, n in enumerate(numbers)})
        halted = generator.scout(some, 3, step)
        states.update(dict(zip(numbers, halted.latents, strict=True)))
    chosen = (5, 0, 3)

    made = generator.finish(batch(settings, *chosen), 3, step, [states[n] for n in chosen])

    for place, number in enumerate(chosen):
        difference = np.abs(arrays(made)[place].astype(int) - whole[number].astype(int))
        assert difference.max() == 0


@pytest.mark.parametrize("scheduler", ["DDIMScheduler", "EulerDiscreteScheduler"])
@pytest.mark.parametrize("make", [tiny_stable_diffusion, tiny_stable_diffusion_xl])
def test_survivors_regrouped_are_bit_identical(
    make: object, scheduler: str, tmp_path: Path
) -> None:
    model = make(tmp_path / "model")  # type: ignore[operator]
    settings = Settings(
        model=str(model), steps=6, guidance=3.0, width=32, height=32, scheduler=scheduler
    )
    generator = DiffusersGenerator(settings, device="cpu")
    generator.load()

    assert generator.why_whole(settings) == ""
    survivors_match(generator, settings, step=2)


@pytest.mark.slow
def test_the_starter_pipeline_too() -> None:
    settings = Settings(model="starter", steps=5, guidance=3.0, width=64, height=64)
    generator = DiffusersGenerator(settings, device="cpu")
    generator.load()

    survivors_match(generator, settings, step=2)


def test_solvers_with_a_history_are_not_split(tmp_path: Path) -> None:
    settings = Settings(
        model=str(tiny_stable_diffusion(tmp_path / "model")),
        steps=4,
        width=32,
        height=32,
        scheduler="DPMSolverMultistepScheduler",
    )
    generator = DiffusersGenerator(settings, device="cpu")
    generator.load()

    assert "history" in generator.why_whole(settings)


def test_the_linear_map_shows_a_linear_decoder_exactly() -> None:
    class Posterior:
        def __init__(self, latents: torch.Tensor) -> None:
            self._latents = latents

        def mode(self) -> torch.Tensor:
            return self._latents

    class Encoded:
        def __init__(self, latents: torch.Tensor) -> None:
            self.latent_dist = Posterior(latents)

    class Averaging:
        """An encoder whose latents are three mixtures of the averaged colours, and a constant."""

        class config:  # noqa: N801
            scaling_factor = 0.5
            shift_factor = 0.1

        device = torch.device("cpu")
        dtype = torch.float32
        mix = torch.tensor([[1.0, 0.5, 0.0], [0.0, 1.0, 0.3], [0.2, 0.0, 1.0]])

        def encode(self, pictures: torch.Tensor) -> Encoded:
            small = torch.nn.functional.avg_pool2d(pictures, 8)
            return Encoded(torch.einsum("bchw,cl->blhw", small, self.mix))

    found = fit_linear(Averaging())

    colours = torch.rand(50, 3)
    latents = ((colours * 2 - 1) @ Averaging.mix - 0.1) * 0.5
    shown = latents @ found[:-1] + found[-1]
    assert torch.allclose(shown, colours, atol=1e-4)
