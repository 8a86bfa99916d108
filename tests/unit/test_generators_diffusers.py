"""The diffusers generator on a real pipeline of tiny size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from sentinelqa.errors import ComponentError, GenerationError, ModelError
from sentinelqa.generators.base import Generated
from sentinelqa.generators.diffusers import DiffusersGenerator, pick_dtype
from sentinelqa.types import Candidate, Settings, candidate_seed
from tests.tiny import tiny_stable_diffusion


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_stable_diffusion(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def settings(model: Path) -> Settings:
    return Settings(model=str(model), steps=2, guidance=3.0, width=32, height=32)


@pytest.fixture
def generator(settings: Settings) -> DiffusersGenerator:
    generator = DiffusersGenerator(settings, device="cpu")
    generator.load()
    return generator


def batch(settings: Settings, *indexes: int, prompt: str = "a cup") -> list[Candidate]:
    return [
        Candidate(
            id=f"c{i}",
            request_id="r",
            index=i,
            seed=candidate_seed(7, "r", i),
            prompt=f"{prompt} {'abcdefgh'[i % 3]}",
            settings=settings,
        )
        for i in indexes
    ]


def pixels(generated: Generated) -> list[np.ndarray]:
    assert not any(isinstance(i, GenerationError) for i in generated.images)
    return [np.asarray(i) for i in generated.images]


def test_makes_one_image_per_candidate(generator: DiffusersGenerator, settings: Settings) -> None:
    made = pixels(generator.generate(batch(settings, 0, 1, 2), shape=4))

    assert [i.shape for i in made] == [(32, 32, 3)] * 3
    assert all(i.dtype == np.uint8 for i in made)
    assert not np.array_equal(made[0], made[1])


def test_a_candidate_does_not_depend_on_its_neighbours(
    generator: DiffusersGenerator, settings: Settings
) -> None:
    together = pixels(generator.generate(batch(settings, 0, 1, 2, 3), shape=4))
    reordered = pixels(generator.generate(batch(settings, 3, 1), shape=4))

    assert np.array_equal(together[3], reordered[0])
    assert np.array_equal(together[1], reordered[1])


def test_a_prompt_and_the_empty_negative_prompt_are_encoded_once(
    generator: DiffusersGenerator, settings: Settings
) -> None:
    generator.generate(batch(settings, 0, 3, 6), shape=4)
    generator.generate(batch(settings, 0, 3), shape=4)

    assert generator._loaded is not None
    assert generator._loaded.encoder.encoded == 2


def test_guidance_changes_the_image(generator: DiffusersGenerator, settings: Settings) -> None:
    (guided,) = pixels(generator.generate(batch(settings, 0), shape=1))
    (plain,) = pixels(generator.generate(batch(settings.evolve(guidance=1.0), 0), shape=1))

    assert not np.array_equal(guided, plain)


def test_another_scheduler_and_back(generator: DiffusersGenerator, settings: Settings) -> None:
    (before,) = pixels(generator.generate(batch(settings, 0), shape=1))
    other = settings.evolve(scheduler="DDPMScheduler")
    (other_image,) = pixels(generator.generate(batch(other, 0), shape=1))
    (after,) = pixels(generator.generate(batch(settings, 0), shape=1))

    assert np.array_equal(before, after)
    assert not np.array_equal(before, other_image)


def test_an_unknown_scheduler_is_named(generator: DiffusersGenerator, settings: Settings) -> None:
    with pytest.raises(ComponentError, match="DDPMScheduler"):
        generator.generate(batch(settings.evolve(scheduler="DDPMSheduler"), 0), shape=1)


def test_a_lora_file_must_be_safetensors(generator: DiffusersGenerator, settings: Settings) -> None:
    with pytest.raises(ModelError, match="safetensors"):
        generator.generate(batch(settings.evolve(lora="style.pt"), 0), shape=1)


def test_a_batch_that_does_not_fit_is_halved_and_the_size_remembered(
    generator: DiffusersGenerator, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes: list[int] = []
    run = generator._run

    def limited(loaded: object, part: object, settings: Settings, shape: int) -> torch.Tensor:
        shapes.append(shape)
        if shape > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return run(loaded, part, settings, shape)  # type: ignore[arg-type]

    monkeypatch.setattr(generator, "_run", limited)

    first = generator.generate(batch(settings, 0, 1, 2), shape=8)
    second = generator.generate(batch(settings, 3), shape=8)

    assert len(pixels(first)) == 3
    assert (first.shape, second.shape) == (2, 2)
    assert shapes == [8, 4, 2, 2, 2]


def test_one_image_that_does_not_fit_is_an_error(
    generator: DiffusersGenerator, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(generator, "_run", full)

    with pytest.raises(GenerationError, match="out of memory for one 32x32"):
        generator.generate(batch(settings, 0), shape=4)


def test_pixels_that_are_not_finite_are_an_error_of_that_image(
    generator: DiffusersGenerator, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> torch.Tensor:
        tensor = torch.full((2, 3, 32, 32), 0.5)
        tensor[1, 0, 0, 0] = float("nan")
        return tensor

    monkeypatch.setattr(generator, "_run", broken)

    made = generator.generate(batch(settings, 0, 1), shape=2).images

    assert isinstance(made[1], GenerationError)
    assert not isinstance(made[0], GenerationError)


def test_a_folder_without_a_pipeline_is_refused(tmp_path: Path) -> None:
    generator = DiffusersGenerator(Settings(model=str(tmp_path)), device="cpu")

    with pytest.raises(ModelError):
        generator.load()


def test_the_cpu_computes_in_float32() -> None:
    assert pick_dtype("auto", "cpu") is torch.float32


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
