"""Texts are encoded once, to the very values that a pipeline encodes for each pair of prompts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from sentinelqa.generators.diffusers import DiffusersGenerator
from sentinelqa.generators.prompts import FAMILIES, PromptEncoder
from sentinelqa.types import Candidate, Settings
from tests.tiny import tiny_flux, tiny_stable_diffusion, tiny_stable_diffusion_xl

WRITERS: dict[str, Callable[[Path], Path]] = {
    "sd": tiny_stable_diffusion,
    "xl": tiny_stable_diffusion_xl,
    "flux": tiny_flux,
}
PAIRS = [("a cup", ""), ("a mug", "dull"), ("a cup", "dull"), ("dull", "a mug"), ("a cup", "")]


def pipeline_of(settings: Settings) -> Any:
    generator = DiffusersGenerator(settings, device="cpu")
    generator.load()
    assert generator._loaded is not None
    return generator._loaded.pipeline


def encoded_in_pairs(pipeline: Any, *, guided: bool) -> dict[str, torch.Tensor]:
    """Each pair by one call of the pipeline's own encoder."""
    rows = []
    for prompt, negative in PAIRS:
        wanted: dict[str, Any] = {"prompt": [prompt], "device": "cpu", "num_images_per_prompt": 1}
        if type(pipeline).__name__ == "FluxPipeline":
            wanted["prompt_2"] = None
        else:
            wanted["do_classifier_free_guidance"] = guided
            wanted["negative_prompt"] = [negative] if guided else None
        rows.append(pipeline.encode_prompt(**wanted))
    names = FAMILIES[type(pipeline).__name__]
    return {
        name: torch.cat(values)
        for name, values in zip(names, zip(*rows, strict=True), strict=True)
        if name is not None and values[0] is not None
    }


@pytest.mark.parametrize("guided", [True, False])
@pytest.mark.parametrize("family", [*WRITERS, "starter"])
def test_the_arguments_are_those_of_encoding_every_pair(
    family: str, guided: bool, tmp_path: Path
) -> None:
    model = family if family == "starter" else str(WRITERS[family](tmp_path))
    pipeline = pipeline_of(Settings(model=model, steps=1, width=32, height=32))
    encoder = PromptEncoder(pipeline)

    made = encoder.arguments(PAIRS, guided=guided)

    expected = encoded_in_pairs(pipeline, guided=guided)
    assert made.keys() == expected.keys()
    assert all(torch.equal(made[name], expected[name]) for name in made)


@pytest.mark.parametrize("family", WRITERS)
def test_each_text_is_encoded_once_in_whichever_place_it_stands(
    family: str, tmp_path: Path
) -> None:
    encoder = PromptEncoder(
        pipeline_of(Settings(model=str(WRITERS[family](tmp_path)), steps=1, width=32, height=32))
    )

    encoder.arguments(PAIRS, guided=True)
    encoder.arguments(PAIRS[::-1], guided=True)
    encoder.arguments([("a mug", "a cup")], guided=False)

    texts = {prompt for prompt, _ in PAIRS}
    if family != "flux":  # its guidance is embedded, so it has no use for a negative prompt
        texts |= {negative for _, negative in PAIRS}
    assert encoder.encoded == len(texts)


def test_a_lora_file_that_changes_the_text_encoder_changes_the_image_and_back(
    tmp_path: Path,
) -> None:
    plain = Settings(
        model=str(tiny_stable_diffusion(tmp_path)), steps=2, guidance=3.0, width=32, height=32
    )
    lora, layer = tmp_path / "style.safetensors", "encoder.layers.0.self_attn.q_proj"
    random = torch.Generator().manual_seed(1)
    weights = {
        f"text_encoder.text_model.{layer}.lora_A.weight": torch.randn(2, 8, generator=random),
        f"text_encoder.text_model.{layer}.lora_B.weight": 3 * torch.randn(8, 2, generator=random),
    }
    safetensors.torch.save_file(weights, lora)
    generator = DiffusersGenerator(plain, device="cpu")

    def picture(settings: Settings) -> np.ndarray:
        candidate = Candidate(id="c", request_id="r", seed=1, prompt="a cup", settings=settings)
        return np.asarray(generator.generate([candidate], shape=1).images[0])

    before, styled, after = (picture(s) for s in (plain, plain.evolve(lora=str(lora)), plain))

    assert not np.array_equal(before, styled)
    assert np.array_equal(before, after)
